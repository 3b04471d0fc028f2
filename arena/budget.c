/* SPDX-License-Identifier: Apache-2.0 */
/* budget.c - the load line: charge, credit, move, seal.
 *
 * Decides whether bytes may be taken. Refuses, before anything changes, what would cross the
 * cap and what grows after a seal.
 *
 * Invariant: used <= cap at every instant, so peak <= cap after any schedule of threads. A
 * charge is one compare-and-swap of used under the cap check: nothing is added first and
 * taken back on refusal, so a request that is too large never makes one that fits fail.
 * Cells and tags follow used up and precede it down (account.h).
 */
#include <stdatomic.h>
#include <string.h>

#include "arena/account.h"
#include "arena/bytes.h"
#include "arena/checks.h"
#include "arena/opts.h"

static account_note *note_of(plim_budget *self)
{
    return (account_note *)((char *)self + account_note_offset(self->image_bytes));
}

/* ---- open and close ---- */

static plim_status cap_from(const plim_budget_opts *o, uint64_t *out, plim_error *err)
{
    uint64_t cap = o->cap_bytes;
    if (cap == 0) {
        /* Written so that a NaN is refused too. */
        if (!(o->fraction > 0.0 && o->fraction <= 1.0) || o->total_bytes == 0) {
            return PLIM_FAIL(err, PLIM_E_ARG, .what = "a cap, or a fraction in (0, 1] of a total");
        }
        /* The test for 1 keeps the cast in range: a total near 2^64 rounds up to 2^64. */
        cap = o->fraction < 1.0 && o->total_bytes <= PLIM_CAP_MAX_BYTES
                  ? (uint64_t)(o->fraction * (double)o->total_bytes)
                  : o->total_bytes;
    }
    if (cap > PLIM_CAP_MAX_BYTES) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "cap", .want = cap,
                         .limit = PLIM_CAP_MAX_BYTES);
    }
    *out = cap;
    return PLIM_OK;
}

static void build(plim_budget *self, plim_provider *home, uint64_t cap, uint32_t owner_limit,
                  uint64_t mapped_bytes)
{
    self->version = ACCOUNT_VERSION;
    self->header_bytes = sizeof(*self);
    self->image_bytes = account_image_bytes(owner_limit);
    self->mapped_bytes = mapped_bytes;
    self->owner_limit = owner_limit;
    self->tag_count = PLIM_TAG_COUNT;
    self->cap_bytes = cap;
    note_of(self)->home = home;
    account_owner *first = account_owners(self);
    memcpy(first->name, "runtime", sizeof("runtime"));
    atomic_store(&first->state, OWNER_READY);
}

plim_status plim_budget_open(plim_provider *home, const plim_budget_opts *opts, plim_budget **out,
                             plim_error *err)
{
    plim_budget_opts o;
    uint64_t cap = 0, mapped = 0;
    if (out) {
        *out = NULL;
    }
    if (!home || !out || !opts_take(&o, sizeof(o), opts)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "budget: home, opts or out");
    }
    PLIM_TRY(cap_from(&o, &cap, err));
    uint32_t owner_limit = o.owner_limit ? o.owner_limit : 64;
    if (owner_limit > PLIM_OWNER_LIMIT_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "owner_limit", .want = owner_limit,
                         .limit = PLIM_OWNER_LIMIT_MAX);
    }
    uint64_t end = account_footprint_bytes(owner_limit);
    if (!bytes_align_up(end, plim_provider_page_bytes(home), &mapped) || mapped > cap) {
        return PLIM_FAIL(err, PLIM_E_BUDGET, .what = "the account itself", .want = mapped,
                         .have = cap, .limit = cap);
    }
    void *base = NULL;
    PLIM_TRY(plim_provider_reserve(home, mapped, 0, &base, err));
    plim_status status = plim_provider_commit(home, base, mapped, err);
    if (status != PLIM_OK) {
        plim_provider_release(home, base, mapped);
        return status;
    }
    plim_budget *self = base;
    build(self, home, cap, owner_limit, mapped);
    status = plim_budget_charge(self, PLIM_OWNER_RUNTIME, PLIM_TAG_OTHER, mapped, err);
    PLIM_ASSERT(status == PLIM_OK);
    /* Last, so that whoever maps the pages meanwhile finds no account rather than half of one. */
    atomic_thread_fence(memory_order_release);
    memcpy(self->magic, ACCOUNT_MAGIC, sizeof(self->magic));
    *out = self;
    return status;
}

void plim_budget_close(plim_budget *self)
{
    if (!self) {
        return;
    }
    PLIM_ASSERT(atomic_load(&self->used) == self->mapped_bytes);
    plim_provider *home = note_of(self)->home;
    uint64_t mapped = self->mapped_bytes;
    memset(self->magic, 0, sizeof(self->magic));
    plim_provider_decommit(home, self, mapped);
    plim_provider_release(home, self, mapped);
}

void plim_budget_leave(plim_budget *self)
{
    if (self) {
        PLIM_ASSERT(atomic_load(&self->used) == self->mapped_bytes);
        plim_provider_release(note_of(self)->home, self, self->mapped_bytes);
    }
}

/* ---- owners ---- */

/* Slots are claimed in order and never given back, so two threads that register the same
 * name meet at the same slot: the later one waits the few stores that the name takes. */
plim_status plim_budget_owner(plim_budget *self, const char *name, plim_owner *out, plim_error *err)
{
    const char *end = name ? memchr(name, 0, PLIM_NAME_BYTES) : NULL;
    if (!self || !out || !end || end == name) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "owner: a name of 1 to 31 bytes");
    }
    account_owner *owners = account_owners(self);
    for (uint32_t i = 0; i < self->owner_limit; i++) {
        uint32_t state = OWNER_FREE;
        if (atomic_compare_exchange_strong(&owners[i].state, &state, OWNER_CLAIMED)) {
            memcpy(owners[i].name, name, (size_t)(end - name) + 1);
            atomic_store(&owners[i].state, OWNER_READY);
            *out = i;
            return PLIM_OK;
        }
        while (state != OWNER_READY) {
            state = atomic_load(&owners[i].state);
        }
        if (strcmp(owners[i].name, name) == 0) {
            *out = i;
            return PLIM_OK;
        }
    }
    return PLIM_FAIL(err, PLIM_E_RANGE, .what = "owner_limit names are taken",
                     .want = (uint64_t)self->owner_limit + 1, .limit = self->owner_limit);
}

/* ---- charge and credit ---- */

static void raise_to(_Atomic uint64_t *peak, uint64_t value)
{
    uint64_t seen = atomic_load(peak);
    while (seen < value && !atomic_compare_exchange_weak(peak, &seen, value)) {
    }
}

static void put(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes)
{
    account_cell *cell = account_cell_of(self, owner, tag);
    raise_to(&cell->peak, atomic_fetch_add(&cell->now, bytes) + bytes);
    account_tag *sum = &self->tags[tag];
    raise_to(&sum->peak, atomic_fetch_add(&sum->now, bytes) + bytes);
}

/* Takes at most what is there: a wrong credit must not run the account below zero, where
 * every later charge would be refused. Returns what was taken. */
static uint64_t take(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes)
{
    account_cell *cell = account_cell_of(self, owner, tag);
    uint64_t held = atomic_load(&cell->now), taken;
    do {
        taken = bytes <= held ? bytes : held;
    } while (!atomic_compare_exchange_weak(&cell->now, &held, held - taken));
    PLIM_ASSERT(taken == bytes);
    atomic_fetch_sub(&self->tags[tag].now, taken);
    return taken;
}

static plim_status refuse(plim_budget *self, plim_status status, plim_owner owner, plim_tag tag,
                          uint64_t bytes, uint64_t used, plim_error *err)
{
    atomic_fetch_add(&self->refusal_count, 1);
    status = PLIM_FAIL(err, status, .what = plim_tag_name(tag), .want = bytes,
                       .have = self->cap_bytes - used, .limit = self->cap_bytes);
    if (err) {
        memcpy(err->field, account_owners(self)[owner].name, PLIM_NAME_BYTES);
        plim_account_holders(self, err->holders);
    }
    return status;
}

static plim_status charge(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes,
                          uint32_t seal, plim_error *err)
{
    if (!self || !plim_budget_knows(self, owner, tag)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "charge: unknown owner or tag", .want = bytes);
    }
    if (bytes == 0) {
        return PLIM_OK;
    }
    uint64_t used = atomic_load(&self->used);
    do {
        if (bytes > self->cap_bytes - used) {
            return refuse(self, PLIM_E_BUDGET, owner, tag, bytes, used, err);
        }
        if (seal == PLIM_SEAL_REFUSE) {
            return refuse(self, PLIM_E_STATE, owner, tag, bytes, used, err);
        }
    } while (!atomic_compare_exchange_weak(&self->used, &used, used + bytes));
    raise_to(&self->peak, used + bytes);
    put(self, owner, tag, bytes);
    atomic_fetch_add(&self->charge_count, 1);
    if (seal == PLIM_SEAL_COUNT) {
        atomic_fetch_add(&self->sealed_growth_count, 1);
    }
    return PLIM_OK;
}

plim_status plim_budget_charge(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes,
                               plim_error *err)
{
    uint32_t seal = self ? atomic_load(&self->seal) : PLIM_SEAL_OPEN;
    return charge(self, owner, tag, bytes, seal, err);
}

plim_status plim_budget_charge_back(plim_budget *self, plim_owner owner, plim_tag tag,
                                    uint64_t bytes, plim_error *err)
{
    return charge(self, owner, tag, bytes, PLIM_SEAL_OPEN, err);
}

/* Who held what at the peak, written down just before the first credit or move after it.
 *
 * One thread: a peak that is not captured yet means that nothing was given back since, so
 * the cells are still those of the peak and add up to it, to the byte. Several threads:
 * others may be between used and their cells, or give back while the cells are copied; the
 * sum then misses what was in flight. Nobody waits: whoever finds a capture under way goes
 * on, and the next credit captures if that one was for an older peak. */
static void capture_peak(plim_budget *self)
{
    uint64_t peak = atomic_load(&self->peak);
    if (atomic_load(&self->captured_peak) == peak || atomic_exchange(&self->capturing, 1)) {
        return;
    }
    account_cell *cells = account_cells(self);
    size_t count = (size_t)plim_account_owner_count(self) * PLIM_TAG_COUNT;
    for (size_t i = 0; i < count; i++) {
        uint64_t now = atomic_load_explicit(&cells[i].now, memory_order_relaxed);
        atomic_store_explicit(&cells[i].at_peak, now, memory_order_relaxed);
    }
    atomic_store(&self->captured_peak, peak);
    atomic_store(&self->capturing, 0);
}

void plim_budget_credit(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes)
{
    bool known = self && plim_budget_knows(self, owner, tag);
    PLIM_ASSERT(known);
    if (known && bytes) {
        capture_peak(self);
        atomic_fetch_sub(&self->used, take(self, owner, tag, bytes));
    }
}

void plim_budget_move(plim_budget *self, plim_owner from_owner, plim_tag from_tag,
                      plim_owner to_owner, plim_tag to_tag, uint64_t bytes)
{
    bool known = self && plim_budget_knows(self, from_owner, from_tag) &&
                 plim_budget_knows(self, to_owner, to_tag);
    PLIM_ASSERT(known);
    if (known && bytes && (from_owner != to_owner || from_tag != to_tag)) {
        capture_peak(self);
        put(self, to_owner, to_tag, take(self, from_owner, from_tag, bytes));
    }
}

void plim_budget_seal(plim_budget *self, plim_seal_policy policy)
{
    PLIM_ASSERT(policy <= PLIM_SEAL_REFUSE);
    atomic_store(&self->seal, (uint32_t)policy);
}
