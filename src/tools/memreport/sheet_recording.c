/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_recording.c - a recording as frames over time, its events, and the rows of its largest.
 *
 * A line with "rows" is a frame: the rows of plimsoll-report/1 (owner, kind) or of memreport-live/1
 * (place, name) at one moment, adding up to "total". A line with "event" is a mark. Both have a
 * time, never falling: "time" in seconds or "time_ms". Other lines and other keys are left alone.
 * Memory is bounded: SHEET_FRAMES frames are kept; when they are full, of each two neighbours the
 * larger stays, so that the peak is always among them.
 */
#include "src/tools/memreport/sheet_recording.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool sheet_is_of_recording(json_t *line)
{
    return (json_is_number(json_object_get(line, "time")) ||
            json_is_integer(json_object_get(line, "time_ms"))) &&
           (json_is_array(json_object_get(line, "rows")) ||
            json_is_string(json_object_get(line, "event")));
}

ssize_t sheet_read_line(FILE *f, char **line, size_t *room)
{
    size_t n = 0;
    int c;
    while ((c = getc_unlocked(f)) != EOF && c != '\n') {
        if (n == *room) {
            size_t more = *room ? *room * 2 : 4096;
            char *text = more <= SHEET_LINE_MAX ? realloc(*line, more) : NULL;
            if (!text) {
                return -2;
            }
            *line = text;
            *room = more;
        }
        (*line)[n++] = (char)c;
    }
    return c == EOF && n == 0 ? -1 : (ssize_t)n;
}

/* False: the row is about bytes that other rows have, or about none of this memory. */
static bool is_in_sum(const sheet_row *row)
{
    return strcmp(row->owner, "not in the sum") != 0;
}

static plim_status read_row(json_t *json, sheet_row *row, plim_error *err)
{
    const char *place = json_string_value(json_object_get(json, "place"));
    json_t *now = json_object_get(json, "now");
    *row = (sheet_row){.section = "",
                       .owner = place ? place : json_string_value(json_object_get(json, "owner")),
                       .name = json_string_value(json_object_get(json, place ? "name" : "kind")),
                       .known = json_string_value(json_object_get(json, "known")),
                       .bytes = {SHEET_NONE, SHEET_NONE, SHEET_NONE}};
    if (!row->owner || !row->name || !row->known) {
        return sheet_refuse(err, "rows", "owner, kind and known, or place, name and known",
                            "something else");
    }
    if (!json_is_integer(now) && !json_is_null(now)) {
        return sheet_refuse(err, "now", "a number of bytes", "something else");
    }
    row->bytes[0] = json_is_null(now) ? SHEET_NONE : json_integer_value(now);
    row->part = place ? sheet_part_of_place(row->owner, row->name, row->known)
                      : sheet_part_of(row->owner, row->name, row->known);
    if (place && sheet_value(row->bytes[0]) < 0) {
        row->part = PART_UNATTRIBUTED; /* what places take off: bytes that two rows have */
    }
    return PLIM_OK;
}

static plim_status add_row(const sheet_row *row, sheet_frame *frame, plim_error *err)
{
    sheet_part part = row->part;
    int64_t bytes = sheet_value(row->bytes[0]);
    if (bytes < 0 && part != PART_UNATTRIBUTED) {
        return sheet_refuse(err, "now", "a number of bytes", "a negative one");
    }
    if (__builtin_add_overflow(frame->parts[part], bytes, &frame->parts[part]) ||
        __builtin_add_overflow(frame->total, bytes, &frame->total)) {
        return sheet_refuse(err, "now", "a sum of 63 bits", "an overflow");
    }
    return PLIM_OK;
}

static plim_status read_frame(json_t *line, sheet_frame *frame, plim_error *err)
{
    json_t *one, *total = json_object_get(line, "total");
    size_t i;
    json_array_foreach(json_object_get(line, "rows"), i, one)
    {
        sheet_row row;
        PLIM_TRY(read_row(one, &row, err));
        if (is_in_sum(&row)) {
            PLIM_TRY(add_row(&row, frame, err));
        }
    }
    frame->held = frame->total;
    if (__builtin_sub_overflow(frame->held, frame->parts[PART_FREE], &frame->held)) {
        return sheet_refuse(err, "now", "a sum of 63 bits", "an overflow");
    }
    if (!json_is_integer(total) || json_integer_value(total) != frame->total) {
        return sheet_refuse(err, "total", "the sum of the rows", "another number");
    }
    return PLIM_OK;
}

typedef struct clock_of_lines {
    double first, last;
    bool has_first;
} clock_of_lines;

static plim_status read_time(json_t *line, clock_of_lines *clock, double *out, plim_error *err)
{
    json_t *seconds = json_object_get(line, "time");
    double at = json_is_number(seconds)
                    ? json_number_value(seconds)
                    : (double)json_integer_value(json_object_get(line, "time_ms")) / 1000.0;
    if (!clock->has_first) {
        clock->has_first = true;
        clock->first = clock->last = at;
    }
    if (!(at >= clock->last)) {
        return sheet_refuse(err, "time", "seconds that never fall", "an earlier moment");
    }
    clock->last = at;
    *out = at - clock->first;
    return PLIM_OK;
}

static plim_status take_line(json_t *line, const sheet_lines *lines, clock_of_lines *clock,
                             plim_error *err)
{
    sheet_frame frame = {.seconds = 0};
    if (!sheet_is_of_recording(line)) {
        return PLIM_OK;
    }
    PLIM_TRY(read_time(line, clock, &frame.seconds, err));
    const char *event = json_string_value(json_object_get(line, "event"));
    if (event && lines->event) {
        PLIM_TRY(lines->event(lines->context, frame.seconds, event, err));
    }
    if (!json_is_array(json_object_get(line, "rows"))) {
        return PLIM_OK;
    }
    PLIM_TRY(read_frame(line, &frame, err));
    return lines->frame ? lines->frame(lines->context, &frame, line, err) : PLIM_OK;
}

plim_status sheet_each_line(FILE *f, const sheet_lines *lines, bool *is_cut, plim_error *err)
{
    clock_of_lines clock = {.has_first = false};
    plim_status rc = PLIM_OK;
    char *text = NULL;
    size_t room = 0, number = 0;
    ssize_t n;
    *is_cut = false;
    while (rc == PLIM_OK && (n = sheet_read_line(f, &text, &room)) != -1) {
        json_error_t at;
        number++;
        if (n == 0 || (n == 1 && text[0] == '\r')) {
            continue;
        }
        json_t *line = n > 0 ? json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &at) : NULL;
        if (json_is_object(line)) {
            rc = take_line(line, lines, &clock, err);
        } else if (n > 0 && feof(f) && !line) {
            *is_cut = true; /* the recorder was stopped while it wrote */
        } else {
            rc = sheet_refuse(err, "", "one JSON object a line",
                              n < 0 ? "a line over 4 MiB" : at.text);
        }
        if (rc != PLIM_OK) {
            plim_error_detail(err, "line %zu", number);
        }
        json_decref(line);
    }
    free(text);
    if (rc == PLIM_OK && ferror(f)) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "recording", .os_errno = errno);
    }
    return rc;
}

/* ---- as a sheet ---- */

typedef struct gathering {
    sheet *out;
    size_t every, waiting; /* of @every frames the largest is kept */
} gathering;

static void halve(sheet *s)
{
    size_t n = 0;
    for (size_t i = 0; i < s->frame_count; i += 2) {
        size_t larger = i;
        if (i + 1 < s->frame_count && s->frames[i + 1].held > s->frames[i].held) {
            larger = i + 1;
        }
        s->frames[n++] = s->frames[larger];
    }
    s->frame_count = n;
}

static bool is_peak(const sheet *s, const sheet_frame *frame)
{
    for (size_t i = 0; i < s->frame_count; i++) {
        if (s->frames[i].held >= frame->held) {
            return false;
        }
    }
    return true;
}

static plim_status take_frame(void *context, const sheet_frame *frame, json_t *line,
                              plim_error *err)
{
    gathering *g = context;
    sheet *s = g->out;
    (void)err;
    if (is_peak(s, frame)) {
        json_decref(s->root);
        s->root = json_incref(line);
    }
    json_t *cap = json_object_get(json_object_get(line, "account"), "cap");
    if (json_is_integer(cap) && json_integer_value(cap) > 0) {
        s->budget = json_integer_value(cap);
    }
    s->frames_seen++;
    if (g->waiting++ == 0) {
        s->frames[s->frame_count++] = *frame;
    } else if (frame->held > s->frames[s->frame_count - 1].held) {
        s->frames[s->frame_count - 1] = *frame;
    }
    g->waiting %= g->every;
    if (s->frame_count == SHEET_FRAMES && g->waiting == 0) {
        halve(s);
        g->every *= 2;
    }
    return PLIM_OK;
}

static plim_status take_event(void *context, double seconds, const char *text, plim_error *err)
{
    sheet *s = ((gathering *)context)->out;
    (void)err;
    if (s->event_count < SHEET_EVENTS) {
        sheet_event *e = &s->events[s->event_count];
        e->seconds = seconds;
        snprintf(e->text, sizeof(e->text), "%s", text);
    }
    s->event_count += s->event_count < SHEET_EVENTS;
    return PLIM_OK;
}

static plim_status rows_of_peak(sheet *s, plim_error *err)
{
    json_t *one;
    size_t i;
    json_array_foreach(json_object_get(s->root, "rows"), i, one)
    {
        sheet_row row;
        PLIM_TRY(read_row(one, &row, err));
        if (is_in_sum(&row)) {
            PLIM_TRY(sheet_add(s, &row, err));
        }
    }
    return sheet_add_up(s, err);
}

const char *sheet_frame_name(json_t *line)
{
    json_t *process = json_object_get(line, "process");
    const char *names[] = {json_string_value(json_object_get(line, "program")),
                           json_string_value(json_object_get(process, "program")),
                           json_string_value(json_object_get(line, "board"))};
    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
        if (names[i] && names[i][0]) {
            return names[i];
        }
    }
    return "recording";
}

plim_status sheet_from_recording(FILE *f, sheet *out, plim_error *err)
{
    gathering g = {.out = out, .every = 1};
    sheet_lines lines = {.context = &g, .frame = take_frame, .event = take_event};
    bool is_cut;
    out->kind = SHEET_RECORDING;
    out->columns[0] = "at the peak";
    out->keys[0] = "peak";
    out->frames = calloc(SHEET_FRAMES, sizeof(*out->frames));
    out->events = calloc(SHEET_EVENTS, sizeof(*out->events));
    if (!out->frames || !out->events) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "frames of a recording");
    }
    PLIM_TRY(sheet_each_line(f, &lines, &is_cut, err));
    if (out->frame_count == 0) {
        return sheet_refuse(err, "rows", "at least one frame", "none");
    }
    out->is_complete = !is_cut;
    out->title = sheet_frame_name(out->root);
    return rows_of_peak(out, err);
}
