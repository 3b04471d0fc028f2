/* SPDX-License-Identifier: Apache-2.0 */
/* bare.h - a bare file's card: where it lies, and the "chunks" it carries. */
#ifndef ENGINE_BARE_H
#define ENGINE_BARE_H

#include "src/engine/card.h"
#include "src/engine/file.h"

#define PLIM_CARD_SUFFIX ".card.json"

/* Which card belongs to the file behind @fd? The pending one, named after exactly this inode
 * and its time, when a pair was replaced and the last rename is still missing; else
 * <file>.card.json. False: there is no card, or the path is too long. */
bool plim_bare_find_card(const char *path, int fd, char *out, size_t out_bytes);

/* The pending card's path (or name, from a name). False: too long. */
bool plim_bare_pending_name(const char *name, int fd, char *out, size_t out_bytes);

#endif
