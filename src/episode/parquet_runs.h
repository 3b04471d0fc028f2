/* SPDX-License-Identifier: Apache-2.0 */
/* parquet_runs.h - Parquet's RLE and bit-packed hybrid, read one value at a time. */
#ifndef EPISODE_PARQUET_RUNS_H
#define EPISODE_PARQUET_RUNS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct plim_parquet_runs {
    const uint8_t *at, *end;
    uint32_t bit_width; /* 0 .. 32 */
    uint64_t left;      /* values left in this run */
    bool is_packed;
    uint32_t value; /* of a repeated run */
    uint64_t bits;  /* packed: bits fetched, lowest first */
    uint32_t bit_count;
} plim_parquet_runs;

static inline void plim_parquet_runs_init(plim_parquet_runs *self, const uint8_t *from,
                                          size_t bytes, uint32_t bit_width)
{
    *self = (plim_parquet_runs){.at = from, .end = from + bytes, .bit_width = bit_width};
}

/* The next value; false when the runs end early or are damaged. */
bool plim_parquet_runs_next(plim_parquet_runs *self, uint32_t *out);

#endif
