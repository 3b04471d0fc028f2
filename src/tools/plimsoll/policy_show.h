/* SPDX-License-Identifier: Apache-2.0 */
/* policy_show.h - entries and matches of the tables, for a person or for a program. */
#ifndef TOOLS_PLIMSOLL_POLICY_SHOW_H
#define TOOLS_PLIMSOLL_POLICY_SHOW_H

#include "src/tools/plimsoll/tool.h"

/* "quirks.table:12". */
void policy_show_place(const char *table, uint32_t line, FILE *to);
/* A slice as one JSON string. */
void policy_show_slice_json(plim_slice slice, FILE *to);

/* One line: kind, id, what it says in short. */
void policy_show_line(const plim_policy_entry *entry, FILE *to);
/* {"kind":...,"id":...,"stanza":...} and of rules the fields that scripts want. */
void policy_show_json(const plim_policy_entry *entry, FILE *to);

/* The rule, the facts that made it hit (or are missing), and what to do. */
void policy_show_match(const plim_rule *rule, plim_verdict verdict, const plim_facts *facts,
                       FILE *to);
void policy_show_match_json(const plim_rule *rule, plim_verdict verdict, const plim_facts *facts,
                            FILE *to);

/* Whether id, symptom, why or any other text of the entry holds @word, whatever its case. */
bool policy_show_has(const plim_policy_entry *entry, const char *word);

#endif
