/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.c - two-level segregated fit over offsets (offsets.h says how and why).
 *
 * Invariants (plim_offsets_check):
 *   nodes in address order cover [0, units) without gap or overlap, none is empty;
 *   no two free nodes touch; a free node is in the list of its class, and a class's bits are
 *   set exactly when its list is not empty; a live node is in the chain of its offset;
 *   live, free and unused nodes are all the nodes there are.
 */
#include "arena/offsets.h"

#include <stddef.h>
#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"

#define SECOND_BITS  5u
#define SECOND_COUNT (1u << SECOND_BITS)
#define FIRST_COUNT  28u
#define NONE         UINT32_MAX       /* end of a list */
#define LIVE         (UINT32_MAX - 1) /* in prev: this node is a block, and next is its chain */

typedef struct node {
    uint32_t offset;        /* in units; the size is the distance to the node after */
    uint32_t before, after; /* neighbours by address */
    uint32_t prev, next;    /* free: its class's list; live: see LIVE; unused: next only */
} node;

struct plim_offsets {
    uint32_t units, live_limit, live_count, node_count;
    uint32_t first, last, unused; /* by address; list of unused nodes */
    uint32_t bucket_mask;
    uint32_t used_units;
    uint32_t first_map, second_map[FIRST_COUNT];
    uint32_t heads[FIRST_COUNT][SECOND_COUNT];
};

_Static_assert(sizeof(node) == 20, "the figure in offsets.h and arena.h");
_Static_assert(sizeof(plim_offsets) % _Alignof(node) == 0, "nodes follow the head");

static node *nodes_of(const plim_offsets *self)
{
    return (node *)((uintptr_t)self + sizeof(*self));
}

static node *at(const plim_offsets *self, uint32_t index)
{
    return nodes_of(self) + index;
}

static uint32_t *bucket_of(const plim_offsets *self, uint32_t offset)
{
    uint32_t *buckets = (uint32_t *)(nodes_of(self) + self->node_count);
    uint32_t mixed = offset * 0x9e3779b1u; /* golden ratio; the high bits are the good ones */
    return buckets + ((mixed ^ (mixed >> 15)) & self->bucket_mask);
}

static uint32_t end_of(const plim_offsets *self, const node *n)
{
    return n->after == NONE ? self->units : at(self, n->after)->offset;
}

static uint32_t size_of(const plim_offsets *self, const node *n)
{
    return end_of(self, n) - n->offset;
}

/* ---- classes ---- */

typedef struct class_of {
    uint32_t first, second;
} class_of;

static uint32_t log2_floor(uint32_t n)
{
    return 31u - (uint32_t)__builtin_clz(n);
}

/* The class whose ranges include @units. */
static class_of class_down(uint32_t units)
{
    if (units < SECOND_COUNT) {
        return (class_of){0, units};
    }
    uint32_t top = log2_floor(units);
    return (class_of){top - SECOND_BITS + 1, (units >> (top - SECOND_BITS)) & (SECOND_COUNT - 1)};
}

/* The lowest class all of whose ranges hold @units. */
static class_of class_up(uint32_t units)
{
    if (units >= SECOND_COUNT) {
        units += (1u << (log2_floor(units) - SECOND_BITS)) - 1; /* stays below 2^32 */
    }
    return class_down(units);
}

/* The head of the first list at or above @c; NONE: all empty. */
static uint32_t first_at_or_above(const plim_offsets *self, class_of c)
{
    if (c.first >= FIRST_COUNT) {
        return NONE;
    }
    uint32_t second = self->second_map[c.first] & (UINT32_MAX << c.second);
    if (second == 0) {
        uint32_t above = c.first + 1 < 32 ? self->first_map & (UINT32_MAX << (c.first + 1)) : 0;
        if (above == 0) {
            return NONE;
        }
        c.first = (uint32_t)__builtin_ctz(above);
        second = self->second_map[c.first];
    }
    return self->heads[c.first][__builtin_ctz(second)];
}

static void list_add(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    class_of c = class_down(size_of(self, n));
    uint32_t *head = &self->heads[c.first][c.second];
    n->prev = NONE;
    n->next = *head;
    if (*head != NONE) {
        at(self, *head)->prev = index;
    }
    *head = index;
    self->first_map |= 1u << c.first;
    self->second_map[c.first] |= 1u << c.second;
}

/* Called while the node still has the size it was added with. */
static void list_remove(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    if (n->next != NONE) {
        at(self, n->next)->prev = n->prev;
    }
    if (n->prev != NONE) {
        at(self, n->prev)->next = n->next;
        return;
    }
    class_of c = class_down(size_of(self, n));
    self->heads[c.first][c.second] = n->next;
    if (n->next == NONE) {
        self->second_map[c.first] &= ~(1u << c.second);
        if (self->second_map[c.first] == 0) {
            self->first_map &= ~(1u << c.first);
        }
    }
}

/* ---- nodes by address ---- */

static uint32_t node_take(plim_offsets *self)
{
    uint32_t index = self->unused;
    PLIM_ASSERT(index != NONE);
    self->unused = at(self, index)->next;
    return index;
}

static void node_give(plim_offsets *self, uint32_t index)
{
    at(self, index)->next = self->unused;
    self->unused = index;
}

/* A new node from @offset to the end of @index, which is cut there. In no list yet. */
static uint32_t split(plim_offsets *self, uint32_t index, uint32_t offset)
{
    uint32_t made = node_take(self);
    node *n = at(self, index), *m = at(self, made);
    m->offset = offset;
    m->before = index;
    m->after = n->after;
    *(m->after == NONE ? &self->last : &at(self, m->after)->before) = made;
    n->after = made;
    return made;
}

/* @index goes; whoever is before it reaches over its room, or the node after begins there. */
static void unlink_node(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    *(n->before == NONE ? &self->first : &at(self, n->before)->after) = n->after;
    *(n->after == NONE ? &self->last : &at(self, n->after)->before) = n->before;
    node_give(self, index);
}

/* ---- live blocks by offset ---- */

static void chain_add(plim_offsets *self, uint32_t index)
{
    node *n = at(self, index);
    uint32_t *bucket = bucket_of(self, n->offset);
    n->prev = LIVE;
    n->next = *bucket;
    *bucket = index;
}

/* The link that points at the block of @offset; NULL: none begins there. */
static uint32_t *chain_find(const plim_offsets *self, uint64_t offset)
{
    if (offset % OFFSETS_UNIT || offset / OFFSETS_UNIT >= self->units) {
        return NULL;
    }
    uint32_t unit = (uint32_t)(offset / OFFSETS_UNIT);
    uint32_t *link = bucket_of(self, unit);
    while (*link != NONE && at(self, *link)->offset != unit) {
        link = &at(self, *link)->next;
    }
    return *link == NONE ? NULL : link;
}

/* ---- alloc ---- */

typedef struct request {
    uint32_t units, align; /* in units */
    uint32_t end_limit;
} request;

static bool request_of(const plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                       uint64_t end_limit, request *out)
{
    uint64_t size = 0;
    if (size_bytes == 0 || !bytes_is_power_of_two(align_bytes) ||
        !bytes_align_up(size_bytes, OFFSETS_UNIT, &size) || size / OFFSETS_UNIT > self->units ||
        self->live_count == self->live_limit) {
        return false;
    }
    uint64_t align = align_bytes / OFFSETS_UNIT;
    uint64_t limit = end_limit / OFFSETS_UNIT;
    out->units = (uint32_t)(size / OFFSETS_UNIT);
    /* An alignment beyond the range leaves offset 0 only; so does the power of two above. */
    out->align = align == 0 ? 1 : align > self->units ? 1u << 31 : (uint32_t)align;
    out->end_limit = limit < self->units ? (uint32_t)limit : self->units;
    return true;
}

/* Where the request would start inside a free node; false: it does not fit there. */
static bool fits(const plim_offsets *self, const node *n, const request *r, uint32_t *out_start)
{
    uint64_t start = ((uint64_t)n->offset + r->align - 1) & ~(uint64_t)(r->align - 1);
    uint64_t end = start + r->units;
    *out_start = (uint32_t)start;
    return end <= end_of(self, n) && end <= r->end_limit;
}

static uint32_t find_quick(const plim_offsets *self, const request *r)
{
    uint64_t padded = (uint64_t)r->units + r->align - 1;
    return padded > self->units ? NONE : first_at_or_above(self, class_up((uint32_t)padded));
}

static uint32_t find_exact(const plim_offsets *self, const request *r)
{
    class_of c = class_down(r->units);
    for (; c.first < FIRST_COUNT; c.first++, c.second = 0) {
        for (; c.second < SECOND_COUNT; c.second++) {
            uint32_t best = NONE, start = 0, lowest = UINT32_MAX;
            for (uint32_t i = self->heads[c.first][c.second]; i != NONE; i = at(self, i)->next) {
                if (fits(self, at(self, i), r, &start) && start < lowest) {
                    best = i;
                    lowest = start;
                }
            }
            if (best != NONE) {
                return best;
            }
        }
    }
    return NONE;
}

bool plim_offsets_alloc(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                        bool is_exact, uint64_t end_limit, uint64_t *out_offset)
{
    request r;
    uint32_t start = 0;
    if (!request_of(self, size_bytes, align_bytes, end_limit, &r)) {
        return false;
    }
    uint32_t index = is_exact ? find_exact(self, &r) : find_quick(self, &r);
    if (index == NONE || !fits(self, at(self, index), &r, &start)) {
        return false;
    }
    list_remove(self, index);
    if (start > at(self, index)->offset) {
        uint32_t block = split(self, index, start);
        list_add(self, index);
        index = block;
    }
    if (start + r.units < end_of(self, at(self, index))) {
        list_add(self, split(self, index, start + r.units));
    }
    chain_add(self, index);
    self->live_count++;
    self->used_units += r.units;
    *out_offset = (uint64_t)start * OFFSETS_UNIT;
    return true;
}

/* ---- free ---- */

static bool is_free(const plim_offsets *self, uint32_t index)
{
    return index != NONE && at(self, index)->prev != LIVE;
}

bool plim_offsets_free(plim_offsets *self, uint64_t offset)
{
    uint32_t *link = chain_find(self, offset);
    if (!link) {
        return false;
    }
    uint32_t index = *link;
    node *n = at(self, index);
    *link = n->next;
    self->live_count--;
    self->used_units -= size_of(self, n);
    if (is_free(self, n->after)) {
        list_remove(self, n->after);
        unlink_node(self, n->after);
    }
    if (is_free(self, n->before)) {
        uint32_t before = n->before;
        list_remove(self, before);
        unlink_node(self, index);
        index = before;
    }
    list_add(self, index);
    return true;
}

/* ---- facts ---- */

uint64_t plim_offsets_block_bytes(const plim_offsets *self, uint64_t offset)
{
    const uint32_t *link = chain_find(self, offset);
    return link ? (uint64_t)size_of(self, at(self, *link)) * OFFSETS_UNIT : 0;
}

uint64_t plim_offsets_used_bytes(const plim_offsets *self)
{
    return (uint64_t)self->used_units * OFFSETS_UNIT;
}

uint64_t plim_offsets_largest_free_bytes(const plim_offsets *self)
{
    uint32_t largest = 0;
    if (self->first_map) {
        uint32_t first = log2_floor(self->first_map), second = log2_floor(self->second_map[first]);
        for (uint32_t i = self->heads[first][second]; i != NONE; i = at(self, i)->next) {
            uint32_t units = size_of(self, at(self, i));
            largest = units > largest ? units : largest;
        }
    }
    return (uint64_t)largest * OFFSETS_UNIT;
}

uint64_t plim_offsets_end_of_use(const plim_offsets *self)
{
    const node *last = at(self, self->last);
    return (uint64_t)(last->prev == LIVE ? self->units : last->offset) * OFFSETS_UNIT;
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

static bool shape(uint64_t size_bytes, uint32_t live_limit, uint32_t *out_units, uint32_t *out_live,
                  uint32_t *out_buckets)
{
    if (size_bytes == 0 || size_bytes > OFFSETS_SIZE_MAX || live_limit == 0 ||
        live_limit > OFFSETS_BLOCK_MAX) {
        return false;
    }
    *out_units = (uint32_t)((size_bytes + OFFSETS_UNIT - 1) / OFFSETS_UNIT);
    *out_live = live_limit < *out_units ? live_limit : *out_units;
    *out_buckets = *out_live <= 1 ? 1 : 2u << log2_floor(*out_live - 1);
    return true;
}

bool plim_offsets_footprint(uint64_t size_bytes, uint32_t live_limit, uint64_t *out_bytes)
{
    uint32_t units, live, buckets;
    if (!shape(size_bytes, live_limit, &units, &live, &buckets)) {
        return false;
    }
    *out_bytes = sizeof(plim_offsets) + (2 * (uint64_t)live + 2) * sizeof(node) +
                 (uint64_t)buckets * sizeof(uint32_t);
    return true;
}

plim_offsets *plim_offsets_init(void *memory, uint64_t size_bytes, uint32_t live_limit)
{
    plim_offsets *self = memory;
    uint32_t units, live, buckets;
    bool is_well = shape(size_bytes, live_limit, &units, &live, &buckets);
    PLIM_ASSERT(is_well);
    if (!is_well) {
        return NULL;
    }
    memset(self, 0, sizeof(*self));
    self->units = units;
    self->live_limit = live;
    self->node_count = 2 * live + 2;
    self->bucket_mask = buckets - 1;
    memset(self->heads, 0xff, sizeof(self->heads));
    memset(nodes_of(self) + self->node_count, 0xff, buckets * sizeof(uint32_t));
    self->unused = NONE;
    for (uint32_t i = self->node_count; i > 0; i--) {
        node_give(self, i - 1);
    }
    uint32_t whole = node_take(self);
    *at(self, whole) = (node){0, NONE, NONE, NONE, NONE};
    self->first = self->last = whole;
    list_add(self, whole);
    return self;
}

/* ---- check ---- */

static bool is_listed(const plim_offsets *self, uint32_t index)
{
    class_of c = class_down(size_of(self, at(self, index)));
    uint32_t i = self->heads[c.first][c.second];
    for (uint32_t steps = 0; i != NONE && i != index && steps < self->node_count; steps++) {
        i = at(self, i)->next;
    }
    return i == index;
}

static const char *check_classes(const plim_offsets *self, uint32_t free_count)
{
    uint32_t listed = 0;
    for (uint32_t f = 0; f < FIRST_COUNT; f++) {
        for (uint32_t s = 0; s < SECOND_COUNT; s++) {
            uint32_t head = self->heads[f][s];
            if ((head != NONE) != ((self->second_map[f] >> s & 1) != 0)) {
                return "offsets: a class's bit does not match its list";
            }
            for (uint32_t i = head; i != NONE && listed <= free_count; i = at(self, i)->next) {
                listed++;
            }
        }
        if ((self->second_map[f] != 0) != ((self->first_map >> f & 1) != 0)) {
            return "offsets: a first-level bit does not match its classes";
        }
    }
    return listed == free_count ? NULL : "offsets: the lists hold other nodes than the free ones";
}

const char *plim_offsets_check(const plim_offsets *self)
{
    uint32_t count = 0, live = 0, before = NONE, offset = 0;
    uint64_t used = 0;
    for (uint32_t i = self->first; i != NONE; before = i, i = at(self, i)->after) {
        const node *n = at(self, i);
        if (++count > self->node_count || n->before != before || n->offset != offset) {
            return "offsets: nodes do not cover the range in order";
        }
        offset = end_of(self, n);
        if (offset <= n->offset || offset > self->units) {
            return "offsets: an empty node, or one past the end";
        }
        if (n->prev == LIVE) {
            uint32_t *link = chain_find(self, (uint64_t)n->offset * OFFSETS_UNIT);
            if (!link || *link != i) {
                return "offsets: a live block is not found by its offset";
            }
            live++;
            used += size_of(self, n);
        } else if (is_free(self, before)) {
            return "offsets: two free ranges touch";
        } else if (!is_listed(self, i)) {
            return "offsets: a free range is not in its class";
        }
    }
    uint32_t unused = 0;
    for (uint32_t i = self->unused; i != NONE && unused <= self->node_count;
         i = at(self, i)->next) {
        unused++;
    }
    if (offset != self->units || before != self->last || live != self->live_count ||
        used != self->used_units || count + unused != self->node_count) {
        return "offsets: the totals do not add up";
    }
    return check_classes(self, count - live);
}
