/* SPDX-License-Identifier: Apache-2.0 */
/* sheet.c - rows, parts and sums, whatever report they came from.
 *
 * Invariant: totals[c] is the sum of every row's bytes[c], checked against overflow; a report that
 * states another total is refused. Rows of one name stay rows of their own: nothing is overwritten.
 */
#include "src/tools/memreport/sheet.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ROWS_FIRST 64u

static const struct {
    const char *key, *name;
} PARTS[PART_COUNT] = {
    {"engines", "engines"},
    {"weights", "weights"},
    {"activations", "activations"},
    {"kv-cache", "kv cache"},
    {"io", "inputs and outputs"},
    {"load-window", "load window"},
    {"episode", "episode in memory"},
    {"video", "video"},
    {"state-action", "state and action"},
    {"other-data", "other columns"},
    {"containers", "containers"},
    {"decoders", "decoders"},
    {"plugin", "plug-ins and decoders"},
    {"framework", "framework"},
    {"heap", "heap and stacks"},
    {"code", "code and libraries"},
    {"cache", "page cache"},
    {"shared", "shared memory"},
    {"driver", "device driver"},
    {"processes", "other processes"},
    {"kernel", "kernel"},
    {"other", "other"},
    {"unattributed", "unattributed"},
    {"free", "free"},
};

const char *sheet_part_name(sheet_part part)
{
    return (unsigned)part < PART_COUNT ? PARTS[part].name : "?";
}

const char *sheet_part_key(sheet_part part)
{
    return (unsigned)part < PART_COUNT ? PARTS[part].key : "?";
}

const char *sheet_kind_name(sheet_kind kind)
{
    static const char *const NAMES[] = {"report", "episode", "dataset", "plan", "recording"};
    return (unsigned)kind < sizeof(NAMES) / sizeof(NAMES[0]) ? NAMES[kind] : "?";
}

/* A row of the runtime is told by its tag; the kernel's rows by their names. */
sheet_part sheet_part_of(const char *owner, const char *kind, const char *known)
{
    static const struct {
        const char *owner, *kind; /* NULL: any */
        sheet_part part;
    } ROWS[] = {
        {"unattributed", NULL, PART_UNATTRIBUTED},
        {"free", NULL, PART_FREE},
        {"page cache", NULL, PART_CACHE},
        {"device driver", NULL, PART_DRIVER},
        {"other processes", NULL, PART_PROCESSES},
        {"kernel", NULL, PART_KERNEL},
        {"process", "heap", PART_HEAP},
        {"process", "stacks", PART_HEAP},
        {"process", "shared memory", PART_SHARED},
        {"process", "page tables", PART_KERNEL},
        {"process", NULL, PART_CODE},
        {NULL, "weights", PART_WEIGHTS},
        {NULL, "activations", PART_ACTIVATIONS},
        {NULL, "kv-cache", PART_KV_CACHE},
        {NULL, "io", PART_IO},
        {NULL, "load-window", PART_LOAD_WINDOW},
        {NULL, "episode", PART_EPISODE},
        {NULL, "plugin", PART_PLUGIN},
        {NULL, "framework", PART_FRAMEWORK},
        {NULL, "heap", PART_HEAP},
    };
    if (strcmp(known, "difference") == 0) {
        return PART_UNATTRIBUTED;
    }
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        if ((!ROWS[i].owner || strcmp(ROWS[i].owner, owner) == 0) &&
            (!ROWS[i].kind || strcmp(ROWS[i].kind, kind) == 0)) {
            return ROWS[i].part;
        }
    }
    return PART_OTHER;
}

/* Places of a machine; of the process that is opened up, tags are the last word of a row. */
sheet_part sheet_part_of_place(const char *place, const char *name, const char *known)
{
    static const struct {
        const char *place;
        sheet_part part;
    } PLACES[] = {{"other processes", PART_PROCESSES},
                  {"page cache", PART_CACHE},
                  {"shared memory", PART_SHARED},
                  {"device driver", PART_DRIVER},
                  {"kernel", PART_KERNEL},
                  {"free", PART_FREE},
                  {"unattributed", PART_UNATTRIBUTED}};
    for (size_t i = 0; i < sizeof(PLACES) / sizeof(PLACES[0]); i++) {
        if (strcmp(place, PLACES[i].place) == 0) {
            return PLACES[i].part;
        }
    }
    if (strcmp(place, "this process") != 0) {
        return PART_OTHER;
    }
    if (strcmp(known, "tagged") == 0) {
        const char *tag = strrchr(name, ' ');
        return sheet_part_of("", tag ? tag + 1 : name, known);
    }
    if (strncmp(name, "device driver", 13) == 0 || strncmp(name, "GPU memory", 10) == 0) {
        return PART_DRIVER;
    }
    bool is_anonymous = strncmp(name, "anonymous", 9) == 0;
    return is_anonymous ? PART_HEAP : sheet_part_of("process", name, "kernel");
}

plim_status sheet_refuse(plim_error *err, const char *key, const char *wanted, const char *found)
{
    return plim_error_set(err, PLIM_E_FORMAT, "report", key, wanted, found);
}

static plim_status no_memory(plim_error *err)
{
    return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "rows of a report");
}

plim_status sheet_add(sheet *self, const sheet_row *row, plim_error *err)
{
    for (size_t c = 0; c < SHEET_COLUMNS; c++) {
        if (row->bytes[c] < 0 && row->bytes[c] != SHEET_NONE && row->part != PART_UNATTRIBUTED) {
            return sheet_refuse(err, row->name, "a number of bytes", "a negative one");
        }
    }
    if (self->row_count == self->row_room) {
        size_t room = self->row_room ? self->row_room * 2 : ROWS_FIRST;
        sheet_row *rows = realloc(self->rows, room * sizeof(*rows));
        if (!rows) {
            return no_memory(err);
        }
        self->rows = rows;
        self->row_room = room;
    }
    self->rows[self->row_count++] = *row;
    return PLIM_OK;
}

const char *sheet_keep(sheet *self, const char *format, ...)
{
    char *text = NULL;
    va_list args;
    va_start(args, format);
    int n = vasprintf(&text, format, args);
    va_end(args);
    if (n < 0) {
        return "";
    }
    if (self->kept_count == self->kept_room) {
        size_t room = self->kept_room ? self->kept_room * 2 : 16;
        char **kept = realloc(self->kept, room * sizeof(*kept));
        if (!kept) {
            free(text);
            return "";
        }
        self->kept = kept;
        self->kept_room = room;
    }
    self->kept[self->kept_count++] = text;
    return text;
}

int64_t sheet_value(int64_t bytes)
{
    return bytes == SHEET_NONE ? 0 : bytes;
}

size_t sheet_column_count(const sheet *self)
{
    size_t n = 0;
    while (n < SHEET_COLUMNS && self->columns[n]) {
        n++;
    }
    return n;
}

static uint64_t magnitude(int64_t bytes)
{
    bytes = sheet_value(bytes);
    return bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
}

/* Half the range for all magnitudes together: no sum of any rows, and no difference of two reports,
 * overflows after this. */
plim_status sheet_add_up(sheet *self, plim_error *err)
{
    for (size_t c = 0; c < SHEET_COLUMNS; c++) {
        uint64_t all = 0;
        self->totals[c] = 0;
        for (size_t i = 0; i < self->row_count; i++) {
            if (__builtin_add_overflow(all, magnitude(self->rows[i].bytes[c]), &all) ||
                all > INT64_MAX / 2) {
                return sheet_refuse(err, self->keys[c], "a sum of 62 bits", "an overflow");
            }
            self->totals[c] += sheet_value(self->rows[i].bytes[c]);
        }
    }
    return PLIM_OK;
}

plim_status sheet_check_total(const sheet *self, size_t column, int64_t stated, plim_error *err)
{
    char wanted[48], found[32];
    if (self->totals[column] == stated) {
        return PLIM_OK;
    }
    snprintf(wanted, sizeof(wanted), "rows that add up to %lld", (long long)stated);
    snprintf(found, sizeof(found), "%lld", (long long)self->totals[column]);
    return sheet_refuse(err, self->keys[column], wanted, found);
}

/* ---- order ---- */

static size_t sort_column; /* of the comparison that runs: one thread sorts */

static int compare_rows(const void *a, const void *b)
{
    const sheet_row *x = a, *y = b;
    for (size_t i = 0; i < SHEET_COLUMNS; i++) {
        size_t c = (sort_column + i) % SHEET_COLUMNS;
        uint64_t p = magnitude(x->bytes[c]), q = magnitude(y->bytes[c]);
        if (p != q) {
            return p < q ? 1 : -1;
        }
    }
    int order = strcmp(x->section, y->section);
    order = order ? order : strcmp(x->owner, y->owner);
    order = order ? order : strcmp(x->name, y->name);
    return order ? order : (int)x->part - (int)y->part;
}

void sheet_sort(sheet *self, size_t column)
{
    sort_column = column;
    if (self->row_count) {
        qsort(self->rows, self->row_count, sizeof(*self->rows), compare_rows);
    }
}

const char *sheet_size(int64_t bytes, bool si, bool has_sign, char *buffer, size_t room)
{
    char digits[24];
    if (bytes == SHEET_NONE) {
        snprintf(buffer, room, "-");
        return buffer;
    }
    snprintf(buffer, room, "%s%s",
             bytes < 0               ? "-"
             : has_sign && bytes > 0 ? "+"
                                     : "",
             plim_bytes_format(magnitude(bytes), si, digits, sizeof(digits)));
    return buffer;
}

void sheet_close(sheet *self)
{
    for (size_t i = 0; i < self->kept_count; i++) {
        free(self->kept[i]);
    }
    free(self->kept);
    free(self->rows);
    free(self->frames);
    free(self->events);
    json_decref(self->root);
    memset(self, 0, sizeof(*self));
}
