/* SPDX-License-Identifier: Apache-2.0 */
/* plan.h - the static planner: lifetimes in, offsets out.
 *
 * Buffers live over half-open intervals of steps [lower, upper). Two buffers whose
 * intervals overlap must not overlap in memory. The planner gives every buffer an offset
 * and says how high the pile is, what the lower bound is, and whether the answer is
 * proven optimal. A plan from disk is verified before it is used.
 */
#ifndef PLIMSOLL_PLAN_H
#define PLIMSOLL_PLAN_H

#include <stdbool.h>

#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_plan_buffer {
    uint64_t id;           /* the caller's; reported in errors */
    uint32_t lower, upper; /* half-open steps, lower < upper */
    uint64_t size_bytes;   /* > 0 */
    uint64_t align_bytes;  /* power of two; 0: 1 */
    uint64_t offset_bytes; /* in: where it must lie when is_fixed; out: where it lies */
    bool is_fixed;
} plim_plan_buffer;

typedef struct plim_plan_result {
    uint64_t height_bytes;      /* highest byte used + 1 */
    uint64_t lower_bound_bytes; /* no plan can be lower */
    bool is_optimal;            /* height == lower bound */
} plim_plan_result;

typedef struct plim_plan_opts {
    size_t struct_size;
    uint64_t capacity_bytes; /* 0: none */
} plim_plan_opts;

static inline plim_plan_opts plim_plan_opts_default(void)
{
    plim_plan_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_plan_scratch_bytes - what plim_plan_solve needs for @count buffers; 0 on overflow. */
PLIM_API size_t plim_plan_scratch_bytes(size_t count);

/* plim_plan_solve - give every buffer an offset.
 *
 * Owns:    borrows all; writes offset_bytes of buffers that are not fixed.
 * Memory:  @scratch of plim_plan_scratch_bytes(count), aligned to 16; no malloc.
 * The same input gives the same offsets on every machine. On failure no offset changed.
 * Cost: O(n^2); made for plans of up to some 10^4 buffers.
 * Errors:  E_ARG     lower >= upper, size 0, alignment not a power of two (field says which,
 *                    detail names the id); scratch too small or not aligned.
 *          E_RANGE   a sum of sizes and their alignment padding overflows.
 *          E_BUDGET  the best plan found is above capacity_bytes; want is its height.
 *          E_FORMAT  two fixed buffers collide, or one is not aligned as it asks.
 * Source:  the best of five greedy orders, first and best fit; arena/plan_greedy.c.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_solve(plim_plan_buffer *buffers, size_t count,
                                                   const plim_plan_opts *opts, void *scratch,
                                                   size_t scratch_bytes, plim_plan_result *result,
                                                   plim_error *err);

/* plim_plan_verify - does this plan keep overlapping lifetimes apart, aligned, under the
 * height? O(n log n); shares no code with the planner.
 * Memory:  @scratch of plim_plan_scratch_bytes(count).
 * Errors:  E_FORMAT  err->detail names the two buffers that collide, or the one that is high,
 *                    misaligned or malformed; field says which of its fields.
 *          E_ARG     scratch too small or not aligned.
 */
PLIM_API PLIM_MUST_USE plim_status plim_plan_verify(const plim_plan_buffer *buffers, size_t count,
                                                    uint64_t height_bytes, void *scratch,
                                                    size_t scratch_bytes, plim_error *err);

/* plim_plan_lower_bound - the most bytes live at one step, or the end of the highest fixed
 * buffer where that is more. UINT64_MAX when a sum overflows, a lifetime is empty, or
 * @scratch is not that of plim_plan_scratch_bytes(count). */
PLIM_API uint64_t plim_plan_lower_bound(const plim_plan_buffer *buffers, size_t count,
                                        void *scratch, size_t scratch_bytes);

#ifdef __cplusplus
}
#endif
#endif
