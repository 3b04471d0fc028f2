/* SPDX-License-Identifier: Apache-2.0 */
/* scratch.c - one reservation, one commit, pieces on page boundaries. */
#include "src/engine/scratch.h"

#include "arena/bytes.h"
#include "arena/checks.h"

#define PIECE 4096u

uint64_t plim_scratch_piece(uint64_t size_bytes)
{
    return (size_bytes + PIECE - 1) & ~(uint64_t)(PIECE - 1);
}

plim_status plim_scratch_open(plim_scratch *self, plim_provider *provider, uint64_t size_bytes,
                              plim_error *err)
{
    void *base;
    uint64_t size;
    *self = (plim_scratch){0};
    if (!bytes_align_up(size_bytes, plim_provider_page_bytes(provider), &size) ||
        size > SIZE_MAX / 2) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "scratch memory", .want = size_bytes);
    }
    PLIM_TRY(plim_provider_reserve(provider, (size_t)size, PIECE, &base, err));
    plim_status status = plim_provider_commit(provider, base, (size_t)size, err);
    if (status != PLIM_OK) {
        plim_provider_release(provider, base, (size_t)size);
        return status;
    }
    *self = (plim_scratch){.provider = provider, .base = base, .size_bytes = size};
    return PLIM_OK;
}

void *plim_scratch_take(plim_scratch *self, uint64_t size_bytes)
{
    unsigned char *piece = self->base + self->used_bytes;
    self->used_bytes += plim_scratch_piece(size_bytes);
    PLIM_ASSERT(self->used_bytes <= self->size_bytes);
    return piece;
}

void plim_scratch_close(plim_scratch *self)
{
    if (self->base) {
        plim_provider_release(self->provider, self->base, (size_t)self->size_bytes);
    }
    *self = (plim_scratch){0};
}
