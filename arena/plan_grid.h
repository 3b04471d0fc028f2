/* SPDX-License-Identifier: Apache-2.0 */
/* plan_grid.h - a planning instance, compressed: sections instead of steps, units instead of
 * bytes.
 *
 * A section is a maximal set of pieces alive together; consecutive steps whose live sets lie
 * within it need no row of their own. Sizes are counted in the largest unit that loses no
 * plan: when every piece asks for an alignment, sizes are first rounded up to the least of
 * them; the unit is then the common divisor of sizes, fixed offsets and larger alignments.
 * Items are sorted by what they are and not by where they stood in the input, so that a
 * search sees the same instance however the rows were shuffled.
 *
 * A piece may be alive in several spans of steps with gaps between them; it keeps one offset.
 */
#ifndef ARENA_PLAN_GRID_H
#define ARENA_PLAN_GRID_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLAN_GRID_ITEMS_MAX 65000u /* indices are 16 bits in the solver's tables */

/* Half-open; of steps in the input, of sections in the grid. */
typedef struct plan_span {
    uint32_t lower, upper;
} plan_span;

/* Do any two of them meet? Each list is in order and its spans are apart. O(sum of both). */
static inline bool plan_spans_meet(const plan_span *x, uint32_t x_count, const plan_span *y,
                                   uint32_t y_count)
{
    const plan_span *x_end = x + x_count, *y_end = y + y_count;
    while (x < x_end && y < y_end) {
        if (x->upper <= y->lower) {
            x++;
        } else if (y->upper <= x->lower) {
            y++;
        } else {
            return true;
        }
    }
    return false;
}

/* What goes in. */
typedef struct plan_piece {
    uint64_t size_bytes;             /* > 0 */
    uint64_t align_bytes;            /* power of two; 0: 1 */
    uint64_t offset_bytes;           /* where it lies when is_fixed; else not read */
    uint32_t first_span, span_count; /* its spans in the list of spans; at least one */
    bool is_fixed;
} plan_piece;

/* A piece in the grid. */
typedef struct plan_item {
    uint64_t size, align;            /* units; align 1: anywhere */
    uint64_t earliest;               /* units: 0, or the fixed offset */
    uint64_t size_bytes;             /* as it was given */
    uint32_t first_span, span_count; /* in plan_grid.spans: apart, in order, not touching */
    uint64_t life;                   /* steps that it is alive */
    uint32_t piece;                  /* which one it was in the input */
    bool is_fixed;
} plan_item;

typedef struct plan_grid {
    plan_item *items;
    plan_span *spans; /* of sections */
    uint32_t *row;    /* per span: spans of one row never share a section */
    uint32_t item_count, span_count, section_count, row_count;
    uint64_t pair_count; /* ordered pairs of items that share a section */
    uint64_t unit_bytes;
    uint64_t bound_bytes; /* no plan is lower: the fullest section, or the highest fixed end */
} plan_grid;

/* What plan_grid_init needs from its scratch; 0 when there are too many pieces or spans. */
size_t plan_grid_scratch_bytes(size_t piece_count, size_t span_count);

/* Builds the grid in @scratch (aligned to 16), where it stays; borrows the rest.
 * False, with nothing promised about @self: scratch too small, no pieces, too many of them, an
 * empty span, size 0, an alignment that is no power of two, a fixed offset that is not aligned,
 * or sums of sizes and alignments beyond 63 bits. The planner's contract has named each of
 * these before; here they only must not do harm.
 * Cost: O(n log n). */
bool plan_grid_init(plan_grid *self, const plan_piece *pieces, size_t piece_count,
                    const plan_span *spans, size_t span_count, void *scratch, size_t scratch_bytes);

/* The capacity in units, rounded up: latest_start is what keeps an item below the real one. */
uint64_t plan_grid_capacity(const plan_grid *self, uint64_t capacity_bytes);

/* Is there a section in which both items are alive? */
static inline bool plan_grid_meet(const plan_grid *self, uint32_t a, uint32_t b)
{
    const plan_item *x = &self->items[a], *y = &self->items[b];
    return plan_spans_meet(self->spans + x->first_span, x->span_count, self->spans + y->first_span,
                           y->span_count);
}

/* The last unit at which item @i may start; false when it does not fit at all. */
bool plan_grid_latest(const plan_grid *self, uint32_t i, uint64_t capacity_bytes, uint64_t *latest);

#endif
