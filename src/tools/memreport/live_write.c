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

_Static_assert(PLIM_HEAT_UNKNOWN == PLIM_REPORT_NONE, "one word for what is not known");

static void put_known(FILE *to, int64_t value)
{
    if (value != PLIM_REPORT_NONE) {
        fprintf(to, "%" PRId64, value);
    }
}

void live_csv_head(FILE *to)
{
    fputs("time_ms,pid,place,name,now,peak,known,unit\n", to);
}

/* A row of the place "heat", which has no peak. */
static void csv_heat(FILE *to, const plim_machine *m, const char *name, const char *unit,
                     int64_t value)
{
    fprintf(to, "%" PRIu64 ",%" PRIu32 ",heat,", m->time_ms, m->pid);
    put_field(to, name);
    putc(',', to);
    put_known(to, value);
    fprintf(to, ",,kernel,%s\n", unit);
}

static void csv_reading(FILE *to, const plim_machine *m, plim_telemetry_id id, int64_t value)
{
    csv_heat(to, m, plim_telemetry_key(id), plim_telemetry_unit(id), value);
}

static void csv_clocks(FILE *to, const plim_machine *m)
{
    char name[PLIM_TELEMETRY_ROW_NAME + 16];
    for (uint32_t i = 0; i < m->heat.clock_count; i++) {
        const plim_heat_clock *c = &m->heat.clocks[i];
        const int64_t rates[] = {c->now_hz, c->cap_hz, c->max_hz};
        static const char *const WHICH[] = {"now", "cap", "max"};
        for (size_t k = 0; k < 3; k++) {
            snprintf(name, sizeof(name), "clock.%s.%s", c->name, WHICH[k]);
            csv_heat(to, m, name, "Hz", rates[k]);
        }
    }
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
        fprintf(to, ",%s,bytes\n", plim_known_text(r->known));
    }
    const plim_heat *h = &m->heat;
    csv_reading(to, m, PLIM_READ_HOTTEST, h->hottest_mc);
    csv_reading(to, m, PLIM_READ_THROTTLED, h->throttled);
    csv_reading(to, m, PLIM_READ_POWER_TOTAL, h->power_mw);
    for (uint32_t i = 0; i < 3; i++) {
        csv_reading(to, m, (plim_telemetry_id)(PLIM_READ_OVER_CURRENT_1 + i), h->over_current[i]);
    }
    csv_clocks(to, m);
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

/* ---- heat, for Prometheus ---- */

static void put_thousandth(FILE *to, const char *name, const char *label, const char *of,
                           const char *help, int64_t value)
{
    if (value == PLIM_HEAT_UNKNOWN) {
        return;
    }
    put_head(to, name, "gauge", help);
    fputs(name, to);
    if (label) {
        fprintf(to, "{%s=\"", label);
        put_label(to, of);
        fputs("\"}", to);
    }
    fprintf(to, " %.3f\n", (double)value / 1e3);
}

static void put_over_current(FILE *to, const plim_heat *h)
{
    static const char NAME[] = "plimsoll_machine_over_current_total";
    bool is_first = true;
    for (unsigned i = 0; i < 3; i++) {
        if (h->over_current[i] != PLIM_HEAT_UNKNOWN) {
            if (is_first) {
                put_head(to, NAME, "counter", "Times that a current alarm slowed the chip.");
            }
            fprintf(to, "%s{alarm=\"%u\"} %" PRId64 "\n", NAME, i + 1, h->over_current[i]);
            is_first = false;
        }
    }
}

static void put_rates(FILE *to, const plim_heat *h, const char *name, const char *help,
                      size_t offset)
{
    bool is_first = true;
    for (uint32_t i = 0; i < h->clock_count; i++) {
        int64_t hertz;
        memcpy(&hertz, (const char *)&h->clocks[i] + offset, sizeof(hertz));
        if (hertz == PLIM_HEAT_UNKNOWN) {
            continue;
        }
        if (is_first) {
            put_head(to, name, "gauge", help);
        }
        fprintf(to, "%s{clock=\"", name);
        put_label(to, h->clocks[i].name);
        fprintf(to, "\"} %" PRId64 "\n", hertz);
        is_first = false;
    }
}

static void put_heat(FILE *to, const plim_heat *h)
{
    put_thousandth(to, "plimsoll_machine_temperature_celsius", "zone", h->zone,
                   "The hottest zone that answers.", h->hottest_mc);
    if (h->throttled != PLIM_HEAT_UNKNOWN) {
        put_single(to, "plimsoll_machine_throttled", "gauge",
                   "1: a throttle alert is on; 0: every one answered that it is off.",
                   (uint64_t)h->throttled);
    }
    put_thousandth(to, "plimsoll_machine_power_watts", NULL, NULL,
                   "The board's input rail, else the sum of its rails.", h->power_mw);
    put_over_current(to, h);
    put_rates(to, h, "plimsoll_machine_clock_hertz", "Clock now.",
              offsetof(plim_heat_clock, now_hz));
    put_rates(to, h, "plimsoll_machine_clock_cap_hertz", "Highest clock that is allowed now.",
              offsetof(plim_heat_clock, cap_hz));
    put_rates(to, h, "plimsoll_machine_clock_max_hertz", "Highest clock of the chip.",
              offsetof(plim_heat_clock, max_hz));
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
    put_heat(to, &m->heat);
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
