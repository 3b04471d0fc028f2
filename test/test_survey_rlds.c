/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_rlds.c - TFRecord episodes, written here record by record. */
#include "src/survey/rlds_features.h"
#include "src/survey/tfrecord.h"
#include "test/support/cm.h"
#include "test/support/survey_walk.h"

static plim_error err;
static plim_example example;
static uint8_t room[65536];

/* ---- a writer of tf.train.Example ---- */

static size_t put_varint(uint8_t *to, uint64_t n)
{
    size_t i = 0;
    for (; n > 127; n >>= 7) {
        to[i++] = (uint8_t)(n | 128);
    }
    to[i++] = (uint8_t)n;
    return i;
}

/* A field of type 2: its key, length and content. */
static size_t put_field(uint8_t *to, unsigned number, const void *data, size_t bytes)
{
    size_t n = put_varint(to, number << 3 | 2);
    n += put_varint(to + n, bytes);
    memcpy(to + n, data, bytes);
    return n + bytes;
}

/* A map entry: @list is the content of the list of @kind. */
static size_t put_entry(uint8_t *to, const char *key, unsigned kind, const uint8_t *list,
                        size_t list_bytes)
{
    static uint8_t feature[8192], entry[16384];
    size_t n = put_field(feature, kind, list, list_bytes);
    size_t m = put_field(entry, 1, key, strlen(key));
    m += put_field(entry + m, 2, feature, n);
    return put_field(to, 1, entry, m);
}

static const uint8_t PNG[26] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n', 0, 0, 0,  13, 'I',
                                'H',  'D', 'R', 0,   0,    0,    32,   0,    0, 0, 24, 8,  2};

/* One episode of 3 steps: pictures, actions of 7, flags, a text. */
static size_t make_record(uint8_t *to)
{
    static uint8_t features[32768], list[8192], data[32768];
    uint8_t floats[3 * 7 * 4] = {0}, flags[3] = {1, 0, 0};
    size_t n = 0, m = 0;
    for (int i = 0; i < 3; i++) {
        m += put_field(list + m, 1, PNG, sizeof(PNG));
    }
    n += put_entry(features + n, "steps/observation/image", 1, list, m);
    n += put_entry(features + n, "steps/action", 2, list, put_field(list, 1, floats, 84));
    n += put_entry(features + n, "steps/is_first", 3, list, put_field(list, 1, flags, 3));
    n += put_entry(features + n, "episode_metadata/file_path", 1, list,
                   put_field(list, 1, "somewhere", 9));
    size_t bytes = put_field(data, 1, features, n);
    uint64_t length = bytes;
    uint32_t crc;
    memcpy(to, &length, 8);
    crc = plim_tfrecord_mask(plim_crc32c(to, 8, 0));
    memcpy(to + 8, &crc, 4);
    memcpy(to + 12, data, bytes);
    crc = plim_tfrecord_mask(plim_crc32c(data, bytes, 0));
    memcpy(to + 12 + bytes, &crc, 4);
    return bytes + 16;
}

static const char *write_file(const char *name, const uint8_t *data, size_t bytes)
{
    static char path[512];
    snprintf(path, sizeof(path), "%s/%s", cm_tmp(), name);
    FILE *f = fopen(path, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, bytes, f), bytes);
    fclose(f);
    return path;
}

/* ---- the tests ---- */

static void checksum_is_the_one_of_the_standard(void **state)
{
    (void)state;
    assert_int_equal(plim_crc32c((const uint8_t *)"123456789", 9, 0), 0xe3069283u);
}

static plim_survey_feature seen[8];
static uint32_t seen_count;
static void remember(const plim_survey_episode *e)
{
    seen_count = e->feature_count < 8 ? e->feature_count : 8;
    memcpy(seen, e->features, seen_count * sizeof(seen[0]));
    assert_int_equal(e->frames, 3);
}

static void record_is_an_episode_and_its_parts_are_the_whole(void **state)
{
    (void)state;
    size_t n = make_record(room);
    n += make_record(room + n);
    survey_totals t = survey_walk(write_file("two.tfrecord", room, n), remember);

    assert_int_equal(t.episode_count, 2);
    assert_int_equal(t.parts_bytes, n);
    assert_int_equal(t.file_bytes, n);
    assert_int_equal(seen_count, 4);
    assert_int_equal(seen[0].group, PLIM_FEATURE_VIDEO);
    assert_int_equal(seen[0].memory_bytes, 3 * 32 * 24 * 3);
    assert_int_equal(seen[1].group, PLIM_FEATURE_STATE_ACTION);
    assert_int_equal(seen[1].memory_bytes, 84);
    assert_int_equal(seen[1].shape[0], 7);
    assert_int_equal(seen[3].memory_bytes, 9);
}

static void record_cut_at_every_byte_is_a_typed_error(void **state)
{
    (void)state;
    size_t bytes = make_record(room);
    for (size_t n = 0; n < bytes; n++) {
        plim_file_bytes file;
        uint64_t data_bytes;
        plim_file_bytes_from_memory(&file, room, n);
        assert_status(plim_tfrecord_read(&example, &file, 0, &data_bytes, &err), PLIM_E_FORMAT);
    }
}

static void cut_file_keeps_its_whole_episodes(void **state)
{
    (void)state;
    size_t one = make_record(room), n = one + make_record(room + one) - 1;
    survey_totals t = survey_walk(write_file("cut.tfrecord", room, n), NULL);

    assert_int_equal(t.episode_count, 2);
    assert_int_equal(t.incomplete_count, 1);
    assert_int_equal(t.parts_bytes, n);
}

static void damaged_value_is_found_when_asked_to_look(void **state)
{
    (void)state;
    size_t bytes = make_record(room);
    plim_file_bytes file;
    uint64_t data_bytes;
    room[bytes - 8] ^= 1; /* in the last text */
    plim_file_bytes_from_memory(&file, room, bytes);
    assert_ok(plim_tfrecord_read(&example, &file, 0, &data_bytes, &err));
    example.is_exact = true;
    assert_status(plim_tfrecord_read(&example, &file, 0, &data_bytes, &err), PLIM_E_FORMAT);
    assert_string_equal(err.field, "data");
    example.is_exact = false;
}

static void shapes_come_from_the_tree_of_features(void **state)
{
    (void)state;
    static plim_rlds_features features;
    static const char text[] =
        "{\"featuresDict\":{\"features\":{\"steps\":{\"sequence\":{\"feature\":{\"featuresDict\":"
        "{\"features\":{\"action\":{\"tensor\":{\"shape\":{\"dimensions\":[\"7\"]},\"dtype\":"
        "\"float64\"}},\"observation\":{\"featuresDict\":{\"features\":{\"image\":{\"image\":"
        "{\"shape\":{\"dimensions\":[\"24\",\"32\",\"3\"]},\"dtype\":\"uint8\"}}}}}}}}}}}}}";
    plim_file_bytes file;
    plim_file_bytes_from_memory(&file, text, sizeof(text) - 1);
    assert_ok(plim_rlds_features_read(&file, &features, &err));

    const plim_rlds_feature *action = plim_rlds_feature_find(&features, "steps/action");
    assert_non_null(action);
    assert_string_equal(action->dtype, "float64");
    assert_int_equal(action->shape[0], 7);
    assert_non_null(plim_rlds_feature_find(&features, "steps/observation/image"));
    for (size_t n = 0; n < sizeof(text) - 1; n++) {
        plim_file_bytes_from_memory(&file, text, n);
        assert_status(plim_rlds_features_read(&file, &features, &err), PLIM_E_FORMAT);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(checksum_is_the_one_of_the_standard),
        cmocka_unit_test(record_is_an_episode_and_its_parts_are_the_whole),
        cmocka_unit_test(record_cut_at_every_byte_is_a_typed_error),
        cmocka_unit_test(cut_file_keeps_its_whole_episodes),
        cmocka_unit_test(damaged_value_is_found_when_asked_to_look),
        cmocka_unit_test(shapes_come_from_the_tree_of_features),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
