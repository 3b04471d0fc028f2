/* SPDX-License-Identifier: Apache-2.0 */
/* memreport.h - what the parts of memreport share. */
#ifndef TOOLS_MEMREPORT_MEMREPORT_H
#define TOOLS_MEMREPORT_MEMREPORT_H

#include <stdbool.h>
#include <stdio.h>

#include "plimsoll/report.h"
#include "src/tools/sizes.h"

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
/* A report or a recording of frames: a regular file or "-", never one that makes its reader wait.
 * Errors:  E_NOT_FOUND, E_IO, E_FORMAT. */
plim_status report_open(const char *path, FILE **out, plim_error *err);
void report_close(FILE *f);
int report_verdict(const request *r, const plim_report *report);
/* "memreport: " and the message, in which %s is @word, and how to get help; REPORT_USAGE. */
int report_usage(const char *format, const char *word);
int report_refuse(const char *doing, const plim_error *err);
/* Standard output to its end: @code, or INTERNAL and a word about it when that failed. */
int report_finish(int code);

#endif
