/* SPDX-License-Identifier: Apache-2.0 */
/* mcap_record.c - single records: definitions and messages.
 *
 * Invariant: a record is taken whole, whatever of it is of use, so that the stream stands at the
 * next one; a length inside a record never passes the record's own.
 */
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/mcap_parts.h"

static plim_status refuse(const plim_mcap_work *w, plim_error *err, const char *field,
                          const char *wanted, const char *found)
{
    plim_error_set(err, PLIM_E_FORMAT, "mcap", field, wanted, found);
    plim_error_detail(err, "%s", w->file->path);
    return PLIM_E_FORMAT;
}

plim_status plim_mcap_head(plim_packed_stream *stream, uint8_t *opcode, uint64_t *bytes,
                           plim_error *err)
{
    uint8_t head[MCAP_HEAD_BYTES];
    PLIM_TRY(plim_packed_stream_take(stream, head, sizeof(head), err));
    *opcode = head[0];
    *bytes = plim_le64(head + 1);
    return PLIM_OK;
}

plim_status plim_mcap_text(plim_packed_stream *stream, uint64_t *left, char *out, size_t room,
                           plim_error *err)
{
    uint8_t word[4];
    out[0] = 0;
    if (*left < sizeof(word)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "text", "its length", "cut short");
    }
    PLIM_TRY(plim_packed_stream_take(stream, word, sizeof(word), err));
    uint64_t length = plim_le32(word);
    *left -= sizeof(word);
    if (length > *left) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "text", "inside its record", "longer");
    }
    size_t kept = length < room ? (size_t)length : room - 1;
    PLIM_TRY(plim_packed_stream_take(stream, out, kept, err));
    out[kept] = 0;
    PLIM_TRY(plim_packed_stream_take(stream, NULL, length - kept, err));
    *left -= length;
    return PLIM_OK;
}

static uint32_t find_schema(const plim_mcap_work *w, uint16_t id)
{
    uint32_t i = 0;
    while (i < w->schema_count && w->schemas[i].id != id) {
        i++;
    }
    return i < w->schema_count ? i : PLIM_MCAP_SCHEMAS_MAX;
}

static plim_status define_schema(plim_mcap_work *w, plim_packed_stream *stream, uint16_t id,
                                 uint64_t *left, uint64_t bytes, plim_error *err)
{
    if (find_schema(w, id) < PLIM_MCAP_SCHEMAS_MAX) {
        return PLIM_OK;
    }
    if (w->schema_count == PLIM_MCAP_SCHEMAS_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "mcap", "schemas", "at most 1024", "more");
    }
    plim_mcap_schema *schema = &w->schemas[w->schema_count];
    *schema = (plim_mcap_schema){.id = id, .definition_bytes = MCAP_HEAD_BYTES + bytes};
    PLIM_TRY(plim_mcap_text(stream, left, schema->name, sizeof(schema->name), err));
    w->schema_count++;
    return PLIM_OK;
}

static plim_status add_channel(plim_mcap_work *w, uint16_t id, const plim_mcap_channel *channel,
                               plim_error *err)
{
    if (w->channel_count == PLIM_MCAP_CHANNELS_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "mcap", "channels", "at most 1024", "more");
    }
    w->channels[w->channel_count++] = *channel;
    w->channel_of[id] = (uint16_t)w->channel_count;
    return PLIM_OK;
}

static plim_status define_channel(plim_mcap_work *w, plim_packed_stream *stream, uint16_t id,
                                  uint64_t *left, uint64_t bytes, plim_error *err)
{
    uint8_t word[2];
    char topic[128], encoding[16];
    plim_mcap_channel channel = {.definition_bytes = MCAP_HEAD_BYTES + bytes};
    if (w->channel_of[id]) {
        w->repeats = w->channels[w->channel_of[id] - 1].was_in_chunk ? 1 : w->repeats;
        return PLIM_OK;
    }
    if (*left < sizeof(word)) {
        return refuse(w, err, "channel", "a whole record", "cut short");
    }
    PLIM_TRY(plim_packed_stream_take(stream, word, sizeof(word), err));
    *left -= sizeof(word);
    PLIM_TRY(plim_mcap_text(stream, left, topic, sizeof(topic), err));
    PLIM_TRY(plim_mcap_text(stream, left, encoding, sizeof(encoding), err));
    channel.schema = find_schema(w, plim_le16(word));
    PLIM_TRY(plim_bag_topic_find(
        w->bag, topic,
        channel.schema < PLIM_MCAP_SCHEMAS_MAX ? w->schemas[channel.schema].name : "", encoding,
        &channel.topic, err));
    return add_channel(w, id, &channel, err);
}

plim_status plim_mcap_define(plim_mcap_work *w, plim_packed_stream *stream, uint8_t opcode,
                             uint64_t bytes, plim_error *err)
{
    uint8_t word[2];
    uint64_t left = bytes;
    if (bytes < sizeof(word)) {
        return refuse(w, err, opcode == MCAP_SCHEMA ? "schema" : "channel", "a whole record",
                      "cut short");
    }
    PLIM_TRY(plim_packed_stream_take(stream, word, sizeof(word), err));
    left -= sizeof(word);
    PLIM_TRY(opcode == MCAP_SCHEMA ? define_schema(w, stream, plim_le16(word), &left, bytes, err)
                                   : define_channel(w, stream, plim_le16(word), &left, bytes, err));
    return plim_packed_stream_take(stream, NULL, left, err);
}

plim_status plim_mcap_channel_at(plim_mcap_work *w, uint16_t id, uint32_t *out, plim_error *err)
{
    if (!w->channel_of[id]) {
        char name[32];
        plim_mcap_channel channel = {.schema = PLIM_MCAP_SCHEMAS_MAX};
        snprintf(name, sizeof(name), "channel %u", id);
        plim_bag_warn(w->bag, "channel-undefined", name, "messages of a channel defined nowhere");
        PLIM_TRY(plim_bag_topic_find(w->bag, name, "", "", &channel.topic, err));
        PLIM_TRY(add_channel(w, id, &channel, err));
    }
    *out = w->channel_of[id] - 1u;
    return PLIM_OK;
}

bool plim_mcap_is_picture(const plim_mcap_work *w, uint32_t channel)
{
    plim_message_kind kind = w->bag->topics[w->channels[channel].topic].kind;
    return kind == PLIM_MESSAGE_RAW_IMAGE || kind == PLIM_MESSAGE_COMPRESSED_IMAGE;
}

plim_status plim_mcap_message(plim_mcap_work *w, plim_packed_stream *stream, uint64_t bytes,
                              plim_error *err)
{
    uint8_t fields[MCAP_MESSAGE_BYTES];
    uint32_t channel;
    if (bytes < sizeof(fields)) {
        return refuse(w, err, "message", "at least 22 bytes", "fewer");
    }
    PLIM_TRY(plim_packed_stream_take(stream, fields, sizeof(fields), err));
    PLIM_TRY(plim_mcap_channel_at(w, plim_le16(fields), &channel, err));
    uint64_t payload = bytes - sizeof(fields), left = payload;
    size_t n = 0;
    if (plim_mcap_is_picture(w, channel)) {
        n = payload < sizeof(w->head) ? (size_t)payload : sizeof(w->head);
        PLIM_TRY(plim_packed_stream_take(stream, w->head, n, err));
        left -= n;
    }
    PLIM_TRY(plim_packed_stream_take(stream, NULL, left, err));
    if (n) { /* only of a message that is whole */
        plim_bag_look(w->bag, w->channels[channel].topic, w->head, n, payload);
    }
    w->channels[channel].chunk_count++;
    w->channels[channel].chunk_payload += payload;
    plim_bag_time(w->bag, (int64_t)plim_le64(fields + 6));
    return PLIM_OK;
}
