/* SPDX-License-Identifier: Apache-2.0 */
/* group_share.c - how full a control group is, and how often it was too full.
 *
 * Decides what counts as used: not the page cache of files, because a group that reads large files
 * stands at its limit all the time and is in no trouble. (tmpfs and memfd pages are on the
 * kernel's anonymous lists and do count.) Met its limit: memory.failcnt in version 1; max and oom
 * of memory.events in version 2, and high, where the kernel slows the group down.
 */
#include "platform/linux/group_share.h"

#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/probes.h"

#define NO_LIMIT UINT64_C(0x7fffffffffff0000) /* version 1 says none so, and by more */

static bool read_number(const char *root, const char *folder, const char *file, uint64_t *out)
{
    char path[640], text[64];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) && plim_parse_u64(text, out);
}

/* The sum of the lines of @file that begin with one of @names; false when there is none. */
static bool sum_lines(const char *root, const char *folder, const char *file,
                      const char *const *names, uint64_t *out)
{
    char path[640];
    plim_lines lines;
    bool is_found = false;
    uint64_t sum = 0;
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return false;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        for (size_t i = 0; names[i]; i++) {
            size_t n = strlen(names[i]);
            uint64_t value;
            if (strncmp(line, names[i], n) == 0 && line[n] == ' ' &&
                plim_parse_u64(line + n, &value) && value < UINT64_MAX - sum) {
                is_found = true;
                sum += value;
            }
        }
    }
    plim_lines_close(&lines);
    *out = sum;
    return is_found;
}

static bool read_limit(const char *root, const char *folder, uint32_t version, uint64_t *out)
{
    const char *file = version == 1 ? "memory.limit_in_bytes" : "memory.max";
    return read_number(root, folder, file, out) && *out < NO_LIMIT;
}

bool plim_group_share_find(const char *root, plim_cgroup_memory *out)
{
    if (plim_cgroup_memory_read_at(root, 0, out, NULL) != PLIM_OK) {
        return false;
    }
    while (!read_limit(root, out->path + 1, out->version, &out->limit_bytes)) {
        char *slash = strrchr(out->path, '/');
        if (!slash || slash == out->path) {
            return false;
        }
        *slash = 0;
    }
    return true;
}

void plim_group_share_read(const char *root, const plim_cgroup_memory *group, plim_group_share *out)
{
    static const char *const V1_CACHE[] = {"total_inactive_file", "total_active_file", NULL};
    static const char *const V2_CACHE[] = {"inactive_file", "active_file", NULL};
    static const char *const V2_HITS[] = {"high", "max", "oom", NULL};
    const char *folder = group->path + 1;
    bool is_v1 = group->version == 1;
    *out = (plim_group_share){PLIM_UNKNOWN_BYTES, PLIM_UNKNOWN_BYTES, PLIM_UNKNOWN_BYTES,
                              PLIM_UNKNOWN_BYTES};
    if (!read_limit(root, folder, group->version, &out->limit_bytes)) {
        out->limit_bytes = PLIM_UNKNOWN_BYTES; /* it was lifted */
    }
    if (!read_number(root, folder, is_v1 ? "memory.usage_in_bytes" : "memory.current",
                     &out->usage_bytes)) {
        out->usage_bytes = PLIM_UNKNOWN_BYTES;
    }
    if (!sum_lines(root, folder, "memory.stat", is_v1 ? V1_CACHE : V2_CACHE, &out->cache_bytes)) {
        out->cache_bytes = PLIM_UNKNOWN_BYTES;
    }
    bool has_hits = is_v1 ? read_number(root, folder, "memory.failcnt", &out->hit_count)
                          : sum_lines(root, folder, "memory.events", V2_HITS, &out->hit_count);
    if (!has_hits) {
        out->hit_count = PLIM_UNKNOWN_BYTES;
    }
}
