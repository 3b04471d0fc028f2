/* SPDX-License-Identifier: Apache-2.0 */
/* survey_hdf5.c - HDF5 files, and folders of them, through a program that reads one file.
 *
 * Decides how what that program says becomes episodes. libhdf5 is neither linked nor loaded here;
 * when the program crashes or stops early, the file is damaged and the walk goes on.
 * Invariant: the parts of a file never exceed it. Datasets that claim more than is left of the
 * file (they overlap, or lie) are cut to what is left, and the file is reported as damaged.
 */
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "platform/child_process.h"
#include "src/episode/beside.h"
#include "src/survey/file_series.h"
#include "src/survey/hdf5_wire.h"
#include "src/survey/survey_reader.h"

typedef struct hdf5_state {
    bool is_folder, is_begun, has_episode;
    bool is_skipped; /* this episode is outside of the range */
    uint64_t next_index;
    plim_child child;        /* reading the file at hand; pid 0: none */
    uint64_t left_bytes;     /* of that file, not yet given to a part */
    uint64_t metadata_bytes; /* of its episodes */
    bool is_overlapping;
    char file[PLIM_SERIES_NAME_BYTES], program[PATH_MAX];
    plim_series series, others;
} hdf5_state;

static bool find_program(char *out, size_t out_bytes)
{
    const char *named = getenv("PLIMSOLL_HDF5");
    if (named && *named) {
        snprintf(out, out_bytes, "%s", named);
        return true;
    }
    return plim_beside_find(PLIM_HDF5_PROGRAM, out, out_bytes);
}

static const char *why_not(void)
{
    char at[PATH_MAX];
    return find_program(at, sizeof(at)) ? NULL
                                        : PLIM_HDF5_PROGRAM
               " is not there: name it in PLIMSOLL_HDF5, or put it beside the library";
}

static bool is_hdf5(const char *name)
{
    return plim_name_ends(name, ".hdf5") || plim_name_ends(name, ".h5");
}

static bool is_other(const char *name)
{
    return !is_hdf5(name);
}

static bool find_file(void *context, const char *name)
{
    bool *found = context;
    *found = *found || is_hdf5(name);
    return !*found;
}

/* The signature stands at the start, or after a user block of 512 bytes (then its head is ours). */
static bool probe(const plim_survey_source *source)
{
    static const uint8_t magic[8] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    bool found = false;
    if (!source->is_folder) {
        return source->head_bytes >= sizeof(magic) &&
               memcmp(source->head, magic, sizeof(magic)) == 0;
    }
    return plim_survey_list(source->path, "", find_file, &found, NULL) == PLIM_OK && found;
}

static plim_status open_hdf5(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    PLIM_TRY(plim_survey_take(self, sizeof(hdf5_state), &self->state, err));
    hdf5_state *state = self->state;
    state->is_folder = source->is_folder;
    plim_series_init(&state->series, self->root, is_hdf5);
    plim_series_init(&state->others, self->root, is_other);
    if (!find_program(state->program, sizeof(state->program))) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "hdf5", "program", PLIM_HDF5_PROGRAM,
                              "none");
    }
    return PLIM_OK;
}

static void close_hdf5(plim_survey *self)
{
    hdf5_state *state = self->state;
    int signal;
    if (state) {
        plim_child_end(&state->child, true, &signal);
    }
}

/* The number in a file's name when it keeps indexes rising, else the next one. */
static uint64_t index_of(const hdf5_state *state, const plim_hdf5_record *r)
{
    uint64_t number = r->index;
    if (!r->name[0]) { /* one episode a file */
        const char *digits = state->file + strlen(state->file);
        while (digits > state->file && (digits[-1] < '0' || digits[-1] > '9')) {
            digits--;
        }
        while (digits > state->file && digits[-1] >= '0' && digits[-1] <= '9') {
            digits--;
        }
        bool is_extension = digits > state->file && digits[-1] == 'f'; /* .hdf5 */
        number = strtoull(digits, NULL, 10);
        if (is_extension || digits == state->file + strlen(state->file)) {
            number = state->next_index;
        }
    }
    return number >= state->next_index && number < UINT32_MAX ? number : state->next_index;
}

static void name_episode(plim_survey *self, const plim_hdf5_record *r)
{
    const hdf5_state *state = self->state;
    snprintf(self->episode.name, sizeof(self->episode.name), "%.31s%s%.31s", state->file,
             state->file[0] && r->name[0] ? "/" : "", r->name);
}

static plim_status begin(plim_survey *self, const plim_hdf5_record *r, plim_error *err)
{
    hdf5_state *state = self->state;
    uint64_t index = index_of(state, r);
    state->next_index = index + 1;
    state->is_skipped = !plim_survey_wants(self, index);
    state->has_episode = true;
    if (state->is_skipped) {
        return PLIM_OK; /* takes no memory: there may be many of them before the first wanted */
    }
    PLIM_TRY(plim_survey_begin(self, index, PLIM_HDF5_FEATURES, err));
    name_episode(self, r);
    return PLIM_OK;
}

/* The next file's program is started; state->file "" and child.pid 0 when there is none. */
static plim_status start_file(plim_survey *self, bool *is_end, plim_error *err)
{
    hdf5_state *state = self->state;
    plim_file_bytes file;
    const char *name = "";
    *is_end = !state->is_folder && state->is_begun;
    state->is_begun = true;
    if (state->is_folder) {
        PLIM_TRY(plim_series_next(&state->series, &name, err));
        *is_end = !name;
    }
    if (*is_end) {
        return PLIM_OK;
    }
    snprintf(state->file, sizeof(state->file), "%s", name);
    state->has_episode = state->is_overlapping = false;
    state->metadata_bytes = state->left_bytes = 0;
    plim_error mine;
    plim_status status = plim_survey_open_file(self, name, &file, &mine);
    if (status != PLIM_OK) { /* an episode all the same, with nothing in it */
        PLIM_TRY(begin(self, &(plim_hdf5_record){.kind = PLIM_HDF5_EPISODE}, err));
        plim_survey_lost(self, "", &mine);
        return PLIM_OK;
    }
    state->left_bytes = file.size_bytes;
    plim_survey_count_file(self, file.size_bytes);
    plim_file_bytes_close(&file);
    char *arguments[] = {state->program, self->path, NULL};
    return plim_child_start(&state->child, state->program, arguments, err);
}

static void damaged(plim_survey *self, const char *text)
{
    const hdf5_state *state = self->state;
    plim_error error = {.status = PLIM_E_FORMAT, .what = "hdf5"};
    snprintf(error.found, sizeof(error.found), "%s", text);
    plim_error_detail(&error, "%s", state->file[0] ? state->file : self->root);
    plim_survey_lost(self, "", &error);
}

/* As much of @bytes as is left of the file. */
static uint64_t take_bytes(plim_survey *self, uint64_t bytes)
{
    hdf5_state *state = self->state;
    if (bytes > state->left_bytes) {
        if (!state->is_overlapping) {
            damaged(self, "arrays that claim more than the file has");
        }
        state->is_overlapping = true;
        bytes = state->left_bytes;
    }
    state->left_bytes -= bytes;
    return bytes;
}

static plim_status add_feature(plim_survey *self, const plim_hdf5_record *r, plim_error *err)
{
    const hdf5_state *state = self->state;
    plim_survey_feature *f;
    if (r->group > PLIM_FEATURE_OTHER || r->known > PLIM_FIGURE_SAMPLED ||
        r->rank > PLIM_TENSOR_RANK_MAX) {
        return plim_error_set(err, PLIM_E_FORMAT, "hdf5", "record", "a feature", "another");
    }
    uint64_t disk_bytes = take_bytes(self, r->disk_bytes);
    PLIM_TRY(plim_survey_add(self, r->name, (plim_feature_group)r->group, &f, err));
    f->known = (plim_figure)r->known;
    f->disk_bytes = disk_bytes;
    f->memory_bytes = r->memory_bytes;
    f->frames = f->frames_in_file = r->frames;
    f->rank = r->rank;
    memcpy(f->shape, r->shape, sizeof(f->shape));
    snprintf(f->dtype, sizeof(f->dtype), "%s", r->dtype);
    snprintf(f->codec, sizeof(f->codec), "%s", r->codec);
    snprintf(f->file, sizeof(f->file), "%.191s", state->file);
    if (r->is_picture &&
        !plim_survey_pictures(f, r->width, r->height, r->channels, r->pixel_bits, r->frames)) {
        f->memory_bytes = 0;
        f->is_picture = false;
        f->pixels = 0;
        damaged(self, "pictures of a size that no memory holds");
    }
    return PLIM_OK;
}

static void end_file(plim_survey *self, const plim_hdf5_record *r)
{
    hdf5_state *state = self->state;
    uint64_t own = r->frames > state->metadata_bytes ? r->frames - state->metadata_bytes : 0;
    plim_survey_share(self, "hdf5", take_bytes(self, own));
    plim_survey_share(self, r->is_picture ? "heaps and lost space" : "lost space",
                      state->left_bytes);
    state->left_bytes = 0;
}

/* One record. *@done: an episode is whole. */
static plim_status understand(plim_survey *self, plim_hdf5_record *r, bool *done, plim_error *err)
{
    hdf5_state *state = self->state;
    bool is_inside = state->has_episode && !state->is_skipped;
    switch ((plim_hdf5_kind)r->kind) {
    case PLIM_HDF5_INFO:
        snprintf(self->info.version, sizeof(self->info.version), "%.23s", r->text);
        self->info.episode_count = state->is_folder ? UINT64_MAX : r->frames;
        return PLIM_OK;
    case PLIM_HDF5_EPISODE:
        return begin(self, r, err);
    case PLIM_HDF5_EPISODE_END:
        *done = is_inside;
        self->episode.frames = r->frames;
        state->has_episode = false;
        return PLIM_OK;
    case PLIM_HDF5_FEATURE:
        if (!is_inside) {
            take_bytes(self, r->disk_bytes);
            return PLIM_OK;
        }
        return add_feature(self, r, err);
    case PLIM_HDF5_CONTAINER:
        r->disk_bytes = take_bytes(self, r->disk_bytes);
        state->metadata_bytes += strcmp(r->name, "hdf5") == 0 ? r->disk_bytes : 0;
        if (is_inside) {
            plim_survey_contain(self, r->name, r->disk_bytes);
        }
        return PLIM_OK;
    case PLIM_HDF5_SHARED:
        plim_survey_share(self, r->name, take_bytes(self, r->disk_bytes));
        return PLIM_OK;
    case PLIM_HDF5_WARNING:
        plim_survey_warn(self, "hdf5", r->name, 0, "%s%s%s", r->name, r->name[0] ? ": " : "",
                         r->text);
        return PLIM_OK;
    case PLIM_HDF5_LOST:
    case PLIM_HDF5_FAILED:
        damaged(self, r->text);
        return PLIM_OK;
    case PLIM_HDF5_END:
        end_file(self, r);
        return PLIM_OK;
    }
    return plim_error_set(err, PLIM_E_FORMAT, "hdf5", "record", "a known kind", "another");
}

static void terminate(plim_hdf5_record *r)
{
    r->name[sizeof(r->name) - 1] = r->text[sizeof(r->text) - 1] = 0;
    r->dtype[sizeof(r->dtype) - 1] = r->codec[sizeof(r->codec) - 1] = 0;
}

/* The program's output ended. What it had not said becomes a damaged file. */
static plim_status finish_file(plim_survey *self, bool *done, bool has_read, plim_error *err)
{
    hdf5_state *state = self->state;
    int signal = 0;
    plim_child_end(&state->child, !has_read, &signal);
    if (signal) {
        damaged(self, "the HDF5 library crashed on it");
    } else if (state->has_episode) {
        damaged(self, "not read to its end");
    }
    if (state->left_bytes) { /* no END record: all that is left belongs to nobody */
        if (!state->has_episode) {
            PLIM_TRY(begin(self, &(plim_hdf5_record){.kind = PLIM_HDF5_EPISODE}, err));
            self->episode.is_complete = false;
        }
        plim_survey_contain(self, "unread", state->left_bytes);
        state->left_bytes = 0;
        state->has_episode = true;
    }
    *done = state->has_episode && !state->is_skipped;
    state->has_episode = false;
    return PLIM_OK;
}

/* Until an episode is whole, or the file ends. */
static plim_status read_records(plim_survey *self, bool *done, plim_error *err)
{
    hdf5_state *state = self->state;
    plim_hdf5_record r;
    for (*done = false; !*done;) {
        size_t got;
        PLIM_TRY(plim_child_read(&state->child, &r, sizeof(r), &got, err));
        if (got < sizeof(r) || r.wire != PLIM_HDF5_WIRE) {
            return finish_file(self, done, got < sizeof(r), err);
        }
        terminate(&r);
        PLIM_TRY(understand(self, &r, done, err));
    }
    return PLIM_OK;
}

static plim_status next(plim_survey *self, bool *is_end, plim_error *err)
{
    hdf5_state *state = self->state;
    for (*is_end = false; !*is_end;) {
        bool done = false;
        if (!state->child.pid) {
            PLIM_TRY(start_file(self, is_end, err));
            done = state->has_episode && !state->is_skipped; /* one that cannot be opened */
        }
        if (state->child.pid) {
            PLIM_TRY(read_records(self, &done, err));
        }
        if (done) {
            state->has_episode = false;
            return PLIM_OK;
        }
    }
    return state->is_folder ? plim_series_share_rest(&state->others, self, NULL, err) : PLIM_OK;
}

const plim_survey_reader plim_survey_hdf5 = {
    .name = "hdf5",
    .reads = "ALOHA/ACT (raw, compressed, variable length), robomimic, LIBERO, Isaac Lab",
    .why_not = why_not,
    .probe = probe,
    .open = open_hdf5,
    .next = next,
    .close = close_hdf5,
};
