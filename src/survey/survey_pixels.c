/* SPDX-License-Identifier: Apache-2.0 */
/* survey_pixels.c - bytes of pictures, by how a pixel is held. Arithmetic only.
 *
 * Colour takes the form that was asked for; a picture of one channel is depth or grey and stays
 * native under rgb24 and nv12, because making it three channels loses what it says. Pillow keeps
 * RGB in 4 bytes a pixel and 16-bit grey in 4 (mode I).
 * Invariant: a window of all frames is the whole, and never more than it.
 */
#include "arena/bytes.h"
#include "src/survey/survey_reader.h"

static uint64_t native_bytes(const plim_survey_feature *f, uint64_t pixels)
{
    uint64_t bits;
    return bytes_mul(pixels, f->pixel_bits, &bits) ? (bits + 7) / 8 : UINT64_MAX;
}

/* NV12 rounds each plane's colours up to whole pairs; pictures of several sizes cannot say how
 * often that happens, and are taken as even. */
static uint64_t nv12_bytes(const plim_survey_feature *f, uint64_t pixels, uint64_t frames)
{
    uint64_t one = (uint64_t)f->width * f->height, out;
    if (one && pixels == one * frames) {
        uint64_t halves = (((uint64_t)f->width + 1) / 2) * (((uint64_t)f->height + 1) / 2);
        return bytes_mul(one + 2 * halves, frames, &out) ? out : UINT64_MAX;
    }
    return pixels / 2 > UINT64_MAX - pixels ? UINT64_MAX : pixels + (pixels + 1) / 2;
}

static uint64_t form_bytes(const plim_survey_feature *f, plim_pixel_form form, uint64_t pixels,
                           uint64_t frames)
{
    uint64_t out, channels = f->channels;
    bool is_colour = channels >= 3;
    uint64_t a_pixel = 0;
    switch (form) {
    case PLIM_PIXELS_RGB24:
        a_pixel = is_colour ? 3 : 0;
        break;
    case PLIM_PIXELS_NV12:
        if (is_colour) {
            return nv12_bytes(f, pixels, frames);
        }
        break;
    case PLIM_PIXELS_PIL:
        a_pixel = is_colour || f->pixel_bits > 8 ? 4 : 1;
        break;
    case PLIM_PIXELS_F16:
        a_pixel = 2 * (is_colour ? 3 : channels);
        break;
    case PLIM_PIXELS_F32:
        a_pixel = 4 * (is_colour ? 3 : channels);
        break;
    case PLIM_PIXELS_NATIVE:
        break;
    }
    if (!a_pixel) {
        return native_bytes(f, pixels);
    }
    return bytes_mul(pixels, a_pixel, &out) ? out : UINT64_MAX;
}

uint64_t plim_survey_memory(const plim_survey_feature *feature, plim_pixel_form form,
                            uint64_t frames)
{
    uint64_t pixels;
    if (!feature->has_data) {
        return 0;
    }
    if (!feature->is_picture) {
        return feature->memory_bytes;
    }
    if (frames >= feature->frames) {
        return form_bytes(feature, form, feature->pixels, feature->frames);
    }
    /* a window has to hold the largest pictures, but never needs more than all of them */
    if (!bytes_mul((uint64_t)feature->width * feature->height, frames, &pixels) ||
        pixels > feature->pixels) {
        pixels = feature->pixels;
    }
    return form_bytes(feature, form, pixels, frames);
}

bool plim_survey_pictures(plim_survey_feature *feature, uint32_t width, uint32_t height,
                          uint32_t channels, uint32_t pixel_bits, uint64_t frames)
{
    feature->is_picture = true;
    feature->width = width;
    feature->height = height;
    feature->channels = channels;
    feature->pixel_bits = pixel_bits;
    feature->frames = frames;
    feature->rank = 3;
    feature->shape[0] = height;
    feature->shape[1] = width;
    feature->shape[2] = channels;
    if (!bytes_mul((uint64_t)width * height, frames, &feature->pixels)) {
        return false;
    }
    feature->memory_bytes = plim_survey_memory(feature, PLIM_PIXELS_RGB24, frames);
    return feature->memory_bytes != UINT64_MAX;
}

/* What libavcodec allocates for one frame: sides rounded up to what the codec works in, two
 * lines more for the motion vectors that read past the last one, and a little at the end. */
static uint64_t frame_bytes(const plim_survey_feature *f, uint64_t side, uint64_t lines_more)
{
    uint64_t wide = side > 16 ? side : 16;
    uint64_t width = ((uint64_t)f->width + wide - 1) / wide * wide;
    uint64_t height = ((uint64_t)f->height + side - 1) / side * side + lines_more;
    uint64_t bits;
    return bytes_mul(width, height, &bits) &&
                   bytes_mul(bits, f->pixel_bits ? f->pixel_bits : 12, &bits)
               ? bits / 8 + 64
               : UINT64_MAX;
}

uint32_t plim_survey_decoder(const plim_survey_feature *feature, uint64_t *bytes)
{
    static const uint32_t H264_FRAMES = 5; /* 3 references, the one decoded, the one shown */
    *bytes = 0;
    if (!feature->has_data || !feature->is_picture || !feature->frames) {
        return 0;
    }
    const char *codec = feature->codec;
    bool is_av1 = codec[0] == 'a' && codec[1] == 'v';
    bool is_video = is_av1 || codec[0] == 'h' || codec[0] == 'v' || codec[0] == 'm';
    if (!is_video) {
        return 0; /* arrays and single pictures are decoded straight into the window */
    }
    uint32_t frames = H264_FRAMES;
    if (is_av1) { /* 8 slots, which hold no more pictures than there are since the keyframe */
        uint64_t apart = feature->keyframe_apart ? feature->keyframe_apart : 8;
        frames = (uint32_t)(apart < 8 ? apart : 8) + 2;
    }
    if (!bytes_mul(frame_bytes(feature, is_av1 ? 128 : 32, is_av1 ? 0 : 2), frames, bytes)) {
        *bytes = UINT64_MAX;
    }
    return frames;
}
