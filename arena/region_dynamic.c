/* SPDX-License-Identifier: Apache-2.0 */
/* region_dynamic.c - blocks of any size, allocated and freed in O(1), tables out of band.
 *
 * Decides between room that is committed already and growing. Ranges between blocks are
 * always committed, because commit is a prefix; only the range behind the last block may reach
 * beyond. So a request is first served below what is committed; only if nothing there fits
 * does the region grow, and if growing is refused that refusal is the answer: committed memory
 * was proved not to serve. Alignments above 64 are proved by a look at every range.
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
    if (bytes_align_up(size_bytes, OFFSETS_UNIT, &size) && size <= free_bytes) {
        return PLIM_FAIL(err, PLIM_E_FRAG, .what = "dynamic region", .want = size,
                         .have = plim_offsets_largest_free_bytes(offsets), .limit = free_bytes);
    }
    return PLIM_FAIL(err, PLIM_E_RANGE, .what = "the dynamic region is full", .want = size_bytes,
                     .have = free_bytes, .limit = self->size_bytes);
}

/* Past what is committed: finds the place, then pays for it. */
static plim_status grow(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                        uint64_t *out_offset, plim_error *err)
{
    plim_offsets *offsets = offsets_of(self);
    if (!plim_offsets_alloc(offsets, size_bytes, align_bytes, UINT64_MAX, out_offset)) {
        return refuse(self, size_bytes, err);
    }
    plim_status status = plim_region_commit_to(self, *out_offset + size_bytes, false, err);
    if (status != PLIM_OK) {
        (void)plim_offsets_free(offsets, *out_offset);
    }
    return status;
}

static plim_status alloc(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    plim_offsets *offsets = offsets_of(self);
    uint64_t limit = self->committed_bytes, size = 0;
    if (!bytes_align_up(size_bytes, OFFSETS_UNIT, &size)) {
        return refuse(self, size_bytes, err);
    }
    if (!plim_offsets_alloc(offsets, size, align_bytes, limit, out_offset)) {
        plim_status status = grow(self, size, align_bytes, out_offset, err);
        bool is_proved = align_bytes <= OFFSETS_UNIT;
        if (status != PLIM_OK && (is_proved || !plim_offsets_alloc_scan(offsets, size, align_bytes,
                                                                        limit, out_offset))) {
            return status;
        }
    }
    plim_region_unpoison(self, *out_offset, size);
    self->used_bytes += size;
    self->block_count++;
    return PLIM_OK;
}

static uint64_t block_bytes(const plim_region *self, uint64_t offset)
{
    return plim_offsets_block_bytes(offsets_of(self), offset);
}

static uint64_t give_back(plim_region *self, uint64_t offset)
{
    uint64_t size = plim_offsets_free(offsets_of(self), offset);
    self->used_bytes -= size;
    self->block_count -= size != 0;
    return size;
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

static uint64_t free_ranges(const plim_region *self)
{
    return plim_offsets_free_count(offsets_of(self));
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
    .free_ranges = free_ranges,
    .check = check,
};
