/* SPDX-License-Identifier: Apache-2.0 */
/* workload.h - what an allocator is asked: one list of calls, random or recorded, for all of them.
 *
 * Random: a random slot of many is filled or emptied; sizes log-uniform. Recorded: a file
 * "op,id,bytes" (a allocates, f frees; gzip when its name ends in .gz).
 */
#ifndef BENCH_SUPPORT_WORKLOAD_H
#define BENCH_SUPPORT_WORKLOAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct workload_op {
    uint64_t bytes; /* 0: free */
    uint32_t slot;
} workload_op;

typedef struct workload {
    workload_op *ops;
    size_t op_count, alloc_count;
    uint32_t slot_count;
    uint64_t peak_live_bytes;
    uint32_t peak_live_blocks;
} workload;

typedef struct workload_shape {
    const char *name;
    uint32_t slots;
    uint64_t least_bytes, most_bytes;
    size_t ops;
} workload_shape;

/* Memory comes from mmap and is touched: it is not in what is measured afterwards. */
void workload_random(workload *self, const workload_shape *shape, uint64_t seed);
/* False, with a sentence on stderr: it cannot be read, or says what cannot be. */
bool workload_read(workload *self, const char *path);
void workload_free(workload *self);
/* Pages from mmap, touched; ends the program when there are none. */
void *workload_pages(size_t bytes);

#endif
