/* SPDX-License-Identifier: Apache-2.0 */
/* lerobot.h - the metadata of a LeRobot v2.0 / v2.1 data set, and where its files lie. */
#ifndef EPISODE_LEROBOT_H
#define EPISODE_LEROBOT_H

#include "plimsoll/episode.h"
#include "src/episode/file_bytes.h"

#define PLIM_WARNINGS_KEPT     64u
#define PLIM_WARNING_BYTES     192u
#define PLIM_EPISODE_STEPS_MAX (1u << 24)

/* Disagreements between files and metadata. The same text counts once; all are counted, the
 * first PLIM_WARNINGS_KEPT are kept. */
typedef struct plim_warnings {
    uint32_t count;
    char text[PLIM_WARNINGS_KEPT][PLIM_WARNING_BYTES];
} plim_warnings;

void plim_warnings_add(plim_warnings *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

typedef struct plim_lerobot_episode {
    uint32_t index, length;
} plim_lerobot_episode;

typedef struct plim_lerobot {
    plim_dataset_info *info;                  /* borrowed: what the metadata says goes there */
    plim_warnings *warnings;                  /* borrowed */
    char data_path[256], video_path[256];     /* templates; video_path may be "" */
    bool is_image[PLIM_DATASET_FEATURES_MAX]; /* pictures inside the table, not in a video */
    uint64_t chunk_episodes;
    /* what info.json claims; UINT64_MAX when it says nothing */
    uint64_t total_episodes, total_frames, total_tasks, total_videos, total_chunks, split_end;
} plim_lerobot;

/* plim_lerobot_read_info - info.json.
 * Errors:  E_FORMAT  field and line; E_UNSUPPORTED  another version; E_RANGE  larger than 4 MiB or
 *          more than PLIM_DATASET_FEATURES_MAX features. */
PLIM_MUST_USE plim_status plim_lerobot_read_info(plim_lerobot *self, const plim_file_bytes *file,
                                                 plim_error *err);

/* plim_lerobot_read_modality - GR00T's modality.json: sets has_modality, gives warnings for keys
 * and slices that the features do not have. Errors: as read_info. */
PLIM_MUST_USE plim_status plim_lerobot_read_modality(plim_lerobot *self,
                                                     const plim_file_bytes *file, plim_error *err);

/* plim_lerobot_count_lines - lines with something on them. */
PLIM_MUST_USE plim_status plim_lerobot_count_lines(const plim_file_bytes *file, uint64_t *out,
                                                   plim_error *err);

/* plim_lerobot_read_episodes - episodes.jsonl into @episodes (room for @limit), line by line: the
 * file may be any size. Sets episode_count and frame_count. */
PLIM_MUST_USE plim_status plim_lerobot_read_episodes(plim_lerobot *self,
                                                     const plim_file_bytes *file,
                                                     plim_lerobot_episode *episodes, uint64_t limit,
                                                     plim_error *err);

/* plim_lerobot_path - @root / the template filled in. @video_key NULL: the table of numbers.
 * Errors:  E_FORMAT  a placeholder that is not known, or a path that leaves the data set.
 *          E_RANGE  longer than @out_bytes. */
PLIM_MUST_USE plim_status plim_lerobot_path(const plim_lerobot *self, const char *root,
                                            const char *video_key, uint32_t episode, char *out,
                                            size_t out_bytes, plim_error *err);

#endif
