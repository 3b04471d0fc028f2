/* SPDX-License-Identifier: Apache-2.0 */
/* survey_single.c - one mp4 or one Parquet file by itself: an episode without a data set.
 *
 * There is no plan to compare with: a video has all its frames, a table all its rows, and columns
 * are grouped by their names as LeRobot groups them.
 */
#include <stdio.h>
#include <string.h>

#include "src/survey/survey_lerobot.h"

static bool is_parquet(const plim_survey_source *source)
{
    return source->head_bytes >= 4 && memcmp(source->head, "PAR1", 4) == 0;
}

static bool probe(const plim_survey_source *source)
{
    return !source->is_folder && (is_parquet(source) || (source->head_bytes >= 8 &&
                                                         memcmp(source->head + 4, "ftyp", 4) == 0));
}

static plim_status open_single(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    void *block;
    PLIM_TRY(plim_survey_take(self, sizeof(plim_survey_set), &block, err));
    plim_survey_set *set = self->state = block;
    set->lerobot.is_v3 = is_parquet(source); /* here: which of the two it is */
    self->info.episode_count = 1;
    snprintf(self->info.version, sizeof(self->info.version), "%s",
             is_parquet(source) ? "parquet" : "mp4");
    return PLIM_OK;
}

static plim_status read_video(plim_survey *self, const plim_file_bytes *file, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_feature *f = &set->info.features[0];
    plim_mp4 mp4;
    PLIM_TRY(plim_mp4_read(file, &mp4, err));
    *f = (plim_feature){.name = "video", .rank = 3, .has_files = true};
    f->shape[0] = mp4.height; /* nothing declares another */
    f->shape[1] = mp4.width;
    f->shape[2] = 3;
    set->info.feature_count = 1;
    self->episode.frames = mp4.sample_count;
    plim_survey_contain(self, "mp4", mp4.container_bytes);
    return plim_survey_camera(self, 0, &mp4, mp4.sample_count, mp4.sample_bytes, mp4.sample_count,
                              "", err);
}

static plim_status read_table(plim_survey *self, const plim_file_bytes *file, plim_error *err)
{
    plim_survey_set *set = self->state;
    PLIM_TRY(plim_parquet_read(file, &set->parquet, NULL, NULL, err));
    plim_survey_whole_table(set);
    self->episode.frames = set->rows.row_count;
    plim_survey_contain(self, "parquet", set->parquet.container_bytes);
    return plim_survey_columns(self, set->rows.row_count, "", err);
}

static plim_status next_single(plim_survey *self, bool *is_end, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    *is_end = set->episode_sum++ != 0 || !plim_survey_wants(self, 0);
    if (*is_end) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_survey_begin(self, 0, 1 + PLIM_PARQUET_LEAVES_MAX, err));
    PLIM_TRY(plim_survey_open_file(self, "", &file, err));
    plim_survey_count_file(self, file.size_bytes);
    plim_status status =
        set->lerobot.is_v3 ? read_table(self, &file, err) : read_video(self, &file, err);
    plim_file_bytes_close(&file);
    return status;
}

const plim_survey_reader plim_survey_single = {
    .name = "file",
    .reads = "one mp4 or one Parquet file by itself",
    .probe = probe,
    .open = open_single,
    .next = next_single,
};
