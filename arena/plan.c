/* SPDX-License-Identifier: Apache-2.0 */
/* plan.c - the flat face of the planner: one region, one stage, no gaps, no pairs.
 *
 * Decides nothing itself: it makes a problem of the buffers and hands it to plan_job.c.
 */
#include <string.h>

#include "arena/opts.h"
#include "arena/plan_bound.h"
#include "arena/plan_job.h"
#include "arena/plan_sort.h"

size_t plim_plan_scratch_bytes(size_t count)
{
    return plan_job_flat_bytes(count);
}

static bool does_fit(size_t count, const void *scratch, size_t scratch_bytes)
{
    size_t need = plim_plan_scratch_bytes(count);
    return need != 0 && scratch && (uintptr_t)scratch % 16 == 0 && scratch_bytes >= need;
}

static plim_plan_problem problem_of(plim_plan_buffer *buffers, size_t count)
{
    plim_plan_problem p = plim_plan_problem_default();
    p.buffers = buffers;
    p.buffer_count = count;
    return p;
}

plim_status plim_plan_solve(plim_plan_buffer *buffers, size_t count, const plim_plan_opts *opts,
                            void *scratch, size_t scratch_bytes, plim_plan_result *result,
                            plim_error *err)
{
    plim_plan_problem p = problem_of(buffers, count);
    plim_plan_opts greedy;
    if (!result || (count && !buffers)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "buffers and a result are needed");
    }
    memset(result, 0, sizeof(*result));
    if (count == 0) {
        result->is_optimal = true;
        result->verdict = PLIM_PLAN_OPTIMAL;
        result->strategy = "nothing to plan";
        return PLIM_OK;
    }
    if (!opts_take(&greedy, sizeof(greedy), opts)) {
        return plim_error_set(err, PLIM_E_ARG, "plan options", "struct_size", "their size", NULL);
    }
    greedy.struct_size = sizeof(greedy);
    greedy.effort = PLIM_PLAN_GREEDY;
    return plim_plan_problem_solve(&p, &greedy, scratch, scratch_bytes, result, err);
}

/* Checks first: a bound of a malformed instance means nothing.  */
uint64_t plim_plan_lower_bound(const plim_plan_buffer *buffers, size_t count, void *scratch,
                               size_t scratch_bytes)
{
    plim_plan_problem p = plim_plan_problem_default();
    unsigned char *at = scratch;
    plan_model model;
    plan_line line;
    if (count == 0) {
        return 0;
    }
    if (!buffers || !does_fit(count, scratch, scratch_bytes)) {
        return UINT64_MAX;
    }
    p.buffers = (plim_plan_buffer *)(uintptr_t)buffers; /* read only */
    p.buffer_count = count;
    if (plan_check(&p, scratch, NULL) != PLIM_OK) {
        return UINT64_MAX;
    }
    plan_model_init(&model, &p, false, plan_cut(&at, 1, plan_model_bytes(&p)));
    plan_line_init(&line, model.pieces, count, model.spans, count,
                   plan_cut(&at, 1, plan_line_bytes(count, count)));
    return plan_bound(&line, at);
}
