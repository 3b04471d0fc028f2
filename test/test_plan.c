/* SPDX-License-Identifier: Apache-2.0 */
/* test_plan.c - the planner's contract, the greedy strategy, the verifier and the bound. */
#include <inttypes.h>

#include "plimsoll/plan.h"
#include "test/support/cm.h"

#define BUFFERS_MAX 512

static _Alignas(16) uint64_t scratch[BUFFERS_MAX * 64 + 512];

static plim_plan_buffer buffer(uint64_t id, uint32_t lower, uint32_t upper, uint64_t size_bytes)
{
    return (plim_plan_buffer){.id = id, .lower = lower, .upper = upper, .size_bytes = size_bytes};
}

static plim_plan_buffer lying(plim_plan_buffer b, uint64_t offset_bytes)
{
    b.offset_bytes = offset_bytes;
    return b;
}

static plim_plan_buffer fixed(plim_plan_buffer b, uint64_t offset_bytes)
{
    b.is_fixed = true;
    return lying(b, offset_bytes);
}

static plim_status solve(plim_plan_buffer *buffers, size_t count, uint64_t capacity_bytes,
                         plim_plan_result *result, plim_error *err)
{
    plim_plan_opts opts = plim_plan_opts_default();
    opts.capacity_bytes = capacity_bytes;
    return plim_plan_solve(buffers, count, &opts, scratch, sizeof(scratch), result, err);
}

static plim_status verify(const plim_plan_buffer *buffers, size_t count, uint64_t height,
                          plim_error *err)
{
    return plim_plan_verify(buffers, count, height, scratch, sizeof(scratch), err);
}

/* The same question as the verifier's, pair by pair. */
static bool is_sound(const plim_plan_buffer *b, size_t count, uint64_t height)
{
    for (size_t i = 0; i < count; i++) {
        if (b[i].offset_bytes + b[i].size_bytes > height ||
            (b[i].align_bytes && b[i].offset_bytes % b[i].align_bytes)) {
            return false;
        }
        for (size_t j = 0; j < i; j++) {
            bool in_time = b[i].lower < b[j].upper && b[j].lower < b[i].upper;
            bool in_space = b[i].offset_bytes < b[j].offset_bytes + b[j].size_bytes &&
                            b[j].offset_bytes < b[i].offset_bytes + b[i].size_bytes;
            if (in_time && in_space) {
                return false;
            }
        }
    }
    return true;
}

static uint64_t most_live(const plim_plan_buffer *b, size_t count)
{
    uint64_t most = 0;
    for (size_t i = 0; i < count; i++) {
        uint64_t live = 0;
        for (size_t j = 0; j < count; j++) {
            live += b[j].lower <= b[i].lower && b[i].lower < b[j].upper ? b[j].size_bytes : 0;
        }
        most = live > most ? live : most;
    }
    return most;
}

/* The lowest pile there is: some order of dropping each buffer into its lowest gap makes it. */
static uint64_t optimum(plim_plan_buffer *b, size_t count, unsigned placed, uint64_t height)
{
    if (placed == (1u << count) - 1) {
        return height;
    }
    uint64_t best = UINT64_MAX;
    for (size_t i = 0; i < count; i++) {
        if (placed & (1u << i)) {
            continue;
        }
        b[i].offset_bytes = 0;
        for (size_t j = 0; j < count; j++) {
            bool meets = (placed & (1u << j)) && b[i].lower < b[j].upper &&
                         b[j].lower < b[i].upper &&
                         b[i].offset_bytes < b[j].offset_bytes + b[j].size_bytes &&
                         b[j].offset_bytes < b[i].offset_bytes + b[i].size_bytes;
            if (meets) {
                b[i].offset_bytes = b[j].offset_bytes + b[j].size_bytes;
                j = (size_t)-1; /* look again from the first */
            }
        }
        uint64_t end = b[i].offset_bytes + b[i].size_bytes;
        uint64_t got = optimum(b, count, placed | (1u << i), end > height ? end : height);
        best = got < best ? got : best;
    }
    return best;
}

static size_t random_buffers(uint64_t *seed, plim_plan_buffer *b, size_t least, size_t most)
{
    size_t count = least + cm_next(seed) % (most - least + 1);
    uint32_t steps = 2 + (uint32_t)(cm_next(seed) % 12);
    for (size_t i = 0; i < count; i++) {
        uint32_t lower = (uint32_t)(cm_next(seed) % steps);
        b[i] = buffer(i, lower, lower + 1 + (uint32_t)(cm_next(seed) % (steps - lower)),
                      1 + cm_next(seed) % 9);
    }
    return count;
}

static void plans_of_small_instances_are_sound_and_not_below_the_optimum(void **state)
{
    uint64_t seed = cm_seed();
    plim_error err;
    size_t optimal = 0;
    (void)state;

    for (int k = 0; k < 3000; k++) {
        plim_plan_buffer b[6], copy[6];
        plim_plan_result result;
        size_t count = random_buffers(&seed, b, 1, 6);
        assert_ok(solve(b, count, 0, &result, &err));
        assert_true(is_sound(b, count, result.height_bytes));
        assert_ok(verify(b, count, result.height_bytes, &err));
        assert_int_equal(result.lower_bound_bytes, most_live(b, count));
        memcpy(copy, b, sizeof(b));
        uint64_t best = optimum(copy, count, 0, 0);
        assert_true(result.lower_bound_bytes <= best && best <= result.height_bytes);
        assert_int_equal(result.is_optimal, result.height_bytes == result.lower_bound_bytes);
        optimal += result.height_bytes == best;
    }
    assert_true(optimal > 2800); /* greedy is nearly always right when there is so little to do */
}

static void verifier_agrees_with_all_pairs_on_random_plans(void **state)
{
    uint64_t seed = cm_seed() + 1;
    plim_error err;
    size_t sound = 0, broken = 0;
    (void)state;

    for (int k = 0; k < 20000; k++) {
        plim_plan_buffer b[90];
        plim_plan_result result;
        size_t count = random_buffers(&seed, b, 1, k % 20 ? 12 : 90);
        assert_ok(solve(b, count, 0, &result, &err));
        for (uint64_t moves = cm_next(&seed) % 3; moves; moves--) {
            plim_plan_buffer *moved = &b[cm_next(&seed) % count];
            moved->offset_bytes = cm_next(&seed) % (result.height_bytes + 2);
            moved->align_bytes = cm_next(&seed) % 4 ? 0 : 2;
        }
        bool expected = is_sound(b, count, result.height_bytes);
        plim_status got = verify(b, count, result.height_bytes, &err);
        assert_int_equal(got, expected ? PLIM_OK : PLIM_E_FORMAT);
        sound += expected;
        broken += !expected;
    }
    assert_true(sound > 1000 && broken > 1000);
}

static void plans_with_alignment_and_fixed_buffers_are_sound(void **state)
{
    uint64_t seed = cm_seed() + 2;
    plim_error err;
    size_t solved = 0;
    (void)state;

    for (int k = 0; k < 3000; k++) {
        plim_plan_buffer b[40];
        plim_plan_result result;
        size_t count = random_buffers(&seed, b, 1, 40);
        for (size_t i = 0; i < count; i++) {
            b[i].align_bytes = cm_next(&seed) % 3 ? 0 : UINT64_C(1) << cm_next(&seed) % 6;
            if (cm_next(&seed) % 10 == 0) {
                b[i].align_bytes = 0;
                b[i] = fixed(b[i], cm_next(&seed) % 100);
            }
        }
        plim_plan_buffer before[40];
        memcpy(before, b, sizeof(b));
        plim_status got = solve(b, count, 0, &result, &err);
        if (got != PLIM_OK) {
            assert_int_equal(got, PLIM_E_FORMAT); /* two fixed ones collide */
            assert_memory_equal(before, b, count * sizeof(b[0]));
            continue;
        }
        solved++;
        assert_true(is_sound(b, count, result.height_bytes));
        assert_ok(verify(b, count, result.height_bytes, &err));
        assert_true(result.lower_bound_bytes <= result.height_bytes);
        for (size_t i = 0; i < count; i++) {
            assert_true(!b[i].is_fixed || b[i].offset_bytes == before[i].offset_bytes);
        }
    }
    assert_true(solved > 1000);
}

static void solving_twice_gives_the_same_bytes(void **state)
{
    uint64_t seed = cm_seed() + 3;
    plim_error err;
    plim_plan_buffer a[200], b[200];
    plim_plan_result first, second;
    (void)state;

    size_t count = random_buffers(&seed, a, 200, 200);
    memcpy(b, a, sizeof(a));
    memset(scratch, 0x11, sizeof(scratch));
    assert_ok(solve(a, count, 0, &first, &err));
    memset(scratch, 0xee, sizeof(scratch));
    assert_ok(solve(b, count, 0, &second, &err));

    assert_memory_equal(a, b, sizeof(a));
    assert_int_equal(first.height_bytes, second.height_bytes);
}

static void capacity_is_held_to_the_byte_and_offsets_stay(void **state)
{
    plim_plan_buffer b[] = {lying(buffer(1, 0, 2, 100), 7), lying(buffer(2, 1, 3, 50), 7)};
    plim_plan_result result;
    plim_error err;
    (void)state;

    assert_status(solve(b, 2, 149, &result, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, 150);
    assert_int_equal(err.limit, 149);
    assert_int_equal(b[0].offset_bytes, 7);
    assert_int_equal(b[1].offset_bytes, 7);
    assert_int_equal(result.height_bytes, 0);

    assert_ok(solve(b, 2, 150, &result, &err));
    assert_int_equal(result.height_bytes, 150);
    assert_true(result.is_optimal);
}

static void lifetimes_are_half_open(void **state)
{
    plim_plan_buffer b[] = {buffer(1, 0, 5, 64), buffer(2, 5, 9, 64)};
    plim_plan_result result;
    plim_error err;
    (void)state;

    assert_ok(solve(b, 2, 0, &result, &err));

    assert_int_equal(result.height_bytes, 64);
    assert_ok(verify(b, 2, 64, &err));
}

static void verifier_names_the_two_that_collide(void **state)
{
    plim_plan_buffer b[] = {lying(buffer(11, 0, 4, 64), 0), lying(buffer(12, 0, 9, 64), 64),
                            lying(buffer(13, 4, 9, 64), 1)};
    plim_error err;
    (void)state;

    assert_status(verify(b, 3, 128, &err), PLIM_E_FORMAT);
    assert_string_equal(err.detail, "buffers 13 and 12 share byte 64 at step 4");
    b[2].offset_bytes = 0;
    assert_ok(verify(b, 3, 128, &err));
}

static void verifier_refuses_misaligned_high_and_malformed_buffers(void **state)
{
    plim_plan_buffer good = lying(buffer(1, 0, 4, 64), 64), b;
    plim_error err;
    (void)state;
    assert_ok(verify(&good, 1, 128, &err));

    assert_status(verify(&good, 1, 127, &err), PLIM_E_FORMAT);
    assert_string_equal(err.wanted, "an end under the height");
    b = good, b.align_bytes = 128;
    assert_status(verify(&b, 1, 128, &err), PLIM_E_FORMAT);
    assert_string_equal(err.wanted, "a multiple of align_bytes");
    b = good, b.align_bytes = 48;
    assert_status(verify(&b, 1, 128, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "align_bytes");
    b = good, b.offset_bytes = UINT64_MAX;
    assert_status(verify(&b, 1, UINT64_MAX, &err), PLIM_E_FORMAT);
    b = good, b.upper = 0;
    assert_status(verify(&b, 1, 128, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "upper");
    b = good, b.size_bytes = 0;
    assert_status(verify(&b, 1, 128, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "size_bytes");
}

static void solver_refuses_bad_buffers_by_name(void **state)
{
    plim_plan_result result;
    plim_error err;
    plim_plan_buffer b = buffer(9, 3, 3, 1);
    (void)state;

    assert_status(solve(&b, 1, 0, &result, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "upper");
    assert_non_null(strstr(err.detail, "buffer 9:"));
    b = buffer(9, 0, 1, 0);
    assert_status(solve(&b, 1, 0, &result, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "size_bytes");
    b = buffer(9, 0, 1, 1), b.align_bytes = 3;
    assert_status(solve(&b, 1, 0, &result, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "align_bytes");
    b = fixed(buffer(9, 0, 1, 1), 4), b.align_bytes = 8;
    assert_status(solve(&b, 1, 0, &result, &err), PLIM_E_FORMAT);
    assert_status(solve(NULL, 1, 0, &result, &err), PLIM_E_ARG);
}

static void fixed_buffers_that_collide_are_refused(void **state)
{
    plim_plan_buffer b[] = {fixed(buffer(4, 0, 2, 10), 0), buffer(5, 0, 2, 10),
                            fixed(buffer(6, 1, 3, 10), 9)};
    plim_plan_result result;
    plim_error err;
    (void)state;

    assert_status(solve(b, 3, 0, &result, &err), PLIM_E_FORMAT);
    assert_string_equal(err.detail, "buffers 4 and 6");
    b[2].offset_bytes = 10;
    assert_ok(solve(b, 3, 0, &result, &err));
    assert_int_equal(b[1].offset_bytes, 20);
    b[2].offset_bytes = 100; /* nobody may lie lower than a fixed end */
    assert_ok(solve(b, 3, 0, &result, &err));
    assert_int_equal(result.lower_bound_bytes, 110);
    assert_true(result.is_optimal);
}

static void sums_over_64_bits_are_refused(void **state)
{
    plim_plan_buffer b[] = {buffer(1, 0, 1, UINT64_MAX), buffer(2, 5, 6, 1)};
    plim_plan_result result;
    plim_error err;
    (void)state;

    assert_status(solve(b, 2, 0, &result, &err), PLIM_E_RANGE);
    assert_string_equal(err.detail, "buffer 2");
    assert_ok(solve(b, 1, 0, &result, &err));
    assert_true(result.height_bytes == UINT64_MAX);
    b[0] = fixed(buffer(1, 0, 1, 2), UINT64_MAX);
    assert_status(solve(b, 1, 0, &result, &err), PLIM_E_RANGE);
}

static void scratch_that_is_small_or_askew_is_refused(void **state)
{
    plim_plan_buffer b = buffer(1, 0, 1, 1);
    plim_plan_result result;
    plim_error err;
    size_t need = plim_plan_scratch_bytes(1);
    (void)state;

    assert_status(plim_plan_solve(&b, 1, NULL, scratch, need - 1, &result, &err), PLIM_E_ARG);
    assert_int_equal(err.want, need);
    assert_status(plim_plan_solve(&b, 1, NULL, (char *)scratch + 8, need, &result, &err),
                  PLIM_E_ARG);
    assert_status(plim_plan_verify(&b, 1, 1, scratch, plim_plan_verify_bytes(1) - 1, &err),
                  PLIM_E_ARG);
    assert_true(plim_plan_lower_bound(&b, 1, scratch, need - 1) == UINT64_MAX);
    assert_ok(plim_plan_solve(&b, 1, NULL, scratch, need, &result, &err));
    assert_int_equal(plim_plan_scratch_bytes(SIZE_MAX), 0);
}

static void no_buffers_make_an_empty_plan(void **state)
{
    plim_plan_result result;
    plim_error err;
    (void)state;

    assert_ok(plim_plan_solve(NULL, 0, NULL, NULL, 0, &result, &err));
    assert_int_equal(result.height_bytes, 0);
    assert_true(result.is_optimal);
    assert_ok(plim_plan_verify(NULL, 0, 0, NULL, 0, &err));
    assert_int_equal(plim_plan_lower_bound(NULL, 0, NULL, 0), 0);
}

/* "id,lower,upper,size" with a heading; an id may carry letters. */
static size_t read_csv(const char *path, plim_plan_buffer *b)
{
    FILE *f = fopen(path, "r");
    char line[128];
    size_t count = 0;
    assert_non_null(f);
    assert_non_null(fgets(line, sizeof(line), f));
    while (count < BUFFERS_MAX && fgets(line, sizeof(line), f)) {
        uint32_t lower, upper;
        uint64_t size_bytes;
        const char *comma = strchr(line, ',');
        assert_non_null(comma);
        assert_int_equal(
            sscanf(comma, ",%" SCNu32 ",%" SCNu32 ",%" SCNu64, &lower, &upper, &size_bytes), 3);
        b[count] = buffer(count, lower, upper, size_bytes);
        count++;
    }
    fclose(f);
    return count;
}

/* What this planner reaches, so that a worse one shows. The bounds are the instances' own. */
static const struct {
    char name;
    size_t count;
    uint64_t bound, height;
} pinned[] = {
    {'A', 154, 1048576, 1176576}, {'B', 170, 1048576, 1212416}, {'C', 203, 1039360, 1311744},
    {'D', 213, 986112, 1107968},  {'E', 215, 1048576, 1282048}, {'F', 296, 1048576, 1177600},
    {'G', 308, 1048576, 1280000}, {'H', 316, 1048576, 1207296}, {'I', 374, 1048576, 1292288},
    {'J', 409, 989184, 1116160},  {'K', 454, 1048576, 1247232},
};

static void eleven_hard_instances_give_verified_plans(void **state)
{
    static plim_plan_buffer b[BUFFERS_MAX];
    plim_plan_result result;
    plim_error err;
    (void)state;

    for (size_t i = 0; i < sizeof(pinned) / sizeof(pinned[0]); i++) {
        char name[64];
        snprintf(name, sizeof(name), "plans/%c.1048576.csv", pinned[i].name);
        const char *path = cm_data(name);
        if (!path) {
            skip_because("%s is not there", name);
        }
        size_t count = read_csv(path, b);
        assert_int_equal(count, pinned[i].count);
        assert_ok(solve(b, count, 0, &result, &err));
        assert_true(is_sound(b, count, result.height_bytes));
        assert_ok(verify(b, count, result.height_bytes, &err));
        assert_int_equal(result.lower_bound_bytes, pinned[i].bound);
        assert_true(result.height_bytes >= result.lower_bound_bytes);
        assert_true(result.height_bytes <= pinned[i].height);
        b[count / 2].offset_bytes += 1; /* one byte off collides or leaves the top */
        b[count / 2].align_bytes = 1024;
        assert_status(verify(b, count, result.height_bytes, &err), PLIM_E_FORMAT);
    }
}

static void published_small_instance_is_solved_to_its_bound(void **state)
{
    plim_plan_buffer b[BUFFERS_MAX];
    plim_plan_result result;
    plim_error err;
    const char *path = cm_data("plans/input.12.csv");
    (void)state;
    if (!path) {
        skip_because("plans/input.12.csv is not there");
    }

    size_t count = read_csv(path, b);
    assert_ok(solve(b, count, 12, &result, &err));

    assert_ok(verify(b, count, 12, &err));
    assert_int_equal(result.height_bytes, 12);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(plans_of_small_instances_are_sound_and_not_below_the_optimum),
        cmocka_unit_test(verifier_agrees_with_all_pairs_on_random_plans),
        cmocka_unit_test(plans_with_alignment_and_fixed_buffers_are_sound),
        cmocka_unit_test(solving_twice_gives_the_same_bytes),
        cmocka_unit_test(capacity_is_held_to_the_byte_and_offsets_stay),
        cmocka_unit_test(lifetimes_are_half_open),
        cmocka_unit_test(verifier_names_the_two_that_collide),
        cmocka_unit_test(verifier_refuses_misaligned_high_and_malformed_buffers),
        cmocka_unit_test(solver_refuses_bad_buffers_by_name),
        cmocka_unit_test(fixed_buffers_that_collide_are_refused),
        cmocka_unit_test(sums_over_64_bits_are_refused),
        cmocka_unit_test(scratch_that_is_small_or_askew_is_refused),
        cmocka_unit_test(no_buffers_make_an_empty_plan),
        cmocka_unit_test(eleven_hard_instances_give_verified_plans),
        cmocka_unit_test(published_small_instance_is_solved_to_its_bound),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
