/* SPDX-License-Identifier: Apache-2.0 */
/* plan_peers.h - one planning instance, solved by us or by another program, and checked.
 *
 * Other programs are those of bench/peers.sh; each reads and writes MiniMalloc's CSV and times
 * its own solving, without reading and writing. Every plan is verified here, whoever made it.
 */
#ifndef BENCH_SUPPORT_PLAN_PEERS_H
#define BENCH_SUPPORT_PLAN_PEERS_H

#include "plimsoll/plan.h"

typedef struct plan_case {
    char name[64];
    plim_plan_buffer *buffers;
    size_t count;
    uint64_t bound_bytes;
} plan_case;

typedef struct plan_row {
    double ms;             /* of solving; of the last lower plan when the question is the lowest */
    uint64_t height_bytes; /* 0: no plan */
    uint64_t node_count;
    const char *verdict;  /* optimal, feasible, infeasible, unknown, WRONG, or why there is none */
    uint64_t early_bytes; /* ours: height after the question's early_ms; 0: not lowered by then */
} plan_row;

typedef struct plan_question {
    uint64_t capacity_bytes; /* 0: the lowest */
    uint64_t seed;
    double seconds, early_ms;
} plan_question;

/* False when the file cannot be read. */
bool plan_case_read(plan_case *self, const char *path);
void plan_case_bound(plan_case *self);
void plan_case_free(plan_case *self);

plan_row plan_ours(const plan_case *c, const plan_question *q);
plan_row plan_minimalloc(const plan_case *c, const plan_question *q);
plan_row plan_supermalloc(const plan_case *c, const plan_question *q);

#endif
