/* SPDX-License-Identifier: Apache-2.0 */
/* machine_parts.h - what the files that fill a plim_machine share. */
#ifndef SRC_REPORT_MACHINE_PARTS_H
#define SRC_REPORT_MACHINE_PARTS_H

#include "platform/linux/nvmap.h"
#include "plimsoll/machine.h"

/* What of the machine's own counters the opened process has: taken off before the rest is shown,
 * so that no byte is in two rows. */
typedef struct plim_process_parts {
    uint64_t anon_bytes, file_bytes, shmem_bytes, page_table_bytes;
    uint64_t cached_bytes; /* page cache of files that have rows, beyond what is mapped */
} plim_process_parts;

/* plim_machine_add - @bytes more for the row (@place, @name), made when it is not there yet.
 * Errors:  E_RANGE  PLIM_MACHINE_ROWS_MAX rows. */
PLIM_MUST_USE plim_status plim_machine_add(plim_machine *self, plim_place place, plim_known known,
                                           const char *name, int64_t bytes, plim_error *err);

/* The rows of opts->pid and the files' rows; @out has the process's head filled in. */
PLIM_MUST_USE plim_status plim_machine_open_process(const plim_machine_opts *opts,
                                                    plim_machine *out, plim_process_parts *parts,
                                                    plim_error *err);
/* Rows of the files that were named, without a process. */
PLIM_MUST_USE plim_status plim_machine_named_files(const plim_machine_opts *opts, plim_machine *out,
                                                   plim_process_parts *parts, plim_error *err);

#endif
