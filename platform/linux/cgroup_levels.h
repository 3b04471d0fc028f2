/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_levels.h - the memory control groups that hold a process, from its own to the top. */
#ifndef PLATFORM_LINUX_CGROUP_LEVELS_H
#define PLATFORM_LINUX_CGROUP_LEVELS_H

#include "plimsoll/platform.h"

/* Where a process's group lies. Folders have no leading slash. */
typedef struct plim_cgroup_place {
    uint32_t version;
    char mount[192];
    char group[320]; /* below the mount, with its leading slash; "" is the mount itself */
    bool is_hidden;  /* the group's folder is not visible here: the mount stands for it */
} plim_cgroup_place;

/* plim_cgroup_find - @pid 0: this process.
 * Errors:  E_UNSUPPORTED  no memory controller that can be read; E_RANGE  a group's name that is
 *          too long; as plim_lines_open. */
PLIM_MUST_USE plim_status plim_cgroup_find(const char *root, uint32_t pid, plim_cgroup_place *out,
                                           plim_error *err);

/* One group with everything below it. UNKNOWN: the kernel does not say; of a limit: none. */
typedef struct plim_cgroup_level {
    char folder[512];
    bool is_top;     /* the mount: nothing visible lies above */
    bool is_damaged; /* a limit is there and cannot be believed */
    bool is_silent;  /* it must have limits, and they cannot be read */
    uint64_t usage_bytes, limit_bytes, high_bytes;
    uint64_t swap_usage_bytes, swap_limit_bytes; /* version 1: memory and swap together */
    uint64_t hierarchical_limit_bytes; /* version 1: the tightest on the way up, visible or not */
    uint64_t inactive_file_bytes, active_file_bytes, dirty_bytes, writeback_bytes;
    uint64_t shmem_bytes, unevictable_bytes, slab_reclaimable_bytes;
    uint64_t protected_bytes; /* memory.min of the groups right below; version 2 */
} plim_cgroup_level;

/* plim_cgroup_levels - from the process's own group up to the mount, or to where version 1 no
 * longer counts upwards (use_hierarchy). Stops when @visit says so. */
void plim_cgroup_levels(const char *root, const plim_cgroup_place *place,
                        bool (*visit)(void *context, const plim_cgroup_level *level),
                        void *context);

/* A line of memory.stat, "total_inactive_file 4096". False: nothing that is wanted there. */
bool plim_cgroup_stat_parse(const char *line, uint32_t version, plim_cgroup_level *out);
/* "max\n", "9223372036854771712": none, UNKNOWN. False: it cannot be believed. */
bool plim_cgroup_limit_parse(const char *text, uint64_t *out);

#endif
