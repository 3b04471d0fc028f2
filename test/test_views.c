/* SPDX-License-Identifier: Apache-2.0 */
/* test_views.c - memreport diff, render and export as a stranger uses them: figures that add up,
 * input that is broken or hostile, output that others read. */
#include <jansson.h>
#include <limits.h>
#include <stdbool.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "test/support/json_schema.h"
#include "test/support/tool_run.h"

#define BIG TOOL_OUTPUT_BYTES

static char *const out = tool_out, *const errors = tool_errors;

/* memreport with @arguments, in the test's own folder. */
static int run(const char *arguments)
{
    return tool_sh("$memreport %s", arguments);
}

/* ---- reports that are made here ---- */

typedef struct made_feature {
    const char *name, *group;
    long long memory, disk;
} made_feature;

static char made[BIG];

/* One episode of @count features; its total is @more off the sum. */
static void make_episode_report(const char *name, const made_feature *f, size_t count,
                                long long more)
{
    long long memory = more, disk = 0;
    int n = snprintf(made, BIG,
                     "{\"schema\":\"memreport/1\",\"kind\":\"episode\",\"root\":\"x/demo\","
                     "\"options\":{\"as\":\"rgb24\",\"window\":null},\"complete\":true,"
                     "\"episodes\":[{\"index\":7,\"container\":{\"mp4\":5},"
                     "\"decoder\":{\"bytes\":9,\"source\":\"estimated\"},\"features\":[");
    for (size_t i = 0; i < count; i++) {
        n += snprintf(made + n, BIG - (size_t)n,
                      "%s{\"name\":\"%s\",\"group\":\"%s\",\"source\":\"measured\",\"memory\":%lld,"
                      "\"disk\":%lld}",
                      i ? "," : "", f[i].name, f[i].group, f[i].memory, f[i].disk);
        memory += f[i].memory;
        disk += f[i].disk;
    }
    n += snprintf(made + n, BIG - (size_t)n, "],\"total\":{\"memory\":%lld,\"disk\":%lld}}]}",
                  memory, disk + 5);
    tool_write(name, made, (size_t)n);
}

static const made_feature BEFORE[] = {{"cam_a", "video", 8 << 20, 100},
                                      {"cam_b", "video", 4 << 20, 50},
                                      {"state", "state_action", 4096, 40},
                                      {"index", "other", 512, 8}};
static const made_feature AFTER[] = {{"cam_a", "video", 2 << 20, 25},
                                     {"cam_c", "video", 1 << 20, 12},
                                     {"state", "state_action", 5120, 40},
                                     {"index", "other", 512, 8}};

static void make_pair(void)
{
    make_episode_report("before.json", BEFORE, 4, 0);
    make_episode_report("after.json", AFTER, 4, 0);
}

static const char LIVE[] =
    "{\"schema\":\"memreport-live/1\",\"kind\":\"live\",\"time_ms\":%d,\"board\":\"bench\","
    "\"total\":1000000,\"process\":null,\"rows\":["
    "{\"place\":\"this process\",\"name\":\"backbone weights\",\"now\":%d,\"known\":\"tagged\"},"
    "{\"place\":\"other processes\",\"name\":\"less\",\"now\":-10,\"known\":\"difference\"},"
    "{\"place\":\"free\",\"name\":\"free pages\",\"now\":%d,\"known\":\"kernel\"},"
    "{\"place\":\"kernel\",\"name\":\"zram\",\"now\":null,\"known\":\"kernel\"},"
    "{\"place\":\"not in the sum\",\"name\":\"swap\",\"now\":77,\"known\":\"kernel\"}]}\n";

/* A machine of 1 MB in which an engine grows until frame @peak and is dropped. */
static void make_recording(const char *name, int frames, int peak)
{
    size_t n = 0;
    for (int i = 0; i < frames; i++) {
        int held = i <= peak ? 1000 + 700000 / peak * i : 1000;
        n += (size_t)snprintf(made + n, BIG - n, LIVE, 5000 + i * 100, held, 1000010 - held);
        if (i == peak) {
            n +=
                (size_t)snprintf(made + n, BIG - n,
                                 "{\"time_ms\":%d,\"event\":\"<i>dropped</i>\"}\n", 5000 + i * 100);
        }
    }
    tool_write(name, made, n);
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

static void follows(const char *schema_path, const json_t *value)
{
    json_error_t at;
    char why[1024];
    json_t *schema = json_load_file(schema_path, 0, &at);
    if (!schema) {
        fail_msg("%s, line %d: %s", schema_path, at.line, at.text);
    }
    if (!json_schema_holds(schema, value, why, sizeof(why))) {
        fail_msg("%s", why);
    }
    json_decref(schema);
}

static long long number(const json_t *value, const char *a, const char *b)
{
    value = json_object_get(value, a);
    return json_integer_value(b ? json_object_get(value, b) : value);
}

/* ---- diff ---- */

static void a_difference_puts_the_largest_change_first(void **state)
{
    (void)state;
    static const char GOLDEN[] =
        "before  demo, episode 7: 12.0 MiB in memory, as rgb24\n"
        "after   demo, episode 7: 3.0 MiB in memory, as rgb24\n"
        "change  -9.0 MiB (-75.0 %)\n"
        "\n"
        "                                              before        after       change\n"
        "video                                       12.0 MiB      3.0 MiB     -9.0 MiB\n"
        "  cam_a                                      8.0 MiB      2.0 MiB     -6.0 MiB\n"
        "  cam_b  (gone)                              4.0 MiB            -     -4.0 MiB\n"
        "  cam_c  (new)                                     -      1.0 MiB     +1.0 MiB\n"
        "state and action                             4.0 KiB      5.0 KiB     +1.0 KiB\n"
        "  state                                      4.0 KiB      5.0 KiB     +1.0 KiB\n"
        "unchanged (1 row)                              512 B        512 B            0\n"
        "------------------------------------------------------------------------------\n"
        "total                                       12.0 MiB      3.0 MiB     -9.0 MiB\n";
    make_pair();
    setenv("COLUMNS", "78", 1);

    assert_int_equal(run("diff before.json after.json"), 0);

    unsetenv("COLUMNS");
    assert_string_equal(out, GOLDEN);
}

static void a_difference_adds_up_whatever_is_left_out(void **state)
{
    static const char *const COMMANDS[] = {"diff before.json after.json --json",
                                           "diff after.json before.json --json --top 1",
                                           "diff before.json after.json --json --by disk"};
    (void)state;
    make_pair();

    for (size_t k = 0; k < 3; k++) {
        assert_int_equal(run(COMMANDS[k]), 0);
        json_t *d = parsed();
        size_t i;
        json_t *one;
        long long before = number(d, "unchanged", "bytes") + number(d, "left_out", "before");
        long long after = number(d, "unchanged", "bytes") + number(d, "left_out", "after");
        json_array_foreach(json_object_get(d, "rows"), i, one)
        {
            before += number(one, "before", NULL);
            after += number(one, "after", NULL);
        }
        long long change = 0;
        json_array_foreach(json_object_get(d, "parts"), i, one)
        {
            change += number(one, "change", NULL);
            assert_int_equal(number(one, "after", NULL) - number(one, "before", NULL),
                             number(one, "change", NULL));
        }
        follows("docs/memreport-diff-1.schema.json", d);
        assert_int_equal(change, number(d, "change", NULL));
        assert_int_equal(before, number(d, "before", "total"));
        assert_int_equal(after, number(d, "after", "total"));
        assert_int_equal(after - before, number(d, "change", NULL));
        json_decref(d);
    }
}

static void a_report_does_not_differ_from_itself(void **state)
{
    static const char *const NAMES[] = {"before.json", "recording.jsonl"};
    (void)state;
    make_pair();
    make_recording("recording.jsonl", 30, 20);

    for (size_t i = 0; i < 2; i++) {
        char arguments[128];
        snprintf(arguments, sizeof(arguments), "diff %s %s --json --fail-over 0", NAMES[i],
                 NAMES[i]);
        assert_int_equal(run(arguments), 0);
        json_t *d = parsed();
        follows("docs/memreport-diff-1.schema.json", d);
        assert_int_equal(json_array_size(json_object_get(d, "rows")), 0);
        assert_int_equal(number(d, "change", NULL), 0);
        json_decref(d);
    }
}

static void rows_of_one_name_are_added_and_not_overwritten(void **state)
{
    static const made_feature TWICE[] = {{"cam", "video", 1000, 1}, {"cam", "video", 500, 1}};
    static const made_feature ONCE[] = {{"cam", "video", 1500, 2}};
    (void)state;
    make_episode_report("twice.json", TWICE, 2, 0);
    make_episode_report("once.json", ONCE, 1, 0);

    assert_int_equal(run("diff twice.json once.json"), 0);

    assert_says(out, "change  none in total");
    assert_says(out, "unchanged (1 row)");
}

static void growth_beyond_the_limit_is_exit_1(void **state)
{
    (void)state;
    make_pair();

    assert_int_equal(run("diff after.json before.json --fail-over 9MiB"), 0);
    assert_says(out, "within the limit");
    assert_int_equal(run("diff after.json before.json --fail-over 8MiB"), 1);
    assert_says(out, "grew too much: +9.0 MiB, limit +8.0 MiB");
    assert_int_equal(run("diff before.json after.json --fail-over 0"), 0);
}

static void two_kinds_are_refused_by_name(void **state)
{
    (void)state;
    make_pair();
    make_recording("recording.jsonl", 3, 1);

    assert_int_equal(run("diff before.json recording.jsonl"), 2);

    assert_says(errors, "wanted episode, found recording");
    assert_string_equal(out, "");
}

static void a_wrong_command_line_is_exit_2(void **state)
{
    static const char *const LINES[] = {
        "diff",
        "diff before.json",
        "diff before.json after.json after.json",
        "diff before.json after.json --by nothing",
        "diff before.json after.json --top 0",
        "diff before.json after.json --fail-over much",
        "diff before.json after.json --csv",
        "render before.json",
        "render before.json -o page.txt",
        "render before.json -o page.html --top 3",
        "export before.json",
        "export before.json --csv --prometheus",
        "export before.json --perfetto",
    };
    (void)state;
    make_pair();
    for (size_t i = 0; i < sizeof(LINES) / sizeof(LINES[0]); i++) {
        int code = run(LINES[i]);
        if (code != 2) {
            fail_msg("%s: exit %d", LINES[i], code);
        }
        assert_string_equal(out, "");
    }
}

/* ---- input that is not what it should be ---- */

static void what_is_no_report_is_exit_4(void **state)
{
    static const struct {
        const char *text, *says;
    } WRONG[] = {
        {"", "JSON object"},
        {"[]", "another value"},
        {"{\"schema\":\"other/1\"}", "found other/1"},
        {"{\"schema\":\"memreport/1\",\"kind\":\"formats\"}", "found formats"},
        {"{\"schema\":\"memreport/1\",\"kind\":\"episode\",\"root\":\"x\",\"options\":{\"as\":"
         "\"rgb24\",\"window\":NaN},\"episodes\":[]}",
         "NaN"},
        {"{\"schema\":\"memreport/1\",\"kind\":\"plan\",\"root\":\"x\",\"options\":{\"as\":\"a\"},"
         "\"plan\":{\"engines\":99999999999999999999}}",
         "too big"},
        {"{\"schema\":\"memreport/1\",\"kind\":\"plan\",\"root\":\"x\",\"options\":{\"as\":\"a\"},"
         "\"plan\":{\"engines\":1e300}}",
         "engines"},
        {"{\"time\":1,\"total\":5,\"rows\":[{\"owner\":\"a\",\"kind\":\"b\",\"known\":\"kernel\","
         "\"now\":6}]}",
         "the sum of the rows"},
        {"{\"time\":2,\"event\":\"a\"}\n{\"time\":1,\"event\":\"b\"}\n", "never fall"},
        {"{\"time\":2,\"event\":\"a\"}\n", "at least one frame"},
    };
    (void)state;
    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        tool_write("wrong.json", WRONG[i].text, strlen(WRONG[i].text));
        int code = run("render wrong.json -o wrong.html");
        if (code != 4) {
            fail_msg("%s: exit %d", WRONG[i].text, code);
        }
        assert_says(errors, WRONG[i].says);
    }
    assert_int_equal(run("render nothing.json -o wrong.html"), 4);
    assert_int_equal(run("export . --csv"), 4);
}

static void rows_that_do_not_add_up_are_refused(void **state)
{
    static const made_feature HUGE_ONES[] = {{"a", "video", LLONG_MAX / 2, 1},
                                             {"b", "video", LLONG_MAX / 2, 1}};
    (void)state;
    make_episode_report("off.json", BEFORE, 4, 1);
    assert_int_equal(run("export off.json --csv"), 4);
    assert_says(errors, "rows that add up to");

    make_episode_report("huge.json", HUGE_ONES, 2, 0);
    assert_int_equal(run("export huge.json --csv"), 4);
    assert_says(errors, "overflow");
}

static void a_report_cut_at_any_byte_is_refused(void **state)
{
    (void)state;
    make_episode_report("whole.json", BEFORE, 2, 0);
    size_t whole = strlen(made);

    for (size_t n = 0; n < whole; n += n < 40 ? 1 : 3) {
        tool_write("cut.json", made, n);
        int code = run("export cut.json --csv");
        if (code != 4) {
            fail_msg("%zu of %zu bytes: exit %d", n, whole, code);
        }
    }
}

static void a_recording_cut_in_a_line_gives_the_frames_before(void **state)
{
    (void)state;
    make_recording("recording.jsonl", 30, 20);
    size_t n = strlen(made);
    tool_write("recording.jsonl", made, n - 40);

    assert_int_equal(run("render recording.jsonl -o recording.html"), 3);
    assert_int_equal(run("export recording.jsonl --perfetto"), 3);

    json_decref(parsed());
    tool_read("recording.html", out);
    assert_says(out, "The report is incomplete.");
    assert_says(out, "29 frames.");
}

static void many_rows_take_bounded_room(void **state)
{
    enum { COUNT = 100000 };
    struct rusage used;
    long long sum = 0;
    (void)state;
    size_t n = (size_t)snprintf(made, BIG,
                                "{\"schema\":\"memreport/1\",\"kind\":\"episode\",\"root\":\"x\","
                                "\"options\":{\"as\":\"pil\"},\"episodes\":[{\"index\":0,"
                                "\"container\":{},\"decoder\":{\"bytes\":0,\"source\":\"x\"},"
                                "\"features\":[");
    for (int i = 0; i < COUNT; i++) {
        n += (size_t)snprintf(made + n, BIG - n,
                              "%s{\"name\":\"f%d\",\"group\":\"other\",\"source\":\"x\","
                              "\"memory\":%d,\"disk\":1}",
                              i ? "," : "", i, i);
        sum += i;
    }
    n += (size_t)snprintf(made + n, BIG - n, "],\"total\":{\"memory\":%lld,\"disk\":%d}}]}", sum,
                          COUNT);
    assert_true(n < BIG - 1);
    tool_write("many.json", made, n);

    assert_int_equal(run("render many.json -o many.html"), 0);

    assert_true(tool_read("many.html", out) < 200000);
    assert_says(out, "99600 other rows");
    assert_says(out, "and 99976 smaller");
    assert_int_equal(run("diff many.json many.json --fail-over 0"), 0);
    assert_says(out, "unchanged (100000 rows)");
    getrusage(RUSAGE_CHILDREN, &used);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    assert_true(used.ru_maxrss < 400 * 1024);
#endif
}

/* ---- pages ---- */

static void a_page_needs_nothing_but_itself(void **state)
{
    static const char *const NEVER[] = {"<script", "src=", "@import",    "url(http",
                                        "<link",   "<img", "javascript:"};
    static const char *const NAMES[] = {"page.html", "page.svg", "time.html", "time.svg"};
    (void)state;
    make_pair();
    make_recording("recording.jsonl", 90, 60);
    assert_int_equal(run("render before.json -o page.html"), 0);
    assert_int_equal(run("render before.json -o page.svg --budget 64MiB"), 0);
    assert_int_equal(run("render recording.jsonl -o time.html"), 0);
    assert_int_equal(run("render recording.jsonl -o time.svg"), 0);

    for (size_t i = 0; i < 4; i++) {
        assert_true(tool_read(NAMES[i], out) > 1000);
        for (size_t k = 0; k < sizeof(NEVER) / sizeof(NEVER[0]); k++) {
            if (strstr(out, NEVER[k])) {
                fail_msg("%s has %s", NAMES[i], NEVER[k]);
            }
        }
        const char *link = strstr(out, "http:");
        assert_true(!link || strncmp(link, "http://www.w3.org/2000/svg", 26) == 0);
        assert_null(strstr(out, "=\"nan"));
        assert_null(strstr(out, "=\"-nan"));
    }
}

static void names_do_not_become_markup(void **state)
{
    static const made_feature HOSTILE[] = {
        {"</text><script>alert(1)</script>", "video", 4096, 1},
        {"\\\"onload=x' & \\u0007\\u001b[2J \\u202e", "state_action", 64, 1}};
    (void)state;
    make_episode_report("hostile.json", HOSTILE, 2, 0);
    make_episode_report("plain.json", BEFORE, 2, 0);
    make_recording("recording.jsonl", 9, 6);

    assert_int_equal(run("render hostile.json -o hostile.html"), 0);
    assert_int_equal(run("render recording.jsonl -o event.html"), 0);
    tool_read("hostile.html", out);
    assert_null(strstr(out, "<script"));
    assert_null(strchr(out, '\033'));
    assert_null(strstr(out, "\xe2\x80\xae"));
    assert_says(out, "&lt;/text&gt;&lt;script&gt;alert(1)");
    assert_says(out, "&quot;onload=x&#39; &amp;");
    tool_read("event.html", out);
    assert_null(strstr(out, "<i>"));
    assert_says(out, "&lt;i&gt;dropped");
    assert_int_equal(run("diff plain.json hostile.json"), 0);
    assert_null(strchr(out, '\033'));
}

static void the_same_report_gives_the_same_bytes(void **state)
{
    (void)state;
    make_pair();
    assert_int_equal(run("render before.json -o one.html"), 0);
    assert_int_equal(run("render before.json -o two.html"), 0);
    size_t n = tool_read("one.html", out);

    assert_int_equal(tool_read("two.html", errors), n);
    assert_memory_equal(out, errors, n);
}

static void a_page_is_not_written_over_another_file(void **state)
{
    (void)state;
    make_pair();
    tool_write("mine.html", "mine", 4);
    assert_int_equal(run("render before.json -o mine.html"), 2);
    assert_says(errors, "-f overwrites it");
    assert_int_equal(tool_read("mine.html", out), 4);

    tool_write("broken.json", "{", 1);
    assert_int_equal(run("render broken.json -f -o mine.html"), 4);
    assert_int_equal(tool_read("mine.html", out), 4);
    assert_int_equal(run("render before.json -f -o mine.html"), 0);
    assert_true(tool_read("mine.html", out) > 1000);
    assert_int_equal(run("render before.json -o nowhere/page.html"), 2);
}

static void a_device_is_written_to_and_not_replaced(void **state)
{
    (void)state;
    struct stat st;
    char path[PATH_MAX];
    make_pair();
    snprintf(path, sizeof(path), "%.3000s/pipe", cm_tmp());
    assert_int_equal(mkfifo(path, 0600), 0);

    assert_int_equal(run("diff before.json after.json -f -o pipe & cat pipe"), 0);

    assert_says(out, "change  -9.0 MiB");
    assert_int_equal(stat(path, &st), 0);
    assert_true(S_ISFIFO(st.st_mode));
}

static void a_page_of_a_recording_has_its_peak_budget_and_events(void **state)
{
    (void)state;
    make_recording("recording.jsonl", 5000, 3000); /* more frames than are kept */

    assert_int_equal(run("render recording.jsonl -f -o time.html --budget 900kB --si"), 0);

    tool_read("time.html", out);
    assert_says(out, "peak 700.0 kB");
    assert_says(out, "budget 900.0 kB");
    assert_says(out, "of 5000 frames");
    assert_says(out, "<td class=\"n\">300.000</td><td>&lt;i&gt;dropped");
}

/* ---- exports ---- */

static void csv_adds_up_to_the_totals(void **state)
{
    (void)state;
    long long memory = 0, disk = 0;
    make_pair();

    assert_int_equal(run("export before.json --csv"), 0);

    assert_int_equal(strncmp(out, "section,owner,name,part,known,memory,disk\n", 42), 0);
    for (char *line = strtok(strchr(out, '\n') + 1, "\n"); line; line = strtok(NULL, "\n")) {
        char *last = strrchr(line, ',');
        disk += atoll(last + 1);
        *last = 0;
        memory += atoll(strrchr(line, ',') + 1);
    }
    assert_int_equal(memory, (12 << 20) + 4096 + 512);
    assert_int_equal(disk, 100 + 50 + 40 + 8 + 5);
}

static void csv_of_a_recording_has_a_line_a_frame(void **state)
{
    (void)state;
    make_recording("recording.jsonl", 3000, 2000);

    assert_int_equal(run("export recording.jsonl --csv"), 0);

    size_t lines = 0;
    for (const char *c = out; *c; c++) {
        lines += *c == '\n';
    }
    assert_int_equal(lines, 3001);
    assert_says(out, "\n0.100000,1000000,0,1350,");
}

static void prometheus_names_each_metric_and_each_label_set_once(void **state)
{
    static const made_feature TWICE[] = {{"cam\\\"\\\\", "video", 1000, 1},
                                         {"cam\\\"\\\\", "video", 500, 1}};
    (void)state;
    char seen[64][256];
    size_t count = 0;
    make_episode_report("twice.json", TWICE, 2, 0);

    assert_int_equal(run("export twice.json --prometheus"), 0);

    assert_says(out, "name=\"cam\\\"\\\\\",known=\"measured\"} 1500\n");
    for (char *line = strtok(out, "\n"); line; line = strtok(NULL, "\n")) {
        bool is_type = strncmp(line, "# TYPE ", 7) == 0;
        if (line[0] == '#' && !is_type) {
            continue;
        }
        size_t n = is_type ? strlen(line) : (size_t)(strrchr(line, ' ') - line);
        assert_true(n < sizeof(seen[0]) && count < 64);
        snprintf(seen[count], sizeof(seen[0]), "%.*s", (int)n, line);
        for (size_t i = 0; i < count; i++) {
            assert_string_not_equal(seen[i], seen[count]);
        }
        count++;
    }
    assert_true(count > 8);
}

static void a_trace_is_json_whose_counters_add_up(void **state)
{
    (void)state;
    size_t i, counters = 0, events = 0;
    json_t *one, *value;
    const char *key;
    make_recording("recording.jsonl", 50, 30);

    assert_int_equal(run("export recording.jsonl --perfetto"), 0);

    json_t *trace = parsed();
    json_array_foreach(json_object_get(trace, "traceEvents"), i, one)
    {
        const char *name = json_string_value(json_object_get(one, "name"));
        long long sum = 0;
        events += strcmp(json_string_value(json_object_get(one, "ph")), "i") == 0;
        if (strcmp(name, "memory") == 0) {
            json_object_foreach(json_object_get(one, "args"), key, value)
            {
                sum += json_integer_value(value);
            }
            assert_int_equal(sum, 1000000);
            counters++;
        }
    }
    assert_int_equal(counters, 50);
    assert_int_equal(events, 1);
    json_decref(trace);
}

static void a_report_that_would_make_its_reader_wait_is_refused(void **state)
{
    static const char *const COMMANDS[][2] = {
        {"show", ""}, {"render", "-o new.html"}, {"export", "--perfetto"}};
    static const char *const NAMES[] = {"pipe", "/dev/zero", "."};
    (void)state;
    assert_int_equal(tool_sh("rm -f pipe && mkfifo pipe"), 0);
    for (size_t c = 0; c < sizeof(COMMANDS) / sizeof(COMMANDS[0]); c++) {
        for (size_t n = 0; n < sizeof(NAMES) / sizeof(NAMES[0]); n++) {
            int code =
                tool_sh("timeout 20 $memreport %s %s %s", COMMANDS[c][0], NAMES[n], COMMANDS[c][1]);

            assert_int_equal(code, 4);
            assert_says(tool_errors, "a regular file");
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_difference_puts_the_largest_change_first),
        cmocka_unit_test(a_difference_adds_up_whatever_is_left_out),
        cmocka_unit_test(a_report_does_not_differ_from_itself),
        cmocka_unit_test(rows_of_one_name_are_added_and_not_overwritten),
        cmocka_unit_test(growth_beyond_the_limit_is_exit_1),
        cmocka_unit_test(two_kinds_are_refused_by_name),
        cmocka_unit_test(a_wrong_command_line_is_exit_2),
        cmocka_unit_test(what_is_no_report_is_exit_4),
        cmocka_unit_test(rows_that_do_not_add_up_are_refused),
        cmocka_unit_test(a_report_cut_at_any_byte_is_refused),
        cmocka_unit_test(a_recording_cut_in_a_line_gives_the_frames_before),
        cmocka_unit_test(many_rows_take_bounded_room),
        cmocka_unit_test(a_page_needs_nothing_but_itself),
        cmocka_unit_test(names_do_not_become_markup),
        cmocka_unit_test(the_same_report_gives_the_same_bytes),
        cmocka_unit_test(a_page_is_not_written_over_another_file),
        cmocka_unit_test(a_device_is_written_to_and_not_replaced),
        cmocka_unit_test(a_page_of_a_recording_has_its_peak_budget_and_events),
        cmocka_unit_test(csv_adds_up_to_the_totals),
        cmocka_unit_test(csv_of_a_recording_has_a_line_a_frame),
        cmocka_unit_test(prometheus_names_each_metric_and_each_label_set_once),
        cmocka_unit_test(a_trace_is_json_whose_counters_add_up),
        cmocka_unit_test(a_report_that_would_make_its_reader_wait_is_refused),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
