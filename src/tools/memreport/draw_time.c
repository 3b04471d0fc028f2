/* SPDX-License-Identifier: Apache-2.0 */
/* draw_time.c - parts over time as stacked areas, with the budget line, the peak and the events.
 *
 * The line is what is held: the total without what is free. Where it runs below the areas, rows are
 * counted twice and unattributed is negative. More frames than the plot has room for: of each group
 * the largest.
 */
#include <stdlib.h>

#include "src/tools/memreport/draw.h"

#define PLOT   300.0
#define TOP    30.0
#define POINTS 360u

typedef struct plot {
    const drawing *d;
    const sheet *s;
    size_t count;
    size_t at[POINTS + 1]; /* frames that are drawn */
    double left, width, seconds, most;
} plot;

static double x_of(const plot *p, double seconds)
{
    return p->left + (p->seconds > 0 ? seconds / p->seconds : 0.5) * p->width;
}

static double y_of(const plot *p, double bytes)
{
    return TOP + PLOT - bytes / p->most * PLOT;
}

static void choose_frames(plot *p)
{
    size_t n = p->s->frame_count, group = (n + POINTS - 1) / POINTS;
    for (size_t i = 0; i < n; i += group) {
        size_t largest = i;
        for (size_t k = i; k < i + group && k < n; k++) {
            largest = p->s->frames[k].held > p->s->frames[largest].held ? k : largest;
        }
        p->at[p->count++] = largest;
    }
}

static double stack_below(const sheet_frame *f, unsigned part)
{
    double sum = 0;
    for (unsigned p = 0; p < part; p++) {
        sum += f->parts[p] > 0 ? (double)f->parts[p] : 0;
    }
    return sum;
}

static void put_area(const plot *p, unsigned part)
{
    FILE *to = p->d->to;
    fprintf(to, "<path class=\"%s\" d=\"", draw_class((sheet_part)part));
    for (size_t i = 0; i < p->count; i++) {
        const sheet_frame *f = &p->s->frames[p->at[i]];
        fprintf(to, "%s%.1f %.1f", i ? "L" : "M", x_of(p, f->seconds),
                y_of(p, stack_below(f, part + 1)));
    }
    for (size_t i = p->count; i-- > 0;) {
        const sheet_frame *f = &p->s->frames[p->at[i]];
        fprintf(to, "L%.1f %.1f", x_of(p, f->seconds), y_of(p, stack_below(f, part)));
    }
    fprintf(to, "Z\"><title>%s</title></path>\n", sheet_part_name((sheet_part)part));
}

static void put_total(const plot *p)
{
    fputs("<polyline class=\"line\" points=\"", p->d->to);
    for (size_t i = 0; i < p->count; i++) {
        const sheet_frame *f = &p->s->frames[p->at[i]];
        fprintf(p->d->to, "%s%.1f,%.1f", i ? " " : "", x_of(p, f->seconds),
                y_of(p, (double)f->held));
    }
    fputs("\"><title>held</title></polyline>\n", p->d->to);
}

static double seconds_tick(double span, unsigned count)
{
    static const double STEPS[] = {0.001, 0.002, 0.005, 0.01, 0.02, 0.05,  0.1,  0.2,
                                   0.5,   1,     2,     5,    10,   30,    60,   120,
                                   300,   600,   1800,  3600, 7200, 21600, 86400};
    for (size_t i = 0; i < sizeof(STEPS) / sizeof(STEPS[0]); i++) {
        if (span / STEPS[i] <= count) {
            return STEPS[i];
        }
    }
    return span / count;
}

static void put_axes(const plot *p)
{
    const drawing *d = p->d;
    char size[32];
    double tick = draw_tick(p->most, 6);
    for (double at = 0; at <= p->most; at += tick) {
        fprintf(d->to,
                "<line class=\"rule\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                p->left, y_of(p, at), p->left + p->width, y_of(p, at), p->left - 6, y_of(p, at) + 4,
                at > 0 ? draw_size(d, (int64_t)at, size, sizeof(size)) : "0");
    }
    tick = seconds_tick(p->seconds, d->width > 600 ? 10 : 5);
    for (double at = 0; p->seconds > 0 && at <= p->seconds * 1.0001; at += tick) {
        fprintf(d->to,
                "<line class=\"rule\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%g s</text>\n",
                x_of(p, at), TOP + PLOT, x_of(p, at), TOP + PLOT + 5, x_of(p, at), TOP + PLOT + 18,
                at);
    }
}

static void put_level(const plot *p, const char *class, const char *what, int64_t bytes,
                      double text_y)
{
    char size[32];
    double y = y_of(p, (double)bytes), right = p->left + p->width;
    fprintf(p->d->to,
            "<line class=\"%s\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>"
            "<text class=\"%stext bold\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"end\">%s %s</text>\n",
            class, p->left, y, right, y, class, right - 4, y + text_y, what,
            draw_size(p->d, bytes, size, sizeof(size)));
}

/* Numbered; the table says what each is. */
static void put_events(const plot *p)
{
    double last = -100;
    for (size_t i = 0; i < p->s->event_count; i++) {
        const sheet_event *e = &p->s->events[i];
        double x = x_of(p, e->seconds < p->seconds ? e->seconds : p->seconds);
        fprintf(p->d->to, "<g><title>%g s: ", e->seconds);
        xml_text(p->d->to, e->text);
        fprintf(p->d->to,
                "</title><line class=\"mark\" x1=\"%.1f\" y1=\"%.1f\" x2=\"%.1f\" y2=\"%.1f\"/>", x,
                TOP - 6, x, TOP + PLOT);
        if (x - last > 17) { /* marks closer than that share the first one's number */
            fprintf(
                p->d->to,
                "<circle class=\"dot\" cx=\"%.1f\" cy=\"%.1f\" r=\"8\"/><text class=\"dottext\" "
                "font-size=\"10\" x=\"%.1f\" y=\"%.1f\" text-anchor=\"middle\">%zu</text>",
                x, TOP - 14, x, TOP - 10.5, i + 1);
            last = x;
        }
        fputs("</g>\n", p->d->to);
    }
}

double draw_time(const drawing *d, const figure *f)
{
    bool used[PART_COUNT] = {false};
    plot p = {.d = d, .s = f->of, .left = 74};
    int64_t peak = 0;
    p.width = d->width - p.left - 12;
    p.seconds = f->of->frames[f->of->frame_count - 1].seconds;
    p.most = 1;
    choose_frames(&p);
    for (size_t i = 0; i < p.count; i++) {
        const sheet_frame *frame = &f->of->frames[p.at[i]];
        double sum = stack_below(frame, PART_COUNT);
        p.most = sum > p.most ? sum : p.most;
        peak = frame->held > peak ? frame->held : peak;
        for (unsigned k = 0; k < PART_COUNT; k++) {
            used[k] = used[k] || frame->parts[k] > 0;
        }
    }
    bool has_budget = f->budget != SHEET_NONE && (double)f->budget < 4 * p.most;
    p.most = has_budget && (double)f->budget > p.most ? (double)f->budget : p.most;
    p.most *= 1.06;
    for (unsigned k = 0; k < PART_COUNT; k++) {
        if (used[k]) {
            put_area(&p, k);
        }
    }
    put_axes(&p);
    put_total(&p);
    put_level(&p, "peak", "peak", peak, has_budget && f->budget >= peak ? 16 : -6);
    if (has_budget) {
        put_level(&p, "budget", "budget", f->budget, f->budget >= peak ? -6 : 16);
    }
    put_events(&p);
    return draw_legend(d, used, TOP + PLOT + 32);
}
