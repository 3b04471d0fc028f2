/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_lanes.c - floors and the suffix bound of many sections at once.
 *
 * Decides whether a section still has room: over the items waiting in it, for every start e,
 * e plus the sizes of all that start at e or later must not pass the capacity. Sections lie
 * side by side in lanes; an item's start fills its sections in the row of its colour, so that
 * raising it is one run of stores, and the bound needs neither sorting nor sums across lanes.
 *
 * Invariants: a row holds -1 where nobody waits; starts and sums stay below the lane's maximum
 * because no section holds more than the capacity. Lanes are 16 bits wide when the capacity
 * is, else 32; the body is compiled for both, and for the widest vectors there are. The
 * answers do not depend on the width: sections are independent and the lowest failing is told.
 */
#include <string.h>

#include "arena/plan_search_state.h"

#define WITH_FILL
#define VECTOR_BYTES 16
#define TARGET
#define LANE     int16_t
#define LANE_MAX INT16_MAX
#define NAMED(x) x##_narrow
#include "arena/plan_search_lanes.h"
#define WITH_FILL
#define VECTOR_BYTES 16
#define TARGET
#define LANE     int32_t
#define LANE_MAX INT32_MAX
#define NAMED(x) x##_wide
#include "arena/plan_search_lanes.h"

#if defined(__x86_64__)
#define VECTOR_BYTES 32
#define TARGET       __attribute__((target("avx2")))
#define LANE         int16_t
#define LANE_MAX     INT16_MAX
#define NAMED(x)     x##_narrow_32
#include "arena/plan_search_lanes.h"
#define VECTOR_BYTES 32
#define TARGET       __attribute__((target("avx2")))
#define LANE         int32_t
#define LANE_MAX     INT32_MAX
#define NAMED(x)     x##_wide_32
#include "arena/plan_search_lanes.h"
#define VECTOR_BYTES 64
#define TARGET       __attribute__((target("avx512bw,avx512vl,avx512dq")))
#define LANE         int16_t
#define LANE_MAX     INT16_MAX
#define NAMED(x)     x##_narrow_64
#include "arena/plan_search_lanes.h"
#define VECTOR_BYTES 64
#define TARGET       __attribute__((target("avx512bw,avx512vl,avx512dq")))
#define LANE         int32_t
#define LANE_MAX     INT32_MAX
#define NAMED(x)     x##_wide_64
#include "arena/plan_search_lanes.h"
#endif

void plan_lanes_choose(plan_search *self)
{
    self->check = self->is_narrow ? check_narrow : check_wide;
#if defined(__x86_64__)
    if (__builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512vl") &&
        __builtin_cpu_supports("avx512dq")) {
        self->check = self->is_narrow ? check_narrow_64 : check_wide_64;
    } else if (__builtin_cpu_supports("avx2")) {
        self->check = self->is_narrow ? check_narrow_32 : check_wide_32;
    }
#endif
}

void plan_lanes_fill(plan_search *self, uint32_t item, int32_t start)
{
    const plan_item *of = &self->grid->items[item];
    for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
        const plan_span *span = &self->grid->spans[k];
        if (self->is_narrow) {
            fill_narrow(self, self->grid->row[k], span->lower, span->upper, start);
        } else {
            fill_wide(self, self->grid->row[k], span->lower, span->upper, start);
        }
        self->dirty.lower = span->lower < self->dirty.lower ? span->lower : self->dirty.lower;
        self->dirty.upper = span->upper > self->dirty.upper ? span->upper : self->dirty.upper;
    }
}

/* Rows where somebody waits are listed per block, in no order that matters. */
void plan_lanes_join(plan_search *self, uint32_t item)
{
    const plan_item *of = &self->grid->items[item];
    for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
        const plan_span *span = &self->grid->spans[k];
        for (uint32_t b = span->lower / LANES_BLOCK; b * LANES_BLOCK < span->upper; b++) {
            size_t at = (size_t)b * self->row_count;
            if (self->row_waiting[at + self->grid->row[k]]++ == 0) {
                self->row_place[at + self->grid->row[k]] = (uint16_t)self->row_counts[b];
                self->rows[at + self->row_counts[b]++] = (uint16_t)self->grid->row[k];
            }
        }
    }
}

void plan_lanes_leave(plan_search *self, uint32_t item)
{
    const plan_item *of = &self->grid->items[item];
    for (uint32_t k = of->first_span; k < of->first_span + of->span_count; k++) {
        const plan_span *span = &self->grid->spans[k];
        for (uint32_t b = span->lower / LANES_BLOCK; b * LANES_BLOCK < span->upper; b++) {
            size_t at = (size_t)b * self->row_count;
            if (--self->row_waiting[at + self->grid->row[k]] == 0) {
                uint16_t place = self->row_place[at + self->grid->row[k]];
                uint16_t last = self->rows[at + --self->row_counts[b]];
                self->rows[at + place] = last;
                self->row_place[at + last] = place;
            }
        }
    }
}

bool plan_lanes_check(plan_search *self, uint32_t *section, int32_t *threshold)
{
    section_range dirty = self->dirty;
    bool fits = true;
    for (uint32_t s = dirty.lower / LANES_BLOCK * LANES_BLOCK; s < dirty.upper && fits;
         s += LANES_BLOCK) {
        fits = self->check(self, s, section, threshold);
    }
    self->dirty = (section_range){UINT32_MAX, 0};
    return fits;
}
