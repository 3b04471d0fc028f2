/* SPDX-License-Identifier: Apache-2.0 */
/* fsroot.h - files of the machine, or of a captured one.
 *
 * Every probe reads through a root: "" is the live system, any other path is a folder that
 * holds a captured proc, sys, etc and var. Paths are given without a leading slash.
 */
#ifndef PLATFORM_FSROOT_H
#define PLATFORM_FSROOT_H

#include <stdbool.h>
#include <stddef.h>

#include "plimsoll/status.h"

/* A text file line by line, without a heap: a line longer than the buffer is cut. */
typedef struct plim_lines {
    int fd;
    size_t begin, end;    /* of what was read and not handed out */
    bool at_end, cutting; /* cutting: the line handed out last was cut */
    char separator;       /* '\n'; 0 for lists of the kernel, such as an environment */
    char buffer[4096];
} plim_lines;

/* Errors: E_NOT_FOUND, E_IO (os_errno); E_RANGE the path is too long; detail is the path. */
PLIM_MUST_USE plim_status plim_lines_open(const char *root, const char *path, plim_lines *out,
                                          plim_error *err);
/* The next line without its newline, lent until the next call; NULL at the end. */
char *plim_lines_next(plim_lines *self);
void plim_lines_close(plim_lines *self);

/* The first bytes of a small file, as they are; @out is terminated; false when unreadable.
 * @out_bytes (may be NULL) is how many there are: files of the device tree hold NULs. */
bool plim_fsroot_read(const char *root, const char *path, char *out, size_t out_room,
                      size_t *out_bytes);

/* A descriptor to keep, for a file that is read again and again; -1 with errno. */
int plim_fsroot_open(const char *root, const char *path);
/* Something of this name is there; it is not opened: opening a device node has effects. */
bool plim_fsroot_has(const char *root, const char *path);

/* The names in a folder, in the system's order, without a heap; "." and ".." are left out. */
typedef struct plim_folder {
    int fd;
    long used, at;
    _Alignas(8) char buffer[4096];
} plim_folder;
/* Errors: as plim_lines_open. */
PLIM_MUST_USE plim_status plim_folder_open(const char *root, const char *path, plim_folder *out,
                                           plim_error *err);
const char *plim_folder_next(plim_folder *self); /* lent until the next call; NULL at the end */
void plim_folder_close(plim_folder *self);

/* "  1234 kB" and plain numbers; false when no number stands there or it overflows. */
bool plim_parse_u64(const char *text, uint64_t *out);

#endif
