/* SPDX-License-Identifier: Apache-2.0 */
/* sqlite_library.c - the few functions of libsqlite3 that reading takes, by name.
 *
 * SQLite keeps its C interface compatible within version 3 (sqlite.org/c3ref), so that its soname
 * is all that has to match. A library that lacks one of the functions counts as not there.
 */
#include "src/survey/sqlite_library.h"

#include <stddef.h>
#include <string.h>

#include "platform/shared_object.h"

static const struct {
    const char *name;
    size_t at;
} FUNCTIONS[] = {
    {"sqlite3_open_v2", offsetof(plim_sqlite, open_v2)},
    {"sqlite3_close_v2", offsetof(plim_sqlite, close_v2)},
    {"sqlite3_prepare_v2", offsetof(plim_sqlite, prepare_v2)},
    {"sqlite3_step", offsetof(plim_sqlite, step)},
    {"sqlite3_finalize", offsetof(plim_sqlite, finalize)},
    {"sqlite3_column_int64", offsetof(plim_sqlite, column_int64)},
    {"sqlite3_column_text", offsetof(plim_sqlite, column_text)},
    {"sqlite3_bind_int64", offsetof(plim_sqlite, bind_int64)},
    {"sqlite3_blob_open", offsetof(plim_sqlite, blob_open)},
    {"sqlite3_blob_bytes", offsetof(plim_sqlite, blob_bytes)},
    {"sqlite3_blob_read", offsetof(plim_sqlite, blob_read)},
    {"sqlite3_blob_close", offsetof(plim_sqlite, blob_close)},
    {"sqlite3_limit", offsetof(plim_sqlite, limit)},
};

const plim_sqlite *plim_sqlite_library(void)
{
    static _Thread_local plim_sqlite table; /* a survey is of one thread: no lock is needed */
    static _Thread_local bool is_open;
    void *library = NULL;
    if (is_open) {
        return &table;
    }
    if (plim_shared_object_open("libsqlite3.so.0", true, &library, NULL) != PLIM_OK) {
        return NULL;
    }
    for (size_t i = 0; i < sizeof(FUNCTIONS) / sizeof(FUNCTIONS[0]); i++) {
        plim_shared_function function = plim_shared_object_function(library, FUNCTIONS[i].name);
        if (!function) {
            plim_shared_object_close(library);
            return NULL;
        }
        memcpy((char *)&table + FUNCTIONS[i].at, &function, sizeof(function));
    }
    is_open = true;
    return &table;
}
