/* SPDX-License-Identifier: Apache-2.0 */
/* bench_arena.c - the dynamic region beside TLSF, mimalloc, jemalloc and glibc, in one run.
 *
 * Decides nothing by time. Each allocator is this program run again as a child, so that its
 * resident set is its own and what replaces malloc is there from the first instruction. The
 * children take turns: one round of all, then the next. A row is the median of its rounds,
 * and max the range over them. Random mixes on one and two threads, and recorded traces of
 * real model runs on one. Ratios are to TLSF on a pool touched before, of the same run.
 *
 * usage: bench_arena [--quick] [--reps N] [--only HEAP] [--trace FILE]... [--no-times]
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/support/engines.h"
#include "bench/support/heap_run.h"
#include "bench/support/ticks.h"
#include "plimsoll/plan.h"

#define REPS_MAX  9
#define CASES_MAX 16
#define HEAPS_MAX 16
#define MIB       ((uint64_t)1 << 20)
#define SEED      20261121u
#define PLANNED   "planned"
#define USAGE                                                                                      \
    "usage: bench_arena [--quick] [--reps N] [--only HEAP] [--trace FILE]... [--no-times]\n"

typedef struct bench_case {
    char name[64];
    const char *path;     /* of a trace; NULL: random */
    workload_shape shape; /* of all threads together */
    unsigned threads;
} bench_case;

typedef struct results {
    heap_reading rounds[REPS_MAX];
    size_t count;
    bool is_there;
} results;

static const char *const trace_names[] = {"vlm", "llm", "resnet_train"};

/* ---- the child ---- */

static void load_case(const bench_case *c, workload *loads)
{
    for (unsigned i = 0; i < c->threads; i++) {
        workload_shape part = c->shape;
        part.slots /= c->threads;
        part.ops /= c->threads;
        if (c->path) {
            if (!workload_read(&loads[i], c->path)) {
                exit(1);
            }
        } else {
            workload_random(&loads[i], &part, SEED + i);
        }
    }
}

/* The pool that pools are timed in: half as much again as can be alive at once. */
static uint64_t roomy_pool(const workload *loads, unsigned threads)
{
    uint64_t live = 0;
    for (unsigned i = 0; i < threads; i++) {
        live += loads[i].peak_live_bytes;
    }
    return (live + live / 2 + MIB) / MIB * MIB;
}

/* The same buffers given to the planner, which knows their lifetimes: a step is an event. */
static uint64_t planned_height(const workload *w)
{
    plim_plan_buffer *buffers = workload_pages(w->alloc_count * sizeof(*buffers));
    uint32_t *of_slot = workload_pages(w->slot_count * sizeof(*of_slot));
    const size_t scratch_bytes = plim_plan_scratch_bytes(w->alloc_count);
    void *scratch = workload_pages(scratch_bytes);
    plim_plan_result result = {0};
    plim_error err = {0};
    size_t count = 0;
    for (size_t i = 0; i < w->op_count; i++) {
        const workload_op op = w->ops[i];
        if (op.bytes) {
            of_slot[op.slot] = (uint32_t)count;
            buffers[count] = (plim_plan_buffer){.id = count,
                                                .lower = (uint32_t)i,
                                                .upper = (uint32_t)w->op_count,
                                                .size_bytes = op.bytes,
                                                .align_bytes = 64};
            count++;
        } else {
            buffers[of_slot[op.slot]].upper = (uint32_t)i;
        }
    }
    if (plim_plan_solve(buffers, count, NULL, scratch, scratch_bytes, &result, &err) != PLIM_OK ||
        plim_plan_verify(buffers, count, result.height_bytes, scratch, scratch_bytes, &err) !=
            PLIM_OK) {
        bench_stop("the plan", &err);
    }
    return result.height_bytes;
}

/* The reading goes to the parent through descriptor 3, so that no library can add to it. */
static int child(const char *heap_name, const bench_case *c, bool is_timed, bool with_least)
{
    workload loads[HEAP_THREADS_MAX];
    heap_reading out = {0};
    const heap_kind *kind = heap_find(heap_name);
    unsetenv("LD_PRELOAD");
    load_case(c, loads);
    if (strcmp(heap_name, PLANNED) == 0) {
        out.least_pool_bytes = planned_height(&loads[0]);
    } else {
        if (!kind->is_places_only && is_timed) {
            heap_run(kind, loads, c->threads, roomy_pool(loads, c->threads), &out);
        }
        if (with_least) {
            out.least_pool_bytes = heap_least_pool(kind, &loads[0]);
        }
    }
    if (c->threads == 1) {
        out.peak_live_bytes = loads[0].peak_live_bytes;
    }
    return write(3, &out, sizeof(out)) == (ssize_t)sizeof(out) ? 0 : 1;
}

/* ---- the parent ---- */

static char self_path[4096];

/* Runs the program again: heap, case by its index, and what to measure. */
static bool spawn(const char *heap_name, size_t index, char *const *args, int arg_count,
                  bool is_timed, bool with_least, heap_reading *out)
{
    int ends[2];
    char text[32], flags[8];
    char *argv[64] = {self_path, (char *)(uintptr_t) "--child", (char *)(uintptr_t)heap_name, text,
                      flags};
    const heap_kind *kind = heap_find(heap_name);
    snprintf(text, sizeof(text), "%zu", index);
    snprintf(flags, sizeof(flags), "%d%d", is_timed, with_least);
    for (int i = 1; i < arg_count && i < 50; i++) {
        argv[4 + i] = args[i];
    }
    fflush(stdout);
    if (pipe(ends) != 0) {
        bench_stop("pipe", NULL);
    }
    const pid_t pid = fork();
    if (pid == 0) {
        if (kind && kind->preload) {
            setenv("LD_PRELOAD", kind->preload, 1);
        }
        close(ends[0]);
        if (ends[1] == 3 || dup2(ends[1], 3) == 3) {
            execv(self_path, argv);
        }
        _exit(127);
    }
    close(ends[1]);
    const bool is_read = read(ends[0], out, sizeof(*out)) == (ssize_t)sizeof(*out);
    int status = 0;
    close(ends[0]);
    waitpid(pid, &status, 0);
    return is_read && WIFEXITED(status) && WEXITSTATUS(status) == 0;
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Median over the rounds of the double at @field in a reading. */
static double middle(const results *r, size_t field)
{
    double values[REPS_MAX];
    for (size_t i = 0; i < r->count; i++) {
        memcpy(&values[i], (const char *)&r->rounds[i] + field, sizeof(double));
    }
    qsort(values, r->count, sizeof(double), compare);
    return r->count ? values[r->count / 2] : 0;
}
#define MIDDLE(r, field) middle(r, offsetof(heap_reading, field))

static double middle_ratio(const results *r, bool of_least)
{
    double values[REPS_MAX];
    for (size_t i = 0; i < r->count; i++) {
        const heap_reading *one = &r->rounds[i];
        values[i] = (double)(of_least ? one->least_pool_bytes : one->footprint_bytes) /
                    (double)one->peak_live_bytes;
    }
    qsort(values, r->count, sizeof(double), compare);
    return r->count ? values[r->count / 2] : 0;
}

static void print_max(const results *r, bool of_free)
{
    double low = 1e18, high = 0;
    for (size_t i = 0; i < r->count; i++) {
        const double max = (of_free ? r->rounds[i].free.max : r->rounds[i].alloc.max) / 1e3;
        low = max < low ? max : low;
        high = max > high ? max : high;
    }
    printf("\t%.0f-%.0f", low, high);
}

static void print_or_dash(double value, const char *format)
{
    printf("\t");
    if (value > 0) {
        printf(format, value);
    } else {
        printf("-");
    }
}

static void print_times(const results *r, const results *tlsf)
{
    printf("\t%.0f\t%.0f\t%.0f", MIDDLE(r, alloc.mean), MIDDLE(r, alloc.p50),
           MIDDLE(r, alloc.p999));
    print_max(r, false);
    printf("\t%.0f\t%.0f\t%.0f", MIDDLE(r, free.mean), MIDDLE(r, free.p50), MIDDLE(r, free.p999));
    print_max(r, true);
    printf("\t%.2f", MIDDLE(r, write_us));
    if (!tlsf) {
        printf("\t-\t-\t-");
        return;
    }
    printf("\t%.2f\t%.2f\t%.2f", MIDDLE(r, alloc.mean) / MIDDLE(tlsf, alloc.mean),
           MIDDLE(r, free.mean) / MIDDLE(tlsf, free.mean),
           MIDDLE(r, alloc.p999) / MIDDLE(tlsf, alloc.p999));
}

static void print_row(const bench_case *c, const char *name, const heap_kind *kind,
                      const results *r, const results *tlsf)
{
    printf("%s\t%u\t%s", c->name, c->threads, name);
    if (!r->is_there) {
        printf("\tnot measured: %s\n",
               kind && heap_absent(kind) ? heap_absent(kind) : "its process did not end well");
        return;
    }
    if (MIDDLE(r, alloc.mean) > 0) {
        print_times(r, tlsf);
    } else {
        printf("\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-\t-");
    }
    /* What a pool was given and touched beforehand says nothing; what it needs, the next one. */
    print_or_dash(kind && kind->is_warm ? 0 : middle_ratio(r, false), "%.3f");
    print_or_dash(middle_ratio(r, true), "%.4f");
    printf("\t%" PRIu64 "\n", r->rounds[0].refused);
    fflush(stdout);
}

typedef struct settings {
    bool quick, no_times;
    size_t reps;
    const char *only;
    bench_case cases[CASES_MAX];
    size_t case_count;
} settings;

static bool wants(const settings *s, const char *name)
{
    return !s->only || strcmp(s->only, name) == 0;
}

static void measure_case(const settings *s, size_t index, char **argv, int argc)
{
    static results all[HEAPS_MAX], planned;
    const bench_case *c = &s->cases[index];
    const results *tlsf = NULL;
    memset(all, 0, sizeof(all));
    memset(&planned, 0, sizeof(planned));
    for (size_t round = 0; round < s->reps; round++) {
        for (size_t h = 0; h < heap_kind_count; h++) {
            const heap_kind *kind = &heap_kinds[h];
            const bool with_least = round == 0 && c->threads == 1 && kind->is_pool;
            const bool is_timed = !kind->is_places_only && !s->no_times;
            if (!wants(s, kind->name) || heap_absent(kind) || (!is_timed && !with_least)) {
                continue;
            }
            heap_reading *out = &all[h].rounds[all[h].count];
            all[h].is_there = spawn(kind->name, index, argv, argc, is_timed, with_least, out);
            all[h].count += all[h].is_there;
            out->least_pool_bytes = all[h].rounds[0].least_pool_bytes;
        }
    }
    for (size_t h = 0; h < heap_kind_count; h++) {
        const heap_kind *kind = &heap_kinds[h];
        if (strcmp(kind->name, "tlsf") == 0 && all[h].count && !s->no_times) {
            tlsf = &all[h];
        }
    }
    for (size_t h = 0; h < heap_kind_count; h++) {
        if (wants(s, heap_kinds[h].name) && (!heap_kinds[h].is_places_only || c->threads == 1) &&
            (all[h].is_there || heap_absent(&heap_kinds[h]) || !s->no_times)) {
            print_row(c, heap_kinds[h].name, &heap_kinds[h], &all[h], tlsf);
        }
    }
    if (c->path && wants(s, PLANNED)) {
        planned.is_there = spawn(PLANNED, index, argv, argc, false, true, &planned.rounds[0]);
        planned.count = planned.is_there;
        print_row(c, PLANNED, NULL, &planned, NULL);
    }
    for (size_t h = 0; h < heap_kind_count; h++) {
        if (MIDDLE(&all[h], empty.p50) > 0) {
            printf("# %s, %u thread%s: empty timing p50 %.0f ns, p99.9 %.0f ns, max %.0f us\n",
                   c->name, c->threads, c->threads > 1 ? "s" : "", MIDDLE(&all[h], empty.p50),
                   MIDDLE(&all[h], empty.p999), MIDDLE(&all[h], empty.max) / 1e3);
            break;
        }
    }
}

static void add_case(settings *s, bench_case c)
{
    if (s->case_count < CASES_MAX) {
        s->cases[s->case_count++] = c;
    }
}

static void add_random(settings *s)
{
    const workload_shape mixed = {"mixed", 1024, 64, 4 * MIB, s->quick ? 100000 : 1000000};
    const workload_shape tensor = {"tensor", 64, 256 << 10, 64 * MIB, s->quick ? 2000 : 20000};
    for (unsigned threads = 1; threads <= 2; threads++) {
        add_case(s, (bench_case){.name = "mixed", .shape = mixed, .threads = threads});
        add_case(s, (bench_case){.name = "tensor", .shape = tensor, .threads = threads});
    }
}

static void add_trace(settings *s, const char *path)
{
    bench_case c = {.path = path, .threads = 1};
    const char *slash = strrchr(path, '/');
    snprintf(c.name, sizeof(c.name), "%.*s", 60, slash ? slash + 1 : path);
    c.name[strcspn(c.name, ".")] = 0;
    add_case(s, c);
}

static void add_known_traces(settings *s, bool is_child)
{
    static char paths[3][1024];
    const char *data = getenv("PLIMSOLL_DATA");
    for (size_t i = 0; i < 3; i++) {
        snprintf(paths[i], sizeof(paths[i]), "%s/traces/%s.csv.gz",
                 data && *data ? data : "../shared/data", trace_names[i]);
        if (access(paths[i], R_OK) == 0) {
            add_trace(s, paths[i]);
        } else if (!is_child) {
            printf("# skipped: no %s (PLIMSOLL_DATA)\n", paths[i]);
        }
    }
}

static bool read_flags(settings *s, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            s->quick = true;
        } else if (strcmp(argv[i], "--no-times") == 0) {
            s->no_times = true;
        } else if (strcmp(argv[i], "--reps") == 0 && i + 1 < argc) {
            s->reps = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--only") == 0 && i + 1 < argc) {
            s->only = argv[++i];
        } else if (strcmp(argv[i], "--trace") == 0 && i + 1 < argc) {
            add_trace(s, argv[++i]);
        } else {
            return false;
        }
    }
    s->reps = s->reps == 0 ? (s->quick ? 1 : 3) : s->reps > REPS_MAX ? REPS_MAX : s->reps;
    return true;
}

int main(int argc, char **argv)
{
    static settings s;
    const bool is_child = argc > 4 && strcmp(argv[1], "--child") == 0;
    if (!read_flags(&s, is_child ? argc - 4 : argc, is_child ? argv + 4 : argv)) {
        fputs(USAGE, stderr);
        return 2;
    }
    if (s.case_count == 0) {
        if (!is_child) {
            bench_headline("bench_arena", argc, argv);
        }
        add_random(&s);
        add_known_traces(&s, is_child);
    } else if (!is_child) {
        bench_headline("bench_arena", argc, argv);
    }
    if (is_child) {
        return child(argv[2], &s.cases[strtoul(argv[3], NULL, 10)], argv[4][0] == '1',
                     argv[4][1] == '1');
    }
    if (readlink("/proc/self/exe", self_path, sizeof(self_path) - 1) <= 0) {
        bench_stop("/proc/self/exe", NULL);
    }
    printf("# times: ns, %s, the timing itself included; x: over TLSF's; max: us over %zu rounds\n",
           TICKS_SOURCE, s.reps);
    printf("workload\tthreads\theap\talloc_mean\talloc_p50\talloc_p99.9\talloc_max_us\tfree_mean\t"
           "free_p50\tfree_p99.9\tfree_max_us\twrite_us\tx_alloc\tx_free\tx_alloc_p99.9\t"
           "footprint/live\tleast_pool/live\trefused\n");
    for (size_t i = 0; i < s.case_count; i++) {
        measure_case(&s, i, argv, argc);
    }
    return 0;
}
