/* SPDX-License-Identifier: Apache-2.0 */
/* draw_table.c - the table under each picture: the same figures, to read, to copy and to listen to.
 *
 * Sizes as people read them, and the one that the picture shows as whole bytes in the last column.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/memreport/draw.h"

#define STACKS_AS_COLUMNS 3u
#define FRAMES_LISTED     48u

static void head(const drawing *d, const char *text, bool is_figure)
{
    fprintf(d->to, "<th scope=\"col\"%s>", is_figure ? " class=\"n\"" : "");
    xml_text(d->to, text);
    fputs("</th>", d->to);
}

static void name(const drawing *d, const char *text)
{
    fputs("<tr><th scope=\"row\">", d->to);
    xml_text(d->to, text);
    fputs("</th>", d->to);
}

static void cell(const drawing *d, const char *text)
{
    fputs("<td>", d->to);
    xml_text(d->to, text);
    fputs("</td>", d->to);
}

static void size_cell(const drawing *d, int64_t bytes)
{
    char size[32];
    fprintf(d->to, "<td class=\"n\">%s</td>", draw_size(d, bytes, size, sizeof(size)));
}

static void byte_cell(const drawing *d, int64_t n)
{
    if (n == SHEET_NONE) {
        fputs("<td class=\"n\">-</td>", d->to);
    } else {
        fprintf(d->to, "<td class=\"n\">%" PRId64 "</td>", n);
    }
}

static bool has_part(const figure *f, unsigned part)
{
    for (size_t i = 0; i < f->bar_count; i++) {
        if (f->bars[i].parts[part] != 0) {
            return true;
        }
    }
    return false;
}

/* Few bars: parts go down, so that a phone can show it. */
static void table_of_parts(const drawing *d, const figure *f)
{
    fputs("<thead><tr>", d->to);
    head(d, "part", false);
    for (size_t i = 0; i < f->bar_count; i++) {
        head(d, f->bars[i].label, true);
        head(d, "bytes", true);
    }
    fputs("</tr></thead>\n<tbody>", d->to);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (!has_part(f, p)) {
            continue;
        }
        name(d, sheet_part_name((sheet_part)p));
        for (size_t i = 0; i < f->bar_count; i++) {
            size_cell(d, f->bars[i].parts[p]);
            byte_cell(d, f->bars[i].parts[p]);
        }
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody><tfoot>", d->to);
    name(d, "total");
    for (size_t i = 0; i < f->bar_count; i++) {
        size_cell(d, f->bars[i].total);
        byte_cell(d, f->bars[i].total);
    }
    fputs("</tr></tfoot>\n", d->to);
}

static void table_of_stacks(const drawing *d, const figure *f)
{
    fputs("<thead><tr>", d->to);
    head(d, "episode", false);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (has_part(f, p)) {
            head(d, sheet_part_name((sheet_part)p), true);
        }
    }
    head(d, "total", true);
    head(d, "bytes", true);
    fputs("</tr></thead>\n<tbody>", d->to);
    for (size_t i = 0; i < f->bar_count; i++) {
        name(d, f->bars[i].label);
        for (unsigned p = 0; p < PART_COUNT; p++) {
            if (has_part(f, p)) {
                size_cell(d, f->bars[i].parts[p]);
            }
        }
        size_cell(d, f->bars[i].total);
        byte_cell(d, f->bars[i].total);
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody>\n", d->to);
}

static void table_of_rows(const drawing *d, const figure *f)
{
    size_t columns = sheet_column_count(f->of);
    fputs("<thead><tr>", d->to);
    head(d, "row", false);
    head(d, "part", false);
    head(d, "how known", false);
    for (size_t c = 0; c < columns; c++) {
        head(d, f->of->columns[c], true);
    }
    head(d, "bytes", true);
    fputs("</tr></thead>\n<tbody>", d->to);
    for (size_t i = 0; i < f->bar_count; i++) {
        const figure_bar *b = &f->bars[i];
        name(d, b->label);
        cell(d, b->row ? sheet_part_name(b->part) : "");
        cell(d, b->row ? b->row->known : "");
        for (size_t c = 0; c < columns; c++) {
            size_cell(d, b->row ? b->row->bytes[c] : c == 0 ? b->total : SHEET_NONE);
        }
        byte_cell(d, b->row ? b->row->bytes[0] : b->total);
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody><tfoot>", d->to);
    name(d, "total");
    cell(d, "");
    cell(d, "");
    for (size_t c = 0; c < columns; c++) {
        size_cell(d, f->of->totals[c]);
    }
    byte_cell(d, f->of->totals[0]);
    fputs("</tr></tfoot>\n", d->to);
}

static void table_of_bars(const drawing *d, const figure *f)
{
    bool is_count = f->form == FIGURE_BINS;
    fputs("<thead><tr>", d->to);
    head(d, is_count ? "size of an episode" : "", false);
    head(d, is_count ? "episodes" : "size", true);
    if (!is_count) {
        head(d, "bytes", true);
    }
    fputs("</tr></thead>\n<tbody>", d->to);
    for (size_t i = 0; i < f->bar_count; i++) {
        name(d, f->bars[i].label);
        if (!is_count) {
            size_cell(d, f->bars[i].total);
        }
        byte_cell(d, f->bars[i].total);
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody>\n", d->to);
}

void draw_events(const drawing *d, const sheet *s)
{
    char text[32];
    if (s->event_count == 0) {
        return;
    }
    fputs("<table><thead><tr>", d->to);
    head(d, "mark", true);
    head(d, "seconds", true);
    head(d, "what happened", false);
    fputs("</tr></thead>\n<tbody>", d->to);
    for (size_t i = 0; i < s->event_count; i++) {
        snprintf(text, sizeof(text), "%.3f", s->events[i].seconds);
        fprintf(d->to, "<tr><td class=\"n\">%zu</td><td class=\"n\">%s</td>", i + 1, text);
        cell(d, s->events[i].text);
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody></table>\n", d->to);
}

/* Of each group the largest, so that the table shows the peak, too. */
static void table_of_frames(const drawing *d, const sheet *s)
{
    size_t group = (s->frame_count + FRAMES_LISTED - 1) / FRAMES_LISTED;
    bool used[PART_COUNT] = {false};
    for (size_t i = 0; i < s->frame_count; i++) {
        for (unsigned p = 0; p < PART_COUNT; p++) {
            used[p] = used[p] || s->frames[i].parts[p] != 0;
        }
    }
    fputs("<table><thead><tr>", d->to);
    head(d, "seconds", true);
    for (unsigned p = 0; p < PART_COUNT; p++) {
        if (used[p]) {
            head(d, sheet_part_name((sheet_part)p), true);
        }
    }
    head(d, "total", true);
    head(d, "bytes", true);
    fputs("</tr></thead>\n<tbody>", d->to);
    for (size_t i = 0; i < s->frame_count; i += group) {
        size_t at = i;
        for (size_t k = i; k < i + group && k < s->frame_count; k++) {
            at = s->frames[k].held > s->frames[at].held ? k : at;
        }
        fprintf(d->to, "<tr><td class=\"n\">%.3f</td>", s->frames[at].seconds);
        for (unsigned p = 0; p < PART_COUNT; p++) {
            if (used[p]) {
                size_cell(d, s->frames[at].parts[p]);
            }
        }
        size_cell(d, s->frames[at].total);
        byte_cell(d, s->frames[at].total);
        fputs("</tr>\n", d->to);
    }
    fputs("</tbody></table>\n", d->to);
}

void draw_table(const drawing *d, const figure *f)
{
    if (f->form == FIGURE_TIME) {
        table_of_frames(d, f->of);
        return;
    }
    fputs("<table>", d->to);
    if (f->form == FIGURE_LIST) {
        table_of_rows(d, f);
    } else if (f->form != FIGURE_STACKS) {
        table_of_bars(d, f);
    } else if (f->bar_count <= STACKS_AS_COLUMNS) {
        table_of_parts(d, f);
    } else {
        table_of_stacks(d, f);
    }
    fputs("</table>\n", d->to);
}
