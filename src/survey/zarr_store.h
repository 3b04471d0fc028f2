/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_store.h - what zarr calls a store: keys with contents, in a folder or in a zip file. */
#ifndef SURVEY_ZARR_STORE_H
#define SURVEY_ZARR_STORE_H

#include "src/survey/survey_reader.h"
#include "src/survey/zip_directory.h"

typedef struct plim_zarr_store {
    bool is_zip;
    const char *root;     /* of a folder; borrowed */
    plim_file_bytes file; /* the zip file */
    plim_zip zip;
    plim_zip_walk walk;
    plim_zip_entry entry;
    char key[PLIM_SURVEY_PATH_BYTES];
} plim_zarr_store;

/* One content, as visit sees it. */
typedef struct plim_zarr_key {
    const char *key;       /* "data/action/0.0"; "" for one whose name is too long */
    uint64_t stored_bytes; /* of the file, or of the zip entry without its headers */
} plim_zarr_key;

/* plim_zarr_store_open - the folder or zip file @path.
 * Owns:    keeps @path.  Errors:  as plim_file_bytes_open and plim_zip_open. */
PLIM_MUST_USE plim_status plim_zarr_store_open(plim_zarr_store *self, const char *path,
                                               bool is_folder, plim_error *err);
void plim_zarr_store_close(plim_zarr_store *self);

/* plim_zarr_store_visit - calls @see with every key below @prefix ("" for all of them), in the
 * order of the folder or directory; the first status that is not PLIM_OK ends it. Folders that are
 * links are not entered, files that are links are seen.
 * Errors:  those of @see; E_IO; E_FORMAT from a damaged directory. A @prefix that is not there has
 *          no keys. */
typedef plim_status (*plim_zarr_see)(void *context, const plim_zarr_key *key, plim_error *err);
PLIM_MUST_USE plim_status plim_zarr_store_visit(plim_zarr_store *self, const char *prefix,
                                                plim_zarr_see see, void *context, plim_error *err);

/* plim_zarr_store_read - the content of the key that @see is being called with.
 * Errors:  E_RANGE  longer than @limit; as plim_zip_read and plim_file_bytes_open. */
PLIM_MUST_USE plim_status plim_zarr_store_read(plim_zarr_store *self, void *to, size_t limit,
                                               size_t *bytes, plim_error *err);

/* plim_zarr_store_check - is the key that @see is being called with a file, and no pointer to one?
 * Errors:  E_FORMAT  an LFS pointer; E_NOT_FOUND, E_IO. */
PLIM_MUST_USE plim_status plim_zarr_store_check(plim_zarr_store *self, plim_error *err);

#endif
