/* SPDX-License-Identifier: Apache-2.0 */
#include "bench/support/plan_peers.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "bench/support/engines.h"

#define PEERS "build/peers"
#define CSV   "build/bench/plan.csv"
#define FOUND "build/bench/plan.out.csv"

static void *room(size_t bytes)
{
    void *p = malloc(bytes ? bytes : 1);
    if (!p) {
        bench_stop("memory", NULL);
    }
    memset(p, 0, bytes); /* its pages are the caller's, and there before the clock starts */
    return p;
}

/* ---- instances ---- */

bool plan_case_read(plan_case *self, const char *path)
{
    FILE *in = fopen(path, "r");
    size_t room_count = 1024;
    char line[256];
    if (!in) {
        return false;
    }
    const char *name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
    snprintf(self->name, sizeof(self->name), "%.*s", (int)strcspn(name, "."), name);
    self->count = 0;
    self->buffers = room(room_count * sizeof(*self->buffers));
    while (fgets(line, sizeof(line), in)) {
        plim_plan_buffer b = {.id = self->count};
        const char *comma = strchr(line, ',');
        if (!comma || sscanf(comma, ",%" SCNu32 ",%" SCNu32 ",%" SCNu64, &b.lower, &b.upper,
                             &b.size_bytes) != 3) {
            continue; /* the heading */
        }
        if (self->count == room_count) {
            room_count *= 2;
            self->buffers = realloc(self->buffers, room_count * sizeof(b));
            if (!self->buffers) {
                bench_stop("memory", NULL);
            }
        }
        self->buffers[self->count++] = b;
    }
    fclose(in);
    plan_case_bound(self);
    return self->count > 0;
}

void plan_case_bound(plan_case *self)
{
    size_t bytes = plim_plan_scratch_bytes(self->count);
    void *scratch = room(bytes);
    self->bound_bytes = plim_plan_lower_bound(self->buffers, self->count, scratch, bytes);
    free(scratch);
}

void plan_case_free(plan_case *self)
{
    free(self->buffers);
    *self = (plan_case){0};
}

static bool is_sound(const plim_plan_buffer *buffers, size_t count, uint64_t height)
{
    size_t bytes = plim_plan_verify_bytes(count);
    void *scratch = room(bytes);
    plim_status status = plim_plan_verify(buffers, count, height, scratch, bytes, NULL);
    free(scratch);
    return status == PLIM_OK;
}

/* ---- ours ---- */

typedef struct watch {
    uint64_t start_ns, end_ns, last_ns, early_ns, early_bytes;
} watch;

static bool is_late(void *user)
{
    return bench_now_ns() > ((watch *)user)->end_ns;
}

static void is_lower(void *user, uint64_t height_bytes, uint64_t bound_bytes)
{
    watch *w = user;
    (void)bound_bytes;
    w->last_ns = bench_now_ns();
    if (w->last_ns <= w->early_ns) {
        w->early_bytes = height_bytes;
    }
}

plan_row plan_ours(const plan_case *c, const plan_question *q)
{
    static const char *const verdicts[] = {"unknown", "feasible", "optimal", "infeasible"};
    watch w = {0};
    plim_plan_problem problem = plim_plan_problem_default();
    plim_plan_opts opts = plim_plan_opts_default();
    plim_plan_result result;
    problem.buffers = room(c->count * sizeof(*c->buffers));
    problem.buffer_count = c->count;
    memcpy(problem.buffers, c->buffers, c->count * sizeof(*c->buffers));
    opts.effort = PLIM_PLAN_SEARCH;
    opts.goal = q->capacity_bytes ? PLIM_PLAN_FITS : PLIM_PLAN_LOWEST;
    opts.capacity_bytes = q->capacity_bytes;
    opts.seed = q->seed;
    opts.node_limit = UINT64_MAX;
    opts.should_stop = is_late;
    opts.improved = is_lower;
    opts.user = &w;
    size_t bytes = plim_plan_problem_scratch_bytes(&problem, &opts);
    void *scratch = room(bytes);
    w.start_ns = w.last_ns = bench_now_ns();
    w.end_ns = w.start_ns + (uint64_t)(q->seconds * 1e9);
    w.early_ns = w.start_ns + (uint64_t)(q->early_ms * 1e6);
    plim_status status = plim_plan_problem_solve(&problem, &opts, scratch, bytes, &result, NULL);
    uint64_t end = q->capacity_bytes ? bench_now_ns() : w.last_ns;
    plan_row row = {.ms = (double)(end - w.start_ns) / 1e6,
                    .node_count = result.node_count,
                    .early_bytes = w.early_bytes,
                    .verdict = verdicts[result.verdict]};
    if (status == PLIM_OK) {
        bool sound = is_sound(problem.buffers, c->count, result.height_bytes);
        row.height_bytes = result.height_bytes;
        row.verdict = sound ? row.verdict : "WRONG";
    }
    free(scratch);
    free(problem.buffers);
    return row;
}

/* ---- theirs ---- */

/* Why there is no such peer; NULL when there is one. */
static const char *peer_is_missing(const char *peer)
{
    static char why[256];
    char path[128];
    struct stat st;
    snprintf(path, sizeof(path), PEERS "/%s", peer);
    if (stat(path, &st) == 0) {
        return NULL;
    }
    snprintf(why, sizeof(why), "not built: make peers");
    snprintf(path, sizeof(path), PEERS "/%s.why", peer);
    FILE *in = fopen(path, "r");
    if (in) {
        if (fgets(why, sizeof(why), in)) {
            why[strcspn(why, "\n")] = '\0';
        }
        fclose(in);
    }
    return why;
}

static void write_case(const plan_case *c)
{
    FILE *out = fopen(CSV, "w");
    if (!out) {
        bench_stop(CSV, NULL);
    }
    fprintf(out, "id,lower,upper,size\n");
    for (size_t i = 0; i < c->count; i++) {
        const plim_plan_buffer *b = &c->buffers[i];
        fprintf(out, "%zu,%" PRIu32 ",%" PRIu32 ",%" PRIu64 "\n", i, b->lower, b->upper,
                b->size_bytes);
    }
    fclose(out);
    remove(FOUND);
}

/* Reads the offsets back by id, and checks the plan. */
static plan_row read_plan(const plan_case *c, double seconds)
{
    plan_row row = {.ms = seconds * 1e3, .verdict = "unknown"};
    FILE *in = fopen(FOUND, "r");
    char line[256];
    size_t found = 0;
    if (!in) {
        return row;
    }
    plim_plan_buffer *b = room(c->count * sizeof(*b));
    memcpy(b, c->buffers, c->count * sizeof(*b));
    while (fgets(line, sizeof(line), in)) {
        uint64_t id, offset;
        if (sscanf(line, "%" SCNu64 ",%*u,%*u,%*u,%" SCNu64, &id, &offset) == 2 && id < c->count) {
            uint64_t end = offset + b[id].size_bytes;
            b[id].offset_bytes = offset;
            row.height_bytes = end > row.height_bytes ? end : row.height_bytes;
            found++;
        }
    }
    fclose(in);
    bool sound = found == c->count && is_sound(b, c->count, row.height_bytes);
    row.verdict = !sound ? "WRONG" : row.height_bytes == c->bound_bytes ? "optimal" : "feasible";
    free(b);
    return row;
}

static plan_row run_peer(const plan_case *c, const char *peer, const char *command,
                         const char *format)
{
    plan_row none = {.verdict = peer_is_missing(peer)};
    char line[256];
    double seconds = -1;
    if (none.verdict) {
        return none;
    }
    write_case(c);
    FILE *in = popen(command, "r");
    while (in && fgets(line, sizeof(line), in)) {
        double read;
        if (sscanf(line, format, &read) == 1 && seconds < 0) {
            seconds = read;
        }
    }
    if (in) {
        pclose(in);
    }
    if (seconds < 0) {
        none.verdict = "stopped without an answer";
        return none;
    }
    return read_plan(c, seconds);
}

plan_row plan_minimalloc(const plan_case *c, const plan_question *q)
{
    char command[512];
    snprintf(command, sizeof(command),
             PEERS "/minimalloc --capacity=%" PRIu64 " --timeout=%.0fs --input=" CSV
                   " --output=" FOUND " 2>&1",
             q->capacity_bytes, q->seconds);
    return run_peer(c, "minimalloc", command, "Elapsed time %lfs");
}

plan_row plan_supermalloc(const plan_case *c, const plan_question *q)
{
    char command[512];
    snprintf(command, sizeof(command), PEERS "/supermalloc " CSV " %" PRIu64 " %d %.1f " FOUND,
             q->capacity_bytes, q->capacity_bytes ? 3 : 12, q->seconds);
    return run_peer(c, "supermalloc", command, "%lf");
}
