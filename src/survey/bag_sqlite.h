/* SPDX-License-Identifier: Apache-2.0 */
/* bag_sqlite.h - messages and bytes of each topic in a rosbag2 database. */
#ifndef SURVEY_BAG_SQLITE_H
#define SURVEY_BAG_SQLITE_H

#include "src/survey/bag.h"

#define PLIM_BAG_DATABASE_TOPICS 512u

typedef struct plim_bag_database_topic {
    int64_t id;
    uint32_t topic; /* in the bag */
    uint64_t message_count, payload_bytes;
    int64_t first_row, last_row;
} plim_bag_database_topic;

/* The caller's memory, in any state. */
typedef struct plim_bag_database {
    uint32_t topic_count;
    bool is_packed; /* set by the caller: each message is a zstd frame */
    plim_bag_database_topic topics[PLIM_BAG_DATABASE_TOPICS];
    char uri[4096];
    uint8_t head[PLIM_MESSAGE_HEAD_BYTES];
} plim_bag_database;

bool plim_bag_database_is(const uint8_t *head, size_t head_bytes);

/* plim_bag_database_read - add the messages of the database at @path (a file of @file_bytes) to
 * @bag. Opened immutable: no lock is taken, and no -shm or -wal file is made; what an existing
 * -wal file holds is not seen.
 * Cost:    the b-tree's leaves; pictures besides the first and last of a topic are not read.
 * Errors:  E_UNSUPPORTED  no libsqlite3 here.  E_FORMAT  damaged, or not a rosbag2 database: the
 *          bag is as before.  E_RANGE  more topics than there is room for. */
PLIM_MUST_USE plim_status plim_bag_database_read(plim_bag_database *work, const char *path,
                                                 uint64_t file_bytes, plim_bag *bag,
                                                 plim_error *err);

#endif
