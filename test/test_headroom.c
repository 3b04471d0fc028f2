/* SPDX-License-Identifier: Apache-2.0 */
/* test_headroom.c - promised headroom of constructed machines, to the byte and row by row. */
#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <sys/stat.h>
#include <unistd.h>

#include "platform/linux/cgroup_levels.h"
#include "platform/linux/probes.h"
#include "platform/linux/reclaim.h"
#include "plimsoll/headroom.h"
#include "test/support/cm.h"
#include "test/support/made_root.h"

#define FIXTURES "test/fixtures/headroom/"
#define PAGE     4096u /* of the figures below */
#define NONE     UINT64_MAX

static plim_error err;
static plim_headroom h;

static void read_machine(const char *name, uint32_t pid, bool for_gpu)
{
    char root[256];
    plim_headroom_opts o = plim_headroom_opts_default();
    snprintf(root, sizeof(root), FIXTURES "%s", name);
    o.root = root;
    o.pid = pid;
    o.for_gpu = for_gpu;
    assert_ok(plim_headroom_read(&o, &h, &err));
}

static void skip_other_pages(void)
{
    if (sysconf(_SC_PAGESIZE) != PAGE) {
        skip_because("the figures are those of pages of 4 KiB");
    }
}

static const plim_headroom_row *row(const char *name, uint32_t wall)
{
    for (uint32_t i = 0; i < h.row_count; i++) {
        if (h.rows[i].wall == wall && strcmp(h.rows[i].name, name) == 0) {
            return &h.rows[i];
        }
    }
    fail_msg("no row '%s' in wall %u", name, (unsigned)wall);
    return NULL;
}

static const char *binding(void)
{
    return h.walls[h.binding].name;
}

static void an_orin_nx_in_a_container_is_held_by_its_group(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("orin-nx", 4242, true);

    assert_string_equal(binding(), "/sys/fs/cgroup/system.slice/docker-1.scope");
    assert_int_equal(h.walls[0].room_bytes, UINT64_C(9180938240));
    assert_int_equal(h.walls[1].kind, PLIM_WALL_DRIVER);
    assert_int_equal(h.walls[1].room_bytes, UINT64_C(9420800000));
    assert_int_equal(h.walls[h.binding].room_bytes,
                     UINT64_C(6442450944) - 2000000000 + 800000000 - 60000000 - 8 * 64 * PAGE);
    assert_int_equal(h.allocatable_bytes, UINT64_C(5170233344));
    assert_int_equal(h.group_limit_bytes, UINT64_C(6442450944));
    assert_int_equal(h.group_usage_bytes, 2000000000);
    assert_int_equal(h.group_version, 2);
    assert_int_equal(h.missing_count, 0);
}

static void what_a_gpu_cannot_have_of_cma_is_taken_off_and_the_pool_added(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("orin-nx", 4242, true);
    assert_int_equal(row("free CMA, not for the GPU", 0)->bytes, -INT64_C(204800000));
    assert_int_equal(row("CMA that cache may fill", 0)->bytes,
                     -(INT64_C(62144) * 1024 - 4096 * PAGE));
    assert_int_equal(row("nvmap's page pool", 0)->bytes, INT64_C(409600000));
    assert_int_equal(row("nvmap's page pool", 1)->bytes, INT64_C(409600000));

    read_machine("orin-nx", 4242, false);
    for (uint32_t i = 0; i < h.row_count; i++) {
        assert_null(strstr(h.rows[i].name, "CMA"));
        assert_null(strstr(h.rows[i].name, "pool"));
    }
}

static void release_36_4_7_refuses_large_blocks(void **state)
{
    (void)state;

    read_machine("orin-nx", 4242, true);
    assert_int_equal(h.largest_block_bytes, UINT64_C(2816) << 20);
    assert_int_equal(h.largest_block_known, PLIM_BLOCK_RELEASE);
    assert_int_equal(h.contiguous_bytes, (uint64_t)sysconf(_SC_PAGESIZE) << 10);

    read_machine("orin-nx", 4242, false);
    assert_int_equal(h.largest_block_bytes, h.allocatable_bytes);
    assert_int_equal(h.largest_block_known, PLIM_BLOCK_PAGED);
}

static void swap_is_told_and_never_counted(void **state)
{
    (void)state;

    read_machine("orin-nx", 4242, false);

    const plim_headroom_row *zram = row("free swap in zram, in the same DRAM", 0);
    const plim_headroom_row *disk = row("free swap on disks, never counted", 0);
    assert_int_equal(zram->kind, PLIM_HEADROOM_NOTE);
    assert_int_equal(zram->bytes, INT64_C(2) * (1001984 - 500000) * 1024);
    assert_int_equal(disk->kind, PLIM_HEADROOM_NOTE);
    assert_int_equal(disk->bytes, INT64_C(16777216) * 1024);
}

static void a_group_that_does_not_count_gpu_pages_does_not_hold_them(void **state)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    (void)state;
    skip_other_pages();
    o.root = FIXTURES "orin-nx";
    o.pid = 4242;
    o.for_gpu = true;
    o.gpu_charged = PLIM_CHARGED_NO;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_string_equal(binding(), "machine");
    assert_int_equal(h.walls[h.binding].room_bytes, UINT64_C(9180938240));
    o.for_gpu = false; /* the host's pages are always counted */
    assert_ok(plim_headroom_read(&o, &h, &err));
    assert_string_equal(binding(), "/sys/fs/cgroup/system.slice/docker-1.scope");
}

static void reserve_leases_and_pinned_pages_come_off_whatever_binds(void **state)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    (void)state;
    skip_other_pages();
    o.root = FIXTURES "gb10";
    o.pid = 9;
    o.reserve_bytes = 1000000000;
    o.lease_bytes = 500000000;
    o.pinned_bytes = 300000000;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_int_equal(row("reserve", PLIM_HEADROOM_EVERY_WALL)->bytes, -INT64_C(1000000000));
    assert_int_equal(row("leases, not taken yet", PLIM_HEADROOM_EVERY_WALL)->bytes, -500000000);
    assert_int_equal(row("page cache that is pinned", PLIM_HEADROOM_EVERY_WALL)->bytes, -300000000);
    const uint64_t room = UINT64_C(8589934592) - 1200000000 - 1800000000, pages = room / PAGE - 4;
    assert_in_range(h.allocatable_bytes, (pages - pages / 513 - 2) * PAGE,
                    (pages - pages / 513) * PAGE);
    o.reserve_bytes = UINT64_MAX;
    assert_ok(plim_headroom_read(&o, &h, &err));
    assert_int_equal(h.allocatable_bytes, 0);
}

static void the_tightest_of_nested_groups_binds_and_high_counts(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("v2-nested", 77, false);

    assert_int_equal(h.walls[h.binding].kind, PLIM_WALL_GROUP_HIGH);
    assert_string_equal(binding(), "/sys/fs/cgroup/robot.slice/perception.slice");
    assert_int_equal(h.walls[h.binding].room_bytes, 796435072);
    assert_int_equal(h.allocatable_bytes, 794861568);
    assert_int_equal(h.wall_count, 5);
    assert_int_equal(h.group_limit_bytes, UINT64_C(2147483648));
}

static void memory_that_a_group_beside_protects_is_not_reclaimable(void **state)
{
    (void)state;

    read_machine("v2-nested", 77, false);

    assert_string_equal(h.walls[4].name, "/sys/fs/cgroup/robot.slice");
    assert_int_equal(row("of them protected by memory.min", 4)->bytes, -700000000);
    assert_int_equal(row("protected by memory.min", 0)->bytes, -600000000);
}

static void jetpack_4_stops_at_its_group_where_version_1_does_not_count_upwards(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("jp4", 901, true);

    assert_string_equal(binding(), "/sys/fs/cgroup/memory/robot/model");
    assert_int_equal(h.allocatable_bytes, 1892192256);
    assert_int_equal(row("nvmap's page pool, counted already", 0)->kind, PLIM_HEADROOM_NOTE);
    for (uint32_t i = 0; i < h.wall_count; i++) {
        assert_string_not_equal(h.walls[i].name, "/sys/fs/cgroup/memory/robot");
        assert_true(h.walls[i].kind != PLIM_WALL_COMMIT || !h.walls[i].binds);
    }
}

static void limits_of_the_process_are_walls_of_their_own(void **state)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    (void)state;
    o.root = FIXTURES "jp4";
    o.pid = 901;
    o.is_locked = true;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_int_equal(h.wall_count, 6);
    assert_int_equal(h.walls[2].kind, PLIM_WALL_COMMIT);
    assert_int_equal(h.walls[2].room_bytes, (UINT64_C(8167724) - 3000000 - 8192 - 131072) * 1024);
    assert_int_equal(h.walls[3].kind, PLIM_WALL_ADDRESS);
    assert_int_equal(h.walls[3].room_bytes, UINT64_C(4) << 30);
    assert_int_equal(h.walls[4].kind, PLIM_WALL_DATA);
    assert_int_equal(h.walls[4].room_bytes, UINT64_C(2) << 30);
    assert_int_equal(h.walls[5].kind, PLIM_WALL_LOCKED);
    assert_int_equal(h.walls[5].room_bytes, 48u << 10);
    assert_int_equal(h.binding, 5);
    assert_int_equal(h.allocatable_bytes, (48u << 10) - 5 * (uint64_t)sysconf(_SC_PAGESIZE));
}

static void a_limit_above_a_container_binds_and_is_said_to_be_shared(void **state)
{
    (void)state;

    read_machine("v1-container", 1, false);

    assert_int_equal(h.walls[h.binding].room_bytes, 2147483648 - 700000000);
    assert_int_equal(row("what others use of a limit above", h.binding)->kind,
                     PLIM_HEADROOM_MISSING);
    assert_int_equal(h.walls[2].kind, PLIM_WALL_GROUP_SWAP);
    assert_int_equal(h.group_limit_bytes, 2147483648);
}

static void thor_is_held_by_the_machine_and_has_no_group(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("thor", 5, true);

    assert_string_equal(binding(), "machine");
    assert_int_equal(h.allocatable_bytes, UINT64_C(101195194368));
    assert_int_equal(h.largest_block_known, PLIM_BLOCK_PAGED);
    assert_int_equal(h.group_version, 0);
    assert_int_equal(h.group_limit_bytes, NONE);
}

static void a_checkpoint_in_the_page_cache_can_be_had_on_gb10(void **state)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    (void)state;
    skip_other_pages();
    o.root = FIXTURES "gb10";
    o.pid = 9;
    o.for_gpu = true;
    o.gpu_charged = PLIM_CHARGED_NO;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_int_equal(h.walls[0].room_bytes, UINT64_C(89067520000)); /* MemFree says 3 GB */
    assert_string_equal(binding(), "machine");
}

static void damaged_files_leave_free_pages_and_the_limit(void **state)
{
    (void)state;
    skip_other_pages();

    read_machine("damaged", 3, true);

    assert_int_equal(h.missing_count, 5);
    assert_int_equal(h.walls[0].room_bytes,
                     UINT64_C(8192000000) / 8 * 7 - 64 * 250 * PAGE - 64000 * 1024);
    assert_int_equal(h.walls[h.binding].room_bytes, UINT64_C(6442450944) - 200000000);
    assert_int_equal(h.largest_block_known, PLIM_BLOCK_GUESS);
}

static void a_limit_that_cannot_be_believed_is_no_limit_to_trust(void **state)
{
    (void)state;

    read_machine("bad-limit", 3, false);

    assert_int_equal(h.allocatable_bytes, 0);
    assert_int_equal(row("a limit that cannot be believed", h.binding)->kind,
                     PLIM_HEADROOM_MISSING);
}

/* ---- constructed here ---- */

/* A pod of the lowest class below systemd: 193 bytes, as Kubernetes names it. */
#define POD                                                                                        \
    "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-"                               \
    "pod0f1e2d3c_4b5a_6978_8796_a5b4c3d2e1f0.slice/cri-containerd-"                                \
    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef.scope"

static void put_machine(char *root, size_t room)
{
    made_root(root, room);
    made_root_put(root, "proc/meminfo",
                  "MemTotal: 16000000 kB\nMemFree: 8000000 kB\nMemAvailable: 9000000 kB\n"
                  "Dirty: 0 kB\nWriteback: 0 kB\n");
    made_root_put(root, "proc/7/cgroup", "3:memory:" POD "\n");
}

static void the_limit_of_a_pod_with_a_long_name_binds(void **state)
{
    char root[256];
    plim_headroom_opts o = plim_headroom_opts_default();
    plim_cgroup_memory g;
    (void)state;
    put_machine(root, sizeof(root));
    made_root_put(root, "proc/7/mountinfo",
                  "35 31 0:32 " POD " /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    made_root_put(root, "sys/fs/cgroup/memory/memory.limit_in_bytes", "1073741824\n");
    made_root_put(root, "sys/fs/cgroup/memory/memory.usage_in_bytes", "73741824\n");
    o.root = root;
    o.pid = 7;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_int_equal(h.group_limit_bytes, 1073741824);
    assert_int_equal(h.walls[h.binding].room_bytes, 1000000000);

    made_root_put(root, "proc/7/mountinfo", /* and from outside of it */
                  "35 31 0:32 / /sys/fs/cgroup/memory ro - cgroup cgroup rw,memory\n");
    made_root_put(root, "sys/fs/cgroup/memory" POD "/memory.limit_in_bytes", "536870912\n");
    made_root_put(root, "sys/fs/cgroup/memory" POD "/memory.usage_in_bytes", "36870912\n");
    assert_ok(plim_cgroup_memory_read_at(root, 7, &g, &err));
    assert_string_equal(g.path, "/sys/fs/cgroup/memory" POD);
    assert_int_equal(g.limit_bytes, 536870912);
}

static void a_watermark_beyond_all_reason_leaves_no_room(void **state)
{
    char root[256];
    plim_headroom_opts o = plim_headroom_opts_default();
    (void)state;
    put_machine(root, sizeof(root));
    made_root_put(root, "proc/meminfo", "MemTotal: 16000000 kB\nMemFree: 8000000 kB\n");
    made_root_put(root, "proc/sys/vm/min_free_kbytes", "9007199254740991\n");
    o.root = root;
    o.pid = 7;

    assert_ok(plim_headroom_read(&o, &h, &err));

    assert_int_equal(h.walls[0].room_bytes, 0);
}

static const struct {
    const char *name;
    uint32_t pid;
} MACHINES[] = {{"orin-nx", 4242}, {"v2-nested", 77}, {"jp4", 901},   {"v1-container", 1},
                {"thor", 5},       {"gb10", 9},       {"damaged", 3}, {"bad-limit", 3}};
#define MACHINE_COUNT (sizeof(MACHINES) / sizeof(MACHINES[0]))

static int64_t sum_of(uint32_t wall)
{
    int64_t sum = 0;
    for (uint32_t i = 0; i < h.row_count; i++) {
        bool is_counted = h.rows[i].wall == wall && h.rows[i].kind == PLIM_HEADROOM_COUNTED;
        sum += is_counted ? h.rows[i].bytes : 0;
    }
    return sum;
}

static void every_wall_is_the_sum_of_its_rows_and_the_lowest_is_the_promise(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2 * MACHINE_COUNT; m++) {
        read_machine(MACHINES[m / 2].name, MACHINES[m / 2].pid, m % 2);

        for (uint32_t w = 0; w < h.wall_count; w++) {
            int64_t sum = sum_of(w);
            assert_int_equal(h.walls[w].room_bytes, sum > 0 ? sum : 0);
            assert_true(!h.walls[w].binds ||
                        h.walls[w].room_bytes >= h.walls[h.binding].room_bytes);
        }
        assert_true(h.walls[h.binding].binds);
        assert_int_equal(h.allocatable_bytes,
                         (int64_t)h.walls[h.binding].room_bytes + sum_of(PLIM_HEADROOM_EVERY_WALL));
        assert_true(h.largest_block_bytes <= h.allocatable_bytes);
        for (uint32_t i = 0; i < h.row_count; i++) {
            assert_true(h.rows[i].name[0] && h.rows[i].source[0]);
        }
    }
}

/* ---- a file less ---- */

static char copy_to[256];
static size_t copy_from_length;
static char files[200][256];
static size_t file_count;

static int copy_one(const char *path, const struct stat *st, int flag, struct FTW *at)
{
    static char block[1 << 16];
    char to[600];
    (void)st, (void)at;
    snprintf(to, sizeof(to), "%s%s", copy_to, path + copy_from_length);
    if (flag == FTW_D) {
        return mkdir(to, 0700) != 0;
    }
    int in = open(path, O_RDONLY), out = open(to, O_WRONLY | O_CREAT, 0600);
    ssize_t n = read(in, block, sizeof(block));
    bool ok = n >= 0 && write(out, block, (size_t)n) == n && file_count < 200;
    snprintf(files[file_count++ % 200], sizeof(files[0]), "%.255s", to);
    close(in);
    close(out);
    return !ok;
}

static uint32_t missing_named(const plim_headroom *in, const char *name)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < in->row_count; i++) {
        count += in->rows[i].kind == PLIM_HEADROOM_MISSING && strcmp(in->rows[i].name, name) == 0;
    }
    return count;
}

/* A figure is named as missing that was not before. */
static bool says_more_is_missing(const plim_headroom *before)
{
    for (uint32_t i = 0; i < h.row_count; i++) {
        if (missing_named(&h, h.rows[i].name) > missing_named(before, h.rows[i].name)) {
            return true;
        }
    }
    return false;
}

static void a_file_less_never_gives_more_without_saying_so(void **state)
{
    (void)state;
    for (size_t m = 0; m < 2 * MACHINE_COUNT; m++) {
        const char *name = MACHINES[m / 2].name;
        char from[128];
        plim_headroom_opts o = plim_headroom_opts_default();
        snprintf(from, sizeof(from), FIXTURES "%s", name);
        snprintf(copy_to, sizeof(copy_to), "%.200s/%s-%u", cm_tmp(), name, (unsigned)m % 2);
        copy_from_length = strlen(from);
        file_count = 0;
        assert_int_equal(nftw(from, copy_one, 8, FTW_PHYS), 0);
        o.root = copy_to;
        o.pid = MACHINES[m / 2].pid;
        o.for_gpu = m % 2;
        assert_ok(plim_headroom_read(&o, &h, &err));
        static plim_headroom whole;
        whole = h;

        for (size_t i = 0; i < file_count; i++) {
            char aside[300];
            snprintf(aside, sizeof(aside), "%.280s.aside", files[i]);
            assert_int_equal(rename(files[i], aside), 0);
            if (plim_headroom_read(&o, &h, &err) == PLIM_OK &&
                h.allocatable_bytes > whole.allocatable_bytes && !says_more_is_missing(&whole)) {
                fail_msg("%s: %" PRIu64 " > %" PRIu64, files[i], h.allocatable_bytes,
                         whole.allocatable_bytes);
            }
            assert_int_equal(rename(aside, files[i]), 0);
        }
    }
}

/* ---- the live machine, and bad calls ---- */

static void this_machine_has_a_headroom_with_an_age(void **state)
{
    (void)state;

    assert_ok(plim_headroom_read(NULL, &h, &err));

    assert_true(h.row_count > 3 && h.wall_count >= 1);
    assert_true(plim_headroom_age_ns(&h) < UINT64_C(60000000000));
}

static void bad_options_and_machines_without_figures_are_refused(void **state)
{
    plim_headroom_opts o = {.struct_size = 0};
    (void)state;

    assert_status(plim_headroom_read(&o, &h, &err), PLIM_E_ARG);
    assert_status(plim_headroom_read(NULL, NULL, &err), PLIM_E_ARG);
    o = plim_headroom_opts_default();
    o.gpu_charged = (plim_charged)9;
    assert_status(plim_headroom_read(&o, &h, &err), PLIM_E_ARG);
    o = plim_headroom_opts_default();
    o.root = FIXTURES "none";
    assert_int_not_equal(plim_headroom_read(&o, &h, &err), PLIM_OK);
    assert_int_equal(h.row_count, 0);
}

static void facts_take_the_promise_with_its_wall(void **state)
{
    static plim_facts facts;
    (void)state;
    memset(&facts, 0, sizeof(facts));

    read_machine("orin-nx", 4242, true);
    h.gpu_charged = PLIM_CHARGED_NO;
    plim_headroom_facts(&h, &facts);

    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_MEMORY_ALLOCATABLE, 0),
                     h.allocatable_bytes);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_MEMORY_LARGEST_FREE, 0),
                     h.contiguous_bytes);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_MEMORY_GPU_CHARGED, 7), 0);
    assert_int_equal(plim_facts_number(&facts, PLIM_FACT_CGROUP_LIMIT, 0), UINT64_C(6442450944));
    assert_string_equal(plim_facts_get(&facts, PLIM_FACT_MEMORY_ALLOCATABLE)->source,
                        "headroom, /sys/fs/cgroup/system.slice/docker-1.scope");
}

static void lines_that_are_cut_or_too_long_are_not_believed(void **state)
{
    plim_cgroup_level level;
    uint64_t n = 5;
    uint32_t release[3] = {0, 0, 0};
    bool is_zram = false;
    (void)state;
    memset(&level, 0xff, sizeof(level));

    assert_true(plim_cgroup_stat_parse("total_dirty 4096", 1, &level));
    assert_int_equal(level.dirty_bytes, 4096);
    assert_false(plim_cgroup_stat_parse("dirty 4096", 1, &level));
    assert_false(plim_cgroup_stat_parse("total_dirty 4096x", 1, &level));
    assert_false(plim_cgroup_stat_parse("file_dirty 99999999999999999999", 2, &level));
    assert_true(plim_cgroup_limit_parse("max\n", &n) && n == NONE);
    assert_true(plim_cgroup_limit_parse("9223372036854771712\n", &n) && n == NONE);
    assert_false(plim_cgroup_limit_parse("maximum\n", &n));
    assert_false(plim_cgroup_limit_parse("12 MiB\n", &n));
    assert_true(plim_swap_free_parse("/dev/zram0 partition 100 40 5", &is_zram, &n));
    assert_true(is_zram && n == 60 * 1024);
    assert_false(plim_swap_free_parse("/dev/zram0 partition 100 40", &is_zram, &n));
    assert_false(plim_swap_free_parse("/dev/zram0 partition 40 100 5", &is_zram, &n));
    assert_true(
        plim_limit_parse("Max data size   unlimited  unlimited  bytes", "Max data size", &n) &&
        n == NONE);
    assert_false(plim_limit_parse("Max data size   12", "Max data size", &n));
    assert_true(plim_release_parse("# R36 (release), REVISION: 4.7, GCID: 1", release));
    assert_int_equal(release[2], 7);
    assert_false(plim_release_parse("# R36 (release), REVI", release));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_orin_nx_in_a_container_is_held_by_its_group),
        cmocka_unit_test(what_a_gpu_cannot_have_of_cma_is_taken_off_and_the_pool_added),
        cmocka_unit_test(release_36_4_7_refuses_large_blocks),
        cmocka_unit_test(swap_is_told_and_never_counted),
        cmocka_unit_test(a_group_that_does_not_count_gpu_pages_does_not_hold_them),
        cmocka_unit_test(reserve_leases_and_pinned_pages_come_off_whatever_binds),
        cmocka_unit_test(the_tightest_of_nested_groups_binds_and_high_counts),
        cmocka_unit_test(memory_that_a_group_beside_protects_is_not_reclaimable),
        cmocka_unit_test(jetpack_4_stops_at_its_group_where_version_1_does_not_count_upwards),
        cmocka_unit_test(limits_of_the_process_are_walls_of_their_own),
        cmocka_unit_test(a_limit_above_a_container_binds_and_is_said_to_be_shared),
        cmocka_unit_test(thor_is_held_by_the_machine_and_has_no_group),
        cmocka_unit_test(a_checkpoint_in_the_page_cache_can_be_had_on_gb10),
        cmocka_unit_test(damaged_files_leave_free_pages_and_the_limit),
        cmocka_unit_test(a_limit_that_cannot_be_believed_is_no_limit_to_trust),
        cmocka_unit_test(the_limit_of_a_pod_with_a_long_name_binds),
        cmocka_unit_test(a_watermark_beyond_all_reason_leaves_no_room),
        cmocka_unit_test(every_wall_is_the_sum_of_its_rows_and_the_lowest_is_the_promise),
        cmocka_unit_test(a_file_less_never_gives_more_without_saying_so),
        cmocka_unit_test(this_machine_has_a_headroom_with_an_age),
        cmocka_unit_test(bad_options_and_machines_without_figures_are_refused),
        cmocka_unit_test(facts_take_the_promise_with_its_wall),
        cmocka_unit_test(lines_that_are_cut_or_too_long_are_not_believed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
