/* SPDX-License-Identifier: Apache-2.0 */
/* test_offsets.c - the free-range bookkeeping against an oracle that looks at every unit. */
#include "test/support/cm.h"

#include <stdbool.h>

#include "arena/offsets.h"

#define UNIT OFFSETS_UNIT

static plim_offsets *make(uint64_t size, uint32_t live)
{
    uint64_t bytes = 0;
    assert_true(plim_offsets_footprint(size, live, UNIT, &bytes));
    void *memory = malloc(bytes);
    assert_non_null(memory);
    memset(memory, 0xa5, bytes); /* init must not count on zeroed memory */
    plim_offsets *o = plim_offsets_init(memory, size, live, UNIT);
    assert_non_null(o);
    assert_null(plim_offsets_check(o));
    return o;
}

/* As a region does it: a refusal of an alignment above a unit is proved by the scan. */
static bool take(plim_offsets *o, uint64_t size, uint64_t align, uint64_t *out)
{
    return plim_offsets_alloc(o, size, align, UINT64_MAX, out) ||
           (align > UNIT && plim_offsets_alloc_scan(o, size, align, UINT64_MAX, out));
}

static void whole_range_is_granted_whatever_its_size(void **state)
{
    (void)state;
    for (uint64_t units = 1; units < 3000; units += 7) {
        plim_offsets *o = make(units * UNIT, 4);
        uint64_t at = 1;

        assert_true(take(o, units * UNIT, 1, &at));

        assert_int_equal(at, 0);
        assert_int_equal(plim_offsets_block_bytes(o, 0), units * UNIT);
        assert_int_equal(plim_offsets_largest_free_bytes(o), 0);
        assert_false(take(o, 1, 1, &at));
        assert_true(plim_offsets_free(o, 0));
        assert_int_equal(plim_offsets_largest_free_bytes(o), units * UNIT);
        free(o);
    }
}

static void known_sequence_gives_the_exact_largest_free_range(void **state)
{
    (void)state;
    plim_offsets *o = make(1000 * UNIT, 16);
    uint64_t at[10];
    for (size_t i = 0; i < 10; i++) {
        assert_true(take(o, 100 * UNIT, 1, &at[i]));
        assert_int_equal(at[i], i * 100 * UNIT);
    }

    assert_true(plim_offsets_free(o, at[1]));
    assert_true(plim_offsets_free(o, at[3]));
    assert_true(plim_offsets_free(o, at[4]));
    assert_true(plim_offsets_free(o, at[8]));

    uint64_t got = 0;
    assert_int_equal(plim_offsets_used_bytes(o), 600 * UNIT);
    assert_int_equal(plim_offsets_largest_free_bytes(o), 200 * UNIT);
    assert_int_equal(plim_offsets_end_of_use(o), 1000 * UNIT);
    assert_false(take(o, 200 * UNIT + 1, 1, &got)); /* 400 units are free, not side by side */
    assert_true(take(o, 200 * UNIT, 1, &got));
    assert_int_equal(got, at[3]);
    assert_null(plim_offsets_check(o));
    free(o);
}

static void free_refuses_what_is_not_the_start_of_a_live_block(void **state)
{
    (void)state;
    plim_offsets *o = make(100 * UNIT, 8);
    uint64_t at = 0;
    assert_true(take(o, 10 * UNIT, 1, &at));

    assert_false(plim_offsets_free(o, at + UNIT));
    assert_false(plim_offsets_free(o, at + 1));
    assert_false(plim_offsets_free(o, 100 * UNIT));
    assert_false(plim_offsets_free(o, UINT64_MAX));
    assert_false(plim_offsets_free(o, 10 * UNIT)); /* the free range after it */
    assert_true(plim_offsets_free(o, at));
    assert_false(plim_offsets_free(o, at)); /* twice */
    assert_null(plim_offsets_check(o));
    free(o);
}

static void live_limit_holds_and_tables_never_run_out_before_it(void **state)
{
    (void)state;
    plim_offsets *o = make(4096 * UNIT, 64);
    uint64_t at[64], more = 0;
    for (size_t i = 0; i < 64; i++) { /* each alignment leaves a gap: the most nodes there can be */
        assert_true(take(o, UNIT, 16 * UNIT, &at[i]));
    }

    assert_false(take(o, UNIT, 1, &more));
    assert_int_equal(plim_offsets_live_count(o), 64);
    assert_null(plim_offsets_check(o));
    assert_true(plim_offsets_free(o, at[63]));
    assert_true(take(o, UNIT, 1, &more));
    free(o);
}

static void footprint_refuses_what_cannot_be_counted(void **state)
{
    (void)state;
    uint64_t bytes = 0;

    assert_false(plim_offsets_footprint(0, 1, UNIT, &bytes));
    assert_false(plim_offsets_footprint(1, 0, UNIT, &bytes));
    assert_false(plim_offsets_footprint(OFFSETS_SIZE_MAX + 1, 1, UNIT, &bytes));
    assert_false(plim_offsets_footprint(UINT64_MAX, 1, UNIT, &bytes));
    assert_false(plim_offsets_footprint(UINT64_C(1) << 36, OFFSETS_BLOCK_MAX + 1, UNIT, &bytes));
    assert_true(plim_offsets_footprint(OFFSETS_SIZE_MAX, 4096, UNIT, &bytes));
    assert_int_equal(bytes, sizeof(uint32_t) * (13 + 28 + 28 * 32 + 7) + 8194 * 32 + 8192 * 4);
}

static void largest_range_there_is_can_be_split_at_its_end(void **state)
{
    (void)state;
    plim_offsets *o = make(OFFSETS_SIZE_MAX, 8);
    uint64_t a = 0, b = 0, c = 0;

    assert_true(take(o, OFFSETS_SIZE_MAX - 3 * UNIT, 1, &a));
    assert_true(take(o, UNIT, UINT64_C(1) << 37, &b) == false); /* only offset 0 would do */
    assert_true(take(o, 2 * UNIT, 1, &b));
    assert_true(take(o, 1, 1, &c));

    assert_int_equal(c, OFFSETS_SIZE_MAX - UNIT);
    assert_false(take(o, OFFSETS_SIZE_MAX, 1, &a));
    assert_false(take(o, UINT64_MAX, 1, &a));
    assert_null(plim_offsets_check(o));
    free(o);
}

static void the_smallest_range_that_fits_is_taken(void **state)
{
    (void)state;
    static const uint64_t sizes[] = {64, 1000, 1001, 1030, 66, 1002, 1031, 5000};
    plim_offsets *o = make(20000 * UNIT, 64);
    uint64_t at[8], wall = 0, got = 0;
    for (size_t i = 0; i < 8; i++) {
        assert_true(take(o, sizes[i] * UNIT, 1, &at[i]));
        assert_true(take(o, UNIT, 1, &wall));
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(plim_offsets_free(o, at[i]), sizes[i] * UNIT);
    }

    static const struct {
        uint64_t units;
        size_t hole;
    } wanted[] = {{65, 4}, {1001, 2}, {1001, 5}, {1003, 3}, {1003, 6}, {1000, 1}, {1000, 7}};
    for (size_t i = 0; i < sizeof(wanted) / sizeof(wanted[0]); i++) {
        assert_true(take(o, wanted[i].units * UNIT, 1, &got));
        assert_int_equal(got, at[wanted[i].hole]);
        assert_null(plim_offsets_check(o));
    }
    free(o);
}

static void room_behind_the_last_block_is_taken_last(void **state)
{
    (void)state;
    plim_offsets *o = make(1000 * UNIT, 16);
    uint64_t hole = 0, wall = 0, at = 0;
    assert_true(take(o, 900 * UNIT, 1, &hole));
    assert_true(take(o, UNIT, 1, &wall));
    assert_int_equal(plim_offsets_free(o, hole), 900 * UNIT);

    assert_true(
        plim_offsets_alloc(o, 10 * UNIT, 1, UINT64_MAX, &at)); /* 99 at the end fit better */

    assert_int_equal(at, 0);
    free(o);
}

static void search_stays_below_its_limit(void **state)
{
    (void)state;
    plim_offsets *o = make(1000 * UNIT, 16);
    uint64_t a = 0, b = 0, at = 0;
    assert_true(take(o, 33 * UNIT, 1, &a));
    assert_true(take(o, UNIT, 1, &b));
    assert_int_equal(plim_offsets_free(o, a), 33 * UNIT); /* a hole, and 966 units at the end */

    assert_false(plim_offsets_alloc(o, 34 * UNIT, 1, 67 * UNIT, &at));
    assert_true(plim_offsets_alloc(o, 34 * UNIT, 1, 68 * UNIT, &at));

    assert_int_equal(at, 34 * UNIT);
    free(o);
}

static void alignment_loses_nothing_in_front(void **state)
{
    (void)state;
    plim_offsets *o = make(4096 * UNIT, 16);
    uint64_t small = 0, aligned = 0, at = 0;
    assert_true(take(o, UNIT, 1, &small));

    assert_true(take(o, 1024 * UNIT, 1024 * UNIT, &aligned));

    assert_int_equal(aligned, 1024 * UNIT);
    assert_int_equal(plim_offsets_used_bytes(o), 1025 * UNIT);
    assert_true(take(o, 1023 * UNIT, 1, &at)); /* the head room is a range like any other */
    assert_int_equal(at, UNIT);
    free(o);
}

/* The deepest trie there can be: sizes of one class that agree in ever more of their bits. */
static void ranges_of_almost_equal_size_are_told_apart(void **state)
{
    (void)state;
    enum { COUNT = 20 };
    const uint64_t base = UINT64_C(1) << 24;
    plim_offsets *o = make(UINT64_C(0x7fffffff) * UNIT, 64);
    uint64_t at[COUNT], wall = 0, got = 0;
    for (size_t i = 0; i < COUNT; i++) {
        uint64_t units = base + (i ? UINT64_C(1) << (i - 1) : 0);
        assert_true(take(o, units * UNIT, 1, &at[i]));
        assert_true(take(o, UNIT, 1, &wall));
    }
    for (size_t i = COUNT; i > 0; i--) {
        assert_true(plim_offsets_free(o, at[i - 1]) != 0);
    }
    assert_null(plim_offsets_check(o));

    for (size_t i = COUNT; i > 0; i--) {
        uint64_t units = base + (i > 1 ? UINT64_C(1) << (i - 2) : 0);
        assert_true(take(o, units * UNIT, 1, &got));
        assert_int_equal(got, at[i - 1]);
        assert_null(plim_offsets_check(o));
    }
    free(o);
}

static void large_blocks_come_from_the_other_end(void **state)
{
    (void)state;
    plim_offsets *o = make(1000 * UNIT, 16);
    uint64_t small = 0, large = 0, second = 0, at = 0;
    plim_offsets_use_two_ends(o, 100 * UNIT);

    assert_true(take(o, 99 * UNIT, 1, &small));
    assert_true(take(o, 100 * UNIT, 1, &large));
    assert_true(take(o, 200 * UNIT, 128 * UNIT, &second));

    assert_int_equal(small, 0);
    assert_int_equal(large, 900 * UNIT);
    assert_int_equal(second, 640 * UNIT); /* the highest multiple of 128 that leaves 200 */
    assert_int_equal(plim_offsets_largest_free_bytes(o), 541 * UNIT);
    assert_true(take(o, 541 * UNIT, 1, &at)); /* and yet what fits is given */
    assert_int_equal(at, 99 * UNIT);
    assert_true(take(o, 60 * UNIT, 1, &at));
    assert_int_equal(at, 840 * UNIT);
    assert_null(plim_offsets_check(o));
    free(o);
}

static void small_block_goes_to_the_lowest_of_the_next_sizes(void **state)
{
    (void)state;
    plim_offsets *o = make(2000 * UNIT, 16);
    uint64_t low = 0, best = 0, wall = 0, at = 0;
    plim_offsets_use_two_ends(o, 1000 * UNIT);
    assert_true(take(o, 80 * UNIT, 1, &low));
    assert_true(take(o, UNIT, 1, &wall));
    assert_true(take(o, 50 * UNIT, 1, &best));
    assert_true(take(o, UNIT, 1, &wall));
    assert_true(plim_offsets_free(o, low) && plim_offsets_free(o, best));

    assert_true(take(o, 50 * UNIT, 1, &at));

    assert_int_equal(at, low);
    free(o);
}

/* ---- against the oracle ---- */

#define UNITS 2048
#define LIVE  256
#define STEPS CM_ROUNDS(300000)

typedef struct oracle {
    unsigned char used[UNITS];
    struct {
        uint64_t offset, size;
    } blocks[LIVE];
    size_t count;
} oracle;

static bool oracle_has_room(const oracle *m, uint64_t units, uint64_t align)
{
    for (uint64_t at = 0; at + units <= UNITS; at += align) {
        uint64_t n = 0;
        while (n < units && !m->used[at + n]) {
            n++;
        }
        if (n == units) {
            return true;
        }
    }
    return false;
}

static uint64_t oracle_largest(const oracle *m)
{
    uint64_t run = 0, largest = 0;
    for (size_t i = 0; i < UNITS; i++) {
        run = m->used[i] ? 0 : run + 1;
        largest = run > largest ? run : largest;
    }
    return largest;
}

static void oracle_set(oracle *m, uint64_t offset, uint64_t size, unsigned char value)
{
    for (uint64_t u = offset / UNIT; u < (offset + size) / UNIT; u++) {
        assert_int_equal(m->used[u], !value);
        m->used[u] = value;
    }
}

static void try_alloc(plim_offsets *o, oracle *m, uint64_t *seed)
{
    static const uint64_t spans[] = {4, 40, 400, 1500};
    uint64_t span = spans[cm_next(seed) % 4];
    uint64_t size = (cm_next(seed) % span + 1) * UNIT;
    size -= cm_next(seed) % UNIT;
    uint64_t shift = cm_next(seed) % 8 ? 0 : cm_next(seed) % 7;
    uint64_t align = (uint64_t)UNIT << shift;
    uint64_t units = (size + UNIT - 1) / UNIT, at = 0;
    bool expected = m->count < LIVE && oracle_has_room(m, units, align / UNIT);

    assert_int_equal(take(o, size, align, &at), expected);

    if (expected) {
        assert_int_equal(at % align, 0);
        assert_int_equal(plim_offsets_block_bytes(o, at), units * UNIT);
        oracle_set(m, at, units * UNIT, 1);
        m->blocks[m->count].offset = at;
        m->blocks[m->count++].size = units * UNIT;
    }
}

static void try_free(plim_offsets *o, oracle *m, uint64_t *seed)
{
    if (m->count == 0) {
        return;
    }
    size_t i = cm_next(seed) % m->count;
    assert_true(plim_offsets_free(o, m->blocks[i].offset));
    oracle_set(m, m->blocks[i].offset, m->blocks[i].size, 0);
    m->blocks[i] = m->blocks[--m->count];
}

static void agree(plim_offsets *o)
{
    static oracle m;
    uint64_t seed = cm_seed(), refused = 0;
    memset(&m, 0, sizeof(m));
    for (int step = 0; step < STEPS; step++) {
        /* Long waves of filling and emptying, so that both ends are met. */
        bool fills = (step / 700) % 2 ? cm_next(&seed) % 3 != 0 : cm_next(&seed) % 3 == 0;
        size_t before = m.count;
        if (fills) {
            try_alloc(o, &m, &seed);
            refused += m.count == before;
        } else {
            try_free(o, &m, &seed);
        }
        if (step % 64 == 0) {
            const char *broken = plim_offsets_check(o);
            assert_string_equal(broken ? broken : "", "");
            assert_int_equal(plim_offsets_largest_free_bytes(o), oracle_largest(&m) * UNIT);
        }
        assert_int_equal(plim_offsets_live_count(o), m.count);
    }
    while (m.count) {
        try_free(o, &m, &seed);
    }
    assert_int_equal(plim_offsets_largest_free_bytes(o), UNITS * UNIT);
    assert_int_equal(plim_offsets_end_of_use(o), 0);
    assert_true(refused > 1000);
    printf("# %d operations, %llu refusals proved\n", STEPS, (unsigned long long)refused);
    free(o);
}

static void any_sequence_agrees_with_a_naive_oracle(void **state)
{
    (void)state;
    agree(make(UNITS * UNIT, LIVE));
}

static void any_sequence_agrees_with_two_ends(void **state)
{
    (void)state;
    plim_offsets *o = make(UNITS * UNIT, LIVE);
    plim_offsets_use_two_ends(o, 60 * UNIT);
    agree(o);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_range_is_granted_whatever_its_size),
        cmocka_unit_test(known_sequence_gives_the_exact_largest_free_range),
        cmocka_unit_test(free_refuses_what_is_not_the_start_of_a_live_block),
        cmocka_unit_test(live_limit_holds_and_tables_never_run_out_before_it),
        cmocka_unit_test(footprint_refuses_what_cannot_be_counted),
        cmocka_unit_test(largest_range_there_is_can_be_split_at_its_end),
        cmocka_unit_test(the_smallest_range_that_fits_is_taken),
        cmocka_unit_test(room_behind_the_last_block_is_taken_last),
        cmocka_unit_test(search_stays_below_its_limit),
        cmocka_unit_test(alignment_loses_nothing_in_front),
        cmocka_unit_test(ranges_of_almost_equal_size_are_told_apart),
        cmocka_unit_test(large_blocks_come_from_the_other_end),
        cmocka_unit_test(small_block_goes_to_the_lowest_of_the_next_sizes),
        cmocka_unit_test(any_sequence_agrees_with_a_naive_oracle),
        cmocka_unit_test(any_sequence_agrees_with_two_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
