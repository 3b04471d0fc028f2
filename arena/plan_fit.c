/* SPDX-License-Identifier: Apache-2.0 */
/* plan_fit.c - pieces in a given order, each into the lowest or the tightest gap.
 *
 * Gaps in a lifetime are used to the step, fixed pieces are walls that stand first.
 *
 * Algorithm: a list of the placed pieces by rising offset, walked for every piece: O(n^2)
 * visits, so made for up to some thousand pieces.
 */
#include "arena/plan_greedy.h"

#include <string.h>

#include "arena/plan_sort.h"

#define VISITS_MAX (UINT64_C(1) << 27) /* of all fits of one instance, about: 0.2 s */

typedef struct fit {
    const plan_line *line;
    uint64_t *offsets;
    uint32_t *placed; /* by rising offset */
    uint32_t placed_count;
} fit;

size_t plan_fit_bytes(size_t piece_count)
{
    return plan_cut_bytes(piece_count, 4);
}

bool plan_fit_suits(const plan_line *line)
{
    return (uint64_t)line->piece_count * line->piece_count / 2 * 10 <= VISITS_MAX;
}

static bool do_meet(const plan_line *line, uint32_t a, uint32_t b)
{
    plan_span x = line->whole[a], y = line->whole[b];
    if (x.lower >= y.upper || y.lower >= x.upper) {
        return false;
    }
    const plan_piece *p = &line->pieces[a], *q = &line->pieces[b];
    return !line->has_gaps || plan_spans_meet(line->ranks + p->first_span, p->span_count,
                                              line->ranks + q->first_span, q->span_count);
}

static uint64_t find_gap(const fit *self, uint32_t piece, bool tightest)
{
    const plan_piece *p = &self->line->pieces[piece];
    uint64_t top = 0, found = UINT64_MAX, least_waste = UINT64_MAX;
    for (uint32_t i = 0; i < self->placed_count; i++) {
        uint32_t other = self->placed[i];
        if (!do_meet(self->line, piece, other)) {
            continue;
        }
        uint64_t start = plan_align(top, p->align_bytes), at = self->offsets[other];
        if (at > start && at - start >= p->size_bytes) {
            if (!tightest) {
                return start;
            }
            if (at - start - p->size_bytes < least_waste) {
                least_waste = at - start - p->size_bytes;
                found = start;
            }
        }
        uint64_t end = at + self->line->pieces[other].size_bytes;
        top = end > top ? end : top;
    }
    return found != UINT64_MAX ? found : plan_align(top, p->align_bytes);
}

/* Keeps `placed` sorted by offset. */
static void place(fit *self, uint32_t piece, uint64_t offset)
{
    uint32_t low = 0, high = self->placed_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->offsets[self->placed[middle]] <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(&self->placed[low + 1], &self->placed[low],
            (self->placed_count - low) * sizeof(self->placed[0]));
    self->placed[low] = piece;
    self->placed_count++;
    self->offsets[piece] = offset;
}

uint64_t plan_fit(const plan_line *line, const uint32_t *order, bool tightest, uint64_t limit,
                  void *memory, uint64_t *offsets)
{
    fit self = {.line = line, .offsets = offsets, .placed = memory};
    uint64_t height = 0;
    for (uint32_t i = 0; line->has_fixed && i < line->piece_count; i++) {
        const plan_piece *p = &line->pieces[i];
        if (p->is_fixed) {
            place(&self, i, p->offset_bytes);
            uint64_t end = p->offset_bytes + p->size_bytes;
            height = end > height ? end : height;
        }
    }
    for (uint32_t i = 0; i < line->piece_count && height < limit; i++) {
        const plan_piece *p = &line->pieces[order[i]];
        if (!p->is_fixed) {
            uint64_t offset = find_gap(&self, order[i], tightest);
            place(&self, order[i], offset);
            height = offset + p->size_bytes > height ? offset + p->size_bytes : height;
        }
    }
    return height < limit ? height : UINT64_MAX;
}
