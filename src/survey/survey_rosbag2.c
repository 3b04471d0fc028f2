/* SPDX-License-Identifier: Apache-2.0 */
/* survey_rosbag2.c - a rosbag2 recording, a folder of databases or MCAP files, as one episode.
 *
 * The files are those that metadata.yaml names; what each is, its first bytes say. Files beside
 * them (logs of a database that was not closed, maps) are counted as "other files"; a database's
 * write-ahead log that holds something is a warning, because its messages are not seen.
 * A file that was compressed as a whole is not read: its bytes are a container, the episode is
 * incomplete.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/survey/bag_metadata.h"
#include "src/survey/bag_sqlite.h"
#include "src/survey/file_series.h"
#include "src/survey/mcap.h"
#include "src/survey/survey_reader.h"

typedef struct rosbag2_state {
    bool is_folder, is_read;
    plim_bag_metadata metadata;
    plim_survey *survey; /* for the listing of other files */
} rosbag2_state;

static bool find_database(void *context, const char *name)
{
    bool *found = context;
    *found = *found || plim_name_ends(name, ".db3");
    return !*found;
}

static bool probe(const plim_survey_source *source)
{
    bool found = false;
    if (!source->is_folder) {
        return plim_bag_database_is(source->head, source->head_bytes);
    }
    return plim_survey_source_has(source, "metadata.yaml") ||
           (plim_survey_list(source->path, "", find_database, &found, NULL) == PLIM_OK && found);
}

static bool take_database(void *context, const char *name)
{
    plim_bag_metadata *m = context;
    if (plim_name_ends(name, ".db3") && m->file_count < PLIM_BAG_FILES_MAX) {
        snprintf(m->files[m->file_count++], PLIM_BAG_FILENAME_BYTES, "%.255s", name);
    }
    return true;
}

static plim_status open_rosbag2(plim_survey *self, const plim_survey_source *source,
                                plim_error *err)
{
    PLIM_TRY(plim_survey_take(self, sizeof(rosbag2_state), &self->state, err));
    rosbag2_state *state = self->state;
    state->is_folder = source->is_folder;
    state->survey = self;
    state->metadata.message_count = UINT64_MAX;
    self->info.episode_count = 1;
    if (!source->is_folder) {
        snprintf(self->info.version, sizeof(self->info.version), "sqlite3");
        state->metadata.file_count = 1; /* its name is the root's: "" */
        return PLIM_OK;
    }
    if (!plim_survey_source_has(source, "metadata.yaml")) {
        plim_survey_warn(self, "metadata-missing", "", 0,
                         "no metadata.yaml: all databases of the folder are one recording");
        snprintf(self->info.version, sizeof(self->info.version), "sqlite3");
        return plim_survey_list(self->root, "", take_database, &state->metadata, err);
    }
    plim_file_bytes file;
    PLIM_TRY(plim_survey_open_file(self, "metadata.yaml", &file, err));
    plim_status status = plim_bag_metadata_read(&file, &state->metadata, err);
    plim_file_bytes_close(&file);
    snprintf(self->info.version, sizeof(self->info.version), "%s", state->metadata.storage);
    return status;
}

typedef struct bag_rooms {
    plim_bag *bag;
    plim_mcap_work *mcap;
    plim_bag_database *database;
} bag_rooms;

static plim_status take_rooms(plim_survey *self, bag_rooms *rooms, plim_error *err)
{
    const rosbag2_state *state = self->state;
    void *bag, *database, *mcap = NULL;
    PLIM_TRY(plim_survey_take(self, sizeof(plim_bag), &bag, err));
    PLIM_TRY(plim_survey_take(self, sizeof(plim_bag_database), &database, err));
    if (strcmp(self->info.version, "sqlite3") != 0) {
        PLIM_TRY(plim_survey_take(self, sizeof(plim_mcap_work), &mcap, err));
    }
    *rooms = (bag_rooms){.bag = bag, .mcap = mcap, .database = database};
    plim_bag_init(rooms->bag, self);
    rooms->database->is_packed = strcmp(state->metadata.mode, "MESSAGE") == 0 ||
                                 strcmp(state->metadata.mode, "message") == 0;
    if (mcap) {
        rooms->mcap->is_exact = self->opts.is_exact;
    }
    return PLIM_OK;
}

/* A database whose head states more pages than the file has: cut. Its reader may not notice, when
 * what is missing is an index. */
static bool is_cut(const uint8_t head[100], uint64_t file_bytes)
{
    uint64_t page = (uint64_t)head[16] << 8 | head[17], pages = plim_be32(head + 28);
    page = page == 1 ? 65536 : page;
    return plim_be32(head + 24) == plim_be32(head + 92) && pages * page > file_bytes;
}

/* One file of the recording, by its first bytes. */
static plim_status read_file(plim_survey *self, const bag_rooms *rooms, const char *name,
                             plim_error *err)
{
    static const uint8_t zstd[4] = {0x28, 0xB5, 0x2F, 0xFD};
    plim_file_bytes file;
    uint8_t head[100] = {0};
    PLIM_TRY(plim_survey_open_file(self, name, &file, err));
    plim_survey_count_file(self, file.size_bytes);
    size_t n = file.size_bytes < sizeof(head) ? (size_t)file.size_bytes : sizeof(head);
    uint64_t before = rooms->bag->file_bytes;
    plim_status status = plim_file_bytes_read(&file, 0, head, n, err);
    if (status == PLIM_OK && plim_bag_database_is(head, n)) {
        status =
            plim_bag_database_read(rooms->database, self->path, file.size_bytes, rooms->bag, err);
        if (status == PLIM_OK && is_cut(head, file.size_bytes)) {
            plim_bag_damage(rooms->bag, &file, file.size_bytes, "database cut");
        }
    } else if (status == PLIM_OK && memcmp(head, zstd, sizeof(zstd)) == 0) {
        status = plim_error_set(err, PLIM_E_UNSUPPORTED, "rosbag2", "file", "one to unpack first",
                                "compressed as a whole");
        plim_error_detail(err, "%s", self->path);
    } else if (status == PLIM_OK && rooms->mcap) {
        status = plim_mcap_read(rooms->mcap, &file, rooms->bag, err);
    } else if (status == PLIM_OK) {
        status = plim_error_set(err, PLIM_E_FORMAT, "rosbag2", "file", "a database", "another");
        plim_error_detail(err, "%s", self->path);
    }
    rooms->bag->file_bytes = before + file.size_bytes; /* read or not */
    plim_file_bytes_close(&file);
    return status;
}

static plim_status read_files(plim_survey *self, const bag_rooms *rooms, plim_error *err)
{
    const rosbag2_state *state = self->state;
    for (uint32_t i = 0; i < state->metadata.file_count; i++) {
        plim_error mine;
        plim_status status = read_file(self, rooms, state->metadata.files[i], &mine);
        if (status == PLIM_E_IO || status == PLIM_E_RANGE || status == PLIM_E_NOMEM) {
            if (err) {
                *err = mine;
            }
            return status;
        }
        if (status != PLIM_OK) {
            rooms->bag->is_incomplete = true;
            plim_survey_lost(self, "", &mine);
        }
    }
    return PLIM_OK;
}

static bool count_other(void *context, const char *name)
{
    rosbag2_state *state = context;
    plim_survey *self = state->survey;
    plim_file_bytes file;
    for (uint32_t i = 0; i < state->metadata.file_count; i++) {
        if (strcmp(state->metadata.files[i], name) == 0) {
            return true;
        }
    }
    if (plim_survey_open_file(self, name, &file, NULL) != PLIM_OK) {
        return true; /* a folder, or a file that went away */
    }
    plim_survey_count_file(self, file.size_bytes);
    plim_survey_contain(self, strcmp(name, "metadata.yaml") == 0 ? "metadata" : "other files",
                        file.size_bytes);
    size_t length = strlen(name);
    if (file.size_bytes && length > 4 && strcmp(name + length - 4, "-wal") == 0) {
        plim_survey_warn(self, "log-unread", "", file.size_bytes,
                         "%s: messages in a log that was not merged are not counted", name);
        self->episode.is_complete = false;
    }
    plim_file_bytes_close(&file);
    return true;
}

static plim_status next(plim_survey *self, bool *is_end, plim_error *err)
{
    rosbag2_state *state = self->state;
    bag_rooms rooms;
    *is_end = state->is_read || !plim_survey_wants(self, 0);
    state->is_read = true;
    if (*is_end) {
        return PLIM_OK;
    }
    PLIM_TRY(take_rooms(self, &rooms, err));
    PLIM_TRY(read_files(self, &rooms, err));
    PLIM_TRY(plim_survey_begin(self, 0, rooms.bag->topic_count, err));
    PLIM_TRY(plim_bag_report(rooms.bag, self, self->info.version[0] ? self->info.version : "files",
                             err));
    if (state->is_folder) {
        PLIM_TRY(plim_survey_list(self->root, "", count_other, state, err));
    }
    uint64_t stated = state->metadata.message_count;
    if (stated != UINT64_MAX && stated != rooms.bag->message_count) {
        plim_survey_warn(self, "statistics-differ", "", 0,
                         "metadata.yaml says %" PRIu64 " messages, the files have %" PRIu64, stated,
                         rooms.bag->message_count);
    }
    return PLIM_OK;
}

const plim_survey_reader plim_survey_rosbag2 = {
    .name = "rosbag2",
    .reads = "folders with metadata.yaml, sqlite3 (also alone) and mcap storage, split files",
    .probe = probe,
    .open = open_rosbag2,
    .next = next,
};
