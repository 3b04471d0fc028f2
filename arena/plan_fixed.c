/* SPDX-License-Identifier: Apache-2.0 */
/* plan_fixed.c - do fixed pieces collide?
 *
 * Decides by rising offset: a piece collides when, in a rank of its own, some piece before it
 * ends above its offset. A tree over the ranks keeps which piece ends highest, so a piece is one
 * question and one entry: O(n log n). The verifier answers the same question by another
 * algorithm, along time.
 *
 * An input and its output may be fixed at one offset: then the shared step is left to the larger
 * of the two.
 */
#include "arena/plan_fixed.h"

#include <string.h>

#include "arena/plan_sort.h"

#define NONE UINT32_MAX

typedef struct tree {
    const plan_line *line;
    uint32_t *top;   /* per node: the piece that ends highest in or below it */
    uint32_t *cover; /* the same of those that were entered at this node itself */
} tree;

size_t plan_fixed_bytes(size_t piece_count, size_t span_count)
{
    return plan_cut_bytes(piece_count, 8) + 2 * plan_cut_bytes(piece_count, 4) +
           2 * plan_cut_bytes(4 * span_count + 2, 4) + plan_cut_bytes(span_count, 8);
}

static uint32_t higher(const tree *self, uint32_t a, uint32_t b)
{
    if (a == NONE || b == NONE) {
        return a == NONE ? b : a;
    }
    const plan_piece *x = &self->line->pieces[a], *y = &self->line->pieces[b];
    return y->offset_bytes + y->size_bytes > x->offset_bytes + x->size_bytes ? b : a;
}

static uint32_t highest_in(const tree *self, plan_span at)
{
    size_t count = self->line->rank_count, l = at.lower + count, r = at.upper + count;
    uint32_t found = NONE;
    for (size_t up = l / 2; up > 0; up /= 2) {
        found = higher(self, found, self->cover[up]);
    }
    for (size_t up = (r - 1) / 2; up > 0; up /= 2) {
        found = higher(self, found, self->cover[up]);
    }
    for (; l < r; l = (l + 1) / 2, r /= 2) {
        found = l & 1 ? higher(self, found, self->top[l]) : found;
        found = r & 1 ? higher(self, found, self->top[r - 1]) : found;
    }
    return found;
}

static void enter_at(tree *self, size_t node, uint32_t piece)
{
    self->cover[node] = higher(self, self->cover[node], piece);
    for (; node > 0; node /= 2) {
        self->top[node] = higher(self, self->top[node], piece);
    }
}

static void enter(tree *self, plan_span at, uint32_t piece)
{
    size_t count = self->line->rank_count, l = at.lower + count, r = at.upper + count;
    for (; l < r; l = (l + 1) / 2, r /= 2) {
        if (l & 1) {
            enter_at(self, l, piece);
        }
        if (r & 1) {
            enter_at(self, r - 1, piece);
        }
    }
}

/* Takes the shared step of fixed pairs at one offset away from the smaller of the two. */
static void trim_pairs(const plim_plan_problem *problem, const plan_model *model, uint32_t region,
                       const plan_line *line, plan_span *ranks)
{
    for (size_t i = 0; i < problem->pair_count; i++) {
        const plim_plan_pair *pair = &problem->pairs[i];
        const plim_plan_buffer *a = &problem->buffers[pair->input];
        const plim_plan_buffer *b = &problem->buffers[pair->output];
        if (a->region != region || !a->is_fixed || !b->is_fixed ||
            a->offset_bytes != b->offset_bytes) {
            continue;
        }
        uint32_t from = model->piece_from[region];
        const plan_piece *in = &line->pieces[model->piece_of[pair->input] - from];
        plan_span *last = &ranks[in->first_span + in->span_count - 1];
        plan_span *first = &ranks[line->pieces[model->piece_of[pair->output] - from].first_span];
        if (b->size_bytes >= a->size_bytes) {
            last->upper = first->lower;
        } else {
            first->lower = last->upper;
        }
    }
}

bool plan_fixed_collide(const plim_plan_problem *problem, const plan_model *model, uint32_t region,
                        const plan_line *line, void *memory, uint32_t *a, uint32_t *b)
{
    size_t span_count = model->span_from[region + 1] - model->span_from[region];
    unsigned char *at = memory;
    size_t nodes = 2 * (size_t)line->rank_count, count = 0;
    uint64_t *keys = plan_cut(&at, line->piece_count, 8);
    uint32_t *list = plan_cut(&at, line->piece_count, 4);
    uint32_t *spare = plan_cut(&at, line->piece_count, 4);
    tree self = {.line = line};
    self.top = plan_cut(&at, nodes, 4);
    self.cover = plan_cut(&at, nodes, 4);
    plan_span *ranks = plan_cut(&at, span_count, sizeof(*ranks));
    for (uint32_t i = 0; i < line->piece_count; i++) {
        keys[i] = line->pieces[i].offset_bytes;
        list[count] = i;
        count += line->pieces[i].is_fixed;
    }
    plan_sort(keys, list, spare, count);
    memcpy(ranks, line->ranks, span_count * sizeof(*ranks));
    trim_pairs(problem, model, region, line, ranks);
    memset(self.top, 0xff, nodes * sizeof(*self.top));
    memset(self.cover, 0xff, nodes * sizeof(*self.cover));
    for (size_t i = 0; i < count; i++) {
        const plan_piece *p = &line->pieces[list[i]];
        for (uint32_t s = p->first_span; s < p->first_span + p->span_count; s++) {
            uint32_t other = ranks[s].lower < ranks[s].upper ? highest_in(&self, ranks[s]) : NONE;
            if (other != NONE && line->pieces[other].offset_bytes + line->pieces[other].size_bytes >
                                     p->offset_bytes) {
                *a = other;
                *b = list[i];
                return true;
            }
        }
        for (uint32_t s = p->first_span; s < p->first_span + p->span_count; s++) {
            enter(&self, ranks[s], list[i]);
        }
    }
    return false;
}
