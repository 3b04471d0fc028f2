/* SPDX-License-Identifier: Apache-2.0 */
/* made_zarr.h - a zarr v2 store made key by key, written as a folder or as a zip file. */
#ifndef TEST_SUPPORT_MADE_ZARR_H
#define TEST_SUPPORT_MADE_ZARR_H

#include <stddef.h>
#include <stdint.h>

#define MADE_ZARR_KEYS 1024

typedef struct made_zarr {
    size_t count;
    struct {
        char key[48];
        size_t at, bytes; /* in content */
    } keys[MADE_ZARR_KEYS];
    size_t used;
    uint8_t content[1 << 18];
} made_zarr;

typedef enum made_zip {
    MADE_ZIP_STORED = 0,
    MADE_ZIP_DEFLATED,
    MADE_ZIP_64, /* stored; sizes and places in zip64 fields throughout */
} made_zip;

/* An empty store with .zgroup. */
void made_zarr_init(made_zarr *self);
void made_zarr_put(made_zarr *self, const char *key, const void *data, size_t bytes);
void made_zarr_remove(made_zarr *self, const char *key);

/* @name/.zarray. @shape and @chunks are JSON lists, @compressor is JSON, NULL for none. */
void made_zarr_array(made_zarr *self, const char *name, const char *dtype, const char *shape,
                     const char *chunks, const char *compressor);

/* A replay buffer of 40 steps: data/action float32 x 7 in chunks of 16 rows, data/img uint8
 * 8x8x3 in chunks of 8, and episodes that end at 5, 5, 17 and 40. Nothing is compressed. */
void made_zarr_buffer(made_zarr *self);

/* Below folder @path, which is made. Fails the test when it cannot. */
void made_zarr_folder(const made_zarr *self, const char *path);
/* Into @to, which has room for all of it. */
size_t made_zarr_zip(const made_zarr *self, made_zip form, uint8_t *to);
/* The same as a file. */
void made_zarr_zip_file(const made_zarr *self, made_zip form, const char *path);

#endif
