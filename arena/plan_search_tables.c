/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_tables.c - the decision solver's memory, and what is known before it searches.
 *
 * Decides how large each table is, in one walk that both measures and lays out, so that the
 * two cannot differ; fills what depends on the grid alone, then what the capacity decides.
 * Refuses capacities below the bound (a proof) and heights beyond 2^30 units (unknown).
 * Invariant that the lanes rely on: no section holds more than the capacity.
 */
#include <string.h>

#include "arena/plan_search_state.h"

#define TRAIL_EACH_MAX 96

/* ---- memory ---- */

typedef struct layout {
    unsigned char *base;
    size_t used;
} layout;

static void *lay(layout *at, size_t count, size_t each)
{
    void *here = at->base ? at->base + at->used : NULL;
    at->used += (count * each + 63) & ~(size_t)63;
    return here;
}

static uint64_t pairs_in_sections(const plan_grid *grid)
{
    uint64_t pairs = 0;
    if (!grid->spans) { /* not known: as many as there can be */
        return (uint64_t)grid->span_count * grid->section_count;
    }
    for (uint32_t k = 0; k < grid->span_count; k++) {
        pairs += grid->spans[k].upper - grid->spans[k].lower;
    }
    return pairs;
}

static void lay_items(plan_search *self, layout *at)
{
    const plan_grid *grid = self->grid;
    size_t n = grid->item_count;
    self->size = lay(at, n, sizeof(int32_t));
    self->align = lay(at, n, sizeof(int32_t));
    self->latest = lay(at, n, sizeof(int32_t));
    self->root = lay(at, n, sizeof(int32_t));
    self->first = lay(at, n, sizeof(uint32_t));
    self->last = lay(at, n, sizeof(uint32_t));
    self->kind = lay(at, n, sizeof(uint32_t));
    self->twin = lay(at, n, sizeof(uint32_t));
    self->life_rank = lay(at, n, sizeof(uint32_t));
    self->area_rank = lay(at, n, sizeof(uint32_t));
    self->life = lay(at, n, sizeof(uint64_t));
    self->area = lay(at, n, sizeof(uint64_t));
    self->near_at = lay(at, n + 1, sizeof(uint32_t));
    self->near = lay(at, grid->pair_count, sizeof(uint16_t));
    self->start = lay(at, n, sizeof(int32_t));
    self->rest = lay(at, n, sizeof(int32_t));
    self->head = lay(at, n, sizeof(uint32_t));
    self->level = lay(at, n, sizeof(uint32_t));
}

static void lay_rest(plan_search *self, layout *at)
{
    const plan_grid *grid = self->grid;
    size_t n = grid->item_count, sections = grid->section_count;
    uint64_t trail = grid->pair_count + 16 * (uint64_t)n + 1024;
    uint64_t trail_max = TRAIL_EACH_MAX * (uint64_t)n + 65536;
    self->words = (grid->item_count + 63) / 64;
    self->stride = (grid->section_count + LANES_BLOCK - 1) / LANES_BLOCK * LANES_BLOCK;
    self->trail_limit = (uint32_t)(trail < trail_max ? trail : trail_max);
    self->trail = lay(at, self->trail_limit, sizeof(trail_entry));
    self->reasons = lay(at, self->trail_limit, self->words * sizeof(uint64_t));
    self->decided = lay(at, n + 2, sizeof(uint32_t));
    self->trail_mark = lay(at, n + 2, sizeof(uint32_t));
    self->component = lay(at, n + 2, sizeof(section_range));
    self->view = lay(at, n + 2, sizeof(uint32_t));
    self->in_section_at = lay(at, sections + 1, sizeof(uint32_t));
    self->in_section = lay(at, pairs_in_sections(grid), sizeof(uint16_t));
    self->first_at = lay(at, sections + 1, sizeof(uint32_t));
    self->crossing = lay(at, sections, sizeof(uint16_t));
    self->learned = lay(at, PLAN_LEARNERS * sections, sizeof(uint32_t));
    self->count_here = lay(at, sections + 1, sizeof(uint32_t));
    size_t cells = (size_t)self->stride / LANES_BLOCK * grid->row_count;
    self->rows = lay(at, cells, sizeof(uint16_t));
    self->row_place = lay(at, cells, sizeof(uint16_t));
    self->row_waiting = lay(at, cells, sizeof(uint16_t));
    self->row_counts = lay(at, self->stride / LANES_BLOCK, sizeof(uint32_t));
    self->conflict = lay(at, self->words, sizeof(uint64_t));
    self->starts = lay(at, (size_t)grid->row_count * self->stride, sizeof(int32_t));
    self->sizes = lay(at, (size_t)grid->row_count * self->stride, sizeof(int32_t));
    self->floors = lay(at, 2 * self->stride, sizeof(int32_t));
    self->saved = lay(at, (n + 2) * 2 * self->stride, sizeof(int32_t));
    self->full = lay(at, (n + 2) * n, sizeof(int32_t));
}

size_t plan_search_scratch_bytes(const plan_grid *grid)
{
    plan_search shape = {.grid = grid};
    layout at = {0};
    if (grid->pair_count > UINT32_MAX / 2) {
        return 0;
    }
    lay(&at, 1, sizeof(plan_search));
    lay_items(&shape, &at);
    lay_rest(&shape, &at);
    return at.used;
}

/* ---- what does not change ---- */

static bool has_equal_spans(const plan_grid *grid, uint32_t a, uint32_t b)
{
    const plan_item *x = &grid->items[a], *y = &grid->items[b];
    return x->span_count == y->span_count &&
           memcmp(grid->spans + x->first_span, grid->spans + y->first_span,
                  x->span_count * sizeof(plan_span)) == 0;
}

static void list_sections(plan_search *self)
{
    const plan_grid *grid = self->grid;
    uint32_t *at = self->in_section_at;
    memset(at, 0, (self->section_count + 1) * sizeof(*at));
    for (uint32_t k = 0; k < grid->span_count; k++) {
        for (uint32_t s = grid->spans[k].lower; s < grid->spans[k].upper; s++) {
            at[s + 1]++;
        }
    }
    for (uint32_t s = 0; s < self->section_count; s++) {
        at[s + 1] += at[s];
        self->count_here[s] = at[s];
    }
    for (uint32_t i = 0; i < self->item_count; i++) {
        const plan_item *of = &grid->items[i];
        for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
            for (uint32_t s = grid->spans[k].lower; s < grid->spans[k].upper; s++) {
                self->in_section[self->count_here[s]++] = (uint16_t)i;
            }
        }
    }
    for (uint32_t s = 0, i = 0; s <= self->section_count; s++) {
        for (; i < self->item_count && self->first[i] < s; i++) {
        }
        self->first_at[s] = i;
    }
}

static uint32_t add_near(plan_search *self, uint32_t count, uint32_t j)
{
    self->near[count] = (uint16_t)j;
    return count + 1;
}

/* By rising index. Without gaps: who is alive in the first section, then who starts later. */
static void list_neighbours(plan_search *self)
{
    const plan_grid *grid = self->grid;
    bool has_gaps = grid->span_count > grid->item_count;
    uint32_t count = 0;
    for (uint32_t i = 0; i < self->item_count; i++) {
        uint32_t first = self->first[i], k = self->in_section_at[first];
        self->near_at[i] = count;
        for (; !has_gaps && k < self->in_section_at[first + 1]; k++) {
            count = self->in_section[k] != i ? add_near(self, count, self->in_section[k]) : count;
        }
        uint32_t end = self->first_at[self->last[i]];
        for (uint32_t j = has_gaps ? 0 : self->first_at[first + 1]; j < end; j++) {
            bool is_near = !has_gaps || (j != i && plan_grid_meet(grid, i, j));
            count = is_near ? add_near(self, count, j) : count;
        }
    }
    self->near_at[self->item_count] = count;
}

void plan_tables_rank(plan_search *self)
{
    for (uint32_t i = 0; i < self->item_count; i++) {
        uint32_t life = 0, area = 0;
        for (uint32_t j = 0; j < self->item_count; j++) {
            life += self->life[j] < self->life[i];
            area += self->area[j] < self->area[i];
        }
        self->life_rank[i] = life;
        self->area_rank[i] = area;
    }
    self->is_ranked = true;
}

plan_search *plan_search_init(const plan_grid *grid, void *scratch, size_t scratch_bytes)
{
    size_t need = plan_search_scratch_bytes(grid);
    if (need == 0 || !scratch || (uintptr_t)scratch % 64 || scratch_bytes < need) {
        return NULL;
    }
    layout at = {.base = scratch};
    plan_search *self = lay(&at, 1, sizeof(plan_search));
    *self = (plan_search){.grid = grid,
                          .item_count = grid->item_count,
                          .section_count = grid->section_count,
                          .row_count = grid->row_count};
    lay_items(self, &at);
    lay_rest(self, &at);
    for (uint32_t i = 0; i < self->item_count; i++) {
        const plan_item *item = &grid->items[i];
        self->first[i] = grid->spans[item->first_span].lower;
        self->last[i] = grid->spans[item->first_span + item->span_count - 1].upper;
        self->life[i] = item->life;
        self->area[i] = item->size > UINT64_MAX / item->life ? UINT64_MAX : item->size * item->life;
    }
    list_sections(self);
    list_neighbours(self);
    plan_search_forget(self);
    return self;
}

/* ---- what the capacity decides ---- */

/* Equal items are twins; items of equal spans are of one kind while any pile of them may be
 * restacked: no alignments, and no size that fits only by its rounding. */
static void pair_items(plan_search *self, bool may_restack)
{
    const plan_grid *grid = self->grid;
    for (uint32_t i = 0; i < self->item_count; i++) {
        self->kind[i] = self->twin[i] = NO_ITEM;
    }
    for (uint32_t i = self->item_count; i-- > 0;) {
        const plan_item *a = &grid->items[i];
        for (uint32_t j = i + 1; !a->is_fixed && j < self->item_count; j++) {
            const plan_item *b = &grid->items[j];
            if (self->first[j] != self->first[i] || self->last[j] != self->last[i]) {
                break; /* the grid's order keeps these together */
            }
            if (b->is_fixed || !has_equal_spans(grid, i, j)) {
                continue;
            }
            if (may_restack && a->align == 1 && b->align == 1) {
                self->kind[j] = self->kind[j] == NO_ITEM ? j : self->kind[j];
                self->kind[i] = self->kind[j];
            }
            if (a->size_bytes == b->size_bytes && a->align == b->align) {
                self->twin[i] = j;
                break;
            }
        }
    }
}

static bool raise_roots(plan_search *self)
{
    for (uint32_t i = 0; i < self->item_count; i++) {
        uint32_t twin = self->twin[i];
        if (self->root[i] > self->latest[i]) {
            return false;
        }
        if (twin != NO_ITEM) {
            self->root[twin] = self->root[i] + self->size[i];
            self->root[twin] = align_start(self, twin, self->root[twin]);
        }
    }
    return true;
}

static void lay_sizes(plan_search *self)
{
    size_t cells = (size_t)self->row_count * self->stride;
    memset(self->starts, 0xff, cells * lane_bytes(self));
    memset(self->sizes, 0, cells * lane_bytes(self));
    memset(self->floors, 0, 2 * self->stride * lane_bytes(self));
    for (uint32_t i = 0; i < self->item_count; i++) {
        const plan_item *of = &self->grid->items[i];
        for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
            size_t row = (size_t)self->grid->row[k] * self->stride;
            for (uint32_t s = self->grid->spans[k].lower; s < self->grid->spans[k].upper; s++) {
                if (self->is_narrow) {
                    ((int16_t *)self->sizes)[row + s] = (int16_t)self->size[i];
                } else {
                    ((int32_t *)self->sizes)[row + s] = self->size[i];
                }
            }
        }
    }
}

plan_verdict plan_tables_prepare(plan_search *self, uint64_t capacity_bytes)
{
    const plan_grid *grid = self->grid;
    uint64_t capacity = 0, least = UINT64_MAX;
    if (capacity_bytes < grid->bound_bytes) {
        return PLAN_INFEASIBLE; /* also keeps every sum within the capacity */
    }
    for (uint32_t i = 0; i < self->item_count; i++) {
        const plan_item *item = &grid->items[i];
        uint64_t latest, room = (capacity_bytes - item->size_bytes) / grid->unit_bytes;
        if (!plan_grid_latest(grid, i, capacity_bytes, &latest)) {
            return PLAN_INFEASIBLE;
        }
        room += item->size;
        capacity = room > capacity ? room : capacity;
        least = room < least ? room : least;
        if (capacity > UNITS_MAX || item->align > UNITS_MAX) {
            self->capacity = 0;
            return PLAN_UNKNOWN;
        }
        self->size[i] = (int32_t)item->size;
        self->align[i] = (int32_t)item->align;
        self->latest[i] = (int32_t)latest;
        self->root[i] = (int32_t)item->earliest;
    }
    self->capacity = (int32_t)capacity;
    self->is_narrow = capacity < NARROW_MAX - 64;
    plan_lanes_choose(self);
    pair_items(self, capacity == least);
    if (!raise_roots(self)) {
        return PLAN_INFEASIBLE;
    }
    lay_sizes(self);
    return PLAN_UNKNOWN;
}
