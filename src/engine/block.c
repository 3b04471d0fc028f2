/* SPDX-License-Identifier: Apache-2.0 */
/* block.c - an LZ4 extent that decodes inside its own room, proven before it is written.
 *
 * The extent is [tail | zero padding | compressed]. How long the raw tail must be depends on
 * how far liblz4 writes ahead in this very block, so it is not computed but tried: from 64
 * bytes, doubled until the loader's own decode function gives the chunk back. A block that
 * saves less than one page, or that no tail makes right, is left raw.
 */
#include "src/engine/block.h"

#include <string.h>

#include <lz4.h>
#include <lz4hc.h>

#define TAIL_FIRST 64u

size_t plim_block_state_bytes(int level)
{
    return (size_t)(level >= LZ4HC_CLEVEL_MIN ? LZ4_sizeofStateHC() : LZ4_sizeofState());
}

static uint32_t whole_pages(uint32_t bytes)
{
    return (bytes + PLIM_ENGINE_PAGE - 1) & ~(PLIM_ENGINE_PAGE - 1);
}

static int compress(plim_block_maker *maker, const unsigned char *raw, uint32_t bytes,
                    uint32_t limit)
{
    const char *from = (const char *)raw;
    char *to = (char *)maker->proof;
    return maker->level >= LZ4HC_CLEVEL_MIN
               ? LZ4_compress_HC_extStateHC(maker->state, from, to, (int)bytes, (int)limit,
                                            maker->level)
               : LZ4_compress_fast_extState(maker->state, from, to, (int)bytes, (int)limit, 1);
}

static bool is_proven(plim_block_maker *maker, const unsigned char *raw, const plim_chunk *chunk)
{
    uint32_t room = whole_pages(chunk->raw_bytes);
    uint32_t extent = whole_pages(chunk->stored_bytes);
    memcpy(maker->proof + room - extent, maker->packed, extent);
    return plim_lz4_decode_in_place(maker->proof, chunk->raw_bytes, chunk->stored_bytes,
                                    chunk->tail_bytes) &&
           memcmp(maker->proof, raw, chunk->raw_bytes) == 0;
}

bool plim_block_pack(plim_block_maker *maker, const unsigned char *raw, plim_chunk *chunk)
{
    uint32_t room = whole_pages(chunk->raw_bytes);
    for (uint32_t tail = TAIL_FIRST; tail <= PLIM_LZ4_TAIL_MAX && tail < chunk->raw_bytes;
         tail *= 2) {
        if (room <= PLIM_ENGINE_PAGE + tail) {
            return false;
        }
        int packed = compress(maker, raw, chunk->raw_bytes - tail, room - PLIM_ENGINE_PAGE - tail);
        if (packed <= 0) {
            return false;
        }
        chunk->codec = PLIM_CODEC_LZ4;
        chunk->tail_bytes = tail;
        chunk->stored_bytes = tail + (uint32_t)packed;
        uint32_t extent = whole_pages(chunk->stored_bytes);
        memset(maker->packed, 0, extent);
        memcpy(maker->packed, raw + chunk->raw_bytes - tail, tail);
        memcpy(maker->packed + extent - (uint32_t)packed, maker->proof, (size_t)packed);
        if (is_proven(maker, raw, chunk)) {
            return true;
        }
    }
    return false;
}
