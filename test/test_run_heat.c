/* SPDX-License-Identifier: Apache-2.0 */
/* test_run_heat.c - what the end of a run says of heat and of the telemetry's transitions. */
#include <jansson.h>

#include "src/tools/plimsoll/run_heat.h"
#include "test/support/cm.h"

static plim_telemetry_sample sample;
static char text[4096];

static void set(plim_telemetry_id id, int64_t value, plim_reading_state state)
{
    sample.list[id] = (plim_reading){.value = value, .read_ns = 1, .state = state};
}

static int empty(void **state)
{
    (void)state;
    memset(&sample, 0, sizeof(sample));
    sample.number = 12;
    return 0;
}

static void note(run_heat *heat, plim_transition_kind kind, const char *name, bool is_on)
{
    plim_transition t = {.kind = kind, .is_on = is_on, .before = !is_on, .after = is_on};
    snprintf(t.name, sizeof(t.name), "%s", name);
    run_heat_note(heat, &t);
}

static void write_with(void (*write)(run_heat *, const plim_telemetry_sample *, FILE *),
                       run_heat *heat)
{
    FILE *f = fmemopen(text, sizeof(text), "w");
    assert_non_null(f);
    write(heat, &sample, f);
    fclose(f);
}

static void silence_is_not_known_and_not_fine(void **state)
{
    run_heat heat = RUN_HEAT_INIT;
    (void)state;

    write_with(run_heat_print, &heat);

    assert_string_equal(text, "\nwhen it ended\n"
                              "heat      hottest zone not known; throttling not known; power not "
                              "known;\n          over-current not known\n"
                              "clock cap not known\n"
                              "transitions: none in 12 samples\n");
}

static void a_stale_reading_is_not_known(void **state)
{
    run_heat heat = RUN_HEAT_INIT;
    (void)state;
    set(PLIM_READ_THROTTLED, 0, PLIM_READING_STALE);
    set(PLIM_READ_POWER_TOTAL, 7722, PLIM_READING_FRESH);
    set(PLIM_READ_OVER_CURRENT_1 + 1, 3, PLIM_READING_FRESH);

    write_with(run_heat_print, &heat);

    assert_non_null(strstr(text, "throttling not known; power 7.7 W;\n"));
    assert_non_null(strstr(text, " over-current not known, 3, not known\n"));
}

static void transitions_are_counted_and_the_first_are_named(void **state)
{
    run_heat heat = RUN_HEAT_INIT;
    (void)state;
    for (int i = 0; i < 6; i++) {
        note(&heat, PLIM_TRANSITION_THROTTLE, "gpu-throttle-alert", i % 2 == 0);
    }
    note(&heat, PLIM_TRANSITION_ROOM, "memory.room", true);

    write_with(run_heat_print, &heat);

    assert_non_null(strstr(text, "transitions: 7 in 12 samples: throttle 6, memory_room 1\n"
                                 "  throttle      gpu-throttle-alert on, 0 -> 1\n"
                                 "  throttle      gpu-throttle-alert over, 1 -> 0\n"));
    assert_non_null(strstr(text, "\n  and 2 more, in the log\n"));
}

static void the_same_is_in_the_json(void **state)
{
    static char object[sizeof(text) + 2];
    run_heat heat = RUN_HEAT_INIT;
    (void)state;
    set(PLIM_READ_THROTTLED, 1, PLIM_READING_FRESH);
    for (int i = 0; i < 6; i++) {
        note(&heat, PLIM_TRANSITION_CLOCK_CAP, "gpu \"1\"", i % 2);
    }

    write_with(run_heat_json, &heat);

    snprintf(object, sizeof(object), "{%s}", text + 1);
    json_t *root = json_loads(object, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(root);
    json_t *seen = json_object_get(root, "transitions"), *first = json_object_get(seen, "first");
    assert_true(json_is_true(json_object_get(json_object_get(root, "heat"), "throttled")));
    assert_int_equal(json_integer_value(json_object_get(seen, "count")), 6);
    assert_int_equal(json_array_size(json_object_get(seen, "kinds")), 1);
    assert_int_equal(json_array_size(first), RUN_HEAT_FIRST);
    json_t *name = json_object_get(json_array_get(first, 0), "name");
    assert_string_equal(json_string_value(name), "gpu \"1\"");
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(silence_is_not_known_and_not_fine, empty),
        cmocka_unit_test_setup(a_stale_reading_is_not_known, empty),
        cmocka_unit_test_setup(transitions_are_counted_and_the_first_are_named, empty),
        cmocka_unit_test_setup(the_same_is_in_the_json, empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
