/* SPDX-License-Identifier: Apache-2.0 */
/* shelf.c - builds the files, runs the stream over them, and counts what may not leak. */
#include "test/support/shelf.h"

#include <dirent.h>
#include <fcntl.h>
#include <lz4.h>
#include <openssl/sha.h>
#include <sys/mman.h>
#include <unistd.h>

static uint32_t up(uint32_t n)
{
    return (n + SHELF_PAGE - 1) / SHELF_PAGE * SHELF_PAGE;
}

static unsigned char *map_room(void)
{
    unsigned char *room =
        mmap(NULL, SHELF_ROOM_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    assert_true(room != MAP_FAILED);
    return room;
}

static void write_all(int fd, const void *bytes, size_t count, uint64_t offset)
{
    assert_int_equal(pwrite(fd, bytes, count, (off_t)offset), (ssize_t)count);
}

/* Lays the LZ4 extent of @raw into @extent when a tail proves it; returns stored_bytes or 0. */
static uint32_t pack(const unsigned char *raw, uint32_t raw_bytes, uint32_t tail,
                     unsigned char *extent)
{
    static char packed[2u << 20];
    static unsigned char trial[2u << 20];
    const int got = LZ4_compress_default((const char *)raw, packed, (int)(raw_bytes - tail),
                                         (int)sizeof(packed));
    const uint32_t stored = (uint32_t)got + tail;
    if (got <= 0 || up(stored) >= up(raw_bytes)) {
        return 0;
    }
    memset(extent, 0, up(stored));
    memcpy(extent, raw + raw_bytes - tail, tail);
    memcpy(extent + up(stored) - (uint32_t)got, packed, (size_t)got);
    memcpy(trial + up(raw_bytes) - up(stored), extent, up(stored));
    return plim_lz4_decode_in_place(trial, raw_bytes, stored, tail) &&
                   memcmp(trial, raw, raw_bytes) == 0
               ? stored
               : 0;
}

/* Writes chunk @i at @offset of @fd; returns the length of its extent. */
static uint32_t write_chunk(shelf *s, size_t i, int fd, uint64_t offset, bool lz4)
{
    static unsigned char extent[2u << 20];
    plim_stream_chunk *chunk = &s->chunks[i];
    const unsigned char *raw = s->want + (chunk->target - s->room);
    uint32_t stored = 0;
    uint32_t tail = 64;

    for (; lz4 && stored == 0 && tail <= 1024 && tail < chunk->raw_bytes; tail *= 2) {
        stored = pack(raw, chunk->raw_bytes, tail, extent);
    }
    chunk->codec = stored != 0 ? PLIM_CODEC_LZ4 : PLIM_CODEC_RAW;
    chunk->tail_bytes = stored != 0 ? tail / 2 : 0;
    chunk->stored_bytes = stored != 0 ? stored : chunk->raw_bytes;
    if (stored == 0) {
        memset(extent, 0, up(chunk->raw_bytes));
        memcpy(extent, raw, chunk->raw_bytes);
    }
    SHA256(extent, stored != 0 ? up(stored) : chunk->raw_bytes, s->digest[i]);
    chunk->sha256 = s->digest[i];
    chunk->file_offset = offset;
    write_all(fd, extent, up(chunk->stored_bytes), offset);
    return up(chunk->stored_bytes);
}

static void fill_want(unsigned char *bytes, size_t count)
{
    uint64_t state = 42;
    for (size_t i = 0; i + 8 <= count; i += 8) {
        const uint64_t word = cm_next(&state);
        const uint64_t sparse = (word & 3) == 0 ? word : 0;
        memcpy(bytes + i, (i >> 16) % 3 == 0 ? &word : &sparse, 8);
    }
}

/* Lays @sizes out over one or two files; every third chunk is LZ4 when asked for. */
void shelf_build(shelf *s, const char *folder, const uint32_t *sizes, size_t count,
                 size_t file_count, bool lz4)
{
    memset(s, 0, sizeof(*s));
    s->room = map_room();
    s->want = map_room();
    fill_want(s->want, SHELF_ROOM_BYTES);
    uint64_t at = 0;
    uint64_t offsets[2] = {8192, 0};
    s->file_count = file_count;
    for (size_t f = 0; f < file_count; f++) {
        snprintf(s->path[f], sizeof(s->path[f]), "%s/shelf%zu.%d", folder, f, (int)getpid());
        const int fd = open(s->path[f], O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
        assert_true(fd >= 0);
        s->files[f] = (plim_stream_file){.fd = fd, .path = s->path[f]};
    }
    for (size_t i = 0; i < count; i++) {
        const uint32_t file = file_count == 2 && i >= count / 2 ? 1 : 0;
        plim_stream_chunk *chunk = &s->chunks[i];
        chunk->file = file;
        chunk->number = i;
        chunk->raw_bytes = sizes[i];
        chunk->target = s->room + at;
        memset(s->want + at + sizes[i], 0, up(sizes[i]) - sizes[i]);
        offsets[file] += write_chunk(s, i, s->files[file].fd, offsets[file], lz4 && i % 3 != 0);
        at += up(sizes[i]);
        assert_true(at <= SHELF_ROOM_BYTES);
        s->payload_bytes += sizes[i];
    }
    s->chunk_count = count;
    for (size_t f = 0; f < file_count; f++) {
        fsync(s->files[f].fd);
        posix_fadvise(s->files[f].fd, 0, 0, POSIX_FADV_DONTNEED);
        s->files[f].size_bytes = offsets[f];
    }
    memset(s->room, 0xEE, SHELF_ROOM_BYTES);
}

void shelf_drop(shelf *s)
{
    for (size_t f = 0; f < s->file_count; f++) {
        close(s->files[f].fd);
        unlink(s->path[f]);
    }
    munmap(s->room, SHELF_ROOM_BYTES);
    munmap(s->want, SHELF_ROOM_BYTES);
}

bool shelf_next_chunk(void *context, uint64_t index, plim_stream_chunk *out)
{
    const shelf *s = context;
    if (index >= s->chunk_count) {
        return false;
    }
    *out = s->chunks[index];
    return true;
}

plim_status shelf_run(shelf *s, const plim_load_opts *opts, const plim_stream_seam *seam,
                      plim_load_stats *stats, plim_error *err)
{
    return plim_stream_run_with(s->files, s->file_count, shelf_next_chunk, s, s->chunk_count,
                                s->payload_bytes, opts, stats, seam, err);
}

uint64_t shelf_room_used(const shelf *s)
{
    const plim_stream_chunk *last = &s->chunks[s->chunk_count - 1];
    return (uint64_t)(last->target - s->room) + up(last->raw_bytes);
}

void assert_arrived(const shelf *s)
{
    assert_memory_equal(s->room, s->want, shelf_room_used(s));
    assert_int_equal(s->room[shelf_room_used(s)], 0xEE);
}

void assert_scrubbed(const shelf *s)
{
    const unsigned char *room = s->room;
    for (uint64_t at = 0; at < shelf_room_used(s); at += SHELF_PAGE) {
        assert_true(room[at] == 0 || room[at] == 0xEE);
        assert_int_equal(memcmp(room + at, room + at + 1, SHELF_PAGE - 1), 0);
    }
}

/* Is @path to be had for files in @folder? io_uring may be forbidden, O_DIRECT refused. */
bool shelf_has_path(shelf *s, plim_read_path path)
{
    plim_load_opts opts = plim_load_opts_default();
    opts.path = path;
    plim_error err = {0};
    const plim_status status = shelf_run(s, &opts, NULL, NULL, &err);
    if (status == PLIM_E_UNSUPPORTED) {
        printf("# not here: %s\n", err.found);
    }
    memset(s->room, 0xEE, SHELF_ROOM_BYTES);
    return status != PLIM_E_UNSUPPORTED;
}

void shelf_flip(const shelf *s, size_t i, uint64_t bit)
{
    unsigned char byte;
    const plim_stream_chunk *chunk = &s->chunks[i];
    const int fd = s->files[chunk->file].fd;
    const bool is_lz4 = chunk->codec == PLIM_CODEC_LZ4;
    const uint64_t size = is_lz4 ? up(chunk->stored_bytes) : chunk->stored_bytes;
    const uint64_t at = chunk->file_offset + bit / 8 % size;
    assert_int_equal(pread(fd, &byte, 1, (off_t)at), 1);
    byte = (unsigned char)(byte ^ (1u << bit % 8));
    write_all(fd, &byte, 1, at);
    fdatasync(fd);
}

/* ---- what may not leak ---- */

static size_t count_folder(const char *path)
{
    size_t count = 0;
    DIR *folder = opendir(path);
    assert_non_null(folder);
    while (readdir(folder) != NULL) {
        count++;
    }
    closedir(folder);
    return count;
}

census take_census(void)
{
    return (census){count_folder("/proc/self/fd"), count_folder("/proc/self/task")};
}

void assert_census(census before)
{
    census now = take_census();
    for (int i = 0; i < 200 && now.threads != before.threads; i++) {
        usleep(1000); /* a joined thread's entry may outlive the join by a moment */
        now = take_census();
    }
    assert_int_equal(now.descriptors, before.descriptors);
    assert_int_equal(now.threads, before.threads);
}

size_t cached_pages(int fd, uint64_t size)
{
    static unsigned char pages[(SHELF_ROOM_BYTES >> 12) + 64];
    void *map = mmap(NULL, size, PROT_READ, MAP_SHARED, fd, 0);
    assert_true(map != MAP_FAILED);
    const size_t count = (size_t)((size + SHELF_PAGE - 1) / SHELF_PAGE);
    assert_true(count <= sizeof(pages));
    assert_int_equal(mincore(map, size, pages), 0);
    munmap(map, size);
    size_t cached = 0;
    for (size_t i = 0; i < count; i++) {
        cached += pages[i] & 1;
    }
    return cached;
}
