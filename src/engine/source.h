/* SPDX-License-Identifier: Apache-2.0 */
/* source.h - the inputs of a packing run as one payload, read piece by piece. */
#ifndef ENGINE_SOURCE_H
#define ENGINE_SOURCE_H

#include "src/engine/file.h"

typedef struct plim_source_list {
    const plim_pack_input *inputs;
    size_t input_count;
    plim_section *sections; /* the caller's, one for each input */
    uint64_t payload_bytes;
    size_t current; /* the input whose file is open */
    int fd;         /* -1: none */
} plim_source_list;

/* Measures every input and lays the sections out. Errors: E_ARG, E_RANGE, E_IO, E_NOT_FOUND. */
plim_status plim_source_open(plim_source_list *self, const plim_pack_input *inputs,
                             size_t input_count, plim_section *sections, plim_error *err);

/* Payload bytes [offset, offset + size), gaps as zeros. Offsets rise from call to call. */
plim_status plim_source_read(plim_source_list *self, unsigned char *out, uint64_t offset,
                             size_t size, plim_error *err);
void plim_source_close(plim_source_list *self);

#endif
