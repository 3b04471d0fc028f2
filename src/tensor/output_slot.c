/* SPDX-License-Identifier: Apache-2.0 */
/* output_slot.c - one output of an engine, kept between calls.
 *
 * Decides when an output needs another block: only when the shape asked for does not fit the
 * one it holds. Refuses bad shapes and what the region refuses; then the old block, its
 * tensor and the count stand as they were. The new block is taken before the old one goes,
 * so growing needs room for both at that moment.
 */
#include <string.h>

#include "src/tensor/shape.h"

plim_memory_kind plim_region_memory(const plim_region *region)
{
    return plim_provider_kind(plim_arena_provider(plim_region_arena(region)));
}

void plim_output_init(plim_output *self, plim_region *region)
{
    memset(self, 0, sizeof(*self));
    self->region = region;
}

static void give_back(plim_output *self)
{
    if (self->block && plim_region_free(self->region, self->block, NULL) == PLIM_OK) {
        self->block = NULL; /* a bump region refuses, and keeps the block until it is rewound */
    }
}

plim_status plim_output_shape(plim_output *self, plim_dtype dtype, const int64_t *shape,
                              uint32_t rank, plim_error *err)
{
    plim_tensor made;
    PLIM_TRY(
        plim_tensor_init(&made, NULL, dtype, shape, rank, plim_region_memory(self->region), err));
    uint64_t bytes = plim_tensor_bytes(&made);
    if (bytes > self->capacity_bytes) {
        void *block;
        PLIM_TRY(plim_region_alloc(self->region, (size_t)bytes, 0, &block, err));
        give_back(self);
        self->block = block;
        self->capacity_bytes = bytes;
        self->realloc_count++;
    }
    made.data = self->block;
    self->tensor = made;
    return PLIM_OK;
}

void plim_output_deinit(plim_output *self)
{
    if (self) {
        give_back(self);
        memset(self, 0, sizeof(*self));
    }
}
