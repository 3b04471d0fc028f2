/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_read.h - what a .onnx file says about its tensors. */
#ifndef BACKEND_ONNXRUNTIME_ONNX_READ_H
#define BACKEND_ONNXRUNTIME_ONNX_READ_H

#include "plimsoll/tensor.h"
#include "src/backend/onnxruntime/onnx_wire.h"

/* One trained constant, in the main graph or in the graph of an If, Loop or Scan. */
typedef struct plim_onnx_tensor {
    plim_wire_span name;
    plim_wire_span message; /* the whole TensorProto */
    uint32_t element;       /* ONNX's number of the element type */
    plim_dtype dtype;       /* NONE when we have no such type (strings, complex) */
    uint32_t rank;
    int64_t dims[PLIM_TENSOR_RANK_MAX];
    uint64_t data_bytes; /* that dims and dtype call for; 0 when dtype is NONE */
    bool is_external;
    bool is_nested;                      /* in a subgraph */
    plim_wire_span location;             /* external: name of the file, beside the model */
    uint64_t offset_bytes, length_bytes; /* external: where; length 0: not given */
    plim_wire_span raw; /* inline: raw_data; empty when typed fields hold the values */
} plim_onnx_tensor;

/* One graph input or output. dims: -1 is dynamic. */
typedef struct plim_onnx_value {
    plim_wire_span name;
    bool is_input;
    plim_dtype dtype;
    uint32_t rank;
    int64_t dims[PLIM_TENSOR_RANK_MAX];
} plim_onnx_value;

typedef struct plim_onnx_visitor {
    void *context;
    /* NULL: not wanted. A status other than OK ends the reading and is passed up. */
    plim_status (*tensor)(void *context, const plim_onnx_tensor *tensor, plim_error *err);
    plim_status (*value)(void *context, const plim_onnx_value *value, plim_error *err);
} plim_onnx_visitor;

#define PLIM_ONNX_DEPTH_MAX 16 /* graphs within graphs */

/* plim_onnx_read - one pass over a ModelProto in memory, in document order.
 *
 * Owns:    borrows all; spans point into @model.
 * Errors:  E_FORMAT       not protobuf, or not a model: detail "at byte N".
 *          E_UNSUPPORTED  a rank above 8, or graphs nested deeper than 16.
 *          E_RANGE        dims whose product overflows, or a number that does not fit.
 */
PLIM_MUST_USE plim_status plim_onnx_read(plim_wire_span model, const plim_onnx_visitor *visitor,
                                         plim_error *err);

/* plim_onnx_read_tensor - one TensorProto. Errors as above. */
PLIM_MUST_USE plim_status plim_onnx_read_tensor(plim_wire_span message, plim_onnx_tensor *out,
                                                plim_error *err);

/* The element type's number, and back. */
plim_dtype plim_onnx_dtype(uint32_t element);
uint32_t plim_onnx_element(plim_dtype dtype); /* 0: none */

#endif
