/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_array.h - one .zarray of zarr v2: type, shape, chunks, and how a chunk is packed. */
#ifndef SURVEY_ZARR_ARRAY_H
#define SURVEY_ZARR_ARRAY_H

#include "plimsoll/tensor.h"
#include "src/survey/zarr_codec.h"

#define PLIM_ZARR_TEXT_MAX 16384u /* bytes of a .zarray */

typedef struct plim_zarr_array {
    char name[128];      /* its key without "/.zarray"; the caller's to fill */
    char dtype[16];      /* as numpy spells it: "float32"; "object", "struct" */
    char kind;           /* numpy's letter: 'f', 'i', 'u', 'b', ...; 0: a struct */
    bool is_big_endian;  /* of values of several bytes */
    uint32_t item_bytes; /* 0: not known from the type (objects, structs) */
    uint32_t rank;
    uint64_t shape[PLIM_TENSOR_RANK_MAX], chunks[PLIM_TENSOR_RANK_MAX];
    plim_zarr_codec codec;
    char codec_name[16]; /* "raw", "blosc", "zstd"; what the file says */
    bool has_filters;    /* values are changed once more before packing */
    bool is_lost;        /* the caller's: a warning about its chunks was given */
} plim_zarr_array;

/* plim_zarr_array_parse - the JSON @text of a .zarray. Sides are below 2^63, chunks at least 1.
 * Errors:  E_FORMAT       no such JSON, or fields that contradict each other.
 *          E_UNSUPPORTED  another zarr_format; more than 8 sides. */
PLIM_MUST_USE plim_status plim_zarr_array_parse(plim_zarr_array *self, const char *text,
                                                size_t bytes, plim_error *err);

/* plim_zarr_array_rows - the rows [*@first, *@end) of the first side that chunk @key ("3.0.0", or
 * "3/0/0") holds. False: no chunk of this array, or outside of its shape. An array without sides
 * has one row. */
bool plim_zarr_array_rows(const plim_zarr_array *self, const char *key, uint64_t *first,
                          uint64_t *end);

/* plim_zarr_array_row_count - the first side; 1 for an array without sides. */
uint64_t plim_zarr_array_row_count(const plim_zarr_array *self);

/* plim_zarr_array_row_bytes - of one row, unpacked. False: more than 2^64. */
bool plim_zarr_array_row_bytes(const plim_zarr_array *self, uint64_t *out);

#endif
