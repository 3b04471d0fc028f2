/* SPDX-License-Identifier: Apache-2.0 */
/* stream_buffered.c - reads through the page cache, where direct ones are refused.
 *
 * One reader copies out of the cache into the final pages and drops what it has copied; the
 * next piece is being fetched meanwhile. Together they are the window: at most 4 MiB of cache
 * at any time. The kernel's own read-ahead is off for our descriptors, because it builds
 * folios of many MB, and dropping a part of a folio drops nothing.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "platform/linux/stream/stream_parts.h"

_Static_assert(2 * STREAM_PIECE_BYTES <= STREAM_WINDOW_BYTES, "one piece copied, one fetched");

static ssize_t read_piece(stream *s, stream_slot *slot)
{
    const int fd = s->fds[slot->chunk.file];
    const off_t at = (off_t)(slot->chunk.file_offset + slot->got_bytes);
    const uint32_t left = slot->extent_bytes - slot->got_bytes;
    const off_t asked = left < STREAM_PIECE_BYTES ? (off_t)left : (off_t)STREAM_PIECE_BYTES;

    slot->asked_bytes = (uint32_t)asked;
    (void)posix_fadvise(fd, at, asked, POSIX_FADV_WILLNEED);
    (void)posix_fadvise(fd, at + asked, (off_t)STREAM_PIECE_BYTES, POSIX_FADV_WILLNEED);
    const ssize_t got = pread(fd, slot->landing + slot->got_bytes, (size_t)asked, at);
    const ssize_t result = got < 0 ? -errno : got;
    (void)posix_fadvise(fd, at, asked, POSIX_FADV_DONTNEED);
    return result;
}

static void *read_windows(void *argument)
{
    stream *s = argument;
    uint16_t number;
    while (plim_stream_take_read(s, &number)) {
        stream_slot *slot = &s->slots[number];
        while (plim_stream_slot_read(s, slot, read_piece(s, slot))) {
        }
        plim_stream_to_workers(s, number);
    }
    pthread_mutex_lock(&s->lock);
    s->io_cpu_ns += plim_stream_cpu_ns();
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static plim_status open_buffered(stream *s, plim_error *err)
{
    s->reader_count = 1;
    return plim_stream_start_thread(s, read_windows, err);
}

static void close_buffered(stream *s)
{
    (void)s;
}

const stream_io plim_stream_buffered = {
    .path = PLIM_READ_BUFFERED,
    .open = open_buffered,
    .submit = plim_stream_queue_read,
    .wait = plim_stream_wait_done,
    .close = close_buffered,
};
