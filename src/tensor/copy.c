/* SPDX-License-Identifier: Apache-2.0 */
/* copy.c - the only calls that copy elements, and the counter that proves it.
 *
 * Decides whether a copy is needed at all: a dense tensor asked to be contiguous, and a cast
 * to the dtype that is already there, give the same pointer back. Refuses memory that the
 * CPU cannot reach, dtypes without a conversion, and writing into a file's pages. A block is
 * taken from the region only when nothing can fail after it.
 *
 * Algorithm: dimensions that lie side by side in both tensors are joined, then rows are
 * converted along the innermost one.
 */
#include <stdatomic.h>
#include <string.h>

#include "src/tensor/convert.h"
#include "src/tensor/shape.h"

static _Atomic uint64_t copy_count, copy_bytes;

uint64_t plim_tensor_copy_count(void)
{
    return atomic_load_explicit(&copy_count, memory_order_relaxed);
}

uint64_t plim_tensor_copy_bytes(void)
{
    return atomic_load_explicit(&copy_bytes, memory_order_relaxed);
}

/* The dimensions of a copy: sizes above 1, outermost first, and both tensors' strides. */
typedef struct loops {
    uint32_t rank;
    int64_t size[PLIM_TENSOR_RANK_MAX], from[PLIM_TENSOR_RANK_MAX], to[PLIM_TENSOR_RANK_MAX];
} loops;

static loops join_dimensions(const plim_tensor *from, const plim_tensor *to)
{
    loops l = {0};
    for (uint32_t i = 0; i < from->rank; i++) {
        int64_t size = from->shape[i];
        if (size == 1) {
            continue;
        }
        if (l.rank && l.from[l.rank - 1] == from->strides[i] * size &&
            l.to[l.rank - 1] == to->strides[i] * size) {
            l.size[l.rank - 1] *= size;
        } else {
            l.size[l.rank++] = size;
        }
        l.from[l.rank - 1] = from->strides[i];
        l.to[l.rank - 1] = to->strides[i];
    }
    return l;
}

/* Same shape, not empty, both checked. */
static void copy_elements(const plim_tensor *from, const plim_tensor *to)
{
    loops l = join_dimensions(from, to);
    plim_row in = {plim_tensor_data(from), 0, 1, from->dtype};
    plim_row out = {plim_tensor_data(to), 0, 1, to->dtype};
    int64_t at[PLIM_TENSOR_RANK_MAX] = {0}, row = 1;
    uint32_t outer = l.rank ? l.rank - 1 : 0;
    if (l.rank) {
        in.stride = l.from[outer];
        out.stride = l.to[outer];
        row = l.size[outer];
    }
    for (;;) {
        plim_convert_row(&in, &out, row);
        uint32_t i = outer;
        for (; i > 0; i--) {
            in.first += l.from[i - 1];
            out.first += l.to[i - 1];
            if (++at[i - 1] < l.size[i - 1]) {
                break;
            }
            in.first -= l.from[i - 1] * l.size[i - 1];
            out.first -= l.to[i - 1] * l.size[i - 1];
            at[i - 1] = 0;
        }
        if (i == 0) {
            break;
        }
    }
    atomic_fetch_add_explicit(&copy_count, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&copy_bytes, plim_tensor_bytes(to), memory_order_relaxed);
}

/* The CPU is about to touch @t. */
static plim_status check_touch(const plim_tensor *t, plim_error *err)
{
    plim_tensor same;
    PLIM_TRY(plim_tensor_check(t, err));
    PLIM_TRY(plim_tensor_view_for(t, PLIM_CONSUMER_CPU, &same, err));
    if (!t->data && plim_tensor_elements(t) > 0) {
        return plim_error_set(err, PLIM_E_ARG, "tensor without memory", "data", "an address",
                              "NULL");
    }
    return PLIM_OK;
}

/* A dense tensor of the same shape in a block of @region. */
static plim_status make_dense(const plim_tensor *like, plim_dtype dtype, plim_region *region,
                              plim_tensor *out, plim_error *err)
{
    plim_tensor made;
    void *block = NULL;
    PLIM_TRY(plim_tensor_init(&made, NULL, dtype, like->shape, like->rank,
                              plim_region_memory(region), err));
    uint64_t bytes = plim_tensor_bytes(&made);
    plim_tensor same;
    PLIM_TRY(plim_tensor_view_for(&made, PLIM_CONSUMER_CPU, &same, err));
    if (bytes > 0) {
        PLIM_TRY(plim_region_alloc(region, (size_t)bytes, 0, &block, err));
        ((unsigned char *)block)[bytes - 1] = 0; /* the unused half of an odd 4-bit end */
    }
    made.data = block;
    *out = made;
    return PLIM_OK;
}

static plim_status copy_into_region(const plim_tensor *self, plim_dtype dtype, plim_region *region,
                                    plim_tensor *out, plim_error *err)
{
    plim_tensor made;
    PLIM_TRY(check_touch(self, err));
    PLIM_TRY(make_dense(self, dtype, region, &made, err));
    if (plim_tensor_elements(&made) > 0) {
        copy_elements(self, &made);
    }
    *out = made;
    return PLIM_OK;
}

plim_status plim_tensor_contiguous(const plim_tensor *self, plim_region *region, plim_tensor *out,
                                   plim_error *err)
{
    plim_tensor from = *self;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_tensor_check(&from, err));
    if (plim_tensor_is_contiguous(&from)) {
        *out = from;
        return PLIM_OK;
    }
    return copy_into_region(&from, from.dtype, region, out, err);
}

plim_status plim_tensor_cast(const plim_tensor *self, plim_dtype dtype, plim_region *region,
                             plim_tensor *out, plim_error *err)
{
    plim_tensor from = *self;
    memset(out, 0, sizeof(*out));
    PLIM_TRY(plim_tensor_check(&from, err));
    if (from.dtype == dtype) {
        *out = from;
        return PLIM_OK;
    }
    if (!plim_convert_is_possible(from.dtype, dtype)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "no conversion between these dtypes",
                              "dtype", plim_dtype_name(dtype), plim_dtype_name(from.dtype));
    }
    return copy_into_region(&from, dtype, region, out, err);
}

static plim_status check_same_shape(const plim_tensor *from, const plim_tensor *to, plim_error *err)
{
    static const char *const dims[] = {"dim 0", "dim 1", "dim 2", "dim 3",
                                       "dim 4", "dim 5", "dim 6", "dim 7"};
    if (from->rank != to->rank) {
        return plim_error_set(err, PLIM_E_SHAPE, "copy between shapes", "rank",
                              plim_text_number(to->rank).text, plim_text_number(from->rank).text);
    }
    for (uint32_t i = 0; i < from->rank; i++) {
        if (from->shape[i] != to->shape[i]) {
            return plim_error_set(err, PLIM_E_SHAPE, "copy between shapes", dims[i],
                                  plim_text_number(to->shape[i]).text,
                                  plim_text_number(from->shape[i]).text);
        }
    }
    if (from->dtype != to->dtype) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "copy between dtypes", "dtype",
                              plim_dtype_name(to->dtype), plim_dtype_name(from->dtype));
    }
    return PLIM_OK;
}

plim_status plim_tensor_copy(const plim_tensor *from, plim_tensor *to, plim_error *err)
{
    PLIM_TRY(check_touch(from, err));
    PLIM_TRY(check_touch(to, err));
    PLIM_TRY(check_same_shape(from, to, err));
    if (to->kind == PLIM_MEMORY_FILE) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "copy into read-only memory", "memory kind",
                              "one that can be written", "file");
    }
    for (uint32_t i = 0; i < to->rank; i++) {
        if (to->strides[i] == 0 && to->shape[i] > 1) {
            return plim_error_set(err, PLIM_E_UNSUPPORTED, "copy into a repeated dimension",
                                  "strides", "one place an element", "0");
        }
    }
    if (plim_tensor_elements(to) > 0) {
        copy_elements(from, to);
    }
    return PLIM_OK;
}
