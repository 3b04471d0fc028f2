/* SPDX-License-Identifier: Apache-2.0 */
/* test_admission.c - a load is held against what the machine has, before its body is read. */
#include "test/support/made_root.h"
#include "test/support/runtime_fixture.h"

#define WANT_MOST  (PLIM_LOAD_WINDOW_BYTES + (1u << 20))

static size_t times_logged(const char *event)
{
    char key[64];
    size_t count = 0;
    snprintf(key, sizeof(key), "\"event\":\"%s\"", event);
    for (const char *p = logged.text; (p = strstr(p, key)) != NULL; p++) {
        count++;
    }
    return count;
}

/* A machine with so much that can be had, less what the counts of one processor may lag behind; 0:
 * its memory cannot be read. */
static plim_runtime *open_on(unsigned available_mib, plim_headroom_policy policy, uint64_t reserve)
{
    static char root[256];
    char text[160];
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    made_root(root, sizeof(root));
    snprintf(text, sizeof(text), "MemTotal: 131072 kB\nMemFree: %u kB\nMemAvailable: %u kB\n",
             available_mib * 1024, available_mib * 1024);
    made_root_put(root, available_mib ? "proc/meminfo" : "proc/nothing", text);
    made_root_put(root, "sys/devices/system/cpu/possible", "0\n");
    logged.used = 0;
    logged.text[0] = 0;
    o.sysroot = root;
    o.headroom = policy;
    o.reserve_bytes = reserve;
    o.telemetry_period_ms = PLIM_TELEMETRY_OFF;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static json_t *line_of(const char *event)
{
    char key[64];
    snprintf(key, sizeof(key), "\"event\":\"%s\"", event);
    const char *at = strstr(logged.text, key);
    assert_non_null(at);
    while (at > logged.text && at[-1] != '\n') {
        at--;
    }
    json_t *line = json_loads(at, JSON_DISABLE_EOF_CHECK, NULL);
    assert_non_null(line);
    return line;
}

static void a_machine_without_room_is_warned_of_and_the_load_goes_on(void **state)
{
    (void)state;
    const char *path = make_artifact("warned");
    plim_runtime *runtime = open_on(4, PLIM_HEADROOM_WARN, 0);

    (void)load(runtime, "warned", path);

    assert_int_equal(times_logged("headroom"), 1);
    json_t *line = line_of("headroom");
    json_int_t want = json_integer_value(json_object_get(line, "want"));
    json_int_t have = json_integer_value(json_object_get(line, "have"));
    assert_true(want >= PLIM_LOAD_WINDOW_BYTES + WEIGHTS_BYTES && want <= WANT_MOST);
    assert_true(have > 0 && have <= 4 << 20);
    assert_string_equal(json_string_value(json_object_get(line, "wall")), "machine");
    assert_non_null(strstr(json_string_value(json_object_get(line, "rows")), "available"));
    json_decref(line);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

static void a_refusal_names_the_wall_and_leaves_the_account_where_it_was(void **state)
{
    (void)state;
    const char *path = make_artifact("refused");
    plim_runtime *runtime = open_on(4, PLIM_HEADROOM_REFUSE, 0);
    plim_engine_spec s = spec_of("refused", path);
    plim_engine *engine = (plim_engine *)1;
    flip(path, 1000, 0); /* a body that is read would be E_FORMAT */
    uint64_t before = used(runtime);

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOMEM);

    assert_null(engine);
    assert_int_equal(used(runtime), before);
    assert_int_equal(plim_runtime_engines(runtime, NULL, 0), 0);
    assert_true(err.want >= PLIM_LOAD_WINDOW_BYTES + WEIGHTS_BYTES && err.want <= WANT_MOST);
    assert_true(err.have > 0 && err.have <= err.limit && err.limit <= 4u << 20);
    assert_string_equal(err.detail, "machine");
    plim_runtime_close(runtime);
}

static void off_says_nothing(void **state)
{
    (void)state;
    const char *path = make_artifact("unasked");
    plim_runtime *runtime = open_on(4, PLIM_HEADROOM_OFF, 0);
    (void)load(runtime, "unasked", path);
    assert_int_equal(times_logged("headroom"), 0);
    plim_runtime_close(runtime);
}

static void room_enough_is_no_line(void **state)
{
    (void)state;
    const char *path = make_artifact("roomy");
    plim_runtime *runtime = open_on(64, PLIM_HEADROOM_REFUSE, 0);
    (void)load(runtime, "roomy", path);
    assert_int_equal(times_logged("headroom"), 0);
    plim_runtime_close(runtime);
}

static void the_reserve_stays_free(void **state)
{
    (void)state;
    const char *path = make_artifact("reserved");
    plim_runtime *runtime = open_on(40, PLIM_HEADROOM_REFUSE, 36u << 20);
    plim_engine_spec s = spec_of("reserved", path);
    plim_engine *engine = NULL;
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_NOMEM);
    assert_true(err.have <= 4u << 20);
    assert_true(err.limit > 30u << 20);
    plim_runtime_close(runtime);
}

static void memory_that_cannot_be_read_is_said_once_and_refuses_nothing(void **state)
{
    (void)state;
    const char *first = make_artifact("blind"), *second = make_artifact("blinder");
    plim_runtime *runtime = open_on(0, PLIM_HEADROOM_REFUSE, 0);
    (void)load(runtime, "blind", first);
    (void)load(runtime, "blinder", second);
    assert_int_equal(times_logged("headroom_unknown"), 1);
    plim_runtime_close(runtime);
}

static void a_policy_that_is_none_is_refused(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    o.headroom = (plim_headroom_policy)3;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_machine_without_room_is_warned_of_and_the_load_goes_on),
        cmocka_unit_test(a_refusal_names_the_wall_and_leaves_the_account_where_it_was),
        cmocka_unit_test(off_says_nothing),
        cmocka_unit_test(room_enough_is_no_line),
        cmocka_unit_test(the_reserve_stays_free),
        cmocka_unit_test(memory_that_cannot_be_read_is_said_once_and_refuses_nothing),
        cmocka_unit_test(a_policy_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
