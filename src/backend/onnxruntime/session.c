/* SPDX-License-Identifier: Apache-2.0 */
/* session.c - opens an artifact as an ONNX Runtime session whose constants lie in our arena.
 *
 * Two artifact formats, named on the card:
 *   onnx+weights  section "graph" is a small .onnx whose constants are external; section
 *                 "weights" holds them. Each is handed over with AddInitializer as a view
 *                 of its final address, so the bytes may come after the session exists, may
 *                 leave and may come back. They must be there whenever a run is.
 *   ort           one .ort file used in place, graph and constants together: its bytes
 *                 must be there when the session is opened.
 * A plain .onnx with its constants inside is refused: the library would copy them with
 * malloc, outside the account. `import` makes the first format out of it.
 *
 * Fixed settings: optimisation level 0 on prepared artifacts (optimisers would look into
 * the empty external file), no memory pattern (it reserves a block as large as the
 * weights and never touches it), prepacking only when asked for (it copies the weights),
 * no spinning threads, one pool a session, made of threads that know their engine.
 */
#include "src/backend/onnxruntime/session.h"

#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/backend/onnxruntime/onnx_read.h"

static plim_status unfit(plim_status code, const char *what, plim_wire_span name, plim_error *err)
{
    (void)PLIM_FAIL(err, code, .what = what);
    if (err) {
        snprintf(err->field, sizeof(err->field), "%.*s", (int)(name.size < 63 ? name.size : 63),
                 (const char *)name.data);
    }
    return code;
}

/* ---- constants ---- */

typedef struct binding { /* while the graph is read */
    plim_backend_engine *engine;
    ort_session_options *options;
    char *base; /* of section "weights" */
    uint64_t base_bytes;
    size_t count;
} binding;

static plim_status count_external(void *context, const plim_onnx_tensor *tensor, plim_error *err)
{
    (void)err;
    binding *b = context;
    b->count += tensor->is_external;
    return PLIM_OK;
}

static plim_status bind_external(void *context, const plim_onnx_tensor *t, plim_error *err)
{
    binding *b = context;
    const plim_ort *ort = b->engine->ort;
    char name[512];
    uint64_t end;
    if (!t->is_external) {
        return PLIM_OK;
    }
    if (t->dtype == PLIM_DTYPE_NONE) {
        return unfit(PLIM_E_UNSUPPORTED, "element type of a constant", t->name, err);
    }
    if (t->name.size == 0 || t->name.size >= sizeof(name) ||
        memchr(t->name.data, 0, t->name.size)) {
        return unfit(PLIM_E_RANGE, "name of a constant", t->name, err);
    }
    if (!bytes_add(t->offset_bytes, t->data_bytes, &end) || end > b->base_bytes ||
        (t->length_bytes && t->length_bytes != t->data_bytes)) {
        (void)unfit(PLIM_E_RANGE, "a constant reaches beyond section \"weights\"", t->name, err);
        if (err) {
            err->want = t->data_bytes, err->have = t->length_bytes, err->limit = b->base_bytes;
        }
        return PLIM_E_RANGE;
    }
    if ((uintptr_t)(b->base + t->offset_bytes) % 16) {
        return unfit(PLIM_E_FORMAT, "a constant that is not aligned to 16 bytes", t->name, err);
    }
    memcpy(name, t->name.data, t->name.size);
    name[t->name.size] = 0;
    ort_value **slot = &b->engine->weights[b->engine->weight_count];
    ORT_TRY(ort,
            ort->api.CreateTensorWithDataAsOrtValue(ort->cpu, b->base + t->offset_bytes,
                                                    (size_t)t->data_bytes, t->dims, t->rank,
                                                    t->element, slot),
            "view of a constant");
    b->engine->weight_count++;
    ort_status *status = ort->api.AddInitializer(b->options, name, *slot);
    if (status && t->is_nested) {
        /* Subgraphs may repeat a name; the first one stands. Were it any other failure, the
         * session would not find the bytes in the empty file and say so. */
        ort->api.ReleaseStatus(status);
        return PLIM_OK;
    }
    return plim_ort_fail(ort, status, "hand over a constant", err);
}

static plim_status bind_weights(plim_backend_engine *engine, const plim_backend_source *source,
                                plim_wire_span graph, ort_session_options *options, plim_error *err)
{
    const plim_section *weights = plim_backend_section(source, "weights", PLIM_SECTION_WEIGHTS);
    binding b = {.engine = engine, .options = options};
    const plim_onnx_visitor counting = {&b, count_external, NULL};
    const plim_onnx_visitor handing = {&b, bind_external, NULL};
    uint64_t bytes;
    void *list = NULL;
    if (weights) {
        b.base = (char *)source->payload + weights->offset_bytes;
        b.base_bytes = weights->size_bytes;
    }
    PLIM_TRY(plim_onnx_read(graph, &counting, err));
    if (b.count == 0) {
        return PLIM_OK;
    }
    if (!bytes_mul(b.count, sizeof(ort_value *), &bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "number of constants");
    }
    PLIM_TRY(engine->account.host.alloc(engine->account.host.context, PLIM_HOST_SESSION,
                                        (size_t)bytes, 64, &list, err));
    engine->weights = list;
    return plim_onnx_read(graph, &handing, err);
}

/* ---- session ---- */

static plim_status set_keys(const plim_ort *ort, ort_session_options *options,
                            const char *const (*pairs)[2], size_t count, plim_error *err)
{
    for (size_t i = 0; i < count; i++) {
        ORT_TRY(ort, ort->api.AddSessionConfigEntry(options, pairs[i][0], pairs[i][1]),
                "session option");
    }
    return PLIM_OK;
}

static plim_status set_threads(plim_backend_engine *engine, ort_session_options *options,
                               uint32_t count, plim_error *err)
{
    const ort_api *api = &engine->ort->api;
    if (count > 256) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "more than 256 threads a session");
    }
    ORT_TRY(engine->ort, api->SetIntraOpNumThreads(options, count ? (int)count : 1), "threads");
    ORT_TRY(engine->ort, api->SetInterOpNumThreads(options, 1), "threads");
    ORT_TRY(engine->ort,
            api->SessionOptionsSetCustomThreadCreationOptions(options, &engine->account),
            "threads");
    ORT_TRY(engine->ort,
            api->SessionOptionsSetCustomCreateThreadFn(options, plim_ort_thread_create), "threads");
    ORT_TRY(engine->ort, api->SessionOptionsSetCustomJoinThreadFn(options, plim_ort_thread_join),
            "threads");
    return PLIM_OK;
}

static plim_status set_options(plim_backend_engine *engine, ort_session_options *options,
                               const plim_backend_opts *opts, bool is_ort_format, plim_error *err)
{
    static const char *const always[][2] = {
        {"session.use_env_allocators", "1"},
        {"session.intra_op.allow_spinning", "0"},
        {"session.inter_op.allow_spinning", "0"},
        {"session.model_external_initializers_file_folder_path", PLIM_ORT_EXTERNAL_FOLDER},
    };
    static const char *const in_place[][2] = {
        {"session.load_model_format", "ORT"},
        {"session.use_ort_model_bytes_directly", "1"},
        {"session.use_ort_model_bytes_for_initializers", "1"},
    };
    const char *const prepack[][2] = {
        {"session.disable_prepacking", opts && opts->prepack ? "0" : "1"},
    };
    const ort_api *api = &engine->ort->api;
    int level = opts ? opts->optimization_level : 0;
    if (level != 0 && level != 1 && level != 2 && level != 99) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "optimisation level is none of 0, 1, 2, 99");
    }
    PLIM_TRY(set_keys(engine->ort, options, always, sizeof(always) / sizeof(always[0]), err));
    PLIM_TRY(set_keys(engine->ort, options, prepack, 1, err));
    if (is_ort_format) {
        PLIM_TRY(
            set_keys(engine->ort, options, in_place, sizeof(in_place) / sizeof(in_place[0]), err));
    }
    ORT_TRY(engine->ort, api->SetSessionGraphOptimizationLevel(options, (unsigned)level), "level");
    ORT_TRY(engine->ort, api->DisableMemPattern(options), "memory pattern");
    ORT_TRY(engine->ort, api->DisableCpuMemArena(options), "memory arena");
    return set_threads(engine, options, opts ? opts->thread_count : 1, err);
}

static plim_status create_session(plim_backend_engine *engine, const plim_backend_source *source,
                                  const plim_backend_opts *opts, plim_wire_span graph,
                                  bool is_ort_format, plim_error *err)
{
    const plim_ort *ort = engine->ort;
    ort_session_options *options = NULL;
    ORT_TRY(ort, ort->api.CreateSessionOptions(&options), "session options");
    plim_status s = set_options(engine, options, opts, is_ort_format, err);
    if (s == PLIM_OK && !is_ort_format) {
        s = bind_weights(engine, source, graph, options, err);
    }
    if (s == PLIM_OK) {
        plim_ort_enter(&engine->account, PLIM_HOST_SESSION);
        ort_status *status = ort->api.CreateSessionFromArray(ort->env, graph.data, graph.size,
                                                             options, &engine->session);
        plim_ort_leave();
        if (status) {
            s = plim_ort_refusal(ort, &engine->account, status, "create session", err);
        }
    }
    ort->api.ReleaseSessionOptions(options);
    return s;
}

/* ---- inputs and outputs ---- */

static plim_status read_type(const plim_ort *ort, const ort_type_info *type, plim_ort_slot *slot,
                             plim_error *err)
{
    const ort_tensor_info *info = NULL;
    unsigned element;
    size_t rank;
    ORT_TRY(ort, ort->api.CastTypeInfoToTensorInfo(type, &info), "type of a tensor");
    if (!info) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "an input or output that is no tensor",
                              slot->name, "tensor", "sequence, map or optional");
    }
    ORT_TRY(ort, ort->api.GetTensorElementType(info, &element), "type of a tensor");
    ORT_TRY(ort, ort->api.GetDimensionsCount(info, &rank), "rank of a tensor");
    slot->dtype = plim_onnx_dtype(element);
    if (slot->dtype == PLIM_DTYPE_NONE) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "element type of an input or output",
                              slot->name, NULL, NULL);
    }
    if (rank > PLIM_TENSOR_RANK_MAX) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "more than 8 dimensions", slot->name, NULL,
                              NULL);
    }
    ORT_TRY(ort, ort->api.GetDimensions(info, slot->dims, rank), "shape of a tensor");
    slot->rank = (uint32_t)rank;
    slot->is_static = true;
    for (size_t i = 0; i < rank; i++) {
        slot->is_static = slot->is_static && slot->dims[i] >= 0;
    }
    return PLIM_OK;
}

static plim_status read_slot(plim_backend_engine *engine, size_t index, bool is_input,
                             plim_ort_slot *slot, plim_error *err)
{
    const plim_ort *ort = engine->ort;
    const ort_api *api = &ort->api;
    char *name = NULL;
    ort_type_info *type = NULL;
    ORT_TRY(ort,
            (is_input ? api->SessionGetInputName
                      : api->SessionGetOutputName)(engine->session, index, ort->heap, &name),
            "name of a tensor");
    size_t n = strlen(name);
    memcpy(slot->name, name, n < sizeof(slot->name) ? n : sizeof(slot->name) - 1);
    api->ReleaseStatus(api->AllocatorFree(ort->heap, name));
    if (n >= sizeof(slot->name)) {
        return plim_error_set(err, PLIM_E_RANGE, "name of an input or output is over 63 bytes",
                              slot->name, NULL, NULL);
    }
    ORT_TRY(ort,
            (is_input ? api->SessionGetInputTypeInfo
                      : api->SessionGetOutputTypeInfo)(engine->session, index, &type),
            "type of a tensor");
    plim_status s = read_type(ort, type, slot, err);
    api->ReleaseTypeInfo(type);
    return s;
}

static plim_status read_slots(plim_backend_engine *engine, plim_error *err)
{
    const ort_api *api = &engine->ort->api;
    size_t in, out;
    ORT_TRY(engine->ort, api->SessionGetInputCount(engine->session, &in), "inputs");
    ORT_TRY(engine->ort, api->SessionGetOutputCount(engine->session, &out), "outputs");
    if (in > PLIM_CARD_TENSORS_MAX || out > PLIM_CARD_TENSORS_MAX - in) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "more than 64 inputs and outputs");
    }
    engine->input_count = in;
    engine->output_count = out;
    for (size_t i = 0; i < in + out; i++) {
        PLIM_TRY(read_slot(engine, i < in ? i : i - in, i < in, &engine->slots[i], err));
    }
    return PLIM_OK;
}

/* ---- open and close ---- */

static plim_status find_graph(const plim_backend_source *source, bool *is_ort_format,
                              plim_wire_span *out, plim_error *err)
{
    const char *format = source->card->format;
    *is_ort_format = strcmp(format, PLIM_ORT_FORMAT_WHOLE) == 0;
    if (!*is_ort_format && strcmp(format, PLIM_ORT_FORMAT_SPLIT) != 0) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED,
                              "artifact format; make one with plimsoll import", "format",
                              PLIM_ORT_FORMAT_SPLIT " or " PLIM_ORT_FORMAT_WHOLE, format);
    }
    const plim_section *graph = plim_backend_section(source, "graph", PLIM_SECTION_GRAPH);
    if (!graph && *is_ort_format) {
        graph = plim_backend_section(source, "file", PLIM_SECTION_OTHER);
    }
    if (!graph) {
        return plim_error_set(err, PLIM_E_FORMAT, "the artifact has no graph", "section", "graph",
                              "none");
    }
    const uint8_t *bytes = (const uint8_t *)source->payload + graph->offset_bytes;
    if (*is_ort_format && (graph->size_bytes < 8 || memcmp(bytes + 4, "ORTM", 4) != 0)) {
        return plim_error_set(err, PLIM_E_RESIDENT,
                              "an .ort artifact must be loaded before it is opened", "magic",
                              "ORTM", "something else");
    }
    *out = (plim_wire_span){bytes, (size_t)graph->size_bytes};
    return PLIM_OK;
}

plim_status plim_ort_open(const plim_backend_source *source, const plim_backend_host *host,
                          const plim_backend_opts *opts, plim_backend_engine **out, plim_error *err)
{
    const plim_ort *ort = NULL;
    void *block = NULL;
    bool is_ort_format;
    plim_wire_span graph = {0};
    *out = NULL;
    PLIM_TRY(find_graph(source, &is_ort_format, &graph, err));
    PLIM_TRY(plim_ort_library(opts ? opts->library : NULL, &ort, err));
    PLIM_TRY(host->alloc(host->context, PLIM_HOST_SESSION, sizeof(plim_backend_engine), 64, &block,
                         err));
    plim_backend_engine *engine = block;
    memset(engine, 0, sizeof(*engine));
    engine->ort = ort;
    engine->account.host = *host;
    engine->is_whole = is_ort_format;
    plim_ort_watch_join();
    plim_status s = create_session(engine, source, opts, graph, is_ort_format, err);
    if (s == PLIM_OK) {
        s = read_slots(engine, err);
    }
    if (s == PLIM_OK) {
        s = plim_ort_fail(ort, ort->api.CreateRunOptions(&engine->run_options), "run options", err);
    }
    if (s != PLIM_OK) {
        plim_ort_close(engine);
        return s;
    }
    engine->watch.ort = ort;
    engine->watch.options = engine->run_options;
    *out = engine;
    return PLIM_OK;
}

void plim_ort_close(plim_backend_engine *engine)
{
    if (!engine) {
        return;
    }
    const ort_api *api = &engine->ort->api;
    plim_backend_host host = engine->account.host;
    plim_ort_enter(&engine->account, PLIM_HOST_SESSION);
    for (size_t i = 0; i < engine->input_count + engine->output_count; i++) {
        api->ReleaseValue(engine->slots[i].view);
    }
    api->ReleaseRunOptions(engine->run_options);
    api->ReleaseSession(engine->session);
    for (size_t i = 0; i < engine->weight_count; i++) {
        api->ReleaseValue(engine->weights[i]);
    }
    plim_ort_leave();
    plim_ort_watch_part();
    if (engine->weights) {
        host.free(host.context, engine->weights);
    }
    host.free(host.context, engine);
}
