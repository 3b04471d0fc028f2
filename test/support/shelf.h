/* SPDX-License-Identifier: Apache-2.0 */
/* shelf.h - chunks in one or two files as the packer writes them, for tests of the stream.
 *
 * build() fills room with 0xEE, so that a byte that the stream should have written or zeroed
 * and did not is seen. Also here: a census of descriptors and threads, and of cached pages.
 */
#ifndef TEST_SUPPORT_SHELF_H
#define TEST_SUPPORT_SHELF_H

#include "platform/linux/stream/stream_parts.h"
#include "test/support/cm.h"

#define SHELF_PAGE       4096u
#define SHELF_CHUNKS_MAX 64u
#define SHELF_ROOM_BYTES (24u << 20)

typedef struct shelf {
    char path[2][512];
    plim_stream_file files[2];
    size_t file_count;
    plim_stream_chunk chunks[SHELF_CHUNKS_MAX];
    uint8_t digest[SHELF_CHUNKS_MAX][PLIM_DIGEST_BYTES];
    size_t chunk_count;
    uint64_t payload_bytes;
    unsigned char *want, *room; /* what should arrive, and where */
} shelf;

/* Lays @sizes out over @file_count files; two chunks of three are LZ4 when asked for. */
void shelf_build(shelf *s, const char *folder, const uint32_t *sizes, size_t count,
                 size_t file_count, bool lz4);
void shelf_drop(shelf *s);
bool shelf_next_chunk(void *context, uint64_t index, plim_stream_chunk *out);
plim_status shelf_run(shelf *s, const plim_load_opts *opts, const plim_stream_seam *seam,
                      plim_load_stats *stats, plim_error *err);
/* Is @path to be had there? io_uring may be forbidden, O_DIRECT refused. */
bool shelf_has_path(shelf *s, plim_read_path path);
/* Changes one bit of what the digest of chunk @i covers; a second time changes it back. */
void shelf_flip(const shelf *s, size_t i, uint64_t bit);
uint64_t shelf_room_used(const shelf *s);
void assert_arrived(const shelf *s);
/* Every page is zero or still holds the pattern: no byte of the file anywhere. */
void assert_scrubbed(const shelf *s);

typedef struct census {
    size_t descriptors, threads;
} census;
census take_census(void);
void assert_census(census before);
size_t cached_pages(int fd, uint64_t size);

#endif
