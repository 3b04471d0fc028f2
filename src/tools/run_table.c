/* SPDX-License-Identifier: Apache-2.0 */
/* run_table.c - episodes and the verdict, in 80 columns. */
#include "src/tools/run_table.h"

#include <inttypes.h>

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

void run_table_head(FILE *to)
{
    fprintf(to, "%-8s %6s %32s %10s %10s\n", "episode", "frames", "--- if all were decoded ---",
            "held", "account");
    fprintf(to, "%-8s %6s %10s %10s %10s %10s %10s\n", "", "", "video", "state/act.", "other",
            "at most", "peak");
}

void run_table_line(FILE *to, const run_episode *e, bool si_units)
{
    const uint64_t bytes[] = {e->video, e->state_action, e->other, e->held, e->peak};
    fprintf(to, "%-8s %6" PRIu64, e->name, e->frames);
    for (size_t i = 0; i < sizeof(bytes) / sizeof(bytes[0]); i++) {
        char text[24];
        fprintf(to, " %10s", plim_bytes_format(bytes[i], si_units, text, sizeof(text)));
    }
    fprintf(to, "%s\n", e->is_partial ? " partial" : "");
}

uint64_t run_kernel_peak(const plim_report *report)
{
    uint64_t peak = report->process.rss_peak_bytes;
    uint64_t tables = report->process.page_table_bytes;
    return (peak == PLIM_UNKNOWN_BYTES ? 0 : peak) + (tables == PLIM_UNKNOWN_BYTES ? 0 : tables);
}

bool run_verdict_is_within(const run_verdict *v)
{
    return larger(v->account_peak, v->kernel_peak) <= v->cap;
}

void run_verdict_print(FILE *to, const run_verdict *v)
{
    uint64_t peak = larger(v->account_peak, v->kernel_peak);
    bool ok = run_verdict_is_within(v);
    char a[24], b[24], c[24];
    fprintf(to, "%s%s the load line: peak %s%s of %s, %s %s%s\n",
            v->color ? (ok ? "\033[1;32m" : "\033[1;31m") : "", ok ? "within" : "over",
            plim_bytes_format(peak, v->si_units, a, sizeof(a)),
            v->kernel_peak > v->account_peak ? " (kernel)" : "",
            plim_bytes_format(v->cap, v->si_units, b, sizeof(b)),
            plim_bytes_format(ok ? v->cap - peak : peak - v->cap, v->si_units, c, sizeof(c)),
            ok ? "left" : "too much", v->color ? "\033[0m" : "");
}
