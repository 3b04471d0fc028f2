/* SPDX-License-Identifier: Apache-2.0 */
/* telemetry.c - one thread that reads the sensors, publishes, and tells what changed.
 *
 * Decides when: at start + k * period, by the monotonic clock. A sample that comes late does not
 * shift those after it, and missed ones are not made up for. The order of each: read, publish,
 * tell transitions, on_sample, the hook; so whoever is told finds the sample when reading.
 * Files that were not there are looked for once a minute.
 *
 * Memory is one piece of the provider, charged whole: a guard page that is not committed, the
 * stack, and this object. Nothing is taken later. Only the thread writes the working sample and
 * the watch; open does before it exists. Readers copy out of the snapshot. The hook has a lock,
 * which is held while it runs and which no reader takes.
 *
 * PLIM_TELEMETRY_OFF: no thread and no stack; temperatures and alerts alone are read, at open and
 * when plim_telemetry_renew is called, under the hook's lock.
 */
#include "src/runtime/sense.h"

#include <string.h>
#include <time.h>

#include "arena/bytes.h"
#include "arena/opts.h"
#include "arena/snapshot.h"
#include "platform/linux/sensors/sensors.h"
#include "platform/linux/worker_thread.h"
#include "src/runtime/transition.h"

#define PERIOD_MS_DEFAULT 1000u
#define PSI_CENTI_DEFAULT 1000u
#define MILLISECOND       1000000u
#define SECOND            1000000000u
#define FIND_EVERY_NS     (60ull * SECOND)
#define WAKE_GAP_NS       (10u * MILLISECOND)
#define STALE_PERIODS     3u
#define PUBLISH_TRIES     64u
#define STACK_BYTES       (96u << 10) /* a log line takes 10 KB, the rest is for hooks */

struct plim_telemetry {
    plim_provider *provider;
    void *piece;                         /* the guard page */
    uint64_t guard_bytes, charged_bytes; /* charged: all but the guard */
    plim_budget *budget;
    plim_telemetry_opts opts;
    uint64_t period_ns; /* 0: no thread */
    uint64_t find_due_ns, first_ns;
    snapshot *published;
    plim_worker worker;
    bool has_worker;
    _Atomic bool is_over;
    pthread_mutex_t hook_lock;
    bool has_hook;
    uint64_t hook_turn; /* of attach and detach: what was found under another one is dropped */
    plim_telemetry_hook hook;
    plim_sensors sensors;
    plim_transition_watch watch;
};

static uint64_t clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

/* ---- a sample ---- */

static void take_sample(plim_telemetry *self, uint32_t groups)
{
    plim_telemetry_sample *s = &self->sensors.sample;
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint32_t calls = self->sensors.call_count;
    if (groups == PLIM_SENSE_ALL && now >= self->find_due_ns) {
        plim_sensors_find(&self->sensors);
        self->find_due_ns = now + FIND_EVERY_NS;
    }
    plim_sensors_read(&self->sensors, groups, now);
    s->late_count += self->period_ns && s->ns && now - s->ns > 2 * self->period_ns;
    s->number++;
    s->ns = now;
    s->wall_ns = clock_ns(CLOCK_REALTIME);
    s->period_ns = self->period_ns;
    s->transition_count = self->watch.count;
    s->call_count = self->sensors.call_count - calls;
    s->file_count = self->sensors.file_count;
    s->poll_ns = clock_ns(CLOCK_MONOTONIC) - now;
    for (uint32_t i = 0; i < PUBLISH_TRIES && !snapshot_put(self->published, s); i++) {
    }
    plim_transitions_tell(&self->watch, s);
    if (self->opts.on_sample) {
        self->opts.on_sample(self->opts.context, s);
    }
}

/* ---- the thread ---- */

/* What to wait for, as it stands now. */
static uint64_t look_at_hook(plim_telemetry *self, plim_telemetry_hook *out)
{
    pthread_mutex_lock(&self->hook_lock);
    *out = self->hook;
    out->fd_count = self->has_hook ? out->fd_count : 0;
    uint64_t turn = self->hook_turn;
    pthread_mutex_unlock(&self->hook_lock);
    return turn;
}

static void call_hook(plim_telemetry *self, uint64_t turn, uint32_t woken)
{
    pthread_mutex_lock(&self->hook_lock);
    woken = turn == self->hook_turn ? woken : 0;
    for (uint32_t i = 0; i < self->hook.fd_count; i++) {
        if (woken & 1u << (PLIM_WORKER_FAILED + i)) {
            self->hook.fds[i] = -1;
        }
    }
    if (self->has_hook) {
        self->hook.on_tick(self->hook.context, &self->sensors.sample, woken);
    }
    pthread_mutex_unlock(&self->hook_lock);
}

static uint64_t tick_after(uint64_t tick, uint64_t period_ns, uint64_t now)
{
    return tick + period_ns * (1 + (now - tick) / period_ns);
}

static void *run(void *argument)
{
    plim_telemetry *self = argument;
    uint64_t next = self->first_ns + self->period_ns, quiet_until = 0;
    while (!self->is_over) {
        plim_telemetry_hook hook;
        uint64_t turn = look_at_hook(self, &hook), now = clock_ns(CLOCK_MONOTONIC);
        bool is_quiet = now < quiet_until;
        uint64_t until = is_quiet && quiet_until < next ? quiet_until : next;
        uint32_t woken = plim_worker_wait(&self->worker, until, hook.fds, hook.events,
                                          is_quiet ? 0 : hook.fd_count) &
                         ~PLIM_WORKER_CALLED;
        now = clock_ns(CLOCK_MONOTONIC);
        if (self->is_over || (now < next && woken == 0)) {
            continue;
        }
        quiet_until = woken ? now + WAKE_GAP_NS : quiet_until;
        take_sample(self, now >= next ? PLIM_SENSE_ALL : PLIM_SENSE_MEMORY);
        call_hook(self, turn, woken);
        next = now >= next ? tick_after(next, self->period_ns, now) : next;
    }
    return NULL;
}

/* ---- open ---- */

static plim_status take_opts(const plim_telemetry_opts *given, plim_telemetry_opts *out,
                             plim_error *err)
{
    if (!opts_take(out, sizeof(*out), given)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "telemetry options: struct_size was never set");
    }
    out->root = out->root ? out->root : "";
    out->period_ms = out->period_ms ? out->period_ms : PERIOD_MS_DEFAULT;
    out->psi_centi = out->psi_centi ? out->psi_centi : PSI_CENTI_DEFAULT;
    out->provider = out->provider ? out->provider : plim_provider_mmap();
    return PLIM_OK;
}

typedef struct telemetry_layout {
    uint64_t guard_bytes, stack_bytes, object_bytes, snapshot_at;
} telemetry_layout;

static telemetry_layout lay_out(const plim_telemetry_opts *o)
{
    telemetry_layout l;
    uint64_t page = plim_provider_page_bytes(o->provider);
    bool has_thread = o->period_ms != PLIM_TELEMETRY_OFF;
    l.guard_bytes = has_thread ? page : 0;
    l.stack_bytes = has_thread ? plim_worker_stack_bytes(STACK_BYTES) : 0;
    l.snapshot_at = (sizeof(plim_telemetry) + 63) / 64 * 64;
    l.object_bytes = l.snapshot_at + snapshot_footprint_bytes(sizeof(plim_telemetry_sample));
    (void)bytes_align_up(l.stack_bytes, page, &l.stack_bytes);
    (void)bytes_align_up(l.object_bytes, page, &l.object_bytes);
    return l;
}

uint64_t plim_telemetry_footprint_bytes(const plim_telemetry_opts *opts)
{
    plim_telemetry_opts o;
    if (take_opts(opts, &o, NULL) != PLIM_OK) {
        return 0;
    }
    telemetry_layout l = lay_out(&o);
    return l.stack_bytes + l.object_bytes;
}

static plim_status map_piece(const plim_telemetry_opts *o, const telemetry_layout *l,
                             plim_telemetry **out, plim_error *err)
{
    uint64_t bytes = l->stack_bytes + l->object_bytes;
    void *piece = NULL;
    PLIM_TRY(plim_provider_reserve(o->provider, l->guard_bytes + bytes, 0, &piece, err));
    unsigned char *at = (unsigned char *)piece + l->guard_bytes;
    plim_status status = PLIM_OK;
    if (o->budget) {
        status = plim_budget_charge(o->budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, bytes, err);
    }
    if (status == PLIM_OK) {
        status = plim_provider_commit(o->provider, at, bytes, err);
        if (status != PLIM_OK && o->budget) {
            plim_budget_credit(o->budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, bytes);
        }
    }
    if (status != PLIM_OK) {
        plim_provider_release(o->provider, piece, l->guard_bytes + bytes);
        return status;
    }
    plim_telemetry *self = (plim_telemetry *)(void *)(at + l->stack_bytes);
    self->provider = o->provider;
    self->piece = piece;
    self->guard_bytes = l->guard_bytes;
    self->charged_bytes = bytes;
    self->budget = o->budget;
    self->published =
        snapshot_init((unsigned char *)self + l->snapshot_at, sizeof(plim_telemetry_sample));
    *out = self;
    return PLIM_OK;
}

static void init_object(plim_telemetry *self, const plim_telemetry_opts *o)
{
    bool has_thread = o->period_ms != PLIM_TELEMETRY_OFF;
    self->opts = *o;
    self->period_ns = has_thread ? (uint64_t)o->period_ms * MILLISECOND : 0;
    pthread_mutex_init(&self->hook_lock, NULL);
    plim_sensors_init(&self->sensors, o->root, has_thread ? PLIM_SENSE_ALL : PLIM_SENSE_HEAT);
    self->watch = (plim_transition_watch){.tell = o->on_transition,
                                          .context = o->context,
                                          .period_ns = self->period_ns,
                                          .room_low_bytes = o->room_low_bytes,
                                          .psi_centi = o->psi_centi};
}

plim_status plim_telemetry_open(const plim_telemetry_opts *opts, plim_telemetry **out,
                                plim_error *err)
{
    plim_telemetry_opts o;
    plim_telemetry *self = NULL;
    if (!out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "telemetry: out");
    }
    *out = NULL;
    PLIM_TRY(take_opts(opts, &o, err));
    const telemetry_layout l = lay_out(&o);
    PLIM_TRY(map_piece(&o, &l, &self, err));
    init_object(self, &o);
    plim_status status = plim_worker_open(&self->worker, err);
    self->has_worker = status == PLIM_OK;
    if (status == PLIM_OK) {
        take_sample(self, PLIM_SENSE_ALL);
        self->first_ns = self->sensors.sample.ns;
        if (self->period_ns) {
            status = plim_worker_start(&self->worker, "plim-telemetry",
                                       (unsigned char *)self->piece + l.guard_bytes, l.stack_bytes,
                                       run, self, err);
        }
    }
    if (status != PLIM_OK) {
        plim_telemetry_close(self);
        return status;
    }
    *out = self;
    return PLIM_OK;
}

void plim_telemetry_close(plim_telemetry *self)
{
    if (!self) {
        return;
    }
    /* A budget that is published is shared with a child of fork: what the parent holds is not the
     * child's to give back. */
    bool is_ours = !self->has_worker || plim_worker_is_ours(&self->worker);
    self->is_over = true;
    if (self->has_worker) {
        plim_worker_call(&self->worker);
        plim_worker_close(&self->worker);
    }
    plim_sensors_close(&self->sensors);
    plim_provider *provider = self->provider;
    plim_budget *budget = self->budget;
    unsigned char *piece = self->piece;
    uint64_t guard = self->guard_bytes, bytes = self->charged_bytes;
    plim_provider_decommit(provider, piece + guard, bytes);
    plim_provider_release(provider, piece, guard + bytes);
    if (budget && is_ours) {
        plim_budget_credit(budget, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, bytes);
    }
}

/* ---- reading ---- */

static void grow_old(plim_reading *r, uint64_t now, uint64_t stale_after_ns)
{
    if (r->state != PLIM_READING_MISSING) {
        r->age_ns = now > r->read_ns ? now - r->read_ns : 0;
        r->state = r->age_ns > stale_after_ns ? PLIM_READING_STALE : r->state;
    }
}

void plim_telemetry_read(const plim_telemetry *self, plim_telemetry_sample *out)
{
    (void)snapshot_read(self->published, out, NULL);
    uint64_t now = clock_ns(CLOCK_MONOTONIC);
    uint64_t limit = STALE_PERIODS * (self->period_ns ? self->period_ns : SECOND);
    out->is_running = plim_worker_is_here(&self->worker);
    out->age_ns = now > out->ns ? now - out->ns : 0;
    for (size_t i = 0; i < PLIM_READ_COUNT; i++) {
        grow_old(&out->list[i], now, limit);
    }
    for (uint32_t i = 0; i < out->zone_count; i++) {
        grow_old(&out->zones[i].reading, now, limit);
    }
    for (uint32_t i = 0; i < out->alert_count; i++) {
        grow_old(&out->alerts[i].reading, now, limit);
    }
    for (uint32_t i = 0; i < out->rail_count; i++) {
        grow_old(&out->rails[i].reading, now, limit);
    }
    for (uint32_t i = 0; i < out->clock_count; i++) {
        grow_old(&out->clocks[i].now, now, limit);
        grow_old(&out->clocks[i].cap, now, limit);
        grow_old(&out->clocks[i].max, now, limit);
    }
}

void plim_telemetry_renew(plim_telemetry *self)
{
    if (self->period_ns || pthread_mutex_trylock(&self->hook_lock) != 0) {
        return;
    }
    if (clock_ns(CLOCK_MONOTONIC) - self->sensors.sample.ns > SECOND) {
        take_sample(self, PLIM_SENSE_ALL);
    }
    pthread_mutex_unlock(&self->hook_lock);
}

/* ---- the hook ---- */

plim_status plim_telemetry_attach(plim_telemetry *self, const plim_telemetry_hook *hook,
                                  plim_error *err)
{
    plim_telemetry_hook h;
    if (!self || !hook || !opts_take(&h, sizeof(h), hook) || !h.on_tick ||
        h.fd_count > PLIM_TELEMETRY_WAKES) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "telemetry: hook");
    }
    if (!plim_worker_is_here(&self->worker)) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "telemetry has no thread in this process");
    }
    pthread_mutex_lock(&self->hook_lock);
    bool is_free = !self->has_hook;
    if (is_free) {
        self->hook = h;
        self->has_hook = true;
        self->hook_turn++;
    }
    pthread_mutex_unlock(&self->hook_lock);
    if (!is_free) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "telemetry has a hook already");
    }
    plim_worker_call(&self->worker);
    return PLIM_OK;
}

void plim_telemetry_detach(plim_telemetry *self)
{
    if (self && plim_worker_is_here(&self->worker)) {
        pthread_mutex_lock(&self->hook_lock);
        self->has_hook = false;
        self->hook.fd_count = 0;
        self->hook_turn++;
        pthread_mutex_unlock(&self->hook_lock);
        plim_worker_call(&self->worker);
    }
}
