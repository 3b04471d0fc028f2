/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy.c - the reader of tables, conditions in three values, matching, data types. */
#include "plimsoll/policy.h"
#include "test/support/cm.h"

static plim_facts facts;
static plim_policy policy;
static plim_error err;

#define RULE_TAIL "action: warn\nwhy: because\nconfidence: verified\n"

static int clear(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    memset(&policy, 0, sizeof(policy));
    memset(&err, 0, sizeof(err));
    return 0;
}

static plim_status add(const char *text)
{
    return plim_policy_add(&policy, "x.table", text, strlen(text), &err);
}

static void number(plim_fact_id id, uint64_t n)
{
    plim_facts_set_number(&facts, id, n, PLIM_CONFIDENCE_READ, "test");
}

static void text(plim_fact_id id, const char *value)
{
    plim_facts_set_text(&facts, id, value, PLIM_CONFIDENCE_READ, "test");
}

static plim_verdict held(const char *condition)
{
    plim_slice slice = {condition, strlen(condition)};
    return plim_policy_condition(slice, &facts, NULL, NULL);
}

static bool reads(const char *condition)
{
    char table[512];
    snprintf(table, sizeof(table), "rule: a\nwhen: %s\n" RULE_TAIL, condition);
    policy.text_count = 0;
    return add(table) == PLIM_OK;
}

/* ---- the reader ---- */

static void a_table_may_end_its_lines_either_way_and_hold_comments(void **state)
{
    (void)state;
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    char why[64];

    assert_ok(add("# a comment\r\n\r\nrule: one\r\n# inside\r\naction: advise\r\n"
                  "why: first\r\n  second\r\nconfidence: doubtful\r\n\n\nrule: two\n" RULE_TAIL));

    assert_true(plim_policy_next(&policy, &cursor, &entry));
    assert_true(plim_slice_is(entry.as.rule.id, "one"));
    assert_int_equal(entry.as.rule.line, 3);
    assert_string_equal(entry.as.rule.table, "x.table");
    plim_slice_copy(entry.as.rule.why, why, sizeof(why));
    assert_string_equal(why, "first second");
    assert_true(plim_policy_next(&policy, &cursor, &entry));
    assert_int_equal(entry.as.rule.action, PLIM_ACTION_WARN);
    assert_false(plim_policy_next(&policy, &cursor, &entry));
}

static void refused(const char *table, const char *field, const char *detail)
{
    assert_status(add(table), PLIM_E_FORMAT);
    assert_string_equal(err.field, field);
    assert_string_equal(err.detail, detail);
    assert_int_equal(policy.text_count, 0);
}

static void every_error_names_its_key_file_and_line(void **state)
{
    (void)state;

    refused("rule: a\ncolour: red\n" RULE_TAIL, "colour", "x.table:2");
    refused("rule: a\naction: warn\nconfidence: verified\n", "why", "x.table:1");
    refused("\nrule: a\nwhy: x\nwhy: y\n", "why", "x.table:4");
    refused("rule: a\naction: explode\n", "action", "x.table:2");
    refused("rule: a\naction: warn\nwhy: x\nconfidence: doubtful\n", "action", "x.table:1");
    refused("rule: a\nseen: 2026-02-29\n", "seen", "x.table:2");
    refused("rule: a\nlink: ftp://x\n", "link", "x.table:2");
    refused("rule: a\nwhen: no.such = 1\n", "when", "x.table:2");
    refused("rule: a\nwhy:\n", "why", "x.table:2");
    refused("rule: a b\n" RULE_TAIL, "rule", "x.table:1");
    refused("thing: a\n", "thing", "x.table:1");
    refused("rule: a\n" RULE_TAIL "\nrule: a\n" RULE_TAIL, "rule", "x.table:6");
    refused("rule: a\nwhy: \x1b[2J\n", "", "x.table:2");
    refused("  continued: nothing\n", "", "x.table:1");
    refused("no colon here\n", "", "x.table:1");
    refused("rule: a\naction: warn\n  and more\n", "action", "x.table:2");
    refused("board: b\nname: b\nfamily: f\nmemory: 16\n", "memory", "x.table:4");
    refused("board: b\nname: b\nfamily: f\nseen_total: 2 GiB - 1 GiB\n", "seen_total", "x.table:4");
}

static void a_text_over_the_bounds_is_refused_by_size_before_it_is_read(void **state)
{
    static char big[1u << 20];
    (void)state;
    memset(big, 'x', sizeof(big));

    assert_status(plim_policy_add(&policy, "big", big, sizeof(big), &err), PLIM_E_RANGE);

    assert_int_equal(err.limit, PLIM_POLICY_TEXT_MAX);
    assert_int_equal(policy.text_count, 0);
}

static void added_texts_share_one_bound(void **state)
{
    static char half[PLIM_POLICY_TEXT_MAX / 2 + 1];
    (void)state;
    memset(half, '\n', sizeof(half));

    assert_ok(plim_policy_add(&policy, "half", half, sizeof(half), &err));
    assert_status(plim_policy_add(&policy, "half", half, sizeof(half), &err), PLIM_E_RANGE);

    assert_int_equal(policy.text_count, 1);
    assert_int_equal(err.have, PLIM_POLICY_TEXT_MAX - sizeof(half));
}

static void more_texts_or_entries_than_there_is_room_for_are_refused(void **state)
{
    static char many[PLIM_POLICY_TEXT_MAX];
    size_t used = 0;
    (void)state;
    for (unsigned i = 0; i <= PLIM_POLICY_ENTRIES_MAX; i++) {
        used += (size_t)snprintf(many + used, sizeof(many) - used, "rule: r%u\n" RULE_TAIL "\n", i);
    }

    assert_status(plim_policy_add(&policy, "many", many, used, &err), PLIM_E_RANGE);
    assert_int_equal(err.limit, PLIM_POLICY_ENTRIES_MAX);
    for (unsigned i = 0; i < PLIM_POLICY_TEXTS_MAX; i++) {
        assert_ok(plim_policy_add(&policy, "empty", "", 0, &err));
    }
    assert_status(plim_policy_add(&policy, "empty", "", 0, &err), PLIM_E_RANGE);
    assert_int_equal(err.limit, PLIM_POLICY_TEXTS_MAX);
}

static void a_later_text_takes_the_place_of_an_entry_and_may_turn_it_off(void **state)
{
    (void)state;
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;

    assert_ok(add("rule: a\n" RULE_TAIL "\nrule: b\n" RULE_TAIL));
    assert_ok(add("rule: a\naction: off\nwhy: not here\nconfidence: verified\n"));

    assert_true(plim_policy_next(&policy, &cursor, &entry));
    assert_true(plim_slice_is(entry.as.rule.id, "b"));
    assert_true(plim_policy_next(&policy, &cursor, &entry));
    assert_int_equal(entry.as.rule.action, PLIM_ACTION_OFF);
    assert_false(plim_policy_next(&policy, &cursor, &entry));
}

/* ---- conditions ---- */

static void conditions_compare_in_the_unit_of_their_fact(void **state)
{
    (void)state;
    number(PLIM_FACT_CARD_LARGEST, (UINT64_C(3) << 30) + 1);
    number(PLIM_FACT_GPU_SM, 87);
    number(PLIM_FACT_GPU_SHARES_MEMORY, 1);
    number(PLIM_FACT_GPU_TPC_MASK, 0xf0);
    number(PLIM_FACT_CPU_MAX_HZ, 2601000000);
    text(PLIM_FACT_L4T_RELEASE, "36.4.7");
    text(PLIM_FACT_PYTORCH_THRESHOLD, "0.8");
    text(PLIM_FACT_GPU_NAME, "NVIDIA GB10");

    assert_int_equal(held("card.largest > 3 GiB"), PLIM_VERDICT_HIT);
    assert_int_equal(held("card.largest > 3.5 GiB"), PLIM_VERDICT_NO);
    assert_int_equal(held("gpu.sm = 7.2 | 8.7"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.sm != 7.2 | 8.7"), PLIM_VERDICT_NO);
    assert_int_equal(held("gpu.sm < 10.1"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.shares_memory = yes"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.tpc_mask = 0xf0"), PLIM_VERDICT_HIT);
    assert_int_equal(held("cpu.max >= 2.601 GHz"), PLIM_VERDICT_HIT);
    assert_int_equal(held("l4t.release < 36.10"), PLIM_VERDICT_HIT);
    assert_int_equal(held("l4t.release = 36.4.7"), PLIM_VERDICT_HIT);
    assert_int_equal(held("pytorch.garbage_collection_threshold > 0.75"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.name has gb10 | thor"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.name = NVIDIA GB10"), PLIM_VERDICT_HIT);
    assert_int_equal(held("gpu.name != NVIDIA GB10"), PLIM_VERDICT_NO);
}

static void a_fact_may_stand_beside_another_and_a_share_of_it(void **state)
{
    (void)state;
    number(PLIM_FACT_MEMORY_TOTAL, 1000);
    number(PLIM_FACT_SWAP_ZRAM, 251);
    number(PLIM_FACT_CARD_MULTIPROCESSORS, 16);
    number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW, 8);

    assert_int_equal(held("swap.zram > 0.25 * memory.total"), PLIM_VERDICT_HIT);
    assert_int_equal(held("swap.zram > 0.251 * memory.total"), PLIM_VERDICT_NO);
    assert_int_equal(held("card.multiprocessors != gpu.multiprocessors_now"), PLIM_VERDICT_HIT);
    assert_int_equal(held("swap.zram > memory.free"), PLIM_VERDICT_UNDECIDED);
}

static void an_absent_fact_is_undecided_and_only_known_and_absent_ask_for_it(void **state)
{
    (void)state;

    assert_int_equal(held("gpu.sm = 8.7"), PLIM_VERDICT_UNDECIDED);
    assert_int_equal(held("gpu.sm != 8.7"), PLIM_VERDICT_UNDECIDED);
    assert_int_equal(held("gpu.sm known"), PLIM_VERDICT_NO);
    assert_int_equal(held("gpu.sm absent"), PLIM_VERDICT_HIT);
}

static void a_condition_that_does_not_fit_its_unit_is_refused(void **state)
{
    static const char *const WRONG[] = {
        "card.largest > 3",
        "card.largest > 3 GB",
        "gpu.sm = 8",
        "gpu.sm = 8.75",
        "gpu.sm has 8",
        "gpu.shares_memory = 1",
        "gpu.shares_memory < yes",
        "gpu.name < Orin",
        "gpu.tpc_mask = f0",
        "gpu.tpc_mask < 0xf0",
        "l4t.release = release",
        "card.largest > 1 GiB | 2 GiB",
        "gpu.name = a |",
        "gpu.sm known 8.7",
        "gpu.sm",
        "gpu.sm =",
        "gpu.sm ~ 8.7",
        "card.largest > gpu.sm",
        "card.largest > 0.5 * gpu.name",
        "card.largest > x * memory.total",
        "gpu.sm > 0.5 * card.sm",
        "cpu.possible = 99999999999999999999",
        "card.largest > 17179869184 TiB",
        "pytorch.memory_fraction > 0.1234567",
        "swap.swappiness = 60.5",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        if (reads(WRONG[i])) {
            fail_msg("accepted: %s", WRONG[i]);
        }
        assert_string_equal(err.field, "when");
    }
    assert_true(reads("card.largest > 0"));
    assert_true(reads("gpu.name = card.name"));
}

/* ---- facts as text ---- */

static plim_status read_facts(const char *lines)
{
    return plim_facts_read(&facts, "f", lines, strlen(lines), &err);
}

static void facts_are_read_in_the_units_of_conditions_and_say_who_gave_them(void **state)
{
    (void)state;

    assert_ok(read_facts("# what if\ngpu.sm: 8.7\n\nmemory.total: 15.5 GiB\r\ncpu.l1d: 64 KiB\n"
                         "gpu.shares_memory: yes\nl4t.release: 36.4.7\n"
                         "pytorch.memory_fraction: 0.6\n"));

    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SM, 0), 87);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_MEMORY_TOTAL, 0), UINT64_C(31) << 29);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_CPU_L1D_BYTES, 0), 65536);
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_L4T_RELEASE), "36.4.7");
    assert_string_equal(plim_facts_get(&facts, PLIM_FACT_GPU_SM)->source, "f:2");
    assert_int_equal(plim_facts_get(&facts, PLIM_FACT_GPU_SM)->confidence, PLIM_CONFIDENCE_GIVEN);
}

static void facts_with_one_wrong_line_change_nothing(void **state)
{
    static const char *const WRONG[] = {
        "gpu.sm: 8.7\nno.such: 1\n",
        "gpu.sm: 8.7\nmemory.total: 16\n",
        "gpu.sm: 8.7\ngpu.shares_memory: true\n",
        "gpu.sm: 8.7\npytorch.memory_fraction: much\n",
        "gpu.sm: 8.7\ngpu.name: a\n  b\n",
    };
    (void)state;

    for (size_t i = 0; i < sizeof(WRONG) / sizeof(WRONG[0]); i++) {
        assert_status(read_facts(WRONG[i]), PLIM_E_FORMAT);
        assert_string_equal(err.detail, "f:2");
        assert_null(plim_facts_get(&facts, PLIM_FACT_GPU_SM));
    }
}

/* ---- matching ---- */

static unsigned hits, undecided;

static void count(void *context, const plim_rule *rule, plim_verdict verdict)
{
    (void)context;
    (void)rule;
    hits += verdict == PLIM_VERDICT_HIT;
    undecided += verdict == PLIM_VERDICT_UNDECIDED;
}

static void a_rule_hits_when_all_holds_and_one_failure_outweighs_what_is_not_known(void **state)
{
    (void)state;
    number(PLIM_FACT_GPU_SM, 87);
    hits = undecided = 0;
    assert_ok(add("rule: hit\nwhen: gpu.sm = 8.7\n" RULE_TAIL
                  "\nrule: open\nwhen: gpu.sm = 8.7\nwhen: card.sm = 8.7\n" RULE_TAIL
                  "\nrule: no\nwhen: card.sm = 8.7\nwhen: gpu.sm = 7.2\n" RULE_TAIL
                  "\nrule: off\naction: off\nwhy: x\nconfidence: verified\n"));

    assert_ok(plim_policy_match(&policy, &facts, count, NULL, &err));

    assert_int_equal(hits, 1);
    assert_int_equal(undecided, 1);
}

/* ---- the checker ---- */

static plim_policy_problem last_problem;

static void keep(void *context, const plim_policy_finding *finding)
{
    (void)context;
    last_problem = finding->problem;
}

/* Exactly one finding, of this kind, on 2026-11-21. */
static void found(const char *table, plim_policy_problem problem)
{
    size_t count = 0;
    clear(NULL);
    assert_ok(add(table));
    assert_ok(plim_policy_check(&policy, "2026-11-21", keep, NULL, &count, &err));
    if (count != 1 || last_problem != problem) {
        fail_msg("%zu findings, the last is %s, in\n%s", count,
                 plim_policy_problem_text(last_problem), table);
    }
}

#define SOUND  "rule: a\naction: warn\nwhy: x\nconfidence: verified\n"
#define LINK   "link: https://x.org/1\n"
#define SOURCE "source: s\n"
#define REMEDY "remedy: do it\n"
#define DATES  "seen: 2026-11-01\nexpires: 2026-11-21\n"

static void the_checker_finds_each_kind_of_entry_that_should_not_stay(void **state)
{
    size_t count;
    (void)state;
    assert_ok(add(SOUND LINK SOURCE REMEDY DATES));
    assert_ok(plim_policy_check(&policy, "2026-11-21", keep, NULL, &count, &err));
    assert_int_equal(count, 0);

    found(SOUND LINK SOURCE REMEDY "seen: 2026-01-01\nexpires: 2026-11-20\n", PLIM_POLICY_EXPIRED);
    found(SOUND LINK SOURCE REMEDY "seen: 2026-01-01\n", PLIM_POLICY_NO_EXPIRY);
    found(SOUND LINK REMEDY DATES, PLIM_POLICY_NO_SOURCE);
    found(SOUND SOURCE REMEDY DATES, PLIM_POLICY_NO_LINK);
    found(SOUND LINK SOURCE DATES, PLIM_POLICY_NO_REMEDY);
    found(SOUND LINK SOURCE REMEDY "seen: 2026-11-22\nexpires: 2027-01-01\n",
          PLIM_POLICY_SEEN_LATER);
    found(SOUND LINK SOURCE REMEDY DATES "when: board.soc = tegra999\n", PLIM_POLICY_NO_SUCH_NAME);
    found("board: b\nname: b\nfamily: f\nsoc: s\nconfidence: verified\n" SOURCE,
          PLIM_POLICY_NO_SUCH_NAME);
    found("dtype: d\ntype: fp64\nsupport: none\nwhy: x\nconfidence: verified\n",
          PLIM_POLICY_NO_SOURCE);
}

static void two_built_in_tables_may_not_hold_the_same_id(void **state)
{
    size_t count;
    (void)state;
    assert_ok(add(SOUND LINK SOURCE REMEDY DATES));
    assert_ok(add(SOUND LINK SOURCE REMEDY DATES));
    policy.builtin_count = 2;

    assert_ok(plim_policy_check(&policy, "2026-11-21", keep, NULL, &count, &err));

    assert_int_equal(count, 2);
    assert_int_equal(last_problem, PLIM_POLICY_DUPLICATE);
}

static void conditions_that_exclude_each_other_are_found(void **state)
{
    static const char *const DEAD[] = {
        "when: gpu.sm > 9.0\nwhen: gpu.sm < 8.0\n",
        "when: gpu.sm > 8.6\nwhen: gpu.sm < 8.7\n",
        "when: gpu.sm = 8.7\nwhen: gpu.sm != 8.7\n",
        "when: l4t.release = 36.4\nwhen: l4t.release > 36.5\n",
        "when: l4t.release > 36.5\nwhen: l4t.release <= 36.5\n",
        "when: gpu.stack = nvgpu\nwhen: gpu.stack has amd\n",
        "when: gpu.sm absent\nwhen: gpu.sm = 8.7\n",
        "when: card.largest > 3 GiB\nwhen: card.largest < 1 GiB\n",
    };
    static const char *const ALIVE[] = {
        "when: gpu.sm >= 8.7\nwhen: gpu.sm <= 8.7\n",
        "when: gpu.sm > 8.6\nwhen: gpu.sm < 8.8\n",
        "when: l4t.release > 36.4\nwhen: l4t.release < 36.4.1\n",
        "when: l4t.release < 36.4\n",
        "when: gpu.sm = 8.7 | 9.0\nwhen: gpu.sm > 8.9\n",
        "when: gpu.name has orin\nwhen: gpu.name has nx\n",
        "when: card.largest > 3 GiB\nwhen: card.largest != 4 GiB\n",
        "when: gpu.sm known\nwhen: gpu.sm = 8.7\n",
    };
    char table[1024];
    size_t count;
    (void)state;

    for (size_t i = 0; i < sizeof(DEAD) / sizeof(DEAD[0]); i++) {
        snprintf(table, sizeof(table), SOUND LINK SOURCE REMEDY DATES "%s", DEAD[i]);
        found(table, PLIM_POLICY_UNREACHABLE);
    }
    for (size_t i = 0; i < sizeof(ALIVE) / sizeof(ALIVE[0]); i++) {
        snprintf(table, sizeof(table), SOUND LINK SOURCE REMEDY DATES "%s", ALIVE[i]);
        clear(NULL);
        assert_ok(add(table));
        assert_ok(plim_policy_check(&policy, "2026-11-21", keep, NULL, &count, &err));
        if (count) {
            fail_msg("called unreachable: %s", ALIVE[i]);
        }
    }
}

/* ---- look-ups and data types ---- */

static void boards_chips_and_releases_are_found_by_their_names(void **state)
{
    plim_board_info board;
    plim_soc_info soc;
    plim_release_info release;
    (void)state;
    plim_policy_builtin(&policy);

    assert_true(plim_policy_board(&policy, "p3767-0000", &board));
    assert_int_equal(board.multiprocessors, 8);
    assert_int_equal(board.sm, 87);
    assert_int_equal(board.memory_bytes, UINT64_C(16) << 30);
    assert_int_equal(board.bandwidth, UINT64_C(102400000000));
    assert_true(plim_slice_is(board.soc, "tegra234"));
    assert_true(plim_policy_soc(&policy, "tegra264", &soc));
    assert_int_equal(soc.sm_also, 101);
    assert_true(plim_slice_has(soc.compatible, "nvidia,tegra264"));
    assert_true(plim_policy_release(&policy, "36.4", &release));
    assert_true(plim_slice_is(release.jetpack, "6.1"));
    assert_false(plim_policy_board(&policy, "p9999-0000", &board));
    assert_int_equal(board.sm, 0);
    assert_false(plim_policy_release(&policy, "99.0", &release));
    assert_false(plim_policy_release(&policy, "unknown", &release));
}

static void the_data_type_is_the_default_unless_the_user_overrides_it(void **state)
{
    plim_dtype_choice choice;
    (void)state;
    assert_ok(add("dtype: a\ntype: fp32\nsupport: default\nrank: 100\nwhy: any\n"
                  "confidence: verified\n\n"
                  "dtype: b\ntype: fp16\nwhen: gpu.sm = 8.7\nsupport: default\nrank: 1\n"
                  "why: fast\nconfidence: verified\n\n"
                  "dtype: c\ntype: fp8\nwhen: gpu.sm < 8.9\nsupport: none\nwhy: no path\n"
                  "confidence: verified\n"));

    assert_ok(plim_policy_dtype(&policy, &facts, NULL, &choice, &err));
    assert_string_equal(choice.dtype, "fp32");
    assert_int_equal(choice.verdict, PLIM_VERDICT_UNDECIDED);

    number(PLIM_FACT_GPU_SM, 87);
    assert_ok(plim_policy_dtype(&policy, &facts, NULL, &choice, &err));
    assert_string_equal(choice.dtype, "fp16");
    assert_int_equal(choice.verdict, PLIM_VERDICT_HIT);

    assert_ok(plim_policy_dtype(&policy, &facts, "fp32", &choice, &err));
    assert_true(choice.is_asked);
    assert_string_equal(choice.otherwise, "fp16");

    assert_status(plim_policy_dtype(&policy, &facts, "fp8", &choice, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.detail, "no path");
    assert_status(plim_policy_dtype(&policy, &facts, "fp9", &choice, &err), PLIM_E_NOT_FOUND);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_table_may_end_its_lines_either_way_and_hold_comments, clear),
        cmocka_unit_test_setup(every_error_names_its_key_file_and_line, clear),
        cmocka_unit_test_setup(a_text_over_the_bounds_is_refused_by_size_before_it_is_read, clear),
        cmocka_unit_test_setup(added_texts_share_one_bound, clear),
        cmocka_unit_test_setup(more_texts_or_entries_than_there_is_room_for_are_refused, clear),
        cmocka_unit_test_setup(a_later_text_takes_the_place_of_an_entry_and_may_turn_it_off, clear),
        cmocka_unit_test_setup(conditions_compare_in_the_unit_of_their_fact, clear),
        cmocka_unit_test_setup(a_fact_may_stand_beside_another_and_a_share_of_it, clear),
        cmocka_unit_test_setup(an_absent_fact_is_undecided_and_only_known_and_absent_ask_for_it,
                               clear),
        cmocka_unit_test_setup(a_condition_that_does_not_fit_its_unit_is_refused, clear),
        cmocka_unit_test_setup(facts_are_read_in_the_units_of_conditions_and_say_who_gave_them,
                               clear),
        cmocka_unit_test_setup(facts_with_one_wrong_line_change_nothing, clear),
        cmocka_unit_test_setup(
            a_rule_hits_when_all_holds_and_one_failure_outweighs_what_is_not_known, clear),
        cmocka_unit_test_setup(the_checker_finds_each_kind_of_entry_that_should_not_stay, clear),
        cmocka_unit_test_setup(two_built_in_tables_may_not_hold_the_same_id, clear),
        cmocka_unit_test_setup(conditions_that_exclude_each_other_are_found, clear),
        cmocka_unit_test_setup(boards_chips_and_releases_are_found_by_their_names, clear),
        cmocka_unit_test_setup(the_data_type_is_the_default_unless_the_user_overrides_it, clear),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
