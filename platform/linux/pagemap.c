/* SPDX-License-Identifier: Apache-2.0 */
/* pagemap.c - /proc/self/pagemap, 512 entries at a time; no memory is taken. */
#include "platform/linux/pagemap.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#define IS_PRESENT      (UINT64_C(1) << 63)
#define ENTRIES_AT_ONCE 512

plim_status plim_pagemap_resident(const void *base, size_t size_bytes, size_t page_bytes,
                                  uint64_t marks, size_t *out_bytes, plim_error *err)
{
    size_t left = size_bytes / page_bytes, found = 0;
    uint64_t entries[ENTRIES_AT_ONCE];
    off_t at = (off_t)((uintptr_t)base / page_bytes * sizeof(entries[0]));
    int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "pagemap", .os_errno = errno);
    }
    while (left) {
        size_t n = left < ENTRIES_AT_ONCE ? left : ENTRIES_AT_ONCE;
        ssize_t got = pread(fd, entries, n * sizeof(entries[0]), at);
        if (got < (ssize_t)sizeof(entries[0])) {
            int error = got < 0 ? errno : 0;
            close(fd);
            return PLIM_FAIL(err, PLIM_E_IO, .what = "pagemap", .os_errno = error);
        }
        n = (size_t)got / sizeof(entries[0]);
        for (size_t i = 0; i < n; i++) {
            found += (entries[i] & IS_PRESENT) && (entries[i] & marks);
        }
        left -= n;
        at += (off_t)(n * sizeof(entries[0]));
    }
    close(fd);
    *out_bytes = found * page_bytes;
    return PLIM_OK;
}
