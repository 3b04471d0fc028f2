/* SPDX-License-Identifier: Apache-2.0 */
/* heap_run.c - replays lists of calls, with the clock read around each.
 *
 * The samples, the slots and the lists lie in pages of their own that were touched before, so
 * that the growth of the resident set is the allocator's. Writing is timed apart, because there
 * the page faults are.
 */
#include "bench/support/heap_run.h"

#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/support/engines.h"
#include "bench/support/ticks.h"

#define PAGE 4096u

typedef struct runner {
    heap *heap;
    const workload *load;
    uint32_t *alloc_ticks, *free_ticks;
    size_t alloc_count, free_count;
    void **blocks;
    uint64_t *bytes;
    uint64_t write_ticks, refused;
    struct runner *all;
    unsigned count;
    uint64_t peak_live;          /* of all, as seen from here */
    _Atomic uint64_t live_bytes; /* ours */
    char apart[128];
} runner;

static atomic_uint waiting;

static uint32_t clip(uint64_t ticks)
{
    return ticks < UINT32_MAX ? (uint32_t)ticks : UINT32_MAX;
}

static void note_live(runner *r, uint64_t live)
{
    uint64_t sum = 0;
    atomic_store_explicit(&r->live_bytes, live, memory_order_relaxed);
    for (unsigned i = 0; i < r->count; i++) {
        sum += atomic_load_explicit(&r->all[i].live_bytes, memory_order_relaxed);
    }
    r->peak_live = sum > r->peak_live ? sum : r->peak_live;
}

static void do_alloc(runner *r, workload_op op)
{
    const uint64_t start = ticks_begin();
    char *block = r->heap->kind->alloc(r->heap, op.bytes);
    const uint64_t end = ticks_end();
    r->alloc_ticks[r->alloc_count++] = clip(end - start);
    r->blocks[op.slot] = block;
    r->bytes[op.slot] = op.bytes;
    if (!block) {
        r->refused++;
        return;
    }
    note_live(r, atomic_load_explicit(&r->live_bytes, memory_order_relaxed) + op.bytes);
    const uint64_t written = ticks_begin();
    for (uint64_t at = 0; at < op.bytes; at += PAGE) {
        *(volatile char *)(block + at) = 1;
    }
    r->write_ticks += ticks_end() - written;
}

static void do_free(runner *r, workload_op op)
{
    if (!r->blocks[op.slot]) {
        return;
    }
    const uint64_t start = ticks_begin();
    r->heap->kind->free(r->heap, r->blocks[op.slot]);
    const uint64_t end = ticks_end();
    r->free_ticks[r->free_count++] = clip(end - start);
    r->blocks[op.slot] = NULL;
    note_live(r, atomic_load_explicit(&r->live_bytes, memory_order_relaxed) - r->bytes[op.slot]);
}

static void *follow(void *context)
{
    runner *r = context;
    atomic_fetch_sub(&waiting, 1);
    while (atomic_load(&waiting) > 0) { /* all begin together */
    }
    for (size_t i = 0; i < r->load->op_count; i++) {
        const workload_op op = r->load->ops[i];
        if (op.bytes) {
            do_alloc(r, op);
        } else {
            do_free(r, op);
        }
    }
    return NULL;
}

/* ---- what the kernel says ---- */

static uint64_t status_bytes(const char *key)
{
    char text[4096] = "";
    const int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    const char *line = got > 0 ? strstr(text, key) : NULL;
    return line ? strtoull(line + strlen(key), NULL, 10) * 1024 : 0;
}

/* The high-water mark of the resident set begins again at what there is now. */
static void forget_peak(void)
{
    const int fd = open("/proc/self/clear_refs", O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, "5", 1) != 1) {
        bench_stop("/proc/self/clear_refs", NULL);
    }
    close(fd);
}

/* ---- figures ---- */

static int compare(const void *a, const void *b)
{
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static heap_times times_of(uint32_t *ticks, size_t count, double ns)
{
    uint64_t sum = 0;
    if (count == 0) {
        return (heap_times){0};
    }
    qsort(ticks, count, sizeof(*ticks), compare);
    for (size_t i = 0; i < count; i++) {
        sum += ticks[i];
    }
    return (heap_times){(double)sum * ns / (double)count, ticks[count / 2] * ns,
                        ticks[(size_t)((double)(count - 1) * 0.999)] * ns, ticks[count - 1] * ns};
}

/* Samples of all runners, one behind the other. */
static heap_times join(const runner *all, unsigned count, bool of_free, uint32_t *room, double ns)
{
    size_t filled = 0;
    for (unsigned i = 0; i < count; i++) {
        const size_t more = of_free ? all[i].free_count : all[i].alloc_count;
        memcpy(room + filled, of_free ? all[i].free_ticks : all[i].alloc_ticks,
               more * sizeof(*room));
        filled += more;
    }
    return times_of(room, filled, ns);
}

static heap_times empty_times(uint32_t *room, size_t count, double ns)
{
    for (size_t i = 0; i < count; i++) {
        const uint64_t start = ticks_begin();
        room[i] = clip(ticks_end() - start);
    }
    return times_of(room, count, ns);
}

static void runner_init(runner *r, heap *h, const workload *load)
{
    r->heap = h;
    r->load = load;
    r->alloc_ticks = workload_pages(load->op_count * sizeof(uint32_t));
    r->free_ticks = workload_pages(load->op_count * sizeof(uint32_t));
    r->blocks = workload_pages(load->slot_count * sizeof(void *));
    r->bytes = workload_pages(load->slot_count * sizeof(uint64_t));
}

static void run_all(runner *all, unsigned threads)
{
    pthread_t ids[HEAP_THREADS_MAX];
    atomic_store(&waiting, threads);
    for (unsigned i = 1; i < threads; i++) {
        if (pthread_create(&ids[i], NULL, follow, &all[i]) != 0) {
            bench_stop("a thread", NULL);
        }
    }
    follow(&all[0]);
    for (unsigned i = 1; i < threads; i++) {
        pthread_join(ids[i], NULL);
    }
}

void heap_run(const heap_kind *kind, const workload *loads, unsigned threads, uint64_t pool_bytes,
              heap_reading *out)
{
    static runner all[HEAP_THREADS_MAX];
    const double ns = ticks_ns();
    heap h;
    heap_wish wish = {.pool_bytes = pool_bytes, .threads = threads};
    size_t ops = 0, allocs = 0;
    for (unsigned i = 0; i < threads; i++) {
        runner_init(&all[i], &h, &loads[i]);
        all[i].all = all;
        all[i].count = threads;
        wish.block_limit += loads[i].peak_live_blocks;
        ops += loads[i].op_count;
    }
    uint32_t *room = workload_pages(ops * sizeof(uint32_t));
    out->empty = empty_times(room, ops, ns);
    forget_peak();
    const uint64_t before = status_bytes("VmRSS:");
    if (!heap_open(&h, kind, &wish)) {
        bench_stop(kind->name, NULL);
    }
    run_all(all, threads);
    out->footprint_bytes = status_bytes("VmHWM:") - before;
    out->alloc = join(all, threads, false, room, ns);
    out->free = join(all, threads, true, room, ns);
    for (unsigned i = 0; i < threads; i++) {
        out->refused += all[i].refused;
        out->write_us += (double)all[i].write_ticks * ns / 1e3;
        allocs += all[i].alloc_count;
        out->peak_live_bytes =
            all[i].peak_live > out->peak_live_bytes ? all[i].peak_live : out->peak_live_bytes;
    }
    out->write_us /= (double)allocs;
}

/* ---- least pool ---- */

/* The tables' bytes, when this pool serves everything; UINT64_MAX when it refuses. */
static uint64_t serves(const heap_kind *kind, const workload *load, uint64_t pool, void **blocks)
{
    const heap_wish wish = {
        .pool_bytes = pool, .block_limit = load->peak_live_blocks, .threads = 1, .is_dry = true};
    heap h;
    bool is_well = heap_open(&h, kind, &wish);
    const uint64_t overhead = h.overhead_bytes;
    for (size_t i = 0; is_well && i < load->op_count; i++) {
        const workload_op op = load->ops[i];
        if (op.bytes) {
            blocks[op.slot] = kind->alloc(&h, op.bytes);
            is_well = blocks[op.slot] != NULL;
        } else {
            kind->free(&h, blocks[op.slot]);
        }
    }
    kind->close(&h);
    return is_well ? overhead : UINT64_MAX;
}

uint64_t heap_least_pool(const heap_kind *kind, const workload *load)
{
    void **blocks = workload_pages(load->slot_count * sizeof(void *));
    uint64_t low = load->peak_live_bytes / 64 * 64, high = low, overhead;
    /* From the least that could be, upwards: the first steps are small ones. */
    for (uint64_t more = low / 256 + 64;; more *= 2) {
        overhead = serves(kind, load, high, blocks);
        if (overhead != UINT64_MAX || more > low * 4) {
            break;
        }
        low = high;
        high += more / 64 * 64;
    }
    while (overhead != UINT64_MAX && high - low > load->peak_live_bytes / 2000 + 64) {
        const uint64_t middle = (low + (high - low) / 2) / 64 * 64;
        const uint64_t got = serves(kind, load, middle, blocks);
        if (got == UINT64_MAX) {
            low = middle;
        } else {
            high = middle;
            overhead = got;
        }
    }
    return overhead == UINT64_MAX ? 0 : high + overhead;
}
