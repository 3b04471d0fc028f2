/* SPDX-License-Identifier: Apache-2.0 */
/* plan_verify.c - is this plan one that may be used?
 *
 * Decides whether buffers that live at the same step keep apart in memory, lie under the
 * height and are aligned. Refuses (E_FORMAT) the first that does not, by name. Shares no
 * code with the planner, so that one mistake cannot hide in both.
 *
 * Algorithm: rank the buffers by offset. Sweep over time with the set of live ranks, a
 * 64-ary tree of bits. Buffers alive together lie apart as long as the plan is sound, so a
 * new one can only collide with the nearest live rank below it or above it. Two sorts and
 * 3n steps in the set: O(n log n).
 */
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/plan.h"

#define LEVELS_MAX 6 /* 64^6 > 2^32 */
#define NO_RANK    UINT32_MAX

typedef struct live_set {
    uint64_t *level[LEVELS_MAX]; /* level 0: one bit a rank; above: one bit a word below */
    uint32_t levels;
} live_set;

typedef struct sweep {
    const plim_plan_buffer *buffers;
    uint32_t *by_start, *by_end, *by_offset, *rank, *spare;
    live_set live;
} sweep;

_Static_assert(5 * sizeof(uint32_t) + 8 <= 32,
               "five lists, and n / 63 words of bits plus one a level");

typedef enum sort_field { START, END, OFFSET } sort_field;

static uint64_t field_of(const plim_plan_buffer *b, sort_field field)
{
    return field == START ? b->lower : field == END ? b->upper : b->offset_bytes;
}

static void merge(const plim_plan_buffer *buffers, sort_field field, const uint32_t *from,
                  size_t left, size_t middle, size_t right, uint32_t *to)
{
    for (size_t a = left, b = middle, k = left; k < right; k++) {
        bool take_a = b == right || (a < middle && field_of(&buffers[from[a]], field) <=
                                                       field_of(&buffers[from[b]], field));
        to[k] = take_a ? from[a++] : from[b++];
    }
}

/* Bottom-up merge sort of 0 .. count-1 into @list; stable. */
static void rank_by(const plim_plan_buffer *buffers, sort_field field, uint32_t *list,
                    uint32_t *spare, size_t count)
{
    uint32_t *from = list, *to = spare;
    for (size_t i = 0; i < count; i++) {
        from[i] = (uint32_t)i;
    }
    for (size_t run = 1; run < count; run *= 2) {
        for (size_t left = 0; left < count; left += 2 * run) {
            size_t middle = left + run < count ? left + run : count;
            size_t right = middle + run < count ? middle + run : count;
            merge(buffers, field, from, left, middle, right, to);
        }
        uint32_t *swap = from;
        from = to;
        to = swap;
    }
    if (from != list) {
        memcpy(list, from, count * sizeof(*list));
    }
}

static void live_init(live_set *self, uint64_t *words, size_t count)
{
    self->levels = 0;
    do {
        count = (count + 63) / 64;
        memset(words, 0, count * sizeof(*words));
        self->level[self->levels++] = words;
        words += count;
    } while (count > 1);
}

static void live_insert(live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        self->level[l][rank / 64] |= UINT64_C(1) << rank % 64;
    }
}

static void live_remove(live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        self->level[l][rank / 64] &= ~(UINT64_C(1) << rank % 64);
        if (self->level[l][rank / 64] != 0) {
            return;
        }
    }
}

/* The nearest live rank below @rank. */
static uint32_t live_below(const live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        uint64_t bits = self->level[l][rank / 64] & ((UINT64_C(1) << rank % 64) - 1);
        if (bits) {
            uint32_t at = rank / 64 * 64 + 63 - (uint32_t)__builtin_clzll(bits);
            while (l-- > 0) {
                at = at * 64 + 63 - (uint32_t)__builtin_clzll(self->level[l][at]);
            }
            return at;
        }
    }
    return NO_RANK;
}

/* The nearest live rank above @rank. */
static uint32_t live_above(const live_set *self, uint32_t rank)
{
    for (uint32_t l = 0; l < self->levels; l++, rank /= 64) {
        uint64_t bits = self->level[l][rank / 64] & ~((UINT64_C(2) << rank % 64) - 1);
        if (bits) {
            uint32_t at = rank / 64 * 64 + (uint32_t)__builtin_ctzll(bits);
            while (l-- > 0) {
                at = at * 64 + (uint32_t)__builtin_ctzll(self->level[l][at]);
            }
            return at;
        }
    }
    return NO_RANK;
}

static plim_status refuse(const plim_plan_buffer *b, const char *field, const char *wanted,
                          uint64_t height, plim_error *err)
{
    plim_status s = plim_error_set(err, PLIM_E_FORMAT, "plan", field, wanted, NULL);
    plim_error_detail(err, "buffer %llu: steps [%lu, %lu), offset %llu, size %llu, height %llu",
                      (unsigned long long)b->id, (unsigned long)b->lower, (unsigned long)b->upper,
                      (unsigned long long)b->offset_bytes, (unsigned long long)b->size_bytes,
                      (unsigned long long)height);
    return s;
}

static plim_status verify_one(const plim_plan_buffer *b, uint64_t height, plim_error *err)
{
    uint64_t end, align = b->align_bytes ? b->align_bytes : 1;
    if (b->lower >= b->upper) {
        return refuse(b, "upper", "a step after lower", height, err);
    }
    if (b->size_bytes == 0) {
        return refuse(b, "size_bytes", "above 0", height, err);
    }
    if (!bytes_is_power_of_two(align)) {
        return refuse(b, "align_bytes", "a power of two", height, err);
    }
    if (b->offset_bytes & (align - 1)) {
        return refuse(b, "offset_bytes", "a multiple of align_bytes", height, err);
    }
    if (!bytes_add(b->offset_bytes, b->size_bytes, &end) || end > height) {
        return refuse(b, "offset_bytes", "an end under the height", height, err);
    }
    return PLIM_OK;
}

/* Rank @low lies at or below rank @high: do they keep apart? */
static plim_status verify_pair(const sweep *self, uint32_t low, uint32_t high, plim_error *err)
{
    const plim_plan_buffer *a = &self->buffers[self->by_offset[low]];
    const plim_plan_buffer *b = &self->buffers[self->by_offset[high]];
    if (a->offset_bytes + a->size_bytes <= b->offset_bytes) {
        return PLIM_OK;
    }
    plim_status s = plim_error_set(err, PLIM_E_FORMAT, "plan", "offset_bytes",
                                   "buffers that live together lie apart", NULL);
    uint32_t step = a->lower > b->lower ? a->lower : b->lower;
    plim_error_detail(err, "buffers %llu and %llu share byte %llu at step %lu",
                      (unsigned long long)a->id, (unsigned long long)b->id,
                      (unsigned long long)b->offset_bytes, (unsigned long)step);
    return s;
}

static plim_status verify_over_time(sweep *self, size_t count, plim_error *err)
{
    for (size_t s = 0, e = 0; s < count; s++) {
        uint32_t index = self->by_start[s], rank = self->rank[index];
        uint32_t now = self->buffers[index].lower;
        for (; self->buffers[self->by_end[e]].upper <= now; e++) {
            live_remove(&self->live, self->rank[self->by_end[e]]);
        }
        uint32_t below = live_below(&self->live, rank), above = live_above(&self->live, rank);
        if (below != NO_RANK) {
            PLIM_TRY(verify_pair(self, below, rank, err));
        }
        if (above != NO_RANK) {
            PLIM_TRY(verify_pair(self, rank, above, err));
        }
        live_insert(&self->live, rank);
    }
    return PLIM_OK;
}

size_t plim_plan_verify_bytes(size_t count)
{
    return count > INT32_MAX ? 0 : count * 32 + 256;
}

plim_status plim_plan_verify(const plim_plan_buffer *buffers, size_t count, uint64_t height_bytes,
                             void *scratch, size_t scratch_bytes, plim_error *err)
{
    if (count == 0) {
        return PLIM_OK;
    }
    if (!buffers || !scratch || (uintptr_t)scratch % 16 != 0 || !plim_plan_verify_bytes(count) ||
        scratch_bytes < plim_plan_verify_bytes(count)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "verifier's scratch, aligned to 16",
                         .want = plim_plan_verify_bytes(count), .have = scratch_bytes);
    }
    for (size_t i = 0; i < count; i++) {
        PLIM_TRY(verify_one(&buffers[i], height_bytes, err));
    }
    size_t words = count / 63 + LEVELS_MAX + 1;
    sweep self = {.buffers = buffers};
    live_init(&self.live, scratch, count);
    self.by_start = (uint32_t *)((uint64_t *)scratch + words);
    self.by_end = self.by_start + count;
    self.by_offset = self.by_end + count;
    self.rank = self.by_offset + count;
    self.spare = self.rank + count;
    rank_by(buffers, START, self.by_start, self.spare, count);
    rank_by(buffers, END, self.by_end, self.spare, count);
    rank_by(buffers, OFFSET, self.by_offset, self.spare, count);
    for (size_t i = 0; i < count; i++) {
        self.rank[self.by_offset[i]] = (uint32_t)i;
    }
    return verify_over_time(&self, count, err);
}
