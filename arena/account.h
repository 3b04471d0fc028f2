/* SPDX-License-Identifier: Apache-2.0 */
/* account.h - how the account lies in memory; for budget.c, account.c and region.c, and
 * for provider_file.c, which knows an account that was left behind.
 *
 *   0              struct plim_budget (header_bytes)
 *   header_bytes   owner_limit x account_owner
 *                  owner_limit x PLIM_TAG_COUNT x account_cell, owner by owner
 *   image_bytes    end of what is published: no pointer before it
 *   note offset    account_note: what close needs, of this process only
 *   mapped_bytes   whole pages
 *
 * Invariants, at every instant and for every thread:
 *   sum of all cells' now <= used <= cap, each cell's now, peak and at_peak <= cap.
 * They hold because a charge raises used first and a credit lowers it last.
 */
#ifndef ARENA_ACCOUNT_H
#define ARENA_ACCOUNT_H

#include <stdatomic.h>

#include "plimsoll/budget.h"

#define ACCOUNT_MAGIC   "PLIMACCT" /* 8 bytes, written last */
#define ACCOUNT_VERSION 1u

typedef struct account_cell {
    _Atomic uint64_t now, peak, at_peak;
} account_cell;

typedef struct account_tag {
    _Atomic uint64_t now, peak;
} account_tag;

enum { OWNER_FREE = 0, OWNER_CLAIMED = 1, OWNER_READY = 2 };
typedef struct account_owner {
    _Atomic uint32_t state;
    uint32_t reserved;
    char name[PLIM_NAME_BYTES];
} account_owner;

struct plim_budget {
    char magic[8];
    uint32_t version, header_bytes;
    uint64_t image_bytes, mapped_bytes;
    uint32_t owner_limit, tag_count;
    uint64_t cap_bytes;
    uint64_t reserved[2]; /* the hot words start a cache line */
    _Atomic uint64_t used, peak;
    _Atomic uint64_t captured_peak; /* the peak that the cells' at_peak belongs to */
    _Atomic uint64_t charge_count, refusal_count, sealed_growth_count;
    _Atomic uint32_t seal;      /* plim_seal_policy */
    _Atomic uint32_t capturing; /* 1: a thread is writing at_peak */
    account_tag tags[PLIM_TAG_COUNT];
};

typedef struct account_note {
    plim_provider *home;
} account_note;

_Static_assert(sizeof(account_cell) == 24 && sizeof(account_owner) == 40, "published layout");
_Static_assert(offsetof(struct plim_budget, used) == 64, "published layout");
_Static_assert(sizeof(struct plim_budget) == 264, "published layout");

/* Bytes up to the end of the cells; cannot overflow for @owner_limit <= PLIM_OWNER_LIMIT_MAX. */
static inline uint64_t account_image_bytes(uint32_t owner_limit)
{
    return sizeof(plim_budget) +
           owner_limit * (sizeof(account_owner) + PLIM_TAG_COUNT * sizeof(account_cell));
}

/* Where the note begins, and what the whole account takes of its home. */
#define ACCOUNT_NOTE_ALIGN 64u
static inline uint64_t account_note_offset(uint64_t image_bytes)
{
    return (image_bytes + ACCOUNT_NOTE_ALIGN - 1) & ~(uint64_t)(ACCOUNT_NOTE_ALIGN - 1);
}
static inline uint64_t account_footprint_bytes(uint32_t owner_limit)
{
    return account_note_offset(account_image_bytes(owner_limit)) + sizeof(account_note);
}

static inline account_owner *account_owners(const plim_budget *self)
{
    return (account_owner *)((uintptr_t)self + sizeof(*self));
}

static inline account_cell *account_cells(const plim_budget *self)
{
    return (account_cell *)(account_owners(self) + self->owner_limit);
}

static inline account_cell *account_cell_of(const plim_budget *self, plim_owner owner, plim_tag tag)
{
    return account_cells(self) + (size_t)owner * PLIM_TAG_COUNT + (size_t)tag;
}

/* Owners that were registered: they take slots in order. */
uint32_t plim_account_owner_count(const plim_budget *self);

/* True when the label may be charged. */
bool plim_budget_knows(const plim_budget *self, plim_owner owner, plim_tag tag);

/* The largest cells now, largest first; unused entries are zeroed. Allocates nothing. */
void plim_account_holders(const plim_budget *self, plim_holder out[PLIM_ERROR_HOLDERS]);

/* plim_budget_close for an account that others read afterwards: the block stays as it is. */
void plim_budget_leave(plim_budget *self);

/* A charge that takes back what was credited before (a restore): the cap is checked, the
 * seal is not, because it is not growth. */
PLIM_MUST_USE plim_status plim_budget_charge_back(plim_budget *self, plim_owner owner, plim_tag tag,
                                                  uint64_t bytes, plim_error *err);

#endif
