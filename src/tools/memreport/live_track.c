/* SPDX-License-Identifier: Apache-2.0 */
/* live_track.c - what changed since the last frame, and the highest that was seen.
 *
 * A row is known again by its place and name. When the table is full the row that has been away
 * longest gives its place, so a day of short-lived processes takes no more memory than an hour.
 */
#include <string.h>

#include "src/tools/memreport/live.h"

const live_seen *live_track_find(const live_track *self, plim_place place, const char *name)
{
    for (size_t i = 0; i < LIVE_SEEN_MAX; i++) {
        const live_seen *s = &self->rows[i];
        if (s->frame && s->place == place && strcmp(s->name, name) == 0) {
            return s;
        }
    }
    return NULL;
}

static live_seen *slot_of(live_track *self, plim_place place, const char *name)
{
    live_seen *oldest = &self->rows[0];
    for (size_t i = 0; i < LIVE_SEEN_MAX; i++) {
        live_seen *s = &self->rows[i];
        if (s->frame && s->place == place && strcmp(s->name, name) == 0) {
            return s;
        }
        oldest = s->frame < oldest->frame ? s : oldest;
    }
    *oldest = (live_seen){.place = place,
                          .last = PLIM_REPORT_NONE,
                          .change = PLIM_REPORT_NONE,
                          .peak = PLIM_REPORT_NONE};
    strncpy(oldest->name, name, sizeof(oldest->name) - 1);
    return oldest;
}

static live_seen *take(live_track *self, plim_place place, const char *name, int64_t now)
{
    live_seen *s = slot_of(self, place, name);
    const bool is_known = now != PLIM_REPORT_NONE && s->last != PLIM_REPORT_NONE;
    s->change = is_known ? now - s->last : self->frame > 1 ? now : PLIM_REPORT_NONE;
    s->last = now;
    s->peak = now > s->peak ? now : s->peak; /* NONE is the smallest number */
    s->frame = self->frame;
    return s;
}

void live_track_take(live_track *self, plim_machine *m)
{
    self->first_ms = self->frame++ == 0 ? m->time_ms : self->first_ms;
    for (size_t i = 0; i < m->row_count; i++) {
        plim_machine_row *row = &m->rows[i];
        live_seen *s = take(self, row->place, row->name, row->now_bytes);
        s->peak = row->peak_bytes > s->peak ? row->peak_bytes : s->peak;
        if (self->frame > 1 || row->peak_bytes != PLIM_REPORT_NONE) {
            row->peak_bytes = s->peak;
        }
    }
    for (unsigned place = 0; place < PLIM_PLACE_OUTSIDE; place++) {
        (void)take(self, (plim_place)place, "", plim_machine_sum(m, (plim_place)place));
    }
}
