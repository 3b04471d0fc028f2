/* SPDX-License-Identifier: Apache-2.0 */
/* file_bytes.c - positioned reads with the end of the file checked first.
 *
 * Refuses what is not a regular file, and Git LFS pointers by their first line: such a file is a
 * text of some 130 bytes where megabytes should be, and every format error that would follow
 * from it says less than the pointer itself.
 */
#include "src/episode/file_bytes.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static plim_status refuse_pointer(const plim_file_bytes *self, plim_error *err)
{
    static const char mark[] = "version https://git-lfs";
    char text[513] = "";
    if (self->size_bytes >= sizeof(text) || self->size_bytes < sizeof(mark)) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_file_bytes_read(self, 0, text, (size_t)self->size_bytes, err));
    if (memcmp(text, mark, sizeof(mark) - 1) != 0) {
        return PLIM_OK;
    }
    const char *size = strstr(text, "\nsize ");
    plim_error_set(err, PLIM_E_FORMAT, "recorded file", "content", "the recording",
                   "an LFS pointer");
    /* the number first: a long path may cut the end off */
    plim_error_detail(err, "%" PRIu64 " bytes not downloaded: %s",
                      size ? (uint64_t)strtoull(size + 6, NULL, 10) : 0, self->path);
    return PLIM_E_FORMAT;
}

plim_status plim_file_bytes_open(plim_file_bytes *self, const char *path, plim_error *err)
{
    *self = (plim_file_bytes){.fd = -1, .path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    struct stat st = {0};
    if (fd < 0 || fstat(fd, &st) != 0 || !S_ISREG(st.st_mode)) {
        int os_errno = fd < 0 ? errno : EINVAL;
        plim_status status =
            os_errno == ENOENT || os_errno == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        if (fd >= 0) {
            close(fd);
        }
        plim_error_set(err, status, "recorded file", "path", "a regular file", NULL);
        plim_error_detail(err, "%s", path);
        if (err) {
            err->os_errno = os_errno;
        }
        return status;
    }
    self->fd = fd;
    self->size_bytes = (uint64_t)st.st_size;
    plim_status status = refuse_pointer(self, err);
    if (status != PLIM_OK) {
        plim_file_bytes_close(self);
    }
    return status;
}

void plim_file_bytes_from_memory(plim_file_bytes *self, const void *data, size_t size_bytes)
{
    *self = (plim_file_bytes){.fd = -1, .memory = data, .path = "", .size_bytes = size_bytes};
}

void plim_file_bytes_close(plim_file_bytes *self)
{
    if (self && self->path && self->fd >= 0) {
        close(self->fd);
    }
    if (self) {
        *self = (plim_file_bytes){.fd = -1};
    }
}

plim_status plim_file_bytes_read(const plim_file_bytes *self, uint64_t offset, void *to,
                                 size_t size_bytes, plim_error *err)
{
    if (offset > self->size_bytes || size_bytes > self->size_bytes - offset) {
        plim_error_set(err, PLIM_E_FORMAT, "recorded file", "length", NULL, "cut short");
        plim_error_detail(err, "%s", self->path);
        if (err) {
            err->want = size_bytes;
            err->have = offset < self->size_bytes ? self->size_bytes - offset : 0;
            err->limit = self->size_bytes;
        }
        return PLIM_E_FORMAT;
    }
    if (self->fd < 0) {
        if (size_bytes) {
            memcpy(to, self->memory + offset, size_bytes);
        }
        return PLIM_OK;
    }
    for (size_t done = 0; done < size_bytes;) {
        ssize_t n = pread(self->fd, (char *)to + done, size_bytes - done, (off_t)(offset + done));
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) { /* 0: the file shrank after it was opened */
            int os_errno = n < 0 ? errno : EIO;
            plim_error_set(err, PLIM_E_IO, "recorded file", NULL, NULL, NULL);
            plim_error_detail(err, "%s", self->path);
            if (err) {
                err->os_errno = os_errno;
            }
            return PLIM_E_IO;
        }
        done += (size_t)n;
    }
    return PLIM_OK;
}
