/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_tables.c - the tables of this release: they parse, print, pass the checker on a
 * fixed day, and say what they must on machines that are described by their facts. */

#include "platform/policy/entries.h"
#include "test/support/cm.h"
#include "test/support/heap_now.h"

#define TODAY "2026-11-21" /* fixed: a day that passes must not break a test */

static plim_error err;
static plim_policy builtin;
static plim_facts facts;

static int start(void **state)
{
    (void)state;
    plim_policy_builtin(&builtin);
    memset(&facts, 0, sizeof(facts));
    memset(&err, 0, sizeof(err));
    return 0;
}

static void number(plim_fact_id id, uint64_t n)
{
    plim_facts_set_number(&facts, id, n, PLIM_CONFIDENCE_READ, "test");
}

static void text(plim_fact_id id, const char *value)
{
    plim_facts_set_text(&facts, id, value, PLIM_CONFIDENCE_READ, "test");
}

static void be_orin_nx(void)
{
    text(PLIM_FACT_BOARD_MODULE, "p3767-0000");
    text(PLIM_FACT_BOARD_FAMILY, "orin-nx");
    text(PLIM_FACT_BOARD_SOC, "tegra234");
    text(PLIM_FACT_GPU_STACK, "nvgpu");
    number(PLIM_FACT_GPU_SM, 87);
    number(PLIM_FACT_GPU_SHARES_MEMORY, 1);
    number(PLIM_FACT_GPU_MULTIPROCESSORS, 8);
    number(PLIM_FACT_GPU_MULTIPROCESSORS_NOW, 8);
    text(PLIM_FACT_TENSORRT_RELEASE, "10.3.0");
    text(PLIM_FACT_L4T_RELEASE, "36.4.4");
}

static void be_card(uint64_t multiprocessors)
{
    text(PLIM_FACT_CARD_BACKEND, "tensorrt");
    text(PLIM_FACT_CARD_BUILD, "native");
    text(PLIM_FACT_CARD_TENSORRT, "10.3.0");
    number(PLIM_FACT_CARD_VERSION_COMPATIBLE, 0);
    number(PLIM_FACT_CARD_SM, 87);
    number(PLIM_FACT_CARD_MULTIPROCESSORS, multiprocessors);
}

/* ---- who was visited ---- */

typedef struct seen {
    const char *id; /* looked for */
    plim_verdict verdict;
    plim_action worst;
    unsigned hits, undecided;
} seen;

static void look(void *context, const plim_rule *rule, plim_verdict verdict)
{
    seen *s = context;
    s->hits += verdict == PLIM_VERDICT_HIT;
    s->undecided += verdict == PLIM_VERDICT_UNDECIDED;
    if (verdict == PLIM_VERDICT_HIT && rule->action > s->worst) {
        s->worst = rule->action;
    }
    if (s->id && plim_slice_is(rule->id, s->id)) {
        s->verdict = verdict;
    }
}

static seen matched(const char *id)
{
    seen s = {.id = id};
    assert_ok(plim_policy_match(&builtin, &facts, look, &s, &err));
    return s;
}

static void assert_matches(const char *id, plim_verdict verdict)
{
    if (matched(id).verdict != verdict) {
        fail_msg("%s: wanted verdict %d, got %d", id, verdict, matched(id).verdict);
    }
}

/* ---- the text ---- */

static void every_built_in_table_parses(void **state)
{
    plim_policy policy;
    (void)state;
    memset(&policy, 0, sizeof(policy));

    assert_true(builtin.text_count >= 6);
    for (uint32_t i = 0; i < builtin.text_count; i++) {
        assert_ok(plim_policy_add(&policy, builtin.texts[i].name, builtin.texts[i].text,
                                  builtin.texts[i].bytes, &err));
    }
}

static void what_is_printed_parses_to_an_entry_that_prints_the_same(void **state)
{
    static char first[8192], second[8192];
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry, again;
    size_t count = 0;
    (void)state;

    for (; plim_policy_next(&builtin, &cursor, &entry); count++) {
        plim_policy policy;
        plim_policy_cursor start_of = {0, 0, 0};
        memset(&policy, 0, sizeof(policy));
        size_t bytes = plim_policy_print(&entry, first, sizeof(first));
        assert_true(bytes < sizeof(first));
        assert_ok(plim_policy_add(&policy, "printed", first, bytes, &err));
        assert_true(plim_policy_next(&policy, &start_of, &again));
        assert_int_equal(plim_policy_print(&again, second, sizeof(second)), bytes);
        assert_string_equal(first, second);
        assert_int_equal(again.kind, entry.kind);
    }
    assert_true(count > 200);
}

static void printing_is_cut_to_the_buffer_and_says_what_it_needs(void **state)
{
    plim_policy_entry entry;
    char small[16];
    (void)state;
    assert_true(plim_policy_find(&builtin, PLIM_POLICY_BOARD, "p3767-0000", &entry));

    size_t need = plim_policy_print(&entry, small, sizeof(small));

    assert_true(need > sizeof(small));
    assert_string_equal(small, "board: p3767-00");
}

static void every_key_of_a_stanza_is_in_the_manual(void **state)
{
    static char page[32768];
    (void)state;
    FILE *f = fopen("docs/man/plimsoll-policy.5", "re");
    if (!f) {
        skip_because("not started in the folder of the sources");
    }
    page[fread(page, 1, sizeof(page) - 1, f)] = 0;
    fclose(f);

    for (unsigned kind = 0; kind < PLIM_POLICY_KINDS; kind++) {
        size_t count;
        const plim_field *fields = plim_policy_fields((plim_policy_kind)kind, &count);
        for (size_t i = 0; i < count; i++) {
            bool is_named = false;
            for (const char *at = page; (at = strstr(at, fields[i].key)); at++) {
                is_named = is_named || (at[-1] == 'B' || at[-1] == ' ' || at[-1] == '\n');
            }
            if (!is_named) {
                fail_msg("plimsoll-policy(5) does not name %s", fields[i].key);
            }
        }
    }
}

static void report(void *context, const plim_policy_finding *finding)
{
    (void)context;
    printf("# %s:%u %.*s: %s\n", finding->table, finding->line, (int)finding->id.bytes,
           finding->id.at, plim_policy_problem_text(finding->problem));
}

static void the_checker_has_nothing_to_say_on_the_day_of_the_tables(void **state)
{
    size_t count;
    (void)state;

    assert_ok(plim_policy_check(&builtin, TODAY, report, NULL, &count, &err));

    assert_int_equal(count, 0);
}

static void years_later_every_rule_has_expired(void **state)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    size_t count, rules = 0;
    (void)state;
    while (plim_policy_next(&builtin, &cursor, &entry)) {
        rules += entry.kind == PLIM_POLICY_RULE;
    }

    assert_ok(plim_policy_check(&builtin, "2036-01-01", NULL, NULL, &count, &err));

    assert_int_equal(count, rules);
    assert_status(plim_policy_check(&builtin, "tomorrow", NULL, NULL, &count, &err), PLIM_E_ARG);
}

static void matching_all_rules_takes_nothing_from_the_heap(void **state)
{
    (void)state;
    be_orin_nx();
    struct mallinfo2 before = mallinfo2();

    seen s = matched(NULL);

    struct mallinfo2 after = mallinfo2();
    assert_true(s.hits + s.undecided > 0);
    assert_int_equal(after.uordblks, before.uordblks);
    assert_int_equal(after.hblkhd, before.hblkhd);
}

/* ---- machines ---- */

static void an_engine_of_an_agx_orin_is_refused_on_an_orin_nx(void **state)
{
    (void)state;
    be_orin_nx();
    be_card(16);

    assert_matches("engine-for-other-multiprocessors", PLIM_VERDICT_HIT);
    assert_int_equal(matched(NULL).worst, PLIM_ACTION_REFUSE);
}

static void its_own_engine_is_not_refused_but_warned_of_in_a_mode_that_gates(void **state)
{
    (void)state;
    be_orin_nx();
    be_card(8);

    assert_matches("engine-for-other-multiprocessors", PLIM_VERDICT_NO);
    assert_matches("engine-at-other-power-mode", PLIM_VERDICT_NO);
    assert_int_not_equal(matched(NULL).worst, PLIM_ACTION_REFUSE);

    facts.list[PLIM_FACT_GPU_MULTIPROCESSORS_NOW].number = 4;

    assert_matches("engine-at-other-power-mode", PLIM_VERDICT_HIT);
    assert_int_equal(matched(NULL).worst, PLIM_ACTION_WARN);
}

static void the_release_that_breaks_large_blocks_refuses_large_engines_alone(void **state)
{
    (void)state;
    be_orin_nx();
    text(PLIM_FACT_CUDA_DRIVER, "12.6");
    assert_matches("nvmap-36.4.7-large-allocation", PLIM_VERDICT_NO);
    plim_facts_forget(&facts, PLIM_FACT_L4T_RELEASE);
    text(PLIM_FACT_L4T_RELEASE, "36.4.7");

    assert_matches("nvmap-36.4.7", PLIM_VERDICT_HIT);
    assert_matches("nvmap-36.4.7-large-allocation", PLIM_VERDICT_UNDECIDED);

    number(PLIM_FACT_CARD_LARGEST, (UINT64_C(3) << 30) + 1);
    assert_matches("nvmap-36.4.7-large-allocation", PLIM_VERDICT_HIT);
}

static void another_tensorrt_is_refused_by_patch(void **state)
{
    (void)state;
    be_orin_nx();
    be_card(8);
    assert_matches("engine-of-other-tensorrt", PLIM_VERDICT_NO);
    plim_facts_forget(&facts, PLIM_FACT_CARD_TENSORRT);
    text(PLIM_FACT_CARD_TENSORRT, "10.3.1");

    assert_matches("engine-of-other-tensorrt", PLIM_VERDICT_HIT);
}

static void nothing_of_a_board_hits_on_a_pc_without_a_gpu(void **state)
{
    (void)state;
    text(PLIM_FACT_BOARD_FAMILY, "pc");
    text(PLIM_FACT_CPU_ARCH, "x86_64");
    text(PLIM_FACT_GPU_STACK, "none");
    number(PLIM_FACT_MEMORY_TOTAL, UINT64_C(32) << 30);

    assert_int_equal(matched(NULL).hits, 0);
}

static void notes_are_found_by_their_symptom_and_never_matched(void **state)
{
    plim_policy_entry entry;
    (void)state;
    be_orin_nx();

    assert_true(plim_policy_find(&builtin, PLIM_POLICY_RULE, "trt-thor-opt-level-3", &entry));
    assert_int_equal(entry.as.rule.action, PLIM_ACTION_NOTE);
    assert_int_equal(entry.as.rule.evidence, PLIM_EVIDENCE_DOUBTFUL);
    assert_matches("nvidia-smi-is-a-stub", PLIM_VERDICT_NO);
}

/* ---- data types ---- */

static void assert_default(uint64_t sm, const char *wanted)
{
    plim_dtype_choice choice;
    memset(&facts, 0, sizeof(facts));
    number(PLIM_FACT_GPU_SM, sm);
    text(PLIM_FACT_GPU_STACK, "nvidia");
    assert_ok(plim_policy_dtype(&builtin, &facts, NULL, &choice, &err));
    assert_string_equal(choice.dtype, wanted);
    assert_int_equal(choice.verdict, PLIM_VERDICT_HIT);
    assert_true(choice.why[0] && choice.source[0]);
}

static void each_capability_has_its_default(void **state)
{
    (void)state;
    assert_default(53, "fp16");
    assert_default(62, "fp16");
    assert_default(72, "fp16");
    assert_default(87, "fp16");
    assert_default(90, "bf16");
    assert_default(101, "fp8");
    assert_default(110, "fp8");
    assert_default(121, "bf16");
}

static plim_dtype_support support_of(uint64_t sm, const char *type, plim_status wanted)
{
    plim_dtype_choice choice;
    memset(&facts, 0, sizeof(facts));
    number(PLIM_FACT_GPU_SM, sm);
    text(PLIM_FACT_GPU_STACK, "nvgpu");
    assert_status(plim_policy_dtype(&builtin, &facts, type, &choice, &err), wanted);
    assert_true(choice.is_asked);
    return choice.support;
}

static void low_precisions_are_granted_only_where_the_hardware_has_them(void **state)
{
    (void)state;
    assert_int_equal(support_of(87, "fp8", PLIM_E_UNSUPPORTED), PLIM_SUPPORT_NONE);
    assert_int_equal(support_of(87, "fp4", PLIM_E_UNSUPPORTED), PLIM_SUPPORT_NONE);
    assert_int_equal(support_of(90, "fp4", PLIM_E_UNSUPPORTED), PLIM_SUPPORT_NONE);
    assert_int_equal(support_of(72, "bf16", PLIM_OK), PLIM_SUPPORT_EMULATED);
    assert_int_equal(support_of(87, "int4", PLIM_OK), PLIM_SUPPORT_WEIGHTS_ONLY);
    assert_int_equal(support_of(110, "fp4", PLIM_OK), PLIM_SUPPORT_ALLOWED);
    assert_int_equal(support_of(121, "fp8", PLIM_OK), PLIM_SUPPORT_ALLOWED);
}

static void bf16_on_orin_is_the_users_to_choose_and_is_recorded(void **state)
{
    plim_dtype_choice choice;
    (void)state;
    be_orin_nx();

    assert_ok(plim_policy_dtype(&builtin, &facts, "bf16", &choice, &err));

    assert_true(choice.is_asked);
    assert_string_equal(choice.dtype, "bf16");
    assert_string_equal(choice.otherwise, "fp16");
    assert_int_equal(choice.support, PLIM_SUPPORT_ALLOWED);
    assert_non_null(strstr(choice.why, "measure"));
}

static void an_unknown_machine_gets_the_careful_answer_and_no_low_precision(void **state)
{
    plim_dtype_choice choice;
    (void)state;

    assert_ok(plim_policy_dtype(&builtin, &facts, NULL, &choice, &err));
    assert_string_equal(choice.dtype, "fp32");
    assert_int_equal(choice.verdict, PLIM_VERDICT_UNDECIDED);
    assert_status(plim_policy_dtype(&builtin, &facts, "fp8", &choice, &err), PLIM_E_NOT_FOUND);
    assert_int_equal(choice.verdict, PLIM_VERDICT_UNDECIDED);
}

#define TEST(name) cmocka_unit_test_setup(name, start)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(every_built_in_table_parses),
        TEST(what_is_printed_parses_to_an_entry_that_prints_the_same),
        TEST(printing_is_cut_to_the_buffer_and_says_what_it_needs),
        TEST(every_key_of_a_stanza_is_in_the_manual),
        TEST(the_checker_has_nothing_to_say_on_the_day_of_the_tables),
        TEST(years_later_every_rule_has_expired),
        TEST(matching_all_rules_takes_nothing_from_the_heap),
        TEST(an_engine_of_an_agx_orin_is_refused_on_an_orin_nx),
        TEST(its_own_engine_is_not_refused_but_warned_of_in_a_mode_that_gates),
        TEST(the_release_that_breaks_large_blocks_refuses_large_engines_alone),
        TEST(another_tensorrt_is_refused_by_patch),
        TEST(nothing_of_a_board_hits_on_a_pc_without_a_gpu),
        TEST(notes_are_found_by_their_symptom_and_never_matched),
        TEST(each_capability_has_its_default),
        TEST(low_precisions_are_granted_only_where_the_hardware_has_them),
        TEST(bf16_on_orin_is_the_users_to_choose_and_is_recorded),
        TEST(an_unknown_machine_gets_the_careful_answer_and_no_low_precision),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
