/* SPDX-License-Identifier: Apache-2.0 */
/* predict.h - the peak of a deployment before anything is loaded; plan and run share it. */
#ifndef TOOLS_PLIMSOLL_PREDICT_H
#define TOOLS_PLIMSOLL_PREDICT_H

#include "src/tools/plimsoll/gpu_charge.h"
#include "src/tools/plimsoll/manifest.h"
#include "src/tools/plimsoll/tool.h"

#define PREDICT_ITEMS_MAX    (MANIFEST_ENGINES_MAX + 1) /* the engines and the framework */
#define PREDICT_WARNINGS_MAX 16
#define PREDICT_NO_ENGINE    UINT32_MAX

typedef struct predicted_engine {
    char backend[32], format[32];
    uint64_t payload_bytes;
    uint64_t head_bytes, page_table_bytes, weights_bytes, session_bytes, activation_bytes, io_bytes;
    uint64_t extra_bytes;
    bool activation_is_known, activation_is_planned, backend_is_present;
    char version[64]; /* the backend's, here */
} predicted_engine;

/* What a recorded plan of activations was made for, and what it will cost. */
typedef struct plan_head {
    const uint8_t *root; /* of the payload */
    const char *backend, *version;
    uint32_t threads;
    bool prepack;
    uint64_t height_bytes, request_count; /* read */
} plan_head;
/* False when there is none at @path that belongs to @want. */
bool plan_head_read(const char *path, const plan_head *want, plan_head *out);

typedef struct predicted_camera {
    char feature[96];
    uint64_t frame_bytes, window_bytes, decoder_bytes;
} predicted_camera;

/* What to do when the predicted peak cannot be had right now. */
typedef enum now_mode {
    NOW_WARN = 0,
    NOW_REFUSE = 1,
    NOW_OFF = 2, /* not even asked */
} now_mode;

typedef struct prediction {
    char name[64];
    plim_load_policy policy;
    uint64_t cap_bytes;                  /* 0: none was given */
    uint64_t reserve_bytes, table_bytes; /* the base that every step stands on */
    uint64_t frame_bytes;                /* the episode's window and columns, after loading */
    uint64_t decoder_bytes;              /* estimated; tag plugin */
    uint64_t record_bytes;               /* tables while one engine's trace is recorded */
    plim_load_item items[PREDICT_ITEMS_MAX];
    uint32_t engine_of[PREDICT_ITEMS_MAX]; /* index into engines, or PREDICT_NO_ENGINE */
    size_t item_count;
    plim_load_step steps[PREDICT_ITEMS_MAX];
    plim_load_plan plan; /* of loading alone */
    predicted_engine engines[MANIFEST_ENGINES_MAX];
    uint64_t peak_bytes, run_bytes; /* of everything; while episodes run */
    bool peak_is_load;              /* else the peak is while episodes run */
    uint64_t peak_by_tag[PLIM_TAG_COUNT];
    bool has_large_pages;   /* else every payload pays page tables, in its item as other */
    char large_reason[320]; /* why not; "" */
    bool fits;
    uint64_t deficit_bytes;
    char warnings[PREDICT_WARNINGS_MAX][192];
    size_t warning_count;
    now_mode now;
    bool has_headroom, fits_now; /* fits_now is true where nobody knows */
    plim_headroom headroom;
    gpu_charge charge;
} prediction;

/* A small runtime of the tool's own: heads of artifacts and of data sets are read into it. */
typedef struct workshop {
    plim_runtime *runtime;
    plim_region *home;
    uint64_t table_bytes;  /* what an empty runtime charges for itself */
    uint64_t region_bytes; /* tables of an engine's own regions */
} workshop;
plim_status workshop_open(workshop *self, const plim_host *host, plim_large_pages large_pages,
                          plim_error *err);
void workshop_close(workshop *self);

/* What went wrong with a manifest whose YAML is right: prints to stderr and returns the exit
 * code; TOOL_OK when it was filled in. @episode NULL: the manifest's data set, or none.
 * @beside_bytes are charged from the start to the end, as the tables are: a black box. */
tool_exit predict_manifest(const manifest *m, const char *episode, const plim_host *host,
                           uint64_t beside_bytes, prediction *out);
/* Does some input come from recorded frames or rows? */
bool predict_wants_episode(const manifest *m);
/* "name:resident:extra,..." - what-if without files. @why says what is wrong. */
bool predict_items(const char *text, prediction *out, const char **why);
/* Orders the items and fills in steps, peak, tags and verdict. */
plim_status predict_solve(prediction *p, plim_error *err);
/* E_BUDGET when it does not fit. */
plim_status predict_admit(const prediction *p, plim_error *err);

void predict_print(const prediction *p, FILE *to);
void predict_json(const prediction *p, FILE *to);

/* ---- predict_now.c: what the machine can give at this moment ---- */

bool predict_now_mode(const char *text, now_mode *out); /* "warn", "refuse", "off" */
/* @root NULL: this machine. @probe_gpu: a driver's library to ask, "" for its own; NULL: do not
 * ask. What cannot be known is a warning. */
void predict_now_read(prediction *p, const char *root, const char *probe_gpu, now_mode mode);
void predict_now_print(const prediction *p, FILE *to);
void predict_now_charge(const prediction *p, FILE *to); /* what --probe-gpu found */
void predict_now_json(const prediction *p, FILE *to);
/* E_NOMEM when it does not fit now and was to be refused. */
plim_status predict_now_admit(const prediction *p, plim_error *err);

/* ---- io.c: the tensors that the tool binds ---- */

/* The shape to bind: the manifest's, else the card's largest, else the one it was tuned for.
 * An open dimension of an output is taken from @like (NULL: none). Returns false when one stays
 * open and @dim says which. */
bool io_shape(const plim_card_tensor *t, const manifest_input *given, const plim_card_tensor *like,
              int64_t shape[PLIM_TENSOR_RANK_MAX], uint32_t *rank, uint32_t *dim);
uint64_t io_bytes(plim_dtype dtype, const int64_t *shape, uint32_t rank); /* 64-byte blocks */
/* Bytes of all inputs and outputs in granules; false and *what when a dimension is open. */
bool io_total_bytes(const plim_card *card, const manifest_engine *e, uint64_t *out, char *what,
                    size_t what_room);
const manifest_input *io_given(const manifest_engine *e, const char *tensor);
#define IO_GRANULE ((uint64_t)PLIM_GRANULE_BYTES)
uint64_t io_granules(uint64_t bytes);

#endif
