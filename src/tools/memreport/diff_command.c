/* SPDX-License-Identifier: Apache-2.0 */
/* diff_command.c - memreport diff BEFORE AFTER: read both, compare, print; growth as exit code. */
#include "src/tools/memreport/diff.h"

static int write_out(const views_request *r, const diff_result *d, int code)
{
    new_file file;
    int opened = new_file_open(&file, r->output, r->is_forced);
    if (opened != REPORT_OK) {
        return opened;
    }
    if (r->form == VIEWS_JSON) {
        diff_json(r, d, code, file.to);
    } else {
        diff_print(r, d, file.to);
    }
    return new_file_close(&file, code);
}

static int compare(const views_request *r, sheet *a, sheet *b)
{
    plim_error err = {.status = PLIM_OK};
    diff_result d = {.rows = NULL};
    size_t column = views_column(r, a);
    if (a->kind != b->kind) {
        column = 0; /* refused below, with both names */
    } else if (column == SHEET_COLUMNS || !b->columns[column]) {
        return views_usage("--by %s: not a column of these reports", r->by ? r->by : "");
    }
    plim_status rc = diff_compare(a, b, column, &d, &err);
    int code = REPORT_USAGE;
    if (rc == PLIM_OK) {
        code = !a->is_complete || !b->is_complete            ? REPORT_INCOMPLETE
               : r->has_fail_over && d.change > r->fail_over ? REPORT_OVER
                                                             : REPORT_OK;
        code = write_out(r, &d, code);
    } else {
        int refused = report_refuse("diff", &err);
        code = rc == PLIM_E_MISMATCH ? REPORT_USAGE : refused;
    }
    diff_close(&d);
    return code;
}

int views_diff(const views_request *r)
{
    sheet a, b = {.rows = NULL};
    int code = views_read(r->files[0], &a);
    if (code == REPORT_OK) {
        code = views_read(r->files[1], &b);
    }
    if (code == REPORT_OK) {
        code = compare(r, &a, &b);
    }
    sheet_close(&a);
    sheet_close(&b);
    return code;
}
