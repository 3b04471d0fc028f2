/* SPDX-License-Identifier: Apache-2.0 */
/* test_weights.c - the types of the weights are read from the artifact, not from its name. */
#include <fcntl.h>
#include <unistd.h>

#include "plimsoll/plimsoll.h"
#include "src/engine/onnx_external.h"
#include "test/support/cm.h"

static plim_error err;
static plim_card card;

/* ---- a model of a few tensors, by hand ---- */

static struct {
    unsigned char at[4096];
    size_t size;
} made;

static void number(uint64_t n)
{
    for (; n > 127; n >>= 7) {
        made.at[made.size++] = (unsigned char)(n | 128);
    }
    made.at[made.size++] = (unsigned char)n;
}

/* A field that holds what was made since @from. */
static void wrap(size_t from, unsigned field)
{
    unsigned char inside[sizeof(made.at)];
    size_t n = made.size - from;
    memcpy(inside, made.at + from, n);
    made.size = from;
    number(field << 3 | 2);
    number(n);
    memcpy(made.at + made.size, inside, n);
    made.size += n;
}

static void text(unsigned field, const char *value)
{
    size_t from = made.size;
    memcpy(made.at + made.size, value, strlen(value));
    made.size += strlen(value);
    wrap(from, field);
}

/* An initializer of @count elements with @raw bytes, or in a file of its own (@length). */
static void tensor(unsigned element, uint64_t count, size_t raw, const char *length)
{
    size_t from = made.size;
    number(1 << 3);
    number(count);
    number(2 << 3);
    number(element);
    if (length) {
        size_t entry = made.size;
        text(1, "location");
        text(2, "weights");
        wrap(entry, 13);
        entry = made.size;
        text(1, "length");
        text(2, length);
        wrap(entry, 13);
        number(14 << 3);
        number(1);
    } else {
        size_t data = made.size;
        memset(made.at + made.size, 1, raw);
        made.size += raw;
        wrap(data, 9);
    }
    wrap(from, 5);
}

static const char *in(const char *name)
{
    static char path[2][4200];
    static unsigned turn;
    char *p = path[turn++ % 2];
    snprintf(p, sizeof(path[0]), "%s/%s", cm_tmp(), name);
    return p;
}

static void put(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void new_card(const char *format, const char *asked, const char *found)
{
    memset(&card, 0, sizeof(card));
    strcpy(card.backend, "null");
    strcpy(card.format, format);
    strcpy(card.precision_asked, asked);
    strcpy(card.precision_found, found);
    card.build = PLIM_BUILD_PORTABLE;
}

static plim_status pack_model(const char *path)
{
    plim_pack_input input = {
        .name = "graph", .kind = PLIM_SECTION_GRAPH, .data = made.at, .size_bytes = made.size};
    plim_pack_opts o = plim_pack_opts_default();
    plim_pack_result result;
    o.lz4 = true;
    return plim_engine_pack(path, &card, &input, 1, &o, &result, &err);
}

/* What an artifact holds, read back from it. */
static plim_status read_back(const char *path, plim_weights *out, char found[16])
{
    static unsigned char scratch[4 << 20] __attribute__((aligned(4096)));
    plim_budget *budget = NULL;
    plim_arena *arena = NULL;
    plim_region *home = NULL;
    plim_engine_file *file = NULL;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    b.cap_bytes = 64 << 20;
    r.size_bytes = 8 << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    assert_ok(plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err));
    assert_ok(plim_engine_open(path, home, &file, &err));
    plim_status status = plim_engine_weights(file, scratch, sizeof(scratch), out, &err);
    snprintf(found, 16, "%s", plim_engine_card(file)->precision_found);
    assert_memory_equal(&plim_engine_card(file)->weights, out, sizeof(*out));
    plim_engine_close(file);
    plim_region_destroy(home);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return status;
}

static void packing_writes_what_it_finds_and_not_what_was_asked(void **state)
{
    (void)state;
    plim_weights w;
    char found[16];
    made.size = 0;
    tensor(1, 100, 400, NULL);   /* float32 */
    tensor(17, 300, 300, NULL);  /* float8 */
    tensor(1, 4096, 0, "16384"); /* float32, in a file of its own */
    wrap(0, 7);
    new_card("onnx+weights", "fp8", "fp8");

    assert_ok(pack_model(in("asked.engine")));

    assert_string_equal(card.precision_found, "fp32");
    assert_string_equal(card.precision_asked, "fp8");
    assert_int_equal(card.weights.bytes[PLIM_F32], 16784);
    assert_int_equal(card.weights.bytes[PLIM_F8E4M3], 300);
    assert_ok(read_back(in("asked.engine"), &w, found));
    assert_true(w.is_known);
    assert_string_equal(found, "fp32");
    assert_string_equal(plim_weights_precision(&w), "fp32");
}

static void the_signs_and_kinds_of_one_precision_count_together(void **state)
{
    (void)state;
    made.size = 0;
    tensor(1, 100, 400, NULL);
    tensor(2, 250, 250, NULL);
    tensor(3, 200, 200, NULL);
    wrap(0, 7);
    new_card("onnx", "", "");

    assert_ok(pack_model(in("signs.engine")));

    assert_string_equal(card.precision_found, "int8");
}

static void a_safetensors_header_says_its_types(void **state)
{
    (void)state;
    plim_weights w;
    char found[16];
    static const char header[] =
        "{\"a\":{\"dtype\":\"BF16\",\"shape\":[4],\"data_offsets\":[0,8]},"
        "\"b\":{\"dtype\":\"F8_E8M0\",\"shape\":[3],\"data_offsets\":[8,11]"
        "}}";
    unsigned char bytes[sizeof(header) - 1 + 8 + 11] = {sizeof(header) - 1};
    memcpy(bytes + 8, header, sizeof(header) - 1);
    put(in("m.safetensors"), bytes, sizeof(bytes));
    new_card("safetensors", "bf16", "");

    assert_ok(plim_engine_write_card(in("m.safetensors"), &card, NULL, NULL, &err));

    assert_ok(read_back(in("m.safetensors"), &w, found));
    assert_string_equal(found, "bf16");
    assert_int_equal(w.bytes[PLIM_BF16], 8);
    assert_int_equal(w.bytes[PLIM_DTYPE_NONE], 3);
}

static void what_cannot_be_read_stays_as_its_card_says_or_unknown(void **state)
{
    (void)state;
    plim_weights w;
    char found[16];
    made.size = 0;
    text(1, "no model");
    new_card("plan", "fp8", "fp16"); /* a plan: its card's word alone */
    assert_ok(pack_model(in("plan.engine")));
    assert_ok(read_back(in("plan.engine"), &w, found));
    assert_false(w.is_known);
    assert_string_equal(found, "fp16");
    assert_string_equal(plim_weights_precision(&w), "");
    new_card("raw", "fp8", "");

    assert_ok(pack_model(in("raw.engine")));

    assert_ok(read_back(in("raw.engine"), &w, found));
    assert_string_equal(found, ""); /* never what was asked */
}

static void a_model_that_says_it_weighs_more_than_it_has_is_refused(void **state)
{
    (void)state;
    static const struct {
        unsigned element;
        uint64_t count;
        size_t raw;
        const char *length;
    } bad[] = {
        {1, 101, 400, NULL}, /* one element too many */
        {1, 101, 0, "400"},  /* the same outside */
        {17, UINT64_C(1) << 62, 8, NULL},
        {1, UINT64_MAX, 8, NULL}, /* a negative dimension */
        {11, UINT64_C(1) << 61, 0, "99"},
    };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        made.size = 0;
        tensor(bad[i].element, bad[i].count, bad[i].raw, bad[i].length);
        wrap(0, 7);
        new_card("onnx", "fp8", "fp16");

        assert_status(pack_model(in("bad.engine")), PLIM_E_FORMAT);

        assert_string_equal(card.precision_found, "fp16"); /* nothing changed */
        assert_int_not_equal(access(in("bad.engine"), F_OK), 0);
    }
}

static void the_table_goes_through_a_card_s_text_and_back(void **state)
{
    (void)state;
    static plim_card again;
    char json[4096];
    size_t bytes;
    new_card("onnx", "fp8", "fp16");
    card.weights.is_known = true;
    for (unsigned i = 0; i <= PLIM_F4E2M1; i++) {
        card.weights.bytes[i] = i + 1;
    }
    assert_ok(plim_card_format(&card, json, sizeof(json), &bytes, &err));

    assert_ok(plim_card_parse(json, bytes, &again, &err));

    assert_memory_equal(&again.weights, &card.weights, sizeof(card.weights));
    static const char bad[] = "{\"plimsoll_card\":1,\"backend\":\"null\",\"format\":\"raw\","
                              "\"precision\":{\"bytes\":{\"float7\":1}}}";
    assert_status(plim_card_parse(bad, sizeof(bad) - 1, &again, &err), PLIM_E_FORMAT);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(packing_writes_what_it_finds_and_not_what_was_asked),
        cmocka_unit_test(the_signs_and_kinds_of_one_precision_count_together),
        cmocka_unit_test(a_safetensors_header_says_its_types),
        cmocka_unit_test(what_cannot_be_read_stays_as_its_card_says_or_unknown),
        cmocka_unit_test(a_model_that_says_it_weighs_more_than_it_has_is_refused),
        cmocka_unit_test(the_table_goes_through_a_card_s_text_and_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
