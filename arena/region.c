/* SPDX-License-Identifier: Apache-2.0 */
/* region.c - what all four kinds of region share: creation, commit. Blocks: region_blocks.c.
 *
 * Decides when memory is committed: never before it is needed, in whole steps, the charge
 * before the commit. Refuses with nothing changed: not in the account, not in the
 * bookkeeping, not in the statistics but refusal_count.
 *
 * Invariants: used <= committed <= span; committed is whole steps or the whole span; every
 * committed byte is charged under the region's owner and tag.
 */
#include <string.h>

#include "arena/account.h"
#include "arena/bytes.h"
#include "arena/carve.h"
#include "arena/checks.h"
#include "arena/opts.h"

#if PLIM_CHECKS >= 2
#define CHECK_REGION(self) PLIM_ASSERT(plim_region_check(self) == NULL)
#define CHECK_ARENA(self)  PLIM_ASSERT(plim_arena_check_spans(self) == NULL)
#else
#define CHECK_REGION(self) ((void)(self))
#define CHECK_ARENA(self)  ((void)(self))
#endif

/* ---- commit ---- */

static plim_status charge_and_commit(plim_region *self, uint64_t bytes, bool is_return,
                                     plim_error *err)
{
    plim_arena *arena = self->arena;
    plim_status (*charge)(plim_budget *, plim_owner, plim_tag, uint64_t, plim_error *) =
        is_return ? plim_budget_charge_back : plim_budget_charge;
    PLIM_TRY(charge(arena->budget, self->owner, self->tag, bytes, err));
    void *at = self->base + self->committed_bytes;
    plim_status status = self->huge ? plim_provider_commit_large(arena->provider, at, bytes, err)
                                    : plim_provider_commit(arena->provider, at, bytes, err);
    if (status == PLIM_OK) {
        return PLIM_OK;
    }
    plim_budget_credit(arena->budget, self->owner, self->tag, bytes);
    if (err) { /* the line had room: say how much */
        err->want = bytes;
        err->limit = plim_budget_cap_bytes(arena->budget);
        err->have = err->limit - plim_budget_used_bytes(arena->budget);
        memcpy(err->field, self->name, sizeof(self->name));
    }
    return status;
}

plim_status plim_region_commit_to(plim_region *self, uint64_t end, bool is_return, plim_error *err)
{
    plim_arena *arena = self->arena;
    uint64_t target = 0;
    if (end <= self->committed_bytes) {
        return PLIM_OK;
    }
    if (!bytes_align_up(end, self->step_bytes, &target) || target > self->span_bytes) {
        target = self->span_bytes;
    }
    uint64_t bytes = target - self->committed_bytes;
    if (!is_return) {
        PLIM_TRY(plim_arena_admit_growth(arena, bytes, err));
    }
    PLIM_TRY(charge_and_commit(self, bytes, is_return, err));
    if (self->huge) { /* a wish: small pages serve as well */
        (void)!plim_provider_advise(arena->provider, self->base + self->committed_bytes, bytes,
                                    PLIM_ADVICE_HUGE, NULL);
    }
    plim_region_poison(self, self->committed_bytes, bytes);
    if (!is_return && atomic_load(&arena->seal) == PLIM_SEAL_COUNT) {
        atomic_fetch_add(&arena->sealed_growth_count, 1);
    }
    atomic_fetch_add(&arena->committed_bytes, bytes);
    self->committed_bytes = target;
    if (target > self->committed_peak_bytes) {
        self->committed_peak_bytes = target;
    }
    return PLIM_OK;
}

uint64_t plim_region_decommit_from(plim_region *self, uint64_t keep)
{
    uint64_t from = 0;
    if (!bytes_align_up(keep, self->step_bytes, &from) || from >= self->committed_bytes) {
        return 0;
    }
    uint64_t bytes = self->committed_bytes - from;
    plim_region_unpoison(self, from, bytes);
    plim_provider_decommit(self->arena->provider, self->base + from, bytes);
    plim_budget_credit(self->arena->budget, self->owner, self->tag, bytes);
    atomic_fetch_sub(&self->arena->committed_bytes, bytes);
    self->committed_bytes = from;
    return bytes;
}

/* ---- create ---- */

static const region_table *table_of(plim_region_kind kind)
{
    switch (kind) {
    case PLIM_REGION_STATIC:
        return &plim_region_static;
    case PLIM_REGION_BUMP:
        return &plim_region_bump;
    case PLIM_REGION_DYNAMIC:
        return &plim_region_dynamic;
    case PLIM_REGION_POOL:
        return &plim_region_pool;
    }
    return NULL;
}

/* Fills the sizes of a slot from the options; nothing is taken yet. */
static plim_status describe(plim_arena *arena, plim_region_kind kind, const plim_region_opts *o,
                            plim_region *r, plim_error *err)
{
    memset(r, 0, sizeof(*r));
    r->table = table_of(kind);
    r->arena = arena;
    r->kind = kind;
    r->owner = o->owner;
    r->tag = o->tag;
    r->huge = o->huge;
    if (!r->table || !plim_budget_knows(arena->budget, o->owner, o->tag) || o->size_bytes == 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "region: kind, owner, tag or size");
    }
    uint64_t align = o->align_bytes;
    if (align == 0) {
        align = o->size_bytes >= HUGE_BYTES || o->huge ? HUGE_BYTES : arena->granule_bytes;
    }
    if (!bytes_is_power_of_two(align)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "region: alignment", .want = align);
    }
    r->align_bytes = align > arena->granule_bytes ? align : arena->granule_bytes;
    r->step_bytes = arena->granule_bytes;
    if (o->huge && r->step_bytes < HUGE_BYTES) {
        r->step_bytes = HUGE_BYTES;
    }
    r->unit_bytes =
        kind == PLIM_REGION_DYNAMIC && o->unit_bytes ? o->unit_bytes : REGION_BLOCK_ALIGN;
    if (!bytes_is_power_of_two(r->unit_bytes) || r->unit_bytes < REGION_BLOCK_ALIGN ||
        r->unit_bytes > HUGE_BYTES || r->unit_bytes > r->align_bytes) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "region: unit_bytes", .want = r->unit_bytes,
                         .limit = r->align_bytes < HUGE_BYTES ? r->align_bytes : HUGE_BYTES);
    }
    if (!bytes_align_up(o->size_bytes, r->unit_bytes, &r->size_bytes) ||
        !bytes_align_up(r->size_bytes, arena->granule_bytes, &r->span_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "region: size", .want = o->size_bytes);
    }
    r->is_shared = o->is_shared;
    r->yield = o->yield;
    r->slack_bytes = kind == PLIM_REGION_DYNAMIC ? o->slack_bytes : 0;
    if (r->slack_bytes && r->slack_bytes < 2 * r->step_bytes) {
        r->slack_bytes = 2 * r->step_bytes; /* so that half of it is a step */
    }
    const char *name = o->name ? o->name : plim_tag_name(o->tag);
    const char *end = memchr(name, 0, PLIM_NAME_BYTES - 1);
    memcpy(r->name, name, end ? (size_t)(end - name) : PLIM_NAME_BYTES - 1);
    return PLIM_OK;
}

/* The lowest gap for the span; @out_before is the region it comes after (REGION_NONE: none). */
static plim_status find_gap(const plim_arena *arena, plim_region *r, uint32_t *out_before,
                            plim_error *err)
{
    uint64_t at = 0, base = (uintptr_t)arena->base, start = 0;
    uint32_t before = REGION_NONE;
    for (uint32_t i = arena->first;; i = arena->regions[i].next) {
        uint64_t end = i == REGION_NONE ? arena->reserve_bytes : arena->regions[i].span_offset;
        if (bytes_align_up(base + at, r->align_bytes, &start) && start - base <= end &&
            r->span_bytes <= end - (start - base)) {
            r->span_offset = start - base;
            r->base = arena->base + r->span_offset;
            *out_before = before;
            return PLIM_OK;
        }
        if (i == REGION_NONE) {
            break;
        }
        at = arena->regions[i].span_offset + arena->regions[i].span_bytes;
        before = i;
    }
    plim_arena_stats s;
    plim_arena_read(arena, &s);
    plim_status status = s.free_span_bytes >= r->span_bytes ? PLIM_E_FRAG : PLIM_E_RANGE;
    return PLIM_FAIL(err, status, .what = "address space of the arena", .want = r->span_bytes,
                     .have = s.largest_free_span_bytes,
                     .limit = status == PLIM_E_FRAG ? s.free_span_bytes : s.reserve_bytes);
}

static plim_status take_tables(plim_region *r, const plim_region_opts *o, plim_error *err)
{
    plim_arena *arena = r->arena;
    uint64_t bytes = 0;
    PLIM_TRY(r->table->shape(r, o, &bytes, err));
    if (bytes == 0) {
        return PLIM_OK;
    }
    if (!bytes_align_up(bytes, plim_provider_page_bytes(arena->home), &r->tables_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "region: tables", .want = bytes);
    }
    PLIM_TRY(plim_arena_tables_take(arena->budget, arena->home, r->owner, r->tables_bytes,
                                    &r->tables, err));
    atomic_fetch_add(&arena->region_tables_bytes, r->tables_bytes);
    return PLIM_OK;
}

static void give_tables(plim_region *r)
{
    if (r->tables) {
        atomic_fetch_sub(&r->arena->region_tables_bytes, r->tables_bytes);
        plim_arena_tables_give(r->arena->budget, r->arena->home, r->owner, r->tables,
                               r->tables_bytes);
    }
}

static uint32_t free_slot(const plim_arena *arena)
{
    uint32_t slot = 0;
    while (slot < arena->region_limit && arena->regions[slot].table) {
        slot++;
    }
    return slot;
}

static void link_after(plim_arena *arena, uint32_t before, uint32_t slot)
{
    uint32_t *link = before == REGION_NONE ? &arena->first : &arena->regions[before].next;
    arena->regions[slot].next = *link;
    *link = slot;
    arena->region_count++;
}

static plim_status build(plim_arena *arena, plim_region *r, const plim_region_opts *o,
                         uint32_t slot, plim_error *err)
{
    uint32_t before = REGION_NONE;
    PLIM_TRY(find_gap(arena, r, &before, err));
    PLIM_TRY(take_tables(r, o, err));
    r->table->clear(r);
    if (o->commit_now || r->kind == PLIM_REGION_STATIC) {
        plim_status status = plim_region_commit_to(r, r->span_bytes, false, err);
        if (status != PLIM_OK) {
            give_tables(r);
            return status;
        }
    }
    if (r->kind == PLIM_REGION_STATIC) {
        plim_region_unpoison(r, 0, r->size_bytes);
    }
    link_after(arena, before, slot);
    return PLIM_OK;
}

plim_status plim_region_create(plim_arena *arena, plim_region_kind kind,
                               const plim_region_opts *opts, plim_region **out, plim_error *err)
{
    plim_region_opts o;
    if (out) {
        *out = NULL;
    }
    if (!arena || !opts || !out || !opts_take(&o, sizeof(o), opts)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "region: arena, opts or out");
    }
    PLIM_TRY(plim_arena_admit_growth(arena, o.size_bytes, err));
    uint32_t slot = free_slot(arena);
    if (slot == arena->region_limit) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "region_limit regions are alive",
                         .want = (uint64_t)slot + 1, .limit = slot);
    }
    plim_region *r = &arena->regions[slot];
    plim_status status = describe(arena, kind, &o, r, err);
    if (status == PLIM_OK) {
        status = build(arena, r, &o, slot, err);
    }
    if (status != PLIM_OK) {
        r->table = NULL;
        return status;
    }
    CHECK_ARENA(arena);
    CHECK_REGION(r);
    *out = r;
    return PLIM_OK;
}

void plim_region_destroy(plim_region *self)
{
    if (!self) {
        return;
    }
    PLIM_ASSERT(self->table);
    plim_arena *arena = self->arena;
    (void)plim_region_decommit_from(self, 0);
    give_tables(self);
    uint32_t slot = (uint32_t)(self - arena->regions), *link = &arena->first;
    while (*link != slot) {
        link = &arena->regions[*link].next;
    }
    *link = self->next;
    arena->region_count--;
    memset(self, 0, sizeof(*self));
    CHECK_ARENA(arena);
}
