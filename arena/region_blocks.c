/* SPDX-License-Identifier: Apache-2.0 */
/* region_blocks.c - handing out and taking back, for all kinds of region; their facts.
 *
 * Decides nothing about places: the region's table does. What is here is the same for all:
 * which arguments are refused before a table is asked, the lock of a shared region, when a
 * tail that stays free goes back, and the counts.
 *
 * A shared region is entered once a call and left on every way out. Nothing in between
 * waits, except for the provider while the region grows or shrinks.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/carve.h"
#include "arena/checks.h"
#include "arena/region_guard.h"
#include "arena/spin.h"

#if PLIM_CHECKS >= 2
#define CHECK_REGION(self) PLIM_ASSERT(plim_region_check(self) == NULL)
#else
#define CHECK_REGION(self) ((void)(self))
#endif

static void enter(const plim_region *self)
{
    if (self->is_shared) { /* reading facts locks as well, so the lock is not of the facts */
        spin_enter((_Atomic uint32_t *)(uintptr_t)&self->lock, self->yield);
    }
}

static void leave(const plim_region *self)
{
    if (self->is_shared) {
        spin_leave((_Atomic uint32_t *)(uintptr_t)&self->lock);
    }
}

/* ---- blocks ---- */

/* What the usual call does not need stands in functions of its own, so that it need not save
 * registers for it. */
#define SELDOM __attribute__((noinline))

static SELDOM plim_status refused(plim_region *self, plim_status status, plim_error *err)
{
    self->refusal_count++;
    if (err && !err->field[0]) {
        memcpy(err->field, self->name, sizeof(self->name));
    }
    return status;
}

static SELDOM plim_status refuse_arguments(plim_region *self, uint64_t align_bytes, plim_error *err)
{
    plim_status status =
        self->table->alloc
            ? PLIM_FAIL(err, PLIM_E_ARG, .what = "alloc: size or alignment", .want = align_bytes,
                        .limit = self->align_bytes)
            : PLIM_FAIL(err, PLIM_E_STATE, .what = "a static region has fixed offsets");
    return refused(self, status, err);
}

static inline plim_status alloc(plim_region *self, size_t size_bytes, uint64_t align_bytes,
                                void **out, plim_error *err)
{
    uint64_t offset = 0;
    if (!self->table->alloc || size_bytes == 0 || !bytes_is_power_of_two(align_bytes) ||
        align_bytes > self->align_bytes) {
        return refuse_arguments(self, align_bytes, err);
    }
    plim_status status = self->table->alloc(self, size_bytes, align_bytes, &offset, err);
    if (status != PLIM_OK) {
        return refused(self, status, err);
    }
    self->alloc_count++;
    if (self->used_bytes > self->used_peak_bytes) {
        self->used_peak_bytes = self->used_bytes;
    }
    CHECK_REGION(self);
    *out = self->base + offset;
    return PLIM_OK;
}

static SELDOM plim_status alloc_shared(plim_region *self, size_t size_bytes, uint64_t align_bytes,
                                       void **out, plim_error *err)
{
    enter(self);
    plim_status status = alloc(self, size_bytes, align_bytes, out, err);
    leave(self);
    return status;
}

static SELDOM plim_status alloc_nowhere(void **out, plim_error *err)
{
    if (out) {
        *out = NULL;
    }
    return PLIM_FAIL(err, PLIM_E_ARG, .what = "alloc: region or out");
}

plim_status plim_region_alloc(plim_region *self, size_t size_bytes, size_t align_bytes, void **out,
                              plim_error *err)
{
    if (!self || !out) {
        return alloc_nowhere(out, err);
    }
    *out = NULL;
    uint64_t align = align_bytes ? align_bytes : REGION_BLOCK_ALIGN;
    return self->is_shared ? alloc_shared(self, size_bytes, align, out, err)
                           : alloc(self, size_bytes, align, out, err);
}

/* Offset of @block in the region; false: not an address of it. */
static bool offset_of(const plim_region *self, const void *block, uint64_t *out)
{
    *out = (uintptr_t)block - (uintptr_t)self->base;
    return block && *out < self->size_bytes;
}

/* Gives back what lies free behind the last block once it is more than the slack, down to half
 * of that: the next change of direction is at least half a slack away, so alternating calls do
 * not alternate between the provider and us. Not after a seal: it could not be had again. */
static SELDOM void shrink(plim_region *self)
{
    uint64_t end = self->table->end_of_use(self);
    if (self->committed_bytes - end > self->slack_bytes &&
        atomic_load(&self->arena->seal) == PLIM_SEAL_OPEN) {
        self->trim_count += plim_region_decommit_from(self, end + self->slack_bytes / 2) != 0;
    }
}

/* Is it the block that the caller means? */
static SELDOM plim_status admit(plim_region *self, uint64_t offset, size_t size_bytes,
                                uint32_t stamp, plim_error *err)
{
    if (self->guard) {
        return plim_guard_admit(self, offset, size_bytes, stamp, err);
    }
    uint64_t size = 0, have = size_bytes ? self->table->block_bytes(self, offset) : 0;
    if (size_bytes && have &&
        (size_bytes > have || !bytes_align_up(size_bytes, self->unit_bytes, &size) ||
         size < have)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: the block has another size",
                         .want = size_bytes, .have = have);
    }
    return stamp == 0 ? PLIM_OK : PLIM_FAIL(err, PLIM_E_ARG, .what = "free: no stamps are kept");
}

static SELDOM plim_status refuse_block(plim_region *self, plim_error *err)
{
    if (!self->table->free) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "free: not this kind of region");
    }
    if (self->guard) {
        plim_guard_count_misuse(self);
    }
    return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: no live block of this region");
}

static inline plim_status take_back(plim_region *self, const void *block, size_t size_bytes,
                                    uint32_t stamp, plim_error *err)
{
    uint64_t offset = 0;
    if (!self->table->free || !offset_of(self, block, &offset)) {
        return refuse_block(self, err);
    }
    if (self->guard || size_bytes || stamp) {
        PLIM_TRY(admit(self, offset, size_bytes, stamp, err));
    }
    uint64_t size = self->table->free(self, offset);
    if (size == 0) {
        return refuse_block(self, err);
    }
    plim_region_poison(self, offset, size);
    self->free_count++;
    if (self->slack_bytes) {
        shrink(self);
    }
    CHECK_REGION(self);
    return PLIM_OK;
}

static SELDOM plim_status take_back_shared(plim_region *self, const void *block, size_t size_bytes,
                                           uint32_t stamp, plim_error *err)
{
    enter(self);
    plim_status status = take_back(self, block, size_bytes, stamp, err);
    leave(self);
    return status;
}

plim_status plim_region_free_exact(plim_region *self, void *block, size_t size_bytes,
                                   uint32_t stamp, plim_error *err)
{
    if (!self) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: region");
    }
    return self->is_shared ? take_back_shared(self, block, size_bytes, stamp, err)
                           : take_back(self, block, size_bytes, stamp, err);
}

plim_status plim_region_free(plim_region *self, void *block, plim_error *err)
{
    return plim_region_free_exact(self, block, 0, 0, err);
}

uint32_t plim_region_stamp(const plim_region *self, const void *block)
{
    uint64_t offset = 0;
    uint32_t stamp = 0;
    if (self && self->guard && offset_of(self, block, &offset)) {
        enter(self);
        stamp = plim_guard_stamp(self, offset);
        leave(self);
    }
    return stamp;
}

plim_status plim_region_inspect(plim_region *self, plim_error *err)
{
    uint64_t offset = 0;
    const char *damage = NULL;
    if (self && self->guard) {
        enter(self);
        damage = plim_guard_inspect(self, &offset);
        leave(self);
    }
    return damage ? PLIM_FAIL(err, PLIM_E_STATE, .what = damage, .want = offset) : PLIM_OK;
}

size_t plim_region_block_bytes(const plim_region *self, const void *block)
{
    uint64_t offset = 0, bytes = 0;
    if (self && self->table->block_bytes && offset_of(self, block, &offset)) {
        enter(self);
        bytes = self->table->block_bytes(self, offset);
        leave(self);
    }
    return bytes;
}

plim_status plim_region_at(plim_region *self, uint64_t offset_bytes, uint64_t size_bytes,
                           void **out, plim_error *err)
{
    uint64_t end = 0;
    if (out) {
        *out = NULL;
    }
    if (!self || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "at: region or out");
    }
    if (self->evicted) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the region is evicted");
    }
    uint64_t limit =
        self->size_bytes < self->committed_bytes ? self->size_bytes : self->committed_bytes;
    if (!bytes_add(offset_bytes, size_bytes, &end) || end > limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "at: outside the region", .want = end,
                         .have = offset_bytes, .limit = limit);
    }
    *out = self->base + offset_bytes;
    return PLIM_OK;
}

void plim_region_reset(plim_region *self)
{
    if (self->kind == PLIM_REGION_STATIC) {
        return;
    }
    enter(self);
    plim_region_poison(self, 0, self->committed_bytes);
    self->free_count += self->block_count;
    self->used_bytes = 0;
    self->block_count = 0;
    self->table->clear(self);
    CHECK_REGION(self);
    leave(self);
}

uint64_t plim_region_trim(plim_region *self)
{
    return plim_region_trim_to(self, 0);
}

uint64_t plim_region_trim_to(plim_region *self, uint64_t keep_bytes)
{
    enter(self);
    if (self->table->before_trim) {
        self->table->before_trim(self);
    }
    uint64_t end = self->table->end_of_use(self);
    uint64_t bytes = plim_region_decommit_from(self, end > keep_bytes ? end : keep_bytes);
    CHECK_REGION(self);
    leave(self);
    return bytes;
}

/* ---- facts ---- */

plim_arena *plim_region_arena(const plim_region *self)
{
    return self->arena;
}

void *plim_region_base(const plim_region *self)
{
    return self->base;
}

void plim_region_read(const plim_region *self, plim_region_stats *out)
{
    enter(self);
    uint64_t free_bytes = self->size_bytes - self->used_bytes;
    uint64_t largest = self->table->largest_free(self);
    *out = (plim_region_stats){
        .kind = self->kind,
        .name = self->name,
        .owner = self->owner,
        .tag = self->tag,
        .base = self->base,
        .size_bytes = self->size_bytes,
        .committed_bytes = self->committed_bytes,
        .committed_peak_bytes = self->committed_peak_bytes,
        .used_bytes = self->used_bytes,
        .used_peak_bytes = self->used_peak_bytes,
        .free_bytes = free_bytes,
        .largest_free_bytes = largest,
        .table_bytes = self->tables_bytes,
        .is_evicted = self->evicted,
        .block_count = self->block_count,
        .alloc_count = self->alloc_count,
        .free_count = self->free_count,
        .refusal_count = self->refusal_count,
        .trim_count = self->trim_count,
        .scan_count = self->scan_count,
        .free_range_count = self->table->free_ranges ? self->table->free_ranges(self) : 0,
        .fragmentation = free_bytes ? 1.0 - (double)largest / (double)free_bytes : 0.0,
        .held_bytes = self->guard ? plim_guard_held_bytes(self) : 0,
        .misuse_count = self->guard ? plim_guard_misuse_count(self) : 0,
    };
    leave(self);
}

const char *plim_region_check(const plim_region *self)
{
    bool is_whole =
        self->committed_bytes == self->span_bytes || self->committed_bytes % self->step_bytes == 0;
    if (self->committed_bytes > self->span_bytes || !is_whole) {
        return "region: committed is not whole steps of the span";
    }
    if (self->used_bytes > self->size_bytes || self->used_bytes > self->used_peak_bytes ||
        self->committed_bytes > self->committed_peak_bytes) {
        return "region: used or peaks are out of order";
    }
    uint64_t end = self->table->end_of_use(self);
    if (!self->evicted && end > self->committed_bytes) {
        return "region: a block lies beyond what is committed";
    }
    return self->table->check(self);
}
