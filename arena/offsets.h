/* SPDX-License-Identifier: Apache-2.0 */
/* offsets.h - O(1) bookkeeping of free ranges that never touches the memory it manages.
 *
 * Decides which offsets of [0, size) a block gets. It knows no address, so the range may be
 * GPU memory; its tables live wherever the caller puts them. Sizes and offsets are counted
 * in units: 64 bytes, or a larger power of two that the caller names.
 *
 * Placement: best fit among the ranges between blocks, exactly: the smallest that holds the
 * request. The room behind the last block is taken only when none of them does, so that a
 * region grows no further than it must, and a refusal is a proof.
 *
 * Algorithm: segregated fit with two levels of bitmaps (Masmano, Ripoll, Crespo, Real: TLSF,
 * 2004) finds a class in two find-first-set steps; inside a class the ranges hang in a
 * digital trie over the low bits of their sizes, as in dlmalloc's tree bins (Lea), so the
 * smallest that fits is found and not guessed:
 *
 *     units        1..31           32..63    64..127   ...
 *     first level  0               1         2         ...   28 of them
 *     second       exactly         by 1      by 2      ...   32 of each
 *     low bits     0               0         1         ...   at most 25
 *
 * Live blocks are found by offset the same way: a bijection scrambles the w bits of the
 * offset, its high b bits choose a slot, the other w - b lead down a trie. Freeing joins
 * both neighbours at once: no two free ranges ever touch.
 *
 * Cost:  with w bits to count the units of the range, one trie is at most w - 5 steps deep
 *        for sizes and w - b for offsets (2^b slots: twice the block limit), whatever was
 *        allocated before and however many blocks live. An alloc does at most two searches (with
 *        two ends four), two insertions and one removal; a free one search, three removals and
 *        one insertion.
 *        A refusal costs no more than an alloc. An alignment above the unit costs at most
 *        ALIGNED_TRIES + 1 searches more. Not bounded so, and only this: plim_offsets_alloc_scan.
 * Room:  2 x live_limit + 2 nodes of 32 bytes always suffice, because n live blocks leave at
 *        most n + 1 free ranges. So an alloc fails for want of room or of blocks, never of
 *        tables.
 */
#ifndef ARENA_OFFSETS_H
#define ARENA_OFFSETS_H

#include <stdbool.h>
#include <stdint.h>

#define OFFSETS_UNIT      64u
#define OFFSETS_UNITS_MAX 0x7fffffffu /* of a range: just under 128 GiB in units of 64 bytes */
#define OFFSETS_SIZE_MAX  ((uint64_t)OFFSETS_UNIT * OFFSETS_UNITS_MAX)
#define OFFSETS_BLOCK_MAX (1u << 26)

typedef struct plim_offsets plim_offsets;

/* Bytes of table for a range; false when @size_bytes or @live_limit is 0 or too large, or
 * @unit_bytes not a power of two from 64 to 2^30. @size_bytes is rounded up to units. */
bool plim_offsets_footprint(uint64_t size_bytes, uint32_t live_limit, uint64_t unit_bytes,
                            uint64_t *out_bytes);

/* Builds the tables in @memory (footprint bytes, aligned to 8, better to 64): one free range. */
plim_offsets *plim_offsets_init(void *memory, uint64_t size_bytes, uint32_t live_limit,
                                uint64_t unit_bytes);

/* From now on blocks of at least @large_bytes (> 0) go to the high end of the smallest range that
 * holds them, and smaller ones to the low end of the lowest of four: the best fit of their own
 * class and the smallest of each of the next ones that are not empty. */
void plim_offsets_use_two_ends(plim_offsets *self, uint64_t large_bytes);

/* A range of at least @size_bytes (> 0) at a multiple of @align_bytes (a power of two) that
 * ends at or below @end_limit, which is no lower than the end of the last block.
 *
 * Exact for alignments up to a unit. For larger ones it looks at the best fitting ranges, a
 * fixed number, and at the smallest that holds the block wherever it begins; what a range loses in
 * front stays free. False: nothing found, or live_limit blocks live; nothing has changed. */
bool plim_offsets_alloc(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                        uint64_t end_limit, uint64_t *out_offset);

/* The same in the room behind the last block only: after alloc found nothing below a lower
 * limit, without a second search. */
bool plim_offsets_alloc_tail(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                             uint64_t end_limit, uint64_t *out_offset);

/* The same, proved: looks at every range, lowest first. For alignments above a unit after
 * alloc found nothing. Linear: at most 2 x live + 1 nodes. */
bool plim_offsets_alloc_scan(plim_offsets *self, uint64_t size_bytes, uint64_t align_bytes,
                             uint64_t end_limit, uint64_t *out_offset);

/* Gives the block at @offset back and returns its size; 0: no live block begins there. */
uint64_t plim_offsets_free(plim_offsets *self, uint64_t offset);

/* Size of the live block that begins at @offset; 0: none does. */
uint64_t plim_offsets_block_bytes(const plim_offsets *self, uint64_t offset);

/* A number below slot_limit that is this live block's alone for as long as it lives, to keep
 * something of the caller's beside it; UINT32_MAX: no live block begins there. */
uint32_t plim_offsets_slot(const plim_offsets *self, uint64_t offset);
uint32_t plim_offsets_slot_limit(const plim_offsets *self);

/* True when what ends where the live block at @offset begins is free. */
bool plim_offsets_ends_free(const plim_offsets *self, uint64_t offset);

/* Facts at any moment: none looks at more than one path of a trie. */
uint64_t plim_offsets_used_bytes(const plim_offsets *self);
uint64_t plim_offsets_largest_free_bytes(const plim_offsets *self);
uint64_t plim_offsets_end_of_use(const plim_offsets *self); /* end of the last live block */
uint32_t plim_offsets_free_count(const plim_offsets *self); /* free ranges, the tail included */
uint32_t plim_offsets_live_count(const plim_offsets *self);
uint32_t plim_offsets_live_limit(const plim_offsets *self);

/* NULL, or the words for the broken invariant. Looks at everything. */
const char *plim_offsets_check(const plim_offsets *self);

#endif
