/* SPDX-License-Identifier: Apache-2.0 */
/* test_convert.c - every dtype against a reference that knows only ldexp and nearbyint. */
#include "src/tensor/convert.h"

#include <math.h>

#include "test/support/cm.h"

/* A small float by its definition: bits, bias, largest number, and whether it has infinity. */
typedef struct format {
    plim_dtype dtype;
    int exponent_bits, mantissa_bits, bias;
    double largest;
    bool has_infinity;
} format;

static const format F16 = {PLIM_F16, 5, 10, 15, 65504, true};
static const format E4M3 = {PLIM_F8E4M3, 4, 3, 7, 448, false};
static const format E5M2 = {PLIM_F8E5M2, 5, 2, 15, 57344, true};

static format bf16(void)
{
    return (format){PLIM_BF16, 8, 7, 127, ldexp(255, 120), true};
}

static double value_of(uint32_t code, format f)
{
    int e = (int)(code >> f.mantissa_bits) & ((1 << f.exponent_bits) - 1);
    int m = (int)code & ((1 << f.mantissa_bits) - 1), ones = (1 << f.exponent_bits) - 1;
    double sign = code >> (f.exponent_bits + f.mantissa_bits) & 1 ? -1 : 1;
    if (f.has_infinity && e == ones) {
        return m ? (double)NAN : sign * (double)INFINITY;
    }
    if (f.dtype == PLIM_F8E4M3 && e == ones && m == 7) {
        return NAN;
    }
    return sign * (e ? ldexp((1 << f.mantissa_bits) + m, e - f.bias - f.mantissa_bits)
                     : ldexp(m, 1 - f.bias - f.mantissa_bits));
}

/* The number of the format that is nearest to @x, ties to even. */
static double nearest(long double x, format f)
{
    int e;
    if (x == 0 || isnan(x) || isinf(x)) {
        return isinf(x) && !f.has_infinity ? (double)NAN : (double)x;
    }
    frexpl(x, &e);
    int unit = e - 1 - f.mantissa_bits, least = 1 - f.bias - f.mantissa_bits;
    unit = unit < least ? least : unit;
    double y = (double)ldexpl(nearbyintl(ldexpl(x, -unit)), unit);
    if (fabs(y) > f.largest) {
        return f.has_infinity ? copysign((double)INFINITY, y) : (double)NAN;
    }
    return y;
}

static bool is_same(double a, double b)
{
    return (isnan(a) && isnan(b)) || (a == b && signbit(a) == signbit(b));
}

static void convert(plim_dtype from, const void *in, plim_dtype to, void *out, int64_t count)
{
    assert_true(plim_convert_is_possible(from, to));
    plim_row a = {(void *)(uintptr_t)in, 0, 1, from}, b = {out, 0, 1, to};
    plim_convert_row(&a, &b, count);
}

static void check_all_codes(format f)
{
    uint32_t count = f.dtype == PLIM_F16 || f.dtype == PLIM_BF16 ? 65536 : 256;
    for (uint32_t code = 0; code < count; code++) {
        uint16_t wide_code = (uint16_t)code, back16 = 0;
        uint8_t byte = (uint8_t)code, back8 = 0;
        const void *in = count == 256 ? (const void *)&byte : &wide_code;
        void *out = count == 256 ? (void *)&back8 : &back16;
        float single;
        double both, expected = value_of(code, f);
        convert(f.dtype, in, PLIM_F32, &single, 1);
        convert(f.dtype, in, PLIM_F64, &both, 1);
        assert_true(is_same(single, expected));
        assert_true(is_same(both, expected));

        convert(PLIM_F32, &single, f.dtype, out, 1);
        uint32_t back = count == 256 ? back8 : back16;
        if (isnan(expected)) {
            assert_true(isnan(value_of(back, f)));
            assert_int_equal(back & (count / 2), code & (count / 2)); /* its sign */
            assert_int_equal(back | 1u << (f.mantissa_bits - 1),
                             code | 1u << (f.mantissa_bits - 1)); /* its payload, made quiet */
        } else {
            assert_int_equal(back, code);
        }
        convert(PLIM_F64, &both, f.dtype, out, 1);
        assert_int_equal(count == 256 ? back8 : back16, back);
    }
}

static void all_65536_codes_of_float16_go_there_and_back(void **state)
{
    (void)state;
    check_all_codes(F16);
}

static void all_65536_codes_of_bfloat16_go_there_and_back(void **state)
{
    (void)state;
    check_all_codes(bf16());
}

static void all_256_codes_of_both_8_bit_floats_go_there_and_back(void **state)
{
    (void)state;
    check_all_codes(E4M3);
    check_all_codes(E5M2);
}

static uint32_t narrow(plim_dtype from, const void *in, format f)
{
    uint16_t code16 = 0;
    uint8_t code8 = 0;
    bool is_wide = f.exponent_bits + f.mantissa_bits == 15;
    convert(from, in, f.dtype, is_wide ? (void *)&code16 : &code8, 1);
    return is_wide ? code16 : code8;
}

/* Bit patterns all over, and on and beside the middle between neighbours of the format. */
static void check_rounding(format f, uint64_t seed)
{
    uint32_t codes = f.exponent_bits + f.mantissa_bits == 15 ? 0x8000 : 0x80;
    for (int k = 0; k < 200000; k++) {
        uint32_t bits = (uint32_t)cm_next(&seed);
        float single;
        memcpy(&single, &bits, sizeof(single));
        assert_true(is_same(value_of(narrow(PLIM_F32, &single, f), f), nearest(single, f)));
        double both = ldexp((double)cm_next(&seed), (int)(cm_next(&seed) % 330) - 230);
        both = cm_next(&seed) % 2 ? both : -both;
        assert_true(is_same(value_of(narrow(PLIM_F64, &both, f), f), nearest(both, f)));
    }
    for (uint32_t code = 0; code + 1 < codes; code++) {
        double low = value_of(code, f), high = value_of(code + 1, f);
        if (isnan(low) || isnan(high) || isinf(low) || isinf(high)) {
            continue;
        }
        double middle = low + (high - low) / 2; /* exact in a double */
        double tests[] = {middle, nextafter(middle, 0), nextafter(middle, 1e300), low, high};
        for (size_t i = 0; i < 5; i++) {
            double minus = -tests[i];
            assert_true(is_same(value_of(narrow(PLIM_F64, &tests[i], f), f), nearest(tests[i], f)));
            assert_true(is_same(value_of(narrow(PLIM_F64, &minus, f), f), nearest(minus, f)));
        }
        float single = (float)middle; /* exact too */
        assert_true(is_same(value_of(narrow(PLIM_F32, &single, f), f), nearest(middle, f)));
    }
}

static void narrowing_rounds_to_nearest_even(void **state)
{
    (void)state;
    uint64_t seed = cm_seed();
    check_rounding(F16, seed);
    check_rounding(bf16(), seed);
    check_rounding(E4M3, seed);
    check_rounding(E5M2, seed);
}

static void edges_of_the_small_floats(void **state)
{
    (void)state;
    const double above = 65520, below = nextafter(65520, 0), tiny = ldexp(1, -25);
    assert_int_equal(narrow(PLIM_F64, &above, F16), 0x7c00);
    assert_int_equal(narrow(PLIM_F64, &below, F16), 0x7bff);
    assert_int_equal(narrow(PLIM_F64, &tiny, F16), 0); /* half of the smallest: ties to even */
    const double tiny_up = nextafter(tiny, 1), tie = 464, over = nextafter(464, 500);
    assert_int_equal(narrow(PLIM_F64, &tiny_up, F16), 1);
    assert_int_equal(narrow(PLIM_F64, &tie, E4M3), 0x7e);
    assert_int_equal(narrow(PLIM_F64, &over, E4M3), 0x7f); /* no infinity: NaN */
    const float infinite = -INFINITY;
    assert_int_equal(narrow(PLIM_F32, &infinite, E4M3), 0xff);
    assert_int_equal(narrow(PLIM_F32, &infinite, E5M2), 0xfc);
    assert_int_equal(narrow(PLIM_F32, &infinite, bf16()), 0xff80);
}

static void integers_of_64_bits_round_once(void **state)
{
    uint64_t seed = cm_seed() + 5;
    const format formats[] = {F16, bf16(), E4M3, E5M2};
    (void)state;

    for (int k = 0; k < 200000; k++) {
        uint64_t u = cm_next(&seed) >> cm_next(&seed) % 64;
        if (k % 2) { /* beside a middle of bfloat16, where two roundings would show */
            int shift = 9 + (int)(cm_next(&seed) % 55);
            u = (u | UINT64_C(1) << 63) >> (63 - shift);
            u = (u >> (shift - 8) << (shift - 8)) + (UINT64_C(1) << (shift - 8)) +
                cm_next(&seed) % 3 - 1;
        }
        int64_t s = (int64_t)u;
        double both;
        float single;
        convert(PLIM_I64, &s, PLIM_F64, &both, 1);
        convert(PLIM_U64, &u, PLIM_F32, &single, 1);
        assert_true(both == (double)s && single == (float)u);
        for (size_t i = 0; i < 4; i++) {
            format f = formats[i];
            assert_true(is_same(value_of(narrow(PLIM_I64, &s, f), f), nearest(s, f)));
            assert_true(is_same(value_of(narrow(PLIM_U64, &u, f), f), nearest(u, f)));
        }
    }
}

static const plim_dtype ints[] = {PLIM_I8,  PLIM_I16, PLIM_I32, PLIM_I64, PLIM_U8,
                                  PLIM_U16, PLIM_U32, PLIM_U64, PLIM_I4,  PLIM_U4};

static bool is_signed(plim_dtype d)
{
    return d == PLIM_I8 || d == PLIM_I16 || d == PLIM_I32 || d == PLIM_I64 || d == PLIM_I4;
}

__extension__ typedef __int128 wide;

/* The integer of dtype @d that lies in @in, as something wide enough for all of them. */
static wide integer_of(plim_dtype d, uint64_t in)
{
    uint32_t bits = plim_dtype_bits(d);
    uint64_t mask = bits == 64 ? UINT64_MAX : (UINT64_C(1) << bits) - 1;
    bool is_negative = is_signed(d) && (in >> (bits - 1) & 1);
    return is_negative ? -(wide)(~in & mask) - 1 : (wide)(in & mask);
}

static void integers_that_do_not_fit_become_the_nearest_end(void **state)
{
    uint64_t seed = cm_seed() + 6;
    (void)state;

    for (int k = 0; k < 2000; k++) {
        uint64_t in = cm_next(&seed) >> cm_next(&seed) % 64;
        in = k % 3 ? in : 0 - in;
        for (size_t a = 0; a < 10; a++) {
            for (size_t b = 0; b < 10; b++) {
                uint64_t out = 0;
                convert(ints[a], &in, ints[b], &out, 1); /* little endian */
                uint32_t bits = plim_dtype_bits(ints[b]);
                bool is_s = is_signed(ints[b]);
                wide x = integer_of(ints[a], in), one = 1;
                wide high = (one << (is_s ? bits - 1 : bits)) - 1;
                wide low = is_s ? -high - 1 : 0;
                x = x < low ? low : x > high ? high : x;
                assert_true(integer_of(ints[b], out) == x);
            }
        }
    }
}

static void floats_go_to_integers_toward_zero_and_stop_at_the_ends(void **state)
{
    static const double in[] = {0.0,    -0.9,   1.999,    -128.5,    127.99,
                                128.0,  -129.0, 255.5,    256.0,     1e300,
                                -1e300, NAN,    INFINITY, -INFINITY, 9223372036854775808.0};
    static const int8_t i8[] = {0,   0,   1,    -128, 127, 127,  -128, 127,
                                127, 127, -128, 0,    127, -128, 127};
    static const uint8_t u8[] = {0, 0, 1, 0, 127, 128, 0, 255, 255, 255, 0, 0, 255, 0, 255};
    static const uint8_t flags[] = {0, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1};
    int64_t i64[15];
    uint64_t u64[15];
    int8_t out_i8[15];
    uint8_t out_u8[15], out_flags[15];
    (void)state;

    convert(PLIM_F64, in, PLIM_I8, out_i8, 15);
    convert(PLIM_F64, in, PLIM_U8, out_u8, 15);
    convert(PLIM_F64, in, PLIM_BOOL, out_flags, 15);
    convert(PLIM_F64, in, PLIM_I64, i64, 15);
    convert(PLIM_F64, in, PLIM_U64, u64, 15);

    assert_memory_equal(out_i8, i8, 15);
    assert_memory_equal(out_u8, u8, 15);
    assert_memory_equal(out_flags, flags, 15);
    assert_true(i64[9] == INT64_MAX && i64[10] == INT64_MIN && i64[11] == 0 &&
                i64[14] == INT64_MAX);
    assert_true(u64[9] == UINT64_MAX && u64[10] == 0 && u64[14] == UINT64_C(1) << 63);
}

static void bytes_become_floats_at_any_length_and_stride(void **state)
{
    uint8_t in[1000];
    float out[1000];
    (void)state;
    for (size_t i = 0; i < 1000; i++) {
        in[i] = (uint8_t)(i * 7);
    }

    for (int64_t count = 0; count < 600; count += 37) {
        for (int64_t stride = 1; stride <= 3 && count * stride < 1000; stride++) {
            memset(out, 0xff, sizeof(out));
            plim_row a = {in, 0, stride, PLIM_U8}, b = {out, 0, 1, PLIM_F32};
            plim_convert_row(&a, &b, count);
            for (int64_t i = 0; i < count; i++) {
                assert_true(out[i] == (float)in[i * stride]);
            }
            assert_true(isnan(out[count])); /* not one past the end */
        }
    }
    plim_row back = {in, 999, -1, PLIM_U8}, to = {out, 0, 1, PLIM_F32};
    plim_convert_row(&back, &to, 1000);
    assert_true(out[0] == (float)in[999] && out[999] == (float)in[0]);
}

static void four_bits_unpack_and_pack_lower_half_first(void **state)
{
    static const int8_t apart[] = {1, -2, 7, -8, 0, -1, 100, -100};
    static const uint8_t packed[] = {0xe1, 0x87, 0xf0, 0x87}; /* the last two are the ends */
    uint8_t out[4] = {0};
    int8_t back[8];
    float fp4[16];
    uint8_t all[8] = {0x10, 0x32, 0x54, 0x76, 0x98, 0xba, 0xdc, 0xfe};
    static const float e2m1[] = {0, 0.5f, 1, 1.5f, 2, 3, 4, 6};
    (void)state;

    convert(PLIM_I8, apart, PLIM_I4, out, 8);
    assert_memory_equal(out, packed, 4);
    convert(PLIM_I4, out, PLIM_I8, back, 8);
    assert_memory_equal(back, apart, 6);
    assert_true(back[6] == 7 && back[7] == -8);
    plim_row odd = {out, 1, 2, PLIM_I4}, to = {back, 0, 1, PLIM_I8};
    plim_convert_row(&odd, &to, 4); /* every second */
    assert_true(back[0] == -2 && back[1] == -8 && back[2] == -1 && back[3] == -8);

    convert(PLIM_F4E2M1, all, PLIM_F32, fp4, 16);
    for (int i = 0; i < 8; i++) {
        assert_true(is_same(fp4[i], e2m1[i]) && is_same(fp4[i + 8], -e2m1[i]));
    }
    assert_false(plim_convert_is_possible(PLIM_F32, PLIM_F4E2M1));
    assert_false(plim_convert_is_possible(PLIM_F32, PLIM_DTYPE_NONE));
}

static void same_dtype_rows_keep_every_bit(void **state)
{
    uint8_t in[64], out[64];
    (void)state;
    for (size_t i = 0; i < 64; i++) {
        in[i] = (uint8_t)(i * 37 + 11); /* signalling NaNs among them */
    }

    for (int d = 1; d <= 18; d++) {
        memset(out, 0, sizeof(out));
        convert((plim_dtype)d, in, (plim_dtype)d, out, 64 * 8 / plim_dtype_bits((plim_dtype)d));
        assert_memory_equal(in, out, 64);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_65536_codes_of_float16_go_there_and_back),
        cmocka_unit_test(all_65536_codes_of_bfloat16_go_there_and_back),
        cmocka_unit_test(all_256_codes_of_both_8_bit_floats_go_there_and_back),
        cmocka_unit_test(narrowing_rounds_to_nearest_even),
        cmocka_unit_test(edges_of_the_small_floats),
        cmocka_unit_test(integers_of_64_bits_round_once),
        cmocka_unit_test(integers_that_do_not_fit_become_the_nearest_end),
        cmocka_unit_test(floats_go_to_integers_toward_zero_and_stop_at_the_ends),
        cmocka_unit_test(bytes_become_floats_at_any_length_and_stride),
        cmocka_unit_test(four_bits_unpack_and_pack_lower_half_first),
        cmocka_unit_test(same_dtype_rows_keep_every_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
