/* SPDX-License-Identifier: Apache-2.0 */
/* window.c - a bounded set of frames, dropped after their last reader. No memory of its own.
 *
 * Invariants: now counts the slots with a block; slot_of_step and slots point at each other; a
 * slot's lent never exceeds its readers_left; free slots form one chain. Every call is O(1).
 */
#include "src/episode/window.h"

#include "arena/checks.h"

void plim_window_init(plim_window *self, plim_window_slot *slots, uint32_t slot_limit,
                      uint32_t *slot_of_step, uint32_t step_count, uint32_t reader_count)
{
    *self = (plim_window){.slots = slots,
                          .slot_of_step = slot_of_step,
                          .slot_limit = slot_limit,
                          .step_count = step_count,
                          .reader_count = reader_count};
    for (uint32_t i = 0; i < slot_limit; i++) {
        slots[i] = (plim_window_slot){.step = i + 1};
    }
    for (uint32_t i = 0; i < step_count; i++) {
        slot_of_step[i] = PLIM_WINDOW_NONE;
    }
}

plim_window_slot *plim_window_find(plim_window *self, uint64_t step)
{
    if (step >= self->step_count || self->slot_of_step[step] == PLIM_WINDOW_NONE) {
        return NULL;
    }
    return &self->slots[self->slot_of_step[step]];
}

plim_window_slot *plim_window_add(plim_window *self, uint32_t step, void *block)
{
    PLIM_ASSERT(self->now < self->slot_limit && step >= self->next_step);
    uint32_t index = self->free_slot;
    plim_window_slot *slot = &self->slots[index];
    self->free_slot = slot->step;
    *slot = (plim_window_slot){.block = block, .step = step, .readers_left = self->reader_count};
    self->slot_of_step[step] = index;
    self->next_step = (uint64_t)step + 1;
    self->now++;
    self->peak = self->now > self->peak ? self->now : self->peak;
    return slot;
}

void *plim_window_drop(plim_window *self, plim_window_slot *slot)
{
    void *block = slot->block;
    self->slot_of_step[slot->step] = PLIM_WINDOW_NONE;
    *slot = (plim_window_slot){.step = self->free_slot};
    self->free_slot = (uint32_t)(slot - self->slots);
    self->now--;
    self->dropped++;
    return block;
}

void *plim_window_release(plim_window *self, plim_window_slot *slot)
{
    PLIM_ASSERT(slot->lent > 0 && slot->lent <= slot->readers_left);
    slot->lent--;
    slot->readers_left--;
    return slot->readers_left ? NULL : plim_window_drop(self, slot);
}

bool plim_window_is_sound(const plim_window *self)
{
    uint32_t held = 0, pointed = 0, chained = 0;
    for (uint32_t i = 0; i < self->slot_limit; i++) {
        const plim_window_slot *slot = &self->slots[i];
        if (slot->block) {
            held++;
            if (slot->lent > slot->readers_left || slot->step >= self->step_count ||
                self->slot_of_step[slot->step] != i) {
                return false;
            }
        }
    }
    for (uint32_t i = 0; i < self->step_count; i++) {
        pointed += self->slot_of_step[i] != PLIM_WINDOW_NONE;
    }
    for (uint32_t i = self->free_slot; i < self->slot_limit && chained <= self->slot_limit;
         i = self->slots[i].step) {
        chained++;
    }
    return held == self->now && pointed == held && chained == self->slot_limit - held;
}
