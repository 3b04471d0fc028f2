/* SPDX-License-Identifier: Apache-2.0 */
/* zarr_codec.c - chunks as numcodecs packs them: blosc 1 frames, zlib, gzip, zstd, lz4.
 *
 * A blosc frame (version 2 of its header, c-blosc 1.x) is 16 bytes of header, the place of each
 * block, and blocks. A block is one stream, or one for each byte of a value; each stream has its
 * length in front, and is stored as it is when that is the unpacked length. Afterwards bytes or
 * bits of each block are put back in the order of values. Inside, lz4, zlib and zstd are
 * unpacked; blosclz and snappy are refused by name.
 * Invariant: nothing is written past plain_bytes, nothing read past packed_bytes; what is not
 * filled by exactly its length is damaged.
 */
#include "src/survey/zarr_codec.h"

#include <lz4.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "src/episode/file_bytes.h"

#define BLOSC_HEADER     16u
#define BLOSC_SPLITS     16u  /* values of more bytes are never split into streams */
#define BLOSC_PART_LEAST 128u /* nor blocks of fewer values */

static const uint8_t SHUFFLED = 1, STORED = 2, BITS_SHUFFLED = 4, WHOLE = 16;

static plim_status damaged(plim_error *err, const char *field)
{
    return plim_error_set(err, PLIM_E_FORMAT, "zarr chunk", field, "as long as its array says",
                          "damaged");
}

static bool unzlib(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
    z_stream z = {.next_in = (uint8_t *)(uintptr_t)in, /* zlib reads it only */
                  .avail_in = (uInt)in_bytes,
                  .next_out = out,
                  .avail_out = (uInt)out_bytes};
    if (inflateInit2(&z, MAX_WBITS + 32) != Z_OK) { /* zlib or gzip, as it begins */
        return false;
    }
    int code = inflate(&z, Z_FINISH);
    inflateEnd(&z);
    return code == Z_STREAM_END && z.avail_out == 0;
}

static bool unlz4(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
    return LZ4_decompress_safe((const char *)in, (char *)out, (int)in_bytes, (int)out_bytes) ==
           (int)out_bytes;
}

static bool unzstd(const uint8_t *in, size_t in_bytes, uint8_t *out, size_t out_bytes)
{
    return ZSTD_decompress(out, out_bytes, in, in_bytes) == out_bytes;
}

/* ---- blosc ---- */

typedef struct blosc_frame {
    const uint8_t *data;
    size_t bytes;
    uint8_t flags, compressor;
    size_t value_bytes, block_bytes, plain_bytes;
} blosc_frame;

static bool unpack_stream(const blosc_frame *f, const uint8_t *in, size_t in_bytes, uint8_t *out,
                          size_t out_bytes)
{
    if (in_bytes == out_bytes) {
        memcpy(out, in, out_bytes);
        return true;
    }
    return f->compressor == 1   ? unlz4(in, in_bytes, out, out_bytes)
           : f->compressor == 3 ? unzlib(in, in_bytes, out, out_bytes)
                                : unzstd(in, in_bytes, out, out_bytes);
}

static bool unpack_block(const blosc_frame *f, size_t at, uint8_t *out, size_t out_bytes)
{
    bool is_split = !(f->flags & WHOLE) && out_bytes == f->block_bytes &&
                    f->value_bytes <= BLOSC_SPLITS &&
                    f->block_bytes / f->value_bytes >= BLOSC_PART_LEAST;
    size_t parts = is_split ? f->value_bytes : 1, part_bytes = out_bytes / parts;
    if (part_bytes * parts != out_bytes) {
        return false;
    }
    for (size_t i = 0; i < parts; i++) {
        if (at > f->bytes || f->bytes - at < 4) {
            return false;
        }
        size_t n = plim_le32(f->data + at);
        at += 4;
        if (n > f->bytes - at ||
            !unpack_stream(f, f->data + at, n, out + i * part_bytes, part_bytes)) {
            return false;
        }
        at += n;
    }
    return true;
}

static void unshuffle_bytes(const uint8_t *in, uint8_t *out, size_t bytes, size_t value_bytes)
{
    size_t values = bytes / value_bytes, whole = values * value_bytes;
    for (size_t j = 0; j < value_bytes; j++) {
        for (size_t i = 0; i < values; i++) {
            out[i * value_bytes + j] = in[j * values + i];
        }
    }
    memcpy(out + whole, in + whole, bytes - whole);
}

/* Bit b of byte j of all values lies together: 8 values a byte. Only whole groups of 8 are. */
static void unshuffle_bits(const uint8_t *in, uint8_t *out, size_t bytes, size_t value_bytes)
{
    size_t values = bytes / value_bytes;
    if (values % 8 != 0) {
        memcpy(out, in, bytes);
        return;
    }
    memset(out, 0, bytes);
    for (size_t j = 0; j < value_bytes * 8; j++) {
        const uint8_t *row = in + j * (values / 8);
        for (size_t i = 0; i < values; i++) {
            out[i * value_bytes + j / 8] |= (uint8_t)((row[i / 8] >> (i % 8) & 1) << (j % 8));
        }
    }
    memcpy(out + values * value_bytes, in + values * value_bytes, bytes - values * value_bytes);
}

static plim_status unpack_blocks(const blosc_frame *f, uint8_t *plain, uint8_t *scratch,
                                 plim_error *err)
{
    size_t count = (f->plain_bytes + f->block_bytes - 1) / f->block_bytes;
    bool has_bytes = (f->flags & SHUFFLED) && f->value_bytes > 1;
    bool has_bits = (f->flags & BITS_SHUFFLED) && f->block_bytes >= f->value_bytes;
    if ((f->bytes - BLOSC_HEADER) / 4 < count) {
        return damaged(err, "blosc blocks");
    }
    for (size_t i = 0; i < count; i++) {
        size_t done = i * f->block_bytes, left = f->plain_bytes - done;
        size_t bytes = left < f->block_bytes ? left : f->block_bytes;
        uint8_t *to = has_bytes || has_bits ? scratch : plain + done;
        if (!unpack_block(f, plim_le32(f->data + BLOSC_HEADER + 4 * i), to, bytes)) {
            return damaged(err, "blosc block");
        }
        if (has_bytes) {
            unshuffle_bytes(scratch, plain + done, bytes, f->value_bytes);
        } else if (has_bits) {
            unshuffle_bits(scratch, plain + done, bytes, f->value_bytes);
        }
    }
    return PLIM_OK;
}

static plim_status unblosc(const uint8_t *packed, size_t packed_bytes, uint8_t *plain,
                           size_t plain_bytes, uint8_t *scratch, plim_error *err)
{
    static const char *const NAMES[] = {"blosclz", "lz4",     "snappy",  "zlib",
                                        "zstd",    "blosc 5", "blosc 6", "blosc 7"};
    if (packed_bytes < BLOSC_HEADER || packed[0] != 2 || packed[3] == 0 ||
        plim_le32(packed + 4) != plain_bytes || plim_le32(packed + 12) != packed_bytes) {
        return damaged(err, "blosc header");
    }
    blosc_frame f = {.data = packed,
                     .bytes = packed_bytes,
                     .flags = packed[2],
                     .compressor = packed[2] >> 5,
                     .value_bytes = packed[3],
                     .block_bytes = plim_le32(packed + 8),
                     .plain_bytes = plain_bytes};
    if (f.flags & STORED) {
        if (packed_bytes - BLOSC_HEADER != plain_bytes) {
            return damaged(err, "blosc copy");
        }
        memcpy(plain, packed + BLOSC_HEADER, plain_bytes);
        return PLIM_OK;
    }
    if (f.compressor != 1 && f.compressor != 3 && f.compressor != 4) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "zarr chunk", "compressor",
                              "lz4, zlib or zstd", NAMES[f.compressor]);
    }
    if (f.block_bytes == 0 || f.block_bytes > plain_bytes) {
        return damaged(err, "blosc block size");
    }
    return unpack_blocks(&f, plain, scratch, err);
}

plim_status plim_zarr_unpack(plim_zarr_codec codec, const uint8_t *packed, size_t packed_bytes,
                             uint8_t *plain, size_t plain_bytes, uint8_t *scratch, plim_error *err)
{
    bool is_done = false;
    if (packed_bytes > INT32_MAX || plain_bytes > INT32_MAX) {
        return damaged(err, "length");
    }
    switch (codec) {
    case PLIM_ZARR_RAW:
        is_done = packed_bytes == plain_bytes;
        memcpy(plain, packed, is_done ? plain_bytes : 0);
        break;
    case PLIM_ZARR_BLOSC:
        return unblosc(packed, packed_bytes, plain, plain_bytes, scratch, err);
    case PLIM_ZARR_ZLIB:
        is_done = unzlib(packed, packed_bytes, plain, plain_bytes);
        break;
    case PLIM_ZARR_ZSTD:
        is_done = unzstd(packed, packed_bytes, plain, plain_bytes);
        break;
    case PLIM_ZARR_LZ4:
        is_done = packed_bytes >= 4 && plim_le32(packed) == plain_bytes &&
                  unlz4(packed + 4, packed_bytes - 4, plain, plain_bytes);
        break;
    case PLIM_ZARR_OTHER:
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "zarr chunk", "compressor",
                              "blosc, zlib, gzip, zstd, lz4 or none", "another");
    }
    return is_done ? PLIM_OK : damaged(err, "content");
}
