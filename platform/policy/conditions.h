/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.h - "key op value": read, and held against facts. */
#ifndef PLATFORM_POLICY_CONDITIONS_H
#define PLATFORM_POLICY_CONDITIONS_H

#include "plimsoll/policy.h"

typedef enum plim_operator {
    OP_EQUAL = 0,
    OP_NOT_EQUAL = 1,
    OP_LESS = 2,
    OP_AT_MOST = 3,
    OP_MORE = 4,
    OP_AT_LEAST = 5,
    OP_HAS = 6,
    OP_KNOWN = 7,
    OP_ABSENT = 8,
} plim_operator;

#define CONDITION_FACTOR_ONE 1000000u /* factors and ratios are in millionths */

typedef struct plim_condition {
    plim_fact_id key, other; /* other: PLIM_FACT_COUNT when the value is literal */
    plim_operator op;
    plim_slice value; /* literal: alternatives with '|' between */
    uint64_t factor;  /* of other, in millionths */
} plim_condition;

/* NULL, or what was wanted instead, as static text. */
const char *plim_condition_read(plim_slice text, plim_condition *out);
plim_verdict plim_condition_hold(const plim_condition *condition, const plim_facts *facts);
/* A condition with a literal against one value, which is not absent. */
plim_verdict plim_condition_hold_value(const plim_condition *condition, const plim_fact *value);

/* plim_literal_number - a number with the unit of its fact: "3 GiB", "8.7", "1.3 GHz", "yes",
 * "0.8" (millionths), "0xf0", "12". False when it is none of this unit, or has none. */
bool plim_literal_number(plim_unit unit, plim_slice text, uint64_t *out);

#endif
