/* SPDX-License-Identifier: Apache-2.0 */
/* snappy.h - the raw Snappy block format, decompression only. */
#ifndef EPISODE_SNAPPY_H
#define EPISODE_SNAPPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No block expands further: the densest element is 3 bytes for 64, plus the length in front. */
#define PLIM_SNAPPY_RATIO_MAX 22u

/* plim_snappy_decode - the block at @in becomes exactly @out_bytes at @out; they may not overlap.
 * False: damaged, or of another length. Never reads or writes outside the two ranges. */
bool plim_snappy_decode(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes);

#endif
