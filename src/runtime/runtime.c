/* SPDX-License-Identifier: Apache-2.0 */
/* runtime.c - the runtime itself: budget, arena, log; compile, seal, label.
 *
 * Decides what exists before the first engine. The object lies in the first pages it maps,
 * because the account's own file must be there before the budget; the pages are charged as
 * soon as there is an account. The system's reserve and the declared framework bytes are
 * charged at once, so that they are never given to an engine. Refuses what does not fit, and
 * compile once sealed. A start that is refused leaves its black box too, if it came that far:
 * closed, with the refusal in it.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arena/account.h"
#include "arena/bytes.h"
#include "arena/opts.h"
#include "platform/linux/account_copy.h"
#include "src/runtime/state.h"

#define OWNER_LIMIT        128u
#define REGION_LIMIT       384u /* 6 an engine at most, all engines at once */
#define ADDRESS_FACTOR     16u  /* address space for each byte of cap: it costs nothing */
#define ACCOUNT_BASE_BYTES (64u << 10)
#define ACCOUNT_OWNER_ROOM 1024u /* more than an owner's name and cells take */

uint64_t plim_runtime_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Is it memory that was refused? Then somebody will ask who had it. */
static bool is_refusal(const plim_error *err)
{
    return err->status == PLIM_E_BUDGET || err->status == PLIM_E_NOMEM ||
           err->status == PLIM_E_FRAG || err->holders[0].bytes != 0;
}

#define ERROR_MEMBERS                                                                              \
    "\"engine\":\"%s\",\"status\":\"%s\",\"what\":\"%s\",\"field\":\"%s\",\"wanted\":\"%s\","      \
    "\"found\":\"%s\",\"want\":%" PRIu64 ",\"have\":%" PRIu64 ",\"limit\":%" PRIu64                \
    ",\"detail\":\"%s\",\"remedy\":\"%s\",\"holders\":["
#define ERROR_HOLDER "{\"owner\":\"%s\",\"tag\":\"%s\",\"bytes\":%" PRIu64 "}"

void plim_runtime_log_error(plim_runtime *self, plim_log_level level, const char *event,
                            const char *name, const plim_error *err)
{
    static const char *const formats[] = {
        ERROR_MEMBERS "]",
        ERROR_MEMBERS ERROR_HOLDER "]",
        ERROR_MEMBERS ERROR_HOLDER "," ERROR_HOLDER "]",
        ERROR_MEMBERS ERROR_HOLDER "," ERROR_HOLDER "," ERROR_HOLDER "]",
    };
    const plim_holder *h = err->holders;
    size_t count = 0;
    while (count < PLIM_ERROR_HOLDERS && h[count].bytes) {
        count++;
    }
    PLIM_LOG(self, level, event, formats[count], name, plim_status_name(err->status),
             err->what ? err->what : "", err->field, err->wanted, err->found, err->want, err->have,
             err->limit, err->detail, err->remedy, h[0].owner, plim_tag_name((plim_tag)h[0].tag),
             h[0].bytes, h[1].owner, plim_tag_name((plim_tag)h[1].tag), h[1].bytes, h[2].owner,
             plim_tag_name((plim_tag)h[2].tag), h[2].bytes);
    if (is_refusal(err)) {
        plim_black_box_refusal(&self->box, event, name, err);
    }
}

/* ---- regions ---- */

plim_status plim_runtime_region(plim_runtime *self, plim_region_kind kind,
                                const plim_region_opts *opts, plim_region **out, plim_error *err)
{
    pthread_mutex_lock(&self->arena_lock);
    plim_status status = plim_region_create(self->arena, kind, opts, out, err);
    pthread_mutex_unlock(&self->arena_lock);
    return status;
}

void plim_runtime_drop(plim_runtime *self, plim_region **region)
{
    if (*region) {
        pthread_mutex_lock(&self->arena_lock);
        plim_region_destroy(*region);
        pthread_mutex_unlock(&self->arena_lock);
        *region = NULL;
    }
}

/* ---- open ---- */

static void close_because(plim_runtime *self, const char *reason);

/* Options of any age, with nested ones and zeros made explicit. */
static plim_status take_opts(const plim_runtime_opts *given, plim_runtime_opts *out,
                             plim_error *err)
{
    plim_runtime_opts defaults = plim_runtime_opts_default();
    if (!opts_take(out, sizeof(*out), given ? given : &defaults)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "runtime options: struct_size was never set");
    }
    if (out->seal > PLIM_SEAL_REFUSE || out->log_level > PLIM_LOG_OFF ||
        out->large_pages > PLIM_LARGE_PAGES_REQUIRE ||
        (unsigned)out->headroom > PLIM_HEADROOM_OFF) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "runtime options: seal, log, large pages or headroom");
    }
    if (out->provider && out->large_pages == PLIM_LARGE_PAGES_REQUIRE) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "runtime options: large pages are the given provider's affair");
    }
    if (out->account_path && out->black_box_path) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "runtime options: the black box publishes the account already");
    }
    out->budget.struct_size = sizeof(out->budget);
    out->budget.owner_limit = out->budget.owner_limit ? out->budget.owner_limit : OWNER_LIMIT;
    out->seal = out->seal == PLIM_SEAL_OPEN ? PLIM_SEAL_REFUSE : out->seal;
    out->sysroot = out->sysroot ? out->sysroot : "";
    return PLIM_OK;
}

/* Which memory payloads lie in. What was asked for and what came of it is kept for the log. */
static plim_status choose_provider(plim_runtime *self, const plim_runtime_opts *o, plim_error *err)
{
    plim_error why = {.status = PLIM_OK};
    self->provider = o->provider ? o->provider : plim_provider_mmap();
    snprintf(self->large_reason, sizeof(self->large_reason), "%s",
             o->provider                                ? "a provider was given"
             : o->large_pages == PLIM_LARGE_PAGES_NEVER ? "large_pages is never"
                                                        : "");
    if (!self->large_reason[0]) {
        if (plim_provider_large_open(&self->large_provider, &why) == PLIM_OK) {
            self->provider = &self->large_provider.base;
            self->has_large_pages = true;
        } else if (o->large_pages == PLIM_LARGE_PAGES_REQUIRE) {
            if (err) {
                *err = why;
            }
            return why.status;
        } else {
            snprintf(self->large_reason, sizeof(self->large_reason), "%s%s%s", why.detail,
                     why.os_errno ? ": " : "", why.os_errno ? strerror(why.os_errno) : "");
        }
    }
    self->pays_page_tables =
        !self->has_large_pages && plim_provider_kind(self->provider) == PLIM_MEMORY_HOST;
    return PLIM_OK;
}

static void init_object(plim_runtime *self, const plim_runtime_opts *o)
{
    self->seal_policy = o->seal;
    self->sysroot = o->sysroot;
    self->reserve_bytes = o->reserve_bytes;
    self->headroom = o->headroom;
    plim_log_init(&self->log, o->log_level, o->log_sink, o->log_context);
    pthread_mutex_init(&self->desk_lock, NULL);
    pthread_mutex_init(&self->lock, NULL);
    pthread_mutex_init(&self->arena_lock, NULL);
    pthread_cond_init(&self->changed, NULL);
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        self->engines[i].runtime = self;
        plim_scratch_init(&self->engines[i].own);
    }
    for (size_t i = 0; i < PLIM_GROUPS_MAX; i++) {
        plim_scratch_init(&self->groups[i]);
    }
}

static void deinit_object(plim_runtime *self)
{
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        plim_scratch_deinit(&self->engines[i].own);
    }
    for (size_t i = 0; i < PLIM_GROUPS_MAX; i++) {
        plim_scratch_deinit(&self->groups[i]);
    }
    pthread_cond_destroy(&self->changed);
    pthread_mutex_destroy(&self->arena_lock);
    pthread_mutex_destroy(&self->lock);
    pthread_mutex_destroy(&self->desk_lock);
    plim_log_deinit(&self->log);
}

static plim_status map_object(const plim_runtime_opts *o, plim_runtime **out, plim_error *err)
{
    plim_provider *provider = o->provider && plim_provider_kind(o->provider) == PLIM_MEMORY_HOST
                                  ? o->provider
                                  : plim_provider_mmap();
    uint64_t bytes;
    void *base = NULL;
    if (!bytes_align_up(sizeof(plim_runtime), plim_provider_page_bytes(provider), &bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "runtime");
    }
    PLIM_TRY(plim_provider_reserve(provider, bytes, 0, &base, err));
    plim_status status = plim_provider_commit(provider, base, bytes, err);
    if (status != PLIM_OK) {
        plim_provider_release(provider, base, bytes);
        return status;
    }
    *out = base;
    (*out)->own_provider = provider;
    (*out)->own_bytes = bytes;
    return PLIM_OK;
}

static void unmap_object(plim_runtime *self)
{
    plim_provider *provider = self->own_provider;
    uint64_t bytes = self->own_bytes;
    plim_provider_decommit(provider, self, bytes);
    plim_provider_release(provider, self, bytes);
}

static plim_status find_host(plim_runtime *self, const plim_runtime_opts *o, plim_error *err)
{
    plim_board_opts b = plim_board_opts_default();
    plim_system_memory memory;
    self->rules = o->policy;
    if (o->facts) {
        self->facts = *o->facts;
    } else if (!o->host) {
        PLIM_TRY(plim_system_memory_read(o->sysroot, &memory, err)); /* its refusal is ours */
        b.root = o->sysroot;
        PLIM_TRY(plim_board_probe(&b, &self->facts, err));
        /* an environment that cannot be read leaves its settings unknown */
        plim_status status = plim_settings_read_process(o->sysroot, 0, &self->facts, NULL);
        (void)status;
    }
    if (o->host) {
        self->host = *o->host;
        plim_host_note(o->host, &self->facts);
    } else {
        plim_host_from_facts(&self->facts, &self->host);
    }
    return PLIM_OK;
}

/* The segment that the account is to lie in, if there is one to be had. */
static plim_status publish_account(plim_runtime *self, const plim_runtime_opts *o, plim_error *err)
{
    uint64_t bytes;
    if (!bytes_mul(o->budget.owner_limit, ACCOUNT_OWNER_ROOM, &bytes) ||
        !bytes_add(bytes, ACCOUNT_BASE_BYTES, &bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "account file");
    }
    if (o->account_path) {
        PLIM_TRY(plim_file_provider_open(&self->account_file, o->account_path, bytes, err));
        self->has_account_file = true;
    } else if (self->own_provider == plim_provider_mmap()) {
        /* Where memreport looks by the process's number alone; a kernel without is no failure. */
        self->has_account_file =
            plim_provider_shm_open(&self->account_file, PLIM_ACCOUNT_MEMFD, bytes, NULL) == PLIM_OK;
    }
    return PLIM_OK;
}

static plim_status open_budget(plim_runtime *self, plim_runtime_opts *o, plim_error *err)
{
    plim_provider *home = self->own_provider;
    if (o->budget.cap_bytes == 0 && o->budget.total_bytes == 0) {
        o->budget.total_bytes = self->host.memory_bytes;
    }
    if (o->black_box_path) {
        PLIM_TRY(plim_black_box_home(&self->box, o->black_box_path, o->black_box_bytes,
                                     o->budget.owner_limit, &home, err));
        self->has_box = true;
        PLIM_TRY(plim_budget_open(home, &o->budget, &self->budget, err));
        PLIM_TRY(plim_black_box_start(&self->box, self->budget, &self->host, err));
        plim_log_tee(&self->log, &self->box);
        return PLIM_OK;
    }
    PLIM_TRY(publish_account(self, o, err));
    home = self->has_account_file ? &self->account_file.base : home;
    return plim_budget_open(home, &o->budget, &self->budget, err);
}

static plim_status charge_as(plim_runtime *self, const char *owner, plim_tag tag, uint64_t bytes,
                             plim_fixed_charge *out, plim_error *err)
{
    if (bytes == 0) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_budget_owner(self->budget, owner, &out->owner, err));
    PLIM_TRY(plim_budget_charge(self->budget, out->owner, tag, bytes, err));
    out->tag = tag;
    out->bytes = bytes;
    return PLIM_OK;
}

static void credit_back(plim_runtime *self, plim_fixed_charge *charge)
{
    plim_budget_credit(self->budget, charge->owner, charge->tag, charge->bytes);
    charge->bytes = 0;
}

static plim_status charge_fixed(plim_runtime *self, const plim_runtime_opts *o, plim_error *err)
{
    PLIM_TRY(charge_as(self, "runtime", PLIM_TAG_OTHER, self->own_bytes, &self->fixed[0], err));
    PLIM_TRY(charge_as(self, "reserve", PLIM_TAG_OTHER, o->reserve_bytes, &self->fixed[1], err));
    return charge_as(self, "framework", PLIM_TAG_FRAMEWORK, o->framework_bytes, &self->fixed[2],
                     err);
}

static plim_status open_arena(plim_runtime *self, plim_error *err)
{
    plim_arena_opts a = plim_arena_opts_default();
    a.region_limit = REGION_LIMIT;
    if (!bytes_mul(plim_budget_cap_bytes(self->budget), ADDRESS_FACTOR, &a.reserve_bytes)) {
        a.reserve_bytes = 0;
    }
    plim_status status = plim_arena_open(self->budget, self->provider, &a, &self->arena, err);
    if (status == PLIM_E_NOMEM) { /* address space may be limited: ask for the arena's default */
        a.reserve_bytes = 0;
        status = plim_arena_open(self->budget, self->provider, &a, &self->arena, err);
    }
    return status;
}

static int64_t telemetry_period_ms(const plim_runtime_opts *o)
{
    return o->telemetry_period_ms == PLIM_TELEMETRY_OFF ? -1
           : o->telemetry_period_ms                     ? (int64_t)o->telemetry_period_ms
                                                        : 1000;
}

static void log_configuration(plim_runtime *self, const plim_runtime_opts *o)
{
    static const char *const policies[] = {"open", "count", "refuse"};
    static const char *const large[] = {"auto", "never", "require"};
    static const char *const headroom[] = {"warn", "refuse", "off"};
    PLIM_LOG(self, PLIM_LOG_INFO, "runtime_open",
             "\"version\":\"%s\",\"cap_bytes\":%" PRIu64 ",\"reserve_bytes\":%" PRIu64
             ",\"framework_bytes\":%" PRIu64 ",\"owner_limit\":%" PRIu32
             ",\"black_box_path\":\"%s\",\"black_box_bytes\":%" PRIu64
             ",\"provider\":\"%s\",\"large_pages\":\"%s\",\"has_large_pages\":%s,"
             "\"large_pages_reason\":\"%s\",\"headroom\":\"%s\",\"seal\":\"%s\","
             "\"log_level\":\"%s\",\"account_path\":\"%s\","
             "\"sysroot\":\"%s\",\"telemetry_period_ms\":%" PRId64
             ",\"board\":\"%s\",\"arch\":\"%s\",\"sm\":%" PRIu32 ",\"multiprocessors\":%" PRIu32
             ",\"memory_bytes\":%" PRIu64 ",\"jetpack\":\"%s\",\"l4t\":\"%s\",\"tensorrt\":\"%s\"",
             plim_version(), plim_budget_cap_bytes(self->budget), o->reserve_bytes,
             o->framework_bytes, o->budget.owner_limit, o->black_box_path ? o->black_box_path : "",
             self->box.ring_bytes, plim_provider_name(self->provider), large[o->large_pages],
             self->has_large_pages ? "true" : "false", self->large_reason, headroom[o->headroom],
             policies[o->seal], plim_log_level_name(self->log.sink_level),
             o->account_path ? o->account_path : "", o->sysroot, telemetry_period_ms(o),
             self->host.board, self->host.arch, self->host.sm, self->host.multiprocessors,
             self->host.memory_bytes, self->host.jetpack, self->host.l4t, self->host.tensorrt);
}

plim_status plim_runtime_open(const plim_runtime_opts *opts, plim_runtime **out, plim_error *err)
{
    plim_runtime_opts o;
    plim_runtime *self = NULL;
    plim_error own = {.status = PLIM_OK};
    if (!out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "runtime: out");
    }
    *out = NULL;
    PLIM_TRY(take_opts(opts, &o, err));
    PLIM_TRY(map_object(&o, &self, err));
    init_object(self, &o);
    plim_status status = choose_provider(self, &o, &own);
    if (status == PLIM_OK) {
        status = find_host(self, &o, &own);
    }
    if (status == PLIM_OK) {
        status = open_budget(self, &o, &own);
    }
    if (status == PLIM_OK) {
        status = charge_fixed(self, &o, &own);
    }
    if (status == PLIM_OK) {
        status = open_arena(self, &own);
    }
    if (status == PLIM_OK) {
        log_configuration(self, &o);
        status = plim_runtime_sense_open(self, &o, &own);
    }
    if (status != PLIM_OK) {
        own.status = status;
        plim_runtime_log_error(self, PLIM_LOG_ERROR, "open_failed", "", &own);
        close_because(self, "the runtime could not be opened");
        if (err) {
            *err = own;
        }
        return status;
    }
    *out = self;
    return PLIM_OK;
}

/* ---- close ---- */

/* A box that was opened is home to the budget, and what it says is to stay. */
static void close_budget(plim_runtime *self)
{
    if (self->has_box) {
        plim_budget_leave(self->budget);
        plim_black_box_close(&self->box);
        return;
    }
    plim_budget_close(self->budget);
    if (self->has_account_file) {
        plim_file_provider_close(&self->account_file);
    }
}

static void close_because(plim_runtime *self, const char *reason)
{
    plim_runtime_sense_close(self); /* first: its thread logs, and a hook may use the rest */
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        if (self->engines[i].state != PLIM_ENGINE_FREE) {
            plim_engine_teardown(&self->engines[i]);
        }
    }
    plim_arena_close(self->arena);
    PLIM_LOG(self, PLIM_LOG_INFO, "runtime_close", "\"build_count\":%" PRIu64, self->build_count);
    plim_black_box_end(&self->box, reason);
    for (size_t i = 0; i < sizeof(self->fixed) / sizeof(self->fixed[0]) && self->budget; i++) {
        credit_back(self, &self->fixed[i]);
    }
    close_budget(self);
    deinit_object(self);
    plim_provider_large_close(&self->large_provider);
    unmap_object(self);
}

void plim_runtime_close(plim_runtime *self)
{
    if (self) {
        plim_pressure_close(self->watch);
        close_because(self, "closed by the program");
    }
}

/* ---- accessors and the small verbs ---- */

plim_budget *plim_runtime_budget(plim_runtime *self)
{
    return self->budget;
}

plim_arena *plim_runtime_arena(plim_runtime *self)
{
    return self->arena;
}

bool plim_runtime_has_large_pages(const plim_runtime *self, const char **out_reason)
{
    if (out_reason) {
        *out_reason = self->large_reason;
    }
    return self->has_large_pages;
}

plim_telemetry *plim_runtime_telemetry(plim_runtime *self)
{
    return self->telemetry;
}

const plim_host *plim_runtime_host(const plim_runtime *self)
{
    return &self->host;
}

uint64_t plim_runtime_build_count(plim_runtime *self)
{
    pthread_mutex_lock(&self->lock);
    uint64_t count = self->build_count;
    pthread_mutex_unlock(&self->lock);
    return count;
}

bool plim_runtime_log_is_on(const plim_runtime *self, plim_log_level level)
{
    return self && plim_log_is_on(&self->log, level);
}

void plim_runtime_log(plim_runtime *self, plim_log_level level, const char *event,
                      const char *format, ...)
{
    if (plim_runtime_log_is_on(self, level)) {
        va_list args;
        va_start(args, format);
        plim_log_write(&self->log, level, event, format, args);
        va_end(args);
    }
}

plim_status plim_runtime_seal(plim_runtime *self, plim_error *err)
{
    if (!self) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "runtime");
    }
    pthread_mutex_lock(&self->lock);
    bool was_sealed = self->is_sealed;
    self->is_sealed = true;
    pthread_mutex_unlock(&self->lock);
    if (was_sealed) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the runtime is sealed already");
    }
    pthread_mutex_lock(&self->arena_lock);
    plim_arena_seal(self->arena, self->seal_policy);
    pthread_mutex_unlock(&self->arena_lock);
    plim_budget_seal(self->budget, self->seal_policy);
    PLIM_LOG(self, PLIM_LOG_INFO, "seal", "\"used_bytes\":%" PRIu64,
             plim_budget_used_bytes(self->budget));
    plim_black_box_sample(&self->box);
    return PLIM_OK;
}

plim_status plim_runtime_compile(plim_runtime *self, const char *backend, const char *model_path,
                                 const char *out_dir, const plim_import_opts *opts, char *out_path,
                                 size_t out_path_bytes, plim_error *err)
{
    const plim_backend_ops *ops = NULL;
    if (!self || !backend || !model_path || !out_dir || !out_path || out_path_bytes == 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "compile: an argument is missing");
    }
    out_path[0] = 0;
    pthread_mutex_lock(&self->lock);
    bool is_sealed = self->is_sealed;
    self->build_count += !is_sealed;
    pthread_mutex_unlock(&self->lock);
    if (is_sealed) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the runtime is sealed: compile beforehand");
    }
    PLIM_TRY(plim_backend_find(backend, &ops, err));
    if (!ops->import_model) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "the backend makes no artifacts", "backend",
                              NULL, backend);
    }
    plim_status status =
        ops->import_model(model_path, out_dir, opts, out_path, out_path_bytes, err);
    PLIM_LOG(self, status == PLIM_OK ? PLIM_LOG_INFO : PLIM_LOG_ERROR, "compile",
             "\"backend\":\"%s\",\"model\":\"%s\",\"artifact\":\"%s\",\"status\":\"%s\"", backend,
             model_path, out_path, plim_status_name(status));
    return status;
}

void plim_runtime_label(plim_runtime *self, const char *label)
{
    (void)self; /* a label belongs to the thread, whichever runtime it works for */
    plim_label_set(label);
}

size_t plim_runtime_engines(plim_runtime *self, plim_engine **out, size_t limit)
{
    size_t count = 0;
    pthread_mutex_lock(&self->lock);
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        if (self->engines[i].state == PLIM_ENGINE_READY) {
            if (count < limit) {
                out[count] = &self->engines[i];
            }
            count++;
        }
    }
    pthread_mutex_unlock(&self->lock);
    return count;
}
