/* SPDX-License-Identifier: Apache-2.0 */
/* columns.c - from a table's leaves to dense arrays of one row width each.
 *
 * The file's dtype wins. A column of text, of pictures, or of lists that differ in length keeps
 * its name and no data; asking for its rows is refused by name. Encodings that the reader does
 * not know refuse the whole episode: half a state vector is worse than none.
 * Invariant: the footer is read twice (sizes, then values), and the file may change in between:
 * the second pass writes nothing past what the first one made room for.
 */
#include "src/episode/columns.h"

#include <string.h>

#include "arena/bytes.h"

static uint64_t item_bytes(plim_dtype dtype)
{
    return dtype == PLIM_F64 || dtype == PLIM_I64   ? 8
           : dtype == PLIM_F32 || dtype == PLIM_I32 ? 4
           : dtype == PLIM_BOOL                     ? 1
                                                    : 0;
}

/* A root with several leaves is a struct, and none of its leaves is the column. */
static bool is_struct(const plim_parquet *parquet, uint32_t leaf)
{
    const char *root = parquet->leaves[leaf].root;
    return (leaf && strcmp(parquet->leaves[leaf - 1].root, root) == 0) ||
           (leaf + 1 < parquet->leaf_count && strcmp(parquet->leaves[leaf + 1].root, root) == 0);
}

plim_status plim_columns_visit(void *context, const plim_parquet *parquet,
                               const plim_parquet_chunk *chunk, plim_error *err)
{
    plim_columns *self = context;
    uint64_t bytes;
    if (plim_parquet_dtype(&parquet->leaves[chunk->leaf]) == PLIM_DTYPE_NONE) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_parquet_scratch_bytes(chunk, &bytes, err));
    self->scratch_bytes = bytes > self->scratch_bytes ? bytes : self->scratch_bytes;
    return PLIM_OK;
}

plim_status plim_columns_plan(plim_columns *self, const plim_dataset *dataset, plim_error *err)
{
    const plim_parquet *parquet = &dataset->parquet;
    self->row_count = parquet->row_count;
    self->count = parquet->leaf_count;
    for (uint32_t i = 0; i < parquet->leaf_count; i++) {
        const plim_parquet_leaf *leaf = &parquet->leaves[i];
        const plim_feature *feature = plim_dataset_feature(dataset, leaf->root);
        plim_column *column = &self->column[i];
        *column = (plim_column){.group = feature ? feature->group : PLIM_FEATURE_OTHER};
        memcpy(column->name, leaf->root, sizeof(column->name));
        column->width = is_struct(parquet, i) ? 0 : plim_parquet_width(parquet, leaf);
        column->dtype = column->width ? plim_parquet_dtype(leaf) : PLIM_DTYPE_NONE;
        if (!bytes_mul(leaf->value_count, item_bytes(column->dtype), &column->bytes)) {
            return plim_error_set(err, PLIM_E_RANGE, "episode", column->name, "a size",
                                  "too large");
        }
    }
    return PLIM_OK;
}

typedef struct columns_read {
    plim_columns *columns;
    const plim_file_bytes *file;
    void *scratch;
} columns_read;

static plim_status read_chunk(void *context, const plim_parquet *parquet,
                              const plim_parquet_chunk *chunk, plim_error *err)
{
    columns_read *r = context;
    if (chunk->leaf >= r->columns->count) {
        return plim_error_set(err, PLIM_E_FORMAT, "parquet", "footer", "the one read before",
                              "another");
    }
    plim_column *column = &r->columns->column[chunk->leaf];
    uint64_t item = item_bytes(column->dtype);
    if (!item || !chunk->value_count) {
        return PLIM_OK;
    }
    if (plim_parquet_dtype(&parquet->leaves[chunk->leaf]) != column->dtype ||
        chunk->value_count > column->bytes / item - column->filled) {
        return plim_error_set(err, PLIM_E_FORMAT, "parquet", column->name, "the sizes read before",
                              "others");
    }
    PLIM_TRY(plim_parquet_values(r->file, &parquet->leaves[chunk->leaf], chunk, column->width,
                                 r->scratch, r->columns->scratch_bytes,
                                 column->data + column->filled * item, err));
    column->filled += chunk->value_count;
    return PLIM_OK;
}

plim_status plim_columns_read(plim_columns *self, plim_dataset *dataset,
                              const plim_file_bytes *file, plim_region *home, void *scratch,
                              plim_error *err)
{
    columns_read r = {.columns = self, .file = file, .scratch = scratch};
    for (uint32_t i = 0; i < self->count; i++) {
        plim_column *column = &self->column[i];
        if (column->bytes) {
            void *data;
            PLIM_TRY(plim_region_alloc(home, (size_t)column->bytes, 64, &data, err));
            column->data = data;
        }
    }
    PLIM_TRY(plim_parquet_read(file, &dataset->parquet, read_chunk, &r, err));
    for (uint32_t i = 0; i < self->count; i++) {
        const plim_column *column = &self->column[i];
        if (column->bytes && column->filled * item_bytes(column->dtype) != column->bytes) {
            return plim_error_set(err, PLIM_E_FORMAT, "parquet", column->name,
                                  "the sizes read before", "others");
        }
    }
    return PLIM_OK;
}

const plim_column *plim_columns_find(const plim_columns *self, const char *name)
{
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->column[i].name, name) == 0) {
            return &self->column[i];
        }
    }
    return NULL;
}

uint64_t plim_columns_bytes(const plim_columns *self, plim_feature_group group)
{
    uint64_t bytes = 0;
    for (uint32_t i = 0; i < self->count; i++) {
        bytes += self->column[i].group == group ? self->column[i].bytes : 0;
    }
    return bytes;
}
