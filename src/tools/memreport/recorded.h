/* SPDX-License-Identifier: Apache-2.0 */
/* recorded.h - what the commands about recorded episodes share: options, the walk, figures. */
#ifndef TOOLS_MEMREPORT_RECORDED_H
#define TOOLS_MEMREPORT_RECORDED_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plimsoll/survey.h"
#include "src/tools/memreport/memreport.h"

#define RECORDED_SCHEMA   "memreport/1"
#define RECORDED_ENGINES  16u
#define RECORDED_WARNINGS 128u
#define RECORDED_KEPT     131072u /* episodes whose sizes are kept for median and p95 */
#define RECORDED_BINS     10u

typedef enum recorded_form { RECORDED_TABLE, RECORDED_JSON, RECORDED_CSV } recorded_form;
typedef enum recorded_sort { SORT_SIZE, SORT_NAME, SORT_DISK } recorded_sort;
typedef enum recorded_units { UNITS_IEC, UNITS_SI, UNITS_BYTES } recorded_units;

typedef struct recorded_request {
    const char *path, *output;
    recorded_form form;
    recorded_sort sort;
    recorded_units units;
    plim_pixel_form pixels;
    bool is_range, is_first; /* is_first: no -e, the first episode only */
    uint64_t first, last;
    uint64_t window, horizon, prefetch, history; /* window 0: none asked */
    uint64_t budget, fail_over, model_bytes, top;
    bool is_gr00t, is_worklog, is_strict, is_forced, is_quiet, is_verbose, is_exact, is_fast;
    const char *engines[RECORDED_ENGINES];
    uint32_t engine_count;
    uint32_t columns;
    bool is_terminal, has_color;
} recorded_request;

typedef struct recorded_warning {
    char code[24], feature[128], text[320];
    uint64_t bytes;
    bool is_incomplete;
} recorded_warning;

/* Bytes of one group, or of an episode. */
typedef struct recorded_bytes {
    uint64_t disk, memory, window, worklog;
} recorded_bytes;

/* The figures of one episode under the request. */
typedef struct recorded_episode {
    recorded_bytes groups[3], total; /* total: with containers, and decoders in its window */
    uint64_t containers, decoder_bytes, decoder_frames, reads;
} recorded_episode;

typedef struct recorded_walk {
    const recorded_request *request;
    plim_budget *budget;
    plim_arena *arena;
    plim_region *home;
    plim_survey *survey;
    uint64_t episodes, incomplete, readable;
    uint64_t warning_count, incomplete_warnings;
    uint32_t kept_warnings;
    recorded_warning warnings[RECORDED_WARNINGS];
} recorded_walk;

/* recorded_open - map the memory under a cap of its own and open the survey. Exit code. */
int recorded_open(recorded_walk *self, const recorded_request *r);
void recorded_close(recorded_walk *self);
/* The next episode; NULL at the end or after a failure, then *code is not OK. */
const plim_survey_episode *recorded_next(recorded_walk *self, int *code);
/* What the walk as a whole comes to: OK, INCOMPLETE or NOTHING. */
int recorded_outcome(const recorded_walk *self);

recorded_episode recorded_measure(const recorded_request *r, const plim_survey_episode *episode);
/* Is this feature part of the view that was asked for? */
bool recorded_is_seen(const recorded_request *r, const plim_survey_feature *f);
const char *recorded_known(plim_figure fact);
const char *recorded_group(plim_feature_group group); /* "state/action" */
const char *recorded_pixels(plim_pixel_form form);
/* Bytes in the request's units. */
const char *recorded_size(const recorded_request *r, uint64_t bytes, char *buffer, size_t room);

void recorded_print_warnings(const recorded_walk *self);
void recorded_print_episode(const recorded_walk *self, const plim_survey_episode *e);

int recorded_dataset(recorded_walk *self);
int recorded_plan(recorded_walk *self);

/* JSON and CSV. */
void recorded_json_head(const recorded_walk *self, const char *kind);
void recorded_json_episode(const recorded_walk *self, const plim_survey_episode *e, bool is_first);
void recorded_json_warnings(const recorded_walk *self, int code);
void recorded_json_text(const char *text);
void recorded_csv_head(const recorded_request *r);
void recorded_csv_episode(const recorded_walk *self, const plim_survey_episode *e);

/* recorded_main - the commands episode, dataset, plan and formats; -1 when @argv names another. */
int recorded_main(int argc, char **argv);

#endif
