/* SPDX-License-Identifier: Apache-2.0 */
/* thermal.h - the last known temperatures. */
#ifndef RUNTIME_THERMAL_H
#define RUNTIME_THERMAL_H

#include <pthread.h>

#include "plimsoll/runtime.h"

typedef struct plim_thermal_watch {
    const char *root; /* "" this machine, else a folder with a captured sys; kept */
    pthread_mutex_t lock;
    plim_thermal last;
    uint64_t tried_ns; /* monotonic; 0: never */
} plim_thermal_watch;

void plim_thermal_init(plim_thermal_watch *self, const char *root);
void plim_thermal_deinit(plim_thermal_watch *self);

/* What a poll found that nobody was told before; SAME almost always. */
typedef enum plim_thermal_news {
    PLIM_THERMAL_SAME,
    PLIM_THERMAL_THROTTLE, /* the flag changed, either way */
    PLIM_THERMAL_KNOWN,    /* a sensor answers that did not */
    PLIM_THERMAL_UNKNOWN,  /* none does; said once, not at every poll of a board without any */
} plim_thermal_news;

/* The last reading, renewed when it is older than a second. */
plim_thermal_news plim_thermal_poll(plim_thermal_watch *self, plim_thermal *out);

/* One reading; false when no sensor could be read, and then *out is all unknown. */
bool plim_thermal_read(const char *root, plim_thermal *out);

#endif
