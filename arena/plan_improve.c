/* SPDX-License-Identifier: Apache-2.0 */
/* plan_improve.c - guided ejection over an order: the planner's local search.
 *
 * Decides how a plan is made lower. The capacity is set below the height of the best plan; the
 * items that no longer fit are left out; then, step by step, the largest of them is put in.
 * When nothing is left out the plan is lower, and the capacity goes down again.
 *
 * What makes it work is that items in place have no fixed offset, only an order, as operations
 * have in a job shop: see plan_chains.h. Where an item can go is a cut through its neighbours in
 * place, sorted by heads or by tails: those before it stay below, the others above. It fits
 * there when the highest end of those below, its size and the longest tail of those above are
 * within the capacity; all that compaction could ever do for a gap is in this comparison.
 *   - Fits it at some cuts, then it goes to one of them, drawn.
 *   - Else its weight goes up by its share of the bound, and at the cut where their weights sum to
 *     the least, up to five of those in the way are left out instead. So the weight tells how
 *     often, and for how much, an item had to be put in by force: those hard to place stay.
 *   - Then some of its neighbours are taken out and put in elsewhere at random, if they fit: a
 *     walk on the plateau, without which the same few items eject each other for ever.
 *
 * After Nagata and Tojo 2009 (guided ejection search for job shops) and Nagata and Ono 2018; here a
 * section is a machine, and an item an operation on many machines at once. Heads and tails:
 * Carlier and Pinson 1989.
 *
 * Invariants between steps: the chains hold all items in place, low <= high for each. Fixed items
 * are always in place.
 */
#include "arena/plan_improve.h"

#include <string.h>

#include "arena/plan_chains.h"

#define EJECTED_MAX 5u /* for one that is put in by force */
#define SEEN_MAX    (EJECTED_MAX + 1)
#define MOVES       3u                  /* on the plateau, after each ejection */
#define WALL        (UINT64_C(1) << 40) /* a fixed item is never in the way, it is the way */
#define ATTEMPT_MIN (UINT64_C(1) << 16) /* steps without a lower plan before it begins anew */

/* A neighbour in place, as one that looks for a place sees it. */
typedef struct neighbour {
    plan_height end, high; /* its end pushed down, its start pushed up */
    uint32_t item;
} neighbour;

/* What leaves so that another fits: some of those below with the highest ends, some of those
 * above with the lowest starts. */
typedef struct ejection {
    uint64_t count;
    uint32_t cut, below_count, above_count;
    uint16_t below[SEEN_MAX], above[SEEN_MAX];
} ejection;

struct plan_improve {
    const plan_grid *grid;
    plan_chains chains;
    uint32_t count, out_count, seen_count;
    uint32_t shift; /* the search counts in units << shift */
    plan_height bound, best, goal;
    uint64_t best_bytes;
    uint64_t random, now, attempt_end, attempt_length;
    uint32_t rung;
    bool is_started, only_goal;
    plan_height *best_at, *free_below; /* free_below[k]: the lowest start of those seen from k on */
    uint64_t *forced; /* the weight: how often an item was put in by force; WALL when fixed */
    uint64_t *keys;
    uint64_t *area; /* size times sections */
    neighbour *seen;
    uint32_t *near_from;          /* items near item i: near[near_from[i]] up to the next */
    uint16_t *by_low, *by_high;   /* neighbours of each, kept nearly sorted by either */
    uint16_t *order, *out, *fits; /* all by offset; left out; cuts where one fits */
    uint16_t *lowest;             /* of those seen from k on, SEEN_MAX with the lowest starts */
};

/* ---- memory ---- */

static void *cut_memory(unsigned char **at, size_t count, size_t each)
{
    void *taken = *at;
    *at += (count * each + 15) & ~(size_t)15;
    return taken;
}

size_t plan_improve_scratch_bytes(const plan_grid *grid)
{
    if (grid->item_count > PLAN_CHAINS_ITEMS_MAX) {
        return 0;
    }
    size_t each = 2 * sizeof(plan_height) + 3 * sizeof(uint64_t) + sizeof(neighbour) +
                  sizeof(uint32_t) + (3 + SEEN_MAX) * sizeof(uint16_t);
    size_t items = (size_t)grid->item_count + 1, rounding = 15 * 16;
    return sizeof(plan_improve) + plan_chains_bytes(grid) + each * items +
           (size_t)grid->pair_count * 2 * sizeof(uint16_t) + rounding;
}

static void lay(plan_improve *self, unsigned char *at)
{
    const size_t n = (size_t)self->count + 1, pairs = (size_t)self->grid->pair_count;
    self->forced = cut_memory(&at, n, sizeof(uint64_t));
    self->keys = cut_memory(&at, n, sizeof(uint64_t));
    self->area = cut_memory(&at, n, sizeof(uint64_t));
    self->seen = cut_memory(&at, n, sizeof(neighbour));
    self->best_at = cut_memory(&at, n, sizeof(plan_height));
    self->free_below = cut_memory(&at, n, sizeof(plan_height));
    self->near_from = cut_memory(&at, n, sizeof(uint32_t));
    self->order = cut_memory(&at, n, sizeof(uint16_t));
    self->out = cut_memory(&at, n, sizeof(uint16_t));
    self->fits = cut_memory(&at, n, sizeof(uint16_t));
    self->lowest = cut_memory(&at, n, SEEN_MAX * sizeof(uint16_t));
    self->by_low = cut_memory(&at, pairs, sizeof(uint16_t));
    self->by_high = cut_memory(&at, pairs, sizeof(uint16_t));
    plan_chains_lay(&self->chains, self->grid, &at);
}

static void list_neighbours(plan_improve *self)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        self->near_from[i] = count;
        for (uint32_t j = 0; j < self->count; j++) {
            if (i != j && plan_grid_meet(self->grid, i, j)) {
                self->by_low[count] = self->by_high[count] = (uint16_t)j;
                count++;
            }
        }
    }
    self->near_from[self->count] = count;
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

/* Insertion sort: lists of neighbours hardly change between two looks at them. */
static void sort(uint64_t *keys, uint32_t count)
{
    for (uint32_t k = 1; k < count; k++) {
        uint64_t moving = keys[k];
        uint32_t to = k;
        for (; to > 0 && keys[to - 1] > moving; to--) {
            keys[to] = keys[to - 1];
        }
        keys[to] = moving;
    }
}

/* ---- where one can go ---- */

/* Lists the neighbours in place of @u, by heads or by tails as drawn; either is an order in which
 * no chain goes back. */
static void look_around(plan_improve *self, uint32_t u)
{
    const plan_place *places = self->chains.places;
    const bool by_high = draw(self, 2);
    const uint32_t from = self->near_from[u], count = self->near_from[u + 1] - from;
    uint16_t *list = (by_high ? self->by_high : self->by_low) + from;
    uint32_t seen = 0;
    for (uint32_t k = 0; k < count; k++) {
        const plan_place *place = &places[list[k]];
        int64_t at = (by_high ? place->high : place->low) + (int64_t)PLAN_CHAINS_HEIGHT_MAX;
        self->keys[k] = (uint64_t)at << 16 | list[k];
    }
    sort(self->keys, count);
    for (uint32_t k = 0; k < count; k++) {
        uint32_t j = (uint16_t)self->keys[k];
        const plan_place *place = &places[j];
        list[k] = (uint16_t)j;
        self->seen[seen] = (neighbour){.end = place->end, .high = place->high, .item = j};
        seen += place->is_placed;
    }
    self->seen_count = seen;
}

/* Puts @u at the cut: those seen before it stay below. */
static void put_at(plan_improve *self, uint32_t u, uint32_t cut)
{
    for (uint32_t k = 0; k < self->seen_count; k++) {
        self->chains.is_above[self->seen[k].item] = k >= cut;
    }
    plan_chains_put(&self->chains, u);
}

/* Puts @u somewhere where nothing is in its way. */
static bool put_freely(plan_improve *self, uint32_t u)
{
    const plan_height size = self->chains.places[u].size, align = self->chains.places[u].align;
    uint32_t fits = 0;
    plan_height free = self->chains.capacity, floor = 0;
    for (uint32_t k = self->seen_count; k-- > 0;) {
        free = self->seen[k].high < free ? self->seen[k].high : free;
        self->free_below[k] = free;
    }
    self->free_below[self->seen_count] = self->chains.capacity;
    for (uint32_t k = 0;; k++) {
        if (plan_align_up(floor, align) + size <= self->free_below[k]) {
            self->fits[fits++] = (uint16_t)k;
        }
        if (k == self->seen_count) {
            break;
        }
        floor = self->seen[k].end > floor ? self->seen[k].end : floor;
    }
    if (fits == 0) {
        return false;
    }
    put_at(self, u, self->fits[draw(self, fits)]);
    return true;
}

/* ---- by force ---- */

static void list_lowest(plan_improve *self)
{
    uint32_t count = 0;
    for (uint32_t k = self->seen_count; k-- > 0;) {
        uint16_t *list = self->lowest + (size_t)k * SEEN_MAX;
        plan_height high = self->seen[k].high;
        memcpy(list, list + SEEN_MAX, count * sizeof(*list));
        uint32_t to = count < SEEN_MAX ? count++ : SEEN_MAX;
        for (; to > 0 && self->seen[list[to - 1]].high > high; to--) {
            if (to < SEEN_MAX) {
                list[to] = list[to - 1];
            }
        }
        if (to < SEEN_MAX) {
            list[to] = (uint16_t)k;
        }
    }
}

/* One more below: of these the highest ends are kept. */
static uint32_t add_highest(const plan_improve *self, uint16_t *list, uint32_t count, uint32_t k)
{
    uint32_t to = count < SEEN_MAX ? count : SEEN_MAX;
    uint32_t now = count < SEEN_MAX ? count + 1 : SEEN_MAX;
    for (; to > 0 && self->seen[list[to - 1]].end < self->seen[k].end; to--) {
        if (to < SEEN_MAX) {
            list[to] = list[to - 1];
        }
    }
    if (to < SEEN_MAX) {
        list[to] = (uint16_t)k;
    }
    return now;
}

/* The least sum at this cut, over how many of those below and of those above leave. */
static void weigh_cut(plan_improve *self, uint32_t u, uint32_t cut, const uint16_t *below,
                      uint32_t below_count, ejection *least, uint32_t *ties)
{
    const neighbour *seen = self->seen;
    const uint16_t *above = self->lowest + (size_t)cut * SEEN_MAX;
    const uint32_t left = self->seen_count - cut, above_count = left < SEEN_MAX ? left : SEEN_MAX;
    const plan_height size = self->chains.places[u].size, align = self->chains.places[u].align;
    uint64_t sums[SEEN_MAX] = {0}, sum = 0;
    uint32_t j = above_count < EJECTED_MAX ? above_count : EJECTED_MAX;
    for (uint32_t k = 0; k < j; k++) {
        sums[k + 1] = sums[k] + self->forced[seen[above[k]].item];
    }
    for (uint32_t i = 0; i <= below_count && i <= EJECTED_MAX; i++) {
        sum += i ? self->forced[seen[below[i - 1]].item] : 0;
        if (sum > least->count) {
            break;
        }
        plan_height end = i < below_count ? seen[below[i]].end : 0;
        end = plan_align_up(end, align) + size;
        if (end > (j < above_count ? seen[above[j]].high : self->chains.capacity)) {
            continue;
        }
        while (j > 0 && end <= seen[above[j - 1]].high) {
            j--;
        }
        uint64_t both = sum + sums[j];
        if (i + j > EJECTED_MAX || both > least->count) {
            continue;
        }
        *ties = both < least->count ? 1 : *ties + 1;
        if (both < least->count || draw(self, *ties) == 0) {
            *least = (ejection){.count = both, .cut = cut, .below_count = i, .above_count = j};
            memcpy(least->below, below, i * sizeof(*below));
            memcpy(least->above, above, j * sizeof(*above));
        }
    }
}

static void leave_out(plan_improve *self, uint32_t i)
{
    plan_chains_take(&self->chains, i);
    self->out[self->out_count++] = (uint16_t)i;
}

/* Puts @u in and leaves out what is in the way. */
static bool put_by_force(plan_improve *self, uint32_t u)
{
    ejection least = {.count = WALL - 1};
    uint16_t below[SEEN_MAX];
    uint32_t below_count = 0, ties = 0;
    list_lowest(self);
    for (uint32_t cut = 0;; cut++) {
        weigh_cut(self, u, cut, below, below_count, &least, &ties);
        if (cut == self->seen_count) {
            break;
        }
        below_count = add_highest(self, below, below_count, cut);
    }
    if (ties == 0) {
        return false;
    }
    for (uint32_t k = 0; k < least.below_count; k++) {
        leave_out(self, self->seen[least.below[k]].item);
    }
    for (uint32_t k = 0; k < least.above_count; k++) {
        leave_out(self, self->seen[least.above[k]].item);
    }
    put_at(self, u, least.cut);
    return true;
}

/* ---- a step ---- */

/* Takes some neighbours of @u out and puts them in again where they fit. */
static void move_around(plan_improve *self, uint32_t u)
{
    const uint32_t from = self->near_from[u], count = self->near_from[u + 1] - from;
    for (uint32_t k = 0; k < MOVES && count > 0; k++) {
        uint32_t v = self->by_low[from + draw(self, count)];
        if (!self->chains.places[v].is_placed || self->chains.places[v].is_fixed) {
            continue;
        }
        plan_chains_take(&self->chains, v);
        look_around(self, v);
        if (!put_freely(self, v)) {
            plan_chains_put_back(&self->chains, v);
        }
    }
}

/* Of those left out the one with the greatest area: what is small finds a place beside what is
 * large later, but not the other way round. */
static uint32_t take_largest(plan_improve *self)
{
    uint32_t largest = 0;
    for (uint32_t k = 1; k < self->out_count; k++) {
        largest = self->area[self->out[k]] > self->area[self->out[largest]] ? k : largest;
    }
    uint32_t u = self->out[largest];
    self->out[largest] = self->out[--self->out_count];
    return u;
}

/* Whoever is large is harder to place: by its share of the bound. */
static uint64_t growth(const plan_improve *self, uint32_t i)
{
    return 4 + (uint64_t)self->chains.places[i].size * 256 / ((uint64_t)self->bound + 1);
}

static void step(plan_improve *self)
{
    uint32_t u = take_largest(self);
    self->now++;
    look_around(self, u);
    if (put_freely(self, u)) {
        return;
    }
    self->forced[u] += growth(self, u);
    if (!put_by_force(self, u)) { /* later, when others have moved */
        uint32_t slot = draw(self, self->out_count + 1);
        self->out[self->out_count++] = self->out[slot];
        self->out[slot] = (uint16_t)u;
    }
    move_around(self, u);
}

/* ---- the way down ---- */

static plan_height next_capacity(const plan_improve *self)
{
    static const uint32_t part[] = {8, 32, 1u << 30};
    plan_height gap = self->best - self->bound;
    plan_height to = self->best - 1 - gap / (plan_height)part[self->rung];
    to = self->only_goal && self->goal < to ? self->goal : to;
    return to > self->bound ? to : self->bound;
}

/* All items by a key that is anywhere: Shell's sort, gaps of Ciura. */
static void order_by(plan_improve *self, const plan_height *key)
{
    static const uint32_t gaps[] = {701, 301, 132, 57, 23, 10, 4, 1};
    uint16_t *order = self->order;
    for (uint32_t g = 0; g < sizeof(gaps) / sizeof(gaps[0]); g++) {
        for (uint32_t k = gaps[g]; k < self->count; k++) {
            uint16_t moving = order[k];
            uint32_t to = k;
            for (; to >= gaps[g] && key[order[to - gaps[g]]] > key[moving]; to -= gaps[g]) {
                order[to] = order[to - gaps[g]];
            }
            order[to] = moving;
        }
    }
}

/* Leaves out, one drawn after the other, what is too high under the capacity. */
static void leave_out_too_high(plan_improve *self)
{
    for (;;) {
        uint32_t found = self->count, ties = 0;
        for (uint32_t i = 0; i < self->count; i++) {
            const plan_place *place = &self->chains.places[i];
            if (place->is_placed && place->low > place->high && !place->is_fixed &&
                draw(self, ++ties) == 0) {
                found = i;
            }
        }
        if (found == self->count) {
            return;
        }
        leave_out(self, found);
    }
}

static void forget(plan_improve *self)
{
    for (uint32_t i = 0; i < self->count; i++) {
        self->forced[i] = self->chains.places[i].is_fixed ? WALL : 2 * growth(self, i);
    }
}

/* Everything to where the best plan has it, under a lower capacity. */
static void begin_attempt(plan_improve *self)
{
    self->out_count = 0;
    order_by(self, self->best_at);
    plan_chains_build(&self->chains, self->order, self->count, next_capacity(self));
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
        const plan_place *place = &self->chains.places[i];
        uint64_t at = (uint64_t)place->low << self->shift;
        uint64_t end = at * self->grid->unit_bytes + items[i].size_bytes;
        self->best = place->end > self->best ? place->end : self->best;
        self->best_bytes = end > self->best_bytes ? end : self->best_bytes;
        self->best_at[i] = place->low;
    }
}

static bool go_down(plan_improve *self)
{
    keep_best(self);
    if (self->best <= self->bound) {
        return false;
    }
    self->rung = 0;
    self->attempt_length = ATTEMPT_MIN;
    begin_attempt(self);
    return true;
}

static void next_attempt(plan_improve *self)
{
    self->rung = (self->rung + 1) % 3;
    self->attempt_length *= self->rung == 0 ? 2 : 1;
    forget(self);
    begin_attempt(self);
}

/* Rounded up: the last item may be shorter than its size in units. */
static plan_height goal_units(const plan_improve *self, uint64_t goal_bytes)
{
    uint64_t units = plan_grid_capacity(self->grid, goal_bytes) >> self->shift;
    return units < (uint64_t)self->best ? (plan_height)units : self->best;
}

bool plan_improve_run(plan_improve *self, const plan_improve_ask *ask, uint64_t *steps)
{
    uint64_t before = self->best_bytes, begun = self->now;
    uint64_t goal = ask->goal_bytes ? ask->goal_bytes : self->grid->bound_bytes;
    if (!self->is_started) {
        return false;
    }
    self->only_goal = ask->only_goal;
    self->goal = goal_units(self, goal);
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

plan_improve *plan_improve_init(const plan_grid *grid, void *scratch, size_t scratch_bytes)
{
    size_t need = plan_improve_scratch_bytes(grid);
    if (need == 0 || !scratch || (uintptr_t)scratch % 16 || scratch_bytes < need) {
        return NULL;
    }
    plan_improve *self = scratch;
    *self = (plan_improve){.grid = grid, .count = grid->item_count, .random = 0x5851f42d4c957f2du};
    lay(self, (unsigned char *)scratch + ((sizeof(*self) + 15) & ~(size_t)15));
    list_neighbours(self);
    for (uint32_t i = 0; i < self->count; i++) {
        const plan_item *item = &grid->items[i];
        self->area[i] = 0;
        for (uint32_t k = 0; k < item->span_count; k++) {
            const plan_span *span = &grid->spans[item->first_span + k];
            self->area[i] += (uint64_t)(span->upper - span->lower) * item->size;
        }
    }
    return self;
}

/* Items by the offsets of a plan; keys of 64 bits, so by insertion. */
static void order_by_offset(plan_improve *self, const uint64_t *offsets_bytes)
{
    for (uint32_t k = 0; k < self->count; k++) {
        uint64_t at = offsets_bytes[self->grid->items[k].piece];
        uint32_t to = k;
        for (; to > 0 && self->forced[to - 1] > at; to--) {
            self->forced[to] = self->forced[to - 1];
            self->order[to] = self->order[to - 1];
        }
        self->forced[to] = at;
        self->order[to] = (uint16_t)k;
    }
}

bool plan_improve_start(plan_improve *self, const uint64_t *offsets_bytes)
{
    const plan_grid *grid = self->grid;
    uint64_t unit = grid->unit_bytes, height = 0;
    self->is_started = false;
    for (uint32_t i = 0; i < self->count; i++) {
        uint64_t end = offsets_bytes[grid->items[i].piece] / unit + grid->items[i].size + 1;
        height = end > height ? end : height;
    }
    if (!plan_chains_measure(&self->chains, height, &self->shift)) {
        return false;
    }
    uint64_t bound = grid->bound_bytes / unit + (grid->bound_bytes % unit != 0);
    self->bound = (plan_height)(bound >> self->shift);
    order_by_offset(self, offsets_bytes);
    if (!plan_chains_build(&self->chains, self->order, self->count, PLAN_CHAINS_HEIGHT_MAX)) {
        return false;
    }
    forget(self);
    self->out_count = 0;
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
