/* SPDX-License-Identifier: Apache-2.0 */
/* plan_line.h - one region's pieces on a time line of ranks: what strategies and bounds share.
 *
 * Every step at which a span begins or ends has a rank; rank r stands for the steps from there
 * to the next one. Read-only once it is built, but for the spare arrays.
 */
#ifndef ARENA_PLAN_LINE_H
#define ARENA_PLAN_LINE_H

#include "arena/plan_grid.h"

typedef struct plan_line {
    const plan_piece *pieces;
    const plan_span *spans; /* as given, in steps */
    plan_span *ranks;       /* the same spans in ranks */
    plan_span *whole;       /* per piece: from its first rank to its last, gaps included */
    uint64_t *life;         /* per piece: steps alive */
    uint64_t *fullest;      /* per piece: most bytes alive in a rank of its own */
    uint64_t *live;         /* per rank */
    uint64_t *fixed_end;    /* per rank: of the highest fixed piece, 0 when there is none */
    uint64_t most_live, fixed_height;
    uint64_t *spare, *tree; /* per piece; 2 x rank_count: for plan_line_raise */
    uint32_t piece_count, rank_count;
    bool has_fixed, has_gaps;
} plan_line;

/* Precondition, which plan_model.c establishes: the greatest fixed end plus every size and its
 * alignment padding fits 64 bits; spans of a piece are apart and in order; fixed pieces do not
 * collide. */
size_t plan_line_bytes(size_t piece_count, size_t span_count);

/* Builds the line in @memory of plan_line_bytes, aligned to 16, where it stays. Keeps @pieces
 * and @spans. */
void plan_line_init(plan_line *self, const plan_piece *pieces, size_t piece_count,
                    const plan_span *spans, size_t span_count, void *memory);

/* Per rank, the greatest of the values (one a piece; 0: none) of the pieces alive there.
 * @tree has 2 x rank_count entries. O(n log n). */
void plan_line_raise(const plan_line *self, const uint64_t *values, uint64_t *tree, uint64_t *out);

#endif
