/* SPDX-License-Identifier: Apache-2.0 */
/* rules.c - rules and data types held against the facts of a machine.
 *
 * Conditions are joined by AND in three values: one that fails decides, else one that cannot be
 * decided leaves the whole undecided. So a missing fact never makes a rule hit, and never hides
 * that a rule might have hit.
 */
#include "plimsoll/policy.h"

#include <string.h>

static plim_verdict all_of(const plim_slice *when, uint32_t count, const plim_facts *facts)
{
    plim_verdict all = PLIM_VERDICT_HIT;
    for (uint32_t i = 0; i < count && all != PLIM_VERDICT_NO; i++) {
        plim_verdict one = plim_policy_condition(when[i], facts, NULL, NULL);
        all = one < all ? one : all;
    }
    return all;
}

plim_status plim_policy_match(const plim_policy *policy, const plim_facts *facts,
                              void (*visit)(void *context, const plim_rule *rule,
                                            plim_verdict verdict),
                              void *context, plim_error *err)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    if (!policy || !facts || !visit) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "policy match");
    }
    while (plim_policy_next(policy, &cursor, &entry)) {
        if (entry.kind != PLIM_POLICY_RULE || entry.as.rule.action < PLIM_ACTION_ADVISE) {
            continue;
        }
        plim_verdict verdict = all_of(entry.as.rule.when, entry.as.rule.when_count, facts);
        if (verdict != PLIM_VERDICT_NO) {
            visit(context, &entry.as.rule, verdict);
        }
    }
    return PLIM_OK;
}

/* ---- data types ---- */

/* The best entry so far, and the best of those that hang on a fact that is absent. */
typedef struct dtype_search {
    plim_dtype_info best;
    bool is_found;
    uint64_t open_rank; /* UINT64_MAX: none */
} dtype_search;

/* The first entry in rank that hits; @type NULL: of those that are a default. */
static void search(const plim_policy *policy, const plim_facts *facts, const char *type,
                   dtype_search *out)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    memset(out, 0, sizeof(*out));
    out->open_rank = UINT64_MAX;
    while (plim_policy_next(policy, &cursor, &entry)) {
        const plim_dtype_info *d = &entry.as.dtype;
        if (entry.kind != PLIM_POLICY_DTYPE ||
            (type ? !plim_slice_is(d->type, type) : d->support != PLIM_SUPPORT_DEFAULT)) {
            continue;
        }
        plim_verdict verdict = all_of(d->when, d->when_count, facts);
        if (verdict == PLIM_VERDICT_UNDECIDED && d->rank < out->open_rank) {
            out->open_rank = d->rank;
        }
        if (verdict == PLIM_VERDICT_HIT && (!out->is_found || d->rank < out->best.rank)) {
            out->best = *d;
            out->is_found = true;
        }
    }
}

static void describe(const dtype_search *found, plim_dtype_choice *out)
{
    const plim_dtype_info *d = &found->best;
    plim_slice_copy(d->type, out->dtype, sizeof(out->dtype));
    plim_slice_copy(d->id, out->id, sizeof(out->id));
    plim_slice_copy(d->why, out->why, sizeof(out->why));
    plim_slice_copy(d->source, out->source, sizeof(out->source));
    out->support = d->support;
    out->evidence = d->evidence;
    out->verdict = found->open_rank < d->rank ? PLIM_VERDICT_UNDECIDED : PLIM_VERDICT_HIT;
}

plim_status plim_policy_dtype(const plim_policy *policy, const plim_facts *facts, const char *asked,
                              plim_dtype_choice *out, plim_error *err)
{
    dtype_search found;
    if (!policy || !facts || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "data type");
    }
    memset(out, 0, sizeof(*out));
    search(policy, facts, NULL, &found);
    if (found.is_found) {
        describe(&found, out);
        memcpy(out->otherwise, out->dtype, sizeof(out->otherwise));
    }
    if (asked && asked[0]) {
        search(policy, facts, asked, &found);
        out->is_asked = true;
        if (found.is_found) {
            describe(&found, out);
        }
    }
    if (!found.is_found) {
        out->verdict = found.open_rank < UINT64_MAX ? PLIM_VERDICT_UNDECIDED : PLIM_VERDICT_NO;
        return plim_error_set(err, PLIM_E_NOT_FOUND, "data type", "dtype",
                              asked && asked[0] ? asked : "a default", out->otherwise);
    }
    if (out->support == PLIM_SUPPORT_NONE) {
        plim_status rc =
            plim_error_set(err, PLIM_E_UNSUPPORTED, "data type", "dtype", asked, out->otherwise);
        plim_error_detail(err, "%s", out->why);
        return rc;
    }
    return PLIM_OK;
}
