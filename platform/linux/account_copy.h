/* SPDX-License-Identifier: Apache-2.0 */
/* account_copy.h - the account that a process publishes, found and copied. */
#ifndef PLATFORM_LINUX_ACCOUNT_COPY_H
#define PLATFORM_LINUX_ACCOUNT_COPY_H

#include <sys/types.h>

#include "plimsoll/budget.h"

/* The name of the nameless segment in which a runtime publishes; proc shows it as a mapping. */
#define PLIM_ACCOUNT_MEMFD "plimsoll-account"

typedef struct plim_account_copy {
    void *image; /* pages of this process, private: nobody changes or cuts them */
    size_t image_bytes, mapped_bytes;
    ino_t inode;         /* of the file it was copied from, to know its mapping again */
    uint64_t file_bytes; /* of that file */
} plim_account_copy;

/* plim_account_copy_file - the account at the beginning of @path, by reads alone.
 * Errors:  E_NOT_FOUND no such file; E_FORMAT no account begins there; E_RANGE cut short; E_IO. */
PLIM_MUST_USE plim_status plim_account_copy_file(const char *path, plim_account_copy *out,
                                                 plim_error *err);

/* plim_account_copy_process - the account that @pid holds open and maps, of its own user.
 *
 * Owns:    gives the copy; close it.
 * Cost:    the lines of its maps, and one stat for each of its descriptors.
 * Errors:  E_NOT_FOUND  it publishes none, or is gone.  E_IO  not allowed to look. */
PLIM_MUST_USE plim_status plim_account_copy_process(const char *root, uint32_t pid,
                                                    plim_account_copy *out, plim_error *err);

void plim_account_copy_close(plim_account_copy *self);

#endif
