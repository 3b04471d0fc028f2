/* SPDX-License-Identifier: Apache-2.0 */
/* status.c - text for codes and errors, into the caller's buffer; allocates nothing. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "plimsoll/budget.h"
#include "src/text_sink.h"

const char *plim_version(void)
{
    return PLIM_VERSION_STRING;
}

const char *plim_status_name(plim_status status)
{
    switch (status) {
#define STATUS_NAME(name, number, when)                                                            \
    case PLIM_##name:                                                                              \
        return #name;
        PLIM_STATUS_LIST(STATUS_NAME)
#undef STATUS_NAME
    }
    return "E_?";
}

const char *plim_status_text(plim_status status)
{
    switch (status) {
#define STATUS_TEXT(name, number, when)                                                            \
    case PLIM_##name:                                                                              \
        return when;
        PLIM_STATUS_LIST(STATUS_TEXT)
#undef STATUS_TEXT
    }
    return "a number that is not a status";
}

static void copy_cut(char *to, size_t to_bytes, const char *from)
{
    size_t n = from ? strnlen(from, to_bytes - 1) : 0;
    if (n) {
        memcpy(to, from, n);
    }
    to[n] = 0;
}

plim_status plim_error_set(plim_error *err, plim_status status, const char *what, const char *field,
                           const char *wanted, const char *found)
{
    if (err) {
        memset(err, 0, sizeof(*err));
        err->status = status;
        err->what = what;
        copy_cut(err->field, sizeof(err->field), field);
        copy_cut(err->wanted, sizeof(err->wanted), wanted);
        copy_cut(err->found, sizeof(err->found), found);
    }
    return status;
}

void plim_error_detail(plim_error *err, const char *format, ...)
{
    if (!err) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(err->detail, sizeof(err->detail), format, args);
    va_end(args);
}

void plim_error_remedy(plim_error *err, const char *format, ...)
{
    if (!err) {
        return;
    }
    va_list args;
    va_start(args, format);
    vsnprintf(err->remedy, sizeof(err->remedy), format, args);
    va_end(args);
}

static const char *remedy_of(const plim_error *error)
{
    if (error->remedy[0]) {
        return error->remedy;
    }
    switch (error->status) {
    case PLIM_E_BUDGET:
        return "raise the cap, shrink a window, or release the largest holder";
    case PLIM_E_NOMEM:
        return "the board itself is full: close other programs or lower the cap";
    case PLIM_E_FRAG:
        return "place the largest first, or release neighbouring blocks";
    default:
        return NULL;
    }
}

size_t plim_error_format(const plim_error *error, char *buffer, size_t buffer_bytes)
{
    plim_text_sink to = {buffer, buffer_bytes, 0};
    plim_text_say(&to, "%s: %s", plim_status_name(error->status),
                  error->what ? error->what : plim_status_text(error->status));
    if (error->field[0]) {
        plim_text_say(&to, ": %s", error->field);
    }
    if (error->wanted[0]) {
        plim_text_say(&to, ": wanted %s", error->wanted);
    }
    if (error->found[0]) {
        plim_text_say(&to, "%s found %s", error->wanted[0] ? "," : ":", error->found);
    }
    if (error->want || error->have || error->limit) {
        plim_text_say(&to, ": wants %" PRIu64 " bytes, has %" PRIu64 " of %" PRIu64, error->want,
                      error->have, error->limit);
    }
    if (error->detail[0]) {
        plim_text_say(&to, " (%s)", error->detail);
    }
    if (error->os_errno) {
        char text[96] = "";
        const char *words = strerror_r(error->os_errno, text, sizeof(text));
        plim_text_say(&to, ": %s", words);
    }
    for (size_t i = 0; i < PLIM_ERROR_HOLDERS; i++) {
        const plim_holder *h = &error->holders[i];
        if (h->bytes) {
            plim_text_say(&to, "\n  held: %12" PRIu64 " bytes  %s / %s", h->bytes, h->owner,
                          plim_tag_name((plim_tag)h->tag));
        }
    }
    if (remedy_of(error)) {
        plim_text_say(&to, "\n  remedy: %s", remedy_of(error));
    }
    if (buffer_bytes > 0 && to.needed_bytes >= buffer_bytes) {
        buffer[buffer_bytes - 1] = 0;
    }
    return to.needed_bytes;
}
