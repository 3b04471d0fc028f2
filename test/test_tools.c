/* SPDX-License-Identifier: Apache-2.0 */
/* test_tools.c - plimsoll and memreport as a stranger uses them: words, files, exit codes. */
#include <ctype.h>
#include <jansson.h>
#include <stdbool.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/json_schema.h"
#include "test/support/tool_run.h"

static char *const out = tool_out, *const errors = tool_errors;

/* $prefix $tool ARGUMENTS in the test's folder. */
static int run_under(const char *prefix, const char *tool, const char *arguments)
{
    return tool_sh("%s $%s %s", prefix, tool, arguments);
}

static int run(const char *tool, const char *arguments)
{
    return run_under("", tool, arguments);
}

static void help_and_version_work_everywhere(void **state)
{
    static const char *const COMMANDS[] = {"import", "pack", "verify", "check", "plan", "run"};
    (void)state;

    assert_int_equal(run("plimsoll", "--help"), 0);
    for (size_t i = 0; i < 6; i++) {
        char arguments[32];
        snprintf(arguments, sizeof(arguments), "%s --help", COMMANDS[i]);
        assert_int_equal(run("plimsoll", arguments), 0);
        assert_says(out, "--json");
        assert_says(out, "Exit:");
    }
    assert_int_equal(run("plimsoll", "--version"), 0);
    assert_int_equal(run("memreport", "--help"), 0);
    assert_int_equal(run("memreport", "--version"), 0);
}

static void wrong_words_are_usage_errors_that_help(void **state)
{
    (void)state;

    assert_int_equal(run("plimsoll", ""), 2);
    assert_int_equal(run("plimsoll", "plna"), 2);
    assert_says(errors, "did you mean 'plan'?");
    assert_int_equal(run("plimsoll", "plan --itmes a:1MB:1MB"), 2);
    assert_says(errors, "did you mean '--items'?");
    assert_int_equal(run("plimsoll", "plan --items a:1MB"), 2);
    assert_int_equal(run("plimsoll", "plan --items a:1MB:1MB --cap 12"), 2);
    assert_says(errors, "the unit is missing");
    assert_int_equal(run("plimsoll", "plan --items a:1MB:1MB --policy best"), 2);
    assert_int_equal(run("plimsoll", "run --episodes 4-2 x"), 2);
    assert_int_equal(run("memreport", "shwo x"), 2);
    assert_string_equal(out, "");
}

static void plan_orders_the_trio_and_gives_its_verdict(void **state)
{
    const char *trio = "plan --items torch:1200MB:300MB,dit:2098MB:2098MB,backbone:2937MB:2937MB";
    char arguments[256];
    (void)state;

    snprintf(arguments, sizeof(arguments), "%s --cap 8GB --json", trio);
    assert_int_equal(run("plimsoll", arguments), 0);
    assert_says(out, "\"peak\":7133000000");
    assert_says(out, "\"fits\":true");
    snprintf(arguments, sizeof(arguments), "%s --cap 8GB --policy as-listed --json", trio);
    assert_int_equal(run("plimsoll", arguments), 1);
    assert_says(out, "\"peak\":9172000000");
    assert_says(out, "\"deficit\":1172000000");
    snprintf(arguments, sizeof(arguments), "%s --cap 7133MB", trio);
    assert_int_equal(run("plimsoll", arguments), 0);
    snprintf(arguments, sizeof(arguments), "%s --cap 7132999999B", trio);
    assert_int_equal(run("plimsoll", arguments), 1);
    assert_says(out, "does not fit");
    assert_null(strchr(out, 27));
}

static void every_fault_of_a_manifest_is_named_with_its_line(void **state)
{
    (void)state;
    tool_write_text("bad.yaml", "name: x\n"
                                "budget:\n"
                                "  cap: 256\n"
                                "  cap: 1 MiB\n"
                                "engines:\n"
                                "  - name: a\n"
                                "    artifact: not-there.engine\n"
                                "    backnd: null\n"
                                "    inputs:\n"
                                "      t: {from: constant, value: 1, feature: y}\n"
                                "      u: {from: feedback}\n"
                                "  - name: a\n"
                                "framwork: {resident: 1 XB}\n");

    assert_int_equal(run("plimsoll", "plan bad.yaml"), 2);

    assert_says(errors, "bad.yaml:3: budget.cap: '256': the unit is missing");
    assert_says(errors, "bad.yaml:4: budget.cap: given twice, first on line 3");
    assert_says(errors, "bad.yaml:7: engines[0].artifact: 'not-there.engine': no such file");
    assert_says(errors, "bad.yaml:8: engines[0].backnd: unknown key; did you mean 'backend'?");
    assert_says(errors, "bad.yaml:10: engines[0].inputs.t.feature: nothing reads this");
    assert_says(errors, "bad.yaml:11: engines[0].inputs.u.output: missing");
    assert_says(errors, "bad.yaml:12: engines[1]: the key 'artifact' is missing");
    assert_says(errors, "bad.yaml:12: engines[1]: the name 'a' is taken on line 6");
    assert_says(errors, "bad.yaml:13: framwork: unknown key; did you mean 'framework'?");
    assert_string_equal(out, "");
}

static void text_that_is_not_yaml_is_refused_with_its_line(void **state)
{
    (void)state;
    tool_write_text("broken.yaml", "budget: {cap: 1 MiB\nengines: [\n");

    assert_int_equal(run("plimsoll", "plan broken.yaml"), 2);
    assert_says(errors, "broken.yaml:");
    tool_write_text("empty.yaml", "");
    assert_int_equal(run("plimsoll", "run empty.yaml"), 2);
    assert_int_equal(run("plimsoll", "plan no-such.yaml"), 2);
    assert_says(errors, "No such file");
}

static void make_artifact(void)
{
    char weights[4096 + 1];
    memset(weights, 'w', 4096);
    weights[4096] = 0;
    tool_write_text("weights.bin", weights);
    tool_write_text(
        "card.json",
        "{\"plimsoll_card\": 1, \"name\": \"tiny__smany_jpany_trtnone_fp32.engine\",\n"
        " \"backend\": \"null\", \"format\": \"raw\",\n"
        " \"precision\": {\"asked\": \"fp32\", \"found\": \"fp32\"},\n"
        " \"build\": {\"kind\": \"portable\"},\n"
        " \"memory\": {\"activation_bytes\": 65536, \"session_bytes\": 4096},\n"
        " \"tensors\": [{\"name\": \"x\", \"io\": \"input\", \"dtype\": \"float32\", "
        "\"rank\": 2},\n"
        "  {\"name\": \"y\", \"io\": \"output\", \"dtype\": \"float32\", \"rank\": 2}],\n"
        " \"profiles\": [{\"x\": {\"min\": [1, 8], \"opt\": [1, 8], \"max\": [1, 8]},\n"
        "  \"y\": {\"min\": [1, 8], \"opt\": [1, 8], \"max\": [1, 8]}}]}\n");
    assert_int_equal(
        run("plimsoll", "pack --card card.json --section weights:weights:weights.bin -o ."), 0);
}

static const char *const ARTIFACT = "tiny__smany_jpany_trtnone_fp32.engine";

static void pack_verify_and_a_flipped_bit(void **state)
{
    char path[700], arguments[200];
    (void)state;
    make_artifact();
    snprintf(arguments, sizeof(arguments), "verify %s", ARTIFACT);
    assert_int_equal(run("plimsoll", arguments), 0);
    assert_says(out, "intact");
    snprintf(path, sizeof(path), "%s/%s", tool_folder(), ARTIFACT);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    fseek(f, -4000, SEEK_END);
    fputc('x', f);
    fclose(f);

    assert_int_equal(run("plimsoll", arguments), 1);
    assert_says(errors, "E_CORRUPT");
    assert_int_equal(run("plimsoll", "verify weights.bin"), 4);
    assert_int_equal(run("plimsoll", "verify no-such.engine"), 4);
    assert_int_equal(run("plimsoll", "pack --model x -o ."), 2);
}

static void write_manifest(const char *name, const char *cap)
{
    char text[512];
    snprintf(text, sizeof(text),
             "name: small\nbudget: {cap: %s, reserve: 1 MiB}\n"
             "framework: {resident: 2 MiB, extra: 1 MiB}\n"
             "engines:\n  - {name: tiny, artifact: %s, inputs: {x: {from: feedback, output: y}}}\n",
             cap, ARTIFACT);
    tool_write_text(name, text);
}

static void page_tables_are_in_the_plan_when_there_are_no_large_pages(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("never.yaml", "128 MiB, large_pages: never");
    write_manifest("auto.yaml", "128 MiB");
    write_manifest("wrong.yaml", "128 MiB, large_pages: sometimes");
    assert_int_equal(run("plimsoll", "plan never.yaml --json"), 0);
    assert_says(out, "\"large_pages\":{\"used\":false,\"reason\":\"large_pages is never\"}");
    assert_int_equal(run("plimsoll", "plan never.yaml --verbose"), 0);
    assert_says(errors, "budget.large_pages: never");
    assert_says(out, "page tables of 4.0 KiB are counted as other");
    assert_int_equal(run("plimsoll", "plan auto.yaml"), 0);
    assert_true(strstr(out, "payloads lie in large pages") || strstr(out, "no large pages ("));
    assert_int_equal(run("plimsoll", "run never.yaml --max-frames 3 --json"), 0);
    assert_says(out, "\"large_pages\":{\"asked\":\"never\",\"used\":false");
    assert_int_equal(run("plimsoll", "plan wrong.yaml"), 2);
    assert_says(errors, "budget.large_pages");
}

/* The breakdown alone: from its head to its last line. */
static void cut_table(char *text)
{
    char *from = strstr(text, "resident     at peak"),
         *to = from ? strstr(from, "RSS at most") : NULL;
    if (!from || !to) {
        fail_msg("no breakdown in:\n%s", text);
    }
    *to = 0;
    memmove(text, from, (size_t)(to - from) + 1);
}

static void run_and_memreport_print_one_table(void **state)
{
    static char of_run[TOOL_OUTPUT_BYTES];
    (void)state;
    make_artifact();
    write_manifest("table.yaml", "128 MiB");
    assert_int_equal(run("plimsoll", "run table.yaml --report t.json --max-frames 3"), 0);
    for (const char *line = out, *end; (end = strchr(line, '\n')); line = end + 1) {
        assert_true(end - line <= 80);
    }
    memcpy(of_run, out, TOOL_OUTPUT_BYTES);
    cut_table(of_run);

    assert_int_equal(run("memreport", "show t.json"), 0);
    const char *verdict = strstr(out, "within the load line: peak ");
    assert_true(verdict && strchr(verdict, '\n') && !strchr(verdict, '\n')[1]); /* the last line */
    cut_table(out);

    assert_string_equal(out, of_run);
    assert_int_equal(errors[0], 0); /* no progress where there is no terminal */
}

/* ---- JSON: every key that there is stands in the man page ---- */

static char page[64 * 1024];

static void read_page(const char *path)
{
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    page[fread(page, 1, sizeof(page) - 1, f)] = 0;
    fclose(f);
    char *to = page; /* without \\fI and the like; \\- is a dash */
    for (const char *from = page; *from; from++) {
        if (from[0] == '\\' && from[1] == 'f' && from[2]) {
            from += 2;
        } else if (*from != '\\') {
            *to++ = *from;
        }
    }
    *to = 0;
}

static bool is_word(const char *key)
{
    size_t n = strlen(key);
    for (const char *at = page; (at = strstr(at, key)); at += n) {
        bool is_free = at == page || !(isalnum((unsigned char)at[-1]) || at[-1] == '_');
        if (is_free && !(isalnum((unsigned char)at[n]) || at[n] == '_')) {
            return true;
        }
    }
    return false;
}

static void assert_documented(json_t *value)
{
    const char *key;
    json_t *member;
    size_t i;
    json_object_foreach(value, key, member)
    {
        if (!is_word(key)) {
            fail_msg("the man page does not name the key \"%s\"", key);
        }
        assert_documented(member);
    }
    json_array_foreach(value, i, member)
    {
        assert_documented(member);
    }
}

/* The schemas that are shipped are named after what the JSON says it is. */
static void assert_follows_schema(const json_t *root, const char *name)
{
    json_error_t at;
    char path[96], why[1024];
    snprintf(path, sizeof(path), "docs/%s.schema.json", name);
    char *slash = strchr(path + strlen("docs/"), '/');
    if (slash) {
        *slash = '-';
    }
    json_t *schema = json_load_file(path, 0, &at);
    if (!schema) {
        return; /* plan and verify are described in the manual */
    }
    if (!json_schema_holds(schema, root, why, sizeof(why))) {
        fail_msg("%s: %s", path, why);
    }
    json_decref(schema);
}

static void check_json(const char *tool, const char *arguments, const char *schema)
{
    json_error_t at;
    assert_int_equal(run(tool, arguments), 0);
    json_t *root = json_loads(out, JSON_REJECT_DUPLICATES, &at);
    if (!root) {
        fail_msg("%s %s: %s, line %d", tool, arguments, at.text, at.line);
    }
    assert_string_equal(json_string_value(json_object_get(root, "schema")), schema);
    assert_documented(root);
    assert_follows_schema(root, schema);
    json_decref(root);
}

static void every_key_of_the_json_is_documented(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("keys.yaml", "128 MiB");

    read_page("docs/man/plimsoll.1");
    check_json("plimsoll", "plan keys.yaml --json", "plimsoll-plan/1");
    check_json("plimsoll", "verify --json tiny__smany_jpany_trtnone_fp32.engine",
               "plimsoll-verify/1");
    check_json("plimsoll", "run keys.yaml --json --report keys.json", "plimsoll-report/1");
    check_json("memreport", "show --json keys.json", "plimsoll-report/1");
    read_page("docs/man/memreport.1");
    check_json("memreport", "host --json", "plimsoll-host/2");
}

static void run_ends_with_a_report_that_memreport_shows(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("small.yaml", "128 MiB");

    assert_int_equal(run("plimsoll", "plan small.yaml"), 0);
    assert_says(out, "fits: peak");
    assert_int_equal(run("plimsoll", "run small.yaml --report r.json --max-frames 3"), 0);
    assert_says(out, "within the load line");
    assert_says(out, "unattributed");
    assert_int_equal(run("memreport", "show r.json"), 0);
    assert_says(out, "run small:");
    assert_int_equal(run("memreport", "show r.json --json"), 0);
    assert_says(out, "\"schema\":\"plimsoll-report/1\"");
    assert_int_equal(run("memreport", "show r.json --fail-over 1MiB"), 1);
    assert_int_equal(run("plimsoll", "run small.yaml --json"), 0);
    assert_int_equal(out[0], '{');
}

static void names_that_the_card_does_not_have_are_refused(void **state)
{
    (void)state;
    make_artifact();
    tool_write_text("names.yaml", "budget: {cap: 64 MiB}\nengines:\n"
                                  "  - name: tiny\n"
                                  "    artifact: tiny__smany_jpany_trtnone_fp32.engine\n"
                                  "    inputs:\n"
                                  "      z: {from: zeros}\n");

    assert_int_equal(run("plimsoll", "plan names.yaml"), 2);
    assert_says(errors, "names.yaml:6: engines[0].inputs.z: the engine has no such input");
    tool_write_text("none.yaml",
                    "budget: {cap: 64 MiB}\nengines:\n"
                    "  - {name: tiny, artifact: tiny__smany_jpany_trtnone_fp32.engine}\n");
    assert_int_equal(run("plimsoll", "run none.yaml"), 2);
    assert_says(errors, "'x' has no source");
    tool_write_text("video.yaml", "budget: {cap: 64 MiB}\nengines:\n  - name: tiny\n"
                                  "    artifact: tiny__smany_jpany_trtnone_fp32.engine\n"
                                  "    inputs: {x: {from: row, feature: observation.state}}\n");
    assert_int_equal(run("plimsoll", "run video.yaml"), 2);
    assert_says(errors, "--episode");
}

static void run_refuses_before_it_loads_when_the_plan_does_not_fit(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("tight.yaml", "6 MiB");

    assert_int_equal(run("plimsoll", "plan tight.yaml"), 1);
    assert_int_equal(run("plimsoll", "run tight.yaml"), 1);
    assert_says(errors, "predicted peak");
    assert_string_equal(out, "");
}

/* Twice what this machine has: declared for a framework, and never allocated by us. */
static void write_too_large(void)
{
    char text[512];
    const long gib = sysconf(_SC_PHYS_PAGES) / ((1 << 30) / sysconf(_SC_PAGESIZE)) + 1;
    snprintf(text, sizeof(text),
             "budget: {cap: %ld GiB}\nframework: {resident: %ld GiB}\nengines:\n"
             "  - {name: tiny, artifact: %s, inputs: {x: {from: zeros}}}\n",
             3 * gib, 2 * gib, ARTIFACT);
    tool_write_text("large.yaml", text);
}

static void plan_says_what_can_be_had_now_and_who_holds_the_rest(void **state)
{
    (void)state;
    make_artifact();
    write_too_large();
    write_manifest("small.yaml", "128 MiB");

    assert_int_equal(run("plimsoll", "plan small.yaml"), 0);
    assert_says(out, "now: cap 128.0 MiB fits this machine, ");
    assert_int_equal(run("plimsoll", "plan large.yaml"), 0);
    assert_says(out, "fits: peak");
    assert_says(out, "does not fit now: only ");
    assert_says(out, "page tables of what is promised");
    assert_int_equal(run("plimsoll", "plan large.yaml --headroom off"), 0);
    assert_null(strstr(out, "now"));
    assert_int_equal(run("plimsoll", "plan large.yaml --json"), 0);
    assert_says(out, "\"fits_now\":false");
    assert_int_equal(run("plimsoll", "plan large.yaml --headroom refuse"), 1);
    assert_int_equal(run("plimsoll", "plan large.yaml --headroom maybe"), 2);
    assert_says(errors, "warn, refuse or off");
}

static void run_refuses_or_warns_when_its_peak_cannot_be_had_now(void **state)
{
    (void)state;
    make_artifact();
    write_too_large();

    assert_int_equal(run("plimsoll", "run large.yaml --headroom refuse"), 1);
    assert_says(errors, "does not fit now: only ");
    assert_says(errors, "held by ");
    assert_string_equal(out, "");
    assert_int_equal(run("plimsoll", "run large.yaml"), 0);
    assert_says(errors, "warning: does not fit now: only ");
    assert_int_equal(run("plimsoll", "run large.yaml --headroom off"), 0);
    assert_null(strstr(errors, "does not fit"));
}

static void plan_takes_the_headroom_of_a_captured_machine(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("small.yaml", "128 MiB");
    tool_sh("mkdir -p board/proc && printf 'MemTotal: 400000 kB\nMemFree: 100000 kB\n"
            "MemAvailable: 100000 kB\nDirty: 0 kB\nWriteback: 0 kB\n' >board/proc/meminfo");

    assert_int_equal(run("plimsoll", "plan small.yaml --root board"), 0);

    assert_says(out, "the peak fits, cap 128.0 MiB does not: only ");
    assert_says(out, "figures that could not be read: 2");
}

/* The first number behind @key in the last output. */
static unsigned long long number_of(const char *key)
{
    const char *at = strstr(out, key);
    assert_non_null(at);
    return strtoull(at + strlen(key), NULL, 10);
}

static void write_recording(unsigned long long cap)
{
    char text[512];
    snprintf(text, sizeof(text),
             "budget: {cap: %llu B}\nframework: {resident: 64 MiB}\nengines:\n"
             "  - {name: tiny, artifact: %s, record_trace: true, inputs: {x: {from: zeros}}}\n",
             cap, ARTIFACT);
    tool_write_text("recording.yaml", text);
}

static void a_run_holds_its_own_predicted_peak_before_and_after_a_trace(void **state)
{
    (void)state;
    make_artifact();
    for (int with_trace = 0; with_trace < 2; with_trace++) {
        write_recording(1ULL << 30);
        assert_int_equal(run("plimsoll", "plan recording.yaml --json"), 0);
        unsigned long long peak = number_of("],\"peak\":");
        write_recording(peak - 1);
        assert_int_equal(run("plimsoll", "run recording.yaml"), 1);
        write_recording(peak);
        assert_int_equal(run("plimsoll", "run recording.yaml --json"), 0);
        assert_true(number_of("\"account_peak\":") <= peak);
        assert_says(out, with_trace ? "\"planned\":true" : "\"planned\":false");
    }
}

static void memreport_refuses_what_is_no_report(void **state)
{
    char arguments[64];
    (void)state;
    tool_write_text("junk.json", "{\"schema\":\"other/1\"}");

    assert_int_equal(run("memreport", "show junk.json"), 4);
    assert_says(errors, "schema");
    assert_int_equal(run("memreport", "show no-such.json"), 4);
    assert_int_equal(run("memreport", "live --pid 4194303"), 4);
    snprintf(arguments, sizeof(arguments), "live --pid %d --account junk.json", (int)getpid());
    assert_int_equal(run("memreport", arguments), 4);
    snprintf(arguments, sizeof(arguments), "live --pid %d", (int)getpid());
    assert_int_equal(run("memreport", arguments), 0);
    assert_says(out, "MemTotal, the sum");
    assert_int_equal(run("memreport", "host --json"), 0);
}

static void a_signal_ends_a_run_with_its_report(void **state)
{
    char path[600];
    (void)state;
    make_artifact();
    write_manifest("long.yaml", "128 MiB");
    assert_int_equal(run_under("timeout --preserve-status -s TERM 2", "plimsoll",
                               "run long.yaml --max-frames 999999999999 --account long.account"),
                     3);
    assert_says(errors, "stopped by a signal");
    assert_says(out, "within the load line");
    snprintf(path, sizeof(path), "%s/long.account", tool_folder());
    assert_int_equal(access(path, F_OK), -1);
}

static void a_run_that_was_killed_leaves_its_black_box(void **state)
{
    (void)state;
    make_artifact();
    write_manifest("box.yaml", "128 MiB");
    assert_int_equal(run("plimsoll", "run box.yaml --black-box b --account a"), 2);
    assert_int_equal(run("plimsoll", "run box.yaml --max-frames 4 --black-box robot.box"), 0);
    assert_int_equal(run("memreport", "post robot.box"), 0);
    assert_says(out, "closed by the program");

    (void)run_under("timeout -s KILL 2", "plimsoll",
                    "run box.yaml --max-frames 999999999999 --black-box robot.box");

    assert_int_equal(run("memreport", "post robot.box"), 0);
    assert_says(out, "killed, or it crashed");
    assert_says(out, "engine_loaded engine=");
    assert_says(out, "under the cap of 128.0 MiB");
    assert_int_equal(run("memreport", "post robot.box.previous"), 0);
    assert_says(out, "closed by the program");
}

static void a_file_that_was_cut_short_is_damaged(void **state)
{
    char path[600];
    (void)state;
    tool_write_text("cut.bin", "payload payload payload");
    assert_int_equal(run("plimsoll", "pack --model cut --backend null "
                                     "--section weights:weights:cut.bin -o cut.engine"),
                     0);
    snprintf(path, sizeof(path), "%s/cut.engine", tool_folder());
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 1), 0);
    assert_int_equal(run("plimsoll", "verify cut.engine"), 1);
    assert_says(errors, "cut short");
}

static void faults_of_a_pressure_ladder_are_named_with_their_line(void **state)
{
    (void)state;
    make_artifact();
    tool_write_text("ladder.yaml",
                    "budget: {cap: 64 MiB}\n"
                    "engines:\n"
                    "  - {name: tiny, artifact: tiny__smany_jpany_trtnone_fp32.engine,\n"
                    "     inputs: {x: {from: zeros}}}\n"
                    "pressure:\n"
                    "  heap_trim: true\n"
                    "  rungs:\n"
                    "    - {rung: drop-video, enter: {headrom: 1 GiB}}\n"
                    "    - {rung: kill, enter: {cgroup: 90 %}}\n"
                    "    - {rung: trim-caches, enter: {cgroup: 90 %}, leave: {cgroup: 95 %}}\n"
                    "    - {rung: heap-trim, enter: {cgroup: 90 %}, leave: {psi_some: 1 %}}\n"
                    "    - {rung: shrink-windows, enter: {}}\n"
                    "    - {rung: shrink-windows}\n");

    assert_int_equal(run("plimsoll", "plan ladder.yaml"), 2);

    assert_says(errors, "ladder.yaml:6: pressure.heap_trim: nothing reads this");
    assert_says(errors, "ladder.yaml:8: pressure.rungs[0].enter.headrom: unknown key; did you mean "
                        "'headroom'?");
    assert_says(errors, "ladder.yaml:9: pressure.rungs[1].rung: 'kill': one of heap-trim");
    assert_says(errors, "ladder.yaml:10: pressure.rungs[2].leave.cgroup: must be calmer");
    assert_says(errors, "ladder.yaml:11: pressure.rungs[3].leave.psi_some: nothing reads this");
    assert_says(errors, "ladder.yaml:12: pressure.rungs[4]: 'enter' watches nothing");
    assert_says(errors, "ladder.yaml:13: pressure.rungs[5]: the key 'enter' is missing");
    assert_says(errors, "ladder.yaml:13: pressure.rungs[5]: the rung 'shrink-windows' is listed");
}

/* Headroom is always below a line of 8 EiB: the ladder is climbed from its first look on. */
static void a_run_under_pressure_says_which_rungs_it_entered(void **state)
{
    (void)state;
    make_artifact();
    tool_write_text("pressed.yaml",
                    "budget: {cap: 128 MiB, reserve: 1 MiB}\n"
                    "engines:\n"
                    "  - {name: tiny, artifact: tiny__smany_jpany_trtnone_fp32.engine,\n"
                    "     inputs: {x: {from: zeros}}}\n"
                    "pressure:\n"
                    "  rungs:\n"
                    "    - {rung: trim-caches, enter: {headroom: 4000000 TiB}, hold_ms: 1}\n"
                    "    - {rung: heap-trim, enter: {headroom: 4000000 TiB}, hold_ms: 1}\n");

    assert_int_equal(run("plimsoll", "run pressed.yaml --verbose"), 0);
    assert_says(out, "within the load line");
    assert_says(out, "pressure");
    assert_says(errors, "pressure: trim-caches, heap-trim");
    read_page("docs/man/plimsoll.1");
    check_json("plimsoll", "run pressed.yaml --json", "plimsoll-report/1");
    assert_says(out, "\"pressure\":{\"looks\":");
    assert_says(out, "{\"name\":\"heap-trim\",");
}

static void a_missing_manifest_is_named_without_a_line(void **state)
{
    (void)state;
    assert_int_equal(run("plimsoll", "plan nowhere.yaml"), 2);
    assert_says(errors, "nowhere.yaml: No such file");
}

static void import_leaves_no_folder_that_it_did_not_need(void **state)
{
    char path[600];
    (void)state;
    tool_write_text("no.onnx", "text");
    assert_int_equal(run("plimsoll", "import no.onnx -o one/two"), 5);
    assert_says(errors, "-o one/two");
    assert_true(run("plimsoll", "import no.onnx -o one") >= 4);
    snprintf(path, sizeof(path), "%s/one", tool_folder());
    assert_int_equal(access(path, F_OK), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_signal_ends_a_run_with_its_report),
        cmocka_unit_test(a_run_that_was_killed_leaves_its_black_box),
        cmocka_unit_test(a_file_that_was_cut_short_is_damaged),
        cmocka_unit_test(faults_of_a_pressure_ladder_are_named_with_their_line),
        cmocka_unit_test(a_run_under_pressure_says_which_rungs_it_entered),
        cmocka_unit_test(a_missing_manifest_is_named_without_a_line),
        cmocka_unit_test(import_leaves_no_folder_that_it_did_not_need),
        cmocka_unit_test(help_and_version_work_everywhere),
        cmocka_unit_test(wrong_words_are_usage_errors_that_help),
        cmocka_unit_test(plan_orders_the_trio_and_gives_its_verdict),
        cmocka_unit_test(every_fault_of_a_manifest_is_named_with_its_line),
        cmocka_unit_test(text_that_is_not_yaml_is_refused_with_its_line),
        cmocka_unit_test(pack_verify_and_a_flipped_bit),
        cmocka_unit_test(page_tables_are_in_the_plan_when_there_are_no_large_pages),
        cmocka_unit_test(run_and_memreport_print_one_table),
        cmocka_unit_test(every_key_of_the_json_is_documented),
        cmocka_unit_test(run_ends_with_a_report_that_memreport_shows),
        cmocka_unit_test(names_that_the_card_does_not_have_are_refused),
        cmocka_unit_test(run_refuses_before_it_loads_when_the_plan_does_not_fit),
        cmocka_unit_test(plan_says_what_can_be_had_now_and_who_holds_the_rest),
        cmocka_unit_test(run_refuses_or_warns_when_its_peak_cannot_be_had_now),
        cmocka_unit_test(plan_takes_the_headroom_of_a_captured_machine),
        cmocka_unit_test(a_run_holds_its_own_predicted_peak_before_and_after_a_trace),
        cmocka_unit_test(memreport_refuses_what_is_no_report),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
