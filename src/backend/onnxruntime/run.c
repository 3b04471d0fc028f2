/* SPDX-License-Identifier: Apache-2.0 */
/* run.c - one run: names, types and shapes held against the graph first, then the library.
 *
 * Inputs are views of the caller's memory. An output whose shape the graph fixes is a view
 * too. A view is kept with its tensor's slot and used again while address and shape stay what
 * they were: a loop over the same tensors makes nothing anew. An output with a dynamic dimension is
 * made by the library, through our allocator, and moved into the caller's room: one copy, because
 * nobody knows its shape before. A failed run changes nothing but the bytes of the caller's
 * outputs; the next one works.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/backend/onnxruntime/onnx_read.h"
#include "src/backend/onnxruntime/session.h"

static plim_ort_slot *find_slot(plim_backend_engine *engine, bool is_input, const char *name)
{
    plim_ort_slot *slot = engine->slots + (is_input ? 0 : engine->input_count);
    size_t count = is_input ? engine->input_count : engine->output_count;
    for (size_t i = 0; i < count; i++) {
        if (strcmp(slot[i].name, name) == 0) {
            return &slot[i];
        }
    }
    return NULL;
}

static plim_status wrong_shape(const plim_ort_slot *slot, uint32_t dim, int64_t wanted,
                               int64_t found, plim_error *err)
{
    (void)PLIM_FAIL(err, PLIM_E_SHAPE, .what = "a dimension is not what the graph declares");
    if (err) {
        snprintf(err->field, sizeof(err->field), "%.48s dim %" PRIu32, slot->name, dim);
        snprintf(err->wanted, sizeof(err->wanted), "%" PRId64, wanted);
        snprintf(err->found, sizeof(err->found), "%" PRId64, found);
    }
    return PLIM_E_SHAPE;
}

static plim_status check_dims(const plim_ort_slot *slot, const plim_tensor *t, plim_error *err)
{
    if (t->rank != slot->rank) {
        char wanted[16], found[16];
        snprintf(wanted, sizeof(wanted), "rank %" PRIu32, slot->rank);
        snprintf(found, sizeof(found), "rank %" PRIu32, t->rank);
        return plim_error_set(err, PLIM_E_SHAPE, "rank", slot->name, wanted, found);
    }
    for (uint32_t i = 0; i < slot->rank; i++) {
        if (slot->dims[i] >= 0 && t->shape[i] != slot->dims[i]) {
            return wrong_shape(slot, i, slot->dims[i], t->shape[i], err);
        }
    }
    return PLIM_OK;
}

static plim_status check(const plim_ort_slot *slot, const plim_tensor *t, bool has_shape,
                         plim_error *err)
{
    if (t->dtype != slot->dtype) {
        return plim_error_set(err, PLIM_E_SHAPE, "element type", slot->name,
                              plim_dtype_name(slot->dtype), plim_dtype_name(t->dtype));
    }
    if (has_shape) {
        PLIM_TRY(check_dims(slot, t, err));
    }
    if (!plim_memory_is_reachable(t->kind, PLIM_CONSUMER_CPU)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "memory that the CPU cannot touch",
                              slot->name, "host memory", "device memory");
    }
    if (!plim_tensor_is_contiguous(t)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "a view with gaps; make it contiguous",
                              slot->name, NULL, NULL);
    }
    if (!t->data && plim_tensor_elements(t) > 0) {
        return plim_error_set(err, PLIM_E_ARG, "a tensor without memory", slot->name, NULL, NULL);
    }
    return PLIM_OK;
}

/* One run's values; on the stack, as counts are bounded by the card. */
typedef struct run_values {
    ort_value *inputs[PLIM_CARD_TENSORS_MAX];  /* lent by their slots */
    ort_value *outputs[PLIM_CARD_TENSORS_MAX]; /* NULL before the run: the library makes it */
    bool is_moved[PLIM_CARD_TENSORS_MAX];      /* made by the library: move it out */
    size_t input_count, output_count;          /* output_count: as far as outputs are set */
} run_values;

/* The slot's view of @t: the one of the last run when it still fits. Which tensor a slot saw is
 * all that a view depends on; it owns no bytes and is looked at only inside a run. */
static plim_status view(const plim_ort *ort, plim_ort_slot *slot, const plim_tensor *t,
                        ort_value **out, plim_error *err)
{
    void *data = plim_tensor_data(t);
    size_t dims_bytes = t->rank * sizeof(t->shape[0]);
    if (slot->view && slot->view_data == data &&
        memcmp(slot->view_dims, t->shape, dims_bytes) == 0) {
        *out = slot->view;
        return PLIM_OK;
    }
    ort->api.ReleaseValue(slot->view);
    slot->view = NULL;
    ORT_TRY(ort,
            ort->api.CreateTensorWithDataAsOrtValue(ort->cpu, data, (size_t)plim_tensor_bytes(t),
                                                    t->shape, t->rank, plim_onnx_element(t->dtype),
                                                    &slot->view),
            "view of a tensor");
    slot->view_data = data;
    memcpy(slot->view_dims, t->shape, dims_bytes);
    *out = slot->view;
    return PLIM_OK;
}

static plim_status unknown(const plim_backend_engine *engine, bool is_input, const char *name,
                           plim_error *err)
{
    const plim_ort_slot *first = engine->slots + (is_input ? 0 : engine->input_count);
    bool is_any = (is_input ? engine->input_count : engine->output_count) > 0;
    return plim_error_set(err, PLIM_E_NOT_FOUND, is_input ? "no such input" : "no such output",
                          name, is_any ? first->name : NULL, NULL);
}

static plim_status gather_inputs(plim_backend_engine *engine, const char *const *names,
                                 const plim_tensor *inputs, size_t count, run_values *v,
                                 plim_error *err)
{
    if (count != engine->input_count) {
        char wanted[32], found[32];
        snprintf(wanted, sizeof(wanted), "%zu", engine->input_count);
        snprintf(found, sizeof(found), "%zu", count);
        return plim_error_set(err, PLIM_E_ARG, "number of inputs", "inputs", wanted, found);
    }
    for (size_t i = 0; i < count; i++) {
        plim_ort_slot *slot = find_slot(engine, true, names[i]);
        if (!slot) {
            return unknown(engine, true, names[i], err);
        }
        PLIM_TRY(check(slot, &inputs[i], true, err));
        PLIM_TRY(view(engine->ort, slot, &inputs[i], &v->inputs[i], err));
    }
    v->input_count = count;
    return PLIM_OK;
}

static plim_status gather_outputs(plim_backend_engine *engine, const char *const *names,
                                  const plim_tensor *outputs, size_t count, run_values *v,
                                  plim_error *err)
{
    if (count == 0 || count > engine->output_count) {
        char wanted[32], found[32];
        snprintf(wanted, sizeof(wanted), "1 to %zu", engine->output_count);
        snprintf(found, sizeof(found), "%zu", count);
        return plim_error_set(err, PLIM_E_ARG, "number of outputs", "outputs", wanted, found);
    }
    for (size_t i = 0; i < count; i++) {
        plim_ort_slot *slot = find_slot(engine, false, names[i]);
        if (!slot) {
            return unknown(engine, false, names[i], err);
        }
        PLIM_TRY(check(slot, &outputs[i], slot->is_static, err));
        v->is_moved[i] = !slot->is_static;
        v->outputs[i] = NULL;
        if (slot->is_static) {
            PLIM_TRY(view(engine->ort, slot, &outputs[i], &v->outputs[i], err));
        }
    }
    v->output_count = count;
    return PLIM_OK;
}

/* What the library made; views stay with their slots. */
static void release_made(plim_backend_engine *engine, run_values *v)
{
    for (size_t i = 0; i < v->output_count; i++) {
        if (v->is_moved[i] && v->outputs[i]) {
            engine->ort->api.ReleaseValue(v->outputs[i]);
        }
    }
}

static plim_status read_shape(const plim_ort *ort, const ort_value *value, const char *name,
                              int64_t *dims, size_t *rank, plim_error *err)
{
    ort_tensor_info *info = NULL;
    ORT_TRY(ort, ort->api.GetTensorTypeAndShape(value, &info), "shape of an output");
    plim_status s = plim_ort_fail(ort, ort->api.GetDimensionsCount(info, rank), "rank", err);
    if (s == PLIM_OK && *rank > PLIM_TENSOR_RANK_MAX) {
        s = plim_error_set(err, PLIM_E_UNSUPPORTED, "an output of more than 8 dimensions", name,
                           NULL, NULL);
    }
    if (s == PLIM_OK) {
        s = plim_ort_fail(ort, ort->api.GetDimensions(info, dims, *rank), "dimensions", err);
    }
    ort->api.ReleaseTensorTypeAndShapeInfo(info);
    return s;
}

/* What the library made goes into the caller's room, and its shape into the caller's tensor. */
static plim_status move_out(const plim_ort *ort, ort_value *value, const char *name,
                            plim_tensor *out, plim_error *err)
{
    int64_t dims[PLIM_TENSOR_RANK_MAX];
    size_t rank = 0;
    void *made = NULL;
    plim_tensor result, from;
    PLIM_TRY(read_shape(ort, value, name, dims, &rank, err));
    ORT_TRY(ort, ort->api.GetTensorMutableData(value, &made), "data of an output");
    PLIM_TRY(plim_tensor_init(&result, plim_tensor_data(out), out->dtype, dims, (uint32_t)rank,
                              out->kind, err));
    uint64_t room = plim_tensor_bytes(out), need = plim_tensor_bytes(&result);
    if (need > room) {
        (void)plim_error_set(err, PLIM_E_SHAPE, "an output does not fit the room given for it",
                             name, NULL, NULL);
        if (err) {
            err->want = need, err->have = room, err->limit = room;
        }
        return PLIM_E_SHAPE;
    }
    from = result;
    from.data = made;
    PLIM_TRY(plim_tensor_copy(&from, &result, err)); /* counted */
    *out = result;
    return PLIM_OK;
}

static plim_status call_library(plim_backend_engine *engine, const char *const *input_names,
                                const char *const *output_names, const volatile bool *cancel,
                                run_values *v, plim_error *err)
{
    const ort_api *api = &engine->ort->api;
    if (cancel) {
        engine->watch.flag = cancel;
        PLIM_TRY(plim_ort_watch_begin(&engine->watch, err));
    }
    plim_ort_enter(&engine->account, PLIM_HOST_ACTIVATION);
    ort_status *status = api->Run(engine->session, engine->run_options, input_names,
                                  (const ort_value *const *)v->inputs, v->input_count, output_names,
                                  v->output_count, v->outputs);
    plim_ort_leave();
    bool was_told = cancel && plim_ort_watch_end(&engine->watch);
    if (was_told) {
        api->ReleaseStatus(api->RunOptionsUnsetTerminate(engine->run_options));
    }
    if (!status) {
        return PLIM_OK;
    }
    if (was_told && !atomic_load(&engine->account.is_refused)) {
        api->ReleaseStatus(status);
        return PLIM_FAIL(err, PLIM_E_CANCELLED, .what = "run");
    }
    return plim_ort_refusal(engine->ort, &engine->account, status, "run", err);
}

plim_status plim_ort_run(plim_backend_engine *engine, const char *const *input_names,
                         const plim_tensor *inputs, size_t input_count,
                         const char *const *output_names, plim_tensor *outputs, size_t output_count,
                         const volatile bool *cancel, plim_error *err)
{
    run_values v; /* only what the counts cover is set: it is large */
    v.input_count = v.output_count = 0;
    if (!engine->is_resident) {
        return PLIM_FAIL(err, PLIM_E_RESIDENT, .what = "run");
    }
    if (cancel && *cancel) {
        return PLIM_FAIL(err, PLIM_E_CANCELLED, .what = "run");
    }
    plim_status s = gather_inputs(engine, input_names, inputs, input_count, &v, err);
    if (s == PLIM_OK) {
        s = gather_outputs(engine, output_names, outputs, output_count, &v, err);
    }
    if (s == PLIM_OK) {
        s = call_library(engine, input_names, output_names, cancel, &v, err);
    }
    for (size_t i = 0; s == PLIM_OK && i < output_count; i++) {
        if (v.is_moved[i]) {
            s = move_out(engine->ort, v.outputs[i], output_names[i], &outputs[i], err);
        }
    }
    release_made(engine, &v);
    return s;
}

plim_status plim_ort_run_for_shapes(plim_backend_engine *engine, const char *const *input_names,
                                    const plim_tensor *inputs, size_t input_count,
                                    const char *const *output_names, int64_t *const *shapes,
                                    size_t output_count, plim_error *err)
{
    run_values v;
    size_t rank;
    v.output_count = output_count;
    for (size_t i = 0; i < output_count; i++) {
        v.outputs[i] = NULL;
        v.is_moved[i] = true;
    }
    plim_status s = gather_inputs(engine, input_names, inputs, input_count, &v, err);
    if (s == PLIM_OK) {
        s = call_library(engine, input_names, output_names, NULL, &v, err);
    }
    for (size_t i = 0; s == PLIM_OK && i < output_count; i++) {
        s = read_shape(engine->ort, v.outputs[i], output_names[i], shapes[i], &rank, err);
    }
    release_made(engine, &v);
    return s;
}

plim_status plim_ort_output_shape(plim_backend_engine *engine, const char *const *input_names,
                                  const plim_tensor *inputs, size_t input_count,
                                  const char *output_name, plim_tensor *out_shape, plim_error *err)
{
    (void)input_names, (void)inputs, (void)input_count;
    const plim_ort_slot *slot = find_slot(engine, false, output_name);
    if (!slot) {
        return unknown(engine, false, output_name, err);
    }
    *out_shape = (plim_tensor){.dtype = slot->dtype, .rank = slot->rank};
    memcpy(out_shape->shape, slot->dims, sizeof(slot->dims));
    return PLIM_OK;
}
