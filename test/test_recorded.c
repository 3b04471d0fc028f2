/* SPDX-License-Identifier: Apache-2.0 */
/* test_recorded.c - memreport episode, dataset, plan and formats as a stranger uses them: words,
 * tables, JSON against its schema, exit codes, and what the tool itself takes. */
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/json_schema.h"
#include "test/support/made_episode.h"
#include "test/support/tool_run.h"

static char *const out = tool_out, *const errors = tool_errors;

/* memreport with @arguments in which %s is @path, under environment @before. */
static int run(const char *before, const char *arguments, const char *path)
    __attribute__((format(printf, 2, 0)));

static int run(const char *before, const char *arguments, const char *path)
{
    char words[2 * PATH_MAX];
    snprintf(words, sizeof(words), arguments, path);
    return tool_sh_in(".", "%s $memreport %s", before, words);
}

static const char *make_small(const char *arguments)
{
    const char *set = made_episode(arguments);
    if (!set) {
        skip_because("libavcodec has no encoder");
    }
    return set;
}

static json_t *parsed(void)
{
    json_error_t at;
    json_t *value = json_loads(out, 0, &at);
    if (!value) {
        fail_msg("line %d: %s in:\n%.2000s", at.line, at.text, out);
    }
    return value;
}

static void follows_schema(const json_t *value)
{
    json_error_t at;
    char why[1024];
    json_t *schema = json_load_file("docs/memreport-1.schema.json", 0, &at);
    if (!schema) {
        fail_msg("schema, line %d: %s", at.line, at.text);
    }
    if (!json_schema_holds(schema, value, why, sizeof(why))) {
        fail_msg("%s in:\n%.2000s", why, out);
    }
    json_decref(schema);
}

static json_int_t number(const json_t *value, const char *a, const char *b, const char *c)
{
    value = json_object_get(value, a);
    value = b ? json_object_get(value, b) : value;
    return json_integer_value(c ? json_object_get(value, c) : value);
}

static void every_json_output_follows_the_schema(void **state)
{
    static const char *const COMMANDS[] = {
        "episode %s --json",
        "episode %s -e all --window 2 --worklog-compat --json",
        "episode %s -e 1 --as nv12 --view gr00t --json",
        "dataset %s --json --worklog-compat",
        "plan %s --json",
        "plan %s --json --budget 1GiB --as f16 --history 4",
        "formats --json",
    };
    (void)state;
    const char *set = make_small("-n 5,3 -s 64 -p -l 1");

    for (size_t i = 0; i < sizeof(COMMANDS) / sizeof(COMMANDS[0]); i++) {
        assert_int_equal(run("", COMMANDS[i], set), 0);
        json_t *value = parsed();
        follows_schema(value);
        json_decref(value);
    }
}

static void a_broken_data_set_is_still_json(void **state)
{
    (void)state;
    const char *set = make_small("-n 5,3 -s 64");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s/data/chunk-000/episode_000001.parquet", set);
    assert_int_equal(truncate(path, 40), 0);

    assert_int_equal(run("", "episode %s -e all --json", set), 3);

    json_t *value = parsed();
    follows_schema(value);
    assert_true(json_is_false(json_object_get(value, "complete")));
    assert_int_equal(number(value, "exit", NULL, NULL), 3);
    assert_says(out, "\"code\":\"damaged\"");
    json_decref(value);
}

static void a_schema_that_is_not_met_is_noticed(void **state)
{
    (void)state;
    json_error_t at;
    char why[256];
    json_t *schema = json_load_file("docs/memreport-1.schema.json", 0, &at);
    json_t *value = json_pack("{s:s,s:s,s:s,s:[{s:s,s:s}]}", "schema", "memreport/1", "tool", "x",
                              "kind", "formats", "formats", "name", "a", "reads", "b");
    assert_non_null(schema);
    assert_non_null(value);

    assert_false(json_schema_holds(schema, value, why, sizeof(why)));
    json_object_set_new(json_array_get(json_object_get(value, "formats"), 0), "usable",
                        json_true());
    assert_true(json_schema_holds(schema, value, why, sizeof(why)));
    json_object_set_new(value, "more", json_true());
    assert_false(json_schema_holds(schema, value, why, sizeof(why)));
    json_decref(schema);
    json_decref(value);
}

static void csv_rows_sum_to_the_json_total(void **state)
{
    (void)state;
    const char *set = make_small("-n 5,3 -s 64 -p");
    json_int_t disk = 0, memory = 0;
    unsigned column = 0;

    assert_int_equal(run("", "episode %s --csv", set), 0);
    for (char *line = strtok(strchr(out, '\n') + 1, "\n"); line; line = strtok(NULL, "\n")) {
        column = 0;
        for (char *at = line; at; at = strchr(at, ',') ? strchr(at, ',') + 1 : NULL, column++) {
            disk += column == 11 ? atoll(at) : 0;
            memory += column == 12 ? atoll(at) : 0;
        }
        assert_int_equal(column, 14);
    }
    assert_int_equal(run("", "episode %s --json", set), 0);

    json_t *value = parsed();
    const json_t *e = json_array_get(json_object_get(value, "episodes"), 0);
    assert_int_equal(disk, number(e, "total", "disk", NULL));
    assert_int_equal(memory, number(e, "total", "memory", NULL));
    json_decref(value);
}

static void exit_codes_say_what_happened(void **state)
{
    (void)state;
    const char *set = make_small("-n 5,3 -s 64 -p");

    assert_int_equal(run("", "episode %s", set), 0);
    assert_int_equal(run("", "episode %s --strict", set), 3);
    assert_int_equal(run("", "dataset %s --fail-over 1kB", set), 1);
    assert_says(out, "over the limit: episode 0");
    assert_int_equal(run("", "plan %s --budget 10kB", set), 1);
    assert_says(out, "does not fit");
    assert_int_equal(run("", "dataset %s --fail-over 1kB --strict", set), 3);
    assert_int_equal(run("", "episode %s -e 7", set), 4);
    assert_int_equal(run("", "episode %s/data", set), 4);
    assert_int_equal(run("", "episode %s.nothing", set), 4);
    assert_int_equal(run("", "episode %s --nonsense", set), 2);
    assert_int_equal(run("", "dataset %s --budget 1GiB", set), 2);
    assert_int_equal(run("", "episode %s --window 0", set), 2);
    assert_int_equal(run("", "episode %s --window", set), 2);
    assert_int_equal(run("", "episode %s -e 4-2", set), 2);
    assert_int_equal(run("", "episode %s --as yuv", set), 2);
    assert_int_equal(run("", "plan %s --budget lots", set), 2);
    assert_int_equal(run("", "episode", set), 2);
    assert_string_equal(out, "");
}

static void output_goes_to_a_new_file_only(void **state)
{
    (void)state;
    const char *set = make_small("-n 3 -s 64");
    char arguments[PATH_MAX];
    snprintf(arguments, sizeof(arguments), "episode %%s --json -o %s/report.json", cm_tmp());

    assert_int_equal(run("", arguments, set), 0);
    assert_int_equal(run("", arguments, set), 2);
    assert_says(errors, "-f overwrites it");
    strcat(arguments, " -f");
    assert_int_equal(run("", arguments, set), 0);

    assert_string_equal(out, "");
    tool_read("report.json", out);
    json_t *value = parsed();
    follows_schema(value);
    json_decref(value);
}

static void a_failure_leaves_the_old_file_as_it_was(void **state)
{
    (void)state;
    char path[PATH_MAX], arguments[2 * PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s/kept.json", cm_tmp());
    FILE *f = fopen(path, "w");
    fputs("old", f);
    fclose(f);
    snprintf(arguments, sizeof(arguments), "episode %%s --json -f -o %s", path);

    assert_int_equal(run("", arguments, "/nowhere"), 4);

    tool_read("kept.json", out);
    assert_string_equal(out, "old");
    snprintf(arguments, sizeof(arguments), "episode %%s --json -o %.3000s/none.json", cm_tmp());
    assert_int_equal(run("", arguments, "/nowhere"), 4);
    snprintf(path, sizeof(path), "%.3000s/none.json", cm_tmp());
    assert_int_not_equal(access(path, F_OK), 0);
}

static void a_full_disk_is_no_success(void **state)
{
    (void)state;
    const char *set = make_small("-n 3 -s 64");
    if (access("/dev/full", W_OK) != 0) {
        skip_because("there is no /dev/full");
    }

    assert_int_equal(run("", "episode %s -o /dev/full -f", set), 5);
    assert_says(errors, "could not be written");
    assert_int_equal(run("", "dataset %s -o /dev/full -f", set), 5);
}

static void a_recording_without_an_end_can_be_ended(void **state)
{
    (void)state;

    int code = run("timeout -k 20 0.2", "replay %s", "/dev/zero");

    assert_int_equal(code, 124); /* 137: it had to be killed */
}

static void put_text(const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s/%s", cm_tmp(), name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static void no_name_in_a_data_set_steers_the_terminal(void **state)
{
    (void)state;
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s/names", cm_tmp());
    assert_int_equal(mkdir(path, 0755), 0);
    snprintf(path, sizeof(path), "%.3000s/names/a\033[31m", cm_tmp());
    assert_int_equal(mkdir(path, 0755), 0);
    put_text("names/.zgroup", "{\"zarr_format\":2}");
    put_text("names/a\033[31m/.zarray",
             "{\"zarr_format\":2,\"shape\":[8],\"chunks\":[8],\"dtype\":\"|u1\","
             "\"compressor\":null,\"filters\":null,\"fill_value\":0,\"order\":\"C\"}");
    put_text("names/a\033[31m/0", "12345678");
    snprintf(path, sizeof(path), "%.3000s/names", cm_tmp());

    assert_int_equal(run("", "episode %s", path), 0);

    assert_says(out, "a?[31m ");
    assert_null(strchr(out, '\033'));
}

static void longest_line(unsigned limit)
{
    for (const char *line = out; *line;) {
        size_t n = strcspn(line, "\n");
        if (n > limit) {
            fail_msg("%zu columns: %.*s", n, (int)n, line);
        }
        if (n && line[n - 1] == ' ') {
            fail_msg("ends with a blank: %.*s", (int)n, line);
        }
        line += n + (line[n] != 0);
    }
}

static void tables_fit_80_columns_and_a_pipe_has_no_colour(void **state)
{
    (void)state;
    const char *set = make_small("-n 5,3,4 -s 64 -p");

    assert_int_equal(run("COLUMNS=80", "episode %s --window 2 -q", set), 0);
    longest_line(80);
    assert_says(out, MADE_CAMERA);
    assert_int_equal(run("COLUMNS=80", "dataset %s", set), 0);
    longest_line(80);
    assert_int_equal(run("COLUMNS=80", "plan %s --budget 1GiB", set), 0);
    longest_line(80);
    assert_int_equal(run("COLUMNS=140", "episode %s -e all --window 2", set), 0);
    longest_line(140);

    assert_null(strchr(out, '\033'));
    assert_null(strchr(errors, '\033'));
    assert_null(strchr(errors, '\r'));
}

static void plan_names_the_smallest_window_that_serves(void **state)
{
    (void)state;
    const char *set = make_small("-n 40 -s 64");

    assert_int_equal(run("", "plan %s --json", set), 0);
    json_t *value = parsed();
    assert_int_equal(number(value, "plan", "smallest_window", NULL), 2);
    json_decref(value);
    assert_int_equal(run("", "plan %s --json --prefetch 2 --history 3", set), 0);
    value = parsed();
    assert_int_equal(number(value, "plan", "smallest_window", NULL), 9);
    assert_int_equal(number(value, "plan", "window", "frames"), 9 * 64 * 64 * 3);
    json_decref(value);
    /* looks that overlap share their frames */
    assert_int_equal(run("", "plan %s --json --horizon 2 --history 8 --model-bytes 1000B", set), 0);
    value = parsed();

    assert_int_equal(number(value, "plan", "smallest_window", NULL), 10);
    assert_int_equal(number(value, "plan", "engines", NULL), 1000);
    assert_int_equal(number(value, "plan", "window", "peak"),
                     1000 + number(value, "plan", "window", "frames") +
                         number(value, "plan", "window", "decoders") +
                         number(value, "plan", "window", "rest"));
    json_decref(value);
}

static void quantiles_are_those_of_the_episodes(void **state)
{
    (void)state;
    const char *set = make_small("-n 9,2,7,3,5 -s 64");

    assert_int_equal(run("", "dataset %s --json", set), 0);

    json_t *value = parsed();
    const json_t *s = json_object_get(value, "summary");
    assert_int_equal(number(s, "median", "frames", NULL), 5);
    assert_int_equal(number(s, "p95", "frames", NULL), 9);
    assert_int_equal(number(s, "mean", "frames", NULL), 5);
    assert_int_equal(number(s, "max", "index", NULL), 0);
    assert_int_equal(number(s, "min", "index", NULL), 1);
    json_int_t binned = 0;
    size_t i;
    json_t *bin;
    json_array_foreach(json_object_get(s, "histogram"), i, bin)
    {
        binned += number(bin, "episodes", NULL, NULL);
    }
    assert_int_equal(binned, 5);
    json_decref(value);
}

static void nothing_is_written_into_the_data_set(void **state)
{
    (void)state;
    const char *set = make_small("-n 3,2 -s 64");
    char command[PATH_MAX], before[1 << 16], after[1 << 16];
    snprintf(command, sizeof(command), "find %s -printf '%%p %%s %%T@\\n' | sort", set);
    FILE *f = popen(command, "r");
    assert_non_null(f);
    before[fread(before, 1, sizeof(before) - 1, f)] = 0;
    pclose(f);

    assert_int_equal(run("", "dataset %s --worklog-compat", set), 0);

    f = popen(command, "r");
    assert_non_null(f);
    after[fread(after, 1, sizeof(after) - 1, f)] = 0;
    pclose(f);
    assert_true(strlen(before) > 100);
    assert_string_equal(before, after);
}

static void the_tool_links_no_codec_and_no_hdf5(void **state)
{
    (void)state;
    char command[PATH_MAX + 16], line[512];
    unsigned lines = 0;
    snprintf(command, sizeof(command), "ldd %s", tool_path("memreport"));
    FILE *f = popen(command, "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f)) {
        lines++;
        if (strstr(line, "libav") || strstr(line, "libsw") || strstr(line, "hdf5")) {
            fail_msg("links %s", line);
        }
    }
    pclose(f);
    assert_true(lines > 1);
}

static void the_tool_itself_stays_below_8_mb(void **state)
{
    (void)state;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
    skip_because("a sanitizer's own memory");
#endif
    const char *set = make_small("-n 30,20 -s 64");
    struct rusage use;
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)) {
            _exit(99);
        }
        execl(tool_path("memreport"), "memreport", "dataset", set, "--worklog-compat",
              (char *)NULL);
        _exit(99);
    }
    int status = -1;

    assert_int_equal(wait4(pid, &status, 0, &use), pid);

    assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    assert_true(use.ru_maxrss < 8 * 1024);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_json_output_follows_the_schema),
        cmocka_unit_test(a_broken_data_set_is_still_json),
        cmocka_unit_test(a_schema_that_is_not_met_is_noticed),
        cmocka_unit_test(csv_rows_sum_to_the_json_total),
        cmocka_unit_test(exit_codes_say_what_happened),
        cmocka_unit_test(output_goes_to_a_new_file_only),
        cmocka_unit_test(a_failure_leaves_the_old_file_as_it_was),
        cmocka_unit_test(a_full_disk_is_no_success),
        cmocka_unit_test(a_recording_without_an_end_can_be_ended),
        cmocka_unit_test(no_name_in_a_data_set_steers_the_terminal),
        cmocka_unit_test(tables_fit_80_columns_and_a_pipe_has_no_colour),
        cmocka_unit_test(plan_names_the_smallest_window_that_serves),
        cmocka_unit_test(quantiles_are_those_of_the_episodes),
        cmocka_unit_test(nothing_is_written_into_the_data_set),
        cmocka_unit_test(the_tool_links_no_codec_and_no_hdf5),
        cmocka_unit_test(the_tool_itself_stays_below_8_mb),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
