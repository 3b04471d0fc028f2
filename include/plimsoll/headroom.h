/* SPDX-License-Identifier: Apache-2.0 */
/* headroom.h - how much can be had right now where CPU and GPU share one DRAM, and why not more.
 *
 * There is no single figure for "free" on such a machine, so there are walls: the machine's own
 * pages, the GPU driver's bound, a limit of every control group on the way up, the kernel's commit
 * limit, the process's limits. Each wall is a sum of rows with their sources; the lowest wall
 * binds, and what holds for all of them comes off it: reserve, leases, pinned pages, the page
 * tables of what is promised.
 *
 * A promise is meant to be kept: what may not come loose is not counted. Swap never counts, on a
 * disk or in zram, for GPU pages or the host's: GPU pages cannot be swapped, zram lies in the
 * same DRAM, and an engine that waits for a disk has failed already. A figure that cannot be
 * read is named in a row and makes the promise smaller where it can, never larger.
 * It is a reading, not a reservation: what others take afterwards is gone.
 */
#ifndef PLIMSOLL_HEADROOM_H
#define PLIMSOLL_HEADROOM_H

#include <stdbool.h>

#include "plimsoll/facts.h"
#include "plimsoll/status.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLIM_HEADROOM_WALLS_MAX  24u
#define PLIM_HEADROOM_ROWS_MAX   160u
#define PLIM_HEADROOM_EVERY_WALL UINT32_MAX /* of a row: comes off whichever wall binds */

/* X(name, number, text): numbers and texts are stable, they are published in JSON. */
#define PLIM_WALL_LIST(X)                                                                          \
    X(MACHINE, 0, "machine")                                                                       \
    X(DRIVER, 1, "GPU driver")                                                                     \
    X(GROUP, 2, "control group")                                                                   \
    X(GROUP_HIGH, 3, "control group, high")                                                        \
    X(GROUP_SWAP, 4, "control group, with swap")                                                   \
    X(COMMIT, 5, "commit limit")                                                                   \
    X(ADDRESS, 6, "address space")                                                                 \
    X(DATA, 7, "data segment")                                                                     \
    X(LOCKED, 8, "locked memory")

typedef enum plim_wall {
#define PLIM_WALL_ENUM(name, number, text) PLIM_WALL_##name = (number),
    PLIM_WALL_LIST(PLIM_WALL_ENUM)
#undef PLIM_WALL_ENUM
} plim_wall;

typedef enum plim_headroom_kind {
    PLIM_HEADROOM_COUNTED = 0, /* part of its wall's sum */
    PLIM_HEADROOM_NOTE = 1,    /* said for people, in no sum: swap, what is counted already */
    PLIM_HEADROOM_MISSING = 2, /* could not be read; bytes is 0 */
} plim_headroom_kind;

typedef struct plim_headroom_row {
    uint32_t wall; /* index into walls, or PLIM_HEADROOM_EVERY_WALL */
    plim_headroom_kind kind;
    int64_t bytes;   /* > 0 gives room, < 0 takes it */
    char name[48];   /* "available, kernel's estimate" */
    char source[96]; /* "/proc/meminfo MemAvailable"; a long path loses its middle */
} plim_headroom_row;

typedef struct plim_headroom_wall {
    plim_wall kind;
    bool binds;          /* it can hold what was asked for; else it is shown only */
    uint64_t room_bytes; /* sum of its counted rows, 0 when they add up to less */
    char name[96];       /* the group's folder; else as plim_wall_name */
} plim_headroom_wall;

/* Are GPU pages charged to the control group? A fact of the driver, not of the version: probe. */
typedef enum plim_charged {
    PLIM_CHARGED_UNKNOWN = 0,
    PLIM_CHARGED_NO = 1,
    PLIM_CHARGED_YES = 2,
} plim_charged;

/* How the largest single block is known. */
typedef enum plim_block_known {
    PLIM_BLOCK_PAGED = 0,   /* pages need not lie side by side: all of it */
    PLIM_BLOCK_DRIVER = 1,  /* the driver refuses more than its own bound at once */
    PLIM_BLOCK_RELEASE = 2, /* a defect of this release of the driver */
    PLIM_BLOCK_GUESS = 3,   /* the release could not be read: taken as the one with the defect */
} plim_block_known;

typedef struct plim_headroom_opts {
    size_t struct_size;
    const char *root;         /* a folder with a captured proc and sys; NULL: this machine */
    uint32_t pid;             /* who is to allocate; 0: this process */
    bool for_gpu;             /* pages of a GPU that shares the DRAM; else ordinary pages */
    bool is_locked;           /* they are to be locked: the limit of locked memory binds */
    plim_charged gpu_charged; /* what plim_gpu_charge_probe found; UNKNOWN: groups bind */
    uint64_t reserve_bytes;   /* to stay free for everybody else */
    uint64_t lease_bytes;     /* promised to others and not taken yet */
    uint64_t pinned_bytes;    /* page cache that a driver has pinned: it only looks reclaimable */
} plim_headroom_opts;

PLIM_DEFAULTS plim_headroom_opts plim_headroom_opts_default(void)
{
    plim_headroom_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* Plain and large (some 27 KB): static or in a region, not on a small stack. */
typedef struct plim_headroom {
    uint64_t allocatable_bytes;
    uint64_t largest_block_bytes; /* one allocation; never more than allocatable_bytes */
    plim_block_known largest_block_known;
    plim_charged gpu_charged;
    uint64_t contiguous_bytes; /* largest free run of pages (buddyinfo); UINT64_MAX: not known */
    uint64_t read_ns;          /* when, on the monotonic clock; plim_headroom_age_ns */
    uint64_t group_limit_bytes, group_usage_bytes; /* tightest group; limit UINT64_MAX: none */
    uint32_t group_version;                        /* 1, 2; 0: none is mounted */
    uint32_t binding;                              /* index into walls */
    uint32_t missing_count;                        /* rows of kind MISSING */
    uint32_t wall_count, row_count;
    plim_headroom_wall walls[PLIM_HEADROOM_WALLS_MAX];
    plim_headroom_row rows[PLIM_HEADROOM_ROWS_MAX];
} plim_headroom;

/* plim_headroom_read - what can be had now.
 *
 * allocatable_bytes is room_bytes of the binding wall plus the rows of EVERY_WALL, and no less
 * than 0.
 * Owns:    borrows all; gives nothing.
 * Threads: any.
 * Cost:    some 20 small files, and 4 for each control group on the way up; opens no device but
 *          nvmap's, and that only on this machine.
 * Errors:  E_IO no meminfo; E_FORMAT it has neither MemAvailable nor MemFree; E_RANGE more walls
 *          or rows than fit. */
PLIM_API PLIM_MUST_USE plim_status plim_headroom_read(const plim_headroom_opts *opts,
                                                      plim_headroom *out, plim_error *err);

/* plim_headroom_age_ns - how old the reading is on this machine; 0 for a clock that went back. */
PLIM_API uint64_t plim_headroom_age_ns(const plim_headroom *self);

/* plim_headroom_facts - note memory.allocatable, memory.largest_free, memory.gpu_charged and the
 * cgroup's facts, as READ. */
PLIM_API void plim_headroom_facts(const plim_headroom *self, plim_facts *facts);

PLIM_API const char *plim_wall_name(plim_wall wall); /* "?" for a number that is none */
PLIM_API const char *plim_block_known_text(plim_block_known known);
PLIM_API const char *plim_charged_text(plim_charged charged); /* "unknown", "no", "yes" */

/* ---- is GPU memory charged? ---- */

typedef struct plim_gpu_charge_opts {
    size_t struct_size;
    const char *library;  /* NULL: libcuda.so.1 */
    uint64_t block_bytes; /* of each of the two allocations; 0: 64 MiB */
    uint64_t limit_ms;    /* 0: 20 s; then the child is ended and the answer is unknown */
    bool is_pinned_host;  /* ask about cuMemAllocHost instead of cuMemAlloc */
} plim_gpu_charge_opts;

PLIM_DEFAULTS plim_gpu_charge_opts plim_gpu_charge_opts_default(void)
{
    plim_gpu_charge_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

typedef struct plim_gpu_charge {
    plim_charged charged;
    uint64_t block_bytes;   /* asked for, twice */
    int64_t grown_bytes[2]; /* of the group's count, for each; 0 when it came to none */
    char how[128];          /* the group's folder, or why nobody knows */
} plim_gpu_charge;

/* plim_gpu_charge_probe - allocate through the driver in a child process, and look at its group.
 *
 * Both allocations must tell the same: at least 3/4 of it charged is yes, at most 1/8 is no,
 * anything else is unknown, as is everything that goes wrong on the way. The driver is initialised
 * in the child only, and the child is gone before this returns.
 * Owns:    borrows all; gives nothing.
 * Threads: forks; call it before threads start. A child that hangs on a lock of another thread is
 *          ended at limit_ms.
 * Cost:    a context of the driver, and 2 x block_bytes for a moment.
 * Errors:  E_ARG; E_IO the system refused a process. */
PLIM_API PLIM_MUST_USE plim_status plim_gpu_charge_probe(const plim_gpu_charge_opts *opts,
                                                         plim_gpu_charge *out, plim_error *err);

#ifdef __cplusplus
}
#endif
#endif
