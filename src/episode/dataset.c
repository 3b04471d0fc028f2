/* SPDX-License-Identifier: Apache-2.0 */
/* dataset.c - an open data set: its metadata, its files, and where the two disagree.
 *
 * Files win, metadata gives the plan. Sizes come from the footers and indexes of the files alone;
 * what info.json claims is compared with them, and each disagreement is one warning. A camera
 * without a single file has has_files = false and counts 0 bytes.
 * Invariant of a measure: disk_bytes + container_bytes = sizes of the episode's files, to the byte.
 * The object is one block of its home region.
 */
#include "src/episode/dataset_files.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "arena/bytes.h"

/* Episodes that are looked at to learn whether a camera has files at all. */
#define PROBE_COUNT 8u

static plim_status meta_file(const char *root, const char *name, char *path, plim_file_bytes *file,
                             plim_error *err)
{
    int n = snprintf(path, PLIM_PATH_BYTES, "%s/meta/%s", root, name);
    if (n < 0 || (size_t)n >= PLIM_PATH_BYTES) {
        return plim_error_set(err, PLIM_E_RANGE, "data set", "path", "below 1024 bytes", root);
    }
    return plim_file_bytes_open(file, path, err);
}

static plim_status find_folder(const char *path, plim_error *err)
{
    struct stat st;
    if (stat(path, &st) == 0 && S_ISDIR(st.st_mode)) {
        return PLIM_OK;
    }
    plim_error_set(err, PLIM_E_NOT_FOUND, "data set", "path", "a folder", "none");
    plim_error_detail(err, "%s", path);
    return PLIM_E_NOT_FOUND;
}

/* Room for the object with as many episodes as episodes.jsonl has lines. */
static plim_status make_object(const char *path, plim_region *home, plim_dataset **out,
                               uint64_t *lines, plim_error *err)
{
    char at[PLIM_PATH_BYTES];
    plim_file_bytes file;
    uint64_t bytes;
    void *block = NULL;
    PLIM_TRY(meta_file(path, "episodes.jsonl", at, &file, err));
    plim_status status = plim_json_count_lines(&file, lines, err);
    plim_file_bytes_close(&file);
    PLIM_TRY(status);
    if (*lines > INT32_MAX || !bytes_mul(*lines, sizeof(plim_lerobot_episode), &bytes) ||
        !bytes_add(bytes, sizeof(plim_dataset), &bytes)) {
        return plim_error_set(err, PLIM_E_RANGE, "data set", "episodes", "below 2^31", "more");
    }
    plim_region_stats stats;
    plim_region_read(home, &stats);
    uint64_t mark = stats.kind == PLIM_REGION_BUMP ? plim_region_mark(home) : 0;
    PLIM_TRY(plim_region_alloc(home, (size_t)bytes, 0, &block, err));
    memset(block, 0, (size_t)bytes);
    *out = block;
    (*out)->home = home;
    (*out)->mark_before = mark;
    (*out)->mark_after = stats.kind == PLIM_REGION_BUMP ? plim_region_mark(home) : 0;
    (*out)->lerobot.info = &(*out)->info;
    (*out)->lerobot.warnings = &(*out)->warnings;
    return PLIM_OK;
}

typedef plim_status (*meta_reader)(plim_dataset *self, const plim_file_bytes *file, uint64_t lines,
                                   plim_error *err);

static plim_status read_info(plim_dataset *self, const plim_file_bytes *file, uint64_t lines,
                             plim_error *err)
{
    (void)lines;
    return plim_lerobot_read_info(&self->lerobot, file, err);
}

static plim_status read_episodes(plim_dataset *self, const plim_file_bytes *file, uint64_t lines,
                                 plim_error *err)
{
    return plim_lerobot_read_episodes(&self->lerobot, file, self->episodes, lines, err);
}

static plim_status read_modality(plim_dataset *self, const plim_file_bytes *file, uint64_t lines,
                                 plim_error *err)
{
    (void)lines;
    return plim_lerobot_read_modality(&self->lerobot, file, err);
}

static plim_status read_tasks(plim_dataset *self, const plim_file_bytes *file, uint64_t lines,
                              plim_error *err)
{
    uint64_t claimed = self->lerobot.total_tasks;
    PLIM_TRY(plim_json_count_lines(file, &lines, err));
    if (claimed != UINT64_MAX && claimed != lines) {
        plim_warnings_add(&self->warnings,
                          "info.json says %" PRIu64 " tasks, tasks.jsonl has %" PRIu64, claimed,
                          lines);
    }
    return PLIM_OK;
}

static plim_status read_meta(plim_dataset *self, const char *name, meta_reader reader,
                             bool is_required, uint64_t lines, plim_error *err)
{
    plim_file_bytes file;
    plim_error mine;
    plim_status status = meta_file(self->root, name, self->path, &file, err ? err : &mine);
    if (status == PLIM_E_NOT_FOUND && !is_required) {
        return PLIM_OK;
    }
    PLIM_TRY(status);
    status = reader(self, &file, lines, err);
    plim_file_bytes_close(&file);
    return status;
}

/* Does any of a few episodes, spread over the data set, have a file of this camera? */
static bool probe_video(plim_dataset *self, const char *name)
{
    uint32_t count = self->info.episode_count;
    uint32_t probes = count < PROBE_COUNT ? count : PROBE_COUNT;
    for (uint32_t i = 0; i < probes; i++) {
        struct stat st;
        uint32_t at = (uint32_t)((uint64_t)i * count / probes);
        if (plim_lerobot_path(&self->lerobot, self->root, name, self->episodes[at].index,
                              self->path, sizeof(self->path), NULL) == PLIM_OK &&
            stat(self->path, &st) == 0) {
            return true;
        }
    }
    return false;
}

static void warn_claim(plim_dataset *self, const char *what, uint64_t claimed, uint64_t found)
{
    if (claimed != UINT64_MAX && claimed != found) {
        plim_warnings_add(&self->warnings, "info.json says %" PRIu64 " %s, found %" PRIu64, claimed,
                          what, found);
    }
}

static plim_status find_files(plim_dataset *self, plim_error *err)
{
    plim_dataset_info *info = &self->info;
    const plim_lerobot *l = &self->lerobot;
    uint64_t cameras = 0;
    for (uint32_t i = 0; i < info->feature_count; i++) {
        plim_feature *feature = &info->features[i];
        feature->has_files = true;
        if (feature->group != PLIM_FEATURE_VIDEO || l->is_image[i]) {
            continue;
        }
        /* a template that cannot be filled in is an error, not a camera without files */
        PLIM_TRY(plim_lerobot_path(l, self->root, feature->name, 0, self->path, sizeof(self->path),
                                   err));
        feature->has_files = probe_video(self, feature->name);
        cameras += feature->has_files;
        if (!feature->has_files) {
            plim_warnings_add(&self->warnings, "%s is declared in info.json but has no file",
                              feature->name);
        }
    }
    PLIM_TRY(plim_lerobot_path(l, self->root, NULL, 0, self->path, sizeof(self->path), err));
    uint64_t chunks = info->episode_count ? (info->episode_count - 1) / l->chunk_episodes + 1 : 0;
    warn_claim(self, "episodes", l->total_episodes, info->episode_count);
    warn_claim(self, "frames", l->total_frames, info->frame_count);
    warn_claim(self, "videos", l->total_videos, cameras * info->episode_count);
    warn_claim(self, "chunks", l->total_chunks, chunks);
    if (l->split_end != UINT64_MAX && l->split_end != info->episode_count) {
        plim_warnings_add(&self->warnings, "info.json splits end at %" PRIu64 ", %u episodes found",
                          l->split_end, info->episode_count);
    }
    return PLIM_OK;
}

plim_status plim_dataset_open(const char *path, plim_region *home, plim_dataset **out,
                              plim_error *err)
{
    plim_dataset *self = NULL;
    uint64_t lines = 0;
    if (!out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "data set");
    }
    *out = NULL;
    if (!path || !home) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "data set");
    }
    if (strlen(path) >= sizeof(self->root)) {
        return plim_error_set(err, PLIM_E_RANGE, "data set", "path", "below 1024 bytes", path);
    }
    PLIM_TRY(find_folder(path, err));
    PLIM_TRY(make_object(path, home, &self, &lines, err));
    memcpy(self->root, path, strlen(path) + 1);
    plim_status status = read_meta(self, "info.json", read_info, true, 0, err);
    if (status == PLIM_OK) {
        status = read_meta(self, "episodes.jsonl", read_episodes, true, lines, err);
    }
    if (status == PLIM_OK) {
        status = read_meta(self, "tasks.jsonl", read_tasks, false, 0, err);
    }
    if (status == PLIM_OK) {
        status = read_meta(self, "modality.json", read_modality, false, 0, err);
    }
    if (status == PLIM_OK) {
        status = find_files(self, err);
    }
    if (status != PLIM_OK) {
        plim_dataset_close(self);
        return status;
    }
    self->info.warning_count = self->warnings.count;
    *out = self;
    return PLIM_OK;
}

void plim_dataset_close(plim_dataset *self)
{
    if (!self) {
        return;
    }
    plim_region *home = self->home;
    uint64_t before = self->mark_before, after = self->mark_after;
    plim_region_stats stats;
    plim_video_plugin_close(&self->plugin);
    plim_region_read(home, &stats);
    plim_status status = PLIM_OK;
    if (stats.kind != PLIM_REGION_BUMP) {
        status = plim_region_free(home, self, NULL);
    } else if (plim_region_mark(home) == after) { /* else something lies above: not ours to undo */
        status = plim_region_rewind(home, before, NULL);
    }
    (void)status;
}

const plim_dataset_info *plim_dataset_get_info(const plim_dataset *self)
{
    return &self->info;
}

const char *plim_dataset_warning(const plim_dataset *self, uint32_t index)
{
    return index < self->warnings.count && index < PLIM_WARNINGS_KEPT ? self->warnings.text[index]
                                                                      : NULL;
}

plim_status plim_dataset_find(const plim_dataset *self, uint32_t index,
                              const plim_lerobot_episode **out, plim_error *err)
{
    uint32_t low = 0, high = self->info.episode_count;
    while (low < high) {
        uint32_t middle = low + (high - low) / 2;
        if (self->episodes[middle].index < index) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    if (low < self->info.episode_count && self->episodes[low].index == index) {
        *out = &self->episodes[low];
        return PLIM_OK;
    }
    plim_error_set(err, PLIM_E_NOT_FOUND, "data set", "episode", NULL, NULL);
    plim_error_detail(err, "there is no episode %u", index);
    return PLIM_E_NOT_FOUND;
}

const plim_feature *plim_dataset_feature(const plim_dataset *self, const char *name)
{
    for (uint32_t i = 0; i < self->info.feature_count; i++) {
        if (strcmp(self->info.features[i].name, name) == 0) {
            return &self->info.features[i];
        }
    }
    return NULL;
}

bool plim_dataset_has_video(const plim_dataset *self, uint32_t feature)
{
    return self->info.features[feature].group == PLIM_FEATURE_VIDEO &&
           self->info.features[feature].has_files && !self->lerobot.is_image[feature];
}

static void warn_columns(plim_dataset *self)
{
    const plim_parquet *parquet = &self->parquet;
    bool is_stored[PLIM_DATASET_FEATURES_MAX] = {false};
    for (uint32_t i = 0; i < parquet->leaf_count; i++) {
        const plim_parquet_leaf *leaf = &parquet->leaves[i];
        const plim_feature *feature = plim_dataset_feature(self, leaf->root);
        if (!feature) {
            plim_warnings_add(&self->warnings, "column %s is not declared in info.json",
                              leaf->root);
            continue;
        }
        is_stored[feature - self->info.features] = true;
        plim_dtype dtype = plim_parquet_dtype(leaf);
        if (feature->group != PLIM_FEATURE_VIDEO && feature->dtype && feature->dtype != dtype) {
            plim_warnings_add(&self->warnings,
                              "column %s is stored in another dtype than "
                              "info.json declares",
                              leaf->root);
        }
    }
    for (uint32_t i = 0; i < self->info.feature_count; i++) {
        if (!is_stored[i] &&
            (self->info.features[i].group != PLIM_FEATURE_VIDEO || self->lerobot.is_image[i])) {
            plim_warnings_add(&self->warnings, "%s is declared in info.json but is no column",
                              self->info.features[i].name);
        }
    }
}

plim_status plim_dataset_open_table(plim_dataset *self, uint32_t index, plim_file_bytes *file,
                                    plim_parquet_visit visit, void *context, plim_error *err)
{
    *file = (plim_file_bytes){.fd = -1};
    PLIM_TRY(plim_lerobot_path(&self->lerobot, self->root, NULL, index, self->path,
                               sizeof(self->path), err));
    PLIM_TRY(plim_file_bytes_open(file, self->path, err));
    plim_status status = plim_parquet_read(file, &self->parquet, visit, context, err);
    if (status != PLIM_OK) {
        plim_file_bytes_close(file);
        return status;
    }
    warn_columns(self);
    self->info.warning_count = self->warnings.count;
    return PLIM_OK;
}

plim_status plim_dataset_open_video(plim_dataset *self, uint32_t index, const plim_feature *feature,
                                    plim_file_bytes *file, plim_mp4 *mp4, plim_error *err)
{
    *file = (plim_file_bytes){.fd = -1};
    PLIM_TRY(plim_lerobot_path(&self->lerobot, self->root, feature->name, index, self->path,
                               sizeof(self->path), err));
    PLIM_TRY(plim_file_bytes_open(file, self->path, err));
    plim_status status = plim_mp4_read(file, mp4, err);
    if (status != PLIM_OK) {
        plim_file_bytes_close(file);
        return status;
    }
    if (feature->shape[0] != mp4->height || feature->shape[1] != mp4->width) {
        plim_warnings_add(&self->warnings,
                          "%s is declared %" PRId64 "x%" PRId64 ", the file "
                          "is %ux%u",
                          feature->name, feature->shape[0], feature->shape[1], mp4->height,
                          mp4->width);
        self->info.warning_count = self->warnings.count;
    }
    return PLIM_OK;
}

/* Bytes of a column in memory. Text has no width of its own: its plain bytes stand for it. */
static bool column_bytes(const plim_dataset *self, const plim_parquet_leaf *leaf, uint64_t *out)
{
    const plim_feature *feature = plim_dataset_feature(self, leaf->root);
    uint64_t item = plim_parquet_dtype(leaf) == PLIM_BOOL                                   ? 1
                    : leaf->type == PLIM_PARQUET_INT32 || leaf->type == PLIM_PARQUET_FLOAT  ? 4
                    : leaf->type == PLIM_PARQUET_INT64 || leaf->type == PLIM_PARQUET_DOUBLE ? 8
                                                                                            : 0;
    if (feature && feature->group == PLIM_FEATURE_VIDEO) { /* pictures in the table */
        uint64_t pixels;
        return bytes_mul((uint64_t)feature->shape[0], (uint64_t)feature->shape[1], &pixels) &&
               bytes_mul(pixels, 3 * (uint64_t)(leaf->type == PLIM_PARQUET_BYTE_ARRAY), &pixels) &&
               bytes_mul(pixels, self->parquet.row_count, out);
    }
    if (!item) {
        *out = leaf->plain_bytes;
        return true;
    }
    return bytes_mul(leaf->value_count, item, out);
}

static plim_status measure_table(plim_dataset *self, plim_episode_size *out, plim_error *err)
{
    bool is_counted[PLIM_DATASET_FEATURES_MAX] = {false};
    for (uint32_t i = 0; i < self->parquet.leaf_count; i++) {
        const plim_parquet_leaf *leaf = &self->parquet.leaves[i];
        const plim_feature *feature = plim_dataset_feature(self, leaf->root);
        plim_feature_group group = feature ? feature->group : PLIM_FEATURE_OTHER;
        uint64_t bytes = 0;
        /* an image column has leaves for its bytes and its path: one picture in memory */
        bool is_twice = group == PLIM_FEATURE_VIDEO && is_counted[feature - self->info.features];
        if ((!is_twice && !column_bytes(self, leaf, &bytes)) ||
            !bytes_add(out->memory_bytes[group], bytes, &out->memory_bytes[group])) {
            return plim_error_set(err, PLIM_E_RANGE, "episode", leaf->root, "a size", "too large");
        }
        if (feature) {
            is_counted[feature - self->info.features] = true;
        }
        out->disk_bytes[group] += leaf->disk_bytes; /* at most the file, checked in the footer */
    }
    out->container_bytes += self->parquet.container_bytes;
    return PLIM_OK;
}

static plim_status measure_video(plim_dataset *self, const plim_feature *feature,
                                 plim_episode_size *out, plim_error *err)
{
    plim_file_bytes file;
    plim_mp4 mp4;
    uint64_t bytes;
    plim_error mine;
    plim_status status =
        plim_dataset_open_video(self, out->index, feature, &file, &mp4, err ? err : &mine);
    if (status == PLIM_E_NOT_FOUND) {
        plim_warnings_add(&self->warnings, "%s has no file in episode %u", feature->name,
                          out->index);
        self->info.warning_count = self->warnings.count;
        return PLIM_OK;
    }
    PLIM_TRY(status);
    plim_file_bytes_close(&file);
    uint64_t frames = mp4.sample_count < out->frame_count ? mp4.sample_count : out->frame_count;
    if (mp4.sample_count != out->frame_count) {
        plim_warnings_add(&self->warnings,
                          "%s episode %u: %u frames in the file, %" PRIu64 " steps", feature->name,
                          out->index, mp4.sample_count, out->frame_count);
        self->info.warning_count = self->warnings.count;
    }
    if (!bytes_mul((uint64_t)mp4.width * mp4.height * 3, frames, &bytes) ||
        !bytes_add(out->memory_bytes[PLIM_FEATURE_VIDEO], bytes,
                   &out->memory_bytes[PLIM_FEATURE_VIDEO])) {
        return plim_error_set(err, PLIM_E_RANGE, "episode", feature->name, "a size", "too large");
    }
    out->disk_bytes[PLIM_FEATURE_VIDEO] += mp4.sample_bytes;
    out->container_bytes += mp4.container_bytes;
    return PLIM_OK;
}

plim_status plim_dataset_measure(plim_dataset *self, uint32_t index, plim_episode_size *out,
                                 plim_error *err)
{
    const plim_lerobot_episode *episode;
    plim_file_bytes file;
    plim_episode_size size = {.index = index};
    *out = size;
    PLIM_TRY(plim_dataset_find(self, index, &episode, err));
    PLIM_TRY(plim_dataset_open_table(self, index, &file, NULL, NULL, err));
    plim_file_bytes_close(&file);
    size.frame_count =
        self->parquet.row_count < episode->length ? self->parquet.row_count : episode->length;
    if (self->parquet.row_count != episode->length) {
        plim_warnings_add(&self->warnings, "episode %u: %" PRIu64 " rows, episodes.jsonl says %u",
                          index, self->parquet.row_count, episode->length);
        self->info.warning_count = self->warnings.count;
    }
    PLIM_TRY(measure_table(self, &size, err));
    for (uint32_t i = 0; i < self->info.feature_count; i++) {
        if (plim_dataset_has_video(self, i)) {
            PLIM_TRY(measure_video(self, &self->info.features[i], &size, err));
        }
    }
    *out = size;
    return PLIM_OK;
}
