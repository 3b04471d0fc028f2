/* SPDX-License-Identifier: Apache-2.0 */
/* parse.c - read back a report of schema plimsoll-report/1.
 *
 * The text may come from anywhere: every key has its type checked, every number its range, and
 * the rows must add up to the total. Keys that are not known are left alone.
 */
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "src/report/rows.h"

typedef struct reader {
    plim_error *err;
    bool failed;
} reader;

static void refuse(reader *r, const char *key, const char *wanted, const char *found)
{
    if (!r->failed) {
        (void)plim_error_set(r->err, PLIM_E_FORMAT, "report", key, wanted, found);
        r->failed = true;
    }
}

static json_t *get(reader *r, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (!value) {
        refuse(r, key, "a value", "no such key");
    }
    return value;
}

static int64_t get_i64(reader *r, json_t *object, const char *key)
{
    json_t *value = get(r, object, key);
    if (value && !json_is_integer(value)) {
        refuse(r, key, "a whole number", "something else");
    }
    return json_integer_value(value); /* 0 when it is none */
}

static uint64_t get_u64(reader *r, json_t *object, const char *key)
{
    int64_t n = get_i64(r, object, key);
    if (n < 0) {
        refuse(r, key, "a number of bytes", "a negative one");
    }
    return n < 0 ? 0 : (uint64_t)n;
}

/* null says: the kernel did not tell. */
static uint64_t get_known(reader *r, json_t *object, const char *key)
{
    return json_is_null(get(r, object, key)) ? PLIM_UNKNOWN_BYTES : get_u64(r, object, key);
}

static void get_text(reader *r, json_t *object, const char *key, char *out, size_t room)
{
    const char *text = json_string_value(get(r, object, key));
    if (!text || strlen(text) >= room) {
        refuse(r, key, "a text that fits", text ? "a longer one" : "something else");
        return;
    }
    memcpy(out, text, strlen(text) + 1);
}

static void read_account(reader *r, json_t *o, plim_account *a)
{
    json_t *tags = get(r, o, "tags");
    a->cap_bytes = get_u64(r, o, "cap");
    a->used_bytes = get_u64(r, o, "used");
    a->peak_bytes = get_u64(r, o, "peak");
    a->charge_count = get_u64(r, o, "charges");
    a->refusal_count = get_u64(r, o, "refusals");
    a->sealed_growth_count = get_u64(r, o, "sealed_growth");
    a->sealed = json_is_true(get(r, o, "sealed"));
    for (unsigned t = 0; t < PLIM_TAG_COUNT && !r->failed; t++) {
        json_t *tag = get(r, tags, plim_tag_name((plim_tag)t));
        a->tag_now_bytes[t] = get_u64(r, tag, "now");
        a->tag_peak_bytes[t] = get_u64(r, tag, "peak");
    }
}

static void read_process(reader *r, json_t *o, plim_process_memory *p)
{
    for (size_t i = 0; i < plim_report_process_figure_count; i++) {
        const plim_report_figure *f = &plim_report_process_figures[i];
        uint64_t bytes = get_known(r, o, f->key);
        memcpy((char *)p + f->offset, &bytes, sizeof(bytes));
    }
}

static void read_cgroup(reader *r, json_t *o, plim_report *out)
{
    if (json_is_null(o)) {
        return;
    }
    out->has_cgroup = true;
    out->cgroup.version = (uint32_t)get_u64(r, o, "version");
    get_text(r, o, "path", out->cgroup.path, sizeof(out->cgroup.path));
    out->cgroup.usage_bytes = get_known(r, o, "usage");
    out->cgroup.peak_bytes = get_known(r, o, "peak");
    out->cgroup.limit_bytes = get_known(r, o, "limit");
}

static void read_row(reader *r, json_t *o, plim_report_row *row)
{
    char known[16] = "";
    get_text(r, o, "owner", row->owner, sizeof(row->owner));
    get_text(r, o, "kind", row->kind, sizeof(row->kind));
    row->now_bytes = get_i64(r, o, "now");
    row->peak_bytes = json_is_null(get(r, o, "peak")) ? PLIM_REPORT_NONE : get_i64(r, o, "peak");
    row->charged_bytes = get_u64(r, o, "charged");
    get_text(r, o, "known", known, sizeof(known));
    for (unsigned k = PLIM_KNOWN_TAGGED; k <= PLIM_KNOWN_DIFFERENCE; k++) {
        if (strcmp(known, plim_known_name((plim_known)k)) == 0) {
            row->known = (plim_known)k;
            return;
        }
    }
    refuse(r, "known", "tagged, kernel or difference", known);
}

static void read_rows(reader *r, json_t *rows, plim_report *out)
{
    int64_t sum = 0;
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count > PLIM_REPORT_ROWS_MAX) {
        refuse(r, "rows", "an array of at most 256", "something else");
        return;
    }
    for (size_t i = 0; i < count && !r->failed; i++) {
        read_row(r, json_array_get(rows, i), &out->rows[i]);
        if (__builtin_add_overflow(sum, out->rows[i].now_bytes, &sum)) {
            refuse(r, "now", "a sum of 63 bits", "an overflow");
        }
    }
    out->row_count = count;
    if (!r->failed && sum != out->total_now_bytes) {
        char wanted[32], found[32];
        snprintf(wanted, sizeof(wanted), "a sum of %lld", (long long)out->total_now_bytes);
        snprintf(found, sizeof(found), "%lld", (long long)sum);
        refuse(r, "rows", wanted, found);
    }
}

static void read_root(reader *r, json_t *root, plim_report *out)
{
    char schema[32] = "";
    get_text(r, root, "schema", schema, sizeof(schema));
    if (!r->failed && strcmp(schema, PLIM_REPORT_SCHEMA) != 0) {
        refuse(r, "schema", PLIM_REPORT_SCHEMA, schema);
    }
    if (r->failed) {
        return;
    }
    out->pid = (uint32_t)get_u64(r, root, "pid");
    get_text(r, root, "program", out->program, sizeof(out->program));
    read_account(r, get(r, root, "account"), &out->account);
    read_process(r, get(r, root, "process"), &out->process);
    read_cgroup(r, get(r, root, "cgroup"), out);
    out->page_cache_bytes = get_u64(r, root, "page_cache");
    out->total_now_bytes = get_i64(r, root, "total");
    read_rows(r, get(r, root, "rows"), out);
}

plim_status plim_report_parse(const char *json, size_t json_bytes, plim_report *out,
                              plim_error *err)
{
    json_error_t at;
    reader r = {.err = err};
    memset(out, 0, sizeof(*out));
    json_t *root = json_loadb(json, json_bytes, JSON_REJECT_DUPLICATES, &at);
    if (!json_is_object(root)) {
        (void)plim_error_set(err, PLIM_E_FORMAT, "report", "", "a JSON object",
                             root ? "another value" : at.text);
        plim_error_detail(err, "line %d, column %d", root ? 1 : at.line, root ? 1 : at.column);
        json_decref(root);
        return PLIM_E_FORMAT;
    }
    read_root(&r, root, out);
    json_decref(root);
    if (r.failed) {
        memset(out, 0, sizeof(*out));
        return PLIM_E_FORMAT;
    }
    return PLIM_OK;
}
