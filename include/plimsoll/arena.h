/* SPDX-License-Identifier: Apache-2.0 */
/* arena.h - memory under a budget.
 *
 * An arena reserves address space once and hands it out as regions. A region commits
 * memory in granules as it grows and charges every granule to one owner and one tag, so
 * the cap counts committed bytes, exactly. Four kinds:
 *
 *   static   offsets come from a plan made ahead of time; committed whole at creation
 *   bump     a moving mark; freed by rewinding to an earlier mark
 *   dynamic  blocks allocated and freed in O(1), metadata outside the managed memory
 *   pool     equal blocks, O(1), for frames
 *
 * Nothing here touches the managed bytes: they may be GPU memory.
 */
#ifndef PLIMSOLL_ARENA_H
#define PLIMSOLL_ARENA_H

#include "plimsoll/budget.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_arena plim_arena;
typedef struct plim_region plim_region;

/* The default unit of commitment, unless the provider's page is larger. */
#define PLIM_GRANULE_BYTES 65536u

typedef struct plim_arena_opts {
    size_t struct_size;
    uint64_t reserve_bytes; /* address space for all regions; 0: 4 x the budget's cap */
    size_t granule_bytes;   /* commit unit, a power of two >= a page; 0: PLIM_GRANULE_BYTES */
    uint32_t region_limit;  /* regions alive at once; 0: 128 */
    plim_provider *home;    /* of our own tables; NULL: the provider when it gives private host
                             * memory, else plim_provider_mmap() */
} plim_arena_opts;

PLIM_DEFAULTS plim_arena_opts plim_arena_opts_default(void)
{
    plim_arena_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef enum plim_region_kind {
    PLIM_REGION_STATIC = 0,
    PLIM_REGION_BUMP = 1,
    PLIM_REGION_DYNAMIC = 2,
    PLIM_REGION_POOL = 3,
} plim_region_kind;

typedef struct plim_region_opts {
    size_t struct_size;
    const char *name; /* for reports; borrowed, copied; NULL: the tag's name */
    plim_owner owner;
    plim_tag tag;
    uint64_t size_bytes;  /* most the region may ever hold; required */
    size_t align_bytes;   /* of the region's base; 0: 2 MiB when size >= 2 MiB, else a granule */
    size_t block_bytes;   /* pool: size of a block; required there */
    uint32_t block_limit; /* dynamic: blocks alive at once; 0: 4096; about 76 bytes of table each,
                           * charged to the owner as tag other when the region is created */
    bool commit_now;      /* commit the whole size at creation (static always does) */
    bool huge;            /* ask for large pages; commits in steps of 2 MiB */
    bool is_shared;       /* any thread may alloc, free, read, reset and trim: a short spin lock
                           * around each call. Sleeps nowhere; unfair under many threads. */
    bool is_hardened;     /* dynamic: guards behind blocks, freed blocks held back, every misuse of
                           * free refused; 64 to 127 bytes and 24 of table more a block */
    uint64_t slack_bytes; /* dynamic: a free that leaves more than this committed behind the
                           * last block decommits down to half of it, unless the arena is sealed;
                           * 0: only trim decommits. At least two granules. */
    void (*yield)(void);  /* is_shared: called when a short spin was not enough, to let the
                           * holder run (sched_yield); NULL: spins on. Kept. */
    uint32_t quarantine_blocks; /* is_hardened: freed blocks held back; 0: 256 */
    uint64_t quarantine_bytes;  /* is_hardened: and no more than this; 0: a 16th of the size */
    uint64_t large_bytes;       /* dynamic: blocks of at least this go to the high end of what is
                                 * committed, so that small ones never pin a hole between large
                                 * ones; 0: a 1024th of the size with commit_now and not
                                 * is_hardened, else one end;
                                 * UINT64_MAX: one end */
    uint64_t unit_bytes; /* dynamic: blocks begin at multiples of this and are whole ones of it; a
                          * power of two from 64 to 2 MiB and align_bytes; 0: 64. Alignments up to
                          * it cost nothing and are always found in bounded time. */
} plim_region_opts;

PLIM_DEFAULTS plim_region_opts plim_region_opts_default(void)
{
    plim_region_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef struct plim_region_stats {
    plim_region_kind kind;
    const char *name; /* lent */
    plim_owner owner;
    plim_tag tag;
    const void *base;
    uint64_t size_bytes, committed_bytes, committed_peak_bytes;
    uint64_t used_bytes, used_peak_bytes; /* handed out, rounded up to block alignment */
    uint64_t free_bytes;                  /* size - used */
    uint64_t largest_free_bytes;          /* largest single block that the region has room for */
    uint64_t table_bytes;                 /* its bookkeeping, charged apart as tag other */
    bool is_evicted;
    uint64_t block_count, /* live; dynamic and pool */
        alloc_count, free_count, refusal_count;
    uint64_t trim_count;       /* decommits because of slack_bytes */
    uint64_t free_range_count; /* dynamic: pieces that the free bytes are in */
    double fragmentation;      /* 1 - largest free / free: 0 when what is free is one piece */
    uint64_t held_bytes;       /* hardened: of free_bytes, held back until a refusal */
    uint64_t misuse_count;     /* hardened: frees refused, and writes noticed */
    uint64_t scan_count;       /* dynamic: allocs aligned above unit_bytes that looked at every
                                * range before they were refused, or given the one that fits */
} plim_region_stats;

typedef struct plim_arena_stats {
    uint64_t reserve_bytes, free_span_bytes, largest_free_span_bytes; /* address space */
    uint64_t committed_bytes;     /* of all regions; tables not included */
    uint64_t table_bytes;         /* our own tables, regions' included */
    uint64_t sealed_growth_count; /* commits after seal, when the policy is to count them */
    uint32_t region_count, region_limit;
    size_t granule_bytes;
    plim_seal_policy seal;
} plim_arena_stats;

/* plim_arena_open - reserve the address space once.
 *
 * Owns:    gives *@out; keeps @budget and @provider until close.
 * Threads: one lock of the caller's for the arena (create, destroy, regions, check, close),
 *          one for each region that is not shared (everything that takes a plim_region, reading
 *          its statistics included). Regions may be used on other threads while one is created or
 *          destroyed; plim_arena_regions and plim_arena_check need them all at rest. seal,
 *          plim_region_at and plim_region_base may be called at any time.
 * Errors:  E_NOMEM  the provider refused.  E_ARG  granule not a power of two or below a page.
 */
PLIM_API PLIM_MUST_USE plim_status plim_arena_open(plim_budget *budget, plim_provider *provider,
                                                   const plim_arena_opts *opts, plim_arena **out,
                                                   plim_error *err);

/* plim_arena_close - release everything, regions included. NULL is accepted. */
PLIM_API void plim_arena_close(plim_arena *self);

/* plim_arena_seal - from now on committing more is refused (E_STATE) or counted. Blocks that
 * fit into what is committed are still given. Restoring an evicted region is not growth. */
PLIM_API void plim_arena_seal(plim_arena *self, plim_seal_policy policy);

PLIM_API plim_budget *plim_arena_budget(plim_arena *self);
PLIM_API plim_provider *plim_arena_provider(plim_arena *self);

/* plim_arena_regions - statistics of all live regions; returns how many there are. */
PLIM_API size_t plim_arena_regions(const plim_arena *self, plim_region_stats *out, size_t limit);

PLIM_API void plim_arena_read(const plim_arena *self, plim_arena_stats *out);

/* plim_arena_check - every invariant of the arena and its regions; for tests.
 * Errors:  E_STATE  err->what names the broken one. */
PLIM_API PLIM_MUST_USE plim_status plim_arena_check(const plim_arena *self, plim_error *err);

/* plim_region_create - carve a region out of the arena's address space.
 *
 * Owns:    gives *@out; plim_region_destroy or closing the arena takes it back.
 * Errors:  E_ARG     size 0, or a pool without block_bytes.
 *          E_BUDGET  committing what must be committed now crosses the cap.
 *          E_NOMEM   the provider refused.
 *          E_FRAG    enough of the arena's address space is free, but not in one span.
 *          E_RANGE   region_limit regions are alive, or the address space is used up.
 *          E_STATE   sealed.
 */
PLIM_API PLIM_MUST_USE plim_status plim_region_create(plim_arena *arena, plim_region_kind kind,
                                                      const plim_region_opts *opts,
                                                      plim_region **out, plim_error *err);

/* plim_region_destroy - give back the memory and the addresses. NULL is accepted. */
PLIM_API void plim_region_destroy(plim_region *self);

/* plim_region_alloc - a block of at least @size_bytes, aligned to @align_bytes (0: 64, or a
 * dynamic region's unit_bytes).
 *
 * bump and dynamic: as asked. pool: one block, size must not exceed block_bytes.
 * static: E_STATE (use plim_region_at). Fresh memory is zero, reused memory is not cleared.
 * Alignment is bounded by the region's own (opts.align_bytes), so that the same calls
 * give the same offsets wherever the region lies.
 * Cost:    dynamic: bounded by a constant of the region, whatever was allocated before, a refusal
 *          included. Only a call aligned above unit_bytes that would otherwise be refused
 *          looks at every free range (scan_count), because one may fit by chance.
 * Owns:    gives the block until free, rewind, reset or destroy.
 * Errors:  E_BUDGET, E_NOMEM, E_STATE as for create; E_FRAG enough is free in the
 *          region, but not side by side (have: the largest piece, limit: all that is
 *          free); E_RANGE the region is full (want, have, limit), block_limit blocks are
 *          alive, or more than a pool's block was asked; E_ARG size 0 or a bad alignment.
 */
PLIM_API PLIM_MUST_USE plim_status plim_region_alloc(plim_region *self, size_t size_bytes,
                                                     size_t align_bytes, void **out,
                                                     plim_error *err);

/* plim_region_free - dynamic and pool only.
 * Errors:  E_ARG  @block was not given by this region, or was freed already.
 *          E_STATE  the region is static or bump. */
PLIM_API PLIM_MUST_USE plim_status plim_region_free(plim_region *self, void *block,
                                                    plim_error *err);

/* plim_region_free_exact - free, with what the caller believes of the block.
 *
 * @size_bytes as asked, @stamp as plim_region_stamp gave it; 0: not compared. A hardened region
 * knows both exactly; another one knows the size to 64 bytes and no stamps.
 * Owns:    takes the block.
 * Errors:  as plim_region_free, and E_ARG when the block has another size or another stamp: it is
 *          not the block that the caller means. A hardened region also: E_STATE  something was
 *          written past its end or in front of it (want: its offset, have: its size); it stays
 *          live, until reset or destroy, for somebody to look at.
 */
PLIM_API PLIM_MUST_USE plim_status plim_region_free_exact(plim_region *self, void *block,
                                                          size_t size_bytes, uint32_t stamp,
                                                          plim_error *err);

/* plim_region_stamp - hardened: which life of this address a live block is; 0: none, or another
 * kind of region. No two blocks of the last 2^32 have the same. */
PLIM_API uint32_t plim_region_stamp(const plim_region *self, const void *block);

/* plim_region_inspect - hardened: looks at every guard and every block held back, now.
 * Errors:  E_STATE  something was written over (err->what, want: the block's offset).
 * Cost:    linear in block_limit. */
PLIM_API PLIM_MUST_USE plim_status plim_region_inspect(plim_region *self, plim_error *err);

/* plim_region_block_bytes - dynamic and pool: usable size of a live block; 0 if unknown. */
PLIM_API size_t plim_region_block_bytes(const plim_region *self, const void *block);

/* plim_region_at - the address of [offset, offset + size) in a static or committed region.
 * Errors:  E_RANGE  outside the region, or (not static) beyond what is committed.
 *          E_STATE  evicted. */
PLIM_API PLIM_MUST_USE plim_status plim_region_at(plim_region *self, uint64_t offset_bytes,
                                                  uint64_t size_bytes, void **out, plim_error *err);

/* plim_region_mark, plim_region_rewind - bump only: remember a point and go back to it.
 * Rewinding forward or past the start is E_ARG. Memory stays committed until trim. */
PLIM_API uint64_t plim_region_mark(const plim_region *self);
PLIM_API PLIM_MUST_USE plim_status plim_region_rewind(plim_region *self, uint64_t mark,
                                                      plim_error *err);

/* plim_region_reset - everything handed out is taken back; memory stays committed. A static
 * region hands out nothing and is left alone. */
PLIM_API void plim_region_reset(plim_region *self);

/* plim_region_trim - decommit whole granules beyond the last byte in use; returns bytes. */
PLIM_API uint64_t plim_region_trim(plim_region *self);
/* plim_region_trim_to - the same, but the first @keep_bytes stay committed: blocks that fit into
 * them are given even when the arena is sealed. */
PLIM_API uint64_t plim_region_trim_to(plim_region *self, uint64_t keep_bytes);

/* plim_region_evict, plim_region_restore - static only: give the pages back while the
 * addresses stay (late weights, row S20), and commit them again, zeroed.
 * Errors:  E_BUDGET, E_NOMEM on restore; E_STATE when already in that state, or not static. */
PLIM_API PLIM_MUST_USE plim_status plim_region_evict(plim_region *self, plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_region_restore(plim_region *self, plim_error *err);

PLIM_API plim_arena *plim_region_arena(const plim_region *self); /* lent */
PLIM_API void *plim_region_base(const plim_region *self);
PLIM_API void plim_region_read(const plim_region *self, plim_region_stats *out);

#ifdef __cplusplus
}
#endif
#endif
