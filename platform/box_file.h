/* SPDX-License-Identifier: Apache-2.0 */
/* box_file.h - the file of a black box, and who this process is. */
#ifndef PLATFORM_BOX_FILE_H
#define PLATFORM_BOX_FILE_H

#include "plimsoll/provider.h"

/* plim_box_file_open - a file beside @path, locked and of its size, that nobody sees as a box yet.
 *
 * A provider like plim_file_provider, but its content stays when it is unmapped.
 * Owns:    keeps @path until close.
 * Errors:  as plim_file_provider_open; E_ARG  the path is too long. */
PLIM_MUST_USE plim_status plim_box_file_open(plim_file_provider *self, const char *path,
                                             size_t size_bytes, plim_error *err);

/* plim_box_file_publish - put it at its path, in one step; an older box there becomes the previous
 * one. Errors:  E_STATE  something that is no box, or a live one, lies at either path.  E_IO. */
PLIM_MUST_USE plim_status plim_box_file_publish(plim_file_provider *self, plim_error *err);

/* A box that was published stays; one that was not is removed. NULL and zeroed are accepted. */
void plim_box_file_close(plim_file_provider *self);

typedef struct plim_this_process {
    uint32_t pid;
    char program[64], boot_id[40]; /* "" when the kernel does not say */
} plim_this_process;
void plim_this_process_read(plim_this_process *out);

#endif
