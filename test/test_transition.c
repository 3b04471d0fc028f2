/* SPDX-License-Identifier: Apache-2.0 */
/* test_transition.c - each change is told once, in order, and silence stays silent. */
#include <errno.h>

#include "src/runtime/transition.h"
#include "test/support/cm.h"

#define SECOND 1000000000ull

static plim_transition told[64];
static size_t told_count;

static void keep(void *context, const plim_transition *t)
{
    (void)context;
    assert_true(told_count < 64);
    told[told_count++] = *t;
}

static plim_transition_watch watch;
static plim_telemetry_sample now;

static void begin(void)
{
    told_count = 0;
    memset(&now, 0, sizeof(now));
    now.clock_count = 3;
    now.alert_count = 1;
    now.zone_count = 1;
    snprintf(now.clocks[0].name, sizeof(now.clocks[0].name), "gpu");
    snprintf(now.alerts[0].name, sizeof(now.alerts[0].name), "cpu-throttle-alert");
    snprintf(now.zones[0].name, sizeof(now.zones[0].name), "tj");
    watch = (plim_transition_watch){
        .tell = keep, .period_ns = SECOND, .room_low_bytes = 800, .psi_centi = 1000};
}

static void set(plim_reading *r, int64_t value)
{
    *r = (plim_reading){.value = value, .read_ns = now.ns, .state = PLIM_READING_FRESH};
}

static void fail_with(plim_reading *r, int error)
{
    r->os_errno = error;
    r->state = r->state ? PLIM_READING_STALE : PLIM_READING_MISSING;
}

static size_t tick(void)
{
    size_t before = told_count;
    now.ns += SECOND;
    plim_transitions_tell(&watch, &now);
    return told_count - before;
}

static const plim_transition *last(void)
{
    assert_true(told_count > 0);
    return &told[told_count - 1];
}

static void throttling_is_told_when_it_begins_and_when_it_ends(void **state)
{
    (void)state;
    begin();
    set(&now.alerts[0].reading, 0);
    assert_int_equal(tick(), 0);

    set(&now.alerts[0].reading, 1);
    assert_int_equal(tick(), 1);
    assert_int_equal(last()->kind, PLIM_TRANSITION_THROTTLE);
    assert_int_equal(last()->is_on, 1);
    assert_string_equal(last()->name, "cpu-throttle-alert");
    assert_int_equal(tick(), 0);

    fail_with(&now.alerts[0].reading, EAGAIN); /* it cannot be seen for a while */
    assert_int_equal(tick(), 0);
    set(&now.alerts[0].reading, 0);
    assert_int_equal(tick(), 1);
    assert_int_equal(last()->is_on, 0);
}

static void an_alert_that_is_on_from_the_start_is_told_at_the_start(void **state)
{
    (void)state;
    begin();
    set(&now.alerts[0].reading, 2);

    assert_int_equal(tick(), 1);
    assert_int_equal(last()->number, 1);
    assert_int_equal(last()->after, 2);
}

static void over_current_and_kills_are_told_at_each_rise_and_not_for_history(void **state)
{
    (void)state;
    begin();
    set(&now.list[PLIM_READ_OVER_CURRENT_2], 40);
    set(&now.list[PLIM_READ_OOM_KILL], 7);
    assert_int_equal(tick(), 0);

    set(&now.list[PLIM_READ_OVER_CURRENT_2], 42);
    set(&now.list[PLIM_READ_OOM_KILL], 8);
    assert_int_equal(tick(), 2);
    assert_int_equal(told[0].kind, PLIM_TRANSITION_OVER_CURRENT);
    assert_string_equal(told[0].name, "over_current.2");
    assert_int_equal(told[0].before, 40);
    assert_int_equal(told[0].after, 42);
    assert_int_equal(told[0].is_error, 0);
    assert_int_equal(told[1].kind, PLIM_TRANSITION_OOM_KILL);
    assert_int_equal(told[1].is_error, 1);

    set(&now.list[PLIM_READ_OOM_KILL], 9);
    assert_int_equal(tick(), 1);
}

static void a_kill_that_happens_while_the_counter_cannot_be_read_is_told_afterwards(void **state)
{
    (void)state;
    begin();
    set(&now.list[PLIM_READ_OOM_KILL], 7);
    tick();
    fail_with(&now.list[PLIM_READ_OOM_KILL], EAGAIN);
    tick();

    set(&now.list[PLIM_READ_OOM_KILL], 8);

    assert_int_equal(tick(), 1);
    assert_int_equal(last()->before, 7);
}

static void modes_and_clock_caps_are_told_with_both_values(void **state)
{
    (void)state;
    begin();
    set(&now.list[PLIM_READ_CPUS_ONLINE], 8);
    set(&now.list[PLIM_READ_GPU_TPC_MASK], 240);
    set(&now.clocks[0].cap, 918000000);
    assert_int_equal(tick(), 0);

    set(&now.list[PLIM_READ_CPUS_ONLINE], 4);
    set(&now.list[PLIM_READ_GPU_TPC_MASK], 252);
    set(&now.clocks[0].cap, 612000000);
    assert_int_equal(tick(), 3);

    assert_int_equal(told[0].kind, PLIM_TRANSITION_MODE);
    assert_string_equal(told[0].name, "cpu.online");
    assert_string_equal(told[1].name, "gpu.tpc_mask");
    assert_int_equal(told[2].kind, PLIM_TRANSITION_CLOCK_CAP);
    assert_string_equal(told[2].name, "gpu");
    assert_int_equal(told[2].before, 918000000);
    assert_int_equal(told[2].after, 612000000);
}

static void a_sensor_is_lost_once_and_found_once_and_sleep_is_neither(void **state)
{
    (void)state;
    begin();
    set(&now.zones[0].reading, 50000);
    tick();
    fail_with(&now.zones[0].reading, EAGAIN);
    assert_int_equal(tick(), 0);

    fail_with(&now.zones[0].reading, EIO);
    assert_int_equal(tick(), 1);
    assert_int_equal(last()->kind, PLIM_TRANSITION_SENSOR);
    assert_int_equal(last()->is_on, 0);
    assert_int_equal(last()->os_errno, EIO);
    assert_string_equal(last()->name, "tj");
    assert_int_equal(tick(), 0);
    fail_with(&now.zones[0].reading, EAGAIN);
    assert_int_equal(tick(), 0);

    set(&now.zones[0].reading, 51000);
    assert_int_equal(tick(), 1);
    assert_int_equal(last()->is_on, 1);
    assert_int_equal(tick(), 0);
}

static void a_sensor_that_only_wakes_up_was_not_lost(void **state)
{
    (void)state;
    begin();
    fail_with(&now.zones[0].reading, EAGAIN);
    tick();

    set(&now.zones[0].reading, 50000);

    assert_int_equal(tick(), 0);
}

static void a_device_that_comes_late_is_found(void **state)
{
    (void)state;
    begin();
    tick();
    now.rail_count = 1;
    snprintf(now.rails[0].name, sizeof(now.rails[0].name), "VDD_IN");
    set(&now.rails[0].reading, 5000);

    assert_int_equal(tick(), 1);

    assert_string_equal(last()->name, "VDD_IN");
    assert_int_equal(last()->is_on, 1);
}

static void pressure_and_low_memory_do_not_flutter(void **state)
{
    (void)state;
    begin();
    set(&now.list[PLIM_READ_PSI_MEMORY_SOME], 999);
    set(&now.list[PLIM_READ_MEMORY_ROOM], 800);
    assert_int_equal(tick(), 0);

    set(&now.list[PLIM_READ_PSI_MEMORY_SOME], 1000);
    set(&now.list[PLIM_READ_MEMORY_ROOM], 799);
    assert_int_equal(tick(), 2);
    assert_int_equal(told[0].kind, PLIM_TRANSITION_PRESSURE);
    assert_int_equal(told[1].kind, PLIM_TRANSITION_ROOM);
    assert_int_equal(told[1].is_on, 1);

    set(&now.list[PLIM_READ_PSI_MEMORY_SOME], 500);
    set(&now.list[PLIM_READ_MEMORY_ROOM], 899);
    assert_int_equal(tick(), 0);

    set(&now.list[PLIM_READ_PSI_MEMORY_SOME], 499);
    set(&now.list[PLIM_READ_MEMORY_ROOM], 900);
    assert_int_equal(tick(), 2);
    assert_int_equal(told[2].is_on, 0);
    assert_int_equal(told[3].is_on, 0);
}

static void a_group_at_its_limit_is_told_when_it_begins_and_when_it_has_been_quiet(void **state)
{
    (void)state;
    begin();
    set(&now.list[PLIM_READ_GROUP_MAX], 100);
    tick();
    for (int i = 1; i <= 20; i++) {
        set(&now.list[PLIM_READ_GROUP_MAX], 100 + i);
        assert_int_equal(tick(), i == 1);
    }
    for (int i = 1; i <= 12; i++) {
        assert_int_equal(tick(), i == 10);
    }
    assert_int_equal(told_count, 2);
    assert_int_equal(told[0].is_on, 1);
    assert_int_equal(told[1].is_on, 0);
    assert_int_equal(told[1].after, 120);
}

static void a_sample_that_comes_late_says_so(void **state)
{
    (void)state;
    begin();
    tick();
    tick();
    now.ns += 4 * SECOND;

    assert_int_equal(tick(), 1);

    assert_int_equal(last()->kind, PLIM_TRANSITION_LATE);
    assert_int_equal(last()->after, 5 * (int64_t)SECOND);
}

static void numbers_run_without_a_gap_in_the_order_of_telling(void **state)
{
    (void)state;
    begin();
    for (int64_t i = 1; i <= 10; i++) {
        set(&now.alerts[0].reading, i % 2);
        set(&now.list[PLIM_READ_OOM_KILL], i);
        set(&now.clocks[0].cap, i);
        tick();
    }
    assert_true(told_count > 20);
    for (size_t i = 0; i < told_count; i++) {
        assert_int_equal(told[i].number, i + 1);
        assert_true(i == 0 || told[i].ns >= told[i - 1].ns);
    }
}

static void every_kind_and_every_reading_has_a_name(void **state)
{
    (void)state;
    for (uint32_t i = 1; i <= PLIM_TRANSITION_ROOM; i++) {
        assert_string_not_equal(plim_transition_name(i), "?");
    }
    assert_string_equal(plim_transition_name(0), "?");
    assert_string_equal(plim_transition_name(PLIM_TRANSITION_ROOM + 1), "?");
    for (unsigned i = 0; i < PLIM_READ_COUNT; i++) {
        assert_true(plim_telemetry_key((plim_telemetry_id)i)[0] != 0);
        assert_true(plim_telemetry_unit((plim_telemetry_id)i)[0] != 0);
        for (unsigned k = 0; k < i; k++) {
            assert_string_not_equal(plim_telemetry_key((plim_telemetry_id)i),
                                    plim_telemetry_key((plim_telemetry_id)k));
        }
    }
    assert_string_equal(plim_telemetry_key(PLIM_READ_COUNT), "");
    assert_string_equal(plim_telemetry_meaning(PLIM_READ_COUNT), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(throttling_is_told_when_it_begins_and_when_it_ends),
        cmocka_unit_test(an_alert_that_is_on_from_the_start_is_told_at_the_start),
        cmocka_unit_test(over_current_and_kills_are_told_at_each_rise_and_not_for_history),
        cmocka_unit_test(a_kill_that_happens_while_the_counter_cannot_be_read_is_told_afterwards),
        cmocka_unit_test(modes_and_clock_caps_are_told_with_both_values),
        cmocka_unit_test(a_sensor_is_lost_once_and_found_once_and_sleep_is_neither),
        cmocka_unit_test(a_sensor_that_only_wakes_up_was_not_lost),
        cmocka_unit_test(a_device_that_comes_late_is_found),
        cmocka_unit_test(pressure_and_low_memory_do_not_flutter),
        cmocka_unit_test(a_group_at_its_limit_is_told_when_it_begins_and_when_it_has_been_quiet),
        cmocka_unit_test(a_sample_that_comes_late_says_so),
        cmocka_unit_test(numbers_run_without_a_gap_in_the_order_of_telling),
        cmocka_unit_test(every_kind_and_every_reading_has_a_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
