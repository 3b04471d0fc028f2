/* SPDX-License-Identifier: Apache-2.0 */
/* run_heat.h - what a run's report says of heat, throttling and the telemetry's transitions. */
#ifndef TOOLS_PLIMSOLL_RUN_HEAT_H
#define TOOLS_PLIMSOLL_RUN_HEAT_H

#include <pthread.h>
#include <stdio.h>

#include "plimsoll/heat.h"

#define RUN_HEAT_FIRST 5u
#define RUN_HEAT_KINDS (PLIM_TRANSITION_ROOM + 1u)

typedef struct run_heat {
    pthread_mutex_t lock; /* of the rest: the telemetry's thread writes */
    uint64_t count, by_kind[RUN_HEAT_KINDS];
    plim_transition first[RUN_HEAT_FIRST];
} run_heat;

#define RUN_HEAT_INIT                                                                              \
    {                                                                                              \
        .lock = PTHREAD_MUTEX_INITIALIZER                                                          \
    }

/* As on_transition of a runtime; @context is a run_heat. */
void run_heat_note(void *context, const plim_transition *transition);

/* @now is the runtime's newest sample. */
void run_heat_print(run_heat *self, const plim_telemetry_sample *now, FILE *to);
/* A comma and "heat":{...},"samples":N,"transitions":{...}. */
void run_heat_json(run_heat *self, const plim_telemetry_sample *now, FILE *to);

#endif
