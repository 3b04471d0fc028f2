/* SPDX-License-Identifier: Apache-2.0 */
/* test_tensor.c - views that move no byte, copies that are counted, outputs, bad input. */
#include "plimsoll/load.h"
#include "plimsoll/tensor.h"
#include "test/support/cm.h"

typedef struct home {
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
} home;

static int open_home(void **state)
{
    static home h;
    plim_error err;
    plim_budget_opts bo = plim_budget_opts_default();
    bo.cap_bytes = 64u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &bo, &h.budget, &err));
    assert_ok(plim_arena_open(h.budget, plim_provider_mmap(), NULL, &h.arena, &err));
    plim_region_opts ro = plim_region_opts_default();
    ro.tag = PLIM_TAG_IO;
    ro.size_bytes = 16u << 20;
    assert_ok(plim_region_create(h.arena, PLIM_REGION_DYNAMIC, &ro, &h.region, &err));
    *state = &h;
    return 0;
}

static int close_home(void **state)
{
    home *h = *state;
    plim_region_stats stats;
    plim_region_read(h->region, &stats);
    assert_int_equal(stats.block_count, 0); /* every test gave back what it took */
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
    return 0;
}

static plim_tensor dense(void *data, plim_dtype dtype, const int64_t *shape, uint32_t rank)
{
    plim_tensor t;
    plim_error err;
    assert_ok(plim_tensor_init(&t, data, dtype, shape, rank, PLIM_MEMORY_HOST, &err));
    return t;
}

static int32_t i32_at(const plim_tensor *t, const int64_t *index)
{
    int64_t at = 0;
    for (uint32_t i = 0; i < t->rank; i++) {
        at += index[i] * t->strides[i];
    }
    return ((const int32_t *)plim_tensor_data(t))[at];
}

static void count_up(int32_t *to, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        to[i] = (int32_t)i;
    }
}

static void views_change_numbers_and_move_no_byte(void **state)
{
    int32_t data[24];
    plim_tensor t = dense(data, PLIM_I32, (const int64_t[]){2, 3, 4}, 3), v;
    uint64_t copies = plim_tensor_copy_count(), bytes = plim_tensor_copy_bytes();
    plim_error err;
    (void)state;
    count_up(data, 24);

    assert_ok(plim_tensor_slice(&t, 2, 1, 4, 2, &v, &err)); /* columns 1 and 3 */
    assert_int_equal(v.shape[2], 2);
    assert_int_equal(i32_at(&v, (const int64_t[]){1, 2, 1}), 23);
    assert_ptr_equal(plim_tensor_data(&v), &data[1]);
    assert_false(plim_tensor_is_contiguous(&v));

    assert_ok(plim_tensor_transpose(&t, (const uint32_t[]){2, 0, 1}, &v, &err));
    assert_int_equal(v.shape[0], 4);
    assert_int_equal(i32_at(&v, (const int64_t[]){3, 1, 2}), 23);
    assert_ptr_equal(plim_tensor_data(&v), data);

    assert_ok(plim_tensor_select(&t, 1, 2, &v, &err));
    assert_int_equal(v.rank, 2);
    assert_int_equal(i32_at(&v, (const int64_t[]){1, 0}), 20);

    assert_ok(plim_tensor_reshape(&t, (const int64_t[]){4, -1}, 2, &v, &err));
    assert_int_equal(v.shape[1], 6);
    assert_int_equal(i32_at(&v, (const int64_t[]){2, 1}), 13);

    assert_ok(plim_tensor_select(&t, 0, 1, &t, &err)); /* @out may be @self */
    assert_int_equal(i32_at(&t, (const int64_t[]){0, 0}), 12);
    assert_int_equal(plim_tensor_copy_count(), copies);
    assert_int_equal(plim_tensor_copy_bytes(), bytes);
}

static void reshape_of_a_view_joins_what_lies_side_by_side_and_refuses_the_rest(void **state)
{
    int32_t data[60];
    plim_tensor t = dense(data, PLIM_I32, (const int64_t[]){3, 4, 5}, 3), half, v;
    plim_error err;
    (void)state;
    count_up(data, 60);
    assert_ok(plim_tensor_slice(&t, 0, 0, 3, 2, &half, &err)); /* [2, 4, 5], a gap between */

    assert_ok(plim_tensor_reshape(&half, (const int64_t[]){2, 1, 10, 2}, 4, &v, &err));
    assert_int_equal(i32_at(&v, (const int64_t[]){1, 0, 9, 1}), 59);
    assert_ok(plim_tensor_reshape(&half, (const int64_t[]){1, 2, 20}, 3, &v, &err));
    assert_int_equal(i32_at(&v, (const int64_t[]){0, 1, 19}), 59);

    assert_status(plim_tensor_reshape(&half, (const int64_t[]){40}, 1, &v, &err),
                  PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "strides");
    assert_int_equal(v.rank, 0);
    assert_null(v.data);
    assert_status(plim_tensor_reshape(&half, (const int64_t[]){7, -1}, 2, &v, &err), PLIM_E_SHAPE);
    assert_string_equal(err.wanted, "40");
    assert_status(plim_tensor_reshape(&half, (const int64_t[]){-1, -1}, 2, &v, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "dim 1");
}

static void views_out_of_range_name_the_dimension(void **state)
{
    int32_t data[6];
    plim_tensor t = dense(data, PLIM_I32, (const int64_t[]){2, 3}, 2), v;
    plim_error err;
    (void)state;

    assert_status(plim_tensor_slice(&t, 1, 0, 4, 1, &v, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "dim 1");
    assert_string_equal(err.wanted, "0 to 3");
    assert_string_equal(err.found, "4");
    assert_status(plim_tensor_slice(&t, 1, 3, 2, 1, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_slice(&t, 1, -1, 2, 1, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_slice(&t, 1, 0, 2, 0, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_slice(&t, 2, 0, 0, 1, &v, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "dim");
    assert_status(plim_tensor_select(&t, 0, 2, &v, &err), PLIM_E_SHAPE);
    assert_string_equal(err.wanted, "0 to 1");
    assert_status(plim_tensor_transpose(&t, (const uint32_t[]){0, 0}, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_transpose(&t, (const uint32_t[]){0, 2}, &v, &err), PLIM_E_SHAPE);
    assert_ok(plim_tensor_slice(&t, 1, 3, 3, INT64_MAX, &v, &err)); /* empty is fine */
    assert_int_equal(plim_tensor_elements(&v), 0);
    assert_ok(plim_tensor_slice(&t, 1, 2, 3, INT64_MAX, &v, &err));
    assert_int_equal(v.shape[1], 1);
}

static void four_bit_views_start_on_whole_bytes(void **state)
{
    uint8_t data[2] = {0x21, 0x43};
    plim_tensor t = dense(data, PLIM_U4, (const int64_t[]){4}, 1), v;
    plim_error err;
    (void)state;

    assert_ok(plim_tensor_slice(&t, 0, 2, 4, 1, &v, &err));
    assert_ptr_equal(plim_tensor_data(&v), &data[1]);
    assert_status(plim_tensor_slice(&t, 0, 1, 3, 1, &v, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "dim 0");
    assert_int_equal(plim_tensor_bytes(&t), 2);
    t = dense(data, PLIM_U4, (const int64_t[]){3}, 1);
    assert_int_equal(plim_tensor_bytes(&t), 2);
}

static void bad_shapes_are_refused_with_field_wanted_and_found(void **state)
{
    plim_tensor t;
    plim_error err;
    int64_t nine[9] = {1, 1, 1, 1, 1, 1, 1, 1, 1};
    int64_t wide[] = {INT64_C(1) << 31, INT64_C(1) << 31, 2}, negative[] = {3, -2};
    (void)state;

    assert_status(plim_tensor_init(&t, NULL, PLIM_F32, nine, 9, PLIM_MEMORY_HOST, &err),
                  PLIM_E_SHAPE);
    assert_string_equal(err.field, "rank");
    assert_string_equal(err.wanted, "0 to 8");
    assert_string_equal(err.found, "9");
    assert_status(plim_tensor_init(&t, NULL, PLIM_F32, wide, 3, PLIM_MEMORY_HOST, &err),
                  PLIM_E_RANGE);
    assert_string_equal(err.field, "dim 1"); /* 2^62 elements of 32 bits are too many already */
    assert_status(plim_tensor_init(&t, NULL, PLIM_F32, negative, 2, PLIM_MEMORY_HOST, &err),
                  PLIM_E_SHAPE);
    assert_string_equal(err.field, "dim 1");
    assert_string_equal(err.found, "-2");
    assert_status(plim_tensor_init(&t, NULL, (plim_dtype)99, nine, 1, PLIM_MEMORY_HOST, &err),
                  PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "dtype");
    assert_string_equal(err.found, "99");
    assert_status(plim_tensor_init(&t, NULL, PLIM_F32, nine, 1, (plim_memory_kind)9, &err),
                  PLIM_E_ARG);
    assert_int_equal(t.rank, 0);
}

static void hostile_structs_are_refused_by_every_call(void **state)
{
    home *h = *state;
    int32_t data[4] = {0};
    plim_tensor good = dense(data, PLIM_I32, (const int64_t[]){2, 2}, 2), bad = good, v;
    plim_error err;

    bad.rank = 4000000000u;
    assert_int_equal(plim_tensor_elements(&bad), -1);
    assert_true(plim_tensor_bytes(&bad) == UINT64_MAX);
    assert_false(plim_tensor_is_contiguous(&bad));
    assert_status(plim_tensor_select(&bad, 0, 0, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_contiguous(&bad, h->region, &v, &err), PLIM_E_SHAPE);
    assert_status(plim_tensor_cast(&bad, PLIM_F32, h->region, &v, &err), PLIM_E_SHAPE);
    bad = good, bad.strides[0] = INT64_MAX;
    assert_status(plim_tensor_slice(&bad, 0, 0, 1, 1, &v, &err), PLIM_E_RANGE);
    assert_string_equal(err.field, "strides");
    bad = good, bad.strides[0] = -2; /* would reach before data */
    assert_status(plim_tensor_copy(&bad, &good, &err), PLIM_E_RANGE);
    bad.byte_offset = 8;
    assert_ok(plim_tensor_check(&bad, &err));
    bad = good, bad.byte_offset = UINT64_MAX;
    assert_status(plim_tensor_check(&bad, &err), PLIM_E_RANGE);
}

static void reach_is_decided_from_the_memory_kind(void **state)
{
    static const bool expected[6][3] = {{1, 0, 0}, {1, 0, 1}, {1, 0, 1},
                                        {1, 1, 0}, {1, 1, 0}, {0, 1, 0}};
    float data[4];
    plim_tensor t = dense(data, PLIM_F32, (const int64_t[]){4}, 1), v;
    uint64_t copies = plim_tensor_copy_count();
    plim_error err;
    (void)state;

    for (int kind = 0; kind < 6; kind++) {
        for (int consumer = 0; consumer < 3; consumer++) {
            t.kind = (plim_memory_kind)kind;
            plim_status got = plim_tensor_view_for(&t, (plim_consumer)consumer, &v, &err);
            assert_int_equal(got, expected[kind][consumer] ? PLIM_OK : PLIM_E_UNSUPPORTED);
            assert_ptr_equal(v.data, expected[kind][consumer] ? data : NULL);
            if (got != PLIM_OK) {
                assert_string_equal(err.field, "memory kind");
            }
        }
    }
    assert_string_equal(err.found, "device");
    assert_string_equal(err.wanted, "shared or file, for another process");
    assert_status(plim_tensor_view_for(&t, (plim_consumer)3, &v, &err), PLIM_E_ARG);
    assert_int_equal(plim_tensor_copy_count(), copies);
}

static void contiguous_and_same_dtype_give_the_same_pointer_and_count_nothing(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = dense(data, PLIM_F32, (const int64_t[]){2, 3}, 2), v, turned;
    uint64_t copies = plim_tensor_copy_count();
    plim_error err;

    assert_ok(plim_tensor_contiguous(&t, h->region, &v, &err));
    assert_ptr_equal(plim_tensor_data(&v), data);
    assert_ok(plim_tensor_cast(&t, PLIM_F32, h->region, &v, &err));
    assert_ptr_equal(plim_tensor_data(&v), data);
    assert_ok(plim_tensor_transpose(&t, (const uint32_t[]){1, 0}, &turned, &err));
    assert_ok(plim_tensor_cast(&turned, PLIM_F32, h->region, &v, &err));
    assert_memory_equal(&v, &turned, sizeof(v));
    t.kind = PLIM_MEMORY_DEVICE; /* nothing is touched, so the GPU's memory is fine too */
    assert_ok(plim_tensor_contiguous(&t, h->region, &v, &err));

    assert_int_equal(plim_tensor_copy_count(), copies);
}

static void contiguous_copies_a_strided_view_once_and_counts_it(void **state)
{
    home *h = *state;
    int32_t data[24];
    plim_tensor t = dense(data, PLIM_I32, (const int64_t[]){2, 3, 4}, 3), turned, v;
    uint64_t copies = plim_tensor_copy_count(), bytes = plim_tensor_copy_bytes();
    plim_error err;
    count_up(data, 24);
    assert_ok(plim_tensor_transpose(&t, (const uint32_t[]){2, 1, 0}, &turned, &err));

    assert_ok(plim_tensor_contiguous(&turned, h->region, &v, &err));

    assert_int_equal(plim_tensor_copy_count(), copies + 1);
    assert_int_equal(plim_tensor_copy_bytes(), bytes + 96);
    assert_true(plim_tensor_is_contiguous(&v));
    for (int64_t i = 0; i < 24; i++) {
        const int64_t at[] = {i / 6, i / 2 % 3, i % 2};
        assert_int_equal(((int32_t *)v.data)[i], i32_at(&turned, at));
    }
    assert_ok(plim_region_free(h->region, v.data, &err));
}

static void memory_out_of_reach_is_never_copied(void **state)
{
    home *h = *state;
    float data[4];
    plim_tensor t = dense(data, PLIM_F32, (const int64_t[]){2, 2}, 2), turned, v;
    uint64_t copies = plim_tensor_copy_count();
    plim_error err;
    t.kind = PLIM_MEMORY_DEVICE;
    assert_ok(plim_tensor_transpose(&t, (const uint32_t[]){1, 0}, &turned, &err));

    assert_status(plim_tensor_contiguous(&turned, h->region, &v, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "memory kind");
    assert_string_equal(err.found, "device");
    assert_status(plim_tensor_cast(&t, PLIM_F16, h->region, &v, &err), PLIM_E_UNSUPPORTED);

    assert_int_equal(plim_tensor_copy_count(), copies);
}

static void copy_wants_one_shape_one_dtype_and_memory_that_can_be_written(void **state)
{
    int32_t data[6], other[6];
    plim_tensor from = dense(data, PLIM_I32, (const int64_t[]){2, 3}, 2);
    plim_tensor to = dense(other, PLIM_I32, (const int64_t[]){3, 2}, 2), turned;
    uint64_t copies = plim_tensor_copy_count();
    plim_error err;
    (void)state;
    count_up(data, 6);

    assert_status(plim_tensor_copy(&from, &to, &err), PLIM_E_SHAPE);
    assert_string_equal(err.field, "dim 0");
    assert_ok(plim_tensor_transpose(&to, (const uint32_t[]){1, 0}, &turned, &err));
    turned.dtype = PLIM_U32;
    assert_status(plim_tensor_copy(&from, &turned, &err), PLIM_E_UNSUPPORTED);
    turned.dtype = PLIM_I32, turned.kind = PLIM_MEMORY_FILE;
    assert_status(plim_tensor_copy(&from, &turned, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.found, "file");
    turned.kind = PLIM_MEMORY_HOST;
    assert_int_equal(plim_tensor_copy_count(), copies);

    assert_ok(plim_tensor_copy(&from, &turned, &err)); /* writes through strides */
    static const int32_t expected[] = {0, 3, 1, 4, 2, 5};
    assert_memory_equal(other, expected, sizeof(expected));
    assert_int_equal(plim_tensor_copy_count(), copies + 1);
    to = from, to.data = NULL;
    assert_status(plim_tensor_copy(&from, &to, &err), PLIM_E_ARG);
    to = from, to.strides[0] = 0;
    assert_status(plim_tensor_copy(&from, &to, &err), PLIM_E_UNSUPPORTED);
}

static void a_refusing_region_leaves_nothing_behind(void **state)
{
    home *h = *state;
    plim_tensor t = dense(NULL, PLIM_U8, (const int64_t[]){1 << 20, 8}, 2), v;
    plim_region_stats before, after;
    plim_error err;
    t.data = h; /* never read: the block of 32 MiB is refused first */
    plim_region_read(h->region, &before);

    assert_status(plim_tensor_cast(&t, PLIM_F32, h->region, &v, &err), PLIM_E_RANGE);

    plim_region_read(h->region, &after);
    assert_null(v.data);
    assert_int_equal(after.block_count, before.block_count);
    assert_int_equal(after.used_bytes, before.used_bytes);
}

/* Makes everything that takes a block, on an arena of its own. */
static plim_status use_all(plim_budget *budget, plim_provider *provider, plim_error *err)
{
    static uint8_t bytes[1 << 18];
    plim_arena *arena;
    plim_region *region;
    plim_region_opts ro = plim_region_opts_default();
    plim_output output;
    plim_tensor t = dense(bytes, PLIM_U8, (const int64_t[]){512, 512}, 2), turned, v;
    void *managed;
    ro.size_bytes = 8u << 20;
    PLIM_TRY(plim_arena_open(budget, provider, NULL, &arena, err));
    plim_status s = plim_region_create(arena, PLIM_REGION_DYNAMIC, &ro, &region, err);
    plim_output_init(&output, s == PLIM_OK ? region : NULL);
    if (s == PLIM_OK) {
        s = plim_tensor_cast(&t, PLIM_F32, region, &v, err);
        assert_true(s == PLIM_OK || (!v.data && v.rank == 0));
    }
    if (s == PLIM_OK) {
        s = plim_tensor_transpose(&t, (const uint32_t[]){1, 0}, &turned, err);
        assert_int_equal(s, PLIM_OK);
        s = plim_tensor_contiguous(&turned, region, &v, err);
        assert_true(s == PLIM_OK || (!v.data && v.rank == 0));
    }
    if (s == PLIM_OK) {
        s = plim_output_shape(&output, PLIM_F32, (const int64_t[]){1 << 18}, 1, err);
        assert_true(s == PLIM_OK || (!output.block && output.realloc_count == 0));
    }
    if (s == PLIM_OK) {
        s = plim_tensor_to_dlpack(&t, region, 0, NULL, NULL, &managed, err);
        assert_true((s == PLIM_OK) == (managed != NULL));
    }
    if (output.region) {
        plim_output_deinit(&output);
    }
    plim_arena_close(arena);
    return s;
}

static void every_failure_leaves_the_account_at_its_start(void **state)
{
    home *h = *state;
    uint64_t used = plim_budget_used_bytes(h->budget), calls = 0;
    plim_status s = PLIM_E_NOMEM;
    plim_error err;

    for (; s != PLIM_OK; calls++) {
        plim_failing_provider failing;
        assert_true(calls < 100);
        plim_failing_provider_init(&failing, plim_provider_mmap(), calls, true);
        s = use_all(h->budget, &failing.base, &err);
        assert_true(s == PLIM_OK || s == PLIM_E_NOMEM);
        assert_int_equal(plim_budget_used_bytes(h->budget), used);
    }

    assert_true(calls > 4); /* each of the four takes memory of its own */
}

static void outputs_are_reallocated_only_when_a_shape_does_not_fit(void **state)
{
    home *h = *state;
    /* the largest so far, in float32: 4, 4, 16, 16, 16, 36, 36, 36 elements */
    static const int64_t shapes[][2] = {{2, 2}, {1, 4}, {4, 4}, {2, 8},
                                        {3, 3}, {6, 6}, {0, 9}, {6, 6}};
    static const uint64_t expected[] = {1, 1, 2, 2, 2, 3, 3, 3};
    plim_output output;
    plim_error err;
    plim_output_init(&output, h->region);

    for (int round = 0; round < 100; round++) {
        for (size_t i = 0; i < 8; i++) {
            assert_ok(plim_output_shape(&output, PLIM_F32, shapes[i], 2, &err));
            assert_int_equal(output.realloc_count, round ? 3 : expected[i]);
            assert_int_equal(output.tensor.shape[1], shapes[i][1]);
            assert_ptr_equal(output.tensor.data, output.block);
        }
    }

    plim_output_deinit(&output);
    plim_output_deinit(&output);
}

static void an_output_that_is_refused_keeps_what_it_has(void **state)
{
    home *h = *state;
    plim_output output;
    plim_error err;
    plim_output_init(&output, h->region);
    assert_ok(plim_output_shape(&output, PLIM_F32, (const int64_t[]){8}, 1, &err));
    plim_output before = output;

    assert_status(plim_output_shape(&output, PLIM_F32, (const int64_t[]){1 << 30}, 1, &err),
                  PLIM_E_RANGE);
    assert_memory_equal(&output, &before, sizeof(output));
    assert_status(plim_output_shape(&output, PLIM_F32, (const int64_t[]){-1}, 1, &err),
                  PLIM_E_SHAPE);
    assert_memory_equal(&output, &before, sizeof(output));

    plim_output_deinit(&output);
}

static void kv_cache_is_allocated_and_reported_under_its_own_tag(void **state)
{
    home *h = *state;
    const plim_kv_cache shape = {
        .layers = 18, .kv_heads = 1, .head_dim = 256, .positions = 970, .element_bits = 16};
    plim_region_opts ro = plim_region_opts_default();
    plim_account account;
    plim_region *region;
    void *block;
    plim_tensor t;
    plim_error err;
    ro.tag = PLIM_TAG_KV_CACHE;
    assert_ok(plim_kv_cache_bytes(&shape, &ro.size_bytes, &err));

    assert_ok(plim_region_create(h->arena, PLIM_REGION_STATIC, &ro, &region, &err));
    assert_ok(plim_region_at(region, 0, ro.size_bytes, &block, &err));
    assert_ok(plim_tensor_init(&t, block, PLIM_F16, (const int64_t[]){2, 18, 1, 970, 256}, 5,
                               PLIM_MEMORY_HOST, &err));

    assert_int_equal(plim_tensor_bytes(&t), ro.size_bytes);
    plim_budget_read(h->budget, &account, NULL, 0);
    assert_int_equal(account.tag_now_bytes[PLIM_TAG_KV_CACHE],
                     (ro.size_bytes + 65535) / 65536 * 65536); /* whole granules */
    plim_region_destroy(region);
    plim_budget_read(h->budget, &account, NULL, 0);
    assert_int_equal(account.tag_now_bytes[PLIM_TAG_KV_CACHE], 0);
}

static void dtypes_have_names_and_widths(void **state)
{
    plim_dtype dtype;
    plim_error err;
    (void)state;

    for (int i = 1; i <= 18; i++) {
        assert_ok(plim_dtype_parse(plim_dtype_name((plim_dtype)i), &dtype, &err));
        assert_int_equal(dtype, i);
    }
    assert_ok(plim_dtype_parse("BF16", &dtype, &err));
    assert_int_equal(dtype, PLIM_BF16);
    assert_ok(plim_dtype_parse("F8_E4M3", &dtype, &err));
    assert_int_equal(dtype, PLIM_F8E4M3);
    assert_int_equal(plim_dtype_bits(PLIM_I4), 4);
    assert_int_equal(plim_dtype_bits((plim_dtype)19), 0);
    assert_status(plim_dtype_parse("float7", &dtype, &err), PLIM_E_UNSUPPORTED);
    assert_string_equal(err.field, "dtype");
    assert_string_equal(err.found, "float7");
    assert_status(plim_dtype_parse("f32x", &dtype, &err), PLIM_E_UNSUPPORTED);
    assert_status(plim_dtype_parse(NULL, &dtype, &err), PLIM_E_UNSUPPORTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(views_change_numbers_and_move_no_byte),
        cmocka_unit_test(reshape_of_a_view_joins_what_lies_side_by_side_and_refuses_the_rest),
        cmocka_unit_test(views_out_of_range_name_the_dimension),
        cmocka_unit_test(four_bit_views_start_on_whole_bytes),
        cmocka_unit_test(bad_shapes_are_refused_with_field_wanted_and_found),
        cmocka_unit_test(hostile_structs_are_refused_by_every_call),
        cmocka_unit_test(reach_is_decided_from_the_memory_kind),
        cmocka_unit_test(contiguous_and_same_dtype_give_the_same_pointer_and_count_nothing),
        cmocka_unit_test(contiguous_copies_a_strided_view_once_and_counts_it),
        cmocka_unit_test(memory_out_of_reach_is_never_copied),
        cmocka_unit_test(copy_wants_one_shape_one_dtype_and_memory_that_can_be_written),
        cmocka_unit_test(a_refusing_region_leaves_nothing_behind),
        cmocka_unit_test(every_failure_leaves_the_account_at_its_start),
        cmocka_unit_test(outputs_are_reallocated_only_when_a_shape_does_not_fit),
        cmocka_unit_test(an_output_that_is_refused_keeps_what_it_has),
        cmocka_unit_test(kv_cache_is_allocated_and_reported_under_its_own_tag),
        cmocka_unit_test(dtypes_have_names_and_widths),
    };
    return cmocka_run_group_tests(tests, open_home, close_home);
}
