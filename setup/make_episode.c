/* SPDX-License-Identifier: Apache-2.0 */
/* make_episode.c - writes a small LeRobot v2.0 data set with GR00T's modality.json, so that the
 * demo and the tests run on a machine that has none.
 *
 * Decides every byte from its arguments alone: the same call gives the same pictures and numbers
 * (the encoder's bytes follow its version). One camera of moving shapes whose top row spells the
 * frame number as 16 black or white cells, so that a reader can tell which frame it was given;
 * state and action are (step * 37 + joint * 11 + episode * 101) mod 1000 / 1000, action one step
 * ahead. The table is real Parquet: one row group, PLAIN, not compressed, lists as pyarrow has
 * them.
 */
#include <libavcodec/avcodec.h>
#include <libavformat/avformat.h>
#include <libavutil/opt.h>

#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define FPS          20
#define EPISODES_MAX 64
#define CELLS        16
#define CAMERA       "observation.images.ego_view"

typedef struct make_opts {
    const char *folder;
    unsigned lengths[EPISODES_MAX], episodes;
    unsigned size, joints;
    int extra_frames;    /* in each video, beside one per row; may be negative */
    double drift;        /* seconds that the timestamps run ahead, per step */
    const char *encoder; /* by libavcodec's name; NULL: libx264, else mpeg4 */
    bool phantom;        /* declare a camera that has no file */
    unsigned length_lie; /* added to each length in episodes.jsonl */
} make_opts;

static void stop(const char *what, const char *detail)
{
    fprintf(stderr, "make_episode: %s: %s\n", what, detail);
    exit(1);
}

static void check(int code, const char *what)
{
    if (code < 0) {
        char words[AV_ERROR_MAX_STRING_SIZE] = "";
        av_strerror(code, words, sizeof(words));
        stop(what, words);
    }
}

/* ---- bytes that grow ---- */

typedef struct bytes {
    uint8_t *at;
    size_t count, room;
} bytes;

static void put(bytes *b, const void *from, size_t n)
{
    if (b->room - b->count < n) {
        b->room = (b->count + n) * 2;
        b->at = realloc(b->at, b->room);
        if (!b->at) {
            stop("memory", "none left");
        }
    }
    memcpy(b->at + b->count, from, n);
    b->count += n;
}

static void put_byte(bytes *b, uint8_t byte)
{
    put(b, &byte, 1);
}

static void put_le32(bytes *b, uint32_t n)
{
    uint8_t le[4] = {(uint8_t)n, (uint8_t)(n >> 8), (uint8_t)(n >> 16), (uint8_t)(n >> 24)};
    put(b, le, 4);
}

static void put_varint(bytes *b, uint64_t n)
{
    for (; n > 127; n >>= 7) {
        put_byte(b, (uint8_t)(n | 0x80));
    }
    put_byte(b, (uint8_t)n);
}

/* ---- Thrift compact: fields in rising order, each at most 15 after the last ---- */

enum { T_I32 = 5, T_I64 = 6, T_BINARY = 8, T_LIST = 9, T_STRUCT = 12 };

static void field(bytes *b, int *last, int id, int type)
{
    put_byte(b, (uint8_t)((id - *last) << 4 | type));
    *last = id;
}

static void number(bytes *b, int *last, int id, int type, int64_t n)
{
    field(b, last, id, type);
    put_varint(b, ((uint64_t)n << 1) ^ (uint64_t)(n >> 63));
}

static void text(bytes *b, const char *s)
{
    put_varint(b, strlen(s));
    put(b, s, strlen(s));
}

static void list(bytes *b, unsigned count, int type)
{
    if (count < 15) {
        put_byte(b, (uint8_t)(count << 4 | (unsigned)type));
    } else {
        put_byte(b, (uint8_t)(0xf0 | type));
        put_varint(b, count);
    }
}

/* ---- the table ---- */

enum { P_INT64 = 2, P_FLOAT = 4, P_DOUBLE = 5 };

typedef struct column {
    const char *name;
    int type;
    unsigned width; /* 0: a scalar */
    uint64_t values;
    int64_t page_at, page_bytes;
} column;

static double joint(unsigned episode, unsigned step, unsigned i)
{
    return (double)((step * 37 + i * 11 + episode * 101) % 1000) / 1000.0;
}

static void put_levels(bytes *page, const column *c, unsigned rows)
{
    bytes levels = {0};
    if (c->width) {
        for (unsigned r = 0; r < rows; r++) { /* a row starts with 0 and goes on with 1 */
            put_varint(&levels, 1 << 1);
            put_byte(&levels, 0);
            if (c->width > 1) {
                put_varint(&levels, (uint64_t)(c->width - 1) << 1);
                put_byte(&levels, 1);
            }
        }
        put_le32(page, (uint32_t)levels.count);
        put(page, levels.at, levels.count);
        levels.count = 0;
    }
    put_varint(&levels, c->values << 1);
    put_byte(&levels, c->width ? 3 : 1);
    put_le32(page, (uint32_t)levels.count);
    put(page, levels.at, levels.count);
    free(levels.at);
}

static void put_value(bytes *page, const column *c, const make_opts *o, unsigned episode,
                      unsigned row, uint64_t first_row)
{
    if (c->type == P_DOUBLE) {
        unsigned ahead = strcmp(c->name, "action") == 0;
        for (unsigned i = 0; i < c->width; i++) {
            double v = joint(episode, row + ahead, i);
            put(page, &v, sizeof(v));
        }
    } else if (c->type == P_FLOAT) {
        float v = (float)(row * (1.0 / FPS + o->drift));
        put(page, &v, sizeof(v));
    } else {
        int64_t v = strcmp(c->name, "frame_index") == 0     ? (int64_t)row
                    : strcmp(c->name, "episode_index") == 0 ? (int64_t)episode
                    : strcmp(c->name, "index") == 0         ? (int64_t)(first_row + row)
                                                            : 0;
        put(page, &v, sizeof(v));
    }
}

static void put_page(bytes *file, column *c, const make_opts *o, unsigned episode, unsigned rows,
                     uint64_t first_row)
{
    bytes page = {0}, head = {0};
    int last = 0, inner = 0;
    c->values = (uint64_t)rows * (c->width ? c->width : 1);
    put_levels(&page, c, rows);
    for (unsigned r = 0; r < rows; r++) {
        put_value(&page, c, o, episode, r, first_row);
    }
    number(&head, &last, 1, T_I32, 0);
    number(&head, &last, 2, T_I32, (int64_t)page.count);
    number(&head, &last, 3, T_I32, (int64_t)page.count);
    field(&head, &last, 5, T_STRUCT);
    number(&head, &inner, 1, T_I32, (int64_t)c->values);
    number(&head, &inner, 2, T_I32, 0); /* PLAIN */
    number(&head, &inner, 3, T_I32, 3); /* levels: RLE */
    number(&head, &inner, 4, T_I32, 3);
    put_byte(&head, 0);
    put_byte(&head, 0);
    c->page_at = (int64_t)file->count;
    c->page_bytes = (int64_t)(head.count + page.count);
    put(file, head.at, head.count);
    put(file, page.at, page.count);
    free(head.at);
    free(page.at);
}

static void element(bytes *b, const char *name, int type, int repetition, int children,
                    int converted)
{
    int last = 0;
    if (type >= 0) {
        number(b, &last, 1, T_I32, type);
    }
    if (repetition >= 0) {
        number(b, &last, 3, T_I32, repetition);
    }
    field(b, &last, 4, T_BINARY);
    text(b, name);
    if (children) {
        number(b, &last, 5, T_I32, children);
    }
    if (converted) {
        number(b, &last, 6, T_I32, converted);
    }
    put_byte(b, 0);
}

static void put_schema(bytes *b, const column *columns, unsigned count)
{
    unsigned elements = 1;
    for (unsigned i = 0; i < count; i++) {
        elements += columns[i].width ? 3 : 1;
    }
    list(b, elements, T_STRUCT);
    element(b, "schema", -1, -1, (int)count, 0);
    for (unsigned i = 0; i < count; i++) {
        if (columns[i].width) {
            element(b, columns[i].name, -1, 1, 1, 3); /* optional group (LIST) */
            element(b, "list", -1, 2, 1, 0);
            element(b, "element", columns[i].type, 1, 0, 0);
        } else {
            element(b, columns[i].name, columns[i].type, 1, 0, 0);
        }
    }
}

static void put_chunk(bytes *b, const column *c)
{
    int chunk = 0, meta = 0;
    number(b, &chunk, 2, T_I64, c->page_at);
    field(b, &chunk, 3, T_STRUCT);
    number(b, &meta, 1, T_I32, c->type);
    field(b, &meta, 2, T_LIST);
    list(b, 2, T_I32);
    put_varint(b, 0 << 1);
    put_varint(b, 3 << 1);
    field(b, &meta, 3, T_LIST);
    list(b, c->width ? 3 : 1, T_BINARY);
    text(b, c->name);
    if (c->width) {
        text(b, "list");
        text(b, "element");
    }
    number(b, &meta, 4, T_I32, 0); /* UNCOMPRESSED */
    number(b, &meta, 5, T_I64, (int64_t)c->values);
    number(b, &meta, 6, T_I64, c->page_bytes);
    number(b, &meta, 7, T_I64, c->page_bytes);
    number(b, &meta, 9, T_I64, c->page_at);
    put_byte(b, 0);
    put_byte(b, 0);
}

static void put_footer(bytes *file, const column *columns, unsigned count, unsigned rows)
{
    bytes foot = {0};
    int last = 0, group = 0;
    int64_t total = 0;
    number(&foot, &last, 1, T_I32, 1);
    field(&foot, &last, 2, T_LIST);
    put_schema(&foot, columns, count);
    number(&foot, &last, 3, T_I64, rows);
    field(&foot, &last, 4, T_LIST);
    list(&foot, 1, T_STRUCT);
    field(&foot, &group, 1, T_LIST);
    list(&foot, count, T_STRUCT);
    for (unsigned i = 0; i < count; i++) {
        put_chunk(&foot, &columns[i]);
        total += columns[i].page_bytes;
    }
    number(&foot, &group, 2, T_I64, total);
    number(&foot, &group, 3, T_I64, rows);
    put_byte(&foot, 0);
    field(&foot, &last, 6, T_BINARY);
    text(&foot, "make_episode");
    put_byte(&foot, 0);
    put(file, foot.at, foot.count);
    put_le32(file, (uint32_t)foot.count);
    put(file, "PAR1", 4);
    free(foot.at);
}

static void write_table(const make_opts *o, unsigned episode, uint64_t first_row, const char *path)
{
    column columns[] = {{"observation.state", P_DOUBLE, o->joints, 0, 0, 0},
                        {"action", P_DOUBLE, o->joints, 0, 0, 0},
                        {"timestamp", P_FLOAT, 0, 0, 0, 0},
                        {"frame_index", P_INT64, 0, 0, 0, 0},
                        {"episode_index", P_INT64, 0, 0, 0, 0},
                        {"index", P_INT64, 0, 0, 0, 0},
                        {"task_index", P_INT64, 0, 0, 0, 0}};
    unsigned count = sizeof(columns) / sizeof(columns[0]);
    bytes file = {0};
    put(&file, "PAR1", 4);
    for (unsigned i = 0; i < count; i++) {
        put_page(&file, &columns[i], o, episode, o->lengths[episode], first_row);
    }
    put_footer(&file, columns, count, o->lengths[episode]);
    FILE *f = fopen(path, "wb");
    if (!f || fwrite(file.at, 1, file.count, f) != file.count || fclose(f) != 0) {
        stop(path, strerror(errno));
    }
    free(file.at);
}

/* ---- the video ---- */

static uint8_t luma(unsigned x, unsigned y, unsigned frame, unsigned size)
{
    unsigned cell = size / CELLS, bars = size / 2;
    if (y < cell) { /* the frame number, highest bit first */
        return frame >> (CELLS - 1 - (x / cell) % CELLS) & 1 ? 235 : 16;
    }
    int cx = (int)(size / 4 + (frame * 3) % (size / 2)), cy = (int)(size / 2);
    int dx = (int)x - cx, dy = (int)y - cy, radius = (int)size / 8;
    if (dx * dx + dy * dy < radius * radius) {
        return 200;
    }
    unsigned left = (frame * 5) % (size / 2);
    if (x >= left && x < left + size / 6 && y >= size * 2 / 3 && y < size * 5 / 6) {
        return 60;
    }
    if (y > bars - cell && y < bars && (x / 3 * 7 + y / 9) % 5 < 2) { /* like a line of text */
        return 30;
    }
    return (uint8_t)(80 + (x + y + frame) % 64);
}

static void draw(AVFrame *frame, unsigned number_shown, unsigned size)
{
    for (unsigned y = 0; y < size; y++) {
        for (unsigned x = 0; x < size; x++) {
            frame->data[0][(size_t)y * (size_t)frame->linesize[0] + x] =
                luma(x, y, number_shown, size);
        }
    }
    for (unsigned y = 0; y < size / 2; y++) {
        for (unsigned x = 0; x < size / 2; x++) {
            bool is_text = y < size / CELLS / 2;
            size_t at = (size_t)y * (size_t)frame->linesize[1] + x;
            frame->data[1][at] = is_text ? 128 : (uint8_t)(96 + (x + number_shown) % 64);
            frame->data[2][at] = is_text ? 128 : (uint8_t)(96 + (y * 2) % 64);
        }
    }
}

static void drain(AVFormatContext *out, AVCodecContext *codec, AVPacket *packet)
{
    int code;
    while ((code = avcodec_receive_packet(codec, packet)) >= 0) {
        av_packet_rescale_ts(packet, codec->time_base, out->streams[0]->time_base);
        packet->duration = av_rescale_q(1, codec->time_base, out->streams[0]->time_base);
        check(av_interleaved_write_frame(out, packet), "packet");
    }
    if (code != AVERROR(EAGAIN) && code != AVERROR_EOF) {
        check(code, "encoder");
    }
}

static AVCodecContext *open_encoder(const make_opts *o, const AVFormatContext *out)
{
    const AVCodec *encoder = avcodec_find_encoder_by_name(o->encoder ? o->encoder : "libx264");
    if (!encoder && !o->encoder) {
        encoder = avcodec_find_encoder(AV_CODEC_ID_MPEG4);
    }
    AVCodecContext *codec = encoder ? avcodec_alloc_context3(encoder) : NULL;
    if (!codec) {
        fprintf(stderr, "make_episode: this libavcodec has no encoder for it\n");
        exit(3);
    }
    codec->width = codec->height = (int)o->size;
    codec->pix_fmt = AV_PIX_FMT_YUV420P;
    codec->time_base = (AVRational){1, FPS};
    codec->framerate = (AVRational){FPS, 1};
    codec->thread_count = 1; /* the same bytes on any number of cores */
    codec->gop_size = 25;
    codec->flags |= AV_CODEC_FLAG_BITEXACT;
    if (strcmp(encoder->name, "libx264") == 0) {
        check(av_opt_set(codec->priv_data, "preset", "veryfast", 0), "preset");
        check(av_opt_set(codec->priv_data, "crf", "23", 0), "crf");
        check(av_opt_set(codec->priv_data, "x264-params", "scenecut=0", 0), "keyframes");
    } else {
        codec->bit_rate = 1000000;
    }
    if (out->oformat->flags & AVFMT_GLOBALHEADER) {
        codec->flags |= AV_CODEC_FLAG_GLOBAL_HEADER;
    }
    check(avcodec_open2(codec, encoder, NULL), "encoder");
    return codec;
}

static void write_video(const make_opts *o, unsigned frames, const char *path)
{
    AVFormatContext *out = NULL;
    AVPacket *packet = av_packet_alloc();
    AVFrame *frame = av_frame_alloc();
    check(avformat_alloc_output_context2(&out, NULL, "mp4", path), path);
    out->flags |= AVFMT_FLAG_BITEXACT;
    AVCodecContext *codec = open_encoder(o, out);
    AVStream *stream = avformat_new_stream(out, NULL);
    if (!packet || !frame || !stream) {
        stop("memory", "none left");
    }
    stream->time_base = codec->time_base;
    check(avcodec_parameters_from_context(stream->codecpar, codec), "parameters");
    check(avio_open(&out->pb, path, AVIO_FLAG_WRITE), path);
    check(avformat_write_header(out, NULL), "header");
    frame->format = codec->pix_fmt;
    frame->width = codec->width;
    frame->height = codec->height;
    check(av_frame_get_buffer(frame, 0), "picture");
    for (unsigned i = 0; i < frames; i++) {
        check(av_frame_make_writable(frame), "picture");
        draw(frame, i, o->size);
        frame->pts = i;
        check(avcodec_send_frame(codec, frame), "picture");
        drain(out, codec, packet);
    }
    check(avcodec_send_frame(codec, NULL), "end");
    drain(out, codec, packet);
    check(av_write_trailer(out), "trailer");
    avio_closep(&out->pb);
    av_frame_free(&frame);
    av_packet_free(&packet);
    avcodec_free_context(&codec);
    avformat_free_context(out);
}

/* ---- folders and metadata ---- */

static void make_folders(const char *root, const char *below)
{
    char path[1200];
    snprintf(path, sizeof(path), "%s/%s/", root, below);
    for (char *slash = path + 1; (slash = strchr(slash, '/')); slash++) {
        *slash = 0;
        if (mkdir(path, 0777) != 0 && errno != EEXIST) {
            stop(path, strerror(errno));
        }
        *slash = '/';
    }
}

static FILE *meta(const make_opts *o, const char *name)
{
    char path[1200];
    snprintf(path, sizeof(path), "%s/meta/%s", o->folder, name);
    FILE *f = fopen(path, "wb");
    if (!f) {
        stop(path, strerror(errno));
    }
    return f;
}

static void write_camera(FILE *f, const char *name, unsigned height, unsigned width)
{
    fprintf(f,
            "    \"%s\": {\"dtype\": \"video\", \"shape\": [%u, %u, 3],\n"
            "      \"names\": [\"height\", \"width\", \"channel\"],\n"
            "      \"video_info\": {\"video.fps\": %d.0, \"video.codec\": \"h264\",\n"
            "        \"video.pix_fmt\": \"yuv420p\", \"has_audio\": false}},\n",
            name, height, width, FPS);
}

static void write_info(const make_opts *o)
{
    unsigned frames = 0;
    for (unsigned i = 0; i < o->episodes; i++) {
        frames += o->lengths[i] + o->length_lie;
    }
    FILE *f = meta(o, "info.json");
    fprintf(f,
            "{\n  \"codebase_version\": \"v2.0\",\n  \"robot_type\": \"made\",\n"
            "  \"total_episodes\": %u,\n  \"total_frames\": %u,\n  \"total_tasks\": 1,\n"
            "  \"total_videos\": %u,\n  \"total_chunks\": 1,\n  \"chunks_size\": 1000,\n"
            "  \"fps\": %d.0,\n  \"splits\": {\"train\": \"0:%u\"},\n"
            "  \"data_path\": \"data/chunk-{episode_chunk:03d}/"
            "episode_{episode_index:06d}.parquet\",\n"
            "  \"video_path\": \"videos/chunk-{episode_chunk:03d}/{video_key}/"
            "episode_{episode_index:06d}.mp4\",\n  \"features\": {\n",
            o->episodes, frames, o->episodes, FPS, o->episodes);
    write_camera(f, CAMERA, o->size, o->size);
    if (o->phantom) {
        write_camera(f, "observation.images.phantom", 800, 1280);
    }
    static const char *const wide[] = {"observation.state", "action"};
    for (unsigned i = 0; i < 2; i++) {
        fprintf(f, "    \"%s\": {\"dtype\": \"float64\", \"shape\": [%u], \"names\": null},\n",
                wide[i], o->joints);
    }
    fprintf(f, "    \"timestamp\": {\"dtype\": \"float32\", \"shape\": [1], \"names\": null}");
    static const char *const ints[] = {"frame_index", "episode_index", "index", "task_index"};
    for (unsigned i = 0; i < 4; i++) {
        fprintf(f, ",\n    \"%s\": {\"dtype\": \"int64\", \"shape\": [1], \"names\": null}",
                ints[i]);
    }
    fprintf(f, "\n  }\n}\n");
    fclose(f);
}

static void write_meta(const make_opts *o)
{
    write_info(o);
    FILE *f = meta(o, "episodes.jsonl");
    for (unsigned i = 0; i < o->episodes; i++) {
        fprintf(f, "{\"episode_index\": %u, \"tasks\": [\"follow the ball\"], \"length\": %u}\n", i,
                o->lengths[i] + o->length_lie);
    }
    fclose(f);
    f = meta(o, "tasks.jsonl");
    fprintf(f, "{\"task_index\": 0, \"task\": \"follow the ball\"}\n");
    fclose(f);
    f = meta(o, "modality.json");
    fprintf(f,
            "{\"state\": {\"arm\": {\"start\": 0, \"end\": %u}},\n"
            " \"action\": {\"arm\": {\"start\": 0, \"end\": %u}},\n"
            " \"video\": {\"ego_view\": {\"original_key\": \"" CAMERA "\"}}}\n",
            o->joints, o->joints);
    fclose(f);
}

static void usage(void)
{
    fprintf(stderr,
            "usage: make_episode [-n LENGTH,LENGTH,...] [-s PIXELS] [-j JOINTS] [-x FRAMES]\n"
            "                    [-d SECONDS] [-l STEPS] [-c ENCODER] [-p] FOLDER\n"
            "  -n  steps of each episode (48,72,60)     -s  width and height, even, 16 at least\n"
            "  -j  joints in state and action (44)      -x  frames more (or fewer) than rows\n"
            "  -d  drift of the timestamps per step     -l  steps more than rows in the metadata\n"
            "  -p  declare a camera that has no file    -c  encoder, by libavcodec's name\n");
    exit(2);
}

static make_opts read_arguments(int argc, char **argv)
{
    make_opts o = {.lengths = {48, 72, 60}, .episodes = 3, .size = 256, .joints = 44};
    for (int i = 1; i < argc; i++) {
        const char *a = argv[i];
        if (a[0] != '-') {
            if (o.folder) {
                usage();
            }
            o.folder = a;
            continue;
        }
        if (strcmp(a, "-p") == 0) {
            o.phantom = true;
            continue;
        }
        if (++i == argc || a[2]) {
            usage();
        }
        char *end = argv[i];
        switch (a[1]) {
        case 'n':
            for (o.episodes = 0; *end && o.episodes < EPISODES_MAX; end += *end == ',') {
                o.lengths[o.episodes++] = (unsigned)strtoul(end, &end, 10);
                if (*end && *end != ',') {
                    usage();
                }
            }
            break;
        case 's':
            o.size = (unsigned)strtoul(end, &end, 10);
            break;
        case 'j':
            o.joints = (unsigned)strtoul(end, &end, 10);
            break;
        case 'x':
            o.extra_frames = (int)strtol(end, &end, 10);
            break;
        case 'd':
            o.drift = strtod(end, &end);
            break;
        case 'c':
            o.encoder = argv[i];
            break;
        case 'l':
            o.length_lie = (unsigned)strtoul(end, &end, 10);
            break;
        default:
            usage();
        }
    }
    if (!o.folder || !o.episodes || o.size < 16 || o.size % 2 || o.size > 4096 || !o.joints) {
        usage();
    }
    return o;
}

int main(int argc, char **argv)
{
    make_opts o = read_arguments(argc, argv);
    uint64_t first_row = 0;
    av_log_set_level(AV_LOG_ERROR);
    make_folders(o.folder, "meta");
    make_folders(o.folder, "data/chunk-000");
    make_folders(o.folder, "videos/chunk-000/" CAMERA);
    for (unsigned i = 0; i < o.episodes; i++) {
        char path[1200];
        int frames = (int)o.lengths[i] + o.extra_frames;
        snprintf(path, sizeof(path), "%s/data/chunk-000/episode_%06u.parquet", o.folder, i);
        write_table(&o, i, first_row, path);
        snprintf(path, sizeof(path), "%s/videos/chunk-000/" CAMERA "/episode_%06u.mp4", o.folder,
                 i);
        write_video(&o, frames > 0 ? (unsigned)frames : 1, path);
        first_row += o.lengths[i];
    }
    write_meta(&o);
    return 0;
}
