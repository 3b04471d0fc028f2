/* SPDX-License-Identifier: Apache-2.0 */
/* recording_track.h - what the files of a recording share: a step's checks, and where a run stands.
 *
 * The track follows a run through a recording. It never goes back: a run that strays is matched
 * with what lies ahead, at most TRACK_WINDOW steps, or with the recording's start. One match is
 * enough where a match was expected (the step itself, or the step that as many odd calls may
 * have replaced); elsewhere two in a row are wanted, and the first three for the start, because
 * small sizes are alike everywhere.
 */
#ifndef ARENA_RECORDING_TRACK_H
#define ARENA_RECORDING_TRACK_H

#include "plimsoll/recording.h"

#define TRACK_WINDOW 64u
#define TRACK_START  3u /* steps that the start is recognised by */
#define TRACK_SPREAD 4u /* sizes of one step may differ by this factor */

typedef struct plim_track {
    const plim_record_step *steps;
    uint32_t count, cursor; /* cursor: the next step that is expected */
    uint32_t odd_count;     /* calls since the last match */
    bool is_loop;
    bool was_start;               /* the last match was the recording's start, not what was ahead */
    uint64_t recent[TRACK_START]; /* sizes asked for, newest first; 0: none */
} plim_track;

/* Is @size_bytes what step @step may have been asked for in another run? */
bool plim_track_is_like(const plim_record_step *step, uint64_t size_bytes);

void plim_track_begin(plim_track *self);

/* The step that this call is, or PLIM_STEP_NONE. The cursor is then one behind it; steps that
 * were passed over lie between the old cursor and the step (unless was_start). */
uint32_t plim_track_next(plim_track *self, uint64_t size_bytes);

/* What plim_record_buffers makes of step @k; *out_count is 0 or 1. */
void plim_record_buffer(const plim_record_step *steps, uint32_t count, uint32_t k, bool is_loop,
                        plim_plan_buffer *out, size_t *out_count);

/* E_ARG with detail "step k" when one of @steps cannot be. */
PLIM_MUST_USE plim_status plim_record_check(const plim_record_step *steps, uint32_t count,
                                            plim_error *err);

#endif
