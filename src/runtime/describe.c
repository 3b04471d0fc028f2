/* SPDX-License-Identifier: Apache-2.0 */
/* describe.c - the card against the session that was really opened.
 *
 * Decides whether they speak of the same tensors: names, element types, ranks, and every
 * dimension that the session fixes. Refuses a disagreement as a mismatch that names the tensor,
 * because buffers and profile checks follow the card. A card without tensors, as of a bare file,
 * is filled in from the session instead.
 * Memory: the session's answer lies in a region of its own that goes when the call ends.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "src/runtime/state.h"

static plim_status disagree(const plim_engine *e, const char *field, const char *wanted,
                            const char *found, plim_error *err)
{
    (void)plim_error_set(err, PLIM_E_MISMATCH, "the card and the engine disagree", field, wanted,
                         found);
    plim_error_detail(err, "%s", e->path);
    return PLIM_E_MISMATCH;
}

static const plim_card_tensor *find(const plim_card_tensor *list, size_t count,
                                    const plim_card_tensor *like)
{
    for (size_t i = 0; i < count; i++) {
        if (list[i].is_input == like->is_input && strcmp(list[i].name, like->name) == 0) {
            return &list[i];
        }
    }
    return NULL;
}

/* Dimensions that the session leaves open may be anything on the card. */
static plim_status compare_dims(const plim_engine *e, const plim_card_tensor *card,
                                const plim_card_tensor *told, plim_error *err)
{
    for (uint32_t p = 0; p < e->card->profile_count; p++) {
        const plim_card_range *range = &card->profiles[p];
        for (uint32_t d = 0; d < card->rank; d++) {
            int64_t dim = told->profiles[0].opt[d];
            if (dim < 0 || (range->min[d] == dim && range->max[d] == dim)) {
                continue;
            }
            char field[96], wanted[48], found[24];
            snprintf(field, sizeof(field), "%s dim %" PRIu32, card->name, d);
            snprintf(wanted, sizeof(wanted), "%" PRId64 "..%" PRId64, range->min[d], range->max[d]);
            snprintf(found, sizeof(found), "%" PRId64, dim);
            return disagree(e, field, wanted, found, err);
        }
    }
    return PLIM_OK;
}

static plim_status compare(const plim_engine *e, const plim_card_tensor *told, size_t count,
                           plim_error *err)
{
    const plim_card *card = e->card;
    for (size_t i = 0; i < count; i++) {
        if (!find(card->tensors, card->tensor_count, &told[i])) {
            return disagree(e, told[i].name, "no such tensor",
                            told[i].is_input ? "an input" : "an output", err);
        }
    }
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i], *there = find(told, count, t);
        char wanted[16], found[16];
        if (!there) {
            return disagree(e, t->name, t->is_input ? "an input" : "an output", "no such tensor",
                            err);
        }
        if (there->dtype != t->dtype) {
            return disagree(e, t->name, plim_dtype_name(t->dtype), plim_dtype_name(there->dtype),
                            err);
        }
        if (there->rank != t->rank) {
            snprintf(wanted, sizeof(wanted), "rank %" PRIu32, t->rank);
            snprintf(found, sizeof(found), "rank %" PRIu32, there->rank);
            return disagree(e, t->name, wanted, found, err);
        }
        PLIM_TRY(compare_dims(e, t, there, err));
    }
    return PLIM_OK;
}

/* The card, once more, with what the session says as its one profile. */
static plim_status fill(plim_engine *e, const plim_card_tensor *told, size_t count, plim_error *err)
{
    void *block = NULL;
    PLIM_TRY(plim_region_alloc(e->home, sizeof(plim_card), 0, &block, err));
    plim_card *card = block;
    *card = *e->card;
    memcpy(card->tensors, told, count * sizeof(*told));
    card->tensor_count = (uint32_t)count;
    card->profile_count = 1;
    for (size_t i = 0; i < count; i++) {
        plim_card_range *r = &card->tensors[i].profiles[0];
        for (uint32_t d = 0; d < PLIM_TENSOR_RANK_MAX; d++) {
            int64_t dim = r->opt[d];
            r->min[d] = dim < 0 ? 0 : dim;
            r->max[d] = dim < 0 ? INT64_MAX : dim;
            r->opt[d] = r->min[d];
        }
    }
    e->card = card;
    return PLIM_OK;
}

plim_status plim_engine_describe(plim_engine *e, plim_error *err)
{
    const uint64_t bytes = PLIM_CARD_TENSORS_MAX * sizeof(plim_card_tensor);
    plim_region_opts o = plim_region_opts_default();
    plim_region *work = NULL;
    void *told = NULL;
    size_t count = 0;
    o.name = "described";
    o.owner = e->owner;
    o.tag = PLIM_TAG_OTHER;
    o.size_bytes = bytes + 64;
    PLIM_TRY(plim_runtime_region(e->runtime, PLIM_REGION_BUMP, &o, &work, err));
    plim_status status = plim_region_alloc(work, bytes, 0, &told, err);
    if (status == PLIM_OK) {
        status = e->ops->describe(e->impl, told, PLIM_CARD_TENSORS_MAX, &count, err);
    }
    if (status == PLIM_OK) {
        status = e->card->tensor_count ? compare(e, told, count, err) : fill(e, told, count, err);
    }
    plim_runtime_drop(e->runtime, &work);
    return status;
}
