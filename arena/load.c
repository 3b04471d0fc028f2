/* SPDX-License-Identifier: Apache-2.0 */
/* load.c - the order in which engines are loaded, and the peak that the order has; and what a
 * decoder's kv-cache will add to it.
 *
 * Decides an order from three policies and walks it once, adding exactly. Refuses a sum
 * that does not fit 64 bits, and parts by tag that are more than the whole.
 *
 * Invariant: the order is a total one (the index breaks every tie), so the result does not
 * depend on the machine or on the sort. Heapsort, in the caller's steps: no memory.
 *
 * Why largest extra first is optimal: take two neighbours a, b in an order, p resident
 * before them. a then b peaks at max(p + ra + fa, p + ra + rb + fb). If fa >= fb then b
 * then a peaks at p + rb + ra + fa, which is at least both of those terms. So exchanging
 * neighbours into falling f never raises the peak, and r does not matter.
 */
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/load.h"

/* True when item @a goes before item @b. */
static bool goes_before(const plim_load_item *items, plim_load_policy policy, uint32_t a,
                        uint32_t b)
{
    const plim_load_item *x = &items[a], *y = &items[b];
    if (policy == PLIM_LOAD_OPTIMAL && x->extra_bytes != y->extra_bytes) {
        return x->extra_bytes > y->extra_bytes;
    }
    if (policy != PLIM_LOAD_AS_LISTED && x->resident_bytes != y->resident_bytes) {
        return x->resident_bytes > y->resident_bytes;
    }
    if (policy == PLIM_LOAD_LARGEST_FIRST && x->extra_bytes != y->extra_bytes) {
        return x->extra_bytes > y->extra_bytes;
    }
    return a < b;
}

/* Restores the heap below @at: each parent goes after both of its children. */
static void sift(const plim_load_item *items, plim_load_policy policy, plim_load_step *steps,
                 size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        if (child + 1 < count &&
            goes_before(items, policy, steps[child].item, steps[child + 1].item)) {
            child++;
        }
        if (!goes_before(items, policy, steps[at].item, steps[child].item)) {
            return;
        }
        uint32_t item = steps[at].item;
        steps[at].item = steps[child].item;
        steps[child].item = item;
    }
}

static void sort_steps(const plim_load_item *items, plim_load_policy policy, plim_load_step *steps,
                       size_t count)
{
    for (size_t i = 0; i < count; i++) {
        steps[i] = (plim_load_step){.item = (uint32_t)i};
    }
    if (policy == PLIM_LOAD_AS_LISTED) {
        return;
    }
    for (size_t i = count / 2; i-- > 0;) {
        sift(items, policy, steps, i, count);
    }
    for (size_t end = count; end-- > 1;) {
        uint32_t last = steps[0].item;
        steps[0].item = steps[end].item;
        steps[end].item = last;
        sift(items, policy, steps, 0, end);
    }
}

static plim_status refuse_sum(const plim_load_item *item, const char *what, plim_error *err)
{
    char name[PLIM_NAME_BYTES] = "";
    memcpy(name, item->name, sizeof(name) - 1); /* a hostile name may lack its NUL */
    return plim_error_set(err, PLIM_E_RANGE, what, name, "a sum below 2^64 bytes", NULL);
}

static plim_status check_item(const plim_load_item *item, plim_error *err)
{
    uint64_t parts = 0, whole;
    for (size_t tag = 0; tag < PLIM_TAG_COUNT; tag++) {
        if (!bytes_add(parts, item->resident_by_tag[tag], &parts)) {
            return refuse_sum(item, "resident bytes by tag", err);
        }
    }
    if (parts > item->resident_bytes) {
        plim_status s =
            PLIM_FAIL(err, PLIM_E_ARG, .what = "parts by tag exceed the resident bytes",
                      .want = parts, .have = item->resident_bytes, .limit = item->resident_bytes);
        plim_error_detail(err, "%.*s", PLIM_NAME_BYTES - 1, item->name);
        return s;
    }
    if (!bytes_add(item->resident_bytes, item->extra_bytes, &whole)) {
        return refuse_sum(item, "resident and extra bytes", err);
    }
    return PLIM_OK;
}

/* Fills in the bytes of @steps, whose order stands. */
static plim_status walk(const plim_load_item *items, size_t count, plim_load_step *steps,
                        plim_load_plan *plan, plim_error *err)
{
    uint64_t resident = plan->base_bytes;
    plan->peak_bytes = resident;
    for (size_t i = 0; i < count; i++) {
        const plim_load_item *item = &items[steps[i].item];
        steps[i].before_bytes = resident;
        if (!bytes_add(resident, item->resident_bytes, &resident) ||
            !bytes_add(resident, item->extra_bytes, &steps[i].during_bytes)) {
            return refuse_sum(item, "load peak", err);
        }
        steps[i].after_bytes = resident;
        if (steps[i].during_bytes > plan->peak_bytes) {
            plan->peak_bytes = steps[i].during_bytes;
            plan->peak_step = (uint32_t)i;
        }
    }
    plan->resident_bytes = resident;
    return PLIM_OK;
}

plim_status plim_load_order(const plim_load_item *items, size_t count, plim_load_policy policy,
                            uint64_t base_bytes, uint64_t cap_bytes, plim_load_step *steps,
                            plim_load_plan *plan, plim_error *err)
{
    if (!plan || (count && (!items || !steps))) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "items, steps and plan are needed");
    }
    memset(plan, 0, sizeof(*plan));
    if (plim_load_policy_name(policy)[0] == '?') {
        return plim_error_set(err, PLIM_E_ARG, "unknown load policy", "policy",
                              "optimal, as-listed or largest-first", NULL);
    }
    if (count > UINT32_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "more load items than a step can number");
    }
    for (size_t i = 0; i < count; i++) {
        PLIM_TRY(check_item(&items[i], err));
    }
    plim_load_plan made = {.base_bytes = base_bytes, .cap_bytes = cap_bytes};
    sort_steps(items, policy, steps, count);
    PLIM_TRY(walk(items, count, steps, &made, err));
    made.fits = cap_bytes == 0 || made.peak_bytes <= cap_bytes;
    made.deficit_bytes = made.fits ? 0 : made.peak_bytes - cap_bytes;
    *plan = made;
    return PLIM_OK;
}

/* The tag that most of the item's bytes stand under. */
static uint32_t main_tag(const plim_load_item *item)
{
    uint32_t best = PLIM_TAG_WEIGHTS;
    for (uint32_t tag = 0; tag < PLIM_TAG_COUNT; tag++) {
        if (item->resident_by_tag[tag] > item->resident_by_tag[best]) {
            best = tag;
        }
    }
    return best;
}

/* Keeps the largest residents at the peak in @err, largest first. */
static void note_holder(plim_error *err, const plim_load_item *item)
{
    size_t at = PLIM_ERROR_HOLDERS;
    while (at > 0 && err->holders[at - 1].bytes < item->resident_bytes) {
        at--;
    }
    if (at == PLIM_ERROR_HOLDERS) {
        return;
    }
    memmove(&err->holders[at + 1], &err->holders[at],
            (PLIM_ERROR_HOLDERS - 1 - at) * sizeof(err->holders[0]));
    plim_holder *h = &err->holders[at];
    *h = (plim_holder){.tag = main_tag(item), .bytes = item->resident_bytes};
    memcpy(h->owner, item->name, sizeof(h->owner) - 1);
}

plim_status plim_load_admit(const plim_load_plan *plan, const plim_load_item *items,
                            const plim_load_step *steps, plim_error *err)
{
    if (!plan) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "a load plan is needed");
    }
    if (plan->cap_bytes == 0 || plan->peak_bytes <= plan->cap_bytes) {
        return PLIM_OK;
    }
    plim_status s = PLIM_FAIL(err, PLIM_E_BUDGET, .what = "load peak", .want = plan->peak_bytes,
                              .have = plan->cap_bytes, .limit = plan->cap_bytes);
    if (!err || !items || !steps || plan->peak_bytes == plan->base_bytes) {
        return s; /* nothing was to be loaded: the base alone is over the line */
    }
    for (uint32_t i = 0; i <= plan->peak_step; i++) {
        note_holder(err, &items[steps[i].item]);
    }
    const plim_load_item *peak = &items[steps[plan->peak_step].item];
    plim_error_detail(err, "%.*s: over by %llu bytes while it loads", PLIM_NAME_BYTES - 1,
                      peak->name, (unsigned long long)(plan->peak_bytes - plan->cap_bytes));
    return s;
}

plim_status plim_kv_cache_bytes(const plim_kv_cache *shape, uint64_t *out_bytes, plim_error *err)
{
    const uint64_t factors[] = {shape->layers, shape->kv_heads, shape->head_dim, shape->positions,
                                shape->element_bits};
    static const char *const fields[] = {"layers", "kv_heads", "head_dim", "positions",
                                         "element_bits"};
    uint64_t bits = 2; /* keys and values */
    *out_bytes = 0;
    for (size_t i = 0; i < sizeof(factors) / sizeof(factors[0]); i++) {
        if (factors[i] == 0) {
            return plim_error_set(err, PLIM_E_ARG, "kv-cache", fields[i], "above 0", "0");
        }
        if (!bytes_mul(bits, factors[i], &bits)) {
            return plim_error_set(err, PLIM_E_RANGE, "kv-cache", fields[i],
                                  "a product below 2^64 bits", NULL);
        }
    }
    *out_bytes = bits / 8 + (bits % 8 != 0);
    return PLIM_OK;
}

static const char *const policy_names[] = {
    [PLIM_LOAD_OPTIMAL] = "optimal",
    [PLIM_LOAD_AS_LISTED] = "as-listed",
    [PLIM_LOAD_LARGEST_FIRST] = "largest-first",
};
#define POLICY_COUNT (sizeof(policy_names) / sizeof(policy_names[0]))

plim_status plim_load_policy_parse(const char *text, plim_load_policy *out, plim_error *err)
{
    for (size_t i = 0; text && i < POLICY_COUNT; i++) {
        if (strcmp(text, policy_names[i]) == 0) {
            *out = (plim_load_policy)i;
            return PLIM_OK;
        }
    }
    *out = PLIM_LOAD_OPTIMAL;
    return plim_error_set(err, PLIM_E_ARG, "unknown load policy", "order",
                          "optimal, as-listed or largest-first", text);
}

const char *plim_load_policy_name(plim_load_policy policy)
{
    return (size_t)policy < POLICY_COUNT ? policy_names[policy] : "?";
}
