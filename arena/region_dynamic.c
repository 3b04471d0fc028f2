/* SPDX-License-Identifier: Apache-2.0 */
/* region_dynamic.c - blocks of any size, allocated and freed in O(1), tables out of band.
 *
 * Decides between room that is committed already and growing. Ranges between blocks are
 * always committed, because commit is a prefix; only the range behind the last block may reach
 * beyond. So a request is first served below what is committed; only if nothing there fits
 * does the region grow, and if growing is refused that refusal is the answer: committed memory
 * was proved not to serve. Alignments above the region's unit are proved by a look at every range:
 * the only step that is not bounded, taken only by a call that would be refused, and counted.
 *
 * Two tables: what the hardened mode costs, a plain region does not pay.
 */
#include "arena/bytes.h"
#include "arena/carve.h"
#include "arena/offsets.h"
#include "arena/region_guard.h"

#define BLOCK_LIMIT_DEFAULT      4096u
#define QUARANTINE_LIMIT_DEFAULT 256u
#define LARGE_SHARE              1024u /* of the size: what is large where nothing else is said */

static plim_offsets *offsets_of(const plim_region *self)
{
    return self->tables;
}

/* Blocks that the bookkeeping must have room for; 0: too many. */
static uint32_t live_limit(const plim_region *self)
{
    uint64_t extra = self->is_hardened ? plim_guard_extra_blocks(self->quarantine_blocks) : 0;
    uint64_t sum = self->block_limit + extra;
    return sum <= OFFSETS_BLOCK_MAX ? (uint32_t)sum : 0;
}

/* Two ends need an end: a region that grows has one only if its caller says so. Nor a hardened one:
 * behind the blocks that it holds back large ones wander (bench-arena: llm 1.44 for 1.12). */
static uint64_t large_bytes_of(const plim_region *self, const plim_region_opts *opts)
{
    if (opts->large_bytes == UINT64_MAX) {
        return 0;
    }
    uint64_t usual = opts->commit_now && !opts->is_hardened ? self->size_bytes / LARGE_SHARE : 0;
    return opts->large_bytes ? opts->large_bytes : usual;
}

static plim_status shape(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err)
{
    uint64_t guard_bytes = 0;
    self->block_limit = opts->block_limit ? opts->block_limit : BLOCK_LIMIT_DEFAULT;
    self->is_hardened = opts->is_hardened;
    self->large_bytes = large_bytes_of(self, opts);
    self->quarantine_blocks =
        opts->quarantine_blocks ? opts->quarantine_blocks : QUARANTINE_LIMIT_DEFAULT;
    self->quarantine_bytes =
        opts->quarantine_bytes ? opts->quarantine_bytes : self->size_bytes / 16;
    if (self->quarantine_blocks > OFFSETS_BLOCK_MAX || live_limit(self) == 0 ||
        !plim_offsets_footprint(self->size_bytes, live_limit(self), self->unit_bytes, out_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "dynamic region: size or block_limit",
                         .want = self->size_bytes, .limit = self->unit_bytes * OFFSETS_UNITS_MAX);
    }
    if (self->is_hardened) {
        self->table = &plim_region_dynamic_guarded;
        guard_bytes = plim_guard_footprint(2 * live_limit(self) + 2, self->quarantine_blocks);
    }
    self->guard_at = *out_bytes;
    *out_bytes += guard_bytes;
    return PLIM_OK;
}

static void clear(plim_region *self)
{
    plim_offsets *offsets =
        plim_offsets_init(self->tables, self->size_bytes, live_limit(self), self->unit_bytes);
    if (self->large_bytes) {
        plim_offsets_use_two_ends(offsets, self->large_bytes);
    }
    if (self->is_hardened) {
        self->guard = (region_guard *)((uintptr_t)self->tables + self->guard_at);
        plim_guard_init(self, plim_offsets_slot_limit(offsets));
    }
}

static __attribute__((noinline)) plim_status refuse(const plim_region *self, uint64_t size_bytes,
                                                    plim_error *err)
{
    const plim_offsets *offsets = offsets_of(self);
    uint64_t size = 0, free_bytes = self->size_bytes - self->used_bytes;
    if (self->block_count == self->block_limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "block_limit blocks are alive",
                         .want = self->block_count + 1, .limit = self->block_limit);
    }
    if (bytes_align_up(size_bytes, self->unit_bytes, &size) && size <= free_bytes) {
        return PLIM_FAIL(err, PLIM_E_FRAG, .what = "dynamic region", .want = size,
                         .have = plim_offsets_largest_free_bytes(offsets), .limit = free_bytes);
    }
    return PLIM_FAIL(err, PLIM_E_RANGE, .what = "the dynamic region is full", .want = size_bytes,
                     .have = free_bytes, .limit = self->size_bytes);
}

static plim_status grow(plim_region *self, uint64_t room_bytes, uint64_t align_bytes,
                        uint64_t *out_offset, plim_error *err)
{
    plim_offsets *offsets = offsets_of(self);
    uint64_t end = plim_offsets_end_of_use(offsets); /* no further than it must */
    if (!bytes_align_up(end, align_bytes, &end) || !bytes_add(end, room_bytes, &end) ||
        !plim_offsets_alloc_tail(offsets, room_bytes, align_bytes, end, out_offset)) {
        return refuse(self, room_bytes, err);
    }
    plim_status status = plim_region_commit_to(self, *out_offset + room_bytes, false, err);
    if (status != PLIM_OK) {
        (void)plim_offsets_free(offsets, *out_offset);
    }
    return status;
}

/* Past what is committed: finds the place, then pays for it. When that is refused, an alignment
 * above the unit may yet fit by chance. Not part of the usual call. */
static __attribute__((noinline)) plim_status grow_or_scan(plim_region *self, uint64_t room_bytes,
                                                          uint64_t align_bytes,
                                                          uint64_t *out_offset, plim_error *err)
{
    uint64_t limit = self->committed_bytes;
    plim_status status = grow(self, room_bytes, align_bytes, out_offset, err);
    if (status == PLIM_OK || align_bytes <= self->unit_bytes) {
        return status;
    }
    self->scan_count++;
    bool is_found =
        plim_offsets_alloc_scan(offsets_of(self), room_bytes, align_bytes, limit, out_offset);
    return is_found ? PLIM_OK : status;
}

/* A place of @room_bytes, whole units, below what is committed or beyond. */
static inline plim_status place(plim_region *self, uint64_t room_bytes, uint64_t align_bytes,
                                uint64_t *out_offset, plim_error *err)
{
    if (plim_offsets_alloc(offsets_of(self), room_bytes, align_bytes, self->committed_bytes,
                           out_offset)) {
        return PLIM_OK;
    }
    return grow_or_scan(self, room_bytes, align_bytes, out_offset, err);
}

static plim_status place_or_release(plim_region *self, uint64_t room_bytes, uint64_t align_bytes,
                                    uint64_t *out_offset, plim_error *err)
{
    plim_status status = place(self, room_bytes, align_bytes, out_offset, err);
    while (status != PLIM_OK && plim_guard_release(self)) {
        status = place(self, room_bytes, align_bytes, out_offset, err);
    }
    return status;
}

/* Hardened: with the first block comes the sentinel, the guard in front of it. */
static plim_status place_guarded(plim_region *self, uint64_t size_bytes, uint64_t room_bytes,
                                 uint64_t align_bytes, uint64_t *out_offset, plim_error *err)
{
    uint64_t sentinel = 0, committed = self->committed_bytes;
    bool is_first = plim_offsets_live_count(offsets_of(self)) == 0;
    if (is_first) {
        PLIM_TRY(place(self, self->unit_bytes, self->unit_bytes, &sentinel, err));
        plim_guard_dress(self, sentinel, 0, self->unit_bytes);
    }
    plim_status status = place_or_release(self, room_bytes, align_bytes, out_offset, err);
    if (status == PLIM_OK) {
        plim_guard_dress(self, *out_offset, size_bytes, room_bytes);
    } else if (is_first) {
        plim_guard_init(self, plim_offsets_slot_limit(offsets_of(self)));
        (void)plim_offsets_free(offsets_of(self), sentinel);
        (void)plim_region_decommit_from(self, committed);
    }
    return status;
}

static void release_all(plim_region *self)
{
    while (plim_guard_release(self)) {
    }
}

static plim_status alloc(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err)
{
    uint64_t room = 0;
    if (self->block_count == self->block_limit ||
        !bytes_align_up(size_bytes, self->unit_bytes, &room)) {
        return refuse(self, size_bytes, err);
    }
    PLIM_TRY(place(self, room, align_bytes, out_offset, err));
    plim_region_unpoison(self, *out_offset, room);
    self->used_bytes += room;
    self->block_count++;
    return PLIM_OK;
}

static plim_status alloc_guarded(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                                 uint64_t *out_offset, plim_error *err)
{
    uint64_t room = 0;
    if (self->block_count == self->block_limit || !bytes_add(size_bytes, GUARD_BYTES, &room) ||
        !bytes_align_up(room, self->unit_bytes, &room)) {
        return refuse(self, size_bytes, err);
    }
    PLIM_TRY(place_guarded(self, size_bytes, room, align_bytes, out_offset, err));
    plim_region_unpoison(self, *out_offset, size_bytes);
    self->used_bytes += room;
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

static uint64_t give_back_guarded(plim_region *self, uint64_t offset)
{
    uint64_t size = plim_offsets_block_bytes(offsets_of(self), offset);
    plim_guard_hold(self, offset);
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
    uint64_t largest = plim_offsets_largest_free_bytes(offsets_of(self));
    uint64_t guard = self->guard ? GUARD_BYTES : 0;
    return self->block_count < self->block_limit && largest > guard ? largest - guard : 0;
}

static uint64_t free_ranges(const plim_region *self)
{
    return plim_offsets_free_count(offsets_of(self));
}

static const char *check(const plim_region *self)
{
    const plim_offsets *offsets = offsets_of(self);
    uint64_t used = plim_offsets_used_bytes(offsets), ours = 0;
    if (self->guard) {
        ours = plim_guard_held_bytes(self) + (used ? self->unit_bytes : 0);
    }
    if (used != self->used_bytes + ours ||
        (!self->guard && plim_offsets_live_count(offsets) != self->block_count)) {
        return "dynamic region: the counts do not add up";
    }
    return plim_offsets_check(offsets);
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

const region_table plim_region_dynamic_guarded = {
    .shape = shape,
    .clear = clear,
    .alloc = alloc_guarded,
    .free = give_back_guarded,
    .block_bytes = plim_guard_block_bytes,
    .before_trim = release_all,
    .end_of_use = end_of_use,
    .largest_free = largest_free,
    .free_ranges = free_ranges,
    .check = check,
};
