/* SPDX-License-Identifier: Apache-2.0 */
/* cgroup_levels.c - every memory control group on the way up, with what it counts.
 *
 * A limit holds the whole tree below it, so each group's figures are those of its tree: version 2
 * counts that way, version 1 in the lines that begin with "total_". The mount itself is visited
 * too: inside a container it is a group with a limit like any other; on a whole machine its files
 * are missing, or mean nothing, and read as unknown.
 */
#include "platform/linux/cgroup_levels.h"

#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "platform/fsroot.h"

#define NO_LIMIT   (UINT64_C(1) << 62) /* version 1 prints 2^63 less a page for "none" */
#define GROUPS_MAX 4096u               /* of one folder */
#define LEVELS_MAX 64u
#define UNKNOWN    PLIM_UNKNOWN_BYTES

typedef struct stat_key {
    const char *v1, *v2;
    size_t offset;
} stat_key;

#define FIELD(name) offsetof(plim_cgroup_level, name)
static const stat_key KEYS[] = {
    {"total_inactive_file", "inactive_file", FIELD(inactive_file_bytes)},
    {"total_active_file", "active_file", FIELD(active_file_bytes)},
    {"total_dirty", "file_dirty", FIELD(dirty_bytes)},
    {"total_writeback", "file_writeback", FIELD(writeback_bytes)},
    {"total_shmem", "shmem", FIELD(shmem_bytes)},
    {"total_unevictable", "unevictable", FIELD(unevictable_bytes)},
    {NULL, "slab_reclaimable", FIELD(slab_reclaimable_bytes)},
    {"hierarchical_memory_limit", NULL, FIELD(hierarchical_limit_bytes)},
};
#undef FIELD

/* A number that ends where its line ends: one that was cut, or grew a tail, is not believed. */
static bool whole_number(const char *text, uint64_t *out)
{
    if (!plim_parse_u64(text, out)) {
        return false;
    }
    text += strspn(text, " \t");
    text += strspn(text, "0123456789");
    return text[strspn(text, " \t\r\n")] == 0;
}

bool plim_cgroup_stat_parse(const char *line, uint32_t version, plim_cgroup_level *out)
{
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        const char *key = version == 1 ? KEYS[i].v1 : KEYS[i].v2;
        size_t n = key ? strlen(key) : 0;
        uint64_t bytes;
        if (n && strncmp(line, key, n) == 0 && line[n] == ' ') {
            if (!whole_number(line + n, &bytes)) {
                return false;
            }
            bytes = bytes >= NO_LIMIT ? UNKNOWN : bytes;
            memcpy((char *)out + KEYS[i].offset, &bytes, sizeof(bytes));
            return true;
        }
    }
    return false;
}

bool plim_cgroup_limit_parse(const char *text, uint64_t *out)
{
    if (strncmp(text, "max", 3) == 0 && text[3 + strspn(text + 3, " \r\n")] == 0) {
        *out = UNKNOWN;
        return true;
    }
    if (!whole_number(text, out)) {
        return false;
    }
    *out = *out >= NO_LIMIT ? UNKNOWN : *out;
    return true;
}

static bool read_file(const char *root, const char *folder, const char *file, char *text,
                      size_t room)
{
    char path[1100];
    snprintf(path, sizeof(path), "%s/%s", folder, file);
    return plim_fsroot_read(root, path, text, room, NULL) && text[0];
}

static uint64_t read_count(const char *root, const char *folder, const char *file)
{
    char text[64];
    uint64_t bytes;
    return read_file(root, folder, file, text, sizeof(text)) && whole_number(text, &bytes) &&
                   bytes < NO_LIMIT
               ? bytes
               : UNKNOWN;
}

/* A limit that is there and cannot be believed is 0, and said to be damaged: never "none". The
 * top of a hierarchy has none, and memsw is an option of the kernel's. */
static uint64_t read_limit(const char *root, plim_cgroup_level *level, const char *file)
{
    char text[64];
    uint64_t bytes;
    if (!read_file(root, level->folder, file, text, sizeof(text))) {
        level->is_silent = level->is_silent || !(level->is_top || strstr(file, "memsw"));
        return UNKNOWN;
    }
    if (plim_cgroup_limit_parse(text, &bytes)) {
        return bytes;
    }
    level->is_damaged = true;
    return 0;
}

static void read_stat(const char *root, uint32_t version, plim_cgroup_level *level)
{
    char path[640];
    plim_lines lines;
    snprintf(path, sizeof(path), "%s/memory.stat", level->folder);
    if (plim_lines_open(root, path, &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        (void)plim_cgroup_stat_parse(line, version, level);
    }
    plim_lines_close(&lines);
}

/* memory.min of the groups right below: what a limit here cannot reclaim. How far down the
 * protection reaches does not matter: no group protects more than its parent passes on. */
static uint64_t read_protected(const char *root, const char *folder)
{
    plim_folder names;
    uint64_t sum = 0, next;
    if (plim_folder_open(root, folder, &names, NULL) != PLIM_OK) {
        return 0;
    }
    const char *name;
    for (uint32_t i = 0; i < GROUPS_MAX && (name = plim_folder_next(&names)); i++) {
        char below[800];
        snprintf(below, sizeof(below), "%s/%s", folder, name);
        uint64_t least = read_count(root, below, "memory.min");
        char text[16];
        if (least == UNKNOWN && read_file(root, below, "memory.min", text, sizeof(text))) {
            least = read_count(root, below, "memory.current"); /* "max": all that it has */
        }
        if (least != UNKNOWN && bytes_add(sum, least, &next)) {
            sum = next;
        }
    }
    plim_folder_close(&names);
    return sum;
}

static void read_level(const char *root, uint32_t version, plim_cgroup_level *level)
{
    if (version == 1) {
        level->usage_bytes = read_count(root, level->folder, "memory.usage_in_bytes");
        level->limit_bytes = read_limit(root, level, "memory.limit_in_bytes");
        level->swap_usage_bytes = read_count(root, level->folder, "memory.memsw.usage_in_bytes");
        level->swap_limit_bytes = read_limit(root, level, "memory.memsw.limit_in_bytes");
    } else {
        level->usage_bytes = read_count(root, level->folder, "memory.current");
        level->limit_bytes = read_limit(root, level, "memory.max");
        level->high_bytes = read_limit(root, level, "memory.high");
        level->protected_bytes = read_protected(root, level->folder);
    }
    read_stat(root, version, level);
}

/* Version 1 without use_hierarchy: the group above does not count what is in those below. */
static bool is_counted_above(const char *root, uint32_t version, const char *above)
{
    return version == 2 || read_count(root, above, "memory.use_hierarchy") != 0;
}

void plim_cgroup_levels(const char *root, const plim_cgroup_place *place,
                        bool (*visit)(void *context, const plim_cgroup_level *level), void *context)
{
    char group[sizeof(place->group)];
    memcpy(group, place->group, sizeof(group));
    for (uint32_t i = 0; i < LEVELS_MAX; i++) {
        plim_cgroup_level level;
        memset(&level, 0xff, sizeof(level)); /* every figure UNKNOWN */
        level.is_damaged = level.is_silent = false;
        level.protected_bytes = 0;
        level.is_top = group[0] == 0;
        snprintf(level.folder, sizeof(level.folder), "%s%s", place->mount, group);
        if (i && !is_counted_above(root, place->version, level.folder)) {
            return;
        }
        read_level(root, place->version, &level);
        if (!visit(context, &level) || level.is_top) {
            return;
        }
        *strrchr(group, '/') = 0;
    }
}
