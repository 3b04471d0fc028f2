/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h - what the memfd and the file provider share: a descriptor handed out in pieces. */
#ifndef PLATFORM_LINUX_SEGMENT_H
#define PLATFORM_LINUX_SEGMENT_H

#include "plimsoll/provider.h"

/* Takes @fd, which has @size_bytes already, into @self. @name is static. */
void plim_segment_init(plim_segment_provider *self, const char *name, int fd, size_t size_bytes);

/* The segment's size for a request: whole pages. False when 0 or too large for a file. */
bool plim_segment_round(size_t size_bytes, size_t *out_bytes);

/* Unmaps what is still mapped and closes the descriptor. */
void plim_segment_deinit(plim_segment_provider *self);

#endif
