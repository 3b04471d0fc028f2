/* SPDX-License-Identifier: Apache-2.0 */
/* onnx_write.h - writes a multilayer perceptron of any size as ONNX, by hand.
 *
 * layers x (MatMul width x width, Add, Relu), float32, input x and output y of 1 x width.
 * The constants go to a data file beside the model, pseudo-random and small enough that
 * values neither vanish nor explode; they are written a megabyte at a time. For tests and
 * benches: models of 3 GB cannot be kept, but they can be made in seconds.
 */
#ifndef BENCH_ONNX_WRITE_H
#define BENCH_ONNX_WRITE_H

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

typedef struct onnx_text { /* a growing message */
    uint8_t *data;
    size_t size, room;
} onnx_text;

static inline void onnx_put(onnx_text *t, const void *data, size_t size)
{
    if (t->size + size > t->room) {
        t->room = (t->size + size) * 2;
        t->data = realloc(t->data, t->room);
        if (!t->data) {
            abort();
        }
    }
    memcpy(t->data + t->size, data, size);
    t->size += size;
}

static inline void onnx_varint(onnx_text *t, uint64_t v)
{
    do {
        uint8_t byte = (uint8_t)((v & 0x7f) | (v > 0x7f ? 0x80 : 0));
        onnx_put(t, &byte, 1);
        v >>= 7;
    } while (v);
}

static inline void onnx_number(onnx_text *t, uint32_t field, uint64_t v)
{
    onnx_varint(t, (uint64_t)field << 3);
    onnx_varint(t, v);
}

static inline void onnx_bytes(onnx_text *t, uint32_t field, const void *data, size_t size)
{
    onnx_varint(t, (uint64_t)field << 3 | 2);
    onnx_varint(t, size);
    if (size) {
        onnx_put(t, data, size);
    }
}

static inline void onnx_string(onnx_text *t, uint32_t field, const char *text)
{
    onnx_bytes(t, field, text, strlen(text));
}

/* @inner becomes field @field of @t, and is emptied. */
static inline void onnx_close(onnx_text *t, uint32_t field, onnx_text *inner)
{
    onnx_bytes(t, field, inner->data, inner->size);
    free(inner->data);
    *inner = (onnx_text){0};
}

static inline void onnx_node(onnx_text *graph, const char *op, const char *a, const char *b,
                             const char *out)
{
    onnx_text node = {0};
    onnx_string(&node, 1, a);
    if (b) {
        onnx_string(&node, 1, b);
    }
    onnx_string(&node, 2, out);
    onnx_string(&node, 3, out);
    onnx_string(&node, 4, op);
    onnx_close(graph, 1, &node);
}

static inline void onnx_entry(onnx_text *tensor, const char *key, const char *value)
{
    onnx_text entry = {0};
    onnx_string(&entry, 1, key);
    onnx_string(&entry, 2, value);
    onnx_close(tensor, 13, &entry);
}

static inline bool onnx_random_into(float *to, uint64_t count, float scale, uint64_t *state)
{
    uint64_t x = *state;
    for (uint64_t i = 0; i < count; i++) {
        x ^= x << 13, x ^= x >> 7, x ^= x << 17;
        to[i] = (float)(int32_t)x * (scale / 2147483648.0f);
    }
    *state = x;
    return true;
}

/* The same inside the model: the numbers themselves. */
static inline void onnx_inline(onnx_text *graph, const char *name, uint64_t rows, uint64_t columns,
                               float scale, uint64_t *state)
{
    onnx_text tensor = {0};
    const uint64_t count = (rows ? rows : 1) * columns;
    float *values = malloc(count * sizeof(float));
    if (!values) {
        abort();
    }
    if (rows) {
        onnx_number(&tensor, 1, rows);
    }
    onnx_number(&tensor, 1, columns);
    onnx_number(&tensor, 2, 1);
    onnx_string(&tensor, 8, name);
    onnx_random_into(values, count, scale, state);
    onnx_bytes(&tensor, 9, values, count * sizeof(float));
    free(values);
    onnx_close(graph, 5, &tensor);
}

/* rows x columns, or a vector when rows is 0. */
static inline void onnx_constant(onnx_text *graph, const char *name, uint64_t rows,
                                 uint64_t columns, const char *location, uint64_t offset)
{
    onnx_text tensor = {0};
    char number[24];
    if (rows) {
        onnx_number(&tensor, 1, rows);
    }
    onnx_number(&tensor, 1, columns);
    onnx_number(&tensor, 2, 1);
    onnx_string(&tensor, 8, name);
    onnx_entry(&tensor, "location", location);
    snprintf(number, sizeof(number), "%llu", (unsigned long long)offset);
    onnx_entry(&tensor, "offset", number);
    snprintf(number, sizeof(number), "%llu",
             (unsigned long long)((rows ? rows : 1) * columns * sizeof(float)));
    onnx_entry(&tensor, "length", number);
    onnx_number(&tensor, 14, 1);
    onnx_close(graph, 5, &tensor);
}

/* 1 x width, float32, as graph input (11) or output (12). */
static inline void onnx_value(onnx_text *graph, uint32_t field, const char *name, uint64_t width)
{
    onnx_text dim = {0}, shape = {0}, tensor = {0}, type = {0}, value = {0};
    onnx_number(&dim, 1, 1);
    onnx_close(&shape, 1, &dim);
    onnx_number(&dim, 1, width);
    onnx_close(&shape, 1, &dim);
    onnx_number(&tensor, 1, 1);
    onnx_close(&tensor, 2, &shape);
    onnx_close(&type, 1, &tensor);
    onnx_string(&value, 1, name);
    onnx_close(&value, 2, &type);
    onnx_close(graph, field, &value);
}

static inline bool onnx_random(FILE *to, uint64_t count, float scale, uint64_t *state)
{
    static float buffer[1 << 18];
    bool is_good = true;
    while (count && is_good) {
        size_t n = count < (1 << 18) ? (size_t)count : (1 << 18);
        is_good =
            onnx_random_into(buffer, n, scale, state) && fwrite(buffer, sizeof(float), n, to) == n;
        count -= n;
    }
    return is_good;
}

/* Writes @path and @path.data, or all into @path when @is_inline (in memory first; a protobuf
 * message ends at 2 GiB). False: see errno. */
static inline bool onnx_write_model(const char *path, uint64_t layers, uint64_t width,
                                    uint64_t seed, bool is_inline)
{
    onnx_text graph = {0}, model = {0}, opset = {0};
    char data[4096], in[32] = "x", w[32], b[32], m[32], a[32], out[32];
    uint64_t at = 0, state = seed * 2654435761u + 88172645463325252u;
    snprintf(data, sizeof(data), "%s.data", path);
    const char *location = strrchr(data, '/') ? strrchr(data, '/') + 1 : data;
    FILE *constants = fopen(is_inline ? "/dev/null" : data, "wb");
    bool is_good = constants != NULL;
    for (uint64_t i = 0; is_good && i < layers; i++) {
        unsigned long long n = i;
        snprintf(w, sizeof(w), "w%llu", n), snprintf(b, sizeof(b), "b%llu", n);
        snprintf(m, sizeof(m), "m%llu", n), snprintf(a, sizeof(a), "a%llu", n);
        if (i + 1 == layers) {
            snprintf(out, sizeof(out), "y");
        } else {
            snprintf(out, sizeof(out), "r%llu", n);
        }
        onnx_node(&graph, "MatMul", in, w, m);
        onnx_node(&graph, "Add", m, b, a);
        onnx_node(&graph, "Relu", a, NULL, out);
        if (is_inline) {
            onnx_inline(&graph, w, width, width, 2.4f / sqrtf((float)width), &state);
            onnx_inline(&graph, b, 0, width, 0.1f, &state);
            memcpy(in, out, sizeof(in));
            continue;
        }
        onnx_constant(&graph, w, width, width, location, at);
        at += width * width * sizeof(float);
        onnx_constant(&graph, b, 0, width, location, at);
        at += width * sizeof(float);
        is_good = onnx_random(constants, width * width, 2.4f / sqrtf((float)width), &state) &&
                  onnx_random(constants, width, 0.1f, &state);
        memcpy(in, out, sizeof(in));
    }
    is_good = constants && fclose(constants) == 0 && is_good;
    onnx_string(&graph, 2, "mlp");
    onnx_value(&graph, 11, "x", width);
    onnx_value(&graph, 12, "y", width);
    onnx_number(&model, 1, 8);
    onnx_string(&model, 2, "make_onnx");
    onnx_close(&model, 7, &graph);
    onnx_string(&opset, 1, "");
    onnx_number(&opset, 2, 13);
    onnx_close(&model, 8, &opset);
    FILE *f = is_good ? fopen(path, "wb") : NULL;
    is_good = f && fwrite(model.data, 1, model.size, f) == model.size;
    is_good = f && fclose(f) == 0 && is_good;
    free(model.data);
    return is_good;
}

static inline bool onnx_write_mlp(const char *path, uint64_t layers, uint64_t width, uint64_t seed)
{
    return onnx_write_model(path, layers, width, seed, false);
}

#endif
