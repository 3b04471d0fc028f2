/* SPDX-License-Identifier: Apache-2.0 */
/* parquet.h - the part of Parquet that recorded episodes use.
 *
 * The footer alone answers every question about sizes; values are read for numeric columns only:
 * scalars and lists of one fixed width, PLAIN and dictionary pages, version 1 and 2, plain or
 * Snappy. Everything else is refused by its name.
 */
#ifndef EPISODE_PARQUET_H
#define EPISODE_PARQUET_H

#include <stdbool.h>

#include "plimsoll/tensor.h"
#include "src/episode/file_bytes.h"
#include "src/episode/thrift.h"

#define PLIM_PARQUET_LEAVES_MAX 128u
#define PLIM_PARQUET_SCHEMA_MAX 4096u
#define PLIM_PARQUET_ROWS_MAX   (1u << 24)
#define PLIM_PARQUET_NOT_KEPT   255u

typedef enum plim_parquet_type { /* physical types, as numbered by the format */
                                 PLIM_PARQUET_BOOLEAN = 0,
                                 PLIM_PARQUET_INT32 = 1,
                                 PLIM_PARQUET_INT64 = 2,
                                 PLIM_PARQUET_INT96 = 3,
                                 PLIM_PARQUET_FLOAT = 4,
                                 PLIM_PARQUET_DOUBLE = 5,
                                 PLIM_PARQUET_BYTE_ARRAY = 6,
                                 PLIM_PARQUET_FIXED = 7,
} plim_parquet_type;

/* A leaf of the schema: one stored column. A list column is one leaf below its root. */
typedef struct plim_parquet_leaf {
    char root[96];      /* name of the top-level column; never split at dots or slashes */
    uint8_t type;       /* plim_parquet_type */
    uint8_t item_bytes; /* of one value when loaded; 0: it has no width of its own */
    uint8_t max_definition, max_repetition;
    uint64_t value_count; /* over all row groups, nulls and empty lists counted once */
    uint64_t disk_bytes;  /* compressed chunks with their page headers */
    uint64_t plain_bytes; /* the same before compression */
} plim_parquet_leaf;

typedef struct plim_parquet {
    uint64_t row_count;
    uint32_t row_group_count, leaf_count;
    uint64_t container_bytes; /* the file less all column chunks */
    plim_parquet_leaf leaves[PLIM_PARQUET_LEAVES_MAX];
} plim_parquet;

/* One column of one row group, checked to lie inside the file. */
typedef struct plim_parquet_chunk {
    uint32_t row_group, leaf;
    int32_t codec;
    uint64_t row_count, value_count;
    uint64_t offset, disk_bytes, plain_bytes;
} plim_parquet_chunk;

typedef plim_status (*plim_parquet_visit)(void *context, const plim_parquet *parquet,
                                          const plim_parquet_chunk *chunk, plim_error *err);

/* plim_parquet_read - the footer; @visit (may be NULL) sees each column chunk in file order.
 *
 * Memory:  none beside @out; the footer is read in pieces.
 * Errors:  E_FORMAT       not Parquet, never finished (no footer), or a count or length that does
 *                         not fit the file.
 *          E_UNSUPPORTED  encrypted, more than 128 leaves, more than 2^24 rows.
 *          Whatever @visit answers. */
PLIM_MUST_USE plim_status plim_parquet_read(const plim_file_bytes *file, plim_parquet *out,
                                            plim_parquet_visit visit, void *context,
                                            plim_error *err);

/* One row group: the chunks of the leaves that are kept, in the schema's order. */
typedef struct plim_parquet_group {
    uint64_t row_count;
    uint32_t chunk_count;
    plim_parquet_chunk chunks[PLIM_PARQUET_LEAVES_MAX];
} plim_parquet_group;

/* Is the leaf below the top-level column @root wanted? */
typedef bool (*plim_parquet_keep)(void *context, const char *root);

/* A footer read one row group at a time; every field is its own. */
typedef struct plim_parquet_walk {
    plim_thrift thrift;
    plim_parquet *out;
    plim_parquet_keep keep;
    void *context;
    plim_error *err;
    uint64_t footer_at, chunk_bytes, row_sum;
    uint32_t column_count, groups_left;
    bool has_schema, is_over;
    int16_t field;
    uint8_t kept[PLIM_PARQUET_SCHEMA_MAX]; /* leaf of each stored column, or NOT_KEPT */
} plim_parquet_walk;

/* plim_parquet_begin, plim_parquet_next - the same footer a row group at a time, for files with
 * thousands of them, or with more columns than leaves fit: only those that @keep wants (NULL: all)
 * get a leaf. @out's sums cover the groups read so far; container_bytes is set at the end.
 * Keeps @file and @out until the end. Errors: as plim_parquet_read; after one, no more calls. */
PLIM_MUST_USE plim_status plim_parquet_begin(plim_parquet_walk *self, const plim_file_bytes *file,
                                             plim_parquet *out, plim_parquet_keep keep,
                                             void *context, plim_error *err);
PLIM_MUST_USE plim_status plim_parquet_next(plim_parquet_walk *self, plim_parquet_group *group,
                                            bool *is_end, plim_error *err);

/* plim_parquet_dtype - what a leaf's values become; NONE when they are not numbers. */
plim_dtype plim_parquet_dtype(const plim_parquet_leaf *leaf);

/* plim_parquet_width - values in each row; 0 when rows differ, or lists are nested. */
uint64_t plim_parquet_width(const plim_parquet *parquet, const plim_parquet_leaf *leaf);

/* plim_parquet_scratch_bytes - room that plim_parquet_values needs for @chunk. */
PLIM_MUST_USE plim_status plim_parquet_scratch_bytes(const plim_parquet_chunk *chunk, uint64_t *out,
                                                     plim_error *err);

/* plim_parquet_values - all values of @chunk, dense, at @out.
 *
 * Shape:   @out has chunk->row_count * @width values of plim_parquet_dtype(leaf).
 * Memory:  @scratch of plim_parquet_scratch_bytes(chunk).
 * Errors:  E_UNSUPPORTED  encoding, codec or page type by name; a null; a list of another width.
 *          E_FORMAT       a page or run that does not fit. */
PLIM_MUST_USE plim_status plim_parquet_values(const plim_file_bytes *file,
                                              const plim_parquet_leaf *leaf,
                                              const plim_parquet_chunk *chunk, uint64_t width,
                                              void *scratch, uint64_t scratch_bytes, void *out,
                                              plim_error *err);

#endif
