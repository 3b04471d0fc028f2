/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_rosbag2.c - the same recordings as databases and as MCAP files; what is damaged. */
#include <dirent.h>

#include "src/survey/bag_metadata.h"
#include "src/survey/bag_sqlite.h"
#include "src/survey/sqlite_library.h"
#include "test/support/survey_walk.h"
#include "test/support/tool_run.h"

static plim_error err;
static plim_survey_feature seen[2][64];
static uint32_t seen_count[2];
static int side;

static void remember(const plim_survey_episode *e)
{
    for (uint32_t i = 0; i < e->feature_count && seen_count[side] < 64; i++) {
        seen[side][seen_count[side]++] = e->features[i];
    }
}

static const char *bag_path(const char *storage, const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "episodes/rosbag2/%s/%s", storage, name);
    const char *found = cm_data(path);
    if (!found) {
        skip_because("%s is not there", path);
    }
    return found;
}

static void twins_have_equal_bytes_per_topic(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"wbag", "cdr_test", "talker", "convert_b",
                                        "bag_with_topics_and_service_events"};
    static const char *const STORAGES[] = {"sqlite3", "mcap"};
    for (size_t i = 0; i < 5; i++) {
        for (side = 0; side < 2; side++) {
            seen_count[side] = 0;
            survey_totals t = survey_walk(bag_path(STORAGES[side], NAMES[i]), remember);
            assert_int_equal(t.parts_bytes, t.file_bytes);
            assert_int_equal(t.incomplete_count, 0);
        }
        assert_int_equal(seen_count[0], seen_count[1]);
        for (uint32_t k = 0; k < seen_count[0]; k++) {
            uint32_t m = 0;
            while (m < seen_count[1] && strcmp(seen[0][k].name, seen[1][m].name) != 0) {
                m++;
            }
            assert_true(m < seen_count[1]);
            assert_int_equal(seen[0][k].memory_bytes, seen[1][m].memory_bytes);
            assert_int_equal(seen[0][k].frames, seen[1][m].frames);
        }
    }
}

static void split_files_without_metadata_are_one_recording(void **state)
{
    (void)state;
    side = 0;
    seen_count[0] = 0;
    survey_totals t = survey_walk(bag_path("sqlite3", "multiple_files"), remember);

    assert_int_equal(t.episode_count, 1);
    assert_int_equal(t.parts_bytes, t.file_bytes);
    assert_int_equal(seen[0][0].frames, 1324 + 1324 + 529);
}

static void copy_to(const char *from, const char *to, size_t limit)
{
    size_t bytes;
    uint8_t *data = survey_file(from, &bytes);
    FILE *f = fopen(to, "wbe");
    assert_non_null(f);
    bytes = bytes < limit ? bytes : limit;
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
    free(data);
}

static void looking_leaves_no_file_behind(void **state)
{
    (void)state;
    char folder[400], to[512];
    snprintf(folder, sizeof(folder), "%s/alone", cm_tmp());
    snprintf(to, sizeof(to), "mkdir -p %s", folder);
    assert_int_equal(system(to), 0);
    snprintf(to, sizeof(to), "%s/talker #1.db3", folder); /* a name that a URI must escape */
    copy_to(bag_path("sqlite3", "talker/talker.db3"), to, SIZE_MAX);

    survey_totals t = survey_walk(to, NULL);

    assert_int_equal(t.parts_bytes, t.file_bytes);
    DIR *d = opendir(folder);
    size_t names = 0;
    assert_non_null(d);
    while (readdir(d)) {
        names++;
    }
    closedir(d);
    assert_int_equal(names, 3); /* ".", ".." and the database */
}

static void cut_database_is_incomplete_and_adds_up(void **state)
{
    (void)state;
    char to[512];
    const char *from = bag_path("sqlite3", "talker/talker.db3");
    snprintf(to, sizeof(to), "%s/cut.db3", cm_tmp());
    for (size_t n = 100; n < 28672; n += 1021) {
        survey_totals t;
        copy_to(from, to, n);

        assert_ok(survey_try(to, &t, &err));
        assert_int_equal(t.parts_bytes, n);
        assert_int_equal(t.file_bytes, n);
        assert_int_equal(t.incomplete_count, 1);
    }
}

static plim_status read_text(const char *text, plim_bag_metadata *out)
{
    plim_file_bytes file;
    plim_file_bytes_from_memory(&file, text, strlen(text));
    return plim_bag_metadata_read(&file, out, &err);
}

static void metadata_names_files_without_their_folders(void **state)
{
    (void)state;
    static plim_bag_metadata m;
    static const char text[] = "rosbag2_bagfile_information:\n"
                               "  version: 5\n"
                               "  storage_identifier: sqlite3\n"
                               "  message_count: 12\n"
                               "  topics_with_message_count:\n"
                               "    - topic_metadata:\n"
                               "        name: /a\n"
                               "      message_count: 7\n"
                               "  compression_mode: \"FILE\"\n"
                               "  relative_file_paths:\n"
                               "    - 'old/bag_0.db3'\n"
                               "    - ../../etc/passwd\n"
                               "    - ..\n"
                               "  duration:\n"
                               "    - not_a_file\n";
    assert_ok(read_text(text, &m));
    assert_int_equal(m.message_count, 12);
    assert_string_equal(m.storage, "sqlite3");
    assert_string_equal(m.mode, "FILE");
    assert_int_equal(m.file_count, 2);
    assert_string_equal(m.files[0], "bag_0.db3");
    assert_string_equal(m.files[1], "passwd");
    for (size_t n = 0; n < sizeof(text); n++) {
        char cut[sizeof(text)];
        snprintf(cut, sizeof(cut), "%.*s", (int)n, text);
        plim_status status = read_text(cut, &m);
        assert_true(status == PLIM_OK || status == PLIM_E_FORMAT);
    }
}

/* ---- databases made here ---- */

static const char MESSAGES[] = "CREATE TABLE messages(id INTEGER PRIMARY KEY, topic_id INTEGER, "
                               "timestamp INTEGER, data BLOB)";

/* Is @sql done to its end? Rows are passed over. */
static bool is_done(const plim_sqlite *api, sqlite3 *db, const char *sql)
{
    sqlite3_stmt *s = NULL;
    int code = api->prepare_v2(db, sql, -1, &s, NULL);
    while (code == PLIM_SQLITE_OK || code == PLIM_SQLITE_ROW) {
        code = api->step(s);
    }
    api->finalize(s);
    return code == PLIM_SQLITE_DONE;
}

enum { READWRITE = 0x2, CREATE = 0x4 };

/* Runs @statements on the database at @path; false: this library cannot. */
static bool run_all(const char *path, int flags, const char *const *statements)
{
    const plim_sqlite *api = plim_sqlite_library();
    sqlite3 *db = NULL;
    bool is_well = true;
    if (!api) {
        skip_because("there is no libsqlite3");
    }
    assert_int_equal(api->open_v2(path, &db, flags, NULL), PLIM_SQLITE_OK);
    for (; is_well && *statements; statements++) {
        is_well = is_done(api, db, *statements);
    }
    api->close_v2(db);
    return is_well;
}

/* A recording of one message, which lies in what @make_messages makes. */
static bool make_database(const char *path, const char *make_messages)
{
    const char *const statements[] = {
        "CREATE TABLE topics(id INTEGER PRIMARY KEY, name TEXT, type TEXT, "
        "serialization_format TEXT)",
        "INSERT INTO topics VALUES(1,'/a','pkg/msg/A','cdr')",
        make_messages,
        "INSERT INTO messages(id,topic_id,timestamp,data) VALUES(1,1,5,x'0001020304')",
        NULL,
    };
    return run_all(path, READWRITE | CREATE, statements);
}

static void a_virtual_table_is_known_whatever_its_words_say(void **state)
{
    static const char *const HIDE[] = {
        "PRAGMA writable_schema = ON",
        "UPDATE sqlite_master SET sql = replace(sql, 'CREATE VIRTUAL', 'CREATE/**/VIRTUAL') "
        "WHERE name = 'messages'",
        NULL};
    char path[512];
    survey_totals t;
    (void)state;
    snprintf(path, sizeof(path), "%s/virtual.db3", cm_tmp());
    if (!make_database(path,
                       "CREATE VIRTUAL TABLE messages USING fts5(id, topic_id, timestamp, data)")) {
        skip_because("libsqlite3 has no fts5");
    }

    assert_ok(survey_try(path, &t, &err));
    assert_int_equal(t.incomplete_count, 1);
    assert_true(run_all(path, READWRITE, HIDE));
    assert_ok(survey_try(path, &t, &err));

    assert_int_equal(t.incomplete_count, 1);
    assert_int_equal(t.parts_bytes, t.file_bytes);
}

static void a_table_named_as_the_pragma_answers_for_nothing(void **state)
{
    static const char *const SHADOW[] = {
        "CREATE TABLE pragma_table_list(schema, name, type)",
        "INSERT INTO pragma_table_list VALUES('main','messages','table')",
        "ALTER TABLE messages RENAME TO others",
        "CREATE VIEW messages AS SELECT * FROM others",
        NULL,
    };
    char path[512];
    survey_totals t;
    (void)state;
    snprintf(path, sizeof(path), "%s/view.db3", cm_tmp());
    assert_true(make_database(path, MESSAGES));
    assert_true(run_all(path, READWRITE, SHADOW));

    assert_ok(survey_try(path, &t, &err));

    assert_int_equal(t.incomplete_count, 1);
}

static void what_a_recording_calls_its_storage_does_nothing_to_a_terminal(void **state)
{
    char path[512];
    (void)state;
    assert_int_equal(tool_sh("mkdir -p bag"), 0);
    tool_write_text("bag/metadata.yaml", "rosbag2_bagfile_information:\n"
                                         "  storage_identifier: odd\033[31m\n"
                                         "  message_count: 1\n"
                                         "  relative_file_paths:\n"
                                         "    - one.db3\n");
    snprintf(path, sizeof(path), "%s/bag/one.db3", tool_folder());
    assert_true(make_database(path, MESSAGES));

    assert_int_equal(tool_sh("$memreport dataset bag"), 0);

    assert_says(tool_out, "odd?[31m");
    assert_null(strchr(tool_out, '\033'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(twins_have_equal_bytes_per_topic),
        cmocka_unit_test(split_files_without_metadata_are_one_recording),
        cmocka_unit_test(looking_leaves_no_file_behind),
        cmocka_unit_test(cut_database_is_incomplete_and_adds_up),
        cmocka_unit_test(metadata_names_files_without_their_folders),
        cmocka_unit_test(a_virtual_table_is_known_whatever_its_words_say),
        cmocka_unit_test(a_table_named_as_the_pragma_answers_for_nothing),
        cmocka_unit_test(what_a_recording_calls_its_storage_does_nothing_to_a_terminal),
    };
    return cmocka_run_group_tests(tests, tool_set_up, NULL);
}
