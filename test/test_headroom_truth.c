/* SPDX-License-Identifier: Apache-2.0 */
/* test_headroom_truth.c - promises against what the kernel gives, in control groups of our own. */
#include <inttypes.h>

#include "test/support/cm.h"
#include "test/support/situation.h"

#define SITUATIONS 30u

static void thirty_random_situations_hold_what_was_promised(void **state)
{
    skip_where_memory_is_not_ours();
    uint64_t seed = cm_seed();
    unsigned made = 0;
    (void)state;
    const char *why = situation_impossible();
    if (why) {
        skip_because("%s", why);
    }

    for (unsigned i = 0; made < SITUATIONS && i < 2 * SITUATIONS; i++) {
        situation s;
        situation_outcome o;
        situation_draw(&s, &seed);
        if (!situation_run(&s, cm_tmp(), &o)) {
            continue; /* more than its limits hold */
        }
        made++;
        if (o.promised_bytes > o.had_bytes) {
            printf("# ");
            situation_print(&s);
            printf("\n");
            fail_msg("%s: promised %" PRIu64 ", had %" PRIu64, plim_wall_name(o.wall),
                     o.promised_bytes, o.had_bytes);
        }
    }

    assert_int_equal(made, SITUATIONS);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(thirty_random_situations_hold_what_was_promised),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
