/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.c - best fit over offsets in bounded time (offsets.h says how and why).
 *
 * Decides which range a block is cut from and joins what is freed. Refuses with nothing
 * changed. Invariants (plim_offsets_check):
 *   nodes in address order cover [0, units) without gap or overlap, none is empty;
 *   no two free nodes touch; a free node is in the trie of its class unless it is the tail,
 *   and a class's bits are set exactly when its trie is not empty;
 *   a live node is in the trie of its offset;
 *   live, free and unused nodes are all the nodes there are.
 */
#include "arena/offsets.h"

#include <stddef.h>
#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"
#include "arena/offsets_trie.h"

#define LOW_CLASSES 4u /* that a small block looks into with two ends; more gain little */
#define ALIGNED_TRIES                                                                              \
    8u /* ranges that are tried before one is taken that is large enough for all */

/* The two calls that are counted in instructions: what they call becomes part of them. */
#define ONE_PIECE __attribute__((flatten))

/* ---- tries ---- */

/* @index, which is in no trie, takes the place of @old: its kids and its parent's link. */
static void trie_replace(plim_offsets *self, uint32_t *root, uint32_t old, uint32_t index)
{
    const node *o = at(self, old);
    uint32_t kid0 = o->kid[0], kid1 = o->kid[1], up = o->up;
    node *n = at(self, index);
    n->kid[0] = kid0;
    n->kid[1] = kid1;
    n->up = up;
    if (kid0 != NONE) {
        at(self, kid0)->up = index;
    }
    if (kid1 != NONE) {
        at(self, kid1)->up = index;
    }
    if (up == NONE) {
        *root = index;
    } else {
        node *parent = at(self, up);
        parent->kid[parent->kid[1] == old] = index;
    }
}

/* Any leaf below @index, taken out of its parent; NONE: @index is a leaf itself. */
static uint32_t trie_cut_leaf(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    uint32_t *link = NULL;
    while (n->kid[0] != NONE || n->kid[1] != NONE) {
        link = &n->kid[n->kid[1] != NONE];
        n = at(self, *link);
    }
    if (!link) {
        return NONE;
    }
    uint32_t leaf = *link;
    *link = NONE;
    return leaf;
}

static void trie_drop(plim_offsets *self, uint32_t *root, uint32_t index)
{
    uint32_t leaf = trie_cut_leaf(self, index);
    if (leaf != NONE) {
        trie_replace(self, root, index, leaf);
        return;
    }
    uint32_t up = at(self, index)->up;
    if (up == NONE) {
        *root = NONE;
    } else {
        node *parent = at(self, up);
        parent->kid[parent->kid[1] == index] = NONE;
    }
}

static void trie_put(node *n, uint32_t index, uint32_t *link, uint32_t up)
{
    n->kid[0] = n->kid[1] = NONE;
    n->up = up;
    *link = index;
}

/* ---- free ranges by size ---- */

static void chain_after(plim_offsets *self, uint32_t head, uint32_t index)
{
    node *h = at(self, head), *n = at(self, index);
    n->kid[0] = CHAINED;
    n->up = head;
    n->next = h->next;
    if (h->next != NONE) {
        at(self, h->next)->up = index;
    }
    h->next = index;
}

static void sizes_add(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    uint32_t size = n->size, path = size_path(size), up = NONE;
    size_class c = class_of(size);
    uint32_t *link = &self->roots[c.first][c.second];
    while (*link != NONE) {
        node *m = at(self, *link);
        if (m->size == size) {
            chain_after(self, *link, index);
            return;
        }
        up = *link;
        link = &m->kid[path >> 31];
        path <<= 1;
    }
    n->next = NONE;
    trie_put(n, index, link, up);
    self->first_map |= 1u << c.first;
    self->second_map[c.first] |= 1u << c.second;
}

/* Called while the node still has the size it was added with. */
static void sizes_drop(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    if (n->next != NONE) {
        node *next = at(self, n->next);
        if (n->kid[0] != CHAINED) {
            size_class c = class_of(n->size);
            trie_replace(self, &self->roots[c.first][c.second], index, n->next);
            return;
        }
        next->up = n->up;
    }
    if (n->kid[0] == CHAINED) {
        at(self, n->up)->next = n->next;
        return;
    }
    size_class c = class_of(n->size);
    uint32_t *root = &self->roots[c.first][c.second];
    trie_drop(self, root, index);
    if (*root == NONE) {
        self->second_map[c.first] &= ~(1u << c.second);
        if (self->second_map[c.first] == 0) {
            self->first_map &= ~(1u << c.first);
        }
    }
}

/* The smallest range of the trie at @index. */
static uint32_t trie_least(const plim_offsets *self, uint32_t index)
{
    uint32_t best = NONE, best_size = UINT32_MAX;
    while (index != NONE) {
        const node *n = at(self, index);
        if (n->size < best_size) {
            best = index;
            best_size = n->size;
        }
        index = n->kid[n->kid[0] == NONE];
    }
    return best;
}

/* The smallest range of at least @units in the trie at @index; NONE: none is. */
static uint32_t trie_fit(const plim_offsets *self, uint32_t index, uint32_t units)
{
    uint32_t best = NONE, best_size = UINT32_MAX, larger = NONE, path = size_path(units);
    while (index != NONE) {
        const node *n = at(self, index);
        if (n->size >= units && n->size < best_size) {
            best = index;
            best_size = n->size;
            if (n->size == units) {
                return best;
            }
        }
        if (path >> 31) {
            index = n->kid[1];
        } else {
            larger = n->kid[1] != NONE ? n->kid[1] : larger;
            index = n->kid[0];
        }
        path <<= 1;
    }
    uint32_t least = trie_least(self, larger);
    return least != NONE && at(self, least)->size < best_size ? least : best;
}

/* The next class above @c that holds a range; false: none does. */
static bool next_class(const plim_offsets *self, size_class *c)
{
    uint32_t second = self->second_map[c->first] & (UINT32_MAX << c->second << 1);
    if (second == 0) {
        uint32_t above = self->first_map & (UINT32_MAX << c->first << 1);
        if (above == 0) {
            return false;
        }
        c->first = (uint32_t)__builtin_ctz(above);
        second = self->second_map[c->first];
    }
    c->second = (uint32_t)__builtin_ctz(second);
    return true;
}

/* The smallest range between blocks that holds @units; NONE: there is none. */
static uint32_t sizes_fit(const plim_offsets *self, uint32_t units)
{
    size_class c = class_of(units);
    uint32_t root = self->roots[c.first][c.second];
    uint32_t index = root == NONE ? NONE : trie_fit(self, root, units);
    if (index == NONE && next_class(self, &c)) {
        index = trie_least(self, self->roots[c.first][c.second]);
    }
    return index;
}

/* Of the smallest ranges that hold @units in each of LOW_CLASSES classes, the lowest. */
static uint32_t sizes_fit_low(const plim_offsets *self, uint32_t units)
{
    size_class c = class_of(units);
    uint32_t root = self->roots[c.first][c.second];
    uint32_t best = root == NONE ? NONE : trie_fit(self, root, units);
    for (uint32_t left = LOW_CLASSES - (best != NONE); left > 0 && next_class(self, &c); left--) {
        uint32_t index = trie_least(self, self->roots[c.first][c.second]);
        if (best == NONE || at(self, index)->offset < at(self, best)->offset) {
            best = index;
        }
    }
    return best;
}

/* ---- nodes by address ---- */

static uint32_t node_take(plim_offsets *self)
{
    uint32_t index = self->unused;
    if (index == NONE) {
        PLIM_ASSERT(self->touched_count < self->node_count);
        return self->touched_count++;
    }
    self->unused = at(self, index)->next;
    return index;
}

/* A free node of the last units of @index from @offset on, which loses them. In no trie yet. */
static uint32_t split(plim_offsets *self, uint32_t index, uint32_t offset)
{
    uint32_t made = node_take(self);
    node *n = at(self, index), *m = at(self, made);
    uint32_t size = offset - n->offset;
    m->offset = offset;
    m->size = n->size - size;
    m->before = index;
    m->after = n->after;
    m->next = NONE;
    n->size = size;
    *(m->after == NONE ? &self->last : &at(self, m->after)->before) = made;
    n->after = made;
    self->free_count++;
    return made;
}

/* The node after @index is added to it. */
static void swallow(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    uint32_t gone = n->after;
    node *m = at(self, gone);
    n->size += m->size;
    n->after = m->after;
    *(m->after == NONE ? &self->last : &at(self, m->after)->before) = index;
    m->next = self->unused;
    self->unused = gone;
    self->free_count--;
}

/* ---- live blocks by offset ---- */

static void blocks_add(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    uint32_t path = scrambled(self, n->offset), up = NONE;
    uint32_t *link = slot_of(self, path);
    path <<= self->slot_bits;
    while (*link != NONE) {
        up = *link;
        link = &at(self, up)->kid[path >> 31];
        path <<= 1;
    }
    n->next = LIVE;
    trie_put(n, index, link, up);
}

/* NONE: no live block begins at @offset. */
static uint32_t blocks_find(const plim_offsets *self, uint64_t offset)
{
    uint64_t whole = offset >> self->unit_bits;
    if (whole << self->unit_bits != offset || whole >= self->units) {
        return NONE;
    }
    uint32_t unit = (uint32_t)whole, path = scrambled(self, unit);
    uint32_t index = *slot_of(self, path);
    path <<= self->slot_bits;
    while (index != NONE && at(self, index)->offset != unit) {
        index = at(self, index)->kid[path >> 31];
        path <<= 1;
    }
    return index;
}

/* ---- alloc ---- */

typedef struct request {
    uint32_t units, align; /* in units */
    uint32_t end_limit;
    bool is_high; /* as high in a range as it goes, instead of as low */
} request;

static inline bool request_of(const plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                              uint64_t end_limit, request *out)
{
    /* Size 0 becomes the largest number there is: one comparison for both. */
    if (size_bytes - 1 >= (uint64_t)self->units << self->unit_bits ||
        !bytes_is_power_of_two(align_bytes) || self->live_count == self->live_limit) {
        return false;
    }
    uint64_t align = align_bytes >> self->unit_bits, limit = end_limit >> self->unit_bits;
    out->units = (uint32_t)((size_bytes - 1) >> self->unit_bits) + 1;
    /* An alignment beyond the range leaves offset 0 only; so does the power of two above. */
    out->align = align == 0 ? 1 : align > self->units ? 1u << 31 : (uint32_t)align;
    out->end_limit = limit < self->units ? (uint32_t)limit : self->units;
    out->is_high = out->units >= self->large_units;
    return true;
}

/* Where the request would start inside a free node; false: it does not fit there. */
static inline bool fits(const node *n, const request *r, uint32_t *out_start)
{
    uint64_t mask = ~(uint64_t)(r->align - 1), end = (uint64_t)n->offset + n->size;
    end = end < r->end_limit ? end : r->end_limit;
    uint64_t start = ((uint64_t)n->offset + r->align - 1) & mask;
    if (start + r->units > end) {
        return false;
    }
    *out_start = (uint32_t)(r->is_high ? (end - r->units) & mask : start);
    return true;
}

static inline uint32_t find_tail(const plim_offsets *self, const request *r, uint32_t *out_start)
{
    const node *last = at(self, self->last);
    return !is_live(last) && fits(last, r, out_start) ? self->last : NONE;
}

/* Best fit between blocks, and the tail when that finds nothing. */
static inline uint32_t find(const plim_offsets *self, const request *r, uint32_t *out_start)
{
    bool is_low = self->large_units != UINT32_MAX && !r->is_high;
    uint32_t index = is_low ? sizes_fit_low(self, r->units) : sizes_fit(self, r->units);
    if (index == NONE) {
        return find_tail(self, r, out_start);
    }
    const node *n = at(self, index);
    *out_start = r->is_high ? n->offset + n->size - r->units : n->offset;
    return index;
}

/* For alignments above a unit. Up to ALIGNED_TRIES ranges by rising size, equal ones one after the
 * other; then the smallest in which the block fits wherever that begins. */
static __attribute__((noinline)) uint32_t find_aligned(const plim_offsets *self, const request *r,
                                                       uint32_t *out_start)
{
    uint64_t padded = (uint64_t)r->units + r->align - 1;
    uint32_t index = sizes_fit(self, r->units);
    for (uint32_t left = ALIGNED_TRIES; index != NONE && left > 0; left--) {
        const node *n = at(self, index);
        if (fits(n, r, out_start)) {
            return index;
        }
        index = n->next != NONE ? n->next : sizes_fit(self, n->size + 1);
    }
    if (index != NONE && padded <= self->units) {
        index = sizes_fit(self, (uint32_t)padded);
        if (index != NONE && fits(at(self, index), r, out_start)) {
            return index;
        }
    }
    return find_tail(self, r, out_start);
}

static uint32_t find_lowest(const plim_offsets *self, const request *r, uint32_t *out_start)
{
    uint32_t index = self->first;
    while (index != NONE && (is_live(at(self, index)) || !fits(at(self, index), r, out_start))) {
        index = at(self, index)->after;
    }
    return index;
}

/* @units from @start on become a block; what is left in front and behind stays free. */
static inline void take(plim_offsets *self, uint32_t index, uint32_t start, uint32_t units)
{
    if (index != self->last) {
        sizes_drop(self, index);
    }
    if (start > at(self, index)->offset) {
        uint32_t front = index;
        index = split(self, front, start);
        sizes_add(self, front);
    }
    if (units < at(self, index)->size) {
        uint32_t rest = split(self, index, start + units);
        if (rest != self->last) {
            sizes_add(self, rest);
        }
    }
    blocks_add(self, index);
    self->free_count--;
    self->live_count++;
    self->used_units += units;
}

ONE_PIECE bool plim_offsets_alloc(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                                  uint64_t end_limit, uint64_t *out_offset)
{
    request r;
    uint32_t start = 0;
    if (!request_of(self, size_bytes, align_bytes, end_limit, &r)) {
        return false;
    }
    uint32_t index = r.align == 1 ? find(self, &r, &start) : find_aligned(self, &r, &start);
    if (index == NONE) {
        return false;
    }
    take(self, index, start, r.units);
    *out_offset = (uint64_t)start << self->unit_bits;
    return true;
}

static bool alloc_seldom(plim_offsets *self, const request *r,
                         uint32_t (*find_in)(const plim_offsets *, const request *, uint32_t *),
                         uint64_t *out_offset)
{
    uint32_t start = 0, index = find_in(self, r, &start);
    if (index == NONE) {
        return false;
    }
    take(self, index, start, r->units);
    *out_offset = (uint64_t)start << self->unit_bits;
    return true;
}

bool plim_offsets_alloc_tail(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                             uint64_t end_limit, uint64_t *out_offset)
{
    request r;
    return request_of(self, size_bytes, align_bytes, end_limit, &r) &&
           alloc_seldom(self, &r, find_tail, out_offset);
}

bool plim_offsets_alloc_scan(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                             uint64_t end_limit, uint64_t *out_offset)
{
    request r;
    return request_of(self, size_bytes, align_bytes, end_limit, &r) &&
           alloc_seldom(self, &r, find_lowest, out_offset);
}

/* ---- free ---- */

ONE_PIECE uint64_t plim_offsets_free(plim_offsets *self, uint64_t offset)
{
    uint32_t index = blocks_find(self, offset);
    if (index == NONE) {
        return 0;
    }
    node *n = at(self, index);
    uint32_t units = n->size, after = n->after, before = n->before;
    trie_drop(self, slot_of(self, scrambled(self, n->offset)), index);
    n->next = NONE;
    self->live_count--;
    self->used_units -= units;
    self->free_count++;
    if (after != NONE && !is_live(at(self, after))) {
        if (after != self->last) {
            sizes_drop(self, after);
        }
        swallow(self, index);
    }
    if (before != NONE && !is_live(at(self, before))) {
        sizes_drop(self, before);
        swallow(self, before);
        index = before;
    }
    if (index != self->last) {
        sizes_add(self, index);
    }
    return (uint64_t)units << self->unit_bits;
}

/* ---- facts ---- */

uint64_t plim_offsets_block_bytes(const plim_offsets *self, uint64_t offset)
{
    uint32_t index = blocks_find(self, offset);
    return index == NONE ? 0 : (uint64_t)at(self, index)->size << self->unit_bits;
}

uint32_t plim_offsets_slot(const plim_offsets *self, uint64_t offset)
{
    return blocks_find(self, offset);
}

uint32_t plim_offsets_slot_limit(const plim_offsets *self)
{
    return self->node_count;
}

bool plim_offsets_ends_free(const plim_offsets *self, uint64_t offset)
{
    uint32_t index = blocks_find(self, offset);
    uint32_t before = index == NONE ? NONE : at(self, index)->before;
    return before != NONE && !is_live(at(self, before));
}

uint64_t plim_offsets_used_bytes(const plim_offsets *self)
{
    return (uint64_t)self->used_units << self->unit_bits;
}

uint64_t plim_offsets_largest_free_bytes(const plim_offsets *self)
{
    uint32_t largest = is_tail(self, self->last) ? at(self, self->last)->size : 0;
    if (self->first_map) {
        uint32_t first = log2_floor(self->first_map), second = log2_floor(self->second_map[first]);
        uint32_t index = self->roots[first][second];
        while (index != NONE) {
            const node *n = at(self, index);
            largest = n->size > largest ? n->size : largest;
            index = n->kid[n->kid[1] != NONE];
        }
    }
    return (uint64_t)largest << self->unit_bits;
}

uint64_t plim_offsets_end_of_use(const plim_offsets *self)
{
    bool has_tail = is_tail(self, self->last);
    return (uint64_t)(has_tail ? at(self, self->last)->offset : self->units) << self->unit_bits;
}

uint32_t plim_offsets_free_count(const plim_offsets *self)
{
    return self->free_count;
}

uint32_t plim_offsets_live_count(const plim_offsets *self)
{
    return self->live_count;
}

uint32_t plim_offsets_live_limit(const plim_offsets *self)
{
    return self->live_limit;
}

/* ---- building ---- */

typedef struct table_shape {
    uint32_t units, live, unit_bits, offset_bits, slot_bits;
} table_shape;

static bool shape(uint64_t size_bytes, uint32_t live_limit, uint64_t unit_bytes, table_shape *out)
{
    if (size_bytes == 0 || live_limit == 0 || live_limit > OFFSETS_BLOCK_MAX ||
        !bytes_is_power_of_two(unit_bytes) || unit_bytes < OFFSETS_UNIT ||
        unit_bytes > (uint64_t)1 << 30 || (size_bytes - 1) / unit_bytes >= OFFSETS_UNITS_MAX) {
        return false;
    }
    out->unit_bits = (uint32_t)__builtin_ctzll(unit_bytes);
    out->units = (uint32_t)((size_bytes - 1) / unit_bytes) + 1;
    out->live = live_limit < out->units ? live_limit : out->units;
    out->offset_bits = out->units == 1 ? 1 : log2_floor(out->units - 1) + 1;
    uint32_t slot_bits = out->live == 1 ? 1 : log2_floor(out->live - 1) + 2;
    out->slot_bits = slot_bits < out->offset_bits ? slot_bits : out->offset_bits;
    return true;
}

bool plim_offsets_footprint(uint64_t size_bytes, uint32_t live_limit, uint64_t unit_bytes,
                            uint64_t *out_bytes)
{
    table_shape s;
    if (!shape(size_bytes, live_limit, unit_bytes, &s)) {
        return false;
    }
    *out_bytes = sizeof(plim_offsets) + (2 * (uint64_t)s.live + 2) * sizeof(node) +
                 ((uint64_t)1 << s.slot_bits) * sizeof(uint32_t);
    return true;
}

plim_offsets *plim_offsets_init(void *memory, uint64_t size_bytes, uint32_t live_limit,
                                uint64_t unit_bytes)
{
    plim_offsets *self = memory;
    table_shape s;
    bool is_well = shape(size_bytes, live_limit, unit_bytes, &s);
    PLIM_ASSERT(is_well);
    if (!is_well) {
        return NULL;
    }
    memset(self, 0, sizeof(*self));
    self->units = s.units;
    self->live_limit = s.live;
    self->node_count = 2 * s.live + 2;
    self->unit_bits = s.unit_bits;
    self->offset_bits = s.offset_bits;
    self->slot_bits = s.slot_bits;
    memset(self->roots, 0xff, sizeof(self->roots));
    memset(slots_of(self), 0xff, sizeof(uint32_t) << s.slot_bits);
    self->large_units = UINT32_MAX;
    self->unused = NONE;
    self->first = self->last = node_take(self);
    self->free_count = 1;
    *at(self, self->first) = (node){.size = s.units,
                                    .before = NONE,
                                    .after = NONE,
                                    .kid = {NONE, NONE},
                                    .up = NONE,
                                    .next = NONE};
    return self;
}

void plim_offsets_use_two_ends(plim_offsets *self, uint64_t large_bytes)
{
    uint64_t units = ((large_bytes - 1) >> self->unit_bits) + 1;
    self->large_units = units < UINT32_MAX ? (uint32_t)units : UINT32_MAX;
}
