/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_state.h - what the parts of the decision solver share.
 *
 * Words: an item's *start* is the least offset still possible for it, its *rest* the least that
 * the placed items under it leave. A *level* is one decision "this item lies at its start". A
 * *reason* is a set of levels, one bit each. Every start that was raised stands on the trail
 * with the levels that force it, and each item's entries form a chain, so that the reason for
 * a weaker claim ("at least v") is the oldest entry that says as much.
 *
 * What counts as a plan: the search looks for plans in which no single item can be moved to a
 * lower free place, in which of two items of equal spans directly on one another the larger
 * lies below, and in which equal items lie in order of index. If there is a plan there is one
 * of these: every move that establishes one of the three lowers offsets or sorts a pile.
 */
#ifndef ARENA_PLAN_SEARCH_STATE_H
#define ARENA_PLAN_SEARCH_STATE_H

#include "arena/plan_search.h"

#define UNITS_MAX     (INT32_C(1) << 30) /* heights and their sums fit 32 bits */
#define NARROW_MAX    INT16_MAX
#define NO_ENTRY      UINT32_MAX
#define NO_ITEM       UINT32_MAX
#define PLAN_LEARNERS 2u
#define LANES_BLOCK   32 /* sections to a block, whatever the vector's width */

typedef struct trail_entry {
    int32_t start, rest; /* after the raise */
    uint32_t item, previous;
} trail_entry;

typedef struct section_range {
    uint32_t lower, upper;
} section_range;

typedef enum valley_rule { LOWEST_VALLEY, FAIL_FIRST } valley_rule;

typedef enum key_order { FULL_LIFE_AREA, FULL_AREA_LIFE, MIXED } key_order;

/* How one run chooses. */
typedef struct run_plan {
    valley_rule rule;
    key_order key_order;
    uint32_t weight_full, weight_life, weight_area; /* MIXED: of the ranks by each */
    uint64_t conflict_limit;
} run_plan;

struct plan_search {
    const plan_grid *grid;
    uint32_t item_count, section_count, row_count, stride, words;
    int32_t capacity;
    bool is_narrow, is_ranked;

    /* per item: what it is */
    int32_t *size, *align, *latest, *root;
    uint32_t *first, *last; /* sections, half-open, gaps included */
    uint32_t *kind;         /* items of equal spans share it; may be restacked */
    uint32_t *twin;         /* the next equal item, or NO_ITEM */
    uint32_t *near_at;      /* item i shares sections with near[near_at[i] .. near_at[i+1]) */
    uint16_t *near;
    uint32_t *in_section_at;
    uint16_t *in_section;
    uint32_t *first_at; /* items whose first section is s: first_at[s] .. [s + 1] */
    uint32_t *life_rank, *area_rank;
    uint64_t *life, *area;

    /* per item: where it stands */
    int32_t *start, *rest;
    uint32_t *head;  /* newest trail entry */
    uint32_t *level; /* 0: not placed */

    trail_entry *trail;
    uint64_t *reasons; /* words per entry */
    uint32_t trail_count, trail_limit;
    bool trail_is_full;

    /* per level, from 1 */
    uint32_t depth;
    uint32_t *decided, *trail_mark;
    section_range *component;
    uint32_t *view; /* whose row of full the level uses */

    /* per section, in lanes of 16 or 32 bits */
    unsigned char *starts, *sizes;            /* row_count rows; start -1: nobody waits here */
    unsigned char *floors;                    /* floors, then what remains; one stride each */
    unsigned char *saved;                     /* the same per level */
    int32_t *full;                            /* fullest sections as of the last split, per level */
    uint16_t *crossing;                       /* items not placed that span s and s + 1 */
    uint32_t *learned;                        /* failures, one stretch per learner */
    uint32_t *failures;                       /* of the run's own learner */
    uint32_t *count_here;                     /* of the valley being looked at */
    uint16_t *rows, *row_place, *row_waiting; /* per block: rows where somebody waits */
    uint32_t *row_counts;
    section_range dirty;
    bool (*check)(plan_search *self, uint32_t block, uint32_t *section, int32_t *threshold);

    uint64_t *conflict;
    uint64_t random;
    run_plan run;
    uint64_t nodes, conflicts;
};

static inline int32_t lane_at(const plan_search *self, const unsigned char *lanes, uint32_t s)
{
    return self->is_narrow ? ((const int16_t *)lanes)[s] : ((const int32_t *)lanes)[s];
}

static inline size_t lane_bytes(const plan_search *self)
{
    return self->is_narrow ? sizeof(int16_t) : sizeof(int32_t);
}

static inline int32_t lane_none(const plan_search *self)
{
    return self->is_narrow ? INT16_MAX : INT32_MAX;
}

/* The least start of who waits in section @s; lane_none when nobody does. */
static inline int32_t floor_at(const plan_search *self, uint32_t s)
{
    return lane_at(self, self->floors, s);
}

static inline int32_t remaining_at(const plan_search *self, uint32_t s)
{
    return lane_at(self, self->floors + self->stride * lane_bytes(self), s);
}

static inline int32_t align_start(const plan_search *self, uint32_t i, int32_t at)
{
    int32_t align = self->align[i];
    return align == 1 ? at : (at + align - 1) & -align;
}

/* plan_search_tables.c: what the capacity decides. UNKNOWN: to be searched, unless the
 * capacity is then 0, which is more than the solver counts to. */
plan_verdict plan_tables_prepare(plan_search *self, uint64_t capacity_bytes);
/* Ranks by life and by area, for drawn orders. */
void plan_tables_rank(plan_search *self);

/* plan_search_lanes.c: one row of starts per colour of the grid, sections side by side. */
/* Takes the widest vectors that this machine has. */
void plan_lanes_choose(plan_search *self);
void plan_lanes_fill(plan_search *self, uint32_t item, int32_t start);
/* Item @item waits, or no longer. */
void plan_lanes_join(plan_search *self, uint32_t item);
void plan_lanes_leave(plan_search *self, uint32_t item);
/* Floors and the suffix bound over the dirty sections: false when a section overflows, with
 * the threshold from which on it does. Leaves nothing dirty. */
bool plan_lanes_check(plan_search *self, uint32_t *section, int32_t *threshold);

/* plan_search_state.c: starts, the trail, placing and taking back. False: conflict is set. */
void plan_state_reset(plan_search *self);
bool plan_state_place(plan_search *self, uint32_t item);
bool plan_state_refuse(plan_search *self, uint32_t item, int32_t at, const uint64_t *why);
bool plan_state_support(plan_search *self, uint32_t item);
void plan_state_undo(plan_search *self, uint32_t depth);
bool plan_state_settle(plan_search *self);

/* plan_search_select.c: the next item, or NO_ITEM when all are placed. False: conflict. */
bool plan_select(plan_search *self, uint32_t *item);

/* Adds to the conflict why item @i cannot start below @at. */
void plan_state_blame(const plan_search *self, uint64_t *set, uint32_t i, int32_t at);

static inline void level_add(uint64_t *set, uint32_t level)
{
    set[(level - 1) / 64] |= UINT64_C(1) << ((level - 1) % 64);
}

#endif
