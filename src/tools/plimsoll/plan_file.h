/* SPDX-License-Identifier: Apache-2.0 */
/* plan_file.h - a planning instance as a table, and its drawings.
 *
 * The table is MiniMalloc's: id,lower,upper,size[,alignment][,gaps][,offset], in any order, with
 * its other names for the first three (buffer, buffer_id; begin, start; end, which is inclusive).
 * Ours beside them: owner, a name to colour by. An offset that is there is fixed; an empty one
 * is to be found.
 */
#ifndef TOOLS_PLIMSOLL_PLAN_FILE_H
#define TOOLS_PLIMSOLL_PLAN_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "plimsoll/plan.h"

typedef struct plan_file {
    char *text; /* ids and owners point into it */
    const char **ids, **owners;
    plim_plan_buffer *buffers; /* id is the row, from 0 */
    size_t count;
    plim_plan_gap *gaps;
    size_t gap_count, gap_room;
    size_t window_count; /* gaps that only part of a buffer may be used in: taken as none */
    bool has_alignment, has_gaps, has_owner, has_offset;
} plan_file;

/* Takes @text (malloc, bytes + 1, NUL at the end), also on failure. Errors: E_FORMAT with line and
 * column, E_NOMEM. */
PLIM_MUST_USE plim_status plan_file_parse(const char *path, char *text, size_t bytes,
                                          plan_file *out, plim_error *err);
void plan_file_drop(plan_file *self);

/* The same table, canonical, with the offsets. */
void plan_file_write(const plan_file *self, FILE *to);

/* What a drawing says beside the buffers. */
typedef struct plan_sheet {
    const char *title;
    uint64_t height_bytes, lower_bound_bytes, capacity_bytes; /* capacity 0: none */
    const char *verdict;
} plan_sheet;

void plan_draw_svg(const plan_file *self, const plan_sheet *sheet, FILE *to);
/* @columns wide; @color: escape sequences for a terminal. */
void plan_draw_ascii(const plan_file *self, const plan_sheet *sheet, uint32_t columns, bool color,
                     FILE *to);

/* First and last step of all buffers. */
void plan_file_span(const plan_file *self, uint32_t *out_first, uint32_t *out_end);

#endif
