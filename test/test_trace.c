/* SPDX-License-Identifier: Apache-2.0 */
/* test_trace.c - a recorded run becomes a plan and survives the disk. */
#include <unistd.h>

#include "plimsoll/arena.h"
#include "src/runtime/trace.h"
#include "test/support/cm.h"

static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_error err;

static int open_home(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 64u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts o = plim_region_opts_default();
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = 48u << 20;
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &o, &home, &err));
    return 0;
}

static int close_home(void **state)
{
    (void)state;
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

static void *from_home(size_t bytes)
{
    void *block = NULL;
    assert_ok(plim_region_alloc(home, bytes, 0, &block, &err));
    return block;
}

/* A run as a list of events: n > 0 asks for n bytes; -k frees request k - 1. */
static plim_recorder *record(const int *events, size_t count)
{
    plim_recorder *to = NULL;
    uint64_t asked = 0;
    size_t bytes = plim_recorder_bytes(64);
    assert_ok(plim_recorder_init(from_home(bytes), bytes, 64, &to, &err));
    for (size_t i = 0; i < count; i++) {
        if (events[i] > 0) {
            assert_ok(plim_recorder_alloc(to, asked++, (uint64_t)events[i], 64, &err));
        } else {
            assert_true(plim_recorder_free(to, (uint64_t)(-events[i] - 1)));
        }
    }
    return to;
}

static const int simple[] = {640, 1280, -1, 640, -2, -3, 320};

static plim_trace_plan solved(const int *events, size_t count)
{
    plim_trace_plan plan = {.shapes = 7};
    plan.key.thread_count = 2;
    memset(plan.key.root, 0xab, sizeof(plan.key.root));
    snprintf(plan.key.backend, sizeof(plan.key.backend), "null");
    snprintf(plan.key.version, sizeof(plan.key.version), "1.2 b");
    assert_ok(plim_trace_solve(record(events, count), home, &plan, &err));
    return plan;
}

static void a_run_becomes_lifetimes_and_the_survivor_stays_out(void **state)
{
    (void)state;

    plim_trace_plan plan = solved(simple, 7);

    assert_int_equal(plan.request_count, 4);
    assert_int_equal(plan.buffer_count, 3);
    assert_int_equal(plan.buffers[0].lower, 0);
    assert_int_equal(plan.buffers[0].upper, 2);
    assert_int_equal(plan.buffers[1].upper, 3);
    assert_int_equal(plan.buffers[2].id, 2);
    assert_int_equal(plan.buffers[2].upper, 3);
    assert_int_equal(plan.height_bytes, 640 + 1280); /* the third lies where the first was */
    assert_int_equal(plan.lower_bound_bytes, 640 + 1280);
}

static void a_recording_that_overflows_gives_no_plan(void **state)
{
    (void)state;
    plim_recorder *recorder;
    plim_trace_plan plan = {.shapes = 0};
    size_t bytes = plim_recorder_bytes(4);
    assert_ok(plim_recorder_init(from_home(bytes), bytes, 4, &recorder, &err));
    for (uint64_t i = 0; i < 4; i++) {
        assert_ok(plim_recorder_alloc(recorder, i, 64, 64, &err));
    }
    assert_status(plim_recorder_alloc(recorder, 4, 64, 64, &err), PLIM_E_RANGE);

    assert_status(plim_trace_solve(recorder, home, &plan, &err), PLIM_E_STATE);
    assert_int_equal(err.limit, 4);
}

static void a_plan_serves_the_recorded_run_again(void **state)
{
    (void)state;
    plim_trace_plan plan = solved(simple, 7);
    plim_replay *replay;
    plim_replay_stats stats;
    uint64_t offset[4], bytes;
    size_t n = plim_replay_bytes(plan.request_count);
    assert_ok(plim_trace_replay(&plan, from_home(n), n, home, &replay, &err));
    for (int run = 0; run < 3; run++) {
        plim_replay_begin(replay, true);
        assert_true(plim_replay_alloc(replay, 640, 64, &offset[0]));
        assert_true(plim_replay_alloc(replay, 1280, 64, &offset[1]));
        assert_true(plim_replay_free(replay, offset[0], &bytes));
        assert_int_equal(bytes, 640);
        assert_true(plim_replay_alloc(replay, 600, 64, &offset[2])); /* smaller is fine */
        assert_true(plim_replay_free(replay, offset[2], &bytes));    /* order of frees too */
        assert_true(plim_replay_free(replay, offset[1], &bytes));
        assert_false(plim_replay_alloc(replay, 320, 64, &offset[3])); /* outlives the run */
        assert_false(plim_replay_free(replay, offset[1], &bytes));
    }
    plim_replay_read(replay, &stats);
    assert_int_equal(stats.miss_count, 0);
    assert_int_equal(stats.elsewhere_count, 3);
    assert_int_equal(stats.hit_count, 9);
}

static const char *plan_path(void)
{
    static char path[4200];
    snprintf(path, sizeof(path), "%s/a.engine.plan.csv", cm_tmp());
    return path;
}

static void a_plan_comes_back_from_its_file(void **state)
{
    (void)state;
    plim_trace_plan plan = solved(simple, 7), got;

    assert_ok(plim_trace_save(&plan, plan_path(), &err));
    assert_ok(plim_trace_load(plan_path(), &plan.key, home, &got, &err));

    assert_int_equal(got.shapes, 7);
    assert_int_equal(got.request_count, 4);
    assert_int_equal(got.height_bytes, plan.height_bytes);
    assert_int_equal(got.buffer_count, 3);
    for (uint32_t i = 0; i < 3; i++) {
        assert_int_equal(got.buffers[i].offset_bytes, plan.buffers[i].offset_bytes);
        assert_int_equal(got.buffers[i].upper, plan.buffers[i].upper);
        assert_int_equal(got.buffers[i].size_bytes, plan.buffers[i].size_bytes);
    }
}

static void a_plan_of_something_else_is_refused_by_name(void **state)
{
    (void)state;
    plim_trace_plan plan = solved(simple, 7), got;
    assert_ok(plim_trace_save(&plan, plan_path(), &err));
    plim_trace_key key = plan.key;

    key.thread_count = 1;
    assert_status(plim_trace_load(plan_path(), &key, home, &got, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "threads");
    assert_string_equal(err.wanted, "1");
    assert_string_equal(err.found, "2");
    key = plan.key;
    key.root[31] ^= 1;
    assert_status(plim_trace_load(plan_path(), &key, home, &got, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "root");
    key = plan.key;
    key.prepack = true;
    assert_status(plim_trace_load(plan_path(), &key, home, &got, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "prepack");
    assert_status(plim_trace_load("/nonexistent/x", &key, home, &got, &err), PLIM_E_NOT_FOUND);
}

static void rewrite(const char *from, const char *to)
{
    static char text[8192];
    FILE *file = fopen(plan_path(), "r");
    size_t n = fread(text, 1, sizeof(text) - 1, file);
    fclose(file);
    text[n] = 0;
    char *at = strstr(text, from);
    assert_non_null(at);
    file = fopen(plan_path(), "w");
    fwrite(text, 1, (size_t)(at - text), file);
    fputs(to, file);
    fputs(at + strlen(from), file);
    fclose(file);
}

static void a_damaged_plan_is_refused(void **state)
{
    (void)state;
    static const struct {
        const char *from, *to;
        plim_status status;
    } cases[] = {
        {"plan 1", "plan 2", PLIM_E_FORMAT},
        {"# requests 4", "# requests 99999999", PLIM_E_RANGE},
        {"# requests 4", "# requests -4", PLIM_E_FORMAT},
        {"# buffers 3", "# buffers 5", PLIM_E_RANGE},
        {"# buffers 3", "# buffers 4", PLIM_E_FORMAT},
        {"# buffers 3", "# buffers 2", PLIM_E_FORMAT},
        {"# height 1920", "# height 1919", PLIM_E_FORMAT},
        {"# height 1920", "# height 18446744073709551616", PLIM_E_FORMAT},
        {"# end", "# en", PLIM_E_FORMAT},
        {"# end\n", "", PLIM_E_FORMAT},
        {"# end\n", "# end", PLIM_E_FORMAT},
        {"# end\n", "# end\nmore\n", PLIM_E_FORMAT},
        {"0,0,2,640,64,", "0,0,9,640,64,", PLIM_E_FORMAT},
        {"0,0,2,640,64,", "0,0,2,640,63,", PLIM_E_FORMAT},
        {"0,0,2,640,64,", "0,0,2,0,64,", PLIM_E_FORMAT},
        {"0,0,2,640,64,", "1,1,2,640,64,", PLIM_E_FORMAT},
        {"0,0,2,640,64,", "0,0,3,640,64,", PLIM_E_FORMAT}, /* overlaps the third now */
        {"0,0,2,640,64,", "0,0,2,640,64,1", PLIM_E_FORMAT},
        {"id,lower", "id;lower", PLIM_E_FORMAT},
    };
    plim_trace_plan plan = solved(simple, 7), got;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        assert_ok(plim_trace_save(&plan, plan_path(), &err));
        rewrite(cases[i].from, cases[i].to);
        plim_status status = plim_trace_load(plan_path(), &plan.key, home, &got, &err);
        if (status != cases[i].status) {
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, plim_status_name(status));
        }
        assert_null(got.buffers);
    }
}

static void a_save_that_fails_leaves_the_old_plan(void **state)
{
    (void)state;
    plim_trace_plan plan = solved(simple, 7), got;
    assert_ok(plim_trace_save(&plan, plan_path(), &err));
    plan.shapes = 9;
    char folder[4300];
    snprintf(folder, sizeof(folder), "%s/none/a.csv", cm_tmp());

    assert_status(plim_trace_save(&plan, folder, &err), PLIM_E_IO);
    assert_string_equal(err.detail, folder);

    assert_ok(plim_trace_load(plan_path(), &plan.key, home, &got, &err));
    assert_int_equal(got.shapes, 7);
}

static void shapes_are_one_number_whatever_the_order(void **state)
{
    (void)state;
    plim_tensor t[2] = {{.dtype = PLIM_F32, .rank = 2, .shape = {1, 8}},
                        {.dtype = PLIM_I64, .rank = 1, .shape = {3}}};
    plim_tensor swapped[2] = {t[1], t[0]};
    const char *names[] = {"a", "b"}, *names_swapped[] = {"b", "a"};
    uint64_t key = plim_trace_shapes(names, t, 2);

    assert_true(key == plim_trace_shapes(names_swapped, swapped, 2));
    assert_true(key != plim_trace_shapes(names, swapped, 2));
    t[0].shape[1] = 9;
    assert_true(key != plim_trace_shapes(names, t, 2));
}

#define WITH_HOME(test) cmocka_unit_test_setup_teardown(test, open_home, close_home)

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_HOME(a_run_becomes_lifetimes_and_the_survivor_stays_out),
        WITH_HOME(a_recording_that_overflows_gives_no_plan),
        WITH_HOME(a_plan_serves_the_recorded_run_again),
        WITH_HOME(a_plan_comes_back_from_its_file),
        WITH_HOME(a_plan_of_something_else_is_refused_by_name),
        WITH_HOME(a_damaged_plan_is_refused),
        WITH_HOME(a_save_that_fails_leaves_the_old_plan),
        cmocka_unit_test(shapes_are_one_number_whatever_the_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
