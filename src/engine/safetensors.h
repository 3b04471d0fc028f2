/* SPDX-License-Identifier: Apache-2.0 */
/* safetensors.h - the header of a safetensors file, strictly. */
#ifndef ENGINE_SAFETENSORS_H
#define ENGINE_SAFETENSORS_H

#include "plimsoll/engine.h"

#define PLIM_SAFETENSORS_HEADER_MAX 100000000u

/* The JSON's length from the first 8 bytes of a file. Errors: E_FORMAT, E_RANGE. */
plim_status plim_safetensors_header_bytes(const uint8_t first[8], uint64_t file_bytes,
                                          uint64_t *out, plim_error *err);

/* Parses the JSON behind those 8 bytes. Without @sections only counts the tensors; with it
 * (room for that count) gives a section per tensor, sorted, offsets from the file's start.
 * @weights (NULL: not wanted) gets their bytes added by type.
 * Errors: E_FORMAT with "byte N", E_RANGE, E_UNSUPPORTED an unknown dtype. */
plim_status plim_safetensors_parse(const char *json, uint64_t json_bytes, uint64_t file_bytes,
                                   plim_section *sections, uint64_t *count, plim_weights *weights,
                                   plim_error *err);

#endif
