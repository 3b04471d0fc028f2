/* SPDX-License-Identifier: Apache-2.0 */
/* survey_lerobot_v3.c - LeRobot v3.0: one file for many episodes.
 *
 * meta/episodes says which rows of which table and which seconds of which video an episode owns.
 * Its row groups may be any size: a slice of SLICE_ROWS is kept, and a group is decoded again for
 * each of its slices. Tables and videos are read in order, each footer and index once.
 * An episode's part of a table is whole row groups where there is one group an episode (measured);
 * else a part by rows, rounded so that all parts sum to the group (estimated).
 * Invariant: shares of one file never sum to more than the file; what is left over is shared by
 * the data set.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/survey_lerobot.h"

#define SLICE_ROWS   512u
#define CAMERAS_MAX  PLIM_DATASET_FEATURES_MAX
#define FIXED_COUNT  6u
#define CAMERA_COUNT 4u
#define NO_COLUMN    UINT32_MAX

enum { EPISODE_INDEX, LENGTH, DATA_CHUNK, DATA_FILE, FROM_INDEX, TO_INDEX };
enum { VIDEO_CHUNK, VIDEO_FILE, FROM_SECONDS, TO_SECONDS };

static const char *const FIXED[FIXED_COUNT] = {"episode_index",      "length",
                                               "data/chunk_index",   "data/file_index",
                                               "dataset_from_index", "dataset_to_index"};
static const char *const CAMERA[CAMERA_COUNT] = {"chunk_index", "file_index", "from_timestamp",
                                                 "to_timestamp"};

/* Where a shared file stands. */
typedef struct shared_place {
    uint64_t chunk, file;
    bool is_open, is_again; /* visited before: counted then */
    plim_error lost;        /* status not OK: every episode in it is incomplete */
    plim_file_bytes bytes;
} shared_place;

typedef struct shared_video {
    uint32_t feature;
    shared_place at;
    plim_mp4 mp4;
    plim_mp4_place place;
    double from_before;
    uint64_t claimed;
} shared_video;

/* One number of an episode's row: whole, or seconds. */
typedef union row_value {
    uint64_t whole;
    double seconds;
} row_value;

struct plim_survey_shared {
    /* meta/episodes */
    plim_file_bytes file;
    uint64_t chunk_index, file_index;
    plim_parquet parquet;
    plim_parquet_walk walk;
    plim_parquet_group group;
    uint64_t group_row, slice_first, slice_rows; /* next row to give; rows in the slice */
    uint32_t column_count;                       /* FIXED, then CAMERA of each camera */
    uint32_t *leaf_column;                       /* leaf of the parquet -> column */
    bool *has_column;
    row_value *slice; /* column after column, SLICE_ROWS each */
    void *decoded, *scratch;
    uint64_t decoded_bytes, scratch_bytes;
    /* data */
    shared_place table;
    uint64_t table_first, group_first, group_end; /* of the file's first row; of the group */
    uint64_t table_claimed;
    bool is_table_over;
    uint32_t camera_count;
    shared_video *cameras;
};

/* ---- meta/episodes ---- */

static uint32_t column_of(const plim_survey_set *set, const char *root)
{
    const plim_survey_shared *s = set->shared;
    char name[256];
    for (uint32_t i = 0; i < FIXED_COUNT; i++) {
        if (strcmp(root, FIXED[i]) == 0) {
            return i;
        }
    }
    for (uint32_t c = 0; c < s->camera_count && strncmp(root, "videos/", 7) == 0; c++) {
        for (uint32_t k = 0; k < CAMERA_COUNT; k++) {
            snprintf(name, sizeof(name), "videos/%s/%s",
                     set->info.features[s->cameras[c].feature].name, CAMERA[k]);
            if (strcmp(root, name) == 0) {
                return FIXED_COUNT + CAMERA_COUNT * c + k;
            }
        }
    }
    return NO_COLUMN;
}

static bool keep_column(void *context, const char *root)
{
    return column_of(context, root) != NO_COLUMN;
}

static plim_status open_episodes(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    char relative[96];
    snprintf(relative, sizeof(relative),
             "meta/episodes/chunk-%03" PRIu64 "/file-%03" PRIu64 ".parquet", s->chunk_index,
             s->file_index);
    PLIM_TRY(plim_survey_open_file(self, relative, &s->file, err));
    return plim_parquet_begin(&s->walk, &s->file, &s->parquet, keep_column, set, err);
}

/* The next file of meta/episodes: in the same chunk, else the first of the next. */
static plim_status next_episodes(plim_survey *self, plim_error *err)
{
    plim_survey_shared *s = ((plim_survey_set *)self->state)->shared;
    plim_error mine = {.status = PLIM_OK};
    plim_file_bytes_close(&s->file);
    s->file_index++;
    plim_status status = open_episodes(self, &mine);
    if (status == PLIM_E_NOT_FOUND) {
        s->chunk_index++;
        s->file_index = 0;
        status = open_episodes(self, &mine);
    }
    if (status != PLIM_OK && err) {
        *err = mine;
    }
    return status;
}

/* What the largest row group needs, and how many episodes there are; leaves no file open. */
static plim_status size_episodes(plim_survey *self, uint64_t *rows_most, plim_error *err)
{
    plim_survey_shared *s = ((plim_survey_set *)self->state)->shared;
    uint64_t rows = 0;
    plim_status status = open_episodes(self, err);
    PLIM_TRY(status);
    while (status == PLIM_OK) {
        bool is_end = false;
        while (status == PLIM_OK && !is_end) {
            status = plim_parquet_next(&s->walk, &s->group, &is_end, err);
            for (uint32_t i = 0; i < s->group.chunk_count && status == PLIM_OK; i++) {
                uint64_t bytes;
                status = plim_parquet_scratch_bytes(&s->group.chunks[i], &bytes, err);
                s->scratch_bytes = bytes > s->scratch_bytes ? bytes : s->scratch_bytes;
            }
            if (status == PLIM_OK && !is_end) {
                rows += s->group.row_count;
                *rows_most = s->group.row_count > *rows_most ? s->group.row_count : *rows_most;
            }
        }
        if (status == PLIM_OK) {
            plim_error mine = {.status = PLIM_OK};
            status = next_episodes(self, &mine);
            if (status != PLIM_OK && status != PLIM_E_NOT_FOUND) {
                plim_survey_lost(self, "", &mine); /* the episodes before it are still good */
                status = PLIM_E_NOT_FOUND;
            }
        }
    }
    plim_file_bytes_close(&s->file);
    s->chunk_index = s->file_index = 0;
    s->group.row_count = 0; /* of the last group looked at: not the first one to give */
    self->info.episode_count = rows;
    return status == PLIM_E_NOT_FOUND ? PLIM_OK : status;
}

static plim_status check_columns(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    memset(s->has_column, 0, s->column_count * sizeof(*s->has_column));
    for (uint32_t i = 0; i < s->parquet.leaf_count; i++) {
        s->leaf_column[i] = column_of(set, s->parquet.leaves[i].root);
        s->has_column[s->leaf_column[i]] = true;
    }
    for (uint32_t i = 0; i < FIXED_COUNT; i++) {
        if (!s->has_column[i] && i != LENGTH) {
            plim_error_set(err, PLIM_E_FORMAT, "meta/episodes", "column", FIXED[i], "none");
            plim_error_detail(err, "%s", s->file.path);
            return PLIM_E_FORMAT;
        }
    }
    return PLIM_OK;
}

static row_value value_at(const void *data, plim_dtype dtype, uint64_t at, bool is_seconds)
{
    double real = dtype == PLIM_F64   ? ((const double *)data)[at]
                  : dtype == PLIM_F32 ? (double)((const float *)data)[at]
                                      : 0.0;
    int64_t whole = dtype == PLIM_I64   ? ((const int64_t *)data)[at]
                    : dtype == PLIM_I32 ? ((const int32_t *)data)[at]
                                        : 0;
    bool is_real = dtype == PLIM_F64 || dtype == PLIM_F32;
    if (is_seconds) {
        return (row_value){.seconds = is_real ? real : (double)whole};
    }
    if (is_real) { /* fractions and negatives are no index; 2^53 is more than any data set */
        return (row_value){.whole = real >= 0 && real < 9e15 ? (uint64_t)real : UINT64_MAX};
    }
    return (row_value){.whole = whole < 0 ? UINT64_MAX : (uint64_t)whole};
}

/* Rows [first, first + SLICE_ROWS) of the group, all columns. */
static plim_status fill_slice(plim_survey *self, uint64_t first, plim_error *err)
{
    plim_survey_shared *s = ((plim_survey_set *)self->state)->shared;
    uint64_t left = s->group.row_count - first;
    s->slice_first = first;
    s->slice_rows = left < SLICE_ROWS ? left : SLICE_ROWS;
    for (uint32_t i = 0; i < s->group.chunk_count; i++) {
        const plim_parquet_chunk *chunk = &s->group.chunks[i];
        const plim_parquet_leaf *leaf = &s->parquet.leaves[chunk->leaf];
        uint32_t column = s->leaf_column[chunk->leaf];
        bool is_seconds = column >= FIXED_COUNT && (column - FIXED_COUNT) % CAMERA_COUNT >= 2;
        uint64_t bytes;
        PLIM_TRY(plim_parquet_scratch_bytes(chunk, &bytes, err));
        if (bytes > s->scratch_bytes || chunk->row_count > s->decoded_bytes / 8) {
            return plim_error_set(err, PLIM_E_FORMAT, "meta/episodes", leaf->root,
                                  "the sizes read before", "others");
        }
        PLIM_TRY(plim_parquet_values(&s->file, leaf, chunk, 1, s->scratch, s->scratch_bytes,
                                     s->decoded, err));
        for (uint64_t r = 0; r < s->slice_rows; r++) {
            s->slice[column * SLICE_ROWS + r] =
                value_at(s->decoded, plim_parquet_dtype(leaf), first + r, is_seconds);
        }
    }
    return PLIM_OK;
}

/* The next episode's row of the slice; SIZE_MAX at the end. */
static plim_status next_row(plim_survey *self, size_t *out, plim_error *err)
{
    plim_survey_shared *s = ((plim_survey_set *)self->state)->shared;
    *out = SIZE_MAX;
    for (;;) {
        bool is_end = false;
        if (s->group_row < s->slice_first + s->slice_rows) {
            *out = (size_t)(s->group_row++ - s->slice_first);
            return PLIM_OK;
        }
        if (s->group_row < s->group.row_count) {
            PLIM_TRY(fill_slice(self, s->group_row, err));
            continue;
        }
        PLIM_TRY(plim_parquet_next(&s->walk, &s->group, &is_end, err));
        s->group_row = s->slice_first = s->slice_rows = 0;
        if (!is_end) {
            continue;
        }
        s->group.row_count = 0;
        plim_error mine = {.status = PLIM_OK};
        plim_status status = next_episodes(self, &mine);
        if (status != PLIM_OK) { /* damage was said when the sizes were taken */
            return PLIM_OK;
        }
        PLIM_TRY(check_columns(self, err));
    }
}

/* ---- files of many episodes ---- */

static bool is_at(const shared_place *p, uint64_t chunk, uint64_t file)
{
    return p->is_open && p->chunk == chunk && p->file == file;
}

static bool is_before(const shared_place *p, uint64_t chunk, uint64_t file)
{
    return p->is_open && (chunk < p->chunk || (chunk == p->chunk && file < p->file));
}

static void start_place(shared_place *p, uint64_t chunk, uint64_t file)
{
    p->is_again = is_before(p, chunk, file);
    p->chunk = chunk;
    p->file = file;
    p->is_open = true;
    p->lost = (plim_error){.status = PLIM_OK};
    p->bytes = (plim_file_bytes){.fd = -1};
}

/* What no episode claimed is the data set's; a file visited again was counted whole before. */
static void share_left(plim_survey *self, const shared_place *p, const char *container,
                       uint64_t container_bytes, const char *rest, uint64_t rest_bytes,
                       uint64_t claimed)
{
    if (self->opts.is_range) {
        return;
    }
    if (p->is_again) {
        for (uint32_t i = 0; i < self->info.shared_count; i++) {
            plim_survey_container *c = &self->info.shared[i];
            if (strcmp(c->name, rest) == 0) {
                c->bytes -= claimed < c->bytes ? claimed : c->bytes;
            }
        }
        return;
    }
    plim_survey_count_file(self, p->bytes.size_bytes);
    plim_survey_share(self, container, container_bytes);
    if (rest_bytes > claimed) {
        plim_survey_share(self, rest, rest_bytes - claimed);
    }
}

static void close_video(plim_survey *self, shared_video *v)
{
    if (v->at.is_open && v->at.lost.status == PLIM_OK && v->at.bytes.fd >= 0) {
        share_left(self, &v->at, "mp4", v->mp4.container_bytes, "video of no episode",
                   v->mp4.sample_bytes, v->claimed);
    } else if (v->at.bytes.fd >= 0) {
        share_left(self, &v->at, "unreadable", v->at.bytes.size_bytes, "video of no episode", 0, 0);
    }
    plim_file_bytes_close(&v->at.bytes);
}

static plim_status open_video(plim_survey *self, shared_video *v, uint64_t chunk, uint64_t file,
                              plim_error *err)
{
    plim_survey_set *set = self->state;
    close_video(self, v);
    start_place(&v->at, chunk, file);
    v->place = (plim_mp4_place){0};
    v->claimed = 0;
    v->from_before = 0;
    PLIM_TRY(plim_lerobot_shared_path(&set->lerobot, "", set->info.features[v->feature].name, chunk,
                                      file, set->relative, sizeof(set->relative), err));
    plim_status status = plim_survey_open_file(self, set->relative, &v->at.bytes, &v->at.lost);
    if (status == PLIM_OK) {
        status = plim_mp4_read(&v->at.bytes, &v->mp4, &v->at.lost);
        v->at.bytes.path = "video"; /* self->path moves on */
    }
    v->at.lost.status = status;
    return PLIM_OK;
}

static plim_status add_video(plim_survey *self, shared_video *v, size_t row, uint32_t camera,
                             uint64_t steps, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    const plim_feature *f = &set->info.features[v->feature];
    const uint32_t column = FIXED_COUNT + CAMERA_COUNT * camera;
    uint32_t samples = 0;
    uint64_t bytes = 0;
    for (uint32_t k = 0; k < CAMERA_COUNT; k++) {
        if (!s->has_column[column + k]) {
            PLIM_TRY(plim_survey_camera(self, v->feature, NULL, 0, 0, steps, "", err));
            plim_survey_warn(self, "declared-missing", f->name,
                             self->features[self->episode.feature_count - 1].declared_bytes,
                             "%s is declared in info.json but has no column in meta/episodes",
                             f->name);
            return PLIM_OK;
        }
    }
    const row_value *at = s->slice + (size_t)column * SLICE_ROWS + row;
    uint64_t chunk = at[VIDEO_CHUNK * SLICE_ROWS].whole, file = at[VIDEO_FILE * SLICE_ROWS].whole;
    double from = at[FROM_SECONDS * SLICE_ROWS].seconds, to = at[TO_SECONDS * SLICE_ROWS].seconds;
    if (!is_at(&v->at, chunk, file)) {
        PLIM_TRY(open_video(self, v, chunk, file, err));
    }
    if (v->at.lost.status == PLIM_OK) {
        if (!(from >= v->from_before)) {
            v->place = (plim_mp4_place){0};
        }
        v->from_before = from;
        v->at.lost.status = plim_mp4_share(&v->at.bytes, &v->mp4, &v->place, from, to, &samples,
                                           &bytes, &v->at.lost);
    }
    if (v->at.lost.status != PLIM_OK) {
        plim_survey_lost(self, f->name, &v->at.lost);
        return plim_survey_camera(self, v->feature, NULL, 0, 0, steps, "", err);
    }
    if (bytes > v->mp4.sample_bytes - v->claimed) {
        plim_survey_warn(self, "disagrees", f->name, 0,
                         "%s: episodes overlap in file %" PRIu64 " of chunk %" PRIu64, f->name,
                         file, chunk);
        bytes = v->mp4.sample_bytes - v->claimed;
    }
    v->claimed += bytes;
    PLIM_TRY(plim_lerobot_shared_path(&set->lerobot, "", f->name, chunk, file, set->relative,
                                      sizeof(set->relative), err));
    return plim_survey_camera(self, v->feature, &v->mp4, samples, bytes, steps, set->relative, err);
}

/* ---- tables of many episodes ---- */

/* The next row group of the table; at the end of the file, group_first = group_end. */
static plim_status next_group(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    PLIM_TRY(plim_parquet_next(&set->walk, &set->group, &s->is_table_over, err));
    s->group_first = s->group_end;
    s->group_end += s->is_table_over ? 0 : set->group.row_count;
    return PLIM_OK;
}

static void close_table(plim_survey *self)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    plim_error mine = {.status = PLIM_OK};
    plim_status status = s->table.lost.status;
    if (s->table.is_open && s->table.bytes.fd >= 0) {
        while (status == PLIM_OK && !s->is_table_over && !self->opts.is_range) {
            status = next_group(self, &mine);
        }
        if (status == PLIM_OK) {
            uint64_t rows = 0;
            for (uint32_t i = 0; i < set->parquet.leaf_count; i++) {
                rows += set->parquet.leaves[i].disk_bytes;
            }
            share_left(self, &s->table, "parquet", set->parquet.container_bytes,
                       "rows of no episode", rows, s->table_claimed);
        } else {
            share_left(self, &s->table, "unreadable", s->table.bytes.size_bytes,
                       "rows of no episode", 0, 0);
        }
    }
    plim_file_bytes_close(&s->table.bytes);
}

static plim_status open_table(plim_survey *self, uint64_t chunk, uint64_t file, uint64_t first,
                              plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    close_table(self);
    start_place(&s->table, chunk, file);
    s->table_first = first;
    s->group_first = s->group_end = s->table_claimed = 0;
    s->is_table_over = false;
    PLIM_TRY(plim_lerobot_shared_path(&set->lerobot, "", NULL, chunk, file, set->relative,
                                      sizeof(set->relative), err));
    plim_status status =
        plim_survey_open_file(self, set->relative, &s->table.bytes, &s->table.lost);
    if (status == PLIM_OK) {
        status = plim_parquet_begin(&set->walk, &s->table.bytes, &set->parquet, NULL, NULL,
                                    &s->table.lost);
        s->table.bytes.path = "table"; /* self->path moves on */
    }
    s->table.lost.status = status;
    return PLIM_OK;
}

/* @part of @whole by rows [from, to) of @rows, so that neighbouring parts sum to the whole. */
static uint64_t part_of(uint64_t whole, uint64_t from, uint64_t to, uint64_t rows)
{
    __extension__ typedef unsigned __int128 wide;
    return (uint64_t)((wide)whole * to / rows - (wide)whole * from / rows);
}

static void take_rows(plim_survey_set *set, uint64_t from, uint64_t to)
{
    const plim_parquet_group *g = &set->group;
    uint64_t rows = g->row_count;
    set->rows.is_estimated = set->rows.is_estimated || from != 0 || to != rows;
    set->rows.row_count += to - from;
    for (uint32_t i = 0; i < g->chunk_count; i++) {
        const plim_parquet_chunk *c = &g->chunks[i];
        uint64_t disk = part_of(c->disk_bytes, from, to, rows);
        set->rows.disk[c->leaf] += disk;
        set->shared->table_claimed += disk;
        set->rows.values[c->leaf] += part_of(c->value_count, from, to, rows);
        set->rows.plain[c->leaf] += part_of(c->plain_bytes, from, to, rows);
    }
}

/* Rows [from, to) of the file into set->rows. */
static plim_status read_rows(plim_survey *self, uint64_t from, uint64_t to, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    while (from < to) {
        while (s->group_end <= from && !s->is_table_over) {
            PLIM_TRY(next_group(self, err));
        }
        if (s->is_table_over) {
            return PLIM_OK;
        }
        uint64_t end = to < s->group_end ? to : s->group_end;
        take_rows(set, from - s->group_first, end - s->group_first);
        from = end;
    }
    return PLIM_OK;
}

static plim_status add_rows(plim_survey *self, size_t row, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    uint64_t chunk = s->slice[DATA_CHUNK * SLICE_ROWS + row].whole;
    uint64_t file = s->slice[DATA_FILE * SLICE_ROWS + row].whole;
    uint64_t from = s->slice[FROM_INDEX * SLICE_ROWS + row].whole;
    uint64_t to = s->slice[TO_INDEX * SLICE_ROWS + row].whole;
    set->rows = (plim_survey_rows){.row_count = 0};
    if (from < s->table_first || from - s->table_first < s->group_first) {
        /* behind the walk: start the file again, its first row is that of the lowest episode */
        uint64_t claimed = s->table_claimed;
        uint64_t first = from < s->table_first ? from : s->table_first;
        plim_file_bytes_close(&s->table.bytes);
        s->table.bytes = (plim_file_bytes){.fd = -1};
        PLIM_TRY(open_table(self, chunk, file, first, err));
        s->table_claimed = claimed;
    }
    if (s->table.lost.status == PLIM_OK && to >= from) {
        s->table.lost.status =
            read_rows(self, from - s->table_first, to - s->table_first, &s->table.lost);
    }
    if (s->table.lost.status != PLIM_OK) {
        plim_survey_lost(self, "", &s->table.lost);
        return PLIM_OK;
    }
    if (to < from || set->rows.row_count != to - from) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "episode %" PRIu64 " has %" PRIu64 " rows in its table, meta/episodes "
                         "says %" PRId64,
                         self->episode.index, set->rows.row_count, (int64_t)(to - from));
    }
    return PLIM_OK;
}

/* ---- the walk ---- */

static plim_status measure(plim_survey *self, size_t row, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    PLIM_TRY(plim_survey_begin(self, s->slice[EPISODE_INDEX * SLICE_ROWS + row].whole,
                               set->info.feature_count + PLIM_PARQUET_LEAVES_MAX, err));
    PLIM_TRY(add_rows(self, row, err));
    uint64_t length =
        s->has_column[LENGTH] ? s->slice[LENGTH * SLICE_ROWS + row].whole : set->rows.row_count;
    bool has_rows = s->table.lost.status == PLIM_OK;
    uint64_t steps = has_rows && set->rows.row_count < length ? set->rows.row_count : length;
    if (steps > PLIM_EPISODE_STEPS_MAX) {
        return plim_error_set(err, PLIM_E_FORMAT, "meta/episodes", "length", "at most 2^24",
                              "more");
    }
    if (has_rows && set->rows.row_count != length) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "episode %" PRIu64 " has %" PRIu64 " rows, its length says %" PRIu64,
                         self->episode.index, set->rows.row_count, length);
    }
    set->frame_sum += steps;
    self->episode.frames = steps;
    self->episode.seconds = (double)steps / set->info.frames_per_second;
    for (uint32_t c = 0; c < s->camera_count; c++) {
        PLIM_TRY(add_video(self, &s->cameras[c], row, c, steps, err));
    }
    if (!has_rows) {
        set->parquet.leaf_count = 0;
    }
    PLIM_TRY(plim_lerobot_shared_path(&set->lerobot, "", NULL, s->table.chunk, s->table.file,
                                      set->relative, sizeof(set->relative), err));
    return plim_survey_columns(self, steps, set->relative, err);
}

static plim_status finish(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_v3_close(self);
    if (self->opts.is_range) {
        return PLIM_OK;
    }
    if (set->lerobot.total_frames != UINT64_MAX && set->lerobot.total_frames != set->frame_sum) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "info.json says %" PRIu64 " frames, found %" PRIu64,
                         set->lerobot.total_frames, set->frame_sum);
    }
    return plim_survey_rest(self, "meta/", err);
}

plim_status plim_survey_v3_next(plim_survey *self, bool *is_end, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    for (;;) {
        size_t row;
        PLIM_TRY(next_row(self, &row, err));
        if (row == SIZE_MAX) {
            *is_end = true;
            return finish(self, err);
        }
        uint64_t chunk = s->slice[DATA_CHUNK * SLICE_ROWS + row].whole;
        uint64_t file = s->slice[DATA_FILE * SLICE_ROWS + row].whole;
        if (!is_at(&s->table, chunk, file)) { /* also for episodes outside the range: the first
                                               * row of a file is that of its first episode */
            uint64_t first = s->slice[FROM_INDEX * SLICE_ROWS + row].whole;
            PLIM_TRY(open_table(self, chunk, file, first, err));
        }
        if (plim_survey_wants(self, s->slice[EPISODE_INDEX * SLICE_ROWS + row].whole)) {
            return measure(self, row, err);
        }
    }
}

void plim_survey_v3_close(plim_survey *self)
{
    plim_survey_shared *s = ((plim_survey_set *)self->state)->shared;
    if (!s) {
        return;
    }
    plim_file_bytes_close(&s->file);
    close_table(self);
    s->table.is_open = false;
    for (uint32_t i = 0; i < s->camera_count; i++) {
        close_video(self, &s->cameras[i]);
        s->cameras[i].at.is_open = false;
    }
}

static plim_status take_cameras(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    plim_survey_shared *s = set->shared;
    uint32_t count = 0;
    void *block;
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        count += plim_survey_is_camera(set, i);
    }
    PLIM_TRY(plim_survey_take(self, count * sizeof(shared_video), &block, err));
    s->cameras = block;
    for (uint32_t i = 0; i < set->info.feature_count; i++) {
        if (plim_survey_is_camera(set, i)) {
            /* a template that cannot be filled in is an error, not a camera without files */
            PLIM_TRY(plim_lerobot_shared_path(&set->lerobot, "", set->info.features[i].name, 0, 0,
                                              set->relative, sizeof(set->relative), err));
            s->cameras[s->camera_count].at.bytes.fd = -1;
            s->cameras[s->camera_count++].feature = i;
        }
    }
    s->column_count = FIXED_COUNT + CAMERA_COUNT * s->camera_count;
    return plim_lerobot_shared_path(&set->lerobot, "", NULL, 0, 0, set->relative,
                                    sizeof(set->relative), err);
}

plim_status plim_survey_v3_open(plim_survey *self, plim_error *err)
{
    plim_survey_set *set = self->state;
    void *block;
    uint64_t rows_most = 0;
    PLIM_TRY(plim_survey_take(self, sizeof(plim_survey_shared), &block, err));
    plim_survey_shared *s = set->shared = block;
    s->file.fd = s->table.bytes.fd = -1;
    PLIM_TRY(take_cameras(self, err));
    PLIM_TRY(size_episodes(self, &rows_most, err));
    s->decoded_bytes = rows_most * 8;
    PLIM_TRY(plim_survey_take(self, s->decoded_bytes, &s->decoded, err));
    PLIM_TRY(plim_survey_take(self, s->scratch_bytes, &s->scratch, err));
    PLIM_TRY(plim_survey_take(self, s->column_count * SLICE_ROWS * sizeof(row_value), &block, err));
    s->slice = block;
    PLIM_TRY(plim_survey_take(self, PLIM_PARQUET_LEAVES_MAX * sizeof(uint32_t), &block, err));
    s->leaf_column = block;
    PLIM_TRY(plim_survey_take(self, s->column_count * sizeof(bool), &block, err));
    s->has_column = block;
    PLIM_TRY(open_episodes(self, err));
    PLIM_TRY(check_columns(self, err));
    if (set->lerobot.total_episodes != UINT64_MAX &&
        set->lerobot.total_episodes != self->info.episode_count) {
        plim_survey_warn(self, "disagrees", "", 0,
                         "info.json says %" PRIu64 " episodes, found %" PRIu64,
                         set->lerobot.total_episodes, self->info.episode_count);
    }
    return PLIM_OK;
}
