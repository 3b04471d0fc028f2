/* SPDX-License-Identifier: Apache-2.0 */
/* fill.c - values into tensors: frames, rows, bytes of a file, constants, a known formula.
 *
 * Refuses element types that it has no conversion for and shapes that cannot hold an image, by
 * name. Writes straight into the tensor that the engine reads: no copy in between.
 */
#include <stdio.h>
#include <string.h>

#include "src/tools/plimsoll/pipeline.h"

#define BYTES_PADDING 256.0 /* after the end of a file: no byte has this value */

bool tensor_set(void *data, plim_dtype dtype, uint64_t index, double value)
{
    switch (dtype) {
    case PLIM_F32:
        ((float *)data)[index] = (float)value;
        return true;
    case PLIM_F64:
        ((double *)data)[index] = value;
        return true;
    case PLIM_I64:
        ((int64_t *)data)[index] = (int64_t)value;
        return true;
    case PLIM_I32:
        ((int32_t *)data)[index] = (int32_t)value;
        return true;
    case PLIM_I8:
        ((int8_t *)data)[index] = (int8_t)value;
        return true;
    case PLIM_U8:
    case PLIM_BOOL:
        ((uint8_t *)data)[index] = (uint8_t)(value < 0 ? 0 : value > 255 ? 255 : value);
        return true;
    default:
        return false;
    }
}

bool tensor_get(const void *data, plim_dtype dtype, uint64_t index, double *out)
{
    switch (dtype) {
    case PLIM_F32:
        *out = ((const float *)data)[index];
        return true;
    case PLIM_F64:
        *out = ((const double *)data)[index];
        return true;
    case PLIM_I64:
        *out = (double)((const int64_t *)data)[index];
        return true;
    case PLIM_I32:
        *out = ((const int32_t *)data)[index];
        return true;
    case PLIM_I8:
        *out = ((const int8_t *)data)[index];
        return true;
    case PLIM_U8:
    case PLIM_BOOL:
        *out = ((const uint8_t *)data)[index];
        return true;
    default:
        return false;
    }
}

static plim_status refuse_dtype(const plim_tensor *t, plim_error *err)
{
    return plim_error_set(err, PLIM_E_UNSUPPORTED, "element type of an input", "dtype",
                          "float32, float64, int64, int32, int8, uint8 or bool",
                          plim_dtype_name(t->dtype));
}

plim_status fill_constant(const plim_tensor *t, double value, plim_error *err)
{
    void *data = plim_tensor_data(t);
    uint64_t n = (uint64_t)plim_tensor_elements(t);
    for (uint64_t i = 0; i < n; i++) {
        if (!tensor_set(data, t->dtype, i, value)) {
            return refuse_dtype(t, err);
        }
    }
    return PLIM_OK;
}

plim_status fill_formula(const plim_tensor *t, plim_error *err)
{
    void *data = plim_tensor_data(t);
    uint64_t n = (uint64_t)plim_tensor_elements(t);
    bool is_float = t->dtype == PLIM_F32 || t->dtype == PLIM_F64;
    if (t->dtype == PLIM_I64 && t->rank == 0) {
        return fill_constant(t, 16000, err); /* a sampling rate */
    }
    for (uint64_t k = 0; k < n; k++) {
        uint32_t mixed = (uint32_t)(k * UINT64_C(2654435761));
        double value = is_float ? (double)((mixed >> 8) & 1023u) / 1024.0 - 0.4 : (double)(k % 255);
        if (!tensor_set(data, t->dtype, k, value)) {
            return refuse_dtype(t, err);
        }
    }
    return PLIM_OK;
}

plim_status fill_bytes(const plim_tensor *t, const char *path, plim_error *err)
{
    void *data = plim_tensor_data(t);
    uint64_t n = (uint64_t)plim_tensor_elements(t);
    FILE *f = fopen(path, "rb");
    if (!f) {
        return plim_error_set(err, PLIM_E_NOT_FOUND, "file of an input", path, "a readable file",
                              "none");
    }
    bool ok = true;
    for (uint64_t i = 0; i < n && ok; i++) {
        int c = fgetc(f);
        ok = tensor_set(data, t->dtype, i, c == EOF ? BYTES_PADDING : (double)c);
    }
    fclose(f);
    return ok ? PLIM_OK : refuse_dtype(t, err);
}

/* ---- images ---- */

typedef struct image_target {
    void *data;
    plim_dtype dtype;
    int64_t height, width, channel_stride, row_stride, pixel_stride;
} image_target;

static plim_status find_image(const plim_tensor *t, uint32_t layout, image_target *out,
                              plim_error *err)
{
    uint32_t skip = t->rank == 4 ? 1 : 0;
    const int64_t *s = t->shape + skip;
    bool is_nchw = layout == LAYOUT_NCHW;
    if ((t->rank != 3 && t->rank != 4) || (skip && t->shape[0] != 1) ||
        (is_nchw ? s[0] : s[2]) != 3) {
        return plim_error_set(err, PLIM_E_SHAPE, "an image input", "shape",
                              is_nchw ? "[1, 3, height, width]" : "[1, height, width, 3]",
                              "another one");
    }
    *out = (image_target){.data = plim_tensor_data(t), .dtype = t->dtype};
    out->height = is_nchw ? s[1] : s[0];
    out->width = is_nchw ? s[2] : s[1];
    out->channel_stride = is_nchw ? out->height * out->width : 1;
    out->pixel_stride = is_nchw ? 1 : 3;
    out->row_stride = out->width * out->pixel_stride;
    return PLIM_OK;
}

/* Where output position @at samples the input: the two neighbours and the share of the second. */
static void sample_at(int64_t at, int64_t out_size, int64_t in_size, int64_t *first,
                      int64_t *second, double *share)
{
    double x = ((double)at + 0.5) * (double)in_size / (double)out_size - 0.5;
    x = x < 0 ? 0 : x;
    *first = (int64_t)x;
    *first = *first > in_size - 1 ? in_size - 1 : *first;
    *second = *first + 1 > in_size - 1 ? in_size - 1 : *first + 1;
    *share = x - (double)*first;
}

static bool fill_image_row(const image_target *to, int64_t y, const plim_tensor *frame,
                           const manifest_input *in)
{
    const unsigned char *pixels = plim_tensor_data(frame);
    int64_t y0, y1;
    double fy;
    sample_at(y, to->height, frame->shape[0], &y0, &y1, &fy);
    for (int64_t x = 0; x < to->width; x++) {
        int64_t x0, x1;
        double fx;
        sample_at(x, to->width, frame->shape[1], &x0, &x1, &fx);
        for (int64_t c = 0; c < 3; c++) {
            const int64_t *st = frame->strides;
            const unsigned char *base = pixels + c * st[2];
            double top =
                base[y0 * st[0] + x0 * st[1]] * (1 - fx) + base[y0 * st[0] + x1 * st[1]] * fx;
            double low =
                base[y1 * st[0] + x0 * st[1]] * (1 - fx) + base[y1 * st[0] + x1 * st[1]] * fx;
            double value = (top * (1 - fy) + low * fy) * in->scale + in->bias;
            if (!tensor_set(
                    to->data, to->dtype,
                    (uint64_t)(c * to->channel_stride + y * to->row_stride + x * to->pixel_stride),
                    value)) {
                return false;
            }
        }
    }
    return true;
}

plim_status fill_frame(const plim_tensor *t, const plim_tensor *frame, const manifest_input *in,
                       plim_error *err)
{
    image_target to = {.data = NULL};
    PLIM_TRY(find_image(t, in->layout, &to, err));
    if (frame->dtype != PLIM_U8 || frame->rank != 3 || frame->shape[2] != 3 ||
        frame->shape[0] < 1 || frame->shape[1] < 1) {
        return plim_error_set(err, PLIM_E_SHAPE, "a frame", in->feature, "uint8 [height, width, 3]",
                              plim_dtype_name(frame->dtype));
    }
    for (int64_t y = 0; y < to.height; y++) {
        if (!fill_image_row(&to, y, frame, in)) {
            return refuse_dtype(t, err);
        }
    }
    return PLIM_OK;
}

plim_status fill_row(const plim_tensor *t, const plim_tensor *row, const manifest_input *in,
                     plim_error *err)
{
    const void *from = plim_tensor_data(row);
    void *to = plim_tensor_data(t);
    uint64_t n = (uint64_t)plim_tensor_elements(t), given = (uint64_t)plim_tensor_elements(row);
    if (given > n || !plim_tensor_is_contiguous(row)) {
        return plim_error_set(err, PLIM_E_SHAPE, "a row does not fit its input", in->feature,
                              "at most the input's elements", "more");
    }
    for (uint64_t i = 0; i < n; i++) { /* shorter rows are padded, as policies do with states */
        double value = 0;
        if (i < given && !tensor_get(from, row->dtype, i, &value)) {
            return refuse_dtype(row, err);
        }
        value = i < given ? value * in->scale + in->bias : 0;
        if (!tensor_set(to, t->dtype, i, value)) {
            return refuse_dtype(t, err);
        }
    }
    return PLIM_OK;
}
