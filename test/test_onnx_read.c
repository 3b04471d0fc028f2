/* SPDX-License-Identifier: Apache-2.0 */
/* test_onnx_read.c - the reader of models and the writer that takes constants out of them. */
#include <unistd.h>

#include "bench/onnx_write.h"
#include "src/backend/onnxruntime/onnx_split.h"
#include "test/support/cm.h"

/* ---- models made by hand ---- */

static void put_tensor(onnx_text *graph, const char *name, uint64_t count, float value)
{
    onnx_text t = {0};
    onnx_number(&t, 1, count);
    onnx_number(&t, 2, 1);
    onnx_string(&t, 8, name);
    float *data = malloc(count * sizeof(float));
    for (uint64_t i = 0; i < count; i++) {
        data[i] = value;
    }
    onnx_bytes(&t, 9, data, count * sizeof(float));
    free(data);
    onnx_close(graph, 5, &t);
}

/* A graph with one constant, inside an attribute of a node of @graph. */
static void put_nested(onnx_text *graph, const char *name, float value, unsigned depth)
{
    onnx_text inner = {0}, attribute = {0}, node = {0};
    if (depth > 1) {
        put_nested(&inner, name, value, depth - 1);
    } else {
        put_tensor(&inner, name, 64, value);
    }
    onnx_close(&attribute, 6, &inner);
    onnx_close(&node, 5, &attribute);
    onnx_close(graph, 1, &node);
}

static onnx_text finish(onnx_text *graph)
{
    onnx_text model = {0};
    onnx_number(&model, 1, 8);
    onnx_close(&model, 7, graph);
    return model;
}

typedef struct seen {
    plim_onnx_tensor tensors[8];
    plim_onnx_value values[4];
    size_t tensor_count, value_count;
} seen;

static plim_status see_tensor(void *context, const plim_onnx_tensor *t, plim_error *err)
{
    seen *s = context;
    if (s->tensor_count == 8) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "enough seen");
    }
    s->tensors[s->tensor_count++] = *t;
    return PLIM_OK;
}

static plim_status see_value(void *context, const plim_onnx_value *v, plim_error *err)
{
    seen *s = context;
    (void)err;
    s->values[s->value_count++] = *v;
    return PLIM_OK;
}

static plim_status look(const onnx_text *model, seen *s, plim_error *err)
{
    memset(s, 0, sizeof(*s));
    const plim_onnx_visitor visitor = {s, see_tensor, see_value};
    return plim_onnx_read((plim_wire_span){model->data, model->size}, &visitor, err);
}

static bool is_named(plim_wire_span name, const char *text)
{
    return name.size == strlen(text) && memcmp(name.data, text, name.size) == 0;
}

/* ---- reading ---- */

static void constants_inputs_and_outputs_are_found(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    onnx_text graph = {0};
    put_tensor(&graph, "a", 3, 1.5f);
    put_nested(&graph, "b", 2.5f, 1);
    onnx_constant(&graph, "c", 2, 5, "data.bin", 128);
    onnx_value(&graph, 11, "x", 7);
    onnx_value(&graph, 12, "y", 9);
    onnx_text model = finish(&graph);

    assert_ok(look(&model, &s, &err));

    assert_int_equal(s.tensor_count, 3);
    assert_true(is_named(s.tensors[0].name, "a"));
    assert_int_equal(s.tensors[0].data_bytes, 12);
    assert_int_equal(s.tensors[0].raw.size, 12);
    assert_false(s.tensors[0].is_nested);
    assert_true(is_named(s.tensors[1].name, "b") && s.tensors[1].is_nested);
    assert_true(is_named(s.tensors[2].name, "c") && s.tensors[2].is_external);
    assert_true(is_named(s.tensors[2].location, "data.bin"));
    assert_int_equal(s.tensors[2].offset_bytes, 128);
    assert_int_equal(s.tensors[2].length_bytes, 40);
    assert_int_equal(s.tensors[2].rank, 2);
    assert_int_equal(s.tensors[2].dims[1], 5);
    assert_int_equal(s.value_count, 2);
    assert_true(s.values[0].is_input && is_named(s.values[0].name, "x"));
    assert_int_equal(s.values[0].dims[1], 7);
    assert_int_equal(s.values[1].dtype, PLIM_F32);
    free(model.data);
}

static void every_truncation_is_refused_or_reads_less(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    onnx_text graph = {0};
    put_tensor(&graph, "a", 3, 1.0f);
    put_nested(&graph, "b", 2.0f, 2);
    onnx_value(&graph, 11, "x", 7);
    onnx_text model = finish(&graph);

    for (size_t n = 0; n < model.size; n++) {
        uint8_t *exact = malloc(n ? n : 1); /* a sanitizer sees the first byte past the end */
        onnx_text cut = {exact, n, n};
        memcpy(exact, model.data, n);
        assert_status(look(&cut, &s, &err), PLIM_E_FORMAT);
        free(exact);
    }
    assert_ok(look(&model, &s, &err));
    free(model.data);
}

static void graphs_nested_too_deep_are_unsupported(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    onnx_text graph = {0};
    put_nested(&graph, "deep", 1.0f, PLIM_ONNX_DEPTH_MAX);
    onnx_text model = finish(&graph);
    assert_ok(look(&model, &s, &err));
    assert_int_equal(s.tensor_count, 1);
    free(model.data);

    put_nested(&graph, "deeper", 1.0f, PLIM_ONNX_DEPTH_MAX + 1);
    model = finish(&graph);
    assert_status(look(&model, &s, &err), PLIM_E_UNSUPPORTED);
    free(model.data);
}

static void dims_that_overflow_or_are_too_many_are_refused(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    onnx_text graph = {0}, tensor = {0};
    onnx_number(&tensor, 1, (uint64_t)1 << 62);
    onnx_number(&tensor, 1, 8);
    onnx_number(&tensor, 2, 1);
    onnx_close(&graph, 5, &tensor);
    onnx_text model = finish(&graph);
    assert_status(look(&model, &s, &err), PLIM_E_RANGE);
    free(model.data);

    for (int i = 0; i < 9; i++) {
        onnx_number(&tensor, 1, 1);
    }
    onnx_close(&graph, 5, &tensor);
    model = finish(&graph);
    assert_status(look(&model, &s, &err), PLIM_E_UNSUPPORTED);
    free(model.data);

    onnx_number(&tensor, 1, UINT64_MAX); /* -1 */
    onnx_close(&graph, 5, &tensor);
    model = finish(&graph);
    assert_status(look(&model, &s, &err), PLIM_E_FORMAT);
    free(model.data);
}

static void offsets_that_are_no_numbers_are_refused(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    const struct {
        const char *text;
        plim_status status;
    } cases[] = {{"12x", PLIM_E_FORMAT},
                 {"-1", PLIM_E_FORMAT},
                 {"18446744073709551616", PLIM_E_RANGE},
                 {"18446744073709551615", PLIM_OK}};
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        onnx_text graph = {0}, tensor = {0};
        onnx_number(&tensor, 2, 1);
        onnx_entry(&tensor, "offset", cases[i].text);
        onnx_close(&graph, 5, &tensor);
        onnx_text model = finish(&graph);
        assert_status(look(&model, &s, &err), cases[i].status);
        free(model.data);
    }
}

static void element_types_map_both_ways(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 40; i++) {
        plim_dtype t = plim_onnx_dtype(i);
        assert_true(t == PLIM_DTYPE_NONE || plim_onnx_element(t) == i);
    }
    assert_int_equal(plim_onnx_element(PLIM_F32), 1);
    assert_int_equal(plim_onnx_element(PLIM_I64), 7);
    assert_int_equal(plim_onnx_element(PLIM_BOOL), 9);
    assert_int_equal(plim_onnx_element(PLIM_BF16), 16);
}

/* ---- splitting ---- */

static plim_onnx_move moves[16];

static plim_status split(const onnx_text *model, plim_onnx_split *out, onnx_text *graph,
                         plim_error *err)
{
    size_t count, needed;
    plim_onnx_split with = *out;
    *out = (plim_onnx_split){.model = {model->data, model->size},
                             .location = "place",
                             .moves = moves,
                             .is_same = with.is_same};
    PLIM_TRY(plim_onnx_count(out->model, &count, err));
    assert_true(count <= 16);
    PLIM_TRY(plim_onnx_plan(out, err));
    assert_int_equal(out->move_count, count);
    PLIM_TRY(plim_onnx_write(out, NULL, 0, &graph->size, err));
    graph->data = malloc(graph->size);
    return plim_onnx_write(out, graph->data, graph->size, &needed, err);
}

static void large_constants_leave_aligned_and_small_ones_stay(void **state)
{
    (void)state;
    plim_error err;
    seen s;
    onnx_text graph = {0}, small = {0};
    plim_onnx_split plan = {0};
    put_tensor(&graph, "big", 50, 1.0f);
    put_tensor(&graph, "small", 31, 2.0f);
    put_nested(&graph, "inner", 3.0f, 2);
    onnx_value(&graph, 11, "x", 7);
    onnx_text model = finish(&graph);

    assert_ok(split(&model, &plan, &small, &err));
    assert_ok(look(&small, &s, &err));

    assert_int_equal(plan.move_count, 2);
    assert_int_equal(plan.weights_bytes, 256 + 256);
    assert_false(plan.is_one_file);
    assert_int_equal(s.tensor_count, 3);
    assert_true(s.tensors[0].is_external && is_named(s.tensors[0].location, "place"));
    assert_int_equal(s.tensors[0].offset_bytes, 0);
    assert_int_equal(s.tensors[0].length_bytes, 200);
    assert_false(s.tensors[1].is_external);
    assert_int_equal(s.tensors[1].raw.size, 124);
    assert_true(s.tensors[2].is_external && s.tensors[2].is_nested);
    assert_int_equal(s.tensors[2].offset_bytes, 256);
    assert_int_equal(s.value_count, 1);
    free(small.data);
    free(model.data);
}

static void constants_in_one_aligned_file_keep_their_places(void **state)
{
    (void)state;
    plim_error err;
    onnx_text graph = {0}, small = {0};
    plim_onnx_split plan = {0};
    onnx_constant(&graph, "a", 0, 16, "data", 4096);
    onnx_constant(&graph, "b", 0, 16, "data", 64);
    onnx_text model = finish(&graph);

    assert_ok(split(&model, &plan, &small, &err));

    assert_true(plan.is_one_file);
    assert_int_equal(plan.moves[0].to_bytes, 4096);
    assert_int_equal(plan.moves[1].to_bytes, 64);
    assert_int_equal(plan.weights_bytes, 4096 + 64);
    free(small.data);
    free(model.data);
}

static bool same_raw(void *context, const plim_onnx_move *a, const plim_onnx_move *b)
{
    (void)context;
    return memcmp(a->raw.data, b->raw.data, a->size_bytes) == 0;
}

static void one_name_twice_shares_a_place_only_when_the_bytes_agree(void **state)
{
    (void)state;
    plim_error err;
    onnx_text graph = {0}, small = {0};
    plim_onnx_split plan = {.is_same = same_raw};
    put_nested(&graph, "same", 1.0f, 1);
    put_nested(&graph, "same", 1.0f, 1);
    onnx_text model = finish(&graph);
    assert_ok(split(&model, &plan, &small, &err));
    assert_true(plan.moves[1].is_copy);
    assert_int_equal(plan.moves[1].to_bytes, 0);
    assert_int_equal(plan.weights_bytes, 256);
    free(small.data);
    free(model.data);

    put_nested(&graph, "same", 1.0f, 1);
    put_nested(&graph, "same", 2.0f, 1);
    model = finish(&graph);
    assert_status(split(&model, &plan, &small, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "same");
    free(model.data);
}

static void a_length_that_contradicts_the_shape_is_refused(void **state)
{
    (void)state;
    plim_error err;
    onnx_text graph = {0}, tensor = {0}, small = {0};
    plim_onnx_split plan = {0};
    onnx_number(&tensor, 1, 64);
    onnx_number(&tensor, 2, 1);
    onnx_entry(&tensor, "length", "255");
    onnx_number(&tensor, 14, 1);
    onnx_close(&graph, 5, &tensor);
    onnx_text model = finish(&graph);

    assert_status(split(&model, &plan, &small, &err), PLIM_E_FORMAT);

    assert_int_equal(err.want, 256);
    assert_int_equal(err.have, 255);
    free(model.data);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(constants_inputs_and_outputs_are_found),
        cmocka_unit_test(every_truncation_is_refused_or_reads_less),
        cmocka_unit_test(graphs_nested_too_deep_are_unsupported),
        cmocka_unit_test(dims_that_overflow_or_are_too_many_are_refused),
        cmocka_unit_test(offsets_that_are_no_numbers_are_refused),
        cmocka_unit_test(element_types_map_both_ways),
        cmocka_unit_test(large_constants_leave_aligned_and_small_ones_stay),
        cmocka_unit_test(constants_in_one_aligned_file_keep_their_places),
        cmocka_unit_test(one_name_twice_shares_a_place_only_when_the_bytes_agree),
        cmocka_unit_test(a_length_that_contradicts_the_shape_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
