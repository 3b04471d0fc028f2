/* SPDX-License-Identifier: Apache-2.0 */
/* best_fit.h - the plainest good placement there is, as a mark to measure pools against.
 *
 * The smallest hole that fits, the lowest of equal ones; holes join at once. Sizes in units of
 * 64 bytes, no header, no bound on time: every hole is looked at. Addresses only.
 */
#ifndef BENCH_SUPPORT_BEST_FIT_H
#define BENCH_SUPPORT_BEST_FIT_H

#include <stdbool.h>
#include <stdint.h>

typedef struct best_fit best_fit;

best_fit *best_fit_open(uint64_t pool_bytes, uint32_t block_limit);
bool best_fit_alloc(best_fit *self, uint64_t bytes, uint64_t *out_offset);
void best_fit_free(best_fit *self, uint64_t offset);
void best_fit_close(best_fit *self);

#endif
