/* SPDX-License-Identifier: Apache-2.0 */
/* account.c - reading the account: figures, holders, the published block.
 *
 * Everything here works on a const block, which may be another process's pages mapped
 * read-only. attach refuses whatever is not exactly an account of this version: no count,
 * length or name of the block is believed before it was held against its bound.
 */
#include <stdatomic.h>
#include <string.h>

#include "arena/account.h"

const char *plim_tag_name(plim_tag tag)
{
    switch (tag) {
#define TAG_NAME(name, number, text)                                                               \
    case PLIM_TAG_##name:                                                                          \
        return text;
        PLIM_TAG_LIST(TAG_NAME)
#undef TAG_NAME
    case PLIM_TAG_COUNT:
        break;
    }
    return "?";
}

static bool owner_is_ready(const plim_budget *self, plim_owner owner)
{
    return owner < self->owner_limit &&
           atomic_load(&account_owners(self)[owner].state) == OWNER_READY;
}

uint32_t plim_account_owner_count(const plim_budget *self)
{
    uint32_t n = 0;
    while (owner_is_ready(self, n)) {
        n++;
    }
    return n;
}

bool plim_budget_knows(const plim_budget *self, plim_owner owner, plim_tag tag)
{
    return (unsigned)tag < PLIM_TAG_COUNT && owner_is_ready(self, owner);
}

const char *plim_budget_owner_name(const plim_budget *self, plim_owner owner)
{
    return self && owner_is_ready(self, owner) ? account_owners(self)[owner].name : "?";
}

static void copy_name(char out[PLIM_NAME_BYTES], const plim_budget *self, plim_owner owner)
{
    memcpy(out, account_owners(self)[owner].name, PLIM_NAME_BYTES);
    out[PLIM_NAME_BYTES - 1] = 0;
}

void plim_account_holders(const plim_budget *self, plim_holder out[PLIM_ERROR_HOLDERS])
{
    memset(out, 0, PLIM_ERROR_HOLDERS * sizeof(out[0]));
    uint32_t owners = plim_account_owner_count(self);
    for (uint32_t i = 0; i < owners * PLIM_TAG_COUNT; i++) {
        uint64_t bytes = atomic_load(&account_cells(self)[i].now);
        size_t at = PLIM_ERROR_HOLDERS;
        while (at > 0 && out[at - 1].bytes < bytes) {
            at--;
        }
        if (at == PLIM_ERROR_HOLDERS) {
            continue;
        }
        memmove(&out[at + 1], &out[at], (PLIM_ERROR_HOLDERS - 1 - at) * sizeof(out[0]));
        copy_name(out[at].owner, self, i / PLIM_TAG_COUNT);
        out[at].tag = i % PLIM_TAG_COUNT;
        out[at].bytes = bytes;
    }
}

/* ---- read ---- */

static size_t read_rows(const plim_budget *self, bool is_at_peak, plim_account_row *rows,
                        size_t row_limit)
{
    size_t count = 0;
    uint32_t owners = plim_account_owner_count(self);
    for (uint32_t i = 0; i < owners * PLIM_TAG_COUNT; i++) {
        const account_cell *cell = &account_cells(self)[i];
        uint64_t peak = atomic_load(&cell->peak);
        if (peak == 0) {
            continue;
        }
        if (rows && count < row_limit) {
            plim_account_row *row = &rows[count];
            copy_name(row->owner, self, i / PLIM_TAG_COUNT);
            row->tag = (plim_tag)(i % PLIM_TAG_COUNT);
            row->now_bytes = atomic_load(&cell->now);
            row->peak_bytes = peak;
            row->at_peak_bytes = is_at_peak ? row->now_bytes : atomic_load(&cell->at_peak);
        }
        count++;
    }
    return count;
}

void plim_budget_read(const plim_budget *self, plim_account *out, plim_account_row *rows,
                      size_t row_limit)
{
    memset(out, 0, sizeof(*out));
    out->cap_bytes = self->cap_bytes;
    out->used_bytes = atomic_load(&self->used);
    out->peak_bytes = atomic_load(&self->peak);
    out->charge_count = atomic_load(&self->charge_count);
    out->refusal_count = atomic_load(&self->refusal_count);
    out->sealed_growth_count = atomic_load(&self->sealed_growth_count);
    out->sealed = atomic_load(&self->seal) != PLIM_SEAL_OPEN;
    for (size_t t = 0; t < PLIM_TAG_COUNT; t++) {
        out->tag_now_bytes[t] = atomic_load(&self->tags[t].now);
        out->tag_peak_bytes[t] = atomic_load(&self->tags[t].peak);
    }
    /* Not captured and still at the peak: the cells of now are the cells of the peak. */
    bool is_at_peak =
        atomic_load(&self->captured_peak) != out->peak_bytes && out->used_bytes == out->peak_bytes;
    out->row_count = read_rows(self, is_at_peak, rows, row_limit);
}

uint64_t plim_budget_cap_bytes(const plim_budget *self)
{
    return self->cap_bytes;
}

uint64_t plim_budget_used_bytes(const plim_budget *self)
{
    return atomic_load(&self->used);
}

uint64_t plim_budget_peak_bytes(const plim_budget *self)
{
    return atomic_load(&self->peak);
}

/* ---- the published block ---- */

const void *plim_budget_image(const plim_budget *self, size_t *out_bytes)
{
    if (out_bytes) {
        *out_bytes = self->image_bytes;
    }
    return self;
}

static plim_status check_head(const plim_budget *b, size_t image_bytes, plim_error *err)
{
    if (image_bytes < sizeof(*b)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "account: cut short", .want = sizeof(*b),
                         .have = image_bytes);
    }
    if (memcmp(b->magic, ACCOUNT_MAGIC, sizeof(b->magic)) != 0) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "account: no account begins here");
    }
    if (b->version != ACCOUNT_VERSION || b->header_bytes != sizeof(*b) ||
        b->tag_count != PLIM_TAG_COUNT) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "account: of another version");
    }
    if (b->owner_limit == 0 || b->owner_limit > PLIM_OWNER_LIMIT_MAX ||
        b->image_bytes != account_image_bytes(b->owner_limit) || b->cap_bytes == 0 ||
        b->cap_bytes > PLIM_CAP_MAX_BYTES) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "account: counts that cannot be");
    }
    if (b->image_bytes > image_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "account: cut short", .want = b->image_bytes,
                         .have = image_bytes);
    }
    return PLIM_OK;
}

/* Slots fill in order: once one is not ready, no later one is. Names are not empty and end. */
static bool owners_are_well(const plim_budget *b)
{
    bool open = true;
    for (uint32_t i = 0; i < b->owner_limit; i++) {
        const account_owner *o = &account_owners(b)[i];
        uint32_t state = atomic_load(&o->state);
        if (state > OWNER_READY || (state == OWNER_READY && !open)) {
            return false;
        }
        open = state == OWNER_READY;
        if (open && (o->name[0] == 0 || !memchr(o->name, 0, PLIM_NAME_BYTES))) {
            return false;
        }
    }
    return true;
}

/* Bounds that hold at every instant, also while the owner of the block is charging. */
static bool figures_are_well(const plim_budget *b)
{
    uint64_t cap = b->cap_bytes;
    bool well = atomic_load(&b->used) <= cap && atomic_load(&b->peak) <= cap &&
                atomic_load(&b->captured_peak) <= cap && atomic_load(&b->seal) <= PLIM_SEAL_REFUSE;
    for (size_t t = 0; t < PLIM_TAG_COUNT; t++) {
        well = well && atomic_load(&b->tags[t].now) <= cap && atomic_load(&b->tags[t].peak) <= cap;
    }
    for (uint32_t i = 0; i < b->owner_limit * PLIM_TAG_COUNT; i++) {
        const account_cell *c = &account_cells(b)[i];
        well = well && atomic_load(&c->now) <= cap && atomic_load(&c->peak) <= cap &&
               atomic_load(&c->at_peak) <= cap;
    }
    return well;
}

plim_status plim_budget_attach(const void *image, size_t image_bytes, const plim_budget **out,
                               plim_error *err)
{
    if (out) {
        *out = NULL;
    }
    if (!image || !out || (uintptr_t)image % _Alignof(plim_budget) != 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "account: an image aligned to 8 bytes");
    }
    const plim_budget *b = image;
    PLIM_TRY(check_head(b, image_bytes, err));
    if (!owners_are_well(b)) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "account: owner names that cannot be");
    }
    if (!figures_are_well(b)) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "account: figures above the cap");
    }
    *out = b;
    return PLIM_OK;
}
