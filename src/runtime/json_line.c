/* SPDX-License-Identifier: Apache-2.0 */
/* json_line.c - text inside JSON, in a fixed buffer, without a heap.
 *
 * Decides how arguments become JSON text. Refuses nothing: what does not fit is left out and
 * remembered as cut. Invariants: the buffer is terminated after every call; a character or
 * an escape is written whole or not at all, so that a cut string is still a string.
 */
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#include "src/json_text.h"
#include "src/runtime/log.h"

void plim_line_init(plim_line *self, char *buffer, size_t room_bytes)
{
    *self = (plim_line){.buffer = buffer, .room_bytes = room_bytes};
    buffer[0] = 0;
}

void plim_line_raw(plim_line *self, const char *bytes, size_t count)
{
    if (self->is_cut || count >= self->room_bytes - self->used_bytes) {
        self->is_cut = true;
        return;
    }
    memcpy(self->buffer + self->used_bytes, bytes, count);
    self->used_bytes += count;
    self->buffer[self->used_bytes] = 0;
}

void plim_line_escaped(plim_line *self, const char *bytes, size_t count)
{
    for (size_t i = 0; i < count && !self->is_cut;) {
        char text[PLIM_JSON_ESCAPE_BYTES];
        i += plim_json_escape(bytes + i, count - i, text);
        plim_line_raw(self, text, strlen(text));
    }
}

/* One conversion of a format, cut out of it. */
typedef struct conversion {
    char spec[32]; /* for snprintf: flags, width and precision, length, letter */
    char letter;
    char length; /* 'h' for int and shorter, 'l', 'q' for long long, 'z', 'j', 't' */
    int stars;   /* '*' taken from the arguments: they come before the value */
    bool has_precision;
    int precision; /* literal; -1 when it is a star */
} conversion;

/* Reads the conversion after a '%'; returns what follows it, NULL when it is not ours. */
static const char *conversion_read(const char *at, conversion *out)
{
    const char *from = at;
    *out = (conversion){.length = 'h'};
    for (; *at && strchr("-+ #0123456789.*", *at); at++) {
        if (*at == '*') {
            out->stars++;
        }
        if (*at == '.') {
            out->has_precision = true;
            out->precision = at[1] == '*' ? -1 : 0;
        } else if (out->has_precision && out->precision >= 0 && *at >= '0' && *at <= '9') {
            out->precision = out->precision > 9999 ? 9999 : out->precision * 10 + (*at - '0');
        }
    }
    for (; *at && strchr("hljzt", *at); at++) {
        out->length = *at == 'l' && out->length == 'l' ? 'q' : *at;
    }
    size_t bytes = (size_t)(at - from) + 1;
    if (!*at || !strchr("cdiuxXoefgEGsp", *at) || bytes + 2 > sizeof(out->spec) || out->stars > 2) {
        return NULL;
    }
    out->letter = *at;
    out->spec[0] = '%';
    memcpy(out->spec + 1, from, bytes);
    out->spec[1 + bytes] = 0;
    return at + 1;
}

/* The value is fetched with its own type, once, whatever the stars were. */
#define CONVERT(type)                                                                              \
    (c->stars == 0   ? snprintf(out, room, c->spec, va_arg(args->list, type))                      \
     : c->stars == 1 ? snprintf(out, room, c->spec, star[0], va_arg(args->list, type))             \
                     : snprintf(out, room, c->spec, star[0], star[1], va_arg(args->list, type)))

typedef struct arguments { /* a va_list that functions can share */
    va_list list;
} arguments;

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int convert(const conversion *c, char *out, size_t room, const int *star, arguments *args)
{
    if (strchr("efgEG", c->letter)) {
        return CONVERT(double);
    }
    if (c->letter == 'p') {
        return CONVERT(void *);
    }
    switch (c->length) { /* signed and unsigned of one width are passed alike */
    case 'l':
        return CONVERT(unsigned long);
    case 'q':
        return CONVERT(unsigned long long);
    case 'z':
        return CONVERT(size_t);
    case 'j':
        return CONVERT(uintmax_t);
    case 't':
        return CONVERT(ptrdiff_t);
    default:
        return CONVERT(unsigned int);
    }
}
#pragma GCC diagnostic pop

static void format_string(plim_line *self, const conversion *c, const int *star, arguments *args)
{
    const char *text = va_arg(args->list, const char *);
    if (!text) {
        text = "(null)";
    }
    int limit = c->precision >= 0 ? c->precision : star[c->stars - 1];
    size_t count = c->has_precision && limit >= 0 ? strnlen(text, (size_t)limit) : strlen(text);
    plim_line_escaped(self, text, count);
}

static void format_one(plim_line *self, const conversion *c, arguments *args)
{
    int star[2] = {0, 0};
    for (int i = 0; i < c->stars; i++) {
        star[i] = va_arg(args->list, int);
    }
    if (c->letter == 's') {
        format_string(self, c, star, args);
        return;
    }
    char out[64];
    int n = convert(c, out, sizeof(out), star, args);
    if (n < 0 || (size_t)n >= sizeof(out)) {
        self->is_cut = true;
    } else if (c->letter == 'c') {
        plim_line_escaped(self, out, (size_t)n);
    } else {
        plim_line_raw(self, out, (size_t)n);
    }
}

void plim_line_format(plim_line *self, const char *format, va_list list)
{
    arguments args;
    va_copy(args.list, list);
    while (*format && !self->is_cut) {
        size_t plain = strcspn(format, "%");
        if (plain) {
            plim_line_raw(self, format, plain);
            format += plain;
            continue;
        }
        if (format[1] == '%') {
            plim_line_raw(self, "%", 1);
            format += 2;
            continue;
        }
        conversion c;
        format = conversion_read(format + 1, &c);
        if (!format) {
            self->is_cut = true;
            break;
        }
        format_one(self, &c, &args);
    }
    va_end(args.list);
}

void plim_line_say(plim_line *self, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    plim_line_format(self, format, args);
    va_end(args);
}

/* ---- is it JSON? One recursive descent over [at, end); NULL: no. ---- */

#define DEPTH_MAX 16

static const char *skip_space(const char *at, const char *end)
{
    while (at < end && (*at == ' ' || *at == '\t')) {
        at++;
    }
    return at;
}

static const char *read_escape(const char *at, const char *end)
{
    if (end - at >= 2 && strchr("\"\\/bfnrt", at[1]) && at[1]) {
        return at + 2;
    }
    if (end - at < 6 || at[1] != 'u') {
        return NULL;
    }
    for (int i = 2; i < 6; i++) {
        if (!strchr("0123456789abcdefABCDEF", at[i]) || !at[i]) {
            return NULL;
        }
    }
    /* Halves of a surrogate pair are ours to refuse: \u00XX is all that we write. */
    return (at[2] == 'd' || at[2] == 'D') && strchr("89abcdefABCDEF", at[3]) ? NULL : at + 6;
}

static const char *read_string(const char *at, const char *end)
{
    if (at >= end || *at != '"') {
        return NULL;
    }
    for (at++; at && at < end && *at != '"';) {
        if (*at == '\\') {
            at = read_escape(at, end);
            continue;
        }
        size_t n = plim_utf8_length(at, (size_t)(end - at));
        at = n == 0 || (unsigned char)*at < 0x20 ? NULL : at + n;
    }
    return at && at < end ? at + 1 : NULL;
}

static const char *read_digits(const char *at, const char *end)
{
    const char *from = at;
    while (at < end && *at >= '0' && *at <= '9') {
        at++;
    }
    return at > from ? at : NULL;
}

static const char *read_number(const char *at, const char *end)
{
    at += at < end && *at == '-';
    const char *from = at;
    at = read_digits(at, end);
    if (!at || (*from == '0' && at > from + 1)) {
        return NULL;
    }
    if (at < end && *at == '.') {
        at = read_digits(at + 1, end);
    }
    if (at && at < end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at < end && (*at == '+' || *at == '-');
        at = read_digits(at, end);
    }
    return at;
}

static const char *read_value(const char *at, const char *end, int depth);

/* Members or elements up to @close, or to @end when @close is 0. */
static const char *read_list(const char *at, const char *end, bool has_keys, char close, int depth)
{
    at = skip_space(at, end);
    if (close ? at < end && *at == close : at == end) {
        return close ? at + 1 : at;
    }
    while (depth <= DEPTH_MAX) {
        if (has_keys) {
            at = read_string(skip_space(at, end), end);
            at = at ? skip_space(at, end) : NULL;
            if (!at || at >= end || *at != ':') {
                return NULL;
            }
            at++;
        }
        at = read_value(skip_space(at, end), end, depth);
        if (!at) {
            return NULL;
        }
        at = skip_space(at, end);
        if (at == end) {
            return close ? NULL : at;
        }
        if (close && *at == close) {
            return at + 1;
        }
        if (*at != ',') {
            return NULL;
        }
        at++;
    }
    return NULL;
}

static const char *read_value(const char *at, const char *end, int depth)
{
    static const char *const words[] = {"true", "false", "null"};
    if (at >= end) {
        return NULL;
    }
    if (*at == '"') {
        return read_string(at, end);
    }
    if (*at == '{' || *at == '[') {
        return read_list(at + 1, end, *at == '{', *at == '{' ? '}' : ']', depth + 1);
    }
    for (size_t i = 0; i < 3; i++) {
        size_t n = strlen(words[i]);
        if ((size_t)(end - at) >= n && memcmp(at, words[i], n) == 0) {
            return at + n;
        }
    }
    return read_number(at, end);
}

bool plim_json_members_are_valid(const char *text, size_t bytes)
{
    return read_list(text, text + bytes, true, 0, 0) == text + bytes;
}
