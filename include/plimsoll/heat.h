/* SPDX-License-Identifier: Apache-2.0 */
/* heat.h - what slows a machine down, in a few figures: heat, throttling, clock caps, power.
 *
 * The part of a telemetry sample (telemetry.h) that belongs into every report. A figure that the
 * sample does not have FRESH is PLIM_HEAT_UNKNOWN here; it never reads as "all is well".
 */
#ifndef PLIMSOLL_HEAT_H
#define PLIMSOLL_HEAT_H

#include "plimsoll/report.h"
#include "plimsoll/telemetry.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_HEAT_UNKNOWN INT64_MIN

typedef struct plim_heat_clock {
    char name[PLIM_TELEMETRY_ROW_NAME];
    int64_t now_hz, cap_hz, max_hz; /* highest allowed now; highest of the chip */
} plim_heat_clock;

typedef struct plim_heat {
    int64_t hottest_mc; /* millidegrees */
    int64_t throttled;  /* 1: an alert is on; 0: every alert answered that it is off */
    int64_t over_current[3];
    int64_t power_mw;
    char zone[PLIM_TELEMETRY_ROW_NAME];  /* the hottest; "" when that is not known */
    char alert[PLIM_TELEMETRY_ROW_NAME]; /* the first that is on; "" */
    uint32_t clock_count;
    plim_heat_clock clocks[PLIM_TELEMETRY_CLOCKS];
} plim_heat;

/* plim_heat_of - the figures of @sample, as old as it says they may be. */
PLIM_API void plim_heat_of(const plim_telemetry_sample *sample, plim_heat *out);

/* plim_heat_read - look for the sensors, read them once, let go of them; no thread.
 *
 * The GPU's load is left alone, so that an idle GPU may sleep however often this is called.
 * @root:   a folder with a captured proc and sys; NULL or "": this machine.
 * Threads: any. Cost: about a millisecond and 26 KB of stack (make bench-detect); who has a
 * telemetry asks that.
 */
PLIM_API void plim_heat_read(const char *root, plim_heat *out);

/* plim_heat_json - one JSON object; unknown figures are null. Errors: E_IO the sink said stop. */
PLIM_API PLIM_MUST_USE plim_status plim_heat_json(const plim_heat *heat, plim_report_sink sink,
                                                  void *context, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
