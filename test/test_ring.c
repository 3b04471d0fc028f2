/* SPDX-License-Identifier: Apache-2.0 */
/* test_ring.c - the ring of records: whole at every instant, and against every damage. */
#include "arena/ring.h"
#include "test/support/cm.h"

#define BYTES RING_LEAST_BYTES

static plim_error err;
static _Alignas(64) unsigned char memory[BYTES], before[BYTES], hurt[BYTES];

static ring_head *fresh(void)
{
    memset(memory, 0, sizeof(memory));
    ring_head *ring = plim_ring_init(memory, sizeof(memory));
    plim_ring_publish(ring);
    return ring;
}

/* Length and content of a record follow from its number. */
static uint32_t make(uint64_t number, unsigned char *out)
{
    uint64_t state = number;
    uint32_t bytes = 8 + (uint32_t)(cm_next(&state) % 300);
    memcpy(out, &number, sizeof(number));
    for (uint32_t i = 8; i < bytes; i++) {
        out[i] = (unsigned char)cm_next(&state);
    }
    return bytes;
}

static void put(ring_head *ring, uint64_t number)
{
    unsigned char payload[RING_PAYLOAD_BYTES];
    ring_record r = {.kind = 1, .level = 2, .ns = number, .wall_ns = number * 3};
    r.payload_bytes = make(number, payload);
    plim_ring_put(ring, r, payload);
}

typedef struct walk {
    uint64_t first, last, count, wrong_count, gap_count;
} walk;

/* Reads what is there; a record that is not, byte for byte, one that was put is wrong. */
static walk read_all(ring_reader *reader)
{
    unsigned char payload[RING_PAYLOAD_BYTES], wanted[RING_PAYLOAD_BYTES];
    walk w = {.count = 0};
    ring_record r;
    while (plim_ring_next(reader, &r, payload)) {
        uint64_t number = r.ns;
        w.wrong_count += make(number, wanted) != r.payload_bytes || r.wall_ns != number * 3 ||
                         memcmp(wanted, payload, r.payload_bytes) != 0;
        w.gap_count += w.count && number != w.last + 1;
        w.first = w.count ? w.first : number;
        w.last = number;
        w.count++;
    }
    return w;
}

static walk walk_of(const void *image, size_t bytes)
{
    ring_reader reader;
    assert_ok(plim_ring_attach(image, bytes, &reader, &err));
    return read_all(&reader);
}

static void an_empty_ring_has_no_records(void **state)
{
    (void)state;
    fresh();

    walk w = walk_of(memory, sizeof(memory));

    assert_int_equal(w.count, 0);
}

static void what_is_put_is_read_in_order(void **state)
{
    (void)state;
    ring_head *ring = fresh();
    for (uint64_t i = 1; i <= 20; i++) {
        put(ring, i);
    }

    walk w = walk_of(memory, sizeof(memory));

    assert_int_equal(w.count, 20);
    assert_int_equal(w.first, 1);
    assert_int_equal(w.gap_count + w.wrong_count, 0);
}

static void the_newest_stay_when_it_wraps(void **state)
{
    (void)state;
    ring_head *ring = fresh();
    for (uint64_t i = 1; i <= 20000; i++) {
        put(ring, i);
        if (i % 97 == 0) {
            walk w = walk_of(memory, sizeof(memory));
            assert_int_equal(w.last, i);
            assert_int_equal(w.gap_count + w.wrong_count, 0);
            assert_true(i < 100 || w.count > 30); /* records are 350 bytes at most */
        }
    }
}

/* A kill between any two stores of a put: the tail is moved, some bytes are written, the head is
 * not moved. What was there and is not being overwritten is read, whole. */
static void a_put_that_stops_at_any_byte_leaves_the_others_whole(void **state)
{
    (void)state;
    ring_head *ring = fresh();
    for (uint64_t i = 1; i <= 500; i++) {
        put(ring, i);
    }
    for (uint64_t i = 501; i <= 515; i++) {
        memcpy(before, memory, sizeof(memory));
        put(ring, i);
        ring_head *old = (ring_head *)before;
        uint64_t from = atomic_load(&old->head), to = atomic_load(&ring->head);
        atomic_store(&old->tail, atomic_load(&ring->tail));
        walk wanted = walk_of(before, sizeof(before));
        assert_int_equal(wanted.last, i - 1);
        for (uint64_t at = from; at < to; at++) {
            size_t k = RING_HEAD_BYTES + at % ring->data_bytes;
            before[k] = memory[k];
            walk w = walk_of(before, sizeof(before));
            assert_int_equal(w.count, wanted.count);
            assert_int_equal(w.last, wanted.last);
            assert_int_equal(w.gap_count + w.wrong_count, 0);
        }
    }
}

static void a_payload_that_is_too_long_is_cut(void **state)
{
    (void)state;
    static unsigned char payload[RING_PAYLOAD_BYTES + 100];
    ring_head *ring = fresh();
    ring_reader reader;
    ring_record r = {.payload_bytes = sizeof(payload)};

    plim_ring_put(ring, r, payload);

    assert_ok(plim_ring_attach(memory, sizeof(memory), &reader, &err));
    assert_true(plim_ring_next(&reader, &r, payload));
    assert_int_equal(r.payload_bytes, RING_PAYLOAD_BYTES);
}

/* ---- damage: fewer records, never a wrong one ---- */

static ring_head *wrapped(void)
{
    ring_head *ring = fresh();
    for (uint64_t i = 1; i <= 200; i++) {
        put(ring, i);
    }
    return ring;
}

static void a_ring_cut_at_any_byte_gives_fewer_records(void **state)
{
    (void)state;
    wrapped();
    uint64_t whole = walk_of(memory, sizeof(memory)).count;
    for (size_t n = 0; n < sizeof(memory); n++) {
        unsigned char *exact = malloc(n ? n : 1); /* a sanitizer sees the first byte past it */
        memcpy(exact, memory, n);
        ring_reader reader;
        plim_status status = plim_ring_attach(exact, n, &reader, &err);
        if (n < RING_HEAD_BYTES) {
            assert_int_equal(status, PLIM_E_RANGE);
        } else {
            assert_int_equal(status, PLIM_OK);
            walk w = read_all(&reader);
            assert_int_equal(w.wrong_count, 0);
            assert_true(w.count < whole);
        }
        free(exact);
    }
}

static void a_ring_with_any_byte_changed_gives_no_wrong_record(void **state)
{
    (void)state;
    wrapped();
    uint64_t whole = walk_of(memory, sizeof(memory)).count;
    for (size_t n = 0; n < sizeof(memory); n++) {
        for (unsigned mask = 1; mask <= 255; mask += n < RING_HEAD_BYTES ? 7 : 255) {
            memcpy(hurt, memory, sizeof(memory));
            hurt[n] ^= (unsigned char)mask;
            ring_reader reader;
            if (plim_ring_attach(hurt, sizeof(hurt), &reader, &err) != PLIM_OK) {
                assert_true(n < RING_HEAD_BYTES);
                continue;
            }
            walk w = read_all(&reader);
            assert_int_equal(w.wrong_count, 0);
            assert_true(n < RING_HEAD_BYTES || w.count >= whole - 1);
        }
    }
}

static void ends_that_cannot_be_are_found_again(void **state)
{
    (void)state;
    ring_head *ring = wrapped();
    walk whole = walk_of(memory, sizeof(memory));
    ring_reader reader;

    atomic_store(&ring->tail, UINT64_MAX - 7);
    assert_ok(plim_ring_attach(memory, sizeof(memory), &reader, &err));
    walk w = read_all(&reader);

    assert_true(reader.is_recovered);
    assert_int_equal(w.last, whole.last);
    assert_true(w.count >= whole.count); /* one that was given up may still be whole */
    assert_int_equal(w.wrong_count, 0);
}

static void what_is_no_ring_is_refused(void **state)
{
    (void)state;
    ring_reader reader;
    ring_head *ring = fresh();

    ring->version++;
    assert_status(plim_ring_attach(memory, sizeof(memory), &reader, &err), PLIM_E_FORMAT);
    ring->version--;
    ring->data_bytes = 24;
    assert_status(plim_ring_attach(memory, sizeof(memory), &reader, &err), PLIM_E_FORMAT);
    ring->magic[7] = 0;
    assert_status(plim_ring_attach(memory, sizeof(memory), &reader, &err), PLIM_E_FORMAT);
    assert_status(plim_ring_attach(memory, 8, &reader, &err), PLIM_E_RANGE);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_ring_has_no_records),
        cmocka_unit_test(what_is_put_is_read_in_order),
        cmocka_unit_test(the_newest_stay_when_it_wraps),
        cmocka_unit_test(a_put_that_stops_at_any_byte_leaves_the_others_whole),
        cmocka_unit_test(a_payload_that_is_too_long_is_cut),
        cmocka_unit_test(a_ring_cut_at_any_byte_gives_fewer_records),
        cmocka_unit_test(a_ring_with_any_byte_changed_gives_no_wrong_record),
        cmocka_unit_test(ends_that_cannot_be_are_found_again),
        cmocka_unit_test(what_is_no_ring_is_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
