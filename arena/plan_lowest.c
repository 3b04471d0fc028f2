/* SPDX-License-Identifier: Apache-2.0 */
/* plan_lowest.c - who searches next, for how long, and under which capacity.
 *
 * Decides the turns. In each round the exact search is asked about rungs of a ladder between
 * the bound and the best plan, each until it is too much for the round, then the local search
 * goes on from the best plan with as much; when it finds a lower plan its share is doubled. Rounds
 * grow by half, so that the one which is right for an instance waits no longer than a few times
 * what it needs. The bound itself gets most: only there can a failure prove anything about
 * the lowest plan.
 *
 * Invariants: the plan never gets higher; a bound is raised only by a proof; the order of turns
 * depends on nothing but the instance, the seed and the limit.
 */
#include "arena/plan_lowest.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_improve.h"
#include "arena/plan_search.h"
#include "arena/plan_window.h"

#define NODES_A_STEP PLAN_LOWEST_NODES_A_STEP
#define NODES_FIRST  8192u /* of the first round */
#define RUNGS        5u
#define SHARE_FIRST  64u
#define SHARE_MIN    32u
#define SHARE_MAX    512u

typedef struct turns {
    const plan_lowest_ask *ask;
    plan_lowest_answer *answer;
    plan_grid grid;
    plan_search *search;   /* NULL: too many items */
    plan_improve *improve; /* NULL: not needed yet, or not to be had */
    void *improve_memory;  /* NULL: was tried */
    uint64_t *offsets, *tried;
    uint64_t asked_bytes[RUNGS]; /* where each rung was when it was asked last ... */
    uint32_t next_run[RUNGS];    /* ... and the run that goes on there */
    uint32_t share;              /* of the local search in a round, in 64ths of the exact one's */
} turns;

static size_t up_to_64(size_t bytes)
{
    return (bytes + 63) & ~(size_t)63;
}

/* A grid that needs as much as any other of so many spans: all alive at once, and as many
 * sections as there are starts. It has no spans, which says that they are not known. */
static plan_grid worst_grid(size_t piece_count, size_t span_count)
{
    return (plan_grid){.item_count = (uint32_t)piece_count,
                       .span_count = (uint32_t)span_count,
                       .section_count = (uint32_t)span_count,
                       .row_count = (uint32_t)span_count,
                       .pair_count = (uint64_t)span_count * span_count};
}

size_t plan_lowest_bytes(size_t piece_count, size_t span_count)
{
    if (piece_count == 0 || span_count > PLAN_LOWEST_EXACT_MAX) {
        return piece_count ? plan_window_bytes() : 0;
    }
    plan_grid worst = worst_grid(piece_count, span_count);
    size_t bytes = up_to_64(plan_grid_scratch_bytes(piece_count, span_count)) +
                   up_to_64(plan_improve_scratch_bytes(&worst)) +
                   up_to_64(piece_count * sizeof(uint64_t)) + 64;
    return bytes + up_to_64(plan_search_scratch_bytes(&worst));
}

static bool is_stopped(const turns *self)
{
    return self->ask->should_stop && self->ask->should_stop(self->ask->context);
}

static uint64_t goal(const turns *self)
{
    uint64_t bound = self->answer->bound_bytes;
    return self->ask->goal_bytes > bound ? self->ask->goal_bytes : bound;
}

static bool is_done(const turns *self)
{
    uint64_t limit = self->ask->node_limit;
    return self->answer->height_bytes <= goal(self) ||
           (limit != 0 && self->answer->node_count >= limit) || is_stopped(self);
}

static uint64_t height_of(const turns *self, const plan_piece *pieces, const uint64_t *offsets)
{
    uint64_t height = 0;
    for (uint32_t i = 0; i < self->grid.item_count; i++) {
        uint64_t end = offsets[i] + pieces[i].size_bytes;
        height = end > height ? end : height;
    }
    return height;
}

static void adopt(turns *self, uint64_t height, const char *strategy)
{
    if (height >= self->answer->height_bytes) {
        return;
    }
    memcpy(self->offsets, self->tried, self->grid.item_count * sizeof(*self->offsets));
    self->answer->height_bytes = height;
    self->answer->strategy = strategy;
    if (self->ask->improved) {
        self->ask->improved(self->ask->context, height, self->answer->bound_bytes);
    }
}

/* Rung 0 is the goal; 1 is half of the way from there to the plan, 2 a quarter, and so on. */
static uint64_t rung_bytes(const turns *self, uint32_t rung)
{
    uint64_t unit = self->grid.unit_bytes, low = goal(self), high = self->answer->height_bytes;
    uint64_t above = rung ? (high - low) >> rung : 0;
    return low + above / unit * unit;
}

static uint64_t nodes_left(const turns *self, uint64_t nodes)
{
    uint64_t limit = self->ask->node_limit, spent = self->answer->node_count;
    return limit && limit - spent < nodes ? limit - spent : nodes;
}

/* False: not decided within so many nodes. */
static bool search_turn(turns *self, const plan_piece *pieces, uint32_t rung, uint64_t nodes)
{
    uint64_t capacity = rung_bytes(self, rung);
    self->next_run[rung] = capacity == self->asked_bytes[rung] ? self->next_run[rung] : 0;
    self->asked_bytes[rung] = capacity;
    plan_ask ask = {.capacity_bytes = capacity,
                    .seed = self->ask->seed,
                    .node_limit = nodes_left(self, nodes),
                    .first_run = self->next_run[rung],
                    .should_stop = self->ask->should_stop,
                    .context = self->ask->context};
    plan_answer found = {0};
    plan_verdict verdict = plan_search_decide(self->search, &ask, self->tried, &found);
    self->answer->node_count += found.nodes;
    self->next_run[rung] = found.run;
    if (verdict == PLAN_FEASIBLE) {
        adopt(self, height_of(self, pieces, self->tried), "search");
        self->share = self->share > SHARE_MIN ? self->share / 2 : SHARE_MIN;
        if (self->improve && !plan_improve_start(self->improve, self->offsets)) {
            self->improve = NULL;
        }
    } else if (verdict == PLAN_INFEASIBLE && capacity >= self->answer->bound_bytes) {
        self->answer->bound_bytes = capacity + 1;
    }
    return verdict != PLAN_UNKNOWN;
}

/* The goal gets the round's nodes, the rungs above it an eighth as much each: how long a search
 * takes has a heavy tail, so many capacities asked for a short time find more than one asked
 * for long. A rung that is decided has moved, and is asked again. Who has no use for a plan
 * above the goal is helped by rung 0 alone. */
static void climb_down(turns *self, const plan_piece *pieces, uint64_t nodes)
{
    for (uint32_t k = 0; k < (self->ask->only_goal ? 1 : RUNGS); k++) {
        bool decides = true;
        while (decides && !is_done(self)) {
            decides = search_turn(self, pieces, k, k ? nodes / 8 : nodes);
        }
    }
}

/* Set up when its first turn comes: most instances are decided before. */
static void set_up_improve(turns *self)
{
    size_t bytes = plan_improve_scratch_bytes(&self->grid);
    self->improve = plan_improve_init(&self->grid, self->improve_memory, bytes);
    self->improve_memory = NULL;
    if (self->improve && !plan_improve_start(self->improve, self->offsets)) {
        self->improve = NULL;
    }
}

static void improve_turn(turns *self, uint64_t nodes)
{
    uint64_t steps = 0;
    plan_improve_ask ask = {.goal_bytes = goal(self),
                            .only_goal = self->ask->only_goal,
                            .seed = self->ask->seed,
                            .step_limit = nodes_left(self, nodes) / NODES_A_STEP + 1,
                            .should_stop = self->ask->should_stop,
                            .context = self->ask->context};
    bool is_lower = plan_improve_run(self->improve, &ask, &steps);
    self->answer->node_count += steps * NODES_A_STEP;
    if (is_lower) {
        uint64_t height = plan_improve_best(self->improve, self->tried);
        adopt(self, height, "local search");
        self->share = self->share < SHARE_MAX ? self->share * 2 : SHARE_MAX;
    }
}

static bool set_up(turns *self, const plan_piece *pieces, size_t piece_count,
                   const plan_span *spans, size_t span_count, unsigned char *at,
                   const unsigned char *end)
{
    at += (64 - (uintptr_t)at % 64) % 64;
    self->tried = (uint64_t *)(void *)at;
    at += up_to_64(piece_count * sizeof(uint64_t));
    size_t bytes = plan_grid_scratch_bytes(piece_count, span_count);
    if (!plan_grid_init(&self->grid, pieces, piece_count, spans, span_count, at, bytes)) {
        return false;
    }
    at += up_to_64(bytes);
    bytes = plan_improve_scratch_bytes(&self->grid);
    self->improve_memory = bytes ? at : NULL;
    at += up_to_64(bytes);
    self->search = plan_search_init(&self->grid, at, (size_t)(end - at));
    return self->search || self->improve_memory;
}

void plan_lowest(const plan_piece *pieces, size_t piece_count, const plan_span *spans,
                 size_t span_count, const plan_lowest_ask *ask, void *memory, size_t memory_bytes,
                 uint64_t *offsets_bytes, plan_lowest_answer *answer)
{
    turns self = {.ask = ask, .answer = answer, .offsets = offsets_bytes, .share = SHARE_FIRST};
    size_t need = plan_lowest_bytes(piece_count, span_count);
    unsigned char *at = memory;
    if (need == 0 || !memory || memory_bytes < need || answer->height_bytes <= goal(&self)) {
        return;
    }
    if (span_count > PLAN_LOWEST_EXACT_MAX) {
        plan_window(pieces, piece_count, spans, ask, memory, offsets_bytes, answer);
        return;
    }
    if (!set_up(&self, pieces, piece_count, spans, span_count, at, at + memory_bytes)) {
        return;
    }
    uint64_t nodes = NODES_FIRST;
    while (!is_done(&self)) {
        if (self.search) {
            climb_down(&self, pieces, nodes);
        }
        if (self.improve_memory && !is_done(&self)) {
            set_up_improve(&self);
        }
        if (!self.search && !self.improve) {
            return;
        }
        if (self.improve && !is_done(&self)) {
            improve_turn(&self, nodes * self.share / 64);
        }
        nodes += nodes / 2;
    }
}
