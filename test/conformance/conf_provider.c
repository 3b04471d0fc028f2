/* SPDX-License-Identifier: Apache-2.0 */
/* conf_provider.c - what every provider must do; run on each one. */
#include "test/support/cm.h"

#include "plimsoll/arena.h"

#define SEGMENT ((size_t)16 << 20)
#define MIB     ((size_t)1 << 20)

static plim_error err;

typedef struct subject {
    const char *name;
    plim_provider *provider;
    plim_shm_provider shm;
    plim_file_provider file;
    plim_recording_provider recording;
    plim_large_provider large;
    char path[4200];
} subject;

static subject subjects[5];
static size_t subject_count;

static void open_all(void)
{
    snprintf(subjects[2].path, sizeof(subjects[2].path), "%s/segment", cm_tmp());
    assert_ok(plim_provider_shm_open(&subjects[1].shm, "conformance", SEGMENT, &err));
    assert_ok(plim_file_provider_open(&subjects[2].file, subjects[2].path, SEGMENT, &err));
    plim_recording_provider_init(&subjects[3].recording, plim_provider_mmap());
    subjects[0].provider = plim_provider_mmap();
    subjects[1].provider = &subjects[1].shm.base;
    subjects[2].provider = &subjects[2].file.base;
    subjects[3].provider = &subjects[3].recording.base;
    subjects[0].name = "mmap", subjects[1].name = "shm";
    subjects[2].name = "file", subjects[3].name = "recording";
    subject_count = 4;
    if (plim_provider_large_open(&subjects[4].large, &err) == PLIM_OK) {
        subjects[4].provider = &subjects[4].large.base;
        subjects[4].name = "large";
        subject_count = 5;
    }
}

static void close_all(void)
{
    plim_provider_shm_close(&subjects[1].shm);
    plim_file_provider_close(&subjects[2].file);
    plim_provider_large_close(&subjects[4].large);
}

/* Runs the body once for each provider, @p. */
#define FOR_EACH_PROVIDER(p)                                                                       \
    open_all();                                                                                    \
    for (size_t subject_ = 0; subject_ < subject_count; subject_ += 1)                             \
        for (plim_provider *p = subjects[subject_].provider; p; p = NULL)

static size_t resident(plim_provider *p, const void *at, size_t size)
{
    size_t bytes = SIZE_MAX;
    assert_ok(plim_provider_resident(p, at, size, &bytes, &err));
    return bytes;
}

static unsigned char *reserve(plim_provider *p, size_t size, size_t align)
{
    void *base = NULL;
    assert_ok(plim_provider_reserve(p, size, align, &base, &err));
    return base;
}

static void table_is_complete(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        assert_int_equal(p->ops->abi, PLIM_PROVIDER_ABI);
        assert_true(p->ops->struct_size >= sizeof(plim_provider_ops));
        assert_string_equal(plim_provider_name(p), subjects[subject_].name);
        assert_true(plim_provider_page_bytes(p) >= 4096);
    }
    close_all();
}

static void reserve_is_aligned_and_costs_no_memory(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        for (size_t align = 4096; align <= 4 * MIB; align *= 4) {
            unsigned char *base = reserve(p, 3 * MIB + 1, align);
            assert_int_equal((uintptr_t)base % align, 0);
            assert_int_equal(resident(p, base, 3 * MIB), 0);
            plim_provider_release(p, base, 3 * MIB + 1);
        }
    }
    close_all();
}

static void committed_memory_is_zero_and_holds_what_is_written(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        unsigned char *base = reserve(p, 4 * MIB, 0);
        assert_ok(plim_provider_commit(p, base + MIB, MIB, &err));
        for (size_t i = 0; i < MIB; i++) {
            assert_int_equal(base[MIB + i], 0);
        }
        memset(base + MIB, 0x5a, MIB);
        assert_int_equal(base[2 * MIB - 1], 0x5a);
        assert_int_equal(resident(p, base + MIB, MIB), MIB);
        plim_provider_decommit(p, base + MIB, MIB);
        plim_provider_release(p, base, 4 * MIB);
    }
    close_all();
}

static void decommit_returns_the_pages_and_commit_gives_zeroed_ones(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        unsigned char *base = reserve(p, 2 * MIB, 0);
        assert_ok(plim_provider_commit(p, base, 2 * MIB, &err));
        memset(base, 0x77, 2 * MIB);

        plim_provider_decommit(p, base + MIB, MIB);

        assert_int_equal(resident(p, base, 2 * MIB), MIB);
        assert_int_equal(base[MIB - 1], 0x77);
        assert_ok(plim_provider_commit(p, base + MIB, MIB, &err));
        for (size_t i = 0; i < MIB; i += 4096) {
            assert_int_equal(base[MIB + i], 0);
        }
        plim_provider_decommit(p, base, 2 * MIB);
        plim_provider_release(p, base, 2 * MIB);
    }
    close_all();
}

static void committed_large_it_is_the_same_memory(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        size_t size = 5 * MIB + 64 * 1024;
        unsigned char *base = reserve(p, 8 * MIB, 2 * MIB);
        for (int round = 0; round < 2; round++) { /* zeroed again after the first */
            assert_ok(plim_provider_commit_large(p, base, size, &err));
            for (size_t i = 0; i < size; i += 4096) {
                assert_int_equal(base[i], 0);
            }
            memset(base, 0x5a, size);
            assert_int_equal(base[size - 1], 0x5a);
            assert_int_equal(resident(p, base, size), size);
            plim_provider_decommit(p, base, size);
            assert_int_equal(resident(p, base, size), 0);
        }
        assert_status(plim_provider_commit_large(p, base + 1, 4096, &err), PLIM_E_ARG);
        plim_provider_release(p, base, 8 * MIB);
    }
    close_all();
}

static void large_pages_are_here_or_it_is_said_why(void **state)
{
    (void)state;
    plim_large_provider large;
    plim_status status = plim_provider_large_open(&large, &err);
    if (status != PLIM_OK) {
        assert_int_equal(status, PLIM_E_UNSUPPORTED);
        assert_true(err.detail[0] != 0);
        skip_because("no large pages, so not tested on them: %s", err.detail);
    }
    plim_provider_large_close(&large);
    plim_provider_large_close(&large); /* twice is once */
}

static void prefault_makes_every_page_resident_and_changes_nothing(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        unsigned char *base = reserve(p, MIB, 0);
        assert_ok(plim_provider_commit(p, base, MIB, &err));
        base[5000] = 9;

        assert_ok(plim_provider_advise(p, base, MIB, PLIM_ADVICE_PREFAULT, &err));

        assert_int_equal(resident(p, base, MIB), MIB);
        assert_int_equal(base[5000], 9);
        assert_int_equal(base[5001], 0);
        plim_provider_decommit(p, base, MIB);
        plim_provider_release(p, base, MIB);
    }
    close_all();
}

static void huge_advice_is_followed_or_refused_in_words(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        unsigned char *base = reserve(p, 2 * MIB, 2 * MIB);
        assert_ok(plim_provider_commit(p, base, 2 * MIB, &err));
        base[1] = 3;
        plim_status status = plim_provider_advise(p, base, 2 * MIB, PLIM_ADVICE_HUGE, &err);
        assert_true(status == PLIM_OK || status == PLIM_E_UNSUPPORTED);
        assert_int_equal(base[1], 3);
        plim_provider_decommit(p, base, 2 * MIB);
        plim_provider_release(p, base, 2 * MIB);
    }
    close_all();
}

static void several_reservations_live_side_by_side(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        unsigned char *base[4];
        for (int i = 0; i < 4; i++) {
            base[i] = reserve(p, 2 * MIB, 0);
            assert_ok(plim_provider_commit(p, base[i], 4096, &err));
            base[i][0] = (unsigned char)(i + 1);
        }
        plim_provider_decommit(p, base[1], 4096);
        plim_provider_release(p, base[1], 2 * MIB);
        base[1] = reserve(p, MIB, 0); /* a segment reuses the gap, and it is clean */
        assert_ok(plim_provider_commit(p, base[1], 4096, &err));
        assert_int_equal(base[1][0], 0);
        for (int i = 0; i < 4; i++) {
            assert_int_equal(base[i][0], i == 1 ? 0 : i + 1);
            plim_provider_decommit(p, base[i], 4096);
            plim_provider_release(p, base[i], i == 1 ? MIB : 2 * MIB);
        }
    }
    close_all();
}

static void wrong_calls_are_refused_before_the_system_is_asked(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        void *none = &err;
        size_t bytes = 1;
        unsigned char *base = reserve(p, MIB, 0);
        assert_status(plim_provider_reserve(p, 0, 0, &none, &err), PLIM_E_ARG);
        assert_null(none);
        assert_status(plim_provider_reserve(p, MIB, 12288, &none, &err), PLIM_E_ARG);
        assert_status(plim_provider_reserve(p, SIZE_MAX, 0, &none, &err), PLIM_E_NOMEM);
        assert_status(plim_provider_reserve(p, SIZE_MAX - 8191, 0, &none, &err), PLIM_E_NOMEM);
        assert_status(plim_provider_commit(p, base + 1, 4096, &err), PLIM_E_ARG);
        assert_status(plim_provider_commit(p, base, 4095, &err), PLIM_E_ARG);
        assert_status(plim_provider_commit(p, base, 0, &err), PLIM_E_ARG);
        assert_status(plim_provider_commit(p, NULL, 4096, &err), PLIM_E_ARG);
        assert_status(plim_provider_advise(p, base, 4096, (plim_advice)9, &err), PLIM_E_ARG);
        assert_status(plim_provider_resident(p, base, 100, &bytes, &err), PLIM_E_ARG);
        assert_int_equal(bytes, 0);
        plim_provider_release(p, base, MIB);
    }
    close_all();
}

static void budget_and_arena_live_in_it(void **state)
{
    (void)state;
    FOR_EACH_PROVIDER(p)
    {
        plim_budget_opts bo = plim_budget_opts_default();
        plim_arena_opts ao = plim_arena_opts_default();
        plim_region_opts ro = plim_region_opts_default();
        plim_budget *b = NULL;
        plim_arena *a = NULL;
        plim_region *r = NULL;
        void *block = NULL;
        bo.cap_bytes = 8 * MIB;
        ao.reserve_bytes = 8 * MIB;
        ro.size_bytes = 2 * MIB;
        ro.tag = PLIM_TAG_IO;
        assert_ok(plim_budget_open(p, &bo, &b, &err));
        uint64_t start = plim_budget_used_bytes(b);

        assert_ok(plim_arena_open(b, p, &ao, &a, &err));
        assert_ok(plim_region_create(a, PLIM_REGION_DYNAMIC, &ro, &r, &err));
        assert_ok(plim_region_alloc(r, MIB, 0, &block, &err));
        memset(block, 1, MIB);
        assert_int_equal(resident(p, block, MIB), MIB);
        assert_ok(plim_region_free(r, block, &err));
        assert_int_equal(plim_region_trim(r), MIB);
        assert_ok(plim_arena_check(a, &err));

        plim_arena_close(a);
        assert_int_equal(plim_budget_used_bytes(b), start);
        plim_budget_close(b);
    }
    assert_int_equal(subjects[3].recording.committed_bytes, 0);
    assert_int_equal(subjects[3].recording.reserved_bytes, 0);
    close_all();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(table_is_complete),
        cmocka_unit_test(reserve_is_aligned_and_costs_no_memory),
        cmocka_unit_test(committed_memory_is_zero_and_holds_what_is_written),
        cmocka_unit_test(decommit_returns_the_pages_and_commit_gives_zeroed_ones),
        cmocka_unit_test(committed_large_it_is_the_same_memory),
        cmocka_unit_test(large_pages_are_here_or_it_is_said_why),
        cmocka_unit_test(prefault_makes_every_page_resident_and_changes_nothing),
        cmocka_unit_test(huge_advice_is_followed_or_refused_in_words),
        cmocka_unit_test(several_reservations_live_side_by_side),
        cmocka_unit_test(wrong_calls_are_refused_before_the_system_is_asked),
        cmocka_unit_test(budget_and_arena_live_in_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
