/* SPDX-License-Identifier: Apache-2.0 */
/* arena.c - address space reserved once, carved into spans; the arena's own tables.
 *
 * Decides where a region's span lies: the lowest gap between live spans that is wide enough
 * at its alignment. Refuses when there is none (E_FRAG), when too little is free
 * (E_RANGE), and growth after a seal (E_STATE).
 *
 * Invariants: spans do not overlap and are linked in address order; the sum of what regions
 * have committed is committed_bytes, and each byte of it is charged under its region's
 * label. Carving is linear in live regions (128): it happens at start-up.
 */
#include "arena/carve.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"
#include "arena/opts.h"

#define GRANULE_DEFAULT      ((uint64_t)PLIM_GRANULE_BYTES)
#define REGION_LIMIT_DEFAULT 128u
#define REGION_LIMIT_MAX     65536u

/* ---- our own tables ---- */

plim_status plim_arena_tables_take(plim_budget *budget, plim_provider *home, plim_owner owner,
                                   uint64_t bytes, void **out, plim_error *err)
{
    PLIM_TRY(plim_provider_reserve(home, bytes, 0, out, err));
    plim_status status = plim_budget_charge(budget, owner, PLIM_TAG_OTHER, bytes, err);
    if (status != PLIM_OK) {
        goto undo_reserve;
    }
    status = plim_provider_commit(home, *out, bytes, err);
    if (status == PLIM_OK) {
        return PLIM_OK;
    }
    plim_budget_credit(budget, owner, PLIM_TAG_OTHER, bytes);
undo_reserve:
    plim_provider_release(home, *out, bytes);
    *out = NULL;
    return status;
}

void plim_arena_tables_give(plim_budget *budget, plim_provider *home, plim_owner owner,
                            void *tables, uint64_t bytes)
{
    plim_provider_decommit(home, tables, bytes);
    plim_provider_release(home, tables, bytes);
    plim_budget_credit(budget, owner, PLIM_TAG_OTHER, bytes);
}

/* ---- open and close ---- */

static plim_provider *default_home(plim_provider *provider)
{
    return plim_provider_kind(provider) == PLIM_MEMORY_HOST ? provider : plim_provider_mmap();
}

static plim_status settle(plim_arena_opts *o, plim_budget *budget, plim_provider *provider,
                          plim_error *err)
{
    uint64_t page = plim_provider_page_bytes(provider), reserve = o->reserve_bytes;
    if (o->granule_bytes == 0) {
        o->granule_bytes = page > GRANULE_DEFAULT ? page : GRANULE_DEFAULT;
    }
    if (!bytes_is_power_of_two(o->granule_bytes) || o->granule_bytes < page) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "granule: a power of two of at least a page",
                         .want = o->granule_bytes, .limit = page);
    }
    o->region_limit = o->region_limit ? o->region_limit : REGION_LIMIT_DEFAULT;
    if (o->region_limit > REGION_LIMIT_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "region_limit", .want = o->region_limit,
                         .limit = REGION_LIMIT_MAX);
    }
    if (reserve == 0 && !bytes_mul(plim_budget_cap_bytes(budget), 4, &reserve)) {
        reserve = 0;
    }
    if (reserve == 0 || !bytes_align_up(reserve, o->granule_bytes, &o->reserve_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "reserve_bytes", .want = reserve);
    }
    o->home = o->home ? o->home : default_home(provider);
    return PLIM_OK;
}

plim_status plim_arena_open(plim_budget *budget, plim_provider *provider,
                            const plim_arena_opts *opts, plim_arena **out, plim_error *err)
{
    plim_arena_opts o;
    void *tables = NULL, *base = NULL;
    uint64_t bytes = 0;
    if (out) {
        *out = NULL;
    }
    if (!budget || !provider || !out || !opts_take(&o, sizeof(o), opts)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "arena: budget, provider, opts or out");
    }
    PLIM_TRY(settle(&o, budget, provider, err));
    if (!bytes_align_up(sizeof(plim_arena) + o.region_limit * sizeof(plim_region),
                        plim_provider_page_bytes(o.home), &bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "region_limit");
    }
    PLIM_TRY(plim_arena_tables_take(budget, o.home, PLIM_OWNER_RUNTIME, bytes, &tables, err));
    uint64_t align = o.granule_bytes > HUGE_BYTES ? o.granule_bytes : HUGE_BYTES;
    plim_status status = plim_provider_reserve(provider, o.reserve_bytes, align, &base, err);
    if (status != PLIM_OK) {
        plim_arena_tables_give(budget, o.home, PLIM_OWNER_RUNTIME, tables, bytes);
        return status;
    }
    plim_arena *self = tables; /* fresh pages: all zero */
    self->budget = budget;
    self->provider = provider;
    self->home = o.home;
    self->base = base;
    self->reserve_bytes = o.reserve_bytes;
    self->granule_bytes = o.granule_bytes;
    self->tables_bytes = bytes;
    self->is_reachable = carve_is_reachable(plim_provider_kind(provider));
    self->region_limit = o.region_limit;
    self->first = REGION_NONE;
    *out = self;
    return PLIM_OK;
}

void plim_arena_close(plim_arena *self)
{
    if (!self) {
        return;
    }
    while (self->first != REGION_NONE) {
        plim_region_destroy(&self->regions[self->first]);
    }
    PLIM_ASSERT(self->region_count == 0 && atomic_load(&self->committed_bytes) == 0 &&
                atomic_load(&self->region_tables_bytes) == 0);
    plim_provider_release(self->provider, self->base, self->reserve_bytes);
    plim_arena_tables_give(self->budget, self->home, PLIM_OWNER_RUNTIME, self, self->tables_bytes);
}

/* ---- seal ---- */

void plim_arena_seal(plim_arena *self, plim_seal_policy policy)
{
    PLIM_ASSERT(policy <= PLIM_SEAL_REFUSE);
    atomic_store(&self->seal, (uint32_t)policy);
}

plim_status plim_arena_admit_growth(plim_arena *self, uint64_t bytes, plim_error *err)
{
    uint32_t seal = atomic_load(&self->seal);
    if (seal == PLIM_SEAL_REFUSE) {
        uint64_t committed = atomic_load(&self->committed_bytes);
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the arena is sealed", .want = bytes, .have = 0,
                         .limit = committed);
    }
    return PLIM_OK;
}

/* ---- facts ---- */

plim_budget *plim_arena_budget(plim_arena *self)
{
    return self->budget;
}

plim_provider *plim_arena_provider(plim_arena *self)
{
    return self->provider;
}

size_t plim_arena_regions(const plim_arena *self, plim_region_stats *out, size_t limit)
{
    size_t count = 0;
    for (uint32_t i = self->first; i != REGION_NONE; i = self->regions[i].next, count++) {
        if (out && count < limit) {
            plim_region_read(&self->regions[i], &out[count]);
        }
    }
    return count;
}

void plim_arena_read(const plim_arena *self, plim_arena_stats *out)
{
    memset(out, 0, sizeof(*out));
    out->reserve_bytes = self->reserve_bytes;
    out->committed_bytes = atomic_load(&self->committed_bytes);
    out->table_bytes = self->tables_bytes + atomic_load(&self->region_tables_bytes);
    out->sealed_growth_count = atomic_load(&self->sealed_growth_count);
    out->region_count = self->region_count;
    out->region_limit = self->region_limit;
    out->granule_bytes = self->granule_bytes;
    out->seal = (plim_seal_policy)atomic_load(&self->seal);
    uint64_t at = 0;
    for (uint32_t i = self->first;; i = self->regions[i].next) {
        uint64_t end = i == REGION_NONE ? self->reserve_bytes : self->regions[i].span_offset;
        uint64_t gap = end - at;
        out->free_span_bytes += gap;
        out->largest_free_span_bytes =
            gap > out->largest_free_span_bytes ? gap : out->largest_free_span_bytes;
        if (i == REGION_NONE) {
            break;
        }
        at = self->regions[i].span_offset + self->regions[i].span_bytes;
    }
}

/* ---- check ---- */

const char *plim_arena_check_spans(const plim_arena *self)
{
    uint64_t at = 0;
    uint32_t count = 0;
    for (uint32_t i = self->first; i != REGION_NONE; i = self->regions[i].next) {
        if (i >= self->region_limit || ++count > self->region_limit || !self->regions[i].table ||
            self->regions[i].arena != self) {
            return "arena: the list of regions is broken";
        }
        const plim_region *r = &self->regions[i];
        if (r->span_offset < at || r->span_bytes > self->reserve_bytes - r->span_offset ||
            r->base != self->base + r->span_offset || (uintptr_t)r->base % r->align_bytes != 0) {
            return "arena: spans overlap, leave the reservation or lose their alignment";
        }
        at = r->span_offset + r->span_bytes;
    }
    return count == self->region_count ? NULL : "arena: regions are lost";
}

static const char *check(const plim_arena *self)
{
    uint64_t committed = 0, tables = 0;
    const char *broken = plim_arena_check_spans(self);
    for (uint32_t i = self->first; !broken && i != REGION_NONE; i = self->regions[i].next) {
        committed += self->regions[i].committed_bytes;
        tables += self->regions[i].tables_bytes;
        broken = plim_region_check(&self->regions[i]);
    }
    if (!broken && (committed != atomic_load(&self->committed_bytes) ||
                    tables != atomic_load(&self->region_tables_bytes))) {
        broken = "arena: the totals do not add up";
    }
    return broken;
}

plim_status plim_arena_check(const plim_arena *self, plim_error *err)
{
    const char *broken = check(self);
    return broken ? PLIM_FAIL(err, PLIM_E_STATE, .what = broken) : PLIM_OK;
}
