/* SPDX-License-Identifier: Apache-2.0 */
/* image_size.h - the size of a compressed picture from its first bytes: JPEG and PNG. */
#ifndef SURVEY_IMAGE_SIZE_H
#define SURVEY_IMAGE_SIZE_H

#include <stdbool.h>

#include "plimsoll/status.h"

typedef struct plim_image_size {
    char codec[16]; /* "jpeg", "png"; of raw pictures their encoding: "rgb8", "16UC1" */
    uint32_t width, height, channels;
    uint32_t channel_bytes; /* 1, 2 or 4 */
} plim_image_size;

/* plim_image_size_read - false when the bytes are no JPEG or PNG, or end before its size. Some
 * cameras put kilobytes of notes before it: 16 KiB are enough for all that were seen. */
bool plim_image_size_read(const uint8_t *data, size_t data_bytes, plim_image_size *out);

/* Bytes of the picture decoded, as it is: width x height x channels x channel_bytes. Never
 * overflows: sizes are below 2^31, channels below 2^8. */
uint64_t plim_image_decoded_bytes(const plim_image_size *self);

#endif
