/* SPDX-License-Identifier: Apache-2.0 */
/* sheet.h - a report of any kind as one list of rows: what diff, render and export work on.
 *
 * Every reader below turns its JSON into rows that add up, column by column, to the total that the
 * report states; one that does not is refused. A row belongs to one part; parts have one colour and
 * one name in every picture and every table.
 */
#ifndef TOOLS_MEMREPORT_SHEET_H
#define TOOLS_MEMREPORT_SHEET_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plimsoll/report.h"

#define SHEET_COLUMNS  3u
#define SHEET_NONE     INT64_MIN           /* not known: printed "-", added as nothing */
#define SHEET_LIMIT    ((size_t)64u << 20) /* bytes of a report; a recording has no limit */
#define SHEET_LINE_MAX ((size_t)4u << 20)  /* bytes of one line of a recording */
#define SHEET_FRAMES   2048u /* of a recording; of more, the larger of every 2, 4, 8... is kept */
#define SHEET_EVENTS   256u

typedef enum sheet_kind {
    SHEET_RUN,       /* plimsoll-report/1 */
    SHEET_EPISODE,   /* memreport/1: episode */
    SHEET_DATASET,   /* memreport/1: dataset */
    SHEET_PLAN,      /* memreport/1: plan */
    SHEET_RECORDING, /* lines of JSON: what a run or a machine held, over time */
} sheet_kind;

/* In the order in which bars are stacked. */
typedef enum sheet_part {
    PART_ENGINES,
    PART_WEIGHTS,
    PART_ACTIVATIONS,
    PART_KV_CACHE,
    PART_IO,
    PART_LOAD_WINDOW,
    PART_EPISODE,
    PART_VIDEO,
    PART_STATE_ACTION,
    PART_OTHER_DATA,
    PART_CONTAINERS,
    PART_DECODERS,
    PART_PLUGIN,
    PART_FRAMEWORK,
    PART_HEAP,
    PART_CODE,
    PART_CACHE,
    PART_SHARED,
    PART_DRIVER,
    PART_PROCESSES,
    PART_KERNEL,
    PART_OTHER,
    PART_UNATTRIBUTED,
    PART_FREE,
    PART_COUNT
} sheet_part;

typedef struct sheet_row {
    const char *section; /* "episode 3"; "" in a report that has none */
    const char *owner;   /* "backbone"; "" where a part has no owners */
    const char *name;
    const char *known; /* "tagged", "measured", ... */
    sheet_part part;
    int64_t bytes[SHEET_COLUMNS]; /* negative: only what is unattributed */
} sheet_row;

typedef struct sheet_frame {
    double seconds; /* since the first frame */
    int64_t total;  /* the sum of the parts */
    int64_t held;   /* without what is free: peaks are of this */
    int64_t parts[PART_COUNT];
} sheet_frame;

typedef struct sheet_event {
    double seconds;
    char text[120];
} sheet_event;

typedef struct sheet {
    sheet_kind kind;
    const char *title;                  /* "demo-data", "groot-picknplace-v20, episode 0" */
    const char *columns[SHEET_COLUMNS]; /* "resident"; NULL after the last */
    const char *keys[SHEET_COLUMNS];    /* "now": the name in JSON and on the command line */
    int64_t totals[SHEET_COLUMNS];
    int64_t budget; /* SHEET_NONE: none known */
    bool is_complete;
    uint64_t window; /* frames of each camera; 0: none */
    const char *pixels;
    size_t section_count; /* episodes */
    size_t row_count, row_room;
    sheet_row *rows;
    size_t frame_count, frames_seen; /* of a recording */
    sheet_frame *frames;
    size_t event_count;
    sheet_event *events;
    json_t *root; /* lends the texts; of a recording: its largest frame */
    char **kept;  /* texts that were put together; freed with the sheet */
    size_t kept_count, kept_room;
} sheet;

/* sheet_read - the report or recording in @path ("-": standard input), told by its content.
 * @path may end at any byte and hold anything. Errors:  E_NOT_FOUND; E_IO; E_NOMEM; E_RANGE too
 * long; E_FORMAT  what is wrong, with the key or the line; E_UNSUPPORTED  another schema. */
plim_status sheet_read(const char *path, sheet *out, plim_error *err);
/* The same from memory; a fuzzer's way in. */
plim_status sheet_parse(const char *text, size_t bytes, sheet *out, plim_error *err);
void sheet_close(sheet *self);

/* What the readers use. */
plim_status sheet_from_report(json_t *root, const char *text, size_t bytes, sheet *out,
                              plim_error *err);
plim_status sheet_from_episodes(json_t *root, sheet *out, plim_error *err);
plim_status sheet_from_dataset(json_t *root, sheet *out, plim_error *err);
plim_status sheet_from_plan(json_t *root, sheet *out, plim_error *err);
plim_status sheet_add(sheet *self, const sheet_row *row, plim_error *err);
/* The text that @format gives, lent as long as the sheet lives; "" when memory is out. */
const char *sheet_keep(sheet *self, const char *format, ...) __attribute__((format(printf, 2, 3)));
plim_status sheet_refuse(plim_error *err, const char *key, const char *wanted, const char *found);
/* Sums every column into totals; refuses when one overflows. */
plim_status sheet_add_up(sheet *self, plim_error *err);
/* @stated is column @column's total as the report says it: refuse when the rows do not give it. */
plim_status sheet_check_total(const sheet *self, size_t column, int64_t stated, plim_error *err);
/* The part of a row of plimsoll-report/1; of memreport-live/1. */
sheet_part sheet_part_of(const char *owner, const char *kind, const char *known);
sheet_part sheet_part_of_place(const char *place, const char *name, const char *known);

/* A recording, line by line: @take sees each frame with its JSON and its parts added up. */
typedef plim_status (*sheet_take_frame)(void *context, const sheet_frame *frame, json_t *line,
                                        plim_error *err);
typedef plim_status (*sheet_take_event)(void *context, double seconds, const char *text,
                                        plim_error *err);
typedef struct sheet_lines {
    void *context;
    sheet_take_frame frame; /* may steal the line with json_incref */
    sheet_take_event event;
} sheet_lines;

const char *sheet_kind_name(sheet_kind kind);
const char *sheet_part_name(sheet_part part); /* "kv cache" */
const char *sheet_part_key(sheet_part part);  /* "kv-cache": class, metric label */
size_t sheet_column_count(const sheet *self);
/* Rows by falling |bytes[column]|, then by name: the same order for the same rows. */
void sheet_sort(sheet *self, size_t column);
int64_t sheet_value(int64_t bytes); /* SHEET_NONE as 0 */
/* "-270.0 MiB", "-" for SHEET_NONE; @has_sign puts a + before what is above 0. */
const char *sheet_size(int64_t bytes, bool si, bool has_sign, char *buffer, size_t room);

#endif
