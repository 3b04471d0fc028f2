/* SPDX-License-Identifier: Apache-2.0 */
/* bytes.h - checked arithmetic on sizes: every size computation goes through here.
 *
 * Each returns false on overflow and leaves *out alone. Alignments are powers of two.
 */
#ifndef ARENA_BYTES_H
#define ARENA_BYTES_H

#include <stdbool.h>
#include <stdint.h>

static inline bool bytes_add(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_add_overflow(a, b, out);
}

static inline bool bytes_mul(uint64_t a, uint64_t b, uint64_t *out)
{
    return !__builtin_mul_overflow(a, b, out);
}

static inline bool bytes_is_power_of_two(uint64_t n)
{
    return n != 0 && (n & (n - 1)) == 0;
}

static inline bool bytes_align_up(uint64_t n, uint64_t align, uint64_t *out)
{
    uint64_t sum;
    if (!bytes_add(n, align - 1, &sum)) {
        return false;
    }
    *out = sum & ~(align - 1);
    return true;
}

static inline uint64_t bytes_align_down(uint64_t n, uint64_t align)
{
    return n & ~(align - 1);
}

#endif
