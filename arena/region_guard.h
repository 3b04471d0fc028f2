/* SPDX-License-Identifier: Apache-2.0 */
/* region_guard.h - the hardened mode of a dynamic region; for region*.c only. */
#ifndef ARENA_REGION_GUARD_H
#define ARENA_REGION_GUARD_H

#include "arena/carve.h"

#define GUARD_BYTES 64u /* behind every block, and 63 more at most */

/* Blocks beyond the caller's block_limit that the hardened mode needs. */
uint32_t plim_guard_extra_blocks(uint32_t quarantine_blocks);

/* Bytes of table for @slot_limit slots. */
uint64_t plim_guard_footprint(uint32_t slot_limit, uint32_t quarantine_blocks);

/* Everything free, nothing held. */
void plim_guard_init(plim_region *self, uint32_t slot_limit);

/* Writes the guards of a new block of @size_bytes in @room_bytes at @offset; 0: the sentinel,
 * which is nobody's. */
void plim_guard_dress(plim_region *self, uint64_t offset, uint64_t size_bytes, uint64_t room_bytes);

/* May the block at @offset be freed? @size_bytes and @stamp 0: whatever they are.
 * E_ARG: freed already, or another size or stamp. E_STATE: a guard was written over. */
PLIM_MUST_USE plim_status plim_guard_admit(plim_region *self, uint64_t offset, uint64_t size_bytes,
                                           uint32_t stamp, plim_error *err);

/* The block is dead: it is filled, and held back while the quarantine has room. */
void plim_guard_hold(plim_region *self, uint64_t offset);

/* Gives the block that was held longest back to the region; false: none is held. */
bool plim_guard_release(plim_region *self);

uint64_t plim_guard_block_bytes(const plim_region *self, uint64_t offset); /* as asked; 0: none */
uint32_t plim_guard_stamp(const plim_region *self, uint64_t offset);       /* 0: none */
uint64_t plim_guard_held_bytes(const plim_region *self);
void plim_guard_count_misuse(plim_region *self);
uint64_t plim_guard_misuse_count(const plim_region *self);

/* Every guard and every held block now; NULL: nothing was written over. */
const char *plim_guard_inspect(plim_region *self, uint64_t *out_offset);

#endif
