/* SPDX-License-Identifier: Apache-2.0 */
/* plan_greedy.c - one buffer after the other into a gap; the best of several orders.
 *
 * Decides offsets by five orders (size, area, lifetime, bytes in conflict, start), each with
 * first fit and with best fit, and keeps the lowest pile. Refuses nothing: plan.c has
 * checked. The answer is a plan, not an optimum: on real networks it lies within a few
 * percent of the bound, on crafted instances 20 to 40 percent above.
 *
 * Invariants: the same input gives the same plan everywhere (the index breaks every tie).
 * `placed` lists buffers by rising offset. Fixed buffers are placed first and never move.
 *
 * Cost: a try is O(n^2) visits of placed buffers. No new try starts once VISITS_MAX visits
 * were made, so large inputs get fewer tries; the first is by size, the best single one.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/plan_strategy.h"

#define VISITS_MAX (UINT64_C(1) << 28)

typedef enum order_by { BY_SIZE, BY_CONFLICT, BY_START, BY_LIFETIME, BY_AREA, ORDERS } order_by;

typedef struct attempt {
    const plim_plan_buffer *buffers;
    size_t count;
    uint64_t *keys, *offsets, *best;
    uint32_t *order, *placed;
    size_t placed_count;
    uint64_t visits;
} attempt;

_Static_assert(3 * sizeof(uint64_t) + 2 * sizeof(uint32_t) <= PLIM_PLAN_SCRATCH_EACH,
               "plim_plan_scratch_bytes counts on it");

static bool live_together(const plim_plan_buffer *a, const plim_plan_buffer *b)
{
    return a->lower < b->upper && b->lower < a->upper;
}

/* Keys saturate: a key only ranks, and ties are broken below. */
static uint64_t add_up_to_max(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return bytes_add(a, b, &sum) ? sum : UINT64_MAX;
}

static uint64_t key_of(attempt *self, order_by by, size_t i)
{
    const plim_plan_buffer *b = &self->buffers[i];
    uint64_t life = b->upper - b->lower, key = 0;
    switch (by) {
    case BY_SIZE:
        return b->size_bytes;
    case BY_LIFETIME:
        return life;
    case BY_START:
        return UINT32_MAX - b->lower;
    case BY_AREA:
        return bytes_mul(life, b->size_bytes, &key) ? key : UINT64_MAX;
    case BY_CONFLICT:
        for (size_t j = 0; j < self->count; j++) {
            if (live_together(b, &self->buffers[j])) {
                key = add_up_to_max(key, self->buffers[j].size_bytes);
            }
        }
        self->visits += self->count;
        return key;
    default:
        return 0;
    }
}

/* Larger key first, then larger size, longer life, earlier start, lower index. */
static bool comes_first(const attempt *self, uint32_t a, uint32_t b)
{
    const plim_plan_buffer *x = &self->buffers[a], *y = &self->buffers[b];
    uint32_t x_life = x->upper - x->lower, y_life = y->upper - y->lower;
    if (self->keys[a] != self->keys[b]) {
        return self->keys[a] > self->keys[b];
    }
    if (x->size_bytes != y->size_bytes) {
        return x->size_bytes > y->size_bytes;
    }
    if (x_life != y_life) {
        return x_life > y_life;
    }
    return x->lower != y->lower ? x->lower < y->lower : a < b;
}

static void sift_last(attempt *self, size_t at, size_t count)
{
    uint32_t *order = self->order;
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && comes_first(self, order[child], order[child + 1])) {
            child++;
        }
        if (!comes_first(self, order[at], order[child])) {
            return;
        }
        uint32_t i = order[at];
        order[at] = order[child];
        order[child] = i;
    }
}

static void sort_order(attempt *self, order_by by)
{
    for (size_t i = 0; i < self->count; i++) {
        self->order[i] = (uint32_t)i;
        self->keys[i] = key_of(self, by, i);
    }
    for (size_t i = self->count / 2; i-- > 0;) {
        sift_last(self, i, self->count);
    }
    for (size_t end = self->count; end-- > 1;) {
        uint32_t last = self->order[0];
        self->order[0] = self->order[end];
        self->order[end] = last;
        sift_last(self, 0, end);
    }
}

static uint64_t align_up(uint64_t n, uint64_t align_bytes)
{
    uint64_t up = n; /* plan.c made sure that this cannot overflow */
    if (align_bytes > 1 && !bytes_align_up(n, align_bytes, &up)) {
        return n;
    }
    return up;
}

/* Where buffer @b goes: the lowest gap it fits, or the tightest one. */
static uint64_t find_gap(attempt *self, const plim_plan_buffer *b, bool tightest)
{
    uint64_t top = 0, found = UINT64_MAX, least_waste = UINT64_MAX;
    for (size_t i = 0; i < self->placed_count; i++) {
        uint32_t other = self->placed[i];
        if (!live_together(b, &self->buffers[other])) {
            continue;
        }
        uint64_t start = align_up(top, b->align_bytes), at = self->offsets[other];
        if (at > start && at - start >= b->size_bytes) {
            if (!tightest) {
                return start;
            }
            if (at - start - b->size_bytes < least_waste) {
                least_waste = at - start - b->size_bytes;
                found = start;
            }
        }
        uint64_t end = at + self->buffers[other].size_bytes;
        top = end > top ? end : top;
    }
    return found != UINT64_MAX ? found : align_up(top, b->align_bytes);
}

/* Keeps `placed` sorted by offset. */
static void place(attempt *self, uint32_t index, uint64_t offset)
{
    size_t low = 0, high = self->placed_count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (self->offsets[self->placed[middle]] <= offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    memmove(&self->placed[low + 1], &self->placed[low],
            (self->placed_count - low) * sizeof(self->placed[0]));
    self->placed[low] = index;
    self->placed_count++;
    self->offsets[index] = offset;
}

static uint64_t try_order(attempt *self, bool tightest)
{
    uint64_t height = 0;
    self->placed_count = 0;
    for (size_t i = 0; i < self->count; i++) {
        if (self->buffers[i].is_fixed) {
            place(self, (uint32_t)i, self->buffers[i].offset_bytes);
        }
    }
    for (size_t i = 0; i < self->count; i++) {
        const plim_plan_buffer *b = &self->buffers[self->order[i]];
        if (!b->is_fixed) {
            self->visits += self->placed_count;
            place(self, self->order[i], find_gap(self, b, tightest));
        }
        uint64_t end = self->offsets[self->order[i]] + b->size_bytes;
        height = end > height ? end : height;
    }
    return height;
}

uint64_t plim_plan_greedy(const plim_plan_buffer *buffers, size_t count, uint64_t bound,
                          void *scratch, const uint64_t **out_offsets)
{
    attempt self = {.buffers = buffers, .count = count, .keys = scratch};
    self.offsets = self.keys + count;
    self.best = self.offsets + count;
    self.order = (uint32_t *)(self.best + count);
    self.placed = self.order + count;
    uint64_t lowest = UINT64_MAX;
    for (int by = BY_SIZE; by < ORDERS && lowest > bound; by++) {
        if (self.visits > VISITS_MAX) {
            break;
        }
        sort_order(&self, (order_by)by);
        for (int tightest = 0; tightest < 2 && lowest > bound; tightest++) {
            if (tightest && self.visits > VISITS_MAX) {
                break;
            }
            uint64_t height = try_order(&self, tightest == 1);
            if (height < lowest) {
                uint64_t *swap = self.best;
                self.best = self.offsets;
                self.offsets = swap;
                lowest = height;
            }
        }
    }
    *out_offsets = self.best;
    return lowest;
}
