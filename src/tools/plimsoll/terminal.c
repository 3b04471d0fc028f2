/* SPDX-License-Identifier: Apache-2.0 */
/* terminal.c - refusals, sizes and progress, for a person or for a pipe.
 *
 * Decides what a terminal gets that a pipe does not: colour (unless NO_COLOR is set) and a
 * progress line that is rewritten ten times a second at most. stdout carries results only.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "src/tools/plimsoll/tool.h"

#define PROGRESS_EVERY_NS UINT64_C(100000000)

bool tool_color(FILE *to)
{
    const char *no = getenv("NO_COLOR");
    return isatty(fileno(to)) && !(no && *no);
}

uint32_t tool_columns(FILE *to)
{
    struct winsize size;
    if (isatty(fileno(to)) && ioctl(fileno(to), TIOCGWINSZ, &size) == 0 && size.ws_col) {
        return size.ws_col < 100 ? size.ws_col : 100;
    }
    return 80;
}

bool tool_file_sink(void *context, const char *text, size_t text_bytes)
{
    return fwrite(text, 1, text_bytes, context) == text_bytes;
}

const char *tool_size(uint64_t bytes)
{
    static char text[8][24];
    static unsigned turn;
    char *to = text[turn++ % 8];
    return plim_bytes_format(bytes, false, to, sizeof(text[0]));
}

void json_text(FILE *to, const char *text)
{
    (void)plim_report_json_text(text, tool_file_sink, to); /* main notices a full disk */
}

tool_exit tool_code(plim_status status)
{
    switch (status) {
    case PLIM_OK:
        return TOOL_OK;
    case PLIM_E_BUDGET:
    case PLIM_E_MISMATCH:
    case PLIM_E_CORRUPT:
    case PLIM_E_SHAPE:
        return TOOL_NO;
    case PLIM_E_ARG:
        return TOOL_USAGE;
    case PLIM_E_NOT_FOUND:
    case PLIM_E_FORMAT:
    case PLIM_E_UNSUPPORTED:
    case PLIM_E_RANGE:
        return TOOL_NOTHING;
    default:
        return TOOL_INTERNAL;
    }
}

tool_exit tool_refuse(const char *doing, const plim_error *err)
{
    char text[2048];
    plim_error_format(err, text, sizeof(text));
    fprintf(stderr, "plimsoll: %s: %s\n", doing, text);
    return tool_code(err->status);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void progress_begin(progress *self, const char *label)
{
    memset(self, 0, sizeof(*self));
    snprintf(self->label, sizeof(self->label), "%s", label);
    self->is_on = isatty(STDERR_FILENO);
}

/* True when the line is due: the first time, the last time, and ten times a second. */
static bool is_due(progress *self, bool is_last)
{
    if (!self->is_on) {
        return false;
    }
    uint64_t now = now_ns();
    if (!is_last && self->is_shown && now - self->last_ns < PROGRESS_EVERY_NS) {
        return false;
    }
    self->last_ns = now;
    self->is_shown = true;
    return true;
}

void progress_bytes(void *context, uint64_t done_bytes, uint64_t total_bytes)
{
    progress *self = context;
    if (is_due(self, done_bytes >= total_bytes)) {
        double share = total_bytes ? 100.0 * (double)done_bytes / (double)total_bytes : 100.0;
        fprintf(stderr, "\r\033[K%s  %s of %s  %3.0f %%", self->label, tool_size(done_bytes),
                tool_size(total_bytes), share);
        fflush(stderr);
    }
}

void progress_steps(progress *self, uint64_t done, uint64_t total)
{
    if (is_due(self, done >= total)) {
        fprintf(stderr, "\r\033[K%s  %" PRIu64 " of %" PRIu64, self->label, done, total);
        fflush(stderr);
    }
}

void progress_end(progress *self)
{
    if (self->is_shown) {
        fprintf(stderr, "\r\033[K");
        fflush(stderr);
        self->is_shown = false;
    }
}
