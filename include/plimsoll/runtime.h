/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.h - the six verbs over one load line.
 *
 *   compile      make an artifact from a model (offline; refused once sealed)
 *   deserialize  admit, charge, stream in and open; an engine asked for twice is shared
 *   infer        check the profile, run, account
 *   release      give back a reference; the last one returns every byte
 *   thermal      the last known temperatures, or "unknown" with an age
 *   label        name what a thread is doing, for its log lines
 */
#ifndef PLIMSOLL_RUNTIME_H
#define PLIMSOLL_RUNTIME_H

#include "plimsoll/backend_plugin.h"
#include "plimsoll/black_box.h"
#include "plimsoll/load.h"
#include "plimsoll/recording.h"
#include "plimsoll/telemetry.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_runtime plim_runtime;
typedef struct plim_engine plim_engine;

typedef enum plim_log_level {
    PLIM_LOG_DEBUG = 0,
    PLIM_LOG_INFO = 1,
    PLIM_LOG_WARN = 2,
    PLIM_LOG_ERROR = 3,
    PLIM_LOG_OFF = 4,
} plim_log_level;

/* A log line is one JSON object without the newline; @text is borrowed. Called from the
 * thread that logs, under the log's lock. */
typedef void (*plim_log_sink)(void *context, plim_log_level level, const char *text,
                              size_t text_bytes);

/* What a load does when the machine has less than its payload and window need right now. */
typedef enum plim_headroom_policy {
    PLIM_HEADROOM_WARN = 0,   /* a line "headroom" of level warn, and it goes on */
    PLIM_HEADROOM_REFUSE = 1, /* E_NOMEM before a byte of the body is read */
    PLIM_HEADROOM_OFF = 2,    /* nobody looks */
} plim_headroom_policy;

typedef struct plim_runtime_opts {
    size_t struct_size;
    plim_budget_opts budget;
    uint64_t reserve_bytes;   /* held back for the system, charged as other/"reserve" */
    uint64_t framework_bytes; /* declared by the user, charged as framework */
    const plim_host *host;    /* NULL: detect */
    plim_provider *provider;  /* NULL: as large_pages says */
    plim_seal_policy seal;    /* what plim_runtime_seal does; OPEN means REFUSE */
    plim_log_level log_level; /* lowest that is written; default 0 = everything */
    plim_log_sink log_sink;   /* NULL: no log */
    void *log_context;
    const char *account_path;     /* publish the account in this file; NULL: without
                                   * a name, for readers that know the process */
    const char *sysroot;          /* a folder with a captured proc and sys; NULL: this machine */
    plim_large_pages large_pages; /* of payloads; AUTO: plim_provider_large, else anonymous memory
                                   * and the reason in the log. Nothing reads it, and REQUIRE is
                                   * refused, when a provider is given */
    const char *black_box_path;   /* publish the account there, keep what happened behind it
                                   * (black_box.h), and leave the file at close; the box of the run
                                   * before becomes PATH.previous. NULL: do not. Not together with
                                   * account_path: it is one already */
    uint64_t black_box_bytes;     /* of its ring, charged as other; 0: PLIM_BLACK_BOX_BYTES */
    uint32_t telemetry_period_ms; /* of the thread that reads the sensors (telemetry.h); 0: 1000.
                                   * PLIM_TELEMETRY_OFF: no thread; plim_runtime_thermal then reads
                                   * temperatures on its caller's, at most once a second */
    const plim_facts *facts;      /* of the machine, copied; NULL: host's, or probed without one */
    const plim_policy *policy;    /* rules that engines are admitted by; NULL: the built-in ones */
    /* Told each transition after the log was: within open, then from the telemetry's thread. It
     * may not call back into the runtime. NULL: nobody */
    void (*on_transition)(void *context, const plim_transition *transition);
    void *transition_context;
    plim_headroom_policy headroom; /* of plim_runtime_deserialize */
} plim_runtime_opts;

/* Engines alive at once in one runtime. */
#define PLIM_ENGINES_MAX 64
/* Charged as load-window while an engine streams in: more than the loader ever holds beyond
 * the payload (its state, its threads' stacks, 4 MiB of page cache on the buffered path). */
#define PLIM_LOAD_WINDOW_BYTES (8u << 20)
/* A recorded plan lies beside its artifact, under the artifact's name with this tail. */
#define PLIM_PLAN_FILE_TAIL ".plan.csv"
/* Live blocks that the region of unplanned activations has room for in its table. */
#define PLIM_ACTIVATION_BLOCKS_MAX 2048u
/* Tables of a plan in use take no more than this for each request of the run. */
#define PLIM_REPLAY_REQUEST_BYTES PLIM_REPLAY_STEP_BYTES

PLIM_DEFAULTS plim_runtime_opts plim_runtime_opts_default(void)
{
    plim_runtime_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    o.budget.struct_size = sizeof(o.budget);
    o.log_level = PLIM_LOG_INFO;
    return o;
}

/* plim_runtime_open - budget, arena, log; nothing is loaded yet.
 *
 * Logs the effective configuration at level info. Starts the telemetry thread, whose transitions
 * are logged from it as they are found, WARN or ERROR, event as plim_transition_name says.
 * Owns:    gives *@out; keeps what opts point to until close.
 * Threads: the runtime may be used from any thread.
 * Errors:  as plim_budget_open and plim_arena_open; E_BUDGET when the reserve does not fit;
 *          E_STATE  what lies at black_box_path or PATH.previous is no box, or a live one's;
 *          E_NOMEM  no room on the disk for the whole black box;
 *          E_UNSUPPORTED  large pages are required and cannot be had (detail: why).
 */
PLIM_API PLIM_MUST_USE plim_status plim_runtime_open(const plim_runtime_opts *opts,
                                                     plim_runtime **out, plim_error *err);

/* plim_runtime_close - release every engine and every byte. NULL is accepted. */
PLIM_API void plim_runtime_close(plim_runtime *self);

PLIM_API plim_budget *plim_runtime_budget(plim_runtime *self);
PLIM_API plim_arena *plim_runtime_arena(plim_runtime *self);
PLIM_API const plim_host *plim_runtime_host(const plim_runtime *self);
/* Lent until close. Without a thread it says is_running 0 and knows temperatures at most. */
PLIM_API plim_telemetry *plim_runtime_telemetry(plim_runtime *self);

/* plim_runtime_has_large_pages - do payloads lie in plim_provider_large's pages? @out_reason (NULL:
 * not wanted): "" when they do, else why not. Without them every payload costs page tables,
 * which are charged to its engine as other. */
PLIM_API bool plim_runtime_has_large_pages(const plim_runtime *self, const char **out_reason);
/* Of a payload of @payload_bytes in anonymous memory: a page for each 2 MiB begun on pages of
 * 4 KiB, for each 512 MiB on pages of 64 KiB. */
PLIM_API uint64_t plim_page_table_bytes(uint64_t payload_bytes);

/* plim_runtime_build_count - compilations begun; stays what it is once sealed (none in flight). */
PLIM_API uint64_t plim_runtime_build_count(plim_runtime *self);

/* plim_runtime_log - write a line, if @level is on. Formatting and its arguments' cost are
 * paid only then: use the macro. @format follows printf and must give a JSON fragment
 * without braces, such as "\"engine\":\"%s\"". Strings are escaped as they go in; a fragment
 * that is too long or not JSON is kept as text, so that every line is a JSON object.
 * Fields of every line: ts (monotonic ns), wall (ns since 1970), level, event, label, thread. */
PLIM_API bool plim_runtime_log_is_on(const plim_runtime *self, plim_log_level level);
PLIM_API void plim_runtime_log(plim_runtime *self, plim_log_level level, const char *event,
                               const char *format, ...)
#if defined(__GNUC__)
    __attribute__((format(printf, 4, 5)))
#endif
    ;
#define PLIM_LOG(runtime, level, event, ...)                                                       \
    do {                                                                                           \
        if (plim_runtime_log_is_on((runtime), (level))) {                                          \
            plim_runtime_log((runtime), (level), (event), __VA_ARGS__);                            \
        }                                                                                          \
    } while (0)

/* plim_runtime_seal - no growth, no compile from here on, as configured. Sharing an engine that
 * is loaded, evicting and restoring stay allowed. Errors: E_STATE  sealed already. */
PLIM_API PLIM_MUST_USE plim_status plim_runtime_seal(plim_runtime *self, plim_error *err);

typedef struct plim_engine_spec {
    size_t struct_size;
    const char *name;    /* the owner name in the account; required, unique per artifact */
    const char *path;    /* artifact */
    const char *backend; /* NULL: the card's */
    const char *library; /* NULL: as probed */
    uint32_t thread_count;
    bool prepack;
    const char *scratch_group;       /* engines of one group never run at the same time and share
                                      * activation scratch; NULL: its own */
    uint64_t activation_limit_bytes; /* 0: what the card or a recorded plan says, else 1/4 cap */
    bool late;              /* open the session, leave the weights for plim_engine_restore; the
                             * load itself needs the same room as any other */
    const char *trace_path; /* recorded plan of the activations; NULL: <path>.plan.csv */
    bool record_trace;      /* write it after the second run, so that the next start is planned */
    plim_load_opts load;
    const char *const *accept; /* ids of rules that this engine is loaded in spite of; each one
                                * that would have spoken is a line in the log */
    size_t accept_count;
    const char *precision; /* the type that the deployment wants: an engine of another one, or one
                            * that this hardware has no path for, is refused; NULL: the card's */
    const char *precision_by; /* who asks, for the log; NULL: the caller */
} plim_engine_spec;

PLIM_DEFAULTS plim_engine_spec plim_engine_spec_default(void)
{
    plim_engine_spec o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    o.load.struct_size = sizeof(o.load);
    return o;
}

/* plim_runtime_compile - verb 1: make an artifact with @backend.
 * Errors:  E_STATE  sealed.  E_UNSUPPORTED  the backend cannot.  Others from the backend. */
PLIM_API PLIM_MUST_USE plim_status plim_runtime_compile(plim_runtime *self, const char *backend,
                                                        const char *model_path, const char *out_dir,
                                                        const plim_import_opts *opts,
                                                        char *out_path, size_t out_path_bytes,
                                                        plim_error *err);

/* plim_runtime_deserialize - verb 2.
 *
 * Opens the head, holds the card against the host and both against the rules of the policy,
 * charges the payload, streams it in, opens the session. A rule that refuses is E_MISMATCH with
 * field "rule ID", found its symptom, detail the reason, and its remedy; one that warns is a line
 * of level warn, one that advises about this card a line of level info, each once in a runtime.
 * An engine of this module is refused in a power mode that took multiprocessors away, with the
 * mode to set as the remedy; accepting the rule engine-at-other-power-mode lets it run. A type that
 * is not the default of this machine is a line dtype_override: who asked, why it is not. An
 * artifact that is loaded already (same real path, device, inode, and size and time of change or
 * else payload root) is shared: the reference count goes up and nothing of the body is read, also
 * when threads race for it. Options that would change a loaded engine do not apply; the log says
 * which.
 * What the machine has is asked last (headroom.h, of the runtime's sysroot): payload and load
 * window against what can be had with the runtime's reserve left free. Memory that the process
 * holds already is gone from that figure, so nothing else comes off it, declared framework bytes
 * neither; loads that race each see what the others have taken by then. Less than is wanted is a
 * line "headroom" or a refusal, as plim_runtime_opts.headroom says; a machine whose memory cannot
 * be read is said once, "headroom_unknown", and loads go on.
 * Owns:    gives a reference in *@out; plim_engine_release gives it back.
 * Threads: any, with some 32 KiB of stack; what the backend and the log's sink need comes on top.
 * Cost:    some 0.4 ms for the headroom, beside the load itself; none with PLIM_HEADROOM_OFF.
 * Errors:  E_MISMATCH before a byte of the body is read; E_BUDGET before it too; E_NOMEM before
 *          it too, when the headroom refuses (want, have, limit: the wall's room; detail: the
 *          wall); E_NOT_FOUND unknown or absent backend (never another one instead);
 *          E_STATE  sealed, or another artifact is loaded under this name; or "under memory
 *          pressure" (pressure.h): the load line may have room, the machine has not, and the same
 *          call may work later. Sharing an engine is never refused so;
 *          E_RANGE  PLIM_ENGINES_MAX engines are alive; everything from plim_engine_load; after
 *          any failure the account is where it was.
 */
PLIM_API PLIM_MUST_USE plim_status plim_runtime_deserialize(plim_runtime *self,
                                                            const plim_engine_spec *spec,
                                                            plim_engine **out, plim_error *err);

/* plim_engine_infer - verb 3. Names select tensors; outputs must have data and enough room
 * (shape is rewritten to what came out). Every input is checked against the profiles first.
 * Threads: calls on one engine, and on engines of one scratch group, are serialised inside.
 * Errors:  E_SHAPE, E_NOT_FOUND, E_RESIDENT; E_STATE released; E_BUDGET at the cap (the next run
 *          works); E_BACKEND. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_infer(plim_engine *self,
                                                     const char *const *input_names,
                                                     const plim_tensor *inputs, size_t input_count,
                                                     const char *const *output_names,
                                                     plim_tensor *outputs, size_t output_count,
                                                     plim_error *err);

/* plim_engine_release - verb 4. The last reference returns every byte.
 * Errors:  E_STATE  released more often than acquired (nothing happens). A handle that was
 *          released is told from a new engine until its place in the table is used again,
 *          which happens to the longest released one. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_release(plim_engine *self, plim_error *err);

/* plim_engine_evict, plim_engine_restore - drop the weights' pages and stream them back to the
 * same addresses; bit-identical. E_UNSUPPORTED when the backend cannot. */
PLIM_API PLIM_MUST_USE plim_status plim_engine_evict(plim_engine *self, plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_engine_restore(plim_engine *self, plim_error *err);

typedef struct plim_thermal { /* verb 5 */
    bool is_known;            /* false: no sensor could be read; never "not throttled" by default */
    bool is_throttled, throttled_is_known;
    double hottest_celsius;
    char hottest_zone[32];    /* "tj", "gpu": as telemetry.h names zones */
    uint64_t read_ns, age_ns; /* monotonic time of the older of the two readings, and how old */
} plim_thermal;
/* plim_runtime_thermal - out of the telemetry's newest sample: no file is read on this thread where
 * the telemetry has its own. The first answer "unknown" is logged. */
PLIM_API void plim_runtime_thermal(plim_runtime *self, plim_thermal *out);

/* plim_runtime_label - verb 6: what the calling thread does from now on ("episode 3"); the
 * label appears in its log lines. NULL clears. Cut to 31 bytes. */
PLIM_API void plim_runtime_label(plim_runtime *self, const char *label);

typedef struct plim_engine_stats {
    const char *name, *backend; /* lent */
    plim_owner owner;
    uint32_t reference_count;
    uint64_t load_count; /* 1 however many asked for it; +1 per restore */
    bool is_resident;
    uint64_t payload_bytes;
    plim_load_stats load;
    uint64_t run_count, run_ns_total, run_ns_max;
    uint64_t activation_peak_bytes; /* most committed for activations, by it or by its group */
    uint64_t session_bytes;
    bool trace_is_planned;                          /* activations come from planned offsets */
    uint64_t trace_planned_bytes, trace_miss_count; /* misses: requests that the plan should have
                                                     * served, and a dynamic region did */
    uint64_t trace_hit_count;
    uint64_t trace_refused_count;        /* plan files that did not belong to this engine */
    uint64_t activation_live_peak_bytes; /* most bytes of a run alive at once */
} plim_engine_stats;
PLIM_API void plim_engine_read(const plim_engine *self, plim_engine_stats *out);
PLIM_API const plim_card *plim_engine_get_card(const plim_engine *self);

/* plim_runtime_engines - the live engines; returns how many there are. */
PLIM_API size_t plim_runtime_engines(plim_runtime *self, plim_engine **out, size_t limit);

#ifdef __cplusplus
}
#endif
#endif
