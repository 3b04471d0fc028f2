/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_ends.h - meta/episode_ends: the row after the last one of each episode. */
#ifndef SURVEY_ZARR_ENDS_H
#define SURVEY_ZARR_ENDS_H

#include "src/survey/zarr_array.h"
#include "src/survey/zarr_store.h"

#define PLIM_ZARR_ENDS_CHUNK_MAX (1u << 20) /* bytes of one chunk, unpacked */

typedef struct plim_zarr_ends {
    const plim_zarr_array *array; /* borrowed */
    uint64_t count;               /* episodes */
    uint64_t total_rows;          /* the last end */
    size_t chunk_bytes, packed_room;
    uint8_t *packed, *plain, *scratch;
} plim_zarr_ends;

/* plim_zarr_ends_open - check @array, and read the last end.
 * Owns:    keeps @array; its buffers come from @survey's home and last as long as that memory.
 * Errors:  E_UNSUPPORTED  another type than whole numbers, filters, chunks above 1 MiB, a
 *                         compressor that is not unpacked here.
 *          E_FORMAT       damaged, or more episodes than the chunks that are there can hold.
 *          E_NOT_FOUND    the last chunk is missing.  E_IO, E_BUDGET, E_NOMEM. */
PLIM_MUST_USE plim_status plim_zarr_ends_open(plim_zarr_ends *self, const plim_zarr_array *array,
                                              plim_zarr_store *store, plim_survey *survey,
                                              plim_error *err);

/* plim_zarr_ends_read - ends [@first, @first + @count) in one pass over their chunks. Ends that
 * cannot be read are UINT64_MAX. Errors:  why the first of those could not; all others are there
 * all the same. */
PLIM_MUST_USE plim_status plim_zarr_ends_read(plim_zarr_ends *self, plim_zarr_store *store,
                                              uint64_t first, uint64_t count, uint64_t *ends,
                                              plim_error *err);

#endif
