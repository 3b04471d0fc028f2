/* SPDX-License-Identifier: Apache-2.0 */
/* libav.c - the video plug-in over libavformat, libavcodec and libswscale.
 *
 * Decides how a file becomes RGB frames in the order of showing. One decoding thread: a decoder
 * with n frame threads holds 2n frames more, and the callbacks of the host want one thread.
 * Decoders with direct rendering (h264, hevc, mpeg4) get their frames from the host's pool
 * through get_buffer2. Those without it (libdav1d) keep frames of their own: what the current
 * frame holds is charged to the host while it is current; frames that such a decoder keeps for
 * reference stay uncounted.
 * Edit lists are ignored: every sample of the track is a frame, so that the numbers agree with
 * the index that the library read. libav allocates its own contexts as it does.
 */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/imgutils.h>
#include <libavutil/opt.h>
#include <libavutil/pixdesc.h>
#include <libswscale/swscale.h>

#include <stdio.h>
#include <string.h>

#include "src/episode/video.h"

#define STRIDE_ALIGN 64
#define PLANE_SLACK  (16 + STRIDE_ALIGN - 1) /* what decoders may read or write past a plane */

PLIM_API const plim_video_ops *plim_video_plugin_ops(void);

struct plim_video {
    const plim_video_host *host;
    AVFormatContext *format;
    AVCodecContext *codec;
    AVPacket *packet;
    AVFrame *frame; /* the current one */
    struct SwsContext *scale;
    int stream;
    bool is_draining, has_frame, has_packet;
    uint64_t charged_bytes;
    plim_error refusal; /* what the host answered when it had no frame */
};

static plim_status refuse(plim_error *err, plim_status status, const char *field, const char *path,
                          int code)
{
    char words[AV_ERROR_MAX_STRING_SIZE] = "";
    if (code) {
        av_strerror(code, words, sizeof(words));
    }
    if (err) {
        *err = (plim_error){.status = status, .what = "video", .file = __FILE__, .line = __LINE__};
        snprintf(err->field, sizeof(err->field), "%s", field);
        snprintf(err->detail, sizeof(err->detail), "%.160s%s%s", path, *words ? ": " : "", words);
    }
    return status;
}

/* ---- frames of the decoder, in the host's memory ---- */

typedef struct frame_layout {
    int stride[4];
    size_t offset[4];
    size_t bytes;
    int planes;
} frame_layout;

static int plane_sizes(size_t sizes[4], enum AVPixelFormat format, int height, const int stride[4])
{
#if LIBAVUTIL_VERSION_INT >= AV_VERSION_INT(56, 56, 100)
    const ptrdiff_t strides[4] = {stride[0], stride[1], stride[2], stride[3]};
    return av_image_fill_plane_sizes(sizes, format, height, strides);
#else
    /* Before 4.4 libav only lays planes behind each other: from an address that is never read. */
    uint8_t *const base = (uint8_t *)(uintptr_t)STRIDE_ALIGN;
    uint8_t *planes[4] = {NULL};
    int total = av_image_fill_pointers(planes, format, height, base, stride);
    size_t end = total < 0 ? 0 : (size_t)total;
    for (int i = 3; i >= 0; i--) {
        size_t begin = planes[i] ? (size_t)((uintptr_t)planes[i] - (uintptr_t)base) : end;
        sizes[i] = end - begin;
        end = begin;
    }
    return total < 0 ? total : 0;
#endif
}

static int lay_out(AVCodecContext *codec, const AVFrame *frame, frame_layout *out)
{
    int width = frame->width, height = frame->height;
    int wanted[AV_NUM_DATA_POINTERS] = {0};
    size_t sizes[4];
    avcodec_align_dimensions2(codec, &width, &height, wanted);
    for (bool is_aligned = false; !is_aligned; width += width & ~(width - 1)) {
        int code = av_image_fill_linesizes(out->stride, frame->format, width);
        if (code < 0) {
            return code;
        }
        is_aligned = true;
        for (int i = 0; i < 4; i++) {
            is_aligned = is_aligned && out->stride[i] % STRIDE_ALIGN == 0;
        }
    }
    int code = plane_sizes(sizes, frame->format, height, out->stride);
    if (code < 0) {
        return code;
    }
    out->bytes = 0;
    out->planes = 0;
    for (int i = 0; i < 4 && sizes[i]; i++, out->planes++) {
        size_t room = (sizes[i] + PLANE_SLACK + STRIDE_ALIGN - 1) / STRIDE_ALIGN * STRIDE_ALIGN;
        if (room < sizes[i] || out->bytes + room < room) {
            return AVERROR(ERANGE);
        }
        out->offset[i] = out->bytes;
        out->bytes += room;
    }
    return 0;
}

static void give_back(void *opaque, uint8_t *data)
{
    plim_video *video = opaque;
    video->host->free(video->host->context, data);
}

static int get_buffer(AVCodecContext *codec, AVFrame *frame, int flags)
{
    plim_video *video = codec->opaque;
    frame_layout layout;
    void *block = NULL;
    if (!(codec->codec->capabilities & AV_CODEC_CAP_DR1)) {
        return avcodec_default_get_buffer2(codec, frame, flags);
    }
    int code = lay_out(codec, frame, &layout);
    if (code < 0) {
        return code;
    }
    if (video->host->alloc(video->host->context, layout.bytes, &block, &video->refusal) !=
        PLIM_OK) {
        return AVERROR(ENOMEM);
    }
    frame->buf[0] = av_buffer_create(block, layout.bytes, give_back, video, 0);
    if (!frame->buf[0]) {
        video->host->free(video->host->context, block);
        return AVERROR(ENOMEM);
    }
    for (int i = 0; i < layout.planes; i++) {
        frame->data[i] = (uint8_t *)block + layout.offset[i];
        frame->linesize[i] = layout.stride[i];
    }
    frame->extended_data = frame->data;
    return 0;
}

/* ---- the table ---- */

static void video_close(plim_video *video)
{
    if (!video) {
        return;
    }
    if (video->charged_bytes) {
        video->host->credit(video->host->context, video->charged_bytes);
    }
    av_frame_free(&video->frame); /* before the decoder: the last frames go back to the host */
    av_packet_free(&video->packet);
    avcodec_free_context(&video->codec);
    avformat_close_input(&video->format);
    sws_freeContext(video->scale);
    av_free(video);
}

static int open_decoder(plim_video *video, plim_status *status)
{
#if LIBAVFORMAT_VERSION_MAJOR >= 59
    const AVCodec *codec = NULL;
#else
    AVCodec *codec = NULL;
#endif
    int stream = av_find_best_stream(video->format, AVMEDIA_TYPE_VIDEO, -1, -1, &codec, 0);
    *status = stream == AVERROR_DECODER_NOT_FOUND ? PLIM_E_UNSUPPORTED : PLIM_E_FORMAT;
    if (stream < 0) {
        return stream;
    }
    *status = PLIM_E_NOMEM;
    video->stream = stream;
    video->codec = avcodec_alloc_context3(codec);
    video->packet = av_packet_alloc();
    video->frame = av_frame_alloc();
    if (!video->codec || !video->packet || !video->frame) {
        return AVERROR(ENOMEM);
    }
    *status = PLIM_E_FORMAT;
    int code =
        avcodec_parameters_to_context(video->codec, video->format->streams[stream]->codecpar);
    if (code < 0) {
        return code;
    }
    video->codec->thread_count = 1;
    video->codec->opaque = video;
    video->codec->get_buffer2 = get_buffer;
    AVDictionary *options = NULL;
    av_dict_set(&options, "max_frame_delay", "1", 0); /* libdav1d: as few frames as can be */
    code = avcodec_open2(video->codec, codec, &options);
    av_dict_free(&options);
    return code;
}

static plim_status video_open(const char *path, const plim_video_host *host, plim_video **out,
                              plim_error *err)
{
    AVDictionary *options = NULL;
    plim_status status = PLIM_E_FORMAT;
    *out = NULL;
    if (host->struct_size < sizeof(*host)) {
        return refuse(err, PLIM_E_UNSUPPORTED, "host table", path, 0);
    }
    plim_video *video = av_mallocz(sizeof(*video));
    if (!video) {
        return refuse(err, PLIM_E_NOMEM, "decoder", path, AVERROR(ENOMEM));
    }
    av_log_set_level(AV_LOG_QUIET); /* what it would print comes back as a status */
    video->host = host;
    av_dict_set(&options, "ignore_editlist", "1", 0);
    av_dict_set(&options, "protocol_whitelist", "file", 0);
    int code = avformat_open_input(&video->format, path, av_find_input_format("mp4"), &options);
    av_dict_free(&options);
    if (code >= 0) {
        code = open_decoder(video, &status);
    }
    if (code < 0) {
        video_close(video);
        return refuse(err, status, "decoder", path, code);
    }
    *out = video;
    return PLIM_OK;
}

/* Hands the decoder one more packet, or the news that there is none. */
static int feed(plim_video *video)
{
    while (!video->has_packet && !video->is_draining) {
        int code = av_read_frame(video->format, video->packet);
        if (code == AVERROR_EOF) {
            video->is_draining = true;
            return avcodec_send_packet(video->codec, NULL);
        }
        if (code < 0) {
            return code;
        }
        if (video->packet->stream_index == video->stream) {
            video->has_packet = true;
        } else {
            av_packet_unref(video->packet);
        }
    }
    if (video->is_draining) {
        return AVERROR_EOF;
    }
    int code = avcodec_send_packet(video->codec, video->packet);
    if (code != AVERROR(EAGAIN)) {
        av_packet_unref(video->packet);
        video->has_packet = false;
    }
    return code;
}

/* A frame in the decoder's own memory: count it while it is the current one. */
static plim_status charge_frame(plim_video *video, plim_error *err)
{
    uint64_t bytes = 0;
    if (video->charged_bytes) {
        video->host->credit(video->host->context, video->charged_bytes);
        video->charged_bytes = 0;
    }
    if (video->codec->codec->capabilities & AV_CODEC_CAP_DR1) {
        return PLIM_OK;
    }
    for (int i = 0; i < AV_NUM_DATA_POINTERS && video->frame->buf[i]; i++) {
        bytes += (uint64_t)video->frame->buf[i]->size;
    }
    plim_status status = video->host->charge(video->host->context, bytes, err);
    video->charged_bytes = status == PLIM_OK ? bytes : 0;
    return status;
}

static plim_status video_next(plim_video *video, bool *is_end, plim_error *err)
{
    int code = AVERROR(EAGAIN);
    *is_end = false;
    video->has_frame = false;
    video->refusal.status = PLIM_OK;
    av_frame_unref(video->frame);
    while (code == AVERROR(EAGAIN)) {
        code = avcodec_receive_frame(video->codec, video->frame);
        if (code == AVERROR(EAGAIN)) {
            int fed = feed(video);
            if (fed < 0 && fed != AVERROR(EAGAIN) && fed != AVERROR_EOF) {
                code = fed;
            }
        }
    }
    if (code == AVERROR_EOF) {
        *is_end = true;
        return PLIM_OK;
    }
    if (video->refusal.status != PLIM_OK) {
        if (err) {
            *err = video->refusal;
        }
        av_frame_unref(video->frame);
        return video->refusal.status;
    }
    if (code < 0) {
        return refuse(err, PLIM_E_FORMAT, "frame", video->format->url, code);
    }
    video->has_frame = true;
    return charge_frame(video, err);
}

static plim_status video_convert(plim_video *video, uint32_t width, uint32_t height, uint8_t *rgb,
                                 plim_error *err)
{
    const AVFrame *frame = video->frame;
    if (!video->has_frame || width > INT32_MAX / 3 || frame->width != (int)width ||
        frame->height != (int)height) {
        return refuse(err, PLIM_E_FORMAT, "frame size", video->format->url, 0);
    }
    /* bit-exact paths only: the same picture on every CPU */
    video->scale = sws_getCachedContext(
        video->scale, frame->width, frame->height, frame->format, frame->width, frame->height,
        AV_PIX_FMT_RGB24, SWS_BILINEAR | SWS_ACCURATE_RND | SWS_BITEXACT, NULL, NULL, NULL);
    if (!video->scale) {
        const char *name = av_get_pix_fmt_name(frame->format);
        return refuse(err, PLIM_E_UNSUPPORTED, "pixel format", name ? name : "?", 0);
    }
    uint8_t *planes[4] = {rgb};
    int strides[4] = {(int)width * 3};
    int rows = sws_scale(video->scale, (const uint8_t *const *)frame->data, frame->linesize, 0,
                         frame->height, planes, strides);
    return rows == frame->height ? PLIM_OK
                                 : refuse(err, PLIM_E_FORMAT, "frame", video->format->url, rows);
}

static plim_status video_rewind(plim_video *video, plim_error *err)
{
    av_frame_unref(video->frame);
    av_packet_unref(video->packet);
    video->has_packet = video->has_frame = video->is_draining = false;
    avcodec_flush_buffers(video->codec);
    int code = av_seek_frame(video->format, video->stream, INT64_MIN, AVSEEK_FLAG_BACKWARD);
    if (code < 0) { /* INT64_MIN is no time for some demuxers: the first time is */
        code = av_seek_frame(video->format, video->stream, 0, AVSEEK_FLAG_BACKWARD);
    }
    return code < 0 ? refuse(err, PLIM_E_IO, "rewind", video->format->url, code) : PLIM_OK;
}

const plim_video_ops *plim_video_plugin_ops(void)
{
    static const plim_video_ops ops = {.struct_size = sizeof(plim_video_ops),
                                       .abi = PLIM_VIDEO_ABI,
                                       .name = "libav",
                                       .open = video_open,
                                       .next = video_next,
                                       .convert = video_convert,
                                       .rewind = video_rewind,
                                       .close = video_close};
    return &ops;
}
