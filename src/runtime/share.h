/* SPDX-License-Identifier: Apache-2.0 */
/* share.h - the table of engines: who has what loaded. */
#ifndef RUNTIME_SHARE_H
#define RUNTIME_SHARE_H

#include "src/runtime/state.h"

/* Which file @path is now; the real path into @real (PATH_MAX bytes). E_NOT_FOUND, E_IO. */
PLIM_MUST_USE plim_status plim_file_identify(const char *path, char *real, plim_file_identity *out,
                                             plim_error *err);

/* What plim_share_claim found. */
typedef struct plim_claim {
    plim_engine *engine; /* READY with one reference more, or LOADING and the caller's to fill */
    bool is_shared;      /* READY */
    plim_engine *twin;   /* LOADING only: a READY engine (one reference more) of the same file as
                          * it was before somebody touched it; NULL: none */
} plim_claim;

/* Waits for a thread that loads or closes the same file or name, then shares or claims.
 * Errors:  E_STATE  the name is another artifact's, or the runtime is sealed.
 *          E_RANGE  the table is full. */
PLIM_MUST_USE plim_status plim_share_claim(plim_runtime *self, const plim_file_identity *identity,
                                           const char *name, plim_claim *out, plim_error *err);

/* The claimed engine is READY with one reference. */
void plim_share_publish(plim_engine *engine);
/* The claimed engine, torn down already, goes back to the table. */
void plim_share_abandon(plim_engine *engine);
/* Gives back a reference that claim took. */
void plim_share_drop(plim_engine *engine);
/* The twin's file is this one after all. */
void plim_share_same_file(plim_engine *twin, const plim_file_identity *identity);

#endif
