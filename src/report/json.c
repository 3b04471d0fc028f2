/* SPDX-License-Identifier: Apache-2.0 */
/* json.c - a report as one JSON object, schema plimsoll-report/1.
 *
 * All sizes are whole bytes; what is not known is null, never 0. Within schema 1 keys are only
 * added. Nothing is allocated: pieces go straight to the sink.
 */
#include <inttypes.h>
#include <string.h>

#include "src/report/rows.h"

static void put_known_bytes(plim_report_out *out, uint64_t bytes)
{
    if (bytes == PLIM_UNKNOWN_BYTES) {
        plim_report_put(out, "null");
    } else {
        plim_report_put(out, "%" PRIu64, bytes);
    }
}

static void put_account(plim_report_out *out, const plim_account *a)
{
    plim_report_put(out,
                    "\"account\":{\"cap\":%" PRIu64 ",\"used\":%" PRIu64 ",\"peak\":%" PRIu64
                    ",\"charges\":%" PRIu64 ",\"refusals\":%" PRIu64 ",\"sealed_growth\":%" PRIu64
                    ",\"sealed\":%s,\"tags\":{",
                    a->cap_bytes, a->used_bytes, a->peak_bytes, a->charge_count, a->refusal_count,
                    a->sealed_growth_count, a->sealed ? "true" : "false");
    for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
        plim_report_put(out, "%s\"%s\":{\"now\":%" PRIu64 ",\"peak\":%" PRIu64 "}", t ? "," : "",
                        plim_tag_name((plim_tag)t), a->tag_now_bytes[t], a->tag_peak_bytes[t]);
    }
    plim_report_put(out, "}}");
}

static void put_process(plim_report_out *out, const plim_process_memory *p)
{
    plim_report_put(out, ",\"process\":{");
    for (size_t i = 0; i < plim_report_process_figure_count; i++) {
        const plim_report_figure *f = &plim_report_process_figures[i];
        uint64_t bytes;
        memcpy(&bytes, (const char *)p + f->offset, sizeof(bytes));
        plim_report_put(out, "%s\"%s\":", i ? "," : "", f->key);
        put_known_bytes(out, bytes);
    }
    plim_report_put(out, "}");
}

static void put_cgroup(plim_report_out *out, const plim_report *r)
{
    if (!r->has_cgroup) {
        plim_report_put(out, ",\"cgroup\":null");
        return;
    }
    plim_report_put(out, ",\"cgroup\":{\"version\":%" PRIu32 ",\"path\":", r->cgroup.version);
    plim_report_put_string(out, r->cgroup.path);
    plim_report_put(out, ",\"usage\":");
    put_known_bytes(out, r->cgroup.usage_bytes);
    plim_report_put(out, ",\"peak\":");
    put_known_bytes(out, r->cgroup.peak_bytes);
    plim_report_put(out, ",\"limit\":");
    put_known_bytes(out, r->cgroup.limit_bytes);
    plim_report_put(out, "}");
}

static void put_row(plim_report_out *out, const plim_report_row *row)
{
    plim_report_put(out, "{\"owner\":");
    plim_report_put_string(out, row->owner);
    plim_report_put(out, ",\"kind\":");
    plim_report_put_string(out, row->kind);
    plim_report_put(out, ",\"now\":%" PRId64 ",\"peak\":", row->now_bytes);
    if (row->peak_bytes == PLIM_REPORT_NONE) {
        plim_report_put(out, "null");
    } else {
        plim_report_put(out, "%" PRId64, row->peak_bytes);
    }
    plim_report_put(out, ",\"charged\":%" PRIu64 ",\"known\":\"%s\"}", row->charged_bytes,
                    plim_known_name(row->known));
}

plim_status plim_report_json(const plim_report *report, plim_report_sink sink, void *context,
                             plim_error *err)
{
    plim_report_out out = {.sink = sink, .context = context};
    plim_report_put(&out, "{\"schema\":\"" PLIM_REPORT_SCHEMA "\",\"pid\":%" PRIu32, report->pid);
    plim_report_put(&out, ",\"program\":");
    plim_report_put_string(&out, report->program);
    plim_report_put(&out, ",");
    put_account(&out, &report->account);
    put_process(&out, &report->process);
    put_cgroup(&out, report);
    plim_report_put(&out, ",\"page_cache\":%" PRIu64 ",\"total\":%" PRId64 ",\"rows\":[",
                    report->page_cache_bytes, report->total_now_bytes);
    for (size_t i = 0; i < report->row_count; i++) {
        plim_report_put(&out, "%s", i ? "," : "");
        put_row(&out, &report->rows[i]);
    }
    plim_report_put(&out, "]}");
    if (out.failed) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "JSON of a report");
    }
    return PLIM_OK;
}
