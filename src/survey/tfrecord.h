/* SPDX-License-Identifier: Apache-2.0 */
/* tfrecord.h - records of a TFRecord file, each a tf.train.Example: what each key holds. */
#ifndef SURVEY_TFRECORD_H
#define SURVEY_TFRECORD_H

#include "src/survey/image_size.h"
#include "src/survey/packed_stream.h"

#define PLIM_EXAMPLE_KEYS_MAX 256u
#define PLIM_TFRECORD_HEAD    12u /* length and its checksum */
#define PLIM_TFRECORD_TAIL    4u  /* the data's checksum */

typedef enum plim_example_kind {
    PLIM_EXAMPLE_EMPTY = 0,
    PLIM_EXAMPLE_BYTES = 1,
    PLIM_EXAMPLE_FLOAT = 2,
    PLIM_EXAMPLE_INT64 = 3,
} plim_example_kind;

typedef struct plim_example_key {
    char name[128];
    plim_example_kind kind;
    uint64_t value_count;
    uint64_t stored_bytes; /* of the record */
    uint64_t value_bytes;  /* of bytes values, without their framing */
    plim_image_size image; /* the largest that was looked at */
    uint64_t image_count;
    uint64_t image_pixels;
} plim_example_key;

/* The caller's memory, in any state. */
typedef struct plim_example {
    bool is_exact; /* set by the caller: every picture and the data's checksum are looked at */
    uint32_t key_count;
    plim_example_key keys[PLIM_EXAMPLE_KEYS_MAX];
    plim_packed_stream stream;
    uint8_t head[16384];
} plim_example;

uint32_t plim_crc32c(const uint8_t *data, size_t bytes, uint32_t before);
/* As TFRecord stores it: rotated right by 15, a constant added. */
uint32_t plim_tfrecord_mask(uint32_t crc);

/* plim_tfrecord_is - do these first bytes hold a length with the right checksum? */
bool plim_tfrecord_is(const uint8_t *head, size_t head_bytes);

/* plim_tfrecord_read - the record at @at; *@data_bytes is its length without head and tail.
 * Cost:    reads heads and lengths; values are passed over, but for integers and the first picture
 *          of each key.
 * Errors:  E_FORMAT  a checksum or length is wrong, or it is no Example; E_RANGE  more keys than
 *          there is room for; E_IO. */
PLIM_MUST_USE plim_status plim_tfrecord_read(plim_example *self, const plim_file_bytes *file,
                                             uint64_t at, uint64_t *data_bytes, plim_error *err);

#endif
