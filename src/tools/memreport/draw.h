/* SPDX-License-Identifier: Apache-2.0 */
/* draw.h - figures as SVG shapes, at any width, and the page that they stand on. */
#ifndef TOOLS_MEMREPORT_DRAW_H
#define TOOLS_MEMREPORT_DRAW_H

#include <stdio.h>

#include "src/tools/memreport/figures.h"
#include "src/tools/xml_text.h"

typedef struct drawing {
    FILE *to;
    double width;
    bool si;
} drawing;

/* Each draws from y = 0 downwards and returns its height. */
double draw_figure(const drawing *d, const figure *f);
double draw_bars(const drawing *d, const figure *f); /* all forms but time */
double draw_time(const drawing *d, const figure *f);
/* Swatches and names of the parts that are @used, wrapped to the width; the height. */
double draw_legend(const drawing *d, const bool *used, double y);

/* @text, cut to what fits into @width at 12 px, escaped. */
void draw_fitted(FILE *to, const char *text, double width);
double draw_text_width(const char *text); /* at 12 px, rather too much than too little */
const char *draw_class(sheet_part part);  /* "p-weights" */
bool draw_is_dark(sheet_part part);       /* white text on it */
/* Round steps: at most @count ticks up to @most bytes. */
double draw_tick(double most, unsigned count);
const char *draw_size(const drawing *d, int64_t bytes, char *buffer, size_t room);

/* The colours of all parts, for light and dark and paper. */
void draw_style(FILE *to);
void draw_defs(FILE *to);

/* A table of what the figure shows, and more: every figure in bytes. */
void draw_table(const drawing *d, const figure *f);
/* What the numbered marks of a recording are; nothing when there are none. */
void draw_events(const drawing *d, const sheet *s);

/* The whole document. False: no memory. */
bool page_html(FILE *to, const sheet *s, const figures *all, bool si);
bool page_svg(FILE *to, const sheet *s, const figures *all, bool si);

#endif
