/* SPDX-License-Identifier: Apache-2.0 */
/* session.h - one engine of the onnxruntime backend, shared by session.c and run.c. */
#ifndef BACKEND_ONNXRUNTIME_SESSION_H
#define BACKEND_ONNXRUNTIME_SESSION_H

#include "src/backend/onnxruntime/allocator.h"
#include "src/backend/onnxruntime/cancel.h"

/* What a graph input or output is declared as. dims: -1 is dynamic. */
typedef struct plim_ort_slot {
    char name[64];
    plim_dtype dtype;
    uint32_t rank;
    int64_t dims[PLIM_TENSOR_RANK_MAX];
    bool is_static;
    ort_value *view; /* over the tensor of the last run; NULL: none yet */
    void *view_data; /* what it shows, and in which shape */
    int64_t view_dims[PLIM_TENSOR_RANK_MAX];
} plim_ort_slot;

struct plim_backend_engine {
    const plim_ort *ort;
    plim_ort_account account;
    ort_session *session;
    ort_run_options *run_options;
    plim_ort_watch watch;
    ort_value **weights; /* one value per constant in the arena; they outlive the session */
    size_t weight_count;
    bool is_resident;
    bool is_whole; /* format "ort": graph and constants are one section */
    size_t input_count, output_count;
    plim_ort_slot slots[PLIM_CARD_TENSORS_MAX]; /* inputs, then outputs */
};

/* The artifact formats, as they stand on the card. */
#define PLIM_ORT_FORMAT_SPLIT "onnx+weights"
#define PLIM_ORT_FORMAT_WHOLE "ort"

/* Where the exported graph says that its constants lie. The library wants a regular file to
 * be there and never reads it, because every constant is handed over from the arena: a file
 * that every Linux has, at a length of 0, serves and leaves nothing behind. */
#define PLIM_ORT_EXTERNAL_FOLDER "/proc"
#define PLIM_ORT_EXTERNAL_FILE   "version"

plim_status plim_ort_open(const plim_backend_source *source, const plim_backend_host *host,
                          const plim_backend_opts *opts, plim_backend_engine **out,
                          plim_error *err);
void plim_ort_close(plim_backend_engine *engine);
plim_status plim_ort_run(plim_backend_engine *engine, const char *const *input_names,
                         const plim_tensor *inputs, size_t input_count,
                         const char *const *output_names, plim_tensor *outputs, size_t output_count,
                         const volatile bool *cancel, plim_error *err);
/* As run, but the library makes every output and only its shape is kept: shapes[i] has room
 * for PLIM_TENSOR_RANK_MAX. */
plim_status plim_ort_run_for_shapes(plim_backend_engine *engine, const char *const *input_names,
                                    const plim_tensor *inputs, size_t input_count,
                                    const char *const *output_names, int64_t *const *shapes,
                                    size_t output_count, plim_error *err);
plim_status plim_ort_output_shape(plim_backend_engine *engine, const char *const *input_names,
                                  const plim_tensor *inputs, size_t input_count,
                                  const char *output_name, plim_tensor *out_shape, plim_error *err);
plim_status plim_ort_import(const char *model_path, const char *out_dir,
                            const plim_import_opts *opts, char *out_path, size_t out_path_bytes,
                            plim_error *err);

#endif
