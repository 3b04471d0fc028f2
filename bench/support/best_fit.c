/* SPDX-License-Identifier: Apache-2.0 */
/* best_fit.c - two sorted arrays: holes, and live blocks, by offset. */
#include "bench/support/best_fit.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "bench/support/engines.h"

typedef struct span {
    uint64_t offset, bytes;
} span;

struct best_fit {
    span *holes, *blocks;
    size_t hole_count, block_count, limit;
};

best_fit *best_fit_open(uint64_t pool_bytes, uint32_t block_limit)
{
    best_fit *self = calloc(1, sizeof(*self));
    span *spans = calloc(2 * ((size_t)block_limit + 2), sizeof(span));
    if (!self || !spans) {
        bench_stop("tables of best fit", NULL);
        return NULL;
    }
    self->holes = spans;
    self->blocks = spans + block_limit + 2;
    self->limit = block_limit;
    self->holes[self->hole_count++] = (span){0, pool_bytes / 64 * 64};
    return self;
}

/* The first entry at or above @offset. */
static size_t find(const span *spans, size_t count, uint64_t offset)
{
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (spans[middle].offset < offset) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

static void insert(span *spans, size_t *count, size_t at, span s)
{
    memmove(&spans[at + 1], &spans[at], (*count - at) * sizeof(span));
    spans[at] = s;
    (*count)++;
}

static void erase(span *spans, size_t *count, size_t at)
{
    (*count)--;
    memmove(&spans[at], &spans[at + 1], (*count - at) * sizeof(span));
}

bool best_fit_alloc(best_fit *self, uint64_t bytes, uint64_t *out_offset)
{
    const uint64_t want = (bytes + 63) / 64 * 64;
    size_t best = self->hole_count;
    for (size_t i = 0; i < self->hole_count; i++) {
        if (self->holes[i].bytes >= want &&
            (best == self->hole_count || self->holes[i].bytes < self->holes[best].bytes)) {
            best = i;
        }
    }
    if (best == self->hole_count || self->block_count == self->limit) {
        return false;
    }
    span *hole = &self->holes[best];
    const span block = {hole->offset, want};
    hole->offset += want;
    hole->bytes -= want;
    if (hole->bytes == 0) {
        erase(self->holes, &self->hole_count, best);
    }
    insert(self->blocks, &self->block_count, find(self->blocks, self->block_count, block.offset),
           block);
    *out_offset = block.offset;
    return true;
}

void best_fit_free(best_fit *self, uint64_t offset)
{
    const size_t at = find(self->blocks, self->block_count, offset);
    span made = self->blocks[at];
    erase(self->blocks, &self->block_count, at);
    size_t after = find(self->holes, self->hole_count, offset);
    if (after < self->hole_count && self->holes[after].offset == made.offset + made.bytes) {
        made.bytes += self->holes[after].bytes;
        erase(self->holes, &self->hole_count, after);
    }
    if (after > 0 && self->holes[after - 1].offset + self->holes[after - 1].bytes == made.offset) {
        self->holes[after - 1].bytes += made.bytes;
    } else {
        insert(self->holes, &self->hole_count, after, made);
    }
}

void best_fit_close(best_fit *self)
{
    if (self) {
        free(self->holes);
        free(self);
    }
}
