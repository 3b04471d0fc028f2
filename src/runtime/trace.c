/* SPDX-License-Identifier: Apache-2.0 */
/* trace.c - record one run's allocations and turn them into an instance for the planner.
 *
 * Decides what a lifetime is: request k lives over [k, u), u being the number of the first
 * request after its free, so that two frees in a row may swap without changing the plan.
 * Refuses a recording that did not fit. Blocks that outlive the run are left out of the plan:
 * planned memory is reused by the next run, or by another engine of the scratch group.
 */
#include "src/runtime/trace.h"

#include <inttypes.h>
#include <string.h>

#include "arena/bytes.h"

/* ---- address map ---- */

static uint32_t slots_for(uint32_t key_limit)
{
    uint32_t n = 16;
    while (n < key_limit * 2u && n < (1u << 30)) {
        n *= 2;
    }
    return n;
}

size_t plim_address_map_bytes(uint32_t key_limit)
{
    return (size_t)slots_for(key_limit) * sizeof(struct plim_address_slot);
}

void plim_address_map_init(plim_address_map *self, void *memory, uint32_t key_limit)
{
    self->slots = memory;
    self->slot_count = slots_for(key_limit);
    memset(memory, 0, plim_address_map_bytes(key_limit));
}

uint32_t *plim_address_map_at(plim_address_map *self, uint64_t key, bool add)
{
    uint32_t mask = self->slot_count - 1;
    uint32_t at = (uint32_t)(((key >> 6) * 0x9e3779b97f4a7c15u) >> 33) & mask;
    for (uint32_t tries = 0; tries < self->slot_count; tries++, at = (at + 1) & mask) {
        struct plim_address_slot *slot = &self->slots[at];
        if (slot->key == key + 1) {
            return &slot->value;
        }
        if (slot->key == 0) {
            if (!add) {
                return NULL;
            }
            slot->key = key + 1;
            slot->value = PLIM_TRACE_NONE;
            return &slot->value;
        }
    }
    return NULL;
}

/* ---- record ---- */

size_t plim_recorder_bytes(uint32_t limit)
{
    return (size_t)limit * sizeof(plim_trace_request) + plim_address_map_bytes(limit);
}

void plim_recorder_init(plim_recorder *self, void *memory, uint32_t limit)
{
    *self = (plim_recorder){.requests = memory, .limit = limit};
    plim_address_map_init(&self->live, self->requests + limit, limit);
}

void plim_recorder_alloc(plim_recorder *self, const void *block, uint64_t size_bytes,
                         uint64_t align_bytes)
{
    uint32_t *at = plim_address_map_at(&self->live, (uintptr_t)block, true);
    if (self->count == self->limit || !at || align_bytes > UINT32_MAX) {
        self->is_full = true;
        return;
    }
    self->requests[self->count] = (plim_trace_request){
        .size_bytes = size_bytes, .align_bytes = (uint32_t)align_bytes, .upper = PLIM_TRACE_NONE};
    *at = self->count++;
}

void plim_recorder_free(plim_recorder *self, const void *block)
{
    uint32_t *at = plim_address_map_at(&self->live, (uintptr_t)block, false);
    if (at && *at != PLIM_TRACE_NONE) {
        self->requests[*at].upper = self->count;
        *at = PLIM_TRACE_NONE;
    }
}

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

static void list_buffers(const plim_recorder *from, plim_trace_plan *out)
{
    for (uint32_t k = 0; k < from->count; k++) {
        const plim_trace_request *r = &from->requests[k];
        if (r->upper != PLIM_TRACE_NONE) {
            out->buffers[out->buffer_count++] = (plim_plan_buffer){.id = k,
                                                                   .lower = k,
                                                                   .upper = r->upper,
                                                                   .size_bytes = r->size_bytes,
                                                                   .align_bytes = r->align_bytes};
        }
    }
}

plim_status plim_trace_solve(const plim_recorder *from, plim_region *home, plim_trace_plan *out,
                             plim_error *err)
{
    if (from->is_full) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the recording of a run did not fit",
                         .want = (uint64_t)from->count + 1, .limit = from->limit);
    }
    uint64_t list_bytes;
    void *memory = NULL, *scratch = NULL;
    size_t scratch_bytes = plim_plan_scratch_bytes(from->count);
    if (!bytes_mul(from->count + 1u, sizeof(plim_plan_buffer), &list_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "plan of a run");
    }
    PLIM_TRY(plim_region_alloc(home, list_bytes, 0, &memory, err));
    out->request_count = from->count;
    out->buffer_count = 0;
    out->buffers = memory;
    list_buffers(from, out);
    out->height_bytes = out->lower_bound_bytes = 0;
    if (out->buffer_count == 0) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_region_alloc(home, scratch_bytes, 0, &scratch, err));
    plim_plan_result result;
    PLIM_TRY(plim_plan_solve(out->buffers, out->buffer_count, NULL, scratch, scratch_bytes, &result,
                             err));
    out->height_bytes = result.height_bytes;
    out->lower_bound_bytes = result.lower_bound_bytes;
    return PLIM_OK;
}
