/* SPDX-License-Identifier: Apache-2.0 */
/* post_print.c - a black box for a person: who, how it ended, the account, refusals, events.
 *
 * Times are shown as so long before the end, because that is what one asks. Text out of the file
 * is a stranger's: control characters are shown as '?', so that no box can steer a terminal.
 */
#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "plimsoll/report.h"
#include "plimsoll/runtime.h"
#include "src/tools/memreport/post.h"

#define LINE_ROOM 4096

static void put_safe(FILE *to, const char *text)
{
    for (const unsigned char *at = (const unsigned char *)text; *at; at++) {
        bool is_c1 = at[0] == 0xc2 && at[1] >= 0x80 && at[1] < 0xa0;
        putc(*at < 0x20 || *at == 0x7f || is_c1 ? '?' : *at, to);
        at += is_c1;
    }
}

/* Into a line that is cut at its room; always terminated. */
typedef struct line_text {
    char text[LINE_ROOM];
    size_t used;
} line_text;

__attribute__((format(printf, 2, 3))) static void add(line_text *line, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(line->text + line->used, sizeof(line->text) - line->used, format, args);
    va_end(args);
    size_t room = sizeof(line->text) - line->used - 1;
    line->used += n < 0 ? 0 : (size_t)n < room ? (size_t)n : room;
}

/* A whole line, cut to the terminal (0: not) between two characters. */
static void put_line(FILE *to, line_text *line, uint32_t columns)
{
    size_t seen = 0, at = 0;
    while (columns && line->text[at] && seen < columns) {
        at++;
        seen += (line->text[at] & 0xc0) != 0x80;
    }
    if (columns && line->text[at]) {
        line->text[at] = 0;
    }
    put_safe(to, line->text);
    putc('\n', to);
}

static const char *bytes_text(const post *p, uint64_t bytes, char room[24])
{
    return plim_bytes_format(bytes, p->si, room, 24);
}

/* "412 ms", "3.2 s", "4 min 10 s", "2 h 5 min", "3 d 4 h" */
static const char *span(uint64_t ns, char room[32])
{
    uint64_t s = ns / 1000000000u;
    if (s == 0) {
        snprintf(room, 32, "%" PRIu64 " ms", ns / 1000000u);
    } else if (s < 60) {
        snprintf(room, 32, "%.1f s", (double)ns / 1e9);
    } else if (s < 3600) {
        snprintf(room, 32, "%" PRIu64 " min %" PRIu64 " s", s / 60, s % 60);
    } else if (s < 86400) {
        snprintf(room, 32, "%" PRIu64 " h %" PRIu64 " min", s / 3600, s % 3600 / 60);
    } else {
        snprintf(room, 32, "%" PRIu64 " d %" PRIu64 " h", s / 86400, s % 86400 / 3600);
    }
    return room;
}

static const char *date(uint64_t wall_ns, char room[40])
{
    time_t seconds = (time_t)(wall_ns / 1000000000u);
    struct tm tm;
    if (!gmtime_r(&seconds, &tm) || strftime(room, 40, "%Y-%m-%d %H:%M:%S UTC", &tm) == 0) {
        snprintf(room, 40, "?");
    }
    return room;
}

static uint64_t before_end(const post *p, uint64_t ns)
{
    return ns < p->end_ns ? p->end_ns - ns : 0;
}

/* ---- parts ---- */

static void print_head(const post *p, FILE *to)
{
    const plim_box_facts *f = &p->box.facts;
    char when[40], length[32];
    put_safe(to, f->program[0] ? f->program : "?");
    fprintf(to, "   pid %" PRIu32 "   ", f->pid);
    put_safe(to, f->board[0] ? f->board : "board not known");
    fputs("   plimsoll ", to);
    put_safe(to, f->version);
    fprintf(to, "\nstarted   %s\n", date(f->start_wall_ns, when));
    fprintf(to, p->end == POST_RUNNING ? "until     %s" : "ended     %s",
            date(p->end_wall_ns, when));
    fprintf(to, ", after %s: ", span(before_end(p, f->start_ns), length));
    if (p->end == POST_RUNNING) {
        fputs("still running\n", to);
    } else if (p->end == POST_CLOSED) {
        put_safe(to, f->close_reason);
        putc('\n', to);
    } else if (p->is_this_boot) {
        fputs("killed, or it crashed; this is its last record\n", to);
    } else {
        fputs("killed, or the machine went down; this is the last record,\n"
              "          and the machine was started anew since\n",
              to);
    }
}

static void add_hertz(line_text *line, const char *name, int64_t hertz)
{
    if (hertz != PLIM_BOX_UNKNOWN) {
        add(line, "   %s %.0f MHz", name, (double)hertz / 1e6);
    }
}

/* The last look at the sensors; nothing where there was none or none answered. */
static void print_sensors(post *p, FILE *to, uint32_t columns)
{
    plim_box_record r;
    plim_box_telemetry last = {.hottest = PLIM_BOX_UNKNOWN};
    uint64_t ns = 0;
    char length[32];
    plim_box_rewind(&p->box);
    while (post_next(p, PLIM_BOX_TELEMETRY, &r)) {
        last = r.as.telemetry;
        ns = r.ns;
    }
    line_text line = {.used = 0};
    add(&line, "sensors   %s before:", span(before_end(p, ns), length));
    size_t empty = line.used;
    if (ns && last.hottest != PLIM_BOX_UNKNOWN) {
        add(&line, " %.1f C (%s)", (double)last.hottest / 1000.0, last.hottest_zone);
    }
    if (ns && last.throttled != PLIM_BOX_UNKNOWN) {
        add(&line, "   throttled %s", last.throttled ? "yes" : "no");
    }
    if (ns) {
        add_hertz(&line, "gpu", last.gpu_hertz);
        add_hertz(&line, "emc", last.emc_hertz);
        add_hertz(&line, "cpu", last.cpu_hertz);
    }
    if (ns && last.power != PLIM_BOX_UNKNOWN) {
        add(&line, "   %.1f W", (double)last.power / 1000.0);
    }
    if (line.used > empty) {
        put_line(to, &line, columns);
    }
}

static void print_damage(const post *p, FILE *to)
{
    char text[1024], a[24];
    if (!p->box.account) {
        plim_error_format(&p->box.account_why, text, sizeof(text));
        fprintf(to, "warning: the account cannot be read: %s\n", text);
    }
    if (p->box.facts.is_damaged) {
        fputs("warning: the box's own head is damaged: name, cap and times may be wrong\n", to);
    }
    if (p->box.is_recovered) {
        fputs("warning: the ring's ends were damaged and found again by a scan\n", to);
    }
    if (p->box.damaged_bytes && p->end != POST_RUNNING) {
        fprintf(to, "warning: %s of the record are damaged or missing\n",
                bytes_text(p, p->box.damaged_bytes, a));
    }
}

static void print_row(const post *p, FILE *to, const char *owner, const char *tag,
                      const uint64_t bytes[3])
{
    char a[24], b[24], c[24], name[80];
    snprintf(name, sizeof(name), "%s%s%s", owner, tag ? " / " : "", tag ? tag : "");
    fputs("  ", to);
    put_safe(to, name);
    fprintf(to, "%*s%12s %12s %12s\n", strlen(name) < 34 ? (int)(34 - strlen(name)) : 1, "",
            bytes_text(p, bytes[0], a), bytes_text(p, bytes[1], b), bytes_text(p, bytes[2], c));
}

static void print_under(const post *p, FILE *to)
{
    const plim_account *a = &p->account;
    char cap[24], peak[24], end[24], when[40], length[32];
    fprintf(to, "  under the cap of %s: %s at the peak, %s at the end\n",
            bytes_text(p, a->cap_bytes, cap), bytes_text(p, a->cap_bytes - a->peak_bytes, peak),
            bytes_text(p, a->cap_bytes - a->used_bytes, end));
    if (p->box.facts.peak_ns) {
        fprintf(to, "  peak noticed %s, %s before the end\n", date(p->box.facts.peak_wall_ns, when),
                span(before_end(p, p->box.facts.peak_ns), length));
    }
}

static void print_account(const post *p, FILE *to)
{
    uint64_t rest[3] = {p->account.used_bytes, p->account.peak_bytes, 0};
    if (!p->box.account) {
        return;
    }
    fprintf(to, "\n%-36s%12s %12s %12s\n", "account", "at the end", "at the peak", "its highest");
    for (size_t i = 0; i < p->account.row_count; i++) {
        const plim_account_row *r = &p->rows[i];
        print_row(p, to, r->owner, plim_tag_name(r->tag),
                  (const uint64_t[]){r->now_bytes, r->at_peak_bytes, r->peak_bytes});
        rest[0] -= r->now_bytes < rest[0] ? r->now_bytes : rest[0];
        rest[1] -= r->at_peak_bytes < rest[1] ? r->at_peak_bytes : rest[1];
    }
    if (rest[0] || rest[1]) {
        print_row(p, to, "between two entries at the time", NULL, rest);
    }
    print_row(
        p, to, "total", NULL,
        (const uint64_t[]){p->account.used_bytes, p->account.peak_bytes, p->account.peak_bytes});
    print_under(p, to);
}

/* "backbone: E_BUDGET: 512 MiB of weights wanted, 100 MiB of 8 GiB were free" */
static void say_refusal(const post *p, const plim_box_refusal *r, line_text *line)
{
    char want[24], have[24], limit[24];
    add(line, "%s%s%s: ", r->event, r->engine[0] ? ": " : "", r->engine);
    if (r->want_bytes || r->limit_bytes) {
        add(line, "%s wanted %s, %s of %s were free", r->what, bytes_text(p, r->want_bytes, want),
            bytes_text(p, r->have_bytes, have), bytes_text(p, r->limit_bytes, limit));
    } else {
        add(line, "%s", r->what);
    }
    add(line, " (%s)", plim_status_name((plim_status)r->status));
    if (r->os_errno) {
        add(line, ": %s", strerror(r->os_errno));
    }
    if (r->detail[0]) {
        add(line, ": %s", r->detail);
    }
}

static void print_holders(const post *p, FILE *to, const plim_holder *holders)
{
    char bytes[24];
    for (size_t i = 0; i < PLIM_ERROR_HOLDERS && holders[i].bytes; i++) {
        fprintf(to, "%15s held: %12s  ", "", bytes_text(p, holders[i].bytes, bytes));
        put_safe(to, holders[i].owner);
        fprintf(to, " / %s\n", plim_tag_name((plim_tag)holders[i].tag));
    }
}

static void print_refusals(post *p, FILE *to, uint32_t columns)
{
    plim_box_record r;
    char length[32];
    fprintf(to, "\nrefusals: ");
    if (p->box.account) {
        fprintf(to, "%" PRIu64 " counted by the account, ", p->account.refusal_count);
    }
    fprintf(to, "%" PRIu64 " recorded", p->refusal_count);
    uint64_t shown = post_to_last(p, PLIM_BOX_REFUSAL, p->refusal_count);
    fprintf(to, shown < p->refusal_count ? "; the last %" PRIu64 "\n" : "\n", shown);
    while (post_next(p, PLIM_BOX_REFUSAL, &r)) {
        line_text line = {.used = 0};
        add(&line, "  -%-12s ", span(before_end(p, r.ns), length));
        say_refusal(p, &r.as.refusal, &line);
        put_line(to, &line, columns);
        print_holders(p, to, r.as.refusal.holders);
    }
}

/* Members that are for machines, or are shown in front. */
static bool is_shown_elsewhere(const char *key)
{
    static const char *const KEYS[] = {"ts", "wall", "level", "event", "thread", "label"};
    for (size_t i = 0; i < sizeof(KEYS) / sizeof(KEYS[0]); i++) {
        if (strcmp(key, KEYS[i]) == 0) {
            return true;
        }
    }
    return false;
}

static void say_value(line_text *line, const char *key, json_t *value)
{
    char *text = NULL;
    if (json_is_string(value)) {
        const char *words = json_string_value(value);
        if (words[0]) {
            add(line, strchr(words, ' ') ? " %s=\"%s\"" : " %s=%s", key, words);
        }
        return;
    }
    text = json_dumps(value, JSON_COMPACT | JSON_ENCODE_ANY);
    if (text && strcmp(text, "[]") != 0) {
        add(line, " %s=%s", key, text);
    }
    free(text);
}

static void say_json(line_text *line, const char *text)
{
    json_t *root = json_loads(text, 0, NULL);
    const char *event = json_string_value(json_object_get(root, "event"));
    const char *label = json_string_value(json_object_get(root, "label"));
    if (!event) {
        add(line, "%s", text);
    } else {
        add(line, label && label[0] ? "%s [%s]" : "%s", event, label);
    }
    for (void *at = event ? json_object_iter(root) : NULL; at;
         at = json_object_iter_next(root, at)) {
        const char *key = json_object_iter_key(at);
        if (!is_shown_elsewhere(key)) {
            say_value(line, key, json_object_iter_value(at));
        }
    }
    json_decref(root);
}

static const char *level_name(uint32_t level)
{
    static const char *const NAMES[] = {"debug", "info", "warn", "error"};
    return level < 4 ? NAMES[level] : "?";
}

static void print_events(post *p, FILE *to, uint32_t columns)
{
    plim_box_record r;
    char length[32];
    uint64_t shown = post_to_last(p, PLIM_BOX_LINE, p->line_count);
    fprintf(to, "\nevents: the last %" PRIu64 " of %" PRIu64 "%s\n", shown, p->line_count,
            p->box.overwritten_bytes ? "; older ones were overwritten" : "");
    while (post_next(p, PLIM_BOX_LINE, &r)) {
        line_text line = {.used = 0};
        add(&line, "  -%-12s %-5s ", span(before_end(p, r.ns), length), level_name(r.level));
        say_json(&line, r.as.line);
        put_line(to, &line, columns);
    }
}

void post_print(post *p, FILE *to, uint32_t columns)
{
    print_head(p, to);
    print_sensors(p, to, columns);
    print_damage(p, to);
    print_account(p, to);
    print_refusals(p, to, columns);
    print_events(p, to, columns);
}
