/* SPDX-License-Identifier: Apache-2.0 */
/* plan_sort.c - a radix sort of indices: no comparisons, so nothing to get wrong about ties. */
#include "arena/plan_sort.h"

#include <string.h>

#define SHORT_LIST 48u /* below it, insertion beats 256 counters */

static void sort_short(const uint64_t *keys, uint32_t *list, size_t count)
{
    for (size_t i = 1; i < count; i++) {
        uint32_t moving = list[i];
        size_t at = i;
        for (; at > 0 && keys[list[at - 1]] > keys[moving]; at--) {
            list[at] = list[at - 1];
        }
        list[at] = moving;
    }
}

static void sort_byte(const uint64_t *keys, unsigned shift, const uint32_t *from, uint32_t *to,
                      size_t count)
{
    uint32_t start[256] = {0};
    for (size_t i = 0; i < count; i++) {
        start[keys[from[i]] >> shift & 255]++;
    }
    for (uint32_t byte = 0, sum = 0; byte < 256; byte++) {
        uint32_t here = start[byte];
        start[byte] = sum;
        sum += here;
    }
    for (size_t i = 0; i < count; i++) {
        to[start[keys[from[i]] >> shift & 255]++] = from[i];
    }
}

void plan_sort(const uint64_t *keys, uint32_t *list, uint32_t *spare, size_t count)
{
    if (count <= SHORT_LIST) {
        sort_short(keys, list, count);
        return;
    }
    uint64_t differ = 0;
    for (size_t i = 1; i < count; i++) {
        differ |= keys[list[i]] ^ keys[list[0]];
    }
    uint32_t *from = list, *to = spare;
    for (unsigned shift = 0; shift < 64; shift += 8) {
        if (differ >> shift & 255) {
            sort_byte(keys, shift, from, to, count);
            uint32_t *swap = from;
            from = to;
            to = swap;
        }
    }
    if (from != list) {
        memcpy(list, from, count * sizeof(*list));
    }
}
