/* SPDX-License-Identifier: Apache-2.0 */
/* test_lz4_in_place.c - blocks decode inside their own room, and hostile ones stay in it. */
#include "test/support/cm.h"

#include <lz4.h>
#include <lz4hc.h>
#include <sys/mman.h>

#include "platform/stream.h"

#define PAGE     4096u
#define ROOM_MAX (2u << 20)

/* A room between two pages that may not be touched, so that a stray byte ends the test. */
static unsigned char *g_room_base;

static unsigned char *room_of(uint32_t raw_bytes)
{
    const uint32_t room = (raw_bytes + PAGE - 1) / PAGE * PAGE;
    unsigned char *end = g_room_base + PAGE + ROOM_MAX;
    return end - room;
}

static int make_room(void **state)
{
    (void)state;
    g_room_base =
        mmap(NULL, ROOM_MAX + 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (g_room_base == MAP_FAILED) {
        return -1;
    }
    return mprotect(g_room_base, PAGE, PROT_NONE) |
           mprotect(g_room_base + PAGE + ROOM_MAX, PAGE, PROT_NONE);
}

static int drop_room(void **state)
{
    (void)state;
    return munmap(g_room_base, ROOM_MAX + 2 * PAGE);
}

/* Sparse halves, runs and noise: about the mix that weights compress at. */
static void fill(unsigned char *bytes, size_t count, uint64_t seed)
{
    uint64_t state = seed;
    for (size_t i = 0; i < count; i++) {
        const uint64_t word = cm_next(&state);
        bytes[i] = (i / 512) % 4 == 0 ? (unsigned char)word
                                      : (unsigned char)((word & 7) == 0 ? word >> 8 : 0);
    }
}

/* Lays the extent out as the packer does; returns stored_bytes, or 0 when it does not fit. */
static uint32_t lay_out(unsigned char *target, const unsigned char *raw, uint32_t raw_bytes,
                        uint32_t tail, int level)
{
    static char packed[LZ4_COMPRESSBOUND(ROOM_MAX)];
    const int want = (int)(raw_bytes - tail);
    const int got =
        level == 0 ? LZ4_compress_default((const char *)raw, packed, want, (int)sizeof(packed))
                   : LZ4_compress_HC((const char *)raw, packed, want, (int)sizeof(packed), level);
    const uint32_t room = (raw_bytes + PAGE - 1) / PAGE * PAGE;
    const uint32_t stored = (uint32_t)got + tail;
    const uint32_t extent = (stored + PAGE - 1) / PAGE * PAGE;
    if (got <= 0 || extent > room) {
        return 0;
    }
    memset(target, 0xA5, room);
    memset(target + room - extent, 0, extent);
    memcpy(target + room - extent, raw + raw_bytes - tail, tail);
    memcpy(target + room - (uint32_t)got, packed, (size_t)got);
    return stored;
}

static void a_block_decodes_in_its_own_room_with_a_tail(void **state)
{
    (void)state;
    static const uint32_t sizes[] = {4096, 65536, 65537, 100000, 262144, 1048576, 1048575};
    static unsigned char raw[ROOM_MAX];
    unsigned int proven = 0;

    for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        for (int level = 0; level <= 9; level += 9) {
            unsigned char *target = room_of(sizes[i]);
            const uint32_t room = (sizes[i] + PAGE - 1) / PAGE * PAGE;
            bool held = false;
            fill(raw, sizes[i], 7 + i);
            for (uint32_t tail = 64; tail <= 1024 && !held; tail *= 2) {
                const uint32_t stored = lay_out(target, raw, sizes[i], tail, level);
                assert_int_not_equal(stored, 0);
                held = plim_lz4_decode_in_place(target, sizes[i], stored, tail) &&
                       memcmp(target, raw, sizes[i]) == 0;
            }
            assert_true(held);
            for (uint32_t k = sizes[i]; k < room; k++) {
                assert_int_equal(target[k], 0);
            }
            proven++;
        }
    }
    assert_int_equal(proven, 14);
}

static void lengths_out_of_bounds_are_refused_before_any_byte_moves(void **state)
{
    (void)state;
    unsigned char *target = room_of(8192);
    memset(target, 0x5A, 8192);

    assert_false(plim_lz4_decode_in_place(target, 0, 100, 64));
    assert_false(plim_lz4_decode_in_place(target, 8192, 64, 64));
    assert_false(plim_lz4_decode_in_place(target, 8192, 0, 0));
    assert_false(plim_lz4_decode_in_place(target, 8192, 8193, 64));
    assert_false(plim_lz4_decode_in_place(target, 8192, UINT32_MAX, 64));
    assert_false(plim_lz4_decode_in_place(target, 8192, 8000, PLIM_LZ4_TAIL_MAX + 1));
    assert_false(plim_lz4_decode_in_place(target, 63, 100, 64));
    assert_false(plim_lz4_decode_in_place(target, PLIM_LZ4_RAW_MAX + 1, 100, 64));

    for (uint32_t i = 0; i < 8192; i++) {
        assert_int_equal(target[i], 0x5A);
    }
}

static void a_block_of_another_length_is_refused(void **state)
{
    (void)state;
    static unsigned char raw[65536];
    unsigned char *target = room_of(65536);
    fill(raw, sizeof(raw), 3);
    /* The stream holds 65536 - 64 bytes; asked for 64 fewer, and for 64 more. */
    uint32_t stored = lay_out(target, raw, 65536, 64, 0);
    assert_false(plim_lz4_decode_in_place(target, 65536, stored + 64, 128));
    stored = lay_out(target, raw, 65536, 64, 0);
    assert_false(plim_lz4_decode_in_place(target, 65536, stored - 64, 0));
}

static void hostile_blocks_never_leave_their_room(void **state)
{
    (void)state;
    static unsigned char raw[65536];
    uint64_t random = cm_seed();
    unsigned int refused = 0;
    fill(raw, sizeof(raw), 11);

    for (unsigned int round = 0; round < 4000; round++) {
        unsigned char *target = room_of(65536);
        uint32_t stored = lay_out(target, raw, 65536, 64, 0);
        const uint32_t flips = 1 + (uint32_t)(cm_next(&random) % 8);
        for (uint32_t k = 0; k < flips; k++) {
            target[65536 - 1 - cm_next(&random) % stored] = (unsigned char)cm_next(&random);
        }
        if (round % 4 == 0) {
            stored = 65 + (uint32_t)(cm_next(&random) % 65472);
        }
        refused += !plim_lz4_decode_in_place(target, 65536, stored, 64) ||
                   memcmp(target, raw, sizeof(raw)) != 0;
    }

    assert_in_range(refused, 3000, 4000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_block_decodes_in_its_own_room_with_a_tail),
        cmocka_unit_test(lengths_out_of_bounds_are_refused_before_any_byte_moves),
        cmocka_unit_test(a_block_of_another_length_is_refused),
        cmocka_unit_test(hostile_blocks_never_leave_their_room),
    };
    return cmocka_run_group_tests(tests, make_room, drop_room);
}
