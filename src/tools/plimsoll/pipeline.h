/* SPDX-License-Identifier: Apache-2.0 */
/* pipeline.h - engines with their bound tensors, fed step by step from what the manifest names. */
#ifndef TOOLS_PLIMSOLL_PIPELINE_H
#define TOOLS_PLIMSOLL_PIPELINE_H

#include "src/tools/plimsoll/predict.h"

#define PIPELINE_OUTPUTS_MAX 32

typedef struct bound_tensor {
    const char *name;            /* the card's */
    plim_tensor tensor;          /* in the engine's io region */
    plim_tensor last;            /* outputs: as the last run left it, maybe smaller */
    const manifest_input *given; /* inputs only */
    size_t feedback;             /* index of the output that comes back */
} bound_tensor;

typedef struct bound_engine {
    const manifest_engine *config;
    plim_engine *engine;
    plim_region *io;
    bound_tensor inputs[MANIFEST_INPUTS_MAX], outputs[PIPELINE_OUTPUTS_MAX];
    size_t input_count, output_count;
    uint64_t run_count;
} bound_engine;

/* Allocates io tensors under the engine's own name and fills what never changes.
 * Errors: E_BUDGET and others of the arena; E_SHAPE, E_UNSUPPORTED with the tensor's name;
 * E_IO a file of 'from: bytes'. */
plim_status bind_engine(bound_engine *self, plim_runtime *runtime, const manifest_engine *config,
                        plim_engine *engine, plim_error *err);
void unbind_engine(bound_engine *self);

/* Copies what this step gives into the inputs; @episode NULL: only what needs none. Frames are
 * borrowed from @frames by feature. */
typedef struct step_frames {
    const char *feature[16];
    plim_tensor frame[16];
    size_t count;
} step_frames;
plim_status feed_engine(bound_engine *self, plim_episode *episode, uint64_t step,
                        const step_frames *frames, plim_error *err);
/* One inference; outputs that feed back go into their inputs afterwards. */
plim_status run_engine(bound_engine *self, plim_error *err);

/* ---- fill.c: values into tensors ---- */
bool tensor_set(void *data, plim_dtype dtype, uint64_t index, double value);
bool tensor_get(const void *data, plim_dtype dtype, uint64_t index, double *out);
/* The known input of golden.tsv: depends on the element's index alone. */
plim_status fill_formula(const plim_tensor *t, plim_error *err);
plim_status fill_constant(const plim_tensor *t, double value, plim_error *err);
plim_status fill_bytes(const plim_tensor *t, const char *path, plim_error *err);
/* Resizes @frame (u8 [height, width, 3]) bilinearly into @t, value x scale + bias. */
plim_status fill_frame(const plim_tensor *t, const plim_tensor *frame, const manifest_input *in,
                       plim_error *err);
plim_status fill_row(const plim_tensor *t, const plim_tensor *row, const manifest_input *in,
                     plim_error *err);

#endif
