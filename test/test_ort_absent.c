/* SPDX-License-Identifier: Apache-2.0 */
/* test_ort_absent.c - without the library: a reason, a remedy, and never another backend. */
#include <dirent.h>

#include "plimsoll/backend_plugin.h"
#include "test/support/cm.h"

static uint64_t live;

static plim_status host_alloc(void *context, plim_host_class kind, size_t size, size_t align,
                              void **out, plim_error *err)
{
    (void)context, (void)kind, (void)err;
    *out = aligned_alloc(align, (size + 2 * align) / align * align);
    live++;
    return PLIM_OK;
}

static void host_free(void *context, void *block)
{
    (void)context;
    free(block);
    live--;
}

static char payload[64];

static plim_status open_with(const char *library, plim_error *err)
{
    static plim_card card = {.backend = "onnxruntime", .format = "onnx+weights"};
    const plim_section graph = {"graph", PLIM_SECTION_GRAPH, 0, sizeof(payload), 64};
    const plim_backend_source source = {&card, NULL, payload, sizeof(payload), &graph, 1};
    const plim_backend_host host = {sizeof(host), NULL, host_alloc, host_free, NULL};
    const plim_backend_opts opts = {.struct_size = sizeof(opts), .library = library};
    plim_backend_engine *engine = NULL;
    plim_status s = plim_backend_onnxruntime.open(&source, &host, &opts, &engine, err);
    assert_null(engine);
    assert_int_equal(live, 0);
    return s;
}

static void a_library_that_is_not_there_is_told_with_a_remedy(void **state)
{
    (void)state;
    plim_error err = {0};
    plim_backend_info info;

    plim_backend_probe(&plim_backend_onnxruntime, "/nowhere/libnone.so", &info);
    assert_status(open_with("/nowhere/libnone.so", &err), PLIM_E_NOT_FOUND);

    assert_false(info.is_present);
    assert_string_equal(info.name, "onnxruntime");
    assert_non_null(strstr(info.absent_reason, "set PLIMSOLL_ONNXRUNTIME to"));
    assert_string_equal(err.what, info.absent_reason);
    assert_non_null(strstr(err.detail, "/nowhere/libnone.so"));
}

static void a_library_of_something_else_is_unsupported(void **state)
{
    (void)state;
    plim_error err = {0};
    plim_backend_info info;

    plim_backend_probe(&plim_backend_onnxruntime, "libm.so.6", &info);
    assert_status(open_with("libm.so.6", &err), PLIM_E_UNSUPPORTED);

    assert_false(info.is_present);
    assert_string_equal(err.what, info.absent_reason);
    assert_non_null(strstr(err.what, "OrtGetApiBase"));
}

static void the_environment_names_the_library_and_nothing_else_is_tried(void **state)
{
    (void)state;
    plim_error err = {0};
    plim_backend_info info;
    setenv("PLIMSOLL_ONNXRUNTIME", "/nowhere/from-environment.so", 1);

    plim_backend_probe(&plim_backend_onnxruntime, NULL, &info);
    plim_status s = open_with(NULL, &err);
    unsetenv("PLIMSOLL_ONNXRUNTIME");

    assert_false(info.is_present);
    assert_int_equal(s, PLIM_E_NOT_FOUND);
    assert_non_null(strstr(err.detail, "/nowhere/from-environment.so"));
}

static void an_unknown_format_is_refused_before_the_library_is_looked_for(void **state)
{
    (void)state;
    plim_error err = {0};
    static plim_card card = {.backend = "onnxruntime", .format = "onnx"};
    const plim_backend_source source = {&card, NULL, payload, sizeof(payload), NULL, 0};
    const plim_backend_host host = {sizeof(host), NULL, host_alloc, host_free, NULL};
    plim_backend_engine *engine = NULL;

    assert_status(plim_backend_onnxruntime.open(&source, &host, NULL, &engine, &err),
                  PLIM_E_UNSUPPORTED);

    assert_string_equal(err.field, "format");
    assert_string_equal(err.found, "onnx");
}

static void a_second_library_in_one_process_is_refused(void **state)
{
    (void)state;
    plim_error err = {0};
    plim_backend_info info;
    const char *library = cm_wheel("libonnxruntime.so");
    if (!library) {
        skip_because("no ONNX Runtime library here");
    }
    plim_backend_probe(&plim_backend_onnxruntime, library, &info);
    assert_true(info.is_present);

    assert_status(open_with("libm.so.6", &err), PLIM_E_STATE);

    assert_string_equal(err.field, "library");
    assert_string_equal(err.wanted, "libm.so.6");
}

static size_t threads_now(void)
{
    size_t count = 0;
    DIR *folder = opendir("/proc/self/task");
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) {
        count += e->d_name[0] != '.';
    }
    closedir(folder);
    return count;
}

/* Microsoft's Linux builds gather usage figures on a thread of their own unless they are told
 * not to; that thread is how one sees it without a network. */
static void the_library_gathers_no_usage_figures(void **state)
{
    (void)state;
    plim_backend_info info;
    const char *library = cm_wheel("libonnxruntime.so");
    if (!library) {
        skip_because("no ONNX Runtime library here");
    }
    size_t before = threads_now();

    plim_backend_probe(&plim_backend_onnxruntime, library, &info);

    assert_true(info.is_present);
    assert_string_equal(getenv("ORT_DISABLE_TELEMETRY"), "1");
    assert_int_equal(threads_now(), before);
}

static void bytes_that_are_no_model_are_a_typed_error(void **state)
{
    (void)state;
    plim_error err = {0};
    const char *library = cm_wheel("libonnxruntime.so");
    if (!library) {
        skip_because("no ONNX Runtime library here");
    }
    memset(payload, 0xff, sizeof(payload));

    assert_status(open_with(library, &err), PLIM_E_FORMAT);
    memset(payload, 0, sizeof(payload));
    assert_status(open_with(library, &err), PLIM_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_library_that_is_not_there_is_told_with_a_remedy),
        cmocka_unit_test(a_library_of_something_else_is_unsupported),
        cmocka_unit_test(the_environment_names_the_library_and_nothing_else_is_tried),
        cmocka_unit_test(an_unknown_format_is_refused_before_the_library_is_looked_for),
        cmocka_unit_test(the_library_gathers_no_usage_figures),
        cmocka_unit_test(a_second_library_in_one_process_is_refused),
        cmocka_unit_test(bytes_that_are_no_model_are_a_typed_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
