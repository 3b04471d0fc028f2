/* SPDX-License-Identifier: Apache-2.0 */
/* plan_job.c - the way from a problem to offsets: check, model, bound, strategies, choice.
 *
 * Decides which plan is handed out: per region the lowest, of both models when there are pairs;
 * and whether it is proven. Refuses what plan_check.c refuses, fixed buffers that collide, and
 * plans above a capacity; on any refusal no offset has changed.
 *
 * Invariants: the problem, models and lines do not change after init. An outcome belongs to one
 * region, a region to one worker, and each worker has memory of its own; so nothing is shared.
 */
#include "arena/plan_job.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/opts.h"
#include "arena/plan_bound.h"
#include "arena/plan_fixed.h"
#include "arena/plan_greedy.h"
#include "arena/plan_lowest.h"
#include "arena/plan_sort.h"

#define ROWS_MAX    (UINT32_C(1) << 28) /* buffers, gaps, pairs: so that all counts fit 32 bits */
#define MODELS_MAX  2u
#define WORKERS_MAX 64u
#define NODE_LIMIT  (UINT64_C(1) << 20) /* of a region's search, when the caller names none */

typedef struct outcome {              /* of a region */
    uint64_t bound, capacity, height; /* height UINT64_MAX: none yet */
    uint64_t node_count;
    uint32_t model;
    const char *strategy;
} outcome;

struct plim_plan_job {
    plim_plan_problem problem;
    plim_plan_opts opts;
    plan_model models[MODELS_MAX]; /* pairs left alone; pairs joined */
    plan_line *lines[MODELS_MAX];  /* per region */
    uint64_t *offsets[MODELS_MAX]; /* per piece: of the best plan of this model */
    outcome *outcomes;             /* per region */
    unsigned char *shares;         /* per worker: offsets that are tried, then work memory */
    size_t work_bytes;             /* of one share */
    uint32_t model_count, region_count, worker_count;
};

/* ---- memory ---- */

static uint32_t models_of(const plim_plan_problem *p)
{
    return p->pair_count ? MODELS_MAX : 1;
}

static size_t larger(size_t a, size_t b)
{
    return a > b ? a : b;
}

/* What a check, a bound or a strategy works in: one after the other, so the largest counts. */
static size_t work_bytes(const plim_plan_problem *p, bool is_search)
{
    size_t pieces = p->buffer_count, spans = pieces + p->gap_count;
    size_t most = plan_greedy_bytes(pieces, spans);
    most = larger(most, plan_check_bytes(p));
    most = larger(most, plan_bound_bytes(pieces, spans));
    if (is_search) { /* a region that is small enough for the exact search may need more than all */
        size_t small = spans < PLAN_LOWEST_EXACT_MAX ? spans : PLAN_LOWEST_EXACT_MAX;
        most = larger(most, plan_lowest_bytes(pieces, spans));
        most = p->region_count > 1 ? larger(most, plan_lowest_bytes(small, small)) : most;
    }
    return plan_cut_bytes(1, larger(most, plan_fixed_bytes(pieces, spans)));
}

/* Every table is at most as large for a region as for all, and cut to 16 bytes per region. */
static size_t lines_bytes(const plim_plan_problem *p)
{
    size_t pieces = p->buffer_count, regions = plan_regions_of(p);
    return plan_cut_bytes(regions, sizeof(plan_line)) +
           plan_line_bytes(pieces, pieces + p->gap_count) + regions * plan_line_bytes(1, 1);
}

static uint32_t workers_of(const plim_plan_opts *o)
{
    return o->worker_count ? o->worker_count : 1;
}

static size_t job_bytes(const plim_plan_problem *p, const plim_plan_opts *o)
{
    if (p->buffer_count > ROWS_MAX || p->gap_count > ROWS_MAX || p->pair_count > ROWS_MAX ||
        p->region_count > PLIM_PLAN_REGIONS_MAX || p->stage_count > PLIM_PLAN_STAGES_MAX ||
        o->worker_count > WORKERS_MAX) {
        return 0;
    }
    size_t offsets = plan_cut_bytes(p->buffer_count, 8);
    return plan_cut_bytes(1, sizeof(plim_plan_job)) +
           models_of(p) * (plan_model_bytes(p) + lines_bytes(p) + offsets) +
           plan_cut_bytes(plan_regions_of(p), sizeof(outcome)) +
           workers_of(o) * (offsets + work_bytes(p, o->effort == PLIM_PLAN_SEARCH));
}

size_t plan_job_flat_bytes(size_t buffer_count)
{
    plim_plan_problem p = plim_plan_problem_default();
    plim_plan_opts greedy = plim_plan_opts_default();
    p.buffer_count = buffer_count;
    return job_bytes(&p, &greedy);
}

size_t plim_plan_job_bytes(const plim_plan_problem *problem, const plim_plan_opts *opts)
{
    plim_plan_problem p;
    plim_plan_opts o;
    return plan_problem_take(&p, problem) && opts_take(&o, sizeof(o), opts) ? job_bytes(&p, &o) : 0;
}

size_t plim_plan_problem_scratch_bytes(const plim_plan_problem *problem, const plim_plan_opts *opts)
{
    plim_plan_opts alone;
    if (!opts_take(&alone, sizeof(alone), opts)) {
        return 0;
    }
    alone.struct_size = sizeof(alone);
    alone.worker_count = 1;
    return plim_plan_job_bytes(problem, &alone);
}

static uint64_t *tried_of(const plim_plan_job *self, uint32_t worker)
{
    size_t offsets = plan_cut_bytes(self->problem.buffer_count, 8);
    return (uint64_t *)(void *)(self->shares + worker * (offsets + self->work_bytes));
}

static void *work_of(const plim_plan_job *self, uint32_t worker)
{
    return (unsigned char *)tried_of(self, worker) + plan_cut_bytes(self->problem.buffer_count, 8);
}

/* ---- init ---- */

static void lay_out(plim_plan_job *self, unsigned char *at)
{
    const plim_plan_problem *p = &self->problem;
    self->outcomes = plan_cut(&at, self->region_count, sizeof(outcome));
    unsigned char *model_memory[MODELS_MAX];
    for (uint32_t m = 0; m < self->model_count; m++) {
        self->offsets[m] = plan_cut(&at, p->buffer_count, 8);
        self->lines[m] = plan_cut(&at, self->region_count, sizeof(plan_line));
        model_memory[m] = plan_cut(&at, 1, plan_model_bytes(p));
        plan_model_init(&self->models[m], p, m == 1, model_memory[m]);
        for (uint32_t r = 0; r < self->region_count; r++) {
            const plan_model *model = &self->models[m];
            uint32_t pieces = model->piece_from[r + 1] - model->piece_from[r];
            uint32_t spans = model->span_from[r + 1] - model->span_from[r];
            plan_line_init(&self->lines[m][r], model->pieces + model->piece_from[r], pieces,
                           model->spans + model->span_from[r], spans,
                           plan_cut(&at, 1, plan_line_bytes(pieces, spans)));
        }
    }
    self->shares = at;
    self->work_bytes = work_bytes(p, self->opts.effort == PLIM_PLAN_SEARCH);
}

static uint64_t id_of_piece(const plim_plan_job *self, uint32_t region, uint32_t piece)
{
    const plan_model *model = &self->models[0];
    for (size_t i = 0; i < self->problem.buffer_count; i++) {
        if (model->piece_of[i] == model->piece_from[region] + piece) {
            return self->problem.buffers[i].id;
        }
    }
    return 0;
}

static plim_status check_fixed(const plim_plan_job *self, plim_error *err)
{
    for (uint32_t r = 0; r < self->region_count; r++) {
        uint32_t a, b;
        const plan_line *line = &self->lines[0][r];
        if (line->has_fixed && plan_fixed_collide(&self->problem, &self->models[0], r, line,
                                                  work_of(self, 0), &a, &b)) {
            uint64_t x = id_of_piece(self, r, a), y = id_of_piece(self, r, b);
            plim_error_set(err, PLIM_E_FORMAT, "fixed plan buffers collide", "offset_bytes", NULL,
                           NULL);
            plim_error_detail(err, "buffers %llu and %llu", (unsigned long long)(x < y ? x : y),
                              (unsigned long long)(x < y ? y : x));
            return PLIM_E_FORMAT;
        }
    }
    return PLIM_OK;
}

static void bound_regions(plim_plan_job *self)
{
    for (uint32_t r = 0; r < self->region_count; r++) {
        outcome *o = &self->outcomes[r];
        const plan_line *line = &self->lines[0][r];
        uint64_t own = self->problem.region_count ? self->problem.regions[r].capacity_bytes : 0;
        o->capacity = own ? own : self->opts.capacity_bytes;
        o->height = line->piece_count ? UINT64_MAX : 0;
        o->model = 0;
        o->strategy = plan_greedy_name(0);
        o->bound = self->problem.pair_count ? plan_bound_of_pairs(&self->problem, &self->models[0],
                                                                  r, line, work_of(self, 0))
                                            : plan_bound(line, work_of(self, 0));
    }
}

plim_status plim_plan_job_init(const plim_plan_problem *problem, const plim_plan_opts *opts,
                               void *memory, size_t memory_bytes, plim_plan_job **out,
                               plim_error *err)
{
    plim_plan_problem p;
    plim_plan_opts o;
    *out = NULL;
    if (!plan_problem_take(&p, problem)) {
        return plim_error_set(err, PLIM_E_ARG, "plan problem", "struct_size", "its size", NULL);
    }
    if (!opts_take(&o, sizeof(o), opts)) {
        return plim_error_set(err, PLIM_E_ARG, "plan options", "struct_size", "their size", NULL);
    }
    if (o.worker_count > WORKERS_MAX) {
        return plim_error_set(err, PLIM_E_ARG, "plan options", "worker_count", "at most 64", NULL);
    }
    size_t need = job_bytes(&p, &o);
    if (need == 0) {
        return plim_error_set(err, PLIM_E_RANGE, "plan problem", "buffer_count",
                              "2^28 rows, 256 regions, 65536 stages at most", NULL);
    }
    if (!memory || (uintptr_t)memory % 16 != 0 || memory_bytes < need) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "planner's scratch, aligned to 16", .want = need,
                         .have = memory_bytes);
    }
    unsigned char *at = memory;
    plim_plan_job *self = plan_cut(&at, 1, sizeof(*self));
    PLIM_TRY(plan_check(&p, at, err));
    *self = (plim_plan_job){.problem = p,
                            .opts = o,
                            .model_count = models_of(&p),
                            .region_count = plan_regions_of(&p),
                            .worker_count = workers_of(&o)};
    lay_out(self, at);
    PLIM_TRY(check_fixed(self, err));
    bound_regions(self);
    *out = self;
    return PLIM_OK;
}

/* ---- work ---- */

static bool should_stop(const plim_plan_job *self)
{
    return self->opts.should_stop && self->opts.should_stop(self->opts.user);
}

/* A height that needs no further work. */
static uint64_t enough_of(const plim_plan_job *self, const outcome *o)
{
    bool fits_will_do = self->opts.goal == PLIM_PLAN_FITS && o->capacity > o->bound;
    return fits_will_do ? o->capacity : o->bound;
}

static void try_strategy(plim_plan_job *self, uint32_t worker, uint32_t region, uint32_t model,
                         uint32_t strategy)
{
    uint64_t *tried = tried_of(self, worker);
    outcome *o = &self->outcomes[region];
    const plan_line *line = &self->lines[model][region];
    uint64_t *kept = self->offsets[model] + self->models[model].piece_from[region];
    uint64_t height = plan_greedy_try(line, strategy, o->height, work_of(self, worker), tried);
    if (height < o->height) {
        memcpy(kept, tried, line->piece_count * sizeof(*kept));
        o->height = height;
        o->model = model;
        o->strategy = plan_greedy_name(strategy);
        if (self->opts.improved) {
            self->opts.improved(self->opts.user, height, o->bound);
        }
    }
}

/* Of the model whose plan is the lowest so far. A proof is one of that model: with pairs the
 * other may still be lower. */
static void search_region(plim_plan_job *self, uint32_t worker, uint32_t region)
{
    outcome *o = &self->outcomes[region];
    const plan_model *model = &self->models[o->model];
    const uint32_t from = model->piece_from[region], spans_from = model->span_from[region];
    const uint32_t pieces = model->piece_from[region + 1] - from;
    const uint32_t spans = model->span_from[region + 1] - spans_from;
    const plan_lowest_ask ask = {.goal_bytes = enough_of(self, o),
                                 .seed = self->opts.seed,
                                 .node_limit =
                                     self->opts.node_limit ? self->opts.node_limit : NODE_LIMIT,
                                 .should_stop = self->opts.should_stop,
                                 .improved = self->opts.improved,
                                 .context = self->opts.user};
    plan_lowest_answer answer = {
        .height_bytes = o->height, .bound_bytes = o->bound, .strategy = o->strategy};
    plan_lowest(model->pieces + from, pieces, model->spans + spans_from, spans, &ask,
                work_of(self, worker), self->work_bytes, self->offsets[o->model] + from, &answer);
    o->height = answer.height_bytes;
    o->strategy = answer.strategy;
    o->node_count = answer.node_count;
    if (self->model_count == 1) {
        o->bound = answer.bound_bytes;
    }
}

/* The first strategy is always made, so that there is a plan however soon it should stop. */
void plim_plan_job_work(plim_plan_job *self, uint32_t worker)
{
    for (uint32_t r = worker; worker < self->worker_count && r < self->region_count;
         r += self->worker_count) {
        outcome *o = &self->outcomes[r];
        for (uint32_t s = 0; s < PLAN_GREEDY_STRATEGIES; s++) {
            for (uint32_t m = self->model_count; m-- > 0;) {
                if (o->height <= enough_of(self, o) ||
                    (o->height != UINT64_MAX && should_stop(self))) {
                    break;
                }
                try_strategy(self, worker, r, m, s);
            }
        }
        if (self->opts.effort == PLIM_PLAN_SEARCH && o->height > enough_of(self, o)) {
            search_region(self, worker, r);
        }
    }
}

/* ---- finish ---- */

static plim_plan_verdict verdict_of(const outcome *o)
{
    if (o->capacity && o->height > o->capacity) {
        return o->bound > o->capacity ? PLIM_PLAN_INFEASIBLE : PLIM_PLAN_UNKNOWN;
    }
    return o->height == o->bound ? PLIM_PLAN_OPTIMAL : PLIM_PLAN_FEASIBLE;
}

/* Infeasible before unknown before feasible before optimal. */
static uint32_t weakness_of(plim_plan_verdict verdict)
{
    static const uint32_t weakness[] = {[PLIM_PLAN_OPTIMAL] = 0,
                                        [PLIM_PLAN_FEASIBLE] = 1,
                                        [PLIM_PLAN_UNKNOWN] = 2,
                                        [PLIM_PLAN_INFEASIBLE] = 3};
    return weakness[verdict];
}

static void sum_up(const plim_plan_job *self, plim_plan_result *result)
{
    const outcome *highest = &self->outcomes[0];
    result->verdict = PLIM_PLAN_OPTIMAL;
    for (uint32_t r = 0; r < self->region_count; r++) {
        const outcome *o = &self->outcomes[r];
        plim_plan_verdict verdict = verdict_of(o);
        result->height_bytes += o->height;
        result->lower_bound_bytes += o->bound;
        result->node_count += o->node_count;
        highest = o->height > highest->height ? o : highest;
        if (weakness_of(verdict) > weakness_of(result->verdict)) {
            result->verdict = verdict;
        }
        if (self->problem.region_count) {
            plim_plan_region *region = &self->problem.regions[r];
            bool is_plan = verdict == PLIM_PLAN_OPTIMAL || verdict == PLIM_PLAN_FEASIBLE;
            region->height_bytes = is_plan ? o->height : 0;
            region->lower_bound_bytes = o->bound;
            region->verdict = verdict;
        }
    }
    result->is_optimal = result->verdict == PLIM_PLAN_OPTIMAL;
    result->strategy = highest->strategy;
}

static plim_status check_capacities(const plim_plan_job *self, plim_error *err)
{
    for (uint32_t r = 0; r < self->region_count; r++) {
        const outcome *o = &self->outcomes[r];
        if (o->capacity && o->height > o->capacity) {
            (void)PLIM_FAIL(err, PLIM_E_BUDGET, .what = "static plan", .want = o->height,
                            .have = o->capacity, .limit = o->capacity);
            plim_error_detail(err, "region %lu; no plan is below %llu", (unsigned long)r,
                              (unsigned long long)o->bound);
            return PLIM_E_BUDGET;
        }
    }
    return PLIM_OK;
}

plim_status plim_plan_job_finish(plim_plan_job *self, plim_plan_result *result, plim_error *err)
{
    memset(result, 0, sizeof(*result));
    sum_up(self, result);
    plim_status status = check_capacities(self, err);
    if (status != PLIM_OK) {
        result->height_bytes = 0;
        return status;
    }
    for (size_t i = 0; i < self->problem.buffer_count; i++) {
        plim_plan_buffer *b = &self->problem.buffers[i];
        uint32_t model = self->outcomes[b->region].model;
        b->offset_bytes = self->offsets[model][self->models[model].piece_of[i]];
    }
    return PLIM_OK;
}

plim_status plim_plan_problem_solve(const plim_plan_problem *problem, const plim_plan_opts *opts,
                                    void *scratch, size_t scratch_bytes, plim_plan_result *result,
                                    plim_error *err)
{
    plim_plan_job *job;
    plim_plan_opts alone;
    if (!result) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "a result is needed");
    }
    memset(result, 0, sizeof(*result));
    if (!opts_take(&alone, sizeof(alone), opts)) {
        return plim_error_set(err, PLIM_E_ARG, "plan options", "struct_size", "their size", NULL);
    }
    alone.struct_size = sizeof(alone);
    alone.worker_count = 1;
    PLIM_TRY(plim_plan_job_init(problem, &alone, scratch, scratch_bytes, &job, err));
    plim_plan_job_work(job, 0);
    return plim_plan_job_finish(job, result, err);
}
