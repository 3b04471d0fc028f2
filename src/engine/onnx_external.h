/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_external.h - which tensors of an ONNX model lie in other files. */
#ifndef ENGINE_ONNX_EXTERNAL_H
#define ENGINE_ONNX_EXTERNAL_H

#include <stdbool.h>

#include "src/engine/beneath.h"

typedef struct plim_onnx_external {
    char location[PLIM_BENEATH_BYTES];
    uint64_t offset, length;
    bool has_length; /* false: to the end of the file */
} plim_onnx_external;

/* Calls @each for every tensor with external data, in file order; its failure ends the scan.
 * Errors: E_FORMAT not protobuf, an unknown key, or no location; E_IO. */
plim_status plim_onnx_external_scan(int fd, const char *path, uint64_t file_bytes,
                                    plim_status (*each)(void *context,
                                                        const plim_onnx_external *tensor,
                                                        plim_error *err),
                                    void *context, plim_error *err);

#endif
