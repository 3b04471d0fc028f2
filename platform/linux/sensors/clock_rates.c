/* SPDX-License-Identifier: Apache-2.0 */
/* clock_rates.c - clocks of the cores and of the memory controller: now, allowed, possible.
 *
 * Cores come in groups that share a clock (cpufreq policies); each group is a row. A group whose
 * cores are all offline answers EBUSY and sleeps. The memory controller's rate is in debugfs (root
 * only) up to Orin and an ordinary devfreq device on Thor; its cap is the power mode's, where 0
 * means none. What a clock could reach is read when the clock is found, and holds as long as
 * the clock answers at all.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/sensors/sensors.h"
#include "platform/topology/topology_files.h"

#define POLICIES_MAX 128u
#define KILOHERTZ    1000

int64_t plim_highest_number(const char *text)
{
    int64_t most = 0;
    for (const char *at = text; *at;) {
        int64_t n = 0;
        if (plim_sensor_parse(at, &n) && n > most) {
            most = n;
        }
        at += strcspn(at, " \t\r\n");
        at += strspn(at, " \t\r\n");
    }
    return most;
}

/* ---- finding ---- */

static int64_t number_in(plim_sensors *self, const char *path)
{
    char text[32];
    int64_t n = 0;
    return plim_sensor_line(self, path, text, sizeof(text)) && plim_sensor_parse(text, &n) ? n : 0;
}

static void find_policy(plim_sensors *self, uint32_t number)
{
    plim_telemetry_sample *s = &self->sample;
    char path[112];
    uint32_t row = PLIM_CLOCK_FIRST_CPU;
    while (row < s->clock_count && self->cpu_numbers[row] != number) {
        row++;
    }
    bool is_known = row < s->clock_count;
    int now = is_known ? self->clocks[row].now : -1;
    if (now >= 0) {
        return;
    }
    snprintf(path, sizeof(path), "sys/devices/system/cpu/cpufreq/policy%u/scaling_cur_freq",
             number);
    plim_sensor_open(self, path, &now);
    if (now >= 0 && row == PLIM_TELEMETRY_CLOCKS) {
        s->left_out++;
        plim_sensor_close(self, &now);
    }
    if (now < 0) {
        return;
    }
    self->clocks[row].now = now;
    self->clocks[row].scale = KILOHERTZ;
    self->cpu_numbers[row] = (uint16_t)number;
    snprintf(s->clocks[row].name, sizeof(s->clocks[row].name), "cpu%u", number);
    s->clock_count += !is_known;
    snprintf(path, sizeof(path), "sys/devices/system/cpu/cpufreq/policy%u/scaling_max_freq",
             number);
    plim_sensor_open(self, path, &self->clocks[row].cap);
    snprintf(path, sizeof(path), "sys/devices/system/cpu/cpufreq/policy%u/cpuinfo_max_freq",
             number);
    if (__builtin_mul_overflow(number_in(self, path), KILOHERTZ, &self->clocks[row].max)) {
        self->clocks[row].max = 0; /* not known */
    }
}

static void find_memory_clock(plim_sensors *self)
{
    static const char *const RATES[] = {
        "sys/class/devfreq/bwmgr/cur_freq",
        "sys/kernel/debug/bpmp/debug/clk/emc/rate",
        "sys/kernel/debug/clk/override.emc/clk_rate",
    };
    char text[1024];
    for (size_t i = 0; i < 3 && self->clocks[PLIM_CLOCK_EMC].now < 0; i++) {
        plim_sensor_open(self, RATES[i], &self->clocks[PLIM_CLOCK_EMC].now);
    }
    plim_sensor_open(self, "sys/class/devfreq/bwmgr/max_freq", &self->clocks[PLIM_CLOCK_EMC].cap);
    plim_sensor_open(self, "sys/kernel/nvpmodel_emc_cap/emc_iso_cap", &self->emc_cap);
    self->clocks[PLIM_CLOCK_EMC].max =
        number_in(self, "sys/kernel/debug/bpmp/debug/clk/emc/max_rate");
    if (self->clocks[PLIM_CLOCK_EMC].max == 0 &&
        plim_sensor_line(self, "sys/class/devfreq/bwmgr/available_frequencies", text,
                         sizeof(text))) {
        self->clocks[PLIM_CLOCK_EMC].max = plim_highest_number(text);
    }
}

void plim_clocks_find(plim_sensors *self)
{
    plim_sensor_open(self, "sys/devices/system/cpu/online", &self->online);
    if (self->clocks[PLIM_CLOCK_EMC].now < 0) {
        find_memory_clock(self);
    }
    for (uint32_t i = 0; i < POLICIES_MAX; i++) {
        find_policy(self, i);
    }
}

/* ---- reading ---- */

/* A number of kHz or Hz, as Hz. */
static int sense_rate(plim_sensors *self, int *fd, int64_t scale, int64_t *out)
{
    int error = plim_sensor_number(self, fd, out);
    return error == 0 && __builtin_mul_overflow(*out, scale, out) ? ERANGE : error;
}

void plim_clock_sense(plim_sensors *self, uint32_t clock, bool is_asleep, uint64_t now_ns)
{
    plim_telemetry_clock *row = &self->sample.clocks[clock];
    int64_t hertz = 0;
    int64_t scale = self->clocks[clock].scale;
    int now_error = is_asleep ? EAGAIN : sense_rate(self, &self->clocks[clock].now, scale, &hertz);
    plim_reading_take(&row->now, now_error, hertz, now_ns);
    int cap_error = sense_rate(self, &self->clocks[clock].cap, scale, &hertz);
    plim_reading_take(&row->cap, cap_error, hertz, now_ns);
    int why = now_error && cap_error ? now_error : self->clocks[clock].max == 0 ? ENOENT : 0;
    plim_reading_take(&row->max, why, self->clocks[clock].max, now_ns);
}

/* The power mode's limit; 0: it sets none, and then the clock's own highest is the limit. */
static void sense_memory_cap(plim_sensors *self, uint64_t now_ns)
{
    plim_telemetry_clock *row = &self->sample.clocks[PLIM_CLOCK_EMC];
    int64_t hertz = 0;
    int error = plim_sensor_number(self, &self->emc_cap, &hertz);
    if (error == 0 && hertz == 0) {
        hertz = self->clocks[PLIM_CLOCK_EMC].max;
        error = hertz == 0 ? ENODATA : 0;
    }
    if (error == 0 || self->clocks[PLIM_CLOCK_EMC].cap < 0) {
        plim_reading_take(&row->cap, error, hertz, now_ns);
    }
}

void plim_clocks_sense(plim_sensors *self, uint64_t now_ns)
{
    int error = plim_sensor_text(self, &self->online);
    const int64_t count = error ? 0 : plim_cpu_list_count(self->text);
    error = error == 0 && count == 0 ? EBADMSG : error;
    plim_reading_take(&self->sample.list[PLIM_READ_CPUS_ONLINE], error, count, now_ns);
    for (uint32_t i = PLIM_CLOCK_EMC; i < self->sample.clock_count; i++) {
        plim_clock_sense(self, i, false, now_ns);
    }
    sense_memory_cap(self, now_ns);
}
