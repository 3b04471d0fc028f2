/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.h - O(1) bookkeeping of free ranges that never touches the memory it manages.
 *
 * Decides which offsets of [0, size) a block gets. It knows no address, so the range may be
 * GPU memory; its tables live wherever the caller puts them.
 *
 * Algorithm: two-level segregated fit (Masmano, Ripoll, Crespo, Real: TLSF, 2004). Sizes are
 * counted in units of 64 bytes. The first level is the power of two of a size, the second
 * splits that into 32, and two levels of bitmaps find the first class that has a free range
 * in a few instructions:
 *
 *     units        1..31           32..63    64..127   ...
 *     first level  0               1         2         ...   28 of them
 *     second       exactly         by 1      by 2      ...   32 of each
 *
 * A request is rounded up to the next class, so that the head of the list found always
 * fits. Freeing joins both neighbours at once: no two free ranges ever touch. Node and
 * pointer look-up are out of band: nodes (20 bytes) in address order, live ones also in a
 * hash of their offsets.
 *
 * Cost:  alloc and free are O(1): one find-first-set per level, at most two nodes made or
 *        given back. The hash step is O(1) on average over a fixed mix of the offset.
 *        Only before a refusal is every free range looked at: the rounding must never
 *        refuse what fits, so a miss is proved (plim_offsets_alloc with @is_exact).
 * Room:  2 x live_limit + 2 nodes always suffice, because n live blocks leave at most n + 1
 *        free ranges. So an alloc fails for want of room or of blocks, never of tables.
 */
#ifndef ARENA_OFFSETS_H
#define ARENA_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

#define OFFSETS_UNIT      64u
#define OFFSETS_SIZE_MAX  ((uint64_t)OFFSETS_UNIT * 0x7fffffffu) /* just under 128 GiB */
#define OFFSETS_BLOCK_MAX (1u << 26)

typedef struct plim_offsets plim_offsets;

/* Bytes of table for a range; false when @size_bytes or @live_limit is 0 or too large.
 * @size_bytes is rounded up to units. */
bool plim_offsets_footprint(uint64_t size_bytes, uint32_t live_limit, uint64_t *out_bytes);

/* Builds the tables in @memory (footprint bytes, aligned to 8): one free range. */
plim_offsets *plim_offsets_init(void *memory, uint64_t size_bytes, uint32_t live_limit);

/* A range of at least @size_bytes (> 0) at a multiple of @align_bytes (a power of two).
 *
 * @is_exact false: the O(1) search, which may miss a range that would do by less than a
 * 32nd. True: looks at every free range for one that fits and ends at or below
 * @end_limit; the lowest such offset of the first class that has one.
 * False: nothing found, or live_limit blocks live; nothing has changed. */
bool plim_offsets_alloc(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                        bool is_exact, uint64_t end_limit, uint64_t *out_offset);

/* Gives the block at @offset back; false when no live block begins there. */
bool plim_offsets_free(plim_offsets *self, uint64_t offset);

/* Size of the live block that begins at @offset; 0: none does. */
uint64_t plim_offsets_block_bytes(const plim_offsets *self, uint64_t offset);

uint64_t plim_offsets_used_bytes(const plim_offsets *self);
uint64_t plim_offsets_largest_free_bytes(const plim_offsets *self); /* looks through one class */
uint64_t plim_offsets_end_of_use(const plim_offsets *self);         /* end of the last live block */
uint32_t plim_offsets_live_count(const plim_offsets *self);
uint32_t plim_offsets_live_limit(const plim_offsets *self);

/* NULL, or the words for the broken invariant. Looks at everything. */
const char *plim_offsets_check(const plim_offsets *self);

#endif
