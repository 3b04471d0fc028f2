/* SPDX-License-Identifier: Apache-2.0 */
/* block_list.h - the oracle of every allocator test: live blocks in address order, nothing else.
 *
 * Every question is answered by walking the whole list. It has no classes, no bitmaps and no
 * free list, so it shares neither code nor ideas with what it judges.
 */
#ifndef TEST_SUPPORT_BLOCK_LIST_H
#define TEST_SUPPORT_BLOCK_LIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BLOCK_LIST_MAX 4096

typedef struct block_list {
    uint64_t size_bytes;
    size_t count;
    struct {
        uint64_t offset, bytes;
    } blocks[BLOCK_LIST_MAX];
} block_list;

void block_list_clear(block_list *self, uint64_t size_bytes);
/* False: it reaches outside, or over a live block; nothing has changed. */
bool block_list_add(block_list *self, uint64_t offset, uint64_t bytes);
/* False: no live block begins there. */
bool block_list_remove(block_list *self, uint64_t offset);
/* Is there a hole with room for @bytes at a multiple of @align that ends at or below @limit? */
bool block_list_has_room(const block_list *self, uint64_t bytes, uint64_t align, uint64_t limit);
/* The hole before block @index; @index == count: the one behind the last. May be empty. */
uint64_t block_list_hole(const block_list *self, size_t index, uint64_t *out_offset);
uint64_t block_list_largest_hole(const block_list *self);
uint64_t block_list_used_bytes(const block_list *self);
uint64_t block_list_end_of_use(const block_list *self);

#endif
