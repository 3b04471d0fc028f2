/* SPDX-License-Identifier: Apache-2.0 */
/* host_services.c - the memory that a backend asks for: which region, which tag, what at the cap.
 *
 * Decides by class and by time. SESSION blocks, and ACTIVATION blocks that are asked for
 * outside a run, live in the engine's session region, charged as weights: they are copies that a
 * backend packs and the constants and tables it keeps. ACTIVATION blocks of a run take their
 * planned place when there is one, else the scratch's dynamic region. Every block is aligned to 64
 * bytes at least and followed by 64 bytes that nobody else uses. Refuses what the load line
 * refuses, and remembers the first refusal of a run: a backend may wrap it in words of its own, the
 * caller still gets the status with its numbers. A full activation limit counts as a load line,
 * because it is one.
 */
#include <inttypes.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/runtime/state.h"

#define SESSION_BASE_BYTES  (64u << 20) /* address space only; the cap is what limits */
#define SESSION_BLOCK_LIMIT 4096u
#define ALIGN_LEAST         64u
#define ALIGN_MOST          (2u << 20)

/* ---- session ---- */

static plim_status session_region(plim_engine *e, plim_region **out, plim_error *err)
{
    if (!e->session) {
        plim_region_opts o = plim_region_opts_default();
        uint64_t cap = plim_budget_cap_bytes(e->runtime->budget), bytes = 0;
        bool is_sum = bytes_mul(plim_engine_payload_bytes(e->file), 2, &bytes) &&
                      bytes_add(bytes, e->card->session_bytes, &bytes) &&
                      bytes_add(bytes, SESSION_BASE_BYTES, &bytes);
        o.name = "session";
        o.owner = e->owner;
        o.tag = PLIM_TAG_WEIGHTS;
        o.size_bytes = is_sum && bytes < cap ? bytes : cap;
        o.block_limit = SESSION_BLOCK_LIMIT;
        PLIM_TRY(plim_runtime_region(e->runtime, PLIM_REGION_DYNAMIC, &o, &e->session, err));
    }
    *out = e->session;
    return PLIM_OK;
}

/* ---- activations of a run ---- */

static plim_status dynamic_alloc(plim_engine *e, uint64_t bytes, size_t align, void **out,
                                 plim_error *err)
{
    plim_region *region = NULL;
    PLIM_TRY(plim_scratch_dynamic(e, &region, err));
    plim_status status = plim_region_alloc(region, bytes, align, out, err);
    if (status == PLIM_E_RANGE) {
        plim_region_stats stats;
        plim_region_read(region, &stats);
        status = PLIM_FAIL(err, PLIM_E_BUDGET, .what = "activation limit of the engine",
                           .want = bytes, .have = stats.free_bytes, .limit = stats.size_bytes);
    }
    return status;
}

static plim_status activation_alloc(plim_engine *e, uint64_t bytes, size_t align, void **out,
                                    plim_error *err)
{
    uint64_t offset;
    if (e->replay && plim_replay_alloc(e->replay, bytes, align, &offset)) {
        *out = (char *)plim_region_base(e->scratch->planned) + offset;
    } else {
        PLIM_TRY(dynamic_alloc(e, bytes, align, out, err));
    }
    if (e->is_recording) {
        /* A recording that does not fit is void; the run goes on. */
        e->is_recording =
            plim_recorder_alloc(e->recorder, (uintptr_t)*out, bytes, align, NULL) == PLIM_OK;
    }
    e->live_count++;
    e->live_bytes += bytes;
    if (e->live_bytes > e->stat_live_peak_bytes) {
        e->stat_live_peak_bytes = e->live_bytes;
    }
    return PLIM_OK;
}

static plim_status alloc_locked(plim_engine *e, plim_host_class kind, uint64_t bytes, size_t align,
                                void **out, plim_error *err)
{
    if (kind == PLIM_HOST_ACTIVATION && e->in_run) {
        return activation_alloc(e, bytes, align, out, err);
    }
    plim_region *region = NULL;
    PLIM_TRY(session_region(e, &region, err));
    return plim_region_alloc(region, bytes, align, out, err);
}

static plim_status host_alloc(void *context, plim_host_class kind, size_t size_bytes,
                              size_t align_bytes, void **out, plim_error *err)
{
    plim_engine *e = context;
    plim_error own; /* set by a refusal only: clearing it would be most of a small block's cost */
    plim_error *why = err ? err : &own;
    uint64_t bytes;
    *out = NULL;
    size_t align = align_bytes < ALIGN_LEAST ? ALIGN_LEAST : align_bytes;
    if (!bytes_is_power_of_two(align) || align > ALIGN_MOST ||
        !bytes_add(size_bytes, PLIM_BLOCK_SLACK, &bytes) ||
        !bytes_align_up(bytes, ALIGN_LEAST, &bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "block of a backend", .want = size_bytes);
    }
    pthread_mutex_lock(&e->scratch->block_lock);
    plim_status status = alloc_locked(e, kind, bytes, align, out, why);
    if (status != PLIM_OK && e->refusal.status == PLIM_OK) {
        e->refusal = *why;
    }
    pthread_mutex_unlock(&e->scratch->block_lock);
    return status;
}

/* ---- free: the address tells where it came from ---- */

static void activation_freed(plim_engine *e, const void *block, uint64_t bytes)
{
    if (e->is_recording) {
        /* Not found: it was given before the run that is recorded. */
        (void)plim_recorder_free(e->recorder, (uintptr_t)block);
    }
    e->live_count -= e->live_count > 0;
    e->live_bytes -= bytes <= e->live_bytes ? bytes : e->live_bytes;
}

static bool planned_free(plim_engine *e, void *block)
{
    const plim_scratch *s = e->scratch;
    uintptr_t base = s->planned ? (uintptr_t)plim_region_base(s->planned) : 0;
    uint64_t size = 0;
    if (!e->replay || !base || (uintptr_t)block < base ||
        (uintptr_t)block - base >= s->planned_bytes ||
        !plim_replay_free(e->replay, (uintptr_t)block - base, &size)) {
        return false;
    }
    activation_freed(e, block, size);
    return true;
}

static bool region_free(plim_region *region, void *block, uint64_t *out_bytes)
{
    *out_bytes = region ? plim_region_block_bytes(region, block) : 0;
    return *out_bytes && plim_region_free(region, block, NULL) == PLIM_OK;
}

static void host_free(void *context, void *block)
{
    plim_engine *e = context;
    uint64_t bytes = 0;
    if (!block) {
        return;
    }
    pthread_mutex_lock(&e->scratch->block_lock);
    bool is_ours = planned_free(e, block);
    if (!is_ours && region_free(e->scratch->dynamic, block, &bytes)) {
        activation_freed(e, block, bytes);
        is_ours = true;
    }
    is_ours = is_ours || region_free(e->session, block, &bytes);
    pthread_mutex_unlock(&e->scratch->block_lock);
    if (!is_ours) {
        PLIM_LOG(e->runtime, PLIM_LOG_ERROR, "foreign_free", "\"engine\":\"%s\",\"block\":\"%p\"",
                 e->name, block);
    }
}

static void host_log(void *context, int level, const char *text)
{
    plim_engine *e = context;
    plim_log_level at = level < PLIM_LOG_DEBUG   ? PLIM_LOG_DEBUG
                        : level > PLIM_LOG_ERROR ? PLIM_LOG_ERROR
                                                 : (plim_log_level)level;
    PLIM_LOG(e->runtime, at, "backend", "\"engine\":\"%s\",\"backend\":\"%s\",\"text\":\"%s\"",
             e->name, e->ops ? e->ops->name : "", text);
}

void plim_host_services(plim_engine *engine, plim_backend_host *out)
{
    *out = (plim_backend_host){.struct_size = sizeof(*out),
                               .context = engine,
                               .alloc = host_alloc,
                               .free = host_free,
                               .log = host_log};
}

/* ---- a run ---- */

void plim_host_run_begin(plim_engine *e, uint64_t shapes)
{
    plim_scratch *s = e->scratch;
    pthread_mutex_lock(&s->block_lock);
    e->in_run = true;
    e->live_bytes = e->live_count ? e->live_bytes : 0;
    e->refusal.status = PLIM_OK; /* the rest is read only when this is not */
    if (e->replay) {
        bool is_free = !s->holder || s->holder == e;
        bool fits = s->planned && s->planned_bytes >= e->planned_need_bytes;
        plim_replay_begin(e->replay, is_free && fits && shapes == e->replay_shapes);
    }
    pthread_mutex_unlock(&s->block_lock);
}

void plim_host_run_end(plim_engine *e, plim_error *out_refusal)
{
    plim_scratch *s = e->scratch;
    pthread_mutex_lock(&s->block_lock);
    e->in_run = false;
    out_refusal->status = e->refusal.status;
    if (e->refusal.status != PLIM_OK) {
        *out_refusal = e->refusal;
    }
    plim_replay_stats replay = {.live_count = 0};
    if (e->replay) {
        plim_replay_read(e->replay, &replay);
    }
    if (replay.live_count) {
        s->holder = e; /* nobody else may use planned memory until these are free */
    } else if (s->holder == e) {
        s->holder = NULL;
    }
    uint64_t kept = e->live_count;
    pthread_mutex_unlock(&s->block_lock);
    if (kept) {
        PLIM_LOG(e->runtime, PLIM_LOG_DEBUG, "blocks_kept", "\"engine\":\"%s\",\"count\":%" PRIu64,
                 e->name, kept);
    }
}
