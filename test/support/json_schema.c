/* SPDX-License-Identifier: Apache-2.0 */
/* json_schema.c - $ref into definitions, oneOf, type, const, enum, minimum, required, properties,
 * additionalProperties, items. */
#include "test/support/json_schema.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

typedef struct check {
    const json_t *root;
    char *why;
    size_t why_bytes;
} check;

static bool holds(check *c, const json_t *schema, const json_t *value, const char *at);

static bool fail(check *c, const char *at, const char *keyword)
{
    snprintf(c->why, c->why_bytes, "%s: %s", at, keyword);
    return false;
}

static bool is_type(const json_t *value, const char *name)
{
    return strcmp(name, "object") == 0    ? json_is_object(value)
           : strcmp(name, "array") == 0   ? json_is_array(value)
           : strcmp(name, "string") == 0  ? json_is_string(value)
           : strcmp(name, "integer") == 0 ? json_is_integer(value)
           : strcmp(name, "number") == 0  ? json_is_number(value)
           : strcmp(name, "boolean") == 0 ? json_is_boolean(value)
                                          : strcmp(name, "null") == 0 && json_is_null(value);
}

static bool has_type(const json_t *types, const json_t *value)
{
    size_t i;
    const json_t *one;
    if (json_is_string(types)) {
        return is_type(value, json_string_value(types));
    }
    json_array_foreach(types, i, one)
    {
        if (is_type(value, json_string_value(one))) {
            return true;
        }
    }
    return false;
}

static bool is_among(const json_t *list, const json_t *value)
{
    size_t i;
    const json_t *one;
    json_array_foreach(list, i, one)
    {
        if (json_equal(one, value)) {
            return true;
        }
    }
    return false;
}

static bool has_keys(const json_t *required, const json_t *value)
{
    size_t i;
    const json_t *one;
    json_array_foreach(required, i, one)
    {
        if (!json_object_get(value, json_string_value(one))) {
            return false;
        }
    }
    return true;
}

static bool check_members(check *c, const json_t *schema, const json_t *value, const char *at)
{
    const json_t *properties = json_object_get(schema, "properties");
    const json_t *others = json_object_get(schema, "additionalProperties");
    const char *key;
    json_t *member;
    char below[512];
    json_object_foreach((json_t *)(uintptr_t)value, key, member)
    {
        const json_t *one = json_object_get(properties, key);
        snprintf(below, sizeof(below), "%.400s.%s", at, key);
        if (!one && json_is_false(others)) {
            return fail(c, below, "not in the schema");
        }
        one = one ? one : others;
        if (json_is_object(one) && !holds(c, one, member, below)) {
            return false;
        }
    }
    return true;
}

static bool check_items(check *c, const json_t *items, const json_t *value, const char *at)
{
    size_t i;
    const json_t *one;
    char below[512];
    json_array_foreach(value, i, one)
    {
        snprintf(below, sizeof(below), "%.400s[%zu]", at, i);
        if (!holds(c, items, one, below)) {
            return false;
        }
    }
    return true;
}

static bool holds_one(check *c, const json_t *schemas, const json_t *value, const char *at)
{
    size_t i, count = 0;
    const json_t *one;
    char first[512] = "";
    json_array_foreach(schemas, i, one)
    {
        count += holds(c, one, value, at);
        if (strstr(c->why, ".kind") == NULL && !first[0]) {
            snprintf(first, sizeof(first), "%s", c->why); /* the kind fits: its reason counts */
        }
    }
    return count == 1 ? true : fail(c, at, first[0] ? first : "oneOf");
}

static bool holds_keyword(check *c, const char *key, const json_t *rule, const json_t *schema,
                          const json_t *value, const char *at)
{
    static const char *const NOTES[] = {"$schema", "title", "description", "definitions"};
    for (size_t i = 0; i < sizeof(NOTES) / sizeof(NOTES[0]); i++) {
        if (strcmp(key, NOTES[i]) == 0) {
            return true;
        }
    }
    if (strcmp(key, "$ref") == 0) {
        const char *name = json_string_value(rule) + strlen("#/definitions/");
        const json_t *to = json_object_get(json_object_get(c->root, "definitions"), name);
        return to ? holds(c, to, value, at) : fail(c, at, "$ref to nothing");
    }
    if (strcmp(key, "oneOf") == 0) {
        return holds_one(c, rule, value, at);
    }
    bool ok = strcmp(key, "type") == 0    ? has_type(rule, value)
              : strcmp(key, "const") == 0 ? json_equal(rule, value)
              : strcmp(key, "enum") == 0  ? is_among(rule, value)
              : strcmp(key, "minimum") == 0
                  ? !json_is_number(value) || json_number_value(value) >= json_number_value(rule)
              : strcmp(key, "required") == 0   ? has_keys(rule, value)
              : strcmp(key, "properties") == 0 ? check_members(c, schema, value, at)
              : strcmp(key, "additionalProperties") == 0
                  ? json_object_get(schema, "properties") || check_members(c, schema, value, at)
              : strcmp(key, "items") == 0 ? check_items(c, rule, value, at)
                                          : false;
    return ok || strncmp(key, "properties", 10) == 0 || strcmp(key, "items") == 0 ||
                   strcmp(key, "additionalProperties") == 0
               ? ok
               : fail(c, at, key);
}

static bool holds(check *c, const json_t *schema, const json_t *value, const char *at)
{
    const char *key;
    json_t *rule;
    json_object_foreach((json_t *)(uintptr_t)schema, key, rule)
    {
        if (!holds_keyword(c, key, rule, schema, value, at)) {
            return false;
        }
    }
    return true;
}

bool json_schema_holds(const json_t *root, const json_t *value, char *why, size_t why_bytes)
{
    check c = {.root = root, .why = why, .why_bytes = why_bytes};
    why[0] = 0;
    return holds(&c, root, value, "$");
}
