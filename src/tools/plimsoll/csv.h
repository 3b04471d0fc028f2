/* SPDX-License-Identifier: Apache-2.0 */
/* csv.h - tables of numbers and names as people keep them: a header, then rows, by commas. */
#ifndef TOOLS_PLIMSOLL_CSV_H
#define TOOLS_PLIMSOLL_CSV_H

#include <stdbool.h>
#include <stddef.h>

#include "plimsoll/status.h"

#define CSV_FIELDS_MAX 16u

/* A whole file, "-" standard input; .gz is told by its first bytes. *out is NUL-terminated and
 * freed by the caller. Errors: E_NOT_FOUND, E_IO, E_CORRUPT (a gzip that is damaged or ends
 * early), E_RANGE (more than 1 GiB), E_NOMEM. */
PLIM_MUST_USE plim_status csv_load(const char *path, char **out, size_t *out_bytes,
                                   plim_error *err);

typedef struct csv_reader {
    const char *path; /* for messages */
    char *at, *end;   /* the text that is left; fields are cut out of it in place */
    uint32_t line;    /* of the row handed out, from 1 */
    char *fields[CSV_FIELDS_MAX];
    uint32_t field_column[CSV_FIELDS_MAX]; /* where each begins in its line, from 1 */
    size_t field_count;
    const char *names[CSV_FIELDS_MAX]; /* of the columns, after csv_header */
    size_t name_count;                 /* 0: no header was read */
    plim_error *err;
} csv_reader;

/* @text has bytes + 1 bytes, the last is NUL. A byte order mark is skipped. */
void csv_begin(csv_reader *self, const char *path, char *text, size_t bytes, plim_error *err);

/* The first line: names of the columns. Errors: E_FORMAT for none, an empty one, one twice. */
PLIM_MUST_USE plim_status csv_header(csv_reader *self);

/* The column of the first of these names that is there; -1: none. @names ends with NULL. */
int csv_column(const csv_reader *self, const char *const *names);

/* The next row, as many fields as the header has; *out_end: there is none. LF or CR LF; blank
 * lines only at the end. */
PLIM_MUST_USE plim_status csv_next(csv_reader *self, bool *out_end);

/* E_FORMAT about a field of the row: its name, what was wanted, what was found, where. */
plim_status csv_wrong(csv_reader *self, size_t field, const char *wanted);

/* A whole number without sign, at most @most. */
PLIM_MUST_USE plim_status csv_number(csv_reader *self, size_t field, uint64_t most, uint64_t *out);

#endif
