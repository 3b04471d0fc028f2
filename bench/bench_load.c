/* SPDX-License-Identifier: Apache-2.0 */
/* bench_load.c - load rates as fractions of what the device gives in the same minute.
 *
 * Decides nothing by time. Every measurement stands beside a baseline taken just before it: the
 * rate of direct reads into the same pre-touched arena, by a loop that does nothing else (four
 * reads of 1 MiB in flight). Devices drift, their ratio does not. Where the kernel can hold the
 * device to a fixed rate (block control group), everything is run once under that ruler and
 * once without. Rows: raw and LZ4 with SHA-256 over every byte, 1 to 64 files, other paths, a
 * cold arena with and without prefault, and the usual ways beside them.
 *
 * usage: bench_load [--quick] [--reps N] [--folder DIR]
 */
#include <fcntl.h>
#include <inttypes.h>
#include <liburing.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "bench/support/engines.h"
#include "bench/support/group.h"

#define FILES_MAX  64
#define REPS_MAX   16
#define HUGE_BYTES (2u << 20)
#define RULER      (700u << 20)
#define CREDIT     (160u << 20)

typedef struct set { /* engines that are loaded together */
    bench_engine engines[FILES_MAX];
    plim_engine_file *files[FILES_MAX];
    void *bases[FILES_MAX];
    size_t count;
    uint64_t payload_bytes, stored_bytes;
} set;

typedef struct row {
    const char *name;
    const set *engines;
    bool (*run)(const struct row *row, plim_load_stats *stats);
    plim_load_opts opts;
    double bound; /* payload rate over the baseline that would be perfect; 0: take the LZ4 rule */
} row;

static unsigned char *arena;
static uint64_t arena_bytes;

static double cpu_seconds(void)
{
    struct rusage u;
    getrusage(RUSAGE_SELF, &u);
    return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
           (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* ---- the ways to load ---- */

/* Four direct reads of 1 MiB in flight, and nothing else. */
static bool run_baseline(const row *r, plim_load_stats *stats)
{
    const bench_engine *engine = &r->engines->engines[0];
    struct io_uring ring;
    const int fd = open(engine->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    uint64_t asked = 0;
    unsigned int in_flight = 0;
    (void)stats;
    if (fd < 0 || io_uring_queue_init(4, &ring, 0) != 0) {
        return false;
    }
    while (asked < engine->file_bytes || in_flight > 0) {
        struct io_uring_cqe *cqe;
        for (; in_flight < 4 && asked < engine->file_bytes; in_flight++) {
            const uint64_t left = engine->file_bytes - asked;
            const unsigned int size = left < (1u << 20) ? (unsigned int)left : 1u << 20;
            io_uring_prep_read(io_uring_get_sqe(&ring), fd, arena + asked, size, asked);
            asked += size;
        }
        io_uring_submit_and_wait(&ring, 1);
        while (io_uring_peek_cqe(&ring, &cqe) == 0) {
            if (cqe->res <= 0) {
                bench_stop("baseline read", NULL);
            }
            io_uring_cqe_seen(&ring, cqe);
            in_flight--;
        }
    }
    io_uring_queue_exit(&ring);
    close(fd);
    return true;
}

static bool run_ours(const row *r, plim_load_stats *stats)
{
    plim_error err = {0};
    const plim_status status = plim_engine_load_many(r->engines->files, r->engines->bases,
                                                     r->engines->count, &r->opts, stats, &err);
    if (status != PLIM_OK && status != PLIM_E_UNSUPPORTED) {
        bench_stop(r->name, &err);
    }
    return status == PLIM_OK;
}

/* The same into memory that was never touched. */
static bool run_cold(const row *r, plim_load_stats *stats)
{
    const uint64_t size = r->engines->engines[0].file.room_bytes + HUGE_BYTES;
    char *map = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    plim_error err = {0};
    if (map == MAP_FAILED) {
        return false;
    }
    void *base = (void *)(((uintptr_t)map + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
    const plim_status status = plim_engine_load(r->engines->files[0], base, &r->opts, stats, &err);
    munmap(map, size);
    return status == PLIM_OK;
}

static bool run_read_build(const row *r, plim_load_stats *stats)
{
    const bench_engine *engine = &r->engines->engines[0];
    unsigned char *blob = malloc(engine->file_bytes);
    (void)stats;
    for (uint64_t at = 0; blob != NULL && at < engine->file_bytes;) {
        const ssize_t got =
            pread(engine->stream_file.fd, blob + at, engine->file_bytes - at, (off_t)at);
        if (got <= 0) {
            bench_stop("read", NULL);
        }
        at += (uint64_t)got;
    }
    memcpy(arena, blob, engine->file.payload_bytes);
    free(blob);
    return true;
}

static bool run_map_copy(const row *r, plim_load_stats *stats)
{
    const bench_engine *engine = &r->engines->engines[0];
    void *map = mmap(NULL, engine->file_bytes, PROT_READ, MAP_PRIVATE, engine->stream_file.fd, 0);
    (void)stats;
    if (map == MAP_FAILED) {
        return false;
    }
    memcpy(arena, map, engine->file.payload_bytes);
    munmap(map, engine->file_bytes);
    return true;
}

/* ---- sets and the decode capacity ---- */

static void open_set(set *s, const char *folder, const char *kind, uint64_t payload, size_t count)
{
    memset(s, 0, sizeof(*s));
    s->count = count;
    for (size_t i = 0; i < count; i++) {
        bench_engine *engine = &s->engines[i];
        bench_engine_make(folder, kind, payload / count, i + 1);
        bench_engine_open(engine, folder, kind, payload / count, i + 1);
        s->files[i] = &engine->file;
        s->bases[i] = arena + s->payload_bytes;
        s->payload_bytes += engine->file.room_bytes;
        s->stored_bytes += engine->file_bytes;
    }
}

static void evict_set(const set *s)
{
    for (size_t i = 0; i < s->count; i++) {
        bench_evict(&s->engines[i]);
    }
}

/* Bytes of payload per second that one core can check and decode, from the first chunks. */
static double decode_rate(const set *s)
{
    const bench_engine *engine = &s->engines[0];
    EVP_MD_CTX *context = EVP_MD_CTX_new();
    unsigned char digest[EVP_MAX_MD_SIZE];
    uint64_t bytes = 0;
    uint64_t spent = 0;
    for (size_t i = 0; i < engine->file.chunk_count && i < 128; i++) {
        const plim_chunk *chunk = &engine->file.chunks[i];
        const uint32_t extent = (chunk->stored_bytes + 4095) / 4096 * 4096;
        const uint32_t room = (chunk->raw_bytes + 4095) / 4096 * 4096;
        unsigned char *at = arena + (uint64_t)i * BENCH_CHUNK_BYTES;
        unsigned char *landing = at + (chunk->codec == PLIM_CODEC_LZ4 ? room - extent : 0);
        if (pread(engine->stream_file.fd, landing, extent, (off_t)chunk->file_offset) !=
            (ssize_t)extent) {
            bench_stop("read", NULL);
        }
        const uint64_t start = bench_now_ns();
        EVP_DigestInit_ex(context, EVP_sha256(), NULL);
        EVP_DigestUpdate(context, landing, extent);
        EVP_DigestFinal_ex(context, digest, NULL);
        if (chunk->codec == PLIM_CODEC_LZ4 &&
            !plim_lz4_decode_in_place(at, chunk->raw_bytes, chunk->stored_bytes,
                                      chunk->tail_bytes)) {
            bench_stop("decode", NULL);
        }
        spent += bench_now_ns() - start;
        bytes += chunk->raw_bytes;
    }
    EVP_MD_CTX_free(context);
    bench_evict(engine);
    return (double)bytes * 1e9 / (double)spent;
}

/* ---- measuring ---- */

static bool has_ruler;

/* The throttle saves up what an idle device was owed; spend it, or it counts as speed. */
static void spend_credit(const row *r)
{
    const bench_engine *engine = &r->engines->engines[0];
    const int fd = open(engine->path, O_RDONLY | O_DIRECT | O_CLOEXEC);
    for (uint64_t done = 0; fd >= 0 && done < CREDIT; done += 1u << 20) {
        if (pread(fd, arena, 1u << 20, (off_t)(done % (engine->file_bytes & ~0xfffffull))) < 0) {
            bench_stop("read", NULL);
        }
    }
    if (fd >= 0) {
        close(fd);
    }
}

static int compare(const void *a, const void *b)
{
    const double x = *(const double *)a;
    const double y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, size_t count)
{
    qsort(values, count, sizeof(*values), compare);
    return count % 2 == 1 ? values[count / 2] : (values[count / 2 - 1] + values[count / 2]) / 2;
}

typedef struct reading {
    double rate, cpu;
    plim_load_stats stats;
    bool is_there;
} reading;

static reading take(const row *r)
{
    reading out = {0};
    evict_set(r->engines);
    if (has_ruler) {
        spend_credit(r);
    }
    const double cpu = cpu_seconds();
    const uint64_t start = bench_now_ns();
    out.is_there = r->run(r, &out.stats);
    out.rate = (double)r->engines->payload_bytes * 1e9 / (double)(bench_now_ns() - start);
    out.cpu = (cpu_seconds() - cpu) / ((double)r->engines->payload_bytes / 1e9);
    return out;
}

/* One row: @reps pairs of baseline and row; returns the median rate. */
static double measure(const char *mode, const row *base, const row *r, size_t reps, double capacity)
{
    double rate[REPS_MAX];
    double ratio[REPS_MAX];
    double of_bound[REPS_MAX];
    double io[REPS_MAX];
    double all[REPS_MAX];
    reading got = {0};
    const double shrink = (double)r->engines->payload_bytes / (double)r->engines->stored_bytes;
    for (size_t i = 0; i < reps; i++) {
        const double device = take(base).rate;
        got = take(r);
        if (!got.is_there) {
            printf("%s\t%s\tnot here\n", mode, r->name);
            return 0;
        }
        const double bound = device * shrink < capacity ? device * shrink : capacity;
        rate[i] = got.rate / 1e6;
        ratio[i] = got.rate / device;
        of_bound[i] = got.rate / bound;
        io[i] = (double)got.stats.io_cpu_ns / (double)r->engines->payload_bytes;
        all[i] = got.cpu;
    }
    const double middle = median(rate, reps);
    printf("%s\t%s\t%zu\t%zu\t%.0f\t%.0f\t%.0f\t%.3f\t%.3f\t", mode, r->name, r->engines->count,
           reps, middle, rate[0], rate[reps - 1], median(ratio, reps), median(of_bound, reps));
    if (got.stats.io_cpu_ns != 0) {
        printf("%.4f\t", median(io, reps));
    } else {
        printf("-\t");
    }
    printf("%.3f\t%" PRIu64 "\t%s\n", median(all, reps), got.stats.window_bytes,
           got.stats.path_reason);
    fflush(stdout);
    return middle;
}

static void map_arena(uint64_t payload)
{
    arena_bytes = payload + (uint64_t)FILES_MAX * 4096;
    char *map = mmap(NULL, arena_bytes + HUGE_BYTES, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED) {
        bench_stop("arena", NULL);
    }
    arena = (void *)(((uintptr_t)map + HUGE_BYTES - 1) & ~(uintptr_t)(HUGE_BYTES - 1));
    (void)madvise(arena, arena_bytes, MADV_HUGEPAGE);
    memset(arena, 1, arena_bytes);
}

static plim_load_opts with(plim_read_path path, bool skip_digest, bool no_prefault)
{
    plim_load_opts opts = plim_load_opts_default();
    opts.path = path;
    opts.skip_digest = skip_digest;
    opts.no_prefault = no_prefault;
    return opts;
}

static void measure_all(const char *mode, const set *raw, const set *many, const set *lz4,
                        size_t reps)
{
    static const double UNBOUND = 1e18;
    const plim_load_opts best = with(PLIM_READ_AUTO, false, false);
    const row base = {.name = "baseline", .engines = raw, .run = run_baseline};
    const row rows[] = {
        {"baseline again", raw, run_baseline, best, 1},
        {"raw, no digest", raw, run_ours, with(PLIM_READ_AUTO, true, false), 1},
        {"raw, sha256", raw, run_ours, best, 1},
        {"raw, sha256, 4 files", &many[0], run_ours, best, 1},
        {"raw, sha256, 16 files", &many[1], run_ours, best, 1},
        {"raw, sha256, 64 files", &many[2], run_ours, best, 1},
        {"raw, sha256, pread threads", raw, run_ours, with(PLIM_READ_PREAD_DIRECT, false, false),
         1},
        {"raw, sha256, buffered windows", raw, run_ours, with(PLIM_READ_BUFFERED, false, false), 1},
        {"raw, sha256, cold arena", raw, run_cold, best, 1},
        {"raw, sha256, cold, no prefault", raw, run_cold, with(PLIM_READ_AUTO, false, true), 1},
        {"lz4, sha256", lz4, run_ours, best, 0},
        {"mmap+copy", raw, run_map_copy, best, 1},
        {"read+build", raw, run_read_build, best, 1},
    };
    const double cores = (double)sysconf(_SC_NPROCESSORS_ONLN);
    const double raw_rate = decode_rate(raw) * cores;
    const double lz4_rate = decode_rate(lz4) * cores;
    double rate[sizeof(rows) / sizeof(rows[0])];

    printf(
        "# %s: capacity of %.0f cores: raw sha256 %.0f MB/s, lz4 + sha256 %.0f MB/s of payload\n",
        mode, cores, raw_rate / 1e6, lz4_rate / 1e6);
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const double capacity = rows[i].run != run_ours && rows[i].run != run_cold ? UNBOUND
                                : rows[i].opts.skip_digest                         ? UNBOUND
                                : rows[i].bound == 0                               ? lz4_rate
                                                                                   : raw_rate;
        rate[i] = measure(mode, &base, &rows[i], reps, capacity);
    }
    printf("# %s: raw sha256 is %.2f x read+build and %.2f x mmap+copy; lz4 is %.2f x raw\n", mode,
           rate[2] / rate[12], rate[2] / rate[11], rate[10] / rate[2]);
}

int main(int argc, char **argv)
{
    static set raw;
    static set many[3];
    static set lz4;
    const char *folder = "build/bench";
    uint64_t payload = 1u << 30;
    size_t reps = 5;

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--quick") == 0) {
            payload = 128u << 20;
            reps = 2;
        } else if (strcmp(argv[i], "--reps") == 0 && i + 1 < argc) {
            reps = strtoul(argv[++i], NULL, 10);
        } else if (strcmp(argv[i], "--folder") == 0 && i + 1 < argc) {
            folder = argv[++i];
        } else {
            fprintf(stderr, "usage: bench_load [--quick] [--reps N] [--folder DIR]\n");
            return 2;
        }
    }
    reps = reps < 1 ? 1 : reps > REPS_MAX ? REPS_MAX : reps;
    bench_headline("bench_load", argc, argv);
    map_arena(payload);
    open_set(&raw, folder, "raw", payload, 1);
    open_set(&many[0], folder, "raw", payload, 4);
    open_set(&many[1], folder, "raw", payload, 16);
    open_set(&many[2], folder, "raw", payload, 64);
    open_set(&lz4, folder, "lz4", payload, 1);
    printf("mode\tname\tfiles\treps\tMB/s_p50\tmin\tmax\tx_baseline\tx_bound\tio_cpu_s/GB\t"
           "all_cpu_s/GB\twindow_bytes\tpath_reason\n");
    if (bench_throttle(raw.engines[0].path, RULER)) {
        has_ruler = true;
        measure_all("ruler", &raw, many, &lz4, reps);
        (void)bench_throttle(raw.engines[0].path, 0);
    } else {
        printf("# skipped: no block control group that this process may use; free-running only\n");
    }
    bench_throttle_close();
    has_ruler = false;
    measure_all("free", &raw, many, &lz4, reps);
    return 0;
}
