/* SPDX-License-Identifier: Apache-2.0 */
/* test_load.c - load orders, their peaks, and admission. */
#include "plimsoll/load.h"
#include "test/support/cm.h"

#define MB        UINT64_C(1000000)
#define ITEMS_MAX 8

static plim_load_item item(const char *name, uint64_t resident_bytes, uint64_t extra_bytes)
{
    plim_load_item it = {.resident_bytes = resident_bytes, .extra_bytes = extra_bytes};
    snprintf(it.name, sizeof(it.name), "%s", name);
    return it;
}

/* The peak of one order, worked out apart from the library. */
static uint64_t peak_of(const plim_load_item *items, const uint32_t *order, size_t count)
{
    uint64_t peak = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t sum = items[order[i]].extra_bytes;
        for (size_t j = 0; j <= i; j++) {
            sum += items[order[j]].resident_bytes;
        }
        peak = sum > peak ? sum : peak;
    }
    return peak;
}

/* The lowest peak of all orders of the items in @left, @resident already there. */
static uint64_t lowest(const plim_load_item *items, size_t count, unsigned left, uint64_t resident)
{
    uint64_t best = left ? UINT64_MAX : 0;
    for (size_t i = 0; i < count; i++) {
        if (left & (1u << i)) {
            uint64_t now = resident + items[i].resident_bytes;
            uint64_t rest = lowest(items, count, left & ~(1u << i), now);
            uint64_t peak = now + items[i].extra_bytes;
            peak = rest > peak ? rest : peak;
            best = peak < best ? peak : best;
        }
    }
    return best;
}

/* The same over subsets: what is resident depends only on which items were loaded. */
static uint64_t lowest_by_subset(const plim_load_item *items, size_t count)
{
    uint64_t best[1u << ITEMS_MAX], resident[1u << ITEMS_MAX] = {0};
    best[0] = 0;
    for (unsigned set = 1; set < 1u << count; set++) {
        best[set] = UINT64_MAX;
        for (size_t i = 0; i < count; i++) {
            if (set & (1u << i)) {
                unsigned before = set & ~(1u << i);
                resident[set] = resident[before] + items[i].resident_bytes;
                uint64_t peak = resident[set] + items[i].extra_bytes;
                peak = best[before] > peak ? best[before] : peak;
                best[set] = peak < best[set] ? peak : best[set];
            }
        }
    }
    return best[(1u << count) - 1];
}

static size_t random_items(uint64_t *seed, plim_load_item *items, size_t most)
{
    size_t count = cm_next(seed) % (most + 1);
    uint64_t top = cm_next(seed) % 2 ? 8 : UINT64_C(1) << 33; /* small numbers make ties */
    for (size_t i = 0; i < count; i++) {
        items[i] = item("x", cm_next(seed) % top, cm_next(seed) % top);
    }
    return count;
}

static void optimal_order_equals_brute_force_on_100000_cases(void **state)
{
    uint64_t seed = cm_seed();
    plim_error err;
    (void)state;

    for (int k = 0; k < 100000; k++) {
        plim_load_item items[ITEMS_MAX];
        size_t count = random_items(&seed, items, ITEMS_MAX);
        plim_load_step steps[ITEMS_MAX];
        plim_load_plan plan;
        assert_ok(plim_load_order(items, count, PLIM_LOAD_OPTIMAL, 0, 0, steps, &plan, &err));
        uint32_t order[ITEMS_MAX];
        unsigned seen = 0;
        for (size_t i = 0; i < count; i++) {
            order[i] = steps[i].item;
            seen |= 1u << order[i];
        }
        assert_int_equal(seen, (1u << count) - 1);
        assert_true(plan.peak_bytes == lowest_by_subset(items, count));
        assert_true(plan.peak_bytes == peak_of(items, order, count));
    }
}

static void all_permutations_agree_with_the_subset_reference(void **state)
{
    uint64_t seed = cm_seed() + 1;
    (void)state;

    for (int k = 0; k < 2000; k++) {
        plim_load_item items[6];
        size_t count = random_items(&seed, items, 6);

        assert_true(lowest(items, count, (1u << count) - 1, 0) == lowest_by_subset(items, count));
    }
}

static void no_policy_is_below_optimal_and_each_peak_is_exact(void **state)
{
    uint64_t seed = cm_seed() + 2;
    plim_error err;
    (void)state;

    for (int k = 0; k < 5000; k++) {
        plim_load_item items[ITEMS_MAX];
        size_t count = random_items(&seed, items, ITEMS_MAX);
        uint64_t peaks[3], base = cm_next(&seed) % 1000;
        for (int policy = 0; policy < 3; policy++) {
            plim_load_step steps[ITEMS_MAX];
            plim_load_plan plan;
            assert_ok(plim_load_order(items, count, (plim_load_policy)policy, base, 0, steps, &plan,
                                      &err));
            uint32_t order[ITEMS_MAX];
            for (size_t i = 0; i < count; i++) {
                order[i] = steps[i].item;
            }
            peaks[policy] = plan.peak_bytes;
            assert_true(plan.peak_bytes == base + peak_of(items, order, count));
        }
        assert_true(peaks[PLIM_LOAD_OPTIMAL] <= peaks[PLIM_LOAD_AS_LISTED]);
        assert_true(peaks[PLIM_LOAD_OPTIMAL] <= peaks[PLIM_LOAD_LARGEST_FIRST]);
    }
}

enum { BACKBONE, DIT, FRAMEWORK };

static void worklog_peaks_with_whole_file_buffers(void **state)
{
    plim_load_item listed[] = {item("dit", 2200 * MB, 2200 * MB),
                               item("framework", 600 * MB, 600 * MB),
                               item("backbone", 3080 * MB, 3080 * MB)};
    plim_load_step steps[3];
    plim_load_plan plan;
    plim_error err;
    (void)state;

    assert_ok(plim_load_order(listed, 3, PLIM_LOAD_AS_LISTED, 0, 0, steps, &plan, &err));
    assert_int_equal(plan.peak_bytes, 8960 * MB);
    assert_int_equal(plan.resident_bytes, 5880 * MB);
    assert_int_equal(plan.peak_step, 2);

    for (int policy = 0; policy < 3; policy += 2) { /* optimal and largest first agree here */
        assert_ok(plim_load_order(listed, 3, (plim_load_policy)policy, 0, 0, steps, &plan, &err));
        assert_int_equal(plan.peak_bytes, 7480 * MB);
        assert_int_equal(steps[0].item, 2);
        assert_int_equal(steps[1].item, 0);
        assert_int_equal(steps[2].item, 1);
        assert_int_equal(plan.peak_step, 1);
        assert_int_equal(steps[1].before_bytes, 3080 * MB);
        assert_int_equal(steps[1].during_bytes, 7480 * MB);
        assert_int_equal(steps[1].after_bytes, 5280 * MB);
    }
}

static void worklog_peaks_with_a_window_of_64_mb(void **state)
{
    plim_load_item items[] = {[BACKBONE] = item("backbone", 3080 * MB, 64 * MB),
                              [DIT] = item("dit", 2200 * MB, 64 * MB),
                              [FRAMEWORK] = item("framework", 600 * MB, 600 * MB)};
    plim_load_step steps[3];
    plim_load_plan plan;
    plim_error err;
    (void)state;

    assert_ok(plim_load_order(items, 3, PLIM_LOAD_LARGEST_FIRST, 0, 0, steps, &plan, &err));
    assert_int_equal(plan.peak_bytes, 6480 * MB);
    assert_int_equal(steps[0].item, BACKBONE);
    assert_int_equal(steps[2].item, FRAMEWORK);

    assert_ok(plim_load_order(items, 3, PLIM_LOAD_OPTIMAL, 0, 0, steps, &plan, &err));
    assert_int_equal(plan.peak_bytes, 5944 * MB);
    assert_int_equal(steps[0].item, FRAMEWORK);
    assert_int_equal(steps[1].item, BACKBONE);
    assert_int_equal(steps[2].item, DIT);
}

static void five_engines_of_the_loading_study(void **state)
{
    static const uint64_t sizes[] = {350, 900, 1400, 2200, 3750};
    plim_load_item items[5];
    plim_load_step steps[5];
    plim_load_plan plan;
    plim_error err;
    (void)state;
    for (size_t i = 0; i < 5; i++) {
        items[i] = item("engine", sizes[i] * MB, sizes[i] * MB);
    }

    assert_ok(plim_load_order(items, 5, PLIM_LOAD_AS_LISTED, 0, 0, steps, &plan, &err));
    assert_int_equal(plan.peak_bytes, 12350 * MB);
    assert_ok(plim_load_order(items, 5, PLIM_LOAD_OPTIMAL, 0, 0, steps, &plan, &err));
    assert_int_equal(plan.peak_bytes, 9150 * MB);
    for (size_t i = 0; i < 5; i++) {
        items[i].extra_bytes = 8 * MB;
    }
    for (int policy = 0; policy < 3; policy++) {
        assert_ok(plim_load_order(items, 5, (plim_load_policy)policy, 0, 0, steps, &plan, &err));
        assert_int_equal(plan.peak_bytes, 8608 * MB);
    }
}

static void admission_takes_the_last_byte_and_refuses_the_next(void **state)
{
    plim_load_item items[] = {item("backbone", 3080 * MB, 3080 * MB),
                              item("dit", 2200 * MB, 2200 * MB),
                              item("framework", 600 * MB, 600 * MB)};
    plim_load_step steps[3];
    plim_load_plan plan;
    plim_error err;
    uint64_t base = 500 * MB, peak = 7980 * MB;
    (void)state;

    assert_ok(plim_load_order(items, 3, PLIM_LOAD_OPTIMAL, base, peak, steps, &plan, &err));
    assert_true(plan.fits);
    assert_int_equal(plan.deficit_bytes, 0);
    assert_int_equal(steps[0].before_bytes, base); /* steps are what the account will show */
    assert_int_equal(steps[1].during_bytes, peak);
    assert_int_equal(steps[2].after_bytes, plan.resident_bytes);
    assert_int_equal(plan.resident_bytes, 6380 * MB);
    assert_ok(plim_load_admit(&plan, items, steps, &err));

    assert_ok(plim_load_order(items, 3, PLIM_LOAD_OPTIMAL, base, peak - 1, steps, &plan, &err));
    assert_false(plan.fits);
    assert_int_equal(plan.deficit_bytes, 1);
    assert_status(plim_load_admit(&plan, items, steps, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, peak);
    assert_int_equal(err.have, peak - 1);
    assert_int_equal(err.limit, peak - 1);
    assert_string_equal(err.detail, "dit: over by 1 bytes while it loads");
    assert_string_equal(err.holders[0].owner, "backbone");
    assert_int_equal(err.holders[0].bytes, 3080 * MB);
    assert_string_equal(err.holders[1].owner, "dit");
    assert_int_equal(err.holders[2].bytes, 0);
    assert_status(plim_load_admit(&plan, items, steps, NULL), PLIM_E_BUDGET);
}

static void base_alone_over_the_line_is_refused_without_items(void **state)
{
    plim_load_plan plan;
    plim_error err;
    (void)state;

    assert_ok(plim_load_order(NULL, 0, PLIM_LOAD_OPTIMAL, 11, 10, NULL, &plan, &err));
    assert_int_equal(plan.peak_bytes, 11);
    assert_status(plim_load_admit(&plan, NULL, NULL, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, 11);
    assert_string_equal(err.detail, "");
}

static void equal_extras_keep_the_larger_first_then_the_order_given(void **state)
{
    plim_load_item items[] = {item("a", 1, 5), item("b", 9, 5), item("c", 1, 5), item("d", 1, 5)};
    plim_load_step steps[4];
    plim_load_plan plan;
    plim_error err;
    static const uint32_t expected[] = {1, 0, 2, 3};
    (void)state;

    assert_ok(plim_load_order(items, 4, PLIM_LOAD_OPTIMAL, 0, 0, steps, &plan, &err));

    for (size_t i = 0; i < 4; i++) {
        assert_int_equal(steps[i].item, expected[i]);
    }
}

static void sums_over_64_bits_are_refused_and_name_the_item(void **state)
{
    plim_load_item items[] = {item("small", 1, 0), item("huge", UINT64_MAX, 0)};
    plim_load_item wide[] = {item("wide", UINT64_MAX, 1)};
    plim_load_step steps[2];
    plim_load_plan plan;
    plim_error err;
    (void)state;

    assert_status(plim_load_order(items, 2, PLIM_LOAD_AS_LISTED, 0, 0, steps, &plan, &err),
                  PLIM_E_RANGE);
    assert_string_equal(err.field, "huge");
    assert_int_equal(plan.peak_bytes, 0);
    assert_status(plim_load_order(wide, 1, PLIM_LOAD_OPTIMAL, 0, 0, steps, &plan, &err),
                  PLIM_E_RANGE);
    assert_string_equal(err.field, "wide");
    assert_status(plim_load_order(items, 1, PLIM_LOAD_OPTIMAL, UINT64_MAX, 0, steps, &plan, &err),
                  PLIM_E_RANGE);
    assert_string_equal(err.field, "small");
}

static void parts_by_tag_may_not_exceed_the_whole(void **state)
{
    plim_load_item it = item("dit", 10, 0);
    plim_load_step step;
    plim_load_plan plan;
    plim_error err;
    (void)state;
    it.resident_by_tag[PLIM_TAG_WEIGHTS] = 9;
    it.resident_by_tag[PLIM_TAG_KV_CACHE] = 1;
    assert_ok(plim_load_order(&it, 1, PLIM_LOAD_OPTIMAL, 0, 0, &step, &plan, &err));

    it.resident_by_tag[PLIM_TAG_KV_CACHE] = 2;

    assert_status(plim_load_order(&it, 1, PLIM_LOAD_OPTIMAL, 0, 0, &step, &plan, &err), PLIM_E_ARG);
    assert_int_equal(err.want, 11);
    assert_int_equal(err.limit, 10);
    assert_string_equal(err.detail, "dit");
}

static void policies_have_names_and_others_are_refused(void **state)
{
    plim_load_policy policy;
    plim_load_plan plan;
    plim_error err;
    (void)state;

    for (int i = 0; i < 3; i++) {
        assert_ok(
            plim_load_policy_parse(plim_load_policy_name((plim_load_policy)i), &policy, &err));
        assert_int_equal(policy, i);
    }
    assert_status(plim_load_policy_parse("fastest", &policy, &err), PLIM_E_ARG);
    assert_string_equal(err.found, "fastest");
    assert_status(plim_load_policy_parse(NULL, &policy, &err), PLIM_E_ARG);
    assert_string_equal(plim_load_policy_name((plim_load_policy)77), "?");
    assert_status(plim_load_order(NULL, 0, (plim_load_policy)77, 0, 0, NULL, &plan, &err),
                  PLIM_E_ARG);
    assert_string_equal(err.field, "policy");
}

static void kv_cache_is_predicted_to_the_byte(void **state)
{
    /* 18 layers, 1 of 8 heads keeps keys and values, 970 positions, float16 */
    plim_kv_cache shape = {
        .layers = 18, .kv_heads = 1, .head_dim = 256, .positions = 970, .element_bits = 16};
    uint64_t bytes;
    plim_error err;
    (void)state;

    assert_ok(plim_kv_cache_bytes(&shape, &bytes, &err));
    assert_int_equal(bytes, UINT64_C(2) * 18 * 1 * 256 * 970 * 2);
    shape.element_bits = 4;
    assert_ok(plim_kv_cache_bytes(&shape, &bytes, &err));
    assert_int_equal(bytes, UINT64_C(18) * 256 * 970);
    shape.positions = 0;
    assert_status(plim_kv_cache_bytes(&shape, &bytes, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "positions");
    shape.positions = UINT64_MAX;
    assert_status(plim_kv_cache_bytes(&shape, &bytes, &err), PLIM_E_RANGE);
    assert_int_equal(bytes, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(optimal_order_equals_brute_force_on_100000_cases),
        cmocka_unit_test(all_permutations_agree_with_the_subset_reference),
        cmocka_unit_test(no_policy_is_below_optimal_and_each_peak_is_exact),
        cmocka_unit_test(worklog_peaks_with_whole_file_buffers),
        cmocka_unit_test(worklog_peaks_with_a_window_of_64_mb),
        cmocka_unit_test(five_engines_of_the_loading_study),
        cmocka_unit_test(admission_takes_the_last_byte_and_refuses_the_next),
        cmocka_unit_test(base_alone_over_the_line_is_refused_without_items),
        cmocka_unit_test(equal_extras_keep_the_larger_first_then_the_order_given),
        cmocka_unit_test(sums_over_64_bits_are_refused_and_name_the_item),
        cmocka_unit_test(parts_by_tag_may_not_exceed_the_whole),
        cmocka_unit_test(policies_have_names_and_others_are_refused),
        cmocka_unit_test(kv_cache_is_predicted_to_the_byte),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
