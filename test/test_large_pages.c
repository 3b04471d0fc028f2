/* SPDX-License-Identifier: Apache-2.0 */
/* test_large_pages.c - never more resident than charged, no page tables, no harm from a child.
 *
 * Each test needs the right to mount a tmpfs; without it, it says so and is counted as skipped.
 */
#include "test/support/cm.h"

#include <jansson.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"

#define KIB ((size_t)1 << 10)
#define MIB ((size_t)1 << 20)

static plim_error err;
static plim_large_provider large;

static unsigned char *reserve(size_t size)
{
    void *base = NULL;
    assert_ok(plim_provider_reserve(&large.base, size, 2 * MIB, &base, &err));
    return base;
}

static size_t resident(const void *at, size_t size)
{
    size_t bytes = SIZE_MAX;
    assert_ok(plim_provider_resident(&large.base, at, size, &bytes, &err));
    return bytes;
}

#define NEEDS_LARGE_PAGES()                                                                        \
    do {                                                                                           \
        if (plim_provider_large_open(&large, &err) != PLIM_OK) {                                   \
            skip_because("no large pages here: %s", err.detail);                                   \
        }                                                                                          \
    } while (0)

/* ---- the provider ---- */

static void nothing_is_resident_that_was_not_committed(void **state)
{
    (void)state;
    NEEDS_LARGE_PAGES();
    unsigned char *base = reserve(16 * MIB);
    assert_ok(plim_provider_commit(&large.base, base, 64 * KIB, &err));
    assert_ok(plim_provider_commit_large(&large.base, base + 4 * MIB, 3 * MIB + 64 * KIB, &err));

    base[0] = 1;
    assert_true(resident(base, 4 * MIB) <= 64 * KIB);
    base[4 * MIB] = 1;
    assert_true(resident(base + 4 * MIB, 12 * MIB) <= 2 * MIB);
    base[7 * MIB + 64 * KIB - 1] = 1;
    memset(base + 4 * MIB, 2, 3 * MIB + 64 * KIB);

    assert_int_equal(resident(base + 4 * MIB, 12 * MIB), 3 * MIB + 64 * KIB);
    plim_provider_release(&large.base, base, 16 * MIB);
    plim_provider_large_close(&large);
}

static void large_pages_need_no_page_tables(void **state)
{
    (void)state;
    skip_where_memory_is_not_ours();
    NEEDS_LARGE_PAGES();
    static plim_process_memory before, after;
    unsigned char *base = reserve(64 * MIB);
    assert_ok(plim_process_memory_read(0, &before, &err));
    assert_ok(plim_provider_commit_large(&large.base, base, 64 * MIB, &err));
    memset(base, 1, 64 * MIB);
    assert_ok(plim_process_memory_read(0, &after, &err));
    uint64_t tables = after.page_table_bytes - before.page_table_bytes;
    plim_provider_release(&large.base, base, 64 * MIB);
    plim_provider_large_close(&large);
    if (tables > 64 * KIB) {
        skip_because("the system has no 32 large pages left");
    }
    assert_true(tables < plim_page_table_bytes(64 * MIB));
    assert_in_range(after.shmem_bytes - before.shmem_bytes, 64 * MIB, 66 * MIB);
    assert_in_range(after.anonymous_bytes - before.anonymous_bytes, 64 * MIB, 66 * MIB);
}

static void child_of_a_fork_reads_and_cannot_empty_its_parents_memory(void **state)
{
    (void)state;
    NEEDS_LARGE_PAGES();
    unsigned char *base = reserve(4 * MIB);
    assert_ok(plim_provider_commit_large(&large.base, base, 4 * MIB, &err));
    memset(base, 0x33, 4 * MIB);
    int status = 0;

    pid_t child = fork();
    if (child == 0) {
        int good = base[3 * MIB] == 0x33;
        plim_provider_decommit(&large.base, base, 4 * MIB);
        good = good && plim_provider_commit_large(&large.base, base, 4 * MIB, NULL) == PLIM_OK;
        good = good && base[3 * MIB] == 0;
        memset(base, 0x44, 4 * MIB);
        plim_provider_release(&large.base, base, 4 * MIB);
        plim_provider_large_close(&large);
        _exit(good ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);

    assert_int_equal(status, 0);
    for (size_t i = 0; i < 4 * MIB; i += 4096) {
        assert_int_equal(base[i], 0x33);
    }
    plim_provider_release(&large.base, base, 4 * MIB);
    plim_provider_large_close(&large);
}

/* ---- the arena over it ---- */

typedef struct house {
    plim_budget *budget;
    plim_arena *arena;
} house;

static void open_house(house *h)
{
    plim_budget_opts bo = plim_budget_opts_default();
    bo.cap_bytes = 64 * MIB;
    assert_ok(plim_budget_open(&large.base, &bo, &h->budget, &err));
    assert_ok(plim_arena_open(h->budget, &large.base, NULL, &h->arena, &err));
}

static void close_house(house *h)
{
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
    plim_provider_large_close(&large);
}

static plim_region *create(house *h, plim_region_kind kind, size_t size, bool huge)
{
    plim_region_opts o = plim_region_opts_default();
    plim_region *r = NULL;
    o.tag = PLIM_TAG_WEIGHTS;
    o.size_bytes = size;
    o.huge = huge;
    assert_ok(plim_region_create(h->arena, kind, &o, &r, &err));
    return r;
}

static void regions_are_never_more_resident_than_charged(void **state)
{
    (void)state;
    NEEDS_LARGE_PAGES();
    house h;
    open_house(&h);
    static const size_t sizes[] = {64, 70 * KIB, 2 * MIB - 1, 2 * MIB, 5 * MIB + 3, 9 * MIB};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int huge = 0; huge < 2; huge++) {
            plim_region *r = create(&h, PLIM_REGION_STATIC, sizes[i], huge);
            plim_region_stats s;
            memset(plim_region_base(r), 1, sizes[i]);
            plim_region_read(r, &s);
            size_t bytes = resident(s.base, s.committed_bytes);
            assert_true(bytes >= sizes[i] && bytes <= s.committed_bytes);
            assert_true(s.committed_bytes < sizes[i] + 64 * KIB);
        }
    }
    assert_ok(plim_arena_check(h.arena, &err));
    close_house(&h);
}

static void eviction_returns_the_large_pages_and_restore_gives_zeroed_ones(void **state)
{
    (void)state;
    NEEDS_LARGE_PAGES();
    house h;
    open_house(&h);
    plim_region *r = create(&h, PLIM_REGION_STATIC, 7 * MIB + 5, true);
    unsigned char *base = plim_region_base(r);
    uint64_t held = plim_budget_used_bytes(h.budget);
    memset(base, 0x21, 7 * MIB + 5);

    assert_ok(plim_region_evict(r, &err));
    assert_int_equal(resident(base, 8 * MIB), 0);
    assert_true(plim_budget_used_bytes(h.budget) < held - 7 * MIB);
    assert_ok(plim_region_restore(r, &err));

    assert_ptr_equal(plim_region_base(r), base);
    assert_int_equal(plim_budget_used_bytes(h.budget), held);
    for (size_t i = 0; i < 7 * MIB; i += 4096) {
        assert_int_equal(base[i], 0);
    }
    close_house(&h);
}

static void a_growing_region_keeps_what_it_holds(void **state)
{
    (void)state;
    NEEDS_LARGE_PAGES();
    house h;
    open_house(&h);
    plim_region *r = create(&h, PLIM_REGION_BUMP, 9 * MIB, true);
    unsigned char *blocks[9];
    for (int i = 0; i < 9; i++) {
        void *block = NULL;
        assert_ok(plim_region_alloc(r, MIB, 0, &block, &err));
        blocks[i] = block;
        memset(block, i + 1, MIB);
    }
    for (int i = 0; i < 9; i++) {
        assert_int_equal(blocks[i][0], i + 1);
        assert_int_equal(blocks[i][MIB - 1], i + 1);
    }
    assert_ok(plim_region_rewind(r, 0, &err));
    assert_true(plim_region_trim(r) >= 9 * MIB);
    assert_int_equal(resident(blocks[0], 8 * MIB), 0);
    close_house(&h);
}

static int64_t row_now(const plim_report *report, const char *owner, const char *kind)
{
    for (size_t i = 0; i < report->row_count; i++) {
        if (strcmp(report->rows[i].owner, owner) == 0 && strcmp(report->rows[i].kind, kind) == 0) {
            return report->rows[i].now_bytes;
        }
    }
    return 0;
}

static void report_counts_each_page_once(void **state)
{
    (void)state;
    skip_where_memory_is_not_ours();
    NEEDS_LARGE_PAGES();
    static plim_report report;
    house h;
    open_house(&h);
    plim_region *r = create(&h, PLIM_REGION_STATIC, 17 * MIB + 70 * KIB, true);
    memset(plim_region_base(r), 1, 17 * MIB + 70 * KIB);

    assert_ok(plim_report_gather_self(h.arena, NULL, 0, &report, &err));

    int64_t weights = row_now(&report, "runtime", "weights");
    assert_in_range(weights, 17 * MIB + 70 * KIB, 17 * MIB + 128 * KIB);
    assert_true(llabs(row_now(&report, "unattributed", "rest")) < (long long)(64 * KIB));
    assert_int_equal(row_now(&report, "process", "shared memory"), 0);
    assert_int_equal(report.page_cache_bytes, 0);
    close_house(&h);
}

/* ---- the runtime's choice ---- */

static char first_line[4096];
static void keep_first(void *context, plim_log_level level, const char *text, size_t bytes)
{
    (void)context, (void)level;
    if (!first_line[0] && bytes < sizeof(first_line)) {
        memcpy(first_line, text, bytes);
        first_line[bytes] = 0;
    }
}

static plim_runtime_opts opts_of(plim_large_pages large_pages)
{
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = 64 * MIB;
    o.large_pages = large_pages;
    o.log_sink = keep_first;
    first_line[0] = 0;
    return o;
}

static void assert_logged(const char *provider, const char *asked, bool has, const char *reason)
{
    json_t *line = json_loads(first_line, 0, NULL);
    assert_string_equal(json_string_value(json_object_get(line, "provider")), provider);
    assert_string_equal(json_string_value(json_object_get(line, "large_pages")), asked);
    assert_int_equal(json_is_true(json_object_get(line, "has_large_pages")), has);
    assert_string_equal(json_string_value(json_object_get(line, "large_pages_reason")), reason);
    json_decref(line);
}

static void runtime_takes_them_when_they_are_there_and_says_so(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    const char *why = NULL;
    bool can = plim_provider_large_open(&large, &err) == PLIM_OK;
    plim_provider_large_close(&large);
    plim_runtime_opts o = opts_of(PLIM_LARGE_PAGES_AUTO);

    assert_ok(plim_runtime_open(&o, &runtime, &err));
    assert_int_equal(plim_runtime_has_large_pages(runtime, &why), can);
    assert_int_equal(why[0] == 0, can);
    assert_logged(can ? "large" : "mmap", "auto", can, why);
    plim_runtime_close(runtime);

    o = opts_of(PLIM_LARGE_PAGES_REQUIRE);
    assert_status(plim_runtime_open(&o, &runtime, &err), can ? PLIM_OK : PLIM_E_UNSUPPORTED);
    assert_true(can || err.detail[0]);
    plim_runtime_close(runtime);
}

static void runtime_leaves_them_when_told_to(void **state)
{
    (void)state;
    plim_runtime *runtime = NULL;
    const char *why = NULL;
    plim_runtime_opts o = opts_of(PLIM_LARGE_PAGES_NEVER);
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    assert_false(plim_runtime_has_large_pages(runtime, &why));
    assert_logged("mmap", "never", false, "large_pages is never");
    plim_runtime_close(runtime);

    o = opts_of(PLIM_LARGE_PAGES_AUTO);
    o.provider = plim_provider_mmap();
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    assert_logged("mmap", "auto", false, "a provider was given");
    plim_runtime_close(runtime);
    o.large_pages = PLIM_LARGE_PAGES_REQUIRE;
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
    o = opts_of((plim_large_pages)3);
    assert_status(plim_runtime_open(&o, &runtime, &err), PLIM_E_ARG);
}

/* In a child without the right to mount. */
static void without_the_right_it_is_anonymous_memory_and_a_reason(void **state)
{
    (void)state;
    if (geteuid() != 0) {
        skip_because("only root can lay the right down");
    }
    pid_t child = fork();
    if (child == 0) {
        plim_runtime *runtime = NULL;
        const char *why = "";
        plim_runtime_opts o = opts_of(PLIM_LARGE_PAGES_REQUIRE);
        int good = setresuid(65534, 65534, 65534) == 0;
        good = good && plim_runtime_open(&o, &runtime, &err) == PLIM_E_UNSUPPORTED &&
               err.detail[0] != 0 && runtime == NULL;
        o.large_pages = PLIM_LARGE_PAGES_AUTO;
        good = good && plim_runtime_open(&o, &runtime, &err) == PLIM_OK &&
               !plim_runtime_has_large_pages(runtime, &why) && strstr(why, "CAP_SYS_ADMIN") != NULL;
        plim_runtime_close(runtime);
        _exit(good ? 0 : 1);
    }
    int status = 1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

static void page_tables_are_one_page_for_each_two_mib_begun(void **state)
{
    (void)state;
    assert_int_equal(plim_page_table_bytes(0), 0);
    assert_int_equal(plim_page_table_bytes(1), 4096);
    assert_int_equal(plim_page_table_bytes(2 * MIB), 4096);
    assert_int_equal(plim_page_table_bytes(2 * MIB + 1), 8192);
    assert_int_equal(plim_page_table_bytes(UINT64_C(4) << 30), 8 * MIB);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(nothing_is_resident_that_was_not_committed),
        cmocka_unit_test(large_pages_need_no_page_tables),
        cmocka_unit_test(child_of_a_fork_reads_and_cannot_empty_its_parents_memory),
        cmocka_unit_test(regions_are_never_more_resident_than_charged),
        cmocka_unit_test(eviction_returns_the_large_pages_and_restore_gives_zeroed_ones),
        cmocka_unit_test(a_growing_region_keeps_what_it_holds),
        cmocka_unit_test(report_counts_each_page_once),
        cmocka_unit_test(runtime_takes_them_when_they_are_there_and_says_so),
        cmocka_unit_test(runtime_leaves_them_when_told_to),
        cmocka_unit_test(without_the_right_it_is_anonymous_memory_and_a_reason),
        cmocka_unit_test(page_tables_are_one_page_for_each_two_mib_begun),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
