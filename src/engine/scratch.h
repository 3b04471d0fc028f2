/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.h - memory of one packing run: taken at once from a provider, given back at once. */
#ifndef ENGINE_SCRATCH_H
#define ENGINE_SCRATCH_H

#include "plimsoll/provider.h"

typedef struct plim_scratch {
    plim_provider *provider;
    unsigned char *base;
    uint64_t size_bytes, used_bytes;
} plim_scratch;

plim_status plim_scratch_open(plim_scratch *self, plim_provider *provider, uint64_t size_bytes,
                              plim_error *err);
/* A zeroed piece on a page boundary; the sizes asked for were added up with
 * plim_scratch_piece before opening. */
void *plim_scratch_take(plim_scratch *self, uint64_t size_bytes);
void plim_scratch_close(plim_scratch *self);

/* What a piece of @size_bytes takes, for the sum. */
uint64_t plim_scratch_piece(uint64_t size_bytes);

#endif
