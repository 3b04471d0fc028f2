/* SPDX-License-Identifier: Apache-2.0 */
/* headroom.c - what can be had now, as walls made of rows.
 *
 * Decides what is promised: each wall's room is the sum of its counted rows, so that a person can
 * check it by hand; the lowest wall that binds, less what comes off every wall, is the promise.
 * Which figure counts in which wall is decided in headroom_walls.c and headroom_groups.c; the
 * reading itself is in linux/.
 */
#include "plimsoll/headroom.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena/opts.h"
#include "platform/headroom/headroom_parts.h"
#include "platform/probe/probe.h"

/* Blocks above "about 3 GiB" fail on 36.4.7 (CVE-2025-33177's first fix): clearly below that. */
#define RELEASE_BLOCK_BYTES (UINT64_C(2816) << 20)
/* Page tables above the lowest, and the first page of the lowest. */
#define TABLE_PAGES 4u

/* ---- rows and walls ---- */

/* The middle of a path that is too long says least. */
static void copy_source(char *to, size_t room, const char *from)
{
    size_t n = strlen(from);
    if (n < room) {
        memcpy(to, from, n + 1);
    } else {
        size_t head = room / 3, tail = room - head - 4;
        snprintf(to, room, "%.*s...%s", (int)head, from, from + n - tail);
    }
}

void plim_headroom_row_add(plim_headroom_builder *b, plim_headroom_kind kind, int64_t bytes,
                           const char *name, const char *format, ...)
{
    char source[700];
    va_list args;
    if (b->out->row_count == PLIM_HEADROOM_ROWS_MAX) {
        b->is_full = true;
        return;
    }
    plim_headroom_row *row = &b->out->rows[b->out->row_count++];
    va_start(args, format);
    vsnprintf(source, sizeof(source), format, args);
    va_end(args);
    row->wall = b->out->wall_count ? b->out->wall_count - 1 : 0;
    row->kind = kind;
    row->bytes = bytes;
    snprintf(row->name, sizeof(row->name), "%s", name);
    copy_source(row->source, sizeof(row->source), source);
    b->out->missing_count += kind == PLIM_HEADROOM_MISSING;
}

void plim_headroom_wall_begin(plim_headroom_builder *b, plim_wall kind, bool binds,
                              const char *name)
{
    if (b->out->wall_count == PLIM_HEADROOM_WALLS_MAX) {
        b->is_full = true;
        return;
    }
    plim_headroom_wall *wall = &b->out->walls[b->out->wall_count++];
    *wall = (plim_headroom_wall){.kind = kind, .binds = binds};
    copy_source(wall->name, sizeof(wall->name), name ? name : plim_wall_name(kind));
}

/* ---- the promise ---- */

static void sum_walls(plim_headroom *out)
{
    for (uint32_t w = 0; w < out->wall_count; w++) {
        int64_t gives = 0, takes = 0;
        for (uint32_t i = 0; i < out->row_count; i++) {
            const plim_headroom_row *r = &out->rows[i];
            if (r->wall == w && r->kind == PLIM_HEADROOM_COUNTED) {
                int64_t *to = r->bytes > 0 ? &gives : &takes;
                if (__builtin_add_overflow(*to, r->bytes, to)) {
                    *to = r->bytes > 0 ? 0 : INT64_MIN; /* nonsense: no room */
                }
            }
        }
        int64_t room;
        bool is_sum = !__builtin_add_overflow(gives, takes, &room);
        out->walls[w].room_bytes = is_sum && room > 0 ? (uint64_t)room : 0;
    }
    for (uint32_t w = 1; w < out->wall_count; w++) {
        const plim_headroom_wall *wall = &out->walls[w];
        if (wall->binds && wall->room_bytes < out->walls[out->binding].room_bytes) {
            out->binding = w;
        }
    }
}

static uint64_t take_off(plim_headroom_builder *b, uint64_t room, uint64_t bytes, const char *name,
                         const char *source)
{
    uint64_t less_bytes = bytes_least(room, bytes);
    if (less_bytes) {
        TAKES(b, less_bytes, name, "%s", source);
        if (!b->is_full) {
            b->out->rows[b->out->row_count - 1].wall = PLIM_HEADROOM_EVERY_WALL;
        }
    }
    return room - less_bytes;
}

/* So that the promised pages and the tables that map them fit together: whole pages P with
 * P + P * 8 / page + the tables above <= room. */
static uint64_t tables_of(uint64_t room, uint64_t page)
{
    const uint64_t span = page / 8 + 1; /* pages that one table maps, and itself */
    const uint64_t pages = bytes_less(room, TABLE_PAGES * page) / page;
    return room - (pages - (pages + span - 1) / span) * page;
}

static void promise(plim_headroom_builder *b)
{
    plim_headroom *out = b->out;
    const plim_headroom_opts *o = b->opts;
    uint64_t room = out->walls[out->binding].room_bytes;
    room = take_off(b, room, o->reserve_bytes, "reserve", "the caller");
    room = take_off(b, room, o->lease_bytes, "leases, not taken yet", "the caller");
    room = take_off(b, room, o->pinned_bytes, "page cache that is pinned", "the caller");
    room = take_off(b, room, tables_of(room, b->page_bytes), "page tables of what is promised",
                    "8 bytes a page, and whole pages");
    out->allocatable_bytes = room;
}

static void largest_block(plim_headroom_builder *b)
{
    plim_headroom *out = b->out;
    const uint32_t *release = b->bound.release;
    out->largest_block_bytes = out->allocatable_bytes;
    out->largest_block_known = PLIM_BLOCK_PAGED;
    if (!b->opts->for_gpu || !b->bound.is_present) {
        return;
    }
    if (b->bound.free_bytes < out->largest_block_bytes) {
        out->largest_block_bytes = b->bound.free_bytes;
        out->largest_block_known = PLIM_BLOCK_DRIVER;
    }
    const bool is_unknown = release[0] == 0;
    const bool is_defect = release[0] == 36 && release[1] == 4 && release[2] == 7;
    if ((is_unknown || is_defect) && out->largest_block_bytes > RELEASE_BLOCK_BYTES) {
        out->largest_block_bytes = RELEASE_BLOCK_BYTES;
        out->largest_block_known = is_defect ? PLIM_BLOCK_RELEASE : PLIM_BLOCK_GUESS;
    }
}

static uint64_t now_ns(void)
{
    struct timespec now = {0, 0};
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

static plim_status build(plim_headroom_builder *b, plim_error *err)
{
    plim_headroom *out = b->out;
    plim_reclaim_read(b->opts->root, &b->settings);
    plim_nvmap_totals_read(b->opts->root, &b->nvmap);
    plim_nvmap_bound_read(b->opts->root, &b->nvmap, &b->bound);
    PLIM_TRY(plim_kernel_memory_read(b->opts->root, &b->meminfo, err));
    if (!plim_headroom_add_machine(b)) {
        return plim_error_set(err, PLIM_E_FORMAT, "proc/meminfo", "MemAvailable",
                              "it or MemFree, in kB", "neither");
    }
    plim_headroom_add_driver(b);
    plim_headroom_add_groups(b);
    plim_headroom_add_commit(b);
    plim_headroom_add_limits(b);
    sum_walls(out);
    promise(b);
    largest_block(b);
    if (b->is_full) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "rows of a headroom",
                         .want = PLIM_HEADROOM_ROWS_MAX + 1, .limit = PLIM_HEADROOM_ROWS_MAX);
    }
    return PLIM_OK;
}

plim_status plim_headroom_read(const plim_headroom_opts *opts, plim_headroom *out, plim_error *err)
{
    plim_headroom_opts o;
    plim_machine_counters c;
    plim_headroom_builder b = {
        .opts = &o, .out = out, .page_bytes = (uint64_t)sysconf(_SC_PAGESIZE)};
    if (!out || !opts_take(&o, sizeof(o), opts) || (unsigned)o.gpu_charged > PLIM_CHARGED_YES) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "headroom: out or opts");
    }
    memset(out, 0, sizeof(*out));
    o.root = o.root ? o.root : "";
    snprintf(b.proc, sizeof(b.proc), o.pid ? "/proc/%" PRIu32 : "/proc/self", o.pid);
    out->read_ns = now_ns();
    out->gpu_charged = o.gpu_charged;
    out->group_limit_bytes = out->group_usage_bytes = PLIM_UNKNOWN_BYTES;
    plim_status status = build(&b, err);
    if (status != PLIM_OK) {
        memset(out, 0, sizeof(*out));
        return status;
    }
    plim_machine_counters_read(o.root, &c);
    out->contiguous_bytes = c.largest_free_bytes ? c.largest_free_bytes : PLIM_UNKNOWN_BYTES;
    return PLIM_OK;
}

/* ---- what is made of it ---- */

uint64_t plim_headroom_age_ns(const plim_headroom *self)
{
    return bytes_less(now_ns(), self->read_ns);
}

void plim_headroom_facts(const plim_headroom *self, plim_facts *facts)
{
    const plim_headroom_wall *wall = &self->walls[self->binding];
    const plim_confidence read = PLIM_CONFIDENCE_READ;
    char source[PLIM_FACT_SOURCE_BYTES];
    snprintf(source, sizeof(source), "headroom, %.80s", wall->name);
    (void)plim_facts_set_number(facts, PLIM_FACT_MEMORY_ALLOCATABLE, self->allocatable_bytes, read,
                                source);
    if (self->contiguous_bytes != PLIM_UNKNOWN_BYTES) {
        (void)plim_facts_set_number(facts, PLIM_FACT_MEMORY_LARGEST_FREE, self->contiguous_bytes,
                                    read, "/proc/buddyinfo");
    }
    if (self->gpu_charged != PLIM_CHARGED_UNKNOWN) {
        (void)plim_facts_set_number(facts, PLIM_FACT_MEMORY_GPU_CHARGED,
                                    self->gpu_charged == PLIM_CHARGED_YES, read, "a probe");
    }
    if (self->group_version) {
        (void)plim_facts_set_number(facts, PLIM_FACT_CGROUP_VERSION, self->group_version, read,
                                    "/proc/self/mountinfo");
    }
    if (bytes_known(self->group_limit_bytes)) {
        (void)plim_facts_set_number(facts, PLIM_FACT_CGROUP_LIMIT, self->group_limit_bytes, read,
                                    "tightest on the way up");
    }
    if (bytes_known(self->group_usage_bytes)) {
        (void)plim_facts_set_number(facts, PLIM_FACT_CGROUP_USAGE, self->group_usage_bytes, read,
                                    "of that group");
    }
}

void plim_probe_headroom(plim_probe *p)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    plim_headroom headroom;
    o.root = p->root;
    o.for_gpu = plim_facts_number(p->facts, PLIM_FACT_GPU_SHARES_MEMORY, 0) != 0;
    if (plim_headroom_read(&o, &headroom, NULL) == PLIM_OK) {
        plim_headroom_facts(&headroom, p->facts);
    }
}

const char *plim_wall_name(plim_wall wall)
{
    switch (wall) {
#define PLIM_WALL_TEXT(name, number, text)                                                         \
    case PLIM_WALL_##name:                                                                         \
        return text;
        PLIM_WALL_LIST(PLIM_WALL_TEXT)
#undef PLIM_WALL_TEXT
    default:
        return "?";
    }
}

const char *plim_block_known_text(plim_block_known known)
{
    static const char *const TEXTS[] = {"pages need not lie side by side", "the driver's own bound",
                                        "Jetson Linux 36.4.7 refuses larger blocks",
                                        "release not known: taken as 36.4.7"};
    return (unsigned)known <= PLIM_BLOCK_GUESS ? TEXTS[known] : "?";
}

const char *plim_charged_text(plim_charged charged)
{
    static const char *const TEXTS[] = {"unknown", "no", "yes"};
    return (unsigned)charged <= PLIM_CHARGED_YES ? TEXTS[charged] : "?";
}
