/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sensors.c - files of sensors, from a kernel that nobody has seen: a reading is missing or
 * one that can be, and a report of it is whole. The first byte picks the file, the rest is its
 * content; all other files are those of an Orin. Names and tables are looked for anew, values are
 * read through the descriptors that are open, as the telemetry does. */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/linux/sensors/sensors.h"
#include "plimsoll/heat.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define GPU "sys/class/devfreq/17000000.gpu/"
#define INA "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/"
#define CPU "sys/devices/system/cpu/"
#define PSI                                                                                        \
    "some avg10=1.05 avg60=0.50 avg300=0.10 total=44\n"                                            \
    "full avg10=0.07 avg60=0.02 avg300=0.00 total=36\n"

static const struct {
    const char *path, *usual;
    uint32_t group;
    bool is_found; /* read when sensors are looked for, not at each sample */
} FILES[] = {
    {"sys/class/thermal/thermal_zone0/temp", "50031\n", PLIM_SENSE_HEAT, false},
    {"sys/class/thermal/thermal_zone0/type", "cpu-thermal\n", PLIM_SENSE_HEAT, true},
    {"sys/class/thermal/cooling_device0/cur_state", "0\n", PLIM_SENSE_HEAT, false},
    {"sys/class/thermal/cooling_device0/type", "cpu-throttle-alert\n", PLIM_SENSE_HEAT, true},
    {"sys/class/hwmon/hwmon1/name", "soctherm_oc\n", PLIM_SENSE_HEAT, true},
    {"sys/class/hwmon/hwmon1/oc1_event_cnt", "7\n", PLIM_SENSE_HEAT, false},
    {GPU "cur_freq", "306000000\n", PLIM_SENSE_CLOCKS, false},
    {GPU "max_freq", "612000000\n", PLIM_SENSE_CLOCKS, false},
    {GPU "available_frequencies", "306000000 918000000\n", PLIM_SENSE_CLOCKS, true},
    {GPU "device/of_node/name", "gpu", PLIM_SENSE_CLOCKS, true},
    {GPU "device/load", "437\n", PLIM_SENSE_CLOCKS, false},
    {GPU "device/tpc_pg_mask", "252\n", PLIM_SENSE_CLOCKS, false},
    {GPU "device/power/runtime_status", "active\n", PLIM_SENSE_CLOCKS, false},
    {GPU "device/power/control", "auto\n", PLIM_SENSE_CLOCKS, true},
    {GPU "device/power/autosuspend_delay_ms", "500\n", PLIM_SENSE_CLOCKS, true},
    {"sys/kernel/debug/bpmp/debug/clk/emc/rate", "2133000000\n", PLIM_SENSE_CLOCKS, false},
    {"sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "3199000000\n", PLIM_SENSE_CLOCKS, true},
    {"sys/kernel/nvpmodel_emc_cap/emc_iso_cap", "0\n", PLIM_SENSE_CLOCKS, false},
    {CPU "online", "0-3,6\n", PLIM_SENSE_CLOCKS, false},
    {CPU "cpufreq/policy0/scaling_cur_freq", "729600\n", PLIM_SENSE_CLOCKS, false},
    {CPU "cpufreq/policy0/scaling_max_freq", "1497600\n", PLIM_SENSE_CLOCKS, false},
    {CPU "cpufreq/policy0/cpuinfo_max_freq", "1984000\n", PLIM_SENSE_CLOCKS, true},
    {INA "in1_label", "VDD_IN\n", PLIM_SENSE_POWER, true},
    {INA "in1_input", "4976\n", PLIM_SENSE_POWER, false},
    {INA "curr1_input", "1552\n", PLIM_SENSE_POWER, false},
    {"proc/pressure/memory", PSI, PLIM_SENSE_MEMORY, false},
    {"proc/meminfo", "MemFree: 1024 kB\nMemAvailable: 2048 kB\nSwapFree: 512 kB\n",
     PLIM_SENSE_MEMORY, false},
    {"proc/vmstat", "oom_kill 1\nallocstall_normal 5\npgmajfault 7\npswpin 1\npswpout 2\n",
     PLIM_SENSE_MEMORY, false},
    {"proc/self/cgroup", "0::/job\n", PLIM_SENSE_MEMORY, true},
    {"sys/fs/cgroup/job/memory.current", "4096\n", PLIM_SENSE_MEMORY, false},
    {"sys/fs/cgroup/job/memory.max", "max\n", PLIM_SENSE_MEMORY, false},
    {"sys/fs/cgroup/job/memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\n",
     PLIM_SENSE_MEMORY, false},
};
#define FILE_COUNT (sizeof(FILES) / sizeof(FILES[0]))

static char root[64];
static int files[FILE_COUNT];
static plim_sensors usual, sensors; /* usual: all found, nothing read */

static void must(bool holds)
{
    if (!holds) {
        abort();
    }
}

static void leave(void)
{
    char command[96];
    snprintf(command, sizeof(command), "rm -r '%s'", root);
    must(system(command) == 0);
}

static void fill(size_t i, const void *bytes, size_t count)
{
    must(ftruncate(files[i], 0) == 0);
    must(pwrite(files[i], bytes, count, 0) == (ssize_t)count);
}

static void start(void)
{
    const bool is_fast = access("/dev/shm", W_OK) == 0;
    snprintf(root, sizeof(root), "%s/fuzz_sensorsXXXXXX", is_fast ? "/dev/shm" : "/tmp");
    must(mkdtemp(root) != NULL);
    atexit(leave);
    for (size_t i = 0; i < FILE_COUNT; i++) {
        char path[256];
        snprintf(path, sizeof(path), "%s/%s", root, FILES[i].path);
        for (char *slash = path + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
            *slash = 0;
            must(mkdir(path, 0700) == 0 || access(path, X_OK) == 0);
            *slash = '/';
        }
        files[i] = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
        must(files[i] >= 0);
        fill(i, FILES[i].usual, strlen(FILES[i].usual));
    }
    plim_sensors_init(&usual, root, PLIM_SENSE_ALL);
    plim_sensors_find(&usual);
    must(usual.file_count >= 15);
}

/* ---- what must hold whatever the files say ---- */

static void check_reading(const plim_reading *r)
{
    must(r->state <= PLIM_READING_STALE);
    must(r->state != PLIM_READING_MISSING || (r->value == 0 && r->read_ns == 0));
    must(r->state != PLIM_READING_FRESH || (r->os_errno == 0 && r->read_ns == 1));
}

static void check_range(plim_telemetry_id id, int64_t least, int64_t most)
{
    must(sensors.sample.list[id].value >= least && sensors.sample.list[id].value <= most);
}

static void check_rows(const plim_telemetry_row *rows, uint32_t count, uint32_t most)
{
    must(count <= most);
    for (uint32_t i = 0; i < count; i++) {
        must(memchr(rows[i].name, 0, sizeof(rows[i].name)) != NULL);
        check_reading(&rows[i].reading);
    }
}

static bool swallow(void *context, const char *text, size_t bytes)
{
    (void)text;
    *(size_t *)context += bytes;
    return true;
}

static void check(void)
{
    const plim_telemetry_sample *s = &sensors.sample;
    plim_heat heat;
    size_t written = 0;
    for (size_t i = 0; i < PLIM_READ_COUNT; i++) {
        check_reading(&s->list[i]);
    }
    check_rows(s->zones, s->zone_count, PLIM_TELEMETRY_ZONES);
    check_rows(s->alerts, s->alert_count, PLIM_TELEMETRY_ALERTS);
    check_rows(s->rails, s->rail_count, PLIM_TELEMETRY_RAILS);
    must(s->clock_count <= PLIM_TELEMETRY_CLOCKS);
    for (uint32_t i = 0; i < s->clock_count; i++) {
        must(memchr(s->clocks[i].name, 0, sizeof(s->clocks[i].name)) != NULL);
        check_reading(&s->clocks[i].now);
        check_reading(&s->clocks[i].cap);
        check_reading(&s->clocks[i].max);
    }
    check_range(PLIM_READ_HOTTEST, -60000, 250000);
    check_range(PLIM_READ_THROTTLED, 0, 1);
    check_range(PLIM_READ_GPU_LOAD, 0, 1000);
    check_range(PLIM_READ_CPUS_ONLINE, 0, 1 << 20);
    check_range(PLIM_READ_PSI_MEMORY_SOME, 0, 10000);
    check_range(PLIM_READ_PSI_MEMORY_FULL, 0, 10000);
    check_range(PLIM_READ_MEMORY_AVAILABLE, 0, INT64_MAX);
    check_range(PLIM_READ_MEMORY_ROOM, 0, INT64_MAX);
    plim_heat_of(s, &heat);
    must(plim_heat_json(&heat, swallow, &written, NULL) == PLIM_OK && written > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0) {
        return 0;
    }
    if (!root[0]) {
        start();
    }
    const size_t i = data[0] % FILE_COUNT;
    const uint32_t group = FILES[i].group;
    fill(i, data + 1, size - 1);
    if (FILES[i].is_found) {
        plim_sensors_init(&sensors, root, group);
        plim_sensors_find(&sensors);
    } else {
        memcpy(&sensors, &usual, sizeof(sensors));
    }
    plim_sensors_read(&sensors, group, 1);
    check();
    if (FILES[i].is_found) {
        plim_sensors_close(&sensors);
    }
    fill(i, FILES[i].usual, strlen(FILES[i].usual));
    return 0;
}
