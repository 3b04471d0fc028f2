/* SPDX-License-Identifier: Apache-2.0 */
/* json_reader.h - strict reading of a JSON text, with the place of every refusal.
 *
 * jansson checks the syntax and knows the place of a syntax error only; the reader keeps the
 * path of keys it went down and finds the line and column again when a value is refused.
 */
#ifndef ENGINE_JSON_READER_H
#define ENGINE_JSON_READER_H

#include <stdbool.h>

#include <jansson.h>

#include "plimsoll/status.h"

#define PLIM_JSON_DEPTH_MAX 8

typedef struct plim_json_step {
    const char *key; /* NULL: an index into an array */
    size_t index;
} plim_json_step;

typedef struct plim_json_reader {
    const char *text;
    size_t text_bytes;
    plim_json_step steps[PLIM_JSON_DEPTH_MAX];
    unsigned depth;
    plim_error *err;
} plim_json_reader;

/* Parses the whole text; *@root is the caller's to json_decref.
 * Errors: E_FORMAT (field "JSON", detail "line:column"), E_NOMEM from jansson. */
plim_status plim_json_open(plim_json_reader *self, const char *text, size_t text_bytes,
                           plim_error *err, json_t **root);

void plim_json_enter_key(plim_json_reader *self, const char *key);
void plim_json_enter_index(plim_json_reader *self, size_t index);
void plim_json_leave(plim_json_reader *self);

/* Refuses the value that the reader stands at: field is its path, detail "line:column". */
plim_status plim_json_refuse(plim_json_reader *self, plim_status status, const char *wanted,
                             const json_t *found);

/* Is @value an object with no key outside @known (ended by NULL)? */
plim_status plim_json_keys(plim_json_reader *self, const json_t *value, const char *const *known);

/* Members of @object. A missing one is left alone, unless @required. */
plim_status plim_json_text(plim_json_reader *self, const json_t *object, const char *key,
                           bool required, char *out, size_t out_bytes);
plim_status plim_json_u64(plim_json_reader *self, const json_t *object, const char *key,
                          uint64_t limit, uint64_t *out);
plim_status plim_json_u32(plim_json_reader *self, const json_t *object, const char *key,
                          uint32_t limit, uint32_t *out);
plim_status plim_json_digest(plim_json_reader *self, const json_t *object, const char *key,
                             bool *has, uint8_t *out);

/* Where the value at @steps begins in a text that is valid JSON: both from 1, in bytes. */
void plim_json_locate(const char *text, size_t text_bytes, const plim_json_step *steps,
                      unsigned depth, size_t *line, size_t *column);

#endif
