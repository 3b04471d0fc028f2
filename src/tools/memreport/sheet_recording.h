/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_recording.h - a run over time: JSON lines, as memreport live --record writes them. */
#ifndef TOOLS_MEMREPORT_SHEET_RECORDING_H
#define TOOLS_MEMREPORT_SHEET_RECORDING_H

#include <stdio.h>
#include <sys/types.h>

#include "src/tools/memreport/sheet.h"

/* Does this object stand for a moment: has it a time, and rows or an event? */
bool sheet_is_of_recording(json_t *line);
/* One line without its end, at most SHEET_LINE_MAX bytes: -1 at the end, -2 when it is longer. */
ssize_t sheet_read_line(FILE *f, char **line, size_t *room);
/* Every line of @f, in order; stops at the first failure. A last line that was cut is left out. */
plim_status sheet_each_line(FILE *f, const sheet_lines *lines, bool *is_cut, plim_error *err);
/* The program or the board that a frame is about; lent. */
const char *sheet_frame_name(json_t *line);
plim_status sheet_from_recording(FILE *f, sheet *out, plim_error *err);

#endif
