/* SPDX-License-Identifier: Apache-2.0 */
/* file_cache.h - files whose page cache a report shows: which they are, and how much there is. */
#ifndef PLATFORM_LINUX_FILE_CACHE_H
#define PLATFORM_LINUX_FILE_CACHE_H

#include <stdbool.h>
#include <stdint.h>

#define PLIM_CACHE_PATH_BYTES 384u

/* plim_file_cache_read - bytes of @path in the page cache. False when the kernel would not tell
 * the truth, or when the bytes are no page cache: tmpfs is in Shmem. */
bool plim_file_cache_read(const char *path, uint64_t *out_bytes);

/* plim_file_cache_drop - ask the kernel to drop @path's page cache; *out: what it did drop, of
 * files that mincore tells the truth about. False: the file cannot be opened.
 * Cost:    counts the pages twice, some 0.2 ms each for 1 GiB. */
bool plim_file_cache_drop(const char *path, uint64_t *out_dropped_bytes);

/* Two paths of one file? */
bool plim_file_cache_is_same(const char *a, const char *b);

/* The path as the kernel would print it. False: too long, or no such file. */
bool plim_file_cache_real(const char *path, char out[PLIM_CACHE_PATH_BYTES]);

/* The regular file behind descriptor @name of @pid. False: something else. */
bool plim_file_cache_of_descriptor(uint32_t pid, const char *name, char out[PLIM_CACHE_PATH_BYTES]);

#endif
