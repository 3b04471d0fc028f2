/* SPDX-License-Identifier: Apache-2.0 */
/* test_arena.c - regions under a budget: what is granted, refused, committed and given back. */
#include "test/support/cm.h"

#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "plimsoll/arena.h"

#define KIB     ((size_t)1 << 10)
#define MIB     ((size_t)1 << 20)
#define GRANULE (64 * KIB)

static plim_error err;

typedef struct home {
    plim_recording_provider seen;
    plim_failing_provider failing; /* over seen; refuses nothing until told */
    plim_budget *budget;
    plim_arena *arena;
    uint64_t start; /* charged when only the account and the arena are there */
} home;

static void home_open(home *h, uint64_t cap)
{
    plim_budget_opts o = plim_budget_opts_default();
    o.cap_bytes = cap;
    plim_recording_provider_init(&h->seen, plim_provider_mmap());
    plim_failing_provider_init(&h->failing, &h->seen.base, UINT64_MAX, false);
    assert_ok(plim_budget_open(&h->failing.base, &o, &h->budget, &err));
    assert_ok(plim_arena_open(h->budget, &h->failing.base, NULL, &h->arena, &err));
    h->start = plim_budget_used_bytes(h->budget);
}

static void home_close(home *h)
{
    assert_ok(plim_arena_check(h->arena, &err));
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
    assert_int_equal(h->seen.committed_bytes, 0);
    assert_int_equal(h->seen.reserved_bytes, 0);
}

static plim_region_opts opts_of(uint64_t size)
{
    plim_region_opts o = plim_region_opts_default();
    o.size_bytes = size;
    o.tag = PLIM_TAG_ACTIVATIONS;
    return o;
}

static plim_region *make(home *h, plim_region_kind kind, uint64_t size)
{
    plim_region_opts o = opts_of(size);
    plim_region *r = NULL;
    o.block_bytes = 1000;
    o.block_limit = 64;
    assert_ok(plim_region_create(h->arena, kind, &o, &r, &err));
    return r;
}

static void *take(plim_region *r, size_t size)
{
    void *block = NULL;
    assert_ok(plim_region_alloc(r, size, 0, &block, &err));
    memset(block, 0x11, size);
    return block;
}

static plim_region_stats stats(const plim_region *r)
{
    plim_region_stats s;
    plim_region_read(r, &s);
    return s;
}

static uint64_t room(const home *h)
{
    return plim_budget_cap_bytes(h->budget) - plim_budget_used_bytes(h->budget);
}

/* ---- the cap ---- */

static void arena_grants_the_last_granule_and_refuses_the_first_over_the_cap(void **state)
{
    (void)state;
    home h;
    plim_region *r = NULL, *fill = NULL;
    void *block = NULL;
    home_open(&h, 4 * MIB);
    r = make(&h, PLIM_REGION_BUMP, 4 * MIB);
    uint64_t granules = room(&h) / GRANULE, rest = room(&h) % GRANULE;

    take(r, granules * GRANULE);
    assert_int_equal(room(&h), rest);
    assert_int_equal(h.seen.committed_bytes, plim_budget_used_bytes(h.budget));
    uint64_t commits = h.seen.commit_count;
    assert_status(plim_region_alloc(r, 1, 0, &block, &err), PLIM_E_BUDGET);

    assert_null(block);
    assert_int_equal(err.want, GRANULE);
    assert_int_equal(err.have, rest);
    assert_int_equal(err.limit, 4 * MIB);
    assert_string_equal(err.holders[0].owner, "runtime");
    assert_int_equal(err.holders[0].tag, PLIM_TAG_ACTIVATIONS);
    assert_int_equal(err.holders[0].bytes, granules * GRANULE);
    assert_int_equal(h.seen.commit_count, commits); /* the system was not asked */
    plim_region_opts o = opts_of(GRANULE);
    assert_status(plim_region_create(h.arena, PLIM_REGION_STATIC, &o, &fill, &err), PLIM_E_BUDGET);
    assert_null(fill);
    assert_true(plim_budget_peak_bytes(h.budget) <= 4 * MIB);
    home_close(&h);
}

static void three_refusals_are_kept_apart(void **state)
{
    (void)state;
    home h;
    void *block = NULL, *at[8];
    home_open(&h, 2 * MIB);
    plim_region *r = make(&h, PLIM_REGION_DYNAMIC, 8 * GRANULE);
    plim_region *wide = make(&h, PLIM_REGION_BUMP, 8 * MIB / 2);
    for (size_t i = 0; i < 8; i++) {
        at[i] = take(r, GRANULE);
    }
    assert_ok(plim_region_free(r, at[1], &err));
    assert_ok(plim_region_free(r, at[4], &err));
    assert_ok(plim_region_free(r, at[5], &err));
    uint64_t used = plim_budget_used_bytes(h.budget);

    assert_status(plim_region_alloc(r, 3 * GRANULE, 0, &block, &err), PLIM_E_FRAG);
    assert_int_equal(err.want, 3 * GRANULE);
    assert_int_equal(err.have, 2 * GRANULE);
    assert_int_equal(err.limit, 3 * GRANULE);
    assert_int_equal(stats(r).largest_free_bytes, 2 * GRANULE);
    assert_int_equal(stats(r).free_bytes, 3 * GRANULE);
    assert_status(plim_region_alloc(r, 3 * GRANULE + 1, 0, &block, &err), PLIM_E_RANGE);
    assert_int_equal(err.have, 3 * GRANULE);
    assert_int_equal(err.limit, 8 * GRANULE);

    assert_status(plim_region_alloc(wide, 2 * MIB, 0, &block, &err), PLIM_E_BUDGET);
    assert_int_equal(err.want, 2 * MIB);
    assert_int_equal(err.have, 2 * MIB - used);
    assert_int_equal(err.limit, 2 * MIB);

    h.failing.fail_at = h.failing.calls;
    assert_status(plim_region_alloc(wide, GRANULE, 0, &block, &err), PLIM_E_NOMEM);
    assert_int_equal(err.want, GRANULE);
    assert_int_equal(err.have, 2 * MIB - used); /* the line had room */
    assert_int_equal(err.limit, 2 * MIB);

    assert_int_equal(plim_budget_used_bytes(h.budget), used);
    assert_int_equal(stats(wide).refusal_count, 2);
    assert_int_equal(stats(r).refusal_count, 2);
    assert_int_equal(stats(wide).used_bytes, 0);
    home_close(&h);
}

static void seal_refuses_commits_and_still_gives_what_is_committed(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    plim_region *more = NULL;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_DYNAMIC, 4 * GRANULE);
    plim_region *weights = make(&h, PLIM_REGION_STATIC, GRANULE);
    void *first = take(r, 1000);

    plim_arena_seal(h.arena, PLIM_SEAL_REFUSE);

    take(r, GRANULE - 1024);
    assert_status(plim_region_alloc(r, 64, 0, &block, &err), PLIM_E_STATE);
    assert_int_equal(err.want, GRANULE);
    assert_ok(plim_region_free(r, first, &err));
    assert_ptr_equal(take(r, 1000), first); /* the hole serves although the tail may not grow */
    plim_region_opts o = opts_of(GRANULE);
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &more, &err), PLIM_E_STATE);
    assert_ok(plim_region_evict(weights, &err));
    assert_ok(plim_region_restore(weights, &err));
    plim_arena_seal(h.arena, PLIM_SEAL_OPEN);
    take(r, 64);
    home_close(&h);
}

static void seal_counts_commits(void **state)
{
    (void)state;
    home h;
    plim_arena_stats s;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_BUMP, 4 * GRANULE);
    take(r, 100);

    plim_arena_seal(h.arena, PLIM_SEAL_COUNT);
    take(r, 100);
    take(r, GRANULE);
    take(r, 2 * GRANULE);

    plim_arena_read(h.arena, &s);
    assert_int_equal(s.sealed_growth_count, 2);
    assert_int_equal(s.seal, PLIM_SEAL_COUNT);
    assert_int_equal(s.committed_bytes, 4 * GRANULE);
    assert_int_equal(s.region_count, 1);
    home_close(&h);
}

static void budget_seal_lets_an_eviction_be_restored_under_the_cap(void **state)
{
    (void)state;
    home h;
    home_open(&h, 2 * MIB);
    plim_region *r = make(&h, PLIM_REGION_STATIC, MIB);
    assert_ok(plim_region_evict(r, &err));
    plim_budget_seal(h.budget, PLIM_SEAL_REFUSE);

    assert_ok(plim_region_restore(r, &err));

    assert_ok(plim_region_evict(r, &err));
    plim_budget_seal(h.budget, PLIM_SEAL_OPEN);
    plim_region *taken = make(&h, PLIM_REGION_STATIC, MIB);
    assert_status(plim_region_restore(r, &err), PLIM_E_BUDGET);
    plim_region_destroy(taken);
    assert_ok(plim_region_restore(r, &err));
    home_close(&h);
}

/* ---- the four kinds ---- */

static void bump_goes_forward_and_back_to_its_marks(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_BUMP, 4 * GRANULE);
    char *base = plim_region_base(r);

    assert_ptr_equal(take(r, 100), base);
    assert_ptr_equal(take(r, 10), base + 128);
    uint64_t mark = plim_region_mark(r);
    assert_int_equal(mark, 138);
    assert_ok(plim_region_alloc(r, 4, 4, &block, &err));
    assert_ptr_equal(block, base + 140);
    take(r, 2 * GRANULE);
    assert_status(plim_region_rewind(r, plim_region_mark(r) + 1, &err), PLIM_E_ARG);
    assert_ok(plim_region_rewind(r, mark, &err));
    assert_int_equal(plim_region_mark(r), mark);
    assert_ptr_equal(take(r, 1), base + 192);
    assert_int_equal(stats(r).used_bytes, 193);
    assert_int_equal(stats(r).used_peak_bytes, 192 + 2 * GRANULE);
    assert_int_equal(stats(r).committed_bytes, 3 * GRANULE);
    assert_status(plim_region_free(r, base, &err), PLIM_E_STATE);
    plim_region_reset(r);
    assert_int_equal(plim_region_mark(r), 0);
    assert_int_equal(plim_region_trim(r), 3 * GRANULE);
    assert_status(plim_region_alloc(r, 4 * GRANULE + 1, 0, &block, &err), PLIM_E_RANGE);
    assert_int_equal(err.have, 4 * GRANULE);
    take(r, 4 * GRANULE);
    assert_int_equal(stats(r).largest_free_bytes, 0);
    home_close(&h);
}

static void pool_gives_equal_blocks_until_it_is_full(void **state)
{
    (void)state;
    home h;
    void *at[66], *block = NULL;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_POOL, GRANULE + 1024 + 64); /* 65 blocks of 1024 */
    char *base = plim_region_base(r);
    for (size_t i = 0; i < 65; i++) {
        at[i] = take(r, 1000);
        assert_ptr_equal(at[i], base + i * 1024);
    }

    assert_status(plim_region_alloc(r, 1, 0, &block, &err), PLIM_E_RANGE);
    assert_int_equal(stats(r).largest_free_bytes, 0);
    assert_int_equal(plim_region_block_bytes(r, at[3]), 1000);
    assert_int_equal(plim_region_block_bytes(r, (char *)at[3] + 64), 0);
    assert_status(plim_region_free(r, (char *)at[3] + 64, &err), PLIM_E_ARG);
    assert_ok(plim_region_free(r, at[3], &err));
    assert_status(plim_region_free(r, at[3], &err), PLIM_E_ARG);
    assert_status(plim_region_alloc(r, 1001, 0, &block, &err), PLIM_E_RANGE);
    assert_status(plim_region_alloc(r, 10, 2048, &block, &err), PLIM_E_ARG);
    assert_ptr_equal(take(r, 1), at[3]);
    assert_int_equal(stats(r).committed_bytes, 2 * GRANULE);
    assert_ok(plim_region_free(r, at[64], &err));
    assert_ok(plim_region_free(r, at[7], &err));
    assert_ok(plim_region_free(r, at[63], &err));
    assert_int_equal(plim_region_trim(r), GRANULE);
    assert_ptr_equal(take(r, 1), at[7]); /* the tail is not in the list any more */
    assert_ptr_equal(take(r, 1), at[63]);
    assert_ptr_equal(take(r, 1), at[64]);
    assert_int_equal(stats(r).block_count, 65);
    home_close(&h);
}

static void dynamic_commits_no_further_than_its_blocks_reach(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    home_open(&h, 64 * MIB);
    plim_region *r = make(&h, PLIM_REGION_DYNAMIC, 16 * MIB);
    assert_int_equal(stats(r).committed_bytes, 0);

    void *a = take(r, 1);
    assert_int_equal(stats(r).committed_bytes, GRANULE);
    void *b = take(r, GRANULE);
    assert_int_equal(stats(r).committed_bytes, 2 * GRANULE);
    void *c = take(r, MIB);
    assert_int_equal(stats(r).used_bytes, 64 + GRANULE + MIB);
    assert_int_equal(plim_region_block_bytes(r, a), 64);
    assert_ok(plim_region_free(r, b, &err));
    assert_int_equal(plim_region_trim(r), 0); /* a live block lies behind it */
    assert_ok(plim_region_free(r, c, &err));
    assert_int_equal(plim_region_trim(r), MIB + GRANULE);
    assert_int_equal(stats(r).committed_bytes, GRANULE);
    assert_int_equal(stats(r).committed_peak_bytes, MIB + 2 * GRANULE);
    assert_ok(plim_region_alloc(r, 100, 256 * KIB, &block, &err));
    assert_int_equal((uintptr_t)block % (256 * KIB), 0);
    assert_status(plim_region_alloc(r, 100, 4 * MIB, &block, &err), PLIM_E_ARG);
    assert_status(plim_region_alloc(r, 100, 3, &block, &err), PLIM_E_ARG);
    assert_status(plim_region_alloc(r, 0, 0, &block, &err), PLIM_E_ARG);
    assert_status(plim_region_alloc(r, SIZE_MAX, 0, &block, &err), PLIM_E_RANGE);
    assert_status(plim_region_free(r, (char *)a + 16, &err), PLIM_E_ARG);
    assert_status(plim_region_free(r, NULL, &err), PLIM_E_ARG);
    assert_status(plim_region_free(r, &h, &err), PLIM_E_ARG);
    assert_ok(plim_region_free(r, a, &err));
    assert_status(plim_region_free(r, a, &err), PLIM_E_ARG);
    plim_region_reset(r);
    assert_int_equal(stats(r).largest_free_bytes, 16 * MIB);
    home_close(&h);
}

static void dynamic_serves_from_committed_memory_when_the_cap_is_reached(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    home_open(&h, MIB);
    plim_region *r = make(&h, PLIM_REGION_DYNAMIC, 4 * MIB);
    void *hole = take(r, 33 * 64); /* the quick search would round 33 units up and pass it by */
    take(r, room(&h) / GRANULE * GRANULE);
    assert_ok(plim_region_free(r, hole, &err));

    assert_ok(plim_region_alloc(r, 33 * 64, 0, &block, &err));

    assert_ptr_equal(block, hole);
    assert_status(plim_region_alloc(r, GRANULE, 0, &block, &err), PLIM_E_BUDGET);
    home_close(&h);
}

static void dynamic_block_limit_is_a_refusal_with_its_number(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_DYNAMIC, MIB);
    for (int i = 0; i < 64; i++) {
        take(r, 64);
    }

    assert_status(plim_region_alloc(r, 64, 0, &block, &err), PLIM_E_RANGE);

    assert_int_equal(err.want, 65);
    assert_int_equal(err.limit, 64);
    assert_int_equal(stats(r).largest_free_bytes, 0);
    home_close(&h);
}

static void static_is_whole_at_fixed_offsets(void **state)
{
    (void)state;
    home h;
    void *at = NULL;
    home_open(&h, 8 * MIB);
    plim_region *r = make(&h, PLIM_REGION_STATIC, GRANULE + 100);

    assert_int_equal(stats(r).committed_bytes, 2 * GRANULE);
    assert_int_equal(stats(r).size_bytes, GRANULE + 128);
    assert_ok(plim_region_at(r, GRANULE, 128, &at, &err));
    assert_ptr_equal(at, (char *)plim_region_base(r) + GRANULE);
    memset(at, 1, 128);
    assert_status(plim_region_at(r, GRANULE, 129, &at, &err), PLIM_E_RANGE);
    assert_null(at);
    assert_status(plim_region_at(r, UINT64_MAX, 2, &at, &err), PLIM_E_RANGE);
    assert_status(plim_region_alloc(r, 1, 0, &at, &err), PLIM_E_STATE);
    assert_status(plim_region_restore(r, &err), PLIM_E_STATE);
    assert_int_equal(plim_region_trim(r), 0);
    plim_region_reset(r);
    home_close(&h);
}

#if defined(__SANITIZE_ADDRESS__)
int __asan_address_is_poisoned(const volatile void *address);

static void sanitizer_sees_what_is_not_handed_out(void **state)
{
    (void)state;
    home h;
    home_open(&h, 8 * MIB);
    plim_region *bump = make(&h, PLIM_REGION_BUMP, GRANULE);
    plim_region *dynamic = make(&h, PLIM_REGION_DYNAMIC, GRANULE);
    plim_region *pool = make(&h, PLIM_REGION_POOL, GRANULE);
    char *b = take(bump, 100), *d = take(dynamic, 100), *p = take(pool, 1000);

    assert_true(__asan_address_is_poisoned(b + 104) && !__asan_address_is_poisoned(b + 99));
    assert_true(__asan_address_is_poisoned(d + 128) && !__asan_address_is_poisoned(d + 127));
    assert_true(__asan_address_is_poisoned(p + 1000) && !__asan_address_is_poisoned(p + 999));
    assert_ok(plim_region_rewind(bump, 8, &err));
    assert_ok(plim_region_free(dynamic, d, &err));
    plim_region_reset(pool);
    assert_true(__asan_address_is_poisoned(b + 8) && !__asan_address_is_poisoned(b + 7));
    assert_true(__asan_address_is_poisoned(d) && __asan_address_is_poisoned(p));
    char *base = plim_region_base(pool);
    plim_region_destroy(pool); /* the addresses may go to a static region next */
    plim_region *fixed = make(&h, PLIM_REGION_STATIC, GRANULE);
    assert_ptr_equal(plim_region_base(fixed), base);
    assert_false(__asan_address_is_poisoned(base) || __asan_address_is_poisoned(base + 5000));
    home_close(&h);
}
#endif

/* ---- pages ---- */

static long rss_bytes(void)
{
    char text[128] = {0};
    long total = 0, resident = 0;
    int fd = open("/proc/self/statm", O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0 && read(fd, text, sizeof(text) - 1) > 0);
    close(fd);
    assert_int_equal(sscanf(text, "%ld %ld", &total, &resident), 2);
    return resident * sysconf(_SC_PAGESIZE);
}

/* The kernel's counter moves in steps per CPU: allow it 1 MiB of 32. */
#define RSS_SLACK ((long)MIB)

static void evict_returns_the_pages_and_restore_gives_zeroed_ones(void **state)
{
    (void)state;
    home h;
    void *at = NULL;
    home_open(&h, 64 * MIB);
    plim_region *r = make(&h, PLIM_REGION_STATIC, 32 * MIB);
    void *base = plim_region_base(r);
    uint64_t used = plim_budget_used_bytes(h.budget);
    memset(base, 0x42, 32 * MIB);
    long before = rss_bytes();

    assert_ok(plim_region_evict(r, &err));
    long after = rss_bytes();

    assert_true(before - after > (long)(32 * MIB) - RSS_SLACK);
    assert_int_equal(plim_budget_used_bytes(h.budget), used - 32 * MIB);
    assert_status(plim_region_at(r, 0, 1, &at, &err), PLIM_E_STATE);
    assert_status(plim_region_evict(r, &err), PLIM_E_STATE);
    assert_true(stats(r).is_evicted);
    assert_ok(plim_region_restore(r, &err));
    assert_int_equal(plim_budget_used_bytes(h.budget), used);
    assert_ptr_equal(plim_region_base(r), base);
    for (size_t i = 0; i < 32 * MIB; i += 4096) {
        assert_int_equal(((unsigned char *)base)[i], 0);
    }
    home_close(&h);
}

static void trim_returns_the_pages(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB);
    plim_region *r = make(&h, PLIM_REGION_BUMP, 32 * MIB);
    take(r, 32 * MIB);
    long before = rss_bytes();

    plim_region_reset(r);
    assert_int_equal(plim_region_trim(r), 32 * MIB);

    assert_true(before - rss_bytes() > (long)(32 * MIB) - RSS_SLACK);
    assert_int_equal(stats(r).committed_bytes, 0);
    assert_int_equal(plim_budget_used_bytes(h.budget), h.start);
    home_close(&h);
}

static void huge_regions_commit_in_steps_of_two_mib(void **state)
{
    (void)state;
    home h;
    plim_region *r = NULL;
    home_open(&h, 64 * MIB);
    plim_region_opts o = opts_of(5 * MIB);
    o.huge = true;

    assert_ok(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &r, &err));
    assert_int_equal((uintptr_t)plim_region_base(r) % (2 * MIB), 0);
    take(r, 1);
    assert_int_equal(stats(r).committed_bytes, 2 * MIB);
    take(r, 4 * MIB);
    assert_int_equal(stats(r).committed_bytes, 5 * MIB);
    plim_region_reset(r);
    take(r, 1);
    assert_int_equal(plim_region_trim(r), 3 * MIB);
    home_close(&h);
}

/* ---- address space ---- */

static void carving_reuses_gaps_and_tells_fragmentation_from_exhaustion(void **state)
{
    (void)state;
    home h;
    plim_arena_opts ao = plim_arena_opts_default();
    plim_arena *a = NULL;
    plim_region *r[4], *more = NULL;
    plim_arena_stats s;
    home_open(&h, 64 * MIB);
    ao.reserve_bytes = 16 * GRANULE;
    ao.region_limit = 5;
    assert_ok(plim_arena_open(h.budget, plim_provider_mmap(), &ao, &a, &err));
    plim_region_opts o = opts_of(4 * GRANULE);
    for (size_t i = 0; i < 4; i++) {
        assert_ok(plim_region_create(a, PLIM_REGION_BUMP, &o, &r[i], &err));
    }
    void *second = plim_region_base(r[1]);
    plim_region_destroy(r[1]);
    plim_region_destroy(r[3]);

    o.size_bytes = 5 * GRANULE;
    assert_status(plim_region_create(a, PLIM_REGION_BUMP, &o, &more, &err), PLIM_E_FRAG);
    assert_int_equal(err.want, 5 * GRANULE);
    assert_int_equal(err.have, 4 * GRANULE);
    assert_int_equal(err.limit, 8 * GRANULE);
    o.size_bytes = 8 * GRANULE;
    assert_status(plim_region_create(a, PLIM_REGION_BUMP, &o, &more, &err), PLIM_E_FRAG);
    o.size_bytes = 9 * GRANULE;
    assert_status(plim_region_create(a, PLIM_REGION_BUMP, &o, &more, &err), PLIM_E_RANGE);
    o.size_bytes = 4 * GRANULE;
    assert_ok(plim_region_create(a, PLIM_REGION_BUMP, &o, &r[1], &err));
    assert_ptr_equal(plim_region_base(r[1]), second);
    plim_arena_read(a, &s);
    assert_int_equal(s.free_span_bytes, 4 * GRANULE);
    assert_int_equal(s.largest_free_span_bytes, 4 * GRANULE);
    o.size_bytes = GRANULE;
    assert_ok(plim_region_create(a, PLIM_REGION_BUMP, &o, &r[3], &err));
    assert_ok(plim_region_create(a, PLIM_REGION_BUMP, &o, &more, &err));
    assert_status(plim_region_create(a, PLIM_REGION_BUMP, &o, &more, &err), PLIM_E_RANGE);
    assert_int_equal(err.limit, 5);
    plim_region_stats all[5];
    assert_int_equal(plim_arena_regions(a, all, 5), 5);
    assert_ptr_equal(all[1].base, second);
    assert_ok(plim_arena_check(a, &err));
    plim_arena_close(a); /* regions and all */
    home_close(&h);
}

static void wrong_options_are_refused(void **state)
{
    (void)state;
    home h;
    plim_arena *a = NULL;
    plim_region *r = NULL;
    home_open(&h, 8 * MIB);
    plim_arena_opts ao = plim_arena_opts_default();
    ao.granule_bytes = 3 * 4096;
    assert_status(plim_arena_open(h.budget, plim_provider_mmap(), &ao, &a, &err), PLIM_E_ARG);
    ao.granule_bytes = 2048;
    assert_status(plim_arena_open(h.budget, plim_provider_mmap(), &ao, &a, &err), PLIM_E_ARG);
    ao.granule_bytes = 0;
    ao.reserve_bytes = UINT64_MAX;
    assert_status(plim_arena_open(h.budget, plim_provider_mmap(), &ao, &a, &err), PLIM_E_RANGE);
    plim_region_opts o = opts_of(0);
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &r, &err), PLIM_E_ARG);
    o = opts_of(GRANULE);
    assert_status(plim_region_create(h.arena, PLIM_REGION_POOL, &o, &r, &err), PLIM_E_ARG);
    o.block_bytes = GRANULE + 1;
    assert_status(plim_region_create(h.arena, PLIM_REGION_POOL, &o, &r, &err), PLIM_E_ARG);
    assert_status(plim_region_create(h.arena, (plim_region_kind)4, &o, &r, &err), PLIM_E_ARG);
    o.owner = 9;
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &r, &err), PLIM_E_ARG);
    o.owner = 0;
    o.align_bytes = 12345;
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &r, &err), PLIM_E_ARG);
    o = opts_of(UINT64_MAX);
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, &o, &r, &err), PLIM_E_RANGE);
    assert_status(plim_region_create(h.arena, PLIM_REGION_BUMP, NULL, &r, &err), PLIM_E_ARG);
    assert_int_equal(plim_budget_used_bytes(h.budget), h.start);
    home_close(&h);
}

/* ---- every failure ---- */

#define STEP(call)                                                                                 \
    do {                                                                                           \
        uint64_t before_ = plim_budget_used_bytes(h->budget);                                      \
        plim_status status_ = (call);                                                              \
        if (status_ != PLIM_OK) {                                                                  \
            assert_int_equal(status_, PLIM_E_NOMEM);                                               \
            assert_int_equal(plim_budget_used_bytes(h->budget), before_);                          \
            return false;                                                                          \
        }                                                                                          \
        assert_ok(plim_arena_check(h->arena, &err));                                               \
    } while (0)

/* Everything that asks the system for something; false at the first refusal. */
static bool scenario(home *h)
{
    plim_region *fixed = NULL, *bump = NULL, *dynamic = NULL, *pool = NULL, *hardened = NULL;
    void *block = NULL, *other = NULL;
    plim_region_opts o = opts_of(4 * GRANULE);
    o.block_bytes = GRANULE;
    o.huge = true;
    STEP(plim_region_create(h->arena, PLIM_REGION_STATIC, &o, &fixed, &err));
    o.huge = false;
    STEP(plim_region_create(h->arena, PLIM_REGION_BUMP, &o, &bump, &err));
    STEP(plim_region_create(h->arena, PLIM_REGION_DYNAMIC, &o, &dynamic, &err));
    o.is_hardened = true;
    STEP(plim_region_create(h->arena, PLIM_REGION_DYNAMIC, &o, &hardened, &err));
    o.is_hardened = false;
    o.commit_now = true;
    STEP(plim_region_create(h->arena, PLIM_REGION_POOL, &o, &pool, &err));
    STEP(plim_region_alloc(bump, GRANULE + 1, 0, &block, &err));
    STEP(plim_region_alloc(dynamic, GRANULE, 0, &block, &err));
    STEP(plim_region_alloc(dynamic, 2 * GRANULE, 0, &other, &err));
    STEP(plim_region_alloc(hardened, GRANULE, 0, &other,
                           &err)); /* with the sentinel: two granules */
    STEP(plim_region_free(hardened, other, &err));
    STEP(plim_region_alloc(hardened, 2 * GRANULE, GRANULE, &other, &err));
    STEP(plim_region_alloc(pool, GRANULE, 0, &other, &err));
    STEP(plim_region_evict(fixed, &err));
    STEP(plim_region_restore(fixed, &err));
    STEP(plim_region_free(dynamic, block, &err));
    plim_region_reset(bump);
    assert_int_equal(plim_region_trim(bump), 2 * GRANULE);
    STEP(plim_region_alloc(bump, 1, 0, &block, &err));
    plim_region_destroy(fixed);
    return true;
}

static void every_failure_changes_nothing(void **state)
{
    (void)state;
    for (int keep = 0; keep < 2; keep++) {
        bool done = false;
        uint64_t n = 0, refused = 0;
        for (; !done; n++) {
            home h;
            home_open(&h, 16 * MIB);
            h.failing.keep_failing = keep;
            h.failing.fail_at = h.failing.calls + n;
            uint64_t last = h.failing.fail_at;

            bool passed = scenario(&h);

            refused += !passed;
            done = h.failing.calls <= last; /* the refusal was never reached */
            assert_true(!done || passed);
            assert_ok(plim_arena_check(h.arena, &err));
            while (plim_arena_regions(h.arena, NULL, 0)) {
                plim_arena_close(h.arena);
                h.failing.fail_at = UINT64_MAX;
                h.failing.keep_failing = false;
                assert_ok(plim_arena_open(h.budget, &h.failing.base, NULL, &h.arena, &err));
            }
            assert_int_equal(plim_budget_used_bytes(h.budget), h.start);
            home_close(&h);
        }
        assert_true(n > 10);
        assert_true(refused > 9);
    }
}

static void opening_fails_whole_at_each_call(void **state)
{
    (void)state;
    bool opened = false;
    uint64_t n = 0;
    for (; !opened; n++) {
        home h;
        home_open(&h, 16 * MIB);
        plim_arena *a = NULL;
        h.failing.fail_at = h.failing.calls + n;
        plim_status status = plim_arena_open(h.budget, &h.failing.base, NULL, &a, &err);
        opened = status == PLIM_OK;
        assert_true(opened || (status == PLIM_E_NOMEM && !a));
        plim_arena_close(a);
        assert_int_equal(plim_budget_used_bytes(h.budget), h.start);
        home_close(&h);
    }
    assert_int_equal(n, 4); /* tables reserved, committed; addresses reserved; success */
}

/* ---- any sequence, and threads ---- */

static void any_sequence_keeps_every_invariant(void **state)
{
    (void)state;
    home h;
    uint64_t seed = cm_seed();
    void *live[200];
    size_t count = 0;
    home_open(&h, 6 * MIB);
    plim_region_opts o = opts_of(8 * MIB);
    plim_region *r = NULL;
    o.block_limit = 150;
    assert_ok(plim_region_create(h.arena, PLIM_REGION_DYNAMIC, &o, &r, &err));
    for (int step = 0; step < 60000; step++) {
        uint64_t dice = cm_next(&seed) % 100;
        if (dice < 50 && count < 200) {
            size_t most = cm_next(&seed) % 20 ? 20000 : 2 * MIB;
            size_t size = cm_next(&seed) % most + 1;
            plim_status status = plim_region_alloc(r, size, 0, &live[count], NULL);
            if (status == PLIM_OK) {
                memset(live[count], (int)count, size < 64 ? size : 64);
                count++;
            } else {
                assert_true(status == PLIM_E_BUDGET || status == PLIM_E_RANGE ||
                            status == PLIM_E_FRAG);
            }
        } else if (dice < 98 && count) {
            size_t i = cm_next(&seed) % count;
            assert_ok(plim_region_free(r, live[i], &err));
            live[i] = live[--count];
        } else {
            plim_region_trim(r);
        }
        if (step % 32 == 0) {
            assert_ok(plim_arena_check(h.arena, &err));
            plim_region_stats s = stats(r);
            assert_int_equal(plim_budget_used_bytes(h.budget),
                             h.start + s.table_bytes + s.committed_bytes);
            assert_int_equal(h.seen.committed_bytes, plim_budget_used_bytes(h.budget));
        }
    }
    assert_true(plim_budget_peak_bytes(h.budget) <= 6 * MIB);
    home_close(&h);
}

typedef struct worker {
    plim_region *region;
    uint64_t seed, refused;
} worker;

static void *work(void *context)
{
    worker *w = context;
    for (int i = 0; i < 3000; i++) {
        void *a = NULL, *b = NULL;
        size_t size = cm_next(&w->seed) % (512 * KIB) + 1;
        w->refused += plim_region_alloc(w->region, size, 0, &a, NULL) != PLIM_OK;
        w->refused += plim_region_alloc(w->region, 4096, 0, &b, NULL) != PLIM_OK;
        if (a) {
            *(unsigned char *)a = 1;
            w->refused += plim_region_free(w->region, a, NULL) != PLIM_OK;
        }
        plim_region_trim(w->region);
        if (b && plim_region_free(w->region, b, NULL) != PLIM_OK) {
            w->refused += 1000000;
        }
    }
    return NULL;
}

static void separate_regions_serve_separate_threads_under_one_cap(void **state)
{
    (void)state;
    home h;
    pthread_t threads[8];
    worker workers[8];
    home_open(&h, 3 * MIB); /* eight regions of up to 1 MiB do not fit together */
    for (size_t i = 0; i < 8; i++) {
        workers[i] = (worker){make(&h, PLIM_REGION_DYNAMIC, MIB), i, 0};
    }
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(pthread_create(&threads[i], NULL, work, &workers[i]), 0);
    }
    for (int i = 0; i < 200; i++) { /* others come and go meanwhile */
        plim_region_destroy(make(&h, PLIM_REGION_BUMP, MIB));
    }
    for (size_t i = 0; i < 8; i++) {
        pthread_join(threads[i], NULL);
        assert_true(workers[i].refused < 1000000);
        plim_region_trim(workers[i].region);
        assert_int_equal(stats(workers[i].region).committed_bytes, 0);
    }
    assert_true(plim_budget_peak_bytes(h.budget) <= 3 * MIB);
    assert_true(h.seen.committed_peak_bytes <= 3 * MIB);
    home_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_grants_the_last_granule_and_refuses_the_first_over_the_cap),
        cmocka_unit_test(three_refusals_are_kept_apart),
        cmocka_unit_test(seal_refuses_commits_and_still_gives_what_is_committed),
        cmocka_unit_test(seal_counts_commits),
        cmocka_unit_test(budget_seal_lets_an_eviction_be_restored_under_the_cap),
        cmocka_unit_test(bump_goes_forward_and_back_to_its_marks),
        cmocka_unit_test(pool_gives_equal_blocks_until_it_is_full),
        cmocka_unit_test(dynamic_commits_no_further_than_its_blocks_reach),
        cmocka_unit_test(dynamic_serves_from_committed_memory_when_the_cap_is_reached),
        cmocka_unit_test(dynamic_block_limit_is_a_refusal_with_its_number),
        cmocka_unit_test(static_is_whole_at_fixed_offsets),
#if defined(__SANITIZE_ADDRESS__)
        cmocka_unit_test(sanitizer_sees_what_is_not_handed_out),
#endif
        cmocka_unit_test(evict_returns_the_pages_and_restore_gives_zeroed_ones),
        cmocka_unit_test(trim_returns_the_pages),
        cmocka_unit_test(huge_regions_commit_in_steps_of_two_mib),
        cmocka_unit_test(carving_reuses_gaps_and_tells_fragmentation_from_exhaustion),
        cmocka_unit_test(wrong_options_are_refused),
        cmocka_unit_test(every_failure_changes_nothing),
        cmocka_unit_test(opening_fails_whole_at_each_call),
        cmocka_unit_test(any_sequence_keeps_every_invariant),
        cmocka_unit_test(separate_regions_serve_separate_threads_under_one_cap),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
