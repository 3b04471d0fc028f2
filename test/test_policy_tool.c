/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_tool.c - plimsoll policy as a stranger uses it: words, files, exit codes. */
#include <jansson.h>

#include "test/support/tool_run.h"

#define MINE                                                                                       \
    "rule: mine\nwhen: cpu.possible > 2\naction: refuse\nwhy: too many cores\nremedy: fewer\n"     \
    "link: https://example.org/1\nsource: a test\nconfidence: verified\nseen: 2026-01-01\n"        \
    "expires: 2026-06-01\n"

static void a_symptom_finds_its_entry_and_show_prints_it_whole(void **state)
{
    (void)state;

    assert_int_equal(tool_sh("$plimsoll policy list 'NVMAPMEMALLOC'"), 0);
    assert_says(tool_out, "nvmap-36.4.7-large-allocation");
    assert_int_equal(tool_sh("$plimsoll policy show nvmap-36.4.7-large-allocation"), 0);
    assert_says(tool_out, "when: card.largest > 3 GiB");
    assert_int_equal(tool_sh("$plimsoll policy list --kind board"), 0);
    assert_says(tool_out, "p3767-0000");
    assert_null(strstr(tool_out, "refuse"));
    assert_int_equal(tool_sh("$plimsoll policy show no-such-entry"), 4);
    assert_int_equal(tool_sh("$plimsoll policy list no-such-word-anywhere"), 4);
}

static void what_is_shown_is_a_table_that_replaces_its_entry(void **state)
{
    (void)state;

    assert_int_equal(tool_sh("$plimsoll policy show nvmap-36.4.7 | sed 's/warn/off/' > off.table"),
                     0);
    assert_int_equal(tool_sh("$plimsoll policy show nvmap-36.4.7 --policy off.table"), 0);
    assert_says(tool_out, "action: off");
}

static void a_match_names_its_facts_and_a_refusal_is_an_exit_code(void **state)
{
    (void)state;
    tool_write_text("facts", "# what if\ncpu.possible: 8\ngpu.stack: none\n");
    tool_write_text("mine.table", MINE);

    assert_int_equal(tool_sh("$plimsoll policy match --facts facts --policy mine.table"), 1);

    assert_says(tool_out, "cpu.possible is 8 (facts:2); asked: cpu.possible > 2");
    assert_says(tool_out, "fewer");
    tool_write_text("facts", "cpu.possible: 2\n");
    assert_int_equal(tool_sh("$plimsoll policy match --facts facts --policy mine.table"), 0);
    assert_int_equal(tool_sh("$plimsoll policy match"), 0);
    assert_says(tool_out, "rules that apply");
}

static void facts_of_memreport_are_taken_as_they_are(void **state)
{
    (void)state;
    tool_write_text("mine.table", MINE);
    tool_write_text("host.json", "{\"schema\":\"plimsoll-host/2\",\"facts\":["
                                 "{\"key\":\"cpu.possible\",\"value\":8},"
                                 "{\"key\":\"gpu.sm\",\"value\":\"8.7\"},"
                                 "{\"key\":\"gpu.shares_memory\",\"value\":true},"
                                 "{\"key\":\"of.tomorrow\",\"value\":1}]}");

    assert_int_equal(tool_sh("$plimsoll policy match --facts host.json --policy mine.table"), 1);
    assert_int_equal(tool_sh("$memreport host --json > live.json"), 0);
    assert_int_equal(tool_sh("$plimsoll policy match --facts live.json"), 0);
}

static void undecided_rules_are_counted_and_listed_on_request(void **state)
{
    (void)state;
    tool_write_text("facts", "gpu.sm: 8.7\n");
    tool_write_text("mine.table", MINE);

    assert_int_equal(tool_sh("$plimsoll policy match --facts facts --policy mine.table"), 0);
    assert_null(strstr(tool_out, "mine"));
    assert_says(tool_out, "--undecided");
    assert_int_equal(
        tool_sh("$plimsoll policy match --facts facts --policy mine.table --undecided"), 0);
    assert_says(tool_out, "cpu.possible is not known; asked: cpu.possible > 2");
}

static void check_ends_with_1_on_an_expired_entry_and_on_a_bad_file(void **state)
{
    (void)state;
    tool_write_text("mine.table", MINE);

    assert_int_equal(tool_sh("$plimsoll policy check --today 2026-05-31 mine.table"), 0);
    assert_int_equal(tool_sh("$plimsoll policy check --today 2026-06-02 mine.table"), 1);
    assert_says(tool_out, "mine.table:1 mine: expired");
    assert_int_equal(tool_sh("$plimsoll policy check --today 2026-11-21"), 0);
    tool_write_text("bad.table", "rule: a\ncolour: red\n");
    assert_int_equal(tool_sh("$plimsoll policy check bad.table"), 1);
    assert_says(tool_errors, "bad.table:2");
    assert_says(tool_errors, "colour");
}

static void a_wrong_command_line_is_2_and_a_missing_file_4(void **state)
{
    (void)state;

    assert_int_equal(tool_sh("$plimsoll policy"), 2);
    assert_int_equal(tool_sh("$plimsoll policy frobnicate"), 2);
    assert_int_equal(tool_sh("$plimsoll policy show"), 2);
    assert_int_equal(tool_sh("$plimsoll policy match --colour red"), 2);
    assert_int_equal(tool_sh("$plimsoll policy check --today tomorrow"), 2);
    assert_int_equal(tool_sh("$plimsoll policy match --facts no-such-file"), 4);
    assert_int_equal(tool_sh("$plimsoll policy list --policy no-such-file"), 4);
    assert_int_equal(tool_sh("$plimsoll policy --help"), 0);
    tool_write_text("facts", "gpu.sm: 8\n");
    assert_int_not_equal(tool_sh("$plimsoll policy match --facts facts"), 0);
    assert_says(tool_errors, "gpu.sm");
    assert_says(tool_errors, "facts:1");
}

static size_t json_count(const char *arguments, int wanted, const char *key)
{
    json_error_t at;
    assert_int_equal(tool_sh("$plimsoll policy %s --json", arguments), wanted);
    json_t *root = json_loads(tool_out, JSON_REJECT_DUPLICATES, &at);
    if (!root) {
        fail_msg("%s: %s, line %d", arguments, at.text, at.line);
    }
    assert_string_equal(json_string_value(json_object_get(root, "schema")), "plimsoll-policy/1");
    size_t count = json_array_size(json_object_get(root, key));
    json_decref(root);
    return count;
}

static void every_verb_speaks_json(void **state)
{
    (void)state;
    tool_write_text("mine.table", MINE);
    tool_write_text("facts", "cpu.possible: 8\ngpu.stack: none\n");

    assert_true(json_count("list", 0, "entries") > 200);
    assert_int_equal(json_count("show p3767-0000", 0, "entries"), 1);
    assert_int_equal(json_count("check --today 2026-11-21 mine.table", 1, "findings"), 1);
    assert_true(json_count("match --facts facts --policy mine.table", 1, "rules") >= 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_symptom_finds_its_entry_and_show_prints_it_whole),
        cmocka_unit_test(what_is_shown_is_a_table_that_replaces_its_entry),
        cmocka_unit_test(a_match_names_its_facts_and_a_refusal_is_an_exit_code),
        cmocka_unit_test(facts_of_memreport_are_taken_as_they_are),
        cmocka_unit_test(undecided_rules_are_counted_and_listed_on_request),
        cmocka_unit_test(check_ends_with_1_on_an_expired_entry_and_on_a_bad_file),
        cmocka_unit_test(a_wrong_command_line_is_2_and_a_missing_file_4),
        cmocka_unit_test(every_verb_speaks_json),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
