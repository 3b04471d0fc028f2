/* SPDX-License-Identifier: Apache-2.0 */
/* yaml.c - keys of a YAML mapping into a plain struct, by table.
 *
 * Refuses unknown and repeated keys, values of the wrong shape, texts that do not fit, sizes
 * without a unit and files that cannot be read; each refusal names file, line and key, and
 * reading goes on, so that one look shows every fault.
 */
#include "src/tools/plimsoll/yaml.h"

#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "src/tools/plimsoll/tool.h"

static bool is_control(char c)
{
    return (unsigned char)c < ' ' || c == 127;
}

/* Words of the file must not act on the terminal that shows them. */
static void make_plain(char *text)
{
    for (; *text; text++) {
        *text = is_control(*text) ? '?' : *text;
    }
}

static bool is_plain(const yaml_node_t *scalar)
{
    for (size_t i = 0; i < scalar->data.scalar.length; i++) {
        if (is_control((char)scalar->data.scalar.value[i])) {
            return false;
        }
    }
    return true;
}

void complain(complaints *to, const char *file, uint32_t line, const char *key, const char *format,
              ...)
{
    char message[512];
    va_list args;
    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    make_plain(message);
    to->count++;
    char at[16] = ""; /* line 0: the file as a whole */
    if (line > 0) {
        snprintf(at, sizeof(at), ":%u", (unsigned)line);
    }
    char where[256];
    snprintf(where, sizeof(where), "%s", key);
    make_plain(where);
    int n = snprintf(to->text + to->used, sizeof(to->text) - to->used, "%s%s: %s%s%s\n", file, at,
                     where, where[0] ? ": " : "", message);
    if (n > 0 && (size_t)n < sizeof(to->text) - to->used) {
        to->used += (size_t)n;
    } else {
        to->text[to->used] = 0; /* full: the count still says how many there were */
    }
}

uint32_t yaml_line(const yaml_node_t *node)
{
    return (uint32_t)node->start_mark.line + 1;
}

const char *yaml_text(const yaml_node_t *node)
{
    return node->type == YAML_SCALAR_NODE ? (const char *)node->data.scalar.value : "";
}

void yaml_where(char *out, size_t room, const char *where, const char *key)
{
    snprintf(out, room, "%s%s%s", where, where[0] ? "." : "", key);
}

size_t yaml_length(const yaml_node_t *sequence)
{
    return sequence->type == YAML_SEQUENCE_NODE
               ? (size_t)(sequence->data.sequence.items.top - sequence->data.sequence.items.start)
               : 0;
}

yaml_node_t *yaml_item(yaml_reader *r, yaml_node_t *sequence, size_t index)
{
    return yaml_document_get_node(r->document, sequence->data.sequence.items.start[index]);
}

static bool put_text(char *out, size_t room, const char *text, const char **why)
{
    *why = "the text is too long";
    if (strlen(text) >= room) {
        return false;
    }
    memcpy(out, text, strlen(text) + 1);
    return true;
}

static bool put_path(const yaml_reader *r, char *out, size_t room, const char *text,
                     const char **why)
{
    bool is_absolute = text[0] == '/';
    int n =
        snprintf(out, room, "%s%s%s", is_absolute ? "" : r->folder, is_absolute ? "" : "/", text);
    if (n < 0 || (size_t)n >= room) {
        *why = "the path is too long";
        return false;
    }
    *why = "no such file, or not readable";
    return access(out, R_OK) == 0;
}

static bool put_real(const char *text, double *out, const char **why)
{
    char *end;
    *why = "a number is wanted";
    *out = strtod(text, &end);
    return end != text && *end == 0 && *out > -1e300 && *out < 1e300;
}

static bool put_share(const char *text, double *out, const char **why)
{
    char *end;
    *why = "a fraction above 0 and at most 1, such as 0.6 or 60 %";
    *out = strtod(text, &end);
    while (*end == ' ') {
        end++;
    }
    if (strcmp(end, "%") == 0) {
        *out /= 100.0;
    } else if (end == text || *end != 0) {
        return false;
    }
    return *out > 0.0 && *out <= 1.0;
}

static bool put_bool(const char *text, bool *out, const char **why)
{
    *why = "true or false";
    *out = strcmp(text, "true") == 0;
    return *out || strcmp(text, "false") == 0;
}

static bool put_choice(const yaml_key *k, const char *text, uint32_t *out, const char **why)
{
    static char list[256];
    size_t used = (size_t)snprintf(list, sizeof(list), "one of");
    for (uint32_t i = 0; k->choices[i]; i++) {
        if (strcmp(k->choices[i], text) == 0) {
            *out = i;
            return true;
        }
        used += (size_t)snprintf(list + used, sizeof(list) - used, " %s", k->choices[i]);
    }
    *why = list;
    return false;
}

static bool put_value(const yaml_reader *r, const yaml_key *k, const char *text, void *to,
                      const char **why)
{
    *why = "a whole number is wanted";
    switch (k->kind) {
    case KEY_TEXT:
        return put_text(to, k->room, text, why);
    case KEY_PATH:
        return put_path(r, to, k->room, text, why);
    case KEY_SIZE:
        return size_parse(text, to, why);
    case KEY_COUNT:
        return count_parse(text, to);
    case KEY_BOOL:
        return put_bool(text, to, why);
    case KEY_REAL:
        return put_real(text, to, why);
    case KEY_SHARE:
        return put_share(text, to, why);
    case KEY_CHOICE:
        return put_choice(k, text, to, why);
    case KEY_NODE:
        break;
    }
    return false;
}

void yaml_value(yaml_reader *r, const yaml_key *k, yaml_node_t *value, void *base,
                const char *where)
{
    const char *why = NULL;
    if (k->kind == KEY_NODE) {
        k->nested(r, value, base, where);
    } else if (value->type != YAML_SCALAR_NODE || yaml_text(value)[0] == 0) {
        complain(r->bad, r->file, yaml_line(value), where, "a value is wanted here");
    } else if (!is_plain(value)) {
        complain(r->bad, r->file, yaml_line(value), where, "'%s': no control characters here",
                 yaml_text(value));
    } else if (!put_value(r, k, yaml_text(value), (char *)base + k->offset, &why)) {
        complain(r->bad, r->file, yaml_line(value), where, "'%s': %s", yaml_text(value), why);
    }
}

static void complain_unknown(yaml_reader *r, const yaml_key *keys, size_t count, yaml_node_t *key,
                             const char *where)
{
    const char *words[YAML_KEYS_MAX + 1] = {0};
    for (size_t i = 0; i < count; i++) {
        words[i] = keys[i].name;
    }
    const char *meant = nearest_word(yaml_text(key), words);
    if (meant) {
        complain(r->bad, r->file, yaml_line(key), where, "unknown key; did you mean '%s'?", meant);
    } else {
        complain(r->bad, r->file, yaml_line(key), where, "unknown key");
    }
}

void yaml_bind(yaml_reader *r, yaml_node_t *node, const yaml_key *keys, size_t count, void *base,
               const char *where, yaml_seen *seen)
{
    memset(seen, 0, sizeof(*seen));
    if (node->type != YAML_MAPPING_NODE) {
        complain(r->bad, r->file, yaml_line(node), where, "keys and values are wanted here");
        return;
    }
    for (yaml_node_pair_t *p = node->data.mapping.pairs.start; p < node->data.mapping.pairs.top;
         p++) {
        yaml_node_t *key = yaml_document_get_node(r->document, p->key);
        yaml_node_t *value = yaml_document_get_node(r->document, p->value);
        char full[256];
        size_t i = 0;
        yaml_where(full, sizeof(full), where, yaml_text(key));
        while (i < count && strcmp(keys[i].name, yaml_text(key)) != 0) {
            i++;
        }
        if (i == count) {
            complain_unknown(r, keys, count, key, full);
        } else if (seen->line[i]) {
            complain(r->bad, r->file, yaml_line(key), full, "given twice, first on line %u",
                     (unsigned)seen->line[i]);
        } else {
            seen->line[i] = yaml_line(key);
            yaml_value(r, &keys[i], value, base, full);
        }
    }
}
