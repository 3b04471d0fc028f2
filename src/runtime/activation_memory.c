/* SPDX-License-Identifier: Apache-2.0 */
/* activation_memory.c - activation memory: one engine's own, or one for a group that never runs
 * together.
 *
 * Decides how large it is: the largest need of its members, never their sum. A member's run
 * holds run_lock, so two members never use it at once. Two regions: planned, committed whole,
 * as high as the highest plan; dynamic, made when a request has no planned place, committed
 * as it grows and kept, so that a steady state commits nothing.
 * Refuses nothing by itself: a planned region that cannot grow leaves the old one in place and
 * fails the load that wanted it. When even that is lost to another thread, members run
 * unplanned, and their misses are counted.
 */
#include <stdio.h>
#include <string.h>

#include "src/runtime/state.h"

void plim_scratch_init(plim_scratch *self)
{
    pthread_mutex_init(&self->run_lock, NULL);
    pthread_mutex_init(&self->block_lock, NULL);
}

void plim_scratch_deinit(plim_scratch *self)
{
    pthread_mutex_destroy(&self->block_lock);
    pthread_mutex_destroy(&self->run_lock);
}

/* ---- groups; under runtime->lock ---- */

static plim_scratch *find_group(plim_runtime *runtime, const char *group)
{
    plim_scratch *unused = NULL;
    for (size_t i = 0; i < PLIM_GROUPS_MAX; i++) {
        plim_scratch *s = &runtime->groups[i];
        if (s->member_count && strcmp(s->group, group) == 0) {
            return s;
        }
        unused = !unused && s->member_count == 0 ? s : unused;
    }
    return unused;
}

static plim_status enter(plim_engine *engine, const char *group, plim_error *err)
{
    plim_runtime *runtime = engine->runtime;
    char owner_name[PLIM_NAME_BYTES] = "";
    plim_owner owner = engine->owner;
    if (group) {
        int n = snprintf(owner_name, sizeof(owner_name), "%s%s", PLIM_GROUP_PREFIX, group);
        if (!*group || n < 0 || (size_t)n >= sizeof(owner_name)) {
            return plim_error_set(err, PLIM_E_ARG, "scratch group", "scratch_group",
                                  "1 to 25 bytes", group);
        }
        PLIM_TRY(plim_budget_owner(runtime->budget, owner_name, &owner, err));
    }
    pthread_mutex_lock(&runtime->lock);
    plim_scratch *s = group ? find_group(runtime, group) : &engine->own;
    if (s) {
        s->member_count++;
        s->owner = owner;
        snprintf(s->group, sizeof(s->group), "%s", group ? group : "");
        engine->scratch = s;
    }
    pthread_mutex_unlock(&runtime->lock);
    return s ? PLIM_OK
             : PLIM_FAIL(err, PLIM_E_RANGE, .what = "scratch groups", .want = PLIM_GROUPS_MAX + 1,
                         .limit = PLIM_GROUPS_MAX);
}

/* ---- size; under run_lock ---- */

static void largest_needs(plim_runtime *runtime, const plim_scratch *s, uint64_t *out_planned,
                          uint64_t *out_dynamic)
{
    *out_planned = *out_dynamic = 0;
    pthread_mutex_lock(&runtime->lock);
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        const plim_engine *e = &runtime->engines[i];
        if (e->scratch == s) {
            *out_planned =
                e->planned_need_bytes > *out_planned ? e->planned_need_bytes : *out_planned;
            *out_dynamic =
                e->dynamic_need_bytes > *out_dynamic ? e->dynamic_need_bytes : *out_dynamic;
        }
    }
    pthread_mutex_unlock(&runtime->lock);
}

static plim_status planned_create(plim_runtime *runtime, plim_scratch *s, uint64_t bytes,
                                  plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    o.name = "activations";
    o.owner = s->owner;
    o.tag = PLIM_TAG_ACTIVATIONS;
    o.size_bytes = bytes;
    plim_status status = plim_runtime_region(runtime, PLIM_REGION_STATIC, &o, &s->planned, err);
    s->planned_bytes = status == PLIM_OK ? bytes : 0;
    return status;
}

/* The old region goes first: both at once would cost their sum. */
static plim_status planned_resize(plim_runtime *runtime, plim_scratch *s, uint64_t bytes,
                                  plim_error *err)
{
    uint64_t old_bytes = s->planned_bytes;
    if (bytes == old_bytes || s->holder) {
        return PLIM_OK;
    }
    plim_runtime_drop(runtime, &s->planned);
    s->planned_bytes = 0;
    if (bytes == 0) {
        return PLIM_OK;
    }
    plim_status status = planned_create(runtime, s, bytes, err);
    if (status != PLIM_OK && old_bytes) {
        (void)planned_create(runtime, s, old_bytes, NULL);
    }
    return status;
}

/* A dynamic region that is too small for a new member is made anew by its next request. */
static void dynamic_resize(plim_runtime *runtime, plim_scratch *s, uint64_t limit_bytes)
{
    plim_region_stats stats = {.block_count = 0};
    if (s->dynamic) {
        plim_region_read(s->dynamic, &stats);
    }
    if (s->dynamic && stats.block_count == 0 && stats.size_bytes < limit_bytes) {
        plim_runtime_drop(runtime, &s->dynamic);
    }
    s->dynamic_limit_bytes = limit_bytes;
}

static plim_status fit(plim_runtime *runtime, plim_scratch *s, plim_error *err)
{
    uint64_t planned, dynamic;
    largest_needs(runtime, s, &planned, &dynamic);
    pthread_mutex_lock(&s->block_lock);
    plim_status status = planned_resize(runtime, s, planned, err);
    if (status == PLIM_OK) {
        dynamic_resize(runtime, s, dynamic);
    }
    pthread_mutex_unlock(&s->block_lock);
    return status;
}

plim_status plim_scratch_join(plim_engine *engine, const char *group, plim_error *err)
{
    PLIM_TRY(enter(engine, group, err));
    plim_scratch *s = engine->scratch;
    pthread_mutex_lock(&s->run_lock);
    plim_status status = fit(engine->runtime, s, err);
    pthread_mutex_unlock(&s->run_lock);
    if (status != PLIM_OK) {
        plim_scratch_leave(engine);
    }
    return status;
}

void plim_scratch_leave(plim_engine *engine)
{
    plim_runtime *runtime = engine->runtime;
    plim_scratch *s = engine->scratch;
    if (!s) {
        return;
    }
    pthread_mutex_lock(&s->run_lock);
    if (s->holder == engine) {
        s->holder = NULL;
    }
    pthread_mutex_lock(&runtime->lock);
    engine->scratch = NULL;
    bool is_last = s->member_count == 1; /* the place stays taken until it is empty */
    pthread_mutex_unlock(&runtime->lock);
    if (is_last) {
        pthread_mutex_lock(&s->block_lock);
        plim_runtime_drop(runtime, &s->planned);
        plim_runtime_drop(runtime, &s->dynamic);
        s->planned_bytes = s->dynamic_limit_bytes = 0;
        pthread_mutex_unlock(&s->block_lock);
    } else {
        (void)fit(runtime, s, NULL); /* what only the leaver needed goes back */
        pthread_mutex_lock(&s->block_lock);
        if (s->dynamic) {
            (void)plim_region_trim(s->dynamic);
        }
        pthread_mutex_unlock(&s->block_lock);
    }
    pthread_mutex_lock(&runtime->lock);
    s->member_count--;
    pthread_mutex_unlock(&runtime->lock);
    pthread_mutex_unlock(&s->run_lock);
}

plim_status plim_scratch_dynamic(plim_engine *engine, plim_region **out, plim_error *err)
{
    plim_scratch *s = engine->scratch;
    if (!s->dynamic) {
        plim_region_opts o = plim_region_opts_default();
        o.name = "activations";
        o.owner = s->owner;
        o.tag = PLIM_TAG_ACTIVATIONS;
        o.size_bytes = s->dynamic_limit_bytes;
        o.block_limit = PLIM_ACTIVATION_BLOCKS_MAX;
        PLIM_TRY(plim_runtime_region(engine->runtime, PLIM_REGION_DYNAMIC, &o, &s->dynamic, err));
    }
    *out = s->dynamic;
    return PLIM_OK;
}
