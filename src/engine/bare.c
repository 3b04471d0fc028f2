/* SPDX-License-Identifier: Apache-2.0 */
/* bare.c - opening a bare file through the card beside it.
 *
 * The card's "chunks" name the files of the artifact with their sizes and digests. Refused
 * are: a size that is not the file's, digests that are not one per chunk, a root that is not
 * theirs, and further files that do not lie strictly beneath the model's folder. Of the files
 * themselves nothing is read, but a safetensors header: its bytes are held against a digest
 * in the card and only then parsed.
 *
 * The pair. Body and card cannot be renamed in one step. A writer therefore puts the new card
 * down first under a name that carries the new body's inode and time; renaming the body is
 * the one step that switches the pair; renaming the card to its plain name only tidies up.
 */
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "src/engine/bare.h"
#include "src/engine/beneath.h"
#include "src/engine/digest.h"
#include "src/engine/printable.h"
#include "src/engine/safetensors.h"

bool plim_bare_pending_name(const char *name, int fd, char *out, size_t out_bytes)
{
    struct stat st;
    if (fstat(fd, &st) != 0) {
        return false;
    }
    uint64_t time = (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
    int n = snprintf(out, out_bytes, "%s.card.%" PRIx64 "-%" PRIx64 ".json", name,
                     (uint64_t)st.st_ino, time);
    return n > 0 && (size_t)n < out_bytes;
}

bool plim_bare_find_card(const char *path, int fd, char *out, size_t out_bytes)
{
    if (plim_bare_pending_name(path, fd, out, out_bytes) && access(out, F_OK) == 0) {
        return true;
    }
    int n = snprintf(out, out_bytes, "%s" PLIM_CARD_SUFFIX, path);
    return n > 0 && (size_t)n < out_bytes && access(out, F_OK) == 0;
}

typedef struct bare_reader {
    plim_json_reader json;
    const char *path;
    int fd;
    uint64_t file_bytes;
    plim_home *home;
    plim_engine_file *self;
    const json_t *chunks, *files;
    uint32_t chunk_bytes;
    uint64_t chunk_count;
    uint64_t head_bytes; /* safetensors: JSON header, 0 otherwise */
    uint8_t head_sha256[PLIM_DIGEST_BYTES];
    bool has_head;
    char *paths; /* of the further files, path_bytes each */
    size_t path_bytes;
} bare_reader;

/* How many chunks there must be, from the sizes alone; the digests must be as many. */
static plim_status measure_file(bare_reader *b, const json_t *file, size_t index)
{
    static const char *const keys[] = {"path",       "bytes",       "sha256",
                                       "head_bytes", "head_sha256", NULL};
    plim_json_reader *r = &b->json;
    uint64_t bytes = 0;
    uint64_t count;
    PLIM_TRY(plim_json_keys(r, file, keys));
    PLIM_TRY(plim_json_u64(r, file, "bytes", (uint64_t)INT64_MAX >> 8, &bytes));
    if (index == 0) {
        PLIM_TRY(
            plim_json_u64(r, file, "head_bytes", PLIM_SAFETENSORS_HEADER_MAX + 8u, &b->head_bytes));
        PLIM_TRY(plim_json_digest(r, file, "head_sha256", &b->has_head, b->head_sha256));
    }
    const json_t *digests = json_object_get(file, "sha256");
    count = (bytes + b->chunk_bytes - 1) / b->chunk_bytes;
    if (!json_is_array(digests) || json_array_size(digests) != count) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "an array of %" PRIu64, count);
        plim_json_enter_key(r, "sha256");
        return plim_json_refuse(r, PLIM_E_FORMAT, wanted, digests);
    }
    b->chunk_count += count;
    return PLIM_OK;
}

static plim_status measure(bare_reader *b, const json_t *root)
{
    static const char *const keys[] = {"bytes", "files", NULL};
    plim_json_reader *r = &b->json;
    b->chunks = json_object_get(root, "chunks");
    b->files = json_object_get(b->chunks, "files");
    plim_json_enter_key(r, "chunks");
    PLIM_TRY(plim_json_keys(r, b->chunks, keys));
    PLIM_TRY(plim_json_u32(r, b->chunks, "bytes", PLIM_ENGINE_CHUNK_BYTES_MAX, &b->chunk_bytes));
    if (!bytes_is_power_of_two(b->chunk_bytes) || b->chunk_bytes < PLIM_ENGINE_CHUNK_BYTES_MIN) {
        plim_json_enter_key(r, "bytes");
        return plim_json_refuse(r, PLIM_E_FORMAT, "a power of two from 65536 to 16777216",
                                json_object_get(b->chunks, "bytes"));
    }
    plim_json_enter_key(r, "files");
    if (!json_is_array(b->files) || json_array_size(b->files) == 0 ||
        json_array_size(b->files) > PLIM_ENGINE_FILES_MAX) {
        return plim_json_refuse(r, PLIM_E_FORMAT, "an array of 1 to 256 files", b->files);
    }
    for (size_t i = 0; i < json_array_size(b->files); i++) {
        plim_json_enter_index(r, i);
        PLIM_TRY(measure_file(b, json_array_get(b->files, i), i));
        plim_json_leave(r);
    }
    plim_json_leave(r);
    plim_json_leave(r);
    return PLIM_OK;
}

static plim_status read_digests(bare_reader *b, const json_t *file, size_t index, uint64_t bytes,
                                uint64_t payload_offset)
{
    const json_t *digests = json_object_get(file, "sha256");
    plim_json_reader *r = &b->json;
    plim_json_enter_key(r, "sha256");
    for (size_t i = 0; i < json_array_size(digests); i++) {
        const json_t *text = json_array_get(digests, i);
        plim_chunk *c = &b->self->chunks[b->chunk_count++];
        uint64_t at = (uint64_t)i * b->chunk_bytes;
        uint64_t rest = bytes - at;
        plim_json_enter_index(r, i);
        if (!json_is_string(text) || json_string_length(text) != 2 * PLIM_DIGEST_BYTES ||
            !plim_text_unhex(json_string_value(text), c->sha256, PLIM_DIGEST_BYTES)) {
            return plim_json_refuse(r, PLIM_E_FORMAT, "64 hex digits in lower case", text);
        }
        plim_json_leave(r);
        c->file_index = (uint32_t)index;
        c->file_offset = at;
        c->payload_offset = payload_offset + at;
        c->raw_bytes = rest < b->chunk_bytes ? (uint32_t)rest : b->chunk_bytes;
        c->stored_bytes = c->raw_bytes;
    }
    plim_json_leave(r);
    return PLIM_OK;
}

/* Opens file @index and gives it a section of its own. */
static plim_status add_file(bare_reader *b, int folder, size_t index)
{
    const json_t *file = json_array_get(b->files, index);
    plim_json_reader *r = &b->json;
    plim_engine_file *self = b->self;
    plim_section *s = &self->sections[index];
    uint64_t found = b->file_bytes;
    uint64_t bytes = 0;
    char name[PLIM_BENEATH_BYTES] = "";
    PLIM_TRY(plim_json_text(r, file, "path", index > 0, name, sizeof(name)));
    PLIM_TRY(plim_json_u64(r, file, "bytes", INT64_MAX, &bytes));
    self->files[index].path = self->path;
    if (index > 0) {
        char *full = b->paths + index * b->path_bytes;
        snprintf(full, b->path_bytes, "%.*s%s", (int)(plim_engine_base_name(b->path) - b->path),
                 b->path, name);
        self->files[index].path = full;
        PLIM_TRY(plim_beneath_open(folder, name, &self->files[index].fd, &found, r->err));
        self->file_count = index + 1;
    }
    if (found != bytes) {
        char wanted[48];
        snprintf(wanted, sizeof(wanted), "the file's %" PRIu64 " bytes", found);
        plim_json_enter_key(r, "bytes");
        return plim_json_refuse(r, PLIM_E_RANGE, wanted, json_object_get(file, "bytes"));
    }
    if (strlen(name) >= sizeof(s->name)) {
        plim_json_enter_key(r, "path");
        return plim_json_refuse(r, PLIM_E_RANGE, "at most 127 bytes",
                                json_object_get(file, "path"));
    }
    memcpy(s->name, index ? name : "file", index ? strlen(name) + 1 : 5);
    s->kind = index ? PLIM_SECTION_WEIGHTS : PLIM_SECTION_GRAPH;
    s->offset_bytes = plim_engine_pages(self->payload_bytes);
    s->size_bytes = bytes;
    s->align_bytes = PLIM_ENGINE_PAGE;
    self->files[index].size_bytes = bytes;
    self->payload_bytes = s->offset_bytes + bytes;
    return read_digests(b, file, index, bytes, s->offset_bytes);
}

static plim_status add_files(bare_reader *b)
{
    int folder = -1;
    size_t count = json_array_size(b->files);
    plim_status status = PLIM_OK;
    if (count > 1) {
        void *paths;
        b->path_bytes = strlen(b->path) + PLIM_BENEATH_BYTES;
        PLIM_TRY(plim_home_take(b->home, count * b->path_bytes, &paths, b->json.err));
        b->paths = paths;
        PLIM_TRY(plim_beneath_folder(b->path, &folder, b->json.err));
    }
    b->chunk_count = 0;
    b->self->file_count = 1;
    plim_json_enter_key(&b->json, "files");
    for (size_t i = 0; i < count && status == PLIM_OK; i++) {
        plim_json_enter_index(&b->json, i);
        status = add_file(b, folder, i);
        plim_json_leave(&b->json);
    }
    plim_json_leave(&b->json);
    if (folder >= 0) {
        close(folder);
    }
    return status;
}

static plim_status check_root(const plim_engine_file *self, plim_error *err)
{
    uint8_t root[PLIM_DIGEST_BYTES];
    PLIM_TRY(plim_engine_root(self, root, err));
    return plim_engine_check_root(self, root, err);
}

/* Replaces the one section of a safetensors file by that one and one for each tensor. */
static plim_status add_tensors(bare_reader *b, const uint8_t *head, plim_error *err)
{
    uint64_t json_bytes;
    uint64_t count;
    void *sections;
    PLIM_TRY(plim_safetensors_header_bytes(head, b->file_bytes, &json_bytes, err));
    if (json_bytes + 8 != b->head_bytes) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "safetensors header length",
                         .want = b->head_bytes, .have = json_bytes + 8);
    }
    const char *json = (const char *)head + 8;
    PLIM_TRY(plim_safetensors_parse(json, json_bytes, b->file_bytes, NULL, &count, NULL, err));
    PLIM_TRY(plim_home_take(b->home, (count + 1) * sizeof(plim_section), &sections, err));
    plim_section *list = sections;
    list[0] = b->self->sections[0];
    list[0].kind = PLIM_SECTION_OTHER;
    PLIM_TRY(plim_safetensors_parse(json, json_bytes, b->file_bytes, list + 1, &count, NULL, err));
    b->self->sections = list;
    b->self->section_count = (size_t)count + 1;
    return PLIM_OK;
}

static plim_status read_safetensors(bare_reader *b, plim_error *err)
{
    uint8_t found[PLIM_DIGEST_BYTES];
    void *head;
    if (!b->has_head || b->head_bytes < 10 || b->head_bytes > b->file_bytes ||
        json_array_size(b->files) != 1) {
        return plim_error_set(err, PLIM_E_FORMAT, "identity card", "chunks.files[0].head_bytes",
                              "length and digest of the safetensors header", NULL);
    }
    PLIM_TRY(plim_home_take(b->home, b->head_bytes, &head, err));
    PLIM_TRY(plim_engine_read_at(b->fd, b->path, head, (size_t)b->head_bytes, 0, err));
    if (!plim_digest_of(head, (size_t)b->head_bytes, found)) {
        return plim_digest_failed(err);
    }
    if (memcmp(found, b->head_sha256, sizeof(found)) != 0) {
        return plim_digest_refuse("the safetensors header is damaged", "head_sha256",
                                  b->head_sha256, found, err);
    }
    PLIM_TRY(add_tensors(b, head, err));
    plim_home_drop(b->home, head);
    return PLIM_OK;
}

static plim_status read_parsed(bare_reader *b, const json_t *root, plim_error *err)
{
    PLIM_TRY(measure(b, root));
    size_t files = json_array_size(b->files);
    PLIM_TRY(plim_engine_file_make(b->home, b->path, files, b->chunk_count, files, &b->self, err));
    b->json.depth = 0;
    PLIM_TRY(plim_card_read(&b->json, root, b->self->card));
    plim_json_enter_key(&b->json, "chunks");
    plim_status status = add_files(b);
    if (status == PLIM_OK) {
        status = check_root(b->self, err);
    }
    if (status == PLIM_OK) {
        status = plim_engine_check_name(b->path, b->self->card, err);
    }
    if (status == PLIM_OK && strcmp(b->self->card->format, "safetensors") == 0) {
        status = read_safetensors(b, err);
    }
    for (size_t i = 1; status != PLIM_OK && i < b->self->file_count; i++) {
        if (b->self->files[i].fd >= 0) {
            close(b->self->files[i].fd);
        }
    }
    return status;
}

static plim_status read_card(const char *card_path, plim_home *home, void **out, uint64_t *bytes,
                             plim_error *err)
{
    int fd;
    PLIM_TRY(plim_engine_open_file(card_path, &fd, bytes, err));
    plim_status status = PLIM_OK;
    if (*bytes > PLIM_ENGINE_CARD_BYTES_MAX) {
        status = PLIM_FAIL(err, PLIM_E_RANGE, .what = "identity card text", .want = *bytes,
                           .limit = PLIM_ENGINE_CARD_BYTES_MAX);
    }
    if (status == PLIM_OK) {
        status = plim_home_take(home, *bytes, out, err);
    }
    if (status == PLIM_OK) {
        status = plim_engine_read_at(fd, card_path, *out, (size_t)*bytes, 0, err);
    }
    close(fd);
    return status;
}

plim_status plim_bare_read(int fd, const char *path, uint64_t file_bytes, const char *card_path,
                           plim_home *home, plim_engine_file **out, plim_error *err)
{
    void *text = NULL;
    uint64_t text_bytes;
    json_t *root;
    bare_reader b = {.path = path, .fd = fd, .file_bytes = file_bytes, .home = home};
    PLIM_TRY(read_card(card_path, home, &text, &text_bytes, err));
    PLIM_TRY(plim_json_open(&b.json, text, (size_t)text_bytes, err, &root));
    plim_status status = read_parsed(&b, root, err);
    json_decref(root);
    PLIM_TRY(status);
    plim_home_drop(home, text);
    plim_engine_file *self = b.self;
    self->chunk_bytes = b.chunk_bytes;
    self->room_bytes = plim_engine_pages(self->payload_bytes);
    self->files[0].fd = fd;
    *out = self;
    return PLIM_OK;
}
