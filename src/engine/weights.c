/* SPDX-License-Identifier: Apache-2.0 */
/* weights.c - which type most bytes of the weights have, from the artifact and not from its name.
 *
 * A builder may take a flag and build something else without a word, so what was asked is compared
 * with what is there. ONNX graphs and safetensors headers say it; a plan does not, and stays what
 * its card says. Nothing is guessed: a format that cannot be read leaves the answer unknown.
 */
#include "src/engine/weights.h"

#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/engine/onnx_external.h"
#include "src/engine/safetensors.h"
#include "src/engine/scratch.h"

/* ---- names ---- */

/* Types of one precision, in the order of plim_dtype. */
static const struct {
    const char *name;
    plim_dtype types[2];
} PRECISIONS[] = {
    {"fp32", {PLIM_F32, PLIM_F32}},
    {"fp64", {PLIM_F64, PLIM_F64}},
    {"fp16", {PLIM_F16, PLIM_F16}},
    {"bf16", {PLIM_BF16, PLIM_BF16}},
    {"int8", {PLIM_I8, PLIM_U8}},
    {"int16", {PLIM_I16, PLIM_U16}},
    {"int32", {PLIM_I32, PLIM_U32}},
    {"int64", {PLIM_I64, PLIM_U64}},
    {"bool", {PLIM_BOOL, PLIM_BOOL}},
    {"int4", {PLIM_I4, PLIM_U4}},
    {"fp8", {PLIM_F8E4M3, PLIM_F8E5M2}},
    {"fp4", {PLIM_F4E2M1, PLIM_F4E2M1}},
    {"other", {PLIM_DTYPE_NONE, PLIM_DTYPE_NONE}},
};

const char *plim_weights_precision(const plim_weights *weights)
{
    const char *name = "";
    uint64_t most = 0;
    for (size_t i = 0; weights && i < sizeof(PRECISIONS) / sizeof(PRECISIONS[0]); i++) {
        const plim_dtype *t = PRECISIONS[i].types;
        uint64_t bytes = weights->bytes[t[0]];
        if (t[1] != t[0] && !bytes_add(bytes, weights->bytes[t[1]], &bytes)) {
            bytes = UINT64_MAX;
        }
        if (weights->is_known && bytes > most) {
            most = bytes;
            name = PRECISIONS[i].name;
        }
    }
    return name;
}

void plim_weights_note(const plim_weights *weights, plim_card *card)
{
    card->weights = *weights;
    if (weights->is_known) {
        snprintf(card->precision_found, sizeof(card->precision_found), "%s",
                 plim_weights_precision(weights));
    }
}

plim_status plim_weights_add(plim_weights *weights, plim_dtype dtype, uint64_t elements,
                             uint64_t bits, uint64_t *out_bytes, plim_error *err)
{
    uint64_t *sum = &weights->bytes[dtype], all, bytes;
    if (!bytes_mul(elements, bits, &all) || all > UINT64_MAX - 7) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of a constant", .want = elements);
    }
    bytes = (all + 7) / 8;
    if (!bytes_add(*sum, bytes, &all) || all > INT64_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "bytes of all constants", .want = bytes);
    }
    *sum = all;
    *out_bytes = bytes;
    return PLIM_OK;
}

/* ---- formats ---- */

typedef enum format_kind { FORMAT_OTHER, FORMAT_ONNX, FORMAT_SAFETENSORS } format_kind;

static format_kind kind_of(const char *format)
{
    return strncmp(format, "onnx", 4) == 0      ? FORMAT_ONNX
           : strcmp(format, "safetensors") == 0 ? FORMAT_SAFETENSORS
                                                : FORMAT_OTHER;
}

size_t plim_weights_section(const char *format, const plim_section *sections, size_t count)
{
    format_kind kind = kind_of(format);
    plim_section_kind want = kind == FORMAT_SAFETENSORS ? PLIM_SECTION_WEIGHTS : PLIM_SECTION_GRAPH;
    if (kind == FORMAT_OTHER) {
        return count;
    }
    for (size_t i = 0; i < count; i++) {
        if (sections[i].kind == want) {
            return i;
        }
    }
    return count;
}

static plim_status scan_safetensors(const plim_byte_source *source, plim_weights *out,
                                    plim_error *err)
{
    uint8_t first[8] = {0};
    uint64_t json_bytes, count;
    plim_scratch scratch;
    PLIM_TRY(source->read(source->context, first, source->size_bytes < 8 ? 0 : 8, 0, err));
    PLIM_TRY(plim_safetensors_header_bytes(first, source->size_bytes, &json_bytes, err));
    PLIM_TRY(
        plim_scratch_open(&scratch, plim_provider_mmap(), plim_scratch_piece(json_bytes), err));
    char *json = plim_scratch_take(&scratch, json_bytes);
    plim_status status = source->read(source->context, json, (size_t)json_bytes, 8, err);
    if (status == PLIM_OK) {
        status =
            plim_safetensors_parse(json, json_bytes, source->size_bytes, NULL, &count, out, err);
    }
    plim_scratch_close(&scratch);
    return status;
}

plim_status plim_weights_scan(const plim_byte_source *source, const char *format, plim_weights *out,
                              plim_error *err)
{
    plim_weights found = {.is_known = false};
    format_kind kind = kind_of(format);
    *out = found;
    if (kind == FORMAT_ONNX) {
        PLIM_TRY(plim_onnx_scan(source, NULL, NULL, &found, err));
    } else if (kind == FORMAT_SAFETENSORS) {
        PLIM_TRY(scan_safetensors(source, &found, err));
    }
    found.is_known = kind != FORMAT_OTHER;
    *out = found;
    return PLIM_OK;
}

/* ---- where the bytes are ---- */

static plim_status read_file(void *context, void *out, size_t size, uint64_t offset,
                             plim_error *err)
{
    const plim_file_bytes *f = context;
    return plim_engine_read_at(f->fd, f->path, out, size, offset, err);
}

plim_byte_source plim_byte_source_of(plim_file_bytes *file, uint64_t size_bytes)
{
    return (plim_byte_source){
        .read = read_file, .context = file, .size_bytes = size_bytes, .path = file->path};
}

/* A section of an artifact, through a window that holds one chunk. */
typedef struct section_bytes {
    const plim_engine_file *engine;
    unsigned char *window;
    size_t chunk; /* that the window holds; SIZE_MAX: none */
    uint64_t offset;
} section_bytes;

static size_t chunk_at(const plim_engine_file *engine, uint64_t offset)
{
    size_t low = 0, high = engine->chunk_count;
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        *(engine->chunks[middle].payload_offset <= offset ? &low : &high) = middle;
    }
    return low;
}

static plim_status read_section(void *context, void *out, size_t size, uint64_t offset,
                                plim_error *err)
{
    section_bytes *s = context;
    unsigned char *to = out;
    for (uint64_t at = s->offset + offset; size;) {
        size_t index = chunk_at(s->engine, at);
        const plim_chunk *c = &s->engine->chunks[index];
        if (at < c->payload_offset || at - c->payload_offset >= c->raw_bytes) {
            return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "a section outside its chunks");
        }
        if (s->chunk != index) {
            s->chunk = SIZE_MAX;
            PLIM_TRY(plim_engine_read_chunk(s->engine, index, s->window, err));
            s->chunk = index;
        }
        uint64_t from = at - c->payload_offset, rest = c->raw_bytes - from;
        size_t n = rest < size ? (size_t)rest : size;
        memcpy(to, s->window + from, n);
        to += n;
        at += n;
        size -= n;
    }
    return PLIM_OK;
}

plim_status plim_engine_weights(plim_engine_file *self, void *scratch, size_t scratch_bytes,
                                plim_weights *out, plim_error *err)
{
    if (!self || !out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine and out");
    }
    *out = (plim_weights){.is_known = false};
    if (kind_of(self->card->format) == FORMAT_OTHER || !self->section_count) {
        return PLIM_OK;
    }
    /* The sections of a bare file begin with the file itself. */
    size_t index =
        strcmp(self->sections[0].name, "file") == 0
            ? 0
            : plim_weights_section(self->card->format, self->sections, self->section_count);
    if (index == self->section_count) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_engine_check_scratch(self, scratch, scratch_bytes, err));
    section_bytes s = {.engine = self,
                       .window = scratch,
                       .chunk = SIZE_MAX,
                       .offset = self->sections[index].offset_bytes};
    plim_byte_source source = {.read = read_section,
                               .context = &s,
                               .size_bytes = self->sections[index].size_bytes,
                               .path = self->path};
    return plim_weights_scan(&source, self->card->format, out, err);
}
