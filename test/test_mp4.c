/* SPDX-License-Identifier: Apache-2.0 */
/* test_mp4.c - the box walker, on made files, real files, and files that lie. */
#include "src/episode/mp4.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

#define MADE_VIDEO "videos/chunk-000/" MADE_CAMERA "/episode_000000.mp4"

static plim_error err;

static uint8_t *made_video(const char *arguments, size_t *bytes)
{
    return made_file(made_episode(arguments), MADE_VIDEO, bytes);
}

static plim_status read_bytes(const uint8_t *data, size_t bytes, plim_mp4 *out)
{
    plim_file_bytes file;
    plim_file_bytes_from_memory(&file, data, bytes);
    plim_status status = plim_mp4_read(&file, out, &err);
    if (status == PLIM_OK && out->sample_count <= 4096) {
        int64_t ticks[4096];
        status = plim_mp4_ticks(&file, out, ticks, &err);
    }
    return status;
}

/* The first box of @type, by its four characters; the type's first byte. */
static uint8_t *find_box(uint8_t *data, size_t bytes, const char *type)
{
    for (size_t i = 4; i + 4 <= bytes; i++) {
        if (memcmp(data + i, type, 4) == 0) {
            return data + i;
        }
    }
    fail_msg("no box %s", type);
    return NULL;
}

static void made_video_is_read_whole(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_video("-n 48 -s 128", &bytes);
    plim_file_bytes file;
    plim_mp4 mp4;
    int64_t ticks[48];

    plim_file_bytes_from_memory(&file, data, bytes);
    assert_ok(plim_mp4_read(&file, &mp4, &err));
    assert_ok(plim_mp4_ticks(&file, &mp4, ticks, &err));

    assert_int_equal(mp4.sample_count, 48);
    assert_int_equal(mp4.width, 128);
    assert_int_equal(mp4.height, 128);
    assert_int_equal(mp4.keyframe_count, 2); /* every 25 frames */
    assert_int_equal(mp4.sample_bytes + mp4.container_bytes, bytes);
    for (unsigned i = 0; i < 48; i++) { /* in order of showing, though stored in another */
        assert_int_equal(ticks[i] * 20, (int64_t)i * mp4.timescale);
    }
    free(data);
}

static void real_video_has_the_bytes_that_were_measured(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20/" MADE_VIDEO);
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_file_bytes file;
    plim_mp4 mp4;
    assert_ok(plim_file_bytes_open(&file, path, &err));
    assert_ok(plim_mp4_read(&file, &mp4, &err));
    assert_string_equal(mp4.codec, "avc1");
    assert_int_equal(mp4.sample_count, 416);
    assert_int_equal(mp4.keyframe_count, 2);
    assert_int_equal(mp4.sample_bytes, 1137384);
    assert_int_equal(mp4.container_bytes, 5709);
    assert_int_equal(mp4.width, 256);
    assert_int_equal(mp4.height, 256);
    plim_file_bytes_close(&file);
}

static void video_cut_at_every_byte_is_a_typed_error(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_video("-n 4 -s 16", &bytes);
    plim_mp4 mp4;
    assert_true(bytes < 16384);
    for (size_t n = 0; n < bytes; n++) {
        uint8_t *cut = malloc(n ? n : 1); /* exact, so that a sanitizer sees a read past it */
        assert_non_null(cut);
        memcpy(cut, data, n);
        plim_status status = read_bytes(cut, n, &mp4);
        if (status != PLIM_E_FORMAT && status != PLIM_E_UNSUPPORTED) {
            fail_msg("cut at %zu: %s", n, plim_status_name(status));
        }
        assert_int_equal(mp4.sample_count, 0);
        free(cut);
    }
    free(data);
}

static void counts_beyond_their_box_are_refused(void **state)
{
    (void)state;
    static const struct {
        const char *box;
        unsigned at; /* from the type on */
    } counts[] = {{"stsz", 12}, {"stts", 8}, {"stss", 8}, {"elst", 8}};
    size_t bytes;
    uint8_t *data = made_video("-n 6 -s 16", &bytes);
    plim_mp4 mp4;
    assert_int_equal(read_bytes(data, bytes, &mp4), PLIM_OK);
    for (unsigned i = 0; i < 4; i++) {
        uint8_t *at = find_box(data, bytes, counts[i].box) + counts[i].at, kept[4];
        memcpy(kept, at, 4);
        memset(at, 0x7f, 4);
        assert_status(read_bytes(data, bytes, &mp4), PLIM_E_FORMAT);
        assert_string_equal(err.field, counts[i].box);
        memcpy(at, kept, 4);
    }
    free(data);
}

static void sizes_that_lie_are_refused(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_video("-n 6 -s 16", &bytes);
    plim_mp4 mp4;
    uint8_t *sizes = find_box(data, bytes, "stsz"), kept = sizes[16];
    sizes[16] = 0x7f; /* one sample larger than the file */
    assert_status(read_bytes(data, bytes, &mp4), PLIM_E_FORMAT);
    assert_string_equal(err.found, "more bytes than the file");
    sizes[16] = kept;
    uint8_t *run = find_box(data, bytes, "stts") + 12; /* fewer times than samples */
    memset(run, 0, 4);
    assert_status(read_bytes(data, bytes, &mp4), PLIM_E_FORMAT);
    free(data);
}

static void fragmented_file_is_unsupported_by_name(void **state)
{
    (void)state;
    size_t bytes;
    uint8_t *data = made_video("-n 6 -s 16", &bytes);
    plim_mp4 mp4;
    memcpy(find_box(data, bytes, "free"), "moof", 4);
    assert_status(read_bytes(data, bytes, &mp4), PLIM_E_UNSUPPORTED);
    assert_non_null(strstr(err.found, "fragmented"));
    free(data);
}

static void boxes_nested_without_end_are_refused(void **state)
{
    (void)state;
    enum { LEVELS = 2000 };
    static uint8_t data[LEVELS * 8];
    plim_mp4 mp4;
    for (uint32_t i = 0; i < LEVELS; i++) {
        uint32_t size = (LEVELS - i) * 8;
        uint8_t *box = data + i * 8;
        box[0] = (uint8_t)(size >> 24), box[1] = (uint8_t)(size >> 16);
        box[2] = (uint8_t)(size >> 8), box[3] = (uint8_t)size;
        memcpy(box + 4, "moov", 4);
    }
    assert_status(read_bytes(data, sizeof(data), &mp4), PLIM_E_FORMAT);
    assert_string_equal(err.found, "deeper");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_video_is_read_whole),
        cmocka_unit_test(real_video_has_the_bytes_that_were_measured),
        cmocka_unit_test(video_cut_at_every_byte_is_a_typed_error),
        cmocka_unit_test(counts_beyond_their_box_are_refused),
        cmocka_unit_test(sizes_that_lie_are_refused),
        cmocka_unit_test(fragmented_file_is_unsupported_by_name),
        cmocka_unit_test(boxes_nested_without_end_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
