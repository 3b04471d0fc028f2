/* SPDX-License-Identifier: Apache-2.0 */
/* survey_lerobot_columns.c - features of one episode: columns of its table, and cameras.
 *
 * The file's type and width win; what info.json declares otherwise is one warning for the data
 * set. Text has no width of its own: its bytes before compression stand for it (estimated).
 * Pictures inside the table are counted by their declared size, for only decoding shows another.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/survey_lerobot.h"

bool plim_survey_is_camera(const plim_survey_set *set, uint32_t feature)
{
    return set->info.features[feature].group == PLIM_FEATURE_VIDEO &&
           !set->lerobot.is_image[feature];
}

void plim_survey_whole_table(plim_survey_set *set)
{
    set->rows = (plim_survey_rows){.row_count = set->parquet.row_count};
    for (uint32_t i = 0; i < set->parquet.leaf_count; i++) {
        set->rows.disk[i] = set->parquet.leaves[i].disk_bytes;
        set->rows.values[i] = set->parquet.leaves[i].value_count;
        set->rows.plain[i] = set->parquet.leaves[i].plain_bytes;
    }
}

static uint64_t dtype_bytes(plim_dtype dtype)
{
    switch (dtype) {
#define DTYPE_BYTES(name, number, spelled, bits, dl_code, dl_bits)                                 \
    case PLIM_##name:                                                                              \
        return ((bits) + 7) / 8;
        PLIM_DTYPE_LIST(DTYPE_BYTES)
#undef DTYPE_BYTES
    default:
        return 0;
    }
}

static const char *dtype_spelled(plim_dtype dtype)
{
    switch (dtype) {
#define DTYPE_SPELLED(name, number, spelled, bits, dl_code, dl_bits)                               \
    case PLIM_##name:                                                                              \
        return spelled;
        PLIM_DTYPE_LIST(DTYPE_SPELLED)
#undef DTYPE_SPELLED
    default:
        return "";
    }
}

/* The stored type as numpy spells it; the declared one where it is the same kind and width, so
 * that uint8 is not called int8. */
static const char *stored_name(const plim_parquet_leaf *leaf, plim_dtype declared)
{
    bool is_float = leaf->type == PLIM_PARQUET_FLOAT || leaf->type == PLIM_PARQUET_DOUBLE;
    const char *name = dtype_spelled(declared);
    bool says_float = strncmp(name, "float", 5) == 0 || strncmp(name, "bfloat", 6) == 0;
    if (leaf->type == PLIM_PARQUET_BOOLEAN) {
        return "bool";
    }
    if (!leaf->item_bytes) {
        return "string";
    }
    bool is_fixed = leaf->type == PLIM_PARQUET_FIXED;
    if (declared && declared != PLIM_BOOL && dtype_bytes(declared) == leaf->item_bytes &&
        (is_fixed || says_float == is_float)) {
        return name;
    }
    if (is_float) {
        return leaf->item_bytes == 4 ? "float32" : "float64";
    }
    return is_fixed                ? "bytes"
           : leaf->item_bytes == 1 ? "int8"
           : leaf->item_bytes == 2 ? "int16"
           : leaf->item_bytes == 4 ? "int32"
                                   : "int64";
}

static void set_shape(plim_survey_feature *to, const plim_feature *declared, uint64_t values,
                      uint64_t rows)
{
    uint64_t width = rows && values % rows == 0 ? values / rows : 0, product = 1;
    for (uint32_t i = 0; declared && i < declared->rank; i++) {
        product *= (uint64_t)declared->shape[i]; /* each at most 2^24, checked when read; wraps
                                                  * only for what then equals no width */
    }
    if (declared && declared->rank && product == width) {
        to->rank = declared->rank;
        memcpy(to->shape, declared->shape, sizeof(to->shape));
    } else {
        to->rank = 1;
        to->shape[0] = width ? (int64_t)width : -1;
    }
}

static void warn_type(plim_survey *self, const plim_feature *declared, const char *stored)
{
    const char *said = declared->dtype ? dtype_spelled(declared->dtype) : "";
    if (said[0] && strcmp(said, stored) != 0) {
        plim_survey_warn(self, "disagrees", declared->name, 0,
                         "%s is stored as %s, info.json says %s", declared->name, stored, said);
    }
}

static plim_status too_large(plim_error *err, const char *name)
{
    return plim_error_set(err, PLIM_E_RANGE, "episode", name, "a size", "too large");
}

/* Bytes in memory of one leaf's share. */
static bool leaf_memory(const plim_survey_rows *rows, const plim_parquet_leaf *leaf, uint32_t i,
                        uint64_t *out)
{
    if (!leaf->item_bytes) {
        *out = rows->plain[i];
        return true;
    }
    return bytes_mul(rows->values[i], leaf->item_bytes, out);
}

static uint64_t worklog_values(const plim_survey_set *set, uint32_t index, uint64_t values,
                               uint64_t rows)
{
    if (!set->info.has_modality) {
        return values;
    }
    if (set->info.features[index].group == PLIM_FEATURE_STATE_ACTION) {
        return (uint64_t)set->lerobot.slice_values[index] * rows;
    }
    return 0; /* annotations become text: plim_survey_tasks */
}

/* One column, from its first leaf on; a struct has several. */
static plim_status add_column(plim_survey *self, uint32_t first, const plim_feature *declared,
                              const char *file, plim_error *err)
{
    plim_survey_set *set = self->state;
    const plim_parquet_leaf *leaf = &set->parquet.leaves[first];
    const char *root = leaf->root;
    uint32_t index = declared ? (uint32_t)(declared - set->info.features) : 0;
    plim_survey_feature *to;
    PLIM_TRY(plim_survey_add(self, root, declared ? declared->group : plim_lerobot_group(root), &to,
                             err));
    snprintf(to->file, sizeof(to->file), "%s", file);
    to->frames = to->frames_in_file = set->rows.row_count;
    to->is_loaded = !set->info.has_modality || (declared && set->lerobot.is_named[index]);
    to->known = set->rows.is_estimated ? PLIM_FIGURE_ESTIMATED : PLIM_FIGURE_MEASURED;
    const char *stored = stored_name(leaf, declared ? declared->dtype : PLIM_DTYPE_NONE);
    snprintf(to->dtype, sizeof(to->dtype), "%s", stored);
    set_shape(to, declared, set->rows.values[first], set->rows.row_count);
    for (uint32_t i = first; i < set->parquet.leaf_count; i++) {
        uint64_t bytes;
        if (strcmp(set->parquet.leaves[i].root, root) != 0) {
            continue;
        }
        if (!leaf_memory(&set->rows, &set->parquet.leaves[i], i, &bytes) ||
            !bytes_add(to->memory_bytes, bytes, &to->memory_bytes)) {
            return too_large(err, root);
        }
        to->disk_bytes += set->rows.disk[i]; /* at most the file */
        if (!set->parquet.leaves[i].item_bytes && to->known == PLIM_FIGURE_MEASURED) {
            to->known = PLIM_FIGURE_ESTIMATED;
        }
    }
    if (declared && set->lerobot.is_image[index]) {
        to->known = PLIM_FIGURE_DECLARED;
        snprintf(to->codec, sizeof(to->codec), "image");
        if (!plim_survey_pictures(to, (uint32_t)declared->shape[1], (uint32_t)declared->shape[0],
                                  (uint32_t)declared->shape[2],
                                  8 * (uint32_t)(declared->shape[2] & 0xff), set->rows.row_count)) {
            return too_large(err, root);
        }
        to->worklog_bytes = to->memory_bytes;
    } else if (declared) {
        warn_type(self, declared, stored);
        to->worklog_bytes =
            worklog_values(set, index, set->rows.values[first], set->rows.row_count) *
            leaf->item_bytes;
    } else if (set->info.feature_count) {
        plim_survey_warn(self, "undeclared", root, 0, "column %s is not declared in info.json",
                         root);
    }
    return PLIM_OK;
}

static const plim_feature *find_feature(const plim_survey_set *set, const char *name)
{
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        if (strcmp(set->info.features[i].name, name) == 0) {
            return &set->info.features[i];
        }
    }
    return NULL;
}

static plim_status add_absent(plim_survey *self, uint32_t index, uint64_t steps, plim_error *err)
{
    plim_survey_set *set = self->state;
    const plim_feature *declared = &set->info.features[index];
    uint64_t bytes = dtype_bytes(declared->dtype);
    plim_survey_feature *to;
    PLIM_TRY(plim_survey_add(self, declared->name, declared->group, &to, err));
    to->has_data = false;
    to->known = PLIM_FIGURE_DECLARED;
    snprintf(to->dtype, sizeof(to->dtype), "%s", dtype_spelled(declared->dtype));
    to->rank = declared->rank;
    memcpy(to->shape, declared->shape, sizeof(to->shape));
    for (uint32_t i = 0; i < declared->rank; i++) {
        bytes = bytes_mul(bytes, (uint64_t)declared->shape[i], &bytes) ? bytes : 0;
    }
    to->declared_bytes = bytes_mul(bytes, steps, &bytes) ? bytes : UINT64_MAX;
    return PLIM_OK;
}

plim_status plim_survey_columns(plim_survey *self, uint64_t steps, const char *file,
                                plim_error *err)
{
    plim_survey_set *set = self->state;
    memset(set->is_column, 0, sizeof(set->is_column));
    for (uint32_t i = 0; i < set->parquet.leaf_count; i++) {
        const plim_feature *declared = find_feature(set, set->parquet.leaves[i].root);
        bool is_again = false;
        for (uint32_t k = 0; k < i && !is_again; k++) {
            is_again = strcmp(set->parquet.leaves[k].root, set->parquet.leaves[i].root) == 0;
        }
        if (is_again) {
            continue;
        }
        if (declared) {
            set->is_column[declared - set->info.features] = true;
        }
        PLIM_TRY(add_column(self, i, declared, file, err));
    }
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        if (!set->is_column[i] && !plim_survey_is_camera(set, i)) {
            PLIM_TRY(add_absent(self, i, steps, err));
            if (set->parquet.leaf_count) { /* else the whole table is missing, which was said */
                plim_survey_warn(self, "declared-missing", set->info.features[i].name, 0,
                                 "%s is declared in info.json but is no column",
                                 set->info.features[i].name);
            }
        }
    }
    return PLIM_OK;
}

/* ---- cameras ---- */

static const char *codec_name(const char four[5])
{
    static const char *const NAMES[][2] = {
        {"avc1", "h264"}, {"avc3", "h264"}, {"hvc1", "hevc"},  {"hev1", "hevc"}, {"av01", "av1"},
        {"vp09", "vp9"},  {"vp08", "vp8"},  {"mp4v", "mpeg4"}, {"jpeg", "jpeg"}, {"mjpa", "jpeg"},
    };
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (strcmp(four, NAMES[i][0]) == 0) {
            return NAMES[i][1];
        }
    }
    return four;
}

static void warn_camera(plim_survey *self, uint32_t index, const plim_mp4 *mp4, uint32_t samples,
                        uint64_t steps)
{
    plim_survey_set *set = self->state;
    const plim_feature *f = &set->info.features[index];
    if (f->shape[0] != mp4->height || f->shape[1] != mp4->width) {
        plim_survey_warn(self, "disagrees", f->name, 0,
                         "%s is %ux%u in the file, info.json says %" PRId64 "x%" PRId64, f->name,
                         mp4->height, mp4->width, f->shape[0], f->shape[1]);
    }
    if (samples != steps && steps != UINT64_MAX && !set->has_frames_warning[index]) {
        set->has_frames_warning[index] = true; /* once a camera: it is a habit of the recorder */
        plim_survey_warn(self, "frames", f->name, 0,
                         "%s has %u frames for %" PRIu64 " steps in episode %" PRIu64
                         "; others are not listed",
                         f->name, samples, steps, self->episode.index);
    }
}

plim_status plim_survey_camera(plim_survey *self, uint32_t index, const plim_mp4 *mp4,
                               uint32_t samples, uint64_t bytes, uint64_t steps, const char *file,
                               plim_error *err)
{
    plim_survey_set *set = self->state;
    const plim_feature *f = &set->info.features[index];
    bool is_depth = set->lerobot.is_depth[index] || f->shape[2] == 1;
    plim_survey_feature *to;
    PLIM_TRY(plim_survey_add(self, f->name, PLIM_FEATURE_VIDEO, &to, err));
    to->is_loaded = !set->info.has_modality || set->lerobot.is_named[index];
    snprintf(to->dtype, sizeof(to->dtype), "%s", is_depth ? "uint16" : "uint8");
    if (!mp4) {
        if (!plim_survey_pictures(to, (uint32_t)f->shape[1], (uint32_t)f->shape[0],
                                  is_depth ? 1 : 3, is_depth ? 16 : 12,
                                  steps == UINT64_MAX ? 0 : steps)) {
            return too_large(err, f->name);
        }
        to->declared_bytes = to->memory_bytes;
        to->has_data = false; /* after the product: without data everything is 0 */
        to->known = PLIM_FIGURE_DECLARED;
        to->memory_bytes = to->frames = to->pixels = 0;
        return PLIM_OK;
    }
    uint32_t bits = is_depth ? 16 : mp4->pixel_bits ? mp4->pixel_bits : 12;
    uint64_t frames = samples < steps ? samples : steps;
    snprintf(to->codec, sizeof(to->codec), "%s", codec_name(mp4->codec));
    snprintf(to->file, sizeof(to->file), "%s", file);
    to->frames_in_file = samples;
    to->keyframe_apart = mp4->keyframe_apart;
    to->disk_bytes = bytes;
    if (!plim_survey_pictures(to, mp4->width, mp4->height, is_depth ? 1 : 3, bits, frames)) {
        return too_large(err, f->name);
    }
    to->worklog_bytes = to->is_loaded ? to->pixels * 3 : 0;
    warn_camera(self, index, mp4, samples, steps);
    return PLIM_OK;
}
