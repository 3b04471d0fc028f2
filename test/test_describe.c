/* SPDX-License-Identifier: Apache-2.0 */
/* test_describe.c - a card that does not speak of the session that was opened is a mismatch. */
#include "plimsoll/plimsoll.h"
#include "src/runtime/state.h"
#include "test/support/cm.h"

static plim_error err;

/* What the session says next: the null backend's own answer, with one thing changed. */
static void (*change)(plim_card_tensor *tensors, size_t *count);

static plim_status changed_describe(plim_backend_engine *engine, plim_card_tensor *out,
                                    size_t limit, size_t *out_count, plim_error *e)
{
    plim_status status = plim_backend_null.describe(engine, out, limit, out_count, e);
    if (status == PLIM_OK && change) {
        change(out, out_count);
    }
    return status;
}

static plim_status failing_describe(plim_backend_engine *engine, plim_card_tensor *out,
                                    size_t limit, size_t *out_count, plim_error *e)
{
    (void)engine, (void)out, (void)limit;
    *out_count = 0;
    return PLIM_FAIL(e, PLIM_E_BACKEND, .what = "describe");
}

static void make_card(plim_card *card)
{
    memset(card, 0, sizeof(*card));
    strcpy(card->name.model, "described");
    strcpy(card->name.sm, "any");
    strcpy(card->name.jetpack, "any");
    strcpy(card->name.tensorrt, "none");
    strcpy(card->name.precision, "fp32");
    strcpy(card->backend, "null");
    strcpy(card->format, "raw");
    card->build = PLIM_BUILD_PORTABLE;
    card->profile_count = 1;
    card->tensor_count = 2;
    for (int i = 0; i < 2; i++) {
        plim_card_tensor *t = &card->tensors[i];
        strcpy(t->name, i ? "y" : "x");
        t->is_input = i == 0;
        t->dtype = PLIM_F32;
        t->rank = 2;
        t->profiles[0] = (plim_card_range){.min = {1, 16}, .opt = {1, 16}, .max = {8, 16}};
    }
}

static plim_engine *load(plim_runtime *runtime)
{
    static plim_card card;
    char path[4200];
    unsigned char data[4096] = {7};
    plim_pack_input input = {
        .name = "weights", .kind = PLIM_SECTION_WEIGHTS, .data = data, .size_bytes = sizeof(data)};
    plim_pack_opts opts = plim_pack_opts_default();
    plim_pack_result result;
    plim_engine_spec spec = plim_engine_spec_default();
    plim_engine *engine = NULL;
    make_card(&card);
    snprintf(path, sizeof(path), "%s/described__smany_jpany_trtnone_fp32.engine", cm_tmp());
    assert_ok(plim_engine_pack(path, &card, &input, 1, &opts, &result, &err));
    spec.name = "described";
    spec.path = path;
    spec.load.path = PLIM_READ_BUFFERED;
    assert_ok(plim_runtime_deserialize(runtime, &spec, &engine, &err));
    return engine;
}

static plim_runtime *runtime;
static plim_engine *engine;
static plim_backend_ops ops;

static int open_engine(void **state)
{
    (void)state;
    plim_runtime_opts o = plim_runtime_opts_default();
    o.budget.cap_bytes = 64u << 20;
    assert_ok(plim_runtime_open(&o, &runtime, &err));
    engine = load(runtime);
    ops = plim_backend_null;
    ops.describe = changed_describe;
    engine->ops = &ops;
    change = NULL;
    return 0;
}

static int close_engine(void **state)
{
    (void)state;
    engine->ops = &plim_backend_null;
    plim_runtime_close(runtime);
    return 0;
}

static void assert_mismatch(const char *field, const char *wanted, const char *found)
{
    uint64_t before = plim_budget_used_bytes(plim_runtime_budget(runtime));
    assert_status(plim_engine_describe(engine, &err), PLIM_E_MISMATCH);
    assert_string_equal(err.field, field);
    assert_string_equal(err.wanted, wanted);
    assert_string_equal(err.found, found);
    assert_int_equal(plim_budget_used_bytes(plim_runtime_budget(runtime)), before);
}

static void a_session_that_agrees_is_no_mismatch_and_costs_nothing(void **state)
{
    (void)state;
    uint64_t before = plim_budget_used_bytes(plim_runtime_budget(runtime));
    assert_ok(plim_engine_describe(engine, &err));
    assert_int_equal(plim_budget_used_bytes(plim_runtime_budget(runtime)), before);
}

static void other_dtype(plim_card_tensor *t, size_t *count)
{
    (void)count;
    t[0].dtype = PLIM_F16;
}

static void another_element_type_is_a_mismatch(void **state)
{
    (void)state;
    change = other_dtype;
    assert_mismatch("x", plim_dtype_name(PLIM_F32), plim_dtype_name(PLIM_F16));
}

static void other_rank(plim_card_tensor *t, size_t *count)
{
    (void)count;
    t[1].rank = 3;
}

static void another_rank_is_a_mismatch(void **state)
{
    (void)state;
    change = other_rank;
    assert_mismatch("y", "rank 2", "rank 3");
}

static void other_dim(plim_card_tensor *t, size_t *count)
{
    (void)count;
    t[0].profiles[0].opt[0] = 4; /* the card says 1..8 */
}

static void a_dimension_that_the_session_fixes_is_a_mismatch(void **state)
{
    (void)state;
    change = other_dim;
    assert_mismatch("x dim 0", "1..8", "4");
}

static void fewer(plim_card_tensor *t, size_t *count)
{
    (void)t;
    (*count)--;
}

static void an_output_that_is_not_there_is_a_mismatch(void **state)
{
    (void)state;
    change = fewer;
    assert_mismatch("y", "an output", "no such tensor");
}

static void more(plim_card_tensor *t, size_t *count)
{
    t[2] = t[0];
    strcpy(t[2].name, "mask");
    (*count)++;
}

static void an_input_that_the_card_does_not_name_is_a_mismatch(void **state)
{
    (void)state;
    change = more;
    assert_mismatch("mask", "no such tensor", "an input");
}

static void a_session_that_cannot_say_is_an_error(void **state)
{
    (void)state;
    ops.describe = failing_describe;
    uint64_t before = plim_budget_used_bytes(plim_runtime_budget(runtime));
    assert_status(plim_engine_describe(engine, &err), PLIM_E_BACKEND);
    assert_int_equal(plim_budget_used_bytes(plim_runtime_budget(runtime)), before);
}

#define with_engine(test) cmocka_unit_test_setup_teardown(test, open_engine, close_engine)

int main(void)
{
    const struct CMUnitTest tests[] = {
        with_engine(a_session_that_agrees_is_no_mismatch_and_costs_nothing),
        with_engine(another_element_type_is_a_mismatch),
        with_engine(another_rank_is_a_mismatch),
        with_engine(a_dimension_that_the_session_fixes_is_a_mismatch),
        with_engine(an_output_that_is_not_there_is_a_mismatch),
        with_engine(an_input_that_the_card_does_not_name_is_a_mismatch),
        with_engine(a_session_that_cannot_say_is_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
