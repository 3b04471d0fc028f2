/* SPDX-License-Identifier: Apache-2.0 */
/* stall_share.c - how long somebody, and everybody, had to wait: the lines of /proc/pressure.
 *
 * Two lines a file, "some avg10=1.23 avg60=.. avg300=.. total=456" and "full ...". Refuses a share
 * that is not a decimal with two places of at most 100 ("%lu.%02lu" is what is printed), and
 * a line without its newline: it was cut, perhaps within its last number. Half a number is none.
 */
#include "platform/linux/stall_share.h"

#include <string.h>

#include "platform/fsroot.h"
#include "plimsoll/platform.h"

#define WHOLE 10000u

/* Digits at *@at, at least one and as many as there are; false on a sum beyond INT64_MAX too. */
static bool take_number(const char **at, uint64_t *out)
{
    const char *first = *at;
    uint64_t n = 0;
    for (; **at >= '0' && **at <= '9'; (*at)++) {
        if (__builtin_mul_overflow(n, 10u, &n) ||
            __builtin_add_overflow(n, (uint64_t)(**at - '0'), &n) || n > INT64_MAX) {
            return false;
        }
    }
    *out = n;
    return *at != first;
}

static bool take_text(const char **at, const char *text)
{
    size_t n = strlen(text);
    bool is_there = strncmp(*at, text, n) == 0;
    *at += is_there ? n : 0;
    return is_there;
}

/* "1.23", as 123. */
static bool take_share(const char **at, uint32_t *out)
{
    uint64_t whole, part;
    if (!take_number(at, &whole) || whole > 100 || *(*at)++ != '.') {
        return false;
    }
    const char *places = *at;
    if (!take_number(at, &part) || *at - places != 2) {
        return false;
    }
    *out = (uint32_t)(whole * 100 + part);
    return *out <= WHOLE;
}

/* Behind the kind. The other averages are stepped over, whatever they are. */
static bool parse_rest(const char *at, const char *end, plim_stall *out)
{
    plim_stall found;
    if (!take_text(&at, " avg10=") || !take_share(&at, &found.share) || *at != ' ') {
        return false;
    }
    at = strstr(at, " total=");
    if (!at || at > end || !take_text(&at, " total=") || !take_number(&at, &found.total_us) ||
        (at != end && *at != '\r')) {
        return false;
    }
    *out = found;
    return true;
}

bool plim_stall_parse(const char *text, const char *kind, plim_stall *out)
{
    for (const char *line = text, *end; (end = strchr(line, '\n')); line = end + 1) {
        const char *at = line;
        if (take_text(&at, kind) && *at == ' ') {
            return parse_rest(at, end, out);
        }
    }
    return false;
}

void plim_stall_share_read(const char *root, uint64_t *out_some, uint64_t *out_full)
{
    char text[PLIM_STALL_TEXT_BYTES];
    plim_stall stall;
    bool is_read = plim_fsroot_read(root, "proc/pressure/memory", text, sizeof(text), NULL);
    *out_some =
        is_read && plim_stall_parse(text, "some", &stall) ? stall.share : PLIM_UNKNOWN_BYTES;
    *out_full =
        is_read && plim_stall_parse(text, "full", &stall) ? stall.share : PLIM_UNKNOWN_BYTES;
}
