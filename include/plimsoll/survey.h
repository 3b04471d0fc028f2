/* SPDX-License-Identifier: Apache-2.0 */
/* survey.h - what recorded episodes weigh, on disk and in memory, before any is loaded.
 *
 * A survey walks a data set of any format that this build reads, one episode at a time, and says
 * for every feature how many bytes of the files are its own and how many it takes once decoded.
 * Nothing is decoded and nothing is written: figures come from footers, indexes and headers. The
 * format is found by content. Files win over metadata; each disagreement is one warning.
 *
 * Three identities hold for every reader, to the byte:
 *   episode   disk_bytes = sum of its features' disk_bytes + its containers
 *   data set  file_bytes = sum of all episodes' disk_bytes + the shared containers
 *   memory    the same recording in two containers gives the same decoded bytes
 */
#ifndef PLIMSOLL_SURVEY_H
#define PLIMSOLL_SURVEY_H

#include "plimsoll/arena.h"
#include "plimsoll/episode.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_survey plim_survey;

/* How a figure came about. */
typedef enum plim_figure {
    PLIM_FIGURE_MEASURED = 0,  /* read out of the files */
    PLIM_FIGURE_DECLARED = 1,  /* metadata says so and no file shows it */
    PLIM_FIGURE_ESTIMATED = 2, /* arithmetic with an assumption: docs/episodes.md names each */
    PLIM_FIGURE_SAMPLED = 3,   /* from a part of the data, taken for the rest */
} plim_figure;

/* How a pixel is held in memory. */
typedef enum plim_pixel_form {
    PLIM_PIXELS_RGB24 = 0,  /* 3 bytes a pixel; depth (1 channel) stays native */
    PLIM_PIXELS_NV12 = 1,   /* 1.5 bytes; depth stays native */
    PLIM_PIXELS_NATIVE = 2, /* what the decoder gives, or the array holds */
    PLIM_PIXELS_PIL = 3,    /* Pillow: 4 bytes for RGB */
    PLIM_PIXELS_F16 = 4,    /* 2 bytes a channel */
    PLIM_PIXELS_F32 = 5,    /* 4 bytes a channel */
} plim_pixel_form;

#define PLIM_SURVEY_CONTAINERS_MAX 8

/* Bytes of files that belong to no feature: headers, footers, indexes, padding, lost space. */
typedef struct plim_survey_container {
    char name[24]; /* "parquet", "mp4", "metadata" */
    uint64_t bytes;
} plim_survey_container;

typedef struct plim_survey_feature {
    char name[128]; /* cut when longer */
    plim_feature_group group;
    plim_figure known; /* the weakest of its figures */
    bool has_data;     /* false: declared, nothing there; its bytes are 0 */
    bool is_picture;   /* frames: width, height, channels, pixel_bits, pixels count */
    bool is_loaded;    /* false: GR00T's modality.json does not name it */
    char dtype[16];    /* of one value, as numpy spells it; "string"; "" not known */
    char codec[16];    /* pictures: "h264", "av1", "jpeg", "raw"; messages: encoding */
    uint32_t rank;
    int64_t shape[PLIM_TENSOR_RANK_MAX]; /* of one step; -1: differs between steps */
    uint32_t width, height, channels;    /* of the largest picture */
    uint32_t pixel_bits;                 /* native: 12 for 8-bit 4:2:0, 24 for RGB, 16 for depth */
    uint64_t frames;                     /* steps, rows or messages that loading gives */
    uint64_t frames_in_file; /* the file's share of this episode, may differ from frames */
    uint64_t keyframe_apart; /* video: most frames from one keyframe to the next; 0: not known */
    uint64_t pixels;         /* of all frames; width x height x frames unless sizes differ */
    uint64_t disk_bytes;     /* its part of the files, still encoded */
    uint64_t memory_bytes;   /* decoded; pictures: as rgb24 */
    uint64_t worklog_bytes;  /* by the worklog's own arithmetic; see docs/episodes.md */
    uint64_t declared_bytes; /* has_data false: memory_bytes if the metadata were true */
    char file[192];          /* first file, relative to the data set; "" when it is the root */
} plim_survey_feature;

typedef struct plim_survey_episode {
    uint64_t index;      /* the number that the data set gives it */
    char name[64];       /* "demo_12", "wbag_0.mcap"; "" when the number says it all */
    uint64_t frames;     /* steps; 0 where the recording has no common clock */
    double seconds;      /* 0: not known */
    bool is_complete;    /* false: a file is missing, damaged or not downloaded */
    uint64_t disk_bytes; /* features and containers */
    uint32_t feature_count, container_count;
    const plim_survey_feature *features; /* lent until the next call */
    plim_survey_container containers[PLIM_SURVEY_CONTAINERS_MAX];
} plim_survey_episode;

typedef struct plim_survey_info {
    char format[24];  /* "lerobot", "mcap", "rosbag2", "hdf5", "rlds", "zarr" */
    char version[24]; /* "v2.0"; "" when the format has none */
    char robot[64];   /* or scene or profile; "" when not said */
    bool has_modality;
    double frames_per_second; /* 0: not known */
    uint64_t episode_count;   /* UINT64_MAX: not known before the end */
    /* the rest is complete when next has said that there is no more */
    uint64_t warning_count, incomplete_count; /* distinct ones; how many lose data */
    uint64_t file_count, file_bytes;
    uint32_t shared_count;
    plim_survey_container shared[PLIM_SURVEY_CONTAINERS_MAX]; /* of no single episode */
} plim_survey_info;

typedef struct plim_survey_warning {
    const char *code;    /* stable: "declared-missing", "not-downloaded"; docs/episodes.md */
    const char *feature; /* "" when it is about no feature */
    uint64_t bytes;      /* 0, or the bytes that it is about */
    bool is_incomplete;  /* figures are missing because of it */
    const char *text;    /* one line */
} plim_survey_warning;

typedef struct plim_survey_opts {
    size_t struct_size;
    bool is_range; /* only episodes first_index to last_index, both in */
    uint64_t first_index, last_index;
    bool is_exact;    /* read the data where an index would do */
    bool is_fast;     /* metadata and indexes only; figures may be declared or sampled */
    bool has_worklog; /* fill worklog_bytes: needs the values of the task columns */
    void (*warn)(void *context, const plim_survey_warning *warning); /* NULL: only counted */
    void *context;
} plim_survey_opts;

PLIM_DEFAULTS plim_survey_opts plim_survey_opts_default(void)
{
    plim_survey_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_survey_open - find the format of @path (a folder or a file) and read what leads to it.
 *
 * Owns:    gives *@out, built in @home (a bump region) and everything it needs with it; keeps
 *          @home until close, nobody else takes from it meanwhile. Borrows @path and @opts.
 * Memory:  bounded by @home: some 200 KiB for most formats, more where an index of one file has
 *          to be sorted. Grows with the largest episode's features, never with the data set.
 * Threads: one thread a survey; surveys share nothing.
 * Errors:  E_NOT_FOUND     nothing at @path, or an empty folder.
 *          E_UNSUPPORTED   no reader knows the content, or its version; wanted lists what is read.
 *          E_FORMAT        the metadata is damaged, or an LFS pointer stands in its place.
 *          E_IO            unreadable.  E_RANGE  @home is too small (want, have).
 */
PLIM_API PLIM_MUST_USE plim_status plim_survey_open(const char *path, const plim_survey_opts *opts,
                                                    plim_region *home, plim_survey **out,
                                                    plim_error *err);
PLIM_API void plim_survey_close(plim_survey *self);
PLIM_API const plim_survey_info *plim_survey_get_info(const plim_survey *self);

/* plim_survey_next - the next episode, by rising index; *@out NULL after the last one.
 * A damaged, missing or undownloaded file makes an episode incomplete, with a warning; the walk
 * goes on. Owns:  lends *@out until the next call.
 * Errors:  what ends the walk: E_IO or E_FORMAT of the index itself, E_RANGE of the memory, or of
 *          sizes whose sum over the walk does not fit into 64 bits (field says which). */
PLIM_API PLIM_MUST_USE plim_status plim_survey_next(plim_survey *self,
                                                    const plim_survey_episode **out,
                                                    plim_error *err);

/* plim_survey_memory - bytes of @frames of @feature (as many as it has, at most) with pixels held
 * as @form. A feature that is no picture is held whole whatever @frames is. */
PLIM_API uint64_t plim_survey_memory(const plim_survey_feature *feature, plim_pixel_form form,
                                     uint64_t frames);

/* plim_survey_decoder - frames that a one-thread decoder of @feature holds beside the window, and
 * their bytes. Estimated. 0 for what needs no video decoder. */
PLIM_API uint32_t plim_survey_decoder(const plim_survey_feature *feature, uint64_t *bytes);

/* plim_survey_format - name and one line about reader @index of this build; NULL after the last.
 * *@why is NULL, or the reason why this machine cannot use it (a module that is not there). */
PLIM_API const char *plim_survey_format(uint32_t index, const char **reads, const char **why);

#ifdef __cplusplus
}
#endif
#endif
