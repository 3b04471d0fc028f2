/* SPDX-License-Identifier: Apache-2.0 */
/* mcap.h - messages and bytes of each topic in an MCAP file, from its indexes where it has some. */
#ifndef SURVEY_MCAP_H
#define SURVEY_MCAP_H

#include "src/survey/bag.h"
#include "src/survey/packed_stream.h"

#define PLIM_MCAP_CHANNELS_MAX 1024u
#define PLIM_MCAP_SCHEMAS_MAX  1024u
#define PLIM_MCAP_ENTRIES_MAX  65536u /* messages of one chunk that are told apart by index */

/* The compressed part of a chunk. */
typedef struct plim_mcap_records {
    uint64_t at, end; /* in the file */
    uint64_t unpacked_bytes;
    plim_packing packing;
} plim_mcap_records;

/* Where a message lies that is looked at later. */
typedef struct plim_mcap_place {
    plim_mcap_records chunk;
    uint64_t offset; /* in the unpacked chunk */
} plim_mcap_place;

typedef struct plim_mcap_channel {
    uint32_t topic;  /* in the bag */
    uint32_t schema; /* index; PLIM_MCAP_SCHEMAS_MAX: none */
    uint64_t definition_bytes;
    uint64_t message_count, payload_bytes, disk_bytes;
    bool is_share;
    bool was_in_chunk;                   /* an earlier chunk has messages of it */
    uint64_t chunk_count, chunk_payload; /* of the chunk that is being read */
    uint64_t counted_in;                 /* the chunk whose definitions it was counted in last */
    plim_mcap_place first, last;         /* pictures only */
    uint64_t place_count;
} plim_mcap_channel;

typedef struct plim_mcap_schema {
    uint16_t id;
    uint64_t definition_bytes;
    uint64_t counted_in; /* the chunk whose definitions it was counted in last */
    bool was_in_chunk;
    char name[96];
} plim_mcap_schema;

/* The memory that reading takes: the caller's, in any state, some 1.5 MiB, of which a file of few
 * channels and small chunks touches 300 KiB. */
typedef struct plim_mcap_work {
    plim_bag *bag;
    const plim_file_bytes *file;
    bool is_exact; /* set by the caller: read the chunks even where indexes tell */
    uint32_t channel_count, schema_count;
    uint16_t channel_of[65536]; /* by id: index + 1 */
    plim_mcap_channel channels[PLIM_MCAP_CHANNELS_MAX];
    plim_mcap_schema schemas[PLIM_MCAP_SCHEMAS_MAX];
    uint64_t chunk_number;
    int repeats; /* does the writer define channels again in each chunk? -1: not known yet */
    uint64_t stated_messages; /* by the statistics record; UINT64_MAX: none */
    plim_packed_stream outer, inner;
    uint8_t head[PLIM_MESSAGE_HEAD_BYTES];
    uint64_t entries[PLIM_MCAP_ENTRIES_MAX]; /* offset << 16 | channel index */
} plim_mcap_work;

/* plim_mcap_read - add the messages of @file to @bag, and its size to the bag's files.
 *
 * A file that was cut, or parts that are damaged: bag->is_incomplete, a warning that says where,
 * and what is whole is counted.
 * Units:   payload bytes are the messages as written, without the 31 bytes around each.
 * Owns:    borrows all.
 * Cost:    the indexes, 16 bytes a message; chunks are unpacked when the indexes do not tell, and
 *          for the first and last message of each topic of pictures.
 * Errors:  E_FORMAT  not an MCAP file, or not one whole record in it; E_RANGE  more channels,
 *          schemas or topics than there is room for; E_IO; E_NOMEM from a decompressor. */
PLIM_MUST_USE plim_status plim_mcap_read(plim_mcap_work *work, const plim_file_bytes *file,
                                         plim_bag *bag, plim_error *err);

#endif
