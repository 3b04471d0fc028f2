/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_figures.c - the figures that the ladder watches, and what they are called in text.
 *
 * Decides the built-in lines, as shares of the group's limit or the machine's memory: half of
 * what is freed cheaply goes at an eighth left, admissions close at a twentieth. Headroom is that
 * of headroom.h as loads ask for it (headroom_gate.c): with the runtime's reserve left free, which
 * the ladder is to defend and not to spend.
 */
#include <inttypes.h>
#include <stdio.h>

#include "platform/linux/stall_share.h"
#include "src/runtime/watch.h"
#include "src/text_sink.h"

static uint64_t room_in_group(const plim_group_share *g)
{
    if (g->limit_bytes == PLIM_UNKNOWN_BYTES || g->usage_bytes == PLIM_UNKNOWN_BYTES) {
        return PLIM_UNKNOWN_BYTES;
    }
    uint64_t cache = g->cache_bytes == PLIM_UNKNOWN_BYTES ? 0 : g->cache_bytes;
    uint64_t used = g->usage_bytes > cache ? g->usage_bytes - cache : 0;
    return g->limit_bytes > used ? g->limit_bytes - used : 0;
}

static uint64_t share_of(uint64_t room, uint64_t limit)
{
    return (uint64_t)((double)(limit - room) / (double)limit * PLIM_PRESSURE_SHARE);
}

static uint64_t headroom_bytes(plim_pressure_watch *self)
{
    plim_headroom_opts o = plim_runtime_headroom_opts(self->runtime, self->root);
    return plim_headroom_read(&o, &self->headroom, NULL) == PLIM_OK
               ? self->headroom.allocatable_bytes
               : PLIM_UNKNOWN_BYTES;
}

void plim_watch_figures(plim_pressure_watch *self, plim_pressure *out)
{
    *out = (plim_pressure){.ns = plim_runtime_now_ns()};
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        out->value[f] = PLIM_UNKNOWN_BYTES;
    }
    if (self->opts.read) {
        uint64_t ns = out->ns;
        self->opts.read(self->opts.read_context, out);
        out->ns = ns;
        return;
    }
    plim_stall_share_read(self->root, &out->value[PLIM_PRESSURE_PSI_SOME],
                          &out->value[PLIM_PRESSURE_PSI_FULL]);
    out->value[PLIM_PRESSURE_HEADROOM] = headroom_bytes(self);
    if (self->has_group) {
        plim_group_share g;
        plim_group_share_read(self->root, &self->group, &g);
        uint64_t room = room_in_group(&g);
        out->value[PLIM_PRESSURE_EVENTS] = g.hit_count;
        if (room != PLIM_UNKNOWN_BYTES && g.limit_bytes > 0) {
            out->value[PLIM_PRESSURE_CGROUP] = share_of(room, g.limit_bytes);
        }
    }
}

uint64_t plim_watch_held_bytes(plim_pressure_watch *self)
{
    plim_system_memory system;
    if (self->has_group) {
        plim_group_share g;
        plim_group_share_read(self->root, &self->group, &g);
        return g.usage_bytes;
    }
    bool is_known = plim_system_memory_read(self->root, &system, NULL) == PLIM_OK &&
                    system.free_bytes <= system.total_bytes;
    return is_known ? system.total_bytes - system.free_bytes : PLIM_UNKNOWN_BYTES;
}

/* ---- the built-in rungs ---- */

size_t plim_pressure_rungs(uint64_t total_bytes, plim_rung out[PLIM_RUNGS_BUILT_IN])
{
    static const struct {
        plim_rung_kind kind;
        uint64_t some, full, cgroup, divisor;
    } LINES[PLIM_RUNGS_BUILT_IN] = {
        {PLIM_RUNG_DROP_VIDEO, 1000, 0, 8500, 8},
        {PLIM_RUNG_TRIM_CACHES, 2000, 500, 9000, 10},
        {PLIM_RUNG_SHRINK_WINDOWS, 3000, 1000, 9300, 14},
        {PLIM_RUNG_REFUSE_ADMISSIONS, 4000, 1500, 9500, 20},
    };
    for (size_t i = 0; i < PLIM_RUNGS_BUILT_IN; i++) {
        plim_rung *r = &out[i];
        *r = (plim_rung){.kind = LINES[i].kind};
        snprintf(r->name, sizeof(r->name), "%s", plim_rung_kind_name(r->kind));
        r->enter[PLIM_PRESSURE_PSI_SOME] = LINES[i].some;
        r->enter[PLIM_PRESSURE_PSI_FULL] = LINES[i].full;
        r->enter[PLIM_PRESSURE_CGROUP] = LINES[i].cgroup;
        r->leave[PLIM_PRESSURE_CGROUP] = LINES[i].cgroup - 500;
        r->enter[PLIM_PRESSURE_HEADROOM] = total_bytes / LINES[i].divisor;
    }
    return PLIM_RUNGS_BUILT_IN;
}

/* ---- text ---- */

static const char *const SOURCE_NAMES[PLIM_PRESSURE_SOURCES] = {"psi", "usage", "limit", "given",
                                                                "timer"};

const char *plim_pressure_source_name(plim_pressure_source source)
{
    return (unsigned)source < PLIM_PRESSURE_SOURCES ? SOURCE_NAMES[source] : "?";
}

static void say_figure(plim_text_sink *t, plim_pressure_figure figure, uint64_t value)
{
    if (value == PLIM_UNKNOWN_BYTES) {
        plim_text_say(t, "%s ?", plim_pressure_figure_name(figure));
    } else if (figure == PLIM_PRESSURE_HEADROOM || figure == PLIM_PRESSURE_EVENTS) {
        plim_text_say(t, "%s %" PRIu64, plim_pressure_figure_name(figure), value);
    } else {
        plim_text_say(t, "%s %" PRIu64 ".%02" PRIu64 " %%", plim_pressure_figure_name(figure),
                      value / 100, value % 100);
    }
}

static void say_rung(plim_text_sink *t, const plim_rung_state *r)
{
    plim_text_say(t, "  %-20s %-8s entered %" PRIu32 ", left %" PRIu32 ", acted %" PRIu32, r->name,
                  r->is_entered ? "entered" : "-", r->enter_count, r->leave_count, r->call_count);
    if (r->call_count) {
        plim_text_say(
            t, "; freed %" PRIu64 " B by its word, %" PRId64 " B by the kernel's; %.2f ms at worst",
            r->said_bytes, r->moved_bytes, (double)r->ns_worst / 1e6);
    }
    if (r->overrun_count) {
        plim_text_say(t, "; late %" PRIu32 " times", r->overrun_count);
    }
    if (r->is_skipped) {
        plim_text_say(t, "; skipped: freed nothing %" PRIu32 " times in a row", r->barren_count);
    }
    if (r->enter_count) {
        plim_text_say(t, "; last at ");
        say_figure(t, r->cause, r->value);
    }
    plim_text_say(t, "\n");
}

size_t plim_pressure_format(const plim_pressure_state *state, char *buffer, size_t buffer_bytes)
{
    plim_text_sink t = {buffer, buffer_bytes, 0};
    plim_text_say(&t, "pressure: ");
    for (unsigned f = 0; f < PLIM_PRESSURE_FIGURES; f++) {
        plim_text_say(&t, "%s", f ? ", " : "");
        say_figure(&t, (plim_pressure_figure)f, state->last.value[f]);
    }
    plim_text_say(&t, "; %.1f s old, %" PRIu64 " steps\n", (double)state->age_ns / 1e9,
                  state->step_count);
    for (uint32_t i = 0; i < state->rung_count && i < PLIM_RUNGS_MAX; i++) {
        say_rung(&t, &state->rungs[i]);
    }
    if (state->acting && state->acting <= PLIM_RUNGS_MAX) {
        plim_text_say(&t, "  %s acts for %.1f s%s\n", state->rungs[state->acting - 1].name,
                      (double)state->acting_ns / 1e9, state->is_late ? ", past its deadline" : "");
    }
    for (unsigned s = 0; s < PLIM_PRESSURE_SOURCES; s++) {
        plim_text_say(&t, "  woken by %s: %s%s%s, %" PRIu64 " times\n", SOURCE_NAMES[s],
                      state->has_source[s] ? "yes" : "no", state->source_why[s][0] ? ", " : "",
                      state->source_why[s], state->wake_count[s]);
    }
    return t.needed_bytes;
}
