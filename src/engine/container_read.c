/* SPDX-License-Identifier: Apache-2.0 */
/* container_read.c - the head of a container: header, card, sections, chunk table.
 *
 * The header's own numbers bound everything that follows, so they are held against their
 * limits and the file's size first. Then the whole head is read once, its digest is
 * checked, and only those bytes are parsed. The body is not touched.
 */
#include <string.h>

#include "src/engine/container.h"
#include "src/engine/digest.h"
#include "src/engine/file.h"

static plim_status check_digest(uint8_t *bytes, const plim_container_head *head, plim_error *err)
{
    uint8_t found[PLIM_DIGEST_BYTES];
    memset(bytes + PLIM_CONTAINER_DIGEST_AT, 0, PLIM_DIGEST_BYTES);
    if (!plim_digest_of(bytes, (size_t)head->body_offset, found)) {
        return plim_digest_failed(err);
    }
    return memcmp(found, head->digest, sizeof(found)) == 0
               ? PLIM_OK
               : plim_digest_refuse("the container's head is damaged", "head_digest", head->digest,
                                    found, err);
}

static plim_status check_root(const plim_engine_file *self, const plim_container_head *head,
                              plim_error *err)
{
    uint8_t root[PLIM_DIGEST_BYTES];
    PLIM_TRY(plim_engine_root(self, root, err));
    if (memcmp(root, head->root, sizeof(root)) != 0) {
        return plim_digest_refuse("the chunk table is not the header's", "root", head->root, root,
                                  err);
    }
    return plim_engine_check_root(self, root, err);
}

static plim_status read_tables(plim_engine_file *self, const uint8_t *bytes,
                               const plim_container_head *head, plim_error *err)
{
    uint64_t floor_bytes = 0;
    uint64_t cursor = head->body_offset;
    const uint8_t *at = bytes + head->section_offset;
    for (size_t i = 0; i < self->section_count; i++, at += PLIM_CONTAINER_SECTION_BYTES) {
        PLIM_TRY(plim_container_section_decode(at, head->payload_bytes, &floor_bytes,
                                               &self->sections[i], err));
    }
    at = bytes + head->chunk_offset;
    for (size_t i = 0; i < self->chunk_count; i++, at += PLIM_CONTAINER_CHUNK_BYTES) {
        PLIM_TRY(plim_container_chunk_decode(at, head, i, &cursor, &self->chunks[i], err));
    }
    if (cursor != head->file_bytes) {
        return plim_container_refuse(PLIM_E_RANGE, "chunks do not cover the file", "file_bytes",
                                     cursor, head->file_bytes, err);
    }
    return PLIM_OK;
}

/* Between the parts there are only zeros: nothing hides where nobody looks. */
static plim_status check_padding(const uint8_t *bytes, uint64_t from, uint64_t to, plim_error *err)
{
    for (uint64_t at = from; at < to; at++) {
        if (bytes[at]) {
            return plim_container_refuse(PLIM_E_FORMAT, "padding of the head", "padding", 0,
                                         bytes[at], err);
        }
    }
    return PLIM_OK;
}

static plim_status check_paddings(const uint8_t *bytes, const plim_container_head *head,
                                  plim_error *err)
{
    PLIM_TRY(check_padding(bytes, head->card_offset + head->card_bytes, head->section_offset, err));
    return check_padding(bytes, head->chunk_offset + head->chunk_count * PLIM_CONTAINER_CHUNK_BYTES,
                         head->body_offset, err);
}

static plim_status read_head(plim_engine_file *self, int fd, uint8_t *bytes,
                             const plim_container_head *head, plim_error *err)
{
    PLIM_TRY(plim_engine_read_at(fd, self->path, bytes, (size_t)head->body_offset, 0, err));
    PLIM_TRY(check_digest(bytes, head, err));
    PLIM_TRY(check_paddings(bytes, head, err));
    PLIM_TRY(plim_card_parse((const char *)bytes + head->card_offset, (size_t)head->card_bytes,
                             self->card, err));
    PLIM_TRY(read_tables(self, bytes, head, err));
    PLIM_TRY(check_root(self, head, err));
    return plim_engine_check_name(self->path, self->card, err);
}

plim_status plim_container_read(int fd, const char *path, uint64_t file_bytes, plim_home *home,
                                plim_engine_file **out, plim_error *err)
{
    uint8_t header[PLIM_CONTAINER_HEADER_BYTES];
    plim_container_head head;
    plim_engine_file *self;
    void *bytes;
    if (file_bytes < sizeof(header)) {
        return plim_container_refuse(PLIM_E_FORMAT, "file is too short for a container",
                                     "file_bytes", sizeof(header), file_bytes, err);
    }
    PLIM_TRY(plim_engine_read_at(fd, path, header, sizeof(header), 0, err));
    PLIM_TRY(plim_container_head_decode(header, file_bytes, &head, err));
    PLIM_TRY(
        plim_engine_file_make(home, path, head.section_count, head.chunk_count, 1, &self, err));
    uint64_t mark = home->is_bump ? plim_region_mark(home->region) : 0;
    PLIM_TRY(plim_home_take(home, head.body_offset, &bytes, err));
    self->payload_bytes = head.payload_bytes;
    PLIM_TRY(read_head(self, fd, bytes, &head, err));
    plim_home_drop(home, bytes);
    if (home->is_bump) {
        PLIM_TRY(plim_region_rewind(home->region, mark, err));
    }
    self->chunk_bytes = head.chunk_bytes;
    self->room_bytes = plim_engine_pages(head.payload_bytes);
    self->files[0] = (plim_stream_file){.fd = fd, .path = self->path, .size_bytes = file_bytes};
    self->file_count = 1;
    *out = self;
    return PLIM_OK;
}
