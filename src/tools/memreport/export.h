/* SPDX-License-Identifier: Apache-2.0 */
/* export.h - a report or a recording in the words of other tools. */
#ifndef TOOLS_MEMREPORT_EXPORT_H
#define TOOLS_MEMREPORT_EXPORT_H

#include "src/tools/memreport/views.h"

/* Prometheus' text format, for node_exporter's textfile collector: reports of several processes in
 * one exposition, told apart by their titles. Borrows and sorts @sheets. Every metric is named
 * once, every label set once: rows of one name are added up. */
void export_prometheus(sheet *const *sheets, size_t count, FILE *to);
/* RFC 4180, with a head line; one row of the report a line. */
void export_csv(const sheet *s, FILE *to);

/* What has to see every frame of a recording goes through it line by line. */
typedef struct export_trace {
    FILE *to;
    bool has_written;
    bool seen[PART_COUNT]; /* once a counter is there it has to come back to 0 */
} export_trace;
sheet_lines export_trace_begin(export_trace *self, FILE *to); /* Chrome's JSON trace: counters */
void export_trace_end(export_trace *self);
sheet_lines export_series_begin(FILE *to); /* CSV: a frame a line */

#endif
