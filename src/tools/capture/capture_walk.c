/* SPDX-License-Identifier: Apache-2.0 */
/* capture_walk.c - the paths that the list stands for: names in order, and the groups above us. */
#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/capture/capture_parts.h"

/* ---- patterns ---- */

static bool is_plain_name(const char *name)
{
    for (; *name; name++) {
        if (*name <= ' ' || *name > '~') {
            return false;
        }
    }
    return true;
}

static void walk_names(capture *c, const char *done, const char *part, const char *rest)
{
    char real[PATH_MAX], full[PATH_MAX], pattern[CAPTURE_PATH_BYTES * 3];
    struct dirent **names = NULL;
    snprintf(pattern, sizeof(pattern), "%s%s%s%s%s", done, done[0] ? "/" : "", part,
             rest[0] ? "/" : "", rest);
    if (!capture_resolve(c, done[0] ? done : ".", true, real)) {
        capture_refuse(c, pattern);
        return;
    }
    capture_full_path(c, real, full);
    int count = scandir(full, &names, NULL, alphasort);
    if (count < 0) {
        capture_refuse(c, pattern);
        return;
    }
    bool has_any = false;
    for (int i = 0; i < count; i++) {
        char next[CAPTURE_PATH_BYTES];
        const char *name = names[i]->d_name;
        int n = snprintf(next, sizeof(next), "%s%s%s", done, done[0] ? "/" : "", name);
        if (fnmatch(part, name, FNM_PERIOD) == 0 && is_plain_name(name) && n > 0 &&
            (size_t)n < sizeof(next)) {
            has_any = true;
            capture_walk(c, next, rest);
        }
        free(names[i]);
    }
    free(names);
    if (!has_any) {
        capture_note(c, "absent", 0, pattern, "");
    }
}

void capture_walk(capture *c, const char *done, const char *rest)
{
    char part[256], next[CAPTURE_PATH_BYTES];
    size_t n = strcspn(rest, "/");
    if (!rest[0]) {
        capture_take(c, done, done);
        return;
    }
    if (c->is_broken) {
        return;
    }
    snprintf(part, sizeof(part), "%.*s", (int)n, rest);
    rest += n + (rest[n] == '/');
    if (strpbrk(part, "*?[")) {
        walk_names(c, done, part, rest);
        return;
    }
    int m = snprintf(next, sizeof(next), "%s%s%s", done, done[0] ? "/" : "", part);
    if (m > 0 && (size_t)m < sizeof(next)) {
        capture_walk(c, next, rest);
    }
}

/* ---- the control group of this process, and those above it ---- */

static void take_group(capture *c, const char *mount, const char *group)
{
    char renamed[600], from[CAPTURE_PATH_BYTES], to[CAPTURE_PATH_BYTES];
    char level[CAPTURE_PATH_BYTES];
    snprintf(level, sizeof(level), "%s", strcmp(group, "/") == 0 ? "" : group);
    for (;;) {
        capture_rename_group(level, renamed, sizeof(renamed));
        for (const char *const *file = CAPTURE_GROUP_FILES; *file; file++) {
            int n = snprintf(from, sizeof(from), "%s%s/%s", mount, level, *file);
            int m = snprintf(to, sizeof(to), "%s%s/%s", mount, level[0] ? renamed : "", *file);
            if (n > 0 && m > 0 && (size_t)n < sizeof(from) && (size_t)m < sizeof(to)) {
                capture_take(c, from, to);
            }
        }
        char *slash = strrchr(level, '/');
        if (!slash) {
            return;
        }
        *slash = 0;
    }
}

/* The group that @mount shows of proc/self/cgroup; false when it is of another controller. */
static bool group_of(capture *c, bool is_second, char *out, size_t room)
{
    ssize_t n = -1;
    char real[PATH_MAX];
    if (capture_resolve(c, "proc/self/cgroup", false, real)) {
        n = capture_read(c, real, CAPTURE_FILE_BYTES - 1);
    }
    c->buffer[n > 0 ? n : 0] = 0;
    for (char *line = strtok(c->buffer, "\n"); line; line = strtok(NULL, "\n")) {
        char *controllers = strchr(line, ':');
        char *group = controllers ? strchr(controllers + 1, ':') : NULL;
        if (!group) {
            continue;
        }
        *group++ = 0;
        if (is_second ? controllers[1] == 0 : strstr(controllers, "memory") != NULL) {
            snprintf(out, room, "%s", group);
            return strstr(out, "..") == NULL;
        }
    }
    return false;
}

void capture_take_groups(capture *c)
{
    static const capture_entry WHOLE = {"", CAPTURE_WHOLE};
    char points[8][256], real[PATH_MAX], group[CAPTURE_PATH_BYTES];
    bool is_second[8];
    size_t count = 0;
    c->entry = &WHOLE;
    if (!capture_resolve(c, "proc/self/mountinfo", false, real)) {
        return;
    }
    ssize_t n = capture_read(c, real, CAPTURE_FILE_BYTES - 1);
    c->buffer[n > 0 ? n : 0] = 0;
    for (char *line = strtok(c->buffer, "\n"); line && count < 8; line = strtok(NULL, "\n")) {
        char type[32], options[256] = "";
        const char *dash = strstr(line, " - ");
        if (dash && sscanf(line, "%*u %*u %*s %*s /%255s", points[count]) == 1 &&
            sscanf(dash + 3, "%31s %*s %255s", type, options) >= 1 &&
            strncmp(points[count], "sys/fs/cgroup", 13) == 0 &&
            (strcmp(type, "cgroup2") == 0 ||
             (strcmp(type, "cgroup") == 0 && strstr(options, "memory")))) {
            is_second[count] = strcmp(type, "cgroup2") == 0;
            count++;
        }
    }
    for (size_t i = 0; i < count; i++) {
        if (group_of(c, is_second[i], group, sizeof(group))) {
            take_group(c, points[i], group);
        }
    }
}
