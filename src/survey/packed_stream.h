/* SPDX-License-Identifier: Apache-2.0 */
/* packed_stream.h - a span of a file read forward, decompressed on the way if need be. */
#ifndef SURVEY_PACKED_STREAM_H
#define SURVEY_PACKED_STREAM_H

#include <stdbool.h>

#include "src/episode/file_bytes.h"

typedef enum plim_packing {
    PLIM_PACKING_NONE = 0,
    PLIM_PACKING_LZ4,  /* LZ4 frames */
    PLIM_PACKING_ZSTD, /* zstd frames */
} plim_packing;

typedef struct plim_packed_stream {
    const plim_file_bytes *file;
    plim_packing packing;
    uint64_t at, end;      /* bytes of the file that were not read in yet */
    uint64_t given, limit; /* unpacked bytes: handed out; more than that are refused */
    void *context;         /* the library's */
    size_t in_at, in_count, out_at, out_count;
    bool is_ended;
    uint8_t in[32768], out[65536];
} plim_packed_stream;

/* plim_packed_stream_open - bytes [at, end) of @file, of which at most @limit unpacked ones are
 * given: a small file that unpacks without end stops there.
 * Owns:    keeps @file until close. The decompressor's state lies on its library's heap; a zstd
 *          window above 8 MiB is refused.
 * Errors:  E_FORMAT  the span passes the end of the file; E_NOMEM. */
PLIM_MUST_USE plim_status plim_packed_stream_open(plim_packed_stream *self,
                                                  const plim_file_bytes *file, uint64_t at,
                                                  uint64_t end, plim_packing packing,
                                                  uint64_t limit, plim_error *err);
void plim_packed_stream_close(plim_packed_stream *self);

/* plim_packed_stream_take - the next @bytes into @to; NULL: passed over (in a plain span that costs
 * no reading). Errors:  E_FORMAT  fewer are left (field "length"), or damaged; E_IO. */
PLIM_MUST_USE plim_status plim_packed_stream_take(plim_packed_stream *self, void *to,
                                                  uint64_t bytes, plim_error *err);

/* plim_packed_stream_is_end - nothing is left. A stream that fails to unpack is not at its end. */
PLIM_MUST_USE plim_status plim_packed_stream_is_end(plim_packed_stream *self, bool *is_end,
                                                    plim_error *err);

#endif
