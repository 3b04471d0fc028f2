/* SPDX-License-Identifier: Apache-2.0 */
/* replay_models.c - best fit and a rounding caching allocator, for comparison.
 *
 * Decides addresses only. Both keep one list of blocks by address and search it whole: exact, and
 * fast enough for the hundreds of blocks that real runs have alive.
 */
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/replay_models.h"

#define UNIT          512u
#define SMALL_MOST    ((uint64_t)1 << 20)
#define SMALL_SEGMENT ((uint64_t)2 << 20)
#define LARGE_MOST    ((uint64_t)10 << 20)
#define LARGE_SEGMENT ((uint64_t)20 << 20)
#define LARGE_ROUND   ((uint64_t)2 << 20)

void model_best_fit(model *self, uint64_t cap_bytes)
{
    memset(self, 0, sizeof(*self));
    self->cap_bytes = cap_bytes;
}

void model_caching(model *self, uint64_t cap_bytes)
{
    model_best_fit(self, cap_bytes);
    self->is_caching = true;
}

void model_drop(model *self)
{
    free(self->blocks);
    memset(self, 0, sizeof(*self));
}

static uint64_t round_up(uint64_t n, uint64_t unit)
{
    return (n + unit - 1) / unit * unit;
}

static bool insert(model *self, size_t index, model_block block)
{
    if (self->count == self->room) {
        size_t room = self->room ? self->room * 2 : 256;
        model_block *blocks = realloc(self->blocks, room * sizeof(*blocks));
        if (!blocks) {
            return false;
        }
        self->blocks = blocks;
        self->room = room;
    }
    memmove(self->blocks + index + 1, self->blocks + index, (self->count - index) * sizeof(block));
    self->blocks[index] = block;
    self->count++;
    return true;
}

static void take_out(model *self, size_t index)
{
    self->count--;
    memmove(self->blocks + index, self->blocks + index + 1,
            (self->count - index) * sizeof(self->blocks[0]));
}

/* Index of the smallest free block that holds @bytes; the lowest of equals; count: none. */
static size_t find_best(const model *self, uint64_t bytes, bool is_small)
{
    size_t best = self->count;
    for (size_t i = 0; i < self->count; i++) {
        const model_block *b = &self->blocks[i];
        if (b->is_free && b->is_small == is_small && b->bytes >= bytes &&
            (best == self->count || b->bytes < self->blocks[best].bytes)) {
            best = i;
        }
    }
    return best;
}

static uint64_t take(model *self, size_t index, uint64_t bytes, uint64_t rest_least)
{
    model_block *b = &self->blocks[index];
    uint64_t rest = b->bytes - bytes;
    if (rest >= rest_least) {
        model_block left = *b;
        left.at += bytes;
        left.bytes = rest;
        b->bytes = bytes;
        if (!insert(self, index + 1, left)) {
            return MODEL_REFUSED;
        }
        b = &self->blocks[index];
    }
    b->is_free = false;
    return b->at;
}

static void reserve(model *self, uint64_t bytes)
{
    self->reserved_bytes += bytes;
    self->next_at += bytes;
    if (self->reserved_bytes > self->reserved_peak_bytes) {
        self->reserved_peak_bytes = self->reserved_bytes;
    }
}

/* ---- best fit: the range grows by what its last free block lacks ---- */

static uint64_t best_fit(model *self, uint64_t bytes)
{
    size_t at = find_best(self, bytes, false);
    if (at == self->count) {
        bool has_tail = self->count && self->blocks[self->count - 1].is_free;
        uint64_t lack = bytes - (has_tail ? self->blocks[self->count - 1].bytes : 0);
        if (self->cap_bytes && self->reserved_bytes + lack > self->cap_bytes) {
            return MODEL_REFUSED;
        }
        if (has_tail) {
            self->blocks[self->count - 1].bytes += lack;
        } else if (!insert(self, self->count,
                           (model_block){.at = self->next_at, .bytes = lack, .is_free = true})) {
            return MODEL_REFUSED;
        }
        reserve(self, lack);
        at = self->count - 1;
    }
    return take(self, at, bytes, 64);
}

/* ---- caching ---- */

static bool is_whole_segment(const model *self, size_t i)
{
    const model_block *b = &self->blocks[i];
    return b->is_free && (i == 0 || self->blocks[i - 1].segment != b->segment) &&
           (i + 1 == self->count || self->blocks[i + 1].segment != b->segment);
}

static void give_back(model *self)
{
    for (size_t i = self->count; i-- > 0;) {
        if (is_whole_segment(self, i)) {
            self->reserved_bytes -= self->blocks[i].bytes;
            take_out(self, i);
        }
    }
}

static uint64_t caching(model *self, uint64_t bytes)
{
    bool is_small = bytes <= SMALL_MOST;
    size_t at = find_best(self, bytes, is_small);
    if (at == self->count) {
        uint64_t segment = is_small             ? SMALL_SEGMENT
                           : bytes < LARGE_MOST ? LARGE_SEGMENT
                                                : round_up(bytes, LARGE_ROUND);
        if (self->cap_bytes && self->reserved_bytes + segment > self->cap_bytes) {
            give_back(self);
        }
        if (self->cap_bytes && self->reserved_bytes + segment > self->cap_bytes) {
            return MODEL_REFUSED;
        }
        if (!insert(self, self->count,
                    (model_block){.at = self->next_at,
                                  .bytes = segment,
                                  .segment = self->next_segment++,
                                  .is_free = true,
                                  .is_small = is_small})) {
            return MODEL_REFUSED;
        }
        reserve(self, segment);
        at = self->count - 1;
    }
    return take(self, at, bytes, is_small ? UNIT : SMALL_MOST + 1);
}

uint64_t model_alloc(model *self, uint64_t bytes, uint64_t align)
{
    /* Sizes are rounded so that every address is a multiple; stricter asks cost their padding. */
    uint64_t unit = self->is_caching ? UNIT : 64;
    uint64_t padded = bytes + (align > unit ? align - unit : 0);
    uint64_t rounded = round_up(padded ? padded : 1, unit);
    return self->is_caching ? caching(self, rounded) : best_fit(self, rounded);
}

static bool joins(const model *self, size_t left)
{
    const model_block *a = &self->blocks[left], *b = a + 1;
    return a->is_free && b->is_free && a->segment == b->segment;
}

void model_free(model *self, uint64_t at)
{
    size_t low = 0, high = self->count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(self->blocks[middle].at <= at ? &low : &high) = middle;
    }
    self->blocks[low].is_free = true;
    if (low + 1 < self->count && joins(self, low)) {
        self->blocks[low].bytes += self->blocks[low + 1].bytes;
        take_out(self, low + 1);
    }
    if (low > 0 && joins(self, low - 1)) {
        self->blocks[low - 1].bytes += self->blocks[low].bytes;
        take_out(self, low);
    }
}

uint64_t model_largest_free(const model *self)
{
    uint64_t most = 0, tail = 0;
    for (size_t i = 0; i < self->count; i++) {
        const model_block *b = &self->blocks[i];
        most = b->is_free && b->bytes > most ? b->bytes : most;
        tail = b->is_free ? b->bytes : 0;
    }
    if (!self->is_caching && self->cap_bytes) {
        tail += self->cap_bytes - self->reserved_bytes;
        most = tail > most ? tail : most;
    }
    return most;
}
