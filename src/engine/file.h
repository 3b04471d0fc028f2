/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - what an opened artifact is, for the files of this room.
 *
 * Everything lies in the home region. Descriptors are open, read-only and buffered, from
 * open to close; files[i] is what plim_chunk.file_index i means. Chunks are in payload
 * order, every payload_offset and file_offset is a multiple of 4096, and every extent was
 * held against its file's size when the artifact was opened.
 */
#ifndef ENGINE_FILE_H
#define ENGINE_FILE_H

#include "platform/stream.h"
#include "plimsoll/engine.h"

#define PLIM_ENGINE_PAGE            4096u
#define PLIM_ENGINE_SECTIONS_MAX    65536u
#define PLIM_ENGINE_FILES_MAX       256u
#define PLIM_ENGINE_CARD_BYTES_MAX  (16u << 20)
#define PLIM_ENGINE_CHUNK_BYTES_MIN (64u << 10)
#define PLIM_ENGINE_CHUNK_BYTES_MAX (16u << 20)

/* Blocks of a home region. A dynamic region gets every block back; a bump region goes back
 * to where it was when opening fails, and keeps what a success used until its owner resets
 * or rewinds it. */
typedef struct plim_home {
    plim_region *region;
    bool is_bump;
    uint64_t start_mark;
    void *blocks[6];
    size_t block_count;
} plim_home;

plim_status plim_home_init(plim_home *self, plim_region *region, plim_error *err);
/* Zeroed, aligned for any of our tables. */
plim_status plim_home_take(plim_home *self, uint64_t size_bytes, void **out, plim_error *err);
/* A block that is not needed any more; a bump region keeps it. */
void plim_home_drop(plim_home *self, void *block);
void plim_home_undo(plim_home *self);

struct plim_engine_file {
    plim_home home;
    const char *path;
    plim_card *card;
    plim_section *sections;
    size_t section_count;
    plim_chunk *chunks;
    size_t chunk_count;
    plim_stream_file *files;
    size_t file_count;
    uint32_t chunk_bytes;
    uint64_t payload_bytes;
    uint64_t room_bytes; /* payload_bytes rounded up to a page */
};

/* Whole pages. @bytes was held against a file or payload limit, far below 2^64. */
static inline uint64_t plim_engine_pages(uint64_t bytes)
{
    return (bytes + PLIM_ENGINE_PAGE - 1) & ~(uint64_t)(PLIM_ENGINE_PAGE - 1);
}

/* ---- what open.c lends to the readers of the two kinds ---- */

/* Opens a regular file for reading. Errors: E_NOT_FOUND, E_IO, E_FORMAT not a regular file. */
plim_status plim_engine_open_file(const char *path, int *out_fd, uint64_t *out_bytes,
                                  plim_error *err);

/* Exactly @size bytes at @offset. Errors: E_IO, also when the file ends first. */
plim_status plim_engine_read_at(int fd, const char *path, void *out, size_t size, uint64_t offset,
                                plim_error *err);

/* SHA-256 of the first @bytes of a file, read through @window. Errors: those of read_at,
 * E_BACKEND libcrypto refused. */
plim_status plim_engine_digest_to(int fd, const char *path, uint64_t bytes, void *window,
                                  size_t window_bytes, uint8_t out[PLIM_DIGEST_BYTES],
                                  plim_error *err);

/* A file name that describes itself must say what the card says. Errors: E_MISMATCH. */
plim_status plim_engine_check_name(const char *path, const plim_card *card, plim_error *err);

/* Root of the hash tree: the digest over all chunk digests, in order. The card must say the same
 * root and the same payload size. Errors: E_CORRUPT, E_FORMAT. */
plim_status plim_engine_root(const plim_engine_file *self, uint8_t out[PLIM_DIGEST_BYTES],
                             plim_error *err);
plim_status plim_engine_check_root(const plim_engine_file *self,
                                   const uint8_t root[PLIM_DIGEST_BYTES], plim_error *err);

/* One chunk, checked and decoded, into a window of its whole pages; and whether @scratch holds any
 * chunk of @self. Errors: as plim_engine_verify. */
plim_status plim_engine_read_chunk(const plim_engine_file *self, size_t index,
                                   unsigned char *window, plim_error *err);
plim_status plim_engine_check_scratch(const plim_engine_file *self, const void *scratch,
                                      size_t scratch_bytes, plim_error *err);

const char *plim_engine_base_name(const char *path);

/* One block of @home with the object, its card, tables of these sizes and a copy of @path. */
plim_status plim_engine_file_make(plim_home *home, const char *path, size_t section_count,
                                  uint64_t chunk_count, size_t file_count, plim_engine_file **out,
                                  plim_error *err);

/* The two readers. On success *@out owns @fd; on failure the caller still does, and undoes
 * @home. */
plim_status plim_container_read(int fd, const char *path, uint64_t file_bytes, plim_home *home,
                                plim_engine_file **out, plim_error *err);
plim_status plim_bare_read(int fd, const char *path, uint64_t file_bytes, const char *card_path,
                           plim_home *home, plim_engine_file **out, plim_error *err);

#endif
