/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_window.c - plans too large for one search: sound, lower, the same for a seed. */
#include "plimsoll/plan.h"
#include "test/support/cm.h"
#include "test/support/plan_jigsaw.h"

#define COUNT 3000

static plim_plan_buffer buffers[COUNT];
static plim_error err;

static void make(plan_family family, uint64_t seed, uint64_t align_bytes)
{
    plan_family_make(family, COUNT, seed, buffers);
    for (size_t i = 0; i < COUNT; i++) {
        buffers[i].align_bytes = align_bytes;
    }
}

static plim_plan_result solved(plim_plan_effort effort, uint64_t node_limit)
{
    plim_plan_problem problem = plim_plan_problem_default();
    plim_plan_opts opts = plim_plan_opts_default();
    plim_plan_result result;
    problem.buffers = buffers;
    problem.buffer_count = COUNT;
    opts.effort = effort;
    opts.node_limit = node_limit;
    size_t bytes = plim_plan_problem_scratch_bytes(&problem, &opts);
    void *scratch = malloc(bytes);
    assert_ok(plim_plan_problem_solve(&problem, &opts, scratch, bytes, &result, &err));
    free(scratch);
    bytes = plim_plan_scratch_bytes(COUNT);
    scratch = malloc(bytes);
    assert_ok(plim_plan_verify(buffers, COUNT, result.height_bytes, scratch, bytes, &err));
    free(scratch);
    return result;
}

static void windows_lower_what_greedy_leaves_high(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 2; seed++) {
        make(PLAN_CACHE, seed, 1);
        plim_plan_result greedy = solved(PLIM_PLAN_GREEDY, 0);
        plim_plan_result windows = solved(PLIM_PLAN_SEARCH, 1 << 19);
        assert_true(greedy.height_bytes > greedy.lower_bound_bytes * 5 / 4);
        assert_true(windows.height_bytes < windows.lower_bound_bytes * 6 / 5);
        assert_string_equal(windows.strategy, "windows");
    }
}

static void alignment_and_fixed_offsets_survive_windows(void **state)
{
    (void)state;
    make(PLAN_CACHE, 3, 256);
    uint64_t top = solved(PLIM_PLAN_GREEDY, 0).height_bytes;
    for (size_t i = 0; i < COUNT; i += 100) { /* they never collide: greedy put them there */
        buffers[i].is_fixed = true;
    }
    plim_plan_result result = solved(PLIM_PLAN_SEARCH, 1 << 18);
    assert_true(result.height_bytes <= top);
}

static void windows_of_the_same_budget_give_the_same_bytes(void **state)
{
    static plim_plan_buffer first[COUNT];
    (void)state;
    make(PLAN_CACHE, 4, 1);
    plim_plan_result a = solved(PLIM_PLAN_SEARCH, 1 << 17);
    memcpy(first, buffers, sizeof(first));
    make(PLAN_CACHE, 4, 1);
    plim_plan_result b = solved(PLIM_PLAN_SEARCH, 1 << 17);
    assert_true(a.node_count == b.node_count);
    for (size_t i = 0; i < COUNT; i++) {
        assert_true(first[i].offset_bytes == buffers[i].offset_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(windows_lower_what_greedy_leaves_high),
        cmocka_unit_test(alignment_and_fixed_offsets_survive_windows),
        cmocka_unit_test(windows_of_the_same_budget_give_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
