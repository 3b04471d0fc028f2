/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_state.c - starts, their reasons, and taking them back.
 *
 * Decides what follows from a placement or a refusal. Invariant: each claim on the trail,
 * "item i starts at v or above", holds in every plan of the kind searched for (see
 * plan_search_state.h) that agrees with the decisions in its reason.
 *
 * A placement at h in a valley lifts all that share a section with it above its top: they
 * could only be elsewhere if they fitted below, so the reason is the placement and why the
 * item is above h less its own size, which is often nothing at all. A refused item rests on
 * nobody at its start; its next start is the lowest top that an item still waiting may get.
 */
#include <string.h>

#include "arena/plan_search_state.h"

static uint64_t *reason_of(const plan_search *self, uint32_t entry)
{
    return self->reasons + (size_t)entry * self->words;
}

static void set_union(uint64_t *set, const uint64_t *more, uint32_t words)
{
    for (uint32_t w = 0; w < words; w++) {
        set[w] |= more[w];
    }
}

void plan_state_blame(const plan_search *self, uint64_t *set, uint32_t i, int32_t at)
{
    if (self->root[i] >= at) {
        return;
    }
    uint32_t entry = self->head[i];
    for (uint32_t older = self->trail[entry].previous;
         older != NO_ENTRY && self->trail[older].start >= at; older = self->trail[entry].previous) {
        entry = older;
    }
    set_union(set, reason_of(self, entry), self->words);
}

/* The newest entry of @i, still to be given a reason; NULL when the trail is full. */
static uint64_t *push(plan_search *self, uint32_t i, int32_t start, int32_t rest)
{
    if (self->trail_count == self->trail_limit) {
        self->trail_is_full = true;
        return NULL;
    }
    uint32_t entry = self->trail_count++;
    self->trail[entry] =
        (trail_entry){.start = start, .rest = rest, .item = i, .previous = self->head[i]};
    uint64_t *reason = reason_of(self, entry);
    for (uint32_t w = 0; w < self->words; w++) { /* few, and often */
        reason[w] = 0;
    }
    return reason;
}

/* Makes the entry just pushed the item's state; a twin follows. */
static bool adopt(plan_search *self, uint32_t i)
{
    for (;;) {
        uint32_t entry = self->trail_count - 1;
        const trail_entry *now = &self->trail[entry];
        bool moved = now->start != self->start[i];
        self->head[i] = entry;
        self->start[i] = now->start;
        self->rest[i] = now->rest;
        if (!moved) {
            return true;
        }
        if (now->start > self->latest[i]) {
            memset(self->conflict, 0, self->words * sizeof(*self->conflict));
            plan_state_blame(self, self->conflict, i, self->latest[i] + 1);
            return false;
        }
        plan_lanes_fill(self, i, now->start);
        uint32_t twin = self->twin[i];
        int32_t above = twin == NO_ITEM ? 0 : align_start(self, twin, now->start + self->size[i]);
        if (twin == NO_ITEM || self->level[twin] || self->start[twin] >= above) {
            return true;
        }
        uint64_t *reason = push(self, twin, above, self->rest[twin]);
        if (!reason) {
            return true;
        }
        plan_state_blame(self, reason, i, now->start);
        i = twin;
    }
}

void plan_state_reset(plan_search *self)
{
    self->depth = 0;
    self->trail_count = 0;
    self->trail_is_full = false;
    size_t blocks = self->stride / LANES_BLOCK;
    memset(self->row_waiting, 0, blocks * self->row_count * sizeof(*self->row_waiting));
    memset(self->row_counts, 0, blocks * sizeof(*self->row_counts));
    memset(self->crossing, 0, self->section_count * sizeof(*self->crossing));
    for (uint32_t i = 0; i < self->item_count; i++) {
        self->start[i] = self->root[i];
        self->rest[i] = self->grid->items[i].is_fixed ? self->root[i] : 0;
        self->head[i] = NO_ENTRY;
        self->level[i] = 0;
        plan_lanes_join(self, i);
        plan_lanes_fill(self, i, self->root[i]);
        for (uint32_t s = self->first[i]; s + 1 < self->last[i]; s++) {
            self->crossing[s]++;
        }
    }
    self->dirty = (section_range){0, self->section_count};
}

static size_t save_bytes(const plan_search *self)
{
    return 2 * self->stride * lane_bytes(self);
}

/* Of two with equal spans directly on one another the larger lies below. */
static bool must_not_lie_on(const plan_search *self, uint32_t above, uint32_t below)
{
    return self->kind[above] == self->kind[below] && self->kind[above] != NO_ITEM &&
           self->size[above] > self->size[below];
}

bool plan_state_place(plan_search *self, uint32_t item)
{
    uint32_t level = ++self->depth;
    int32_t at = self->start[item], top = at + self->size[item];
    memcpy(self->saved + level * save_bytes(self), self->floors, save_bytes(self));
    self->decided[level] = item;
    self->trail_mark[level] = self->trail_count;
    self->level[item] = level;
    plan_lanes_fill(self, item, -1);
    plan_lanes_leave(self, item);
    for (uint32_t s = self->first[item]; s + 1 < self->last[item]; s++) {
        self->crossing[s]--;
    }
    for (uint32_t k = self->near_at[item]; k < self->near_at[item + 1]; k++) {
        uint32_t j = self->near[k];
        if (self->level[j]) {
            continue;
        }
        int32_t rest = align_start(self, j, top);
        int32_t start = rest + must_not_lie_on(self, j, item);
        rest = rest > self->rest[j] ? rest : self->rest[j];
        start = start > self->start[j] ? start : self->start[j];
        if (start == self->start[j] && rest == self->rest[j]) {
            continue;
        }
        uint64_t *reason = push(self, j, start, rest);
        if (!reason) {
            return true;
        }
        if (start != self->start[j]) {
            level_add(reason, level);
            plan_state_blame(self, reason, j, at - self->size[j] + 1);
        }
        if (!adopt(self, j)) {
            return false;
        }
    }
    return true;
}

void plan_state_undo(plan_search *self, uint32_t depth)
{
    uint32_t mark = self->trail_mark[depth + 1];
    while (self->trail_count > mark) {
        const trail_entry *gone = &self->trail[--self->trail_count];
        uint32_t i = gone->item, previous = gone->previous;
        int32_t start = previous == NO_ENTRY ? self->root[i] : self->trail[previous].start;
        bool is_fixed = self->grid->items[i].is_fixed;
        self->head[i] = previous;
        self->rest[i] =
            previous != NO_ENTRY ? self->trail[previous].rest : (is_fixed ? self->root[i] : 0);
        if (start != self->start[i]) {
            self->start[i] = start;
            if (!self->level[i]) {
                plan_lanes_fill(self, i, start);
            }
        }
    }
    for (; self->depth > depth; self->depth--) {
        uint32_t item = self->decided[self->depth];
        self->level[item] = 0;
        plan_lanes_fill(self, item, self->start[item]);
        plan_lanes_join(self, item);
        for (uint32_t s = self->first[item]; s + 1 < self->last[item]; s++) {
            self->crossing[s]++;
        }
    }
    memcpy(self->floors, self->saved + (depth + 1) * save_bytes(self), save_bytes(self));
    self->dirty = (section_range){UINT32_MAX, 0};
}

/* Why nothing can carry item @i below @next: who waits is too high, who lies is where it is. */
static void blame_carriers(const plan_search *self, uint64_t *set, uint32_t i, int32_t next)
{
    for (uint32_t k = self->near_at[i]; k < self->near_at[i + 1]; k++) {
        uint32_t j = self->near[k];
        if (self->level[j]) {
            level_add(set, self->level[j]);
        } else {
            plan_state_blame(self, set, j, next - self->align[i] - self->size[j] + 1);
        }
    }
}

bool plan_state_support(plan_search *self, uint32_t i)
{
    int32_t now = self->start[i], next = self->latest[i] + self->align[i];
    if (self->rest[i] >= now || self->grid->items[i].is_fixed) {
        return true;
    }
    for (uint32_t k = self->near_at[i]; k < self->near_at[i + 1]; k++) {
        uint32_t j = self->near[k];
        if (!self->level[j]) {
            int32_t top = align_start(self, i, self->start[j] + self->size[j]);
            if (top <= now) {
                return true;
            }
            next = top < next ? top : next;
        }
    }
    if (next <= now) {
        return true;
    }
    uint64_t *reason = push(self, i, next, self->rest[i]);
    if (!reason) {
        return true;
    }
    plan_state_blame(self, reason, i, now);
    blame_carriers(self, reason, i, next);
    return adopt(self, i);
}

bool plan_state_refuse(plan_search *self, uint32_t item, int32_t at, const uint64_t *why)
{
    uint64_t *reason = push(self, item, align_start(self, item, at + 1), self->rest[item]);
    if (!reason) {
        return true;
    }
    memcpy(reason, why, self->words * sizeof(*reason));
    plan_state_blame(self, reason, item, at);
    return adopt(self, item) && plan_state_support(self, item);
}

/* Who waits in @section from @threshold on does not fit above it: nor above any height from
 * which their sizes pass the capacity. */
static void blame_section(plan_search *self, uint32_t section, int32_t threshold)
{
    int64_t sum = 0;
    const uint16_t *list = self->in_section + self->in_section_at[section];
    uint32_t count = self->in_section_at[section + 1] - self->in_section_at[section];
    for (uint32_t k = 0; k < count; k++) {
        bool counts = !self->level[list[k]] && self->start[list[k]] >= threshold;
        sum += counts ? self->size[list[k]] : 0;
    }
    int32_t from = (int32_t)(self->capacity - sum + 1);
    memset(self->conflict, 0, self->words * sizeof(*self->conflict));
    for (uint32_t k = 0; k < count; k++) {
        if (!self->level[list[k]] && self->start[list[k]] >= threshold) {
            plan_state_blame(self, self->conflict, list[k], from);
        }
    }
    self->failures[section]++;
}

bool plan_state_settle(plan_search *self)
{
    uint32_t section;
    int32_t threshold;
    if (self->dirty.lower >= self->dirty.upper || plan_lanes_check(self, &section, &threshold)) {
        return true;
    }
    blame_section(self, section, threshold);
    return false;
}
