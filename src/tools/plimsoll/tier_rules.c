/* SPDX-License-Identifier: Apache-2.0 */
/* tier_rules.c - the rules that the runtime will admit an engine by, asked before it is loaded. */
#include <string.h>

#include "src/tools/plimsoll/tiers.h"
#include "src/tools/policy_files.h"

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

static plim_policy loaded;
static const plim_policy *in_use;

plim_status rules_load(const char *const *files, size_t file_count, plim_error *err)
{
    PLIM_TRY(policy_files_load("", files, file_count, &loaded, err));
    in_use = &loaded;
    return PLIM_OK;
}

void rules_use(const plim_policy *policy)
{
    in_use = policy;
}

const plim_policy *rules_policy(void)
{
    plim_error err = {.status = PLIM_OK};
    if (!in_use && rules_load(NULL, 0, &err) != PLIM_OK) {
        (void)tool_refuse("policy", &err);
        plim_policy_builtin(&loaded);
        in_use = &loaded;
    }
    return in_use;
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

/* As the runtime will: a deployment's word is granted or refused, a card's is said. */
static plim_status hold_precision(holding *h, const plim_card *card, const plim_facts *facts)
{
    char line[256];
    const char *asked = h->e->precision[0] ? h->e->precision : card->precision_asked;
    plim_dtype_choice choice;
    plim_error own = {.status = PLIM_OK};
    plim_status rc = plim_card_dtype(card, h->e->precision, rules_policy(), facts, &choice, &own);
    bool passes = is_accepted(h->e, (plim_slice){"precision-without-hardware", 26});
    if (h->e->precision[0] && (rc == PLIM_E_MISMATCH || (rc == PLIM_E_UNSUPPORTED && !passes))) {
        *h->err = own;
        return rc;
    }
    if (asked[0] && choice.otherwise[0] && strcmp(asked, choice.otherwise) != 0) {
        snprintf(line, sizeof(line), "%s: %s by %s, where %s is the default: %s: %.110s",
                 h->e->name, asked, h->e->precision[0] ? "the manifest" : "its card",
                 choice.otherwise,
                 rc == PLIM_E_NOT_FOUND ? "unknown" : plim_dtype_support_text(choice.support),
                 rc == PLIM_E_NOT_FOUND ? "no entry speaks of it here" : choice.why);
        h->say(h->context, line);
    }
    return PLIM_OK;
}

plim_status rules_hold(const manifest_engine *e, const plim_card *card, const plim_host *host,
                       void (*say)(void *context, const char *line), void *context, plim_error *err)
{
    static plim_facts facts;
    const plim_policy *policy = rules_policy();
    holding h = {.e = e, .say = say, .context = context, .status = PLIM_OK, .err = err};
    facts = *host_facts(host);
    plim_card_note(card, &facts);
    plim_card_note_support(card, policy, &facts);
    PLIM_TRY(plim_policy_match(policy, &facts, hold, &h, err));
    return h.status == PLIM_OK ? hold_precision(&h, card, &facts) : h.status;
}
