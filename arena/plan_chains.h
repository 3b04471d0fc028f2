/* SPDX-License-Identifier: Apache-2.0 */
/* plan_chains.h - a plan as an order: in every section, who lies on whom.
 *
 * From the chains follow, as heads and tails do in a job shop, the lowest offset that an item can
 * have (everything pushed down) and the highest (everything pushed up under the capacity). Both
 * are kept while items come and go, at the cost of those that move.
 */
#ifndef ARENA_PLAN_CHAINS_H
#define ARENA_PLAN_CHAINS_H

#include "arena/plan_grid.h"

#define PLAN_CHAINS_ITEMS_MAX    1024u
#define PLAN_CHAINS_SECTIONS_MAX 4096u
#define PLAN_CHAINS_BUCKETS      1024u
#define PLAN_CHAINS_HEIGHT_MAX   (INT32_C(1) << 30)

typedef int32_t plan_height; /* units of the search: the grid's, or a power of two more */

/* An item, 32 bytes: nearly all that the search reads. */
typedef struct plan_place {
    plan_height low, end, high; /* in place: pushed down; its end then; pushed up */
    plan_height size, align;
    uint32_t cells;        /* its cell in section s: cells + s, modulo 2^32 */
    uint16_t lower, upper; /* hull of its spans */
    bool is_placed, is_fixed, has_gaps, is_queued;
} plan_place;

/* Two places more than the grid has items stand for the floor and for the capacity. */
typedef struct plan_chains {
    const plan_grid *grid;
    uint32_t count;
    plan_height capacity;
    plan_place *places;
    uint16_t *below, *above; /* per cell */
    uint16_t *waits;         /* who is visited next: buckets of heights, each a list */
    uint16_t first[PLAN_CHAINS_BUCKETS];
    uint64_t bits[PLAN_CHAINS_BUCKETS / 64];
    uint32_t word, bucket_shift; /* no bit is set below this word */
    bool *is_above;              /* whether a neighbour is to be above the one that comes in */
} plan_chains;

/* What plan_chains_lay takes: cells for every item in every section of its hull. */
size_t plan_chains_bytes(const plan_grid *grid);
void plan_chains_lay(plan_chains *self, const plan_grid *grid, unsigned char **at);

/* How coarse must heights be so that a plan of so many units fits? False when fixed offsets do
 * not lie on that. */
bool plan_chains_measure(plan_chains *self, uint64_t height_units, uint32_t *shift);

/* Everybody in @order, each on top of those before him, under @capacity. False, with nothing
 * promised, when that is higher than any measured plan. */
bool plan_chains_build(plan_chains *self, const uint16_t *order, uint32_t count,
                       plan_height capacity);

/* @item, in place, goes; what lay above it comes down. Its own links stay as they were ... */
void plan_chains_take(plan_chains *self, uint32_t item);
/* ... so that it can be put back, when nothing has happened in between. */
void plan_chains_put_back(plan_chains *self, uint32_t item);

/* Puts @item above its neighbours in place but those of which is_above says otherwise. */
void plan_chains_put(plan_chains *self, uint32_t item);

plan_height plan_align_up(plan_height at, plan_height align);
plan_height plan_align_down(plan_height at, plan_height align);

#endif
