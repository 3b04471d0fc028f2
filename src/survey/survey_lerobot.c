/* SPDX-License-Identifier: Apache-2.0 */
/* survey_lerobot.c - LeRobot v2.0 and v2.1, a file of each kind for each episode; v3.0's way in.
 *
 * episodes.jsonl is read line by line beside the walk; without it the files are counted from 0 on.
 * Steps are min(rows of the table, length): what GR00T's loader and LeRobot take. A camera that
 * has no file in any of a few episodes is declared only; one that lacks a file here is damage.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "src/survey/survey_lerobot.h"

#define PROBE_COUNT 8u
#define MISSES_MAX  64u /* absent in a row, when only info.json says how many there are */

static bool probe(const plim_survey_source *source)
{
    return plim_survey_source_has(source, "meta/info.json");
}

static void forward_warnings(plim_survey *self, const char *code)
{
    plim_survey_set *set = self->state;
    for (uint32_t i = 0; i < set->warnings.count && i < PLIM_WARNINGS_KEPT; i++) {
        plim_survey_warn(self, code, "", 0, "%s", set->warnings.text[i]);
    }
    set->warnings.count = 0;
}

static plim_status read_info(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    PLIM_TRY(plim_survey_open_file(self, "meta/info.json", &file, err));
    plim_status status = plim_lerobot_read_info(&set->lerobot, &file, err);
    plim_file_bytes_close(&file);
    PLIM_TRY(status);
    forward_warnings(self, "metadata");
    snprintf(self->info.version, sizeof(self->info.version), "%s", set->info.version);
    snprintf(self->info.robot, sizeof(self->info.robot), "%s", set->lerobot.robot);
    self->info.frames_per_second = set->info.frames_per_second;
    return PLIM_OK;
}

/* Absent is no modality; damaged is a warning, because every size is known without it. */
static void read_modality(plim_survey *self)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    plim_error err = {.status = PLIM_OK};
    plim_status status = plim_survey_open_file(self, "meta/modality.json", &file, &err);
    if (status == PLIM_E_NOT_FOUND) {
        return;
    }
    if (status == PLIM_OK) {
        status = plim_lerobot_read_modality(&set->lerobot, &file, &err);
        plim_file_bytes_close(&file);
    }
    if (status != PLIM_OK) {
        plim_survey_lost(self, "", &err);
    }
    forward_warnings(self, "modality");
    self->info.has_modality = set->info.has_modality;
}

static void warn_claim(plim_survey *self, const char *what, uint64_t claimed, uint64_t found)
{
    if (claimed != UINT64_MAX && claimed != found) {
        plim_survey_warn(self, "disagrees", "", 0, "info.json says %" PRIu64 " %s, found %" PRIu64,
                         claimed, what, found);
    }
}

/* ---- v2 ---- */

static bool has_video(plim_survey *self, uint32_t feature, uint64_t episode)
{
    plim_survey_set *set = self->state;
    struct stat st;
    return plim_lerobot_path(&set->lerobot, self->root, set->info.features[feature].name,
                             (uint32_t)episode, set->relative, sizeof(set->relative),
                             NULL) == PLIM_OK &&
           lstat(set->relative, &st) == 0;
}

/* Cameras with a file in one of a few episodes, spread over the data set. */
static plim_status find_cameras(plim_survey *self, uint64_t count, plim_error *err)
{
    plim_survey_set *set = self->state;
    uint64_t cameras = 0, probes = count < PROBE_COUNT ? count : PROBE_COUNT;
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        plim_feature *f = &set->info.features[i];
        if (!plim_survey_is_camera(set, i)) {
            continue;
        }
        /* a template that cannot be filled in is an error, not a camera without files */
        PLIM_TRY(plim_lerobot_path(&set->lerobot, self->root, f->name, 0, set->relative,
                                   sizeof(set->relative), err));
        for (uint64_t k = 0; k < probes && !f->has_files; k++) {
            f->has_files = has_video(self, i, k * count / probes);
        }
        cameras += f->has_files;
    }
    PLIM_TRY(plim_lerobot_path(&set->lerobot, self->root, NULL, 0, set->relative,
                               sizeof(set->relative), err));
    warn_claim(self, "episodes", set->lerobot.total_episodes, count);
    warn_claim(self, "videos", set->lerobot.total_videos, cameras * count);
    return PLIM_OK;
}

static plim_status open_v2(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_error mine = {.status = PLIM_OK};
    uint64_t count = set->lerobot.total_episodes == UINT64_MAX ? 0 : set->lerobot.total_episodes;
    plim_status status = plim_survey_open_file(self, "meta/episodes.jsonl", &set->episodes, &mine);
    if (status == PLIM_OK) {
        set->has_episodes = true;
        set->episodes.path = "meta/episodes.jsonl"; /* self->path moves on */
        plim_json_feed_init(&set->feed, &set->episodes, NULL);
        PLIM_TRY(plim_json_count_lines(&set->episodes, &count, err));
    } else {
        plim_survey_lost(self, "", &mine);
    }
    self->info.episode_count = count;
    if (set->lerobot.split_end != UINT64_MAX && set->lerobot.split_end != count) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "info.json splits end at %" PRIu64 ", %" PRIu64 " episodes found",
                         set->lerobot.split_end, count);
    }
    return find_cameras(self, count, err);
}

/* The next entry inside the range. */
static plim_status next_entry(plim_survey *self, plim_lerobot_episode *out, bool *is_end,
                              plim_error *err)
{
    plim_survey_set *set = self->state;
    for (;;) {
        *is_end = false;
        if (!set->has_episodes) {
            *is_end = set->next_index >= self->info.episode_count || set->misses == MISSES_MAX ||
                      set->next_index > INT32_MAX;
            *out = (plim_lerobot_episode){.index = (uint32_t)set->next_index++,
                                          .length = PLIM_EPISODE_STEPS_MAX};
        } else {
            plim_error mine = {.status = PLIM_OK};
            plim_status status = plim_lerobot_episode_line(&set->feed, out, is_end, &mine);
            if (status == PLIM_E_FORMAT) { /* one bad line costs one episode */
                plim_survey_lost(self, "", &mine);
                continue;
            }
            if (status != PLIM_OK) {
                if (err) {
                    *err = mine;
                }
                return status;
            }
        }
        if (*is_end) {
            return PLIM_OK;
        }
        if (set->last_index != UINT64_MAX && out->index <= set->last_index) {
            plim_survey_warn(self, "order", "", 0,
                             "episodes.jsonl names episode %u after %" PRIu64 ": left out",
                             out->index, set->last_index);
            continue;
        }
        set->last_index = out->index;
        set->episode_sum++;
        if (plim_survey_wants(self, out->index)) {
            return PLIM_OK;
        }
    }
}

/* A file that could be opened and not be read is still bytes on disk. */
static void count_unreadable(plim_survey *self, const plim_file_bytes *file)
{
    plim_survey_count_file(self, file->size_bytes);
    plim_survey_contain(self, "unreadable", file->size_bytes);
}

static plim_status read_table(plim_survey *self, uint32_t index, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_file_bytes file;
    plim_error mine = {.status = PLIM_OK};
    memset(&set->parquet, 0, sizeof(set->parquet));
    set->rows = (plim_survey_rows){.row_count = 0};
    PLIM_TRY(plim_lerobot_path(&set->lerobot, "", NULL, index, set->relative, sizeof(set->relative),
                               err));
    plim_status status = plim_survey_open_file(self, set->relative, &file, &mine);
    if (status == PLIM_OK) {
        status = plim_parquet_read(&file, &set->parquet, NULL, NULL, &mine);
        if (status == PLIM_OK) {
            plim_survey_count_file(self, file.size_bytes);
            plim_survey_contain(self, "parquet", set->parquet.container_bytes);
        } else {
            count_unreadable(self, &file);
        }
        plim_file_bytes_close(&file);
    }
    if (status != PLIM_OK) {
        plim_survey_lost(self, "", &mine);
        return PLIM_OK;
    }
    plim_survey_whole_table(set);
    return PLIM_OK;
}

static plim_status read_camera(plim_survey *self, uint32_t feature, uint32_t index, uint64_t steps,
                               plim_error *err)
{
    plim_survey_set *set = self->state;
    const plim_feature *f = &set->info.features[feature];
    plim_file_bytes file;
    plim_mp4 mp4;
    plim_error mine = {.status = PLIM_OK};
    if (!f->has_files) {
        PLIM_TRY(plim_survey_camera(self, feature, NULL, 0, 0, steps, "", err));
        plim_survey_warn(self, "declared-missing", f->name,
                         self->features[self->episode.feature_count - 1].declared_bytes,
                         "%s is declared in info.json but has no file", f->name);
        return PLIM_OK;
    }
    PLIM_TRY(plim_lerobot_path(&set->lerobot, "", f->name, index, set->relative,
                               sizeof(set->relative), err));
    plim_status status = plim_survey_open_file(self, set->relative, &file, &mine);
    if (status == PLIM_OK) {
        status = plim_mp4_read(&file, &mp4, &mine);
        if (status == PLIM_OK) {
            plim_survey_count_file(self, file.size_bytes);
            plim_survey_contain(self, "mp4", mp4.container_bytes);
        } else {
            count_unreadable(self, &file);
        }
        plim_file_bytes_close(&file);
    }
    if (status != PLIM_OK) {
        plim_survey_lost(self, f->name, &mine);
        return plim_survey_camera(self, feature, NULL, 0, 0, steps, "", err);
    }
    return plim_survey_camera(self, feature, &mp4, mp4.sample_count, mp4.sample_bytes, steps,
                              set->relative, err);
}

/* min(rows, length); UINT64_MAX when neither is known. */
static uint64_t steps_of(plim_survey *self, const plim_lerobot_episode *entry)
{
    plim_survey_set *set = self->state;
    uint64_t length = set->has_episodes ? entry->length : UINT64_MAX;
    if (!set->parquet.leaf_count) { /* no table: the plan is all there is */
        return length;
    }
    uint64_t rows = set->rows.row_count;
    if (set->has_episodes && rows != length) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "episode %u has %" PRIu64 " rows, episodes.jsonl says %" PRIu64,
                         entry->index, rows, length);
    }
    return length < rows ? length : rows;
}

/* Without a table and a length, the longest video says how long the episode is. */
static uint64_t longest_video(const plim_survey *self)
{
    uint64_t most = 0;
    for (uint32_t i = 0; i < self->episode.feature_count; i++) {
        most = self->features[i].frames > most ? self->features[i].frames : most;
    }
    return most;
}

plim_status plim_survey_v2_next(plim_survey *self, bool *is_end, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_lerobot_episode entry;
    PLIM_TRY(next_entry(self, &entry, is_end, err));
    if (*is_end) {
        if (!self->opts.is_range) {
            warn_claim(self, "frames", set->lerobot.total_frames, set->frame_sum);
            PLIM_TRY(plim_survey_rest(self, "meta/", err));
        }
        return PLIM_OK;
    }
    PLIM_TRY(plim_survey_begin(self, entry.index, set->info.feature_count + PLIM_PARQUET_LEAVES_MAX,
                               err));
    PLIM_TRY(read_table(self, entry.index, err));
    set->misses = set->parquet.leaf_count ? 0 : set->misses + 1;
    uint64_t steps = steps_of(self, &entry);
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        if (plim_survey_is_camera(set, i)) {
            PLIM_TRY(read_camera(self, i, entry.index, steps, err));
        }
    }
    steps = steps == UINT64_MAX ? longest_video(self) : steps;
    set->frame_sum += steps;
    self->episode.frames = steps;
    self->episode.seconds = (double)steps / set->info.frames_per_second;
    PLIM_TRY(plim_lerobot_path(&set->lerobot, "", NULL, entry.index, set->relative,
                               sizeof(set->relative), err));
    PLIM_TRY(plim_survey_columns(self, steps, set->relative, err));
    return self->opts.has_worklog ? plim_survey_task_columns(self, set->relative, err) : PLIM_OK;
}

/* ---- the table ---- */

static plim_status open_set(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    void *block;
    (void)source;
    PLIM_TRY(plim_survey_take(self, sizeof(plim_survey_set), &block, err));
    plim_survey_set *set = self->state = block;
    set->lerobot.info = &set->info;
    set->lerobot.warnings = &set->warnings;
    set->lerobot.takes_v3 = true;
    set->episodes = (plim_file_bytes){.fd = -1};
    set->last_index = UINT64_MAX;
    PLIM_TRY(read_info(self, err));
    read_modality(self);
    if (self->opts.has_worklog) {
        PLIM_TRY(plim_survey_tasks(self, err));
    }
    return set->lerobot.is_v3 ? plim_survey_v3_open(self, err) : open_v2(self, err);
}

static plim_status next_in_set(plim_survey *self, bool *is_end, plim_error *err)
{
    const plim_survey_set *set = self->state;
    return set->lerobot.is_v3 ? plim_survey_v3_next(self, is_end, err)
                              : plim_survey_v2_next(self, is_end, err);
}

static void close_set(plim_survey *self)
{
    plim_survey_set *set = self->state;
    if (set) {
        plim_file_bytes_close(&set->episodes);
        plim_survey_v3_close(self);
    }
}

const plim_survey_reader plim_survey_lerobot = {
    .name = "lerobot",
    .reads = "v2.0, v2.1 (with GR00T's modality.json), v3.0",
    .probe = probe,
    .open = open_set,
    .next = next_in_set,
    .close = close_set,
};
