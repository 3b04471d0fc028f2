/* SPDX-License-Identifier: Apache-2.0 */
/* test_post.c - memreport post as a stranger uses it: after a kill, a close, and on damage. */
#include <signal.h>
#include <stdbool.h>
#include <sys/wait.h>

#include "test/support/json_schema.h"
#include "test/support/runtime_fixture.h"
#include "test/support/tool_run.h"

static char *const out = tool_out;

/* "memreport post ARGUMENTS"; all it says goes to @out. */
static int post(const char *arguments)
{
    return tool_sh("$memreport post %s 2>&1", arguments);
}

static json_t *checked_json(void)
{
    json_error_t at;
    char why[1024];
    json_t *value = json_loads(out, 0, &at);
    json_t *schema = json_load_file("docs/memreport-post-1.schema.json", 0, &at);
    if (!value || !schema) {
        fail_msg("line %d: %s in:\n%.2000s", at.line, at.text, out);
    }
    if (!json_schema_holds(schema, value, why, sizeof(why))) {
        fail_msg("%s in:\n%.2000s", why, out);
    }
    json_decref(schema);
    return value;
}

static plim_runtime *open_at(const char *name)
{
    static char path[4][1024];
    static unsigned turn;
    char *p = path[turn++ % 4];
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    snprintf(p, sizeof(path[0]), "%s/%s", tool_folder(), name);
    o.black_box_path = p;
    o.black_box_bytes = 64u << 10;
    o.log_sink = NULL;
    o.large_pages = PLIM_LARGE_PAGES_NEVER;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

/* A robot's life: an engine, a camera that takes nearly all, a refusal, words from a stranger. */
static void live_a_little(plim_runtime *runtime, const char *artifact)
{
    plim_owner camera;
    plim_engine *refused = NULL;
    plim_budget *budget = plim_runtime_budget(runtime);
    plim_engine_spec s = spec_of("head", artifact);
    assert_ok(plim_budget_owner(budget, "camera", &camera, &err));
    uint64_t most = CAP_BYTES - plim_budget_used_bytes(budget) - (64u << 10);
    assert_ok(plim_budget_charge(budget, camera, PLIM_TAG_EPISODE, most, &err));
    assert_status(plim_runtime_deserialize(runtime, &s, &refused, &err), PLIM_E_BUDGET);
    plim_runtime_log(runtime, PLIM_LOG_WARN, "words", "\"text\":\"%s\"", "a\x1b[31mred");
    plim_budget_credit(budget, camera, PLIM_TAG_EPISODE, most);
}

static void a_killed_run_is_told(void **state)
{
    (void)state;
    const char *artifact = make_artifact("told");
    int ready[2], status = 0;
    char ok = 0;
    assert_int_equal(pipe(ready), 0);
    pid_t child = fork();
    if (child == 0) {
        live_a_little(open_at("killed"), artifact);
        ok = 1;
        (void)!write(ready[1], &ok, 1);
        pause();
        _exit(0);
    }
    assert_int_equal(read(ready[0], &ok, 1), 1);

    assert_int_equal(post("killed"), 0);
    assert_says(out, "still running");
    kill(child, SIGKILL);
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_int_equal(post("killed"), 0);
    assert_says(out, "test_post   pid ");
    assert_says(out, "test board");
    assert_says(out, "killed, or it crashed; this is its last record");
    assert_says(out, "camera / episode");
    assert_says(out, "under the cap of 64.0 MiB: 64.0 KiB at the peak");
    assert_says(out, "refusals: 1 counted by the account, 1 recorded");
    assert_says(out, "load_failed: head: ");
    assert_says(out, "held:");
    assert_says(out, "camera / episode");
    assert_says(out, "a?[31mred"); /* no box steers a terminal */
    assert_int_equal(post("--last 1 killed"), 0);
    assert_says(out, "events: the last 1 of");
    close(ready[0]);
    close(ready[1]);
}

static void json_follows_its_schema_and_adds_up(void **state)
{
    (void)state;
    plim_runtime *runtime = open_at("json");
    live_a_little(runtime, make_artifact("json"));
    plim_runtime_close(runtime);

    assert_int_equal(post("--json json"), 0);

    json_t *value = checked_json(), *row, *account = json_object_get(value, "account");
    json_int_t now = 0, at_peak = 0;
    size_t i;
    json_array_foreach(json_object_get(account, "rows"), i, row)
    {
        now += json_integer_value(json_object_get(row, "now"));
        at_peak += json_integer_value(json_object_get(row, "at_peak"));
    }
    assert_int_equal(now, json_integer_value(json_object_get(account, "used")));
    assert_int_equal(at_peak, json_integer_value(json_object_get(account, "peak")));
    assert_string_equal(json_string_value(json_object_get(json_object_get(value, "end"), "how")),
                        "closed");
    assert_true(json_array_size(json_object_get(value, "samples")) >= 3);
    row = json_array_get(json_object_get(value, "refusals"), 0);
    assert_int_equal(json_array_size(json_object_get(row, "holders")), 2);
    row = json_array_get(json_object_get(value, "events"), 0);
    assert_string_equal(json_string_value(json_object_get(json_object_get(row, "line"), "event")),
                        "runtime_open");
    json_decref(value);
}

static void the_exit_code_says_what_to_think(void **state)
{
    (void)state;
    plim_runtime *runtime = open_at("codes");
    live_a_little(runtime, make_artifact("codes"));
    plim_runtime_close(runtime);
    char path[600];

    assert_int_equal(post("--fail-over 64MiB codes"), 0);
    assert_int_equal(post("--fail-over 32MiB codes"), 1);
    assert_int_equal(post(""), 2);
    assert_int_equal(post("--last many codes"), 2);
    assert_int_equal(post("--unknown codes"), 2);
    assert_int_equal(post("nowhere"), 4);
    assert_int_equal(post("."), 4);
    snprintf(path, sizeof(path), "%s/codes", tool_folder());
    assert_int_equal(truncate(path, 39500), 0);
    assert_int_equal(post("codes"), 3);
    assert_says(out, "damaged or missing");
    assert_int_equal(truncate(path, 2000), 0);
    assert_int_equal(post("codes"), 4);
    assert_int_equal(post("--help"), 0);
    assert_says(out, "--fail-over");
}

/* Whatever is changed in the file: the tool ends with a code of its own, and JSON stays JSON. */
static void damage_ends_in_a_report_or_a_refusal(void **state)
{
    (void)state;
    static unsigned char bytes[1u << 20];
    char path[600];
    uint64_t seed = cm_seed();
    plim_runtime *runtime = open_at("damage");
    live_a_little(runtime, make_artifact("damage"));
    plim_runtime_close(runtime);
    snprintf(path, sizeof(path), "%s/damage", tool_folder());
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(bytes, 1, sizeof(bytes), f);
    fclose(f);
    size_t ring = n - (64u << 10);
    for (int i = 0; i < 120; i++) {
        /* in turn: the head of the account, the head of the ring, its first records */
        size_t at = i % 3 == 0   ? cm_next(&seed) % 300
                    : i % 3 == 1 ? ring + cm_next(&seed) % 640
                                 : ring + 640 + cm_next(&seed) % 4000;
        unsigned char was = bytes[at];
        bytes[at] = (unsigned char)cm_next(&seed);
        f = fopen(path, "wb");
        assert_non_null(f);
        assert_int_equal(fwrite(bytes, 1, n, f), n);
        fclose(f);

        int code = post("--json damage");

        assert_true(code == 0 || code == 3 || code == 4);
        if (code != 4) {
            json_decref(checked_json());
        }
        bytes[at] = was;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_killed_run_is_told),
        cmocka_unit_test(json_follows_its_schema_and_adds_up),
        cmocka_unit_test(the_exit_code_says_what_to_think),
        cmocka_unit_test(damage_ends_in_a_report_or_a_refusal),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
