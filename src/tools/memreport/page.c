/* SPDX-License-Identifier: Apache-2.0 */
/* page.c - one page that needs nothing but itself.
 *
 * HTML or SVG. No script, no fonts, nothing from a network (the page
 * forbids it to itself). Every picture is drawn twice in HTML, for a desk and for a phone, and the
 * style shows one; under each stands its table. The same report gives the same bytes: no dates, no
 * paths. The SVG has the pictures without the tables.
 */
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/draw.h"

#define WIDE   880.0
#define NARROW 340.0
#define MARGIN 32.0

/* A figure drawn into memory: its height is known only when it is done. */
typedef struct drawn_figure {
    char *text;
    size_t bytes;
    double height;
} drawn_figure;

static drawn_figure draw_apart(const figure *f, double width, bool si)
{
    drawn_figure out = {.text = NULL};
    drawing d = {.to = open_memstream(&out.text, &out.bytes), .width = width, .si = si};
    if (d.to) {
        out.height = draw_figure(&d, f);
        if (fclose(d.to) != 0) {
            free(out.text);
            out.text = NULL;
        }
    }
    return out;
}

static bool put_svg(FILE *to, const figure *f, double width, bool si, const char *class)
{
    drawn_figure drawn = draw_apart(f, width, si);
    bool is_first = strcmp(class, "wide") == 0;
    if (!drawn.text) {
        return false;
    }
    fprintf(to, "<svg class=\"%s\" viewBox=\"-1 -1 %.0f %.0f\" role=\"img\"%s aria-label=\"%s\">\n",
            class, width + 2, drawn.height + 2, is_first ? "" : " aria-hidden=\"true\"", f->title);
    fwrite(drawn.text, 1, drawn.bytes, to);
    fputs("</svg>\n", to);
    free(drawn.text);
    return true;
}

static void put_page_style(FILE *to)
{
    fputs(
        "<style>\n:root{color-scheme:light dark}*{box-sizing:border-box}"
        "body{margin:0 auto;max-width:60rem;padding:1.5rem 1.25rem 3rem;background:#fff;"
        "color:#1c2430;font:16px/1.5 system-ui,sans-serif}"
        "h1{font-size:1.6rem;line-height:1.25;margin:.2rem 0 .6rem;overflow-wrap:anywhere}"
        "h2{font-size:1.15rem;margin:2.4rem 0 .2rem}p{margin:.2rem 0 1rem}"
        ".lead{font-size:1.08rem;max-width:48rem}.note,footer{color:#56606e;font-size:.9rem}"
        "svg{display:block;width:100%;height:auto;font:12px system-ui,sans-serif;"
        "overflow:visible}.narrow{display:none}"
        "details{margin-top:.8rem}summary{cursor:pointer;color:#56606e;font-size:.9rem}"
        ".scroll{overflow-x:auto}table{border-collapse:collapse;font-size:.85rem;"
        "font-variant-numeric:tabular-nums;margin:.4rem 0}"
        "th,td{padding:.25rem .7rem .25rem 0;text-align:left;border-bottom:1px solid #d4dae1;"
        "vertical-align:top;unicode-bidi:isolate}"
        "thead th{color:#56606e;font-weight:600}tbody th{font-weight:400;overflow-wrap:anywhere;"
        "min-width:9rem}tfoot th,tfoot td{font-weight:600;border-bottom:0}"
        ".n{text-align:right;white-space:nowrap;padding-left:.7rem}footer{margin-top:3rem}\n"
        "@media(max-width:640px){.wide{display:none}.narrow{display:block}"
        "body{padding:1rem .9rem 2rem}h1{font-size:1.35rem}}\n"
        "@media screen and (prefers-color-scheme:dark){body{background:#12161c;color:#e8ecf1}"
        ".note,footer,summary,thead th{color:#a0abb9}th,td{border-color:#2f3844}}\n"
        "@media print{body{max-width:none;padding:0;font-size:11pt}.wide{display:block}"
        ".narrow{display:none}svg,tr{break-inside:avoid}h2{break-after:avoid}"
        ".scroll{overflow:visible}*{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n",
        to);
    draw_style(to);
    fputs("</style>\n", to);
}

static bool put_section(FILE *to, const figure *f, bool si)
{
    drawing d = {.to = to, .width = WIDE, .si = si};
    fprintf(to, "<section>\n<h2>%s</h2>\n<p class=\"note\">", f->title);
    xml_text(to, f->caption);
    fputs("</p>\n", to);
    if (!put_svg(to, f, WIDE, si, "wide") || !put_svg(to, f, NARROW, si, "narrow")) {
        return false;
    }
    if (f->form == FIGURE_TIME) {
        draw_events(&d, f->of);
    }
    fprintf(to, "<details%s><summary>Table: %s</summary><div class=\"scroll\">\n",
            f->form == FIGURE_LIST || f->form == FIGURE_STACKS ? " open" : "", f->title);
    draw_table(&d, f);
    fputs("</div></details>\n</section>\n", to);
    return true;
}

static const char *kind_sentence(sheet_kind kind)
{
    static const char *const SAYS[] = {
        "Where the memory of a run is.", "What recorded episodes weigh, before they are loaded.",
        "What a data set weighs, before it is loaded.", "What an episode needs beside the engines.",
        "What was held over time."};
    return SAYS[kind];
}

bool page_html(FILE *to, const sheet *s, const figures *all, bool si)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n"
          "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\n"
          "<meta http-equiv=\"Content-Security-Policy\" "
          "content=\"default-src 'none';style-src 'unsafe-inline'\">\n<title>",
          to);
    xml_text(to, s->title);
    fputs(" - memreport</title>\n", to);
    put_page_style(to);
    fputs("</head>\n<body>\n<svg width=\"0\" height=\"0\" style=\"position:absolute\" "
          "aria-hidden=\"true\">",
          to);
    draw_defs(to);
    fprintf(to, "</svg>\n<main>\n<p class=\"note\">%s</p>\n<h1>", kind_sentence(s->kind));
    xml_text(to, s->title);
    fputs("</h1>\n<p class=\"lead\">", to);
    xml_text(to, all->lead);
    fputs("</p>\n", to);
    for (size_t i = 0; i < all->count; i++) {
        if (!put_section(to, &all->list[i], si)) {
            return false;
        }
    }
    fprintf(to,
            "</main>\n<footer>memreport %s. %s In tables, \"-\" is not known or not there; parts "
            "add up to their total, to the byte.</footer>\n</body>\n</html>\n",
            plim_version(), si ? "1 MB is 1,000,000 bytes." : "1 MiB is 1,048,576 bytes.");
    return true;
}

/* Words of @text on lines of at most @width; the height after the last. */
static double put_lines(FILE *to, const char *class, const char *text, double width, double y)
{
    size_t letters = (size_t)(width / 6.7);
    while (*text) {
        size_t n = strlen(text);
        if (n > letters) {
            n = letters;
            while (n > 0 && text[n] != ' ') {
                n--;
            }
            n = n ? n : letters;
        }
        char line[512];
        snprintf(line, sizeof(line), "%.*s", (int)n, text);
        fprintf(to, "<text class=\"%s\" x=\"0\" y=\"%.1f\">", class, y);
        xml_text(to, line);
        fputs("</text>\n", to);
        y += 18;
        text += n + (text[n] == ' ');
    }
    return y;
}

static double write_svg_body(FILE *to, const sheet *s, const figures *all, bool si)
{
    double y = 26;
    fprintf(to, "<text class=\"ink bold\" x=\"0\" y=\"%.1f\" font-size=\"20\">", y);
    draw_fitted(to, s->title, WIDE * 0.6);
    fputs("</text>\n", to);
    y = put_lines(to, "ink", all->lead, WIDE, y + 26) + 16;
    for (size_t i = 0; i < all->count; i++) {
        const figure *f = &all->list[i];
        drawn_figure drawn = draw_apart(f, WIDE, si);
        if (!drawn.text) {
            return -1;
        }
        fprintf(to, "<text class=\"ink bold\" x=\"0\" y=\"%.1f\" font-size=\"15\">%s</text>\n", y,
                f->title);
        y = put_lines(to, "dim", f->caption, WIDE, y + 20);
        fprintf(to, "<g transform=\"translate(0 %.1f)\">\n", y);
        fwrite(drawn.text, 1, drawn.bytes, to);
        fputs("</g>\n", to);
        free(drawn.text);
        y += drawn.height + 36;
    }
    return y;
}

bool page_svg(FILE *to, const sheet *s, const figures *all, bool si)
{
    char *text = NULL;
    size_t bytes = 0;
    FILE *body = open_memstream(&text, &bytes);
    double height = body ? write_svg_body(body, s, all, si) : -1;
    bool is_written = body && fclose(body) == 0 && height > 0;
    if (is_written) {
        fprintf(to,
                "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 %.0f %.0f\" "
                "width=\"%.0f\" height=\"%.0f\" font-family=\"system-ui,sans-serif\" "
                "font-size=\"12\">\n<title>",
                WIDE + 2 * MARGIN, height + MARGIN, WIDE + 2 * MARGIN, height + MARGIN);
        xml_text(to, s->title);
        fputs("</title>\n<desc>", to);
        xml_text(to, all->lead);
        fputs("</desc>\n<style>\n", to);
        draw_style(to);
        fputs("</style>\n", to);
        draw_defs(to);
        fprintf(to,
                "<rect class=\"bg\" width=\"%.0f\" height=\"%.0f\"/>\n"
                "<g transform=\"translate(%.0f %.0f)\">\n",
                WIDE + 2 * MARGIN, height + MARGIN, MARGIN, MARGIN / 2);
        fwrite(text, 1, bytes, to);
        fputs("</g>\n</svg>\n", to);
    }
    free(text);
    return is_written;
}
