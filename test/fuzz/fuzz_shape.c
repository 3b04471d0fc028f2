/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_shape.c - shapes, strides and views against the same arithmetic in 128 bits.
 *
 * An input is a tensor (dtype, rank, offset, dimensions, strides) and a list of views. The
 * reference decides on its own whether the tensor can be; every view that is given must map
 * indices to the bits that the reference says. A copy of a small tensor is compared element
 * by element. The same numbers are also imported as a DLPack record.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "plimsoll/tensor.h"
#include "src/tensor/dlpack.h"

__extension__ typedef __int128 wide;

#define MEMORY_BYTES 4096

typedef struct input {
    const uint8_t *data;
    size_t size, at;
} input;

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MUST(condition)                                                                            \
    do {                                                                                           \
        if (!(condition)) {                                                                        \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                        \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint64_t take(input *in, size_t bytes)
{
    uint64_t n = 0;
    for (size_t i = 0; i < bytes; i++) {
        n |= (uint64_t)(in->at < in->size ? in->data[in->at++] : 0) << 8 * i;
    }
    return n;
}

/* Mostly small numbers, sometimes any. */
static int64_t take_number(input *in)
{
    uint64_t how = take(in, 1);
    return how >= 248 ? (int64_t)take(in, 8) : (int64_t)(how % 16) - (how % 32 == 31 ? 16 : 0);
}

static bool shape_can_be(const plim_tensor *t)
{
    uint32_t bits = plim_dtype_bits(t->dtype);
    wide all = 1;
    if (bits == 0 || t->rank > PLIM_TENSOR_RANK_MAX) {
        return false;
    }
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] < 0) {
            return false;
        }
        all *= t->shape[i] ? t->shape[i] : 1;
        if (all > INT64_MAX / 2 / (int64_t)bits) {
            return false;
        }
    }
    return true;
}

static wide elements_of(const plim_tensor *t)
{
    wide all = 1;
    for (uint32_t i = 0; i < t->rank; i++) {
        all *= t->shape[i];
    }
    return all;
}

static bool tensor_can_be(const plim_tensor *t)
{
    if (!shape_can_be(t) || (unsigned)t->kind > PLIM_MEMORY_DEVICE ||
        t->byte_offset > INT64_MAX / 16) {
        return false;
    }
    wide bits = plim_dtype_bits(t->dtype), low = 0, high = 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        if (t->shape[i] > 1) {
            wide span = (wide)(t->shape[i] - 1) * t->strides[i];
            *(span < 0 ? &low : &high) += span;
        }
    }
    wide most = INT64_MAX / bits;
    if (low < -most || high >= most) {
        return false;
    }
    if (elements_of(t) == 0) {
        return true;
    }
    return high <= INT64_MAX / 2 / bits && -low * bits <= (wide)t->byte_offset * 8;
}

/* Where element @index lies, in bits from data. */
static wide bit_of(const plim_tensor *t, const int64_t *index)
{
    wide at = 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        at += (wide)index[i] * t->strides[i];
    }
    return (wide)t->byte_offset * 8 + at * plim_dtype_bits(t->dtype);
}

/* Element number @n in row-major order. */
static void index_of(const plim_tensor *t, wide n, int64_t *index)
{
    for (uint32_t i = t->rank; i-- > 0;) {
        index[i] = (int64_t)(n % t->shape[i]);
        n /= t->shape[i];
    }
}

typedef struct view {
    uint64_t kind;
    uint32_t dim, order[PLIM_TENSOR_RANK_MAX];
    int64_t from, to, step;
} view;

/* The index in the tensor that was viewed. */
static void index_before(const view *v, const plim_tensor *before, const plim_tensor *after,
                         const int64_t *index, int64_t *out)
{
    wide n = 0;
    switch (v->kind) {
    case 0:
        memcpy(out, index, before->rank * sizeof(*out));
        out[v->dim] = v->from + index[v->dim] * v->step;
        break;
    case 1:
        memcpy(out, index, v->dim * sizeof(*out));
        out[v->dim] = v->from;
        memcpy(out + v->dim + 1, index + v->dim, (after->rank - v->dim) * sizeof(*out));
        break;
    case 2:
        for (uint32_t i = 0; i < before->rank; i++) {
            out[v->order[i]] = index[i];
        }
        break;
    default:
        for (uint32_t i = 0; i < after->rank; i++) {
            n = n * after->shape[i] + index[i];
        }
        index_of(before, n, out);
    }
}

static void check_view(const view *v, const plim_tensor *before, const plim_tensor *after)
{
    MUST(tensor_can_be(after));
    wide all = elements_of(after);
    MUST(plim_tensor_elements(after) == (int64_t)all);
    MUST(v->kind < 2 || all == elements_of(before));
    for (int k = 0; k < 16 && all > 0; k++) {
        int64_t index[PLIM_TENSOR_RANK_MAX] = {0}, earlier[PLIM_TENSOR_RANK_MAX] = {0};
        index_of(after, k < 15 ? all * k / 15 : all - 1, index);
        index_before(v, before, after, index, earlier);
        for (uint32_t i = 0; i < before->rank; i++) {
            MUST(earlier[i] >= 0 && earlier[i] < before->shape[i]);
        }
        MUST(bit_of(after, index) == bit_of(before, earlier));
    }
}

static bool apply_view(input *in, plim_tensor *t)
{
    view v = {.kind = take(in, 1) % 4, .dim = (uint32_t)take(in, 1) % 10};
    int64_t shape[PLIM_TENSOR_RANK_MAX + 1] = {0};
    uint32_t rank = (uint32_t)take(in, 1) % 10;
    plim_tensor before = *t, after;
    plim_status s;
    v.from = take_number(in), v.to = take_number(in), v.step = take_number(in);
    for (uint32_t i = 0; i < PLIM_TENSOR_RANK_MAX; i++) {
        v.order[i] = (uint32_t)take(in, 1) % 9;
        shape[i] = take_number(in);
    }
    switch (v.kind) {
    case 0:
        s = plim_tensor_slice(t, v.dim, v.from, v.to, v.step, &after, NULL);
        break;
    case 1:
        s = plim_tensor_select(t, v.dim, v.from, &after, NULL);
        break;
    case 2:
        s = plim_tensor_transpose(t, v.order, &after, NULL);
        break;
    default:
        s = plim_tensor_reshape(t, shape, rank, &after, NULL);
    }
    MUST(memcmp(t, &before, sizeof(before)) == 0);
    if (s != PLIM_OK) {
        MUST(s == PLIM_E_SHAPE || s == PLIM_E_UNSUPPORTED || s == PLIM_E_RANGE);
        MUST(after.data == NULL && after.rank == 0);
        return false;
    }
    check_view(&v, t, &after);
    *t = after;
    return true;
}

static uint64_t bits_at(const uint8_t *memory, wide bit, uint32_t bits)
{
    uint64_t n = 0;
    for (uint32_t i = 0; i < bits; i++) {
        size_t at = (size_t)bit + i;
        n |= (uint64_t)(memory[at / 8] >> at % 8 & 1) << i;
    }
    return n;
}

/* Copies a tensor that lies inside a small memory, and compares each element. */
static void check_copy(plim_tensor t)
{
    static uint8_t memory[MEMORY_BYTES], packed[MEMORY_BYTES];
    uint32_t bits = plim_dtype_bits(t.dtype);
    wide all = elements_of(&t);
    if (all > MEMORY_BYTES / 8) {
        return;
    }
    for (wide n = 0; n < all; n++) {
        int64_t index[PLIM_TENSOR_RANK_MAX];
        index_of(&t, n, index);
        if (bit_of(&t, index) + bits > MEMORY_BYTES * 8) {
            return;
        }
    }
    for (size_t i = 0; i < MEMORY_BYTES; i++) {
        memory[i] = (uint8_t)(i * 151 + (i >> 8));
    }
    plim_tensor to;
    t.data = memory;
    t.kind = PLIM_MEMORY_HOST;
    MUST(plim_tensor_init(&to, packed, t.dtype, t.shape, t.rank, PLIM_MEMORY_HOST, NULL) ==
         PLIM_OK);
    MUST(plim_tensor_is_contiguous(&to));
    MUST(plim_tensor_copy(&t, &to, NULL) == PLIM_OK);
    for (wide n = 0; n < all; n++) {
        int64_t index[PLIM_TENSOR_RANK_MAX];
        index_of(&t, n, index);
        MUST(bits_at(memory, bit_of(&t, index), bits) == bits_at(packed, n * bits, bits));
    }
}

static void check_import(const plim_tensor *like, uint64_t code, int32_t rank, bool has_strides)
{
    static uint8_t memory[8];
    int64_t shape[PLIM_TENSOR_RANK_MAX], strides[PLIM_TENSOR_RANK_MAX];
    memcpy(shape, like->shape, sizeof(shape));
    memcpy(strides, like->strides, sizeof(strides));
    plim_dl_managed m = {.version = {1, 0},
                         .tensor = {.data = memory,
                                    .device = {(int32_t)(code >> 40 & 15), 0},
                                    .ndim = rank,
                                    .dtype = {(uint8_t)(code % 20), (uint8_t)(code >> 8),
                                              (uint16_t)((code >> 16 & 255) < 200)},
                                    .shape = shape,
                                    .strides = has_strides ? strides : NULL,
                                    .byte_offset = like->byte_offset}};
    plim_tensor t;
    if (plim_tensor_from_dlpack(&m, &t, NULL, NULL) == PLIM_OK) {
        MUST(tensor_can_be(&t));
        MUST(t.rank == (uint32_t)rank);
        MUST(elements_of(&t) == 0 || plim_tensor_data(&t) == memory + like->byte_offset);
    } else {
        MUST(t.data == NULL && t.rank == 0);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    input in = {data, size, 0};
    plim_tensor t = {0}, dense;
    t.dtype = (plim_dtype)(take(&in, 1) % 20);
    t.rank = (uint32_t)take(&in, 1) % 10;
    t.kind = (plim_memory_kind)(take(&in, 1) % 7);
    t.byte_offset = (uint64_t)take_number(&in);
    uint64_t code = take(&in, 6);
    for (uint32_t i = 0; i < PLIM_TENSOR_RANK_MAX; i++) {
        t.shape[i] = take_number(&in);
        t.strides[i] = take_number(&in);
    }
    int64_t nine[PLIM_TENSOR_RANK_MAX + 1] = {0};
    memcpy(nine, t.shape, sizeof(t.shape));
    plim_status s = plim_tensor_init(&dense, NULL, t.dtype, nine, t.rank, PLIM_MEMORY_HOST, NULL);
    MUST((s == PLIM_OK) == shape_can_be(&t));
    if (s == PLIM_OK) {
        wide all = elements_of(&t), bytes = (all * plim_dtype_bits(t.dtype) + 7) / 8;
        MUST(plim_tensor_elements(&dense) == (int64_t)all);
        MUST(plim_tensor_bytes(&dense) == (uint64_t)bytes);
        MUST(plim_tensor_is_contiguous(&dense) && tensor_can_be(&dense));
        check_copy(dense);
    }
    if (t.rank <= PLIM_TENSOR_RANK_MAX) {
        check_import(&t, code, (int32_t)t.rank, code >> 47 & 1);
    }
    bool can_be = tensor_can_be(&t);
    MUST((plim_tensor_check(&t, NULL) == PLIM_OK) == can_be);
    while (can_be && in.at < in.size) {
        check_copy(t);
        (void)apply_view(&in, &t);
    }
    return 0;
}
