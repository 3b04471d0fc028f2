/* SPDX-License-Identifier: Apache-2.0 */
/* run_heat.c - heat and throttling when a run ends, and what the telemetry told meanwhile.
 *
 * Decides how much of it a report holds: transitions by kind, all of them counted, and the first
 * five by name, because what came first explains the rest; the log has every one. A run that
 * took no second sample could not have seen anything change, and says so by its number.
 */
#include "src/tools/plimsoll/run_heat.h"

#include <inttypes.h>

#include "src/tools/heat_text.h"
#include "src/tools/plimsoll/tool.h"

void run_heat_note(void *context, const plim_transition *t)
{
    run_heat *self = context;
    pthread_mutex_lock(&self->lock);
    if (self->count < RUN_HEAT_FIRST) {
        self->first[self->count] = *t;
    }
    self->count++;
    self->by_kind[t->kind < RUN_HEAT_KINDS ? t->kind : 0]++;
    pthread_mutex_unlock(&self->lock);
}

static size_t first_count(const run_heat *self)
{
    return self->count < RUN_HEAT_FIRST ? (size_t)self->count : RUN_HEAT_FIRST;
}

/* "throttle gpu-throttle-alert on, 0 -> 1" */
static void print_first(const run_heat *self, FILE *to)
{
    for (size_t i = 0; i < first_count(self); i++) {
        const plim_transition *t = &self->first[i];
        fprintf(to, "  %-12s  %s %s, %" PRId64 " -> %" PRId64 "\n", plim_transition_name(t->kind),
                t->name, t->is_on ? "on" : "over", t->before, t->after);
    }
    if (self->count > RUN_HEAT_FIRST) {
        fprintf(to, "  and %" PRIu64 " more, in the log\n", self->count - RUN_HEAT_FIRST);
    }
}

static void print_transitions(const run_heat *self, const plim_telemetry_sample *now, FILE *to)
{
    const char *before = ": ";
    if (self->count == 0) {
        fprintf(to, "transitions: none in %" PRIu64 " sample%s\n", now->number,
                now->number == 1 ? "" : "s");
        return;
    }
    fprintf(to, "transitions: %" PRIu64 " in %" PRIu64 " sample%s", self->count, now->number,
            now->number == 1 ? "" : "s");
    for (uint32_t kind = 0; kind < RUN_HEAT_KINDS; kind++) {
        if (self->by_kind[kind]) {
            fprintf(to, "%s%s %" PRIu64, before, plim_transition_name(kind), self->by_kind[kind]);
            before = ", ";
        }
    }
    fputc('\n', to);
    print_first(self, to);
}

void run_heat_print(run_heat *self, const plim_telemetry_sample *now, FILE *to)
{
    plim_heat heat;
    heat_text text;
    plim_heat_of(now, &heat);
    heat_text_fill(&text, &heat);
    fputs("\nwhen it ended\n", to);
    for (size_t i = 0; i < text.count; i++) {
        fprintf(to, "%s\n", text.lines[i]);
    }
    pthread_mutex_lock(&self->lock);
    print_transitions(self, now, to);
    pthread_mutex_unlock(&self->lock);
}

/* ---- JSON ---- */

static void json_transitions(const run_heat *self, FILE *to)
{
    const char *before = "";
    fprintf(to, "{\"count\":%" PRIu64 ",\"kinds\":[", self->count);
    for (uint32_t kind = 1; kind < RUN_HEAT_KINDS; kind++) {
        if (self->by_kind[kind]) {
            fprintf(to, "%s{\"kind\":\"%s\",\"count\":%" PRIu64 "}", before,
                    plim_transition_name(kind), self->by_kind[kind]);
            before = ",";
        }
    }
    fputs("],\"first\":[", to);
    for (size_t i = 0; i < first_count(self); i++) {
        const plim_transition *t = &self->first[i];
        fprintf(to, "%s{\"kind\":\"%s\",\"name\":", i ? "," : "", plim_transition_name(t->kind));
        json_text(to, t->name);
        fprintf(to, ",\"on\":%s,\"before\":%" PRId64 ",\"after\":%" PRId64 "}",
                t->is_on ? "true" : "false", t->before, t->after);
    }
    fputs("]}", to);
}

void run_heat_json(run_heat *self, const plim_telemetry_sample *now, FILE *to)
{
    plim_heat heat;
    plim_heat_of(now, &heat);
    fputs(",\"heat\":", to);
    if (plim_heat_json(&heat, tool_file_sink, to, NULL) != PLIM_OK) {
        return; /* the disk is full: main notices */
    }
    fprintf(to, ",\"samples\":%" PRIu64 ",\"transitions\":", now->number);
    pthread_mutex_lock(&self->lock);
    json_transitions(self, to);
    pthread_mutex_unlock(&self->lock);
}
