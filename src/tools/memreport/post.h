/* SPDX-License-Identifier: Apache-2.0 */
/* post.h - what the parts of memreport post share. */
#ifndef TOOLS_MEMREPORT_POST_H
#define TOOLS_MEMREPORT_POST_H

#include <stdbool.h>
#include <stdio.h>

#include "plimsoll/black_box.h"

#define POST_SCHEMA "memreport-post/1"

typedef enum post_end { POST_CLOSED, POST_KILLED, POST_RUNNING } post_end;

typedef struct post {
    const char *path;
    bool json, si;
    uint64_t last; /* events, and refusals, that are shown; 0: all */
    uint64_t fail_over;

    plim_box_reader box;
    post_end end;
    bool is_this_boot;            /* the machine has not been started anew since */
    bool is_complete;             /* nothing damaged, nothing missing */
    uint64_t end_ns, end_wall_ns; /* closed, or the last that is known */
    uint64_t read_count, line_count, refusal_count;
    plim_account account;
    plim_account_row *rows; /* account.row_count of them */
} post;

/* memreport post: -1 when the command line is not about it, else the exit code. */
int post_main(int argc, char **argv);

/* The next record of a kind. False: no more. */
bool post_next(post *self, plim_box_kind kind, plim_box_record *out);
/* Goes to the first of the last ones of a kind (self->last; 0: the first of all), of which there
 * are @count; returns how many are left to read. */
uint64_t post_to_last(post *self, plim_box_kind kind, uint64_t count);

void post_print(post *self, FILE *to, uint32_t columns);
void post_json(post *self, FILE *to);

#endif
