/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_json.c - all that the doctor knows, for scripts: schema plimsoll-doctor/1. */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/doctor.h"

static void sliced(FILE *to, const char *key, plim_slice slice)
{
    char text[2048] = "";
    plim_slice_copy(slice, text, sizeof(text));
    fprintf(to, ",\"%s\":", key);
    json_text(to, text);
}

static void list(FILE *to, const char *key, const plim_slice *slices, uint32_t count)
{
    fprintf(to, ",\"%s\":[", key);
    for (uint32_t i = 0; i < count; i++) {
        char text[1024];
        plim_slice_copy(slices[i], text, sizeof(text));
        fputs(i ? "," : "", to);
        json_text(to, text);
    }
    fputc(']', to);
}

static void finding(const doctor_finding *f, FILE *to)
{
    fputs("{\"level\":", to);
    json_text(to, plim_action_text(f->level));
    fputs(",\"id\":", to);
    json_text(to, f->id);
    fputs(",\"engine\":", to);
    if (f->about[0]) {
        json_text(to, f->about);
    } else {
        fputs("null", to);
    }
    fputs(",\"why\":", to);
    json_text(to, f->why);
    fputs(",\"remedy\":", to);
    json_text(to, f->remedy);
    sliced(to, "symptom", f->rule.symptom);
    list(to, "workarounds", f->rule.workaround, f->rule.workaround_count);
    list(to, "links", f->rule.link, f->rule.link_count);
    sliced(to, "source", f->rule.source);
    fputs(",\"evidence\":", to);
    json_text(to, f->rule.id.bytes ? plim_evidence_text(f->rule.evidence) : "");
    fputc('}', to);
}

static void undecided(const doctor_finding *f, FILE *to)
{
    fputs("{\"id\":", to);
    json_text(to, f->id);
    fputs(",\"engine\":", to);
    if (f->about[0]) {
        json_text(to, f->about);
    } else {
        fputs("null", to);
    }
    fputs(",\"missing\":[", to);
    for (size_t i = 0; i < f->missing_count; i++) {
        fprintf(to, "%s\"%s\"", i ? "," : "", plim_fact_key(f->missing[i]));
    }
    fputs("]}", to);
}

static void findings(const doctor *d, plim_verdict verdict, FILE *to)
{
    bool has_any = false;
    for (size_t i = 0; i < d->finding_count; i++) {
        if (d->findings[i].verdict == verdict) {
            fputs(has_any ? "," : "", to);
            (verdict == PLIM_VERDICT_HIT ? finding : undecided)(&d->findings[i], to);
            has_any = true;
        }
    }
}

static void headroom(const doctor *d, FILE *to)
{
    static const char *const KINDS[] = {"counted", "note", "missing"};
    const plim_headroom *h = &d->headroom;
    bool has_any = false;
    if (!d->has_headroom) {
        fputs("null", to);
        return;
    }
    fprintf(to, "{\"allocatable\":%" PRIu64 ",\"largest_block\":%" PRIu64 ",\"binding\":",
            h->allocatable_bytes, h->largest_block_bytes);
    json_text(to, plim_wall_name(h->walls[h->binding].kind));
    fputs(",\"rows\":[", to);
    for (uint32_t i = 0; i < h->row_count; i++) {
        const plim_headroom_row *r = &h->rows[i];
        if (doctor_is_shown_row(h, r)) {
            fputs(has_any ? ",{\"name\":" : "{\"name\":", to);
            json_text(to, r->name);
            fprintf(to, ",\"bytes\":%" PRId64 ",\"kind\":\"%s\",\"source\":", r->bytes,
                    (unsigned)r->kind < 3 ? KINDS[r->kind] : "?");
            json_text(to, r->source);
            fputc('}', to);
            has_any = true;
        }
    }
    fputs("]}", to);
}

static void heat(const plim_telemetry_sample *s, FILE *to)
{
    const plim_reading *hottest = &s->list[PLIM_READ_HOTTEST];
    const plim_reading *throttled = &s->list[PLIM_READ_THROTTLED];
    if (hottest->state == PLIM_READING_FRESH && s->hottest < PLIM_TELEMETRY_ZONES) {
        fprintf(to, ",\"heat\":{\"hottest\":%.3f,\"zone\":", (double)hottest->value / 1000.0);
        json_text(to, s->zones[s->hottest].name);
    } else {
        fputs(",\"heat\":{\"hottest\":null,\"zone\":null", to);
    }
    fprintf(to, ",\"throttled\":%s}",
            throttled->state != PLIM_READING_FRESH ? "null"
            : throttled->value                     ? "true"
                                                   : "false");
}

static void engines(const doctor *d, FILE *to)
{
    for (size_t i = 0; i < d->m.engine_count; i++) {
        const doctor_engine *e = &d->engines[i];
        fputs(i ? ",{\"name\":" : "{\"name\":", to);
        json_text(to, e->from->name);
        fputs(",\"artifact\":", to);
        json_text(to, e->from->artifact);
        fprintf(to, ",\"readable\":%s,\"fits\":%s,\"format\":", e->is_open ? "true" : "false",
                e->fits ? "true" : "false");
        json_text(to, e->format);
        fputs(",\"precision_asked\":", to);
        json_text(to, e->precision_asked);
        fputs(",\"precision_found\":", to);
        json_text(to, e->precision_found);
        fprintf(to, ",\"payload\":%" PRIu64 "}", e->payload_bytes);
    }
}

void doctor_json(const doctor *d, FILE *to)
{
    fprintf(to,
            "{\"schema\":\"plimsoll-doctor/1\",\"version\":\"%s\",\"verdict\":\"%s\","
            "\"counts\":{\"refuse\":%zu,\"warn\":%zu,\"advise\":%zu,\"undecided\":%zu,"
            "\"needs_card\":%zu},\"findings\":[",
            plim_version(), doctor_verdict(d), d->refuse_count, d->warn_count, d->advise_count,
            d->undecided_count, d->needs_card_count);
    findings(d, PLIM_VERDICT_HIT, to);
    fputs("],\"undecided\":[", to);
    findings(d, PLIM_VERDICT_UNDECIDED, to);
    fputs("],", to);
    facts_print_json(&d->machine, to);
    fputs(",\"headroom\":", to);
    headroom(d, to);
    gpu_charge_json(&d->charge, to);
    heat(&d->sample, to);
    fputs(",\"engines\":[", to);
    engines(d, to);
    fputs("],\"plan\":", to);
    if (d->has_plan) {
        fprintf(to, "{\"peak\":%" PRIu64 ",\"cap\":%" PRIu64 ",\"fits\":%s}", d->plan.peak_bytes,
                d->plan.cap_bytes, d->plan.fits ? "true" : "false");
    } else {
        fputs("null", to);
    }
    fputs("}\n", to);
}
