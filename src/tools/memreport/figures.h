/* SPDX-License-Identifier: Apache-2.0 */
/* figures.h - which pictures a report gives, before any is drawn. */
#ifndef TOOLS_MEMREPORT_FIGURES_H
#define TOOLS_MEMREPORT_FIGURES_H

#include "src/tools/memreport/sheet.h"

#define FIGURES_MAX  5u
#define FIGURE_BARS  24u  /* drawn; the rest shares one */
#define FIGURE_LINES 400u /* of a table; the rest shares one */

typedef enum figure_form {
    FIGURE_STACKS, /* bars of parts, with the budget line */
    FIGURE_LOG,    /* few bars on a log scale */
    FIGURE_LIST,   /* one bar a row */
    FIGURE_BINS,   /* episodes by size */
    FIGURE_TIME,   /* parts over time */
} figure_form;

typedef struct figure_bar {
    char label[200];
    int64_t total;
    int64_t parts[PART_COUNT]; /* stacks */
    sheet_part part;           /* log, list, bins */
    const sheet_row *row;      /* list: NULL for the rest that shares a bar */
    size_t shared;             /* list, stacks: so many share it */
} figure_bar;

typedef struct figure {
    figure_form form;
    const char *title;
    char caption[320];
    int64_t budget; /* SHEET_NONE: no line */
    const sheet *of;
    size_t bar_count;
    figure_bar *bars; /* largest first, except bins; at most FIGURE_LINES + 1 */
} figure;

typedef struct figures {
    char lead[480]; /* what it comes to, in a sentence or two */
    size_t count;
    figure list[FIGURES_MAX];
} figures;

/* figures_of - sorts the rows of @s, which stays open as long as the figures. False: no memory. */
bool figures_of(sheet *s, bool si, figures *out);
void figures_close(figures *self);

#endif
