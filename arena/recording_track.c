/* SPDX-License-Identifier: Apache-2.0 */
/* recording_track.c - where a run stands in its recording.
 *
 * Decides which step a call is, from its size and those of the calls before it. Every call looks
 * at TRACK_WINDOW steps at most, so a run that leaves the recording for n calls is back on it
 * after n and one or two more, or at the latest with the third call after its next start.
 */
#include <string.h>

#include "arena/recording_track.h"

bool plim_track_is_like(const plim_record_step *step, uint64_t size_bytes)
{
    if (size_bytes >= step->least_bytes && size_bytes <= step->size_bytes) {
        return true;
    }
    /* What never varied over several runs is not expected to vary now. */
    if (step->run_count > 1 && step->least_bytes == step->size_bytes) {
        return false;
    }
    return size_bytes < step->least_bytes ? size_bytes >= step->least_bytes / TRACK_SPREAD
                                          : size_bytes / TRACK_SPREAD <= step->size_bytes;
}

static bool is_exact(const plim_record_step *step, uint64_t size_bytes)
{
    return size_bytes >= step->least_bytes && size_bytes <= step->size_bytes;
}

void plim_track_begin(plim_track *self)
{
    self->cursor = self->odd_count = 0;
    self->was_start = false;
    memset(self->recent, 0, sizeof(self->recent));
}

static void remember(plim_track *self, uint64_t size_bytes)
{
    memmove(self->recent + 1, self->recent, (TRACK_START - 1) * sizeof(self->recent[0]));
    self->recent[0] = size_bytes;
}

static uint32_t take(plim_track *self, uint32_t step, bool is_start)
{
    self->cursor = step + 1;
    self->odd_count = 0;
    self->was_start = is_start;
    if (self->is_loop && self->cursor == self->count) {
        self->cursor = 0;
    }
    return step;
}

/* Were the last three calls the first three steps? */
static bool is_start(const plim_track *self)
{
    for (uint32_t i = 0; i < TRACK_START; i++) {
        if (self->recent[i] == 0 || self->count < TRACK_START ||
            !is_exact(&self->steps[TRACK_START - 1 - i], self->recent[i])) {
            return false;
        }
    }
    return true;
}

static uint32_t look_ahead(const plim_track *self, uint64_t size_bytes)
{
    uint32_t from = self->cursor, end = self->count;
    end = end - from > TRACK_WINDOW ? from + TRACK_WINDOW : end;
    if (from < end && plim_track_is_like(&self->steps[from], size_bytes)) {
        return from;
    }
    uint32_t instead =
        from + self->odd_count; /* as many steps as odd calls: they took their place */
    if (instead < end && plim_track_is_like(&self->steps[instead], size_bytes)) {
        return instead;
    }
    for (uint32_t j = from + 1; self->odd_count && j < end; j++) {
        if (is_exact(&self->steps[j], size_bytes) &&
            is_exact(&self->steps[j - 1], self->recent[1])) {
            return j;
        }
    }
    return PLIM_STEP_NONE;
}

uint32_t plim_track_next(plim_track *self, uint64_t size_bytes)
{
    remember(self, size_bytes);
    uint32_t step = look_ahead(self, size_bytes);
    if (step != PLIM_STEP_NONE) {
        return take(self, step, false);
    }
    self->odd_count += self->odd_count < TRACK_WINDOW;
    if (self->odd_count >= TRACK_START && is_start(self)) {
        return take(self, TRACK_START - 1, true);
    }
    return PLIM_STEP_NONE;
}
