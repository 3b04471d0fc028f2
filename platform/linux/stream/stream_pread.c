/* SPDX-License-Identifier: Apache-2.0 */
/* stream_pread.c - direct reads by threads, where io_uring is refused.
 *
 * As many readers as chunks should be in flight, at most four; each reads whole chunks into
 * their final pages and hands them to the workers. The rate is that of io_uring on the devices
 * measured; the cost is a few small stacks.
 */
#include <errno.h>
#include <unistd.h>

#include "platform/linux/stream/stream_parts.h"

void plim_stream_queue_read(stream *s, uint16_t slot)
{
    pthread_mutex_lock(&s->lock);
    plim_stream_queue_push(&s->reads, slot);
    pthread_cond_signal(&s->read_ready);
    pthread_mutex_unlock(&s->lock);
}

bool plim_stream_take_read(stream *s, uint16_t *slot)
{
    bool is_taken = false;
    pthread_mutex_lock(&s->lock);
    while (!is_taken) {
        while (s->reads.count == 0 && !s->quit) {
            pthread_cond_wait(&s->read_ready, &s->lock);
        }
        if (s->reads.count == 0) {
            break;
        }
        *slot = plim_stream_queue_pop(&s->reads);
        is_taken = !s->stop;
        if (s->stop) {
            plim_stream_queue_push(&s->done, *slot);
            pthread_cond_signal(&s->done_ready);
        }
    }
    pthread_mutex_unlock(&s->lock);
    return is_taken;
}

static void *read_chunks(void *argument)
{
    stream *s = argument;
    uint16_t number;
    while (plim_stream_take_read(s, &number)) {
        stream_slot *slot = &s->slots[number];
        ssize_t got;
        do {
            const uint32_t left = slot->extent_bytes - slot->got_bytes;
            slot->asked_bytes = left < STREAM_PIECE_BYTES ? left : STREAM_PIECE_BYTES;
            got = pread(s->fds[slot->chunk.file], slot->landing + slot->got_bytes,
                        slot->asked_bytes, (off_t)(slot->chunk.file_offset + slot->got_bytes));
        } while (plim_stream_slot_read(s, slot, got < 0 ? -errno : got));
        plim_stream_to_workers(s, number);
    }
    pthread_mutex_lock(&s->lock);
    s->io_cpu_ns += plim_stream_cpu_ns();
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

static plim_status open_pread(stream *s, plim_error *err)
{
    s->reader_count = s->depth < STREAM_READERS_MAX ? s->depth : STREAM_READERS_MAX;
    for (uint32_t i = 0; i < s->reader_count; i++) {
        PLIM_TRY(plim_stream_start_thread(s, read_chunks, err));
    }
    return PLIM_OK;
}

void plim_stream_wait_done(stream *s, uint64_t timeout_ns)
{
    struct timespec until;
    const uint64_t at = plim_stream_now_ns() + timeout_ns;
    until.tv_sec = (time_t)(at / 1000000000u);
    until.tv_nsec = (long)(at % 1000000000u);
    pthread_mutex_lock(&s->lock);
    int code = 0;
    while (s->done.count == 0 && code == 0) {
        code = pthread_cond_timedwait(&s->done_ready, &s->lock, &until);
    }
    pthread_mutex_unlock(&s->lock);
}

static void close_pread(stream *s)
{
    (void)s;
}

const stream_io plim_stream_pread = {
    .path = PLIM_READ_PREAD_DIRECT,
    .open = open_pread,
    .submit = plim_stream_queue_read,
    .wait = plim_stream_wait_done,
    .close = close_pread,
};
