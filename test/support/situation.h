/* SPDX-License-Identifier: Apache-2.0 */
/* situation.h - a random memory situation in control groups of its own, and how much can really be
 * had in it: the truth that a headroom is held against.
 *
 * A tenant fills the innermost group with pages of every kind, a neighbour may hold some in a group
 * beside it. Then a prober reads the headroom in there and takes page after page until the kernel
 * says no more. Groups are made below the caller's own and removed again.
 */
#ifndef TEST_SUPPORT_SITUATION_H
#define TEST_SUPPORT_SITUATION_H

#include <stdbool.h>
#include <stdint.h>

#include "plimsoll/headroom.h"

#define SITUATION_LEVELS_MAX 3u

typedef struct situation {
    uint32_t level_count;
    uint64_t limit_bytes[SITUATION_LEVELS_MAX]; /* outermost first; 0: none */
    bool has_swap_limit;                        /* version 1: memory and swap together */
    uint64_t anon_bytes, clean_bytes, active_bytes, dirty_bytes, shmem_bytes, locked_bytes;
    uint64_t mapped_bytes, kernel_bytes;
    uint64_t neighbour_bytes;      /* anonymous, of a process in a group beside */
    uint64_t neighbour_file_bytes; /* page cache of it */
    uint64_t left_bytes;           /* fill up with anonymous pages to so much; 0: do not */
} situation;

typedef struct situation_outcome {
    uint64_t promised_bytes, had_bytes;
    plim_wall wall; /* that bound */
} situation_outcome;

/* NULL: situations can be made here. Otherwise one sentence on why not. */
const char *situation_impossible(void);
/* 1, 2: of the memory controller that situation_impossible found. */
uint32_t situation_version(void);
void situation_draw(situation *self, uint64_t *state);
/* @folder holds its files for a while. False, with a reason on stdout: it could not be made. */
bool situation_run(const situation *self, const char *folder, situation_outcome *out);
/* One line: what was in it. */
void situation_print(const situation *self);

#endif
