/* SPDX-License-Identifier: Apache-2.0 */
/* convert.c - elements from one dtype to another, and what happens to those that do not fit.
 *
 * Decides rounding (nearest, ties to even) and the fate of numbers out of range; convert.h
 * says it. Refuses nothing: whoever calls asked plim_convert_is_possible.
 *
 * Algorithm: blocks of 256 elements are widened to double, int64 or uint64 (all exact),
 * brought to the kind of the target, and narrowed once. 64-bit integers go to small floats
 * through a double that is rounded to odd, which keeps the second rounding right: 53 bits
 * are more than twice 11 and 2 (Boldo and Melquiond, "Emulation of FMA and correctly
 * rounded sums", IEEE Transactions on Computers, 2008). Five dense pairs have their own loop.
 */
#include "src/tensor/convert.h"

#include <string.h>

#define BLOCK 256

typedef enum small_style {
    STYLE_IEEE,   /* infinities and NaNs in the highest exponent */
    STYLE_FN,     /* no infinity; all ones is NaN */
    STYLE_FINITE, /* numbers only */
} small_style;

typedef struct small_float {
    uint32_t exponent_bits, mantissa_bits;
    small_style style;
} small_float;

static const small_float F16 = {5, 10, STYLE_IEEE}, BF16 = {8, 7, STYLE_IEEE},
                         E5M2 = {5, 2, STYLE_IEEE}, E4M3 = {4, 3, STYLE_FN},
                         E2M1 = {2, 1, STYLE_FINITE};

static double double_of(uint64_t bits)
{
    double d;
    memcpy(&d, &bits, sizeof(d));
    return d;
}

static uint64_t bits_of(double d)
{
    uint64_t bits;
    memcpy(&bits, &d, sizeof(bits));
    return bits;
}

/* Every small float is exact in a double. */
static inline double small_decode(uint32_t code, small_float f)
{
    uint32_t bias = (1u << (f.exponent_bits - 1)) - 1, ones = (1u << f.exponent_bits) - 1;
    uint32_t exponent = code >> f.mantissa_bits & ones;
    uint64_t mantissa = code & ((1u << f.mantissa_bits) - 1);
    uint64_t sign = (uint64_t)(code >> (f.exponent_bits + f.mantissa_bits) & 1) << 63;
    uint64_t wide = mantissa << (52 - f.mantissa_bits);
    bool is_top = exponent == ones;
    if (f.style == STYLE_IEEE && is_top) {
        return double_of(sign | UINT64_C(0x7ff) << 52 | wide);
    }
    if (f.style == STYLE_FN && is_top && mantissa + 1 == 1u << f.mantissa_bits) {
        return double_of(sign | UINT64_C(0x7ff8) << 48);
    }
    if (exponent == 0) { /* mantissa x 2^(1 - bias - mantissa_bits) */
        double unit = double_of((uint64_t)(1024 - bias - f.mantissa_bits) << 52);
        return double_of(sign | bits_of((double)mantissa * unit));
    }
    return double_of(sign | (uint64_t)(exponent + 1023 - bias) << 52 | wide);
}

/* IEEE and FN styles only. */
static inline uint32_t small_encode(double value, small_float f)
{
    uint64_t bits = bits_of(value), fraction = bits & ((UINT64_C(1) << 52) - 1);
    uint32_t bias = (1u << (f.exponent_bits - 1)) - 1, ones = (1u << f.exponent_bits) - 1;
    uint32_t sign = (uint32_t)(bits >> 63) << (f.exponent_bits + f.mantissa_bits);
    uint32_t infinity = ones << f.mantissa_bits, all = infinity | ((1u << f.mantissa_bits) - 1);
    int32_t exponent = (int32_t)(bits >> 52 & 0x7ff);
    if (exponent == 0x7ff && fraction) {
        uint32_t payload = (uint32_t)(fraction >> (52 - f.mantissa_bits));
        return sign |
               (f.style == STYLE_FN ? all : infinity | payload | 1u << (f.mantissa_bits - 1));
    }
    if (exponent == 0) {
        return sign; /* below half of every format's smallest number */
    }
    exponent += (int32_t)bias - 1023;
    uint64_t whole = fraction | UINT64_C(1) << 52;
    int32_t shift = 52 - (int32_t)f.mantissa_bits + (exponent < 1 ? 1 - exponent : 0);
    if (shift > 53) {
        return sign;
    }
    uint64_t kept = whole >> shift, lost = whole & ((UINT64_C(1) << shift) - 1);
    uint64_t half = UINT64_C(1) << (shift - 1);
    kept += lost > half || (lost == half && (kept & 1));
    /* The leading one of @kept adds 1 to the exponent, and so does a carry. */
    uint64_t code = kept + ((uint64_t)(exponent < 1 ? 0 : exponent - 1) << f.mantissa_bits);
    uint32_t most = f.style == STYLE_FN ? all : infinity;
    return sign | (code > most ? most : (uint32_t)code);
}

float plim_f16_to_f32(uint16_t code)
{
    uint32_t sign = (uint32_t)(code & 0x8000) << 16, exponent = code >> 10 & 31,
             mantissa = code & 0x3ff, bits;
    float f = (float)mantissa * 0x1p-24f;
    memcpy(&bits, &f, sizeof(bits));
    bits = exponent == 0 ? bits : (exponent + (exponent == 31 ? 224 : 112)) << 23 | mantissa << 13;
    bits |= sign;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

uint16_t plim_f16_from_f32(float value)
{
    return (uint16_t)small_encode(value, F16);
}

float plim_bf16_to_f32(uint16_t code)
{
    uint32_t bits = (uint32_t)code << 16;
    float f;
    memcpy(&f, &bits, sizeof(f));
    return f;
}

uint16_t plim_bf16_from_f32(float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof(bits));
    if ((bits & 0x7fffffff) > 0x7f800000) {
        return (uint16_t)(bits >> 16 | 0x40);
    }
    return (uint16_t)((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}

/* ---- blocks ---- */

typedef enum wide_kind { WIDE_FLOAT, WIDE_SIGNED, WIDE_UNSIGNED } wide_kind;

typedef struct block {
    wide_kind kind;
    union {
        double f[BLOCK];
        int64_t s[BLOCK];
        uint64_t u[BLOCK];
    } v;
} block;

static unsigned char *element(const plim_row *row, int64_t k, int64_t bytes)
{
    return (unsigned char *)row->base + (row->first + k * row->stride) * bytes;
}

/* A 4-bit element's byte and shift; the lower half of a byte comes first. */
static unsigned char *nibble(const plim_row *row, int64_t k, uint32_t *shift)
{
    int64_t index = row->first + k * row->stride, odd = index & 1;
    *shift = odd ? 4 : 0;
    return (unsigned char *)row->base + (index - odd) / 2;
}

static uint32_t nibble_get(const plim_row *row, int64_t k)
{
    uint32_t shift;
    const unsigned char *at = nibble(row, k, &shift);
    return (uint32_t)*at >> shift & 15;
}

static void nibble_put(const plim_row *row, int64_t k, uint64_t value)
{
    uint32_t shift;
    unsigned char *at = nibble(row, k, &shift);
    *at = (unsigned char)((*at & ~(15u << shift)) | (uint32_t)(value & 15) << shift);
}

#define LOAD_AS(type, field, wide, expression)                                                     \
    b->kind = (wide);                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type x;                                                                                    \
        memcpy(&x, element(row, at + i, sizeof(x)), sizeof(x));                                    \
        b->v.field[i] = (expression);                                                              \
    }                                                                                              \
    break
#define LOAD_NIBBLE(field, wide, expression)                                                       \
    b->kind = (wide);                                                                              \
    for (int64_t i = 0; i < n; i++) {                                                              \
        uint32_t x = nibble_get(row, at + i);                                                      \
        b->v.field[i] = (expression);                                                              \
    }                                                                                              \
    break

static void load(const plim_row *row, int64_t at, int64_t n, block *b)
{
    switch (row->dtype) {
    case PLIM_F32:
        LOAD_AS(float, f, WIDE_FLOAT, x);
    case PLIM_F64:
        LOAD_AS(double, f, WIDE_FLOAT, x);
    case PLIM_F16:
        LOAD_AS(uint16_t, f, WIDE_FLOAT, small_decode(x, F16));
    case PLIM_BF16:
        LOAD_AS(uint16_t, f, WIDE_FLOAT, small_decode(x, BF16));
    case PLIM_F8E4M3:
        LOAD_AS(uint8_t, f, WIDE_FLOAT, small_decode(x, E4M3));
    case PLIM_F8E5M2:
        LOAD_AS(uint8_t, f, WIDE_FLOAT, small_decode(x, E5M2));
    case PLIM_F4E2M1:
        LOAD_NIBBLE(f, WIDE_FLOAT, small_decode(x, E2M1));
    case PLIM_I8:
        LOAD_AS(int8_t, s, WIDE_SIGNED, x);
    case PLIM_I16:
        LOAD_AS(int16_t, s, WIDE_SIGNED, x);
    case PLIM_I32:
        LOAD_AS(int32_t, s, WIDE_SIGNED, x);
    case PLIM_I64:
        LOAD_AS(int64_t, s, WIDE_SIGNED, x);
    case PLIM_I4:
        LOAD_NIBBLE(s, WIDE_SIGNED, (int64_t)(x ^ 8) - 8);
    case PLIM_U8:
        LOAD_AS(uint8_t, u, WIDE_UNSIGNED, x);
    case PLIM_U16:
        LOAD_AS(uint16_t, u, WIDE_UNSIGNED, x);
    case PLIM_U32:
        LOAD_AS(uint32_t, u, WIDE_UNSIGNED, x);
    case PLIM_U64:
        LOAD_AS(uint64_t, u, WIDE_UNSIGNED, x);
    case PLIM_BOOL:
        LOAD_AS(uint8_t, u, WIDE_UNSIGNED, x != 0);
    case PLIM_U4:
        LOAD_NIBBLE(u, WIDE_UNSIGNED, x);
    case PLIM_DTYPE_NONE:
        break;
    }
}

/* Rounded to odd: what was cut off leaves a mark in the last bit. */
static double odd_double(uint64_t magnitude, bool is_negative)
{
    uint64_t cut = 0;
    while (magnitude >> 53) {
        cut = cut * 2 + 1;
        magnitude = magnitude >> 1 | (magnitude & 1);
    }
    double d = (double)magnitude * ((double)cut + 1);
    return is_negative ? -d : d;
}

static void to_float(block *b, int64_t n, plim_dtype target)
{
    wide_kind kind = b->kind;
    for (int64_t i = 0; i < n && kind != WIDE_FLOAT; i++) {
        int64_t s = b->v.s[i];
        uint64_t u = b->v.u[i];
        bool is_signed = kind == WIDE_SIGNED, is_negative = is_signed && s < 0;
        if (target == PLIM_F64) {
            b->v.f[i] = is_signed ? (double)s : (double)u;
        } else if (target == PLIM_F32) {
            b->v.f[i] = is_signed ? (float)s : (float)u;
        } else {
            b->v.f[i] = odd_double(is_negative ? 0 - u : u, is_negative);
        }
    }
    b->kind = WIDE_FLOAT;
}

static int64_t clamp_float(double d, int64_t low, int64_t high)
{
    if (!(d > (double)low)) {
        return d <= (double)low ? low : 0; /* NaN is neither */
    }
    /* (double)INT64_MAX is 2^63, the first that does not fit */
    return d >= (double)high ? high : (int64_t)d;
}

static void to_signed(block *b, int64_t n, int64_t low, int64_t high)
{
    wide_kind kind = b->kind;
    for (int64_t i = 0; i < n; i++) {
        int64_t s = b->v.s[i];
        if (kind == WIDE_FLOAT) {
            s = clamp_float(b->v.f[i], low, high);
        } else if (kind == WIDE_UNSIGNED) {
            s = b->v.u[i] > (uint64_t)high ? high : (int64_t)b->v.u[i];
        }
        b->v.s[i] = s < low ? low : s > high ? high : s;
    }
    b->kind = WIDE_SIGNED;
}

static uint64_t unsigned_of_float(double d, uint64_t high)
{
    if (!(d > 0)) {
        return 0;
    }
    return d >= (double)high ? high : (uint64_t)d;
}

static void to_unsigned(block *b, int64_t n, uint64_t high)
{
    wide_kind kind = b->kind;
    for (int64_t i = 0; i < n; i++) {
        uint64_t u = b->v.u[i];
        if (kind == WIDE_FLOAT) {
            u = unsigned_of_float(b->v.f[i], high);
        } else if (kind == WIDE_SIGNED && b->v.s[i] < 0) {
            u = 0;
        }
        b->v.u[i] = u > high ? high : u;
    }
    b->kind = WIDE_UNSIGNED;
}

static void to_bool(block *b, int64_t n)
{
    for (int64_t i = 0; i < n; i++) {
        b->v.u[i] = b->kind == WIDE_FLOAT ? b->v.f[i] != 0 : b->v.u[i] != 0;
    }
    b->kind = WIDE_UNSIGNED;
}

#define STORE_AS(type, expression)                                                                 \
    for (int64_t i = 0; i < n; i++) {                                                              \
        type x = (type)(expression);                                                               \
        memcpy(element(row, at + i, sizeof(x)), &x, sizeof(x));                                    \
    }                                                                                              \
    break

static void store_float(const plim_row *row, int64_t at, int64_t n, const block *b)
{
    switch (row->dtype) {
    case PLIM_F32:
        STORE_AS(float, b->v.f[i]);
    case PLIM_F64:
        STORE_AS(double, b->v.f[i]);
    case PLIM_F16:
        STORE_AS(uint16_t, small_encode(b->v.f[i], F16));
    case PLIM_BF16:
        STORE_AS(uint16_t, small_encode(b->v.f[i], BF16));
    case PLIM_F8E4M3:
        STORE_AS(uint8_t, small_encode(b->v.f[i], E4M3));
    default: /* PLIM_F8E5M2: the caller asked for nothing else */
        STORE_AS(uint8_t, small_encode(b->v.f[i], E5M2));
    }
}

static void store_int(const plim_row *row, int64_t at, int64_t n, const block *b)
{
    switch (plim_dtype_bits(row->dtype)) {
    case 4:
        for (int64_t i = 0; i < n; i++) {
            nibble_put(row, at + i, b->v.u[i]);
        }
        break;
    case 8:
        STORE_AS(uint8_t, b->v.u[i]);
    case 16:
        STORE_AS(uint16_t, b->v.u[i]);
    case 32:
        STORE_AS(uint32_t, b->v.u[i]);
    default:
        STORE_AS(uint64_t, b->v.u[i]);
    }
}

static void narrow(const plim_row *row, int64_t at, int64_t n, block *b)
{
    uint32_t bits = plim_dtype_bits(row->dtype);
    switch (row->dtype) {
    case PLIM_I8:
    case PLIM_I16:
    case PLIM_I32:
    case PLIM_I64:
    case PLIM_I4:
        to_signed(b, n, INT64_MIN >> (64 - bits), INT64_MAX >> (64 - bits));
        store_int(row, at, n, b);
        break;
    case PLIM_U8:
    case PLIM_U16:
    case PLIM_U32:
    case PLIM_U64:
    case PLIM_U4:
        to_unsigned(b, n, UINT64_MAX >> (64 - bits));
        store_int(row, at, n, b);
        break;
    case PLIM_BOOL:
        to_bool(b, n);
        store_int(row, at, n, b);
        break;
    default:
        to_float(b, n, row->dtype);
        store_float(row, at, n, b);
    }
}

/* ---- dense loops for the pairs that are many ---- */

#define DENSE(from_type, to_type, expression)                                                      \
    for (int64_t i = 0; i < count; i++) {                                                          \
        from_type x;                                                                               \
        memcpy(&x, in + i * (int64_t)sizeof(x), sizeof(x));                                        \
        to_type y = (expression);                                                                  \
        memcpy(out + i * (int64_t)sizeof(y), &y, sizeof(y));                                       \
    }                                                                                              \
    return true

static bool convert_dense(const plim_row *from, const plim_row *to, int64_t count)
{
    int64_t in_bytes = plim_dtype_bits(from->dtype) / 8, out_bytes = plim_dtype_bits(to->dtype) / 8;
    const unsigned char *in = (const unsigned char *)from->base + from->first * in_bytes;
    unsigned char *out = (unsigned char *)to->base + to->first * out_bytes;
    if (from->stride != 1 || to->stride != 1) {
        return false;
    }
    if (from->dtype == PLIM_U8 && to->dtype == PLIM_F32) {
        DENSE(uint8_t, float, x);
    }
    if (from->dtype == PLIM_F16 && to->dtype == PLIM_F32) {
        DENSE(uint16_t, float, plim_f16_to_f32(x));
    }
    if (from->dtype == PLIM_BF16 && to->dtype == PLIM_F32) {
        DENSE(uint16_t, float, plim_bf16_to_f32(x));
    }
    if (from->dtype == PLIM_F32 && to->dtype == PLIM_F16) {
        DENSE(float, uint16_t, plim_f16_from_f32(x));
    }
    if (from->dtype == PLIM_F32 && to->dtype == PLIM_BF16) {
        DENSE(float, uint16_t, plim_bf16_from_f32(x));
    }
    return false;
}

/* Same dtype: bits move as they are. */
static void move_row(const plim_row *from, const plim_row *to, int64_t count)
{
    uint32_t bits = plim_dtype_bits(from->dtype);
    size_t bytes = bits / 8;
    if (bits >= 8 && from->stride == 1 && to->stride == 1) {
        memmove(element(to, 0, bits / 8), element(from, 0, bits / 8), (size_t)count * bytes);
        return;
    }
    for (int64_t i = 0; i < count; i++) {
        if (bits >= 8) {
            memmove(element(to, i, bits / 8), element(from, i, bits / 8), bytes);
        } else {
            nibble_put(to, i, nibble_get(from, i));
        }
    }
}

bool plim_convert_is_possible(plim_dtype from, plim_dtype to)
{
    return plim_dtype_bits(from) && plim_dtype_bits(to) && (from == to || to != PLIM_F4E2M1);
}

void plim_convert_row(const plim_row *from, const plim_row *to, int64_t count)
{
    if (from->dtype == to->dtype) {
        move_row(from, to, count);
        return;
    }
    if (convert_dense(from, to, count)) {
        return;
    }
    block b;
    for (int64_t at = 0; at < count; at += BLOCK) {
        int64_t n = count - at < BLOCK ? count - at : BLOCK;
        load(from, at, n, &b);
        narrow(to, at, n, &b);
    }
}
