/* SPDX-License-Identifier: Apache-2.0 */
/* infer.c - one run: checked, alone on its scratch, accounted.
 *
 * Decides whether a run may start: the handle is alive, every input is within a profile, the
 * weights are resident. Refuses before the backend is asked. A run that fails at the load line
 * answers with the refusal's own status and numbers, and gives back what it committed, so
 * that the next one starts from where this one did.
 */
#include <inttypes.h>
#include <stdio.h>

#include "src/runtime/state.h"

typedef struct run_args {
    const char *const *input_names;
    const plim_tensor *inputs;
    size_t input_count;
    const char *const *output_names;
    plim_tensor *outputs;
    size_t output_count;
} run_args;

/* A released handle is noticed; a reference that is held keeps the engine as it is. */
static plim_status check_alive(plim_engine *e, plim_error *err)
{
    if (!e) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine");
    }
    pthread_mutex_lock(&e->runtime->lock);
    bool is_alive = e->state == PLIM_ENGINE_READY;
    pthread_mutex_unlock(&e->runtime->lock);
    return is_alive ? PLIM_OK : PLIM_FAIL(err, PLIM_E_STATE, .what = "the engine was released");
}

static plim_status check_inputs(const plim_engine *e, const run_args *a, plim_error *err)
{
    for (size_t i = 0; i < a->input_count; i++) {
        PLIM_TRY(plim_card_check_tensor(e->card, a->input_names[i], &a->inputs[i], err));
    }
    return PLIM_OK;
}

/* What the run committed and nobody uses goes back, unless it could not be had again. A region
 * that the run made goes whole, so that the account is where the run found it. */
static void give_back(plim_engine *e, bool had_dynamic)
{
    plim_scratch *s = e->scratch;
    plim_region_stats stats;
    pthread_mutex_lock(&e->runtime->lock);
    bool is_sealed = e->runtime->is_sealed;
    pthread_mutex_unlock(&e->runtime->lock);
    pthread_mutex_lock(&s->block_lock);
    if (s->dynamic && !is_sealed) {
        plim_region_read(s->dynamic, &stats);
        if (!had_dynamic && stats.block_count == 0) {
            plim_runtime_drop(e->runtime, &s->dynamic);
        } else {
            (void)plim_region_trim(s->dynamic);
        }
    }
    pthread_mutex_unlock(&s->block_lock);
}

static void account(plim_engine *e, uint64_t elapsed_ns)
{
    pthread_mutex_lock(&e->runtime->lock);
    e->run_count++;
    e->run_ns_total += elapsed_ns;
    e->run_ns_max = elapsed_ns > e->run_ns_max ? elapsed_ns : e->run_ns_max;
    pthread_mutex_unlock(&e->runtime->lock);
}

/* The load line's own refusal, whatever the backend called it, with its words kept. */
static plim_status refused(plim_status status, const plim_error *refusal, plim_error *err)
{
    if (refusal->status == PLIM_OK) {
        return status;
    }
    if (err) {
        char words[sizeof(err->detail)];
        snprintf(words, sizeof(words), "%s", err->detail);
        *err = *refusal;
        if (!err->detail[0]) {
            snprintf(err->detail, sizeof(err->detail), "%s", words);
        }
    }
    return refusal->status;
}

/* Under run_lock, weights resident. */
static plim_status run(plim_engine *e, const run_args *a, bool record, plim_error *err)
{
    plim_error refusal, own = {.status = PLIM_OK};
    uint64_t shapes = plim_trace_shapes(a->input_names, a->inputs, a->input_count);
    pthread_mutex_lock(&e->scratch->block_lock);
    bool had_dynamic = e->scratch->dynamic != NULL;
    pthread_mutex_unlock(&e->scratch->block_lock);
    if (record) {
        plim_engine_record_begin(e);
    }
    plim_host_run_begin(e, shapes);
    uint64_t start_ns = plim_runtime_now_ns();
    plim_status status = e->ops->run(e->impl, a->input_names, a->inputs, a->input_count,
                                     a->output_names, a->outputs, a->output_count, NULL, &own);
    uint64_t elapsed_ns = plim_runtime_now_ns() - start_ns;
    plim_host_run_end(e, &refusal);
    if (record) {
        plim_engine_record_end(e, shapes, status == PLIM_OK);
    }
    if (status == PLIM_OK) {
        account(e, elapsed_ns);
        plim_black_box_tick(&e->runtime->box, start_ns + elapsed_ns);
        PLIM_LOG(e->runtime, PLIM_LOG_DEBUG, "run", "\"engine\":\"%s\",\"ns\":%" PRIu64, e->name,
                 elapsed_ns);
        return PLIM_OK;
    }
    own.status = status;
    status = refused(status, &refusal, &own);
    give_back(e, had_dynamic);
    plim_runtime_log_error(e->runtime, PLIM_LOG_ERROR, "run_failed", e->name, &own);
    if (err) {
        *err = own;
    }
    return status;
}

plim_status plim_engine_infer(plim_engine *self, const char *const *input_names,
                              const plim_tensor *inputs, size_t input_count,
                              const char *const *output_names, plim_tensor *outputs,
                              size_t output_count, plim_error *err)
{
    run_args a = {input_names, inputs, input_count, output_names, outputs, output_count};
    if ((input_count && (!input_names || !inputs)) ||
        (output_count && (!output_names || !outputs))) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "infer: names or tensors are missing");
    }
    PLIM_TRY(check_alive(self, err));
    PLIM_TRY(check_inputs(self, &a, err));
    plim_scratch *s = self->scratch;
    pthread_mutex_lock(&s->run_lock);
    pthread_mutex_lock(&self->runtime->lock);
    bool is_resident = self->is_resident;
    bool record = self->record_wanted && self->run_count >= 1;
    pthread_mutex_unlock(&self->runtime->lock);
    plim_status status = is_resident
                             ? run(self, &a, record, err)
                             : plim_error_set(err, PLIM_E_RESIDENT, "weights are not resident",
                                              self->name, NULL, NULL);
    pthread_mutex_unlock(&s->run_lock);
    return status;
}

/* ---- statistics ---- */

static void read_blocks(plim_engine *self, plim_engine_stats *out)
{
    plim_scratch *s = self->scratch;
    plim_region_stats region;
    pthread_mutex_lock(&s->block_lock);
    out->activation_live_peak_bytes = self->stat_live_peak_bytes;
    out->activation_peak_bytes = s->planned_bytes;
    if (s->dynamic) {
        plim_region_read(s->dynamic, &region);
        out->activation_peak_bytes += region.committed_peak_bytes;
    }
    if (self->session) {
        plim_region_read(self->session, &region);
        out->session_bytes = region.used_bytes;
    }
    if (self->replay) {
        plim_replay_stats replay;
        plim_replay_read(self->replay, &replay);
        out->trace_is_planned = s->planned_bytes >= self->planned_need_bytes;
        out->trace_planned_bytes = self->planned_need_bytes;
        out->trace_miss_count = replay.miss_count;
        out->trace_hit_count = replay.hit_count;
    }
    pthread_mutex_unlock(&s->block_lock);
}

void plim_engine_read(const plim_engine *self, plim_engine_stats *out)
{
    plim_engine *e = (plim_engine *)(uintptr_t)self; /* locks are not part of what is const */
    *out = (plim_engine_stats){.name = self->name};
    pthread_mutex_lock(&e->runtime->lock);
    bool is_alive = e->state == PLIM_ENGINE_READY;
    if (is_alive) {
        out->backend = e->ops->name;
        out->owner = e->owner;
        out->reference_count = e->reference_count;
        out->load_count = e->load_count;
        out->is_resident = e->is_resident;
        out->payload_bytes = plim_engine_payload_bytes(e->file);
        out->load = e->load_stats;
        out->run_count = e->run_count;
        out->run_ns_total = e->run_ns_total;
        out->run_ns_max = e->run_ns_max;
        out->trace_refused_count = e->trace_refused_count;
    }
    pthread_mutex_unlock(&e->runtime->lock);
    if (is_alive) {
        read_blocks(e, out);
    }
}

const plim_card *plim_engine_get_card(const plim_engine *self)
{
    return self->card;
}
