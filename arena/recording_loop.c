/* SPDX-License-Identifier: Apache-2.0 */
/* recording_loop.c - the loop in a recording, and several runs as one.
 *
 * Decides what an iteration is: the shortest period whose repetition covers most of the end of
 * the recording, two iterations at least, cut where least is alive.
 *
 * Algorithm: for each period the recording is held against itself, shifted, from its end on,
 * until a step is unlike. A period can only win when it also holds where the best one so far
 * broke, so that place is looked at first: nearly every candidate costs one look.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/recording_track.h"

size_t plim_record_loop_scratch_bytes(uint32_t count)
{
    return count <= PLIM_STEPS_MAX ? ((size_t)count + 1) * sizeof(uint64_t) : 0;
}

static bool is_alike(const plim_record_step *a, const plim_record_step *b)
{
    return plim_track_is_like(a, b->size_bytes) || plim_track_is_like(b, a->size_bytes);
}

/* Steps at the end that repeat with @period, the first iteration included. */
static uint32_t covered_by(const plim_record_step *steps, uint32_t count, uint32_t period,
                           uint32_t at_least)
{
    if (at_least >= period && at_least < count) {
        uint32_t i = count - 1 - at_least;
        if (!is_alike(&steps[i], &steps[i + period])) {
            return 0;
        }
    }
    uint32_t i = count - period;
    while (i > 0 && is_alike(&steps[i - 1], &steps[i - 1 + period])) {
        i--;
    }
    return count - i;
}

static uint32_t find_period(const plim_record_step *steps, uint32_t count, uint32_t *out_covered)
{
    uint32_t best = 0, covered = 0;
    for (uint32_t period = 1; period <= count / 2 && covered < count; period++) {
        uint32_t n = covered_by(steps, count, period, covered);
        if (n > covered && n >= 2 * period) {
            covered = n;
            best = period;
        }
    }
    *out_covered = covered;
    return best;
}

/* The longest life that ends within the recording, of blocks from step @first on. */
static uint32_t longest_life(const plim_record_step *steps, uint32_t count, uint32_t first)
{
    uint32_t longest = 0;
    for (uint32_t k = first; k < count; k++) {
        uint32_t length = steps[k].length;
        longest = length != PLIM_STEP_NONE && length > longest ? length : longest;
    }
    return longest;
}

/* Bytes alive when step k is asked for, into live[k]. A sum over 64 bits wraps: the cut is then a
 * poor one, and the planner refuses the sizes. */
static void count_live(const plim_record_step *steps, uint32_t count, uint64_t *live)
{
    memset(live, 0, ((size_t)count + 1) * sizeof(live[0]));
    for (uint32_t k = 0; k < count; k++) { /* first: what ends before step k */
        uint64_t at = (uint64_t)k + steps[k].length;
        if (at <= count) {
            live[at] += steps[k].size_bytes;
        }
    }
    uint64_t now = 0;
    for (uint32_t k = 0; k <= count; k++) {
        now -= live[k];
        live[k] = now;
        now += k < count ? steps[k].size_bytes : 0;
    }
}

/* An iteration may begin at any step of the first one: take where least is alive. Looked at one
 * iteration later, because the recording's own start is always empty. */
static void cut(plim_record_loop *loop, uint32_t count, const uint64_t *live)
{
    uint32_t best = loop->first, period = loop->period;
    for (uint32_t k = best; k < loop->first + period && k + 2 * period <= count; k++) {
        best = live[k + period] < live[best + period] ? k : best;
    }
    loop->first = best;
    loop->repeats = (count - best) / period;
    loop->carried_bytes = live[best + period];
}

plim_status plim_record_loop_find(const plim_record_step *steps, uint32_t count, void *scratch,
                                  size_t scratch_bytes, plim_record_loop *out, plim_error *err)
{
    memset(out, 0, sizeof(*out));
    size_t need = plim_record_loop_scratch_bytes(count);
    if (need == 0 || !scratch || scratch_bytes < need || (uintptr_t)scratch % 8) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "scratch of a loop, aligned to 8", .want = need,
                         .have = scratch_bytes);
    }
    PLIM_TRY(plim_record_check(steps, count, err));
    *out = (plim_record_loop){.period = count, .repeats = count ? 1 : 0};
    uint32_t covered, period = find_period(steps, count, &covered);
    if (period == 0) {
        return PLIM_OK;
    }
    uint32_t longest = longest_life(steps, count, count - covered);
    uint32_t times = longest / period + (longest % period != 0);
    if (times > 1 && (uint64_t)times * 2 * period <= covered) {
        period *= times;
    }
    *out = (plim_record_loop){.first = count - covered, .period = period};
    count_live(steps, count, scratch);
    cut(out, count, scratch);
    return PLIM_OK;
}

/* @is_last: nothing follows in the recording, so a missing free says nothing. */
static void widen(plim_record_step *into, const plim_record_step *from, bool is_last)
{
    into->size_bytes = from->size_bytes > into->size_bytes ? from->size_bytes : into->size_bytes;
    into->least_bytes =
        from->least_bytes < into->least_bytes ? from->least_bytes : into->least_bytes;
    into->align_bytes =
        from->align_bytes > into->align_bytes ? from->align_bytes : into->align_bytes;
    bool is_known = from->length != PLIM_STEP_NONE || !is_last;
    into->length = is_known && from->length > into->length ? from->length : into->length;
    into->run_count += from->run_count;
}

plim_status plim_record_loop_fold(const plim_record_step *steps, uint32_t count,
                                  const plim_record_loop *loop, plim_record_step *out,
                                  plim_error *err)
{
    uint64_t end;
    if (!bytes_mul(loop->period, loop->repeats, &end) || !bytes_add(end, loop->first, &end) ||
        end > count || end == loop->first) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "loop of a recording", .want = end,
                         .limit = count);
    }
    memcpy(out, steps + loop->first, loop->period * sizeof(*out));
    for (uint32_t i = 1; i < loop->repeats; i++) {
        const plim_record_step *from = steps + loop->first + (size_t)i * loop->period;
        for (uint32_t k = 0; k < loop->period; k++) {
            widen(&out[k], &from[k], i + 1 == loop->repeats);
        }
    }
    return PLIM_OK;
}

plim_status plim_record_merge(plim_record_step *into, uint32_t into_count,
                              const plim_record_step *from, uint32_t from_count,
                              uint32_t *out_left_out, plim_error *err)
{
    uint32_t left_out = 0;
    if (out_left_out) {
        *out_left_out = 0;
    }
    PLIM_TRY(plim_record_check(into, into_count, err));
    PLIM_TRY(plim_record_check(from, from_count, err));
    plim_track track = {.steps = into, .count = into_count};
    plim_track_begin(&track);
    for (uint32_t k = 0; k < from_count; k++) {
        uint32_t step = plim_track_next(&track, from[k].size_bytes);
        if (step == PLIM_STEP_NONE || track.was_start) {
            left_out++;
        } else {
            widen(&into[step], &from[k], false);
        }
    }
    if (out_left_out) {
        *out_left_out = left_out;
    }
    return PLIM_OK;
}
