/* SPDX-License-Identifier: Apache-2.0 */
/* plan_bound.c - what no plan can be lower than.
 *
 * The bound is the larger of two: the most bytes alive at one step, and the end of the
 * highest fixed buffer. Refuses nothing: a sum that does not fit 64 bits, an empty lifetime
 * or too little scratch gives UINT64_MAX, which no height reaches.
 *
 * Algorithm: one list of buffers by start and one by end, merged as a sweep. Lifetimes are
 * half-open, so what ends at a step is taken off before what starts there is added.
 */
#include "arena/bytes.h"
#include "arena/plan_strategy.h"

static bool is_earlier(const plim_plan_buffer *buffers, bool by_end, uint32_t a, uint32_t b)
{
    return by_end ? buffers[a].upper < buffers[b].upper : buffers[a].lower < buffers[b].lower;
}

static void sift_latest(const plim_plan_buffer *buffers, bool by_end, uint32_t *list, size_t at,
                        size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count && is_earlier(buffers, by_end, list[child], list[child + 1])) {
            child++;
        }
        if (!is_earlier(buffers, by_end, list[at], list[child])) {
            return;
        }
        uint32_t i = list[at];
        list[at] = list[child];
        list[child] = i;
    }
}

static void list_by_time(const plim_plan_buffer *buffers, bool by_end, uint32_t *list, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        list[i] = (uint32_t)i;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift_latest(buffers, by_end, list, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        uint32_t latest = list[0];
        list[0] = list[end];
        list[end] = latest;
        sift_latest(buffers, by_end, list, 0, end);
    }
}

uint64_t plim_plan_lower_bound(const plim_plan_buffer *buffers, size_t count, void *scratch,
                               size_t scratch_bytes)
{
    if (count == 0) {
        return 0;
    }
    if (!plim_plan_scratch_fits(count, scratch, scratch_bytes)) {
        return UINT64_MAX;
    }
    for (size_t i = 0; i < count; i++) {
        if (buffers[i].lower >= buffers[i].upper) {
            return UINT64_MAX;
        }
    }
    uint32_t *starts = scratch, *ends = starts + count;
    list_by_time(buffers, false, starts, count);
    list_by_time(buffers, true, ends, count);
    uint64_t live = 0, most = 0, fixed_end = 0;
    for (size_t s = 0, e = 0; s < count; s++) {
        const plim_plan_buffer *b = &buffers[starts[s]];
        for (; buffers[ends[e]].upper <= b->lower; e++) { /* stops at the latest at b's own */
            live -= buffers[ends[e]].size_bytes;
        }
        if (!bytes_add(live, b->size_bytes, &live) ||
            (b->is_fixed && !bytes_add(b->offset_bytes, b->size_bytes, &fixed_end))) {
            return UINT64_MAX;
        }
        most = live > most ? live : most;
        most = b->is_fixed && fixed_end > most ? fixed_end : most;
    }
    return most;
}
