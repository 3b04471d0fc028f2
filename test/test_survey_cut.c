/* SPDX-License-Identifier: Apache-2.0 */
/* test_survey_cut.c - a small file of each recorded format, cut at every byte.
 *
 * What is left of it is either refused, or incomplete and says so, and adds up to its own size. All
 * lengths are walked through the library; a few of each file through memreport, for its exit code.
 */
#include <limits.h>
#include <sys/wait.h>
#include <unistd.h>

#include "test/support/cm.h"
#include "test/support/survey_walk.h"

#define TOOL_SAMPLES 7u

/* Starting a program under a sanitizer costs ten times as much: fewer lengths of HDF5 there. */
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define HDF5_STEP 13u
#else
#define HDF5_STEP 1u
#endif

static plim_error err;
static char tool[PATH_MAX];

static int set_up(void **state)
{
    (void)state;
    ssize_t n = readlink("/proc/self/exe", tool, sizeof(tool) - 1);
    if (n <= 0) {
        return -1;
    }
    tool[n] = 0;
    strcpy(strstr(tool, "/test/test_survey_cut"), "/memreport");
    return 0;
}

static const char *copy_of(const char *source, const char *name, size_t *bytes)
{
    static char path[PATH_MAX];
    uint8_t *data = survey_file(source, bytes);
    snprintf(path, sizeof(path), "%.3000s/%s", cm_tmp(), name);
    FILE *f = fopen(path, "wbe");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, *bytes, f), *bytes);
    fclose(f);
    free(data);
    return path;
}

/* The first @size bytes are no whole recording, and nothing says they are. */
static void assert_not_whole(const char *path, size_t size)
{
    survey_totals t;
    assert_int_equal(truncate(path, (off_t)size), 0);
    plim_status status = survey_try(path, &t, &err);
    if (status != PLIM_OK) {
        assert_true(status == PLIM_E_FORMAT || status == PLIM_E_UNSUPPORTED);
        return;
    }
    if (t.incomplete_count == 0) {
        fail_msg("%s at %zu bytes is called whole", path, size);
    }
    if (t.parts_bytes != size || t.file_bytes != size) {
        fail_msg("%s at %zu bytes: parts %llu, file %llu", path, size,
                 (unsigned long long)t.parts_bytes, (unsigned long long)t.file_bytes);
    }
}

static void assert_tool_says_so(const char *path, size_t size)
{
    char command[2 * PATH_MAX + 64];
    assert_int_equal(truncate(path, (off_t)size), 0);
    snprintf(command, sizeof(command), "%s episode %s >/dev/null 2>&1", tool, path);
    int status = system(command);
    int code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
    if (code != 3 && code != 4) {
        fail_msg("%s at %zu bytes: memreport ends with %d", path, size, code);
    }
}

/* Or the rest would prove nothing. */
static void assert_whole(const char *path, size_t size)
{
    survey_totals t;
    assert_ok(survey_try(path, &t, &err));
    assert_int_equal(t.incomplete_count, 0);
    assert_int_equal(t.parts_bytes, size);
}

static void cut_everywhere(const char *const *sources, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        size_t bytes;
        const char *path = copy_of(sources[i], "tool", &bytes);
        for (size_t k = TOOL_SAMPLES; k-- > 0;) {
            assert_tool_says_so(path, bytes * k / TOOL_SAMPLES + (k > 0 ? k : 0));
        }
        path = copy_of(sources[i], "cut", &bytes);
        assert_whole(sources[i], bytes);
        for (size_t n = bytes; n-- > 0;) {
            assert_not_whole(path, n);
        }
    }
}

#define CUT_EVERYWHERE(...)                                                                        \
    do {                                                                                           \
        static const char *const cut_[] = {__VA_ARGS__};                                           \
        cut_everywhere(cut_, sizeof(cut_) / sizeof(cut_[0]));                                      \
    } while (0)

static void mcap_in_chunks_and_without_is_never_called_whole(void **state)
{
    (void)state;
    CUT_EVERYWHERE("test/fuzz/corpus/mcap/zstd.mcap", "test/fuzz/corpus/mcap/lz4.mcap",
                   "test/fuzz/corpus/mcap/none.mcap", "test/fuzz/corpus/mcap/plain.mcap",
                   "test/fuzz/corpus/mcap/nosummary.mcap");
}

static void database_is_never_called_whole(void **state)
{
    (void)state;
    CUT_EVERYWHERE("test/fuzz/corpus/rosbag2/made.db3");
}

static void tfrecord_is_never_called_whole(void **state)
{
    (void)state;
    CUT_EVERYWHERE("test/fuzz/corpus/tfrecord/made.tfrecord");
}

static void zipped_zarr_is_never_called_whole(void **state)
{
    (void)state;
    CUT_EVERYWHERE("test/fuzz/corpus/zarr/stored.zip", "test/fuzz/corpus/zarr/deflated.zip",
                   "test/fuzz/corpus/zarr/zip64.zip");
}

static void lone_video_or_table_is_never_called_whole(void **state)
{
    (void)state;
    CUT_EVERYWHERE("test/fuzz/corpus/mp4/made.mp4", "test/fuzz/corpus/parquet/made.parquet",
                   "test/fuzz/corpus/parquet/pages.parquet");
}

/* Each length starts a program: two processes share the lengths. */
static void hdf5_is_never_called_whole(void **state)
{
    (void)state;
    static const char source[] = "test/fixtures/recorded/two_arrays.hdf5";
    size_t bytes;
    const char *path = copy_of(source, "tool.hdf5", &bytes);
    for (size_t k = TOOL_SAMPLES; k-- > 0;) {
        assert_tool_says_so(path, bytes * k / TOOL_SAMPLES);
    }
    assert_whole(source, bytes);
    pid_t child = fork();
    for (size_t n = child ? 0 : HDF5_STEP; n < bytes; n += 2 * HDF5_STEP) {
        path = copy_of(source, child ? "even.hdf5" : "odd.hdf5", &bytes);
        assert_not_whole(path, n);
    }
    if (!child) {
        _exit(0);
    }
    int status = -1;
    assert_true(child > 0);
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(mcap_in_chunks_and_without_is_never_called_whole),
        cmocka_unit_test(database_is_never_called_whole),
        cmocka_unit_test(tfrecord_is_never_called_whole),
        cmocka_unit_test(zipped_zarr_is_never_called_whole),
        cmocka_unit_test(lone_video_or_table_is_never_called_whole),
        cmocka_unit_test(hdf5_is_never_called_whole),
    };
    return cmocka_run_group_tests(tests, set_up, NULL);
}
