/* SPDX-License-Identifier: Apache-2.0 */
/* heaps.c - the table of allocators: ours, TLSF, what replaces malloc, and best fit as a mark. */
#include "bench/support/heaps.h"

#include <dlfcn.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "bench/support/engines.h"

#define TLSF_LIBRARY "build/peers/tlsf"
#define PAGE         4096u
#define MIB          ((uint64_t)1 << 20)

static void touch(char *base, uint64_t bytes)
{
    for (uint64_t at = 0; at < bytes; at += PAGE) {
        *(volatile char *)(base + at) = 1;
    }
}

static void lock(heap *self)
{
    if (self->is_locked) {
        pthread_mutex_lock(&self->lock);
    }
}

static void unlock(heap *self)
{
    if (self->is_locked) {
        pthread_mutex_unlock(&self->lock);
    }
}

/* ---- ours: a dynamic region; one lock of ours around it when two threads share it ---- */

static void plimsoll_close(heap *self)
{
    plim_arena_close(self->arena);
    plim_budget_close(self->budget);
    self->arena = NULL;
    self->budget = NULL;
}

static void yield(void)
{
    (void)sched_yield();
}

static bool plimsoll_open(heap *self, const heap_wish *wish)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_arena_opts a = plim_arena_opts_default();
    plim_region_opts o = plim_region_opts_default();
    plim_provider *memory = plim_provider_mmap();
    plim_error err = {0};
    plim_region_stats stats;
    if (wish->is_dry) {
        no_memory_init(&self->nothing);
        memory = &self->nothing.base;
    }
    b.cap_bytes = wish->pool_bytes + 512 * MIB;
    a.reserve_bytes = wish->pool_bytes + 16 * MIB;
    o.size_bytes = wish->pool_bytes;
    o.block_limit = wish->block_limit;
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.commit_now = self->kind->is_warm;
    o.is_shared = self->kind->is_shared;
    o.is_hardened = self->kind->is_hardened;
    o.yield = yield;
    if (plim_budget_open(plim_provider_mmap(), &b, &self->budget, &err) != PLIM_OK ||
        plim_arena_open(self->budget, memory, &a, &self->arena, &err) != PLIM_OK ||
        plim_region_create(self->arena, PLIM_REGION_DYNAMIC, &o, &self->region, &err) != PLIM_OK) {
        bench_stop("a dynamic region", &err);
    }
    if (o.commit_now && !wish->is_dry) {
        touch(plim_region_base(self->region), wish->pool_bytes);
        plim_arena_seal(self->arena, PLIM_SEAL_REFUSE);
    }
    plim_region_read(self->region, &stats);
    self->overhead_bytes = stats.table_bytes;
    self->is_locked = wish->threads > 1 && !self->kind->is_shared;
    return true;
}

static void *plimsoll_alloc(heap *self, size_t bytes)
{
    void *block;
    lock(self);
    const plim_status status = plim_region_alloc(self->region, bytes, 0, &block, NULL);
    unlock(self);
    return status == PLIM_OK ? block : NULL;
}

static void plimsoll_free(heap *self, void *block)
{
    lock(self);
    if (plim_region_free(self->region, block, NULL) != PLIM_OK) {
        bench_stop("a live block was not freed", NULL);
    }
    unlock(self);
}

/* ---- TLSF: its pool, and one lock when two threads share it ---- */

static void *(*tlsf_create_with_pool)(void *memory, size_t bytes);
static void *(*tlsf_malloc)(void *control, size_t bytes);
static void (*tlsf_free)(void *control, void *block);

static bool tlsf_load(void)
{
    void *library = dlopen(TLSF_LIBRARY, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        return false;
    }
    *(void **)&tlsf_create_with_pool = dlsym(library, "tlsf_create_with_pool");
    *(void **)&tlsf_malloc = dlsym(library, "tlsf_malloc");
    *(void **)&tlsf_free = dlsym(library, "tlsf_free");
    return tlsf_create_with_pool && tlsf_malloc && tlsf_free;
}

static bool tlsf_open(heap *self, const heap_wish *wish)
{
    self->pool_bytes = wish->pool_bytes / 64 * 64;
    self->pool = mmap(NULL, self->pool_bytes, PROT_READ | PROT_WRITE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (self->pool == MAP_FAILED || !tlsf_load()) {
        bench_stop("the pool of TLSF", NULL);
    }
    if (self->kind->is_warm && !wish->is_dry) {
        touch(self->pool, self->pool_bytes);
    }
    self->control = tlsf_create_with_pool(self->pool, self->pool_bytes);
    self->is_locked = wish->threads > 1;
    return self->control != NULL;
}

static void *tlsf_take(heap *self, size_t bytes)
{
    lock(self);
    void *block = tlsf_malloc(self->control, bytes);
    unlock(self);
    return block;
}

static void tlsf_give(heap *self, void *block)
{
    lock(self);
    tlsf_free(self->control, block);
    unlock(self);
}

static void tlsf_close(heap *self)
{
    munmap(self->pool, self->pool_bytes);
}

/* ---- whatever malloc is in this process ---- */

static bool malloc_open(heap *self, const heap_wish *wish)
{
    (void)self;
    return !wish->is_dry;
}

static void *malloc_take(heap *self, size_t bytes)
{
    (void)self;
    return malloc(bytes);
}

static void malloc_give(heap *self, void *block)
{
    (void)self;
    free(block);
}

static void malloc_close(heap *self)
{
    (void)self;
}

/* ---- best fit: places only ---- */

static bool best_open(heap *self, const heap_wish *wish)
{
    self->places = best_fit_open(wish->pool_bytes, wish->block_limit);
    return wish->is_dry;
}

static void *best_take(heap *self, size_t bytes)
{
    uint64_t offset = 0;
    return best_fit_alloc(self->places, bytes, &offset) ? (void *)(uintptr_t)(offset + 64) : NULL;
}

static void best_give(heap *self, void *block)
{
    best_fit_free(self->places, (uint64_t)(uintptr_t)block - 64);
}

static void best_close(heap *self)
{
    best_fit_close(self->places);
}

/* ---- the table ---- */

#define PLIMSOLL                                                                                   \
    .open = plimsoll_open, .alloc = plimsoll_alloc, .free = plimsoll_free, .close = plimsoll_close
#define TLSF   .open = tlsf_open, .alloc = tlsf_take, .free = tlsf_give, .close = tlsf_close
#define MALLOC .open = malloc_open, .alloc = malloc_take, .free = malloc_give, .close = malloc_close
#define BEST   .open = best_open, .alloc = best_take, .free = best_give, .close = best_close

const heap_kind heap_kinds[] = {
    {.name = "plimsoll", .is_pool = true, .is_warm = true, PLIMSOLL},
    {.name = "plimsoll-shared", .is_warm = true, .is_shared = true, PLIMSOLL},
    {.name = "plimsoll-hardened", .is_pool = true, .is_warm = true, .is_hardened = true, PLIMSOLL},
    {.name = "plimsoll-grows", PLIMSOLL},
    {.name = "tlsf", .is_pool = true, .is_warm = true, TLSF},
    {.name = "tlsf-grows", TLSF},
    {.name = "mimalloc", .preload = "libmimalloc.so.2", MALLOC},
    {.name = "jemalloc", .preload = "libjemalloc.so.2", MALLOC},
    {.name = "glibc", MALLOC},
    {.name = "best-fit", .is_pool = true, .is_places_only = true, BEST},
};
const size_t heap_kind_count = sizeof(heap_kinds) / sizeof(heap_kinds[0]);

const heap_kind *heap_find(const char *name)
{
    for (size_t i = 0; i < heap_kind_count; i++) {
        if (strcmp(heap_kinds[i].name, name) == 0) {
            return &heap_kinds[i];
        }
    }
    return NULL;
}

const char *heap_absent(const heap_kind *kind)
{
    if (kind->open == tlsf_open && access(TLSF_LIBRARY, R_OK) != 0) {
        return "no " TLSF_LIBRARY ": make bench-arena builds it, or build/peers/tlsf.why says why "
               "not";
    }
    if (!kind->preload) {
        return NULL;
    }
    /* Asked of a program of its own: to open a malloc here would be to have it here. */
    char command[160];
    snprintf(command, sizeof(command), "LD_PRELOAD=%s true 2>&1 | grep -q .", kind->preload);
    return system(command) != 0 ? NULL : "its library is not installed";
}

bool heap_open(heap *self, const heap_kind *kind, const heap_wish *wish)
{
    memset(self, 0, sizeof(*self));
    self->kind = kind;
    pthread_mutex_init(&self->lock, NULL);
    return kind->open(self, wish);
}
