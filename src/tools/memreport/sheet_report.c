/* SPDX-License-Identifier: Apache-2.0 */
/* sheet_report.c - plimsoll-report/1 as rows: what is resident, at the account's peak, charged. */
#include <string.h>

#include "src/tools/memreport/sheet.h"

static const char *text_of(json_t *object, const char *key, const char *otherwise)
{
    const char *text = json_string_value(json_object_get(object, key));
    return text ? text : otherwise;
}

static int64_t bytes_of(json_t *object, const char *key)
{
    json_t *n = json_object_get(object, key);
    return json_is_integer(n) ? json_integer_value(n) : SHEET_NONE;
}

/* The library's own parser has checked types, ranges and the sum; the texts here are its JSON's. */
plim_status sheet_from_report(json_t *root, const char *text, size_t bytes, sheet *out,
                              plim_error *err)
{
    static plim_report report;
    json_t *run = json_object_get(root, "run"), *one;
    size_t i;
    PLIM_TRY(plim_report_parse(text, bytes, &report, err));
    out->kind = SHEET_RUN;
    out->title = text_of(run, "name", text_of(root, "program", "process"));
    out->title = out->title[0] ? out->title : "process";
    out->columns[0] = "resident";
    out->keys[0] = "now";
    out->columns[1] = "at peak";
    out->keys[1] = "peak";
    out->columns[2] = "charged";
    out->keys[2] = "charged";
    out->is_complete = true;
    out->budget = report.account.cap_bytes ? (int64_t)report.account.cap_bytes : SHEET_NONE;
    json_array_foreach(json_object_get(root, "rows"), i, one)
    {
        const char *known = text_of(one, "known", "");
        bool is_tagged = strcmp(known, "tagged") == 0;
        sheet_row row = {.section = "",
                         .owner = text_of(one, "owner", ""),
                         .name = text_of(one, "kind", ""),
                         .known = known};
        row.part = sheet_part_of(row.owner, row.name, known);
        row.bytes[0] = bytes_of(one, "now");
        row.bytes[1] = bytes_of(one, "peak");
        row.bytes[2] = is_tagged ? bytes_of(one, "charged") : SHEET_NONE;
        PLIM_TRY(sheet_add(out, &row, err));
    }
    json_array_foreach(json_object_get(run, "episodes"), i, one)
    {
        out->is_complete = out->is_complete && !json_is_false(json_object_get(one, "complete"));
    }
    return sheet_add_up(out, err);
}
