/* SPDX-License-Identifier: Apache-2.0 */
/* thrift.c - Thrift compact protocol, reading only, in pieces of 1 KiB.
 *
 * Refuses: varints longer than 10 bytes, lists with more entries than bytes are left, structs
 * deeper than DEPTH_LIMIT. Invariant: every call moves forward or fails, so that a parser's work
 * is bounded by the bytes it was given.
 */
#include "src/episode/thrift.h"

#include <string.h>

#define DEPTH_LIMIT 16u

void plim_thrift_init(plim_thrift *self, const plim_file_bytes *file, uint64_t at, uint64_t end,
                      plim_error *err)
{
    *self = (plim_thrift){.file = file, .err = err, .at = at, .end = end};
}

void plim_thrift_fail(plim_thrift *self, const char *field, const char *wanted, const char *found)
{
    if (self->status == PLIM_OK) {
        self->status = plim_error_set(self->err, PLIM_E_FORMAT, "parquet", field, wanted, found);
        plim_error_detail(self->err, "%s", self->file->path);
    }
}

static uint8_t next_byte(plim_thrift *self)
{
    if (self->status != PLIM_OK) {
        return 0;
    }
    if (self->at >= self->end) {
        plim_thrift_fail(self, "metadata", "more bytes", "cut short");
        return 0;
    }
    if (self->at < self->piece_at || self->at - self->piece_at >= self->piece_bytes) {
        uint64_t left = self->end - self->at;
        size_t n = left < sizeof(self->piece) ? (size_t)left : sizeof(self->piece);
        self->status = plim_file_bytes_read(self->file, self->at, self->piece, n, self->err);
        if (self->status != PLIM_OK) {
            return 0;
        }
        self->piece_at = self->at;
        self->piece_bytes = n;
    }
    return self->piece[self->at++ - self->piece_at];
}

static uint64_t varint(plim_thrift *self)
{
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte = next_byte(self);
        value |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return value;
        }
    }
    plim_thrift_fail(self, "metadata", "a varint of at most 10 bytes", "longer");
    return 0;
}

static int64_t zigzag(plim_thrift *self)
{
    uint64_t n = varint(self);
    return (int64_t)(n >> 1) ^ -(int64_t)(n & 1);
}

static void pass(plim_thrift *self, uint64_t bytes)
{
    if (self->status == PLIM_OK && bytes > self->end - self->at) {
        plim_thrift_fail(self, "metadata", "a length inside the metadata", "longer");
    }
    if (self->status == PLIM_OK) {
        self->at += bytes;
    }
}

bool plim_thrift_field(plim_thrift *self, int16_t *id, plim_thrift_type *type)
{
    uint8_t head = next_byte(self);
    *type = (plim_thrift_type)(head & 0x0f);
    if (self->status != PLIM_OK || *type == PLIM_THRIFT_STOP) {
        return false;
    }
    int64_t next = head >> 4 ? (int64_t)*id + (head >> 4) : zigzag(self);
    if (next < 0 || next > INT16_MAX) {
        plim_thrift_fail(self, "metadata", "a field number", "outside 0..32767");
        return false;
    }
    *id = (int16_t)next;
    return self->status == PLIM_OK;
}

int64_t plim_thrift_number(plim_thrift *self, plim_thrift_type type)
{
    switch (type) {
    case PLIM_THRIFT_TRUE:
        return 1;
    case PLIM_THRIFT_FALSE:
        return 0;
    case PLIM_THRIFT_BYTE:
        return (int8_t)next_byte(self);
    case PLIM_THRIFT_I16:
    case PLIM_THRIFT_I32:
    case PLIM_THRIFT_I64:
        return zigzag(self);
    default:
        plim_thrift_fail(self, "metadata", "a number", "another type");
        return 0;
    }
}

/* The head of a list or set: how many entries, and of what. */
static uint32_t list_head(plim_thrift *self, plim_thrift_type *of)
{
    uint8_t head = next_byte(self);
    uint64_t count = head >> 4;
    *of = (plim_thrift_type)(head & 0x0f);
    if (count == 15) {
        count = varint(self);
    }
    if (self->status != PLIM_OK) {
        return 0;
    }
    if (count > self->end - self->at) { /* no entry is shorter than a byte */
        plim_thrift_fail(self, "metadata", "entries inside the metadata", "more");
        return 0;
    }
    return (uint32_t)count;
}

uint32_t plim_thrift_list(plim_thrift *self, plim_thrift_type type, plim_thrift_type of)
{
    plim_thrift_type found = PLIM_THRIFT_STOP;
    uint32_t count = type == PLIM_THRIFT_LIST ? list_head(self, &found) : 0;
    if (type != PLIM_THRIFT_LIST || (count && found != of)) {
        plim_thrift_fail(self, "metadata", "a list", "another type");
        return 0;
    }
    return count;
}

void plim_thrift_text(plim_thrift *self, plim_thrift_type type, char *to, size_t to_bytes)
{
    to[0] = 0;
    if (type != PLIM_THRIFT_BINARY) {
        plim_thrift_fail(self, "metadata", "a text", "another type");
        return;
    }
    uint64_t bytes = varint(self);
    if (self->status == PLIM_OK && bytes > self->end - self->at) {
        plim_thrift_fail(self, "metadata", "a length inside the metadata", "longer");
        return;
    }
    size_t kept = bytes < to_bytes - 1 ? (size_t)bytes : to_bytes - 1;
    for (size_t i = 0; i < kept && self->status == PLIM_OK; i++) {
        uint8_t c = next_byte(self);
        to[i] = c < 32 || c == 127 ? '?' : (char)c;
    }
    to[self->status == PLIM_OK ? kept : 0] = 0;
    pass(self, bytes - kept);
}

static void skip_nested(plim_thrift *self, plim_thrift_type type, unsigned depth)
{
    if (depth > DEPTH_LIMIT) {
        plim_thrift_fail(self, "metadata", "at most 16 levels", "deeper");
    }
    if (self->status != PLIM_OK) {
        return;
    }
    switch (type) {
    case PLIM_THRIFT_TRUE:
    case PLIM_THRIFT_FALSE:
        return;
    case PLIM_THRIFT_BYTE:
        pass(self, 1);
        return;
    case PLIM_THRIFT_I16:
    case PLIM_THRIFT_I32:
    case PLIM_THRIFT_I64:
        varint(self);
        return;
    case PLIM_THRIFT_DOUBLE:
        pass(self, 8);
        return;
    case PLIM_THRIFT_BINARY:
        pass(self, varint(self));
        return;
    case PLIM_THRIFT_LIST:
    case PLIM_THRIFT_SET: {
        plim_thrift_type of;
        uint32_t count = list_head(self, &of);
        if (of == PLIM_THRIFT_TRUE || of == PLIM_THRIFT_FALSE) {
            pass(self, count); /* inside a list a bool takes a byte */
            return;
        }
        for (uint32_t i = 0; i < count && self->status == PLIM_OK; i++) {
            skip_nested(self, of, depth + 1);
        }
        return;
    }
    case PLIM_THRIFT_STRUCT: {
        int16_t id = 0;
        plim_thrift_type field;
        while (plim_thrift_field(self, &id, &field)) {
            skip_nested(self, field, depth + 1);
        }
        return;
    }
    default:
        plim_thrift_fail(self, "metadata", "a known type", "a map or an unknown one");
    }
}

void plim_thrift_skip(plim_thrift *self, plim_thrift_type type)
{
    skip_nested(self, type, 0);
}
