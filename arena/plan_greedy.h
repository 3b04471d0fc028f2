/* SPDX-License-Identifier: Apache-2.0 */
/* plan_greedy.h - the first answer: plans without search, each of one order and one rule.
 *
 * Valley: fill the lowest valley of the skyline with what comes first in the order; O(n log n).
 * Fit: take what comes first in the order, put it into the lowest or the tightest gap; O(n^2).
 */
#ifndef ARENA_PLAN_GREEDY_H
#define ARENA_PLAN_GREEDY_H

#include "arena/plan_line.h"

#define PLAN_GREEDY_STRATEGIES 16u

/* A list of pieces, and what it is sorted with. */
typedef struct plan_order {
    uint32_t *list, *spare;
    uint64_t *keys;
} plan_order;

/* Working memory of one try. */
size_t plan_greedy_bytes(size_t piece_count, size_t span_count);

/* plan_greedy_try - strategy @number: every piece's offset.
 *
 * Returns the height; UINT64_MAX, with offsets of no meaning, when it would be @limit or more,
 * or when the strategy does not suit the instance (a fit of too many pieces).
 */
uint64_t plan_greedy_try(const plan_line *line, uint32_t number, uint64_t limit, void *memory,
                         uint64_t *offsets);

/* plan_greedy_best - all strategies in turn, until one reaches @enough.
 *
 * @spare as @offsets. Returns the height, and in *out_number the first that reached it. */
uint64_t plan_greedy_best(const plan_line *line, uint64_t enough, void *memory, uint64_t *spare,
                          uint64_t *offsets, uint32_t *out_number);

/* Static text for people: "valley, fullest first". */
const char *plan_greedy_name(uint32_t number);

/* ---- the two rules; memory as their _bytes say, beside the order's ---- */

size_t plan_valley_bytes(size_t piece_count, size_t span_count);
uint64_t plan_valley(const plan_line *line, const uint32_t *order, uint64_t limit, void *memory,
                     uint64_t *offsets);

size_t plan_fit_bytes(size_t piece_count);
/* Few enough pieces for O(n^2)? */
bool plan_fit_suits(const plan_line *line);
uint64_t plan_fit(const plan_line *line, const uint32_t *order, bool tightest, uint64_t limit,
                  void *memory, uint64_t *offsets);

/* @n rounded up; plan_line.h's precondition says that it cannot overflow. */
static inline uint64_t plan_align(uint64_t n, uint64_t align_bytes)
{
    return align_bytes > 1 ? (n + (align_bytes - 1)) & ~(align_bytes - 1) : n;
}

#endif
