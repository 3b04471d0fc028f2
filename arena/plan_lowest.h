/* SPDX-License-Identifier: Apache-2.0 */
/* plan_lowest.h - from a first plan to the lowest: exact search and local search, in turns.
 *
 * The two are good at different instances: the exact search finds plans without any waste and
 * proves that there are none; the local search is ahead where there is a little slack. Budgets
 * are steps, so the answer is the same on every machine unless it was told to stop.
 */
#ifndef ARENA_PLAN_LOWEST_H
#define ARENA_PLAN_LOWEST_H

#include "arena/plan_grid.h"

typedef struct plan_lowest_ask {
    uint64_t goal_bytes; /* stop at a plan this low; below the bound: at the bound */
    bool only_goal;      /* a plan above the goal is of no use */
    uint64_t seed;
    uint64_t node_limit;                /* 0: none; see node_count */
    bool (*should_stop)(void *context); /* NULL: never */
    void (*improved)(void *context, uint64_t height_bytes, uint64_t bound_bytes); /* or NULL */
    void *context;
} plan_lowest_ask;

typedef struct plan_lowest_answer {
    uint64_t height_bytes, bound_bytes; /* in and out: of the plan, and proven */
    uint64_t node_count;                /* of the search; and steps of the local one */
    const char *strategy;               /* what found the plan; as it was when nothing did */
} plan_lowest_answer;

/* What a step of the local search costs, in nodes of the exact one. */
#define PLAN_LOWEST_NODES_A_STEP 4u

/* Memory for so many pieces, whatever they are. With more spans than PLAN_LOWEST_EXACT_MAX it is
 * as much for any number, and the local search works on windows (plan_window.h). */
#define PLAN_LOWEST_EXACT_MAX 1024u
size_t plan_lowest_bytes(size_t piece_count, size_t span_count);

/* Lowers the plan in @offsets_bytes (of every piece, sound at answer->height_bytes). Leaves it
 * as it is when @memory (of plan_lowest_bytes, aligned to 16) is too small. */
void plan_lowest(const plan_piece *pieces, size_t piece_count, const plan_span *spans,
                 size_t span_count, const plan_lowest_ask *ask, void *memory, size_t memory_bytes,
                 uint64_t *offsets_bytes, plan_lowest_answer *answer);

#endif
