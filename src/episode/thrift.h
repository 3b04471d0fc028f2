/* SPDX-License-Identifier: Apache-2.0 */
/* thrift.h - a pull reader of Thrift's compact protocol over a part of a file.
 *
 * Errors stick: after the first one every call answers 0 or false, so that a parser reads a
 * whole struct and asks once (plim_thrift.status). Nothing is allocated.
 */
#ifndef EPISODE_THRIFT_H
#define EPISODE_THRIFT_H

#include <stdbool.h>

#include "src/episode/file_bytes.h"

typedef enum plim_thrift_type {
    PLIM_THRIFT_STOP = 0,
    PLIM_THRIFT_TRUE = 1,
    PLIM_THRIFT_FALSE = 2,
    PLIM_THRIFT_BYTE = 3,
    PLIM_THRIFT_I16 = 4,
    PLIM_THRIFT_I32 = 5,
    PLIM_THRIFT_I64 = 6,
    PLIM_THRIFT_DOUBLE = 7,
    PLIM_THRIFT_BINARY = 8,
    PLIM_THRIFT_LIST = 9,
    PLIM_THRIFT_SET = 10,
    PLIM_THRIFT_MAP = 11,
    PLIM_THRIFT_STRUCT = 12,
} plim_thrift_type;

typedef struct plim_thrift {
    const plim_file_bytes *file;
    plim_error *err;
    plim_status status; /* the first failure */
    uint64_t at, end;   /* next byte, and where the part ends */
    uint64_t piece_at;
    size_t piece_bytes;
    uint8_t piece[1024];
} plim_thrift;

void plim_thrift_init(plim_thrift *self, const plim_file_bytes *file, uint64_t at, uint64_t end,
                      plim_error *err);

/* The next field of a struct; false at its end. Start with *id = 0. */
bool plim_thrift_field(plim_thrift *self, int16_t *id, plim_thrift_type *type);
/* Numbers are given only when @type is one; another type is E_FORMAT. */
int64_t plim_thrift_number(plim_thrift *self, plim_thrift_type type);
/* Entries of a list of @of; another type, or more entries than bytes are left, is E_FORMAT. */
uint32_t plim_thrift_list(plim_thrift *self, plim_thrift_type type, plim_thrift_type of);
/* Text, cut to fit and ended; the rest is passed over. Bytes below space become '?'. */
void plim_thrift_text(plim_thrift *self, plim_thrift_type type, char *to, size_t to_bytes);
/* Passes over a field of any type. */
void plim_thrift_skip(plim_thrift *self, plim_thrift_type type);
/* E_FORMAT, unless something failed before. */
void plim_thrift_fail(plim_thrift *self, const char *field, const char *wanted, const char *found);

#endif
