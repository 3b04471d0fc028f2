/* SPDX-License-Identifier: Apache-2.0 */
/* test_region_guard.c - the hardened mode: every misuse that is injected is noticed. */
#include "test/support/cm.h"

#include "plimsoll/arena.h"

#define KIB     ((size_t)1 << 10)
#define MIB     ((size_t)1 << 20)
#define MISUSES 12000
#define LIVE    64

static plim_error err;

typedef struct home {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
} home;

static void home_open(home *h, uint64_t cap, uint64_t size, uint32_t quarantine)
{
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = cap;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &h->budget, &err));
    assert_ok(plim_arena_open(h->budget, plim_provider_mmap(), NULL, &h->arena, &err));
    plim_region_opts o = plim_region_opts_default();
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = size;
    o.block_limit = LIVE;
    o.is_hardened = true;
    o.quarantine_blocks = quarantine;
    assert_ok(plim_region_create(h->arena, PLIM_REGION_DYNAMIC, &o, &h->region, &err));
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

static unsigned char *take(plim_region *r, size_t size)
{
    void *block = NULL;
    assert_ok(plim_region_alloc(r, size, 0, &block, &err));
    memset(block, 0x11, size);
    return block;
}

/* A wrong write, as a program without sanitizers would do it: changes the byte for certain. */
__attribute__((no_sanitize("address"))) static void spoil(volatile unsigned char *at,
                                                          unsigned char change)
{
    *at = (unsigned char)(*at ^ change);
}

typedef struct loan {
    unsigned char *at;
    size_t size;
    uint32_t stamp;
} loan;

static loan take_loan(home *h, uint64_t *seed)
{
    loan b = {NULL, cm_next(seed) % (16 * KIB) + 1, 0};
    b.at = take(h->region, b.size);
    b.stamp = plim_region_stamp(h->region, b.at);
    assert_true(b.stamp != 0);
    return b;
}

/* Each returns after the misuse was refused or noticed, and repairs what it spoilt. */
static void inject(home *h, loan *b, int kind, uint64_t *seed)
{
    unsigned char change = (unsigned char)(cm_next(seed) % 255 + 1);
    unsigned char *end = b->at + b->size, *front = b->at - 1 - cm_next(seed) % 64;
    unsigned char *behind = end + cm_next(seed) % 64;
    switch (kind) {
    case 0: /* written past the end, the first byte or one of 64 */
        behind = cm_next(seed) % 2 ? end : behind;
        spoil(behind, change);
        assert_status(plim_region_free(h->region, b->at, &err), PLIM_E_STATE);
        spoil(behind, change);
        break;
    case 1: /* written in front */
        spoil(front, change);
        assert_status(plim_region_inspect(h->region, &err), PLIM_E_STATE);
        assert_status(plim_region_free(h->region, b->at, &err), PLIM_E_STATE);
        spoil(front, change);
        break;
    case 2: /* freed twice */
        assert_ok(plim_region_free(h->region, b->at, &err));
        assert_status(plim_region_free(h->region, b->at, &err), PLIM_E_ARG);
        *b = take_loan(h, seed);
        break;
    case 3: /* foreign, interior, the sentinel */
        assert_status(plim_region_free(h->region, (void *)seed, &err), PLIM_E_ARG);
        assert_status(plim_region_free(h->region, b->at + 1 + cm_next(seed) % b->size, &err),
                      PLIM_E_ARG);
        assert_status(plim_region_free(h->region, plim_region_base(h->region), &err), PLIM_E_ARG);
        break;
    case 4: /* another size */
        assert_status(plim_region_free_exact(h->region, b->at, b->size + 1, 0, &err), PLIM_E_ARG);
        break;
    case 5: /* another stamp: a handle of an earlier life */
        assert_status(plim_region_free_exact(h->region, b->at, b->size,
                                             b->stamp - 1 ? b->stamp - 1 : UINT32_MAX, &err),
                      PLIM_E_ARG);
        break;
    default: { /* written after free */
        unsigned char *dead = b->at + cm_next(seed) % (b->size < 2048 ? b->size : 2048);
        assert_ok(plim_region_free_exact(h->region, b->at, b->size, b->stamp, &err));
        spoil(dead, change);
        assert_status(plim_region_inspect(h->region, &err), PLIM_E_STATE);
        spoil(dead, change);
        *b = take_loan(h, seed);
        break;
    }
    }
}

static void every_injected_misuse_is_noticed(void **state)
{
    (void)state;
    home h;
    loan blocks[LIVE - 1];
    uint64_t seed = cm_seed();
    home_open(&h, 64 * MIB, 16 * MIB, 32);
    for (size_t i = 0; i < LIVE - 1; i++) {
        blocks[i] = take_loan(&h, &seed);
    }

    for (int i = 0; i < MISUSES; i++) {
        loan *b = &blocks[cm_next(&seed) % (LIVE - 1)];
        inject(&h, b, i % 7, &seed);
        if (i % 64 == 0) {
            assert_ok(plim_arena_check(h.arena, &err));
            assert_ok(plim_region_inspect(h.region, &err)); /* nothing is left spoilt */
        }
    }

    for (size_t i = 0; i < LIVE - 1; i++) {
        assert_ok(
            plim_region_free_exact(h.region, blocks[i].at, blocks[i].size, blocks[i].stamp, &err));
    }
    assert_int_equal(stats(h.region).block_count, 0);
    assert_int_equal(stats(h.region).used_bytes, 0);
    assert_true(stats(h.region).misuse_count >= (uint64_t)MISUSES / 7 * 6);
    printf("# %d misuses, all noticed\n", MISUSES);
    home_close(&h);
}

static void write_after_free_is_counted_when_the_block_leaves_the_quarantine(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 16 * MIB, 4);
    unsigned char *dead = take(h.region, 100);
    assert_ok(plim_region_free(h.region, dead, &err));
    spoil(dead + 50, 1);

    for (int i = 0; i < 4; i++) {
        assert_int_equal(stats(h.region).misuse_count, 0);
        assert_ok(plim_region_free(h.region, take(h.region, 100), &err));
    }

    assert_int_equal(stats(h.region).misuse_count, 1);
    home_close(&h);
}

static void freed_block_is_not_given_again_while_it_is_held(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 16 * MIB, 8);
    unsigned char *first = take(h.region, 1000);
    assert_ok(plim_region_free(h.region, first, &err));
    assert_int_equal(stats(h.region).used_bytes, 0);
    assert_int_equal(stats(h.region).held_bytes, 1088); /* 1000 and a guard, in whole units */

    for (int i = 0; i < 8; i++) {
        unsigned char *next = take(h.region, 1000);
        assert_true(next != first);
        assert_ok(plim_region_free(h.region, next, &err));
    }

    assert_ptr_equal(take(h.region, 1000), first);
    home_close(&h);
}

static void quarantine_lets_go_before_anything_is_refused(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, MIB, 32);
    for (int round = 0; round < 100; round++) { /* each time most of what is free is held */
        void *block = NULL;
        assert_ok(plim_region_alloc(h.region, 60 * KIB, 0, &block, &err));
        assert_ok(plim_region_free(h.region, block, &err));
    }

    void *whole = NULL;
    assert_ok(plim_region_alloc(h.region, MIB - 128, 0, &whole, &err));

    assert_int_equal(stats(h.region).held_bytes, 0);
    assert_status(plim_region_alloc(h.region, 1, 0, &whole, &err), PLIM_E_RANGE);
    home_close(&h);
}

static void refused_first_block_leaves_nothing_committed(void **state)
{
    (void)state;
    home h;
    home_open(&h, 4 * MIB, 16 * MIB, 8);
    uint64_t before = plim_budget_used_bytes(h.budget);
    void *block = NULL;

    assert_status(plim_region_alloc(h.region, 8 * MIB, 0, &block, &err), PLIM_E_BUDGET);

    assert_int_equal(plim_budget_used_bytes(h.budget), before);
    assert_int_equal(stats(h.region).committed_bytes, 0);
    assert_non_null(take(h.region, 100));
    home_close(&h);
}

static void alignment_gap_in_front_is_guarded(void **state)
{
    (void)state;
    home h;
    void *block = NULL;
    home_open(&h, 64 * MIB, 16 * MIB, 8);
    assert_ok(plim_region_alloc(h.region, 4096, 64 * KIB, &block, &err));
    assert_int_equal((uintptr_t)block % (64 * KIB), 0);

    spoil((unsigned char *)block - 1, 1);

    assert_status(plim_region_free(h.region, block, &err), PLIM_E_STATE);
    spoil((unsigned char *)block - 1, 1);
    assert_ok(plim_region_free(h.region, block, &err));
    home_close(&h);
}

static void reset_makes_every_stamp_stale(void **state)
{
    (void)state;
    home h;
    home_open(&h, 64 * MIB, 16 * MIB, 8);
    unsigned char *before = take(h.region, 100);
    uint32_t stamp = plim_region_stamp(h.region, before);

    plim_region_reset(h.region);

    assert_int_equal(plim_region_stamp(h.region, before), 0);
    assert_ptr_equal(take(h.region, 100), before); /* the same address, another life */
    assert_status(plim_region_free_exact(h.region, before, 100, stamp, &err), PLIM_E_ARG);
    assert_ok(plim_region_free_exact(h.region, before, 100, 0, &err));
    home_close(&h);
}

static void plain_region_compares_sizes_to_64_bytes(void **state)
{
    (void)state;
    home h;
    plim_region *plain = NULL;
    void *block = NULL;
    home_open(&h, 64 * MIB, 16 * MIB, 8);
    plim_region_opts o = plim_region_opts_default();
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = MIB;
    assert_ok(plim_region_create(h.arena, PLIM_REGION_DYNAMIC, &o, &plain, &err));
    assert_ok(plim_region_alloc(plain, 100, 0, &block, &err));

    assert_status(plim_region_free_exact(plain, block, 64, 0, &err), PLIM_E_ARG);
    assert_status(plim_region_free_exact(plain, block, 129, 0, &err), PLIM_E_ARG);
    assert_status(plim_region_free_exact(plain, block, SIZE_MAX, 0, &err), PLIM_E_ARG);
    assert_int_equal(plim_region_stamp(plain, block), 0);
    assert_ok(plim_region_free_exact(plain, block, 100, 0, &err));
    home_close(&h);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_injected_misuse_is_noticed),
        cmocka_unit_test(write_after_free_is_counted_when_the_block_leaves_the_quarantine),
        cmocka_unit_test(freed_block_is_not_given_again_while_it_is_held),
        cmocka_unit_test(quarantine_lets_go_before_anything_is_refused),
        cmocka_unit_test(refused_first_block_leaves_nothing_committed),
        cmocka_unit_test(alignment_gap_in_front_is_guarded),
        cmocka_unit_test(reset_makes_every_stamp_stale),
        cmocka_unit_test(plain_region_compares_sizes_to_64_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
