/* SPDX-License-Identifier: Apache-2.0 */
/* verify.c - read every chunk through one window and check it, keeping nothing.
 *
 * Buffered and in order, the pages behind given back, so neither this process nor the page cache
 * grows with the file. The kernel's own read-ahead is off meanwhile: it builds folios that reach
 * past the chunk, and dropping a part of a folio drops nothing. What straddles two chunks goes
 * when the run ends, whichever way it ends. An LZ4 chunk is also decoded in its window, as a load
 * would. The first failure ends the run.
 */
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "arena/opts.h"
#include "src/engine/container.h"
#include "src/engine/digest.h"
#include "src/engine/file.h"

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static uint64_t room_of(const plim_chunk *c)
{
    return plim_engine_pages(c->raw_bytes);
}

static plim_status name_chunk(plim_status status, const plim_engine_file *self, size_t index,
                              plim_error *err)
{
    if (err) {
        snprintf(err->field, sizeof(err->field), "chunk %zu", index);
        plim_error_detail(err, "%.180s at offset %" PRIu64,
                          self->files[self->chunks[index].file_index].path,
                          self->chunks[index].file_offset);
    }
    return status;
}

plim_status plim_engine_read_chunk(const plim_engine_file *self, size_t index,
                                   unsigned char *window, plim_error *err)
{
    const plim_chunk *c = &self->chunks[index];
    const plim_stream_file *file = &self->files[c->file_index];
    uint64_t room = room_of(c);
    uint64_t extent = plim_container_extent_bytes(c, true); /* raw: the bytes that are digested */
    unsigned char *at = c->codec == PLIM_CODEC_LZ4 ? window + (room - extent) : window;
    uint8_t found[PLIM_DIGEST_BYTES];
    plim_status status =
        plim_engine_read_at(file->fd, file->path, at, (size_t)extent, c->file_offset, err);
    if (status != PLIM_OK) {
        return name_chunk(status, self, index, err);
    }
    (void)posix_fadvise(file->fd, (off_t)c->file_offset, (off_t)extent, POSIX_FADV_DONTNEED);
    if (!plim_digest_of(at, (size_t)extent, found)) {
        return plim_digest_failed(err);
    }
    if (memcmp(found, c->sha256, sizeof(found)) != 0) {
        status = plim_digest_refuse("a chunk is damaged", "chunk", c->sha256, found, err);
        return name_chunk(status, self, index, err);
    }
    if (c->codec == PLIM_CODEC_LZ4 &&
        !plim_lz4_decode_in_place(window, c->raw_bytes, c->stored_bytes, c->tail_bytes)) {
        status = PLIM_FAIL(err, PLIM_E_FORMAT, .what = "an LZ4 block does not decode");
        return name_chunk(status, self, index, err);
    }
    return PLIM_OK;
}

plim_status plim_engine_check_scratch(const plim_engine_file *self, const void *scratch,
                                      size_t scratch_bytes, plim_error *err)
{
    uint64_t want = 0;
    if (!scratch && self->chunk_count) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "scratch for verifying");
    }
    for (size_t i = 0; i < self->chunk_count; i++) {
        want = room_of(&self->chunks[i]) > want ? room_of(&self->chunks[i]) : want;
    }
    if ((uintptr_t)scratch % PLIM_ENGINE_PAGE || scratch_bytes < want) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "scratch for verifying, aligned to 4096",
                         .want = want, .have = scratch_bytes, .limit = scratch_bytes);
    }
    return PLIM_OK;
}

static void advise_files(const plim_engine_file *self, int advice)
{
    for (size_t i = 0; i < self->file_count; i++) {
        (void)posix_fadvise(self->files[i].fd, 0, 0, advice);
    }
}

static plim_status check_caller(const plim_load_opts *o, uint64_t start_ns, plim_error *err)
{
    if (o->cancel && __atomic_load_n(o->cancel, __ATOMIC_RELAXED)) {
        return PLIM_FAIL(err, PLIM_E_CANCELLED, .what = "verifying was cancelled");
    }
    if (o->deadline_ns && now_ns() - start_ns > o->deadline_ns) {
        return PLIM_FAIL(err, PLIM_E_DEADLINE, .what = "verifying took too long");
    }
    return PLIM_OK;
}

static plim_status check_chunks(const plim_engine_file *self, void *scratch,
                                const plim_load_opts *o, plim_load_stats *done, plim_error *err)
{
    uint64_t start = now_ns();
    for (size_t i = 0; i < self->chunk_count; i++) {
        const plim_chunk *c = &self->chunks[i];
        PLIM_TRY(check_caller(o, start, err));
        PLIM_TRY(plim_engine_read_chunk(self, i, scratch, err));
        done->chunk_count++;
        done->lz4_chunk_count += c->codec == PLIM_CODEC_LZ4;
        done->payload_bytes += c->raw_bytes;
        done->stored_bytes += c->stored_bytes;
        if (o->progress) {
            o->progress(o->progress_context, done->payload_bytes, self->payload_bytes);
        }
    }
    done->elapsed_ns = now_ns() - start;
    return PLIM_OK;
}

plim_status plim_engine_verify(plim_engine_file *self, void *scratch, size_t scratch_bytes,
                               const plim_load_opts *opts, plim_load_stats *stats, plim_error *err)
{
    plim_load_opts o;
    plim_load_stats done = {.path = PLIM_READ_BUFFERED,
                            .path_reason = "verifying reads through one window"};
    if (!self || (!scratch && self->chunk_count) || !opts_take(&o, sizeof(o), opts)) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine, scratch and options");
    }
    PLIM_TRY(plim_engine_check_scratch(self, scratch, scratch_bytes, err));
    advise_files(self, POSIX_FADV_RANDOM);
    plim_status status = check_chunks(self, scratch, &o, &done, err);
    advise_files(self, POSIX_FADV_DONTNEED);
    advise_files(self, POSIX_FADV_NORMAL);
    if (stats && status == PLIM_OK) {
        *stats = done;
    }
    return status;
}
