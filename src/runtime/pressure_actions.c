/* SPDX-License-Identifier: Apache-2.0 */
/* pressure_actions.c - what the built-in rungs do.
 *
 * Decides what may be taken without asking: room of frames that no reader needs, page cache of
 * files that can be read again, committed memory behind the last live block of an engine that is
 * not running. Refuses to wait: an engine that runs and an episode that decodes are passed over,
 * the one until the next action, the other does the work itself at the end of its call. A run
 * that starts in the moment in which its engine's tail is decommitted waits for that, which is
 * one system call.
 * Under a seal activation memory is left alone, because it could not be had again.
 */
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/file_cache.h"
#include "src/episode/relief.h"
#include "src/runtime/watch.h"

/* ---- episodes ---- */

static uint64_t relieve_episodes(plim_pressure_watch *self, plim_relief wish)
{
    uint64_t freed = 0;
    pthread_mutex_lock(&self->list_lock);
    if (wish != PLIM_RELIEF_TRIM) {
        self->is_shrunk = wish == PLIM_RELIEF_SHRINK;
    }
    for (uint32_t i = 0; i < self->episode_count; i++) {
        freed += plim_episode_relieve(self->episodes[i], wish);
    }
    pthread_mutex_unlock(&self->list_lock);
    return freed;
}

plim_status plim_pressure_add_episode(plim_pressure_watch *self, plim_episode *episode,
                                      plim_error *err)
{
    plim_status status = PLIM_OK;
    if (!self || !episode) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pressure: episode");
    }
    pthread_mutex_lock(&self->list_lock);
    for (uint32_t i = 0; i < self->episode_count && status == PLIM_OK; i++) {
        if (self->episodes[i] == episode) {
            status = PLIM_FAIL(err, PLIM_E_STATE, .what = "the episode is watched already");
        }
    }
    if (status == PLIM_OK && self->episode_count == PLIM_PRESSURE_EPISODES_MAX) {
        status = PLIM_FAIL(err, PLIM_E_RANGE, .what = "pressure: episodes",
                           .limit = PLIM_PRESSURE_EPISODES_MAX);
    }
    if (status == PLIM_OK) {
        self->episodes[self->episode_count++] = episode;
        if (self->is_shrunk) {
            (void)plim_episode_relieve(episode, PLIM_RELIEF_SHRINK);
        }
    }
    pthread_mutex_unlock(&self->list_lock);
    return status;
}

void plim_pressure_drop_episode(plim_pressure_watch *self, plim_episode *episode)
{
    if (!self) {
        return;
    }
    pthread_mutex_lock(&self->list_lock);
    for (uint32_t i = 0; i < self->episode_count; i++) {
        if (self->episodes[i] == episode) {
            self->episodes[i] = self->episodes[--self->episode_count];
            (void)plim_episode_relieve(episode, PLIM_RELIEF_WIDEN);
            break;
        }
    }
    pthread_mutex_unlock(&self->list_lock);
}

/* ---- caches ---- */

static bool has_file(const plim_pressure_watch *self, const char *path)
{
    for (uint64_t i = 0; i < self->file_count && i < PLIM_PRESSURE_FILES_MAX; i++) {
        if (strcmp(self->files[i], path) == 0) {
            return true;
        }
    }
    return false;
}

plim_status plim_pressure_add_file(plim_pressure_watch *self, const char *path, plim_error *err)
{
    plim_status status = PLIM_OK;
    if (!self || !path || !*path) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "pressure: file");
    }
    size_t length = strnlen(path, PLIM_WATCH_PATH_BYTES);
    pthread_mutex_lock(&self->list_lock);
    if (length == PLIM_WATCH_PATH_BYTES) {
        status = PLIM_FAIL(err, PLIM_E_RANGE, .what = "pressure: bytes of a file's name",
                           .want = length, .limit = PLIM_WATCH_PATH_BYTES - 1);
    } else if (!has_file(self, path)) {
        memcpy(self->files[self->file_count++ % PLIM_PRESSURE_FILES_MAX], path, length + 1);
    }
    pthread_mutex_unlock(&self->list_lock);
    return status;
}

static bool path_of_engine(plim_runtime *runtime, size_t index, char out[PATH_MAX])
{
    pthread_mutex_lock(&runtime->lock); /* the path goes with the engine */
    const plim_engine *e = &runtime->engines[index];
    bool is_there = e->state == PLIM_ENGINE_READY && e->path;
    if (is_there) {
        snprintf(out, PATH_MAX, "%s", e->path);
    }
    pthread_mutex_unlock(&runtime->lock);
    return is_there;
}

static uint64_t trim_tail(plim_runtime *runtime, plim_scratch *scratch)
{
    uint64_t freed = 0;
    if (pthread_mutex_trylock(&scratch->run_lock) != 0) {
        return 0; /* an engine runs on it */
    }
    pthread_mutex_lock(&runtime->lock);
    bool is_sealed = runtime->is_sealed;
    pthread_mutex_unlock(&runtime->lock);
    pthread_mutex_lock(&scratch->block_lock);
    if (scratch->dynamic && !is_sealed) {
        freed = plim_region_trim(scratch->dynamic);
    }
    pthread_mutex_unlock(&scratch->block_lock);
    pthread_mutex_unlock(&scratch->run_lock);
    return freed;
}

static uint64_t trim_caches(plim_pressure_watch *self)
{
    plim_runtime *runtime = self->runtime;
    uint64_t freed = 0, dropped;
    char path[PATH_MAX];
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        if (path_of_engine(runtime, i, path) && plim_file_cache_drop(path, &dropped)) {
            freed += dropped;
        }
        freed += trim_tail(runtime, &runtime->engines[i].own);
    }
    for (size_t i = 0; i < PLIM_GROUPS_MAX; i++) {
        freed += trim_tail(runtime, &runtime->groups[i]);
    }
    for (uint32_t i = 0; i < PLIM_PRESSURE_FILES_MAX; i++) {
        pthread_mutex_lock(&self->list_lock);
        snprintf(path, sizeof(path), "%s", i < self->file_count ? self->files[i] : "");
        pthread_mutex_unlock(&self->list_lock);
        freed += path[0] && plim_file_cache_drop(path, &dropped) ? dropped : 0;
    }
    return freed;
}

/* ---- admissions ---- */

static void refuse_admissions(plim_runtime *runtime, const plim_rung *rung,
                              const plim_ladder_step *step)
{
    pthread_mutex_lock(&runtime->lock);
    plim_admission *a = &runtime->admission;
    snprintf(a->rung, sizeof(a->rung), "%s", rung->name);
    a->figure = step->cause;
    a->value = step->value;
    a->line = step->line;
    pthread_mutex_unlock(&runtime->lock);
    atomic_store(&runtime->admission.is_refused, true);
}

plim_status plim_runtime_admit(plim_runtime *self, plim_error *err)
{
    char value[24], line[40];
    if (!atomic_load_explicit(&self->admission.is_refused, memory_order_acquire)) {
        return PLIM_OK;
    }
    pthread_mutex_lock(&self->lock);
    const plim_admission *a = &self->admission;
    const char *figure = plim_pressure_figure_name(a->figure);
    snprintf(value, sizeof(value), "%llu", (unsigned long long)a->value);
    snprintf(line, sizeof(line), "%s %llu", a->figure == PLIM_PRESSURE_HEADROOM ? "above" : "below",
             (unsigned long long)a->line);
    plim_error_set(err, PLIM_E_STATE, "under memory pressure", figure, line, value);
    plim_error_detail(err, "rung %s: no new engine until it is left; loaded ones run on", a->rung);
    pthread_mutex_unlock(&self->lock);
    return PLIM_E_STATE;
}

/* ---- any rung ---- */

uint64_t plim_watch_act(plim_pressure_watch *self, const plim_rung *rung,
                        const plim_ladder_step *step, const plim_pressure *p)
{
    switch (rung->kind) {
    case PLIM_RUNG_DROP_VIDEO:
        return relieve_episodes(self, PLIM_RELIEF_TRIM);
    case PLIM_RUNG_TRIM_CACHES:
        return trim_caches(self);
    case PLIM_RUNG_SHRINK_WINDOWS:
        return relieve_episodes(self, PLIM_RELIEF_SHRINK);
    case PLIM_RUNG_REFUSE_ADMISSIONS:
        refuse_admissions(self->runtime, rung, step);
        return 0;
    case PLIM_RUNG_CALLBACK:
        return rung->act(rung->context, p);
    default:
        return 0;
    }
}

void plim_watch_leave(plim_pressure_watch *self, const plim_rung *rung)
{
    if (rung->kind == PLIM_RUNG_SHRINK_WINDOWS) {
        (void)relieve_episodes(self, PLIM_RELIEF_WIDEN);
    } else if (rung->kind == PLIM_RUNG_REFUSE_ADMISSIONS) {
        atomic_store(&self->runtime->admission.is_refused, false);
    } else if (rung->leave_act) {
        rung->leave_act(rung->context);
    }
}
