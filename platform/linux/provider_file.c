/* SPDX-License-Identifier: Apache-2.0 */
/* provider_file.c - a segment that others find by its path.
 *
 * Decides whether the path may be taken. A file of another kind, owner or content, a
 * symlink, and a file whose maker is alive are refused, so that a mistyped path costs
 * nobody a document and two processes cannot publish in one place. Whether the maker is
 * alive is known from its flock, which ends with the process.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/account.h"
#include "platform/linux/segment.h"

static plim_status refuse(plim_error *err, plim_status status, const char *what, int error,
                          const char *path)
{
    status = PLIM_FAIL(err, status, .what = what, .os_errno = error);
    plim_error_detail(err, "%s", path);
    return status;
}

static bool is_same_file(const char *path, const struct stat *of)
{
    struct stat now;
    return lstat(path, &now) == 0 && now.st_dev == of->st_dev && now.st_ino == of->st_ino;
}

static bool is_all_zero(int fd)
{
    static const char zeros[4096];
    char piece[sizeof(zeros)];
    off_t at = 0;
    for (ssize_t got; (got = pread(fd, piece, sizeof(piece), at)) != 0; at += got) {
        if (got < 0 || memcmp(piece, zeros, (size_t)got) != 0) {
            return false;
        }
    }
    return true;
}

/* An account, whole or without its magic: that is written last and taken away first. Or nothing
 * but zeros, however long: its maker had the file's size and no more. "PLIM" alone would not do,
 * engines begin with it, nor would a few zeros, as disk images do. */
static bool is_like_ours(int fd)
{
    struct {
        char magic[8];
        uint32_t version, header_bytes;
    } head = {{0}, 0, 0};
    static const char none[sizeof(head.magic)];
    const ssize_t got = pread(fd, &head, sizeof(head), 0);
    if (got >= (ssize_t)sizeof(head.magic) &&
        memcmp(head.magic, ACCOUNT_MAGIC, sizeof(head.magic)) == 0) {
        return true;
    }
    if (got == (ssize_t)sizeof(head) && memcmp(head.magic, none, sizeof(none)) == 0 &&
        head.version == ACCOUNT_VERSION && head.header_bytes == sizeof(plim_budget)) {
        return true;
    }
    return got >= 0 && is_all_zero(fd);
}

/* Takes away what a process that is gone left behind. The lock is held over the check and
 * the unlink, so that of two starters one wins and the other is told. */
static plim_status remove_leftover(const char *path, plim_error *err)
{
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PLIM_OK : refuse(err, PLIM_E_STATE, "path is taken", errno, path);
    }
    struct stat st;
    plim_status status = PLIM_OK;
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink != 1 ||
        !is_like_ours(fd)) {
        status = refuse(err, PLIM_E_STATE, "path is taken by something else", 0, path);
    } else if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
        status = refuse(err, PLIM_E_STATE, "path is in use by a live process", 0, path);
    } else if (is_same_file(path, &st) && unlink(path) != 0) {
        status = refuse(err, PLIM_E_IO, "leftover cannot be removed", errno, path);
    }
    close(fd);
    return status;
}

static int create(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

plim_status plim_file_provider_open(plim_file_provider *self, const char *path, size_t size_bytes,
                                    plim_error *err)
{
    size_t size = 0;
    struct stat st;
    if (!self || !path || !path[0] || !plim_segment_round(size_bytes, &size)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "file segment: path or size", .want = size_bytes);
    }
    plim_segment_init(self, "file", -1, 0);
    int fd = create(path);
    if (fd < 0 && errno == EEXIST) {
        PLIM_TRY(remove_leftover(path, err));
        fd = create(path);
    }
    if (fd < 0) {
        plim_status status = errno == EEXIST ? PLIM_E_STATE : PLIM_E_IO;
        return refuse(err, status, "file cannot be created", errno, path);
    }
    if (flock(fd, LOCK_EX | LOCK_NB) != 0) { /* another starter holds it, and will remove it */
        close(fd);
        return refuse(err, PLIM_E_STATE, "path is in use by a live process", 0, path);
    }
    if (ftruncate(fd, (off_t)size) != 0 || fstat(fd, &st) != 0) {
        int error = errno;
        unlink(path);
        close(fd);
        return refuse(err, PLIM_E_NOMEM, "file cannot have its size", error, path);
    }
    plim_segment_init(self, "file", fd, size);
    self->path = path;
    self->device = st.st_dev;
    self->inode = st.st_ino;
    return PLIM_OK;
}

void plim_file_provider_close(plim_file_provider *self)
{
    if (!self || !self->base.ops) {
        return;
    }
    struct stat now;
    if (self->path && lstat(self->path, &now) == 0 && now.st_dev == self->device &&
        now.st_ino == self->inode) {
        unlink(self->path);
    }
    plim_segment_deinit(self);
}
