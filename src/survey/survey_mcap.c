/* SPDX-License-Identifier: Apache-2.0 */
/* survey_mcap.c - one MCAP file, or a folder of them, as episodes: one file is one episode.
 *
 * A folder with metadata.yaml is a rosbag2 recording, whose files are one episode: not ours.
 * Other files in the folder are counted, as "other files".
 */
#include <stdio.h>
#include <string.h>

#include "src/survey/file_series.h"
#include "src/survey/mcap.h"
#include "src/survey/survey_reader.h"

typedef struct mcap_state {
    bool is_folder, is_read;
    uint64_t index;
    plim_series series, others;
} mcap_state;

static bool is_mcap(const char *name)
{
    return plim_name_ends(name, ".mcap");
}

static bool is_other(const char *name)
{
    return !is_mcap(name);
}

static bool find_mcap(void *context, const char *name)
{
    bool *found = context;
    *found = *found || is_mcap(name);
    return !*found;
}

static bool probe(const plim_survey_source *source)
{
    static const uint8_t magic[8] = {0x89, 'M', 'C', 'A', 'P', '0', '\r', '\n'};
    bool found = false;
    if (!source->is_folder) {
        return source->head_bytes >= sizeof(magic) &&
               memcmp(source->head, magic, sizeof(magic)) == 0;
    }
    return !plim_survey_source_has(source, "metadata.yaml") &&
           plim_survey_list(source->path, "", find_mcap, &found, NULL) == PLIM_OK && found;
}

static plim_status open_mcap(plim_survey *self, const plim_survey_source *source, plim_error *err)
{
    PLIM_TRY(plim_survey_take(self, sizeof(mcap_state), &self->state, err));
    mcap_state *state = self->state;
    state->is_folder = source->is_folder;
    plim_series_init(&state->series, self->root, is_mcap);
    plim_series_init(&state->others, self->root, is_other);
    self->info.episode_count = source->is_folder ? UINT64_MAX : 1;
    return PLIM_OK;
}

static plim_status read_one(plim_survey *self, const char *name, plim_error *err)
{
    void *bag_room, *work_room;
    plim_file_bytes file;
    PLIM_TRY(plim_survey_take(self, sizeof(plim_bag), &bag_room, err));
    PLIM_TRY(plim_survey_take(self, sizeof(plim_mcap_work), &work_room, err));
    plim_bag *bag = bag_room;
    plim_mcap_work *work = work_room;
    plim_bag_init(bag, self);
    work->is_exact = self->opts.is_exact;
    plim_error mine;
    plim_status status = plim_survey_open_file(self, name, &file, &mine);
    if (status == PLIM_OK) {
        plim_survey_count_file(self, file.size_bytes);
        status = plim_mcap_read(work, &file, bag, &mine);
        bag->file_bytes = file.size_bytes; /* also when nothing in it could be read */
        plim_file_bytes_close(&file);
    }
    if (status == PLIM_E_IO || status == PLIM_E_RANGE || status == PLIM_E_NOMEM) {
        if (err) {
            *err = mine;
        }
        return status;
    }
    PLIM_TRY(plim_survey_begin(self, self->episode.index, bag->topic_count, err));
    if (status != PLIM_OK) {
        plim_survey_lost(self, "", &mine);
    }
    return plim_bag_report(bag, self, "mcap", err);
}

static plim_status next(plim_survey *self, bool *is_end, plim_error *err)
{
    mcap_state *state = self->state;
    for (;;) {
        const char *name = "";
        *is_end = !state->is_folder && state->is_read;
        state->is_read = true;
        if (state->is_folder) {
            PLIM_TRY(plim_series_next(&state->series, &name, err));
            *is_end = !name;
        }
        if (*is_end) {
            return state->is_folder ? plim_series_share_rest(&state->others, self, NULL, err)
                                    : PLIM_OK;
        }
        uint64_t index = state->index++;
        if (!plim_survey_wants(self, index)) {
            continue;
        }
        PLIM_TRY(plim_survey_begin(self, index, 0, err));
        PLIM_TRY(read_one(self, name, err));
        snprintf(self->episode.name, sizeof(self->episode.name), "%.63s", name);
        return PLIM_OK;
    }
}

const plim_survey_reader plim_survey_mcap = {
    .name = "mcap",
    .reads = "MCAP files and folders of them: indexed, chunkless, without summary, cut; lz4, zstd",
    .probe = probe,
    .open = open_mcap,
    .next = next,
};
