/* SPDX-License-Identifier: Apache-2.0 */
/* sensors.h - the kernel's files that say how the machine is, found once and read often.
 *
 * A file is opened when it is found and read again with pread at offset 0, which makes procfs,
 * sysfs and debugfs produce it anew: one system call a file. What is not there is looked for
 * again when plim_sensors_find is called. The values go straight into one sample
 * (plimsoll/telemetry.h), whose readings keep what they had when a later try fails.
 * No heap; all tables are bounded, and what does not fit is counted in sample.left_out.
 */
#ifndef PLATFORM_LINUX_SENSORS_H
#define PLATFORM_LINUX_SENSORS_H

#include "plimsoll/telemetry.h"

#define SENSOR_TEXT_BYTES 16384u /* /proc/vmstat has some 5 KB */

typedef enum plim_sensor_group {
    PLIM_SENSE_HEAT = 1,   /* zones, alerts, over-current */
    PLIM_SENSE_CLOCKS = 2, /* processors and memory controller, cores online, GPU load */
    PLIM_SENSE_POWER = 4,
    PLIM_SENSE_MEMORY = 8, /* meminfo, vmstat, control group, pressure stall information */
    PLIM_SENSE_ALL = 15,
} plim_sensor_group;

typedef struct plim_gpu_files {
    char folder[96]; /* of its devfreq entry; "" until it is found */
    int load, runtime_status, railgated, tpc_mask;
    bool never_sleeps;           /* its power is not managed, or railgating is off */
    uint64_t delay_ns;           /* after which it goes to sleep when idle */
    uint64_t load_not_before_ns; /* reading the load again earlier would keep it awake */
} plim_gpu_files;

typedef struct plim_group_files {
    char folder[512];
    uint32_t version; /* 0: none */
    int usage, limit, events, fail_count;
} plim_group_files;

typedef struct plim_sensors {
    const char *root; /* kept */
    uint32_t groups, call_count, file_count;
    plim_telemetry_sample sample; /* the header fields that count are the caller's to fill */
    int zones[PLIM_TELEMETRY_ZONES], alerts[PLIM_TELEMETRY_ALERTS];
    uint16_t zone_numbers[PLIM_TELEMETRY_ZONES], alert_numbers[PLIM_TELEMETRY_ALERTS];
    int over_current[3];
    struct {
        int milli_volts, milli_amperes; /* or milli_amperes -1 and milli_volts a file of mW */
        char where[72];                 /* which it is, to know it again */
    } rails[PLIM_TELEMETRY_RAILS];
    struct {
        int now, cap;
        int64_t max, scale; /* Hz; of one unit of the files */
    } clocks[PLIM_TELEMETRY_CLOCKS];
    uint16_t cpu_numbers[PLIM_TELEMETRY_CLOCKS];
    int emc_cap, online;
    plim_gpu_files gpu;
    plim_group_files group;
    int pressure[3], meminfo, vmstat;
    char text[SENSOR_TEXT_BYTES];
} plim_sensors;

/* plim_sensors_init - nothing found yet. @root is kept; "" is this machine. */
void plim_sensors_init(plim_sensors *self, const char *root, uint32_t groups);
/* plim_sensors_find - look for files of our groups that are not open. Cost: some hundred calls. */
void plim_sensors_find(plim_sensors *self);
/* plim_sensors_read - read @groups, those of ours, into self->sample, as of @now_ns. */
void plim_sensors_read(plim_sensors *self, uint32_t groups, uint64_t now_ns);
void plim_sensors_close(plim_sensors *self);

/* ---- one file (sensor_files.c) ---- */

/* Opens @path into *@fd, unless it is open already. */
void plim_sensor_open(plim_sensors *self, const char *path, int *fd);
void plim_sensor_close(plim_sensors *self, int *fd);
/* The whole file into self->text, terminated; 0 or errno. ENODATA: empty. A device that has gone
 * is closed, so that it is looked for again. */
int plim_sensor_text(plim_sensors *self, int *fd);
/* A number and nothing else; decimal or 0x. */
int plim_sensor_number(plim_sensors *self, int *fd, int64_t *out);
bool plim_sensor_parse(const char *text, int64_t *out);
/* A small file that is read once: without its newline; false when unreadable or empty. */
bool plim_sensor_line(plim_sensors *self, const char *path, char *out, size_t room);

/* @error 0: @value is fresh. Else what is known stays, and why it could not be renewed. */
void plim_reading_take(plim_reading *self, int error, int64_t value, uint64_t now_ns);
/* There is nothing to know: MISSING, without a fault. */
void plim_reading_clear(plim_reading *self);

/* ---- the groups ---- */
void plim_thermal_find(plim_sensors *self);
void plim_thermal_sense(plim_sensors *self, uint64_t now_ns);
void plim_clocks_find(plim_sensors *self);
void plim_clocks_sense(plim_sensors *self, uint64_t now_ns);
void plim_gpu_find(plim_sensors *self);
void plim_gpu_sense(plim_sensors *self, uint64_t now_ns);
void plim_rails_find(plim_sensors *self);
void plim_rails_sense(plim_sensors *self, uint64_t now_ns);
void plim_pressure_find(plim_sensors *self);
void plim_pressure_sense(plim_sensors *self, uint64_t now_ns);
void plim_memory_find(plim_sensors *self);
void plim_memory_sense(plim_sensors *self, uint64_t now_ns);

/* Clocks: their places in the table. */
#define PLIM_CLOCK_GPU       0u
#define PLIM_CLOCK_EMC       1u
#define PLIM_CLOCK_FIRST_CPU 2u
void plim_clock_sense(plim_sensors *self, uint32_t clock, bool is_asleep, uint64_t now_ns);
/* The highest of a list such as available_frequencies; 0 when there is none. */
int64_t plim_highest_number(const char *text);

#endif
