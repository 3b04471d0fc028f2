/* SPDX-License-Identifier: Apache-2.0 */
/* ticks.h - the time around one short call, as finely as the machine tells it.
 *
 * x86: the time stamp counter between fences, so that no part of the call is left outside.
 * Elsewhere: the monotonic clock; its own cost is what the empty rows show.
 */
#ifndef BENCH_SUPPORT_TICKS_H
#define BENCH_SUPPORT_TICKS_H

#include <stdint.h>
#include <time.h>

static inline uint64_t ticks_clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

#ifdef __x86_64__
#include <x86intrin.h>
#define TICKS_SOURCE "serialised TSC"
static inline uint64_t ticks_begin(void)
{
    _mm_lfence();
    uint64_t now = __rdtsc();
    _mm_lfence();
    return now;
}
static inline uint64_t ticks_end(void)
{
    unsigned int cpu;
    uint64_t now = __rdtscp(&cpu); /* waits for what came before */
    _mm_lfence();
    return now;
}
#else
#define TICKS_SOURCE "CLOCK_MONOTONIC"
static inline uint64_t ticks_begin(void)
{
    return ticks_clock_ns();
}
static inline uint64_t ticks_end(void)
{
    return ticks_clock_ns();
}
#endif

/* Nanoseconds of one tick, from 20 ms of both clocks. */
static inline double ticks_ns(void)
{
    uint64_t ns = ticks_clock_ns(), ticks = ticks_begin(), now = ns;
    while (now - ns < 20000000) {
        now = ticks_clock_ns();
    }
    return (double)(now - ns) / (double)(ticks_end() - ticks);
}

#endif
