/* SPDX-License-Identifier: Apache-2.0 */
/* dtype.c - names and widths of element types, from the one list in tensor.h. */
#include <string.h>

#include "plimsoll/tensor.h"

typedef struct dtype_name {
    const char *text;
    plim_dtype dtype;
} dtype_name;

static const dtype_name names[] = {
#define DTYPE_NAME(name, number, text, bits, dl_code, dl_bits) {text, PLIM_##name},
    PLIM_DTYPE_LIST(DTYPE_NAME)
#undef DTYPE_NAME
    /* the short names that file formats and people use */
    {"f32", PLIM_F32},
    {"fp32", PLIM_F32},
    {"float", PLIM_F32},
    {"f64", PLIM_F64},
    {"fp64", PLIM_F64},
    {"double", PLIM_F64},
    {"f16", PLIM_F16},
    {"fp16", PLIM_F16},
    {"half", PLIM_F16},
    {"bf16", PLIM_BF16},
    {"i8", PLIM_I8},
    {"i16", PLIM_I16},
    {"i32", PLIM_I32},
    {"i64", PLIM_I64},
    {"u8", PLIM_U8},
    {"u16", PLIM_U16},
    {"u32", PLIM_U32},
    {"u64", PLIM_U64},
    {"boolean", PLIM_BOOL},
    {"i4", PLIM_I4},
    {"u4", PLIM_U4},
    {"fp8", PLIM_F8E4M3},
    {"fp8_e4m3", PLIM_F8E4M3},
    {"f8e4m3", PLIM_F8E4M3},
    {"float8_e4m3", PLIM_F8E4M3},
    {"f8_e4m3", PLIM_F8E4M3},
    {"fp8_e5m2", PLIM_F8E5M2},
    {"f8e5m2", PLIM_F8E5M2},
    {"f8_e5m2", PLIM_F8E5M2},
    {"fp4", PLIM_F4E2M1},
    {"f4e2m1", PLIM_F4E2M1},
};

/* Names are ASCII; formats differ in case ("BF16", "bf16"). */
static bool is_same_name(const char *a, const char *b)
{
    for (; *a && *b; a++, b++) {
        char low_a = *a >= 'A' && *a <= 'Z' ? (char)(*a + 32) : *a;
        if (low_a != *b) {
            return false;
        }
    }
    return *a == *b;
}

plim_status plim_dtype_parse(const char *text, plim_dtype *out, plim_error *err)
{
    *out = PLIM_DTYPE_NONE;
    for (size_t i = 0; text && i < sizeof(names) / sizeof(names[0]); i++) {
        if (is_same_name(text, names[i].text)) {
            *out = names[i].dtype;
            return PLIM_OK;
        }
    }
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "unknown dtype", "dtype",
                          "float32, float16, bfloat16, int8, int4, float8_e4m3fn ...",
                          text ? text : "nothing");
}

const char *plim_dtype_name(plim_dtype dtype)
{
    switch (dtype) {
#define DTYPE_TEXT(name, number, text, bits, dl_code, dl_bits)                                     \
    case PLIM_##name:                                                                              \
        return text;
        PLIM_DTYPE_LIST(DTYPE_TEXT)
#undef DTYPE_TEXT
    case PLIM_DTYPE_NONE:
        break;
    }
    return "?";
}

uint32_t plim_dtype_bits(plim_dtype dtype)
{
    switch (dtype) {
#define DTYPE_BITS(name, number, text, bits, dl_code, dl_bits)                                     \
    case PLIM_##name:                                                                              \
        return bits;
        PLIM_DTYPE_LIST(DTYPE_BITS)
#undef DTYPE_BITS
    case PLIM_DTYPE_NONE:
        break;
    }
    return 0;
}
