/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.c - write beside, sync, rename, sync the folder.
 *
 * The temporary file lies in the folder of the final one, so that the rename stays within a
 * file system. It is made with O_EXCL under a name of this process and a counter, and locked
 * while it is written; what a killed writer of the same name left behind is swept first
 * (sweep.h). After any failure before the rename the folder holds what it held before.
 */
#include "src/engine/atomic.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/sweep.h"

#define TRIES 1000 /* names, of which a sweep or another process may hold some */

static int create_at(int folder, const char *name)
{
    return openat(folder, name, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0644);
}

static int rename_at(int folder, const char *from, const char *to)
{
    return renameat(folder, from, folder, to);
}

static int unlink_at(int folder, const char *name)
{
    return unlinkat(folder, name, 0);
}

static const plim_file_call_table system_calls = {create_at, pwrite, fsync, rename_at, unlink_at};
const plim_file_call_table *plim_file_calls = &system_calls;

static plim_status failed(const plim_atomic_file *self, const char *what, plim_error *err)
{
    int number = errno;
    (void)PLIM_FAIL(err, PLIM_E_IO, .what = what, .os_errno = number);
    plim_error_detail(err, "%.255s", self->path);
    return PLIM_E_IO;
}

static plim_status split(plim_atomic_file *self, const char *path, plim_error *err)
{
    size_t n = strlen(path);
    const char *slash = strrchr(path, '/');
    const char *name = slash ? slash + 1 : path;
    /* Room for the longest suffix that this room puts behind a name. */
    if (n + 1 > sizeof(self->path) || strlen(name) + 64 > NAME_MAX || !name[0]) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "path too long or empty", .want = n,
                         .limit = sizeof(self->path));
    }
    memcpy(self->path, path, n + 1);
    memcpy(self->name, name, strlen(name) + 1);
    return PLIM_OK;
}

static plim_status open_folder(plim_atomic_file *self, plim_error *err)
{
    char folder[PATH_MAX] = ".";
    size_t n = strlen(self->path) - strlen(self->name);
    if (n) {
        memcpy(folder, self->path, n);
        folder[n] = 0;
    }
    self->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return self->folder < 0 ? failed(self, "folder cannot be opened", err) : PLIM_OK;
}

static int create_temporary(plim_atomic_file *self, const char *name)
{
    static atomic_uint turn;
    for (int tries = 0; tries < TRIES; tries++) {
        unsigned n = atomic_fetch_add_explicit(&turn, 1, memory_order_relaxed);
        plim_sweep_name(name, n, self->temporary, sizeof(self->temporary));
        int fd = plim_file_calls->create_at(self->folder, self->temporary);
        if (fd >= 0 && plim_sweep_hold(fd)) {
            return fd;
        }
        if (fd >= 0) {
            close(fd);
        } else if (errno != EEXIST) {
            return -1;
        }
    }
    errno = EEXIST;
    return -1;
}

plim_status plim_atomic_open(plim_atomic_file *self, const char *path, plim_error *err)
{
    memset(self, 0, sizeof(*self));
    self->folder = self->fd = -1;
    PLIM_TRY(split(self, path, err));
    PLIM_TRY(open_folder(self, err));
    plim_sweep_stale(self->folder, self->name);
    self->fd = create_temporary(self, self->name);
    if (self->fd < 0) {
        plim_status status = failed(self, "temporary file cannot be made", err);
        self->temporary[0] = 0;
        plim_atomic_close(self);
        return status;
    }
    return PLIM_OK;
}

plim_status plim_atomic_write(plim_atomic_file *self, const void *bytes, size_t size,
                              uint64_t offset, plim_error *err)
{
    const char *from = bytes;
    while (size) {
        ssize_t n = plim_file_calls->write_at(self->fd, from, size, (off_t)offset);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n <= 0) {
            return failed(self, "write failed", err);
        }
        from += n;
        offset += (uint64_t)n;
        size -= (size_t)n;
    }
    return PLIM_OK;
}

plim_status plim_atomic_sync(plim_atomic_file *self, plim_error *err)
{
    return plim_file_calls->sync(self->fd) ? failed(self, "sync failed", err) : PLIM_OK;
}

plim_status plim_atomic_rename(plim_atomic_file *self, const char *from, const char *to,
                               plim_error *err)
{
    if (plim_file_calls->rename_at(self->folder, from, to)) {
        return failed(self, "rename failed", err);
    }
    if (plim_file_calls->sync(self->folder)) {
        return failed(self, "sync of the folder failed", err);
    }
    return PLIM_OK;
}

plim_status plim_atomic_commit(plim_atomic_file *self, plim_error *err)
{
    if (plim_file_calls->rename_at(self->folder, self->temporary, self->name)) {
        return failed(self, "rename failed", err);
    }
    self->temporary[0] = 0; /* it has its name: nothing to take back */
    if (plim_file_calls->sync(self->folder)) {
        return failed(self, "sync of the folder failed", err);
    }
    return PLIM_OK;
}

void plim_atomic_close(plim_atomic_file *self)
{
    if (self->fd >= 0) {
        close(self->fd);
    }
    if (self->temporary[0]) {
        (void)plim_file_calls->unlink_at(self->folder, self->temporary);
    }
    if (self->folder >= 0) {
        close(self->folder);
    }
    self->fd = self->folder = -1;
    self->temporary[0] = 0;
}

plim_status plim_atomic_put(plim_atomic_file *self, const char *name, const void *bytes,
                            size_t size, plim_error *err)
{
    plim_atomic_file part = *self;
    part.temporary[0] = 0;
    memcpy(part.name, name, strlen(name) + 1);
    part.fd = create_temporary(&part, self->name);
    if (part.fd < 0) {
        return failed(self, "temporary file cannot be made", err);
    }
    plim_status status = plim_atomic_write(&part, bytes, size, 0, err);
    if (status == PLIM_OK) {
        status = plim_atomic_sync(&part, err);
    }
    if (status == PLIM_OK) {
        status = plim_atomic_commit(&part, err);
    }

    close(part.fd);
    if (part.temporary[0]) {
        (void)plim_file_calls->unlink_at(self->folder, part.temporary);
    }
    return status;
}
