/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_sums.c - sizes that no file holds, only claims: a sum fits or is refused by name. */
#include "src/survey/bag.h"
#include "src/survey/survey_reader.h"
#include "test/support/cm.h"

#define HALF (UINT64_C(1) << 63)

static plim_error err;
static plim_survey_feature features[2];
static plim_survey_episode episode;
static plim_survey_sums sums;

static int start(void **state)
{
    (void)state;
    memset(features, 0, sizeof(features));
    memset(&sums, 0, sizeof(sums));
    snprintf(features[0].name, sizeof(features[0].name), "first");
    snprintf(features[1].name, sizeof(features[1].name), "second");
    features[0].has_data = features[1].has_data = true;
    episode = (plim_survey_episode){.features = features, .feature_count = 2, .frames = 7};
    return 0;
}

static void refuses(const char *field, const char *which)
{
    const plim_survey_sums before = sums;
    assert_status(plim_survey_add_up(&sums, &episode, &err), PLIM_E_RANGE);
    assert_string_equal(err.field, field);
    assert_string_equal(err.detail, which);
    assert_memory_equal(&before, &sums, sizeof(sums));
}

static void an_episode_is_what_its_parts_say(void **state)
{
    (void)state;
    features[0].disk_bytes = 5;
    features[1].memory_bytes = 11;
    episode.containers[0] = (plim_survey_container){.name = "head", .bytes = 2};
    episode.container_count = 1;

    assert_ok(plim_survey_add_up(&sums, &episode, &err));
    assert_ok(plim_survey_add_up(&sums, &episode, &err));

    assert_int_equal(episode.disk_bytes, 7);
    assert_int_equal(sums.disk_bytes, 14);
    assert_int_equal(sums.memory_bytes, 22);
    assert_int_equal(sums.frames, 14);
}

static void parts_on_disk_that_do_not_fit_are_named(void **state)
{
    (void)state;
    features[0].disk_bytes = features[1].disk_bytes = HALF;

    refuses("bytes on disk", "second");
    assert_int_equal(episode.disk_bytes, 0);
}

static void a_container_that_does_not_fit_is_named(void **state)
{
    (void)state;
    features[0].disk_bytes = HALF;
    episode.containers[0] = (plim_survey_container){.name = "head", .bytes = HALF};
    episode.container_count = 1;

    refuses("bytes on disk", "head");
}

static void parts_in_memory_that_do_not_fit_are_named(void **state)
{
    (void)state;
    features[0].memory_bytes = features[1].memory_bytes = HALF;

    refuses("bytes in memory", "second");
}

static void pictures_must_fit_in_every_form_that_can_be_asked_for(void **state)
{
    (void)state;
    assert_true(plim_survey_pictures(&features[0], 1u << 31, 1u << 31, 3, 24, 1));

    refuses("bytes in memory", "first"); /* 3 bytes a pixel fit, 12 do not */
}

static void a_decoder_larger_than_any_memory_is_no_small_number(void **state)
{
    uint64_t bytes;
    (void)state;
    assert_false(plim_survey_pictures(&features[0], UINT32_MAX, UINT32_MAX, 3, 24, 1));
    snprintf(features[0].codec, sizeof(features[0].codec), "h264");

    (void)plim_survey_decoder(&features[0], &bytes);

    assert_int_equal(bytes, UINT64_MAX);
    refuses("bytes in memory", "first");
}

static void episodes_that_fit_alone_may_not_fit_together(void **state)
{
    (void)state;
    features[0].disk_bytes = HALF;
    assert_ok(plim_survey_add_up(&sums, &episode, &err));

    refuses("bytes on disk", "all episodes");

    features[0].disk_bytes = 0;
    episode.frames = UINT64_MAX - 1;
    refuses("frames", "all episodes");
}

static void a_topic_counts_to_the_end_and_no_further(void **state)
{
    static plim_bag bag;
    uint32_t topic;
    (void)state;
    plim_bag_init(&bag, NULL);
    assert_ok(plim_bag_topic_find(&bag, "/a", "", "", &topic, &err));

    plim_bag_count(&bag, topic, HALF, HALF, HALF, false);
    plim_bag_count(&bag, topic, HALF, HALF, 1, true);

    assert_int_equal(bag.topics[topic].message_count, UINT64_MAX);
    assert_int_equal(bag.topics[topic].payload_bytes, UINT64_MAX);
    assert_int_equal(bag.topics[topic].disk_bytes, HALF + 1);
    assert_true(bag.topics[topic].is_share);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(an_episode_is_what_its_parts_say, start),
        cmocka_unit_test_setup(parts_on_disk_that_do_not_fit_are_named, start),
        cmocka_unit_test_setup(a_container_that_does_not_fit_is_named, start),
        cmocka_unit_test_setup(parts_in_memory_that_do_not_fit_are_named, start),
        cmocka_unit_test_setup(pictures_must_fit_in_every_form_that_can_be_asked_for, start),
        cmocka_unit_test_setup(a_decoder_larger_than_any_memory_is_no_small_number, start),
        cmocka_unit_test_setup(episodes_that_fit_alone_may_not_fit_together, start),
        cmocka_unit_test_setup(a_topic_counts_to_the_end_and_no_further, start),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
