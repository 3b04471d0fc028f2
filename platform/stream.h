/* SPDX-License-Identifier: Apache-2.0 */
/* stream.h - read a list of chunks from files to their final addresses.
 *
 * Decides how bytes get from the disk into memory that is already theirs: direct reads
 * with a few chunks in flight, digests and LZ4 on other threads, large pages, prefault
 * ahead. Holds no payload of its own except on the buffered path (one window). It knows
 * nothing of cards, sections or containers: src/engine turns those into this list.
 */
#ifndef PLATFORM_STREAM_H
#define PLATFORM_STREAM_H

#include "plimsoll/engine.h"

typedef struct plim_stream_chunk {
    uint32_t file;         /* index into files */
    uint64_t file_offset;  /* multiple of 4096 */
    uint32_t stored_bytes; /* in the file; a direct read covers it rounded up to 4096 */
    uint32_t raw_bytes;    /* at target; at most PLIM_LZ4_RAW_MAX */
    plim_codec codec;
    uint32_t tail_bytes;   /* LZ4: see docs/container.md */
    unsigned char *target; /* aligned to 4096, room for raw_bytes rounded up to 4096 */
    const uint8_t *sha256; /* raw: of stored_bytes; LZ4: of the whole extent; NULL: not checked.
                            * Stays valid until the run returns. */
    uint64_t number;       /* what errors call it; within its file, say */
} plim_stream_chunk;

typedef struct plim_stream_file {
    int fd;           /* opened read-only, buffered; the stream reopens it as it needs */
    const char *path; /* for errors */
    uint64_t size_bytes;
} plim_stream_file;

/* plim_stream_run - read, check and decode every chunk.
 *
 * @next gives chunk @index of [0, chunk_count). It is called from the calling thread only, a
 * few times per index and with rising index each time (the prefault looks ahead of the
 * reads), and must give the same answer each time; false ends the list early. The list itself
 * is never held. Targets of chunks that are under way at once must not overlap. With
 * queue_depth 1, worker_count 1 and no_prefault chunks finish in order and at most
 * plim_stream_slots are under way: then a target may be used again that many chunks later.
 *
 * Bytes at a chunk's target are its own only after the call returned PLIM_OK, and the rest of
 * its room is zero then. On failure everything in flight has come to rest, the rooms of all
 * chunks that were begun are zero, and every thread and descriptor is gone.
 * Page cache of the files is dropped behind (their clean pages, whoever read them).
 * Threads: the calling thread, one prefault thread, the workers, and on the pread paths
 *          readers; signals are blocked in all but the first.
 * Errors:  those of plim_engine_load; E_ARG for a chunk that breaks a rule above; E_NOMEM
 *          when the system refuses memory or a thread.
 */
PLIM_MUST_USE plim_status plim_stream_run(const plim_stream_file *files, size_t file_count,
                                          bool (*next)(void *context, uint64_t index,
                                                       plim_stream_chunk *out),
                                          void *context, uint64_t chunk_count, uint64_t total_bytes,
                                          const plim_load_opts *opts, plim_load_stats *stats,
                                          plim_error *err);

/* plim_stream_slots - the most chunks that are under way at once with these options. */
size_t plim_stream_slots(const plim_load_opts *opts);

/* plim_stream_want_huge - ask for large pages behind the range; a wish, never a failure. */
void plim_stream_want_huge(void *base, uint64_t size_bytes);

/* plim_stream_huge_bytes - how much of [base, base + size) lies on large pages; 0 when the
 * kernel cannot say. */
uint64_t plim_stream_huge_bytes(const void *base, uint64_t size_bytes);

#define PLIM_LZ4_RAW_MAX  (16u << 20) /* largest block, as the container's chunk_bytes */
#define PLIM_LZ4_TAIL_MAX 4096u       /* longest raw tail; 64 is the usual one */

/* plim_lz4_decode_in_place - the block at @target, whose extent lies at the end of its room.
 *
 * room is raw_bytes rounded up to 4096; the compressed bytes end at @target + room, preceded
 * by the padding and the tail (docs/container.md). True: [@target, + raw_bytes) holds the
 * output and the rest of the room is zero. False: damaged, or a length is out of bounds; the
 * room's content is then undefined. Nothing outside the room is read or written. The packer
 * runs this very function to prove a block. Any thread; uses about 4.5 KiB of stack.
 */
bool plim_lz4_decode_in_place(unsigned char *target, uint32_t raw_bytes, uint32_t stored_bytes,
                              uint32_t tail_bytes);

#endif
