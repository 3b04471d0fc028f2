/* SPDX-License-Identifier: Apache-2.0 */
/* plan_line.c - steps become ranks; how full each rank is; how full each piece's fullest is.
 *
 * One sort of the ends of spans, one sweep, and a tree of maxima: O(n log n), O(n) memory.
 */
#include "arena/plan_line.h"

#include <string.h>

#include "arena/plan_sort.h"

size_t plan_line_bytes(size_t piece_count, size_t span_count)
{
    size_t ends = 2 * span_count + 1;
    return plan_cut_bytes(span_count, sizeof(plan_span)) +
           plan_cut_bytes(piece_count, sizeof(plan_span)) + 3 * plan_cut_bytes(piece_count, 8) +
           2 * plan_cut_bytes(ends, 8) +                              /* live, fixed_end */
           plan_cut_bytes(2 * ends, 8) + 2 * plan_cut_bytes(ends, 4); /* keys or tree; lists */
}

/* Ends of spans in rising order are the ranks. */
static void rank_spans(plan_line *self, size_t span_count, uint64_t *keys, uint32_t *list,
                       uint32_t *spare)
{
    size_t ends = 2 * span_count;
    for (size_t i = 0; i < span_count; i++) {
        keys[2 * i] = self->spans[i].lower;
        keys[2 * i + 1] = self->spans[i].upper;
    }
    for (size_t i = 0; i < ends; i++) {
        list[i] = (uint32_t)i;
    }
    plan_sort(keys, list, spare, ends);
    uint32_t rank = 0;
    for (size_t i = 0; i < ends; i++) {
        rank += i > 0 && keys[list[i]] != keys[list[i - 1]];
        plan_span *s = &self->ranks[list[i] / 2];
        *(list[i] & 1 ? &s->upper : &s->lower) = rank;
    }
    self->rank_count = ends ? rank : 0; /* the last end begins nothing */
}

static void sum_live(plan_line *self)
{
    memset(self->live, 0, ((size_t)self->rank_count + 1) * sizeof(*self->live));
    for (uint32_t i = 0; i < self->piece_count; i++) {
        const plan_piece *p = &self->pieces[i];
        for (uint32_t s = p->first_span; s < p->first_span + p->span_count; s++) {
            self->live[self->ranks[s].lower] += p->size_bytes; /* differences wrap and sum right */
            self->live[self->ranks[s].upper] -= p->size_bytes;
        }
    }
    for (uint32_t r = 0; r < self->rank_count; r++) {
        self->live[r] += r ? self->live[r - 1] : 0;
        self->most_live = self->live[r] > self->most_live ? self->live[r] : self->most_live;
    }
}

/* @tree has 2 x rank_count entries: the maximum of [lower, upper) in O(log n). */
static uint64_t most_between(const uint64_t *tree, uint32_t count, plan_span at)
{
    uint64_t most = 0;
    size_t l = (size_t)at.lower + count, r = (size_t)at.upper + count;
    for (; l < r; l /= 2, r /= 2) {
        if (l & 1) {
            most = tree[l] > most ? tree[l] : most;
            l++;
        }
        if (r & 1) {
            r--;
            most = tree[r] > most ? tree[r] : most;
        }
    }
    return most;
}

static void describe_pieces(plan_line *self, uint64_t *tree)
{
    uint32_t count = self->rank_count;
    memcpy(tree + count, self->live, count * sizeof(*tree));
    for (size_t i = count; i-- > 1;) {
        tree[i] = tree[2 * i] > tree[2 * i + 1] ? tree[2 * i] : tree[2 * i + 1];
    }
    for (uint32_t i = 0; i < self->piece_count; i++) {
        const plan_piece *p = &self->pieces[i];
        uint32_t last = p->first_span + p->span_count - 1;
        self->whole[i] = (plan_span){self->ranks[p->first_span].lower, self->ranks[last].upper};
        self->life[i] = self->fullest[i] = 0;
        for (uint32_t s = p->first_span; s <= last; s++) {
            uint64_t most = most_between(tree, count, self->ranks[s]);
            self->life[i] += self->spans[s].upper - self->spans[s].lower;
            self->fullest[i] = most > self->fullest[i] ? most : self->fullest[i];
        }
        self->has_fixed |= p->is_fixed;
        self->has_gaps |= p->span_count > 1;
    }
}

void plan_line_raise(const plan_line *self, const uint64_t *values, uint64_t *tree, uint64_t *out)
{
    uint32_t count = self->rank_count;
    memset(tree, 0, 2 * (size_t)count * sizeof(*tree));
    for (uint32_t i = 0; i < self->piece_count; i++) {
        const plan_piece *p = &self->pieces[i];
        uint64_t value = values[i];
        for (uint32_t s = p->first_span; value && s < p->first_span + p->span_count; s++) {
            size_t l = (size_t)self->ranks[s].lower + count;
            size_t r = (size_t)self->ranks[s].upper + count;
            for (; l < r; l = (l + 1) / 2, r /= 2) {
                tree[l] = (l & 1) && value > tree[l] ? value : tree[l];
                tree[r - 1] = (r & 1) && value > tree[r - 1] ? value : tree[r - 1];
            }
        }
    }
    for (size_t node = 1; node < count; node++) {
        for (size_t child = 2 * node; child < 2 * node + 2; child++) {
            tree[child] = tree[node] > tree[child] ? tree[node] : tree[child];
        }
    }
    memcpy(out, tree + count, count * sizeof(*tree));
}

/* @values: one a piece, of no meaning afterwards. */
static void raise_fixed(plan_line *self, uint64_t *values, uint64_t *tree)
{
    for (uint32_t i = 0; i < self->piece_count; i++) {
        const plan_piece *p = &self->pieces[i];
        values[i] = p->is_fixed ? p->offset_bytes + p->size_bytes : 0;
        self->fixed_height = values[i] > self->fixed_height ? values[i] : self->fixed_height;
    }
    plan_line_raise(self, values, tree, self->fixed_end);
}

void plan_line_init(plan_line *self, const plan_piece *pieces, size_t piece_count,
                    const plan_span *spans, size_t span_count, void *memory)
{
    unsigned char *at = memory;
    size_t ends = 2 * span_count + 1;
    *self = (plan_line){.pieces = pieces, .spans = spans, .piece_count = (uint32_t)piece_count};
    self->ranks = plan_cut(&at, span_count, sizeof(plan_span));
    self->whole = plan_cut(&at, piece_count, sizeof(plan_span));
    self->life = plan_cut(&at, piece_count, 8);
    self->fullest = plan_cut(&at, piece_count, 8);
    self->spare = plan_cut(&at, piece_count, 8);
    self->live = plan_cut(&at, ends, 8);
    self->fixed_end = plan_cut(&at, ends, 8);
    uint64_t *keys = self->tree = plan_cut(&at, 2 * ends, 8);
    uint32_t *list = plan_cut(&at, ends, 4), *spare = plan_cut(&at, ends, 4);
    rank_spans(self, span_count, keys, list, spare);
    sum_live(self);
    describe_pieces(self, keys);
    raise_fixed(self, self->spare, keys);
}
