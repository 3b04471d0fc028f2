/* SPDX-License-Identifier: Apache-2.0 */
/* plan_sort.h - stable order of indices by 64-bit keys, and memory in pieces.
 *
 * Least significant byte first; bytes in which all keys agree cost nothing. O(n) a byte.
 */
#ifndef ARENA_PLAN_SORT_H
#define ARENA_PLAN_SORT_H

#include <stddef.h>
#include <stdint.h>

/* Sorts @list by rising keys[list[i]]; @spare has @count entries too. */
void plan_sort(const uint64_t *keys, uint32_t *list, uint32_t *spare, size_t count);

/* Cuts @count entries of @each bytes, aligned to 16, off *at. */
static inline void *plan_cut(void *at, size_t count, size_t each)
{
    unsigned char **cursor = at, *cut = *cursor;
    *cursor += (count * each + 15) / 16 * 16;
    return cut;
}

/* What plan_cut takes: for the functions that say how much memory is needed. */
static inline size_t plan_cut_bytes(size_t count, size_t each)
{
    return (count * each + 15) / 16 * 16;
}

#endif
