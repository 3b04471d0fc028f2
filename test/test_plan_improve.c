/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_improve.c - the local search: never worse, sound, the same for a seed, and low. */
#include "arena/plan_improve.h"
#include "plimsoll/plan.h"
#include "test/support/cm.h"
#include "test/support/plan_jigsaw.h"

#define PIECES_MAX 420

typedef struct bench { /* an instance with all that a search of it needs */
    plim_plan_buffer buffers[PIECES_MAX];
    plan_piece pieces[PIECES_MAX];
    plan_span spans[2 * PIECES_MAX];
    uint64_t offsets[PIECES_MAX];
    size_t count, span_count;
    plan_grid grid;
    plan_improve *search;
    void *grid_memory, *search_memory;
} bench;

static plim_error err;

static void lay_out(bench *b)
{
    size_t bytes = plan_grid_scratch_bytes(b->count, b->span_count);
    b->grid_memory = malloc(bytes);
    assert_true(plan_grid_init(&b->grid, b->pieces, b->count, b->spans, b->span_count,
                               b->grid_memory, bytes));
    bytes = plan_improve_scratch_bytes(&b->grid);
    b->search_memory = malloc(bytes);
    b->search = plan_improve_init(&b->grid, b->search_memory, bytes);
    assert_non_null(b->search);
}

/* Whole lifetimes; begins from one on top of the other, the highest plan there is. */
static void set_up(bench *b)
{
    uint64_t top = 0;
    for (size_t i = 0; i < b->count; i++) {
        const plim_plan_buffer *from = &b->buffers[i];
        b->spans[i] = (plan_span){from->lower, from->upper};
        b->pieces[i] = (plan_piece){.size_bytes = from->size_bytes,
                                    .align_bytes = from->align_bytes,
                                    .offset_bytes = from->offset_bytes,
                                    .first_span = (uint32_t)i,
                                    .span_count = 1,
                                    .is_fixed = from->is_fixed};
        top += (from->align_bytes - top % from->align_bytes) % from->align_bytes;
        b->offsets[i] = from->is_fixed ? from->offset_bytes : top;
        top += from->size_bytes;
    }
    b->span_count = b->count;
    lay_out(b);
    assert_true(plan_improve_start(b->search, b->offsets));
}

static void tear_down(bench *b)
{
    free(b->grid_memory);
    free(b->search_memory);
}

static uint64_t verified_height(bench *b)
{
    uint64_t height = plan_improve_best(b->search, b->offsets);
    size_t bytes = plim_plan_scratch_bytes(b->count);
    void *scratch = malloc(bytes);
    for (size_t i = 0; i < b->count; i++) {
        b->buffers[i].offset_bytes = b->offsets[i];
    }
    assert_ok(plim_plan_verify(b->buffers, b->count, height, scratch, bytes, &err));
    free(scratch);
    return height;
}

static void cut(bench *b, uint32_t pieces, uint32_t removed_percent, uint64_t seed)
{
    const plan_jigsaw spec = {.steps = 300,
                              .pieces = pieces,
                              .height_bytes = 1000,
                              .unit_bytes = 1,
                              .removed_percent = removed_percent,
                              .pinwheel_percent = 25,
                              .seed = seed};
    b->count = plan_jigsaw_cut(&spec, b->buffers);
    for (size_t i = 0; i < b->count; i++) {
        b->buffers[i].align_bytes = 1;
    }
}

static void jigsaws_are_plans_at_their_height(void **state)
{
    static bench b;
    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        size_t bytes = plim_plan_scratch_bytes(PIECES_MAX);
        void *scratch = malloc(bytes);
        cut(&b, 60 + 15 * (uint32_t)seed, (uint32_t)(seed % 3) * 7, seed);
        assert_ok(plim_plan_verify(b.buffers, b.count, 1000, scratch, bytes, &err));
        free(scratch);
    }
}

static void heights_never_rise_and_every_plan_is_sound(void **state)
{
    static bench b;
    (void)state;
    for (uint64_t seed = 1; seed <= 6; seed++) {
        cut(&b, 100, 7, seed);
        set_up(&b);
        uint64_t before = verified_height(&b);
        for (int k = 0; k < 40; k++) {
            plan_improve_ask ask = {.seed = 0, .step_limit = 50};
            bool is_lower = plan_improve_run(b.search, &ask, NULL);
            uint64_t height = verified_height(&b);
            assert_true(is_lower ? height < before : height == before);
            assert_true(height >= b.grid.bound_bytes);
            before = height;
        }
        tear_down(&b);
    }
}

/* The frontier: no other planner known to us gets these below 1.17 of the bound. */
static void slack_jigsaws_come_within_five_percent(void **state)
{
    static bench b;
    (void)state;
    for (uint64_t seed = 1; seed <= 3; seed++) {
        plan_improve_ask ask = {.seed = 1, .step_limit = 30000};
        cut(&b, 180 + 30 * (uint32_t)seed, 7, seed);
        set_up(&b);
        ask.goal_bytes = b.grid.bound_bytes * 105 / 100;
        plan_improve_run(b.search, &ask, NULL);
        assert_true(verified_height(&b) <= ask.goal_bytes);
        tear_down(&b);
    }
}

static void the_same_seed_gives_the_same_plan_in_one_call_or_many(void **state)
{
    static bench b;
    static uint64_t first[PIECES_MAX];
    uint64_t steps = 0;
    (void)state;
    cut(&b, 300, 7, 5);
    set_up(&b);
    plan_improve_ask ask = {.seed = 0, .step_limit = 900};
    plan_improve_run(b.search, &ask, &steps);
    plan_improve_best(b.search, first);
    tear_down(&b);
    assert_true(steps == 900);

    cut(&b, 300, 7, 5);
    set_up(&b);
    memset(b.offsets, 0xaa, sizeof(b.offsets));
    ask.step_limit = 300;
    for (int k = 0; k < 3; k++) {
        plan_improve_run(b.search, &ask, NULL);
    }
    plan_improve_best(b.search, b.offsets);

    assert_memory_equal(first, b.offsets, b.count * sizeof(first[0]));
    tear_down(&b);
}

static bool stop_after(void *context)
{
    return (*(int *)context)-- <= 0;
}

static void it_stops_when_asked(void **state)
{
    static bench b;
    int left = 3;
    uint64_t steps = 0;
    (void)state;
    cut(&b, 300, 7, 2);
    set_up(&b);
    plan_improve_ask ask = {.should_stop = stop_after, .context = &left};

    plan_improve_run(b.search, &ask, &steps);

    assert_true(steps <= 4 * 64);
    verified_height(&b);
    tear_down(&b);
}

static void it_ends_at_the_goal_and_at_the_bound(void **state)
{
    static bench b;
    plan_improve_ask ask = {0};
    (void)state;
    cut(&b, 30, 40, 3);
    set_up(&b);
    ask.goal_bytes = 2 * b.grid.bound_bytes;
    plan_improve_run(b.search, &ask, NULL);
    assert_true(verified_height(&b) <= ask.goal_bytes);

    ask.goal_bytes = 0; /* without a limit: it must come to an end by itself */
    plan_improve_run(b.search, &ask, NULL);
    assert_true(verified_height(&b) == b.grid.bound_bytes);
    tear_down(&b);
}

static void alignment_and_fixed_offsets_are_kept(void **state)
{
    static bench b;
    uint64_t seed = cm_seed();
    size_t lower = 0;
    (void)state;
    for (int k = 0; k < 200; k++) {
        b.count = 20 + cm_next(&seed) % 30;
        for (size_t i = 0; i < b.count; i++) {
            uint32_t at = (uint32_t)(cm_next(&seed) % 40);
            b.buffers[i] = (plim_plan_buffer){
                .id = i,
                .lower = at,
                .upper = at + 1 + (uint32_t)(cm_next(&seed) % 12),
                .size_bytes = 1 + cm_next(&seed) % 50,
                .align_bytes = UINT64_C(1) << cm_next(&seed) % 5,
            };
        }
        b.buffers[0].is_fixed = true; /* below where the stack of all begins to matter */
        b.buffers[0].offset_bytes = 0;
        set_up(&b);
        uint64_t before = verified_height(&b);
        plan_improve_ask ask = {.step_limit = 400};
        lower += plan_improve_run(b.search, &ask, NULL);
        assert_true(verified_height(&b) <= before);
        assert_int_equal(b.offsets[0], 0);
        tear_down(&b);
    }
    assert_true(lower > 190);
}

/* Two halves of a life with a gap between: others may lie there meanwhile. */
static void gaps_in_a_lifetime_are_used(void **state)
{
    static bench b;
    (void)state;
    b.count = 3;
    b.span_count = 4;
    b.spans[0] = (plan_span){0, 2}, b.spans[1] = (plan_span){4, 6};
    b.spans[2] = (plan_span){2, 4}, b.spans[3] = (plan_span){0, 6};
    b.pieces[0] = (plan_piece){.size_bytes = 10, .first_span = 0, .span_count = 2};
    b.pieces[1] = (plan_piece){.size_bytes = 10, .first_span = 2, .span_count = 1};
    b.pieces[2] = (plan_piece){.size_bytes = 5, .first_span = 3, .span_count = 1};
    b.offsets[0] = 0, b.offsets[1] = 15, b.offsets[2] = 10;
    lay_out(&b);
    assert_true(plan_improve_start(b.search, b.offsets));
    plan_improve_ask ask = {.step_limit = 100};

    plan_improve_run(b.search, &ask, NULL);

    assert_int_equal(plan_improve_best(b.search, b.offsets), 15);
    tear_down(&b);
}

static void too_little_scratch_is_refused(void **state)
{
    static bench b;
    (void)state;
    cut(&b, 40, 0, 1);
    set_up(&b);
    size_t bytes = plan_improve_scratch_bytes(&b.grid);
    assert_null(plan_improve_init(&b.grid, b.search_memory, bytes - 1));
    assert_null(plan_improve_init(&b.grid, (char *)b.search_memory + 8, bytes));
    assert_null(plan_improve_init(&b.grid, NULL, bytes));
    tear_down(&b);
}

/* ---- through the contract ---- */

static plim_plan_result searched(bench *b, uint64_t capacity_bytes, uint64_t node_limit)
{
    plim_plan_problem problem = plim_plan_problem_default();
    plim_plan_opts opts = plim_plan_opts_default();
    plim_plan_result result;
    problem.buffers = b->buffers;
    problem.buffer_count = b->count;
    opts.effort = PLIM_PLAN_SEARCH;
    opts.goal = capacity_bytes ? PLIM_PLAN_FITS : PLIM_PLAN_LOWEST;
    opts.capacity_bytes = capacity_bytes;
    opts.node_limit = node_limit;
    size_t bytes = plim_plan_problem_scratch_bytes(&problem, &opts);
    void *scratch = malloc(bytes);
    assert_ok(plim_plan_problem_solve(&problem, &opts, scratch, bytes, &result, &err));
    free(scratch);
    bytes = plim_plan_scratch_bytes(b->count);
    scratch = malloc(bytes);
    assert_ok(plim_plan_verify(b->buffers, b->count, result.height_bytes, scratch, bytes, &err));
    free(scratch);
    return result;
}

static void a_search_through_the_contract_never_ends_above_greedy(void **state)
{
    static bench b;
    (void)state;
    for (uint64_t seed = 1; seed <= 8; seed++) {
        plim_plan_result greedy, result;
        cut(&b, 120, 7, seed);
        size_t bytes = plim_plan_scratch_bytes(b.count);
        void *scratch = malloc(bytes);
        assert_ok(plim_plan_solve(b.buffers, b.count, NULL, scratch, bytes, &greedy, &err));
        free(scratch);

        result = searched(&b, 0, 1 << 15);

        assert_true(result.height_bytes <= greedy.height_bytes);
        assert_true(result.height_bytes >= result.lower_bound_bytes);
        assert_true(result.node_count <= (1 << 15) + 64);
    }
}

static void whole_jigsaws_are_solved_to_the_optimum(void **state)
{
    static bench b;
    (void)state;
    for (uint64_t seed = 1; seed <= 5; seed++) {
        cut(&b, 60, 0, seed);
        plim_plan_result result = searched(&b, 0, 1 << 18);
        assert_int_equal(result.height_bytes, 1000);
        assert_int_equal(result.verdict, PLIM_PLAN_OPTIMAL);
    }
}

static void a_plan_that_fits_is_enough_when_one_asks_for_no_more(void **state)
{
    static bench b;
    (void)state;
    cut(&b, 200, 7, 4);
    plim_plan_result result = searched(&b, 1100, 1 << 18);
    assert_true(result.height_bytes <= 1100);
}

static void a_search_of_the_same_budget_gives_the_same_bytes(void **state)
{
    static bench a, b;
    (void)state;
    cut(&a, 150, 7, 9);
    cut(&b, 150, 7, 9);
    searched(&a, 0, 1 << 15);
    searched(&b, 0, 1 << 15);
    for (size_t i = 0; i < a.count; i++) {
        assert_true(a.buffers[i].offset_bytes == b.buffers[i].offset_bytes);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(jigsaws_are_plans_at_their_height),
        cmocka_unit_test(heights_never_rise_and_every_plan_is_sound),
        cmocka_unit_test(slack_jigsaws_come_within_five_percent),
        cmocka_unit_test(the_same_seed_gives_the_same_plan_in_one_call_or_many),
        cmocka_unit_test(it_stops_when_asked),
        cmocka_unit_test(it_ends_at_the_goal_and_at_the_bound),
        cmocka_unit_test(alignment_and_fixed_offsets_are_kept),
        cmocka_unit_test(gaps_in_a_lifetime_are_used),
        cmocka_unit_test(too_little_scratch_is_refused),
        cmocka_unit_test(a_search_through_the_contract_never_ends_above_greedy),
        cmocka_unit_test(whole_jigsaws_are_solved_to_the_optimum),
        cmocka_unit_test(a_plan_that_fits_is_enough_when_one_asks_for_no_more),
        cmocka_unit_test(a_search_of_the_same_budget_gives_the_same_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
