/* SPDX-License-Identifier: Apache-2.0 */
/* dataset_files.h - what dataset.c and episode.c share: the open data set, and the sizes of one
 * episode's files. */
#ifndef EPISODE_DATASET_FILES_H
#define EPISODE_DATASET_FILES_H

#include "src/episode/lerobot.h"
#include "src/episode/mp4.h"
#include "src/episode/parquet.h"
#include "src/episode/video.h"

#define PLIM_PATH_BYTES 1024u

struct plim_dataset {
    plim_region *home;
    uint64_t mark_before, mark_after; /* of a bump home */
    plim_dataset_info info;
    plim_lerobot lerobot;
    plim_warnings warnings;
    plim_video_plugin plugin; /* opened by the first episode that needs it */
    plim_parquet parquet;     /* of the episode looked at last: scratch */
    char root[PLIM_PATH_BYTES], path[PLIM_PATH_BYTES];
    plim_lerobot_episode episodes[]; /* info.episode_count, rising index */
};

/* The entry of episode @index. Errors: E_NOT_FOUND. */
PLIM_MUST_USE plim_status plim_dataset_find(const plim_dataset *self, uint32_t index,
                                            const plim_lerobot_episode **out, plim_error *err);

/* The table of numbers of an episode, its footer in self->parquet; the caller closes @file.
 * Adds a warning for each column that disagrees with info.json. */
PLIM_MUST_USE plim_status plim_dataset_open_table(plim_dataset *self, uint32_t index,
                                                  plim_file_bytes *file, plim_parquet_visit visit,
                                                  void *context, plim_error *err);

/* The video of camera @feature in episode @index; the caller closes @file. self->path is its
 * path until the next call. Errors: E_NOT_FOUND when the episode has no such file. */
PLIM_MUST_USE plim_status plim_dataset_open_video(plim_dataset *self, uint32_t index,
                                                  const plim_feature *feature,
                                                  plim_file_bytes *file, plim_mp4 *mp4,
                                                  plim_error *err);

/* Is this feature a camera whose frames lie in video files that exist? */
bool plim_dataset_has_video(const plim_dataset *self, uint32_t feature);

/* The feature that a table's column belongs to; NULL when info.json does not name it. */
const plim_feature *plim_dataset_feature(const plim_dataset *self, const char *name);

#endif
