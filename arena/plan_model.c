/* SPDX-License-Identifier: Apache-2.0 */
/* plan_model.c - from a checked problem to pieces and spans, region by region.
 *
 * Decides which pairs are joined: each input gives itself to one output at most, each output
 * takes one input at most; equal sizes first, then outputs that are smaller, in the order they
 * were given. Larger outputs are not: the piece would be that large before it is needed. Fixed
 * buffers are not joined. Joining saves bytes in the shared step and costs freedom, so both
 * models are tried and the lower plan is kept.
 *
 * One sort of the gaps, then counting: O(n).
 */
#include "arena/plan_model.h"

#include <string.h>

#include "arena/plan_sort.h"

#define NONE UINT32_MAX

typedef struct builder {
    const plim_plan_problem *problem;
    plan_model *model;
    uint32_t *stage_begin;        /* per stage, and the end of all */
    uint32_t *gap_list, *gap_end; /* gaps by buffer and step; per buffer: the end of its own */
    uint32_t *output_of;          /* per buffer: what is joined to it, or NONE */
    uint32_t *input_of;
} builder;

size_t plan_model_bytes(const plim_plan_problem *p)
{
    size_t n = p->buffer_count, gaps = p->gap_count, regions = plan_regions_of(p);
    return plan_cut_bytes(n, sizeof(plan_piece)) + plan_cut_bytes(n + gaps, sizeof(plan_span)) +
           plan_cut_bytes(n, 4) + 2 * plan_cut_bytes(regions + 1, 4) +
           plan_cut_bytes((size_t)plan_stages_of(p) + 1, 4) + 2 * plan_cut_bytes(gaps, 4) +
           plan_cut_bytes(gaps, 8) + 3 * plan_cut_bytes(n, 4);
}

static void lay_stages(builder *self)
{
    const plim_plan_problem *p = self->problem;
    uint32_t stages = plan_stages_of(p), sum = 0;
    memset(self->stage_begin, 0, ((size_t)stages + 1) * sizeof(*self->stage_begin));
    for (size_t i = 0; i < p->buffer_count; i++) {
        const plim_plan_buffer *b = &p->buffers[i];
        uint32_t *steps = &self->stage_begin[b->stage];
        *steps = !b->is_in_every_stage && b->upper > *steps ? b->upper : *steps;
    }
    for (uint32_t s = 0; s <= stages; s++) {
        uint32_t steps = self->stage_begin[s];
        self->stage_begin[s] = sum;
        sum += steps;
    }
    if (sum == 0) { /* nothing but buffers of every stage */
        self->stage_begin[stages] = 1;
    }
}

static void sort_gaps(builder *self, uint64_t *keys, uint32_t *spare)
{
    const plim_plan_problem *p = self->problem;
    for (size_t i = 0; i < p->gap_count; i++) {
        keys[i] = (uint64_t)p->gaps[i].buffer << 32 | p->gaps[i].lower;
        self->gap_list[i] = (uint32_t)i;
    }
    plan_sort(keys, self->gap_list, spare, p->gap_count);
    for (uint32_t i = 0, gap = 0; i < p->buffer_count; i++) {
        while (gap < p->gap_count && p->gaps[self->gap_list[gap]].buffer == i) {
            gap++;
        }
        self->gap_end[i] = gap;
    }
}

static void join(builder *self, bool join_pairs)
{
    const plim_plan_problem *p = self->problem;
    memset(self->output_of, 0xff, p->buffer_count * sizeof(*self->output_of));
    memset(self->input_of, 0xff, p->buffer_count * sizeof(*self->input_of));
    for (int round = 0; join_pairs && round < 2; round++) {
        for (size_t i = 0; i < p->pair_count; i++) {
            uint32_t in = p->pairs[i].input, out = p->pairs[i].output;
            uint64_t given = p->buffers[in].size_bytes, needed = p->buffers[out].size_bytes;
            bool suits = round == 0 ? given == needed : given > needed;
            if (suits && !p->buffers[in].is_fixed && !p->buffers[out].is_fixed &&
                self->output_of[in] == NONE && self->input_of[out] == NONE) {
                self->output_of[in] = out;
                self->input_of[out] = in;
                self->model->has_joined = true;
            }
        }
    }
}

/* One buffer's spans after *span; the first of them goes on where an input ended. */
static void emit_spans(builder *self, uint32_t buffer, bool is_joined, plan_span **span)
{
    const plim_plan_problem *p = self->problem;
    const plim_plan_buffer *b = &p->buffers[buffer];
    if (b->is_in_every_stage) {
        *(*span)++ = (plan_span){0, self->stage_begin[plan_stages_of(p)]};
        return;
    }
    uint32_t begin = self->stage_begin[b->stage], lower = begin + b->lower;
    if (is_joined) {
        lower = (--*span)->lower;
    }
    for (uint32_t g = buffer ? self->gap_end[buffer - 1] : 0; g < self->gap_end[buffer]; g++) {
        const plim_plan_gap *gap = &p->gaps[self->gap_list[g]];
        *(*span)++ = (plan_span){lower, begin + gap->lower};
        lower = begin + gap->upper;
    }
    *(*span)++ = (plan_span){lower, begin + b->upper};
}

/* The piece of the chain that begins at buffer @root. */
static void emit_piece(builder *self, uint32_t root, uint32_t index, plan_span *first,
                       plan_span **span)
{
    const plim_plan_buffer *b = &self->problem->buffers[root];
    plan_piece *piece = &self->model->pieces[index];
    *piece = (plan_piece){.offset_bytes = b->offset_bytes,
                          .first_span = (uint32_t)(*span - first),
                          .is_fixed = b->is_fixed};
    plan_span *begin = *span;
    for (uint32_t i = root; i != NONE; i = self->output_of[i]) {
        const plim_plan_buffer *link = &self->problem->buffers[i];
        uint64_t align = link->align_bytes ? link->align_bytes : 1;
        piece->size_bytes =
            link->size_bytes > piece->size_bytes ? link->size_bytes : piece->size_bytes;
        piece->align_bytes = align > piece->align_bytes ? align : piece->align_bytes;
        emit_spans(self, i, i != root, span);
        self->model->piece_of[i] = index;
    }
    piece->span_count = (uint32_t)(*span - begin);
}

/* One pass over the buffers a region: there are few regions. */
static void emit_regions(builder *self)
{
    plan_model *m = self->model;
    plan_span *span = m->spans;
    uint32_t piece = 0;
    for (uint32_t r = 0; r < m->region_count; r++) {
        plan_span *first = span;
        m->piece_from[r] = piece;
        m->span_from[r] = (uint32_t)(span - m->spans);
        for (uint32_t i = 0; i < self->problem->buffer_count; i++) {
            if (self->problem->buffers[i].region == r && self->input_of[i] == NONE) {
                emit_piece(self, i, piece++, first, &span);
            }
        }
    }
    m->piece_from[m->region_count] = piece;
    m->span_from[m->region_count] = (uint32_t)(span - m->spans);
}

void plan_model_init(plan_model *self, const plim_plan_problem *problem, bool join_pairs,
                     void *memory)
{
    unsigned char *at = memory;
    size_t n = problem->buffer_count, gaps = problem->gap_count;
    *self = (plan_model){.region_count = plan_regions_of(problem)};
    self->pieces = plan_cut(&at, n, sizeof(plan_piece));
    self->spans = plan_cut(&at, n + gaps, sizeof(plan_span));
    self->piece_of = plan_cut(&at, n, 4);
    self->piece_from = plan_cut(&at, (size_t)self->region_count + 1, 4);
    self->span_from = plan_cut(&at, (size_t)self->region_count + 1, 4);
    builder b = {.problem = problem, .model = self};
    b.stage_begin = plan_cut(&at, (size_t)plan_stages_of(problem) + 1, 4);
    b.gap_list = plan_cut(&at, gaps, 4);
    uint32_t *spare = plan_cut(&at, gaps, 4);
    uint64_t *keys = plan_cut(&at, gaps, 8);
    b.gap_end = plan_cut(&at, n, 4);
    b.output_of = plan_cut(&at, n, 4);
    b.input_of = plan_cut(&at, n, 4);
    lay_stages(&b);
    sort_gaps(&b, keys, spare);
    join(&b, join_pairs);
    emit_regions(&b);
}
