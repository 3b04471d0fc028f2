/* SPDX-License-Identifier: Apache-2.0 */
/* image_message.c - four ways of writing an image message, read as far as its size.
 *
 * Decides the kind of a message by the last word of its type's name within a known package, and
 * reads fields in order: CDR (OMG DDS-XTypes 7.4.1, XCDR1: alignment counted after the 4-byte
 * encapsulation), ROS 1 (no alignment, a sequence number first), protobuf (wire types skipped by
 * length), JSON (the value after a key, base64 in "data").
 * Refuses nothing loudly: what cannot be read has no size, and the caller counts it as such.
 * Invariant: a cursor that failed stays failed and reads zeros; no byte past head_bytes is read.
 */
#include "src/survey/image_message.h"

#include <stdio.h>
#include <string.h>

#include "src/episode/file_bytes.h"

/* ---- kinds ---- */

static const char *last_word(const char *type)
{
    const char *at = type;
    for (const char *p = type; *p; p++) {
        if (*p == '/' || *p == '.') {
            at = p + 1;
        }
    }
    return at;
}

static bool starts_with(const char *text, const char *prefix)
{
    return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_one_of(const char *word, const char *const *words, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        if (strcmp(word, words[i]) == 0) {
            return true;
        }
    }
    return false;
}

plim_message_kind plim_message_kind_of(const char *type)
{
    static const char *const PACKAGES[] = {"geometry_msgs", "control_msgs", "trajectory_msgs",
                                           "nav_msgs",      "tf2_msgs",     "std_msgs",
                                           "ackermann_msgs"};
    static const char *const SENSORS[] = {"JointState", "MultiDOFJointState", "Imu",
                                          "Range",      "MagneticField",      "FluidPressure",
                                          "Joy",        "Temperature",        "NavSatFix"};
    static const char *const TEXTS[] = {"String",        "Header",      "Empty", "ColorRGBA",
                                        "OccupancyGrid", "MapMetaData", "Path"};
    static const char *const FOXGLOVE[] = {"PoseInFrame",  "FrameTransform", "FrameTransforms",
                                           "PosesInFrame", "JointStates",    "JointState"};
    const char *word = last_word(type);
    bool foxglove = starts_with(type, "foxglove");
    if (starts_with(type, "sensor_msgs") || foxglove) {
        if (strcmp(word, foxglove ? "RawImage" : "Image") == 0) {
            return PLIM_MESSAGE_RAW_IMAGE;
        }
        if (strcmp(word, "CompressedImage") == 0) {
            return PLIM_MESSAGE_COMPRESSED_IMAGE;
        }
        if (strcmp(word, "CompressedVideo") == 0) {
            return PLIM_MESSAGE_VIDEO;
        }
        if (foxglove ? is_one_of(word, FOXGLOVE, sizeof(FOXGLOVE) / sizeof(FOXGLOVE[0]))
                     : is_one_of(word, SENSORS, sizeof(SENSORS) / sizeof(SENSORS[0]))) {
            return PLIM_MESSAGE_STATE;
        }
        return PLIM_MESSAGE_OTHER;
    }
    for (size_t i = 0; i < sizeof(PACKAGES) / sizeof(PACKAGES[0]); i++) {
        if (starts_with(type, PACKAGES[i])) {
            return is_one_of(word, TEXTS, sizeof(TEXTS) / sizeof(TEXTS[0])) ? PLIM_MESSAGE_OTHER
                                                                            : PLIM_MESSAGE_STATE;
        }
    }
    return PLIM_MESSAGE_OTHER;
}

/* ---- raw pictures: what an encoding's name says ---- */

static void describe_encoding(const char *encoding, plim_image_size *out)
{
    static const struct {
        const char *prefix;
        uint32_t channels;
    } KNOWN[] = {{"rgba", 4},  {"bgra", 4},   {"rgb", 3},  {"bgr", 3}, {"mono", 1},
                 {"bayer", 1}, {"yuv422", 2}, {"yuyv", 2}, {"uyvy", 2}};
    snprintf(out->codec, sizeof(out->codec), "%s", encoding);
    for (char *p = out->codec; *p; p++) { /* printed later: keep to printable characters */
        *p = *p > 32 && *p < 127 ? *p : '?';
    }
    out->channels = 1;
    out->channel_bytes = strstr(encoding, "16") ? 2 : strstr(encoding, "32") ? 4 : 1;
    for (size_t i = 0; i < sizeof(KNOWN) / sizeof(KNOWN[0]); i++) {
        if (starts_with(encoding, KNOWN[i].prefix)) {
            out->channels = KNOWN[i].channels;
            return;
        }
    }
    const char *c = strchr(encoding, 'C'); /* OpenCV's names: 8UC3, 32FC1 */
    if (c && c[1] >= '1' && c[1] <= '4') {
        out->channels = (uint32_t)(c[1] - '0');
    }
}

/* ---- CDR and ROS 1 ---- */

typedef struct cursor {
    const uint8_t *data;
    size_t count, at, origin; /* alignment is counted from origin */
    bool aligns, is_big, failed;
} cursor;

static const uint8_t *take(cursor *c, size_t bytes)
{
    static const uint8_t zeros[8] = {0};
    if (c->failed || bytes > c->count - c->at) {
        c->failed = true;
        return zeros;
    }
    const uint8_t *p = c->data + c->at;
    c->at += bytes;
    return p;
}

static uint32_t take_u32(cursor *c)
{
    if (c->aligns) {
        take(c, (4 - (c->at - c->origin) % 4) % 4);
    }
    const uint8_t *p = take(c, 4);
    return c->is_big ? plim_be32(p) : plim_le32(p);
}

static void take_text(cursor *c, char *out, size_t room)
{
    uint32_t length = take_u32(c);
    bool fits = !c->failed && length <= c->count - c->at;
    const uint8_t *p = take(c, fits ? length : SIZE_MAX);
    size_t n = fits ? length : 0;
    n = n < room ? n : room - 1;
    if (n) {
        memcpy(out, p, n);
    }
    out[n] = 0;
}

static bool open_cursor(cursor *c, const char *encoding, const uint8_t *head, size_t head_bytes)
{
    *c = (cursor){.data = head, .count = head_bytes};
    if (strcmp(encoding, "cdr") == 0) {
        const uint8_t *mark = take(c, 4);
        c->is_big = (mark[1] & 1) == 0;
        c->aligns = true;
        c->origin = 4;
        return mark[0] == 0 && !c->failed;
    }
    take(c, 4); /* sequence number of a ROS 1 header */
    return strcmp(encoding, "ros1") == 0;
}

static bool read_fields(plim_message_kind kind, bool foxglove, cursor *c, plim_image_size *out,
                        uint64_t *image_bytes)
{
    char text[64];
    take_u32(c); /* seconds */
    take_u32(c);
    take_text(c, text, sizeof(text)); /* frame id */
    if (kind == PLIM_MESSAGE_RAW_IMAGE) {
        uint32_t first = take_u32(c), second = take_u32(c);
        out->height = foxglove ? second : first;
        out->width = foxglove ? first : second;
        take_text(c, text, sizeof(text));
        describe_encoding(text, out);
        if (!foxglove) {
            take(c, 1); /* is_bigendian */
        }
        uint64_t step = take_u32(c);
        *image_bytes = step * out->height;
        return !c->failed && out->width && out->height;
    }
    uint32_t length = 0;
    if (foxglove) {
        length = take_u32(c); /* data, then format */
    } else {
        take_text(c, text, sizeof(text)); /* format, then data */
        length = take_u32(c);
    }
    *image_bytes = length;
    return !c->failed && plim_image_size_read(c->data + c->at, c->count - c->at, out);
}

/* ---- protobuf ---- */

static bool varint(const uint8_t *data, size_t count, size_t *at, uint64_t *out)
{
    *out = 0;
    for (unsigned shift = 0; shift < 64 && *at < count; shift += 7) {
        uint8_t byte = data[(*at)++];
        *out |= (uint64_t)(byte & 127) << shift;
        if (!(byte & 128)) {
            return true;
        }
    }
    return false;
}

/* foxglove.RawImage: 2 width, 3 height, 4 encoding, 5 step; foxglove.CompressedImage: 2 data. */
static bool read_protobuf(plim_message_kind kind, const uint8_t *head, size_t count,
                          plim_image_size *out, uint64_t *image_bytes)
{
    uint64_t key, value, step = 0;
    bool raw = kind == PLIM_MESSAGE_RAW_IMAGE, has_encoding = false;
    for (size_t at = 0; at < count && varint(head, count, &at, &key);) {
        size_t left = count - at;
        if ((key & 7) == 5 && left >= 4) {
            value = plim_le32(head + at);
            at += 4;
            out->width = key >> 3 == 2 ? (uint32_t)value : out->width;
            out->height = key >> 3 == 3 ? (uint32_t)value : out->height;
            step = key >> 3 == 5 ? value : step;
        } else if ((key & 7) == 2 && varint(head, count, &at, &value)) {
            left = count - at;
            if (!raw && key >> 3 == 2) {
                *image_bytes = value;
                return plim_image_size_read(head + at, value < left ? value : left, out);
            }
            if (raw && key >> 3 == 4 && value < sizeof(out->codec) && value <= left) {
                char text[sizeof(out->codec)] = "";
                memcpy(text, head + at, value);
                describe_encoding(text, out);
                has_encoding = true;
            }
            if (value > left) {
                break; /* the pixels: more than the head holds */
            }
            at += value;
        } else if ((key & 7) == 0 && varint(head, count, &at, &value)) {
            continue;
        } else if ((key & 7) == 1 && left >= 8) {
            at += 8;
        } else {
            return false;
        }
    }
    *image_bytes = step * out->height;
    return raw && has_encoding && out->width && out->height;
}

/* ---- JSON with base64 ---- */

static int base64_digit(uint8_t c)
{
    return c >= 'A' && c <= 'Z'   ? c - 'A'
           : c >= 'a' && c <= 'z' ? c - 'a' + 26
           : c >= '0' && c <= '9' ? c - '0' + 52
           : c == '+'             ? 62
           : c == '/'             ? 63
                                  : -1;
}

static const uint8_t *after_key(const uint8_t *head, size_t count, const char *key, size_t *left)
{
    size_t n = strlen(key);
    for (size_t i = 0; i + n < count; i++) {
        if (memcmp(head + i, key, n) == 0) {
            size_t at = i + n;
            while (at < count && (head[at] == ' ' || head[at] == ':')) {
                at++;
            }
            *left = count - at;
            return head + at;
        }
    }
    return NULL;
}

static uint32_t json_number(const uint8_t *head, size_t count, const char *key)
{
    size_t left = 0;
    const uint8_t *p = after_key(head, count, key, &left);
    uint64_t n = 0;
    for (; p && left && *p >= '0' && *p <= '9' && n < SIZE_MAX >> 8; p++, left--) {
        n = n * 10 + (uint64_t)(*p - '0');
    }
    return n <= UINT32_MAX ? (uint32_t)n : 0;
}

static bool read_json_picture(const uint8_t *head, size_t count, uint64_t payload_bytes,
                              plim_image_size *out, uint64_t *image_bytes)
{
    uint8_t picture[4096];
    size_t left = 0, n = 0;
    uint32_t bits = 0, bit_count = 0;
    const uint8_t *p = after_key(head, count, "\"data\"", &left);
    if (!p || !left || *p != '"') {
        return false;
    }
    for (p++, left--; left && n < sizeof(picture) && base64_digit(*p) >= 0; p++, left--) {
        bits = (bits << 6 | (uint32_t)base64_digit(*p)) & 0xFFFFFF;
        bit_count += 6;
        if (bit_count >= 8) {
            bit_count -= 8;
            picture[n++] = (uint8_t)(bits >> bit_count);
        }
    }
    *image_bytes = payload_bytes / 4 * 3; /* from above: other keys are in the text, too */
    return plim_image_size_read(picture, n, out);
}

static bool read_json(plim_message_kind kind, const uint8_t *head, size_t count,
                      uint64_t payload_bytes, plim_image_size *out, uint64_t *image_bytes)
{
    if (kind == PLIM_MESSAGE_COMPRESSED_IMAGE) {
        return read_json_picture(head, count, payload_bytes, out, image_bytes);
    }
    char text[sizeof(out->codec)] = "";
    size_t left = 0;
    const uint8_t *p = after_key(head, count, "\"encoding\"", &left);
    for (size_t i = 0; p && i + 1 < left && i + 1 < sizeof(text) && p[i + 1] != '"'; i++) {
        text[i] = (char)p[i + 1];
    }
    describe_encoding(text, out);
    out->width = json_number(head, count, "\"width\"");
    out->height = json_number(head, count, "\"height\"");
    *image_bytes = (uint64_t)json_number(head, count, "\"step\"") * out->height;
    return text[0] && out->width && out->height;
}

bool plim_message_image(plim_message_kind kind, const char *type, const char *encoding,
                        const uint8_t *head, size_t head_bytes, uint64_t payload_bytes,
                        plim_image_size *out, uint64_t *image_bytes)
{
    cursor c;
    bool found = false;
    *out = (plim_image_size){.width = 0};
    *image_bytes = 0;
    if (kind != PLIM_MESSAGE_RAW_IMAGE && kind != PLIM_MESSAGE_COMPRESSED_IMAGE) {
        return false;
    }
    if (strcmp(encoding, "protobuf") == 0) {
        found = read_protobuf(kind, head, head_bytes, out, image_bytes);
    } else if (strcmp(encoding, "json") == 0) {
        found = read_json(kind, head, head_bytes, payload_bytes, out, image_bytes);
    } else if (open_cursor(&c, encoding, head, head_bytes)) {
        found = read_fields(kind, starts_with(type, "foxglove"), &c, out, image_bytes);
    }
    return found && *image_bytes <= payload_bytes && out->width <= 1u << 20 &&
           out->height <= 1u << 20;
}
