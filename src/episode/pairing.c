/* SPDX-License-Identifier: Apache-2.0 */
/* pairing.c - steps to frames.
 *
 * As many frames as rows: the recorder wrote one for the other, so that the n-th belongs to the
 * n-th, however far the clocks drift apart (the drift is told). Otherwise each step takes the
 * frame nearest in time, an earlier one on a tie: a frame too many at either end is never shown,
 * and a missing one is replaced by its neighbour. Times of the table count from its first row;
 * a column that is absent, not finite or not rising is replaced by step / frames_per_second.
 */
#include "src/episode/pairing.h"

#include <math.h>

/* Times that went through float32 differ in their last digits: below this it is a tie. */
#define TIE_SECONDS 1e-5

static double column_at(const plim_pairing_input *in, uint32_t row)
{
    return in->is_double ? ((const double *)in->seconds)[row]
                         : (double)((const float *)in->seconds)[row];
}

static bool is_rising(const plim_pairing_input *in)
{
    for (uint32_t i = 0; in->seconds && i < in->row_count; i++) {
        double at = column_at(in, i);
        if (!isfinite(at) || fabs(at) > 1e12 || (i && at < column_at(in, i - 1))) {
            return false;
        }
    }
    return in->seconds && in->row_count;
}

static double frame_seconds(const plim_pairing_input *in, uint32_t frame)
{
    return (double)in->ticks[frame] / (double)in->timescale;
}

plim_pairing_result plim_pairing_solve(const plim_pairing_input *in, uint32_t step_count,
                                       uint32_t *frames)
{
    plim_pairing_result result = {.is_by_order = in->frame_count == in->row_count};
    bool has_column = is_rising(in);
    uint32_t frame = 0;
    for (uint32_t step = 0; step < step_count; step++) {
        double at = has_column && step < in->row_count ? column_at(in, step) - column_at(in, 0)
                                                       : (double)step / in->frames_per_second;
        if (result.is_by_order && step < in->frame_count) {
            frame = step;
        } else {
            while (frame + 1 < in->frame_count &&
                   fabs(frame_seconds(in, frame + 1) - at) + TIE_SECONDS <
                       fabs(frame_seconds(in, frame) - at)) {
                frame++;
            }
        }
        double distance = fabs(frame_seconds(in, frame) - at);
        if (distance > result.drift_seconds) {
            result.drift_seconds = distance;
        }
        if (step && frame == frames[step - 1]) {
            result.repeated++;
        }
        uint32_t next = step ? frames[step - 1] + 1 : 0;
        result.skipped += frame > next ? frame - next : 0;
        frames[step] = frame;
    }
    if (step_count) {
        result.skipped += in->frame_count - 1 - frames[step_count - 1];
    }
    return result;
}
