/* SPDX-License-Identifier: Apache-2.0 */
/* weights.h - bytes by type, read from what an artifact holds. */
#ifndef ENGINE_WEIGHTS_H
#define ENGINE_WEIGHTS_H

#include "src/engine/file.h"

/* Bytes of a file, of a section or of an input that is to be packed. */
typedef struct plim_byte_source {
    plim_status (*read)(void *context, void *out, size_t size, uint64_t offset, plim_error *err);
    void *context;
    uint64_t size_bytes;
    const char *path; /* for messages */
} plim_byte_source;

/* A file of its own. @fd is lent. */
typedef struct plim_file_bytes {
    int fd;
    const char *path;
} plim_file_bytes;
plim_byte_source plim_byte_source_of(plim_file_bytes *file, uint64_t size_bytes);

/* Adds @elements of @bits to a type. Errors: E_RANGE more than can be counted. */
plim_status plim_weights_add(plim_weights *weights, plim_dtype dtype, uint64_t elements,
                             uint64_t bits, uint64_t *out_bytes, plim_error *err);

/* Which section of an artifact of this format says what the weights are; @count when none does. */
size_t plim_weights_section(const char *format, const plim_section *sections, size_t count);

/* What @source, that section, holds. Unknown formats leave @out unknown.
 * Memory: none for ONNX; a safetensors header and a window from plim_provider_mmap. */
plim_status plim_weights_scan(const plim_byte_source *source, const char *format, plim_weights *out,
                              plim_error *err);

/* Into a card: the table, and precision_found where it is known. */
void plim_weights_note(const plim_weights *weights, plim_card *card);

#endif
