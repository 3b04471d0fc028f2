/* SPDX-License-Identifier: Apache-2.0 */
/* pressure.h - what a runtime does, step by step, when memory gets short.
 *
 * A ladder of rungs, cheapest first. A rung is entered when one of the figures that it watches
 * crosses its line, acts, and is left when all of them have been calm for a while. Entering goes
 * in order and leaving in reverse, at most once in a rung's hold time. Nothing here ends a
 * process: there is no such rung and none can be configured.
 *
 * Actions run on the telemetry thread, or on the thread that calls plim_pressure_step; never on
 * one that infers. An inference sees none of this: what a load sees is one atomic word.
 */
#ifndef PLIMSOLL_PRESSURE_H
#define PLIMSOLL_PRESSURE_H

#include "plimsoll/episode.h"
#include "plimsoll/runtime.h"

#ifdef __cplusplus
extern "C" {
#endif

/* ---- figures ---- */

/* X(name, number, text, whether more of it is worse). Shares are parts of 10,000. */
#define PLIM_PRESSURE_LIST(X)                                                                      \
    X(PSI_SOME, 0, "psi_some", 1) /* memory pressure, "some avg10": 1500 is 15.00 % */             \
    X(PSI_FULL, 1, "psi_full", 1) /* the same, "full avg10" */                                     \
    X(HEADROOM, 2, "headroom", 0) /* bytes above the runtime's reserve */                          \
    X(CGROUP, 3, "cgroup", 1) /* the control group's usage of its limit, files' cache left out:    \
                               * the kernel drops that by itself */                                \
    X(EVENTS, 4, "events", 1) /* how often the group met its limit; a count that only grows,       \
                               * of which a line counts what came since the last move */

typedef enum plim_pressure_figure {
#define PLIM_PRESSURE_ENUM(name, number, text, is_worse_up) PLIM_PRESSURE_##name = (number),
    PLIM_PRESSURE_LIST(PLIM_PRESSURE_ENUM)
#undef PLIM_PRESSURE_ENUM
        PLIM_PRESSURE_FIGURES = 5
} plim_pressure_figure;

#define PLIM_PRESSURE_SHARE 10000u /* the whole of a share */

typedef struct plim_pressure {
    uint64_t ns;                           /* monotonic time of the reading */
    uint64_t value[PLIM_PRESSURE_FIGURES]; /* PLIM_UNKNOWN_BYTES: not known */
} plim_pressure;

/* plim_pressure_figure_name - "psi_some", ...; "?" for a number that is none. */
PLIM_API const char *plim_pressure_figure_name(plim_pressure_figure figure);

/* ---- rungs ---- */

/* X(name, number, text). Numbers are stable. */
#define PLIM_RUNG_LIST(X)                                                                          \
    X(CALLBACK, 0, "callback")       /* act() of the caller */                                     \
    X(DROP_VIDEO, 1, "drop-video")   /* watched episodes give back frames that nobody needs */     \
    X(TRIM_CACHES, 2, "trim-caches") /* page cache of the files that this runtime read, free       \
                                      * tails of activation memory */                              \
    X(SHRINK_WINDOWS, 3, "shrink-windows")       /* watched episodes: their smallest window */     \
    X(REFUSE_ADMISSIONS, 4, "refuse-admissions") /* no new engine until it is left */

typedef enum plim_rung_kind {
#define PLIM_RUNG_ENUM(name, number, text) PLIM_RUNG_##name = (number),
    PLIM_RUNG_LIST(PLIM_RUNG_ENUM)
#undef PLIM_RUNG_ENUM
        PLIM_RUNG_KINDS = 5
} plim_rung_kind;

#define PLIM_RUNGS_MAX 16u

/* plim_rung.act - free something; returns the bytes that it believes it freed.
 * Called when the rung is entered, and again once a hold time while its line stays crossed.
 * It may call anything but plim_pressure_close and plim_pressure_step of its own watch, and has
 * some 48 KiB of stack on the telemetry thread; plim_runtime_deserialize says what it needs.
 * plim_rung.leave - the rung is left: what act() withheld may be had again. NULL: nothing to do. */
typedef struct plim_rung {
    char name[PLIM_NAME_BYTES]; /* unique; "": the kind's */
    plim_rung_kind kind;
    uint64_t enter[PLIM_PRESSURE_FIGURES]; /* 0: this figure is not watched */
    uint64_t leave[PLIM_PRESSURE_FIGURES]; /* strictly calmer than enter; 0: half of enter, for
                                            * headroom one and a half times. Events are calm when
                                            * none comes: nothing to set */
    uint64_t hold_ns;      /* no other transition so soon after this rung's own; 0: 2 s */
    uint64_t cool_down_ns; /* calm for so long before it is left; 0: 5 s */
    uint64_t deadline_ns;  /* an action that takes longer is reported; 0: 100 ms */
    uint32_t call_limit;   /* actions between entering and leaving; 0: 8 */
    uint32_t barren_limit; /* so many that free nothing in a row, and the rung is skipped until
                            * the ladder is empty; 0: 2; UINT32_MAX: never. Rungs that withhold
                            * rather than free (shrink, refuse) are never skipped */
    uint64_t (*act)(void *context, const plim_pressure *p); /* CALLBACK only, required there */
    void (*leave_act)(void *context);
    void *context;
} plim_rung;

/* plim_pressure_rungs - the four built-in rungs with lines for a machine, or a control group, of
 * @total_bytes (0: without lines of headroom). Returns 4. A caller changes them at will, leaves
 * some out, or puts its own between them. */
#define PLIM_RUNGS_BUILT_IN 4u
PLIM_API size_t plim_pressure_rungs(uint64_t total_bytes, plim_rung out[PLIM_RUNGS_BUILT_IN]);

/* plim_rung_kind_name - "drop-video", ...; "?" for a number that is none. */
PLIM_API const char *plim_rung_kind_name(plim_rung_kind kind);

/* ---- the watch over one runtime ---- */

typedef struct plim_pressure_watch plim_pressure_watch;

/* Where a reading comes from instead of the kernel: boards with figures of their own, tests.
 * Fills all of *out but ns. Called on the thread that steps. */
typedef void (*plim_pressure_reader)(void *context, plim_pressure *out);

/* What a watch takes, charged to the runtime as other: at most. */
#define PLIM_PRESSURE_WATCH_BYTES  (128u << 10)
#define PLIM_PRESSURE_FILES_MAX    128u
#define PLIM_PRESSURE_EPISODES_MAX 16u

typedef enum plim_pressure_source {
    PLIM_PRESSURE_BY_PSI = 0,   /* a trigger of the kernel's pressure stall information */
    PLIM_PRESSURE_BY_USAGE = 1, /* control group version 1: usage crossed a line */
    PLIM_PRESSURE_BY_LIMIT = 2, /* the group met its limit: version 1 oom, version 2 events */
    PLIM_PRESSURE_BY_GIVEN = 3, /* the descriptor of the options */
    PLIM_PRESSURE_BY_TIMER = 4, /* a hold time or a cool-down that ends */
    PLIM_PRESSURE_SOURCES = 5
} plim_pressure_source;

/* plim_pressure_source_name - "psi", ...; "?" for a number that is none. */
PLIM_API const char *plim_pressure_source_name(plim_pressure_source source);

typedef struct plim_pressure_opts {
    size_t struct_size;
    const plim_rung *rungs; /* copied; NULL: the built-in ones, lines by the group's limit or else
                             * the machine's memory */
    size_t rung_count;
    bool without_thread; /* nobody steps but the caller; false: the runtime's telemetry thread,
                          * once a period and when a source wakes it */
    bool without_kernel; /* no triggers are set in the kernel */
    int wake_fd;         /* readable: step now, and one byte or one eventfd count is taken from it;
                          * 0 and below: none. Kept, never closed */
    plim_pressure_reader read; /* NULL: the kernel's figures */
    void *read_context;
    uint64_t psi_stall_us;  /* of the trigger: stalled so long ... 0: 150,000 */
    uint64_t psi_window_us; /* ... within so long; 0: 1,000,000. A process without
                             * CAP_SYS_RESOURCE gets whole multiples of 2 s, at the same share */
    const char *root;       /* the files of another machine, for tests; NULL: the runtime's */
} plim_pressure_opts;

PLIM_DEFAULTS plim_pressure_opts plim_pressure_opts_default(void)
{
    plim_pressure_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_pressure_open - begin to watch; one watch a runtime.
 *
 * Sources that the kernel does not grant are no failure: the reason is kept and logged, and the
 * others serve, at the least the telemetry thread's period.
 * Owns:    gives *@out, built in a region of the runtime's arena; keeps @runtime and contexts.
 * Errors:  E_ARG  no rung, more than PLIM_RUNGS_MAX, one that watches nothing, a leave line that
 *          is not calmer than its enter line, a callback without act (err->field: rung and key);
 *          E_STATE  the runtime is watched already, or sealed; E_BUDGET. */
PLIM_API PLIM_MUST_USE plim_status plim_pressure_open(plim_runtime *runtime,
                                                      const plim_pressure_opts *opts,
                                                      plim_pressure_watch **out, plim_error *err);

/* plim_pressure_close - every entered rung is left, then nothing is watched. Waits for an action
 * that runs. A watch that is still open when its runtime is closed is closed with it. NULL is
 * accepted. In a child of fork it only closes the child's descriptors: no rung is left, nothing is
 * logged or credited, and no lock that the parent's threads held is waited for. */
PLIM_API void plim_pressure_close(plim_pressure_watch *self);

/* plim_pressure_step - read (@given NULL) or take the figures, and make at most one move.
 *
 * Threads: any, one at a time; never one that must not wait for an action.
 * Errors:  E_STATE  another thread steps; err->field names the rung whose action it runs and
 *          err->detail for how long, if it is late. */
PLIM_API PLIM_MUST_USE plim_status plim_pressure_step(plim_pressure_watch *self,
                                                      const plim_pressure *given, plim_error *err);

/* plim_pressure_add_file - its page cache may go: artifacts of loaded engines need not be added.
 * The newest PLIM_PRESSURE_FILES_MAX names are kept.
 * Owns:    copies @path.
 * Errors:  E_RANGE  a path of more than 383 bytes.
 *
 * plim_pressure_add_episode - it may be asked for frames that nobody needs, and be held to its
 * smallest window, one frame a camera. Calls on it stay those of one thread; a call that comes
 * while the ladder takes frames back waits for that decommit, and no longer.
 * Owns:    keeps @episode until plim_pressure_drop_episode, which comes before it is closed.
 * Errors:  E_RANGE  PLIM_PRESSURE_EPISODES_MAX episodes.  E_STATE  it is watched already. */
PLIM_API PLIM_MUST_USE plim_status plim_pressure_add_file(plim_pressure_watch *self,
                                                          const char *path, plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_pressure_add_episode(plim_pressure_watch *self,
                                                             plim_episode *episode,
                                                             plim_error *err);
PLIM_API void plim_pressure_drop_episode(plim_pressure_watch *self, plim_episode *episode);

/* ---- what it did ---- */

typedef struct plim_rung_state {
    char name[PLIM_NAME_BYTES];
    plim_rung_kind kind;
    bool is_entered;
    bool is_skipped; /* its last barren_count actions freed nothing */
    plim_pressure_figure cause;
    uint64_t value, line; /* of the last time it was entered: the figure, and the line it crossed */
    uint64_t entered_ns;
    uint32_t enter_count, leave_count, call_count, barren_count, overrun_count;
    uint64_t said_bytes; /* sum of what its actions answered */
    int64_t moved_bytes; /* sum of what the kernel's figure rose by meanwhile, whoever did it */
    uint64_t ns_total, ns_worst;
} plim_rung_state;

typedef struct plim_pressure_state {
    plim_pressure last; /* the figures of the last step */
    uint64_t age_ns;    /* of them; a large one: nobody steps, or an action does not return */
    uint32_t rung_count;
    uint32_t depth;     /* rungs up to here are entered or skipped */
    uint32_t acting;    /* 1 + the rung whose action runs now; 0: none */
    uint64_t acting_ns; /* for how long it runs */
    bool is_late;       /* longer than its deadline */
    uint64_t step_count;
    uint64_t wake_count[PLIM_PRESSURE_SOURCES];
    char source_why[PLIM_PRESSURE_SOURCES][96]; /* "": the source is there; else why not, or what
                                                 * was granted instead */
    bool has_source[PLIM_PRESSURE_SOURCES];
    plim_rung_state rungs[PLIM_RUNGS_MAX];
} plim_pressure_state;

/* plim_pressure_read - Threads: any. Never waits for an action: the numbers of the last step, and
 * what runs now. The first caller to find an action past its deadline puts that in the log. */
PLIM_API void plim_pressure_read(plim_pressure_watch *self, plim_pressure_state *out);

/* plim_pressure_format - the whole state as text, a line a rung; as snprintf. */
PLIM_API size_t plim_pressure_format(const plim_pressure_state *state, char *buffer,
                                     size_t buffer_bytes);

#ifdef __cplusplus
}
#endif
#endif
