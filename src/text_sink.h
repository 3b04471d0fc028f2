/* SPDX-License-Identifier: Apache-2.0 */
/* text_sink.h - text appended to a buffer that may be too small: what does not fit is counted,
 * so the caller can say how large it must be. */
#ifndef SRC_TEXT_SINK_H
#define SRC_TEXT_SINK_H

#include <stddef.h>

typedef struct plim_text_sink {
    char *buffer;                      /* may be NULL when buffer_bytes is 0 */
    size_t buffer_bytes, needed_bytes; /* needed: without the NUL */
} plim_text_sink;

/* plim_text_say - append as printf would. */
void plim_text_say(plim_text_sink *self, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

#endif
