/* SPDX-License-Identifier: Apache-2.0 */
/* plan_improve.c - ejection search over windows: the planner's local search.
 *
 * Decides how a plan is made lower. The capacity is set below the height of the best plan; the
 * items that no longer fit are left out; then, step by step, one that is left out is put where
 * the least weight is in its way, and what is in its way is left out instead. When nothing is
 * left out the plan is lower, and the capacity goes down again.
 *
 * What makes it work is that items in place have no fixed offset, only an order. From the order
 * follow, as heads and tails do in a job shop, the lowest offset that each can have (everything
 * pushed down) and the highest (everything pushed up under the capacity). An item with size p
 * can lie at y without moving a neighbour out of the plan exactly when every neighbour either
 * ends at or below y when pushed down, or starts at or above y + p when pushed up. So all that
 * compaction could ever do for a gap is in one comparison, and the cost of every y follows from
 * one sweep over the neighbours: the intervals (high - p, low + size) that contain y are in the
 * way.
 *
 * Weights: an item that stays out gains weight until it gets its place from others; one just
 * put in may not be taken out for some steps. Both are as in weighting local searches for
 * graph colouring (PARTIALCOL: Bloechliger and Zufferey 2008) and squeaky wheels (Joslin and
 * Clements 1999); windows are the heads and tails of Carlier and Pinson 1989.
 *
 * Invariants between steps: `order` lists the items in place such that of two that are alive
 * together the lower comes first; low and high are tight for it; low <= high for each. Fixed
 * items are always in place.
 */
#include <string.h>

#include "arena/plan_improve.h"

#define IMPROVE_GROWTH 8u /* an item left out gains this part of its weight a step */
#define IMPROVE_TABU   6u /* this many steps and up to as many more nobody takes it out again */
#define PROBES_MAX     8u /* of the items left out, how many are asked where they would go */
#define WEIGHT_ONE     (UINT64_C(1) << 12)
#define WEIGHT_MAX     (UINT64_C(1) << 32)
#define WEIGHT_TABU    (UINT64_C(1) << 44)
#define WEIGHT_WALL    (UINT64_C(1) << 60) /* a fixed item is never in the way, it is the way */
#define ATTEMPT_MIN    (UINT64_C(1) << 15) /* steps without a lower plan before it begins anew */
#define HEIGHT_MAX     (UINT64_C(1) << 30)

typedef int32_t height; /* units of the search: the grid's, or a power of two more */

/* An item in place, as one that looks for a place sees it. */
typedef struct neighbour {
    height end, high;      /* its end pushed down, its start pushed up */
    uint32_t lower, upper; /* hull of its spans */
    uint64_t weight;
    uint32_t item;
} neighbour;

struct plan_improve {
    const plan_grid *grid;
    uint32_t count, placed_count, out_count;
    uint32_t shift; /* the search counts in units << shift */
    height capacity, bound, best;
    uint64_t best_bytes;
    uint64_t random, now, attempt_end, attempt_length;
    uint32_t rung;
    bool is_started;
    height *size, *align, *low, *high, *at, *best_at, *floors;
    uint32_t *lower, *upper;                  /* hull of an item's spans */
    uint32_t *order, *by_end, *by_high, *out; /* items in place, thrice, and left out */
    uint64_t *weight, *base, *tabu_until;
    neighbour *ends, *highs; /* the items in place by end and by high, for one step */
    bool *is_placed;
};

/* ---- memory ---- */

static bool take(unsigned char **at, const unsigned char *end, size_t count, size_t each, void *out)
{
    size_t bytes = (count * each + 15) & ~(size_t)15;
    if ((size_t)(end - *at) < bytes) {
        return false;
    }
    memcpy(out, at, sizeof(*at));
    *at += bytes;
    return true;
}

size_t plan_improve_scratch_bytes(const plan_grid *grid)
{
    size_t each = 6 * sizeof(height) + 6 * sizeof(uint32_t) + 3 * sizeof(uint64_t) +
                  2 * sizeof(neighbour) + sizeof(bool);
    size_t rounding = 19 * 16;
    return sizeof(plan_improve) + each * grid->item_count + sizeof(height) * grid->section_count +
           rounding;
}

static bool lay(plan_improve *self, unsigned char *at, const unsigned char *end)
{
    size_t n = self->count;
    return take(&at, end, n, sizeof(uint64_t), &self->weight) &&
           take(&at, end, n, sizeof(uint64_t), &self->base) &&
           take(&at, end, n, sizeof(uint64_t), &self->tabu_until) &&
           take(&at, end, n, sizeof(neighbour), &self->ends) &&
           take(&at, end, n, sizeof(neighbour), &self->highs) &&
           take(&at, end, n, sizeof(height), &self->size) &&
           take(&at, end, n, sizeof(height), &self->align) &&
           take(&at, end, n, sizeof(height), &self->low) &&
           take(&at, end, n, sizeof(height), &self->high) &&
           take(&at, end, n, sizeof(height), &self->at) &&
           take(&at, end, n, sizeof(height), &self->best_at) &&
           take(&at, end, self->grid->section_count, sizeof(height), &self->floors) &&
           take(&at, end, n, sizeof(uint32_t), &self->lower) &&
           take(&at, end, n, sizeof(uint32_t), &self->upper) &&
           take(&at, end, n, sizeof(uint32_t), &self->order) &&
           take(&at, end, n, sizeof(uint32_t), &self->by_end) &&
           take(&at, end, n, sizeof(uint32_t), &self->by_high) &&
           take(&at, end, n, sizeof(uint32_t), &self->out) &&
           take(&at, end, n, sizeof(bool), &self->is_placed);
}

/* ---- arithmetic ---- */

static uint32_t draw(plan_improve *self, uint32_t limit) /* xorshift64* */
{
    uint64_t x = self->random;
    x ^= x >> 12;
    x ^= x << 25;
    x ^= x >> 27;
    self->random = x;
    return (uint32_t)(((x * 0x2545f4914f6cdd1du) >> 32) * limit >> 32);
}

static height align_up(height at, height align)
{
    return align == 1 ? at : (at + align - 1) / align * align;
}

static height align_down(height at, height align)
{
    return align == 1 || at < 0 ? at : at / align * align;
}

static bool is_fixed(const plan_improve *self, uint32_t i)
{
    return self->grid->items[i].is_fixed;
}

static height fixed_at(const plan_improve *self, uint32_t i)
{
    return (height)(self->grid->items[i].earliest >> self->shift);
}

/* Several spans each: do any two of them meet? Both lists are sorted. */
static bool spans_meet(const plan_grid *grid, uint32_t a, uint32_t b)
{
    const plan_item *x = &grid->items[a], *y = &grid->items[b];
    const plan_span *s = grid->spans + x->first_span, *s_end = s + x->span_count;
    const plan_span *t = grid->spans + y->first_span, *t_end = t + y->span_count;
    while (s < s_end && t < t_end) {
        if (s->lower < t->upper && t->lower < s->upper) {
            return true;
        }
        if (s->upper <= t->upper) {
            s++;
        } else {
            t++;
        }
    }
    return false;
}

static bool live_together(const plan_improve *self, uint32_t a, uint32_t b)
{
    if (self->lower[a] >= self->upper[b] || self->lower[b] >= self->upper[a]) {
        return false;
    }
    const plan_item *items = self->grid->items;
    return items[a].span_count + items[b].span_count == 2 || spans_meet(self->grid, a, b);
}

/* ---- heads and tails ---- */

/* Four sections at a time: compilers see no such thing in a loop for the greatest. */
typedef height lanes __attribute__((vector_size(4 * sizeof(height))));

static lanes load_lanes(const height *from)
{
    lanes v;
    memcpy(&v, from, sizeof(v));
    return v;
}

static height greatest(const height *from, uint32_t count)
{
    height most = from[0];
    if (count >= 4) {
        lanes m = load_lanes(from);
        for (uint32_t k = 4; k < count; k += 4) {
            lanes v = load_lanes(from + (k + 4 <= count ? k : count - 4));
            lanes above = v > m;
            m = (v & above) | (m & ~above);
        }
        for (int k = 0; k < 4; k++) {
            most = m[k] > most ? m[k] : most;
        }
        return most;
    }
    for (uint32_t k = 1; k < count; k++) {
        most = from[k] > most ? from[k] : most;
    }
    return most;
}

static void fill(height *to, uint32_t count, height value)
{
    if (count >= 4) {
        lanes v = {value, value, value, value};
        for (uint32_t k = 0; k < count; k += 4) {
            memcpy(to + (k + 4 <= count ? k : count - 4), &v, sizeof(v));
        }
        return;
    }
    for (uint32_t k = 0; k < count; k++) {
        to[k] = value;
    }
}

/* The top of what lies in the item's sections so far. */
static height floor_under(const plan_improve *self, uint32_t i)
{
    const plan_item *item = &self->grid->items[i];
    const plan_span *span = self->grid->spans + item->first_span;
    height most = greatest(self->floors + span->lower, span->upper - span->lower);
    for (uint32_t k = 1; k < item->span_count; k++) {
        height more = greatest(self->floors + span[k].lower, span[k].upper - span[k].lower);
        most = more > most ? more : most;
    }
    return most;
}

static void raise_floor(plan_improve *self, uint32_t i, height to)
{
    const plan_item *item = &self->grid->items[i];
    const plan_span *span = self->grid->spans + item->first_span;
    for (uint32_t k = 0; k < item->span_count; k++) {
        fill(self->floors + span[k].lower, span[k].upper - span[k].lower, to);
    }
}

static void push_down(plan_improve *self)
{
    memset(self->floors, 0, self->grid->section_count * sizeof(height));
    for (uint32_t k = 0; k < self->placed_count; k++) {
        uint32_t i = self->order[k];
        height at = align_up(floor_under(self, i), self->align[i]);
        self->low[i] = is_fixed(self, i) ? fixed_at(self, i) : at;
        raise_floor(self, i, self->low[i] + self->size[i]);
    }
}

/* Upside down: floors hold how far from the capacity the lowest item above is. */
static void push_up(plan_improve *self)
{
    memset(self->floors, 0, self->grid->section_count * sizeof(height));
    for (uint32_t k = self->placed_count; k-- > 0;) {
        uint32_t i = self->order[k];
        height at = self->capacity - floor_under(self, i) - self->size[i];
        at = align_down(at, self->align[i]);
        self->high[i] = is_fixed(self, i) && fixed_at(self, i) < at ? fixed_at(self, i) : at;
        raise_floor(self, i, self->capacity - self->high[i]);
    }
}

/* Insertion sort: between two steps the lists hardly change. */
static void sort_by(uint32_t *list, uint32_t count, const height *key, const height *more)
{
    for (uint32_t k = 1; k < count; k++) {
        uint32_t moving = list[k], to = k;
        height at = key[moving] + (more ? more[moving] : 0);
        while (to > 0 && key[list[to - 1]] + (more ? more[list[to - 1]] : 0) > at) {
            list[to] = list[to - 1];
            to--;
        }
        list[to] = moving;
    }
}

/* All items in place, by a key that is anywhere: Shell's sort, gaps of Ciura. */
static void order_by_weight(plan_improve *self)
{
    static const uint32_t gaps[] = {8929, 3905, 1750, 701, 301, 132, 57, 23, 10, 4, 1};
    const uint64_t *key = self->weight;
    for (uint32_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        for (uint32_t k = gaps[g]; k < self->placed_count; k++) {
            uint32_t moving = self->order[k], to = k;
            while (to >= gaps[g] && key[self->order[to - gaps[g]]] > key[moving]) {
                self->order[to] = self->order[to - gaps[g]];
                to -= gaps[g];
            }
            self->order[to] = moving;
        }
    }
    memcpy(self->by_end, self->order, self->placed_count * sizeof(*self->order));
    memcpy(self->by_high, self->order, self->placed_count * sizeof(*self->order));
}

static void settle(plan_improve *self)
{
    push_down(self);
    push_up(self);
    sort_by(self->by_end, self->placed_count, self->low, self->size);
    sort_by(self->by_high, self->placed_count, self->high, NULL);
}

/* ---- in and out ---- */

static uint32_t keep_placed(const plan_improve *self, uint32_t *list)
{
    uint32_t kept = 0;
    for (uint32_t k = 0; k < self->placed_count; k++) {
        list[kept] = list[k];
        kept += self->is_placed[list[k]];
    }
    return kept;
}

static void forget_displaced(plan_improve *self)
{
    keep_placed(self, self->by_end);
    keep_placed(self, self->by_high);
    self->placed_count = keep_placed(self, self->order);
}

static void leave_out(plan_improve *self, uint32_t i)
{
    self->is_placed[i] = false;
    self->out[self->out_count++] = i;
}

static void list_placed(plan_improve *self, uint32_t i)
{
    self->is_placed[i] = true;
    self->order[self->placed_count] = i;
    self->by_end[self->placed_count] = i;
    self->by_high[self->placed_count] = i;
    self->placed_count++;
}

static uint64_t weight_of(const plan_improve *self, uint32_t j)
{
    if (is_fixed(self, j)) {
        return WEIGHT_WALL;
    }
    return self->tabu_until[j] > self->now ? WEIGHT_TABU + self->weight[j] : self->weight[j];
}

static neighbour look_at(const plan_improve *self, uint32_t j)
{
    return (neighbour){.end = self->low[j] + self->size[j],
                       .high = self->high[j],
                       .lower = self->lower[j],
                       .upper = self->upper[j],
                       .weight = weight_of(self, j),
                       .item = j};
}

static void look_around(plan_improve *self)
{
    for (uint32_t k = 0; k < self->placed_count; k++) {
        self->ends[k] = look_at(self, self->by_end[k]);
        self->highs[k] = look_at(self, self->by_high[k]);
    }
}

/* Is @j in the way of @u for some offset? Then for those above high - size and below its end. */
static bool is_in_way(const plan_improve *self, uint32_t u, const neighbour *j)
{
    return j->lower < self->upper[u] && self->lower[u] < j->upper &&
           j->end > j->high - self->size[u] + 1 &&
           (self->grid->span_count == self->count || spans_meet(self->grid, u, j->item));
}

/* The offset of @u with the least weight in its way; ties are drawn. Only 0 and ends of
 * neighbours are asked: what is in the way changes for the better nowhere else. */
static uint64_t find_place(plan_improve *self, uint32_t u, height *out_at)
{
    const neighbour *enters = self->highs, *leaves = self->ends;
    const neighbour *last = self->highs + self->placed_count;
    const neighbour *end = self->ends + self->placed_count;
    const height size = self->size[u];
    uint64_t in_way = 0, least = UINT64_MAX;
    uint32_t ties = 0;
    for (height at = 0; at <= self->capacity - size;) {
        for (; enters < last && enters->high - size + 1 <= at; enters++) {
            in_way += is_in_way(self, u, enters) ? enters->weight : 0;
        }
        for (; leaves < end && leaves->end <= at; leaves++) {
            in_way -= is_in_way(self, u, leaves) ? leaves->weight : 0;
        }
        ties = in_way < least ? 1 : ties + (in_way == least);
        if (in_way < least || (in_way == least && draw(self, ties) == 0)) {
            least = in_way;
            *out_at = at;
        }
        while (leaves < end && !is_in_way(self, u, leaves)) {
            leaves++;
        }
        if (leaves == end) {
            break;
        }
        at = align_up(leaves->end, self->align[u]);
    }
    return least;
}

/* Puts @u at @at: what can lie below is pushed down, all else up, and what can do neither
 * leaves. */
static void put_in(plan_improve *self, uint32_t u, height at)
{
    for (uint32_t k = 0; k < self->placed_count; k++) {
        uint32_t j = self->order[k];
        bool below = self->low[j] + self->size[j] <= at;
        self->at[j] = below ? self->low[j] : self->high[j];
        if (!below && self->high[j] < at + self->size[u] && live_together(self, u, j)) {
            leave_out(self, j);
        }
    }
    forget_displaced(self);
    self->at[u] = at;
    self->tabu_until[u] = self->now + IMPROVE_TABU + draw(self, IMPROVE_TABU + 1);
    list_placed(self, u);
    sort_by(self->order, self->placed_count, self->at, NULL);
    settle(self);
}

static void grow_weights(plan_improve *self)
{
    bool is_large = false;
    for (uint32_t k = 0; k < self->out_count; k++) {
        uint32_t i = self->out[k];
        self->weight[i] += 1 + self->base[i] / IMPROVE_GROWTH;
        is_large = is_large || self->weight[i] > WEIGHT_MAX;
    }
    for (uint32_t i = 0; is_large && i < self->count; i++) {
        self->weight[i] = self->weight[i] / 2 + 1;
    }
}

static void step(plan_improve *self)
{
    uint32_t asked = self->out_count < PROBES_MAX ? self->out_count : PROBES_MAX;
    uint32_t first = draw(self, self->out_count), found = 0, ties = 0;
    int64_t least = INT64_MAX;
    height at = 0;
    look_around(self);
    for (uint32_t k = 0; k < asked; k++) {
        uint32_t slot = first + k < self->out_count ? first + k : first + k - self->out_count;
        uint32_t u = self->out[slot];
        height there = 0;
        uint64_t in_way = find_place(self, u, &there);
        if (in_way >= WEIGHT_WALL) {
            continue;
        }
        int64_t cost = (int64_t)in_way - (int64_t)self->weight[u];
        ties = cost < least ? 1 : ties + (cost == least);
        if (cost < least || (cost == least && draw(self, ties) == 0)) {
            least = cost;
            found = slot;
            at = there;
        }
    }
    self->now++;
    grow_weights(self);
    if (least < INT64_MAX) {
        uint32_t u = self->out[found];
        self->out[found] = self->out[--self->out_count];
        put_in(self, u, at);
    }
}

/* ---- the way down ---- */

static height next_capacity(const plan_improve *self)
{
    static const uint32_t part[] = {8, 32, 1u << 30};
    height gap = self->best - self->bound;
    height to = self->best - 1 - gap / (height)part[self->rung];
    return to > self->bound ? to : self->bound;
}

/* Leaves out, lightest first, what is too high under the capacity. */
static void leave_out_too_high(plan_improve *self)
{
    for (;;) {
        uint32_t lightest = self->count;
        for (uint32_t k = 0; k < self->placed_count; k++) {
            uint32_t i = self->order[k];
            bool out = self->low[i] > self->high[i] && !is_fixed(self, i);
            if (out && (lightest == self->count || self->weight[i] < self->weight[lightest])) {
                lightest = i;
            }
        }
        if (lightest == self->count) {
            return;
        }
        leave_out(self, lightest);
        forget_displaced(self);
        settle(self);
    }
}

/* Everything back to where the best plan has it, under a lower capacity. */
static void begin_attempt(plan_improve *self)
{
    self->placed_count = self->out_count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        self->weight[i] = (uint64_t)self->best_at[i];
        self->tabu_until[i] = 0;
        list_placed(self, i);
    }
    order_by_weight(self);
    memcpy(self->weight, self->base, self->count * sizeof(*self->weight));
    self->capacity = next_capacity(self);
    settle(self);
    leave_out_too_high(self);
    self->attempt_end = self->now + self->attempt_length;
}

/* Nothing is left out: a lower plan. */
static void keep_best(plan_improve *self)
{
    const plan_item *items = self->grid->items;
    self->best = 0;
    self->best_bytes = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        height top = self->low[i] + self->size[i];
        uint64_t at = (uint64_t)self->low[i] << self->shift;
        uint64_t end = at * self->grid->unit_bytes + items[i].size_bytes;
        self->best = top > self->best ? top : self->best;
        self->best_bytes = end > self->best_bytes ? end : self->best_bytes;
        self->best_at[i] = self->low[i];
    }
}

static bool go_down(plan_improve *self)
{
    keep_best(self);
    if (self->best <= self->bound) {
        return false;
    }
    self->rung = 0;
    self->capacity = next_capacity(self);
    settle(self);
    leave_out_too_high(self);
    self->attempt_length = ATTEMPT_MIN;
    self->attempt_end = self->now + self->attempt_length;
    return true;
}

static void next_attempt(plan_improve *self)
{
    self->rung = (self->rung + 1) % 3;
    self->attempt_length *= self->rung == 0 ? 2 : 1;
    begin_attempt(self);
}

bool plan_improve_run(plan_improve *self, const plan_improve_ask *ask, uint64_t *steps)
{
    uint64_t before = self->best_bytes, begun = self->now;
    uint64_t goal = ask->goal_bytes ? ask->goal_bytes : self->grid->bound_bytes;
    if (!self->is_started) {
        return false;
    }
    self->random ^= ask->seed * 0x9e3779b97f4a7c15u;
    self->random += self->random == 0;
    bool goes_on = self->best_bytes > goal && self->best > self->bound;
    while (goes_on && (ask->step_limit == 0 || self->now - begun < ask->step_limit)) {
        if (self->out_count == 0) {
            goes_on = go_down(self) && self->best_bytes > goal;
            continue;
        }
        if (self->now % 64 == 0 && ask->should_stop && ask->should_stop(ask->context)) {
            break;
        }
        if (self->now >= self->attempt_end) {
            next_attempt(self);
        }
        if (self->out_count > 0) {
            step(self);
        }
    }
    if (steps) {
        *steps += self->now - begun;
    }
    return self->best_bytes < before;
}

/* ---- beginning and end ---- */

/* Weight of an item at the start: by its share of the bound. */
static void weigh(plan_improve *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        uint64_t share = (uint64_t)self->size[i] * 64 * WEIGHT_ONE / ((uint64_t)self->bound + 1);
        self->base[i] = WEIGHT_ONE / 16 + share;
    }
}

plan_improve *plan_improve_init(const plan_grid *grid, void *scratch, size_t scratch_bytes)
{
    if (!scratch || (uintptr_t)scratch % 16 || scratch_bytes < plan_improve_scratch_bytes(grid)) {
        return NULL;
    }
    plan_improve *self = scratch;
    *self = (plan_improve){.grid = grid, .count = grid->item_count, .random = 0x5851f42d4c957f2du};
    unsigned char *at = (unsigned char *)scratch + ((sizeof(*self) + 15) & ~(size_t)15);
    if (!lay(self, at, (unsigned char *)scratch + scratch_bytes)) {
        return NULL;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &grid->items[i];
        self->lower[i] = grid->spans[item->first_span].lower;
        self->upper[i] = grid->spans[item->first_span + item->span_count - 1].upper;
    }
    return self;
}

/* How coarse must the search count, so that a height fits? */
static bool choose_shift(plan_improve *self, uint64_t height_units)
{
    self->shift = 0;
    while ((height_units >> self->shift) + self->count >= HEIGHT_MAX) {
        self->shift++;
    }
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &self->grid->items[i];
        uint64_t mask = (UINT64_C(1) << self->shift) - 1;
        if (item->is_fixed && (item->earliest & mask)) {
            return false;
        }
        self->size[i] = (height)((item->size + mask) >> self->shift);
        uint64_t align = item->align >> self->shift;
        self->align[i] = align > 1 ? (height)align : 1;
    }
    return true;
}

bool plan_improve_start(plan_improve *self, const uint64_t *offsets_bytes)
{
    const plan_grid *grid = self->grid;
    uint64_t unit = grid->unit_bytes, sum = 0, fixed_end = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &grid->items[i];
        uint64_t end = item->is_fixed ? item->earliest + item->size : 0;
        sum += item->size + item->align - 1;
        fixed_end = end > fixed_end ? end : fixed_end;
    }
    if (!choose_shift(self, sum + fixed_end)) {
        return false;
    }
    uint64_t bound = grid->bound_bytes / unit + (grid->bound_bytes % unit != 0);
    self->bound = (height)(bound >> self->shift);
    self->placed_count = self->out_count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        self->weight[i] = offsets_bytes[grid->items[i].piece];
        list_placed(self, i);
    }
    order_by_weight(self);
    weigh(self);
    memcpy(self->weight, self->base, self->count * sizeof(*self->weight));
    memset(self->tabu_until, 0, self->count * sizeof(*self->tabu_until));
    self->capacity = (height)HEIGHT_MAX;
    settle(self);
    self->now = 0;
    keep_best(self);
    self->is_started = true;
    return true;
}

uint64_t plan_improve_best(const plan_improve *self, uint64_t *offsets_bytes)
{
    for (uint32_t i = 0; offsets_bytes && i < self->count; i++) {
        uint64_t at = (uint64_t)self->best_at[i] << self->shift;
        offsets_bytes[self->grid->items[i].piece] = at * self->grid->unit_bytes;
    }
    return self->best_bytes;
}
