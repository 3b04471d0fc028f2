/* SPDX-License-Identifier: Apache-2.0 */
/* stream_uring.c - direct reads through io_uring, driven by the calling thread alone.
 *
 * A few chunks are in flight at any time, each a single request of at most one piece. Files
 * are registered, so that a request does not take a reference. The newest setup flags are tried
 * first and left away one by one; a kernel without timed waits (before 5.11) is refused, and so
 * is a system that forbids io_uring. Buffers are not registered: that would need an allowance
 * of locked memory as large as the payload. Built without liburing (Ubuntu 20.04 has none) it
 * is refused like a system that forbids it.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "platform/linux/stream/stream_parts.h"

static plim_status refuse(stream *s, int code, plim_error *err)
{
    char words[48];
    snprintf(s->stats->path_reason, sizeof(s->stats->path_reason), "io_uring is refused (%s)",
             strerror_r(code, words, sizeof(words)));
    return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "io_uring", .os_errno = code);
}

#if __has_include(<liburing.h>)

/* liburing before 2.2 (Ubuntu 22.04 has 2.1) says typeof, which ISO C does not know, and lacks
 * names of kernels that are newer than itself. */
#if !__has_include(<liburing/io_uring_version.h>)
#define typeof __typeof__
#endif
#include <liburing.h>

#ifndef IORING_SETUP_COOP_TASKRUN
#define IORING_SETUP_COOP_TASKRUN (1u << 8)
#endif
#ifndef IORING_SETUP_DEFER_TASKRUN
#define IORING_SETUP_SINGLE_ISSUER (1u << 12)
#define IORING_SETUP_DEFER_TASKRUN (1u << 13)
#endif
#ifndef IORING_FEAT_EXT_ARG
#define IORING_FEAT_EXT_ARG (1u << 8)
#endif

_Static_assert(sizeof(struct io_uring) <= sizeof(((stream *)0)->ring), "room for the ring");

static struct io_uring *ring_of(stream *s)
{
    return (struct io_uring *)(void *)s->ring;
}

static int init_ring(stream *s)
{
    static const unsigned int flags[] = {
        IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN, /* 6.1 */
        IORING_SETUP_COOP_TASKRUN,                               /* 5.19 */
        0,
    };
    int code = plim_stream_fault(s, STREAM_SITE_RING);
    if (code != 0) {
        return code;
    }
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
        struct io_uring_params params;
        memset(&params, 0, sizeof(params));
        params.flags = flags[i];
        code = -io_uring_queue_init_params(s->depth, ring_of(s), &params);
        if (code == 0 && (params.features & IORING_FEAT_EXT_ARG) == 0) {
            io_uring_queue_exit(ring_of(s));
            return ENOSYS;
        }
        if (code != EINVAL) {
            break;
        }
    }
    return code;
}

static plim_status open_uring(stream *s, plim_error *err)
{
    int code = init_ring(s);
    if (code == 0) {
        code = -io_uring_register_files(ring_of(s), s->fds, (unsigned int)s->file_count);
        if (code != 0) {
            io_uring_queue_exit(ring_of(s));
        }
    }
    if (code != 0) {
        return refuse(s, code, err);
    }
    s->ring_bytes = ring_of(s)->sq.ring_sz + s->depth * sizeof(struct io_uring_sqe);
    return PLIM_OK;
}

/* The ring has an entry for each of the depth chunks in flight, so there is always one free. */
static void submit(stream *s, uint16_t number)
{
    stream_slot *slot = &s->slots[number];
    struct io_uring_sqe *sqe = io_uring_get_sqe(ring_of(s));
    const uint32_t left = slot->extent_bytes - slot->got_bytes;
    if (sqe == NULL) {
        (void)io_uring_submit(ring_of(s));
        sqe = io_uring_get_sqe(ring_of(s));
    }
    if (sqe == NULL) {
        slot->status = PLIM_E_IO;
        slot->os_errno = EBUSY;
        slot->what = "io_uring submission";
        plim_stream_to_workers(s, number);
        return;
    }
    slot->asked_bytes = left < STREAM_PIECE_BYTES ? left : STREAM_PIECE_BYTES;
    io_uring_prep_read(sqe, (int)slot->chunk.file, slot->landing + slot->got_bytes,
                       slot->asked_bytes, slot->chunk.file_offset + slot->got_bytes);
    sqe->flags |= IOSQE_FIXED_FILE;
    sqe->user_data = number;
    s->in_flight++;
}

static void complete(stream *s, uint16_t number, int result)
{
    s->in_flight--;
    if (!plim_stream_slot_read(s, &s->slots[number], result)) {
        plim_stream_to_workers(s, number);
    } else if (s->failed) {
        s->slots[number].status = PLIM_E_CANCELLED; /* not read to its end, nor to be checked */
        plim_stream_to_workers(s, number);
    } else {
        submit(s, number);
    }
}

/* Submits what is prepared and waits for @wanted completions: in one call of the system where
 * liburing has it (2.2; the version is defined since 2.3). */
static void submit_and_wait(struct io_uring *ring, unsigned int wanted,
                            struct __kernel_timespec *timeout)
{
    struct io_uring_cqe *cqe;
#ifdef IO_URING_VERSION_MAJOR
    (void)io_uring_submit_and_wait_timeout(ring, &cqe, wanted, timeout, NULL);
#else
    (void)io_uring_submit(ring);
    (void)io_uring_wait_cqes(ring, &cqe, wanted, timeout, NULL);
#endif
}

static void wait_uring(stream *s, uint64_t timeout_ns)
{
    struct io_uring *ring = ring_of(s);
    struct io_uring_cqe *cqe = NULL;
    struct __kernel_timespec timeout;
    unsigned int seen = 0;

    if (s->in_flight == 0) {
        plim_stream_wait_done(s, timeout_ns);
        return;
    }
    timeout.tv_sec = (long long)(timeout_ns / 1000000000u);
    timeout.tv_nsec = (long long)(timeout_ns % 1000000000u);
    /* Half of the depth stays in flight, and half as many wake-ups are paid for. */
    const unsigned int wanted = s->in_flight >= 4 ? s->in_flight / 2 : 1;
    submit_and_wait(ring, wanted, &timeout);
    uint16_t numbers[STREAM_DEPTH_MAX];
    int results[STREAM_DEPTH_MAX];
    while (seen < STREAM_DEPTH_MAX && io_uring_peek_cqe(ring, &cqe) == 0 && cqe) {
        if (cqe->user_data < STREAM_DEPTH_MAX) { /* else the library's own, of a timeout */
            numbers[seen] = (uint16_t)cqe->user_data;
            results[seen++] = cqe->res;
        }
        io_uring_cqe_seen(ring, cqe);
    }
    for (unsigned int i = 0; i < seen; i++) {
        complete(s, numbers[i], results[i]);
    }
}

static void close_uring(stream *s)
{
    io_uring_queue_exit(ring_of(s));
}

const stream_io plim_stream_uring = {
    .path = PLIM_READ_URING_DIRECT,
    .open = open_uring,
    .submit = submit,
    .wait = wait_uring,
    .close = close_uring,
};

#else

static plim_status open_uring(stream *s, plim_error *err)
{
    const int code = plim_stream_fault(s, STREAM_SITE_RING);
    if (code != 0) {
        return refuse(s, code, err);
    }
    snprintf(s->stats->path_reason, sizeof(s->stats->path_reason), "built without liburing");
    return PLIM_FAIL(err, PLIM_E_UNSUPPORTED, .what = "io_uring: built without liburing");
}

const stream_io plim_stream_uring = {.path = PLIM_READ_URING_DIRECT, .open = open_uring};

#endif
