/* SPDX-License-Identifier: Apache-2.0 */
/* view.c - slices, selections, transposes and reshapes: other numbers over the same bytes.
 *
 * Decides the shape, strides and offset of the view. Refuses what is out of range, a 4-bit
 * view that would start inside a byte, and a reshape that the strides do not allow without a
 * copy. Reads and writes no element. Each builds its answer aside, so @out may be @self.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/tensor/shape.h"

typedef struct field_name {
    char text[16];
} field_name;

static field_name dim_name(uint32_t dim)
{
    field_name f;
    snprintf(f.text, sizeof(f.text), "dim %" PRIu32, dim);
    return f;
}

static plim_status refuse(plim_tensor *out, plim_status status, const char *what, const char *field,
                          int64_t limit, int64_t found, plim_error *err)
{
    char wanted[64];
    snprintf(wanted, sizeof(wanted), "0 to %" PRId64, limit);
    memset(out, 0, sizeof(*out));
    return plim_error_set(err, status, what, field, wanted, plim_text_number(found).text);
}

static plim_status check_in(const plim_tensor *self, plim_tensor *out, plim_error *err)
{
    plim_status s = plim_tensor_check(self, err);
    if (s != PLIM_OK) {
        memset(out, 0, sizeof(*out));
    }
    return s;
}

/* Moves the view's start by @index elements of dimension @dim. */
static plim_status move_start(plim_tensor *view, uint32_t dim, int64_t index, plim_error *err)
{
    int64_t bits = index * view->strides[dim] * (int64_t)plim_dtype_bits(view->dtype);
    if (bits % 8 != 0) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "4-bit view", dim_name(dim).text,
                              "a start on a whole byte", plim_text_number(index).text);
    }
    view->byte_offset = (uint64_t)((int64_t)view->byte_offset + bits / 8);
    return PLIM_OK;
}

plim_status plim_tensor_slice(const plim_tensor *self, uint32_t dim, int64_t from, int64_t to,
                              int64_t step, plim_tensor *out, plim_error *err)
{
    plim_tensor view = *self;
    PLIM_TRY(check_in(&view, out, err));
    if (dim >= view.rank) {
        return refuse(out, PLIM_E_SHAPE, "slice", "dim", (int64_t)view.rank - 1, dim, err);
    }
    if (to < 0 || to > view.shape[dim]) {
        return refuse(out, PLIM_E_SHAPE, "slice's end", dim_name(dim).text, view.shape[dim], to,
                      err);
    }
    if (from < 0 || from > to) {
        return refuse(out, PLIM_E_SHAPE, "slice's start", dim_name(dim).text, to, from, err);
    }
    if (step < 1) {
        memset(out, 0, sizeof(*out));
        return plim_error_set(err, PLIM_E_SHAPE, "slice's step", dim_name(dim).text, "1 or more",
                              plim_text_number(step).text);
    }
    bool is_empty = plim_tensor_elements(&view) == 0;
    view.shape[dim] = from == to ? 0 : (to - from - 1) / step + 1;
    if (view.shape[dim] > 0 && !is_empty) {
        plim_status s = move_start(&view, dim, from, err);
        if (s != PLIM_OK) {
            memset(out, 0, sizeof(*out));
            return s;
        }
    }
    if (view.shape[dim] > 1) {
        view.strides[dim] = is_empty ? 1 : view.strides[dim] * step;
    }
    *out = view;
    return PLIM_OK;
}

plim_status plim_tensor_select(const plim_tensor *self, uint32_t dim, int64_t index,
                               plim_tensor *out, plim_error *err)
{
    plim_tensor view = *self;
    PLIM_TRY(check_in(&view, out, err));
    if (dim >= view.rank) {
        return refuse(out, PLIM_E_SHAPE, "selection", "dim", (int64_t)view.rank - 1, dim, err);
    }
    if (index < 0 || index >= view.shape[dim]) {
        return refuse(out, PLIM_E_SHAPE, "selection's index", dim_name(dim).text,
                      view.shape[dim] - 1, index, err);
    }
    if (plim_tensor_elements(&view) > 0) {
        plim_status s = move_start(&view, dim, index, err);
        if (s != PLIM_OK) {
            memset(out, 0, sizeof(*out));
            return s;
        }
    }
    view.rank--;
    for (uint32_t i = dim; i < view.rank; i++) {
        view.shape[i] = view.shape[i + 1];
        view.strides[i] = view.strides[i + 1];
    }
    view.shape[view.rank] = view.strides[view.rank] = 0;
    *out = view;
    return PLIM_OK;
}

plim_status plim_tensor_transpose(const plim_tensor *self, const uint32_t *order, plim_tensor *out,
                                  plim_error *err)
{
    plim_tensor from = *self, view = *self;
    uint32_t seen = 0;
    PLIM_TRY(check_in(&from, out, err));
    for (uint32_t i = 0; i < from.rank; i++) {
        if (order[i] >= from.rank) {
            return refuse(out, PLIM_E_SHAPE, "transpose order", dim_name(i).text,
                          (int64_t)from.rank - 1, order[i], err);
        }
        if (seen & (1u << order[i])) {
            memset(out, 0, sizeof(*out));
            return plim_error_set(err, PLIM_E_SHAPE, "transpose order", dim_name(i).text,
                                  "each dimension once", plim_text_number(order[i]).text);
        }
        seen |= 1u << order[i];
        view.shape[i] = from.shape[order[i]];
        view.strides[i] = from.strides[order[i]];
    }
    *out = view;
    return PLIM_OK;
}

/* Puts the number that makes the sizes equal in place of one -1. */
static plim_status fill_in(const plim_tensor *from, const int64_t *shape, uint32_t rank,
                           int64_t *filled, plim_error *err)
{
    int64_t have = plim_tensor_elements(from), rest = 0, open = -1;
    for (uint32_t i = 0; i < rank; i++) {
        filled[i] = shape[i];
        if (shape[i] == -1 && open < 0) {
            open = i;
            filled[i] = 1;
        }
    }
    PLIM_TRY(plim_shape_check(filled, rank, from->dtype, err));
    bool is_right = plim_shape_elements(filled, rank, &rest);
    if (is_right && open >= 0) {
        is_right = rest > 0 && have % rest == 0;
        filled[open] = is_right ? have / rest : 0;
    } else {
        is_right = is_right && rest == have;
    }
    if (!is_right) {
        return plim_error_set(err, PLIM_E_SHAPE, "reshape", "elements", plim_text_number(have).text,
                              plim_text_number(rest).text);
    }
    return PLIM_OK;
}

/* Splits and joins dimensions without moving bytes: each run of old dimensions that the
 * strides join into one is cut into the run of new dimensions of the same size. */
static bool restride(const plim_tensor *from, const int64_t *shape, uint32_t rank, int64_t *strides)
{
    uint32_t old = 0, new = 0;
    while (new < rank) {
        if (shape[new] == 1) {
            strides[new ++] = 1;
            continue;
        }
        while (from->shape[old] == 1) {
            old++;
        }
        uint32_t first_new = new;
        int64_t old_size = from->shape[old], new_size = shape[new ++], step = from->strides[old++];
        while (old_size != new_size) {
            if (new_size < old_size) {
                new_size *= shape[new ++];
                continue;
            }
            if (from->shape[old] != 1) {
                if (step != from->strides[old] * from->shape[old]) {
                    return false; /* these two do not lie side by side */
                }
                step = from->strides[old];
                old_size *= from->shape[old];
            }
            old++;
        }
        for (uint32_t i = new; i-- > first_new;) {
            strides[i] = step;
            step *= shape[i];
        }
    }
    return true;
}

plim_status plim_tensor_reshape(const plim_tensor *self, const int64_t *shape, uint32_t rank,
                                plim_tensor *out, plim_error *err)
{
    plim_tensor from = *self, view = *self;
    int64_t filled[PLIM_TENSOR_RANK_MAX] = {0};
    PLIM_TRY(check_in(&from, out, err));
    memset(out, 0, sizeof(*out));
    if (rank > PLIM_TENSOR_RANK_MAX) {
        return refuse(out, PLIM_E_SHAPE, "tensor rank", "rank", PLIM_TENSOR_RANK_MAX, rank, err);
    }
    if (rank && !shape) {
        return plim_error_set(err, PLIM_E_ARG, "reshape", "shape", "one size a dimension",
                              "nothing");
    }
    PLIM_TRY(fill_in(&from, shape, rank, filled, err));
    memset(view.shape, 0, sizeof(view.shape));
    memset(view.strides, 0, sizeof(view.strides));
    memcpy(view.shape, filled, sizeof(filled));
    view.rank = rank;
    if (plim_tensor_is_contiguous(&from)) {
        plim_shape_dense_strides(view.shape, rank, view.strides);
    } else if (!restride(&from, view.shape, rank, view.strides)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "reshape of a strided view", "strides",
                              "dimensions that lie side by side", "ones that do not");
    }
    *out = view;
    return PLIM_OK;
}
