/* SPDX-License-Identifier: Apache-2.0 */
/* stream.c - a list of chunks becomes verified bytes at their final addresses.
 *
 * Decides which way the bytes come and keeps them coming: the calling thread feeds reads while
 * fewer than the depth are in flight and a slot is free, waits, retires finished chunks, and
 * asks after cancel and deadline in between. Refuses nothing silently: the path that was used
 * and why it was not a better one stand in the statistics.
 *
 * Invariants: no byte passes through memory of the stream's own, except one window of page
 * cache on the buffered path; its own memory is one block, whatever the payload. A call
 * returns only when nothing is in flight, whichever way it ends. After a failure, and before
 * the return, the rooms of all chunks that were begun are zeroed: no unverified byte is left.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "arena/bytes.h"
#include "platform/linux/stream/stream_parts.h"
#include "plimsoll/provider.h"

#define POLL_NS 20000000u /* how soon a cancel is noticed while reads are slow */
#define IDLE_NS 1000000000u

uint64_t plim_stream_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

uint64_t plim_stream_cpu_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int plim_stream_fault(const stream *s, plim_stream_site site)
{
    return s->seam == NULL ? 0 : s->seam->fault(s->seam->context, site);
}

static uint32_t depth_of(const plim_load_opts *opts)
{
    const uint32_t depth = opts->queue_depth == 0 ? STREAM_DEPTH_DEFAULT : opts->queue_depth;
    return depth < STREAM_DEPTH_MAX ? depth : STREAM_DEPTH_MAX;
}

static uint32_t workers_of(const plim_load_opts *opts)
{
    if (opts->worker_count != 0) {
        return opts->worker_count < STREAM_WORKERS_MAX ? opts->worker_count : STREAM_WORKERS_MAX;
    }
    const long online = sysconf(_SC_NPROCESSORS_ONLN);
    return online < 1 ? 1 : online > 4 ? 4 : (uint32_t)online;
}

static plim_load_opts opts_of(const plim_load_opts *given)
{
    plim_load_opts opts = plim_load_opts_default();
    if (given != NULL) {
        memcpy(&opts, given, given->struct_size < sizeof(opts) ? given->struct_size : sizeof(opts));
    }
    return opts;
}

size_t plim_stream_slots(const plim_load_opts *given)
{
    const plim_load_opts opts = opts_of(given);
    return depth_of(&opts) + 2 * workers_of(&opts) + 1;
}

/* ---- the failure that is reported ---- */

/* Of several chunks that failed before everything came to rest, the first in the list counts. */
static void note_failure(stream *s, uint64_t number, const plim_error *failure)
{
    if (!s->failed || number < s->failure_number) {
        s->failure = *failure;
        s->failure_number = number;
    }
    s->failed = true;
    pthread_mutex_lock(&s->lock);
    s->stop = true;
    pthread_mutex_unlock(&s->lock);
}

static void check_caller(stream *s)
{
    plim_error why = {0};
    if (s->failed) {
        return;
    }
    if (s->opts.cancel != NULL && __atomic_load_n(s->opts.cancel, __ATOMIC_RELAXED)) {
        (void)plim_error_set(&why, PLIM_E_CANCELLED, "engine load", NULL, NULL, NULL);
    } else if (s->opts.deadline_ns != 0 &&
               plim_stream_now_ns() - s->start_ns >= s->opts.deadline_ns) {
        (void)plim_error_set(&why, PLIM_E_DEADLINE, "engine load", NULL, NULL, NULL);
    } else {
        return;
    }
    plim_error_detail(&why, "%llu of %llu bytes were loaded", (unsigned long long)s->done_bytes,
                      (unsigned long long)s->total_bytes);
    note_failure(s, UINT64_MAX, &why);
}

/* ---- the loop ---- */

static void feed_reads(stream *s)
{
    const bool is_ring = s->io == &plim_stream_uring;
    while (!s->failed && !s->list_ended && s->free.count > 0 &&
           (!is_ring || s->in_flight < s->depth)) {
        plim_error why = {0};
        if (s->next_index == s->chunk_count) {
            s->list_ended = true;
            return;
        }
        const uint16_t number = plim_stream_queue_pop(&s->free);
        stream_slot *slot = &s->slots[number];
        memset(&slot->chunk, 0, sizeof(slot->chunk));
        if (!s->next(s->context, s->next_index, &slot->chunk)) {
            s->list_ended = true;
            plim_stream_queue_push(&s->free, number);
            return;
        }
        if (plim_stream_slot_begin(s, slot, &why) != PLIM_OK) {
            plim_stream_queue_push(&s->free, number);
            note_failure(s, s->next_index, &why);
            return;
        }
        slot->index = s->next_index++;
        s->busy++;
        s->io->submit(s, number);
    }
}

static void retire(stream *s, uint16_t number)
{
    stream_slot *slot = &s->slots[number];
    plim_load_stats *stats = s->stats;
    s->busy--;
    plim_stream_queue_push(&s->free, number);
    if (slot->status != PLIM_OK) {
        if (slot->status != PLIM_E_CANCELLED) {
            plim_error why = {0};
            plim_stream_slot_error(s, slot, &why);
            note_failure(s, slot->index, &why);
        }
        return;
    }
    if (s->failed) {
        return;
    }
    stats->payload_bytes += slot->chunk.raw_bytes;
    stats->stored_bytes += slot->chunk.stored_bytes;
    stats->chunk_count++;
    stats->lz4_chunk_count += slot->chunk.codec == PLIM_CODEC_LZ4;
    s->done_bytes += slot->chunk.raw_bytes;
    if (s->opts.progress != NULL) {
        s->opts.progress(s->opts.progress_context, s->done_bytes, s->total_bytes);
    }
}

static void retire_done(stream *s)
{
    for (;;) {
        pthread_mutex_lock(&s->lock);
        const bool has_one = s->done.count > 0;
        const uint16_t number = has_one ? plim_stream_queue_pop(&s->done) : 0;
        pthread_mutex_unlock(&s->lock);
        if (!has_one) {
            return;
        }
        retire(s, number);
    }
}

static uint64_t patience_ns(const stream *s)
{
    uint64_t wait = s->opts.cancel != NULL ? POLL_NS : IDLE_NS;
    if (s->opts.deadline_ns != 0 && !s->failed) {
        const uint64_t past = plim_stream_now_ns() - s->start_ns;
        const uint64_t left = past < s->opts.deadline_ns ? s->opts.deadline_ns - past : 1;
        wait = left < wait ? left : wait;
    }
    return wait;
}

static void pump(stream *s)
{
    for (;;) {
        retire_done(s);
        check_caller(s);
        feed_reads(s);
        if (s->busy == 0 && (s->failed || s->list_ended)) {
            return;
        }
        if (!s->failed) {
            plim_stream_feed_prefault(s);
        }
        s->io->wait(s, patience_ns(s));
    }
}

/* ---- begin and end ---- */

static plim_status pick_path(stream *s, plim_error *err)
{
    const plim_read_path asked = s->opts.path;
    plim_status status;
    if (asked != PLIM_READ_BUFFERED) {
        status = plim_stream_open_files(s, true, err);
        if (status == PLIM_OK && asked != PLIM_READ_PREAD_DIRECT) {
            status = plim_stream_uring.open(s, err);
            if (status != PLIM_E_UNSUPPORTED || asked == PLIM_READ_URING_DIRECT) {
                s->io = status == PLIM_OK ? &plim_stream_uring : NULL;
                return status;
            }
            status = PLIM_OK;
        }
        if (status == PLIM_OK) {
            s->io = &plim_stream_pread;
            return s->io->open(s, err);
        }
        if (status != PLIM_E_UNSUPPORTED || asked != PLIM_READ_AUTO) {
            return status;
        }
    }
    PLIM_TRY(plim_stream_open_files(s, false, err));
    s->io = &plim_stream_buffered;
    return s->io->open(s, err);
}

static plim_status start(stream *s, plim_error *err)
{
    plim_error why = {0};
    if (s->opts.path == PLIM_READ_PREAD_DIRECT || s->opts.path == PLIM_READ_BUFFERED) {
        snprintf(s->stats->path_reason, sizeof(s->stats->path_reason), "asked for by the caller");
    }
    plim_status status = pick_path(s, &why);
    if (status == PLIM_OK) {
        s->stats->path = s->io->path;
        status = plim_stream_start_workers(s, &why);
    }
    if (status == PLIM_OK) {
        status = plim_stream_start_prefault(s, &why);
    }
    if (status == PLIM_E_UNSUPPORTED) {
        snprintf(why.field, sizeof(why.field), "path");
        snprintf(why.found, sizeof(why.found), "%s", s->stats->path_reason);
    }
    if (status != PLIM_OK && err != NULL) {
        *err = why;
    }
    return status;
}

/* Everything that was begun, and the page that the probe of direct reads wrote. */
static void zero_targets(stream *s)
{
    const uint64_t begun = s->next_index > 0 ? s->next_index : 1;
    for (uint64_t i = 0; i < begun && i < s->chunk_count; i++) {
        plim_stream_chunk chunk = {0};
        uint64_t room;
        if (s->next(s->context, i, &chunk) && chunk.raw_bytes != 0 && chunk.target != NULL &&
            chunk.raw_bytes <= PLIM_LZ4_RAW_MAX &&
            bytes_align_up(chunk.raw_bytes, STREAM_PAGE, &room)) {
            memset(chunk.target, 0, (size_t)room);
        }
    }
}

static void init_state(stream *s)
{
    pthread_condattr_t attr;
    s->start_ns = plim_stream_now_ns();
    s->depth = depth_of(&s->opts);
    s->worker_count = workers_of(&s->opts);
    s->slot_count = s->depth + 2 * s->worker_count + 1;
    for (uint32_t i = 0; i < s->slot_count; i++) {
        plim_stream_queue_push(&s->free, (uint16_t)i);
    }
    for (size_t i = 0; i < s->file_count; i++) {
        s->fds[i] = -1;
    }
    pthread_condattr_init(&attr);
    pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->read_ready, &attr);
    pthread_cond_init(&s->work_ready, &attr);
    pthread_cond_init(&s->done_ready, &attr);
    pthread_cond_init(&s->prefault_ready, &attr);
    pthread_condattr_destroy(&attr);
}

static void deinit_state(stream *s)
{
    pthread_cond_destroy(&s->prefault_ready);
    pthread_cond_destroy(&s->done_ready);
    pthread_cond_destroy(&s->work_ready);
    pthread_cond_destroy(&s->read_ready);
    pthread_mutex_destroy(&s->lock);
}

static void measure(stream *s, uint64_t cpu_before_ns, uint32_t thread_count)
{
    plim_load_stats *stats = s->stats;
    stats->io_cpu_ns = s->io_cpu_ns + plim_stream_cpu_ns() - cpu_before_ns;
    stats->work_cpu_ns = s->work_cpu_ns;
    stats->window_bytes = s->state_bytes + s->ring_bytes + thread_count * s->stack_bytes +
                          (s->io == &plim_stream_buffered ? STREAM_WINDOW_BYTES : 0);
    stats->elapsed_ns = plim_stream_now_ns() - s->start_ns;
}

static plim_status run(stream *s, plim_error *err)
{
    const uint64_t cpu_before_ns = plim_stream_cpu_ns();
    init_state(s);
    plim_status status = start(s, err);
    if (status == PLIM_OK) {
        pump(s);
        status = s->failed ? s->failure.status : PLIM_OK;
        if (s->failed && err != NULL) {
            *err = s->failure;
        }
    }
    const uint32_t thread_count = s->thread_count;
    plim_stream_stop_threads(s);
    if (s->io != NULL) {
        s->io->close(s);
    }
    plim_stream_free_digests(s);
    plim_stream_close_files(s);
    plim_stream_drop_cache(s);
    if (status != PLIM_OK) {
        zero_targets(s);
    }
    measure(s, cpu_before_ns, thread_count);
    deinit_state(s);
    return status;
}

static plim_status check_arguments(const plim_stream_file *files, size_t file_count,
                                   const plim_load_opts *opts, bool has_next, plim_error *err)
{
    if (files == NULL || file_count == 0 || file_count > STREAM_FILES_MAX || !has_next) {
        return plim_error_set(err, PLIM_E_ARG, "engine load", "files", "1 to 4096 files", "none");
    }
    if (opts != NULL && (opts->struct_size == 0 || opts->path > PLIM_READ_BUFFERED)) {
        return plim_error_set(err, PLIM_E_ARG, "engine load", "opts",
                              "plim_load_opts_default() and a known path", "something else");
    }
    return PLIM_OK;
}

plim_status plim_stream_run_with(const plim_stream_file *files, size_t file_count,
                                 bool (*next)(void *context, uint64_t index,
                                              plim_stream_chunk *out),
                                 void *context, uint64_t chunk_count, uint64_t total_bytes,
                                 const plim_load_opts *opts, plim_load_stats *stats,
                                 const plim_stream_seam *seam, plim_error *err)
{
    plim_load_stats scrap;
    plim_provider *provider = plim_provider_mmap();
    void *base = NULL;
    uint64_t size = sizeof(stream) + file_count * sizeof(int);

    stats = stats == NULL ? &scrap : stats;
    memset(stats, 0, sizeof(*stats));
    PLIM_TRY(check_arguments(files, file_count, opts, next != NULL, err));
    if (!bytes_align_up(size, plim_provider_page_bytes(provider), &size)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "state of the engine loader");
    }
    const int fault = seam == NULL ? 0 : seam->fault(seam->context, STREAM_SITE_MAP);
    if (fault != 0) {
        return PLIM_FAIL(err, PLIM_E_NOMEM, .what = "state of the engine loader", .want = size,
                         .os_errno = fault);
    }
    PLIM_TRY(plim_provider_reserve(provider, (size_t)size, STREAM_PAGE, &base, err));
    plim_status status = plim_provider_commit(provider, base, (size_t)size, err);
    if (status == PLIM_OK) {
        stream *s = base;
        s->files = files;
        s->file_count = file_count;
        s->next = next;
        s->context = context;
        s->chunk_count = chunk_count;
        s->total_bytes = total_bytes;
        s->opts = opts_of(opts);
        s->stats = stats;
        s->seam = seam;
        s->fds = (int *)(void *)(s + 1);
        s->state_bytes = (size_t)size;
        status = run(s, err);
    }
    plim_provider_release(provider, base, (size_t)size);
    return status;
}

plim_status plim_stream_run(const plim_stream_file *files, size_t file_count,
                            bool (*next)(void *context, uint64_t index, plim_stream_chunk *out),
                            void *context, uint64_t chunk_count, uint64_t total_bytes,
                            const plim_load_opts *opts, plim_load_stats *stats, plim_error *err)
{
    return plim_stream_run_with(files, file_count, next, context, chunk_count, total_bytes, opts,
                                stats, NULL, err);
}
