/* SPDX-License-Identifier: Apache-2.0 */
/* child_process.h - a program of ours that is run beside this process, its output read by pipe. */
#ifndef PLATFORM_CHILD_PROCESS_H
#define PLATFORM_CHILD_PROCESS_H

#include <stdbool.h>

#include "plimsoll/status.h"

typedef struct plim_child {
    int pid; /* 0: none */
    int fd;  /* its standard output */
} plim_child;

/* plim_child_start - run @program with @arguments (ended by NULL, the program's name first).
 *
 * Its input is empty, its errors go nowhere. Safe in a process with threads: posix_spawn.
 * Owns:    gives *@out, for plim_child_end.
 * Errors:  E_NOT_FOUND  no such program; E_IO  the system refused. */
PLIM_MUST_USE plim_status plim_child_start(plim_child *out, const char *program,
                                           char *const arguments[], plim_error *err);

/* plim_child_read - exactly @bytes, or fewer at the end of its output: *@got says how many. */
PLIM_MUST_USE plim_status plim_child_read(plim_child *self, void *to, size_t bytes, size_t *got,
                                          plim_error *err);

/* plim_child_end - stop it if it still runs, and wait. *@signal: what ended it, 0 when it ended by
 * itself. NULL and a zeroed child are accepted. */
void plim_child_end(plim_child *self, bool is_stop, int *signal);

#endif
