/* SPDX-License-Identifier: Apache-2.0 */
/* printable.c - hex digests and printable names.
 *
 * Bytes from a hostile file end up in error texts and logs: only printable ASCII passes.
 */
#include "src/engine/printable.h"

#include <string.h>

static const char digits[] = "0123456789abcdef";

void plim_text_hex(char *out, const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * size] = 0;
}

static int nibble(char c)
{
    const char *at = c ? strchr(digits, c) : NULL;
    return at ? (int)(at - digits) : -1;
}

bool plim_text_unhex(const char *text, uint8_t *out, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        int high = nibble(text[2 * i]);
        int low = high < 0 ? -1 : nibble(text[2 * i + 1]);
        if (low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high << 4 | low);
    }
    return text[2 * size] == 0;
}

static bool is_plain(char c)
{
    return c >= 0x20 && c < 0x7f;
}

void plim_text_quote(char *out, size_t out_bytes, const char *bytes, size_t size)
{
    size_t n = 0;
    out[n++] = '"';
    for (size_t i = 0; i < size; i++) {
        size_t need = is_plain(bytes[i]) ? 1 : 4;
        if (n + need + 5 > out_bytes) { /* "..." and the closing quote and a NUL */
            memcpy(out + n, "...", 3);
            n += 3;
            break;
        }
        if (need == 1) {
            out[n++] = bytes[i];
        } else {
            out[n++] = '\\';
            out[n++] = 'x';
            out[n++] = digits[(uint8_t)bytes[i] >> 4];
            out[n++] = digits[bytes[i] & 15];
        }
    }
    out[n++] = '"';
    out[n] = 0;
}

bool plim_text_is_plain(const char *text, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (!is_plain(text[i])) {
            return false;
        }
    }
    return size > 0;
}
