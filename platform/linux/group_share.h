/* SPDX-License-Identifier: Apache-2.0 */
/* group_share.h - how full the control group is whose limit this process would meet first. */
#ifndef PLATFORM_LINUX_GROUP_SHARE_H
#define PLATFORM_LINUX_GROUP_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#include "plimsoll/platform.h"

typedef struct plim_group_share {
    uint64_t limit_bytes; /* PLIM_UNKNOWN_BYTES each: not known */
    uint64_t usage_bytes;
    uint64_t cache_bytes; /* of usage: page cache of files, which the kernel drops by itself */
    uint64_t hit_count;   /* how often the group met its limit or its memory.high */
} plim_group_share;

/* plim_group_share_find - the nearest group with a limit, from the process's own upwards.
 * False: none has a limit, or there is no memory controller. */
bool plim_group_share_find(const char *root, plim_cgroup_memory *out);

/* plim_group_share_read - its figures now. Cost: four small files. */
void plim_group_share_read(const char *root, const plim_cgroup_memory *group,
                           plim_group_share *out);

#endif
