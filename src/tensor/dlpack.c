/* SPDX-License-Identifier: Apache-2.0 */
/* dlpack.c - tensors handed to other libraries, and taken from them, without a copy.
 *
 * Decides how memory kinds and dtypes are said in DLPack. Refuses another major version,
 * devices, dtypes and lanes that this library has no word for, ranks above 8, sub-byte types
 * that are padded to bytes, and shapes or strides that cannot be. An import reads nothing
 * but `version` before the version is known to be ours.
 *
 * Invariant: an exported record always has a deleter; it gives the record back first and
 * calls the owner's release last, so that release may close the region.
 */
#include "src/tensor/dlpack.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/tensor/shape.h"

typedef struct exported {
    plim_dl_managed managed; /* first: the deleter is given its address */
    plim_region *region;
    void (*release)(void *context);
    void *context;
    int64_t shape[PLIM_TENSOR_RANK_MAX], strides[PLIM_TENSOR_RANK_MAX];
} exported;

static void delete_exported(plim_dl_managed *managed)
{
    if (!managed) {
        return;
    }
    exported *self = (exported *)managed;
    void (*release)(void *context) = self->release;
    void *context = self->context;
    plim_status s = plim_region_free(self->region, self, NULL);
    (void)s; /* a bump region keeps the record until it is rewound */
    if (release) {
        release(context);
    }
}

static bool dtype_to_dl(plim_dtype dtype, plim_dl_dtype *out)
{
    switch (dtype) {
#define DTYPE_TO_DL(name, number, text, width, dl_code, dl_bits)                                   \
    case PLIM_##name:                                                                              \
        *out = (plim_dl_dtype){.code = (dl_code), .bits = (dl_bits), .lanes = 1};                  \
        return true;
        PLIM_DTYPE_LIST(DTYPE_TO_DL)
#undef DTYPE_TO_DL
    case PLIM_DTYPE_NONE:
        break;
    }
    return false;
}

static plim_dtype dtype_of_dl(plim_dl_dtype dl)
{
#define DTYPE_OF_DL(name, number, text, width, dl_code, dl_bits)                                   \
    if (dl.code == (dl_code) && dl.bits == (dl_bits)) {                                            \
        return PLIM_##name;                                                                        \
    }
    PLIM_DTYPE_LIST(DTYPE_OF_DL)
#undef DTYPE_OF_DL
    return PLIM_DTYPE_NONE;
}

/* DLPack numbers CPU, pinned and managed memory 0. */
static plim_dl_device device_to_dl(const plim_tensor *self)
{
    switch (self->kind) {
    case PLIM_MEMORY_PINNED:
        return (plim_dl_device){PLIM_DL_CUDA_HOST, 0};
    case PLIM_MEMORY_MANAGED:
        return (plim_dl_device){PLIM_DL_CUDA_MANAGED, 0};
    case PLIM_MEMORY_DEVICE:
        return (plim_dl_device){PLIM_DL_CUDA, self->device};
    default:
        return (plim_dl_device){PLIM_DL_CPU, 0};
    }
}

plim_status plim_tensor_to_dlpack(const plim_tensor *self, plim_region *region, uint64_t flags,
                                  void (*release)(void *context), void *context, void **out_managed,
                                  plim_error *err)
{
    plim_dl_dtype dtype;
    void *block;
    *out_managed = NULL;
    PLIM_TRY(plim_tensor_check(self, err));
    if (!dtype_to_dl(self->dtype, &dtype) || flags & ~(uint64_t)PLIM_DLPACK_FLAGS) {
        return plim_error_set(err, PLIM_E_ARG, "DLPack flags", "flags", "read-only, is-copied",
                              NULL);
    }
    PLIM_TRY(plim_region_alloc(region, sizeof(exported), 0, &block, err));
    exported *record = block;
    memset(record, 0, sizeof(*record));
    memcpy(record->shape, self->shape, sizeof(record->shape));
    memcpy(record->strides, self->strides, sizeof(record->strides));
    record->region = region;
    record->release = release;
    record->context = context;
    record->managed = (plim_dl_managed){
        .version = {PLIM_DL_MAJOR, PLIM_DL_MINOR},
        .manager_context = record,
        .deleter = delete_exported,
        .flags = flags | (self->kind == PLIM_MEMORY_FILE ? PLIM_DLPACK_READ_ONLY : 0),
        /* byte_offset stays 0 and data moves instead: some consumers do not add it. */
        .tensor = {.data = plim_tensor_elements(self) ? plim_tensor_data(self) : NULL,
                   .device = device_to_dl(self),
                   .ndim = (int32_t)self->rank,
                   .dtype = dtype,
                   .shape = record->shape,
                   .strides = record->strides},
    };
    *out_managed = record;
    return PLIM_OK;
}

static plim_status take_device(const plim_dl_tensor *dl, plim_tensor *out, plim_error *err)
{
    switch (dl->device.device_type) {
    case PLIM_DL_CPU:
        out->kind = PLIM_MEMORY_HOST;
        return PLIM_OK;
    case PLIM_DL_CUDA_HOST:
        out->kind = PLIM_MEMORY_PINNED;
        return PLIM_OK;
    case PLIM_DL_CUDA_MANAGED:
        out->kind = PLIM_MEMORY_MANAGED;
        return PLIM_OK;
    case PLIM_DL_CUDA:
        if (dl->device.device_id < 0) {
            return plim_error_set(err, PLIM_E_RANGE, "DLPack device", "device_id", "0 or more",
                                  plim_text_number(dl->device.device_id).text);
        }
        out->kind = PLIM_MEMORY_DEVICE;
        out->device = dl->device.device_id;
        return PLIM_OK;
    default:
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "DLPack device", "device_type",
                              "1 CPU, 2 CUDA, 3 CUDA host or 13 CUDA managed",
                              plim_text_number(dl->device.device_type).text);
    }
}

static plim_status take_dtype(const plim_dl_managed *managed, plim_tensor *out, plim_error *err)
{
    plim_dl_dtype dl = managed->tensor.dtype;
    char found[48];
    if (dl.lanes != 1) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "DLPack vector type", "lanes", "1",
                              plim_text_number(dl.lanes).text);
    }
    out->dtype = dtype_of_dl(dl);
    if (out->dtype == PLIM_DTYPE_NONE) {
        snprintf(found, sizeof(found), "code %u with %u bits", dl.code, dl.bits);
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "DLPack dtype", "dtype",
                              "a code and width of the dtype list", found);
    }
    if (plim_dtype_bits(out->dtype) < 8 && managed->flags & PLIM_DLPACK_SUBBYTE_PADDED) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "DLPack sub-byte type", "flags",
                              "packed elements", "padded elements");
    }
    return PLIM_OK;
}

static plim_status take_shape(const plim_dl_tensor *dl, plim_tensor *out, plim_error *err)
{
    if (dl->ndim < 0 || dl->ndim > PLIM_TENSOR_RANK_MAX) {
        return plim_error_set(err, PLIM_E_SHAPE, "tensor rank", "rank", "0 to 8",
                              plim_text_number(dl->ndim).text);
    }
    out->rank = (uint32_t)dl->ndim;
    if (out->rank && !dl->shape) {
        return plim_error_set(err, PLIM_E_FORMAT, "DLPack tensor", "shape", "one size a dimension",
                              "NULL");
    }
    PLIM_TRY(plim_shape_check(dl->shape, out->rank, out->dtype, err));
    for (uint32_t i = 0; i < out->rank; i++) {
        out->shape[i] = dl->shape[i];
        out->strides[i] = dl->strides ? dl->strides[i] : 0;
    }
    if (!dl->strides) {
        plim_shape_dense_strides(out->shape, out->rank, out->strides);
    }
    return PLIM_OK;
}

/* Negative strides reach before the first element: data becomes the lowest byte of all, and
 * byte_offset the way up to the first element. */
static plim_status take_data(const plim_dl_tensor *dl, plim_tensor *out, plim_error *err)
{
    int64_t low, high, bits = (int64_t)plim_dtype_bits(out->dtype);
    uint64_t first, back, elements = (uint64_t)plim_tensor_elements(out);
    if (!plim_tensor_reach(out, &low, &high)) {
        return plim_error_set(err, PLIM_E_RANGE, "tensor reach", "strides",
                              "offsets below 2^62 bits", NULL);
    }
    if (!dl->data) {
        return elements == 0 ? PLIM_OK
                             : plim_error_set(err, PLIM_E_FORMAT, "DLPack tensor", "data",
                                              "an address", "NULL");
    }
    back = ((uint64_t)-low * (uint64_t)bits + 7) / 8;
    if (__builtin_add_overflow((uint64_t)(uintptr_t)dl->data, dl->byte_offset, &first) ||
        first > UINTPTR_MAX || back > first) {
        return plim_error_set(err, PLIM_E_RANGE, "DLPack tensor", "byte_offset",
                              "an address that can be", NULL);
    }
    out->data = (unsigned char *)dl->data + dl->byte_offset - back;
    out->byte_offset = back;
    return plim_tensor_check(out, err);
}

plim_status plim_tensor_from_dlpack(const void *managed, plim_tensor *out, uint64_t *out_flags,
                                    plim_error *err)
{
    const plim_dl_managed *from = managed;
    plim_tensor made = {0};
    memset(out, 0, sizeof(*out));
    if (out_flags) {
        *out_flags = 0;
    }
    if (!from) {
        return plim_error_set(err, PLIM_E_ARG, "DLPack tensor", "managed", "an address", "NULL");
    }
    if (from->version.major != PLIM_DL_MAJOR) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "DLPack version", "version.major", "1",
                              plim_text_number(from->version.major).text);
    }
    PLIM_TRY(take_device(&from->tensor, &made, err));
    PLIM_TRY(take_dtype(from, &made, err));
    PLIM_TRY(take_shape(&from->tensor, &made, err));
    PLIM_TRY(take_data(&from->tensor, &made, err));
    *out = made;
    if (out_flags) {
        *out_flags = from->flags & PLIM_DLPACK_FLAGS;
    }
    return PLIM_OK;
}

void plim_dlpack_delete(void *managed)
{
    plim_dl_managed *self = managed;
    if (self && self->deleter) {
        self->deleter(self);
    }
}
