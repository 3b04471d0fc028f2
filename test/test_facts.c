/* SPDX-License-Identifier: Apache-2.0 */
/* test_facts.c - the table of facts: who wins, what may stand in it, how versions compare. */
#include "plimsoll/facts.h"
#include "test/support/cm.h"

static plim_facts facts;

static int clear(void **state)
{
    (void)state;
    memset(&facts, 0, sizeof(facts));
    return 0;
}

static const char *said(plim_fact_id id)
{
    static char text[128];
    plim_fact_format(id, plim_facts_get(&facts, id), text, sizeof(text));
    return text;
}

static void a_fact_that_nobody_noted_is_absent(void **state)
{
    (void)state;

    assert_null(plim_facts_get(&facts, PLIM_FACT_GPU_SM));
    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_BOARD_NAME), "");
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SM, 7), 7);
    assert_string_equal(said(PLIM_FACT_GPU_SM), "not known");
}

static void a_surer_source_wins_and_of_two_as_sure_the_first(void **state)
{
    (void)state;

    assert_true(plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 72, PLIM_CONFIDENCE_GUESS, "a"));
    assert_true(plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 87, PLIM_CONFIDENCE_TABLE, "b"));
    assert_false(plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 90, PLIM_CONFIDENCE_TABLE, "c"));
    assert_false(plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 53, PLIM_CONFIDENCE_GUESS, "d"));

    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_GPU_SM, 0), 87);
    assert_string_equal(plim_facts_get(&facts, PLIM_FACT_GPU_SM)->source, "b");
}

static void text_from_a_file_is_cut_and_printable(void **state)
{
    char lengthy[300];
    (void)state;
    memset(lengthy, 'x', sizeof(lengthy) - 1);
    lengthy[sizeof(lengthy) - 1] = 0;

    assert_true(plim_facts_set_text(&facts, PLIM_FACT_BOARD_MODEL, "Jetson\x1b[31m\n ",
                                    PLIM_CONFIDENCE_READ, lengthy));

    assert_string_equal(plim_facts_text(&facts, PLIM_FACT_BOARD_MODEL), "Jetson?[31m?");
    assert_int_equal(strlen(plim_facts_get(&facts, PLIM_FACT_BOARD_MODEL)->source),
                     PLIM_FACT_SOURCE_BYTES - 1);
}

static void a_call_of_the_wrong_unit_or_without_confidence_notes_nothing(void **state)
{
    (void)state;

    assert_false(plim_facts_set_text(&facts, PLIM_FACT_GPU_SM, "8.7", PLIM_CONFIDENCE_READ, ""));
    assert_false(plim_facts_set_number(&facts, PLIM_FACT_BOARD_NAME, 1, PLIM_CONFIDENCE_READ, ""));
    assert_false(plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 1, PLIM_CONFIDENCE_NONE, ""));
    assert_false(plim_facts_set_number(&facts, PLIM_FACT_COUNT, 1, PLIM_CONFIDENCE_READ, ""));
    assert_false(plim_facts_set_text(&facts, PLIM_FACT_BOARD_NAME, "", PLIM_CONFIDENCE_READ, ""));
}

static void every_key_is_found_again_and_is_the_only_one(void **state)
{
    (void)state;

    for (unsigned i = 0; i < PLIM_FACT_COUNT; i++) {
        const char *key = plim_fact_key((plim_fact_id)i);
        assert_int_equal(plim_fact_find(key, strlen(key)), i);
        assert_true(plim_fact_meaning((plim_fact_id)i)[0] != 0);
    }
    assert_int_equal(plim_fact_find("gpu", 3), PLIM_FACT_COUNT);
}

static void values_are_printed_in_their_unit(void **state)
{
    (void)state;
    plim_facts_set_number(&facts, PLIM_FACT_GPU_SM, 110, PLIM_CONFIDENCE_READ, "");
    plim_facts_set_number(&facts, PLIM_FACT_GPU_TPC_MASK, 252, PLIM_CONFIDENCE_READ, "");
    plim_facts_set_number(&facts, PLIM_FACT_GPU_MAX_HZ, 918000000, PLIM_CONFIDENCE_READ, "");
    plim_facts_set_number(&facts, PLIM_FACT_MEMORY_BANDWIDTH, UINT64_C(102400000000),
                          PLIM_CONFIDENCE_TABLE, "");
    plim_facts_set_number(&facts, PLIM_FACT_MEMORY_TOTAL, UINT64_C(16031744) * 1024,
                          PLIM_CONFIDENCE_READ, "");
    plim_facts_set_number(&facts, PLIM_FACT_GPU_SHARES_MEMORY, 4, PLIM_CONFIDENCE_READ, "");

    assert_string_equal(said(PLIM_FACT_GPU_SM), "11.0");
    assert_string_equal(said(PLIM_FACT_GPU_TPC_MASK), "0xfc");
    assert_string_equal(said(PLIM_FACT_GPU_MAX_HZ), "918 MHz");
    assert_string_equal(said(PLIM_FACT_MEMORY_BANDWIDTH), "102.4 GB/s");
    assert_string_equal(said(PLIM_FACT_MEMORY_TOTAL), "15.3 GiB");
    assert_string_equal(said(PLIM_FACT_GPU_SHARES_MEMORY), "yes");
}

static void versions_compare_number_by_number(void **state)
{
    (void)state;

    assert_true(plim_version_compare("36.4", "36.4.0") == 0);
    assert_true(plim_version_compare("36.4.7", "36.10") < 0);
    assert_true(plim_version_compare("10.13.3.9", "10.3.0.30") > 0);
    assert_true(plim_version_compare("5.15.148-tegra", "5.15.148") == 0);
    assert_true(plim_version_compare("", "0.0") == 0);
    assert_true(plim_version_compare("1", "") > 0);
    assert_true(plim_version_compare("1.", "1.0") == 0);
    assert_true(plim_version_compare("99999999999999999999999", "99999999999999999999998") == 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(a_fact_that_nobody_noted_is_absent, clear),
        cmocka_unit_test_setup(a_surer_source_wins_and_of_two_as_sure_the_first, clear),
        cmocka_unit_test_setup(text_from_a_file_is_cut_and_printable, clear),
        cmocka_unit_test_setup(a_call_of_the_wrong_unit_or_without_confidence_notes_nothing, clear),
        cmocka_unit_test_setup(every_key_is_found_again_and_is_the_only_one, clear),
        cmocka_unit_test_setup(values_are_printed_in_their_unit, clear),
        cmocka_unit_test(versions_compare_number_by_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
