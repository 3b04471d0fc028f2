/* SPDX-License-Identifier: Apache-2.0 */
/* bag.h - what a recording of messages holds, by topic, whatever container it lies in.
 *
 * MCAP and rosbag2 readers add messages here; the figures of one recording are the same for every
 * container, except for the bytes on disk.
 */
#ifndef SURVEY_BAG_H
#define SURVEY_BAG_H

#include "src/survey/image_message.h"
#include "src/survey/survey_reader.h"

#define PLIM_BAG_TOPICS_MAX 512u
#define PLIM_BAG_NO_TOPIC   UINT32_MAX

typedef struct plim_bag_topic {
    char name[128], type[96], encoding[16];
    plim_message_kind kind;
    uint64_t message_count;
    uint64_t payload_bytes; /* of the messages as written: measured */
    uint64_t disk_bytes;    /* of the file; in a compressed part their share: estimated */
    bool is_share;          /* some of disk_bytes is such a share */
    /* pictures; those in messages that were not looked at count as those that were */
    plim_image_size image; /* the largest that was seen */
    uint64_t image_count;  /* messages that were looked at */
    uint64_t image_pixels; /* of those that were looked at */
} plim_bag_topic;

typedef struct plim_bag {
    uint64_t file_bytes; /* of all files */
    uint64_t message_count;
    int64_t first_ns, last_ns; /* INT64_MAX and INT64_MIN when no message has a time */
    bool is_incomplete;        /* a file was cut or damaged; what is whole was counted */
    plim_survey *survey;       /* borrowed: where warnings go; NULL: nowhere */
    uint32_t topic_count;
    plim_bag_topic topics[PLIM_BAG_TOPICS_MAX];
} plim_bag;

void plim_bag_init(plim_bag *self, plim_survey *survey);

/* plim_bag_warn - a disagreement about @topic; plim_bag_damage - a part of @file that cannot be
 * read: the recording is incomplete. */
void plim_bag_warn(plim_bag *self, const char *code, const char *topic, const char *text);
void plim_bag_damage(plim_bag *self, const plim_file_bytes *file, uint64_t at, const char *what);

/* The topic of that name, made when there is none. A name, type or encoding that does not fit is
 * cut. Errors:  E_RANGE  more than PLIM_BAG_TOPICS_MAX. */
PLIM_MUST_USE plim_status plim_bag_topic_find(plim_bag *self, const char *name, const char *type,
                                              const char *encoding, uint32_t *out, plim_error *err);

/* plim_bag_look - the picture in one message, of which @head_bytes are at hand. */
void plim_bag_look(plim_bag *self, uint32_t topic, const uint8_t *head, size_t head_bytes,
                   uint64_t payload_bytes);

/* plim_bag_count - more of @topic; @is_share: its bytes are a share of what is packed together. A
 * sum that does not fit stays UINT64_MAX, which the survey refuses. */
void plim_bag_count(plim_bag *self, uint32_t topic, uint64_t message_count, uint64_t payload_bytes,
                    uint64_t disk_bytes, bool is_share);

void plim_bag_time(plim_bag *self, int64_t ns);

/* The topics as features of the survey's episode, their bytes taken from the container @name. */
PLIM_MUST_USE plim_status plim_bag_report(const plim_bag *self, plim_survey *survey,
                                          const char *name, plim_error *err);

/* file_bytes less the topics' disk bytes: magic, indexes, definitions, what is not used. */
uint64_t plim_bag_container_bytes(const plim_bag *self);

/* @part x @whole_stored / @whole, rounded down. */
uint64_t plim_bag_share(uint64_t part, uint64_t whole, uint64_t whole_stored);

#endif
