/* SPDX-License-Identifier: Apache-2.0 */
/* columns.h - the numeric columns of an open episode: decoded once, then only viewed. */
#ifndef EPISODE_COLUMNS_H
#define EPISODE_COLUMNS_H

#include "src/episode/dataset_files.h"

typedef struct plim_column {
    char name[96];
    plim_feature_group group;
    plim_dtype dtype; /* of the file; NONE: not numbers, only the name is known */
    uint64_t width;   /* values in a row */
    uint64_t bytes;   /* of all rows */
    uint64_t filled;  /* values decoded so far */
    uint8_t *data;
} plim_column;

typedef struct plim_columns {
    uint32_t count;
    uint64_t row_count;
    uint64_t scratch_bytes; /* that decoding the largest chunk needs */
    plim_column column[PLIM_PARQUET_LEAVES_MAX];
} plim_columns;

/* plim_columns_plan - what the footer in dataset->parquet becomes; nothing is decoded.
 * plim_columns_visit - a visitor that finds scratch_bytes; its context is the plim_columns. */
PLIM_MUST_USE plim_status plim_columns_plan(plim_columns *self, const plim_dataset *dataset,
                                            plim_error *err);
plim_status plim_columns_visit(void *context, const plim_parquet *parquet,
                               const plim_parquet_chunk *chunk, plim_error *err);

/* plim_columns_read - decode every numeric column of @file into memory of @home.
 * @scratch: scratch_bytes. Errors: those of plim_parquet_values, and of the region. */
PLIM_MUST_USE plim_status plim_columns_read(plim_columns *self, plim_dataset *dataset,
                                            const plim_file_bytes *file, plim_region *home,
                                            void *scratch, plim_error *err);

const plim_column *plim_columns_find(const plim_columns *self, const char *name);
uint64_t plim_columns_bytes(const plim_columns *self, plim_feature_group group);

#endif
