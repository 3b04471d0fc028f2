/* SPDX-License-Identifier: Apache-2.0 */
/* live.h - what the parts of memreport live and memreport replay share. */
#ifndef TOOLS_MEMREPORT_LIVE_H
#define TOOLS_MEMREPORT_LIVE_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "plimsoll/machine.h"
#include "src/tools/memreport/memreport.h"

#define LIVE_SEEN_MAX  512u /* rows whose last figure and peak are kept */
#define LIVE_LINES_MAX 320u
#define LIVE_LINE_ROOM 320u
#define LIVE_COLUMNS   240u

typedef enum live_form { LIVE_TEXT, LIVE_JSON, LIVE_CSV, LIVE_PROMETHEUS } live_form;
typedef enum live_sort { LIVE_BY_KIND, LIVE_BY_SIZE, LIVE_BY_CHANGE, LIVE_BY_NAME } live_sort;

typedef struct live_request {
    const char *root, *account, *record, *replay, *output;
    const char *files[PLIM_MACHINE_FILES_MAX];
    size_t file_count;
    uint32_t pid;
    uint64_t interval_ms; /* 0: not given */
    uint64_t count;       /* 0: not given */
    uint64_t fail_over;
    live_form form;
    live_sort sort;
    bool si, is_once, is_batch, is_forced, with_gpu, no_color;
    uint32_t columns; /* 0: the terminal's */
} live_request;

/* What was seen of a row before. */
typedef struct live_seen {
    char name[PLIM_MACHINE_NAME_BYTES]; /* "": the sum of its place */
    plim_place place;
    int64_t last, change, peak; /* PLIM_REPORT_NONE: never known */
    uint64_t frame;             /* that it was last in; 0: free */
} live_seen;

typedef struct live_track {
    uint64_t frame, first_ms;
    live_seen rows[LIVE_SEEN_MAX];
} live_track;

/* Takes a frame in: changes and peaks of every row; the peaks are written into it. */
void live_track_take(live_track *self, plim_machine *m);
/* NULL: not kept. */
const live_seen *live_track_find(const live_track *self, plim_place place, const char *name);

/* ---- text ---- */

typedef struct live_page {
    size_t count;
    char lines[LIVE_LINES_MAX][LIVE_LINE_ROOM];
} live_page;

typedef struct live_style {
    uint32_t columns, rows;         /* rows 0: as many as there are */
    bool has_color, si, has_change; /* has_change: this is not the first frame */
    live_sort sort;
} live_style;

void live_page_fill(live_page *self, const plim_machine *m, const live_track *track,
                    const live_style *style);

/* ---- machine-readable forms ---- */

void live_csv_head(FILE *to);
void live_csv(FILE *to, const plim_machine *m);
void live_prometheus(FILE *to, const plim_machine *m);
bool live_json(FILE *to, const plim_machine *m);

/* ---- the terminal ---- */

typedef enum live_key {
    LIVE_KEY_NONE,
    LIVE_KEY_QUIT,
    LIVE_KEY_SORT,
    LIVE_KEY_PAUSE,
    LIVE_KEY_UNITS,
    LIVE_KEY_REDRAW
} live_key;
/* Enters the alternate screen, and leaves it when told to end. False: this is no terminal. */
bool live_screen_open(void);
void live_screen_close(void);
void live_screen_show(const live_page *page, const char *footer);
void live_screen_size(uint32_t *columns, uint32_t *rows);
/* Waits for a key or a signal, at most @ms; works without a screen too. */
live_key live_wait(uint64_t ms);
/* Told to end by a signal, which is held or was taken: for work between two waits. */
bool live_is_ended(void);
/* Signals that end the tool are kept for live_wait from here on. */
void live_signals_hold(void);

/* ---- the commands ---- */

/* Exit code; REPORT_OK fills @out. */
int live_options(int argc, char **argv, live_request *out);
int live_run(const live_request *r);
/* live and replay; -1 when @argv names another command. */
int live_main(int argc, char **argv);

#endif
