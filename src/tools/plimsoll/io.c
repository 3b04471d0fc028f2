/* SPDX-License-Identifier: Apache-2.0 */
/* io.c - shapes and sizes of the tensors that the tool binds to an engine. */
#include <string.h>

#include "src/tools/plimsoll/predict.h"

uint64_t io_granules(uint64_t bytes)
{
    return (bytes + IO_GRANULE - 1) & ~(IO_GRANULE - 1);
}

const manifest_input *io_given(const manifest_engine *e, const char *tensor)
{
    for (size_t i = 0; e && i < e->input_count; i++) {
        if (strcmp(e->inputs[i].tensor, tensor) == 0) {
            return &e->inputs[i];
        }
    }
    return NULL;
}

bool io_shape(const plim_card_tensor *t, const manifest_input *given, const plim_card_tensor *like,
              int64_t shape[PLIM_TENSOR_RANK_MAX], uint32_t *rank, uint32_t *dim)
{
    const plim_card_range *range = &t->profiles[0];
    *rank = t->rank;
    for (uint32_t d = 0; d < t->rank; d++) {
        shape[d] = range->max[d] > 0 ? range->max[d] : range->opt[d];
        if (given && given->rank == t->rank) {
            shape[d] = given->shape[d];
        }
        if (shape[d] <= 0 && like && d < like->rank) {
            const plim_card_range *l = &like->profiles[0];
            shape[d] = l->max[d] > 0 ? l->max[d] : l->opt[d];
        }
        if (shape[d] <= 0 || shape[d] > INT32_MAX) {
            *dim = d;
            return false;
        }
    }
    return !given || given->rank == 0 || given->rank == t->rank;
}

uint64_t io_bytes(plim_dtype dtype, const int64_t *shape, uint32_t rank)
{
    uint64_t bits = plim_dtype_bits(dtype);
    for (uint32_t d = 0; d < rank; d++) {
        if (__builtin_mul_overflow(bits, (uint64_t)shape[d], &bits) || bits > UINT64_MAX / 16) {
            return UINT64_MAX / 32; /* more than any cap: refused by whoever charges it */
        }
    }
    return ((bits + 7) / 8 + 63) & ~UINT64_C(63);
}

bool io_total_bytes(const plim_card *card, const manifest_engine *e, uint64_t *out, char *what,
                    size_t what_room)
{
    uint64_t sum = 0;
    for (uint32_t i = 0; i < card->tensor_count; i++) {
        const plim_card_tensor *t = &card->tensors[i];
        int64_t shape[PLIM_TENSOR_RANK_MAX];
        uint32_t rank, dim = 0;
        const plim_card_tensor *like = t->is_input ? NULL : &card->tensors[0];
        if (!io_shape(t, t->is_input ? io_given(e, t->name) : NULL, like, shape, &rank, &dim)) {
            snprintf(what, what_room, "inputs.%s: dimension %u is open in the card; give 'shape'",
                     t->name, (unsigned)dim);
            return false;
        }
        sum += io_bytes(t->dtype, shape, rank);
        if (sum > UINT64_MAX / 4) {
            sum = UINT64_MAX / 4;
        }
    }
    *out = io_granules(sum);
    return true;
}
