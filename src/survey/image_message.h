/* SPDX-License-Identifier: Apache-2.0 */
/* image_message.h - what a recorded message is, by the name of its type, and the size of the
 * picture in it, by its first bytes. */
#ifndef SURVEY_IMAGE_MESSAGE_H
#define SURVEY_IMAGE_MESSAGE_H

#include "src/survey/image_size.h"

typedef enum plim_message_kind {
    PLIM_MESSAGE_OTHER = 0,
    PLIM_MESSAGE_STATE,            /* joints, poses, forces, commands */
    PLIM_MESSAGE_RAW_IMAGE,        /* height x step bytes of pixels */
    PLIM_MESSAGE_COMPRESSED_IMAGE, /* a JPEG or PNG */
    PLIM_MESSAGE_VIDEO,            /* a frame of a video stream: its size is not looked for */
} plim_message_kind;

/* Enough of a message to find the size of its picture. */
#define PLIM_MESSAGE_HEAD_BYTES 16384u

/* plim_message_kind_of - of ROS 1 ("sensor_msgs/Image"), ROS 2 ("sensor_msgs/msg/Image") and
 * Foxglove ("foxglove.RawImage") names. */
plim_message_kind plim_message_kind_of(const char *type);

/* plim_message_image - the picture in a message of @kind, written as @encoding ("cdr", "ros1",
 * "protobuf", "json"), of which @head_bytes are at hand; @payload_bytes is the whole message.
 * Gives the picture, and how many bytes of pixels or of JPEG are inside. False: none found. */
bool plim_message_image(plim_message_kind kind, const char *type, const char *encoding,
                        const uint8_t *head, size_t head_bytes, uint64_t payload_bytes,
                        plim_image_size *out, uint64_t *image_bytes);

#endif
