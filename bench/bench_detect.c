/* SPDX-License-Identifier: Apache-2.0 */
/* bench_detect.c - what it costs to know the board.
 *
 * usage: bench_detect [--quick] [ROOT ...]
 *
 * Roots: this machine (written "/"), the folders of test/fixtures/boards, and a made one with what
 * weighs on a real board: a list of 2,500 packages (4 MB). All files are in the page cache. For
 * each: milliseconds of plim_board_probe, how many facts it noted, and the deepest stack, on a
 * thread whose stack was painted before. Two rows more are plim_headroom_read and plim_heat_read on
 * this machine. The last line is what the first probe of the process
 * added to its peak resident set, code included, and what it left on the heap.
 * Line one names machine, kernel and flags; then TSV. Time never gates; memory may: exits 1 when
 * the room takes more than 2 MB.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "plimsoll/headroom.h"
#include "plimsoll/heat.h"
#include "plimsoll/platform.h"
#include "plimsoll/version.h"
#include "test/support/heap_now.h"

#define STACK_BYTES (1u << 20)
#define PAINT       0xa5
#define LIMIT_KIB   2000
#define PACKAGES    2500

typedef struct job {
    const char *root;
    size_t count;
    double *ms;
    plim_facts *facts;
} job;

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static void stop(const char *what)
{
    fprintf(stderr, "bench_detect: %s\n", what);
    exit(1);
}

static void *probe(void *argument)
{
    job *j = argument;
    plim_board_opts o = plim_board_opts_default();
    o.root = j->root;
    for (size_t i = 0; i < j->count; i++) {
        memset(j->facts, 0, sizeof(*j->facts));
        double from = now_ms();
        if (plim_board_probe(&o, j->facts, NULL) != PLIM_OK) {
            stop("the probe failed");
        }
        j->ms[i] = now_ms() - from;
    }
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Runs on a painted stack; the lowest byte that changed is how deep it went. */
static size_t run_painted(job *j)
{
    unsigned char *stack =
        mmap(NULL, STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_attr_t attributes;
    pthread_t thread;
    size_t at = 0;
    if (stack == MAP_FAILED) {
        stop("no memory for a stack");
    }
    memset(stack, PAINT, STACK_BYTES);
    pthread_attr_init(&attributes);
    if (pthread_attr_setstack(&attributes, stack, STACK_BYTES) != 0 ||
        pthread_create(&thread, &attributes, probe, j) != 0) {
        stop("no thread");
    }
    pthread_join(thread, NULL);
    pthread_attr_destroy(&attributes);
    while (at < STACK_BYTES && stack[at] == PAINT) {
        at++;
    }
    munmap(stack, STACK_BYTES);
    return STACK_BYTES - at;
}

static void measure(const char *root, size_t count)
{
    static plim_facts facts;
    job j = {.root = root, .count = count, .facts = &facts};
    size_t noted = 0;
    j.ms = malloc(count * sizeof(*j.ms));
    if (!j.ms) {
        stop("no memory");
    }
    size_t stack_bytes = run_painted(&j);
    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        noted += facts.list[i].confidence != PLIM_CONFIDENCE_NONE;
    }
    double first = j.ms[0];
    qsort(j.ms, count, sizeof(*j.ms), by_value);
    printf("%s\t%zu\t%.3f\t%.3f\t%.3f\t%.3f\t%zu\t%zu\n", root[0] ? root : "/", count, first,
           j.ms[count / 2], j.ms[count * 99 / 100], j.ms[count - 1], noted, stack_bytes);
    free(j.ms);
}

/* A board as the test's, with the list of packages of a full desktop. */
static void make_heavy(char *out, size_t room)
{
    char path[400], command[700];
    const char *folder = getenv("TMPDIR");
    snprintf(out, room, "%.200s/bench_detect.%d", folder ? folder : "/tmp", getpid());
    snprintf(command, sizeof(command), "cp -r test/fixtures/boards/orin-nx-16-maxn '%s'", out);
    if (system(command) != 0) {
        stop("cannot make a folder; run it from the root of the sources");
    }
    snprintf(path, sizeof(path), "%s/var/lib/dpkg/status", out);
    FILE *f = fopen(path, "a");
    if (!f) {
        stop("cannot write");
    }
    for (unsigned i = 0; i < PACKAGES; i++) {
        fprintf(f, "\nPackage: package-%u\nStatus: install ok installed\nVersion: 1.%u-1\n", i, i);
        for (unsigned line = 0; line < 20; line++) {
            fprintf(f, "Description-%u: a line of a stanza as long as such lines mostly are ...\n",
                    line);
        }
    }
    fclose(f);
}

static double read_headroom(void)
{
    static plim_headroom headroom;
    double from = now_ms();
    if (plim_headroom_read(NULL, &headroom, NULL) != PLIM_OK) {
        stop("the headroom could not be read");
    }
    return now_ms() - from;
}

static double read_heat(void)
{
    plim_heat heat;
    double from = now_ms();
    plim_heat_read(NULL, &heat);
    return now_ms() - from;
}

/* What else is read of this machine; no facts, and no stack of their own. */
static void measure_reader(const char *name, double (*reader)(void), size_t count)
{
    double *ms = malloc(count * sizeof(*ms));
    if (!ms) {
        stop("no memory");
    }
    for (size_t i = 0; i < count; i++) {
        ms[i] = reader();
    }
    double first = ms[0];
    qsort(ms, count, sizeof(*ms), by_value);
    printf("%s\t%zu\t%.3f\t%.3f\t%.3f\t%.3f\t-\t-\n", name, count, first, ms[count / 2],
           ms[count * 99 / 100], ms[count - 1]);
    free(ms);
}

static long peak_kib(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return u.ru_maxrss;
}

/* What the first probe of a process takes; before anything else has touched its code. */
static long first_probe(size_t *out_heap)
{
    static plim_facts facts;
    plim_board_opts o = plim_board_opts_default();
    size_t heap = mallinfo2().uordblks;
    long before = peak_kib();
    if (plim_board_probe(&o, &facts, NULL) != PLIM_OK) {
        stop("the probe failed");
    }
    *out_heap = mallinfo2().uordblks - heap;
    return peak_kib() - before;
}

int main(int argc, char **argv)
{
    const bool is_quick = argc > 1 && strcmp(argv[1], "--quick") == 0;
    const size_t count = is_quick ? 50 : 1000;
    size_t heap = 0;
    struct utsname u;
    char heavy[256], command[300];
    long grown = first_probe(&heap);
    uname(&u);
    printf("# %s %s, plimsoll %s, checks %d\n", u.machine, u.release, plim_version(), PLIM_CHECKS);
    printf("root\tn\tfirst_ms\tp50_ms\tp99_ms\tmax_ms\tfacts\tstack_bytes\n");
    if (argc > 1 + is_quick) {
        for (int i = 1 + is_quick; i < argc; i++) {
            measure(argv[i], count);
        }
    } else {
        measure("", count);
        measure_reader("plim_headroom_read", read_headroom, count);
        measure_reader("plim_heat_read", read_heat, count);
        measure("test/fixtures/boards/orin-nx-16-maxn", count);
        measure("test/fixtures/boards/thor", count);
        measure("test/fixtures/boards/third-party", count);
        make_heavy(heavy, sizeof(heavy));
        measure(heavy, count / 10);
        snprintf(command, sizeof(command), "rm -r '%s'", heavy);
        if (system(command) != 0) {
            stop("cannot remove the made folder");
        }
    }
    printf("# first probe: %ld KiB more resident, code included; %zu bytes left on the heap;"
           " facts %zu bytes\n",
           grown, heap, sizeof(plim_facts));
    return grown > LIMIT_KIB;
}
