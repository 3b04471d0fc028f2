/* SPDX-License-Identifier: Apache-2.0 */
/* gpu_charge.h - --probe-gpu: are GPU pages charged to the control group, asked of the driver. */
#ifndef TOOLS_PLIMSOLL_GPU_CHARGE_H
#define TOOLS_PLIMSOLL_GPU_CHARGE_H

#include "plimsoll/facts.h"
#include "plimsoll/headroom.h"
#include "src/tools/plimsoll/tool.h"

/* The option's line of help, and why it is not the default. */
#define GPU_CHARGE_HELP "ask the driver whether groups count GPU pages (makes a context)"
#define GPU_CHARGE_TEXT_BYTES 320u

typedef struct gpu_charge {
    bool is_asked;
    plim_gpu_charge found;
} gpu_charge;

/* @library NULL: not asked; "": the driver's own. What goes wrong is unknown, with why. Forks, and
 * makes a context of the driver for a moment. */
void gpu_charge_ask(const char *library, gpu_charge *out);
/* "no: 0 B and 0 B of 64.0 MiB came to /...", "unknown: why". */
void gpu_charge_text(const gpu_charge *c, char text[GPU_CHARGE_TEXT_BYTES]);
/* memory.gpu_charged with its figures as the source; nothing where nobody knows. */
void gpu_charge_note(const gpu_charge *c, plim_facts *facts);
/* ,"gpu_charge":{...}, null when it was not asked. */
void gpu_charge_json(const gpu_charge *c, FILE *to);

#endif
