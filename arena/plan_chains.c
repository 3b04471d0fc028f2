/* SPDX-License-Identifier: Apache-2.0 */
/* plan_chains.c - heads and tails of a plan that changes one item at a time.
 *
 * Decides where items lie when only their order is given. In every section those in place are
 * linked from the floor to the capacity; an item lies on the highest end below it (its head), or
 * hangs under the lowest start above it (its tail). When one comes or goes, only items whose
 * head or tail really changes are visited, in the order of their old values: those of a chain
 * rise strictly, so each is visited once. Links of an item that was taken out stay, and put it
 * back at once (Knuth's dancing links).
 *
 * Invariants, for items in place: low is the least and high the greatest offset that the links
 * allow, a fixed item's low being where it is fixed; both rise strictly along a chain. Nothing
 * here needs low <= high.
 */
#include "arena/plan_chains.h"

#include <string.h>

/* ---- memory ---- */

static void *cut(unsigned char **at, size_t count, size_t each)
{
    void *taken = *at;
    *at += (count * each + 15) & ~(size_t)15;
    return taken;
}

static size_t hull(const plan_grid *grid, uint32_t i)
{
    const plan_span *first = &grid->spans[grid->items[i].first_span];
    return first[grid->items[i].span_count - 1].upper - first->lower;
}

static size_t cell_count(const plan_grid *grid)
{
    size_t cells = 2 * (size_t)grid->section_count;
    if (!grid->spans) {
        return cells + (size_t)grid->item_count * grid->section_count;
    }
    for (uint32_t i = 0; i < grid->item_count; i++) {
        cells += hull(grid, i);
    }
    return cells;
}

size_t plan_chains_bytes(const plan_grid *grid)
{
    size_t items = (size_t)grid->item_count + 2;
    size_t each = sizeof(plan_place) + sizeof(uint16_t) + sizeof(bool);
    return items * each + cell_count(grid) * 2 * sizeof(uint16_t) + 5 * 16;
}

void plan_chains_lay(plan_chains *self, const plan_grid *grid, unsigned char **at)
{
    const uint32_t n = grid->item_count, sections = grid->section_count;
    const size_t items = (size_t)n + 2, cells = cell_count(grid);
    *self = (plan_chains){.grid = grid, .count = n};
    self->places = cut(at, items, sizeof(plan_place));
    self->waits = cut(at, items, sizeof(uint16_t));
    self->below = cut(at, cells, sizeof(uint16_t));
    self->above = cut(at, cells, sizeof(uint16_t));
    self->is_above = cut(at, items, sizeof(bool));
    memset(self->is_above, 0, items);
    self->is_above[n + 1] = true;
    uint32_t cell = 0;
    for (uint32_t i = 0; i < n; i++) {
        const plan_item *item = &grid->items[i];
        const plan_span *first = &grid->spans[item->first_span];
        self->places[i] = (plan_place){.cells = cell - first->lower,
                                       .lower = (uint16_t)first->lower,
                                       .upper = (uint16_t)first[item->span_count - 1].upper,
                                       .is_fixed = item->is_fixed,
                                       .has_gaps = item->span_count > 1};
        cell += (uint32_t)hull(grid, i);
    }
    for (uint32_t i = n; i < n + 2; i++) {
        self->places[i] = (plan_place){.cells = cell, .upper = (uint16_t)sections, .align = 1};
        cell += sections;
    }
}

/* ---- arithmetic ---- */

plan_height plan_align_up(plan_height at, plan_height align)
{
    return align == 1 ? at : (at + align - 1) / align * align;
}

plan_height plan_align_down(plan_height at, plan_height align)
{
    return align == 1 || at < 0 ? at : at / align * align;
}

bool plan_chains_measure(plan_chains *self, uint64_t height_units, uint32_t *shift)
{
    const plan_grid *grid = self->grid;
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &grid->items[i];
        uint64_t end = item->size + (item->is_fixed ? item->earliest : item->align);
        height_units = end > height_units ? end : height_units;
    }
    *shift = 0;
    while ((height_units >> *shift) + self->count >= (uint64_t)PLAN_CHAINS_HEIGHT_MAX / 2) {
        ++*shift;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &grid->items[i];
        plan_place *place = &self->places[i];
        uint64_t mask = (UINT64_C(1) << *shift) - 1, align = item->align >> *shift;
        if (item->is_fixed) {
            if (item->earliest & mask) {
                return false;
            }
            place->low = (plan_height)(item->earliest >> *shift);
        }
        place->size = (plan_height)((item->size + mask) >> *shift);
        place->align = align > 1 ? (plan_height)align : 1;
    }
    return true;
}

/* ---- who moves next ---- */

/* @item waits in the bucket of @at, a distance from the end where chains begin. */
static void queue(plan_chains *self, uint32_t item, plan_height at)
{
    uint32_t bucket = (uint32_t)(at < 0 ? 0 : at) >> self->bucket_shift;
    bucket = bucket < PLAN_CHAINS_BUCKETS ? bucket : PLAN_CHAINS_BUCKETS - 1;
    uint32_t word = bucket / 64;
    uint64_t bit = UINT64_C(1) << bucket % 64;
    self->waits[item] = self->bits[word] & bit ? self->first[bucket] : (uint16_t)self->count;
    self->first[bucket] = (uint16_t)item;
    self->bits[word] |= bit;
    self->word = word < self->word ? word : self->word;
    self->places[item].is_queued = true;
}

/* The one that waits in the lowest bucket; false when none does. */
static bool unqueue(plan_chains *self, uint32_t *item)
{
    while (self->bits[self->word] == 0) {
        if (++self->word == PLAN_CHAINS_BUCKETS / 64) {
            self->word--;
            return false;
        }
    }
    uint32_t bucket = self->word * 64 + (uint32_t)__builtin_ctzll(self->bits[self->word]);
    *item = self->first[bucket];
    self->first[bucket] = self->waits[*item];
    if (self->waits[*item] == self->count) {
        self->bits[self->word] &= self->bits[self->word] - 1;
    }
    self->places[*item].is_queued = false;
    return true;
}

/* ---- heads and tails ---- */

/* The spans of an item, one after the other. */
typedef struct walk {
    const plan_span *next, *end;
    uint32_t from, to; /* cells of the span it is at */
} walk;

static walk walk_of(const plan_chains *self, uint32_t i)
{
    const plan_place *place = &self->places[i];
    walk w = {.from = place->cells + place->lower, .to = place->cells + place->upper};
    if (place->has_gaps) {
        w.next = self->grid->spans + self->grid->items[i].first_span;
        w.end = w.next + self->grid->items[i].span_count;
        w.to = place->cells + w.next->upper;
        w.next++;
    }
    return w;
}

static bool walk_on(const plan_chains *self, uint32_t i, walk *w)
{
    if (w->next == w->end) {
        return false;
    }
    w->from = self->places[i].cells + w->next->lower;
    w->to = self->places[i].cells + w->next->upper;
    w->next++;
    return true;
}

static plan_height head(const plan_chains *self, uint32_t i)
{
    const plan_place *places = self->places;
    plan_height most = 0;
    walk w = walk_of(self, i);
    if (places[i].is_fixed) {
        return places[i].low;
    }
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            plan_height end = places[self->below[cell]].end;
            most = end > most ? end : most;
        }
    } while (walk_on(self, i, &w));
    return plan_align_up(most, places[i].align);
}

static plan_height tail(const plan_chains *self, uint32_t i)
{
    const plan_place *places = self->places;
    plan_height least = self->capacity;
    walk w = walk_of(self, i);
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            plan_height high = places[self->above[cell]].high;
            least = high < least ? high : least;
        }
    } while (walk_on(self, i, &w));
    least = plan_align_down(least - places[i].size, places[i].align);
    return places[i].is_fixed && places[i].low < least ? places[i].low : least;
}

/* Those whose head may fall because the end of @i, which lies or lay below, was at @end. */
static void queue_held_up(plan_chains *self, uint32_t i, plan_height end)
{
    uint32_t last = self->count;
    walk w = walk_of(self, i);
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            uint32_t a = self->above[cell];
            const plan_place *place = &self->places[a];
            if (a != last && end + place->align > place->low && !place->is_queued) {
                queue(self, a, place->low);
            }
            last = a;
        }
    } while (walk_on(self, i, &w));
}

static void queue_held_down(plan_chains *self, uint32_t i, plan_height high)
{
    uint32_t last = self->count;
    walk w = walk_of(self, i);
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            uint32_t b = self->below[cell];
            const plan_place *place = &self->places[b];
            if (b != last && high - place->align < place->high + place->size && !place->is_queued) {
                queue(self, b, self->capacity - place->high);
            }
            last = b;
        }
    } while (walk_on(self, i, &w));
}

/* Raises those right above @i to its end; a fixed one stays. */
static void push_up_from(plan_chains *self, uint32_t i)
{
    const plan_height end = self->places[i].end;
    uint32_t last = self->count;
    walk w = walk_of(self, i);
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            uint32_t a = self->above[cell];
            plan_place *place = &self->places[a];
            if (a != last && end > place->low && !place->is_fixed) {
                if (!place->is_queued) {
                    queue(self, a, place->low);
                }
                place->low = plan_align_up(end, place->align);
                place->end = place->low + place->size;
            }
            last = a;
        }
    } while (walk_on(self, i, &w));
}

static void push_down_from(plan_chains *self, uint32_t i)
{
    const plan_height high = self->places[i].high;
    uint32_t last = self->count;
    walk w = walk_of(self, i);
    do {
        for (uint32_t cell = w.from; cell != w.to; cell++) {
            uint32_t b = self->below[cell];
            plan_place *place = &self->places[b];
            if (b != last && high < place->high + place->size) {
                if (!place->is_queued) {
                    queue(self, b, self->capacity - place->high);
                }
                place->high = plan_align_down(high - place->size, place->align);
            }
            last = b;
        }
    } while (walk_on(self, i, &w));
}

static void fall(plan_chains *self)
{
    for (uint32_t i; unqueue(self, &i);) {
        plan_place *place = &self->places[i];
        plan_height low = head(self, i), end = place->end;
        if (low < place->low) {
            place->low = low;
            place->end = low + place->size;
            queue_held_up(self, i, end);
        }
    }
}

static void rise(plan_chains *self)
{
    for (uint32_t i; unqueue(self, &i);) {
        plan_height high = tail(self, i), before = self->places[i].high;
        if (high > before) {
            self->places[i].high = high;
            queue_held_down(self, i, before);
        }
    }
}

/* ---- in and out ---- */

void plan_chains_take(plan_chains *self, uint32_t item)
{
    plan_place *places = self->places;
    walk w = walk_of(self, item);
    places[item].is_placed = false;
    do {
        uint32_t s = w.from - places[item].cells;
        for (uint32_t cell = w.from; cell != w.to; cell++, s++) {
            uint32_t b = self->below[cell], a = self->above[cell];
            self->above[(uint32_t)(places[b].cells + s)] = (uint16_t)a;
            self->below[(uint32_t)(places[a].cells + s)] = (uint16_t)b;
        }
    } while (walk_on(self, item, &w));
    queue_held_up(self, item, places[item].end);
    fall(self);
    queue_held_down(self, item, places[item].high);
    rise(self);
}

void plan_chains_put_back(plan_chains *self, uint32_t item)
{
    plan_place *places = self->places;
    walk w = walk_of(self, item);
    places[item].is_placed = true;
    do {
        uint32_t s = w.from - places[item].cells;
        for (uint32_t cell = w.from; cell != w.to; cell++, s++) {
            uint32_t b = self->below[cell], a = self->above[cell];
            self->above[(uint32_t)(places[b].cells + s)] = (uint16_t)item;
            self->below[(uint32_t)(places[a].cells + s)] = (uint16_t)item;
        }
    } while (walk_on(self, item, &w));
    places[item].low = head(self, item);
    places[item].end = places[item].low + places[item].size;
    push_up_from(self, item);
    for (uint32_t i; unqueue(self, &i);) {
        push_up_from(self, i);
    }
    places[item].high = tail(self, item);
    push_down_from(self, item);
    for (uint32_t i; unqueue(self, &i);) {
        push_down_from(self, i);
    }
}

void plan_chains_put(plan_chains *self, uint32_t item)
{
    plan_place *places = self->places;
    const uint32_t floor = self->count;
    uint32_t b = floor;
    walk w = walk_of(self, item);
    do {
        uint32_t s = w.from - places[item].cells;
        for (uint32_t cell = w.from; cell != w.to; cell++, s++) {
            b = places[b].has_gaps || places[b].upper <= s ? floor : b;
            uint32_t a = self->above[(uint32_t)(places[b].cells + s)];
            while (!self->is_above[a]) {
                b = a;
                a = self->above[(uint32_t)(places[b].cells + s)];
            }
            self->below[cell] = (uint16_t)b;
            self->above[cell] = (uint16_t)a;
        }
    } while (walk_on(self, item, &w));
    plan_chains_put_back(self, item);
}

bool plan_chains_build(plan_chains *self, const uint16_t *order, uint32_t count,
                       plan_height capacity)
{
    const uint32_t floor = self->count, top = floor + 1;
    plan_place *places = self->places;
    self->capacity = capacity;
    memset(self->bits, 0, sizeof(self->bits));
    self->word = PLAN_CHAINS_BUCKETS / 64 - 1;
    self->bucket_shift = 0;
    while (capacity >> self->bucket_shift >= (plan_height)PLAN_CHAINS_BUCKETS) {
        self->bucket_shift++;
    }
    places[floor].low = places[floor].high = -PLAN_CHAINS_HEIGHT_MAX;
    places[top].low = PLAN_CHAINS_HEIGHT_MAX;
    places[top].high = capacity;
    for (uint32_t i = 0; i < self->count + 2; i++) {
        places[i].is_placed = places[i].is_queued = false;
    }
    for (uint32_t s = 0; s < self->grid->section_count; s++) {
        self->above[places[floor].cells + s] = (uint16_t)top;
        self->below[places[top].cells + s] = (uint16_t)floor;
    }
    for (uint32_t k = 0; k < count; k++) {
        uint32_t i = order[k];
        walk w = walk_of(self, i);
        places[i].is_placed = true;
        do {
            for (uint32_t cell = w.from; cell != w.to; cell++) {
                uint32_t s = cell - places[i].cells, b = self->below[places[top].cells + s];
                self->below[cell] = (uint16_t)b;
                self->above[cell] = (uint16_t)top;
                self->above[(uint32_t)(places[b].cells + s)] = (uint16_t)i;
                self->below[places[top].cells + s] = (uint16_t)i;
            }
        } while (walk_on(self, i, &w));
        places[i].low = head(self, i);
        places[i].end = places[i].low + places[i].size;
        if (places[i].end >= PLAN_CHAINS_HEIGHT_MAX) {
            return false;
        }
    }
    for (uint32_t k = count; k-- > 0;) {
        places[order[k]].high = tail(self, order[k]);
    }
    return true;
}
