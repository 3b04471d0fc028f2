/* SPDX-License-Identifier: Apache-2.0 */
/* memreport.h - what the parts of memreport share. */
#ifndef TOOLS_MEMREPORT_MEMREPORT_H
#define TOOLS_MEMREPORT_MEMREPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "plimsoll/report.h"

enum {
    REPORT_OK = 0,
    REPORT_OVER = 1,
    REPORT_USAGE = 2,
    REPORT_INCOMPLETE = 3,
    REPORT_NOTHING = 4,
    REPORT_INTERNAL = 5,
};

typedef struct request {
    const char *file;
    const char *root, *snapshot, *capture; /* root "": this machine; the others may be NULL */
    uint64_t fail_over;
    bool json, si;
} request;

int show(const request *r);            /* a report from a file, with its run when there is one */
int host(const request *r);            /* the machine: what it is, and its kernel's figures */
int capture_command(const request *r); /* its files, as a folder that stands for it */
int report_print(const request *r, const plim_report *report);
int report_verdict(const request *r, const plim_report *report);
/* "512 MiB", "1GB"; false: no size with a unit. */
bool report_to_size(const char *text, uint64_t *out);
int report_refuse(const char *doing, const plim_error *err);
/* Standard output to its end: @code, or INTERNAL and a word about it when that failed. */
int report_finish(int code);

#endif
