/* SPDX-License-Identifier: Apache-2.0 */
/* bare_write.c - a card for a bare file, and a bare file with its card.
 *
 * Every file is hashed chunk by chunk through one buffer; what a format says about itself is
 * checked on the way: a safetensors header must parse, a TensorRT plan must carry the version
 * that the card names, and the external data of an ONNX model must lie beneath its folder,
 * inside the files it names. The card is written last.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "src/engine/atomic.h"
#include "src/engine/bare.h"
#include "src/engine/beneath.h"
#include "src/engine/digest.h"
#include "src/engine/onnx_external.h"
#include "src/engine/plan_header.h"
#include "src/engine/printable.h"
#include "src/engine/safetensors.h"
#include "src/engine/scratch.h"
#include "src/engine/source.h"
#include "src/engine/write.h"

typedef struct part { /* one file of the artifact */
    char name[PLIM_BENEATH_BYTES];
    uint64_t bytes, chunk_count;
} part;

typedef struct writer {
    const plim_pack_opts *opts;
    plim_card *card;
    const char *path;
    part *parts;
    size_t part_count;
    int folder;
    uint64_t head_bytes;
    uint8_t head_sha256[PLIM_DIGEST_BYTES];
    plim_scratch list, work;
    unsigned char *chunk;
    uint8_t *digests;
    uint64_t chunk_count, hashed, hashed_bytes, total_bytes;
    char *text;
    size_t text_bytes;
} writer;

/* ---- what the file says about itself ---- */

static plim_status add_external(void *context, const plim_onnx_external *tensor, plim_error *err)
{
    writer *w = context;
    size_t i = 1;
    while (i < w->part_count && strcmp(w->parts[i].name, tensor->location) != 0) {
        i++;
    }
    if (i == PLIM_ENGINE_FILES_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "files of one model",
                         .limit = PLIM_ENGINE_FILES_MAX);
    }
    if (i == w->part_count) {
        int fd;
        PLIM_TRY(plim_beneath_open(w->folder, tensor->location, &fd, &w->parts[i].bytes, err));
        close(fd);
        memcpy(w->parts[i].name, tensor->location, sizeof(tensor->location));
        w->part_count++;
    }
    uint64_t bytes = w->parts[i].bytes;
    if (tensor->offset > bytes || (tensor->has_length && tensor->length > bytes - tensor->offset)) {
        (void)PLIM_FAIL(err, PLIM_E_RANGE, .what = "external data outside its file",
                        .want = tensor->offset + tensor->length, .have = bytes, .limit = bytes);
        plim_error_detail(err, "%s", tensor->location);
        return PLIM_E_RANGE;
    }
    return PLIM_OK;
}

static plim_status inspect_safetensors(writer *w, int fd, plim_error *err)
{
    uint8_t first[8];
    uint64_t json_bytes;
    uint64_t count;
    plim_scratch scratch;
    plim_weights weights = {.is_known = true};
    uint64_t bytes = w->parts[0].bytes;
    memset(first, 0, sizeof(first));
    PLIM_TRY(plim_engine_read_at(fd, w->path, first, bytes < 8 ? (size_t)bytes : 8, 0, err));
    PLIM_TRY(plim_safetensors_header_bytes(first, bytes, &json_bytes, err));
    w->head_bytes = json_bytes + 8;
    /* A tensor's entry is at least 50 bytes of JSON, so this bounds the table. */
    uint64_t table = (json_bytes / 50 + 1) * sizeof(plim_section);
    PLIM_TRY(plim_scratch_open(&scratch, plim_provider_mmap(),
                               plim_scratch_piece(w->head_bytes) + plim_scratch_piece(table), err));
    uint8_t *head = plim_scratch_take(&scratch, w->head_bytes);
    plim_section *sections = plim_scratch_take(&scratch, table);
    plim_status status = plim_engine_read_at(fd, w->path, head, (size_t)w->head_bytes, 0, err);
    if (status == PLIM_OK && !plim_digest_of(head, (size_t)w->head_bytes, w->head_sha256)) {
        status = plim_digest_failed(err);
    }
    count = json_bytes / 50 + 1;
    if (status == PLIM_OK) {
        status = plim_safetensors_parse((char *)head + 8, json_bytes, bytes, sections, &count,
                                        &weights, err);
    }
    plim_scratch_close(&scratch);
    PLIM_TRY(status);
    plim_weights_note(&weights, w->card);
    return PLIM_OK;
}

static plim_status inspect_onnx(writer *w, int fd, plim_error *err)
{
    plim_file_bytes file = {fd, w->path};
    plim_byte_source source = plim_byte_source_of(&file, w->parts[0].bytes);
    plim_weights weights = {.is_known = true};
    PLIM_TRY(plim_onnx_scan(&source, add_external, w, &weights, err));
    plim_weights_note(&weights, w->card);
    return PLIM_OK;
}

static plim_status inspect(writer *w, int fd, plim_error *err)
{
    const char *format = w->card->format;
    w->card->weights = (plim_weights){.is_known = false};
    if (strcmp(format, "safetensors") == 0) {
        return inspect_safetensors(w, fd, err);
    }
    if (strcmp(format, "plan") == 0) {
        return plim_plan_header_check(fd, w->path, w->parts[0].bytes, w->card, err);
    }
    if (strncmp(format, "onnx", 4) == 0) {
        return inspect_onnx(w, fd, err);
    }
    return PLIM_OK;
}

/* ---- digests ---- */

static plim_status hash_file(writer *w, int fd, const char *path, const part *p, plim_error *err)
{
    uint64_t start = plim_engine_pages(w->hashed_bytes); /* as the files lie in the payload */
    for (uint64_t at = 0; at < p->bytes; w->hashed++) {
        uint64_t rest = p->bytes - at;
        size_t n = rest < w->opts->chunk_bytes ? (size_t)rest : w->opts->chunk_bytes;
        PLIM_TRY(plim_engine_read_at(fd, path, w->chunk, n, at, err));
        if (!plim_digest_of(w->chunk, n, w->digests + w->hashed * PLIM_DIGEST_BYTES)) {
            return plim_digest_failed(err);
        }
        at += n;
        if (w->opts->progress) {
            w->opts->progress(w->opts->progress_context, start + at, w->card->payload_bytes);
        }
    }
    w->hashed_bytes = start + p->bytes;
    w->total_bytes += p->bytes;
    return PLIM_OK;
}

static plim_status hash_files(writer *w, int fd, plim_error *err)
{
    PLIM_TRY(hash_file(w, fd, w->path, &w->parts[0], err));
    for (size_t i = 1; i < w->part_count; i++) {
        int other;
        uint64_t bytes;
        PLIM_TRY(plim_beneath_open(w->folder, w->parts[i].name, &other, &bytes, err));
        plim_status status = hash_file(w, other, w->parts[i].name, &w->parts[i], err);
        close(other);
        PLIM_TRY(status);
    }
    if (!plim_digest_of(w->digests, (size_t)w->chunk_count * PLIM_DIGEST_BYTES,
                        w->card->payload_root)) {
        return plim_digest_failed(err);
    }
    w->card->has_payload_root = true;
    return PLIM_OK;
}

/* ---- the card's text ---- */

static void say_file(plim_text_sink *to, const writer *w, size_t index, const uint8_t *digests)
{
    char hex[PLIM_DIGEST_TEXT_BYTES];
    const part *p = &w->parts[index];
    plim_text_say(to, "%s\n    {", index ? "," : "");
    if (index) {
        plim_text_say(to, "\"path\": \"");
        for (const char *c = p->name; *c; c++) {
            plim_text_say(to, *c == '"' ? "\\%c" : "%c", *c);
        }
        plim_text_say(to, "\", ");
    }
    plim_text_say(to, "\"bytes\": %" PRIu64 ", ", p->bytes);
    if (index == 0 && w->head_bytes) {
        plim_text_hex(hex, w->head_sha256, PLIM_DIGEST_BYTES);
        plim_text_say(to, "\"head_bytes\": %" PRIu64 ", \"head_sha256\": \"%s\", ", w->head_bytes,
                      hex);
    }
    plim_text_say(to, "\"sha256\": [");
    for (uint64_t i = 0; i < p->chunk_count; i++) {
        plim_text_hex(hex, digests + i * PLIM_DIGEST_BYTES, PLIM_DIGEST_BYTES);
        plim_text_say(to, "%s\n      \"%s\"", i ? "," : "", hex);
    }
    plim_text_say(to, "]}");
}

static plim_status print(writer *w, char *buffer, size_t buffer_bytes, size_t *needed,
                         plim_error *err)
{
    plim_text_sink to = {buffer, buffer_bytes, 0};
    const uint8_t *digests = w->digests;
    PLIM_TRY(plim_card_print(&to, w->card, err));
    plim_text_say(&to, ",\n  \"chunks\": {\"bytes\": %" PRIu32 ", \"files\": [",
                  w->opts->chunk_bytes);
    for (size_t i = 0; i < w->part_count; i++) {
        say_file(&to, w, i, digests);
        digests += w->parts[i].chunk_count * PLIM_DIGEST_BYTES;
    }
    plim_text_say(&to, "\n  ]}\n}\n");
    *needed = to.needed_bytes;
    return PLIM_OK;
}

/* ---- one run ---- */

static plim_status take_work(writer *w, plim_error *err)
{
    uint64_t payload = 0;
    size_t text = 0;
    w->chunk_count = 0;
    for (size_t i = 0; i < w->part_count; i++) {
        part *p = &w->parts[i];
        if (p->bytes > (uint64_t)INT64_MAX >> 8) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "file size", .want = p->bytes);
        }
        p->chunk_count = (p->bytes + w->opts->chunk_bytes - 1) / w->opts->chunk_bytes;
        w->chunk_count += p->chunk_count;
        payload = plim_scratch_piece(payload) + p->bytes;
        text += 2 * sizeof(p->name) + 256;
    }
    w->card->payload_bytes = payload;
    w->card->has_payload_root = true;
    plim_text_sink to = {NULL, 0, 0};
    PLIM_TRY(plim_card_print(&to, w->card, err));
    text += to.needed_bytes + 256 + (size_t)w->chunk_count * (PLIM_DIGEST_TEXT_BYTES + 16);
    if (text > PLIM_ENGINE_CARD_BYTES_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "identity card text; use larger chunks",
                         .want = text, .limit = PLIM_ENGINE_CARD_BYTES_MAX);
    }
    uint64_t digests = w->chunk_count * PLIM_DIGEST_BYTES;
    PLIM_TRY(plim_scratch_open(&w->work, plim_provider_mmap(),
                               plim_scratch_piece(w->opts->chunk_bytes) +
                                   plim_scratch_piece(digests) + plim_scratch_piece(text),
                               err));
    w->chunk = plim_scratch_take(&w->work, w->opts->chunk_bytes);
    w->digests = plim_scratch_take(&w->work, digests);
    w->text = plim_scratch_take(&w->work, text);
    w->text_bytes = text;
    return PLIM_OK;
}

/* The card's text for the bytes behind @fd. */
static plim_status make_card(writer *w, int fd, uint64_t bytes, plim_error *err)
{
    size_t needed;
    uint64_t size = PLIM_ENGINE_FILES_MAX * sizeof(part);
    PLIM_TRY(plim_scratch_open(&w->list, plim_provider_mmap(), size, err));
    w->parts = plim_scratch_take(&w->list, size);
    w->parts[0].bytes = bytes;
    w->part_count = 1;
    PLIM_TRY(plim_beneath_folder(w->path, &w->folder, err));
    PLIM_TRY(inspect(w, fd, err));
    PLIM_TRY(take_work(w, err));
    PLIM_TRY(hash_files(w, fd, err));
    PLIM_TRY(print(w, w->text, w->text_bytes, &needed, err));
    if (needed >= w->text_bytes) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "identity card text", .want = needed,
                         .limit = w->text_bytes);
    }
    w->text_bytes = needed;
    return PLIM_OK;
}

static plim_status end_run(writer *w, plim_status status, const plim_pack_card_state *before,
                           plim_pack_result *result)
{
    if (status == PLIM_OK && result) {
        *result = (plim_pack_result){.payload_bytes = w->card->payload_bytes,
                                     .file_bytes = w->total_bytes,
                                     .chunk_count = w->chunk_count};
        memcpy(result->root, w->card->payload_root, PLIM_DIGEST_BYTES);
    }
    if (status != PLIM_OK) {
        plim_pack_card_restore(w->card, before);
    }
    plim_scratch_close(&w->work);
    plim_scratch_close(&w->list);
    if (w->folder >= 0) {
        close(w->folder);
    }
    return status;
}

static plim_status put_card(const char *path, const writer *w, int body, plim_error *err)
{
    char name[PATH_MAX];
    char pending[PATH_MAX];
    plim_atomic_file file;
    int n = snprintf(name, sizeof(name), "%s" PLIM_CARD_SUFFIX, path);
    if (n < 0 || (size_t)n >= sizeof(name)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "path too long");
    }
    PLIM_TRY(plim_atomic_open(&file, name, err));
    plim_status status = plim_atomic_write(&file, w->text, w->text_bytes, 0, err);
    if (status == PLIM_OK) {
        status = plim_atomic_sync(&file, err);
    }
    if (status == PLIM_OK) {
        status = plim_atomic_commit(&file, err);
    }
    /* A card left pending by a killed writer would go before the one just written. */
    if (status == PLIM_OK &&
        plim_bare_pending_name(plim_engine_base_name(path), body, pending, sizeof(pending))) {
        (void)plim_file_calls->unlink_at(file.folder, pending);
    }
    plim_atomic_close(&file);
    return status;
}

plim_status plim_engine_write_card(const char *path, plim_card *card, const plim_pack_opts *opts,
                                   plim_pack_result *result, plim_error *err)
{
    plim_pack_opts checked;
    int fd;
    uint64_t bytes;
    if (!path || !card) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "path and card");
    }
    PLIM_TRY(plim_pack_opts_check(opts, &checked, err));
    PLIM_TRY(plim_engine_check_name(path, card, err));
    PLIM_TRY(plim_engine_open_file(path, &fd, &bytes, err));
    writer w = {.opts = &checked, .card = card, .path = path, .folder = -1};
    plim_pack_card_state before = plim_pack_card_save(card);
    plim_status status = make_card(&w, fd, bytes, err);
    if (status == PLIM_OK) {
        status = put_card(path, &w, fd, err);
    }
    close(fd);
    return end_run(&w, status, &before, result);
}

static plim_status copy_body(plim_atomic_file *file, const plim_pack_input *input,
                             uint64_t *out_bytes, plim_error *err)
{
    plim_section section;
    plim_source_list source;
    plim_scratch scratch;
    plim_pack_input named = *input;
    const size_t piece = 1u << 20;
    named.name = "file";
    named.align_bytes = 0;
    memset(&section, 0, sizeof(section));
    PLIM_TRY(plim_source_open(&source, &named, 1, &section, err));
    PLIM_TRY(plim_scratch_open(&scratch, plim_provider_mmap(), piece, err));
    unsigned char *bytes = plim_scratch_take(&scratch, piece);
    plim_status status = PLIM_OK;
    for (uint64_t at = 0; status == PLIM_OK && at < source.payload_bytes; at += piece) {
        uint64_t rest = source.payload_bytes - at;
        size_t n = rest < piece ? (size_t)rest : piece;
        status = plim_source_read(&source, bytes, at, n, err);
        if (status == PLIM_OK) {
            status = plim_atomic_write(file, bytes, n, at, err);
        }
    }
    *out_bytes = source.payload_bytes;
    plim_source_close(&source);
    plim_scratch_close(&scratch);
    return status;
}

/* Pending card, body, card: docs/container.md, "The pair". */
static plim_status put_pair(writer *w, plim_atomic_file *file, plim_error *err)
{
    char pending[NAME_MAX + 1];
    char final[NAME_MAX + 1];
    snprintf(final, sizeof(final), "%.240s" PLIM_CARD_SUFFIX, file->name);
    if (!plim_bare_pending_name(file->name, file->fd, pending, sizeof(pending))) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "name too long");
    }
    plim_status status = plim_atomic_put(file, pending, w->text, w->text_bytes, err);
    if (status == PLIM_OK) {
        status = plim_atomic_commit(file, err);
    }
    if (status != PLIM_OK) {
        if (file->temporary[0]) { /* the body was not renamed: the old pair stands */
            (void)plim_file_calls->unlink_at(file->folder, pending);
        }
        return status;
    }
    return plim_atomic_rename(file, pending, final, err);
}

/* The pending card of the body that is there now, left by a killed writer: once that body is
 * replaced, nobody looks for it any more. */
static bool name_left_pending(const char *path, char *out, size_t out_bytes)
{
    int fd;
    uint64_t bytes;
    if (plim_engine_open_file(path, &fd, &bytes, NULL) != PLIM_OK) {
        return false;
    }
    bool named = plim_bare_pending_name(plim_engine_base_name(path), fd, out, out_bytes);
    close(fd);
    return named;
}

static plim_status write_pair(writer *w, plim_atomic_file *file, const plim_pack_input *input,
                              plim_error *err)
{
    uint64_t bytes;
    PLIM_TRY(copy_body(file, input, &bytes, err));
    PLIM_TRY(plim_atomic_sync(file, err));
    PLIM_TRY(make_card(w, file->fd, bytes, err));
    if (w->part_count > 1) {
        return PLIM_FAIL(err, PLIM_E_UNSUPPORTED,
                         .what = "a model with external data is carded in place");
    }
    char left[NAME_MAX + 1];
    bool has_left = name_left_pending(w->path, left, sizeof(left));
    PLIM_TRY(put_pair(w, file, err));
    if (has_left) {
        (void)plim_file_calls->unlink_at(file->folder, left);
    }
    return PLIM_OK;
}

plim_status plim_engine_write_bare(const char *path, plim_card *card, const plim_pack_input *input,
                                   const plim_pack_opts *opts, plim_pack_result *result,
                                   plim_error *err)
{
    plim_pack_opts checked;
    plim_atomic_file file;
    if (!path || !card || !input) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "path, card and input");
    }
    PLIM_TRY(plim_pack_opts_check(opts, &checked, err));
    PLIM_TRY(plim_engine_check_name(path, card, err));
    PLIM_TRY(plim_atomic_open(&file, path, err));
    writer w = {.opts = &checked, .card = card, .path = path, .folder = -1};
    plim_pack_card_state before = plim_pack_card_save(card);
    plim_status status = write_pair(&w, &file, input, err);
    plim_atomic_close(&file);
    return end_run(&w, status, &before, result);
}
