/* SPDX-License-Identifier: Apache-2.0 */
/* heap_run.h - one allocator under one workload in this process: times, footprint, least pool. */
#ifndef BENCH_SUPPORT_HEAP_RUN_H
#define BENCH_SUPPORT_HEAP_RUN_H

#include "bench/support/heaps.h"
#include "bench/support/workload.h"

#define HEAP_THREADS_MAX 8

typedef struct heap_times { /* nanoseconds, the timing itself included */
    double mean, p50, p999, max;
} heap_times;

typedef struct heap_reading {
    heap_times alloc, free, empty; /* empty: nothing between the two readings of the clock */
    double write_us;               /* one byte into every page, per allocation */
    uint64_t peak_live_bytes, footprint_bytes, least_pool_bytes, refused;
} heap_reading;

/* Every call timed by itself; a thread for each workload. @pool_bytes: of pools. */
void heap_run(const heap_kind *kind, const workload *loads, unsigned threads, uint64_t pool_bytes,
              heap_reading *out);

/* The smallest pool, tables included, that refuses nothing; by bisection to a 2,000th. What is
 * refused need not be monotone in the size: the answer is one size that serves, with one
 * close below it that does not. */
uint64_t heap_least_pool(const heap_kind *kind, const workload *load);

#endif
