/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_hdf5.c - HDF5 episodes through the program beside the library, and what it does
 * when that program dies or talks nonsense. */
#include <sys/stat.h>
#include <unistd.h>

#include "src/survey/hdf5_wire.h"
#include "test/support/cm.h"
#include "test/support/survey_walk.h"

static plim_error err;
static plim_survey_feature seen[512];
static uint32_t seen_count;
static uint64_t seen_frames[64];
static uint32_t episode_count;

static void remember(const plim_survey_episode *e)
{
    for (uint32_t i = 0; i < e->feature_count && seen_count < 512; i++) {
        seen[seen_count++] = e->features[i];
    }
    if (episode_count < 64) {
        seen_frames[episode_count++] = e->frames;
    }
}

static survey_totals walk_data(const char *name)
{
    char path[256];
    snprintf(path, sizeof(path), "episodes/aloha-made-hdf5%s%s", name[0] ? "/" : "", name);
    const char *found = cm_data(path);
    if (!found) {
        skip_because("%s is not there", path);
    }
    seen_count = episode_count = 0;
    return survey_walk(found, remember);
}

static const plim_survey_feature *feature(const char *name)
{
    for (uint32_t i = 0; i < seen_count; i++) {
        if (strcmp(seen[i].name, name) == 0) {
            return &seen[i];
        }
    }
    fail_msg("no feature %s", name);
    return NULL;
}

static void raw_pictures_weigh_the_same_on_disk_and_in_memory(void **state)
{
    (void)state;
    survey_totals t = walk_data("episode_0.hdf5");

    assert_int_equal(t.parts_bytes, 2782032);
    assert_int_equal(t.file_bytes, 2782032);
    assert_int_equal(feature("observations/images/cam_high")->disk_bytes, 24 * 160 * 120 * 3);
    assert_int_equal(feature("observations/images/cam_high")->memory_bytes, 24 * 160 * 120 * 3);
    assert_string_equal(feature("observations/qpos")->dtype, "float32");
    assert_int_equal(seen_frames[0], 24);
}

static void padded_and_variable_jpegs_decode_to_equal_bytes(void **state)
{
    (void)state;
    static const char *const FILES[] = {"episode_1.hdf5", "trajectory_vlen.hdf5"};
    static const char *const CAMERAS[] = {"observations/images/cam_high",
                                          "observations/rgb_images/camera_top"};
    for (int i = 0; i < 2; i++) {
        survey_totals t = walk_data(FILES[i]);

        assert_int_equal(t.parts_bytes, t.file_bytes);
        assert_int_equal(feature(CAMERAS[i])->memory_bytes, 24 * 160 * 120 * 3);
        assert_string_equal(feature(CAMERAS[i])->codec, "jpeg");
        assert_int_equal(feature(CAMERAS[i])->known, PLIM_FIGURE_SAMPLED);
    }
}

static void each_demo_is_an_episode(void **state)
{
    (void)state;
    survey_totals t = walk_data("robomimic_image.hdf5");

    assert_int_equal(t.episode_count, 2);
    assert_int_equal(seen_frames[0], 10);
    assert_int_equal(seen_frames[1], 14);
    assert_int_equal(t.parts_bytes, 1943776);
    assert_int_equal(t.file_bytes, 1943776);
}

static void folder_of_files_adds_up(void **state)
{
    (void)state;
    survey_totals t = walk_data("");

    assert_int_equal(t.episode_count, 5);
    assert_int_equal(t.incomplete_count, 0);
    assert_int_equal(t.parts_bytes, t.file_bytes);
}

/* A copy of a real file with @size of its bytes, and one of them changed. */
static const char *write_copy(const uint8_t *data, size_t size, size_t at, uint8_t mask)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/copy.hdf5", cm_tmp());
    uint8_t *copy = malloc(size ? size : 1);
    FILE *f = fopen(path, "wbe");
    assert_non_null(f);
    assert_non_null(copy);
    memcpy(copy, data, size);
    if (at < size) {
        copy[at] ^= mask;
    }
    assert_int_equal(fwrite(copy, 1, size, f), size);
    fclose(f);
    free(copy);
    return path;
}

static void damaged_files_are_answers_and_still_add_up(void **state)
{
    (void)state;
    const char *found = cm_data("episodes/aloha-made-hdf5/episode_1.hdf5");
    if (!found) {
        skip_because("no HDF5 file is there");
    }
    size_t bytes;
    uint8_t *data = survey_file(found, &bytes);
    uint64_t seed = cm_seed();
    for (int i = 0; i < 48; i++) {
        size_t size = i % 3 ? bytes : (size_t)(cm_next(&seed) % bytes);
        size_t at = (size_t)(cm_next(&seed) % 16384);
        survey_totals t;
        plim_status status =
            survey_try(write_copy(data, size, at, (uint8_t)(1u << (i % 8))), &t, &err);

        if (status == PLIM_OK) {
            assert_int_equal(t.parts_bytes, t.file_bytes);
        } else {
            assert_true(status == PLIM_E_UNSUPPORTED || status == PLIM_E_FORMAT);
        }
    }
    free(data);
}

/* A program in the reader's place: @script is run by sh. */
static void replace_program(const char *script)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/reader.sh", cm_tmp());
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fprintf(f, "#!/bin/sh\n%s\n", script);
    fclose(f);
    assert_int_equal(chmod(path, 0700), 0);
    setenv("PLIMSOLL_HDF5", path, 1);
}

static void reader_that_dies_makes_the_file_damaged(void **state)
{
    (void)state;
    static const char *const SCRIPTS[] = {"kill -SEGV $$", "exit 0", "head -c 5000 /dev/zero",
                                          "printf nonsense"};
    static const uint8_t magic[512] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    const char *path = write_copy(magic, sizeof(magic), sizeof(magic), 0);
    for (size_t i = 0; i < 4; i++) {
        survey_totals t;
        replace_program(SCRIPTS[i]);

        assert_ok(survey_try(path, &t, &err));
        assert_int_equal(t.incomplete_count, 1);
        assert_int_equal(t.parts_bytes, sizeof(magic));
    }
    unsetenv("PLIMSOLL_HDF5");
}

static void arrays_that_claim_too_much_are_cut_to_the_file(void **state)
{
    (void)state;
    static plim_hdf5_record records[4];
    char records_path[512], script[600];
    static const uint8_t magic[512] = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1A, '\n'};
    for (size_t i = 0; i < 4; i++) {
        records[i] = (plim_hdf5_record){.wire = PLIM_HDF5_WIRE, .disk_bytes = UINT64_MAX};
        memset(records[i].name, 'n', sizeof(records[i].name)); /* not even terminated */
    }
    records[0].kind = PLIM_HDF5_EPISODE;
    records[1].kind = PLIM_HDF5_FEATURE;
    records[1].is_picture = 1;
    records[1].width = records[1].height = records[1].channels = UINT32_MAX;
    records[1].frames = UINT64_MAX;
    records[2].kind = PLIM_HDF5_CONTAINER;
    records[3].kind = PLIM_HDF5_EPISODE_END;
    snprintf(records_path, sizeof(records_path), "%s/records", cm_tmp());
    FILE *f = fopen(records_path, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(records, sizeof(records[0]), 4, f), 4);
    fclose(f);
    snprintf(script, sizeof(script), "cat %s", records_path);
    const char *path = write_copy(magic, sizeof(magic), sizeof(magic), 0);
    survey_totals t;
    replace_program(script);

    assert_ok(survey_try(path, &t, &err));
    assert_int_equal(t.parts_bytes, sizeof(magic));
    assert_true(t.incomplete_count > 0);
    unsetenv("PLIMSOLL_HDF5");
}

static void pointer_in_a_folder_is_an_episode_that_is_not_there(void **state)
{
    (void)state;
    char folder[400], path[512];
    snprintf(folder, sizeof(folder), "%s/pointers", cm_tmp());
    assert_int_equal(mkdir(folder, 0700), 0);
    snprintf(path, sizeof(path), "%s/episode_3.hdf5", folder);
    FILE *f = fopen(path, "we");
    assert_non_null(f);
    fputs("version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2414613\n", f);
    fclose(f);

    survey_totals t = survey_walk(folder, NULL);

    assert_int_equal(t.episode_count, 1);
    assert_int_equal(t.incomplete_count, 1);
    assert_int_equal(t.parts_bytes, t.file_bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(raw_pictures_weigh_the_same_on_disk_and_in_memory),
        cmocka_unit_test(padded_and_variable_jpegs_decode_to_equal_bytes),
        cmocka_unit_test(each_demo_is_an_episode),
        cmocka_unit_test(folder_of_files_adds_up),
        cmocka_unit_test(damaged_files_are_answers_and_still_add_up),
        cmocka_unit_test(reader_that_dies_makes_the_file_damaged),
        cmocka_unit_test(arrays_that_claim_too_much_are_cut_to_the_file),
        cmocka_unit_test(pointer_in_a_folder_is_an_episode_that_is_not_there),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
