/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_codec.h - one packed chunk of zarr v2 to its values. */
#ifndef SURVEY_ZARR_CODEC_H
#define SURVEY_ZARR_CODEC_H

#include <stdbool.h>
#include <stddef.h>

#include "plimsoll/status.h"

typedef enum plim_zarr_codec {
    PLIM_ZARR_RAW = 0,
    PLIM_ZARR_BLOSC, /* a frame of blosc 1 */
    PLIM_ZARR_ZLIB,  /* or gzip: told apart by the first bytes */
    PLIM_ZARR_ZSTD,
    PLIM_ZARR_LZ4, /* 4 bytes of length, one block */
    PLIM_ZARR_OTHER,
} plim_zarr_codec;

/* plim_zarr_unpack - exactly @plain_bytes from a chunk of @packed_bytes. @scratch has room for
 * @plain_bytes, too; only blosc needs it.
 * Errors:  E_UNSUPPORTED  no library here unpacks it; found names what it is ("blosclz").
 *          E_FORMAT       damaged, or another length. */
PLIM_MUST_USE plim_status plim_zarr_unpack(plim_zarr_codec codec, const uint8_t *packed,
                                           size_t packed_bytes, uint8_t *plain, size_t plain_bytes,
                                           uint8_t *scratch, plim_error *err);

#endif
