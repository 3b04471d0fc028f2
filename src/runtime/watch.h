/* SPDX-License-Identifier: Apache-2.0 */
/* watch.h - what a pressure watch is, and which lock guards what.
 *
 * Locks: step_lock is outermost of all of the runtime's (state.h) and held while an action runs;
 * list_lock guards the episodes, and an episode's own lock is only tried under it; state_lock is
 * innermost and held for a copy.
 */
#ifndef RUNTIME_WATCH_H
#define RUNTIME_WATCH_H

#include "arena/ladder.h"
#include "platform/linux/group_share.h"
#include "platform/linux/wake.h"
#include "plimsoll/headroom.h"
#include "src/runtime/state.h"

#define PLIM_WATCH_PATH_BYTES 384u

enum { WATCH_PSI, WATCH_USAGE, WATCH_LIMIT, WATCH_TIMER, WATCH_WAKES };

struct plim_pressure_watch {
    plim_runtime *runtime;
    plim_region *home; /* this object lies in it */
    plim_pressure_opts opts;
    const char *root;
    plim_wake wakes[WATCH_WAKES];
    bool is_attached; /* to the telemetry thread */
    pid_t pid;        /* that opened it: a child of fork has the locks, not who holds them */

    pthread_mutex_t step_lock;
    plim_ladder ladder;
    plim_cgroup_memory group;
    bool has_group;
    plim_headroom headroom; /* of the last reading: too large for a stack */
    uint64_t step_count, wake_count[PLIM_PRESSURE_SOURCES];

    pthread_mutex_t list_lock;
    plim_episode *episodes[PLIM_PRESSURE_EPISODES_MAX];
    uint32_t episode_count;
    uint64_t file_count; /* names ever given; the newest are kept */
    bool is_shrunk;      /* episodes that come now are held to one frame at once */
    char files[PLIM_PRESSURE_FILES_MAX][PLIM_WATCH_PATH_BYTES];

    pthread_mutex_t state_lock;
    plim_pressure_state state; /* of the last step */
    uint64_t acting_from_ns;
    bool is_told; /* that the action which runs is late */
};

/* ---- pressure.c ---- */

/* What the telemetry thread calls: bit i of @woken, wakes[i] is ready;
 * bit 8+i, it failed. */
void plim_watch_tick(plim_pressure_watch *self, uint32_t woken);

/* ---- pressure_figures.c ---- */

/* The kernel's figures now. */
void plim_watch_figures(plim_pressure_watch *self, plim_pressure *out);
/* What is in use, of the group or the machine, cache included; PLIM_UNKNOWN_BYTES: not known. */
uint64_t plim_watch_held_bytes(plim_pressure_watch *self);

/* ---- pressure_actions.c ---- */

/* One action of a rung; what it believes to have freed. */
uint64_t plim_watch_act(plim_pressure_watch *self, const plim_rung *rung,
                        const plim_ladder_step *step, const plim_pressure *p);
void plim_watch_leave(plim_pressure_watch *self, const plim_rung *rung);

#endif
