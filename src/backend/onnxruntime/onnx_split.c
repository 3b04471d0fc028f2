/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_split.c - writes a model again with its constants outside.
 *
 * Everything is copied unread except the path from the model down to its constants, whose
 * values are replaced by external-data entries (location, offset, length). Protobuf puts
 * lengths before contents, so a message on that path is written twice: once into nothing,
 * to learn its size. A message at depth d is measured d times; models nest a few deep.
 *
 * Constants of subgraphs (If, Loop, Scan) leave like the others: the library finds a
 * constant by its name in every graph. Two of one name share a place when their bytes are
 * the same, and are refused by plim_onnx_plan when not.
 */
#include "src/backend/onnxruntime/onnx_split.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"

enum {
    MODEL_GRAPH = 7,
    GRAPH_NODE = 1,
    GRAPH_INITIALIZER = 5,
    NODE_ATTRIBUTE = 5,
    ATTRIBUTE_GRAPH = 6,
    ATTRIBUTE_GRAPHS = 11,
    TENSOR_RAW = 9,
    TENSOR_EXTERNAL = 13,
    TENSOR_LOCATION = 14,
};

/* ---- plan ---- */

static bool leaves(const plim_onnx_tensor *t)
{
    if (t->dtype == PLIM_DTYPE_NONE) {
        return false;
    }
    return t->is_external || (t->raw.size >= PLIM_ONNX_INLINE_MAX && t->raw.size == t->data_bytes);
}

static plim_status count_one(void *context, const plim_onnx_tensor *t, plim_error *err)
{
    (void)err;
    *(size_t *)context += leaves(t);
    return PLIM_OK;
}

plim_status plim_onnx_count(plim_wire_span model, size_t *out, plim_error *err)
{
    *out = 0;
    return plim_onnx_read(model, &(plim_onnx_visitor){out, count_one, NULL}, err);
}

static plim_status plan_one(void *context, const plim_onnx_tensor *t, plim_error *err)
{
    plim_onnx_split *self = context;
    if (!leaves(t)) {
        return PLIM_OK;
    }
    if (t->is_external && t->length_bytes && t->length_bytes != t->data_bytes) {
        return PLIM_FAIL(err, PLIM_E_FORMAT,
                         .what = "a constant's length is not what its shape calls for",
                         .want = t->data_bytes, .have = t->length_bytes);
    }
    plim_onnx_move *move = &self->moves[self->move_count++];
    *move = (plim_onnx_move){.message = t->message.data,
                             .name = t->name,
                             .is_nested = t->is_nested,
                             .raw = t->is_external ? (plim_wire_span){0} : t->raw,
                             .location = t->location,
                             .from_bytes = t->offset_bytes,
                             .size_bytes = t->data_bytes,
                             .dtype = t->dtype};
    const plim_onnx_move *first = &self->moves[0];
    if (!t->is_external || move->from_bytes % PLIM_ONNX_ALIGN_BYTES ||
        !wire_is_same(move->location, first->location)) {
        self->is_one_file = false;
    }
    return PLIM_OK;
}

/* Names in the main graph are unique, or the library would not have taken the model. The
 * library's own export repeats the constants of subgraphs. */
static plim_status find_copies(plim_onnx_split *self, plim_error *err)
{
    for (size_t i = 0; i < self->move_count; i++) {
        plim_onnx_move *a = &self->moves[i];
        for (size_t j = 0; a->is_nested && !a->is_copy && j < i; j++) {
            const plim_onnx_move *b = &self->moves[j];
            if (!wire_is_same(a->name, b->name)) {
                continue;
            }
            if (a->size_bytes != b->size_bytes || a->dtype != b->dtype || !self->is_same ||
                !self->is_same(self->context, a, b)) {
                char name[64];
                snprintf(name, sizeof(name), "%.*s", (int)(a->name.size < 63 ? a->name.size : 63),
                         (const char *)a->name.data);
                return plim_error_set(err, PLIM_E_UNSUPPORTED,
                                      "two constants of one name; import in format ort", name, NULL,
                                      NULL);
            }
            a->is_copy = true;
            a->original = j;
        }
    }
    return PLIM_OK;
}

static plim_status place(plim_onnx_split *self, plim_error *err)
{
    uint64_t at = 0, end;
    self->weights_bytes = 0;
    for (size_t i = 0; i < self->move_count; i++) {
        plim_onnx_move *move = &self->moves[i];
        if (move->is_copy) {
            move->to_bytes = self->moves[move->original].to_bytes;
            continue;
        }
        if (!bytes_align_up(at, PLIM_ONNX_ALIGN_BYTES, &at)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of all constants");
        }
        move->to_bytes = self->is_one_file ? move->from_bytes : at;
        if (!bytes_add(move->to_bytes, move->size_bytes, &end)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of all constants");
        }
        at = end;
        self->weights_bytes = end > self->weights_bytes ? end : self->weights_bytes;
    }
    return PLIM_OK;
}

plim_status plim_onnx_plan(plim_onnx_split *self, plim_error *err)
{
    self->move_count = 0;
    self->is_one_file = true;
    PLIM_TRY(plim_onnx_read(self->model, &(plim_onnx_visitor){self, plan_one, NULL}, err));
    self->is_one_file = self->is_one_file && self->move_count > 0;
    PLIM_TRY(find_copies(self, err));
    return place(self, err);
}

/* ---- write ---- */

typedef struct writer {
    const plim_onnx_split *split;
    uint8_t *out; /* NULL: count only */
    size_t limit, at;
    bool is_short;
} writer;

static void put(writer *w, const void *data, size_t size)
{
    if (w->out && !w->is_short) {
        if (size > w->limit - w->at) {
            w->is_short = true;
        } else if (size) {
            memcpy(w->out + w->at, data, size);
        }
    }
    w->at += size;
}

static void put_varint(writer *w, uint64_t value)
{
    uint8_t bytes[10];
    size_t n = 0;
    do {
        bytes[n++] = (uint8_t)((value & 0x7f) | (value > 0x7f ? 0x80 : 0));
        value >>= 7;
    } while (value);
    put(w, bytes, n);
}

static void put_key(writer *w, uint32_t number, plim_wire_kind kind)
{
    put_varint(w, (uint64_t)number << 3 | (uint64_t)kind);
}

static void put_text(writer *w, uint32_t number, const char *text)
{
    put_key(w, number, PLIM_WIRE_BYTES);
    put_varint(w, strlen(text));
    put(w, text, strlen(text));
}

static void put_entry(writer *w, const char *key, const char *value)
{
    size_t size = 2 + strlen(key) + 2 + strlen(value); /* both shorter than 128 */
    put_key(w, TENSOR_EXTERNAL, PLIM_WIRE_BYTES);
    put_varint(w, size);
    put_text(w, 1, key);
    put_text(w, 2, value);
}

static const plim_onnx_move *find_move(const plim_onnx_split *split, const uint8_t *message)
{
    size_t low = 0, high = split->move_count; /* addresses rise in document order */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (split->moves[middle].message < message) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low < split->move_count && split->moves[low].message == message ? &split->moves[low]
                                                                           : NULL;
}

/* The levels on the way from a model to its constants. */
typedef enum level { LEVEL_MODEL, LEVEL_GRAPH, LEVEL_NODE, LEVEL_ATTRIBUTE, LEVEL_TENSOR } level;

static bool leads_down(level from, const plim_wire_field *f, level *to)
{
    switch (from) {
    case LEVEL_MODEL:
        *to = LEVEL_GRAPH;
        return f->number == MODEL_GRAPH;
    case LEVEL_GRAPH:
        *to = f->number == GRAPH_NODE ? LEVEL_NODE : LEVEL_TENSOR;
        return f->number == GRAPH_NODE || f->number == GRAPH_INITIALIZER;
    case LEVEL_NODE:
        *to = LEVEL_ATTRIBUTE;
        return f->number == NODE_ATTRIBUTE;
    case LEVEL_ATTRIBUTE:
        *to = LEVEL_GRAPH;
        return f->number == ATTRIBUTE_GRAPH || f->number == ATTRIBUTE_GRAPHS;
    case LEVEL_TENSOR:
        break;
    }
    return false;
}

static void write_tensor(writer *w, plim_wire_span in, const plim_onnx_move *move)
{
    char number[24];
    plim_wire_field f;
    while (in.size && wire_next(&in, &f)) {
        if (f.number != TENSOR_RAW && f.number != TENSOR_EXTERNAL && f.number != TENSOR_LOCATION) {
            put(w, f.whole.data, f.whole.size);
        }
    }
    put_entry(w, "location", w->split->location);
    snprintf(number, sizeof(number), "%" PRIu64, move->to_bytes);
    put_entry(w, "offset", number);
    snprintf(number, sizeof(number), "%" PRIu64, move->size_bytes);
    put_entry(w, "length", number);
    put_key(w, TENSOR_LOCATION, PLIM_WIRE_VARINT);
    put_varint(w, 1);
}

/* The library's own export (1.30) repeats the constants of subgraphs and then refuses to
 * read what it wrote. Does @graph, before @f, hold this constant already? */
static bool is_repeated(const writer *w, plim_wire_span graph, const plim_wire_field *f)
{
    const plim_onnx_move *move = find_move(w->split, f->bytes.data), *other;
    plim_wire_field g;
    while (graph.size && wire_next(&graph, &g) && g.whole.data != f->whole.data) {
        if (g.number != GRAPH_INITIALIZER || g.kind != PLIM_WIRE_BYTES) {
            continue;
        }
        other = find_move(w->split, g.bytes.data);
        if (move && other && move->is_copy && move->to_bytes == other->to_bytes &&
            wire_is_same(move->name, other->name)) {
            return true;
        }
        if (!move && !other && wire_is_same(g.bytes, f->bytes)) {
            return true;
        }
    }
    return false;
}

static void write_message(writer *w, plim_wire_span in, level at, unsigned depth);

static void write_child(writer *w, const plim_wire_field *f, level at, unsigned depth)
{
    const plim_onnx_move *move = at == LEVEL_TENSOR ? find_move(w->split, f->bytes.data) : NULL;
    writer count = {.split = w->split};
    if (at == LEVEL_TENSOR && !move) {
        put(w, f->whole.data, f->whole.size);
        return;
    }
    if (move) {
        write_tensor(&count, f->bytes, move);
    } else {
        write_message(&count, f->bytes, at, depth);
    }
    put_key(w, f->number, PLIM_WIRE_BYTES);
    put_varint(w, count.at);
    if (!w->out) {
        w->at += count.at; /* measured already */
    } else if (move) {
        write_tensor(w, f->bytes, move);
    } else {
        write_message(w, f->bytes, at, depth);
    }
}

/* The model was read whole by plan, so its fields are sound and its depth is bounded. */
static void write_message(writer *w, plim_wire_span in, level at, unsigned depth)
{
    const plim_wire_span whole = in;
    plim_wire_field f;
    level below;
    while (in.size && wire_next(&in, &f)) {
        if (f.kind == PLIM_WIRE_BYTES && leads_down(at, &f, &below)) {
            bool is_nested_tensor = below == LEVEL_TENSOR && depth > 1;
            if (!is_nested_tensor || !is_repeated(w, whole, &f)) {
                write_child(w, &f, below, depth + (below == LEVEL_GRAPH));
            }
        } else {
            put(w, f.whole.data, f.whole.size);
        }
    }
}

plim_status plim_onnx_write(const plim_onnx_split *self, uint8_t *out, size_t out_bytes,
                            size_t *needed, plim_error *err)
{
    writer w = {.split = self, .out = out, .limit = out_bytes};
    write_message(&w, self->model, LEVEL_MODEL, 0);
    *needed = w.at;
    if (out && (w.is_short || w.at != out_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "graph without constants", .want = w.at,
                         .have = out_bytes);
    }
    return PLIM_OK;
}
