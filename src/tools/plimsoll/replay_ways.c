/* SPDX-License-Identifier: Apache-2.0 */
/* replay_ways.c - a recorded run against one way to allocate, under one cap.
 *
 * Decides what a footprint is: the planned height, what the region committed at its peak, or what
 * the model reserved at its peak. The dynamic region is the library's own, over pages that are
 * never touched. A block that is refused is left out with its free; the run goes on, so that the
 * count of refusals says how far a cap is from enough.
 */
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/replay_models.h"
#include "src/tools/plimsoll/replay_ways.h"

#define NOWHERE UINT64_MAX

/* Where each live block is: in the plan, in the region, or in a model. */
typedef struct place {
    uint64_t at;
    bool is_planned;
} place;

typedef struct running {
    const replay_study *study;
    const replay_plan *plan; /* WAY_LOOP and WAY_FIRST */
    replay_way way;
    plim_replay *replay;
    void *replay_memory;
    plim_budget *budget;
    plim_arena *arena;
    plim_region *region;
    model model;
    place *places;
    replay_outcome *out;
} running;

const char *replay_way_name(replay_way way)
{
    static const char *const NAMES[WAY_COUNT] = {"planned", "loop",     "loop-first",
                                                 "dynamic", "best-fit", "caching"};
    return NAMES[way];
}

/* ---- the library's region ---- */

static plim_status open_region(running *r, uint64_t bytes, plim_error *err)
{
    plim_budget_opts b = plim_budget_opts_default();
    plim_arena_opts a = plim_arena_opts_default();
    plim_region_opts o = plim_region_opts_default();
    b.cap_bytes = bytes + ((uint64_t)1 << 30); /* the region is the cap; this has its tables too */
    a.reserve_bytes = bytes + ((uint64_t)64 << 20);
    PLIM_TRY(plim_budget_open(plim_provider_mmap(), &b, &r->budget, err));
    PLIM_TRY(plim_arena_open(r->budget, plim_provider_mmap(), &a, &r->arena, err));
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = bytes;
    o.block_limit = r->study->trace.live_most + 16;
    return plim_region_create(r->arena, PLIM_REGION_DYNAMIC, &o, &r->region, err);
}

static bool region_alloc(running *r, uint64_t bytes, uint64_t align, uint64_t *out)
{
    void *block = NULL;
    if (!r->region || plim_region_alloc(r->region, bytes, align, &block, NULL) != PLIM_OK) {
        return false;
    }
    *out = (uintptr_t)block;
    return true;
}

/* ---- one run ---- */

static plim_status open_replay(running *r, plim_error *err)
{
    const replay_plan *plan = r->plan;
    size_t bytes = plim_replay_bytes(plan->step_count);
    if (posix_memalign(&r->replay_memory, 64, bytes) != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "tables of a replay", .want = bytes);
    }
    PLIM_TRY(plim_replay_init(r->replay_memory, bytes, plan->steps, plan->step_count, plan->buffers,
                              plan->buffer_count, plan->height_bytes, true, &r->replay, err));
    plim_replay_begin(r->replay, true);
    return PLIM_OK;
}

static plim_status open_way(running *r, uint64_t cap_bytes, plim_error *err)
{
    uint64_t all = r->study->trace.peak_bytes * 4 + ((uint64_t)4 << 20);
    uint64_t planned = r->plan ? r->plan->height_bytes : 0;
    switch (r->way) {
    case WAY_LOOP:
    case WAY_FIRST:
        PLIM_TRY(open_replay(r, err));
        /* Under a cap, what the plan leaves is the region's. */
        return cap_bytes && cap_bytes < planned + 65536
                   ? PLIM_OK
                   : open_region(r, cap_bytes ? cap_bytes - planned : all, err);
    case WAY_DYNAMIC:
        return open_region(r, cap_bytes ? cap_bytes : all, err);
    case WAY_BEST_FIT:
        model_best_fit(&r->model, cap_bytes);
        return PLIM_OK;
    default:
        model_caching(&r->model, cap_bytes);
        return PLIM_OK;
    }
}

static bool place_block(running *r, const plim_record_step *step, place *out)
{
    uint64_t bytes = step->size_bytes, align = step->align_bytes;
    if (r->replay && plim_replay_alloc(r->replay, bytes, align, &out->at)) {
        out->is_planned = true;
        return true;
    }
    if (r->way == WAY_BEST_FIT || r->way == WAY_CACHING) {
        out->at = model_alloc(&r->model, bytes, align);
        return out->at != MODEL_REFUSED;
    }
    return region_alloc(r, bytes, align, &out->at);
}

static void let_go(running *r, const place *from)
{
    uint64_t bytes;
    if (from->is_planned) {
        (void)plim_replay_free(r->replay, from->at, &bytes);
    } else if (r->region) {
        plim_status status = plim_region_free(r->region, (void *)(uintptr_t)from->at, NULL);
        (void)status; /* it was given by this region */
    } else {
        model_free(&r->model, from->at);
    }
}

static uint64_t largest_free(const running *r)
{
    plim_region_stats stats = {.largest_free_bytes = 0};
    if (r->way == WAY_BEST_FIT || r->way == WAY_CACHING) {
        return model_largest_free(&r->model);
    }
    if (r->region) {
        plim_region_read(r->region, &stats);
    }
    return stats.largest_free_bytes;
}

static void run_events(running *r)
{
    const trace_table *t = &r->study->trace;
    for (size_t i = 0; i < t->event_count; i++) {
        uint32_t k = t->events[i].step;
        place *at = &r->places[k];
        if (t->events[i].is_free) {
            if (at->at != NOWHERE) {
                let_go(r, at);
            }
        } else if (!place_block(r, &t->steps[k], at)) {
            if (r->out->refused_count++ == 0) {
                r->out->refused_bytes = t->steps[k].size_bytes;
                r->out->refused_event = i;
                r->out->largest_free_bytes = largest_free(r);
            }
            *at = (place){.at = NOWHERE};
        }
    }
}

static void read_way(running *r)
{
    plim_region_stats stats = {.committed_peak_bytes = 0};
    if (r->region) {
        plim_region_read(r->region, &stats);
    }
    r->out->footprint_bytes = stats.committed_peak_bytes + r->model.reserved_peak_bytes +
                              (r->plan ? r->plan->height_bytes : 0);
    if (r->replay) {
        plim_replay_read(r->replay, &r->out->served);
    }
}

/* All or nothing: a plan above the cap is refused before the run begins. */
static void run_planned(const replay_study *study, uint64_t cap_bytes, replay_outcome *out)
{
    out->footprint_bytes = study->whole.height_bytes;
    if (cap_bytes && study->whole.height_bytes > cap_bytes) {
        out->footprint_bytes = 0;
        out->refused_count = study->trace.step_count;
        out->refused_bytes = study->whole.height_bytes;
        out->largest_free_bytes = cap_bytes;
    }
}

plim_status replay_run(const replay_study *self, replay_way way, uint64_t cap_bytes,
                       replay_outcome *out, plim_error *err)
{
    memset(out, 0, sizeof(*out));
    if (way == WAY_PLANNED) {
        run_planned(self, cap_bytes, out);
        return PLIM_OK;
    }
    running r = {.study = self, .way = way, .out = out};
    r.plan = way == WAY_LOOP ? &self->merged : way == WAY_FIRST ? &self->first : NULL;
    if (r.plan && cap_bytes && r.plan->height_bytes > cap_bytes) {
        out->refused_count = self->trace.step_count;
        out->refused_bytes = r.plan->height_bytes;
        out->largest_free_bytes = cap_bytes;
        return PLIM_OK;
    }
    r.places = calloc(self->trace.step_count, sizeof(*r.places));
    plim_status status = r.places ? open_way(&r, cap_bytes, err)
                                  : PLIM_FAIL(err, PLIM_E_NOMEM, .what = "places of blocks");
    if (status == PLIM_OK) {
        run_events(&r);
        read_way(&r);
    }
    plim_arena_close(r.arena);
    plim_budget_close(r.budget);
    model_drop(&r.model);
    free(r.replay_memory);
    free(r.places);
    return status;
}
