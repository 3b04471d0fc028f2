/* SPDX-License-Identifier: Apache-2.0 */
/* sense.h - what the runtime asks of its telemetry beyond plimsoll/telemetry.h. */
#ifndef RUNTIME_SENSE_H
#define RUNTIME_SENSE_H

#include "plimsoll/telemetry.h"

/* plim_telemetry_renew - without a thread: read anew, on the caller's, when the sample is a second
 * old and nobody else is doing it. With one: nothing. */
void plim_telemetry_renew(plim_telemetry *self);

/* plim_telemetry_footprint_bytes - what open charges. */
uint64_t plim_telemetry_footprint_bytes(const plim_telemetry_opts *opts);

#endif
