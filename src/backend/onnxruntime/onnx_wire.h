/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_wire.h - protobuf fields, one at a time, out of bytes that nobody trusts. */
#ifndef BACKEND_ONNXRUNTIME_ONNX_WIRE_H
#define BACKEND_ONNXRUNTIME_ONNX_WIRE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct plim_wire_span {
    const uint8_t *data;
    size_t size;
} plim_wire_span;

typedef enum plim_wire_kind {
    PLIM_WIRE_VARINT = 0,
    PLIM_WIRE_FIXED64 = 1,
    PLIM_WIRE_BYTES = 2,
    PLIM_WIRE_FIXED32 = 5,
} plim_wire_kind;

typedef struct plim_wire_field {
    uint32_t number;
    plim_wire_kind kind;
    uint64_t value;       /* varint, fixed64, fixed32 */
    plim_wire_span bytes; /* of kind BYTES: the content */
    plim_wire_span whole; /* key and content, to copy a field unread */
} plim_wire_field;

static inline bool wire_is_same(plim_wire_span a, plim_wire_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

static inline bool wire_varint(plim_wire_span *in, uint64_t *out)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < 10 && i < in->size; i++) {
        uint8_t byte = in->data[i];
        if (i == 9 && byte > 1) {
            return false; /* more than 64 bits */
        }
        value |= (uint64_t)(byte & 0x7f) << (7 * i);
        if (!(byte & 0x80)) {
            in->data += i + 1;
            in->size -= i + 1;
            *out = value;
            return true;
        }
    }
    return false;
}

static inline bool wire_take(plim_wire_span *in, uint64_t size, plim_wire_span *out)
{
    if (size > in->size) {
        return false;
    }
    *out = (plim_wire_span){in->data, (size_t)size};
    in->data += size;
    in->size -= (size_t)size;
    return true;
}

/* The next field of @in, which moves on. False: the bytes are not protobuf. Not to be
 * called on an empty span. */
static inline bool wire_next(plim_wire_span *in, plim_wire_field *out)
{
    const uint8_t *start = in->data;
    plim_wire_span fixed;
    uint64_t key, size;
    *out = (plim_wire_field){0};
    if (!wire_varint(in, &key) || key >> 3 == 0 || key >> 3 > 0x1fffffff) {
        return false;
    }
    out->number = (uint32_t)(key >> 3);
    out->kind = (plim_wire_kind)(key & 7);
    switch (key & 7) {
    case PLIM_WIRE_VARINT:
        if (!wire_varint(in, &out->value)) {
            return false;
        }
        break;
    case PLIM_WIRE_BYTES:
        if (!wire_varint(in, &size) || !wire_take(in, size, &out->bytes)) {
            return false;
        }
        break;
    case PLIM_WIRE_FIXED64:
    case PLIM_WIRE_FIXED32:
        if (!wire_take(in, (key & 7) == PLIM_WIRE_FIXED64 ? 8 : 4, &fixed)) {
            return false;
        }
        for (size_t i = fixed.size; i-- > 0;) {
            out->value = out->value << 8 | fixed.data[i];
        }
        break;
    default: /* groups were gone before ONNX began */
        return false;
    }
    out->whole = (plim_wire_span){start, (size_t)(in->data - start)};
    return true;
}

#endif
