/* SPDX-License-Identifier: Apache-2.0 */
/* test_sensors.c - boards in a folder, and the exact values that come out of them.
 *
 * The trees are constructed from public descriptions of the boards' sysfs, none was captured. */
#include <errno.h>

#include "platform/linux/sensors/sensors.h"
#include "test/support/cm.h"
#include "test/support/made_tree.h"

#define SECOND      1000000000ull
#define COUNT(list) (sizeof(list) / sizeof((list)[0]))

static plim_sensors sensors;

static void open_all(void)
{
    plim_sensors_init(&sensors, tree_root, PLIM_SENSE_ALL);
    plim_sensors_find(&sensors);
}

static const plim_telemetry_sample *read_at(uint64_t now_ns)
{
    plim_sensors_read(&sensors, PLIM_SENSE_ALL, now_ns);
    return &sensors.sample;
}

static void assert_fresh(const plim_reading *r, int64_t value, uint64_t now_ns)
{
    assert_int_equal(r->os_errno, 0);
    assert_int_equal(r->state, PLIM_READING_FRESH);
    assert_int_equal(r->value, value);
    assert_int_equal(r->read_ns, now_ns);
}

static void assert_missing(const plim_reading *r)
{
    assert_int_equal(r->state, PLIM_READING_MISSING);
    assert_int_equal(r->value, 0);
    assert_int_equal(r->read_ns, 0);
}

static const plim_telemetry_row *row_named(const plim_telemetry_row *rows, uint32_t count,
                                           const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(rows[i].name, name) == 0) {
            return &rows[i];
        }
    }
    fail_msg("no row named %s", name);
    return NULL;
}

/* ---- boards ---- */

#define ZONE(n, name, milli)                                                                       \
    {"sys/class/thermal/thermal_zone" #n "/type", name "\n"},                                      \
    {                                                                                              \
        "sys/class/thermal/thermal_zone" #n "/temp", milli "\n"                                    \
    }
#define ALERT(n, name, level)                                                                      \
    {"sys/class/thermal/cooling_device" #n "/type", name "\n"},                                    \
    {                                                                                              \
        "sys/class/thermal/cooling_device" #n "/cur_state", level "\n"                             \
    }
#define GPU_JP6 "sys/class/devfreq/17000000.gpu/"
#define GPU_JP5 "sys/class/devfreq/17000000.ga10b/"
#define INA     "sys/bus/i2c/drivers/ina3221/1-0040/hwmon/hwmon3/"
#define POLICY0 "sys/devices/system/cpu/cpufreq/policy0/"
#define POLICY4 "sys/devices/system/cpu/cpufreq/policy4/"

static const tree_file ORIN_JP6[] = {
    ZONE(0, "cpu-thermal", "50031"),
    ZONE(1, "gpu-thermal", "49031"),
    ZONE(2, "cv0-thermal", ""),
    ZONE(3, "tj-thermal", "51250"),
    ALERT(0, "pwm-fan", "3"),
    ALERT(1, "cpu-throttle-alert", "0"),
    ALERT(2, "hot-surface-alert", "0"),
    {"sys/class/hwmon/hwmon1/name", "soctherm_oc\n"},
    {"sys/class/hwmon/hwmon1/oc1_event_cnt", "0\n"},
    {"sys/class/hwmon/hwmon1/oc2_event_cnt", "0\n"},
    {"sys/class/hwmon/hwmon1/oc3_event_cnt", "7\n"},
    {GPU_JP6 "cur_freq", "306000000\n"},
    {GPU_JP6 "max_freq", "612000000\n"},
    {GPU_JP6 "available_frequencies", "306000000 408000000 612000000 918000000\n"},
    {GPU_JP6 "device/of_node/name", "gpu"},
    {GPU_JP6 "device/load", "437\n"},
    {GPU_JP6 "device/tpc_pg_mask", "252\n"},
    {GPU_JP6 "device/power/runtime_status", "active\n"},
    {GPU_JP6 "device/power/control", "auto\n"},
    {GPU_JP6 "device/power/autosuspend_delay_ms", "500\n"},
    {"sys/kernel/debug/bpmp/debug/clk/emc/rate", "2133000000\n"},
    {"sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "3199000000\n"},
    {"sys/kernel/nvpmodel_emc_cap/emc_iso_cap", "2133000000\n"},
    {"sys/devices/system/cpu/online", "0-3,6\n"},
    {POLICY0 "scaling_cur_freq", "729600\n"},
    {POLICY0 "scaling_max_freq", "1497600\n"},
    {POLICY0 "cpuinfo_max_freq", "1984000\n"},
    {POLICY4 "scaling_cur_freq", "1190400\n"},
    {POLICY4 "scaling_max_freq", "1497600\n"},
    {POLICY4 "cpuinfo_max_freq", "1984000\n"},
    {INA "in1_label", "VDD_IN\n"},
    {INA "in1_input", "4976\n"},
    {INA "curr1_input", "1552\n"},
    {INA "in2_label", "VDD_CPU_GPU_CV\n"},
    {INA "in2_input", "4968\n"},
    {INA "curr2_input", "184\n"},
    {INA "in3_label", "NC\n"},
    {INA "in3_input", "4968\n"},
    {INA "curr3_input", "999\n"},
    {INA "in7_label", "sum of shunt voltages\n"},
    {INA "in7_input", "9\n"},
    {"proc/pressure/memory", "some avg10=1.05 avg60=0.50 avg300=0.10 total=44754511\n"
                             "full avg10=0.07 avg60=0.02 avg300=0.00 total=36724479\n"},
    {"proc/pressure/cpu", "some avg10=100.00 avg60=9.00 avg300=2.00 total=5\n"},
    {"proc/meminfo", "MemTotal: 15656000 kB\nMemFree: 1024 kB\nMemAvailable: 2048 kB\n"
                     "SwapFree: 512 kB\n"},
    {"proc/vmstat",
     "nr_free_pages 3\nallocstall_dma 1\nallocstall_normal 2\nallocstall_movable 40\n"
     "pgmajfault 991\npswpin 5\npswpout 6\noom_kill 2\n"},
    {"proc/self/mountinfo", "30 1 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - cgroup2 cgroup2 rw\n"},
    {"proc/self/cgroup", "0::/robot.slice\n"},
    {"sys/fs/cgroup/robot.slice/memory.current", "1000000\n"},
    {"sys/fs/cgroup/robot.slice/memory.max", "1500000\n"},
    {"sys/fs/cgroup/robot.slice/memory.events",
     "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\noom_group_kill 0\n"},
};

static void an_orin_of_jetpack_6_gives_its_exact_values(void **state)
{
    (void)state;
    tree_new("jp6");
    tree_fill(ORIN_JP6, COUNT(ORIN_JP6));
    open_all();

    const plim_telemetry_sample *s = read_at(5 * SECOND);

    assert_int_equal(s->zone_count, 4);
    assert_fresh(&row_named(s->zones, s->zone_count, "cpu")->reading, 50031, 5 * SECOND);
    assert_fresh(&row_named(s->zones, s->zone_count, "tj")->reading, 51250, 5 * SECOND);
    assert_missing(&row_named(s->zones, s->zone_count, "cv0")->reading);
    assert_fresh(&s->list[PLIM_READ_HOTTEST], 51250, 5 * SECOND);
    assert_string_equal(s->zones[s->hottest].name, "tj");
    assert_int_equal(s->alert_count, 2);
    assert_fresh(&s->list[PLIM_READ_THROTTLED], 0, 5 * SECOND);
    assert_fresh(&s->list[PLIM_READ_OVER_CURRENT_3], 7, 5 * SECOND);
    assert_string_equal(s->clocks[0].name, "gpu");
    assert_fresh(&s->clocks[0].now, 306000000, 5 * SECOND);
    assert_fresh(&s->clocks[0].cap, 612000000, 5 * SECOND);
    assert_fresh(&s->clocks[0].max, 918000000, 5 * SECOND);
    assert_string_equal(s->clocks[1].name, "emc");
    assert_fresh(&s->clocks[1].now, 2133000000, 5 * SECOND);
    assert_fresh(&s->clocks[1].cap, 2133000000, 5 * SECOND);
    assert_fresh(&s->clocks[1].max, 3199000000, 5 * SECOND);
    assert_int_equal(s->clock_count, 4);
    assert_string_equal(s->clocks[3].name, "cpu4");
    assert_fresh(&s->clocks[3].now, 1190400000, 5 * SECOND);
    assert_fresh(&s->clocks[3].cap, 1497600000, 5 * SECOND);
    assert_fresh(&s->clocks[3].max, 1984000000, 5 * SECOND);
    assert_fresh(&s->list[PLIM_READ_GPU_ASLEEP], 0, 5 * SECOND);
    assert_fresh(&s->list[PLIM_READ_GPU_LOAD], 437, 5 * SECOND);
    assert_fresh(&s->list[PLIM_READ_GPU_TPC_MASK], 252, 5 * SECOND);
    assert_fresh(&s->list[PLIM_READ_CPUS_ONLINE], 5, 5 * SECOND);
    plim_sensors_close(&sensors);
}

static void an_orin_s_power_pressure_and_memory_are_exact_too(void **state)
{
    (void)state;
    tree_new("jp6b");
    tree_fill(ORIN_JP6, COUNT(ORIN_JP6));
    open_all();

    const plim_telemetry_sample *s = read_at(1);

    assert_int_equal(s->rail_count, 2); /* neither NC nor the sum */
    assert_fresh(&row_named(s->rails, s->rail_count, "VDD_IN")->reading, 4976 * 1552 / 1000, 1);
    assert_fresh(&row_named(s->rails, s->rail_count, "VDD_CPU_GPU_CV")->reading, 914, 1);
    assert_fresh(&s->list[PLIM_READ_POWER_TOTAL], 7722, 1);
    assert_fresh(&s->list[PLIM_READ_PSI_MEMORY_SOME], 105, 1);
    assert_fresh(&s->list[PLIM_READ_PSI_MEMORY_FULL], 7, 1);
    assert_fresh(&s->list[PLIM_READ_PSI_MEMORY_SOME_US], 44754511, 1);
    assert_fresh(&s->list[PLIM_READ_PSI_MEMORY_FULL_US], 36724479, 1);
    assert_fresh(&s->list[PLIM_READ_PSI_CPU_SOME], 10000, 1);
    assert_missing(&s->list[PLIM_READ_PSI_CPU_FULL]); /* kernels before 5.13 */
    assert_missing(&s->list[PLIM_READ_PSI_IO_SOME]);
    assert_fresh(&s->list[PLIM_READ_MEMORY_AVAILABLE], 2048 * 1024, 1);
    assert_fresh(&s->list[PLIM_READ_MEMORY_FREE], 1024 * 1024, 1);
    assert_fresh(&s->list[PLIM_READ_SWAP_FREE], 512 * 1024, 1);
    assert_fresh(&s->list[PLIM_READ_ALLOC_STALL], 43, 1);
    assert_fresh(&s->list[PLIM_READ_MAJOR_FAULT], 991, 1);
    assert_fresh(&s->list[PLIM_READ_SWAP_IN], 5, 1);
    assert_fresh(&s->list[PLIM_READ_SWAP_OUT], 6, 1);
    assert_fresh(&s->list[PLIM_READ_OOM_KILL], 2, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_USAGE], 1000000, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_LIMIT], 1500000, 1);
    assert_fresh(&s->list[PLIM_READ_MEMORY_ROOM], 500000, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_LOW], 1, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_HIGH], 2, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_MAX], 3, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_OOM], 4, 1);
    assert_fresh(&s->list[PLIM_READ_GROUP_OOM_KILL], 5, 1);
    assert_missing(&s->list[PLIM_READ_GROUP_UNDER_OOM]);
    plim_sensors_close(&sensors);
}

static void an_orin_of_jetpack_5_has_upper_case_zones_and_no_pressure(void **state)
{
    (void)state;
    static const tree_file FILES[] = {
        ZONE(0, "CPU-therm", "48500"),       ZONE(1, "GPU-therm", "-256000"),
        ZONE(2, "Tboard_tegra", "39000"),    ZONE(3, "tj-therm", "48500"),
        {GPU_JP5 "cur_freq", "408000000\n"}, {GPU_JP5 "max_freq", "918000000\n"},
        {GPU_JP5 "device/load", "0\n"},      {GPU_JP5 "device/railgate_enable", "1\n"},
    };
    tree_new("jp5");
    tree_fill(FILES, COUNT(FILES));
    open_all();

    const plim_telemetry_sample *s = read_at(2);

    assert_string_equal(s->zones[0].name, "cpu");
    assert_string_equal(s->zones[2].name, "tboard_tegra");
    assert_missing(&s->zones[1].reading);
    assert_int_equal(s->zones[1].reading.os_errno, EAGAIN); /* asleep */
    assert_fresh(&s->list[PLIM_READ_HOTTEST], 48500, 2);
    assert_string_equal(s->zones[s->hottest].name, "cpu"); /* the first of equals */
    assert_missing(&s->list[PLIM_READ_THROTTLED]);
    assert_fresh(&s->clocks[0].now, 408000000, 2);
    assert_missing(&s->clocks[0].max);
    assert_missing(&s->list[PLIM_READ_GPU_LOAD]); /* nobody can say whether it sleeps */
    assert_missing(&s->list[PLIM_READ_PSI_MEMORY_SOME]);
    plim_sensors_close(&sensors);
}

static void a_thor_has_its_memory_clock_without_root_and_no_load(void **state)
{
    (void)state;
    static const tree_file FILES[] = {
        ZONE(0, "cpu-thermal", "37343"),
        ZONE(1, "soc012-thermal", "37468"),
        ZONE(2, "tj-thermal", "38875"),
        {"sys/class/devfreq/gpu-gpc-0/cur_freq", "314000000\n"},
        {"sys/class/devfreq/gpu-gpc-0/max_freq", "1575000000\n"},
        {"sys/class/devfreq/gpu-nvd-0/cur_freq", "999\n"},
        {"sys/class/devfreq/bwmgr/cur_freq", "2750000000\n"},
        {"sys/class/devfreq/bwmgr/max_freq", "4266000000\n"},
        {"sys/class/devfreq/bwmgr/available_frequencies", "665600000 2750000000 4266000000\n"},
        {INA "in1_label", "VDD_GPU\n"},
        {INA "in1_input", "12000\n"},
        {INA "curr1_input", "163\n"},
        {INA "in2_label", "VDD_CPU_SOC_MSS\n"},
        {INA "in2_input", "12000\n"},
        {INA "curr2_input", "500\n"},
    };
    tree_new("thor");
    tree_fill(FILES, COUNT(FILES));
    open_all();

    const plim_telemetry_sample *s = read_at(3);

    assert_string_equal(s->zones[1].name, "soc012");
    assert_fresh(&s->clocks[0].now, 314000000, 3);
    assert_fresh(&s->clocks[0].cap, 1575000000, 3);
    assert_fresh(&s->clocks[1].now, 2750000000, 3);
    assert_fresh(&s->clocks[1].cap, 4266000000, 3);
    assert_fresh(&s->clocks[1].max, 4266000000, 3);
    assert_missing(&s->list[PLIM_READ_GPU_LOAD]);
    assert_fresh(&s->list[PLIM_READ_POWER_TOTAL], 1956 + 6000, 3); /* no input rail: the sum */
    plim_sensors_close(&sensors);
}

static void a_xavier_is_recognised_by_its_node_and_ignores_the_pmic(void **state)
{
    (void)state;
    static const tree_file FILES[] = {
        ZONE(0, "AO-therm", "40500"),
        ZONE(1, "PMIC-Die", "100000"),
        {"sys/class/devfreq/17000000.gv11b/cur_freq", "114750000\n"},
        {"sys/class/devfreq/17000000.gv11b/max_freq", "1377000000\n"},
        {"sys/class/devfreq/17000000.gv11b/device/load", "12\n"},
        {"sys/class/devfreq/17000000.gv11b/device/railgate_enable", "0\n"},
        {"sys/class/devfreq/15480000.nvdec/cur_freq", "1\n"},
    };
    tree_new("xavier");
    tree_fill(FILES, COUNT(FILES));
    open_all();

    const plim_telemetry_sample *s = read_at(4);

    assert_int_equal(s->zone_count, 1);
    assert_fresh(&s->list[PLIM_READ_HOTTEST], 40500, 4);
    assert_fresh(&s->clocks[0].now, 114750000, 4);
    assert_fresh(&s->list[PLIM_READ_GPU_LOAD], 12, 4); /* railgating is off: it never sleeps */
    plim_sensors_close(&sensors);
}

static void a_nano_of_jetpack_4_has_its_rails_in_iio(void **state)
{
    (void)state;
    static const tree_file FILES[] = {
        {"sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_0", "POM_5V_IN\n"},
        {"sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power0_input", "2345\n"},
        {"sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/rail_name_1", "POM_5V_GPU\n"},
        {"sys/bus/i2c/drivers/ina3221x/6-0040/iio:device0/in_power1_input", "81\n"},
        {"sys/class/devfreq/57000000.gpu/cur_freq", "76800000\n"},
        {"sys/class/devfreq/57000000.gpu/device/of_node/name", "gpu"},
        {"proc/vmstat", "allocstall 12\noom_kill 0\n"},
        {"proc/self/mountinfo", "33 1 0:29 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory\n"},
        {"proc/self/cgroup", "4:memory:/\n"},
        {"sys/fs/cgroup/memory/memory.usage_in_bytes", "4096\n"},
        {"sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n"},
        {"sys/fs/cgroup/memory/memory.failcnt", "203\n"},
        {"sys/fs/cgroup/memory/memory.oom_control",
         "oom_kill_disable 0\nunder_oom 1\noom_kill 9\n"},
    };
    tree_new("nano");
    tree_fill(FILES, COUNT(FILES));
    open_all();

    const plim_telemetry_sample *s = read_at(6);

    assert_fresh(&row_named(s->rails, s->rail_count, "POM_5V_GPU")->reading, 81, 6);
    assert_fresh(&s->list[PLIM_READ_POWER_TOTAL], 2345, 6);
    assert_fresh(&s->clocks[0].now, 76800000, 6);
    assert_fresh(&s->list[PLIM_READ_ALLOC_STALL], 12, 6);
    assert_fresh(&s->list[PLIM_READ_GROUP_USAGE], 4096, 6);
    assert_missing(&s->list[PLIM_READ_GROUP_LIMIT]); /* "no limit" is a number there */
    assert_int_equal(s->list[PLIM_READ_GROUP_LIMIT].os_errno, 0);
    assert_fresh(&s->list[PLIM_READ_GROUP_MAX], 203, 6);
    assert_fresh(&s->list[PLIM_READ_GROUP_UNDER_OOM], 1, 6);
    assert_fresh(&s->list[PLIM_READ_GROUP_OOM_KILL], 9, 6);
    plim_sensors_close(&sensors);
}

static void an_empty_machine_is_missing_everywhere_and_opens_nothing(void **state)
{
    (void)state;
    tree_new("empty");
    open_all();

    const plim_telemetry_sample *s = read_at(1);

    for (size_t i = 0; i < PLIM_READ_COUNT; i++) {
        assert_missing(&s->list[i]);
    }
    assert_int_equal(s->zone_count + s->alert_count + s->rail_count, 0);
    assert_int_equal(sensors.file_count, 0);
    plim_sensors_close(&sensors);
}

/* ---- missing, fresh, stale ---- */

static void a_reading_that_fails_keeps_its_value_and_its_time(void **state)
{
    (void)state;
    tree_new("stale");
    tree_put("sys/class/thermal/thermal_zone0/temp", "40000\n");
    open_all();
    assert_fresh(&read_at(1 * SECOND)->list[PLIM_READ_HOTTEST], 40000, 1 * SECOND);

    tree_put("sys/class/thermal/thermal_zone0/temp", "what\n");
    const plim_reading *r = &read_at(9 * SECOND)->zones[0].reading;
    assert_int_equal(r->state, PLIM_READING_STALE);
    assert_int_equal(r->value, 40000);
    assert_int_equal(r->read_ns, 1 * SECOND);
    assert_int_equal(r->os_errno, EBADMSG);
    assert_int_equal(sensors.sample.list[PLIM_READ_HOTTEST].state, PLIM_READING_STALE);

    tree_put("sys/class/thermal/thermal_zone0/temp", "41000\n");
    assert_fresh(&read_at(10 * SECOND)->list[PLIM_READ_HOTTEST], 41000, 10 * SECOND);
    plim_sensors_close(&sensors);
}

static void what_comes_late_is_found_by_the_next_search(void **state)
{
    (void)state;
    tree_new("late");
    tree_put("sys/class/thermal/thermal_zone3/temp", "30000\n");
    open_all();
    read_at(1);
    tree_put("sys/class/thermal/thermal_zone0/temp", "35000\n");
    tree_put("sys/class/thermal/thermal_zone0/type", "gpu-thermal\n");
    assert_int_equal(read_at(2)->zone_count, 1);

    plim_sensors_find(&sensors);
    const plim_telemetry_sample *s = read_at(3);

    assert_int_equal(s->zone_count, 2); /* a row stays where it is */
    assert_string_equal(s->zones[0].name, "zone 3");
    assert_string_equal(s->zones[1].name, "gpu");
    assert_fresh(&s->list[PLIM_READ_HOTTEST], 35000, 3);
    assert_int_equal(sensors.file_count, 2);
    plim_sensors_close(&sensors);
}

static void more_rows_than_there_is_room_for_are_counted(void **state)
{
    (void)state;
    tree_new("many");
    for (unsigned i = 0; i < 30; i++) {
        char path[96];
        snprintf(path, sizeof(path), "sys/class/thermal/thermal_zone%u/temp", i);
        tree_put(path, "1000\n");
    }
    open_all();
    plim_sensors_find(&sensors);

    const plim_telemetry_sample *s = read_at(1);

    assert_int_equal(s->zone_count, PLIM_TELEMETRY_ZONES);
    assert_int_equal(s->left_out, 30 - PLIM_TELEMETRY_ZONES);
    assert_int_equal(sensors.file_count, PLIM_TELEMETRY_ZONES);
    plim_sensors_close(&sensors);
}

static void strange_text_gives_no_number(void **state)
{
    (void)state;
    static const char *const TEXTS[] = {
        "12345678901234567890\n", "-\n",          "\n",       "0x\n", "12 13\n", "1e3\n",
        "99999999999999999999\n", "3000000000\n", "-61000\n",
    };
    tree_new("strange");
    tree_put("sys/class/thermal/thermal_zone0/temp", "1\n");
    open_all();
    for (size_t i = 0; i < COUNT(TEXTS); i++) {
        tree_put("sys/class/thermal/thermal_zone0/temp", TEXTS[i]);
        assert_missing(&read_at(i + 1)->zones[0].reading);
        assert_int_not_equal(sensors.sample.zones[0].reading.os_errno, 0);
    }
    tree_put("sys/class/thermal/thermal_zone0/temp", "42000\r\n");
    assert_fresh(&read_at(99)->zones[0].reading, 42000, 99);
    plim_sensors_close(&sensors);
}

static void rates_and_cores_beyond_all_reason_are_no_numbers(void **state)
{
    (void)state;
    tree_new("beyond");
    tree_put(POLICY0 "scaling_cur_freq", "9223372036854775807\n");
    tree_put(POLICY0 "cpuinfo_max_freq", "9223372036854775807\n");
    tree_put("sys/devices/system/cpu/online", "-9223372036854775807-9223372036854775807\n");
    open_all();

    const plim_telemetry_sample *s = read_at(1);

    assert_missing(&s->list[PLIM_READ_CPUS_ONLINE]);
    assert_string_equal(s->clocks[2].name, "cpu0");
    assert_missing(&s->clocks[2].now);
    assert_int_equal(s->clocks[2].now.os_errno, ERANGE);
    assert_missing(&s->clocks[2].max);
    plim_sensors_close(&sensors);
}

static void cut_and_strange_tables_leave_what_they_do_not_say_missing(void **state)
{
    (void)state;
    tree_new("cut");
    tree_put("proc/pressure/memory", "some avg10=1.0 avg60=0.5 avg300=0.1 total=4\n"
                                     "full avg10=0.07 avg60=0.02 avg300=0.00 total=36");
    tree_put("proc/pressure/io", "some avg10=101.00 avg60=0.5 avg300=0.1 total=4\nfull\n");
    tree_put("proc/meminfo", "MemFree: 99999999999999999 kB\nMemAvailable:");
    tree_put("proc/vmstat", "oom_kill x\nallocstall_normal 5\nallocstall_dma\npgmajfault 7");
    tree_refuse("sys/devices/system/cpu/online");
    open_all();

    const plim_telemetry_sample *s = read_at(1);

    for (size_t i = 0; i < PLIM_READ_COUNT; i++) {
        assert_missing(&s->list[i]);
    }
    assert_int_equal(s->list[PLIM_READ_CPUS_ONLINE].os_errno, EISDIR);
    plim_sensors_close(&sensors);
}

/* ---- heat and throttling ---- */

static void not_throttled_takes_an_answer_of_every_alert(void **state)
{
    (void)state;
    tree_new("alerts");
    static const tree_file FILES[] = {ALERT(0, "cpu-throttle-alert", "0"),
                                      ALERT(5, "gpu-throttle-alert", "")};
    tree_fill(FILES, COUNT(FILES));
    open_all();
    assert_missing(&read_at(1)->list[PLIM_READ_THROTTLED]);

    tree_put("sys/class/thermal/cooling_device0/cur_state", "1\n");
    assert_fresh(&read_at(2)->list[PLIM_READ_THROTTLED], 1, 2);

    tree_put("sys/class/thermal/cooling_device0/cur_state", "0\n");
    tree_put("sys/class/thermal/cooling_device5/cur_state", "0\n");
    assert_fresh(&read_at(3)->list[PLIM_READ_THROTTLED], 0, 3);
    plim_sensors_close(&sensors);
}

/* ---- a GPU that sleeps ---- */

static void gpu_that(const char *status, const char *delay_ms)
{
    tree_put(GPU_JP6 "cur_freq", "306000000\n");
    tree_put(GPU_JP6 "max_freq", "612000000\n");
    tree_put(GPU_JP6 "device/load", "0\n");
    tree_put(GPU_JP6 "device/power/runtime_status", status);
    tree_put(GPU_JP6 "device/power/autosuspend_delay_ms", delay_ms);
}

static void a_gpu_that_sleeps_is_not_asked_for_its_load(void **state)
{
    (void)state;
    tree_new("asleep");
    gpu_that("suspended\n", "500\n");
    open_all();
    tree_put(GPU_JP6 "device/load", "777\n"); /* what a read that woke it would find */

    const plim_telemetry_sample *s = read_at(1);

    assert_fresh(&s->list[PLIM_READ_GPU_ASLEEP], 1, 1);
    assert_fresh(&s->list[PLIM_READ_GPU_LOAD], 0, 1);
    assert_missing(&s->clocks[0].now);
    assert_int_equal(s->clocks[0].now.os_errno, EAGAIN);
    assert_fresh(&s->clocks[0].cap, 612000000, 1);

    tree_put(GPU_JP6 "device/power/runtime_status", "resuming\n");
    assert_int_equal(read_at(2)->list[PLIM_READ_GPU_LOAD].state, PLIM_READING_STALE);
    plim_sensors_close(&sensors);
}

static void an_idle_gpu_is_left_alone_for_as_long_as_it_takes_to_fall_asleep(void **state)
{
    (void)state;
    tree_new("idle");
    gpu_that("active\n", "2500\n");
    open_all();
    assert_fresh(&read_at(10 * SECOND)->list[PLIM_READ_GPU_LOAD], 0, 10 * SECOND);

    tree_put(GPU_JP6 "device/load", "500\n");
    assert_fresh(&read_at(11 * SECOND)->list[PLIM_READ_GPU_LOAD], 0, 10 * SECOND);
    assert_fresh(&read_at(12 * SECOND)->list[PLIM_READ_GPU_LOAD], 0, 10 * SECOND);
    assert_fresh(&read_at(13 * SECOND)->list[PLIM_READ_GPU_LOAD], 500, 13 * SECOND);
    assert_fresh(&read_at(14 * SECOND)->list[PLIM_READ_GPU_LOAD], 500, 14 * SECOND);
    plim_sensors_close(&sensors);
}

static void a_memory_cap_of_zero_is_none(void **state)
{
    (void)state;
    tree_new("emc");
    tree_put("sys/kernel/debug/bpmp/debug/clk/emc/rate", "204000000\n");
    tree_put("sys/kernel/debug/bpmp/debug/clk/emc/max_rate", "3199000000\n");
    tree_put("sys/kernel/nvpmodel_emc_cap/emc_iso_cap", "0\n");
    open_all();

    assert_fresh(&read_at(1)->clocks[1].cap, 3199000000, 1);
    plim_sensors_close(&sensors);
}

/* ---- cost ---- */

static void a_poll_is_one_call_a_file(void **state)
{
    (void)state;
    tree_new("calls");
    tree_fill(ORIN_JP6, COUNT(ORIN_JP6));
    open_all();
    uint32_t before = sensors.call_count, files = sensors.file_count;

    read_at(1);

    assert_int_equal(files, 32);
    assert_int_equal(sensors.call_count - before, files);
    plim_sensors_close(&sensors);
    assert_int_equal(sensors.file_count, 0);
}

static void this_machine_can_be_read(void **state)
{
    (void)state;
    plim_sensors_init(&sensors, "", PLIM_SENSE_ALL);
    plim_sensors_find(&sensors);

    const plim_telemetry_sample *s = read_at(1);

    assert_true(s->list[PLIM_READ_MEMORY_AVAILABLE].value > 0);
    assert_true(s->list[PLIM_READ_CPUS_ONLINE].value > 0);
    plim_sensors_close(&sensors);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orin_of_jetpack_6_gives_its_exact_values),
        cmocka_unit_test(an_orin_s_power_pressure_and_memory_are_exact_too),
        cmocka_unit_test(an_orin_of_jetpack_5_has_upper_case_zones_and_no_pressure),
        cmocka_unit_test(a_thor_has_its_memory_clock_without_root_and_no_load),
        cmocka_unit_test(a_xavier_is_recognised_by_its_node_and_ignores_the_pmic),
        cmocka_unit_test(a_nano_of_jetpack_4_has_its_rails_in_iio),
        cmocka_unit_test(an_empty_machine_is_missing_everywhere_and_opens_nothing),
        cmocka_unit_test(a_reading_that_fails_keeps_its_value_and_its_time),
        cmocka_unit_test(what_comes_late_is_found_by_the_next_search),
        cmocka_unit_test(more_rows_than_there_is_room_for_are_counted),
        cmocka_unit_test(strange_text_gives_no_number),
        cmocka_unit_test(rates_and_cores_beyond_all_reason_are_no_numbers),
        cmocka_unit_test(cut_and_strange_tables_leave_what_they_do_not_say_missing),
        cmocka_unit_test(not_throttled_takes_an_answer_of_every_alert),
        cmocka_unit_test(a_gpu_that_sleeps_is_not_asked_for_its_load),
        cmocka_unit_test(an_idle_gpu_is_left_alone_for_as_long_as_it_takes_to_fall_asleep),
        cmocka_unit_test(a_memory_cap_of_zero_is_none),
        cmocka_unit_test(a_poll_is_one_call_a_file),
        cmocka_unit_test(this_machine_can_be_read),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
