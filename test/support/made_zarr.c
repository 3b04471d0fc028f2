/* SPDX-License-Identifier: Apache-2.0 */
/* made_zarr.c - keys into folders by mkdir, into zip files record by record (APPNOTE 6.3). */
#include "test/support/made_zarr.h"

#include <stdbool.h>
#include <sys/stat.h>
#include <zlib.h>

#include "test/support/cm.h"

void made_zarr_init(made_zarr *self)
{
    self->count = self->used = 0;
    made_zarr_put(self, ".zgroup", "{\"zarr_format\": 2}", 18);
}

void made_zarr_put(made_zarr *self, const char *key, const void *data, size_t bytes)
{
    assert_true(self->count < MADE_ZARR_KEYS && strlen(key) < sizeof(self->keys[0].key));
    assert_true(bytes <= sizeof(self->content) - self->used);
    snprintf(self->keys[self->count].key, sizeof(self->keys[0].key), "%s", key);
    self->keys[self->count].at = self->used;
    self->keys[self->count++].bytes = bytes;
    memcpy(self->content + self->used, data, bytes);
    self->used += bytes;
}

void made_zarr_remove(made_zarr *self, const char *key)
{
    for (size_t i = 0; i < self->count; i++) {
        if (strcmp(self->keys[i].key, key) == 0) {
            self->keys[i] = self->keys[--self->count];
            return;
        }
    }
    fail_msg("no key %s", key);
}

void made_zarr_array(made_zarr *self, const char *name, const char *dtype, const char *shape,
                     const char *chunks, const char *compressor)
{
    char text[512], key[64];
    int n = snprintf(text, sizeof(text),
                     "{\"chunks\":%s,\"compressor\":%s,\"dtype\":\"%s\",\"fill_value\":0,"
                     "\"filters\":null,\"order\":\"C\",\"shape\":%s,\"zarr_format\":2}",
                     chunks, compressor ? compressor : "null", dtype, shape);
    snprintf(key, sizeof(key), "%s/.zarray", name);
    made_zarr_put(self, key, text, (size_t)n);
}

void made_zarr_buffer(made_zarr *self)
{
    static const int64_t ENDS[4] = {5, 5, 17, 40};
    static uint8_t chunk[8 * 8 * 8 * 3];
    char key[64];
    made_zarr_init(self);
    made_zarr_array(self, "data/action", "<f4", "[40,7]", "[16,7]", NULL);
    for (int i = 0; i < 3; i++) {
        snprintf(key, sizeof(key), "data/action/%d.0", i);
        made_zarr_put(self, key, chunk, 16 * 7 * 4);
    }
    made_zarr_array(self, "data/img", "|u1", "[40,8,8,3]", "[8,8,8,3]", NULL);
    for (int i = 0; i < 5; i++) {
        snprintf(key, sizeof(key), "data/img/%d.0.0.0", i);
        made_zarr_put(self, key, chunk, sizeof(chunk));
    }
    made_zarr_array(self, "meta/episode_ends", "<i8", "[4]", "[4]", NULL);
    made_zarr_put(self, "meta/episode_ends/0", ENDS, sizeof(ENDS));
}

static void write_file(const char *path, const uint8_t *data, size_t bytes)
{
    FILE *f = fopen(path, "wbe");
    if (!f || fwrite(data, 1, bytes, f) != bytes || fclose(f) != 0) {
        fail_msg("%s cannot be written", path);
    }
}

void made_zarr_folder(const made_zarr *self, const char *path)
{
    char file[1024];
    for (size_t i = 0; i < self->count; i++) {
        snprintf(file, sizeof(file), "%s/%s", path, self->keys[i].key);
        for (char *slash = file + 1; (slash = strchr(slash, '/')); slash++) {
            *slash = 0;
            mkdir(file, 0755); /* or it is there */
            *slash = '/';
        }
        write_file(file, self->content + self->keys[i].at, self->keys[i].bytes);
    }
}

/* ---- zip ---- */

typedef struct zip_writer {
    uint8_t *to;
    size_t at;
} zip_writer;

static void put(zip_writer *w, uint64_t value, size_t bytes)
{
    for (size_t i = 0; i < bytes; i++) {
        w->to[w->at++] = i < sizeof(value) ? (uint8_t)(value >> (8 * i)) : 0;
    }
}

static void put_text(zip_writer *w, const char *text, size_t bytes)
{
    memcpy(w->to + w->at, text, bytes);
    w->at += bytes;
}

static size_t deflate_all(const uint8_t *data, size_t bytes, uint8_t *to)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)data, .avail_in = (uInt)bytes};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, -MAX_WBITS, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_out = to;
    z.avail_out = (uInt)deflateBound(&z, bytes);
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t n = z.total_out;
    deflateEnd(&z);
    return n;
}

/* Version, flags, method, time and date, checksum: the fields that both headers share. */
static void put_common(zip_writer *w, made_zip form, uint32_t crc)
{
    put(w, form == MADE_ZIP_64 ? 45 : 20, 2);
    put(w, 0, 2);
    put(w, form == MADE_ZIP_DEFLATED ? 8 : 0, 2);
    put(w, 0, 4);
    put(w, crc, 4);
}

size_t made_zarr_zip(const made_zarr *self, made_zip form, uint8_t *to)
{
    static size_t places[MADE_ZARR_KEYS], stored[MADE_ZARR_KEYS];
    bool is_64 = form == MADE_ZIP_64;
    zip_writer w = {.to = to};
    for (size_t i = 0; i < self->count; i++) {
        const uint8_t *data = self->content + self->keys[i].at;
        size_t bytes = self->keys[i].bytes, name = strlen(self->keys[i].key);
        places[i] = w.at;
        put_text(&w, "PK\3\4", 4);
        put_common(&w, form, (uint32_t)crc32(0, data, (uInt)bytes));
        size_t sizes_at = w.at;
        put(&w, 0, 8);
        put(&w, name, 2);
        put(&w, 0, 2);
        put_text(&w, self->keys[i].key, name);
        if (form == MADE_ZIP_DEFLATED) {
            stored[i] = deflate_all(data, bytes, to + w.at);
        } else {
            memcpy(to + w.at, data, bytes);
            stored[i] = bytes;
        }
        w.at += stored[i];
        zip_writer sizes = {.to = to, .at = sizes_at};
        put(&sizes, stored[i], 4);
        put(&sizes, bytes, 4);
    }
    size_t directory = w.at;
    for (size_t i = 0; i < self->count; i++) {
        const uint8_t *data = self->content + self->keys[i].at;
        size_t bytes = self->keys[i].bytes, name = strlen(self->keys[i].key);
        put_text(&w, "PK\1\2", 4);
        put(&w, 45, 2);
        put_common(&w, form, (uint32_t)crc32(0, data, (uInt)bytes));
        put(&w, is_64 ? UINT32_MAX : stored[i], 4);
        put(&w, is_64 ? UINT32_MAX : bytes, 4);
        put(&w, name, 2);
        put(&w, is_64 ? 28 : 0, 2);
        put(&w, 0, 10); /* no comment, first volume, attributes */
        put(&w, is_64 ? UINT32_MAX : places[i], 4);
        put_text(&w, self->keys[i].key, name);
        if (is_64) {
            put(&w, 1, 2);
            put(&w, 24, 2);
            put(&w, bytes, 8);
            put(&w, stored[i], 8);
            put(&w, places[i], 8);
        }
    }
    size_t end = w.at;
    if (is_64) {
        put_text(&w, "PK\6\6", 4);
        put(&w, 44, 8);
        put(&w, 45, 2);
        put(&w, 45, 2);
        put(&w, 0, 8);
        put(&w, self->count, 8);
        put(&w, self->count, 8);
        put(&w, end - directory, 8);
        put(&w, directory, 8);
        put_text(&w, "PK\6\7", 4);
        put(&w, 0, 4);
        put(&w, end, 8);
        put(&w, 1, 4);
    }
    put_text(&w, "PK\5\6", 4);
    put(&w, 0, 4);
    put(&w, is_64 ? UINT16_MAX : self->count, 2);
    put(&w, is_64 ? UINT16_MAX : self->count, 2);
    put(&w, is_64 ? UINT32_MAX : end - directory, 4);
    put(&w, is_64 ? UINT32_MAX : directory, 4);
    put(&w, 0, 2);
    return w.at;
}

void made_zarr_zip_file(const made_zarr *self, made_zip form, const char *path)
{
    static uint8_t zip[1 << 20];
    write_file(path, zip, made_zarr_zip(self, form, zip));
}
