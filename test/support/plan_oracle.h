/* SPDX-License-Identifier: Apache-2.0 */
/* plan_oracle.h - the exact lowest height of small planning problems, by trying everything.
 *
 * Shares no code with arena/. Knows alignment, fixed offsets, gaps, pairs, regions and stages.
 *
 * Why it is exact: take an optimal plan whose offsets have the least sum. Buffers that are tied
 * by a used pair form a group of one offset, aligned to the group's greatest alignment A. The
 * group cannot move down by A, so it stands on 0, or A-aligned on the end of a buffer that
 * conflicts with it and begins lower. So placing by rising offset, each buffer at 0, on some
 * placed end rounded up to some alignment, or at a partner's offset, meets an optimal plan; all
 * such placings are tried, less those that are already as high as the best.
 */
#ifndef TEST_SUPPORT_PLAN_ORACLE_H
#define TEST_SUPPORT_PLAN_ORACLE_H

#include "plimsoll/plan.h"

#define PLAN_ORACLE_BUFFERS 12 /* 8 take a millisecond */
#define PLAN_ORACLE_STEPS   64

/* The lowest height of @region; UINT64_MAX when its fixed buffers collide. Stops the test
 * program when there are more buffers or steps than it was made for. */
uint64_t plan_oracle_height(const plim_plan_problem *problem, uint16_t region);

/* The same for a flat array: no gaps, no pairs. */
uint64_t plan_oracle_height_flat(const plim_plan_buffer *buffers, size_t count);

/* Do these two keep apart, with the offsets that they have? Step by step, pair by pair. */
bool plan_oracle_is_apart(const plim_plan_problem *problem, size_t a, size_t b);

/* Every pair apart, every offset aligned, every end under its region's height (no regions:
 * @height_bytes). O(n^2 x gaps): for tests of a few hundred buffers. */
bool plan_oracle_is_sound(const plim_plan_problem *problem, uint64_t height_bytes);

/* ---- random problems ---- */

typedef struct plan_made { /* a problem with its arrays */
    plim_plan_problem problem;
    plim_plan_buffer buffers[128];
    plim_plan_gap gaps[64];
    plim_plan_pair pairs[64];
    plim_plan_region regions[3];
} plan_made;

typedef struct plan_made_opts {
    size_t least, most; /* buffers */
    uint32_t steps;     /* at most PLAN_ORACLE_STEPS */
    uint64_t size_most;
    bool with_alignment, with_fixed, with_gaps, with_pairs, with_regions, with_stages;
} plan_made_opts;

/* Well formed, but fixed buffers may collide. Points into @out: do not copy it. */
void plan_made_random(plan_made *out, const plan_made_opts *opts, uint64_t *seed);

#endif
