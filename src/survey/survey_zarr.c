/* SPDX-License-Identifier: Apache-2.0 */
/* survey_zarr.c - zarr v2 replay buffers (diffusion policy, UMI), in folders and zip files.
 *
 * Rows of all episodes lie one after another in each array of data/; meta/episode_ends says where
 * each one ends. Episodes are walked BATCH at a time: one pass over the chunks (names and sizes, no
 * contents) deals the bytes of each out to the episodes whose rows it holds.
 * A chunk of n rows and s bytes gives its rows [x, y) floor(s y / n) - floor(s x / n) of them, so
 * that the shares of a chunk sum to the chunk whichever episodes it is cut into.
 * Without ends that can be read, all rows are one episode, and its figures are declared.
 * Chunks that are not there hold the array's fill value: no bytes on disk, all of them in memory.
 */
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/feature_name.h"
#include "src/survey/file_series.h"
#include "src/survey/zarr_ends.h"

#define ARRAYS_MAX    128u
#define BATCH         256u
#define POINTER_BYTES 256u /* files of a Git LFS pointer are smaller */

/* What a share of an episode is made of. */
enum { HAS_CHUNK = 1, IS_CUT = 2, IS_LOST = 4 };

typedef struct zarr_share {
    uint64_t bytes;
    uint8_t is;
} zarr_share;

typedef struct zarr_state {
    plim_zarr_store store;
    plim_zarr_array *arrays; /* by name */
    uint32_t array_count, recent;
    bool has_newer; /* a zarr.json of version 3 */
    plim_zarr_ends ends;
    bool is_whole; /* one episode of all rows */
    bool is_declared;
    bool is_counted; /* a pass has counted files and what no episode owns */
    uint64_t episode_count, index;
    uint64_t first, count;    /* of the batch */
    uint64_t rows[BATCH + 1]; /* where episodes of the batch begin; where the last one ends */
    uint64_t content_bytes;   /* of all entries */
    bool is_known[BATCH];
    zarr_share *shares; /* of episode i and array a: [i * array_count + a] */
} zarr_state;

static bool probe(const plim_survey_source *source)
{
    static const char *const NAMES[] = {".zgroup", ".zarray", ".zmetadata", "zarr.json"};
    if (!source->is_folder) {
        return source->head_bytes >= 4 &&
               (memcmp(source->head, "PK\3\4", 4) == 0 || memcmp(source->head, "PK\5\6", 4) == 0);
    }
    for (size_t i = 0; i < sizeof(NAMES) / sizeof(NAMES[0]); i++) {
        if (plim_survey_source_has(source, NAMES[i])) {
            return true;
        }
    }
    return false;
}

/* ---- the arrays ---- */

static const char *last_part(const char *key)
{
    const char *slash = strrchr(key, '/');
    return slash ? slash + 1 : key;
}

/* Its place by name; the same name once more takes the place of the former. */
static plim_zarr_array *place_for(zarr_state *state, const char *name)
{
    uint32_t at = state->array_count;
    while (at > 0 && strcmp(name, state->arrays[at - 1].name) < 0) {
        at--;
    }
    if (at > 0 && strcmp(name, state->arrays[at - 1].name) == 0) {
        return &state->arrays[at - 1];
    }
    if (state->array_count == ARRAYS_MAX) {
        return NULL;
    }
    memmove(&state->arrays[at + 1], &state->arrays[at],
            (state->array_count - at) * sizeof(state->arrays[0]));
    state->array_count++;
    return &state->arrays[at];
}

static plim_status read_array(plim_survey *self, const char *key, plim_error *err)
{
    zarr_state *state = self->state;
    plim_zarr_array array;
    char text[PLIM_ZARR_TEXT_MAX], name[sizeof(array.name)];
    size_t bytes, length = strlen(key) - strlen(".zarray");
    length -= length > 0; /* the slash */
    if (length >= sizeof(name)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "zarr", "name", "127 bytes", "more");
    }
    memcpy(name, key, length);
    name[length] = 0;
    PLIM_TRY(plim_zarr_store_read(&state->store, text, sizeof(text), &bytes, err));
    PLIM_TRY(plim_zarr_array_parse(&array, text, bytes, err));
    memcpy(array.name, name, sizeof(name));
    plim_zarr_array *to = place_for(state, name);
    if (!to) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "zarr", "arrays", "at most 128", "more");
    }
    *to = array;
    return PLIM_OK;
}

static plim_status see_array(void *context, const plim_zarr_key *key, plim_error *err)
{
    plim_survey *self = context;
    zarr_state *state = self->state;
    const char *name = last_part(key->key);
    plim_error mine;
    state->has_newer = state->has_newer || strcmp(name, "zarr.json") == 0;
    state->content_bytes += key->stored_bytes;
    if (strcmp(name, ".zarray") != 0) {
        return PLIM_OK;
    }
    plim_status status = read_array(self, key->key, &mine);
    if (status == PLIM_E_IO) {
        if (err) {
            *err = mine;
        }
        return status;
    }
    if (status != PLIM_OK) {
        if (!strstr(mine.found, "LFS")) {
            plim_error_detail(&mine, "%s", key->key);
        }
        plim_survey_lost(self, "", &mine);
    }
    return PLIM_OK;
}

static bool is_below(const char *key, const char *folder)
{
    size_t n = strlen(folder);
    return n == 0 || (strncmp(key, folder, n) == 0 && key[n] == '/');
}

/* The array that @key is a chunk of; chunks of one array mostly come together. */
static plim_zarr_array *array_of(zarr_state *state, const char *key, const char **chunk)
{
    for (uint32_t i = 0; i < state->array_count; i++) {
        uint32_t at = (state->recent + i) % state->array_count;
        plim_zarr_array *array = &state->arrays[at];
        if (is_below(key, array->name)) {
            state->recent = at;
            *chunk = key + strlen(array->name) + (array->name[0] != 0);
            return array;
        }
    }
    return NULL;
}

/* Does "data" stand among the folders of @name? */
static bool is_data(const char *name)
{
    return strncmp(name, "data/", 5) == 0 || strstr(name, "/data/") != NULL;
}

/* Are the array's rows the steps of the episodes? */
static bool has_steps(const zarr_state *state, const plim_zarr_array *array)
{
    uint64_t rows = plim_zarr_array_row_count(array);
    if (array == state->ends.array) {
        return false;
    }
    return state->is_whole || is_data(array->name) ||
           (array->rank && rows == state->ends.total_rows);
}

/* ---- the ends ---- */

static plim_status find_ends(plim_survey *self, plim_error *err)
{
    zarr_state *state = self->state;
    plim_error mine;
    state->is_whole = true;
    state->episode_count = 1;
    for (uint32_t i = 0; i < state->array_count; i++) {
        const plim_zarr_array *array = &state->arrays[i];
        if (strcmp(last_part(array->name), "episode_ends") != 0) {
            continue;
        }
        plim_status status = plim_zarr_ends_open(&state->ends, array, &state->store, self, &mine);
        if (status == PLIM_E_IO || status == PLIM_E_BUDGET || status == PLIM_E_NOMEM) {
            if (err) {
                *err = mine;
            }
            return status;
        }
        state->is_whole = status != PLIM_OK;
        state->is_declared = status != PLIM_OK;
        if (status == PLIM_OK) {
            state->episode_count = state->ends.count;
        } else {
            plim_survey_lost(self, array->name, &mine);
        }
        return PLIM_OK;
    }
    return PLIM_OK;
}

/* Arrays that do not have as many rows as the episodes. */
static void compare_rows(plim_survey *self)
{
    zarr_state *state = self->state;
    for (uint32_t i = 0; i < state->array_count && !state->is_whole; i++) {
        const plim_zarr_array *array = &state->arrays[i];
        uint64_t rows = plim_zarr_array_row_count(array);
        if (has_steps(state, array) && rows != state->ends.total_rows) {
            plim_survey_warn(self, "disagrees", array->name, 0,
                             "%s has %llu rows, the last episode ends at %llu", array->name,
                             (unsigned long long)rows, (unsigned long long)state->ends.total_rows);
        }
    }
}

static plim_status open_zarr(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    void *room;
    PLIM_TRY(plim_survey_take(self, sizeof(zarr_state), &self->state, err));
    zarr_state *state = self->state;
    PLIM_TRY(plim_survey_take(self, ARRAYS_MAX * sizeof(plim_zarr_array), &room, err));
    state->arrays = room;
    PLIM_TRY(plim_zarr_store_open(&state->store, self->root, source->is_folder, err));
    PLIM_TRY(plim_zarr_store_visit(&state->store, "", see_array, self, err));
    if (!state->array_count) {
        plim_error_set(err, state->has_newer ? PLIM_E_UNSUPPORTED : PLIM_E_FORMAT, "zarr", "arrays",
                       "zarr v2", state->has_newer ? "zarr v3" : "none that is read");
        plim_error_detail(err, "%s", self->root);
        return state->has_newer ? PLIM_E_UNSUPPORTED : PLIM_E_FORMAT;
    }
    PLIM_TRY(find_ends(self, err));
    compare_rows(self);
    PLIM_TRY(plim_survey_take(self, (uint64_t)BATCH * state->array_count * sizeof(zarr_share),
                              &room, err));
    state->shares = room;
    snprintf(self->info.version, sizeof(self->info.version), "v2");
    self->info.episode_count = state->episode_count;
    state->index = self->opts.is_range ? self->opts.first_index : 0;
    return PLIM_OK;
}

static void close_zarr(plim_survey *self)
{
    zarr_state *state = self->state;
    if (state) {
        plim_zarr_store_close(&state->store);
    }
}

/* ---- one pass over the chunks ---- */

/* floor(@bytes x @part / @whole). Halved together until the product fits: 0 and @whole stay exact,
 * and more rows never get fewer bytes. */
static uint64_t share_of(uint64_t bytes, uint64_t part, uint64_t whole)
{
    while (whole > UINT32_MAX) {
        whole >>= 1;
        part >>= 1;
    }
    return bytes / whole * part + bytes % whole * part / whole;
}

/* Rows [@first, @end) of the chunk [@chunk_first, @chunk_end). */
static uint64_t share_between(uint64_t bytes, uint64_t first, uint64_t end, uint64_t chunk_first,
                              uint64_t chunk_end)
{
    uint64_t rows = chunk_end - chunk_first;
    return share_of(bytes, end - chunk_first, rows) - share_of(bytes, first - chunk_first, rows);
}

static uint64_t larger(uint64_t a, uint64_t b)
{
    return a > b ? a : b;
}

static uint64_t smaller(uint64_t a, uint64_t b)
{
    return a < b ? a : b;
}

/* The first episode of the batch that ends after @row. */
static uint64_t episode_at(const zarr_state *state, uint64_t row)
{
    uint64_t low = 0, high = state->count;
    while (low < high) {
        uint64_t middle = low + (high - low) / 2;
        if (state->rows[middle + 1] > row) {
            high = middle;
        } else {
            low = middle + 1;
        }
    }
    return low;
}

static void deal_out(zarr_state *state, uint32_t array, uint64_t bytes, bool is_lost,
                     uint64_t first, uint64_t end)
{
    for (uint64_t i = episode_at(state, first); i < state->count && state->rows[i] < end; i++) {
        uint64_t from = larger(first, state->rows[i]), to = smaller(end, state->rows[i + 1]);
        zarr_share *share = &state->shares[i * state->array_count + array];
        share->bytes += from < to ? share_between(bytes, from, to, first, end) : 0;
        share->is |= (uint8_t)(from < to ? HAS_CHUNK : 0);
        share->is |= (uint8_t)(from < to && to - from < end - first ? IS_CUT : 0);
        share->is |= (uint8_t)(from < to && is_lost ? IS_LOST : 0);
    }
}

/* What no episode owns, once. */
static void count_rest(plim_survey *self, const plim_zarr_array *array, const char *key,
                       uint64_t bytes, bool is_chunk, uint64_t first, uint64_t end)
{
    zarr_state *state = self->state;
    uint64_t total = state->is_whole ? UINT64_MAX : state->ends.total_rows;
    if (!state->store.is_zip) {
        plim_survey_count_file(self, bytes);
    }
    if (last_part(key)[0] == '.' && last_part(key)[1] == 'z') {
        plim_survey_share(self, "metadata", bytes);
    } else if (!array) {
        plim_survey_share(self, "other files", bytes);
    } else if (!is_chunk) {
        plim_survey_share(self, "lost space", bytes);
    } else if (!has_steps(state, array)) {
        plim_survey_share(self, array == state->ends.array ? "metadata" : "other arrays", bytes);
    } else if (end > total) {
        plim_survey_share(self, "unclaimed rows",
                          share_between(bytes, larger(first, total), end, first, end));
    }
}

static plim_status see_chunk(void *context, const plim_zarr_key *key, plim_error *err)
{
    plim_survey *self = context;
    zarr_state *state = self->state;
    const char *chunk = "";
    uint64_t first = 0, end = 0;
    plim_zarr_array *array = array_of(state, key->key, &chunk);
    bool is_chunk = array && plim_zarr_array_rows(array, chunk, &first, &end), is_lost = false;
    (void)err;
    if (is_chunk && has_steps(state, array) && key->stored_bytes < POINTER_BYTES) {
        plim_error mine;
        is_lost = plim_zarr_store_check(&state->store, &mine) != PLIM_OK;
        if (is_lost && !array->is_lost) {
            plim_survey_lost(self, array->name, &mine); /* one for the array, not one a chunk */
            array->is_lost = true;
        }
    }
    if (is_chunk && has_steps(state, array)) {
        deal_out(state, (uint32_t)(array - state->arrays), key->stored_bytes, is_lost, first, end);
    }
    if (!state->is_counted) {
        count_rest(self, array, key->key, key->stored_bytes, is_chunk, first, end);
    }
    return PLIM_OK;
}

/* Rows of the batch's episodes: never falling, and the last episode ends with the last row. */
static plim_status read_rows(plim_survey *self, uint64_t begin, plim_error *err)
{
    zarr_state *state = self->state;
    bool has_before = state->first > 0 && !state->is_counted; /* else the former batch's end */
    uint64_t total = state->ends.total_rows;
    plim_error mine;
    state->rows[0] = begin;
    plim_status status =
        plim_zarr_ends_read(&state->ends, &state->store, state->first - has_before,
                            state->count + has_before, state->rows + !has_before, &mine);
    if (status == PLIM_E_IO) {
        if (err) {
            *err = mine;
        }
        return status;
    }
    if (status != PLIM_OK) {
        plim_survey_lost(self, state->ends.array->name, &mine);
    }
    state->rows[0] = smaller(state->rows[0], total);
    for (uint64_t i = 0; i < state->count; i++) {
        uint64_t end = state->rows[i + 1];
        state->is_known[i] = end >= state->rows[i] && end <= total;
        state->rows[i + 1] = state->is_known[i] ? end : state->rows[i];
    }
    return PLIM_OK;
}

static plim_status read_batch(plim_survey *self, uint64_t index, plim_error *err)
{
    zarr_state *state = self->state;
    uint64_t left = state->episode_count - index, begin = state->rows[state->count];
    state->first = index;
    state->count = left < BATCH ? left : BATCH;
    memset(state->shares, 0, (size_t)state->count * state->array_count * sizeof(state->shares[0]));
    if (state->is_whole) {
        state->rows[0] = 0;
        state->rows[1] = UINT64_MAX;
        state->is_known[0] = true;
    } else if (state->count) {
        PLIM_TRY(read_rows(self, begin, err));
    }
    PLIM_TRY(plim_zarr_store_visit(&state->store, "", see_chunk, self, err));
    if (!state->is_counted && state->store.is_zip) {
        plim_survey_count_file(self, state->store.file.size_bytes);
        plim_survey_share(self, "zip", state->store.file.size_bytes - state->content_bytes);
    }
    state->is_counted = true;
    return PLIM_OK;
}

/* ---- one episode ---- */

static bool add_pictures(const plim_zarr_array *array, uint64_t rows, plim_survey_feature *f)
{
    uint32_t height, width, channels;
    int64_t shape[PLIM_TENSOR_RANK_MAX];
    for (uint32_t i = 0; i < array->rank; i++) {
        shape[i] = (int64_t)array->shape[i];
    }
    if (!array->item_bytes ||
        !plim_feature_is_picture(array->name, array->rank, shape,
                                 strcmp(array->dtype, "uint8") == 0, &height, &width, &channels)) {
        return true;
    }
    uint32_t depth = channels < array->rank ? (uint32_t)array->shape[channels] : 1;
    f->group = PLIM_FEATURE_VIDEO;
    return plim_survey_pictures(f, (uint32_t)array->shape[width], (uint32_t)array->shape[height],
                                depth, depth * array->item_bytes * 8, rows);
}

static plim_status add_array(plim_survey *self, const plim_zarr_array *array,
                             const zarr_share *share, uint64_t rows, plim_error *err)
{
    const zarr_state *state = self->state;
    plim_survey_feature *f;
    uint64_t row_bytes;
    PLIM_TRY(plim_survey_add(self, array->name[0] ? array->name : "array",
                             plim_feature_named_group(last_part(array->name)), &f, err));
    snprintf(f->dtype, sizeof(f->dtype), "%s", array->dtype);
    snprintf(f->codec, sizeof(f->codec), "%s", array->codec_name);
    snprintf(f->file, sizeof(f->file), "%s", state->store.is_zip ? "" : array->name);
    f->frames = f->frames_in_file = rows;
    f->disk_bytes = share->bytes;
    f->rank = array->rank ? array->rank - 1 : 0;
    for (uint32_t i = 0; i < f->rank; i++) {
        f->shape[i] = (int64_t)array->shape[i + 1];
    }
    f->known = state->is_declared || (rows && !(share->is & HAS_CHUNK)) ? PLIM_FIGURE_DECLARED
                                                                        : PLIM_FIGURE_MEASURED;
    if (share->is & IS_LOST) {
        self->episode.is_complete = false;
    }
    if (share->is & IS_CUT) {
        f->known = PLIM_FIGURE_ESTIMATED;
    }
    if (!array->item_bytes) { /* objects: what they hold is not known without unpacking */
        f->memory_bytes = share->bytes;
        f->known = PLIM_FIGURE_ESTIMATED;
        return PLIM_OK;
    }
    if (!plim_zarr_array_row_bytes(array, &row_bytes) ||
        !bytes_mul(row_bytes, rows, &f->memory_bytes) || !add_pictures(array, rows, f)) {
        plim_error mine;
        plim_error_set(&mine, PLIM_E_FORMAT, "zarr", "shape", "a size", "too large");
        plim_error_detail(&mine, "%s", array->name);
        plim_survey_lost(self, array->name, &mine);
        f->is_picture = f->has_data = false;
        f->memory_bytes = f->pixels = 0;
    }
    return PLIM_OK;
}

static plim_status report(plim_survey *self, uint64_t index, plim_error *err)
{
    const zarr_state *state = self->state;
    uint64_t at = index - state->first, begin = state->rows[at], end = state->rows[at + 1];
    uint64_t most = 0;
    bool is_same = true;
    PLIM_TRY(plim_survey_begin(self, index, state->array_count, err));
    for (uint32_t i = 0; i < state->array_count; i++) {
        const plim_zarr_array *array = &state->arrays[i];
        uint64_t last = smaller(end, plim_zarr_array_row_count(array));
        uint64_t rows = last > begin ? last - begin : 0;
        if (!has_steps(state, array)) {
            continue;
        }
        PLIM_TRY(add_array(self, array, &state->shares[at * state->array_count + i], rows, err));
        is_same = is_same && (!most || most == rows);
        most = larger(most, rows);
    }
    self->episode.frames = state->is_whole ? (is_same ? most : 0) : end - begin;
    if (!state->is_known[at] || state->is_declared) {
        self->episode.is_complete = false;
    }
    return PLIM_OK;
}

static plim_status next(plim_survey *self, bool *is_end, plim_error *err)
{
    zarr_state *state = self->state;
    uint64_t index = state->index;
    bool is_over = index >= state->episode_count || !plim_survey_wants(self, index);
    if (!state->is_counted || (!is_over && index >= state->first + state->count)) {
        PLIM_TRY(read_batch(self, is_over ? state->episode_count : index, err));
    }
    *is_end = is_over;
    if (is_over) {
        return PLIM_OK;
    }
    state->index++;
    return report(self, index, err);
}

const plim_survey_reader plim_survey_zarr = {
    .name = "zarr",
    .reads = "v2 replay buffers (diffusion policy, UMI) in folders and zip files",
    .probe = probe,
    .open = open_zarr,
    .next = next,
    .close = close_zarr,
};
