/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_external.h - which tensors of an ONNX model lie in other files, and of what types. */
#ifndef ENGINE_ONNX_EXTERNAL_H
#define ENGINE_ONNX_EXTERNAL_H

#include <stdbool.h>

#include "src/engine/beneath.h"
#include "src/engine/weights.h"

typedef struct plim_onnx_external {
    char location[PLIM_BENEATH_BYTES];
    uint64_t offset, length;
    bool has_length; /* false: to the end of the file */
} plim_onnx_external;

typedef plim_status (*plim_onnx_each)(void *context, const plim_onnx_external *tensor,
                                      plim_error *err);

/* Calls @each (NULL: nobody) for every tensor with external data, in file order; its failure ends
 * the scan. @weights (NULL: not wanted) gets the bytes of every tensor added by type.
 * Errors: E_FORMAT not protobuf, an unknown key, no location, or with @weights a shape that the
 * tensor's bytes do not fill; those of @source. */
plim_status plim_onnx_scan(const plim_byte_source *source, plim_onnx_each each, void *context,
                           plim_weights *weights, plim_error *err);

#endif
