/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_parquet.c - footer, then the values of every numeric column; the same a group at a time. */
#include <stdlib.h>

#include "src/episode/parquet.h"

#define VALUES_MAX 65536u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static plim_status read_chunk(void *context, const plim_parquet *parquet,
                              const plim_parquet_chunk *chunk, plim_error *err)
{
    const plim_parquet_leaf *leaf = &parquet->leaves[chunk->leaf];
    uint64_t scratch_bytes;
    if (plim_parquet_dtype(leaf) == PLIM_DTYPE_NONE || !chunk->row_count ||
        chunk->value_count > VALUES_MAX ||
        plim_parquet_scratch_bytes(chunk, &scratch_bytes, err) != PLIM_OK ||
        scratch_bytes > (1u << 24)) {
        return PLIM_OK;
    }
    /* exact sizes, so that a sanitizer sees the first byte past either */
    size_t item = plim_parquet_dtype(leaf) == PLIM_BOOL  ? 1
                  : plim_parquet_dtype(leaf) == PLIM_F32 ? 4
                  : plim_parquet_dtype(leaf) == PLIM_I32 ? 4
                                                         : 8;
    void *scratch = malloc(scratch_bytes ? scratch_bytes : 1);
    void *out = malloc(chunk->value_count ? chunk->value_count * item : 1);
    if (scratch && out) {
        plim_status status =
            plim_parquet_values(context, leaf, chunk, chunk->value_count / chunk->row_count,
                                scratch, scratch_bytes, out, err);
        (void)status;
    }
    free(out);
    free(scratch);
    return PLIM_OK;
}

static bool keep_short(void *context, const char *root)
{
    (void)context;
    return root[0] < 'm';
}

/* The rows of the groups are those of the file, whichever columns are kept. */
static void check_groups(const plim_file_bytes *file, uint64_t rows, uint64_t container_bytes)
{
    static plim_parquet parquet;
    static plim_parquet_walk walk;
    static plim_parquet_group group;
    plim_error err;
    bool is_end = false;
    if (plim_parquet_begin(&walk, file, &parquet, keep_short, NULL, &err) != PLIM_OK) {
        return; /* kept columns are checked, others only counted */
    }
    while (!is_end) {
        if (plim_parquet_next(&walk, &group, &is_end, &err) != PLIM_OK) {
            return;
        }
        rows -= is_end ? 0 : group.row_count;
    }
    if (rows != 0 || parquet.container_bytes != container_bytes) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static plim_parquet parquet;
    plim_file_bytes file;
    plim_error err;
    plim_file_bytes_from_memory(&file, data, size);
    if (plim_parquet_read(&file, &parquet, read_chunk, &file, &err) != PLIM_OK) {
        return 0;
    }
    uint64_t sum = parquet.container_bytes;
    for (uint32_t i = 0; i < parquet.leaf_count; i++) {
        sum += parquet.leaves[i].disk_bytes;
    }
    if (sum != size) {
        abort();
    }
    check_groups(&file, parquet.row_count, parquet.container_bytes);
    return 0;
}
