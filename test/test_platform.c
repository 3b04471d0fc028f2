/* SPDX-License-Identifier: Apache-2.0 */
/* test_platform.c - boards from constructed fixtures, and the live kernel's figures. */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/fsroot.h"
#include "platform/linux/probes.h"
#include "test/support/cm.h"

#define BOARD(name) "test/fixtures/boards/" name

static plim_error err;

static void an_orin_nx_is_known_to_the_multiprocessor(void **state)
{
    plim_host host;
    (void)state;

    assert_ok(plim_host_detect(BOARD("orin-nx-16-maxn"), &host, &err));

    assert_string_equal(host.board, "Jetson Orin NX 16GB");
    assert_int_equal(host.board_source, PLIM_SOURCE_TABLE);
    assert_string_equal(host.arch, "aarch64");
    assert_int_equal(host.sm, 87);
    assert_int_equal(host.multiprocessors, 8);
    assert_int_equal(host.multiprocessors_source, PLIM_SOURCE_TABLE);
    assert_int_equal(host.memory_bytes, UINT64_C(16031744) * 1024);
    assert_string_equal(host.l4t, "36.4.0");
    assert_string_equal(host.jetpack, "6.1");
    assert_int_equal(host.jetpack_source, PLIM_SOURCE_TABLE);
    assert_string_equal(host.tensorrt, "10.3.0");
    assert_int_equal(host.tensorrt_source, PLIM_SOURCE_KERNEL);
}

static void an_agx_orin_has_the_same_sm_and_twice_the_multiprocessors(void **state)
{
    plim_host host;
    (void)state;

    assert_ok(plim_host_detect(BOARD("agx-orin-64"), &host, &err));

    assert_string_equal(host.board, "Jetson AGX Orin 64GB");
    assert_int_equal(host.sm, 87);
    assert_int_equal(host.multiprocessors, 16);
    assert_string_equal(host.l4t, "36.3.0");
    assert_string_equal(host.jetpack, "6.0");
    assert_int_equal(host.jetpack_source, PLIM_SOURCE_KERNEL);
    assert_string_equal(host.tensorrt, "8.6.2");
}

static void a_pc_leaves_unknown_what_it_does_not_have(void **state)
{
    plim_host host;
    (void)state;

    assert_ok(plim_host_detect(BOARD("pc"), &host, &err));

    assert_string_equal(host.board, "Constructed PC");
    assert_int_equal(host.board_source, PLIM_SOURCE_KERNEL);
    assert_string_equal(host.arch, "x86_64");
    assert_int_equal(host.sm, 0);
    assert_int_equal(host.sm_source, PLIM_SOURCE_NONE);
    assert_int_equal(host.multiprocessors_source, PLIM_SOURCE_NONE);
    assert_string_equal(host.l4t, "");
    assert_int_equal(host.tensorrt_source, PLIM_SOURCE_NONE);
}

static void a_root_without_meminfo_is_refused_with_its_path(void **state)
{
    plim_host host;
    (void)state;

    assert_status(plim_host_detect("test/fixtures/boards/none", &host, &err), PLIM_E_IO);

    assert_string_equal(err.detail, "test/fixtures/boards/none/proc/meminfo");
    assert_int_equal(host.memory_bytes, 0);
}

static void meminfo_without_memtotal_is_refused(void **state)
{
    char root[256], path[320];
    plim_system_memory memory;
    (void)state;
    snprintf(root, sizeof(root), "%s/empty", cm_tmp());
    mkdir(root, 0700);
    snprintf(path, sizeof(path), "%s/proc", root);
    mkdir(path, 0700);
    snprintf(path, sizeof(path), "%s/proc/meminfo", root);
    FILE *f = fopen(path, "w");
    fputs("MemFree: 12 kB\nMemTotal: 99999999999999999999 kB\n", f);
    fclose(f);

    assert_status(plim_system_memory_read(root, &memory, &err), PLIM_E_FORMAT);

    assert_string_equal(err.field, "MemTotal");
    assert_int_equal(memory.free_bytes, 12 * 1024);
}

static void a_line_that_this_kernel_does_not_print_is_unknown_not_zero(void **state)
{
    plim_system_memory memory;
    (void)state;

    assert_ok(plim_system_memory_read(BOARD("agx-orin-64"), &memory, &err));

    assert_true(memory.nvmap_used_bytes == PLIM_UNKNOWN_BYTES);
    assert_true(memory.cma_free_bytes == PLIM_UNKNOWN_BYTES);
    assert_int_equal(memory.available_bytes, UINT64_C(58000000) * 1024);
}

static void every_mapping_falls_in_one_kind_and_they_add_up(void **state)
{
    plim_process_memory m;
    (void)state;

    assert_ok(plim_process_memory_read_at(BOARD("pc"), 4242, &m, &err));

    assert_int_equal(m.rss_bytes, 400 * 1024);
    assert_int_equal(m.mapped_bytes, 80 * 1024);
    assert_int_equal(m.heap_bytes, 100 * 1024);
    assert_int_equal(m.anonymous_bytes, 180 * 1024);
    assert_int_equal(m.shared_bytes, 16 * 1024);
    assert_int_equal(m.stack_bytes, 20 * 1024);
    assert_int_equal(m.special_bytes, 4 * 1024);
    assert_int_equal(m.rss_peak_bytes, 500 * 1024);
    assert_int_equal(m.page_table_bytes, 44 * 1024);
    assert_true(m.pss_bytes == PLIM_UNKNOWN_BYTES);
}

static void a_process_that_is_not_there_is_not_found(void **state)
{
    plim_process_memory m;
    (void)state;

    assert_status(plim_process_memory_read_at(BOARD("pc"), 77, &m, &err), PLIM_E_NOT_FOUND);
    assert_int_equal(m.rss_bytes, 0);
}

static void this_process_sees_a_planted_block(void **state)
{
    skip_where_memory_is_not_ours();
    const size_t planted = 8u << 20;
    plim_process_memory before, after;
    (void)state;

    assert_ok(plim_process_memory_read(0, &before, &err));
    unsigned char *block =
        mmap(NULL, planted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(block != MAP_FAILED);
    memset(block, 1, planted);
    assert_ok(plim_process_memory_read(0, &after, &err));
    munmap(block, planted);

    assert_in_range(after.anonymous_bytes - before.anonymous_bytes, planted, planted + (64 << 10));
    assert_int_equal(after.rss_bytes, after.heap_bytes + after.stack_bytes + after.anonymous_bytes +
                                          after.mapped_bytes + after.special_bytes +
                                          after.shared_bytes);
}

static void control_groups_of_both_versions_are_read(void **state)
{
    plim_cgroup_memory g;
    (void)state;

    assert_ok(plim_cgroup_memory_read_at(BOARD("pc"), 4242, &g, &err));
    assert_int_equal(g.version, 2);
    assert_int_equal(g.usage_bytes, 1048576);
    assert_int_equal(g.peak_bytes, 2097152);
    assert_true(g.limit_bytes == PLIM_UNKNOWN_BYTES);
    assert_string_equal(g.path, "/sys/fs/cgroup/robot.slice");

    assert_ok(plim_cgroup_memory_read_at(BOARD("pc"), 4343, &g, &err));
    assert_int_equal(g.version, 1);
    assert_int_equal(g.usage_bytes, 4096);
    assert_int_equal(g.limit_bytes, 16384);
    assert_string_equal(g.path, "/sys/fs/cgroup/memory");
}

static void the_page_cache_of_a_file_counts_whole_pages(void **state)
{
    char path[256];
    uint64_t bytes = 0;
    long page = sysconf(_SC_PAGESIZE);
    (void)state;
    snprintf(path, sizeof(path), "%s/cached", cm_tmp());
    FILE *f = fopen(path, "w");
    for (long i = 0; i < 10 * page + 1; i++) {
        fputc('x', f);
    }
    fclose(f);

    assert_ok(plim_file_cached_bytes(path, &bytes, &err));
    assert_int_equal(bytes, 11 * page);
    assert_status(plim_file_cached_bytes("build/no such file", &bytes, &err), PLIM_E_NOT_FOUND);
    assert_int_equal(bytes, 0);
}

static void a_line_longer_than_the_buffer_is_cut_and_the_next_is_whole(void **state)
{
    char path[256];
    static plim_lines lines;
    (void)state;
    snprintf(path, sizeof(path), "%s/long", cm_tmp());
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 20000; i++) {
        fputc('a', f);
    }
    fputs("\nnext\nlast", f);
    fclose(f);

    assert_ok(plim_lines_open(cm_tmp(), "long", &lines, &err));
    assert_int_equal(strlen(plim_lines_next(&lines)), sizeof(lines.buffer) - 1);
    assert_string_equal(plim_lines_next(&lines), "next");
    assert_string_equal(plim_lines_next(&lines), "last");
    assert_null(plim_lines_next(&lines));
    plim_lines_close(&lines);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orin_nx_is_known_to_the_multiprocessor),
        cmocka_unit_test(an_agx_orin_has_the_same_sm_and_twice_the_multiprocessors),
        cmocka_unit_test(a_pc_leaves_unknown_what_it_does_not_have),
        cmocka_unit_test(a_root_without_meminfo_is_refused_with_its_path),
        cmocka_unit_test(meminfo_without_memtotal_is_refused),
        cmocka_unit_test(a_line_that_this_kernel_does_not_print_is_unknown_not_zero),
        cmocka_unit_test(every_mapping_falls_in_one_kind_and_they_add_up),
        cmocka_unit_test(a_process_that_is_not_there_is_not_found),
        cmocka_unit_test(this_process_sees_a_planted_block),
        cmocka_unit_test(control_groups_of_both_versions_are_read),
        cmocka_unit_test(the_page_cache_of_a_file_counts_whole_pages),
        cmocka_unit_test(a_line_longer_than_the_buffer_is_cut_and_the_next_is_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
