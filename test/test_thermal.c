/* SPDX-License-Identifier: Apache-2.0 */
/* test_thermal.c - unknown, known and stale are three things. */
#include <sys/stat.h>

#include "src/runtime/thermal.h"
#include "test/support/cm.h"

static char root[4096];

static void put(const char *folder, const char *name, const char *text)
{
    char path[4600];
    snprintf(path, sizeof(path), "%s/sys/class/thermal/%s", root, folder);
    mkdir(path, 0755);
    snprintf(path, sizeof(path), "%s/sys/class/thermal/%s/%s", root, folder, name);
    FILE *file = fopen(path, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

static void new_root(const char *name)
{
    static const char *const parts[] = {"", "/sys", "/sys/class", "/sys/class/thermal"};
    snprintf(root, sizeof(root), "%s/%s", cm_tmp(), name);
    size_t n = strlen(root);
    for (size_t i = 0; i < 4; i++) {
        snprintf(root + n, sizeof(root) - n, "%s", parts[i]);
        mkdir(root, 0755);
    }
    root[n] = 0;
}

static void no_sensor_is_unknown_and_never_not_throttled(void **state)
{
    (void)state;
    plim_thermal_watch watch;
    plim_thermal got;
    new_root("empty");
    plim_thermal_init(&watch, root);

    plim_thermal_poll(&watch, &got);

    assert_false(got.is_known);
    assert_false(got.throttled_is_known);
    assert_int_equal(got.read_ns, 0);
    assert_int_equal(got.age_ns, 0);
    plim_thermal_deinit(&watch);
}

static void the_hottest_answering_zone_is_reported(void **state)
{
    (void)state;
    plim_thermal got;
    new_root("zones");
    put("thermal_zone0", "type", "cpu-thermal\n");
    put("thermal_zone0", "temp", "48500\n");
    put("thermal_zone1", "type", "gpu-thermal\n");
    put("thermal_zone1", "temp", "\n"); /* gated */
    put("thermal_zone3", "type", "tj-thermal\n");
    put("thermal_zone3", "temp", "51250\n");
    put("thermal_zone4", "type", "PMIC-Die\n");
    put("thermal_zone4", "temp", "100000\n");
    put("thermal_zone5", "type", "broken\n");
    put("thermal_zone5", "temp", "12x\n");
    put("cooling_device0", "type", "pwm-fan\n");
    put("cooling_device0", "cur_state", "3\n");

    assert_true(plim_thermal_read(root, &got));

    assert_true(got.is_known);
    assert_string_equal(got.hottest_zone, "tj-thermal");
    assert_true(got.hottest_celsius > 51.249 && got.hottest_celsius < 51.251);
    assert_false(got.throttled_is_known); /* a fan says nothing about throttling */
}

static void an_active_alert_is_throttling(void **state)
{
    (void)state;
    plim_thermal got;
    new_root("alerts");
    put("thermal_zone0", "temp", "-5000\n");
    put("cooling_device0", "type", "cpu-throttle-alert\n");
    put("cooling_device0", "cur_state", "0\n");

    assert_true(plim_thermal_read(root, &got));
    assert_true(got.throttled_is_known);
    assert_false(got.is_throttled);
    assert_string_equal(got.hottest_zone, "zone 0");

    put("cooling_device7", "type", "hot-surface-alert\n");
    put("cooling_device7", "cur_state", "1\n");
    assert_true(plim_thermal_read(root, &got));
    assert_true(got.is_throttled);
}

static void a_reading_that_can_no_longer_be_renewed_gets_older(void **state)
{
    (void)state;
    plim_thermal_watch watch;
    plim_thermal first, second;
    char path[4600];
    new_root("stale");
    put("thermal_zone0", "temp", "40000\n");
    plim_thermal_init(&watch, root);
    plim_thermal_poll(&watch, &first);
    assert_true(first.is_known);

    snprintf(path, sizeof(path), "%s/sys/class/thermal/thermal_zone0/temp", root);
    assert_int_equal(remove(path), 0);
    watch.tried_ns = 0; /* a second has passed */
    plim_thermal_poll(&watch, &second);

    assert_true(second.is_known);
    assert_int_equal(second.read_ns, first.read_ns);
    assert_true(second.age_ns > first.age_ns);
    plim_thermal_deinit(&watch);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sensor_is_unknown_and_never_not_throttled),
        cmocka_unit_test(the_hottest_answering_zone_is_reported),
        cmocka_unit_test(an_active_alert_is_throttling),
        cmocka_unit_test(a_reading_that_can_no_longer_be_renewed_gets_older),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
