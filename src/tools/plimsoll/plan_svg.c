/* SPDX-License-Identifier: Apache-2.0 */
/* plan_svg.c - a plan as a picture: time to the right, addresses upwards, one box a buffer.
 *
 * Decides what is legible: round ticks, in bytes of 1024 and in steps; a name where it fits; every
 * box says what it is when pointed at, up to some thousands of boxes. Beyond that the boxes of one
 * colour become one path, so that a plan of 50,000 buffers is a file that a browser opens. Colours
 * stand for size (each class twice or four times the one before), or for the owner when there is
 * such a column; they and the lines are readable on white and on black, and follow the reader's
 * choice.
 */
#include <inttypes.h>
#include <string.h>

#include "src/tools/plimsoll/plan_file.h"
#include "src/tools/plimsoll/tool.h"
#include "src/tools/xml_text.h"

#define WIDTH     1200.0
#define LEFT      96.0
#define RIGHT     24.0
#define TOP       76.0
#define PLOT      520.0
#define BOTTOM    92.0
#define HEIGHT    (TOP + PLOT + BOTTOM)
#define BOXES_MAX 4000u /* with a text of their own */
#define CLASSES   8u

/* From dark blue to yellow, even in brightness; then back again for owners, hues apart. */
static const char *const BY_SIZE[CLASSES] = {"#3b4a9b", "#2f6fae", "#2391a8", "#2fae8e",
                                             "#62c370", "#a5cf4d", "#e3c83e", "#f09a3a"};
static const char *const BY_OWNER[CLASSES] = {"#4c78c8", "#e08a3c", "#4fa86b", "#c8565b",
                                              "#8f6fc0", "#9a7356", "#d07bb5", "#4bb0b8"};

typedef struct picture {
    const plan_file *file;
    FILE *to;
    uint32_t first, end;
    uint64_t top_bytes;   /* of the address axis */
    uint64_t class_bytes; /* where the second class of size begins */
    unsigned class_factor;
    bool has_class[CLASSES]; /* a buffer is of it */
    const char *owners[CLASSES];
    size_t owner_count;
} picture;

static double x_of(const picture *p, double step)
{
    return LEFT + (step - p->first) / ((double)p->end - p->first) * (WIDTH - LEFT - RIGHT);
}

static double y_of(const picture *p, double bytes)
{
    return TOP + PLOT - bytes / (double)p->top_bytes * PLOT;
}

/* ---- colours ---- */

static unsigned class_of_size(const picture *p, uint64_t bytes)
{
    unsigned n = 0;
    for (uint64_t edge = p->class_bytes; n + 1 < CLASSES && bytes >= edge; n++) {
        edge *= p->class_factor;
    }
    return n;
}

static unsigned class_of(const picture *p, size_t i)
{
    if (!p->file->has_owner) {
        return class_of_size(p, p->file->buffers[i].size_bytes);
    }
    for (unsigned n = 0; n < p->owner_count; n++) {
        if (strcmp(p->owners[n], p->file->owners[i]) == 0) {
            return n;
        }
    }
    return CLASSES - 1;
}

/* Owners in the order of their first buffer; from the eighth on they share a colour. */
static void list_owners(picture *p)
{
    for (size_t i = 0; p->file->has_owner && i < p->file->count; i++) {
        bool is_known = false;
        for (size_t n = 0; n < p->owner_count; n++) {
            is_known = is_known || strcmp(p->owners[n], p->file->owners[i]) == 0;
        }
        if (!is_known && p->owner_count < CLASSES) {
            p->owners[p->owner_count++] = p->file->owners[i];
        }
    }
}

/* The largest size falls into the last class, a power of two apart. */
static void set_classes(picture *p)
{
    uint64_t most = 1, least = UINT64_MAX;
    for (size_t i = 0; i < p->file->count; i++) {
        uint64_t bytes = p->file->buffers[i].size_bytes;
        most = bytes > most ? bytes : most;
        least = bytes < least ? bytes : least;
    }
    p->class_factor = most / least < 1u << CLASSES ? 2 : 4;
    unsigned shift = (CLASSES - 2) * (p->class_factor == 2 ? 1 : 2);
    uint64_t last = 1; /* where the last class begins */
    while (last <= most / 2) {
        last *= 2;
    }
    p->class_bytes = last >> shift ? last >> shift : 1;
    list_owners(p);
    for (size_t i = 0; i < p->file->count; i++) {
        p->has_class[class_of(p, i)] = true;
    }
}

/* Exact where it can be: 1280 KiB rather than 1.2 MiB. */
static const char *exact_size(uint64_t bytes)
{
    static const char *const UNITS[] = {"B", "KiB", "MiB", "GiB", "TiB"};
    static char text[4][32];
    static unsigned turn;
    unsigned unit = 0;
    uint64_t n = bytes;
    for (; unit < 4 && n >= 1024 && n % 1024 == 0; unit++) {
        n /= 1024;
    }
    if (n >= 100000) {
        return tool_size(bytes);
    }
    char *to = text[turn++ % 4];
    snprintf(to, sizeof(text[0]), "%" PRIu64 " %s", n, UNITS[unit]);
    return to;
}

/* ---- frame ---- */

static void put_head(const picture *p, const plan_sheet *s)
{
    fprintf(p->to,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" width=\"%.0f\" "
            "height=\"%.0f\" font-family=\"system-ui,sans-serif\" font-size=\"12\">\n<title>",
            WIDTH, HEIGHT, WIDTH, HEIGHT);
    xml_bytes(p->to, s->title);
    fputs("</title>\n<style>\n"
          ".bg{fill:#ffffff}.on{fill:#ffffff}.ink{fill:#1c2430}.dim{fill:#5c6675}.in{fill:#0d1117}"
          ".grid{stroke:#d8dde4}.axis{stroke:#5c6675}\n"
          ".peak{stroke:#c22f3d}.peaktext{fill:#c22f3d}.cap{stroke:#6a3fb5}"
          ".captext{fill:#6a3fb5}\n"
          ".b{stroke:#0d1117;stroke-opacity:.45;stroke-width:.6}.b:hover{fill-opacity:.6}\n"
          "@media (prefers-color-scheme:dark){.bg{fill:#12161c}.ink{fill:#e8ecf1}"
          ".dim{fill:#9aa5b4}.grid{stroke:#2c343f}.axis{stroke:#9aa5b4}\n"
          ".peak{stroke:#ff7b84}.peaktext{fill:#ff7b84}.cap{stroke:#b79bf0}"
          ".captext{fill:#b79bf0}}\n",
          p->to);
    for (unsigned n = 0; n < CLASSES; n++) {
        fprintf(p->to, ".c%u{fill:%s}", n, p->file->has_owner ? BY_OWNER[n] : BY_SIZE[n]);
    }
    fprintf(p->to,
            "\n</style>\n<rect class=\"bg\" width=\"%.0f\" height=\"%.0f\"/>\n"
            "<text class=\"ink\" x=\"%.0f\" y=\"30\" font-size=\"18\" font-weight=\"600\">",
            WIDTH, HEIGHT, LEFT);
    xml_bytes(p->to, s->title);
    fprintf(p->to, "</text>\n<text class=\"dim\" x=\"%.0f\" y=\"52\">%zu buffers, height %s", LEFT,
            p->file->count, exact_size(s->height_bytes));
    fprintf(p->to, " (%" PRIu64 " bytes), bound %s: ", s->height_bytes,
            exact_size(s->lower_bound_bytes));
    xml_bytes(p->to, s->verdict);
    fputs("</text>\n", p->to);
}

/* 1, 2 or 5 times a power of ten, for about @count ticks. */
static uint64_t round_steps(uint64_t span, unsigned count)
{
    uint64_t tick = 1;
    for (unsigned n = 0; span / tick > count; n++) {
        tick = n % 3 == 1 ? tick / 2 * 5 : tick * 2;
    }
    return tick;
}

static void put_axes(const picture *p)
{
    uint64_t bytes = 1;
    while (p->top_bytes / bytes > 8) {
        bytes *= 2;
    }
    for (uint64_t at = 0; at <= p->top_bytes; at += bytes) {
        double y = y_of(p, (double)at);
        fprintf(p->to,
                "<line class=\"grid\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\"/>"
                "<text class=\"dim\" x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\">%s</text>\n",
                LEFT, y, WIDTH - RIGHT, y, LEFT - 8, y + 4, at ? exact_size(at) : "0");
    }
    uint64_t tick = round_steps((uint64_t)p->end - p->first, 10);
    for (uint64_t at = (p->first + tick - 1) / tick * tick; at <= p->end; at += tick) {
        double x = x_of(p, (double)at), y = TOP + PLOT;
        fprintf(p->to,
                "<line class=\"axis\" x1=\"%.1f\" y1=\"%.0f\" x2=\"%.1f\" y2=\"%.0f\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.0f\" text-anchor=\"middle\">%" PRIu64
                "</text>\n",
                x, y, x, y + 5, x, y + 19, at);
    }
    fprintf(p->to,
            "<text class=\"dim\" x=\"%.0f\" y=\"%.0f\" text-anchor=\"middle\">step</text>\n"
            "<text class=\"dim\" x=\"22\" y=\"%.0f\" text-anchor=\"middle\" "
            "transform=\"rotate(-90 22 %.0f)\">address, bytes</text>\n",
            (LEFT + WIDTH - RIGHT) / 2, TOP + PLOT + 38, TOP + PLOT / 2, TOP + PLOT / 2);
}

/* ---- boxes ---- */

typedef struct box {
    double x, y, w, h;
} box;

static box box_of(const picture *p, const plim_plan_buffer *b, uint32_t lower, uint32_t upper)
{
    box r = {.x = x_of(p, lower), .y = y_of(p, (double)b->offset_bytes + (double)b->size_bytes)};
    r.w = x_of(p, upper) - r.x;
    r.h = y_of(p, (double)b->offset_bytes) - r.y;
    r.w = r.w < 0.3 ? 0.3 : r.w; /* a sliver, not nothing */
    r.h = r.h < 0.3 ? 0.3 : r.h;
    return r;
}

/* The pieces of buffer @i between its gaps: calls @draw for each. *gap moves on. */
static void each_piece(const picture *p, size_t i, size_t *gap,
                       void (*draw)(const picture *, size_t, box))
{
    const plim_plan_buffer *b = &p->file->buffers[i];
    uint32_t from = b->lower;
    for (; *gap < p->file->gap_count && p->file->gaps[*gap].buffer == i; ++*gap) {
        draw(p, i, box_of(p, b, from, p->file->gaps[*gap].lower));
        from = p->file->gaps[*gap].upper;
    }
    draw(p, i, box_of(p, b, from, b->upper));
}

static void draw_box(const picture *p, size_t i, box r)
{
    const plim_plan_buffer *b = &p->file->buffers[i];
    fprintf(p->to,
            "<rect class=\"%sc%u\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"><title>",
            r.w < 3 || r.h < 3 ? "" : "b ", class_of(p, i), r.x, r.y, r.w, r.h);
    xml_bytes(p->to, p->file->ids[i]);
    if (p->file->has_owner) {
        fputs(" of ", p->to);
        xml_bytes(p->to, p->file->owners[i]);
    }
    fprintf(p->to,
            ": %s (%" PRIu64 " bytes), steps %" PRIu32 " to %" PRIu32 ", offset %" PRIu64
            "</title></rect>\n",
            tool_size(b->size_bytes), b->size_bytes, b->lower, b->upper, b->offset_bytes);
    size_t letters = strlen(p->file->ids[i]);
    if (r.h >= 13 && r.w >= 7.0 * (double)letters + 6) {
        fprintf(p->to,
                "<text class=\"%s\" pointer-events=\"none\" text-anchor=\"middle\" "
                "font-size=\"11\" x=\"%.1f\" y=\"%.1f\">",
                !p->file->has_owner && class_of(p, i) < 2 ? "on" : "in", r.x + r.w / 2,
                r.y + r.h / 2 + 4);
        xml_bytes(p->to, p->file->ids[i]);
        fputs("</text>\n", p->to);
    }
}

static void draw_path(const picture *p, size_t i, box r)
{
    (void)i;
    fprintf(p->to, "M%.1f %.1fh%.1fv%.1fh-%.1fz", r.x, r.y, r.w, r.h, r.w);
}

static void put_boxes(const picture *p)
{
    if (p->file->count <= BOXES_MAX) {
        for (size_t i = 0, gap = 0; i < p->file->count; i++) {
            each_piece(p, i, &gap, draw_box);
        }
        return;
    }
    for (unsigned n = 0; n < CLASSES; n++) {
        fprintf(p->to, "<path class=\"c%u\" d=\"", n);
        for (size_t i = 0, gap = 0; i < p->file->count; i++) {
            if (class_of(p, i) == n) {
                each_piece(p, i, &gap, draw_path);
            }
            while (gap < p->file->gap_count && p->file->gaps[gap].buffer <= i) {
                gap++;
            }
        }
        fputs("\"/>\n", p->to);
    }
}

/* ---- lines and legend ---- */

static void put_line(const picture *p, const char *class, const char *what, uint64_t bytes,
                     const char *dashes, bool is_above)
{
    double y = y_of(p, (double)bytes);
    fprintf(p->to,
            "<line class=\"%s\" x1=\"%.0f\" y1=\"%.1f\" x2=\"%.0f\" y2=\"%.1f\" "
            "stroke-width=\"1.6\"%s/>\n"
            "<text class=\"%stext\" x=\"%.0f\" y=\"%.1f\" text-anchor=\"end\" "
            "font-weight=\"600\">%s %s</text>\n",
            class, LEFT, y, WIDTH - RIGHT, y, dashes, class, WIDTH - RIGHT - 4,
            is_above ? y - 5 : y + 15, what, exact_size(bytes));
}

static void put_legend(const picture *p)
{
    double y = HEIGHT - 22, x = LEFT, each = (WIDTH - LEFT - RIGHT) / CLASSES;
    uint64_t edge = p->class_bytes;
    for (unsigned n = 0; n < CLASSES; n++, edge *= p->class_factor) {
        if (!p->has_class[n]) {
            continue;
        }
        fprintf(p->to,
                "<rect class=\"c%u\" x=\"%.1f\" y=\"%.1f\" width=\"14\" height=\"14\" rx=\"2\"/>"
                "<text class=\"dim\" x=\"%.1f\" y=\"%.1f\">",
                n, x, y - 11, x + 20, y);
        bool is_last = n + 1 == CLASSES;
        if (!p->file->has_owner) {
            fprintf(p->to, is_last ? "%s and up" : "under %s",
                    exact_size(is_last ? edge / p->class_factor : edge));
        } else {
            xml_bytes(p->to, is_last ? "others" : p->owners[n][0] ? p->owners[n] : "no owner");
        }
        fputs("</text>\n", p->to);
        x += each;
    }
}

void plan_draw_svg(const plan_file *self, const plan_sheet *sheet, FILE *to)
{
    picture p = {.file = self, .to = to};
    uint64_t most =
        sheet->capacity_bytes > sheet->height_bytes ? sheet->capacity_bytes : sheet->height_bytes;
    /* A capacity far above the plan would flatten it: then it is only named. */
    bool has_capacity = sheet->capacity_bytes && most / 4 <= sheet->height_bytes;
    most = has_capacity ? most : sheet->height_bytes;
    p.top_bytes = most + most / 16 + 1;
    plan_file_span(self, &p.first, &p.end);
    p.end += p.end == p.first;
    set_classes(&p);
    put_head(&p, sheet);
    put_axes(&p);
    put_boxes(&p);
    if (has_capacity && sheet->capacity_bytes != sheet->height_bytes) {
        put_line(&p, "cap", "capacity", sheet->capacity_bytes, " stroke-dasharray=\"7 4\"",
                 sheet->capacity_bytes > sheet->height_bytes);
    }
    bool is_full = sheet->capacity_bytes == sheet->height_bytes;
    put_line(&p, "peak", is_full ? "peak = capacity" : "peak", sheet->height_bytes, "",
             sheet->capacity_bytes <= sheet->height_bytes || !has_capacity);
    put_legend(&p);
    fputs("</svg>\n", to);
}
