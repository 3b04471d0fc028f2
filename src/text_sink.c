/* SPDX-License-Identifier: Apache-2.0 */
/* text_sink.c - printf that keeps counting past the end of its buffer. */
#include "src/text_sink.h"

#include <stdarg.h>
#include <stdio.h>

void plim_text_say(plim_text_sink *self, const char *format, ...)
{
    size_t end = self->buffer_bytes;
    size_t at = self->needed_bytes < end ? self->needed_bytes : end;
    va_list args;
    va_start(args, format);
    int n = vsnprintf(end > at ? self->buffer + at : NULL, end - at, format, args);
    va_end(args);
    self->needed_bytes += n > 0 ? (size_t)n : 0;
}
