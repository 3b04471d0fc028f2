/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_onnx.c - any bytes through the model reader, the splitter and the reader again. */
#include <stdint.h>
#include <stdlib.h>

#include "src/backend/onnxruntime/onnx_split.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static bool never(void *context, const plim_onnx_move *a, const plim_onnx_move *b)
{
    (void)context;
    return a->raw.size == b->raw.size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim_error err;
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
