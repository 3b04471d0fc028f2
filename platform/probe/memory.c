/* SPDX-License-Identifier: Apache-2.0 */
/* memory.c - the machine's memory as facts.
 *
 * Figures that move are read through the root alone, never out of a snapshot: what was free when a
 * folder was captured says nothing about now. debugfs is for root; what it would say is absent
 * for others.
 */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/counters.h"
#include "platform/linux/nvmap.h"
#include "platform/probe/probe.h"

static void note(plim_probe *p, plim_fact_id id, uint64_t bytes, const char *source)
{
    if (bytes != PLIM_UNKNOWN_BYTES) {
        (void)plim_facts_set_number(p->facts, id, bytes, PLIM_CONFIDENCE_READ, source);
    }
}

static void read_meminfo(plim_probe *p)
{
    plim_kernel_memory m;
    if (plim_kernel_memory_read(p->root, &m, NULL) != PLIM_OK) {
        return;
    }
    const struct {
        plim_fact_id id;
        uint64_t bytes;
    } ROWS[] = {
        {PLIM_FACT_MEMORY_TOTAL, m.total},
        {PLIM_FACT_MEMORY_AVAILABLE, m.available},
        {PLIM_FACT_MEMORY_FREE, m.free},
        {PLIM_FACT_MEMORY_CMA_TOTAL, m.cma_total},
        {PLIM_FACT_MEMORY_CMA_FREE, m.cma_free},
        {PLIM_FACT_MEMORY_NVMAP_USED, m.nvmap_used}, /* kernels of JetPack 4 alone */
        {PLIM_FACT_MEMORY_NVMAP_FREE, m.nvmap_free},
        {PLIM_FACT_MEMORY_HUGE_RESERVED, m.hugetlb},
        {PLIM_FACT_SWAP_TOTAL, m.swap_total},
        {PLIM_FACT_SWAP_FREE, m.swap_free},
    };
    for (size_t i = 0; i < sizeof(ROWS) / sizeof(ROWS[0]); i++) {
        note(p, ROWS[i].id, ROWS[i].bytes, "/proc/meminfo");
    }
}

static void read_counters(plim_probe *p)
{
    plim_machine_counters c;
    plim_nvmap nvmap;
    plim_machine_counters_read(p->root, &c);
    plim_nvmap_totals_read(p->root, &nvmap);
    note(p, PLIM_FACT_SWAP_ZRAM_USED, c.zram_bytes, "/sys/block/zram*/mm_stat");
    note(p, PLIM_FACT_MEMORY_CARVEOUTS, c.carveout_bytes, "/proc/device-tree/reserved-memory");
    note(p, PLIM_FACT_MEMORY_LARGEST_FREE,
         c.largest_free_bytes ? c.largest_free_bytes : PLIM_UNKNOWN_BYTES, "/proc/buddyinfo");
    note(p, PLIM_FACT_MEMORY_NVMAP_USED, nvmap.total_bytes,
         "/sys/kernel/debug/nvmap/stats/total_memory");
    note(p, PLIM_FACT_MEMORY_NVMAP_FREE, nvmap.free_bytes,
         "/sys/kernel/debug/nvmap/iovmm/free_size");
    note(p, PLIM_FACT_MEMORY_PAGE_POOL, nvmap.pool_bytes, "/sys/kernel/debug/nvmap/pagepool");
}

static void read_swaps(plim_probe *p)
{
    plim_lines lines;
    uint64_t sums[2] = {0, 0}, bytes;
    bool is_zram;
    if (plim_lines_open(p->root, "proc/swaps", &lines, NULL) != PLIM_OK) {
        return;
    }
    const char *head = plim_lines_next(&lines);
    const bool is_read = head && strncmp(head, "Filename", 8) == 0; /* also without any swap */
    for (char *line; (line = plim_lines_next(&lines));) {
        uint64_t sum;
        if (plim_swap_parse(line, &is_zram, &bytes) && bytes_add(sums[is_zram], bytes, &sum) &&
            sum <= INT64_MAX) {
            sums[is_zram] = sum;
        }
    }
    plim_lines_close(&lines);
    if (is_read) {
        note(p, PLIM_FACT_SWAP_ZRAM, sums[1], "/proc/swaps");
        note(p, PLIM_FACT_SWAP_DISK, sums[0], "/proc/swaps");
    }
}

/* The word in brackets of "always [madvise] never". */
static void read_huge_pages(plim_probe *p)
{
    char text[80];
    if (!plim_probe_line(p, "sys/kernel/mm/transparent_hugepage/enabled", text, sizeof(text))) {
        return;
    }
    char *from = strchr(text, '['), *to = from ? strchr(from, ']') : NULL;
    if (to) {
        *to = 0;
        plim_probe_text(p, PLIM_FACT_MEMORY_HUGE_PAGES, from + 1);
    }
}

void plim_probe_memory(plim_probe *p)
{
    static const struct {
        const char *path;
        plim_fact_id id;
    } SETTINGS[] = {
        {"proc/sys/vm/swappiness", PLIM_FACT_SWAP_SWAPPINESS},
        {"proc/sys/vm/overcommit_memory", PLIM_FACT_MEMORY_OVERCOMMIT},
    };
    char text[16];
    uint64_t n;
    read_meminfo(p);
    read_counters(p);
    read_swaps(p);
    read_huge_pages(p);
    for (size_t i = 0; i < sizeof(SETTINGS) / sizeof(SETTINGS[0]); i++) {
        if (plim_probe_number(p, SETTINGS[i].path, &n)) {
            plim_probe_count(p, SETTINGS[i].id, n);
        }
    }
    if (!p->root[0]) { /* a captured machine may have had other pages */
        note(p, PLIM_FACT_MEMORY_PAGE_BYTES, (uint64_t)sysconf(_SC_PAGESIZE), "sysconf");
    }
    if (plim_facts_get(p->facts, PLIM_FACT_MEMORY_TOTAL)) {
        bool has = plim_fsroot_read(p->root, "proc/pressure/memory", text, sizeof(text), NULL);
        note(p, PLIM_FACT_PSI_AVAILABLE, has,
             has ? "/proc/pressure/memory" : "/proc/pressure/memory cannot be read");
    }
}
