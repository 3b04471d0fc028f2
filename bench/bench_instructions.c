/* SPDX-License-Identifier: Apache-2.0 */
/* bench_instructions.c - how many instructions the worst call of a dynamic region takes.
 *
 * A true maximum per call, over millions of calls, without counters of the CPU:
 *
 *   1. This program is linked twice. In the second one (.paths) the compiler put a call at every
 *      branch target of arena/, and every call to a region leaves a hash of the blocks it ran
 *      through. Over all calls that gives each distinct path, how often it was taken, and two
 *      calls that took it.
 *   2. In the first one, the ordinary library, the same calls are repeated in a child; those two of
 *      each path are single-stepped (ptrace) and counted exactly.
 *
 * Calls of one path run through the same instructions, so the longest path is the worst call.
 * That two calls of a path count the same is checked and printed (differ). Heaps are addresses
 * only (test/support/no_memory.h), so 64 GiB cost what 16 MiB do.
 *
 * Not covered: the kernel's part of a commit, caches, and paths that these calls never took. So
 * calls are drawn to the edges: sizes of all classes, alignments, full heaps, tables at their
 * limit.
 *
 * usage: bench_instructions [--quick] [--ops N] [--gate PERCENT]
 * --gate: exits 1 when the worst call of any heap is that much above the smallest heap's.
 */
#include <errno.h>
#include <inttypes.h>
#include <math.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/engines.h"
#include "bench/support/mixes.h"
#include "bench/support/workload.h"
#include "plimsoll/arena.h"
#include "test/support/no_memory.h"

#define SLOTS       2048u
#define BLOCKS      1024u /* alive at once: fewer than slots, so that the limit is met */
#define PATHS_MAX   ((size_t)1 << 20)
#define STEPS_MAX   120u   /* paths of a kind that are stepped: the longest, the most frequent */
#define STEP_BLOCKS 20000u /* of a kind: no more blocks than this, because stepping is slow */
#define MIB         ((uint64_t)1 << 20)
#define SEED        7u

/* Apart by alignment: above a unit of 64 bytes what would be refused is looked for in every range.
 * Those calls, given or refused, are the scanned ones, and the only ones without a gate. */
typedef enum call_kind {
    CALL_ALLOC = 0,
    CALL_REFUSED = 1,
    CALL_FREE = 2,
    CALL_ALLOC_ALIGNED = 3,
    CALL_REFUSED_ALIGNED = 4,
    CALL_SCANNED = 5,
    KIND_COUNT = 6
} call_kind;
static const char *const kind_names[KIND_COUNT] = {"alloc",          "refused",          "free",
                                                   "alloc, aligned", "refused, aligned", "scanned"};
#define GATED_KINDS 5u /* the first ones */

typedef struct path {
    uint64_t hash, count, first, last; /* indexes of calls */
    uint32_t blocks;                   /* basic blocks run through */
    uint32_t kind;
    uint32_t steps, steps_again; /* instructions of the two calls */
    uint32_t is_stepped;
} path;

/* ---- step 1: what the instrumented library says ---- */

static uint64_t trace_hash;
static uint32_t trace_blocks;

__attribute__((visibility("default"))) void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
    trace_hash = (trace_hash ^ (uintptr_t)__builtin_return_address(0)) * 0x9e3779b97f4a7c15u;
    trace_hash ^= trace_hash >> 29;
    trace_blocks++;
}

/* ---- the calls: the same in both programs ---- */

typedef struct caller {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
    no_memory memory;
    void *blocks[SLOTS];
    uint64_t seed, size, index, wave_fills;
    double low, high; /* logarithms of the sizes asked for */
} caller;

typedef struct call {
    size_t bytes, align;
    uint32_t slot;
    bool is_free;
} call;

static void caller_open(caller *c, uint64_t size, bool is_committed)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_arena_opts a = plim_arena_opts_default();
    plim_region_opts o = plim_region_opts_default();
    plim_error err = {0};
    memset(c, 0, sizeof(*c));
    no_memory_init(&c->memory);
    b.cap_bytes = 2 * size + 64 * MIB;
    o.size_bytes = size;
    o.block_limit = BLOCKS;
    o.commit_now = is_committed;
    o.align_bytes = 2 * MIB;
    if (plim_budget_open(plim_provider_mmap(), &b, &c->budget, &err) != PLIM_OK ||
        plim_arena_open(c->budget, &c->memory.base, &a, &c->arena, &err) != PLIM_OK ||
        plim_region_create(c->arena, PLIM_REGION_DYNAMIC, &o, &c->region, &err) != PLIM_OK) {
        bench_stop("a dynamic region", &err);
    }
    c->seed = SEED;
    c->size = size;
    c->low = log(64);
    c->high = log((double)size / 64);
}

static void caller_close(caller *c)
{
    plim_arena_close(c->arena);
    plim_budget_close(c->budget);
}

/* Waves of filling, turning over and emptying; one call in 4,096 asks for more than there is. */
static call caller_draw(caller *c)
{
    static const unsigned fill_of_16[] = {15, 8, 2, 9};
    const uint64_t dice = mix_next(&c->seed);
    const unsigned fill = fill_of_16[c->index++ / 8192 % 4];
    call out = {.slot = (uint32_t)(dice % SLOTS), .align = 64};
    for (unsigned i = 0; i < 8; i++) { /* a slot that can be filled or emptied, as the wave goes */
        if ((c->blocks[out.slot] == NULL) == ((dice >> 16) % 16 < fill)) {
            break;
        }
        out.slot = (out.slot + 1) % SLOTS;
    }
    out.is_free = c->blocks[out.slot] != NULL;
    const double u = (double)(mix_next(&c->seed) >> 11) * 0x1p-53;
    out.bytes = (dice >> 32) % 4096 == 0 ? c->size : (size_t)exp(c->low + u * (c->high - c->low));
    if ((dice >> 48) % 8 == 0) {
        out.align = (size_t)64 << ((dice >> 52) % 16); /* to 2 MiB */
    }
    return out;
}

__attribute__((noinline)) static plim_status make_call(caller *c, call in, void **out)
{
    return in.is_free ? plim_region_free(c->region, c->blocks[in.slot], NULL)
                      : plim_region_alloc(c->region, in.bytes, in.align, out, NULL);
}

static uint64_t scan_count(const caller *c)
{
    plim_region_stats stats;
    plim_region_read(c->region, &stats);
    return stats.scan_count;
}

static call_kind note_result(caller *c, call in, plim_status status, void *block)
{
    if (in.is_free && status != PLIM_OK) {
        bench_stop("a live block was not freed", NULL);
    }
    c->blocks[in.slot] = in.is_free ? NULL : block;
    if (in.is_free) {
        return CALL_FREE;
    }
    if (in.align > 64) {
        return status == PLIM_OK ? CALL_ALLOC_ALIGNED : CALL_REFUSED_ALIGNED;
    }
    return status == PLIM_OK ? CALL_ALLOC : CALL_REFUSED;
}

/* ---- step 1 ---- */

static path *path_of(path *paths, size_t *count, uint64_t hash, uint32_t kind)
{
    size_t i = hash % PATHS_MAX;
    while (paths[i].count && (paths[i].hash != hash || paths[i].kind != kind)) {
        i = (i + 1) % PATHS_MAX;
    }
    if (paths[i].count == 0) {
        (*count)++;
    }
    return &paths[i];
}

/* All distinct paths to the standard output, as they lie in memory. */
static int find_paths(uint64_t size, bool is_committed, uint64_t ops)
{
    path *paths = workload_pages(PATHS_MAX * sizeof(*paths));
    static caller c;
    size_t count = 0;
    uint64_t scans = 0;
    caller_open(&c, size, is_committed);
    for (uint64_t i = 0; i < ops && count < PATHS_MAX / 2; i++) {
        const call in = caller_draw(&c);
        void *block = NULL;
        trace_hash = 1;
        trace_blocks = 0;
        const plim_status status = make_call(&c, in, &block);
        const uint64_t hash = trace_hash;
        const uint32_t blocks = trace_blocks;
        call_kind kind = note_result(&c, in, status, block);
        if (in.align > 64 && !in.is_free) {
            const uint64_t scans_now = scan_count(&c);
            kind = scans_now != scans ? CALL_SCANNED : kind;
            scans = scans_now;
        }
        path *p = path_of(paths, &count, hash, kind);
        if (p->count++ == 0) {
            *p = (path){.hash = hash, .count = 1, .first = i, .blocks = blocks, .kind = kind};
        }
        p->last = i;
    }
    caller_close(&c);
    for (size_t i = 0; i < PATHS_MAX; i++) {
        if (paths[i].count && fwrite(&paths[i], sizeof(path), 1, stdout) != 1) {
            return 1;
        }
    }
    return fflush(stdout) == 0 ? 0 : 1;
}

/* ---- step 2 ---- */

typedef struct stop {
    uint64_t index;
    uint32_t *steps; /* where the count goes */
} stop;

/* In the child: a mark, one call, a mark. Both lie in one function, so that what is between them
 * and not the call is the same for the empty measurement. */
__attribute__((noinline)) static plim_status marked_call(caller *c, call in, void **out)
{
    raise(SIGUSR1);
    const plim_status status = make_call(c, in, out);
    raise(SIGUSR1);
    return status;
}

__attribute__((noinline)) static void marked_nothing(void)
{
    raise(SIGUSR1);
    raise(SIGUSR1);
}

static void repeat_calls(uint64_t size, bool is_committed, const stop *stops, size_t stop_count)
{
    static caller c;
    size_t at = 0;
    caller_open(&c, size, is_committed);
    if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0) {
        _exit(3);
    }
    marked_nothing();
    for (uint64_t i = 0; at < stop_count; i++) {
        const call in = caller_draw(&c);
        void *block = NULL;
        plim_status status;
        if (stops[at].index == i) {
            status = marked_call(&c, in, &block);
            at++;
        } else {
            status = make_call(&c, in, &block);
        }
        (void)note_result(&c, in, status, block);
    }
    _exit(0);
}

/* Waits for the child's next mark; false: it ended. */
static bool wait_mark(pid_t pid, int request, uint32_t *out_steps)
{
    int status = 0;
    for (uint32_t steps = 0;; steps++) {
        if (waitpid(pid, &status, 0) != pid || !WIFSTOPPED(status)) {
            return false;
        }
        if (WSTOPSIG(status) == SIGUSR1) {
            *out_steps = steps;
            return true;
        }
        if (ptrace(request, pid, NULL, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status)) != 0) {
            return false;
        }
    }
}

/* Instructions between two marks. */
static bool step_over(pid_t pid, uint32_t *out_steps)
{
    uint32_t ignored;
    return wait_mark(pid, PTRACE_CONT, &ignored) &&
           ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL) == 0 &&
           wait_mark(pid, PTRACE_SINGLESTEP, out_steps) &&
           ptrace(PTRACE_CONT, pid, NULL, NULL) == 0;
}

static bool count_steps(uint64_t size, bool is_committed, stop *stops, size_t stop_count)
{
    uint32_t empty = 0, steps = 0;
    fflush(stdout);
    const pid_t pid = fork();
    if (pid == 0) {
        repeat_calls(size, is_committed, stops, stop_count);
    }
    bool is_well = pid > 0 && step_over(pid, &empty);
    for (size_t i = 0; is_well && i < stop_count; i++) {
        is_well = step_over(pid, &steps) && steps >= empty;
        *stops[i].steps = steps - empty;
    }
    if (pid > 0) {
        if (!is_well) {
            kill(pid, SIGKILL);
        }
        waitpid(pid, NULL, 0);
    }
    return is_well;
}

/* ---- figures ---- */

static int by_length(const void *a, const void *b)
{
    const path *x = a, *y = b;
    return (x->blocks < y->blocks) - (x->blocks > y->blocks);
}

static int by_count(const void *a, const void *b)
{
    const path *x = a, *y = b;
    return (x->count < y->count) - (x->count > y->count);
}

static int by_index(const void *a, const void *b)
{
    const stop *x = a, *y = b;
    return (x->index > y->index) - (x->index < y->index);
}

static size_t read_paths(const char *program, uint64_t size, bool is_committed, uint64_t ops,
                         path *paths)
{
    char command[4300];
    size_t count = 0;
    snprintf(command, sizeof(command), "'%s.paths' --paths %" PRIu64 " %d %" PRIu64, program, size,
             is_committed, ops);
    FILE *in = popen(command, "r");
    while (in && count < PATHS_MAX && fread(&paths[count], sizeof(path), 1, in) == 1) {
        count++;
    }
    if (!in || pclose(in) != 0 || count == 0) {
        bench_stop("the instrumented program", NULL);
    }
    return count;
}

/* Marks the longest paths of each kind, and then the most frequent of the rest. */
static void choose(path *paths, size_t count)
{
    uint32_t chosen[KIND_COUNT] = {0}, blocks[KIND_COUNT] = {0};
    for (unsigned pass = 0; pass < 2; pass++) {
        qsort(paths, count, sizeof(*paths), pass == 0 ? by_length : by_count);
        for (size_t i = 0; i < count; i++) {
            path *p = &paths[i];
            const uint32_t share = (pass + 1) * STEPS_MAX / 2;
            if (!p->is_stepped && chosen[p->kind] < share &&
                blocks[p->kind] < (pass + 1) * STEP_BLOCKS / 2) {
                p->is_stepped = 1;
                chosen[p->kind]++;
                blocks[p->kind] += p->blocks;
            }
        }
    }
}

typedef struct figures {
    uint64_t calls, sum, blocks, stepped_blocks;
    uint32_t paths, stepped, least, most, most_blocks, differ;
} figures;

static void sum_up(const path *paths, size_t count, uint32_t kind, figures *out)
{
    *out = (figures){.least = UINT32_MAX};
    for (size_t i = 0; i < count; i++) {
        const path *p = &paths[i];
        if (p->kind != kind) {
            continue;
        }
        out->paths++;
        out->calls += p->count;
        out->blocks += p->count * p->blocks;
        out->most_blocks = p->blocks > out->most_blocks ? p->blocks : out->most_blocks;
        if (!p->is_stepped) {
            continue;
        }
        const uint32_t more = p->steps > p->steps_again ? p->steps : p->steps_again;
        const uint32_t less = p->steps < p->steps_again ? p->steps : p->steps_again;
        out->stepped++;
        out->stepped_blocks += p->count * p->blocks;
        out->sum += p->count * p->steps;
        out->least = less < out->least ? less : out->least;
        out->most = more > out->most ? more : out->most;
        out->differ = more - less > out->differ ? more - less : out->differ;
    }
}

/* Of all calls: exact where the path was stepped, by its number of blocks elsewhere. */
static double mean_of(const figures *f)
{
    if (f->stepped_blocks == 0 || f->calls == 0) {
        return 0;
    }
    return (double)f->sum / (double)f->stepped_blocks * (double)f->blocks / (double)f->calls;
}

/* One heap: a row for each kind of call. */
static bool measure(const char *program, uint64_t size, bool is_committed, uint64_t ops,
                    uint32_t worst[KIND_COUNT])
{
    static path paths[PATHS_MAX];
    static stop stops[2 * STEPS_MAX * KIND_COUNT];
    const size_t count = read_paths(program, size, is_committed, ops, paths);
    size_t stop_count = 0;
    choose(paths, count);
    for (size_t i = 0; i < count; i++) {
        if (!paths[i].is_stepped) {
            continue;
        }
        stops[stop_count++] = (stop){paths[i].first, &paths[i].steps};
        if (paths[i].last != paths[i].first) {
            stops[stop_count++] = (stop){paths[i].last, &paths[i].steps_again};
        }
    }
    qsort(stops, stop_count, sizeof(*stops), by_index);
    if (!count_steps(size, is_committed, stops, stop_count)) {
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (paths[i].last == paths[i].first) {
            paths[i].steps_again = paths[i].steps;
        }
    }
    for (uint32_t kind = 0; kind < KIND_COUNT; kind++) {
        figures f;
        sum_up(paths, count, kind, &f);
        worst[kind] = f.most;
        printf("%" PRIu64 "\t%s\t%s\t%" PRIu64 "\t%u\t%u\t%u\t%.1f\t%u\t%u\t%u\n", size / MIB,
               is_committed ? "committed" : "growing", kind_names[kind], f.calls, f.paths,
               f.stepped, f.stepped ? f.least : 0, mean_of(&f), f.most, f.most_blocks, f.differ);
    }
    fflush(stdout);
    return true;
}

typedef struct settings {
    uint64_t ops;
    double gate_percent;
    bool is_gated, is_quick;
} settings;

static int measure_all(const char *program, const settings *s)
{
    static const uint64_t sizes[] = {16 * MIB, 1024 * MIB, 65536 * MIB};
    bool is_constant = true;
    for (int committed = 1; committed >= 0; committed--) {
        uint32_t first[KIND_COUNT] = {0}, worst[KIND_COUNT] = {0};
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
            if (s->is_quick && i == 1) {
                continue;
            }
            if (!measure(program, sizes[i], committed, s->ops, worst)) {
                printf("# skipped: the child could not be single-stepped (ptrace)\n");
                return 0;
            }
            for (uint32_t k = 0; k < GATED_KINDS; k++) {
                first[k] = i == 0 ? worst[k] : first[k];
                is_constant &= worst[k] <= (double)first[k] * (1 + s->gate_percent / 100);
            }
        }
    }
    if (s->is_gated) {
        printf("# the worst call of every heap is %s %.0f %% of the smallest heap's\n",
               is_constant ? "within" : "NOT within", s->gate_percent);
    }
    return s->is_gated && !is_constant ? 1 : 0;
}

int main(int argc, char **argv)
{
    static char program[4096];
    settings s = {.ops = 10000000};
    if (argc == 5 && strcmp(argv[1], "--paths") == 0) {
        return find_paths(strtoull(argv[2], NULL, 10), argv[3][0] == '1',
                          strtoull(argv[4], NULL, 10));
    }
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            s.ops = 500000;
            s.is_quick = true;
        } else if (strcmp(argv[i], "--ops") == 0 && i + 1 < argc) {
            s.ops = strtoull(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--gate") == 0 && i + 1 < argc) {
            s.gate_percent = strtod(argv[++i], NULL);
            s.is_gated = true;
        } else {
            fprintf(stderr, "usage: bench_instructions [--quick] [--ops N] [--gate PERCENT]\n");
            return 2;
        }
    }
    bench_headline("bench_instructions", argc, argv);
    if (readlink("/proc/self/exe", program, sizeof(program) - 1) <= 0) {
        bench_stop("/proc/self/exe", NULL);
    }
    printf("heap_MiB\tmemory\tcall\tcalls\tpaths\tstepped\tmin\tmean_about\tmax\tmax_blocks\t"
           "differ\n");
    return measure_all(program, &s);
}
