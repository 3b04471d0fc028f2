/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c - turn one run's recording into a plan, and a plan into what serves the next runs.
 *
 * Refuses a recording that did not fit. Blocks that outlive the run are left out of the plan:
 * planned memory is reused by the next run, or by another engine of the scratch group.
 */
#include "src/runtime/trace.h"

#include <inttypes.h>
#include <string.h>

#include "arena/bytes.h"

/* ---- shapes ---- */

static uint64_t mix(uint64_t h, const void *bytes, size_t count)
{
    const unsigned char *p = bytes;
    for (size_t i = 0; i < count; i++) { /* FNV-1a */
        h = (h ^ p[i]) * 0x100000001b3u;
    }
    return h;
}

uint64_t plim_trace_shapes(const char *const *names, const plim_tensor *tensors, size_t count)
{
    uint64_t sum = 0x9ae16a3b2f90404fu;
    for (size_t i = 0; i < count; i++) {
        const plim_tensor *t = &tensors[i];
        uint32_t head[2] = {(uint32_t)t->dtype, t->rank};
        uint64_t h = mix(0xcbf29ce484222325u, names[i], strlen(names[i]) + 1);
        h = mix(h, head, sizeof(head));
        uint32_t rank = t->rank <= PLIM_TENSOR_RANK_MAX ? t->rank : PLIM_TENSOR_RANK_MAX;
        sum += mix(h, t->shape, rank * sizeof(t->shape[0]));
    }
    return sum;
}

/* ---- plan ---- */

plim_status plim_trace_solve(const plim_recorder *from, plim_region *home, plim_trace_plan *out,
                             plim_error *err)
{
    uint32_t count;
    const plim_record_step *steps = plim_recorder_steps(from, &count);
    if (!steps) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the recording of a run did not fit",
                         .want = (uint64_t)count + 1, .limit = count);
    }
    void *memory = NULL, *scratch = NULL;
    size_t list_bytes = ((size_t)count + 1) * sizeof(plim_plan_buffer), buffer_count;
    PLIM_TRY(plim_region_alloc(home, list_bytes, 0, &memory, err));
    PLIM_TRY(plim_record_buffers(steps, count, false, memory, &buffer_count, NULL, NULL, err));
    out->request_count = count;
    out->buffer_count = (uint32_t)buffer_count;
    out->buffers = memory;
    out->height_bytes = out->lower_bound_bytes = 0;
    if (out->buffer_count == 0) {
        return PLIM_OK;
    }
    size_t scratch_bytes = plim_plan_scratch_bytes(count);
    PLIM_TRY(plim_region_alloc(home, scratch_bytes, 0, &scratch, err));
    plim_plan_result result;
    PLIM_TRY(plim_plan_solve(out->buffers, out->buffer_count, NULL, scratch, scratch_bytes, &result,
                             err));
    out->height_bytes = result.height_bytes;
    out->lower_bound_bytes = result.lower_bound_bytes;
    return PLIM_OK;
}

/* ---- replay ---- */

plim_status plim_trace_replay(const plim_trace_plan *plan, void *memory, size_t memory_bytes,
                              plim_region *work, plim_replay **out, plim_error *err)
{
    void *list = NULL;
    size_t count = plan->request_count;
    PLIM_TRY(plim_region_alloc(work, (count + 1) * sizeof(plim_record_step), 0, &list, err));
    plim_record_step *steps = list;
    for (size_t k = 0; k < count; k++) { /* what outlived the run: any size, and not planned */
        steps[k] = (plim_record_step){
            .size_bytes = UINT64_MAX, .least_bytes = 1, .length = PLIM_STEP_NONE, .run_count = 1};
    }
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const plim_plan_buffer *b = &plan->buffers[i];
        steps[b->id] = (plim_record_step){.size_bytes = b->size_bytes,
                                          .least_bytes = b->size_bytes,
                                          .align_bytes = b->align_bytes,
                                          .length = b->upper - b->lower,
                                          .run_count = 1};
    }
    return plim_replay_init(memory, memory_bytes, steps, plan->request_count, plan->buffers,
                            plan->buffer_count, plan->height_bytes, false, out, err);
}
