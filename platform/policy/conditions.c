/* SPDX-License-Identifier: Apache-2.0 */
/* conditions.c - one condition of a rule: read strictly, held against facts in three values.
 *
 * Decides which operators a unit takes (text: = != has; flags: = !=; numbers and versions: all
 * six and no has), that alternatives go with = != has alone, and that two facts are compared only
 * in the same unit. A fact that is absent makes a condition undecided; only `known` and `absent`
 * ask for that itself. Values are read again at each match: nothing is stored between.
 */
#include "platform/policy/conditions.h"

#include <string.h>

#include "arena/bytes.h"
#include "platform/policy/stanza.h"

static const char *const OPERATORS[] = {"=", "!=", "<", "<=", ">", ">=", "has", "known", "absent"};

static bool is_text(plim_unit unit)
{
    return unit == PLIM_UNIT_TEXT || unit == PLIM_UNIT_VERSION;
}

static bool is_exact_op(plim_operator op)
{
    return op == OP_EQUAL || op == OP_NOT_EQUAL;
}

static bool op_fits(plim_operator op, plim_unit unit)
{
    switch (unit) {
    case PLIM_UNIT_TEXT:
        return is_exact_op(op) || op == OP_HAS;
    case PLIM_UNIT_FLAG:
    case PLIM_UNIT_MASK:
        return is_exact_op(op);
    default:
        return op != OP_HAS;
    }
}

static bool is_scalable(plim_unit unit)
{
    return unit == PLIM_UNIT_COUNT || unit == PLIM_UNIT_BYTES || unit == PLIM_UNIT_BYTES_PER_S ||
           unit == PLIM_UNIT_HERTZ;
}

/* ---- reading ---- */

static const char *read_literal(const plim_condition *c)
{
    plim_unit unit = plim_fact_unit(c->key);
    plim_slice rest = c->value, one;
    uint64_t number;
    bool may_choose = is_exact_op(c->op) || c->op == OP_HAS;
    for (size_t n = 0; plim_slice_cut(&rest, '|', &one); n++) {
        one = plim_slice_trim(one);
        if (n > 0 && !may_choose) {
            return "one value: '|' goes with =, != and has";
        }
        if (!one.bytes) {
            return "a value on each side of '|'";
        }
        if (unit == PLIM_UNIT_VERSION && !(one.at[0] >= '0' && one.at[0] <= '9')) {
            return "a version";
        }
        if (is_text(unit) ? one.bytes >= PLIM_FACT_TEXT_BYTES
                          : !plim_literal_number(unit, one, &number)) {
            return "a value in the unit of this fact";
        }
    }
    return NULL;
}

/* "0.25 * memory.total", or a key alone. True when the value is about another fact. */
static bool read_other(plim_condition *c, const char **wrong)
{
    plim_slice rest = c->value, factor;
    c->factor = CONDITION_FACTOR_ONE;
    plim_slice_cut(&rest, '*', &factor);
    if (rest.at) {
        rest = plim_slice_trim(rest);
        c->other = plim_fact_find(rest.at, rest.bytes);
        if (!is_scalable(plim_fact_unit(c->key)) || c->other == PLIM_FACT_COUNT ||
            !plim_literal_number(PLIM_UNIT_RATIO, plim_slice_trim(factor), &c->factor)) {
            *wrong = "factor * fact, both numbers";
            return !is_text(plim_fact_unit(c->key));
        }
    } else {
        c->other = plim_fact_find(c->value.at, c->value.bytes);
    }
    if (c->other == PLIM_FACT_COUNT) {
        return false;
    }
    if (plim_fact_unit(c->other) != plim_fact_unit(c->key)) {
        *wrong = "two facts in the same unit";
    }
    return true;
}

const char *plim_condition_read(plim_slice text, plim_condition *out)
{
    plim_slice rest = plim_slice_trim(text), key, op;
    const char *wrong = NULL;
    *out = (plim_condition){.key = PLIM_FACT_COUNT, .other = PLIM_FACT_COUNT};
    plim_slice_cut(&rest, ' ', &key);
    if (!rest.at) {
        return "key op value";
    }
    out->key = plim_fact_find(key.at, key.bytes);
    if (out->key == PLIM_FACT_COUNT) {
        return "the key of a fact";
    }
    rest = plim_slice_trim(rest);
    plim_slice_cut(&rest, ' ', &op);
    size_t i = 0;
    while (i <= OP_ABSENT && !plim_slice_is(op, OPERATORS[i])) {
        i++;
    }
    if (i > OP_ABSENT) {
        return "one of = != < <= > >= has known absent";
    }
    out->op = (plim_operator)i;
    out->value = plim_slice_trim(rest);
    if (out->op == OP_KNOWN || out->op == OP_ABSENT) {
        return out->value.bytes ? "nothing behind known or absent" : NULL;
    }
    if (!out->value.bytes) {
        return "key op value";
    }
    if (!op_fits(out->op, plim_fact_unit(out->key))) {
        return "an operator that this unit takes";
    }
    return read_other(out, &wrong) ? wrong : read_literal(out);
}

/* ---- holding ---- */

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool has_ignoring_case(const char *text, plim_slice part)
{
    for (; *text; text++) {
        size_t i = 0;
        while (i < part.bytes && text[i] && lower(text[i]) == lower(part.at[i])) {
            i++;
        }
        if (i == part.bytes) {
            return true;
        }
    }
    return false;
}

static int compare_numbers(uint64_t a, uint64_t b)
{
    return a < b ? -1 : a > b;
}

static bool holds(plim_operator op, int order)
{
    switch (op) {
    case OP_EQUAL:
        return order == 0;
    case OP_NOT_EQUAL:
        return order != 0;
    case OP_LESS:
        return order < 0;
    case OP_AT_MOST:
        return order <= 0;
    case OP_MORE:
        return order > 0;
    case OP_AT_LEAST:
        return order >= 0;
    default:
        return false;
    }
}

/* A fact as a number; false when its text is none. */
static bool number_of(plim_fact_id id, const plim_fact *fact, uint64_t *out)
{
    *out = fact->number;
    return plim_fact_unit(id) != PLIM_UNIT_RATIO ||
           plim_literal_number(PLIM_UNIT_RATIO, (plim_slice){fact->text, strlen(fact->text)}, out);
}

/* number * factor / 10^6, at most UINT64_MAX; rounded down by less than one. */
static uint64_t times(uint64_t number, uint64_t factor)
{
    uint64_t whole, part, sum;
    bool fits = bytes_mul(number / CONDITION_FACTOR_ONE, factor, &whole) &&
                bytes_mul(number % CONDITION_FACTOR_ONE, factor, &part) &&
                bytes_add(whole, part / CONDITION_FACTOR_ONE, &sum);
    return fits ? sum : UINT64_MAX;
}

static plim_verdict hold_other(const plim_condition *c, const plim_fact *fact,
                               const plim_facts *facts)
{
    const plim_fact *other = plim_facts_get(facts, c->other);
    uint64_t a, b;
    if (!other) {
        return PLIM_VERDICT_UNDECIDED;
    }
    switch (plim_fact_unit(c->key)) {
    case PLIM_UNIT_TEXT:
        if (c->op == OP_HAS) {
            plim_slice part = {other->text, strlen(other->text)};
            return has_ignoring_case(fact->text, part) ? PLIM_VERDICT_HIT : PLIM_VERDICT_NO;
        }
        return holds(c->op, strcmp(fact->text, other->text)) ? PLIM_VERDICT_HIT : PLIM_VERDICT_NO;
    case PLIM_UNIT_VERSION:
        return holds(c->op, plim_version_compare(fact->text, other->text)) ? PLIM_VERDICT_HIT
                                                                           : PLIM_VERDICT_NO;
    default:
        break;
    }
    if (!number_of(c->key, fact, &a) || !number_of(c->other, other, &b)) {
        return PLIM_VERDICT_UNDECIDED;
    }
    return holds(c->op, compare_numbers(a, times(b, c->factor))) ? PLIM_VERDICT_HIT
                                                                 : PLIM_VERDICT_NO;
}

/* The fact beside one literal; false when they cannot be compared. */
static bool order_literal(const plim_condition *c, const plim_fact *fact, plim_slice literal,
                          int *out)
{
    plim_unit unit = plim_fact_unit(c->key);
    char text[PLIM_FACT_TEXT_BYTES];
    uint64_t a, b;
    if (is_text(unit)) {
        plim_slice_copy(literal, text, sizeof(text));
        *out = unit == PLIM_UNIT_VERSION ? plim_version_compare(fact->text, text)
                                         : strcmp(fact->text, text);
        return true;
    }
    if (!number_of(c->key, fact, &a) || !plim_literal_number(unit, literal, &b)) {
        return false;
    }
    *out = compare_numbers(a, b);
    return true;
}

plim_verdict plim_condition_hold_value(const plim_condition *c, const plim_fact *fact)
{
    plim_slice rest = c->value, one;
    bool is_any = false;
    int order = 0;
    /* "!=" over alternatives: none of them. */
    plim_operator op = c->op == OP_NOT_EQUAL ? OP_EQUAL : c->op;
    while (!is_any && plim_slice_cut(&rest, '|', &one)) {
        one = plim_slice_trim(one);
        if (op == OP_HAS) {
            is_any = has_ignoring_case(fact->text, one);
        } else if (!order_literal(c, fact, one, &order)) {
            return PLIM_VERDICT_UNDECIDED;
        } else {
            is_any = holds(op, order);
        }
    }
    return is_any != (c->op == OP_NOT_EQUAL) ? PLIM_VERDICT_HIT : PLIM_VERDICT_NO;
}

plim_verdict plim_condition_hold(const plim_condition *c, const plim_facts *facts)
{
    const plim_fact *fact = plim_facts_get(facts, c->key);
    if (c->op == OP_KNOWN || c->op == OP_ABSENT) {
        return !fact == (c->op == OP_ABSENT) ? PLIM_VERDICT_HIT : PLIM_VERDICT_NO;
    }
    if (!fact) {
        return PLIM_VERDICT_UNDECIDED;
    }
    return c->other != PLIM_FACT_COUNT ? hold_other(c, fact, facts)
                                       : plim_condition_hold_value(c, fact);
}

plim_verdict plim_policy_condition(plim_slice condition, const plim_facts *facts,
                                   plim_fact_id *out_key, plim_fact_id *out_other)
{
    plim_condition c;
    bool is_read = plim_condition_read(condition, &c) == NULL;
    if (out_key) {
        *out_key = is_read ? c.key : PLIM_FACT_COUNT;
    }
    if (out_other) {
        *out_other = is_read ? c.other : PLIM_FACT_COUNT;
    }
    return is_read ? plim_condition_hold(&c, facts) : PLIM_VERDICT_NO;
}
