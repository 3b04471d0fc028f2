/* SPDX-License-Identifier: Apache-2.0 */
/* window.h - the frames of one camera that are in memory, and who still needs them. */
#ifndef EPISODE_WINDOW_H
#define EPISODE_WINDOW_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLIM_WINDOW_NONE UINT32_MAX

typedef struct plim_window_slot {
    void *block;           /* NULL: free */
    uint32_t step;         /* free: the next free slot */
    uint32_t readers_left; /* releases until it is dropped */
    uint32_t lent;         /* acquired and not released */
} plim_window_slot;

typedef struct plim_window {
    plim_window_slot *slots;
    uint32_t *slot_of_step; /* PLIM_WINDOW_NONE: not here */
    uint32_t slot_limit, step_count, reader_count;
    uint32_t free_slot;
    uint32_t now, peak;
    uint64_t dropped;
    uint64_t next_step; /* steps below it are here or gone for good */
} plim_window;

/* @slots has slot_limit entries, @slot_of_step step_count; both are kept. */
void plim_window_init(plim_window *self, plim_window_slot *slots, uint32_t slot_limit,
                      uint32_t *slot_of_step, uint32_t step_count, uint32_t reader_count);

/* The slot of @step; NULL when it is not here. */
plim_window_slot *plim_window_find(plim_window *self, uint64_t step);

/* Takes a frame in. Needs: now < slot_limit, step >= next_step. */
plim_window_slot *plim_window_add(plim_window *self, uint32_t step, void *block);

/* Takes a frame out, whoever holds it; returns its block. */
void *plim_window_drop(plim_window *self, plim_window_slot *slot);

/* One loan comes back; the block when that was the last reader, else NULL. */
void *plim_window_release(plim_window *self, plim_window_slot *slot);

/* Sums and links agree; for tests. */
bool plim_window_is_sound(const plim_window *self);

#endif
