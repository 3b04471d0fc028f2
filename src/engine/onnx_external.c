/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_external.c - walks the protobuf of an ONNX model for external_data entries and types.
 *
 * Reads through one small window, skips what it does not need by its length, and goes down
 * only into the messages that can hold a tensor (a table). Depth is bounded and kept in an
 * array, so a hostile nesting costs no stack. Every length is held against the end of the
 * message around it. Keys outside location, offset, length and checksum are refused, and so is a
 * shape that asks for more bytes than the tensor has: what a model says it weighs must be there.
 */
#include "src/engine/onnx_external.h"

#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/engine/printable.h"

#define DEPTH_MAX    64
#define WINDOW_BYTES 4096u

enum kind { NONE, MODEL, TRAINING, FUNCTION, GRAPH, NODE, ATTRIBUTE, SPARSE, TENSOR, ENTRY };

/* In message @in, field @field is a message of kind @child. */
static const struct {
    enum kind in;
    uint32_t field;
    enum kind child;
} children[] = {
    {MODEL, 7, GRAPH},       {MODEL, 20, TRAINING},  {MODEL, 25, FUNCTION},
    {TRAINING, 1, GRAPH},    {TRAINING, 2, GRAPH},   {FUNCTION, 7, NODE},
    {GRAPH, 1, NODE},        {GRAPH, 5, TENSOR},     {GRAPH, 15, SPARSE},
    {NODE, 5, ATTRIBUTE},    {ATTRIBUTE, 5, TENSOR}, {ATTRIBUTE, 6, GRAPH},
    {ATTRIBUTE, 10, TENSOR}, {ATTRIBUTE, 11, GRAPH}, {ATTRIBUTE, 22, SPARSE},
    {ATTRIBUTE, 23, SPARSE}, {SPARSE, 1, TENSOR},    {SPARSE, 2, TENSOR},
    {TENSOR, 13, ENTRY},
};

typedef struct scanner {
    const plim_byte_source *source;
    uint64_t at;
    uint64_t window_at;
    size_t window_bytes;
    uint8_t window[WINDOW_BYTES];
    struct {
        enum kind kind;
        uint64_t end;
    } stack[DEPTH_MAX];
    unsigned depth;
    plim_onnx_external tensor;
    bool is_external, has_location;
    uint64_t elements, element; /* of the tensor: product of its shape, ONNX's number of its type */
    uint64_t raw_bytes, typed_bytes;
    bool has_raw, is_odd; /* is_odd: a shape that no tensor can have */
    plim_weights *weights;
    char key[16], value[PLIM_BENEATH_BYTES];
    plim_error *err;
} scanner;

static plim_status refuse(const scanner *s, const char *wanted, const char *text)
{
    char field[32];
    char found[96] = "";
    snprintf(field, sizeof(field), "byte %llu", (unsigned long long)s->at);
    if (text) {
        plim_text_quote(found, sizeof(found), text, strlen(text));
    }
    plim_error_set(s->err, PLIM_E_FORMAT, "ONNX model", field, wanted, found);
    plim_error_detail(s->err, "%s", s->source->path);
    return PLIM_E_FORMAT;
}

static uint64_t limit(const scanner *s)
{
    return s->stack[s->depth - 1].end;
}

static plim_status next_byte(scanner *s, uint8_t *out)
{
    if (s->at >= limit(s)) {
        return refuse(s, "a message that ends where its length says", NULL);
    }
    if (s->at < s->window_at || s->at - s->window_at >= s->window_bytes) {
        uint64_t rest = s->source->size_bytes - s->at;
        size_t n = rest < WINDOW_BYTES ? (size_t)rest : WINDOW_BYTES;
        s->window_at = s->at;
        s->window_bytes = 0;
        PLIM_TRY(s->source->read(s->source->context, s->window, n, s->at, s->err));
        s->window_bytes = n;
    }
    *out = s->window[s->at++ - s->window_at];
    return PLIM_OK;
}

static plim_status varint(scanner *s, uint64_t *out)
{
    uint8_t byte = 0x80;
    *out = 0;
    for (unsigned shift = 0; byte & 0x80; shift += 7) {
        if (shift > 63) {
            return refuse(s, "a number of at most 10 bytes", NULL);
        }
        PLIM_TRY(next_byte(s, &byte));
        *out |= (uint64_t)(byte & 0x7f) << shift;
    }
    return PLIM_OK;
}

static plim_status skip(scanner *s, uint64_t bytes)
{
    if (bytes > limit(s) - s->at) {
        return refuse(s, "a length inside its message", NULL);
    }
    s->at += bytes;
    return PLIM_OK;
}

static enum kind child_of(enum kind in, uint64_t field)
{
    for (size_t i = 0; i < sizeof(children) / sizeof(children[0]); i++) {
        if (children[i].in == in && children[i].field == field) {
            return children[i].child;
        }
    }
    return NONE;
}

static plim_status enter(scanner *s, enum kind kind, uint64_t bytes)
{
    if (s->depth == DEPTH_MAX) {
        return refuse(s, "at most 64 messages inside each other", NULL);
    }
    if (bytes > limit(s) - s->at) {
        return refuse(s, "a length inside its message", NULL);
    }
    s->stack[s->depth].kind = kind;
    s->stack[s->depth++].end = s->at + bytes;
    if (kind == TENSOR) {
        memset(&s->tensor, 0, sizeof(s->tensor));
        s->is_external = s->has_location = s->has_raw = s->is_odd = false;
        s->elements = 1;
        s->element = s->raw_bytes = s->typed_bytes = 0;
    } else if (kind == ENTRY) {
        s->key[0] = s->value[0] = 0;
    }
    return PLIM_OK;
}

static plim_status read_text(scanner *s, uint64_t bytes, char *out, size_t out_bytes)
{
    if (bytes >= out_bytes) {
        return refuse(s, "a shorter external_data entry", NULL);
    }
    for (uint64_t i = 0; i < bytes; i++) {
        PLIM_TRY(next_byte(s, (uint8_t *)&out[i]));
    }
    out[bytes] = 0;
    return memchr(out, 0, (size_t)bytes) ? refuse(s, "text without a zero byte", NULL) : PLIM_OK;
}

static plim_status number(const scanner *s, uint64_t *out)
{
    uint64_t value = 0;
    for (const char *p = s->value; *p; p++) {
        if (*p < '0' || *p > '9' || value > (INT64_MAX - 9) / 10) {
            return refuse(s, "a decimal number", s->value);
        }
        value = value * 10 + (uint64_t)(*p - '0');
    }
    *out = value;
    return s->value[0] ? PLIM_OK : refuse(s, "a decimal number", s->value);
}

static plim_status end_entry(scanner *s)
{
    if (strcmp(s->key, "location") == 0) {
        if (s->has_location) {
            return refuse(s, "one location", s->value);
        }
        s->has_location = true;
        memcpy(s->tensor.location, s->value, sizeof(s->value));
        return PLIM_OK;
    }
    if (strcmp(s->key, "offset") == 0) {
        return number(s, &s->tensor.offset);
    }
    if (strcmp(s->key, "length") == 0) {
        s->tensor.has_length = true;
        return number(s, &s->tensor.length);
    }
    return strcmp(s->key, "checksum") == 0
               ? PLIM_OK
               : refuse(s, "location, offset, length or checksum", s->key);
}

/* ---- shapes and types ---- */

enum { DIMS = 1, TYPE = 2, RAW = 9, LOCATION = 14 };

/* Index: ONNX's number. Complex numbers, text and scales have none of ours. */
static const struct {
    plim_dtype dtype;
    uint64_t bits;
} ELEMENTS[] = {
    {PLIM_DTYPE_NONE, 0}, {PLIM_F32, 32},   {PLIM_U8, 8},          {PLIM_I8, 8},
    {PLIM_U16, 16},       {PLIM_I16, 16},   {PLIM_I32, 32},        {PLIM_I64, 64},
    {PLIM_DTYPE_NONE, 0}, {PLIM_BOOL, 8},   {PLIM_F16, 16},        {PLIM_F64, 64},
    {PLIM_U32, 32},       {PLIM_U64, 64},   {PLIM_DTYPE_NONE, 64}, {PLIM_DTYPE_NONE, 128},
    {PLIM_BF16, 16},      {PLIM_F8E4M3, 8}, {PLIM_F8E4M3, 8},      {PLIM_F8E5M2, 8},
    {PLIM_F8E5M2, 8},     {PLIM_U4, 4},     {PLIM_I4, 4},          {PLIM_F4E2M1, 4},
    {PLIM_DTYPE_NONE, 8},
};

static void add_dim(scanner *s, uint64_t dim)
{
    s->is_odd |= dim > INT64_MAX || !bytes_mul(s->elements, dim, &s->elements);
}

/* dims may lie in one packed field. */
static plim_status read_dims(scanner *s, uint64_t bytes)
{
    if (bytes > limit(s) - s->at) {
        return refuse(s, "a length inside its message", NULL);
    }
    for (uint64_t end = s->at + bytes; s->at < end;) {
        uint64_t dim;
        PLIM_TRY(varint(s, &dim));
        add_dim(s, dim);
        if (s->at > end) {
            return refuse(s, "dims that end where their length says", NULL);
        }
    }
    return PLIM_OK;
}

/* Values outside raw_data: float, int32, int64, double and uint64. */
static bool is_typed(uint64_t field)
{
    return field == 4 || field == 5 || field == 7 || field == 10 || field == 11;
}

static plim_status end_weights(scanner *s)
{
    bool is_known = s->element < sizeof(ELEMENTS) / sizeof(ELEMENTS[0]);
    uint64_t bits = is_known ? ELEMENTS[s->element].bits : 0, bytes, room = UINT64_MAX;
    plim_dtype dtype = is_known ? ELEMENTS[s->element].dtype : PLIM_DTYPE_NONE;
    if (s->is_odd || plim_weights_add(s->weights, dtype, s->elements, bits, &bytes, NULL)) {
        return refuse(s, "a shape that can be counted", NULL);
    }
    if (s->is_external) {
        room = s->tensor.has_length ? s->tensor.length : room;
    } else if (s->has_raw) {
        room = s->raw_bytes;
    } else if (!bytes_mul(s->typed_bytes, 8, &room)) { /* no value takes less than an eighth */
        room = UINT64_MAX;
    }
    return bytes > room ? refuse(s, "as many bytes as shape and type need", NULL) : PLIM_OK;
}

static void read_number(scanner *s, uint64_t field, uint64_t value)
{
    if (field == LOCATION) {
        s->is_external = value == 1;
    } else if (field == DIMS) {
        add_dim(s, value);
    } else if (field == TYPE) {
        s->element = value;
    } else {
        s->typed_bytes += is_typed(field);
    }
}

static plim_status read_field(scanner *s)
{
    uint64_t tag;
    uint64_t bytes = 0;
    enum kind in = s->stack[s->depth - 1].kind;
    PLIM_TRY(varint(s, &tag));
    switch (tag & 7) {
    case 0:
        PLIM_TRY(varint(s, &bytes));
        if (in == TENSOR) {
            read_number(s, tag >> 3, bytes);
        }
        return PLIM_OK;
    case 1:
    case 5:
        s->typed_bytes += in == TENSOR && is_typed(tag >> 3);
        return skip(s, (tag & 7) == 1 ? 8 : 4);
    case 2:
        PLIM_TRY(varint(s, &bytes));
        break;
    default:
        return refuse(s, "a protobuf wire type", NULL);
    }
    if (in == ENTRY && tag >> 3 == 1) {
        return read_text(s, bytes, s->key, sizeof(s->key));
    }
    if (in == ENTRY && tag >> 3 == 2) {
        return read_text(s, bytes, s->value, sizeof(s->value));
    }
    if (in == TENSOR && tag >> 3 == DIMS) {
        return read_dims(s, bytes);
    }
    if (in == TENSOR && tag >> 3 == RAW) {
        s->has_raw = true;
        s->raw_bytes = bytes; /* skip holds it against the message */
    } else if (in == TENSOR && is_typed(tag >> 3) &&
               !bytes_add(s->typed_bytes, bytes, &s->typed_bytes)) {
        return refuse(s, "a length inside its message", NULL);
    }
    enum kind child = child_of(in, tag >> 3);
    return child == NONE ? skip(s, bytes) : enter(s, child, bytes);
}

static plim_status end_tensor(scanner *s, plim_onnx_each each, void *context)
{
    if (s->is_external && !s->has_location) {
        s->depth++;
        return refuse(s, "a location", NULL);
    }
    if (s->weights) {
        s->depth++;
        PLIM_TRY(end_weights(s));
        s->depth--;
    }
    return each && s->is_external ? each(context, &s->tensor, s->err) : PLIM_OK;
}

plim_status plim_onnx_scan(const plim_byte_source *source, plim_onnx_each each, void *context,
                           plim_weights *weights, plim_error *err)
{
    scanner s = {.source = source, .err = err, .depth = 1, .weights = weights};
    s.stack[0].kind = MODEL;
    s.stack[0].end = source->size_bytes;
    while (s.depth) {
        if (s.at < limit(&s)) {
            PLIM_TRY(read_field(&s));
            continue;
        }
        enum kind ended = s.stack[--s.depth].kind;
        if (ended == ENTRY) {
            PLIM_TRY(end_entry(&s));
        } else if (ended == TENSOR) {
            PLIM_TRY(end_tensor(&s, each, context));
        }
    }
    return PLIM_OK;
}
