/* SPDX-License-Identifier: Apache-2.0 */
/* group.h - a child control group: what the kernel says a process used, and a slower disk.
 *
 * Memory: version 1 (max_usage_in_bytes) or 2 (memory.peak). Block: version 1 throttle only.
 * Groups are made below the caller's own and removed again; nothing else is touched.
 */
#ifndef BENCH_SUPPORT_GROUP_H
#define BENCH_SUPPORT_GROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

typedef struct bench_group {
    char folder[512];
    bool is_v2;
} bench_group;

/* False, with a reason on stdout, when there is no memory controller or no right to it. */
bool bench_group_open(bench_group *self, const char *name, uint64_t limit_bytes);
bool bench_group_enter(const bench_group *self, pid_t pid);
uint64_t bench_group_peak(const bench_group *self);
void bench_group_close(const bench_group *self);

/* Reads of the block device that holds @path are held to @bytes_per_second for this process;
 * 0 lifts it. False when that cannot be had here. */
bool bench_throttle(const char *path, uint64_t bytes_per_second);
void bench_throttle_close(void);

#endif
