/* SPDX-License-Identifier: Apache-2.0 */
/* bench_search.c - one question to the decision solver, one row of figures.
 *
 * bench_search FILE.csv CAPACITY [SEED [NODE_LIMIT [SHUFFLE [FIRST_RUN [RUN_LIMIT]]]]]
 * A row: file, capacity, seed, verdict, nodes, conflicts, run, CPU ms of the thread, scratch
 * bytes. Offsets are checked pair by pair. One process a row, so that sweeps over seeds and
 * files can be spread over cores; SHUFFLE above 0 is the seed of another order of the rows.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "arena/plan_search.h"

#define PIECES_MAX 65000

static plan_piece pieces[PIECES_MAX];
static plan_span spans[PIECES_MAX];
static uint64_t offsets[PIECES_MAX];

static size_t read_rows(FILE *in)
{
    char line[256];
    size_t count = 0;
    while (count < PIECES_MAX && fgets(line, sizeof(line), in)) {
        uint64_t id, size, align = 1;
        uint32_t lower, upper;
        if (sscanf(line, "%" SCNu64 ",%" SCNu32 ",%" SCNu32 ",%" SCNu64 ",%" SCNu64, &id, &lower,
                   &upper, &size, &align) < 4) {
            continue;
        }
        spans[count] = (plan_span){lower, upper};
        pieces[count] = (plan_piece){.size_bytes = size,
                                     .align_bytes = align,
                                     .first_span = (uint32_t)count,
                                     .span_count = 1};
        count++;
    }
    return count;
}

static void shuffle(size_t count, uint64_t seed)
{
    for (size_t i = count; seed && i-- > 1;) {
        seed = seed * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
        size_t k = (size_t)(seed >> 33) % (i + 1);
        plan_piece piece = pieces[i];
        pieces[i] = pieces[k];
        pieces[k] = piece;
    }
}

static bool is_sound(size_t count, uint64_t capacity)
{
    for (size_t i = 0; i < count; i++) {
        const plan_span *a = &spans[pieces[i].first_span];
        uint64_t end = offsets[i] + pieces[i].size_bytes;
        if (end > capacity || (pieces[i].align_bytes && offsets[i] % pieces[i].align_bytes)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            const plan_span *b = &spans[pieces[j].first_span];
            if (a->lower < b->upper && b->lower < a->upper && offsets[j] < end &&
                offsets[i] < offsets[j] + pieces[j].size_bytes) {
                return false;
            }
        }
    }
    return true;
}

static double cpu_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static uint64_t argument(int argc, char **argv, int k, uint64_t otherwise)
{
    return argc > k ? strtoull(argv[k], NULL, 10) : otherwise;
}

static int ask(size_t count, plan_ask question, const char *name)
{
    static const char *const verdicts[] = {"unknown", "feasible", "infeasible"};
    size_t grid_bytes = plan_grid_scratch_bytes(count, count);
    void *grid_scratch = aligned_alloc(64, (grid_bytes + 63) / 64 * 64);
    plan_grid grid;
    double from = cpu_ms();
    if (!grid_scratch ||
        !plan_grid_init(&grid, pieces, count, spans, count, grid_scratch, grid_bytes)) {
        return 2;
    }
    size_t bytes = plan_search_scratch_bytes(&grid);
    double touched = cpu_ms();
    void *scratch = bytes ? aligned_alloc(64, bytes) : NULL;
    if (scratch) {
        memset(scratch, 0, bytes); /* the pages are the caller's, and there before */
    }
    from += cpu_ms() - touched;
    plan_search *search = plan_search_init(&grid, scratch, bytes);
    if (!search) {
        return 2;
    }
    plan_answer answer;
    plan_verdict verdict = plan_search_decide(search, &question, offsets, &answer);
    double took = cpu_ms() - from;
    bool ok = verdict != PLAN_FEASIBLE || is_sound(count, question.capacity_bytes);
    printf("%s\t%" PRIu64 "\t%" PRIu64 "\t%s\t%" PRIu64 "\t%" PRIu64 "\t%" PRIu32 "\t%.3f\t%zu\n",
           name, question.capacity_bytes, question.seed, ok ? verdicts[verdict] : "WRONG",
           answer.nodes, answer.conflicts, answer.run, took, bytes);
    free(scratch);
    free(grid_scratch);
    return ok ? 0 : 1;
}

int main(int argc, char **argv)
{
    FILE *in = argc > 2 ? fopen(argv[1], "r") : NULL;
    if (!in) {
        fprintf(stderr, "usage: bench_search FILE.csv CAPACITY [SEED [NODES [SHUFFLE [RUN "
                        "[RUNS]]]]]\n");
        return 2;
    }
    size_t count = read_rows(in);
    fclose(in);
    shuffle(count, argument(argc, argv, 5, 0));
    plan_ask question = {.capacity_bytes = argument(argc, argv, 2, 0),
                         .seed = argument(argc, argv, 3, 1),
                         .node_limit = argument(argc, argv, 4, 0),
                         .first_run = (uint32_t)argument(argc, argv, 6, 0),
                         .run_limit = (uint32_t)argument(argc, argv, 7, 0)};
    const char *name = strrchr(argv[1], '/');
    return ask(count, question, name ? name + 1 : argv[1]);
}
