/* SPDX-License-Identifier: Apache-2.0 */
/* report_text.c - a report for people: owners as groups, parts below them, one closing line.
 *
 * 80 columns unless told otherwise; numbers line up on the right; colour only when the caller
 * asks (it knows whether this is a terminal). Adds first and rounds when printing.
 * Leaves out what says nothing: parts that are and were 0, an owner's only part, and all but the
 * largest files of an owner, which share a line. Their bytes stay in the owner's sum; the JSON has
 * them all.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/report/rows.h"

#define FILES_LISTED 5u /* of one owner */

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define RED   "\033[31m"
#define PLAIN "\033[0m"

typedef struct text_style {
    uint32_t columns;
    int name_columns;
    bool color, si_units;
} text_style;

static const char *paint(const text_style *s, const char *code)
{
    return s->color ? code : "";
}

static const char *size(const text_style *s, uint64_t bytes, char *buffer, size_t room)
{
    return plim_bytes_format(bytes, s->si_units, buffer, room);
}

/* Signed, because "unattributed" may be below zero. */
static const char *amount(const text_style *s, int64_t bytes, char *buffer, size_t room)
{
    char positive[24];
    if (bytes == PLIM_REPORT_NONE) {
        snprintf(buffer, room, "-");
        return buffer;
    }
    snprintf(buffer, room, "%s%s", bytes < 0 ? "-" : "",
             size(s, bytes < 0 ? (uint64_t)-bytes : (uint64_t)bytes, positive, sizeof(positive)));
    return buffer;
}

typedef struct text_line {
    int indent;
    const char *name, *known;
    int64_t now, peak, charged;
} text_line;

static void put_line(plim_report_out *out, const text_style *s, const text_line *l)
{
    char a[32], b[32], c[32];
    int width = s->name_columns - l->indent;
    plim_report_put(out, "%*s%-*.*s %11s %11s %11s%s%s\n", l->indent, "", width, width, l->name,
                    amount(s, l->now, a, sizeof(a)), amount(s, l->peak, b, sizeof(b)),
                    amount(s, l->charged, c, sizeof(c)), l->known[0] ? "  " : "", l->known);
}

static bool is_first_of_owner(const plim_report *r, size_t index)
{
    for (size_t i = 0; i < index; i++) {
        if (strcmp(r->rows[i].owner, r->rows[index].owner) == 0) {
            return false;
        }
    }
    return true;
}

static void add_known(int64_t *sum, int64_t bytes)
{
    if (bytes != PLIM_REPORT_NONE) {
        *sum = (*sum == PLIM_REPORT_NONE ? 0 : *sum) + bytes;
    }
}

static int64_t charged_of(const plim_report_row *row)
{
    return row->known == PLIM_KNOWN_TAGGED ? (int64_t)row->charged_bytes : PLIM_REPORT_NONE;
}

/* Is and was nothing: the owner's own line says as much. */
static bool is_silent(const plim_report_row *row)
{
    return row->now_bytes == 0 && row->charged_bytes == 0 &&
           (row->peak_bytes == 0 || row->peak_bytes == PLIM_REPORT_NONE);
}

/* A file among the @FILES_LISTED largest of its owner; of equals the first. */
static bool is_listed(const plim_report *r, size_t index)
{
    size_t before = 0;
    if (!plim_report_is_file(&r->rows[index])) {
        return true;
    }
    for (size_t i = 0; i < r->row_count; i++) {
        const plim_report_row *a = &r->rows[i], *b = &r->rows[index];
        bool is_rival = i != index && strcmp(a->owner, b->owner) == 0 && plim_report_is_file(a);
        before += is_rival &&
                  (a->now_bytes > b->now_bytes || (a->now_bytes == b->now_bytes && i < index));
    }
    return before < FILES_LISTED;
}

/* The owner's name says what it is: "framework", "reserve". */
static bool is_said_by_owner(const plim_report_row *row)
{
    return strcmp(row->kind, row->owner) == 0 || strcmp(row->kind, "other") == 0 ||
           row->known == PLIM_KNOWN_DIFFERENCE;
}

static void put_part(plim_report_out *out, const text_style *s, const plim_report_row *row)
{
    put_line(out, s,
             &(text_line){.indent = 2,
                          .name = row->kind,
                          .known = plim_known_name(row->known),
                          .now = row->now_bytes,
                          .peak = row->peak_bytes,
                          .charged = charged_of(row)});
}

static void put_parts(plim_report_out *out, const text_style *s, const plim_report *r, size_t first)
{
    size_t other_count = 0;
    int64_t other_bytes = 0;
    for (size_t i = first; i < r->row_count; i++) {
        const plim_report_row *row = &r->rows[i];
        if (strcmp(row->owner, r->rows[first].owner) != 0 || is_silent(row)) {
            continue;
        }
        if (is_listed(r, i)) {
            put_part(out, s, row);
        } else {
            other_count++;
            other_bytes += row->now_bytes;
        }
    }
    if (other_count) {
        char name[32];
        snprintf(name, sizeof(name), "%zu other%s", other_count, other_count > 1 ? "s" : "");
        put_line(out, s,
                 &(text_line){.indent = 2,
                              .name = name,
                              .known = plim_known_name(PLIM_KNOWN_KERNEL),
                              .now = other_bytes,
                              .peak = PLIM_REPORT_NONE,
                              .charged = PLIM_REPORT_NONE});
    }
}

static void put_owner(plim_report_out *out, const text_style *s, const plim_report *r, size_t first)
{
    const char *owner = r->rows[first].owner;
    text_line sum = {
        .name = owner, .known = "", .peak = PLIM_REPORT_NONE, .charged = PLIM_REPORT_NONE};
    const plim_report_row *only = NULL;
    size_t part_count = 0;
    for (size_t i = first; i < r->row_count; i++) {
        const plim_report_row *row = &r->rows[i];
        if (strcmp(row->owner, owner) == 0) {
            sum.now += row->now_bytes;
            add_known(&sum.peak, row->peak_bytes);
            add_known(&sum.charged, charged_of(row));
            only = is_silent(row) ? only : row;
            part_count += !is_silent(row);
        }
    }
    const bool is_alone = part_count == 0 || (part_count == 1 && is_said_by_owner(only));
    if (is_alone) {
        sum.known = plim_known_name(r->rows[first].known);
    }
    plim_report_put(out, "%s", paint(s, BOLD));
    put_line(out, s, &sum);
    plim_report_put(out, "%s", paint(s, PLAIN));
    if (!is_alone) {
        put_parts(out, s, r, first);
    }
}

static void put_rule(plim_report_out *out, const text_style *s)
{
    for (uint32_t i = 0; i < s->columns; i++) {
        plim_report_put(out, "-");
    }
    plim_report_put(out, "\n");
}

static void put_account(plim_report_out *out, const text_style *s, const plim_report *r)
{
    const plim_account *a = &r->account;
    char used[24], peak[24], cap[24];
    if (a->cap_bytes == 0) {
        return;
    }
    bool over = a->peak_bytes > a->cap_bytes;
    plim_report_put(out, "load line   %s charged, peak %s%s%s, cap %s; %" PRIu64 " refused%s\n",
                    size(s, a->used_bytes, used, sizeof(used)), paint(s, over ? RED : ""),
                    size(s, a->peak_bytes, peak, sizeof(peak)), paint(s, over ? PLAIN : ""),
                    size(s, a->cap_bytes, cap, sizeof(cap)), a->refusal_count,
                    a->sealed ? "; sealed" : "");
    if (a->tag_peak_bytes[PLIM_TAG_LOAD_WINDOW]) {
        plim_report_put(out, "load window %s now, at most %s while engines were loaded\n",
                        size(s, a->tag_now_bytes[PLIM_TAG_LOAD_WINDOW], used, sizeof(used)),
                        size(s, a->tag_peak_bytes[PLIM_TAG_LOAD_WINDOW], peak, sizeof(peak)));
    }
}

static void put_kernel(plim_report_out *out, const text_style *s, const plim_report *r)
{
    const plim_process_memory *p = &r->process;
    char a[24], b[24], c[24];
    plim_report_put(out, "kernel      RSS %s + page tables %s + page cache %s\n",
                    size(s, p->rss_bytes, a, sizeof(a)), size(s, p->page_table_bytes, b, sizeof(b)),
                    size(s, r->page_cache_bytes, c, sizeof(c)));
    plim_report_put(out, "            RSS at most %s\n", size(s, p->rss_peak_bytes, a, sizeof(a)));
    if (r->has_cgroup) {
        bool limited = r->cgroup.limit_bytes != PLIM_UNKNOWN_BYTES;
        plim_report_put(out, "cgroup v%" PRIu32 "   %s now, peak %s, limit %s\n", r->cgroup.version,
                        size(s, r->cgroup.usage_bytes, a, sizeof(a)),
                        size(s, r->cgroup.peak_bytes, b, sizeof(b)),
                        limited ? size(s, r->cgroup.limit_bytes, c, sizeof(c)) : "none");
    }
}

static void put_total(plim_report_out *out, const text_style *s, const plim_report *r)
{
    const plim_account *a = &r->account;
    plim_report_put(out, "%s", paint(s, BOLD));
    put_line(out, s,
             &(text_line){.name = "total",
                          .known = "kernel",
                          .now = r->total_now_bytes,
                          .peak = a->cap_bytes ? (int64_t)a->peak_bytes : PLIM_REPORT_NONE,
                          .charged = a->cap_bytes ? (int64_t)a->used_bytes : PLIM_REPORT_NONE});
    plim_report_put(out, "%s\n", paint(s, PLAIN));
}

plim_status plim_report_text(const plim_report *report, const plim_report_text_opts *opts,
                             plim_report_sink sink, void *context, plim_error *err)
{
    plim_report_out out = {.sink = sink, .context = context};
    text_style s = {.columns = opts && opts->columns ? opts->columns : 80,
                    .color = opts && opts->color,
                    .si_units = opts && opts->si_units};
    s.columns = s.columns < 70 ? 70 : s.columns > 200 ? 200 : s.columns;
    s.name_columns = (int)s.columns - 48; /* three amounts of 12, and how it is known */
    plim_report_put(&out, "%s, process %" PRIu32 "\n\n%s", report->program, report->pid,
                    paint(&s, DIM));
    plim_report_put(&out, "%-*s %11s %11s %11s  %s%s\n", s.name_columns, "", "resident", "at peak",
                    "charged", "how known", paint(&s, PLAIN));
    for (size_t i = 0; i < report->row_count; i++) {
        if (is_first_of_owner(report, i)) {
            put_owner(&out, &s, report, i);
        }
    }
    put_rule(&out, &s);
    put_total(&out, &s, report);
    put_account(&out, &s, report);
    put_kernel(&out, &s, report);
    if (out.failed) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "text of a report");
    }
    return PLIM_OK;
}
