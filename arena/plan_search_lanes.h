/* SPDX-License-Identifier: Apache-2.0 */
/* plan_search_lanes.h - the body of plan_search_lanes.c, once per lane width (no guard). */

#define LANES (VECTOR_BYTES / sizeof(LANE))

typedef LANE NAMED(lanes) __attribute__((vector_size(VECTOR_BYTES), may_alias));

#ifdef WITH_FILL
static void NAMED(fill)(plan_search *self, uint32_t row, uint32_t lower, uint32_t upper,
                        int32_t start)
{
    LANE *at = (LANE *)self->starts + (size_t)row * self->stride;
    const NAMED(lanes) wide = (NAMED(lanes)){0} + (LANE)start;
    uint32_t s = lower;
    for (; s + LANES <= upper; s += LANES) {
        memcpy(at + s, &wide, sizeof(wide));
    }
    for (; s < upper; s++) {
        at[s] = (LANE)start;
    }
}
#endif

TARGET static inline bool NAMED(any)(const NAMED(lanes) * set)
{
    uint64_t words[VECTOR_BYTES / 8], all = 0;
    memcpy(words, set, sizeof(words));
    for (uint32_t k = 0; k < VECTOR_BYTES / 8; k++) {
        all |= words[k];
    }
    return all != 0;
}

/* One vector of sections from @s on. The lowest section that fails is told, at the least
 * threshold at which it does, so that a wider vector gives no other answer. */
TARGET static inline bool NAMED(check_vector)(plan_search *self, uint32_t s, const uint16_t *rows,
                                              uint32_t count, uint32_t *section, int32_t *threshold)
{
    typedef NAMED(lanes) vector;
    const LANE *starts = (const LANE *)self->starts + s, *sizes = (const LANE *)self->sizes + s;
    const vector none = (vector){0} + LANE_MAX, zero = (vector){0};
    const vector capacity = zero + (LANE)self->capacity;
    vector above = zero - 1, highest = above, counts = above;
    uint32_t failed = LANES;
    for (bool is_first = true;; is_first = false) {
        vector next = none, sum = zero;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t row = rows[k];
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
        vector room = capacity - sum, some = (vector)(sum > zero) & counts;
        vector fails = (vector)(next > room) & some;
        if (NAMED(any)(&fails)) {
            uint32_t k = 0;
            while (!fails[k]) {
                k++;
            }
            failed = k;
            *section = s + k;
            *threshold = next[k];
            for (; k < LANES; k++) {
                counts[k] = 0;
            }
            some &= counts;
        }
        vector goes_on = (vector)(highest > room) & some;
        if (!NAMED(any)(&goes_on)) {
            return failed == LANES;
        }
        above = next;
    }
}

TARGET static bool NAMED(check)(plan_search *self, uint32_t block, uint32_t *section,
                                int32_t *threshold)
{
    const uint16_t *rows = self->rows + (size_t)(block / LANES_BLOCK) * self->row_count;
    uint32_t count = self->row_counts[block / LANES_BLOCK];
    for (uint32_t s = block; s < block + LANES_BLOCK; s += LANES) {
        if (!NAMED(check_vector)(self, s, rows, count, section, threshold)) {
            return false;
        }
    }
    return true;
}

#undef LANES
#undef LANE
#undef LANE_MAX
#undef NAMED
#undef TARGET
#undef VECTOR_BYTES
#undef WITH_FILL
