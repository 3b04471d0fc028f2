/* SPDX-License-Identifier: Apache-2.0 */
/* card_facts.c - an engine's card beside the facts of a machine, so that rules may speak of both.
 *
 * TensorRT's release is noted with three numbers, as a host's is, and the build apart. The largest
 * block is what one request of the load asks for at most: all weights, or all activations.
 */
#include <string.h>

#include "src/engine/card.h"

#define SOURCE "card"

static void note_text(plim_facts *facts, plim_fact_id id, const char *text)
{
    plim_facts_forget(facts, id);
    plim_facts_set_text(facts, id, text, PLIM_CONFIDENCE_READ, SOURCE);
}

/* 0 is what a card says of a thing that it does not tie. */
static void note_number(plim_facts *facts, plim_fact_id id, uint64_t number)
{
    plim_facts_forget(facts, id);
    if (number) {
        plim_facts_set_number(facts, id, number, PLIM_CONFIDENCE_READ, SOURCE);
    }
}

static void note_tensorrt(plim_facts *facts, const char *version)
{
    char release[sizeof(((plim_card *)0)->tensorrt)];
    unsigned dots = 0;
    size_t n = 0;
    while (version[n] && (dots += version[n] == '.') < 3) {
        release[n] = version[n];
        n++;
    }
    release[n] = 0;
    note_text(facts, PLIM_FACT_CARD_TENSORRT, release);
    note_text(facts, PLIM_FACT_CARD_TENSORRT_BUILD, dots == 3 ? version : "");
}

void plim_card_note(const plim_card *card, plim_facts *facts)
{
    uint64_t weights = card->payload_bytes, activations = card->activation_bytes;
    note_text(facts, PLIM_FACT_CARD_NAME, card->name.model);
    note_text(facts, PLIM_FACT_CARD_BACKEND, card->backend);
    note_text(facts, PLIM_FACT_CARD_FORMAT, card->format);
    note_text(facts, PLIM_FACT_CARD_BUILD, plim_build_kind_name(card->build));
    note_text(facts, PLIM_FACT_CARD_BUILT_ON, card->built_on);
    note_text(facts, PLIM_FACT_CARD_GPU, card->gpu_name);
    note_text(facts, PLIM_FACT_CARD_L4T, card->l4t);
    note_text(facts, PLIM_FACT_CARD_JETPACK, card->jetpack);
    note_text(facts, PLIM_FACT_CARD_PRECISION_ASKED, card->precision_asked);
    note_text(facts, PLIM_FACT_CARD_PRECISION_FOUND, card->precision_found);
    note_tensorrt(facts, card->tensorrt);
    note_number(facts, PLIM_FACT_CARD_SM, card->sm == 101 ? 110 : card->sm);
    note_number(facts, PLIM_FACT_CARD_MULTIPROCESSORS, card->multiprocessors);
    note_number(facts, PLIM_FACT_CARD_PAYLOAD, weights);
    note_number(facts, PLIM_FACT_CARD_LARGEST, weights > activations ? weights : activations);
    plim_facts_forget(facts, PLIM_FACT_CARD_VERSION_COMPATIBLE);
    plim_facts_set_number(facts, PLIM_FACT_CARD_VERSION_COMPATIBLE, card->version_compatible,
                          PLIM_CONFIDENCE_READ, SOURCE);
}

void plim_card_note_support(const plim_card *card, const plim_policy *policy, plim_facts *facts)
{
    plim_dtype_choice choice;
    const char *found = card->precision_found[0] ? card->precision_found : card->precision_asked;
    plim_facts_forget(facts, PLIM_FACT_CARD_PRECISION_SUPPORT);
    if (!found[0]) {
        return;
    }
    plim_status status = plim_policy_dtype(policy, facts, found, &choice, NULL);
    if ((status == PLIM_OK || status == PLIM_E_UNSUPPORTED) && choice.verdict == PLIM_VERDICT_HIT) {
        plim_facts_set_text(facts, PLIM_FACT_CARD_PRECISION_SUPPORT,
                            plim_dtype_support_text(choice.support), PLIM_CONFIDENCE_TABLE,
                            choice.id);
    }
}

plim_status plim_card_dtype(const plim_card *card, const char *asked, const plim_policy *policy,
                            const plim_facts *facts, plim_dtype_choice *out, plim_error *err)
{
    if (!card || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "card and out");
    }
    bool is_deployment = asked && asked[0];
    const char *found = card->precision_found[0] ? card->precision_found : card->precision_asked;
    memset(out, 0, sizeof(*out));
    if (is_deployment && strcmp(asked, found) != 0 && strcmp(asked, card->precision_asked) != 0) {
        plim_status rc =
            plim_error_set(err, PLIM_E_MISMATCH, "another precision than was asked for",
                           "precision", asked, found[0] ? found : "not known");
        plim_error_remedy(err, "name an artifact that was built in %s, or ask for what this one is",
                          asked);
        return rc;
    }
    plim_status status =
        plim_policy_dtype(policy, facts, is_deployment ? asked : card->precision_asked, out, err);
    if (status == PLIM_E_UNSUPPORTED) {
        plim_error_remedy(err, "build the engine in %s, the default of this machine",
                          out->otherwise);
    }
    return status;
}
