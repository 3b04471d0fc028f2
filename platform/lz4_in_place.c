/* SPDX-License-Identifier: Apache-2.0 */
/* lz4_in_place.c - decode an LZ4 block inside its own output room, without staging.
 *
 * Decides whether an extent that lies at the end of its room decodes to exactly the bytes
 * that belong there. Refuses every length that does not fit the room before it touches a
 * byte, and never writes outside [target, target + room).
 *
 * The room is raw_bytes rounded up to a page. On entry its last bytes hold the extent
 * [tail | padding | compressed], the compressed bytes ending where the room ends. Decoding
 * runs from the end of the room to its start: the write position chases the read position
 * and must not pass it. liblz4 copies in strides of up to 32 bytes and may write that much
 * ahead, so the last tail_bytes of output are stored raw and saved on the stack first;
 * the packer raises the tail until this very function reproduces the block. A hostile
 * block that is overtaken decodes to other bytes or to nothing: the decoder checks each
 * length as it reads it, against both ends of the room.
 */
#include <limits.h>
#include <string.h>

#include <lz4.h>

#include "arena/bytes.h"
#include "platform/stream.h"

#define PAGE 4096u

_Static_assert(PLIM_LZ4_RAW_MAX <= LZ4_MAX_INPUT_SIZE, "lengths are int in liblz4's interface");

bool plim_lz4_decode_in_place(unsigned char *target, uint32_t raw_bytes, uint32_t stored_bytes,
                              uint32_t tail_bytes)
{
    unsigned char tail[PLIM_LZ4_TAIL_MAX];
    uint64_t room;
    uint64_t extent;

    if (raw_bytes == 0 || raw_bytes > PLIM_LZ4_RAW_MAX || tail_bytes > PLIM_LZ4_TAIL_MAX ||
        tail_bytes > raw_bytes || stored_bytes <= tail_bytes ||
        !bytes_align_up(raw_bytes, PAGE, &room) || !bytes_align_up(stored_bytes, PAGE, &extent) ||
        extent > room) {
        return false;
    }
    const uint32_t packed_bytes = stored_bytes - tail_bytes;
    const uint32_t decoded_bytes = raw_bytes - tail_bytes;
    memcpy(tail, target + (room - extent), tail_bytes);
    const int got = LZ4_decompress_safe((const char *)target + (room - packed_bytes),
                                        (char *)target, (int)packed_bytes, (int)decoded_bytes);
    if (got < 0 || (uint32_t)got != decoded_bytes) {
        return false;
    }
    memcpy(target + decoded_bytes, tail, tail_bytes);
    memset(target + raw_bytes, 0, (size_t)(room - raw_bytes));
    return true;
}
