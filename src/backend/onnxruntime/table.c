/* SPDX-License-Identifier: Apache-2.0 */
/* table.c - the onnxruntime backend as the runtime sees it. */
#include <string.h>

#include "src/backend/onnxruntime/session.h"

/* An .ort file is graph and constants in one section, used in place for as long as there is a
 * session: it can neither be late nor leave. */
static uint32_t artifact_flags(const plim_card *card, uint32_t flags)
{
    const uint32_t bound = PLIM_BACKEND_LATE_WEIGHTS | PLIM_BACKEND_EVICTABLE;
    return strcmp(card->format, PLIM_ORT_FORMAT_WHOLE) == 0 ? flags & ~bound : flags;
}

static plim_status load(plim_backend_engine *engine, plim_error *err)
{
    (void)err;
    engine->is_resident = true;
    return PLIM_OK;
}

/* The session keeps its addresses; only runs must not happen until the bytes are back. */
static plim_status evict(plim_backend_engine *engine, plim_error *err)
{
    if (engine->is_whole) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "the session reads its graph in place",
                              "format", PLIM_ORT_FORMAT_SPLIT, PLIM_ORT_FORMAT_WHOLE);
    }
    engine->is_resident = false;
    return PLIM_OK;
}

static plim_status describe(plim_backend_engine *engine, plim_card_tensor *out, size_t limit,
                            size_t *out_count, plim_error *err)
{
    size_t count = engine->input_count + engine->output_count;
    *out_count = 0;
    if (count > limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "more tensors than there is room for",
                         .want = count, .limit = limit);
    }
    for (size_t i = 0; i < count; i++) {
        const plim_ort_slot *slot = &engine->slots[i];
        memset(&out[i], 0, sizeof(out[i]));
        memcpy(out[i].name, slot->name, sizeof(slot->name));
        out[i].is_input = i < engine->input_count;
        out[i].dtype = slot->dtype;
        out[i].rank = slot->rank;
        for (uint32_t d = 0; d < slot->rank; d++) {
            plim_card_range *range = &out[i].profiles[0];
            range->min[d] = range->opt[d] = range->max[d] = slot->dims[d];
        }
    }
    *out_count = count;
    return PLIM_OK;
}

/* What import measured: the size of a run depends on the library's version, so never exact. */
static plim_status plan(const plim_backend_source *source, const plim_backend_opts *opts,
                        plim_backend_need *out, plim_error *err)
{
    (void)opts, (void)err;
    *out = (plim_backend_need){.session_bytes = source->card->session_bytes,
                               .activation_bytes = source->card->activation_bytes,
                               .is_exact = false};
    return PLIM_OK;
}

PLIM_API const plim_backend_ops plim_backend_onnxruntime = {
    .struct_size = sizeof(plim_backend_ops),
    .abi = PLIM_BACKEND_ABI,
    .name = "onnxruntime",
    .probe = plim_ort_probe,
    .open = plim_ort_open,
    .close = plim_ort_close,
    .run = plim_ort_run,
    .describe = describe,
    .plan = plan,
    .load = load,
    .evict = evict,
    .output_shape = plim_ort_output_shape,
    .import_model = plim_ort_import,
    .artifact_flags = artifact_flags,
};
