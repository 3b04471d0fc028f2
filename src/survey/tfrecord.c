/* SPDX-License-Identifier: Apache-2.0 */
/* tfrecord.c - TFRecord's framing and tf.train.Example, walked by hand.
 *
 * Decides what a key holds by the list that its value has. Refuses records whose length fails its
 * checksum (CRC-32C, RFC 3720 B.4, by half bytes) or passes the file, and fields that pass the
 * message they lie in. Keys are read before their values: protobuf's writers sort by number.
 * Invariant: `left` of a message is what its own length allows; a submessage takes from it first,
 * so that nesting needs no stack of lengths beyond the four levels that exist.
 */
#include "src/survey/tfrecord.h"

#include <string.h>

#include "arena/bytes.h"

uint32_t plim_crc32c(const uint8_t *data, size_t bytes, uint32_t before)
{
    static const uint32_t NIBBLE[16] = {0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
                                        0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
                                        0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
                                        0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75};
    uint32_t crc = ~before;
    for (size_t i = 0; i < bytes; i++) {
        crc = (crc >> 4) ^ NIBBLE[(crc ^ data[i]) & 15];
        crc = (crc >> 4) ^ NIBBLE[(crc ^ (uint32_t)(data[i] >> 4)) & 15];
    }
    return ~crc;
}

uint32_t plim_tfrecord_mask(uint32_t crc)
{
    return (crc >> 15 | crc << 17) + 0xa282ead8u;
}

bool plim_tfrecord_is(const uint8_t *head, size_t head_bytes)
{
    return head_bytes >= PLIM_TFRECORD_HEAD &&
           plim_le32(head + 8) == plim_tfrecord_mask(plim_crc32c(head, 8, 0));
}

static plim_status refuse(const plim_example *self, plim_error *err, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "tfrecord", field, wanted, found);
    plim_error_detail(err, "%s", self->stream.file->path);
    return PLIM_E_FORMAT;
}

static plim_status take(plim_example *self, uint64_t *left, void *to, uint64_t bytes,
                        plim_error *err)
{
    if (bytes > *left) {
        return refuse(self, err, "length", "inside its message", "more");
    }
    *left -= bytes;
    return plim_packed_stream_take(&self->stream, to, bytes, err);
}

static plim_status take_varint(plim_example *self, uint64_t *left, uint64_t *out, plim_error *err)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
        uint8_t byte;
        PLIM_TRY(take(self, left, &byte, 1, err));
        *out |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) {
            return PLIM_OK;
        }
    }
    return refuse(self, err, "varint", "at most 10 bytes", "more");
}

/* A field's number and wire type; of one with a length (type 2) that, taken from *left. */
static plim_status take_field(plim_example *self, uint64_t *left, uint64_t *number, unsigned *wire,
                              uint64_t *length, plim_error *err)
{
    uint64_t key;
    PLIM_TRY(take_varint(self, left, &key, err));
    *number = key >> 3;
    *wire = key & 7;
    *length = 0;
    if (*wire == 2) {
        PLIM_TRY(take_varint(self, left, length, err));
        if (*length > *left) {
            return refuse(self, err, "length", "inside its message", "more");
        }
        *left -= *length;
    }
    return PLIM_OK;
}

/* What nobody asked for, its length taken from *left already. */
static plim_status skip_field(plim_example *self, uint64_t *left, unsigned wire, uint64_t length,
                              plim_error *err)
{
    uint64_t value;
    switch (wire) {
    case 0:
        return take_varint(self, left, &value, err);
    case 1:
        return take(self, left, NULL, 8, err);
    case 2:
        return plim_packed_stream_take(&self->stream, NULL, length, err);
    case 5:
        return take(self, left, NULL, 4, err);
    default:
        return refuse(self, err, "wire type", "0, 1, 2 or 5", "another");
    }
}

static void look(plim_example_key *key, const uint8_t *head, size_t bytes)
{
    plim_image_size size;
    if (!plim_image_size_read(head, bytes, &size)) {
        return;
    }
    if (plim_image_decoded_bytes(&size) >= plim_image_decoded_bytes(&key->image)) {
        key->image = size;
    }
    key->image_count++;
    key->image_pixels += (uint64_t)size.width * size.height;
}

static plim_status read_bytes_value(plim_example *self, plim_example_key *key, uint64_t length,
                                    plim_error *err)
{
    bool is_wanted = self->is_exact || key->value_count == 0;
    size_t n = !is_wanted ? 0 : length < sizeof(self->head) ? (size_t)length : sizeof(self->head);
    PLIM_TRY(plim_packed_stream_take(&self->stream, self->head, n, err));
    look(key, self->head, n);
    key->value_count++;
    key->value_bytes += length;
    return plim_packed_stream_take(&self->stream, NULL, length - n, err);
}

/* Packed integers: as many as there are bytes without the bit that says "more". */
static plim_status count_varints(plim_example *self, plim_example_key *key, uint64_t length,
                                 plim_error *err)
{
    while (length) {
        size_t n = length < sizeof(self->head) ? (size_t)length : sizeof(self->head);
        PLIM_TRY(plim_packed_stream_take(&self->stream, self->head, n, err));
        for (size_t i = 0; i < n; i++) {
            key->value_count += !(self->head[i] & 128);
        }
        length -= n;
    }
    return PLIM_OK;
}

static plim_status read_list(plim_example *self, plim_example_key *key, uint64_t left,
                             plim_error *err)
{
    while (left) {
        uint64_t number, length;
        unsigned wire;
        PLIM_TRY(take_field(self, &left, &number, &wire, &length, err));
        if (number != 1) {
            PLIM_TRY(skip_field(self, &left, wire, length, err));
        } else if (wire != 2) {
            key->value_count++;
            PLIM_TRY(skip_field(self, &left, wire, length, err));
        } else if (key->kind == PLIM_EXAMPLE_BYTES) {
            PLIM_TRY(read_bytes_value(self, key, length, err));
        } else if (key->kind == PLIM_EXAMPLE_FLOAT) {
            key->value_count += length / 4;
            PLIM_TRY(plim_packed_stream_take(&self->stream, NULL, length, err));
        } else {
            PLIM_TRY(count_varints(self, key, length, err));
        }
    }
    return PLIM_OK;
}

static plim_status read_feature(plim_example *self, plim_example_key *key, uint64_t left,
                                plim_error *err)
{
    key->stored_bytes += left;
    while (left) {
        uint64_t number, length;
        unsigned wire;
        PLIM_TRY(take_field(self, &left, &number, &wire, &length, err));
        if (wire == 2 && number >= PLIM_EXAMPLE_BYTES && number <= PLIM_EXAMPLE_INT64) {
            key->kind = (plim_example_kind)number;
            PLIM_TRY(read_list(self, key, length, err));
        } else {
            PLIM_TRY(skip_field(self, &left, wire, length, err));
        }
    }
    return PLIM_OK;
}

static plim_status read_entry(plim_example *self, uint64_t left, plim_error *err)
{
    if (self->key_count == PLIM_EXAMPLE_KEYS_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "tfrecord", "keys", "at most 256", "more");
    }
    plim_example_key *key = &self->keys[self->key_count++];
    *key = (plim_example_key){.kind = PLIM_EXAMPLE_EMPTY};
    while (left) {
        uint64_t number, length;
        unsigned wire;
        PLIM_TRY(take_field(self, &left, &number, &wire, &length, err));
        if (number == 1 && wire == 2) {
            size_t n = length < sizeof(key->name) - 1 ? (size_t)length : sizeof(key->name) - 1;
            PLIM_TRY(plim_packed_stream_take(&self->stream, key->name, n, err));
            PLIM_TRY(plim_packed_stream_take(&self->stream, NULL, length - n, err));
            for (size_t i = 0; i < n; i++) { /* printed later */
                uint8_t c = (uint8_t)key->name[i];
                key->name[i] = c < ' ' || c == 127 ? '?' : (char)c;
            }
            key->name[n] = 0;
        } else if (number == 2 && wire == 2) {
            PLIM_TRY(read_feature(self, key, length, err));
        } else {
            PLIM_TRY(skip_field(self, &left, wire, length, err));
        }
    }
    return PLIM_OK;
}

/* Example: field 1 is Features, whose field 1 are the entries. */
static plim_status read_level(plim_example *self, uint64_t left, bool is_entries, plim_error *err)
{
    while (left) {
        uint64_t number, length;
        unsigned wire;
        PLIM_TRY(take_field(self, &left, &number, &wire, &length, err));
        if (number != 1 || wire != 2) {
            PLIM_TRY(skip_field(self, &left, wire, length, err));
        } else if (is_entries) {
            PLIM_TRY(read_entry(self, length, err));
        } else {
            PLIM_TRY(read_level(self, length, true, err));
        }
    }
    return PLIM_OK;
}

static plim_status check_data(plim_example *self, uint64_t at, uint64_t bytes, plim_error *err)
{
    uint8_t tail[PLIM_TFRECORD_TAIL];
    uint32_t crc = 0;
    for (uint64_t done = 0; done < bytes;) {
        size_t n = bytes - done < sizeof(self->head) ? (size_t)(bytes - done) : sizeof(self->head);
        PLIM_TRY(plim_file_bytes_read(self->stream.file, at + done, self->head, n, err));
        crc = plim_crc32c(self->head, n, crc);
        done += n;
    }
    PLIM_TRY(plim_file_bytes_read(self->stream.file, at + bytes, tail, sizeof(tail), err));
    return plim_le32(tail) == plim_tfrecord_mask(crc)
               ? PLIM_OK
               : refuse(self, err, "data", "its checksum", "another");
}

plim_status plim_tfrecord_read(plim_example *self, const plim_file_bytes *file, uint64_t at,
                               uint64_t *data_bytes, plim_error *err)
{
    uint8_t head[PLIM_TFRECORD_HEAD];
    self->key_count = 0;
    self->stream.file = file;
    *data_bytes = 0;
    PLIM_TRY(plim_file_bytes_read(file, at, head, sizeof(head), err));
    if (!plim_tfrecord_is(head, sizeof(head))) {
        return refuse(self, err, "length", "its checksum", "another");
    }
    uint64_t bytes = plim_le64(head), room = file->size_bytes - at - sizeof(head);
    if (room < PLIM_TFRECORD_TAIL || bytes > room - PLIM_TFRECORD_TAIL) {
        return refuse(self, err, "length", "inside the file", "cut short");
    }
    at += sizeof(head);
    if (self->is_exact) {
        PLIM_TRY(check_data(self, at, bytes, err));
    }
    PLIM_TRY(
        plim_packed_stream_open(&self->stream, file, at, at + bytes, PLIM_PACKING_NONE, 0, err));
    PLIM_TRY(read_level(self, bytes, false, err));
    *data_bytes = bytes;
    return PLIM_OK;
}
