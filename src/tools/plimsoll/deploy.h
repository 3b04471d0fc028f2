/* SPDX-License-Identifier: Apache-2.0 */
/* deploy.h - one run of a manifest: engines loaded in order, episodes streamed, facts kept. */
#ifndef TOOLS_PLIMSOLL_DEPLOY_H
#define TOOLS_PLIMSOLL_DEPLOY_H

#include "src/tools/plimsoll/pipeline.h"
#include "src/tools/plimsoll/run_heat.h"

#define RUN_EPISODES_MAX 4096

typedef struct episode_result {
    uint32_t index;
    uint64_t frame_count, step_count;
    uint64_t memory_bytes[3]; /* if all of it were decoded, by plim_feature_group */
    uint64_t window_bytes;    /* frames held at most, by the window */
    uint64_t columns_bytes, decoder_bytes, dropped_bytes;
    uint64_t before_bytes, end_bytes, peak_bytes, after_bytes; /* of the account */
    bool is_complete;
} episode_result;

typedef struct run_options {
    const char *dataset;   /* NULL: no episode */
    uint32_t from, to;     /* half-open */
    uint64_t max_steps;    /* of an episode; 0: all */
    const char *probe_gpu; /* as predict_now_read's */
    const char *account_path, *log_path, *black_box_path;
    uint64_t black_box_bytes; /* 0: the default */
    bool verbose;
} run_options;

typedef struct deployment {
    const manifest *m;
    const prediction *p;
    const run_options *o;
    plim_runtime *runtime;
    FILE *log;
    bound_engine engines[MANIFEST_ENGINES_MAX];
    plim_owner framework;
    uint64_t framework_bytes;
    plim_region *home;
    plim_dataset *data;
    episode_result *episodes;
    size_t episode_count;
    plim_report *report;        /* gathered while the last episode was open */
    plim_pressure_watch *watch; /* NULL: the manifest asks for none */
    run_heat *heat;
    bool is_sealed;
    uint64_t faults;
} deployment;

plim_status deploy_open(deployment *d, const plim_host *host, plim_error *err);
plim_status deploy_load(deployment *d, plim_error *err);
plim_status deploy_episodes(deployment *d, plim_error *err);
void deploy_close(deployment *d);

/* The files whose page cache is the run's. */
typedef struct run_files {
    const char *path[PLIM_REPORT_FILES_MAX];
    size_t count;
    char *own[PLIM_REPORT_FILES_MAX];
    size_t own_count;
} run_files;
void run_files_find(run_files *self, const deployment *d);
/* Those of one episode. */
void run_files_episode(run_files *self, const deployment *d, uint32_t index);
void run_files_forget(run_files *self);

bool run_within_cap(const deployment *d);
void run_print(const deployment *d, FILE *to);
void run_json(const deployment *d, FILE *to);

#endif
