/* SPDX-License-Identifier: Apache-2.0 */
/* replay_models.h - ways to allocate, as models that move no bytes. */
#ifndef TOOLS_PLIMSOLL_REPLAY_MODELS_H
#define TOOLS_PLIMSOLL_REPLAY_MODELS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define MODEL_REFUSED UINT64_MAX

typedef struct model_block {
    uint64_t at, bytes;
    uint32_t segment;
    bool is_free, is_small;
} model_block;

/* A list of blocks by address, in segments; blocks are joined inside a segment only. */
typedef struct model {
    model_block *blocks;
    size_t count, room;
    uint64_t cap_bytes; /* of all segments; 0: none */
    uint64_t reserved_bytes, reserved_peak_bytes, next_at;
    uint32_t next_segment;
    bool is_caching;
} model;

/* On-line best fit in one range that grows, blocks aligned to 64: ONNX Runtime's pattern planner
 * and ggml's allocator are of this kind. */
void model_best_fit(model *self, uint64_t cap_bytes);

/* A caching allocator that rounds, as PyTorch documents its own: 512-byte sizes; up to 1 MiB from
 * segments of 2 MiB; up to 10 MiB from segments of 20 MiB; above, segments rounded to 2 MiB; the
 * best fit; on a miss under a cap, segments that are all free are given back first. */
void model_caching(model *self, uint64_t cap_bytes);

void model_drop(model *self);
/* Address of the block, or MODEL_REFUSED. */
uint64_t model_alloc(model *self, uint64_t bytes, uint64_t align);
void model_free(model *self, uint64_t at);
/* The largest request that would be granted now without a new segment, or in what is left of the
 * range under the cap. */
uint64_t model_largest_free(const model *self);

#endif
