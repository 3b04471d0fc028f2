/* SPDX-License-Identifier: Apache-2.0 */
/* lerobot.h - the metadata of a LeRobot data set (v2.0, v2.1, v3.0), and where its files lie. */
#ifndef EPISODE_LEROBOT_H
#define EPISODE_LEROBOT_H

#include "plimsoll/episode.h"
#include "src/episode/file_bytes.h"
#include "src/episode/json_feed.h"

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
    plim_dataset_info *info;              /* borrowed: what the metadata says goes there */
    plim_warnings *warnings;              /* borrowed */
    char data_path[256], video_path[256]; /* templates; video_path may be "" */
    bool takes_v3; /* set before read_info: v3.0 is read too, and is_v3 says that it is one */
    bool is_v3;
    char robot[64];                           /* robot_type; "" */
    bool is_image[PLIM_DATASET_FEATURES_MAX]; /* pictures inside the table, not in a video */
    bool is_depth[PLIM_DATASET_FEATURES_MAX]; /* one channel of 16 bits */
    bool is_named[PLIM_DATASET_FEATURES_MAX]; /* modality.json takes it */
    uint32_t slice_values[PLIM_DATASET_FEATURES_MAX]; /* values of its slices together */
    uint64_t chunk_episodes;
    /* what info.json claims; UINT64_MAX when it says nothing */
    uint64_t total_episodes, total_frames, total_tasks, total_videos, total_chunks, split_end;
} plim_lerobot;

/* plim_lerobot_read_info - info.json.
 * Errors:  E_FORMAT  field and line; E_UNSUPPORTED  another version; E_RANGE  larger than 4 MiB or
 *          more than PLIM_DATASET_FEATURES_MAX features. */
PLIM_MUST_USE plim_status plim_lerobot_read_info(plim_lerobot *self, const plim_file_bytes *file,
                                                 plim_error *err);

/* plim_lerobot_group - the group of a column by its name. */
plim_feature_group plim_lerobot_group(const char *name);

/* plim_lerobot_read_modality - GR00T's modality.json: sets has_modality, gives warnings for keys
 * and slices that the features do not have. Errors: as read_info. */
PLIM_MUST_USE plim_status plim_lerobot_read_modality(plim_lerobot *self,
                                                     const plim_file_bytes *file, plim_error *err);

/* plim_lerobot_episode_line - the next line of episodes.jsonl; *@is_end after the last.
 * Errors:  E_FORMAT with the line's number; the feed stands behind that line then. */
PLIM_MUST_USE plim_status plim_lerobot_episode_line(plim_json_feed *feed, plim_lerobot_episode *out,
                                                    bool *is_end, plim_error *err);

/* plim_lerobot_read_episodes - episodes.jsonl into @episodes (room for @limit), line by line: the
 * file may be any size. Sets episode_count and frame_count. */
PLIM_MUST_USE plim_status plim_lerobot_read_episodes(plim_lerobot *self,
                                                     const plim_file_bytes *file,
                                                     plim_lerobot_episode *episodes, uint64_t limit,
                                                     plim_error *err);

/* plim_lerobot_path - @root ("": none) / the template filled in. @video_key NULL: the table of
 * numbers. Errors:  E_FORMAT  a placeholder that is not known, or a path that leaves the data set.
 *          E_RANGE  longer than @out_bytes. */
PLIM_MUST_USE plim_status plim_lerobot_path(const plim_lerobot *self, const char *root,
                                            const char *video_key, uint32_t episode, char *out,
                                            size_t out_bytes, plim_error *err);

/* plim_lerobot_shared_path - the same for v3.0, where one file holds many episodes. */
PLIM_MUST_USE plim_status plim_lerobot_shared_path(const plim_lerobot *self, const char *root,
                                                   const char *video_key, uint64_t chunk,
                                                   uint64_t file, char *out, size_t out_bytes,
                                                   plim_error *err);

#endif
