/* SPDX-License-Identifier: Apache-2.0 */
/* beneath.c - paths that come out of a model file.
 *
 * The text is checked first: relative, no empty, "." or ".." component, no backslash, only
 * printable ASCII. Then the kernel resolves it (openat2, RESOLVE_BENEATH and no symbolic
 * links); where it cannot, each component is opened with O_NOFOLLOW from the one before. What
 * was opened must be a regular file that no other name leads to: a hard link made by
 * somebody else could point anywhere on the disk. Everything after that uses the descriptor.
 */
#include "src/engine/beneath.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#if __has_include(<linux/openat2.h>) /* since Linux 5.6 */
#include <linux/openat2.h>
#endif

#include "src/engine/printable.h"

#define OPEN_FLAGS (O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY | O_NOFOLLOW)

static plim_status refuse(plim_status status, const char *name, const char *wanted, int number,
                          plim_error *err)
{
    char found[96];
    plim_text_quote(found, sizeof(found), name, strlen(name));
    plim_error_set(err, status, "file beside a model", "location", wanted, found);
    if (err) {
        err->os_errno = number;
    }
    return status;
}

static bool is_allowed(const char *name)
{
    size_t n = strnlen(name, PLIM_BENEATH_BYTES);
    if (n == PLIM_BENEATH_BYTES || !plim_text_is_plain(name, n) || memchr(name, '\\', n)) {
        return false;
    }
    for (const char *part = name;;) {
        size_t length = strcspn(part, "/");
        if (length == 0 || (length == 1 && part[0] == '.') ||
            (length == 2 && part[0] == '.' && part[1] == '.')) {
            return false;
        }
        if (!part[length]) {
            return true;
        }
        part += length + 1;
    }
}

static int walk(int folder, const char *name)
{
    int at = fcntl(folder, F_DUPFD_CLOEXEC, 0);
    while (at >= 0) {
        char part[PLIM_BENEATH_BYTES];
        size_t n = strcspn(name, "/");
        bool is_last = name[n] == 0;
        memcpy(part, name, n);
        part[n] = 0;
        int next = openat(at, part, is_last ? OPEN_FLAGS : OPEN_FLAGS | O_DIRECTORY);
        int number = errno;
        close(at);
        errno = number;
        if (is_last) {
            return next;
        }
        at = next;
        name += n + 1;
    }
    return -1;
}

static int resolve(int folder, const char *name)
{
#ifdef __NR_openat2
    struct open_how how = {.flags = OPEN_FLAGS,
                           .resolve =
                               RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS};
    long fd = syscall(__NR_openat2, folder, name, &how, sizeof(how));
    if (fd >= 0 || (errno != ENOSYS && errno != EPERM && errno != EINVAL)) {
        return (int)fd;
    }
#endif
    return walk(folder, name);
}

plim_status plim_beneath_folder(const char *path, int *out_fd, plim_error *err)
{
    char folder[PATH_MAX] = ".";
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) + 1 : 0;
    *out_fd = -1;
    if (n >= sizeof(folder)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "path too long");
    }
    if (n) {
        memcpy(folder, path, n);
        folder[n] = 0;
    }
    *out_fd = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (*out_fd < 0) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "model folder cannot be opened",
                         .os_errno = errno);
    }
    return PLIM_OK;
}

plim_status plim_beneath_open(int folder, const char *name, int *out_fd, uint64_t *out_bytes,
                              plim_error *err)
{
    struct stat st;
    *out_fd = -1;
    if (!is_allowed(name)) {
        return refuse(PLIM_E_FORMAT, name, "a relative path inside the model's folder", 0, err);
    }
    int fd = resolve(folder, name);
    if (fd < 0) {
        int number = errno;
        bool is_link = number == ELOOP || number == EXDEV || number == ENOTDIR;
        return refuse(is_link            ? PLIM_E_FORMAT
                      : number == ENOENT ? PLIM_E_NOT_FOUND
                                         : PLIM_E_IO,
                      name, is_link ? "no symbolic link" : "a readable file", number, err);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_nlink != 1) {
        close(fd);
        return refuse(PLIM_E_FORMAT, name, "a regular file with one link", 0, err);
    }
    *out_fd = fd;
    *out_bytes = (uint64_t)st.st_size;
    return PLIM_OK;
}
