/* SPDX-License-Identifier: Apache-2.0 */
/* thermal_zones.c - temperatures, throttle alerts and over-current alarms.
 *
 * Decides what "hottest" and "throttled" mean: the highest zone that answers, and any active
 * alert among the cooling devices named *-throttle-alert or hot-surface-alert. A board that
 * has no such device, or one that does not answer, leaves throttled unknown: silence is never
 * "not throttled". A fan is a cooling device too and says nothing about throttling.
 * A zone on a gated rail refuses to be read (EAGAIN; -256 degrees on older kernels): it sleeps.
 * PMIC zones of older boards hold a constant and are left out. Names differ by release
 * ("CPU-therm", "cpu-thermal") and are made one: lower case, without that tail. soctherm_oc counts
 * how often the chip's own current alarms slowed it down.
 */
#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "platform/fsroot.h"
#include "platform/linux/sensors/sensors.h"

#define ZONES_MAX    64u
#define COOLING_MAX  128u
#define COLDEST      (-60000) /* millidegrees; below it a sensor is off or broken */
#define WARMEST      250000
#define GATED_LEGACY (-256000)

static bool cut_tail(char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    bool has = n > m && strcmp(text + n - m, tail) == 0;
    if (has) {
        text[n - m] = 0;
    }
    return has;
}

static void normalise(char *type)
{
    for (char *at = type; *at; at++) {
        *at = isprint((unsigned char)*at) ? (char)tolower((unsigned char)*at) : '?';
    }
    (void)(cut_tail(type, "-thermal") || cut_tail(type, "-therm"));
}

static bool has_number(const uint16_t *numbers, uint32_t count, uint32_t number, uint32_t *out)
{
    for (*out = 0; *out < count; ++*out) {
        if (numbers[*out] == number) {
            return true;
        }
    }
    return false;
}

/* Zone @number into its row: an old one that lost its file, or a new one. */
static void find_zone(plim_sensors *self, uint32_t number)
{
    plim_telemetry_sample *s = &self->sample;
    char path[96], type[PLIM_TELEMETRY_ROW_NAME + 16];
    uint32_t row;
    bool is_known = has_number(self->zone_numbers, s->zone_count, number, &row);
    if (is_known && self->zones[row] >= 0) {
        return;
    }
    snprintf(path, sizeof(path), "sys/class/thermal/thermal_zone%u/type", number);
    if (!plim_sensor_line(self, path, type, sizeof(type))) {
        snprintf(type, sizeof(type), "zone %u", number);
    }
    int fd = -1;
    snprintf(path, sizeof(path), "sys/class/thermal/thermal_zone%u/temp", number);
    if (strncasecmp(type, "PMIC", 4) == 0) {
        return;
    }
    plim_sensor_open(self, path, &fd);
    if (fd >= 0 && !is_known && row == PLIM_TELEMETRY_ZONES) {
        s->left_out++;
        plim_sensor_close(self, &fd);
    }
    if (fd < 0) {
        return;
    }
    self->zones[row] = fd;
    self->zone_numbers[row] = (uint16_t)number;
    normalise(type);
    snprintf(s->zones[row].name, sizeof(s->zones[row].name), "%.23s", type);
    s->zone_count += !is_known;
}

static bool is_alert(const char *type)
{
    size_t n = strlen(type), m = strlen("-throttle-alert");
    return (n >= m && strcmp(type + n - m, "-throttle-alert") == 0) ||
           strcmp(type, "hot-surface-alert") == 0;
}

static void find_alert(plim_sensors *self, uint32_t number)
{
    plim_telemetry_sample *s = &self->sample;
    char path[96], type[48];
    uint32_t row;
    bool is_known = has_number(self->alert_numbers, s->alert_count, number, &row);
    snprintf(path, sizeof(path), "sys/class/thermal/cooling_device%u/type", number);
    if ((is_known && self->alerts[row] >= 0) || !plim_sensor_line(self, path, type, sizeof(type)) ||
        !is_alert(type)) {
        return;
    }
    if (!is_known && row == PLIM_TELEMETRY_ALERTS) {
        s->left_out++;
        return;
    }
    snprintf(path, sizeof(path), "sys/class/thermal/cooling_device%u/cur_state", number);
    plim_sensor_open(self, path, &self->alerts[row]);
    if (self->alerts[row] >= 0) {
        self->alert_numbers[row] = (uint16_t)number;
        snprintf(s->alerts[row].name, sizeof(s->alerts[row].name), "%.23s", type);
        s->alert_count += !is_known;
    }
}

static void find_over_current(plim_sensors *self)
{
    plim_folder folder;
    char path[160], name[24];
    self->call_count += 4;
    if (plim_folder_open(self->root, "sys/class/hwmon", &folder, NULL) != PLIM_OK) {
        return;
    }
    for (const char *entry; (entry = plim_folder_next(&folder));) {
        snprintf(path, sizeof(path), "sys/class/hwmon/%.32s/name", entry);
        if (!plim_sensor_line(self, path, name, sizeof(name)) || strcmp(name, "soctherm_oc") != 0) {
            continue;
        }
        for (unsigned i = 0; i < 3; i++) {
            snprintf(path, sizeof(path), "sys/class/hwmon/%.32s/oc%u_event_cnt", entry, i + 1);
            plim_sensor_open(self, path, &self->over_current[i]);
        }
    }
    plim_folder_close(&folder);
}

void plim_thermal_find(plim_sensors *self)
{
    for (uint32_t i = 0; i < ZONES_MAX; i++) {
        find_zone(self, i);
    }
    for (uint32_t i = 0; i < COOLING_MAX; i++) {
        find_alert(self, i);
    }
    if (self->over_current[0] < 0) {
        find_over_current(self);
    }
}

/* ---- reading ---- */

static int zone_error(int64_t milli)
{
    return milli == GATED_LEGACY ? EAGAIN : milli < COLDEST || milli > WARMEST ? ERANGE : 0;
}

static void sense_zones(plim_sensors *self, uint64_t now_ns)
{
    plim_telemetry_sample *s = &self->sample;
    int64_t hottest = INT64_MIN;
    int why = ENOENT;
    for (uint32_t i = 0; i < s->zone_count; i++) {
        int64_t milli = 0;
        int error = plim_sensor_number(self, &self->zones[i], &milli);
        error = error ? error : zone_error(milli);
        plim_reading_take(&s->zones[i].reading, error, milli, now_ns);
        if (error == 0 && milli > hottest) {
            hottest = milli;
            s->hottest = i;
        }
        why = error ? error : why;
    }
    plim_reading_take(&s->list[PLIM_READ_HOTTEST], hottest == INT64_MIN ? why : 0, hottest, now_ns);
}

/* One alert that is on is throttling; "not throttled" takes an answer of every one. */
static void sense_alerts(plim_sensors *self, uint64_t now_ns)
{
    plim_telemetry_sample *s = &self->sample;
    bool is_on = false;
    int why = s->alert_count ? 0 : ENOENT;
    for (uint32_t i = 0; i < s->alert_count; i++) {
        int64_t level = 0;
        int error = plim_sensor_number(self, &self->alerts[i], &level);
        plim_reading_take(&s->alerts[i].reading, error, level, now_ns);
        is_on = is_on || (error == 0 && level != 0);
        why = error ? error : why;
    }
    plim_reading_take(&s->list[PLIM_READ_THROTTLED], is_on ? 0 : why, is_on, now_ns);
}

void plim_thermal_sense(plim_sensors *self, uint64_t now_ns)
{
    sense_zones(self, now_ns);
    sense_alerts(self, now_ns);
    for (uint32_t i = 0; i < 3; i++) {
        int64_t count = 0;
        int error = plim_sensor_number(self, &self->over_current[i], &count);
        plim_reading_take(&self->sample.list[PLIM_READ_OVER_CURRENT_1 + i], error, count, now_ns);
    }
}
