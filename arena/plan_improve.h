/* SPDX-License-Identifier: Apache-2.0 */
/* plan_improve.h - lower and lower plans, for as long as one cares to wait.
 *
 * A local search that proves nothing: it takes any plan and gives lower ones. It is at its best
 * where the exact search is at its worst, with a little slack everywhere. Integers only and
 * random numbers from the seed: the same question gives the same plan after the same number of
 * steps on every machine.
 */
#ifndef ARENA_PLAN_IMPROVE_H
#define ARENA_PLAN_IMPROVE_H

#include "arena/plan_grid.h"

typedef struct plan_improve plan_improve;

typedef struct plan_improve_ask {
    uint64_t goal_bytes; /* stop at a plan this low; 0: at the grid's bound */
    bool only_goal;      /* go there at once: a plan above the goal is of no use */
    uint64_t seed;
    uint64_t step_limit;                /* of this call; 0: none */
    bool (*should_stop)(void *context); /* asked every 64 steps; NULL: never */
    void *context;
} plan_improve_ask;

/* What plan_improve_init needs; 0: more than PLAN_CHAINS_ITEMS_MAX items. As many words as there
 * are pairs of items alive together, and sections of items. */
size_t plan_improve_scratch_bytes(const plan_grid *grid);

/* Lays a search out in @scratch (aligned to 16). Keeps @grid and @scratch until the last call.
 * NULL when the scratch is too small or not aligned. */
plan_improve *plan_improve_init(const plan_grid *grid, void *scratch, size_t scratch_bytes);

/* Begins from a plan: the offset of every piece, in the order of the input. Only which of two
 * lies lower is taken from it, so the height begins at or below the plan's. False when fixed
 * offsets do not lie on what 30 bits of height can tell apart. */
bool plan_improve_start(plan_improve *self, const uint64_t *offsets_bytes);

/* Goes on from where it is for some steps; returns true when it has a lower plan than the one
 * it had when called. One step puts one piece in and takes those out that are in its way.
 * @steps, when not NULL, grows by the steps made. */
bool plan_improve_run(plan_improve *self, const plan_improve_ask *ask, uint64_t *steps);

/* The best plan so far: its height, and when not NULL the offset of every piece. */
uint64_t plan_improve_best(const plan_improve *self, uint64_t *offsets_bytes);

#endif
