/* SPDX-License-Identifier: Apache-2.0 */
/* test_recording.c - a run is recorded, its loop found, planned, and served without overlap. */
#include "plimsoll/recording.h"
#include "test/support/cm.h"

static plim_error err;

/* ---- a run to work with ---- */

typedef struct made {
    plim_record_step *steps;
    uint32_t count;
    plim_plan_buffer *buffers;
    size_t buffer_count;
    uint64_t height;
    plim_replay *replay;
    void *memory[4];
} made;

static void *take(made *m, size_t bytes)
{
    for (size_t i = 0; i < 4; i++) {
        if (!m->memory[i]) {
            m->memory[i] = malloc(bytes);
            assert_non_null(m->memory[i]);
            return m->memory[i];
        }
    }
    fail();
    return NULL;
}

static void drop(made *m)
{
    for (size_t i = 0; i < 4; i++) {
        free(m->memory[i]);
    }
    memset(m, 0, sizeof(*m));
}

/* Plans and verifies @steps (which the caller keeps), ready to serve. */
static made ready(plim_record_step *steps, uint32_t count, bool is_loop)
{
    made m = {.steps = steps, .count = count};
    plim_plan_result result;
    size_t scratch_bytes = plim_plan_scratch_bytes(count), replay_bytes = plim_replay_bytes(count);
    m.buffers = take(&m, count * sizeof(*m.buffers));
    assert_ok(
        plim_record_buffers(steps, count, is_loop, m.buffers, &m.buffer_count, NULL, NULL, &err));
    void *scratch = take(&m, scratch_bytes);
    assert_ok(
        plim_plan_solve(m.buffers, m.buffer_count, NULL, scratch, scratch_bytes, &result, &err));
    assert_ok(plim_plan_verify(m.buffers, m.buffer_count, result.height_bytes, scratch,
                               scratch_bytes, &err));
    m.height = result.height_bytes;
    assert_ok(plim_replay_init(take(&m, replay_bytes), replay_bytes, steps, count, m.buffers,
                               m.buffer_count, m.height, is_loop, &m.replay, &err));
    return m;
}

static plim_record_step step_of(uint64_t size, uint32_t length)
{
    return (plim_record_step){
        .size_bytes = size, .least_bytes = size, .length = length, .run_count = 1};
}

static plim_replay_stats stats_of(const made *m)
{
    plim_replay_stats s;
    plim_replay_read(m->replay, &s);
    return s;
}

/* ---- record ---- */

static plim_recorder *recorder(uint32_t limit, void *memory, size_t room)
{
    plim_recorder *r = NULL;
    assert_true(plim_recorder_bytes(limit) <= room);
    assert_ok(plim_recorder_init(memory, room, limit, &r, &err));
    return r;
}

static void a_block_lives_until_the_first_step_after_its_free(void **state)
{
    (void)state;
    _Alignas(16) static unsigned char memory[4096];
    plim_recorder *r = recorder(8, memory, sizeof(memory));
    uint32_t count;

    assert_ok(plim_recorder_alloc(r, 100, 640, 64, &err));
    assert_ok(plim_recorder_alloc(r, 200, 1280, 0, &err));
    assert_true(plim_recorder_free(r, 100));
    assert_ok(plim_recorder_alloc(r, 100, 0, 0, &err)); /* the address came again */

    const plim_record_step *steps = plim_recorder_steps(r, &count);
    assert_int_equal(count, 3);
    assert_int_equal(steps[0].length, 2);
    assert_int_equal(steps[0].align_bytes, 64);
    assert_int_equal(steps[1].length, PLIM_STEP_NONE);
    assert_int_equal(steps[2].size_bytes, 1);
    assert_int_equal(plim_recorder_peak_bytes(r), 1920);
}

static void a_recording_refuses_what_no_run_does(void **state)
{
    (void)state;
    _Alignas(16) static unsigned char memory[4096];
    uint32_t count;
    plim_recorder *r = recorder(2, memory, sizeof(memory));

    assert_false(plim_recorder_free(r, 7));
    assert_ok(plim_recorder_alloc(r, 7, 64, 0, &err));
    assert_true(plim_recorder_free(r, 7));
    assert_false(plim_recorder_free(r, 7));
    assert_ok(plim_recorder_alloc(r, UINT64_MAX, 64, 0, &err));
    assert_non_null(plim_recorder_steps(r, &count));
    assert_status(plim_recorder_alloc(r, UINT64_MAX, 64, 0, &err), PLIM_E_STATE);
    assert_null(plim_recorder_steps(r, &count));

    r = recorder(2, memory, sizeof(memory));
    assert_status(plim_recorder_alloc(r, 1, 64, 3, &err), PLIM_E_ARG);
    r = recorder(1, memory, sizeof(memory));
    assert_ok(plim_recorder_alloc(r, 1, 64, 0, &err));
    assert_status(plim_recorder_alloc(r, 2, 64, 0, &err), PLIM_E_RANGE);
    assert_int_equal(err.limit, 1);
    assert_null(plim_recorder_steps(r, &count));
    assert_int_equal(plim_recorder_bytes(0), 0);
    assert_int_equal(plim_recorder_bytes(PLIM_STEPS_MAX + 1), 0);
    assert_status(plim_recorder_init(memory, 64, 8, &r, &err), PLIM_E_ARG);
    assert_null(r);
}

static void a_peak_that_overflows_is_the_most_there_is(void **state)
{
    (void)state;
    _Alignas(16) static unsigned char memory[4096];
    plim_recorder *r = recorder(4, memory, sizeof(memory));
    assert_ok(plim_recorder_alloc(r, 1, UINT64_MAX, 0, &err));
    assert_ok(plim_recorder_alloc(r, 2, 64, 0, &err));
    assert_true(plim_recorder_free(r, 1));
    assert_int_equal(plim_recorder_peak_bytes(r), UINT64_MAX);
}

/* ---- loops ---- */

static plim_record_loop loop_of(const plim_record_step *steps, uint32_t count)
{
    static uint64_t scratch[4097];
    plim_record_loop loop;
    assert_true(plim_record_loop_scratch_bytes(count) <= sizeof(scratch));
    assert_ok(plim_record_loop_find(steps, count, scratch, sizeof(scratch), &loop, &err));
    return loop;
}

static void a_loop_is_found_behind_its_warm_up(void **state)
{
    (void)state;
    plim_record_step s[5 + 4 * 7];
    static const uint64_t sizes[7] = {64, 4096, 64, 700, 64, 100000, 9};
    for (uint32_t k = 0; k < 5; k++) {
        s[k] = step_of(5000000 + k, k < 2 ? PLIM_STEP_NONE : 1);
    }
    for (uint32_t k = 5; k < 33; k++) {
        s[k] = step_of(sizes[(k - 5) % 7], 1 + (k - 5) % 2);
    }

    plim_record_loop loop = loop_of(s, 33);

    assert_int_equal(loop.first, 5);
    assert_int_equal(loop.period, 7);
    assert_int_equal(loop.repeats, 4);
}

static void what_does_not_repeat_is_one_iteration(void **state)
{
    (void)state;
    plim_record_step s[6];
    for (uint32_t k = 0; k < 6; k++) {
        s[k] = step_of(UINT64_C(1) << (8 * k), 1);
    }
    plim_record_loop loop = loop_of(s, 6);
    assert_int_equal(loop.first, 0);
    assert_int_equal(loop.period, 6);
    assert_int_equal(loop.repeats, 1);
    loop = loop_of(s, 0);
    assert_int_equal(loop.repeats, 0);
}

static void a_loop_is_cut_where_least_is_alive(void **state)
{
    (void)state;
    plim_record_step s[40];
    for (uint32_t k = 0; k < 40; k++) { /* steps 1..3 of four are all free before step 1 */
        s[k] = step_of(k % 4 == 0 ? 100 : 100000 << 4 * (k % 4), k % 4 == 0 ? 1 : 4 - (k + 3) % 4);
    }
    plim_record_loop loop = loop_of(s, 40);
    assert_int_equal(loop.period, 4);
    assert_int_equal(loop.carried_bytes, 0);
    assert_int_equal(loop.first % 4, 1);
}

static void a_block_that_outlasts_an_iteration_makes_it_longer(void **state)
{
    (void)state;
    plim_record_step s[60];
    for (uint32_t k = 0; k < 60; k++) {
        s[k] = step_of(k % 3 == 0 ? 64 : 100000 << 3 * (k % 3), k % 3 == 1 ? 5 : 1);
    }
    plim_record_loop loop = loop_of(s, 60);
    assert_int_equal(loop.period, 6);
}

static void iterations_fold_into_the_most_of_each(void **state)
{
    (void)state;
    plim_record_step s[6] = {step_of(100, 1),  step_of(2000, 2), step_of(150, 2),
                             step_of(1900, 1), step_of(120, 1),  step_of(2100, PLIM_STEP_NONE)};
    plim_record_loop loop = {.first = 0, .period = 2, .repeats = 3};
    plim_record_step out[2];

    assert_ok(plim_record_loop_fold(s, 6, &loop, out, &err));

    assert_int_equal(out[0].size_bytes, 150);
    assert_int_equal(out[0].least_bytes, 100);
    assert_int_equal(out[0].length, 2);
    assert_int_equal(out[1].size_bytes, 2100);
    assert_int_equal(out[1].length, 2); /* the last free is not in the recording */
    assert_int_equal(out[1].run_count, 3);
    loop.repeats = 4;
    assert_status(plim_record_loop_fold(s, 6, &loop, out, &err), PLIM_E_RANGE);
}

static void another_recording_widens_and_says_what_it_left_out(void **state)
{
    (void)state;
    plim_record_step into[5] = {step_of(100, 1), step_of(2000, 2), step_of(30000, 2), step_of(7, 1),
                                step_of(500, 1)};
    plim_record_step from[5] = {step_of(130, 1), step_of(900000, 1), step_of(2500, 3),
                                step_of(31000, 1), step_of(7, 1)};
    uint32_t left_out;

    assert_ok(plim_record_merge(into, 5, from, 5, &left_out, &err));

    assert_int_equal(left_out, 1);
    assert_int_equal(into[0].size_bytes, 130);
    assert_int_equal(into[1].size_bytes, 2500);
    assert_int_equal(into[1].least_bytes, 2000);
    assert_int_equal(into[1].length, 3);
    assert_int_equal(into[2].size_bytes, 31000);
    assert_int_equal(into[4].run_count, 1);
    from[2].size_bytes = 0;
    assert_status(plim_record_merge(into, 5, from, 5, &left_out, &err), PLIM_E_ARG);
    assert_string_equal(err.detail, "step 2");
}

/* ---- serving ---- */

static void the_recorded_run_is_served_whole(void **state)
{
    (void)state;
    plim_record_step s[4] = {step_of(640, 2), step_of(1280, 2), step_of(640, 1),
                             step_of(320, PLIM_STEP_NONE)};
    made m = ready(s, 4, false);
    uint64_t at[3], bytes;

    assert_int_equal(m.height, 1920);
    for (int run = 0; run < 3; run++) {
        plim_replay_begin(m.replay, true);
        assert_true(plim_replay_alloc(m.replay, 640, 0, &at[0]));
        assert_true(plim_replay_alloc(m.replay, 1280, 0, &at[1]));
        assert_true(plim_replay_free(m.replay, at[0], &bytes));
        assert_true(plim_replay_alloc(m.replay, 600, 1, &at[2]));
        assert_int_equal(stats_of(&m).live_bytes, 1880);
        assert_true(plim_replay_free(m.replay, at[2], &bytes));
        assert_int_equal(bytes, 600);
        assert_true(plim_replay_free(m.replay, at[1], &bytes));
        assert_false(plim_replay_alloc(m.replay, 320, 0, &at[0]));
        assert_false(plim_replay_free(m.replay, at[1], &bytes));
    }

    plim_replay_stats stats = stats_of(&m);
    assert_int_equal(stats.hit_count, 9);
    assert_int_equal(stats.elsewhere_count, 3);
    assert_int_equal(stats.miss_count, 0);
    assert_int_equal(stats.turn_count, 3);
    drop(&m);
}

static void a_late_free_costs_only_what_lies_over_it(void **state)
{
    (void)state;
    plim_record_step s[4] = {step_of(1000, 1), step_of(500, 1), step_of(64000, 2), step_of(900, 1)};
    made m = ready(s, 4, false);
    plim_replay_miss misses[4];
    uint64_t a, b, c, bytes;

    plim_replay_begin(m.replay, true);
    assert_true(plim_replay_alloc(m.replay, 1000, 0, &a));
    assert_false(plim_replay_alloc(m.replay, 500, 0, &b)); /* a should be gone */
    assert_int_equal(stats_of(&m).miss_by_reason[PLIM_REPLAY_OCCUPIED], 1);
    assert_int_equal(plim_replay_misses(m.replay, misses, 4), 1);
    assert_int_equal(misses[0].step, 1);
    assert_int_equal(misses[0].call, 1);
    assert_int_equal(misses[0].recorded_bytes, 500);
    assert_int_equal(misses[0].asked_bytes, 500);
    bool served = plim_replay_alloc(m.replay, 64000, 0, &b);
    assert_true(!served || b >= a + 1000 || b + 64000 <= a);
    assert_true(plim_replay_free(m.replay, a, &bytes));
    assert_true(plim_replay_alloc(m.replay, 900, 0, &c)); /* as if nothing had been */
    drop(&m);
}

static void a_larger_or_stricter_block_is_named_and_the_next_is_served(void **state)
{
    (void)state;
    plim_record_step s[3] = {step_of(1000, 1), step_of(50000, 1), step_of(7, 1)};
    made m = ready(s, 3, false);
    plim_replay_miss misses[4];
    uint64_t at, bytes;

    plim_replay_begin(m.replay, true);
    assert_false(plim_replay_alloc(m.replay, 1001, 0, &at));
    assert_false(plim_replay_alloc(m.replay, 50000, 64, &at));
    assert_true(plim_replay_alloc(m.replay, 7, 0, &at));
    assert_true(plim_replay_free(m.replay, at, &bytes));
    assert_false(plim_replay_alloc(m.replay, 7, 0, &at)); /* beyond the recording */

    assert_int_equal(plim_replay_misses(m.replay, misses, 4), 3);
    assert_int_equal(misses[0].reason, PLIM_REPLAY_PAST_END);
    assert_int_equal(misses[0].step, 3);
    assert_int_equal(misses[1].reason, PLIM_REPLAY_STRICTER);
    assert_int_equal(misses[2].reason, PLIM_REPLAY_LARGER);
    assert_int_equal(misses[2].recorded_bytes, 1000);
    assert_int_equal(misses[2].asked_bytes, 1001);
    assert_string_equal(plim_replay_reason_text(misses[2].reason), "larger than recorded");
    drop(&m);
}

/* Steps of sizes that no other step is like, so that a place in the run is never in doubt. */
static void distinct(plim_record_step *s, uint32_t count)
{
    for (uint32_t k = 0; k < count; k++) {
        s[k] = step_of(UINT64_C(10) << 3 * (k % 8), 1);
        s[k].run_count = 2;
        s[k].size_bytes += k;
        s[k].least_bytes += k;
    }
}

static uint64_t serve_and_free(const made *m, uint64_t size)
{
    uint64_t at, bytes, before = stats_of(m).hit_count;
    if (plim_replay_alloc(m->replay, size, 0, &at)) {
        assert_true(plim_replay_free(m->replay, at, &bytes));
    }
    return stats_of(m).hit_count - before;
}

static void extra_and_missing_calls_cost_a_few_misses(void **state)
{
    (void)state;
    plim_record_step s[100];
    distinct(s, 100);
    made m = ready(s, 100, false);
    uint64_t hits = 0;

    plim_replay_begin(m.replay, true);
    for (uint32_t k = 0; k < 100; k++) {
        if (k == 20) { /* three calls more */
            for (int i = 0; i < 3; i++) {
                assert_int_equal(serve_and_free(&m, 77777777777), 0);
            }
        }
        if (k == 50) { /* ten calls fewer */
            k = 60;
        }
        hits += serve_and_free(&m, k == 80 ? 99999999999 : s[k].size_bytes); /* one replaced */
    }

    assert_int_equal(hits, 90 - 1 - 1);
    plim_replay_stats stats = stats_of(&m);
    assert_int_equal(stats.miss_by_reason[PLIM_REPLAY_UNEXPECTED], 3 + 1 + 1);
    assert_int_equal(stats.resync_count, 3);
    assert_int_equal(stats.skipped_count, 10 + 1 + 1);
    drop(&m);
}

static void a_run_that_ends_early_is_recognised_by_its_next_start(void **state)
{
    (void)state;
    plim_record_step s[100];
    distinct(s, 100);
    made m = ready(s, 100, true);
    uint64_t hits = 0;

    plim_replay_begin(m.replay, true);
    for (int turn = 0; turn < 5; turn++) {
        for (uint32_t k = 0; k < (turn % 2 ? 100u : 20u); k++) {
            hits += serve_and_free(&m, s[k].size_bytes);
        }
    }

    /* An early end costs the two calls that it takes to be sure. */
    assert_int_equal(hits, 20 + 98 + 20 + 98 + 20);
    drop(&m);
}

static void a_loop_carries_blocks_from_turn_to_turn(void **state)
{
    (void)state;
    plim_record_step s[3] = {step_of(1000, 1), step_of(4000, 3), step_of(70, 1)};
    made m = ready(s, 3, true);
    uint64_t temporary, carried = 0, bytes;

    plim_replay_begin(m.replay, true);
    for (int turn = 0; turn < 50; turn++) {
        assert_true(plim_replay_alloc(m.replay, 1000, 0, &temporary));
        assert_true(plim_replay_free(m.replay, temporary, &bytes));
        if (turn) {
            assert_true(plim_replay_free(m.replay, carried, &bytes));
        }
        assert_true(plim_replay_alloc(m.replay, 4000, 0, &carried));
        assert_true(plim_replay_alloc(m.replay, 70, 0, &temporary));
        assert_true(plim_replay_free(m.replay, temporary, &bytes));
        if (turn % 10 == 5) {
            plim_replay_begin(m.replay, true); /* said or not: the same */
        }
    }
    assert_int_equal(stats_of(&m).hit_count, 150);
    assert_int_equal(stats_of(&m).turn_count, 51);
    drop(&m);
}

/* A cache that is made anew, one token longer, at every turn: the old one goes when the new one is
 * there, so each lives longer than a turn. */
static void a_cache_that_grows_by_reallocation_is_a_loop_of_two_turns(void **state)
{
    (void)state;
    enum { TURNS = 40 };
    plim_record_step s[2 * TURNS], turn[2 * TURNS];
    for (uint32_t t = 0; t < TURNS; t++) {
        s[2 * t] = step_of(64 * (100 + t), t + 1 < TURNS ? 3 : PLIM_STEP_NONE);
        s[2 * t + 1] = step_of(300, 1);
    }

    plim_record_loop loop = loop_of(s, 2 * TURNS);
    assert_int_equal(loop.period, 4);
    assert_ok(plim_record_loop_fold(s, 2 * TURNS, &loop, turn, &err));
    made m = ready(turn, loop.period, true);
    assert_true(m.height <= 64 * (139 + 138) + 300 + 64); /* the last turn's, nearly */

    uint64_t at[2 * TURNS], bytes, hits;
    plim_replay_begin(m.replay, true);
    for (uint32_t k = loop.first; k < 2 * TURNS; k++) {
        assert_true(plim_replay_alloc(m.replay, s[k].size_bytes, 0, &at[k]));
        if (k % 2) {
            assert_true(plim_replay_free(m.replay, at[k], &bytes));
        } else if (k >= loop.first + 2) {
            assert_true(plim_replay_free(m.replay, at[k - 2], &bytes));
        }
    }
    hits = stats_of(&m).hit_count;
    assert_int_equal(hits, 2 * TURNS - loop.first);
    drop(&m);
}

static void a_life_across_the_cut_is_the_circle_with_a_gap(void **state)
{
    (void)state;
    plim_record_step s[5] = {step_of(10, 1), step_of(20, 5), step_of(30, 6), step_of(40, 4),
                             step_of(50, 1)};
    plim_plan_buffer b[5];
    plim_plan_gap gaps[5];
    size_t count, gap_count;

    assert_ok(plim_record_buffers(s, 5, true, b, &count, gaps, &gap_count, &err));

    assert_int_equal(count, 4); /* six steps do not fit into a turn of five */
    assert_int_equal(gap_count, 1);
    assert_int_equal(b[2].id, 3);
    assert_int_equal(b[2].lower, 0);
    assert_int_equal(b[2].upper, 5);
    assert_int_equal(gaps[0].buffer, 2);
    assert_int_equal(gaps[0].lower, 2);
    assert_int_equal(gaps[0].upper, 3);
}

static void what_outlived_a_run_holds_the_next_one_up_until_it_is_gone(void **state)
{
    (void)state;
    plim_record_step s[2] = {step_of(640, 1), step_of(8000, 1)};
    made m = ready(s, 2, false);
    uint64_t a, b, bytes;

    plim_replay_begin(m.replay, true);
    assert_true(plim_replay_alloc(m.replay, 640, 0, &a));
    plim_replay_begin(m.replay, true);
    assert_false(plim_replay_alloc(m.replay, 640, 0, &b));
    assert_true(plim_replay_free(m.replay, a, &bytes));
    assert_true(plim_replay_alloc(m.replay, 8000, 0, &b));
    plim_replay_begin(m.replay, false);
    assert_false(plim_replay_alloc(m.replay, 640, 0, &a));
    assert_int_equal(stats_of(&m).miss_by_reason[PLIM_REPLAY_OFF], 1);
    assert_true(plim_replay_free(m.replay, b, &bytes));
    drop(&m);
}

static void a_plan_of_other_steps_is_refused(void **state)
{
    (void)state;
    plim_record_step s[2] = {step_of(640, 1), step_of(8000, 1)};
    made m = ready(s, 2, false);
    size_t bytes = plim_replay_bytes(2);
    void *memory = take(&m, bytes);
    plim_replay *replay;
    plim_plan_buffer b[2] = {m.buffers[0], m.buffers[1]};

    b[1].upper++;
    assert_status(plim_replay_init(memory, bytes, s, 2, b, 2, m.height, false, &replay, &err),
                  PLIM_E_MISMATCH);
    assert_string_equal(err.detail, "buffer 1");
    b[1] = b[0];
    assert_status(plim_replay_init(memory, bytes, s, 2, b, 2, m.height, false, &replay, &err),
                  PLIM_E_MISMATCH);
    assert_status(plim_replay_init(memory, bytes, s, 2, m.buffers, 2, 7999, false, &replay, &err),
                  PLIM_E_RANGE);
    assert_status(plim_replay_init(memory, 100, s, 2, m.buffers, 2, m.height, false, &replay, &err),
                  PLIM_E_ARG);
    assert_null(replay);
    drop(&m);
}

/* ---- any run against any plan ---- */

typedef struct shadow {
    struct {
        uint64_t offset, bytes;
        uint32_t due;
    } held[512];
    size_t count;
    uint32_t now;
} shadow;

static void hold(shadow *of, const made *m, uint64_t offset, uint64_t bytes, uint32_t length)
{
    assert_true(offset + bytes <= m->height);
    for (size_t i = 0; i < of->count; i++) {
        assert_true(offset + bytes <= of->held[i].offset ||
                    of->held[i].offset + of->held[i].bytes <= offset);
    }
    of->held[of->count].offset = offset;
    of->held[of->count].due = of->now + length;
    of->held[of->count++].bytes = bytes;
}

static void let_go(shadow *of, const made *m, size_t i)
{
    uint64_t bytes;
    assert_true(plim_replay_free(m->replay, of->held[i].offset, &bytes));
    assert_int_equal(bytes, of->held[i].bytes);
    of->held[i] = of->held[--of->count];
}

/* One run: mostly what was recorded, sometimes more, fewer, larger, later. */
static void stray(const made *m, shadow *held, uint64_t *seed)
{
    for (uint32_t call = 0, at = 0; call < 300; call++, at++, held->now++) {
        uint64_t dice = cm_next(seed) % 200, offset, size;
        at = at < m->count ? at : 0;
        size = m->steps[at].size_bytes;
        if (dice < 3) {
            size = 1 + cm_next(seed) % 5000;
        } else if (dice < 6) {
            at += (uint32_t)(cm_next(seed) % 20);
        } else if (dice < 7) {
            at = UINT32_MAX;
        }
        for (size_t i = held->count; i-- > 0;) {
            if (held->held[i].due <= held->now && cm_next(seed) % 64) {
                let_go(held, m, i);
            }
        }
        if (held->count < 500 && plim_replay_alloc(m->replay, size, 0, &offset)) {
            uint32_t length = m->steps[at < m->count ? at : 0].length;
            hold(held, m, offset, size, length == PLIM_STEP_NONE ? 1 : length);
        }
    }
}

static void random_runs_never_overlap(void **state)
{
    (void)state;
    uint64_t seed = cm_seed(), hits = 0, misses = 0;
    for (int round = 0; round < 400; round++) {
        plim_record_step s[64];
        uint32_t count = 1 + (uint32_t)(cm_next(&seed) % 64);
        bool is_loop = round % 2;
        for (uint32_t k = 0; k < count; k++) {
            uint32_t length = 1 + (uint32_t)(cm_next(&seed) % 12);
            s[k] =
                step_of(64 + cm_next(&seed) % 4000, cm_next(&seed) % 16 ? length : PLIM_STEP_NONE);
        }
        made m = ready(s, count, is_loop);
        shadow held = {.count = 0};
        for (int run = 0; run < 4; run++) {
            if (run == 0 || cm_next(&seed) % 2) {
                plim_replay_begin(m.replay, true);
            }
            stray(&m, &held, &seed);
        }
        while (held.count) {
            let_go(&held, &m, 0);
        }
        plim_replay_stats stats = stats_of(&m);
        assert_int_equal(stats.live_count, 0);
        assert_int_equal(stats.live_bytes, 0);
        assert_int_equal(stats.hit_count + stats.elsewhere_count + stats.miss_count,
                         stats.call_count);
        hits += stats.hit_count;
        misses += stats.miss_count;
        drop(&m);
    }
    printf("# %llu hits, %llu misses\n", (unsigned long long)hits, (unsigned long long)misses);
    assert_true(hits > 100000); /* else nothing was tested */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_lives_until_the_first_step_after_its_free),
        cmocka_unit_test(a_recording_refuses_what_no_run_does),
        cmocka_unit_test(a_peak_that_overflows_is_the_most_there_is),
        cmocka_unit_test(a_loop_is_found_behind_its_warm_up),
        cmocka_unit_test(what_does_not_repeat_is_one_iteration),
        cmocka_unit_test(a_loop_is_cut_where_least_is_alive),
        cmocka_unit_test(a_block_that_outlasts_an_iteration_makes_it_longer),
        cmocka_unit_test(iterations_fold_into_the_most_of_each),
        cmocka_unit_test(another_recording_widens_and_says_what_it_left_out),
        cmocka_unit_test(the_recorded_run_is_served_whole),
        cmocka_unit_test(a_late_free_costs_only_what_lies_over_it),
        cmocka_unit_test(a_larger_or_stricter_block_is_named_and_the_next_is_served),
        cmocka_unit_test(extra_and_missing_calls_cost_a_few_misses),
        cmocka_unit_test(a_run_that_ends_early_is_recognised_by_its_next_start),
        cmocka_unit_test(a_loop_carries_blocks_from_turn_to_turn),
        cmocka_unit_test(a_cache_that_grows_by_reallocation_is_a_loop_of_two_turns),
        cmocka_unit_test(a_life_across_the_cut_is_the_circle_with_a_gap),
        cmocka_unit_test(what_outlived_a_run_holds_the_next_one_up_until_it_is_gone),
        cmocka_unit_test(a_plan_of_other_steps_is_refused),
        cmocka_unit_test(random_runs_never_overlap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
