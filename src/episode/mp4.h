/* SPDX-License-Identifier: Apache-2.0 */
/* mp4.h - what an mp4 file says about its first video track, without decoding anything. */
#ifndef EPISODE_MP4_H
#define EPISODE_MP4_H

#include "src/episode/file_bytes.h"

#define PLIM_MP4_SAMPLES_MAX (1u << 24) /* more frames than a week at 25 a second */

/* A table inside the file: @count entries from @offset on. */
typedef struct plim_mp4_table {
    uint64_t offset;
    uint32_t count;
} plim_mp4_table;

typedef struct plim_mp4 {
    char codec[5]; /* the sample entry's four characters: "avc1", "hvc1", "av01" */
    uint32_t width, height;
    uint32_t timescale;       /* ticks a second */
    uint32_t sample_count;    /* encoded frames */
    uint32_t keyframe_count;  /* sample_count when the file has no table of them */
    uint64_t sample_bytes;    /* sum of the encoded frames */
    uint64_t container_bytes; /* the file less sample_bytes */
    int64_t first_tick;       /* edit list: media time shown first */
    uint32_t fixed_sample_bytes;
    plim_mp4_table sizes, durations, offsets; /* stsz, stts, ctts */
} plim_mp4;

/* plim_mp4_read - walk the boxes and add up the samples.
 *
 * Memory:  none; tables are read in pieces of a few KiB on the stack.
 * Errors:  E_FORMAT       a box, table or count does not fit the file; field names the box.
 *          E_UNSUPPORTED  fragmented, compressed index, or no video track.
 */
PLIM_MUST_USE plim_status plim_mp4_read(const plim_file_bytes *file, plim_mp4 *out,
                                        plim_error *err);

/* plim_mp4_ticks - presentation times of all samples, rising, first shown frame at 0.
 * Shape:   @ticks has sample_count entries.
 * Errors:  E_FORMAT  the time tables do not add up to sample_count. */
PLIM_MUST_USE plim_status plim_mp4_ticks(const plim_file_bytes *file, const plim_mp4 *mp4,
                                         int64_t *ticks, plim_error *err);

#endif
