/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup.c - the memory control group that a process is charged to, version 1 or 2.
 *
 * Finds the controller's mount in mountinfo and the group in cgroup; version 1 wins when both
 * are mounted and it owns memory, because then version 2 does not account it. A mount may show
 * a part of the hierarchy only: the group's path is then counted from that part. Inside a
 * container the path may not exist below the mount at all: then the mount itself is the group
 * that is visible. A limit that means "none" is PLIM_UNKNOWN_BYTES.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/fsroot.h"
#include "platform/linux/cgroup_levels.h"
#include "platform/linux/probes.h"

typedef struct cgroup_mount {
    char point[192]; /* without its leading slash; "" when absent */
    char shown[320]; /* the group that the mount shows as its top: a pod's name alone is 190 */
} cgroup_mount;

typedef struct cgroup_mounts {
    cgroup_mount v1, v2;
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
    char type[32], options[256];
    cgroup_mount m;
    const char *dash = strstr(line, " - ");
    if (!dash || sscanf(line, "%*u %*u %*s %319s /%191s", m.shown, m.point) != 2 ||
        sscanf(dash + 3, "%31s %*s %255s", type, options) != 2) {
        return;
    }
    if (strcmp(type, "cgroup") == 0 && has_word(options, "memory")) {
        out->v1 = m;
    } else if (strcmp(type, "cgroup2") == 0) {
        out->v2 = m;
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
    size_t n = 0;
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
            n = (size_t)snprintf(out, room, "%s", group);
        }
    }
    plim_lines_close(&lines);
    return n < room ? PLIM_OK
                    : PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of a control group's name",
                                .want = n, .limit = room - 1);
}

/* @group as the mount shows it; false when it lies outside of what the mount shows. */
static bool group_below(const cgroup_mount *mount, const char *group, char *out, size_t room)
{
    size_t n = strcmp(mount->shown, "/") == 0 ? 0 : strlen(mount->shown);
    bool is_below = strncmp(group, mount->shown, n) == 0 && (group[n] == '/' || group[n] == 0);
    snprintf(out, room, "%s", is_below && strcmp(group + n, "/") != 0 ? group + n : "");
    return is_below && !strstr(out, "/..");
}

static bool has_file(const char *root, const plim_cgroup_place *place, const char *file)
{
    char path[640], text[8];
    snprintf(path, sizeof(path), "%s%s/%s", place->mount, place->group, file);
    return plim_fsroot_read(root, path, text, sizeof(text), NULL);
}

static bool has_controller(const char *root, const plim_cgroup_place *place)
{
    const bool is_v1 = place->version == 1;
    return has_file(root, place, is_v1 ? "memory.usage_in_bytes" : "memory.current") ||
           has_file(root, place, is_v1 ? "memory.limit_in_bytes" : "memory.max");
}

static bool has_folder(const char *root, const plim_cgroup_place *place)
{
    char path[640];
    plim_folder folder;
    snprintf(path, sizeof(path), "%s%s", place->mount, place->group);
    bool is_there = plim_folder_open(root, path, &folder, NULL) == PLIM_OK;
    if (is_there) {
        plim_folder_close(&folder);
    }
    return is_there;
}

/* Version 2 hands the controller down level by level: the lowest that has it does the counting. */
static bool climb(const char *root, plim_cgroup_place *place)
{
    for (char *end; !has_controller(root, place); *end = 0) {
        end = strrchr(place->group, '/');
        if (!end) {
            return false;
        }
    }
    return true;
}

plim_status plim_cgroup_find(const char *root, uint32_t pid, plim_cgroup_place *out,
                             plim_error *err)
{
    char proc[32] = "proc/self", group[320];
    cgroup_mounts mounts;
    memset(out, 0, sizeof(*out));
    if (pid) {
        snprintf(proc, sizeof(proc), "proc/%" PRIu32, pid);
    }
    PLIM_TRY(find_mounts(root, proc, &mounts, err));
    for (uint32_t version = 1; version <= 2; version++) {
        const cgroup_mount *mount = version == 1 ? &mounts.v1 : &mounts.v2;
        if (mount->point[0] == 0) {
            continue;
        }
        PLIM_TRY(find_group(root, proc, version, group, sizeof(group), err));
        out->version = version;
        memcpy(out->mount, mount->point, sizeof(out->mount));
        out->is_hidden =
            !group_below(mount, group, out->group, sizeof(out->group)) || !has_folder(root, out);
        if (out->is_hidden) {
            out->group[0] = 0;
        }
        if (climb(root, out)) {
            return PLIM_OK;
        }
    }
    memset(out, 0, sizeof(*out));
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "memory control group", "cgroup",
                          "a mounted memory controller", "none that can be read");
}

static bool take_own(void *context, const plim_cgroup_level *level)
{
    plim_cgroup_memory *out = context;
    out->usage_bytes = level->usage_bytes;
    out->limit_bytes = level->limit_bytes;
    snprintf(out->path, sizeof(out->path), "/%.510s", level->folder);
    return false;
}

plim_status plim_cgroup_memory_read_at(const char *root, uint32_t pid, plim_cgroup_memory *out,
                                       plim_error *err)
{
    char path[640], text[64];
    plim_cgroup_place place;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_cgroup_find(root, pid, &place, err));
    plim_cgroup_levels(root, &place, take_own, out);
    out->version = place.version;
    snprintf(path, sizeof(path), "%s%s/%s", place.mount, place.group,
             place.version == 1 ? "memory.max_usage_in_bytes" : "memory.peak");
    if (!plim_fsroot_read(root, path, text, sizeof(text), NULL) ||
        !plim_parse_u64(text, &out->peak_bytes)) {
        out->peak_bytes = PLIM_UNKNOWN_BYTES; /* memory.peak came with kernel 5.19 */
    }
    return PLIM_OK;
}

plim_status plim_cgroup_memory_read(plim_cgroup_memory *out, plim_error *err)
{
    return plim_cgroup_memory_read_at("", 0, out, err);
}
