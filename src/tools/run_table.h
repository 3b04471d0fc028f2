/* SPDX-License-Identifier: Apache-2.0 */
/* run_table.h - the lines about a run that plimsoll prints when it ends, and memreport from its
 * report: the same table through the same code. */
#ifndef TOOLS_RUN_TABLE_H
#define TOOLS_RUN_TABLE_H

#include <stdbool.h>
#include <stdio.h>

#include "plimsoll/report.h"

/* One episode, or the mean or the maximum of all. Bytes; PLIM_UNKNOWN_BYTES: not known. */
typedef struct run_episode {
    const char *name;
    uint64_t frames;
    uint64_t video, state_action, other; /* if all of it were decoded */
    uint64_t held;                       /* at most, under the window */
    uint64_t peak;                       /* of the whole account */
    bool is_partial;                     /* it could not be read to its end */
} run_episode;

void run_table_head(FILE *to);
void run_table_line(FILE *to, const run_episode *e, bool si_units);

/* "within the load line: ..." - the last line of both tools. */
typedef struct run_verdict {
    uint64_t cap, account_peak, kernel_peak;
    bool color, si_units;
} run_verdict;
/* What the kernel held for the process: resident pages at their peak, and page tables. */
uint64_t run_kernel_peak(const plim_report *report);
bool run_verdict_is_within(const run_verdict *v);
void run_verdict_print(FILE *to, const run_verdict *v);

#endif
