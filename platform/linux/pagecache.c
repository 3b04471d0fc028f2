/* SPDX-License-Identifier: Apache-2.0 */
/* pagecache.c - how much of a file lies in the page cache (mincore over a mapping).
 *
 * The mapping is never touched, so asking brings nothing in. It is asked in pieces, so that
 * the answer needs a fixed few KiB whatever the size of the file.
 */
#include <errno.h>
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/platform.h"

#define PIECE_PAGES 4096u

static plim_status count_pages(int fd, uint64_t size, uint64_t *out, const char *path,
                               plim_error *err)
{
    const uint64_t page = (uint64_t)sysconf(_SC_PAGESIZE);
    unsigned char in_core[PIECE_PAGES];
    for (uint64_t at = 0; at < size; at += page * PIECE_PAGES) {
        uint64_t left = size - at, piece = page * PIECE_PAGES;
        size_t bytes = (size_t)(left < piece ? left : piece);
        void *map = mmap(NULL, bytes, PROT_READ, MAP_SHARED, fd, (off_t)at);
        if (map == MAP_FAILED || mincore(map, bytes, in_core) != 0) {
            int e = errno;
            if (map != MAP_FAILED) {
                munmap(map, bytes);
            }
            (void)PLIM_FAIL(err, PLIM_E_IO, .what = "page cache of a file", .os_errno = e);
            plim_error_detail(err, "%s", path);
            return PLIM_E_IO;
        }
        for (uint64_t i = 0; i < (bytes + page - 1) / page; i++) {
            if (in_core[i] & 1u) {
                *out += page; /* the last page is held whole, however little of it is used */
            }
        }
        munmap(map, bytes);
    }
    return PLIM_OK;
}

plim_status plim_file_cached_bytes(const char *path, uint64_t *out_bytes, plim_error *err)
{
    struct stat st;
    *out_bytes = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st) != 0) {
        int e = errno;
        plim_status code = e == ENOENT ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        if (fd >= 0) {
            close(fd);
        }
        (void)PLIM_FAIL(err, code, .what = "page cache of a file", .os_errno = e);
        plim_error_detail(err, "%s", path);
        return code;
    }
    uint64_t cached = 0;
    plim_status rc = S_ISREG(st.st_mode) && st.st_size > 0
                         ? count_pages(fd, (uint64_t)st.st_size, &cached, path, err)
                         : PLIM_OK;
    close(fd);
    if (rc == PLIM_OK) {
        *out_bytes = cached;
    }
    return rc;
}
