/* SPDX-License-Identifier: Apache-2.0 */
/* machine.h - MemTotal as a sum: every byte of the machine in one row, and one process opened up.
 *
 * The rows of all places but OUTSIDE add up to MemTotal exactly, because what no row explains is
 * a row of its own, printed even when it is negative. Each byte is counted once:
 *
 *   MemTotal = this process   its share (Pss) of anonymous, shared and file pages, its page
 *                             tables, what the GPU's driver holds for it
 *            + others         the shares of all processes that may be read
 *            + page cache     Cached + Buffers - Shmem, less what processes map
 *            + shared memory  Shmem, less what processes map
 *            + device driver  what nvmap or NVML say beyond this process; CMA that drivers hold
 *            + kernel         slab, stacks, page tables, per-CPU, vmalloc, zram, huge-page pool
 *            + free + unattributed
 *
 * A figure that the system does not give is PLIM_REPORT_NONE ("n/a") and adds nothing.
 * The counters are not read at one instant: what moved meanwhile shows as unattributed.
 */
#ifndef PLIMSOLL_MACHINE_H
#define PLIMSOLL_MACHINE_H

#include "plimsoll/heat.h"
#include "plimsoll/platform.h"
#include "plimsoll/report.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_MACHINE_ROWS_MAX   256u
#define PLIM_MACHINE_FILES_MAX  32u /* named by the caller */
#define PLIM_MACHINE_OTHERS_MAX 10u /* other processes with a row of their own */
#define PLIM_MACHINE_PEERS_MAX  16u /* processes that publish an account */
#define PLIM_MACHINE_NAME_BYTES 64u

/* X(name, number, text): numbers and texts are stable, they are published in JSON. */
#define PLIM_PLACE_LIST(X)                                                                         \
    X(PROCESS, 0, "this process")                                                                  \
    X(OTHERS, 1, "other processes")                                                                \
    X(CACHE, 2, "page cache")                                                                      \
    X(SHARED, 3, "shared memory")                                                                  \
    X(DEVICE, 4, "device driver")                                                                  \
    X(KERNEL, 5, "kernel")                                                                         \
    X(FREE, 6, "free")                                                                             \
    X(UNATTRIBUTED, 7, "unattributed")                                                             \
    X(OUTSIDE, 8, "not in the sum") /* swap, carveouts, parts of other rows */

typedef enum plim_place {
#define PLIM_PLACE_ENUM(name, number, text) PLIM_PLACE_##name = (number),
    PLIM_PLACE_LIST(PLIM_PLACE_ENUM)
#undef PLIM_PLACE_ENUM
        PLIM_PLACE_COUNT = 9
} plim_place;

typedef struct plim_machine_row {
    plim_place place;
    plim_known known;
    char name[PLIM_MACHINE_NAME_BYTES]; /* unique within its place */
    int64_t now_bytes;                  /* PLIM_REPORT_NONE: n/a */
    int64_t peak_bytes;                 /* PLIM_REPORT_NONE: n/a */
} plim_machine_row;

/* A process that publishes an account. */
typedef struct plim_machine_peer {
    uint32_t pid;
    char program[32];
    uint64_t used_bytes, peak_bytes, cap_bytes;
} plim_machine_peer;

typedef struct plim_machine {
    uint64_t time_ms;         /* since 1970 */
    uint64_t total_bytes;     /* MemTotal */
    uint64_t available_bytes; /* the kernel's estimate; PLIM_UNKNOWN_BYTES */
    char board[64];
    uint32_t pressure_centi; /* "some avg10" of memory, in hundredths of a percent; UINT32_MAX */
    uint32_t largest_free_count;
    uint64_t largest_free_bytes; /* largest free block of pages; 0: not known */
    uint32_t process_count, unreadable_count, damaged_count; /* lines that could not be read */
    /* The process that was asked for; pid 0: none. */
    uint32_t pid;
    bool has_account, has_cgroup;
    char program[PLIM_MACHINE_NAME_BYTES];
    uint64_t start_ticks; /* tells a number that is used again */
    plim_account account;
    uint64_t declared_bytes; /* charged for frameworks and reserves: in no row of their own */
    uint64_t rss_bytes, rss_peak_bytes, swap_bytes;                       /* PLIM_UNKNOWN_BYTES */
    uint64_t limit_cgroup_bytes, limit_address_bytes, limit_locked_bytes; /* UNKNOWN: none */
    size_t peer_count, row_count;
    plim_machine_peer peers[PLIM_MACHINE_PEERS_MAX];
    plim_machine_row rows[PLIM_MACHINE_ROWS_MAX];
    plim_heat heat; /* of the machine, read once with the rest */
} plim_machine;

typedef struct plim_machine_opts {
    size_t struct_size;
    const char *root;         /* a folder with a captured proc and sys; NULL: this machine */
    uint32_t pid;             /* 0: no process is opened up; those that publish are listed */
    const char *account_path; /* NULL: where the process publishes */
    const char *const *files; /* whose page cache gets rows, beside those that @pid has open */
    size_t file_count;
    bool with_gpu; /* ask NVML too; always asked on boards whose GPU shares memory through it */
} plim_machine_opts;

PLIM_DEFAULTS plim_machine_opts plim_machine_opts_default(void)
{
    plim_machine_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_machine_gather - fill @out.
 *
 * Needs no root for one's own processes; others are read where the kernel allows, and counted
 * where not. Memory is bounded whatever the number of processes.
 * Owns:    borrows all; gives nothing.
 * Threads: any.
 * Cost:    one small file for each process; the mappings of @pid; plim_heat_read's.
 * Errors:  E_NOT_FOUND no such process or account; E_FORMAT not an account, or no meminfo;
 *          E_RANGE too many rows or files; E_IO. */
PLIM_API PLIM_MUST_USE plim_status plim_machine_gather(const plim_machine_opts *opts,
                                                       plim_machine *out, plim_error *err);

/* "this process"; "?" for a number that is none. */
PLIM_API const char *plim_place_name(plim_place place);
/* "tagged", "kernel", "difference". */
PLIM_API const char *plim_known_text(plim_known known);
/* Sum over the rows of @place; rows that are n/a add nothing. */
PLIM_API int64_t plim_machine_sum(const plim_machine *machine, plim_place place);

/* plim_machine_json - one JSON object on one line, without its newline; schema memreport-live/1.
 * Errors:  E_IO  the sink said stop. */
#define PLIM_MACHINE_SCHEMA "memreport-live/1"
PLIM_API PLIM_MUST_USE plim_status plim_machine_json(const plim_machine *machine,
                                                     plim_report_sink sink, void *context,
                                                     plim_error *err);
/* plim_machine_parse - what plim_machine_json wrote; keys that it does not know are left alone.
 * Errors:  E_FORMAT  no such object, or its rows do not add up to the total; field is the key. */
PLIM_API PLIM_MUST_USE plim_status plim_machine_parse(const char *json, size_t json_bytes,
                                                      plim_machine *out, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
