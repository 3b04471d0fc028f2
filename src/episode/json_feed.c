/* SPDX-License-Identifier: Apache-2.0 */
/* json_feed.c - feeding a JSON parser from a file, a piece at a time.
 *
 * Refuses files above PLIM_JSON_FILE_LIMIT and lines above PLIM_JSON_LINE_LIMIT: metadata that is
 * larger is damaged or hostile, and the parser's tree would be larger still.
 */
#include "src/episode/json_feed.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

plim_status plim_json_feed_refuse(const plim_file_bytes *file, plim_error *err, const char *field,
                                  const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "metadata", field, wanted, found);
    plim_error_detail(err, "%s", file->path);
    return PLIM_E_FORMAT;
}

/* The bytes from feed->at on that are in the piece; 0 at the end or after an error. */
static size_t feed_piece(plim_json_feed *feed, const char **from)
{
    if (feed->status != PLIM_OK || feed->at >= feed->end) {
        return 0;
    }
    if (feed->at < feed->piece_at || feed->at - feed->piece_at >= feed->piece_bytes) {
        uint64_t left = feed->end - feed->at;
        size_t n = left < sizeof(feed->piece) ? (size_t)left : sizeof(feed->piece);
        feed->status = plim_file_bytes_read(feed->file, feed->at, feed->piece, n, feed->err);
        if (feed->status != PLIM_OK) {
            return 0;
        }
        feed->piece_at = feed->at;
        feed->piece_bytes = n;
    }
    size_t skip = (size_t)(feed->at - feed->piece_at);
    *from = feed->piece + skip;
    return feed->piece_bytes - skip;
}

static size_t feed_json(void *buffer, size_t bytes, void *context)
{
    plim_json_feed *feed = context;
    const char *from;
    size_t n = feed->is_over ? 0 : feed_piece(feed, &from);
    if (n > bytes) {
        n = bytes;
    }
    if (!n) {
        return feed->status == PLIM_OK ? 0 : (size_t)-1;
    }
    const char *newline = feed->is_line ? memchr(from, '\n', n) : NULL;
    if (newline) {
        n = (size_t)(newline - from) + 1;
        feed->is_over = true;
    }
    memcpy(buffer, from, n);
    feed->at += n;
    return n;
}

plim_status plim_json_load(const plim_file_bytes *file, json_t **out, plim_error *err)
{
    plim_json_feed feed;
    json_error_t at;
    *out = NULL;
    if (file->size_bytes > PLIM_JSON_FILE_LIMIT) {
        plim_error_set(err, PLIM_E_RANGE, "metadata", "size", "at most 4 MiB", "more");
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_RANGE;
    }
    plim_json_feed_init(&feed, file, err);
    json_t *root = json_load_callback(feed_json, &feed, 0, &at);
    if (feed.status != PLIM_OK) {
        json_decref(root);
        return feed.status;
    }
    if (!json_is_object(root)) {
        char found[96];
        snprintf(found, sizeof(found), "line %d: %.60s", root ? 1 : at.line,
                 root ? "another kind of value" : at.text);
        json_decref(root);
        return plim_json_feed_refuse(file, err, "JSON", "an object", found);
    }
    *out = root;
    return PLIM_OK;
}

/* Passes over blanks; true when another document starts before the end. */
static bool feed_blank(plim_json_feed *feed, uint64_t *line)
{
    const char *from;
    size_t n;
    while ((n = feed_piece(feed, &from)) > 0) {
        for (size_t i = 0; i < n; i++, feed->at++) {
            if (from[i] == '\n') {
                ++*line;
            } else if (from[i] != ' ' && from[i] != '\t' && from[i] != '\r') {
                return true;
            }
        }
    }
    return false;
}

/* The rest of a line that the parser gave up on. */
static void end_line(plim_json_feed *feed)
{
    const char *from, *newline = NULL;
    size_t n;
    while (!newline && (n = feed_piece(feed, &from)) > 0) {
        newline = memchr(from, '\n', n);
        feed->at += newline ? (size_t)(newline - from) + 1 : n;
    }
}

plim_status plim_json_line(plim_json_feed *self, json_t **out, plim_error *err)
{
    json_error_t at;
    char field[64];
    *out = NULL;
    self->err = err;
    if (!feed_blank(self, &self->line)) {
        return self->status;
    }
    uint64_t end = self->end, line = self->line++;
    self->is_line = true;
    self->is_over = false;
    self->end = end - self->at > PLIM_JSON_LINE_LIMIT ? self->at + PLIM_JSON_LINE_LIMIT : end;
    json_t *root = json_load_callback(feed_json, self, 0, &at);
    self->end = end;
    if (!self->is_over) {
        end_line(self);
    }
    if (self->status == PLIM_OK && json_is_object(root)) {
        *out = root;
        return PLIM_OK;
    }
    json_decref(root);
    PLIM_TRY(self->status);
    snprintf(field, sizeof(field), "line %" PRIu64, line);
    return plim_json_feed_refuse(self->file, err, field, "a JSON object",
                                 root ? "another value" : at.text);
}

plim_status plim_json_count_lines(const plim_file_bytes *file, uint64_t *out, plim_error *err)
{
    plim_json_feed feed;
    plim_json_feed_init(&feed, file, err);
    *out = 0;
    while (feed_blank(&feed, &feed.line)) {
        ++*out;
        end_line(&feed);
    }
    return feed.status;
}
