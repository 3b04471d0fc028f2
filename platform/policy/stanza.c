/* SPDX-License-Identifier: Apache-2.0 */
/* stanza.c - the text form of the tables: "key: value" lines, stanzas apart by blank lines.
 *
 * Decides what a line is: a comment ('#' first), a blank, a continuation (a blank first), or a
 * field. Lines end in LF or CRLF. Everything else is refused with its line: bytes that do not
 * print (values end up on terminals and in logs), keys of other letters, empty values. Strict,
 * because a misspelt key would silently turn a refusal into nothing.
 */
#include "platform/policy/stanza.h"

#include <string.h>

static bool is_blank(char c)
{
    return c == ' ';
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\r';
}

plim_slice plim_slice_trim(plim_slice text)
{
    while (text.bytes && is_space(text.at[0])) {
        text.at++;
        text.bytes--;
    }
    while (text.bytes && is_space(text.at[text.bytes - 1])) {
        text.bytes--;
    }
    return text;
}

bool plim_slice_cut(plim_slice *rest, char by, plim_slice *out)
{
    if (!rest->at) {
        return false;
    }
    const char *end = rest->bytes ? memchr(rest->at, by, rest->bytes) : NULL;
    *out = *rest;
    if (!end) {
        *rest = (plim_slice){NULL, 0};
        return true;
    }
    out->bytes = (size_t)(end - rest->at);
    rest->at += out->bytes + 1;
    rest->bytes -= out->bytes + 1;
    return true;
}

bool plim_slice_is(plim_slice slice, const char *text)
{
    size_t n = strlen(text);
    return slice.bytes == n && (n == 0 || memcmp(slice.at, text, n) == 0);
}

bool plim_slice_has(plim_slice slice, const char *word)
{
    plim_slice one;
    while (plim_slice_cut(&slice, '|', &one)) {
        one = plim_slice_trim(one);
        if (one.bytes && plim_slice_is(one, word)) {
            return true;
        }
    }
    return false;
}

size_t plim_slice_copy(plim_slice slice, char *buffer, size_t buffer_bytes)
{
    size_t n = 0;
    bool is_gap = false;
    for (size_t i = 0; i < slice.bytes; i++) {
        char c = slice.at[i];
        bool is_line_end = c == '\n' || c == '\r';
        if (is_line_end || (is_gap && is_space(c))) { /* the indent goes with the line end */
            is_gap = true;
            continue;
        }
        if (is_gap) {
            if (n + 1 < buffer_bytes) {
                buffer[n] = ' ';
            }
            n++;
            is_gap = false;
        }
        if (n + 1 < buffer_bytes) {
            buffer[n] = c;
        }
        n++;
    }
    if (buffer_bytes) {
        buffer[n < buffer_bytes ? n : buffer_bytes - 1] = 0;
    }
    return n;
}

/* Text of others in a message: what does not print becomes '?'. */
static void show(char *to, size_t room, plim_slice from)
{
    size_t n = plim_slice_copy(from, to, room);
    for (size_t i = 0; i < n && i + 1 < room; i++) {
        to[i] = to[i] >= ' ' && to[i] <= '~' ? to[i] : '?';
    }
}

plim_status plim_stanza_wrong(const plim_stanza_reader *reader, uint32_t line, plim_slice key,
                              const char *wanted, plim_slice found, plim_error *err)
{
    char field[64] = "", value[96] = "";
    show(field, sizeof(field), key);
    show(value, sizeof(value), found);
    plim_status rc = plim_error_set(err, PLIM_E_FORMAT, "policy table", field, wanted, value);
    plim_error_detail(err, "%s:%u", reader->name, line);
    return rc;
}

/* The next physical line without its end; false at the end of the text. */
static bool take_line(plim_stanza_reader *r, plim_slice *out)
{
    if (r->at >= r->bytes) {
        return false;
    }
    const char *start = r->text + r->at;
    size_t left = r->bytes - r->at;
    const char *end = memchr(start, '\n', left);
    size_t n = end ? (size_t)(end - start) : left;
    r->at += end ? n + 1 : n;
    r->line++;
    *out = (plim_slice){start, n && start[n - 1] == '\r' ? n - 1 : n};
    return true;
}

static bool is_printable(plim_slice line)
{
    for (size_t i = 0; i < line.bytes; i++) {
        if (line.at[i] < ' ' || line.at[i] > '~') {
            return false;
        }
    }
    return true;
}

/* Whether the line that comes next continues this value: it begins with a blank and says more. */
static bool is_continued(const plim_stanza_reader *r)
{
    plim_stanza_reader look = *r;
    plim_slice line;
    return take_line(&look, &line) && line.bytes && is_blank(line.at[0]) &&
           plim_slice_trim(line).bytes;
}

static bool is_key(plim_slice key)
{
    for (size_t i = 0; i < key.bytes; i++) {
        char c = key.at[i];
        if (!((c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '.')) {
            return false;
        }
    }
    return key.bytes > 0;
}

static plim_status take_field(plim_stanza_reader *r, plim_slice line, plim_stanza_field *out,
                              plim_error *err)
{
    const char *colon = memchr(line.at, ':', line.bytes);
    plim_slice none = {NULL, 0};
    plim_slice key = {line.at, colon ? (size_t)(colon - line.at) : 0};
    if (!is_key(key)) {
        return plim_stanza_wrong(r, r->line, none, "key: value", line, err);
    }
    *out = (plim_stanza_field){.item = STANZA_FIELD, .key = key, .line = r->line};
    const char *end = line.at + line.bytes;
    while (is_continued(r)) {
        if (!take_line(r, &line) || !is_printable(line)) {
            return plim_stanza_wrong(r, r->line, key, "printable ASCII", line, err);
        }
        end = line.at + line.bytes;
        out->is_folded = true;
    }
    out->value = plim_slice_trim((plim_slice){colon + 1, (size_t)(end - colon - 1)});
    if (!out->value.bytes) {
        return plim_stanza_wrong(r, out->line, key, "a value", none, err);
    }
    return PLIM_OK;
}

plim_status plim_stanza_next(plim_stanza_reader *r, plim_stanza_field *out, plim_error *err)
{
    plim_slice line, none = {NULL, 0};
    *out = (plim_stanza_field){.item = STANZA_END};
    while (take_line(r, &line)) {
        if (!is_printable(line)) {
            return plim_stanza_wrong(r, r->line, none, "printable ASCII", line, err);
        }
        if (line.bytes && line.at[0] == '#') {
            continue;
        }
        if (!plim_slice_trim(line).bytes) {
            out->item = STANZA_GAP;
            out->line = r->line;
            return PLIM_OK;
        }
        if (is_blank(line.at[0])) {
            return plim_stanza_wrong(r, r->line, none, "a key before its continuation", line, err);
        }
        return take_field(r, line, out, err);
    }
    return PLIM_OK;
}
