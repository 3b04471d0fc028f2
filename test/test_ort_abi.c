/* SPDX-License-Identifier: Apache-2.0 */
/* test_ort_abi.c - our list of places against the library, and against the official header.
 *
 * The header is looked for at compile time under the name that Debian and the source use;
 * build with CFLAGS=-I<folder> to have the places and types checked statically.
 */
#include <dlfcn.h>

#include "src/backend/onnxruntime/abi.h"
#include "test/support/cm.h"

#if defined(__has_include)
#if __has_include(<onnxruntime_c_api.h>)
#define HAS_HEADER 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wpedantic"
#pragma GCC diagnostic ignored "-Wundef"
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <onnxruntime_c_api.h>
#pragma GCC diagnostic pop
#define ABI_CHECK(place, name, arguments)                                                          \
    _Static_assert(offsetof(OrtApi, name) == (place) * sizeof(void *), "place of " #name);         \
    _Static_assert(__builtin_types_compatible_p(__typeof__(((OrtApi *)0)->name), ort_##name##_fn), \
                   "type of " #name);
ORT_ABI_LIST(ABI_CHECK, ABI_CHECK)
_Static_assert(offsetof(OrtApi, GetErrorCode) == ORT_ABI_PLACE_GetErrorCode * sizeof(void *), "");
_Static_assert(offsetof(OrtApi, GetErrorMessage) == ORT_ABI_PLACE_GetErrorMessage * sizeof(void *),
               "");
_Static_assert(offsetof(OrtAllocator, Alloc) == offsetof(ort_allocator_table, alloc), "");
_Static_assert(offsetof(OrtAllocator, Free) == offsetof(ort_allocator_table, free), "");
_Static_assert(offsetof(OrtAllocator, Info) == offsetof(ort_allocator_table, info), "");
_Static_assert(offsetof(OrtAllocator, Reserve) == offsetof(ort_allocator_table, reserve), "");
#endif
#endif

static void places_and_types_are_those_of_the_official_header(void **state)
{
    (void)state;
#ifndef HAS_HEADER
    skip_because("onnxruntime_c_api.h is not at hand (CFLAGS=-I<its folder>)");
#endif
}

static void places_rise_and_stay_inside_api_14(void **state)
{
    (void)state;
    static const unsigned places[] = {
#define ABI_PLACE(place, name, arguments) place,
        ORT_ABI_LIST(ABI_PLACE, ABI_PLACE)
#undef ABI_PLACE
    };
    for (size_t i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
        assert_true(places[i] < ORT_ABI_PLACES);
        for (size_t j = 0; j < i; j++) {
            assert_true(places[i] != places[j]);
        }
    }
}

static void every_place_of_the_library_holds_a_function(void **state)
{
    (void)state;
    const char *path = cm_wheel("libonnxruntime.so");
    if (!path) {
        skip_because("no ONNX Runtime library here");
    }
    void *handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    assert_non_null(handle);
    void *symbol = dlsym(handle, "OrtGetApiBase");
    const ort_api_base *(*get_base)(void);
    memcpy(&get_base, &symbol, sizeof(get_base));
    const ort_place *table = get_base()->get_api(ORT_ABI_API_VERSION);
    assert_non_null(table);
    ort_api api;
    ort_api_fill(&api, table);
#define ABI_THERE(place, name, arguments) assert_true(api.name != NULL);
    ORT_ABI_LIST(ABI_THERE, ABI_THERE)
#undef ABI_THERE
    assert_true(get_base()->get_version()[0] == '1');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(places_and_types_are_those_of_the_official_header),
        cmocka_unit_test(places_rise_and_stay_inside_api_14),
        cmocka_unit_test(every_place_of_the_library_holds_a_function),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
