/* SPDX-License-Identifier: Apache-2.0 */
/* bench_telemetry.c - what it costs to know how the machine is.
 *
 * usage: bench_telemetry [--quick] [--root DIR]
 *
 * Decides nothing. Polls one after another, so that their cost is not lost in the noise of a
 * second's sleep: CPU time of the calling thread a poll, and as a share of a core at one poll a
 * second; system calls as the sensors count them (one pread a file). Three sets of
 * files: this machine's, those of an Orin NX with every sensor as ordinary files in TMPDIR, and
 * DIR's. Ordinary files are cheaper to read than a sensor behind I2C, which sleeps and so costs
 * little CPU time, but time. Then the thread itself for a minute at 1 Hz, everything included;
 * then readers: alone, against the thread at 1 kHz, and against a writer without a pause.
 * Line one names machine, kernel and flags; then TSV, nanoseconds. Time never gates.
 */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arena/snapshot.h"
#include "bench/support/ticks.h"
#include "platform/linux/sensors/sensors.h"

static plim_sensors sensors;
static plim_telemetry *telemetry;
static plim_telemetry_sample sample;
static double tick_ns;

static void fail(const char *what)
{
    fprintf(stderr, "bench_telemetry: %s\n", what);
    exit(1);
}

static uint64_t cpu_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

/* ---- an Orin NX of JetPack 6 with every sensor ---- */

static char orin[600];

static void put(const char *text, const char *format, const char *name, unsigned n)
{
    char path[900];
    size_t used = (size_t)snprintf(path, sizeof(path), "%s/", orin);
    if (strchr(format, '%')) {
        snprintf(path + used, sizeof(path) - used, format, n, name);
    } else {
        snprintf(path + used, sizeof(path) - used, "%s%s", format, name);
    }
    for (char *at = path + used; (at = strchr(at, '/')); at++) {
        *at = 0;
        mkdir(path, 0755);
        *at = '/';
    }
    FILE *file = fopen(path, "w");
    if (!file || fputs(text, file) < 0 || fclose(file) != 0) {
        fail("TMPDIR cannot be written");
    }
}

static void copy_of(const char *path)
{
    static char text[32768];
    char from[128];
    snprintf(from, sizeof(from), "/%s", path);
    FILE *file = fopen(from, "r");
    text[file ? fread(text, 1, sizeof(text) - 1, file) : 0] = 0;
    if (file) {
        fclose(file);
        put(text, path, "", 0);
    }
}

static void make_orin(void)
{
    static const char *const ZONES[] = {"cpu",  "gpu",  "cv0",  "cv1", "cv2",
                                        "soc0", "soc1", "soc2", "tj"};
    static const char *const RAILS[] = {"VDD_IN", "VDD_CPU_GPU_CV", "VDD_SOC"};
    char type[64];
    for (unsigned i = 0; i < 9; i++) {
        snprintf(type, sizeof(type), "%s-thermal\n", ZONES[i]);
        put(type, "sys/class/thermal/thermal_zone%u/%s", "type", i);
        put("51250\n", "sys/class/thermal/thermal_zone%u/%s", "temp", i);
        snprintf(type, sizeof(type), "%s%s\n", i == 8 ? "hot-surface" : ZONES[i],
                 i == 8 ? "-alert" : "-throttle-alert");
        put(type, "sys/class/thermal/cooling_device%u/%s", "type", i);
        put("0\n", "sys/class/thermal/cooling_device%u/%s", "cur_state", i);
    }
    put("soctherm_oc\n", "sys/class/hwmon/hwmon0/", "name", 0);
    for (unsigned i = 1; i <= 3; i++) {
        put("0\n", "sys/class/hwmon/hwmon0/oc%u_%s", "event_cnt", i);
        snprintf(type, sizeof(type), "%s\n", RAILS[i - 1]);
        put(type, "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/in%u_%s", "label", i);
        put("4976\n", "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/in%u_%s", "input", i);
        put("1552\n", "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/curr%u_%s", "input", i);
    }
    for (unsigned i = 0; i < 8; i += 4) {
        put("729600\n", "sys/devices/system/cpu/cpufreq/policy%u/%s", "scaling_cur_freq", i);
        put("1984000\n", "sys/devices/system/cpu/cpufreq/policy%u/%s", "scaling_max_freq", i);
        put("1984000\n", "sys/devices/system/cpu/cpufreq/policy%u/%s", "cpuinfo_max_freq", i);
    }
    static const char *const GPU[][2] = {{"cur_freq", "306000000\n"},
                                         {"max_freq", "918000000\n"},
                                         {"available_frequencies", "306000000 918000000\n"},
                                         {"device/load", "437\n"},
                                         {"device/tpc_pg_mask", "240\n"},
                                         {"device/power/runtime_status", "active\n"}};
    for (size_t i = 0; i < sizeof(GPU) / sizeof(GPU[0]); i++) {
        put(GPU[i][1], "sys/class/devfreq/17000000.gpu/", GPU[i][0], 0);
    }
    put("2133000000\n", "sys/kernel/debug/bpmp/debug/clk/emc/", "rate", 0);
    put("3199000000\n", "sys/kernel/debug/bpmp/debug/clk/emc/", "max_rate", 0);
    put("0\n", "sys/kernel/nvpmodel_emc_cap/", "emc_iso_cap", 0);
    put("0-7\n", "sys/devices/system/cpu/", "online", 0);
    copy_of("proc/meminfo");
    copy_of("proc/vmstat");
    copy_of("proc/pressure/memory");
    copy_of("proc/pressure/cpu");
    copy_of("proc/pressure/io");
}

/* ---- polls ---- */

static void measure_polls(const char *name, const char *root, size_t count)
{
    plim_sensors_init(&sensors, root, PLIM_SENSE_ALL);
    uint64_t from = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    plim_sensors_find(&sensors);
    uint64_t find_ns = cpu_ns(CLOCK_THREAD_CPUTIME_ID) - from;
    uint32_t find_calls = sensors.call_count;
    uint64_t *times = malloc(count * sizeof(*times));
    if (!times) {
        fail("no memory");
    }
    for (size_t i = 0; i < count / 10; i++) {
        plim_sensors_read(&sensors, PLIM_SENSE_ALL, ticks_clock_ns());
    }
    uint32_t calls = sensors.call_count;
    from = cpu_ns(CLOCK_THREAD_CPUTIME_ID);
    for (size_t i = 0; i < count; i++) {
        uint64_t begin = ticks_begin();
        plim_sensors_read(&sensors, PLIM_SENSE_ALL, ticks_clock_ns());
        times[i] = ticks_end() - begin;
    }
    double cpu = (double)(cpu_ns(CLOCK_THREAD_CPUTIME_ID) - from) / (double)count;
    qsort(times, count, sizeof(*times), by_value);
    printf("poll, %s\t%zu\t%.0f\t%.0f\tcpu_ns=%.0f share=%.5f%% calls=%.1f files=%u "
           "search_ns=%llu search_calls=%u\n",
           name, count, (double)times[count / 2] * tick_ns,
           (double)times[count / 100 * 99] * tick_ns, cpu, cpu / 1e7,
           (double)(sensors.call_count - calls) / (double)count, sensors.file_count,
           (unsigned long long)find_ns, find_calls);
    free(times);
    plim_sensors_close(&sensors);
}

static void open_thread(const char *root, uint32_t period_ms)
{
    plim_telemetry_opts o = plim_telemetry_opts_default();
    o.root = root;
    o.period_ms = period_ms;
    if (plim_telemetry_open(&o, &telemetry, NULL) != PLIM_OK) {
        fail("no telemetry");
    }
}

/* The whole process sleeps but for the thread, so its CPU time is the thread's. */
static void measure_thread(const char *name, const char *root, unsigned seconds)
{
    open_thread(root, 1000);
    sleep(1);
    uint64_t cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID), wall = ticks_clock_ns();
    plim_telemetry_read(telemetry, &sample);
    uint64_t from = sample.number;
    sleep(seconds);
    plim_telemetry_read(telemetry, &sample);
    cpu = cpu_ns(CLOCK_PROCESS_CPUTIME_ID) - cpu;
    wall = ticks_clock_ns() - wall;
    printf("thread at 1 Hz, %s\t%llu\t-\t-\tcpu_ns=%.0f share=%.5f%% seconds=%.0f late=%u\n", name,
           (unsigned long long)(sample.number - from), (double)cpu / (double)(sample.number - from),
           100.0 * (double)cpu / (double)wall, (double)wall / 1e9, sample.late_count);
    plim_telemetry_close(telemetry);
}

/* ---- readers ---- */

static void read_sample(void)
{
    plim_telemetry_read(telemetry, &sample);
}

static snapshot *board;
static _Atomic bool is_over;
static uint64_t most_attempts, last_resorts;

static void read_snapshot(void)
{
    uint32_t attempts = snapshot_read(board, &sample, NULL);
    most_attempts = attempts > most_attempts ? attempts : most_attempts;
    last_resorts += attempts > SNAPSHOT_ATTEMPTS;
}

static void *publish_until_over(void *argument)
{
    static plim_telemetry_sample mine;
    (void)argument;
    while (!is_over) {
        mine.number++;
        (void)snapshot_put(board, &mine);
    }
    return NULL;
}

static void measure_reader(const char *name, void (*call)(void), size_t count)
{
    uint64_t *times = malloc(count * sizeof(*times));
    if (!times) {
        fail("no memory");
    }
    most_attempts = last_resorts = 0;
    for (size_t i = 0; i < count / 10 + count; i++) {
        uint64_t from = ticks_begin();
        call();
        uint64_t took = ticks_end() - from;
        if (i >= count / 10) {
            times[i - count / 10] = took;
        }
    }
    qsort(times, count, sizeof(*times), by_value);
    printf("%s\t%zu\t%.0f\t%.0f\tp99.9=%.0f most_attempts=%llu last_resorts=%llu\n", name, count,
           (double)times[count / 2] * tick_ns, (double)times[count / 100 * 99] * tick_ns,
           (double)times[count / 1000 * 999] * tick_ns, (unsigned long long)most_attempts,
           (unsigned long long)last_resorts);
    free(times);
}

static void measure_readers(size_t count)
{
    pthread_t writer;
    open_thread(orin, 3600000);
    measure_reader("read, quiet", read_sample, count);
    plim_telemetry_close(telemetry);
    open_thread(orin, 1);
    measure_reader("read, thread at 1 kHz", read_sample, count);
    plim_telemetry_close(telemetry);
    board = aligned_alloc(64, snapshot_footprint_bytes(sizeof(sample)));
    if (!board) {
        fail("no memory");
    }
    memset((void *)board, 0, snapshot_footprint_bytes(sizeof(sample)));
    (void)snapshot_init(board, sizeof(sample));
    measure_reader("snapshot, quiet", read_snapshot, count);
    if (pthread_create(&writer, NULL, publish_until_over, NULL) == 0) {
        measure_reader("snapshot, writer without a pause", read_snapshot, count);
        is_over = true;
        pthread_join(writer, NULL);
    }
    free((void *)board);
}

int main(int argc, char **argv)
{
    bool is_quick = false;
    const char *root = NULL, *folder = getenv("TMPDIR");
    struct utsname u;
    for (int i = 1; i < argc; i++) {
        is_quick = is_quick || strcmp(argv[i], "--quick") == 0;
        root = strcmp(argv[i], "--root") == 0 && i + 1 < argc ? argv[++i] : root;
    }
    tick_ns = ticks_ns();
    uname(&u);
    printf("# %s %s, plimsoll %s, checks %d, %s, sample %zu bytes\n", u.machine, u.release,
           plim_version(), PLIM_CHECKS, TICKS_SOURCE, sizeof(sample));
    printf("name\tn\tp50\tp99\tmore\n");
    snprintf(orin, sizeof(orin), "%.400s/bench_telemetry.%d", folder ? folder : "/tmp", getpid());
    if (mkdir(orin, 0755) != 0) {
        fail("TMPDIR cannot be written");
    }
    make_orin();
    size_t polls = is_quick ? 500 : 60000;
    measure_polls("this machine", "", polls);
    measure_polls("Orin NX tree", orin, polls);
    if (root) {
        measure_polls(root, root, polls);
    }
    measure_thread("this machine", "", is_quick ? 2 : 60);
    measure_thread("Orin NX tree", orin, is_quick ? 2 : 60);
    measure_readers(is_quick ? 20000 : 1000000);
    char command[700];
    snprintf(command, sizeof(command), "rm -rf '%s'", orin);
    return system(command) == 0 ? 0 : 1;
}
