/* SPDX-License-Identifier: Apache-2.0 */
/* provider_file.c - a segment that others find by its path.
 *
 * Decides whether the path may be taken. A file of another kind, owner or content, a
 * symlink, and a file whose maker is alive are refused, so that a mistyped path costs
 * nobody a document and two processes cannot publish in one place. Whether the maker is
 * alive is known from its flock, which ends with the process. A black box is no leftover for a
 * plain account: it is what somebody will want to read.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "arena/account.h"
#include "arena/ring.h"
#include "platform/linux/segment.h"

plim_status plim_path_refuse(plim_error *err, plim_status status, const char *what, int error,
                             const char *path)
{
    status = PLIM_FAIL(err, status, .what = what, .os_errno = error);
    plim_error_detail(err, "%s", path);
    return status;
}

bool plim_leftover_is_at(int fd, const char *path)
{
    struct stat now, of;
    return fstat(fd, &of) == 0 && lstat(path, &now) == 0 && now.st_dev == of.st_dev &&
           now.st_ino == of.st_ino;
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

/* The part of an account's head that says what the file is. */
typedef struct account_begin {
    char magic[8];
    uint32_t version, header_bytes;
    uint64_t image_bytes, mapped_bytes;
} account_begin;
_Static_assert(offsetof(plim_budget, mapped_bytes) == offsetof(account_begin, mapped_bytes),
               "published layout");

/* A ring behind the account: evidence of a run, which no other one may take away. */
static bool is_box(int fd, const account_begin *head)
{
    char magic[8];
    return head->mapped_bytes <= INT64_MAX &&
           pread(fd, magic, sizeof(magic), (off_t)head->mapped_bytes) == (ssize_t)sizeof(magic) &&
           memcmp(magic, RING_MAGIC, sizeof(magic)) == 0;
}

/* An account, whole or without its magic: that is written last and taken away first. Or nothing
 * but zeros, however long: its maker had the file's size and no more. "PLIM" alone would not do,
 * engines begin with it, nor would a few zeros, as disk images do. */
static bool is_like_ours(int fd, plim_leftover what)
{
    account_begin head = {.version = 0};
    static const char none[sizeof(head.magic)];
    const ssize_t got = pread(fd, &head, sizeof(head), 0);
    const bool has_version = got >= (ssize_t)offsetof(account_begin, image_bytes) &&
                             head.version == ACCOUNT_VERSION &&
                             head.header_bytes == sizeof(plim_budget);
    const bool has_magic = got >= (ssize_t)sizeof(head.magic) &&
                           memcmp(head.magic, ACCOUNT_MAGIC, sizeof(head.magic)) == 0;
    const bool has_none = memcmp(head.magic, none, sizeof(none)) == 0;
    if (has_magic || (has_version && has_none)) {
        return what == PLIM_LEFTOVER_BOX || got < (ssize_t)sizeof(head) || !is_box(fd, &head);
    }
    return got >= 0 && is_all_zero(fd);
}

/* A maker holds its lock for life, a reader who asks whether there is one for microseconds. */
static bool lock_patiently(int fd)
{
    const struct timespec pause = {.tv_nsec = 2000000};
    int failed = flock(fd, LOCK_EX | LOCK_NB);
    for (int i = 0; i < 3 && failed && errno == EWOULDBLOCK; i++) {
        nanosleep(&pause, NULL);
        failed = flock(fd, LOCK_EX | LOCK_NB);
    }
    return failed == 0;
}

plim_status plim_leftover_open(const char *path, plim_leftover what, int *out_fd, plim_error *err)
{
    struct stat st;
    *out_fd = -1;
    int fd = open(path, O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? PLIM_OK
                               : plim_path_refuse(err, PLIM_E_STATE, "path is taken", errno, path);
    }
    if (fstat(fd, &st) != 0 || !S_ISREG(st.st_mode) || st.st_uid != geteuid() || st.st_nlink > 1 ||
        !is_like_ours(fd, what)) {
        close(fd);
        return plim_path_refuse(err, PLIM_E_STATE, "path is taken by something else", 0, path);
    }
    if (!lock_patiently(fd)) {
        close(fd);
        return plim_path_refuse(err, PLIM_E_STATE, "path is in use by a live process", 0, path);
    }
    *out_fd = fd;
    return PLIM_OK;
}

/* The lock is held over the check and the unlink, so that of two starters one wins and the
 * other is told. */
static plim_status remove_leftover(const char *path, plim_leftover what, plim_error *err)
{
    int fd = -1;
    plim_status status = PLIM_OK;
    PLIM_TRY(plim_leftover_open(path, what, &fd, err));
    if (fd >= 0 && plim_leftover_is_at(fd, path) && unlink(path) != 0) {
        status = plim_path_refuse(err, PLIM_E_IO, "leftover cannot be removed", errno, path);
    }
    if (fd >= 0) {
        close(fd);
    }
    return status;
}

static int create(const char *path)
{
    return open(path, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, S_IRUSR | S_IWUSR);
}

/* Above the limit the kernel would send SIGXFSZ, which ends a program that does not expect it. */
static bool is_within_limit(size_t size, plim_error *err)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY ||
        size <= limit.rlim_cur) {
        return true;
    }
    (void)PLIM_FAIL(err, PLIM_E_NOMEM, .what = "file size limit of the process (ulimit -f)",
                    .want = size, .limit = limit.rlim_cur);
    return false;
}

/* Of a file that was just created: errno says why. */
static plim_status give_up(int fd, const char *path, plim_status status, const char *what,
                           plim_error *err)
{
    int error = errno;
    unlink(path);
    close(fd);
    return plim_path_refuse(err, status, what, error, path);
}

plim_status plim_segment_make(plim_segment_provider *self, const char *path, plim_leftover what,
                              size_t size_bytes, plim_error *err)
{
    size_t size = 0;
    struct stat st;
    if (!self || !path || !path[0] || !plim_segment_round(size_bytes, &size)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "file segment: path or size", .want = size_bytes);
    }
    plim_segment_init(self, "file", -1, 0);
    if (!is_within_limit(size, err)) {
        return PLIM_E_NOMEM;
    }
    int fd = create(path);
    if (fd < 0 && errno == EEXIST) {
        PLIM_TRY(remove_leftover(path, what, err));
        fd = create(path);
    }
    if (fd < 0) {
        plim_status status = errno == EEXIST ? PLIM_E_STATE : PLIM_E_IO;
        return plim_path_refuse(err, status, "file cannot be created", errno, path);
    }
    /* Another starter may hold it as a leftover, or have removed it as one already. */
    int locked = flock(fd, LOCK_EX | LOCK_NB);
    if (locked != 0 && errno != EWOULDBLOCK) {
        return give_up(fd, path, PLIM_E_IO, "file cannot be locked", err);
    }
    if (locked != 0 || !plim_leftover_is_at(fd, path)) {
        close(fd);
        return plim_path_refuse(err, PLIM_E_STATE, "path is in use by a live process", 0, path);
    }
    if (ftruncate(fd, (off_t)size) != 0 || fstat(fd, &st) != 0) {
        return give_up(fd, path, PLIM_E_NOMEM, "file cannot have its size", err);
    }
    plim_segment_init(self, "file", fd, size);
    self->device = st.st_dev;
    self->inode = st.st_ino;
    return PLIM_OK;
}

plim_status plim_file_provider_open(plim_file_provider *self, const char *path, size_t size_bytes,
                                    plim_error *err)
{
    PLIM_TRY(plim_segment_make(self, path, PLIM_LEFTOVER_ACCOUNT, size_bytes, err));
    self->path = path;
    return PLIM_OK;
}

void plim_file_provider_close(plim_file_provider *self)
{
    if (!self || !self->base.ops) {
        return;
    }
    if (self->path && self->fd >= 0 && plim_leftover_is_at(self->fd, self->path)) {
        unlink(self->path);
    }
    plim_segment_deinit(self);
}
