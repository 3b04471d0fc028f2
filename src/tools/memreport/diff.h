/* SPDX-License-Identifier: Apache-2.0 */
/* diff.h - two reports of one kind, row beside row. */
#ifndef TOOLS_MEMREPORT_DIFF_H
#define TOOLS_MEMREPORT_DIFF_H

#include "src/tools/memreport/views.h"

typedef struct diff_row {
    const sheet_row *row;  /* of either report: lends the names */
    int64_t before, after; /* SHEET_NONE: no such row */
    int64_t change;
} diff_row;

typedef struct diff_part {
    sheet_part part;
    int64_t before, after, change; /* of all its rows */
    size_t rows;                   /* that changed */
    size_t kept_rows;              /* that did not */
    int64_t kept_bytes;
} diff_part;

/* rows + unchanged = the totals, and parts + kept = the totals, to the byte. */
typedef struct diff_result {
    const sheet *a, *b;
    size_t column;
    size_t row_count;
    diff_row *rows; /* the changed ones: by part in the order of parts, largest change first */
    diff_part parts[PART_COUNT]; /* largest change first; only those with a changed row */
    size_t part_count;
    size_t unchanged_count; /* rows, in whatever part */
    int64_t unchanged_bytes;
    size_t kept_count; /* rows of parts in which nothing changed */
    int64_t kept_bytes;
    int64_t change;
} diff_result;

/* diff_compare - @a and @b, which stay open as long as the result; sorts their rows.
 * Errors:  E_MISMATCH two kinds; E_NOMEM. */
plim_status diff_compare(sheet *a, sheet *b, size_t column, diff_result *out, plim_error *err);
void diff_close(diff_result *self);

void diff_print(const views_request *r, const diff_result *d, FILE *to);
void diff_json(const views_request *r, const diff_result *d, int code, FILE *to);

#endif
