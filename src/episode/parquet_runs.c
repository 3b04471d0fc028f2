/* SPDX-License-Identifier: Apache-2.0 */
/* parquet_runs.c - the hybrid of repeated and bit-packed runs that levels, dictionary indices
 * and booleans are stored in.
 *
 * A run starts with a varint: odd, (n >> 1) groups of 8 packed values; even, one value repeated
 * n >> 1 times. Invariant: bytes are fetched one by one and only below the end, so that a run
 * that claims more than there is ends the stream instead of passing it.
 */
#include "src/episode/parquet_runs.h"

static bool start_run(plim_parquet_runs *self)
{
    uint64_t head = 0;
    for (unsigned shift = 0;; shift += 7) {
        if (self->at == self->end || shift > 35) {
            return false;
        }
        uint8_t byte = *self->at++;
        head |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            break;
        }
    }
    self->is_packed = head & 1;
    self->left = self->is_packed ? (head >> 1) * 8 : head >> 1;
    self->bits = self->bit_count = 0;
    if (!self->is_packed) {
        self->value = 0;
        for (unsigned i = 0; i < (self->bit_width + 7) / 8; i++) {
            if (self->at == self->end) {
                return false;
            }
            self->value |= (uint32_t)*self->at++ << (8 * i);
        }
    }
    return self->left > 0;
}

bool plim_parquet_runs_next(plim_parquet_runs *self, uint32_t *out)
{
    if (!self->left && !start_run(self)) {
        return false;
    }
    self->left--;
    if (!self->is_packed) {
        *out = self->value;
        return true;
    }
    while (self->bit_count < self->bit_width) {
        if (self->at == self->end) {
            return false;
        }
        self->bits |= (uint64_t)*self->at++ << self->bit_count;
        self->bit_count += 8;
    }
    *out = (uint32_t)(self->bits & ((UINT64_C(1) << self->bit_width) - 1));
    self->bits >>= self->bit_width;
    self->bit_count -= self->bit_width;
    return true;
}
