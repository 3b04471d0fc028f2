/* SPDX-License-Identifier: Apache-2.0 */
/* test_load_engine.c - packed containers arrive at their base, one or many, or not at all. */
#include "test/support/cm.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "platform/stream.h"
#include "plimsoll/plimsoll.h"

#define MANY       6
#define BASE_BYTES (32u << 20)
#define PATTERN    0xEE

static plim_error err;
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;
static plim_card card;
static unsigned char *memory, *payload;

static int set_up(void **state)
{
    (void)state;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    uint64_t random = 5;
    b.cap_bytes = 256u << 20;
    r.size_bytes = 64u << 20;
    r.tag = PLIM_TAG_OTHER;
    assert_ok(plim_budget_open(plim_provider_mmap(), &b, &budget, &err));
    assert_ok(plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err));
    assert_ok(plim_region_create(arena, PLIM_REGION_DYNAMIC, &r, &home, &err));
    memory = mmap(NULL, BASE_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    payload = malloc(4u << 20);
    for (size_t i = 0; i < 4u << 20; i++) {
        const uint64_t word = cm_next(&random);
        payload[i] = (unsigned char)((i >> 16) % 2 == 0 || (word & 3) == 0 ? word >> 8 : 0);
    }
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    free(payload);
    munmap(memory, BASE_BYTES);
    plim_arena_close(arena);
    plim_budget_close(budget);
    return 0;
}

/* Packs @bytes of the payload from @from and opens the result. */
static plim_engine_file *packed(const char *name, size_t from, size_t bytes, bool lz4, char *path)
{
    plim_pack_input input = {.name = "weights",
                             .kind = PLIM_SECTION_WEIGHTS,
                             .data = payload + from,
                             .size_bytes = bytes};
    plim_pack_opts opts = plim_pack_opts_default();
    plim_pack_result result;
    plim_engine_file *file = NULL;
    opts.chunk_bytes = 64u << 10;
    opts.lz4 = lz4;
    memset(&card, 0, sizeof(card));
    snprintf(card.name.model, sizeof(card.name.model), "%s", name);
    snprintf(card.name.sm, sizeof(card.name.sm), "any");
    snprintf(card.name.jetpack, sizeof(card.name.jetpack), "any");
    snprintf(card.name.tensorrt, sizeof(card.name.tensorrt), "none");
    snprintf(card.name.precision, sizeof(card.name.precision), "fp16");
    snprintf(card.backend, sizeof(card.backend), "null");
    snprintf(card.format, sizeof(card.format), "raw");
    card.build = PLIM_BUILD_PORTABLE;
    snprintf(path, 4096, "%s/%s__smany_jpany_trtnone_fp16.engine", cm_tmp(), name);
    assert_ok(plim_engine_pack(path, &card, &input, 1, &opts, &result, &err));
    assert_ok(plim_engine_open(path, home, &file, &err));
    return file;
}

static bool is_all(const unsigned char *bytes, size_t count, unsigned char value)
{
    return bytes[0] == value && memcmp(bytes, bytes + 1, count - 1) == 0;
}

static void a_container_arrives_at_its_base(void **state)
{
    (void)state;
    static char path[4096];
    for (int lz4 = 0; lz4 <= 1; lz4++) {
        const size_t size = (3u << 20) + 12345;
        plim_engine_file *file = packed("one", 0, size, lz4, path);
        plim_load_stats stats;
        memset(memory, PATTERN, BASE_BYTES);

        assert_ok(plim_engine_load(file, memory, NULL, &stats, &err));

        assert_memory_equal(memory, payload, size);
        assert_true(is_all(memory + size, plim_engine_room_bytes(file) - size, 0));
        assert_int_equal(memory[plim_engine_room_bytes(file)], PATTERN);
        assert_int_equal(stats.payload_bytes, plim_engine_payload_bytes(file));
        assert_int_equal(stats.chunk_count, plim_engine_chunk_count(file));
        assert_int_equal(stats.lz4_chunk_count > 0, lz4);
        plim_engine_close(file);
    }
}

static void many_containers_arrive_as_one_list(void **state)
{
    (void)state;
    static char path[MANY][4096];
    plim_engine_file *files[MANY];
    void *bases[MANY];
    size_t sizes[MANY];
    plim_load_stats stats;
    memset(memory, PATTERN, BASE_BYTES);
    for (size_t i = 0; i < MANY; i++) {
        char name[16];
        snprintf(name, sizeof(name), "many%zu", i);
        sizes[i] = 100000 * (i + 1) + i;
        files[i] = packed(name, i * 4096, sizes[i], i % 2, path[i]);
        bases[i] = memory + i * (4u << 20);
    }

    assert_ok(plim_engine_load_many(files, bases, MANY, NULL, &stats, &err));

    uint64_t total = 0;
    for (size_t i = 0; i < MANY; i++) {
        assert_memory_equal(bases[i], payload + i * 4096, sizes[i]);
        total += plim_engine_payload_bytes(files[i]);
        plim_engine_close(files[i]);
    }
    assert_int_equal(stats.payload_bytes, total);
}

static void a_damaged_chunk_is_named_with_its_file_and_every_base_is_zero(void **state)
{
    (void)state;
    static char path[3][4096];
    plim_engine_file *files[3];
    void *bases[3];
    memset(memory, PATTERN, BASE_BYTES);
    for (size_t i = 0; i < 3; i++) {
        char name[16];
        snprintf(name, sizeof(name), "bad%zu", i);
        files[i] = packed(name, 0, 1u << 20, false, path[i]);
        bases[i] = memory + i * (2u << 20);
    }
    const int fd = open(path[1], O_RDWR | O_CLOEXEC);
    unsigned char byte;
    const off_t at = (off_t)plim_engine_chunk(files[1], 5)->file_offset + 77;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 16;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    fsync(fd);
    close(fd);

    assert_status(plim_engine_load_many(files, bases, 3, NULL, NULL, &err), PLIM_E_CORRUPT);

    assert_string_equal(err.field, "chunk 5");
    assert_non_null(strstr(err.detail, "bad1__"));
    for (size_t i = 0; i < 3; i++) {
        assert_true(is_all(bases[i], plim_engine_room_bytes(files[i]), 0));
        plim_engine_close(files[i]);
    }
}

static void a_cancelled_load_leaves_only_zeros(void **state)
{
    (void)state;
    static char path[4096];
    volatile bool cancel = true;
    plim_load_opts opts = plim_load_opts_default();
    plim_engine_file *file = packed("cancel", 0, 1u << 20, true, path);
    memset(memory, PATTERN, BASE_BYTES);
    opts.cancel = &cancel;

    assert_status(plim_engine_load(file, memory, &opts, NULL, &err), PLIM_E_CANCELLED);

    assert_true(is_all(memory, plim_engine_room_bytes(file), 0));
    plim_engine_close(file);
}

static void wrong_arguments_are_refused_before_a_byte_moves(void **state)
{
    (void)state;
    static char path[4096];
    plim_engine_file *file = packed("args", 0, 1u << 20, false, path);
    plim_engine_file *none = NULL;
    void *base = memory;
    memset(memory, PATTERN, BASE_BYTES);

    assert_status(plim_engine_load(NULL, memory, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_load(file, NULL, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_load(file, memory + 512, NULL, NULL, &err), PLIM_E_ARG);
    assert_string_equal(err.field, "base");
    assert_status(plim_engine_load_many(NULL, &base, 1, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_load_many(&file, &base, 0, NULL, NULL, &err), PLIM_E_ARG);
    assert_status(plim_engine_load_many(&none, &base, 1, NULL, NULL, &err), PLIM_E_ARG);
    assert_true(is_all(memory, BASE_BYTES, PATTERN));
    plim_engine_close(file);
}

static uint64_t cached(const char *path)
{
    uint64_t bytes = 0;
    assert_ok(plim_file_cached_bytes(path, &bytes, &err));
    return bytes;
}

/* Whichever way a verify ends: what it read is not left in the page cache. */
static void verifying_leaves_no_page_cache_behind(void **state)
{
    (void)state;
    static char path[4096];
    const size_t scratch = 64u << 10;
    plim_engine_file *file = packed("cache", 0, 4u << 20, false, path);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    if (cached(path) != 0) {
        close(fd);
        plim_engine_close(file);
        skip_because("this file system keeps its pages");
    }

    assert_ok(plim_engine_verify(file, memory, scratch, NULL, NULL, &err));
    assert_int_equal(cached(path), 0);

    unsigned char byte;
    const off_t at = (off_t)plim_engine_chunk(file, 40)->file_offset;
    assert_int_equal(pread(fd, &byte, 1, at), 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    assert_int_equal(fsync(fd), 0);
    assert_int_equal(posix_fadvise(fd, 0, 0, POSIX_FADV_DONTNEED), 0);
    assert_status(plim_engine_verify(file, memory, scratch, NULL, NULL, &err), PLIM_E_CORRUPT);
    assert_int_equal(cached(path), 0);
    close(fd);
    plim_engine_close(file);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_container_arrives_at_its_base),
        cmocka_unit_test(many_containers_arrive_as_one_list),
        cmocka_unit_test(a_damaged_chunk_is_named_with_its_file_and_every_base_is_zero),
        cmocka_unit_test(a_cancelled_load_leaves_only_zeros),
        cmocka_unit_test(wrong_arguments_are_refused_before_a_byte_moves),
        cmocka_unit_test(verifying_leaves_no_page_cache_behind),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
