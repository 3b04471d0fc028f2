/* SPDX-License-Identifier: Apache-2.0 */
/* json_text.h - text inside a JSON string: one rule for log lines, reports and tools. */
#ifndef SRC_JSON_TEXT_H
#define SRC_JSON_TEXT_H

#include <stddef.h>

#define PLIM_JSON_ESCAPE_BYTES 8 /* the longest, with its NUL */

/* plim_json_escape - the first character of @count bytes at @text, as it stands in a JSON string:
 * quotes, backslashes and controls are escaped, and a byte that is not UTF-8 becomes \u00XX.
 * Returns how many bytes of @text it took, at least 1; @out is terminated. */
size_t plim_json_escape(const char *text, size_t count, char out[PLIM_JSON_ESCAPE_BYTES]);

/* Length of the well-formed UTF-8 character at @text, 0 when there is none (RFC 3629). */
size_t plim_utf8_length(const char *text, size_t count);

#endif
