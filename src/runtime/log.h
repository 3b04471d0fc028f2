/* SPDX-License-Identifier: Apache-2.0 */
/* log.h - JSON lines to one sink, and the text rules they keep. */
#ifndef RUNTIME_LOG_H
#define RUNTIME_LOG_H

#include <pthread.h>
#include <stdarg.h>

#include "plimsoll/runtime.h"
#include "src/runtime/box.h"

#define PLIM_LOG_LINE_BYTES 2048 /* the longest line, with its NUL */
#define PLIM_LABEL_BYTES    32

typedef struct plim_log {
    plim_log_level level;      /* lowest that goes anywhere */
    plim_log_level sink_level; /* lowest that goes to the sink; OFF without one */
    plim_log_sink sink;
    void *context;
    plim_black_box *box;  /* NULL: none; gets everything from info up */
    pthread_mutex_t lock; /* one line at a time */
    uint64_t line_count;  /* lines that were formatted; under the lock */
} plim_log;

void plim_log_init(plim_log *self, plim_log_level level, plim_log_sink sink, void *context);
/* plim_log_tee - lines of level info and above go to @box too, kept until deinit, before the sink
 * sees them. Not while others log. */
void plim_log_tee(plim_log *self, plim_black_box *box);
void plim_log_deinit(plim_log *self);
bool plim_log_is_on(const plim_log *self, plim_log_level level);
void plim_log_write(plim_log *self, plim_log_level level, const char *event, const char *format,
                    va_list args);
const char *plim_log_level_name(plim_log_level level);

/* The calling thread's label; lent until it changes. */
void plim_label_set(const char *label);
const char *plim_label_get(void);

/* Text that is built up in a fixed buffer: what does not fit sets is_cut and is left out. */
typedef struct plim_line {
    char *buffer;
    size_t room_bytes, used_bytes; /* used never reaches room: the NUL has its place */
    bool is_cut;
} plim_line;

void plim_line_init(plim_line *self, char *buffer, size_t room_bytes);
void plim_line_raw(plim_line *self, const char *bytes, size_t count);
/* As the inside of a JSON string: quotes, backslashes and controls are escaped, and bytes
 * that are not UTF-8 become \u00XX. A character is written whole or not at all. */
void plim_line_escaped(plim_line *self, const char *bytes, size_t count);
/* printf for the conversions c d i u x X o e f g s p and %%; a string argument is escaped.
 * Any other conversion ends the text and sets is_cut. */
void plim_line_format(plim_line *self, const char *format, va_list args);
void plim_line_say(plim_line *self, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Is @text a list of JSON members, "\"a\":1,\"b\":[true,null]"? Empty is. Depth at most 16. */
bool plim_json_members_are_valid(const char *text, size_t bytes);

#endif
