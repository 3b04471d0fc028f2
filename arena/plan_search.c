/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search.c - runs of the decision solver.
 *
 * Decides how long a run may take and by which rules it chooses, and learns from failures by
 * conflict-directed back-jumping: a conflict names the decisions behind it; the search goes
 * back to the latest of them, at once, and refuses that item its place for the reason that the
 * others are. A conflict that names none is a proof. Sources: Prosser 1993 (back-jumping),
 * Walsh 1999 (limits that grow geometrically), Moffitt 2023 (the canonical order of MiniMalloc).
 */
#include <string.h>

#include "arena/plan_search_state.h"

#define TURNS_IN_ORDER 3
#define ASK_EVERY      256
#define LIMIT_MAX      (UINT64_C(1) << 40)

void plan_search_forget(plan_search *self)
{
    memset(self->learned, 0, PLAN_LEARNERS * self->section_count * sizeof(*self->learned));
}

/* Conflicts, and not nodes: a dive that meets none is never cut short, and the first runs are
 * left as soon as they have failed once for every item. A third more with each turn. */
static uint64_t conflict_limit(uint32_t items, uint32_t turn)
{
    uint64_t limit = (uint64_t)items + 64;
    for (; turn > 0 && limit < LIMIT_MAX; turn--) {
        limit += limit / 3;
    }
    return limit;
}

/* splitmix64 (Steele, Lea, Flood 2014) */
static uint64_t next_random(plan_search *self)
{
    uint64_t z = self->random += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

/* Four ways in turn, under limits that grow. The first of each starts from nothing,
 * so that what they find depends on the instance alone; later ones keep the failures learned,
 * fading; from the fourth turn on the order of candidates is drawn, and fail-first gets seven
 * runs of eight: where there is slack, failures are what tells where not to leave it. */
static void plan_run(plan_search *self, uint64_t seed, uint32_t index)
{
    static const run_plan ways[] = {{.rule = FAIL_FIRST, .key_order = FULL_LIFE_AREA},
                                    {.rule = FAIL_FIRST, .key_order = FULL_AREA_LIFE},
                                    {.rule = LOWEST_VALLEY, .key_order = FULL_LIFE_AREA},
                                    {.rule = LOWEST_VALLEY, .key_order = FULL_AREA_LIFE}};
    const uint32_t way_count = sizeof(ways) / sizeof(ways[0]);
    self->run = ways[index % way_count];
    self->run.conflict_limit = conflict_limit(self->item_count, index / way_count);
    self->failures = self->learned + (size_t)(index % PLAN_LEARNERS) * self->section_count;
    if (index < way_count) {
        memset(self->failures, 0, self->section_count * sizeof(*self->failures));
    }
    if (index >= TURNS_IN_ORDER * way_count) {
        for (uint32_t s = 0; s < self->section_count; s++) {
            self->failures[s] -= self->failures[s] / 8; /* what is long past weighs less */
        }
        self->run.rule = index % 8 == 7 ? LOWEST_VALLEY : FAIL_FIRST;
        if (!self->is_ranked) {
            plan_tables_rank(self);
        }
        self->random = seed * UINT64_C(0x9e3779b97f4a7c15) + index;
        self->run.key_order = MIXED;
        self->run.weight_full = (uint32_t)(next_random(self) % 8);
        self->run.weight_life = (uint32_t)(next_random(self) % 8);
        self->run.weight_area = (uint32_t)(next_random(self) % 8);
    }
}

static uint32_t latest_level(const plan_search *self)
{
    for (uint32_t w = self->words; w-- > 0;) {
        if (self->conflict[w]) {
            return 64 * w + 64 - (uint32_t)__builtin_clzll(self->conflict[w]);
        }
    }
    return 0;
}

/* Back to the latest decision that the conflict names, and on without it. INFEASIBLE: none. */
static plan_verdict resolve(plan_search *self)
{
    for (;;) {
        uint32_t level = latest_level(self);
        self->conflicts++;
        if (level == 0) {
            return PLAN_INFEASIBLE;
        }
        uint32_t item = self->decided[level];
        int32_t at = self->start[item];
        plan_state_undo(self, level - 1);
        self->conflict[(level - 1) / 64] &= ~(UINT64_C(1) << ((level - 1) % 64));
        if (plan_state_refuse(self, item, at, self->conflict) && plan_state_settle(self)) {
            return PLAN_UNKNOWN;
        }
    }
}

static bool is_stopped(const plan_search *self, const plan_ask *ask, uint64_t run_end)
{
    return self->conflicts >= run_end || (ask->node_limit && self->nodes >= ask->node_limit) ||
           self->trail_is_full ||
           (self->nodes % ASK_EVERY == 0 && ask->should_stop && ask->should_stop(ask->context));
}

static plan_verdict run_once(plan_search *self, const plan_ask *ask)
{
    uint64_t run_end = self->conflicts + self->run.conflict_limit;
    plan_state_reset(self);
    bool holds = plan_state_settle(self);
    for (;;) {
        uint32_t item;
        if (!holds && resolve(self) == PLAN_INFEASIBLE) {
            return self->trail_is_full ? PLAN_UNKNOWN : PLAN_INFEASIBLE;
        }
        holds = plan_select(self, &item);
        if (!holds) {
            continue;
        }
        if (self->dirty.lower < self->dirty.upper) {
            holds = plan_state_settle(self);
            continue;
        }
        if (item == NO_ITEM && !self->trail_is_full) {
            return PLAN_FEASIBLE;
        }
        if (is_stopped(self, ask, run_end)) {
            return PLAN_UNKNOWN;
        }
        self->nodes++;
        holds = plan_state_place(self, item) && plan_state_settle(self);
    }
}

static void give_offsets(const plan_search *self, uint64_t *offsets_bytes)
{
    for (uint32_t i = 0; i < self->item_count; i++) {
        offsets_bytes[self->grid->items[i].piece] =
            (uint64_t)self->start[i] * self->grid->unit_bytes;
    }
}

plan_verdict plan_search_decide(plan_search *self, const plan_ask *ask, uint64_t *offsets_bytes,
                                plan_answer *answer)
{
    uint32_t run = ask->first_run, step = ask->run_step ? ask->run_step : 1;
    self->nodes = self->conflicts = 0;
    plan_verdict verdict = plan_tables_prepare(self, ask->capacity_bytes);
    bool is_searched = verdict == PLAN_UNKNOWN && self->capacity > 0;
    for (uint32_t k = 0; is_searched && (ask->run_limit == 0 || k < ask->run_limit); k++) {
        plan_run(self, ask->seed, run);
        verdict = run_once(self, ask);
        if (verdict != PLAN_UNKNOWN || (ask->node_limit && self->nodes >= ask->node_limit) ||
            (ask->should_stop && ask->should_stop(ask->context))) {
            break;
        }
        run += step;
    }
    if (verdict == PLAN_FEASIBLE) {
        give_offsets(self, offsets_bytes);
    }
    if (answer) {
        *answer = (plan_answer){.nodes = self->nodes, .conflicts = self->conflicts, .run = run};
    }
    return verdict;
}
