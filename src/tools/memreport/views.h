/* SPDX-License-Identifier: Apache-2.0 */
/* views.h - memreport diff, render and export: what they share. */
#ifndef TOOLS_MEMREPORT_VIEWS_H
#define TOOLS_MEMREPORT_VIEWS_H

#include <stdbool.h>
#include <stdio.h>

#include "src/tools/memreport/memreport.h"
#include "src/tools/memreport/sheet.h"
#include "src/tools/new_file.h"

typedef enum views_form {
    VIEWS_DEFAULT,
    VIEWS_JSON,
    VIEWS_CSV,
    VIEWS_PROMETHEUS,
    VIEWS_PERFETTO
} views_form;

typedef struct views_request {
    const char *files[2];
    size_t file_count;
    const char *output, *by;
    views_form form;
    bool is_forced, si, has_fail_over;
    uint64_t top;              /* 0: all */
    int64_t fail_over, budget; /* budget SHEET_NONE: the report's own */
    uint32_t columns;
    bool has_color;
} views_request;

/* views_main - the commands; -1 when @argv names another. */
int views_main(int argc, char **argv);
int views_usage(const char *format, const char *word);
/* Reads @path or says why not. Exit code. */
int views_read(const char *path, sheet *out);
/* The column that --by names; the first without it; SHEET_COLUMNS when there is none such. */
size_t views_column(const views_request *r, const sheet *s);

int views_diff(const views_request *r);
int views_render(const views_request *r);
int views_export(const views_request *r);

/* @text for a terminal: a control becomes '?'. At most @columns characters, cut with an ellipsis.
 */
const char *views_plain(const char *text, size_t columns, char *buffer, size_t room);
size_t views_characters(const char *text);
void views_json_text(FILE *to, const char *text);

#endif
