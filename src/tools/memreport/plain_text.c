/* SPDX-License-Identifier: Apache-2.0 */
/* plain_text.c - names from anywhere, for a terminal and for JSON. */
#include <string.h>

#include "src/tools/memreport/views.h"

void views_json_text(FILE *to, const char *text)
{
    json_t *string = json_string_nocheck(text);
    if (!string || json_dumpf(string, to, JSON_ENCODE_ANY | JSON_ENSURE_ASCII) != 0) {
        fputs("\"\"", to);
    }
    json_decref(string);
}

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

size_t views_characters(const char *text)
{
    size_t n = 0;
    for (; *text; text++) {
        n += begins_character(*text);
    }
    return n;
}

const char *views_plain(const char *text, size_t columns, char *buffer, size_t room)
{
    size_t used = 0, shown = 0;
    bool is_cut = views_characters(text) > columns;
    for (size_t i = 0; text[i] && used + 8 < room; i++) {
        unsigned char c = (unsigned char)text[i], next = (unsigned char)text[i + 1];
        bool is_begin = begins_character(text[i]);
        if (is_begin && shown + (is_cut ? 1 : 0) >= columns) {
            break;
        }
        shown += is_begin;
        if (c < 0x20 || c == 0x7f) {
            buffer[used++] = '?';
        } else if (c == 0xc2 && next >= 0x80 && next < 0xa0) { /* the second range of controls */
            buffer[used++] = '?';
            i++;
        } else {
            buffer[used++] = text[i];
        }
    }
    memcpy(buffer + used, is_cut ? "\u2026" : "", is_cut ? 4 : 1);
    return buffer;
}
