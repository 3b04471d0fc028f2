/* SPDX-License-Identifier: Apache-2.0 */
/* engines.c - writes engines chunk by chunk and opens them again. */
#include "bench/support/engines.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <lz4.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "arena/bytes.h"

#define PAGE    4096u
#define VERSION 3u

typedef struct index_head {
    uint64_t version, seed, payload_bytes, file_bytes, chunk_count, reserved[3];
} index_head;

uint64_t bench_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void bench_stop(const char *what, const plim_error *err)
{
    char text[1024] = "";
    if (err != NULL) {
        plim_error_format(err, text, sizeof(text));
    }
    fprintf(stderr, "bench: %s: %s\n", what, err != NULL ? text : strerror(errno));
    exit(2);
}

static uint64_t mix(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

/* Four fp16 numbers of small magnitude: sign and mantissa random, exponent in a band. */
static uint64_t dense(uint64_t word)
{
    return (word & 0x8fff8fff8fff8fffu) | 0x2000200020002000u;
}

static void fill_chunk(unsigned char *out, uint32_t size, uint64_t seed, uint64_t index,
                       bool is_mixed)
{
    uint64_t state = seed ^ (index * 0xd1342543de82ef95u);
    const unsigned int part = is_mixed ? (unsigned int)(index % 4) : 0;
    for (uint32_t at = 0; at < size; at += 8) {
        uint64_t word = dense(mix(&state));
        if (part == 2) { /* two numbers of four are zero */
            static const uint64_t masks[4] = {0xffffffffu, 0xffff0000ffffu, 0xffff00000000ffffu,
                                              0xffffffff00000000u};
            word &= masks[word & 3];
        } else if (part == 3) { /* few different words, as in code */
            word = dense((word >> 7) % 97 * 0x2545f4914f6cdd1du);
        }
        const uint32_t left = size - at < 8 ? size - at : 8;
        memcpy(out + at, &word, left);
    }
}

static uint32_t page_up(uint32_t n)
{
    return (n + PAGE - 1) / PAGE * PAGE;
}

/* The LZ4 extent when one page is saved and a tail proves it; else 0. */
static uint32_t pack_chunk(const unsigned char *raw, plim_chunk *chunk, unsigned char *extent)
{
    static char packed[BENCH_CHUNK_BYTES + 8192];
    static unsigned char trial[BENCH_CHUNK_BYTES];
    for (uint32_t tail = 64; tail <= 1024; tail *= 2) {
        const int got = LZ4_compress_default((const char *)raw, packed,
                                             (int)(chunk->raw_bytes - tail), (int)sizeof(packed));
        const uint32_t stored = (uint32_t)got + tail;
        const uint32_t room = page_up(chunk->raw_bytes);
        if (got <= 0 || page_up(stored) >= room) {
            return 0;
        }
        memset(extent, 0, page_up(stored));
        memcpy(extent, raw + chunk->raw_bytes - tail, tail);
        memcpy(extent + page_up(stored) - (uint32_t)got, packed, (size_t)got);
        memcpy(trial + room - page_up(stored), extent, page_up(stored));
        if (plim_lz4_decode_in_place(trial, chunk->raw_bytes, stored, tail) &&
            memcmp(trial, raw, chunk->raw_bytes) == 0) {
            chunk->codec = PLIM_CODEC_LZ4;
            chunk->tail_bytes = tail;
            return stored;
        }
    }
    return 0;
}

static uint64_t write_chunk(int fd, plim_chunk *chunk, uint64_t seed, uint64_t index, bool is_lz4)
{
    static unsigned char raw[BENCH_CHUNK_BYTES];
    static unsigned char extent[BENCH_CHUNK_BYTES + 8192];
    fill_chunk(raw, chunk->raw_bytes, seed, index, is_lz4);
    chunk->stored_bytes = is_lz4 ? pack_chunk(raw, chunk, extent) : 0;
    if (chunk->stored_bytes == 0) {
        chunk->codec = PLIM_CODEC_RAW;
        chunk->stored_bytes = chunk->raw_bytes;
        memset(extent, 0, page_up(chunk->raw_bytes));
        memcpy(extent, raw, chunk->raw_bytes);
    }
    const uint32_t size = page_up(chunk->stored_bytes);
    SHA256(extent, chunk->codec == PLIM_CODEC_LZ4 ? size : chunk->stored_bytes, chunk->sha256);
    if (pwrite(fd, extent, size, (off_t)chunk->file_offset) != (ssize_t)size) {
        bench_stop("writing an engine", NULL);
    }
    return size;
}

static void name_files(const char *folder, const char *kind, uint64_t payload_bytes, uint64_t seed,
                       char *path, char *index)
{
    snprintf(path, 256, "%s/%s-%" PRIu64 "-%" PRIu64 ".bin", folder, kind, payload_bytes, seed);
    snprintf(index, 272, "%s.idx", path);
}

static bool is_made(const char *path, const char *index, uint64_t payload_bytes, uint64_t seed)
{
    index_head head;
    struct stat at;
    const int fd = open(index, O_RDONLY | O_CLOEXEC);
    const ssize_t got = fd < 0 ? -1 : pread(fd, &head, sizeof(head), 0);
    if (fd >= 0) {
        close(fd);
    }
    return got == (ssize_t)sizeof(head) && head.version == VERSION && head.seed == seed &&
           head.payload_bytes == payload_bytes && stat(path, &at) == 0 &&
           (uint64_t)at.st_size == head.file_bytes;
}

static void make_folder(const char *folder)
{
    if (mkdir(folder, 0755) != 0 && errno != EEXIST) {
        bench_stop(folder, NULL);
    }
}

void bench_engine_make(const char *folder, const char *kind, uint64_t payload_bytes, uint64_t seed)
{
    char path[256];
    char index[272];
    const bool is_lz4 = strcmp(kind, "lz4") == 0;
    make_folder(folder);
    name_files(folder, kind, payload_bytes, seed, path, index);
    if (is_made(path, index, payload_bytes, seed)) {
        return;
    }
    printf("# making %s\n", path);
    fflush(stdout);
    const int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    const int table = open(index, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    if (fd < 0 || table < 0) {
        bench_stop(path, NULL);
    }
    index_head head = {.version = VERSION, .seed = seed, .payload_bytes = payload_bytes};
    uint64_t offset = 0;
    for (uint64_t at = 0; at < payload_bytes; at += BENCH_CHUNK_BYTES) {
        const uint64_t left = payload_bytes - at;
        plim_chunk chunk = {.file_offset = offset, .payload_offset = at};
        chunk.raw_bytes = left < BENCH_CHUNK_BYTES ? (uint32_t)left : BENCH_CHUNK_BYTES;
        offset += write_chunk(fd, &chunk, seed, head.chunk_count, is_lz4);
        if (pwrite(table, &chunk, sizeof(chunk),
                   (off_t)(sizeof(head) + head.chunk_count * sizeof(chunk))) !=
            (ssize_t)sizeof(chunk)) {
            bench_stop(index, NULL);
        }
        head.chunk_count++;
        if (head.chunk_count % 256 == 0) {
            fdatasync(fd);
            posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
        }
    }
    head.file_bytes = offset;
    if (fdatasync(fd) != 0 || pwrite(table, &head, sizeof(head), 0) != (ssize_t)sizeof(head) ||
        fdatasync(table) != 0) {
        bench_stop(path, NULL);
    }
    posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED);
    close(fd);
    close(table);
}

void bench_engine_open(bench_engine *self, const char *folder, const char *kind,
                       uint64_t payload_bytes, uint64_t seed)
{
    char index[272];
    index_head head;
    memset(self, 0, sizeof(*self));
    name_files(folder, kind, payload_bytes, seed, self->path, index);
    const int table = open(index, O_RDONLY | O_CLOEXEC);
    const int fd = open(self->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || table < 0 || pread(table, &head, sizeof(head), 0) != (ssize_t)sizeof(head)) {
        bench_stop(self->path, NULL);
    }
    self->map_bytes = sizeof(head) + head.chunk_count * sizeof(plim_chunk);
    char *map =
        mmap(NULL, self->map_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (map == MAP_FAILED || pread(table, map, self->map_bytes, 0) != (ssize_t)self->map_bytes) {
        bench_stop(index, NULL);
    }
    posix_fadvise(table, 0, 0, POSIX_FADV_DONTNEED);
    close(table);
    uint64_t room = 0;
    (void)bytes_align_up(payload_bytes, PAGE, &room);
    self->file_bytes = head.file_bytes;
    self->stream_file =
        (plim_stream_file){.fd = fd, .path = self->path, .size_bytes = head.file_bytes};
    self->file = (struct plim_engine_file){.path = self->path,
                                           .chunks = (void *)(map + sizeof(head)),
                                           .chunk_count = (size_t)head.chunk_count,
                                           .files = &self->stream_file,
                                           .file_count = 1,
                                           .chunk_bytes = BENCH_CHUNK_BYTES,
                                           .payload_bytes = payload_bytes,
                                           .room_bytes = room};
}

void bench_engine_close(bench_engine *self)
{
    close(self->stream_file.fd);
    munmap((char *)self->file.chunks - sizeof(index_head), self->map_bytes);
}

void bench_evict(const bench_engine *self)
{
    (void)fdatasync(self->stream_file.fd);
    (void)posix_fadvise(self->stream_file.fd, 0, 0, POSIX_FADV_DONTNEED);
}

uint64_t bench_cached_bytes(const bench_engine *self)
{
    static unsigned char pages[65536];
    const size_t step = sizeof(pages) * PAGE;
    uint64_t cached = 0;
    for (uint64_t at = 0; at < self->file_bytes; at += step) {
        const uint64_t left = self->file_bytes - at;
        const size_t size = left < step ? (size_t)left : step;
        void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, self->stream_file.fd, (off_t)at);
        if (map == MAP_FAILED || mincore(map, size, pages) != 0) {
            bench_stop("mincore", NULL);
        }
        munmap(map, size);
        for (size_t i = 0; i < (size + PAGE - 1) / PAGE; i++) {
            cached += (uint64_t)(pages[i] & 1) * PAGE;
        }
    }
    return cached;
}

static void first_line(const char *command, char *out, size_t size)
{
    FILE *pipe = popen(command, "re");
    if (pipe == NULL || fgets(out, (int)size, pipe) == NULL) {
        snprintf(out, size, "unknown");
    }
    out[strcspn(out, "\n")] = '\0';
    if (pipe != NULL) {
        pclose(pipe);
    }
}

void bench_headline(const char *name, int argc, char **argv)
{
    struct utsname host;
    char revision[64];
    char cpu[128];
    uname(&host);
    first_line("git describe --always --dirty 2>/dev/null", revision, sizeof(revision));
    first_line("sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1", cpu, sizeof(cpu));
    printf("# %s: %s, %ld CPUs, %.1f GB, %s %s, revision %s, flags:", name, cpu,
           sysconf(_SC_NPROCESSORS_ONLN),
           (double)sysconf(_SC_PHYS_PAGES) * (double)sysconf(_SC_PAGESIZE) / 1e9, host.sysname,
           host.release, revision);
    for (int i = 1; i < argc; i++) {
        printf(" %s", argv[i]);
    }
    printf("\n");
    fflush(stdout);
}
