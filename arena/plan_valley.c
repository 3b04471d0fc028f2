/* SPDX-License-Identifier: Apache-2.0 */
/* plan_valley.c - fill the lowest valley of the skyline, again and again.
 *
 * The skyline is how high each rank of time is piled. Its lowest stretch of one height, a
 * valley, is taken: of the unplaced pieces that live wholly within it, the one that comes first
 * in the order is put on its floor; when there is none, nothing will ever lie there, and the
 * valley is filled up to its lower wall. Offsets rise, so nothing is ever buried.
 *
 * A piece with gaps is laid as if it had none. Fixed pieces stand first, and what is under them
 * is given up; plan_fit.c does better with those.
 *
 * Invariants: valleys part the time line; a valley begins at a rank with next[rank] != 0, and two
 * neighbours differ in height. The heap holds every valley, the lowest first, the earlier first.
 *
 * Algorithm: the best piece within [lower, upper) comes from a tree over the pieces by start,
 * each node with the best place in the order and the least end below it. Every step places a
 * piece or joins two valleys: O(n) steps, O(log n) each but for the tree's query, which is
 * O(log n) when lifetimes nest and was never above 100 nodes in the mean.
 * Source: the skyline heuristic of E. Burke, G. Kendall, G. Whitwell, "A new placement heuristic
 * for the orthogonal stock-cutting problem" (2004), with time in the place of width.
 */
#include "arena/plan_greedy.h"

#include <string.h>

#include "arena/plan_sort.h"

#define NONE UINT32_MAX

typedef struct valley {
    const plan_line *line;
    /* pieces by start, and the tree over them */
    uint32_t *by_start, *begin_at, *place; /* begin_at[r]: first in by_start that begins >= r */
    const uint32_t *order;
    uint32_t *best, *least_end; /* per node: place in the order; end in ranks */
    uint32_t leaves;
    /* the skyline */
    uint64_t *floor;
    uint32_t *next, *last; /* of a valley: where the next begins; where the one before begins */
    uint32_t *heap, *heap_at, heap_count;
} valley;

static uint32_t leaves_for(size_t piece_count)
{
    uint32_t n = 1;
    while (n < piece_count) {
        n *= 2;
    }
    return n;
}

size_t plan_valley_bytes(size_t piece_count, size_t span_count)
{
    size_t ranks = 2 * span_count + 2;
    return 2 * plan_cut_bytes(piece_count, 4) + 5 * plan_cut_bytes(ranks, 4) +
           plan_cut_bytes(ranks, 8) + 2 * plan_cut_bytes(2 * (size_t)leaves_for(piece_count), 4);
}

static void lay_out(valley *self, void *memory)
{
    unsigned char *at = memory;
    size_t count = self->line->piece_count, ranks = (size_t)self->line->rank_count + 2;
    self->by_start = plan_cut(&at, count, 4);
    self->place = plan_cut(&at, count, 4);
    self->begin_at = plan_cut(&at, ranks, 4);
    self->next = plan_cut(&at, ranks, 4);
    self->last = plan_cut(&at, ranks, 4);
    self->heap = plan_cut(&at, ranks, 4);
    self->heap_at = plan_cut(&at, ranks, 4);
    self->floor = plan_cut(&at, ranks, 8);
    self->leaves = leaves_for(count);
    self->best = plan_cut(&at, 2 * (size_t)self->leaves, 4);
    self->least_end = plan_cut(&at, 2 * (size_t)self->leaves, 4);
}

/* ---- the tree of unplaced pieces ---- */

/* Counting sort by start; within a start any order will do. */
static void list_by_start(valley *self)
{
    const plan_line *line = self->line;
    uint32_t ranks = line->rank_count, sum = 0;
    memset(self->begin_at, 0, ((size_t)ranks + 1) * sizeof(*self->begin_at));
    for (uint32_t i = 0; i < line->piece_count; i++) {
        self->begin_at[line->whole[i].lower]++;
    }
    for (uint32_t r = 0; r <= ranks; r++) {
        uint32_t here = self->begin_at[r];
        self->begin_at[r] = sum;
        sum += here;
    }
    for (uint32_t i = 0; i < line->piece_count; i++) {
        self->by_start[self->begin_at[line->whole[i].lower]++] = i;
    }
    for (uint32_t r = ranks; r > 0; r--) { /* each start moved on to the next one's */
        self->begin_at[r] = self->begin_at[r - 1];
    }
    self->begin_at[0] = 0;
}

static void join_children(valley *self, uint32_t node)
{
    uint32_t a = 2 * node, b = a + 1;
    self->best[node] = self->best[a] < self->best[b] ? self->best[a] : self->best[b];
    self->least_end[node] =
        self->least_end[a] < self->least_end[b] ? self->least_end[a] : self->least_end[b];
}

static void tree_init(valley *self)
{
    const plan_line *line = self->line;
    for (uint32_t i = 0; i < line->piece_count; i++) {
        self->place[self->order[i]] = i;
    }
    for (uint32_t i = 0; i < self->leaves; i++) {
        bool is_there = i < line->piece_count && !line->pieces[self->by_start[i]].is_fixed;
        uint32_t piece = is_there ? self->by_start[i] : 0;
        self->best[self->leaves + i] = is_there ? self->place[piece] : NONE;
        self->least_end[self->leaves + i] = is_there ? line->whole[piece].upper : NONE;
    }
    for (uint32_t node = self->leaves; node-- > 1;) {
        join_children(self, node);
    }
}

static void tree_remove(valley *self, uint32_t leaf)
{
    uint32_t node = self->leaves + leaf;
    self->best[node] = self->least_end[node] = NONE;
    while (node /= 2) {
        join_children(self, node);
    }
}

typedef struct query {
    uint32_t from, to, end; /* leaves [from, to), pieces that end by @end */
    uint32_t best, leaf;
} query;

/* The first in the order below @node, which stands for @width leaves from @first on. */
static void tree_find(const valley *self, query *q, uint32_t node, uint32_t first, uint32_t width)
{
    if (first >= q->to || first + width <= q->from || self->best[node] >= q->best ||
        self->least_end[node] > q->end) {
        return;
    }
    if (width == 1) {
        q->best = self->best[node];
        q->leaf = first;
        return;
    }
    uint32_t half = width / 2, right = self->best[2 * node] > self->best[2 * node + 1];
    tree_find(self, q, 2 * node + right, first + (right ? half : 0), half);
    tree_find(self, q, 2 * node + !right, first + (right ? 0 : half), half);
}

/* ---- the heap of valleys ---- */

static bool is_lower(const valley *self, uint32_t a, uint32_t b)
{
    return self->floor[a] != self->floor[b] ? self->floor[a] < self->floor[b] : a < b;
}

static void heap_set(valley *self, uint32_t at, uint32_t rank)
{
    self->heap[at] = rank;
    self->heap_at[rank] = at;
}

/* The valley at @rank stands at @at in the heap, and moves to where its height belongs. */
static void heap_move(valley *self, uint32_t at, uint32_t rank)
{
    for (; at > 0 && is_lower(self, rank, self->heap[(at - 1) / 2]); at = (at - 1) / 2) {
        heap_set(self, at, self->heap[(at - 1) / 2]);
    }
    for (uint32_t child; (child = 2 * at + 1) < self->heap_count; at = child) {
        if (child + 1 < self->heap_count &&
            is_lower(self, self->heap[child + 1], self->heap[child])) {
            child++;
        }
        if (!is_lower(self, self->heap[child], rank)) {
            break;
        }
        heap_set(self, at, self->heap[child]);
    }
    heap_set(self, at, rank);
}

static void heap_remove(valley *self, uint32_t rank)
{
    uint32_t at = self->heap_at[rank], moved = self->heap[--self->heap_count];
    if (moved != rank) {
        heap_move(self, at, moved);
    }
}

/* ---- the skyline ---- */

/* A valley [rank, next) of @floor after the one that begins at @last. */
static void valley_add(valley *self, uint32_t rank, uint32_t next, uint32_t last, uint64_t floor)
{
    self->floor[rank] = floor;
    self->next[rank] = next;
    self->last[rank] = last;
    if (last != NONE) {
        self->next[last] = rank;
    }
    if (next < self->line->rank_count) {
        self->last[next] = rank;
    }
    heap_move(self, self->heap_count++, rank);
}

/* The valley after @rank's becomes part of it. */
static void valley_take_next(valley *self, uint32_t rank)
{
    uint32_t gone = self->next[rank];
    heap_remove(self, gone);
    self->next[rank] = self->next[gone];
    if (self->next[rank] < self->line->rank_count) {
        self->last[self->next[rank]] = rank;
    }
}

/* @rank's valley is @floor high now; neighbours of that height join it. */
static void valley_raise(valley *self, uint32_t rank, uint64_t floor)
{
    self->floor[rank] = floor;
    if (self->next[rank] < self->line->rank_count && self->floor[self->next[rank]] == floor) {
        valley_take_next(self, rank);
    }
    if (self->last[rank] != NONE && self->floor[self->last[rank]] == floor) {
        valley_take_next(self, self->last[rank]);
    } else {
        heap_move(self, self->heap_at[rank], rank);
    }
}

/* The piece stands on the floor of the valley at @rank, of which up to two parts remain. */
static void valley_cut(valley *self, uint32_t rank, plan_span piece, uint64_t top)
{
    uint64_t floor = self->floor[rank];
    if (piece.upper < self->next[rank]) {
        valley_add(self, piece.upper, self->next[rank], rank, floor);
    }
    if (piece.lower > rank) {
        valley_add(self, piece.lower, self->next[rank], rank, floor);
        rank = piece.lower;
    }
    valley_raise(self, rank, top);
}

static void skyline_init(valley *self)
{
    uint32_t ranks = self->line->rank_count, last = NONE;
    const uint64_t *floor = self->line->fixed_end;
    for (uint32_t r = 0, end; r < ranks; r = end) {
        for (end = r + 1; end < ranks && floor[end] == floor[r]; end++) {
        }
        valley_add(self, r, end, last, floor[r]);
        last = r;
    }
}

/* The lower of two walls; UINT64_MAX at both ends of time. */
static uint64_t lower_wall(const valley *self, uint32_t rank)
{
    uint32_t next = self->next[rank], last = self->last[rank];
    uint64_t right = next < self->line->rank_count ? self->floor[next] : UINT64_MAX;
    uint64_t left = last != NONE ? self->floor[last] : UINT64_MAX;
    return left < right ? left : right;
}

uint64_t plan_valley(const plan_line *line, const uint32_t *order, uint64_t limit, void *memory,
                     uint64_t *offsets)
{
    valley self = {.line = line, .order = order};
    uint64_t height = line->fixed_height;
    lay_out(&self, memory);
    list_by_start(&self);
    tree_init(&self);
    skyline_init(&self);
    for (uint32_t i = 0; line->has_fixed && i < line->piece_count; i++) {
        offsets[i] = line->pieces[i].offset_bytes; /* of the others too, until they are placed */
    }
    while (height < limit) {
        uint32_t rank = self.heap[0], end = self.next[rank];
        query q = {self.begin_at[rank], self.begin_at[end], end, NONE, 0};
        tree_find(&self, &q, 1, 0, self.leaves);
        if (q.best != NONE) {
            uint32_t piece = order[q.best];
            const plan_piece *p = &line->pieces[piece];
            offsets[piece] = plan_align(self.floor[rank], p->align_bytes);
            uint64_t top = offsets[piece] + p->size_bytes;
            height = top > height ? top : height;
            tree_remove(&self, q.leaf);
            valley_cut(&self, rank, line->whole[piece], top);
            continue;
        }
        uint64_t wall = lower_wall(&self, rank);
        if (wall == UINT64_MAX) {
            return height; /* one valley over all time, and nothing that would go into it */
        }
        valley_raise(&self, rank, wall);
    }
    return UINT64_MAX;
}
