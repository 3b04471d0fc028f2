/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.c - an own parser for the one shape of JSON that a safetensors header may have.
 *
 * {"__metadata__": {text: text, ...}, name: {"dtype": T, "shape": [n...], "data_offsets":
 * [begin, end]}, ...}, then spaces. Refuses: a header over 100 MB or past the file; any other
 * key or type, a key twice; names that are empty, too long, not plain or not unique; numbers
 * with a sign, fraction or leading zero, or above 2^63; bytes that are not shape times dtype
 * (checked multiply, in bits); ranges that overlap or leave a hole; a buffer that is not
 * covered to its last byte. Nothing is allocated: two passes, and a heap sort in place.
 */
#include "src/engine/safetensors.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/engine/file.h"
#include "src/engine/printable.h"
#include "src/engine/weights.h"

typedef struct reader {
    const char *text;
    uint64_t at, size;
    plim_error *err;
} reader;

typedef struct entry {
    const char *name;
    uint64_t name_bytes, bits, elements, begin, end;
    plim_dtype dtype;
} entry;

static plim_status refuse(const reader *r, plim_status status, const char *wanted)
{
    char field[40];
    char found[48] = "the end";
    snprintf(field, sizeof(field), "byte %" PRIu64, r->at + 8);
    if (r->at < r->size) {
        uint64_t rest = r->size - r->at;
        plim_text_quote(found, sizeof(found), r->text + r->at, rest < 8 ? (size_t)rest : 8);
    }
    return plim_error_set(r->err, status, "safetensors header", field, wanted, found);
}

static void blank(reader *r)
{
    while (r->at < r->size && (r->text[r->at] == ' ' || r->text[r->at] == '\n' ||
                               r->text[r->at] == '\t' || r->text[r->at] == '\r')) {
        r->at++;
    }
}

static bool next_is(reader *r, char c)
{
    blank(r);
    if (r->at < r->size && r->text[r->at] == c) {
        r->at++;
        return true;
    }
    return false;
}

static plim_status expect(reader *r, char c, const char *wanted)
{
    return next_is(r, c) ? PLIM_OK : refuse(r, PLIM_E_FORMAT, wanted);
}

/* A text without escapes. */
static plim_status plain(reader *r, const char **out, uint64_t *out_bytes)
{
    PLIM_TRY(expect(r, '"', "a text"));
    *out = r->text + r->at;
    for (uint64_t from = r->at; r->at < r->size; r->at++) {
        char c = r->text[r->at];
        if (c == '"') {
            *out_bytes = r->at++ - from;
            return PLIM_OK;
        }
        if (c < 0x20 || c > 0x7e || c == '\\') {
            return refuse(r, PLIM_E_FORMAT, "printable ASCII without escapes");
        }
    }
    return refuse(r, PLIM_E_FORMAT, "a closing quote");
}

/* Any JSON text: metadata is free, as long as it ends. */
static plim_status free_text(reader *r)
{
    PLIM_TRY(expect(r, '"', "a text"));
    for (; r->at < r->size; r->at++) {
        unsigned char c = (unsigned char)r->text[r->at];
        if (c == '"') {
            r->at++;
            return PLIM_OK;
        }
        if (c < 0x20) {
            return refuse(r, PLIM_E_FORMAT, "no control byte");
        }
        if (c == '\\') {
            r->at++;
        }
    }
    return refuse(r, PLIM_E_FORMAT, "a closing quote");
}

static plim_status number(reader *r, uint64_t *out)
{
    blank(r);
    uint64_t from = r->at;
    uint64_t value = 0;
    while (r->at < r->size && r->text[r->at] >= '0' && r->text[r->at] <= '9') {
        if (value > (uint64_t)INT64_MAX / 10 - 1) {
            return refuse(r, PLIM_E_RANGE, "a number below 2^63");
        }
        value = value * 10 + (uint64_t)(r->text[r->at++] - '0');
    }
    if (r->at == from || (r->text[from] == '0' && r->at - from > 1)) {
        r->at = from;
        return refuse(r, PLIM_E_FORMAT, "a whole number from 0");
    }
    *out = value;
    return PLIM_OK;
}

static bool is_text(const char *text, uint64_t bytes, const char *want)
{
    return bytes == strlen(want) && memcmp(text, want, (size_t)bytes) == 0;
}

static plim_status dtype(reader *r, entry *e)
{
    static const struct {
        const char *name;
        uint64_t bits;
        plim_dtype dtype;
    } known[] = {{"BOOL", 8, PLIM_BOOL},
                 {"U8", 8, PLIM_U8},
                 {"I8", 8, PLIM_I8},
                 {"F8_E5M2", 8, PLIM_F8E5M2},
                 {"F8_E4M3", 8, PLIM_F8E4M3},
                 {"F8_E8M0", 8, PLIM_DTYPE_NONE},
                 {"I16", 16, PLIM_I16},
                 {"U16", 16, PLIM_U16},
                 {"F16", 16, PLIM_F16},
                 {"BF16", 16, PLIM_BF16},
                 {"I32", 32, PLIM_I32},
                 {"U32", 32, PLIM_U32},
                 {"F32", 32, PLIM_F32},
                 {"I64", 64, PLIM_I64},
                 {"U64", 64, PLIM_U64},
                 {"F64", 64, PLIM_F64},
                 {"C64", 64, PLIM_DTYPE_NONE},
                 {"F4", 4, PLIM_F4E2M1},
                 {"F6_E2M3", 6, PLIM_DTYPE_NONE},
                 {"F6_E3M2", 6, PLIM_DTYPE_NONE}};
    const char *name;
    uint64_t bytes;
    PLIM_TRY(plain(r, &name, &bytes));
    for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++) {
        if (is_text(name, bytes, known[i].name)) {
            e->bits = known[i].bits;
            e->dtype = known[i].dtype;
            return PLIM_OK;
        }
    }
    r->at -= bytes + 2;
    return refuse(r, PLIM_E_UNSUPPORTED, "a known dtype");
}

static plim_status shape(reader *r, uint64_t *elements)
{
    bool fits = true;
    bool empty = false;
    *elements = 1;
    PLIM_TRY(expect(r, '[', "a shape"));
    if (next_is(r, ']')) {
        return PLIM_OK;
    }
    do {
        uint64_t n = 0;
        PLIM_TRY(number(r, &n));
        empty |= n == 0;
        fits = fits && bytes_mul(*elements, n ? n : 1, elements);
    } while (next_is(r, ','));
    PLIM_TRY(expect(r, ']', "the end of a shape"));
    *elements = empty ? 0 : *elements;
    return fits || empty ? PLIM_OK : refuse(r, PLIM_E_RANGE, "a shape that can be counted");
}

static plim_status offsets(reader *r, entry *e)
{
    PLIM_TRY(expect(r, '[', "[begin, end]"));
    PLIM_TRY(number(r, &e->begin));
    PLIM_TRY(expect(r, ',', "[begin, end]"));
    PLIM_TRY(number(r, &e->end));
    return expect(r, ']', "[begin, end]");
}

static plim_status members(reader *r, entry *e)
{
    unsigned seen = 0;
    PLIM_TRY(expect(r, '{', "an object"));
    do {
        const char *key;
        uint64_t bytes;
        PLIM_TRY(plain(r, &key, &bytes));
        PLIM_TRY(expect(r, ':', "a colon"));
        unsigned which = is_text(key, bytes, "dtype")          ? 1
                         : is_text(key, bytes, "shape")        ? 2
                         : is_text(key, bytes, "data_offsets") ? 4
                                                               : 0;
        if (!which || (seen & which)) {
            return refuse(r, PLIM_E_FORMAT, "dtype, shape and data_offsets, each once");
        }
        seen |= which;
        PLIM_TRY(which == 1 ? dtype(r, e) : which == 2 ? shape(r, &e->elements) : offsets(r, e));
    } while (next_is(r, ','));
    PLIM_TRY(expect(r, '}', "the end of a tensor"));
    return seen == 7 ? PLIM_OK : refuse(r, PLIM_E_FORMAT, "dtype, shape and data_offsets");
}

static plim_status metadata(reader *r)
{
    PLIM_TRY(expect(r, '{', "an object"));
    if (next_is(r, '}')) {
        return PLIM_OK;
    }
    do {
        blank(r);
        PLIM_TRY(free_text(r));
        PLIM_TRY(expect(r, ':', "a colon"));
        blank(r);
        PLIM_TRY(free_text(r));
    } while (next_is(r, ','));
    return expect(r, '}', "the end of the metadata");
}

static plim_status check_entry(const reader *r, const entry *e, uint64_t buffer_bytes)
{
    uint64_t bits;
    if (e->name_bytes == 0 || e->name_bytes >= PLIM_SECTION_NAME_BYTES) {
        return refuse(r, PLIM_E_RANGE, "a name of 1 to 127 bytes");
    }
    if (e->begin > e->end || e->end > buffer_bytes) {
        return refuse(r, PLIM_E_RANGE, "data_offsets inside the file");
    }
    if (!bytes_mul(e->elements, e->bits, &bits) || bits % 8 || bits / 8 != e->end - e->begin) {
        return refuse(r, PLIM_E_FORMAT, "as many bytes as shape and dtype need");
    }
    return PLIM_OK;
}

static void keep(const entry *e, uint64_t data_offset, plim_section *out)
{
    uint64_t offset = data_offset + e->begin;
    memset(out, 0, sizeof(*out));
    memcpy(out->name, e->name, (size_t)e->name_bytes);
    out->kind = PLIM_SECTION_WEIGHTS;
    out->offset_bytes = offset;
    out->size_bytes = e->end - e->begin;
    out->align_bytes = offset & -offset;
    out->align_bytes = out->align_bytes > PLIM_ENGINE_PAGE ? PLIM_ENGINE_PAGE : out->align_bytes;
}

typedef bool (*is_before)(const plim_section *a, const plim_section *b);

static bool is_before_by_name(const plim_section *a, const plim_section *b)
{
    return strcmp(a->name, b->name) < 0;
}

static bool is_before_by_offset(const plim_section *a, const plim_section *b)
{
    return a->offset_bytes != b->offset_bytes ? a->offset_bytes < b->offset_bytes
           : a->size_bytes != b->size_bytes   ? a->size_bytes < b->size_bytes
                                              : strcmp(a->name, b->name) < 0;
}

static void swap(plim_section *a, plim_section *b)
{
    plim_section held = *a;
    *a = *b;
    *b = held;
}

static void sift(plim_section *s, uint64_t root, uint64_t count, is_before before)
{
    for (uint64_t child; (child = 2 * root + 1) < count; root = child) {
        child += child + 1 < count && before(&s[child], &s[child + 1]);
        if (!before(&s[root], &s[child])) {
            return;
        }
        swap(&s[root], &s[child]);
    }
}

static void sort(plim_section *s, uint64_t count, is_before before)
{
    for (uint64_t i = count / 2; i > 0; i--) {
        sift(s, i - 1, count, before);
    }
    for (uint64_t i = count; i > 1; i--) {
        swap(&s[0], &s[i - 1]);
        sift(s, 0, i - 1, before);
    }
}

static plim_status bad(const plim_section *s, const char *wanted, plim_error *err)
{
    return plim_error_set(err, PLIM_E_FORMAT, "safetensors header", "tensor", wanted, s->name);
}

static plim_status check_all(plim_section *s, uint64_t count, uint64_t data_offset,
                             uint64_t file_bytes, plim_error *err)
{
    uint64_t cursor = data_offset;
    sort(s, count, is_before_by_name);
    for (uint64_t i = 1; i < count; i++) {
        if (strcmp(s[i - 1].name, s[i].name) == 0) {
            return bad(&s[i], "a name of its own", err);
        }
    }
    sort(s, count, is_before_by_offset);
    for (uint64_t i = 0; i < count; i++) {
        if (s[i].offset_bytes != cursor) {
            return bad(&s[i], "no overlap and no hole before it", err);
        }
        cursor += s[i].size_bytes;
    }
    return cursor == file_bytes
               ? PLIM_OK
               : PLIM_FAIL(err, PLIM_E_FORMAT, .what = "safetensors data is not covered by tensors",
                           .want = file_bytes, .have = cursor);
}

plim_status plim_safetensors_header_bytes(const uint8_t first[8], uint64_t file_bytes,
                                          uint64_t *out, plim_error *err)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < 8; i++) {
        bytes |= (uint64_t)first[i] << (8 * i);
    }
    if (bytes < 2 || bytes > PLIM_SAFETENSORS_HEADER_MAX || file_bytes < 8 ||
        bytes > file_bytes - 8) {
        return PLIM_FAIL(err, bytes < 2 ? PLIM_E_FORMAT : PLIM_E_RANGE,
                         .what = "safetensors header length", .want = bytes,
                         .have = file_bytes < 8 ? 0 : file_bytes - 8,
                         .limit = PLIM_SAFETENSORS_HEADER_MAX);
    }
    *out = bytes;
    return PLIM_OK;
}

plim_status plim_safetensors_parse(const char *json, uint64_t json_bytes, uint64_t file_bytes,
                                   plim_section *sections, uint64_t *count, plim_weights *weights,
                                   plim_error *err)
{
    reader r = {json, 0, json_bytes, err};
    uint64_t data_offset = 8 + json_bytes;
    uint64_t n = 0;
    bool has_metadata = false;
    if (json_bytes == 0 || json[0] != '{' || data_offset > file_bytes) {
        return refuse(&r, PLIM_E_FORMAT, "{");
    }
    r.at = 1;
    bool more = !next_is(&r, '}');
    while (more) {
        entry e = {0};
        PLIM_TRY(plain(&r, &e.name, &e.name_bytes));
        PLIM_TRY(expect(&r, ':', "a colon"));
        if (is_text(e.name, e.name_bytes, "__metadata__")) {
            PLIM_TRY(has_metadata ? refuse(&r, PLIM_E_FORMAT, "__metadata__ once") : metadata(&r));
            has_metadata = true;
        } else {
            PLIM_TRY(members(&r, &e));
            PLIM_TRY(check_entry(&r, &e, file_bytes - data_offset));
            if (weights) {
                uint64_t bytes;
                PLIM_TRY(plim_weights_add(weights, e.dtype, e.elements, e.bits, &bytes, err));
            }
            if (n == PLIM_ENGINE_SECTIONS_MAX - 1 || (sections && n == *count)) {
                return refuse(&r, PLIM_E_RANGE, "fewer tensors");
            }
            if (sections) {
                keep(&e, data_offset, &sections[n]);
            }
            n++;
        }
        more = next_is(&r, ',');
        PLIM_TRY(more ? PLIM_OK : expect(&r, '}', "the end of the header"));
    }
    while (r.at < r.size && r.text[r.at] == ' ') {
        r.at++;
    }
    if (r.at != r.size) {
        return refuse(&r, PLIM_E_FORMAT, "spaces to the end");
    }
    *count = n;
    return sections ? check_all(sections, n, data_offset, file_bytes, err) : PLIM_OK;
}
