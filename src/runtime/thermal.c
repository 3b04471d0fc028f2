/* SPDX-License-Identifier: Apache-2.0 */
/* thermal.c - read the thermal zones and the throttle alerts, at most once a second.
 *
 * Decides what "hottest" and "throttled" mean: the highest zone that answers, and any active
 * alert among the cooling devices named *-throttle-alert or hot-surface-alert. A board that
 * has no such device leaves throttled unknown: silence is never "not throttled". A fan is a
 * cooling device too and says nothing about throttling.
 * A zone on a gated rail refuses to be read (EAGAIN) and is skipped. PMIC zones of older boards
 * hold a constant and are skipped. When a later reading fails, the last one stays and its age
 * grows: missing (is_known false) and stale (a large age_ns) are different things.
 */
#include "src/runtime/thermal.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "platform/fsroot.h"

#define ZONES_MAX      64
#define COOLING_MAX    128
#define RENEW_AFTER_NS 1000000000u

static bool read_text(const char *root, const char *folder, unsigned index, const char *name,
                      char *out, size_t room)
{
    char path[96];
    snprintf(path, sizeof(path), "sys/class/thermal/%s%u/%s", folder, index, name);
    if (!plim_fsroot_read(root, path, out, room, NULL)) {
        return false;
    }
    out[strcspn(out, "\r\n")] = 0;
    return out[0] != 0;
}

static bool read_integer(const char *text, long *out)
{
    char *end;
    *out = strtol(text, &end, 10);
    return end != text && *end == 0;
}

static void read_zone(const char *root, unsigned index, plim_thermal *out)
{
    char type[32], text[24];
    long milli;
    if (!read_text(root, "thermal_zone", index, "temp", text, sizeof(text)) ||
        !read_integer(text, &milli)) {
        return;
    }
    if (!read_text(root, "thermal_zone", index, "type", type, sizeof(type))) {
        snprintf(type, sizeof(type), "zone %u", index);
    }
    bool is_constant = strncasecmp(type, "PMIC", 4) == 0;
    bool is_absurd = milli < -60000 || milli > 250000; /* a sensor that is off */
    double celsius = (double)milli / 1000.0;
    if (!is_constant && !is_absurd && (!out->is_known || celsius > out->hottest_celsius)) {
        out->is_known = true;
        out->hottest_celsius = celsius;
        snprintf(out->hottest_zone, sizeof(out->hottest_zone), "%s", type);
    }
}

static bool ends_with(const char *text, const char *tail)
{
    size_t n = strlen(text), m = strlen(tail);
    return n >= m && strcmp(text + n - m, tail) == 0;
}

static void read_alert(const char *root, unsigned index, plim_thermal *out)
{
    char type[48], text[24];
    long level;
    if (read_text(root, "cooling_device", index, "type", type, sizeof(type)) &&
        (ends_with(type, "-throttle-alert") || strcmp(type, "hot-surface-alert") == 0) &&
        read_text(root, "cooling_device", index, "cur_state", text, sizeof(text)) &&
        read_integer(text, &level)) {
        out->throttled_is_known = true;
        out->is_throttled = out->is_throttled || level != 0;
    }
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

bool plim_thermal_read(const char *root, plim_thermal *out)
{
    *out = (plim_thermal){.is_known = false};
    for (unsigned i = 0; i < ZONES_MAX; i++) {
        read_zone(root, i, out);
    }
    for (unsigned i = 0; i < COOLING_MAX; i++) {
        read_alert(root, i, out);
    }
    if (!out->is_known && !out->throttled_is_known) {
        return false;
    }
    out->read_ns = now_ns();
    return true;
}

void plim_thermal_init(plim_thermal_watch *self, const char *root)
{
    *self = (plim_thermal_watch){.root = root ? root : ""};
    pthread_mutex_init(&self->lock, NULL);
}

void plim_thermal_deinit(plim_thermal_watch *self)
{
    pthread_mutex_destroy(&self->lock);
}

static plim_thermal_news renew(plim_thermal_watch *self, uint64_t now)
{
    /* Before the first try nobody was told anything: only not knowing is news then. */
    bool was_known = self->tried_ns == 0 || self->last.is_known;
    bool was_throttled = self->last.is_throttled;
    plim_thermal fresh;
    self->tried_ns = now;
    if (plim_thermal_read(self->root, &fresh)) {
        self->last = fresh;
    }
    if (self->last.is_throttled != was_throttled) {
        return PLIM_THERMAL_THROTTLE;
    }
    if (self->last.is_known == was_known) {
        return PLIM_THERMAL_SAME;
    }
    return self->last.is_known ? PLIM_THERMAL_KNOWN : PLIM_THERMAL_UNKNOWN;
}

plim_thermal_news plim_thermal_poll(plim_thermal_watch *self, plim_thermal *out)
{
    plim_thermal_news news = PLIM_THERMAL_SAME;
    pthread_mutex_lock(&self->lock);
    uint64_t now = now_ns();
    if (self->tried_ns == 0 || now - self->tried_ns > RENEW_AFTER_NS) {
        news = renew(self, now);
    }
    *out = self->last;
    if (out->read_ns) {
        uint64_t after = now_ns();
        out->age_ns = after > out->read_ns ? after - out->read_ns : 0;
    }
    pthread_mutex_unlock(&self->lock);
    return news;
}
