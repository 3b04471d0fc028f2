/* SPDX-License-Identifier: Apache-2.0 */
/* diff_print.c - a difference for people and for machines.
 *
 * Largest change first: parts, and under each its rows. With --top the rows beyond it share one
 * line, and so do those that did not change. Rows add up to their part, parts to the totals.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/diff.h"

#define BOLD               "\033[1m"
#define DIM                "\033[2m"
#define RED                "\033[31m"
#define GREEN              "\033[32m"
#define PLAIN              "\033[0m"
#define COLUMNS_OF_FIGURES 39 /* three of 12, and a blank before each */

static const char *paint(const views_request *r, const char *code)
{
    return r->has_color ? code : "";
}

static void put_line(const views_request *r, FILE *to, int indent, const char *name, int64_t before,
                     int64_t after, int64_t change)
{
    char a[32], b[32], c[32], text[512];
    int width = (int)r->columns - COLUMNS_OF_FIGURES - indent;
    views_plain(name, (size_t)width, text, sizeof(text));
    int fill = width - (int)views_characters(text);
    fprintf(to, "%*s%s%*s %12s %12s %s%12s%s\n", indent, "", text, fill < 0 ? 0 : fill, "",
            sheet_size(before, r->si, false, a, sizeof(a)),
            sheet_size(after, r->si, false, b, sizeof(b)),
            paint(r, change > 0   ? RED
                     : change < 0 ? GREEN
                                  : ""),
            change ? sheet_size(change, r->si, true, c, sizeof(c)) : "0",
            paint(r, change ? PLAIN : ""));
}

static void name_row(const diff_row *d, char *out, size_t room)
{
    const sheet_row *row = d->row;
    snprintf(out, room, "%s%s%s%s%s%s%s", row->section, row->section[0] ? "  " : "", row->owner,
             row->owner[0] ? "  " : "", row->name, d->before == SHEET_NONE ? "  (new)" : "",
             d->after == SHEET_NONE ? "  (gone)" : "");
}

static void put_part(const views_request *r, const diff_result *d, const diff_part *p, FILE *to)
{
    char name[1024];
    uint64_t shown = 0, limit = r->top ? r->top : UINT64_MAX;
    int64_t before = 0, after = 0;
    fputs(paint(r, BOLD), to);
    put_line(r, to, 0, sheet_part_name(p->part), p->before, p->after, p->change);
    fputs(paint(r, PLAIN), to);
    for (size_t i = 0; i < d->row_count; i++) {
        if (d->rows[i].row->part != p->part) {
            continue;
        }
        if (shown++ < limit) {
            name_row(&d->rows[i], name, sizeof(name));
            put_line(r, to, 2, name, d->rows[i].before, d->rows[i].after, d->rows[i].change);
        } else {
            before += sheet_value(d->rows[i].before);
            after += sheet_value(d->rows[i].after);
        }
    }
    if (shown > limit) {
        snprintf(name, sizeof(name), "%" PRIu64 " other row%s", shown - limit,
                 shown - limit == 1 ? "" : "s");
        put_line(r, to, 2, name, before, after, after - before);
    }
    if (p->kept_rows) {
        snprintf(name, sizeof(name), "%zu unchanged", p->kept_rows);
        put_line(r, to, 2, name, p->kept_bytes, p->kept_bytes, 0);
    }
}

static void put_side(const views_request *r, const char *which, const sheet *s, size_t column,
                     FILE *to)
{
    char title[512], bytes[32];
    fprintf(to, "%-7s %s: %s %s", which, views_plain(s->title, 60, title, sizeof(title)),
            sheet_size(s->totals[column], r->si, false, bytes, sizeof(bytes)), s->columns[column]);
    if (s->pixels && s->kind != SHEET_RUN) {
        fprintf(to, ", as %s", views_plain(s->pixels, 16, title, sizeof(title)));
    }
    fputs(s->is_complete ? "\n" : " (incomplete)\n", to);
}

static void put_verdict(const views_request *r, const diff_result *d, FILE *to)
{
    char limit[32], change[32];
    if (!r->has_fail_over) {
        return;
    }
    bool is_over = d->change > r->fail_over;
    fprintf(to, "\n%s%s: %s, limit %s%s\n", paint(r, is_over ? RED : GREEN),
            is_over ? "grew too much" : "within the limit",
            d->change ? sheet_size(d->change, r->si, true, change, sizeof(change)) : "no change",
            sheet_size(r->fail_over, r->si, true, limit, sizeof(limit)), paint(r, PLAIN));
}

void diff_print(const views_request *r, const diff_result *d, FILE *to)
{
    char name[64], change[32];
    int64_t before = d->a->totals[d->column], after = d->b->totals[d->column];
    put_side(r, "before", d->a, d->column, to);
    put_side(r, "after", d->b, d->column, to);
    if (d->change == 0) {
        fputs("change  none in total\n", to);
    } else if (before > 0) {
        fprintf(to, "change  %s (%+.1f %%)\n",
                sheet_size(d->change, r->si, true, change, sizeof(change)),
                100.0 * (double)d->change / (double)before);
    } else {
        fprintf(to, "change  %s\n", sheet_size(d->change, r->si, true, change, sizeof(change)));
    }
    fprintf(to, "\n%s%*s %12s %12s %12s%s\n", paint(r, DIM), (int)r->columns - COLUMNS_OF_FIGURES,
            "", "before", "after", "change", paint(r, PLAIN));
    for (size_t i = 0; i < d->part_count; i++) {
        put_part(r, d, &d->parts[i], to);
    }
    if (d->kept_count) {
        snprintf(name, sizeof(name), "unchanged (%zu row%s)", d->kept_count,
                 d->kept_count == 1 ? "" : "s");
        put_line(r, to, 0, name, d->kept_bytes, d->kept_bytes, 0);
    }
    for (uint32_t i = 0; i < r->columns; i++) {
        fputc('-', to);
    }
    fprintf(to, "\n%s", paint(r, BOLD));
    put_line(r, to, 0, "total", before, after, d->change);
    fputs(paint(r, PLAIN), to);
    put_verdict(r, d, to);
}

/* ---- JSON, schema memreport-diff/1 ---- */

static void json_side(const char *key, const sheet *s, size_t column, FILE *to)
{
    fprintf(to, "\"%s\":{\"title\":", key);
    views_json_text(to, s->title);
    fprintf(to, ",\"total\":%" PRId64 ",\"complete\":%s}", s->totals[column],
            s->is_complete ? "true" : "false");
}

static void json_bytes(const char *key, int64_t bytes, FILE *to)
{
    fprintf(to, bytes == SHEET_NONE ? ",\"%s\":null" : ",\"%s\":%" PRId64, key, bytes);
}

static void json_row(const diff_row *d, FILE *to)
{
    const char *state = d->before == SHEET_NONE  ? "added"
                        : d->after == SHEET_NONE ? "removed"
                                                 : "changed";
    fputs("{\"section\":", to);
    views_json_text(to, d->row->section);
    fputs(",\"owner\":", to);
    views_json_text(to, d->row->owner);
    fputs(",\"name\":", to);
    views_json_text(to, d->row->name);
    fprintf(to, ",\"part\":\"%s\",\"state\":\"%s\"", sheet_part_key(d->row->part), state);
    json_bytes("before", d->before, to);
    json_bytes("after", d->after, to);
    fprintf(to, ",\"change\":%" PRId64 "}", d->change);
}

void diff_json(const views_request *r, const diff_result *d, int code, FILE *to)
{
    size_t written = 0;
    uint64_t left = 0;
    int64_t before = 0, after = 0;
    fprintf(to,
            "{\"schema\":\"memreport-diff/1\",\"tool\":\"memreport %s\",\"kind\":\"%s\","
            "\"column\":\"%s\",",
            plim_version(), sheet_kind_name(d->a->kind), d->a->keys[d->column]);
    json_side("before", d->a, d->column, to);
    fputc(',', to);
    json_side("after", d->b, d->column, to);
    fprintf(to, ",\"change\":%" PRId64 ",\"parts\":[", d->change);
    for (size_t i = 0; i < d->part_count; i++) {
        const diff_part *p = &d->parts[i];
        fprintf(to,
                "%s\n{\"part\":\"%s\",\"rows\":%zu,\"before\":%" PRId64 ",\"after\":%" PRId64
                ",\"change\":%" PRId64 "}",
                i ? "," : "", sheet_part_key(p->part), p->rows, p->before, p->after, p->change);
    }
    fputs("],\"rows\":[", to);
    for (size_t k = 0; k < d->part_count; k++) {
        uint64_t shown = 0;
        for (size_t i = 0; i < d->row_count; i++) {
            if (d->rows[i].row->part != d->parts[k].part) {
                continue;
            }
            if (r->top && shown++ >= r->top) {
                left++;
                before += sheet_value(d->rows[i].before);
                after += sheet_value(d->rows[i].after);
                continue;
            }
            fputs(written++ ? ",\n" : "\n", to);
            json_row(&d->rows[i], to);
        }
    }
    fprintf(to,
            "],\"left_out\":{\"rows\":%" PRIu64 ",\"before\":%" PRId64 ",\"after\":%" PRId64
            ",\"change\":%" PRId64 "},\"unchanged\":{\"rows\":%zu,\"bytes\":%" PRId64
            "},\"exit\":%d}\n",
            left, before, after, after - before, d->unchanged_count, d->unchanged_bytes, code);
}
