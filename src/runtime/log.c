/* SPDX-License-Identifier: Apache-2.0 */
/* log.c - JSON lines: {"ts":..,"wall":..,"level":..,"event":..,"label":..,"thread":.., members}.
 *
 * Decides what a line is. Promises that every line is one JSON object of at most 2047 bytes
 * whatever the arguments hold: string arguments are escaped, and a fragment that does not fit
 * or is not a member list is replaced by its own text, cut, with "cut": true.
 * A level that is off costs one comparison: nothing is formatted, nothing is allocated. A
 * line is formatted on the stack of the thread that logs, and given to the black box and to the
 * sink under the log's lock, so lines of threads never mix.
 */
#include "src/runtime/log.h"

#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define FRAGMENT_BYTES 1536 /* leaves room for the fixed fields with an event and a label */
#define EVENT_BYTES    64

static _Thread_local char thread_label[PLIM_LABEL_BYTES];
static _Thread_local long thread_number;

void plim_label_set(const char *label)
{
    size_t n = label ? strnlen(label, sizeof(thread_label) - 1) : 0;
    if (n) {
        memmove(thread_label, label, n);
    }
    thread_label[n] = 0;
}

const char *plim_label_get(void)
{
    return thread_label;
}

const char *plim_log_level_name(plim_log_level level)
{
    static const char *const names[] = {"debug", "info", "warn", "error", "off"};
    return (unsigned)level <= PLIM_LOG_OFF ? names[level] : "?";
}

void plim_log_init(plim_log *self, plim_log_level level, plim_log_sink sink, void *context)
{
    level = sink ? level : PLIM_LOG_OFF;
    *self = (plim_log){.level = level, .sink_level = level, .sink = sink, .context = context};
    pthread_mutex_init(&self->lock, NULL);
}

void plim_log_tee(plim_log *self, plim_black_box *box)
{
    self->box = box;
    self->level = self->level > PLIM_LOG_INFO ? PLIM_LOG_INFO : self->level;
}

void plim_log_deinit(plim_log *self)
{
    pthread_mutex_destroy(&self->lock);
}

bool plim_log_is_on(const plim_log *self, plim_log_level level)
{
    return level >= self->level && level < PLIM_LOG_OFF;
}

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* The fragment as it is when it is sound, else its text as a string that is. */
static void add_fragment(plim_line *line, const plim_line *fragment)
{
    bool is_sound =
        !fragment->is_cut && plim_json_members_are_valid(fragment->buffer, fragment->used_bytes);
    if (is_sound) {
        plim_line_raw(line, fragment->used_bytes ? "," : "", fragment->used_bytes ? 1 : 0);
        plim_line_raw(line, fragment->buffer, fragment->used_bytes);
        return;
    }
    char text[FRAGMENT_BYTES / 2];
    plim_line cut;
    plim_line_init(&cut, text, sizeof(text));
    plim_line_escaped(&cut, fragment->buffer, fragment->used_bytes);
    plim_line_raw(line, ",\"cut\":true,\"text\":\"", 20);
    plim_line_raw(line, cut.buffer, cut.used_bytes);
    plim_line_raw(line, "\"", 1);
}

void plim_log_write(plim_log *self, plim_log_level level, const char *event, const char *format,
                    va_list args)
{
    if (!plim_log_is_on(self, level)) {
        return;
    }
    char members[FRAGMENT_BYTES], buffer[PLIM_LOG_LINE_BYTES];
    plim_line fragment, line;
    plim_line_init(&fragment, members, sizeof(members));
    if (format) {
        plim_line_format(&fragment, format, args);
    }
    if (!thread_number) {
        thread_number = syscall(SYS_gettid);
    }
    char name[EVENT_BYTES * 2], label[PLIM_LABEL_BYTES * 6];
    plim_line event_text, label_text;
    plim_line_init(&event_text, name, sizeof(name));
    plim_line_escaped(&event_text, event ? event : "", event ? strnlen(event, EVENT_BYTES) : 0);
    plim_line_init(&label_text, label, sizeof(label));
    plim_line_escaped(&label_text, thread_label, strlen(thread_label));

    plim_line_init(&line, buffer, sizeof(buffer));
    pthread_mutex_lock(&self->lock);
    uint64_t ns = clock_ns(CLOCK_MONOTONIC), wall_ns = clock_ns(CLOCK_REALTIME);
    plim_line_say(&line, "{\"ts\":%llu,\"wall\":%llu,\"level\":\"%s\",\"event\":\"",
                  (unsigned long long)ns, (unsigned long long)wall_ns, plim_log_level_name(level));
    plim_line_raw(&line, name, event_text.used_bytes);
    plim_line_raw(&line, "\",\"label\":\"", 11);
    plim_line_raw(&line, label, label_text.used_bytes);
    plim_line_say(&line, "\",\"thread\":%ld", thread_number);
    add_fragment(&line, &fragment);
    plim_line_raw(&line, "}", 1);
    self->line_count++;
    if (self->box && level >= PLIM_LOG_INFO) { /* first: a sink may be where the process dies */
        plim_black_box_line(self->box, level, ns, wall_ns, line.buffer, line.used_bytes);
    }
    if (level >= self->sink_level) {
        self->sink(self->context, level, line.buffer, line.used_bytes);
    }
    pthread_mutex_unlock(&self->lock);
}
