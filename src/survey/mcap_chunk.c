/* SPDX-License-Identifier: Apache-2.0 */
/* mcap_chunk.c - the messages of one chunk, by its message indexes or by reading it.
 *
 * A message index lists where each message of a channel begins in the unpacked chunk. Sorted
 * together, the distance to the next offset is a record, unless a schema or channel record lies
 * between. Those are told from `first`, the smallest offset, and from what the summary says they
 * measure: writers put the definitions that a chunk needs either all in front of its first message,
 * or each in front of its channel's first message; they write a definition once a file or once a
 * chunk, which the first chunk that has to be read shows. Whatever fits none of these is read.
 *
 * Invariants: payloads of a chunk add up to no more than its unpacked bytes, so that the shares of
 * its stored bytes add up to no more than those; a chunk that claims more than RATIO_MAX times its
 * stored bytes is not unpacked.
 */
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/mcap_parts.h"

#define RATIO_MAX 4096u
#define NONE      UINT64_MAX

static bool is_sane(const plim_mcap_records *chunk)
{
    uint64_t stored = chunk->end - chunk->at;
    return chunk->packing == PLIM_PACKING_NONE || chunk->unpacked_bytes / RATIO_MAX <= stored + 16;
}

static plim_status damaged(plim_mcap_work *w, const plim_mcap_records *chunk)
{
    plim_bag_damage(w->bag, w->file, chunk->at, "chunk");
    return PLIM_OK;
}

void plim_mcap_commit(plim_mcap_work *w, const plim_mcap_records *chunk)
{
    uint64_t stored = chunk->end - chunk->at;
    for (uint32_t i = 0; i < w->channel_count; i++) {
        plim_mcap_channel *c = &w->channels[i];
        if (!c->chunk_count) {
            continue;
        }
        c->message_count += c->chunk_count;
        c->payload_bytes += c->chunk_payload;
        bool plain = chunk->packing == PLIM_PACKING_NONE;
        c->disk_bytes += plain ? c->chunk_payload
                               : plim_bag_share(c->chunk_payload, chunk->unpacked_bytes, stored);
        c->is_share = c->is_share || !plain;
        c->was_in_chunk = true;
        if (c->schema < w->schema_count) {
            w->schemas[c->schema].was_in_chunk = true;
        }
        c->chunk_count = c->chunk_payload = 0;
    }
    w->chunk_number++;
}

plim_status plim_mcap_chunk_head(plim_mcap_work *w, uint64_t at, uint64_t bytes,
                                 plim_mcap_records *out, plim_error *err)
{
    uint8_t fields[32], size[8];
    char name[12] = "";
    if (bytes < 40) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk", "at least 40 bytes", "fewer");
    }
    PLIM_TRY(plim_file_bytes_read(w->file, at, fields, sizeof(fields), err));
    uint64_t name_bytes = plim_le32(fields + 28), body = at + sizeof(fields) + name_bytes;
    if (name_bytes >= sizeof(name) || name_bytes > bytes - 40) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "compression", "lz4, zstd or none",
                              "a longer name");
    }
    PLIM_TRY(plim_file_bytes_read(w->file, at + sizeof(fields), name, (size_t)name_bytes, err));
    PLIM_TRY(plim_file_bytes_read(w->file, body, size, sizeof(size), err));
    uint64_t stored = plim_le64(size), room = w->file->size_bytes - body - sizeof(size);
    if (stored > bytes - 40 - name_bytes) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk", "records inside it", "more");
    }
    if (strcmp(name, "lz4") != 0 && strcmp(name, "zstd") != 0 && name[0]) {
        plim_error_set(err, PLIM_E_UNSUPPORTED, "mcap", "compression", "lz4, zstd or none", name);
        plim_error_detail(err, "%s", w->file->path);
        return PLIM_E_UNSUPPORTED;
    }
    out->packing = !name[0]         ? PLIM_PACKING_NONE
                   : name[0] == 'l' ? PLIM_PACKING_LZ4
                                    : PLIM_PACKING_ZSTD;
    out->at = body + sizeof(size);
    out->end = out->at + (stored < room ? stored : room);
    out->unpacked_bytes = plim_le64(fields + 16);
    return PLIM_OK;
}

static plim_status scan(plim_mcap_work *w, plim_error *err)
{
    uint8_t opcode;
    uint64_t bytes;
    for (bool is_end = false;;) {
        PLIM_TRY(plim_packed_stream_is_end(&w->inner, &is_end, err));
        if (is_end) {
            return PLIM_OK;
        }
        PLIM_TRY(plim_mcap_head(&w->inner, &opcode, &bytes, err));
        if (opcode == MCAP_MESSAGE) {
            PLIM_TRY(plim_mcap_message(w, &w->inner, bytes, err));
        } else if (opcode == MCAP_SCHEMA || opcode == MCAP_CHANNEL) {
            PLIM_TRY(plim_mcap_define(w, &w->inner, opcode, bytes, err));
        } else {
            PLIM_TRY(plim_packed_stream_take(&w->inner, NULL, bytes, err));
        }
    }
}

plim_status plim_mcap_chunk_scan(plim_mcap_work *w, const plim_mcap_records *chunk, plim_error *err)
{
    plim_mcap_records whole = *chunk;
    plim_error mine;
    if (!is_sane(chunk)) {
        return damaged(w, chunk);
    }
    whole.unpacked_bytes =
        chunk->packing == PLIM_PACKING_NONE ? chunk->end - chunk->at : chunk->unpacked_bytes;
    PLIM_TRY(plim_packed_stream_open(&w->inner, w->file, whole.at, whole.end, whole.packing,
                                     whole.unpacked_bytes, err));
    int repeats_before = w->repeats;
    plim_status status = scan(w, err ? err : &mine);
    plim_packed_stream_close(&w->inner);
    bool known = false;
    for (uint32_t i = 0; i < w->channel_count; i++) {
        known = known || (w->channels[i].was_in_chunk && w->channels[i].chunk_count);
    }
    w->repeats = repeats_before >= 0 ? repeats_before : w->repeats > 0 ? 1 : known ? 0 : -1;
    plim_mcap_commit(w, &whole);
    return status == PLIM_E_FORMAT ? damaged(w, chunk) : status;
}

/* ---- by index ---- */

static void sift(uint64_t *heap, size_t at, size_t count)
{
    for (size_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] > heap[child];
        if (heap[at] >= heap[child]) {
            return;
        }
        uint64_t keep = heap[at];
        heap[at] = heap[child];
        heap[child] = keep;
    }
}

static void sort(uint64_t *entries, size_t count)
{
    size_t i = 1;
    while (i < count && entries[i] > entries[i - 1]) {
        i++;
    }
    if (i >= count) {
        return; /* one channel: in order as written */
    }
    for (size_t k = count / 2; k-- > 0;) {
        sift(entries, k, count);
    }
    for (size_t k = count; k-- > 1;) {
        uint64_t keep = entries[0];
        entries[0] = entries[k];
        entries[k] = keep;
        sift(entries, 0, k);
    }
}

/* The message indexes into w->entries; their number, or NONE when they cannot be used. */
static plim_status gather(plim_mcap_work *w, uint64_t at, uint64_t end, uint64_t channel_count,
                          uint64_t *out, plim_error *err)
{
    uint64_t count = 0, bytes, records = 0;
    uint8_t opcode, fields[6], entry[16];
    bool is_end = false;
    *out = NONE;
    PLIM_TRY(plim_packed_stream_open(&w->inner, w->file, at, end, PLIM_PACKING_NONE, 0, err));
    for (;;) {
        uint32_t channel;
        PLIM_TRY(plim_packed_stream_is_end(&w->inner, &is_end, err));
        if (is_end) {
            break;
        }
        PLIM_TRY(plim_mcap_head(&w->inner, &opcode, &bytes, err));
        if (opcode != MCAP_MESSAGE_INDEX || bytes < sizeof(fields)) {
            return PLIM_OK;
        }
        PLIM_TRY(plim_packed_stream_take(&w->inner, fields, sizeof(fields), err));
        uint64_t left = bytes - sizeof(fields), entries = plim_le32(fields + 2);
        if (entries > left || entries % sizeof(entry) != 0 ||
            entries / sizeof(entry) > PLIM_MCAP_ENTRIES_MAX - count) {
            return PLIM_OK;
        }
        if (!w->channel_of[plim_le16(fields)]) {
            return PLIM_OK; /* defined in the chunk only: some summaries leave channels out */
        }
        PLIM_TRY(plim_mcap_channel_at(w, plim_le16(fields), &channel, err));
        for (; entries; entries -= sizeof(entry), left -= sizeof(entry)) {
            PLIM_TRY(plim_packed_stream_take(&w->inner, entry, sizeof(entry), err));
            uint64_t offset = plim_le64(entry + 8);
            if (offset >> 47) {
                return PLIM_OK;
            }
            w->entries[count++] = offset << 16 | channel;
        }
        PLIM_TRY(plim_packed_stream_take(&w->inner, NULL, left, err));
        records++;
    }
    *out = records == channel_count ? count : NONE;
    return PLIM_OK;
}

/* Bytes of a channel's definition that this chunk holds, the schema with the first that needs it.
 */
static uint64_t definition(plim_mcap_work *w, const plim_mcap_channel *c)
{
    uint64_t bytes = c->definition_bytes;
    if (c->schema < w->schema_count) {
        plim_mcap_schema *schema = &w->schemas[c->schema];
        if (schema->counted_in != w->chunk_number && (w->repeats > 0 || !schema->was_in_chunk)) {
            schema->counted_in = w->chunk_number;
            bytes += schema->definition_bytes;
        }
    }
    return bytes;
}

static void forget_definitions(plim_mcap_work *w)
{
    for (uint32_t i = 0; i < w->schema_count; i++) {
        w->schemas[i].counted_in = NONE;
    }
}

static bool is_defined_here(const plim_mcap_work *w, const plim_mcap_channel *c)
{
    return w->repeats > 0 || !c->was_in_chunk;
}

typedef enum between { NOTHING_BETWEEN, EACH_BEFORE_ITS_FIRST, NOT_TOLD } between;

/* What lies between the messages of w->entries, sorted; each channel's chunk_count is set. */
static between definitions_between(plim_mcap_work *w)
{
    uint64_t first = w->entries[0] >> 16, whole_file = 0, here = 0;
    bool any_known = false, any_new = false;
    forget_definitions(w);
    for (uint32_t i = 0; i < w->channel_count; i++) {
        plim_mcap_channel *c = &w->channels[i];
        whole_file += c->definition_bytes;
        if (c->chunk_count) {
            any_known = any_known || c->was_in_chunk;
            any_new = any_new || !c->was_in_chunk;
            here += is_defined_here(w, c) ? definition(w, c) : 0;
        }
    }
    for (uint32_t i = 0; i < w->schema_count; i++) {
        whole_file += w->schemas[i].definition_bytes;
    }
    if (first == 0) {
        return any_new ? NOT_TOLD : NOTHING_BETWEEN;
    }
    if (any_known && w->repeats < 0) {
        return NOT_TOLD;
    }
    if (first == here || first == whole_file) {
        return NOTHING_BETWEEN;
    }
    plim_mcap_channel *c = &w->channels[w->entries[0] & 0xFFFF];
    forget_definitions(w);
    return is_defined_here(w, c) && first == definition(w, c) ? EACH_BEFORE_ITS_FIRST : NOT_TOLD;
}

static void remember_place(plim_mcap_work *w, const plim_mcap_records *chunk, uint64_t entry)
{
    plim_mcap_channel *c = &w->channels[entry & 0xFFFF];
    plim_mcap_place place = {.chunk = *chunk, .offset = entry >> 16};
    c->first = c->place_count++ ? c->first : place;
    c->last = place;
}

static void clear_chunk(plim_mcap_work *w)
{
    for (uint32_t i = 0; i < w->channel_count; i++) {
        w->channels[i].chunk_count = w->channels[i].chunk_payload = 0;
    }
}

/* Payloads from the distances of w->entries. False: they make no sense. */
static bool measure(plim_mcap_work *w, const plim_mcap_records *chunk, size_t count, between how)
{
    forget_definitions(w);
    for (size_t i = 0; i < count; i++) {
        uint64_t offset = w->entries[i] >> 16, until = chunk->unpacked_bytes;
        uint64_t overhead = MCAP_HEAD_BYTES + MCAP_MESSAGE_BYTES;
        plim_mcap_channel *c = &w->channels[w->entries[i] & 0xFFFF];
        if (i == 0) { /* what is in front of all messages is in nobody's distance */
            definition(w, c);
            c->counted_in = w->chunk_number;
        }
        if (i + 1 < count) {
            until = w->entries[i + 1] >> 16;
            plim_mcap_channel *next = &w->channels[w->entries[i + 1] & 0xFFFF];
            if (how == EACH_BEFORE_ITS_FIRST && next->counted_in != w->chunk_number &&
                is_defined_here(w, next)) {
                overhead += definition(w, next);
                next->counted_in = w->chunk_number;
            }
        }
        if (until <= offset || until - offset < overhead) {
            return false;
        }
        c->chunk_payload += until - offset - overhead;
    }
    return true;
}

static bool count_by_index(plim_mcap_work *w, const plim_mcap_records *chunk, size_t count)
{
    sort(w->entries, count);
    for (size_t i = 0; i < count; i++) {
        w->channels[w->entries[i] & 0xFFFF].chunk_count++;
    }
    between how = definitions_between(w);
    if (how == NOT_TOLD || !measure(w, chunk, count, how)) {
        clear_chunk(w);
        return false;
    }
    for (size_t i = 0; i < count; i++) {
        if (plim_mcap_is_picture(w, w->entries[i] & 0xFFFF)) {
            remember_place(w, chunk, w->entries[i]);
        }
    }
    plim_mcap_commit(w, chunk);
    return true;
}

plim_status plim_mcap_chunk_index(plim_mcap_work *w, const plim_mcap_records *chunk, uint64_t at,
                                  uint64_t end, uint64_t channel_count, plim_error *err)
{
    uint64_t count = NONE;
    plim_error mine;
    if (chunk->packing == PLIM_PACKING_NONE || w->is_exact || !is_sane(chunk) || at == end) {
        return plim_mcap_chunk_scan(w, chunk, err); /* plain: record heads tell as much */
    }
    plim_status status = gather(w, at, end, channel_count, &count, err ? err : &mine);
    if (status != PLIM_OK && status != PLIM_E_FORMAT) {
        return status;
    }
    bool done =
        status == PLIM_OK && count != NONE && count && count_by_index(w, chunk, (size_t)count);
    return done ? PLIM_OK : plim_mcap_chunk_scan(w, chunk, err);
}

/* ---- pictures ---- */

static plim_status look_at(plim_mcap_work *w, uint32_t channel, const plim_mcap_place *place,
                           plim_error *err)
{
    uint8_t opcode, fields[MCAP_MESSAGE_BYTES];
    uint64_t bytes;
    PLIM_TRY(plim_packed_stream_take(&w->inner, NULL, place->offset, err));
    PLIM_TRY(plim_mcap_head(&w->inner, &opcode, &bytes, err));
    if (opcode != MCAP_MESSAGE || bytes < sizeof(fields)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "message index", "a message", "none");
    }
    PLIM_TRY(plim_packed_stream_take(&w->inner, fields, sizeof(fields), err));
    bytes -= sizeof(fields);
    size_t n = bytes < sizeof(w->head) ? (size_t)bytes : sizeof(w->head);
    PLIM_TRY(plim_packed_stream_take(&w->inner, w->head, n, err));
    plim_bag_look(w->bag, w->channels[channel].topic, w->head, n, bytes);
    return PLIM_OK;
}

plim_status plim_mcap_look(plim_mcap_work *w, plim_error *err)
{
    for (uint32_t i = 0; i < w->channel_count; i++) {
        const plim_mcap_channel *c = &w->channels[i];
        for (uint64_t k = 0; k < 2 && k < c->place_count; k++) {
            const plim_mcap_place *place = k ? &c->last : &c->first;
            plim_error mine;
            plim_status status = plim_packed_stream_open(
                &w->inner, w->file, place->chunk.at, place->chunk.end, place->chunk.packing,
                place->chunk.unpacked_bytes, err ? err : &mine);
            status = status == PLIM_OK ? look_at(w, i, place, err ? err : &mine) : status;
            plim_packed_stream_close(&w->inner);
            if (status == PLIM_E_FORMAT) {
                PLIM_TRY(damaged(w, &place->chunk));
            } else if (status != PLIM_OK) {
                return status;
            }
        }
    }
    return PLIM_OK;
}
