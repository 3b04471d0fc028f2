/* SPDX-License-Identifier: Apache-2.0 */
/* write.c - what every writer checks and undoes. */
#include "src/engine/write.h"

#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/bare.h"

plim_status plim_pack_check_place(const char *path, const plim_card *card, plim_error *err)
{
    char beside[PATH_MAX];
    int n = snprintf(beside, sizeof(beside), "%s" PLIM_CARD_SUFFIX, path);
    PLIM_TRY(plim_engine_check_name(path, card, err));
    if (n < 0 || (size_t)n >= sizeof(beside)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "path too long");
    }
    if (access(beside, F_OK) == 0) {
        (void)PLIM_FAIL(err, PLIM_E_STATE, .what = "a card of a bare file lies beside the path");
        plim_error_detail(err, "%.255s", beside);
        return PLIM_E_STATE;
    }
    return PLIM_OK;
}

plim_pack_card_state plim_pack_card_save(const plim_card *card)
{
    plim_pack_card_state state = {.has_root = card->has_payload_root,
                                  .payload_bytes = card->payload_bytes,
                                  .weights = card->weights};
    memcpy(state.precision_found, card->precision_found, sizeof(state.precision_found));
    memcpy(state.root, card->payload_root, PLIM_DIGEST_BYTES);
    return state;
}

void plim_pack_card_restore(plim_card *card, const plim_pack_card_state *state)
{
    memcpy(card->payload_root, state->root, PLIM_DIGEST_BYTES);
    card->has_payload_root = state->has_root;
    card->payload_bytes = state->payload_bytes;
    card->weights = state->weights;
    memcpy(card->precision_found, state->precision_found, sizeof(card->precision_found));
}
