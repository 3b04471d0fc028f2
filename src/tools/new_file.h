/* SPDX-License-Identifier: Apache-2.0 */
/* new_file.h - where a command's output goes: a file that is there whole or not at all. */
#ifndef TOOLS_NEW_FILE_H
#define TOOLS_NEW_FILE_H

#include <stdbool.h>
#include <stdio.h>

/* Written beside @path, moved over it at the end. */
typedef struct new_file {
    FILE *to;
    const char *path; /* NULL: standard output, a pipe, a device */
    char beside[4096];
    bool is_forced;
} new_file;
/* All return exit codes, which mean the same in both tools; a refusal is said on standard error. An
 * existing @path is refused without @is_forced: by check before long work, by open and by close. */
int new_file_check(const char *path, bool is_forced);
int new_file_open(new_file *self, const char *path, bool is_forced); /* NULL: standard output */
int new_file_close(new_file *self, int code); /* keeps it when @code says that it is whole */
/* Would one of them end up in the other's place? Neither need be there. */
bool new_file_is_one(const char *a, const char *b);

#endif
