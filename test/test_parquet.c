/* SPDX-License-Identifier: Apache-2.0 */
/* test_parquet.c - footers and values, from three writers, whole and damaged. */
#include "src/episode/parquet.h"
#include "src/episode/parquet_runs.h"
#include "src/episode/snappy.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

#define MADE_TABLE "data/chunk-000/episode_000000.parquet"

static plim_error err;

/* All values of one column; the caller frees them. */
typedef struct column_job {
    const plim_file_bytes *file;
    const char *name;
    plim_dtype dtype;
    uint64_t width, count, item;
    uint8_t *values;
} column_job;

static plim_status read_chunk(void *context, const plim_parquet *parquet,
                              const plim_parquet_chunk *chunk, plim_error *e)
{
    column_job *job = context;
    const plim_parquet_leaf *leaf = &parquet->leaves[chunk->leaf];
    uint64_t bytes;
    if (strcmp(leaf->root, job->name) != 0 || !chunk->row_count) {
        return PLIM_OK;
    }
    job->dtype = plim_parquet_dtype(leaf);
    job->width = chunk->value_count / chunk->row_count;
    job->item = job->dtype == PLIM_BOOL ? 1 : job->dtype == PLIM_F32 ? 4 : 8;
    PLIM_TRY(plim_parquet_scratch_bytes(chunk, &bytes, e));
    void *scratch = malloc(bytes ? bytes : 1);
    job->values = realloc(job->values, (job->count + chunk->value_count) * job->item);
    assert_non_null(scratch);
    assert_non_null(job->values);
    plim_status status = plim_parquet_values(job->file, leaf, chunk, job->width, scratch, bytes,
                                             job->values + job->count * job->item, e);
    job->count += chunk->value_count;
    free(scratch);
    return status;
}

static plim_status read_column(const plim_file_bytes *file, const char *name, column_job *job)
{
    static plim_parquet parquet;
    *job = (column_job){.file = file, .name = name};
    plim_status status = plim_parquet_read(file, &parquet, read_chunk, job, &err);
    if (status != PLIM_OK) {
        free(job->values);
        job->values = NULL;
    }
    return status;
}

static void made_table_gives_back_what_was_written(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_file(made_episode("-n 33 -s 16 -j 5"), MADE_TABLE, &bytes);
    static plim_parquet parquet;
    plim_file_bytes file;
    column_job job;

    plim_file_bytes_from_memory(&file, data, bytes);
    assert_ok(plim_parquet_read(&file, &parquet, NULL, NULL, &err));
    assert_int_equal(parquet.row_count, 33);
    assert_int_equal(parquet.leaf_count, 7);
    assert_string_equal(parquet.leaves[0].root, "observation.state");
    assert_int_equal(parquet.leaves[0].max_repetition, 1);
    assert_int_equal(parquet.leaves[0].max_definition, 3);
    assert_int_equal(plim_parquet_width(&parquet, &parquet.leaves[0]), 5);
    uint64_t sum = parquet.container_bytes;
    for (uint32_t i = 0; i < parquet.leaf_count; i++) {
        sum += parquet.leaves[i].disk_bytes;
    }
    assert_int_equal(sum, bytes);

    assert_ok(read_column(&file, "observation.state", &job));
    assert_int_equal(job.count, 33 * 5);
    for (unsigned i = 0; i < 33 * 5; i++) {
        assert_true(((double *)(void *)job.values)[i] == made_joint(0, i / 5, i % 5));
    }
    free(job.values);
    free(data);
}

/* The same recording through two writers: pyarrow (data pages v1, dictionaries, Snappy) and
 * another one (data pages v2, PLAIN lists, RLE booleans, one row group per episode). */
static void two_real_writers_agree_on_every_value(void **state)
{
    (void)state;
    static const char *const names[] = {"observation.state", "action", "timestamp", "next.done",
                                        "next.reward",       "index",  "task_index"};
    const char *derived = cm_data("episodes/groot-picknplace-v30-derived/data/chunk-000/"
                                  "file-000.parquet");
    if (!derived) {
        skip_because("episodes/groot-picknplace-v30-derived is not there");
    }
    plim_file_bytes all;
    assert_ok(plim_file_bytes_open(&all, derived, &err));
    for (unsigned n = 0; n < sizeof(names) / sizeof(names[0]); n++) {
        column_job whole;
        uint64_t at = 0;
        assert_ok(read_column(&all, names[n], &whole));
        for (unsigned i = 0; i < 5; i++) {
            char name[128];
            plim_file_bytes one;
            column_job part;
            snprintf(name, sizeof(name),
                     "episodes/groot-picknplace-v20/data/chunk-000/episode_%06u.parquet", i);
            assert_ok(plim_file_bytes_open(&one, cm_data(name), &err));
            assert_ok(read_column(&one, names[n], &part));
            assert_int_equal(part.dtype, whole.dtype);
            assert_int_equal(part.width, whole.width);
            assert_true(at + part.count <= whole.count);
            assert_memory_equal(part.values, whole.values + at * whole.item,
                                part.count * part.item);
            at += part.count;
            free(part.values);
            plim_file_bytes_close(&one);
        }
        assert_int_equal(at, whole.count);
        assert_int_equal(whole.count, 2096 * whole.width);
        free(whole.values);
    }
    plim_file_bytes_close(&all);
}

/* corpus/parquet/pages.parquet: 16 rows with the page kinds that make_episode does not write. */
static void dictionaries_snappy_and_second_pages_are_read(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_file("test/fuzz/corpus/parquet", "pages.parquet", &bytes);
    plim_file_bytes file;
    column_job job;
    plim_file_bytes_from_memory(&file, data, bytes);
    assert_ok(read_column(&file, "task_index", &job)); /* v1, dictionary, then PLAIN */
    assert_int_equal(job.count, 16);
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(((int64_t *)(void *)job.values)[i], i < 8 ? 10 * (1 + i % 3) : 7);
    }
    free(job.values);
    assert_ok(read_column(&file, "action", &job)); /* v2, list of 2, Snappy */
    assert_int_equal(job.width, 2);
    for (unsigned i = 0; i < 32; i++) {
        assert_true(((double *)(void *)job.values)[i] == i / 2 + 0.5 * (i % 2));
    }
    free(job.values);
    assert_ok(read_column(&file, "next.done", &job)); /* v2, RLE booleans */
    for (unsigned i = 0; i < 16; i++) {
        assert_int_equal(job.values[i], i == 15);
    }
    free(job.values);
    assert_ok(read_column(&file, "timestamp", &job)); /* indices of 0 bits */
    for (unsigned i = 0; i < 16; i++) {
        assert_true(((float *)(void *)job.values)[i] == 2.5f);
    }
    free(job.values);
    free(data);
}

static void table_cut_at_every_byte_is_a_typed_error(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_file(made_episode("-n 3 -s 16 -j 3"), MADE_TABLE, &bytes);
    static plim_parquet parquet;
    for (size_t n = 0; n < bytes; n++) {
        plim_file_bytes file;
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, data, n);
        plim_file_bytes_from_memory(&file, cut, n);
        assert_status(plim_parquet_read(&file, &parquet, NULL, NULL, &err), PLIM_E_FORMAT);
        assert_int_equal(parquet.leaf_count, 0);
        free(cut);
    }
    free(data);
}

static void unfinished_recording_is_said_so(void **state)
{
    (void)state;
    static plim_parquet parquet;
    plim_file_bytes file;
    plim_file_bytes_from_memory(&file, "PAR1 some pages and no footer", 29);
    assert_status(plim_parquet_read(&file, &parquet, NULL, NULL, &err), PLIM_E_FORMAT);
    assert_non_null(strstr(err.found, "never finished"));
}

/* Flip each byte of a small table: values are read or refused, and never written past their
 * array (a sanitizer looks on). */
static void table_with_any_byte_changed_is_read_or_refused(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_file("test/fuzz/corpus/parquet", "pages.parquet", &bytes);
    unsigned refused = 0;
    for (size_t i = 0; i < bytes; i++) {
        static const uint8_t masks[] = {0x01, 0x80, 0xff};
        for (unsigned m = 0; m < 3; m++) {
            static const char *const names[] = {"task_index", "action", "next.done"};
            for (unsigned n = 0; n < 3; n++) {
                plim_file_bytes file;
                column_job job;
                data[i] ^= masks[m];
                plim_file_bytes_from_memory(&file, data, bytes);
                plim_status status = read_column(&file, names[n], &job);
                refused += status != PLIM_OK;
                free(job.values);
                data[i] ^= masks[m];
            }
        }
    }
    assert_true(refused > 100);
    free(data);
}

/* The header of the first page is <i32 type> <i32 size> <i32 size> {<i32 n> <i32 encoding> ...}. */
static void unknown_encoding_and_codec_are_refused_by_name(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_file(made_episode("-n 3 -s 16 -j 3"), MADE_TABLE, &bytes);
    plim_file_bytes file;
    column_job job;
    plim_file_bytes_from_memory(&file, data, bytes);
    size_t at = 4;
    while (!(data[at] == 0x15 && data[at + 1] == 0 && data[at + 2] == 0x15 && data[at + 3] == 6 &&
             data[at + 4] == 0x15 && data[at + 5] == 6)) {
        at++; /* PLAIN, levels RLE twice */
    }
    data[at + 1] = 9 << 1;
    assert_status(read_column(&file, "observation.state", &job), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.found, "BYTE_STREAM_SPLIT");
    data[at + 1] = 5 << 1;
    assert_status(read_column(&file, "observation.state", &job), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.found, "DELTA_BINARY_PACKED");
    data[at + 1] = 0;
    assert_ok(read_column(&file, "observation.state", &job));
    free(job.values);
    free(data);
}

static void snappy_blocks_are_decoded_and_damage_is_seen(void **state)
{
    (void)state;
    /* 11 bytes: the literal "abcd", a copy of 4 from 4 back, a copy of 3 from 1 back... */
    static const uint8_t block[] = {12, 3 << 2, 'a', 'b', 'c', 'd', 1, 4, 0x01 | 0 << 2, 1};
    static const uint8_t wide[] = {7, 0, 'x', 5 << 2 | 2, 1, 0};
    uint8_t out[16];
    assert_true(plim_snappy_decode(block, sizeof(block), out, 12));
    assert_memory_equal(out, "abcdabcddddd", 12);
    assert_true(plim_snappy_decode(wide, sizeof(wide), out, 7));
    assert_memory_equal(out, "xxxxxxx", 7);
    assert_false(plim_snappy_decode(block, sizeof(block), out, 11));
    for (size_t n = 0; n < sizeof(block); n++) {
        assert_false(plim_snappy_decode(block, n, out, 12));
    }
    static const uint8_t before[] = {5, 0, 'a', 1, 2}; /* copies from before the start */
    static const uint8_t nowhere[] = {5, 0, 'a', 1, 0};
    assert_false(plim_snappy_decode(before, sizeof(before), out, 5));
    assert_false(plim_snappy_decode(nowhere, sizeof(nowhere), out, 5));
}

static void runs_are_read_repeated_and_packed(void **state)
{
    (void)state;
    /* 5 times the value 3, then 8 packed values of 3 bits: 0..7 */
    static const uint8_t bytes[] = {5 << 1, 3, 1 << 1 | 1, 0x88, 0xc6, 0xfa};
    plim_parquet_runs runs;
    uint32_t value;
    plim_parquet_runs_init(&runs, bytes, sizeof(bytes), 3);
    for (unsigned i = 0; i < 13; i++) {
        assert_true(plim_parquet_runs_next(&runs, &value));
        assert_int_equal(value, i < 5 ? 3 : i - 5);
    }
    assert_false(plim_parquet_runs_next(&runs, &value));
    plim_parquet_runs_init(&runs, bytes, 4, 3);
    unsigned count = 0;
    while (plim_parquet_runs_next(&runs, &value)) {
        count++;
    }
    assert_int_equal(count, 5 + 2); /* one packed byte holds two whole values */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_table_gives_back_what_was_written),
        cmocka_unit_test(two_real_writers_agree_on_every_value),
        cmocka_unit_test(dictionaries_snappy_and_second_pages_are_read),
        cmocka_unit_test(table_cut_at_every_byte_is_a_typed_error),
        cmocka_unit_test(unfinished_recording_is_said_so),
        cmocka_unit_test(table_with_any_byte_changed_is_read_or_refused),
        cmocka_unit_test(unknown_encoding_and_codec_are_refused_by_name),
        cmocka_unit_test(snappy_blocks_are_decoded_and_damage_is_seen),
        cmocka_unit_test(runs_are_read_repeated_and_packed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
