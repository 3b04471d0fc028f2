/* SPDX-License-Identifier: Apache-2.0 */
/* capture.h - a machine's files as a folder that stands in for it: --root DIR reads it back.
 *
 * Everything that a probe of plimsoll reads is on one list (capture_list.c). Who adds a probe adds
 * its paths there; test_capture holds what is detected over a copy against what is detected over
 * the original. What names a person or one single machine is never copied (capture_scrub.c).
 */
#ifndef TOOLS_CAPTURE_H
#define TOOLS_CAPTURE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define CAPTURE_PATH_BYTES  512u
#define CAPTURE_FILE_BYTES  ((size_t)256 << 10) /* of one file; the rest is cut, and said so */
#define CAPTURE_TOTAL_BYTES ((uint64_t)16 << 20)
#define CAPTURE_FILES_MAX   8192u

/* ---- the list ---- */

typedef enum capture_form {
    CAPTURE_WHOLE = 0,    /* as it is, scrubbed */
    CAPTURE_PRESENCE = 1, /* an empty file says that it is there; it is not opened */
    CAPTURE_PACKAGES = 2, /* dpkg's status: versions of the packages that matter */
    CAPTURE_CLIENTS = 3,  /* nvmap's table of clients, without names of programs */
    CAPTURE_DISPLAY = 4,  /* the name of a process, when it is a display server's */
    CAPTURE_GROUPS = 5,   /* proc/PID/cgroup: paths of groups get names of ours */
    CAPTURE_MOUNTS = 6,   /* proc/PID/mountinfo: control groups and the root only */
} capture_form;

/* Paths are relative to the root. '*' stands for any part of one name, {a,b} for either. */
typedef struct capture_entry {
    const char *pattern;
    capture_form form;
} capture_entry;
extern const capture_entry CAPTURE_LIST[];
extern const size_t CAPTURE_LIST_COUNT;
/* Files of a memory control group, at every step of the way up. */
extern const char *const CAPTURE_GROUP_FILES[]; /* NULL at the end */

/* Every pattern of a text with {a,b} resolved; false when @each wanted no more. */
typedef bool capture_each(void *context, const char *pattern);
bool capture_expand(const char *text, capture_each *each, void *context);
/* Does an entry name this path? Links may lead there and nowhere else. */
bool capture_is_listed(const char *path);
/* Does a name in this path say that it holds a serial number, an address or the like? */
bool capture_is_secret(const char *path);

/* ---- secrets ---- */

#define CAPTURE_WORDS_MAX  96u
#define CAPTURE_WORD_BYTES 128u

typedef struct capture_secrets {
    char word[CAPTURE_WORDS_MAX][CAPTURE_WORD_BYTES]; /* host, users, serial numbers: what must
                                                       * not stand in any file */
    size_t count;
    bool is_over; /* more words, or a longer one, than there is room for */
} capture_secrets;
/* What names this machine and its users: read so that it can be left out. False: there is more of
 * it than could be found again, and nothing may be copied. */
bool capture_secrets_find(capture_secrets *self, const char *root);
/* Overwrites them in place, and MAC addresses, UUIDs, values called serial and homes' names.
 * Returns how many places. */
size_t capture_scrub(const capture_secrets *self, char *text, size_t bytes);
/* Why capture_secrets_find said no. */
void capture_secrets_why(char *why, size_t room);
/* A control group's path with names of ours, by depth: "/user.slice/user-2.slice". */
void capture_rename_group(const char *group, char *out, size_t room);

/* ---- forms: what becomes of a file's bytes before it is written; returns how many ---- */

size_t capture_keep_packages(char *text, size_t bytes);
size_t capture_keep_clients(char *text, size_t bytes);
size_t capture_keep_display(char *text, size_t bytes);
size_t capture_keep_groups(const char *text, size_t bytes, char *out, size_t room);
size_t capture_keep_mounts(const char *text, size_t bytes, char *out, size_t room);

/* ---- the whole ---- */

typedef struct capture_counts {
    uint64_t files, bytes;
    uint64_t denied;   /* is there, and may not be read, or a folder that may not be entered */
    uint64_t again;    /* EAGAIN: a sensor that is off */
    uint64_t failed;   /* another error */
    uint64_t left_out; /* a link that leads off the list, a device, or no room any more */
    uint64_t scrubbed; /* places */
    bool has_meminfo;
} capture_counts;

/* capture_run - copy the machine behind @root ("": this one) into @folder, which is made or empty.
 * False: nothing or only a part was written, and @why says why. */
bool capture_run(const char *root, const char *folder, capture_counts *out, char *why,
                 size_t why_bytes);
/* What a person wants to know afterwards. */
void capture_print(const capture_counts *counts, const char *folder, FILE *to);

#endif
