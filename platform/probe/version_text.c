/* SPDX-License-Identifier: Apache-2.0 */
/* version_text.c - values out of the small files in which systems say their versions.
 *
 * Decides nothing about a machine: text in, text out, no more than fits. Refuses what does not
 * follow the form of its file; such a value stays unknown.
 */
#include "platform/probe/version_text.h"

#include <string.h>

#define DIGITS "0123456789"

static bool copy(const char *from, size_t bytes, char *out, size_t room)
{
    if (bytes == 0 || bytes >= room) {
        return false;
    }
    memcpy(out, from, bytes);
    out[bytes] = 0;
    return true;
}

bool plim_shell_value(const char *line, const char *key, char *out, size_t room)
{
    const size_t key_bytes = strlen(key);
    size_t n = 0;
    line += strspn(line, " \t");
    if (strncmp(line, key, key_bytes) != 0 || line[key_bytes] != '=') {
        return false;
    }
    line += key_bytes + 1;
    const char quote = *line == '"' || *line == '\'' ? *line++ : 0;
    for (; *line && (quote ? *line != quote : !strchr(" \t\r;#", *line)); line++) {
        line += quote != '\'' && *line == '\\' && line[1] != 0;
        if (n + 1 < room) {
            out[n++] = *line;
        }
    }
    out[n] = 0;
    return n != 0 && (!quote || *line == quote);
}

/* ---- version.json ---- */

/* Past a string that begins at its quote; NULL when it does not end. */
static const char *after_string(const char *at)
{
    for (at++; *at && *at != '"'; at++) {
        at += *at == '\\' && at[1] != 0;
    }
    return *at ? at + 1 : NULL;
}

static const char *after_blanks(const char *at)
{
    return at + strspn(at, " \t\r\n");
}

static bool string_is(const char *from, const char *end, const char *text)
{
    const size_t n = strlen(text);
    return (size_t)(end - from) == n + 2 && memcmp(from + 1, text, n) == 0;
}

/* The value of key @name at this depth of the object that @at lies in; NULL: not here. */
static const char *member_of(const char *at, const char *name)
{
    unsigned depth = 0;
    for (; *at; at++) {
        if (*at == '"') {
            const char *end = after_string(at);
            if (!end) {
                return NULL;
            }
            const char *colon = after_blanks(end);
            if (depth == 0 && *colon == ':' && string_is(at, end, name)) {
                return after_blanks(colon + 1);
            }
            at = end - 1;
        } else if (*at == '{' || *at == '[') {
            depth++;
        } else if (*at == '}' || *at == ']') {
            if (depth-- == 0) {
                return NULL;
            }
        }
    }
    return NULL;
}

bool plim_toolkit_version(const char *text, const char *member, char *out, size_t room)
{
    text = after_blanks(text);
    const char *object = *text == '{' ? member_of(text + 1, member) : NULL;
    const char *version = object && *object == '{' ? member_of(object + 1, "version") : NULL;
    if (!version || *version != '"') {
        return false;
    }
    version++;
    const size_t n = strspn(version, DIGITS ".");
    return version[n] == '"' && copy(version, n, out, room);
}

/* ---- one line ---- */

bool plim_driver_version(const char *line, char *out, size_t room)
{
    while (*line) {
        line += strspn(line, " \t\r");
        const size_t word = strcspn(line, " \t\r");
        const size_t first = strspn(line, DIGITS);
        if (first && line[first] == '.' && strspn(line, DIGITS ".") == word) {
            return copy(line, word, out, room);
        }
        line += word;
    }
    return false;
}

bool plim_library_version(const char *name, const char *stem, char *out, size_t room)
{
    const size_t n = strlen(stem);
    if (strncmp(name, stem, n) != 0) {
        return false;
    }
    const char *version = name + n, *dot = strchr(version, '.');
    const size_t bytes = strspn(version, DIGITS ".");
    return version[bytes] == 0 && *version >= '0' && *version <= '9' && dot &&
           strchr(dot + 1, '.') && version[bytes - 1] != '.' && copy(version, bytes, out, room);
}
