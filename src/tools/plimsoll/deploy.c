/* SPDX-License-Identifier: Apache-2.0 */
/* deploy.c - engines loaded in planned order, then episodes streamed through them.
 *
 * Decides when the load line is sealed: after a warm-up of every engine, and in each episode
 * once its window and decoder stand; opening an episode is the only growth in between. Frames
 * are released after their last reader, an episode is closed before the next one opens, and
 * the account after it must be what it was before. A frame that cannot be decoded ends its
 * episode and is counted; a refusal at the cap ends the run.
 */
#include "src/tools/plimsoll/deploy.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "src/tools/plimsoll/pressure_rungs.h"
#include "src/tools/plimsoll/tiers.h"
#include "src/tools/plimsoll/tool.h"

#define HOME_BYTES   (UINT64_C(64) << 20)
#define WARM_UP_RUNS 2u  /* the second is what a recorded trace is made of */
#define SETTLE_STEPS 16u /* a decoder makes its frames within its first references */

static volatile sig_atomic_t stop_signal;
static struct timespec stop_time; /* of the first one; used in the handler only */

#define STOP_ECHO_MS 500

/* Whoever stops a whole group of processes (timeout, a shell) often sends the signal twice at
 * once: what follows within half a second is an echo of the first and not a second wish. */
static void take_stop(int number)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    if (!stop_signal) {
        stop_time = now;
        stop_signal = number;
    } else if ((now.tv_sec - stop_time.tv_sec) * 1000 +
                   (now.tv_nsec - stop_time.tv_nsec) / 1000000 >
               STOP_ECHO_MS) {
        signal(number, SIG_DFL);
        raise(number); /* comes through when this handler returns */
    }
}

/* The first INT or TERM ends the run after its step, with a report; the second ends the process. */
static void stop_on_signals(void)
{
    struct sigaction old, new = {.sa_handler = take_stop, .sa_flags = SA_RESTART};
    sigemptyset(&new.sa_mask);
    sigaddset(&new.sa_mask, SIGINT);
    sigaddset(&new.sa_mask, SIGTERM);
    for (size_t i = 0; i < 2; i++) {
        int number = i == 0 ? SIGINT : SIGTERM;
        if (sigaction(number, NULL, &old) == 0 && old.sa_handler == SIG_DFL) {
            (void)sigaction(number, &new, NULL);
        }
    }
}

static void log_line(void *context, plim_log_level level, const char *text, size_t text_bytes)
{
    (void)level;
    fwrite(text, 1, text_bytes, context);
    fputc('\n', context);
}

plim_status deploy_open(deployment *d, const plim_host *host, plim_error *err)
{
    plim_runtime_opts o = plim_runtime_opts_default();
    plim_region_opts r = plim_region_opts_default();
    stop_on_signals();
    o.budget.cap_bytes = d->p->cap_bytes;
    o.reserve_bytes = d->m->reserve_bytes;
    o.headroom = PLIM_HEADROOM_OFF; /* the whole plan was held against it: once is enough */
    o.host = host;
    o.facts = host_facts(host);
    o.policy = rules_policy();
    o.seal = d->m->seal == PLIM_SEAL_COUNT ? PLIM_SEAL_COUNT : PLIM_SEAL_REFUSE;
    o.account_path = d->o->account_path;
    o.black_box_path = d->o->black_box_path;
    o.black_box_bytes = d->o->black_box_bytes;
    o.on_transition = run_heat_note;
    o.transition_context = d->heat;
    o.large_pages = (plim_large_pages)d->m->large_pages;
    if (d->o->log_path || d->o->verbose) {
        d->log = d->o->log_path ? fopen(d->o->log_path, "ae") : stderr;
        if (!d->log) {
            int e = errno;
            return PLIM_FAIL(err, PLIM_E_IO, .what = "log file", .os_errno = e);
        }
        o.log_sink = log_line;
        o.log_context = d->log;
    }
    PLIM_TRY(plim_runtime_open(&o, &d->runtime, err));
    PLIM_TRY(pressure_open(d->m, d->runtime, &d->watch, err));
    if (!d->o->dataset) {
        return PLIM_OK;
    }
    r.name = "data set";
    r.tag = PLIM_TAG_EPISODE;
    r.size_bytes = HOME_BYTES;
    PLIM_TRY(plim_budget_owner(plim_runtime_budget(d->runtime), "episode", &r.owner, err));
    return plim_region_create(plim_runtime_arena(d->runtime), PLIM_REGION_BUMP, &r, &d->home, err);
}

/* ---- loading ---- */

static plim_status load_engine(deployment *d, uint32_t index, plim_error *err)
{
    const manifest_engine *e = &d->m->engines[index];
    plim_engine_spec spec = plim_engine_spec_default();
    plim_engine *engine = NULL;
    const char *accept[MANIFEST_ACCEPT_MAX];
    char label[64], by[MANIFEST_PATH_BYTES + 16];
    progress p;
    snprintf(label, sizeof(label), "loading %s", e->name);
    progress_begin(&p, label);
    spec.name = e->name;
    spec.path = e->artifact;
    spec.backend = e->backend[0] ? e->backend : NULL;
    spec.library = d->m->onnxruntime[0] ? d->m->onnxruntime : NULL;
    spec.thread_count = (uint32_t)e->threads;
    spec.prepack = e->prepack;
    spec.scratch_group = e->scratch_group[0] ? e->scratch_group : NULL;
    spec.activation_limit_bytes = e->activation_limit_bytes;
    spec.record_trace = e->record_trace;
    for (size_t i = 0; i < e->accept_count; i++) {
        accept[i] = e->accept[i];
    }
    spec.accept = accept;
    spec.accept_count = e->accept_count;
    snprintf(by, sizeof(by), "%s:%u", d->m->path, (unsigned)e->line);
    spec.precision = e->precision;
    spec.precision_by = by;
    spec.load.progress = progress_bytes;
    spec.load.progress_context = &p;
    plim_status rc = plim_runtime_deserialize(d->runtime, &spec, &engine, err);
    progress_end(&p);
    PLIM_TRY(rc);
    rc = bind_engine(&d->engines[index], d->runtime, e, engine, err);
    d->engines[index].engine = engine; /* released by deploy_close even when binding failed */
    return rc;
}

/* The framework is not ours to load: its declared bytes take their place in the order. */
static plim_status charge_framework(deployment *d, plim_error *err)
{
    plim_budget *budget = plim_runtime_budget(d->runtime);
    uint64_t resident = d->m->framework_bytes, extra = d->m->framework_extra_bytes;
    PLIM_TRY(plim_budget_owner(budget, "framework", &d->framework, err));
    PLIM_TRY(plim_budget_charge(budget, d->framework, PLIM_TAG_FRAMEWORK, resident, err));
    d->framework_bytes = resident;
    PLIM_TRY(plim_budget_charge(budget, d->framework, PLIM_TAG_LOAD_WINDOW, extra, err));
    plim_budget_credit(budget, d->framework, PLIM_TAG_LOAD_WINDOW, extra);
    return PLIM_OK;
}

plim_status deploy_load(deployment *d, plim_error *err)
{
    for (size_t s = 0; s < d->p->item_count; s++) {
        uint32_t engine = d->p->engine_of[d->p->steps[s].item];
        PLIM_TRY(engine == PREDICT_NO_ENGINE ? charge_framework(d, err)
                                             : load_engine(d, engine, err));
    }
    for (size_t i = 0; i < d->m->engine_count; i++) {
        for (unsigned k = 0; k < WARM_UP_RUNS; k++) {
            PLIM_TRY(run_engine(&d->engines[i], err));
        }
        d->engines[i].run_count = 0;
    }
    if (d->m->seal != PLIM_SEAL_OPEN) {
        PLIM_TRY(plim_runtime_seal(d->runtime, err));
        d->is_sealed = true;
    }
    return PLIM_OK;
}

/* Opening an episode is growth that was planned; everything else is not. */
static void set_seal(deployment *d, bool sealed)
{
    if (d->is_sealed) {
        plim_seal_policy policy = sealed ? (plim_seal_policy)d->m->seal : PLIM_SEAL_OPEN;
        plim_arena_seal(plim_runtime_arena(d->runtime), policy);
        plim_budget_seal(plim_runtime_budget(d->runtime), policy);
    }
}

/* ---- one episode ---- */

static void note_peak(deployment *d, episode_result *r)
{
    uint64_t used = plim_budget_used_bytes(plim_runtime_budget(d->runtime));
    r->peak_bytes = used > r->peak_bytes ? used : r->peak_bytes;
}

/* Every camera that some engine of this step reads, once. */
static plim_status take_frames(deployment *d, plim_episode *episode, uint64_t step,
                               step_frames *out, plim_error *err)
{
    for (size_t i = 0; i < d->m->engine_count; i++) {
        const manifest_engine *e = &d->m->engines[i];
        for (size_t k = 0; k < e->input_count; k++) {
            const manifest_input *in = &e->inputs[k];
            bool known = false;
            for (size_t f = 0; f < out->count; f++) {
                known = known || strcmp(out->feature[f], in->feature) == 0;
            }
            if (in->from != FROM_VIDEO || known || out->count == 16) {
                continue;
            }
            PLIM_TRY(plim_episode_frame(episode, in->feature, step, &out->frame[out->count], err));
            out->feature[out->count++] = in->feature;
        }
    }
    return PLIM_OK;
}

static plim_status run_step(deployment *d, plim_episode *episode, uint64_t step, episode_result *r,
                            plim_error *err)
{
    step_frames frames = {.count = 0};
    plim_status rc = take_frames(d, episode, step, &frames, err);
    note_peak(d, r);
    for (size_t i = 0; i < d->m->engine_count && rc == PLIM_OK; i++) {
        bound_engine *e = &d->engines[i];
        if (step % e->config->every == 0) {
            rc = feed_engine(e, episode, step, &frames, err);
            rc = rc == PLIM_OK ? run_engine(e, err) : rc;
        }
    }
    for (size_t f = 0; f < frames.count; f++) {
        plim_status given = plim_episode_release(episode, frames.feature[f], step, NULL);
        d->faults += given != PLIM_OK;
    }
    note_peak(d, r);
    return rc;
}

static plim_status run_steps(deployment *d, plim_episode *episode, episode_result *r,
                             plim_error *err)
{
    plim_episode_stats stats;
    char label[64];
    progress p;
    plim_status rc = PLIM_OK;
    plim_episode_read(episode, &stats);
    r->frame_count = stats.frame_count;
    uint64_t steps = stats.frame_count;
    steps = d->o->max_steps && d->o->max_steps < steps ? d->o->max_steps : steps;
    snprintf(label, sizeof(label), "episode %" PRIu32, r->index);
    plim_runtime_label(d->runtime, label);
    progress_begin(&p, label);
    for (uint64_t step = 0; step < steps && rc == PLIM_OK && !stop_signal; step++) {
        if (step == SETTLE_STEPS) {
            set_seal(d, true);
        }
        rc = run_step(d, episode, step, r, err);
        r->step_count += rc == PLIM_OK;
        progress_steps(&p, step + 1, steps);
    }
    progress_end(&p);
    plim_runtime_label(d->runtime, NULL);
    return rc;
}

/* Damage in the data ends the episode; everything else ends the run. */
static bool is_damage(plim_status rc)
{
    return rc == PLIM_E_FORMAT || rc == PLIM_E_CORRUPT || rc == PLIM_E_NOT_FOUND;
}

static void gather(deployment *d);

/* Its frames and its files' page cache may go when memory gets short. */
static void watch_episode(deployment *d, plim_episode *episode, uint32_t index)
{
    run_files files;
    if (!d->watch) {
        return;
    }
    d->faults += plim_pressure_add_episode(d->watch, episode, NULL) != PLIM_OK;
    run_files_episode(&files, d, index);
    for (size_t i = 0; i < files.count; i++) {
        plim_status kept = plim_pressure_add_file(d->watch, files.path[i], NULL);
        (void)kept; /* a name that is too long stays in the cache */
    }
    run_files_forget(&files);
}

static plim_status run_episode(deployment *d, uint32_t index, bool is_last, plim_error *err)
{
    plim_budget *budget = plim_runtime_budget(d->runtime);
    episode_result *r = &d->episodes[d->episode_count++];
    plim_episode_opts o = plim_episode_opts_default();
    plim_episode_stats stats;
    plim_episode_size size;
    plim_episode *episode = NULL;
    r->index = index;
    if (plim_dataset_measure(d->data, index, &size, NULL) == PLIM_OK) {
        memcpy(r->memory_bytes, size.memory_bytes, sizeof(r->memory_bytes));
    }
    o.arena = plim_runtime_arena(d->runtime);
    o.frames_limit =
        d->m->max_frames_in_mem ? (uint32_t)d->m->max_frames_in_mem : PLIM_FRAMES_DEFAULT;
    o.video_plugin = d->m->video_plugin[0] ? d->m->video_plugin : NULL;
    PLIM_TRY(plim_budget_owner(budget, "episode", &o.owner, err));
    set_seal(d, false);
    r->before_bytes = plim_budget_used_bytes(budget);
    PLIM_TRY(plim_episode_open(d->data, index, &o, &episode, err));
    watch_episode(d, episode, index);
    plim_status rc = run_steps(d, episode, r, err);
    plim_pressure_drop_episode(d->watch, episode);
    plim_episode_read(episode, &stats);
    r->window_bytes = stats.video_peak_bytes;
    r->columns_bytes = stats.state_action_bytes + stats.other_bytes;
    r->decoder_bytes = stats.decoder_bytes;
    r->end_bytes = plim_budget_used_bytes(budget);
    r->is_complete = rc == PLIM_OK && !stop_signal;
    if (is_last || stop_signal || rc != PLIM_OK) {
        gather(d);
    }
    r->dropped_bytes = plim_episode_drop_video(episode);
    plim_episode_close(episode);
    r->after_bytes = plim_budget_used_bytes(budget);
    if (is_damage(rc)) {
        char text[1024];
        plim_error_format(err, text, sizeof(text));
        fprintf(stderr, "plimsoll: episode %" PRIu32 " stops at step %" PRIu64 ": %s\n", index,
                r->step_count, text);
        d->faults++;
        return PLIM_OK;
    }
    return rc;
}

/* Sources that need no recording can be run as they are. */
static plim_status run_without_episode(deployment *d, plim_error *err)
{
    episode_result r = {.index = 0};
    uint64_t steps = d->o->max_steps ? d->o->max_steps : 1;
    progress p;
    progress_begin(&p, "steps");
    for (uint64_t step = 0; step < steps && !stop_signal; step++) {
        PLIM_TRY(run_step(d, NULL, step, &r, err));
        progress_steps(&p, step + 1, steps);
    }
    progress_end(&p);
    return PLIM_OK;
}

static plim_status stream_all(deployment *d, plim_error *err)
{
    if (!d->o->dataset) {
        plim_status rc = run_without_episode(d, err);
        gather(d);
        return rc;
    }
    set_seal(d, false);
    PLIM_TRY(plim_dataset_open(d->o->dataset, d->home, &d->data, err));
    const plim_dataset_info *info = plim_dataset_get_info(d->data);
    uint32_t to = d->o->to < info->episode_count ? d->o->to : info->episode_count;
    if (d->o->from >= to || to - d->o->from > RUN_EPISODES_MAX) {
        char found[48];
        snprintf(found, sizeof(found), "%" PRIu32 " episodes", info->episode_count);
        return plim_error_set(err, PLIM_E_NOT_FOUND, "episodes", "--episodes",
                              "numbers below the count", found);
    }
    d->episodes = calloc(to - d->o->from, sizeof(*d->episodes));
    if (!d->episodes) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "results of episodes");
    }
    for (uint32_t i = d->o->from; i < to; i++) {
        PLIM_TRY(run_episode(d, i, i + 1 == to || stop_signal, err));
        if (stop_signal) {
            break;
        }
    }
    return PLIM_OK;
}

plim_status deploy_episodes(deployment *d, plim_error *err)
{
    plim_status rc = stream_all(d, err);
    if (rc == PLIM_OK && stop_signal) {
        fprintf(stderr, "plimsoll: stopped by a signal: the report covers what ran until then\n");
        d->faults++;
    }
    return rc;
}

static void gather(deployment *d)
{
    run_files files;
    plim_error err = {.status = PLIM_OK};
    run_files_find(&files, d);
    if (plim_report_gather_self(plim_runtime_arena(d->runtime), files.path, files.count, d->report,
                                &err) != PLIM_OK) {
        (void)tool_refuse("report", &err);
        d->faults++;
    }
    run_files_forget(&files);
}

void deploy_close(deployment *d)
{
    plim_dataset_close(d->data);
    plim_region_destroy(d->home);
    for (size_t i = d->m->engine_count; i-- > 0;) {
        unbind_engine(&d->engines[i]);
        if (d->engines[i].engine && plim_engine_release(d->engines[i].engine, NULL) != PLIM_OK) {
            d->faults++;
        }
    }
    if (d->framework_bytes) {
        plim_budget_credit(plim_runtime_budget(d->runtime), d->framework, PLIM_TAG_FRAMEWORK,
                           d->framework_bytes);
    }
    plim_pressure_close(d->watch);
    plim_runtime_close(d->runtime);
    if (d->log && d->log != stderr) {
        fclose(d->log);
    }
    free(d->episodes);
}
