/* SPDX-License-Identifier: Apache-2.0 */
/* csv_load.c - a text file as a whole, plain or gzip, or standard input.
 *
 * Refuses more than 1 GiB of text, so that a small gzip cannot fill the board, and a gzip that
 * ends before its check sum.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include "src/tools/plimsoll/csv.h"

#define TEXT_MAX ((size_t)1 << 30)

typedef struct growing {
    char *bytes;
    size_t used, room;
} growing;

/* Room for one more at least; false: no memory, or TEXT_MAX is reached. */
static bool grow(growing *self)
{
    size_t room = self->room ? self->room * 2 : 65536;
    char *bytes = room <= TEXT_MAX ? realloc(self->bytes, room) : NULL;
    if (!bytes) {
        return false;
    }
    self->bytes = bytes;
    self->room = room;
    return true;
}

static plim_status no_room(const growing *text, const char *path, plim_error *err)
{
    bool is_long = text->room >= TEXT_MAX / 2;
    plim_status status = is_long ? PLIM_E_RANGE : PLIM_E_NOMEM;
    (void)PLIM_FAIL(err, status, .what = "text of a table", .want = (uint64_t)text->room * 2,
                    .limit = TEXT_MAX);
    plim_error_detail(err, "%s", path);
    return status;
}

static plim_status slurp(FILE *from, const char *path, growing *to, plim_error *err)
{
    do {
        if (to->room - to->used < 2 && !grow(to)) {
            return no_room(to, path, err);
        }
        to->used += fread(to->bytes + to->used, 1, to->room - to->used - 1, from);
    } while (!feof(from) && !ferror(from));
    if (ferror(from)) {
        (void)PLIM_FAIL(err, PLIM_E_IO, .what = "read of a table", .os_errno = errno);
        plim_error_detail(err, "%s", path);
        return PLIM_E_IO;
    }
    to->bytes[to->used] = 0;
    return PLIM_OK;
}

static plim_status damaged(const char *path, const char *wanted, plim_error *err)
{
    plim_error_set(err, PLIM_E_CORRUPT, "gzip", "stream", wanted, NULL);
    plim_error_detail(err, "%s", path);
    return PLIM_E_CORRUPT;
}

/* Members one after another, as gzip joins them. */
static plim_status unpack(const growing *packed, const char *path, growing *to, plim_error *err)
{
    z_stream z = {.next_in = (unsigned char *)packed->bytes, .avail_in = (uInt)packed->used};
    plim_status status = PLIM_OK;
    if (inflateInit2(&z, 16 + MAX_WBITS) != Z_OK) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "gzip");
    }
    for (int rc = Z_OK; status == PLIM_OK && (rc != Z_STREAM_END || z.avail_in);) {
        if (rc == Z_STREAM_END && inflateReset(&z) != Z_OK) {
            status = damaged(path, "a stream after the first", err);
            break;
        }
        if (to->room - to->used < 2 && !grow(to)) {
            status = no_room(to, path, err);
            break;
        }
        uInt room = (uInt)(to->room - to->used - 1);
        z.next_out = (unsigned char *)to->bytes + to->used;
        z.avail_out = room;
        rc = inflate(&z, Z_NO_FLUSH);
        to->used += room - z.avail_out;
        if (rc == Z_BUF_ERROR || (rc == Z_OK && z.avail_in == 0 && z.avail_out)) {
            status = damaged(path, "its end: the file is cut short", err);
        } else if (rc != Z_OK && rc != Z_STREAM_END) {
            status = damaged(path, "intact data", err);
        }
    }
    inflateEnd(&z);
    if (status == PLIM_OK) {
        to->bytes[to->used] = 0;
    }
    return status;
}

plim_status csv_load(const char *path, char **out, size_t *out_bytes, plim_error *err)
{
    growing raw = {NULL, 0, 0}, text = {NULL, 0, 0};
    bool is_input = strcmp(path, "-") == 0;
    *out = NULL;
    *out_bytes = 0;
    FILE *from = is_input ? stdin : fopen(path, "rbe");
    if (!from) {
        plim_status status = errno == ENOENT || errno == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        (void)PLIM_FAIL(err, status, .what = "table", .os_errno = errno);
        plim_error_detail(err, "%s", path);
        return status;
    }
    plim_status status = slurp(from, path, &raw, err);
    if (!is_input) {
        fclose(from);
    }
    if (status == PLIM_OK && raw.used >= 2 && memcmp(raw.bytes, "\x1f\x8b", 2) == 0) {
        status = unpack(&raw, path, &text, err);
        free(raw.bytes);
        raw = text;
    }
    if (status != PLIM_OK) {
        free(raw.bytes);
        return status;
    }
    *out = raw.bytes;
    *out_bytes = raw.used;
    return PLIM_OK;
}
