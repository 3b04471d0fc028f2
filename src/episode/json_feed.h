/* SPDX-License-Identifier: Apache-2.0 */
/* json_feed.h - JSON out of a file in pieces: whole documents, and one document a line.
 *
 * No copy of a file is made here; the parser's own tree lies on its own heap and is the caller's
 * to give back (json_decref). Invariant: nothing past feed->end is read.
 */
#ifndef EPISODE_JSON_FEED_H
#define EPISODE_JSON_FEED_H

#include <jansson.h>
#include <stdbool.h>

#include "src/episode/file_bytes.h"

#define PLIM_JSON_FILE_LIMIT (4u << 20)
#define PLIM_JSON_LINE_LIMIT (1u << 20)

typedef struct plim_json_feed {
    const plim_file_bytes *file;
    uint64_t at, end; /* next byte; where this document ends */
    uint64_t line;    /* that @at is in, from 1 */
    bool is_line;     /* the document ends with its line */
    bool is_over;
    plim_status status;
    plim_error *err;
    uint64_t piece_at;
    size_t piece_bytes;
    char piece[4096];
} plim_json_feed;

static inline void plim_json_feed_init(plim_json_feed *self, const plim_file_bytes *file,
                                       plim_error *err)
{
    self->file = file;
    self->at = self->piece_at = 0;
    self->end = file->size_bytes;
    self->line = 1;
    self->is_line = self->is_over = false;
    self->status = PLIM_OK;
    self->err = err;
    self->piece_bytes = 0;
}

/* plim_json_load - a whole file that holds one object.
 * Errors:  E_FORMAT  line and what is wrong; E_RANGE  larger than 4 MiB. */
PLIM_MUST_USE plim_status plim_json_load(const plim_file_bytes *file, json_t **out,
                                         plim_error *err);

/* plim_json_line - the next line's object; *@out NULL at the end of the file. Empty lines are
 * passed over. Errors:  E_FORMAT, with the line's number; after one, the feed may go on. */
PLIM_MUST_USE plim_status plim_json_line(plim_json_feed *self, json_t **out, plim_error *err);

/* plim_json_count_lines - lines with something on them. */
PLIM_MUST_USE plim_status plim_json_count_lines(const plim_file_bytes *file, uint64_t *out,
                                                plim_error *err);

/* A whole number from 0 on, else UINT64_MAX. */
static inline uint64_t plim_json_count(const json_t *object, const char *field)
{
    const json_t *value = json_object_get(object, field);
    json_int_t n = json_integer_value(value);
    return json_is_integer(value) && n >= 0 ? (uint64_t)n : UINT64_MAX;
}

/* E_FORMAT about @field of @file. */
plim_status plim_json_feed_refuse(const plim_file_bytes *file, plim_error *err, const char *field,
                                  const char *wanted, const char *found);

#endif
