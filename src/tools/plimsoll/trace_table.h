/* SPDX-License-Identifier: Apache-2.0 */
/* trace_table.h - a recorded run as a table: op,id,bytes[,alignment]; a allocates, f frees. */
#ifndef TOOLS_PLIMSOLL_TRACE_TABLE_H
#define TOOLS_PLIMSOLL_TRACE_TABLE_H

#include <stdbool.h>

#include "plimsoll/recording.h"

typedef struct trace_event {
    uint32_t step; /* the block: number of its allocation */
    bool is_free;
} trace_event;

typedef struct trace_table {
    trace_event *events;
    size_t event_count;
    void *memory; /* of the recorder */
    const plim_record_step *steps;
    uint32_t step_count;
    uint32_t live_most;  /* blocks alive at once */
    uint64_t peak_bytes; /* bytes alive at once */
    uint32_t kept_count; /* blocks that are never freed */
} trace_table;

/* Takes @text (malloc, bytes + 1, NUL at the end), also on failure. Errors: E_FORMAT with line and
 * column, E_RANGE, E_NOMEM. */
PLIM_MUST_USE plim_status trace_table_parse(const char *path, char *text, size_t bytes,
                                            trace_table *out, plim_error *err);
void trace_table_drop(trace_table *self);

#endif
