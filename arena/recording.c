/* SPDX-License-Identifier: Apache-2.0 */
/* recording.c - the allocations of one run, in order, and how long each block lived.
 *
 * Decides what a lifetime is: the block of step k lives until the first step that was asked for
 * after its free. Refuses a second block of a live key, a free of a key that is not alive, and
 * more steps than there is room for; after that the recording is void, never shorter than the
 * run was.
 *
 * Keys are found by open addressing. Nothing is taken out of the table: a key that comes again
 * finds its old place, so each step adds one key at most and the table is never more than half
 * full.
 */
#include <string.h>

#include "arena/bytes.h"
#include "arena/recording_track.h"

typedef struct key_slot {
    uint64_t key;
    uint32_t step; /* plus one; 0: no key here */
    uint32_t is_live;
} key_slot;

struct plim_recorder {
    plim_record_step *steps;
    key_slot *keys;
    uint64_t live_bytes, peak_bytes;
    uint32_t count, limit, key_mask;
    bool is_void;
};

#define HEAD_BYTES (((uint64_t)sizeof(plim_recorder) + 15) & ~UINT64_C(15))

static uint32_t keys_for(uint32_t step_limit)
{
    uint32_t n = 16;
    while (n < step_limit * 2u) { /* step_limit <= 2^24 */
        n *= 2;
    }
    return n;
}

size_t plim_recorder_bytes(uint32_t step_limit)
{
    if (step_limit == 0 || step_limit > PLIM_STEPS_MAX) {
        return 0;
    }
    return (size_t)(HEAD_BYTES + (uint64_t)step_limit * sizeof(plim_record_step) +
                    (uint64_t)keys_for(step_limit) * sizeof(key_slot));
}

plim_status plim_recorder_init(void *memory, size_t memory_bytes, uint32_t step_limit,
                               plim_recorder **out, plim_error *err)
{
    size_t need = plim_recorder_bytes(step_limit);
    *out = NULL;
    if (need == 0 || !memory || memory_bytes < need || (uintptr_t)memory % 16) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "memory of a recording, aligned to 16",
                         .want = need, .have = memory_bytes);
    }
    plim_recorder *self = memory;
    *self = (plim_recorder){.limit = step_limit, .key_mask = keys_for(step_limit) - 1};
    self->steps = (plim_record_step *)((unsigned char *)memory + HEAD_BYTES);
    self->keys = (key_slot *)(self->steps + step_limit);
    memset(self->keys, 0, ((size_t)self->key_mask + 1) * sizeof(key_slot));
    *out = self;
    return PLIM_OK;
}

/* The place of @key, or the empty one where it belongs. */
static key_slot *find_key(const plim_recorder *self, uint64_t key)
{
    uint32_t at = (uint32_t)(((key ^ key >> 32) * 0x9e3779b97f4a7c15u) >> 32) & self->key_mask;
    while (self->keys[at].step && self->keys[at].key != key) {
        at = (at + 1) & self->key_mask;
    }
    return &self->keys[at];
}

static plim_status admit(const plim_recorder *self, const key_slot *slot, uint64_t align_bytes,
                         plim_error *err)
{
    if (align_bytes && !bytes_is_power_of_two(align_bytes)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "alignment of a recorded block",
                         .want = align_bytes);
    }
    if (slot->step && slot->is_live) {
        plim_status status = PLIM_FAIL(err, PLIM_E_STATE, .what = "a block of this key is alive");
        plim_error_detail(err, "block %llu", (unsigned long long)slot->key);
        return status;
    }
    if (self->is_void || self->count == self->limit || align_bytes > PLIM_STEP_ALIGN_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "steps of a recording",
                         .want = (uint64_t)self->count + 1, .limit = self->limit);
    }
    return PLIM_OK;
}

plim_status plim_recorder_alloc(plim_recorder *self, uint64_t key, uint64_t size_bytes,
                                uint64_t align_bytes, plim_error *err)
{
    key_slot *slot = find_key(self, key);
    plim_status status = admit(self, slot, align_bytes, err);
    if (status != PLIM_OK) {
        self->is_void = true;
        return status;
    }
    uint64_t size = size_bytes ? size_bytes : 1;
    self->steps[self->count] = (plim_record_step){.size_bytes = size,
                                                  .least_bytes = size,
                                                  .align_bytes = align_bytes,
                                                  .length = PLIM_STEP_NONE,
                                                  .run_count = 1};
    *slot = (key_slot){.key = key, .step = ++self->count, .is_live = 1};
    if (!bytes_add(self->live_bytes, size, &self->live_bytes)) {
        self->peak_bytes = UINT64_MAX;
    }
    self->peak_bytes = self->live_bytes > self->peak_bytes ? self->live_bytes : self->peak_bytes;
    return PLIM_OK;
}

bool plim_recorder_free(plim_recorder *self, uint64_t key)
{
    key_slot *slot = find_key(self, key);
    if (!slot->step || !slot->is_live) {
        return false;
    }
    plim_record_step *step = &self->steps[slot->step - 1];
    step->length = self->count - (slot->step - 1);
    slot->is_live = 0;
    /* After an overflow the sum is out of step with what lives; the peak stays the most. */
    self->live_bytes -= step->size_bytes < self->live_bytes ? step->size_bytes : self->live_bytes;
    return true;
}

const plim_record_step *plim_recorder_steps(const plim_recorder *self, uint32_t *out_count)
{
    *out_count = self->count;
    return self->is_void ? NULL : self->steps;
}

uint64_t plim_recorder_peak_bytes(const plim_recorder *self)
{
    return self->peak_bytes;
}

plim_status plim_record_check(const plim_record_step *steps, uint32_t count, plim_error *err)
{
    for (uint32_t k = 0; k < count; k++) {
        const plim_record_step *s = &steps[k];
        const char *field =
            s->size_bytes == 0 || s->least_bytes == 0 || s->least_bytes > s->size_bytes
                ? "size_bytes"
            : s->length == 0 ? "length"
            : s->align_bytes &&
                    (!bytes_is_power_of_two(s->align_bytes) || s->align_bytes > PLIM_STEP_ALIGN_MAX)
                ? "align_bytes"
                : NULL;
        if (field) {
            plim_error_set(err, PLIM_E_ARG, "step of a recording", field, NULL, NULL);
            plim_error_detail(err, "step %u", (unsigned)k);
            return PLIM_E_ARG;
        }
    }
    return PLIM_OK;
}
