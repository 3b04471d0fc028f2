/* SPDX-License-Identifier: Apache-2.0 */
/* bag_sqlite.c - the tables topics and messages of a rosbag2 database, read by libsqlite3.
 *
 * length() of a blob needs its row's head only, not its overflow pages; adding up in C instead of
 * GROUP BY keeps the sorter from dragging the blobs along (0.2 MB read instead of 553 MB of a
 * 184 MB file). Pictures are read through incremental I/O, 16 KiB of them.
 * Refuses views and virtual tables in the tables' places, more rows than the file has bytes (a
 * b-tree that leads back to itself), and payloads that add up to more than the file.
 * Invariant: nothing reaches the bag before the whole file was read.
 */
#include "src/survey/bag_sqlite.h"

#include <stdio.h>
#include <string.h>
#include <zstd.h>

#include "arena/bytes.h"
#include "src/survey/sqlite_library.h"

typedef struct database {
    const plim_sqlite *api;
    sqlite3 *db;
    plim_bag_database *work;
    plim_bag *bag;
    const char *path;
    uint64_t file_bytes, disk_bytes, row_count;
    plim_error *err;
} database;

static plim_status refuse(const database *d, const char *field, const char *wanted,
                          const char *found)
{
    plim_error_set(d->err, PLIM_E_FORMAT, "rosbag2 database", field, wanted, found);
    plim_error_detail(d->err, "%s", d->path);
    return PLIM_E_FORMAT;
}

bool plim_bag_database_is(const uint8_t *head, size_t head_bytes)
{
    return head_bytes >= 16 && memcmp(head, "SQLite format 3", 16) == 0;
}

/* file:PATH?immutable=1, with what a URI gives a meaning escaped. */
static bool write_uri(const char *path, char *out, size_t room)
{
    size_t n = (size_t)snprintf(out, room, "file:");
    for (; *path; path++) {
        bool is_special = strchr("?#% ", *path) != NULL || (unsigned char)*path < ' ';
        if (n + 16 > room) {
            return false;
        }
        n +=
            (size_t)snprintf(out + n, room - n, is_special ? "%%%02X" : "%c", (unsigned char)*path);
    }
    snprintf(out + n, room - n, "?immutable=1");
    return true;
}

static plim_status prepare(const database *d, const char *sql, sqlite3_stmt **out)
{
    return d->api->prepare_v2(d->db, sql, -1, out, NULL) == PLIM_SQLITE_OK
               ? PLIM_OK
               : refuse(d, "tables", "topics and messages", "others, or damaged");
}

static const char *text_of(const database *d, sqlite3_stmt *s, int column)
{
    const char *text = (const char *)d->api->column_text(s, column);
    return text ? text : "";
}

/* Is it there, and ordinary? By what SQLite made of the schema (PRAGMA table_list, 3.37), not of
 * its words: a comment inside CREATE VIRTUAL hides it from any comparison. Asked as a statement:
 * pragma_table_list in a query could be a table of the file. *@is_known: the library can say. */
static plim_status ask_type(const database *d, const char *pragma, bool *is_known, bool *is_table)
{
    sqlite3_stmt *s;
    PLIM_TRY(prepare(d, pragma, &s));
    *is_known = d->api->step(s) == PLIM_SQLITE_ROW;
    *is_table = *is_known && strcmp(text_of(d, s, 2), "table") == 0;
    d->api->finalize(s);
    return PLIM_OK;
}

/* Older libraries take an unknown pragma for nothing to do: there the words must serve. */
static plim_status check_words(const database *d)
{
    sqlite3_stmt *s;
    int64_t count = 0;
    PLIM_TRY(prepare(d,
                     "SELECT count(*) FROM sqlite_master WHERE name IN ('topics','messages') "
                     "AND type = 'table' AND sql NOT LIKE 'CREATE VIRTUAL%'",
                     &s));
    int code = d->api->step(s);
    count = code == PLIM_SQLITE_ROW ? d->api->column_int64(s, 0) : 0;
    d->api->finalize(s);
    return count == 2 ? PLIM_OK : refuse(d, "tables", "topics and messages", "others");
}

/* Both are ordinary tables: a view could be a query without an end. */
static plim_status check_tables(const database *d)
{
    static const char *const PRAGMAS[] = {"PRAGMA main.table_list(topics)",
                                          "PRAGMA main.table_list(messages)"};
    PLIM_TRY(check_words(d));
    for (size_t i = 0; i < sizeof(PRAGMAS) / sizeof(PRAGMAS[0]); i++) {
        bool is_known, is_table;
        PLIM_TRY(ask_type(d, PRAGMAS[i], &is_known, &is_table));
        if (is_known && !is_table) {
            return refuse(d, "tables", "ordinary ones", "a virtual one");
        }
    }
    return PLIM_OK;
}

static plim_status read_topics(const database *d)
{
    sqlite3_stmt *s;
    plim_status status = PLIM_OK;
    int code;
    d->work->topic_count = 0;
    PLIM_TRY(prepare(d, "SELECT id, name, type, serialization_format FROM topics", &s));
    while ((code = d->api->step(s)) == PLIM_SQLITE_ROW && status == PLIM_OK) {
        if (d->work->topic_count == PLIM_BAG_DATABASE_TOPICS) {
            status = plim_error_set(d->err, PLIM_E_RANGE, "rosbag2 database", "topics",
                                    "at most 512", "more");
            break;
        }
        plim_bag_database_topic *t = &d->work->topics[d->work->topic_count++];
        *t = (plim_bag_database_topic){.id = d->api->column_int64(s, 0)};
        status = plim_bag_topic_find(d->bag, text_of(d, s, 1), text_of(d, s, 2), text_of(d, s, 3),
                                     &t->topic, d->err);
    }
    d->api->finalize(s);
    if (status == PLIM_OK && code != PLIM_SQLITE_DONE) {
        return refuse(d, "topics", "a whole table", "damaged");
    }
    return status;
}

static plim_bag_database_topic *topic_of(plim_bag_database *work, int64_t id)
{
    for (uint32_t i = 0; i < work->topic_count; i++) {
        if (work->topics[i].id == id) {
            return &work->topics[i];
        }
    }
    return NULL;
}

static bool count_row(database *d, int64_t row, int64_t id, int64_t bytes)
{
    plim_bag_database_topic *t = topic_of(d->work, id);
    if (!t || bytes < 0 || ++d->row_count > d->file_bytes ||
        !bytes_add(d->disk_bytes, (uint64_t)bytes, &d->disk_bytes) ||
        d->disk_bytes > d->file_bytes) {
        return false;
    }
    t->first_row = t->message_count++ ? t->first_row : row;
    t->last_row = row;
    t->payload_bytes += (uint64_t)bytes;
    return true;
}

static plim_status read_messages(database *d, int64_t times[2])
{
    sqlite3_stmt *s;
    int code;
    bool is_sane = true;
    PLIM_TRY(prepare(d, "SELECT id, topic_id, timestamp, length(data) FROM messages", &s));
    while (is_sane && (code = d->api->step(s)) == PLIM_SQLITE_ROW) {
        int64_t at = d->api->column_int64(s, 2);
        is_sane = count_row(d, d->api->column_int64(s, 0), d->api->column_int64(s, 1),
                            d->api->column_int64(s, 3));
        times[0] = at < times[0] ? at : times[0];
        times[1] = at > times[1] ? at : times[1];
    }
    d->api->finalize(s);
    return is_sane && code == PLIM_SQLITE_DONE
               ? PLIM_OK
               : refuse(d, "messages", "rows of known topics inside the file", "damaged");
}

/* The first bytes of a message; 0 when it cannot be read. */
static size_t read_head(const database *d, int64_t row, uint64_t *payload_bytes)
{
    sqlite3_blob *blob = NULL;
    size_t n = 0;
    if (d->api->blob_open(d->db, "main", "messages", "data", row, 0, &blob) == PLIM_SQLITE_OK) {
        int bytes = d->api->blob_bytes(blob);
        *payload_bytes = bytes > 0 ? (uint64_t)bytes : 0;
        n = bytes <= 0                                ? 0
            : (size_t)bytes < PLIM_MESSAGE_HEAD_BYTES ? (size_t)bytes
                                                      : PLIM_MESSAGE_HEAD_BYTES;
        if (d->api->blob_read(blob, d->work->head, (int)n, 0) != PLIM_SQLITE_OK) {
            n = 0;
        }
    }
    d->api->blob_close(blob);
    return n;
}

static void look_at_pictures(const database *d)
{
    for (uint32_t i = 0; i < d->work->topic_count; i++) {
        const plim_bag_database_topic *t = &d->work->topics[i];
        plim_message_kind kind = d->bag->topics[t->topic].kind;
        if (kind != PLIM_MESSAGE_RAW_IMAGE && kind != PLIM_MESSAGE_COMPRESSED_IMAGE) {
            continue;
        }
        for (uint64_t k = 0; k < 2 && k < t->message_count; k++) {
            uint64_t bytes = 0;
            size_t n = read_head(d, k ? t->last_row : t->first_row, &bytes);
            plim_bag_look(d->bag, t->topic, d->work->head, n, bytes);
        }
    }
}

/* Messages that are zstd frames of their own: what the first one's frame says stands for all. */
static uint64_t unpacked_bytes(const database *d, const plim_bag_database_topic *t)
{
    uint64_t stored = 0;
    size_t n = read_head(d, t->first_row, &stored);
    unsigned long long size = ZSTD_getFrameContentSize(d->work->head, n);
    if (!n || !stored || size == ZSTD_CONTENTSIZE_ERROR || size == ZSTD_CONTENTSIZE_UNKNOWN ||
        size > (uint64_t)1 << 31) {
        return t->payload_bytes;
    }
    double all = (double)t->payload_bytes * ((double)size / (double)stored);
    return all < 0x1p64 ? (uint64_t)all : UINT64_MAX;
}

static void give(const database *d, const int64_t times[2])
{
    for (uint32_t i = 0; i < d->work->topic_count; i++) {
        const plim_bag_database_topic *t = &d->work->topics[i];
        bool is_packed = d->work->is_packed && t->message_count;
        plim_bag_count(d->bag, t->topic, t->message_count,
                       is_packed ? unpacked_bytes(d, t) : t->payload_bytes, t->payload_bytes,
                       is_packed);
    }
    if (d->row_count) {
        plim_bag_time(d->bag, times[0]);
        plim_bag_time(d->bag, times[1]);
    }
}

static plim_status read_all(database *d)
{
    int64_t times[2] = {INT64_MAX, INT64_MIN};
    PLIM_TRY(check_tables(d));
    PLIM_TRY(read_topics(d));
    PLIM_TRY(read_messages(d, times));
    if (!d->work->is_packed) {
        look_at_pictures(d);
    }
    give(d, times);
    return PLIM_OK;
}

plim_status plim_bag_database_read(plim_bag_database *work, const char *path, uint64_t file_bytes,
                                   plim_bag *bag, plim_error *err)
{
    static const char *const PRAGMAS[] = {"PRAGMA cache_size = -256", "PRAGMA mmap_size = 0",
                                          "PRAGMA trusted_schema = OFF"};
    database d = {.api = plim_sqlite_library(),
                  .work = work,
                  .bag = bag,
                  .path = path,
                  .file_bytes = file_bytes,
                  .err = err};
    if (!d.api) {
        plim_error_set(err, PLIM_E_UNSUPPORTED, "rosbag2 database", "library", "libsqlite3.so.0",
                       "none");
        plim_error_detail(err, "%s", path);
        return PLIM_E_UNSUPPORTED;
    }
    if (!write_uri(path, work->uri, sizeof(work->uri))) {
        return refuse(&d, "path", "below 4096 bytes", "longer");
    }
    plim_status status = PLIM_OK;
    if (d.api->open_v2(work->uri, &d.db, PLIM_SQLITE_READONLY | PLIM_SQLITE_URI, NULL) !=
        PLIM_SQLITE_OK) {
        status = refuse(&d, "file", "a database", "damaged");
    }
    for (size_t i = 0; status == PLIM_OK && i < sizeof(PRAGMAS) / sizeof(PRAGMAS[0]); i++) {
        sqlite3_stmt *s = NULL;
        if (d.api->prepare_v2(d.db, PRAGMAS[i], -1, &s, NULL) == PLIM_SQLITE_OK) {
            d.api->step(s);
        }
        d.api->finalize(s);
    }
    status = status == PLIM_OK ? read_all(&d) : status;
    d.api->close_v2(d.db);
    return status;
}
