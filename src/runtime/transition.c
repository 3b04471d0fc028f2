/* SPDX-License-Identifier: Apache-2.0 */
/* transition.c - each change once: state that was told is kept, not guessed from the last sample.
 *
 * Decides what is news. A state (an alert, low memory, pressure) is told when it begins and when
 * it ends; where a figure makes it, with a band between, so that it does not flutter. A counter
 * that may not rise (kills, over-current) is told at each rise. A counter that rises in every
 * sample under load (a group at its limit) is told as a state: it rises, and it has not risen
 * for ten samples. A reading is lost when a read fails that used to work; one that sleeps with its
 * power rail (EAGAIN) is neither lost nor found. What a counter had before the first sample is
 * history, and no news.
 */
#include "src/runtime/transition.h"

#include <errno.h>
#include <string.h>

#define QUIET_SAMPLES 10u

static void tell(plim_transition_watch *self, plim_transition t, const char *name)
{
    t.number = ++self->count;
    strncpy(t.name, name, sizeof(t.name) - 1);
    if (self->tell) {
        self->tell(self->context, &t);
    }
}

static bool is_fresh(const plim_reading *r)
{
    return r->state == PLIM_READING_FRESH;
}

/* Known in both, whenever it was read: a value that went stale in between still compares. */
static bool has_changed(const plim_reading *before, const plim_reading *now)
{
    return before->state != PLIM_READING_MISSING && is_fresh(now) && now->value != before->value;
}

/* ---- states ---- */

static void tell_alerts(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    for (uint32_t i = 0; i < now->alert_count; i++) {
        const plim_reading *r = &now->alerts[i].reading;
        bool is_on = r->value != 0;
        if (is_fresh(r) && is_on != self->alert_is_on[i]) {
            self->alert_is_on[i] = is_on;
            tell(self,
                 (plim_transition){.kind = PLIM_TRANSITION_THROTTLE,
                                   .is_on = is_on,
                                   .ns = now->ns,
                                   .before = self->before.alerts[i].reading.value,
                                   .after = r->value},
                 now->alerts[i].name);
        }
    }
}

/* On when it @is_above its limit, off when it @is_below the one for that; between, as it was. */
static void tell_level(plim_transition_watch *self, const plim_telemetry_sample *now,
                       plim_telemetry_id id, plim_transition_kind kind, bool is_above,
                       bool is_below, bool *is_on)
{
    const plim_reading *r = &now->list[id];
    bool will_be = *is_on ? !is_below : is_above;
    if (is_fresh(r) && will_be != *is_on) {
        *is_on = will_be;
        tell(self,
             (plim_transition){.kind = kind,
                               .is_on = will_be,
                               .ns = now->ns,
                               .before = self->before.list[id].value,
                               .after = r->value},
             plim_telemetry_key(id));
    }
}

static void tell_memory_levels(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    int64_t psi = now->list[PLIM_READ_PSI_MEMORY_SOME].value;
    int64_t room = now->list[PLIM_READ_MEMORY_ROOM].value;
    int64_t low =
        self->room_low_bytes > INT64_MAX / 2 ? INT64_MAX / 2 : (int64_t)self->room_low_bytes;
    bool is_under = now->list[PLIM_READ_GROUP_UNDER_OOM].value != 0;
    tell_level(self, now, PLIM_READ_PSI_MEMORY_SOME, PLIM_TRANSITION_PRESSURE,
               psi >= self->psi_centi, psi < self->psi_centi / 2, &self->psi_is_on);
    tell_level(self, now, PLIM_READ_MEMORY_ROOM, PLIM_TRANSITION_ROOM, room < low,
               room >= low + low / 8, &self->room_is_low);
    tell_level(self, now, PLIM_READ_GROUP_UNDER_OOM, PLIM_TRANSITION_GROUP, is_under, !is_under,
               &self->under_oom_is_on);
}

/* ---- counters and settings ---- */

static void tell_change(plim_transition_watch *self, const plim_telemetry_sample *now,
                        plim_transition t, const plim_reading *before, const plim_reading *after,
                        const char *name)
{
    t.is_on = 1;
    t.ns = now->ns;
    t.before = before->value;
    t.after = after->value;
    tell(self, t, name);
}

static void tell_rises(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    static const struct {
        plim_telemetry_id id;
        plim_transition_kind kind;
        uint32_t is_error;
    } RISES[] = {
        {PLIM_READ_OVER_CURRENT_1, PLIM_TRANSITION_OVER_CURRENT, 0},
        {PLIM_READ_OVER_CURRENT_2, PLIM_TRANSITION_OVER_CURRENT, 0},
        {PLIM_READ_OVER_CURRENT_3, PLIM_TRANSITION_OVER_CURRENT, 0},
        {PLIM_READ_OOM_KILL, PLIM_TRANSITION_OOM_KILL, 1},
        {PLIM_READ_GROUP_OOM_KILL, PLIM_TRANSITION_OOM_KILL, 1},
    };
    for (size_t i = 0; i < sizeof(RISES) / sizeof(RISES[0]); i++) {
        const plim_reading *was = &self->before.list[RISES[i].id], *is = &now->list[RISES[i].id];
        if (has_changed(was, is) && is->value > was->value) {
            tell_change(self, now,
                        (plim_transition){.kind = RISES[i].kind, .is_error = RISES[i].is_error},
                        was, is, plim_telemetry_key(RISES[i].id));
        }
    }
}

static void tell_settings(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    static const plim_telemetry_id MODES[] = {PLIM_READ_CPUS_ONLINE, PLIM_READ_GPU_TPC_MASK};
    for (size_t i = 0; i < 2; i++) {
        const plim_reading *was = &self->before.list[MODES[i]], *is = &now->list[MODES[i]];
        if (has_changed(was, is)) {
            tell_change(self, now, (plim_transition){.kind = PLIM_TRANSITION_MODE}, was, is,
                        plim_telemetry_key(MODES[i]));
        }
    }
    for (uint32_t i = 0; i < self->before.clock_count; i++) {
        const plim_reading *was = &self->before.clocks[i].cap, *is = &now->clocks[i].cap;
        if (has_changed(was, is)) {
            tell_change(self, now, (plim_transition){.kind = PLIM_TRANSITION_CLOCK_CAP}, was, is,
                        now->clocks[i].name);
        }
    }
}

static void tell_group(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    static const plim_telemetry_id RISING[PLIM_RISES_MAX] = {
        PLIM_READ_GROUP_LOW, PLIM_READ_GROUP_HIGH, PLIM_READ_GROUP_MAX, PLIM_READ_GROUP_OOM};
    for (size_t i = 0; i < PLIM_RISES_MAX; i++) {
        const plim_reading *was = &self->before.list[RISING[i]], *is = &now->list[RISING[i]];
        plim_transition t = {.kind = PLIM_TRANSITION_GROUP};
        if (has_changed(was, is) && is->value > was->value) {
            self->rises[i].quiet_count = 0;
            if (!self->rises[i].is_rising) {
                self->rises[i].is_rising = true;
                tell_change(self, now, t, was, is, plim_telemetry_key(RISING[i]));
            }
        } else if (self->rises[i].is_rising && ++self->rises[i].quiet_count == QUIET_SAMPLES) {
            self->rises[i].is_rising = false;
            t.before = t.after = is->value;
            t.ns = now->ns;
            tell(self, t, plim_telemetry_key(RISING[i]));
        }
    }
}

/* ---- sensors ---- */

static void tell_sensor(plim_transition_watch *self, uint64_t ns, size_t index,
                        const plim_reading *was, const plim_reading *is, const char *name)
{
    bool is_lost = is->state == PLIM_READING_STALE && is->os_errno != 0 && is->os_errno != EAGAIN;
    bool is_new = was->state == PLIM_READING_MISSING && was->os_errno != EAGAIN;
    plim_transition t = {
        .kind = PLIM_TRANSITION_SENSOR, .ns = ns, .before = was->value, .after = is->value};
    if (is_lost && !self->is_lost[index]) {
        self->is_lost[index] = true;
        t.os_errno = is->os_errno;
        tell(self, t, name);
    } else if (is_fresh(is) && (self->is_lost[index] || is_new)) {
        self->is_lost[index] = false;
        t.is_on = 1;
        tell(self, t, name);
    }
}

/* A limit that is set or lifted, and figures made of others, are no sensors. */
static bool is_sensor(size_t id)
{
    return id != PLIM_READ_GROUP_LIMIT && id != PLIM_READ_MEMORY_ROOM &&
           id != PLIM_READ_POWER_TOTAL;
}

static void tell_sensors(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    const plim_telemetry_sample *was = &self->before;
    size_t index = 0;
    for (size_t i = 0; i < PLIM_READ_COUNT; i++, index++) {
        if (is_sensor(i)) {
            tell_sensor(self, now->ns, index, &was->list[i], &now->list[i],
                        plim_telemetry_key((plim_telemetry_id)i));
        }
    }
    const struct {
        const plim_telemetry_row *was, *now;
        size_t count, limit;
    } rows[] = {
        {was->zones, now->zones, now->zone_count, PLIM_TELEMETRY_ZONES},
        {was->alerts, now->alerts, now->alert_count, PLIM_TELEMETRY_ALERTS},
        {was->rails, now->rails, now->rail_count, PLIM_TELEMETRY_RAILS},
    };
    for (size_t k = 0; k < sizeof(rows) / sizeof(rows[0]); k++) {
        for (size_t i = 0; i < rows[k].count; i++) {
            tell_sensor(self, now->ns, index + i, &rows[k].was[i].reading, &rows[k].now[i].reading,
                        rows[k].now[i].name);
        }
        index += rows[k].limit;
    }
    for (size_t i = 0; i < now->clock_count; i++) {
        tell_sensor(self, now->ns, index + i, &was->clocks[i].now, &now->clocks[i].now,
                    now->clocks[i].name);
    }
}

static void tell_late(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    uint64_t gap = now->ns - self->before.ns;
    if (self->period_ns && gap > 2 * self->period_ns) {
        tell(self,
             (plim_transition){.kind = PLIM_TRANSITION_LATE,
                               .is_on = 1,
                               .ns = now->ns,
                               .before = (int64_t)self->period_ns,
                               .after = (int64_t)gap},
             "telemetry");
    }
}

void plim_transitions_tell(plim_transition_watch *self, const plim_telemetry_sample *now)
{
    if (self->has_before) {
        tell_late(self, now);
        tell_sensors(self, now);
        tell_settings(self, now);
        tell_rises(self, now);
        tell_group(self, now);
    }
    tell_alerts(self, now);
    tell_memory_levels(self, now);
    self->before = *now;
    self->has_before = true;
}
