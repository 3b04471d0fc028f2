/* SPDX-License-Identifier: Apache-2.0 */
/* test_pressure_watch.c - who steps the ladder, what wakes it, and where its figures come from. */
#include <fcntl.h>
#include <poll.h>
#include <semaphore.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/linux/stall_share.h"
#include "test/support/pressure_fixture.h"

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

static void a_child_of_fork_closes_while_the_parent_acts(void **state)
{
    (void)state;
    pthread_t stepper;
    int how = -1;
    plim_rung r = callback_of("stuck", block, NULL);
    sem_init(&is_inside, 0, 0);
    sem_init(&may_go, 0, 0);
    open_watch(&r, 1);
    assert_int_equal(pthread_create(&stepper, NULL, step_into_it, NULL), 0);
    sem_wait(&is_inside);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        (void)signal(SIGALRM, SIG_DFL);
        (void)alarm(20); /* it hung: ended by a signal */
        plim_pressure_close(watch);
        _exit(0);
    }

    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    assert_int_equal(read_state().acting, 1); /* the parent's goes on */
    assert_true(watch->wakes[WATCH_TIMER].fd >= 0);
    assert_ptr_equal(runtime->watch, watch);
    sem_post(&may_go);
    assert_int_equal(pthread_join(stepper, NULL), 0);
    assert_int_equal(read_state().rungs[0].call_count, 1);
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

static void open_with_wake_fd(int fd)
{
    static plim_rung r;
    plim_pressure_opts o = plim_pressure_opts_default();
    r = rung_of(PLIM_RUNG_REFUSE_ADMISSIONS);
    o.rungs = &r;
    o.rung_count = 1;
    o.without_thread = o.without_kernel = true;
    o.wake_fd = fd;
    assert_ok(plim_pressure_open(runtime, &o, &watch, &err));
}

static void a_pipe_whose_writers_have_gone_wakes_once_and_is_lost(void **state)
{
    (void)state;
    int ends[2];
    assert_int_equal(pipe(ends), 0);
    open_with_wake_fd(ends[0]);
    assert_true(read_state().has_source[PLIM_PRESSURE_BY_GIVEN]);

    close(ends[1]);
    assert_true(is_ready(WATCH_TIMER, 10000));
    plim_watch_tick(watch, 1u << WATCH_TIMER);

    assert_false(is_ready(WATCH_TIMER, 0));
    plim_pressure_state s = read_state();
    assert_false(s.has_source[PLIM_PRESSURE_BY_GIVEN]);
    assert_string_equal(s.source_why[PLIM_PRESSURE_BY_GIVEN], "it was there, and has ended");
    assert_int_equal(s.wake_count[PLIM_PRESSURE_BY_GIVEN], 0);
    assert_int_equal(count_of("\"event\":\"pressure_source_lost\""), 1);
    close(ends[0]);
}

static void a_descriptor_that_cannot_be_polled_leaves_the_clock(void **state)
{
    (void)state;
    int fd = open("/proc/self/exe", O_RDONLY);
    assert_true(fd >= 0);
    open_with_wake_fd(fd);

    plim_pressure_state s = read_state();
    assert_false(s.has_source[PLIM_PRESSURE_BY_GIVEN]);
    assert_non_null(strstr(s.source_why[PLIM_PRESSURE_BY_GIVEN], "the descriptor given"));
    assert_true(s.has_source[PLIM_PRESSURE_BY_TIMER]);
    close(fd);
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
    uint64_t seed = cm_seed();
    plim_stall stall;
    char line[80];
    for (unsigned i = 0; i <= 10000; i++) {
        snprintf(line, sizeof(line), "full\nsome avg10=%u.%02u avg60=0.00 avg300=0.00 total=%u\n",
                 i / 100, i % 100, 7 * i);
        assert_true(plim_stall_parse(line, "some", &stall));
        assert_int_equal(stall.share, i);
        assert_int_equal(stall.total_us, 7 * i);
        assert_false(plim_stall_parse(line, "full", &stall));
    }
#define TAIL " avg60=0.00 avg300=0.00 total=1\n"
    static const char *const WRONG[] = {"",
                                        "some",
                                        "some\n",
                                        "some avg10=" TAIL,
                                        "some avg10=1" TAIL,
                                        "some avg10=1." TAIL,
                                        "some avg10=1.2" TAIL,
                                        "some avg10=1.234" TAIL,
                                        "some avg10=100.01" TAIL,
                                        "some avg10=-1.00" TAIL,
                                        "some avg10=.10" TAIL,
                                        "some  avg10=1.00" TAIL,
                                        "someavg10=1.00" TAIL,
                                        "some avg10=1.00x" TAIL,
                                        "some avg60=1.00" TAIL,
                                        "some avg10=1000.00" TAIL,
                                        "some avg10=nan" TAIL,
                                        "some avg10=1.00\nfull avg10=1.00" TAIL,
                                        "some avg10=1.00 total=\n",
                                        "some avg10=1.00 total=1",
                                        "some avg10=1.00 total=1x\n",
                                        "some avg10=1.00 total=9223372036854775808\n"};
#undef TAIL
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        assert_false(plim_stall_parse(WRONG[i], "some", &stall));
    }
    for (unsigned i = 0; i < 1000000; i++) { /* damaged lines: a share or a refusal */
        snprintf(line, sizeof(line), "some avg10=%u.%02u total=%u\n", i % 101, i % 100, i);
        uint64_t dice = cm_next(&seed);
        line[dice % 28] = (char)(dice >> 32);
        line[dice >> 8 & 31] = dice & 1 ? 0 : line[dice >> 8 & 31];
        if (plim_stall_parse(line, "some", &stall)) {
            assert_true(stall.share <= 10000 && stall.total_us <= INT64_MAX);
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

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_RUNTIME(a_callback_that_blocks_is_named_and_nobody_else_waits),
        WITH_RUNTIME(a_child_of_fork_closes_while_the_parent_acts),
        WITH_RUNTIME(a_pipe_and_the_clock_wake_the_ladder),
        WITH_RUNTIME(a_pipe_whose_writers_have_gone_wakes_once_and_is_lost),
        WITH_RUNTIME(a_descriptor_that_cannot_be_polled_leaves_the_clock),
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
