/* SPDX-License-Identifier: Apache-2.0 */
/* tensor.h - a plain struct over memory that somebody else owns.
 *
 * Views, slices, reshapes and transposes never copy. Whether a consumer can touch the
 * memory is decided from its kind: a view it can reach costs 0 copies and 0 bytes, one it
 * cannot reach is an error and never a silent copy. The few calls that do copy say so in
 * their name and are counted (plim_tensor_copy_count).
 */
#ifndef PLIMSOLL_TENSOR_H
#define PLIMSOLL_TENSOR_H

#include <stdbool.h>

#include "plimsoll/arena.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_TENSOR_RANK_MAX 8

/* X(name, number, text, bits, dlpack code, dlpack bits) */
#define PLIM_DTYPE_LIST(X)                                                                         \
    X(F32, 1, "float32", 32, 2, 32)                                                                \
    X(F64, 2, "float64", 64, 2, 64)                                                                \
    X(F16, 3, "float16", 16, 2, 16)                                                                \
    X(BF16, 4, "bfloat16", 16, 4, 16)                                                              \
    X(I8, 5, "int8", 8, 0, 8)                                                                      \
    X(I16, 6, "int16", 16, 0, 16)                                                                  \
    X(I32, 7, "int32", 32, 0, 32)                                                                  \
    X(I64, 8, "int64", 64, 0, 64)                                                                  \
    X(U8, 9, "uint8", 8, 1, 8)                                                                     \
    X(U16, 10, "uint16", 16, 1, 16)                                                                \
    X(U32, 11, "uint32", 32, 1, 32)                                                                \
    X(U64, 12, "uint64", 64, 1, 64)                                                                \
    X(BOOL, 13, "bool", 8, 6, 8)                                                                   \
    X(I4, 14, "int4", 4, 0, 4)                                                                     \
    X(U4, 15, "uint4", 4, 1, 4)                                                                    \
    X(F8E4M3, 16, "float8_e4m3fn", 8, 10, 8)                                                       \
    X(F8E5M2, 17, "float8_e5m2", 8, 12, 8)                                                         \
    X(F4E2M1, 18, "float4_e2m1fn", 4, 17, 4)

typedef enum plim_dtype {
    PLIM_DTYPE_NONE = 0,
#define PLIM_DTYPE_ENUM(name, number, text, bits, dl_code, dl_bits) PLIM_##name = (number),
    PLIM_DTYPE_LIST(PLIM_DTYPE_ENUM)
#undef PLIM_DTYPE_ENUM
} plim_dtype;

typedef struct plim_tensor {
    void *data; /* first byte of the allocation that the view is in; see byte_offset */
    uint64_t byte_offset;
    plim_dtype dtype;
    uint32_t rank; /* 0 .. 8; 0 is a scalar */
    int64_t shape[PLIM_TENSOR_RANK_MAX];
    int64_t strides[PLIM_TENSOR_RANK_MAX]; /* in elements; may be negative or 0 */
    plim_memory_kind kind;
    int32_t device; /* 0 for the CPU; the GPU's number for device kinds */
} plim_tensor;

typedef enum plim_consumer {
    PLIM_CONSUMER_CPU = 0,     /* this process's CPUs */
    PLIM_CONSUMER_GPU = 1,     /* the GPU that the memory names */
    PLIM_CONSUMER_PROCESS = 2, /* another process on this machine */
} plim_consumer;

/* plim_dtype_parse also takes the short names f32, fp16, bf16, i8 ...
 * Errors:  E_UNSUPPORTED  unknown name; field "dtype", found the text. */
PLIM_API PLIM_MUST_USE plim_status plim_dtype_parse(const char *text, plim_dtype *out,
                                                    plim_error *err);
PLIM_API const char *plim_dtype_name(plim_dtype dtype);
PLIM_API uint32_t plim_dtype_bits(plim_dtype dtype); /* 0 when unknown */

/* plim_tensor_init - a dense row-major tensor over @data.
 *
 * Owns:    borrows @shape; the tensor borrows @data for as long as it lives.
 * Errors:  E_SHAPE        rank above 8, or a negative dimension (field "rank", "dim 3").
 *          E_RANGE        the number of elements or bytes overflows.
 *          E_UNSUPPORTED  unknown dtype.
 */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_init(plim_tensor *self, void *data, plim_dtype dtype,
                                                    const int64_t *shape, uint32_t rank,
                                                    plim_memory_kind kind, plim_error *err);

/* plim_tensor_check - is a tensor that was filled in by hand one that can be? All calls below
 * check what they are given, so that a hostile rank or stride is an error and nothing else.
 *
 * Errors:  as plim_tensor_init; E_RANGE also when the strides reach before data or past 2^62
 *          bits; E_ARG an unknown memory kind.
 */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_check(const plim_tensor *self, plim_error *err);

PLIM_API int64_t plim_tensor_elements(const plim_tensor *self); /* -1: it cannot be */
PLIM_API uint64_t plim_tensor_bytes(const plim_tensor *self);   /* dense size, whole bytes;
                                                                 * UINT64_MAX: it cannot be */
PLIM_API void *plim_tensor_data(const plim_tensor *self);       /* data + byte_offset */
PLIM_API bool plim_tensor_is_contiguous(const plim_tensor *self);

/* Views: no bytes move. Each writes *@out and leaves @self alone; @out may be @self.
 *
 * slice      keeps [from, to) of one dimension with a positive step
 * transpose  permutes the dimensions; @order is a permutation of 0 .. rank-1
 * reshape    E_UNSUPPORTED when the strides do not allow it without a copy; one -1 allowed
 * select     drops a dimension by taking one index of it
 * Errors:  E_SHAPE  a dimension, index or permutation is out of range.
 *          E_UNSUPPORTED  a 4-bit slice that would start inside a byte.
 */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_slice(const plim_tensor *self, uint32_t dim,
                                                     int64_t from, int64_t to, int64_t step,
                                                     plim_tensor *out, plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_tensor_select(const plim_tensor *self, uint32_t dim,
                                                      int64_t index, plim_tensor *out,
                                                      plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_tensor_transpose(const plim_tensor *self,
                                                         const uint32_t *order, plim_tensor *out,
                                                         plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_tensor_reshape(const plim_tensor *self,
                                                       const int64_t *shape, uint32_t rank,
                                                       plim_tensor *out, plim_error *err);

/* plim_memory_is_reachable - can @consumer touch memory of this kind without a copy? */
PLIM_API bool plim_memory_is_reachable(plim_memory_kind kind, plim_consumer consumer);

/* plim_tensor_view_for - the same tensor, for @consumer: 0 copies, 0 bytes.
 * Errors:  E_UNSUPPORTED  not reachable; field "memory kind", wanted and found filled in. */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_view_for(const plim_tensor *self,
                                                        plim_consumer consumer, plim_tensor *out,
                                                        plim_error *err);

/* plim_tensor_contiguous - the same pointer when @self is dense already, else one copy into
 * a block of @region.
 * plim_tensor_cast - the same pointer (and strides) when the dtype is already @dtype, else one
 * converted, dense copy. Rounds to nearest, ties to even. A float too large for the target
 * becomes infinity, or NaN in float8_e4m3fn; floats go to integers toward zero; integers too
 * large become the nearest end; NaN becomes 0. Nothing is converted to float4_e2m1fn.
 * Both add 1 and the bytes written to the process-wide copy counter when they copy.
 * Errors:  E_UNSUPPORTED  no conversion between these dtypes; or not reachable by the CPU.
 *          E_BUDGET, E_NOMEM, E_FRAG from @region.
 */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_contiguous(const plim_tensor *self,
                                                          plim_region *region, plim_tensor *out,
                                                          plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_tensor_cast(const plim_tensor *self, plim_dtype dtype,
                                                    plim_region *region, plim_tensor *out,
                                                    plim_error *err);

/* plim_tensor_copy - move elements into an existing tensor of the same shape and dtype;
 * counted like the above. The two may not share elements.
 * Errors:  E_SHAPE  shapes differ.  E_UNSUPPORTED  dtypes differ, either is out of the CPU's
 *          reach, or @to is a file's memory or repeats an element.  E_ARG  no memory. */
PLIM_API PLIM_MUST_USE plim_status plim_tensor_copy(const plim_tensor *from, plim_tensor *to,
                                                    plim_error *err);
PLIM_API uint64_t plim_tensor_copy_count(void);
PLIM_API uint64_t plim_tensor_copy_bytes(void);

/* An output that is reallocated only when a shape does not fit what it holds.
 *
 * @region is dynamic. The new block is taken before the old one goes back, so that a refusal
 * (the region's own, or a bad shape) changes nothing. plim_output_shape fills in `tensor`. */
typedef struct plim_output {
    plim_region *region;
    void *block;
    uint64_t capacity_bytes;
    uint64_t realloc_count; /* grows by one for each shape that did not fit */
    plim_tensor tensor;
} plim_output;
PLIM_API void plim_output_init(plim_output *self, plim_region *region);
PLIM_API PLIM_MUST_USE plim_status plim_output_shape(plim_output *self, plim_dtype dtype,
                                                     const int64_t *shape, uint32_t rank,
                                                     plim_error *err);
PLIM_API void plim_output_deinit(plim_output *self);

/* DLPack 1.x. The structs are DLPack's own layout, declared in src/tensor/dlpack.h.
 *
 * export  gives a DLManagedTensorVersioned* whose deleter calls @release(@context), which may
 *         be NULL; the record is built in a block of @region, dynamic (the deleter gives it
 *         back) or bump (rewinding does). @flags: PLIM_DLPACK_*; memory of a file is
 *         read-only in any case. The deleter needs the region's lock, as any free does.
 * import  reads a DLManagedTensorVersioned*: *@out borrows its memory until @managed is
 *         deleted, which stays the caller's duty, also when the import is refused.
 *         *@out_flags (may be NULL) holds what the producer says: do not write when
 *         PLIM_DLPACK_READ_ONLY is set. Strides may be NULL (dense), 0 or negative.
 * delete  calls the record's deleter where it has one; NULL is accepted. Safe for any major
 *         version.
 * Devices: CPU is HOST (SHARED and FILE are exported as CPU), CUDA is DEVICE with its number,
 *         CUDA host is PINNED, CUDA managed is MANAGED.
 * Errors:  E_UNSUPPORTED  a major version other than 1, an unknown device or dtype, lanes
 *                         other than 1, a sub-byte type padded to bytes.
 *          E_SHAPE        rank above 8 or a negative dimension.
 *          E_RANGE        sizes, strides or offsets that overflow.
 *          E_FORMAT       no shape or no data where there must be one.
 *          export also what @region refuses, and E_ARG for unknown flags.
 */
#define PLIM_DLPACK_READ_ONLY      1u /* the numbers are DLPack's */
#define PLIM_DLPACK_IS_COPIED      2u
#define PLIM_DLPACK_SUBBYTE_PADDED 4u /* refused by import, never exported */
#define PLIM_DLPACK_FLAGS          (PLIM_DLPACK_READ_ONLY | PLIM_DLPACK_IS_COPIED)

PLIM_API PLIM_MUST_USE plim_status plim_tensor_to_dlpack(const plim_tensor *self,
                                                         plim_region *region, uint64_t flags,
                                                         void (*release)(void *context),
                                                         void *context, void **out_managed,
                                                         plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_tensor_from_dlpack(const void *managed, plim_tensor *out,
                                                           uint64_t *out_flags, plim_error *err);
PLIM_API void plim_dlpack_delete(void *managed);

#ifdef __cplusplus
}
#endif
#endif
