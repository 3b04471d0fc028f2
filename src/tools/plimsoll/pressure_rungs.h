/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_rungs.h - the manifest's "pressure:": which rungs, and what a run says of them. */
#ifndef TOOLS_PLIMSOLL_PRESSURE_RUNGS_H
#define TOOLS_PLIMSOLL_PRESSURE_RUNGS_H

#include "src/tools/plimsoll/yaml.h"

/* The nested reader of the key. */
void read_pressure(yaml_reader *r, yaml_node_t *node, void *base, const char *where);

/* pressure_open - the watch that the manifest asks for; *out NULL when it asks for none. */
plim_status pressure_open(const manifest *m, plim_runtime *runtime, plim_pressure_watch **out,
                          plim_error *err);

void pressure_print_config(const manifest *m, FILE *to);
/* What the ladder did; nothing without a watch. */
void pressure_print(plim_pressure_watch *watch, FILE *to);
/* A comma and "pressure":{...}; nothing without a watch. */
void pressure_json(plim_pressure_watch *watch, FILE *to);

#endif
