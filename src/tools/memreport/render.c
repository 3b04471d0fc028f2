/* SPDX-License-Identifier: Apache-2.0 */
/* render.c - memreport render REPORT -o PAGE: HTML or SVG, by the name of the output. */
#include <string.h>

#include "src/tools/memreport/draw.h"
#include "src/tools/memreport/views.h"

static bool ends_with(const char *text, const char *end)
{
    size_t n = strlen(text), k = strlen(end);
    return n > k && strcmp(text + n - k, end) == 0;
}

static int write_page(const views_request *r, const sheet *s, const figures *all, bool is_svg)
{
    new_file file;
    int code = new_file_open(&file, r->output, r->is_forced);
    if (code != REPORT_OK) {
        return code;
    }
    bool is_written = is_svg ? page_svg(file.to, s, all, r->si) : page_html(file.to, s, all, r->si);
    code = !is_written ? REPORT_INTERNAL : s->is_complete ? REPORT_OK : REPORT_INCOMPLETE;
    return new_file_close(&file, code);
}

int views_render(const views_request *r)
{
    sheet s;
    figures all;
    bool is_svg = r->output && ends_with(r->output, ".svg");
    if (!r->output || (!is_svg && !ends_with(r->output, ".html"))) {
        return views_usage("%s wants -o with a name that ends in .html or .svg", "render");
    }
    int code = views_read(r->files[0], &s);
    if (code == REPORT_OK) {
        s.budget = r->budget == SHEET_NONE ? s.budget : r->budget;
        if (figures_of(&s, r->si, &all)) {
            code = write_page(r, &s, &all, is_svg);
            figures_close(&all);
        } else {
            code = REPORT_INTERNAL;
        }
    }
    sheet_close(&s);
    return code;
}
