/* SPDX-License-Identifier: Apache-2.0 */
/* deserialize.c - verb 2: from a path to an engine that runs.
 *
 * Decides the order, cheapest refusal first: head, card against host, backend, room for
 * activations, room on the machine, room for the payload, and only then the body. Refuses a
 * backend that is absent or is not the card's, never takes another one instead.
 * Invariant: every step leaves what it made in the engine, and teardown undoes whatever is
 * there, in reverse; so after any failure the account is where it was, and release is the
 * same path.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "arena/opts.h"
#include "src/runtime/share.h"

#define HOME_BASE_BYTES   (24u << 20) /* address space: card text, parsed card, path */
#define HOME_BODY_SHARE   64u         /* chunk and section tables: a share of the body */
#define LIMIT_EXTRA_BYTES (4u << 20)
#define LIMIT_LEAST_BYTES (1u << 20)

/* ---- teardown: reverse order of load, whatever there is ---- */

void plim_engine_teardown(plim_engine *e)
{
    plim_runtime *runtime = e->runtime;
    if (e->scratch) { /* a run that is under way ends first */
        pthread_mutex_lock(&e->scratch->run_lock);
        pthread_mutex_unlock(&e->scratch->run_lock);
    }
    if (e->impl) {
        e->ops->close(e->impl);
    }
    plim_runtime_drop(runtime, &e->session);
    plim_scratch_leave(e);
    plim_runtime_drop(runtime, &e->payload);
    plim_engine_credit_page_tables(e);
    plim_runtime_drop(runtime, &e->record_home);
    plim_runtime_drop(runtime, &e->replay_home);
    plim_engine_close(e->file);
    plim_runtime_drop(runtime, &e->home);

    pthread_mutex_lock(&runtime->lock); /* others look at states, names and scratch meanwhile */
    e->impl = NULL;
    e->file = NULL;
    e->path = e->plan_path = NULL;
    e->card = NULL;
    e->ops = NULL;
    e->planned_need_bytes = e->dynamic_need_bytes = 0;
    e->is_loaded = e->in_run = e->is_recording = false;
    e->replay = NULL;
    e->recorder = NULL;
    e->is_resident = e->record_wanted = false;
    e->live_bytes = e->live_count = e->stat_live_peak_bytes = 0;
    e->load_count = e->run_count = e->run_ns_total = e->run_ns_max = e->trace_refused_count = 0;
    e->load_stats = (plim_load_stats){.payload_bytes = 0};
    pthread_mutex_unlock(&runtime->lock);
}

/* ---- steps ---- */

static plim_status copy_text(plim_engine *e, const char *text, const char *tail, const char **out,
                             plim_error *err)
{
    void *block = NULL;
    size_t bytes = strlen(text) + strlen(tail) + 1;
    PLIM_TRY(plim_region_alloc(e->home, bytes, 1, &block, err));
    snprintf(block, bytes, "%s%s", text, tail);
    *out = block;
    return PLIM_OK;
}

static plim_status open_head(plim_engine *e, const plim_engine_spec *spec, const char *real,
                             plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    PLIM_TRY(plim_budget_owner(e->runtime->budget, spec->name, &e->owner, err));
    o.name = "head";
    o.owner = e->owner;
    o.tag = PLIM_TAG_OTHER;
    if (!bytes_add(HOME_BASE_BYTES, e->identity.size_bytes / HOME_BODY_SHARE, &o.size_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "size of the artifact");
    }
    PLIM_TRY(plim_runtime_region(e->runtime, PLIM_REGION_BUMP, &o, &e->home, err));
    PLIM_TRY(plim_engine_open(real, e->home, &e->file, err));
    e->card = plim_engine_card(e->file);
    PLIM_TRY(copy_text(e, real, "", &e->path, err));
    return copy_text(e, spec->trace_path ? spec->trace_path : real,
                     spec->trace_path ? "" : PLIM_PLAN_FILE_TAIL, &e->plan_path, err);
}

static plim_status find_backend(plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    plim_backend_info info = {.is_present = false};
    const char *name = spec->backend ? spec->backend : e->card->backend;
    PLIM_TRY(plim_backend_find(name, &e->ops, err));
    if (e->card->backend[0] && strcmp(name, e->card->backend) != 0) {
        plim_error_set(err, PLIM_E_MISMATCH, "artifact of another backend", "backend",
                       e->card->backend, name);
        plim_error_detail(err, "%s", e->path);
        return PLIM_E_MISMATCH;
    }
    if (e->ops->abi != PLIM_BACKEND_ABI) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "backend of another ABI", "backend", NULL,
                              name);
    }
    plim_backend_probe(e->ops, spec->library, &info);
    if (!info.is_present) {
        plim_error_set(err, PLIM_E_NOT_FOUND, "backend is not present", "backend", name, NULL);
        plim_error_detail(err, "%s", info.absent_reason);
        return PLIM_E_NOT_FOUND;
    }
    e->flags = e->ops->artifact_flags ? e->ops->artifact_flags(e->card, info.flags) : info.flags;
    if (spec->late &&
        !(e->flags & PLIM_BACKEND_LATE_WEIGHTS && e->flags & PLIM_BACKEND_EVICTABLE)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "this format needs its weights to open",
                              "format", "one that opens late", e->card->format);
    }
    e->key = (plim_trace_key){.thread_count = e->thread_count, .prepack = e->prepack};
    memcpy(e->key.root, e->card->payload_root, sizeof(e->key.root));
    snprintf(e->key.backend, sizeof(e->key.backend), "%s", name);
    snprintf(e->key.version, sizeof(e->key.version), "%s", info.version);
    return PLIM_OK;
}

/* How much a run may hold: what the caller says, else what is known, else a quarter of the cap. */
static uint64_t activation_limit(const plim_engine *e, const plim_engine_spec *spec)
{
    uint64_t cap = plim_budget_cap_bytes(e->runtime->budget);
    uint64_t known = e->replay ? e->planned_need_bytes : e->card->activation_bytes;
    uint64_t limit = cap / 4, half_more;
    if (spec->activation_limit_bytes) {
        limit = spec->activation_limit_bytes;
    } else if (known && bytes_add(known, known / 2, &half_more) &&
               bytes_add(half_more, LIMIT_EXTRA_BYTES, &half_more)) {
        limit = half_more; /* placed as they come, blocks need more than their sum */
    }
    limit = limit < cap ? limit : cap;
    return limit > LIMIT_LEAST_BYTES || spec->activation_limit_bytes ? limit : LIMIT_LEAST_BYTES;
}

static plim_status join_scratch(plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    plim_engine_find_plan(e);
    e->record_wanted = spec->record_trace && !e->replay;
    e->dynamic_need_bytes = activation_limit(e, spec);
    return plim_scratch_join(e, spec->scratch_group, err);
}

static plim_status load_payload(plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    o.name = "payload";
    o.owner = e->owner;
    o.tag = PLIM_TAG_WEIGHTS;
    o.size_bytes = plim_engine_room_bytes(e->file);
    o.huge = o.size_bytes >= (2u << 20);
    PLIM_TRY(plim_engine_charge_page_tables(e, true, err));
    PLIM_TRY(plim_runtime_region(e->runtime, PLIM_REGION_STATIC, &o, &e->payload, err));
    return plim_engine_stream_in(e, &spec->load, true, err);
}

static plim_status open_session(plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    plim_backend_source source = {.card = plim_engine_card(e->file),
                                  .file = e->file,
                                  .payload = plim_region_base(e->payload),
                                  .payload_bytes = plim_engine_payload_bytes(e->file)};
    plim_backend_opts o = {.struct_size = sizeof(o),
                           .library = spec->library,
                           .thread_count = e->thread_count,
                           .prepack = e->prepack};
    plim_error own = {.status = PLIM_OK};
    plim_host_services(e, &e->host);
    e->refusal = (plim_error){.status = PLIM_OK};
    plim_status status = e->ops->open(&source, &e->host, &o, &e->impl, &own);
    if (status != PLIM_OK) {
        e->impl = NULL;
        own = e->refusal.status != PLIM_OK ? e->refusal : own;
        own.status = own.status != PLIM_OK ? own.status : status;
        if (err) {
            *err = own;
        }
        return own.status;
    }
    PLIM_TRY(plim_engine_describe(e, err));
    if (spec->late) { /* never loaded, so there is nothing to evict in the backend */
        return plim_engine_drop_payload(e, err);
    }
    PLIM_TRY(e->ops->load ? e->ops->load(e->impl, err) : PLIM_OK);
    e->is_loaded = true;
    e->is_resident = true;
    return PLIM_OK;
}

/* ---- one load ---- */

static void take_spec(plim_engine *e, const plim_engine_spec *spec)
{
    e->thread_count = spec->thread_count ? spec->thread_count : 1;
    e->prepack = spec->prepack;
    e->load = spec->load; /* for restores: without what lives only as long as this call */
    e->load.cancel = NULL;
    e->load.progress = NULL;
    e->load.progress_context = NULL;
    e->load.skip_digest = false;
}

/* A touched file with the same payload is the engine that is loaded already. */
static bool is_twin(const plim_engine *e, const plim_engine *twin)
{
    const plim_card *a = plim_engine_card(e->file), *b = plim_engine_card(twin->file);
    return a->has_payload_root && b->has_payload_root &&
           memcmp(a->payload_root, b->payload_root, PLIM_DIGEST_BYTES) == 0;
}

static plim_status load(plim_engine *e, const plim_engine_spec *spec, const char *real,
                        const plim_engine *twin, bool *out_is_twin, plim_error *err)
{
    take_spec(e, spec);
    PLIM_TRY(open_head(e, spec, real, err));
    if (twin && is_twin(e, twin)) {
        *out_is_twin = true;
        return PLIM_OK;
    }
    if (twin && strcmp(twin->name, spec->name) == 0) {
        plim_error_set(err, PLIM_E_STATE, "the file changed while its engine is loaded", "name",
                       NULL, spec->name);
        plim_error_detail(err, "%s", real);
        return PLIM_E_STATE;
    }
    PLIM_TRY(plim_runtime_admit(e->runtime, err));
    PLIM_TRY(plim_engine_admit(e, spec, err));
    PLIM_TRY(find_backend(e, spec, err));
    PLIM_TRY(join_scratch(e, spec, err));
    PLIM_TRY(plim_engine_hold_room(e, spec->name, err));
    PLIM_TRY(load_payload(e, spec, err));
    return open_session(e, spec, err);
}

/* ---- shared engines: what was asked for and does not apply ---- */

static plim_status check_shared(const plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    if (spec->backend && strcmp(spec->backend, e->ops->name) != 0) {
        return plim_error_set(err, PLIM_E_MISMATCH, "loaded already, by another backend", "backend",
                              e->ops->name, spec->backend);
    }
    uint32_t threads = spec->thread_count ? spec->thread_count : 1;
    const char *group = spec->scratch_group ? spec->scratch_group : "";
    bool differs = strcmp(spec->name, e->name) != 0 || threads != e->thread_count ||
                   spec->prepack != e->prepack || strcmp(group, e->scratch->group) != 0;
    PLIM_LOG(e->runtime, differs ? PLIM_LOG_WARN : PLIM_LOG_INFO, "engine_shared",
             "\"engine\":\"%s\",\"asked_as\":\"%s\",\"threads\":%" PRIu32
             ",\"asked_threads\":%" PRIu32 ",\"prepack\":%s,\"asked_prepack\":%s,\"group\":\"%s\","
             "\"asked_group\":\"%s\"",
             e->name, spec->name, e->thread_count, threads, e->prepack ? "true" : "false",
             spec->prepack ? "true" : "false", e->scratch->group, group);
    return PLIM_OK;
}

static plim_status share(plim_engine *e, const plim_engine_spec *spec, plim_engine **out,
                         plim_error *err)
{
    plim_status status = check_shared(e, spec, err);
    if (status != PLIM_OK) {
        plim_share_drop(e);
        return status;
    }
    *out = e;
    return PLIM_OK;
}

static void log_loaded(plim_engine *e)
{
    const plim_load_stats *l = &e->load_stats;
    PLIM_LOG(e->runtime, PLIM_LOG_INFO, "engine_loaded",
             "\"engine\":\"%s\",\"path\":\"%s\",\"backend\":\"%s\",\"backend_version\":\"%s\","
             "\"threads\":%" PRIu32 ",\"prepack\":%s,\"group\":\"%s\",\"payload_bytes\":%" PRIu64
             ",\"stored_bytes\":%" PRIu64 ",\"window_bytes\":%" PRIu64 ",\"elapsed_ns\":%" PRIu64
             ",\"large_page_bytes\":%" PRIu64 ",\"page_table_bytes\":%" PRIu64
             ",\"path_reason\":\"%s\",\"activation_limit_bytes\":%" PRIu64
             ",\"planned_bytes\":%" PRIu64 ",\"resident\":%s",
             e->name, e->path, e->ops->name, e->key.version, e->thread_count,
             e->prepack ? "true" : "false", e->scratch->group, plim_engine_payload_bytes(e->file),
             l->stored_bytes, l->window_bytes, l->elapsed_ns, l->huge_bytes, e->page_table_bytes,
             l->path_reason, e->dynamic_need_bytes, e->planned_need_bytes,
             e->is_resident ? "true" : "false");
}

/* The claimed place: loaded and published, or torn down and given back. */
static plim_status fill(const plim_claim *claim, const plim_engine_spec *spec, const char *real,
                        plim_engine **out, plim_error *err)
{
    plim_engine *e = claim->engine;
    plim_error own = {.status = PLIM_OK};
    bool is_same = false;
    PLIM_LOG(e->runtime, PLIM_LOG_INFO, "load_begin", "\"engine\":\"%s\",\"path\":\"%s\"",
             spec->name, real);
    plim_status status = load(e, spec, real, claim->twin, &is_same, &own);
    if (status == PLIM_OK && !is_same) {
        log_loaded(e);
        plim_black_box_notice(&e->runtime->box);
        plim_share_publish(e);
        *out = e;
    } else {
        plim_file_identity identity = e->identity;
        plim_engine_teardown(e);
        plim_share_abandon(e);
        if (is_same) {
            plim_share_same_file(claim->twin, &identity);
            return share(claim->twin, spec, out, err);
        }
        own.status = status;
        plim_runtime_log_error(e->runtime, PLIM_LOG_ERROR, "load_failed", spec->name, &own);
        if (err) {
            *err = own;
        }
    }
    if (claim->twin) {
        plim_share_drop(claim->twin);
    }
    return status;
}

plim_status plim_runtime_deserialize(plim_runtime *self, const plim_engine_spec *spec,
                                     plim_engine **out, plim_error *err)
{
    plim_engine_spec s;
    plim_file_identity identity;
    plim_claim claim;
    char real[PATH_MAX];
    if (!self || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "deserialize: runtime or out");
    }
    *out = NULL;
    if (!spec || !opts_take(&s, sizeof(s), spec) || !s.path || !s.name || !*s.name ||
        strlen(s.name) >= PLIM_NAME_BYTES) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "deserialize: a path, and a name of 1 to 31 bytes");
    }
    s.load.struct_size = sizeof(s.load);
    PLIM_TRY(plim_file_identify(s.path, real, &identity, err));
    plim_error own = {.status = PLIM_OK};
    plim_status status = plim_share_claim(self, &identity, s.name, &claim, &own);
    if (status != PLIM_OK) {
        plim_runtime_log_error(self, PLIM_LOG_WARN, "load_refused", s.name, &own);
        if (err) {
            *err = own;
        }
        return status;
    }
    return claim.is_shared ? share(claim.engine, &s, out, err) : fill(&claim, &s, real, out, err);
}
