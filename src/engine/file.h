/* SPDX-License-Identifier: Apache-2.0 */
/* file.h - what an opened artifact is, for the files of this room.
 *
 * Everything lies in the home region. Descriptors are open, read-only and buffered, from
 * open to close; files[i] is what plim_chunk.file_index i means. Chunks are in payload
 * order, every payload_offset and file_offset is a multiple of 4096, and every extent was
 * held against its file's size when the artifact was opened.
 */
#ifndef ENGINE_FILE_H
#define ENGINE_FILE_H

#include "platform/stream.h"
#include "plimsoll/engine.h"

#define PLIM_ENGINE_PAGE 4096u
#define PLIM_ENGINE_SECTIONS_MAX 65536u
#define PLIM_ENGINE_FILES_MAX 256u
#define PLIM_ENGINE_CARD_BYTES_MAX (16u << 20)
#define PLIM_ENGINE_CHUNK_BYTES_MIN (64u << 10)
#define PLIM_ENGINE_CHUNK_BYTES_MAX (16u << 20)

struct plim_engine_file {
    plim_region *home;
    const char *path;
    plim_card *card;
    plim_section *sections;
    size_t section_count;
    plim_chunk *chunks;
    size_t chunk_count;
    plim_stream_file *files;
    size_t file_count;
    uint32_t chunk_bytes;
    uint64_t payload_bytes;
    uint64_t room_bytes; /* payload_bytes rounded up to a page */
};

#endif
