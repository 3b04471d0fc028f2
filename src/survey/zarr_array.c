/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_array.c - .zarray as the zarr v2 specification has it, and the keys of its chunks.
 *
 * The text is parsed by jansson on its own heap, at most PLIM_ZARR_TEXT_MAX bytes of it. Both
 * separators of chunk keys are taken, because stores in folders use either without saying so.
 */
#include "src/survey/zarr_array.h"

#include <ctype.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/bytes.h"

static plim_status refuse(plim_error *err, plim_status status, const char *field,
                          const char *wanted, const char *found)
{
    return plim_error_set(err, status, ".zarray", field, wanted, found);
}

/* "<f4": byte order, kind, and bytes (characters for 'U'). A list is a struct. */
static plim_status read_type(plim_zarr_array *self, const json_t *value, plim_error *err)
{
    static const struct {
        char kind;
        const char *name;
        uint32_t scale; /* bits to name it by for each byte; 0: the name says it all */
    } KINDS[] = {{'f', "float", 8},       {'i', "int", 8},     {'u', "uint", 8},
                 {'b', "bool", 0},        {'c', "complex", 8}, {'M', "datetime64", 0},
                 {'m', "timedelta64", 0}, {'S', "bytes", 0},   {'U', "string", 0},
                 {'V', "void", 0}};
    const char *text = json_string_value(value);
    if (json_is_array(value)) {
        snprintf(self->dtype, sizeof(self->dtype), "struct");
        return PLIM_OK;
    }
    if (!text || strlen(text) < 2 || !strchr("<>|=", text[0])) {
        return refuse(err, PLIM_E_FORMAT, "dtype", "a type of numpy", text);
    }
    self->kind = text[1];
    self->is_big_endian = text[0] == '>';
    if (self->kind == 'O') {
        snprintf(self->dtype, sizeof(self->dtype), "object");
        return PLIM_OK;
    }
    unsigned long n = isdigit((unsigned char)text[2]) ? strtoul(text + 2, NULL, 10) : 0;
    for (size_t i = 0; i < sizeof(KINDS) / sizeof(KINDS[0]); i++) {
        if (KINDS[i].kind != self->kind || !n || n > 1u << 24) {
            continue;
        }
        self->item_bytes = (uint32_t)n * (self->kind == 'U' ? 4 : 1);
        if (KINDS[i].scale) {
            snprintf(self->dtype, sizeof(self->dtype), "%s%lu", KINDS[i].name, n * 8);
        } else {
            snprintf(self->dtype, sizeof(self->dtype), "%s", KINDS[i].name);
        }
        return PLIM_OK;
    }
    return refuse(err, PLIM_E_FORMAT, "dtype", "a type of numpy", text);
}

static plim_status read_sides(uint64_t *to, uint32_t *count, const json_t *list, uint64_t least,
                              const char *field, plim_error *err)
{
    size_t n = json_array_size(list);
    if (!json_is_array(list)) {
        return refuse(err, PLIM_E_FORMAT, field, "a list of sides", NULL);
    }
    if (n > PLIM_TENSOR_RANK_MAX) {
        return refuse(err, PLIM_E_UNSUPPORTED, field, "at most 8 sides", "more");
    }
    for (size_t i = 0; i < n; i++) {
        const json_t *side = json_array_get(list, i);
        json_int_t value = json_integer_value(side);
        if (!json_is_integer(side) || value < 0 || (uint64_t)value < least) {
            return refuse(err, PLIM_E_FORMAT, field, "whole numbers", "another");
        }
        to[i] = (uint64_t)value;
    }
    *count = (uint32_t)n;
    return PLIM_OK;
}

static plim_status read_codec(plim_zarr_array *self, const json_t *compressor, plim_error *err)
{
    static const struct {
        const char *id;
        plim_zarr_codec codec;
    } CODECS[] = {{"blosc", PLIM_ZARR_BLOSC},
                  {"zlib", PLIM_ZARR_ZLIB},
                  {"gzip", PLIM_ZARR_ZLIB},
                  {"zstd", PLIM_ZARR_ZSTD},
                  {"lz4", PLIM_ZARR_LZ4}};
    self->codec = PLIM_ZARR_RAW;
    snprintf(self->codec_name, sizeof(self->codec_name), "raw");
    if (!compressor || json_is_null(compressor)) {
        return PLIM_OK;
    }
    const char *id = json_string_value(json_object_get(compressor, "id"));
    if (!id) {
        return refuse(err, PLIM_E_FORMAT, "compressor", "an id", "none");
    }
    const char *prefix = "imagecodecs_";
    const char *name = strncmp(id, prefix, strlen(prefix)) == 0 ? id + strlen(prefix) : id;
    snprintf(self->codec_name, sizeof(self->codec_name), "%s", name);
    self->codec = PLIM_ZARR_OTHER;
    for (size_t i = 0; i < sizeof(CODECS) / sizeof(CODECS[0]); i++) {
        if (strcmp(CODECS[i].id, id) == 0) {
            self->codec = CODECS[i].codec;
        }
    }
    return PLIM_OK;
}

static plim_status understand(plim_zarr_array *self, const json_t *root, plim_error *err)
{
    uint32_t chunk_rank = 0;
    const json_t *version = json_object_get(root, "zarr_format");
    const json_t *filters = json_object_get(root, "filters");
    if (json_is_integer(version) && json_integer_value(version) != 2) {
        return refuse(err, PLIM_E_UNSUPPORTED, "zarr_format", "2", "another");
    }
    PLIM_TRY(read_type(self, json_object_get(root, "dtype"), err));
    PLIM_TRY(read_sides(self->shape, &self->rank, json_object_get(root, "shape"), 0, "shape", err));
    PLIM_TRY(
        read_sides(self->chunks, &chunk_rank, json_object_get(root, "chunks"), 1, "chunks", err));
    if (chunk_rank != self->rank) {
        return refuse(err, PLIM_E_FORMAT, "chunks", "as many sides as shape", "another number");
    }
    self->has_filters = json_array_size(filters) > 0;
    return read_codec(self, json_object_get(root, "compressor"), err);
}

plim_status plim_zarr_array_parse(plim_zarr_array *self, const char *text, size_t bytes,
                                  plim_error *err)
{
    json_error_t where;
    *self = (plim_zarr_array){0};
    json_t *root = bytes <= PLIM_ZARR_TEXT_MAX ? json_loadb(text, bytes, 0, &where) : NULL;
    if (!json_is_object(root)) {
        json_decref(root);
        return refuse(err, PLIM_E_FORMAT, "JSON", "an object", "another text");
    }
    plim_status status = understand(self, root, err);
    json_decref(root);
    return status;
}

bool plim_zarr_array_rows(const plim_zarr_array *self, const char *key, uint64_t *first,
                          uint64_t *end)
{
    *first = 0, *end = 1;
    if (self->rank == 0) {
        return strcmp(key, "0") == 0;
    }
    for (uint32_t i = 0; i < self->rank; i++) {
        size_t digits = strspn(key, "0123456789");
        if (digits == 0 || digits > 18 || (digits > 1 && key[0] == '0')) {
            return false;
        }
        uint64_t place = strtoull(key, NULL, 10), at;
        if (!bytes_mul(place, self->chunks[i], &at) || at >= self->shape[i]) {
            return false;
        }
        if (i == 0) {
            uint64_t left = self->shape[0] - at;
            *first = at;
            *end = at + (self->chunks[0] < left ? self->chunks[0] : left);
        }
        key += digits;
        if (i + 1 < self->rank) {
            if (*key != '.' && *key != '/') {
                return false;
            }
            key++;
        }
    }
    return *key == 0;
}

uint64_t plim_zarr_array_row_count(const plim_zarr_array *self)
{
    return self->rank ? self->shape[0] : 1;
}

bool plim_zarr_array_row_bytes(const plim_zarr_array *self, uint64_t *out)
{
    bool fits = true;
    *out = self->item_bytes;
    for (uint32_t i = 1; i < self->rank; i++) {
        fits = fits && bytes_mul(*out, self->shape[i], out);
    }
    return fits;
}
