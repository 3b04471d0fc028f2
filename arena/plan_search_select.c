/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_select.c - where to branch, and on whom.
 *
 * Decides the next item to place at its start. A *valley* is a run of sections with one floor
 * between higher walls; who starts at that floor lies wholly within it, so placing one there
 * buries no gap, and refusing it decides nothing elsewhere. The search stays in one component
 * of time, between cuts that no waiting item crosses, until that is done.
 *
 * Two rules. LOWEST_VALLEY: the lowest floor, leftmost; of its candidates the one that touches
 * the fullest section, then the longest, then the largest (or another order of these), where
 * fullness is what remained when the component split off. FAIL_FIRST: the section with the
 * fewest candidates over the failures it has caused; of equals the one with least slack.
 */
#include <string.h>

#include "arena/plan_search_state.h"

static section_range find_component(const plan_search *self, uint32_t s)
{
    section_range c = {s, s + 1};
    while (c.lower > 0 && self->crossing[c.lower - 1]) {
        c.lower--;
    }
    while (c.upper < self->section_count && self->crossing[c.upper - 1]) {
        c.upper++;
    }
    return c;
}

static bool is_waiting(const plan_search *self, section_range c)
{
    for (uint32_t s = c.lower; s < c.upper; s++) {
        if (floor_at(self, s) != lane_none(self)) {
            return true;
        }
    }
    return false;
}

/* For each who waits in the component, what remains in the fullest section that it touches. */
static void view_fullness(const plan_search *self, section_range c, int32_t *full)
{
    for (uint32_t i = self->first_at[c.lower]; i < self->first_at[c.upper]; i++) {
        const plan_item *of = &self->grid->items[i];
        int32_t most = 0;
        for (uint32_t k = of->first_span; !self->level[i] && k < of->first_span + of->span_count;
             k++) {
            const plan_span *span = &self->grid->spans[k];
            for (uint32_t s = span->lower; s < span->upper; s++) {
                int32_t remaining = remaining_at(self, s);
                most = remaining > most ? remaining : most;
            }
        }
        full[i] = most;
    }
}

/* Where the last decision was while anything waits there, else where most remains. */
static bool focus(plan_search *self)
{
    uint32_t level = self->depth + 1;
    section_range c = {0, 0};
    if (self->depth) {
        c = find_component(self, self->first[self->decided[self->depth]]);
    }
    if (!is_waiting(self, c)) {
        uint32_t best = NO_ITEM;
        for (uint32_t s = 0; s < self->section_count; s++) {
            if (floor_at(self, s) != lane_none(self) &&
                (best == NO_ITEM || remaining_at(self, s) > remaining_at(self, best))) {
                best = s;
            }
        }
        if (best == NO_ITEM) {
            return false;
        }
        c = find_component(self, best);
    }
    const section_range *before = &self->component[self->depth];
    self->component[level] = c;
    if (self->depth && before->lower == c.lower && before->upper == c.upper) {
        self->view[level] = self->view[self->depth];
        return true;
    }
    self->view[level] = level;
    view_fullness(self, c, self->full + (size_t)level * self->item_count);
    return true;
}

typedef struct candidate {
    uint32_t item;
    uint64_t key[3];
} candidate;

static candidate weigh(const plan_search *self, uint32_t i)
{
    const run_plan *run = &self->run;
    const int32_t *view = self->full + (size_t)self->view[self->depth + 1] * self->item_count;
    uint64_t full = (uint64_t)view[i], life = self->life[i], area = self->area[i];
    if (run->key_order == FULL_LIFE_AREA) {
        return (candidate){i, {full, life, area}};
    }
    if (run->key_order == FULL_AREA_LIFE) {
        return (candidate){i, {full, area, life}};
    }
    uint64_t rank = full * self->item_count / (uint64_t)self->capacity;
    rank = rank * run->weight_full + (uint64_t)self->life_rank[i] * run->weight_life +
           (uint64_t)self->area_rank[i] * run->weight_area;
    return (candidate){i, {rank, life, area}};
}

static bool is_better(const candidate *a, const candidate *b)
{
    for (uint32_t k = 0; k < 3; k++) {
        if (a->key[k] != b->key[k]) {
            return a->key[k] > b->key[k];
        }
    }
    return a->item < b->item;
}

/* Everything that starts at @floor in its sections has them all at that floor. */
static bool lies_in_valley(const plan_search *self, uint32_t i, int32_t floor)
{
    const plan_item *of = &self->grid->items[i];
    for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
        const plan_span *span = &self->grid->spans[k];
        for (uint32_t s = span->lower; s < span->upper; s++) {
            if (floor_at(self, s) != floor) {
                return false;
            }
        }
    }
    return true;
}

static section_range run_at(const plan_search *self, uint32_t s, uint32_t end)
{
    section_range run = {s, s + 1};
    int32_t floor = floor_at(self, s);
    while (run.upper < end && floor_at(self, run.upper) == floor) {
        run.upper++;
    }
    return run;
}

/* The best of those that start in @valley; NO_ITEM when none does (then one with gaps starts
 * in another). False: conflict. Nobody rests on air: such an item is lifted, and the caller
 * settles and comes again. */
static bool best_in_valley(plan_search *self, section_range valley, int32_t floor, uint32_t *item)
{
    candidate best = {.item = NO_ITEM};
    for (uint32_t i = self->first_at[valley.lower]; i < self->first_at[valley.upper]; i++) {
        if (self->level[i] || self->start[i] != floor) {
            continue;
        }
        if (self->rest[i] < floor) {
            if (!plan_state_support(self, i)) {
                return false;
            }
            if (self->start[i] != floor) {
                continue;
            }
        }
        candidate other = weigh(self, i);
        if (best.item == NO_ITEM || is_better(&other, &best)) {
            best = other;
        }
    }
    *item = best.item;
    return true;
}

static bool select_lowest(plan_search *self, section_range c, uint32_t *item)
{
    int32_t lowest = lane_none(self);
    *item = NO_ITEM;
    for (uint32_t s = c.lower; s < c.upper; s++) {
        int32_t floor = floor_at(self, s);
        lowest = floor < lowest ? floor : lowest;
    }
    for (uint32_t s = c.lower; s < c.upper; s++) {
        if (floor_at(self, s) == lowest) {
            section_range valley = run_at(self, s, c.upper);
            if (!best_in_valley(self, valley, lowest, item)) {
                return false;
            }
            if (*item != NO_ITEM || self->dirty.lower < self->dirty.upper) {
                return true;
            }
            s = valley.upper - 1;
        }
    }
    return true;
}

/* One with gaps may also need sections elsewhere whose floor is lower, where others still fit
 * below it: it waits until all of its sections have come up to its start. */
static bool may_be_placed(const plan_search *self, uint32_t i, int32_t floor)
{
    return self->grid->items[i].span_count == 1 || lies_in_valley(self, i, floor);
}

/* Counts who may be placed at the floor in each section of the valley. */
static void count_candidates(plan_search *self, section_range valley, int32_t floor)
{
    uint32_t *count = self->count_here; /* first of changes from section to section */
    memset(count + valley.lower, 0, (valley.upper - valley.lower + 1) * sizeof(*count));
    for (uint32_t i = self->first_at[valley.lower]; i < self->first_at[valley.upper]; i++) {
        if (self->start[i] != floor || self->level[i] || !may_be_placed(self, i, floor)) {
            continue;
        }
        const plan_item *of = &self->grid->items[i];
        for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
            const plan_span *span = &self->grid->spans[k];
            if (span->upper <= valley.upper) {
                count[span->lower]++;
                count[span->upper]--;
            }
        }
    }
    for (uint32_t s = valley.lower + 1; s < valley.upper; s++) {
        count[s] += count[s - 1];
    }
}

static bool is_valley(const plan_search *self, section_range v, section_range c, int32_t floor)
{
    return (v.lower == c.lower || floor_at(self, v.lower - 1) > floor) &&
           (v.upper == c.upper || floor_at(self, v.upper) > floor);
}

static bool select_section(plan_search *self, section_range c, uint32_t *section)
{
    uint64_t best_count = 0, best_weight = 1;
    int32_t best_slack = 0;
    *section = NO_ITEM;
    for (uint32_t s = c.lower; s < c.upper;) {
        section_range valley = run_at(self, s, c.upper);
        int32_t floor = floor_at(self, s);
        s = valley.upper;
        if (floor == lane_none(self) || !is_valley(self, valley, c, floor)) {
            continue;
        }
        count_candidates(self, valley, floor);
        for (uint32_t k = valley.lower; k < valley.upper; k++) {
            uint64_t count = self->count_here[k], weight = self->failures[k] + 1;
            int32_t slack = self->capacity - floor - remaining_at(self, k);
            uint64_t ours = count * best_weight, least = best_count * weight;
            if (count &&
                (*section == NO_ITEM || ours < least || (ours == least && slack < best_slack))) {
                *section = k;
                best_count = count;
                best_weight = weight;
                best_slack = slack;
            }
        }
    }
    return *section != NO_ITEM;
}

static bool select_fail_first(plan_search *self, section_range c, uint32_t *item)
{
    uint32_t section;
    if (!select_section(self, c, &section)) {
        return select_lowest(self, c, item);
    }
    int32_t floor = floor_at(self, section);
    candidate best = {.item = NO_ITEM};
    for (uint32_t k = self->in_section_at[section]; k < self->in_section_at[section + 1]; k++) {
        uint32_t i = self->in_section[k];
        if (self->level[i] || self->start[i] != floor || !may_be_placed(self, i, floor)) {
            continue;
        }
        if (self->rest[i] < floor) {
            if (!plan_state_support(self, i)) {
                return false;
            }
            if (self->start[i] != floor) {
                continue;
            }
        }
        candidate other = weigh(self, i);
        if (best.item == NO_ITEM || is_better(&other, &best)) {
            best = other;
        }
    }
    *item = best.item;
    return true;
}

bool plan_select(plan_search *self, uint32_t *item)
{
    *item = NO_ITEM;
    if (!focus(self)) {
        return true;
    }
    section_range c = self->component[self->depth + 1];
    return self->run.rule == LOWEST_VALLEY ? select_lowest(self, c, item)
                                           : select_fail_first(self, c, item);
}
