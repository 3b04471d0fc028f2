/* SPDX-License-Identifier: Apache-2.0 */
/* figures.c - which pictures a report gives: what is held under the budget, whole against window,
 * the rows, sizes of episodes, the course of a run. Each begins with the largest.
 *
 * Nothing is dropped: rows beyond what a picture or a table shows share its last line.
 */
#include "src/tools/memreport/figures.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static figure *add_figure(figures *out, const sheet *s, figure_form form, const char *title,
                          size_t bars)
{
    figure *f = &out->list[out->count];
    *f = (figure){.form = form, .title = title, .budget = SHEET_NONE, .of = s};
    f->bars = calloc(bars + 1, sizeof(*f->bars));
    if (!f->bars) {
        return NULL;
    }
    out->count++;
    return f;
}

static figure_bar *add_bar(figure *f, const char *label)
{
    figure_bar *b = &f->bars[f->bar_count++];
    snprintf(b->label, sizeof(b->label), "%s", label);
    return b;
}

static void add_to_bar(figure_bar *b, sheet_part part, int64_t bytes)
{
    b->parts[part] += sheet_value(bytes);
    b->total += sheet_value(bytes);
}

static int64_t number_at(json_t *object, const char *a, const char *b)
{
    json_t *n = json_object_get(object, a);
    n = b ? json_object_get(n, b) : n;
    return json_is_integer(n) && json_integer_value(n) > 0 ? json_integer_value(n) : 0;
}

/* ---- stacks ---- */

static bool add_columns(figures *out, const sheet *s, const char *title, const char *caption,
                        const size_t *columns, const char *const *labels, size_t count)
{
    figure *f = add_figure(out, s, FIGURE_STACKS, title, count);
    for (size_t k = 0; f && k < count; k++) {
        figure_bar *b = add_bar(f, labels[k]);
        for (size_t i = 0; i < s->row_count; i++) {
            add_to_bar(b, s->rows[i].part, s->rows[i].bytes[columns[k]]);
        }
    }
    if (f) {
        f->budget = s->budget;
        snprintf(f->caption, sizeof(f->caption), "%s", caption);
    }
    return f != NULL;
}

static int by_total(const void *a, const void *b)
{
    const figure_bar *x = a, *y = b;
    return x->total != y->total ? (x->total < y->total ? 1 : -1) : strcmp(x->label, y->label);
}

/* Bars beyond the table's last line become one. */
static void share_rest(figure *f, const char *what)
{
    qsort(f->bars, f->bar_count, sizeof(*f->bars), by_total);
    if (f->bar_count <= FIGURE_LINES) {
        return;
    }
    figure_bar *rest = &f->bars[FIGURE_LINES];
    for (size_t i = FIGURE_LINES + 1; i < f->bar_count; i++) {
        for (unsigned p = 0; p < PART_COUNT; p++) {
            rest->parts[p] += f->bars[i].parts[p];
        }
        rest->total += f->bars[i].total;
    }
    rest->shared = f->bar_count - FIGURE_LINES;
    snprintf(rest->label, sizeof(rest->label), "%zu other %s", rest->shared, what);
    f->bar_count = FIGURE_LINES + 1;
}

/* Rows lie together by section: one bar for each run of them. */
static bool add_episodes(figures *out, const sheet *s)
{
    figure *f =
        add_figure(out, s, FIGURE_STACKS, "Episodes in memory, decoded whole", s->section_count);
    figure_bar *b = NULL;
    if (!f) {
        return false;
    }
    for (size_t i = 0; i < s->row_count; i++) {
        if (!b || strcmp(s->rows[i].section, s->rows[i - 1].section) != 0) {
            b = f->bar_count < s->section_count ? add_bar(f, s->rows[i].section) : b;
        }
        if (b) {
            add_to_bar(b, s->rows[i].part, s->rows[i].bytes[0]);
        }
    }
    share_rest(f, "episodes");
    f->budget = s->budget;
    snprintf(f->caption, sizeof(f->caption),
             "Pixels held as %.16s. Each bar is one episode, by what its bytes are; largest first.",
             s->pixels);
    return true;
}

static bool add_run_episodes(figures *out, const sheet *s)
{
    json_t *episodes = json_object_get(json_object_get(s->root, "run"), "episodes"), *e;
    size_t i, count = json_array_size(episodes);
    if (count == 0) {
        return true;
    }
    figure *f =
        add_figure(out, s, FIGURE_STACKS, "Episodes of the run, had they been whole", count);
    if (!f) {
        return false;
    }
    json_array_foreach(episodes, i, e)
    {
        char label[48];
        snprintf(label, sizeof(label), "episode %lld", (long long)number_at(e, "index", NULL));
        figure_bar *b = add_bar(f, label);
        add_to_bar(b, PART_VIDEO, number_at(e, "whole", "video"));
        add_to_bar(b, PART_STATE_ACTION, number_at(e, "whole", "state_action"));
        add_to_bar(b, PART_OTHER_DATA, number_at(e, "whole", "other"));
    }
    share_rest(f, "episodes");
    snprintf(f->caption, sizeof(f->caption),
             "What each episode takes decoded whole. The run held a window of it instead.");
    return true;
}

/* ---- whole against window ---- */

static bool add_log(figures *out, const sheet *s, const char *whole_label, int64_t whole,
                    const char *window_label, int64_t window)
{
    if (whole <= 0 || window <= 0) {
        return true;
    }
    figure *f = add_figure(out, s, FIGURE_LOG, "Whole against window", 2);
    if (!f) {
        return false;
    }
    figure_bar *b = add_bar(f, whole_label);
    b->part = PART_VIDEO;
    b->total = whole;
    b = add_bar(f, window_label);
    b->part = PART_EPISODE;
    b->total = window;
    double times =
        whole >= window ? (double)whole / (double)window : (double)window / (double)whole;
    snprintf(f->caption, sizeof(f->caption),
             "The whole is %.*f times %s. Log scale: each step to the right is 32 times as much.",
             times < 10 ? 1 : 0, times, whole >= window ? "the window" : "smaller than the window");
    return true;
}

static bool add_run_log(figures *out, const sheet *s)
{
    json_t *most = json_object_get(json_object_get(s->root, "run"), "maximum");
    int64_t whole = number_at(most, "video", NULL) + number_at(most, "state_action", NULL) +
                    number_at(most, "other", NULL);
    return add_log(out, s, "largest episode, whole", whole, "held at most: window and decoders",
                   number_at(most, "held", NULL));
}

static int64_t sum_of(const sheet *s, size_t column, sheet_part a, sheet_part b)
{
    int64_t sum = 0;
    for (size_t i = 0; i < s->row_count; i++) {
        bool is_of = s->rows[i].part == a || s->rows[i].part == b;
        sum += is_of ? sheet_value(s->rows[i].bytes[column]) : 0;
    }
    return sum;
}

/* ---- rows ---- */

static void name_row(const sheet *s, const sheet_row *row, char *out, size_t room)
{
    bool has_section = row->section[0] && s->section_count != 1;
    snprintf(out, room, "%s%s%s%s%s", has_section ? row->section : "", has_section ? ": " : "",
             row->owner, row->owner[0] ? " / " : "", row->name);
}

static bool add_rows(figures *out, sheet *s, const char *title)
{
    figure *f = add_figure(out, s, FIGURE_LIST, title,
                           s->row_count < FIGURE_LINES ? s->row_count : FIGURE_LINES);
    if (!f) {
        return false;
    }
    sheet_sort(s, 0);
    for (size_t i = 0; i < s->row_count; i++) {
        if (i > FIGURE_LINES) { /* the last bar takes the rest */
            f->bars[FIGURE_LINES].total += sheet_value(s->rows[i].bytes[0]);
            f->bars[FIGURE_LINES].shared++;
            continue;
        }
        figure_bar *b = &f->bars[f->bar_count++];
        name_row(s, &s->rows[i], b->label, sizeof(b->label));
        b->row = &s->rows[i];
        b->part = s->rows[i].part;
        b->total = sheet_value(s->rows[i].bytes[0]);
        b->shared = 1;
    }
    if (f->bar_count > FIGURE_LINES && f->bars[FIGURE_LINES].shared > 1) {
        figure_bar *rest = &f->bars[FIGURE_LINES];
        rest->row = NULL;
        rest->part = PART_OTHER;
        snprintf(rest->label, sizeof(rest->label), "%zu other rows", rest->shared);
    }
    snprintf(f->caption, sizeof(f->caption), "Largest first; the column is: %.40s.", s->columns[0]);
    return true;
}

/* ---- data sets ---- */

static bool add_sizes(figures *out, const sheet *s)
{
    static const struct {
        const char *key, *label;
    } SIZES[] = {{"max", "largest episode"},
                 {"p95", "95 of 100 are at most"},
                 {"mean", "mean"},
                 {"median", "median"},
                 {"min", "smallest episode"}};
    json_t *summary = json_object_get(s->root, "summary");
    figure *f = add_figure(out, s, FIGURE_STACKS, "An episode in memory, decoded whole", 5);
    for (size_t i = 0; f && i < sizeof(SIZES) / sizeof(SIZES[0]); i++) {
        char label[64];
        json_t *row = json_object_get(summary, SIZES[i].key);
        json_t *index = json_object_get(row, "index");
        if (json_is_integer(index)) {
            snprintf(label, sizeof(label), "%s: %lld", SIZES[i].label,
                     (long long)json_integer_value(index));
        } else {
            snprintf(label, sizeof(label), "%s", SIZES[i].label);
        }
        add_to_bar(add_bar(f, label), PART_EPISODE, number_at(row, "memory", NULL));
    }
    if (f) {
        f->budget = s->budget;
        snprintf(f->caption, sizeof(f->caption), "Pixels held as %.16s. The largest decides.",
                 s->pixels);
    }
    return f != NULL;
}

static bool add_bins(figures *out, const sheet *s, bool si)
{
    json_t *bins = json_object_get(json_object_get(s->root, "summary"), "histogram"), *bin;
    size_t i, count = json_array_size(bins);
    if (count == 0 || count > FIGURE_LINES) {
        return true;
    }
    figure *f = add_figure(out, s, FIGURE_BINS, "How many episodes are how large", count);
    if (!f) {
        return false;
    }
    json_array_foreach(bins, i, bin)
    {
        char from[32], to[32], label[80];
        snprintf(label, sizeof(label), "%s to %s",
                 sheet_size(number_at(bin, "from", NULL), si, false, from, sizeof(from)),
                 sheet_size(number_at(bin, "to", NULL), si, false, to, sizeof(to)));
        figure_bar *b = add_bar(f, label);
        b->part = PART_EPISODE;
        b->total = number_at(bin, "episodes", NULL);
    }
    snprintf(f->caption, sizeof(f->caption), "Episodes by bytes in memory, decoded whole.");
    return true;
}

/* ---- recordings ---- */

static bool add_time(figures *out, const sheet *s)
{
    figure *f = add_figure(out, s, FIGURE_TIME, "Over time", 0);
    if (!f) {
        return false;
    }
    f->budget = s->budget;
    if (s->frame_count < s->frames_seen) {
        snprintf(f->caption, sizeof(f->caption),
                 "%zu of %zu frames: the largest of each group, so that no peak is lost.",
                 s->frame_count, s->frames_seen);
    } else {
        snprintf(f->caption, sizeof(f->caption), "%zu frames.", s->frame_count);
    }
    return true;
}

/* ---- the sentence above them ---- */

static size_t say_budget(char *out, size_t room, int64_t peak, int64_t budget, bool si)
{
    char a[32], b[32];
    if (budget == SHEET_NONE) {
        return 0;
    }
    sheet_size(budget, si, false, a, sizeof(a));
    sheet_size(peak > budget ? peak - budget : budget - peak, si, false, b, sizeof(b));
    int n = peak > budget ? snprintf(out, room, " That is %s over the budget of %s.", b, a)
                          : snprintf(out, room, " Of the budget of %s, %s are left.", a, b);
    return n > 0 ? (size_t)n : 0;
}

static void say_lead(const sheet *s, bool si, char *out, size_t room)
{
    char a[32], b[32], c[32];
    int64_t rest = sum_of(s, 0, PART_UNATTRIBUTED, PART_UNATTRIBUTED), peak = s->totals[0];
    int n = 0;
    sheet_size(s->totals[0], si, false, a, sizeof(a));
    sheet_size(s->totals[1], si, false, b, sizeof(b));
    switch (s->kind) {
    case SHEET_RUN:
        n = snprintf(out, room,
                     "%s are resident now, of which %s are not explained by any row. At its peak "
                     "the account held %s.",
                     a, sheet_size(rest, si, false, c, sizeof(c)), b);
        peak = s->totals[1];
        break;
    case SHEET_EPISODE:
        n = snprintf(out, room, "%s on disk become %s in memory when decoded whole.", b, a);
        if (s->columns[2]) {
            n += snprintf(out + n, room - (size_t)n, " With a window of %llu frame%s it is %s.",
                          (unsigned long long)s->window, s->window == 1 ? "" : "s",
                          sheet_size(s->totals[2], si, false, c, sizeof(c)));
        }
        break;
    case SHEET_DATASET:
        n = snprintf(out, room, "%s on disk become %s in memory when every episode is decoded.", b,
                     a);
        peak = number_at(json_object_get(s->root, "summary"), "max", "memory");
        n += snprintf(out + n, room - (size_t)n, " The largest episode takes %s.",
                      sheet_size(peak, si, false, c, sizeof(c)));
        break;
    case SHEET_PLAN:
        n = snprintf(out, room,
                     "With the whole episode the peak is %s, with a window of %llu frame%s "
                     "it is %s.",
                     b, (unsigned long long)s->window, s->window == 1 ? "" : "s", a);
        break;
    case SHEET_RECORDING:
        peak -= sum_of(s, 0, PART_FREE, PART_FREE);
        n = snprintf(out, room, "The most that was held at once is %s.",
                     sheet_size(peak, si, false, c, sizeof(c)));
        break;
    }
    n += (int)say_budget(out + n, room - (size_t)n, peak, s->budget, si);
    if (!s->is_complete) {
        snprintf(out + n, room - (size_t)n, " The report is incomplete.");
    }
}

bool figures_of(sheet *s, bool si, figures *out)
{
    static const size_t FIRST_TWO[] = {0, 1}, SECOND_FIRST[] = {1, 0};
    static const char *const RUN[] = {"resident now", "charged at the account's peak"};
    const char *at_peak[] = {sum_of(s, 0, PART_FREE, PART_FREE) ? "at the peak, with what is free"
                                                                : "at the peak"};
    const char *plan[] = {"whole episode", s->columns[0]};
    *out = (figures){.count = 0};
    say_lead(s, si, out->lead, sizeof(out->lead));
    bool ok = false;
    switch (s->kind) {
    case SHEET_RUN:
        ok = add_columns(out, s, "What is held",
                         "Resident: pages that the kernel holds for the process. Charged: what the "
                         "account counts against its cap, touched or not.",
                         FIRST_TWO, RUN, 2) &&
             add_run_log(out, s) && add_rows(out, s, "Every row") && add_run_episodes(out, s);
        break;
    case SHEET_EPISODE:
        ok = add_episodes(out, s) &&
             (!s->columns[2] || add_log(out, s, "whole, decoded", s->totals[0],
                                        "under the window, decoders included", s->totals[2])) &&
             add_rows(out, s, "Every feature");
        break;
    case SHEET_DATASET:
        ok =
            add_sizes(out, s) && add_bins(out, s, si) && add_rows(out, s, "By group, all episodes");
        break;
    case SHEET_PLAN:
        ok = add_columns(out, s, "The peak beside the engines",
                         "The episode that needs most, whole and under the window.", SECOND_FIRST,
                         plan, 2) &&
             add_log(out, s, "frames and decoders, whole", sum_of(s, 1, PART_VIDEO, PART_DECODERS),
                     "frames and decoders, window", sum_of(s, 0, PART_VIDEO, PART_DECODERS)) &&
             add_rows(out, s, "Every need");
        break;
    case SHEET_RECORDING:
        ok = (s->frame_count < 2 || add_time(out, s)) &&
             add_columns(out, s, "At the peak", "The frame in which most was held.", FIRST_TWO,
                         at_peak, 1) &&
             add_rows(out, s, "Every row at the peak");
        break;
    }
    if (!ok) {
        figures_close(out);
    }
    return ok;
}

void figures_close(figures *self)
{
    for (size_t i = 0; i < self->count; i++) {
        free(self->list[i].bars);
    }
    self->count = 0;
}
