/* SPDX-License-Identifier: Apache-2.0 */
/* export_command.c - memreport export REPORT --csv | --prometheus | --perfetto.
 *
 * A recording's series and its trace hold every frame, whatever its length: they are written while
 * it is read (a series from a pipe holds SHEET_FRAMES at most). Prometheus has no past, so that
 * form gives the largest frame of a recording.
 */
#include <string.h>

#include "src/tools/memreport/export.h"
#include "src/tools/memreport/sheet_recording.h"

static int stream(const views_request *r, FILE *to)
{
    plim_error err = {.status = PLIM_OK};
    export_trace trace;
    bool is_cut = false;
    FILE *from;
    if (report_open(r->files[0], &from, &err) != PLIM_OK) {
        return report_refuse(r->files[0], &err);
    }
    bool is_trace = r->form == VIEWS_PERFETTO;
    sheet_lines lines = is_trace ? export_trace_begin(&trace, to) : export_series_begin(to);
    plim_status rc = sheet_each_line(from, &lines, &is_cut, &err);
    if (is_trace) {
        export_trace_end(&trace);
    }
    report_close(from);
    if (rc != PLIM_OK) {
        return report_refuse(r->files[0], &err);
    }
    return is_cut ? REPORT_INCOMPLETE : REPORT_OK;
}

static int write_sheet(const views_request *r, sheet *s, FILE *to)
{
    if (r->form == VIEWS_PROMETHEUS) {
        export_prometheus(&(sheet *const){s}, 1, to);
    } else if (s->kind == SHEET_RECORDING) { /* from a pipe: the frames that were kept */
        sheet_lines lines = export_series_begin(to);
        for (size_t i = 0; i < s->frame_count; i++) {
            (void)lines.frame(lines.context, &s->frames[i], NULL, NULL);
        }
    } else {
        export_csv(s, to);
    }
    return s->is_complete ? REPORT_OK : REPORT_INCOMPLETE;
}

int views_export(const views_request *r)
{
    sheet s = {.rows = NULL};
    new_file file;
    if (r->form == VIEWS_DEFAULT) {
        return views_usage("%s wants --csv, --prometheus or --perfetto", "export");
    }
    bool is_pipe = strcmp(r->files[0], "-") == 0;
    bool is_stream = is_pipe && r->form == VIEWS_PERFETTO; /* a pipe is read once */
    int code = is_stream ? REPORT_OK : views_read(r->files[0], &s);
    if (code == REPORT_OK && !is_stream && s.kind == SHEET_RECORDING) {
        is_stream = !is_pipe && r->form != VIEWS_PROMETHEUS;
    } else if (code == REPORT_OK && !is_stream && r->form == VIEWS_PERFETTO) {
        code = views_usage("--perfetto wants a recording; this is a %s", sheet_kind_name(s.kind));
    }
    if (code == REPORT_OK) {
        code = new_file_open(&file, r->output, r->is_forced);
        if (code == REPORT_OK) {
            code = is_stream ? stream(r, file.to) : write_sheet(r, &s, file.to);
            code = new_file_close(&file, code);
        }
    }
    sheet_close(&s);
    return code;
}
