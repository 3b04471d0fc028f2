/* SPDX-License-Identifier: Apache-2.0 */
/* report.h - where the memory goes: the facts memreport prints.
 *
 * A report is plain data: rows that add up to the kernel's own figure, with the rest called
 * unattributed (even when negative). The figure is what the kernel holds for the process: the
 * resident pages of its mappings, its page tables, and the page cache of the files that were
 * named. Each row says how it is known. Text and JSON writers go to a sink of the caller;
 * nothing here prints by itself.
 *
 * Rows of regions are measured page by page: what was charged but never touched shows as
 * charged, not as resident. A charge without a region (a reserve, a declared framework) has 0
 * resident bytes here, because its pages, if any, are in the heap or in mapped files.
 */
#ifndef PLIMSOLL_REPORT_H
#define PLIMSOLL_REPORT_H

#include "plimsoll/budget.h"
#include "plimsoll/platform.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_REPORT_ROWS_MAX  256
#define PLIM_REPORT_FILES_MAX 64

typedef enum plim_known {
    PLIM_KNOWN_TAGGED = 0,     /* charged in the account */
    PLIM_KNOWN_KERNEL = 1,     /* a counter of the kernel */
    PLIM_KNOWN_DIFFERENCE = 2, /* what is left over */
} plim_known;

typedef struct plim_report_row {
    char owner[PLIM_NAME_BYTES]; /* engine or part: "backbone", "process", "page cache" */
    char kind[PLIM_NAME_BYTES];  /* "weights", "heap", "code", "unattributed", a file's name */
    int64_t now_bytes;           /* resident now; only unattributed may be negative */
    int64_t peak_bytes;          /* at the account's peak; PLIM_REPORT_NONE when unknown */
    uint64_t charged_bytes;      /* committed in the account (may exceed resident) */
    plim_known known;
} plim_report_row;
#define PLIM_REPORT_NONE   INT64_MIN
#define PLIM_REPORT_SCHEMA "plimsoll-report/1"

typedef struct plim_report {
    uint32_t pid;
    char program[64];
    plim_account account;
    plim_process_memory process;
    bool has_cgroup;
    plim_cgroup_memory cgroup;
    uint64_t page_cache_bytes; /* of the files that were named to gather */
    int64_t total_now_bytes;   /* process.rss + page tables + page_cache_bytes */
    size_t row_count;
    plim_report_row rows[PLIM_REPORT_ROWS_MAX]; /* sum(now_bytes) == total_now_bytes */
} plim_report;

/* Writes @text_bytes of @text somewhere; false stops the writer. */
typedef bool (*plim_report_sink)(void *context, const char *text, size_t text_bytes);

typedef struct plim_report_text_opts {
    size_t struct_size;
    uint32_t columns; /* 0: 80 */
    bool color;
    bool si_units; /* MB instead of MiB */
} plim_report_text_opts;

PLIM_DEFAULTS plim_report_text_opts plim_report_text_opts_default(void)
{
    plim_report_text_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_report_gather_self - this process: its arena's regions are measured page by page.
 * @arena: NULL when there is none. @files: paths whose page-cache share belongs to the run
 * (artifacts, episode files); at most PLIM_REPORT_FILES_MAX, none of them mapped by the process.
 * Errors:  E_IO from proc; E_RANGE too many rows, regions or files. */
struct plim_arena;
PLIM_API PLIM_MUST_USE plim_status plim_report_gather_self(const struct plim_arena *arena,
                                                           const char *const *files,
                                                           size_t file_count, plim_report *out,
                                                           plim_error *err);

/* plim_report_gather_process - another process, from the account that it publishes
 * (@account_path; NULL: where its runtime publishes, if it does) and from the kernel. No root and
 * no debugger needed for one's own.
 * Its regions cannot be measured from outside: tagged rows hold what was charged, and the
 * difference to its anonymous pages is unattributed.
 * Errors:  E_NOT_FOUND no such process or file; E_IO; E_FORMAT not an account. */
PLIM_API PLIM_MUST_USE plim_status plim_report_gather_process(uint32_t pid,
                                                              const char *account_path,
                                                              plim_report *out, plim_error *err);

/* plim_bytes_format - "12.3 MiB", "831 B"; "n/a" for PLIM_UNKNOWN_BYTES. At most 15 bytes. */
PLIM_API const char *plim_bytes_format(uint64_t bytes, bool si_units, char *buffer,
                                       size_t buffer_bytes);

/* plim_report_text, plim_report_json - write to @sink. Errors:  E_IO  the sink said stop. */
PLIM_API PLIM_MUST_USE plim_status plim_report_text(const plim_report *report,
                                                    const plim_report_text_opts *opts,
                                                    plim_report_sink sink, void *context,
                                                    plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_report_json(const plim_report *report,
                                                    plim_report_sink sink, void *context,
                                                    plim_error *err);
/* plim_report_json_text - @text as a JSON string with its quotes, whatever its bytes are: what is
 * no UTF-8 becomes \u00XX. For tools that add keys of their own. False: the sink said stop. */
PLIM_API bool plim_report_json_text(const char *text, plim_report_sink sink, void *context);

/* plim_report_parse - read back what plim_report_json wrote; keys that it does not know are left
 * alone, so that a tool may add its own. Errors:  E_FORMAT  field names the key, detail the line;
 * rows that do not add up to the total are refused too. */
PLIM_API PLIM_MUST_USE plim_status plim_report_parse(const char *json, size_t json_bytes,
                                                     plim_report *out, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
