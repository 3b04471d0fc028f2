/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_split.h - take the constants out of a model: a small graph, and where each goes. */
#ifndef BACKEND_ONNXRUNTIME_ONNX_SPLIT_H
#define BACKEND_ONNXRUNTIME_ONNX_SPLIT_H

#include "src/backend/onnxruntime/onnx_read.h"

#define PLIM_ONNX_INLINE_MAX  128u /* smaller constants stay in the graph */
#define PLIM_ONNX_ALIGN_BYTES 64u

/* One constant that leaves the graph, in document order. */
typedef struct plim_onnx_move {
    const uint8_t *message; /* its TensorProto in the model */
    plim_wire_span name;
    bool is_nested;
    plim_wire_span raw;      /* its bytes there, or ... */
    plim_wire_span location; /* ... the file that holds them, */
    uint64_t from_bytes;     /* at this offset */
    uint64_t size_bytes;
    uint64_t to_bytes; /* offset in the weights section */
    plim_dtype dtype;
    bool is_copy; /* same name and bytes as moves[original], whose place it shares */
    size_t original;
} plim_onnx_move;

typedef struct plim_onnx_split {
    plim_wire_span model;
    const char *location;  /* that the new graph names as the file of every constant */
    plim_onnx_move *moves; /* caller's memory, plim_onnx_count(model) entries */
    size_t move_count;
    uint64_t weights_bytes; /* end of the last constant */
    /* Do two constants of one name and size hold the same bytes? NULL: no. */
    bool (*is_same)(void *context, const plim_onnx_move *a, const plim_onnx_move *b);
    void *context;
    bool is_one_file; /* every constant lies in one file already, aligned: kept there */
} plim_onnx_split;

/* plim_onnx_count - how many constants a split would move. Errors: as plim_onnx_read. */
PLIM_MUST_USE plim_status plim_onnx_count(plim_wire_span model, size_t *out, plim_error *err);

/* plim_onnx_plan - choose the offsets. When all constants lie in one file of their own at
 * aligned offsets, they keep them, so that the file can be packed as it is.
 * Errors:  E_UNSUPPORTED  two constants of one name with different bytes, in subgraphs.
 *          Others as plim_onnx_read. */
PLIM_MUST_USE plim_status plim_onnx_plan(plim_onnx_split *self, plim_error *err);

/* plim_onnx_write - the graph without those constants. @out NULL: only the size.
 * Errors:  E_RANGE  @out_bytes is not what the size call said. */
PLIM_MUST_USE plim_status plim_onnx_write(const plim_onnx_split *self, uint8_t *out,
                                          size_t out_bytes, size_t *needed, plim_error *err);

#endif
