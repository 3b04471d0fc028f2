/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.h - which rung is entered, acts again, or is left. Time and figures are passed in. */
#ifndef ARENA_LADDER_H
#define ARENA_LADDER_H

#include "plimsoll/pressure.h"

typedef enum plim_ladder_move {
    PLIM_LADDER_STAY = 0,
    PLIM_LADDER_ENTER = 1, /* run the action, then plim_ladder_done */
    PLIM_LADDER_AGAIN = 2, /* the same: it is entered already */
    PLIM_LADDER_LEAVE = 3,
} plim_ladder_move;

typedef struct plim_ladder_step {
    plim_ladder_move move;
    uint32_t rung;
    plim_pressure_figure cause; /* ENTER, AGAIN: which figure crossed which line */
    uint64_t value, line;
} plim_ladder_step;

typedef struct plim_ladder_place {
    bool is_entered, is_skipped;
    uint32_t calls;  /* since it was entered */
    uint32_t barren; /* actions in a row that freed nothing, since the ladder was empty */
    uint64_t acted_ns;
} plim_ladder_place;

typedef struct plim_ladder {
    plim_rung rungs[PLIM_RUNGS_MAX]; /* with their defaults filled in */
    plim_ladder_place places[PLIM_RUNGS_MAX];
    uint32_t count;
    uint32_t depth;   /* 1 + the highest entered rung */
    uint64_t now_ns;  /* of the last step; never goes back */
    uint64_t wait_ns; /* no transition before it */
    uint64_t calm_ns; /* since when the highest entered rung could be left */
    bool is_calm;
    uint64_t event_base; /* events at the last move */
    uint64_t event_last; /* at the last step */
    bool has_events;
} plim_ladder;

/* plim_ladder_init - copies @rungs and fills in what is 0.
 * Errors:  E_ARG  as plim_pressure_open. */
PLIM_MUST_USE plim_status plim_ladder_init(plim_ladder *self, const plim_rung *rungs, size_t count,
                                           plim_error *err);

/* plim_ladder_next - the one move that the figures ask for now. */
plim_ladder_step plim_ladder_next(plim_ladder *self, const plim_pressure *p);

/* plim_ladder_done - what the action of ENTER or AGAIN freed. True: it is skipped from now on. */
bool plim_ladder_done(plim_ladder *self, uint32_t rung, uint64_t freed_bytes);

/* plim_ladder_last - the highest entered rung, for a close: leaves it whatever the figures say.
 * False: none is entered. */
bool plim_ladder_last(plim_ladder *self, uint32_t *out_rung);

/* plim_ladder_due_ns - when time alone may bring the next move; UINT64_MAX: never. */
uint64_t plim_ladder_due_ns(const plim_ladder *self);

/* Is @value of @figure at or past @line? */
bool plim_pressure_is_past(plim_pressure_figure figure, uint64_t value, uint64_t line);

#endif
