/* SPDX-License-Identifier: Apache-2.0 */
/* headroom_groups.c - a wall for every limit of a control group on the way up.
 *
 * Room is the limit less what is charged, plus clean file pages of the group's tree: nothing else
 * is called reclaimable, because without swap nothing else is for sure. Each limit stands for
 * itself: pages that are taken back further down count in every group above. The kernel's counts
 * lag behind by a batch of pages for each processor: so much is taken off.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "platform/headroom/headroom_parts.h"
#include "platform/linux/cgroup_levels.h"

#define GROUP_LAG_PAGES 64u /* MEMCG_CHARGE_BATCH */
#define UNKNOWN         PLIM_UNKNOWN_BYTES

/* ---- control groups ---- */

typedef struct group_walk {
    plim_headroom_builder *b;
    uint32_t version;
    uint64_t protected_bytes; /* below the highest that is visible */
    uint64_t least_limit, usage_bytes, hidden_limit, top_usage_bytes;
    char top[sizeof(((plim_cgroup_level *)0)->folder)];
} group_walk;

/* Clean file pages of the group's tree. Without a count of dirty ones none is called clean. */
static void add_reclaimable(plim_headroom_builder *b, const plim_cgroup_level *l)
{
    uint64_t file =
        bytes_plus(bytes_or_none(l->inactive_file_bytes), bytes_or_none(l->active_file_bytes));
    if (!bytes_known(l->inactive_file_bytes) || !bytes_known(l->active_file_bytes) ||
        !bytes_known(l->dirty_bytes) || !bytes_known(l->writeback_bytes)) {
        MISSES(b, "file pages that could be taken back", "/%s/memory.stat", l->folder);
        return;
    }
    uint64_t dirty = bytes_least(bytes_plus(l->dirty_bytes, l->writeback_bytes), file);
    uint64_t guarded = bytes_least(l->protected_bytes, file - dirty);
    uint64_t lag = (uint64_t)b->settings.cpu_count * GROUP_LAG_PAGES * b->page_bytes;
    GIVES(b, file, "file pages of the group", "/%s/memory.stat inactive_file + active_file",
          l->folder);
    TAKES(b, dirty, "of them a disk must see first", "/%s/memory.stat dirty + writeback",
          l->folder);
    if (guarded) {
        TAKES(b, guarded, "of them protected by memory.min", "groups below /%s", l->folder);
    }
    TAKES(b, bytes_least(lag, file - dirty - guarded), "of them what counts may lag behind",
          "%" PRIu32 " processors%s", b->settings.cpu_count,
          b->settings.cpu_count_is_read ? "" : " assumed");
}

static void add_group(group_walk *w, const plim_cgroup_level *l, plim_wall kind, uint64_t limit,
                      uint64_t usage, const char *file)
{
    plim_headroom_builder *b = w->b;
    const bool is_free = b->opts->for_gpu && b->opts->gpu_charged == PLIM_CHARGED_NO;
    char name[sizeof(l->folder) + 1];
    snprintf(name, sizeof(name), "/%s", l->folder);
    plim_headroom_wall_begin(b, kind, !is_free, name);
    if (l->is_damaged && limit == 0) {
        MISSES(b, "a limit that cannot be believed", "/%s/%s", l->folder, file);
        return;
    }
    GIVES(b, limit, "limit of the group", "/%s/%s", l->folder, file);
    if (!bytes_known(usage)) {
        TAKES(b, limit, "usage, not known: all of it", "/%s", l->folder);
        return;
    }
    TAKES(b, usage, "charged to the group", "/%s", l->folder);
    add_reclaimable(b, l);
}

static bool take_level(void *context, const plim_cgroup_level *l)
{
    group_walk *w = context;
    const bool is_v1 = w->version == 1;
    if (bytes_known(l->limit_bytes)) {
        add_group(w, l, PLIM_WALL_GROUP, l->limit_bytes, l->usage_bytes,
                  is_v1 ? "memory.limit_in_bytes" : "memory.max");
        if (l->limit_bytes < w->least_limit) {
            w->least_limit = l->limit_bytes;
            w->usage_bytes = l->usage_bytes;
        }
    }
    if (bytes_known(l->high_bytes)) {
        add_group(w, l, PLIM_WALL_GROUP_HIGH, l->high_bytes, l->usage_bytes, "memory.high");
    }
    if (bytes_known(l->swap_limit_bytes)) {
        add_group(w, l, PLIM_WALL_GROUP_SWAP, l->swap_limit_bytes, l->swap_usage_bytes,
                  "memory.memsw.limit_in_bytes");
    }
    if (l->is_silent) {
        plim_headroom_wall_begin(w->b, PLIM_WALL_GROUP, false, l->folder);
        MISSES(w->b, "a limit of the group", "/%s", l->folder);
    }
    w->hidden_limit = bytes_least(w->hidden_limit, l->hierarchical_limit_bytes);
    w->protected_bytes = l->protected_bytes;
    w->top_usage_bytes = l->usage_bytes;
    snprintf(w->top, sizeof(w->top), "%s", l->folder);
    if (!bytes_known(w->usage_bytes)) {
        w->usage_bytes = l->usage_bytes; /* of the group itself, when nothing limits it */
    }
    return true;
}

/* Version 1 tells a limit above what a container sees, and not what others used of it. */
static void add_hidden(group_walk *w, const plim_cgroup_place *place)
{
    plim_headroom_builder *b = w->b;
    if (bytes_known(w->hidden_limit) && w->hidden_limit < w->least_limit) {
        plim_cgroup_level level;
        memset(&level, 0xff, sizeof(level));
        level.is_damaged = level.is_silent = false;
        snprintf(level.folder, sizeof(level.folder), "%s", w->top);
        add_group(w, &level, PLIM_WALL_GROUP, w->hidden_limit, w->top_usage_bytes,
                  "memory.stat hierarchical_memory_limit");
        MISSES(b, "what others use of a limit above", "not visible from here");
        w->least_limit = w->hidden_limit;
        w->usage_bytes = w->top_usage_bytes;
    } else if (place->is_hidden) {
        MISSES(b, "groups between this one and the top", "/%s does not show them", place->mount);
    }
}

/* What the machine may not take back from groups either. */
static void add_protected(plim_headroom_builder *b, uint64_t protected_bytes)
{
    const plim_kernel_memory *k = &b->meminfo;
    uint64_t cache =
        bytes_known(k->available) ? bytes_less(k->available, bytes_or_none(k->free)) : 0;
    uint32_t at = b->out->row_count;
    if (bytes_least(protected_bytes, cache)) {
        TAKES(b, bytes_least(protected_bytes, cache), "protected by memory.min", "control groups");
        b->out->rows[at < PLIM_HEADROOM_ROWS_MAX ? at : 0].wall = 0;
    }
}

void plim_headroom_add_groups(plim_headroom_builder *b)
{
    plim_cgroup_place place;
    group_walk w = {
        .b = b, .least_limit = UNKNOWN, .usage_bytes = UNKNOWN, .hidden_limit = UNKNOWN};
    plim_status status = plim_cgroup_find(b->opts->root, b->opts->pid, &place, NULL);
    if (status != PLIM_OK) { /* without a memory controller there is no such wall */
        if (status != PLIM_E_UNSUPPORTED) {
            MISSES(b, "control group of the process", "%s/cgroup, mountinfo", b->proc);
        }
        return;
    }
    w.version = place.version;
    plim_cgroup_levels(b->opts->root, &place, take_level, &w);
    add_hidden(&w, &place);
    b->out->group_version = place.version;
    b->out->group_limit_bytes = w.least_limit;
    b->out->group_usage_bytes = w.usage_bytes;
    add_protected(b, w.protected_bytes);
}
