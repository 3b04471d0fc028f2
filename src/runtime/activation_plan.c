/* SPDX-License-Identifier: Apache-2.0 */
/* activation_plan.c - an engine's recorded plan: find it, use it, make it.
 *
 * Decides when a plan is used (the file is there, belongs to this engine, and verifies) and when
 * one is made (asked for, no plan in use, in the second run that works: the first may still
 * warm up). A plan that cannot be used or made costs a log line and a count, never a load or
 * a run. Tables are charged to the engine as other; those of a recording only while it runs.
 */
#include <inttypes.h>
#include <string.h>

#include "src/runtime/state.h"

/* A bump region for tables of an engine; commits what is used. */
static plim_status table_region(plim_engine *e, const char *name, uint64_t bytes, plim_region **out,
                                plim_error *err)
{
    plim_region_opts o = plim_region_opts_default();
    o.name = name;
    o.owner = e->owner;
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = bytes;
    return plim_runtime_region(e->runtime, PLIM_REGION_BUMP, &o, out, err);
}

/* Tables while a file is read or a recording is solved: rows, steps, the planner's scratch. */
static uint64_t work_bytes(uint32_t requests)
{
    return ((uint64_t)requests + 1) * (sizeof(plim_plan_buffer) + sizeof(plim_record_step)) +
           plim_plan_scratch_bytes((size_t)requests + 1) + 4096;
}

static plim_status use_plan(plim_engine *e, const plim_trace_plan *plan, plim_region *work,
                            plim_error *err)
{
    void *memory = NULL;
    if (plan->request_count == 0) {
        return PLIM_OK; /* a run that asked for nothing */
    }
    size_t bytes = plim_replay_bytes(plan->request_count);
    PLIM_TRY(table_region(e, "replay", bytes + 64, &e->replay_home, err));
    plim_status status = plim_region_alloc(e->replay_home, bytes, 0, &memory, err);
    if (status == PLIM_OK) {
        status = plim_trace_replay(plan, memory, bytes, work, &e->replay, err);
    }
    if (status != PLIM_OK) {
        plim_runtime_drop(e->runtime, &e->replay_home);
        return status;
    }
    e->replay_shapes = plan->shapes;
    e->planned_need_bytes = plan->height_bytes;
    return PLIM_OK;
}

void plim_engine_find_plan(plim_engine *e)
{
    plim_region *work = NULL;
    plim_trace_plan plan;
    plim_error err = {.status = PLIM_OK};
    plim_status status = table_region(e, "plan", work_bytes(PLIM_TRACE_REQUESTS_MAX), &work, &err);
    if (status == PLIM_OK) {
        status = plim_trace_load(e->plan_path, &e->key, work, &plan, &err);
    }
    if (status == PLIM_OK) {
        status = use_plan(e, &plan, work, &err);
    }
    if (status == PLIM_OK) {
        PLIM_LOG(e->runtime, PLIM_LOG_INFO, "plan_in_use",
                 "\"engine\":\"%s\",\"height_bytes\":%" PRIu64 ",\"buffers\":%" PRIu32
                 ",\"requests\":%" PRIu32 ",\"path\":\"%s\"",
                 e->name, plan.height_bytes, plan.buffer_count, plan.request_count, e->plan_path);
    } else if (status != PLIM_E_NOT_FOUND) {
        e->trace_refused_count++;
        plim_runtime_log_error(e->runtime, PLIM_LOG_WARN, "plan_refused", e->name, &err);
    }
    plim_runtime_drop(e->runtime, &work);
}

/* ---- record ---- */

static void record_stop(plim_engine *e)
{
    pthread_mutex_lock(&e->scratch->block_lock);
    e->is_recording = false;
    e->recorder = NULL;
    pthread_mutex_unlock(&e->scratch->block_lock);
    plim_runtime_drop(e->runtime, &e->record_home);
}

void plim_engine_record_begin(plim_engine *e)
{
    void *memory = NULL;
    plim_error err = {.status = PLIM_OK};
    uint64_t bytes = plim_recorder_bytes(PLIM_RECORD_LIMIT);
    plim_status status = table_region(e, "recording", bytes + 64 + work_bytes(PLIM_RECORD_LIMIT),
                                      &e->record_home, &err);
    if (status == PLIM_OK) {
        status = plim_region_alloc(e->record_home, bytes, 0, &memory, &err);
    }
    if (status == PLIM_OK) {
        status = plim_recorder_init(memory, bytes, PLIM_RECORD_LIMIT, &e->recorder, &err);
    }
    if (status != PLIM_OK) {
        plim_runtime_log_error(e->runtime, PLIM_LOG_WARN, "plan_not_recorded", e->name, &err);
        plim_runtime_drop(e->runtime, &e->record_home);
        return;
    }
    pthread_mutex_lock(&e->scratch->block_lock);
    e->is_recording = true;
    pthread_mutex_unlock(&e->scratch->block_lock);
}

static plim_status write_plan(plim_engine *e, uint64_t shapes, plim_error *err)
{
    plim_trace_plan plan = {.key = e->key, .shapes = shapes};
    PLIM_TRY(plim_trace_solve(e->recorder, e->record_home, &plan, err));
    PLIM_TRY(plim_trace_save(&plan, e->plan_path, err));
    PLIM_LOG(e->runtime, PLIM_LOG_INFO, "plan_recorded",
             "\"engine\":\"%s\",\"height_bytes\":%" PRIu64 ",\"lower_bound_bytes\":%" PRIu64
             ",\"buffers\":%" PRIu32 ",\"requests\":%" PRIu32 ",\"path\":\"%s\"",
             e->name, plan.height_bytes, plan.lower_bound_bytes, plan.buffer_count,
             plan.request_count, e->plan_path);
    return PLIM_OK;
}

void plim_engine_record_end(plim_engine *e, uint64_t shapes, bool run_is_good)
{
    plim_error err = {.status = PLIM_OK};
    pthread_mutex_lock(&e->scratch->block_lock);
    e->is_recording = false; /* what is freed later outlived the run */
    pthread_mutex_unlock(&e->scratch->block_lock);
    if (run_is_good) {
        plim_status status = write_plan(e, shapes, &err);
        if (status != PLIM_OK) {
            plim_runtime_log_error(e->runtime, PLIM_LOG_WARN, "plan_not_recorded", e->name, &err);
        }
        pthread_mutex_lock(&e->runtime->lock);
        e->record_wanted = false;
        pthread_mutex_unlock(&e->runtime->lock);
    }
    record_stop(e);
}
