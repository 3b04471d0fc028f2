/* SPDX-License-Identifier: Apache-2.0 */
/* card_rules.c - may this engine run on this machine, by its card and by what is known?
 *
 * Decides the order: the card is held against the host first, because that is a comparison of two
 * numbers; then the rules of the policy are matched on both. Refuses with the first rule that
 * refuses, in the order of the tables. A rule that cannot be decided because a fact is missing
 * refuses nothing. What a person accepted by id is logged and passes. Last comes the data type: a
 * deployment's own word for it is granted or refused, and one that is not the machine's default is
 * logged with who asked.
 */
#include <stdio.h>
#include <string.h>

#include "src/runtime/state.h"

#define POWER_MODE_RULE  "engine-at-other-power-mode"
#define NO_HARDWARE_RULE "precision-without-hardware"
#define TEXT_BYTES       384u

typedef struct judgement {
    plim_engine *engine;
    const plim_engine_spec *spec;
    plim_status status;
    plim_error *err;
    bool mode_said; /* the rule about power modes was accepted and logged already */
} judgement;

static bool is_accepted(const plim_engine_spec *spec, plim_slice id)
{
    for (size_t i = 0; spec->accept && i < spec->accept_count; i++) {
        if (spec->accept[i] && plim_slice_is(id, spec->accept[i])) {
            return true;
        }
    }
    return false;
}

static plim_slice slice_of(const char *text)
{
    return (plim_slice){text, strlen(text)};
}

/* FNV-1a; two rules that collide cost one line of the log. */
static uint32_t hash_of(plim_slice id)
{
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < id.bytes; i++) {
        h = (h ^ (uint8_t)id.at[i]) * 16777619u;
    }
    return h;
}

/* True the first time. */
static bool say_once(plim_runtime *runtime, plim_slice id)
{
    uint32_t h = hash_of(id);
    bool is_new = true;
    pthread_mutex_lock(&runtime->lock);
    for (uint32_t i = 0; i < runtime->said_count; i++) {
        is_new = is_new && runtime->said[i] != h;
    }
    if (is_new && runtime->said_count < PLIM_RULES_SAID_MAX) {
        runtime->said[runtime->said_count++] = h;
    }
    pthread_mutex_unlock(&runtime->lock);
    return is_new;
}

static void log_rule(const judgement *j, const char *event, plim_log_level level,
                     const plim_rule *rule)
{
    char id[96], why[TEXT_BYTES], remedy[TEXT_BYTES];
    plim_slice_copy(rule->id, id, sizeof(id));
    plim_slice_copy(rule->why, why, sizeof(why));
    plim_slice_copy(rule->remedy, remedy, sizeof(remedy));
    PLIM_LOG(j->engine->runtime, level, event,
             "\"engine\":\"%s\",\"rule\":\"%s\",\"action\":\"%s\",\"evidence\":\"%s\",\"why\":"
             "\"%s\",\"remedy\":\"%s\"",
             j->spec->name, id, plim_action_text(rule->action), plim_evidence_text(rule->evidence),
             why, remedy);
}

static void refuse(judgement *j, const plim_rule *rule)
{
    char field[64], id[48], symptom[96], text[256];
    plim_slice_copy(rule->id, id, sizeof(id));
    plim_slice_copy(rule->symptom, symptom, sizeof(symptom));
    snprintf(field, sizeof(field), "rule %s", id);
    j->status = plim_error_set(j->err, PLIM_E_MISMATCH, "a known defect: this engine, this host",
                               field, NULL, symptom);
    plim_slice_copy(rule->why, text, sizeof(text));
    plim_error_detail(j->err, "%s", text);
    plim_slice_copy(rule->remedy, text, sizeof(text));
    plim_error_remedy(j->err, "%s", text);
}

/* Advice about the machine alone is the doctor's; here it is about this engine. */
static bool is_about_card(const plim_rule *rule)
{
    for (uint32_t i = 0; i < rule->when_count; i++) {
        if (rule->when[i].bytes > 5 && memcmp(rule->when[i].at, "card.", 5) == 0) {
            return true;
        }
    }
    return false;
}

static void judge(void *context, const plim_rule *rule, plim_verdict verdict)
{
    judgement *j = context;
    if (verdict != PLIM_VERDICT_HIT || j->status != PLIM_OK) {
        return;
    }
    if (j->mode_said && plim_slice_is(rule->id, POWER_MODE_RULE)) {
        return;
    }
    if (is_accepted(j->spec, rule->id)) {
        log_rule(j, "rule_accepted", PLIM_LOG_WARN, rule);
    } else if (rule->action == PLIM_ACTION_REFUSE) {
        refuse(j, rule);
    } else if (rule->action == PLIM_ACTION_WARN) {
        if (say_once(j->engine->runtime, rule->id)) {
            log_rule(j, "rule", PLIM_LOG_WARN, rule);
        }
    } else if (is_about_card(rule) && say_once(j->engine->runtime, rule->id)) {
        log_rule(j, "rule", PLIM_LOG_INFO, rule);
    }
}

/* The table's own words where it has the rule, else those of the refusal that is passed. */
static void log_mode_accepted(judgement *j, const plim_policy *rules, const plim_error *refusal)
{
    plim_policy_entry entry;
    plim_rule rule = {.id = slice_of(POWER_MODE_RULE),
                      .action = PLIM_ACTION_REFUSE,
                      .evidence = PLIM_EVIDENCE_VERIFIED,
                      .why = slice_of(refusal->what),
                      .remedy = slice_of(refusal->remedy)};
    if (plim_policy_find(rules, PLIM_POLICY_RULE, POWER_MODE_RULE, &entry)) {
        rule = entry.as.rule;
    }
    log_rule(j, "rule_accepted", PLIM_LOG_WARN, &rule);
    j->mode_said = true;
}

/* An engine of this module in a mode that took multiprocessors away, when a person accepts that. */
static plim_status hold_card(judgement *j, const plim_policy *rules, plim_error *err)
{
    const plim_engine *e = j->engine;
    const plim_engine_spec *spec = j->spec;
    const plim_host *host = &e->runtime->host;
    plim_error own = {.status = PLIM_OK};
    plim_status status = plim_card_match(e->card, host, e->path, &own);
    if (status != PLIM_OK && host->multiprocessors_now && host->multiprocessors &&
        strcmp(own.field, "multiprocessors") == 0 && is_accepted(spec, slice_of(POWER_MODE_RULE))) {
        plim_host module = *host;
        plim_error refusal = own;
        module.multiprocessors_now = 0;
        status = plim_card_match(e->card, &module, e->path, &own);
        if (status == PLIM_OK) {
            log_mode_accepted(j, rules, &refusal);
        }
    }
    if (status != PLIM_OK && err) {
        *err = own;
    }
    return status;
}

/* What a deployment asks for is granted or refused; what a card asks for is the rules' business. */
static plim_status hold_precision(const judgement *j, const plim_policy *rules,
                                  const plim_facts *facts, plim_error *err)
{
    const plim_engine_spec *spec = j->spec;
    plim_dtype_choice choice;
    plim_error own = {.status = PLIM_OK};
    const char *asked =
        spec->precision && spec->precision[0] ? spec->precision : j->engine->card->precision_asked;
    plim_status status =
        plim_card_dtype(j->engine->card, spec->precision, rules, facts, &choice, &own);
    bool is_refused = status == PLIM_E_MISMATCH || status == PLIM_E_UNSUPPORTED;
    if (spec->precision && spec->precision[0] && is_refused &&
        !(status == PLIM_E_UNSUPPORTED && is_accepted(spec, slice_of(NO_HARDWARE_RULE)))) {
        plim_error_detail(&own, status == PLIM_E_UNSUPPORTED ? "%s" : "%.0s", choice.why);
        if (err) {
            *err = own;
        }
        return status;
    }
    if (asked[0] && choice.otherwise[0] && strcmp(asked, choice.otherwise) != 0) {
        PLIM_LOG(j->engine->runtime, PLIM_LOG_INFO, "dtype_override",
                 "\"engine\":\"%s\",\"precision\":\"%s\",\"default\":\"%s\",\"support\":\"%s\","
                 "\"by\":\"%s\",\"why\":\"%s\"",
                 spec->name, asked, choice.otherwise,
                 status == PLIM_E_NOT_FOUND ? "unknown" : plim_dtype_support_text(choice.support),
                 !spec->precision || !spec->precision[0] ? "card"
                 : spec->precision_by                    ? spec->precision_by
                                                         : "caller",
                 status == PLIM_E_NOT_FOUND ? "no entry speaks of it here" : choice.why);
    }
    return PLIM_OK;
}

static plim_status judge_all(plim_engine *e, const plim_engine_spec *spec, plim_facts *facts,
                             plim_error *err)
{
    plim_policy builtin;
    const plim_policy *rules = e->runtime->rules;
    judgement j = {.engine = e, .spec = spec, .status = PLIM_OK, .err = err};
    if (!rules) {
        plim_policy_builtin(&builtin);
        rules = &builtin;
    }
    PLIM_TRY(hold_card(&j, rules, err));
    plim_card_note(e->card, facts);
    plim_card_note_support(e->card, rules, facts);
    PLIM_TRY(plim_policy_match(rules, facts, judge, &j, err));
    return j.status == PLIM_OK ? hold_precision(&j, rules, facts, err) : j.status;
}

plim_status plim_engine_admit(plim_engine *e, const plim_engine_spec *spec, plim_error *err)
{
    plim_runtime *runtime = e->runtime;
    pthread_mutex_lock(&runtime->desk_lock);
    runtime->desk.facts = runtime->facts;
    plim_status status = judge_all(e, spec, &runtime->desk.facts, err);
    pthread_mutex_unlock(&runtime->desk_lock);
    return status;
}
