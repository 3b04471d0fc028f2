/* SPDX-License-Identifier: Apache-2.0 */
/* stall_share.h - the share of the last 10 s that was spent waiting for memory, read on the spot.
 */
#ifndef PLATFORM_LINUX_STALL_SHARE_H
#define PLATFORM_LINUX_STALL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

/* Parts of 10,000; PLIM_UNKNOWN_BYTES: this kernel does not say. */
void plim_stall_share_read(const char *root, uint64_t *out_some, uint64_t *out_full);

/* "some avg10=1.23 avg60=..." -> 123. False: it is no such line, or not of @kind. */
bool plim_stall_share_parse(const char *line, const char *kind, uint64_t *out);

#endif
