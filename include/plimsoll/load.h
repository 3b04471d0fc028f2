/* SPDX-License-Identifier: Apache-2.0 */
/* load.h - in which order to load, what the peak will be, and whether it fits.
 *
 * Each item keeps r resident bytes for good and needs f more while it loads. The peak of
 * an order is max_i(sum_{j<i} r_j + r_i + f_i), above what is resident before. By
 * exchange, descending f is optimal. Admission answers before the first byte is read.
 */
#ifndef PLIMSOLL_LOAD_H
#define PLIMSOLL_LOAD_H

#include <stdbool.h>

#include "plimsoll/budget.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_load_item {
    char name[PLIM_NAME_BYTES];
    uint64_t resident_bytes;                  /* r: stays after the load */
    uint64_t extra_bytes;                     /* f: on top of r, only while loading */
    uint64_t resident_by_tag[PLIM_TAG_COUNT]; /* parts of r; what is not named is weights */
} plim_load_item;

typedef enum plim_load_policy {
    PLIM_LOAD_OPTIMAL = 0,       /* largest extra first: the lowest peak there is */
    PLIM_LOAD_AS_LISTED = 1,     /* the order given */
    PLIM_LOAD_LARGEST_FIRST = 2, /* largest resident first */
} plim_load_policy;

typedef struct plim_load_step {
    uint32_t item;         /* index into the items given */
    uint64_t before_bytes; /* resident before this step; all three include base_bytes */
    uint64_t during_bytes; /* before + r + f */
    uint64_t after_bytes;  /* before + r */
} plim_load_step;

typedef struct plim_load_plan {
    uint64_t base_bytes;     /* resident before the first step (reserve, framework, episode) */
    uint64_t peak_bytes;     /* the largest during, or base when there are no steps */
    uint64_t resident_bytes; /* after the last step, base included */
    uint32_t peak_step;      /* index into steps; 0 when there are none */
    uint64_t cap_bytes;      /* 0: no cap was given */
    bool fits;               /* peak <= cap, or no cap */
    uint64_t deficit_bytes;  /* peak - cap when it does not fit */
} plim_load_plan;

/* plim_load_order - order the items and predict the peak.
 *
 * Shape:   @steps has @count entries. Equal extras keep the larger resident first, then
 *          the order given: the result is the same on every machine.
 * Owns:    borrows all.
 * Errors:  E_RANGE  a sum overflows.  E_ARG  unknown policy, or parts by tag above r.
 *          A plan that does not fit is PLIM_OK with plan->fits false: ask admit to refuse.
 */
PLIM_API PLIM_MUST_USE plim_status plim_load_order(const plim_load_item *items, size_t count,
                                                   plim_load_policy policy, uint64_t base_bytes,
                                                   uint64_t cap_bytes, plim_load_step *steps,
                                                   plim_load_plan *plan, plim_error *err);

/* plim_load_admit - turn "does not fit" into a refusal.
 * Errors:  E_BUDGET  want = peak, have = cap, limit = cap; detail names the item whose load
 *          peaks and the deficit; holders are the largest residents at that moment. */
PLIM_API PLIM_MUST_USE plim_status plim_load_admit(const plim_load_plan *plan,
                                                   const plim_load_item *items,
                                                   const plim_load_step *steps, plim_error *err);

/* The attention state that a decoder keeps between runs. */
typedef struct plim_kv_cache {
    uint64_t layers, kv_heads, head_dim, positions;
    uint32_t element_bits; /* 16 for float16; 4 or more */
} plim_kv_cache;

/* plim_kv_cache_bytes - 2 (keys and values) x layers x kv_heads x head_dim x positions x
 * element_bits / 8, rounded up once: what to charge under PLIM_TAG_KV_CACHE.
 * Errors:  E_RANGE  the product overflows.  E_ARG  a factor is 0 (field names it). */
PLIM_API PLIM_MUST_USE plim_status plim_kv_cache_bytes(const plim_kv_cache *shape,
                                                       uint64_t *out_bytes, plim_error *err);

/* plim_load_policy_parse, plim_load_policy_name - "optimal", "as-listed", "largest-first". */
PLIM_API PLIM_MUST_USE plim_status plim_load_policy_parse(const char *text, plim_load_policy *out,
                                                          plim_error *err);
PLIM_API const char *plim_load_policy_name(plim_load_policy policy);

#ifdef __cplusplus
}
#endif
#endif
