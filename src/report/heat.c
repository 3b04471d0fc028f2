/* SPDX-License-Identifier: Apache-2.0 */
/* heat.c - heat, throttling, clock caps and power, out of a sample or read on the spot.
 *
 * Decides that only a FRESH reading is known: the last value of a sensor that no longer answers is
 * no answer to "does it throttle?". Which groups are read follows from the figures; the load of
 * the GPU, which alone could keep it awake, is closed before it is read.
 */
#include "plimsoll/heat.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "platform/linux/sensors/sensors.h"

#define HEAT_GROUPS (PLIM_SENSE_HEAT | PLIM_SENSE_CLOCKS | PLIM_SENSE_POWER)

static int64_t known(const plim_reading *r)
{
    return r->state == PLIM_READING_FRESH ? r->value : PLIM_HEAT_UNKNOWN;
}

static void copy_name(char *out, const char *name)
{
    snprintf(out, PLIM_TELEMETRY_ROW_NAME, "%.*s", (int)PLIM_TELEMETRY_ROW_NAME - 1, name);
}

static void name_alert(const plim_telemetry_sample *s, plim_heat *out)
{
    for (uint32_t i = 0; i < s->alert_count && i < PLIM_TELEMETRY_ALERTS; i++) {
        const plim_reading *r = &s->alerts[i].reading;
        if (r->state == PLIM_READING_FRESH && r->value != 0) {
            copy_name(out->alert, s->alerts[i].name);
            return;
        }
    }
}

void plim_heat_of(const plim_telemetry_sample *s, plim_heat *out)
{
    memset(out, 0, sizeof(*out));
    out->hottest_mc = known(&s->list[PLIM_READ_HOTTEST]);
    out->throttled = known(&s->list[PLIM_READ_THROTTLED]);
    out->power_mw = known(&s->list[PLIM_READ_POWER_TOTAL]);
    for (size_t i = 0; i < 3; i++) {
        out->over_current[i] = known(&s->list[PLIM_READ_OVER_CURRENT_1 + i]);
    }
    if (out->hottest_mc != PLIM_HEAT_UNKNOWN && s->hottest < PLIM_TELEMETRY_ZONES) {
        copy_name(out->zone, s->zones[s->hottest].name);
    }
    if (out->throttled == 1) {
        name_alert(s, out);
    }
    for (uint32_t i = 0; i < s->clock_count && i < PLIM_TELEMETRY_CLOCKS; i++) {
        const plim_telemetry_clock *from = &s->clocks[i];
        plim_heat_clock *to = &out->clocks[out->clock_count++];
        copy_name(to->name, from->name);
        to->now_hz = known(&from->now);
        to->cap_hz = known(&from->cap);
        to->max_hz = known(&from->max);
    }
}

void plim_heat_read(const char *root, plim_heat *out)
{
    plim_sensors sensors;
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    plim_sensors_init(&sensors, root ? root : "", HEAT_GROUPS);
    plim_sensors_find(&sensors);
    plim_sensor_close(&sensors, &sensors.gpu.load);
    plim_sensors_read(&sensors, HEAT_GROUPS,
                      (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec);
    plim_heat_of(&sensors.sample, out);
    plim_sensors_close(&sensors);
}
