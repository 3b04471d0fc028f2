/* SPDX-License-Identifier: Apache-2.0 */
/* headroom_parts.h - how a headroom is put together: readings, walls, rows. */
#ifndef PLATFORM_HEADROOM_PARTS_H
#define PLATFORM_HEADROOM_PARTS_H

#include "arena/bytes.h"
#include "platform/linux/counters.h"
#include "platform/linux/nvmap.h"
#include "platform/linux/reclaim.h"
#include "plimsoll/headroom.h"

typedef struct plim_headroom_builder {
    const plim_headroom_opts *opts;
    plim_headroom *out;
    plim_kernel_memory meminfo;
    plim_reclaim settings;
    plim_nvmap nvmap;
    plim_nvmap_bound bound;
    uint64_t page_bytes;
    char proc[24]; /* "/proc/self" */
    bool is_full;  /* more walls or rows than fit */
} plim_headroom_builder;

/* A wall, and from then on its rows. @name NULL: what plim_wall_name says. */
void plim_headroom_wall_begin(plim_headroom_builder *b, plim_wall kind, bool binds,
                              const char *name);
void plim_headroom_row_add(plim_headroom_builder *b, plim_headroom_kind kind, int64_t bytes,
                           const char *name, const char *format, ...)
    __attribute__((format(printf, 5, 6)));
#define GIVES(b, bytes, name, ...)                                                                 \
    plim_headroom_row_add(b, PLIM_HEADROOM_COUNTED, (int64_t)(bytes), name, __VA_ARGS__)
#define TAKES(b, bytes, name, ...)                                                                 \
    plim_headroom_row_add(b, PLIM_HEADROOM_COUNTED, -(int64_t)(bytes), name, __VA_ARGS__)
#define NOTES(b, bytes, name, ...)                                                                 \
    plim_headroom_row_add(b, PLIM_HEADROOM_NOTE, (int64_t)(bytes), name, __VA_ARGS__)
#define MISSES(b, name, ...) plim_headroom_row_add(b, PLIM_HEADROOM_MISSING, 0, name, __VA_ARGS__)

/* The walls, each in its order. False: meminfo has nothing to begin with. */
bool plim_headroom_add_machine(plim_headroom_builder *b);
void plim_headroom_add_driver(plim_headroom_builder *b);
void plim_headroom_add_groups(plim_headroom_builder *b);
void plim_headroom_add_commit(plim_headroom_builder *b);
void plim_headroom_add_limits(plim_headroom_builder *b);

/* ---- figures that may be unknown, and are at most INT64_MAX when they are not ---- */

static inline bool bytes_known(uint64_t bytes)
{
    return bytes <= INT64_MAX;
}

static inline uint64_t bytes_or_none(uint64_t bytes)
{
    return bytes_known(bytes) ? bytes : 0;
}

static inline uint64_t bytes_least(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

static inline uint64_t bytes_less(uint64_t from, uint64_t bytes)
{
    return from > bytes ? from - bytes : 0;
}

/* Bounded sum of figures that are each at most INT64_MAX. */
static inline uint64_t bytes_plus(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return bytes_add(a, b, &sum) && sum <= INT64_MAX ? sum : INT64_MAX;
}

#endif
