/* SPDX-License-Identifier: Apache-2.0 */
/* live_page.c - one frame as lines of text: the equation, place by place.
 *
 * Decides what a reader sees first: the machine, its heat and the process in a sentence each, then
 * one bold line for each place with its parts under it, then the total, then what is beside the
 * sum. Parts that are and were nothing are left out. On a screen that is too low the smallest parts
 * go, and a line says how many; the places' own lines always stay, so the sum can be checked by
 * eye. Nothing is longer than the columns that were given.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/tools/heat_text.h"
#include "src/tools/memreport/live.h"

#define BOLD  "\033[1m"
#define DIM   "\033[2m"
#define RED   "\033[31m"
#define GREEN "\033[32m"
#define PLAIN "\033[0m"

#define WIDE_COLUMNS 120u

typedef struct page_out {
    live_page *page;
    const plim_machine *m;
    const live_track *track;
    const live_style *style;
    int name_columns;
    bool is_hidden[PLIM_MACHINE_ROWS_MAX];
    size_t order[PLIM_MACHINE_ROWS_MAX];
    size_t hidden_count;
    heat_text heat;
} page_out;

static void __attribute__((format(printf, 2, 3))) put(page_out *o, const char *format, ...)
{
    va_list args;
    if (o->page->count == LIVE_LINES_MAX) {
        return;
    }
    va_start(args, format);
    vsnprintf(o->page->lines[o->page->count++], LIVE_LINE_ROOM, format, args);
    va_end(args);
}

static const char *paint(const page_out *o, const char *code)
{
    return o->style->has_color ? code : "";
}

static const char *size(const page_out *o, uint64_t bytes, char *buffer, size_t room)
{
    return plim_bytes_format(bytes, o->style->si, buffer, room);
}

/* "-12.0 KiB"; @plus: with a sign in front of what grew, and "=" for what stayed. */
static const char *amount(const page_out *o, int64_t bytes, const char *none, bool plus,
                          char *buffer, size_t room)
{
    char text[24];
    if (bytes == PLIM_REPORT_NONE) {
        return none;
    }
    if (plus && bytes == 0) {
        return "=";
    }
    uint64_t n = bytes < 0 ? 0 - (uint64_t)bytes : (uint64_t)bytes;
    snprintf(buffer, room, "%s%s",
             bytes < 0 ? "-"
             : plus    ? "+"
                       : "",
             size(o, n, text, sizeof(text)));
    return buffer;
}

/* How many columns UTF-8 takes: one for each byte that does not continue a character. */
static int columns_of(const char *text)
{
    int n = 0;
    for (; *text; text++) {
        n += ((unsigned char)*text & 0xc0) != 0x80;
    }
    return n;
}

/* At most @columns of @text, cut between characters. */
static int bytes_for(const char *text, int columns)
{
    int bytes = 0;
    while (text[bytes] && columns >= 0) {
        columns -= ((unsigned char)text[bytes] & 0xc0) != 0x80;
        bytes += columns >= 0;
    }
    return bytes;
}

static double share_of(const page_out *o, int64_t bytes)
{
    return o->m->total_bytes ? 100.0 * (double)bytes / (double)o->m->total_bytes : 0.0;
}

static void bar_of(const page_out *o, int64_t now, char *out, size_t room)
{
    size_t width = o->style->columns - (size_t)o->name_columns - 36 - 12 - 10 - 2;
    double share = share_of(o, now);
    size_t n = share <= 0 ? 0 : (size_t)(share / 100.0 * (double)width + 0.5);
    n = n < width ? n : width;
    n = n < room ? n : room - 1;
    memset(out, '#', n);
    out[n] = 0;
}

typedef struct page_line {
    const char *name, *known, *code;
    int64_t now, peak, change;
    int indent;
    bool has_share;
} page_line;

static void put_line(page_out *o, const page_line *l)
{
    char a[28], b[28], c[28], share[16] = "", bar[LIVE_COLUMNS] = "";
    const bool is_wide = o->style->columns >= WIDE_COLUMNS;
    const int room = o->name_columns - l->indent;
    const int bytes = bytes_for(l->name, room);
    const int pad = room - columns_of(l->name);
    const char *change = amount(o, l->change, "-", true, c, sizeof(c));
    const bool moved = o->style->has_change && l->change != 0 && l->change != PLIM_REPORT_NONE;
    if (l->has_share && l->now >= 0) {
        snprintf(share, sizeof(share), is_wide ? "%5.1f %%" : "%.1f %%", share_of(o, l->now));
        bar_of(o, l->now, bar, sizeof(bar));
    }
    const char *third = o->style->has_change ? change : is_wide ? "-" : share;
    put(o, "%s%*s%.*s%*s%12s%12s%s%12s%s%s  %-10s%s%s%s%s", paint(o, l->code), l->indent, "", bytes,
        l->name, pad > 0 ? pad : 0, "", amount(o, l->now, "n/a", false, a, sizeof(a)),
        amount(o, l->peak, "-", false, b, sizeof(b)),
        moved ? paint(o, l->change > 0 ? RED : GREEN) : "", third, moved ? paint(o, PLAIN) : "",
        moved ? paint(o, l->code) : "", l->known, is_wide ? "  " : "", is_wide ? share : "",
        is_wide && share[0] ? "  " : "", is_wide ? bar : "");
    char *line = o->page->lines[o->page->count - 1];
    for (size_t n = strlen(line); n && line[n - 1] == ' '; n--) {
        line[n - 1] = 0;
    }
    if (l->code[0] && o->style->has_color) {
        size_t n = strlen(line);
        snprintf(line + n, LIVE_LINE_ROOM - n, PLAIN);
    }
}

/* ---- which rows, in which order ---- */

static bool is_silent(const plim_machine_row *r)
{
    return r->now_bytes == 0 && (r->peak_bytes == 0 || r->peak_bytes == PLIM_REPORT_NONE);
}

static int64_t magnitude(int64_t bytes)
{
    return bytes == PLIM_REPORT_NONE ? 0 : bytes < 0 ? -bytes : bytes;
}

static int64_t change_of(const page_out *o, const plim_machine_row *r)
{
    const live_seen *s = live_track_find(o->track, r->place, r->name);
    return s ? s->change : PLIM_REPORT_NONE;
}

static bool comes_before(const page_out *o, size_t a, size_t b)
{
    const plim_machine_row *x = &o->m->rows[a], *y = &o->m->rows[b];
    int64_t left = 0, right = 0;
    switch (o->style->sort) {
    case LIVE_BY_NAME:
        return strcmp(x->name, y->name) < 0;
    case LIVE_BY_SIZE:
        left = magnitude(x->now_bytes);
        right = magnitude(y->now_bytes);
        break;
    case LIVE_BY_CHANGE:
        left = magnitude(change_of(o, x));
        right = magnitude(change_of(o, y));
        break;
    default:
        break;
    }
    return left > right;
}

/* Insertion: at most 256 rows, mostly in order from the frame before; equals stay as they were. */
static void sort_rows(page_out *o)
{
    for (size_t i = 0; i < o->m->row_count; i++) {
        size_t at = i;
        for (; at && comes_before(o, i, o->order[at - 1]); at--) {
            o->order[at] = o->order[at - 1];
        }
        o->order[at] = i;
    }
}

/* The only row of a place that says no more than the place: one line will do. */
static bool is_alone(plim_place place)
{
    return place == PLIM_PLACE_FREE || place == PLIM_PLACE_UNATTRIBUTED ||
           place == PLIM_PLACE_SHARED;
}

static bool is_part(const page_out *o, size_t row)
{
    const plim_machine_row *r = &o->m->rows[row];
    return !o->is_hidden[row] && !is_alone(r->place) && !is_silent(r);
}

static bool has_rows(const page_out *o, plim_place place)
{
    for (size_t i = 0; i < o->m->row_count; i++) {
        if (o->m->rows[i].place == place) {
            return true;
        }
    }
    return false;
}

/* Parts of the process that was asked for go last. */
static bool goes_before(const plim_machine_row *a, const plim_machine_row *b)
{
    const bool a_is_own = a->place == PLIM_PLACE_PROCESS, b_is_own = b->place == PLIM_PLACE_PROCESS;
    return a_is_own != b_is_own ? b_is_own : magnitude(a->now_bytes) < magnitude(b->now_bytes);
}

/* Hides the smallest parts until the page fits; @fixed lines are not parts. */
static void fit(page_out *o, size_t fixed)
{
    const plim_machine_row *rows = o->m->rows;
    size_t parts = 0;
    for (size_t i = 0; i < o->m->row_count; i++) {
        parts += is_part(o, i);
    }
    while (o->style->rows && parts && fixed + parts + (o->hidden_count > 0) > o->style->rows) {
        size_t least = PLIM_MACHINE_ROWS_MAX;
        for (size_t i = 0; i < o->m->row_count; i++) {
            if (is_part(o, i) &&
                (least == PLIM_MACHINE_ROWS_MAX || goes_before(&rows[i], &rows[least]))) {
                least = i;
            }
        }
        o->is_hidden[least] = true;
        o->hidden_count++;
        parts--;
    }
}

/* ---- the parts of a page ---- */

static void put_machine(page_out *o)
{
    const plim_machine *m = o->m;
    char a[24], b[24], when[32] = "", pressure[24] = "n/a", block[48] = "";
    time_t seconds = (time_t)(m->time_ms / 1000u);
    struct tm tm;
    if (localtime_r(&seconds, &tm)) {
        strftime(when, sizeof(when), "%Y-%m-%d %H:%M:%S", &tm);
    }
    if (m->pressure_centi != UINT32_MAX) {
        snprintf(pressure, sizeof(pressure), "%.1f %%", m->pressure_centi / 100.0);
    }
    if (m->largest_free_bytes) {
        snprintf(block, sizeof(block), "   largest free block %s",
                 size(o, m->largest_free_bytes, a, sizeof(a)));
    }
    put(o, "%s%.30s%s   %s%s", paint(o, BOLD), m->board[0] ? m->board : "this machine",
        paint(o, PLAIN), when, block);
    put(o, "MemTotal %s   available %s   memory pressure %s", size(o, m->total_bytes, a, sizeof(a)),
        size(o, m->available_bytes, b, sizeof(b)), pressure);
}

static void put_heat(page_out *o)
{
    for (size_t i = 0; i < o->heat.count; i++) {
        const bool is_red = i == 0 && o->m->heat.throttled == 1;
        put(o, "%s%s%s", is_red ? paint(o, RED) : "", o->heat.lines[i],
            is_red ? paint(o, PLAIN) : "");
    }
}

static const char *limit(const page_out *o, uint64_t bytes, char *buffer, size_t room)
{
    return bytes == PLIM_UNKNOWN_BYTES ? "none" : size(o, bytes, buffer, room);
}

static void put_process(page_out *o)
{
    const plim_machine *m = o->m;
    const plim_account *a = &m->account;
    char x[24], y[24], z[24];
    if (m->pid == 0) {
        return;
    }
    put(o, "%s", "");
    put(o, "%s%s (%" PRIu32 ")%s", paint(o, BOLD), m->program, m->pid, paint(o, PLAIN));
    if (m->has_account) {
        put(o, "account   charged %s of %s, peak %s; %" PRIu64 " refused%s",
            size(o, a->used_bytes, x, sizeof(x)), size(o, a->cap_bytes, y, sizeof(y)),
            size(o, a->peak_bytes, z, sizeof(z)), a->refusal_count, a->sealed ? "; sealed" : "");
    } else {
        put(o, "account   none is published: what the kernel says");
    }
    put(o, "kernel    resident %s, at most %s; swapped %s", size(o, m->rss_bytes, x, sizeof(x)),
        size(o, m->rss_peak_bytes, y, sizeof(y)), size(o, m->swap_bytes, z, sizeof(z)));
    put(o, "limits    cgroup %s, address space %s, locked pages %s",
        m->has_cgroup ? limit(o, m->limit_cgroup_bytes, x, sizeof(x)) : "n/a",
        limit(o, m->limit_address_bytes, y, sizeof(y)),
        limit(o, m->limit_locked_bytes, z, sizeof(z)));
    if (m->declared_bytes) {
        put(o, "declared  %s for frameworks and the system: they lie in other rows",
            size(o, m->declared_bytes, x, sizeof(x)));
    }
}

/* The sum of a place of which nothing is known is not 0. */
static int64_t sum_of(const page_out *o, plim_place place)
{
    for (size_t i = 0; i < o->m->row_count; i++) {
        if (o->m->rows[i].place == place && o->m->rows[i].now_bytes != PLIM_REPORT_NONE) {
            return plim_machine_sum(o->m, place);
        }
    }
    return PLIM_REPORT_NONE;
}

static void put_place(page_out *o, plim_place place)
{
    char name[96];
    const live_seen *seen = live_track_find(o->track, place, "");
    const plim_machine_row *only = NULL;
    for (size_t i = 0; i < o->m->row_count; i++) {
        only = o->m->rows[i].place == place ? &o->m->rows[i] : only;
    }
    snprintf(name, sizeof(name), "%s", plim_place_name(place));
    if (place == PLIM_PLACE_PROCESS) {
        snprintf(name, sizeof(name), "%.40s (%" PRIu32 ")", o->m->program, o->m->pid);
    } else if (place == PLIM_PLACE_OTHERS && o->m->unreadable_count) {
        snprintf(name, sizeof(name), "%s (%" PRIu32 ", %" PRIu32 " unread)",
                 o->m->pid ? "others" : "processes", o->m->process_count, o->m->unreadable_count);
    } else if (place == PLIM_PLACE_OTHERS) {
        snprintf(name, sizeof(name), "%s (%" PRIu32 ")",
                 o->m->pid ? "other processes" : "processes", o->m->process_count);
    }
    const bool alone = is_alone(place);
    put_line(o, &(page_line){.name = name,
                             .known = alone && only ? plim_known_text(only->known) : "",
                             .code = BOLD,
                             .now = sum_of(o, place),
                             .peak = o->style->has_change && seen ? seen->peak : PLIM_REPORT_NONE,
                             .change = seen ? seen->change : PLIM_REPORT_NONE,
                             .has_share = true});
}

static void put_parts(page_out *o, plim_place place)
{
    for (size_t i = 0; i < o->m->row_count; i++) {
        const size_t at = o->order[i];
        const plim_machine_row *r = &o->m->rows[at];
        if (r->place == place && is_part(o, at)) {
            put_line(o, &(page_line){.name = r->name,
                                     .known = plim_known_text(r->known),
                                     .code = "",
                                     .now = r->now_bytes,
                                     .peak = r->peak_bytes,
                                     .change = change_of(o, r),
                                     .indent = 2,
                                     .has_share = place != PLIM_PLACE_OUTSIDE});
        }
    }
}

static void put_rule(page_out *o)
{
    char rule[LIVE_COLUMNS + 1];
    size_t n = o->style->columns < LIVE_COLUMNS ? o->style->columns : LIVE_COLUMNS;
    memset(rule, '-', n);
    rule[n] = 0;
    put(o, "%s", rule);
}

static void put_peers(page_out *o)
{
    char a[24], b[24], c[24];
    if (o->m->pid) {
        return;
    }
    put(o, "%s", "");
    if (o->m->peer_count == 0) {
        put(o, "No process that may be read publishes an account.");
        return;
    }
    put(o, "%s%-32s%12s%12s%12s%12s%s", paint(o, DIM), "Plimsoll processes", "pid", "charged",
        "peak", "cap", paint(o, PLAIN));
    for (size_t i = 0; i < o->m->peer_count; i++) {
        const plim_machine_peer *p = &o->m->peers[i];
        put(o, "%-32s%12" PRIu32 "%12s%12s%12s", p->program, p->pid,
            size(o, p->used_bytes, a, sizeof(a)), size(o, p->peak_bytes, b, sizeof(b)),
            size(o, p->cap_bytes, c, sizeof(c)));
    }
    put(o, "memreport live --pid PID opens one up.");
}

/* Lines that are there whatever the rows are. */
static size_t fixed_lines(const page_out *o)
{
    const plim_machine *m = o->m;
    size_t n = 2 + 2 + 2; /* the machine; a blank and the head; the rule and the total */
    n += o->heat.count;
    n += m->pid ? 5u + (m->declared_bytes != 0) : 0u;
    for (unsigned place = 0; place < PLIM_PLACE_OUTSIDE; place++) {
        n += has_rows(o, (plim_place)place);
    }
    n += m->pid ? 0 : m->peer_count ? 3 + m->peer_count : 2;
    return n + 1 + (m->damaged_count > 0); /* "not in the sum" */
}

void live_page_fill(live_page *self, const plim_machine *m, const live_track *track,
                    const live_style *style)
{
    page_out out = {.page = self, .m = m, .track = track, .style = style};
    page_out *o = &out;
    const bool is_wide = style->columns >= WIDE_COLUMNS;
    self->count = 0;
    o->name_columns = is_wide ? 44 : 32;
    sort_rows(o);
    heat_text_fill(&o->heat, &m->heat);
    fit(o, fixed_lines(o));
    put_machine(o);
    put_heat(o);
    put_process(o);
    put(o, "%s", "");
    put(o, "%s%-*s%12s%12s%12s  %s%s%s", paint(o, DIM), o->name_columns, "", "now", "peak",
        style->has_change || is_wide ? "change" : "share", "known by", is_wide ? "      share" : "",
        paint(o, PLAIN));
    for (unsigned place = 0; place < PLIM_PLACE_OUTSIDE; place++) {
        if (has_rows(o, (plim_place)place)) {
            put_place(o, (plim_place)place);
            put_parts(o, (plim_place)place);
        }
    }
    if (o->hidden_count) {
        put(o, "%s  %zu smaller parts do not fit on this screen%s", paint(o, DIM), o->hidden_count,
            paint(o, PLAIN));
    }
    put_rule(o);
    put_line(o, &(page_line){.name = "MemTotal, the sum of all lines",
                             .known = "kernel",
                             .code = BOLD,
                             .now = (int64_t)m->total_bytes,
                             .peak = PLIM_REPORT_NONE,
                             .change = PLIM_REPORT_NONE,
                             .has_share = true});
    put(o, "%snot in the sum%s", paint(o, DIM), paint(o, PLAIN));
    put_parts(o, PLIM_PLACE_OUTSIDE);
    if (m->damaged_count) {
        put(o, "%" PRIu32 " lines of the system could not be believed, and are in no row",
            m->damaged_count);
    }
    put_peers(o);
}
