/* SPDX-License-Identifier: Apache-2.0 */
/* snappy.c - a small decompressor for the raw Snappy block format.
 *
 * A block is the length of the plain bytes (a varint), then elements: a literal run, or a copy
 * of bytes that were written before (1-, 2- or 4-byte offset). Invariants: both positions only
 * grow, each element is checked against what is left of both sides before a byte moves, and a
 * block that does not fill the output exactly is refused.
 */
#include "src/episode/snappy.h"

#include <string.h>

static bool read_length(const uint8_t *in, size_t in_bytes, size_t *at, uint64_t *length)
{
    *length = 0;
    for (unsigned shift = 0; shift < 35; shift += 7) {
        if (*at == in_bytes) {
            return false;
        }
        uint8_t byte = in[(*at)++];
        *length |= (uint64_t)(byte & 0x7f) << shift;
        if (!(byte & 0x80)) {
            return true;
        }
    }
    return false;
}

/* Little-endian number of 1 to 4 bytes. */
static bool read_number(const uint8_t *in, size_t in_bytes, size_t *at, unsigned bytes,
                        uint32_t *out)
{
    if (in_bytes - *at < bytes) {
        return false;
    }
    *out = 0;
    for (unsigned i = 0; i < bytes; i++) {
        *out |= (uint32_t)in[(*at)++] << (8 * i);
    }
    return true;
}

bool plim_snappy_decode(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
    size_t at = 0, done = 0;
    uint64_t length;
    if (!read_length(in, in_bytes, &at, &length) || length != out_bytes) {
        return false;
    }
    while (at < in_bytes) {
        uint8_t tag = in[at++];
        uint32_t count = tag >> 2, offset = 0;
        if ((tag & 3) == 0) {
            if (count >= 60 && !read_number(in, in_bytes, &at, count - 59, &count)) {
                return false;
            }
            uint64_t run = (uint64_t)count + 1;
            if (run > in_bytes - at || run > out_bytes - done) {
                return false;
            }
            memcpy(out + done, in + at, (size_t)run);
            at += (size_t)run;
            done += (size_t)run;
            continue;
        }
        if ((tag & 3) == 1) {
            count = ((tag >> 2) & 7) + 4;
            if (!read_number(in, in_bytes, &at, 1, &offset)) {
                return false;
            }
            offset |= (uint32_t)(tag >> 5) << 8;
        } else {
            count++;
            if (!read_number(in, in_bytes, &at, (tag & 3) == 2 ? 2 : 4, &offset)) {
                return false;
            }
        }
        if (offset == 0 || offset > done || count > out_bytes - done) {
            return false;
        }
        for (uint32_t i = 0; i < count; i++, done++) { /* may overlap itself: byte by byte */
            out[done] = out[done - offset];
        }
    }
    return done == out_bytes;
}
