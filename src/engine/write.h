/* SPDX-License-Identifier: Apache-2.0 */
/* write.h - what the packer and the writers of bare files share. */
#ifndef ENGINE_WRITE_H
#define ENGINE_WRITE_H

#include "src/engine/file.h"

/* The caller's options as far as they know them, defaults filled in. Errors: E_ARG. */
plim_status plim_pack_opts_check(const plim_pack_opts *opts, plim_pack_opts *out, plim_error *err);

/* May a container be written here? Its name must say what the card says, and no card of a
 * bare file may lie beside it. Errors: E_MISMATCH, E_STATE. */
plim_status plim_pack_check_place(const char *path, const plim_card *card, plim_error *err);

/* The fields that writing fills in, to be put back when it fails. */
typedef struct plim_pack_card_state {
    uint8_t root[PLIM_DIGEST_BYTES];
    bool has_root;
    uint64_t payload_bytes;
    plim_weights weights;
    char precision_found[16];
} plim_pack_card_state;
plim_pack_card_state plim_pack_card_save(const plim_card *card);
void plim_pack_card_restore(plim_card *card, const plim_pack_card_state *state);

#endif
