/* SPDX-License-Identifier: Apache-2.0 */
/* test_card.c - the identity card: JSON, host, profiles, calibration. */
#include <unistd.h>

#include "plimsoll/engine.h"
#include "test/support/cm.h"

static plim_error err;
static plim_card card, again;
static char text[200000];

static void full_card(void)
{
    memset(&card, 0, sizeof(card));
    assert_ok(plim_engine_name_parse("bb__sm87_jp6.1_trt10.3.0_int8.engine", &card.name, &err));
    strcpy(card.backend, "tensorrt");
    strcpy(card.format, "plan");
    card.sm = 87;
    card.multiprocessors = 16;
    card.board_memory_bytes = UINT64_C(64) << 30;
    strcpy(card.jetpack, "6.1");
    strcpy(card.l4t, "36.4.0");
    strcpy(card.tensorrt, "10.3.0");
    strcpy(card.precision_asked, "int8");
    strcpy(card.precision_found, "fp16");
    card.build = PLIM_BUILD_NATIVE;
    strcpy(card.built_on, "board \"A\" \\ 64GB");
    strcpy(card.power_mode, "MAXN");
    strcpy(card.precision_default, "fp16");
    card.version_compatible = true;
    card.build_free_bytes = 1;
    card.resident_bytes = 2;
    card.load_extra_bytes = INT64_MAX;
    card.activation_bytes = 4;
    card.session_bytes = 5;
    card.has_source_sha256 = card.has_calibration_sha256 = card.has_dataset_sha256 = true;
    memset(card.source_sha256, 0xab, 32);
    memset(card.calibration_sha256, 0x01, 32);
    card.has_payload_root = true;
    card.payload_bytes = 77;
    card.tensor_count = 2;
    card.profile_count = 2;
    for (uint32_t t = 0; t < 2; t++) {
        plim_card_tensor *x = &card.tensors[t];
        strcpy(x->name, t ? "output" : "input");
        x->is_input = t == 0;
        x->dtype = t ? PLIM_F16 : PLIM_U8;
        x->rank = 2;
        for (uint32_t p = 0; p < 2; p++) {
            x->profiles[p] = (plim_card_range){
                .min = {1 + 8 * p, 10}, .opt = {4 + 8 * p, 20}, .max = {8 + 8 * p, 30}};
        }
    }
}

static void a_card_comes_back_as_it_was(void **state)
{
    (void)state;
    size_t bytes;
    size_t needed;
    full_card();

    assert_ok(plim_card_format(&card, text, sizeof(text), &bytes, &err));
    assert_ok(plim_card_parse(text, bytes, &again, &err));

    assert_memory_equal(&again, &card, sizeof(card));
    assert_int_equal(strlen(text), bytes);
    assert_status(plim_card_format(&card, text, bytes, &needed, &err), PLIM_E_RANGE);
    assert_int_equal(needed, bytes);
    memset(&card, 0, sizeof(card));
    assert_ok(plim_card_format(&card, text, sizeof(text), &bytes, &err));
    assert_ok(plim_card_parse(text, bytes, &again, &err));
    assert_memory_equal(&again, &card, sizeof(card));
}

static void the_largest_card_fits_its_limits(void **state)
{
    (void)state;
    size_t bytes;
    full_card();
    card.tensor_count = PLIM_CARD_TENSORS_MAX;
    card.profile_count = PLIM_CARD_PROFILES_MAX;
    for (uint32_t i = 0; i < PLIM_CARD_TENSORS_MAX; i++) {
        memset(card.tensors[i].name, 0, sizeof(card.tensors[i].name));
        snprintf(card.tensors[i].name, sizeof(card.tensors[i].name), "t%u", i);
        card.tensors[i].rank = 8;
        card.tensors[i].dtype = PLIM_F32;
        memset(card.tensors[i].profiles, 0, sizeof(card.tensors[i].profiles));
    }

    assert_ok(plim_card_format(&card, text, sizeof(text), &bytes, &err));
    assert_ok(plim_card_parse(text, bytes, &again, &err));

    assert_memory_equal(&again, &card, sizeof(card));
    assert_int_equal(sizeof(plim_card), 104288); /* engine.h says so */
}

static void what_is_wrong_is_named_with_line_and_column(void **state)
{
    (void)state;
    static const struct {
        const char *json;
        plim_status status;
        const char *field, *place;
    } bad[] = {
        {"", PLIM_E_FORMAT, "JSON", NULL},
        {"{\"plimsoll_card\": 1,\n  \"sm\" 3}", PLIM_E_FORMAT, "JSON", "2:8"},
        {"[]", PLIM_E_FORMAT, "", "1:1"},
        {"{}", PLIM_E_FORMAT, "plimsoll_card", "1:1"},
        {"{\"plimsoll_card\": 2}", PLIM_E_UNSUPPORTED, "plimsoll_card", "1:2"},
        {"{\"plimsoll_card\": 1, \"plimsoll_card\": 1}", PLIM_E_FORMAT, "JSON", NULL},
        {"{\"plimsoll_card\": 1,\n \"extra\": {}}", PLIM_E_FORMAT, "extra", "2:2"},
        {"{\"plimsoll_card\": 1,\n \"target\": {\"sm\": 87,\n   \"cores\": 2048}}", PLIM_E_FORMAT,
         "target.cores", "3:4"},
        {"{\"plimsoll_card\": 1, \"target\": {\"sm\": -1}}", PLIM_E_FORMAT, "target.sm", "1:33"},
        {"{\"plimsoll_card\": 1, \"target\": {\"sm\": 87.0}}", PLIM_E_FORMAT, "target.sm", NULL},
        {"{\"plimsoll_card\": 1, \"target\": {\"sm\": 10000}}", PLIM_E_RANGE, "target.sm", NULL},
        {"{\"plimsoll_card\": 1, \"target\": {\"l4t\": \"0123456789abcdef\"}}", PLIM_E_RANGE,
         "target.l4t", NULL},
        {"{\"plimsoll_card\": 1, \"name\": \"x.engine\"}", PLIM_E_FORMAT, "name", NULL},
        {"{\"plimsoll_card\": 1, \"build\": {\"kind\": \"magic\"}}", PLIM_E_FORMAT, "build.kind",
         NULL},
        {"{\"plimsoll_card\": 1, \"build\": {\"version_compatible\": 1}}", PLIM_E_FORMAT,
         "build.version_compatible", NULL},
        {"{\"plimsoll_card\": 1, \"sha256\": {\"source\": \"AB\"}}", PLIM_E_FORMAT, "sha256.source",
         NULL},
        {"{\"plimsoll_card\": 1, \"backend\": \"a\\u0007b\"}", PLIM_E_FORMAT, "backend", NULL},
        {"{\"plimsoll_card\": 1, \"tensors\": [\n{\"name\": \"a\", \"io\": \"input\","
         " \"dtype\": \"q3\", \"rank\": 1}]}",
         PLIM_E_UNSUPPORTED, "tensors[0].dtype", "2:30"},
        {"{\"plimsoll_card\": 1, \"tensors\": [{\"name\": \"a\", \"io\": \"input\","
         " \"dtype\": \"int8\", \"rank\": 9}]}",
         PLIM_E_SHAPE, "tensors[0].rank", NULL},
        {"{\"plimsoll_card\": 1, \"tensors\": [{\"name\": \"a\", \"io\": \"input\","
         " \"dtype\": \"int8\", \"rank\": 1}],\n \"profiles\": [{\"a\": {\"min\": [1],"
         " \"opt\": [4],\n  \"max\": [3]}}]}",
         PLIM_E_FORMAT, "profiles[0].a.max[0]", "3:11"},
        {"{\"plimsoll_card\": 1, \"tensors\": [{\"name\": \"a\", \"io\": \"input\","
         " \"dtype\": \"int8\", \"rank\": 1}], \"profiles\": [{}]}",
         PLIM_E_FORMAT, "profiles[0].a", NULL},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        plim_status status = plim_card_parse(bad[i].json, strlen(bad[i].json), &again, &err);
        if (status != bad[i].status || strcmp(err.field, bad[i].field) != 0 ||
            (bad[i].place && strcmp(err.detail, bad[i].place) != 0)) {
            fail_msg("%s: %s field %s at %s", bad[i].json, plim_status_name(status), err.field,
                     err.detail);
        }
    }
}

static plim_host orin_nx(void)
{
    plim_host h = {.sm = 87, .multiprocessors = 8, .memory_bytes = UINT64_C(16416677888)};
    strcpy(h.jetpack, "6.1");
    strcpy(h.l4t, "36.4.0");
    strcpy(h.tensorrt, "10.3.0");
    return h;
}

static void half_the_multiprocessors_of_one_sm_are_refused(void **state)
{
    (void)state;
    plim_host host = orin_nx();
    full_card();

    assert_status(plim_card_match(&card, &host, "bb.engine", &err), PLIM_E_MISMATCH);

    assert_string_equal(err.field, "multiprocessors");
    assert_string_equal(err.wanted, "16 multiprocessors (2048 cores at SM 8.7)");
    assert_string_equal(err.found, "8 multiprocessors (1024 cores at SM 8.7)");
    assert_string_equal(err.detail, "bb.engine");
}

static void every_tied_field_is_held(void **state)
{
    (void)state;
    plim_host fits = orin_nx();
    fits.multiprocessors = 16;
    fits.memory_bytes = UINT64_C(61) << 30; /* what a kernel leaves of 64 GiB */
    full_card();
    assert_ok(plim_card_match(&card, &fits, "f", &err));
    static const char *const fields[] = {"sm",  "multiprocessors", "memory_bytes", "tensorrt",
                                         "l4t", "jetpack"};
    for (int known = 0; known < 2; known++) {
        for (size_t i = 0; i < 6; i++) {
            plim_host h = fits;
            h.sm = i == 0 ? (known ? 72 : 0) : h.sm;
            h.multiprocessors = i == 1 ? (known ? 14 : 0) : h.multiprocessors;
            h.memory_bytes = i == 2 ? (known ? UINT64_C(30) << 30 : 0) : h.memory_bytes;
            char *t = i == 3 ? h.tensorrt : i == 4 ? h.l4t : i == 5 ? h.jetpack : NULL;
            if (t) {
                strcpy(t, known ? "9.9" : "");
            }
            assert_status(plim_card_match(&card, &h, "f", &err), PLIM_E_MISMATCH);
            assert_string_equal(err.field, fields[i]);
            assert_true(known || strstr(err.found, "unknown to this host"));
        }
    }
}

static void the_way_it_was_built_decides_what_is_held(void **state)
{
    (void)state;
    plim_host h = orin_nx();
    full_card();
    card.multiprocessors = 8;
    card.build = PLIM_BUILD_EMULATED; /* on a 64 GiB devkit for a 16 GiB module */
    assert_ok(plim_card_match(&card, &h, "f", &err));
    card.build = PLIM_BUILD_NATIVE;
    assert_status(plim_card_match(&card, &h, "f", &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "memory_bytes");
    card.build = PLIM_BUILD_COMPAT;
    card.multiprocessors = 16;
    assert_status(plim_card_match(&card, &h, "f", &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "build");
    plim_host desktop = {.sm = 87, .multiprocessors = 8};
    strcpy(desktop.tensorrt, "10.3.0");
    card.l4t[0] = card.jetpack[0] = 0;
    assert_ok(plim_card_match(&card, &desktop, "f", &err));
    memset(&card, 0, sizeof(card));
    card.build = PLIM_BUILD_PORTABLE;
    plim_host bare = {.memory_bytes = 1};
    assert_ok(plim_card_match(&card, &bare, "f", &err));
}

static plim_tensor shaped(plim_dtype dtype, int64_t a, int64_t b)
{
    return (plim_tensor){.dtype = dtype, .rank = 2, .shape = {a, b}};
}

static void a_shape_is_held_against_the_nearest_profile(void **state)
{
    (void)state;
    full_card();
    plim_tensor t = shaped(PLIM_U8, 8, 30);
    assert_ok(plim_card_check_tensor(&card, "input", &t, &err));
    t = shaped(PLIM_U8, 9, 10);
    assert_ok(plim_card_check_tensor(&card, "input", &t, &err));
    t = shaped(PLIM_U8, 18, 10);
    assert_status(plim_card_check_tensor(&card, "input", &t, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "input dim 0");
    assert_string_equal(err.wanted, "[9, 16]");
    assert_string_equal(err.found, "18");
    assert_string_equal(err.detail, "nearest is profile 1: [9, 10] to [16, 30]");
    t = shaped(PLIM_U8, 2, 31);
    assert_status(plim_card_check_tensor(&card, "input", &t, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "input dim 1");
    assert_non_null(strstr(err.detail, "profile 0"));
    t = shaped(PLIM_U8, INT64_MIN, INT64_MAX);
    assert_status(plim_card_check_tensor(&card, "input", &t, &err), PLIM_E_SHAPE);
    t = shaped(PLIM_F32, 1, 10);
    assert_status(plim_card_check_tensor(&card, "input", &t, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "input dtype");
    t.dtype = PLIM_U8;
    t.rank = 3;
    assert_status(plim_card_check_tensor(&card, "input", &t, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "input rank");
    assert_status(plim_card_check_tensor(&card, "mask", &t, &err), PLIM_E_NOT_FOUND);
}

static void a_foreign_calibration_cache_is_refused(void **state)
{
    (void)state;
    char path[4096];
    snprintf(path, sizeof(path), "%s/calib.cache", cm_tmp());
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    fputs("abc", f);
    fclose(f);
    full_card();
    assert_status(plim_card_check_calibration(&card, path, &err), PLIM_E_CORRUPT);
    assert_non_null(strstr(err.detail, "rebuild the engine"));
    static const uint8_t abc[32] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea,
                                    0x41, 0x41, 0x40, 0xde, 0x5d, 0xae, 0x22, 0x23,
                                    0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17, 0x7a, 0x9c,
                                    0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad};
    memcpy(card.calibration_sha256, abc, 32);
    assert_ok(plim_card_check_calibration(&card, path, &err));
    card.has_calibration_sha256 = false;
    assert_status(plim_card_check_calibration(&card, path, &err), PLIM_E_NOT_FOUND);
    card.has_calibration_sha256 = true;
    assert_status(plim_card_check_calibration(&card, "nowhere", &err), PLIM_E_NOT_FOUND);
}

static void a_card_that_could_not_be_read_back_is_not_written(void **state)
{
    (void)state;
    size_t bytes;
    full_card();
    card.backend[0] = '\n';
    assert_status(plim_card_format(&card, text, sizeof(text), &bytes, &err), PLIM_E_FORMAT);
    full_card();
    memset(card.l4t, '6', sizeof(card.l4t));
    assert_status(plim_card_format(&card, text, sizeof(text), &bytes, &err), PLIM_E_FORMAT);
    full_card();
    card.resident_bytes = UINT64_MAX;
    assert_status(plim_card_format(&card, text, sizeof(text), &bytes, &err), PLIM_E_RANGE);
    full_card();
    card.tensors[0].profiles[1].min[0] = 100;
    assert_status(plim_card_format(&card, text, sizeof(text), &bytes, &err), PLIM_E_FORMAT);
    full_card();
    card.tensor_count = 65;
    assert_status(plim_card_format(&card, text, sizeof(text), &bytes, &err), PLIM_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_card_comes_back_as_it_was),
        cmocka_unit_test(the_largest_card_fits_its_limits),
        cmocka_unit_test(what_is_wrong_is_named_with_line_and_column),
        cmocka_unit_test(half_the_multiprocessors_of_one_sm_are_refused),
        cmocka_unit_test(every_tied_field_is_held),
        cmocka_unit_test(the_way_it_was_built_decides_what_is_held),
        cmocka_unit_test(a_shape_is_held_against_the_nearest_profile),
        cmocka_unit_test(a_foreign_calibration_cache_is_refused),
        cmocka_unit_test(a_card_that_could_not_be_read_back_is_not_written),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
