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
    uint32_t keyframe_apart;  /* most frames from one keyframe to the next, or to the end */
    uint32_t pixel_bits;      /* of a decoded frame: 12 for 8-bit 4:2:0; 0: the file does not say */
    uint64_t sample_bytes;    /* sum of the encoded frames */
    uint64_t container_bytes; /* the file less sample_bytes */
    int64_t first_tick;       /* edit list: media time shown first */
    uint32_t fixed_sample_bytes;
    plim_mp4_table sizes, durations, offsets, keyframes; /* stsz, stts, ctts, stss */
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

/* A place in a file's samples: small, so that it may be kept from one episode to the next. */
typedef struct plim_mp4_place {
    uint32_t sample;                                  /* next one, in decoding order */
    int64_t decoded;                                  /* its decoding time */
    uint32_t duration_entry, duration_left, duration; /* run of stts that it is in */
    uint32_t offset_entry, offset_left, offset;       /* run of ctts */
} plim_mp4_place;

/* plim_mp4_share - samples shown in [@from, @to) seconds, with half a frame of tolerance, and
 * their bytes. Starts at @place (zeroed: the first sample) and leaves it at the first sample
 * after the share, so that shares that rise read each table once.
 * Errors:  E_FORMAT  as plim_mp4_ticks. */
PLIM_MUST_USE plim_status plim_mp4_share(const plim_file_bytes *file, const plim_mp4 *mp4,
                                         plim_mp4_place *place, double from, double to,
                                         uint32_t *samples, uint64_t *bytes, plim_error *err);

#endif
