/* SPDX-License-Identifier: Apache-2.0 */
/* stall_share.h - /proc/pressure: the one parser of its lines, and memory's read on the spot. */
#ifndef PLATFORM_LINUX_STALL_SHARE_H
#define PLATFORM_LINUX_STALL_SHARE_H

#include <stdbool.h>
#include <stdint.h>

#define PLIM_STALL_TEXT_BYTES 256u /* two lines have some 150 */

typedef struct plim_stall {
    uint32_t share;    /* of the last 10 s, in parts of 10,000 */
    uint64_t total_us; /* since boot; at most INT64_MAX */
} plim_stall;

/* plim_stall_parse - the line of @kind ("some", "full") in @text, a whole file of /proc/pressure.
 * False: it has no such line, or one that cannot be believed; @out is then as it was. */
bool plim_stall_parse(const char *text, const char *kind, plim_stall *out);

/* For memory. Parts of 10,000; PLIM_UNKNOWN_BYTES: this kernel does not say. */
void plim_stall_share_read(const char *root, uint64_t *out_some, uint64_t *out_full);

#endif
