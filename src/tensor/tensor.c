/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.c - shapes, sizes and reach of a plain tensor.
 *
 * Decides whether a shape can be: rank up to 8, no negative dimension, and a product that,
 * in bits, is below 2^62 with empty dimensions counted as 1, so that every stride and every
 * offset in it is exact. Refuses the rest with the dimension's name and both numbers.
 *
 * Invariant: a tensor that passed plim_tensor_check has all its elements at or after `data`,
 * and no index arithmetic on it can overflow.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/tensor/shape.h"

plim_text plim_text_number(int64_t number)
{
    plim_text t;
    snprintf(t.text, sizeof(t.text), "%" PRId64, number);
    return t;
}

bool plim_shape_elements(const int64_t *shape, uint32_t rank, int64_t *out)
{
    int64_t all = 1;
    bool is_empty = false;
    for (uint32_t i = 0; i < rank; i++) {
        is_empty |= shape[i] == 0;
        if (__builtin_mul_overflow(all, shape[i] ? shape[i] : 1, &all)) {
            return false;
        }
    }
    *out = is_empty ? 0 : all;
    return true;
}

void plim_shape_dense_strides(const int64_t *shape, uint32_t rank, int64_t *strides)
{
    int64_t step = 1;
    for (uint32_t i = rank; i-- > 0;) {
        strides[i] = step;
        step *= shape[i] ? shape[i] : 1;
    }
}

plim_status plim_shape_check(const int64_t *shape, uint32_t rank, plim_dtype dtype, plim_error *err)
{
    uint32_t bits = plim_dtype_bits(dtype);
    int64_t all = 1;
    if (bits == 0) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "unknown dtype", "dtype",
                              "a number of the dtype list", plim_text_number(dtype).text);
    }
    if (rank > PLIM_TENSOR_RANK_MAX) {
        return plim_error_set(err, PLIM_E_SHAPE, "tensor rank", "rank", "0 to 8",
                              plim_text_number(rank).text);
    }
    if (rank && !shape) {
        return plim_error_set(err, PLIM_E_ARG, "tensor shape", "shape", "one size a dimension",
                              "nothing");
    }
    for (uint32_t i = 0; i < rank; i++) {
        char field[16];
        snprintf(field, sizeof(field), "dim %" PRIu32, i);
        if (shape[i] < 0) {
            return plim_error_set(err, PLIM_E_SHAPE, "tensor shape", field, "0 or more",
                                  plim_text_number(shape[i]).text);
        }
        if (__builtin_mul_overflow(all, shape[i] ? shape[i] : 1, &all) ||
            all > INT64_MAX / 2 / (int64_t)bits) {
            return plim_error_set(err, PLIM_E_RANGE, "tensor size", field,
                                  "a product below 2^62 bits", plim_text_number(shape[i]).text);
        }
    }
    return PLIM_OK;
}

plim_status plim_tensor_init(plim_tensor *self, void *data, plim_dtype dtype, const int64_t *shape,
                             uint32_t rank, plim_memory_kind kind, plim_error *err)
{
    memset(self, 0, sizeof(*self));
    PLIM_TRY(plim_shape_check(shape, rank, dtype, err));
    if ((unsigned)kind > PLIM_MEMORY_DEVICE) {
        return plim_error_set(err, PLIM_E_ARG, "unknown memory kind", "memory kind", "0 to 5",
                              plim_text_number(kind).text);
    }
    self->data = data;
    self->dtype = dtype;
    self->rank = rank;
    self->kind = kind;
    if (rank) {
        memcpy(self->shape, shape, rank * sizeof(*shape));
    }
    plim_shape_dense_strides(self->shape, rank, self->strides);
    return PLIM_OK;
}

bool plim_tensor_reach(const plim_tensor *self, int64_t *out_low, int64_t *out_high)
{
    int64_t low = 0, high = 0, limit = INT64_MAX / (int64_t)plim_dtype_bits(self->dtype);
    bool is_empty = false;
    for (uint32_t i = 0; i < self->rank; i++) {
        int64_t span, *end = self->strides[i] < 0 ? &low : &high;
        is_empty |= self->shape[i] == 0;
        if (self->shape[i] > 1 &&
            (__builtin_mul_overflow(self->shape[i] - 1, self->strides[i], &span) ||
             __builtin_add_overflow(*end, span, end))) {
            return false;
        }
    }
    if (low < -limit || high >= limit) {
        return false;
    }
    *out_low = is_empty ? 0 : low;
    *out_high = is_empty ? -1 : high;
    return true;
}

plim_status plim_tensor_check(const plim_tensor *self, plim_error *err)
{
    PLIM_TRY(plim_shape_check(self->shape, self->rank, self->dtype, err));
    if ((unsigned)self->kind > PLIM_MEMORY_DEVICE) {
        return plim_error_set(err, PLIM_E_ARG, "unknown memory kind", "memory kind", "0 to 5",
                              plim_text_number(self->kind).text);
    }
    int64_t low, high;
    uint64_t bits = plim_dtype_bits(self->dtype), start;
    if (self->byte_offset > INT64_MAX / 16 || !plim_tensor_reach(self, &low, &high) ||
        (high > 0 && (uint64_t)high > (uint64_t)INT64_MAX / 2 / bits)) {
        return plim_error_set(err, PLIM_E_RANGE, "tensor reach", "strides",
                              "offsets below 2^62 bits", NULL);
    }
    start = self->byte_offset * 8;
    if (low < 0 && (uint64_t)-low * bits > start) {
        return plim_error_set(err, PLIM_E_RANGE, "tensor reach", "strides",
                              "elements at or after data", plim_text_number(low).text);
    }
    return PLIM_OK;
}

int64_t plim_tensor_elements(const plim_tensor *self)
{
    int64_t all;
    return plim_shape_check(self->shape, self->rank, self->dtype, NULL) == PLIM_OK &&
                   plim_shape_elements(self->shape, self->rank, &all)
               ? all
               : -1;
}

uint64_t plim_tensor_bytes(const plim_tensor *self)
{
    int64_t all = plim_tensor_elements(self);
    if (all < 0) {
        return UINT64_MAX;
    }
    return ((uint64_t)all * plim_dtype_bits(self->dtype) + 7) / 8;
}

void *plim_tensor_data(const plim_tensor *self)
{
    return self->data ? (unsigned char *)self->data + self->byte_offset : NULL;
}

bool plim_tensor_is_contiguous(const plim_tensor *self)
{
    int64_t step = 1, all = plim_tensor_elements(self);
    if (all <= 0) {
        return all == 0;
    }
    for (uint32_t i = self->rank; i-- > 0;) {
        if (self->shape[i] != 1 && self->strides[i] != step) {
            return false;
        }
        step *= self->shape[i];
    }
    return true;
}

bool plim_memory_is_reachable(plim_memory_kind kind, plim_consumer consumer)
{
    static const bool reach[][3] = {
        /*                      CPU    GPU    another process */
        [PLIM_MEMORY_HOST] = {true, false, false},   [PLIM_MEMORY_SHARED] = {true, false, true},
        [PLIM_MEMORY_FILE] = {true, false, true}, /* the page cache is everybody's */
        [PLIM_MEMORY_PINNED] = {true, true, false},  [PLIM_MEMORY_MANAGED] = {true, true, false},
        [PLIM_MEMORY_DEVICE] = {false, true, false},
    };
    return (unsigned)kind <= PLIM_MEMORY_DEVICE && (unsigned)consumer <= PLIM_CONSUMER_PROCESS &&
           reach[kind][consumer];
}

static const char *kind_name(plim_memory_kind kind)
{
    static const char *const names[] = {"host", "shared", "file", "pinned", "managed", "device"};
    return (unsigned)kind <= PLIM_MEMORY_DEVICE ? names[kind] : "?";
}

plim_status plim_tensor_view_for(const plim_tensor *self, plim_consumer consumer, plim_tensor *out,
                                 plim_error *err)
{
    static const char *const wanted[] = {"host, shared, file, pinned or managed, for the CPU",
                                         "pinned, managed or device, for the GPU",
                                         "shared or file, for another process"};
    plim_tensor view = *self;
    if (!plim_memory_is_reachable(self->kind, consumer)) {
        memset(out, 0, sizeof(*out));
        bool is_known = (unsigned)consumer <= PLIM_CONSUMER_PROCESS;
        return plim_error_set(err, is_known ? PLIM_E_UNSUPPORTED : PLIM_E_ARG,
                              "memory that the consumer cannot reach",
                              is_known ? "memory kind" : "consumer",
                              is_known ? wanted[consumer] : "0 to 2",
                              is_known ? kind_name(self->kind) : plim_text_number(consumer).text);
    }
    *out = view;
    return PLIM_OK;
}
