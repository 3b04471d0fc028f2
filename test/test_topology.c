/* SPDX-License-Identifier: Apache-2.0 */
/* test_topology.c - caches, cores and nodes of captured roots and of this machine, and where
 * pages lie. The files' reading and hwloc's are each other's oracle on the live machine. */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "platform/topology/topology_files.h"
#include "test/support/cm.h"

static plim_error err;

/* A file below a fresh root, folders made on the way. */
static void put(const char *root, const char *path, const char *text)
{
    char full[600];
    snprintf(full, sizeof(full), "%s/%s", root, path);
    for (char *slash = full + strlen(root) + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        (void)mkdir(full, 0755);
        *slash = '/';
    }
    FILE *f = fopen(full, "wb");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static const char *fresh_root(void)
{
    static char root[300];
    static unsigned number;
    snprintf(root, sizeof(root), "%s/%u", cm_tmp(), number++);
    assert_int_equal(mkdir(root, 0755), 0);
    return root;
}

static void read_root(const char *root, plim_topology *out)
{
    plim_topology_opts o = plim_topology_opts_default();
    o.root = root;
    assert_ok(plim_topology_read(&o, out, &err));
}

static void a_list_of_cpus_is_counted_range_by_range(void **state)
{
    (void)state;

    assert_int_equal(plim_cpu_list_count("0-3,8,10-11\n"), 7);
    assert_int_equal(plim_cpu_list_count("0\n"), 1);
    assert_int_equal(plim_cpu_list_count("0-3\r\n"), 4);
    assert_int_equal(plim_cpu_list_count("\n"), 0);
}

static void a_damaged_list_of_cpus_counts_nothing(void **state)
{
    static const char *const DAMAGED[] = {"3-1",     "0-",
                                          "-1",      "0-3,x",
                                          "0-3;4",   "0-99999999999999999999",
                                          "0-65536", "0-65535,0-65535",
                                          "a",       "18446744073709551616"};
    (void)state;

    for (size_t i = 0; i < sizeof(DAMAGED) / sizeof(DAMAGED[0]); i++) {
        assert_int_equal(plim_cpu_list_count(DAMAGED[i]), 0);
    }
}

static void a_gpu_with_memory_of_its_own_is_a_node_without_cores(void **state)
{
    plim_topology t;
    (void)state;

    read_root("test/fixtures/boards/gh200", &t);

    assert_int_equal(t.node_count, 2); /* the seven empty ones are left out */
    assert_int_equal(t.nodes[0].kind, PLIM_NODE_CORES);
    assert_int_equal(t.nodes[0].cpu_count, 72);
    assert_int_equal(t.nodes[1].kind, PLIM_NODE_GPU);
    assert_int_equal(t.nodes[1].number, 1);
    assert_int_equal(t.nodes[1].cpu_count, 0);
    assert_int_equal(t.cpu_memory_bytes, UINT64_C(502214144) * 1024);
    assert_int_equal(t.gpu_memory_bytes, UINT64_C(100139008) * 1024);
}

static void memory_without_cores_is_the_machines_own_until_a_gpu_claims_it(void **state)
{
    plim_topology t;
    const char *root = fresh_root();
    (void)state;
    put(root, "sys/devices/system/node/online", "0,2\n");
    put(root, "sys/devices/system/node/node0/cpulist", "0-1\n");
    put(root, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1000 kB\n");
    put(root, "sys/devices/system/node/node2/cpulist", "\n");
    put(root, "sys/devices/system/node/node2/meminfo", "Node 2 MemTotal: 3000 kB\n");

    read_root(root, &t);

    assert_int_equal(t.node_count, 2);
    assert_int_equal(t.nodes[1].kind, PLIM_NODE_MEMORY);
    assert_int_equal(t.cpu_memory_bytes, 4000 * 1024);
    assert_int_equal(t.gpu_memory_bytes, 0);
}

static void a_gpu_that_names_a_node_with_cores_claims_nothing(void **state)
{
    plim_topology t;
    const char *root = fresh_root();
    (void)state;
    put(root, "sys/devices/system/node/online", "0\n");
    put(root, "sys/devices/system/node/node0/cpulist", "0-1\n");
    put(root, "sys/devices/system/node/node0/meminfo", "Node 0 MemTotal: 1000 kB\n");
    put(root, "proc/driver/nvidia/gpus/0000:01:00.0/numa_status", "Node:      0\nStatus: online\n");
    put(root, "proc/driver/nvidia/gpus/0000:02:00.0/numa_status", "Node:      -1\n");

    read_root(root, &t);

    assert_int_equal(t.nodes[0].kind, PLIM_NODE_CORES);
    assert_int_equal(t.gpu_memory_bytes, 0);
}

static void a_kernel_without_numa_has_one_node(void **state)
{
    plim_topology t;
    const char *root = fresh_root();
    (void)state;
    put(root, "sys/devices/system/cpu/online", "0-5\n");
    put(root, "sys/devices/system/cpu/possible", "0-7\n");

    read_root(root, &t);

    assert_int_equal(t.node_count, 1);
    assert_int_equal(t.nodes[0].cpu_count, 6);
    assert_int_equal(t.cpu_possible, 8);
    assert_int_equal(t.cpu_memory_bytes, 0);
}

static void an_empty_root_is_one_node_and_nothing_else(void **state)
{
    plim_topology t;
    (void)state;

    read_root(fresh_root(), &t);

    assert_int_equal(t.node_count, 1);
    assert_int_equal(t.cpu_count, 0);
    assert_int_equal(t.cache_bytes[1], 0);
    assert_int_equal(t.chunk_bytes, 1 << 20);
}

static void the_smallest_cache_of_a_level_counts(void **state)
{
    plim_topology t;
    const char *root = fresh_root();
    (void)state;
    put(root, "sys/devices/system/cpu/online", "0-1\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/type", "Instruction\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index0/size", "16K\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/level", "1\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/type", "Data\n");
    put(root, "sys/devices/system/cpu/cpu0/cache/index1/size", "64K\n");
    put(root, "sys/devices/system/cpu/cpu1/cache/index0/level", "1\n");
    put(root, "sys/devices/system/cpu/cpu1/cache/index0/type", "Data\n");
    put(root, "sys/devices/system/cpu/cpu1/cache/index0/size", "32K\n");
    put(root, "sys/devices/system/cpu/cpu1/cache/index0/coherency_line_size", "64\n");

    read_root(root, &t);

    assert_int_equal(t.cache_bytes[1], 32 << 10);
    assert_int_equal(t.line_bytes, 64);
}

static void damaged_cache_files_leave_the_cache_unknown(void **state)
{
    static const char *const SIZES[] = {
        "", "K", "-64K", "99999999999999999999K", "18446744073709551615M", "0K"};
    (void)state;

    for (size_t i = 0; i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        plim_topology t;
        const char *root = fresh_root();
        put(root, "sys/devices/system/cpu/online", "0\n");
        put(root, "sys/devices/system/cpu/cpu0/cache/index0/level", "1\n");
        put(root, "sys/devices/system/cpu/cpu0/cache/index0/type", "Data\n");
        put(root, "sys/devices/system/cpu/cpu0/cache/index0/size", SIZES[i]);
        put(root, "sys/devices/system/cpu/cpu0/cache/index0/coherency_line_size", "63\n");

        read_root(root, &t);

        assert_int_equal(t.cache_bytes[1], 0);
        assert_int_equal(t.line_bytes, 0);
    }
}

static void a_chunk_is_half_of_a_cores_part_of_its_cache(void **state)
{
    plim_topology t = {.cache_bytes = {0, 65536, 256 << 10, 4 << 20}, .cache_share = {0, 1, 1, 4}};
    (void)state;

    assert_int_equal(plim_topology_chunk_bytes(&t), 512 << 10); /* L3: 1 MiB a core */
    t.cache_bytes[3] = 0;
    t.cache_bytes[2] = 2 << 20;
    assert_int_equal(plim_topology_chunk_bytes(&t), 1 << 20); /* L2 alone */
    t.cache_bytes[2] = 128 << 10;
    assert_int_equal(plim_topology_chunk_bytes(&t), 256 << 10); /* never below */
    t.cache_bytes[2] = UINT64_C(1) << 40;
    assert_int_equal(plim_topology_chunk_bytes(&t), 4 << 20); /* never above */
}

static void hwloc_and_the_files_agree_about_this_machine(void **state)
{
    plim_topology asked, files;
    plim_topology_opts o = plim_topology_opts_default();
    (void)state;

    assert_ok(plim_topology_read(NULL, &asked, &err));
    o.files_only = true;
    assert_ok(plim_topology_read(&o, &files, &err));

    if (strncmp(asked.source, "hwloc", 5) != 0) {
        skip_because("hwloc was sent elsewhere: %s", asked.source);
    }
    assert_int_equal(asked.cpu_count, files.cpu_count);
    for (size_t level = 1; level <= 3; level++) {
        if (files.cache_bytes[level]) {
            assert_int_equal(asked.cache_bytes[level], files.cache_bytes[level]);
            assert_int_equal(asked.cache_share[level], files.cache_share[level]);
        }
    }
    if (files.core_count) {
        assert_int_equal(asked.core_count, files.core_count);
    }
    assert_true(asked.node_count >= 1);
    assert_int_equal(asked.node_count, files.node_count);
}

static void hwloc_that_is_sent_to_another_machine_is_not_believed(void **state)
{
    plim_topology t;
    (void)state;
    assert_int_equal(setenv("HWLOC_SYNTHETIC", "node:2 core:64 pu:4", 1), 0);

    assert_ok(plim_topology_read(NULL, &t, &err));

    assert_int_equal(unsetenv("HWLOC_SYNTHETIC"), 0);
    assert_int_not_equal(t.cpu_count, 512);
    assert_int_equal(t.cpu_count, sysconf(_SC_NPROCESSORS_ONLN));
}

static void pages_that_were_touched_lie_on_a_node_and_others_nowhere(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE), count = 1000;
    plim_topology t;
    plim_page_places where;
    uint64_t placed = 0;
    (void)state;
    assert_ok(plim_topology_read(NULL, &t, &err));
    unsigned char *base =
        mmap(NULL, count * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    (void)madvise(base, count * page, MADV_NOHUGEPAGE);
    for (size_t i = 0; i < 300; i++) {
        base[i * page] = 1;
    }

    assert_ok(plim_topology_pages(&t, base, count * page, &where, &err));

    for (uint32_t i = 0; i < t.node_count; i++) {
        placed += where.node_count[i];
    }
    assert_int_equal(where.page_count, count);
    assert_int_equal(where.absent_count, 700);
    assert_int_equal(placed + where.unknown_count + where.elsewhere_count, 300);
    if (t.node_count == 1) {
        assert_int_equal(placed, 300);
    }
    munmap(base, count * page);
}

static void a_hole_in_a_range_is_absent_pages(void **state)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    plim_topology t;
    plim_page_places where;
    (void)state;
    assert_ok(plim_topology_read(NULL, &t, &err));
    unsigned char *base =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_ptr_not_equal(base, MAP_FAILED);
    memset(base, 1, 3 * page);
    assert_int_equal(munmap(base + page, page), 0);

    assert_ok(plim_topology_pages(&t, base, 3 * page, &where, &err));

    assert_int_equal(where.page_count, 3);
    assert_int_equal(where.absent_count, 1);
    munmap(base, page);
    munmap(base + 2 * page, page);
}

static void one_byte_is_the_page_it_lies_on_and_none_is_no_page(void **state)
{
    plim_topology t;
    plim_page_places where;
    char byte = 1;
    (void)state;
    assert_ok(plim_topology_read(NULL, &t, &err));

    assert_ok(plim_topology_pages(&t, &byte, 1, &where, &err));
    assert_int_equal(where.page_count, 1);
    assert_int_equal(where.absent_count, 0);
    assert_ok(plim_topology_pages(&t, NULL, 0, &where, &err));
    assert_int_equal(where.page_count, 0);
}

/* What the default filter of container runtimes does to a process without CAP_SYS_NICE. */
static bool forbid_move_pages(void)
{
    struct sock_filter steps[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_move_pages, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {.len = sizeof(steps) / sizeof(steps[0]), .filter = steps};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
           prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) == 0;
}

/* 0: three pages, of which the touched two lie where @node_count allows to say, the third none. */
static int count_under_the_filter(uint32_t node_count)
{
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    const plim_topology t = {.node_count = node_count, .nodes = {{.number = 0}, {.number = 1}}};
    plim_page_places where;
    unsigned char *base =
        mmap(NULL, 3 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (base == MAP_FAILED || !forbid_move_pages()) {
        return 77;
    }
    base[0] = base[page] = 1;
    if (plim_topology_pages(&t, base, 3 * page, &where, NULL) != PLIM_OK) {
        return 1;
    }
    const uint64_t known = node_count == 1 ? where.node_count[0] : where.unknown_count;
    return known == 2 && where.absent_count == 1 ? 0 : 2;
}

static void where_the_kernel_may_not_be_asked_one_node_has_all_pages(void **state)
{
    (void)state;

    for (uint32_t nodes = 1; nodes <= 2; nodes++) {
        int code = 0;
        const pid_t child = fork();
        if (child == 0) {
            _exit(count_under_the_filter(nodes));
        }
        assert_int_equal(waitpid(child, &code, 0), child);
        if (WIFEXITED(code) && WEXITSTATUS(code) == 77) {
            skip_because("no filter of system calls can be set here");
        }
        assert_true(WIFEXITED(code));
        assert_int_equal(WEXITSTATUS(code), 0);
    }
}

static void a_range_that_wraps_is_refused(void **state)
{
    plim_topology t = {.node_count = 1};
    plim_page_places where;
    (void)state;

    assert_status(plim_topology_pages(&t, (void *)64, SIZE_MAX, &where, &err), PLIM_E_ARG);
    assert_status(plim_topology_pages(&t, NULL, 1, &where, &err), PLIM_E_ARG);
}

static void options_without_a_size_are_refused(void **state)
{
    plim_topology t;
    plim_topology_opts o = {0};
    (void)state;

    assert_status(plim_topology_read(&o, &t, &err), PLIM_E_ARG);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_list_of_cpus_is_counted_range_by_range),
        cmocka_unit_test(a_damaged_list_of_cpus_counts_nothing),
        cmocka_unit_test(a_gpu_with_memory_of_its_own_is_a_node_without_cores),
        cmocka_unit_test(memory_without_cores_is_the_machines_own_until_a_gpu_claims_it),
        cmocka_unit_test(a_gpu_that_names_a_node_with_cores_claims_nothing),
        cmocka_unit_test(a_kernel_without_numa_has_one_node),
        cmocka_unit_test(an_empty_root_is_one_node_and_nothing_else),
        cmocka_unit_test(the_smallest_cache_of_a_level_counts),
        cmocka_unit_test(damaged_cache_files_leave_the_cache_unknown),
        cmocka_unit_test(a_chunk_is_half_of_a_cores_part_of_its_cache),
        cmocka_unit_test(hwloc_and_the_files_agree_about_this_machine),
        cmocka_unit_test(hwloc_that_is_sent_to_another_machine_is_not_believed),
        cmocka_unit_test(pages_that_were_touched_lie_on_a_node_and_others_nowhere),
        cmocka_unit_test(a_hole_in_a_range_is_absent_pages),
        cmocka_unit_test(one_byte_is_the_page_it_lies_on_and_none_is_no_page),
        cmocka_unit_test(where_the_kernel_may_not_be_asked_one_node_has_all_pages),
        cmocka_unit_test(a_range_that_wraps_is_refused),
        cmocka_unit_test(options_without_a_size_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
