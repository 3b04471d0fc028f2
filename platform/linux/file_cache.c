/* SPDX-License-Identifier: Apache-2.0 */
/* file_cache.c - files whose page cache a report shows.
 *
 * Refuses where mincore would lie: of files that the caller neither owns nor may write, the kernel
 * says that every page is there, so that nobody learns what others read. Refuses tmpfs and
 * hugetlbfs, whose pages are other counters'.
 */
#include "platform/linux/file_cache.h"

#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "plimsoll/platform.h"

bool plim_file_cache_read(const char *path, uint64_t *out_bytes)
{
    struct stat st;
    struct statfs fs;
    const uid_t self = geteuid();
    *out_bytes = 0;
    if (stat(path, &st) != 0 || !S_ISREG(st.st_mode) || statfs(path, &fs) != 0 ||
        fs.f_type == TMPFS_MAGIC || fs.f_type == HUGETLBFS_MAGIC || fs.f_type == RAMFS_MAGIC) {
        return false;
    }
    if (self != 0 && st.st_uid != self && access(path, W_OK) != 0) {
        return false;
    }
    return plim_file_cached_bytes(path, out_bytes, NULL) == PLIM_OK;
}

bool plim_file_cache_is_same(const char *a, const char *b)
{
    struct stat x, y;
    return stat(a, &x) == 0 && stat(b, &y) == 0 && x.st_dev == y.st_dev && x.st_ino == y.st_ino;
}

bool plim_file_cache_real(const char *path, char out[PLIM_CACHE_PATH_BYTES])
{
    char real[PATH_MAX];
    if (!realpath(path, real) || strlen(real) >= PLIM_CACHE_PATH_BYTES) {
        return false;
    }
    memcpy(out, real, strlen(real) + 1);
    return true;
}

bool plim_file_cache_of_descriptor(uint32_t pid, const char *name, char out[PLIM_CACHE_PATH_BYTES])
{
    char link[64];
    struct stat st;
    snprintf(link, sizeof(link), "/proc/%" PRIu32 "/fd/%.16s", pid, name);
    ssize_t n = readlink(link, out, PLIM_CACHE_PATH_BYTES - 1);
    if (n <= 0 || (size_t)n >= PLIM_CACHE_PATH_BYTES - 1 || out[0] != '/') {
        return false;
    }
    out[n] = 0;
    return stat(out, &st) == 0 && S_ISREG(st.st_mode) && st.st_size > 0;
}

/* Pages that are mapped, dirty or under way stay; so before and after are both counted. */
bool plim_file_cache_drop(const char *path, uint64_t *out_dropped_bytes)
{
    uint64_t before = 0, after = 0;
    *out_dropped_bytes = 0;
    if (plim_file_cached_bytes(path, &before, NULL) != PLIM_OK) {
        return false;
    }
    int fd = before ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        (void)posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        close(fd);
    }
    if (fd < 0 || plim_file_cached_bytes(path, &after, NULL) != PLIM_OK) {
        return before == 0;
    }
    *out_dropped_bytes = before > after ? before - after : 0;
    return true;
}
