/* SPDX-License-Identifier: Apache-2.0 */
/* profile.c - is a tensor within the engine's profiles?
 *
 * Run before every execution: compares integers, allocates nothing, and formats text only
 * once the answer is no. A tensor passes when one profile holds all its dimensions. When
 * none does, the nearest one is reported: the fewest dimensions outside, then the smallest
 * total distance, then the first. A card without profiles holds rank and dtype only.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "plimsoll/engine.h"
#include "src/engine/printable.h"

typedef struct distance {
    uint32_t outside; /* dimensions that are not in [min, max] */
    uint32_t first;   /* the first of them */
    uint64_t total;   /* how far they are out, added up, at most UINT64_MAX */
} distance;

static uint64_t gap(int64_t value, int64_t min, int64_t max)
{
    if (value < min) {
        return (uint64_t)min - (uint64_t)value;
    }
    return value > max ? (uint64_t)value - (uint64_t)max : 0;
}

static distance distance_to(const plim_card_range *range, const plim_tensor *tensor)
{
    distance d = {0};
    for (uint32_t i = 0; i < tensor->rank; i++) {
        uint64_t out = gap(tensor->shape[i], range->min[i], range->max[i]);
        if (out) {
            d.first = d.outside++ ? d.first : i;
            d.total = d.total > UINT64_MAX - out ? UINT64_MAX : d.total + out;
        }
    }
    return d;
}

static bool is_nearer(const distance *a, const distance *b)
{
    return a->outside != b->outside ? a->outside < b->outside : a->total < b->total;
}

static void say_shape(char *out, size_t out_bytes, const int64_t *shape, uint32_t rank)
{
    size_t n = (size_t)snprintf(out, out_bytes, "[");
    for (uint32_t i = 0; i < rank && n < out_bytes; i++) {
        n += (size_t)snprintf(out + n, out_bytes - n, "%s%" PRId64, i ? ", " : "", shape[i]);
    }
    if (n < out_bytes) {
        snprintf(out + n, out_bytes - n, "]");
    }
}

static plim_status refuse_dim(const plim_card_tensor *spec, const plim_tensor *tensor,
                              uint32_t profile, uint32_t dim, plim_error *err)
{
    const plim_card_range *range = &spec->profiles[profile];
    char field[64];
    char wanted[64];
    char found[32];
    char min[200];
    char max[200];
    snprintf(field, sizeof(field), "%.44s dim %" PRIu32, spec->name, dim);
    snprintf(wanted, sizeof(wanted), "[%" PRId64 ", %" PRId64 "]", range->min[dim],
             range->max[dim]);
    snprintf(found, sizeof(found), "%" PRId64, tensor->shape[dim]);
    say_shape(min, sizeof(min), range->min, spec->rank);
    say_shape(max, sizeof(max), range->max, spec->rank);
    plim_error_set(err, PLIM_E_SHAPE, "a dimension is outside every profile", field, wanted, found);
    plim_error_detail(err, "nearest is profile %" PRIu32 ": %.100s to %.100s", profile, min, max);
    return PLIM_E_SHAPE;
}

static const plim_card_tensor *find(const plim_card *card, const char *name)
{
    for (uint32_t i = 0; i < card->tensor_count && i < PLIM_CARD_TENSORS_MAX; i++) {
        if (strncmp(card->tensors[i].name, name, sizeof(card->tensors[i].name)) == 0) {
            return &card->tensors[i];
        }
    }
    return NULL;
}

static plim_status check_kind(const plim_card_tensor *spec, const plim_tensor *tensor,
                              plim_error *err)
{
    char field[64];
    char wanted[16];
    char found[16];
    if (tensor->dtype != spec->dtype) {
        snprintf(field, sizeof(field), "%.50s dtype", spec->name);
        return plim_error_set(err, PLIM_E_SHAPE, "a tensor's dtype differs from the engine's",
                              field, plim_dtype_name(spec->dtype), plim_dtype_name(tensor->dtype));
    }
    if (tensor->rank != spec->rank || tensor->rank > PLIM_TENSOR_RANK_MAX) {
        snprintf(field, sizeof(field), "%.50s rank", spec->name);
        snprintf(wanted, sizeof(wanted), "%" PRIu32, spec->rank);
        snprintf(found, sizeof(found), "%" PRIu32, tensor->rank);
        return plim_error_set(err, PLIM_E_SHAPE, "a tensor's rank differs from the engine's", field,
                              wanted, found);
    }
    return PLIM_OK;
}

plim_status plim_card_check_tensor(const plim_card *card, const char *name,
                                   const plim_tensor *tensor, plim_error *err)
{
    if (!card || !name || !tensor) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "card, name and tensor");
    }
    const plim_card_tensor *spec = find(card, name);
    if (!spec) {
        char found[96];
        plim_text_quote(found, sizeof(found), name, strlen(name));
        return plim_error_set(err, PLIM_E_NOT_FOUND, "the engine has no such tensor", "tensor",
                              NULL, found);
    }
    PLIM_TRY(check_kind(spec, tensor, err));
    distance best = {.outside = UINT32_MAX};
    uint32_t nearest = 0;
    for (uint32_t i = 0; i < card->profile_count && i < PLIM_CARD_PROFILES_MAX; i++) {
        distance d = distance_to(&spec->profiles[i], tensor);
        if (d.outside == 0) {
            return PLIM_OK;
        }
        if (is_nearer(&d, &best)) {
            best = d;
            nearest = i;
        }
    }
    return card->profile_count ? refuse_dim(spec, tensor, nearest, best.first, err) : PLIM_OK;
}
