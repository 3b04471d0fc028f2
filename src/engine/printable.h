/* SPDX-License-Identifier: Apache-2.0 */
/* printable.h - names and digests as text: hex both ways, and hostile bytes made printable. */
#ifndef ENGINE_PRINTABLE_H
#define ENGINE_PRINTABLE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PLIM_DIGEST_TEXT_BYTES 65 /* 64 hex digits and a NUL */

/* Writes @bytes as lower-case hex; @out has 2 x @size + 1 bytes. */
void plim_text_hex(char *out, const uint8_t *bytes, size_t size);

/* Exactly 2 x @size lower-case hex digits and then a NUL; false leaves @out undefined. */
bool plim_text_unhex(const char *text, uint8_t *out, size_t size);

/* Copies @bytes in double quotes, everything but printable ASCII as \xNN, cut to fit with
 * "...". @out_bytes is at least 16. */
void plim_text_quote(char *out, size_t out_bytes, const char *bytes, size_t size);

/* Is every byte printable ASCII, and is there at least one? */
bool plim_text_is_plain(const char *text, size_t size);

#endif
