/* SPDX-License-Identifier: Apache-2.0 */
/* name.c - the self-describing file name <model>__sm<SM>_jp<JP>_trt<TRT>_<precision>.engine.
 *
 * Decides whether a text is such a name, and refuses with the byte position of the first
 * thing that is wrong. The grammar is regular and has one reading: a model holds no double
 * underscore and no underscore at either end, and no other field holds one at all. format
 * renders and then parses its own output, so parse(format(x)) == x holds by construction.
 */
#include <stdio.h>
#include <string.h>

#include "plimsoll/engine.h"
#include "src/engine/printable.h"

#define NAME_BYTES 192 /* longest rendering of a plim_engine_name, with room to spare */

typedef struct reader {
    const char *text;
    size_t at;
    plim_error *err;
} reader;

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

static bool is_alnum(char c)
{
    return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

static plim_status refuse(const reader *r, size_t at, const char *wanted)
{
    char field[32];
    char found[32];
    snprintf(field, sizeof(field), "position %zu", at);
    if (r->text[at]) {
        plim_text_quote(found, sizeof(found), &r->text[at], 1);
    } else {
        snprintf(found, sizeof(found), "the end");
    }
    plim_error_set(r->err, PLIM_E_FORMAT, "engine file name", field, wanted, found);
    if (r->err) {
        plim_text_quote(r->err->detail, sizeof(r->err->detail), r->text, strlen(r->text));
    }
    return PLIM_E_FORMAT;
}

static plim_status literal(reader *r, const char *want)
{
    for (size_t i = 0; want[i]; i++, r->at++) {
        if (r->text[r->at] != want[i]) {
            return refuse(r, r->at, want);
        }
    }
    return PLIM_OK;
}

/* Copies [from, r->at) once its end is known. */
static plim_status take(reader *r, size_t from, char *out, size_t out_bytes, const char *wanted)
{
    if (r->at == from) {
        return refuse(r, from, wanted);
    }
    if (r->at - from >= out_bytes) {
        return refuse(r, from + out_bytes - 1, "a shorter field");
    }
    memcpy(out, r->text + from, r->at - from);
    return PLIM_OK;
}

static plim_status model(reader *r, char *out, size_t out_bytes)
{
    size_t from = r->at;
    if (!is_alnum(r->text[from])) {
        return refuse(r, from, "a letter or digit");
    }
    for (;; r->at++) {
        char c = r->text[r->at];
        if (c == '_' && r->text[r->at + 1] == '_') {
            return take(r, from, out, out_bytes, "a model");
        }
        if (!is_alnum(c) && c != '.' && c != '-' && c != '_') {
            return refuse(r, r->at, "a letter, digit, '.', '-', '_' or \"__sm\"");
        }
    }
}

/* Numbers with dots between them ("10.3.0"), or @word. */
static plim_status version(reader *r, bool dots, const char *word, char *out, size_t out_bytes)
{
    size_t from = r->at;
    size_t n = strlen(word);
    if (strncmp(r->text + from, word, n) == 0) {
        r->at += n;
        return take(r, from, out, out_bytes, word);
    }
    for (;;) {
        if (!is_digit(r->text[r->at])) {
            char wanted[40];
            snprintf(wanted, sizeof(wanted), r->at == from ? "a digit or \"%s\"" : "a digit", word);
            return refuse(r, r->at, wanted);
        }
        while (is_digit(r->text[r->at])) {
            r->at++;
        }
        if (!dots || r->text[r->at] != '.') {
            return take(r, from, out, out_bytes, "a number");
        }
        r->at++;
    }
}

static plim_status precision(reader *r, char *out, size_t out_bytes)
{
    size_t from = r->at;
    for (char c; (c = r->text[r->at]) != 0; r->at++) {
        if (!is_digit(c) && !(c >= 'a' && c <= 'z') && c != '-') {
            break;
        }
    }
    return take(r, from, out, out_bytes, "a precision in a-z, 0-9 and '-'");
}

static plim_status parse(reader *r, plim_engine_name *out)
{
    PLIM_TRY(model(r, out->model, sizeof(out->model)));
    PLIM_TRY(literal(r, "__sm"));
    PLIM_TRY(version(r, false, "any", out->sm, sizeof(out->sm)));
    PLIM_TRY(literal(r, "_jp"));
    PLIM_TRY(version(r, true, "any", out->jetpack, sizeof(out->jetpack)));
    PLIM_TRY(literal(r, "_trt"));
    PLIM_TRY(version(r, true, "none", out->tensorrt, sizeof(out->tensorrt)));
    PLIM_TRY(literal(r, "_"));
    PLIM_TRY(precision(r, out->precision, sizeof(out->precision)));
    PLIM_TRY(literal(r, ".engine"));
    return r->text[r->at] ? refuse(r, r->at, "the end") : PLIM_OK;
}

plim_status plim_engine_name_parse(const char *file_name, plim_engine_name *out, plim_error *err)
{
    if (!file_name || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine file name");
    }
    plim_engine_name name = {0};
    memset(out, 0, sizeof(*out));
    reader r = {file_name, 0, err};
    PLIM_TRY(parse(&r, &name));
    *out = name;
    return PLIM_OK;
}

static bool ends(const char *field, size_t field_bytes)
{
    return memchr(field, 0, field_bytes) != NULL;
}

static bool is_same(const plim_engine_name *a, const plim_engine_name *b)
{
    return strcmp(a->model, b->model) == 0 && strcmp(a->sm, b->sm) == 0 &&
           strcmp(a->jetpack, b->jetpack) == 0 && strcmp(a->tensorrt, b->tensorrt) == 0 &&
           strcmp(a->precision, b->precision) == 0;
}

plim_status plim_engine_name_format(const plim_engine_name *name, char *buffer, size_t buffer_bytes,
                                    plim_error *err)
{
    if (!name || (!buffer && buffer_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine file name");
    }
    if (buffer_bytes) {
        buffer[0] = 0;
    }
    if (!ends(name->model, sizeof(name->model)) || !ends(name->sm, sizeof(name->sm)) ||
        !ends(name->jetpack, sizeof(name->jetpack)) ||
        !ends(name->tensorrt, sizeof(name->tensorrt)) ||
        !ends(name->precision, sizeof(name->precision))) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "engine name field without an end");
    }
    char text[NAME_BYTES];
    int n = snprintf(text, sizeof(text), "%s__sm%s_jp%s_trt%s_%s.engine", name->model, name->sm,
                     name->jetpack, name->tensorrt, name->precision);
    plim_engine_name again;
    PLIM_TRY(plim_engine_name_parse(text, &again, err));
    if (!is_same(name, &again)) {
        return plim_error_set(err, PLIM_E_FORMAT, "engine name reads back differently", "model",
                              name->model, again.model);
    }
    if ((size_t)n >= buffer_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "buffer for an engine file name",
                         .want = (uint64_t)n + 1, .have = buffer_bytes, .limit = buffer_bytes);
    }
    memcpy(buffer, text, (size_t)n + 1);
    return PLIM_OK;
}
