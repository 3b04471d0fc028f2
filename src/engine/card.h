/* SPDX-License-Identifier: Apache-2.0 */
/* card.h - the card's JSON between the files of this room.
 *
 * A card beside a bare file carries one key more than plim_card holds: "chunks", the files
 * and their digests. plim_card_read lets it stand, plim_card_print takes a writer for it.
 */
#ifndef ENGINE_CARD_H
#define ENGINE_CARD_H

#include "plimsoll/engine.h"
#include "src/engine/json_reader.h"
#include "src/text_sink.h"

#define PLIM_CARD_VERSION 1

plim_status plim_card_read(plim_json_reader *reader, const json_t *root, plim_card *out);

/* Everything up to the closing brace; after it come "chunks" (with a comma before) or "\n}\n". */
plim_status plim_card_print(plim_text_sink *sink, const plim_card *card, plim_error *err);

const char *plim_build_kind_name(plim_build_kind kind);

#endif
