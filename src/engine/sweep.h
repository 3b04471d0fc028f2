/* SPDX-License-Identifier: Apache-2.0 */
/* sweep.h - temporary files that killed writers left behind. */
#ifndef ENGINE_SWEEP_H
#define ENGINE_SWEEP_H

#include <stdbool.h>
#include <stddef.h>

/* The name of temporary file @turn of this process for @name. */
void plim_sweep_name(const char *name, unsigned turn, char *out, size_t out_bytes);

/* Marks a fresh temporary file or folder as one that is being written, until it is closed or the
 * process ends. False: a sweep took it first, and it must be made again. */
bool plim_sweep_hold(int fd);

/* Removes the stale temporary files of @name in @folder (read from its start), and the pending
 * card of each. What cannot be removed stays: the next write tries again. */
void plim_sweep_stale(int folder, const char *name);

/* Temporary folders: how their names begin, and the files that may lie in one. */
typedef struct plim_sweep_folder {
    const char *prefix;
    const char *const *files; /* ends with NULL */
} plim_sweep_folder;

/* Removes those folders in @parent (read from its start) that nobody holds (plim_sweep_hold), with
 * their files. One that holds anything else loses those and stays. */
void plim_sweep_folders(int parent, const plim_sweep_folder *kind);

#endif
