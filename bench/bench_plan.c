/* SPDX-License-Identifier: Apache-2.0 */
/* bench_plan.c - the planner beside MiniMalloc and SuperMalloc, in one run.
 *
 * Gates heights and verdicts, never times: a plan that is not sound, or a published instance
 * without a plan under 1 MiB, is exit 1. Parts: the eleven published instances at 1 MiB; the
 * same with their rows shuffled, by seeds; the lowest plan and when it came; jigsaws with 7 %
 * of the pieces taken out; large plans. One thread of ours against three (decide) and twelve
 * (lowest) of SuperMalloc; --quick runs ours alone. Method and what not to conclude: README.md.
 *
 * usage: bench_plan [--quick] [--reps N] [--seeds N] [--seconds S] [--data DIR] [--large FILE]...
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/support/engines.h"
#include "bench/support/plan_peers.h"
#include "test/support/plan_jigsaw.h"

#define MIB       ((uint64_t)1 << 20)
#define CASES     11
#define REPS_MAX  25
#define LARGE_MAX 8
#define EARLY_MS  300.0
#define JIGSAWS   22u

typedef plan_row solver(const plan_case *c, const plan_question *q);

static struct {
    bool is_quick;
    unsigned reps, seeds;
    double seconds;
    const char *data, *large[LARGE_MAX];
    size_t large_count;
} args = {.reps = 5, .seeds = 50, .seconds = 10, .data = "../shared/data/plans"};

static int failures;

static int by_ms(const void *a, const void *b)
{
    const plan_row *x = a, *y = b;
    return x->ms < y->ms ? -1 : x->ms > y->ms;
}

/* The run of median time. */
static plan_row repeat(solver *solve, const plan_case *c, const plan_question *q, unsigned reps)
{
    plan_row rows[REPS_MAX];
    for (unsigned k = 0; k < reps; k++) {
        rows[k] = solve(c, q);
    }
    qsort(rows, reps, sizeof(rows[0]), by_ms);
    return rows[reps / 2];
}

static void show(const char *part, const plan_case *c, const char *way, const plan_row *row)
{
    printf("%s\t%s\t%zu\t%s\t%.3f\t%" PRIu64 "\t%" PRIu64 "\t%.4f\t%s\t%" PRIu64 "\n", part,
           c->name, c->count, way, row->ms, row->height_bytes, c->bound_bytes,
           c->bound_bytes ? (double)row->height_bytes / (double)c->bound_bytes : 0, row->verdict,
           row->node_count);
    fflush(stdout);
    failures += strcmp(row->verdict, "WRONG") == 0;
}

static size_t read_published(plan_case *cases)
{
    size_t count = 0;
    for (int k = 0; k < CASES; k++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%c.1048576.csv", args.data, 'A' + k);
        count += plan_case_read(&cases[count], path);
    }
    if (count < CASES) {
        printf("# %zu of %d published instances in %s: get google/minimalloc's benchmarks and give "
               "--data\n",
               count, CASES, args.data);
    }
    return count;
}

/* ---- parts ---- */

static void decide(const plan_case *cases, size_t count)
{
    static const struct {
        const char *name;
        solver *solve;
    } ways[] = {{"plimsoll", plan_ours},
                {"minimalloc", plan_minimalloc},
                {"supermalloc", plan_supermalloc}};
    double sums[3] = {0}, logs[3] = {0}, least[3] = {0, HUGE_VAL, HUGE_VAL};
    size_t solved[3] = {0};
    for (size_t i = 0; i < count; i++) {
        double own = 0;
        for (int w = 0; w < (args.is_quick ? 1 : 3); w++) {
            /* SuperMalloc does not stop at the capacity but goes on below it */
            const plan_question q = {.capacity_bytes = MIB, .seconds = w == 2 ? 10 : 60};
            unsigned reps = w == 0 ? args.reps : args.reps < 3 ? args.reps : 3;
            plan_row row = repeat(ways[w].solve, &cases[i], &q, reps);
            show("decide", &cases[i], ways[w].name, &row);
            own = w == 0 ? row.ms : own;
            failures += w == 0 && row.height_bytes == 0;
            if (row.height_bytes && own > 0) {
                solved[w]++;
                sums[w] += row.ms;
                logs[w] += log(row.ms / own);
                least[w] = row.ms / own < least[w] ? row.ms / own : least[w];
            }
        }
    }
    for (int w = 0; w < (args.is_quick ? 1 : 3) && count; w++) {
        printf("# decide %s: %zu of %zu solved, sum %.3f ms", ways[w].name, solved[w], count,
               sums[w]);
        if (w > 0 && solved[w]) {
            printf("; over ours: sum %.1f, geometric mean %.1f, least %.1f", sums[w] / sums[0],
                   exp(logs[w] / (double)solved[w]), least[w]);
        }
        printf("\n");
    }
}

static void shuffled(const plan_case *cases, size_t count)
{
    double worst = 0;
    size_t failed = 0;
    for (size_t i = 0; i < count; i++) {
        plan_row slowest = {.verdict = "none"};
        for (unsigned seed = 1; seed <= args.seeds; seed++) {
            const plan_question q = {.capacity_bytes = MIB, .seconds = 60, .seed = seed};
            plan_shuffle(cases[i].buffers, cases[i].count, seed);
            plan_row row = plan_ours(&cases[i], &q);
            failed += row.height_bytes == 0;
            slowest = row.ms >= slowest.ms ? row : slowest;
        }
        show("shuffled", &cases[i], "plimsoll, slowest seed", &slowest);
        worst = slowest.ms > worst ? slowest.ms : worst;
    }
    failures += failed > 0;
    printf("# shuffled: %zu instances x %u seeds, %zu failed, slowest %.3f ms\n", count, args.seeds,
           failed, worst);
}

/* The row of the last seed. */
static plan_row lowest(const char *part, const plan_case *c, unsigned seeds, bool with_peer)
{
    plan_row row = {0};
    for (unsigned seed = 0; seed < seeds; seed++) {
        const plan_question q = {.seconds = args.seconds, .seed = seed, .early_ms = EARLY_MS};
        char way[64];
        row = plan_ours(c, &q);
        snprintf(way, sizeof(way), "plimsoll seed %u", seed);
        show(part, c, way, &row);
        if (row.early_bytes && row.ms > EARLY_MS) {
            snprintf(way, sizeof(way), "plimsoll seed %u, first %.0f ms", seed, EARLY_MS);
            plan_row early = {
                .ms = EARLY_MS, .height_bytes = row.early_bytes, .verdict = "feasible"};
            show(part, c, way, &early);
        }
    }
    if (with_peer) {
        const plan_question q = {.seconds = args.seconds};
        plan_row other = plan_supermalloc(c, &q);
        show(part, c, "supermalloc", &other);
    }
    return row;
}

static int by_ratio(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static void tell_spread(const char *when, double *ratios, size_t count)
{
    qsort(ratios, count, sizeof(ratios[0]), by_ratio);
    printf("# slack %s: %zu jigsaws, median %.4f, worst %.4f of the bound\n", when, count,
           ratios[count / 2], ratios[count - 1]);
}

/* Seeds that nothing was tuned on; one size each. */
static void jigsaws(void)
{
    double last[JIGSAWS], early[JIGSAWS];
    const size_t count = args.is_quick ? 2 : JIGSAWS;
    for (size_t k = 0; k < count; k++) {
        const plan_jigsaw spec = {.steps = 300,
                                  .pieces = (uint32_t)(200 + 200 * k / (JIGSAWS - 1)),
                                  .height_bytes = 1024 << 10,
                                  .unit_bytes = 1024,
                                  .removed_percent = 7,
                                  .pinwheel_percent = 25,
                                  .seed = 1000 + k};
        plan_case c = {.buffers = calloc(spec.pieces, sizeof(plim_plan_buffer))};
        c.count = plan_jigsaw_cut(&spec, c.buffers);
        snprintf(c.name, sizeof(c.name), "jigsaw-%u-%u", (unsigned)spec.pieces,
                 (unsigned)spec.seed);
        plan_case_bound(&c);
        plan_row row = lowest("slack", &c, 1, !args.is_quick && k % 7 == 0);
        const uint64_t first = row.early_bytes ? row.early_bytes : row.height_bytes;
        last[k] = (double)row.height_bytes / (double)c.bound_bytes;
        early[k] = (double)first / (double)c.bound_bytes;
        plan_case_free(&c);
    }
    tell_spread("at 300 ms", early, count);
    tell_spread("at the end", last, count);
}

/* Greedy alone: the flat call. */
static void large_one(plan_case *c)
{
    size_t bytes = plim_plan_scratch_bytes(c->count);
    void *scratch = calloc(1, bytes);
    plim_plan_result result;
    const uint64_t start = bench_now_ns();
    plim_status status = plim_plan_solve(c->buffers, c->count, NULL, scratch, bytes, &result, NULL);
    plan_row row = {.ms = (double)(bench_now_ns() - start) / 1e6, .verdict = "WRONG"};
    row.height_bytes = status == PLIM_OK ? result.height_bytes : 0;
    if (status == PLIM_OK && plim_plan_verify(c->buffers, c->count, result.height_bytes, scratch,
                                              bytes, NULL) == PLIM_OK) {
        row.verdict = result.is_optimal ? "optimal" : "feasible";
    }
    show("large", c, result.strategy ? result.strategy : "plimsoll", &row);
    free(scratch);
}

/* And then windows, where greedy leaves a gap. */
static void windows(const plan_case *c)
{
    const plan_question q = {.seconds = args.seconds};
    plan_row row = plan_ours(c, &q);
    show("large", c, "greedy and windows", &row);
}

static void large(void)
{
    const size_t count = args.is_quick ? 5000 : 62185;
    for (int f = 0; f < PLAN_FAMILIES; f++) {
        plan_case c = {.buffers = calloc(count, sizeof(plim_plan_buffer)), .count = count};
        plan_family_make((plan_family)f, count, 1, c.buffers);
        snprintf(c.name, sizeof(c.name), "%s", plan_family_name((plan_family)f));
        plan_case_bound(&c);
        large_one(&c);
        windows(&c);
        plan_case_free(&c);
    }
    for (size_t k = 0; k < args.large_count; k++) {
        plan_case c;
        if (plan_case_read(&c, args.large[k])) {
            large_one(&c);
            windows(&c);
            plan_case_free(&c);
        } else {
            printf("# %s cannot be read\n", args.large[k]);
        }
    }
}

static void usage(void)
{
    printf("usage: bench_plan [--quick] [--reps N] [--seeds N] [--seconds S] [--data DIR] "
           "[--large FILE]...\n");
    exit(2);
}

static void read_args(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        const char *next = i + 1 < argc ? argv[i + 1] : NULL;
        if (strcmp(argv[i], "--quick") == 0) {
            args.is_quick = true;
            args.reps = 1, args.seeds = 2, args.seconds = 1;
            continue;
        }
        if (!next) {
            usage();
        }
        i++;
        if (strcmp(argv[i - 1], "--reps") == 0) {
            args.reps = (unsigned)strtoul(next, NULL, 10);
        } else if (strcmp(argv[i - 1], "--seeds") == 0) {
            args.seeds = (unsigned)strtoul(next, NULL, 10);
        } else if (strcmp(argv[i - 1], "--seconds") == 0) {
            args.seconds = strtod(next, NULL);
        } else if (strcmp(argv[i - 1], "--data") == 0) {
            args.data = next;
        } else if (strcmp(argv[i - 1], "--large") == 0 && args.large_count < LARGE_MAX) {
            args.large[args.large_count++] = next;
        } else {
            usage();
        }
    }
    if (args.reps == 0 || args.reps > REPS_MAX) {
        usage();
    }
}

int main(int argc, char **argv)
{
    static plan_case cases[CASES];
    read_args(argc, argv);
    mkdir("build/bench", 0777);
    bench_headline("bench_plan", argc, argv);
    printf("part\tinstance\tn\tway\tms\theight\tbound\tratio\tverdict\tnodes\n");
    size_t count = read_published(cases);
    decide(cases, count);
    shuffled(cases, count);
    for (size_t i = 0; i < count; i++) {
        unsigned seeds = strcmp(cases[i].name, "D") == 0 && !args.is_quick ? 5 : 1;
        lowest("lowest", &cases[i], seeds, !args.is_quick);
    }
    jigsaws();
    large();
    for (size_t i = 0; i < count; i++) {
        plan_case_free(&cases[i]);
    }
    printf("# %d failures\n", failures);
    return failures ? 1 : 0;
}
