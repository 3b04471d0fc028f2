/* SPDX-License-Identifier: Apache-2.0 */
/* stream_prefault.c - have the pages there before the reads want them.
 *
 * First touch of fresh memory is as slow as the device; left to the reads it costs a third of
 * the rate. A thread populates the targets in windows, ahead of the reads, without ever
 * writing to them: the kernel's populate keeps what is there, so a read that overtakes it
 * loses nothing. A window that is resident already is skipped. Where the kernel cannot
 * populate, the reads take their own faults and nothing else changes.
 */
#include <sys/mman.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/stream/stream_parts.h"

#ifndef MADV_POPULATE_WRITE
#define MADV_POPULATE_WRITE 23
#endif

/* The kernel answers for pages of its own size, which may be larger than the file's. The rest
 * of a page that is only partly a target's is populated with it, and keeps what it holds. */
static stream_window whole_pages(stream_window window, size_t page_bytes)
{
    const uintptr_t base = (uintptr_t)window.base & ~(uintptr_t)(page_bytes - 1);
    uint64_t end = (uintptr_t)window.base + window.size_bytes;
    (void)bytes_align_up(end, page_bytes, &end); /* memory that is there does not end so high */
    return (stream_window){(unsigned char *)base, (size_t)(end - base)};
}

static bool is_resident(stream_window window, size_t page_bytes)
{
    unsigned char pages[STREAM_PREFAULT_BYTES / STREAM_PAGE];
    const size_t count = window.size_bytes / page_bytes;
    if (count > sizeof(pages)) {
        return true; /* no window is so long */
    }
    if (mincore(window.base, window.size_bytes, pages) != 0) {
        return true; /* not memory of ours to judge */
    }
    for (size_t i = 0; i < count; i++) {
        if ((pages[i] & 1) == 0) {
            return false;
        }
    }
    return true;
}

static void *prefault(void *argument)
{
    stream *s = argument;
    const size_t page = (size_t)sysconf(_SC_PAGESIZE);
    pthread_mutex_lock(&s->lock);
    while (!s->quit && !s->prefault_off) {
        if (s->window_count == 0) {
            pthread_cond_wait(&s->prefault_ready, &s->lock);
            continue;
        }
        const stream_window window = whole_pages(s->windows[s->window_head], page);
        s->window_head = (s->window_head + 1) % STREAM_WINDOWS;
        s->window_count--;
        pthread_mutex_unlock(&s->lock);
        const bool goes_on = is_resident(window, page) ||
                             madvise(window.base, window.size_bytes, MADV_POPULATE_WRITE) == 0;
        pthread_mutex_lock(&s->lock);
        s->prefault_off = !goes_on;
    }
    s->work_cpu_ns += plim_stream_cpu_ns();
    pthread_mutex_unlock(&s->lock);
    return NULL;
}

plim_status plim_stream_start_prefault(stream *s, plim_error *err)
{
    s->prefault_off = s->opts.no_prefault;
    return s->opts.no_prefault ? PLIM_OK : plim_stream_start_thread(s, prefault, err);
}

/* The room of chunk @index; false at the end of the list, or when the chunk is not sound. */
static bool room_of(stream *s, uint64_t index, stream_window *out)
{
    plim_stream_chunk chunk;
    uint64_t room;
    if (index >= s->chunk_count || !s->next(s->context, index, &chunk) || chunk.raw_bytes == 0 ||
        chunk.raw_bytes > PLIM_LZ4_RAW_MAX || (uintptr_t)chunk.target % STREAM_PAGE != 0 ||
        !bytes_align_up(chunk.raw_bytes, STREAM_PAGE, &room)) {
        return false;
    }
    *out = (stream_window){chunk.target, (size_t)room};
    return true;
}

static bool next_window(stream *s, stream_window *out)
{
    stream_window more;
    if (!room_of(s, s->prefault_index, out)) {
        return false;
    }
    s->prefault_index++;
    while (room_of(s, s->prefault_index, &more) && more.base == out->base + out->size_bytes &&
           out->size_bytes + more.size_bytes <= STREAM_PREFAULT_BYTES) {
        out->size_bytes += more.size_bytes;
        s->prefault_index++;
    }
    return true;
}

void plim_stream_feed_prefault(stream *s)
{
    stream_window window;
    if (s->opts.no_prefault) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    bool has_room = s->window_count < STREAM_WINDOWS && !s->prefault_off;
    pthread_mutex_unlock(&s->lock);
    while (has_room && next_window(s, &window)) {
        pthread_mutex_lock(&s->lock);
        s->windows[(s->window_head + s->window_count) % STREAM_WINDOWS] = window;
        s->window_count++;
        has_room = s->window_count < STREAM_WINDOWS && !s->prefault_off;
        pthread_cond_signal(&s->prefault_ready);
        pthread_mutex_unlock(&s->lock);
    }
}
