/* SPDX-License-Identifier: Apache-2.0 */
/* pairing.h - which frame of a video is shown at which step of an episode. Arithmetic only. */
#ifndef EPISODE_PAIRING_H
#define EPISODE_PAIRING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

typedef struct plim_pairing_input {
    const int64_t *ticks; /* times of the frames, rising, the first shown frame at 0 */
    uint32_t frame_count; /* at least 1 */
    uint32_t timescale;   /* ticks a second */
    const void *seconds;  /* timestamp column of the table; NULL when it has none */
    bool is_double;       /* else float */
    uint32_t row_count;   /* entries of seconds */
    double frames_per_second;
} plim_pairing_input;

typedef struct plim_pairing_result {
    double drift_seconds;       /* largest distance between a step and its frame */
    uint32_t repeated, skipped; /* frames shown at two steps; frames shown at none */
    bool is_by_order;           /* as many frames as rows: the n-th frame is the n-th row */
} plim_pairing_result;

/* plim_pairing_solve - @frames[s] for s in [0, @step_count): rising, each below frame_count. */
plim_pairing_result plim_pairing_solve(const plim_pairing_input *in, uint32_t step_count,
                                       uint32_t *frames);

#endif
