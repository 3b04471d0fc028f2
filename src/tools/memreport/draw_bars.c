/* SPDX-License-Identifier: Apache-2.0 */
/* draw_bars.c - bars: stacked under a budget line, on a log scale, one a row, counts.
 *
 * A bar's name and figure stand above it on narrow pages and beside it on wide ones. What is
 * negative (unattributed only) is drawn hatched over the end of its bar: so much is counted twice.
 * Bars beyond FIGURE_BARS share the last; the table below has more of them.
 */
#include <math.h>
#include <string.h>

#include "src/tools/memreport/draw.h"
#include "src/tools/memreport/views.h"

#define STACK_BAR  26.0
#define STACK_STEP 58.0
#define LIST_BAR   14.0

static size_t drawn(const figure *f)
{
    return f->bar_count < FIGURE_BARS ? f->bar_count : FIGURE_BARS;
}

/* Bars that are not drawn, as one line of text. */
static double put_rest(const drawing *d, const figure *f, double y)
{
    char size[32];
    int64_t sum = 0;
    size_t count = 0;
    for (size_t i = drawn(f); i < f->bar_count; i++) {
        sum += f->bars[i].total;
        count += f->bars[i].shared > 1 ? f->bars[i].shared : 1;
    }
    if (!count) {
        return y;
    }
    fprintf(d->to, "<text class=\"dim\" x=\"0\" y=\"%.1f\">and %zu smaller: %s together</text>\n",
            y + 12, count, draw_size(d, sum, size, sizeof(size)));
    return y + 22;
}

/* ---- stacks ---- */

static double positive(const figure_bar *b)
{
    double sum = 0;
    for (unsigned p = 0; p < PART_COUNT; p++) {
        sum += b->parts[p] > 0 ? (double)b->parts[p] : 0;
    }
    return sum;
}

static void put_segment(const drawing *d, const figure_bar *b, unsigned p, double x, double y,
                        double w)
{
    char size[32];
    const char *name = sheet_part_name((sheet_part)p);
    fprintf(d->to,
            "<rect class=\"%s edge\" x=\"%.2f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\"><title>",
            draw_class((sheet_part)p), x, y, w, STACK_BAR);
    xml_text(d->to, b->label);
    fprintf(d->to, ": %s %s</title></rect>\n", name, draw_size(d, b->parts[p], size, sizeof(size)));
    if (w > draw_text_width(name) + 8 && p != PART_UNATTRIBUTED && p != PART_FREE) {
        fprintf(d->to,
                "<text class=\"%s\" pointer-events=\"none\" x=\"%.1f\" y=\"%.1f\">%s</text>\n",
                draw_is_dark((sheet_part)p) ? "on" : "in", x + 6, y + 17.5, name);
    }
}

/* The figure stands beside the name: the right edge is the budget line's. */
static void put_bar_name(const drawing *d, const char *label, const char *size, double y)
{
    fprintf(d->to, "<text class=\"ink\" x=\"0\" y=\"%.1f\">", y + 14);
    draw_fitted(d->to, label, d->width - draw_text_width(size) - 20);
    fprintf(d->to, "<tspan class=\"bold\" dx=\"10\">%s</tspan></text>\n", size);
}

static void put_stack(const drawing *d, const figure_bar *b, double y, double scale)
{
    char size[32];
    double x = 0;
    put_bar_name(d, b->label, draw_size(d, b->total, size, sizeof(size)), y);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        double w = b->parts[p] > 0 ? (double)b->parts[p] * scale : 0;
        if (b->parts[p] > 0) {
            put_segment(d, b, p, x, y + 20, w < 0.3 ? 0.3 : w);
        }
        x += w;
    }
    int64_t rest = b->parts[PART_UNATTRIBUTED];
    if (rest < 0) { /* over the end: counted twice */
        double w = -(double)rest * scale;
        put_segment(d, b, PART_UNATTRIBUTED, x > w ? x - w : 0, y + 20, x > w ? w : x);
    }
}

static void put_byte_axis(const drawing *d, double y, double most, double scale)
{
    char size[32];
    double tick = draw_tick(most, d->width > 600 ? 8 : 4);
    for (double at = 0; at <= most; at += tick) {
        double x = at * scale;
        double room = draw_text_width(draw_size(d, (int64_t)at, size, sizeof(size)));
        bool is_last = x + room / 2 > d->width;
        const char *anchor = at == 0 ? "start" : is_last ? "end" : "middle";
        if (is_last && room * 1.5 + 6 > tick * scale) {
            break; /* it would stand on its neighbour */
        }
        fprintf(d->to,
                "<line class=\"rule\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
                x, y, x, y + 6, x, y + 19, anchor, at > 0 ? size : "0");
    }
}

static void put_budget(const drawing *d, int64_t budget, double scale, double from, double to)
{
    char size[32], text[64];
    double x = (double)budget * scale;
    snprintf(text, sizeof(text), "budget %s", draw_size(d, budget, size, sizeof(size)));
    if (x > d->width) {
        fprintf(d->to,
                "<text class=\"budgettext bold\" x=\"%.1f\" y=\"12\" text-anchor=\"end\">%s: far "
                "beyond this edge</text>\n",
                d->width, text);
        return;
    }
    bool is_left = x < d->width / 2;
    fprintf(d->to,
            "<line class=\"budget\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"budgettext bold\" x=\"%.1f\" y=\"12\" text-anchor=\"%s\">%s</text>\n",
            x, from, x, to, is_left ? x + 6 : x, is_left ? "start" : "end", text);
}

static double draw_stacks(const drawing *d, const figure *f)
{
    bool used[PART_COUNT] = {false};
    double most = 1, y = f->budget == SHEET_NONE ? 0 : 22;
    for (size_t i = 0; i < drawn(f); i++) {
        double sum = positive(&f->bars[i]);
        most = sum > most ? sum : most;
        for (unsigned p = 0; p < PART_COUNT; p++) {
            used[p] = used[p] || f->bars[i].parts[p] != 0;
        }
    }
    /* A budget far above the bars would leave them slivers: then it is only named. */
    double budget = f->budget == SHEET_NONE ? 0 : (double)f->budget;
    most = budget > most && budget < 8 * most ? budget : most;
    double scale = (d->width - 1) / (most * 1.005), from = y;
    for (size_t i = 0; i < drawn(f); i++, y += STACK_STEP) {
        put_stack(d, &f->bars[i], y, scale);
    }
    put_byte_axis(d, y - 6, most, scale);
    if (f->budget != SHEET_NONE) {
        put_budget(d, f->budget, scale, from - 6, y - 6);
    }
    y = put_rest(d, f, y + 22);
    return draw_legend(d, used, y + 4);
}

/* ---- lists ---- */

static double put_list_bar(const drawing *d, const figure_bar *b, double y, double scale,
                           bool is_count)
{
    char size[32];
    const double name_width = d->width > 640 ? 330 : 0, value_width = 84;
    double x = name_width, bar_y = y, w;
    if (is_count) {
        snprintf(size, sizeof(size), "%lld", (long long)b->total);
    } else {
        draw_size(d, b->total, size, sizeof(size));
    }
    fprintf(d->to, "<g><title>");
    xml_text(d->to, b->label);
    fprintf(d->to, ": %s</title><text class=\"ink\" x=\"0\" y=\"%.1f\">", size, y + 12);
    draw_fitted(d->to, b->label, (name_width > 0 ? name_width : d->width) - value_width - 8);
    fprintf(d->to, "</text><text class=\"ink\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>",
            name_width > 0 ? name_width - 10 : d->width, y + 12, size);
    if (name_width == 0) {
        bar_y += 17;
    }
    w = b->part == PART_FREE ? 0 : fabs((double)b->total) * scale; /* nobody's: only named */
    fprintf(d->to,
            "<rect class=\"%s\" x=\"%.1f\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\"/></g>\n",
            draw_class(b->part), x, bar_y, w < 0.5 && b->total ? 0.5 : w, LIST_BAR);
    return name_width > 0 ? y + 22 : y + 42;
}

static double draw_list(const drawing *d, const figure *f)
{
    bool used[PART_COUNT] = {false}, is_count = f->form == FIGURE_BINS;
    double most = 1, y = 0, left = d->width > 640 ? 330 : 0;
    size_t shown = 0;
    figure rest = *f;
    for (size_t i = 0; i < drawn(f); i++) {
        double n = fabs((double)f->bars[i].total);
        most = n > most && f->bars[i].part != PART_FREE ? n : most;
    }
    for (; shown < drawn(f) && (is_count || f->bars[shown].total != 0); shown++) {
        used[f->bars[shown].part] = true;
        y = put_list_bar(d, &f->bars[shown], y, (d->width - left - 1) / most, is_count);
    }
    if (shown == drawn(f)) {
        y = put_rest(d, &rest, y);
    } else {
        fprintf(d->to, "<text class=\"dim\" x=\"0\" y=\"%.1f\">and %zu of 0 bytes</text>\n", y + 12,
                f->bar_count - shown);
        y += 22;
    }
    return is_count ? y + 4 : draw_legend(d, used, y + 4);
}

/* ---- log scale ---- */

static double draw_log(const drawing *d, const figure *f)
{
    const double step = 5; /* powers of two between ticks: 1 KiB, 32 KiB, 1 MiB, ... */
    double least = 63, most = 0, y = 0;
    char size[32];
    for (size_t i = 0; i < f->bar_count; i++) {
        double n = log2((double)f->bars[i].total);
        least = n < least ? n : least;
        most = n > most ? n : most;
    }
    least = floor((least - 2) / step) * step;
    least = least < 0 ? 0 : least;
    most = ceil((most + 0.01) / step) * step;
    double scale = (d->width - 1) / (most - least);
    for (size_t i = 0; i < f->bar_count; i++, y += STACK_STEP) {
        const figure_bar *b = &f->bars[i];
        put_bar_name(d, b->label, draw_size(d, b->total, size, sizeof(size)), y);
        fprintf(d->to, "<rect class=\"%s\" x=\"0\" y=\"%.1f\" width=\"%.2f\" height=\"%.0f\"/>\n",
                draw_class(b->part), y + 20, (log2((double)b->total) - least) * scale, STACK_BAR);
    }
    for (double at = least; at <= most; at += step) {
        double x = (at - least) * scale;
        draw_size(d, (int64_t)exp2(at), size, sizeof(size));
        const char *anchor = at == least ? "start" : at + step > most ? "end" : "middle";
        fprintf(d->to,
                "<line class=\"rule\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"%s\">%s</text>\n",
                x, y - 6, x, y, x, y + 13, anchor, size);
    }
    return y + 22;
}

double draw_bars(const drawing *d, const figure *f)
{
    switch (f->form) {
    case FIGURE_LOG:
        return draw_log(d, f);
    case FIGURE_STACKS:
        return draw_stacks(d, f);
    default:
        return draw_list(d, f);
    }
}

double draw_figure(const drawing *d, const figure *f)
{
    return f->form == FIGURE_TIME ? draw_time(d, f) : draw_bars(d, f);
}
