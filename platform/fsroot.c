/* SPDX-License-Identifier: Apache-2.0 */
/* fsroot.c - files of the machine, or of a captured one.
 *
 * Decides where a probe's path lies. Refuses paths that do not fit. Holds no heap memory:
 * lines go through a buffer of the caller, and a longer line is cut, its rest skipped.
 */
#include "platform/fsroot.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

static int open_at_root(const char *root, const char *path, int flags)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof(full), "%s/%s", root ? root : "", path);
    if (n < 0 || (size_t)n >= sizeof(full)) {
        errno = ENAMETOOLONG;
        return -1;
    }
    return open(full, O_RDONLY | O_CLOEXEC | flags);
}

static ssize_t read_some(int fd, char *to, size_t room)
{
    ssize_t n;
    do {
        n = read(fd, to, room);
    } while (n < 0 && errno == EINTR);
    return n;
}

static plim_status refuse_open(const char *what, const char *root, const char *path,
                               plim_error *err)
{
    int e = errno;
    plim_status code = e == ENOENT || e == ESRCH ? PLIM_E_NOT_FOUND : PLIM_E_IO;
    (void)PLIM_FAIL(err, code, .what = what, .os_errno = e);
    plim_error_detail(err, "%s/%s", root ? root : "", path);
    return code;
}

plim_status plim_lines_open(const char *root, const char *path, plim_lines *out, plim_error *err)
{
    out->begin = out->end = 0;
    out->at_end = out->cutting = false;
    out->separator = '\n';
    out->fd = open_at_root(root, path, 0);
    return out->fd < 0 ? refuse_open("a file of the system", root, path, err) : PLIM_OK;
}

void plim_lines_close(plim_lines *self)
{
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

/* Moves what is left to the front and reads on; false when nothing came. */
static bool lines_fill(plim_lines *self)
{
    memmove(self->buffer, self->buffer + self->begin, self->end - self->begin);
    self->end -= self->begin;
    self->begin = 0;
    ssize_t n = read_some(self->fd, self->buffer + self->end, sizeof(self->buffer) - 1 - self->end);
    if (n <= 0) {
        self->at_end = true;
        return false;
    }
    self->end += (size_t)n;
    return true;
}

/* One line or piece of a line; *whole says whether its newline was seen. */
static char *lines_piece(plim_lines *self, bool *whole)
{
    for (;;) {
        char *start = self->buffer + self->begin;
        char *newline = memchr(start, self->separator, self->end - self->begin);
        if (newline) {
            *newline = 0;
            self->begin = (size_t)(newline - self->buffer) + 1;
            *whole = true;
            return start;
        }
        bool is_full = self->end - self->begin == sizeof(self->buffer) - 1;
        if (is_full || self->at_end || !lines_fill(self)) {
            if (!is_full && self->begin == self->end) {
                return NULL;
            }
            start = self->buffer + self->begin;
            self->buffer[self->end] = 0;
            self->begin = self->end;
            *whole = !is_full;
            return start;
        }
    }
}

char *plim_lines_next(plim_lines *self)
{
    for (;;) {
        bool whole = false;
        char *piece = lines_piece(self, &whole);
        bool is_rest = self->cutting;
        self->cutting = piece && !whole;
        if (!piece || !is_rest) {
            return piece;
        }
    }
}

bool plim_fsroot_read(const char *root, const char *path, char *out, size_t out_room,
                      size_t *out_bytes)
{
    out[0] = 0;
    int fd = open_at_root(root, path, 0);
    if (fd < 0) {
        return false;
    }
    size_t used = 0;
    ssize_t n = 0;
    while (used < out_room - 1 && (n = read_some(fd, out + used, out_room - 1 - used)) > 0) {
        used += (size_t)n;
    }
    close(fd);
    out[used] = 0;
    if (out_bytes) {
        *out_bytes = used;
    }
    return n >= 0;
}

int plim_fsroot_open(const char *root, const char *path)
{
    return open_at_root(root, path, 0);
}

bool plim_fsroot_has(const char *root, const char *path)
{
    char full[PATH_MAX];
    int n = snprintf(full, sizeof(full), "%s/%s", root ? root : "", path);
    return n >= 0 && (size_t)n < sizeof(full) && faccessat(AT_FDCWD, full, F_OK, 0) == 0;
}

plim_status plim_folder_open(const char *root, const char *path, plim_folder *out, plim_error *err)
{
    out->used = out->at = 0;
    out->fd = open_at_root(root, path, O_DIRECTORY);
    return out->fd < 0 ? refuse_open("a folder of the system", root, path, err) : PLIM_OK;
}

const char *plim_folder_next(plim_folder *self)
{
    for (;;) {
        if (self->at >= self->used) {
            self->used = syscall(SYS_getdents64, self->fd, self->buffer, sizeof(self->buffer));
            self->at = 0;
            if (self->used <= 0) {
                return NULL;
            }
        }
        const struct dirent64 *entry = (const struct dirent64 *)(self->buffer + self->at);
        self->at += entry->d_reclen;
        if (strcmp(entry->d_name, ".") != 0 && strcmp(entry->d_name, "..") != 0) {
            return entry->d_name;
        }
    }
}

void plim_folder_close(plim_folder *self)
{
    if (self->fd >= 0) {
        close(self->fd);
        self->fd = -1;
    }
}

bool plim_parse_u64(const char *text, uint64_t *out)
{
    while (*text == ' ' || *text == '\t') {
        text++;
    }
    if (*text < '0' || *text > '9') {
        return false;
    }
    uint64_t n = 0;
    for (; *text >= '0' && *text <= '9'; text++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(*text - '0'), &n)) {
            return false;
        }
    }
    *out = n;
    return true;
}
