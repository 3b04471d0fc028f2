/* SPDX-License-Identifier: Apache-2.0 */
/* live_write.c - frames for machines: JSON lines, CSV, Prometheus's text format.
 *
 * What is not known is null in JSON, an empty field in CSV and no sample for Prometheus, where a
 * 0 would be drawn. Names of metrics follow its rules (a unit at the end, _total for counters).
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/live.h"

static bool into_file(void *context, const char *text, size_t bytes)
{
    return fwrite(text, 1, bytes, context) == bytes;
}

bool live_json(FILE *to, const plim_machine *m)
{
    return plim_machine_json(m, into_file, to, NULL) == PLIM_OK && putc('\n', to) != EOF;
}

/* ---- CSV, RFC 4180 ---- */

static void put_field(FILE *to, const char *text)
{
    if (!strpbrk(text, ",\"\n\r")) {
        fputs(text, to);
        return;
    }
    putc('"', to);
    for (; *text; text++) {
        if (*text == '"') {
            putc('"', to);
        }
        putc(*text, to);
    }
    putc('"', to);
}

static void put_known(FILE *to, int64_t bytes)
{
    if (bytes != PLIM_REPORT_NONE) {
        fprintf(to, "%" PRId64, bytes);
    }
}

void live_csv_head(FILE *to)
{
    fputs("time_ms,pid,place,name,now_bytes,peak_bytes,known\n", to);
}

void live_csv(FILE *to, const plim_machine *m)
{
    for (size_t i = 0; i < m->row_count; i++) {
        const plim_machine_row *r = &m->rows[i];
        fprintf(to, "%" PRIu64 ",%" PRIu32 ",%s,", m->time_ms, m->pid, plim_place_name(r->place));
        put_field(to, r->name);
        putc(',', to);
        put_known(to, r->now_bytes);
        putc(',', to);
        put_known(to, r->peak_bytes);
        fprintf(to, ",%s\n", plim_known_text(r->known));
    }
}

/* ---- Prometheus ---- */

static void put_label(FILE *to, const char *text)
{
    for (; *text; text++) {
        if (*text == '\\' || *text == '"') {
            putc('\\', to);
        }
        putc(*text, to); /* names hold no newline */
    }
}

static void put_head(FILE *to, const char *name, const char *type, const char *help)
{
    fprintf(to, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

static void put_single(FILE *to, const char *name, const char *type, const char *help,
                       uint64_t value)
{
    if (value != PLIM_UNKNOWN_BYTES) {
        put_head(to, name, type, help);
        fprintf(to, "%s %" PRIu64 "\n", name, value);
    }
}

static void put_rows(FILE *to, const plim_machine *m, bool peaks)
{
    const char *metric = peaks ? "plimsoll_memory_peak_bytes" : "plimsoll_memory_bytes";
    bool is_first = true;
    for (size_t i = 0; i < m->row_count; i++) {
        const plim_machine_row *r = &m->rows[i];
        const int64_t bytes = peaks ? r->peak_bytes : r->now_bytes;
        if (bytes == PLIM_REPORT_NONE) {
            continue;
        }
        if (is_first) {
            put_head(to, metric, "gauge",
                     peaks ? "Highest that a part of the machine's memory was seen at."
                           : "Parts of the machine's memory; all but place \\\"not in the sum\\\" "
                             "add up to plimsoll_machine_memory_bytes.");
            is_first = false;
        }
        fprintf(to, "%s{place=\"%s\",name=\"", metric, plim_place_name(r->place));
        put_label(to, r->name);
        fprintf(to, "\",known=\"%s\"} %" PRId64 "\n", plim_known_text(r->known), bytes);
    }
}

static void put_account(FILE *to, const plim_machine *m)
{
    put_single(to, "plimsoll_account_cap_bytes", "gauge", "Hard cap of the process's account.",
               m->account.cap_bytes);
    put_single(to, "plimsoll_account_used_bytes", "gauge", "Charged now.", m->account.used_bytes);
    put_single(to, "plimsoll_account_peak_bytes", "gauge", "Highest that was charged.",
               m->account.peak_bytes);
    put_single(to, "plimsoll_account_charges_total", "counter", "Charges that were granted.",
               m->account.charge_count);
    put_single(to, "plimsoll_account_refusals_total", "counter", "Charges that were refused.",
               m->account.refusal_count);
}

void live_prometheus(FILE *to, const plim_machine *m)
{
    put_single(to, "plimsoll_machine_memory_bytes", "gauge", "MemTotal.", m->total_bytes);
    put_single(to, "plimsoll_machine_available_bytes", "gauge", "MemAvailable.",
               m->available_bytes);
    if (m->pressure_centi != UINT32_MAX) {
        put_head(to, "plimsoll_machine_pressure_ratio", "gauge",
                 "Share of the last ten seconds that some task waited for memory.");
        fprintf(to, "plimsoll_machine_pressure_ratio %.4f\n", m->pressure_centi / 10000.0);
    }
    put_rows(to, m, false);
    put_rows(to, m, true);
    if (m->pid) {
        put_head(to, "plimsoll_process_info", "gauge", "The process that was opened up.");
        fprintf(to, "plimsoll_process_info{pid=\"%" PRIu32 "\",program=\"", m->pid);
        put_label(to, m->program);
        fputs("\"} 1\n", to);
        put_single(to, "plimsoll_process_resident_bytes", "gauge", "Resident pages.", m->rss_bytes);
        put_single(to, "plimsoll_process_resident_peak_bytes", "gauge",
                   "Highest that was resident.", m->rss_peak_bytes);
    }
    if (m->has_account) {
        put_account(to, m);
    }
    put_single(to, "plimsoll_report_time_milliseconds", "gauge", "When it was read, since 1970.",
               m->time_ms);
}
