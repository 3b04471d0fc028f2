/* SPDX-License-Identifier: Apache-2.0 */
/* black_box_note.h - what the ring of a black box says of its maker, as it is stored. */
#ifndef ARENA_BLACK_BOX_NOTE_H
#define ARENA_BLACK_BOX_NOTE_H

#include "arena/ring.h"

typedef struct black_box_note {
    char program[64], version[16], board[64], boot_id[40];
    uint32_t pid, check; /* check: of this part, up to and without the words that change */
    uint64_t cap_bytes, start_ns, start_wall_ns;
    _Atomic uint64_t peak_bytes, peak_ns, peak_wall_ns;
    uint64_t close_ns, close_wall_ns;
    char close_reason[64];
    _Atomic uint32_t is_closed; /* set last */
    uint32_t reserved;
} black_box_note;

_Static_assert(sizeof(black_box_note) == 328, "published layout");
_Static_assert(sizeof(black_box_note) <= sizeof(((ring_head *)0)->note), "it has its place");

static inline black_box_note *black_box_note_of(const ring_head *ring)
{
    return (black_box_note *)(uintptr_t)ring->note;
}

/* Of the part that never changes after open. */
uint32_t plim_black_box_note_check(const black_box_note *note);

#endif
