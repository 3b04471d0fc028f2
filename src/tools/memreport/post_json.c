/* SPDX-License-Identifier: Apache-2.0 */
/* post_json.c - a black box for a machine: memreport-post/1.
 *
 * Sizes are bytes, times nanoseconds; before_end is how long before the end it was. What is not
 * known is null. Keys are only added within schema 1. Log lines go in as the objects that they
 * are, or as text when they are none.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdlib.h>

#include "plimsoll/report.h"
#include "src/tools/memreport/post.h"

static bool file_sink(void *context, const char *text, size_t bytes)
{
    return fwrite(text, 1, bytes, context) == bytes;
}

static void put_text(FILE *to, const char *key, const char *text)
{
    fprintf(to, "\"%s\":", key);
    if (text) {
        plim_report_json_text(text, file_sink, to);
    } else {
        fputs("null", to);
    }
}

/* A box may hold any number; readers of JSON take no more than this. */
static uint64_t most(uint64_t n)
{
    return n < INT64_MAX ? n : INT64_MAX;
}

static uint64_t before_end(const post *p, uint64_t ns)
{
    return ns < p->end_ns ? most(p->end_ns - ns) : 0;
}

static void put_time(const post *p, FILE *to, uint64_t ns, uint64_t wall_ns)
{
    fprintf(to, "\"before_end\":%" PRIu64 ",\"wall\":%" PRIu64, before_end(p, ns), most(wall_ns));
}

static void put_head(const post *p, FILE *to)
{
    static const char *const HOW[] = {"closed", "killed", "running"};
    const plim_box_facts *f = &p->box.facts;
    fprintf(to, "{\"schema\":\"%s\",\"tool\":\"memreport %s\",", POST_SCHEMA, plim_version());
    put_text(to, "file", p->path);
    putc(',', to);
    put_text(to, "program", f->program);
    fprintf(to, ",\"pid\":%" PRIu32 ",", f->pid);
    put_text(to, "version", f->version);
    putc(',', to);
    put_text(to, "board", f->board);
    putc(',', to);
    put_text(to, "boot_id", f->boot_id);
    fprintf(to, ",\"is_this_boot\":%s", p->is_this_boot ? "true" : "false");
    fprintf(to, ",\"start\":{");
    put_time(p, to, f->start_ns, f->start_wall_ns);
    fprintf(to, "},\"end\":{\"how\":\"%s\",\"wall\":%" PRIu64 ",", HOW[p->end],
            most(p->end_wall_ns));
    put_text(to, "reason", p->end == POST_CLOSED ? f->close_reason : NULL);
    fprintf(to,
            "},\"ring\":{\"bytes\":%" PRIu64 ",\"written\":%" PRIu64 ",\"read\":%" PRIu64
            ",\"overwritten_bytes\":%" PRIu64 ",\"damaged_bytes\":%" PRIu64
            ",\"is_recovered\":%s,\"is_head_damaged\":%s}",
            p->box.ring_bytes, most(f->written_count), p->read_count,
            most(p->box.overwritten_bytes), most(p->box.damaged_bytes),
            p->box.is_recovered ? "true" : "false", f->is_damaged ? "true" : "false");
}

static void put_account(const post *p, FILE *to)
{
    const plim_account *a = &p->account;
    if (!p->box.account) {
        fputs(",\"account\":null", to);
        return;
    }
    fprintf(to,
            ",\"account\":{\"cap\":%" PRIu64 ",\"used\":%" PRIu64 ",\"peak\":%" PRIu64
            ",\"charges\":%" PRIu64 ",\"refusals\":%" PRIu64 ",\"sealed\":%s,\"peak_noticed\":",
            a->cap_bytes, a->used_bytes, a->peak_bytes, most(a->charge_count),
            most(a->refusal_count), a->sealed ? "true" : "false");
    if (p->box.facts.peak_ns) {
        putc('{', to);
        put_time(p, to, p->box.facts.peak_ns, p->box.facts.peak_wall_ns);
        putc('}', to);
    } else {
        fputs("null", to);
    }
    fputs(",\"rows\":[", to);
    for (size_t i = 0; i < a->row_count; i++) {
        const plim_account_row *r = &p->rows[i];
        fputs(i ? ",{" : "{", to);
        put_text(to, "owner", r->owner);
        fprintf(to,
                ",\"tag\":\"%s\",\"now\":%" PRIu64 ",\"at_peak\":%" PRIu64 ",\"highest\":%" PRIu64
                "}",
                plim_tag_name(r->tag), r->now_bytes, r->at_peak_bytes, r->peak_bytes);
    }
    fputs("]}", to);
}

static void put_samples(post *p, FILE *to)
{
    plim_box_record r;
    bool is_first = true;
    fputs(",\"samples\":[", to);
    plim_box_rewind(&p->box);
    while (post_next(p, PLIM_BOX_SAMPLE, &r)) {
        const plim_box_sample *s = &r.as.sample;
        fputs(is_first ? "{" : ",{", to);
        is_first = false;
        put_time(p, to, r.ns, r.wall_ns);
        fprintf(to,
                ",\"used\":%" PRIu64 ",\"peak\":%" PRIu64 ",\"refusals\":%" PRIu64 ",\"tags\":{",
                most(s->used_bytes), most(s->peak_bytes), most(s->refusal_count));
        for (int t = 0; t < PLIM_TAG_COUNT; t++) {
            fprintf(to, "%s\"%s\":%" PRIu64, t ? "," : "", plim_tag_name((plim_tag)t),
                    most(s->tag_bytes[t]));
        }
        fputs("}}", to);
    }
    putc(']', to);
}

static void put_known(const char *key, int64_t value, FILE *to)
{
    if (value == PLIM_BOX_UNKNOWN) {
        fprintf(to, ",\"%s\":null", key);
    } else {
        fprintf(to, ",\"%s\":%" PRId64, key, value);
    }
}

static void put_sensors(post *p, FILE *to)
{
    plim_box_record r;
    bool is_first = true;
    fputs(",\"sensors\":[", to);
    plim_box_rewind(&p->box);
    while (post_next(p, PLIM_BOX_TELEMETRY, &r)) {
        const plim_box_telemetry *t = &r.as.telemetry;
        fputs(is_first ? "{" : ",{", to);
        is_first = false;
        put_time(p, to, r.ns, r.wall_ns);
        putc(',', to);
        put_text(to, "hottest_zone", t->hottest_zone[0] ? t->hottest_zone : NULL);
        put_known("hottest_millicelsius", t->hottest, to);
        put_known("throttled", t->throttled, to);
        put_known("power_milliwatts", t->power, to);
        put_known("gpu_load_permille", t->gpu_load, to);
        put_known("gpu_asleep", t->gpu_asleep, to);
        put_known("gpu_hertz", t->gpu_hertz, to);
        put_known("gpu_cap_hertz", t->gpu_cap_hertz, to);
        put_known("emc_hertz", t->emc_hertz, to);
        put_known("cpu_hertz", t->cpu_hertz, to);
        put_known("cpu_cap_hertz", t->cpu_cap_hertz, to);
        put_known("available", t->available_bytes, to);
        put_known("swap_free", t->swap_free_bytes, to);
        put_known("group_usage", t->group_usage_bytes, to);
        put_known("group_limit", t->group_limit_bytes, to);
        put_known("psi_memory_some_centipercent", t->psi_memory_some, to);
        put_known("psi_memory_full_us", t->psi_memory_full_us, to);
        put_known("major_faults", t->major_fault, to);
        put_known("oom_kills", t->oom_kill, to);
        putc('}', to);
    }
    putc(']', to);
}

static void put_refusal(const plim_box_refusal *r, FILE *to)
{
    bool is_first = true;
    fprintf(to, ",\"status\":\"%s\",", plim_status_name((plim_status)r->status));
    put_text(to, "event", r->event);
    putc(',', to);
    put_text(to, "engine", r->engine);
    putc(',', to);
    put_text(to, "what", r->what);
    putc(',', to);
    put_text(to, "detail", r->detail);
    fprintf(to,
            ",\"want\":%" PRIu64 ",\"have\":%" PRIu64 ",\"limit\":%" PRIu64 ",\"errno\":%d"
            ",\"holders\":[",
            most(r->want_bytes), most(r->have_bytes), most(r->limit_bytes), r->os_errno);
    for (size_t i = 0; i < PLIM_ERROR_HOLDERS; i++) {
        if (r->holders[i].bytes) {
            fputs(is_first ? "{" : ",{", to);
            is_first = false;
            put_text(to, "owner", r->holders[i].owner);
            fprintf(to, ",\"tag\":\"%s\",\"bytes\":%" PRIu64 "}",
                    plim_tag_name((plim_tag)r->holders[i].tag), most(r->holders[i].bytes));
        }
    }
    putc(']', to);
}

static void put_refusals(post *p, FILE *to)
{
    plim_box_record r;
    bool is_first = true;
    fputs(",\"refusals\":[", to);
    (void)post_to_last(p, PLIM_BOX_REFUSAL, p->refusal_count);
    while (post_next(p, PLIM_BOX_REFUSAL, &r)) {
        fputs(is_first ? "{" : ",{", to);
        is_first = false;
        put_time(p, to, r.ns, r.wall_ns);
        put_refusal(&r.as.refusal, to);
        putc('}', to);
    }
    putc(']', to);
}

static void put_line(const char *text, FILE *to)
{
    json_t *root = json_loads(text, 0, NULL);
    char *clean = root ? json_dumps(root, JSON_COMPACT) : NULL;
    if (clean) {
        fputs(clean, to);
    } else {
        plim_report_json_text(text, file_sink, to);
    }
    free(clean);
    json_decref(root);
}

static void put_events(post *p, FILE *to)
{
    plim_box_record r;
    bool is_first = true;
    fputs(",\"events\":[", to);
    (void)post_to_last(p, PLIM_BOX_LINE, p->line_count);
    while (post_next(p, PLIM_BOX_LINE, &r)) {
        fputs(is_first ? "{" : ",{", to);
        is_first = false;
        put_time(p, to, r.ns, r.wall_ns);
        fputs(",\"line\":", to);
        put_line(r.as.line, to);
        putc('}', to);
    }
    putc(']', to);
}

void post_json(post *p, FILE *to)
{
    put_head(p, to);
    put_account(p, to);
    put_samples(p, to);
    put_sensors(p, to);
    put_refusals(p, to);
    put_events(p, to);
    fprintf(to, ",\"complete\":%s}\n", p->is_complete ? "true" : "false");
}
