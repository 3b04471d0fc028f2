/* SPDX-License-Identifier: Apache-2.0 */
/* bench_black_box.c - what a black box costs whoever writes into it.
 *
 * usage: bench_black_box [--quick]
 *
 * Decides nothing; times single calls. tick is what a run pays: one look at the time that it has
 * anyway. line is a log line of about 200 bytes without a sink, and beside it the same line with
 * an empty sink and no box. others: three more threads log meanwhile, so that the locks are
 * met. The box lies in TMPDIR (or /tmp): on a disk the kernel's write-back is in the tail.
 * Line one names machine, kernel and flags; then TSV, nanoseconds. Time never gates.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "bench/support/ticks.h"
#include "src/runtime/state.h"

#define OTHERS 3

static plim_runtime *runtime;
static _Atomic bool is_over;

static void say_line(void)
{
    plim_runtime_log(runtime, PLIM_LOG_INFO, "engine_loaded",
                     "\"engine\":\"%s\",\"payload_bytes\":%llu,\"elapsed_ns\":%llu", "backbone",
                     3100000000ull, 1234567890ull);
}

static void sample(void)
{
    plim_black_box_sample(&runtime->box);
}

static void tick(void)
{
    plim_black_box_tick(&runtime->box, 1);
}

static void nothing(void)
{
}

static void drop(void *context, plim_log_level level, const char *text, size_t bytes)
{
    (void)context, (void)level, (void)text, (void)bytes;
}

static void *log_until_over(void *argument)
{
    (void)argument;
    while (!is_over) {
        say_line();
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static void measure(const char *name, void (*call)(void), size_t count, double ns)
{
    uint64_t *times = malloc(count * sizeof(*times));
    if (!times) {
        exit(1);
    }
    for (size_t i = 0; i < count / 10 + count; i++) {
        uint64_t from = ticks_begin();
        call();
        uint64_t took = ticks_end() - from;
        if (i >= count / 10) { /* the first tenth warms up */
            times[i - count / 10] = took;
        }
    }
    qsort(times, count, sizeof(*times), by_value);
    printf("%s\t%zu\t%.0f\t%.0f\t%.0f\t%.0f\n", name, count, (double)times[count / 2] * ns,
           (double)times[count / 100 * 99] * ns, (double)times[count / 1000 * 999] * ns,
           (double)times[count - 1] * ns);
    free(times);
}

static void open_with(const char *box_path)
{
    static plim_host host = {.board = "bench", .arch = "any", .memory_bytes = 8ull << 30};
    plim_runtime_opts o = plim_runtime_opts_default();
    plim_error err;
    o.budget.cap_bytes = 1u << 30;
    o.host = &host;
    o.large_pages = PLIM_LARGE_PAGES_NEVER;
    o.black_box_path = box_path;
    o.log_sink = box_path ? NULL : drop;
    if (plim_runtime_open(&o, &runtime, &err) != PLIM_OK) {
        char text[1024];
        plim_error_format(&err, text, sizeof(text));
        fprintf(stderr, "bench_black_box: %s\n", text);
        exit(1);
    }
}

static void measure_others(size_t count, double ns)
{
    pthread_t threads[OTHERS];
    int started = 0;
    for (; started < OTHERS; started++) {
        if (pthread_create(&threads[started], NULL, log_until_over, NULL) != 0) {
            break;
        }
    }
    measure("line, others", say_line, count, ns);
    measure("sample, others", sample, count, ns);
    is_over = true;
    for (int i = 0; i < started; i++) {
        pthread_join(threads[i], NULL);
    }
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 && strcmp(argv[1], "--quick") == 0 ? 20000 : 400000;
    struct utsname u;
    char path[512], previous[544];
    double ns = ticks_ns();
    const char *folder = getenv("TMPDIR");
    snprintf(path, sizeof(path), "%.400s/bench_black_box.%d", folder ? folder : "/tmp", getpid());
    snprintf(previous, sizeof(previous), "%s" PLIM_BLACK_BOX_PREVIOUS_TAIL, path);
    uname(&u);
    printf("# %s %s, plimsoll %s, checks %d, %s\n", u.machine, u.release, plim_version(),
           PLIM_CHECKS, TICKS_SOURCE);
    printf("name\tn\tp50\tp99\tp99.9\tmax\n");
    open_with(NULL);
    measure("empty", nothing, count, ns);
    measure("line to a sink", say_line, count, ns);
    plim_runtime_close(runtime);
    open_with(path);
    measure("tick", tick, count, ns);
    measure("line to the box", say_line, count, ns);
    measure("sample", sample, count, ns);
    measure_others(count, ns);
    plim_runtime_close(runtime);
    unlink(path);
    unlink(previous);
    return 0;
}
