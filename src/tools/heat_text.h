/* SPDX-License-Identifier: Apache-2.0 */
/* heat_text.h - heat and throttling as lines for a person: the same in both tools. */
#ifndef TOOLS_HEAT_TEXT_H
#define TOOLS_HEAT_TEXT_H

#include <stddef.h>

#include "plimsoll/heat.h"

#define HEAT_LINES_MAX 16u
#define HEAT_LINE_ROOM 81u /* 80 columns */

typedef struct heat_text {
    size_t count;
    char lines[HEAT_LINES_MAX][HEAT_LINE_ROOM];
} heat_text;

/* What is not known is said to be; nothing is left out. */
void heat_text_fill(heat_text *self, const plim_heat *heat);

#endif
