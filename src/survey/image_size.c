/* SPDX-License-Identifier: Apache-2.0 */
/* image_size.c - JPEG's frame header (ITU-T T.81, B.2.2) and PNG's IHDR (RFC 2083, 4.1.1).
 *
 * Refuses sizes of zero and above 2^20 a side, which no camera has and hostile files do.
 * Invariant: looks at no byte past data_bytes; each step in a JPEG goes at least 2 bytes on.
 */
#include "src/survey/image_size.h"

#include <stdio.h>
#include <string.h>

#include "src/episode/file_bytes.h"

#define SIDE_MAX (1u << 20)

static bool keep(plim_image_size *out, const char *codec, uint32_t width, uint32_t height,
                 uint32_t channels, uint32_t channel_bytes)
{
    if (!width || !height || width > SIDE_MAX || height > SIDE_MAX || !channels || channels > 4) {
        return false;
    }
    *out = (plim_image_size){
        .width = width, .height = height, .channels = channels, .channel_bytes = channel_bytes};
    snprintf(out->codec, sizeof(out->codec), "%s", codec);
    return true;
}

static bool read_png(const uint8_t *data, size_t data_bytes, plim_image_size *out)
{
    static const uint8_t CHANNELS[] = {1, 0, 3, 3, 2, 0, 4}; /* a palette decodes to RGB */
    if (data_bytes < 26 || memcmp(data + 12, "IHDR", 4) != 0 || data[25] > 6) {
        return false;
    }
    return keep(out, "png", plim_be32(data + 16), plim_be32(data + 20), CHANNELS[data[25]],
                data[24] > 8 ? 2 : 1);
}

static bool is_frame_header(uint8_t marker)
{
    return marker >= 0xC0 && marker <= 0xCF && marker != 0xC4 && marker != 0xC8 && marker != 0xCC;
}

static bool read_jpeg(const uint8_t *data, size_t data_bytes, plim_image_size *out)
{
    size_t at = 2;
    while (data_bytes - at >= 4) {
        if (data[at] != 0xFF) {
            return false;
        }
        uint8_t marker = data[at + 1];
        if (marker == 0xFF || marker == 0x01 || (marker >= 0xD0 && marker <= 0xD8)) {
            at += marker == 0xFF ? 1 : 2; /* a fill byte; markers without content */
            continue;
        }
        size_t length = (size_t)data[at + 2] << 8 | data[at + 3];
        if (is_frame_header(marker)) {
            const uint8_t *p = data + at;
            return length >= 8 && data_bytes - at >= 10 &&
                   keep(out, "jpeg", (uint32_t)p[7] << 8 | p[8], (uint32_t)p[5] << 8 | p[6], p[9],
                        p[4] > 8 ? 2 : 1);
        }
        if (length < 2 || length > data_bytes - at - 2) {
            return false;
        }
        at += 2 + length;
    }
    return false;
}

bool plim_image_size_read(const uint8_t *data, size_t data_bytes, plim_image_size *out)
{
    static const uint8_t PNG[] = {0x89, 'P', 'N', 'G', '\r', '\n', 0x1A, '\n'};
    if (data_bytes >= sizeof(PNG) && memcmp(data, PNG, sizeof(PNG)) == 0) {
        return read_png(data, data_bytes, out);
    }
    if (data_bytes >= 4 && data[0] == 0xFF && data[1] == 0xD8) {
        return read_jpeg(data, data_bytes, out);
    }
    return false;
}

uint64_t plim_image_decoded_bytes(const plim_image_size *self)
{
    return (uint64_t)self->width * self->height * self->channels * self->channel_bytes;
}
