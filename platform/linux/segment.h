/* SPDX-License-Identifier: Apache-2.0 */
/* segment.h - what the memfd and the file provider share: a descriptor handed out in pieces. */
#ifndef PLATFORM_LINUX_SEGMENT_H
#define PLATFORM_LINUX_SEGMENT_H

#include "plimsoll/provider.h"

/* Takes @fd, which has @size_bytes already, into @self. @name is static. */
void plim_segment_init(plim_segment_provider *self, const char *name, int fd, size_t size_bytes);

/* The segment's size for a request: whole pages. False when 0 or too large for a file. */
bool plim_segment_round(size_t size_bytes, size_t *out_bytes);

/* From now on decommit and release leave the content where it is: a file that stays. */
void plim_segment_keep(plim_segment_provider *self);

/* Unmaps what is still mapped and closes the descriptor. */
void plim_segment_deinit(plim_segment_provider *self);

/* ---- files with a name (provider_file.c) ---- */

/* Of what lies at a path: may it be taken away? */
typedef enum plim_leftover {
    PLIM_LEFTOVER_ACCOUNT, /* an account, or zeros: nobody needs it any more */
    PLIM_LEFTOVER_BOX,     /* these, and black boxes */
} plim_leftover;

/* plim_leftover_open - what a process that is gone left at @path, locked, in *@out_fd; -1: there
 * is nothing. Close it after what was decided has been done: two starters meet at the lock.
 * Errors:  E_STATE  something else lies there, or its maker is alive. */
PLIM_MUST_USE plim_status plim_leftover_open(const char *path, plim_leftover what, int *out_fd,
                                             plim_error *err);
/* Does @path still name the file that is open? */
bool plim_leftover_is_at(int fd, const char *path);

/* plim_segment_make - a new file at @path, locked and of its size, in place of a leftover.
 * Errors:  as plim_file_provider_open. @self is closed by plim_segment_deinit. */
PLIM_MUST_USE plim_status plim_segment_make(plim_segment_provider *self, const char *path,
                                            plim_leftover what, size_t size_bytes, plim_error *err);

/* "what: path: errno" */
plim_status plim_path_refuse(plim_error *err, plim_status status, const char *what, int error,
                             const char *path);

#endif
