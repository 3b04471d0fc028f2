/* SPDX-License-Identifier: Apache-2.0 */
/* recording_plan.c - recorded steps as an instance for the planner.
 *
 * Decides what is planned: the blocks that are freed within the recording, or within one
 * iteration of a loop. In a loop, time is a circle cut at the first step; a life that crosses
 * the cut is the whole circle with a gap.
 */
#include "arena/recording_track.h"

void plim_record_buffer(const plim_record_step *steps, uint32_t count, uint32_t k, bool is_loop,
                        plim_plan_buffer *out, size_t *out_count)
{
    const plim_record_step *s = &steps[k];
    *out_count = 0;
    if (s->length == PLIM_STEP_NONE || (!is_loop && s->length > count - k) || s->length > count) {
        return;
    }
    bool crosses = s->length > count - k;
    out[0] = (plim_plan_buffer){.id = k,
                                .lower = crosses ? 0 : k,
                                .upper = crosses ? count : k + s->length,
                                .size_bytes = s->size_bytes,
                                .align_bytes = s->align_bytes};
    *out_count = 1;
}

plim_status plim_record_buffers(const plim_record_step *steps, uint32_t count, bool is_loop,
                                plim_plan_buffer *out, size_t *out_count, plim_plan_gap *gaps,
                                size_t *out_gap_count, plim_error *err)
{
    size_t total = 0, gap_count = 0;
    *out_count = 0;
    if (gaps) {
        *out_gap_count = 0;
    }
    PLIM_TRY(plim_record_check(steps, count, err));
    for (uint32_t k = 0; k < count; k++) {
        size_t n;
        plim_record_buffer(steps, count, k, is_loop, &out[total], &n);
        uint32_t length = steps[k].length;
        if (gaps && n && length > count - k && length < count) {
            gaps[gap_count++] = (plim_plan_gap){
                .buffer = (uint32_t)total, .lower = length - (count - k), .upper = k};
        }
        total += n;
    }
    *out_count = total;
    if (gaps) {
        *out_gap_count = gap_count;
    }
    return PLIM_OK;
}
