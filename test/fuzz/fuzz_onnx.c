/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_onnx.c - any bytes through the model reader, the splitter and the reader again; and through
 * the scan that says what types the weights have, whose table is never more than the bytes. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "src/backend/onnxruntime/onnx_split.h"
#include "src/engine/onnx_external.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool never(void *context, const plim_onnx_move *a, const plim_onnx_move *b)
{
    (void)context;
    return a->raw.size == b->raw.size;
}

typedef struct fuzz_bytes {
    const uint8_t *data;
    size_t size;
    uint64_t external;
} fuzz_bytes;

static plim_status read_bytes(void *context, void *out, size_t size, uint64_t offset,
                              plim_error *err)
{
    const fuzz_bytes *b = context;
    (void)err;
    if (offset > b->size || size > b->size - offset) {
        abort();
    }
    memcpy(out, b->data + offset, size);
    return PLIM_OK;
}

static plim_status note_external(void *context, const plim_onnx_external *tensor, plim_error *err)
{
    fuzz_bytes *b = context;
    (void)err;
    uint64_t more = tensor->has_length ? tensor->length : UINT64_MAX;
    b->external = b->external + more < more ? UINT64_MAX : b->external + more;
    return PLIM_OK;
}

static void scan(const uint8_t *data, size_t size)
{
    plim_error err;
    fuzz_bytes bytes = {data, size, 0};
    plim_byte_source source = {
        .read = read_bytes, .context = &bytes, .size_bytes = size, .path = "f"};
    plim_weights weights = {.is_known = true};
    uint64_t sum = 0;
    if (plim_onnx_scan(&source, note_external, &bytes, &weights, &err) != PLIM_OK) {
        return;
    }
    for (unsigned i = 0; i < PLIM_WEIGHT_TYPES; i++) {
        sum = sum + weights.bytes[i] < sum ? UINT64_MAX : sum + weights.bytes[i];
    }
    if (bytes.external < UINT64_MAX - 8 * size && sum > 8 * size + bytes.external) {
        abort();
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim_error err;
    scan(data, size);
    plim_onnx_split plan = {.model = {data, size}, .location = "version", .is_same = never};
    size_t count, graph_bytes, again;
    if (plim_onnx_count(plan.model, &count, &err) != PLIM_OK || count > 4096) {
        return 0;
    }
    plan.moves = calloc(count ? count : 1, sizeof(*plan.moves));
    if (plan.moves && plim_onnx_plan(&plan, &err) == PLIM_OK &&
        plim_onnx_write(&plan, NULL, 0, &graph_bytes, &err) == PLIM_OK) {
        uint8_t *graph = malloc(graph_bytes ? graph_bytes : 1);
        if (!graph || plim_onnx_write(&plan, graph, graph_bytes, &again, &err) != PLIM_OK ||
            again != graph_bytes ||
            plim_onnx_count((plim_wire_span){graph, graph_bytes}, &again, &err) != PLIM_OK) {
            abort(); /* what was read once must be written and read again */
        }
        free(graph);
    }
    free(plan.moves);
    return 0;
}
