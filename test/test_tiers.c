/* SPDX-License-Identifier: Apache-2.0 */
/* test_tiers.c - one manifest, an engine with an artifact for each board: one fits, or why not. */
#include "test/support/runtime_fixture.h"
#include "test/support/tool_run.h"

/* A run is held against the cap as the kernel counts it, a sanitizer's shadow too. */
#ifdef __SANITIZE_THREAD__
#define CAP "4 GiB"
#else
#define CAP "64 MiB"
#endif

/* An engine of the null backend that is tied to so many multiprocessors of SM 8.7. */
static void make_tier(const char *name, uint32_t multiprocessors)
{
    static plim_card card;
    char path[4200];
    card = new_card("policy");
    card.sm = 87;
    card.multiprocessors = multiprocessors;
    card.name = (plim_engine_name){.sm = ""};
    snprintf(path, sizeof(path), "%s/%s", cm_tmp(), name);
    pack(path, &card, multiprocessors, WEIGHTS_BYTES);
}

static int plan_on(unsigned multiprocessors, const char *artifact, const char *more)
{
    char text[1024];
    snprintf(text, sizeof(text),
             "budget: {cap: " CAP "}\nhost: {sm: 87, multiprocessors: %u}\nengines:\n"
             "  - {name: policy, artifact: %s, inputs: {x: {from: zeros}}%s}\n",
             multiprocessors, artifact, more);
    tool_write_text("tiers.yaml", text);
    return tool_sh("$plimsoll plan tiers.yaml") ? tool_sh("$plimsoll plan tiers.yaml")
                                                : tool_sh("$plimsoll run tiers.yaml");
}

static int make_tiers(void **state)
{
    make_tier("nx.engine", 8);
    make_tier("agx.engine", 16);
    make_tier("agx-too.engine", 16);
    return tool_set_up(state);
}

static void the_tier_of_this_host_is_loaded(void **state)
{
    (void)state;

    assert_int_equal(plan_on(8, "[nx.engine, agx.engine]", ""), 0);
    assert_int_equal(plan_on(16, "[nx.engine, agx.engine]", ""), 0);
    assert_int_equal(plan_on(16, "agx.engine", ""), 0);
}

static void where_none_fits_every_candidate_is_named_with_its_reason(void **state)
{
    (void)state;

    assert_int_equal(plan_on(14, "[nx.engine, agx.engine]", ""), 4);

    assert_says(tool_errors, "engine policy: none of its artifacts fits this host");
    assert_says(tool_errors, "nx.engine: E_MISMATCH");
    assert_says(tool_errors, "wanted 8 multiprocessors");
    assert_says(tool_errors, "wanted 16 multiprocessors");
    assert_says(tool_errors, "found 14 multiprocessors");
}

static void two_that_fit_are_refused_unless_their_order_decides(void **state)
{
    (void)state;

    assert_int_equal(plan_on(16, "[agx.engine, nx.engine, agx-too.engine]", ""), 2);

    assert_says(tool_errors, "2 artifacts fit this host, and one must");
    assert_says(tool_errors, "agx.engine: fits this host");
    assert_says(tool_errors, "agx-too.engine: fits this host");
    assert_int_equal(plan_on(16, "[agx.engine, agx-too.engine]", ", pick: first"), 0);
}

static void what_a_deployment_asks_for_is_granted_or_refused_and_said(void **state)
{
    (void)state;
    static plim_card card;
    char path[4200];
    card = new_card("policy");
    card.name = (plim_engine_name){.sm = ""};
    strcpy(card.precision_asked, "bf16");
    strcpy(card.precision_found, "bf16");
    snprintf(path, sizeof(path), "%s/bf16.engine", cm_tmp());
    pack(path, &card, 3, WEIGHTS_BYTES);

    assert_int_equal(plan_on(8, "bf16.engine", ", precision: bf16"), 0);
    assert_int_equal(tool_sh("$plimsoll plan tiers.yaml"), 0);
    assert_says(tool_out, "policy: bf16 by the manifest, where fp16 is the default: allowed");
    assert_int_equal(plan_on(8, "bf16.engine", ""), 0);
    assert_int_equal(tool_sh("$plimsoll plan tiers.yaml"), 0);
    assert_says(tool_out, "policy: bf16 by its card");
    assert_int_equal(plan_on(8, "bf16.engine", ", precision: fp16"), 1);
    assert_says(tool_errors, "wanted fp16");
    assert_says(tool_errors, "found bf16");
    assert_says(tool_errors, "name an artifact that was built in fp16");
}

static void rules_of_a_person_are_held_by_plan_and_run(void **state)
{
    (void)state;
    tool_write_text("own.table", "rule: own\nwhen: card.format = raw\naction: refuse\n"
                                 "why: Not here.\nremedy: Elsewhere.\nlink: https://example.org\n"
                                 "source: a test\nconfidence: verified\nseen: 2026-11-21\n"
                                 "expires: 2027-11-21\n");
    assert_int_equal(plan_on(16, "agx.engine", ""), 0);

    assert_int_equal(tool_sh("$plimsoll plan tiers.yaml --rules own.table"), 1);
    assert_says(tool_errors, "rule own");
    assert_int_equal(tool_sh("$plimsoll run tiers.yaml --rules own.table"), 1);
    assert_says(tool_errors, "Not here.");
    assert_int_equal(tool_sh("$plimsoll plan tiers.yaml --rules nowhere.table"), 4);
    assert_int_equal(plan_on(16, "agx.engine", ", accept: [own]"), 0);
    assert_int_equal(tool_sh("$plimsoll run tiers.yaml --rules own.table"), 0);
}

static void a_list_that_is_wrong_is_named_by_its_place(void **state)
{
    (void)state;

    assert_int_equal(plan_on(16, "[]", ""), 2);
    assert_says(tool_errors, "engines[0].artifact");
    assert_int_equal(plan_on(16, "[agx.engine, nowhere.engine]", ""), 2);
    assert_says(tool_errors, "engines[0].artifact[1]: 'nowhere.engine': no such file");
    assert_int_equal(plan_on(16, "[agx.engine, agx.engine]", ""), 2);
    assert_says(tool_errors, "given twice");
    assert_int_equal(plan_on(16, "agx.engine", ", pick: last"), 2);
    assert_int_equal(plan_on(16, "agx.engine", ", accept: some-rule"), 2);
    assert_int_equal(plan_on(16, "agx.engine", ", accept: [some-rule]"), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tier_of_this_host_is_loaded),
        cmocka_unit_test(where_none_fits_every_candidate_is_named_with_its_reason),
        cmocka_unit_test(two_that_fit_are_refused_unless_their_order_decides),
        cmocka_unit_test(what_a_deployment_asks_for_is_granted_or_refused_and_said),
        cmocka_unit_test(rules_of_a_person_are_held_by_plan_and_run),
        cmocka_unit_test(a_list_that_is_wrong_is_named_by_its_place),
    };
    return cmocka_run_group_tests(tests, make_tiers, NULL);
}
