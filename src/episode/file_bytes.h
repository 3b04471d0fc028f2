/* SPDX-License-Identifier: Apache-2.0 */
/* file_bytes.h - the bytes of a recorded file, by offset: from a descriptor or from memory.
 *
 * Every reader of this room sees files through it, so that a fuzzer can feed the same code from
 * memory. A read that would pass the end is E_FORMAT ("cut short"): the length of a hostile file
 * is known once, at open, and never trusted from inside the file.
 */
#ifndef EPISODE_FILE_BYTES_H
#define EPISODE_FILE_BYTES_H

#include "plimsoll/status.h"

typedef struct plim_file_bytes {
    int fd;                /* -1 when the bytes are in memory */
    const uint8_t *memory; /* borrowed */
    const char *path;      /* for errors; borrowed, "" in memory */
    uint64_t size_bytes;
} plim_file_bytes;

/* Errors:  E_NOT_FOUND  no such file.  E_IO  cannot be opened, or is not a regular file.
 *          E_FORMAT  an LFS pointer stands in its place; detail says how many bytes are missing.
 */
PLIM_MUST_USE plim_status plim_file_bytes_open(plim_file_bytes *self, const char *path,
                                               plim_error *err);
void plim_file_bytes_from_memory(plim_file_bytes *self, const void *data, size_t size_bytes);
void plim_file_bytes_close(plim_file_bytes *self);

/* plim_file_bytes_read - exactly @size_bytes from @offset.
 * Errors:  E_FORMAT  past the end of the file.  E_IO  the system failed the read. */
PLIM_MUST_USE plim_status plim_file_bytes_read(const plim_file_bytes *self, uint64_t offset,
                                               void *to, size_t size_bytes, plim_error *err);

/* Numbers at an address, in either byte order; no alignment needed. */
static inline uint32_t plim_le32(const uint8_t *p)
{
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}
static inline uint64_t plim_le64(const uint8_t *p)
{
    return (uint64_t)plim_le32(p) | (uint64_t)plim_le32(p + 4) << 32;
}
static inline uint32_t plim_be32(const uint8_t *p)
{
    return (uint32_t)p[3] | (uint32_t)p[2] << 8 | (uint32_t)p[1] << 16 | (uint32_t)p[0] << 24;
}
static inline uint64_t plim_be64(const uint8_t *p)
{
    return (uint64_t)plim_be32(p) << 32 | plim_be32(p + 4);
}

#endif
