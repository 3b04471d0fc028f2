/* SPDX-License-Identifier: Apache-2.0 */
/* mcap_parts.h - what the files of the MCAP reader share. */
#ifndef SURVEY_MCAP_PARTS_H
#define SURVEY_MCAP_PARTS_H

#include "src/survey/mcap.h"

enum {
    MCAP_FOOTER = 0x02,
    MCAP_SCHEMA = 0x03,
    MCAP_CHANNEL = 0x04,
    MCAP_MESSAGE = 0x05,
    MCAP_CHUNK = 0x06,
    MCAP_MESSAGE_INDEX = 0x07,
    MCAP_CHUNK_INDEX = 0x08,
    MCAP_STATISTICS = 0x0B,
    MCAP_DATA_END = 0x0F,
};

#define MCAP_HEAD_BYTES    9u  /* opcode and length */
#define MCAP_MESSAGE_BYTES 22u /* before the payload */

static inline uint16_t plim_le16(const uint8_t *p)
{
    return (uint16_t)(p[0] | p[1] << 8);
}

/* The next record: its opcode and how many bytes follow. */
plim_status plim_mcap_head(plim_packed_stream *stream, uint8_t *opcode, uint64_t *bytes,
                           plim_error *err);

/* A text with its length in front, cut to @room; *left falls by all of it. */
plim_status plim_mcap_text(plim_packed_stream *stream, uint64_t *left, char *out, size_t room,
                           plim_error *err);

/* A schema or channel record of @bytes, its head taken already; the same one again is passed over.
 */
plim_status plim_mcap_define(plim_mcap_work *w, plim_packed_stream *stream, uint8_t opcode,
                             uint64_t bytes, plim_error *err);

/* The channel of that id; one that was never defined gets a topic of its own. */
plim_status plim_mcap_channel_at(plim_mcap_work *w, uint16_t id, uint32_t *out, plim_error *err);

/* A message record of @bytes, its head taken already. Pictures are looked at. */
plim_status plim_mcap_message(plim_mcap_work *w, plim_packed_stream *stream, uint64_t bytes,
                              plim_error *err);

/* The head of the chunk record at @at, which has @bytes after its own head. A chunk that the
 * file's end cuts is as long as it is. */
plim_status plim_mcap_chunk_head(plim_mcap_work *w, uint64_t at, uint64_t bytes,
                                 plim_mcap_records *out, plim_error *err);

/* What was counted since the last time goes from the chunk's figures to the channels'. */
void plim_mcap_commit(plim_mcap_work *w, const plim_mcap_records *chunk);

/* Count a chunk by reading it. Damage ends it early: a warning, not an error. */
plim_status plim_mcap_chunk_scan(plim_mcap_work *w, const plim_mcap_records *chunk,
                                 plim_error *err);

/* Count a chunk by the message indexes at [at, end), or by reading it when they do not tell. */
plim_status plim_mcap_chunk_index(plim_mcap_work *w, const plim_mcap_records *chunk, uint64_t at,
                                  uint64_t end, uint64_t channel_count, plim_error *err);

/* Look at the first and last picture of each channel that was counted by index. */
plim_status plim_mcap_look(plim_mcap_work *w, plim_error *err);

bool plim_mcap_is_picture(const plim_mcap_work *w, uint32_t channel);

#endif
