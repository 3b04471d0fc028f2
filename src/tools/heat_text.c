/* SPDX-License-Identifier: Apache-2.0 */
/* heat_text.c - heat and throttling as lines for a person.
 *
 * Decides that what is not known is said in words, for each figure: an absent line would read as
 * "nothing to tell". Lines are cut at 80 columns between items.
 */
#include "src/tools/heat_text.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define INDENT 10

/* A new line: @head, filled up to where the items begin. */
static void begin_line(heat_text *t, const char *head)
{
    if (t->count < HEAT_LINES_MAX) {
        snprintf(t->lines[t->count++], HEAT_LINE_ROOM, "%-*s", INDENT, head);
    }
}

static void __attribute__((format(printf, 2, 3))) say(heat_text *t, const char *format, ...)
{
    char item[HEAT_LINE_ROOM - INDENT];
    va_list args;
    va_start(args, format);
    vsnprintf(item, sizeof(item), format, args);
    va_end(args);
    size_t used = strlen(t->lines[t->count - 1]);
    if (used > INDENT && used + 2 + strlen(item) >= HEAT_LINE_ROOM - 1) {
        snprintf(t->lines[t->count - 1] + used, HEAT_LINE_ROOM - used, ";");
        begin_line(t, "");
        used = INDENT;
    }
    char *line = t->lines[t->count - 1];
    snprintf(line + used, HEAT_LINE_ROOM - used, "%s%s", used > INDENT ? "; " : "", item);
}

static void say_over_current(heat_text *t, const plim_heat *h)
{
    char counts[3][24];
    unsigned known = 0;
    for (size_t i = 0; i < 3; i++) {
        bool is_known = h->over_current[i] != PLIM_HEAT_UNKNOWN;
        known += is_known;
        if (is_known) {
            snprintf(counts[i], sizeof(counts[i]), "%" PRId64, h->over_current[i]);
        } else {
            snprintf(counts[i], sizeof(counts[i]), "not known");
        }
    }
    if (known) {
        say(t, "over-current %s, %s, %s", counts[0], counts[1], counts[2]);
    } else {
        say(t, "over-current not known");
    }
}

static void say_heat(heat_text *t, const plim_heat *h)
{
    if (h->hottest_mc == PLIM_HEAT_UNKNOWN) {
        say(t, "hottest zone not known");
    } else {
        say(t, "hottest %.1f C (%s)", (double)h->hottest_mc / 1e3, h->zone);
    }
    if (h->throttled == PLIM_HEAT_UNKNOWN) {
        say(t, "throttling not known");
    } else if (h->throttled) {
        say(t, "THROTTLED (%s)", h->alert);
    } else {
        say(t, "not throttled");
    }
    if (h->power_mw == PLIM_HEAT_UNKNOWN) {
        say(t, "power not known");
    } else {
        say(t, "power %.1f W", (double)h->power_mw / 1e3);
    }
    say_over_current(t, h);
}

static double megahertz(int64_t hertz)
{
    return (double)hertz / 1e6;
}

static void say_clock(heat_text *t, const plim_heat_clock *c)
{
    bool has_cap = c->cap_hz != PLIM_HEAT_UNKNOWN, has_max = c->max_hz != PLIM_HEAT_UNKNOWN;
    if (has_cap && has_max) {
        say(t, "%s %.0f of %.0f MHz", c->name, megahertz(c->cap_hz), megahertz(c->max_hz));
    } else if (has_cap) {
        say(t, "%s %.0f MHz, the chip's not known", c->name, megahertz(c->cap_hz));
    } else if (has_max) {
        say(t, "%s not known, of %.0f MHz", c->name, megahertz(c->max_hz));
    } else {
        say(t, "%s not known", c->name);
    }
}

void heat_text_fill(heat_text *self, const plim_heat *heat)
{
    self->count = 0;
    begin_line(self, "heat");
    say_heat(self, heat);
    begin_line(self, "clock cap");
    for (uint32_t i = 0; i < heat->clock_count; i++) {
        say_clock(self, &heat->clocks[i]);
    }
    if (heat->clock_count == 0) {
        say(self, "not known");
    }
}
