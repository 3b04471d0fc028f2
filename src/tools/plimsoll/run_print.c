/* SPDX-License-Identifier: Apache-2.0 */
/* run_print.c - what a run found: episodes, breakdown, predicted against measured, verdict.
 *
 * Averages are computed from the very rows that are printed; the maximum stands beside them,
 * because it is what decides whether a board holds.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/deploy.h"
#include "src/tools/plimsoll/pressure_rungs.h"
#include "src/tools/plimsoll/tool.h"
#include "src/tools/run_table.h"

typedef struct episode_sum {
    uint64_t frames, video, state_action, other, window, peak;
} episode_sum;

static episode_sum of_episode(const episode_result *r)
{
    return (episode_sum){.frames = r->frame_count,
                         .video = r->memory_bytes[PLIM_FEATURE_VIDEO],
                         .state_action = r->memory_bytes[PLIM_FEATURE_STATE_ACTION],
                         .other = r->memory_bytes[PLIM_FEATURE_OTHER],
                         .window = r->window_bytes + r->columns_bytes + r->decoder_bytes,
                         .peak = r->peak_bytes};
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static void sum_up(const deployment *d, episode_sum *mean, episode_sum *most)
{
    memset(mean, 0, sizeof(*mean));
    memset(most, 0, sizeof(*most));
    for (size_t i = 0; i < d->episode_count; i++) {
        episode_sum e = of_episode(&d->episodes[i]);
        uint64_t *const to_mean = (uint64_t *)mean, *const to_most = (uint64_t *)most;
        const uint64_t *const from = (const uint64_t *)&e;
        for (size_t k = 0; k < sizeof(e) / sizeof(uint64_t); k++) {
            to_mean[k] += from[k];
            to_most[k] = larger(to_most[k], from[k]);
        }
    }
    for (size_t k = 0; k < sizeof(*mean) / sizeof(uint64_t) && d->episode_count; k++) {
        ((uint64_t *)mean)[k] /= d->episode_count;
    }
}

static void print_sum(FILE *to, const char *name, const episode_sum *e, bool is_partial)
{
    run_table_line(to,
                   &(run_episode){.name = name,
                                  .frames = e->frames,
                                  .video = e->video,
                                  .state_action = e->state_action,
                                  .other = e->other,
                                  .held = e->window,
                                  .peak = e->peak,
                                  .is_partial = is_partial},
                   false);
}

static void print_episodes(const deployment *d, FILE *to)
{
    episode_sum mean, most;
    if (d->episode_count == 0) {
        return;
    }
    fputc('\n', to);
    run_table_head(to);
    for (size_t i = 0; i < d->episode_count; i++) {
        const episode_result *r = &d->episodes[i];
        episode_sum e = of_episode(r);
        char name[16];
        snprintf(name, sizeof(name), "%" PRIu32, r->index);
        print_sum(to, name, &e, !r->is_complete);
    }
    sum_up(d, &mean, &most);
    print_sum(to, "mean", &mean, false);
    print_sum(to, "maximum", &most, false);
    int64_t growth = (int64_t)d->episodes[d->episode_count - 1].after_bytes -
                     (int64_t)d->episodes[0].before_bytes;
    fprintf(to, "account after the last episode: %s %s than before the first\n",
            tool_size((uint64_t)(growth < 0 ? -growth : growth)), growth < 0 ? "less" : "more");
}

static void print_engines(const deployment *d, FILE *to)
{
    fprintf(to, "\n%-16s %-11s %6s %10s %8s %10s  %s\n", "engine", "backend", "runs", "mean run",
            "load", "payload", "read path");
    for (size_t i = 0; i < d->m->engine_count; i++) {
        static const char *const PATHS[] = {"auto", "uring direct", "pread direct", "buffered"};
        plim_engine_stats s;
        plim_engine_read(d->engines[i].engine, &s);
        char mean[24], load[24];
        snprintf(mean, sizeof(mean), "%.2f ms",
                 s.run_count ? (double)s.run_ns_total / (double)s.run_count / 1e6 : 0.0);
        snprintf(load, sizeof(load), "%.0f ms", (double)s.load.elapsed_ns / 1e6);
        fprintf(to, "%-16.16s %-11.11s %6" PRIu64 " %10s %8s %10s  %s\n", s.name, s.backend,
                d->engines[i].run_count, mean, load, tool_size(s.payload_bytes),
                PATHS[s.load.path <= 3 ? s.load.path : 0]);
    }
}

/* What a tag held when the whole account was at its peak. */
static uint64_t measured_at_peak(const plim_report *r, plim_tag tag)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < r->row_count; i++) {
        const plim_report_row *row = &r->rows[i];
        if (row->known == PLIM_KNOWN_TAGGED && strcmp(row->kind, plim_tag_name(tag)) == 0 &&
            row->peak_bytes > 0) {
            sum += (uint64_t)row->peak_bytes;
        }
    }
    return sum;
}

static void print_comparison(const deployment *d, FILE *to)
{
    const plim_account *a = &d->report->account;
    fprintf(to, "\n%-22s %12s %12s\n", "at the peak", "predicted", "measured");
    for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
        uint64_t measured = measured_at_peak(d->report, (plim_tag)t);
        if (d->p->peak_by_tag[t] || measured) {
            fprintf(to, "  %-20s %12s %12s\n", plim_tag_name((plim_tag)t),
                    tool_size(d->p->peak_by_tag[t]), tool_size(measured));
        }
    }
    double share =
        d->p->peak_bytes ? 100.0 * (double)a->peak_bytes / (double)d->p->peak_bytes : 0.0;
    fprintf(to, "  %-20s %12s %12s   %.1f %% of the prediction\n", "whole account",
            tool_size(d->p->peak_bytes), tool_size(a->peak_bytes), share);
}

/* The process's own rows against what the manifest says the framework holds. */
static void print_framework(const deployment *d, FILE *to)
{
    uint64_t own = 0;
    for (size_t i = 0; i < d->report->row_count; i++) {
        const plim_report_row *row = &d->report->rows[i];
        if (row->known == PLIM_KNOWN_KERNEL && strcmp(row->owner, "process") == 0) {
            own += (uint64_t)row->now_bytes;
        }
    }
    if (own > d->m->framework_bytes) {
        fprintf(to,
                "note: outside the engines the process holds %s (heap, code, libraries);\n"
                "      the manifest's framework.resident declares %s of it\n",
                tool_size(own), tool_size(d->m->framework_bytes));
    }
}

static void print_large_pages(const deployment *d, FILE *to)
{
    const char *why = "";
    uint64_t bytes = 0;
    bool has = plim_runtime_has_large_pages(d->runtime, &why);
    for (size_t i = 0; i < d->m->engine_count; i++) {
        plim_engine_stats s;
        plim_engine_read(d->engines[i].engine, &s);
        bytes += s.load.huge_bytes;
    }
    fprintf(to, "large pages: %s of the payloads%s%s%s\n", tool_size(bytes),
            has ? "" : "; their page tables are charged\n  (", why, has ? "" : ")");
}

static run_verdict verdict_of(const deployment *d)
{
    const plim_account *a = &d->report->account;
    return (run_verdict){.cap = a->cap_bytes,
                         .account_peak = a->peak_bytes,
                         .kernel_peak = run_kernel_peak(d->report)};
}

bool run_within_cap(const deployment *d)
{
    run_verdict v = verdict_of(d);
    return run_verdict_is_within(&v);
}

void run_print(const deployment *d, FILE *to)
{
    plim_report_text_opts o = plim_report_text_opts_default();
    plim_telemetry_sample now;
    o.color = tool_color(to);
    o.columns = tool_columns(to);
    print_engines(d, to);
    print_large_pages(d, to);
    print_episodes(d, to);
    fputc('\n', to);
    if (plim_report_text(d->report, &o, tool_file_sink, to, NULL) != PLIM_OK) {
        return; /* the disk is full: main notices */
    }
    print_comparison(d, to);
    print_framework(d, to);
    pressure_print(d->watch, to);
    plim_telemetry_read(plim_runtime_telemetry(d->runtime), &now);
    run_heat_print(d->heat, &now, to);
    run_verdict v = verdict_of(d);
    v.color = tool_color(to);
    fputc('\n', to);
    run_verdict_print(to, &v);
}

/* ---- JSON: the report, with one key more ---- */

static void json_episode(const episode_result *r, FILE *to)
{
    fprintf(to,
            "{\"index\":%" PRIu32 ",\"frames\":%" PRIu64 ",\"steps\":%" PRIu64
            ",\"complete\":%s,\"whole\":{\"video\":%" PRIu64 ",\"state_action\":%" PRIu64
            ",\"other\":%" PRIu64 "},\"held\":{\"frames\":%" PRIu64 ",\"columns\":%" PRIu64
            ",\"decoder\":%" PRIu64 "},\"dropped\":%" PRIu64 ",\"account\":{\"before\":%" PRIu64
            ",\"end\":%" PRIu64 ",\"peak\":%" PRIu64 ",\"after\":%" PRIu64 "}}",
            r->index, r->frame_count, r->step_count, r->is_complete ? "true" : "false",
            r->memory_bytes[PLIM_FEATURE_VIDEO], r->memory_bytes[PLIM_FEATURE_STATE_ACTION],
            r->memory_bytes[PLIM_FEATURE_OTHER], r->window_bytes, r->columns_bytes,
            r->decoder_bytes, r->dropped_bytes, r->before_bytes, r->end_bytes, r->peak_bytes,
            r->after_bytes);
}

static void json_sum(const char *name, const episode_sum *e, FILE *to)
{
    fprintf(to,
            "\"%s\":{\"frames\":%" PRIu64 ",\"video\":%" PRIu64 ",\"state_action\":%" PRIu64
            ",\"other\":%" PRIu64 ",\"held\":%" PRIu64 ",\"peak\":%" PRIu64 "}",
            name, e->frames, e->video, e->state_action, e->other, e->window, e->peak);
}

static void json_engines(const deployment *d, FILE *to)
{
    for (size_t i = 0; i < d->m->engine_count; i++) {
        plim_engine_stats s;
        plim_engine_read(d->engines[i].engine, &s);
        fprintf(to, "%s{\"name\":", i ? "," : "");
        json_text(to, s.name);
        fprintf(to,
                ",\"backend\":\"%s\",\"runs\":%" PRIu64 ",\"run_ns_total\":%" PRIu64
                ",\"load_ns\":%" PRIu64 ",\"payload\":%" PRIu64 ",\"session\":%" PRIu64
                ",\"activation_peak\":%" PRIu64 ",\"planned\":%s}",
                s.backend, d->engines[i].run_count, s.run_ns_total, s.load.elapsed_ns,
                s.payload_bytes, s.session_bytes, s.activation_peak_bytes,
                s.trace_is_planned ? "true" : "false");
    }
}

static void json_run(const deployment *d, FILE *to)
{
    episode_sum mean, most;
    const plim_account *a = &d->report->account;
    const char *why = "";
    plim_telemetry_sample now;
    sum_up(d, &mean, &most);
    fprintf(to, "\"run\":{\"name\":");
    json_text(to, d->p->name);
    fprintf(to, ",\"engines\":[");
    json_engines(d, to);
    fprintf(to, "],\"episodes\":[");
    for (size_t i = 0; i < d->episode_count; i++) {
        fputs(i ? "," : "", to);
        json_episode(&d->episodes[i], to);
    }
    fprintf(to, "],");
    json_sum("mean", &mean, to);
    fputc(',', to);
    json_sum("maximum", &most, to);
    pressure_json(d->watch, to);
    plim_telemetry_read(plim_runtime_telemetry(d->runtime), &now);
    run_heat_json(d->heat, &now, to);
    fprintf(to, ",\"predicted\":");
    predict_json(d->p, to);
    bool has_large_pages = plim_runtime_has_large_pages(d->runtime, &why);
    fprintf(to, ",\"large_pages\":{\"asked\":\"%s\",\"used\":%s,\"reason\":",
            LARGE_PAGES_NAMES[d->m->large_pages], has_large_pages ? "true" : "false");
    json_text(to, why);
    fprintf(to,
            "},\"measured\":{\"account_peak\":%" PRIu64 ",\"rss_peak\":%" PRIu64
            ",\"kernel_peak\":%" PRIu64 "},\"cap\":%" PRIu64 ",\"within\":%s,\"faults\":%" PRIu64
            "}",
            a->peak_bytes, d->report->process.rss_peak_bytes, run_kernel_peak(d->report),
            a->cap_bytes, run_within_cap(d) ? "true" : "false", d->faults);
}

typedef struct splice {
    const deployment *d;
    FILE *to;
    bool done;
} splice;

/* The report's object with "run" as its first key: one schema for both tools. */
static bool splice_sink(void *context, const char *text, size_t text_bytes)
{
    splice *s = context;
    if (!s->done && text_bytes && text[0] == '{') {
        s->done = true;
        fputc('{', s->to);
        json_run(s->d, s->to);
        fputc(',', s->to);
        return tool_file_sink(s->to, text + 1, text_bytes - 1);
    }
    return tool_file_sink(s->to, text, text_bytes);
}

void run_json(const deployment *d, FILE *to)
{
    splice s = {.d = d, .to = to};
    if (plim_report_json(d->report, splice_sink, &s, NULL) == PLIM_OK) {
        fputc('\n', to);
    }
}
