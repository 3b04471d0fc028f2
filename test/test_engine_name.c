/* SPDX-License-Identifier: Apache-2.0 */
/* test_engine_name.c - the self-describing file name. */
#include "plimsoll/engine.h"
#include "test/support/cm.h"

static plim_error err;

static plim_engine_name orin(void)
{
    plim_engine_name n = {"gr00t-backbone_v2.1", "87", "6.1", "10.3.0", "fp16"};
    return n;
}

static void a_name_formats_as_documented(void **state)
{
    (void)state;
    plim_engine_name n = orin();
    char text[200];

    assert_ok(plim_engine_name_format(&n, text, sizeof(text), &err));

    assert_string_equal(text, "gr00t-backbone_v2.1__sm87_jp6.1_trt10.3.0_fp16.engine");
}

static void parse_gives_back_what_format_took(void **state)
{
    (void)state;
    static const char inner[] = "abcXYZ0189.-_";
    uint64_t seed = cm_seed();
    unsigned formatted = 0;
    for (unsigned i = 0; i < 200000; i++) {
        plim_engine_name n = {0};
        char text[200];
        size_t length = 1 + cm_next(&seed) % 63;
        for (size_t k = 0; k < length; k++) {
            n.model[k] = inner[cm_next(&seed) % (sizeof(inner) - 1)];
        }
        snprintf(n.sm, sizeof(n.sm), cm_next(&seed) % 4 ? "%u" : "any",
                 (unsigned)(cm_next(&seed) % 2000));
        snprintf(n.jetpack, sizeof(n.jetpack), cm_next(&seed) % 4 ? "%u.%u" : "any",
                 (unsigned)(cm_next(&seed) % 9), (unsigned)(cm_next(&seed) % 9));
        snprintf(n.tensorrt, sizeof(n.tensorrt), cm_next(&seed) % 4 ? "%u.%u.%u" : "none",
                 (unsigned)(cm_next(&seed) % 20), (unsigned)(cm_next(&seed) % 9),
                 (unsigned)(cm_next(&seed) % 9));
        snprintf(n.precision, sizeof(n.precision), "%s%u", cm_next(&seed) % 2 ? "int" : "fp8-e",
                 (unsigned)(cm_next(&seed) % 64));
        if (plim_engine_name_format(&n, text, sizeof(text), NULL) == PLIM_OK) {
            plim_engine_name again;
            assert_ok(plim_engine_name_parse(text, &again, &err));
            assert_memory_equal(&again, &n, sizeof(n));
            formatted++;
        }
    }
    assert_true(formatted > 20000);
}

static void a_bad_name_is_refused_with_its_position(void **state)
{
    (void)state;
    static const struct {
        const char *name, *field, *found;
    } bad[] = {
        {"", "position 0", "the end"},
        {"_a__sm87_jp6.1_trt10_fp16.engine", "position 0", "\"_\""},
        {"a", "position 1", "the end"},
        {"a b__sm87_jp6.1_trt10_fp16.engine", "position 1", "\" \""},
        {"a/b__sm87_jp6.1_trt10_fp16.engine", "position 1", "\"/\""},
        {"a___sm87_jp6.1_trt10_fp16.engine", "position 3", "\"_\""},
        {"a__SM87_jp6.1_trt10_fp16.engine", "position 3", "\"S\""},
        {"a__sm_jp6.1_trt10_fp16.engine", "position 5", "\"_\""},
        {"a__sm8.7_jp6.1_trt10_fp16.engine", "position 6", "\".\""},
        {"a__sm87_jp6._trt10_fp16.engine", "position 12", "\"_\""},
        {"a__sm87_jp6.1_trtx_fp16.engine", "position 17", "\"x\""},
        {"a__sm87_jp6.1_trt10_FP16.engine", "position 20", "\"F\""},
        {"a__sm87_jp6.1_trt10_fp16.plan", "position 25", "\"p\""},
        {"a__sm87_jp6.1_trt10_fp16.engine2", "position 31", "\"2\""},
        {"a__sm12345678_jp6.1_trt10_fp16.engine", "position 12", "\"8\""},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        plim_engine_name n;
        assert_status(plim_engine_name_parse(bad[i].name, &n, &err), PLIM_E_FORMAT);
        assert_string_equal(err.field, bad[i].field);
        assert_string_equal(err.found, bad[i].found);
        assert_int_equal(n.model[0], 0);
    }
}

static void format_refuses_what_would_not_parse_back(void **state)
{
    (void)state;
    char text[200];
    plim_engine_name n = orin();
    strcpy(n.model, "a__sm87_jp6.1_trt10_fp16.engine");
    assert_status(plim_engine_name_format(&n, text, sizeof(text), &err), PLIM_E_FORMAT);
    n = orin();
    strcpy(n.model, "a_");
    assert_status(plim_engine_name_format(&n, text, sizeof(text), &err), PLIM_E_FORMAT);
    n = orin();
    memset(n.sm, '1', sizeof(n.sm));
    assert_status(plim_engine_name_format(&n, text, sizeof(text), &err), PLIM_E_FORMAT);
    n = orin();
    assert_status(plim_engine_name_format(&n, text, 53, &err), PLIM_E_RANGE);
    assert_int_equal(err.want, 54);
    assert_ok(plim_engine_name_format(&n, text, 54, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_formats_as_documented),
        cmocka_unit_test(parse_gives_back_what_format_took),
        cmocka_unit_test(a_bad_name_is_refused_with_its_position),
        cmocka_unit_test(format_refuses_what_would_not_parse_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
