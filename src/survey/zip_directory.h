/* SPDX-License-Identifier: Apache-2.0 */
/* zip_directory.h - the entries of a zip file, and the bytes of a small one. */
#ifndef SURVEY_ZIP_DIRECTORY_H
#define SURVEY_ZIP_DIRECTORY_H

#include "src/survey/packed_stream.h"

#define PLIM_ZIP_NAME_BYTES 512u

typedef struct plim_zip {
    const plim_file_bytes *file;
    uint64_t at, bytes; /* the central directory */
    uint64_t entry_count;
} plim_zip;

typedef struct plim_zip_entry {
    char name[PLIM_ZIP_NAME_BYTES]; /* "" when longer */
    bool is_encrypted;
    uint16_t method;       /* 0 stored, 8 deflated */
    uint64_t at;           /* of the local header */
    uint64_t stored_bytes; /* of the content */
    uint64_t plain_bytes;
} plim_zip_entry;

/* The directory read forward, once. */
typedef struct plim_zip_walk {
    const plim_zip *zip;
    uint64_t left;         /* entries */
    uint64_t stored_bytes; /* of the entries given so far */
    plim_packed_stream in;
} plim_zip_walk;

/* plim_zip_open - find the directory, from the end of the file; zip64, too.
 * Owns:    keeps @file.  Errors:  E_FORMAT  no directory (cut short), or one outside of the file;
 *          E_IO. */
PLIM_MUST_USE plim_status plim_zip_open(plim_zip *self, const plim_file_bytes *file,
                                        plim_error *err);

PLIM_MUST_USE plim_status plim_zip_walk_begin(plim_zip_walk *self, const plim_zip *zip,
                                              plim_error *err);

/* plim_zip_walk_next - *@is_end: there is none any more. Contents of all entries together never
 * exceed the file. Errors:  E_FORMAT  damaged, or entries that overlap; E_IO. */
PLIM_MUST_USE plim_status plim_zip_walk_next(plim_zip_walk *self, plim_zip_entry *entry,
                                             bool *is_end, plim_error *err);

/* plim_zip_read - the content of @entry, *@bytes long, at most @limit.
 * Errors:  E_RANGE        it is longer.
 *          E_UNSUPPORTED  encrypted, or neither stored nor deflated.
 *          E_FORMAT       damaged, or not as long as the directory says; E_IO. */
PLIM_MUST_USE plim_status plim_zip_read(const plim_zip *self, const plim_zip_entry *entry, void *to,
                                        size_t limit, size_t *bytes, plim_error *err);

#endif
