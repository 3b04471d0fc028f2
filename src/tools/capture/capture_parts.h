/* SPDX-License-Identifier: Apache-2.0 */
/* capture_parts.h - what the files of one copy share. */
#ifndef TOOLS_CAPTURE_PARTS_H
#define TOOLS_CAPTURE_PARTS_H

#include <limits.h>
#include <sys/types.h>

#include "src/tools/capture/capture.h"

#define PACKAGES_BYTES ((size_t)32 << 20) /* dpkg's status of a full desktop is 10 MB */

typedef struct capture {
    char root[PATH_MAX]; /* resolved, without a slash at the end; "" is the machine */
    const char *folder;
    FILE *manifest;
    char *buffer; /* PACKAGES_BYTES */
    const capture_entry *entry;
    capture_secrets secrets;
    capture_counts counts;
    bool is_broken; /* the copy cannot be written */
    char broken_path[CAPTURE_PATH_BYTES];
    int broken_errno;
} capture;

/* A line of MANIFEST. */
void capture_note(capture *c, const char *state, uint64_t bytes, const char *path, const char *why);
/* Where @path really lies, relative to the root: false with errno, or ELOOP when a link leads off
 * the list. */
bool capture_resolve(const capture *c, const char *path, bool is_folder, char out[PATH_MAX]);
void capture_full_path(const capture *c, const char *path, char out[PATH_MAX]);
/* A regular file into the buffer; -1 with errno, ENOTBLK when it is none. */
ssize_t capture_read(capture *c, const char *real, size_t room);
/* Notes and, where a probe would notice, marks what errno says about @path. */
void capture_refuse(capture *c, const char *path);
/* Copies @from to @path, which is the same but for renamed groups. */
void capture_take(capture *c, const char *from, const char *path);
/* Every path that a pattern without braces stands for. */
void capture_walk(capture *c, const char *done, const char *rest);
/* The control group of this process, and those above it. */
void capture_take_groups(capture *c);

#endif
