/* SPDX-License-Identifier: Apache-2.0 */
/* policy_check.c - which entries should not stay as they are.
 *
 * Decides what makes an entry untrustworthy although it parses: nobody has to look at it again,
 * the day to do so has passed, no source, no link where somebody will search for the symptom,
 * nothing to do, conditions that exclude each other, a name that no table holds. The day is an
 * argument, so that the same tables give the same answer in every test.
 */
#include <string.h>

#include "platform/policy/conditions.h"
#include "platform/policy/entries.h"

typedef struct checker {
    const plim_policy *policy;
    plim_slice today;
    void (*visit)(void *context, const plim_policy_finding *finding);
    void *context;
    size_t count;
    const plim_policy_entry *entry;
    const char *table;
} checker;

const char *plim_policy_problem_text(plim_policy_problem problem)
{
    static const char *const TEXTS[] = {
        "expired: look again, and move the date or remove the entry",
        "no day by which somebody must look again",
        "no source",
        "no link",
        "no remedy",
        "two built-in tables hold this id",
        "conditions that cannot hold together",
        "seen on a day that is not past, or after it expires",
        "a board, family or chip that no table holds",
    };
    return (unsigned)problem < sizeof(TEXTS) / sizeof(TEXTS[0]) ? TEXTS[problem] : "?";
}

static void report(checker *c, plim_policy_problem problem, plim_slice value)
{
    plim_policy_finding finding = {problem, c->entry->kind, plim_policy_entry_id(c->entry),
                                   value,   c->table,       plim_policy_entry_line(c->entry)};
    c->count++;
    if (c->visit) {
        c->visit(c->context, &finding);
    }
}

static bool is_before(plim_slice a, plim_slice b)
{
    return memcmp(a.at, b.at, 10) < 0;
}

static void check_dates(checker *c, const plim_rule *r)
{
    if (!r->expires.bytes) {
        report(c, PLIM_POLICY_NO_EXPIRY, r->expires);
    } else if (is_before(r->expires, c->today)) {
        report(c, PLIM_POLICY_EXPIRED, r->expires);
    }
    if (r->seen.bytes &&
        (is_before(c->today, r->seen) || (r->expires.bytes && is_before(r->expires, r->seen)))) {
        report(c, PLIM_POLICY_SEEN_LATER, r->seen);
    }
}

static void check_rule(checker *c, const plim_rule *r)
{
    plim_slice none = {NULL, 0};
    if (r->action == PLIM_ACTION_OFF) {
        return;
    }
    check_dates(c, r);
    if (!r->source.bytes) {
        report(c, PLIM_POLICY_NO_SOURCE, none);
    }
    bool is_searched = r->symptom.bytes && r->evidence != PLIM_EVIDENCE_DOUBTFUL;
    if (!r->link_count && (r->action > PLIM_ACTION_ADVISE || is_searched)) {
        report(c, PLIM_POLICY_NO_LINK, none);
    }
    if (!r->remedy.bytes) {
        report(c, PLIM_POLICY_NO_REMEDY, none);
    }
}

/* ---- conditions that exclude each other ---- */

typedef struct condition_set {
    plim_condition list[PLIM_RULE_CONDITIONS_MAX];
    uint32_t count;
} condition_set;

/* The conditions over literals of one key all hold for this value. */
static bool admits(const condition_set *set, plim_fact_id key, const plim_fact *value)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const plim_condition *c = &set->list[i];
        if (c->key == key && c->other == PLIM_FACT_COUNT && c->op <= OP_HAS &&
            plim_condition_hold_value(c, value) == PLIM_VERDICT_NO) {
            return false;
        }
    }
    return true;
}

/* Tries the values at and beside a literal: where a set of bounds admits anything, it admits one
 * of these. */
static bool admits_near(const condition_set *set, plim_fact_id key, plim_slice literal)
{
    plim_fact value = {.confidence = PLIM_CONFIDENCE_GIVEN};
    plim_unit unit = plim_fact_unit(key);
    uint64_t n;
    if (unit == PLIM_UNIT_TEXT || unit == PLIM_UNIT_VERSION) {
        size_t used = plim_slice_copy(literal, value.text, sizeof(value.text));
        if (admits(set, key, &value)) {
            return true;
        }
        if (used + sizeof(".0.0.0.1") <= sizeof(value.text)) { /* a little above */
            memcpy(value.text + used, ".0.0.0.1", sizeof(".0.0.0.1"));
        }
        return admits(set, key, &value);
    }
    if (!plim_literal_number(unit, literal, &n)) {
        return true;
    }
    for (uint64_t step = 0; step < 3; step++) {
        value.number = n + step - 1; /* beyond either end it wraps, and is a far value instead */
        if (admits(set, key, &value)) {
            return true;
        }
    }
    return false;
}

/* Whether any value of this condition's fact satisfies all conditions on it. */
static bool is_reachable(const condition_set *set, const plim_condition *c)
{
    plim_fact lowest = {.confidence = PLIM_CONFIDENCE_GIVEN, .text = "0"};
    if (plim_fact_unit(c->key) == PLIM_UNIT_RATIO || admits(set, c->key, &lowest)) {
        return true;
    }
    bool has_equal = false;
    for (uint32_t i = 0; i < set->count; i++) {
        const plim_condition *other = &set->list[i];
        plim_slice rest = other->value, one;
        if (other->key != c->key || other->other != PLIM_FACT_COUNT || other->op > OP_HAS) {
            continue;
        }
        has_equal = has_equal || other->op == OP_EQUAL;
        while (plim_slice_cut(&rest, '|', &one)) {
            if (admits_near(set, c->key, plim_slice_trim(one))) {
                return true;
            }
        }
    }
    /* Texts that only have or differ may be longer than any literal. */
    return plim_fact_unit(c->key) == PLIM_UNIT_TEXT && !has_equal;
}

static bool wants_absent(const condition_set *set, plim_fact_id key)
{
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->list[i].key == key && set->list[i].op == OP_ABSENT) {
            return true;
        }
    }
    return false;
}

static void check_reach(checker *c, const plim_slice *when, const condition_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const plim_condition *one = &set->list[i];
        bool needs_value = one->op != OP_ABSENT;
        bool is_dead = needs_value && wants_absent(set, one->key);
        if (needs_value && one->op <= OP_HAS && one->other == PLIM_FACT_COUNT) {
            is_dead = is_dead || !is_reachable(set, one);
        }
        if (is_dead) {
            report(c, PLIM_POLICY_UNREACHABLE, when[i]);
            return;
        }
    }
}

/* ---- names ---- */

/* Whether a board or chip with this name is in the tables. "pc" is what has no module. */
static bool is_named(const plim_policy *policy, plim_fact_id key, plim_slice name)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry e;
    char text[64];
    plim_slice_copy(name, text, sizeof(text));
    if (key == PLIM_FACT_BOARD_FAMILY && strcmp(text, "pc") == 0) {
        return true;
    }
    while (plim_policy_next(policy, &cursor, &e)) {
        bool is_board = e.kind == PLIM_POLICY_BOARD;
        if ((key == PLIM_FACT_BOARD_SOC && e.kind == PLIM_POLICY_SOC &&
             plim_slice_is(e.as.soc.soc, text)) ||
            (key == PLIM_FACT_BOARD_MODULE && is_board && plim_slice_is(e.as.board.module, text)) ||
            (key == PLIM_FACT_BOARD_FAMILY && is_board && plim_slice_is(e.as.board.family, text))) {
            return true;
        }
    }
    return false;
}

static void check_names(checker *c, const condition_set *set)
{
    for (uint32_t i = 0; i < set->count; i++) {
        const plim_condition *one = &set->list[i];
        plim_slice rest = one->value, name;
        bool is_name = one->key == PLIM_FACT_BOARD_SOC || one->key == PLIM_FACT_BOARD_MODULE ||
                       one->key == PLIM_FACT_BOARD_FAMILY;
        if (!is_name || one->other != PLIM_FACT_COUNT || one->op > OP_NOT_EQUAL) {
            continue;
        }
        while (plim_slice_cut(&rest, '|', &name)) {
            name = plim_slice_trim(name);
            if (!is_named(c->policy, one->key, name)) {
                report(c, PLIM_POLICY_NO_SUCH_NAME, name);
            }
        }
    }
}

static void check_conditions(checker *c, const plim_slice *when, uint32_t count)
{
    condition_set set = {.count = 0};
    for (uint32_t i = 0; i < count; i++) {
        if (plim_condition_read(when[i], &set.list[set.count]) == NULL) {
            set.count++;
        }
    }
    check_reach(c, when, &set);
    check_names(c, &set);
}

/* ---- all entries ---- */

static void check_entry(checker *c)
{
    const plim_policy_entry *e = c->entry;
    plim_slice none = {NULL, 0};
    /* Which one would win is nobody's decision. */
    if (plim_policy_builtin_holders(c->policy, (unsigned)e->kind, plim_policy_entry_id(e)) > 1) {
        report(c, PLIM_POLICY_DUPLICATE, none);
    }
    switch (e->kind) {
    case PLIM_POLICY_RULE:
        check_rule(c, &e->as.rule);
        check_conditions(c, e->as.rule.when, e->as.rule.when_count);
        return;
    case PLIM_POLICY_DTYPE:
        check_conditions(c, e->as.dtype.when, e->as.dtype.when_count);
        break;
    case PLIM_POLICY_BOARD:
        if (e->as.board.soc.bytes && !is_named(c->policy, PLIM_FACT_BOARD_SOC, e->as.board.soc)) {
            report(c, PLIM_POLICY_NO_SUCH_NAME, e->as.board.soc);
        }
        break;
    case PLIM_POLICY_SOC:
    case PLIM_POLICY_RELEASE:
        break;
    }
    plim_slice source = e->kind == PLIM_POLICY_BOARD     ? e->as.board.source
                        : e->kind == PLIM_POLICY_SOC     ? e->as.soc.source
                        : e->kind == PLIM_POLICY_RELEASE ? e->as.release.source
                                                         : e->as.dtype.source;
    if (!source.bytes) {
        report(c, PLIM_POLICY_NO_SOURCE, none);
    }
}

plim_status plim_policy_check(const plim_policy *policy, const char *today,
                              void (*visit)(void *context, const plim_policy_finding *finding),
                              void *context, size_t *out_count, plim_error *err)
{
    plim_policy_cursor cursor = {0, 0, 0};
    plim_policy_entry entry;
    checker c = {.policy = policy, .visit = visit, .context = context, .entry = &entry};
    if (out_count) {
        *out_count = 0;
    }
    c.today = (plim_slice){today, today ? strlen(today) : 0};
    if (!policy || !today || !plim_policy_is_date(c.today)) {
        return plim_error_set(err, PLIM_E_ARG, "policy check", "today", "a day such as 2026-11-21",
                              today);
    }
    while (plim_policy_next(policy, &cursor, &entry)) {
        c.table = policy->texts[cursor.text].name;
        check_entry(&c);
    }
    if (out_count) {
        *out_count = c.count;
    }
    return PLIM_OK;
}
