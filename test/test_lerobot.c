/* SPDX-License-Identifier: Apache-2.0 */
/* test_lerobot.c - data sets by their metadata and the sizes of their files. */
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/episode.h"
#include "src/episode/lerobot.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;

static int start(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 64u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts r = plim_region_opts_default();
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = 8u << 20;
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    return 0;
}

static int finish(void **state)
{
    (void)state;
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

static bool warns(const plim_dataset *set, const char *part)
{
    for (uint32_t i = 0; plim_dataset_warning(set, i); i++) {
        if (strstr(plim_dataset_warning(set, i), part)) {
            return true;
        }
    }
    return false;
}

static uint64_t file_bytes(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void write_file(const char *folder, const char *name, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(text, 1, strlen(text), f), strlen(text));
    fclose(f);
}

static void real_episode_has_the_sizes_that_were_measured(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20");
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_dataset *set;
    plim_episode_size size;

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_ok(plim_dataset_measure(set, 0, &size, &err));

    assert_int_equal(size.frame_count, 416);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_VIDEO], 81788928);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_STATE_ACTION], 292864);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_OTHER], 23712);
    assert_int_equal(size.disk_bytes[PLIM_FEATURE_VIDEO], 1137384);
    assert_int_equal(size.disk_bytes[PLIM_FEATURE_STATE_ACTION], 168192);
    assert_int_equal(size.disk_bytes[PLIM_FEATURE_OTHER], 5937);
    assert_int_equal(size.container_bytes, 6356 + 5709);
    assert_int_equal(1137384 + 168192 + 5937 + size.container_bytes, 1323578);
    plim_dataset_close(set);
}

static void every_real_episode_sums_to_its_files(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20");
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_dataset *set;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    for (uint32_t i = 0; i < 5; i++) {
        char table[128], video[128];
        plim_episode_size s;
        snprintf(table, sizeof(table), "data/chunk-000/episode_%06u.parquet", i);
        snprintf(video, sizeof(video), "videos/chunk-000/" MADE_CAMERA "/episode_%06u.mp4", i);
        assert_ok(plim_dataset_measure(set, i, &s, &err));
        assert_int_equal(s.disk_bytes[0] + s.disk_bytes[1] + s.disk_bytes[2] + s.container_bytes,
                         file_bytes(path, table) + file_bytes(path, video));
    }
    assert_status(plim_dataset_measure(set, 5, &(plim_episode_size){0}, &err), PLIM_E_NOT_FOUND);
    plim_dataset_close(set);
}

static void real_metadata_that_lies_gives_one_warning_each(void **state)
{
    (void)state;
    const char *path = cm_data("episodes/groot-picknplace-v20");
    if (!path) {
        skip_because("episodes/groot-picknplace-v20 is not there");
    }
    plim_dataset *set;
    plim_episode_size size;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    const plim_dataset_info *info = plim_dataset_get_info(set);

    assert_string_equal(info->format, "lerobot");
    assert_string_equal(info->version, "v2.0");
    assert_true(info->has_modality);
    assert_int_equal(info->episode_count, 5);
    assert_int_equal(info->frame_count, 2096);
    assert_int_equal(info->feature_count, 12);
    assert_string_equal(info->features[0].name, "observation.images.egoview");
    assert_false(info->features[0].has_files);
    assert_true(info->features[1].has_files);
    assert_true(warns(set, "observation.images.egoview is declared in info.json but has no file"));
    assert_true(warns(set, "splits end at 100, 5 episodes"));
    assert_true(warns(set, "says 2 videos, found 5"));
    assert_true(warns(set, "says 0 chunks, found 1"));
    uint32_t count = info->warning_count;
    assert_int_equal(count, 4);
    for (uint32_t i = 0; i < 5; i++) { /* the same disagreement counts once */
        assert_ok(plim_dataset_measure(set, i, &size, &err));
    }
    assert_int_equal(info->warning_count, count);
    plim_dataset_close(set);
}

static void made_set_has_no_warning_and_exact_sizes(void **state)
{
    (void)state;
    const char *path = made_episode("-n 12,20 -s 64");
    plim_dataset *set;
    plim_episode_size size;

    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_int_equal(plim_dataset_get_info(set)->warning_count, 0);
    assert_int_equal(plim_dataset_get_info(set)->frame_count, 32);
    assert_ok(plim_dataset_measure(set, 1, &size, &err));

    assert_int_equal(size.frame_count, 20);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_VIDEO], 20 * 64 * 64 * 3);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_STATE_ACTION], 20 * 2 * 44 * 8);
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_OTHER], 20 * (4 + 4 * 8));
    assert_int_equal(size.disk_bytes[0] + size.disk_bytes[1] + size.disk_bytes[2] +
                         size.container_bytes,
                     file_bytes(path, "data/chunk-000/episode_000001.parquet") +
                         file_bytes(path, "videos/chunk-000/" MADE_CAMERA "/episode_000001.mp4"));
    assert_int_equal(plim_dataset_get_info(set)->warning_count, 0);
    plim_dataset_close(set);
}

static void closing_a_set_gives_its_memory_back(void **state)
{
    (void)state;
    const char *path = made_episode("-n 4 -s 64");
    uint64_t mark = plim_region_mark(home);
    plim_dataset *set;
    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_true(plim_region_mark(home) > mark);
    plim_dataset_close(set);
    assert_int_equal(plim_region_mark(home), mark);
}

static void set_without_files_is_refused_by_name(void **state)
{
    (void)state;
    const char *path = made_episode("-n 4,4 -s 64 -p -l 1");
    char name[PATH_MAX];
    plim_dataset *set;
    plim_episode_size size;

    assert_status(plim_dataset_open("/nonexistent", home, &set, &err), PLIM_E_NOT_FOUND);
    assert_null(set);
    snprintf(name, sizeof(name), "%s/data/chunk-000/episode_000001.parquet", path);
    assert_int_equal(unlink(name), 0);
    snprintf(name, sizeof(name), "%s/videos/chunk-000/" MADE_CAMERA "/episode_000000.mp4", path);
    assert_int_equal(unlink(name), 0);
    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_true(warns(set, "observation.images.phantom is declared in info.json but has no file"));
    assert_status(plim_dataset_measure(set, 1, &size, &err), PLIM_E_NOT_FOUND);
    assert_ok(plim_dataset_measure(set, 0, &size, &err));
    assert_int_equal(size.memory_bytes[PLIM_FEATURE_VIDEO], 0);
    assert_int_equal(size.frame_count, 4);
    assert_true(warns(set, MADE_CAMERA " has no file in episode 0"));
    assert_true(warns(set, "episode 0: 4 rows, episodes.jsonl says 5"));
    plim_dataset_close(set);
}

static void lfs_pointer_is_told_with_its_size(void **state)
{
    (void)state;
    const char *path = made_episode("-n 4 -s 64");
    plim_dataset *set;
    plim_episode_size size;
    write_file(path, "data/chunk-000/episode_000000.parquet",
               "version https://git-lfs.github.com/spec/v1\noid sha256:00\nsize 2414613\n");
    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_status(plim_dataset_measure(set, 0, &size, &err), PLIM_E_FORMAT);
    assert_string_equal(err.found, "an LFS pointer");
    assert_non_null(strstr(err.detail, "2414613 bytes not downloaded"));
    plim_dataset_close(set);
}

typedef struct bad_meta {
    const char *file, *text;
    plim_status status;
    const char *field;
} bad_meta;

#define INFO_HEAD                                                                                  \
    "{\"codebase_version\":\"v2.0\",\"fps\":20,\"chunks_size\":1000,"                              \
    "\"data_path\":\"data/{episode_index:06d}.parquet\","

static void damaged_metadata_is_refused_with_its_field(void **state)
{
    (void)state;
    static const bad_meta cases[] = {
        {"meta/info.json", "", PLIM_E_FORMAT, "JSON"},
        {"meta/info.json", "[1]", PLIM_E_FORMAT, "JSON"},
        {"meta/info.json", "{\"codebase_version\":\"v3.0\"}", PLIM_E_UNSUPPORTED,
         "codebase_version"},
        {"meta/info.json", "{\"codebase_version\":\"v2.0\",\"fps\":-1}", PLIM_E_FORMAT, "fps"},
        {"meta/info.json", "{\"codebase_version\":\"v2.0\",\"fps\":20,\"chunks_size\":0}",
         PLIM_E_FORMAT, "chunks_size"},
        {"meta/info.json", INFO_HEAD "\"features\":{}}", PLIM_E_FORMAT, "features"},
        {"meta/info.json", INFO_HEAD "\"features\":{\"a\":{\"dtype\":\"int64\",\"shape\":[-1]}}}",
         PLIM_E_FORMAT, "a"},
        {"meta/info.json",
         INFO_HEAD "\"features\":{\"v\":{\"dtype\":\"video\",\"shape\":[1,1,3]}}}", PLIM_E_FORMAT,
         "video_path"},
        {"meta/info.json",
         "{\"codebase_version\":\"v2.0\",\"fps\":20,\"chunks_size\":1,\"data_path\":"
         "\"../{episode_index}\",\"features\":{\"a\":{\"dtype\":\"int64\",\"shape\":[1]}}}",
         PLIM_E_FORMAT, "path template"},
        {"meta/info.json",
         "{\"codebase_version\":\"v2.0\",\"fps\":20,\"chunks_size\":1,\"data_path\":"
         "\"{file_index}\",\"features\":{\"a\":{\"dtype\":\"int64\",\"shape\":[1]}}}",
         PLIM_E_FORMAT, "path template"},
        {"meta/episodes.jsonl", "{\"episode_index\": 0, \"length\": 4}\n{\"episode_index\": 1}\n",
         PLIM_E_FORMAT, "line 2"},
        {"meta/episodes.jsonl",
         "{\"episode_index\": 1, \"length\": 4}\n\n"
         "{\"episode_index\": 1, \"length\": 4}\n",
         PLIM_E_FORMAT, "line 3"},
        {"meta/episodes.jsonl", "{\"episode_index\": 0, \"length\": 99999999}\n", PLIM_E_FORMAT,
         "line 1"},
        {"meta/modality.json", "{", PLIM_E_FORMAT, "JSON"},
    };
    const char *path = made_episode("-n 4 -s 64");
    uint64_t mark = plim_region_mark(home);
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        size_t bytes;
        plim_dataset *set;
        char *whole = (char *)made_file(path, cases[i].file, &bytes);
        whole[bytes] = 0;
        write_file(path, cases[i].file, cases[i].text);
        err = (plim_error){0};
        plim_status status = plim_dataset_open(path, home, &set, &err);
        if (status != cases[i].status || strcmp(err.field, cases[i].field) != 0) {
            fail_msg("case %zu: %s, field '%s'", i, plim_status_name(status), err.field);
        }
        assert_null(set);
        assert_int_equal(plim_region_mark(home), mark);
        write_file(path, cases[i].file, whole);
        free(whole);
    }
}

static void info_cut_at_every_byte_is_a_typed_error(void **state)
{
    (void)state;
    const char *path = made_episode("-n 4 -s 64");
    size_t bytes;
    uint8_t *whole = made_file(path, "meta/info.json", &bytes);
    for (size_t n = 0; n + 2 < bytes; n++) {
        plim_dataset_info info = {0};
        plim_warnings warnings = {0};
        plim_lerobot lerobot = {.info = &info, .warnings = &warnings};
        plim_file_bytes file;
        plim_file_bytes_from_memory(&file, whole, n);
        assert_status(plim_lerobot_read_info(&lerobot, &file, &err), PLIM_E_FORMAT);
    }
    free(whole);
}

static void hundred_thousand_episodes_take_eight_bytes_each(void **state)
{
    (void)state;
    const char *path = made_episode("-n 4 -s 64");
    char name[PATH_MAX];
    plim_dataset *set;
    snprintf(name, sizeof(name), "%s/meta/episodes.jsonl", path);
    FILE *f = fopen(name, "wb");
    assert_non_null(f);
    for (unsigned i = 0; i < 100000; i++) {
        fprintf(f, "{\"episode_index\": %u, \"tasks\": [\"t\"], \"length\": 3}\n", i);
    }
    fclose(f);
    uint64_t mark = plim_region_mark(home);
    assert_ok(plim_dataset_open(path, home, &set, &err));
    assert_int_equal(plim_dataset_get_info(set)->episode_count, 100000);
    assert_int_equal(plim_dataset_get_info(set)->frame_count, 300000);
    assert_true(plim_region_mark(home) - mark < 100000 * 8 + (128u << 10));
    plim_dataset_close(set);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(real_episode_has_the_sizes_that_were_measured),
        cmocka_unit_test(every_real_episode_sums_to_its_files),
        cmocka_unit_test(real_metadata_that_lies_gives_one_warning_each),
        cmocka_unit_test(made_set_has_no_warning_and_exact_sizes),
        cmocka_unit_test(closing_a_set_gives_its_memory_back),
        cmocka_unit_test(set_without_files_is_refused_by_name),
        cmocka_unit_test(lfs_pointer_is_told_with_its_size),
        cmocka_unit_test(damaged_metadata_is_refused_with_its_field),
        cmocka_unit_test(info_cut_at_every_byte_is_a_typed_error),
        cmocka_unit_test(hundred_thousand_episodes_take_eight_bytes_each),
    };
    return cmocka_run_group_tests(tests, start, finish);
}
