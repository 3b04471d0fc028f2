/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.c - engines with their bound tensors, fed step by step.
 *
 * Decides where inputs and outputs lie: one region an engine, tagged io under its name, made
 * once, so that a step allocates nothing. Refuses open dimensions and sources that do not fit
 * the tensor, naming it.
 */
#include "src/tools/plimsoll/pipeline.h"

#include <string.h>

static plim_status bind_tensor(bound_engine *self, const plim_card_tensor *t,
                               const plim_card_tensor *like, bound_tensor *out, plim_error *err)
{
    int64_t shape[PLIM_TENSOR_RANK_MAX];
    uint32_t rank, dim = 0;
    void *data;
    out->name = t->name;
    out->given = t->is_input ? io_given(self->config, t->name) : NULL;
    if (!io_shape(t, out->given, like, shape, &rank, &dim)) {
        return plim_error_set(err, PLIM_E_SHAPE, "an open dimension", t->name, "a 'shape'", "none");
    }
    uint64_t bytes = io_bytes(t->dtype, shape, rank);
    PLIM_TRY(plim_region_alloc(self->io, (size_t)bytes, 64, &data, err));
    memset(data, 0, (size_t)bytes);
    return plim_tensor_init(&out->tensor, data, t->dtype, shape, rank, PLIM_MEMORY_HOST, err);
}

static plim_status bind_tensors(bound_engine *self, plim_error *err)
{
    const plim_card *card = plim_engine_get_card(self->engine);
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        if (t->is_input ? self->input_count == MANIFEST_INPUTS_MAX
                        : self->output_count == PIPELINE_OUTPUTS_MAX) {
            return plim_error_set(err, PLIM_E_UNSUPPORTED, "tensors of an engine", t->name,
                                  "16 inputs and 32 outputs at most", "more");
        }
        PLIM_TRY(bind_tensor(self, t, t->is_input ? NULL : &card->tensors[0],
                             t->is_input ? &self->inputs[self->input_count++]
                                         : &self->outputs[self->output_count++],
                             err));
    }
    return PLIM_OK;
}

static plim_status find_feedback(bound_engine *self, bound_tensor *in, plim_error *err)
{
    for (size_t i = 0; i < self->output_count; i++) {
        const bound_tensor *out = &self->outputs[i];
        if (strcmp(out->name, in->given->output) == 0) {
            in->feedback = i;
            if (plim_tensor_bytes(&out->tensor) == plim_tensor_bytes(&in->tensor)) {
                return PLIM_OK;
            }
        }
    }
    return plim_error_set(err, PLIM_E_SHAPE, "feedback", in->name, "an output of the same size",
                          in->given->output);
}

/* Sources that give the same at every step are filled once. */
static plim_status fill_once(bound_engine *self, plim_error *err)
{
    for (size_t i = 0; i < self->input_count; i++) {
        bound_tensor *in = &self->inputs[i];
        if (!in->given) {
            return plim_error_set(err, PLIM_E_NOT_FOUND, "an input has no source", in->name,
                                  "a line in the manifest", "none");
        }
        switch (in->given->from) {
        case FROM_BYTES:
            PLIM_TRY(fill_bytes(&in->tensor, in->given->file, err));
            break;
        case FROM_CONSTANT:
            PLIM_TRY(fill_constant(&in->tensor, in->given->value, err));
            break;
        case FROM_FORMULA:
            PLIM_TRY(fill_formula(&in->tensor, err));
            break;
        case FROM_FEEDBACK:
            PLIM_TRY(find_feedback(self, in, err));
            break;
        default:
            break;
        }
    }
    return PLIM_OK;
}

plim_status bind_engine(bound_engine *self, plim_runtime *runtime, const manifest_engine *config,
                        plim_engine *engine, plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    plim_engine_stats stats;
    char what[128];
    memset(self, 0, sizeof(*self));
    self->config = config;
    self->engine = engine;
    plim_engine_read(engine, &stats);
    o.name = "io";
    o.owner = stats.owner;
    o.tag = PLIM_TAG_IO;
    if (!io_total_bytes(plim_engine_get_card(engine), config, &o.size_bytes, what, sizeof(what))) {
        return plim_error_set(err, PLIM_E_SHAPE, "an open dimension", what, "a 'shape'", "none");
    }
    if (o.size_bytes) {
        PLIM_TRY(
            plim_region_create(plim_runtime_arena(runtime), PLIM_REGION_BUMP, &o, &self->io, err));
        PLIM_TRY(bind_tensors(self, err));
    }
    return fill_once(self, err);
}

void unbind_engine(bound_engine *self)
{
    plim_region_destroy(self->io);
    self->io = NULL;
}

static const plim_tensor *find_frame(const step_frames *frames, const char *feature)
{
    for (size_t i = 0; i < frames->count; i++) {
        if (strcmp(frames->feature[i], feature) == 0) {
            return &frames->frame[i];
        }
    }
    return NULL;
}

plim_status feed_engine(bound_engine *self, plim_episode *episode, uint64_t step,
                        const step_frames *frames, plim_error *err)
{
    for (size_t i = 0; i < self->input_count; i++) {
        bound_tensor *in = &self->inputs[i];
        plim_tensor row;
        if (in->given->from == FROM_VIDEO) {
            const plim_tensor *frame = find_frame(frames, in->given->feature);
            if (frame) {
                PLIM_TRY(fill_frame(&in->tensor, frame, in->given, err));
            }
        } else if (in->given->from == FROM_ROW && episode) {
            PLIM_TRY(plim_episode_row(episode, in->given->feature, step, &row, err));
            PLIM_TRY(fill_row(&in->tensor, &row, in->given, err));
        }
    }
    return PLIM_OK;
}

plim_status run_engine(bound_engine *self, plim_error *err)
{
    const char *in_names[MANIFEST_INPUTS_MAX], *out_names[PIPELINE_OUTPUTS_MAX];
    plim_tensor inputs[MANIFEST_INPUTS_MAX], outputs[PIPELINE_OUTPUTS_MAX];
    for (size_t i = 0; i < self->input_count; i++) {
        in_names[i] = self->inputs[i].name;
        inputs[i] = self->inputs[i].tensor;
    }
    for (size_t i = 0; i < self->output_count; i++) {
        out_names[i] = self->outputs[i].name;
        outputs[i] = self->outputs[i].tensor;
    }
    PLIM_TRY(plim_engine_infer(self->engine, in_names, inputs, self->input_count, out_names,
                               outputs, self->output_count, err));
    for (size_t i = 0; i < self->output_count; i++) {
        self->outputs[i].last = outputs[i];
    }
    for (size_t i = 0; i < self->input_count; i++) {
        const bound_tensor *in = &self->inputs[i];
        if (in->given && in->given->from == FROM_FEEDBACK) {
            memcpy(plim_tensor_data(&in->tensor), plim_tensor_data(&outputs[in->feedback]),
                   (size_t)plim_tensor_bytes(&in->tensor));
        }
    }
    self->run_count++;
    return PLIM_OK;
}
