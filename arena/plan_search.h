/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search.h - the decision solver: is there a plan under this capacity?
 *
 * Exact: it gives offsets, or a proof that there are none, or says that it was stopped.
 * Integers only, so the same question gives the same answer after the same number of nodes on
 * every machine, whatever its vector width.
 *
 * Runs are numbered. Run k is a search from the root whose order of candidates and limit of
 * conflicts follow from k and the seed. One worker makes runs 0, 1, 2, ...; two workers make the
 * even and the odd ones, and the lower run that succeeds wins: the plan is then the same as with
 * one, because even runs learn (failure weights) from even runs only, and odd from odd. What was
 * learned stays with the plan_search.
 */
#ifndef ARENA_PLAN_SEARCH_H
#define ARENA_PLAN_SEARCH_H

#include "arena/plan_grid.h"

typedef struct plan_search plan_search;

typedef enum plan_verdict {
    PLAN_UNKNOWN, /* stopped by the node limit, the run limit or the callback */
    PLAN_FEASIBLE,
    PLAN_INFEASIBLE, /* proven */
} plan_verdict;

typedef struct plan_ask {
    uint64_t capacity_bytes;
    uint64_t seed;
    uint64_t node_limit;                /* 0: none */
    uint32_t first_run, run_step;       /* step 0: 1 */
    uint32_t run_limit;                 /* runs made at most; 0: no limit */
    bool (*should_stop)(void *context); /* asked every 256 nodes; NULL: never */
    void *context;
} plan_ask;

typedef struct plan_answer {
    uint64_t nodes;     /* placements tried in this call */
    uint64_t conflicts; /* of which failed */
    uint32_t run;       /* the run that decided, or the first one not finished */
} plan_answer;

/* What plan_search_init needs: known before, and all that is ever used. 0: too large. */
size_t plan_search_scratch_bytes(const plan_grid *grid);

/* Builds a solver in @scratch (aligned to 64). Keeps @grid and @scratch until the last call.
 * NULL when the scratch is too small or not aligned. */
plan_search *plan_search_init(const plan_grid *grid, void *scratch, size_t scratch_bytes);

/* Searches for a plan under the capacity. FEASIBLE: @offsets_bytes has the offset of every
 * piece, in the order of the input; otherwise it is not touched. @answer may be NULL.
 * Threads: one a solver; solvers of one grid share nothing that changes. */
plan_verdict plan_search_decide(plan_search *self, const plan_ask *ask, uint64_t *offsets_bytes,
                                plan_answer *answer);

/* Forgets what was learned, as after plan_search_init. */
void plan_search_forget(plan_search *self);

#endif
