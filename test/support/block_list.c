/* SPDX-License-Identifier: Apache-2.0 */
/* block_list.c - live blocks in address order; every answer from a walk over all of them. */
#include "test/support/block_list.h"

#include <string.h>

void block_list_clear(block_list *self, uint64_t size_bytes)
{
    self->size_bytes = size_bytes;
    self->count = 0;
}

uint64_t block_list_hole(const block_list *self, size_t index, uint64_t *out_offset)
{
    uint64_t start = 0;
    if (index > 0) {
        start = self->blocks[index - 1].offset + self->blocks[index - 1].bytes;
    }
    *out_offset = start;
    return (index < self->count ? self->blocks[index].offset : self->size_bytes) - start;
}

bool block_list_add(block_list *self, uint64_t offset, uint64_t bytes)
{
    uint64_t start = 0;
    size_t i = 0;
    while (i < self->count && self->blocks[i].offset < offset) {
        i++;
    }
    uint64_t hole = block_list_hole(self, i, &start);
    if (self->count == BLOCK_LIST_MAX || bytes == 0 || offset < start || bytes > hole ||
        offset - start > hole - bytes) {
        return false;
    }
    memmove(&self->blocks[i + 1], &self->blocks[i], (self->count - i) * sizeof(self->blocks[0]));
    self->blocks[i].offset = offset;
    self->blocks[i].bytes = bytes;
    self->count++;
    return true;
}

bool block_list_remove(block_list *self, uint64_t offset)
{
    for (size_t i = 0; i < self->count; i++) {
        if (self->blocks[i].offset == offset) {
            self->count--;
            memmove(&self->blocks[i], &self->blocks[i + 1],
                    (self->count - i) * sizeof(self->blocks[0]));
            return true;
        }
    }
    return false;
}

bool block_list_has_room(const block_list *self, uint64_t bytes, uint64_t align, uint64_t limit)
{
    for (size_t i = 0; i <= self->count; i++) {
        uint64_t start = 0, hole = block_list_hole(self, i, &start);
        uint64_t end = start + hole < limit ? start + hole : limit;
        uint64_t skip = (align - start % align) % align;
        if (end >= start && end - start >= skip && end - start - skip >= bytes) {
            return true;
        }
    }
    return false;
}

uint64_t block_list_largest_hole(const block_list *self)
{
    uint64_t largest = 0, start = 0;
    for (size_t i = 0; i <= self->count; i++) {
        uint64_t hole = block_list_hole(self, i, &start);
        largest = hole > largest ? hole : largest;
    }
    return largest;
}

uint64_t block_list_used_bytes(const block_list *self)
{
    uint64_t used = 0;
    for (size_t i = 0; i < self->count; i++) {
        used += self->blocks[i].bytes;
    }
    return used;
}

uint64_t block_list_end_of_use(const block_list *self)
{
    uint64_t start = 0;
    (void)block_list_hole(self, self->count, &start);
    return start;
}
