/* SPDX-License-Identifier: Apache-2.0 */
/* machine_json.c - a machine as one JSON object on one line, and back.
 *
 * All sizes are whole bytes; what is not known is null, never 0. Within schema 1 keys are only
 * added. What is read back may come from anywhere: every key has its type checked, every number
 * its range, and the rows must add up to the total.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <string.h>

#include "plimsoll/machine.h"
#include "src/report/heat_parts.h"

static void put_u64(plim_report_out *out, const char *key, uint64_t bytes)
{
    if (bytes == PLIM_UNKNOWN_BYTES) {
        plim_report_put(out, ",\"%s\":null", key);
    } else {
        plim_report_put(out, ",\"%s\":%" PRIu64, key, bytes);
    }
}

static void put_text(plim_report_out *out, const char *before, const char *text)
{
    plim_report_put(out, "%s", before);
    plim_report_put_string(out, text);
}

static void put_process(plim_report_out *out, const plim_machine *m)
{
    const plim_account *a = &m->account;
    if (m->pid == 0) {
        plim_report_put(out, ",\"process\":null");
        return;
    }
    plim_report_put(out, ",\"process\":{\"pid\":%" PRIu32, m->pid);
    put_text(out, ",\"program\":", m->program);
    put_u64(out, "start_ticks", m->start_ticks);
    put_u64(out, "rss", m->rss_bytes);
    put_u64(out, "rss_peak", m->rss_peak_bytes);
    put_u64(out, "swap", m->swap_bytes);
    put_u64(out, "limit_cgroup", m->limit_cgroup_bytes);
    put_u64(out, "limit_address_space", m->limit_address_bytes);
    put_u64(out, "limit_locked", m->limit_locked_bytes);
    if (m->has_account) {
        plim_report_put(out,
                        ",\"account\":{\"cap\":%" PRIu64 ",\"used\":%" PRIu64 ",\"peak\":%" PRIu64
                        ",\"declared\":%" PRIu64 ",\"charges\":%" PRIu64 ",\"refusals\":%" PRIu64
                        ",\"sealed\":%s}}",
                        a->cap_bytes, a->used_bytes, a->peak_bytes, m->declared_bytes,
                        a->charge_count, a->refusal_count, a->sealed ? "true" : "false");
    } else {
        plim_report_put(out, ",\"account\":null}");
    }
}

static void put_row(plim_report_out *out, const plim_machine_row *r)
{
    plim_report_put(out, "{\"place\":\"%s\"", plim_place_name(r->place));
    put_text(out, ",\"name\":", r->name);
    const int64_t figures[] = {r->now_bytes, r->peak_bytes};
    for (size_t i = 0; i < 2; i++) {
        const char *key = i ? "peak" : "now";
        if (figures[i] == PLIM_REPORT_NONE) {
            plim_report_put(out, ",\"%s\":null", key);
        } else {
            plim_report_put(out, ",\"%s\":%" PRId64, key, figures[i]);
        }
    }
    plim_report_put(out, ",\"known\":\"%s\"}", plim_known_name(r->known));
}

plim_status plim_machine_json(const plim_machine *m, plim_report_sink sink, void *context,
                              plim_error *err)
{
    plim_report_out out = {.sink = sink, .context = context};
    plim_report_put(&out, "{\"schema\":\"" PLIM_MACHINE_SCHEMA "\",\"kind\":\"live\"");
    put_u64(&out, "time_ms", m->time_ms);
    put_text(&out, ",\"board\":", m->board);
    put_u64(&out, "total", m->total_bytes);
    put_u64(&out, "available", m->available_bytes);
    put_u64(&out, "pressure_centipercent",
            m->pressure_centi == UINT32_MAX ? PLIM_UNKNOWN_BYTES : m->pressure_centi);
    put_u64(&out, "largest_free_block",
            m->largest_free_bytes ? m->largest_free_bytes : PLIM_UNKNOWN_BYTES);
    put_u64(&out, "largest_free_count", m->largest_free_count);
    put_u64(&out, "processes", m->process_count);
    put_u64(&out, "processes_unreadable", m->unreadable_count);
    put_u64(&out, "damaged_lines", m->damaged_count);
    put_process(&out, m);
    plim_report_put(&out, ",\"peers\":[");
    for (size_t i = 0; i < m->peer_count; i++) {
        const plim_machine_peer *p = &m->peers[i];
        plim_report_put(&out, "%s{\"pid\":%" PRIu32, i ? "," : "", p->pid);
        put_text(&out, ",\"program\":", p->program);
        put_u64(&out, "used", p->used_bytes);
        put_u64(&out, "peak", p->peak_bytes);
        put_u64(&out, "cap", p->cap_bytes);
        plim_report_put(&out, "}");
    }
    plim_report_put(&out, "],\"rows\":[");
    for (size_t i = 0; i < m->row_count; i++) {
        plim_report_put(&out, "%s", i ? "," : "");
        put_row(&out, &m->rows[i]);
    }
    plim_report_put(&out, "],\"heat\":");
    plim_heat_put(&out, &m->heat);
    plim_report_put(&out, "}");
    if (out.failed) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "JSON of a machine");
    }
    return PLIM_OK;
}

/* ---- and back ---- */

typedef struct reader {
    plim_error *err;
    bool failed;
} reader;

static void refuse(reader *r, const char *key, const char *wanted, const char *found)
{
    if (!r->failed) {
        (void)plim_error_set(r->err, PLIM_E_FORMAT, "frame", key, wanted, found);
        r->failed = true;
    }
}

static uint64_t get_u64(reader *r, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (json_is_null(value)) {
        return PLIM_UNKNOWN_BYTES;
    }
    if (!json_is_integer(value) || json_integer_value(value) < 0) {
        refuse(r, key, "a number of bytes or null", value ? "something else" : "no such key");
        return 0;
    }
    return (uint64_t)json_integer_value(value);
}

static uint32_t get_u32(reader *r, json_t *object, const char *key)
{
    uint64_t n = get_u64(r, object, key);
    if (n != PLIM_UNKNOWN_BYTES && n > UINT32_MAX) {
        refuse(r, key, "a number of 32 bits", "a larger one");
    }
    return n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

static int64_t get_signed(reader *r, json_t *object, const char *key)
{
    json_t *value = json_object_get(object, key);
    if (json_is_null(value)) {
        return PLIM_REPORT_NONE;
    }
    if (!json_is_integer(value)) {
        refuse(r, key, "a number of bytes or null", value ? "something else" : "no such key");
    }
    return json_integer_value(value);
}

/* Through the same cleaning as a live name: a recording may come from anywhere. */
static void get_text(reader *r, json_t *object, const char *key, char *out, size_t room)
{
    const char *text = json_string_value(json_object_get(object, key));
    if (!text) {
        refuse(r, key, "a text", "something else");
    }
    plim_report_name(out, room, text ? text : "");
}

static void read_process(reader *r, json_t *p, plim_machine *m)
{
    json_t *a = json_object_get(p, "account");
    if (!json_is_object(p)) {
        return;
    }
    m->pid = get_u32(r, p, "pid");
    get_text(r, p, "program", m->program, sizeof(m->program));
    m->start_ticks = get_u64(r, p, "start_ticks");
    m->rss_bytes = get_u64(r, p, "rss");
    m->rss_peak_bytes = get_u64(r, p, "rss_peak");
    m->swap_bytes = get_u64(r, p, "swap");
    m->limit_cgroup_bytes = get_u64(r, p, "limit_cgroup");
    m->limit_address_bytes = get_u64(r, p, "limit_address_space");
    m->limit_locked_bytes = get_u64(r, p, "limit_locked");
    m->has_account = json_is_object(a);
    if (m->has_account) {
        m->account.cap_bytes = get_u64(r, a, "cap");
        m->account.used_bytes = get_u64(r, a, "used");
        m->account.peak_bytes = get_u64(r, a, "peak");
        m->account.charge_count = get_u64(r, a, "charges");
        m->account.refusal_count = get_u64(r, a, "refusals");
        m->account.sealed = json_is_true(json_object_get(a, "sealed"));
        m->declared_bytes = get_u64(r, a, "declared");
    }
}

static void read_peers(reader *r, json_t *peers, plim_machine *m)
{
    size_t count = json_array_size(peers);
    if (!json_is_array(peers) || count > PLIM_MACHINE_PEERS_MAX) {
        refuse(r, "peers", "an array of at most 16", "something else");
        return;
    }
    for (size_t i = 0; i < count && !r->failed; i++) {
        json_t *p = json_array_get(peers, i);
        plim_machine_peer *to = &m->peers[m->peer_count++];
        to->pid = get_u32(r, p, "pid");
        get_text(r, p, "program", to->program, sizeof(to->program));
        to->used_bytes = get_u64(r, p, "used");
        to->peak_bytes = get_u64(r, p, "peak");
        to->cap_bytes = get_u64(r, p, "cap");
    }
}

static void read_row(reader *r, json_t *o, plim_machine_row *row)
{
    const char *place = json_string_value(json_object_get(o, "place"));
    const char *known = json_string_value(json_object_get(o, "known"));
    unsigned p = 0, k = 0;
    while (place && p < PLIM_PLACE_COUNT && strcmp(place, plim_place_name((plim_place)p)) != 0) {
        p++;
    }
    while (known && k <= PLIM_KNOWN_DIFFERENCE && strcmp(known, plim_known_name(k)) != 0) {
        k++;
    }
    if (!place || p == PLIM_PLACE_COUNT) {
        refuse(r, "place", "a place of the schema", place ? place : "something else");
    } else if (!known || k > PLIM_KNOWN_DIFFERENCE) {
        refuse(r, "known", "tagged, kernel or difference", known ? known : "something else");
    }
    row->place = r->failed ? PLIM_PLACE_OUTSIDE : (plim_place)p;
    row->known = r->failed ? PLIM_KNOWN_KERNEL : (plim_known)k;
    get_text(r, o, "name", row->name, sizeof(row->name));
    row->now_bytes = get_signed(r, o, "now");
    row->peak_bytes = get_signed(r, o, "peak");
}

static void read_rows(reader *r, json_t *rows, plim_machine *m)
{
    int64_t sum = 0;
    size_t count = json_array_size(rows);
    if (!json_is_array(rows) || count > PLIM_MACHINE_ROWS_MAX) {
        refuse(r, "rows", "an array of at most 256", "something else");
        return;
    }
    for (size_t i = 0; i < count && !r->failed; i++) {
        plim_machine_row *row = &m->rows[m->row_count++];
        read_row(r, json_array_get(rows, i), row);
        if (row->place != PLIM_PLACE_OUTSIDE && row->now_bytes != PLIM_REPORT_NONE &&
            __builtin_add_overflow(sum, row->now_bytes, &sum)) {
            refuse(r, "now", "a sum of 63 bits", "an overflow");
        }
    }
    if (!r->failed && (m->total_bytes > INT64_MAX || sum != (int64_t)m->total_bytes)) {
        char wanted[32], found[32];
        snprintf(wanted, sizeof(wanted), "a sum of %" PRIu64, m->total_bytes);
        snprintf(found, sizeof(found), "%" PRId64, sum);
        refuse(r, "rows", wanted, found);
    }
}

static void read_frame(reader *r, json_t *root, plim_machine *m)
{
    char schema[32];
    get_text(r, root, "schema", schema, sizeof(schema));
    if (!r->failed && strcmp(schema, PLIM_MACHINE_SCHEMA) != 0) {
        refuse(r, "schema", PLIM_MACHINE_SCHEMA, schema);
    }
    if (r->failed) {
        return;
    }
    m->time_ms = get_u64(r, root, "time_ms");
    get_text(r, root, "board", m->board, sizeof(m->board));
    m->total_bytes = get_u64(r, root, "total");
    m->available_bytes = get_u64(r, root, "available");
    m->pressure_centi = get_u32(r, root, "pressure_centipercent");
    m->largest_free_bytes = get_u64(r, root, "largest_free_block");
    m->largest_free_bytes = m->largest_free_bytes == PLIM_UNKNOWN_BYTES ? 0 : m->largest_free_bytes;
    m->largest_free_count = get_u32(r, root, "largest_free_count");
    m->process_count = get_u32(r, root, "processes");
    m->unreadable_count = get_u32(r, root, "processes_unreadable");
    m->damaged_count = get_u32(r, root, "damaged_lines");
    m->rss_bytes = m->rss_peak_bytes = m->swap_bytes = PLIM_UNKNOWN_BYTES;
    m->limit_cgroup_bytes = m->limit_address_bytes = m->limit_locked_bytes = PLIM_UNKNOWN_BYTES;
    read_process(r, json_object_get(root, "process"), m);
    read_peers(r, json_object_get(root, "peers"), m);
    read_rows(r, json_object_get(root, "rows"), m);
    const char *wrong = plim_heat_parse(json_object_get(root, "heat"), &m->heat);
    if (wrong) {
        refuse(r, wrong, "a figure of the heat, or null", "something else");
    }
}

plim_status plim_machine_parse(const char *json, size_t json_bytes, plim_machine *out,
                               plim_error *err)
{
    json_error_t at;
    reader r = {.err = err};
    memset(out, 0, sizeof(*out));
    json_t *root = json_loadb(json, json_bytes, JSON_REJECT_DUPLICATES, &at);
    if (!json_is_object(root)) {
        (void)plim_error_set(err, PLIM_E_FORMAT, "frame", "", "a JSON object",
                             root ? "another value" : at.text);
        json_decref(root);
        return PLIM_E_FORMAT;
    }
    read_frame(&r, root, out);
    json_decref(root);
    if (r.failed) {
        memset(out, 0, sizeof(*out));
        return PLIM_E_FORMAT;
    }
    return PLIM_OK;
}
