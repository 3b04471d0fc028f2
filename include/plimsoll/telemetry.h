/* SPDX-License-Identifier: Apache-2.0 */
/* telemetry.h - how the machine is: temperatures, throttling, clocks, power, memory pressure.
 *
 * One thread reads the kernel's files once a second and publishes a plain sample; anyone reads
 * the newest one at any time, from any thread, without a lock and without waiting. A runtime owns
 * such a thread unless it is told not to (plim_runtime_opts.telemetry_period_ms).
 *
 * Three things are kept apart in every reading: MISSING (nobody could ever read it: no such
 * sensor, no right, no such kernel), FRESH, and STALE (it was read once; the value is the last
 * one, and age_ns says how old). A value that is not FRESH is never an answer to "is all well?".
 *
 * What changes in a way that somebody must hear of is a transition: throttling began or ended,
 * the power mode changed, a sensor was lost. Each is told once, in order.
 */
#ifndef PLIMSOLL_TELEMETRY_H
#define PLIMSOLL_TELEMETRY_H

#include <stdbool.h>

#include "plimsoll/budget.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_telemetry plim_telemetry;

/* ---- the sample ---- */

typedef enum plim_reading_state {
    PLIM_READING_MISSING = 0,
    PLIM_READING_FRESH = 1,
    PLIM_READING_STALE = 2,
} plim_reading_state;

typedef struct plim_reading {
    int64_t value;    /* in the unit of its row; MISSING: 0 */
    uint64_t read_ns; /* when (CLOCK_MONOTONIC); MISSING: 0 */
    uint64_t age_ns;  /* how long ago that was when the sample was taken out; MISSING: 0 */
    uint32_t state;   /* plim_reading_state */
    int32_t os_errno; /* why the last try gave nothing; 0: it gave something, or there was no file.
                       * EAGAIN: the sensor sleeps with its power rail, which is no fault */
} plim_reading;

/* X(name, key, unit, what it says). A new one goes to the end of its group.
 * Counters count since boot unless they say otherwise; they never go back. */
#define PLIM_TELEMETRY_LIST(X)                                                                     \
    /* heat and current */                                                                         \
    X(HOTTEST, "temperature.hottest", "mC", "highest zone that answers")                           \
    X(THROTTLED, "throttled", "flag", "a throttle alert is on; MISSING is not 'no'")               \
    X(OVER_CURRENT_1, "over_current.1", "count", "times that the chip was throttled by alarm 1")   \
    X(OVER_CURRENT_2, "over_current.2", "count", "by alarm 2")                                     \
    X(OVER_CURRENT_3, "over_current.3", "count", "by alarm 3")                                     \
    X(POWER_TOTAL, "power.total", "mW", "the board's input rail, else the sum of its rails")       \
    /* processors; clocks are in the table below */                                                \
    X(GPU_ASLEEP, "gpu.asleep", "flag", "its power is off; nothing else is asked of it then")      \
    X(GPU_LOAD, "gpu.load", "0.1%", "share of time busy; 0 when asleep; never read so as to wake") \
    X(GPU_TPC_MASK, "gpu.tpc_mask", "mask", "TPCs that the power mode gates")                      \
    X(CPUS_ONLINE, "cpu.online", "count", "cores that run; the power mode turns them off")         \
    /* pressure stall information: share of the last 10 s, and stalled time in all */              \
    X(PSI_MEMORY_SOME, "psi.memory.some", "0.01%", "someone waited for memory")                    \
    X(PSI_MEMORY_FULL, "psi.memory.full", "0.01%", "everyone did")                                 \
    X(PSI_MEMORY_SOME_US, "psi.memory.some_total", "us", "")                                       \
    X(PSI_MEMORY_FULL_US, "psi.memory.full_total", "us", "")                                       \
    X(PSI_CPU_SOME, "psi.cpu.some", "0.01%", "someone waited for a core")                          \
    X(PSI_CPU_FULL, "psi.cpu.full", "0.01%", "")                                                   \
    X(PSI_CPU_SOME_US, "psi.cpu.some_total", "us", "")                                             \
    X(PSI_CPU_FULL_US, "psi.cpu.full_total", "us", "")                                             \
    X(PSI_IO_SOME, "psi.io.some", "0.01%", "someone waited for a disk")                            \
    X(PSI_IO_FULL, "psi.io.full", "0.01%", "everyone did")                                         \
    X(PSI_IO_SOME_US, "psi.io.some_total", "us", "")                                               \
    X(PSI_IO_FULL_US, "psi.io.full_total", "us", "")                                               \
    /* memory of the machine; memory.room knows the process's own group only: a limit of a group   \
     * above it is headroom's to find (headroom.h) */                                              \
    X(MEMORY_AVAILABLE, "memory.available", "bytes", "the kernel's estimate")                      \
    X(MEMORY_FREE, "memory.free", "bytes", "in no use")                                            \
    X(SWAP_FREE, "swap.free", "bytes", "unused swap, zram and disk")                               \
    X(MEMORY_ROOM, "memory.room", "bytes", "the least of available and what the group leaves")     \
    X(OOM_KILL, "memory.oom_kill", "count", "processes that the kernel killed for memory")         \
    X(ALLOC_STALL, "memory.alloc_stall", "count", "allocations that had to free pages first")      \
    X(MAJOR_FAULT, "memory.major_fault", "count", "faults that read from a disk")                  \
    X(SWAP_IN, "swap.in", "count", "pages read from swap")                                         \
    X(SWAP_OUT, "swap.out", "count", "pages written to swap")                                      \
    /* memory of the control group that this process is in */                                      \
    X(GROUP_USAGE, "group.usage", "bytes", "charged to it")                                        \
    X(GROUP_LIMIT, "group.limit", "bytes", "its hard limit; MISSING: none, or no group")           \
    X(GROUP_LOW, "group.low", "count", "reclaimed below its protection (version 2)")               \
    X(GROUP_HIGH, "group.high", "count", "slowed at memory.high (version 2)")                      \
    X(GROUP_MAX, "group.max", "count", "met the hard limit (version 1: failcnt)")                  \
    X(GROUP_OOM, "group.oom", "count", "found nothing to reclaim at the limit (version 2)")        \
    X(GROUP_OOM_KILL, "group.oom_kill", "count", "processes of it that were killed")               \
    X(GROUP_UNDER_OOM, "group.under_oom", "flag", "waits for memory now (version 1)")

typedef enum plim_telemetry_id {
#define PLIM_TELEMETRY_ENUM(name, key, unit, text) PLIM_READ_##name,
    PLIM_TELEMETRY_LIST(PLIM_TELEMETRY_ENUM)
#undef PLIM_TELEMETRY_ENUM
        PLIM_READ_COUNT
} plim_telemetry_id;

#define PLIM_TELEMETRY_ROW_NAME 24 /* with its NUL; longer names are cut */
#define PLIM_TELEMETRY_ZONES    24u
#define PLIM_TELEMETRY_ALERTS   16u
#define PLIM_TELEMETRY_RAILS    16u
#define PLIM_TELEMETRY_CLOCKS   12u

typedef struct plim_telemetry_row {
    char name[PLIM_TELEMETRY_ROW_NAME];
    plim_reading reading;
} plim_telemetry_row;

typedef struct plim_telemetry_clock {
    char name[PLIM_TELEMETRY_ROW_NAME];
    plim_reading now, cap, max; /* Hz: now; highest allowed now; highest of the chip */
} plim_telemetry_clock;

/* Plain, and some 6 KB: mind small stacks. */
typedef struct plim_telemetry_sample {
    uint64_t number;           /* of this sample, from 1 */
    uint64_t ns;               /* when its reading began (CLOCK_MONOTONIC) */
    uint64_t age_ns;           /* how long ago that was when it was taken out */
    uint64_t wall_ns;          /* the same moment since 1970 */
    uint64_t period_ns;        /* samples are meant to be this far apart; 0: nobody takes them */
    uint64_t poll_ns;          /* how long reading took */
    uint64_t transition_count; /* transitions told before this sample's */
    uint32_t call_count;       /* system calls that this sample cost */
    uint32_t file_count;       /* files that are open for it */
    uint32_t left_out;         /* zones, alerts, rails and clocks beyond the tables' room */
    uint32_t late_count;       /* samples that came more than a period late, so far */
    uint32_t is_running;       /* 0: the thread is not there (switched off; a child of fork) */
    uint32_t hottest;          /* index of the hottest zone; meaningful when HOTTEST is known */
    uint32_t zone_count, alert_count, rail_count, clock_count;
    plim_reading list[PLIM_READ_COUNT];
    plim_telemetry_row zones[PLIM_TELEMETRY_ZONES];     /* mC; "cpu", "tj": lower case, without
                                                         * -therm or -thermal */
    plim_telemetry_row alerts[PLIM_TELEMETRY_ALERTS];   /* level, 0 off; "gpu-throttle-alert" */
    plim_telemetry_row rails[PLIM_TELEMETRY_RAILS];     /* mW; "VDD_IN" */
    plim_telemetry_clock clocks[PLIM_TELEMETRY_CLOCKS]; /* "gpu", "emc", then "cpu0", "cpu4": one
                                                         * for each group of cores */
} plim_telemetry_sample;

/* What is fixed about a reading of the list. "" for an id that is none. */
PLIM_API const char *plim_telemetry_key(plim_telemetry_id id);
PLIM_API const char *plim_telemetry_unit(plim_telemetry_id id);
PLIM_API const char *plim_telemetry_meaning(plim_telemetry_id id);

/* ---- transitions ---- */

typedef enum plim_transition_kind {
    PLIM_TRANSITION_THROTTLE = 1,     /* an alert went on or off; name: the alert */
    PLIM_TRANSITION_OVER_CURRENT = 2, /* a counter rose; name: its key */
    PLIM_TRANSITION_MODE = 3,         /* cores online or gated TPCs changed; name: the key */
    PLIM_TRANSITION_CLOCK_CAP = 4,    /* the highest allowed clock changed; name: the clock */
    PLIM_TRANSITION_SENSOR = 5,       /* a reading was lost (off) or answers again (on) */
    PLIM_TRANSITION_LATE = 6,         /* the thread itself was held up; after: ns since the last
                                       * sample */
    PLIM_TRANSITION_PRESSURE = 7,     /* memory pressure crossed psi_centi, either way */
    PLIM_TRANSITION_OOM_KILL = 8,     /* the kernel killed a process of the machine or the group */
    PLIM_TRANSITION_GROUP = 9,        /* the group met its limit or its memory.high */
    PLIM_TRANSITION_ROOM = 10, /* memory.room fell below room_low_bytes (on), or rose; as that
                                * reading, it sees the process's own group only */
} plim_transition_kind;

typedef struct plim_transition {
    uint32_t kind;   /* plim_transition_kind */
    uint32_t is_on;  /* it began; of counters always 1 */
    uint64_t number; /* from 1, without a gap */
    uint64_t ns;     /* of the sample that found it */
    int64_t before, after;
    int32_t os_errno;  /* of SENSOR: why it is lost */
    uint32_t is_error; /* worth an ERROR rather than a WARN: something was killed */
    char name[PLIM_TELEMETRY_ROW_NAME];
} plim_transition;

/* plim_transition_name - "throttle", "over_current", ...; "?" for a kind that is none. */
PLIM_API const char *plim_transition_name(uint32_t kind);

/* ---- the thread ---- */

#define PLIM_TELEMETRY_OFF UINT32_MAX /* as telemetry_period_ms of a runtime: no thread */

typedef struct plim_telemetry_opts {
    size_t struct_size;
    const char *root;   /* a folder with a captured proc and sys; NULL: this machine */
    uint32_t period_ms; /* 0: 1000; at least 1 */
    uint32_t psi_centi; /* memory pressure ("some", avg10) from which PRESSURE is on, in 0.01 %;
                         * off again below half of it; 0: 1000 */
    uint64_t
        room_low_bytes;  /* memory.room below which ROOM is on, off an eighth higher; 0: never */
    plim_budget *budget; /* charged with all it takes, as the runtime's, other; NULL: nothing */
    plim_provider *provider; /* of its pages; NULL: plim_provider_mmap() */
    /* Told each transition: from the caller in open (what is on from the start), then from the
     * thread. It may log; it may not call back into this telemetry but for read. NULL: nobody. */
    void (*on_transition)(void *context, const plim_transition *transition);
    void (*on_sample)(void *context, const plim_telemetry_sample *sample); /* after them; NULL */
    void *context;                                                         /* of both; kept */
} plim_telemetry_opts;

PLIM_DEFAULTS plim_telemetry_opts plim_telemetry_opts_default(void)
{
    plim_telemetry_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_telemetry_open - find the sensors, take the first sample, start the thread.
 *
 * Sensors that come later are looked for once a minute.
 * Owns:    gives *@out; keeps what opts point to until close.
 * Memory:  one piece from the provider, the thread's stack included; nothing after open.
 * Threads: signals are blocked in it, but for those of its own faults. A child of fork has no such
 *          thread: there read says is_running 0, readings grow stale, and close only gives memory
 *          back.
 * Errors:  E_ARG; E_BUDGET; E_NOMEM  no pages, no thread, no descriptor.
 * Cost:    as many descriptors as there are sensors (some 90 on an Orin), see file_count.
 */
PLIM_API PLIM_MUST_USE plim_status plim_telemetry_open(const plim_telemetry_opts *opts,
                                                       plim_telemetry **out, plim_error *err);

/* plim_telemetry_read - the newest sample, with ages as of now.
 *
 * Never waits, for a lock or for the thread: the number of its steps is bounded whatever the
 * thread does (arena/snapshot.h says why). A reading older than three periods comes out STALE.
 * Threads: any. Cost: a copy of the sample and a look at the time; no allocation, no file.
 */
PLIM_API void plim_telemetry_read(const plim_telemetry *self, plim_telemetry_sample *out);

/* plim_telemetry_close - stop the thread and give everything back. NULL is accepted. Not from a
 * callback of this telemetry. */
PLIM_API void plim_telemetry_close(plim_telemetry *self);

/* ---- work on the thread ---- */

#define PLIM_TELEMETRY_WAKES 4u

/* Somebody who works after each sample, and as soon as one of his descriptors is ready. */
typedef struct plim_telemetry_hook {
    size_t struct_size;
    /* @woken: bit i, fds[i] is ready; bit 8+i, fds[i] failed and is no longer watched; 0: after
     * an ordinary sample. On a wake memory and pressure readings are read anew first. It must take
     * away what made the descriptor ready. Wakes are handled at most every 10 ms. */
    void (*on_tick)(void *context, const plim_telemetry_sample *sample, uint32_t woken);
    void *context;
    int fds[PLIM_TELEMETRY_WAKES];        /* -1 and those from fd_count on: unused; kept */
    int16_t events[PLIM_TELEMETRY_WAKES]; /* as of poll(2): POLLIN, POLLPRI */
    uint32_t fd_count;
} plim_telemetry_hook;

/* plim_telemetry_attach - one hook at a time; on_tick is first called with the next sample.
 * Errors:  E_ARG;  E_STATE  there is a hook already, or the thread is not there. */
PLIM_API PLIM_MUST_USE plim_status plim_telemetry_attach(plim_telemetry *self,
                                                         const plim_telemetry_hook *hook,
                                                         plim_error *err);
/* plim_telemetry_detach - when it returns, on_tick is over and will not be called again. Waits for
 * a call that is under way; not from within it. */
PLIM_API void plim_telemetry_detach(plim_telemetry *self);

#ifdef __cplusplus
}
#endif
#endif
