/* SPDX-License-Identifier: Apache-2.0 */
/* plan_model.h - a problem as the strategies see it: per region, pieces with spans of time.
 *
 * Stages are laid one after the other on one time line; a buffer of every stage spans it all. A
 * gap parts a buffer into spans. A pair is either left alone, or joined: input and output
 * become one piece of the larger size, alive while either is.
 */
#ifndef ARENA_PLAN_MODEL_H
#define ARENA_PLAN_MODEL_H

#include "arena/plan_grid.h"
#include "plimsoll/plan.h"

typedef struct plan_model {
    plan_piece *pieces;   /* region by region; first_span counts within the region */
    plan_span *spans;     /* region by region */
    uint32_t *piece_of;   /* per buffer: its piece, counted over all regions */
    uint32_t *piece_from; /* per region and once: its first piece */
    uint32_t *span_from;  /* per region and once: its first span */
    uint32_t region_count;
    bool has_joined; /* some pair is joined */
} plan_model;

/* Reads a problem of any age; false when its struct_size was never set. */
bool plan_problem_take(plim_plan_problem *out, const plim_plan_problem *problem);

/* Every rule of plan.h on what goes in, and the invariant on sums that strategies rely on: over
 * all regions, the greatest fixed ends plus every size and its alignment padding fit 64 bits.
 * Fixed buffers that collide are not noticed here. @memory of plan_check_bytes. */
size_t plan_check_bytes(const plim_plan_problem *problem);
PLIM_MUST_USE plim_status plan_check(const plim_plan_problem *problem, void *memory,
                                     plim_error *err);

/* Builds the model of a checked problem in @memory, where it stays. */
size_t plan_model_bytes(const plim_plan_problem *problem);
void plan_model_init(plan_model *self, const plim_plan_problem *problem, bool join_pairs,
                     void *memory);

static inline uint32_t plan_regions_of(const plim_plan_problem *problem)
{
    return problem->region_count ? (uint32_t)problem->region_count : 1;
}

static inline uint32_t plan_stages_of(const plim_plan_problem *problem)
{
    return problem->stage_count ? problem->stage_count : 1;
}

#endif
