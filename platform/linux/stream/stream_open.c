/* SPDX-License-Identifier: Apache-2.0 */
/* stream_open.c - the files, opened again for the path that was picked.
 *
 * Decides whether a file can be read past the page cache, and says why when it cannot. The
 * caller's descriptor is never changed: its file is opened again through the descriptor, so
 * that a file renamed over the path in between is not taken for it. A memory file system
 * accepts O_DIRECT on some kernels and then copies out of the cache all the same; it is
 * refused by name. One page is read into the first target at once, for each file system in the
 * list: some driver memory accepts no direct read at all, which no flag tells.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "platform/linux/stream/stream_parts.h"

#define MAGIC_TMPFS 0x01021994ul
#define MAGIC_RAMFS 0x858458f6ul

static plim_status fail_open(const stream *s, size_t index, plim_status status, int code,
                             const char *what, plim_error *err)
{
    (void)PLIM_FAIL(err, status, .what = what, .os_errno = code);
    plim_error_detail(err, "%s", s->files[index].path != NULL ? s->files[index].path : "?");
    return status;
}

/* Without /proc the path is all there is; then it must still be the same file. */
static int reopen_by_path(const plim_stream_file *file, int flags)
{
    struct stat ours;
    struct stat there;
    if (file->path == NULL) {
        errno = ENOENT;
        return -1;
    }
    const int fd = open(file->path, flags);
    if (fd < 0) {
        return -1;
    }
    if (fstat(file->fd, &ours) != 0 || fstat(fd, &there) != 0 || ours.st_dev != there.st_dev ||
        ours.st_ino != there.st_ino) {
        close(fd);
        errno = ESTALE;
        return -1;
    }
    return fd;
}

static int reopen(const plim_stream_file *file, int flags)
{
    char link[64];
    snprintf(link, sizeof(link), "/proc/self/fd/%d", file->fd);
    const int fd = open(link, flags);
    return fd < 0 && errno == ENOENT ? reopen_by_path(file, flags) : fd;
}

static const char *memory_file_system(int fd)
{
    struct statfs fs;
    struct stat at;
    /* A disk's device node lies on a memory file system too. */
    if (fstatfs(fd, &fs) != 0 || fstat(fd, &at) != 0 || !S_ISREG(at.st_mode)) {
        return NULL;
    }
    const unsigned long type = (unsigned long)fs.f_type & 0xfffffffful;
    return type == MAGIC_TMPFS ? "tmpfs" : type == MAGIC_RAMFS ? "ramfs" : NULL;
}

static void say(stream *s, const char *format, const char *a)
{
    snprintf(s->stats->path_reason, sizeof(s->stats->path_reason), format, a);
}

static bool is_same_device(int a, int b)
{
    struct stat first;
    struct stat second;
    return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_dev == second.st_dev;
}

/* One page into the first target: does this memory take a direct read of this file? A file on
 * the device of the one before has been answered for. */
static int probe_direct(const stream *s, size_t index)
{
    plim_stream_chunk first;
    const int fd = s->fds[index];
    if (index > 0 && is_same_device(fd, s->fds[index - 1])) {
        return 0;
    }
    if (s->chunk_count == 0 || !s->next(s->context, 0, &first) ||
        (uintptr_t)first.target % STREAM_PAGE != 0 || first.raw_bytes == 0) {
        return 0;
    }
    if (pread(fd, first.target, STREAM_PAGE, 0) < 0 && (errno == EINVAL || errno == EFAULT)) {
        return errno;
    }
    return 0;
}

static plim_status open_direct(stream *s, size_t index, plim_error *err)
{
    const plim_stream_file *file = &s->files[index];
    const char *memory = memory_file_system(file->fd);
    if (memory != NULL) {
        say(s, "direct reads: the file lies on %s, which is memory already", memory);
        return fail_open(s, index, PLIM_E_UNSUPPORTED, 0, "direct reads of a memory file system",
                         err);
    }
    char words[48];
    int code = plim_stream_fault(s, STREAM_SITE_DIRECT);
    if (code == 0) {
        s->fds[index] = reopen(file, O_RDONLY | O_DIRECT | O_CLOEXEC);
        code = s->fds[index] < 0 ? errno : probe_direct(s, index);
    }
    if (code == 0) {
        return PLIM_OK;
    }
    if (code == EINVAL || code == EFAULT || code == EOPNOTSUPP) {
        say(s,
            code == EFAULT ? "direct reads: the target memory refuses them (%s)"
                           : "direct reads: the file system refuses O_DIRECT (%s)",
            strerror_r(code, words, sizeof(words)));
        return fail_open(s, index, PLIM_E_UNSUPPORTED, code, "direct reads", err);
    }
    return fail_open(s, index, PLIM_E_IO, code, "open for direct reads", err);
}

static plim_status open_buffered(stream *s, size_t index, plim_error *err)
{
    int code = plim_stream_fault(s, STREAM_SITE_OPEN);
    if (code == 0) {
        s->fds[index] = reopen(&s->files[index], O_RDONLY | O_CLOEXEC);
        code = s->fds[index] < 0 ? errno : 0;
    }
    if (code != 0) {
        return fail_open(s, index, PLIM_E_IO, code, "open for buffered reads", err);
    }
    /* No read-ahead of the kernel's own: it would hold pages that nobody drops in time. */
    (void)posix_fadvise(s->fds[index], 0, 0, POSIX_FADV_RANDOM);
    return PLIM_OK;
}

plim_status plim_stream_open_files(stream *s, bool direct, plim_error *err)
{
    for (size_t i = 0; i < s->file_count; i++) {
        const plim_status status = direct ? open_direct(s, i, err) : open_buffered(s, i, err);
        if (status != PLIM_OK) {
            plim_stream_close_files(s);
            return status;
        }
    }
    return PLIM_OK;
}

void plim_stream_close_files(stream *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        if (s->fds[i] >= 0) {
            close(s->fds[i]);
            s->fds[i] = -1;
        }
    }
}

void plim_stream_drop_cache(const stream *s)
{
    for (size_t i = 0; i < s->file_count; i++) {
        (void)posix_fadvise(s->files[i].fd, 0, 0, POSIX_FADV_DONTNEED);
    }
}
