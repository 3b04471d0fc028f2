/* SPDX-License-Identifier: Apache-2.0 */
/* trace_table.c - a recorded run out of a table.
 *
 * Refuses what no run does, with its line and column: an unknown operation, a block that is
 * allocated twice, a free of one that is not alive. Sizes of frees are not read.
 */
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/csv.h"
#include "src/tools/plimsoll/trace_table.h"

/* Which step an id is alive as: the recorder knows, but does not tell. */
typedef struct id_slot {
    uint64_t id;
    uint32_t step; /* plus one; 0: empty */
    bool is_live;
} id_slot;

typedef struct trace_reader {
    csv_reader csv;
    trace_table *to;
    plim_recorder *recorder;
    id_slot *ids;
    size_t id_mask;
    int op, id, bytes, alignment;
    uint32_t live;
} trace_reader;

static id_slot *find_id(const trace_reader *r, uint64_t id)
{
    size_t at = (size_t)(((id ^ id >> 29) * 0x9e3779b97f4a7c15u) >> 24) & r->id_mask;
    while (r->ids[at].step && r->ids[at].id != id) {
        at = (at + 1) & r->id_mask;
    }
    return &r->ids[at];
}

static plim_status find_columns(trace_reader *r)
{
    static const char *const OP[] = {"op", NULL}, *const ID[] = {"id", NULL};
    static const char *const BYTES[] = {"bytes", "size", NULL};
    static const char *const ALIGN[] = {"alignment", "align", NULL};
    PLIM_TRY(csv_header(&r->csv));
    r->op = csv_column(&r->csv, OP);
    r->id = csv_column(&r->csv, ID);
    r->bytes = csv_column(&r->csv, BYTES);
    r->alignment = csv_column(&r->csv, ALIGN);
    const char *missing = r->op < 0 ? "op" : r->id < 0 ? "id" : r->bytes < 0 ? "bytes" : NULL;
    if (missing) {
        plim_error_set(r->csv.err, PLIM_E_FORMAT, "table", "header", missing, "no such column");
        plim_error_detail(r->csv.err, "%s, line 1: columns op, id, bytes are wanted", r->csv.path);
        return PLIM_E_FORMAT;
    }
    return PLIM_OK;
}

static plim_status make_room(trace_reader *r, size_t lines)
{
    size_t slots = 16;
    if (lines > PLIM_STEPS_MAX) {
        return PLIM_FAIL(r->csv.err, PLIM_E_RANGE, .what = "lines of a trace", .want = lines,
                         .limit = PLIM_STEPS_MAX);
    }
    while (slots < 2 * lines) {
        slots *= 2;
    }
    size_t recorder_bytes = plim_recorder_bytes((uint32_t)lines);
    r->id_mask = slots - 1;
    r->ids = calloc(slots, sizeof(*r->ids));
    r->to->events = malloc(lines * sizeof(*r->to->events));
    r->to->memory = malloc(recorder_bytes);
    if (!r->ids || !r->to->events || !r->to->memory) {
        return PLIM_FAIL(r->csv.err, PLIM_E_NOMEM, .what = "events of a trace", .want = lines);
    }
    return plim_recorder_init(r->to->memory, recorder_bytes, (uint32_t)lines, &r->recorder,
                              r->csv.err);
}

static plim_status read_alloc(trace_reader *r, id_slot *slot, uint64_t id)
{
    uint64_t bytes, align = 0;
    if (slot->step && slot->is_live) {
        return csv_wrong(&r->csv, (size_t)r->id, "a block that is not alive");
    }
    PLIM_TRY(csv_number(&r->csv, (size_t)r->bytes, (uint64_t)1 << 50, &bytes));
    if (r->alignment >= 0 && r->csv.fields[r->alignment][0]) {
        PLIM_TRY(csv_number(&r->csv, (size_t)r->alignment, PLIM_STEP_ALIGN_MAX, &align));
        if (align & (align - 1)) {
            return csv_wrong(&r->csv, (size_t)r->alignment, "a power of two");
        }
    }
    *slot = (id_slot){.id = id, .step = r->to->step_count + 1, .is_live = true};
    r->to->events[r->to->event_count++] = (trace_event){.step = r->to->step_count++};
    r->live++;
    r->to->live_most = r->live > r->to->live_most ? r->live : r->to->live_most;
    return plim_recorder_alloc(r->recorder, id, bytes, align, r->csv.err);
}

static plim_status read_event(trace_reader *r)
{
    const char *op = r->csv.fields[r->op];
    uint64_t id;
    PLIM_TRY(csv_number(&r->csv, (size_t)r->id, UINT64_MAX, &id));
    id_slot *slot = find_id(r, id);
    if (strcmp(op, "a") == 0) {
        return read_alloc(r, slot, id);
    }
    if (strcmp(op, "f") != 0) {
        return csv_wrong(&r->csv, (size_t)r->op, "a or f");
    }
    if (!slot->step || !slot->is_live || !plim_recorder_free(r->recorder, id)) {
        return csv_wrong(&r->csv, (size_t)r->id, "a block that is alive");
    }
    slot->is_live = false;
    r->live--;
    r->to->events[r->to->event_count++] = (trace_event){.step = slot->step - 1, .is_free = true};
    return PLIM_OK;
}

static plim_status read_all(trace_reader *r, size_t lines)
{
    PLIM_TRY(find_columns(r));
    PLIM_TRY(make_room(r, lines));
    for (bool is_end = false;;) {
        PLIM_TRY(csv_next(&r->csv, &is_end));
        if (is_end) {
            break;
        }
        PLIM_TRY(read_event(r));
    }
    r->to->steps = plim_recorder_steps(r->recorder, &r->to->step_count);
    r->to->peak_bytes = plim_recorder_peak_bytes(r->recorder);
    r->to->kept_count = r->live;
    return PLIM_OK;
}

plim_status trace_table_parse(const char *path, char *text, size_t bytes, trace_table *out,
                              plim_error *err)
{
    trace_reader r = {.to = out};
    size_t lines = 1;
    for (const char *p = text; (p = memchr(p, '\n', (size_t)(text + bytes - p))); p++) {
        lines++;
    }
    memset(out, 0, sizeof(*out));
    csv_begin(&r.csv, path, text, bytes, err);
    plim_status status = read_all(&r, lines);
    free(r.ids);
    free(text); /* numbers only were taken from it */
    if (status != PLIM_OK) {
        trace_table_drop(out);
    }
    return status;
}

void trace_table_drop(trace_table *self)
{
    free(self->events);
    free(self->memory);
    memset(self, 0, sizeof(*self));
}
