/* SPDX-License-Identifier: Apache-2.0 */
/* black_box_read.c - the account and the ring in the bytes of a black box's file.
 *
 * Decides where the ring begins: behind the account, as the account's head says; when that
 * cannot be believed, at the first multiple of 4 KiB where one begins. Each part is read
 * without the other: a damaged account leaves the events, and the other way round it is refused,
 * because a file with an account and no ring is no black box.
 */
#include <string.h>

#include "arena/account.h"
#include "arena/black_box_note.h"
#include "plimsoll/black_box.h"

#define PAGE_LEAST 4096u

_Static_assert(sizeof(plim_box_sample) == 96 && sizeof(plim_box_refusal) == 560, "stored layout");
_Static_assert(PLIM_BLACK_BOX_LINE_BYTES <= RING_PAYLOAD_BYTES, "a line fits in a record");
_Static_assert(sizeof(ring_reader) == sizeof(((plim_box_reader *)0)->private_words), "its place");

uint32_t plim_black_box_note_check(const black_box_note *n)
{
    uint32_t state = plim_ring_check(RING_CHECK_START, n, offsetof(black_box_note, check));
    return plim_ring_check(state, &n->cap_bytes,
                           offsetof(black_box_note, peak_bytes) -
                               offsetof(black_box_note, cap_bytes));
}

static bool is_ring(const char *image, size_t image_bytes, uint64_t offset)
{
    return offset % 8 == 0 && offset <= image_bytes && image_bytes - offset >= RING_HEAD_BYTES &&
           memcmp(image + offset, RING_MAGIC, sizeof(((ring_head *)0)->magic)) == 0;
}

static bool find_ring(const char *image, size_t image_bytes, uint64_t *out)
{
    const plim_budget *head = (const void *)image;
    if (image_bytes >= sizeof(*head) && is_ring(image, image_bytes, head->mapped_bytes)) {
        *out = head->mapped_bytes;
        return true;
    }
    for (uint64_t at = 0; at < image_bytes; at += PAGE_LEAST) {
        if (is_ring(image, image_bytes, at)) {
            *out = at;
            return true;
        }
    }
    return false;
}

static void copy_text(char *to, const char *from, size_t room)
{
    memcpy(to, from, room);
    to[room - 1] = 0;
}

static void take_facts(const ring_head *ring, plim_box_facts *out)
{
    const black_box_note *n = black_box_note_of(ring);
    copy_text(out->program, n->program, sizeof(out->program));
    copy_text(out->version, n->version, sizeof(out->version));
    copy_text(out->board, n->board, sizeof(out->board));
    copy_text(out->boot_id, n->boot_id, sizeof(out->boot_id));
    out->pid = n->pid;
    out->is_damaged = n->check != plim_black_box_note_check(n);
    out->cap_bytes = n->cap_bytes;
    out->start_ns = n->start_ns;
    out->start_wall_ns = n->start_wall_ns;
    out->peak_bytes = atomic_load(&n->peak_bytes);
    out->peak_ns = atomic_load(&n->peak_ns);
    out->peak_wall_ns = atomic_load(&n->peak_wall_ns);
    out->written_count = atomic_load(&ring->put_count);
    out->is_closed = atomic_load(&n->is_closed) == 1;
    if (out->is_closed) {
        copy_text(out->close_reason, n->close_reason, sizeof(out->close_reason));
        out->close_ns = n->close_ns;
        out->close_wall_ns = n->close_wall_ns;
    }
}

plim_status plim_box_attach(const void *image, size_t image_bytes, plim_box_reader *out,
                            plim_error *err)
{
    uint64_t offset = 0;
    ring_reader ring;
    if (!image || !out || (uintptr_t)image % 8 != 0) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "black box: an image aligned to 8 bytes");
    }
    memset(out, 0, sizeof(*out));
    if (image_bytes < RING_HEAD_BYTES) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "black box: cut short", .want = RING_HEAD_BYTES,
                         .have = image_bytes);
    }
    if (!find_ring(image, image_bytes, &offset)) {
        return PLIM_FAIL(err, PLIM_E_FORMAT, .what = "black box: no box, or cut before its ring");
    }
    const ring_head *head = (const ring_head *)((const char *)image + offset);
    PLIM_TRY(plim_ring_attach(head, image_bytes - offset, &ring, err));
    if (plim_budget_attach(image, (size_t)offset, &out->account, &out->account_why) != PLIM_OK) {
        out->account = NULL;
    }
    take_facts(head, &out->facts);
    out->ring_bytes = ring.data_bytes;
    out->overwritten_bytes = ring.lost_bytes;
    out->is_recovered = ring.is_recovered;
    memcpy(out->private_words, &ring, sizeof(ring));
    return PLIM_OK;
}

void plim_box_rewind(plim_box_reader *self)
{
    ring_reader ring;
    memcpy(&ring, self->private_words, sizeof(ring));
    ring.at = ring.lost_bytes;
    ring.damaged_bytes = 0;
    self->damaged_bytes = 0;
    memcpy(self->private_words, &ring, sizeof(ring));
}

/* The payload as the kind says it lies; false when it cannot be that. */
static bool take_payload(plim_box_record *out, const void *payload, uint32_t bytes)
{
    plim_box_refusal *r = &out->as.refusal;
    switch (out->kind) {
    case PLIM_BOX_LINE:
        bytes = bytes < sizeof(out->as.line) - 1 ? bytes : (uint32_t)sizeof(out->as.line) - 1;
        memcpy(out->as.line, payload, bytes);
        out->as.line[bytes] = 0;
        return true;
    case PLIM_BOX_SAMPLE:
        if (bytes == sizeof(out->as.sample)) {
            memcpy(&out->as.sample, payload, bytes);
        }
        return bytes == sizeof(out->as.sample);
    case PLIM_BOX_TELEMETRY:
        if (bytes == sizeof(out->as.telemetry)) {
            memcpy(&out->as.telemetry, payload, bytes);
            out->as.telemetry.hottest_zone[sizeof(out->as.telemetry.hottest_zone) - 1] = 0;
        }
        return bytes == sizeof(out->as.telemetry);
    case PLIM_BOX_REFUSAL:
        if (bytes != sizeof(*r)) {
            return false;
        }
        memcpy(r, payload, bytes);
        r->event[sizeof(r->event) - 1] = r->engine[sizeof(r->engine) - 1] = 0;
        r->what[sizeof(r->what) - 1] = r->detail[sizeof(r->detail) - 1] = 0;
        for (size_t i = 0; i < PLIM_ERROR_HOLDERS; i++) {
            r->holders[i].owner[PLIM_NAME_BYTES - 1] = 0;
        }
        return true;
    }
    return false;
}

bool plim_box_next(plim_box_reader *self, plim_box_record *out)
{
    ring_reader ring;
    ring_record r;
    unsigned char payload[RING_PAYLOAD_BYTES];
    bool found = false;
    memcpy(&ring, self->private_words, sizeof(ring));
    while (!found && plim_ring_next(&ring, &r, payload)) {
        out->kind = (plim_box_kind)r.kind;
        out->level = r.level;
        out->ns = r.ns;
        out->wall_ns = r.wall_ns;
        found = take_payload(out, payload, r.payload_bytes);
    }
    self->damaged_bytes = ring.damaged_bytes;
    memcpy(self->private_words, &ring, sizeof(ring));
    return found;
}
