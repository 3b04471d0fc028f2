/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.h - where a command's output goes: a file that is there whole or not at all. */
#ifndef TOOLS_MEMREPORT_NEW_FILE_H
#define TOOLS_MEMREPORT_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Written beside @path, moved over it at the end. */
typedef struct new_file {
    FILE *to;
    const char *path; /* NULL: standard output, a pipe, a device */
    char beside[4096];
    bool is_forced;
} new_file;
/* Exit codes. An existing @path is refused without @is_forced, now or at the end. */
int new_file_open(new_file *self, const char *path, bool is_forced);
int new_file_close(new_file *self, int code); /* keeps it when @code says that it is whole */

#endif
