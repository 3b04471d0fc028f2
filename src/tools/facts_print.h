/* SPDX-License-Identifier: Apache-2.0 */
/* facts_print.h - facts about a machine, for a person or for a program. */
#ifndef TOOLS_FACTS_PRINT_H
#define TOOLS_FACTS_PRINT_H

#include <stdio.h>

#include "plimsoll/platform.h"

#define FACTS_COMPONENTS_MAX 64u

/* A machine as the tools look at it; large: static. */
typedef struct machine_facts {
    plim_facts facts;
    plim_component components[FACTS_COMPONENTS_MAX];
    size_t component_count; /* in components */
    size_t component_found; /* may be more */
} machine_facts;

/* Probes the machine behind @root with the tables of @policy (NULL: those built in).
 * Errors:  E_IO, E_FORMAT  no meminfo, or one without MemTotal: nothing to look at. */
plim_status machine_facts_read(const char *root, const char *snapshot,
                               const struct plim_policy *policy, machine_facts *out,
                               plim_error *err);

/* One line a fact: key, value, how it is known; then libraries that were found. */
void facts_print_text(const machine_facts *m, FILE *to);
/* "facts":[...],"components":[...] without the braces around. */
void facts_print_json(const machine_facts *m, FILE *to);
/* One value as JSON: a number, true or false, or a string. */
void facts_print_value(plim_fact_id id, const plim_fact *fact, FILE *to);

#endif
