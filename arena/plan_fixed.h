/* SPDX-License-Identifier: Apache-2.0 */
/* plan_fixed.h - do fixed pieces collide? For plan.c's contract only. */
#ifndef ARENA_PLAN_FIXED_H
#define ARENA_PLAN_FIXED_H

#include "arena/plan_line.h"
#include "arena/plan_model.h"

size_t plan_fixed_bytes(size_t piece_count, size_t span_count);

/* True: pieces *a and *b of @region's @line are fixed, alive together and share a byte. @model
 * has no joined pairs. */
bool plan_fixed_collide(const plim_plan_problem *problem, const plan_model *model, uint32_t region,
                        const plan_line *line, void *memory, uint32_t *a, uint32_t *b);

#endif
