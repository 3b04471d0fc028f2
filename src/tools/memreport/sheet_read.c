/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_read.c - what a file of figures is, told by its first object: one report, or a recording.
 *
 * A report is read whole, up to SHEET_LIMIT, and may be spread over lines; a recording is read line
 * by line and may be of any length. Nothing is believed before it is checked.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/memreport.h"
#include "src/tools/memreport/sheet.h"
#include "src/tools/memreport/sheet_recording.h"

static plim_status parse_json(const char *text, size_t bytes, json_t **out, plim_error *err)
{
    json_error_t at;
    *out = json_loadb(text, bytes, JSON_REJECT_DUPLICATES, &at);
    if (*out && json_is_object(*out)) {
        return PLIM_OK;
    }
    plim_status rc = sheet_refuse(err, "", "a JSON object", *out ? "another value" : at.text);
    if (!*out) {
        plim_error_detail(err, "line %d, column %d", at.line, at.column);
    }
    json_decref(*out);
    *out = NULL;
    return rc;
}

static plim_status read_recorded(json_t *root, sheet *out, plim_error *err)
{
    static const struct {
        const char *kind;
        plim_status (*read)(json_t *root, sheet *out, plim_error *err);
    } KINDS[] = {{"episode", sheet_from_episodes},
                 {"dataset", sheet_from_dataset},
                 {"plan", sheet_from_plan}};
    const char *kind = json_string_value(json_object_get(root, "kind"));
    for (size_t i = 0; kind && i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (strcmp(kind, KINDS[i].kind) == 0) {
            return KINDS[i].read(root, out, err);
        }
    }
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "report", "kind", "episode, dataset or plan",
                          kind ? kind : "none");
}

static plim_status read_root(json_t *root, const char *text, size_t bytes, sheet *out,
                             plim_error *err)
{
    const char *schema = json_string_value(json_object_get(root, "schema"));
    if (schema && strcmp(schema, PLIM_REPORT_SCHEMA) == 0) {
        return sheet_from_report(root, text, bytes, out, err);
    }
    if (schema && strcmp(schema, "memreport/1") == 0) {
        return read_recorded(root, out, err);
    }
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "report", "schema",
                          PLIM_REPORT_SCHEMA " or memreport/1", schema ? schema : "none");
}

/* Two objects in a row, or one that says so by itself. */
static bool is_recording(const char *text, size_t bytes)
{
    const char *end = memchr(text, '\n', bytes);
    size_t first = end ? (size_t)(end - text) : bytes;
    json_t *line = json_loadb(text, first, JSON_REJECT_DUPLICATES, NULL);
    bool is_alone = true;
    for (size_t i = first; i < bytes && is_alone; i++) {
        is_alone = text[i] == '\n' || text[i] == '\r' || text[i] == ' ' || text[i] == '\t';
    }
    bool is_line = json_is_object(line) && (!is_alone || sheet_is_of_recording(line));
    json_decref(line);
    return is_line;
}

plim_status sheet_parse(const char *text, size_t bytes, sheet *out, plim_error *err)
{
    memset(out, 0, sizeof(*out));
    out->budget = SHEET_NONE;
    plim_status rc;
    if (is_recording(text, bytes)) {
        FILE *f = bytes ? fmemopen((void *)(uintptr_t)text, bytes, "r") : NULL;
        rc = f ? sheet_from_recording(f, out, err)
               : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "recording");
        if (f) {
            fclose(f);
        }
    } else {
        rc = parse_json(text, bytes, &out->root, err);
        if (rc == PLIM_OK) {
            rc = read_root(out->root, text, bytes, out, err);
        }
    }
    if (rc != PLIM_OK) {
        sheet_close(out);
    }
    return rc;
}

/* Reads until the end or SHEET_LIMIT; *@bytes SHEET_LIMIT + 1 says that there is more. */
static char *read_whole(FILE *f, size_t *bytes)
{
    size_t room = 1u << 16;
    char *text = malloc(room);
    *bytes = 0;
    while (text) {
        *bytes += fread(text + *bytes, 1, room - *bytes, f);
        if (*bytes < room || *bytes > SHEET_LIMIT) {
            break;
        }
        room = room * 2 > SHEET_LIMIT ? SHEET_LIMIT + 1 : room * 2;
        char *more = realloc(text, room);
        if (!more) {
            free(text);
        }
        text = more;
    }
    return text;
}

/* A file that can be read twice: its first line says whether the rest need be in memory. */
static bool begins_recording(FILE *f)
{
    char *line = NULL;
    size_t room = 0;
    bool is = false;
    ssize_t n = sheet_read_line(f, &line, &room);
    int next = n > 0 ? fgetc(f) : EOF;
    if (n > 0) {
        json_t *root = json_loadb(line, (size_t)n, JSON_REJECT_DUPLICATES, NULL);
        is = json_is_object(root) && (next == '{' || sheet_is_of_recording(root));
        json_decref(root);
    }
    free(line);
    rewind(f);
    return is;
}

static plim_status read_file(FILE *f, sheet *out, plim_error *err)
{
    size_t bytes;
    if (fseek(f, 0, SEEK_SET) == 0 && begins_recording(f)) {
        memset(out, 0, sizeof(*out));
        out->budget = SHEET_NONE;
        plim_status rc = sheet_from_recording(f, out, err);
        if (rc != PLIM_OK) {
            sheet_close(out);
        }
        return rc;
    }
    char *text = read_whole(f, &bytes);
    if (!text) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "report");
    }
    plim_status rc =
        ferror(f) ? PLIM_FAIL(err, PLIM_E_IO, .what = "report", .os_errno = errno)
        : bytes > SHEET_LIMIT
            ? PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of a report", .limit = SHEET_LIMIT)
            : sheet_parse(text, bytes, out, err);
    free(text);
    return rc;
}

plim_status sheet_read(const char *path, sheet *out, plim_error *err)
{
    FILE *f;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(report_open(path, &f, err));
    plim_status rc = read_file(f, out, err);
    report_close(f);
    return rc;
}
