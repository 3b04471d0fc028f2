/* SPDX-License-Identifier: Apache-2.0 */
/* counters.h - the machine's own counters: where bytes are that belong to no process. */
#ifndef PLATFORM_LINUX_COUNTERS_H
#define PLATFORM_LINUX_COUNTERS_H

#include "plimsoll/platform.h"

/* meminfo in full, in bytes; PLIM_UNKNOWN_BYTES: this kernel does not print the line. */
typedef struct plim_kernel_memory {
    uint64_t total, free, available, buffers, cached, shmem, anon;
    uint64_t slab_reclaimable, slab_unreclaimable, reclaimable, stacks, page_tables;
    uint64_t secondary_page_tables, percpu, vmalloc, bounce, hugetlb, zswap, balloon, unaccepted;
    uint64_t swap_total, swap_free, cma_total, cma_free, nvmap_used;
    uint64_t nvmap_free; /* 4.9 only: its page pool, not what can be had */
    uint64_t dirty, writeback, unevictable, mlocked, commit_limit, committed;
} plim_kernel_memory;

/* Errors:  E_IO  no meminfo.  E_FORMAT  it has no MemTotal. */
PLIM_MUST_USE plim_status plim_kernel_memory_read(const char *root, plim_kernel_memory *out,
                                                  plim_error *err);

/* Figures that lie in files of their own; UNKNOWN where the file is missing or not readable. */
typedef struct plim_machine_counters {
    uint64_t zram_bytes;     /* memory that all zram devices take, of what they hold swapped */
    uint64_t cma_used_bytes; /* handed to drivers out of CMA */
    uint64_t carveout_bytes; /* reserved by the device tree, outside MemTotal */
    uint64_t largest_free_bytes;
    uint32_t largest_free_count;
    uint32_t pressure_centi; /* UINT32_MAX: not known */
    uint32_t damaged_count;
} plim_machine_counters;
void plim_machine_counters_read(const char *root, plim_machine_counters *out);

/* Single lines, for the tests and the fuzzer. False: nothing there can be believed. */
/* "  1234 kB" of meminfo, whole: a number whose unit was cut off may itself be cut. */
bool plim_kib_parse(const char *text, uint64_t *out_bytes);
/* "/dev/zram0 partition 8208620 0 5" of swaps. */
bool plim_swap_parse(const char *line, bool *out_is_zram, uint64_t *out_bytes);
bool plim_zram_parse(const char *line, uint64_t *out_bytes);
/* Raises *order and *count to the largest block that the line of buddyinfo has free. */
bool plim_buddy_parse(const char *line, uint32_t *order, uint64_t *count);
/* Bytes of a "reg" of the device tree: big-endian cells, (address, size) pairs. */
bool plim_carveout_parse(const unsigned char *cells, size_t bytes, uint32_t address_cells,
                         uint32_t size_cells, uint64_t *out_bytes);

#endif
