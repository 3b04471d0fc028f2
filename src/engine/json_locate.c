/* SPDX-License-Identifier: Apache-2.0 */
/* json_locate.c - the line and column of a value, by its path.
 *
 * Walks a text that already parsed, so it only has to skip values: strings, and brackets by
 * depth. Every step is held against the end all the same. A path that cannot be followed
 * (a key written with escapes) ends at the last place that could.
 */
#include <string.h>

#include "src/engine/json_reader.h"

typedef struct cursor {
    const char *at, *end;
} cursor;

static void skip_blank(cursor *c)
{
    while (c->at < c->end &&
           (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r')) {
        c->at++;
    }
}

/* At the opening quote; ends behind the closing one. */
static void skip_string(cursor *c)
{
    for (c->at++; c->at < c->end && *c->at != '"'; c->at++) {
        c->at += *c->at == '\\' && c->at + 1 < c->end;
    }
    c->at += c->at < c->end;
}

static void skip_value(cursor *c)
{
    size_t depth = 0;
    while (c->at < c->end) {
        char here = *c->at;
        if (here == '"') {
            skip_string(c);
            if (depth == 0) {
                return;
            }
            continue;
        }
        if (here == '{' || here == '[') {
            depth++;
        } else if (here == '}' || here == ']') {
            if (depth == 0) {
                return;
            }
            if (--depth == 0) {
                c->at++;
                return;
            }
        } else if (here == ',' && depth == 0) {
            return;
        }
        c->at++;
    }
}

/* From a '{' to the value under @key; *@place is where the key stands. */
static bool to_member(cursor *c, const char *key, const char **place)
{
    size_t n = strlen(key);
    for (c->at++;; c->at++) {
        skip_blank(c);
        if (c->at >= c->end || *c->at != '"') {
            return false;
        }
        const char *from = c->at;
        skip_string(c);
        bool is_it = (size_t)(c->at - from) == n + 2 && memcmp(from + 1, key, n) == 0;
        skip_blank(c);
        c->at += c->at < c->end; /* the colon */
        skip_blank(c);
        if (is_it) {
            *place = from;
            return true;
        }
        skip_value(c);
        skip_blank(c);
        if (c->at >= c->end || *c->at != ',') {
            return false;
        }
    }
}

static bool to_element(cursor *c, size_t index, const char **place)
{
    c->at++;
    for (size_t i = 0; i < index; i++) {
        skip_blank(c);
        skip_value(c);
        skip_blank(c);
        if (c->at >= c->end || *c->at != ',') {
            return false;
        }
        c->at++;
    }
    skip_blank(c);
    *place = c->at;
    return c->at < c->end;
}

void plim_json_locate(const char *text, size_t text_bytes, const plim_json_step *steps,
                      unsigned depth, size_t *line, size_t *column)
{
    cursor c = {text, text + text_bytes};
    skip_blank(&c);
    const char *place = c.at;
    for (unsigned i = 0; i < depth && c.at < c.end; i++) {
        bool found = steps[i].key ? *c.at == '{' && to_member(&c, steps[i].key, &place)
                                  : *c.at == '[' && to_element(&c, steps[i].index, &place);
        if (!found) {
            break;
        }
    }
    *line = 1;
    *column = 1;
    for (const char *p = text; p < place; p++) {
        *column = *p == '\n' ? 1 : *column + 1;
        *line += *p == '\n';
    }
}
