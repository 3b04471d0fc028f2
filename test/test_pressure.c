/* SPDX-License-Identifier: Apache-2.0 */
/* test_pressure.c - a runtime under memory pressure: what its ladder frees, withholds and tells. */
#include <poll.h>
#include <semaphore.h>

#include "platform/linux/file_cache.h"
#include "platform/linux/stall_share.h"
#include "src/episode/relief.h"
#include "src/runtime/watch.h"
#include "test/support/made_episode.h"
#include "test/support/runtime_fixture.h"

#define SECOND  UINT64_C(1000000000)
#define UNKNOWN PLIM_UNKNOWN_BYTES
#define SIZE    128u
#define FRAMES  24u
#define FRAME   ((uint64_t)SIZE * SIZE * 3)

static plim_runtime *runtime;
static plim_pressure_watch *watch;
static uint64_t idle_bytes, second; /* second: the ladder's clock, in s */

static int start(void **state)
{
    (void)state;
    memset(logged.text, 0, sizeof(logged.text));
    logged.used = 0;
    runtime = open_runtime(CAP_BYTES);
    idle_bytes = used(runtime);
    second = 1000;
    return 0;
}

static int finish(void **state)
{
    (void)state;
    plim_pressure_close(watch);
    watch = NULL;
    assert_int_equal(used(runtime), idle_bytes);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
    return 0;
}

/* Entered at PSI some 10 %, left at 5 %. */
static plim_rung rung_of(plim_rung_kind kind)
{
    return (plim_rung){.kind = kind,
                       .enter = {[PLIM_PRESSURE_PSI_SOME] = 1000},
                       .leave = {[PLIM_PRESSURE_PSI_SOME] = 500},
                       .hold_ns = SECOND,
                       .cool_down_ns = SECOND,
                       .deadline_ns = 60 * SECOND};
}

static plim_rung callback_of(const char *name, uint64_t (*act)(void *, const plim_pressure *),
                             void *context)
{
    plim_rung r = rung_of(PLIM_RUNG_CALLBACK);
    snprintf(r.name, sizeof(r.name), "%s", name);
    r.act = act;
    r.context = context;
    return r;
}

static void open_watch(const plim_rung *rungs, size_t count)
{
    plim_pressure_opts o = plim_pressure_opts_default();
    o.rungs = rungs;
    o.rung_count = count;
    o.without_thread = true;
    o.without_kernel = true;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
}

/* One step, two seconds after the one before. */
static void step(uint64_t some)
{
    plim_pressure p = {.ns = (second += 2) * SECOND,
                       .value = {some, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN}};
    assert_ok(plim_pressure_step(watch, &p, &err));
}

static plim_pressure_state read_state(void)
{
    plim_pressure_state s;
    plim_pressure_read(watch, &s);
    return s;
}

static void calm_down(void)
{
    for (unsigned i = 0; i < 2 * PLIM_RUNGS_MAX + 2; i++) {
        step(0);
    }
    assert_int_equal(read_state().depth, 0);
}

static unsigned count_of(const char *words)
{
    unsigned count = 0;
    pthread_mutex_lock(&logged.lock);
    for (const char *at = logged.text; (at = strstr(at, words)); at++) {
        count++;
    }
    pthread_mutex_unlock(&logged.lock);
    return count;
}

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
        moves += record.kind == PLIM_BOX_LINE && strstr(record.as.line, "\"event\":\"pressure\"");
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

/* ---- an action that does not return ---- */

static sem_t is_inside, may_go;

static uint64_t block(void *context, const plim_pressure *p)
{
    (void)context, (void)p;
    sem_post(&is_inside);
    sem_wait(&may_go);
    return 1;
}

static void *step_into_it(void *unused)
{
    (void)unused;
    step(1000);
    return NULL;
}

static void a_callback_that_blocks_is_named_and_nobody_else_waits(void **state)
{
    (void)state;
    static float y[ROW];
    pthread_t stepper;
    plim_rung r = callback_of("stuck", block, NULL);
    r.deadline_ns = 1;
    sem_init(&is_inside, 0, 0);
    sem_init(&may_go, 0, 0);
    open_watch(&r, 1);
    plim_engine *engine = load(runtime, "a", make_artifact("a"));
    assert_int_equal(pthread_create(&stepper, NULL, step_into_it, NULL), 0);
    sem_wait(&is_inside);

    plim_pressure_state s = read_state();
    assert_int_equal(s.acting, 1);
    assert_true(s.is_late);
    assert_string_equal(s.rungs[s.acting - 1].name, "stuck");
    assert_status(plim_pressure_step(watch, NULL, &err), PLIM_E_STATE);
    assert_string_equal(err.field, "stuck");
    assert_ok(run_rows(engine, 1, y));
    (void)read_state();
    assert_int_equal(count_of("\"event\":\"pressure_late\""), 1);

    sem_post(&may_go);
    assert_int_equal(pthread_join(stepper, NULL), 0);
    assert_int_equal(read_state().acting, 0);
    assert_ok(plim_engine_release(engine, &err));
    sem_destroy(&is_inside);
    sem_destroy(&may_go);
}

/* ---- sources ---- */

static bool is_ready(unsigned wake, int wait_ms)
{
    struct pollfd p = {.fd = watch->wakes[wake].fd, .events = watch->wakes[wake].events};
    return poll(&p, 1, wait_ms) == 1;
}

static void read_high(void *context, plim_pressure *out)
{
    out->value[PLIM_PRESSURE_PSI_SOME] = *(uint64_t *)context;
}

static void a_pipe_and_the_clock_wake_the_ladder(void **state)
{
    (void)state;
    int ends[2];
    uint64_t some = 2000;
    plim_rung r = rung_of(PLIM_RUNG_REFUSE_ADMISSIONS);
    plim_pressure_opts o = plim_pressure_opts_default();
    r.hold_ns = r.cool_down_ns = 10000000;
    assert_int_equal(pipe(ends), 0);
    o.rungs = &r;
    o.rung_count = 1;
    o.without_thread = o.without_kernel = true;
    o.wake_fd = ends[0];
    o.read = read_high;
    o.read_context = &some;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
    assert_false(is_ready(WATCH_TIMER, 0));

    assert_int_equal(write(ends[1], "x", 1), 1);
    assert_true(is_ready(WATCH_TIMER, 10000));
    plim_watch_tick(watch, 1u << WATCH_TIMER);
    plim_pressure_state s = read_state();
    assert_int_equal(s.wake_count[PLIM_PRESSURE_BY_GIVEN], 1);
    assert_true(s.rungs[0].is_entered);
    some = 0;
    for (unsigned i = 0; i < 4 && read_state().rungs[0].is_entered; i++) {
        assert_true(is_ready(WATCH_TIMER, 10000));
        plim_watch_tick(watch, 1u << WATCH_TIMER);
    }
    s = read_state();
    assert_false(s.rungs[0].is_entered);
    assert_int_equal(s.wake_count[PLIM_PRESSURE_BY_GIVEN], 1);
    assert_true(s.wake_count[PLIM_PRESSURE_BY_TIMER] >= 2);
    close(ends[0]);
    close(ends[1]);
}

static void a_trigger_is_set_or_the_reason_is_kept(void **state)
{
    (void)state;
    plim_pressure_opts o = plim_pressure_opts_default();
    o.without_thread = true;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));

    plim_pressure_state s = read_state();

    for (unsigned i = 0; i < 3; i++) {
        printf("# source %u: %s %s\n", i, s.has_source[i] ? "yes" : "no", s.source_why[i]);
        assert_true(s.has_source[i] || s.source_why[i][0]);
    }
    assert_int_equal(s.rung_count, 4);
    assert_int_equal(count_of("\"event\":\"pressure_open\""), 1);
}

static void a_kernel_without_pressure_information_is_no_failure(void **state)
{
    (void)state;
    plim_wake wake;
    plim_wake_psi(cm_tmp(), 150000, 1000000, &wake);

    assert_int_equal(wake.fd, -1);
    assert_non_null(strstr(wake.why, "No such file"));
    plim_wake_close(&wake);
}

static void triggers_that_no_kernel_takes_are_not_written(void **state)
{
    (void)state;
    char text[64];
    assert_int_equal(plim_wake_psi_text(150000, 1000000, text, sizeof(text)), 20);
    assert_string_equal(text, "some 150000 1000000");
    assert_int_equal(plim_wake_psi_text(150000, 499999, text, sizeof(text)), 0);
    assert_int_equal(plim_wake_psi_text(150000, 10000001, text, sizeof(text)), 0);
    assert_int_equal(plim_wake_psi_text(0, 1000000, text, sizeof(text)), 0);
    assert_int_equal(plim_wake_psi_text(1000001, 1000000, text, sizeof(text)), 0);
    assert_int_equal(plim_wake_psi_text(150000, 1000000, text, 19), 0);
}

/* ---- on the telemetry thread ---- */

static uint64_t tell(void *context, const plim_pressure *p)
{
    (void)p;
    sem_post(context);
    return 1;
}

/* A watch that the runtime's own thread steps, over figures that are always high. */
static int open_on_thread(const plim_rung *r, uint64_t *some)
{
    int ends[2];
    plim_pressure_opts o = plim_pressure_opts_default();
    assert_int_equal(pipe(ends), 0);
    o.rungs = r;
    o.rung_count = 1;
    o.without_kernel = true;
    o.wake_fd = ends[0];
    o.read = read_high;
    o.read_context = some;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
    assert_true(watch->is_attached);
    assert_int_equal(write(ends[1], "x", 1), 1);
    close(ends[1]); /* from now on it is ready for good: an end of file, and nobody spins on it */
    return ends[0];
}

static void the_telemetry_thread_climbs_and_descends_by_itself(void **state)
{
    (void)state;
    sem_t acted;
    uint64_t some = 2000;
    plim_rung r = callback_of("mine", tell, &acted);
    r.hold_ns = r.cool_down_ns = 5000000;
    sem_init(&acted, 0, 0);

    int fd = open_on_thread(&r, &some);
    sem_wait(&acted); /* nobody else steps */
    plim_pressure_close(watch);
    watch = NULL;

    assert_int_equal(count_of("\"rung\":\"mine\",\"move\":\"entered\""), 1);
    assert_int_equal(count_of("\"rung\":\"mine\",\"move\":\"left\""), 1);
    close(fd);
    sem_destroy(&acted);
}

static void an_action_that_hangs_on_that_thread_hangs_nobody_else(void **state)
{
    (void)state;
    static float y[ROW];
    static plim_telemetry_sample sample;
    uint64_t some = 2000;
    plim_rung r = callback_of("stuck", block, NULL);
    r.deadline_ns = 1;
    sem_init(&is_inside, 0, 0);
    sem_init(&may_go, 0, 0);
    plim_engine *engine = load(runtime, "a", make_artifact("a"));
    int fd = open_on_thread(&r, &some);
    sem_wait(&is_inside);

    plim_pressure_state s = read_state();
    assert_int_equal(s.acting, 1);
    assert_true(s.is_late);
    assert_ok(run_rows(engine, 1, y));
    plim_telemetry_read(plim_runtime_telemetry(runtime), &sample);
    assert_true(sample.number >= 1);
    plim_engine *other = load(runtime, "b", make_artifact("b"));

    for (unsigned i = 0; i < 16; i++) { /* however often it is called again */
        sem_post(&may_go);
    }
    plim_pressure_close(watch);
    watch = NULL;
    close(fd);
    assert_ok(plim_engine_release(other, &err));
    assert_ok(plim_engine_release(engine, &err));
    sem_destroy(&is_inside);
    sem_destroy(&may_go);
}

static void without_a_telemetry_thread_the_caller_steps(void **state)
{
    (void)state;
    plim_runtime *quiet = NULL;
    plim_pressure_watch *mine = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.telemetry_period_ms = PLIM_TELEMETRY_OFF;
    assert_ok(plim_runtime_open(&o, &quiet, &err));

    assert_ok(plim_pressure_open(quiet, NULL, &mine, &err));

    assert_int_equal(count_of("\"thread\":false"), 1);
    assert_ok(plim_pressure_step(mine, NULL, &err));
    plim_runtime_close(quiet);
}

/* ---- figures of another machine ---- */

static void put(const char *root, const char *path, const char *text)
{
    char full[4700];
    snprintf(full, sizeof(full), "mkdir -p '%s/%s' && rmdir '%s/%s'", root, path, root, path);
    assert_int_equal(system(full), 0);
    snprintf(full, sizeof(full), "%s/%s", root, path);
    FILE *f = fopen(full, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static plim_pressure figures_of(const char *root)
{
    plim_pressure_opts o = plim_pressure_opts_default();
    o.without_thread = o.without_kernel = true;
    o.root = root;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
    assert_ok(plim_pressure_step(watch, NULL, &err));
    plim_pressure p = read_state().last;
    plim_pressure_close(watch);
    watch = NULL;
    return p;
}

#define MEMINFO "MemTotal: 8000000 kB\nMemFree: 4000000 kB\nMemAvailable: 4000000 kB\n"

/* How much of that can be promised is test_headroom's affair; here: whose figure it is. */
static void assert_headroom(const plim_pressure *p, uint64_t most)
{
    uint64_t headroom = p->value[PLIM_PRESSURE_HEADROOM];
    if (headroom > most || headroom < most / 3) {
        fail_msg("headroom %llu, at most %llu", (unsigned long long)headroom,
                 (unsigned long long)most);
    }
}

static void figures_come_from_the_files_of_version_1(void **state)
{
    (void)state;
    char root[4200];
    snprintf(root, sizeof(root), "%s/one", cm_tmp());
    put(root, "proc/meminfo", MEMINFO);
    put(root, "proc/pressure/memory",
        "some avg10=12.34 avg60=0.01 avg300=0.00 total=44754511\n"
        "full avg10=0.56 avg60=0.00 avg300=0.00 total=36724479\n");
    put(root, "proc/self/mountinfo",
        "35 31 0:32 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n");
    put(root, "proc/self/cgroup", "4:memory:/job/part\n");
    put(root, "sys/fs/cgroup/memory/job/part/memory.usage_in_bytes", "777\n");
    put(root, "sys/fs/cgroup/memory/job/part/memory.limit_in_bytes", "9223372036854771712\n");
    put(root, "sys/fs/cgroup/memory/job/memory.usage_in_bytes", "900000000\n");
    put(root, "sys/fs/cgroup/memory/job/memory.limit_in_bytes", "1000000000\n");
    put(root, "sys/fs/cgroup/memory/job/memory.failcnt", "17\n");
    put(root, "sys/fs/cgroup/memory/job/memory.stat",
        "cache 5\ninactive_file 1\ntotal_inactive_file 100000000\ntotal_active_file 50000000\n");

    plim_pressure p = figures_of(root);

    assert_int_equal(p.value[PLIM_PRESSURE_PSI_SOME], 1234);
    assert_int_equal(p.value[PLIM_PRESSURE_PSI_FULL], 56);
    assert_headroom(&p, 250000000);
    assert_int_equal(p.value[PLIM_PRESSURE_CGROUP], 7500);
    assert_int_equal(p.value[PLIM_PRESSURE_EVENTS], 17);
}

static void figures_come_from_the_files_of_version_2(void **state)
{
    (void)state;
    char root[4200];
    snprintf(root, sizeof(root), "%s/two", cm_tmp());
    put(root, "proc/meminfo", MEMINFO);
    put(root, "proc/self/mountinfo", "36 31 0:33 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n");
    put(root, "proc/self/cgroup", "0::/job\n");
    put(root, "sys/fs/cgroup/job/memory.current", "500000000\n");
    put(root, "sys/fs/cgroup/job/memory.max", "1000000000\n");
    put(root, "sys/fs/cgroup/job/memory.stat", "anon 1\nfile 9\ninactive_file 0\nactive_file 0\n");
    put(root, "sys/fs/cgroup/job/memory.events", "low 9\nhigh 1\nmax 2\noom 3\noom_kill 50\n");

    plim_pressure p = figures_of(root);

    assert_true(p.value[PLIM_PRESSURE_PSI_SOME] == UNKNOWN);
    assert_headroom(&p, 500000000);
    assert_int_equal(p.value[PLIM_PRESSURE_CGROUP], 5000);
    assert_int_equal(p.value[PLIM_PRESSURE_EVENTS], 6);
}

static void without_a_group_the_machine_alone_counts(void **state)
{
    (void)state;
    char root[4200];
    snprintf(root, sizeof(root), "%s/none", cm_tmp());
    put(root, "proc/meminfo", MEMINFO);

    plim_pressure p = figures_of(root);

    assert_headroom(&p, 4000000u * UINT64_C(1024));
    assert_true(p.value[PLIM_PRESSURE_CGROUP] == UNKNOWN);
    assert_true(p.value[PLIM_PRESSURE_EVENTS] == UNKNOWN);
}

static void every_share_of_stalled_time_is_read_and_nothing_else(void **state)
{
    (void)state;
    uint64_t seed = cm_seed(), share;
    char line[80];
    for (unsigned i = 0; i <= 10000; i++) {
        snprintf(line, sizeof(line), "some avg10=%u.%02u avg60=0.00 avg300=0.00 total=1", i / 100,
                 i % 100);
        assert_true(plim_stall_share_parse(line, "some", &share));
        assert_int_equal(share, i);
        assert_false(plim_stall_share_parse(line, "full", &share));
    }
    static const char *const WRONG[] = {"",
                                        "some",
                                        "some avg10=",
                                        "some avg10=1",
                                        "some avg10=1.",
                                        "some avg10=1.2",
                                        "some avg10=1.234",
                                        "some avg10=100.01",
                                        "some avg10=-1.00",
                                        "some avg10=.10",
                                        "some  avg10=1.00",
                                        "someavg10=1.00",
                                        "some avg10=1.00x",
                                        "some avg60=1.00",
                                        "some avg10=1000.00",
                                        "some avg10=nan"};
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        assert_false(plim_stall_share_parse(WRONG[i], "some", &share));
    }
    for (unsigned i = 0; i < 1000000; i++) { /* damaged lines: a share or a refusal */
        snprintf(line, sizeof(line), "some avg10=%u.%02u avg60=0.00", i % 101, i % 100);
        uint64_t dice = cm_next(&seed);
        line[dice % 28] = (char)(dice >> 32);
        line[dice >> 8 & 31] = dice & 1 ? 0 : line[dice >> 8 & 31];
        if (plim_stall_share_parse(line, "some", &share)) {
            assert_true(share <= 10000);
        }
    }
}

/* ---- open ---- */

static void what_cannot_be_opened_leaves_nothing_behind(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_CALLBACK); /* without act */
    plim_pressure_opts o = plim_pressure_opts_default();
    o.rungs = &r;
    o.rung_count = 1;
    assert_status(plim_pressure_open(runtime, &o, &watch, &err), PLIM_E_ARG);
    assert_null(watch);
    assert_int_equal(used(runtime), idle_bytes);
    assert_status(plim_pressure_open(NULL, NULL, &watch, &err), PLIM_E_ARG);
    o.struct_size = 0;
    assert_status(plim_pressure_open(runtime, &o, &watch, &err), PLIM_E_ARG);
    assert_status(plim_pressure_step(NULL, NULL, &err), PLIM_E_ARG);

    open_watch(&(plim_rung){.kind = PLIM_RUNG_TRIM_CACHES, .enter = {1}}, 1);
    plim_pressure_watch *other = watch;
    assert_status(plim_pressure_open(runtime, NULL, &other, &err), PLIM_E_STATE);
    assert_null(other);
}

static void a_runtime_that_is_closed_closes_its_watch(void **state)
{
    (void)state;
    plim_rung r = rung_of(PLIM_RUNG_REFUSE_ADMISSIONS);
    open_watch(&r, 1);
    step(1000);

    plim_runtime_close(runtime);

    assert_int_equal(count_of("\"move\":\"left\""), 1);
    assert_int_equal(count_of("\"event\":\"pressure_close\""), 1);
    watch = NULL;
    runtime = open_runtime(CAP_BYTES);
    idle_bytes = used(runtime);
}

static void a_sealed_runtime_takes_no_watch(void **state)
{
    (void)state;
    assert_ok(plim_runtime_seal(runtime, &err));

    assert_status(plim_pressure_open(runtime, NULL, &watch, &err), PLIM_E_STATE);
    assert_null(watch);
    assert_int_equal(used(runtime), idle_bytes);
}

static void the_built_in_rungs_get_harder_line_by_line(void **state)
{
    (void)state;
    plim_rung r[PLIM_RUNGS_BUILT_IN];
    plim_ladder ladder;
    assert_int_equal(plim_pressure_rungs(UINT64_C(8) << 30, r), 4);
    assert_ok(plim_ladder_init(&ladder, r, 4, &err));
    for (unsigned i = 1; i < 4; i++) {
        assert_true(r[i].enter[PLIM_PRESSURE_PSI_SOME] > r[i - 1].enter[PLIM_PRESSURE_PSI_SOME]);
        assert_true(r[i].enter[PLIM_PRESSURE_CGROUP] > r[i - 1].enter[PLIM_PRESSURE_CGROUP]);
        assert_true(r[i].enter[PLIM_PRESSURE_HEADROOM] < r[i - 1].enter[PLIM_PRESSURE_HEADROOM]);
        assert_int_equal(r[i].kind, i + 1);
    }
    assert_int_equal(r[0].enter[PLIM_PRESSURE_HEADROOM], UINT64_C(1) << 30);
}

#define WITH_RUNTIME(test) cmocka_unit_test_setup_teardown(test, start, finish)

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
        WITH_RUNTIME(a_callback_that_blocks_is_named_and_nobody_else_waits),
        WITH_RUNTIME(a_pipe_and_the_clock_wake_the_ladder),
        WITH_RUNTIME(a_trigger_is_set_or_the_reason_is_kept),
        WITH_RUNTIME(the_telemetry_thread_climbs_and_descends_by_itself),
        WITH_RUNTIME(an_action_that_hangs_on_that_thread_hangs_nobody_else),
        WITH_RUNTIME(without_a_telemetry_thread_the_caller_steps),
        cmocka_unit_test(a_kernel_without_pressure_information_is_no_failure),
        cmocka_unit_test(triggers_that_no_kernel_takes_are_not_written),
        WITH_RUNTIME(figures_come_from_the_files_of_version_1),
        WITH_RUNTIME(figures_come_from_the_files_of_version_2),
        WITH_RUNTIME(without_a_group_the_machine_alone_counts),
        cmocka_unit_test(every_share_of_stalled_time_is_read_and_nothing_else),
        WITH_RUNTIME(what_cannot_be_opened_leaves_nothing_behind),
        WITH_RUNTIME(a_runtime_that_is_closed_closes_its_watch),
        WITH_RUNTIME(a_sealed_runtime_takes_no_watch),
        cmocka_unit_test(the_built_in_rungs_get_harder_line_by_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
