/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_library.h - libsqlite3, opened when the first recording needs it, never linked. */
#ifndef SURVEY_SQLITE_LIBRARY_H
#define SURVEY_SQLITE_LIBRARY_H

#include <stdbool.h>
#include <stdint.h>

/* Opaque here: the library's own. */
typedef struct sqlite3 sqlite3;
typedef struct sqlite3_stmt sqlite3_stmt;
typedef struct sqlite3_blob sqlite3_blob;

typedef struct plim_sqlite {
    int (*open_v2)(const char *path, sqlite3 **out, int flags, const char *vfs);
    int (*close_v2)(sqlite3 *db);
    int (*prepare_v2)(sqlite3 *db, const char *sql, int bytes, sqlite3_stmt **out,
                      const char **tail);
    int (*step)(sqlite3_stmt *statement);
    int (*finalize)(sqlite3_stmt *statement);
    int64_t (*column_int64)(sqlite3_stmt *statement, int column);
    const unsigned char *(*column_text)(sqlite3_stmt *statement, int column);
    int (*bind_int64)(sqlite3_stmt *statement, int at, int64_t value);
    int (*blob_open)(sqlite3 *db, const char *database, const char *table, const char *column,
                     int64_t row, int flags, sqlite3_blob **out);
    int (*blob_bytes)(sqlite3_blob *blob);
    int (*blob_read)(sqlite3_blob *blob, void *to, int bytes, int offset);
    int (*blob_close)(sqlite3_blob *blob);
    int (*limit)(sqlite3 *db, int what, int value);
} plim_sqlite;

enum {
    PLIM_SQLITE_OK = 0,
    PLIM_SQLITE_ROW = 100,
    PLIM_SQLITE_DONE = 101,
    PLIM_SQLITE_READONLY = 0x1,
    PLIM_SQLITE_URI = 0x40,
    PLIM_SQLITE_LIMIT_LENGTH = 0,
};

/* NULL when the library is not on this machine. Once opened it stays. */
const plim_sqlite *plim_sqlite_library(void);

#endif
