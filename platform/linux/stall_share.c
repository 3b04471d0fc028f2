/* SPDX-License-Identifier: Apache-2.0 */
/* stall_share.c - /proc/pressure/memory for who cannot wait for the next sample.
 *
 * Refuses a line whose share is not a plain decimal of at most 100: what is printed is
 * "%lu.%02lu", and half a number is no number.
 */
#include "platform/linux/stall_share.h"

#include <string.h>

#include "platform/fsroot.h"
#include "plimsoll/platform.h"

#define WHOLE 10000u

static bool take_digits(const char **at, unsigned most, unsigned *out_count, uint64_t *out)
{
    unsigned count = 0;
    *out = 0;
    while (**at >= '0' && **at <= '9' && count < most) {
        *out = *out * 10 + (uint64_t)(*(*at)++ - '0');
        count++;
    }
    *out_count = count;
    return count > 0;
}

bool plim_stall_share_parse(const char *line, const char *kind, uint64_t *out)
{
    static const char KEY[] = " avg10=";
    size_t n = strlen(kind);
    unsigned count;
    uint64_t whole, part;
    if (strncmp(line, kind, n) != 0 || strncmp(line + n, KEY, sizeof(KEY) - 1) != 0) {
        return false;
    }
    const char *at = line + n + sizeof(KEY) - 1;
    if (!take_digits(&at, 3, &count, &whole) || *at++ != '.' ||
        !take_digits(&at, 2, &count, &part) || count != 2 || (*at != ' ' && *at != 0)) {
        return false;
    }
    uint64_t share = whole * 100 + part;
    if (share > WHOLE) {
        return false;
    }
    *out = share;
    return true;
}

void plim_stall_share_read(const char *root, uint64_t *out_some, uint64_t *out_full)
{
    plim_lines lines;
    *out_some = *out_full = PLIM_UNKNOWN_BYTES;
    if (plim_lines_open(root, "proc/pressure/memory", &lines, NULL) != PLIM_OK) {
        return;
    }
    for (char *line; (line = plim_lines_next(&lines));) {
        uint64_t share;
        if (plim_stall_share_parse(line, "some", &share)) {
            *out_some = share;
        } else if (plim_stall_share_parse(line, "full", &share)) {
            *out_full = share;
        }
    }
    plim_lines_close(&lines);
}
