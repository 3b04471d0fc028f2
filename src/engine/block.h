/* SPDX-License-Identifier: Apache-2.0 */
/* block.h - one chunk, LZ4 or raw, as the container stores it. */
#ifndef ENGINE_BLOCK_H
#define ENGINE_BLOCK_H

#include "src/engine/file.h"

typedef struct plim_block_maker {
    unsigned char *packed, *proof; /* chunk_bytes each */
    void *state;                   /* liblz4's; plim_block_state_bytes */
    int level;                     /* 0: fast; 3 .. 12: HC */
} plim_block_maker;

size_t plim_block_state_bytes(int level);

/* Tries to store @raw as an LZ4 extent. True: @chunk's codec, stored_bytes and tail_bytes are
 * set, @maker->packed holds the whole extent, and decoding it in place gave @raw back. */
bool plim_block_pack(plim_block_maker *maker, const unsigned char *raw, plim_chunk *chunk);

#endif
