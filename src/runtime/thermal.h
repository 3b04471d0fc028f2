/* SPDX-License-Identifier: Apache-2.0 */
/* thermal.h - the runtime's use of its telemetry: verb 5, log lines, records of the black box. */
#ifndef RUNTIME_THERMAL_H
#define RUNTIME_THERMAL_H

#include "plimsoll/runtime.h"

/* plim_thermal_from - what @sample says of heat; all unknown when it says nothing. */
void plim_thermal_from(const plim_telemetry_sample *sample, plim_thermal *out);

/* plim_runtime_sense_open - the telemetry as @opts want it, charged, its transitions told to log
 * and black box. Errors: as plim_telemetry_open. */
PLIM_MUST_USE plim_status plim_runtime_sense_open(plim_runtime *self, const plim_runtime_opts *opts,
                                                  plim_error *err);
void plim_runtime_sense_close(plim_runtime *self);

#endif
