/* SPDX-License-Identifier: Apache-2.0 */
/* test_region_shared.c - one region under several threads; a tail that goes back by itself. */
#include "test/support/cm.h"

#include <pthread.h>
#include <sched.h>

#include "plimsoll/arena.h"

#define KIB     ((size_t)1 << 10)
#define MIB     ((size_t)1 << 20)
#define GRANULE (64 * KIB)
#define THREADS 4
#define SLOTS   32
#define ROUNDS  5000

static plim_error err;

typedef struct home {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
} home;

static void let_others_run(void)
{
    sched_yield();
}

static void home_open_as(home *h, uint64_t cap, uint64_t slack, bool is_shared, bool is_hardened)
{
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = cap;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &h->budget, &err));
    assert_ok(plim_arena_open(h->budget, plim_provider_mmap(), NULL, &h->arena, &err));
    plim_region_opts o = plim_region_opts_default();
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = cap / 2;
    o.block_limit = THREADS * SLOTS;
    o.is_shared = is_shared;
    o.yield = let_others_run;
    o.slack_bytes = slack;
    o.is_hardened = is_hardened;
    assert_ok(plim_region_create(h->arena, PLIM_REGION_DYNAMIC, &o, &h->region, &err));
}

static void home_open(home *h, uint64_t cap, uint64_t slack, bool is_shared)
{
    home_open_as(h, cap, slack, is_shared, false);
}

static void home_close(home *h)
{
    assert_ok(plim_arena_check(h->arena, &err));
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
}

static plim_region_stats stats(const plim_region *r)
{
    plim_region_stats s;
    plim_region_read(r, &s);
    return s;
}

static void *take(plim_region *r, size_t size)
{
    void *block = NULL;
    assert_ok(plim_region_alloc(r, size, 0, &block, &err));
    return block;
}

typedef struct worker {
    plim_region *region;
    uint64_t seed, allocs, frees, refusals, wrong;
    unsigned char mark;
} worker;

/* Every block is marked at both ends: a block that two threads hold shows two marks. */
static void *work(void *context)
{
    worker *w = context;
    unsigned char *blocks[SLOTS] = {NULL};
    size_t sizes[SLOTS] = {0};
    for (int i = 0; i < ROUNDS; i++) {
        size_t s = cm_next(&w->seed) % SLOTS;
        void *got = NULL;
        if (blocks[s]) {
            w->wrong += blocks[s][0] != w->mark || blocks[s][sizes[s] - 1] != w->mark;
            w->wrong += plim_region_free(w->region, blocks[s], NULL) != PLIM_OK;
            w->frees++;
            blocks[s] = NULL;
            continue;
        }
        sizes[s] = cm_next(&w->seed) % (40 * KIB) + 1;
        if (plim_region_alloc(w->region, sizes[s], 0, &got, NULL) != PLIM_OK) {
            w->refusals++;
            continue;
        }
        w->allocs++;
        w->wrong += plim_region_block_bytes(w->region, got) < sizes[s];
        blocks[s] = got;
        blocks[s][0] = blocks[s][sizes[s] - 1] = w->mark;
    }
    for (size_t s = 0; s < SLOTS; s++) {
        if (blocks[s]) {
            w->wrong += plim_region_free(w->region, blocks[s], NULL) != PLIM_OK;
            w->frees++;
        }
    }
    return NULL;
}

static void try_threads(bool is_hardened)
{
    home h;
    pthread_t threads[THREADS];
    worker workers[THREADS];
    uint64_t allocs = 0, frees = 0, refusals = 0, wrong = 0;
    home_open_as(&h, 4 * MIB, 0, true, is_hardened); /* 2 MiB: full at times */
    for (size_t i = 0; i < THREADS; i++) {
        workers[i] = (worker){.region = h.region, .seed = i + 1, .mark = (unsigned char)(i + 1)};
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 1000; i++) { /* facts are read meanwhile, and agree with each other */
        plim_region_stats s = stats(h.region);
        assert_int_equal(s.alloc_count - s.free_count, s.block_count);
        assert_int_equal(s.used_bytes + s.free_bytes, s.size_bytes);
        assert_true(plim_budget_used_bytes(h.budget) <= 4 * MIB);
    }

    for (size_t i = 0; i < THREADS; i++) {
        pthread_join(threads[i], NULL);
        allocs += workers[i].allocs;
        frees += workers[i].frees;
        refusals += workers[i].refusals;
        wrong += workers[i].wrong;
    }

    plim_region_stats s = stats(h.region);
    assert_int_equal(wrong, 0);
    assert_int_equal(allocs, frees);
    assert_int_equal(s.alloc_count, allocs);
    assert_int_equal(s.free_count, frees);
    assert_int_equal(s.refusal_count, refusals);
    assert_int_equal(s.used_bytes, 0);
    assert_int_equal(s.misuse_count, 0);
    assert_ok(plim_region_inspect(h.region, &err));
    assert_int_equal(is_hardened || s.largest_free_bytes == s.size_bytes, true);
    home_close(&h);
}

static void shared_region_gives_no_block_twice_and_counts_every_one(void **state)
{
    (void)state;
    try_threads(false);
}

static void shared_hardened_region_sees_no_misuse_where_there_is_none(void **state)
{
    (void)state;
    try_threads(true);
}

static void tail_goes_back_past_its_slack_and_half_of_it_stays(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 4 * MIB, false);
    void *low = take(h.region, GRANULE), *high = take(h.region, 8 * MIB);
    uint64_t before = plim_budget_used_bytes(h.budget);
    assert_int_equal(stats(h.region).committed_bytes, GRANULE + 8 * MIB);

    assert_ok(plim_region_free(h.region, high, &err));

    plim_region_stats s = stats(h.region);
    assert_int_equal(s.committed_bytes, GRANULE + 2 * MIB);
    assert_int_equal(s.trim_count, 1);
    assert_int_equal(plim_budget_used_bytes(h.budget), before - 6 * MIB);
    assert_ok(plim_region_free(h.region, low, &err));
    home_close(&h);
}

static void alternating_calls_do_not_reach_the_provider(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 4 * MIB, false);
    for (int i = 0; i < 100; i++) {
        void *block = take(h.region, 3 * MIB);
        assert_ok(plim_region_free(h.region, block, &err));
    }

    assert_int_equal(stats(h.region).trim_count, 0);
    assert_int_equal(stats(h.region).committed_bytes, 3 * MIB);
    home_close(&h);
}

static void sealed_region_keeps_its_tail(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 4 * MIB, false);
    void *block = take(h.region, 8 * MIB);
    plim_arena_seal(h.arena, PLIM_SEAL_REFUSE);

    assert_ok(plim_region_free(h.region, block, &err));

    assert_int_equal(stats(h.region).committed_bytes, 8 * MIB);
    assert_non_null(take(h.region, 8 * MIB));
    home_close(&h);
}

static void fragmentation_is_what_the_largest_piece_lacks(void **state)
{
    (void)state;
    home h;
    home_open(&h, 8 * MIB, 0, false); /* 4 MiB: four blocks fill it */
    void *block[4];
    for (size_t i = 0; i < 4; i++) {
        block[i] = take(h.region, MIB);
    }
    assert_true(stats(h.region).fragmentation == 0.0);
    assert_int_equal(stats(h.region).free_range_count, 0);

    assert_ok(plim_region_free(h.region, block[0], &err));
    assert_ok(plim_region_free(h.region, block[2], &err));

    plim_region_stats s = stats(h.region);
    assert_int_equal(s.free_range_count, 2);
    assert_int_equal(s.largest_free_bytes, MIB);
    assert_true(s.fragmentation == 0.5);
    home_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(shared_region_gives_no_block_twice_and_counts_every_one),
        cmocka_unit_test(shared_hardened_region_sees_no_misuse_where_there_is_none),
        cmocka_unit_test(tail_goes_back_past_its_slack_and_half_of_it_stays),
        cmocka_unit_test(alternating_calls_do_not_reach_the_provider),
        cmocka_unit_test(sealed_region_keeps_its_tail),
        cmocka_unit_test(fragmentation_is_what_the_largest_piece_lacks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
