/* SPDX-License-Identifier: Apache-2.0 */
/* mcap.c - which way through an MCAP file: by its summary, or by all of its records.
 *
 * Decides between the two. The summary is believed when its chunk indexes rise, lie inside the file
 * and lead to as many messages as the statistics state; everything else (no summary, no end, no
 * chunks, indexes that lie) is read record by record from the front, up to the last whole one.
 * Invariant: chunks that are counted do not overlap, so that disk bytes never exceed the file.
 * Source: the MCAP specification, mcap.dev/spec.
 */
#include "src/survey/mcap.h"

#include <string.h>

#include "arena/bytes.h"
#include "src/survey/mcap_parts.h"

static const uint8_t MAGIC[8] = {0x89, 'M', 'C', 'A', 'P', '0', '\r', '\n'};

#define FOOTER_BYTES 29u /* opcode, length and 20 bytes */

/* ---- through all records ---- */

static plim_status scan_chunk(plim_mcap_work *w, uint64_t at, uint64_t bytes, plim_error *err)
{
    plim_mcap_records chunk;
    plim_error mine;
    plim_status status = plim_mcap_chunk_head(w, at, bytes, &chunk, err ? err : &mine);
    return status == PLIM_OK ? plim_mcap_chunk_scan(w, &chunk, err) : status;
}

/* Messages outside of chunks, counted since the last chunk. */
static void commit_plain(plim_mcap_work *w)
{
    plim_mcap_records plain = {.packing = PLIM_PACKING_NONE};
    plim_mcap_commit(w, &plain);
}

static plim_status scan_record(plim_mcap_work *w, bool *is_over, plim_error *err)
{
    plim_packed_stream *s = &w->outer;
    uint8_t opcode;
    uint64_t bytes;
    PLIM_TRY(plim_mcap_head(s, &opcode, &bytes, err));
    switch (opcode) {
    case MCAP_DATA_END:
    case MCAP_FOOTER:
        *is_over = true;
        return PLIM_OK;
    case MCAP_MESSAGE:
        return plim_mcap_message(w, s, bytes, err);
    case MCAP_SCHEMA:
    case MCAP_CHANNEL:
        return plim_mcap_define(w, s, opcode, bytes, err);
    case MCAP_CHUNK:
        commit_plain(w);
        PLIM_TRY(scan_chunk(w, s->at - (s->in_count - s->in_at), bytes, err));
        return plim_packed_stream_take(s, NULL, bytes, err);
    default:
        return plim_packed_stream_take(s, NULL, bytes, err);
    }
}

static plim_status scan_file(plim_mcap_work *w, plim_error *err)
{
    plim_status status;
    bool is_over = false;
    plim_error mine;
    PLIM_TRY(plim_packed_stream_open(&w->outer, w->file, sizeof(MAGIC), w->file->size_bytes,
                                     PLIM_PACKING_NONE, 0, err));
    do {
        status = scan_record(w, &is_over, err ? err : &mine);
    } while (status == PLIM_OK && !is_over);
    commit_plain(w);
    if (status == PLIM_E_FORMAT && w->channel_count) {
        plim_bag_damage(w->bag, w->file, w->outer.at, "records");
        return PLIM_OK;
    }
    return status;
}

/* ---- by the summary ---- */

typedef struct chunk_index {
    uint64_t at, bytes; /* the chunk's record */
    uint64_t index_bytes, channel_count;
} chunk_index;

/* The fields of a chunk index record, the rest of it passed over. */
static plim_status take_chunk_index(plim_mcap_work *w, uint64_t bytes, chunk_index *out,
                                    plim_error *err)
{
    uint8_t fields[36], word[8];
    if (bytes < sizeof(fields) + sizeof(word)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk index", "64 bytes", "fewer");
    }
    PLIM_TRY(plim_packed_stream_take(&w->outer, fields, sizeof(fields), err));
    uint64_t map = plim_le32(fields + 32), left = bytes - sizeof(fields);
    if (map > left - sizeof(word)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk index", "a map inside it", "more");
    }
    PLIM_TRY(plim_packed_stream_take(&w->outer, NULL, map, err));
    PLIM_TRY(plim_packed_stream_take(&w->outer, word, sizeof(word), err));
    *out = (chunk_index){.at = plim_le64(fields + 16),
                         .bytes = plim_le64(fields + 24),
                         .index_bytes = plim_le64(word),
                         .channel_count = map / 10};
    plim_bag_time(w->bag, (int64_t)plim_le64(fields));
    plim_bag_time(w->bag, (int64_t)plim_le64(fields + 8));
    return plim_packed_stream_take(&w->outer, NULL, left - map - sizeof(word), err);
}

static plim_status take_statistics(plim_mcap_work *w, uint64_t bytes, plim_error *err)
{
    uint8_t word[8];
    if (bytes < sizeof(word)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "statistics", "46 bytes", "fewer");
    }
    PLIM_TRY(plim_packed_stream_take(&w->outer, word, sizeof(word), err));
    w->stated_messages = plim_le64(word);
    return plim_packed_stream_take(&w->outer, NULL, bytes - sizeof(word), err);
}

typedef plim_status (*on_chunk)(plim_mcap_work *w, const chunk_index *index, void *context,
                                plim_error *err);

/* Walk the summary: definitions and statistics always, each chunk index to @visit. */
static plim_status walk_summary(plim_mcap_work *w, uint64_t at, on_chunk visit, void *context,
                                plim_error *err)
{
    uint8_t opcode;
    uint64_t bytes, end = w->file->size_bytes - sizeof(MAGIC);
    PLIM_TRY(plim_packed_stream_open(&w->outer, w->file, at, end, PLIM_PACKING_NONE, 0, err));
    for (;;) {
        PLIM_TRY(plim_mcap_head(&w->outer, &opcode, &bytes, err));
        if (opcode == MCAP_FOOTER) {
            return PLIM_OK;
        }
        if (opcode == MCAP_SCHEMA || opcode == MCAP_CHANNEL) {
            PLIM_TRY(plim_mcap_define(w, &w->outer, opcode, bytes, err));
        } else if (opcode == MCAP_STATISTICS) {
            PLIM_TRY(take_statistics(w, bytes, err));
        } else if (opcode == MCAP_CHUNK_INDEX) {
            chunk_index index;
            PLIM_TRY(take_chunk_index(w, bytes, &index, err));
            PLIM_TRY(visit(w, &index, context, err));
        } else {
            PLIM_TRY(plim_packed_stream_take(&w->outer, NULL, bytes, err));
        }
    }
}

typedef struct plausibility {
    uint64_t until;    /* end of the chunk before */
    uint64_t messages; /* that the message indexes have room for */
    uint64_t without;  /* chunks that have no message index */
} plausibility;

static plim_status check_chunk(plim_mcap_work *w, const chunk_index *index, void *context,
                               plim_error *err)
{
    plausibility *p = context;
    uint64_t end, heads = index->channel_count * (MCAP_HEAD_BYTES + 6);
    if (index->at < p->until || !bytes_add(index->at, index->bytes, &end) ||
        !bytes_add(end, index->index_bytes, &end) || end > w->file->size_bytes) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk index", "chunks in order", NULL);
    }
    p->until = end;
    p->without += index->index_bytes <= heads;
    p->messages += index->index_bytes > heads ? (index->index_bytes - heads) / 16 : 0;
    return PLIM_OK;
}

static plim_status count_chunk(plim_mcap_work *w, const chunk_index *index, void *context,
                               plim_error *err)
{
    plim_mcap_records chunk;
    uint8_t head[MCAP_HEAD_BYTES];
    (void)context;
    PLIM_TRY(plim_file_bytes_read(w->file, index->at, head, sizeof(head), err));
    if (head[0] != MCAP_CHUNK || plim_le64(head + 1) != index->bytes - sizeof(head)) {
        return plim_error_set(err, PLIM_E_FORMAT, "mcap", "chunk index", "a chunk", "none");
    }
    PLIM_TRY(plim_mcap_chunk_head(w, index->at + sizeof(head), index->bytes - sizeof(head), &chunk,
                                  err));
    uint64_t at = index->at + index->bytes;
    return plim_mcap_chunk_index(w, &chunk, at, at + index->index_bytes, index->channel_count, err);
}

/* Where the summary begins; 0 when the file has none that can be used. */
static plim_status find_summary(const plim_file_bytes *file, uint64_t *at, bool *has_end,
                                plim_error *err)
{
    uint8_t tail[FOOTER_BYTES + sizeof(MAGIC)];
    *at = 0;
    if (file->size_bytes < sizeof(MAGIC) + sizeof(tail)) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_file_bytes_read(file, file->size_bytes - sizeof(tail), tail, sizeof(tail), err));
    *has_end = memcmp(tail + FOOTER_BYTES, MAGIC, sizeof(MAGIC)) == 0;
    if (*has_end && tail[0] == MCAP_FOOTER && plim_le64(tail + 1) == 20) {
        uint64_t start = plim_le64(tail + MCAP_HEAD_BYTES);
        *at = start >= sizeof(MAGIC) && start < file->size_bytes - sizeof(tail) ? start : 0;
    }
    return PLIM_OK;
}

static void forget(plim_mcap_work *w)
{
    w->channel_count = w->schema_count = 0;
    w->chunk_number = 1; /* 0 is what a new channel was counted in */
    w->repeats = -1;
    w->stated_messages = UINT64_MAX;
    memset(w->channel_of, 0, sizeof(w->channel_of));
}

/* Is the summary there, and does it lead to every message that it states? */
static plim_status try_summary(plim_mcap_work *w, uint64_t summary, bool *is_good, plim_error *err)
{
    plausibility p = {.until = sizeof(MAGIC)};
    *is_good = false;
    if (!summary) {
        return PLIM_OK;
    }
    plim_status status = walk_summary(w, summary, check_chunk, &p, err);
    *is_good = status == PLIM_OK && p.until > sizeof(MAGIC) &&
               (p.without || w->stated_messages == UINT64_MAX || w->stated_messages == p.messages);
    return status == PLIM_E_FORMAT ? PLIM_OK : status;
}

/* The channels' figures go to the bag; only now, so that a way that failed leaves no trace. */
static plim_status finish(plim_mcap_work *w, plim_error *err)
{
    plim_bag *bag = w->bag;
    uint64_t counted = 0;
    PLIM_TRY(plim_mcap_look(w, err));
    for (uint32_t i = 0; i < w->channel_count; i++) {
        const plim_mcap_channel *c = &w->channels[i];
        counted += c->message_count;
        plim_bag_count(bag, c->topic, c->message_count, c->payload_bytes, c->disk_bytes,
                       c->is_share);
    }
    bag->file_bytes += w->file->size_bytes;
    if (w->stated_messages != UINT64_MAX && w->stated_messages != counted) {
        plim_bag_warn(bag, "statistics-differ", "", "the statistics state another message count");
    }
    return PLIM_OK;
}

plim_status plim_mcap_read(plim_mcap_work *work, const plim_file_bytes *file, plim_bag *bag,
                           plim_error *err)
{
    uint8_t magic[sizeof(MAGIC)] = {0};
    uint64_t summary = 0;
    bool by_summary = false, has_end = false;
    plim_error mine;
    err = err ? err : &mine;
    work->bag = bag;
    work->file = file;
    PLIM_TRY(plim_file_bytes_read(file, 0, magic, sizeof(magic), err));
    if (memcmp(magic, MAGIC, sizeof(MAGIC)) != 0) {
        plim_error_set(err, PLIM_E_FORMAT, "mcap", "magic", "an MCAP file", "another");
        plim_error_detail(err, "%s", file->path);
        return PLIM_E_FORMAT;
    }
    forget(work);
    PLIM_TRY(find_summary(file, &summary, &has_end, err));
    PLIM_TRY(try_summary(work, summary, &by_summary, err));
    if (by_summary) {
        plim_status status = walk_summary(work, summary, count_chunk, NULL, err);
        if (status == PLIM_OK) {
            return finish(work, err);
        }
        if (status != PLIM_E_FORMAT) {
            return status;
        }
    }
    uint64_t stated = work->stated_messages;
    forget(work);
    PLIM_TRY(scan_file(work, err));
    if (!has_end && !bag->is_incomplete) { /* every message may be there; nothing says so */
        plim_bag_damage(bag, file, file->size_bytes, "end of the file");
    }
    work->stated_messages = stated;
    return finish(work, err);
}
