/* SPDX-License-Identifier: Apache-2.0 */
/* dlpack.h - DLPack 1.x as it lies in memory, in declarations of our own.
 *
 * Source of the layout: the DLPack C API, https://dmlc.github.io/dlpack/latest/c_api.html.
 * Names are ours, so that the real header may be included beside this one. Everything up to
 * `flags` stays where it is in every version, so that the deleter can always be called.
 */
#ifndef SRC_TENSOR_DLPACK_H
#define SRC_TENSOR_DLPACK_H

#include <stddef.h>
#include <stdint.h>

#define PLIM_DL_MAJOR 1u
#define PLIM_DL_MINOR 1u /* the 8-bit and 4-bit floats are of 1.1 */

enum { /* device types that this library has a memory kind for */
       PLIM_DL_CPU = 1,
       PLIM_DL_CUDA = 2,
       PLIM_DL_CUDA_HOST = 3,
       PLIM_DL_CUDA_MANAGED = 13,
};

typedef struct plim_dl_version {
    uint32_t major, minor;
} plim_dl_version;

typedef struct plim_dl_device {
    int32_t device_type, device_id;
} plim_dl_device;

typedef struct plim_dl_dtype {
    uint8_t code, bits;
    uint16_t lanes;
} plim_dl_dtype;

typedef struct plim_dl_tensor {
    void *data;
    plim_dl_device device;
    int32_t ndim;
    plim_dl_dtype dtype;
    int64_t *shape;
    int64_t *strides; /* in elements; NULL before 1.2 may mean dense */
    uint64_t byte_offset;
} plim_dl_tensor;

typedef struct plim_dl_managed {
    plim_dl_version version;
    void *manager_context;
    void (*deleter)(struct plim_dl_managed *self); /* NULL: nothing to delete */
    uint64_t flags;
    plim_dl_tensor tensor;
} plim_dl_managed;

_Static_assert(sizeof(plim_dl_dtype) == 4 && sizeof(plim_dl_device) == 8, "DLPack ABI");
#if UINTPTR_MAX == UINT64_MAX
_Static_assert(sizeof(plim_dl_tensor) == 48 && offsetof(plim_dl_tensor, ndim) == 16 &&
                   offsetof(plim_dl_tensor, dtype) == 20 && offsetof(plim_dl_tensor, shape) == 24 &&
                   offsetof(plim_dl_tensor, byte_offset) == 40,
               "DLPack ABI");
_Static_assert(sizeof(plim_dl_managed) == 80 && offsetof(plim_dl_managed, deleter) == 16 &&
                   offsetof(plim_dl_managed, flags) == 24 &&
                   offsetof(plim_dl_managed, tensor) == 32,
               "DLPack ABI");
#endif

#endif
