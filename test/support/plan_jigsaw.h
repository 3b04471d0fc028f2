/* SPDX-License-Identifier: Apache-2.0 */
/* plan_jigsaw.h - planning instances whose optimum is known, and others that look like networks.
 *
 * A jigsaw is a rectangle of steps x height cut into pieces without a gap: guillotine cuts and
 * pinwheels (five pieces around a middle one, which no guillotine makes), the next rectangle to
 * be cut drawn by area. With all pieces the optimum is the height and there is no slack at all.
 * With some percent taken out at random the height is still reachable (the witness stays), but
 * nothing tells a planner where the waste belongs: these are the hard ones.
 *
 * The same spec gives the same buffers on every machine; they come shuffled, ids from 0 in that
 * order. Owns: writes @out only.
 */
#ifndef TEST_SUPPORT_PLAN_JIGSAW_H
#define TEST_SUPPORT_PLAN_JIGSAW_H

#include "plimsoll/plan.h"

typedef struct plan_jigsaw {
    uint32_t steps, pieces;            /* pieces <= steps x height / 4, before any is taken out */
    uint64_t height_bytes, unit_bytes; /* every size is a multiple of the unit */
    uint32_t removed_percent;
    uint32_t pinwheel_percent; /* of the cuts, where one fits */
    uint64_t seed;
} plan_jigsaw;

/* Cuts @spec->pieces pieces (up to 3 fewer when pinwheels do not add up), takes some out, and
 * returns how many are left. offset_bytes is the witness: a plan at the height. */
size_t plan_jigsaw_cut(const plan_jigsaw *spec, plim_plan_buffer *out);

/* Families that look like what networks and their runtimes ask for. */
typedef enum plan_family {
    PLAN_CHAIN,    /* layers with skip connections and scratch: an inference graph */
    PLAN_NESTED,   /* last in, first out: call frames */
    PLAN_TRAINING, /* forward and backward: activations nested, many short temporaries */
    PLAN_CACHE,    /* a language model's cache grows by reallocation, old and new live together */
    PLAN_FAMILIES
} plan_family;

const char *plan_family_name(plan_family family);
/* @count buffers of a family; the optimum is not known. */
void plan_family_make(plan_family family, size_t count, uint64_t seed, plim_plan_buffer *out);

/* Puts the buffers into another order; ids stay with their buffers. */
void plan_shuffle(plim_plan_buffer *buffers, size_t count, uint64_t seed);

#endif
