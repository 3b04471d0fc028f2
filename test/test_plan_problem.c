/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan_problem.c - problems with gaps, pairs, regions and stages: planned, bounded,
 * verified, refused. Everything random is held against the exhaustive oracle. */
#include "plimsoll/plan.h"
#include "test/support/cm.h"
#include "test/support/plan_oracle.h"

static _Alignas(16) unsigned char scratch[16 << 20];

static const plan_made_opts everything = {.least = 1,
                                          .most = 7,
                                          .steps = 9,
                                          .size_most = 9,
                                          .with_alignment = true,
                                          .with_fixed = true,
                                          .with_gaps = true,
                                          .with_pairs = true,
                                          .with_regions = true,
                                          .with_stages = true};

static plim_status solve(const plim_plan_problem *p, const plim_plan_opts *opts,
                         plim_plan_result *result, plim_error *err)
{
    assert_true(plim_plan_problem_scratch_bytes(p, opts) <= sizeof(scratch));
    return plim_plan_problem_solve(p, opts, scratch, sizeof(scratch), result, err);
}

static plim_status verify(const plim_plan_problem *p, uint64_t height, plim_error *err)
{
    assert_true(plim_plan_problem_verify_bytes(p) <= sizeof(scratch));
    return plim_plan_problem_verify(p, height, scratch, sizeof(scratch), err);
}

static uint32_t regions_of(const plim_plan_problem *p)
{
    return p->region_count ? (uint32_t)p->region_count : 1;
}

static bool have_collision(const plim_plan_problem *p)
{
    for (size_t i = 0; i < p->buffer_count; i++) {
        for (size_t j = 0; j < i; j++) {
            if (p->buffers[i].is_fixed && p->buffers[j].is_fixed &&
                !plan_oracle_is_apart(p, i, j)) {
                return true;
            }
        }
    }
    return false;
}

static void check_against_the_oracle(const plan_made *m, const plim_plan_result *result,
                                     size_t *optimal)
{
    uint64_t heights = 0, bounds = 0;
    for (uint32_t r = 0; r < regions_of(&m->problem); r++) {
        bool alone = m->problem.region_count == 0;
        uint64_t best = plan_oracle_height(&m->problem, (uint16_t)r);
        uint64_t height = alone ? result->height_bytes : m->regions[r].height_bytes;
        uint64_t bound = alone ? result->lower_bound_bytes : m->regions[r].lower_bound_bytes;
        plim_plan_verdict verdict = alone ? result->verdict : m->regions[r].verdict;
        assert_true(bound <= best && best <= height);
        assert_int_equal(verdict, height == bound ? PLIM_PLAN_OPTIMAL : PLIM_PLAN_FEASIBLE);
        *optimal += height == best;
        heights += height;
        bounds += bound;
    }
    assert_int_equal(result->height_bytes, heights);
    assert_int_equal(result->lower_bound_bytes, bounds);
}

static void problems_of_every_kind_are_sound_and_bounded(void **state)
{
    static plan_made m, before;
    uint64_t seed = cm_seed();
    size_t planned = 0, optimal = 0, regions = 0;
    plim_error err;
    (void)state;

    for (int k = 0; k < CM_ROUNDS(6000); k++) {
        plim_plan_result result;
        plan_made_random(&m, &everything, &seed);
        memcpy(&before, &m, sizeof(m));
        if (have_collision(&m.problem)) {
            assert_status(solve(&m.problem, NULL, &result, &err), PLIM_E_FORMAT);
            assert_memory_equal(before.buffers, m.buffers, sizeof(m.buffers));
            continue;
        }
        assert_ok(solve(&m.problem, NULL, &result, &err));
        assert_true(plan_oracle_is_sound(&m.problem, result.height_bytes));
        assert_ok(verify(&m.problem, result.height_bytes, &err));
        check_against_the_oracle(&m, &result, &optimal);
        regions += regions_of(&m.problem);
        planned++;
    }
    assert_true(planned > CM_ROUNDS(4000));
    assert_true(optimal * 100 > regions * 90); /* greedy, and so little to do */
}

/* Proofs too: with all the nodes that it wants, the search ends at the oracle's height. */
static void searched_plans_are_lowest_and_proven(void **state)
{
    static plan_made m;
    plan_made_opts made = everything;
    plim_plan_opts o = plim_plan_opts_default();
    uint64_t seed = cm_seed() + 5;
    size_t above = 0, proven = 0, planned = 0;
    plim_error err;
    (void)state;
    made.with_pairs = made.with_regions = false;
    o.effort = PLIM_PLAN_SEARCH;

    for (int k = 0; k < CM_ROUNDS(2000); k++) {
        plim_plan_result result;
        plan_made_random(&m, &made, &seed);
        if (have_collision(&m.problem)) {
            continue;
        }
        assert_ok(solve(&m.problem, NULL, &result, &err));
        uint64_t bound = result.lower_bound_bytes;
        assert_ok(solve(&m.problem, &o, &result, &err));
        assert_ok(verify(&m.problem, result.height_bytes, &err));
        uint64_t best = plan_oracle_height(&m.problem, 0);
        assert_int_equal(result.height_bytes, best);
        assert_true(result.lower_bound_bytes <= best);
        above += best > bound;
        proven += result.is_optimal;
        planned++;
    }
    assert_true(above >
                CM_ROUNDS(50)); /* a gap, so the proof is the search's and not the bound's */
    assert_int_equal(proven, planned);
}

static void what_cannot_fit_is_proven_not_to(void **state)
{
    static plan_made m;
    plan_made_opts made = everything;
    plim_plan_opts o = plim_plan_opts_default();
    uint64_t seed = cm_seed() + 6;
    plim_error err;
    (void)state;
    made.with_pairs = made.with_regions = made.with_fixed = false;
    o.effort = PLIM_PLAN_SEARCH;
    o.goal = PLIM_PLAN_FITS;

    for (int k = 0; k < CM_ROUNDS(500); k++) {
        plim_plan_result result;
        plan_made_random(&m, &made, &seed);
        uint64_t best = plan_oracle_height(&m.problem, 0);
        o.capacity_bytes = best;
        assert_ok(solve(&m.problem, &o, &result, &err));
        assert_true(result.height_bytes == best);
        o.capacity_bytes = best - 1;
        if (best > 1) {
            assert_status(solve(&m.problem, &o, &result, &err), PLIM_E_BUDGET);
            assert_int_equal(result.verdict, PLIM_PLAN_INFEASIBLE);
        }
    }
}

static void verifier_agrees_with_the_oracle_on_moved_buffers(void **state)
{
    static plan_made m;
    plan_made_opts opts = everything;
    uint64_t seed = cm_seed() + 1;
    size_t sound = 0, broken = 0;
    plim_error err;
    (void)state;

    for (int k = 0; k < CM_ROUNDS(12000); k++) {
        plim_plan_result result;
        opts.most = k % 10 ? 7 : 60;
        plan_made_random(&m, &opts, &seed);
        if (solve(&m.problem, NULL, &result, &err) != PLIM_OK) {
            continue;
        }
        for (uint64_t moves = cm_next(&seed) % 3; moves; moves--) {
            plim_plan_buffer *b = &m.buffers[cm_next(&seed) % m.problem.buffer_count];
            b->offset_bytes = cm_next(&seed) % 20;
            b->align_bytes = cm_next(&seed) % 4 ? 0 : 2;
        }
        bool expected = plan_oracle_is_sound(&m.problem, result.height_bytes);
        plim_status got = verify(&m.problem, result.height_bytes, &err);
        assert_int_equal(got, expected ? PLIM_OK : PLIM_E_FORMAT);
        sound += expected;
        broken += !expected;
    }
    assert_true(sound > CM_ROUNDS(1000) && broken > CM_ROUNDS(1000));
}

static void a_pair_at_one_offset_is_known_to_the_verifier(void **state)
{
    plim_plan_buffer b[] = {{.id = 1, .lower = 0, .upper = 4, .size_bytes = 8},
                            {.id = 2, .lower = 3, .upper = 6, .size_bytes = 4},
                            {.id = 3, .lower = 3, .upper = 4, .size_bytes = 4, .offset_bytes = 4}};
    plim_plan_pair pairs[] = {{0, 1}, {0, 2}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 2, p.pairs = pairs, p.pair_count = 1;

    assert_ok(verify(&p, 8, &err));
    b[1].offset_bytes = 2; /* in place means one offset */
    assert_status(verify(&p, 8, &err), PLIM_E_FORMAT);
    b[1].offset_bytes = 0, p.buffer_count = 3;
    assert_status(verify(&p, 8, &err), PLIM_E_FORMAT); /* the third lies on the input's rest */
    b[2].offset_bytes = 8;
    assert_ok(verify(&p, 12, &err));
    b[2].offset_bytes = 0, p.pair_count = 2; /* two outputs on one input */
    assert_status(verify(&p, 12, &err), PLIM_E_FORMAT);
    assert_string_equal(err.detail, "buffers 2 and 3 share byte 0 at step 3");
}

static void an_output_takes_its_inputs_place(void **state)
{
    plim_plan_buffer b[] = {{.id = 1, .lower = 0, .upper = 4, .size_bytes = 100},
                            {.id = 2, .lower = 3, .upper = 6, .size_bytes = 100},
                            {.id = 3, .lower = 5, .upper = 9, .size_bytes = 60}};
    plim_plan_pair pairs[] = {{0, 1}, {1, 2}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 3, p.pairs = pairs;

    assert_ok(solve(&p, NULL, &result, &err));
    assert_int_equal(result.height_bytes, 200);
    p.pair_count = 2;
    assert_ok(solve(&p, NULL, &result, &err));

    assert_int_equal(result.height_bytes, 100);
    assert_true(result.is_optimal);
    assert_int_equal(b[2].offset_bytes, 0);
}

static void a_gap_lends_its_bytes_to_others(void **state)
{
    plim_plan_buffer b[] = {{.id = 1, .lower = 0, .upper = 10, .size_bytes = 64},
                            {.id = 2, .lower = 3, .upper = 7, .size_bytes = 64}};
    plim_plan_gap gap = {.buffer = 0, .lower = 3, .upper = 7};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 2, p.gaps = &gap, p.gap_count = 1;

    assert_ok(solve(&p, NULL, &result, &err));
    assert_int_equal(result.height_bytes, 64);
    gap.upper = 6;
    assert_status(verify(&p, 64, &err), PLIM_E_FORMAT);
    assert_string_equal(err.detail, "buffers 1 and 2 share byte 0 at step 6");
}

static void stages_cost_their_maximum_and_what_outlives_them_its_sum(void **state)
{
    plim_plan_buffer b[] = {
        {.id = 1, .size_bytes = 1000, .is_in_every_stage = true},
        {.id = 2, .lower = 0, .upper = 2, .size_bytes = 300, .stage = 0},
        {.id = 3, .lower = 0, .upper = UINT32_MAX - 9, .size_bytes = 200, .stage = 1},
        {.id = 4, .lower = 5, .upper = 7, .size_bytes = 150, .stage = 1}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 4, p.stage_count = 2;

    assert_ok(solve(&p, NULL, &result, &err));
    assert_int_equal(result.height_bytes, 1350);
    assert_ok(verify(&p, 1350, &err));
    b[1].upper = 10; /* both stages together no longer fit 32 bits of steps */
    assert_status(solve(&p, NULL, &result, &err), PLIM_E_RANGE);
    assert_string_equal(err.field, "upper");
    b[2].upper = UINT32_MAX, b[2].stage = 0, b[3].stage = 0, b[1].upper = 2; /* one stage does */
    assert_ok(solve(&p, NULL, &result, &err));
    assert_int_equal(result.height_bytes, 1500);
}

static void each_region_has_its_own_cap_and_answer(void **state)
{
    plim_plan_buffer b[] = {{.id = 1, .lower = 0, .upper = 2, .size_bytes = 300, .region = 0},
                            {.id = 2, .lower = 0, .upper = 2, .size_bytes = 200, .region = 1},
                            {.id = 3, .lower = 1, .upper = 3, .size_bytes = 50, .region = 1}};
    plim_plan_region regions[2] = {{.capacity_bytes = 300}, {.capacity_bytes = 249}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 3, p.regions = regions, p.region_count = 2;

    assert_status(solve(&p, NULL, &result, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, 250);
    assert_int_equal(result.verdict, PLIM_PLAN_INFEASIBLE);
    assert_int_equal(regions[0].verdict, PLIM_PLAN_OPTIMAL);
    assert_int_equal(regions[1].verdict, PLIM_PLAN_INFEASIBLE);
    assert_int_equal(b[2].offset_bytes, 0);

    regions[1].capacity_bytes = 250;
    assert_ok(solve(&p, NULL, &result, &err));
    assert_int_equal(regions[0].height_bytes, 300);
    assert_int_equal(regions[1].height_bytes, 250);
    assert_int_equal(result.height_bytes, 550);
}

static void alignment_raises_the_bound(void **state)
{
    plim_plan_buffer b[] = {
        {.id = 1, .lower = 0, .upper = 2, .size_bytes = 65, .align_bytes = 64},
        {.id = 2, .lower = 0, .upper = 2, .size_bytes = 65, .align_bytes = 64},
        {.id = 3, .lower = 1, .upper = 3, .size_bytes = 100, .align_bytes = 128}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 3;

    assert_ok(solve(&p, NULL, &result, &err));

    assert_int_equal(result.lower_bound_bytes, 128 + 128 + 128 - 63);
    assert_int_equal(plan_oracle_height_flat(b, 3), result.height_bytes);
    assert_true(result.is_optimal);
}

/* One refusal a row: what is changed in a good problem, and what must be said. */
static void refusals_name_the_field_and_the_buffer(void **state)
{
    plim_plan_result result;
    plim_error err;
    (void)state;
    for (int k = 0; k < 15; k++) {
        plim_plan_buffer b[] = {{.id = 71, .lower = 0, .upper = 5, .size_bytes = 8},
                                {.id = 72, .lower = 4, .upper = 9, .size_bytes = 8},
                                {.id = 73, .size_bytes = 8, .is_in_every_stage = true}};
        plim_plan_gap g[] = {{0, 1, 2}, {0, 3, 4}};
        plim_plan_pair pair = {0, 1};
        plim_plan_problem p = plim_plan_problem_default();
        const char *field = NULL, *named = "72";
        p.buffers = b, p.buffer_count = 3, p.gaps = g, p.gap_count = 2;
        p.pairs = &pair, p.pair_count = 1;
        assert_ok(solve(&p, NULL, &result, &err));
        plim_status wanted = PLIM_E_ARG;
        switch (k) {
        case 0:
            b[1].id = 71, field = "id", named = "71";
            break;
        case 1:
            b[1].region = 1, field = "region";
            break;
        case 2:
            b[1].stage = 1, field = "stage";
            break;
        case 3:
            b[1].upper = 4, field = "upper";
            break;
        case 4:
            g[1].upper = 5, field = "upper", named = "71";
            break;
        case 5:
            g[0].lower = 0, field = "lower", named = "71";
            break;
        case 6:
            g[1].lower = 2, field = "lower", named = "71";
            break;
        case 7:
            g[1].buffer = 3, field = "buffer", named = "index 3";
            break;
        case 8:
            g[1].buffer = 2, field = "buffer", named = "73";
            break;
        case 9:
            pair.output = 9, field = "output", named = "9";
            break;
        case 10:
            pair = (plim_plan_pair){1, 0}, field = "lower";
            break;
        case 11:
            pair = (plim_plan_pair){0, 2}, field = "output", named = "73";
            break;
        case 12:
            b[1].lower = 3, field = "upper";
            break;
        case 13:
            b[1].size_bytes = UINT64_MAX, field = "size_bytes", wanted = PLIM_E_RANGE;
            break;
        default:
            p.gaps = NULL, field = "gaps", named = "";
            break;
        }
        assert_status(solve(&p, NULL, &result, &err), wanted);
        assert_string_equal(err.field, field);
        assert_non_null(strstr(err.detail, named));
    }
}

static void pairs_that_form_a_ring_are_refused(void **state)
{
    plim_plan_buffer b[] = {{.id = 1, .lower = 3, .upper = 4, .size_bytes = 8},
                            {.id = 2, .lower = 3, .upper = 4, .size_bytes = 8}};
    plim_plan_pair ring[] = {{0, 1}, {1, 0}};
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_result result;
    plim_error err;
    (void)state;
    p.buffers = b, p.buffer_count = 2, p.pairs = ring, p.pair_count = 2;

    assert_status(solve(&p, NULL, &result, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "lower");
    assert_status(verify(&p, 16, &err), PLIM_E_FORMAT);
}

static bool always(void *user)
{
    ++*(int *)user;
    return true;
}

static void a_stopped_job_has_a_plan_all_the_same(void **state)
{
    static plan_made m;
    plan_made_opts opts = everything;
    plim_plan_opts o = plim_plan_opts_default();
    plim_plan_result result;
    plim_error err;
    uint64_t seed = cm_seed() + 2;
    int asked = 0;
    (void)state;
    opts.least = opts.most = 60, opts.with_fixed = false;
    plan_made_random(&m, &opts, &seed);
    o.should_stop = always, o.user = &asked;

    assert_ok(solve(&m.problem, &o, &result, &err));

    assert_ok(verify(&m.problem, result.height_bytes, &err));
    assert_true(asked > 0);
}

static void any_number_of_workers_gives_the_same_plan(void **state)
{
    static plan_made m, copy;
    plan_made_opts made = everything;
    plim_plan_opts o = plim_plan_opts_default();
    plim_plan_result result;
    plim_plan_job *job;
    plim_error err;
    uint64_t seed = cm_seed() + 3, again = seed;
    (void)state;
    made.least = made.most = 40, made.with_fixed = false;
    plan_made_random(&m, &made, &seed);
    plan_made_random(&copy, &made, &again);
    assert_ok(solve(&m.problem, NULL, &result, &err));

    o.worker_count = 3;
    assert_true(plim_plan_job_bytes(&copy.problem, &o) <= sizeof(scratch));
    assert_ok(plim_plan_job_init(&copy.problem, &o, scratch, sizeof(scratch), &job, &err));
    for (uint32_t w = 3; w-- > 0;) {
        plim_plan_job_work(job, w);
    }
    assert_ok(plim_plan_job_finish(job, &result, &err));

    assert_memory_equal(m.buffers, copy.buffers, sizeof(m.buffers));
    o.worker_count = 65;
    assert_status(plim_plan_job_init(&copy.problem, &o, scratch, sizeof(scratch), &job, &err),
                  PLIM_E_ARG);
    assert_null(job);
}

/* A layered network: short lives of many sizes, long ones now and then, a few that stay. */
static void make_network(plim_plan_buffer *b, size_t count, uint64_t seed)
{
    for (size_t i = 0; i < count; i++) {
        uint32_t at = (uint32_t)i, life = 2 + (uint32_t)(cm_next(&seed) % 6);
        life = i % 16 == 0 ? 64 + (uint32_t)(cm_next(&seed) % 512) : life;
        life = i % 997 == 0 ? (uint32_t)(count - i) : life;
        b[i] = (plim_plan_buffer){.id = i,
                                  .lower = at,
                                  .upper = at + life,
                                  .size_bytes = 64 * (1 + cm_next(&seed) % 4096),
                                  .align_bytes = 64};
    }
}

static void a_hundred_thousand_buffers_are_planned_near_the_bound(void **state)
{
    enum { COUNT = 100000 };
    plim_plan_buffer *b = malloc(COUNT * sizeof(*b));
    size_t bytes = plim_plan_scratch_bytes(COUNT);
    void *memory = aligned_alloc(64, (bytes + 63) / 64 * 64);
    plim_plan_result result;
    plim_error err;
    (void)state;
    assert_non_null(b);
    assert_non_null(memory);
    assert_true(bytes < COUNT * 512);
    make_network(b, COUNT, 7);

    assert_ok(plim_plan_solve(b, COUNT, NULL, memory, bytes, &result, &err));

    assert_ok(plim_plan_verify(b, COUNT, result.height_bytes, memory, bytes, &err));
    assert_true(result.height_bytes <= result.lower_bound_bytes / 100 * 103);
    for (size_t i = 0; i < COUNT; i++) { /* all of them fixed where they lie */
        b[i].is_fixed = true;
    }
    assert_ok(plim_plan_solve(b, COUNT, NULL, memory, bytes, &result, &err));
    b[COUNT / 2].offset_bytes = b[COUNT / 2 - 1].offset_bytes;
    assert_status(plim_plan_solve(b, COUNT, NULL, memory, bytes, &result, &err), PLIM_E_FORMAT);
    free(memory);
    free(b);
}

static void scratch_is_asked_for_and_one_byte_less_is_refused(void **state)
{
    static plan_made m;
    plan_made_opts opts = everything;
    plim_plan_result result;
    plim_error err;
    uint64_t seed = cm_seed() + 4;
    (void)state;
    for (int k = 0; k < CM_ROUNDS(500); k++) {
        plan_made_random(&m, &opts, &seed);
        size_t need = plim_plan_problem_scratch_bytes(&m.problem, NULL);
        unsigned char *exact = aligned_alloc(16, (need + 15) / 16 * 16);
        assert_non_null(exact);
        assert_status(plim_plan_problem_solve(&m.problem, NULL, exact, need - 1, &result, &err),
                      PLIM_E_ARG);
        assert_int_equal(err.want, need);
        plim_status s = plim_plan_problem_solve(&m.problem, NULL, exact, need, &result, &err);
        assert_true(s == PLIM_OK || s == PLIM_E_FORMAT);
        need = plim_plan_problem_verify_bytes(&m.problem);
        if (s == PLIM_OK) {
            assert_ok(plim_plan_problem_verify(&m.problem, result.height_bytes, exact, need, &err));
        }
        assert_status(
            plim_plan_problem_verify(&m.problem, result.height_bytes, exact, need - 1, &err),
            PLIM_E_ARG);
        free(exact);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(problems_of_every_kind_are_sound_and_bounded),
        cmocka_unit_test(searched_plans_are_lowest_and_proven),
        cmocka_unit_test(what_cannot_fit_is_proven_not_to),
        cmocka_unit_test(verifier_agrees_with_the_oracle_on_moved_buffers),
        cmocka_unit_test(a_pair_at_one_offset_is_known_to_the_verifier),
        cmocka_unit_test(an_output_takes_its_inputs_place),
        cmocka_unit_test(a_gap_lends_its_bytes_to_others),
        cmocka_unit_test(stages_cost_their_maximum_and_what_outlives_them_its_sum),
        cmocka_unit_test(each_region_has_its_own_cap_and_answer),
        cmocka_unit_test(alignment_raises_the_bound),
        cmocka_unit_test(refusals_name_the_field_and_the_buffer),
        cmocka_unit_test(pairs_that_form_a_ring_are_refused),
        cmocka_unit_test(a_stopped_job_has_a_plan_all_the_same),
        cmocka_unit_test(any_number_of_workers_gives_the_same_plan),
        cmocka_unit_test(a_hundred_thousand_buffers_are_planned_near_the_bound),
        cmocka_unit_test(scratch_is_asked_for_and_one_byte_less_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
