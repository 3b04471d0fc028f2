/* SPDX-License-Identifier: Apache-2.0 */
/* tool.h - what the commands of plimsoll share: exit codes, options, output, progress. */
#ifndef TOOLS_PLIMSOLL_TOOL_H
#define TOOLS_PLIMSOLL_TOOL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "plimsoll/plimsoll.h"
#include "src/tools/sizes.h"

typedef enum tool_exit {
    TOOL_OK = 0,
    TOOL_NO = 1,         /* over the cap, does not fit, verification or comparison failed */
    TOOL_USAGE = 2,      /* the command line or the manifest is wrong */
    TOOL_INCOMPLETE = 3, /* a report was printed, but parts could not be read */
    TOOL_NOTHING = 4,    /* nothing could be read: missing file, wrong format, absent backend */
    TOOL_INTERNAL = 5,   /* the system failed: memory, disk, a library */
} tool_exit;

/* ---- options: one table a command ---- */

typedef enum option_kind {
    OPTION_FLAG = 0,  /* bool */
    OPTION_TEXT = 1,  /* const char * */
    OPTION_SIZE = 2,  /* uint64_t, "256 MiB" */
    OPTION_COUNT = 3, /* uint64_t */
    OPTION_MANY = 4,  /* option_list: may be given several times */
    OPTION_MAYBE = 5, /* const char *: "" alone, else what stands behind '=' */
} option_kind;

typedef struct option_list {
    const char *at[32];
    size_t count;
} option_list;

typedef struct option {
    const char *name; /* "--cap" or "-o" */
    option_kind kind;
    void *out;
    const char *value_name; /* "SIZE"; NULL for a flag */
    const char *text;       /* one line of help */
} option;

typedef struct command {
    const char *name;    /* "plan" */
    const char *usage;   /* "plan [options] MANIFEST" */
    const char *summary; /* one line */
    const char *more;    /* paragraphs after the options, may be NULL */
} command;

/* Fills in the options; what is left are operands, compacted to the front of @argv.
 * Returns false when the command is over, with *@code what to exit with (--help: 0). */
bool options_parse(const command *c, const option *options, size_t count, int argc, char **argv,
                   option_list *operands, tool_exit *code);
/* "plimsoll plan: <message>" and how to get help; returns TOOL_USAGE. */
tool_exit usage_error(const command *c, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

bool count_parse(const char *text, uint64_t *out);
/* The word of a NULL-terminated list that was probably meant; NULL when none is near. */
const char *nearest_word(const char *word, const char *const *words);

/* ---- output ---- */

/* Prints a refusal to stderr and picks the exit code for its status. */
tool_exit tool_refuse(const char *doing, const plim_error *err);
tool_exit tool_code(plim_status status);
bool tool_color(FILE *to);       /* a terminal, and NO_COLOR is not set */
uint32_t tool_columns(FILE *to); /* of the terminal, 80 when it is none */
/* Sink for the report writers; @context is a FILE *. */
bool tool_file_sink(void *context, const char *text, size_t text_bytes);
/* A size in a buffer of its own; eight may be alive at once. */
const char *tool_size(uint64_t bytes);
void json_text(FILE *to, const char *text); /* quoted and escaped */

/* A line on stderr that is rewritten in place; quiet when stderr is no terminal. */
typedef struct progress {
    char label[64];
    uint64_t last_ns;
    bool is_on, is_shown;
} progress;
void progress_begin(progress *self, const char *label);
void progress_bytes(void *self, uint64_t done_bytes, uint64_t total_bytes);
void progress_steps(progress *self, uint64_t done, uint64_t total);
void progress_end(progress *self);

/* ---- commands ---- */

tool_exit cmd_import(int argc, char **argv);
tool_exit cmd_pack(int argc, char **argv);
tool_exit cmd_verify(int argc, char **argv);
tool_exit cmd_check(int argc, char **argv);
tool_exit cmd_plan(int argc, char **argv);
tool_exit cmd_pack_plan(int argc, char **argv);
tool_exit cmd_policy(int argc, char **argv);
tool_exit cmd_replay(int argc, char **argv);
tool_exit cmd_settings(int argc, char **argv);
tool_exit cmd_run(int argc, char **argv);
tool_exit cmd_doctor(int argc, char **argv);

#endif
