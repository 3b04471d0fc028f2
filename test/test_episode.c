/* SPDX-License-Identifier: Apache-2.0 */
/* test_episode.c - numbers and frames of one episode, under a window and a budget. */
#include <inttypes.h>
#include <unistd.h>

#include "plimsoll/episode.h"
#include "src/episode/pairing.h"
#include "src/episode/window.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_owner owner;
static uint64_t idle_bytes; /* of the account, with a data set open and no episode */

static void open_arena(uint64_t cap)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    b.cap_bytes = cap;
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = 1u << 20;
    r.commit_now = true;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    plim_arena_opts a = plim_arena_opts_default();
    a.reserve_bytes = UINT64_C(2) << 30;
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), &a, &arena, &err));
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    assert_ok(plim_budget_owner(budget, "episode", &owner, &err));
    idle_bytes = plim_budget_used_bytes(budget);
}

static int start(void **state)
{
    (void)state;
    open_arena(UINT64_C(512) << 20);
    return 0;
}

static int finish(void **state)
{
    (void)state;
    assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
    assert_ok(plim_arena_check(arena, &err));
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

static plim_episode_opts with(uint32_t frames, uint32_t readers)
{
    plim_episode_opts o = plim_episode_opts_default();
    o.frames_limit = frames;
    o.reader_count = readers;
    o.arena = arena;
    o.owner = owner;
    return o;
}

static uint64_t sum_of(const plim_episode *episode)
{
    plim_episode_stats s;
    plim_episode_read(episode, &s);
    return s.video_now_bytes + s.state_action_bytes + s.other_bytes + s.decoder_bytes +
           s.table_bytes;
}

static void assert_account_is_the_sum(const plim_episode *episode)
{
    assert_int_equal(plim_budget_used_bytes(budget) - idle_bytes, sum_of(episode));
}

static uint64_t mix(uint64_t hash, const void *data, uint64_t bytes)
{
    const uint8_t *p = data;
    for (uint64_t i = 0; i < bytes; i++) {
        hash = (hash ^ p[i]) * 0x100000001b3u;
    }
    return hash;
}

/* Every frame through a window of @frames; the digest of all of them. */
static uint64_t digest_video(plim_dataset *set, uint32_t index, uint32_t frames)
{
    plim_episode *episode;
    plim_episode_stats s;
    plim_episode_opts opts = with(frames, 1);
    uint64_t hash = 0xcbf29ce484222325u;
    assert_ok(plim_episode_open(set, index, &opts, &episode, &err));
    plim_episode_read(episode, &s);
    for (uint64_t step = 0; step < s.frame_count; step++) {
        plim_tensor t;
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
        hash = mix(hash, plim_tensor_data(&t), (uint64_t)(t.shape[0] * t.shape[1] * 3));
        assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
    }
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_decoded, s.frame_count);
    assert_int_equal(s.frames_dropped, s.frame_count);
    assert_int_equal(s.frames_now, 0);
    assert_int_equal(s.frames_peak, 1);
    assert_account_is_the_sum(episode);
    plim_episode_close(episode);
    return hash;
}

static void each_step_shows_its_own_frame(void **state)
{
    (void)state;
    const char *path = made_episode("-n 48 -s 256");
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_opts opts = with(4, 1);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));

    for (uint64_t step = 0; step < 48; step++) {
        plim_tensor t;
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
        assert_int_equal(t.dtype, PLIM_U8);
        assert_int_equal(t.rank, 3);
        assert_int_equal(t.shape[0], 256);
        assert_int_equal(t.shape[1], 256);
        assert_int_equal(t.shape[2], 3);
        assert_int_equal(t.strides[0], 768);
        assert_int_equal(made_number(plim_tensor_data(&t), 256), step);
        assert_account_is_the_sum(episode);
        assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
    }
    assert_int_equal(plim_dataset_get_info(set)->warning_count, 0);
    plim_episode_close(episode);
    assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
    plim_dataset_close(set);
}

static void rows_are_views_of_the_numbers_that_were_recorded(void **state)
{
    (void)state;
    const char *path = made_episode("-n 9,11 -s 64 -j 7");
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor a, b, t;
    plim_episode_opts opts = with(1, 1);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 1, &opts, &episode, &err));

    for (unsigned step = 0; step < 11; step++) {
        assert_ok(plim_episode_row(episode, "observation.state", step, &a, &err));
        assert_ok(plim_episode_row(episode, "action", step, &b, &err));
        assert_int_equal(a.dtype, PLIM_F64);
        assert_int_equal(a.rank, 1);
        assert_int_equal(a.shape[0], 7);
        for (unsigned i = 0; i < 7; i++) {
            assert_true(((double *)plim_tensor_data(&a))[i] == made_joint(1, step, i));
            assert_true(((double *)plim_tensor_data(&b))[i] == made_joint(1, step + 1, i));
        }
        assert_ok(plim_episode_row(episode, "timestamp", step, &t, &err));
        assert_int_equal(t.dtype, PLIM_F32);
        assert_true(*(float *)plim_tensor_data(&t) == (float)(step * (1.0 / 20)));
        assert_ok(plim_episode_row(episode, "index", step, &t, &err));
        assert_int_equal(*(int64_t *)plim_tensor_data(&t), 9 + step);
    }
    assert_ok(plim_episode_row(episode, "action", 3, &t, &err));
    assert_ok(plim_episode_row(episode, "action", 4, &b, &err));
    assert_ptr_equal((char *)plim_tensor_data(&t) + 7 * 8, plim_tensor_data(&b));
    assert_status(plim_episode_row(episode, "action", 11, &t, &err), PLIM_E_NOT_FOUND);
    assert_status(plim_episode_row(episode, "effort", 0, &t, &err), PLIM_E_NOT_FOUND);
    assert_status(plim_episode_row(episode, MADE_CAMERA, 0, &t, &err), PLIM_E_NOT_FOUND);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static void full_window_refuses_and_goes_on_after_a_release(void **state)
{
    (void)state;
    const char *path = made_episode("-n 12 -s 64");
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor t, again;
    plim_episode_stats s;
    plim_episode_opts opts = with(2, 1);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 0, &t, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 1, &again, &err));
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 2, &again, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, 64 * 64 * 3);
    assert_int_equal(err.have, 0);
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_decoded, 2);
    assert_int_equal(s.frames_now, 2);
    assert_int_equal(made_number(plim_tensor_data(&t), 64), 0);
    assert_ok(plim_episode_release(episode, MADE_CAMERA, 0, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 2, &again, &err));
    assert_ptr_equal(again.data, t.data); /* the block went to the next frame */
    assert_int_equal(made_number(plim_tensor_data(&again), 64), 2);
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 0, &t, &err), PLIM_E_RANGE);
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 12, &t, &err), PLIM_E_NOT_FOUND);
    assert_status(plim_episode_frame(episode, "action", 3, &t, &err), PLIM_E_NOT_FOUND);
    assert_status(plim_episode_release(episode, MADE_CAMERA, 0, &err), PLIM_E_STATE);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static void frame_stays_for_each_of_its_readers(void **state)
{
    (void)state;
    const char *path = made_episode("-n 12 -s 64");
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor t;
    plim_episode_stats s;
    plim_episode_opts opts = with(3, 2);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 4, &t, &err)); /* first reader jumps */
    assert_ok(plim_episode_release(episode, MADE_CAMERA, 4, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 5, &t, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 4, &t, &err)); /* second reader follows */
    assert_int_equal(made_number(plim_tensor_data(&t), 64), 4);
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 4, &t, &err), PLIM_E_STATE);
    assert_ok(plim_episode_release(episode, MADE_CAMERA, 4, &err));
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_now, 1);
    assert_int_equal(s.frames_dropped, 1);
    assert_int_equal(s.frames_decoded, 6);
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 3, &t, &err), PLIM_E_RANGE);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static uint64_t resident_bytes(void)
{
    unsigned long pages = 0, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    assert_non_null(f);
    assert_int_equal(fscanf(f, "%lu %lu", &pages, &resident), 2);
    fclose(f);
    return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void dropping_video_lowers_account_and_resident_memory(void **state)
{
    (void)state;
    const char *path = made_episode("-n 160 -s 256");
    const uint64_t window = UINT64_C(160) * 256 * 256 * 3;
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_opts opts = with(0, 1);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    for (uint64_t step = 0; step < 160; step++) { /* held until the end */
        plim_tensor t;
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
    }
    assert_int_equal(plim_episode_drop_video(episode), 0); /* a reader holds each of them... */
    plim_episode_close(episode);
    assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);

    opts = with(0, 2);
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    for (uint64_t step = 0; step < 160; step++) {
        plim_tensor t;
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
        assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
    }
    assert_account_is_the_sum(episode);
    uint64_t account = plim_budget_used_bytes(budget), resident = resident_bytes();
    uint64_t freed = plim_episode_drop_video(episode);

    assert_int_equal(freed, window);
    assert_int_equal(plim_budget_used_bytes(budget), account - window);
    assert_true(resident - resident_bytes() >= window / 100 * 95);
    assert_account_is_the_sum(episode);
    assert_int_equal(plim_episode_drop_video(episode), 0);
    plim_episode_close(episode);
    assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
    plim_dataset_close(set);
}

static void dropping_keeps_frames_that_a_reader_holds(void **state)
{
    (void)state;
    const char *path = made_episode("-n 12 -s 64");
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor held, t;
    plim_episode_stats s;
    plim_episode_opts opts = with(4, 2);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 0, &held, &err));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 1, &t, &err));
    assert_ok(plim_episode_release(episode, MADE_CAMERA, 1, &err));
    uint64_t before = plim_budget_used_bytes(budget);
    uint64_t freed = plim_episode_drop_video(episode);
    assert_int_equal(plim_budget_used_bytes(budget), before - freed);
    plim_episode_read(episode, &s);
    assert_int_equal(s.frames_now, 1);
    assert_int_equal(made_number(plim_tensor_data(&held), 64), 0);
    assert_status(plim_episode_frame(episode, MADE_CAMERA, 1, &t, &err), PLIM_E_RANGE);
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 2, &t, &err)); /* pages come back */
    assert_int_equal(made_number(plim_tensor_data(&t), 64), 2);
    assert_account_is_the_sum(episode);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static void high_water_over_many_episodes_is_that_of_the_largest(void **state)
{
    (void)state;
    const char *path = made_episode("-n 24,40,16,40,24 -s 64");
    plim_dataset *set;
    uint64_t largest = 0, decoder = 0;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    for (uint32_t i = 0; i < 5; i++) {
        plim_episode *episode;
        plim_episode_stats s;
        plim_episode_opts opts = with(0, 2);
        assert_ok(plim_episode_open(set, i, &opts, &episode, &err));
        plim_episode_read(episode, &s);
        for (uint64_t step = 0; step < s.frame_count; step++) {
            plim_tensor t;
            assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
            assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
        }
        plim_episode_read(episode, &s);
        assert_int_equal(s.frames_now, s.frame_count);
        largest = sum_of(episode) > largest ? sum_of(episode) : largest;
        decoder = s.decoder_bytes > decoder ? s.decoder_bytes : decoder;
        plim_episode_close(episode);
        assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
    }
    plim_account account;
    plim_budget_read(budget, &account, NULL, 0);
    /* the constant: scratch for one column's chunk while an episode opens */
    assert_in_range(account.tag_peak_bytes[PLIM_TAG_EPISODE], largest - decoder,
                    largest - decoder + (64u << 10));
    assert_int_equal(account.tag_peak_bytes[PLIM_TAG_PLUGIN], decoder);
    assert_true(decoder > 0);
    plim_dataset_close(set);
}

static void all_frames_are_the_same_in_two_passes_and_any_window(void **state)
{
    (void)state;
    const char *path = made_episode("-n 30 -s 128");
    plim_dataset *set;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    uint64_t first = digest_video(set, 0, 1);
    assert_int_equal(digest_video(set, 0, 1), first);
    assert_int_equal(digest_video(set, 0, 16), first);
    plim_dataset_close(set);
}

static void real_episode_decodes_under_a_window_of_two(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20");
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_stats s;
    plim_tensor t;
    plim_episode_opts opts = with(2, 1);
    assert_ok(plim_dataset_open(path, home, &set, &err));
    uint64_t first = digest_video(set, 0, 2);
    assert_int_equal(digest_video(set, 0, 2), first);

    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    plim_episode_read(episode, &s);
    assert_int_equal(s.video_now_bytes, 2 * 256 * 256 * 3);
    assert_int_equal(s.state_action_bytes, 292864);
    assert_int_equal(s.other_bytes, 23712);
    assert_status(plim_episode_frame(episode, "observation.images.egoview", 0, &t, &err),
                  PLIM_E_NOT_FOUND);
    assert_string_equal(err.found, "a camera without files");
    for (uint64_t step = 0; step < 416; step += 16) { /* as a policy with horizon 16 reads */
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
        assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
    }
    plim_episode_read(episode, &s);
    printf("# window 2 of 416 frames: video %" PRIu64 ", decoder %" PRIu64 ", tables %" PRIu64
           " bytes\n",
           s.video_now_bytes, s.decoder_bytes, s.table_bytes);
    assert_int_equal(s.frames_dropped, 26);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

/* stats.json holds means and largest values over all 2,096 rows, made by another program. */
static void real_numbers_have_the_mean_that_was_published(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20");
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_dataset *set;
    double sum = 0, most = 0;
    unsigned rows = 0, done = 0;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    for (uint32_t i = 0; i < 5; i++) {
        plim_episode *episode;
        plim_episode_stats s;
        plim_tensor t;
        plim_episode_opts opts = with(1, 1);
        assert_ok(plim_episode_open(set, i, &opts, &episode, &err));
        plim_episode_read(episode, &s);
        for (uint64_t step = 0; step < s.frame_count; step++, rows++) {
            assert_ok(plim_episode_row(episode, "observation.state", step, &t, &err));
            const double *joints = plim_tensor_data(&t);
            sum += joints[0];
            most = joints[1] > most ? joints[1] : most;
            assert_ok(plim_episode_row(episode, "next.done", step, &t, &err));
            assert_int_equal(t.dtype, PLIM_BOOL);
            done += *(uint8_t *)plim_tensor_data(&t);
        }
        plim_episode_close(episode);
    }
    assert_int_equal(rows, 2096);
    assert_int_equal(done, 5);                                  /* mean 0.002385496 of 2,096 */
    assert_float_equal(sum / rows, 0.024073680862784386, 1e-7); /* theirs is float32 */
    assert_float_equal(most, 0.12207967042922974, 1e-8);
    plim_dataset_close(set);
}

static void frame_too_many_or_too_few_is_paired_by_time(void **state)
{
    (void)state;
    static const struct {
        const char *arguments;
        unsigned last;
    } cases[] = {{"-n 12 -s 64 -x 1", 11}, {"-n 12 -s 64 -x -1", 10}, {"-n 12 -s 64 -l 3", 11}};
    for (unsigned i = 0; i < 3; i++) {
        plim_dataset *set;
        plim_episode *episode;
        plim_episode_stats s;
        plim_tensor t;
        plim_episode_opts opts = with(2, 1);
        assert_ok(plim_dataset_open(made_episode(cases[i].arguments), home, &set, &err));
        assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
        plim_episode_read(episode, &s);
        assert_int_equal(s.frame_count, 12);
        assert_int_equal(plim_dataset_get_info(set)->warning_count, 1);
        for (unsigned step = 0; step < 12; step++) {
            assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
            assert_int_equal(made_number(plim_tensor_data(&t), 64),
                             step < cases[i].last ? step : cases[i].last);
            assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
        }
        plim_episode_close(episode);
        plim_dataset_close(set);
    }
}

static void drifting_timestamps_keep_the_order_and_warn(void **state)
{
    (void)state;
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor t;
    plim_episode_opts opts = with(2, 1);
    assert_ok(plim_dataset_open(made_episode("-n 40 -s 64 -d 0.002"), home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    assert_int_equal(plim_dataset_get_info(set)->warning_count, 1);
    assert_non_null(strstr(plim_dataset_warning(set, 0), "drift 0.078 s apart"));
    assert_ok(plim_episode_frame(episode, MADE_CAMERA, 39, &t, &err));
    assert_int_equal(made_number(plim_tensor_data(&t), 64), 39);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static void pairing_takes_the_nearest_frame(void **state)
{
    (void)state;
    static const int64_t ticks[] = {0, 100, 300, 400}; /* frame 2 was lost */
    static const double seconds[] = {5.0, 5.1, 5.2, 5.3, 5.4};
    uint32_t frames[5];
    plim_pairing_input in = {.ticks = ticks,
                             .frame_count = 4,
                             .timescale = 1000,
                             .seconds = seconds,
                             .is_double = true,
                             .row_count = 5,
                             .frames_per_second = 10};
    plim_pairing_result result = plim_pairing_solve(&in, 5, frames);
    static const uint32_t wanted[] = {0, 1, 1, 2, 3};
    assert_memory_equal(frames, wanted, sizeof(wanted));
    assert_false(result.is_by_order);
    assert_int_equal(result.repeated, 1);
    assert_int_equal(result.skipped, 0);
    in.seconds = NULL;
    result = plim_pairing_solve(&in, 5, frames);
    assert_memory_equal(frames, wanted, sizeof(wanted));
}

static void window_stays_sound_under_random_use(void **state)
{
    (void)state;
    enum { STEPS = 200, SLOTS = 7, READERS = 3 };
    plim_window_slot slots[SLOTS];
    uint32_t map[STEPS];
    char blocks[STEPS];
    plim_window window;
    uint64_t seed = cm_seed(), next = 0;
    plim_window_init(&window, slots, SLOTS, map, STEPS, READERS);
    for (unsigned i = 0; i < 5000; i++) {
        uint64_t step = cm_next(&seed) % STEPS;
        plim_window_slot *slot = plim_window_find(&window, step);
        if (slot && slot->lent && cm_next(&seed) % 2) {
            plim_window_release(&window, slot);
        } else if (slot && slot->lent < slot->readers_left) {
            slot->lent++;
        } else if (slot && !slot->lent) {
            plim_window_drop(&window, slot);
        } else if (!slot && window.now < SLOTS && next < STEPS) {
            plim_window_add(&window, (uint32_t)next, &blocks[next])->lent = 1;
            next++;
        }
        assert_true(plim_window_is_sound(&window));
    }
    assert_int_equal(window.peak, SLOTS);
    assert_int_equal(window.dropped + window.now, next);
}

static void window_over_the_load_line_is_refused_whole(void **state)
{
    (void)state;
    const char *path = made_episode("-n 48 -s 256");
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_opts opts = with(48, 1);
    plim_error refusal;

    assert_ok(plim_dataset_open(path, home, &set, &err));
    uint64_t room = plim_budget_cap_bytes(budget) - plim_budget_used_bytes(budget);
    uint64_t ballast = room - UINT64_C(40) * 256 * 256 * 3;
    assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_OTHER, ballast, &err));
    assert_status(plim_episode_open(set, 0, &opts, &episode, &refusal), PLIM_E_BUDGET);
    assert_null(episode);
    assert_int_equal(plim_budget_used_bytes(budget), idle_bytes + ballast);
    opts.frames_limit = 8;
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    plim_episode_close(episode);
    plim_budget_credit(budget, owner, PLIM_TAG_OTHER, ballast);
    assert_ok(plim_arena_check(arena, &err));
    plim_dataset_close(set);
}

static void decoder_without_room_fails_and_recovers(void **state)
{
    (void)state;
    const char *path = made_episode("-n 30 -s 256");
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_stats s;
    plim_tensor t;
    plim_episode_opts opts = with(2, 1);

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    uint64_t room = plim_budget_cap_bytes(budget) - plim_budget_used_bytes(budget);
    for (uint64_t left = 0; left < room; left += 128u << 10) { /* a little more each time */
        uint64_t ballast = room - left;
        plim_episode_read(episode, &s);
        if (ballast <= s.decoder_bytes) {
            fail_msg("the decoder never had enough");
        }
        ballast -= s.decoder_bytes;
        assert_ok(plim_budget_charge(budget, owner, PLIM_TAG_OTHER, ballast, &err));
        plim_status status = plim_episode_frame(episode, MADE_CAMERA, 20, &t, &err);
        plim_budget_credit(budget, owner, PLIM_TAG_OTHER, ballast);
        assert_account_is_the_sum(episode);
        plim_episode_read(episode, &s);
        if (status == PLIM_OK) {
            assert_true(left > 0);
            break;
        }
        assert_int_equal(status, PLIM_E_BUDGET);
        assert_int_equal(err.status, PLIM_E_BUDGET);
        assert_int_equal(s.frames_now, 0);
    }
    assert_int_equal(made_number(plim_tensor_data(&t), 256), 20);
    plim_episode_close(episode);
    plim_dataset_close(set);
}

/* One codec after the other; libaom's frames come back through libdav1d, which keeps its own. */
static void every_codec_shows_its_frames_and_counts_its_memory(void **state)
{
    (void)state;
    static const char *const encoders[] = {"libx264", "mpeg4", "libx265", "libaom-av1"};
    unsigned tried = 0;
    for (unsigned i = 0; i < 4; i++) {
        char arguments[64];
        plim_dataset *set;
        plim_episode *episode;
        plim_episode_stats s;
        plim_episode_opts opts = with(2, 1);
        snprintf(arguments, sizeof(arguments), "-n 12 -s 64 -c %s 2>/dev/null", encoders[i]);
        const char *path = made_episode(arguments);
        if (!path) {
            printf("# no encoder %s here\n", encoders[i]);
            continue;
        }
        tried++;
        assert_ok(plim_dataset_open(path, home, &set, &err));
        assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
        for (uint64_t step = 0; step < 12; step++) {
            plim_tensor t;
            assert_ok(plim_episode_frame(episode, MADE_CAMERA, step, &t, &err));
            assert_int_equal(made_number(plim_tensor_data(&t), 64), step);
            plim_episode_read(episode, &s);
            assert_true(s.decoder_bytes >= 64 * 64 * 3 / 2);
            assert_account_is_the_sum(episode);
            assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
        }
        plim_episode_close(episode);
        assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
        plim_dataset_close(set);
    }
    if (!tried) {
        skip_because("none of the encoders is in this libavcodec");
    }
}

/* 50 pixels are 150 bytes a row: no vector store fits, and none may pass into the next block. */
static void odd_size_fills_its_frame_and_nothing_else(void **state)
{
    (void)state;
    enum { SIDE = 50, BYTES = SIDE * SIDE * 3 };
    plim_dataset *set;
    plim_episode *episode;
    plim_tensor held[4];
    uint64_t hash[4];
    plim_episode_opts opts = with(4, 1);
    assert_ok(plim_dataset_open(made_episode("-n 8 -s 50"), home, &set, &err));
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    for (unsigned i = 0; i < 4; i++) {
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, i, &held[i], &err));
        const uint8_t *rgb = plim_tensor_data(&held[i]);
        hash[i] = mix(1, rgb, BYTES);
        for (unsigned row = SIDE / 2; row < SIDE; row++) { /* the last pixel of each row is drawn */
            const uint8_t *last = rgb + (row * SIDE + SIDE - 1) * 3;
            assert_true(last[0] + last[1] + last[2] > 0);
        }
    }
    for (unsigned turn = 0; turn < 4; turn++) {
        assert_ok(plim_episode_release(episode, MADE_CAMERA, turn, &err));
        assert_ok(plim_episode_frame(episode, MADE_CAMERA, turn + 4, &held[turn], &err));
        hash[turn] = mix(1, plim_tensor_data(&held[turn]), BYTES);
        for (unsigned i = 0; i < 4; i++) {
            assert_true(mix(1, plim_tensor_data(&held[i]), BYTES) == hash[i]);
        }
    }
    plim_episode_close(episode);
    plim_dataset_close(set);
}

/* Fail memory request 0, 1, 2, ... until an episode opens and shows a frame. */
static void every_refusal_of_the_system_leaves_nothing_behind(void **state)
{
    (void)state;
    const char *path = made_episode("-n 6 -s 64");
    plim_failing_provider failing;
    plim_dataset *set;
    unsigned refused = 0;
    bool is_done = false;
    plim_failing_provider_init(&failing, plim_provider_mmap(), UINT64_MAX, false);
    plim_arena_opts a = plim_arena_opts_default();
    plim_arena *thin;
    a.reserve_bytes = UINT64_C(256) << 20;
    assert_ok(plim_arena_open(budget, &failing.base, &a, &thin, &err));
    uint64_t before = plim_budget_used_bytes(budget);
    assert_ok(plim_dataset_open(path, home, &set, &err));
    for (uint64_t at = 0; at < 200 && !is_done; at++) {
        plim_episode *episode;
        plim_tensor t;
        plim_episode_opts opts = with(2, 1);
        opts.arena = thin;
        failing.fail_at = failing.calls + at;
        plim_status status = plim_episode_open(set, 0, &opts, &episode, &err);
        if (status == PLIM_OK) {
            status = plim_episode_frame(episode, MADE_CAMERA, 3, &t, &err);
            is_done = status == PLIM_OK;
            failing.fail_at = UINT64_MAX;
            assert_ok(plim_episode_frame(episode, MADE_CAMERA, is_done ? 4 : 3, &t, &err));
            assert_int_equal(made_number(plim_tensor_data(&t), 64), is_done ? 4 : 3);
            plim_episode_close(episode);
        }
        if (status != PLIM_OK) {
            assert_int_equal(status, PLIM_E_NOMEM);
            refused++;
        }
        assert_int_equal(plim_budget_used_bytes(budget), before);
        assert_ok(plim_arena_check(thin, &err));
    }
    assert_true(is_done);
    assert_in_range(refused, 4, 100);
    plim_dataset_close(set);
    plim_arena_close(thin);
}

static void missing_plugin_is_told_with_the_remedy(void **state)
{
    (void)state;
    plim_dataset *set;
    plim_episode *episode;
    plim_episode_opts opts = with(2, 1);
    assert_ok(plim_dataset_open(made_episode("-n 4 -s 64"), home, &set, &err));
    opts.video_plugin = "/nonexistent/plimsoll-video.so";
    assert_status(plim_episode_open(set, 0, &opts, &episode, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "plug-in");
    assert_non_null(strstr(err.wanted, "PLIMSOLL_VIDEO"));
    opts.video_plugin = NULL;
    assert_ok(plim_episode_open(set, 0, &opts, &episode, &err));
    plim_episode_close(episode);
    plim_dataset_close(set);
}

static void damaged_video_is_a_typed_error(void **state)
{
    (void)state;
    const char *path = made_episode("-n 24 -s 128");
    char name[4200];
    size_t bytes;
    uint64_t seed = cm_seed();
    uint8_t *whole = made_file(path, "videos/chunk-000/" MADE_CAMERA "/episode_000000.mp4", &bytes);
    snprintf(name, sizeof(name), "%s/videos/chunk-000/" MADE_CAMERA "/episode_000000.mp4", path);
    plim_dataset *set;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    for (unsigned i = 0; i < 40; i++) {
        plim_episode *episode;
        plim_episode_opts opts = with(2, 1);
        uint8_t *bad = malloc(bytes);
        assert_non_null(bad);
        memcpy(bad, whole, bytes);
        for (unsigned k = 0; k < 20; k++) {
            bad[cm_next(&seed) % bytes] = (uint8_t)cm_next(&seed);
        }
        FILE *f = fopen(name, "wb");
        assert_non_null(f);
        size_t kept = i % 4 ? bytes : cm_next(&seed) % bytes;
        assert_int_equal(fwrite(bad, 1, kept, f), kept);
        fclose(f);
        free(bad);
        if (plim_episode_open(set, 0, &opts, &episode, &err) == PLIM_OK) {
            for (uint64_t step = 0; step < 24; step++) {
                plim_tensor t;
                if (plim_episode_frame(episode, MADE_CAMERA, step, &t, &err) == PLIM_OK) {
                    assert_ok(plim_episode_release(episode, MADE_CAMERA, step, &err));
                } else {
                    assert_int_not_equal(err.status, PLIM_OK);
                }
            }
            assert_account_is_the_sum(episode);
            plim_episode_close(episode);
        }
        assert_int_equal(plim_budget_used_bytes(budget), idle_bytes);
    }
    free(whole);
    plim_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(each_step_shows_its_own_frame, start, finish),
        cmocka_unit_test_setup_teardown(rows_are_views_of_the_numbers_that_were_recorded, start,
                                        finish),
        cmocka_unit_test_setup_teardown(full_window_refuses_and_goes_on_after_a_release, start,
                                        finish),
        cmocka_unit_test_setup_teardown(frame_stays_for_each_of_its_readers, start, finish),
        cmocka_unit_test_setup_teardown(dropping_video_lowers_account_and_resident_memory, start,
                                        finish),
        cmocka_unit_test_setup_teardown(dropping_keeps_frames_that_a_reader_holds, start, finish),
        cmocka_unit_test_setup_teardown(high_water_over_many_episodes_is_that_of_the_largest, start,
                                        finish),
        cmocka_unit_test_setup_teardown(all_frames_are_the_same_in_two_passes_and_any_window, start,
                                        finish),
        cmocka_unit_test_setup_teardown(real_episode_decodes_under_a_window_of_two, start, finish),
        cmocka_unit_test_setup_teardown(real_numbers_have_the_mean_that_was_published, start,
                                        finish),
        cmocka_unit_test_setup_teardown(frame_too_many_or_too_few_is_paired_by_time, start, finish),
        cmocka_unit_test_setup_teardown(drifting_timestamps_keep_the_order_and_warn, start, finish),
        cmocka_unit_test(pairing_takes_the_nearest_frame),
        cmocka_unit_test(window_stays_sound_under_random_use),
        cmocka_unit_test_setup_teardown(window_over_the_load_line_is_refused_whole, start, finish),
        cmocka_unit_test_setup_teardown(decoder_without_room_fails_and_recovers, start, finish),
        cmocka_unit_test_setup_teardown(every_codec_shows_its_frames_and_counts_its_memory, start,
                                        finish),
        cmocka_unit_test_setup_teardown(odd_size_fills_its_frame_and_nothing_else, start, finish),
        cmocka_unit_test_setup_teardown(every_refusal_of_the_system_leaves_nothing_behind, start,
                                        finish),
        cmocka_unit_test_setup_teardown(missing_plugin_is_told_with_the_remedy, start, finish),
        cmocka_unit_test_setup_teardown(damaged_video_is_a_typed_error, start, finish),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
