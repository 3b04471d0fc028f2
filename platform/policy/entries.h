/* SPDX-License-Identifier: Apache-2.0 */
/* entries.h - stanzas of known kinds, read into plim_policy_entry. */
#ifndef PLATFORM_POLICY_ENTRIES_H
#define PLATFORM_POLICY_ENTRIES_H

#include "platform/policy/stanza.h"

/* What a key's value must be, and where it goes. */
typedef enum plim_field_type {
    FIELD_WORDS = 0,      /* one line */
    FIELD_PROSE = 1,      /* may run over several lines */
    FIELD_PROSE_LIST = 2, /* repeatable */
    FIELD_LINK_LIST = 3,  /* repeatable, https:// or http:// */
    FIELD_WHEN_LIST = 4,  /* repeatable, a condition */
    FIELD_DATE = 5,       /* 2026-11-21 */
    FIELD_VERSION = 6,    /* begins with a digit */
    FIELD_NUMBER = 7,     /* in the unit of the table */
    FIELD_RANGE = 8,      /* "7607 MiB - 7620 MiB": two numbers side by side */
    FIELD_FLAG = 9,       /* yes, no: into a bool */
    FIELD_ACTION = 10,
    FIELD_EVIDENCE = 11,
    FIELD_SUPPORT = 12,
} plim_field_type;

typedef struct plim_field {
    const char *key;
    plim_field_type type;
    plim_unit unit; /* of FIELD_NUMBER and FIELD_RANGE */
    bool is_required;
    uint32_t limit;              /* of a list */
    size_t offset, count_offset; /* into the entry */
} plim_field;

/* The keys of a kind, the id first. */
const plim_field *plim_policy_fields(plim_policy_kind kind, size_t *count);

/* plim_policy_read - the next entry of a text; *found false at its end. */
PLIM_MUST_USE plim_status plim_policy_read(plim_stanza_reader *reader, plim_policy_entry *out,
                                           bool *found, plim_error *err);

/* The kind that a stanza's first key names; PLIM_POLICY_KINDS when there is none. */
unsigned plim_policy_kind_of(plim_slice key);

plim_slice plim_policy_entry_id(const plim_policy_entry *entry);
uint32_t plim_policy_entry_line(const plim_policy_entry *entry);

/* How many built-in texts hold this id. */
uint32_t plim_policy_builtin_holders(const plim_policy *policy, unsigned kind, plim_slice id);

/* "2026-11-21", a day that exists. */
bool plim_policy_is_date(plim_slice text);

#endif
