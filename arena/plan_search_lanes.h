/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_lanes.h - the body of plan_search_lanes.c, once per lane width (no guard). */

#define VECTOR_BYTES 16
#define LANES        (VECTOR_BYTES / sizeof(LANE))

typedef LANE NAMED(lanes) __attribute__((vector_size(VECTOR_BYTES), may_alias));

static void NAMED(fill)(plan_search *self, uint32_t row, uint32_t lower, uint32_t upper,
                        int32_t start)
{
    LANE *at = (LANE *)self->starts + (size_t)row * self->stride;
    for (uint32_t s = lower; s < upper; s++) {
        at[s] = (LANE)start;
    }
}

/* One vector of sections from @s on. */
static bool NAMED(check_vector)(plan_search *self, uint32_t s, uint32_t *section,
                                int32_t *threshold)
{
    typedef NAMED(lanes) vector;
    const LANE *starts = (const LANE *)self->starts + s, *sizes = (const LANE *)self->sizes + s;
    const vector none = (vector){0} + LANE_MAX, zero = (vector){0};
    const vector capacity = zero + (LANE)self->capacity;
    vector above = zero - 1, highest = above;
    for (bool is_first = true;; is_first = false) {
        vector next = none, sum = zero;
        for (uint32_t row = 0; row < self->row_count; row++) {
            vector start = *(const vector *)(starts + (size_t)row * self->stride);
            vector size = *(const vector *)(sizes + (size_t)row * self->stride);
            vector waits = (vector)(start > above);
            vector offered = (start & waits) | (none & ~waits);
            vector lower = (vector)(offered < next);
            sum += size & waits;
            next = (offered & lower) | (next & ~lower);
            if (is_first) {
                vector higher = (vector)(start > highest);
                highest = (start & higher) | (highest & ~higher);
            }
        }
        if (is_first) {
            LANE *floors = (LANE *)self->floors + s;
            *(vector *)floors = next;
            *(vector *)(floors + self->stride) = sum;
        }
        vector room = capacity - sum;
        vector fails = (vector)(next > room) & (vector)(sum > zero);
        vector goes_on = (vector)(highest > room) & (vector)(sum > zero);
        bool any = false;
        for (uint32_t k = 0; k < LANES; k++) {
            if (fails[k]) {
                *section = s + k;
                *threshold = next[k];
                return false;
            }
            any |= goes_on[k] != 0;
        }
        if (!any) {
            return true;
        }
        above = next;
    }
}

static bool NAMED(check)(plan_search *self, uint32_t block, uint32_t *section, int32_t *threshold)
{
    for (uint32_t s = block; s < block + LANES_BLOCK; s += LANES) {
        if (!NAMED(check_vector)(self, s, section, threshold)) {
            return false;
        }
    }
    return true;
}

#undef VECTOR_BYTES
#undef LANES
