/* SPDX-License-Identifier: Apache-2.0 */
/* test_runtime.c - the six verbs: loaded once, accounted to the byte, refused with a reason. */
#include "test/support/runtime_fixture.h"

/* ---- open ---- */

static void the_effective_configuration_is_logged_at_start(void **state)
{
    (void)state;
    logged.used = 0;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.reserve_bytes = 1u << 20;
    o.framework_bytes = 2u << 20;
    plim_runtime *runtime = NULL;

    assert_ok(plim_runtime_open(&o, &runtime, &err));

    json_t *line = json_loads(logged.text, JSON_DISABLE_EOF_CHECK, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "event")), "runtime_open");
    assert_int_equal(json_integer_value(json_object_get(line, "cap_bytes")), CAP_BYTES);
    assert_int_equal(json_integer_value(json_object_get(line, "reserve_bytes")), 1u << 20);
    assert_int_equal(json_integer_value(json_object_get(line, "framework_bytes")), 2u << 20);
    assert_string_equal(json_string_value(json_object_get(line, "seal")), "refuse");
    assert_string_equal(json_string_value(json_object_get(line, "board")), "test board");
    json_decref(line);
    plim_account account = account_of(runtime);
    assert_int_equal(account.tag_now_bytes[PLIM_TAG_FRAMEWORK], 2u << 20);
    assert_true(account.tag_now_bytes[PLIM_TAG_OTHER] > 1u << 20);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

static void a_reserve_that_does_not_fit_refuses_the_start(void **state)
{
    (void)state;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.reserve_bytes = CAP_BYTES;
    plim_runtime *runtime = (plim_runtime *)1;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_BUDGET);
    assert_null(runtime);
}

static void the_account_is_published_in_its_file(void **state)
{
    (void)state;
    char path[4200];
    snprintf(path, sizeof(path), "%s/account", cm_tmp());
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.account_path = path;
    plim_runtime *runtime = NULL;
    assert_ok(plim_runtime_open(&o, &runtime, &err));

    int fd = open(path, O_RDONLY);
    assert_true(fd >= 0);
    size_t bytes;
    (void)plim_budget_image(plim_runtime_budget(runtime), &bytes);
    void *image = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, 0);
    assert_ptr_not_equal(image, MAP_FAILED);
    const plim_budget *seen = NULL;
    assert_ok(plim_budget_attach(image, bytes, &seen, &err));
    assert_int_equal(plim_budget_used_bytes(seen), used(runtime));
    munmap(image, bytes);
    close(fd);
    plim_runtime_close(runtime);
    assert_int_equal(access(path, F_OK), -1);
}

/* ---- share and release ---- */

static void an_engine_asked_for_twice_is_loaded_once(void **state)
{
    (void)state;
    const char *path = make_artifact("twice");
    char link[4200];
    snprintf(link, sizeof(link), "%s/link.engine", cm_tmp());
    unlink(link);
    assert_int_equal(symlink(strrchr(path, '/') + 1, link), 0);
    plim_runtime *runtime = open_runtime(CAP_BYTES);

    plim_engine *a = load(runtime, "twice", path), *b = load(runtime, "twice", path);
    plim_engine *c = load(runtime, "other-name", link);

    assert_ptr_equal(a, b);
    assert_ptr_equal(a, c);
    assert_int_equal(stats_of(a).load_count, 1);
    assert_int_equal(stats_of(a).reference_count, 3);
    assert_int_equal(plim_runtime_engines(runtime, NULL, 0), 1);
    plim_runtime_close(runtime);
}

static void *race(void *argument)
{
    racer *r = argument;
    plim_error own;
    plim_engine_spec s = spec_of("raced", r->path);
    pthread_barrier_wait(r->start);
    r->status = plim_runtime_deserialize(r->runtime, &s, &r->engine, &own);
    return NULL;
}

static void sixteen_racing_threads_share_one_load(void **state)
{
    (void)state;
    const char *path = make_artifact("raced");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    for (int round = 0; round < 4; round++) {
        pthread_barrier_t start;
        pthread_t threads[16];
        racer racers[16];
        pthread_barrier_init(&start, NULL, 16);
        for (size_t i = 0; i < 16; i++) {
            racers[i] = (racer){.runtime = runtime, .path = path, .start = &start};
            assert_int_equal(pthread_create(&threads[i], NULL, race, &racers[i]), 0);
        }
        for (size_t i = 0; i < 16; i++) {
            pthread_join(threads[i], NULL);
        }
        for (size_t i = 0; i < 16; i++) {
            assert_int_equal(racers[i].status, PLIM_OK);
            assert_ptr_equal(racers[i].engine, racers[0].engine);
        }
        assert_int_equal(stats_of(racers[0].engine).load_count, 1);
        assert_int_equal(stats_of(racers[0].engine).reference_count, 16);
        for (size_t i = 0; i < 16; i++) {
            assert_ok(plim_engine_release(racers[i].engine, &err));
        }
        assert_int_equal(used(runtime), before);
        pthread_barrier_destroy(&start);
    }
    plim_runtime_close(runtime);
}

static void release_returns_every_byte_and_a_second_one_is_an_error(void **state)
{
    (void)state;
    static float y[ROW];
    const char *path = make_artifact("release");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_account before = account_of(runtime);
    for (int round = 0; round < 3; round++) {
        plim_engine *engine = load(runtime, "release", path);
        assert_int_equal(account_of(runtime).tag_now_bytes[PLIM_TAG_LOAD_WINDOW], 0);
        assert_ok(run_rows(engine, 1, y));
        assert_true(used(runtime) > before.used_bytes + WEIGHTS_BYTES);

        assert_ok(plim_engine_release(engine, &err));

        plim_account after = account_of(runtime);
        assert_int_equal(after.used_bytes, before.used_bytes);
        assert_memory_equal(after.tag_now_bytes, before.tag_now_bytes, sizeof(after.tag_now_bytes));
        assert_status(plim_engine_release(engine, &err), PLIM_E_STATE);
        assert_status(run_rows(engine, 1, y), PLIM_E_STATE);
        assert_status(plim_engine_evict(engine, &err), PLIM_E_STATE);
        assert_int_equal(used(runtime), before.used_bytes);
    }
    assert_ok(plim_arena_check(plim_runtime_arena(runtime), &err));
    plim_runtime_close(runtime);
}

static void the_load_window_is_within_what_was_charged(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "window", make_artifact("window"));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__) /* they want large stacks */
    assert_true(stats_of(engine).load.window_bytes <= PLIM_LOAD_WINDOW_BYTES);
#endif
    assert_true(stats_of(engine).load.window_bytes > 0);
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_LOAD_WINDOW],
                     PLIM_LOAD_WINDOW_BYTES);
    plim_runtime_close(runtime);
}

static void a_name_belongs_to_one_artifact(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "name", make_artifact("name-a")), *other = NULL;
    plim_engine_spec s = spec_of("name", make_artifact("name-b"));
    uint64_t before = used(runtime);

    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);

    assert_null(other);
    assert_int_equal(used(runtime), before);
    assert_ok(plim_engine_release(engine, &err));
    assert_ok(plim_runtime_deserialize(runtime, &s, &other, &err));
    plim_runtime_close(runtime);
}

static void a_touched_file_is_shared_and_a_changed_one_refused(void **state)
{
    (void)state;
    const char *path = make_artifact("touched");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "touched", path), *other = NULL;
    uint64_t before = used(runtime);
    struct timespec long_ago[2] = {{.tv_sec = 1000}, {.tv_sec = 1000}};
    assert_int_equal(utimensat(AT_FDCWD, path, long_ago, 0), 0);

    assert_ptr_equal(load(runtime, "touched", path), engine);
    assert_int_equal(stats_of(engine).load_count, 1);
    assert_int_equal(stats_of(engine).reference_count, 2);
    assert_int_equal(used(runtime), before);

    char hidden[4300];
    snprintf(hidden, sizeof(hidden), "%s.other", path);
    static plim_card card;
    card = new_card("touched");
    pack(hidden, &card, 4711, WEIGHTS_BYTES);
    int from = open(hidden, O_RDONLY), to = open(path, O_WRONLY | O_TRUNC);
    char block[4096];
    for (ssize_t n; (n = read(from, block, sizeof(block))) > 0;) {
        assert_int_equal(write(to, block, (size_t)n), n); /* in place: the inode stays */
    }
    close(from);
    close(to);
    plim_engine_spec s = spec_of("touched", path);
    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);
    assert_int_equal(stats_of(engine).reference_count, 2);
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

/* ---- refusals ---- */

static void a_sealed_runtime_refuses_compile_and_growth(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    char out[256];
    const char *path = make_artifact("sealed");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "sealed", path), *other = NULL;
    assert_ok(run_rows(engine, 1, y));

    assert_ok(plim_runtime_seal(runtime, &err));

    assert_status(plim_runtime_seal(runtime, &err), PLIM_E_STATE);
    assert_status(
        plim_runtime_compile(runtime, "null", "m.onnx", cm_tmp(), NULL, out, sizeof(out), &err),
        PLIM_E_STATE);
    assert_int_equal(plim_runtime_build_count(runtime), 0);
    plim_engine_spec s = spec_of("sealed-b", make_artifact("b-sealed"));
    uint64_t before = used(runtime);
    assert_status(plim_runtime_deserialize(runtime, &s, &other, &err), PLIM_E_STATE);
    assert_int_equal(used(runtime), before);
    assert_ptr_equal(load(runtime, "sealed", path), engine); /* sharing is no growth */
    assert_ok(run_rows(engine, 1, y));                       /* nor is a warm run */
    assert_status(run_rows(engine, 4096, y), PLIM_E_STATE);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_evict(engine, &err));
    assert_ok(plim_engine_restore(engine, &err)); /* what it had may come back */
    assert_ok(run_rows(engine, 1, y));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void compile_says_when_a_backend_cannot(void **state)
{
    (void)state;
    char out[256] = "x";
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    assert_status(
        plim_runtime_compile(runtime, "null", "m.onnx", cm_tmp(), NULL, out, sizeof(out), &err),
        PLIM_E_UNSUPPORTED);
    assert_string_equal(out, "");
    assert_int_equal(plim_runtime_build_count(runtime), 1);
    plim_runtime_close(runtime);
}

static void a_foreign_card_is_refused_before_the_body_is_read(void **state)
{
    (void)state;
    static plim_card card;
    char path[4200];
    card = new_card("foreign");
    card.sm = 87;
    snprintf(card.name.sm, sizeof(card.name.sm), "87");
    snprintf(path, sizeof(path), "%s/foreign__sm87_jpany_trtnone_fp32.engine", cm_tmp());
    pack(path, &card, 1, WEIGHTS_BYTES);
    flip(path, 5000, 0); /* would be E_CORRUPT if the body were looked at */
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("foreign", path);

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);

    assert_non_null(strstr(err.wanted, "8.7"));
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_LOAD_WINDOW], 0);
    assert_int_equal(account_of(runtime).tag_peak_bytes[PLIM_TAG_WEIGHTS], 0);
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void a_wrong_backend_is_named_with_those_there_are(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("backend", make_artifact("backend"));
    uint64_t before = used(runtime);

    s.backend = "nonesuch";
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOT_FOUND);
    assert_string_equal(err.wanted, "nonesuch");
    assert_non_null(strstr(err.found, "null"));
    s.backend = "onnxruntime"; /* there, but not what the artifact was made for */
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.wanted, "null");
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void inputs_outside_the_profile_never_reach_the_backend(void **state)
{
    (void)state;
    static float y[ROW];
    static const char *const wrong[] = {"z"}, *const right[] = {"x"}, *const out_name[] = {"y"};
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "profile", make_artifact("profile"));
    int64_t shape[2] = {1, ROW + 1};
    plim_tensor in, out;
    assert_ok(plim_tensor_init(&in, y, PLIM_F32, shape, 2, PLIM_MEMORY_HOST, &err));
    out = in;

    assert_status(plim_engine_infer(engine, right, &in, 1, out_name, &out, 1, &err), PLIM_E_SHAPE);
    assert_non_null(strstr(err.field, "x dim 1"));
    in.shape[1] = ROW;
    assert_status(plim_engine_infer(engine, wrong, &in, 1, out_name, &out, 1, &err),
                  PLIM_E_NOT_FOUND);
    in.dtype = PLIM_I32;
    assert_status(plim_engine_infer(engine, right, &in, 1, out_name, &out, 1, &err), PLIM_E_SHAPE);
    assert_int_equal(stats_of(engine).run_count, 0);
    plim_runtime_close(runtime);
}

static void damage_is_a_typed_error_and_the_next_load_works(void **state)
{
    (void)state;
    static float y[ROW];
    char path[4200];
    snprintf(path, sizeof(path), "%s", make_artifact("damage"));
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("damage", path);

    flip(path, 5000, 0);
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_CORRUPT);
    assert_null(engine);
    assert_int_equal(used(runtime), before);
    flip(path, 5000, 4096);
    plim_status status = plim_runtime_deserialize(runtime, &s, &engine, &err);
    assert_true(status == PLIM_E_RANGE || status == PLIM_E_FORMAT || status == PLIM_E_CORRUPT);
    assert_int_equal(used(runtime), before);
    unlink(path);
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOT_FOUND);

    (void)make_artifact("damage");
    engine = load(runtime, "damage", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(used(runtime), before);
    plim_runtime_close(runtime);
}

static void a_payload_over_the_cap_is_refused_with_its_numbers(void **state)
{
    (void)state;
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_owner owner;
    plim_budget *budget = plim_runtime_budget(runtime);
    assert_ok(plim_budget_owner(budget, "hog", &owner, &err));
    uint64_t hog = CAP_BYTES - used(runtime) - (256u << 10);
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_EPISODE, hog, &err));
    uint64_t before = used(runtime);
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("large", make_artifact("large"));

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_BUDGET);

    assert_int_equal(err.limit, CAP_BYTES);
    assert_string_equal(err.holders[0].owner, "hog");
    assert_int_equal(used(runtime), before);
    plim_budget_credit(budget, owner, PLIM_TAG_EPISODE, hog);
    assert_non_null(load(runtime, "large", spec_of("", make_artifact("large")).path));
    plim_runtime_close(runtime);
}

static void at_the_cap_a_run_fails_and_the_next_one_works(void **state)
{
    (void)state;
    static float y[4096 * ROW], again[4096 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_budget *budget = plim_runtime_budget(runtime);
    plim_engine *engine = load(runtime, "full", make_artifact("full"));
    plim_owner owner;
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_budget_owner(budget, "hog", &owner, &err));
    uint64_t hog = CAP_BYTES - used(runtime) - (1u << 20);
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_EPISODE, hog, &err));
    uint64_t before = used(runtime);

    assert_status(run_rows(engine, 4096, again), PLIM_E_BUDGET);
    assert_int_equal(err.limit, CAP_BYTES);
    assert_string_equal(err.holders[0].owner, "hog");
    assert_true(used(runtime) <= before);
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, ROW * sizeof(float));
    assert_int_equal(stats_of(engine).run_count, 2);

    plim_budget_credit(budget, owner, PLIM_TAG_EPISODE, hog);
    assert_ok(run_rows(engine, 4096, again));
    plim_runtime_close(runtime);
}

static void an_activation_limit_is_a_load_line_of_its_own(void **state)
{
    (void)state;
    static float y[4096 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine_spec s = spec_of("limit", make_artifact("limit"));
    plim_engine *engine = NULL;
    s.activation_limit_bytes = 1u << 20;
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    assert_status(run_rows(engine, 4096, y), PLIM_E_BUDGET);
    assert_int_equal(err.limit, 1u << 20);
    assert_ok(run_rows(engine, 512, y));
    plim_runtime_close(runtime);
}

/* ---- residency ---- */

static void weights_come_back_bit_identical(void **state)
{
    (void)state;
    static float y[4 * ROW], again[4 * ROW];
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "evict", make_artifact("evict"));
    assert_ok(run_rows(engine, 4, y));
    uint64_t before = used(runtime);

    assert_status(plim_engine_restore(engine, &err), PLIM_E_STATE);
    assert_ok(plim_engine_evict(engine, &err));
    assert_true(used(runtime) <= before - WEIGHTS_BYTES);
    assert_status(plim_engine_evict(engine, &err), PLIM_E_STATE);
    assert_status(run_rows(engine, 4, again), PLIM_E_RESIDENT);
    assert_ok(plim_engine_restore(engine, &err));

    assert_int_equal(used(runtime), before);
    assert_ok(run_rows(engine, 4, again));
    assert_memory_equal(y, again, sizeof(y));
    assert_int_equal(stats_of(engine).load_count, 2);
    assert_true(stats_of(engine).is_resident);
    plim_runtime_close(runtime);
}

static void a_restore_that_fails_leaves_the_engine_evicted(void **state)
{
    (void)state;
    static float y[ROW], again[ROW];
    char path[4200];
    snprintf(path, sizeof(path), "%s", make_artifact("worn"));
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "worn", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_evict(engine, &err));
    uint64_t before = used(runtime);

    flip(path, 5000, 0);
    assert_status(plim_engine_restore(engine, &err), PLIM_E_CORRUPT);
    assert_int_equal(used(runtime), before);
    assert_status(run_rows(engine, 1, again), PLIM_E_RESIDENT);
    flip(path, 5000, 0);
    assert_ok(plim_engine_restore(engine, &err));
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, sizeof(y));
    plim_runtime_close(runtime);
}

static void late_weights_open_the_session_first(void **state)
{
    (void)state;
    static float y[ROW], again[ROW];
    const char *path = make_artifact("late");
    plim_runtime *runtime = open_runtime(CAP_BYTES);
    plim_engine *engine = load(runtime, "late", path);
    assert_ok(run_rows(engine, 1, y));
    assert_ok(plim_engine_release(engine, &err));
    plim_engine_spec s = spec_of("late", path);
    s.late = true;

    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));
    assert_false(stats_of(engine).is_resident);
    assert_status(run_rows(engine, 1, again), PLIM_E_RESIDENT);
    assert_ok(plim_engine_restore(engine, &err));
    assert_ok(run_rows(engine, 1, again));
    assert_memory_equal(y, again, sizeof(y));
    plim_runtime_close(runtime);
}

/* ---- thermal and label ---- */

static void thermal_reads_the_captured_board_and_knows_what_it_does_not_know(void **state)
{
    (void)state;
    char root[4200], path[4400];
    static const char *const parts[] = {"board", "board/sys", "board/sys/class",
                                        "board/sys/class/thermal",
                                        "board/sys/class/thermal/thermal_zone0"};
    for (size_t i = 0; i < 5; i++) {
        snprintf(path, sizeof(path), "%s/%s", cm_tmp(), parts[i]);
        mkdir(path, 0755);
    }
    snprintf(root, sizeof(root), "%s/board", cm_tmp());
    snprintf(path, sizeof(path), "%s/sys/class/thermal/thermal_zone0/temp", root);
    FILE *file = fopen(path, "w");
    fputs("61500\n", file);
    fclose(file);
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.sysroot = root;
    plim_runtime *runtime = NULL;
    plim_thermal thermal;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    logged.used = 0;
    plim_runtime_label(runtime, "episode 3");

    plim_runtime_thermal(runtime, &thermal);
    PLIM_LOG(runtime, PLIM_LOG_INFO, "test", "\"n\":%d", 1);

    assert_true(thermal.is_known);
    assert_true(thermal.hottest_celsius > 61.4 && thermal.hottest_celsius < 61.6);
    assert_false(thermal.throttled_is_known);
    assert_non_null(strstr(logged.text, "\"label\":\"episode 3\""));
    plim_runtime_label(runtime, NULL);
    plim_runtime_close(runtime);
}

static size_t times_logged(const char *words)
{
    size_t count = 0;
    for (const char *at = logged.text; (at = strstr(at, words)) != NULL; at++) {
        count++;
    }
    return count;
}

static void a_board_without_sensors_is_said_to_be_unknown_once(void **state)
{
    (void)state;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    plim_runtime *runtime = NULL;
    plim_thermal thermal;
    char root[4200];
    snprintf(root, sizeof(root), "%s/bare", cm_tmp());
    mkdir(root, 0755);
    o.sysroot = root;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    logged.used = 0;

    for (int i = 0; i < 5; i++) {
        plim_runtime_thermal(runtime, &thermal);
    }

    assert_false(thermal.is_known);
    assert_int_equal(times_logged("thermal_unknown"), 1);
    plim_runtime_close(runtime);
}

static int counted(int *count)
{
    return ++*count;
}

static void a_level_that_is_off_does_not_even_look_at_its_arguments(void **state)
{
    (void)state;
    int count = 0;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.log_level = PLIM_LOG_WARN;
    plim_runtime *runtime = NULL;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    uint64_t lines = runtime->log.line_count;

    PLIM_LOG(runtime, PLIM_LOG_DEBUG, "step", "\"n\":%d", counted(&count));
    PLIM_LOG(runtime, PLIM_LOG_INFO, "step", "\"n\":%d", counted(&count));
    assert_int_equal(count, 0);
    assert_int_equal(runtime->log.line_count, lines);
    PLIM_LOG(runtime, PLIM_LOG_WARN, "step", "\"n\":%d", counted(&count));
    assert_int_equal(count, 1);
    assert_int_equal(runtime->log.line_count, lines + 1);
    plim_runtime_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_effective_configuration_is_logged_at_start),
        cmocka_unit_test(a_reserve_that_does_not_fit_refuses_the_start),
        cmocka_unit_test(the_account_is_published_in_its_file),
        cmocka_unit_test(an_engine_asked_for_twice_is_loaded_once),
        cmocka_unit_test(sixteen_racing_threads_share_one_load),
        cmocka_unit_test(release_returns_every_byte_and_a_second_one_is_an_error),
        cmocka_unit_test(the_load_window_is_within_what_was_charged),
        cmocka_unit_test(a_name_belongs_to_one_artifact),
        cmocka_unit_test(a_touched_file_is_shared_and_a_changed_one_refused),
        cmocka_unit_test(a_sealed_runtime_refuses_compile_and_growth),
        cmocka_unit_test(compile_says_when_a_backend_cannot),
        cmocka_unit_test(a_foreign_card_is_refused_before_the_body_is_read),
        cmocka_unit_test(a_wrong_backend_is_named_with_those_there_are),
        cmocka_unit_test(inputs_outside_the_profile_never_reach_the_backend),
        cmocka_unit_test(damage_is_a_typed_error_and_the_next_load_works),
        cmocka_unit_test(a_payload_over_the_cap_is_refused_with_its_numbers),
        cmocka_unit_test(at_the_cap_a_run_fails_and_the_next_one_works),
        cmocka_unit_test(an_activation_limit_is_a_load_line_of_its_own),
        cmocka_unit_test(weights_come_back_bit_identical),
        cmocka_unit_test(a_restore_that_fails_leaves_the_engine_evicted),
        cmocka_unit_test(late_weights_open_the_session_first),
        cmocka_unit_test(thermal_reads_the_captured_board_and_knows_what_it_does_not_know),
        cmocka_unit_test(a_board_without_sensors_is_said_to_be_unknown_once),
        cmocka_unit_test(a_level_that_is_off_does_not_even_look_at_its_arguments),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
