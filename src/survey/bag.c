/* SPDX-License-Identifier: Apache-2.0 */
/* bag.c - one table of topics for every container of messages.
 *
 * Invariant: the disk bytes of all topics are at most the bytes of the files, so that what is left
 * is the container's own. Shares of compressed parts are rounded down for that.
 */
#include "src/survey/bag.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"

__extension__ typedef unsigned __int128 wide;

void plim_bag_init(plim_bag *self, plim_survey *survey)
{
    self->file_bytes = self->message_count = 0;
    self->first_ns = INT64_MAX;
    self->last_ns = INT64_MIN;
    self->is_incomplete = false;
    self->survey = survey;
    self->topic_count = 0; /* the rows are cleared as they are made: most are never touched */
}

void plim_bag_warn(plim_bag *self, const char *code, const char *topic, const char *text)
{
    if (self->survey) {
        plim_survey_warn(self->survey, code, topic, 0, "%s: %s", topic, text);
    }
}

void plim_bag_damage(plim_bag *self, const plim_file_bytes *file, uint64_t at, const char *what)
{
    plim_error error = {.status = PLIM_E_FORMAT, .what = what};
    self->is_incomplete = true;
    snprintf(error.field, sizeof(error.field), "near byte %" PRIu64, at);
    snprintf(error.detail, sizeof(error.detail), "%s", file->path);
    if (self->survey) {
        plim_survey_lost(self->survey, "", &error);
    }
}

/* Printed later: what is not printable ASCII or UTF-8's upper half becomes '?'. */
static void keep_text(char *out, size_t room, const char *text)
{
    snprintf(out, room, "%s", text);
    for (char *p = out; *p; p++) {
        *p = (unsigned char)*p < ' ' || *p == 127 ? '?' : *p;
    }
}

plim_status plim_bag_topic_find(plim_bag *self, const char *name, const char *type,
                                const char *encoding, uint32_t *out, plim_error *err)
{
    char kept[sizeof(self->topics[0].name)];
    keep_text(kept, sizeof(kept), name);
    for (uint32_t i = 0; i < self->topic_count; i++) {
        if (strcmp(self->topics[i].name, kept) == 0) {
            *out = i;
            return PLIM_OK;
        }
    }
    if (self->topic_count == PLIM_BAG_TOPICS_MAX) {
        return plim_error_set(err, PLIM_E_RANGE, "recording", "topics", "at most 512", "more");
    }
    plim_bag_topic *topic = &self->topics[self->topic_count];
    *topic = (plim_bag_topic){.kind = plim_message_kind_of(type)};
    memcpy(topic->name, kept, sizeof(kept));
    keep_text(topic->type, sizeof(topic->type), type);
    keep_text(topic->encoding, sizeof(topic->encoding), encoding);
    *out = self->topic_count++;
    return PLIM_OK;
}

static uint64_t capped_sum(uint64_t a, uint64_t b)
{
    uint64_t sum;
    return bytes_add(a, b, &sum) ? sum : UINT64_MAX; /* which the survey refuses by name */
}

void plim_bag_look(plim_bag *self, uint32_t topic, const uint8_t *head, size_t head_bytes,
                   uint64_t payload_bytes)
{
    plim_bag_topic *t = &self->topics[topic];
    plim_image_size size;
    uint64_t encoded = 0;
    if (!plim_message_image(t->kind, t->type, t->encoding, head, head_bytes, payload_bytes, &size,
                            &encoded)) {
        if (t->kind == PLIM_MESSAGE_RAW_IMAGE || t->kind == PLIM_MESSAGE_COMPRESSED_IMAGE) {
            plim_bag_warn(self, "picture-unread", t->name, "a message without a readable picture");
        }
        return;
    }
    if (t->image_count && (size.width != t->image.width || size.height != t->image.height)) {
        plim_bag_warn(self, "picture-sizes", t->name, "pictures of several sizes");
    }
    if (plim_image_decoded_bytes(&size) >= plim_image_decoded_bytes(&t->image)) {
        t->image = size;
    }
    t->image_count++;
    t->image_pixels = capped_sum(t->image_pixels, (uint64_t)size.width * size.height);
}

void plim_bag_count(plim_bag *self, uint32_t topic, uint64_t message_count, uint64_t payload_bytes,
                    uint64_t disk_bytes, bool is_share)
{
    plim_bag_topic *t = &self->topics[topic];
    t->message_count = capped_sum(t->message_count, message_count);
    t->payload_bytes = capped_sum(t->payload_bytes, payload_bytes);
    t->disk_bytes = capped_sum(t->disk_bytes, disk_bytes);
    t->is_share = t->is_share || is_share;
    self->message_count = capped_sum(self->message_count, message_count);
}

void plim_bag_time(plim_bag *self, int64_t ns)
{
    self->first_ns = ns < self->first_ns ? ns : self->first_ns;
    self->last_ns = ns > self->last_ns ? ns : self->last_ns;
}

uint64_t plim_bag_container_bytes(const plim_bag *self)
{
    uint64_t used = 0;
    for (uint32_t i = 0; i < self->topic_count; i++) {
        if (!bytes_add(used, self->topics[i].disk_bytes, &used)) {
            return 0;
        }
    }
    return used < self->file_bytes ? self->file_bytes - used : 0;
}

uint64_t plim_bag_share(uint64_t part, uint64_t whole, uint64_t whole_stored)
{
    return whole ? (uint64_t)((wide)(part < whole ? part : whole) * whole_stored / whole) : 0;
}

static plim_feature_group group_of(plim_message_kind kind)
{
    switch (kind) {
    case PLIM_MESSAGE_OTHER:
        return PLIM_FEATURE_OTHER;
    case PLIM_MESSAGE_STATE:
        return PLIM_FEATURE_STATE_ACTION;
    default:
        return PLIM_FEATURE_VIDEO;
    }
}

static bool report_pictures(const plim_bag_topic *t, plim_survey_feature *f)
{
    const plim_image_size *size = &t->image;
    uint32_t bits = size->channels * size->channel_bytes * 8;
    bool is_raw = t->kind == PLIM_MESSAGE_RAW_IMAGE;
    snprintf(f->dtype, sizeof(f->dtype),
             size->channel_bytes == 1   ? "uint8"
             : size->channel_bytes == 2 ? "uint16"
                                        : "float32");
    snprintf(f->codec, sizeof(f->codec), "%s", is_raw ? "raw" : size->codec);
    if (!plim_survey_pictures(f, size->width, size->height, size->channels, bits,
                              t->message_count)) {
        return false;
    }
    uint64_t one = (uint64_t)size->width * size->height;
    if (t->image_pixels != one * t->image_count) { /* of several sizes */
        wide all = (wide)t->image_pixels * t->message_count / t->image_count;
        f->pixels = all > UINT64_MAX >> 8 ? UINT64_MAX >> 8 : (uint64_t)all;
        f->memory_bytes = plim_survey_memory(f, PLIM_PIXELS_RGB24, f->frames);
    }
    return true;
}

static plim_status report_topic(const plim_bag_topic *t, plim_survey *survey, plim_error *err)
{
    plim_survey_feature *f;
    PLIM_TRY(plim_survey_add(survey, t->name, group_of(t->kind), &f, err));
    snprintf(f->codec, sizeof(f->codec), "%s", t->encoding);
    f->frames = f->frames_in_file = t->message_count;
    f->disk_bytes = t->disk_bytes;
    f->memory_bytes = t->payload_bytes;
    f->has_data = t->message_count > 0;
    if (t->image_count && t->message_count && !report_pictures(t, f)) {
        return plim_error_set(err, PLIM_E_RANGE, "recording", "pictures", "a size", "too large");
    }
    bool is_sampled = t->image_count && t->image_count < t->message_count;
    f->known = is_sampled    ? PLIM_FIGURE_SAMPLED
               : t->is_share ? PLIM_FIGURE_ESTIMATED
                             : PLIM_FIGURE_MEASURED;
    if (f->group == PLIM_FEATURE_VIDEO && !t->image_count && t->message_count) {
        f->known = PLIM_FIGURE_ESTIMATED; /* held as it is written: nothing says its size */
        plim_survey_warn(survey, "picture-size-unknown", t->name, t->payload_bytes,
                         "%s: %s has no size that is read; counted as it is stored", t->name,
                         t->type);
    }
    return PLIM_OK;
}

plim_status plim_bag_report(const plim_bag *self, plim_survey *survey, const char *name,
                            plim_error *err)
{
    for (uint32_t i = 0; i < self->topic_count; i++) {
        PLIM_TRY(report_topic(&self->topics[i], survey, err));
    }
    if (self->last_ns > self->first_ns) {
        survey->episode.seconds = (double)(self->last_ns - self->first_ns) / 1e9;
    }
    survey->episode.is_complete = survey->episode.is_complete && !self->is_incomplete;
    plim_survey_contain(survey, name, plim_bag_container_bytes(self));
    return PLIM_OK;
}
