/* SPDX-License-Identifier: Apache-2.0 */
/* test_pressure.c - a runtime under memory pressure: what its ladder frees, withholds and tells. */
#include "platform/linux/file_cache.h"
#include "src/episode/relief.h"
#include "test/support/made_episode.h"
#include "test/support/pressure_fixture.h"

#define SIZE   128u
#define FRAMES 24u
#define FRAME  ((uint64_t)SIZE * SIZE * 3)

/* ---- video and windows ---- */

static plim_dataset *set;
static plim_episode *episode;
static plim_region *set_home;

static uint64_t open_episode(uint32_t readers)
{
    plim_episode_opts o = plim_episode_opts_default();
    plim_region_opts r = plim_region_opts_default();
    char arguments[64];
    snprintf(arguments, sizeof(arguments), "-n %u -s %u", FRAMES, SIZE);
    r.size_bytes = 1u << 20;
    r.tag = PLIM_TAG_EPISODE;
    assert_ok(
        plim_region_create(plim_runtime_arena(runtime), PLIM_REGION_BUMP, &r, &set_home, &err));
    assert_ok(plim_dataset_open(made_episode(arguments), set_home, &set, &err));
    o.arena = plim_runtime_arena(runtime);
    o.reader_count = readers;
    assert_ok(plim_episode_open(set, 0, &o, &episode, &err));
    assert_ok(plim_pressure_add_episode(watch, episode, &err));
    return used(runtime);
}

static void close_episode(void)
{
    plim_pressure_drop_episode(watch, episode);
    plim_episode_close(episode);
    plim_dataset_close(set);
    plim_region_destroy(set_home);
}

static plim_status take(uint64_t at)
{
    plim_tensor t;
    return plim_episode_frame(episode, MADE_CAMERA, at, &t, &err);
}

static void give(uint64_t at)
{
    assert_ok(plim_episode_release(episode, MADE_CAMERA, at, &err));
}

static void video_that_no_reader_needs_is_given_back_and_reading_goes_on(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_DROP_VIDEO);
    open_watch(&r, 1);
    open_episode(1);
    for (uint64_t i = 0; i < FRAMES / 2; i++) {
        assert_ok(take(i));
    }
    for (uint64_t i = 1; i < FRAMES / 2; i++) {
        give(i);
    }
    uint64_t before = used(runtime);

    step(1000);

    plim_pressure_state s = read_state();
    uint64_t freed = before - used(runtime);
    assert_true(freed >= (FRAMES - 2) * FRAME && freed <= (FRAMES - 1) * FRAME);
    assert_int_equal(s.rungs[0].said_bytes, freed);
    assert_int_equal(s.rungs[0].enter_count, 1);
    give(0);
    for (uint64_t i = FRAMES / 2; i < FRAMES; i++) {
        assert_ok(take(i));
    }
    for (uint64_t i = FRAMES / 2; i < FRAMES; i++) {
        give(i);
    }
    close_episode();
}

static void frames_that_a_reader_still_waits_for_are_kept(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_DROP_VIDEO);
    open_watch(&r, 1);
    open_episode(2);
    for (uint64_t i = 0; i < 8; i++) { /* the first reader is ahead */
        assert_ok(take(i));
        give(i);
    }

    step(1000);

    plim_episode_stats s;
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_now, 8);
    for (uint64_t i = 0; i < 8; i++) {
        assert_ok(take(i));
        give(i);
    }
    close_episode();
}

static void a_shrunk_window_holds_one_frame_until_the_rung_is_left(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_SHRINK_WINDOWS);
    open_watch(&r, 1);
    open_episode(1);
    step(1000);

    assert_ok(take(0));
    assert_status(take(1), PLIM_E_BUDGET);
    assert_non_null(strstr(err.detail, "under memory pressure"));
    assert_int_equal(err.limit, FRAME);
    give(0);
    assert_ok(take(1));
    calm_down();
    assert_ok(take(2));
    assert_ok(take(3));
    give(1), give(2), give(3);
    close_episode();
}

static void an_episode_that_comes_while_windows_are_shrunk_is_shrunk_too(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_SHRINK_WINDOWS);
    open_watch(&r, 1);
    step(1000);

    open_episode(1);

    assert_ok(take(0));
    assert_status(take(1), PLIM_E_BUDGET);
    give(0);
    assert_status(plim_pressure_add_episode(watch, episode, &err), PLIM_E_STATE);
    close_episode();
}

static void under_a_seal_one_frame_at_a_time_can_still_be_read(void **state)
{
    (void)state;
    plim_rung r[2] = {rung_of(PLIM_RUNG_DROP_VIDEO), rung_of(PLIM_RUNG_SHRINK_WINDOWS)};
    open_watch(r, 2);
    open_episode(1);
    for (uint64_t i = 0; i < 20; i++) { /* the decoder has all its frames by then */
        assert_ok(take(i));
        give(i);
    }
    assert_ok(plim_runtime_seal(runtime, &err));

    step(1000);
    step(1000);

    for (uint64_t i = 20; i < FRAMES; i++) {
        assert_ok(take(i));
        give(i);
    }
    close_episode();
}

static void *read_all_frames(void *unused)
{
    (void)unused;
    for (uint64_t i = 0; i < FRAMES; i++) {
        plim_tensor t;
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, i, &t, &err));
        assert_int_equal(made_number(plim_tensor_data(&t), SIZE), i);
        give(i);
    }
    return NULL;
}

static void a_reader_at_work_sees_its_frames_whatever_the_ladder_does(void **state)
{
    (void)state;
    plim_rung r[2] = {rung_of(PLIM_RUNG_DROP_VIDEO), rung_of(PLIM_RUNG_SHRINK_WINDOWS)};
    pthread_t reader;
    plim_episode_stats s;
    r[0].barren_limit = UINT32_MAX;
    open_watch(r, 2);
    open_episode(1);
    assert_int_equal(pthread_create(&reader, NULL, read_all_frames, NULL), 0);

    for (unsigned i = 0; i < 400; i++) {
        step(i / 10 % 2 ? 0 : 1000);
    }

    assert_int_equal(pthread_join(reader, NULL), 0);
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_decoded, FRAMES);
    assert_true(count_of("\"move\":\"entered\"") > 10);
    close_episode();
}

/* ---- caches ---- */

static bool fill_cache(const char *path, size_t bytes)
{
    uint64_t cached;
    static char block[1 << 20];
    FILE *f = fopen(path, "r+");
    f = f ? f : fopen(path, "w+");
    assert_non_null(f);
    for (size_t done = 0; done < bytes; done += sizeof(block)) {
        memset(block, (int)(done >> 20), sizeof(block));
        assert_int_equal(fwrite(block, 1, sizeof(block), f), sizeof(block));
    }
    fflush(f);
    fsync(fileno(f)); /* dirty pages stay */
    rewind(f);
    while (fread(block, 1, sizeof(block), f) > 0) {
    }
    fclose(f);
    return plim_file_cache_read(path, &cached) && cached > 0;
}

static void page_cache_of_files_that_the_runtime_read_really_falls(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_TRIM_CACHES);
    char path[4300];
    uint64_t before[2], after[2];
    const char *artifact = make_artifact("cached");
    open_watch(&r, 1);
    plim_engine *engine = load(runtime, "cached", artifact);
    snprintf(path, sizeof(path), "%s/other", cm_tmp());
    if (!fill_cache(path, 8u << 20) || !fill_cache(artifact, 0)) {
        assert_ok(plim_engine_release(engine, &err));
        skip_because("the temporary folder is a tmpfs");
    }
    assert_status(plim_pressure_add_file(watch, path, &err),
                  strlen(path) < 384 ? PLIM_OK : PLIM_E_RANGE);
    assert_ok(plim_file_cached_bytes(path, &before[0], &err));
    assert_ok(plim_file_cached_bytes(artifact, &before[1], &err));

    step(1000);

    assert_ok(plim_file_cached_bytes(path, &after[0], &err));
    assert_ok(plim_file_cached_bytes(artifact, &after[1], &err));
    /* the kernel may drop or keep some pages by itself: a machine is shared */
    assert_true(before[0] > 4u << 20 && before[1] > 0);
    assert_true(after[0] + after[1] <= (before[0] + before[1]) / 8);
    assert_true(read_state().rungs[0].said_bytes >= (before[0] + before[1]) / 2);
    assert_ok(plim_engine_release(engine, &err));
}

static void the_newest_files_are_kept_and_too_long_names_refused(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_TRIM_CACHES);
    char name[400];
    open_watch(&r, 1);
    memset(name, 'x', sizeof(name));
    name[384] = 0;

    assert_status(plim_pressure_add_file(watch, name, &err), PLIM_E_RANGE);
    name[383] = 0;
    for (unsigned i = 0; i < 2 * PLIM_PRESSURE_FILES_MAX; i++) {
        name[0] = (char)('0' + i % 8);
        name[1] = (char)('0' + i / 8);
        assert_ok(plim_pressure_add_file(watch, name, &err));
        assert_ok(plim_pressure_add_file(watch, name, &err)); /* known: not kept twice */
    }
    assert_int_equal(watch->file_count, 2 * PLIM_PRESSURE_FILES_MAX);
    assert_status(plim_pressure_add_file(watch, "", &err), PLIM_E_ARG);
    step(1000); /* files that are not there free nothing and are no failure */
    assert_int_equal(read_state().rungs[0].said_bytes, 0);
}

static void the_free_tail_of_an_idle_engine_goes_and_the_next_run_works(void **state)
{
    (void)state;
    static float y[64 * ROW];
    plim_rung r = rung_of(PLIM_RUNG_TRIM_CACHES);
    open_watch(&r, 1);
    plim_engine *engine = load(runtime, "tail", make_artifact("tail"));
    assert_ok(run_rows(engine, 64, y));
    uint64_t before = used(runtime);

    step(1000);

    assert_true(used(runtime) <= before);
    assert_ok(run_rows(engine, 64, y));
    assert_ok(plim_engine_release(engine, &err));
}

/* ---- admissions ---- */

static void no_engine_is_let_in_until_the_rung_is_left(void **state)
{
    (void)state;
    static float y[ROW];
    plim_rung r = rung_of(PLIM_RUNG_REFUSE_ADMISSIONS);
    plim_engine *second_one = NULL, *shared = NULL;
    const char *a = make_artifact("a"), *b = make_artifact("b");
    open_watch(&r, 1);
    plim_engine *first = load(runtime, "a", a);
    step(2500);
    uint64_t before = used(runtime);
    plim_engine_spec spec = spec_of("b", b), again = spec_of("a", a);

    assert_status(plim_runtime_deserialize(runtime, &spec, &second_one, &err), PLIM_E_STATE);
    assert_null(second_one);
    assert_string_equal(err.what, "under memory pressure");
    assert_string_equal(err.field, "psi_some");
    assert_string_equal(err.found, "2500");
    assert_non_null(strstr(err.detail, "refuse-admissions"));
    assert_int_equal(used(runtime), before);
    assert_ok(plim_runtime_deserialize(runtime, &again, &shared, &err));
    assert_ok(run_rows(first, 1, y));
    calm_down();
    assert_ok(plim_runtime_deserialize(runtime, &spec, &second_one, &err));
    assert_ok(plim_engine_release(second_one, &err));
    assert_ok(plim_engine_release(shared, &err));
    assert_ok(plim_engine_release(first, &err));
}

static void closing_the_watch_lets_engines_in_again(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_REFUSE_ADMISSIONS);
    open_watch(&r, 1);
    step(1000);

    plim_pressure_close(watch);
    watch = NULL;

    plim_engine *engine = load(runtime, "a", make_artifact("a"));
    assert_ok(plim_engine_release(engine, &err));
    assert_int_equal(count_of("\"move\":\"left\""), 1);
}

/* ---- what is told ---- */

static void every_move_is_in_the_log_and_in_the_black_box_once(void **state)
{
    (void)state;
    static unsigned char image[2u << 20] __attribute__((aligned(64)));
    char path[4300], words[80];
    plim_rung rungs[PLIM_RUNGS_BUILT_IN];
    plim_runtime *boxed = NULL;
    plim_box_reader reader;
    static plim_box_record record;
    unsigned moves = 0;
    snprintf(path, sizeof(path), "%s/pressure.box", cm_tmp());
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.black_box_path = path;
    o.black_box_bytes = 256u << 10;
    assert_ok(plim_runtime_open(&o, &boxed, &err));
    plim_runtime *kept = runtime;
    runtime = boxed;
    size_t count = plim_pressure_rungs(0, rungs);
    for (size_t i = 0; i < count; i++) {
        rungs[i].hold_ns = rungs[i].cool_down_ns = SECOND;
        rungs[i].call_limit = 1;
    }
    open_watch(rungs, count);
    for (size_t i = 0; i < count; i++) {
        step(9000);
    }
    calm_down();
    plim_pressure_close(watch);
    watch = NULL;
    plim_runtime_close(boxed);
    runtime = kept;

    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(image, 1, sizeof(image), f);
    fclose(f);
    assert_ok(plim_box_attach(image, n, &reader, &err));
    while (plim_box_next(&reader, &record)) {
        moves +=
            record.kind == PLIM_BOX_LINE && strstr(record.as.line, "\"event\":\"pressure_rung\"");
    }
    assert_int_equal(moves, 2 * count);
    for (size_t i = 0; i < count; i++) {
        snprintf(words, sizeof(words), "\"rung\":\"%.31s\",\"move\":\"entered\"", rungs[i].name);
        assert_int_equal(count_of(words), 1);
        snprintf(words, sizeof(words), "\"rung\":\"%.31s\",\"move\":\"left\"", rungs[i].name);
        assert_int_equal(count_of(words), 1);
    }
    assert_int_equal(count_of("\"figure\":\"psi_some\",\"value\":9000,\"line\":1000"), 1);
}

static uint64_t free_some(void *context, const plim_pressure *p)
{
    uint64_t *calls = context;
    assert_int_equal(p->value[PLIM_PRESSURE_PSI_SOME], 1200);
    (*calls)++;
    return 4096;
}

static void let_go(void *context)
{
    *(uint64_t *)context += 100;
}

static void a_callback_is_called_and_what_it_says_is_kept(void **state)
{
    (void)state;
    uint64_t calls = 0;
    plim_rung r = callback_of("mine", free_some, &calls);
    r.leave_act = let_go;
    open_watch(&r, 1);

    step(1200);
    step(1200);
    calm_down();

    plim_pressure_state s = read_state();
    assert_int_equal(calls, 102);
    assert_int_equal(s.rungs[0].said_bytes, 8192);
    assert_int_equal(s.rungs[0].call_count, 2);
    assert_int_equal(s.rungs[0].leave_count, 1);
    assert_int_equal(s.rungs[0].overrun_count, 0);
    assert_int_equal(count_of("\"rung\":\"mine\",\"move\":\"again\""), 1);
}

static uint64_t sleep_a_little(void *context, const plim_pressure *p)
{
    (void)context, (void)p;
    usleep(20000);
    return 1;
}

static void a_callback_past_its_deadline_is_told_and_counted(void **state)
{
    (void)state;
    plim_rung r = callback_of("slow", sleep_a_little, NULL);
    r.deadline_ns = 1000000;
    open_watch(&r, 1);

    step(1000);

    plim_pressure_state s = read_state();
    assert_int_equal(s.rungs[0].overrun_count, 1);
    assert_true(s.rungs[0].ns_worst >= 20000000);
    assert_int_equal(count_of("\"late\":true"), 1);
    assert_int_equal(s.acting, 0);
}

static uint64_t free_nothing(void *context, const plim_pressure *p)
{
    (void)p;
    (*(unsigned *)context)++;
    return 0;
}

static void a_rung_that_frees_nothing_is_skipped_and_the_text_says_why(void **state)
{
    (void)state;
    unsigned calls = 0;
    char text[4096];
    plim_rung r = callback_of("barren", free_nothing, &calls);
    open_watch(&r, 1);

    for (unsigned i = 0; i < 8; i++) {
        step(1000);
    }

    plim_pressure_state s = read_state();
    assert_int_equal(calls, 2);
    assert_true(s.rungs[0].is_skipped);
    assert_int_equal(count_of("\"skipped\":true"), 1);
    size_t n = plim_pressure_format(&s, text, sizeof(text));
    assert_true(n < sizeof(text));
    assert_non_null(strstr(text, "freed nothing 2 times in a row"));
    assert_non_null(strstr(text, "psi_some 10.00 %"));
    assert_int_equal(plim_pressure_format(&s, text, 10), n);
    assert_int_equal(strlen(text), 9);
    calm_down();
    assert_false(read_state().rungs[0].is_skipped);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUNTIME(video_that_no_reader_needs_is_given_back_and_reading_goes_on),
        WITH_RUNTIME(frames_that_a_reader_still_waits_for_are_kept),
        WITH_RUNTIME(a_shrunk_window_holds_one_frame_until_the_rung_is_left),
        WITH_RUNTIME(an_episode_that_comes_while_windows_are_shrunk_is_shrunk_too),
        WITH_RUNTIME(under_a_seal_one_frame_at_a_time_can_still_be_read),
        WITH_RUNTIME(a_reader_at_work_sees_its_frames_whatever_the_ladder_does),
        WITH_RUNTIME(page_cache_of_files_that_the_runtime_read_really_falls),
        WITH_RUNTIME(the_newest_files_are_kept_and_too_long_names_refused),
        WITH_RUNTIME(the_free_tail_of_an_idle_engine_goes_and_the_next_run_works),
        WITH_RUNTIME(no_engine_is_let_in_until_the_rung_is_left),
        WITH_RUNTIME(closing_the_watch_lets_engines_in_again),
        WITH_RUNTIME(every_move_is_in_the_log_and_in_the_black_box_once),
        WITH_RUNTIME(a_callback_is_called_and_what_it_says_is_kept),
        WITH_RUNTIME(a_callback_past_its_deadline_is_told_and_counted),
        WITH_RUNTIME(a_rung_that_frees_nothing_is_skipped_and_the_text_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
