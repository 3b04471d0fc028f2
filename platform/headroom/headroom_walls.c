/* SPDX-License-Identifier: Apache-2.0 */
/* headroom_walls.c - the walls that are not control groups: machine, driver, commit, limits.
 *
 * What MemAvailable says is free pages less watermarks and lowmem reserve, plus most of the file
 * pages and most of the reclaimable slab (si_mem_available). Taken off again: file pages that a
 * disk must see first, all of the slab (whether it comes loose nobody knows), and for a GPU what
 * lies in CMA, which its driver cannot use, be it free or full of cache. Locked files and shared
 * memory are on other lists and were never in it.
 */
#include <inttypes.h>

#include "platform/headroom/headroom_parts.h"
#include "platform/topology/topology_files.h"

/* Pages that a count may lag behind for each processor: the largest stat_threshold of a zone,
 * twice, because two counts are added. */
#define ZONE_LAG_PAGES 250u

/* ---- the machine ---- */

static void add_cma(plim_headroom_builder *b)
{
    const plim_kernel_memory *k = &b->meminfo;
    plim_machine_counters c;
    if (!bytes_known(k->cma_total) || k->cma_total == 0) {
        return;
    }
    uint64_t idle =
        bytes_known(k->cma_free) ? bytes_least(k->cma_free, k->cma_total) : k->cma_total;
    TAKES(b, idle, "free CMA, not for the GPU", "/proc/meminfo %s",
          bytes_known(k->cma_free) ? "CmaFree" : "CmaTotal (no CmaFree)");
    plim_machine_counters_read(b->opts->root, &c);
    uint64_t drivers = bytes_or_none(c.cma_used_bytes);
    TAKES(b, bytes_less(k->cma_total - idle, drivers), "CMA that cache may fill",
          "CmaTotal - CmaFree%s", bytes_known(c.cma_used_bytes) ? " - what drivers hold" : "");
}

/* From 5.15 on nvmap is a module and MemAvailable does not know its pool; before, it does. */
static uint64_t add_pool(plim_headroom_builder *b)
{
    const bool is_apart = plim_version_compare(b->settings.kernel, "5.15") >= 0;
    if (bytes_known(b->nvmap.pool_bytes) && is_apart) {
        GIVES(b, b->nvmap.pool_bytes, "nvmap's page pool", "/sys/kernel/debug/nvmap/pagepool");
        return b->nvmap.pool_bytes;
    }
    if (bytes_known(b->nvmap.pool_bytes)) {
        NOTES(b, b->nvmap.pool_bytes, "nvmap's page pool, counted already",
              "/sys/kernel/debug/nvmap/pagepool, kernel %s",
              b->settings.kernel[0] ? b->settings.kernel : "not known");
    } else if (bytes_known(b->meminfo.nvmap_free)) {
        NOTES(b, b->meminfo.nvmap_free, "nvmap's page pool, counted already",
              "/proc/meminfo NvMapMemFree");
    } else if (b->bound.is_present) {
        MISSES(b, "nvmap's page pool", "/sys/kernel/debug/nvmap/pagepool (needs root)");
    }
    return 0;
}

static void add_notes(plim_headroom_builder *b)
{
    const plim_kernel_memory *k = &b->meminfo;
    const struct {
        const char *name, *source;
        uint64_t bytes;
    } rows[] = {
        {"free swap in zram, in the same DRAM", "/proc/swaps", b->settings.zram_free_bytes},
        {"free swap on disks, never counted", "/proc/swaps", b->settings.disk_free_bytes},
        {"huge page pool, set aside", "/proc/meminfo Hugetlb", k->hugetlb},
        {"shared memory, not in the estimate", "/proc/meminfo Shmem", k->shmem},
        {"locked, not in the estimate", "/proc/meminfo Mlocked", k->mlocked},
        {"not evictable, not in the estimate", "/proc/meminfo Unevictable", k->unevictable},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        if (bytes_known(rows[i].bytes) && rows[i].bytes) {
            NOTES(b, rows[i].bytes, rows[i].name, "%s", rows[i].source);
        }
    }
}

/* Kernels before 3.14 do not estimate: free pages alone, above twice the lowest watermark. */
static bool add_estimate(plim_headroom_builder *b)
{
    const plim_kernel_memory *k = &b->meminfo;
    if (bytes_known(k->available)) {
        GIVES(b, k->available, "available, kernel's estimate", "/proc/meminfo MemAvailable");
        TAKES(b, bytes_plus(bytes_or_none(k->dirty), bytes_or_none(k->writeback)),
              "cache that a disk must see first", "/proc/meminfo Dirty + Writeback");
        if (!bytes_known(k->dirty)) {
            MISSES(b, "dirty cache: none is called clean", "/proc/meminfo Dirty");
            TAKES(b, bytes_less(k->available, bytes_or_none(k->free)), "cache",
                  "MemAvailable - MemFree");
        }
        const bool has_more = bytes_known(k->reclaimable);
        TAKES(b, bytes_or_none(has_more ? k->reclaimable : k->slab_reclaimable),
              "slab that may not come loose", "/proc/meminfo %s",
              has_more ? "KReclaimable" : "SReclaimable");
        return true;
    }
    if (!bytes_known(k->free)) {
        return false;
    }
    MISSES(b, "the kernel's estimate", "/proc/meminfo MemAvailable");
    GIVES(b, k->free, "free pages", "/proc/meminfo MemFree");
    uint64_t floor = bytes_known(b->settings.min_free_bytes)
                         ? bytes_plus(b->settings.min_free_bytes, b->settings.min_free_bytes)
                         : k->free / 8;
    TAKES(b, floor, "watermarks", "2 x /proc/sys/vm/min_free_kbytes");
    return true;
}

bool plim_headroom_add_machine(plim_headroom_builder *b)
{
    plim_headroom_wall_begin(b, PLIM_WALL_MACHINE, true, NULL);
    if (!add_estimate(b)) {
        return false;
    }
    TAKES(b, (uint64_t)b->settings.cpu_count * ZONE_LAG_PAGES * b->page_bytes,
          "what the counts may lag behind", "%" PRIu32 " processors%s", b->settings.cpu_count,
          b->settings.cpu_count_is_read ? "" : " assumed");
    const uint64_t gpu_free = plim_topology_gpu_free_bytes(b->opts->root);
    if (gpu_free) { /* the kernel's estimate is over all nodes */
        TAKES(b, gpu_free, "free memory of GPUs", "%s",
              "/sys/devices/system/node, /proc/driver/nvidia/gpus/*/numa_status");
    }
    if (b->opts->for_gpu) {
        add_cma(b);
        (void)add_pool(b);
    }
    add_notes(b);
    return true;
}

void plim_headroom_add_driver(plim_headroom_builder *b)
{
    if (!b->opts->for_gpu || !b->bound.is_present) {
        return;
    }
    plim_headroom_wall_begin(b, PLIM_WALL_DRIVER, bytes_known(b->bound.free_bytes), NULL);
    if (!bytes_known(b->bound.free_bytes)) {
        MISSES(b, "nvmap's own bound", "/sys/kernel/debug/nvmap/iovmm/free_size or /dev/nvmap");
        return;
    }
    GIVES(b, b->bound.free_bytes, "nvmap's own bound", "%s", b->bound.source);
    (void)add_pool(b);
}

/* ---- commit limit, limits of the process ---- */

void plim_headroom_add_commit(plim_headroom_builder *b)
{
    const plim_kernel_memory *k = &b->meminfo;
    const uint64_t admin = b->settings.admin_reserve_bytes, user = b->settings.user_reserve_bytes;
    if (b->settings.overcommit != 2) {
        return;
    }
    plim_headroom_wall_begin(b, PLIM_WALL_COMMIT, !b->opts->for_gpu, NULL);
    if (!bytes_known(k->commit_limit) || !bytes_known(k->committed)) {
        MISSES(b, "commit limit", "/proc/meminfo CommitLimit, Committed_AS");
        return;
    }
    GIVES(b, k->commit_limit, "commit limit", "/proc/meminfo CommitLimit");
    TAKES(b, k->committed, "committed already", "/proc/meminfo Committed_AS");
    TAKES(b, bytes_known(admin) ? admin : UINT64_C(8) << 20, "kept for the administrator",
          "/proc/sys/vm/admin_reserve_kbytes");
    TAKES(b, bytes_known(user) ? user : UINT64_C(128) << 20, "kept for a way out",
          "/proc/sys/vm/user_reserve_kbytes");
}

static void add_limit(plim_headroom_builder *b, plim_wall kind, uint64_t limit, uint64_t used,
                      const char *name)
{
    if (limit > INT64_MAX) {
        return;
    }
    plim_headroom_wall_begin(b, kind, true, NULL);
    GIVES(b, limit, name, "%s/limits", b->proc);
    TAKES(b, bytes_known(used) ? used : limit, bytes_known(used) ? "used of it" : "used, not known",
          "%s/status", b->proc);
}

void plim_headroom_add_limits(plim_headroom_builder *b)
{
    plim_limits l;
    plim_limits_read(b->opts->root, b->opts->pid, &l);
    if (!l.is_known) {
        MISSES(b, "limits of the process", "%s/limits", b->proc);
    }
    add_limit(b, PLIM_WALL_ADDRESS, l.address_bytes, l.address_used_bytes, "RLIMIT_AS");
    if (!b->opts->for_gpu) {
        add_limit(b, PLIM_WALL_DATA, l.data_bytes, l.data_used_bytes, "RLIMIT_DATA");
    }
    if (b->opts->is_locked && !l.may_lock_all) {
        add_limit(b, PLIM_WALL_LOCKED, l.locked_bytes, l.locked_used_bytes, "RLIMIT_MEMLOCK");
    }
}
