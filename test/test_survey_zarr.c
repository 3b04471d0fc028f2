/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_zarr.c - replay buffers of zarr v2, made key by key, in folders and zip files. */
#include <lz4.h>
#include <zlib.h>
#include <zstd.h>

#include "plimsoll/plimsoll.h"
#include "src/survey/zarr_array.h"
#include "test/support/blosc_frames.h"
#include "test/support/cm.h"
#include "test/support/made_zarr.h"
#include "test/support/survey_walk.h"

#define PATH 512

static plim_error err;
static made_zarr made;
static const uint8_t CHUNK[1024];

static struct {
    uint64_t frames, disk_bytes, action_bytes, img_bytes, action_memory, img_memory;
    plim_figure action_known;
    bool is_complete;
} seen[1024];
static uint32_t seen_count;

static void remember(const plim_survey_episode *e)
{
    assert_true(seen_count < 1024);
    memset(&seen[seen_count], 0, sizeof(seen[0]));
    seen[seen_count].frames = e->frames;
    seen[seen_count].disk_bytes = e->disk_bytes;
    seen[seen_count].is_complete = e->is_complete;
    for (uint32_t i = 0; i < e->feature_count; i++) {
        const plim_survey_feature *f = &e->features[i];
        if (strcmp(f->name, "data/action") == 0) {
            seen[seen_count].action_bytes = f->disk_bytes;
            seen[seen_count].action_memory = f->memory_bytes;
            seen[seen_count].action_known = f->known;
        } else if (strcmp(f->name, "data/img") == 0) {
            seen[seen_count].img_bytes = f->disk_bytes;
            seen[seen_count].img_memory = f->memory_bytes;
            assert_int_equal(f->group, PLIM_FEATURE_VIDEO);
            assert_int_equal(f->width, 8);
        }
    }
    seen_count++;
}

static survey_totals walk(const char *path)
{
    seen_count = 0;
    return survey_walk(path, remember);
}

/* A path of this test's own that is not there yet. */
static const char *fresh(const char *suffix)
{
    static char path[PATH];
    static int count;
    snprintf(path, sizeof(path), "%s/%d%s", cm_tmp(), count++, suffix);
    return path;
}

static survey_totals walk_made(void)
{
    const char *path = fresh("");
    made_zarr_folder(&made, path);
    return walk(path);
}

static uint64_t bytes_made(void)
{
    uint64_t sum = 0;
    for (size_t i = 0; i < made.count; i++) {
        sum += made.keys[i].bytes;
    }
    return sum;
}

static void episodes_of_a_folder_add_up_to_its_files(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    survey_totals t = walk_made();

    assert_string_equal(t.format, "zarr");
    assert_int_equal(t.episode_count, 4);
    assert_int_equal(t.frame_count, 40);
    assert_int_equal(t.incomplete_count, 0);
    assert_int_equal(t.file_bytes, bytes_made());
    assert_int_equal(t.parts_bytes, bytes_made());
    assert_int_equal(t.memory_bytes[PLIM_FEATURE_VIDEO], 40 * 8 * 8 * 3);
    assert_int_equal(t.memory_bytes[PLIM_FEATURE_STATE_ACTION], 40 * 7 * 4);
}

static void zip_files_give_what_the_folder_gives(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    survey_totals folder = walk_made();
    for (made_zip form = MADE_ZIP_STORED; form <= MADE_ZIP_64; form++) {
        const char *path = fresh(".zip");
        size_t bytes;
        made_zarr_zip_file(&made, form, path);
        survey_totals zip = walk(path);
        free(survey_file(path, &bytes));

        assert_string_equal(zip.format, "zarr");
        assert_int_equal(zip.episode_count, 4);
        assert_memory_equal(zip.memory_bytes, folder.memory_bytes, sizeof(zip.memory_bytes));
        assert_int_equal(zip.parts_bytes, bytes);
        assert_int_equal(zip.file_bytes, bytes);
        if (form == MADE_ZIP_DEFLATED) {
            assert_true(zip.disk_bytes[PLIM_FEATURE_VIDEO] < folder.disk_bytes[PLIM_FEATURE_VIDEO]);
        } else {
            assert_memory_equal(zip.disk_bytes, folder.disk_bytes, sizeof(zip.disk_bytes));
        }
    }
}

static void chunk_is_shared_by_rows_to_the_byte(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "data/action/0.0");
    made_zarr_remove(&made, "data/action/1.0");
    made_zarr_put(&made, "data/action/0.0", CHUNK, 101); /* rows 0 to 15 */
    made_zarr_put(&made, "data/action/1.0", CHUNK, 100); /* rows 16 to 31 */
    survey_totals t = walk_made();

    assert_int_equal(seen[0].action_bytes, 101 * 5 / 16);
    assert_int_equal(seen[1].action_bytes, 0); /* of no rows */
    assert_int_equal(seen[2].action_bytes, 101 - 101 * 5 / 16 + 100 / 16);
    assert_int_equal(seen[3].action_bytes, 100 - 100 / 16 + 448);
    assert_int_equal(seen[0].action_known, PLIM_FIGURE_ESTIMATED);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void chunks_that_are_missing_are_in_memory_only(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "data/action/1.0");
    made_zarr_remove(&made, "data/action/2.0");
    survey_totals t = walk_made();

    assert_int_equal(seen[3].action_bytes, 0);
    assert_int_equal(seen[3].action_memory, 23 * 7 * 4);
    assert_int_equal(seen[3].action_known, PLIM_FIGURE_DECLARED);
    assert_int_equal(t.incomplete_count, 0);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void rows_after_the_last_episode_are_nobodys(void **state)
{
    (void)state;
    static const int64_t ends[4] = {5, 5, 17, 30};
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "meta/episode_ends/0");
    made_zarr_put(&made, "meta/episode_ends/0", ends, sizeof(ends));
    survey_totals t = walk_made();

    assert_int_equal(t.frame_count, 30);
    assert_int_equal(t.disk_bytes[PLIM_FEATURE_VIDEO], 30 * 8 * 8 * 3);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void ends_that_fall_make_an_empty_incomplete_episode(void **state)
{
    (void)state;
    static const int64_t ends[4] = {17, 5, -1, 40};
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "meta/episode_ends/0");
    made_zarr_put(&made, "meta/episode_ends/0", ends, sizeof(ends));
    survey_totals t = walk_made();

    assert_int_equal(t.incomplete_count, 2);
    assert_int_equal(seen[1].frames, 0);
    assert_int_equal(seen[3].frames, 23);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void more_than_one_batch_of_episodes_adds_up(void **state)
{
    (void)state;
    char key[48];
    made_zarr_init(&made);
    made_zarr_array(&made, "data/action", "<f4", "[1400,3]", "[1000,3]", NULL);
    made_zarr_put(&made, "data/action/0.0", CHUNK, 997);
    made_zarr_put(&made, "data/action/1.0", CHUNK, 401);
    made_zarr_array(&made, "meta/episode_ends", "<i8", "[700]", "[1]", NULL);
    for (int64_t i = 0; i < 700; i++) {
        int64_t end = 2 * (i + 1);
        snprintf(key, sizeof(key), "meta/episode_ends/%d", (int)i);
        made_zarr_put(&made, key, &end, sizeof(end));
    }
    survey_totals t = walk_made();

    assert_int_equal(t.episode_count, 700);
    assert_int_equal(t.frame_count, 1400);
    assert_int_equal(t.disk_bytes[PLIM_FEATURE_STATE_ACTION], 997 + 401);
    assert_int_equal(t.parts_bytes, bytes_made());
    assert_int_equal(seen[699].action_memory, 2 * 3 * 4);
}

static void nested_keys_are_the_same_chunks(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    survey_totals flat = walk_made();
    for (size_t i = 0; i < made.count; i++) {
        char *slash = strrchr(made.keys[i].key, '/');
        for (char *dot = slash; dot && slash[1] != '.' && (dot = strchr(dot, '.'));) {
            *dot = '/';
        }
    }
    survey_totals nested = walk_made();

    assert_int_equal(nested.parts_bytes, flat.parts_bytes);
    assert_memory_equal(nested.disk_bytes, flat.disk_bytes, sizeof(flat.disk_bytes));
}

/* ---- ends in each compression ---- */

static int64_t ends[BLOSC_FRAME_VALUES];

/* A buffer of 408 steps whose ends are @packed. */
static survey_totals walk_packed(const char *compressor, const void *packed, size_t bytes)
{
    made_zarr_init(&made);
    made_zarr_array(&made, "data/action", "<f4", "[408,1]", "[408,1]", NULL);
    made_zarr_put(&made, "data/action/0.0", CHUNK, 408);
    made_zarr_array(&made, "meta/episode_ends", "<i8", "[136]", "[136]", compressor);
    made_zarr_put(&made, "meta/episode_ends/0", packed, bytes);
    survey_totals t = walk_made();
    assert_int_equal(t.parts_bytes, bytes_made());
    return t;
}

static void assert_unpacks(const char *compressor, const void *packed, size_t bytes)
{
    survey_totals t = walk_packed(compressor, packed, bytes);
    assert_int_equal(t.episode_count, BLOSC_FRAME_VALUES);
    assert_int_equal(t.incomplete_count, 0);
    for (uint32_t i = 0; i < BLOSC_FRAME_VALUES; i++) {
        assert_int_equal(seen[i].frames, 3);
    }
}

static void ends_are_read_from_every_compression(void **state)
{
    (void)state;
    static uint8_t packed[4096];
    uint32_t plain = sizeof(ends);
    uLongf n = sizeof(packed);
    assert_unpacks(NULL, ends, sizeof(ends));
    assert_unpacks("{\"id\":\"blosc\"}", BLOSC_LZ4_BYTES, sizeof(BLOSC_LZ4_BYTES));
    assert_unpacks("{\"id\":\"blosc\"}", BLOSC_ZSTD_BITS, sizeof(BLOSC_ZSTD_BITS));

    assert_int_equal(compress(packed, &n, (const uint8_t *)ends, sizeof(ends)), Z_OK);
    assert_unpacks("{\"id\":\"zlib\",\"level\":1}", packed, n);

    size_t zstd = ZSTD_compress(packed, sizeof(packed), ends, sizeof(ends), 1);
    assert_unpacks("{\"id\":\"zstd\"}", packed, zstd);

    memcpy(packed, &plain, 4);
    int lz4 = LZ4_compress_default((const char *)ends, (char *)packed + 4, sizeof(ends),
                                   sizeof(packed) - 4);
    assert_unpacks("{\"id\":\"lz4\"}", packed, (size_t)lz4 + 4);
}

/* One stream in one block, not shuffled. */
static size_t blosc_frame(uint8_t *to, unsigned compressor, const void *stream, size_t bytes)
{
    const uint32_t head[] = {sizeof(ends), sizeof(ends), (uint32_t)(24 + bytes), 20,
                             (uint32_t)bytes};
    const uint8_t flags[4] = {2, 1, (uint8_t)(compressor << 5 | 0x10), 8};
    memcpy(to, flags, 4);
    memcpy(to + 4, head, sizeof(head));
    memcpy(to + 24, stream, bytes);
    return 24 + bytes;
}

static void blosc_frames_hold_zlib_or_plain_values(void **state)
{
    (void)state;
    static uint8_t stream[4096], frame[4096];
    uLongf n = sizeof(stream);
    assert_int_equal(compress(stream, &n, (const uint8_t *)ends, sizeof(ends)), Z_OK);
    assert_unpacks("{\"id\":\"blosc\"}", frame, blosc_frame(frame, 3, stream, n));
    assert_unpacks("{\"id\":\"blosc\"}", frame, blosc_frame(frame, 1, ends, sizeof(ends)));

    memmove(frame + 16, ends, sizeof(ends)); /* stored as it is: no blocks */
    frame[2] = 2;
    uint32_t bytes = 16 + sizeof(ends);
    memcpy(frame + 12, &bytes, 4);
    assert_unpacks("{\"id\":\"blosc\"}", frame, bytes);
}

static void assert_one_declared_episode(survey_totals t)
{
    assert_int_equal(t.episode_count, 1);
    assert_int_equal(t.incomplete_count, 1);
    assert_int_equal(seen[0].frames, 408);
    assert_int_equal(seen[0].action_known, PLIM_FIGURE_DECLARED);
    assert_int_equal(seen[0].action_bytes, 408);
}

static void ends_that_cannot_be_unpacked_leave_one_declared_episode(void **state)
{
    (void)state;
    uint8_t frame[sizeof(BLOSC_LZ4_BYTES)];
    memcpy(frame, BLOSC_LZ4_BYTES, sizeof(frame));
    frame[2] &= 0x1f; /* blosclz */
    assert_one_declared_episode(walk_packed("{\"id\":\"blosc\"}", frame, sizeof(frame)));
    assert_one_declared_episode(walk_packed("{\"id\":\"bz2\"}", ends, sizeof(ends)));
    assert_one_declared_episode(walk_packed("{\"id\":\"zstd\"}", ends, sizeof(ends)));
}

static void blosc_frame_cut_at_every_byte_is_damaged(void **state)
{
    (void)state;
    static uint8_t plain[sizeof(ends)], scratch[sizeof(ends)];
    for (size_t n = 0; n < sizeof(BLOSC_LZ4_BYTES); n++) {
        uint8_t *cut = malloc(n ? n : 1);
        assert_non_null(cut);
        memcpy(cut, BLOSC_LZ4_BYTES, n);
        assert_status(
            plim_zarr_unpack(PLIM_ZARR_BLOSC, cut, n, plain, sizeof(plain), scratch, &err),
            PLIM_E_FORMAT);
        if (n >= 16) { /* and when its header says so */
            uint32_t bytes = (uint32_t)n;
            memcpy(cut + 12, &bytes, 4);
            assert_status(
                plim_zarr_unpack(PLIM_ZARR_BLOSC, cut, n, plain, sizeof(plain), scratch, &err),
                PLIM_E_FORMAT);
        }
        free(cut);
    }
}

/* ---- what is not a replay buffer ---- */

static void array_without_ends_is_one_episode(void **state)
{
    (void)state;
    made_zarr_init(&made);
    made_zarr_array(&made, "depth", "<f4", "[10,16,16]", "[4,16,16]", NULL);
    made_zarr_put(&made, "depth/0.0.0", CHUNK, 77);
    survey_totals t = walk_made();

    assert_int_equal(t.episode_count, 1);
    assert_int_equal(t.frame_count, 10);
    assert_int_equal(t.incomplete_count, 0);
    assert_int_equal(t.memory_bytes[PLIM_FEATURE_VIDEO], 10 * 16 * 16 * 4);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void newer_zarr_is_refused_by_name(void **state)
{
    (void)state;
    survey_totals t;
    const char *path = fresh("");
    made_zarr_init(&made);
    made_zarr_put(&made, "zarr.json", "{\"zarr_format\":3}", 17);
    made_zarr_folder(&made, path);

    assert_status(survey_try(path, &t, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.found, "zarr v3");
}

static void shape_alone_makes_no_episodes(void **state)
{
    (void)state;
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "meta/episode_ends/.zarray");
    made_zarr_array(&made, "meta/episode_ends", "<i8", "[9000000000000000000]", "[4]", NULL);
    made_zarr_put(&made, "meta/episode_ends/2249999999999999999", ends, 32);
    survey_totals t = walk_made();

    assert_int_equal(t.episode_count, 1);
    assert_int_equal(t.incomplete_count, 1);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void pointers_in_place_of_chunks_are_not_downloaded(void **state)
{
    (void)state;
    static const char pointer[] =
        "version https://git-lfs.github.com/spec/v1\n"
        "oid sha256:4d7a214614ab2935c943f9e0ff69d22eadbb8f32b1258daaa5e2ca24d17e2393\n"
        "size 12345\n";
    made_zarr_buffer(&made);
    made_zarr_remove(&made, "data/img/4.0.0.0");
    made_zarr_put(&made, "data/img/4.0.0.0", pointer, sizeof(pointer) - 1);
    survey_totals t = walk_made();

    assert_int_equal(t.incomplete_count, 1);
    assert_false(seen[3].is_complete);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void nothing_is_written_beside_the_chunks(void **state)
{
    (void)state;
    const char *path = fresh("");
    char command[PATH + 64];
    made_zarr_buffer(&made);
    made_zarr_folder(&made, path);
    snprintf(command, sizeof(command), "chmod -R a-w %s", path);
    assert_int_equal(system(command), 0);
    survey_totals t = walk(path);
    snprintf(command, sizeof(command), "test $(find %s -type f | wc -l) -eq %zu", path, made.count);
    int same = system(command);
    snprintf(command, sizeof(command), "chmod -R u+w %s", path);

    assert_int_equal(system(command), 0);
    assert_int_equal(same, 0);
    assert_int_equal(t.parts_bytes, bytes_made());
}

static void keys_of_chunks_are_told_from_other_names(void **state)
{
    (void)state;
    plim_zarr_array array;
    uint64_t first, end;
    static const char text[] = "{\"zarr_format\":2,\"dtype\":\">i2\",\"shape\":[10,4],"
                               "\"chunks\":[3,2],\"compressor\":null}";
    assert_ok(plim_zarr_array_parse(&array, text, sizeof(text) - 1, &err));
    assert_string_equal(array.dtype, "int16");
    assert_true(array.is_big_endian);

    assert_true(plim_zarr_array_rows(&array, "3.1", &first, &end));
    assert_int_equal(first, 9);
    assert_int_equal(end, 10);
    assert_false(plim_zarr_array_rows(&array, "4.0", &first, &end)); /* outside */
    assert_false(plim_zarr_array_rows(&array, "0.2", &first, &end));
    assert_false(plim_zarr_array_rows(&array, "0", &first, &end));
    assert_false(plim_zarr_array_rows(&array, "0.0.0", &first, &end));
    assert_false(plim_zarr_array_rows(&array, "00.0", &first, &end));
    assert_false(plim_zarr_array_rows(&array, "0.", &first, &end));
    assert_false(plim_zarr_array_rows(&array, ".zattrs", &first, &end));
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        assert_status(plim_zarr_array_parse(&array, text, n, &err), PLIM_E_FORMAT);
    }
}

int main(void)
{
    for (uint32_t i = 0; i < BLOSC_FRAME_VALUES; i++) {
        ends[i] = 3 * (int64_t)(i + 1);
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(episodes_of_a_folder_add_up_to_its_files),
        cmocka_unit_test(zip_files_give_what_the_folder_gives),
        cmocka_unit_test(chunk_is_shared_by_rows_to_the_byte),
        cmocka_unit_test(chunks_that_are_missing_are_in_memory_only),
        cmocka_unit_test(rows_after_the_last_episode_are_nobodys),
        cmocka_unit_test(ends_that_fall_make_an_empty_incomplete_episode),
        cmocka_unit_test(more_than_one_batch_of_episodes_adds_up),
        cmocka_unit_test(nested_keys_are_the_same_chunks),
        cmocka_unit_test(ends_are_read_from_every_compression),
        cmocka_unit_test(blosc_frames_hold_zlib_or_plain_values),
        cmocka_unit_test(ends_that_cannot_be_unpacked_leave_one_declared_episode),
        cmocka_unit_test(blosc_frame_cut_at_every_byte_is_damaged),
        cmocka_unit_test(array_without_ends_is_one_episode),
        cmocka_unit_test(newer_zarr_is_refused_by_name),
        cmocka_unit_test(shape_alone_makes_no_episodes),
        cmocka_unit_test(pointers_in_place_of_chunks_are_not_downloaded),
        cmocka_unit_test(nothing_is_written_beside_the_chunks),
        cmocka_unit_test(keys_of_chunks_are_told_from_other_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
