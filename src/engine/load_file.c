/* SPDX-License-Identifier: Apache-2.0 */
/* load_file.c - the chunk tables of opened artifacts, streamed to their final addresses.
 *
 * Decides the order: file after file, chunk after chunk, as one list, so that the reads of the
 * next file begin while the last chunks of the one before are still being checked. Refuses a
 * base that is not aligned to a page. Chunks keep the number they have in their own file, so
 * that an error names it beside the path.
 *
 * After a failure every byte of every payload is zero, those that were never read included: the
 * caller's memory may have held something else. Zero pages are only looked at, not written, so
 * that memory which was never touched stays untouched.
 */
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "plimsoll/provider.h"
#include "src/engine/file.h"

typedef struct load_part { /* one artifact in the list */
    const plim_engine_file *file;
    unsigned char *base;
    uint64_t first_chunk; /* its chunk 0 in the list */
    uint32_t first_file;  /* its files[0] among all files */
} load_part;

typedef struct load_list {
    load_part *parts;
    size_t count, here; /* here: where the last question was answered */
    plim_stream_file *files;
    size_t file_count;
    uint64_t chunk_count, payload_bytes;
} load_list;

static bool next_chunk(void *context, uint64_t index, plim_stream_chunk *out)
{
    load_list *list = context;
    while (list->here > 0 && index < list->parts[list->here].first_chunk) {
        list->here--;
    }
    while (list->here + 1 < list->count && index >= list->parts[list->here + 1].first_chunk) {
        list->here++;
    }
    const load_part *part = &list->parts[list->here];
    const uint64_t number = index - part->first_chunk;
    if (number >= part->file->chunk_count) {
        return false;
    }
    const plim_chunk *chunk = &part->file->chunks[number];
    *out = (plim_stream_chunk){
        .file = part->first_file + chunk->file_index,
        .file_offset = chunk->file_offset,
        .stored_bytes = chunk->stored_bytes,
        .raw_bytes = chunk->raw_bytes,
        .codec = chunk->codec,
        .tail_bytes = chunk->tail_bytes,
        .target = part->base + chunk->payload_offset,
        .sha256 = chunk->sha256,
        .number = number,
    };
    return true;
}

static void zero_payload(const load_part *part)
{
    static const unsigned char zeros[PLIM_ENGINE_PAGE];
    const uint64_t room = part->file->room_bytes;
    for (uint64_t at = 0; at < room; at += PLIM_ENGINE_PAGE) {
        if (memcmp(part->base + at, zeros, PLIM_ENGINE_PAGE) != 0) {
            memset(part->base + at, 0, PLIM_ENGINE_PAGE);
        }
    }
}

static plim_status run_list(load_list *list, const plim_load_opts *opts, plim_load_stats *stats,
                            plim_error *err)
{
    plim_load_stats scrap;
    stats = stats == NULL ? &scrap : stats;
    for (size_t i = 0; i < list->count; i++) {
        plim_stream_want_huge(list->parts[i].base, list->parts[i].file->room_bytes);
    }
    const plim_status status =
        plim_stream_run(list->files, list->file_count, next_chunk, list, list->chunk_count,
                        list->payload_bytes, opts, stats, err);
    for (size_t i = 0; i < list->count; i++) {
        const load_part *part = &list->parts[i];
        if (status != PLIM_OK) {
            zero_payload(part);
        } else {
            stats->huge_bytes += plim_stream_huge_bytes(part->base, part->file->room_bytes);
        }
    }
    return status;
}

static plim_status check_part(const plim_engine_file *file, const void *base, plim_error *err)
{
    char found[32];
    if (file == NULL) {
        return plim_error_set(err, PLIM_E_ARG, "engine load", "file", "an opened artifact", "NULL");
    }
    if (base == NULL || (uintptr_t)base % PLIM_ENGINE_PAGE != 0) {
        snprintf(found, sizeof(found), "%p", base);
        return plim_error_set(err, PLIM_E_ARG, "engine load", "base", "a multiple of 4096", found);
    }
    return PLIM_OK;
}

plim_status plim_engine_load(plim_engine_file *self, void *base, const plim_load_opts *opts,
                             plim_load_stats *stats, plim_error *err)
{
    load_part part = {.file = self, .base = base};
    if (stats != NULL) {
        memset(stats, 0, sizeof(*stats));
    }
    PLIM_TRY(check_part(self, base, err));
    load_list list = {.parts = &part,
                      .count = 1,
                      .files = self->files,
                      .file_count = self->file_count,
                      .chunk_count = self->chunk_count,
                      .payload_bytes = self->payload_bytes};
    return run_list(&list, opts, stats, err);
}

/* Lays all parts end to end in @list, whose arrays have room for them. */
static plim_status lay_out(load_list *list, plim_engine_file *const *files, void *const *bases,
                           size_t count, plim_error *err)
{
    for (size_t i = 0; i < count; i++) {
        const plim_engine_file *file = files[i];
        list->parts[i] = (load_part){.file = file,
                                     .base = bases[i],
                                     .first_chunk = list->chunk_count,
                                     .first_file = (uint32_t)list->file_count};
        memcpy(list->files + list->file_count, file->files,
               file->file_count * sizeof(*file->files));
        list->file_count += file->file_count;
        if (!bytes_add(list->chunk_count, file->chunk_count, &list->chunk_count) ||
            !bytes_add(list->payload_bytes, file->payload_bytes, &list->payload_bytes)) {
            return plim_error_set(err, PLIM_E_RANGE, "engine load", "payload", "64 bits", "more");
        }
    }
    list->count = count;
    return PLIM_OK;
}

static plim_status room_for(plim_engine_file *const *files, void *const *bases, size_t count,
                            uint64_t page_bytes, uint64_t *parts_bytes, uint64_t *all_bytes,
                            plim_error *err)
{
    uint64_t file_count = 0;
    uint64_t files_bytes = 0;
    for (size_t i = 0; i < count; i++) {
        PLIM_TRY(check_part(files[i], bases[i], err));
        file_count += files[i]->file_count;
    }
    if (!bytes_mul(count, sizeof(load_part), parts_bytes) ||
        !bytes_mul(file_count, sizeof(plim_stream_file), &files_bytes) ||
        !bytes_add(*parts_bytes, files_bytes, all_bytes) ||
        !bytes_align_up(*all_bytes, page_bytes, all_bytes)) {
        return plim_error_set(err, PLIM_E_RANGE, "engine load", "files", "64 bits", "more");
    }
    return PLIM_OK;
}

plim_status plim_engine_load_many(plim_engine_file *const *files, void *const *bases, size_t count,
                                  const plim_load_opts *opts, plim_load_stats *stats,
                                  plim_error *err)
{
    plim_provider *provider = plim_provider_mmap();
    uint64_t parts_bytes = 0;
    uint64_t all_bytes = 0;
    void *block = NULL;

    if (stats != NULL) {
        memset(stats, 0, sizeof(*stats));
    }
    if (files == NULL || bases == NULL || count == 0) {
        return plim_error_set(err, PLIM_E_ARG, "engine load", "files", "at least one", "none");
    }
    const uint64_t page = plim_provider_page_bytes(provider);
    PLIM_TRY(room_for(files, bases, count, page, &parts_bytes, &all_bytes, err));
    PLIM_TRY(plim_provider_reserve(provider, (size_t)all_bytes, PLIM_ENGINE_PAGE, &block, err));
    plim_status status = plim_provider_commit(provider, block, (size_t)all_bytes, err);
    if (status == PLIM_OK) {
        load_list list = {.parts = block, .files = (void *)((unsigned char *)block + parts_bytes)};
        status = lay_out(&list, files, bases, count, err);
        if (status == PLIM_OK) {
            status = run_list(&list, opts, stats, err);
        }
    }
    plim_provider_release(provider, block, (size_t)all_bytes);
    return status;
}
