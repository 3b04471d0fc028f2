/* SPDX-License-Identifier: Apache-2.0 */
/* recorded_walk.c - memory for a survey, its warnings, its progress, and what it comes to.
 *
 * The survey lives in a region under a load line of HOME_CAP: a data set that needs more is
 * refused with its numbers, and the tool never takes what it was sent to measure.
 */
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "src/tools/memreport/recorded.h"

#define HOME_CAP    (5u << 20)
#define HOME_BYTES  (4u << 20)
#define PROGRESS_NS 200000000u

static void keep_warning(void *context, const plim_survey_warning *w)
{
    recorded_walk *self = context;
    self->warning_count++;
    self->incomplete_warnings += w->is_incomplete;
    if (self->kept_warnings == RECORDED_WARNINGS) {
        return;
    }
    recorded_warning *to = &self->warnings[self->kept_warnings++];
    snprintf(to->code, sizeof(to->code), "%s", w->code);
    snprintf(to->feature, sizeof(to->feature), "%s", w->feature);
    snprintf(to->text, sizeof(to->text), "%s", w->text);
    to->bytes = w->bytes;
    to->is_incomplete = w->is_incomplete;
}

static plim_status open_home(recorded_walk *self, plim_error *err)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_arena_opts a = plim_arena_opts_default();
    plim_region_opts g = plim_region_opts_default();
    b.cap_bytes = HOME_CAP;
    b.owner_limit = 4;
    PLIM_TRY(plim_budget_open(plim_provider_mmap(), &b, &self->budget, err));
    a.reserve_bytes = 4 * (uint64_t)HOME_BYTES;
    a.region_limit = 2;
    PLIM_TRY(plim_arena_open(self->budget, plim_provider_mmap(), &a, &self->arena, err));
    g.name = "survey";
    g.tag = PLIM_TAG_OTHER;
    g.size_bytes = HOME_BYTES;
    return plim_region_create(self->arena, PLIM_REGION_BUMP, &g, &self->home, err);
}

int recorded_open(recorded_walk *self, const recorded_request *r)
{
    plim_error err = {.status = PLIM_OK};
    plim_survey_opts o = plim_survey_opts_default();
    *self = (recorded_walk){.request = r};
    o.is_range = r->is_range;
    o.first_index = r->first;
    o.last_index = r->last;
    o.is_exact = r->is_exact;
    o.is_fast = r->is_fast;
    o.has_worklog = r->is_worklog;
    o.warn = keep_warning;
    o.context = self;
    plim_status status = open_home(self, &err);
    if (status == PLIM_OK) {
        status = plim_survey_open(r->path, &o, self->home, &self->survey, &err);
    }
    if (status == PLIM_OK) {
        return REPORT_OK;
    }
    return report_refuse(r->path, &err);
}

void recorded_close(recorded_walk *self)
{
    plim_survey_close(self->survey);
    plim_region_destroy(self->home);
    plim_arena_close(self->arena);
    plim_budget_close(self->budget);
}

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void show_progress(const recorded_walk *self, bool is_end)
{
    static uint64_t shown_at;
    static bool is_shown;
    uint64_t now = now_ns(), total = plim_survey_get_info(self->survey)->episode_count;
    if (self->request->is_quiet || !isatty(STDERR_FILENO) || (is_end && !is_shown)) {
        return;
    }
    if (is_end) {
        fprintf(stderr, "\r\033[K");
        return;
    }
    if (!shown_at) {
        shown_at = now; /* a short walk shows nothing */
    } else if (now - shown_at > PROGRESS_NS) {
        shown_at = now;
        is_shown = true;
        if (total != UINT64_MAX && total) {
            unsigned done = (unsigned)(self->episodes * 30 / total);
            done = done > 30 ? 30 : done;
            fprintf(stderr, "\r\033[K[%.*s%.*s] %llu of %llu episodes", (int)done,
                    "##############################", (int)(30 - done),
                    "..............................", (unsigned long long)self->episodes,
                    (unsigned long long)total);
        } else {
            fprintf(stderr, "\r\033[K%llu episodes", (unsigned long long)self->episodes);
        }
    }
}

const plim_survey_episode *recorded_next(recorded_walk *self, int *code)
{
    const plim_survey_episode *e;
    plim_error err = {.status = PLIM_OK};
    if (plim_survey_next(self->survey, &e, &err) != PLIM_OK) {
        show_progress(self, true);
        *code = report_refuse(self->request->path, &err);
        if (self->episodes && *code == REPORT_NOTHING) {
            *code = REPORT_INCOMPLETE; /* what was read before it stands */
        }
        return NULL;
    }
    if (!e) {
        show_progress(self, true);
        return NULL;
    }
    self->episodes++;
    self->incomplete += !e->is_complete;
    self->readable += e->is_complete || e->disk_bytes > 0 || e->frames > 0;
    if (e->is_complete || self->episodes % 64 == 0) {
        show_progress(self, false);
    }
    return e;
}

int recorded_outcome(const recorded_walk *self)
{
    if (!self->readable) {
        if (!self->episodes) {
            fprintf(stderr, "memreport: %s: no such episode\n", self->request->path);
        }
        return REPORT_NOTHING;
    }
    bool is_cut = self->incomplete || self->incomplete_warnings;
    return is_cut || (self->request->is_strict && self->warning_count) ? REPORT_INCOMPLETE
                                                                       : REPORT_OK;
}

bool recorded_is_seen(const recorded_request *r, const plim_survey_feature *f)
{
    return !r->is_gr00t || f->is_loaded;
}

recorded_episode recorded_measure(const recorded_request *r, const plim_survey_episode *e)
{
    recorded_episode out = {.reads = (e->frames + r->horizon - 1) / r->horizon};
    for (uint32_t i = 0; i < e->feature_count; i++) {
        const plim_survey_feature *f = &e->features[i];
        recorded_bytes *g = &out.groups[f->group];
        uint64_t decoder;
        g->disk += f->disk_bytes;
        if (!recorded_is_seen(r, f)) {
            continue;
        }
        g->memory += plim_survey_memory(f, r->pixels, UINT64_MAX);
        g->window += plim_survey_memory(f, r->pixels, r->window ? r->window : UINT64_MAX);
        g->worklog += f->worklog_bytes;
        uint32_t frames = plim_survey_decoder(f, &decoder);
        out.decoder_frames += frames;
        out.decoder_bytes += decoder;
    }
    for (uint32_t i = 0; i < e->container_count; i++) {
        out.containers += e->containers[i].bytes;
    }
    out.total.disk = e->disk_bytes;
    for (int g = 0; g < 3; g++) {
        out.total.memory += out.groups[g].memory;
        out.total.window += out.groups[g].window;
        out.total.worklog += out.groups[g].worklog;
    }
    out.total.window += out.decoder_bytes;
    return out;
}

const char *recorded_known(plim_figure fact)
{
    static const char *const NAMES[] = {"measured", "declared", "estimated", "sampled"};
    return (unsigned)fact < 4 ? NAMES[fact] : "?";
}

const char *recorded_group(plim_feature_group group)
{
    static const char *const NAMES[] = {"video", "state/action", "other"};
    return (unsigned)group < 3 ? NAMES[group] : "?";
}

const char *recorded_pixels(plim_pixel_form form)
{
    static const char *const NAMES[] = {"rgb24", "nv12", "native", "pil", "f16", "f32"};
    return (unsigned)form < 6 ? NAMES[form] : "?";
}

const char *recorded_size(const recorded_request *r, uint64_t bytes, char *buffer, size_t room)
{
    if (r->units == UNITS_BYTES) {
        snprintf(buffer, room, "%llu", (unsigned long long)bytes);
        return buffer;
    }
    return plim_bytes_format(bytes, r->units == UNITS_SI, buffer, room);
}
