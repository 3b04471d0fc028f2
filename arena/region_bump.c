/* SPDX-License-Identifier: Apache-2.0 */
/* region_bump.c - a moving mark: alloc pushes it forward, rewind takes it back.
 *
 * used_bytes is the mark. There is no table, and what lies below the mark is not known
 * block by block, so a block cannot be freed alone.
 */
#include "arena/bytes.h"
#include "arena/carve.h"

static plim_status shape(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err)
{
    (void)self, (void)opts, (void)err;
    *out_bytes = 0;
    return PLIM_OK;
}

static void clear(plim_region *self)
{
    self->used_bytes = 0;
}

static plim_status alloc(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    uint64_t start = 0, end = 0;
    if (!bytes_align_up(self->used_bytes, align_bytes, &start) ||
        !bytes_add(start, size_bytes, &end) || end > self->size_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "the bump region is full", .want = size_bytes,
                         .have = self->size_bytes - self->used_bytes, .limit = self->size_bytes);
    }
    PLIM_TRY(plim_region_commit_to(self, end, false, err));
    plim_region_unpoison(self, start, size_bytes);
    self->used_bytes = end;
    *out_offset = start;
    return PLIM_OK;
}

static uint64_t end_of_use(const plim_region *self)
{
    return self->used_bytes;
}

static uint64_t largest_free(const plim_region *self)
{
    uint64_t start = self->used_bytes;
    (void)bytes_align_up(self->used_bytes, REGION_BLOCK_ALIGN, &start);
    return self->size_bytes - start; /* size is a multiple of the alignment */
}

static const char *check(const plim_region *self)
{
    return self->block_count == 0 ? NULL : "bump region: counts blocks";
}

const region_table plim_region_bump = {
    .shape = shape,
    .clear = clear,
    .alloc = alloc,
    .end_of_use = end_of_use,
    .largest_free = largest_free,
    .check = check,
};

uint64_t plim_region_mark(const plim_region *self)
{
    return self->kind == PLIM_REGION_BUMP ? self->used_bytes : 0;
}

plim_status plim_region_rewind(plim_region *self, uint64_t mark, plim_error *err)
{
    if (!self || self->kind != PLIM_REGION_BUMP || mark > self->used_bytes) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "rewind: not a mark behind this one",
                         .want = mark, .limit = self ? self->used_bytes : 0);
    }
    plim_region_poison(self, mark, self->used_bytes - mark);
    self->used_bytes = mark;
    return PLIM_OK;
}
