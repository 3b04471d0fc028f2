/* SPDX-License-Identifier: Apache-2.0 */
/* test_dlpack.c - tensors out to and in from other libraries, and what is refused. */
#include "plimsoll/tensor.h"
#include "src/tensor/dlpack.h"
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
    bo.cap_bytes = 16u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &bo, &h.budget, &err));
    assert_ok(plim_arena_open(h.budget, plim_provider_mmap(), NULL, &h.arena, &err));
    plim_region_opts ro = plim_region_opts_default();
    ro.tag = PLIM_TAG_IO;
    ro.size_bytes = 1u << 20;
    assert_ok(plim_region_create(h.arena, PLIM_REGION_DYNAMIC, &ro, &h.region, &err));
    *state = &h;
    return 0;
}

static int close_home(void **state)
{
    home *h = *state;
    plim_arena_close(h->arena);
    plim_budget_close(h->budget);
    return 0;
}

static uint64_t blocks(const home *h)
{
    plim_region_stats stats;
    plim_region_read(h->region, &stats);
    return stats.block_count;
}

static void count_release(void *context)
{
    ++*(int *)context;
}

static plim_tensor matrix(void *data)
{
    plim_tensor t;
    plim_error err;
    assert_ok(
        plim_tensor_init(&t, data, PLIM_F32, (const int64_t[]){2, 3}, 2, PLIM_MEMORY_HOST, &err));
    return t;
}

/* A producer's record of a float32 matrix, as another library would fill it in. */
typedef struct producer {
    plim_dl_managed managed;
    int64_t shape[9], strides[9];
    int deleted;
    float data[12];
} producer;

static void producer_delete(plim_dl_managed *self)
{
    ((producer *)self)->deleted++;
}

static void producer_init(producer *p)
{
    memset(p, 0, sizeof(*p));
    p->shape[0] = 3, p->shape[1] = 4;
    p->strides[0] = 4, p->strides[1] = 1;
    p->managed = (plim_dl_managed){.version = {1, 3},
                                   .deleter = producer_delete,
                                   .tensor = {.data = p->data,
                                              .device = {PLIM_DL_CPU, 0},
                                              .ndim = 2,
                                              .dtype = {2, 32, 1},
                                              .shape = p->shape,
                                              .strides = p->strides}};
    for (int i = 0; i < 12; i++) {
        p->data[i] = (float)i;
    }
}

static void layout_is_dlpacks_own(void **state)
{
    (void)state;
    assert_int_equal(sizeof(plim_dl_managed), 80);
    assert_int_equal(offsetof(plim_dl_managed, manager_context), 8);
    assert_int_equal(offsetof(plim_dl_managed, deleter), 16);
    assert_int_equal(offsetof(plim_dl_managed, flags), 24);
    assert_int_equal(offsetof(plim_dl_managed, tensor), 32);
    assert_int_equal(offsetof(plim_dl_tensor, device), 8);
    assert_int_equal(offsetof(plim_dl_tensor, strides), 32);
    assert_int_equal(offsetof(plim_dl_dtype, lanes), 2);
}

static void export_and_import_give_the_same_pointer_and_copy_nothing(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = matrix(data), turned, back;
    uint64_t copies = plim_tensor_copy_count(), flags = 9;
    int released = 0;
    void *managed;
    plim_error err;
    assert_ok(plim_tensor_transpose(&t, (const uint32_t[]){1, 0}, &turned, &err));

    assert_ok(
        plim_tensor_to_dlpack(&turned, h->region, 0, count_release, &released, &managed, &err));
    assert_int_equal(blocks(h), 1);
    assert_ok(plim_tensor_from_dlpack(managed, &back, &flags, &err));

    const plim_dl_managed *m = managed;
    assert_int_equal(m->version.major, 1);
    assert_int_equal(m->tensor.device.device_type, 1);
    assert_int_equal(m->tensor.dtype.code, 2);
    assert_int_equal(m->tensor.dtype.bits, 32);
    assert_int_equal(m->tensor.dtype.lanes, 1);
    assert_int_equal(m->tensor.shape[0], 3);
    assert_int_equal(m->tensor.strides[0], 1);
    assert_memory_equal(&back, &turned, sizeof(back));
    assert_int_equal(flags, 0);
    assert_int_equal(plim_tensor_copy_count(), copies);
    assert_int_equal(released, 0);
    plim_dlpack_delete(managed);
    assert_int_equal(released, 1);
    assert_int_equal(blocks(h), 0);
}

static void deleter_is_always_there_and_delete_accepts_null(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = matrix(data);
    void *managed;
    plim_error err;

    assert_ok(plim_tensor_to_dlpack(&t, h->region, 0, NULL, NULL, &managed, &err));
    plim_dl_managed *m = managed;
    assert_non_null(m->deleter);
    m->deleter(m);
    assert_int_equal(blocks(h), 0);

    producer p;
    producer_init(&p);
    p.managed.deleter = NULL; /* allowed by DLPack: nothing to delete */
    plim_dlpack_delete(&p.managed);
    plim_dlpack_delete(NULL);
}

static void close_arena(void *context)
{
    plim_arena_close(context);
}

static void release_comes_last_and_may_close_the_arena(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = matrix(data);
    plim_arena *arena;
    plim_region *region;
    plim_region_opts ro = plim_region_opts_default();
    void *managed;
    plim_error err;
    uint64_t used = plim_budget_used_bytes(h->budget);
    ro.size_bytes = 4096;
    assert_ok(plim_arena_open(h->budget, plim_provider_mmap(), NULL, &arena, &err));
    assert_ok(plim_region_create(arena, PLIM_REGION_DYNAMIC, &ro, &region, &err));

    assert_ok(plim_tensor_to_dlpack(&t, region, 0, close_arena, arena, &managed, &err));
    plim_dlpack_delete(managed);

    assert_int_equal(plim_budget_used_bytes(h->budget), used);
}

static void devices_and_memory_kinds_are_mapped_both_ways(void **state)
{
    home *h = *state;
    static const struct {
        plim_memory_kind kind, back;
        int32_t type, id, back_id;
    } cases[] = {{PLIM_MEMORY_HOST, PLIM_MEMORY_HOST, 1, 0, 0},
                 {PLIM_MEMORY_SHARED, PLIM_MEMORY_HOST, 1, 0, 0},
                 {PLIM_MEMORY_FILE, PLIM_MEMORY_HOST, 1, 0, 0},
                 {PLIM_MEMORY_PINNED, PLIM_MEMORY_PINNED, 3, 0, 0},
                 {PLIM_MEMORY_MANAGED, PLIM_MEMORY_MANAGED, 13, 0, 0},
                 {PLIM_MEMORY_DEVICE, PLIM_MEMORY_DEVICE, 2, 5, 5}};
    float data[6];
    plim_tensor t = matrix(data), back;
    plim_error err;

    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        void *managed;
        uint64_t flags;
        t.kind = cases[i].kind;
        t.device = 5;
        assert_ok(plim_tensor_to_dlpack(&t, h->region, 0, NULL, NULL, &managed, &err));
        const plim_dl_managed *m = managed;
        assert_int_equal(m->tensor.device.device_type, cases[i].type);
        assert_int_equal(m->tensor.device.device_id, cases[i].id);
        assert_ok(plim_tensor_from_dlpack(managed, &back, &flags, &err));
        assert_int_equal(back.kind, cases[i].back);
        assert_int_equal(back.device, cases[i].back_id);
        assert_int_equal(flags, cases[i].kind == PLIM_MEMORY_FILE ? PLIM_DLPACK_READ_ONLY : 0);
        plim_dlpack_delete(managed);
    }
}

static void every_dtype_goes_out_and_comes_back(void **state)
{
    home *h = *state;
    double data[4];
    plim_error err;

    for (int d = 1; d <= 18; d++) {
        plim_tensor t, back;
        void *managed;
        assert_ok(plim_tensor_init(&t, data, (plim_dtype)d, (const int64_t[]){4}, 1,
                                   PLIM_MEMORY_HOST, &err));
        assert_ok(plim_tensor_to_dlpack(&t, h->region, 0, NULL, NULL, &managed, &err));
        assert_ok(plim_tensor_from_dlpack(managed, &back, NULL, &err));
        assert_int_equal(back.dtype, d);
        plim_dlpack_delete(managed);
    }
}

static void flags_travel_and_unknown_ones_are_refused(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = matrix(data), back;
    uint64_t flags;
    void *managed;
    plim_error err;

    assert_ok(plim_tensor_to_dlpack(&t, h->region, PLIM_DLPACK_READ_ONLY | PLIM_DLPACK_IS_COPIED,
                                    NULL, NULL, &managed, &err));
    assert_int_equal(((plim_dl_managed *)managed)->flags, 3);
    assert_ok(plim_tensor_from_dlpack(managed, &back, &flags, &err));
    assert_int_equal(flags, 3);
    plim_dlpack_delete(managed);
    assert_status(plim_tensor_to_dlpack(&t, h->region, 4, NULL, NULL, &managed, &err), PLIM_E_ARG);
    assert_null(managed);
    assert_int_equal(blocks(h), 0);
}

static void import_reads_strides_that_are_null_negative_or_zero(void **state)
{
    producer p;
    plim_tensor t;
    plim_error err;
    (void)state;

    producer_init(&p);
    p.managed.tensor.strides = NULL;
    assert_ok(plim_tensor_from_dlpack(&p.managed, &t, NULL, &err));
    assert_int_equal(t.strides[0], 4);
    assert_int_equal(t.strides[1], 1);

    producer_init(&p);
    p.strides[0] = -4; /* rows from the last to the first */
    p.managed.tensor.byte_offset = 8 * sizeof(float);
    assert_ok(plim_tensor_from_dlpack(&p.managed, &t, NULL, &err));
    assert_ptr_equal(t.data, p.data);
    assert_int_equal(t.byte_offset, 8 * sizeof(float));
    assert_true(*(float *)plim_tensor_data(&t) == 8);
    assert_ok(plim_tensor_select(&t, 0, 2, &t, &err));
    assert_ptr_equal(plim_tensor_data(&t), p.data);

    producer_init(&p);
    p.strides[0] = 0;
    assert_ok(plim_tensor_from_dlpack(&p.managed, &t, NULL, &err));
    assert_int_equal(t.strides[0], 0);
}

#define REFUSED(change, status, field_name)                                                        \
    do {                                                                                           \
        producer_init(&p);                                                                         \
        change;                                                                                    \
        memset(&t, 1, sizeof(t));                                                                  \
        assert_status(plim_tensor_from_dlpack(&p.managed, &t, NULL, &err), status);                \
        assert_string_equal(err.field, field_name);                                                \
        assert_null(t.data);                                                                       \
        assert_int_equal(t.rank, 0);                                                               \
        assert_int_equal(p.deleted, 0); /* the caller's duty, and still possible */                \
        plim_dlpack_delete(&p.managed);                                                            \
        assert_int_equal(p.deleted, 1);                                                            \
    } while (0)

static void import_refuses_by_field_and_the_deleter_still_works(void **state)
{
    producer p;
    plim_tensor t;
    plim_error err;
    plim_dl_tensor *dl = &p.managed.tensor;
    (void)state;

    REFUSED(p.managed.version.major = 2, PLIM_E_UNSUPPORTED, "version.major");
    REFUSED(p.managed.version.major = 0, PLIM_E_UNSUPPORTED, "version.major");
    REFUSED(dl->device.device_type = 10, PLIM_E_UNSUPPORTED, "device_type");
    REFUSED((dl->device.device_type = 2, dl->device.device_id = -1), PLIM_E_RANGE, "device_id");
    REFUSED(dl->dtype.lanes = 4, PLIM_E_UNSUPPORTED, "lanes");
    REFUSED(dl->dtype.lanes = 0, PLIM_E_UNSUPPORTED, "lanes");
    REFUSED(dl->dtype.code = 5, PLIM_E_UNSUPPORTED, "dtype");
    REFUSED(dl->dtype.bits = 128, PLIM_E_UNSUPPORTED, "dtype");
    REFUSED((dl->dtype.code = 0, dl->dtype.bits = 4, p.managed.flags = 4), PLIM_E_UNSUPPORTED,
            "flags");
    REFUSED(dl->ndim = 9, PLIM_E_SHAPE, "rank");
    REFUSED(dl->ndim = -1, PLIM_E_SHAPE, "rank");
    REFUSED(dl->shape = NULL, PLIM_E_FORMAT, "shape");
    REFUSED(p.shape[1] = -4, PLIM_E_SHAPE, "dim 1");
    REFUSED(p.shape[0] = INT64_MAX, PLIM_E_RANGE, "dim 0");
    REFUSED(p.strides[0] = INT64_MIN, PLIM_E_RANGE, "strides");
    REFUSED(dl->data = NULL, PLIM_E_FORMAT, "data");
    REFUSED(dl->byte_offset = UINT64_MAX, PLIM_E_RANGE, "byte_offset");
    assert_status(plim_tensor_from_dlpack(NULL, &t, NULL, &err), PLIM_E_ARG);
}

static void empty_tensors_and_scalars_pass(void **state)
{
    home *h = *state;
    float one = 1;
    plim_tensor t, back;
    void *managed;
    plim_error err;

    assert_ok(plim_tensor_init(&t, &one, PLIM_F32, NULL, 0, PLIM_MEMORY_HOST, &err));
    assert_ok(plim_tensor_to_dlpack(&t, h->region, 0, NULL, NULL, &managed, &err));
    assert_ok(plim_tensor_from_dlpack(managed, &back, NULL, &err));
    assert_ptr_equal(plim_tensor_data(&back), &one);
    assert_int_equal(plim_tensor_elements(&back), 1);
    plim_dlpack_delete(managed);

    assert_ok(
        plim_tensor_init(&t, &one, PLIM_F32, (const int64_t[]){0, 4}, 2, PLIM_MEMORY_HOST, &err));
    assert_ok(plim_tensor_to_dlpack(&t, h->region, 0, NULL, NULL, &managed, &err));
    assert_null(((plim_dl_managed *)managed)->tensor.data);
    assert_ok(plim_tensor_from_dlpack(managed, &back, NULL, &err));
    assert_int_equal(plim_tensor_elements(&back), 0);
    plim_dlpack_delete(managed);
}

static void a_full_region_refuses_and_releases_nothing(void **state)
{
    home *h = *state;
    float data[6];
    plim_tensor t = matrix(data);
    int released = 0;
    void *managed = &released, *rest;
    plim_error err;
    plim_region_stats stats;
    plim_region_read(h->region, &stats);
    assert_ok(plim_region_alloc(h->region, (size_t)stats.largest_free_bytes, 0, &rest, &err));

    plim_status got =
        plim_tensor_to_dlpack(&t, h->region, 0, count_release, &released, &managed, &err);

    assert_int_equal(got, PLIM_E_RANGE);
    assert_null(managed);
    assert_int_equal(released, 0);
    assert_ok(plim_region_free(h->region, rest, &err));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layout_is_dlpacks_own),
        cmocka_unit_test(export_and_import_give_the_same_pointer_and_copy_nothing),
        cmocka_unit_test(deleter_is_always_there_and_delete_accepts_null),
        cmocka_unit_test(release_comes_last_and_may_close_the_arena),
        cmocka_unit_test(devices_and_memory_kinds_are_mapped_both_ways),
        cmocka_unit_test(every_dtype_goes_out_and_comes_back),
        cmocka_unit_test(flags_travel_and_unknown_ones_are_refused),
        cmocka_unit_test(import_reads_strides_that_are_null_negative_or_zero),
        cmocka_unit_test(import_refuses_by_field_and_the_deleter_still_works),
        cmocka_unit_test(empty_tensors_and_scalars_pass),
        cmocka_unit_test(a_full_region_refuses_and_releases_nothing),
    };
    return cmocka_run_group_tests(tests, open_home, close_home);
}
