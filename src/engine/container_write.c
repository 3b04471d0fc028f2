/* SPDX-License-Identifier: Apache-2.0 */
/* container_write.c - the packer: inputs in, one container out, in bounded memory.
 *
 * The sizes of all parts but the body are known before the first byte is written, so body
 * extents and table entries go straight to their places in a temporary file; memory is
 * three chunks, the codec's state, the card's text and one section per input. The header
 * comes last, once with its digest field zero and once whole. Only then is the file renamed.
 */
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/atomic.h"
#include "src/engine/bare.h"
#include "src/engine/block.h"
#include "src/engine/container.h"
#include "src/engine/digest.h"
#include "src/engine/scratch.h"
#include "src/engine/source.h"
#include "src/engine/weights.h"
#include "src/engine/write.h"

/* What filling in the payload and the weights may add to the card's text. */
#define CARD_GROWTH_BYTES 1280u

typedef struct packer {
    plim_atomic_file file;
    plim_container_head head;
    plim_scratch scratch;
    plim_source_list source;
    plim_block_maker block;
    plim_digest root;
    unsigned char *raw;
    char *text; /* the card */
    const plim_pack_opts *opts;
    plim_pack_result result;
} packer;

plim_status plim_pack_opts_check(const plim_pack_opts *opts, plim_pack_opts *out, plim_error *err)
{
    memset(out, 0, sizeof(*out));
    if (opts) {
        size_t n = opts->struct_size < sizeof(*out) ? opts->struct_size : sizeof(*out);
        memcpy(out, opts, n);
    }
    out->chunk_bytes = out->chunk_bytes ? out->chunk_bytes : 1u << 20;
    if ((out->chunk_bytes & (out->chunk_bytes - 1)) ||
        out->chunk_bytes < PLIM_ENGINE_CHUNK_BYTES_MIN ||
        out->chunk_bytes > PLIM_ENGINE_CHUNK_BYTES_MAX) {
        return PLIM_FAIL(err, PLIM_E_ARG,
                         .what = "chunk_bytes is not a power of two from 64 KiB "
                                 "to 16 MiB",
                         .want = out->chunk_bytes);
    }
    if (out->lz4_level != 0 && (out->lz4_level < 3 || out->lz4_level > 12)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "lz4_level is not 0 or 3 to 12");
    }
    return PLIM_OK;
}

static plim_status take_scratch(packer *p, size_t input_count, plim_error *err)
{
    size_t state = plim_block_state_bytes(p->opts->lz4_level);
    uint64_t chunk = p->opts->chunk_bytes;
    uint64_t sections = input_count * sizeof(plim_section);
    PLIM_TRY(plim_scratch_open(&p->scratch, plim_provider_mmap(),
                               3 * plim_scratch_piece(chunk) + plim_scratch_piece(state) +
                                   plim_scratch_piece(sections) +
                                   plim_scratch_piece(p->head.card_bytes + 1),
                               err));
    p->raw = plim_scratch_take(&p->scratch, chunk);
    p->block = (plim_block_maker){.packed = plim_scratch_take(&p->scratch, chunk),
                                  .proof = plim_scratch_take(&p->scratch, chunk),
                                  .state = plim_scratch_take(&p->scratch, state),
                                  .level = p->opts->lz4_level};
    p->source.sections = plim_scratch_take(&p->scratch, sections);
    p->text = plim_scratch_take(&p->scratch, p->head.card_bytes + 1);
    return PLIM_OK;
}

/* Digest and bytes of one chunk, at @offset; what it takes in the file. */
static plim_status put_chunk(packer *p, plim_chunk *chunk, bool is_last, plim_error *err)
{
    const unsigned char *bytes = p->raw;
    bool packed = p->opts->lz4 && plim_block_pack(&p->block, p->raw, chunk);
    if (packed) {
        bytes = p->block.packed;
        p->result.lz4_chunk_count++;
    } else {
        chunk->codec = PLIM_CODEC_RAW;
        chunk->stored_bytes = chunk->raw_bytes;
        chunk->tail_bytes = 0;
    }
    /* Raw chunks but the last are whole pages already, so extent and digested bytes agree. */
    size_t extent = (size_t)plim_container_extent_bytes(chunk, is_last);
    if (!plim_digest_of(bytes, extent, chunk->sha256) ||
        !plim_digest_add(&p->root, chunk->sha256, PLIM_DIGEST_BYTES)) {
        return plim_digest_failed(err);
    }
    return plim_atomic_write(&p->file, bytes, extent, chunk->file_offset, err);
}

static plim_status put_body(packer *p, plim_error *err)
{
    uint64_t at = p->head.body_offset;
    for (uint64_t i = 0; i < p->head.chunk_count; i++) {
        uint8_t entry[PLIM_CONTAINER_CHUNK_BYTES];
        plim_chunk chunk = {.file_offset = at, .payload_offset = i * p->head.chunk_bytes};
        uint64_t rest = p->head.payload_bytes - chunk.payload_offset;
        bool is_last = rest <= p->head.chunk_bytes;
        chunk.raw_bytes = is_last ? (uint32_t)rest : p->head.chunk_bytes;
        PLIM_TRY(plim_source_read(&p->source, p->raw, chunk.payload_offset, chunk.raw_bytes, err));
        PLIM_TRY(put_chunk(p, &chunk, is_last, err));
        plim_container_chunk_encode(&chunk, entry);
        PLIM_TRY(plim_atomic_write(&p->file, entry, sizeof(entry),
                                   p->head.chunk_offset + i * PLIM_CONTAINER_CHUNK_BYTES, err));
        at += plim_container_extent_bytes(&chunk, is_last);
        if (p->opts->progress) {
            p->opts->progress(p->opts->progress_context, chunk.payload_offset + chunk.raw_bytes,
                              p->head.payload_bytes);
        }
    }
    p->head.file_bytes = at;
    return PLIM_OK;
}

static plim_status put_sections(packer *p, plim_error *err)
{
    for (size_t i = 0; i < p->source.input_count; i++) {
        uint8_t entry[PLIM_CONTAINER_SECTION_BYTES];
        plim_container_section_encode(&p->source.sections[i], entry);
        PLIM_TRY(plim_atomic_write(&p->file, entry, sizeof(entry),
                                   p->head.section_offset + i * sizeof(entry), err));
    }
    return PLIM_OK;
}

/* Reads the head back from the file, holes as zeros, just as a reader will. */
static plim_status digest_head(packer *p, plim_error *err)
{
    return plim_engine_digest_to(p->file.fd, p->file.path, p->head.body_offset, p->raw,
                                 p->opts->chunk_bytes, p->head.digest, err);
}

static plim_status put_header(packer *p, plim_error *err)
{
    uint8_t header[PLIM_CONTAINER_HEADER_BYTES];
    plim_container_head_encode(&p->head, header);
    return plim_atomic_write(&p->file, header, sizeof(header), 0, err);
}

static plim_status put_card(packer *p, plim_card *card, plim_error *err)
{
    size_t bytes;
    memcpy(card->payload_root, p->head.root, PLIM_DIGEST_BYTES);
    PLIM_TRY(plim_card_format(card, p->text, (size_t)p->head.card_bytes + 1, &bytes, err));
    return plim_atomic_write(&p->file, p->text, bytes, p->head.card_offset, err);
}

static plim_status put_file(packer *p, plim_card *card, plim_error *err)
{
    if (p->head.chunk_count == 0 && ftruncate(p->file.fd, (off_t)p->head.body_offset) != 0) {
        return PLIM_FAIL(err, PLIM_E_IO, .what = "file cannot be sized", .os_errno = errno);
    }
    PLIM_TRY(put_body(p, err));
    bool done = plim_digest_final(&p->root, p->head.root);
    if (!done) {
        return plim_digest_failed(err);
    }
    PLIM_TRY(put_card(p, card, err));
    PLIM_TRY(put_sections(p, err));
    PLIM_TRY(put_header(p, err)); /* its digest field is still zero */
    PLIM_TRY(digest_head(p, err));
    PLIM_TRY(put_header(p, err));
    PLIM_TRY(plim_atomic_sync(&p->file, err));
    return plim_atomic_commit(&p->file, err);
}

/* One input, while sections are laid out and before the body is read. */
typedef struct input_bytes {
    plim_source_list *list;
    size_t section;
} input_bytes;

static plim_status read_input(void *context, void *out, size_t size, uint64_t offset,
                              plim_error *err)
{
    const input_bytes *in = context;
    uint64_t from = in->list->sections[in->section].offset_bytes;
    return plim_source_read(in->list, out, from + offset, size, err);
}

/* What the weights are, where the format can be read; what the caller thought otherwise stands. */
static plim_status find_weights(packer *p, plim_card *card, plim_error *err)
{
    plim_weights weights = {.is_known = false};
    size_t index = plim_weights_section(card->format, p->source.sections, p->source.input_count);
    if (index < p->source.input_count) {
        input_bytes in = {&p->source, index};
        const plim_section *s = &p->source.sections[index];
        plim_byte_source source = {
            .read = read_input, .context = &in, .size_bytes = s->size_bytes, .path = s->name};
        PLIM_TRY(plim_weights_scan(&source, card->format, &weights, err));
    }
    plim_weights_note(&weights, card);
    return PLIM_OK;
}

/* Sections and payload first, then how long the card's text will be, then the layout. */
static plim_status lay_out(packer *p, plim_card *card, const plim_pack_input *inputs,
                           size_t input_count, plim_error *err)
{
    PLIM_TRY(plim_source_open(&p->source, inputs, input_count, p->source.sections, err));
    card->payload_bytes = p->head.payload_bytes = p->source.payload_bytes;
    card->has_payload_root = true;
    PLIM_TRY(find_weights(p, card, err));
    size_t bytes = 0;
    plim_status status = plim_card_format(card, NULL, 0, &bytes, err);
    if (status != PLIM_E_RANGE || bytes == 0) {
        return status;
    }
    if (bytes > p->head.card_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "identity card text", .want = bytes,
                         .limit = p->head.card_bytes);
    }
    p->head.card_bytes = bytes;
    return plim_container_layout(&p->head, err);
}

static plim_status pack(packer *p, const char *path, plim_card *card, const plim_pack_input *inputs,
                        size_t input_count, plim_error *err)
{
    size_t bytes = 0;
    PLIM_TRY(plim_pack_check_place(path, card, err));
    (void)!plim_card_format(card, NULL, 0, &bytes, NULL);
    p->head = (plim_container_head){.chunk_bytes = p->opts->chunk_bytes,
                                    .section_count = (uint32_t)input_count,
                                    .card_bytes = bytes + CARD_GROWTH_BYTES};
    PLIM_TRY(take_scratch(p, input_count, err));
    PLIM_TRY(lay_out(p, card, inputs, input_count, err));
    if (!plim_digest_start(&p->root)) {
        return plim_digest_failed(err);
    }
    PLIM_TRY(plim_atomic_open(&p->file, path, err));
    plim_status status = put_file(p, card, err);
    plim_atomic_close(&p->file);
    return status;
}

plim_status plim_engine_pack(const char *path, plim_card *card, const plim_pack_input *inputs,
                             size_t input_count, const plim_pack_opts *opts,
                             plim_pack_result *result, plim_error *err)
{
    plim_pack_opts checked;
    if (!path || !card || !inputs || input_count == 0 || input_count > 4096) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "path, card and 1 to 4096 inputs");
    }
    PLIM_TRY(plim_pack_opts_check(opts, &checked, err));
    packer p = {.opts = &checked, .source = {.fd = -1}};
    plim_pack_card_state before = plim_pack_card_save(card);
    plim_status status = pack(&p, path, card, inputs, input_count, err);
    uint8_t ignored[PLIM_DIGEST_BYTES];
    if (p.root.context) {
        (void)plim_digest_final(&p.root, ignored);
    }
    plim_source_close(&p.source);
    plim_scratch_close(&p.scratch);
    if (status != PLIM_OK) {
        plim_pack_card_restore(card, &before);
        return status;
    }
    if (result) {
        p.result.payload_bytes = p.head.payload_bytes;
        p.result.file_bytes = p.head.file_bytes;
        p.result.chunk_count = p.head.chunk_count;
        memcpy(p.result.root, p.head.root, PLIM_DIGEST_BYTES);
        *result = p.result;
    }
    return PLIM_OK;
}
