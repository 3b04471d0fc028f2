/* SPDX-License-Identifier: Apache-2.0 */
/* plan_window.h - lower plans of many pieces, a stretch of time after the other. */
#ifndef ARENA_PLAN_WINDOW_H
#define ARENA_PLAN_WINDOW_H

#include "arena/plan_lowest.h"

/* Memory, whatever the number of pieces. */
size_t plan_window_bytes(void);

/* As plan_lowest, by windows alone. */
void plan_window(const plan_piece *pieces, size_t piece_count, const plan_span *spans,
                 const plan_lowest_ask *ask, void *memory, uint64_t *offsets_bytes,
                 plan_lowest_answer *answer);

#endif
