/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_mcap.c - MCAP files: one recording in five containers, real files, cut files. */
#include "src/survey/mcap.h"
#include "test/support/cm.h"
#include "test/support/survey_walk.h"

static plim_error err;
static plim_bag bag;
static plim_mcap_work work;

static plim_status read_bytes(const uint8_t *data, size_t bytes)
{
    plim_file_bytes file;
    plim_file_bytes_from_memory(&file, data, bytes);
    plim_bag_init(&bag, NULL);
    return plim_mcap_read(&work, &file, &bag, &err);
}

static const plim_bag_topic *topic(const char *name)
{
    for (uint32_t i = 0; i < bag.topic_count; i++) {
        if (strcmp(bag.topics[i].name, name) == 0) {
            return &bag.topics[i];
        }
    }
    return NULL;
}

static uint8_t *recording(const char *name, size_t *bytes)
{
    char path[256];
    snprintf(path, sizeof(path), "episodes/%s", name);
    const char *found = cm_data(path);
    if (!found) {
        skip_because("%s is not there", path);
    }
    return survey_file(found, bytes);
}

static void one_recording_has_equal_bytes_in_every_container(void **state)
{
    (void)state;
    static const char *const NAMES[] = {"lz4", "nochunk", "none", "nosummary", "zstd"};
    static const struct {
        const char *name;
        uint64_t messages, payload;
    } WANTED[] = {{"/camera/front/image_raw", 24, 222432},
                  {"/camera/wrist/image_raw/compressed", 24, 97860},
                  {"/joint_states", 96, 19968},
                  {"/task", 1, 34}};
    for (size_t i = 0; i < 5; i++) {
        for (int exact = 0; exact < 2; exact++) {
            char name[64];
            size_t bytes;
            snprintf(name, sizeof(name), "mcap-ros2-made/ros2_camera_%s.mcap", NAMES[i]);
            uint8_t *data = recording(name, &bytes);
            work.is_exact = exact;
            assert_ok(read_bytes(data, bytes));
            free(data);

            assert_false(bag.is_incomplete);
            for (size_t k = 0; k < 4; k++) {
                assert_non_null(topic(WANTED[k].name));
                assert_int_equal(topic(WANTED[k].name)->message_count, WANTED[k].messages);
                assert_int_equal(topic(WANTED[k].name)->payload_bytes, WANTED[k].payload);
            }
        }
    }
    work.is_exact = false;
}

static void pictures_have_the_size_that_their_first_bytes_say(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = recording("mcap-ros2-made/ros2_camera_none.mcap", &bytes);
    assert_ok(read_bytes(data, bytes));
    free(data);

    const plim_bag_topic *raw = topic("/camera/front/image_raw");
    const plim_bag_topic *jpeg = topic("/camera/wrist/image_raw/compressed");
    assert_int_equal(raw->kind, PLIM_MESSAGE_RAW_IMAGE);
    assert_int_equal(raw->image.width, 64);
    assert_int_equal(raw->image.height, 48);
    assert_int_equal(raw->image_count, 24);
    assert_int_equal(jpeg->image.width, 160);
    assert_string_equal(jpeg->image.codec, "jpeg");
    assert_int_equal(topic("/joint_states")->kind, PLIM_MESSAGE_STATE);
}

static void compressed_file_is_counted_without_unpacking_it(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = recording("mcap-ros2-made/ros2_camera_zstd.mcap", &bytes);
    memset(data + 70000, 0xEE, 20000); /* the inside of the third chunk: no picture is looked at */
    assert_ok(read_bytes(data, bytes));
    free(data);

    assert_false(bag.is_incomplete);
    assert_int_equal(topic("/joint_states")->payload_bytes, 19968);
}

static void cut_file_keeps_what_is_whole_and_says_so(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = recording("mcap-ros2-made/ros2_camera_nochunk.mcap", &bytes);
    uint64_t before = 0;
    for (size_t n = 0; n < bytes; n += n < 4096 ? 1 : 509) {
        plim_status status = read_bytes(data, n);

        if (status == PLIM_OK) {
            assert_true(bag.is_incomplete);
            assert_true(bag.message_count >= before);
            assert_true(plim_bag_container_bytes(&bag) <= n);
            before = bag.message_count;
        } else {
            assert_int_equal(status, PLIM_E_FORMAT);
        }
    }
    assert_true(before >= 140);
    free(data);
}

static void parts_of_real_files_are_the_whole(void **state)
{
    (void)state;
    static const char *const PATHS[] = {"episodes/mcap-ros2-made",
                                        "episodes/rosbag2/mcap/talker/talker.mcap",
                                        "episodes/rosbag2/mcap/topics_and_services"};
    for (size_t i = 0; i < 3; i++) {
        const char *path = cm_data(PATHS[i]);
        if (!path) {
            skip_because("%s is not there", PATHS[i]);
        }
        survey_totals totals = survey_walk(path, NULL);
        assert_true(totals.episode_count > 0);
        assert_int_equal(totals.parts_bytes, totals.file_bytes);
    }
}

static void file_that_is_none_is_refused(void **state)
{
    (void)state;
    static const uint8_t text[64] = "this is no recording";
    assert_status(read_bytes(text, sizeof(text)), PLIM_E_FORMAT);
    assert_string_equal(err.field, "magic");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_recording_has_equal_bytes_in_every_container),
        cmocka_unit_test(pictures_have_the_size_that_their_first_bytes_say),
        cmocka_unit_test(compressed_file_is_counted_without_unpacking_it),
        cmocka_unit_test(cut_file_keeps_what_is_whole_and_says_so),
        cmocka_unit_test(parts_of_real_files_are_the_whole),
        cmocka_unit_test(file_that_is_none_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
