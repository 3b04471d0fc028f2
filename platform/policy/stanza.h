/* SPDX-License-Identifier: Apache-2.0 */
/* stanza.h - reads "key: value" lines in stanzas, without a heap and without copying. */
#ifndef PLATFORM_POLICY_STANZA_H
#define PLATFORM_POLICY_STANZA_H

#include "plimsoll/policy.h"

typedef struct plim_stanza_reader {
    const char *name, *text;
    size_t bytes, at;
    uint32_t line; /* of the last line read, from 1 */
} plim_stanza_reader;

typedef enum plim_stanza_item {
    STANZA_END = 0,   /* of the text */
    STANZA_GAP = 1,   /* a blank line */
    STANZA_FIELD = 2, /* key and value */
} plim_stanza_item;

typedef struct plim_stanza_field {
    plim_stanza_item item;
    plim_slice key, value; /* value: trimmed, not empty; with the line ends of its continuation */
    uint32_t line;
    bool is_folded; /* the value runs over more than one line */
} plim_stanza_field;

/* plim_stanza_next - the next field, gap, or the end. Comment lines are skipped.
 * Errors:  E_FORMAT  a line without a key, an empty value, a byte that does not print, a
 *                    continuation of nothing. */
PLIM_MUST_USE plim_status plim_stanza_next(plim_stanza_reader *reader, plim_stanza_field *out,
                                           plim_error *err);

/* plim_stanza_wrong - E_FORMAT about a field of this text: field is @key, detail "name:line". */
plim_status plim_stanza_wrong(const plim_stanza_reader *reader, uint32_t line, plim_slice key,
                              const char *wanted, plim_slice found, plim_error *err);

/* The part of @text without blanks and line ends around it. */
plim_slice plim_slice_trim(plim_slice text);
/* Cuts the part before the first @by off the front of *rest; false when nothing was left. */
bool plim_slice_cut(plim_slice *rest, char by, plim_slice *out);

#endif
