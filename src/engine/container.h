/* SPDX-License-Identifier: Apache-2.0 */
/* container.h - the container's head as it lies in the file; docs/container.md.
 *
 * There is one legal layout for given counts and sizes. Reader and packer compute it with
 * the same function, and the reader refuses every other: parts cannot overlap or leave holes.
 */
#ifndef ENGINE_CONTAINER_H
#define ENGINE_CONTAINER_H

#include "src/engine/file.h"

#define PLIM_CONTAINER_MAGIC         "PLIMENG1"
#define PLIM_CONTAINER_VERSION       1u
#define PLIM_CONTAINER_HEADER_BYTES  4096u
#define PLIM_CONTAINER_SECTION_BYTES 160u
#define PLIM_CONTAINER_CHUNK_BYTES   80u
#define PLIM_CONTAINER_DIGEST_AT     128u

typedef struct plim_container_head {
    uint32_t chunk_bytes, section_count;
    uint64_t chunk_count, card_offset, card_bytes, section_offset, chunk_offset, body_offset,
        payload_bytes, file_bytes;
    uint8_t root[PLIM_DIGEST_BYTES], digest[PLIM_DIGEST_BYTES];
} plim_container_head;

/* Fills chunk_count and the offsets in from chunk_bytes, section_count, card_bytes and
 * payload_bytes. Errors: E_RANGE, with the field. */
plim_status plim_container_layout(plim_container_head *head, plim_error *err);

void plim_container_head_encode(const plim_container_head *head, uint8_t *out);
/* Errors: E_FORMAT, E_UNSUPPORTED a later version, E_RANGE; each with field, wanted, found. */
plim_status plim_container_head_decode(const uint8_t *bytes, uint64_t file_bytes,
                                       plim_container_head *out, plim_error *err);

void plim_container_section_encode(const plim_section *section, uint8_t *out);
/* @floor_bytes is where the section before ended; on success where this one does. */
plim_status plim_container_section_decode(const uint8_t *bytes, uint64_t payload_bytes,
                                          uint64_t *floor_bytes, plim_section *out,
                                          plim_error *err);

void plim_container_chunk_encode(const plim_chunk *chunk, uint8_t *out);
/* @file_cursor is where the extent must begin; on success where the next one does. */
plim_status plim_container_chunk_decode(const uint8_t *bytes, const plim_container_head *head,
                                        uint64_t index, uint64_t *file_cursor, plim_chunk *out,
                                        plim_error *err);

/* Bytes that a chunk takes in the file: whole pages, but the last raw one ends the file. */
uint64_t plim_container_extent_bytes(const plim_chunk *chunk, bool is_last);

/* E_FORMAT or E_RANGE about one number. */
plim_status plim_container_refuse(plim_status status, const char *what, const char *field,
                                  uint64_t wanted, uint64_t found, plim_error *err);

#endif
