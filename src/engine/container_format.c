/* SPDX-License-Identifier: Apache-2.0 */
/* container_format.c - the container's header and table entries, to bytes and back.
 *
 * Decoding refuses: a magic, version or constant that is not ours; a count above its limit;
 * an offset that is not where the one legal layout puts it; an entry that does not follow
 * the one before without a gap; and any reserved byte that is not zero. Numbers are little
 * endian and read byte by byte, so alignment and byte order of the machine do not matter.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/engine/container.h"
#include "src/engine/printable.h"

static void put(uint8_t *to, uint64_t value, unsigned size)
{
    for (unsigned i = 0; i < size; i++) {
        to[i] = (uint8_t)(value >> (8 * i));
    }
}

static uint64_t get(const uint8_t *from, unsigned size)
{
    uint64_t value = 0;
    for (unsigned i = 0; i < size; i++) {
        value |= (uint64_t)from[i] << (8 * i);
    }
    return value;
}

static bool is_zero(const uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i < size; i++) {
        if (bytes[i]) {
            return false;
        }
    }
    return true;
}

plim_status plim_container_refuse(plim_status status, const char *what, const char *field,
                                  uint64_t wanted, uint64_t found, plim_error *err)
{
    char want[32];
    char have[32];
    snprintf(want, sizeof(want), "%" PRIu64, wanted);
    snprintf(have, sizeof(have), "%" PRIu64, found);
    return plim_error_set(err, status, what, field, want, have);
}

static plim_status above(const char *field, uint64_t limit, uint64_t found, plim_error *err)
{
    char want[40];
    char have[32];
    snprintf(want, sizeof(want), "at most %" PRIu64, limit);
    snprintf(have, sizeof(have), "%" PRIu64, found);
    return plim_error_set(err, PLIM_E_RANGE, "container header", field, want, have);
}

static plim_status check_limits(const plim_container_head *h, plim_error *err)
{
    if (!bytes_is_power_of_two(h->chunk_bytes) || h->chunk_bytes < PLIM_ENGINE_CHUNK_BYTES_MIN ||
        h->chunk_bytes > PLIM_ENGINE_CHUNK_BYTES_MAX) {
        char found[16];
        snprintf(found, sizeof(found), "%" PRIu32, h->chunk_bytes);
        return plim_error_set(err, PLIM_E_RANGE, "container header", "chunk_bytes",
                              "a power of two from 65536 to 16777216", found);
    }
    if (h->section_count > PLIM_ENGINE_SECTIONS_MAX) {
        return above("section_count", PLIM_ENGINE_SECTIONS_MAX, h->section_count, err);
    }
    if (h->card_bytes > PLIM_ENGINE_CARD_BYTES_MAX) {
        return above("card_bytes", PLIM_ENGINE_CARD_BYTES_MAX, h->card_bytes, err);
    }
    /* Every later sum stays far from wrapping: file offsets are signed on this system. */
    if (h->payload_bytes > (uint64_t)INT64_MAX >> 8) {
        return above("payload_bytes", (uint64_t)INT64_MAX >> 8, h->payload_bytes, err);
    }
    return PLIM_OK;
}

plim_status plim_container_layout(plim_container_head *h, plim_error *err)
{
    uint64_t tables;
    uint64_t end;
    PLIM_TRY(check_limits(h, err));
    h->chunk_count = (h->payload_bytes + h->chunk_bytes - 1) / h->chunk_bytes;
    h->card_offset = PLIM_CONTAINER_HEADER_BYTES;
    if (!bytes_align_up(h->card_offset + h->card_bytes, 8, &h->section_offset) ||
        !bytes_add(h->section_offset, (uint64_t)h->section_count * PLIM_CONTAINER_SECTION_BYTES,
                   &h->chunk_offset) ||
        !bytes_mul(h->chunk_count, PLIM_CONTAINER_CHUNK_BYTES, &tables) ||
        !bytes_add(h->chunk_offset, tables, &end) ||
        !bytes_align_up(end, PLIM_ENGINE_PAGE, &h->body_offset)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "container tables");
    }
    return PLIM_OK;
}

void plim_container_head_encode(const plim_container_head *h, uint8_t *out)
{
    memset(out, 0, PLIM_CONTAINER_HEADER_BYTES);
    memcpy(out, PLIM_CONTAINER_MAGIC, 8);
    put(out + 8, PLIM_CONTAINER_VERSION, 4);
    put(out + 12, PLIM_CONTAINER_HEADER_BYTES, 4);
    put(out + 16, h->chunk_bytes, 4);
    put(out + 20, h->section_count, 4);
    put(out + 24, h->chunk_count, 8);
    put(out + 32, h->card_offset, 8);
    put(out + 40, h->card_bytes, 8);
    put(out + 48, h->section_offset, 8);
    put(out + 56, h->chunk_offset, 8);
    put(out + 64, h->body_offset, 8);
    put(out + 72, h->payload_bytes, 8);
    put(out + 80, h->file_bytes, 8);
    memcpy(out + 96, h->root, PLIM_DIGEST_BYTES);
    memcpy(out + PLIM_CONTAINER_DIGEST_AT, h->digest, PLIM_DIGEST_BYTES);
}

static plim_status check_constants(const uint8_t *bytes, plim_error *err)
{
    if (memcmp(bytes, PLIM_CONTAINER_MAGIC, 8) != 0) {
        char found[48];
        plim_text_quote(found, sizeof(found), (const char *)bytes, 8);
        return plim_error_set(err, PLIM_E_FORMAT, "not an engine container", "magic",
                              "\"" PLIM_CONTAINER_MAGIC "\"", found);
    }
    if (get(bytes + 8, 4) != PLIM_CONTAINER_VERSION) {
        return plim_container_refuse(PLIM_E_UNSUPPORTED, "container header", "version",
                                     PLIM_CONTAINER_VERSION, get(bytes + 8, 4), err);
    }
    if (get(bytes + 12, 4) != PLIM_CONTAINER_HEADER_BYTES) {
        return plim_container_refuse(PLIM_E_FORMAT, "container header", "header_bytes",
                                     PLIM_CONTAINER_HEADER_BYTES, get(bytes + 12, 4), err);
    }
    if (!is_zero(bytes + 88, 8) || !is_zero(bytes + 160, PLIM_CONTAINER_HEADER_BYTES - 160)) {
        return plim_error_set(err, PLIM_E_FORMAT, "container header", "reserved", "zero bytes",
                              "others");
    }
    return PLIM_OK;
}

plim_status plim_container_head_decode(const uint8_t *bytes, uint64_t file_bytes,
                                       plim_container_head *out, plim_error *err)
{
    memset(out, 0, sizeof(*out));
    PLIM_TRY(check_constants(bytes, err));
    plim_container_head h = {.chunk_bytes = (uint32_t)get(bytes + 16, 4),
                             .section_count = (uint32_t)get(bytes + 20, 4),
                             .card_bytes = get(bytes + 40, 8),
                             .payload_bytes = get(bytes + 72, 8),
                             .file_bytes = get(bytes + 80, 8)};
    PLIM_TRY(plim_container_layout(&h, err));
    const struct {
        const char *field;
        unsigned at;
        uint64_t wanted;
    } fixed[] = {{"chunk_count", 24, h.chunk_count},
                 {"card_offset", 32, h.card_offset},
                 {"section_offset", 48, h.section_offset},
                 {"chunk_offset", 56, h.chunk_offset},
                 {"body_offset", 64, h.body_offset}};
    for (size_t i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++) {
        uint64_t found = get(bytes + fixed[i].at, 8);
        if (found != fixed[i].wanted) {
            return plim_container_refuse(PLIM_E_FORMAT, "container header", fixed[i].field,
                                         fixed[i].wanted, found, err);
        }
    }
    if (h.file_bytes != file_bytes) {
        return plim_container_refuse(PLIM_E_RANGE,
                                     file_bytes < h.file_bytes
                                         ? "the file is cut short: copy or build it again"
                                         : "the file is longer than the container in it",
                                     "file_bytes", h.file_bytes, file_bytes, err);
    }
    if (h.body_offset > file_bytes || h.chunk_count > file_bytes - h.body_offset) {
        return plim_container_refuse(PLIM_E_RANGE, "container is shorter than its tables",
                                     "file_bytes", h.body_offset, file_bytes, err);
    }
    memcpy(h.root, bytes + 96, PLIM_DIGEST_BYTES);
    memcpy(h.digest, bytes + PLIM_CONTAINER_DIGEST_AT, PLIM_DIGEST_BYTES);
    *out = h;
    return PLIM_OK;
}

void plim_container_section_encode(const plim_section *section, uint8_t *out)
{
    memset(out, 0, PLIM_CONTAINER_SECTION_BYTES);
    memcpy(out, section->name, strnlen(section->name, PLIM_SECTION_NAME_BYTES - 1));
    put(out + 128, (uint32_t)section->kind, 4);
    put(out + 136, section->offset_bytes, 8);
    put(out + 144, section->size_bytes, 8);
    put(out + 152, section->align_bytes, 8);
}

static plim_status bad_section(const plim_section *section, const char *field, const char *wanted,
                               uint64_t value, plim_error *err)
{
    char found[32];
    snprintf(found, sizeof(found), "%" PRIu64, value);
    plim_error_set(err, PLIM_E_FORMAT, "section table", field, wanted, found);
    if (err) {
        plim_text_quote(err->detail, sizeof(err->detail), section->name, strlen(section->name));
    }
    return PLIM_E_FORMAT;
}

plim_status plim_container_section_decode(const uint8_t *bytes, uint64_t payload_bytes,
                                          uint64_t *floor_bytes, plim_section *out, plim_error *err)
{
    const char *name = (const char *)bytes;
    size_t n = strnlen(name, PLIM_SECTION_NAME_BYTES);
    memset(out, 0, sizeof(*out));
    if (n == PLIM_SECTION_NAME_BYTES || !plim_text_is_plain(name, n) ||
        !is_zero(bytes + n, PLIM_SECTION_NAME_BYTES - n) || !is_zero(bytes + 132, 4)) {
        return plim_error_set(err, PLIM_E_FORMAT, "section table", "name",
                              "printable ASCII, padded with zeros", NULL);
    }
    plim_section s = {.offset_bytes = get(bytes + 136, 8),
                      .size_bytes = get(bytes + 144, 8),
                      .align_bytes = get(bytes + 152, 8)};
    uint64_t kind = get(bytes + 128, 4);
    memcpy(s.name, name, n);
    if (kind > PLIM_SECTION_WEIGHTS) {
        return bad_section(&s, "kind", "0, 1 or 2", kind, err);
    }
    s.kind = (plim_section_kind)kind;
    if (!bytes_is_power_of_two(s.align_bytes) || s.align_bytes > (2u << 20) ||
        (s.offset_bytes & (s.align_bytes - 1))) {
        return bad_section(&s, "align_bytes", "a power of two that divides the offset",
                           s.align_bytes, err);
    }
    if (s.offset_bytes < *floor_bytes || s.offset_bytes > payload_bytes) {
        return bad_section(&s, "offset_bytes", "behind the section before, inside the payload",
                           s.offset_bytes, err);
    }
    if (s.size_bytes > payload_bytes - s.offset_bytes) {
        return bad_section(&s, "size_bytes", "inside the payload", s.size_bytes, err);
    }
    *floor_bytes = s.offset_bytes + s.size_bytes;
    *out = s;
    return PLIM_OK;
}

uint64_t plim_container_extent_bytes(const plim_chunk *chunk, bool is_last)
{
    if (is_last && chunk->codec == PLIM_CODEC_RAW) {
        return chunk->stored_bytes;
    }
    return plim_engine_pages(chunk->stored_bytes);
}

void plim_container_chunk_encode(const plim_chunk *chunk, uint8_t *out)
{
    memset(out, 0, PLIM_CONTAINER_CHUNK_BYTES);
    put(out, chunk->file_offset, 8);
    put(out + 8, chunk->payload_offset, 8);
    put(out + 16, chunk->stored_bytes, 4);
    put(out + 20, chunk->raw_bytes, 4);
    put(out + 24, (uint32_t)chunk->codec, 4);
    put(out + 28, chunk->tail_bytes, 4);
    memcpy(out + 32, chunk->sha256, PLIM_DIGEST_BYTES);
}

static plim_status bad_chunk(uint64_t index, const char *field, uint64_t wanted, uint64_t found,
                             plim_error *err)
{
    char name[64];
    snprintf(name, sizeof(name), "chunk %" PRIu64 " %s", index, field);
    return plim_container_refuse(PLIM_E_FORMAT, "chunk table", name, wanted, found, err);
}

/* May a block of these lengths be read into its own room and decoded there? */
static plim_status check_codec(const plim_chunk *c, uint64_t codec, uint64_t index, plim_error *err)
{
    if (codec == PLIM_CODEC_RAW) {
        if (c->stored_bytes != c->raw_bytes) {
            return bad_chunk(index, "stored_bytes", c->raw_bytes, c->stored_bytes, err);
        }
        return c->tail_bytes ? bad_chunk(index, "tail_bytes", 0, c->tail_bytes, err) : PLIM_OK;
    }
    if (codec != PLIM_CODEC_LZ4) {
        return bad_chunk(index, "codec", PLIM_CODEC_LZ4, codec, err);
    }
    if (c->tail_bytes > PLIM_LZ4_TAIL_MAX || c->tail_bytes > c->raw_bytes) {
        return bad_chunk(index, "tail_bytes", PLIM_LZ4_TAIL_MAX, c->tail_bytes, err);
    }
    uint64_t room = plim_engine_pages(c->raw_bytes);
    if (c->stored_bytes <= c->tail_bytes || plim_container_extent_bytes(c, false) > room) {
        return bad_chunk(index, "stored_bytes", room, c->stored_bytes, err);
    }
    return PLIM_OK;
}

plim_status plim_container_chunk_decode(const uint8_t *bytes, const plim_container_head *head,
                                        uint64_t index, uint64_t *file_cursor, plim_chunk *out,
                                        plim_error *err)
{
    plim_chunk c = {.file_offset = get(bytes, 8),
                    .payload_offset = get(bytes + 8, 8),
                    .stored_bytes = (uint32_t)get(bytes + 16, 4),
                    .raw_bytes = (uint32_t)get(bytes + 20, 4),
                    .tail_bytes = (uint32_t)get(bytes + 28, 4)};
    uint64_t codec = get(bytes + 24, 4);
    uint64_t payload_offset = index * head->chunk_bytes;
    uint64_t rest = head->payload_bytes - payload_offset;
    uint32_t raw = rest < head->chunk_bytes ? (uint32_t)rest : head->chunk_bytes;
    memset(out, 0, sizeof(*out));
    if (c.payload_offset != payload_offset) {
        return bad_chunk(index, "payload_offset", payload_offset, c.payload_offset, err);
    }
    if (c.raw_bytes != raw) {
        return bad_chunk(index, "raw_bytes", raw, c.raw_bytes, err);
    }
    if (c.file_offset != *file_cursor) {
        return bad_chunk(index, "file_offset", *file_cursor, c.file_offset, err);
    }
    PLIM_TRY(check_codec(&c, codec, index, err));
    c.codec = (plim_codec)codec;
    uint64_t extent = plim_container_extent_bytes(&c, index + 1 == head->chunk_count);
    if (*file_cursor > head->file_bytes || extent > head->file_bytes - *file_cursor) {
        return bad_chunk(index, "file_offset", head->file_bytes, *file_cursor, err);
    }
    if (!is_zero(bytes + 64, 16)) {
        return bad_chunk(index, "reserved", 0, 1, err);
    }
    memcpy(c.sha256, bytes + 32, PLIM_DIGEST_BYTES);
    *file_cursor += extent;
    *out = c;
    return PLIM_OK;
}
