/* SPDX-License-Identifier: Apache-2.0 */
/* backend_plugin.h - execution backends, for implementers.
 *
 * To add one: copy src/backend/null.c, fill the table, add it to registry.c, pass
 * test/conformance. A factory answering E_UNSUPPORTED skips there; any other error fails.
 *
 * Life of an engine: open (weights may still be absent) -> load (weights are resident) ->
 * run* -> [evict -> load -> run*]* -> close. The runtime serialises calls on one engine.
 * A backend never allocates anything proportional to the model except through the host.
 */
#ifndef PLIMSOLL_BACKEND_PLUGIN_H
#define PLIMSOLL_BACKEND_PLUGIN_H

#include "plimsoll/backend.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_BACKEND_ABI 1u

/* What the allocation is for; decides region and tag. */
typedef enum plim_host_class {
    PLIM_HOST_SESSION = 0,    /* lives as long as the engine: packed weights, constants, tables */
    PLIM_HOST_ACTIVATION = 1, /* lives at most until the end of the run */
} plim_host_class;

/* Services that the runtime gives to one engine of a backend. */
typedef struct plim_backend_host {
    size_t struct_size;
    void *context;
    /* Blocks are aligned to @align_bytes (at least 64) and followed by 64 bytes of slack.
     * Threads: any (locked by the host). Errors: E_BUDGET, E_NOMEM, E_FRAG, E_RANGE. */
    plim_status (*alloc)(void *context, plim_host_class kind, size_t size_bytes, size_t align_bytes,
                         void **out, plim_error *err);
    void (*free)(void *context, void *block);
    /* A line for the log; level as in runtime.h (0 debug .. 3 error). */
    void (*log)(void *context, int level, const char *text);
} plim_backend_host;

/* Everything a backend may look at when it opens an engine. Borrowed until close. */
typedef struct plim_backend_source {
    const plim_card *card;
    const plim_engine_file *file; /* section table; NULL: sections below */
    void *payload;                /* final address of the payload; bytes valid from load on,
                                   * except sections of kind GRAPH, valid at open */
    uint64_t payload_bytes;
    const plim_section *sections; /* read only when file is NULL: an artifact that lies in */
    size_t section_count;         /* memory and has no file (import, tests) */
} plim_backend_source;

/* plim_backend_section - section by name, else the first of its kind; NULL when there is
 * neither. @name NULL: by kind alone. */
PLIM_API const plim_section *plim_backend_section(const plim_backend_source *source,
                                                  const char *name, plim_section_kind kind);

typedef struct plim_backend_opts {
    size_t struct_size;
    const char *library;    /* NULL: as probed */
    uint32_t thread_count;  /* 0: 1 */
    bool prepack;           /* let the backend copy weights into a faster layout (counted) */
    int optimization_level; /* backend's own scale; 0 for prepared artifacts */
} plim_backend_opts;

typedef struct plim_backend_need { /* answer of plan */
    uint64_t session_bytes, activation_bytes;
    bool is_exact; /* false: an estimate or nothing known (0) */
} plim_backend_need;

typedef struct plim_backend_engine plim_backend_engine; /* the backend's own */

typedef struct plim_import_opts {
    size_t struct_size;
    const char *library;
    const char *name; /* model name for the card and the file name; NULL: from the path */
    bool lz4;
    bool for_this_cpu; /* also bake in layouts that only this CPU type can use */
    uint32_t thread_count;
    /* below: added after the first version; read only when struct_size covers them */
    const char *format;        /* NULL: the backend's first choice ("onnx+weights"); or "ort" */
    bool no_optimize;          /* keep the operators as they are; constants that lie in a file of
                                * their own go straight into the pack */
    const char *const *shapes; /* one input each, "name:1x3x320x320", or with ranges
                                * "name:1x3x32..320..1280x32..1280" (min..max or min..opt..max) */
    size_t shape_count;
} plim_import_opts;

PLIM_DEFAULTS plim_import_opts plim_import_opts_default(void)
{
    plim_import_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

struct plim_backend_ops {
    size_t struct_size;
    uint32_t abi; /* PLIM_BACKEND_ABI */
    const char *name;
    /* required */
    void (*probe)(const char *library, plim_backend_info *out);
    plim_status (*open)(const plim_backend_source *source, const plim_backend_host *host,
                        const plim_backend_opts *opts, plim_backend_engine **out, plim_error *err);
    void (*close)(plim_backend_engine *engine);
    plim_status (*run)(plim_backend_engine *engine, const char *const *input_names,
                       const plim_tensor *inputs, size_t input_count,
                       const char *const *output_names, plim_tensor *outputs, size_t output_count,
                       const volatile bool *cancel, plim_error *err);
    /* inputs and outputs with dtype, rank and shape (-1: dynamic) in range.opt of profile 0 */
    plim_status (*describe)(plim_backend_engine *engine, plim_card_tensor *out, size_t limit,
                            size_t *out_count, plim_error *err);
    /* optional; NULL: need is 0 and not exact */
    plim_status (*plan)(const plim_backend_source *source, const plim_backend_opts *opts,
                        plim_backend_need *out, plim_error *err);
    /* optional; NULL: nothing to do when weights become resident or leave */
    plim_status (*load)(plim_backend_engine *engine, plim_error *err);
    plim_status (*evict)(plim_backend_engine *engine, plim_error *err);
    /* optional; NULL: output shapes must be known from the card. Shape of an output for the
     * inputs given; dims that only a run can tell are -1. */
    plim_status (*output_shape)(plim_backend_engine *engine, const char *const *input_names,
                                const plim_tensor *inputs, size_t input_count,
                                const char *output_name, plim_tensor *out_shape, plim_error *err);
    /* optional; NULL: E_UNSUPPORTED. Makes an artifact out of a model file. */
    plim_status (*import_model)(const char *model_path, const char *out_dir,
                                const plim_import_opts *opts, char *out_path, size_t out_path_bytes,
                                plim_error *err);
    /* optional; NULL: all of them. Which of the probed abilities in @flags an artifact with this
     * card has: of one backend, one format may do without its weights and another may not. */
    uint32_t (*artifact_flags)(const plim_card *card, uint32_t flags);
};

/* The backends of this build (registry.c lists them). */
PLIM_API extern const plim_backend_ops plim_backend_null;
PLIM_API extern const plim_backend_ops plim_backend_onnxruntime;

#ifdef __cplusplus
}
#endif
#endif
