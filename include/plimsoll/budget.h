/* SPDX-License-Identifier: Apache-2.0 */
/* budget.h - the load line: one hard cap over everything, and who holds what.
 *
 * Every byte in use is charged under a tag (what it is for) and an owner (whose it is,
 * such as an engine). A charge that would cross the cap is refused before the system is
 * asked, with want, have, limit and the three largest holders. peak <= cap holds after
 * any schedule of threads.
 *
 * The account lives in one flat, pointer-free block, so that it can be published: a
 * report tool maps the same pages read-only and sees every figure (report.h).
 */
#ifndef PLIMSOLL_BUDGET_H
#define PLIMSOLL_BUDGET_H

#include <stdbool.h>

#include "plimsoll/provider.h"

#ifdef __cplusplus
extern "C" {
#endif

/* X(name, number, text) - what bytes are for. Numbers are stable: they are published. */
#define PLIM_TAG_LIST(X)                                                                           \
    X(WEIGHTS, 0, "weights")         /* trained constants, and copies a backend packs */           \
    X(ACTIVATIONS, 1, "activations") /* scratch and intermediate tensors of a run */               \
    X(KV_CACHE, 2, "kv-cache")       /* attention state that outlives a run */                     \
    X(IO, 3, "io")                   /* bound input and output tensors */                          \
    X(LOAD_WINDOW, 4, "load-window") /* what loading needs beyond the final bytes */               \
    X(EPISODE, 5, "episode")         /* recorded frames, states, actions */                        \
    X(FRAMEWORK, 6, "framework")     /* libraries and their heaps, charged by measurement */       \
    X(PLUGIN, 7, "plugin")           /* allocations of third-party layers and decoders */          \
    X(OTHER, 8, "other")             /* our own tables */

typedef enum plim_tag {
#define PLIM_TAG_ENUM(name, number, text) PLIM_TAG_##name = (number),
    PLIM_TAG_LIST(PLIM_TAG_ENUM)
#undef PLIM_TAG_ENUM
        PLIM_TAG_COUNT = 9
} plim_tag;

typedef uint32_t plim_owner; /* index of a name in the budget; 0 is "runtime" */
#define PLIM_OWNER_RUNTIME 0u

typedef struct plim_budget plim_budget;

#define PLIM_CAP_MAX_BYTES   (UINT64_C(1) << 56) /* so that no sum over an account overflows */
#define PLIM_OWNER_LIMIT_MAX 4096u

typedef struct plim_budget_opts {
    size_t struct_size;
    uint64_t cap_bytes;   /* the load line; 0: fraction x total_bytes */
    double fraction;      /* of total_bytes, in (0, 1]; read only when cap_bytes is 0 */
    uint64_t total_bytes; /* what the device has; needed with fraction */
    uint32_t owner_limit; /* names that can be registered; 0: 64 */
} plim_budget_opts;

PLIM_DEFAULTS plim_budget_opts plim_budget_opts_default(void)
{
    plim_budget_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* One (owner, tag) cell of the account. */
typedef struct plim_account_row {
    char owner[PLIM_NAME_BYTES];
    plim_tag tag;
    uint64_t now_bytes;
    uint64_t peak_bytes;    /* highest this cell ever was */
    uint64_t at_peak_bytes; /* what this cell held when the whole account was at its peak */
} plim_account_row;

typedef struct plim_account {
    uint64_t cap_bytes, used_bytes, peak_bytes;
    uint64_t charge_count, refusal_count;
    uint64_t sealed_growth_count; /* charges after seal, when the policy is to count them */
    bool sealed;
    uint64_t tag_now_bytes[PLIM_TAG_COUNT], tag_peak_bytes[PLIM_TAG_COUNT];
    size_t row_count; /* cells that ever held a byte; may exceed what the caller gave room for */
} plim_account;

typedef enum plim_seal_policy {
    PLIM_SEAL_OPEN = 0,   /* not sealed */
    PLIM_SEAL_COUNT = 1,  /* growth is allowed and counted */
    PLIM_SEAL_REFUSE = 2, /* growth is refused with E_STATE */
} plim_seal_policy;

/* plim_budget_open - draw the load line.
 *
 * The account is built in the first pages that @home provides and charges itself for
 * them (owner "runtime", tag other).
 * Owns:    gives *@out; keeps @home until close.
 * Threads: one; afterwards every call on the budget is safe from any thread.
 * Errors:  E_ARG     neither cap nor fraction with total, or fraction outside (0, 1].
 *          E_RANGE   cap above PLIM_CAP_MAX_BYTES, or owner_limit above PLIM_OWNER_LIMIT_MAX.
 *          E_BUDGET  the cap is smaller than the account itself.
 *          E_NOMEM   @home refused.
 */
PLIM_API PLIM_MUST_USE plim_status plim_budget_open(plim_provider *home,
                                                    const plim_budget_opts *opts, plim_budget **out,
                                                    plim_error *err);

/* plim_budget_close - free the account. NULL is accepted. Outstanding charges are lost with it:
 * close what was charged first (PLIM_CHECKS >= 1 asserts it). */
PLIM_API void plim_budget_close(plim_budget *self);

/* plim_budget_owner - find or register a name ("backbone").
 *
 * Errors:  E_ARG    empty, or longer than PLIM_NAME_BYTES - 1.
 *          E_RANGE  owner_limit names are taken.
 */
PLIM_API PLIM_MUST_USE plim_status plim_budget_owner(plim_budget *self, const char *name,
                                                     plim_owner *out, plim_error *err);

/* plim_budget_owner_name - lends the name; "?" when @owner was never registered. */
PLIM_API const char *plim_budget_owner_name(const plim_budget *self, plim_owner owner);

/* plim_budget_charge - take @bytes under the cap, or change nothing.
 *
 * Threads: any, lock-free. Cost: a few atomic operations; the first credit after a new peak
 *          also writes down who holds what (one pass over the registered owners).
 * Errors:  E_BUDGET  used + bytes > cap; want, have, limit and holders are filled in.
 *          E_STATE   sealed with PLIM_SEAL_REFUSE.
 *          E_ARG     unknown tag or owner.
 */
PLIM_API PLIM_MUST_USE plim_status plim_budget_charge(plim_budget *self, plim_owner owner,
                                                      plim_tag tag, uint64_t bytes,
                                                      plim_error *err);

/* plim_budget_credit - give back what was charged under the same owner and tag.
 *
 * Giving back more than that is a mistake of the caller: PLIM_CHECKS >= 1 stops there, and
 * otherwise only what was held is given back, so that the account cannot run below zero. */
PLIM_API void plim_budget_credit(plim_budget *self, plim_owner owner, plim_tag tag, uint64_t bytes);

/* plim_budget_move - change the label of charged bytes; the total never moves.
 * @to_owner and @to_tag must be known; it is not growth, so a seal does not refuse it. */
PLIM_API void plim_budget_move(plim_budget *self, plim_owner from_owner, plim_tag from_tag,
                               plim_owner to_owner, plim_tag to_tag, uint64_t bytes);

/* plim_budget_seal - from now on growth is refused or counted. PLIM_SEAL_OPEN unseals. */
PLIM_API void plim_budget_seal(plim_budget *self, plim_seal_policy policy);

/* plim_budget_read - the whole account as plain numbers.
 *
 * @rows (may be NULL) receives the first @row_limit cells that ever held a byte, owner by
 * owner. The sum of now_bytes over all rows is used_bytes when nobody charges meanwhile;
 * the sum of at_peak_bytes is peak_bytes, exactly when one thread charges at a time (with
 * several the breakdown is of a moment close to the peak and may add up to a little less).
 */
PLIM_API void plim_budget_read(const plim_budget *self, plim_account *out, plim_account_row *rows,
                               size_t row_limit);

PLIM_API uint64_t plim_budget_cap_bytes(const plim_budget *self);
PLIM_API uint64_t plim_budget_used_bytes(const plim_budget *self);
PLIM_API uint64_t plim_budget_peak_bytes(const plim_budget *self);

/* plim_budget_image - lends the published block and its size, for a report to copy or map.
 *
 * The block begins at the first byte that @home gave at open, holds no pointer and means the
 * same at any address. With a file provider as home it is the start of that file.
 *
 * plim_budget_attach checks such a block as hostile input (magic, version, bounds, names end,
 * figures under the cap) and lends it as a read-only budget: only the const calls may be
 * used on it. The checks hold for the bytes as they were: copy the block first when its
 * writer is not trusted to leave the counts alone.
 * Errors:  E_FORMAT  not an account, or of another version.  E_RANGE  cut short. */
PLIM_API const void *plim_budget_image(const plim_budget *self, size_t *out_bytes);
PLIM_API PLIM_MUST_USE plim_status plim_budget_attach(const void *image, size_t image_bytes,
                                                      const plim_budget **out, plim_error *err);

/* plim_tag_name - "weights", ...; "?" for a number that is not a tag. */
PLIM_API const char *plim_tag_name(plim_tag tag);

#ifdef __cplusplus
}
#endif
#endif
