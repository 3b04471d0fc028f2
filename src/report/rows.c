/* SPDX-License-Identifier: Apache-2.0 */
/* rows.c - rows of a report, the closing sum, and text through a sink.
 *
 * Invariant: after plim_report_close_sum the rows add up to the kernel's figure exactly; what
 * no row explains is one row of its own, negative when rows explain too much.
 */
#include "src/report/rows.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "src/json_text.h"

#define FIGURE(name)                                                                               \
    {                                                                                              \
#name, offsetof(plim_process_memory, name##_bytes)                                         \
    }
const plim_report_figure plim_report_process_figures[] = {
    FIGURE(rss),     FIGURE(rss_peak), FIGURE(anon),     FIGURE(file),      FIGURE(shmem),
    FIGURE(pss),     FIGURE(pss_anon), FIGURE(pss_file), FIGURE(pss_shmem), FIGURE(page_table),
    FIGURE(swap),    FIGURE(heap),     FIGURE(stack),    FIGURE(anonymous), FIGURE(mapped),
    FIGURE(special), FIGURE(shared),
};
#undef FIGURE
const size_t plim_report_process_figure_count =
    sizeof(plim_report_process_figures) / sizeof(plim_report_process_figures[0]);

const char *plim_known_name(plim_known known)
{
    static const char *const NAMES[] = {"tagged", "kernel", "difference"};
    return (unsigned)known < 3 ? NAMES[known] : "?";
}

bool plim_report_is_file(const plim_report_row *row)
{
    static const char *const parts[] = {PLIM_REPORT_HEAP, PLIM_REPORT_CODE, PLIM_REPORT_STACKS,
                                        PLIM_REPORT_SHARED, PLIM_REPORT_PAGE_TABLES};
    for (size_t i = 0; i < sizeof(parts) / sizeof(parts[0]); i++) {
        if (strcmp(row->kind, parts[i]) == 0) {
            return false;
        }
    }
    return row->known == PLIM_KNOWN_KERNEL && (strcmp(row->owner, PLIM_REPORT_PROCESS) == 0 ||
                                               strcmp(row->owner, PLIM_REPORT_CACHE) == 0);
}

void plim_report_name(char *out, size_t room, const char *text)
{
    size_t used = 0;
    for (size_t n = strlen(text), i = 0; i < n;) {
        size_t length = plim_utf8_length(text + i, n - i);
        bool is_plain = length && (unsigned char)text[i] >= 0x20 && text[i] != 0x7f;
        length = length ? length : 1;
        if (used + (is_plain ? length : 1) >= room) {
            break;
        }
        memcpy(out + used, is_plain ? text + i : "?", is_plain ? length : 1);
        used += is_plain ? length : 1;
        i += length;
    }
    out[used] = 0;
}

plim_status plim_report_row_for(plim_report *report, const char *owner, const char *kind,
                                plim_known known, plim_report_row **out, plim_error *err)
{
    char owner_name[PLIM_NAME_BYTES], kind_name[PLIM_NAME_BYTES];
    plim_report_name(owner_name, sizeof(owner_name), owner);
    plim_report_name(kind_name, sizeof(kind_name), kind);
    for (size_t i = 0; i < report->row_count; i++) {
        plim_report_row *r = &report->rows[i];
        if (strcmp(r->owner, owner_name) == 0 && strcmp(r->kind, kind_name) == 0) {
            *out = r;
            return PLIM_OK;
        }
    }
    if (report->row_count == PLIM_REPORT_ROWS_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "rows of a report",
                         .want = PLIM_REPORT_ROWS_MAX + 1, .have = PLIM_REPORT_ROWS_MAX,
                         .limit = PLIM_REPORT_ROWS_MAX);
    }
    plim_report_row *r = &report->rows[report->row_count++];
    memset(r, 0, sizeof(*r));
    memcpy(r->owner, owner_name, sizeof(r->owner));
    memcpy(r->kind, kind_name, sizeof(r->kind));
    r->known = known;
    r->peak_bytes = PLIM_REPORT_NONE;
    *out = r;
    return PLIM_OK;
}

plim_status plim_report_close_sum(plim_report *report, plim_error *err)
{
    plim_report_row *rest;
    uint64_t tables = report->process.page_table_bytes;
    int64_t sum = 0;
    for (size_t i = 0; i < report->row_count; i++) {
        sum += report->rows[i].now_bytes;
    }
    tables = tables == PLIM_UNKNOWN_BYTES ? 0 : tables;
    report->total_now_bytes =
        (int64_t)(report->process.rss_bytes + tables + report->page_cache_bytes);
    PLIM_TRY(
        plim_report_row_for(report, "unattributed", "rest", PLIM_KNOWN_DIFFERENCE, &rest, err));
    rest->now_bytes = report->total_now_bytes - sum;
    return PLIM_OK;
}

void plim_report_put(plim_report_out *out, const char *format, ...)
{
    char text[512];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    size_t bytes = n < 0 ? 0 : (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1;
    if (!out->failed && !out->sink(out->context, text, bytes)) {
        out->failed = true;
    }
}

void plim_report_put_string(plim_report_out *out, const char *text)
{
    if (!out->failed && !plim_report_json_text(text, out->sink, out->context)) {
        out->failed = true;
    }
}

bool plim_report_json_text(const char *text, plim_report_sink sink, void *context)
{
    char buffer[256] = "\"";
    size_t used = 1, count = strlen(text);
    for (size_t i = 0; i < count;) {
        char one[PLIM_JSON_ESCAPE_BYTES];
        i += plim_json_escape(text + i, count - i, one);
        memcpy(buffer + used, one, strlen(one));
        used += strlen(one);
        if (used > sizeof(buffer) - PLIM_JSON_ESCAPE_BYTES - 1) {
            if (!sink(context, buffer, used)) {
                return false;
            }
            used = 0;
        }
    }
    buffer[used++] = '"';
    return sink(context, buffer, used);
}

const char *plim_bytes_format(uint64_t bytes, bool si_units, char *buffer, size_t buffer_bytes)
{
    static const char *const IEC[] = {"B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
    static const char *const SI[] = {"B", "kB", "MB", "GB", "TB", "PB", "EB"};
    const double step = si_units ? 1000.0 : 1024.0;
    double n = (double)bytes;
    size_t unit = 0;
    if (bytes == PLIM_UNKNOWN_BYTES) {
        snprintf(buffer, buffer_bytes, "n/a");
        return buffer;
    }
    while (n >= step - 0.05 && unit < 6) { /* 1023.96 would print as 1024.0 */
        n /= step;
        unit++;
    }
    const char *format = unit == 0 ? "%.0f %s" : unit < 3 ? "%.1f %s" : "%.2f %s";
    snprintf(buffer, buffer_bytes, format, n, (si_units ? SI : IEC)[unit]);
    return buffer;
}
