/* SPDX-License-Identifier: Apache-2.0 */
/* rows.h - the rows of a report while they are gathered. */
#ifndef SRC_REPORT_ROWS_H
#define SRC_REPORT_ROWS_H

#include "plimsoll/report.h"

/* plim_report_name - @text as a name in a report: whole characters, as many as fit; a control and
 * what is no UTF-8 become '?', so that a file's name does nothing to a terminal. */
void plim_report_name(char *out, size_t room, const char *text);

/* plim_report_row_for - the row (owner, kind), made when it is not there yet.
 * Errors:  E_RANGE  PLIM_REPORT_ROWS_MAX rows. */
PLIM_MUST_USE plim_status plim_report_row_for(plim_report *report, const char *owner,
                                              const char *kind, plim_known known,
                                              plim_report_row **out, plim_error *err);

/* plim_report_close_sum - total from the kernel's figures, and the row "unattributed". */
PLIM_MUST_USE plim_status plim_report_close_sum(plim_report *report, plim_error *err);

/* Text through a sink, piece by piece; stays failed after the first refusal. */
typedef struct plim_report_out {
    plim_report_sink sink;
    void *context;
    bool failed;
} plim_report_out;
void plim_report_put(plim_report_out *out, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* A JSON string with its quotes, escaped. */
void plim_report_put_string(plim_report_out *out, const char *text);

/* Rows of the process itself that are no file's. */
#define PLIM_REPORT_PROCESS     "process"
#define PLIM_REPORT_CACHE       "page cache"
#define PLIM_REPORT_HEAP        "heap"
#define PLIM_REPORT_CODE        "code and libraries"
#define PLIM_REPORT_STACKS      "stacks"
#define PLIM_REPORT_SHARED      "shared memory"
#define PLIM_REPORT_PAGE_TABLES "page tables"
/* Does the row stand for one file, mapped or cached? */
bool plim_report_is_file(const plim_report_row *row);

/* Names of plim_known: "tagged", "kernel", "difference". */
const char *plim_known_name(plim_known known);

/* One figure of plim_process_memory under its JSON key: for the writer and the parser. */
typedef struct plim_report_figure {
    const char *key;
    size_t offset;
} plim_report_figure;
extern const plim_report_figure plim_report_process_figures[];
extern const size_t plim_report_process_figure_count;

#endif
