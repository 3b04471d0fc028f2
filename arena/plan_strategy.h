/* SPDX-License-Identifier: Apache-2.0 */
/* plan_strategy.h - what the planner's files share: the contract is in plan.c, strategies beside
 * it. */
#ifndef ARENA_PLAN_STRATEGY_H
#define ARENA_PLAN_STRATEGY_H

#include "plimsoll/plan.h"

/* Bytes of scratch for a buffer, and once. The largest user is the greedy strategy: two
 * lists of 4 bytes, three of 8; the verifier has five of 4 and a set of bits. */
#define PLIM_PLAN_SCRATCH_EACH 32u
#define PLIM_PLAN_SCRATCH_ONCE 256u

/* Is @scratch there, aligned to 16 and large enough for @count buffers? */
bool plim_plan_scratch_fits(size_t count, const void *scratch, size_t scratch_bytes);

/* plim_plan_greedy - the best of several orders; @offsets (in @scratch) hold the result.
 *
 * The buffers were checked: no sum of theirs overflows, fixed ones do not collide. Stops
 * early at @bound. Returns the height; never fails.
 */
uint64_t plim_plan_greedy(const plim_plan_buffer *buffers, size_t count, uint64_t bound,
                          void *scratch, const uint64_t **out_offsets);

#endif
