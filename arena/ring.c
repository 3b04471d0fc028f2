/* SPDX-License-Identifier: Apache-2.0 */
/* ring.c - the ring of records: one writer, readers that believe nothing (ring.h).
 *
 * The check sum is FNV-1a (Fowler, Noll, Vo): every step is a bijection of the state, so that a
 * record in which one byte changed is always found; it guards against damage, not against malice,
 * which can do no more than make records.
 * Positions are multiples of 8, and so is data_bytes: a word never crosses the end of the data,
 * but a record does, and is copied in two parts.
 */
#include "arena/ring.h"

#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"

#define CHECKED_FROM offsetof(ring_record, payload_bytes)

uint32_t plim_ring_check(uint32_t state, const void *bytes, size_t count)
{
    const unsigned char *at = bytes;
    for (size_t i = 0; i < count; i++) {
        state = (state ^ at[i]) * 16777619u;
    }
    return state;
}

/* The position is in it too, so that two flips cannot make an old record a new one. */
static uint32_t check_of(const ring_record *r, const void *payload)
{
    uint32_t state = plim_ring_check(RING_CHECK_START, &r->position, sizeof(r->position));
    state = plim_ring_check(state, (const char *)r + CHECKED_FROM, sizeof(*r) - CHECKED_FROM);
    return plim_ring_check(state, payload, r->payload_bytes);
}

static uint64_t record_bytes(uint32_t payload_bytes)
{
    return sizeof(ring_record) + ((payload_bytes + 7u) & ~UINT64_C(7));
}

/* ---- write ---- */

ring_head *plim_ring_init(void *base, uint64_t bytes)
{
    PLIM_ASSERT(bytes >= RING_LEAST_BYTES && bytes <= RING_MOST_BYTES);
    ring_head *self = base;
    self->version = RING_VERSION;
    self->head_bytes = RING_HEAD_BYTES;
    self->data_bytes = bytes_align_down(bytes - RING_HEAD_BYTES, 8);
    return self;
}

void plim_ring_publish(ring_head *self)
{
    atomic_thread_fence(memory_order_seq_cst);
    memcpy(self->magic, RING_MAGIC, sizeof(self->magic));
}

static unsigned char *data_of(ring_head *self)
{
    return (unsigned char *)self + RING_HEAD_BYTES;
}

static void copy_in(ring_head *self, uint64_t position, const void *from, uint64_t count)
{
    uint64_t at = position % self->data_bytes, first = self->data_bytes - at;
    first = first < count ? first : count;
    memcpy(data_of(self) + at, from, first);
    memcpy(data_of(self), (const char *)from + first, count - first);
}

/* The length of the record at @position, which this writer wrote. Only its own process can have
 * spoilt it since; a length that cannot be empties the ring rather than run past it. */
static uint64_t length_at(ring_head *self, uint64_t position, uint64_t head)
{
    uint32_t payload_bytes;
    uint64_t word = position + offsetof(ring_record, check); /* 8 aligned: in one piece */
    memcpy(&payload_bytes, data_of(self) + word % self->data_bytes + sizeof(uint32_t),
           sizeof(payload_bytes));
    return payload_bytes <= RING_PAYLOAD_BYTES ? record_bytes(payload_bytes) : head - position;
}

void plim_ring_put(ring_head *self, ring_record r, const void *payload)
{
    static const unsigned char zeros[8];
    uint64_t head = atomic_load_explicit(&self->head, memory_order_relaxed);
    uint64_t tail = atomic_load_explicit(&self->tail, memory_order_relaxed);
    r.payload_bytes = r.payload_bytes < RING_PAYLOAD_BYTES ? r.payload_bytes : RING_PAYLOAD_BYTES;
    uint64_t bytes = record_bytes(r.payload_bytes);
    while (head + bytes - tail > self->data_bytes) {
        tail += length_at(self, tail, head);
    }
    atomic_store(&self->tail, tail);
    atomic_thread_fence(memory_order_seq_cst); /* no byte below may pass the tail */

    r.position = head;
    r.check = check_of(&r, payload);
    copy_in(self, head, &r, sizeof(r));
    copy_in(self, head + sizeof(r), payload, r.payload_bytes);
    copy_in(self, head + sizeof(r) + r.payload_bytes, zeros, bytes - sizeof(r) - r.payload_bytes);
    atomic_store(&self->head, head + bytes);
    atomic_fetch_add_explicit(&self->put_count, 1, memory_order_relaxed);
}

/* ---- read ---- */

/* False where a cut file has no such bytes. */
static bool copy_out(const ring_reader *self, uint64_t position, void *to, uint64_t count)
{
    uint64_t at = position % self->data_bytes, first = self->data_bytes - at;
    first = first < count ? first : count;
    if (at > self->have_bytes || first > self->have_bytes - at ||
        count - first > self->have_bytes) {
        return false;
    }
    memcpy(to, self->data + at, first);
    memcpy((char *)to + first, self->data, count - first);
    return true;
}

/* Is a whole record of @position there? The position comes first and refuses almost all. */
static bool read_at(const ring_reader *self, uint64_t position, uint64_t end, ring_record *out,
                    void *payload)
{
    uint64_t room = end - position;
    return room >= sizeof(*out) && copy_out(self, position, out, sizeof(*out)) &&
           out->position == position && out->payload_bytes <= RING_PAYLOAD_BYTES &&
           record_bytes(out->payload_bytes) <= room &&
           copy_out(self, position + sizeof(*out), payload, out->payload_bytes) &&
           out->check == check_of(out, payload);
}

/* head and tail from the records themselves: the last whole one ends the ring. */
static void recover(ring_reader *self)
{
    unsigned char payload[RING_PAYLOAD_BYTES];
    ring_record r;
    uint64_t end = 0;
    for (uint64_t at = 0; at + sizeof(uint64_t) <= self->have_bytes; at += 8) {
        uint64_t position = 0;
        if (!copy_out(self, at, &position, sizeof(position)) || position % self->data_bytes != at ||
            position > UINT64_MAX / 2 || position < end) {
            continue;
        }
        if (read_at(self, position, position + self->data_bytes, &r, payload)) {
            end = position + record_bytes(r.payload_bytes);
        }
    }
    self->is_recovered = true;
    self->end = end;
    self->at = end > self->data_bytes ? end - self->data_bytes : 0;
}

plim_status plim_ring_attach(const void *base, uint64_t bytes, ring_reader *out, plim_error *err)
{
    const ring_head *h = base;
    memset(out, 0, sizeof(*out));
    if (bytes < RING_HEAD_BYTES) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "ring: cut short", .want = RING_HEAD_BYTES,
                         .have = bytes);
    }
    if (memcmp(h->magic, RING_MAGIC, sizeof(h->magic)) != 0) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "ring: no ring begins here");
    }
    if (h->version != RING_VERSION || h->head_bytes != RING_HEAD_BYTES) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "ring: of another version");
    }
    if (h->data_bytes % 8 != 0 || h->data_bytes < RING_LEAST_BYTES - RING_HEAD_BYTES ||
        h->data_bytes > RING_MOST_BYTES) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "ring: a size that cannot be");
    }
    uint64_t have = bytes - RING_HEAD_BYTES;
    out->data = (const unsigned char *)base + RING_HEAD_BYTES;
    out->data_bytes = h->data_bytes;
    out->have_bytes = have < h->data_bytes ? have : h->data_bytes;
    out->at = atomic_load(&h->tail);
    out->end = atomic_load(&h->head);
    if (out->at > out->end || out->end - out->at > out->data_bytes || out->at % 8 != 0 ||
        out->end % 8 != 0 || out->end > UINT64_MAX / 2) {
        recover(out);
    }
    out->lost_bytes = out->at;
    return PLIM_OK;
}

/* To the next place where a record may begin; in one step over what a cut file lacks. */
static void pass_over(ring_reader *self)
{
    uint64_t at = self->at % self->data_bytes;
    uint64_t step = at < self->have_bytes ? 8 : self->data_bytes - at;
    step = step < self->end - self->at ? step : self->end - self->at;
    self->damaged_bytes += step;
    self->at += step;
}

bool plim_ring_next(ring_reader *self, ring_record *out, void *payload)
{
    while (self->at < self->end) {
        if (read_at(self, self->at, self->end, out, payload)) {
            self->at += record_bytes(out->payload_bytes);
            return true;
        }
        pass_over(self);
    }
    return false;
}
