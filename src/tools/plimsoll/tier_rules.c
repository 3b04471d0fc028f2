/* SPDX-License-Identifier: Apache-2.0 */
/* tier_rules.c - the rules that the runtime will admit an engine by, asked before it is loaded. */
#include <string.h>

#include "src/tools/plimsoll/tiers.h"

const plim_facts *host_facts(const plim_host *host)
{
    static plim_facts facts;
    static bool is_probed;
    plim_board_opts o = plim_board_opts_default();
    plim_error err = {.status = PLIM_OK};
    if (!is_probed) {
        is_probed = true;
        if (plim_board_probe(&o, &facts, &err) != PLIM_OK ||
            plim_settings_read_process("", 0, &facts, &err) != PLIM_OK) {
            (void)tool_refuse("machine", &err);
        }
    }
    plim_host_note(host, &facts);
    return &facts;
}

typedef struct holding {
    const manifest_engine *e;
    void (*say)(void *context, const char *line);
    void *context;
    plim_status status;
    plim_error *err;
} holding;

static bool is_accepted(const manifest_engine *e, plim_slice id)
{
    for (size_t i = 0; i < e->accept_count; i++) {
        if (plim_slice_is(id, e->accept[i])) {
            return true;
        }
    }
    return false;
}

static void hold(void *context, const plim_rule *rule, plim_verdict verdict)
{
    holding *h = context;
    char id[48], why[128], line[256], field[64];
    if (verdict != PLIM_VERDICT_HIT || rule->action < PLIM_ACTION_WARN || h->status != PLIM_OK) {
        return;
    }
    bool passes = is_accepted(h->e, rule->id);
    plim_slice_copy(rule->id, id, sizeof(id));
    plim_slice_copy(rule->why, why, sizeof(why));
    if (rule->action == PLIM_ACTION_REFUSE && !passes) {
        char remedy[224];
        plim_slice_copy(rule->remedy, remedy, sizeof(remedy));
        snprintf(field, sizeof(field), "rule %s", id);
        h->status = plim_error_set(h->err, PLIM_E_MISMATCH,
                                   "a known defect: this engine, this host", field, NULL, NULL);
        plim_error_detail(h->err, "%s", why);
        plim_error_remedy(h->err, "%s", remedy);
        return;
    }
    snprintf(line, sizeof(line), "%s: rule %s%s: %s", h->e->name, id, passes ? ", accepted" : "",
             why);
    h->say(h->context, line);
}

plim_status rules_hold(const manifest_engine *e, const plim_card *card, const plim_host *host,
                       void (*say)(void *context, const char *line), void *context, plim_error *err)
{
    static plim_facts facts;
    plim_policy policy;
    holding h = {.e = e, .say = say, .context = context, .status = PLIM_OK, .err = err};
    facts = *host_facts(host);
    plim_policy_builtin(&policy);
    plim_card_note(card, &facts);
    plim_card_note_support(card, &policy, &facts);
    PLIM_TRY(plim_policy_match(&policy, &facts, hold, &h, err));
    return h.status;
}
