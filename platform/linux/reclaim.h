/* SPDX-License-Identifier: Apache-2.0 */
/* reclaim.h - what bears on how much can be had beside meminfo: kernel settings, swap, the
 * process's limits, the bound of Tegra's GPU driver. */
#ifndef PLATFORM_LINUX_RECLAIM_H
#define PLATFORM_LINUX_RECLAIM_H

#include "platform/linux/nvmap.h"

typedef struct plim_reclaim {
    uint32_t cpu_count; /* possible ones; each keeps counts of its own for a while */
    bool cpu_count_is_read;
    char kernel[32];         /* "5.15.148-tegra"; "" */
    uint64_t min_free_bytes; /* UNKNOWN: not told, as below */
    uint64_t overcommit;     /* 0, 1, 2 */
    uint64_t admin_reserve_bytes, user_reserve_bytes;
    uint64_t zram_free_bytes, disk_free_bytes; /* swap that is not used; no swap: 0 */
} plim_reclaim;
void plim_reclaim_read(const char *root, plim_reclaim *out);

/* A process and its limits; UNKNOWN: none, or not told (@is_known says which). */
typedef struct plim_limits {
    bool is_known; /* its limits could be read */
    uint64_t address_bytes, data_bytes, locked_bytes;
    uint64_t address_used_bytes, data_used_bytes, locked_used_bytes;
    bool may_lock_all; /* CAP_IPC_LOCK: the limit of locked memory does not hold it */
} plim_limits;
void plim_limits_read(const char *root, uint32_t pid, plim_limits *out);

/* nvmap: is it there, and how much it would hand out at once. */
typedef struct plim_nvmap_bound {
    bool is_present;
    uint64_t free_bytes; /* UNKNOWN */
    char source[64];
    uint32_t release[3]; /* of Jetson Linux: 36, 4, 7; zeros: not known */
} plim_nvmap_bound;
/* @totals: what debugfs said; where it is silent, the device of this machine is asked. */
void plim_nvmap_bound_read(const char *root, const plim_nvmap *totals, plim_nvmap_bound *out);

/* Single lines, for tests and the fuzzer. False: not such a line, or it cannot be believed. */
/* "/dev/zram0  partition  1001968  0  5" of proc/swaps: KiB in all, KiB used. */
bool plim_swap_free_parse(const char *line, bool *out_is_zram, uint64_t *out_free_bytes);
/* "Max address space   unlimited   unlimited   bytes": the first of the two. */
bool plim_limit_parse(const char *line, const char *name, uint64_t *out);
/* "# R36 (release), REVISION: 4.7, GCID: ..." */
bool plim_release_parse(const char *line, uint32_t out[3]);

#endif
