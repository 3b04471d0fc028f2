/* SPDX-License-Identifier: Apache-2.0 */
/* replay_study.c - the loop of a recorded run, and plans for it: of the whole, of one turn.
 *
 * Every plan is verified before it is served. Blocks that are never freed hold their place to the
 * end in the plan of the whole run, and are the dynamic region's in the plan of a turn.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/tools/plimsoll/replay_ways.h"

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static bool is_over(void *user)
{
    const double *stop_s = user;
    return *stop_s > 0 && now_s() >= *stop_s;
}

static plim_status solve_in(plim_plan_problem *problem, replay_plan *plan, double seconds,
                            plim_error *err)
{
    double start = now_s(), stop = seconds > 0 ? start + seconds : 0;
    plim_plan_opts o = plim_plan_opts_default();
    plim_plan_result result;
    void *scratch = NULL;
    o.effort = PLIM_PLAN_SEARCH;
    o.node_limit = seconds > 0 ? UINT64_MAX : 0;
    o.should_stop = is_over;
    o.user = &stop;
    size_t bytes = plim_plan_problem_scratch_bytes(problem, &o);
    size_t check_bytes = plim_plan_problem_verify_bytes(problem);
    size_t room = bytes > check_bytes ? bytes : check_bytes;
    if (!bytes || !check_bytes || posix_memalign(&scratch, 64, room) != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "scratch of the planner", .want = room);
    }
    plim_status status = plim_plan_problem_solve(problem, &o, scratch, room, &result, err);
    if (status == PLIM_OK) {
        status = plim_plan_problem_verify(problem, result.height_bytes, scratch, room, err);
    }
    free(scratch);
    plan->height_bytes = result.height_bytes;
    plan->lower_bound_bytes = result.lower_bound_bytes;
    plan->is_optimal = result.is_optimal;
    plan->seconds = now_s() - start;
    return status;
}

static plim_status plan_steps(replay_plan *plan, bool is_loop, double seconds, plim_error *err)
{
    size_t n = plan->step_count, gap_count = 0;
    plim_plan_gap *gaps = malloc((n + 1) * sizeof(*gaps));
    plan->buffers = malloc((n + 1) * sizeof(*plan->buffers));
    if (!gaps || !plan->buffers) {
        free(gaps);
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "buffers of a plan", .want = n);
    }
    plim_status status = plim_record_buffers(plan->steps, plan->step_count, is_loop, plan->buffers,
                                             &plan->buffer_count, gaps, &gap_count, err);
    plim_plan_problem problem = plim_plan_problem_default();
    problem.buffers = plan->buffers;
    problem.buffer_count = plan->buffer_count;
    problem.gaps = gaps;
    problem.gap_count = gap_count;
    if (status == PLIM_OK && plan->buffer_count) {
        status = solve_in(&problem, plan, seconds, err);
    }
    free(gaps);
    return status;
}

static plim_status take_steps(replay_plan *plan, uint32_t count, plim_error *err)
{
    plan->step_count = count;
    plan->steps = malloc(((size_t)count + 1) * sizeof(*plan->steps));
    return plan->steps ? PLIM_OK
                       : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "steps of a plan", .want = count);
}

static plim_status plan_whole(replay_study *self, plim_error *err)
{
    uint32_t count = self->trace.step_count;
    PLIM_TRY(take_steps(&self->whole, count, err));
    for (uint32_t k = 0; k < count; k++) {
        self->whole.steps[k] = self->trace.steps[k];
        if (self->whole.steps[k].length == PLIM_STEP_NONE) {
            self->whole.steps[k].length = count - k;
        }
    }
    return plan_steps(&self->whole, false, self->seconds, err);
}

static plim_status plan_turn(replay_study *self, uint32_t repeats, replay_plan *plan,
                             plim_error *err)
{
    plim_record_loop loop = self->loop;
    loop.repeats = repeats;
    PLIM_TRY(take_steps(plan, loop.period, err));
    PLIM_TRY(
        plim_record_loop_fold(self->trace.steps, self->trace.step_count, &loop, plan->steps, err));
    return plan_steps(plan, true, self->seconds, err);
}

static plim_status find_loop(replay_study *self, plim_error *err)
{
    size_t bytes = plim_record_loop_scratch_bytes(self->trace.step_count);
    void *scratch = malloc(bytes ? bytes : 1);
    if (!scratch) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "scratch of a loop", .want = bytes);
    }
    plim_status status = plim_record_loop_find(self->trace.steps, self->trace.step_count, scratch,
                                               bytes, &self->loop, err);
    free(scratch);
    return status;
}

plim_status replay_study_make(replay_study *self, plim_error *err)
{
    if (self->trace.step_count == 0) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "a trace without an allocation");
    }
    PLIM_TRY(find_loop(self, err));
    PLIM_TRY(plan_whole(self, err));
    if (self->loop.repeats < 2) {
        return PLIM_OK; /* no turn to plan */
    }
    PLIM_TRY(plan_turn(self, self->loop.repeats, &self->merged, err));
    return plan_turn(self, 1, &self->first, err);
}

static void drop_plan(replay_plan *plan)
{
    free(plan->steps);
    free(plan->buffers);
}

void replay_study_drop(replay_study *self)
{
    trace_table_drop(&self->trace);
    drop_plan(&self->whole);
    drop_plan(&self->merged);
    drop_plan(&self->first);
    memset(self, 0, sizeof(*self));
}
