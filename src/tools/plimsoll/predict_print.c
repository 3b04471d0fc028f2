/* SPDX-License-Identifier: Apache-2.0 */
/* predict_print.c - a prediction as a timeline for people, and as JSON. */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/predict.h"
#include "src/tools/plimsoll/tool.h"

static void print_steps(const prediction *p, FILE *to)
{
    fprintf(to, "%-19s %10s %10s %10s %10s %10s\n", "step", "resident", "extra", "before", "during",
            "after");
    fprintf(to, "%-19s %10s %10s %10s %10s %10s\n", "   reserve, tables",
            tool_size(p->plan.base_bytes), "-", tool_size(0), tool_size(p->plan.base_bytes),
            tool_size(p->plan.base_bytes));
    for (size_t s = 0; s < p->item_count; s++) {
        const plim_load_step *step = &p->steps[s];
        const plim_load_item *item = &p->items[step->item];
        bool is_peak = p->peak_is_load && s == p->plan.peak_step;
        fprintf(to, "%2zu %-16.16s %10s %10s %10s %10s %10s%s\n", s + 1, item->name,
                tool_size(item->resident_bytes), tool_size(item->extra_bytes),
                tool_size(step->before_bytes), tool_size(step->during_bytes),
                tool_size(step->after_bytes), is_peak ? " peak" : "");
    }
    if (p->frame_bytes + p->decoder_bytes) {
        fprintf(to, "%2zu %-16s %10s %10s %10s %10s %10s%s\n", p->item_count + 1, "episode",
                tool_size(p->frame_bytes + p->decoder_bytes), "-",
                tool_size(p->plan.resident_bytes), tool_size(p->run_bytes), tool_size(p->run_bytes),
                p->peak_is_load ? "" : " peak");
    }
}

static void print_tags(const prediction *p, FILE *to)
{
    fprintf(to, "\npredicted peak by tag\n");
    for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
        if (p->peak_by_tag[t]) {
            bool is_estimate = t == PLIM_TAG_PLUGIN;
            fprintf(to, "  %-22s %10s%s\n", plim_tag_name((plim_tag)t),
                    tool_size(p->peak_by_tag[t]), is_estimate ? "   estimated" : "");
        }
    }
    fprintf(to, "  %-22s %10s\n", "peak", tool_size(p->peak_bytes));
}

static void print_large_pages(const prediction *p, FILE *to)
{
    uint64_t tables = 0;
    for (size_t i = 0; i < p->item_count; i++) {
        uint32_t at = p->engine_of[i];
        tables += at == PREDICT_NO_ENGINE ? 0 : p->engines[at].page_table_bytes;
    }
    if (p->has_large_pages) {
        fprintf(to, "payloads lie in large pages\n");
    } else if (p->large_reason[0]) {
        fprintf(to, "no large pages (%s): page tables of %s are counted as other\n",
                p->large_reason, tool_size(tables));
    }
}

void predict_print(const prediction *p, FILE *to)
{
    const char *bold = tool_color(to) ? "\033[1m" : "", *plain = tool_color(to) ? "\033[0m" : "";
    fprintf(to, "plan %s, order %s\n\n", p->name, plim_load_policy_name(p->policy));
    print_steps(p, to);
    print_tags(p, to);
    print_large_pages(p, to);
    for (size_t i = 0; i < p->warning_count; i++) {
        fprintf(to, "%swarning: %s\n", i ? "" : "\n", p->warnings[i]);
    }
    if (p->cap_bytes == 0) {
        fprintf(to, "\n%speak %s; no cap was given%s\n", bold, tool_size(p->peak_bytes), plain);
    } else if (p->fits) {
        fprintf(to, "\n%sfits: peak %s of %s, %s left%s\n", bold, tool_size(p->peak_bytes),
                tool_size(p->cap_bytes), tool_size(p->cap_bytes - p->peak_bytes), plain);
    } else {
        fprintf(to, "\n%sdoes not fit: peak %s, cap %s, over by %s%s\n", bold,
                tool_size(p->peak_bytes), tool_size(p->cap_bytes), tool_size(p->deficit_bytes),
                plain);
    }
    predict_now_print(p, to);
    predict_now_charge(p, to);
}

static void json_tags(const uint64_t *by_tag, FILE *to)
{
    fputc('{', to);
    for (unsigned t = 0; t < PLIM_TAG_COUNT; t++) {
        fprintf(to, "%s\"%s\":%" PRIu64, t ? "," : "", plim_tag_name((plim_tag)t), by_tag[t]);
    }
    fputc('}', to);
}

void predict_json(const prediction *p, FILE *to)
{
    fprintf(to, "{\"schema\":\"plimsoll-plan/1\",\"name\":");
    json_text(to, p->name);
    fprintf(to,
            ",\"policy\":\"%s\",\"cap\":%" PRIu64 ",\"reserve\":%" PRIu64 ",\"tables\":%" PRIu64
            ",\"episode\":%" PRIu64 ",\"decoder\":%" PRIu64 ",\"steps\":[",
            plim_load_policy_name(p->policy), p->cap_bytes, p->reserve_bytes, p->table_bytes,
            p->frame_bytes, p->decoder_bytes);
    for (size_t s = 0; s < p->item_count; s++) {
        const plim_load_step *step = &p->steps[s];
        const plim_load_item *item = &p->items[step->item];
        fprintf(to, "%s{\"name\":", s ? "," : "");
        json_text(to, item->name);
        fprintf(to,
                ",\"resident\":%" PRIu64 ",\"extra\":%" PRIu64 ",\"before\":%" PRIu64
                ",\"during\":%" PRIu64 ",\"after\":%" PRIu64 ",\"by_tag\":",
                item->resident_bytes, item->extra_bytes, step->before_bytes, step->during_bytes,
                step->after_bytes);
        json_tags(item->resident_by_tag, to);
        fputc('}', to);
    }
    fprintf(to,
            "],\"peak\":%" PRIu64 ",\"peak_phase\":\"%s\",\"load_peak\":%" PRIu64
            ",\"run\":%" PRIu64 ",\"by_tag\":",
            p->peak_bytes, p->peak_is_load ? "load" : "run", p->plan.peak_bytes, p->run_bytes);
    json_tags(p->peak_by_tag, to);
    fprintf(to, ",\"large_pages\":{\"used\":%s,\"reason\":", p->has_large_pages ? "true" : "false");
    json_text(to, p->large_reason);
    fputc('}', to);
    fprintf(to, ",\"fits\":%s,\"deficit\":%" PRIu64 ",\"warnings\":[", p->fits ? "true" : "false",
            p->deficit_bytes);
    for (size_t i = 0; i < p->warning_count; i++) {
        fputs(i ? "," : "", to);
        json_text(to, p->warnings[i]);
    }
    fputc(']', to);
    predict_now_json(p, to);
    gpu_charge_json(&p->charge, to);
    fputc('}', to);
}
