/* SPDX-License-Identifier: Apache-2.0 */
/* box_file.c - a black box's file: made beside its place, and put there when it is whole.
 *
 * Decides what becomes of the box that a run before this one left: it is renamed to
 * PATH.previous, over the one before it, and only once the new one has all its pages; so a
 * start that fails, for want of disk or of anything else, moves nothing.
 * The new file is made as PATH.new. It is locked before it has a size, and every starter takes
 * that lock first: of two that start at once the second is refused, and the rest of the dance is
 * one process's alone. A starter that is killed leaves PATH.new, which the next one removes.
 * Refuses whatever is no box of this user (provider_file.c says how that is known).
 */
#include "platform/box_file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "platform/fsroot.h"
#include "platform/linux/segment.h"
#include "plimsoll/black_box.h"

static bool name_beside(const char *path, const char *tail, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s%s", path, tail);
    return n > 0 && n < PATH_MAX;
}

plim_status plim_box_file_open(plim_file_provider *self, const char *path, size_t size_bytes,
                               plim_error *err)
{
    char fresh[PATH_MAX];
    /* ".previous" is the longer tail: what fits with it fits with ".new". */
    if (!name_beside(path, PLIM_BLACK_BOX_PREVIOUS_TAIL, fresh) || !path[0] ||
        !name_beside(path, ".new", fresh)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "black box: path is empty or too long");
    }
    PLIM_TRY(plim_segment_make(self, fresh, PLIM_LEFTOVER_BOX, size_bytes, err));
    plim_segment_keep(self);
    self->path = path;
    return PLIM_OK;
}

/* Renames without replacing; where the file system knows no such call, the lock on PATH.new has
 * kept other starters out, and only a stranger could have come meanwhile. */
static int rename_to_free(const char *from, const char *to)
{
    if (renameat2(AT_FDCWD, from, AT_FDCWD, to, RENAME_NOREPLACE) == 0) {
        return 0;
    }
    if ((errno != EINVAL && errno != ENOSYS) || access(to, F_OK) == 0) {
        return -1;
    }
    return rename(from, to);
}

/* *@out_moved: there was an older box, and now it is the previous one. */
static plim_status move_previous(const char *path, bool *out_moved, plim_error *err)
{
    char previous[PATH_MAX];
    int older = -1, old = -1;
    plim_status status = PLIM_OK;
    (void)name_beside(path, PLIM_BLACK_BOX_PREVIOUS_TAIL, previous);
    *out_moved = false;
    PLIM_TRY(plim_leftover_open(path, PLIM_LEFTOVER_BOX, &old, err));
    if (old < 0) {
        return PLIM_OK;
    }
    status = plim_leftover_open(previous, PLIM_LEFTOVER_BOX, &older, err);
    if (status == PLIM_OK && rename(path, previous) != 0) {
        status = plim_path_refuse(err, PLIM_E_IO, "older black box cannot be moved", errno, path);
    }
    *out_moved = status == PLIM_OK;
    if (older >= 0) {
        close(older);
    }
    close(old);
    return status;
}

plim_status plim_box_file_publish(plim_file_provider *self, plim_error *err)
{
    char fresh[PATH_MAX], previous[PATH_MAX];
    bool has_moved = false;
    (void)name_beside(self->path, ".new", fresh);
    PLIM_TRY(move_previous(self->path, &has_moved, err));
    if (rename_to_free(fresh, self->path) == 0) {
        return PLIM_OK;
    }
    int error = errno;
    if (has_moved && name_beside(self->path, PLIM_BLACK_BOX_PREVIOUS_TAIL, previous)) {
        (void)rename_to_free(previous, self->path); /* only the one before it is gone */
    }
    return plim_path_refuse(err, error == EEXIST ? PLIM_E_STATE : PLIM_E_IO,
                            "black box cannot be put in its place", error, self->path);
}

void plim_box_file_close(plim_file_provider *self)
{
    char fresh[PATH_MAX];
    if (!self || !self->base.ops) {
        return;
    }
    if (self->path && name_beside(self->path, ".new", fresh) &&
        plim_leftover_is_at(self->fd, fresh)) {
        unlink(fresh);
    }
    plim_segment_deinit(self);
}

void plim_this_process_read(plim_this_process *out)
{
    memset(out, 0, sizeof(*out));
    out->pid = (uint32_t)getpid();
    (void)plim_fsroot_read("", "proc/self/comm", out->program, sizeof(out->program), NULL);
    (void)plim_fsroot_read("", "proc/sys/kernel/random/boot_id", out->boot_id, sizeof(out->boot_id),
                           NULL);
    out->program[strcspn(out->program, "\n")] = 0;
    out->boot_id[strcspn(out->boot_id, "\n")] = 0;
}
