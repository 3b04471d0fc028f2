/* SPDX-License-Identifier: Apache-2.0 */
/* survey_rlds.c - RLDS data sets (TFDS, TFRecord): one record is one episode.
 *
 * Steps are the values of steps/is_first or its like, which hold one value a step. Shapes and types
 * come from features.json when it is there; the number of values always from the record. A record
 * that is cut ends its file: its bytes are the container "unread".
 */
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/feature_name.h"
#include "src/survey/file_series.h"
#include "src/survey/rlds_features.h"
#include "src/survey/tfrecord.h"

typedef struct rlds_state {
    bool is_folder, is_begun, is_open;
    uint64_t index, at; /* of the next record in the file */
    plim_file_bytes file;
    char name[PLIM_SERIES_NAME_BYTES];
    plim_series series, others;
    plim_rlds_features features;
    plim_example example;
} rlds_state;

static bool is_record(const char *name)
{
    return strstr(name, ".tfrecord") != NULL;
}

static bool is_other(const char *name)
{
    return !is_record(name);
}

static bool find_record(void *context, const char *name)
{
    bool *found = context;
    *found = *found || is_record(name);
    return !*found;
}

static bool probe(const plim_survey_source *source)
{
    bool found = false;
    if (!source->is_folder) {
        return plim_tfrecord_is(source->head, source->head_bytes);
    }
    return plim_survey_list(source->path, "", find_record, &found, NULL) == PLIM_OK && found;
}

static plim_status open_rlds(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    PLIM_TRY(plim_survey_take(self, sizeof(rlds_state), &self->state, err));
    rlds_state *state = self->state;
    state->is_folder = source->is_folder;
    state->example.is_exact = self->opts.is_exact;
    plim_series_init(&state->series, self->root, is_record);
    plim_series_init(&state->others, self->root, is_other);
    plim_file_bytes file;
    plim_error mine;
    if (source->is_folder && plim_survey_source_has(source, "features.json")) {
        plim_status status = plim_survey_open_file(self, "features.json", &file, &mine);
        if (status == PLIM_OK) {
            status = plim_rlds_features_read(&file, &state->features, &mine);
            plim_file_bytes_close(&file);
        }
        if (status != PLIM_OK) {
            plim_survey_lost(self, "", &mine);
        }
    }
    return PLIM_OK;
}

static void close_rlds(plim_survey *self)
{
    rlds_state *state = self->state;
    if (state && state->is_open) {
        plim_file_bytes_close(&state->file);
    }
}

/* A file with a record in it; is_open false: there is none any more. */
static plim_status next_file(plim_survey *self, plim_error *err)
{
    rlds_state *state = self->state;
    while (!state->is_open) {
        const char *name = "";
        if (!state->is_folder && state->is_begun) {
            return PLIM_OK;
        }
        state->is_begun = true;
        if (state->is_folder) {
            PLIM_TRY(plim_series_next(&state->series, &name, err));
            if (!name) {
                return PLIM_OK;
            }
        }
        plim_error mine;
        snprintf(state->name, sizeof(state->name), "%s", name);
        if (plim_survey_open_file(self, name, &state->file, &mine) != PLIM_OK) {
            plim_survey_lost(self, "", &mine);
            continue;
        }
        plim_survey_count_file(self, state->file.size_bytes);
        state->at = 0;
        state->is_open = state->file.size_bytes > 0;
        if (!state->is_open) {
            plim_file_bytes_close(&state->file);
        }
    }
    return PLIM_OK;
}

static uint64_t step_count(const plim_example *example)
{
    static const char *const KEYS[] = {"steps/is_first", "steps/is_last", "steps/is_terminal",
                                       "steps/reward", "steps/discount"};
    uint64_t most = 0;
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        for (uint32_t k = 0; k < example->key_count; k++) {
            if (strcmp(example->keys[k].name, KEYS[i]) == 0) {
                return example->keys[k].value_count;
            }
        }
    }
    for (uint32_t k = 0; k < example->key_count; k++) {
        uint64_t n = example->keys[k].image_count ? example->keys[k].value_count : 0;
        most = n > most ? n : most;
    }
    return most;
}

static plim_status add_pictures(const plim_example_key *key, plim_survey_feature *f,
                                plim_error *err)
{
    const plim_image_size *size = &key->image;
    f->group = PLIM_FEATURE_VIDEO;
    snprintf(f->codec, sizeof(f->codec), "%s", size->codec);
    snprintf(f->dtype, sizeof(f->dtype), size->channel_bytes == 1 ? "uint8" : "uint16");
    f->known = key->image_count < key->value_count ? PLIM_FIGURE_SAMPLED : PLIM_FIGURE_MEASURED;
    if (!plim_survey_pictures(f, size->width, size->height, size->channels,
                              size->channels * size->channel_bytes * 8, key->value_count)) {
        return plim_error_set(err, PLIM_E_FORMAT, "tfrecord", "pictures", "a size", "too large");
    }
    if (key->image_count == key->value_count) { /* every one was looked at: as they are */
        f->pixels = key->image_pixels;
        f->memory_bytes = plim_survey_memory(f, PLIM_PIXELS_RGB24, f->frames);
    }
    return PLIM_OK;
}

static plim_status add_numbers(const plim_example_key *key, const plim_rlds_feature *known,
                               uint64_t steps, plim_survey_feature *f, plim_error *err)
{
    static const char *const DTYPES[] = {"", "string", "float32", "int64"};
    bool is_text = key->kind == PLIM_EXAMPLE_BYTES || key->kind == PLIM_EXAMPLE_EMPTY;
    bool is_step = strncmp(key->name, "steps/", 6) == 0;
    const char *dtype = known && known->dtype[0] ? known->dtype : DTYPES[key->kind];
    snprintf(f->dtype, sizeof(f->dtype), "%s", is_text ? DTYPES[key->kind] : dtype);
    f->group = is_text ? PLIM_FEATURE_OTHER : plim_feature_named_group(key->name);
    f->frames = f->frames_in_file = is_step && steps ? steps : key->value_count ? 1 : 0;
    f->memory_bytes = key->value_bytes;
    uint64_t one = plim_dtype_named_bytes(dtype, key->kind == PLIM_EXAMPLE_INT64 ? 8 : 4);
    if (!is_text && !bytes_mul(key->value_count, one, &f->memory_bytes)) {
        return plim_error_set(err, PLIM_E_FORMAT, "tfrecord", "values", "a count", "too large");
    }
    if (known) {
        f->rank = known->rank;
        memcpy(f->shape, known->shape, sizeof(f->shape));
    } else if (f->frames && key->value_count % f->frames == 0) {
        f->rank = key->value_count == f->frames ? 0 : 1;
        f->shape[0] = f->rank ? (int64_t)(key->value_count / f->frames) : 0;
    }
    return PLIM_OK;
}

static plim_status add_keys(plim_survey *self, uint64_t record_bytes, plim_error *err)
{
    rlds_state *state = self->state;
    const plim_example *example = &state->example;
    uint64_t steps = step_count(example), used = 0;
    for (uint32_t i = 0; i < example->key_count; i++) {
        const plim_example_key *key = &example->keys[i];
        plim_survey_feature *f;
        PLIM_TRY(plim_survey_add(self, key->name, PLIM_FEATURE_OTHER, &f, err));
        f->disk_bytes = key->stored_bytes;
        used += key->stored_bytes;
        f->has_data = key->value_count > 0;
        snprintf(f->file, sizeof(f->file), "%.191s", state->name);
        PLIM_TRY(key->image_count
                     ? add_pictures(key, f, err)
                     : add_numbers(key, plim_rlds_feature_find(&state->features, key->name), steps,
                                   f, err));
    }
    self->episode.frames = steps;
    plim_survey_contain(self, "tfrecord", record_bytes - used);
    return PLIM_OK;
}

/* One record, or the rest of a file that cannot be read further. */
static plim_status read_record(plim_survey *self, bool *is_wanted, plim_error *err)
{
    rlds_state *state = self->state;
    uint64_t data_bytes, record_bytes, index = state->index++;
    plim_error mine;
    plim_status status =
        plim_tfrecord_read(&state->example, &state->file, state->at, &data_bytes, &mine);
    if (status == PLIM_E_IO) {
        if (err) {
            *err = mine;
        }
        return status;
    }
    bool is_whole = status == PLIM_OK;
    record_bytes = is_whole ? data_bytes + PLIM_TFRECORD_HEAD + PLIM_TFRECORD_TAIL
                            : state->file.size_bytes - state->at;
    state->at += record_bytes;
    *is_wanted = plim_survey_wants(self, index);
    if (*is_wanted) {
        PLIM_TRY(plim_survey_begin(self, index, PLIM_EXAMPLE_KEYS_MAX, err));
        snprintf(self->episode.name, sizeof(self->episode.name), "%.63s", state->name);
        if (is_whole) {
            PLIM_TRY(add_keys(self, record_bytes, err));
        } else {
            plim_survey_lost(self, "", &mine);
            plim_survey_contain(self, "unread", record_bytes);
        }
    }
    if (state->at >= state->file.size_bytes) {
        plim_file_bytes_close(&state->file);
        state->is_open = false;
    }
    return PLIM_OK;
}

static plim_status next(plim_survey *self, bool *is_end, plim_error *err)
{
    rlds_state *state = self->state;
    for (bool is_wanted = false; !is_wanted;) {
        PLIM_TRY(next_file(self, err));
        *is_end = !state->is_open;
        if (*is_end) {
            return state->is_folder ? plim_series_share_rest(&state->others, self, ".json", err)
                                    : PLIM_OK;
        }
        PLIM_TRY(read_record(self, &is_wanted, err));
    }
    return PLIM_OK;
}

const plim_survey_reader plim_survey_rlds = {
    .name = "rlds",
    .reads = "TFDS folders and single TFRecord files of tf.train.Example, one record an episode",
    .probe = probe,
    .open = open_rlds,
    .next = next,
    .close = close_rlds,
};
