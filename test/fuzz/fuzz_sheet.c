/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_sheet.c - any bytes as a report or a recording: refused, or rows that add up, a difference
 * to itself that is none, and pages without a tag that the report brought. */
#include <stdlib.h>
#include <string.h>

#include "src/tools/memreport/diff.h"
#include "src/tools/memreport/draw.h"
#include "src/tools/memreport/export.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_sums(const sheet *s)
{
    for (size_t c = 0; c < SHEET_COLUMNS; c++) {
        int64_t sum = 0;
        for (size_t i = 0; i < s->row_count; i++) {
            sum += sheet_value(s->rows[i].bytes[c]);
        }
        if (sum != s->totals[c]) {
            abort();
        }
    }
}

static void check_difference(const char *text, size_t size, sheet *a)
{
    sheet b;
    diff_result d;
    if (sheet_parse(text, size, &b, NULL) != PLIM_OK ||
        diff_compare(a, &b, 0, &d, NULL) != PLIM_OK || d.row_count || d.change) {
        abort();
    }
    diff_close(&d);
    sheet_close(&b);
}

static void draw(sheet *s)
{
    figures all;
    char *text = NULL;
    size_t bytes = 0;
    FILE *to = open_memstream(&text, &bytes);
    if (!to || !figures_of(s, false, &all) || !page_html(to, s, &all, false) ||
        !page_svg(to, s, &all, false)) {
        abort();
    }
    export_csv(s, to);
    figures_close(&all);
    fclose(to);
    if (strstr(text, "<script") || strstr(text, "\"nan") || strstr(text, "\"-nan") ||
        strstr(text, "\"inf")) {
        abort();
    }
    free(text);
    to = open_memstream(&text, &bytes);
    export_prometheus(&s, 1, to);
    fclose(to);
    free(text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    sheet s;
    plim_error err = {.status = PLIM_OK};
    char *text = malloc(size + 1);
    if (!text) {
        abort();
    }
    memcpy(text, data, size);
    text[size] = 0;
    if (sheet_parse(text, size, &s, &err) == PLIM_OK) {
        check_sums(&s);
        check_difference(text, size, &s);
        draw(&s);
        sheet_close(&s);
    } else if (err.status == PLIM_OK || s.rows || s.root) {
        abort();
    }
    free(text);
    return 0;
}
