/* SPDX-License-Identifier: Apache-2.0 */
/* opts.h - reads an option struct of any age.
 *
 * Every option struct begins with its own size. Fields past the caller's size are not read
 * and have their default (zero). A size of 0 is refused: it was never set.
 */
#ifndef ARENA_OPTS_H
#define ARENA_OPTS_H

#include <stdbool.h>
#include <stddef.h>
#include <string.h>

/* @opts NULL: all defaults. False: its struct_size was never set. */
static inline bool opts_take(void *out, size_t out_bytes, const void *opts)
{
    memset(out, 0, out_bytes);
    if (!opts) {
        return true;
    }
    size_t given;
    memcpy(&given, opts, sizeof(given));
    if (given < sizeof(given)) {
        return false;
    }
    memcpy(out, opts, given < out_bytes ? given : out_bytes);
    return true;
}

#endif
