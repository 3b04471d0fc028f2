/* SPDX-License-Identifier: Apache-2.0 */
/* replay_ways.h - what each way to allocate would have made of a recorded run. */
#ifndef TOOLS_PLIMSOLL_REPLAY_WAYS_H
#define TOOLS_PLIMSOLL_REPLAY_WAYS_H

#include "plimsoll/plimsoll.h"
#include "src/tools/plimsoll/trace_table.h"

typedef enum replay_way {
    WAY_PLANNED = 0, /* the whole run planned */
    WAY_LOOP,        /* one turn planned from all, served turn by turn; the rest dynamic */
    WAY_FIRST,       /* the same from the first turn alone */
    WAY_DYNAMIC,     /* the dynamic region */
    WAY_BEST_FIT,
    WAY_CACHING,
    WAY_COUNT,
} replay_way;

/* A plan and what it takes to serve it. */
typedef struct replay_plan {
    plim_record_step *steps;
    uint32_t step_count;
    plim_plan_buffer *buffers;
    size_t buffer_count;
    uint64_t height_bytes, lower_bound_bytes;
    bool is_optimal;
    double seconds;
} replay_plan;

typedef struct replay_study {
    trace_table trace;
    plim_record_loop loop;
    replay_plan whole, merged, first;
    double seconds; /* to search in each plan; 0: the planner's own limit */
} replay_study;

typedef struct replay_outcome {
    uint64_t footprint_bytes;
    uint64_t refused_count;
    uint64_t refused_bytes, refused_event, largest_free_bytes; /* of the first refusal */
    plim_replay_stats served;                                  /* of the ways that serve a turn */
} replay_outcome;

const char *replay_way_name(replay_way way); /* one word */

/* Finds the loop and makes the plans. Errors: the planner's; E_NOMEM. */
PLIM_MUST_USE plim_status replay_study_make(replay_study *self, plim_error *err);
void replay_study_drop(replay_study *self);

/* The run under @cap_bytes (0: none). What is refused is left out, and the run goes on. */
PLIM_MUST_USE plim_status replay_run(const replay_study *self, replay_way way, uint64_t cap_bytes,
                                     replay_outcome *out, plim_error *err);

#endif
