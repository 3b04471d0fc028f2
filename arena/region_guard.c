/* SPDX-License-Identifier: Apache-2.0 */
/* region_guard.c - the hardened mode: what was misused is noticed, at the latest at free.
 *
 *     | guard of the one before | block as asked | guard, 64 to 127 bytes | next block
 *
 * Decides whether a free is believed. Out of band, for any memory: a block has a stamp and
 * the size that was asked, so double frees, foreign and interior pointers, wrong sizes and
 * stale stamps are all refused. In memory that the CPU can touch also: a guard behind every
 * block, and dead bytes filled, both with a pattern that depends on the offset alone. So
 * whoever wrote a stretch of it, anybody can check it: the 64 bytes in front of a block are
 * always pattern, whether a live block, a dead one or a free range ends there.
 *
 * Freed blocks are held back, first in first out, within two bounds, and looked at again when
 * they leave: a write after free is noticed then. A region that would refuse lets them go
 * first, so the mode never refuses what fits without it, but for the guards themselves.
 *
 * Cost: a fixed number of steps, and one release for each block that leaves the quarantine. The
 * fill is bounded: of more than 4 KiB only the first and last 2 KiB are filled and looked at.
 * Invariant: bytes used in the bookkeeping = used by the caller + held + the sentinel, the
 * first unit of the region, which ends with the guard in front of the first block.
 */
#include "arena/region_guard.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"
#include "arena/offsets.h"

#define FILL_EDGE 2048u

enum { SLOT_FREE = 0, SLOT_LIVE = 1, SLOT_HELD = 2, SLOT_SENTINEL = 3 };

typedef struct guard_slot {
    uint32_t unit;       /* where the block begins */
    uint32_t stamp;      /* of this life */
    uint32_t slack : 29; /* room beyond what was asked: the guard */
    uint32_t state : 3;
} guard_slot;

struct region_guard {
    uint32_t slot_limit, ring_limit, ring_first, ring_count;
    uint64_t held_bytes, held_limit, misuse_count;
    uint32_t next_stamp, reserved;
};

static guard_slot *slots_of(const region_guard *g)
{
    return (guard_slot *)((uintptr_t)g + sizeof(*g));
}

static uint32_t *ring_of(const region_guard *g) /* of slots */
{
    return (uint32_t *)(slots_of(g) + g->slot_limit);
}

static uint64_t offset_of(const plim_region *self, const guard_slot *s)
{
    return s->unit * self->unit_bytes;
}

static guard_slot *slot_at(const plim_region *self, uint64_t offset)
{
    uint32_t slot = plim_offsets_slot(self->tables, offset);
    return slot == UINT32_MAX ? NULL : slots_of(self->guard) + slot;
}

/* ---- the pattern ---- */

static uint64_t pattern_word(uint64_t word)
{
    return (word + 1) * UINT64_C(0x9e3779b97f4a7c15) ^ UINT64_C(0xc3a5c85c97cb3127);
}

/* The part of a word of the pattern that lies in [@from, @to): its bytes and where they are. */
typedef struct piece {
    unsigned char bytes[8];
    size_t size;
} piece;

static piece pattern_at(uint64_t from, uint64_t to)
{
    uint64_t word = pattern_word(from / 8), start = from % 8;
    piece p;
    unsigned char all[8];
    memcpy(all, &word, sizeof(all));
    p.size = (size_t)(8 - start < to - from ? 8 - start : to - from);
    memcpy(p.bytes, all + start, p.size);
    return p;
}

static void pattern_write(plim_region *self, uint64_t from, uint64_t to)
{
    if (!self->arena->is_reachable || from >= to) {
        return;
    }
    plim_region_unpoison(self, from, to - from);
    for (uint64_t i = from; i < to;) {
        if (i % 8 == 0 && to - i >= 8) {
            uint64_t word = pattern_word(i / 8);
            memcpy(self->base + i, &word, sizeof(word));
            i += sizeof(word);
            continue;
        }
        piece p = pattern_at(i, to);
        memcpy(self->base + i, p.bytes, p.size);
        i += p.size;
    }
    plim_region_poison(self, from, to - from);
}

static bool pattern_holds(plim_region *self, uint64_t from, uint64_t to)
{
    if (!self->arena->is_reachable || from >= to) {
        return true;
    }
    bool holds = true;
    plim_region_unpoison(self, from, to - from);
    for (uint64_t i = from; i < to;) {
        if (i % 8 == 0 && to - i >= 8) {
            uint64_t word;
            memcpy(&word, self->base + i, sizeof(word));
            holds = holds && word == pattern_word(i / 8);
            i += sizeof(word);
            continue;
        }
        piece p = pattern_at(i, to);
        holds = holds && memcmp(self->base + i, p.bytes, p.size) == 0;
        i += p.size;
    }
    plim_region_poison(self, from, to - from);
    return holds;
}

/* The filled stretches of a dead block: [from, *head_end) and [*tail, to). */
static void fill_bounds(uint64_t from, uint64_t to, uint64_t *head_end, uint64_t *tail)
{
    *head_end = to - from > 2 * FILL_EDGE ? from + FILL_EDGE : to;
    *tail = to - from > 2 * FILL_EDGE ? to - FILL_EDGE : to;
}

/* ---- building ---- */

uint32_t plim_guard_extra_blocks(uint32_t quarantine_blocks)
{
    return quarantine_blocks + 2; /* one that enters before the oldest leaves, and the sentinel */
}

uint64_t plim_guard_footprint(uint32_t slot_limit, uint32_t quarantine_blocks)
{
    return sizeof(region_guard) + slot_limit * (uint64_t)sizeof(guard_slot) +
           (quarantine_blocks + (uint64_t)1) * sizeof(uint32_t);
}

void plim_guard_init(plim_region *self, uint32_t slot_limit)
{
    region_guard *g = self->guard;
    uint64_t misuses = g->slot_limit ? g->misuse_count : 0;
    uint32_t next = g->slot_limit ? g->next_stamp : 1;
    memset(g, 0, sizeof(*g));
    g->slot_limit = slot_limit;
    g->ring_limit = self->quarantine_blocks;
    g->held_limit = self->quarantine_bytes;
    g->misuse_count = misuses;
    g->next_stamp = next; /* a stamp of before a reset stays stale */
    memset(slots_of(g), 0, slot_limit * sizeof(guard_slot));
}

/* ---- a block's life ---- */

void plim_guard_dress(plim_region *self, uint64_t offset, uint64_t size_bytes, uint64_t room_bytes)
{
    region_guard *g = self->guard;
    guard_slot *s = slot_at(self, offset);
    uint64_t head_end = 0, tail = 0;
    PLIM_ASSERT(s && room_bytes - size_bytes <= 2 * HUGE_BYTES);
    s->unit = (uint32_t)(offset / self->unit_bytes);
    s->stamp = g->next_stamp;
    s->slack = (uint32_t)(room_bytes - size_bytes) & 0x1fffffffu;
    s->state = size_bytes ? SLOT_LIVE : SLOT_SENTINEL;
    g->next_stamp = g->next_stamp == UINT32_MAX ? 1 : g->next_stamp + 1;
    fill_bounds(offset + size_bytes, offset + room_bytes, &head_end, &tail);
    pattern_write(self, offset + size_bytes, head_end);
    pattern_write(self, tail, offset + room_bytes);
    if (offset >= GUARD_BYTES && plim_offsets_ends_free(self->tables, offset)) {
        pattern_write(self, offset - GUARD_BYTES, offset); /* alignment left a gap in front */
    }
}

static const char *damage_of(plim_region *self, const guard_slot *s)
{
    uint64_t offset = offset_of(self, s), head_end = 0, tail = 0;
    uint64_t end = offset + plim_offsets_block_bytes(self->tables, offset), asked = end - s->slack;
    fill_bounds(asked, end, &head_end, &tail);
    if (!pattern_holds(self, asked, head_end) || !pattern_holds(self, tail, end)) {
        return "written past the end of a block";
    }
    if (offset >= GUARD_BYTES && !pattern_holds(self, offset - GUARD_BYTES, offset)) {
        return "written in front of a block";
    }
    if (s->state == SLOT_HELD) {
        fill_bounds(offset, asked, &head_end, &tail);
        if (!pattern_holds(self, offset, head_end) || !pattern_holds(self, tail, asked)) {
            return "written into a block after it was freed";
        }
    }
    return NULL;
}

plim_status plim_guard_admit(plim_region *self, uint64_t offset, uint64_t size_bytes,
                             uint32_t stamp, plim_error *err)
{
    const guard_slot *s = slot_at(self, offset);
    if (!s || s->state == SLOT_FREE || s->state == SLOT_SENTINEL) {
        plim_guard_count_misuse(self);
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: no live block of this region");
    }
    if (s->state == SLOT_HELD) {
        plim_guard_count_misuse(self);
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: the block was freed already");
    }
    uint64_t asked = plim_offsets_block_bytes(self->tables, offset) - s->slack;
    if (size_bytes && size_bytes != asked) {
        plim_guard_count_misuse(self);
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: the block has another size",
                         .want = size_bytes, .have = asked);
    }
    if (stamp && stamp != s->stamp) {
        plim_guard_count_misuse(self);
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "free: the stamp is of another block",
                         .want = stamp, .have = s->stamp);
    }
    const char *damage = damage_of(self, s);
    if (damage) {
        plim_guard_count_misuse(self);
        return PLIM_FAIL(err, PLIM_E_STATE, .what = damage, .want = offset, .have = asked);
    }
    return PLIM_OK;
}

void plim_guard_hold(plim_region *self, uint64_t offset)
{
    region_guard *g = self->guard;
    guard_slot *s = slot_at(self, offset);
    uint64_t room = plim_offsets_block_bytes(self->tables, offset), head_end = 0, tail = 0;
    uint64_t asked = offset + room - s->slack;
    if (room > g->held_limit) { /* would push all others out, and then go itself */
        s->state = SLOT_FREE;
        (void)plim_offsets_free(self->tables, offset);
        return;
    }
    fill_bounds(offset, asked, &head_end, &tail);
    pattern_write(self, offset, head_end);
    pattern_write(self, tail, asked);
    s->state = SLOT_HELD;
    uint32_t last = (g->ring_first + g->ring_count) % (g->ring_limit + 1);
    ring_of(g)[last] = (uint32_t)(s - slots_of(g));
    g->ring_count++;
    g->held_bytes += room;
    while (g->ring_count > g->ring_limit || g->held_bytes > g->held_limit) {
        (void)plim_guard_release(self);
    }
}

bool plim_guard_release(plim_region *self)
{
    region_guard *g = self->guard;
    if (!g || g->ring_count == 0) {
        return false;
    }
    guard_slot *s = slots_of(g) + ring_of(g)[g->ring_first];
    uint64_t offset = offset_of(self, s);
    uint64_t room = plim_offsets_block_bytes(self->tables, offset);
    g->misuse_count += damage_of(self, s) != NULL;
    pattern_write(self, offset + room - GUARD_BYTES, offset + room); /* whole for the next one */
    s->state = SLOT_FREE;
    g->ring_first = (g->ring_first + 1) % (g->ring_limit + 1);
    g->ring_count--;
    g->held_bytes -= plim_offsets_free(self->tables, offset);
    return true;
}

/* ---- facts ---- */

uint64_t plim_guard_block_bytes(const plim_region *self, uint64_t offset)
{
    const guard_slot *s = slot_at(self, offset);
    return s && s->state == SLOT_LIVE ? plim_offsets_block_bytes(self->tables, offset) - s->slack
                                      : 0;
}

uint32_t plim_guard_stamp(const plim_region *self, uint64_t offset)
{
    const guard_slot *s = slot_at(self, offset);
    return s && s->state == SLOT_LIVE ? s->stamp : 0;
}

uint64_t plim_guard_held_bytes(const plim_region *self)
{
    return self->guard->held_bytes;
}

void plim_guard_count_misuse(plim_region *self)
{
    self->guard->misuse_count++;
}

uint64_t plim_guard_misuse_count(const plim_region *self)
{
    return self->guard->misuse_count;
}

const char *plim_guard_inspect(plim_region *self, uint64_t *out_offset)
{
    const region_guard *g = self->guard;
    const char *damage = NULL;
    for (uint32_t i = 0; i < g->slot_limit && !damage; i++) {
        const guard_slot *s = slots_of(g) + i;
        if (s->state != SLOT_FREE) {
            *out_offset = offset_of(self, s);
            damage = damage_of(self, s);
        }
    }
    return damage;
}
