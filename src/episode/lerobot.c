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

#include <jansson.h>

#include "arena/bytes.h"

#define FILE_LIMIT (4u << 20)
#define LINE_LIMIT (1u << 20)
#define DIM_LIMIT  (1 << 24)

/* ---- text in pieces ---- */

typedef struct json_feed {
    const plim_file_bytes *file;
    uint64_t at, end; /* next byte; where this document ends */
    bool is_line;     /* the document ends with its line */
    bool is_over;
    plim_status status;
    plim_error *err;
    uint64_t piece_at;
    size_t piece_bytes;
    char piece[4096];
} json_feed;

/* The bytes from feed->at on that are in the piece; 0 at the end or after an error. */
static size_t feed_piece(json_feed *feed, const char **from)
{
    if (feed->status != PLIM_OK || feed->at >= feed->end) {
        return 0;
    }
    if (feed->at < feed->piece_at || feed->at - feed->piece_at >= feed->piece_bytes) {
        uint64_t left = feed->end - feed->at;
        size_t n = left < sizeof(feed->piece) ? (size_t)left : sizeof(feed->piece);
        feed->status = plim_file_bytes_read(feed->file, feed->at, feed->piece, n, feed->err);
        if (feed->status != PLIM_OK) {
            return 0;
        }
        feed->piece_at = feed->at;
        feed->piece_bytes = n;
    }
    size_t skip = (size_t)(feed->at - feed->piece_at);
    *from = feed->piece + skip;
    return feed->piece_bytes - skip;
}

static size_t feed_json(void *buffer, size_t bytes, void *context)
{
    json_feed *feed = context;
    const char *from;
    size_t n = feed->is_over ? 0 : feed_piece(feed, &from);
    if (n > bytes) {
        n = bytes;
    }
    if (!n) {
        return feed->status == PLIM_OK ? 0 : (size_t)-1;
    }
    const char *newline = feed->is_line ? memchr(from, '\n', n) : NULL;
    if (newline) {
        n = (size_t)(newline - from) + 1;
        feed->is_over = true;
    }
    memcpy(buffer, from, n);
    feed->at += n;
    return n;
}

static plim_status refuse(const plim_file_bytes *file, plim_error *err, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "metadata", field, wanted, found);
    plim_error_detail(err, "%s", file->path);
    return PLIM_E_FORMAT;
}

static plim_status load(const plim_file_bytes *file, json_t **out, plim_error *err)
{
    json_feed feed = {.file = file, .end = file->size_bytes, .err = err};
    json_error_t at;
    *out = NULL;
    if (file->size_bytes > FILE_LIMIT) {
        plim_error_set(err, PLIM_E_RANGE, "metadata", "size", "at most 4 MiB", "more");
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_RANGE;
    }
    json_t *root = json_load_callback(feed_json, &feed, 0, &at);
    if (feed.status != PLIM_OK) {
        json_decref(root);
        return feed.status;
    }
    if (!json_is_object(root)) {
        char found[96];
        snprintf(found, sizeof(found), "line %d: %.60s", root ? 1 : at.line,
                 root ? "another kind of value" : at.text);
        json_decref(root);
        return refuse(file, err, "JSON", "an object", found);
    }
    *out = root;
    return PLIM_OK;
}

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

static plim_feature_group group_of(const char *name)
{
    return strcmp(name, "action") == 0 || starts_with(name, "action.") ||
                   starts_with(name, "observation.")
               ? PLIM_FEATURE_STATE_ACTION
               : PLIM_FEATURE_OTHER;
}

static plim_status read_shape(const plim_file_bytes *file, plim_feature *feature,
                              const json_t *value, plim_error *err)
{
    const json_t *shape = json_object_get(value, "shape");
    if (!json_is_array(shape) || json_array_size(shape) > PLIM_TENSOR_RANK_MAX) {
        return refuse(file, err, feature->name, "a shape of at most 8 dimensions", "another");
    }
    feature->rank = (uint32_t)json_array_size(shape);
    for (uint32_t i = 0; i < feature->rank; i++) {
        const json_t *dim = json_array_get(shape, i);
        json_int_t n = json_integer_value(dim);
        if (!json_is_integer(dim) || n < 0 || n > DIM_LIMIT) {
            return refuse(file, err, feature->name, "dimensions of 0 to 2^24", "another");
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
        return refuse(file, err, "features", "a name of 1 to 95 bytes, and a dtype", name);
    }
    memcpy(feature->name, name, strlen(name) + 1);
    PLIM_TRY(read_shape(file, feature, value, err));
    bool is_video = strcmp(dtype, "video") == 0, is_image = strcmp(dtype, "image") == 0;
    if (is_video || is_image) {
        if (feature->rank != 3) {
            return refuse(file, err, name, "a picture of 3 dimensions", "another rank");
        }
        order_picture(feature, value);
        feature->group = PLIM_FEATURE_VIDEO;
        feature->dtype = PLIM_U8;
        self->is_image[info->feature_count] = is_image;
    } else {
        feature->group = group_of(name);
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
        return refuse(file, err, field, "a short text", text ? "a long one" : "none");
    }
    memcpy(to, text, strlen(text) + 1);
    return PLIM_OK;
}

static uint64_t claim(const json_t *root, const char *field)
{
    const json_t *value = json_object_get(root, field);
    json_int_t n = json_integer_value(value);
    return json_is_integer(value) && n >= 0 ? (uint64_t)n : UINT64_MAX;
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
    if (strcmp(info->version, "v2.0") != 0 && strcmp(info->version, "v2.1") != 0) {
        plim_error_set(err, PLIM_E_UNSUPPORTED, "data set", "codebase_version", "v2.0 or v2.1",
                       info->version);
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_UNSUPPORTED;
    }
    info->frames_per_second = json_number_value(json_object_get(root, "fps"));
    if (!(info->frames_per_second > 0.0 && info->frames_per_second <= 1e6)) {
        return refuse(file, err, "fps", "frames a second above 0", "another value");
    }
    self->chunk_episodes = claim(root, "chunks_size");
    if (self->chunk_episodes == UINT64_MAX || !self->chunk_episodes) {
        return refuse(file, err, "chunks_size", "episodes a chunk above 0", "another value");
    }
    PLIM_TRY(copy_text(file, root, "data_path", self->data_path, sizeof(self->data_path), err));
    const json_t *video = json_object_get(root, "video_path");
    if (video && !json_is_null(video)) {
        PLIM_TRY(
            copy_text(file, root, "video_path", self->video_path, sizeof(self->video_path), err));
    }
    self->total_episodes = claim(root, "total_episodes");
    self->total_frames = claim(root, "total_frames");
    self->total_tasks = claim(root, "total_tasks");
    self->total_videos = claim(root, "total_videos");
    self->total_chunks = claim(root, "total_chunks");
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
        return refuse(file, err, "features", "an object with a feature at least", "none");
    }
    json_object_foreach(features, name, value)
    {
        PLIM_TRY(read_feature(self, file, name, value, err));
        const plim_feature *feature = &self->info->features[self->info->feature_count - 1];
        if (feature->group == PLIM_FEATURE_VIDEO && !self->video_path[0] &&
            !self->is_image[self->info->feature_count - 1]) {
            return refuse(file, err, "video_path", "a path template, for there are videos", "none");
        }
    }
    return PLIM_OK;
}

plim_status plim_lerobot_read_info(plim_lerobot *self, const plim_file_bytes *file, plim_error *err)
{
    json_t *root;
    PLIM_TRY(load(file, &root, err));
    plim_status status = read_claims(self, file, root, err);
    if (status == PLIM_OK) {
        status = read_features(self, file, root, err);
    }
    json_decref(root);
    return status;
}

/* ---- modality.json ---- */

static const plim_feature *feature_named(const plim_lerobot *self, const char *name)
{
    for (uint32_t i = 0; i < self->info->feature_count; i++) {
        if (strcmp(self->info->features[i].name, name) == 0) {
            return &self->info->features[i];
        }
    }
    return NULL;
}

/* A slice of a vector: { start, end [, original_key] }. */
static void check_slice(plim_lerobot *self, const char *kind, const char *key, const json_t *value)
{
    const char *original = json_string_value(json_object_get(value, "original_key"));
    const char *name = original                     ? original
                       : strcmp(kind, "state") == 0 ? "observation.state"
                                                    : "action";
    const plim_feature *feature = feature_named(self, name);
    uint64_t start = claim(value, "start"), end = claim(value, "end");
    if (!feature) {
        plim_warnings_add(self->warnings, "modality.json %s.%s: there is no feature %s", kind, key,
                          name);
    } else if (start == UINT64_MAX || end == UINT64_MAX || start >= end || feature->rank != 1 ||
               end > (uint64_t)feature->shape[0]) {
        plim_warnings_add(self->warnings, "modality.json %s.%s: the slice is outside %s", kind, key,
                          name);
    }
}

static void check_name(plim_lerobot *self, const char *kind, const char *prefix, const char *key,
                       const json_t *value)
{
    char name[160];
    const char *original = json_string_value(json_object_get(value, "original_key"));
    snprintf(name, sizeof(name), "%s%s", original ? "" : prefix, original ? original : key);
    if (!feature_named(self, name)) {
        plim_warnings_add(self->warnings, "modality.json %s.%s: there is no feature %s", kind, key,
                          name);
    }
}

plim_status plim_lerobot_read_modality(plim_lerobot *self, const plim_file_bytes *file,
                                       plim_error *err)
{
    json_t *root, *value;
    const char *key;
    PLIM_TRY(load(file, &root, err));
    static const char *const slices[] = {"state", "action"};
    for (unsigned i = 0; i < 2; i++) {
        json_object_foreach(json_object_get(root, slices[i]), key, value)
        {
            check_slice(self, slices[i], key, value);
        }
    }
    json_object_foreach(json_object_get(root, "video"), key, value)
    {
        check_name(self, "video", "observation.images.", key, value);
    }
    json_object_foreach(json_object_get(root, "annotation"), key, value)
    {
        check_name(self, "annotation", "annotation.", key, value);
    }
    self->info->has_modality = true;
    json_decref(root);
    return PLIM_OK;
}

/* ---- lines ---- */

/* Passes over blanks; true when another document starts before the end. */
static bool feed_blank(json_feed *feed, uint64_t *line)
{
    const char *from;
    size_t n;
    while ((n = feed_piece(feed, &from)) > 0) {
        for (size_t i = 0; i < n; i++, feed->at++) {
            if (from[i] == '\n') {
                ++*line;
            } else if (from[i] != ' ' && from[i] != '\t' && from[i] != '\r') {
                return true;
            }
        }
    }
    return false;
}

plim_status plim_lerobot_count_lines(const plim_file_bytes *file, uint64_t *out, plim_error *err)
{
    json_feed feed = {.file = file, .end = file->size_bytes, .err = err};
    uint64_t line = 0;
    *out = 0;
    while (feed_blank(&feed, &line)) {
        const char *from, *newline = NULL;
        size_t n;
        ++*out;
        while (!newline && (n = feed_piece(&feed, &from)) > 0) {
            newline = memchr(from, '\n', n);
            feed.at += newline ? (size_t)(newline - from) : n;
        }
    }
    return feed.status;
}

static plim_status refuse_line(json_feed *feed, uint64_t line, const char *wanted,
                               const char *found)
{
    char field[64];
    snprintf(field, sizeof(field), "line %" PRIu64, line);
    return refuse(feed->file, feed->err, field, wanted, found);
}

static plim_status read_episode(json_feed *feed, uint64_t line, plim_lerobot_episode *out)
{
    json_error_t at;
    feed->is_line = true;
    feed->is_over = false;
    uint64_t end = feed->end;
    feed->end = end - feed->at > LINE_LIMIT ? feed->at + LINE_LIMIT : end;
    json_t *root = json_load_callback(feed_json, feed, 0, &at);
    feed->end = end;
    uint64_t index = claim(root, "episode_index"), length = claim(root, "length");
    bool is_object = json_is_object(root);
    json_decref(root);
    PLIM_TRY(feed->status);
    if (!is_object) {
        return refuse_line(feed, line, "a JSON object", at.text);
    }
    if (index > INT32_MAX || length > PLIM_EPISODE_STEPS_MAX) {
        return refuse_line(feed, line, "episode_index and length", "none, or too large");
    }
    *out = (plim_lerobot_episode){.index = (uint32_t)index, .length = (uint32_t)length};
    return PLIM_OK;
}

plim_status plim_lerobot_read_episodes(plim_lerobot *self, const plim_file_bytes *file,
                                       plim_lerobot_episode *episodes, uint64_t limit,
                                       plim_error *err)
{
    json_feed feed = {.file = file, .end = file->size_bytes, .err = err};
    uint64_t line = 1, count = 0, frames = 0;
    while (feed_blank(&feed, &line)) {
        if (count == limit) {
            return refuse_line(&feed, line, "as many lines as counted", "more");
        }
        PLIM_TRY(read_episode(&feed, line++, &episodes[count]));
        if (count && episodes[count].index <= episodes[count - 1].index) {
            return refuse_line(&feed, line - 1, "a rising episode_index", "the same, or a lower");
        }
        frames += episodes[count++].length; /* at most 2^31 times 2^24 */
    }
    PLIM_TRY(feed.status);
    self->info->episode_count = (uint32_t)count;
    self->info->frame_count = frames;
    return PLIM_OK;
}
