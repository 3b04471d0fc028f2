/* SPDX-License-Identifier: Apache-2.0 */
/* ladder.c - a stack of measures with hysteresis.
 *
 * Decides which measure starts, repeats or ends. Refuses, at init, a rung whose leave line is not
 * strictly calmer than its enter line, because it would flap, and one that watches nothing.
 *
 * Entering. The next rung is the lowest one above the entered ones that is not skipped. It is
 * entered when a figure is past its own line or past that of any rung above it: who has no time
 * for cheap measures still takes them first.
 * Leaving. The highest entered rung is left when every known figure that it or any rung above it
 * watches has been calmer than the leave lines for its cool-down. A figure that is not known
 * neither enters a rung nor keeps it, but a rung none of whose figures is known stays: silence is
 * not calm.
 *
 * Invariants: entered rungs end below depth, and depth - 1 is entered; after a transition of rung
 * r none follows within r's hold time, so the ladder cannot flap faster than that, and between
 * leaving a rung and entering it again some figure went from its leave line to an enter line.
 * A rung is skipped only while the ladder is not empty. Time that goes back stands still.
 */
#include "arena/ladder.h"

#include <string.h>

#include "arena/checks.h"

#define HOLD_NS      UINT64_C(2000000000)
#define COOL_DOWN_NS UINT64_C(5000000000)
#define DEADLINE_NS  UINT64_C(100000000)
#define CALL_LIMIT   8u
#define BARREN_LIMIT 2u

static const bool IS_WORSE_UP[PLIM_PRESSURE_FIGURES] = {
#define WORSE_UP(name, number, text, is_worse_up) [number] = (is_worse_up),
    PLIM_PRESSURE_LIST(WORSE_UP)
#undef WORSE_UP
};

static const char *const FIGURE_NAMES[PLIM_PRESSURE_FIGURES] = {
#define FIGURE_NAME(name, number, text, is_worse_up) [number] = (text),
    PLIM_PRESSURE_LIST(FIGURE_NAME)
#undef FIGURE_NAME
};

static const char *const KIND_NAMES[PLIM_RUNG_KINDS] = {
#define KIND_NAME(name, number, text) [number] = (text),
    PLIM_RUNG_LIST(KIND_NAME)
#undef KIND_NAME
};

const char *plim_pressure_figure_name(plim_pressure_figure figure)
{
    return (unsigned)figure < PLIM_PRESSURE_FIGURES ? FIGURE_NAMES[figure] : "?";
}

const char *plim_rung_kind_name(plim_rung_kind kind)
{
    return (unsigned)kind < PLIM_RUNG_KINDS ? KIND_NAMES[kind] : "?";
}

bool plim_pressure_is_past(plim_pressure_figure figure, uint64_t value, uint64_t line)
{
    return IS_WORSE_UP[figure] ? value >= line : value <= line;
}

/* ---- init ---- */

/* The figures of a rung are checked one by one, and the text of a refusal names which. */
static plim_status refuse(const plim_rung *rung, const char *figure, const char *wanted,
                          const char *found, plim_error *err)
{
    plim_error_set(err, PLIM_E_ARG, "ladder", rung->name, wanted, found);
    plim_error_detail(err, "%s%s", figure[0] ? "figure " : "", figure);
    return PLIM_E_ARG;
}

static uint64_t default_leave(plim_pressure_figure figure, uint64_t enter)
{
    if (IS_WORSE_UP[figure]) {
        return enter / 2;
    }
    return enter > UINT64_MAX / 2 ? UINT64_MAX - 1 : enter + enter / 2 + 1;
}

static plim_status take_lines(plim_rung *rung, plim_error *err)
{
    bool watches = false;
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        uint64_t enter = rung->enter[f];
        if (enter == 0) {
            rung->leave[f] = 0;
            continue;
        }
        watches = true;
        if (f == PLIM_PRESSURE_EVENTS) {
            continue;
        }
        rung->leave[f] = rung->leave[f] ? rung->leave[f] : default_leave(f, enter);
        if (enter == PLIM_UNKNOWN_BYTES || plim_pressure_is_past(f, rung->leave[f], enter)) {
            return refuse(rung, FIGURE_NAMES[f], "a leave line calmer than the enter line",
                          "one that is not", err);
        }
    }
    return watches ? PLIM_OK : refuse(rung, "", "a figure to watch", "none", err);
}

static void take_defaults(plim_rung *rung)
{
    bool withholds =
        rung->kind == PLIM_RUNG_SHRINK_WINDOWS || rung->kind == PLIM_RUNG_REFUSE_ADMISSIONS;
    if (!rung->name[0]) {
        strncpy(rung->name, KIND_NAMES[rung->kind], sizeof(rung->name) - 1);
    }
    rung->hold_ns = rung->hold_ns ? rung->hold_ns : HOLD_NS;
    rung->cool_down_ns = rung->cool_down_ns ? rung->cool_down_ns : COOL_DOWN_NS;
    rung->deadline_ns = rung->deadline_ns ? rung->deadline_ns : DEADLINE_NS;
    rung->call_limit = rung->call_limit ? rung->call_limit : CALL_LIMIT;
    rung->barren_limit = withholds            ? UINT32_MAX
                         : rung->barren_limit ? rung->barren_limit
                                              : BARREN_LIMIT;
}

static plim_status take_rung(plim_ladder *self, const plim_rung *given, plim_error *err)
{
    plim_rung *rung = &self->rungs[self->count];
    *rung = *given;
    rung->name[sizeof(rung->name) - 1] = 0;
    if ((unsigned)rung->kind >= PLIM_RUNG_KINDS) {
        return refuse(rung, "", "a kind of rung that there is", "none", err);
    }
    if ((rung->kind == PLIM_RUNG_CALLBACK) != (rung->act != NULL)) {
        return refuse(rung, "", "act for a callback, and for nothing else",
                      rung->act ? "act beside a built-in action" : "a callback without act", err);
    }
    take_defaults(rung);
    for (uint32_t i = 0; i < self->count; i++) {
        if (strcmp(self->rungs[i].name, rung->name) == 0) {
            return refuse(rung, "", "names that differ", "two of this name", err);
        }
    }
    PLIM_TRY(take_lines(rung, err));
    self->count++;
    return PLIM_OK;
}

plim_status plim_ladder_init(plim_ladder *self, const plim_rung *rungs, size_t count,
                             plim_error *err)
{
    memset(self, 0, sizeof(*self));
    if (!rungs || count == 0 || count > PLIM_RUNGS_MAX) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "ladder: number of rungs", .want = count,
                         .limit = PLIM_RUNGS_MAX);
    }
    for (size_t i = 0; i < count; i++) {
        plim_status status = take_rung(self, &rungs[i], err);
        if (status != PLIM_OK) {
            memset(self, 0, sizeof(*self));
            return status;
        }
    }
    return PLIM_OK;
}

/* ---- what the figures say ---- */

/* Events count from the last move on: those that were answered are not answered twice. */
static uint64_t value_of(const plim_ladder *self, const plim_pressure *p, unsigned figure)
{
    uint64_t value = p->value[figure];
    if (figure == PLIM_PRESSURE_EVENTS && value != PLIM_UNKNOWN_BYTES) {
        return value > self->event_base ? value - self->event_base : 0;
    }
    return value;
}

static bool is_reached(const plim_ladder *self, uint32_t rung, const plim_pressure *p,
                       plim_ladder_step *out)
{
    const plim_rung *r = &self->rungs[rung];
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        uint64_t value = value_of(self, p, f);
        if (r->enter[f] && value != PLIM_UNKNOWN_BYTES &&
            plim_pressure_is_past(f, value, r->enter[f])) {
            out->cause = f;
            out->value = value;
            out->line = r->enter[f];
            return true;
        }
    }
    return false;
}

static bool is_rung_calm(const plim_ladder *self, uint32_t rung, const plim_pressure *p,
                         bool has_new_events)
{
    const plim_rung *r = &self->rungs[rung];
    bool is_known = false;
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        if (!r->enter[f] || p->value[f] == PLIM_UNKNOWN_BYTES) {
            continue;
        }
        is_known = true;
        bool is_calm = f == PLIM_PRESSURE_EVENTS ? !has_new_events
                       : IS_WORSE_UP[f]          ? p->value[f] <= r->leave[f]
                                                 : p->value[f] >= r->leave[f];
        if (!is_calm) {
            return false;
        }
    }
    return is_known;
}

/* A rung above whose figures are not known cannot speak against leaving; the highest entered one
 * whose figures are not known does. */
static bool may_leave(const plim_ladder *self, const plim_pressure *p, bool has_new_events)
{
    uint32_t top = self->depth - 1;
    if (!is_rung_calm(self, top, p, has_new_events)) {
        return false;
    }
    for (uint32_t i = top + 1; i < self->count; i++) {
        bool is_known = false;
        for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
            is_known = is_known || (self->rungs[i].enter[f] && p->value[f] != PLIM_UNKNOWN_BYTES);
        }
        if (is_known && !is_rung_calm(self, i, p, has_new_events)) {
            return false;
        }
    }
    return true;
}

/* Events that came before the first look are nobody's news. */
static bool take_events(plim_ladder *self, const plim_pressure *p)
{
    uint64_t value = p->value[PLIM_PRESSURE_EVENTS];
    if (value == PLIM_UNKNOWN_BYTES) {
        return false;
    }
    if (!self->has_events || value < self->event_last) { /* the count began anew */
        self->has_events = true;
        self->event_base = self->event_last = value;
        return false;
    }
    bool has_new = value > self->event_last;
    self->event_last = value;
    return has_new;
}

static uint64_t later(uint64_t ns, uint64_t by)
{
    return ns > UINT64_MAX - by ? UINT64_MAX : ns + by;
}

/* ---- moves ---- */

static void moved(plim_ladder *self, uint32_t rung)
{
    self->wait_ns = later(self->now_ns, self->rungs[rung].hold_ns);
    self->event_base = self->event_last;
    self->is_calm = false;
}

static bool try_enter(plim_ladder *self, const plim_pressure *p, plim_ladder_step *out)
{
    uint32_t next = self->depth;
    while (next < self->count && self->places[next].is_skipped) {
        next++;
    }
    for (uint32_t i = next; i < self->count; i++) {
        if (is_reached(self, i, p, out)) {
            plim_ladder_place *place = &self->places[next];
            out->move = PLIM_LADDER_ENTER;
            out->rung = next;
            place->is_entered = true;
            place->calls = 1;
            place->acted_ns = self->now_ns;
            self->depth = next + 1;
            moved(self, next);
            return true;
        }
    }
    return false;
}

static bool try_again(plim_ladder *self, const plim_pressure *p, plim_ladder_step *out)
{
    for (uint32_t i = 0; i < self->depth; i++) {
        plim_ladder_place *place = &self->places[i];
        if (place->is_entered && !place->is_skipped && place->calls < self->rungs[i].call_limit &&
            self->now_ns - place->acted_ns >= self->rungs[i].hold_ns &&
            is_reached(self, i, p, out)) {
            out->move = PLIM_LADDER_AGAIN;
            out->rung = i;
            place->calls++;
            place->acted_ns = self->now_ns;
            self->event_base = self->event_last;
            return true;
        }
    }
    return false;
}

static void leave(plim_ladder *self)
{
    uint32_t top = self->depth - 1;
    self->places[top].is_entered = false;
    while (self->depth > 0 && !self->places[self->depth - 1].is_entered) {
        self->depth--;
    }
    moved(self, top);
    for (uint32_t i = 0; self->depth == 0 && i < self->count; i++) {
        self->places[i].is_skipped = false;
        self->places[i].barren = 0;
    }
}

static bool try_leave(plim_ladder *self, plim_ladder_step *out)
{
    uint32_t top = self->depth - 1;
    if (!self->is_calm || self->now_ns - self->calm_ns < self->rungs[top].cool_down_ns) {
        return false;
    }
    out->move = PLIM_LADDER_LEAVE;
    out->rung = top;
    leave(self);
    return true;
}

static void note_calm(plim_ladder *self, const plim_pressure *p, bool has_new_events)
{
    bool is_calm = self->depth > 0 && may_leave(self, p, has_new_events);
    if (is_calm && !self->is_calm) {
        self->calm_ns = self->now_ns;
    }
    self->is_calm = is_calm;
}

plim_ladder_step plim_ladder_next(plim_ladder *self, const plim_pressure *p)
{
    plim_ladder_step step = {.move = PLIM_LADDER_STAY};
    self->now_ns = p->ns > self->now_ns ? p->ns : self->now_ns;
    bool has_new_events = take_events(self, p);
    note_calm(self, p, has_new_events);
    bool is_held = self->now_ns < self->wait_ns;
    if (!is_held && try_enter(self, p, &step)) {
        return step;
    }
    if (try_again(self, p, &step)) {
        return step;
    }
    if (!is_held && self->depth > 0 && try_leave(self, &step)) {
        return step;
    }
    return (plim_ladder_step){.move = PLIM_LADDER_STAY};
}

bool plim_ladder_done(plim_ladder *self, uint32_t rung, uint64_t freed_bytes)
{
    PLIM_ASSERT(rung < self->count);
    plim_ladder_place *place = &self->places[rung];
    if (freed_bytes > 0) {
        place->barren = 0;
        return false;
    }
    place->barren += place->barren < UINT32_MAX;
    bool was_skipped = place->is_skipped;
    uint32_t limit = self->rungs[rung].barren_limit;
    place->is_skipped = limit != UINT32_MAX && place->barren >= limit;
    return place->is_skipped && !was_skipped;
}

bool plim_ladder_last(plim_ladder *self, uint32_t *out_rung)
{
    if (self->depth == 0) {
        return false;
    }
    *out_rung = self->depth - 1;
    leave(self);
    return true;
}

uint64_t plim_ladder_due_ns(const plim_ladder *self)
{
    if (self->depth == 0) {
        return UINT64_MAX;
    }
    uint64_t due = self->wait_ns;
    if (self->is_calm) {
        uint64_t cool = later(self->calm_ns, self->rungs[self->depth - 1].cool_down_ns);
        due = cool > due ? cool : due;
    }
    return due > self->now_ns ? due : later(self->now_ns, HOLD_NS);
}
