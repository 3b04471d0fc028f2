/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.c - the memory control group that a process is charged to, version 1 or 2.
 *
 * Finds the controller's mount in mountinfo and the group in cgroup; version 1 wins when both
 * are mounted and it owns memory, because then version 2 does not account it. Inside a
 * container the group's path may not exist below the mount: then the mount itself is the
 * group that is visible. A limit that means "none" is PLIM_UNKNOWN_BYTES.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/probes.h"

typedef struct cgroup_mounts {
    char v1[192], v2[192]; /* mount points without the leading slash; "" when absent */
} cgroup_mounts;

static bool has_word(const char *list, const char *word)
{
    size_t n = strlen(word);
    for (const char *p = list; p && *p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        if (strncmp(p, word, n) == 0 && (p[n] == ',' || p[n] == 0)) {
            return true;
        }
    }
    return false;
}

/* "35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory" */
static void take_mount(const char *line, cgroup_mounts *out)
{
    char point[192], type[32], options[256];
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*u %*u %*s %*s /%191s", point) != 1 ||
        sscanf(dash + 3, "%31s %*s %255s", type, options) != 2) {
        return;
    }
    if (strcmp(type, "cgroup") == 0 && has_word(options, "memory")) {
        snprintf(out->v1, sizeof(out->v1), "%s", point);
    } else if (strcmp(type, "cgroup2") == 0) {
        snprintf(out->v2, sizeof(out->v2), "%s", point);
    }
}

static plim_status find_mounts(const char *root, const char *proc, cgroup_mounts *out,
                               plim_error *err)
{
    char path[64];
    plim_lines lines;
    memset(out, 0, sizeof(*out));
    snprintf(path, sizeof(path), "%s/mountinfo", proc);
    PLIM_TRY(plim_lines_open(root, path, &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        take_mount(line, out);
    }
    plim_lines_close(&lines);
    return PLIM_OK;
}

/* The group of version @version: "4:memory:/a/b" or "0::/a/b"; "" when there is no line. */
static plim_status find_group(const char *root, const char *proc, uint32_t version, char *out,
                              size_t room, plim_error *err)
{
    char path[64];
    plim_lines lines;
    out[0] = 0;
    snprintf(path, sizeof(path), "%s/cgroup", proc);
    PLIM_TRY(plim_lines_open(root, path, &lines, err));
    for (char *line; (line = plim_lines_next(&lines));) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) {
            continue;
        }
        *group++ = 0;
        controllers++;
        if (version == 1 ? has_word(controllers, "memory") : controllers[0] == 0) {
            snprintf(out, room, "%s", group);
        }
    }
    plim_lines_close(&lines);
    return PLIM_OK;
}

static bool read_number(const char *root, const char *folder, const char *file, uint64_t *out)
{
    char path[512], text[64];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return plim_fsroot_read(root, path, text, sizeof(text), NULL) && plim_parse_u64(text, out);
}

static bool read_group(const char *root, const char *folder, uint32_t version,
                       plim_cgroup_memory *out)
{
    static const char *const FILES[2][3] = {
        {"memory.usage_in_bytes", "memory.max_usage_in_bytes", "memory.limit_in_bytes"},
        {"memory.current", "memory.peak", "memory.max"},
    };
    const char *const *file = FILES[version - 1];
    if (!read_number(root, folder, file[0], &out->usage_bytes)) {
        return false;
    }
    if (!read_number(root, folder, file[1], &out->peak_bytes)) {
        out->peak_bytes = PLIM_UNKNOWN_BYTES; /* memory.peak came with kernel 5.19 */
    }
    /* Version 1 says "no limit" with the largest multiple of a page below 2^63. */
    if (!read_number(root, folder, file[2], &out->limit_bytes) ||
        out->limit_bytes >= UINT64_C(0x7fffffffffff0000)) {
        out->limit_bytes = PLIM_UNKNOWN_BYTES;
    }
    out->version = version;
    snprintf(out->path, sizeof(out->path), "/%.190s", folder);
    return true;
}

plim_status plim_cgroup_memory_read_at(const char *root, uint32_t pid, plim_cgroup_memory *out,
                                       plim_error *err)
{
    char proc[32] = "proc/self", group[192], folder[448];
    cgroup_mounts mounts;
    memset(out, 0, sizeof(*out));
    if (pid) {
        snprintf(proc, sizeof(proc), "proc/%" PRIu32, pid);
    }
    PLIM_TRY(find_mounts(root, proc, &mounts, err));
    for (uint32_t version = 1; version <= 2; version++) {
        const char *mount = version == 1 ? mounts.v1 : mounts.v2;
        if (mount[0] == 0) {
            continue;
        }
        PLIM_TRY(find_group(root, proc, version, group, sizeof(group), err));
        snprintf(folder, sizeof(folder), "%s%s", mount, strcmp(group, "/") == 0 ? "" : group);
        if (read_group(root, folder, version, out) || read_group(root, mount, version, out)) {
            return PLIM_OK;
        }
    }
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "memory control group", "cgroup",
                          "a mounted memory controller", "none that can be read");
}

plim_status plim_cgroup_memory_read(plim_cgroup_memory *out, plim_error *err)
{
    return plim_cgroup_memory_read_at("", 0, out, err);
}
