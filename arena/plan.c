/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - the planner's contract: what goes in, what may come out.
 *
 * Decides whether the buffers can be planned at all, asks a strategy for offsets, and hands
 * them out only when they are under the capacity. Refuses empty lifetimes and sizes, odd
 * alignments, sums over 64 bits and fixed buffers that collide; on any refusal no offset
 * has changed.
 *
 * Invariant that strategies rely on: the highest fixed end plus every size and its
 * alignment padding fits 64 bits, so no offset that they compute can overflow.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_strategy.h"

size_t plim_plan_scratch_bytes(size_t count)
{
    uint64_t bytes;
    if (count > INT32_MAX || !bytes_mul(count, PLIM_PLAN_SCRATCH_EACH, &bytes) ||
        bytes > SIZE_MAX - PLIM_PLAN_SCRATCH_ONCE) {
        return 0;
    }
    return (size_t)bytes + PLIM_PLAN_SCRATCH_ONCE;
}

bool plim_plan_scratch_fits(size_t count, const void *scratch, size_t scratch_bytes)
{
    size_t need = plim_plan_scratch_bytes(count);
    return need != 0 && scratch && (uintptr_t)scratch % 16 == 0 && scratch_bytes >= need;
}

static plim_status check_buffer(const plim_plan_buffer *b, plim_error *err)
{
    plim_status s = PLIM_OK;
    if (b->lower >= b->upper) {
        s = plim_error_set(err, PLIM_E_ARG, "plan buffer", "upper", "a step after lower", NULL);
    } else if (b->size_bytes == 0) {
        s = plim_error_set(err, PLIM_E_ARG, "plan buffer", "size_bytes", "above 0", "0");
    } else if (b->align_bytes != 0 && !bytes_is_power_of_two(b->align_bytes)) {
        s = plim_error_set(err, PLIM_E_ARG, "plan buffer", "align_bytes", "a power of two", NULL);
    } else if (b->is_fixed && b->align_bytes && b->offset_bytes % b->align_bytes != 0) {
        s = plim_error_set(err, PLIM_E_FORMAT, "fixed plan buffer", "offset_bytes",
                           "a multiple of align_bytes", NULL);
    }
    if (s != PLIM_OK) {
        plim_error_detail(err, "buffer %llu: steps [%lu, %lu), size %llu, align %llu, offset %llu",
                          (unsigned long long)b->id, (unsigned long)b->lower,
                          (unsigned long)b->upper, (unsigned long long)b->size_bytes,
                          (unsigned long long)b->align_bytes, (unsigned long long)b->offset_bytes);
    }
    return s;
}

/* Establishes the invariant on sums. */
static plim_status check_sums(const plim_plan_buffer *buffers, size_t count, plim_error *err)
{
    uint64_t fixed_end = 0, sum = 0;
    for (size_t i = 0; i < count; i++) {
        const plim_plan_buffer *b = &buffers[i];
        uint64_t end = 0, padding = b->align_bytes ? b->align_bytes - 1 : 0, all;
        bool fits = bytes_add(sum, b->size_bytes, &sum) && bytes_add(sum, padding, &sum) &&
                    (!b->is_fixed || bytes_add(b->offset_bytes, b->size_bytes, &end));
        fixed_end = end > fixed_end ? end : fixed_end;
        if (!fits || !bytes_add(sum, fixed_end, &all)) {
            plim_status s = plim_error_set(err, PLIM_E_RANGE, "sum of the plan's sizes",
                                           "size_bytes", "a sum below 2^64 bytes", NULL);
            plim_error_detail(err, "buffer %llu", (unsigned long long)b->id);
            return s;
        }
    }
    return PLIM_OK;
}

static bool collide(const plim_plan_buffer *a, const plim_plan_buffer *b)
{
    return a->lower < b->upper && b->lower < a->upper &&
           a->offset_bytes < b->offset_bytes + b->size_bytes &&
           b->offset_bytes < a->offset_bytes + a->size_bytes;
}

/* Each fixed buffer against each: they are few, those that a caller pins by hand. */
static plim_status check_fixed(const plim_plan_buffer *buffers, size_t count, plim_error *err)
{
    for (size_t i = 0; i < count; i++) {
        for (size_t j = 0; buffers[i].is_fixed && j < i; j++) {
            if (buffers[j].is_fixed && collide(&buffers[i], &buffers[j])) {
                plim_status s = plim_error_set(err, PLIM_E_FORMAT, "fixed plan buffers collide",
                                               "offset_bytes", NULL, NULL);
                plim_error_detail(err, "buffers %llu and %llu", (unsigned long long)buffers[j].id,
                                  (unsigned long long)buffers[i].id);
                return s;
            }
        }
    }
    return PLIM_OK;
}

static plim_status check_all(const plim_plan_buffer *buffers, size_t count, plim_error *err)
{
    for (size_t i = 0; i < count; i++) {
        PLIM_TRY(check_buffer(&buffers[i], err));
    }
    PLIM_TRY(check_sums(buffers, count, err));
    return check_fixed(buffers, count, err);
}

static uint64_t capacity(const plim_plan_opts *opts)
{
    size_t end = offsetof(plim_plan_opts, capacity_bytes) + sizeof(opts->capacity_bytes);
    return opts && opts->struct_size >= end ? opts->capacity_bytes : 0;
}

plim_status plim_plan_solve(plim_plan_buffer *buffers, size_t count, const plim_plan_opts *opts,
                            void *scratch, size_t scratch_bytes, plim_plan_result *result,
                            plim_error *err)
{
    if (!result || (count && !buffers)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "buffers and a result are needed");
    }
    memset(result, 0, sizeof(*result));
    if (count == 0) {
        result->is_optimal = true;
        result->verdict = PLIM_PLAN_OPTIMAL;
        return PLIM_OK;
    }
    if (!plim_plan_scratch_fits(count, scratch, scratch_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "planner's scratch, aligned to 16",
                         .want = plim_plan_scratch_bytes(count), .have = scratch_bytes);
    }
    PLIM_TRY(check_all(buffers, count, err));
    uint64_t bound = plim_plan_lower_bound(buffers, count, scratch, scratch_bytes);
    const uint64_t *offsets;
    uint64_t height = plim_plan_greedy(buffers, count, bound, scratch, &offsets);
    uint64_t cap = capacity(opts);
    if (cap != 0 && height > cap) {
        return PLIM_FAIL(err, PLIM_E_BUDGET, .what = "static plan", .want = height, .have = cap,
                         .limit = cap);
    }
    for (size_t i = 0; i < count; i++) {
        buffers[i].offset_bytes = offsets[i];
    }
    *result =
        (plim_plan_result){.height_bytes = height,
                           .lower_bound_bytes = bound,
                           .is_optimal = height == bound,
                           .verdict = height == bound ? PLIM_PLAN_OPTIMAL : PLIM_PLAN_FEASIBLE,
                           .strategy = "greedy"};
    return PLIM_OK;
}
