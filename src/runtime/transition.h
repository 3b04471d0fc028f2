/* SPDX-License-Identifier: Apache-2.0 */
/* transition.h - what changed between one sample and the next that somebody must hear of. */
#ifndef RUNTIME_TRANSITION_H
#define RUNTIME_TRANSITION_H

#include "plimsoll/telemetry.h"

/* Readings that can be lost, counted through: the list, zones, alerts, rails, clocks. */
#define PLIM_READINGS_MAX                                                                          \
    (PLIM_READ_COUNT + PLIM_TELEMETRY_ZONES + PLIM_TELEMETRY_ALERTS + PLIM_TELEMETRY_RAILS +       \
     PLIM_TELEMETRY_CLOCKS)
#define PLIM_RISES_MAX 4u

typedef struct plim_transition_watch {
    void (*tell)(void *context, const plim_transition *transition);
    void *context;
    uint64_t period_ns, room_low_bytes;
    int64_t psi_centi;
    uint64_t count; /* told so far */
    bool has_before;
    bool is_lost[PLIM_READINGS_MAX]; /* told that it is */
    bool alert_is_on[PLIM_TELEMETRY_ALERTS], under_oom_is_on, psi_is_on, room_is_low;
    struct {
        bool is_rising;
        uint32_t quiet_count; /* samples since it last rose */
    } rises[PLIM_RISES_MAX];
    plim_telemetry_sample before;
} plim_transition_watch;

/* plim_transitions_tell - hold @now against the sample before and tell each difference, in a
 * fixed order. The first sample is told only what is on from the start. */
void plim_transitions_tell(plim_transition_watch *self, const plim_telemetry_sample *now);

#endif
