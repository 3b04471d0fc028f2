/* SPDX-License-Identifier: Apache-2.0 */
/* carve.h - the arena and its regions from inside; for arena.c and region*.c only.
 *
 * Every region commits a prefix: [0, committed_bytes) of its span is backed and charged, the
 * rest is address space. What a kind of region decides by itself stands in its table.
 */
#ifndef ARENA_CARVE_H
#define ARENA_CARVE_H

#include <stdatomic.h>

#include "arena/checks.h"
#include "arena/offsets.h"
#include "plimsoll/arena.h"

#define REGION_NONE        UINT32_MAX
#define REGION_BLOCK_ALIGN 64u
#define HUGE_BYTES         ((uint64_t)2 << 20)

/* What a kind of region decides. Offsets are from the region's base; nothing here charges,
 * commits or touches the memory itself. */
typedef struct region_table {
    /* Its own fields from the options, and bytes of bookkeeping; E_ARG or E_RANGE when the options
     * cannot be. */
    plim_status (*shape)(plim_region *self, const plim_region_opts *opts, uint64_t *out_bytes,
                         plim_error *err);
    /* Everything free: at creation and at reset. */
    void (*clear)(plim_region *self);
    /* Finds a place and commits up to its end; changes nothing on failure. NULL: E_STATE. */
    plim_status (*alloc)(plim_region *self, uint64_t size_bytes, uint64_t align_bytes,
                         uint64_t *out_offset, plim_error *err);
    /* The bytes that were given back; 0: no live block begins at @offset. NULL: E_STATE. */
    uint64_t (*free)(plim_region *self, uint64_t offset);
    uint64_t (*block_bytes)(const plim_region *self, uint64_t offset); /* 0: not a live block */
    void (*before_trim)(plim_region *self);                            /* NULL: nothing to do */
    uint64_t (*end_of_use)(const plim_region *self); /* the first byte that trim may take */
    uint64_t (*largest_free)(const plim_region *self);
    uint64_t (*free_ranges)(const plim_region *self); /* NULL: not counted */
    const char *(*check)(const plim_region *self);    /* NULL: every invariant holds */
} region_table;

typedef struct region_guard region_guard; /* region_guard.h */

extern const region_table plim_region_static, plim_region_bump, plim_region_dynamic,
    plim_region_dynamic_guarded, plim_region_pool;

struct plim_region {
    plim_arena *arena;
    const region_table *table; /* NULL: the slot is free */
    unsigned char *base;
    uint64_t span_offset, span_bytes; /* in the arena; whole granules */
    uint64_t size_bytes;              /* as asked, rounded up to 64 */
    uint64_t align_bytes;             /* of base, at least a page */
    uint64_t unit_bytes;              /* of blocks: where they begin, and how long they are */
    uint64_t step_bytes;              /* commit unit */
    uint64_t committed_bytes, committed_peak_bytes;
    uint64_t used_bytes, used_peak_bytes;
    uint64_t block_count, alloc_count, free_count, refusal_count, trim_count, scan_count;
    uint64_t slack_bytes;  /* kept behind the last block; 0: whatever is there */
    void (*yield)(void);   /* shared: see spin.h */
    _Atomic uint32_t lock; /* shared: 1 while a call is inside */
    void *tables;          /* bookkeeping; NULL: none */
    uint64_t tables_bytes;
    uint32_t block_limit; /* dynamic */
    region_guard *guard;  /* dynamic, hardened; NULL: not */
    uint32_t quarantine_blocks;
    uint64_t large_bytes;                /* dynamic: two ends from here on; 0: one */
    uint64_t quarantine_bytes, guard_at; /* guard_at: where its table begins behind the other */
    uint32_t pool_total, pool_touched, pool_head; /* pool: blocks, ever handed out, free list */
    uint64_t pool_block_bytes, pool_stride;
    plim_region_kind kind;
    plim_owner owner;
    plim_tag tag;
    bool huge, evicted, is_shared, is_hardened;
    uint32_t next; /* slot of the next live region by address */
    char name[PLIM_NAME_BYTES];
};

struct plim_arena {
    plim_budget *budget;
    plim_provider *provider, *home;
    unsigned char *base;
    uint64_t reserve_bytes, granule_bytes;
    uint64_t tables_bytes; /* of the arena itself */
    bool is_reachable;     /* the CPU may touch the pages: freed ranges are poisoned */
    uint32_t region_limit, region_count, first;
    _Atomic uint32_t seal;
    _Atomic uint64_t committed_bytes, region_tables_bytes, sealed_growth_count;
    plim_region regions[];
};

/* Commits and charges up to @end; nothing has changed on failure. @is_return: what an
 * eviction gave back, so not growth. */
PLIM_MUST_USE plim_status plim_region_commit_to(plim_region *self, uint64_t end, bool is_return,
                                                plim_error *err);

/* Decommits and credits whole steps from @keep on; returns the bytes. */
uint64_t plim_region_decommit_from(plim_region *self, uint64_t keep);

/* Marks bytes for the address sanitizer: not to be touched, or handed out. Else nothing. */
static inline void plim_region_poison(const plim_region *self, uint64_t offset, uint64_t size_bytes)
{
    if (PLIM_HAS_POISON && self->arena->is_reachable && size_bytes) {
        PLIM_POISON(self->base + offset, size_bytes);
    }
}

static inline void plim_region_unpoison(const plim_region *self, uint64_t offset,
                                        uint64_t size_bytes)
{
    if (PLIM_HAS_POISON && self->arena->is_reachable && size_bytes) {
        PLIM_UNPOISON(self->base + offset, size_bytes);
    }
}

/* True when the pages of @kind can be touched by this process's CPUs. */
static inline bool carve_is_reachable(plim_memory_kind kind)
{
    return kind != PLIM_MEMORY_DEVICE;
}

/* Pages for our own tables, charged as other: reserve, charge, commit; all or nothing. */
PLIM_MUST_USE plim_status plim_arena_tables_take(plim_budget *budget, plim_provider *home,
                                                 plim_owner owner, uint64_t bytes, void **out,
                                                 plim_error *err);
void plim_arena_tables_give(plim_budget *budget, plim_provider *home, plim_owner owner,
                            void *tables, uint64_t bytes);

/* Refuses a commit or a creation as sealed; OK when it is open, or counts it. */
PLIM_MUST_USE plim_status plim_arena_admit_growth(plim_arena *self, uint64_t bytes,
                                                  plim_error *err);

/* What does not change while a region lives: its place among the others. So it may be called
 * while other regions hand out blocks on other threads. NULL when all is well. */
const char *plim_arena_check_spans(const plim_arena *self);

/* One region's invariants; NULL when they hold. */
const char *plim_region_check(const plim_region *self);

#endif
