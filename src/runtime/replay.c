/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c - serve planned offsets, O(1) a request, whatever the run really does.
 *
 * Decides whether request k may have its planned place. It may when it is no larger and no
 * stricter aligned than recorded, and every planned block that should be free by step k is
 * free. Then all live planned blocks have lifetimes that reach beyond k, so the verified plan
 * keeps them apart from buffer k: a run that strays from the recording costs misses, never an
 * overlap. Invariant: late_count is the number of live planned blocks with upper < cursor.
 */
#include <string.h>

#include "plimsoll/runtime.h"
#include "src/runtime/trace.h"

typedef struct plim_replay_buffer replay_buffer;
/* The map has at most four slots a buffer: twice the keys, rounded up to a power of two. */
_Static_assert(sizeof(replay_buffer) + 4 * sizeof(struct plim_address_slot) +
                       2 * sizeof(uint32_t) <=
                   PLIM_REPLAY_REQUEST_BYTES,
               "predictions count on it");

size_t plim_replay_bytes(const plim_trace_plan *plan)
{
    size_t n = plan->request_count;
    return n * sizeof(replay_buffer) + plim_address_map_bytes(plan->buffer_count) +
           2 * (n + 1) * sizeof(uint32_t);
}

void plim_replay_init(plim_replay *self, const plim_trace_plan *plan, void *memory)
{
    size_t n = plan->request_count;
    *self = (plim_replay){.height_bytes = plan->height_bytes,
                          .shapes = plan->shapes,
                          .request_count = plan->request_count,
                          .buffers = memory};
    unsigned char *map = (unsigned char *)(self->buffers + n);
    plim_address_map_init(&self->live, map, plan->buffer_count);
    self->expected = (uint32_t *)(void *)(map + plim_address_map_bytes(plan->buffer_count));
    self->pending = self->expected + n + 1;
    memset(self->buffers, 0, n * sizeof(replay_buffer));
    memset(self->expected, 0, 2 * (n + 1) * sizeof(uint32_t));
    for (uint32_t i = 0; i < plan->buffer_count; i++) {
        const plim_plan_buffer *b = &plan->buffers[i];
        self->buffers[b->id] = (replay_buffer){.offset_bytes = b->offset_bytes,
                                               .size_bytes = b->size_bytes,
                                               .align_bytes = (uint32_t)b->align_bytes,
                                               .upper = b->upper};
        self->expected[b->upper]++;
        (void)plim_address_map_at(&self->live, b->offset_bytes, true);
    }
}

void plim_replay_begin(plim_replay *self, bool on)
{
    /* A block that outlived the last run still owns its place: wait until it is gone. */
    self->is_on = on && self->live_count == 0;
    self->cursor = 0;
    if (self->is_on) {
        self->late_count = 0;
        memcpy(self->pending, self->expected,
               ((size_t)self->request_count + 1) * sizeof(self->pending[0]));
    }
}

/* Request k will not occupy its place: nobody has to wait for it. */
static void give_up(plim_replay *self, const replay_buffer *b)
{
    if (b->size_bytes) {
        self->pending[b->upper]--;
    }
    self->miss_count++;
}

bool plim_replay_alloc(plim_replay *self, uint64_t size_bytes, uint64_t align_bytes,
                       uint64_t *out_offset)
{
    if (!self->is_on || self->cursor >= self->request_count) {
        self->miss_count++;
        return false;
    }
    uint32_t k = self->cursor++;
    replay_buffer *b = &self->buffers[k];
    self->late_count += self->pending[k];
    if (b->size_bytes == 0) {
        return false;
    }
    if (self->late_count || size_bytes > b->size_bytes || align_bytes > b->align_bytes) {
        give_up(self, b);
        return false;
    }
    *plim_address_map_at(&self->live, b->offset_bytes, false) = k;
    self->buffers[k].served_bytes = size_bytes;
    self->live_count++;
    self->hit_count++;
    *out_offset = b->offset_bytes;
    return true;
}

bool plim_replay_free(plim_replay *self, uint64_t offset_bytes, uint64_t *out_bytes)
{
    uint32_t *at = plim_address_map_at(&self->live, offset_bytes, false);
    if (!at || *at == PLIM_TRACE_NONE) {
        return false;
    }
    uint32_t upper = self->buffers[*at].upper;
    *out_bytes = self->buffers[*at].served_bytes;
    *at = PLIM_TRACE_NONE;
    self->live_count--;
    if (upper < self->cursor) {
        self->late_count -= self->late_count > 0;
    } else {
        self->pending[upper]--;
    }
    return true;
}
