/* SPDX-License-Identifier: Apache-2.0 */
/* export.c - memreport export: CSV, Prometheus' text format, a counter trace for Perfetto.
 *
 * Sizes are whole bytes everywhere. What is not known is an empty field or no sample, never 0.
 * Sources: prometheus.io/docs/instrumenting/exposition_formats (text format 0.0.4); the Trace Event
 * Format of Chrome ("C" counters in microseconds), which ui.perfetto.dev opens.
 */
#include "src/tools/memreport/export.h"
#include "src/tools/memreport/sheet_recording.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

/* ---- CSV ---- */

static void csv_text(const char *text, FILE *to)
{
    if (!strpbrk(text, ",\"\r\n")) {
        fputs(text, to);
        return;
    }
    fputc('"', to);
    for (; *text; text++) {
        if (*text == '"') {
            fputc('"', to);
        }
        fputc(*text, to);
    }
    fputc('"', to);
}

void export_csv(const sheet *s, FILE *to)
{
    size_t columns = sheet_column_count(s);
    fputs("section,owner,name,part,known", to);
    for (size_t c = 0; c < columns; c++) {
        fprintf(to, ",%s", s->keys[c]);
    }
    fputc('\n', to);
    for (size_t i = 0; i < s->row_count; i++) {
        const sheet_row *row = &s->rows[i];
        csv_text(row->section, to);
        fputc(',', to);
        csv_text(row->owner, to);
        fputc(',', to);
        csv_text(row->name, to);
        fprintf(to, ",%s,", sheet_part_key(row->part));
        csv_text(row->known, to);
        for (size_t c = 0; c < columns; c++) {
            fprintf(to, row->bytes[c] == SHEET_NONE ? "," : ",%" PRId64, row->bytes[c]);
        }
        fputc('\n', to);
    }
}

static plim_status series_frame(void *context, const sheet_frame *frame, json_t *line,
                                plim_error *err)
{
    (void)line;
    (void)err;
    fprintf(context, "%.6f,%" PRId64, frame->seconds, frame->total);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        fprintf(context, ",%" PRId64, frame->parts[p]);
    }
    fputc('\n', context);
    return PLIM_OK;
}

sheet_lines export_series_begin(FILE *to)
{
    fputs("seconds,total", to);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        fprintf(to, ",%s", sheet_part_key((sheet_part)p));
    }
    fputc('\n', to);
    return (sheet_lines){.context = to, .frame = series_frame};
}

/* ---- Prometheus ---- */

static void label(const char *name, const char *value, bool is_first, FILE *to)
{
    fprintf(to, "%s%s=\"", is_first ? "{" : ",", name);
    for (; *value; value++) {
        if (*value == '\n') {
            fputs("\\n", to);
        } else if (*value == '"' || *value == '\\') {
            fprintf(to, "\\%c", *value);
        } else {
            fputc(*value, to);
        }
    }
    fputc('"', to);
}

static void family(const char *name, const char *help, const char *type, FILE *to)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static bool is_same_row(const sheet_row *x, const sheet_row *y)
{
    return strcmp(x->section, y->section) == 0 && strcmp(x->owner, y->owner) == 0 &&
           strcmp(x->name, y->name) == 0 && strcmp(x->known, y->known) == 0 && x->part == y->part;
}

static int by_name(const void *a, const void *b)
{
    const sheet_row *x = a, *y = b;
    int order = strcmp(x->section, y->section);
    order = order ? order : strcmp(x->owner, y->owner);
    order = order ? order : strcmp(x->name, y->name);
    order = order ? order : strcmp(x->known, y->known);
    return order ? order : (int)x->part - (int)y->part;
}

static void put_rows(const sheet *s, size_t column, FILE *to)
{
    for (size_t i = 0; i < s->row_count;) {
        const sheet_row *row = &s->rows[i];
        int64_t sum = SHEET_NONE;
        for (; i < s->row_count && is_same_row(row, &s->rows[i]); i++) {
            if (s->rows[i].bytes[column] != SHEET_NONE) {
                sum = sheet_value(sum) + s->rows[i].bytes[column];
            }
        }
        if (sum == SHEET_NONE) {
            continue;
        }
        fputs("memreport_bytes", to);
        label("report", s->title, true, to);
        label("figure", s->keys[column], false, to);
        label("part", sheet_part_key(row->part), false, to);
        label("section", row->section, false, to);
        label("owner", row->owner, false, to);
        label("name", row->name, false, to);
        label("known", row->known, false, to);
        fprintf(to, "} %" PRId64 "\n", sum);
    }
}

/* The account's own counters, when the report has one. */
static void put_account(sheet *const *sheets, size_t count, FILE *to)
{
    static const struct {
        const char *key, *name, *help, *type;
    } FIGURES[] = {
        {"used", "memreport_account_used_bytes", "Bytes charged to the account.", "gauge"},
        {"peak", "memreport_account_peak_bytes", "Most bytes ever charged at once.", "gauge"},
        {"charges", "memreport_account_charges_total", "Charges since the start.", "counter"},
        {"refusals", "memreport_account_refusals_total", "Charges that the cap refused.",
         "counter"},
    };
    for (size_t f = 0; f < sizeof(FIGURES) / sizeof(FIGURES[0]); f++) {
        bool has_head = false;
        for (size_t i = 0; i < count; i++) {
            json_t *account = json_object_get(sheets[i]->root, "account");
            json_t *n = json_object_get(account, FIGURES[f].key);
            if (!json_is_integer(n)) {
                continue;
            }
            if (!has_head) {
                family(FIGURES[f].name, FIGURES[f].help, FIGURES[f].type, to);
                has_head = true;
            }
            fputs(FIGURES[f].name, to);
            label("report", sheets[i]->title, true, to);
            fprintf(to, "} %" JSON_INTEGER_FORMAT "\n", json_integer_value(n));
        }
    }
}

static void put_budgets(sheet *const *sheets, size_t count, FILE *to)
{
    bool has_head = false;
    for (size_t i = 0; i < count; i++) {
        if (sheets[i]->budget == SHEET_NONE) {
            continue;
        }
        if (!has_head) {
            family("memreport_budget_bytes", "The budget line.", "gauge", to);
            has_head = true;
        }
        fputs("memreport_budget_bytes", to);
        label("report", sheets[i]->title, true, to);
        fprintf(to, "} %" PRId64 "\n", sheets[i]->budget);
    }
}

void export_prometheus(sheet *const *sheets, size_t count, FILE *to)
{
    family("memreport_bytes", "Bytes by row; the rows of a figure add up to its total.", "gauge",
           to);
    for (size_t i = 0; i < count; i++) {
        if (sheets[i]->row_count) {
            qsort(sheets[i]->rows, sheets[i]->row_count, sizeof(sheet_row), by_name);
        }
        for (size_t c = 0; c < sheet_column_count(sheets[i]); c++) {
            put_rows(sheets[i], c, to);
        }
    }
    family("memreport_total_bytes", "The sum of the rows.", "gauge", to);
    for (size_t i = 0; i < count; i++) {
        for (size_t c = 0; c < sheet_column_count(sheets[i]); c++) {
            fputs("memreport_total_bytes", to);
            label("report", sheets[i]->title, true, to);
            label("figure", sheets[i]->keys[c], false, to);
            fprintf(to, "} %" PRId64 "\n", sheets[i]->totals[c]);
        }
    }
    put_budgets(sheets, count, to);
    put_account(sheets, count, to);
    family("memreport_complete", "1: nothing was missing or damaged.", "gauge", to);
    for (size_t i = 0; i < count; i++) {
        fputs("memreport_complete", to);
        label("report", sheets[i]->title, true, to);
        fprintf(to, "} %d\n", sheets[i]->is_complete ? 1 : 0);
    }
}

/* ---- a counter trace ---- */

static void separate(export_trace *t)
{
    fputs(t->has_written ? ",\n" : "\n", t->to);
    t->has_written = true;
}

static plim_status trace_frame(void *context, const sheet_frame *frame, json_t *line,
                               plim_error *err)
{
    export_trace *t = context;
    const char *comma = "";
    (void)err;
    if (!t->has_written) {
        separate(t);
        fputs("{\"ph\":\"M\",\"pid\":1,\"name\":\"process_name\",\"args\":{\"name\":", t->to);
        views_json_text(t->to, sheet_frame_name(line));
        fputs("}}", t->to);
    }
    separate(t);
    fprintf(t->to, "{\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"name\":\"memory\",\"args\":{",
            frame->seconds * 1e6);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        t->seen[p] = t->seen[p] || frame->parts[p] != 0;
        if (t->seen[p]) {
            fprintf(t->to, "%s\"%s\":%" PRId64, comma, sheet_part_key((sheet_part)p),
                    frame->parts[p]);
            comma = ",";
        }
    }
    fputs("}}", t->to);
    separate(t);
    fprintf(t->to,
            "{\"ph\":\"C\",\"pid\":1,\"ts\":%.3f,\"name\":\"held\",\"args\":{\"bytes\":%" PRId64
            "}}",
            frame->seconds * 1e6, frame->held);
    return PLIM_OK;
}

static plim_status trace_event(void *context, double seconds, const char *text, plim_error *err)
{
    export_trace *t = context;
    (void)err;
    separate(t);
    fprintf(t->to,
            "{\"ph\":\"i\",\"s\":\"p\",\"pid\":1,\"tid\":1,\"ts\":%.3f,\"name\":", seconds * 1e6);
    views_json_text(t->to, text);
    fputc('}', t->to);
    return PLIM_OK;
}

sheet_lines export_trace_begin(export_trace *self, FILE *to)
{
    *self = (export_trace){.to = to};
    fputs("{\"displayTimeUnit\":\"ms\",\"traceEvents\":[", to);
    return (sheet_lines){.context = self, .frame = trace_frame, .event = trace_event};
}

void export_trace_end(export_trace *self)
{
    fputs("\n]}\n", self->to);
}
