/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.c - one character at a time, whole or escaped; whatever the bytes are, the string
 * around them stays JSON. */
#include "src/json_text.h"

#include <stdio.h>
#include <string.h>

size_t plim_utf8_length(const char *text, size_t count)
{
    const unsigned char *s = (const unsigned char *)text;
    static const struct {
        unsigned char first, last, low, high, length;
    } rows[] = {
        {0x00, 0x7f, 0x80, 0xbf, 1}, {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (size_t r = 0; r < sizeof(rows) / sizeof(rows[0]); r++) {
        if (s[0] < rows[r].first || s[0] > rows[r].last) {
            continue;
        }
        if (count < rows[r].length) {
            return 0;
        }
        for (size_t i = 1; i < rows[r].length; i++) {
            unsigned char low = i == 1 ? rows[r].low : 0x80, high = i == 1 ? rows[r].high : 0xbf;
            if (s[i] < low || s[i] > high) {
                return 0;
            }
        }
        return rows[r].length;
    }
    return 0;
}

size_t plim_json_escape(const char *text, size_t count, char out[PLIM_JSON_ESCAPE_BYTES])
{
    const unsigned char c = (unsigned char)text[0];
    const size_t length = plim_utf8_length(text, count);
    if (c == '"' || c == '\\') {
        snprintf(out, PLIM_JSON_ESCAPE_BYTES, "\\%c", c);
    } else if (c == '\n' || c == '\t') {
        snprintf(out, PLIM_JSON_ESCAPE_BYTES, "\\%c", c == '\n' ? 'n' : 't');
    } else if (length == 0 || c < 0x20 || c == 0x7f) {
        snprintf(out, PLIM_JSON_ESCAPE_BYTES, "\\u%04x", (unsigned)c);
    } else {
        memcpy(out, text, length);
        out[length] = 0;
    }
    return length ? length : 1;
}
