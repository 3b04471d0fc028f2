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

#define LANE     int16_t
#define LANE_MAX INT16_MAX
#define NAMED(x) x##_narrow
#include "arena/plan_search_lanes.h"
#undef LANE
#undef LANE_MAX
#undef NAMED

#define LANE     int32_t
#define LANE_MAX INT32_MAX
#define NAMED(x) x##_wide
#include "arena/plan_search_lanes.h"

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

bool plan_lanes_check(plan_search *self, uint32_t *section, int32_t *threshold)
{
    section_range dirty = self->dirty;
    bool fits = true;
    for (uint32_t s = dirty.lower / LANES_BLOCK * LANES_BLOCK; s < dirty.upper && fits;
         s += LANES_BLOCK) {
        fits = self->is_narrow ? check_narrow(self, s, section, threshold)
                               : check_wide(self, s, section, threshold);
    }
    self->dirty = (section_range){UINT32_MAX, 0};
    return fits;
}
