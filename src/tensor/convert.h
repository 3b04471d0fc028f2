/* SPDX-License-Identifier: Apache-2.0 */
/* convert.h - one row of elements from one dtype to another. */
#ifndef SRC_TENSOR_CONVERT_H
#define SRC_TENSOR_CONVERT_H

#include "plimsoll/tensor.h"

/* Elements first, first + stride, ... of @base; bytes need no alignment. */
typedef struct plim_row {
    void *base;
    int64_t first, stride;
    plim_dtype dtype;
} plim_row;

/* Can plim_convert_row go from one to the other? float4 is only read. */
bool plim_convert_is_possible(plim_dtype from, plim_dtype to);

/* plim_convert_row - @count elements. Rounding is to nearest, ties to even.
 *
 * float -> float   too large: infinity, or NaN where the format has none (float8_e4m3fn);
 *                  NaN stays NaN and becomes quiet
 * float -> int     toward zero; too large: the nearest end; NaN: 0
 * int -> int       too large: the nearest end
 * bool             0 or 1; anything but 0 becomes 1
 */
void plim_convert_row(const plim_row *from, const plim_row *to, int64_t count);

/* Small floats as bits. */
float plim_f16_to_f32(uint16_t code);
uint16_t plim_f16_from_f32(float value);
float plim_bf16_to_f32(uint16_t code);
uint16_t plim_bf16_from_f32(float value);

#endif
