/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_engines.c - a deployment on this machine: each card, then whether the plan fits.
 *
 * Heads and cards are read, no body. Every engine is looked at, so that one page names all that
 * does not fit; the plan is made when all of them do.
 */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/doctor.h"
#include "src/tools/plimsoll/tiers.h"

static void refuse_engine(doctor *d, const doctor_engine *e)
{
    char why[640];
    const plim_error *r = &e->refusal;
    if (r->status == PLIM_E_MISMATCH) {
        snprintf(why, sizeof(why), "%s: the card wants %s, this host has %s", r->field, r->wanted,
                 r->found);
    } else {
        plim_error_format(r, why, sizeof(why));
        why[strcspn(why, "\n")] = 0;
    }
    doctor_find(d, PLIM_ACTION_REFUSE, e->is_open ? "card-does-not-fit" : "engine-unreadable",
                e->from->name, why,
                r->remedy[0] ? r->remedy
                : e->is_open
                    ? "Build this engine on this board, or name the artifact that was built "
                      "here; plimsoll verify --host holds one against it."
                    : "Name an artifact that is there and whole; plimsoll verify says what "
                      "is wrong with one.");
}

/* What does not fit the buffer is left out of a report; a card of this size is refused anyway. */
static void keep_card(const plim_card *card, doctor_engine *e)
{
    const size_t room = (size_t)1 << 20;
    size_t bytes = 0;
    e->card_json = malloc(room);
    if (e->card_json && plim_card_format(card, e->card_json, room, &bytes, NULL) != PLIM_OK) {
        free(e->card_json);
        e->card_json = NULL;
    }
}

static void look_at(doctor *d, size_t index, plim_region *home)
{
    static plim_facts facts;
    doctor_engine *e = &d->engines[index];
    plim_engine_file *file = NULL;
    e->from = &d->m.engines[index];
    uint64_t mark = plim_region_mark(home);
    if (plim_engine_open(e->from->artifact, home, &file, &e->refusal) != PLIM_OK) {
        refuse_engine(d, e);
        return;
    }
    const plim_card *card = plim_engine_card(file);
    e->is_open = true;
    if (d->o.report) {
        keep_card(card, e);
    }
    e->payload_bytes = card->payload_bytes;
    memcpy(e->precision_asked, card->precision_asked, sizeof(e->precision_asked));
    memcpy(e->precision_found, card->precision_found, sizeof(e->precision_found));
    memcpy(e->format, card->format, sizeof(e->format));
    memcpy(e->built_on, card->built_on, sizeof(e->built_on));
    e->fits = plim_card_match(card, &d->host, e->from->artifact, &e->refusal) == PLIM_OK;
    if (!e->fits) {
        refuse_engine(d, e);
    }
    facts = d->machine.facts;
    plim_card_note(card, &facts);
    plim_card_note_support(card, &d->policy, &facts);
    doctor_rules(d, &facts, e->from->name);
    plim_engine_close(file);
    plim_status rc = plim_region_rewind(home, mark, NULL);
    (void)rc; /* the mark is of this region */
}

static void check_plan(doctor *d)
{
    char why[640];
    const prediction *p = &d->plan;
    uint64_t room = plim_facts_number(&d->machine.facts, PLIM_FACT_MEMORY_ALLOCATABLE, UINT64_MAX);
    uint64_t limit = plim_facts_number(&d->machine.facts, PLIM_FACT_CGROUP_LIMIT, UINT64_MAX);
    if (!p->fits) {
        snprintf(why, sizeof(why), "the plan's peak of %s is %s over its cap of %s",
                 tool_size(p->peak_bytes), tool_size(p->deficit_bytes), tool_size(p->cap_bytes));
        doctor_find(d, PLIM_ACTION_REFUSE, "plan-over-cap", "", why,
                    "Raise budget.cap, share a scratch group, or drop an engine "
                    "(plimsoll plan shows each step).");
    }
    if (p->peak_bytes > limit) {
        snprintf(why, sizeof(why), "the plan's peak of %s is above this control group's limit, %s",
                 tool_size(p->peak_bytes), tool_size(limit));
        doctor_find(d, PLIM_ACTION_REFUSE, "plan-over-group", "", why,
                    "Raise the limit (docker run --memory, MemoryMax= of the unit).");
    } else if (p->peak_bytes > room) {
        snprintf(why, sizeof(why), "the plan's peak of %s is more than the %s that can be had now",
                 tool_size(p->peak_bytes), tool_size(room));
        doctor_find(d, PLIM_ACTION_WARN, "plan-over-headroom", "", why,
                    "Stop what else runs (memreport live names the largest), or plan a smaller "
                    "peak.");
    }
}

bool doctor_engines(doctor *d, tool_exit *code)
{
    static complaints bad;
    plim_error err = {.status = PLIM_OK};
    workshop shop;
    bool all_fit = true;
    if (!manifest_read(d->o.manifest_path, &d->m, &bad)) {
        fputs(bad.text, stderr);
        *code = TOOL_USAGE;
        return false;
    }
    d->has_manifest = true;
    rules_use(&d->policy);
    manifest_host(&d->m, &d->host);
    (void)tiers_choose(&d->m, &d->host, NULL); /* without a match the first is what is shown */
    if (workshop_open(&shop, &d->host, (plim_large_pages)d->m.large_pages, &err) != PLIM_OK) {
        *code = tool_refuse("doctor", &err);
        return false;
    }
    for (size_t i = 0; i < d->m.engine_count; i++) {
        look_at(d, i, shop.home);
        all_fit = all_fit && d->engines[i].fits;
    }
    workshop_close(&shop);
    if (all_fit) {
        d->has_plan = predict_manifest(&d->m, NULL, &d->host, 0, &d->plan) == TOOL_OK;
        if (d->has_plan) {
            check_plan(d);
        } else {
            doctor_find(d, PLIM_ACTION_REFUSE, "plan-not-made", "",
                        "the manifest and the cards do not go together; the refusal above says how",
                        "plimsoll plan repeats it once the manifest is mended.");
        }
    }
    return true;
}
