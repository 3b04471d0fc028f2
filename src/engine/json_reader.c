/* SPDX-License-Identifier: Apache-2.0 */
/* json_reader.c - strict reading of members, one refusal shape for all of them. */
#include "src/engine/json_reader.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plimsoll/engine.h"
#include "src/engine/printable.h"

plim_status plim_json_open(plim_json_reader *self, const char *text, size_t text_bytes,
                           plim_error *err, json_t **root)
{
    *self = (plim_json_reader){.text = text, .text_bytes = text_bytes, .err = err};
    json_error_t trouble;
    *root = json_loadb(text, text_bytes, JSON_REJECT_DUPLICATES, &trouble);
    if (*root) {
        return PLIM_OK;
    }
    if (json_error_code(&trouble) == json_error_out_of_memory) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "memory to read a JSON text");
    }
    char found[96];
    plim_text_quote(found, sizeof(found), trouble.text, strlen(trouble.text));
    plim_error_set(err, PLIM_E_FORMAT, "text is not JSON", "JSON", NULL, found);
    plim_error_detail(err, "%d:%d", trouble.line, trouble.column);
    return PLIM_E_FORMAT;
}

void plim_json_enter_key(plim_json_reader *self, const char *key)
{
    if (self->depth < PLIM_JSON_DEPTH_MAX) {
        self->steps[self->depth] = (plim_json_step){.key = key};
    }
    self->depth++;
}

void plim_json_enter_index(plim_json_reader *self, size_t index)
{
    if (self->depth < PLIM_JSON_DEPTH_MAX) {
        self->steps[self->depth] = (plim_json_step){.index = index};
    }
    self->depth++;
}

void plim_json_leave(plim_json_reader *self)
{
    self->depth--;
}

static unsigned known_depth(const plim_json_reader *self)
{
    return self->depth < PLIM_JSON_DEPTH_MAX ? self->depth : PLIM_JSON_DEPTH_MAX;
}

static void say_path(const plim_json_reader *self, char *out, size_t out_bytes)
{
    size_t n = 0;
    out[0] = 0;
    for (unsigned i = 0; i < known_depth(self) && n + 1 < out_bytes; i++) {
        const plim_json_step *step = &self->steps[i];
        int more = step->key ? snprintf(out + n, out_bytes - n, "%s%s", n ? "." : "", step->key)
                             : snprintf(out + n, out_bytes - n, "[%zu]", step->index);
        n += more > 0 ? (size_t)more : 0;
    }
    for (char *p = out; *p; p++) {
        *p = (unsigned char)*p < 0x20 || (unsigned char)*p > 0x7e ? '?' : *p;
    }
}

static void say_value(char *out, size_t out_bytes, const json_t *value)
{
    if (json_is_string(value)) {
        plim_text_quote(out, out_bytes, json_string_value(value), json_string_length(value));
    } else if (json_is_integer(value)) {
        snprintf(out, out_bytes, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
    } else if (json_is_array(value)) {
        snprintf(out, out_bytes, "an array of %zu", json_array_size(value));
    } else {
        snprintf(out, out_bytes, "%s",
                 !value                   ? "nothing"
                 : json_is_object(value)  ? "an object"
                 : json_is_boolean(value) ? "a boolean"
                 : json_is_null(value)    ? "null"
                                          : "a number with a fraction");
    }
}

plim_status plim_json_refuse(plim_json_reader *self, plim_status status, const char *wanted,
                             const json_t *found)
{
    char field[64];
    char value[96];
    size_t line;
    size_t column;
    if (!self->err) {
        return status;
    }
    say_path(self, field, sizeof(field));
    say_value(value, sizeof(value), found);
    plim_json_locate(self->text, self->text_bytes, self->steps, known_depth(self), &line, &column);
    plim_error_set(self->err, status, "identity card", field, wanted, value);
    plim_error_detail(self->err, "%zu:%zu", line, column);
    return status;
}

plim_status plim_json_keys(plim_json_reader *self, const json_t *value, const char *const *known)
{
    if (!json_is_object(value)) {
        return plim_json_refuse(self, PLIM_E_FORMAT, "an object", value);
    }
    const char *key;
    json_t *member;
    json_object_foreach((json_t *)value, key, member)
    {
        const char *const *k = known;
        while (*k && strcmp(*k, key) != 0) {
            k++;
        }
        if (!*k) {
            plim_json_enter_key(self, key);
            return plim_json_refuse(self, PLIM_E_FORMAT, "no such key", member);
        }
    }
    return PLIM_OK;
}

plim_status plim_json_text(plim_json_reader *self, const json_t *object, const char *key,
                           bool required, char *out, size_t out_bytes)
{
    const json_t *value = json_object_get(object, key);
    if (!value && !required) {
        return PLIM_OK;
    }
    plim_json_enter_key(self, key);
    if (!json_is_string(value)) {
        return plim_json_refuse(self, PLIM_E_FORMAT, "a text", value);
    }
    size_t n = json_string_length(value);
    if (n >= out_bytes) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "at most %zu bytes", out_bytes - 1);
        return plim_json_refuse(self, PLIM_E_RANGE, wanted, value);
    }
    if (n && !plim_text_is_plain(json_string_value(value), n)) {
        return plim_json_refuse(self, PLIM_E_FORMAT, "printable ASCII", value);
    }
    memcpy(out, json_string_value(value), n + 1);
    plim_json_leave(self);
    return PLIM_OK;
}

plim_status plim_json_u64(plim_json_reader *self, const json_t *object, const char *key,
                          uint64_t limit, uint64_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value) {
        return PLIM_OK;
    }
    plim_json_enter_key(self, key);
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        return plim_json_refuse(self, PLIM_E_FORMAT, "a whole number from 0", value);
    }
    uint64_t number = (uint64_t)json_integer_value(value);
    if (number > limit) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "at most %" PRIu64, limit);
        return plim_json_refuse(self, PLIM_E_RANGE, wanted, value);
    }
    *out = number;
    plim_json_leave(self);
    return PLIM_OK;
}

plim_status plim_json_u32(plim_json_reader *self, const json_t *object, const char *key,
                          uint32_t limit, uint32_t *out)
{
    uint64_t number = *out;
    PLIM_TRY(plim_json_u64(self, object, key, limit, &number));
    *out = (uint32_t)number;
    return PLIM_OK;
}

plim_status plim_json_digest(plim_json_reader *self, const json_t *object, const char *key,
                             bool *has, uint8_t *out)
{
    const json_t *value = json_object_get(object, key);
    if (!value) {
        return PLIM_OK;
    }
    plim_json_enter_key(self, key);
    if (!json_is_string(value) || json_string_length(value) != 2 * PLIM_DIGEST_BYTES ||
        !plim_text_unhex(json_string_value(value), out, PLIM_DIGEST_BYTES)) {
        return plim_json_refuse(self, PLIM_E_FORMAT, "64 hex digits in lower case", value);
    }
    *has = true;
    plim_json_leave(self);
    return PLIM_OK;
}
