/* SPDX-License-Identifier: Apache-2.0 */
/* xml_text.c - the only place of the tools that escapes for XML: what it writes ends no tag and no
 * attribute, whichever quotes stand around it, and leads no reader's eye the other way. */
#include "src/tools/xml_text.h"

#include <stdbool.h>

/* Bytes of a mark that turns the direction of what follows, or of a control, at @c; 0: neither. */
static size_t turning_mark(const char *c)
{
    const unsigned char *u = (const unsigned char *)c;
    bool is_turning = u[0] == 0xe2 && ((u[1] == 0x80 && u[2] >= 0xaa && u[2] <= 0xae) ||
                                       (u[1] == 0x81 && u[2] >= 0xa6 && u[2] <= 0xa9));
    bool is_control = u[0] == 0xc2 && u[1] >= 0x80 && u[1] < 0xa0;
    return is_turning ? 3 : is_control ? 2 : u[0] < 0x20 || u[0] == 0x7f ? 1 : 0;
}

static void put_escaped(FILE *to, char c)
{
    switch (c) {
    case '&':
        fputs("&amp;", to);
        break;
    case '<':
        fputs("&lt;", to);
        break;
    case '>':
        fputs("&gt;", to);
        break;
    case '"':
        fputs("&quot;", to);
        break;
    case '\'':
        fputs("&#39;", to);
        break;
    default:
        fputc(c, to);
    }
}

void xml_text(FILE *to, const char *text)
{
    while (*text) {
        size_t mark = turning_mark(text);
        if (mark) {
            fputs("\xef\xbf\xbd", to);
            text += mark;
        } else {
            put_escaped(to, *text++);
        }
    }
}

void xml_bytes(FILE *to, const char *text)
{
    for (; *text; text++) {
        bool is_plain = *text >= 0x20 && *text <= 0x7e;
        put_escaped(to, is_plain ? *text : '?');
    }
}
