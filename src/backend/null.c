/* SPDX-License-Identifier: Apache-2.0 */
/* null.c - a backend that needs no library: complete, small, and meant to be copied.
 *
 * It runs any artifact whose card says backend "null", whatever its bytes are. With w the
 * bytes of the first WEIGHTS section (or of the whole payload) read as signed, and c a
 * checksum over all of them, brought into [0, 1):
 *
 *     y[i] = x[i] * w[i mod n] / 128 + c        x: first input, y: every output
 *
 * So every byte of the weights is read in place by every run, and a run's result tells
 * whether they are the right ones. It is no model; it is deterministic to the last bit.
 * The intermediate x * w is a block from the host, as a real backend's activations are.
 *
 * Inputs and outputs are float32, dense, and have the same number of elements; they come
 * from the card. Refuses everything else with a typed status.
 */
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/backend_plugin.h"

struct plim_backend_engine {
    plim_backend_host host;
    const plim_card *card; /* lent by the source until close */
    const uint8_t *weights;
    uint64_t weight_bytes;
    bool is_resident;
};

static void null_probe(const char *library, plim_backend_info *out)
{
    (void)library;
    out->is_present = true;
    out->flags = PLIM_BACKEND_WEIGHTS_IN_PLACE | PLIM_BACKEND_LATE_WEIGHTS |
                 PLIM_BACKEND_EVICTABLE | PLIM_BACKEND_STREAM_OPEN | PLIM_BACKEND_ALLOC_HOOK_HOST |
                 PLIM_BACKEND_CAP_CLEAN_FAIL | PLIM_BACKEND_EXACT_PLAN |
                 PLIM_BACKEND_DETERMINISTIC_TRACE | PLIM_BACKEND_CANCEL |
                 PLIM_BACKEND_DYNAMIC_SHAPES;
}

static plim_status null_open(const plim_backend_source *source, const plim_backend_host *host,
                             const plim_backend_opts *opts, plim_backend_engine **out,
                             plim_error *err)
{
    (void)opts;
    void *block = NULL;
    uint64_t end;
    *out = NULL;
    const plim_section *weights = plim_backend_section(source, NULL, PLIM_SECTION_WEIGHTS);
    if (weights && (!bytes_add(weights->offset_bytes, weights->size_bytes, &end) ||
                    end > source->payload_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "section reaches beyond the payload");
    }
    PLIM_TRY(host->alloc(host->context, PLIM_HOST_SESSION, sizeof(plim_backend_engine), 64, &block,
                         err));
    plim_backend_engine *engine = block;
    *engine = (plim_backend_engine){
        .host = *host,
        .card = source->card,
        .weights = (const uint8_t *)source->payload + (weights ? weights->offset_bytes : 0),
        .weight_bytes = weights ? weights->size_bytes : source->payload_bytes,
    };
    *out = engine;
    return PLIM_OK;
}

static void null_close(plim_backend_engine *engine)
{
    if (engine) {
        plim_backend_host host = engine->host;
        host.free(host.context, engine);
    }
}

static plim_status null_load(plim_backend_engine *engine, plim_error *err)
{
    (void)err;
    engine->is_resident = true;
    return PLIM_OK;
}

static plim_status null_evict(plim_backend_engine *engine, plim_error *err)
{
    (void)err;
    engine->is_resident = false;
    return PLIM_OK;
}

static const plim_card_tensor *find(const plim_backend_engine *engine, const char *name,
                                    bool is_input)
{
    for (uint32_t i = 0; i < engine->card->tensor_count; i++) {
        const plim_card_tensor *t = &engine->card->tensors[i];
        if (t->is_input == is_input && strcmp(t->name, name) == 0) {
            return t;
        }
    }
    return NULL;
}

static plim_status check(const plim_backend_engine *engine, const char *name, bool is_input,
                         const plim_tensor *t, plim_error *err)
{
    const plim_card_tensor *declared = find(engine, name, is_input);
    if (!declared) {
        return plim_error_set(err, PLIM_E_NOT_FOUND, "no such tensor", name, NULL, NULL);
    }
    if (t->dtype != PLIM_F32 || t->rank != declared->rank) {
        return plim_error_set(err, PLIM_E_SHAPE, "element type or rank", name, "float32",
                              plim_dtype_name(t->dtype));
    }
    for (uint32_t d = 0; d < t->rank; d++) {
        const plim_card_range *range = &declared->profiles[0];
        if (range->min[d] == range->max[d] && range->min[d] >= 0 && t->shape[d] != range->min[d]) {
            return plim_error_set(err, PLIM_E_SHAPE, "a dimension that the card fixes", name, NULL,
                                  NULL);
        }
    }
    if (!plim_tensor_is_contiguous(t) || !plim_memory_is_reachable(t->kind, PLIM_CONSUMER_CPU)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED,
                              "a view with gaps, or out of the CPU's reach", name, NULL, NULL);
    }
    return PLIM_OK;
}

/* One multiplication a word: as fast as memory, and every byte counts. */
static float checksum(const uint8_t *bytes, uint64_t size)
{
    uint64_t h = 0x9e3779b97f4a7c15u, word;
    for (uint64_t at = 0; at < size; at += 8) {
        word = 0;
        memcpy(&word, bytes + at, size - at < 8 ? (size_t)(size - at) : 8);
        h = (h ^ word) * 0xff51afd7ed558ccdu;
        h ^= h >> 32;
    }
    return (float)(h >> 44) / (float)(1 << 20);
}

static plim_status check_all(const plim_backend_engine *engine, const char *const *input_names,
                             const plim_tensor *inputs, size_t input_count,
                             const char *const *output_names, const plim_tensor *outputs,
                             size_t output_count, plim_error *err)
{
    if (input_count == 0 || output_count == 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "a run needs an input and an output");
    }
    for (size_t i = 0; i < input_count; i++) {
        PLIM_TRY(check(engine, input_names[i], true, &inputs[i], err));
    }
    for (size_t i = 0; i < output_count; i++) {
        PLIM_TRY(check(engine, output_names[i], false, &outputs[i], err));
        if (plim_tensor_elements(&outputs[i]) != plim_tensor_elements(&inputs[0])) {
            return plim_error_set(err, PLIM_E_SHAPE, "outputs are as large as the first input",
                                  output_names[i], NULL, NULL);
        }
    }
    return PLIM_OK;
}

static plim_status null_run(plim_backend_engine *engine, const char *const *input_names,
                            const plim_tensor *inputs, size_t input_count,
                            const char *const *output_names, plim_tensor *outputs,
                            size_t output_count, const volatile bool *cancel, plim_error *err)
{
    void *block = NULL;
    if (!engine->is_resident) {
        return PLIM_FAIL(err, PLIM_E_RESIDENT, .what = "run");
    }
    if (cancel && *cancel) {
        return PLIM_FAIL(err, PLIM_E_CANCELLED, .what = "run");
    }
    PLIM_TRY(check_all(engine, input_names, inputs, input_count, output_names, outputs,
                       output_count, err));
    uint64_t bytes = plim_tensor_bytes(&inputs[0]);
    uint64_t count = bytes / sizeof(float);
    PLIM_TRY(engine->host.alloc(engine->host.context, PLIM_HOST_ACTIVATION,
                                bytes ? (size_t)bytes : 1, 64, &block, err));
    float *product = block;
    const float *x = plim_tensor_data(&inputs[0]);
    for (uint64_t i = 0; i < count; i++) {
        int8_t w = engine->weight_bytes ? (int8_t)engine->weights[i % engine->weight_bytes] : 0;
        product[i] = x[i] * ((float)w / 128.0f);
    }
    float c = checksum(engine->weights, engine->weight_bytes);
    for (size_t o = 0; o < output_count; o++) {
        float *y = plim_tensor_data(&outputs[o]);
        for (uint64_t i = 0; i < count; i++) {
            y[i] = product[i] + c;
        }
    }
    engine->host.free(engine->host.context, block);
    return PLIM_OK;
}

static plim_status null_describe(plim_backend_engine *engine, plim_card_tensor *out, size_t limit,
                                 size_t *out_count, plim_error *err)
{
    const plim_card *card = engine->card;
    *out_count = 0;
    if (card->tensor_count > limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "more tensors than there is room for",
                         .want = card->tensor_count, .limit = limit);
    }
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        out[i] = card->tensors[i];
        for (uint32_t d = 0; d < out[i].rank; d++) {
            plim_card_range *range = &out[i].profiles[0];
            range->opt[d] = range->min[d] == range->max[d] ? range->min[d] : -1;
        }
    }
    *out_count = card->tensor_count;
    return PLIM_OK;
}

static plim_status null_plan(const plim_backend_source *source, const plim_backend_opts *opts,
                             plim_backend_need *out, plim_error *err)
{
    (void)opts;
    uint64_t bytes = 0, most = 0;
    for (uint32_t i = 0; i < source->card->tensor_count; i++) {
        const plim_card_tensor *t = &source->card->tensors[i];
        bytes = sizeof(float);
        for (uint32_t d = 0; d < t->rank; d++) {
            uint32_t last = source->card->profile_count ? source->card->profile_count - 1 : 0;
            int64_t dim = t->profiles[last].max[d];
            if (dim < 0 || !bytes_mul(bytes, (uint64_t)dim, &bytes)) {
                return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of a tensor");
            }
        }
        most = t->is_input && bytes > most ? bytes : most;
    }
    *out = (plim_backend_need){
        .session_bytes = sizeof(plim_backend_engine), .activation_bytes = most, .is_exact = true};
    return PLIM_OK;
}

/* As large as the first input, in its shape when the ranks agree. */
static plim_status null_output_shape(plim_backend_engine *engine, const char *const *input_names,
                                     const plim_tensor *inputs, size_t input_count,
                                     const char *output_name, plim_tensor *out_shape,
                                     plim_error *err)
{
    (void)input_names;
    const plim_card_tensor *t = find(engine, output_name, false);
    if (!t || input_count == 0) {
        return plim_error_set(err, PLIM_E_NOT_FOUND, "no such output", output_name, NULL, NULL);
    }
    *out_shape = (plim_tensor){.dtype = PLIM_F32, .rank = t->rank};
    for (uint32_t d = 0; d < t->rank; d++) {
        const plim_card_range *range = &t->profiles[0];
        out_shape->shape[d] = range->min[d] == range->max[d] ? range->min[d]
                              : inputs[0].rank == t->rank    ? inputs[0].shape[d]
                                                             : -1;
    }
    return PLIM_OK;
}

PLIM_API const plim_backend_ops plim_backend_null = {
    .struct_size = sizeof(plim_backend_ops),
    .abi = PLIM_BACKEND_ABI,
    .name = "null",
    .probe = null_probe,
    .open = null_open,
    .close = null_close,
    .run = null_run,
    .describe = null_describe,
    .plan = null_plan,
    .load = null_load,
    .evict = null_evict,
    .output_shape = null_output_shape,
    .import_model = NULL,
};
