/* SPDX-License-Identifier: Apache-2.0 */
/* test_telemetry.c - the thread: it samples, tells, wakes up, and is not there after fork.
 *
 * Nothing here looks at how long something took. Waits are for events, under the time limit of the
 * whole program. */
#include <dirent.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>

#include "src/runtime/sense.h"
#include "test/support/made_tree.h"
#include "test/support/runtime_fixture.h"

#define NEVER_MS 3600000u /* a period that does not end while a test runs */

/* ---- what the thread said ---- */

typedef struct listener {
    pthread_mutex_t lock;
    pthread_cond_t changed;
    uint64_t sample_count, transition_count, tick_count;
    uint32_t woken; /* all bits so far */
    bool is_held;   /* the thread stays in on_sample */
    int drain_fd;
    plim_transition last;
} listener;

#define LISTENER                                                                                   \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER, .changed = PTHREAD_COND_INITIALIZER, .drain_fd = -1     \
    }

static void hear_sample(void *context, const plim_telemetry_sample *sample)
{
    listener *l = context;
    (void)sample;
    pthread_mutex_lock(&l->lock);
    l->sample_count++;
    pthread_cond_broadcast(&l->changed);
    while (l->is_held) {
        pthread_cond_wait(&l->changed, &l->lock);
    }
    pthread_mutex_unlock(&l->lock);
}

static void hear_transition(void *context, const plim_transition *t)
{
    listener *l = context;
    if (t->kind == PLIM_TRANSITION_LATE) {
        return; /* as busy as the machine is */
    }
    pthread_mutex_lock(&l->lock);
    l->transition_count++;
    l->last = *t;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

static void hear_tick(void *context, const plim_telemetry_sample *sample, uint32_t woken)
{
    listener *l = context;
    char bytes[64];
    assert_true(sample->number > 0);
    if ((woken & 1) && l->drain_fd >= 0) {
        (void)!read(l->drain_fd, bytes, sizeof(bytes));
    }
    pthread_mutex_lock(&l->lock);
    l->tick_count++;
    l->woken |= woken;
    pthread_cond_broadcast(&l->changed);
    pthread_mutex_unlock(&l->lock);
}

#define wait_until(l, condition)                                                                   \
    do {                                                                                           \
        pthread_mutex_lock(&(l)->lock);                                                            \
        while (!(condition)) {                                                                     \
            pthread_cond_wait(&(l)->changed, &(l)->lock);                                          \
        }                                                                                          \
        pthread_mutex_unlock(&(l)->lock);                                                          \
    } while (0)

static void wait_for_samples(listener *l, uint64_t more)
{
    pthread_mutex_lock(&l->lock);
    uint64_t wanted = l->sample_count + more;
    pthread_mutex_unlock(&l->lock);
    wait_until(l, l->sample_count >= wanted);
}

static plim_telemetry *open_for(listener *l, uint32_t period_ms)
{
    plim_telemetry *t = NULL;
    plim_telemetry_opts o = plim_telemetry_opts_default();
    o.root = tree_root;
    o.period_ms = period_ms;
    o.on_sample = hear_sample;
    o.on_transition = hear_transition;
    o.context = l;
    assert_ok(plim_telemetry_open(&o, &t, &err));
    return t;
}

static void one_zone(const char *name)
{
    tree_new(name);
    tree_put("sys/class/thermal/thermal_zone0/type", "tj-thermal\n");
    tree_put("sys/class/thermal/thermal_zone0/temp", "50000\n");
    tree_put("sys/class/thermal/cooling_device0/type", "cpu-throttle-alert\n");
    tree_put("sys/class/thermal/cooling_device0/cur_state", "0\n");
}

static size_t threads_named(const char *name, char *status, size_t room)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    for (struct dirent *e; (e = readdir(folder));) {
        char path[300], text[32] = "";
        snprintf(path, sizeof(path), "/proc/self/task/%s/comm", e->d_name);
        FILE *file = fopen(path, "r");
        if (!file) {
            continue;
        }
        bool is_it = fgets(text, sizeof(text), file) && strncmp(text, name, strlen(name)) == 0;
        fclose(file);
        count += is_it;
        snprintf(path, sizeof(path), "/proc/self/task/%s/status", e->d_name);
        if (is_it && status && (file = fopen(path, "r"))) {
            status[fread(status, 1, room - 1, file)] = 0;
            fclose(file);
        }
    }
    closedir(folder);
    return count;
}

/* ---- samples ---- */

static void the_first_sample_is_there_when_open_returns(void **state)
{
    (void)state;
    listener l = LISTENER;
    plim_telemetry_sample s;
    one_zone("first");
    plim_telemetry *t = open_for(&l, NEVER_MS);

    plim_telemetry_read(t, &s);

    assert_int_equal(s.number, 1);
    assert_int_equal(s.is_running, 1);
    assert_int_equal(s.period_ns, NEVER_MS * 1000000ull);
    assert_int_equal(s.list[PLIM_READ_HOTTEST].state, PLIM_READING_FRESH);
    assert_int_equal(s.list[PLIM_READ_HOTTEST].value, 50000);
    assert_true(s.list[PLIM_READ_HOTTEST].age_ns >= s.age_ns);
    assert_int_equal(s.file_count, 2);
    plim_telemetry_close(t);
}

static void samples_follow_one_another_by_themselves(void **state)
{
    (void)state;
    listener l = LISTENER;
    plim_telemetry_sample s;
    one_zone("follow");
    plim_telemetry *t = open_for(&l, 1);
    wait_for_samples(&l, 5);
    tree_put("sys/class/thermal/thermal_zone0/temp", "61000\n");
    wait_for_samples(&l, 2);

    plim_telemetry_read(t, &s);

    assert_true(s.number >= 7);
    assert_int_equal(s.list[PLIM_READ_HOTTEST].value, 61000);
    assert_int_equal(s.call_count, 2);
    plim_telemetry_close(t);
}

static void a_thread_that_is_held_up_makes_readings_stale_and_the_reader_does_not_wait(void **state)
{
    (void)state;
    listener l = LISTENER;
    plim_telemetry_sample s;
    one_zone("held");
    plim_telemetry *t = open_for(&l, 1);
    pthread_mutex_lock(&l.lock);
    l.is_held = true;
    pthread_mutex_unlock(&l.lock);
    wait_for_samples(&l, 1);

    do {
        plim_telemetry_read(t, &s);
    } while (s.list[PLIM_READ_HOTTEST].state != PLIM_READING_STALE);

    assert_int_equal(s.list[PLIM_READ_HOTTEST].value, 50000);
    assert_true(s.list[PLIM_READ_HOTTEST].age_ns > 3000000);
    assert_int_equal(s.list[PLIM_READ_GPU_LOAD].state, PLIM_READING_MISSING);
    assert_int_equal(s.list[PLIM_READ_GPU_LOAD].age_ns, 0);
    pthread_mutex_lock(&l.lock);
    l.is_held = false;
    pthread_cond_broadcast(&l.changed);
    pthread_mutex_unlock(&l.lock);
    plim_telemetry_close(t);
}

static void there_is_one_thread_with_a_name_and_no_signals(void **state)
{
    (void)state;
    listener l = LISTENER;
    char status[4096] = "";
    one_zone("thread");
    assert_int_equal(threads_named("plim-telemetry", NULL, 0), 0);
    plim_telemetry *t = open_for(&l, 1);
    wait_for_samples(&l, 1);

    assert_int_equal(threads_named("plim-telemetry", status, sizeof(status)), 1);
    const char *blocked = strstr(status, "SigBlk:");
    assert_non_null(blocked);
    uint64_t mask = strtoull(blocked + 7, NULL, 16);
    assert_true(mask & 1ull << (SIGTERM - 1) && mask & 1ull << (SIGCHLD - 1));
    assert_false(mask & 1ull << (SIGSEGV - 1)); /* a fault of its own reaches its handler */

    plim_telemetry_close(t);
    assert_int_equal(threads_named("plim-telemetry", NULL, 0), 0);
}

static void it_is_charged_whole_and_gives_all_back(void **state)
{
    (void)state;
    plim_budget *budget = NULL;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 4u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    uint64_t before = plim_budget_used_bytes(budget);
    plim_telemetry_opts o = plim_telemetry_opts_default();
    plim_telemetry *t = NULL;
    one_zone("charged");
    o.root = tree_root;
    o.budget = budget;
    o.period_ms = 1;
    assert_ok(plim_telemetry_open(&o, &t, &err));

    assert_int_equal(plim_budget_used_bytes(budget) - before, plim_telemetry_footprint_bytes(&o));
    printf("# footprint %llu bytes\n", (unsigned long long)plim_telemetry_footprint_bytes(&o));

    plim_telemetry_close(t);
    assert_int_equal(plim_budget_used_bytes(budget), before);
    plim_budget_close(budget);
}

static void every_failure_of_open_leaves_nothing_behind(void **state)
{
    (void)state;
    plim_failing_provider failing;
    plim_budget *budget = NULL;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 4u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    uint64_t before = plim_budget_used_bytes(budget);
    plim_telemetry_opts o = plim_telemetry_opts_default();
    plim_telemetry *t = NULL;
    one_zone("failures");
    o.root = tree_root;
    o.budget = budget;
    for (uint64_t at = 0; at < 2; at++) { /* reserve, commit */
        plim_failing_provider_init(&failing, plim_provider_mmap(), at, false);
        o.provider = &failing.base;
        assert_status(plim_telemetry_open(&o, &t, &err), PLIM_E_NOMEM);
        assert_null(t);
        assert_int_equal(plim_budget_used_bytes(budget), before);
    }
    o.provider = NULL;
    assert_ok(
        plim_budget_charge(budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, (4u << 20) - before, &err));
    assert_status(plim_telemetry_open(&o, &t, &err), PLIM_E_BUDGET);
    assert_null(t);
    assert_int_equal(threads_named("plim-telemetry", NULL, 0), 0);
    plim_budget_credit(budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, (4u << 20) - before);
    plim_budget_close(budget);
}

static void options_that_were_never_set_are_refused(void **state)
{
    (void)state;
    plim_telemetry_opts o = {.struct_size = 0};
    plim_telemetry *t = NULL;
    assert_status(plim_telemetry_open(&o, &t, &err), PLIM_E_ARG);
    assert_status(plim_telemetry_open(NULL, NULL, &err), PLIM_E_ARG);
    plim_telemetry_close(NULL);
}

/* ---- the hook ---- */

static plim_telemetry_hook hook_of(listener *l, int fd)
{
    plim_telemetry_hook h = {.struct_size = sizeof(h), .on_tick = hear_tick, .context = l};
    h.fds[0] = fd;
    h.events[0] = POLLIN;
    h.fd_count = fd >= 0;
    return h;
}

static void a_ready_descriptor_wakes_the_hook_at_once(void **state)
{
    (void)state;
    listener l = LISTENER;
    int pipe_fds[2];
    plim_telemetry_sample s;
    one_zone("wake");
    assert_int_equal(pipe(pipe_fds), 0);
    l.drain_fd = pipe_fds[0];
    plim_telemetry *t = open_for(&l, NEVER_MS);
    plim_telemetry_hook h = hook_of(&l, pipe_fds[0]);
    assert_ok(plim_telemetry_attach(t, &h, &err));

    for (uint64_t i = 1; i <= 3; i++) {
        assert_int_equal(write(pipe_fds[1], "x", 1), 1);
        wait_until(&l, l.tick_count == i);
    }

    plim_telemetry_read(t, &s);
    assert_int_equal(s.number, 4);
    assert_int_equal(l.woken, 1);
    close(pipe_fds[1]); /* and when it fails it is told once, and watched no more */
    wait_until(&l, l.tick_count == 4);
    assert_int_equal(l.woken, 1 | 1 << 8);
    plim_telemetry_detach(t);
    assert_int_equal(l.tick_count, 4);
    close(pipe_fds[0]);
    plim_telemetry_close(t);
}

static void the_hook_is_called_after_each_sample_until_it_is_detached(void **state)
{
    (void)state;
    listener l = LISTENER, other = LISTENER;
    one_zone("hook");
    plim_telemetry *t = open_for(&l, 1);
    plim_telemetry_hook h = hook_of(&l, -1), second = hook_of(&other, -1);
    assert_ok(plim_telemetry_attach(t, &h, &err));
    assert_status(plim_telemetry_attach(t, &second, &err), PLIM_E_STATE);
    wait_until(&l, l.tick_count >= 3);

    plim_telemetry_detach(t);
    uint64_t then = l.tick_count;
    wait_for_samples(&l, 3);
    assert_int_equal(l.tick_count, then);
    assert_int_equal(other.tick_count, 0);

    assert_ok(plim_telemetry_attach(t, &second, &err));
    wait_until(&other, other.tick_count >= 1);
    plim_telemetry_close(t); /* with the hook attached */
}

static void hooks_that_cannot_be_are_refused(void **state)
{
    (void)state;
    listener l = LISTENER;
    one_zone("hooks");
    plim_telemetry *t = open_for(&l, NEVER_MS);
    plim_telemetry_hook h = hook_of(&l, -1);
    h.fd_count = PLIM_TELEMETRY_WAKES + 1;
    assert_status(plim_telemetry_attach(t, &h, &err), PLIM_E_ARG);
    h = hook_of(&l, -1);
    h.on_tick = NULL;
    assert_status(plim_telemetry_attach(t, &h, &err), PLIM_E_ARG);
    assert_status(plim_telemetry_attach(t, NULL, &err), PLIM_E_ARG);
    plim_telemetry_close(t);
}

static void closing_is_safe_at_any_moment_of_a_poll(void **state)
{
    (void)state;
    listener l = LISTENER;
    one_zone("close");
    for (int i = 0; i < 60; i++) {
        plim_telemetry *t = open_for(&l, 1);
        if (i % 3) {
            wait_for_samples(&l, (uint64_t)i % 3);
        }
        plim_telemetry_close(t);
    }
    assert_int_equal(threads_named("plim-telemetry", NULL, 0), 0);
}

/* ---- fork ---- */

static void a_child_of_fork_has_no_thread_and_says_so(void **state)
{
    (void)state;
    listener l = LISTENER;
    plim_telemetry_sample s;
    one_zone("fork");
    plim_telemetry *t = open_for(&l, 1);
    wait_for_samples(&l, 2);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        plim_telemetry_hook h = hook_of(&l, -1);
        plim_error why;
        int wrong = plim_telemetry_attach(t, &h, &why) != PLIM_E_STATE;
        do { /* the last sample grows old */
            plim_telemetry_read(t, &s);
            wrong |= s.is_running != 0;
        } while (s.list[PLIM_READ_HOTTEST].state != PLIM_READING_STALE);
        wrong |= s.list[PLIM_READ_HOTTEST].value != 50000;
        plim_telemetry_detach(t);
        plim_telemetry_close(t);
        _exit(wrong);
    }
    int how = -1;
    assert_int_equal(waitpid(child, &how, 0), child);
    assert_int_equal(how, 0);
    wait_for_samples(&l, 2); /* the parent's goes on */
    plim_telemetry_read(t, &s);
    assert_int_equal(s.is_running, 1);
    plim_telemetry_close(t);
}

/* ---- in a runtime ---- */

static uint64_t heard_last, heard_throttles; /* written by one thread, read when it has gone */

static void hear_runtime(void *context, const plim_transition *t)
{
    assert_ptr_equal(context, &heard_last);
    heard_last += t->number == heard_last + 1; /* stays behind when one is left out */
    heard_throttles += t->kind == PLIM_TRANSITION_THROTTLE;
}

static plim_runtime *runtime_at(uint32_t period_ms, const char *box)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.sysroot = tree_root;
    o.telemetry_period_ms = period_ms;
    o.black_box_path = box;
    o.on_transition = hear_runtime;
    o.transition_context = &heard_last;
    logged.used = 0;
    logged.text[0] = 0;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static void what_a_runtime_holds_stays_charged_when_a_child_closes_its_copy(void **state)
{
    (void)state;
    one_zone("shared_account");
    plim_runtime *runtime = runtime_at(PLIM_TELEMETRY_OFF, NULL);
    plim_budget *budget = plim_runtime_budget(runtime);
    plim_telemetry_opts o = plim_telemetry_opts_default();
    plim_telemetry *t = NULL;
    o.root = tree_root;
    o.budget = budget;
    uint64_t before = plim_budget_used_bytes(budget);
    assert_ok(plim_telemetry_open(&o, &t, &err));
    uint64_t held = plim_budget_used_bytes(budget);
    assert_true(held > before);

    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        plim_telemetry_close(t);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);

    assert_int_equal(plim_budget_used_bytes(budget), held);
    plim_telemetry_close(t);
    assert_int_equal(plim_budget_used_bytes(budget), before);
    plim_runtime_close(runtime);
}

/* In place and without a moment in which the file is empty: a poll sees one or the other. */
static void throttle(bool is_on)
{
    char path[4096];
    tree_path("sys/class/thermal/cooling_device0/cur_state", path, sizeof(path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    assert_int_equal(write(fd, is_on ? "1\n" : "0\n", 2), 2);
    close(fd);
}

/* The numbers of all transitions in @text, one JSON object a line: 1, 2, 3, ... and how many of
 * them are throttling. */
static size_t check_numbers(const char *text, size_t *out_throttles)
{
    size_t count = 0;
    bool was_on = false;
    for (const char *at = text; *at; at += strcspn(at, "\n"), at += *at == '\n') {
        json_t *line = json_loadb(at, strcspn(at, "\n"), 0, NULL);
        json_t *number = json_object_get(line, "number");
        if (number) {
            assert_int_equal(json_integer_value(number), ++count);
            assert_string_equal(json_string_value(json_object_get(line, "level")), "warn");
        }
        if (strcmp(json_string_value(json_object_get(line, "event")), "throttle") == 0) {
            bool is_on = json_is_true(json_object_get(line, "on"));
            assert_int_equal(is_on, !was_on); /* by turns: none was left out, none came twice */
            was_on = is_on;
            ++*out_throttles;
        }
        json_decref(line);
    }
    return count;
}

/* A sample that is followed by another one has been told. */
static void flip_alert(plim_runtime *runtime, int times)
{
    for (int i = 1; i <= times; i++) {
        plim_telemetry_sample s;
        uint64_t number = 0;
        throttle(i % 2);
        do {
            plim_telemetry_read(plim_runtime_telemetry(runtime), &s);
            number = number || s.list[PLIM_READ_THROTTLED].value != i % 2 ? number : s.number;
        } while (number == 0 || s.number == number);
    }
}

static void box_lines(const char *path, char *out, size_t room, size_t *samples)
{
    static _Alignas(64) unsigned char image[4u << 20];
    static plim_box_record r;
    plim_box_reader reader;
    FILE *file = fopen(path, "r");
    assert_non_null(file);
    size_t bytes = fread(image, 1, sizeof(image), file), used = 0;
    fclose(file);
    assert_ok(plim_box_attach(image, bytes, &reader, &err));
    while (plim_box_next(&reader, &r)) {
        if (r.kind == PLIM_BOX_LINE) {
            used += (size_t)snprintf(out + used, room - used, "%s\n", r.as.line);
            assert_true(used < room);
        } else if (r.kind == PLIM_BOX_TELEMETRY) {
            assert_string_equal(r.as.telemetry.hottest_zone, "tj");
            assert_int_equal(r.as.telemetry.hottest, 50000);
            assert_int_equal(r.as.telemetry.gpu_load, PLIM_BOX_UNKNOWN);
            ++*samples;
        }
    }
}

static char box_text[256 * 1024];

static void transitions_reach_log_and_box_once_each_and_in_order(void **state)
{
    (void)state;
    char path[4200];
    size_t throttles = 0, box_throttles = 0, samples = 0;
    heard_throttles = heard_last = 0;
    one_zone("tell");
    snprintf(path, sizeof(path), "%s/tell.box", cm_tmp());
    plim_runtime *runtime = runtime_at(1, path);
    flip_alert(runtime, 20);
    plim_runtime_close(runtime);

    size_t told = check_numbers(logged.text, &throttles);
    box_lines(path, box_text, sizeof(box_text), &samples);
    size_t kept = check_numbers(box_text, &box_throttles);

    assert_int_equal(throttles, 20);
    assert_int_equal(box_throttles, 20);
    assert_int_equal(told, kept);
    assert_int_equal(heard_throttles, 20);
    assert_int_equal(heard_last, told);
    assert_true(samples >= 20);
}

static void transitions_are_in_the_box_of_a_process_that_was_killed(void **state)
{
    (void)state;
    char path[4200];
    size_t throttles = 0, samples = 0;
    int ready[2];
    one_zone("killed");
    snprintf(path, sizeof(path), "%s/killed.box", cm_tmp());
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        plim_runtime *runtime = runtime_at(1, path);
        flip_alert(runtime, 7);
        (void)!write(ready[1], "x", 1);
        for (;;) {
            pause();
        }
    }
    char byte;
    assert_int_equal(read(ready[0], &byte, 1), 1);
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, NULL, 0), child);
    close(ready[0]);
    close(ready[1]);

    box_lines(path, box_text, sizeof(box_text), &samples);
    (void)check_numbers(box_text, &throttles);
    assert_int_equal(throttles, 7);
    assert_true(samples > 0);
}

static void thermal_reads_no_file_on_its_caller_s_thread(void **state)
{
    (void)state;
    plim_thermal thermal;
    one_zone("caller");
    plim_runtime *runtime = runtime_at(NEVER_MS, NULL);
    tree_put("sys/class/thermal/thermal_zone0/temp", "99000\n");

    plim_runtime_thermal(runtime, &thermal);

    assert_true(thermal.is_known && thermal.throttled_is_known && !thermal.is_throttled);
    assert_true(thermal.hottest_celsius > 49.9 && thermal.hottest_celsius < 50.1);
    assert_string_equal(thermal.hottest_zone, "tj");
    assert_true(thermal.age_ns > 0);
    plim_runtime_close(runtime);
}

static void a_sealed_runtime_goes_on_sampling_without_a_charge(void **state)
{
    (void)state;
    one_zone("sealed");
    plim_runtime *runtime = runtime_at(1, NULL);
    assert_ok(plim_runtime_seal(runtime, &err));
    plim_account before = account_of(runtime), after;

    flip_alert(runtime, 4);

    after = account_of(runtime);
    assert_int_equal(after.used_bytes, before.used_bytes);
    assert_int_equal(after.refusal_count, before.refusal_count);
    assert_int_equal(after.sealed_growth_count, 0);
    plim_runtime_close(runtime);
}

static void off_is_no_thread_and_temperatures_on_demand(void **state)
{
    (void)state;
    plim_thermal thermal;
    plim_telemetry_sample s;
    one_zone("off");
    plim_runtime *runtime = runtime_at(PLIM_TELEMETRY_OFF, NULL);

    plim_runtime_thermal(runtime, &thermal);
    plim_telemetry_read(plim_runtime_telemetry(runtime), &s);

    assert_int_equal(threads_named("plim-telemetry", NULL, 0), 0);
    assert_true(thermal.is_known && thermal.throttled_is_known);
    assert_int_equal(s.is_running, 0);
    assert_int_equal(s.period_ns, 0);
    assert_int_equal(s.list[PLIM_READ_MEMORY_AVAILABLE].state, PLIM_READING_MISSING);
    plim_runtime_close(runtime);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_sample_is_there_when_open_returns),
        cmocka_unit_test(samples_follow_one_another_by_themselves),
        cmocka_unit_test(
            a_thread_that_is_held_up_makes_readings_stale_and_the_reader_does_not_wait),
        cmocka_unit_test(there_is_one_thread_with_a_name_and_no_signals),
        cmocka_unit_test(it_is_charged_whole_and_gives_all_back),
        cmocka_unit_test(every_failure_of_open_leaves_nothing_behind),
        cmocka_unit_test(options_that_were_never_set_are_refused),
        cmocka_unit_test(a_ready_descriptor_wakes_the_hook_at_once),
        cmocka_unit_test(the_hook_is_called_after_each_sample_until_it_is_detached),
        cmocka_unit_test(hooks_that_cannot_be_are_refused),
        cmocka_unit_test(closing_is_safe_at_any_moment_of_a_poll),
        cmocka_unit_test(a_child_of_fork_has_no_thread_and_says_so),
        cmocka_unit_test(what_a_runtime_holds_stays_charged_when_a_child_closes_its_copy),
        cmocka_unit_test(transitions_reach_log_and_box_once_each_and_in_order),
        cmocka_unit_test(transitions_are_in_the_box_of_a_process_that_was_killed),
        cmocka_unit_test(thermal_reads_no_file_on_its_caller_s_thread),
        cmocka_unit_test(a_sealed_runtime_goes_on_sampling_without_a_charge),
        cmocka_unit_test(off_is_no_thread_and_temperatures_on_demand),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
