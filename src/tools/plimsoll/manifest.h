/* SPDX-License-Identifier: Apache-2.0 */
/* manifest.h - a deployment as YAML: budget, order, engines, where their inputs come from. */
#ifndef TOOLS_PLIMSOLL_MANIFEST_H
#define TOOLS_PLIMSOLL_MANIFEST_H

#include <stdio.h>

#include "plimsoll/plimsoll.h"

#define MANIFEST_ENGINES_MAX 32
#define MANIFEST_INPUTS_MAX  16
#define MANIFEST_PATH_BYTES  1024
#define MANIFEST_TIERS_MAX   8
#define MANIFEST_ACCEPT_MAX  8

enum { PICK_ONE = 0, PICK_FIRST = 1 };

typedef enum input_from { /* in the order of INPUT_FROM_NAMES */
                          FROM_VIDEO = 0,
                          FROM_ROW = 1,
                          FROM_BYTES = 2,
                          FROM_CONSTANT = 3,
                          FROM_FORMULA = 4,
                          FROM_FEEDBACK = 5,
                          FROM_ZEROS = 6,
} input_from;

typedef enum input_layout {
    LAYOUT_NCHW = 0,
    LAYOUT_NHWC = 1,
} input_layout;

typedef struct manifest_input {
    char tensor[64];
    uint32_t line;
    uint32_t from; /* input_from */
    char feature[96];
    uint32_t layout; /* input_layout */
    double scale, bias, value;
    char file[MANIFEST_PATH_BYTES];
    char output[64];
    int64_t shape[PLIM_TENSOR_RANK_MAX]; /* for dimensions that the card leaves open */
    uint32_t rank;                       /* 0: not given */
} manifest_input;

typedef struct manifest_engine {
    char name[PLIM_NAME_BYTES];
    uint32_t line;
    char artifact[MANIFEST_PATH_BYTES]; /* of several, the one that tiers_choose took */
    char tiers[MANIFEST_TIERS_MAX][MANIFEST_PATH_BYTES];
    size_t tier_count;                    /* 0 or 1: only artifact */
    uint32_t pick;                        /* PICK_ONE, PICK_FIRST */
    char accept[MANIFEST_ACCEPT_MAX][64]; /* ids of rules */
    size_t accept_count;
    char precision[16]; /* "": the card's */
    char backend[32];   /* "": the card's */
    uint64_t threads;
    bool prepack;
    char scratch_group[PLIM_NAME_BYTES];
    uint64_t every;
    bool record_trace;
    uint64_t activation_limit_bytes;
    manifest_input inputs[MANIFEST_INPUTS_MAX];
    size_t input_count;
} manifest_engine;

/* Lines of a pressure rung; 0: not given. */
typedef struct manifest_lines {
    double psi_some, psi_full, cgroup;
    uint64_t headroom_bytes, events;
} manifest_lines;

typedef struct manifest_rung {
    uint32_t kind; /* plim_rung_kind; the callback is heap-trim */
    manifest_lines enter, leave;
    uint64_t hold_ms, cool_down_ms, deadline_ms, calls; /* 0: the library's */
} manifest_rung;

#define MANIFEST_RUNGS_MAX 8 /* each kind once; more, so that all faults of a list are told */

typedef struct manifest_pressure {
    bool is_on, heap_trim;
    manifest_rung rungs[MANIFEST_RUNGS_MAX];
    size_t rung_count; /* 0: the built-in ones */
} manifest_pressure;

typedef struct manifest {
    char path[MANIFEST_PATH_BYTES], folder[MANIFEST_PATH_BYTES];
    char name[64];
    uint64_t cap_bytes; /* 0: fraction of the host's memory */
    double fraction;
    uint64_t reserve_bytes;
    uint32_t seal;                                             /* plim_seal_policy */
    uint32_t order;                                            /* plim_load_policy */
    uint32_t large_pages;                                      /* plim_large_pages */
    uint64_t host_sm, host_multiprocessors, host_memory_bytes; /* 0: as detected */
    char host_l4t[16], host_jetpack[16], host_tensorrt[16];
    char onnxruntime[MANIFEST_PATH_BYTES];
    uint64_t framework_bytes, framework_extra_bytes;
    manifest_engine engines[MANIFEST_ENGINES_MAX];
    size_t engine_count;
    bool has_episode;
    uint64_t max_frames_in_mem;
    char dataset[MANIFEST_PATH_BYTES];
    char video_plugin[MANIFEST_PATH_BYTES];
    manifest_pressure pressure;
} manifest;

/* Complaints, one line each: "deploy.yaml:12: engines[1].backnd: unknown key; ...". */
typedef struct complaints {
    char text[8192];
    size_t used;
    unsigned count;
} complaints;
void complain(complaints *to, const char *file, uint32_t line, const char *key, const char *format,
              ...) __attribute__((format(printf, 5, 6)));

extern const char *const INPUT_FROM_NAMES[];
extern const char *const LARGE_PAGES_NAMES[]; /* by plim_large_pages, NULL at the end */

/* manifest_read - parse and check the whole file; every fault it finds is a complaint.
 * Returns false when there was one. Files that are named must be there. */
bool manifest_read(const char *path, manifest *out, complaints *bad);
/* The same from a text, for tests: relative paths are taken from @folder. */
bool manifest_parse(const char *text, size_t bytes, const char *path, const char *folder,
                    manifest *out, complaints *bad);
/* What the run will use, one key a line, defaults included. */
void manifest_print(const manifest *m, FILE *to);
/* The host that engines are held against: detected, with the manifest's own words on top. */
void manifest_host(const manifest *m, plim_host *host);

#endif
