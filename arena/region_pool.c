/* SPDX-License-Identifier: Apache-2.0 */
/* region_pool.c - equal blocks, O(1), the free list out of band.
 *
 * One word a block: LIVE, or the index of the next free one. Blocks that were never handed
 * out are not in the list: the pool takes them in order once the list is empty, so that
 * only what was used is ever committed. Trim is linear: it builds the list anew without
 * the tail it gives back.
 */
#include "arena/bytes.h"
#include "arena/carve.h"

#define LIVE      UINT32_MAX
#define LIST_END  (UINT32_MAX - 1)
#define TOTAL_MAX (1u << 28)

static uint32_t *links_of(const plim_region *self)
{
    return self->tables;
}

static plim_status shape(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err)
{
    uint64_t stride = 0;
    if (opts->block_bytes == 0 || !bytes_align_up(opts->block_bytes, REGION_BLOCK_ALIGN, &stride) ||
        stride > self->size_bytes) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pool: block_bytes", .want = opts->block_bytes,
                         .limit = self->size_bytes);
    }
    if (self->size_bytes / stride > TOTAL_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "pool: blocks", .limit = TOTAL_MAX,
                         .want = self->size_bytes / stride);
    }
    self->pool_block_bytes = opts->block_bytes;
    self->pool_stride = stride;
    self->pool_total = (uint32_t)(self->size_bytes / stride);
    *out_bytes = self->pool_total * sizeof(uint32_t);
    return PLIM_OK;
}

static void clear(plim_region *self)
{
    self->pool_touched = 0;
    self->pool_head = LIST_END;
}

static plim_status alloc(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    if (self->pool_stride % align_bytes != 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pool: alignment does not divide the blocks",
                         .want = align_bytes, .limit = self->pool_stride);
    }
    if (size_bytes > self->pool_block_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "pool: more than a block", .want = size_bytes,
                         .limit = self->pool_block_bytes);
    }
    uint32_t index = self->pool_head;
    if (index != LIST_END) {
        self->pool_head = links_of(self)[index];
    } else if (self->pool_touched == self->pool_total) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "the pool is full", .want = self->pool_stride,
                         .have = self->size_bytes - self->used_bytes, .limit = self->size_bytes);
    } else {
        index = self->pool_touched;
        PLIM_TRY(
            plim_region_commit_to(self, (index + (uint64_t)1) * self->pool_stride, false, err));
        self->pool_touched++;
    }
    links_of(self)[index] = LIVE;
    *out_offset = index * self->pool_stride;
    plim_region_unpoison(self, *out_offset, self->pool_block_bytes);
    self->used_bytes += self->pool_stride;
    self->block_count++;
    return PLIM_OK;
}

static uint64_t block_bytes(const plim_region *self, uint64_t offset)
{
    uint64_t index = offset / self->pool_stride;
    bool is_live = offset % self->pool_stride == 0 && index < self->pool_touched &&
                   links_of(self)[index] == LIVE;
    return is_live ? self->pool_block_bytes : 0;
}

static uint64_t give_back(plim_region *self, uint64_t offset)
{
    uint32_t index = (uint32_t)(offset / self->pool_stride);
    if (block_bytes(self, offset) == 0) {
        return 0;
    }
    links_of(self)[index] = self->pool_head;
    self->pool_head = index;
    self->used_bytes -= self->pool_stride;
    self->block_count--;
    return self->pool_block_bytes;
}

/* The end of the last live block; the list loses what lies beyond it only in trim. */
static uint64_t end_of_use(const plim_region *self)
{
    uint32_t index = self->pool_touched;
    while (index > 0 && links_of(self)[index - 1] != LIVE) {
        index--;
    }
    return index * self->pool_stride;
}

static void forget_tail(plim_region *self)
{
    uint32_t end = (uint32_t)(end_of_use(self) / self->pool_stride);
    self->pool_touched = end;
    self->pool_head = LIST_END;
    for (uint32_t i = end; i > 0; i--) {
        if (links_of(self)[i - 1] != LIVE) {
            links_of(self)[i - 1] = self->pool_head;
            self->pool_head = i - 1;
        }
    }
}

static uint64_t largest_free(const plim_region *self)
{
    return self->block_count < self->pool_total ? self->pool_block_bytes : 0;
}

static const char *check(const plim_region *self)
{
    uint32_t listed = 0, live = 0;
    for (uint32_t i = self->pool_head; i != LIST_END; i = links_of(self)[i]) {
        if (i >= self->pool_touched || ++listed > self->pool_touched) {
            return "pool: the free list is broken";
        }
    }
    for (uint32_t i = 0; i < self->pool_touched; i++) {
        live += links_of(self)[i] == LIVE;
    }
    if (live != self->block_count || live + listed != self->pool_touched ||
        self->pool_touched * self->pool_stride > self->committed_bytes ||
        self->used_bytes != live * self->pool_stride) {
        return "pool: the counts do not add up";
    }
    return NULL;
}

const region_table plim_region_pool = {
    .shape = shape,
    .clear = clear,
    .alloc = alloc,
    .free = give_back,
    .block_bytes = block_bytes,
    .before_trim = forget_tail,
    .end_of_use = end_of_use,
    .largest_free = largest_free,
    .check = check,
};
