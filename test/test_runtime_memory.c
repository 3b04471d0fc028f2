/* SPDX-License-Identifier: Apache-2.0 */
/* test_runtime_memory.c - activations of engines and groups, and every refusal of memory. */
#include "test/support/runtime_fixture.h"

/* ---- activations ---- */

static uint64_t activations(plim_runtime *runtime)
{
    return account_of(runtime).tag_now_bytes[PLIM_TAG_ACTIVATIONS];
}

static void a_scratch_group_costs_its_largest_member(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    plim_engine *alone[2] = {NULL}, *grouped[2] = {NULL};
    char path[2][4200];
    snprintf(path[0], sizeof(path[0]), "%s", make_artifact("group-a"));
    snprintf(path[1], sizeof(path[1]), "%s", make_artifact("group-b"));
    int64_t rows[2] = {4096, 1024};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t each[2];
    for (int i = 0; i < 2; i++) {
        alone[i] = load(runtime, i ? "b" : "a", path[i]);
        uint64_t before = activations(runtime);
        assert_ok(run_rows(alone[i], rows[i], y));
        each[i] = activations(runtime) - before;
        assert_true(each[i] > (uint64_t)rows[i] * ROW * sizeof(float));
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(plim_engine_release(alone[i], &err));
    }
    assert_int_equal(activations(runtime), 0);

    uint64_t before = used(runtime);
    for (int i = 0; i < 2; i++) {
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &grouped[i], &err));
    }
    for (int i = 0; i < 2; i++) {
        assert_ok(run_rows(grouped[i], rows[i], y));
    }
    assert_int_equal(activations(runtime), each[0]);
    plim_account_row row[64];
    plim_account account;
    plim_budget_read(plim_runtime_budget(runtime), &account, row, 64);
    bool is_found = false;
    for (size_t i = 0; i < account.row_count && i < 64; i++) {
        is_found |= strcmp(row[i].owner, "group:turns") == 0 &&
                    row[i].tag == PLIM_TAG_ACTIVATIONS && row[i].now_bytes == each[0];
    }
    assert_true(is_found);

    assert_ok(plim_engine_release(grouped[0], &err));
    assert_ok(run_rows(grouped[1], rows[1], y));
    assert_ok(plim_engine_release(grouped[1], &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void planned_engines_of_a_group_share_the_highest_plan(void **state)
{
    (void)state;
    static float y[2][1024 * ROW], again[1024 * ROW];
    static const int64_t rows[2] = {1024, 300};
    char path[2][4200];
    plim_engine *engine[2] = {NULL};
    uint64_t each[2];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    for (int i = 0; i < 2; i++) {
        snprintf(path[i], sizeof(path[i]), "%s", make_artifact(i ? "high-b" : "high-a"));
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.record_trace = true;
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
        assert_ok(run_rows(engine[i], rows[i], y[i]));
        assert_ok(run_rows(engine[i], rows[i], y[i]));
        assert_ok(plim_engine_release(engine[i], &err));
        engine[i] = load(runtime, i ? "b" : "a", path[i]);
        each[i] = activations(runtime);
        assert_ok(plim_engine_release(engine[i], &err));
    }
    assert_true(each[0] > each[1] && each[1] > 0);

    for (int i = 1; i >= 0; i--) { /* the lower one first: the region grows */
        plim_engine_spec s = spec_of(i ? "b" : "a", path[i]);
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
        assert_int_equal(activations(runtime), each[i]);
    }
    for (int round = 0; round < 3; round++) {
        for (int i = 0; i < 2; i++) {
            assert_ok(run_rows(engine[i], rows[i], again));
            assert_memory_equal(y[i], again, (size_t)rows[i] * ROW * sizeof(float));
            assert_int_equal(stats_of(engine[i]).trace_miss_count, 0);
        }
    }
    assert_int_equal(activations(runtime), each[0]);
    assert_ok(plim_engine_release(engine[0], &err));
    assert_int_equal(activations(runtime), each[1]); /* what only the higher one needed is back */
    assert_ok(run_rows(engine[1], rows[1], again));
    assert_int_equal(stats_of(engine[1]).trace_miss_count, 0);
    assert_ok(plim_engine_release(engine[1], &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void *run_often(void *argument)
{
    racer *r = argument;
    for (int i = 0; i < 20 && r->status == PLIM_OK; i++) {
        static const char *const x_name[] = {"x"}, *const y_name[] = {"y"};
        float x[ROW], y[ROW];
        plim_tensor in, out;
        plim_error own;
        int64_t shape[2] = {1, ROW};
        for (int k = 0; k < ROW; k++) {
            x[k] = (float)k;
        }
        r->status = plim_tensor_init(&in, x, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &own);
        out = in;
        out.data = y;
        if (r->status == PLIM_OK) {
            r->status = plim_engine_infer(r->engine, x_name, &in, 1, y_name, &out, 1, &own);
        }
        if (i == 0) {
            memcpy(r->y, y, sizeof(y));
        }
        if (memcmp(r->y, y, sizeof(y)) != 0) {
            r->status = PLIM_E_CORRUPT;
        }
        plim_engine_stats stats;
        plim_engine_read(r->engine, &stats);
    }
    return NULL;
}

static void engines_of_a_group_take_turns_under_racing_threads(void **state)
{
    (void)state;
    static float y[8][ROW];
    plim_engine *engine[2] = {NULL};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    for (int i = 0; i < 2; i++) {
        plim_engine_spec s = spec_of(i ? "b" : "a", make_artifact(i ? "turn-b" : "turn-a"));
        s.scratch_group = "turns";
        assert_ok(plim_runtime_deserialize(runtime, &s, &engine[i], &err));
    }
    pthread_t threads[8];
    racer racers[8];
    for (size_t i = 0; i < 8; i++) {
        racers[i] = (racer){.engine = engine[i % 2], .y = y[i]};
        assert_int_equal(pthread_create(&threads[i], NULL, run_often, &racers[i]), 0);
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_int_equal(racers[i].status, PLIM_OK);
        assert_memory_equal(y[i], y[i % 2], sizeof(y[0]));
    }
    assert_int_equal(stats_of(engine[0]).run_count, 80);
    plim_runtime_close(runtime);
}

static void a_recorded_run_is_planned_at_the_next_start(void **state)
{
    (void)state;
    static float y[1024 * ROW], again[1024 * ROW];
    const char *path = make_artifact("traced");
    char plan[4300];
    snprintf(plan, sizeof(plan), "%s.plan.csv", path);
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine_spec s = spec_of("traced", path);
    plim_engine *engine = NULL;
    s.record_trace = true;
    uint64_t before = used(runtime);
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_ok(run_rows(engine, 1024, y));
    uint64_t warm = used(runtime);
    assert_int_equal(access(plan, F_OK), -1);
    assert_ok(run_rows(engine, 1024, y));
    assert_int_equal(access(plan, F_OK), 0);
    assert_int_equal(used(runtime), warm); /* the recording itself is gone */
    plim_engine_stats dynamic = stats_of(engine);
    assert_false(dynamic.trace_is_planned);
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);

    engine = load(runtime, "traced", path);
    warm = used(runtime);
    for (int i = 0; i < 3; i++) {
        assert_ok(run_rows(engine, 1024, again));
        assert_memory_equal(y, again, sizeof(y));
    }
    plim_engine_stats planned = stats_of(engine);
    assert_true(planned.trace_is_planned);
    assert_int_equal(planned.trace_miss_count, 0);
    assert_int_equal(planned.trace_hit_count, 3);
    assert_true(planned.trace_planned_bytes <= dynamic.activation_peak_bytes);
    assert_int_equal(used(runtime), warm); /* a planned run commits nothing */

    assert_ok(run_rows(engine, 2, again)); /* other shapes: served, and counted */
    assert_int_equal(stats_of(engine).trace_miss_count, 1);
    assert_memory_equal(y, again, 2 * ROW * sizeof(float));
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);

    s.record_trace = false;
    s.thread_count = 2; /* the plan is for one thread */
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_int_equal(stats_of(engine).trace_refused_count, 1);
    assert_false(stats_of(engine).trace_is_planned);
    plim_runtime_close(runtime);
    assert_non_null(strstr(logged.text, "\"event\":\"plan_refused\""));
}

/* ---- a backend that misbehaves ---- */

static plim_status greedy_run(plim_backend_engine *engine, const char *const *input_names,
                              const plim_tensor *inputs, size_t input_count,
                              const char *const *output_names, plim_tensor *outputs,
                              size_t output_count, const volatile bool *cancel, plim_error *out)
{
    (void)input_names, (void)inputs, (void)input_count, (void)output_names, (void)outputs;
    (void)output_count, (void)cancel;
    plim_backend_host *host = (plim_backend_host *)(void *)engine;
    void *first = NULL, *second = NULL;
    assert_int_equal(host->alloc(host->context, PLIM_HOST_ACTIVATION, 100, 128, &first, NULL), 0);
    assert_int_equal((uintptr_t)first % 128, 0);
    memset(first, 1, 100 + PLIM_BLOCK_SLACK); /* the slack is writable */
    assert_int_not_equal(
        host->alloc(host->context, PLIM_HOST_ACTIVATION, SIZE_MAX - 70, 64, &second, NULL), 0);
    assert_int_not_equal(
        host->alloc(host->context, PLIM_HOST_ACTIVATION, CAP_BYTES, 64, &second, NULL), 0);
    assert_null(second);
    host->free(host->context, first);
    host->free(host->context, first); /* logged, not obeyed */
    host->log(host->context, 99, "text with \"quotes\"");
    return plim_error_set(out, PLIM_E_BACKEND, "library failed", NULL, NULL, "bad_alloc");
}

static void a_refusal_keeps_its_numbers_through_a_backends_words(void **state)
{
    (void)state;
    static float y[ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "greedy", make_artifact("greedy"));
    plim_backend_engine *real = engine->impl;
    const plim_backend_ops *ops = engine->ops;
    plim_backend_ops greedy = *ops;
    greedy.run = greedy_run;
    engine->ops = &greedy;
    engine->impl = (plim_backend_engine *)(void *)&engine->host;

    assert_status(run_rows(engine, 1, y), PLIM_E_BUDGET);
    assert_true(err.want >= CAP_BYTES);
    assert_non_null(strstr(logged.text, "foreign_free"));

    engine->ops = ops;
    engine->impl = real;
    assert_ok(run_rows(engine, 1, y));
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

/* ---- every failure ---- */

static void whatever_the_system_refuses_the_account_returns(void **state)
{
    (void)state;
    static float y[64 * ROW];
    const char *path = make_artifact("failing");
    bool is_done = false;
    uint64_t refused = 0;
    for (int keep_failing = 0; keep_failing < 2; keep_failing++) {
        is_done = false;
        for (uint64_t n = 0; !is_done && n < 200; n++) {
            plim_failing_provider failing;
            plim_runtime *runtime = NULL;
            plim_engine *engine = NULL;
            plim_failing_provider_init(&failing, plim_provider_mmap(), UINT64_MAX, keep_failing);
            plim_runtime_opts o = base_opts(CAP_BYTES);
            o.provider = &failing.base;
            assert_ok(plim_runtime_open(&o, &runtime, &err));
            uint64_t before = used(runtime);
            failing.calls = 0;
            failing.fail_at = n;

            plim_engine_spec s = spec_of("failing", path);
            s.scratch_group = "g";
            plim_status status = plim_runtime_deserialize(runtime, &s, &engine, &err);
            if (status == PLIM_OK) {
                status = run_rows(engine, 64, y);
                is_done = failing.calls <= n;
                assert_true(status == PLIM_OK || status == PLIM_E_NOMEM);
                assert_ok(plim_engine_release(engine, &err));
            } else {
                assert_null(engine);
                assert_int_equal(status, PLIM_E_NOMEM);
            }
            refused += failing.calls > n;
            assert_int_equal(used(runtime), before);
            assert_ok(plim_arena_check(plim_runtime_arena(runtime), &err));

            failing.fail_at = UINT64_MAX; /* and the next load works */
            failing.keep_failing = false;
            engine = load(runtime, "failing", path);
            assert_ok(run_rows(engine, 64, y));
            assert_ok(plim_engine_release(engine, &err));
            assert_int_equal(used(runtime), before);
            plim_runtime_close(runtime);
        }
        assert_true(is_done);
    }
    assert_true(refused >= 8);
}

static void an_open_that_fails_anywhere_leaves_nothing(void **state)
{
    (void)state;
    bool is_open = false;
    for (uint64_t n = 0; !is_open && n < 50; n++) {
        plim_failing_provider failing;
        plim_recording_provider recording;
        plim_runtime *runtime = NULL;
        plim_recording_provider_init(&recording, plim_provider_mmap());
        plim_failing_provider_init(&failing, &recording.base, n, false);
        plim_runtime_opts o = base_opts(CAP_BYTES);
        o.provider = &failing.base;

        plim_status status = plim_runtime_open(&o, &runtime, &err);

        is_open = status == PLIM_OK && failing.calls <= n;
        plim_runtime_close(runtime);
        assert_int_equal(recording.committed_bytes, 0);
        assert_int_equal(recording.reserve_count, recording.release_count);
    }
    assert_true(is_open);
}

static void page_tables_are_charged_where_memory_is_anonymous(void **state)
{
    (void)state;
    const char *path = make_artifact("tables");
    uint64_t held[2];
    for (int never = 0; never < 2; never++) {
        plim_runtime *runtime = NULL;
        plim_runtime_opts o = base_opts(CAP_BYTES);
        o.large_pages = never ? PLIM_LARGE_PAGES_NEVER : PLIM_LARGE_PAGES_AUTO;
        assert_ok(plim_runtime_open(&o, &runtime, &err));
        const bool is_free = plim_runtime_has_large_pages(runtime, NULL);
        uint64_t before = used(runtime);
        plim_engine *engine = load(runtime, "tables", path);
        held[never] = used(runtime) - before;
        const uint64_t tables = is_free ? 0 : plim_page_table_bytes(WEIGHTS_BYTES);
        assert_int_equal(engine->page_table_bytes, tables);
        assert_ok(plim_engine_evict(engine, &err));
        assert_int_equal(engine->page_table_bytes, 0);
        assert_ok(plim_engine_restore(engine, &err));
        assert_int_equal(engine->page_table_bytes, tables);
        assert_int_equal(used(runtime) - before, held[never]);
        assert_ok(plim_engine_release(engine, &err));
        assert_int_equal(used(runtime), before);
        held[never] -= tables;
        plim_runtime_close(runtime);
    }
    assert_int_equal(held[0], held[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_scratch_group_costs_its_largest_member),
        cmocka_unit_test(planned_engines_of_a_group_share_the_highest_plan),
        cmocka_unit_test(engines_of_a_group_take_turns_under_racing_threads),
        cmocka_unit_test(a_recorded_run_is_planned_at_the_next_start),
        cmocka_unit_test(a_refusal_keeps_its_numbers_through_a_backends_words),
        cmocka_unit_test(whatever_the_system_refuses_the_account_returns),
        cmocka_unit_test(an_open_that_fails_anywhere_leaves_nothing),
        cmocka_unit_test(page_tables_are_charged_where_memory_is_anonymous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
