/* SPDX-License-Identifier: Apache-2.0 */
/* region_dynamic.c - blocks of any size, allocated and freed in O(1), tables out of band.
 *
 * Decides between three tries: the O(1) search, committing what it needs; then, if that
 * found nothing, an exact search; and if committing was refused, an exact search below what
 * is committed already. So a request is refused only when nothing that fits exists, and
 * never while committed memory could serve it.
 */
#include "arena/bytes.h"
#include "arena/carve.h"
#include "arena/offsets.h"

#define BLOCK_LIMIT_DEFAULT 4096u

static plim_offsets *offsets_of(const plim_region *self)
{
    return self->tables;
}

static plim_status shape(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err)
{
    self->block_limit = opts->block_limit ? opts->block_limit : BLOCK_LIMIT_DEFAULT;
    if (!plim_offsets_footprint(self->size_bytes, self->block_limit, out_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "dynamic region: size or block_limit",
                         .want = self->size_bytes, .limit = OFFSETS_SIZE_MAX);
    }
    return PLIM_OK;
}

static void clear(plim_region *self)
{
    (void)plim_offsets_init(self->tables, self->size_bytes, self->block_limit);
}

static plim_status refuse(const plim_region *self, uint64_t size_bytes, plim_error *err)
{
    const plim_offsets *offsets = offsets_of(self);
    uint64_t size = 0, free_bytes = self->size_bytes - self->used_bytes;
    uint32_t live = plim_offsets_live_count(offsets), limit = plim_offsets_live_limit(offsets);
    if (live == limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "block_limit blocks are alive",
                         .want = (uint64_t)live + 1, .limit = limit);
    }
    if (bytes_align_up(size_bytes, REGION_BLOCK_ALIGN, &size) && size <= free_bytes) {
        return PLIM_FAIL(err, PLIM_E_FRAG, .what = "dynamic region", .want = size,
                         .have = plim_offsets_largest_free_bytes(offsets), .limit = free_bytes);
    }
    return PLIM_FAIL(err, PLIM_E_RANGE, .what = "the dynamic region is full", .want = size_bytes,
                     .have = free_bytes, .limit = self->size_bytes);
}

static plim_status place(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    plim_offsets *offsets = offsets_of(self);
    if (!plim_offsets_alloc(offsets, size_bytes, align_bytes, false, UINT64_MAX, out_offset) &&
        !plim_offsets_alloc(offsets, size_bytes, align_bytes, true, UINT64_MAX, out_offset)) {
        return refuse(self, size_bytes, err);
    }
    uint64_t end = *out_offset + plim_offsets_block_bytes(offsets, *out_offset);
    plim_status status = plim_region_commit_to(self, end, false, err);
    if (status == PLIM_OK) {
        return PLIM_OK;
    }
    (void)plim_offsets_free(offsets, *out_offset);
    bool found = plim_offsets_alloc(offsets, size_bytes, align_bytes, true, self->committed_bytes,
                                    out_offset);
    return found ? PLIM_OK : status;
}

static plim_status alloc(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    PLIM_TRY(place(self, size_bytes, align_bytes, out_offset, err));
    uint64_t size = plim_offsets_block_bytes(offsets_of(self), *out_offset);
    plim_region_unpoison(self, *out_offset, size);
    self->used_bytes += size;
    self->block_count++;
    return PLIM_OK;
}

static uint64_t block_bytes(const plim_region *self, uint64_t offset)
{
    return plim_offsets_block_bytes(offsets_of(self), offset);
}

static bool give_back(plim_region *self, uint64_t offset)
{
    uint64_t size = block_bytes(self, offset);
    if (!plim_offsets_free(offsets_of(self), offset)) {
        return false;
    }
    self->used_bytes -= size;
    self->block_count--;
    return true;
}

static uint64_t end_of_use(const plim_region *self)
{
    return plim_offsets_end_of_use(offsets_of(self));
}

static uint64_t largest_free(const plim_region *self)
{
    return plim_offsets_live_count(offsets_of(self)) < plim_offsets_live_limit(offsets_of(self))
               ? plim_offsets_largest_free_bytes(offsets_of(self))
               : 0;
}

static const char *check(const plim_region *self)
{
    if (plim_offsets_used_bytes(offsets_of(self)) != self->used_bytes ||
        plim_offsets_live_count(offsets_of(self)) != self->block_count) {
        return "dynamic region: the counts do not add up";
    }
    return plim_offsets_check(offsets_of(self));
}

const region_table plim_region_dynamic = {
    .shape = shape,
    .clear = clear,
    .alloc = alloc,
    .free = give_back,
    .block_bytes = block_bytes,
    .end_of_use = end_of_use,
    .largest_free = largest_free,
    .check = check,
};
