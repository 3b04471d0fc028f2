/* SPDX-License-Identifier: Apache-2.0 */
/* test_nvmap.c - lines of nvmap and of the kernel, with the traps that boards set. */
#include <stdio.h>

#include "platform/linux/counters.h"
#include "platform/linux/nvmap.h"
#include "platform/linux/process_share.h"
#include "test/support/cm.h"

static plim_nvmap_line parse(const char *text, uint32_t *pid, uint64_t *bytes)
{
    char line[256];
    snprintf(line, sizeof(line), "%s", text);
    return plim_nvmap_client_parse(line, pid, bytes);
}

static void a_client_is_read_from_its_end(void **state)
{
    static const char *const LINES[] = {
        "user                     llama server     4242    5242880K",
        "user                     a) b (c) 77K     4242    5242880K",
        "user                          4242 1K     4242    5242880K\r",
        "user                          python3     4242    5242880K   ",
    };
    (void)state;
    for (size_t i = 0; i < 4; i++) {
        uint32_t pid = 0;
        uint64_t bytes = 0;
        assert_int_equal(parse(LINES[i], &pid, &bytes), PLIM_NVMAP_CLIENT);
        assert_int_equal(pid, 4242);
        assert_int_equal(bytes, UINT64_C(5242880) * 1024);
    }
}

static void a_line_cut_anywhere_is_damaged_or_still_right(void **state)
{
    static const char LINE[] = "user                     llama server     4242    5242880K";
    (void)state;
    for (size_t n = 1; n < sizeof(LINE) - 1; n++) {
        char cut[sizeof(LINE)];
        uint32_t pid;
        uint64_t bytes;
        memcpy(cut, LINE, n);
        cut[n] = 0;
        assert_int_equal(plim_nvmap_client_parse(cut, &pid, &bytes), PLIM_NVMAP_DAMAGED);
    }
}

static void heads_totals_and_nonsense_are_told_apart(void **state)
{
    uint32_t pid;
    uint64_t bytes;
    (void)state;

    assert_int_equal(
        parse("CLIENT                        PROCESS      PID        SIZE", &pid, &bytes),
        PLIM_NVMAP_OTHER);
    assert_int_equal(parse("", &pid, &bytes), PLIM_NVMAP_OTHER);
    assert_int_equal(
        parse("total                                                   0K", &pid, &bytes),
        PLIM_NVMAP_TOTAL);
    assert_int_equal(bytes, 0);
    assert_int_equal(parse("total    99999999999999999999K", &pid, &bytes), PLIM_NVMAP_DAMAGED);
    assert_int_equal(parse("user  x  1  18446744073709551615K", &pid, &bytes), PLIM_NVMAP_DAMAGED);
    assert_int_equal(parse("user  x  99999999999  1K", &pid, &bytes), PLIM_NVMAP_DAMAGED);
    assert_int_equal(parse("user  x  1  -5K", &pid, &bytes), PLIM_NVMAP_DAMAGED);
    assert_int_equal(parse("K", &pid, &bytes), PLIM_NVMAP_DAMAGED);
}

static void a_handle_is_five_numbers(void **state)
{
    uint64_t size, mapped;
    (void)state;

    assert_true(
        plim_nvmap_handle_parse("0     16781312  8388785        1   16781312", &size, &mapped));
    assert_int_equal(size, 16781312);
    assert_int_equal(mapped, 16781312);
    assert_true(plim_nvmap_handle_parse("0 5 1 1 0\r", &size, &mapped));
    assert_false(plim_nvmap_handle_parse("0 5 1 1", &size, &mapped));
    assert_false(plim_nvmap_handle_parse("0 5 1 1 6", &size, &mapped));
    assert_false(plim_nvmap_handle_parse("0 99999999999999999999 1 1 0", &size, &mapped));
    assert_false(plim_nvmap_handle_parse("0 5 0x1 1 0", &size, &mapped));
}

static void counters_that_are_cut_or_too_long_are_not_believed(void **state)
{
    uint64_t bytes, count = 0;
    uint32_t n = 0;
    (void)state;

    assert_true(plim_zram_parse("  1 2 109051904 0 5", &bytes));
    assert_int_equal(bytes, 109051904);
    assert_false(plim_zram_parse("  1 2 1090", &bytes));
    assert_false(plim_zram_parse("1 2", &bytes));
    assert_true(plim_buddy_parse("Node 0, zone   Normal   40  3  0  25  0 ", &n, &count));
    assert_int_equal(n, 3);
    assert_int_equal(count, 25);
    assert_false(plim_buddy_parse("Node 0, zone   Normal   40  x", &n, &count));
}

static void a_name_in_stat_may_hold_anything(void **state)
{
    uint64_t ticks = 0;
    (void)state;

    assert_true(plim_process_start_parse(
        "7 (a) b) S) R 1 2 3 0 -1 4 1 2 3 4 5 6 7 8 20 0 9 0 777 1 2", &ticks));
    assert_int_equal(ticks, 777);
    assert_false(plim_process_start_parse(
        "7 (gone) Z 1 2 3 0 -1 4 1 2 3 4 5 6 7 8 20 0 9 0 777 1 2", &ticks));
    assert_false(plim_process_start_parse("7 (a) S 1 2", &ticks));
    assert_false(plim_process_start_parse("", &ticks));
}

static void kernels_without_parts_of_the_share_are_split_by_what_is_anonymous(void **state)
{
    plim_process_share s;
    (void)state;

    assert_true(plim_process_share_parse("Rss: 90 kB\nPss: 50 kB\nAnonymous: 20 kB\n", &s));
    assert_int_equal(s.anon_bytes, 20 * 1024);
    assert_int_equal(s.file_bytes, 30 * 1024);
    assert_true(plim_process_share_parse("Pss: 5 kB\nAnonymous: 20 kB\n", &s));
    assert_int_equal(s.anon_bytes, 5 * 1024);
    assert_false(plim_process_share_parse("", &s));
    assert_false(plim_process_share_parse("Pss: 99999999999999999999 kB\n", &s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_client_is_read_from_its_end),
        cmocka_unit_test(a_line_cut_anywhere_is_damaged_or_still_right),
        cmocka_unit_test(heads_totals_and_nonsense_are_told_apart),
        cmocka_unit_test(a_handle_is_five_numbers),
        cmocka_unit_test(counters_that_are_cut_or_too_long_are_not_believed),
        cmocka_unit_test(a_name_in_stat_may_hold_anything),
        cmocka_unit_test(kernels_without_parts_of_the_share_are_split_by_what_is_anonymous),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
