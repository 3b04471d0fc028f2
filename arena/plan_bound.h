/* SPDX-License-Identifier: Apache-2.0 */
/* plan_bound.h - lower bounds of one region. */
#ifndef ARENA_PLAN_BOUND_H
#define ARENA_PLAN_BOUND_H

#include "arena/plan_line.h"
#include "arena/plan_model.h"

/* Working memory of either. */
size_t plan_bound_bytes(size_t piece_count, size_t span_count);

/* Without pairs. Uses the line's spare tree. */
uint64_t plan_bound(const plan_line *line, void *memory);

/* With pairs: @model and @line of the problem without joined ones. */
uint64_t plan_bound_of_pairs(const plim_plan_problem *problem, const plan_model *model,
                             uint32_t region, const plan_line *line, void *memory);

#endif
