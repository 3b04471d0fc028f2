/* SPDX-License-Identifier: Apache-2.0 */
/* state.h - what a runtime and its engines are, and which lock guards what.
 *
 * Locks, outermost first; none is taken while one further down is held:
 *   scratch->run_lock   runs, eviction and resizing of the engines of one scratch
 *   runtime->desk_lock  the desk, on which one load at a time is judged
 *   runtime->lock       the tables: states, references, statistics; never held over I/O
 *   scratch->block_lock blocks of one scratch and of its engines' sessions, recorder, replay
 *   runtime->arena_lock creation and destruction of regions
 *   log                 its own
 *   box                 its own
 * The telemetry's hook lock comes before all of them: a hook may work on the runtime.
 * An engine in state LOADING or CLOSING belongs to one thread; the rest of it is constant
 * while it is READY, except what the locks above guard.
 */
#ifndef RUNTIME_STATE_H
#define RUNTIME_STATE_H

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include "plimsoll/headroom.h"
#include "plimsoll/pressure.h"
#include "plimsoll/runtime.h"
#include "plimsoll/settings.h"
#include "src/runtime/log.h"
#include "src/runtime/thermal.h"
#include "src/runtime/trace.h"

#define PLIM_GROUPS_MAX   16
#define PLIM_GROUP_PREFIX "group:"
#define PLIM_RECORD_LIMIT 8192u /* requests of one run that a recording may hold */
#define PLIM_BLOCK_SLACK  64u   /* behind every block: vector code reads past the end */

/* Activation memory of one engine, or of a group of engines that never run together. */
typedef struct plim_scratch {
    pthread_mutex_t run_lock, block_lock;
    char group[PLIM_NAME_BYTES]; /* "": one engine's own */
    uint32_t member_count;
    plim_owner owner;
    plim_region *dynamic, *planned;
    uint64_t dynamic_limit_bytes, planned_bytes;
    const plim_engine *holder; /* planned blocks of its last run are still alive */
} plim_scratch;

typedef enum plim_engine_state {
    PLIM_ENGINE_FREE = 0,
    PLIM_ENGINE_LOADING,
    PLIM_ENGINE_READY,
    PLIM_ENGINE_CLOSING,
} plim_engine_state;

/* Which file an engine was loaded from. */
typedef struct plim_file_identity {
    uint64_t path_hash; /* of the real path */
    uint64_t device, inode;
    uint64_t size_bytes, changed_ns;
} plim_file_identity;

struct plim_engine {
    plim_runtime *runtime; /* constant, also while FREE */
    plim_engine_state state;
    uint32_t reference_count;
    uint64_t freed_turn; /* when its place was given up; 0: never used */
    plim_file_identity identity;
    char name[PLIM_NAME_BYTES];

    plim_owner owner;
    plim_region *home, *payload, *session;
    uint64_t page_table_bytes; /* charged for the payload, as other */
    plim_engine_file *file;
    const char *path, *plan_path; /* in home */
    const plim_card *card;        /* the file's, or what the backend described */
    const plim_backend_ops *ops;
    plim_backend_engine *impl;
    plim_trace_key key;
    uint32_t flags; /* plim_backend_flags */
    uint32_t thread_count;
    bool prepack, is_loaded; /* is_loaded: the backend was told that the weights are there */
    plim_load_opts load;
    plim_backend_host host;

    plim_scratch own, *scratch;
    uint64_t planned_need_bytes, dynamic_need_bytes;

    /* under scratch->block_lock */
    bool in_run;
    plim_error refusal; /* the first one of a run; status OK: none */
    uint64_t live_bytes, live_count;
    uint64_t stat_live_peak_bytes;
    bool is_recording;
    plim_region *replay_home, *record_home;
    plim_replay *replay; /* NULL: no plan in use */
    uint64_t replay_shapes;
    plim_recorder *recorder;

    /* under runtime->lock */
    bool is_resident, record_wanted;
    uint64_t load_count, run_count, run_ns_total, run_ns_max, trace_refused_count;
    plim_load_stats load_stats;
};

typedef struct plim_fixed_charge { /* held from open to close */
    plim_owner owner;
    plim_tag tag;
    uint64_t bytes;
} plim_fixed_charge;

/* Are new engines let in? The flag is all that a load looks at while they are. */
typedef struct plim_admission {
    _Atomic bool is_refused;
    char rung[PLIM_NAME_BYTES]; /* which one refuses, and why; under runtime->lock */
    plim_pressure_figure figure;
    uint64_t value, line;
} plim_admission;

#define PLIM_RULES_SAID_MAX 64u

/* What judging a load needs and a small stack has no room for; one after the other. */
typedef union plim_desk {
    plim_facts facts;       /* of the machine and a card */
    plim_headroom headroom; /* before the body is read */
} plim_desk;

struct plim_runtime {
    plim_provider *provider, *own_provider; /* own: of this object */
    uint64_t own_bytes;
    plim_file_provider account_file;
    bool has_account_file;
    plim_black_box box;
    bool has_box;                       /* its file is the budget's home */
    plim_large_provider large_provider; /* open when has_large_pages */
    bool has_large_pages, pays_page_tables;
    char large_reason[320]; /* why not */
    plim_budget *budget;
    plim_fixed_charge fixed[3]; /* this object, the reserve, the framework */
    plim_arena *arena;
    plim_host host;
    plim_facts facts;                   /* of the machine; nothing of a card */
    const plim_policy *rules;           /* NULL: the built-in ones */
    uint32_t said[PLIM_RULES_SAID_MAX]; /* ids of rules that were logged, as hashes; under lock */
    uint32_t said_count;
    plim_log log;
    uint64_t reserve_bytes; /* charged, and never touched: to stay free */
    plim_headroom_policy headroom;
    _Atomic bool said_no_headroom;
    pthread_mutex_t desk_lock;
    plim_desk desk;
    const char *sysroot; /* kept from the options; "" this machine */
    plim_telemetry *telemetry;
    void (*on_transition)(void *context, const plim_transition *transition); /* NULL: nobody */
    void *transition_context;
    bool box_sample_due; /* of the thread that takes samples */
    _Atomic bool said_unknown;
    pthread_mutex_t lock, arena_lock;
    pthread_cond_t changed; /* an engine left LOADING or CLOSING */
    plim_admission admission;
    bool is_watched;            /* by a pressure watch, or one is being opened */
    plim_pressure_watch *watch; /* NULL: none; the runtime's close closes it */
    bool is_sealed;
    plim_seal_policy seal_policy;
    uint64_t release_turn, build_count;
    plim_engine engines[PLIM_ENGINES_MAX];
    plim_scratch groups[PLIM_GROUPS_MAX];
};

/* ---- regions, under the arena lock ---- */
PLIM_MUST_USE plim_status plim_runtime_region(plim_runtime *self, plim_region_kind kind,
                                              const plim_region_opts *opts, plim_region **out,
                                              plim_error *err);
void plim_runtime_drop(plim_runtime *self, plim_region **region); /* sets it to NULL */

/* ---- card_rules.c ---- */
/* Card against host, then both against the rules. Errors: E_MISMATCH. */
PLIM_MUST_USE plim_status plim_engine_admit(plim_engine *engine, const plim_engine_spec *spec,
                                            plim_error *err);

/* ---- headroom_gate.c ---- */
/* How headroom is read for this runtime's memory, below @root (NULL: this machine). */
plim_headroom_opts plim_runtime_headroom_opts(const plim_runtime *self, const char *root);
/* Payload and window against what can be had now. Errors: E_NOMEM where the runtime refuses. */
PLIM_MUST_USE plim_status plim_engine_hold_room(plim_engine *engine, const char *name,
                                                plim_error *err);

/* ---- activation_memory.c ---- */
void plim_scratch_init(plim_scratch *self);
void plim_scratch_deinit(plim_scratch *self);
/* Gives @engine its own scratch, or a place in @group, grown to the largest need. */
PLIM_MUST_USE plim_status plim_scratch_join(plim_engine *engine, const char *group,
                                            plim_error *err);
void plim_scratch_leave(plim_engine *engine);
/* The region for blocks that no plan covers, made when first needed. Under block_lock. */
PLIM_MUST_USE plim_status plim_scratch_dynamic(plim_engine *engine, plim_region **out,
                                               plim_error *err);

/* ---- host_services.c: what a backend gets memory from ---- */
void plim_host_services(plim_engine *engine, plim_backend_host *out);
void plim_host_run_begin(plim_engine *engine, uint64_t shapes);
/* What was refused in the run (status OK: nothing) into *@out. */
void plim_host_run_end(plim_engine *engine, plim_error *out_refusal);

/* ---- plans of activations beside the artifact (activation_plan.c) ---- */
/* Finds and verifies the plan file; a missing or foreign one is no failure. */
void plim_engine_find_plan(plim_engine *engine);
void plim_engine_record_begin(plim_engine *engine);
void plim_engine_record_end(plim_engine *engine, uint64_t shapes, bool run_is_good);

/* ---- describe.c ---- */
/* Card and session must agree; tensors that the card does not have are filled in. */
PLIM_MUST_USE plim_status plim_engine_describe(plim_engine *engine, plim_error *err);

/* ---- pressure_actions.c ---- */
/* E_STATE while a pressure ladder lets no new engine in. */
PLIM_MUST_USE plim_status plim_runtime_admit(plim_runtime *self, plim_error *err);

/* ---- residency.c ---- */
/* Streams the payload to its place with the load window charged meanwhile. */
PLIM_MUST_USE plim_status plim_engine_stream_in(plim_engine *engine, const plim_load_opts *opts,
                                                bool is_growth, plim_error *err);
PLIM_MUST_USE plim_status plim_engine_drop_payload(plim_engine *engine, plim_error *err);
/* The page tables of the payload, charged before it is committed and credited after it is gone. */
PLIM_MUST_USE plim_status plim_engine_charge_page_tables(plim_engine *engine, bool is_growth,
                                                         plim_error *err);
void plim_engine_credit_page_tables(plim_engine *engine);

/* Undoes a load, finished or not: everything that is there goes back. */
void plim_engine_teardown(plim_engine *engine);

uint64_t plim_runtime_now_ns(void);
void plim_runtime_log_error(plim_runtime *self, plim_log_level level, const char *event,
                            const char *name, const plim_error *err);

#endif
