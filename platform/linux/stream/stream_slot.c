/* SPDX-License-Identifier: Apache-2.0 */
/* stream_slot.c - the life of one chunk: its bounds, what a read's result means, its error.
 *
 * Decides where the extent lands: raw at the start of its room, LZ4 at the end, so that the
 * compressed bytes end where the room ends. Refuses a chunk whose lengths do not fit its room
 * or its file before any byte is asked for. A read may come back short at any page; what is
 * left is asked for again, and only an end of file before the bytes that are needed is an error.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "platform/linux/stream/stream_parts.h"

void plim_stream_queue_push(stream_queue *queue, uint16_t slot)
{
    queue->slot[(queue->head + queue->count) % STREAM_SLOTS_MAX] = slot;
    queue->count++;
}

uint16_t plim_stream_queue_pop(stream_queue *queue)
{
    const uint16_t slot = queue->slot[queue->head];
    queue->head = (queue->head + 1) % STREAM_SLOTS_MAX;
    queue->count--;
    return slot;
}

static plim_status refuse(const plim_stream_chunk *chunk, const char *field, uint64_t want,
                          uint64_t limit, plim_error *err)
{
    const plim_status status =
        PLIM_FAIL(err, PLIM_E_ARG, .what = "chunk", .want = want, .limit = limit);
    if (err != NULL) {
        snprintf(err->field, sizeof(err->field), "chunk %" PRIu64 ".%s", chunk->number, field);
    }
    return status;
}

/* The target's room and the extent, in whole pages. */
static plim_status check_lengths(const plim_stream_chunk *chunk, uint64_t *room, uint64_t *extent,
                                 plim_error *err)
{
    if (chunk->raw_bytes == 0 || chunk->raw_bytes > PLIM_LZ4_RAW_MAX) {
        return refuse(chunk, "raw_bytes", chunk->raw_bytes, PLIM_LZ4_RAW_MAX, err);
    }
    if (!bytes_align_up(chunk->raw_bytes, STREAM_PAGE, room) ||
        !bytes_align_up(chunk->stored_bytes, STREAM_PAGE, extent)) {
        return refuse(chunk, "stored_bytes", chunk->stored_bytes, PLIM_LZ4_RAW_MAX, err);
    }
    if (chunk->codec == PLIM_CODEC_RAW) {
        return chunk->stored_bytes == chunk->raw_bytes
                   ? PLIM_OK
                   : refuse(chunk, "stored_bytes", chunk->stored_bytes, chunk->raw_bytes, err);
    }
    if (chunk->codec != PLIM_CODEC_LZ4) {
        return refuse(chunk, "codec", (uint64_t)chunk->codec, PLIM_CODEC_LZ4, err);
    }
    if (*extent > *room || chunk->stored_bytes <= chunk->tail_bytes) {
        return refuse(chunk, "stored_bytes", chunk->stored_bytes, *room, err);
    }
    if (chunk->tail_bytes > PLIM_LZ4_TAIL_MAX || chunk->tail_bytes > chunk->raw_bytes) {
        return refuse(chunk, "tail_bytes", chunk->tail_bytes, PLIM_LZ4_TAIL_MAX, err);
    }
    return PLIM_OK;
}

plim_status plim_stream_slot_begin(const stream *s, stream_slot *slot, plim_error *err)
{
    const plim_stream_chunk *chunk = &slot->chunk;
    uint64_t room = 0;
    uint64_t extent = 0;
    uint64_t end;

    PLIM_TRY(check_lengths(chunk, &room, &extent, err));
    if (chunk->file >= s->file_count) {
        return refuse(chunk, "file", chunk->file, s->file_count, err);
    }
    if (chunk->file_offset % STREAM_PAGE != 0 || (uintptr_t)chunk->target % STREAM_PAGE != 0) {
        return refuse(chunk, "alignment", chunk->file_offset % STREAM_PAGE, STREAM_PAGE, err);
    }
    const bool is_lz4 = chunk->codec == PLIM_CODEC_LZ4;
    slot->need_bytes = is_lz4 ? (uint32_t)extent : chunk->stored_bytes;
    slot->extent_bytes = (uint32_t)extent;
    slot->landing = is_lz4 ? chunk->target + (room - extent) : chunk->target;
    slot->got_bytes = 0;
    slot->asked_bytes = 0;
    slot->status = PLIM_OK;
    slot->os_errno = 0;
    slot->what = "";
    const plim_stream_file *file = &s->files[chunk->file];
    if (!bytes_add(chunk->file_offset, slot->need_bytes, &end) || end > file->size_bytes) {
        slot->status = PLIM_E_IO;
        slot->what = "file ends inside a chunk";
        plim_stream_slot_error(s, slot, err);
        return PLIM_E_IO;
    }
    return PLIM_OK;
}

static bool fail_read(stream_slot *slot, int os_errno, const char *what)
{
    slot->status = PLIM_E_IO;
    slot->os_errno = os_errno;
    slot->what = what;
    return false;
}

bool plim_stream_slot_read(const stream *s, stream_slot *slot, ssize_t result)
{
    const int fault = plim_stream_fault(s, STREAM_SITE_READ);
    if (fault > 0) {
        result = -fault;
    } else if (fault == STREAM_SHORT_READ && result > (ssize_t)STREAM_PAGE) {
        result = STREAM_PAGE;
    } else if (fault == STREAM_END_OF_FILE) {
        result = 0;
    }
    if (result < 0) {
        const int code = (int)-result;
        return code == EINTR || code == EAGAIN ? true : fail_read(slot, code, "read");
    }
    if ((uint64_t)result > slot->asked_bytes) {
        return fail_read(slot, EIO, "read gave more than was asked for");
    }
    slot->got_bytes += (uint32_t)result;
    if (slot->got_bytes >= slot->need_bytes) {
        return false;
    }
    /* A direct read that stops off a page stopped at the end of the file. */
    if (result == 0 || slot->got_bytes % STREAM_PAGE != 0) {
        return fail_read(slot, 0, "file ends inside a chunk");
    }
    return true;
}

static void hex(char *out, const uint8_t *bytes)
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < PLIM_DIGEST_BYTES; i++) {
        out[2 * i] = digits[bytes[i] >> 4];
        out[2 * i + 1] = digits[bytes[i] & 15];
    }
    out[2 * PLIM_DIGEST_BYTES] = '\0';
}

void plim_stream_slot_error(const stream *s, const stream_slot *slot, plim_error *err)
{
    const plim_stream_chunk *chunk = &slot->chunk;
    if (err == NULL) {
        return;
    }
    (void)PLIM_FAIL(err, slot->status, .what = slot->what, .os_errno = slot->os_errno);
    snprintf(err->field, sizeof(err->field), "chunk %" PRIu64, chunk->number);
    if (slot->status == PLIM_E_CORRUPT) {
        hex(err->wanted, chunk->sha256);
        hex(err->found, slot->found);
    } else if (slot->status == PLIM_E_IO) {
        snprintf(err->wanted, sizeof(err->wanted), "%" PRIu32 " bytes", slot->need_bytes);
        snprintf(err->found, sizeof(err->found), "%" PRIu32 " bytes", slot->got_bytes);
    } else if (slot->status == PLIM_E_FORMAT) {
        snprintf(err->wanted, sizeof(err->wanted), "LZ4 block of %" PRIu32 " bytes",
                 chunk->raw_bytes);
        snprintf(err->found, sizeof(err->found),
                 "%" PRIu32 " stored bytes that do not decode to it", chunk->stored_bytes);
    }
    plim_error_detail(err, "%s at offset %" PRIu64,
                      s->files[chunk->file].path != NULL ? s->files[chunk->file].path : "?",
                      chunk->file_offset + slot->got_bytes);
}
