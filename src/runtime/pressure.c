/* SPDX-License-Identifier: Apache-2.0 */
/* pressure.c - the watch: figures in, one move of the ladder, its action, a line about it.
 *
 * Decides who steps: the telemetry thread after each sample and when a trigger of the kernel
 * fires, or the caller. Refuses to open twice over one runtime, and after the seal, because the
 * object lies in a region. Whoever reads the state copies numbers under a lock that no action is
 * run under: an action that does not return is seen, and named, from outside.
 *
 * Invariant: every enter, leave, skip and every action is one line of the log, and so one record
 * of the black box, once.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "arena/opts.h"
#include "src/runtime/watch.h"

#define PSI_STALL_US  150000u
#define PSI_WINDOW_US 1000000u

/* ---- what others see ---- */

static void begin_action(plim_pressure_watch *self, uint32_t rung, uint64_t now_ns)
{
    pthread_mutex_lock(&self->state_lock);
    self->state.acting = rung + 1;
    self->acting_from_ns = now_ns;
    self->is_told = false;
    pthread_mutex_unlock(&self->state_lock);
}

static void publish(plim_pressure_watch *self, const plim_pressure *p)
{
    pthread_mutex_lock(&self->state_lock);
    plim_pressure_state *s = &self->state;
    s->last = *p;
    s->depth = self->ladder.depth;
    s->step_count = self->step_count;
    memcpy(s->wake_count, self->wake_count, sizeof(s->wake_count));
    for (uint32_t i = 0; i < self->ladder.count; i++) {
        const plim_ladder_place *place = &self->ladder.places[i];
        s->rungs[i].is_entered = place->is_entered;
        s->rungs[i].is_skipped = place->is_skipped;
        s->rungs[i].barren_count = place->barren;
    }
    pthread_mutex_unlock(&self->state_lock);
}

/* An action that runs past its deadline is told by the first who looks. */
static bool look_at_action(plim_pressure_watch *self, plim_pressure_state *out)
{
    uint64_t now = plim_runtime_now_ns();
    pthread_mutex_lock(&self->state_lock);
    *out = self->state;
    if (out->acting) {
        uint64_t from = self->acting_from_ns;
        out->acting_ns = now > from ? now - from : 0;
        out->is_late = out->acting_ns > self->ladder.rungs[out->acting - 1].deadline_ns;
    }
    bool is_news = out->is_late && !self->is_told;
    self->is_told = self->is_told || is_news;
    pthread_mutex_unlock(&self->state_lock);
    out->age_ns = now > out->last.ns ? now - out->last.ns : 0;
    return is_news;
}

void plim_pressure_read(plim_pressure_watch *self, plim_pressure_state *out)
{
    if (look_at_action(self, out)) {
        PLIM_LOG(self->runtime, PLIM_LOG_WARN, "pressure_late",
                 "\"rung\":\"%s\",\"ns\":%" PRIu64 ",\"returned\":false",
                 out->rungs[out->acting - 1].name, out->acting_ns);
    }
}

/* ---- one move ---- */

typedef struct action_result {
    uint64_t said_bytes, ns;
    int64_t moved_bytes; /* what the kernel counts as held fell by so much */
    bool is_late, is_skipped;
} action_result;

static void note_action(plim_pressure_watch *self, const plim_ladder_step *s,
                        const action_result *r)
{
    pthread_mutex_lock(&self->state_lock);
    plim_rung_state *rung = &self->state.rungs[s->rung];
    self->state.acting = 0;
    rung->call_count++;
    rung->said_bytes += r->said_bytes;
    rung->moved_bytes += r->moved_bytes;
    rung->ns_total += r->ns;
    rung->ns_worst = r->ns > rung->ns_worst ? r->ns : rung->ns_worst;
    rung->overrun_count += r->is_late;
    if (s->move == PLIM_LADDER_ENTER) {
        rung->enter_count++;
        rung->entered_ns = self->ladder.now_ns;
        rung->cause = s->cause;
        rung->value = s->value;
        rung->line = s->line;
    }
    pthread_mutex_unlock(&self->state_lock);
}

static void log_action(plim_pressure_watch *self, const plim_ladder_step *s, const action_result *r)
{
    const plim_rung *rung = &self->ladder.rungs[s->rung];
    bool is_news = s->move == PLIM_LADDER_ENTER || r->is_late || r->is_skipped;
    PLIM_LOG(self->runtime, is_news ? PLIM_LOG_WARN : PLIM_LOG_INFO, "pressure_rung",
             "\"rung\":\"%s\",\"move\":\"%s\",\"figure\":\"%s\",\"value\":%" PRIu64
             ",\"line\":%" PRIu64 ",\"said_bytes\":%" PRIu64 ",\"moved_bytes\":%" PRId64
             ",\"ns\":%" PRIu64 ",\"deadline_ns\":%" PRIu64 ",\"late\":%s,\"skipped\":%s",
             rung->name, s->move == PLIM_LADDER_ENTER ? "entered" : "again",
             plim_pressure_figure_name(s->cause), s->value, s->line, r->said_bytes, r->moved_bytes,
             r->ns, rung->deadline_ns, r->is_late ? "true" : "false",
             r->is_skipped ? "true" : "false");
}

static void act(plim_pressure_watch *self, const plim_ladder_step *s, const plim_pressure *p)
{
    const plim_rung *rung = &self->ladder.rungs[s->rung];
    action_result r = {.said_bytes = 0};
    uint64_t before = plim_watch_held_bytes(self), from = plim_runtime_now_ns();
    begin_action(self, s->rung, from);
    r.said_bytes = plim_watch_act(self, rung, s, p);
    r.ns = plim_runtime_now_ns() - from;
    r.is_late = r.ns > rung->deadline_ns;
    uint64_t after = plim_watch_held_bytes(self);
    if (before != PLIM_UNKNOWN_BYTES && after != PLIM_UNKNOWN_BYTES) {
        r.moved_bytes = (int64_t)(before - after);
    }
    r.is_skipped = plim_ladder_done(&self->ladder, s->rung, r.said_bytes);
    note_action(self, s, &r);
    log_action(self, s, &r);
    plim_black_box_sample(&self->runtime->box);
}

static void leave(plim_pressure_watch *self, uint32_t index)
{
    const plim_rung *rung = &self->ladder.rungs[index];
    plim_watch_leave(self, rung);
    pthread_mutex_lock(&self->state_lock);
    plim_rung_state *state = &self->state.rungs[index];
    state->leave_count++;
    uint64_t entered = state->entered_ns;
    pthread_mutex_unlock(&self->state_lock);
    PLIM_LOG(self->runtime, PLIM_LOG_INFO, "pressure_rung",
             "\"rung\":\"%s\",\"move\":\"left\",\"held_ns\":%" PRIu64, rung->name,
             self->ladder.now_ns - entered);
}

/* Under step_lock. */
static void step(plim_pressure_watch *self, const plim_pressure *p)
{
    plim_ladder_step s = plim_ladder_next(&self->ladder, p);
    self->step_count++;
    if (s.move == PLIM_LADDER_ENTER || s.move == PLIM_LADDER_AGAIN) {
        act(self, &s, p);
    } else if (s.move == PLIM_LADDER_LEAVE) {
        leave(self, s.rung);
    }
    publish(self, p);
    plim_wake_arm(&self->wakes[WATCH_TIMER], plim_ladder_due_ns(&self->ladder));
}

plim_status plim_pressure_step(plim_pressure_watch *self, const plim_pressure *given,
                               plim_error *err)
{
    plim_pressure p;
    if (!self) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pressure watch");
    }
    if (pthread_mutex_trylock(&self->step_lock) != 0) {
        plim_pressure_state state;
        plim_pressure_read(self, &state);
        plim_error_set(err, PLIM_E_STATE, "the ladder steps on another thread",
                       state.acting ? state.rungs[state.acting - 1].name : NULL, NULL, NULL);
        plim_error_detail(err, "acting for %" PRIu64 " ms%s", state.acting_ns / 1000000u,
                          state.is_late ? ", past its deadline" : "");
        return PLIM_E_STATE;
    }
    if (given) {
        p = *given;
    } else {
        plim_watch_figures(self, &p);
    }
    step(self, &p);
    pthread_mutex_unlock(&self->step_lock);
    return PLIM_OK;
}

/* ---- the telemetry thread ---- */

/* Its group was removed, or the writers of a pipe have gone. It is not polled any more. */
static void lose_source(plim_pressure_watch *self, unsigned source, const char *why)
{
    pthread_mutex_lock(&self->state_lock);
    self->state.has_source[source] = false;
    snprintf(self->state.source_why[source], sizeof(self->state.source_why[source]), "%s", why);
    pthread_mutex_unlock(&self->state_lock);
    PLIM_LOG(self->runtime, PLIM_LOG_WARN, "pressure_source_lost", "\"source\":\"%s\"",
             plim_pressure_source_name((plim_pressure_source)source));
}

static void count_wakes(plim_pressure_watch *self, uint32_t woken)
{
    for (unsigned i = 0; i < WATCH_TIMER; i++) {
        if (woken & 1u << i) {
            self->wake_count[i]++;
            plim_wake_take(&self->wakes[i]);
        }
    }
    if (woken & 1u << WATCH_TIMER) {
        bool is_timer, is_given;
        if (!plim_wake_take_timer(&self->wakes[WATCH_TIMER], self->opts.wake_fd, &is_timer,
                                  &is_given)) {
            lose_source(self, PLIM_PRESSURE_BY_GIVEN, "it was there, and has ended");
        }
        self->wake_count[PLIM_PRESSURE_BY_TIMER] += is_timer;
        self->wake_count[PLIM_PRESSURE_BY_GIVEN] += is_given;
    }
}

void plim_watch_tick(plim_pressure_watch *self, uint32_t woken)
{
    plim_pressure p;
    for (unsigned i = 0; i < WATCH_TIMER; i++) { /* told once: not to be missed */
        if (woken & 1u << (8 + i)) {
            lose_source(self, i, "it was there, and the kernel ended it");
        }
    }
    if (pthread_mutex_trylock(&self->step_lock) != 0) {
        return; /* a caller steps: its look is as good */
    }
    count_wakes(self, woken);
    plim_watch_figures(self, &p);
    step(self, &p);
    pthread_mutex_unlock(&self->step_lock);
}

static void on_tick(void *context, const plim_telemetry_sample *sample, uint32_t woken)
{
    (void)sample; /* up to a second old; the figures are read anew, in half a millisecond */
    plim_watch_tick(context, woken);
}

/* Without a thread the caller steps; that is no failure, and said in the log. */
static void attach(plim_pressure_watch *self)
{
    plim_telemetry *telemetry = plim_runtime_telemetry(self->runtime);
    plim_telemetry_hook hook = {
        .struct_size = sizeof(hook), .on_tick = on_tick, .context = self, .fd_count = WATCH_WAKES};
    _Static_assert(WATCH_WAKES <= PLIM_TELEMETRY_WAKES, "one descriptor each");
    for (unsigned i = 0; i < WATCH_WAKES; i++) {
        hook.fds[i] = self->wakes[i].fd;
        hook.events[i] = self->wakes[i].events;
    }
    self->is_attached = !self->opts.without_thread && telemetry &&
                        plim_telemetry_attach(telemetry, &hook, NULL) == PLIM_OK;
    if (self->is_attached) { /* the first look now, not a period later */
        plim_wake_arm(&self->wakes[WATCH_TIMER], plim_runtime_now_ns());
    }
}

/* ---- open ---- */

/* Usage at which a rung may want to be entered, and two more close to the limit: usage counts page
 * cache, so a line may be crossed before its rung's is. */
static size_t usage_lines(const plim_pressure_watch *self, uint64_t out[2 * PLIM_RUNGS_MAX + 2])
{
    uint64_t limit = self->group.limit_bytes;
    size_t count = 0;
    for (uint32_t i = 0; i < self->ladder.count; i++) {
        const uint64_t *enter = self->ladder.rungs[i].enter;
        if (enter[PLIM_PRESSURE_CGROUP] && enter[PLIM_PRESSURE_CGROUP] <= PLIM_PRESSURE_SHARE) {
            out[count++] = limit / PLIM_PRESSURE_SHARE * enter[PLIM_PRESSURE_CGROUP];
        }
        if (enter[PLIM_PRESSURE_HEADROOM] && enter[PLIM_PRESSURE_HEADROOM] < limit) {
            out[count++] = limit - enter[PLIM_PRESSURE_HEADROOM];
        }
    }
    out[count++] = limit / 100 * 97;
    out[count++] = limit / 100 * 99;
    return count;
}

static void set_triggers(plim_pressure_watch *self)
{
    static const char *const NOT_WANTED = "not wanted";
    uint64_t lines[2 * PLIM_RUNGS_MAX + 2];
    plim_wake_timer(self->opts.wake_fd, &self->wakes[WATCH_TIMER]);
    for (unsigned i = 0; i < WATCH_TIMER; i++) {
        self->wakes[i] = (plim_wake){.fd = -1, .kept = {-1, -1, -1}};
        snprintf(self->wakes[i].why, sizeof(self->wakes[i].why), "%s",
                 self->opts.without_kernel ? NOT_WANTED : "no control group with a limit");
    }
    if (self->opts.without_kernel) {
        return;
    }
    plim_wake_psi(self->root, self->opts.psi_stall_us, self->opts.psi_window_us,
                  &self->wakes[WATCH_PSI]);
    if (!self->has_group) {
        return;
    }
    plim_wake_usage(self->root, &self->group, lines, usage_lines(self, lines),
                    &self->wakes[WATCH_USAGE]);
    plim_wake_limit(self->root, &self->group, &self->wakes[WATCH_LIMIT]);
}

static void describe(plim_pressure_watch *self)
{
    plim_pressure_state *s = &self->state;
    s->rung_count = self->ladder.count;
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        s->last.value[f] = PLIM_UNKNOWN_BYTES;
    }
    s->last.ns = plim_runtime_now_ns();
    for (uint32_t i = 0; i < s->rung_count; i++) {
        const plim_rung *r = &self->ladder.rungs[i];
        memcpy(s->rungs[i].name, r->name, sizeof(s->rungs[i].name));
        s->rungs[i].kind = r->kind;
    }
    for (unsigned i = 0; i < WATCH_TIMER; i++) {
        s->has_source[i] = self->wakes[i].fd >= 0;
        memcpy(s->source_why[i], self->wakes[i].why, sizeof(s->source_why[i]));
    }
    s->has_source[PLIM_PRESSURE_BY_TIMER] = self->wakes[WATCH_TIMER].fd >= 0;
    s->has_source[PLIM_PRESSURE_BY_GIVEN] =
        self->opts.wake_fd >= 0 && !self->wakes[WATCH_TIMER].why[0];
    memcpy(s->source_why[PLIM_PRESSURE_BY_GIVEN], self->wakes[WATCH_TIMER].why,
           sizeof(s->source_why[0]));
    if (!s->has_source[PLIM_PRESSURE_BY_TIMER]) {
        memcpy(s->source_why[PLIM_PRESSURE_BY_TIMER], self->wakes[WATCH_TIMER].why,
               sizeof(s->source_why[0]));
    }
}

static void log_open(plim_pressure_watch *self)
{
    const plim_pressure_state *s = &self->state;
    PLIM_LOG(self->runtime, PLIM_LOG_INFO, "pressure_open",
             "\"rungs\":%" PRIu32 ",\"thread\":%s,\"group\":\"%s\",\"group_limit_bytes\":%" PRIu64
             ",\"psi\":%s,\"psi_reason\":\"%s\",\"usage\":%s,\"usage_reason\":\"%s\","
             "\"limit\":%s,\"limit_reason\":\"%s\"",
             s->rung_count, self->is_attached ? "true" : "false",
             self->has_group ? self->group.path : "", self->has_group ? self->group.limit_bytes : 0,
             s->has_source[0] ? "true" : "false", s->source_why[0],
             s->has_source[1] ? "true" : "false", s->source_why[1],
             s->has_source[2] ? "true" : "false", s->source_why[2]);
}

static plim_status take_rungs(plim_pressure_watch *self, plim_error *err)
{
    plim_rung built_in[PLIM_RUNGS_BUILT_IN];
    if (self->opts.rungs) {
        return plim_ladder_init(&self->ladder, self->opts.rungs, self->opts.rung_count, err);
    }
    uint64_t total = self->runtime->host.memory_bytes;
    if (self->has_group && (total == 0 || self->group.limit_bytes < total)) {
        total = self->group.limit_bytes;
    }
    return plim_ladder_init(&self->ladder, built_in, plim_pressure_rungs(total, built_in), err);
}

static plim_status make_object(plim_runtime *runtime, const plim_pressure_opts *opts,
                               plim_pressure_watch **out, plim_error *err)
{
    plim_region_opts r = plim_region_opts_default();
    plim_region *home = NULL;
    void *block = NULL;
    r.name = "pressure watch";
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = sizeof(plim_pressure_watch);
    PLIM_TRY(plim_runtime_region(runtime, PLIM_REGION_BUMP, &r, &home, err));
    plim_status status = plim_region_alloc(home, sizeof(plim_pressure_watch), 64, &block, err);
    if (status != PLIM_OK) {
        plim_runtime_drop(runtime, &home);
        return status;
    }
    plim_pressure_watch *self = block;
    memset(self, 0, sizeof(*self));
    self->runtime = runtime;
    self->home = home;
    self->opts = *opts;
    self->root = opts->root ? opts->root : runtime->sysroot;
    self->pid = getpid();
    self->has_group = plim_group_share_find(self->root, &self->group);
    pthread_mutex_init(&self->step_lock, NULL);
    pthread_mutex_init(&self->list_lock, NULL);
    pthread_mutex_init(&self->state_lock, NULL);
    *out = self;
    return PLIM_OK;
}

static void unmake_object(plim_pressure_watch *self)
{
    plim_region *home = self->home;
    plim_runtime *runtime = self->runtime;
    for (unsigned i = 0; i < WATCH_WAKES; i++) {
        plim_wake_close(&self->wakes[i]);
    }
    pthread_mutex_destroy(&self->state_lock);
    pthread_mutex_destroy(&self->list_lock);
    pthread_mutex_destroy(&self->step_lock);
    plim_runtime_drop(runtime, &home);
}

_Static_assert(sizeof(plim_pressure_watch) <= PLIM_PRESSURE_WATCH_BYTES, "promised");

/* One watch a runtime. */
static plim_status claim(plim_runtime *runtime, plim_error *err)
{
    pthread_mutex_lock(&runtime->lock);
    bool is_free = !runtime->is_watched;
    runtime->is_watched = true;
    pthread_mutex_unlock(&runtime->lock);
    return is_free ? PLIM_OK
                   : PLIM_FAIL(err, PLIM_E_STATE, .what = "the runtime is watched already");
}

static void disclaim(plim_runtime *runtime)
{
    pthread_mutex_lock(&runtime->lock);
    runtime->is_watched = false;
    runtime->watch = NULL;
    pthread_mutex_unlock(&runtime->lock);
}

plim_status plim_pressure_open(plim_runtime *runtime, const plim_pressure_opts *opts,
                               plim_pressure_watch **out, plim_error *err)
{
    plim_pressure_opts o, defaults = plim_pressure_opts_default();
    plim_pressure_watch *self = NULL;
    if (!runtime || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pressure: runtime or out");
    }
    *out = NULL;
    if (!opts_take(&o, sizeof(o), opts ? opts : &defaults)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pressure options: struct_size was never set");
    }
    o.psi_stall_us = o.psi_stall_us ? o.psi_stall_us : PSI_STALL_US;
    o.psi_window_us = o.psi_window_us ? o.psi_window_us : PSI_WINDOW_US;
    o.wake_fd = o.wake_fd > 0 ? o.wake_fd : -1;
    PLIM_TRY(claim(runtime, err));
    plim_status status = make_object(runtime, &o, &self, err);
    if (status == PLIM_OK) {
        status = take_rungs(self, err);
        if (status != PLIM_OK) {
            for (unsigned i = 0; i < WATCH_WAKES; i++) {
                self->wakes[i] = (plim_wake){.fd = -1, .kept = {-1, -1, -1}};
            }
            unmake_object(self);
        }
    }
    if (status != PLIM_OK) {
        disclaim(runtime);
        return status;
    }
    set_triggers(self);
    describe(self);
    attach(self);
    log_open(self);
    pthread_mutex_lock(&runtime->lock);
    runtime->watch = self;
    pthread_mutex_unlock(&runtime->lock);
    *out = self;
    return PLIM_OK;
}

/* In a child of fork. Whoever held a lock is not here to let go of it: none is taken. What the
 * rungs withhold is the parent's; so is the region, which both may see and the parent's budget
 * counts. */
static void close_in_child(plim_pressure_watch *self)
{
    for (unsigned i = 0; i < WATCH_WAKES; i++) {
        plim_wake ours = self->wakes[i]; /* a copy: large pages are shared with the parent */
        plim_wake_close(&ours);
    }
    self->runtime->is_watched = false;
    self->runtime->watch = NULL;
}

void plim_pressure_close(plim_pressure_watch *self)
{
    uint32_t rung;
    if (!self) {
        return;
    }
    plim_runtime *runtime = self->runtime;
    if (self->pid != getpid()) {
        close_in_child(self);
        return;
    }
    if (self->is_attached) { /* before the lock: a tick that is under way takes it */
        plim_telemetry_detach(plim_runtime_telemetry(runtime));
    }
    pthread_mutex_lock(&self->step_lock);
    while (plim_ladder_last(&self->ladder, &rung)) {
        leave(self, rung);
    }
    pthread_mutex_unlock(&self->step_lock);
    PLIM_LOG(runtime, PLIM_LOG_INFO, "pressure_close", "\"steps\":%" PRIu64, self->step_count);
    unmake_object(self);
    disclaim(runtime);
}
