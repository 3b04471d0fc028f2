/* SPDX-License-Identifier: Apache-2.0 */
/* memory_events.c - how much memory is left, and what its lack has done already.
 *
 * meminfo and vmstat of the machine; usage, limit and events of the control group that this
 * process is in, version 1 or 2 (cgroup.c finds it). Version 1 counts attempts over the limit
 * (failcnt, shown as group.max) and says in memory.oom_control whether it waits for memory.
 * A group without a limit has none to read: MISSING, without a fault.
 * memory.room is the least of what the kernel calls available and what the group leaves; it is a
 * bound for an alarm, not a promise (plimsoll/headroom.h makes the promise).
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/probes.h"
#include "platform/linux/sensors/sensors.h"

#define NO_LIMIT INT64_C(0x7fffffffffff0000) /* version 1 says "none" with a number above it */

typedef struct named_line {
    const char *name;
    plim_telemetry_id id;
} named_line;

static void find_group(plim_sensors *self)
{
    plim_group_files *g = &self->group;
    plim_cgroup_memory found;
    char path[640];
    self->call_count += 20;
    if (plim_cgroup_memory_read_at(self->root, 0, &found, NULL) != PLIM_OK) {
        return;
    }
    if (g->version != found.version || strcmp(g->folder, found.path + 1) != 0) {
        plim_sensor_close(self, &g->usage); /* the process was moved */
        plim_sensor_close(self, &g->limit);
        plim_sensor_close(self, &g->events);
        plim_sensor_close(self, &g->fail_count);
        g->version = found.version;
        snprintf(g->folder, sizeof(g->folder), "%.511s", found.path + 1);
    }
    bool is_first = g->version == 1;
    snprintf(path, sizeof(path), "%s/%s", g->folder,
             is_first ? "memory.usage_in_bytes" : "memory.current");
    plim_sensor_open(self, path, &g->usage);
    snprintf(path, sizeof(path), "%s/%s", g->folder,
             is_first ? "memory.limit_in_bytes" : "memory.max");
    plim_sensor_open(self, path, &g->limit);
    snprintf(path, sizeof(path), "%s/%s", g->folder,
             is_first ? "memory.oom_control" : "memory.events");
    plim_sensor_open(self, path, &g->events);
    if (is_first) {
        snprintf(path, sizeof(path), "%s/memory.failcnt", g->folder);
        plim_sensor_open(self, path, &g->fail_count);
    }
}

void plim_memory_find(plim_sensors *self)
{
    plim_sensor_open(self, "proc/meminfo", &self->meminfo);
    plim_sensor_open(self, "proc/vmstat", &self->vmstat);
    find_group(self);
}

/* ---- reading ---- */

/* The number behind @name at the beginning of a whole line of self->text. */
static bool number_behind(const plim_sensors *self, const char *name, int64_t *out)
{
    size_t n = strlen(name);
    for (const char *at = self->text, *end; (end = strchr(at, '\n')); at = end + 1) {
        if (strncmp(at, name, n) == 0) {
            const char *number = at + n + strspn(at + n, " \t");
            return number < end && plim_sensor_parse(number, out);
        }
    }
    return false;
}

static void take_lines(plim_sensors *self, int error, const named_line *lines, size_t count,
                       int64_t factor, uint64_t now_ns)
{
    for (size_t i = 0; i < count; i++) {
        int64_t n = 0;
        int why = error;
        if (why == 0) {
            why = !number_behind(self, lines[i].name, &n) ? ENODATA
                  : __builtin_mul_overflow(n, factor, &n) ? ERANGE
                                                          : 0;
        }
        plim_reading_take(&self->sample.list[lines[i].id], why, n, now_ns);
    }
}

static void sense_meminfo(plim_sensors *self, uint64_t now_ns)
{
    static const named_line LINES[] = {
        {"MemAvailable:", PLIM_READ_MEMORY_AVAILABLE},
        {"MemFree:", PLIM_READ_MEMORY_FREE},
        {"SwapFree:", PLIM_READ_SWAP_FREE},
    };
    int error = plim_sensor_text(self, &self->meminfo);
    take_lines(self, error, LINES, sizeof(LINES) / sizeof(LINES[0]), 1024, now_ns);
}

/* allocstall_dma, allocstall_normal, ...: one counter a zone since 4.10, one for all before. */
static int sum_of_stalls(const plim_sensors *self, int64_t *out)
{
    bool is_there = false;
    *out = 0;
    for (const char *at = self->text, *end; (end = strchr(at, '\n')); at = end + 1) {
        int64_t n = 0;
        const char *blank = memchr(at, ' ', (size_t)(end - at));
        if (strncmp(at, "allocstall", 10) != 0) {
            continue;
        }
        if (!blank || !plim_sensor_parse(blank + 1, &n) || __builtin_add_overflow(*out, n, out)) {
            return EBADMSG;
        }
        is_there = true;
    }
    return is_there ? 0 : ENODATA;
}

static void sense_vmstat(plim_sensors *self, uint64_t now_ns)
{
    static const named_line LINES[] = {
        {"oom_kill ", PLIM_READ_OOM_KILL},
        {"pgmajfault ", PLIM_READ_MAJOR_FAULT},
        {"pswpin ", PLIM_READ_SWAP_IN},
        {"pswpout ", PLIM_READ_SWAP_OUT},
    };
    int64_t stalls = 0;
    int error = plim_sensor_text(self, &self->vmstat);
    take_lines(self, error, LINES, sizeof(LINES) / sizeof(LINES[0]), 1, now_ns);
    error = error ? error : sum_of_stalls(self, &stalls);
    plim_reading_take(&self->sample.list[PLIM_READ_ALLOC_STALL], error, stalls, now_ns);
}

static void sense_limit(plim_sensors *self, uint64_t now_ns)
{
    plim_reading *limit = &self->sample.list[PLIM_READ_GROUP_LIMIT];
    int64_t bytes = 0;
    int error = plim_sensor_text(self, &self->group.limit);
    bool is_number = error == 0 && plim_sensor_parse(self->text, &bytes);
    if (error == 0 && (strncmp(self->text, "max", 3) == 0 || (is_number && bytes >= NO_LIMIT))) {
        plim_reading_clear(limit);
        return;
    }
    plim_reading_take(limit, error == 0 && !is_number ? EBADMSG : error, bytes, now_ns);
}

static void sense_group(plim_sensors *self, uint64_t now_ns)
{
    static const named_line SECOND[] = {
        {"low ", PLIM_READ_GROUP_LOW},           {"high ", PLIM_READ_GROUP_HIGH},
        {"max ", PLIM_READ_GROUP_MAX},           {"oom ", PLIM_READ_GROUP_OOM},
        {"oom_kill ", PLIM_READ_GROUP_OOM_KILL},
    };
    static const named_line FIRST[] = {
        {"oom_kill ", PLIM_READ_GROUP_OOM_KILL}, /* since 4.13 */
        {"under_oom ", PLIM_READ_GROUP_UNDER_OOM},
    };
    plim_group_files *g = &self->group;
    plim_reading *list = self->sample.list;
    int64_t n = 0;
    int error = plim_sensor_number(self, &g->usage, &n);
    plim_reading_take(&list[PLIM_READ_GROUP_USAGE], error, n, now_ns);
    sense_limit(self, now_ns);
    error = plim_sensor_text(self, &g->events);
    if (g->version == 1) {
        take_lines(self, error, FIRST, sizeof(FIRST) / sizeof(FIRST[0]), 1, now_ns);
        error = plim_sensor_number(self, &g->fail_count, &n);
        plim_reading_take(&list[PLIM_READ_GROUP_MAX], error, n, now_ns);
    } else {
        take_lines(self, error, SECOND, sizeof(SECOND) / sizeof(SECOND[0]), 1, now_ns);
    }
}

static void find_room(plim_sensors *self, uint64_t now_ns)
{
    plim_reading *list = self->sample.list;
    const plim_reading *available = &list[PLIM_READ_MEMORY_AVAILABLE];
    const plim_reading *limit = &list[PLIM_READ_GROUP_LIMIT];
    const plim_reading *usage = &list[PLIM_READ_GROUP_USAGE];
    int64_t room = available->value;
    int error = available->os_errno;
    if (limit->state != PLIM_READING_MISSING) {
        int64_t left = limit->value > usage->value ? limit->value - usage->value : 0;
        room = left < room ? left : room;
        error = error ? error : limit->os_errno ? limit->os_errno : usage->os_errno;
    }
    plim_reading_take(&list[PLIM_READ_MEMORY_ROOM], error, room, now_ns);
}

void plim_memory_sense(plim_sensors *self, uint64_t now_ns)
{
    sense_meminfo(self, now_ns);
    sense_vmstat(self, now_ns);
    if (self->group.version) {
        sense_group(self, now_ns);
    }
    find_room(self, now_ns);
}
