/* SPDX-License-Identifier: Apache-2.0 */
/* wake.h - descriptors that become ready when memory gets short, for poll(2). */
#ifndef PLATFORM_LINUX_WAKE_H
#define PLATFORM_LINUX_WAKE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "plimsoll/platform.h"

typedef struct plim_wake {
    int fd;         /* -1: not to be had */
    int16_t events; /* to poll for */
    int kept[3];    /* descriptors that must stay open with it; -1: none */
    char why[96];   /* why not, or what was granted instead of what was asked; "" */
} plim_wake;

/* None of them fails: fd is -1 then, and why says so. */

/* plim_wake_psi - stalled @stall_us for memory within @window_us. Without CAP_SYS_RESOURCE the
 * kernel takes only whole multiples of 2 s: then the next larger one, at the same share. */
void plim_wake_psi(const char *root, uint64_t stall_us, uint64_t window_us, plim_wake *out);

/* The text of such a trigger, with its final NUL, which the kernel wants; its length, or 0 when
 * it does not fit or the kernel would refuse it whoever asks: a window outside of 0.5 to 10 s, a
 * stall of 0 or longer than its window. */
size_t plim_wake_psi_text(uint64_t stall_us, uint64_t window_us, char *out, size_t room);

/* plim_wake_usage - version 1: the group's usage crosses one of @lines, either way. */
void plim_wake_usage(const char *root, const plim_cgroup_memory *group, const uint64_t *lines,
                     size_t count, plim_wake *out);

/* plim_wake_limit - version 1: tasks of the group wait or die for memory; version 2: a counter of
 * memory.events rose. */
void plim_wake_limit(const char *root, const plim_cgroup_memory *group, plim_wake *out);

/* plim_wake_timer - a clock that is armed for a time, and ready from then on; and @beside (below
 * 0: nothing), ready when that is readable. One descriptor for both, for who can poll few. A
 * @beside that cannot be polled leaves the clock alone, and why says so. */
void plim_wake_timer(int beside, plim_wake *out);
void plim_wake_arm(const plim_wake *timer, uint64_t at_ns); /* UINT64_MAX: never */
/* Which of the two it was; takes away what made it ready: the expiry, and up to 8 bytes. False:
 * @beside has ended, was the reason, and is not watched any more. */
bool plim_wake_take_timer(const plim_wake *timer, int beside, bool *is_timer, bool *is_beside);

/* plim_wake_take - take away what made @self ready. */
void plim_wake_take(const plim_wake *self);
void plim_wake_close(plim_wake *self);

#endif
