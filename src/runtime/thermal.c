/* SPDX-License-Identifier: Apache-2.0 */
/* thermal.c - what a runtime makes of its telemetry.
 *
 * Decides where transitions go: to the log as WARN, or ERROR when something was killed, and with
 * that to the black box. They come from one thread and are written as they are found, so they
 * stand in both in their order, each once. The black box gets a sample of the sensors with
 * every transition and otherwise every tenth: one a second would push the lines, which are why one
 * keeps a box, out of a ring of a megabyte within two hours.
 * Decides that silence about heat is said once, when somebody asks: a PC is no fault.
 */
#include "src/runtime/thermal.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/runtime/sense.h"
#include "src/runtime/state.h"

#define ROOM_LOW_SHARE   32u /* of the machine's memory, when no reserve was declared */
#define BOX_EVERY_SAMPLE 10u

void plim_thermal_from(const plim_telemetry_sample *sample, plim_thermal *out)
{
    const plim_reading *heat = &sample->list[PLIM_READ_HOTTEST];
    const plim_reading *alert = &sample->list[PLIM_READ_THROTTLED];
    *out = (plim_thermal){.is_known = heat->state != PLIM_READING_MISSING,
                          .throttled_is_known = alert->state != PLIM_READING_MISSING,
                          .is_throttled = alert->value != 0};
    if (out->is_known) {
        out->hottest_celsius = (double)heat->value / 1000.0;
        snprintf(out->hottest_zone, sizeof(out->hottest_zone), "%s",
                 sample->zones[sample->hottest].name);
        out->read_ns = heat->read_ns;
        out->age_ns = heat->age_ns;
    }
    if (out->throttled_is_known && (!out->is_known || alert->read_ns < out->read_ns)) {
        out->read_ns = alert->read_ns;
        out->age_ns = alert->age_ns;
    }
}

void plim_runtime_thermal(plim_runtime *self, plim_thermal *out)
{
    plim_telemetry_sample sample;
    plim_telemetry_renew(self->telemetry);
    plim_telemetry_read(self->telemetry, &sample);
    plim_thermal_from(&sample, out);
    if (!out->is_known && !atomic_exchange(&self->said_unknown, true)) {
        PLIM_LOG(self, PLIM_LOG_WARN, "thermal_unknown", "\"age_ns\":%" PRIu64, out->age_ns);
    }
    plim_black_box_notice(&self->box);
}

static void log_transition(void *context, const plim_transition *t)
{
    plim_runtime *self = context;
    PLIM_LOG(self, t->is_error ? PLIM_LOG_ERROR : PLIM_LOG_WARN, plim_transition_name(t->kind),
             "\"name\":\"%s\",\"on\":%s,\"before\":%" PRId64 ",\"after\":%" PRId64
             ",\"number\":%" PRIu64 ",\"sample_ns\":%" PRIu64 ",\"os_errno\":%d",
             t->name, t->is_on ? "true" : "false", t->before, t->after, t->number, t->ns,
             t->os_errno);
    self->box_sample_due = true;
    if (self->on_transition) {
        self->on_transition(self->transition_context, t);
    }
}

static void keep_sample(void *context, const plim_telemetry_sample *sample)
{
    plim_runtime *self = context;
    if (self->box_sample_due || sample->number % BOX_EVERY_SAMPLE == 1) {
        self->box_sample_due = false;
        plim_black_box_telemetry(&self->box, sample);
    }
}

plim_status plim_runtime_sense_open(plim_runtime *self, const plim_runtime_opts *opts,
                                    plim_error *err)
{
    plim_telemetry_opts o = plim_telemetry_opts_default();
    self->on_transition = opts->on_transition;
    self->transition_context = opts->transition_context;
    o.root = opts->sysroot;
    o.period_ms = opts->telemetry_period_ms;
    o.room_low_bytes =
        opts->reserve_bytes ? opts->reserve_bytes : self->host.memory_bytes / ROOM_LOW_SHARE;
    o.budget = self->budget;
    o.provider = self->own_provider;
    o.on_transition = log_transition;
    o.on_sample = keep_sample;
    o.context = self;
    return plim_telemetry_open(&o, &self->telemetry, err);
}

void plim_runtime_sense_close(plim_runtime *self)
{
    plim_telemetry_close(self->telemetry);
    self->telemetry = NULL;
}
