/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_read.c - a bounded reader of ONNX models: tensors, inputs and outputs, nothing else.
 *
 * Decides nothing about operators: nodes are entered only to find the graphs in their
 * attributes. Every length is held against the bytes that enclose it before it is used,
 * depth and rank are bounded, sizes are multiplied with checks. It keeps nothing: what it
 * finds is handed to a visitor as spans of the model's own bytes.
 */
#include "src/backend/onnxruntime/onnx_read.h"

#include <string.h>

#include "arena/bytes.h"

/* Field numbers of onnx.proto3. */
enum {
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    GRAPH_INPUT = 11,
    GRAPH_OUTPUT = 12,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_GRAPH = 6,
    ATTRIBUTE_GRAPHS = 11,
    TENSOR_DIMS = 1,
    TENSOR_TYPE = 2,
    TENSOR_NAME = 8,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
    VALUE_NAME = 1,
    VALUE_TYPE = 2,
    TYPE_TENSOR = 1,
    TYPE_TENSOR_ELEMENT = 1,
    TYPE_TENSOR_SHAPE = 2,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
};

/* Index: ONNX's number. */
static const plim_dtype dtypes[] = {
    PLIM_DTYPE_NONE, PLIM_F32,    PLIM_U8,         PLIM_I8,         PLIM_U16,  PLIM_I16,
    PLIM_I32,        PLIM_I64,    PLIM_DTYPE_NONE, PLIM_BOOL,       PLIM_F16,  PLIM_F64,
    PLIM_U32,        PLIM_U64,    PLIM_DTYPE_NONE, PLIM_DTYPE_NONE, PLIM_BF16, PLIM_F8E4M3,
    PLIM_DTYPE_NONE, PLIM_F8E5M2, PLIM_DTYPE_NONE, PLIM_U4,         PLIM_I4,   PLIM_F4E2M1};

plim_dtype plim_onnx_dtype(uint32_t element)
{
    return element < sizeof(dtypes) / sizeof(dtypes[0]) ? dtypes[element] : PLIM_DTYPE_NONE;
}

uint32_t plim_onnx_element(plim_dtype dtype)
{
    for (uint32_t i = 1; dtype != PLIM_DTYPE_NONE && i < sizeof(dtypes) / sizeof(dtypes[0]); i++) {
        if (dtypes[i] == dtype) {
            return i;
        }
    }
    return 0;
}

static uint32_t bits_of(plim_dtype dtype)
{
    switch (dtype) {
#define BITS_CASE(name, number, text, bits, dl_code, dl_bits)                                      \
    case PLIM_##name:                                                                              \
        return bits;
        PLIM_DTYPE_LIST(BITS_CASE)
#undef BITS_CASE
    case PLIM_DTYPE_NONE:
        break;
    }
    return 0;
}

static plim_status broken(const char *what, plim_error *err)
{
    return PLIM_FAIL(err, PLIM_E_FORMAT, .what = what);
}

static bool span_is(plim_wire_span span, const char *text)
{
    return span.size == strlen(text) && memcmp(span.data, text, span.size) == 0;
}

static plim_status decimal(plim_wire_span text, uint64_t *out, plim_error *err)
{
    uint64_t value = 0;
    for (size_t i = 0; i < text.size; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return broken("external data: offset or length is not a number", err);
        }
        if (!bytes_mul(value, 10, &value) || !bytes_add(value, text.data[i] - '0', &value)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "external data: offset or length");
        }
    }
    *out = value;
    return PLIM_OK;
}

/* StringStringEntryProto: key 1, value 2. */
static plim_status read_external(plim_wire_span entry, plim_onnx_tensor *out, plim_error *err)
{
    plim_wire_span key = {0}, value = {0};
    plim_wire_field f;
    while (entry.size) {
        if (!wire_next(&entry, &f)) {
            return broken("external data entry", err);
        }
        if (f.kind == PLIM_WIRE_BYTES && f.number == 1) {
            key = f.bytes;
        } else if (f.kind == PLIM_WIRE_BYTES && f.number == 2) {
            value = f.bytes;
        }
    }
    if (span_is(key, "location")) {
        out->location = value;
    } else if (span_is(key, "offset")) {
        return decimal(value, &out->offset_bytes, err);
    } else if (span_is(key, "length")) {
        return decimal(value, &out->length_bytes, err);
    }
    return PLIM_OK;
}

static plim_status add_dim(int64_t dim, uint32_t *rank, int64_t *dims, plim_error *err)
{
    if (*rank == PLIM_TENSOR_RANK_MAX) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "a tensor of more than 8 dimensions");
    }
    dims[(*rank)++] = dim;
    return PLIM_OK;
}

/* dims is a repeated int64: packed or one by one. */
static plim_status read_dims(const plim_wire_field *f, plim_onnx_tensor *out, plim_error *err)
{
    plim_wire_span packed = f->bytes;
    uint64_t value;
    if (f->kind == PLIM_WIRE_VARINT) {
        return add_dim((int64_t)f->value, &out->rank, out->dims, err);
    }
    while (packed.size) {
        if (f->kind != PLIM_WIRE_BYTES || !wire_varint(&packed, &value)) {
            return broken("tensor dims", err);
        }
        PLIM_TRY(add_dim((int64_t)value, &out->rank, out->dims, err));
    }
    return PLIM_OK;
}

static plim_status count_bytes(plim_onnx_tensor *out, plim_error *err)
{
    uint64_t elements = 1, bits;
    for (uint32_t i = 0; i < out->rank; i++) {
        if (out->dims[i] < 0) {
            return broken("a constant with a negative dimension", err);
        }
        if (!bytes_mul(elements, (uint64_t)out->dims[i], &elements)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "elements of a constant");
        }
    }
    if (!bytes_mul(elements, bits_of(out->dtype), &bits) || bits > UINT64_MAX - 7) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of a constant");
    }
    out->data_bytes = (bits + 7) / 8;
    return PLIM_OK;
}

plim_status plim_onnx_read_tensor(plim_wire_span message, plim_onnx_tensor *out, plim_error *err)
{
    plim_wire_field f;
    *out = (plim_onnx_tensor){.message = message};
    while (message.size) {
        if (!wire_next(&message, &f)) {
            return broken("tensor", err);
        }
        switch (f.number) {
        case TENSOR_DIMS:
            PLIM_TRY(read_dims(&f, out, err));
            break;
        case TENSOR_TYPE:
            out->element = (uint32_t)f.value;
            out->dtype = plim_onnx_dtype(out->element);
            break;
        case TENSOR_NAME:
            out->name = f.bytes;
            break;
        case TENSOR_RAW:
            out->raw = f.bytes;
            break;
        case TENSOR_EXTERNAL:
            PLIM_TRY(read_external(f.bytes, out, err));
            break;
        case TENSOR_LOCATION:
            out->is_external = f.value == 1;
            break;
        default:
            break;
        }
    }
    return count_bytes(out, err);
}

/* TensorShapeProto.Dimension: dim_value 1; dim_param or nothing means dynamic. */
static plim_status read_dim(plim_wire_span in, plim_onnx_value *out, plim_error *err)
{
    int64_t dim = -1;
    plim_wire_field f;
    while (in.size) {
        if (!wire_next(&in, &f)) {
            return broken("shape dimension", err);
        }
        if (f.number == DIM_VALUE && f.kind == PLIM_WIRE_VARINT) {
            dim = (int64_t)f.value;
        }
    }
    return add_dim(dim < 0 ? -1 : dim, &out->rank, out->dims, err);
}

static plim_status read_shape(plim_wire_span in, plim_onnx_value *out, plim_error *err)
{
    plim_wire_field f;
    while (in.size) {
        if (!wire_next(&in, &f)) {
            return broken("shape", err);
        }
        if (f.number == SHAPE_DIM && f.kind == PLIM_WIRE_BYTES) {
            PLIM_TRY(read_dim(f.bytes, out, err));
        }
    }
    return PLIM_OK;
}

static plim_status read_type(plim_wire_span in, plim_onnx_value *out, plim_error *err)
{
    plim_wire_field outer, f;
    while (in.size) {
        if (!wire_next(&in, &outer)) {
            return broken("type of an input or output", err);
        }
        plim_wire_span type = outer.number == TYPE_TENSOR ? outer.bytes : (plim_wire_span){0};
        while (type.size) {
            if (!wire_next(&type, &f)) {
                return broken("tensor type of an input or output", err);
            }
            if (f.number == TYPE_TENSOR_ELEMENT) {
                out->dtype = plim_onnx_dtype((uint32_t)f.value);
            } else if (f.number == TYPE_TENSOR_SHAPE) {
                PLIM_TRY(read_shape(f.bytes, out, err));
            }
        }
    }
    return PLIM_OK;
}

static plim_status read_value(plim_wire_span in, bool is_input, const plim_onnx_visitor *visitor,
                              plim_error *err)
{
    plim_onnx_value value = {.is_input = is_input};
    plim_wire_field f;
    while (in.size) {
        if (!wire_next(&in, &f)) {
            return broken("input or output", err);
        }
        if (f.number == VALUE_NAME) {
            value.name = f.bytes;
        } else if (f.number == VALUE_TYPE) {
            PLIM_TRY(read_type(f.bytes, &value, err));
        }
    }
    return visitor->value ? visitor->value(visitor->context, &value, err) : PLIM_OK;
}

static plim_status read_graph(plim_wire_span in, unsigned depth, const plim_onnx_visitor *visitor,
                              plim_error *err);

static plim_status read_node(plim_wire_span in, unsigned depth, const plim_onnx_visitor *visitor,
                             plim_error *err)
{
    plim_wire_field f, g;
    while (in.size) {
        if (!wire_next(&in, &f)) {
            return broken("node", err);
        }
        plim_wire_span attribute = f.number == NODE_ATTRIBUTE ? f.bytes : (plim_wire_span){0};
        while (attribute.size) {
            if (!wire_next(&attribute, &g)) {
                return broken("attribute", err);
            }
            if ((g.number == ATTRIBUTE_GRAPH || g.number == ATTRIBUTE_GRAPHS) &&
                g.kind == PLIM_WIRE_BYTES) {
                PLIM_TRY(read_graph(g.bytes, depth + 1, visitor, err));
            }
        }
    }
    return PLIM_OK;
}

static plim_status read_graph(plim_wire_span in, unsigned depth, const plim_onnx_visitor *visitor,
                              plim_error *err)
{
    plim_onnx_tensor tensor;
    plim_wire_field f;
    if (depth > PLIM_ONNX_DEPTH_MAX) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "graphs nested deeper than 16");
    }
    while (in.size) {
        if (!wire_next(&in, &f)) {
            return broken("graph", err);
        }
        if (f.kind != PLIM_WIRE_BYTES) {
            continue;
        }
        if (f.number == GRAPH_INITIALIZER) {
            PLIM_TRY(plim_onnx_read_tensor(f.bytes, &tensor, err));
            tensor.is_nested = depth > 0;
            if (visitor->tensor) {
                PLIM_TRY(visitor->tensor(visitor->context, &tensor, err));
            }
        } else if (f.number == GRAPH_NODE) {
            PLIM_TRY(read_node(f.bytes, depth, visitor, err));
        } else if ((f.number == GRAPH_INPUT || f.number == GRAPH_OUTPUT) && depth == 0) {
            PLIM_TRY(read_value(f.bytes, f.number == GRAPH_INPUT, visitor, err));
        }
    }
    return PLIM_OK;
}

plim_status plim_onnx_read(plim_wire_span model, const plim_onnx_visitor *visitor, plim_error *err)
{
    plim_wire_field f;
    bool has_graph = false;
    while (model.size) {
        if (!wire_next(&model, &f)) {
            return broken("not an ONNX model", err);
        }
        if (f.number == MODEL_GRAPH && f.kind == PLIM_WIRE_BYTES) {
            has_graph = true;
            PLIM_TRY(read_graph(f.bytes, 0, visitor, err));
        }
    }
    return has_graph ? PLIM_OK : broken("an ONNX model without a graph", err);
}
