/* SPDX-License-Identifier: Apache-2.0 */
/* plan_window.c - windows: the local search for plans that are too large for it.
 *
 * Decides where a large plan is worked on. Under a target below the plan's height, some pieces
 * end too high. One of them is drawn, and around its lifetime a stretch of time, as long as
 * there are so many pieces wholly within. These may move; all others that are alive meanwhile
 * stay where they are, as walls cut off at the target. The local search (plan_improve.c) is
 * asked for a plan of the stretch under the target; when it has one, the pieces move. With the
 * last piece that was too high, the plan is as low as the target, and the next one is set. When
 * windows fail, longer ones are tried with more steps, and then a target nearer to the plan.
 *
 * A large neighbourhood search as of Shaw 1998, whose neighbourhood is a time window, and whose
 * repair never needs the whole: work and memory of a window do not depend on the plan's size, but
 * for passes over the list of pieces.
 *
 * Invariants: @offsets are a sound plan at any time, and its height never rises.
 */
#include "arena/plan_window.h"

#include <string.h>

#include "arena/plan_improve.h"

#define SPANS_MAX     1024u /* in a window, walls included */
#define MOVABLE_MIN   128u  /* of the first windows; they double */
#define MOVABLE_MAX   512u
#define STEPS_FIRST   2048u
#define FAILURES      4u  /* in a row, before the next longer windows or a higher target */
#define PIECES_A_NODE 64u /* looking at so many pieces counts as a node */

typedef struct window {
    const plan_piece *pieces;
    const plan_span *spans;
    size_t count;
    const plan_lowest_ask *ask;
    plan_lowest_answer *answer;
    uint64_t *offsets;
    uint64_t target, unit, random;
    uint32_t from, to; /* steps of the stretch */
    uint32_t movable;  /* as many pieces may move */
    uint64_t step_limit;
    plan_piece *own; /* the stretch as a problem of its own */
    plan_span *own_spans;
    uint64_t *own_offsets;
    uint32_t *own_piece; /* which one it was */
    uint32_t own_count, own_span_count;
    unsigned char *memory;
} window;

static size_t up_to_64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

static plan_grid worst_grid(void)
{
    return (plan_grid){.item_count = SPANS_MAX,
                       .span_count = SPANS_MAX,
                       .section_count = SPANS_MAX,
                       .row_count = SPANS_MAX,
                       .pair_count = (uint64_t)SPANS_MAX * SPANS_MAX};
}

size_t plan_window_bytes(void)
{
    plan_grid worst = worst_grid();
    return 64 + up_to_64(SPANS_MAX * sizeof(plan_piece)) + up_to_64(SPANS_MAX * sizeof(plan_span)) +
           up_to_64(SPANS_MAX * sizeof(uint64_t)) + up_to_64(SPANS_MAX * sizeof(uint32_t)) +
           up_to_64(plan_grid_scratch_bytes(SPANS_MAX, SPANS_MAX)) +
           plan_improve_scratch_bytes(&worst);
}

static void lay(window *self, unsigned char *at)
{
    at += (64 - (uintptr_t)at % 64) % 64;
    self->own = (plan_piece *)(void *)at;
    at += up_to_64(SPANS_MAX * sizeof(plan_piece));
    self->own_spans = (plan_span *)(void *)at;
    at += up_to_64(SPANS_MAX * sizeof(plan_span));
    self->own_offsets = (uint64_t *)(void *)at;
    at += up_to_64(SPANS_MAX * sizeof(uint64_t));
    self->own_piece = (uint32_t *)(void *)at;
    self->memory = at + up_to_64(SPANS_MAX * sizeof(uint32_t));
}

static uint32_t draw(window *self, uint32_t limit) /* splitmix64 */
{
    uint64_t z = (self->random += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (uint32_t)((uint64_t)(uint32_t)(z >> 16) * limit >> 32);
}

/* ---- which stretch ---- */

static uint64_t end_of(const window *self, size_t i)
{
    return self->offsets[i] + self->pieces[i].size_bytes;
}

static plan_span hull(const window *self, size_t i)
{
    const plan_span *first = self->spans + self->pieces[i].first_span;
    return (plan_span){first->lower, first[self->pieces[i].span_count - 1].upper};
}

static bool is_within(const window *self, size_t i)
{
    plan_span life = hull(self, i);
    return !self->pieces[i].is_fixed && self->from <= life.lower && life.upper <= self->to;
}

/* One that ends above the target; count when there is none. */
static size_t draw_high(window *self)
{
    size_t found = self->count;
    uint32_t ties = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (end_of(self, i) > self->target && !self->pieces[i].is_fixed &&
            draw(self, ++ties) == 0) {
            found = i;
        }
    }
    return found;
}

static void stretch(window *self, plan_span life, uint32_t by)
{
    self->from = life.lower > by ? life.lower - by : 0;
    self->to = life.upper < UINT32_MAX - by ? life.upper + by : UINT32_MAX;
}

/* Within it and on its borders; a stretch is too long when either is. */
static bool is_too_long(const window *self)
{
    size_t within = 0, spans = 0;
    for (size_t i = 0; i < self->count; i++) {
        plan_span life = hull(self, i);
        if (life.lower < self->to && self->from < life.upper) {
            within += is_within(self, i);
            spans += self->pieces[i].span_count;
        }
    }
    return within > self->movable || spans > SPANS_MAX;
}

/* As long as it may be, by halves; the lifetime itself at least. */
static bool choose_stretch(window *self, plan_span life)
{
    uint32_t by = 0;
    stretch(self, life, 0);
    if (is_too_long(self)) {
        return false;
    }
    for (uint32_t bit = UINT32_C(1) << 31; bit > 0; bit >>= 1) {
        stretch(self, life, by + bit);
        by += is_too_long(self) ? 0 : bit;
    }
    stretch(self, life, by);
    return true;
}

/* ---- the stretch as a problem of its own ---- */

static void add_piece(window *self, size_t i)
{
    const plan_piece *piece = &self->pieces[i];
    const bool is_wall = !is_within(self, i);
    plan_piece own = *piece;
    own.first_span = self->own_span_count;
    own.span_count = 0;
    if (is_wall) {
        own.is_fixed = true;
        own.offset_bytes = self->offsets[i];
        if (own.offset_bytes >= self->target) {
            return;
        }
        uint64_t room = self->target - own.offset_bytes;
        own.size_bytes = own.size_bytes < room ? own.size_bytes : room;
    }
    for (uint32_t k = 0; k < piece->span_count; k++) {
        plan_span span = self->spans[piece->first_span + k];
        span.lower = span.lower > self->from ? span.lower : self->from;
        span.upper = span.upper < self->to ? span.upper : self->to;
        if (span.lower < span.upper) {
            self->own_spans[self->own_span_count++] = span;
            own.span_count++;
        }
    }
    if (own.span_count > 0) {
        self->own_piece[self->own_count] = (uint32_t)i;
        self->own_offsets[self->own_count] = self->offsets[i];
        self->own[self->own_count++] = own;
    }
}

static void gather(window *self)
{
    self->own_count = self->own_span_count = 0;
    for (size_t i = 0; i < self->count; i++) {
        plan_span life = hull(self, i);
        if (life.lower < self->to && self->from < life.upper) {
            add_piece(self, i);
        }
    }
}

static uint64_t steps_left(const window *self)
{
    uint64_t limit = self->ask->node_limit, spent = self->answer->node_count;
    uint64_t left = limit > spent ? (limit - spent) / PLAN_LOWEST_NODES_A_STEP + 1 : 1;
    return limit && left < self->step_limit ? left : self->step_limit;
}

static bool solve(window *self)
{
    plan_grid grid;
    size_t bytes = plan_grid_scratch_bytes(self->own_count, self->own_span_count);
    if (!plan_grid_init(&grid, self->own, self->own_count, self->own_spans, self->own_span_count,
                        self->memory, bytes) ||
        grid.bound_bytes > self->target) {
        return false;
    }
    plan_improve *improve =
        plan_improve_init(&grid, self->memory + up_to_64(bytes), plan_improve_scratch_bytes(&grid));
    if (!improve || !plan_improve_start(improve, self->own_offsets)) {
        return false;
    }
    plan_improve_ask ask = {.goal_bytes = self->target,
                            .only_goal = true,
                            .seed = draw(self, UINT32_MAX),
                            .step_limit = steps_left(self),
                            .should_stop = self->ask->should_stop,
                            .context = self->ask->context};
    uint64_t steps = 0;
    plan_improve_run(improve, &ask, &steps);
    self->answer->node_count += steps * PLAN_LOWEST_NODES_A_STEP;
    if (plan_improve_best(improve, self->own_offsets) > self->target) {
        return false;
    }
    for (uint32_t k = 0; k < self->own_count; k++) {
        if (is_within(self, self->own_piece[k])) {
            self->offsets[self->own_piece[k]] = self->own_offsets[k];
        }
    }
    return true;
}

/* ---- the way down ---- */

static uint64_t floor_of(const window *self)
{
    uint64_t bound = self->answer->bound_bytes;
    return self->ask->goal_bytes > bound ? self->ask->goal_bytes : bound;
}

static bool is_done(const window *self)
{
    const plan_lowest_ask *ask = self->ask;
    return self->answer->height_bytes <= floor_of(self) ||
           (ask->node_limit != 0 && self->answer->node_count >= ask->node_limit) ||
           (ask->should_stop && ask->should_stop(ask->context));
}

/* What divides every offset and every height: all windows count in it. */
static uint64_t unit_of(const window *self)
{
    uint64_t unit = 0, align = UINT64_MAX;
    for (size_t i = 0; i < self->count; i++) {
        const plan_piece *piece = &self->pieces[i];
        uint64_t own = piece->align_bytes ? piece->align_bytes : 1, a = piece->size_bytes;
        align = own < align ? own : align;
        while (a != 0) {
            uint64_t rest = unit % a;
            unit = a;
            a = rest;
        }
    }
    return align > 1 ? align : unit;
}

/* A part of the way from the plan to the goal: 1/2, 1/4, ... and at least a unit. */
static void set_target(window *self, uint32_t halvings)
{
    uint64_t floor = floor_of(self), way = (self->answer->height_bytes - floor) >> halvings;
    uint64_t to = self->answer->height_bytes - (way ? way : 1);
    uint64_t whole = to - to % self->unit;
    self->target = whole > floor ? whole : floor;
}

static void tell_height(window *self)
{
    uint64_t height = 0;
    for (size_t i = 0; i < self->count; i++) {
        height = end_of(self, i) > height ? end_of(self, i) : height;
    }
    if (height < self->answer->height_bytes) {
        self->answer->height_bytes = height;
        self->answer->strategy = "windows";
        if (self->ask->improved) {
            self->ask->improved(self->ask->context, height, self->answer->bound_bytes);
        }
    }
}

void plan_window(const plan_piece *pieces, size_t piece_count, const plan_span *spans,
                 const plan_lowest_ask *ask, void *memory, uint64_t *offsets_bytes,
                 plan_lowest_answer *answer)
{
    window self = {.pieces = pieces,
                   .spans = spans,
                   .count = piece_count,
                   .ask = ask,
                   .answer = answer,
                   .offsets = offsets_bytes,
                   .random = ask->seed,
                   .movable = MOVABLE_MIN,
                   .step_limit = STEPS_FIRST};
    uint32_t halvings = 1, failures = 0;
    lay(&self, memory);
    self.unit = unit_of(&self);
    set_target(&self, halvings);
    while (!is_done(&self)) {
        size_t high = draw_high(&self);
        answer->node_count += piece_count / PIECES_A_NODE + 1;
        if (high == piece_count) { /* all are below: the next target */
            tell_height(&self);
            halvings = halvings > 1 ? halvings - 1 : 1;
            set_target(&self, halvings);
            failures = 0;
            continue;
        }
        bool is_solved = false;
        if (choose_stretch(&self, hull(&self, high))) {
            gather(&self);
            is_solved = solve(&self);
        }
        failures = is_solved ? 0 : failures + 1;
        if (failures == FAILURES) {
            failures = 0;
            if (halvings < 8) {
                halvings++;
            } else {
                halvings = 1;
                self.step_limit *= 2;
                self.movable = self.movable < MOVABLE_MAX ? 2 * self.movable : self.movable;
            }
            tell_height(&self);
            set_target(&self, halvings);
        }
    }
    tell_height(&self);
}
