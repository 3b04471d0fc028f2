/* SPDX-License-Identifier: Apache-2.0 */
/* plan_bound.c - what no plan can be lower than, in O(n log n).
 *
 * The bound is the greatest of three:
 *
 * 1. Liveness. Pieces alive in one rank lie apart, so the height is at least their sum. A pair
 *    may share bytes in its one common step: an output lies on one input at most, and two
 *    outputs on one input would lie on each other, so the sum falls by at most the smaller of
 *    the output and its largest input, for each output that begins in that step.
 * 2. Fixed ends. The height is at least the highest end of a fixed piece.
 * 3. Alignment. Let g be a power of two, and take the pieces of one rank whose offsets are all
 *    multiples of g. Between the starts of two neighbours lie whole multiples of g, so each but
 *    the topmost takes its size rounded up to g. The height is at least the sum of the rounded
 *    sizes less the greatest rounding of one of them.
 *
 * Refuses nothing: the problem was checked.
 */
#include "arena/plan_bound.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_sort.h"

size_t plan_bound_bytes(size_t piece_count, size_t span_count)
{
    return plan_cut_bytes(piece_count, 8) + 2 * plan_cut_bytes(2 * span_count + 1, 8);
}

/* The greatest power of two that divides every offset the piece may have. */
static uint64_t grain_of(const plan_piece *p)
{
    if (!p->is_fixed) {
        return p->align_bytes ? p->align_bytes : 1;
    }
    return p->offset_bytes ? p->offset_bytes & (~p->offset_bytes + 1) : UINT64_C(1) << 63;
}

/* Rounded sums per rank, less the greatest rounding there. */
static uint64_t bound_by_grain(const plan_line *line, uint64_t grain, void *memory)
{
    unsigned char *at = memory;
    uint64_t *rounding = plan_cut(&at, line->piece_count, 8);
    uint64_t *sums = plan_cut(&at, (size_t)line->rank_count + 1, 8);
    uint64_t *greatest = plan_cut(&at, (size_t)line->rank_count + 1, 8);
    uint64_t bound = 0, sum = 0, all = 0;
    memset(sums, 0, ((size_t)line->rank_count + 1) * sizeof(*sums));
    for (uint32_t i = 0; i < line->piece_count; i++) {
        const plan_piece *p = &line->pieces[i];
        rounding[i] = 0;
        if (grain_of(p) < grain) {
            continue;
        }
        uint64_t rounded;
        if (!bytes_align_up(p->size_bytes, grain, &rounded) || !bytes_add(all, rounded, &all)) {
            return 0; /* fixed pieces have a grain that the sum of paddings does not know */
        }
        rounding[i] = rounded - p->size_bytes;
        for (uint32_t s = p->first_span; s < p->first_span + p->span_count; s++) {
            sums[line->ranks[s].lower] += rounded;
            sums[line->ranks[s].upper] -= rounded;
        }
    }
    plan_line_raise(line, rounding, line->tree, greatest);
    for (uint32_t r = 0; r < line->rank_count; r++) {
        sum += sums[r];
        bound = sum - greatest[r] > bound ? sum - greatest[r] : bound;
    }
    return bound;
}

/* Roundings of what has a grain of at least @grain: none, and the bound says nothing new. */
static bool does_round(const plan_line *line, uint64_t grain)
{
    for (uint32_t i = 0; i < line->piece_count; i++) {
        const plan_piece *p = &line->pieces[i];
        if (p->size_bytes % grain && grain_of(p) >= grain) {
            return true;
        }
    }
    return false;
}

static uint64_t bound_by_alignment(const plan_line *line, void *memory)
{
    uint64_t grains = 0, bound = 0;
    for (uint32_t i = 0; i < line->piece_count; i++) {
        grains |= line->pieces[i].is_fixed ? 0 : grain_of(&line->pieces[i]);
    }
    for (grains &= ~UINT64_C(1); grains; grains &= grains - 1) {
        uint64_t grain = grains & (~grains + 1);
        uint64_t found = does_round(line, grain) ? bound_by_grain(line, grain, memory) : 0;
        bound = found > bound ? found : bound;
    }
    return bound;
}

uint64_t plan_bound(const plan_line *line, void *memory)
{
    uint64_t bound = bound_by_alignment(line, memory);
    bound = line->most_live > bound ? line->most_live : bound;
    return line->fixed_height > bound ? line->fixed_height : bound;
}

/* Per output, in its first rank: what it can save at most. */
uint64_t plan_bound_of_pairs(const plim_plan_problem *problem, const plan_model *model,
                             uint32_t region, const plan_line *line, void *memory)
{
    unsigned char *at = memory;
    uint64_t *input = plan_cut(&at, line->piece_count, 8);
    uint64_t *saved = plan_cut(&at, (size_t)line->rank_count + 1, 8);
    uint64_t bound = line->fixed_height;
    memset(input, 0, line->piece_count * sizeof(*input));
    memset(saved, 0, ((size_t)line->rank_count + 1) * sizeof(*saved));
    for (size_t i = 0; i < problem->pair_count; i++) {
        const plim_plan_pair *pair = &problem->pairs[i];
        if (problem->buffers[pair->input].region == region) {
            uint64_t *largest = &input[model->piece_of[pair->output] - model->piece_from[region]];
            uint64_t size = problem->buffers[pair->input].size_bytes;
            *largest = size > *largest ? size : *largest;
        }
    }
    for (uint32_t i = 0; i < line->piece_count; i++) {
        uint64_t size = line->pieces[i].size_bytes;
        saved[line->whole[i].lower] += input[i] < size ? input[i] : size;
    }
    for (uint32_t r = 0; r < line->rank_count; r++) {
        uint64_t live = line->live[r] - saved[r];
        bound = live > bound ? live : bound;
    }
    return bound;
}
