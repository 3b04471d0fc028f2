/* SPDX-License-Identifier: Apache-2.0 */
/* test_card_rules.c - an engine is admitted by rules over its card and its host. */
#include "test/support/runtime_fixture.h"

static const char RULES[] = "rule: test-refuses\n"
                            "when: card.name = refused\n"
                            "when: gpu.shares_memory = yes\n"
                            "action: refuse\n"
                            "symptom: Assertion of the day\n"
                            "why: It fails late on this machine.\n"
                            "remedy: Build it with another flag.\n"
                            "link: https://example.org/1\n"
                            "source: test\n"
                            "confidence: verified\n"
                            "seen: 2026-11-21\n"
                            "expires: 2027-11-21\n"
                            "\n"
                            "rule: test-undecided\n"
                            "when: gpu.driver > 500\n"
                            "action: refuse\n"
                            "why: Nobody knows this driver.\n"
                            "remedy: None.\n"
                            "link: https://example.org/1\n"
                            "source: test\n"
                            "confidence: verified\n"
                            "seen: 2026-11-21\n"
                            "expires: 2027-11-21\n"
                            "\n"
                            "rule: test-warns\n"
                            "when: memory.total > 1 GiB\n"
                            "action: warn\n"
                            "why: Much memory is a temptation.\n"
                            "remedy: Use less.\n"
                            "link: https://example.org/1\n"
                            "source: test\n"
                            "confidence: verified\n"
                            "seen: 2026-11-21\n"
                            "expires: 2027-11-21\n"
                            "\n"
                            "rule: test-advises\n"
                            "when: card.format = raw\n"
                            "action: advise\n"
                            "why: Raw bytes say little.\n"
                            "remedy: Give them a format.\n"
                            "link: https://example.org/1\n"
                            "source: test\n"
                            "confidence: verified\n"
                            "seen: 2026-11-21\n"
                            "expires: 2027-11-21\n"
                            "\n"
                            "rule: test-advises-the-doctor\n"
                            "when: memory.total > 1 GiB\n"
                            "action: advise\n"
                            "why: Of the machine alone.\n"
                            "remedy: None.\n"
                            "link: https://example.org/1\n"
                            "source: test\n"
                            "confidence: verified\n"
                            "seen: 2026-11-21\n"
                            "expires: 2027-11-21\n";

static plim_policy policy;
static plim_facts machine;

static plim_runtime *open_with_rules(void)
{
    plim_runtime *runtime = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    memset(&policy, 0, sizeof(policy));
    memset(&machine, 0, sizeof(machine));
    assert_ok(plim_policy_add(&policy, "test", RULES, sizeof(RULES) - 1, &err));
    assert_true(plim_facts_set_number(&machine, PLIM_FACT_GPU_SHARES_MEMORY, 1,
                                      PLIM_CONFIDENCE_READ, "test"));
    o.policy = &policy;
    o.facts = &machine;
    logged.used = 0;
    logged.text[0] = 0;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    return runtime;
}

static unsigned lines_with(const char *a, const char *b)
{
    unsigned count = 0;
    char text[sizeof(logged.text)];
    memcpy(text, logged.text, sizeof(text));
    for (char *line = strtok(text, "\n"); line; line = strtok(NULL, "\n")) {
        count += strstr(line, a) && strstr(line, b);
    }
    return count;
}

static void a_rule_that_refuses_stops_the_load_before_its_body(void **state)
{
    (void)state;
    const char *path = make_artifact("refused");
    plim_runtime *runtime = open_with_rules();
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("refused", path);
    uint64_t before = used(runtime);
    flip(path, 1, 0); /* whoever read the body would say that it is corrupt */

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);

    assert_string_equal(err.field, "rule test-refuses");
    assert_string_equal(err.found, "Assertion of the day");
    assert_string_equal(err.detail, "It fails late on this machine.");
    assert_string_equal(err.remedy, "Build it with another flag.");
    assert_null(engine);
    assert_int_equal(used(runtime), before);
    assert_int_equal(lines_with("load_failed", "Build it with another flag."), 1);
    plim_runtime_close(runtime);
    assert_int_equal(logged.bad_count, 0);
}

static void a_rule_that_was_accepted_is_passed_and_written_down(void **state)
{
    (void)state;
    static const char *const accept[] = {"test-other", "test-refuses"};
    plim_runtime *runtime = open_with_rules();
    plim_engine *engine = NULL;
    plim_engine_spec s = spec_of("refused", make_artifact("refused"));
    s.accept = accept;
    s.accept_count = 2;

    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    assert_int_equal(lines_with("\"event\":\"rule_accepted\"", "\"rule\":\"test-refuses\""), 1);
    assert_int_equal(lines_with("\"level\":\"warn\"", "\"rule\":\"test-refuses\""), 1);
    plim_runtime_close(runtime);
}

static void warnings_and_advice_are_said_once_each(void **state)
{
    (void)state;
    plim_runtime *runtime = open_with_rules();

    load(runtime, "one", make_artifact("one"));
    load(runtime, "two", make_artifact("two"));

    assert_int_equal(lines_with("\"level\":\"warn\"", "\"rule\":\"test-warns\""), 1);
    assert_int_equal(lines_with("\"level\":\"info\"", "\"rule\":\"test-advises\""), 1);
    assert_int_equal(lines_with("rule", "test-advises-the-doctor"), 0);
    assert_int_equal(lines_with("rule", "test-undecided"), 0);
    plim_runtime_close(runtime);
}

static void an_engine_of_the_whole_module_may_be_accepted_in_a_mode_that_gates(void **state)
{
    (void)state;
    static const char *const accept[] = {"engine-at-other-power-mode"};
    static plim_card card;
    char path[4200];
    plim_runtime *runtime = NULL;
    plim_engine *engine = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    plim_host host = {.sm = 87,
                      .multiprocessors = 8,
                      .multiprocessors_now = 4,
                      .memory_bytes = 16ull << 30,
                      .power_mode = "15W",
                      .power_mode_max = "MAXN"};
    o.host = &host;
    card = new_card("gated");
    card.sm = 87;
    card.multiprocessors = 8;
    snprintf(card.name.sm, sizeof(card.name.sm), "87");
    snprintf(path, sizeof(path), "%s/gated__sm87_jpany_trtnone_fp32.engine", cm_tmp());
    pack(path, &card, 1, WEIGHTS_BYTES);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    plim_engine_spec s = spec_of("gated", path);

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);
    assert_non_null(strstr(err.remedy, "shows 4 of its 8 multiprocessors in power mode 15W"));
    s.accept = accept;
    s.accept_count = 1;
    logged.used = 0;
    logged.text[0] = 0;
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    assert_int_equal(lines_with("\"event\":\"rule_accepted\"", accept[0]), 1);
    assert_int_equal(lines_with("rule", accept[0]), 1);
    plim_runtime_close(runtime);
}

/* ---- data types ---- */

static void a_type_that_is_not_the_default_is_written_down_with_who_asked(void **state)
{
    (void)state;
    static plim_card card;
    static plim_facts orin;
    char path[4200];
    plim_runtime *runtime = NULL;
    plim_engine *engine = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    memset(&orin, 0, sizeof(orin));
    plim_facts_set_number(&orin, PLIM_FACT_GPU_SM, 87, PLIM_CONFIDENCE_READ, "test");
    o.facts = &orin;
    card = new_card("typed");
    strcpy(card.precision_asked, "bf16");
    strcpy(card.precision_found, "bf16");
    artifact_path("typed", path, sizeof(path));
    pack(path, &card, 1, WEIGHTS_BYTES);
    logged.used = 0;
    logged.text[0] = 0;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    plim_engine_spec s = spec_of("typed", path);

    s.precision = "fp16"; /* the default, but not what this engine is */
    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "precision");
    assert_int_equal(lines_with("dtype_override", ""), 0);
    s.precision = "bf16";
    s.precision_by = "deploy.yaml:3";
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    assert_int_equal(lines_with("\"event\":\"dtype_override\"", "\"by\":\"deploy.yaml:3\""), 1);
    assert_int_equal(lines_with("\"default\":\"fp16\",\"support\":\"allowed\"", "rate of fp16"), 1);
    plim_runtime_close(runtime);
}

static void a_type_without_hardware_is_refused_when_the_deployment_asks_for_it(void **state)
{
    (void)state;
    static const char *const accept[] = {"precision-without-hardware"};
    static plim_card card;
    static plim_facts orin;
    char path[4200];
    plim_runtime *runtime = NULL;
    plim_engine *engine = NULL;
    plim_runtime_opts o = base_opts(CAP_BYTES);
    memset(&orin, 0, sizeof(orin));
    plim_facts_set_number(&orin, PLIM_FACT_GPU_SM, 87, PLIM_CONFIDENCE_READ, "test");
    o.facts = &orin;
    card = new_card("typed");
    strcpy(card.precision_asked, "fp8");
    artifact_path("typed", path, sizeof(path));
    pack(path, &card, 1, WEIGHTS_BYTES);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    plim_engine_spec s = spec_of("typed", path);
    s.precision = "fp8";

    assert_status(plim_runtime_deserialize(runtime, &s, &engine, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.wanted, "fp8");
    assert_string_equal(err.found, "fp16");
    assert_non_null(strstr(err.detail, "8.9"));
    assert_non_null(strstr(err.remedy, "fp16"));
    s.accept = accept;
    s.accept_count = 1;
    assert_ok(plim_runtime_deserialize(runtime, &s, &engine, &err));

    plim_runtime_close(runtime);
}

static void note_hit(void *context, const plim_rule *rule, plim_verdict verdict)
{
    if (plim_slice_is(rule->id, "trt-low-precision-built-as-fp32")) {
        *(plim_action *)context = verdict == PLIM_VERDICT_HIT ? rule->action : PLIM_ACTION_OFF;
    }
}

static void a_plan_that_fell_back_to_fp32_is_refused(void **state)
{
    (void)state;
    static plim_card card;
    static plim_facts facts;
    plim_policy builtin;
    plim_action action = PLIM_ACTION_OFF;
    plim_policy_builtin(&builtin);
    memset(&facts, 0, sizeof(facts));
    card = new_card("thor");
    strcpy(card.format, "plan");
    strcpy(card.precision_asked, "fp8");
    strcpy(card.precision_found, "fp32");

    plim_card_note(&card, &facts);
    assert_ok(plim_policy_match(&builtin, &facts, note_hit, &action, &err));

    assert_int_equal(action, PLIM_ACTION_REFUSE);
    strcpy(card.precision_found, ""); /* not known is not what was asked, and not the opposite */
    action = PLIM_ACTION_OFF;
    plim_card_note(&card, &facts);
    assert_ok(plim_policy_match(&builtin, &facts, note_hit, &action, &err));
    assert_int_equal(action, PLIM_ACTION_OFF);
}

/* ---- a card as facts ---- */

static void a_card_stands_beside_the_facts_of_its_host(void **state)
{
    (void)state;
    static plim_facts facts;
    static plim_card card;
    plim_policy builtin;
    plim_policy_builtin(&builtin);
    memset(&facts, 0, sizeof(facts));
    card = new_card("policy");
    strcpy(card.tensorrt, "10.3.0.30");
    strcpy(card.precision_asked, "fp8");
    card.sm = 101;
    card.payload_bytes = 5;
    card.activation_bytes = 9;
    plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 87, PLIM_CONFIDENCE_READ, "test");

    plim_card_note(&card, &facts);
    plim_card_note_support(&card, &builtin, &facts);

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_CARD_TENSORRT), "10.3.0");
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_CARD_TENSORRT_BUILD), "10.3.0.30");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_CARD_SM, 0), 110);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_CARD_LARGEST, 0), 9);
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_CARD_PRECISION_SUPPORT), "none");
    strcpy(card.tensorrt, "10.3");
    strcpy(card.precision_asked, "mixed"); /* no type of the tables */
    card.sm = 0;
    plim_card_note(&card, &facts);
    plim_card_note_support(&card, &builtin, &facts);
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_CARD_TENSORRT), "10.3");
    assert_null(plim_facts_get(&facts, PLIM_FACT_CARD_TENSORRT_BUILD));
    assert_null(plim_facts_get(&facts, PLIM_FACT_CARD_SM));
    assert_null(plim_facts_get(&facts, PLIM_FACT_CARD_PRECISION_SUPPORT));
}

static void what_a_person_says_of_the_host_stands_before_what_was_probed(void **state)
{
    (void)state;
    static plim_facts facts;
    plim_host host = {.sm = 87,
                      .sm_source = PLIM_SOURCE_GIVEN,
                      .multiprocessors = 4,
                      .multiprocessors_source = PLIM_SOURCE_TABLE,
                      .l4t = "36.4.0"};
    plim_host again;
    memset(&facts, 0, sizeof(facts));
    plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 72, PLIM_CONFIDENCE_READ, "probe");
    plim_facts_set_number(&facts, PLIM_FACT_GPU_MULTIPROCESSORS, 8, PLIM_CONFIDENCE_READ, "probe");

    plim_host_note(&host, &facts);

    plim_host_from_facts(&facts, &again);
    assert_int_equal(again.sm, 87);
    assert_int_equal(again.multiprocessors, 8);
    assert_string_equal(again.l4t, "36.4.0");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_that_refuses_stops_the_load_before_its_body),
        cmocka_unit_test(a_rule_that_was_accepted_is_passed_and_written_down),
        cmocka_unit_test(warnings_and_advice_are_said_once_each),
        cmocka_unit_test(an_engine_of_the_whole_module_may_be_accepted_in_a_mode_that_gates),
        cmocka_unit_test(a_type_that_is_not_the_default_is_written_down_with_who_asked),
        cmocka_unit_test(a_type_without_hardware_is_refused_when_the_deployment_asks_for_it),
        cmocka_unit_test(a_plan_that_fell_back_to_fp32_is_refused),
        cmocka_unit_test(a_card_stands_beside_the_facts_of_its_host),
        cmocka_unit_test(what_a_person_says_of_the_host_stands_before_what_was_probed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
