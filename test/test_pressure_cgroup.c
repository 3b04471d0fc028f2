/* SPDX-License-Identifier: Apache-2.0 */
/* test_pressure_cgroup.c - the ladder against a limit that kills: control groups of this kernel.
 *
 * Each case runs in a child process in a group of its own below this process's (version 1; where
 * there is none, or no right to make one, it is skipped and counted). Nothing here asserts a time:
 * what is asserted is who was first, the ladder or the kernel.
 */
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "src/runtime/watch.h"
#include "test/support/made_episode.h"
#include "test/support/runtime_fixture.h"

#define MIB        ((size_t)1 << 20)
#define LIMIT      (128 * MIB)
#define CACHE      (60 * MIB)
#define WORK       (96 * MIB)
#define CHILD_DONE 7

static plim_cgroup_memory group; /* the children's */

/* ---- a group ---- */

static bool write_in_group(const char *file, uint64_t number)
{
    char path[640], text[32];
    snprintf(path, sizeof(path), "%s/%s", group.path, file);
    int n = snprintf(text, sizeof(text), "%llu", (unsigned long long)number);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    bool is_written = fd >= 0 && write(fd, text, (size_t)n) == n;
    if (fd >= 0) {
        close(fd);
    }
    return is_written;
}

static uint64_t usage(void)
{
    plim_group_share g;
    plim_group_share_read("", &group, &g);
    return g.usage_bytes;
}

static int make_group(void **state)
{
    (void)state;
    plim_cgroup_memory own;
    group.version = 0;
    if (plim_cgroup_memory_read(&own, &err) != PLIM_OK || own.version != 1) {
        return 0;
    }
    snprintf(group.path, sizeof(group.path), "%.150s/plimsoll-test-%d", own.path, (int)getpid());
    if (mkdir(group.path, 0755) == 0) {
        group.version = 1;
        group.limit_bytes = LIMIT;
        if (!write_in_group("memory.limit_in_bytes", LIMIT)) {
            rmdir(group.path);
            group.version = 0;
        }
    }
    return 0;
}

static int remove_group(void **state)
{
    (void)state;
    for (int i = 0; group.version && i < 200 && rmdir(group.path) != 0; i++) {
        usleep(10000); /* a task may still be on its way out */
    }
    group.version = 0;
    return 0;
}

#define skip_without_group()                                                                       \
    do {                                                                                           \
        skip_where_memory_is_not_ours();                                                           \
        if (!group.version) {                                                                      \
            skip_because("no memory control group of version 1 that this process may use");        \
        }                                                                                          \
    } while (0)

/* ---- a child in it ---- */

static pid_t start_child(void (*work)(bool with_ladder), bool with_ladder)
{
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        if (!write_in_group("cgroup.procs", (uint64_t)getpid())) {
            _exit(1);
        }
        work(with_ladder);
        _exit(CHILD_DONE);
    }
    assert_true(pid > 0);
    return pid;
}

static int end_of(pid_t pid)
{
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return status;
}

static bool is_killed(int status)
{
    return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
}

static bool is_done(int status)
{
    return WIFEXITED(status) && WEXITSTATUS(status) == CHILD_DONE;
}

/* In a child a failed assertion is an exit code: cmocka's own way back belongs to the parent. */
#define need(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "child: line %d: %s\n", __LINE__, #condition);                         \
            _exit(1);                                                                              \
        }                                                                                          \
    } while (0)

static char *touch(size_t bytes)
{
    char *base = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    need(base != MAP_FAILED);
    for (size_t at = 0; at < bytes; at += 4096) {
        base[at] = 1;
    }
    return base;
}

/* Memory that the child needs and that nobody can give back, a MiB every 5 ms: a thread that
 * is woken on a busy machine must still come first. */
static void grow(size_t bytes)
{
    for (size_t done = 0; done < bytes; done += MIB) {
        (void)touch(MIB);
        usleep(5000);
    }
}

static plim_runtime *child_runtime(void)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.log_sink = NULL;
    o.large_pages = PLIM_LARGE_PAGES_NEVER;
    need(plim_runtime_open(&o, &runtime, &err) == PLIM_OK);
    return runtime;
}

/* ---- the ladder, on the runtime's telemetry thread ---- */

static plim_pressure_watch *watch_with(plim_runtime *runtime, const plim_rung *rungs, size_t count)
{
    plim_pressure_opts o = plim_pressure_opts_default();
    plim_pressure_watch *watch = NULL;
    o.rungs = rungs;
    o.rung_count = count;
    need(plim_pressure_open(runtime, &o, &watch, &err) == PLIM_OK);
    need(watch->has_group && watch->wakes[WATCH_USAGE].fd >= 0 && watch->is_attached);
    return watch;
}

static plim_rung rung_at(plim_rung_kind kind, uint64_t share)
{
    return (plim_rung){.kind = kind,
                       .enter = {[PLIM_PRESSURE_CGROUP] = share},
                       .leave = {[PLIM_PRESSURE_CGROUP] = share - 1000},
                       .hold_ns = 20000000,
                       .cool_down_ns = 100000000};
}

/* ---- usage crosses a line ---- */

static void cross_the_line(bool with_ladder)
{
    (void)with_ladder;
    plim_wake wake;
    uint64_t line = LIMIT / 2, start = usage();
    plim_wake_usage("", &group, &line, 1, &wake);
    struct pollfd p = {.fd = wake.fd, .events = wake.events};
    need(wake.fd >= 0 && start < line);
    for (size_t done = 0; start + done + 4 * MIB < line; done += MIB) {
        (void)touch(MIB);
    }
    need(poll(&p, 1, 0) == 0);
    (void)touch(12 * MIB);
    need(poll(&p, 1, 10000) == 1);
    need(usage() < LIMIT);
    plim_wake_take(&wake);
    need(poll(&p, 1, 0) == 0);
    plim_wake_close(&wake);
}

static void a_line_of_usage_wakes_before_the_limit_and_not_before_the_line(void **state)
{
    (void)state;
    skip_without_group();
    assert_true(is_done(end_of(start_child(cross_the_line, true))));
}

/* ---- a cache of the caller's ---- */

static char *cache;
static _Atomic bool has_freed;

static uint64_t free_cache(void *context, const plim_pressure *p)
{
    (void)context, (void)p;
    if (atomic_exchange(&has_freed, true)) {
        return 0;
    }
    munmap(cache, CACHE);
    return CACHE;
}

static void work_beside_a_cache(bool with_ladder)
{
    plim_runtime *runtime = child_runtime();
    plim_pressure_watch *watch = NULL;
    plim_rung r = rung_at(PLIM_RUNG_CALLBACK, 7000);
    r.act = free_cache;
    cache = touch(CACHE);
    if (with_ladder) {
        watch = watch_with(runtime, &r, 1);
    }
    grow(WORK);
    if (with_ladder) {
        plim_pressure_state s;
        plim_pressure_read(watch, &s);
        need(atomic_load(&has_freed) && s.rungs[0].enter_count >= 1);
        need(s.rungs[0].said_bytes == CACHE && s.rungs[0].cause == PLIM_PRESSURE_CGROUP);
        printf("# cache: entered at %.1f %%, said %.1f MiB, the group fell by %.1f MiB, %.2f ms\n",
               (double)s.rungs[0].value / 100, (double)s.rungs[0].said_bytes / MIB,
               (double)s.rungs[0].moved_bytes / MIB, (double)s.rungs[0].ns_worst / 1e6);
        fflush(stdout);
    }
}

static void a_run_that_the_limit_would_kill_survives_with_a_ladder(void **state)
{
    (void)state;
    skip_without_group();

    int without = end_of(start_child(work_beside_a_cache, false));
    int with = end_of(start_child(work_beside_a_cache, true));

    assert_true(is_killed(without));
    assert_true(is_done(with));
}

/* ---- frames that were read ---- */

static const char *made;

static void work_beside_video(bool with_ladder)
{
    enum { FRAMES = 160 };
    plim_runtime *runtime = child_runtime();
    plim_region_opts r = plim_region_opts_default();
    plim_episode_opts o = plim_episode_opts_default();
    plim_region *home = NULL;
    plim_dataset *set = NULL;
    plim_episode *episode = NULL;
    plim_pressure_watch *watch = NULL;
    plim_tensor t;
    r.size_bytes = 1u << 20;
    r.tag = PLIM_TAG_EPISODE;
    o.arena = plim_runtime_arena(runtime);
    need(plim_region_create(o.arena, PLIM_REGION_BUMP, &r, &home, &err) == PLIM_OK);
    need(plim_dataset_open(made, home, &set, &err) == PLIM_OK);
    need(plim_episode_open(set, 0, &o, &episode, &err) == PLIM_OK);
    for (uint64_t i = 0; i < FRAMES; i++) { /* a look ahead over the whole window */
        need(plim_episode_frame(episode, MADE_CAMERA, i, &t, &err) == PLIM_OK);
    }
    for (uint64_t i = 0; i < FRAMES; i++) {
        need(plim_episode_release(episode, MADE_CAMERA, i, &err) == PLIM_OK);
    }
    uint64_t now = usage();
    need(write_in_group("memory.limit_in_bytes", now + 30 * MIB)); /* 30 MiB of frames lie idle */
    plim_rung rungs[2] = {rung_at(PLIM_RUNG_DROP_VIDEO, 8000),
                          rung_at(PLIM_RUNG_SHRINK_WINDOWS, 9000)};
    for (unsigned i = 0; i < 2; i++) {
        rungs[i].enter[PLIM_PRESSURE_CGROUP] = 0;
        rungs[i].leave[PLIM_PRESSURE_CGROUP] = 0;
        rungs[i].enter[PLIM_PRESSURE_HEADROOM] = (20 - 4 * i) * MIB;
    }
    if (with_ladder) {
        watch = watch_with(runtime, rungs, 2);
        need(plim_pressure_add_episode(watch, episode, &err) == PLIM_OK);
    }
    grow(48 * MIB);
    if (with_ladder) {
        plim_pressure_state s;
        plim_pressure_read(watch, &s);
        need(s.rungs[0].enter_count >= 1 && s.rungs[0].said_bytes > 25 * MIB);
        printf("# video: said %.1f MiB, the group fell by %.1f MiB, %.2f ms\n",
               (double)s.rungs[0].said_bytes / MIB, (double)s.rungs[0].moved_bytes / MIB,
               (double)s.rungs[0].ns_worst / 1e6);
        fflush(stdout);
    }
}

static void frames_that_lie_idle_are_given_back_before_the_limit_kills(void **state)
{
    (void)state;
    skip_without_group();
    made = made_episode("-n 160 -s 256");

    int without = end_of(start_child(work_beside_video, false));
    assert_true(write_in_group("memory.limit_in_bytes", LIMIT));
    int with = end_of(start_child(work_beside_video, true));

    assert_true(is_killed(without));
    assert_true(is_done(with));
}

/* ---- the limit itself ---- */

static void meet_the_limit(bool with_ladder)
{
    (void)with_ladder;
    (void)touch(LIMIT + 16 * MIB);
}

static void meeting_the_limit_wakes_who_watches_the_group(void **state)
{
    (void)state;
    plim_wake wake;
    plim_group_share before, after;
    skip_without_group();
    if (!write_in_group("memory.oom_control", 1)) {
        skip_because("this kernel always kills at the limit");
    }
    plim_group_share_read("", &group, &before);
    plim_wake_limit("", &group, &wake);
    struct pollfd p = {.fd = wake.fd, .events = wake.events};
    assert_true(wake.fd >= 0);
    assert_int_equal(poll(&p, 1, 0), 0);

    pid_t child = start_child(meet_the_limit, false); /* it sleeps there: nobody is killed */

    assert_int_equal(poll(&p, 1, 30000), 1);
    plim_group_share_read("", &group, &after);
    assert_true(after.hit_count > before.hit_count);
    assert_true(write_in_group("memory.limit_in_bytes", 2 * LIMIT));
    assert_true(is_done(end_of(child)));
    plim_wake_close(&wake);
}

/* ---- the kernel's own pressure information ---- */

static uint64_t stalled_us(void)
{
    unsigned long long total = 0;
    char text[256] = "";
    FILE *f = fopen("/proc/pressure/memory", "r");
    if (f && fgets(text, sizeof(text), f)) {
        const char *at = strstr(text, "total=");
        total = at ? strtoull(at + 6, NULL, 10) : 0;
    }
    if (f) {
        fclose(f);
    }
    return total;
}

/* A file four times as large as the group, again and again. */
static void thrash(bool with_ladder)
{
    (void)with_ladder;
    char path[4300];
    snprintf(path, sizeof(path), "%s/thrash", cm_tmp());
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    need(fd >= 0);
    char *map = mmap(NULL, 96 * MIB, PROT_READ, MAP_PRIVATE, fd, 0);
    need(map != MAP_FAILED);
    volatile char sum = 0;
    for (uint64_t turn = 0;; turn++) {
        for (size_t at = turn * 4096 % 65536; at < 96 * MIB; at += 65536) {
            sum = (char)(sum + map[at]);
        }
    }
}

static void stalls_fire_the_trigger_that_was_granted(void **state)
{
    (void)state;
    enum { STALL_US = 20000, SETTLE_US = 2500000 }; /* the kernel sums every 2 s */
    char path[4300];
    static char block[1 << 20];
    plim_wake wake;
    skip_without_group();
    snprintf(path, sizeof(path), "%s/thrash", cm_tmp());
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (size_t i = 0; i < 96; i++) {
        assert_int_equal(fwrite(block, 1, sizeof(block), f), sizeof(block));
    }
    fflush(f);
    fsync(fileno(f));
    (void)posix_fadvise(fileno(f), 0, 0,
                        POSIX_FADV_DONTNEED); /* or the pages are not the child's */
    fclose(f);
    assert_true(write_in_group("memory.limit_in_bytes", 24 * MIB));
    usleep(SETTLE_US); /* what others stalled before is in the total, and in no window any more */
    uint64_t before = stalled_us();
    plim_wake_psi("", STALL_US, 2000000, &wake);
    if (wake.fd < 0) {
        unlink(path);
        skip_because("%s", wake.why);
    }
    struct pollfd p = {.fd = wake.fd, .events = wake.events};
    int ready = 0;

    pid_t child = start_child(thrash, false);
    for (unsigned i = 0; i < 10 && ready == 0; i++) {
        ready = poll(&p, 1, 2000);
        ready = ready == 1 && (p.revents & POLLERR) ? -1 : ready;
    }
    usleep(SETTLE_US);
    uint64_t stalled = stalled_us() - before;
    kill(child, SIGKILL);
    (void)end_of(child);
    unlink(path);
    plim_wake_close(&wake);
    printf("# stalled %llu us, %s\n", (unsigned long long)stalled, ready == 1 ? "fired" : "quiet");
    if (ready == 0 && stalled < 10 * STALL_US) {
        skip_because("this machine did not stall");
    }
    assert_int_equal(ready, 1);
    assert_true(stalled >= STALL_US);
}

#define IN_GROUP(test) cmocka_unit_test_setup_teardown(test, make_group, remove_group)

int main(void)
{
    const struct CMUnitTest tests[] = {
        IN_GROUP(a_line_of_usage_wakes_before_the_limit_and_not_before_the_line),
        IN_GROUP(a_run_that_the_limit_would_kill_survives_with_a_ladder),
        IN_GROUP(frames_that_lie_idle_are_given_back_before_the_limit_kills),
        IN_GROUP(meeting_the_limit_wakes_who_watches_the_group),
        IN_GROUP(stalls_fire_the_trigger_that_was_granted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
