/* SPDX-License-Identifier: Apache-2.0 */
/* test_region_dynamic.c - options of the dynamic region: units, ends, and the call that scans. */
#include "test/support/cm.h"

#include "plimsoll/arena.h"
#include "test/support/no_memory.h"

#define KIB ((uint64_t)1 << 10)
#define MIB ((uint64_t)1 << 20)

typedef struct bed {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
    no_memory memory;
} bed;

static plim_error err;

static plim_status bed_try(bed *b, const plim_region_opts *wish)
{
    plim_budget_opts budget = plim_budget_opts_default();
    plim_arena_opts arena = plim_arena_opts_default();
    plim_region_opts o = *wish;
    memset(b, 0, sizeof(*b));
    no_memory_init(&b->memory);
    budget.cap_bytes = 256 * MIB;
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = o.size_bytes ? o.size_bytes : 16 * MIB;
    assert_ok(plim_budget_open(plim_provider_mmap(), &budget, &b->budget, &err));
    assert_ok(plim_arena_open(b->budget, &b->memory.base, &arena, &b->arena, &err));
    return plim_region_create(b->arena, PLIM_REGION_DYNAMIC, &o, &b->region, &err);
}

static void bed_open(bed *b, const plim_region_opts *wish)
{
    assert_ok(bed_try(b, wish));
}

static void bed_close(bed *b)
{
    assert_ok(plim_arena_check(b->arena, &err));
    plim_arena_close(b->arena);
    plim_budget_close(b->budget);
}

static uint64_t take(bed *b, uint64_t bytes, uint64_t align)
{
    void *block = NULL;
    assert_ok(plim_region_alloc(b->region, bytes, align, &block, &err));
    return (uint64_t)((char *)block - (char *)plim_region_base(b->region));
}

static void give(bed *b, uint64_t offset)
{
    assert_ok(plim_region_free(b->region, (char *)plim_region_base(b->region) + offset, &err));
}

static plim_region_stats stats_of(const bed *b)
{
    plim_region_stats s;
    plim_region_read(b->region, &s);
    return s;
}

static void blocks_begin_and_end_at_units(void **state)
{
    (void)state;
    bed b;
    plim_region_opts o = plim_region_opts_default();
    o.unit_bytes = 4 * KIB;
    bed_open(&b, &o);

    assert_int_equal(take(&b, 1, 0), 0);
    assert_int_equal(take(&b, 4 * KIB + 1, 0), 4 * KIB);
    assert_int_equal(take(&b, 1, 0), 12 * KIB);

    assert_int_equal(stats_of(&b).used_bytes, 16 * KIB);
    bed_close(&b);
}

static void unit_is_a_power_of_two_from_64_to_the_alignment_of_the_region(void **state)
{
    (void)state;
    static const uint64_t bad[] = {1, 32, 96, 4 * MIB, (uint64_t)1 << 63, UINT64_MAX};
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        bed b;
        plim_region_opts o = plim_region_opts_default();
        o.unit_bytes = bad[i];

        assert_int_equal(bed_try(&b, &o), PLIM_E_ARG);

        assert_null(b.region);
        bed_close(&b);
    }
}

/* A hole of 64 KiB that begins at 4 KiB: one aligned block of 32 KiB fits, but no padded one. */
static uint64_t make_hole_that_fits_by_chance(bed *b)
{
    (void)take(b, 4 * KIB, 0);
    uint64_t hole = take(b, 64 * KIB, 0);
    (void)take(b, 16 * MIB - 68 * KIB, 0);
    give(b, hole);
    return hole;
}

static void alignment_that_fits_by_chance_is_found_and_looked_for_once(void **state)
{
    (void)state;
    bed b;
    plim_region_opts o = plim_region_opts_default();
    o.large_bytes = UINT64_MAX;
    bed_open(&b, &o);
    (void)make_hole_that_fits_by_chance(&b);

    assert_int_equal(take(&b, 32 * KIB, 32 * KIB), 32 * KIB);

    assert_int_equal(stats_of(&b).scan_count, 0); /* the best fit is always tried */
    void *block = NULL;
    assert_int_equal(plim_region_alloc(b.region, 8 * KIB, 32 * KIB, &block, &err), PLIM_E_FRAG);
    assert_int_equal(stats_of(&b).scan_count, 1);
    bed_close(&b);
}

static void alignment_up_to_the_unit_never_scans(void **state)
{
    (void)state;
    bed b;
    void *block = NULL;
    plim_region_opts o = plim_region_opts_default();
    o.unit_bytes = 32 * KIB;
    bed_open(&b, &o);
    (void)take(&b, 16 * MIB - 32 * KIB, 32 * KIB);

    assert_int_equal(take(&b, 1, 32 * KIB), 16 * MIB - 32 * KIB);
    assert_int_equal(plim_region_alloc(b.region, 1, 32 * KIB, &block, &err), PLIM_E_RANGE);

    assert_int_equal(stats_of(&b).scan_count, 0);
    bed_close(&b);
}

/* Nine holes of rising size that fit the size and not the alignment; the tenth does. */
static void range_past_those_that_are_tried_is_found_by_the_scan(void **state)
{
    (void)state;
    bed b;
    uint64_t holes[10];
    plim_region_opts o = plim_region_opts_default();
    o.size_bytes = MIB;
    o.large_bytes = UINT64_MAX;
    bed_open(&b, &o);
    (void)take(&b, 64, 0);
    for (uint64_t i = 0; i < 10; i++) {
        uint64_t want = 4 * KIB + 64 * i;
        if (i == 9) { /* up to where this one begins at a multiple */
            uint64_t end = holes[8] + 4 * KIB + 64 * 8 + 64;
            (void)take(&b, 4 * KIB - end % (4 * KIB), 0);
        }
        holes[i] = take(&b, want, 0);
        (void)take(&b, 64, 0);
        assert_int_equal(holes[i] % (4 * KIB) == 0, i == 9);
    }
    (void)take(&b, stats_of(&b).largest_free_bytes, 0);
    for (size_t i = 0; i < 10; i++) {
        give(&b, holes[i]);
    }

    assert_int_equal(take(&b, 4 * KIB, 4 * KIB), holes[9]);

    assert_int_equal(stats_of(&b).scan_count, 1);
    bed_close(&b);
}

static void large_blocks_of_a_committed_region_come_from_its_end(void **state)
{
    (void)state;
    bed b;
    plim_region_opts o = plim_region_opts_default();
    o.commit_now = true;
    bed_open(&b, &o);

    assert_int_equal(take(&b, 16 * KIB, 0), 16 * MIB - 16 * KIB);
    assert_int_equal(take(&b, 16 * KIB - 64, 0), 0);

    bed_close(&b);
}

static void one_end_is_had_by_asking_for_it(void **state)
{
    (void)state;
    bed b;
    plim_region_opts o = plim_region_opts_default();
    o.commit_now = true;
    o.large_bytes = UINT64_MAX;
    bed_open(&b, &o);

    assert_int_equal(take(&b, MIB, 0), 0);

    bed_close(&b);
}

static void hardened_blocks_of_large_units_have_their_guards(void **state)
{
    (void)state;
    bed b;
    plim_region_opts o = plim_region_opts_default();
    o.unit_bytes = 4 * KIB;
    o.is_hardened = true;
    bed_open(&b, &o);

    assert_int_equal(take(&b, 4 * KIB - 64, 4 * KIB), 4 * KIB); /* behind the first unit */
    assert_int_equal(take(&b, 4 * KIB - 63, 0), 8 * KIB);
    assert_int_equal(take(&b, 1, 0), 16 * KIB);

    assert_int_equal(stats_of(&b).used_bytes, 16 * KIB);
    bed_close(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(blocks_begin_and_end_at_units),
        cmocka_unit_test(unit_is_a_power_of_two_from_64_to_the_alignment_of_the_region),
        cmocka_unit_test(alignment_that_fits_by_chance_is_found_and_looked_for_once),
        cmocka_unit_test(alignment_up_to_the_unit_never_scans),
        cmocka_unit_test(range_past_those_that_are_tried_is_found_by_the_scan),
        cmocka_unit_test(large_blocks_of_a_committed_region_come_from_its_end),
        cmocka_unit_test(one_end_is_had_by_asking_for_it),
        cmocka_unit_test(hardened_blocks_of_large_units_have_their_guards),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
