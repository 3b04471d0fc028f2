/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_look.c - gather facts, hold the rules against them, put what was found in order.
 *
 * A rule that hits is a finding. One that lacks a fact is undecided: counted, and named with the
 * fact that it lacks, never taken for a yes or a no. Rules about an engine's card are held once
 * for each engine of the manifest; without a manifest they are only counted.
 */
#include <stdlib.h>
#include <string.h>

#include "plimsoll/settings.h"
#include "src/tools/plimsoll/doctor.h"
#include "src/tools/policy_files.h"

typedef struct visit_context {
    doctor *d;
    const plim_facts *facts;
    const char *about;
} visit_context;

static bool is_of_card(plim_fact_id id)
{
    return id < PLIM_FACT_COUNT && strncmp(plim_fact_key(id), "card.", 5) == 0;
}

/* Which facts it asks for and does not get; true when one of those it names is of a card. */
static bool look_at_conditions(const plim_rule *rule, const plim_facts *facts, doctor_finding *f)
{
    bool wants_card = false;
    for (uint32_t i = 0; i < rule->when_count; i++) {
        plim_fact_id key = PLIM_FACT_COUNT, other = PLIM_FACT_COUNT;
        plim_verdict v = plim_policy_condition(rule->when[i], facts, &key, &other);
        wants_card = wants_card || is_of_card(key) || is_of_card(other);
        const plim_fact_id asked[] = {key, other};
        for (size_t k = 0; v == PLIM_VERDICT_UNDECIDED && k < 2; k++) {
            if (asked[k] < PLIM_FACT_COUNT && !plim_facts_get(facts, asked[k]) &&
                f->missing_count < DOCTOR_MISSING_MAX) {
                f->missing[f->missing_count++] = asked[k];
            }
        }
    }
    return wants_card;
}

static void add(doctor *d, const doctor_finding *f)
{
    if (f->verdict == PLIM_VERDICT_UNDECIDED) {
        d->undecided_count++;
    } else {
        d->refuse_count += f->level == PLIM_ACTION_REFUSE;
        d->warn_count += f->level == PLIM_ACTION_WARN;
        d->advise_count += f->level == PLIM_ACTION_ADVISE;
    }
    if (d->finding_count == DOCTOR_FINDINGS_MAX) {
        d->left_out++;
        return;
    }
    d->findings[d->finding_count++] = *f;
}

static void visit(void *context, const plim_rule *rule, plim_verdict verdict)
{
    const visit_context *c = context;
    doctor_finding f = {.level = rule->action, .verdict = verdict, .rule = *rule};
    bool wants_card = look_at_conditions(rule, c->facts, &f);
    if (wants_card != (c->about[0] != 0)) {
        c->d->needs_card_count += wants_card;
        return;
    }
    plim_slice_copy(rule->id, f.id, sizeof(f.id));
    plim_slice_copy(rule->why, f.why, sizeof(f.why));
    plim_slice_copy(rule->remedy, f.remedy, sizeof(f.remedy));
    snprintf(f.about, sizeof(f.about), "%s", c->about);
    add(c->d, &f);
}

void doctor_rules(doctor *d, const plim_facts *facts, const char *about)
{
    visit_context c = {.d = d, .facts = facts, .about = about};
    plim_status rc = plim_policy_match(&d->policy, facts, visit, &c, NULL);
    (void)rc; /* E_ARG only */
}

void doctor_find(doctor *d, plim_action level, const char *id, const char *about, const char *why,
                 const char *remedy)
{
    doctor_finding f = {.level = level, .verdict = PLIM_VERDICT_HIT};
    snprintf(f.id, sizeof(f.id), "%s", id);
    snprintf(f.about, sizeof(f.about), "%s", about);
    snprintf(f.why, sizeof(f.why), "%s", why);
    snprintf(f.remedy, sizeof(f.remedy), "%s", remedy);
    add(d, &f);
}

static int rank(const doctor_finding *f)
{
    return f->verdict == PLIM_VERDICT_UNDECIDED ? 3
           : f->level == PLIM_ACTION_REFUSE     ? 0
           : f->level == PLIM_ACTION_WARN       ? 1
                                                : 2;
}

/* By rank, else as found: insertion keeps the order of the tables. */
static void put_in_order(doctor *d)
{
    static doctor_finding moving;
    for (size_t i = 1; i < d->finding_count; i++) {
        size_t at = i;
        moving = d->findings[i];
        for (; at && rank(&d->findings[at - 1]) > rank(&moving); at--) {
            d->findings[at] = d->findings[at - 1];
        }
        d->findings[at] = moving;
    }
}

static const char *look_up(void *context, const char *name)
{
    (void)context;
    return getenv(name);
}

/* This process's environment says nothing about a machine that was captured. */
static plim_status read_settings(doctor *d, plim_error *err)
{
    if (d->o.environment) {
        return plim_settings_read_file(d->o.environment, &d->machine.facts, err);
    }
    if (!d->o.root[0]) {
        plim_settings_read(&d->machine.facts, look_up, NULL, "environment");
    }
    return PLIM_OK;
}

/* What can be had is no reason to stop looking: without it the page says less. */
static void read_headroom(doctor *d)
{
    plim_headroom_opts h = plim_headroom_opts_default();
    h.root = d->o.root;
    h.for_gpu = plim_facts_number(&d->machine.facts, PLIM_FACT_GPU_SHARES_MEMORY, 0) != 0;
    gpu_charge_ask(d->o.probe_gpu, &d->charge);
    gpu_charge_note(&d->charge, &d->machine.facts); /* first: its source has the figures */
    h.gpu_charged = d->charge.found.charged;
    d->has_headroom = plim_headroom_read(&h, &d->headroom, NULL) == PLIM_OK;
    if (d->has_headroom) {
        plim_headroom_facts(&d->headroom, &d->machine.facts);
    }
}

/* One sample: temperatures and whether something throttles now. */
static void read_heat(doctor *d)
{
    plim_telemetry *t = NULL;
    plim_telemetry_opts o = plim_telemetry_opts_default();
    o.root = d->o.root[0] ? d->o.root : NULL;
    if (plim_telemetry_open(&o, &t, NULL) == PLIM_OK) {
        plim_telemetry_read(t, &d->sample);
    }
    plim_telemetry_close(t);
}

bool doctor_is_shown_row(const plim_headroom *h, const plim_headroom_row *row)
{
    return row->wall == h->binding || row->wall == PLIM_HEADROOM_EVERY_WALL;
}

bool doctor_look(doctor *d, tool_exit *code)
{
    plim_error err = {.status = PLIM_OK};
    const doctor_options *o = &d->o;
    if (policy_files_load(o->root, o->policies.at, o->policies.count, &d->policy, &err) !=
        PLIM_OK) {
        *code = tool_refuse("policy", &err);
        return false;
    }
    if (machine_facts_read(o->root, o->snapshot, &d->policy, &d->machine, &err) != PLIM_OK) {
        (void)tool_refuse("the machine", &err);
        *code = TOOL_NOTHING;
        return false;
    }
    read_headroom(d);
    read_heat(d);
    if (read_settings(d, &err) != PLIM_OK) {
        *code = tool_refuse("settings", &err);
        return false;
    }
    plim_host_from_facts(&d->machine.facts, &d->host);
    doctor_rules(d, &d->machine.facts, "");
    if (o->manifest_path && !doctor_engines(d, code)) {
        return false;
    }
    put_in_order(d);
    return true;
}

const char *doctor_verdict(const doctor *d)
{
    return d->refuse_count   ? "refused"
           : d->warn_count   ? "warnings"
           : d->advise_count ? "advice"
                             : "fine";
}

int doctor_exit(const doctor *d)
{
    return d->refuse_count   ? TOOL_NO
           : d->warn_count   ? DOCTOR_EXIT_WARNINGS
           : d->advise_count ? DOCTOR_EXIT_ADVICE
                             : TOOL_OK;
}
