/* SPDX-License-Identifier: Apache-2.0 */
/* atomic.h - a file that appears whole under its name, or not at all. */
#ifndef ENGINE_ATOMIC_H
#define ENGINE_ATOMIC_H

#include <limits.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <sys/types.h>

#include "plimsoll/status.h"

/* The system calls that change a file, so that a test can fail or stop at each of them.
 * plim_file_calls points at the system's own; only a test points it elsewhere. */
typedef struct plim_file_call_table {
    int (*create_at)(int folder, const char *name);
    ssize_t (*write_at)(int fd, const void *bytes, size_t size, off_t offset);
    int (*sync)(int fd);
    int (*rename_at)(int folder, const char *from, const char *to);
    int (*unlink_at)(int folder, const char *name);
} plim_file_call_table;
extern const plim_file_call_table *plim_file_calls;

typedef struct plim_atomic_file {
    int folder, fd;
    char path[PATH_MAX]; /* for errors */
    char name[NAME_MAX + 1], temporary[NAME_MAX + 1];
} plim_atomic_file;

/* Opens a temporary file beside @path, and removes those of killed writers.
 * Errors: E_IO, E_RANGE path too long. */
plim_status plim_atomic_open(plim_atomic_file *self, const char *path, plim_error *err);

plim_status plim_atomic_write(plim_atomic_file *self, const void *bytes, size_t size,
                              uint64_t offset, plim_error *err);

/* Bytes are on the disk before this returns; the name is still the temporary one. */
plim_status plim_atomic_sync(plim_atomic_file *self, plim_error *err);

/* Renames to the final name and syncs the folder. */
plim_status plim_atomic_commit(plim_atomic_file *self, plim_error *err);

/* Closes; removes the temporary file when it was not committed. */
void plim_atomic_close(plim_atomic_file *self);

/* Writes @bytes to @name in the folder of @self as an atomic file of its own. */
plim_status plim_atomic_put(plim_atomic_file *self, const char *name, const void *bytes,
                            size_t size, plim_error *err);
plim_status plim_atomic_rename(plim_atomic_file *self, const char *from, const char *to,
                               plim_error *err);

#endif
