/* SPDX-License-Identifier: Apache-2.0 */
/* power_rails.c - what the board's rails carry, from its INA3221 monitors.
 *
 * JetPack 5 and later: hwmon, millivolts and milliamperes for each channel with a label.
 * Channels named NC are not connected, and channel 7 is the driver's own sum: both are left
 * out, or the board would be counted twice. JetPack 4: iio, milliwatts ready made.
 * Total: the rail that feeds the board (VDD_IN, POM_5V_IN) where one is measured, else the sum of
 * those that are; then it is known only when every rail answered.
 * A rail of which only one of the two numbers could be read has no power.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/sensors/sensors.h"

#define DRIVER       "sys/bus/i2c/drivers/ina3221"
#define DRIVER_IIO   "sys/bus/i2c/drivers/ina3221x"
#define IIO          "iio/" /* how such a rail's `where` begins */
#define CHANNELS     6u     /* three a chip; newer drivers number on to their sum, 7 */
#define CHANNELS_IIO 3u

static bool is_connected(const char *label)
{
    return strcmp(label, "NC") != 0 && strncmp(label, "sum of", 6) != 0;
}

/* The row that @where has or gets; PLIM_TELEMETRY_RAILS: no room. */
static uint32_t row_of(plim_sensors *self, const char *where)
{
    uint32_t row = 0;
    while (row < self->sample.rail_count && strcmp(self->rails[row].where, where) != 0) {
        row++;
    }
    self->sample.left_out += row == PLIM_TELEMETRY_RAILS;
    return row;
}

static void take_rail(plim_sensors *self, uint32_t row, const char *where, const char *label)
{
    plim_telemetry_sample *s = &self->sample;
    snprintf(self->rails[row].where, sizeof(self->rails[row].where), "%s", where);
    snprintf(s->rails[row].name, sizeof(s->rails[row].name), "%s", label);
    s->rail_count += row == s->rail_count;
}

static void find_channel(plim_sensors *self, const char *folder, unsigned channel)
{
    char path[160], label[PLIM_TELEMETRY_ROW_NAME], where[sizeof(self->rails[0].where)];
    snprintf(path, sizeof(path), "%s/in%u_label", folder, channel);
    if (!plim_sensor_line(self, path, label, sizeof(label)) || !is_connected(label)) {
        return;
    }
    snprintf(where, sizeof(where), "%.60s/%u", folder + sizeof(DRIVER), channel);
    uint32_t row = row_of(self, where);
    if (row == PLIM_TELEMETRY_RAILS) {
        return;
    }
    snprintf(path, sizeof(path), "%s/in%u_input", folder, channel);
    plim_sensor_open(self, path, &self->rails[row].milli_volts);
    snprintf(path, sizeof(path), "%s/curr%u_input", folder, channel);
    plim_sensor_open(self, path, &self->rails[row].milli_amperes);
    if (self->rails[row].milli_volts >= 0 && self->rails[row].milli_amperes >= 0) {
        take_rail(self, row, where, label);
    } else if (row == self->sample.rail_count) {
        plim_sensor_close(self, &self->rails[row].milli_volts);
        plim_sensor_close(self, &self->rails[row].milli_amperes);
    }
}

static void find_chip(plim_sensors *self, const char *chip)
{
    plim_folder folder;
    char path[96], monitor[128];
    snprintf(path, sizeof(path), DRIVER "/%.24s/hwmon", chip);
    self->call_count += 4;
    if (plim_folder_open(self->root, path, &folder, NULL) != PLIM_OK) {
        return; /* bind, unbind, module and the like */
    }
    for (const char *entry; (entry = plim_folder_next(&folder));) {
        snprintf(monitor, sizeof(monitor), "%s/%.16s", path, entry);
        for (unsigned channel = 1; channel <= CHANNELS; channel++) {
            find_channel(self, monitor, channel);
        }
    }
    plim_folder_close(&folder);
}

static void find_iio_channel(plim_sensors *self, const char *folder, unsigned channel)
{
    char path[160], label[PLIM_TELEMETRY_ROW_NAME], where[sizeof(self->rails[0].where)];
    snprintf(path, sizeof(path), "%s/rail_name_%u", folder, channel);
    if (!plim_sensor_line(self, path, label, sizeof(label)) || !is_connected(label)) {
        return;
    }
    snprintf(where, sizeof(where), IIO "%.60s/%u", folder + sizeof(DRIVER_IIO), channel);
    uint32_t row = row_of(self, where);
    if (row == PLIM_TELEMETRY_RAILS) {
        return;
    }
    snprintf(path, sizeof(path), "%s/in_power%u_input", folder, channel);
    plim_sensor_open(self, path, &self->rails[row].milli_volts);
    if (self->rails[row].milli_volts >= 0) {
        take_rail(self, row, where, label);
    }
}

static void find_iio_chip(plim_sensors *self, const char *chip)
{
    plim_folder folder;
    char path[96], device[128];
    snprintf(path, sizeof(path), DRIVER_IIO "/%.24s", chip);
    self->call_count += 4;
    if (plim_folder_open(self->root, path, &folder, NULL) != PLIM_OK) {
        return;
    }
    for (const char *entry; (entry = plim_folder_next(&folder));) {
        snprintf(device, sizeof(device), "%s/%.24s", path, entry);
        for (unsigned i = 0; strncmp(entry, "iio", 3) == 0 && i < CHANNELS_IIO; i++) {
            find_iio_channel(self, device, i);
        }
    }
    plim_folder_close(&folder);
}

static void walk(plim_sensors *self, const char *path,
                 void (*visit)(plim_sensors *self, const char *name))
{
    plim_folder folder;
    self->call_count += 4;
    if (plim_folder_open(self->root, path, &folder, NULL) == PLIM_OK) {
        for (const char *entry; (entry = plim_folder_next(&folder));) {
            visit(self, entry);
        }
        plim_folder_close(&folder);
    }
}

void plim_rails_find(plim_sensors *self)
{
    walk(self, DRIVER, find_chip);
    walk(self, DRIVER_IIO, find_iio_chip);
}

/* ---- reading ---- */

static int sense_rail(plim_sensors *self, uint32_t row, int64_t *out)
{
    int64_t volts = 0, amperes = 0;
    int error = plim_sensor_number(self, &self->rails[row].milli_volts, &volts);
    if (strncmp(self->rails[row].where, IIO, sizeof(IIO) - 1) == 0) {
        *out = volts;
        return error;
    }
    if (error == 0) {
        error = plim_sensor_number(self, &self->rails[row].milli_amperes, &amperes);
    }
    if (error == 0 && __builtin_mul_overflow(volts, amperes, out)) {
        error = ERANGE;
    }
    *out /= 1000;
    return error;
}

static bool is_input(const char *name)
{
    return strcmp(name, "VDD_IN") == 0 || strcmp(name, "POM_5V_IN") == 0;
}

void plim_rails_sense(plim_sensors *self, uint64_t now_ns)
{
    plim_telemetry_sample *s = &self->sample;
    int64_t sum = 0;
    int why = s->rail_count ? 0 : ENOENT;
    uint32_t input = PLIM_TELEMETRY_RAILS;
    for (uint32_t i = 0; i < s->rail_count; i++) {
        int64_t milliwatts = 0;
        int error = sense_rail(self, i, &milliwatts);
        plim_reading_take(&s->rails[i].reading, error, milliwatts, now_ns);
        if (error || __builtin_add_overflow(sum, milliwatts, &sum)) {
            why = error ? error : ERANGE;
        }
        input = is_input(s->rails[i].name) ? i : input;
    }
    if (input < PLIM_TELEMETRY_RAILS) {
        why = s->rails[input].reading.os_errno;
        sum = s->rails[input].reading.value;
    }
    plim_reading_take(&s->list[PLIM_READ_POWER_TOTAL], why, sum, now_ns);
}
