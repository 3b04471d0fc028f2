/* SPDX-License-Identifier: Apache-2.0 */
/* fuzz_black_box.c - a black box from anyone: fewer records or a refusal, never read outside. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plimsoll/black_box.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static uint64_t text_sum(const char *text, size_t room)
{
    if (!memchr(text, 0, room)) {
        abort();
    }
    return strlen(text);
}

static void check_record(const plim_box_record *r)
{
    const plim_box_refusal *f = &r->as.refusal;
    uint64_t sum = 0;
    switch (r->kind) {
    case PLIM_BOX_LINE:
        sum += text_sum(r->as.line, sizeof(r->as.line));
        break;
    case PLIM_BOX_SAMPLE:
        break;
    case PLIM_BOX_TELEMETRY:
        sum += text_sum(r->as.telemetry.hottest_zone, sizeof(r->as.telemetry.hottest_zone));
        break;
    case PLIM_BOX_REFUSAL:
        sum += text_sum(f->event, sizeof(f->event)) + text_sum(f->engine, sizeof(f->engine)) +
               text_sum(f->what, sizeof(f->what)) + text_sum(f->detail, sizeof(f->detail));
        for (size_t i = 0; i < PLIM_ERROR_HOLDERS; i++) {
            sum += text_sum(f->holders[i].owner, PLIM_NAME_BYTES);
        }
        break;
    default:
        abort();
    }
    if (sum > sizeof(*r)) {
        abort();
    }
}

static uint64_t walk(plim_box_reader *reader, size_t size)
{
    plim_box_record r;
    uint64_t count = 0;
    while (plim_box_next(reader, &r)) {
        check_record(&r);
        if (++count > size) {
            abort();
        }
    }
    return count;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    plim_box_reader reader;
    plim_error err;
    void *image = malloc(size ? size : 1); /* aligned, and as long as the input */
    if (!image) {
        return 0;
    }
    memcpy(image, data, size);
    if (plim_box_attach(image, size, &reader, &err) == PLIM_OK) {
        const plim_box_facts *f = &reader.facts;
        (void)(text_sum(f->program, sizeof(f->program)) + text_sum(f->board, sizeof(f->board)) +
               text_sum(f->version, sizeof(f->version)) + text_sum(f->boot_id, sizeof(f->boot_id)) +
               text_sum(f->close_reason, sizeof(f->close_reason)));
        if (reader.account &&
            plim_budget_used_bytes(reader.account) > plim_budget_cap_bytes(reader.account)) {
            abort();
        }
        uint64_t count = walk(&reader, size);
        plim_box_rewind(&reader);
        if (walk(&reader, size) != count) {
            abort();
        }
    }
    free(image);
    return 0;
}
