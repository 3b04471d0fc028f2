/* SPDX-License-Identifier: Apache-2.0 */
/* test_thermal.c - unknown, known and stale are three things. */
#include "src/runtime/thermal.h"
#include "test/support/cm.h"

static plim_telemetry_sample sample;

static void set(plim_reading *r, int64_t value, uint64_t read_ns, uint64_t age_ns)
{
    *r = (plim_reading){.value = value,
                        .read_ns = read_ns,
                        .age_ns = age_ns,
                        .state = age_ns > 3000 ? PLIM_READING_STALE : PLIM_READING_FRESH};
}

static plim_thermal thermal(void)
{
    plim_thermal out;
    plim_thermal_from(&sample, &out);
    return out;
}

static void no_sensor_is_unknown_and_never_not_throttled(void **state)
{
    (void)state;
    memset(&sample, 0, sizeof(sample));

    plim_thermal got = thermal();

    assert_false(got.is_known);
    assert_false(got.throttled_is_known);
    assert_int_equal(got.read_ns, 0);
    assert_int_equal(got.age_ns, 0);
}

static void the_hottest_zone_is_reported_by_its_name(void **state)
{
    (void)state;
    memset(&sample, 0, sizeof(sample));
    sample.hottest = 1;
    snprintf(sample.zones[1].name, sizeof(sample.zones[1].name), "tj");
    set(&sample.list[PLIM_READ_HOTTEST], 51250, 100, 7);

    plim_thermal got = thermal();

    assert_true(got.is_known);
    assert_string_equal(got.hottest_zone, "tj");
    assert_true(got.hottest_celsius > 51.249 && got.hottest_celsius < 51.251);
    assert_false(got.throttled_is_known); /* zones say nothing about throttling */
    assert_int_equal(got.age_ns, 7);
}

static void an_active_alert_is_throttling(void **state)
{
    (void)state;
    memset(&sample, 0, sizeof(sample));
    set(&sample.list[PLIM_READ_THROTTLED], 0, 100, 7);
    assert_true(thermal().throttled_is_known);
    assert_false(thermal().is_throttled);

    set(&sample.list[PLIM_READ_THROTTLED], 1, 100, 7);
    assert_true(thermal().is_throttled);
    assert_false(thermal().is_known);
    assert_int_equal(thermal().read_ns, 100);
}

static void the_age_is_that_of_the_older_of_the_two(void **state)
{
    (void)state;
    memset(&sample, 0, sizeof(sample));
    set(&sample.list[PLIM_READ_HOTTEST], 40000, 9000, 1000);
    set(&sample.list[PLIM_READ_THROTTLED], 1, 4000, 6000);

    assert_true(thermal().is_throttled);
    assert_int_equal(thermal().age_ns, 6000);
    assert_int_equal(thermal().read_ns, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_sensor_is_unknown_and_never_not_throttled),
        cmocka_unit_test(the_hottest_zone_is_reported_by_its_name),
        cmocka_unit_test(an_active_alert_is_throttling),
        cmocka_unit_test(the_age_is_that_of_the_older_of_the_two),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
