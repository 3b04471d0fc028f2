/* SPDX-License-Identifier: Apache-2.0 */
/* survey_lerobot.h - what the parts of the LeRobot reader share. */
#ifndef SURVEY_SURVEY_LEROBOT_H
#define SURVEY_SURVEY_LEROBOT_H

#include "src/episode/lerobot.h"
#include "src/episode/mp4.h"
#include "src/episode/parquet.h"
#include "src/survey/survey_reader.h"

/* An episode's part of a table: sums over its rows, leaf by leaf. */
typedef struct plim_survey_rows {
    uint64_t row_count;
    bool is_estimated; /* a row group is shared with other episodes */
    uint64_t disk[PLIM_PARQUET_LEAVES_MAX], values[PLIM_PARQUET_LEAVES_MAX],
        plain[PLIM_PARQUET_LEAVES_MAX];
} plim_survey_rows;

typedef struct plim_survey_shared plim_survey_shared; /* v3.0 only */

typedef struct plim_survey_set {
    plim_dataset_info info;
    plim_lerobot lerobot;
    plim_warnings warnings; /* of the metadata parsers; forwarded */
    bool has_frames_warning[PLIM_DATASET_FEATURES_MAX];
    bool is_column[PLIM_DATASET_FEATURES_MAX]; /* seen in this episode's table */
    plim_parquet parquet;
    plim_parquet_walk walk;
    plim_parquet_group group;
    plim_survey_rows rows;
    uint64_t frame_sum, episode_sum;
    char relative[PLIM_SURVEY_PATH_BYTES];
    /* v2: episodes.jsonl, or a count when there is none */
    plim_file_bytes episodes;
    plim_json_feed feed;
    bool has_episodes;
    uint64_t next_index;
    uint32_t misses;      /* tables that were absent or damaged, in a row */
    uint64_t last_index;  /* of the episode before; UINT64_MAX: none yet */
    uint32_t *task_bytes; /* by task_index: what CPython holds for the text; worklog only */
    uint32_t task_limit;
    plim_survey_shared *shared;
} plim_survey_set;

/* plim_survey_v2_next, plim_survey_v3_next - as plim_survey_reader.next. */
plim_status plim_survey_v2_next(plim_survey *self, bool *is_end, plim_error *err);
PLIM_MUST_USE plim_status plim_survey_v3_open(plim_survey *self, plim_error *err);
plim_status plim_survey_v3_next(plim_survey *self, bool *is_end, plim_error *err);
void plim_survey_v3_close(plim_survey *self);

/* plim_survey_whole_table - set->rows are all rows of set->parquet. */
void plim_survey_whole_table(plim_survey_set *set);

/* plim_survey_columns - the features of set->rows, described by set->parquet's leaves, and those
 * that info.json declares and no column shows. @steps: of the episode. */
PLIM_MUST_USE plim_status plim_survey_columns(plim_survey *self, uint64_t steps, const char *file,
                                              plim_error *err);

/* plim_survey_camera - the feature of camera @index: @samples frames of @bytes in @mp4, @steps of
 * them shown. @mp4 NULL: it has none here. @is_lost: it should have. */
PLIM_MUST_USE plim_status plim_survey_camera(plim_survey *self, uint32_t index, const plim_mp4 *mp4,
                                             uint32_t samples, uint64_t bytes, uint64_t steps,
                                             const char *file, plim_error *err);

bool plim_survey_is_camera(const plim_survey_set *set, uint32_t feature);

/* plim_survey_rest - the files that no episode used: metadata, and others. */
PLIM_MUST_USE plim_status plim_survey_rest(plim_survey *self, const char *metadata,
                                           plim_error *err);

/* plim_survey_tasks - task_bytes from tasks.jsonl, for the worklog's arithmetic.
 * plim_survey_task_columns - its bytes for the annotation columns of the table @relative. */
PLIM_MUST_USE plim_status plim_survey_tasks(plim_survey *self, plim_error *err);
PLIM_MUST_USE plim_status plim_survey_task_columns(plim_survey *self, const char *relative,
                                                   plim_error *err);

#endif
