/* SPDX-License-Identifier: Apache-2.0 */
/* lerobot.c - info.json, episodes.jsonl, modality.json.
 *
 * Decides what a data set claims to hold. Metadata lies in practice, so that nothing read here is
 * believed about sizes: claims are kept beside what the files show, and dataset.c compares them.
 * Refuses versions other than v2.0 and v2.1, files above FILE_LIMIT, lines above LINE_LIMIT,
 * counts and shapes outside what an episode can hold. Text is fed to the JSON parser in pieces:
 * no copy of a file is made here (the parser's own tree lies on its own heap and is freed before
 * the call returns).
 */
#include "src/episode/lerobot.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/episode/json_feed.h"

#define DIM_LIMIT (1 << 24)

/* ---- info.json ---- */

static plim_dtype dtype_of(const char *text)
{
#define DTYPE_TEXT(name, number, spelled, bits, dl_code, dl_bits)                                  \
    if (strcmp(text, spelled) == 0) {                                                              \
        return PLIM_##name;                                                                        \
    }
    PLIM_DTYPE_LIST(DTYPE_TEXT)
#undef DTYPE_TEXT
    return PLIM_DTYPE_NONE;
}

static bool starts_with(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}

/* LeRobot's own names, and those of openpi ("state", "actions"). */
plim_feature_group plim_lerobot_group(const char *name)
{
    static const char *const WHOLE[] = {"action", "actions", "state"};
    static const char *const PARTS[] = {"action.", "actions.", "state.", "observation."};
    for (size_t i = 0; i < sizeof(WHOLE) / sizeof(WHOLE[0]); i++) {
        if (strcmp(name, WHOLE[i]) == 0) {
            return PLIM_FEATURE_STATE_ACTION;
        }
    }
    for (size_t i = 0; i < sizeof(PARTS) / sizeof(PARTS[0]); i++) {
        if (starts_with(name, PARTS[i])) {
            return PLIM_FEATURE_STATE_ACTION;
        }
    }
    return PLIM_FEATURE_OTHER;
}

/* "info" since v2.1, "video_info" before; the key with and without its prefix. */
static bool is_depth(const json_t *value)
{
    const json_t *info = json_object_get(value, "info");
    info = info ? info : json_object_get(value, "video_info");
    return json_is_true(json_object_get(info, "video.is_depth_map")) ||
           json_is_true(json_object_get(info, "is_depth_map"));
}

static plim_status read_shape(const plim_file_bytes *file, plim_feature *feature,
                              const json_t *value, plim_error *err)
{
    const json_t *shape = json_object_get(value, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > PLIM_TENSOR_RANK_MAX) {
        return plim_json_feed_refuse(file, err, feature->name, "a shape of at most 8 dimensions",
                                     "another");
    }
    feature->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < feature->rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        json_int_t n = json_integer_value(dim);
        if (!json_is_integer(dim) || n < 0 || n > DIM_LIMIT) {
            return plim_json_feed_refuse(file, err, feature->name, "dimensions of 0 to 2^24",
                                         "another");
        }
        feature->shape[i] = (int64_t)n;
    }
    return PLIM_OK;
}

/* Some sets write pictures as [C, H, W]; the names of the dimensions tell. */
static void order_picture(plim_feature *feature, const json_t *value)
{
    const char *first = json_string_value(json_array_get(json_object_get(value, "names"), 0));
    if (first && (starts_with(first, "channel") || strcmp(first, "rgb") == 0)) {
        int64_t channels = feature->shape[0];
        feature->shape[0] = feature->shape[1];
        feature->shape[1] = feature->shape[2];
        feature->shape[2] = channels;
    }
}

static plim_status read_feature(plim_lerobot *self, const plim_file_bytes *file, const char *name,
                                const json_t *value, plim_error *err)
{
    plim_dataset_info *info = self->info;
    const char *dtype = json_string_value(json_object_get(value, "dtype"));
    if (info->feature_count == PLIM_DATASET_FEATURES_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "info.json", "features", "at most 64", "more");
    }
    plim_feature *feature = &info->features[info->feature_count];
    *feature = (plim_feature){.group = PLIM_FEATURE_OTHER};
    if (!name[0] || strlen(name) >= sizeof(feature->name) || strchr(name, '/') || !dtype) {
        return plim_json_feed_refuse(file, err, "features", "a name of 1 to 95 bytes, and a dtype",
                                     name);
    }
    memcpy(feature->name, name, strlen(name) + 1);
    PLIM_TRY(read_shape(file, feature, value, err));
    bool is_video = strcmp(dtype, "video") == 0, is_image = strcmp(dtype, "image") == 0;
    if (is_video || is_image) {
        if (feature->rank != 3) {
            return plim_json_feed_refuse(file, err, name, "a picture of 3 dimensions",
                                         "another rank");
        }
        order_picture(feature, value);
        feature->group = PLIM_FEATURE_VIDEO;
        feature->dtype = PLIM_U8;
        self->is_image[info->feature_count] = is_image;
        self->is_depth[info->feature_count] = is_depth(value);
    } else {
        feature->group = plim_lerobot_group(name);
        feature->dtype = dtype_of(dtype);
        if (!feature->dtype && strcmp(dtype, "string") != 0 && strcmp(dtype, "language") != 0) {
            plim_warnings_add(self->warnings, "%s: dtype %s is not known; counted by its bytes",
                              name, dtype);
        }
    }
    info->feature_count++;
    return PLIM_OK;
}

static plim_status copy_text(const plim_file_bytes *file, const json_t *root, const char *field,
                             char *to, size_t to_bytes, plim_error *err)
{
    const char *text = json_string_value(json_object_get(root, field));
    if (!text || strlen(text) >= to_bytes) {
        return plim_json_feed_refuse(file, err, field, "a short text",
                                     text ? "a long one" : "none");
    }
    memcpy(to, text, strlen(text) + 1);
    return PLIM_OK;
}

/* "0:100" -> 100, the largest over all splits. */
static uint64_t read_splits(json_t *root)
{
    const char *name;
    json_t *value;
    uint64_t end = UINT64_MAX;
    json_object_foreach(json_object_get(root, "splits"), name, value)
    {
        uint64_t from, to;
        const char *text = json_string_value(value);
        if (text && sscanf(text, "%9" SCNu64 ":%9" SCNu64, &from, &to) == 2 &&
            (end == UINT64_MAX || to > end)) {
            end = to;
        }
    }
    return end;
}

static plim_status read_claims(plim_lerobot *self, const plim_file_bytes *file, json_t *root,
                               plim_error *err)
{
    plim_dataset_info *info = self->info;
    memcpy(info->format, "lerobot", sizeof("lerobot"));
    PLIM_TRY(copy_text(file, root, "codebase_version", info->version, sizeof(info->version), err));
    self->is_v3 = strcmp(info->version, "v3.0") == 0;
    bool is_v2 = strcmp(info->version, "v2.0") == 0 || strcmp(info->version, "v2.1") == 0;
    if (!is_v2 && !(self->takes_v3 && self->is_v3)) {
        plim_error_set(err, PLIM_E_UNSUPPORTED, "data set", "codebase_version",
                       self->takes_v3 ? "v2.0, v2.1 or v3.0" : "v2.0 or v2.1", info->version);
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_UNSUPPORTED;
    }
    info->frames_per_second = json_number_value(json_object_get(root, "fps"));
    if (!(info->frames_per_second > 0.0 && info->frames_per_second <= 1e6)) {
        return plim_json_feed_refuse(file, err, "fps", "frames a second above 0", "another value");
    }
    self->chunk_episodes = plim_json_count(root, "chunks_size");
    if (self->chunk_episodes == UINT64_MAX || !self->chunk_episodes) {
        return plim_json_feed_refuse(file, err, "chunks_size", "episodes a chunk above 0",
                                     "another value");
    }
    PLIM_TRY(copy_text(file, root, "data_path", self->data_path, sizeof(self->data_path), err));
    const json_t *video = json_object_get(root, "video_path");
    if (video && !json_is_null(video)) {
        PLIM_TRY(
            copy_text(file, root, "video_path", self->video_path, sizeof(self->video_path), err));
    }
    const char *robot = json_string_value(json_object_get(root, "robot_type"));
    snprintf(self->robot, sizeof(self->robot), "%s", robot ? robot : "");
    self->total_episodes = plim_json_count(root, "total_episodes");
    self->total_frames = plim_json_count(root, "total_frames");
    self->total_tasks = plim_json_count(root, "total_tasks");
    self->total_videos = plim_json_count(root, "total_videos");
    self->total_chunks = plim_json_count(root, "total_chunks");
    self->split_end = read_splits(root);
    return PLIM_OK;
}

static plim_status read_features(plim_lerobot *self, const plim_file_bytes *file, json_t *root,
                                 plim_error *err)
{
    json_t *features = json_object_get(root, "features");
    const char *name;
    json_t *value;
    if (!json_is_object(features) || !json_object_size(features)) {
        return plim_json_feed_refuse(file, err, "features", "an object with a feature at least",
                                     "none");
    }
    json_object_foreach(features, name, value)
    {
        PLIM_TRY(read_feature(self, file, name, value, err));
        const plim_feature *feature = &self->info->features[self->info->feature_count - 1];
        if (feature->group == PLIM_FEATURE_VIDEO && !self->video_path[0] &&
            !self->is_image[self->info->feature_count - 1]) {
            return plim_json_feed_refuse(file, err, "video_path",
                                         "a path template, for there are videos", "none");
        }
    }
    return PLIM_OK;
}

plim_status plim_lerobot_read_info(plim_lerobot *self, const plim_file_bytes *file, plim_error *err)
{
    json_t *root;
    PLIM_TRY(plim_json_load(file, &root, err));
    plim_status status = read_claims(self, file, root, err);
    if (status == PLIM_OK) {
        status = read_features(self, file, root, err);
    }
    json_decref(root);
    return status;
}

/* ---- episodes.jsonl ---- */

plim_status plim_lerobot_episode_line(plim_json_feed *feed, plim_lerobot_episode *out, bool *is_end,
                                      plim_error *err)
{
    json_t *root;
    char field[64];
    *is_end = false;
    PLIM_TRY(plim_json_line(feed, &root, err));
    if (!root) {
        *is_end = true;
        return PLIM_OK;
    }
    uint64_t index = plim_json_count(root, "episode_index");
    uint64_t length = plim_json_count(root, "length");
    json_decref(root);
    if (index > INT32_MAX || length > PLIM_EPISODE_STEPS_MAX) {
        snprintf(field, sizeof(field), "line %" PRIu64, feed->line - 1);
        return plim_json_feed_refuse(feed->file, err, field, "episode_index and length",
                                     "none, or too large");
    }
    *out = (plim_lerobot_episode){.index = (uint32_t)index, .length = (uint32_t)length};
    return PLIM_OK;
}

plim_status plim_lerobot_read_episodes(plim_lerobot *self, const plim_file_bytes *file,
                                       plim_lerobot_episode *episodes, uint64_t limit,
                                       plim_error *err)
{
    plim_json_feed feed;
    plim_lerobot_episode next;
    uint64_t count = 0, frames = 0;
    bool is_end = false;
    char field[64];
    plim_json_feed_init(&feed, file, err);
    for (;;) {
        PLIM_TRY(plim_lerobot_episode_line(&feed, &next, &is_end, err));
        if (is_end) {
            break;
        }
        bool is_more = count == limit;
        if (is_more || (count && next.index <= episodes[count - 1].index)) {
            snprintf(field, sizeof(field), "line %" PRIu64, feed.line - 1);
            return plim_json_feed_refuse(
                file, err, field, is_more ? "as many lines as counted" : "a rising episode_index",
                is_more ? "more" : "the same, or a lower");
        }
        episodes[count++] = next;
        frames += next.length; /* at most 2^31 times 2^24 */
    }
    self->info->episode_count = (uint32_t)count;
    self->info->frame_count = frames;
    return PLIM_OK;
}
