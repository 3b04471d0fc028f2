/* SPDX-License-Identifier: Apache-2.0 */
/* test_container.c - packing, opening, verifying and hostile heads. */
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "plimsoll/engine.h"
#include "src/engine/container.h"
#include "src/engine/digest.h"
#include "test/support/cm.h"

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_card card;
static unsigned char *scratch;

static int set_up(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    b.cap_bytes = 256u << 20;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    plim_region_opts r = plim_region_opts_default();
    r.size_bytes = 64u << 20;
    r.tag = PLIM_TAG_OTHER;
    assert_ok(plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, &home, &err));
    assert_int_equal(posix_memalign((void **)&scratch, 4096, (4u << 20) + 8192), 0);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(scratch);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

static uint64_t home_used(void)
{
    plim_region_stats stats;
    plim_region_read(home, &stats);
    return stats.used_bytes;
}

static const char *in_tmp(const char *name)
{
    static char path[4][4096];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof(path[0]), "%s/%s", cm_tmp(), name);
    return p;
}

static unsigned char *bytes_of(const char *path, size_t *size)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    fseek(f, 0, SEEK_END);
    *size = (size_t)ftell(f);
    rewind(f);
    unsigned char *bytes = malloc(*size + 1);
    assert_int_equal(fread(bytes, 1, *size, f), *size);
    fclose(f);
    return bytes;
}

static void put_file(const char *path, const void *bytes, size_t size)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, size, f), size);
    fclose(f);
}

static void fill_card(void)
{
    memset(&card, 0, sizeof(card));
    strcpy(card.backend, "null");
    strcpy(card.format, "raw");
    card.build = PLIM_BUILD_NATIVE;
    card.sm = 87;
}

/* Noise, text-like runs or a mixture, the same for the same seed. */
static unsigned char *payload(size_t size, int mix, uint64_t seed)
{
    unsigned char *p = malloc(size + 1);
    for (size_t i = 0; i < size; i++) {
        uint64_t z = cm_next(&seed);
        bool noise = mix == 0 || (mix == 2 && (i >> 17) % 2);
        p[i] = (unsigned char)(noise ? z : (z % 8 ? 'a' + (i >> 6) % 7 : z));
    }
    return p;
}

/* What a load must give: every chunk read and decoded to its place. */
static unsigned char *unpack(const plim_engine_file *f)
{
    unsigned char *out = calloc(1, plim_engine_room_bytes(f) + 4096);
    unsigned char *base = out;
    int fd = open(plim_engine_path(f), O_RDONLY | O_CLOEXEC);
    unsigned char *room;
    assert_int_equal(posix_memalign((void **)&room, 4096, 16u << 20), 0);
    for (size_t i = 0; i < plim_engine_chunk_count(f); i++) {
        const plim_chunk *c = plim_engine_chunk(f, i);
        size_t whole = ((size_t)c->raw_bytes + 4095) & ~(size_t)4095;
        size_t extent = plim_container_extent_bytes(c, true);
        unsigned char *at = c->codec == PLIM_CODEC_LZ4 ? room + whole - extent : room;
        assert_int_equal(pread(fd, at, extent, (off_t)c->file_offset), (ssize_t)extent);
        if (c->codec == PLIM_CODEC_LZ4) {
            assert_true(
                plim_lz4_decode_in_place(room, c->raw_bytes, c->stored_bytes, c->tail_bytes));
        }
        memcpy(base + c->payload_offset, room, c->raw_bytes);
    }
    free(room);
    close(fd);
    return out;
}

static void round_trip(size_t size, int mix, bool lz4, int level)
{
    fill_card();
    const char *path = in_tmp("round.engine");
    unsigned char *bytes = payload(size, mix, size + 7);
    unsigned char graph[33] = "graph";
    plim_pack_input in[2] = {{"graph", PLIM_SECTION_GRAPH, NULL, graph, sizeof(graph), 64},
                             {"weights", PLIM_SECTION_WEIGHTS, NULL, bytes, size, 4096}};
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = 64u << 10;
    o.lz4 = lz4;
    o.lz4_level = level;
    plim_pack_result result;
    plim_engine_file *f;
    plim_load_stats stats;
    uint64_t before = home_used();

    assert_ok(plim_engine_pack(path, &card, in, 2, &o, &result, &err));
    assert_ok(plim_engine_open(path, home, &f, &err));

    assert_int_equal(plim_engine_payload_bytes(f), 4096 + size);
    assert_int_equal(plim_engine_chunk_count(f), result.chunk_count);
    assert_int_equal(plim_engine_find_section(f, "weights")->offset_bytes, 4096);
    assert_memory_equal(plim_engine_card(f)->payload_root, result.root, 32);
    assert_ok(plim_engine_verify(f, scratch, 4u << 20, NULL, &stats, &err));
    assert_int_equal(stats.lz4_chunk_count, result.lz4_chunk_count);
    assert_true(lz4 || result.lz4_chunk_count == 0);
    unsigned char *got = unpack(f);
    assert_memory_equal(got, graph, sizeof(graph));
    assert_memory_equal(got + 4096, bytes, size);
    plim_engine_close(f);
    assert_int_equal(home_used(), before);
    free(got);
    free(bytes);
}

static void every_size_comes_back_raw_and_compressed(void **state)
{
    (void)state;
    static const size_t sizes[] = {0,     1,     63,    64,     65,     4095,   4096,   61439,
                                   61440, 61441, 65536, 126976, 126977, 262144, 1000003};
    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int mix = 0; mix < 3; mix++) {
            round_trip(sizes[i], mix, false, 0);
            round_trip(sizes[i], mix, true, 0);
        }
    }
    round_trip(1000003, 2, true, 9);
}

static void compressible_chunks_are_stored_compressed(void **state)
{
    (void)state;
    fill_card();
    unsigned char *bytes = calloc(1, 1u << 20);
    plim_pack_input in = {"w", PLIM_SECTION_WEIGHTS, NULL, bytes, 1u << 20, 0};
    plim_pack_opts o = plim_pack_opts_default();
    o.lz4 = true;
    plim_pack_result result;

    assert_ok(plim_engine_pack(in_tmp("z.engine"), &card, &in, 1, &o, &result, &err));

    assert_int_equal(result.lz4_chunk_count, 1);
    assert_true(result.file_bytes < 32768);
    free(bytes);
}

static uint64_t progress_done, progress_total;
static void note_progress(void *context, uint64_t done, uint64_t total)
{
    (void)context;
    assert_true(done > progress_done || total == 0);
    progress_done = done;
    progress_total = total;
}

static void inputs_are_streamed_from_files_with_progress(void **state)
{
    (void)state;
    fill_card();
    size_t size = 300001;
    unsigned char *bytes = payload(size, 2, 5);
    const char *from = in_tmp("input.bin");
    put_file(from, bytes, size);
    plim_pack_input in[2] = {{"a", PLIM_SECTION_OTHER, from, NULL, 0, 1},
                             {"b", PLIM_SECTION_OTHER, from, NULL, 0, 1u << 16}};
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = 64u << 10;
    o.progress = note_progress;
    progress_done = 0;
    plim_engine_file *f;

    assert_ok(plim_engine_pack(in_tmp("s.engine"), &card, in, 2, &o, NULL, &err));
    assert_ok(plim_engine_open(in_tmp("s.engine"), home, &f, &err));

    assert_int_equal(progress_total, 327680 + size);
    assert_int_equal(progress_done, progress_total);
    unsigned char *got = unpack(f);
    assert_memory_equal(got, bytes, size);
    assert_memory_equal(got + 327680, bytes, size);
    plim_engine_close(f);
    free(got);
    free(bytes);
}

/* A small container in memory, to be damaged. */
static unsigned char *made(size_t *size)
{
    fill_card();
    const char *path = in_tmp("made.engine");
    unsigned char *bytes = payload(150000, 2, 11);
    plim_pack_input in[2] = {{"graph", PLIM_SECTION_GRAPH, NULL, "graph", 5, 0},
                             {"weights", PLIM_SECTION_WEIGHTS, NULL, bytes, 150000, 0}};
    plim_pack_opts o = plim_pack_opts_default();
    o.chunk_bytes = 64u << 10;
    o.lz4 = true;
    assert_ok(plim_engine_pack(path, &card, in, 2, &o, NULL, &err));
    free(bytes);
    return bytes_of(path, size);
}

static plim_status open_and_verify(const char *path)
{
    plim_engine_file *f;
    uint64_t before = home_used();
    plim_status status = plim_engine_open(path, home, &f, &err);
    if (status == PLIM_OK) {
        status = plim_engine_verify(f, scratch, 4u << 20, NULL, NULL, &err);
        plim_engine_close(f);
    }
    assert_int_equal(home_used(), before);
    return status;
}

static void any_flipped_bit_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = made(&size);
    const char *path = in_tmp("flip.engine");
    put_file(path, bytes, size);
    assert_ok(open_and_verify(path));
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    size_t head = 8192;

    for (size_t i = 0; i < size; i += i < 192 ? 1 : i < head ? 3 : 197) {
        for (unsigned bit = 0; bit < 8; bit += i < 192 ? 1 : 5) {
            unsigned char hurt = (unsigned char)(bytes[i] ^ (1u << bit));
            assert_int_equal(pwrite(fd, &hurt, 1, (off_t)i), 1);
            err.what = NULL;
            if (open_and_verify(path) == PLIM_OK) {
                fail_msg("byte %zu bit %u passed", i, bit);
            }
            assert_non_null(err.what);
            assert_int_equal(pwrite(fd, &bytes[i], 1, (off_t)i), 1);
        }
    }
    close(fd);
    free(bytes);
}

static void any_truncation_is_refused(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = made(&size);
    const char *path = in_tmp("cut.engine");
    put_file(path, bytes, size);
    for (size_t n = size; n-- > 0; n -= n > 9000 ? 1501 : n > 200 ? 6 : 0) {
        assert_int_equal(truncate(path, (off_t)n), 0);
        assert_true(open_and_verify(path) != PLIM_OK);
    }
    put_file(path, bytes, size);
    assert_int_equal(truncate(path, (off_t)size + 1), 0);
    assert_status(open_and_verify(path), PLIM_E_RANGE);
    assert_string_equal(err.field, "file_bytes");
    free(bytes);
}

static void sign(unsigned char *bytes, size_t body)
{
    uint8_t digest[32];
    memset(bytes + PLIM_CONTAINER_DIGEST_AT, 0, 32);
    assert_true(plim_digest_of(bytes, body, digest));
    memcpy(bytes + PLIM_CONTAINER_DIGEST_AT, digest, 32);
}

static uint64_t get64(const unsigned char *p)
{
    uint64_t v;
    memcpy(&v, p, 8);
    return v;
}

/* Every u32 of the header and of both tables takes every edge value, with a right digest. */
static void hostile_numbers_are_refused_even_when_signed(void **state)
{
    (void)state;
    static const uint64_t edges[] = {0,
                                     1,
                                     2,
                                     3,
                                     4,
                                     7,
                                     8,
                                     63,
                                     64,
                                     65,
                                     127,
                                     128,
                                     4095,
                                     4096,
                                     4097,
                                     65535,
                                     65536,
                                     65537,
                                     131072,
                                     0x7fffffff,
                                     0x80000000u,
                                     0xfffff000u,
                                     0xffffffffu,
                                     0x100000000u,
                                     INT64_MAX,
                                     0x8000000000000000u,
                                     UINT64_MAX - 4095,
                                     UINT64_MAX};
    size_t size;
    unsigned char *good = made(&size);
    unsigned char *bytes = malloc(size);
    size_t body = (size_t)get64(good + 64);
    size_t tables = (size_t)get64(good + 48);
    const char *path = in_tmp("hostile.engine");
    put_file(path, good, size);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    unsigned tried = 0;
    unsigned passed = 0;
    for (size_t at = 8; at < body; at = at == 92 ? tables : at + 4) {
        for (size_t e = 0; e < sizeof(edges) / sizeof(edges[0]); e++) {
            for (size_t width = 4; width <= 8 && at + width <= body; width += 4) {
                memcpy(bytes, good, size);
                memcpy(bytes + at, &edges[e], width);
                if (memcmp(bytes, good, size) == 0) {
                    continue;
                }
                sign(bytes, body);
                assert_int_equal(pwrite(fd, bytes, body, 0), (ssize_t)body);
                plim_status status = open_and_verify(path);
                passed += status == PLIM_OK;
                tried++;
            }
        }
        if (at > tables + 1000 && at + 600 < body) {
            break; /* past the tables there is only padding */
        }
    }
    print_message("# %u hostile heads, %u harmless\n", tried, passed);
    assert_true(tried > 5000);
    /* What may change: a section's name, kind, size or alignment within its bounds. */
    assert_true(passed < tried / 10);
    close(fd);
    free(good);
    free(bytes);
}

static uint64_t bytes_read(void)
{
    char text[512] = "";
    int fd = open("/proc/self/io", O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0) {
        close(fd);
    }
    unsigned long long rchar = 0;
    return n > 0 && sscanf(text, "rchar: %llu", &rchar) == 1 ? rchar : 0;
}

static void opening_reads_nothing_of_the_body(void **state)
{
    (void)state;
    size_t size;
    unsigned char *bytes = made(&size);
    size_t body = (size_t)get64(bytes + 64);
    plim_engine_file *f;
    const char *path = in_tmp("made.engine");
    if (bytes_read() == 0) {
        skip_because("no /proc/self/io");
    }
    uint64_t a = bytes_read();
    uint64_t b = bytes_read();
    uint64_t own = b - a; /* what looking costs */

    a = bytes_read();
    assert_ok(plim_engine_open(path, home, &f, &err));
    b = bytes_read();

    assert_int_equal(b - a - own, 4096 + body); /* the header twice, the tables once */
    plim_host host = {.sm = 72};
    assert_status(plim_card_match(plim_engine_card(f), &host, path, &err), PLIM_E_MISMATCH);
    plim_engine_close(f);
    memset(bytes + body, 0xff, size - body); /* a poisoned body changes nothing so far */
    put_file(path, bytes, size);
    assert_ok(plim_engine_open(path, home, &f, &err));
    assert_status(plim_engine_verify(f, scratch, 4u << 20, NULL, NULL, &err), PLIM_E_CORRUPT);
    assert_string_equal(err.field, "chunk 0");
    plim_engine_close(f);
    free(bytes);
}

static void a_name_that_contradicts_the_card_is_refused(void **state)
{
    (void)state;
    fill_card();
    plim_pack_input in = {"w", PLIM_SECTION_WEIGHTS, NULL, "x", 1, 0};
    assert_ok(plim_engine_name_parse("m__sm87_jp6.1_trt10.3.0_fp16.engine", &card.name, &err));
    const char *right = in_tmp("m__sm87_jp6.1_trt10.3.0_fp16.engine");
    const char *wrong = in_tmp("m__sm72_jp6.1_trt10.3.0_fp16.engine");
    assert_status(plim_engine_pack(wrong, &card, &in, 1, NULL, NULL, &err), PLIM_E_MISMATCH);
    assert_ok(plim_engine_pack(right, &card, &in, 1, NULL, NULL, &err));
    assert_int_equal(rename(right, wrong), 0);
    assert_status(open_and_verify(wrong), PLIM_E_MISMATCH);
    assert_string_equal(err.field, "file name");
}

static void bad_arguments_and_places_are_refused(void **state)
{
    (void)state;
    fill_card();
    plim_engine_file *f;
    plim_pack_input twice[2] = {{"w", PLIM_SECTION_WEIGHTS, NULL, "x", 1, 0},
                                {"w", PLIM_SECTION_WEIGHTS, NULL, "x", 1, 0}};
    plim_pack_input odd = {"w", PLIM_SECTION_WEIGHTS, NULL, "x", 1, 48};
    plim_pack_input lost = {"w", PLIM_SECTION_WEIGHTS, in_tmp("nowhere"), NULL, 0, 0};
    plim_pack_opts o = plim_pack_opts_default();
    const char *path = in_tmp("bad.engine");
    assert_status(plim_engine_pack(path, &card, twice, 2, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_pack(path, &card, &odd, 1, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_pack(path, &card, &lost, 1, NULL, NULL, &err), PLIM_E_NOT_FOUND);
    o.chunk_bytes = 100000;
    assert_status(plim_engine_pack(path, &card, twice, 1, &o, NULL, &err), PLIM_E_ARG);
    assert_false(card.has_payload_root);
    assert_status(plim_engine_open(path, home, &f, &err), PLIM_E_NOT_FOUND);
    assert_null(f);
    assert_status(plim_engine_open(cm_tmp(), home, &f, &err), PLIM_E_FORMAT);
    put_file(in_tmp("bad.engine.card.json"), "{}", 2);
    assert_status(plim_engine_pack(path, &card, twice, 1, NULL, NULL, &err), PLIM_E_STATE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_size_comes_back_raw_and_compressed),
        cmocka_unit_test(compressible_chunks_are_stored_compressed),
        cmocka_unit_test(inputs_are_streamed_from_files_with_progress),
        cmocka_unit_test(any_flipped_bit_is_refused),
        cmocka_unit_test(any_truncation_is_refused),
        cmocka_unit_test(hostile_numbers_are_refused_even_when_signed),
        cmocka_unit_test(opening_reads_nothing_of_the_body),
        cmocka_unit_test(a_name_that_contradicts_the_card_is_refused),
        cmocka_unit_test(bad_arguments_and_places_are_refused),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
