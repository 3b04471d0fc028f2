/* SPDX-License-Identifier: Apache-2.0 */
/* heaps.h - the allocators that bench_arena compares, behind one table.
 *
 * Pools are given their size; the others take from the system what they like. An allocator that
 * replaces malloc is loaded into the measured process before it begins (LD_PRELOAD), as its users
 * do. Another allocator is one entry in the table of heaps.c.
 */
#ifndef BENCH_SUPPORT_HEAPS_H
#define BENCH_SUPPORT_HEAPS_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bench/support/best_fit.h"
#include "plimsoll/arena.h"
#include "test/support/no_memory.h"

typedef struct heap heap;

typedef struct heap_wish {
    uint64_t pool_bytes;  /* of pools */
    uint32_t block_limit; /* alive at once */
    unsigned threads;
    bool is_dry; /* places only, nobody writes: the search for the least pool */
} heap_wish;

typedef struct heap_kind {
    const char *name;
    const char *preload; /* the library that replaces malloc; NULL: none */
    bool is_pool;        /* its least size that serves is looked for */
    bool is_warm;        /* its pool is touched before, and never grows */
    bool is_shared;      /* has a lock of its own; the others get one of ours for two threads */
    bool is_hardened;    /* with guards and a quarantine */
    bool is_places_only; /* hands out no memory, and is not timed */
    bool (*open)(heap *self, const heap_wish *wish);
    void *(*alloc)(heap *self, size_t bytes); /* NULL: refused */
    void (*free)(heap *self, void *block);
    void (*close)(heap *self);
} heap_kind;

struct heap {
    const heap_kind *kind;
    uint64_t overhead_bytes; /* tables outside the pool; known after open */
    bool is_locked;
    pthread_mutex_t lock;
    char *pool; /* tlsf, best fit */
    uint64_t pool_bytes;
    void *control;
    best_fit *places;
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
    no_memory nothing;
};

extern const heap_kind heap_kinds[];
extern const size_t heap_kind_count;
const heap_kind *heap_find(const char *name);
/* NULL: it can be had here. Otherwise one sentence on why not. */
const char *heap_absent(const heap_kind *kind);
/* False: this allocator cannot do what is wished. */
bool heap_open(heap *self, const heap_kind *kind, const heap_wish *wish);

#endif
