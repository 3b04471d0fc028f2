/* SPDX-License-Identifier: Apache-2.0 */
/* stream_parts.h - what the files of the stream share, and the seam its tests use.
 *
 * One chunk under way occupies one slot. A slot is owned by exactly one thread at a time and
 * changes hands only under the lock, or is the calling thread's own:
 *
 *   free -> reading -> read -> (worker: digest, decode) -> done -> free
 *
 * The calling thread feeds the reads, waits, retires what is done, and is the only one that
 * sees the caller's functions. Nothing is allocated once the run has begun.
 */
#ifndef PLATFORM_LINUX_STREAM_PARTS_H
#define PLATFORM_LINUX_STREAM_PARTS_H

#include <pthread.h>
#include <sys/types.h>

#include "platform/stream.h"

#define STREAM_PAGE           4096u
#define STREAM_PIECE_BYTES    (2u << 20) /* longest single read */
#define STREAM_WINDOW_BYTES   (4u << 20) /* page cache held on the buffered path */
#define STREAM_PREFAULT_BYTES (32u << 20)
#define STREAM_DEPTH_MAX      64u
#define STREAM_DEPTH_DEFAULT  8u
#define STREAM_WORKERS_MAX    16u
#define STREAM_READERS_MAX    4u
#define STREAM_THREADS_MAX    (STREAM_WORKERS_MAX + STREAM_READERS_MAX + 1)
#define STREAM_SLOTS_MAX      (STREAM_DEPTH_MAX + 2 * STREAM_WORKERS_MAX + 1)
#define STREAM_WINDOWS        4u
#define STREAM_FILES_MAX      4096u

/* Where a test may break the run. */
typedef enum plim_stream_site {
    STREAM_SITE_MAP,    /* the run's own memory */
    STREAM_SITE_DIRECT, /* opening a file for direct reads */
    STREAM_SITE_OPEN,   /* opening a file for buffered reads */
    STREAM_SITE_RING,   /* setting up io_uring */
    STREAM_SITE_THREAD, /* starting a thread */
    STREAM_SITE_READ,   /* the result of one read */
} plim_stream_site;

typedef struct plim_stream_seam {
    /* Returns 0 to go on, an errno to fail there, STREAM_SHORT_READ (read only) to end the
     * read early, STREAM_END_OF_FILE to end it with nothing. Called from any thread. */
    int (*fault)(void *context, plim_stream_site site);
    void *context;
} plim_stream_seam;
#define STREAM_SHORT_READ  (-1)
#define STREAM_END_OF_FILE (-2)

typedef struct stream_slot {
    plim_stream_chunk chunk;
    uint64_t index;         /* in the list */
    unsigned char *landing; /* where the extent starts in the target's room */
    uint32_t need_bytes;    /* fewer than this is a short file */
    uint32_t extent_bytes;
    uint32_t got_bytes;
    uint32_t asked_bytes; /* of the read under way */
    plim_status status;
    int os_errno;
    const char *what;
    uint8_t found[PLIM_DIGEST_BYTES];
} stream_slot;

typedef struct stream_queue { /* of slot numbers; never holds more than there are slots */
    uint16_t slot[STREAM_SLOTS_MAX];
    uint32_t head, count;
} stream_queue;

typedef struct stream_window {
    unsigned char *base;
    size_t size_bytes;
} stream_window;

typedef struct plim_stream stream;

typedef struct stream_io { /* how bytes arrive */
    plim_read_path path;
    plim_status (*open)(stream *s, plim_error *err);
    void (*submit)(stream *s, uint16_t slot);
    void (*wait)(stream *s, uint64_t timeout_ns); /* until something happened, or the time */
    void (*close)(stream *s);
} stream_io;

struct plim_stream {
    /* the job; constant while threads run */
    const plim_stream_file *files;
    size_t file_count;
    bool (*next)(void *context, uint64_t index, plim_stream_chunk *out);
    void *context;
    uint64_t chunk_count, total_bytes;
    plim_load_opts opts;
    plim_load_stats *stats;
    const plim_stream_seam *seam;
    const stream_io *io;
    uint64_t start_ns;
    uint32_t depth, worker_count, reader_count, slot_count;
    int *fds; /* reopened, one per file, or -1 */
    size_t state_bytes;
    size_t stack_bytes;

    /* the calling thread's own */
    uint64_t next_index, done_bytes, prefault_index;
    uint32_t in_flight, busy;
    bool list_ended, failed;
    plim_error failure;
    uint64_t failure_number;
    stream_queue free;
    _Alignas(16) unsigned char ring[512]; /* struct io_uring; stream_uring.c */
    size_t ring_bytes;

    /* shared, under the lock */
    pthread_mutex_t lock;
    pthread_cond_t read_ready, work_ready, done_ready, prefault_ready;
    stream_queue reads, work, done;
    stream_window windows[STREAM_WINDOWS];
    uint32_t window_head, window_count;
    bool quit, stop; /* quit: threads end; stop: what is queued is not worth doing */
    bool prefault_off;
    uint64_t io_cpu_ns, work_cpu_ns;

    pthread_t threads[STREAM_THREADS_MAX];
    uint32_t thread_count;
    void *digest_context[STREAM_WORKERS_MAX]; /* EVP_MD_CTX, made before the threads */
    void *digest;                             /* EVP_MD */
    uint32_t workers_started;

    stream_slot slots[STREAM_SLOTS_MAX];
};

/* stream.c */
PLIM_MUST_USE plim_status plim_stream_run_with(
    const plim_stream_file *files, size_t file_count,
    bool (*next)(void *context, uint64_t index, plim_stream_chunk *out), void *context,
    uint64_t chunk_count, uint64_t total_bytes, const plim_load_opts *opts, plim_load_stats *stats,
    const plim_stream_seam *seam, plim_error *err);
int plim_stream_fault(const stream *s, plim_stream_site site);
uint64_t plim_stream_now_ns(void);
uint64_t plim_stream_cpu_ns(void); /* of this thread */

/* stream_open.c: the files, reopened for the path that was picked */
PLIM_MUST_USE plim_status plim_stream_open_files(stream *s, bool direct, plim_error *err);
void plim_stream_close_files(stream *s);
void plim_stream_drop_cache(const stream *s);

/* stream_slot.c: one chunk's life and the queues */
PLIM_MUST_USE plim_status plim_stream_slot_begin(const stream *s, stream_slot *slot,
                                                 plim_error *err);
/* Takes the result of one read (bytes, or a negative errno); true when the slot wants another. */
bool plim_stream_slot_read(const stream *s, stream_slot *slot, ssize_t result);
void plim_stream_slot_error(const stream *s, const stream_slot *slot, plim_error *err);
void plim_stream_queue_push(stream_queue *queue, uint16_t slot);
uint16_t plim_stream_queue_pop(stream_queue *queue);

/* stream_workers.c */
PLIM_MUST_USE plim_status plim_stream_start_thread(stream *s, void *(*body)(void *),
                                                   plim_error *err);
PLIM_MUST_USE plim_status plim_stream_start_workers(stream *s, plim_error *err);
void plim_stream_stop_threads(stream *s);
void plim_stream_free_digests(stream *s);
void plim_stream_to_workers(stream *s, uint16_t slot); /* or to done when it failed */

/* stream_prefault.c */
PLIM_MUST_USE plim_status plim_stream_start_prefault(stream *s, plim_error *err);
void plim_stream_feed_prefault(stream *s);

/* stream_uring.c, stream_pread.c, stream_buffered.c */
extern const stream_io plim_stream_uring, plim_stream_pread, plim_stream_buffered;
void plim_stream_wait_done(stream *s, uint64_t timeout_ns);
void plim_stream_queue_read(stream *s, uint16_t slot);
/* The next slot to read, or false when the readers are to end. */
bool plim_stream_take_read(stream *s, uint16_t *slot);

#endif
