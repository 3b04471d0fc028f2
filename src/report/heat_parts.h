/* SPDX-License-Identifier: Apache-2.0 */
/* heat_parts.h - a plim_heat within other JSON. */
#ifndef SRC_REPORT_HEAT_PARTS_H
#define SRC_REPORT_HEAT_PARTS_H

#include <jansson.h>

#include "plimsoll/heat.h"
#include "src/report/rows.h"

/* The object, without a key. */
void plim_heat_put(plim_report_out *out, const plim_heat *heat);

/* Nothing is known. */
void plim_heat_clear(plim_heat *out);

/* plim_heat_parse - what plim_heat_put wrote. NULL, or the first key that is wrong; then nothing
 * is known. NULL as @object: nothing is known, as in a recording of before. */
const char *plim_heat_parse(json_t *object, plim_heat *out);

#endif
