/* SPDX-License-Identifier: Apache-2.0 */
/* residency.c - the weights: streamed in, given back, streamed in again to the same addresses.
 *
 * Decides the order: the backend is told before its weights leave and after they are back, and
 * no run of the engine is under way meanwhile. The load window is charged before the first
 * byte is read and credited after the last, so that a predicted peak is the peak.
 * Refuses a backend that cannot live without its weights. A restore that fails leaves the
 * engine evicted and the account where it was.
 */
#include <inttypes.h>

#include "arena/account.h"
#include "src/runtime/state.h"

#define TABLE_ENTRY_BYTES 8u

static plim_status charge_window(plim_engine *e, uint64_t bytes, bool is_growth, plim_error *err)
{
    plim_budget *budget = e->runtime->budget;
    /* A sealed runtime may bring back what it had: that is not growth. */
    return is_growth ? plim_budget_charge(budget, e->owner, PLIM_TAG_LOAD_WINDOW, bytes, err)
                     : plim_budget_charge_back(budget, e->owner, PLIM_TAG_LOAD_WINDOW, bytes, err);
}

plim_status plim_engine_stream_in(plim_engine *e, const plim_load_opts *opts, bool is_growth,
                                  plim_error *err)
{
    plim_load_stats stats = {.payload_bytes = 0};
    uint64_t window = PLIM_LOAD_WINDOW_BYTES;
    PLIM_TRY(charge_window(e, window, is_growth, err));
    plim_black_box_notice(&e->runtime->box); /* this is where a load needs most */
    plim_status status = plim_engine_load(e->file, plim_region_base(e->payload), opts, &stats, err);
    plim_budget_credit(e->runtime->budget, e->owner, PLIM_TAG_LOAD_WINDOW, window);
    if (status == PLIM_OK) {
        pthread_mutex_lock(&e->runtime->lock);
        e->load_stats = stats;
        e->load_count++;
        pthread_mutex_unlock(&e->runtime->lock);
    }
    return status;
}

/* ---- page tables: what the kernel takes beside anonymous pages ---- */

uint64_t plim_page_table_bytes(uint64_t payload_bytes)
{
    const uint64_t table = plim_provider_page_bytes(plim_provider_mmap());
    const uint64_t span = table / TABLE_ENTRY_BYTES * table;
    return payload_bytes / span * table + (payload_bytes % span ? table : 0);
}

plim_status plim_engine_charge_page_tables(plim_engine *e, bool is_growth, plim_error *err)
{
    if (!e->runtime->pays_page_tables) {
        return PLIM_OK;
    }
    uint64_t bytes = plim_page_table_bytes(plim_engine_room_bytes(e->file));
    plim_budget *budget = e->runtime->budget;
    PLIM_TRY(is_growth ? plim_budget_charge(budget, e->owner, PLIM_TAG_OTHER, bytes, err)
                       : plim_budget_charge_back(budget, e->owner, PLIM_TAG_OTHER, bytes, err));
    e->page_table_bytes = bytes;
    return PLIM_OK;
}

void plim_engine_credit_page_tables(plim_engine *e)
{
    if (e->page_table_bytes) {
        plim_budget_credit(e->runtime->budget, e->owner, PLIM_TAG_OTHER, e->page_table_bytes);
        e->page_table_bytes = 0;
    }
}

plim_status plim_engine_drop_payload(plim_engine *e, plim_error *err)
{
    pthread_mutex_lock(&e->runtime->arena_lock);
    plim_status status = plim_region_evict(e->payload, err);
    pthread_mutex_unlock(&e->runtime->arena_lock);
    if (status == PLIM_OK) {
        plim_engine_credit_page_tables(e);
    }
    return status;
}

static plim_status bring_payload(plim_engine *e, plim_error *err)
{
    PLIM_TRY(plim_engine_charge_page_tables(e, false, err));
    pthread_mutex_lock(&e->runtime->arena_lock);
    plim_status status = plim_region_restore(e->payload, err);
    pthread_mutex_unlock(&e->runtime->arena_lock);
    if (status != PLIM_OK) {
        plim_engine_credit_page_tables(e);
    }
    return status;
}

static void set_resident(plim_engine *e, bool is_resident)
{
    pthread_mutex_lock(&e->runtime->lock);
    e->is_resident = is_resident;
    pthread_mutex_unlock(&e->runtime->lock);
}

/* Alive, able, and in the state that the call changes; under run_lock. */
static plim_status check(plim_engine *e, bool must_be_resident, plim_error *err)
{
    pthread_mutex_lock(&e->runtime->lock);
    bool is_resident = e->is_resident;
    pthread_mutex_unlock(&e->runtime->lock);
    if (!(e->flags & PLIM_BACKEND_EVICTABLE)) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "this format keeps its weights", "format",
                              "one that can be evicted", e->card->format);
    }
    if (is_resident != must_be_resident) {
        return plim_error_set(err, PLIM_E_STATE, "weights", e->name,
                              must_be_resident ? "resident" : "evicted",
                              must_be_resident ? "evicted" : "resident");
    }
    return PLIM_OK;
}

static plim_status evict(plim_engine *e, plim_error *err)
{
    PLIM_TRY(check(e, true, err));
    if (e->ops->evict && e->is_loaded) {
        PLIM_TRY(e->ops->evict(e->impl, err));
    }
    e->is_loaded = false;
    set_resident(e, false);
    plim_status status = plim_engine_drop_payload(e, err);
    PLIM_LOG(e->runtime, PLIM_LOG_INFO, "evicted", "\"engine\":\"%s\"", e->name);
    return status;
}

static plim_status restore(plim_engine *e, plim_error *err)
{
    PLIM_TRY(check(e, false, err));
    PLIM_TRY(bring_payload(e, err));
    plim_status status = plim_engine_stream_in(e, &e->load, false, err);
    if (status == PLIM_OK && e->ops->load) {
        status = e->ops->load(e->impl, err);
    }
    if (status != PLIM_OK) {
        plim_status dropped = plim_engine_drop_payload(e, NULL);
        (void)dropped; /* a region that was just restored can be evicted */
        return status;
    }
    e->is_loaded = true;
    set_resident(e, true);
    PLIM_LOG(e->runtime, PLIM_LOG_INFO, "restored", "\"engine\":\"%s\"", e->name);
    return PLIM_OK;
}

static plim_status alone(plim_engine *e, plim_status (*change)(plim_engine *e, plim_error *err),
                         plim_error *err)
{
    if (!e) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine");
    }
    pthread_mutex_lock(&e->runtime->lock);
    plim_scratch *s = e->state == PLIM_ENGINE_READY ? e->scratch : NULL;
    pthread_mutex_unlock(&e->runtime->lock);
    if (!s) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the engine was released");
    }
    pthread_mutex_lock(&s->run_lock);
    plim_error own = {.status = PLIM_OK};
    plim_status status = change(e, &own);
    pthread_mutex_unlock(&s->run_lock);
    if (status != PLIM_OK) {
        own.status = status;
        plim_runtime_log_error(e->runtime, PLIM_LOG_ERROR, "residency_failed", e->name, &own);
        if (err) {
            *err = own;
        }
    }
    plim_black_box_notice(&e->runtime->box);
    return status;
}

plim_status plim_engine_evict(plim_engine *self, plim_error *err)
{
    return alone(self, evict, err);
}

plim_status plim_engine_restore(plim_engine *self, plim_error *err)
{
    return alone(self, restore, err);
}
