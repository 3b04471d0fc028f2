/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey.c - what recorded episodes weigh: identities, lies, damage, and bounded memory. */
#include <errno.h>
#include <limits.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/survey.h"
#include "test/support/cm.h"
#include "test/support/made_episode.h"

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;

static struct {
    char codes[64][24], texts[64][320];
    uint64_t bytes[64];
    unsigned count, losing;
} warned;

static int start(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 16u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts r = plim_region_opts_default();
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = 4u << 20;
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

static void keep_warning(void *context, const plim_survey_warning *w)
{
    (void)context;
    if (warned.count < 64) {
        snprintf(warned.codes[warned.count], 24, "%s", w->code);
        snprintf(warned.texts[warned.count], 320, "%s", w->text);
        warned.bytes[warned.count++] = w->bytes;
    }
    warned.losing += w->is_incomplete;
}

static plim_status open_set(const char *path, plim_survey **out)
{
    plim_survey_opts o = plim_survey_opts_default();
    o.warn = keep_warning;
    memset(&warned, 0, sizeof(warned));
    return plim_survey_open(path, &o, home, out, &err);
}

static int warning_about(const char *code, const char *part)
{
    for (unsigned i = 0; i < warned.count; i++) {
        if (strcmp(warned.codes[i], code) == 0 && strstr(warned.texts[i], part)) {
            return (int)i;
        }
    }
    return -1;
}

static const plim_survey_feature *feature(const plim_survey_episode *e, const char *name)
{
    for (uint32_t i = 0; i < e->feature_count; i++) {
        if (strcmp(e->features[i].name, name) == 0) {
            return &e->features[i];
        }
    }
    fail_msg("no feature %s", name);
    return NULL;
}

static uint64_t container(const plim_survey_container *list, uint32_t count, const char *name)
{
    for (uint32_t i = 0; i < count; i++) {
        if (strcmp(list[i].name, name) == 0) {
            return list[i].bytes;
        }
    }
    return 0;
}

static uint64_t group_memory(const plim_survey_episode *e, plim_feature_group group)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < e->feature_count; i++) {
        sum += e->features[i].group == group ? e->features[i].memory_bytes : 0;
    }
    return sum;
}

static uint64_t file_size(const char *folder, const char *name)
{
    char path[PATH_MAX];
    struct stat st;
    snprintf(path, sizeof(path), "%.3000s/%s", folder, name);
    return stat(path, &st) == 0 ? (uint64_t)st.st_size : 0;
}

static void write_bytes(const char *folder, const char *name, const void *bytes, size_t count)
{
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%.3000s/%s", folder, name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, count, f), count);
    fclose(f);
}

#define TABLE "data/chunk-000/episode_000000.parquet"
#define VIDEO "videos/chunk-000/" MADE_CAMERA "/episode_000000.mp4"

static const char *make_small(const char *arguments)
{
    const char *set = made_episode(arguments);
    if (!set) {
        skip_because("libavcodec has no encoder");
    }
    return set;
}

static void parts_of_an_episode_sum_to_its_files(void **state)
{
    (void)state;
    const char *set = make_small("-n 9,5 -s 64");
    plim_survey *survey;
    const plim_survey_episode *e;

    assert_ok(open_set(set, &survey));
    assert_ok(plim_survey_next(survey, &e, &err));

    assert_int_equal(e->disk_bytes, file_size(set, TABLE) + file_size(set, VIDEO));
    assert_int_equal(e->frames, 9);
    assert_int_equal(feature(e, MADE_CAMERA)->memory_bytes, 9 * 64 * 64 * 3);
    assert_true(e->is_complete);
    plim_survey_close(survey);
}

static void all_episodes_and_the_rest_sum_to_the_folder(void **state)
{
    (void)state;
    const char *set = make_small("-n 9,5,7 -s 64");
    plim_survey *survey;
    const plim_survey_episode *e;
    uint64_t sum = 0, last = 0, count = 0;
    write_bytes(set, "notes.txt", "twelve bytes", 12);

    assert_ok(open_set(set, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e) {
        assert_true(!count || e->index > last);
        last = e->index;
        count++;
        sum += e->disk_bytes;
    }

    const plim_survey_info *info = plim_survey_get_info(survey);
    for (uint32_t i = 0; i < info->shared_count; i++) {
        sum += info->shared[i].bytes;
    }
    assert_int_equal(count, 3);
    assert_int_equal(sum, info->file_bytes);
    assert_int_equal(container(info->shared, info->shared_count, "other files"), 12);
    plim_survey_close(survey);
}

static void a_camera_without_a_file_is_0_bytes_and_one_warning(void **state)
{
    (void)state;
    const char *set = make_small("-n 4,4 -s 64 -p");
    plim_survey *survey;
    const plim_survey_episode *e;
    unsigned phantoms = 0;

    assert_ok(open_set(set, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e) {
        for (uint32_t i = 0; i < e->feature_count; i++) {
            const plim_survey_feature *f = &e->features[i];
            if (!f->has_data) {
                phantoms++;
                assert_int_equal(f->disk_bytes + f->memory_bytes, 0);
                assert_int_equal(plim_survey_memory(f, PLIM_PIXELS_RGB24, 2), 0);
                assert_true(f->declared_bytes > 0);
                assert_int_equal(f->known, PLIM_FIGURE_DECLARED);
            }
        }
        assert_true(e->is_complete);
    }

    assert_int_equal(phantoms, 2);
    assert_true(warning_about("declared-missing", "has no file") >= 0);
    assert_int_equal(plim_survey_get_info(survey)->incomplete_count, 0);
    plim_survey_close(survey);
}

static void missing_video_is_an_incomplete_episode_and_the_walk_goes_on(void **state)
{
    (void)state;
    const char *set = make_small("-n 4,4 -s 64");
    char path[PATH_MAX];
    plim_survey *survey;
    const plim_survey_episode *e;
    snprintf(path, sizeof(path), "%.3000s/" VIDEO, set);
    assert_int_equal(unlink(path), 0);

    assert_ok(open_set(set, &survey));
    assert_ok(plim_survey_next(survey, &e, &err));
    assert_false(e->is_complete);
    assert_int_equal(e->disk_bytes, file_size(set, TABLE));
    assert_true(warning_about("missing", VIDEO) >= 0);
    assert_ok(plim_survey_next(survey, &e, &err));

    assert_true(e->is_complete);
    plim_survey_close(survey);
}

static void an_lfs_pointer_is_not_downloaded_with_its_size(void **state)
{
    (void)state;
    static const char POINTER[] = "version https://git-lfs.github.com/spec/v1\n"
                                  "oid sha256:00\nsize 2414613\n";
    const char *set = make_small("-n 4 -s 64");
    plim_survey *survey;
    const plim_survey_episode *e;
    write_bytes(set, VIDEO, POINTER, strlen(POINTER));

    assert_ok(open_set(set, &survey));
    assert_ok(plim_survey_next(survey, &e, &err));

    int at = warning_about("not-downloaded", VIDEO);
    assert_true(at >= 0);
    assert_int_equal(warned.bytes[at], 2414613);
    assert_false(e->is_complete);
    assert_int_equal(feature(e, MADE_CAMERA)->memory_bytes, 0);
    plim_survey_close(survey);
}

static void a_count_without_a_list_ends_where_the_files_end(void **state)
{
    (void)state;
    const char *set = make_small("-n 4,4 -s 64");
    char path[PATH_MAX], *text;
    size_t bytes;
    uint8_t *info = made_file(set, "meta/info.json", &bytes);
    plim_survey *survey;
    const plim_survey_episode *e;
    unsigned whole = 0;
    snprintf(path, sizeof(path), "%.3000s/meta/episodes.jsonl", set);
    assert_int_equal(unlink(path), 0);
    text = calloc(1, bytes + 64);
    assert_non_null(text);
    char *at = strstr(memcpy(text, info, bytes), "\"total_episodes\":");
    assert_non_null(at);
    at += strlen("\"total_episodes\":");
    size_t digits = strspn(at, " 0123456789");
    memmove(at + 10, at + digits, strlen(at + digits) + 1);
    memcpy(at, "2000000000", 10);
    write_bytes(set, "meta/info.json", text, strlen(text));
    free(text);
    free(info);

    assert_ok(open_set(set, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e && e->index < 1000) {
        whole += e->is_complete && e->frames == 4;
    }

    assert_null(e);
    assert_int_equal(whole, 2);
    assert_true(warned.losing > 0);
    plim_survey_close(survey);
}

static void a_lie_about_the_length_is_one_warning(void **state)
{
    (void)state;
    const char *set = make_small("-n 6 -s 64 -l 3");
    plim_survey *survey;
    const plim_survey_episode *e;

    assert_ok(open_set(set, &survey));
    assert_ok(plim_survey_next(survey, &e, &err));

    assert_int_equal(e->frames, 6);
    assert_true(warning_about("disagrees", "6 rows") >= 0);
    plim_survey_close(survey);
}

static void a_range_measures_only_its_episodes(void **state)
{
    (void)state;
    const char *set = make_small("-n 3,4,5,6 -s 64");
    plim_survey_opts o = plim_survey_opts_default();
    plim_survey *survey;
    const plim_survey_episode *e;
    o.is_range = true;
    o.first_index = 1;
    o.last_index = 2;

    assert_ok(plim_survey_open(set, &o, home, &survey, &err));
    assert_ok(plim_survey_next(survey, &e, &err));
    assert_int_equal(e->index, 1);
    assert_int_equal(e->frames, 4);
    assert_ok(plim_survey_next(survey, &e, &err));
    assert_int_equal(e->index, 2);
    assert_ok(plim_survey_next(survey, &e, &err));

    assert_null(e);
    plim_survey_close(survey);
}

static void memory_goes_back_when_a_survey_is_closed(void **state)
{
    (void)state;
    const char *set = make_small("-n 3,4,5 -s 64");
    uint64_t before = plim_region_mark(home), most = 0;
    plim_survey *survey;
    const plim_survey_episode *e;

    assert_ok(open_set(set, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e) {
        uint64_t now = plim_region_mark(home);
        assert_true(!most || now == most); /* equal episodes take equal memory */
        most = now;
    }
    plim_survey_close(survey);

    assert_int_equal(plim_region_mark(home), before);
}

static void strangers_get_an_error_that_says_what_is_there(void **state)
{
    (void)state;
    char path[PATH_MAX];
    plim_survey *survey;
    snprintf(path, sizeof(path), "%s/nothing-here", cm_tmp());
    assert_status(open_set(path, &survey), PLIM_E_NOT_FOUND);
    snprintf(path, sizeof(path), "%s/empty", cm_tmp());
    assert_int_equal(mkdir(path, 0755), 0);
    assert_status(open_set(path, &survey), PLIM_E_NOT_FOUND);
    assert_non_null(strstr(err.found, "empty"));
    write_bytes(cm_tmp(), "text.txt", "hello", 5);
    snprintf(path, sizeof(path), "%s/text.txt", cm_tmp());
    assert_status(open_set(path, &survey), PLIM_E_UNSUPPORTED);
    assert_status(open_set("/dev/null", &survey), PLIM_E_IO);
    assert_status(open_set("", &survey), PLIM_E_RANGE);

    assert_null(survey);
    assert_int_equal(plim_region_mark(home), 0);
}

/* Every prefix of @name: a typed answer, never a crash, and never a silent loss. */
static void truncate_all(const char *set, const char *name, size_t step, bool loses)
{
    size_t bytes;
    uint8_t *whole = made_file(set, name, &bytes);
    for (size_t cut = 0; cut < bytes; cut += step) {
        plim_survey *survey;
        const plim_survey_episode *e = NULL;
        write_bytes(set, name, whole, cut);
        plim_status status = open_set(set, &survey);
        while (status == PLIM_OK && (status = plim_survey_next(survey, &e, &err)) == PLIM_OK && e) {
            assert_true(e->disk_bytes <= UINT32_MAX);
        }
        bool is_typed = status == PLIM_OK || status == PLIM_E_FORMAT || status == PLIM_E_RANGE ||
                        status == PLIM_E_UNSUPPORTED;
        if (!is_typed || (loses && status == PLIM_OK && !warned.losing)) {
            fail_msg("%s cut at %zu: %s, %u warnings that lose data", name, cut,
                     plim_status_name(status), warned.losing);
        }
        plim_survey_close(survey);
    }
    write_bytes(set, name, whole, bytes);
    free(whole);
}

static void every_file_cut_at_every_byte_is_told(void **state)
{
    (void)state;
    const char *set = make_small("-n 2 -s 16 -j 2");

    truncate_all(set, TABLE, 1, true);
    truncate_all(set, VIDEO, 1, true);
    truncate_all(set, "meta/info.json", 1, false);
    truncate_all(set, "meta/episodes.jsonl", 1, false);
    truncate_all(set, "meta/modality.json", 1, false);

    assert_int_equal(plim_region_mark(home), 0);
}

/* ---- the real data set, and the same as v3.0 ---- */

static const char *real_set(const char *name)
{
    const char *path = cm_data(name);
    if (!path) {
        skip_because("%s is not there", name);
    }
    return path;
}

static void the_real_episode_has_the_figures_that_were_measured(void **state)
{
    (void)state;
    const char *set = real_set("episodes/groot-picknplace-v20");
    plim_survey *survey;
    const plim_survey_episode *e;
    uint64_t bytes;

    assert_ok(open_set(set, &survey));
    assert_ok(plim_survey_next(survey, &e, &err));

    assert_int_equal(group_memory(e, PLIM_FEATURE_VIDEO), 81788928);
    assert_int_equal(group_memory(e, PLIM_FEATURE_STATE_ACTION), 292864);
    assert_int_equal(group_memory(e, PLIM_FEATURE_OTHER), 23712);
    assert_int_equal(container(e->containers, e->container_count, "parquet"), 6356);
    assert_int_equal(container(e->containers, e->container_count, "mp4"), 5709);
    const plim_survey_feature *camera = feature(e, "observation.images.ego_view");
    assert_int_equal(camera->keyframe_apart, 250);
    assert_int_equal(camera->pixel_bits, 12);
    assert_int_equal(plim_survey_decoder(camera, &bytes), 5);
    assert_int_equal(bytes, 495680);
    int at = warning_about("declared-missing", "observation.images.egoview");
    assert_true(at >= 0);
    assert_int_equal(warned.bytes[at], 1277952000);
    plim_survey_close(survey);
}

static void the_worklogs_arithmetic_gives_the_worklogs_figures(void **state)
{
    (void)state;
    static const double WANTED[] = {78.3, 88.5, 88.5, 77.6, 61.8};
    const char *set = real_set("episodes/groot-picknplace-v20");
    plim_survey_opts o = plim_survey_opts_default();
    plim_survey *survey;
    const plim_survey_episode *e;
    unsigned count = 0;
    o.has_worklog = true;

    assert_ok(plim_survey_open(set, &o, home, &survey, &err));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e && count < 5) {
        uint64_t sum = 0;
        char found[16], wanted[16];
        for (uint32_t i = 0; i < e->feature_count; i++) {
            sum += e->features[i].worklog_bytes;
        }
        snprintf(found, sizeof(found), "%.1f", (double)sum / 1048576.0);
        snprintf(wanted, sizeof(wanted), "%.1f", WANTED[count++]);
        assert_string_equal(found, wanted);
    }

    assert_int_equal(count, 5);
    plim_survey_close(survey);
}

static void the_same_episodes_as_v2_and_as_v3_decode_to_equal_bytes(void **state)
{
    (void)state;
    const char *old = real_set("episodes/groot-picknplace-v20");
    char path[PATH_MAX];
    snprintf(path, sizeof(path), "%s", old);
    const char *new = real_set("episodes/groot-picknplace-v30-derived");
    uint64_t memory[5][64] = {{0}}, video[5] = {0};
    char names[64][128];
    uint32_t name_count = 0, count = 0;
    plim_survey *survey;
    const plim_survey_episode *e;

    assert_ok(open_set(path, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e && count < 5) {
        name_count = 0;
        for (uint32_t i = 0; i < e->feature_count; i++) {
            if (e->features[i].has_data) {
                memcpy(names[name_count], e->features[i].name, 128);
                memory[count][name_count++] = e->features[i].memory_bytes;
            }
        }
        video[count++] = feature(e, "observation.images.ego_view")->disk_bytes;
    }
    plim_survey_close(survey);
    assert_int_equal(count, 5);
    assert_ok(open_set(new, &survey));
    for (count = 0; plim_survey_next(survey, &e, &err) == PLIM_OK && e; count++) {
        for (uint32_t i = 0; i < name_count; i++) {
            assert_int_equal(feature(e, names[i])->memory_bytes, memory[count][i]);
            assert_int_equal(feature(e, names[i])->known, PLIM_FIGURE_MEASURED);
        }
        /* stream-copied: the same frames, with 74 bytes of parameter sets before each first one */
        assert_int_equal(feature(e, "observation.images.ego_view")->disk_bytes, video[count] + 74);
    }

    assert_int_equal(count, 5);
    plim_survey_close(survey);
}

/* A copy of the v3.0 data set, which tests may damage. */
static const char *copied_v3(void)
{
    static char copy[PATH_MAX];
    char command[5 * PATH_MAX];
    const char *set = real_set("episodes/groot-picknplace-v30-derived");
    snprintf(copy, sizeof(copy), "%s/v3", cm_tmp());
    snprintf(command, sizeof(command), "rm -rf '%s' && cp -r '%s' '%s' && chmod -R u+w '%s'", copy,
             set, copy, copy);
    assert_int_equal(system(command), 0);
    return copy;
}

/* Cuts @name shorter and shorter, @step bytes at a time, @count times. */
static void shrink(const char *set, const char *name, size_t step, unsigned count)
{
    char path[PATH_MAX];
    uint64_t bytes = file_size(set, name);
    snprintf(path, sizeof(path), "%.3000s/%s", set, name);
    for (unsigned i = 1; i <= count && i * step <= bytes; i++) {
        plim_survey *survey;
        const plim_survey_episode *e = NULL;
        assert_int_equal(truncate(path, (off_t)(bytes - i * step)), 0);
        plim_status status = open_set(set, &survey);
        while (status == PLIM_OK && (status = plim_survey_next(survey, &e, &err)) == PLIM_OK && e) {
            assert_true(e->disk_bytes <= UINT32_MAX);
        }
        if (status == PLIM_OK && !warned.losing) {
            fail_msg("%s cut by %zu: nothing is said", name, i * step);
        }
        plim_survey_close(survey);
    }
}

static void shared_files_cut_short_are_told(void **state)
{
    (void)state;

    shrink(copied_v3(), "meta/episodes/chunk-000/file-000.parquet", 1, 4096);
    shrink(copied_v3(), "data/chunk-000/file-000.parquet", 7, 900);
    shrink(copied_v3(), "videos/observation.images.ego_view/chunk-000/file-000.mp4", 61, 500);

    assert_int_equal(plim_region_mark(home), 0);
}

static void a_range_of_shared_files_finds_its_rows(void **state)
{
    (void)state;
    const char *set = real_set("episodes/groot-picknplace-v30-derived");
    uint64_t disk[5];
    plim_survey *survey;
    const plim_survey_episode *e;
    unsigned count = 0;

    assert_ok(open_set(set, &survey));
    while (plim_survey_next(survey, &e, &err) == PLIM_OK && e && count < 5) {
        disk[count++] = e->disk_bytes;
    }
    plim_survey_close(survey);
    for (uint64_t i = 0; i < count; i++) {
        plim_survey_opts o = plim_survey_opts_default();
        o.is_range = true;
        o.first_index = o.last_index = i;
        assert_ok(plim_survey_open(set, &o, home, &survey, &err));
        assert_ok(plim_survey_next(survey, &e, &err));
        assert_int_equal(e->index, i);
        assert_int_equal(e->disk_bytes, disk[i]);
        plim_survey_close(survey);
    }

    assert_int_equal(count, 5);
}

/* ---- arithmetic ---- */

static void pixels_take_what_their_form_takes(void **state)
{
    (void)state;
    plim_survey_feature colour = {.has_data = true,
                                  .is_picture = true,
                                  .width = 5,
                                  .height = 3,
                                  .channels = 3,
                                  .pixel_bits = 12,
                                  .frames = 10,
                                  .pixels = 150};
    plim_survey_feature depth = colour;
    depth.channels = 1;
    depth.pixel_bits = 16;

    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_RGB24, 10), 450);
    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_NV12, 10), 10 * (15 + 2 * 3 * 2));
    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_NATIVE, 10), 225);
    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_PIL, 10), 600);
    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_F16, 10), 900);
    assert_int_equal(plim_survey_memory(&colour, PLIM_PIXELS_F32, 10), 1800);
    assert_int_equal(plim_survey_memory(&depth, PLIM_PIXELS_RGB24, 10), 300);
    assert_int_equal(plim_survey_memory(&depth, PLIM_PIXELS_NV12, 10), 300);
    assert_int_equal(plim_survey_memory(&depth, PLIM_PIXELS_F32, 10), 600);
}

static void a_window_never_takes_more_than_the_whole(void **state)
{
    (void)state;
    plim_survey_feature f = {.has_data = true,
                             .is_picture = true,
                             .width = 7,
                             .height = 5,
                             .channels = 3,
                             .pixel_bits = 12,
                             .frames = 6,
                             .pixels = 6 * 35};

    for (int form = PLIM_PIXELS_RGB24; form <= PLIM_PIXELS_F32; form++) {
        uint64_t before = 0, whole = plim_survey_memory(&f, (plim_pixel_form)form, UINT64_MAX);
        for (uint64_t n = 0; n < 9; n++) {
            uint64_t now = plim_survey_memory(&f, (plim_pixel_form)form, n);
            assert_true(now >= before && now <= whole);
            before = now;
        }
        assert_int_equal(before, whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(parts_of_an_episode_sum_to_its_files, start, finish),
        cmocka_unit_test_setup_teardown(all_episodes_and_the_rest_sum_to_the_folder, start, finish),
        cmocka_unit_test_setup_teardown(a_camera_without_a_file_is_0_bytes_and_one_warning, start,
                                        finish),
        cmocka_unit_test_setup_teardown(missing_video_is_an_incomplete_episode_and_the_walk_goes_on,
                                        start, finish),
        cmocka_unit_test_setup_teardown(an_lfs_pointer_is_not_downloaded_with_its_size, start,
                                        finish),
        cmocka_unit_test_setup_teardown(a_count_without_a_list_ends_where_the_files_end, start,
                                        finish),
        cmocka_unit_test_setup_teardown(a_lie_about_the_length_is_one_warning, start, finish),
        cmocka_unit_test_setup_teardown(a_range_measures_only_its_episodes, start, finish),
        cmocka_unit_test_setup_teardown(memory_goes_back_when_a_survey_is_closed, start, finish),
        cmocka_unit_test_setup_teardown(strangers_get_an_error_that_says_what_is_there, start,
                                        finish),
        cmocka_unit_test_setup_teardown(every_file_cut_at_every_byte_is_told, start, finish),
        cmocka_unit_test_setup_teardown(the_real_episode_has_the_figures_that_were_measured, start,
                                        finish),
        cmocka_unit_test_setup_teardown(the_worklogs_arithmetic_gives_the_worklogs_figures, start,
                                        finish),
        cmocka_unit_test_setup_teardown(the_same_episodes_as_v2_and_as_v3_decode_to_equal_bytes,
                                        start, finish),
        cmocka_unit_test_setup_teardown(shared_files_cut_short_are_told, start, finish),
        cmocka_unit_test_setup_teardown(a_range_of_shared_files_finds_its_rows, start, finish),
        cmocka_unit_test(pixels_take_what_their_form_takes),
        cmocka_unit_test(a_window_never_takes_more_than_the_whole),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
