/* SPDX-License-Identifier: Apache-2.0 */
/* shape.h - what the tensor room's files share about shapes. */
#ifndef SRC_TENSOR_SHAPE_H
#define SRC_TENSOR_SHAPE_H

#include "plimsoll/tensor.h"

/* The elements that a shape holds; false when the product, with empty dimensions counted as
 * 1, does not fit 63 bits. Dimensions are not negative. */
bool plim_shape_elements(const int64_t *shape, uint32_t rank, int64_t *out);

/* Row-major strides; the shape passed plim_shape_elements. */
void plim_shape_dense_strides(const int64_t *shape, uint32_t rank, int64_t *strides);

/* Refuses a rank above 8, a negative dimension, and too many elements. */
plim_status plim_shape_check(const int64_t *shape, uint32_t rank, plim_dtype dtype,
                             plim_error *err);

/* The lowest and the highest element index that the strides reach, relative to the first
 * element; false when either, in bits, does not fit 63 bits. Nothing: 0 and -1. */
bool plim_tensor_reach(const plim_tensor *self, int64_t *out_low, int64_t *out_high);

/* printf into a small buffer on the stack, as an argument for plim_error_set. */
typedef struct plim_text {
    char text[48];
} plim_text;
plim_text plim_text_number(int64_t number);

/* The memory that a region's blocks lie in. */
plim_memory_kind plim_region_memory(const plim_region *region);

#endif
