/* SPDX-License-Identifier: Apache-2.0 */
/* plan_check.c - what may be asked of the planner: every rule of plan.h on its input.
 *
 * Refuses, naming the field and the buffer: empty lifetimes and sizes, odd alignments, ids
 * twice, indices that are nowhere, gaps and pairs that do not hold, sums over 64 bits. Nothing
 * is changed. Three sorts at most: O(n log n).
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/opts.h"
#include "arena/plan_model.h"
#include "arena/plan_sort.h"

typedef struct checker {
    const plim_plan_problem *problem;
    uint64_t *keys;
    uint32_t *list, *spare, *stage_steps;
    plim_error *err;
} checker;

bool plan_problem_take(plim_plan_problem *out, const plim_plan_problem *problem)
{
    return problem && opts_take(out, sizeof(*out), problem);
}

static size_t most_rows(const plim_plan_problem *p)
{
    return p->buffer_count > p->gap_count ? p->buffer_count : p->gap_count;
}

size_t plan_check_bytes(const plim_plan_problem *problem)
{
    size_t rows = most_rows(problem);
    return plan_cut_bytes(rows, 8) + 2 * plan_cut_bytes(rows, 4) +
           plan_cut_bytes(plan_stages_of(problem), 4);
}

static plim_status refuse_buffer(const checker *self, size_t index, plim_status status,
                                 const char *field, const char *wanted)
{
    const plim_plan_buffer *b = &self->problem->buffers[index];
    plim_error_set(self->err, status, b->is_fixed ? "fixed plan buffer" : "plan buffer", field,
                   wanted, NULL);
    plim_error_detail(self->err,
                      "buffer %llu: steps [%lu, %lu), size %llu, align %llu, offset %llu",
                      (unsigned long long)b->id, (unsigned long)b->lower, (unsigned long)b->upper,
                      (unsigned long long)b->size_bytes, (unsigned long long)b->align_bytes,
                      (unsigned long long)b->offset_bytes);
    return status;
}

static plim_status check_buffer(const checker *self, size_t i)
{
    const plim_plan_problem *p = self->problem;
    const plim_plan_buffer *b = &p->buffers[i];
    if (!b->is_in_every_stage && b->lower >= b->upper) {
        return refuse_buffer(self, i, PLIM_E_ARG, "upper", "a step after lower");
    }
    if (b->size_bytes == 0) {
        return refuse_buffer(self, i, PLIM_E_ARG, "size_bytes", "above 0");
    }
    if (b->align_bytes != 0 && !bytes_is_power_of_two(b->align_bytes)) {
        return refuse_buffer(self, i, PLIM_E_ARG, "align_bytes", "a power of two");
    }
    if (b->region >= plan_regions_of(p)) {
        return refuse_buffer(self, i, PLIM_E_ARG, "region", "an index below region_count");
    }
    if (b->stage >= plan_stages_of(p)) {
        return refuse_buffer(self, i, PLIM_E_ARG, "stage", "below stage_count");
    }
    if (b->is_fixed && b->align_bytes && b->offset_bytes % b->align_bytes != 0) {
        return refuse_buffer(self, i, PLIM_E_FORMAT, "offset_bytes", "a multiple of align_bytes");
    }
    return PLIM_OK;
}

static plim_status check_ids(checker *self)
{
    const plim_plan_buffer *b = self->problem->buffers;
    size_t count = self->problem->buffer_count;
    bool is_rising = true;
    for (size_t i = 0; i < count; i++) {
        self->list[i] = (uint32_t)i;
        self->keys[i] = b[i].id;
        is_rising = is_rising && (i == 0 || b[i - 1].id < b[i].id);
    }
    if (is_rising) {
        return PLIM_OK;
    }
    plan_sort(self->keys, self->list, self->spare, count);
    for (size_t i = 1; i < count; i++) {
        if (b[self->list[i - 1]].id == b[self->list[i]].id) {
            return refuse_buffer(self, self->list[i], PLIM_E_ARG, "id", "unique");
        }
    }
    return PLIM_OK;
}

/* Stages are laid one after the other, in 32 bits of steps. */
static plim_status check_stages(checker *self)
{
    const plim_plan_problem *p = self->problem;
    uint64_t sum = 0;
    memset(self->stage_steps, 0, plan_stages_of(p) * sizeof(*self->stage_steps));
    for (size_t i = 0; i < p->buffer_count; i++) {
        const plim_plan_buffer *b = &p->buffers[i];
        uint32_t *steps = &self->stage_steps[b->stage];
        if (!b->is_in_every_stage && b->upper > *steps) {
            sum += b->upper - *steps;
            *steps = b->upper;
        }
        if (sum > UINT32_MAX) {
            return refuse_buffer(self, i, PLIM_E_RANGE, "upper",
                                 "stages of less than 2^32 steps in all");
        }
    }
    return PLIM_OK;
}

/* The invariant on sums; a region adds its highest fixed end at most once, so all are added. */
static plim_status check_sums(const checker *self)
{
    uint64_t fixed_end = 0, sum = 0;
    for (size_t i = 0; i < self->problem->buffer_count; i++) {
        const plim_plan_buffer *b = &self->problem->buffers[i];
        uint64_t end = 0, padding = b->align_bytes ? b->align_bytes - 1 : 0, all;
        bool fits = bytes_add(sum, b->size_bytes, &sum) && bytes_add(sum, padding, &sum) &&
                    (!b->is_fixed || bytes_add(b->offset_bytes, b->size_bytes, &end));
        fixed_end = end > fixed_end ? end : fixed_end;
        if (!fits || !bytes_mul(fixed_end, plan_regions_of(self->problem), &all) ||
            !bytes_add(sum, all, &all)) {
            plim_status s = plim_error_set(self->err, PLIM_E_RANGE, "sum of the plan's sizes",
                                           "size_bytes", "a sum below 2^64 bytes", NULL);
            plim_error_detail(self->err, "buffer %llu", (unsigned long long)b->id);
            return s;
        }
    }
    return PLIM_OK;
}

static plim_status refuse_gap(const checker *self, size_t index, const char *field,
                              const char *wanted)
{
    const plim_plan_gap *g = &self->problem->gaps[index];
    bool is_there = g->buffer < self->problem->buffer_count;
    uint64_t id = is_there ? self->problem->buffers[g->buffer].id : g->buffer;
    plim_status s = plim_error_set(self->err, PLIM_E_ARG, "plan gap", field, wanted, NULL);
    plim_error_detail(self->err, "gap %llu, steps [%lu, %lu), of buffer %s%llu",
                      (unsigned long long)index, (unsigned long)g->lower, (unsigned long)g->upper,
                      is_there ? "" : "index ", (unsigned long long)id);
    return s;
}

static plim_status check_gaps(checker *self)
{
    const plim_plan_problem *p = self->problem;
    for (size_t i = 0; i < p->gap_count; i++) {
        const plim_plan_gap *g = &p->gaps[i];
        if (g->buffer >= p->buffer_count) {
            return refuse_gap(self, i, "buffer", "an index below buffer_count");
        }
        const plim_plan_buffer *b = &p->buffers[g->buffer];
        if (b->is_in_every_stage) {
            return refuse_gap(self, i, "buffer", "a buffer with steps of its own");
        }
        if (g->lower >= g->upper || g->lower <= b->lower || g->upper >= b->upper) {
            return refuse_gap(self, i,
                              g->lower >= g->upper || g->upper >= b->upper ? "upper" : "lower",
                              "strictly inside the lifetime");
        }
        self->keys[i] = (uint64_t)g->buffer << 32 | g->lower;
        self->list[i] = (uint32_t)i;
    }
    plan_sort(self->keys, self->list, self->spare, p->gap_count);
    for (size_t i = 1; i < p->gap_count; i++) {
        const plim_plan_gap *a = &p->gaps[self->list[i - 1]], *b = &p->gaps[self->list[i]];
        if (a->buffer == b->buffer && a->upper >= b->lower) {
            return refuse_gap(self, self->list[i], "lower", "a step after the gap before");
        }
    }
    return PLIM_OK;
}

static plim_status refuse_pair(const checker *self, size_t index, const char *field,
                               const char *wanted)
{
    const plim_plan_problem *p = self->problem;
    const plim_plan_pair *pair = &p->pairs[index];
    plim_status s = plim_error_set(self->err, PLIM_E_ARG, "plan pair", field, wanted, NULL);
    if (pair->input >= p->buffer_count || pair->output >= p->buffer_count) {
        plim_error_detail(self->err, "pair %llu of indices %lu and %lu", (unsigned long long)index,
                          (unsigned long)pair->input, (unsigned long)pair->output);
        return s;
    }
    const plim_plan_buffer *in = &p->buffers[pair->input], *out = &p->buffers[pair->output];
    plim_error_detail(self->err,
                      "pair %llu: buffer %llu, steps [%lu, %lu), into buffer %llu, "
                      "steps [%lu, %lu)",
                      (unsigned long long)index, (unsigned long long)in->id,
                      (unsigned long)in->lower, (unsigned long)in->upper,
                      (unsigned long long)out->id, (unsigned long)out->lower,
                      (unsigned long)out->upper);
    return s;
}

/* As the input must be made before the output, pairs cannot form a ring. */
static plim_status check_pair(const checker *self, size_t index)
{
    const plim_plan_problem *p = self->problem;
    const plim_plan_pair *pair = &p->pairs[index];
    if (pair->input >= p->buffer_count) {
        return refuse_pair(self, index, "input", "an index below buffer_count");
    }
    if (pair->output >= p->buffer_count) {
        return refuse_pair(self, index, "output", "an index below buffer_count");
    }
    const plim_plan_buffer *in = &p->buffers[pair->input], *out = &p->buffers[pair->output];
    if (in->is_in_every_stage) {
        return refuse_pair(self, index, "input", "a buffer with steps of its own");
    }
    if (out->is_in_every_stage) {
        return refuse_pair(self, index, "output", "a buffer with steps of its own");
    }
    if (in->region != out->region) {
        return refuse_pair(self, index, "region", "one region of both");
    }
    if (in->stage != out->stage) {
        return refuse_pair(self, index, "stage", "one stage of both");
    }
    if (in->lower >= out->lower) {
        return refuse_pair(self, index, "lower", "an input made before the output");
    }
    if (out->lower != in->upper - 1) {
        return refuse_pair(self, index, "upper", "an input whose last step makes the output");
    }
    return PLIM_OK;
}

static plim_status check_shape(const plim_plan_problem *p, plim_error *err)
{
    const char *missing = p->buffer_count && !p->buffers   ? "buffers"
                          : p->gap_count && !p->gaps       ? "gaps"
                          : p->pair_count && !p->pairs     ? "pairs"
                          : p->region_count && !p->regions ? "regions"
                                                           : NULL;
    if (missing) {
        return plim_error_set(err, PLIM_E_ARG, "plan problem", missing, "an array", "NULL");
    }
    return PLIM_OK;
}

plim_status plan_check(const plim_plan_problem *problem, void *memory, plim_error *err)
{
    unsigned char *at = memory;
    size_t rows = most_rows(problem);
    checker self = {.problem = problem, .err = err};
    PLIM_TRY(check_shape(problem, err));
    self.keys = plan_cut(&at, rows, 8);
    self.list = plan_cut(&at, rows, 4);
    self.spare = plan_cut(&at, rows, 4);
    self.stage_steps = plan_cut(&at, plan_stages_of(problem), 4);
    for (size_t i = 0; i < problem->buffer_count; i++) {
        PLIM_TRY(check_buffer(&self, i));
    }
    PLIM_TRY(check_sums(&self));
    PLIM_TRY(check_ids(&self));
    PLIM_TRY(check_stages(&self));
    PLIM_TRY(check_gaps(&self));
    for (size_t i = 0; i < problem->pair_count; i++) {
        PLIM_TRY(check_pair(&self, i));
    }
    return PLIM_OK;
}
