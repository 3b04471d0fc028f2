/* SPDX-License-Identifier: Apache-2.0 */
/* plan_grid.c - from lifetimes in steps and sizes in bytes to the least grid that is as hard.
 *
 * Decides the sections, the unit and the order of items. Refuses what would not fit its
 * arithmetic (see plan_grid_init). Invariants: every section is alive somewhere and holds a set
 * of pieces that is in neither neighbour; an item's spans are sorted, apart and not touching;
 * equal instances give equal grids whatever the order of their rows.
 *
 * Algorithm: one sweep over the ends of spans, ends before starts at the same step. A section
 * closes at the first end after a start: the pieces alive there are all that a later section
 * up to the next start could hold. Rows are the greedy colouring of intervals, which is exact.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_grid.h"

typedef bool is_before(const void *context, uint32_t a, uint32_t b);

static void sift(uint32_t *list, size_t at, size_t count, is_before *before, const void *context)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && before(context, list[child], list[child + 1])) {
            child++;
        }
        if (!before(context, list[at], list[child])) {
            return;
        }
        uint32_t i = list[at];
        list[at] = list[child];
        list[child] = i;
    }
}

static void sort_indices(uint32_t *list, size_t count, is_before *before, const void *context)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = (uint32_t)i;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift(list, i, count, before, context);
    }
    for (size_t end = count; end-- > 1;) {
        uint32_t last = list[0];
        list[0] = list[end];
        list[end] = last;
        sift(list, 0, end, before, context);
    }
}

/* Scratch, in this order: what stays, then what only the building needs. */
typedef struct workspace {
    plan_item *items, *unsorted;
    plan_span *spans, *raw;
    uint64_t *sums, *slack;
    uint32_t *row, *row_end, *order;
} workspace;

static bool take(unsigned char **at, const unsigned char *end, size_t count, size_t each, void *out)
{
    size_t bytes = (count * each + 15) & ~(size_t)15;
    if (*at && (size_t)(end - *at) < bytes) {
        return false;
    }
    memcpy(out, at, sizeof(*at));
    *at += bytes;
    return true;
}

static size_t workspace_each(size_t piece_count, size_t span_count)
{
    return 2 * piece_count * sizeof(plan_item) + 2 * span_count * sizeof(plan_span) +
           2 * span_count * sizeof(uint64_t) + 2 * span_count * sizeof(uint32_t) +
           (2 * span_count + piece_count) * sizeof(uint32_t) + 16 * 9;
}

size_t plan_grid_scratch_bytes(size_t piece_count, size_t span_count)
{
    if (piece_count == 0 || piece_count > PLAN_GRID_ITEMS_MAX || span_count < piece_count ||
        span_count > PLAN_GRID_ITEMS_MAX) {
        return 0;
    }
    return workspace_each(piece_count, span_count);
}

static bool workspace_lay(workspace *w, size_t piece_count, size_t span_count, void *scratch,
                          size_t scratch_bytes)
{
    unsigned char *at = scratch, *end = at + scratch_bytes;
    size_t sections_max = span_count; /* each closes after a start of its own */
    return take(&at, end, piece_count, sizeof(plan_item), &w->items) &&
           take(&at, end, span_count, sizeof(plan_span), &w->spans) &&
           take(&at, end, span_count, sizeof(uint32_t), &w->row) &&
           take(&at, end, piece_count, sizeof(plan_item), &w->unsorted) &&
           take(&at, end, span_count, sizeof(plan_span), &w->raw) &&
           take(&at, end, sections_max, sizeof(uint64_t), &w->sums) &&
           take(&at, end, sections_max, sizeof(uint64_t), &w->slack) &&
           take(&at, end, span_count, sizeof(uint32_t), &w->row_end) &&
           take(&at, end, 2 * span_count + piece_count, sizeof(uint32_t), &w->order);
}

static bool is_piece_sound(const plan_piece *p, size_t span_count)
{
    bool listed = p->span_count > 0 && p->first_span <= span_count &&
                  p->span_count <= span_count - p->first_span;
    bool aligned = p->align_bytes == 0 || bytes_is_power_of_two(p->align_bytes);
    return listed && aligned && p->size_bytes > 0 &&
           (!p->is_fixed || !p->align_bytes || p->offset_bytes % p->align_bytes == 0);
}

static bool is_sound(const plan_piece *pieces, size_t piece_count, const plan_span *spans,
                     size_t span_count)
{
    uint64_t sum = 0, fixed = 0, listed = 0;
    for (size_t i = 0; i < piece_count; i++) {
        const plan_piece *p = &pieces[i];
        if (!is_piece_sound(p, span_count) || !bytes_add(sum, p->size_bytes, &sum) ||
            !bytes_add(sum, p->align_bytes, &sum)) {
            return false;
        }
        fixed = p->is_fixed && p->offset_bytes > fixed ? p->offset_bytes : fixed;
        listed += p->span_count;
        for (uint32_t k = 0; k < p->span_count; k++) {
            if (spans[p->first_span + k].lower >= spans[p->first_span + k].upper) {
                return false;
            }
        }
    }
    return listed <= span_count && bytes_add(sum, fixed, &sum) && sum < UINT64_C(1) << 62;
}

/* ---- time: steps to sections ---- */

/* Event 2k is the start of span k, 2k + 1 its end; ends go first at the same step. */
static bool event_is_before(const void *context, uint32_t a, uint32_t b)
{
    const plan_span *spans = context;
    uint32_t at_a = a & 1 ? spans[a / 2].upper : spans[a / 2].lower;
    uint32_t at_b = b & 1 ? spans[b / 2].upper : spans[b / 2].lower;
    if (at_a != at_b) {
        return at_a < at_b;
    }
    return (a & 1) != (b & 1) ? (a & 1) : a < b;
}

static uint32_t find_sections(const plan_span *steps, size_t span_count, uint32_t *order,
                              plan_span *out)
{
    uint32_t section = 0;
    bool is_open = false;
    sort_indices(order, 2 * span_count, event_is_before, steps);
    for (size_t i = 0; i < 2 * span_count; i++) {
        if (order[i] & 1) {
            section += is_open;
            is_open = false;
            out[order[i] / 2].upper = section;
        } else {
            is_open = true;
            out[order[i] / 2].lower = section;
        }
    }
    return section;
}

/* Sorts an item's spans and joins what touches; insertion sort, since they are few. */
static uint32_t tidy(plan_span *spans, uint32_t count)
{
    for (uint32_t i = 1; i < count; i++) {
        plan_span moving = spans[i];
        uint32_t k = i;
        for (; k > 0 && spans[k - 1].lower > moving.lower; k--) {
            spans[k] = spans[k - 1];
        }
        spans[k] = moving;
    }
    uint32_t kept = 0;
    for (uint32_t i = 1; i < count; i++) {
        if (spans[i].lower <= spans[kept].upper) {
            uint32_t upper = spans[i].upper;
            spans[kept].upper = upper > spans[kept].upper ? upper : spans[kept].upper;
        } else {
            spans[++kept] = spans[i];
        }
    }
    return kept + 1;
}

/* ---- space: bytes to units ---- */

static uint64_t divisor(uint64_t a, uint64_t b)
{
    while (b != 0) {
        uint64_t rest = a % b;
        a = b;
        b = rest;
    }
    return a;
}

static uint64_t align_of(const plan_piece *p)
{
    return p->align_bytes ? p->align_bytes : 1;
}

/* What every offset is a multiple of, and so what every size may be rounded up to. */
static uint64_t common_align(const plan_piece *pieces, size_t count)
{
    uint64_t least = UINT64_C(1) << 32;
    for (size_t i = 0; i < count; i++) {
        uint64_t own = align_of(&pieces[i]);
        if (pieces[i].is_fixed) { /* a pinned offset is as aligned as it happens to be */
            uint64_t offset = pieces[i].offset_bytes;
            own = offset ? offset & (~offset + 1) : least;
        }
        least = own < least ? own : least;
    }
    return least;
}

static uint64_t round_up(uint64_t n, uint64_t to)
{
    return (n + to - 1) / to * to; /* is_sound has seen that this fits */
}

static uint64_t find_unit(const plan_piece *pieces, size_t count, uint64_t least_align)
{
    uint64_t unit = 0;
    for (size_t i = 0; i < count; i++) {
        unit = divisor(unit, round_up(pieces[i].size_bytes, least_align));
        unit = pieces[i].is_fixed ? divisor(unit, pieces[i].offset_bytes) : unit;
    }
    for (size_t i = 0; i < count; i++) {
        bool is_free = pieces[i].is_fixed || unit % align_of(&pieces[i]) == 0;
        unit = is_free ? unit : divisor(unit, align_of(&pieces[i]));
    }
    return unit;
}

static plan_item item_of(const plan_piece *p, uint64_t unit, uint64_t least_align)
{
    uint64_t align = p->is_fixed || unit % align_of(p) == 0 ? 1 : align_of(p) / unit;
    return (plan_item){
        .size = round_up(p->size_bytes, least_align) / unit,
        .align = align,
        .earliest = p->is_fixed ? p->offset_bytes / unit : 0,
        .size_bytes = p->size_bytes,
        .first_span = p->first_span,
        .is_fixed = p->is_fixed,
    };
}

/* ---- order, rows, sums ---- */

typedef struct item_view {
    const plan_item *items;
    const plan_span *spans;
} item_view;

#define BY(x, y)                                                                                   \
    do {                                                                                           \
        if ((x) != (y)) {                                                                          \
            return (x) < (y);                                                                      \
        }                                                                                          \
    } while (0)

/* By start, longest first, largest first, then by all else that a search could see. */
static bool item_is_before(const void *context, uint32_t a, uint32_t b)
{
    const item_view *view = context;
    const plan_item *x = &view->items[a], *y = &view->items[b];
    const plan_span *of_x = view->spans + x->first_span, *of_y = view->spans + y->first_span;
    BY(of_x[0].lower, of_y[0].lower);
    BY(of_y[y->span_count - 1].upper, of_x[x->span_count - 1].upper);
    BY(y->size, x->size);
    BY(y->align, x->align);
    BY(y->earliest, x->earliest);
    BY(y->is_fixed, x->is_fixed);
    BY(x->span_count, y->span_count);
    for (uint32_t k = 0; k < x->span_count; k++) {
        BY(of_x[k].lower, of_y[k].lower);
        BY(of_x[k].upper, of_y[k].upper);
    }
    BY(y->size_bytes, x->size_bytes);
    BY(y->life, x->life);
    return a < b;
}

static bool span_is_before(const void *context, uint32_t a, uint32_t b)
{
    const plan_span *spans = context;
    BY(spans[a].lower, spans[b].lower);
    return a < b;
}

static void colour_rows(plan_grid *self, uint32_t *row_end, uint32_t *order)
{
    sort_indices(order, self->span_count, span_is_before, self->spans);
    self->row_count = 0;
    for (uint32_t i = 0; i < self->span_count; i++) {
        const plan_span *span = &self->spans[order[i]];
        uint32_t row = 0;
        while (row < self->row_count && row_end[row] > span->lower) {
            row++;
        }
        self->row_count += row == self->row_count;
        row_end[row] = span->upper;
        self->row[order[i]] = row;
    }
}

/* The last item of a pile may stick out of its rounded size's place, so the fullest section
 * counts all roundings but the greatest. */
static void find_bound(plan_grid *self, uint64_t *sums, uint64_t *slack)
{
    memset(sums, 0, self->section_count * sizeof(*sums));
    memset(slack, 0, self->section_count * sizeof(*slack));
    self->bound_bytes = 0;
    for (uint32_t i = 0; i < self->item_count; i++) {
        const plan_item *item = &self->items[i];
        uint64_t whole = item->size * self->unit_bytes, spare = whole - item->size_bytes;
        for (uint32_t k = 0; k < item->span_count; k++) {
            const plan_span *span = &self->spans[item->first_span + k];
            for (uint32_t s = span->lower; s < span->upper; s++) {
                sums[s] += whole;
                slack[s] = spare > slack[s] ? spare : slack[s];
            }
        }
        uint64_t end = item->earliest * self->unit_bytes + item->size_bytes;
        self->bound_bytes = end > self->bound_bytes ? end : self->bound_bytes;
    }
    for (uint32_t s = 0; s < self->section_count; s++) {
        uint64_t least = sums[s] - slack[s];
        self->bound_bytes = least > self->bound_bytes ? least : self->bound_bytes;
    }
}

/* Pairs that share a section, from how many spans started and ended by then; a pair that
 * meets twice counts twice. */
static void count_pairs(plan_grid *self, uint64_t *started, uint64_t *ended)
{
    memset(started, 0, self->section_count * sizeof(*started));
    memset(ended, 0, self->section_count * sizeof(*ended));
    for (uint32_t k = 0; k < self->span_count; k++) {
        started[self->spans[k].lower]++;
        ended[self->spans[k].upper - 1]++;
    }
    for (uint32_t s = 1; s < self->section_count; s++) {
        started[s] += started[s - 1];
        ended[s] += ended[s - 1];
    }
    self->pair_count = 0;
    for (uint32_t k = 0; k < self->span_count; k++) {
        const plan_span *span = &self->spans[k];
        uint64_t gone = span->lower ? ended[span->lower - 1] : 0;
        self->pair_count += started[span->upper - 1] - gone - 1;
    }
}

bool plan_grid_init(plan_grid *self, const plan_piece *pieces, size_t piece_count,
                    const plan_span *spans, size_t span_count, void *scratch, size_t scratch_bytes)
{
    workspace w;
    size_t need = plan_grid_scratch_bytes(piece_count, span_count);
    if (need == 0 || !scratch || (uintptr_t)scratch % 16 || scratch_bytes < need ||
        !is_sound(pieces, piece_count, spans, span_count) ||
        !workspace_lay(&w, piece_count, span_count, scratch, scratch_bytes)) {
        return false;
    }
    uint64_t least_align = common_align(pieces, piece_count);
    *self = (plan_grid){.items = w.items, .spans = w.spans, .row = w.row};
    self->item_count = (uint32_t)piece_count;
    self->unit_bytes = find_unit(pieces, piece_count, least_align);
    uint32_t raw_count = 0; /* only listed spans, each piece's side by side */
    for (uint32_t i = 0; i < piece_count; i++) {
        w.unsorted[i] = item_of(&pieces[i], self->unit_bytes, least_align);
        memcpy(w.spans + raw_count, spans + pieces[i].first_span,
               pieces[i].span_count * sizeof(*spans));
        w.unsorted[i].first_span = raw_count;
        raw_count += pieces[i].span_count;
        w.unsorted[i].piece = i;
        for (uint32_t k = 0; k < pieces[i].span_count; k++) {
            const plan_span *span = &spans[pieces[i].first_span + k];
            w.unsorted[i].life += span->upper - span->lower;
        }
    }
    self->section_count = find_sections(w.spans, raw_count, w.order, w.raw);
    for (uint32_t i = 0; i < piece_count; i++) {
        w.unsorted[i].span_count = tidy(w.raw + w.unsorted[i].first_span, pieces[i].span_count);
    }
    item_view view = {w.unsorted, w.raw};
    sort_indices(w.order, piece_count, item_is_before, &view);
    for (uint32_t i = 0; i < piece_count; i++) {
        plan_item item = w.unsorted[w.order[i]];
        memcpy(w.spans + self->span_count, w.raw + item.first_span,
               item.span_count * sizeof(*spans));
        item.first_span = self->span_count;
        self->span_count += item.span_count;
        w.items[i] = item;
    }
    colour_rows(self, w.row_end, w.order);
    find_bound(self, w.sums, w.slack);
    count_pairs(self, w.sums, w.slack);
    return true;
}

uint64_t plan_grid_capacity(const plan_grid *self, uint64_t capacity_bytes)
{
    uint64_t whole = capacity_bytes / self->unit_bytes;
    return whole + (capacity_bytes % self->unit_bytes != 0);
}

bool plan_grid_latest(const plan_grid *self, uint32_t i, uint64_t capacity_bytes, uint64_t *latest)
{
    const plan_item *item = &self->items[i];
    if (capacity_bytes < item->size_bytes) {
        return false;
    }
    uint64_t last = (capacity_bytes - item->size_bytes) / self->unit_bytes;
    last = item->is_fixed && item->earliest < last ? item->earliest : last - last % item->align;
    *latest = last;
    return last >= item->earliest;
}
