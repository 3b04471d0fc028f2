/* SPDX-License-Identifier: Apache-2.0 */
/* episode.h - recorded episodes under a window.
 *
 * A data set is opened by content; here LeRobot v2.0/2.1 (with GR00T's modality.json).
 * Frames are decoded into equal blocks of a pool region tagged "episode", at most
 * frames_limit of them per camera; a frame is dropped after its last reader and the block
 * goes to the next frame. Files win over metadata that lies; every disagreement is counted
 * as a warning with text.
 */
#ifndef PLIMSOLL_EPISODE_H
#define PLIMSOLL_EPISODE_H

#include "plimsoll/tensor.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct plim_dataset plim_dataset;
typedef struct plim_episode plim_episode;

#define PLIM_DATASET_FEATURES_MAX 64

typedef enum plim_feature_group {
    PLIM_FEATURE_VIDEO = 0,
    PLIM_FEATURE_STATE_ACTION = 1,
    PLIM_FEATURE_OTHER = 2,
} plim_feature_group;

typedef struct plim_feature {
    char name[96];
    plim_feature_group group;
    plim_dtype dtype; /* NONE for text; U8 for video */
    uint32_t rank;
    int64_t shape[PLIM_TENSOR_RANK_MAX]; /* of one step; video: height, width, channels */
    bool has_files;                      /* false: declared in info.json, but nothing on disk */
} plim_feature;

typedef struct plim_dataset_info {
    char format[32];   /* "lerobot" */
    char version[16];  /* "v2.0" */
    bool has_modality; /* GR00T's modality.json is there */
    double frames_per_second;
    uint32_t episode_count;
    uint64_t frame_count; /* sum of the episodes' lengths */
    uint32_t feature_count;
    plim_feature features[PLIM_DATASET_FEATURES_MAX];
    uint32_t warning_count;
} plim_dataset_info;

/* plim_dataset_open - read the metadata of the data set in folder @path.
 * Owns:    gives *@out, built in @home (one block; bump or dynamic); keeps @home until close.
 * Memory:  some 60 KiB and 8 bytes an episode; episodes.jsonl is read line by line.
 * Errors:  E_NOT_FOUND no such folder or metadata file; E_FORMAT names file, line, field;
 *          E_UNSUPPORTED another version or format; those of @home. */
PLIM_API PLIM_MUST_USE plim_status plim_dataset_open(const char *path, plim_region *home,
                                                     plim_dataset **out, plim_error *err);
PLIM_API void plim_dataset_close(plim_dataset *self);
PLIM_API const plim_dataset_info *plim_dataset_get_info(const plim_dataset *self);

/* plim_dataset_warning - text of warning @index; NULL past the last one that is kept (the first
 * 64 are). Measuring and opening episodes may add to them; the same text counts once. */
PLIM_API const char *plim_dataset_warning(const plim_dataset *self, uint32_t index);

/* Bytes of one episode: on disk, and in memory if all of it were decoded (rgb24).
 * disk_bytes + container_bytes is the size of the episode's files, to the byte. */
typedef struct plim_episode_size {
    uint32_t index;
    uint64_t frame_count;
    uint64_t disk_bytes[3]; /* by plim_feature_group; containers are in container_bytes */
    uint64_t memory_bytes[3];
    uint64_t container_bytes;
} plim_episode_size;

/* plim_dataset_measure - from footers and indexes alone: nothing is decoded.
 * Errors:  E_NOT_FOUND no such episode, or its table of numbers is missing (a missing video is a
 *          warning and 0 bytes); E_FORMAT, E_UNSUPPORTED from the files. */
PLIM_API PLIM_MUST_USE plim_status plim_dataset_measure(plim_dataset *self, uint32_t index,
                                                        plim_episode_size *out, plim_error *err);

/* Frames of one camera in memory at most, unless told otherwise. */
#define PLIM_FRAMES_DEFAULT 600u

typedef struct plim_episode_opts {
    size_t struct_size;
    uint32_t frames_limit; /* max_frames_in_mem, per camera; 0: PLIM_FRAMES_DEFAULT */
    uint32_t reader_count; /* how often each frame will be released; 0: 1 */
    plim_arena *arena;     /* the pool regions are made here; required */
    plim_owner owner;
    const char *video_plugin; /* path of the decoder plug-in; NULL: PLIMSOLL_VIDEO or beside
                               * the library */
} plim_episode_opts;

PLIM_DEFAULTS plim_episode_opts plim_episode_opts_default(void)
{
    plim_episode_opts o = PLIM_ZERO;
    o.struct_size = sizeof(o);
    return o;
}

/* plim_episode_open - one episode: numbers decoded, no frame yet; opens files, makes the pools.
 *
 * The whole window is committed now, so that one that does not fit is refused here.
 * Owns:    gives *@out; keeps @dataset and opts->arena until close.
 * Errors:  E_BUDGET the window does not fit; E_UNSUPPORTED no video plug-in (and the remedy), or a
 *          column encoding that is not read, by name; E_NOT_FOUND an episode or file that is not
 *          there; E_FORMAT damaged files. */
PLIM_API PLIM_MUST_USE plim_status plim_episode_open(plim_dataset *dataset, uint32_t index,
                                                     const plim_episode_opts *opts,
                                                     plim_episode **out, plim_error *err);

/* plim_episode_close - free the window and everything held; the account falls to what it
 * was before open. */
PLIM_API void plim_episode_close(plim_episode *self);

/* plim_episode_frame - acquire frame @step of camera @feature: u8 [height, width, 3].
 *
 * Decodes forward as needed; steps that are passed over are not kept. A step behind the window is
 * E_RANGE, one whose window is full of unreleased frames is E_BUDGET (want 1 frame, have 0).
 * Each frame is acquired and released reader_count times; the last release drops it.
 * Owns:    gives a loan; plim_episode_release returns it. The data stays put meanwhile.
 * Errors:  E_FORMAT  damaged video; E_NOT_FOUND no such camera or step; E_STATE all readers hold
 *          it. After a failure the window is as before, and the call may be repeated.
 *
 * plim_episode_release - Errors: E_STATE nobody holds that frame; E_NOT_FOUND no such camera. */
PLIM_API PLIM_MUST_USE plim_status plim_episode_frame(plim_episode *self, const char *feature,
                                                      uint64_t step, plim_tensor *out,
                                                      plim_error *err);
PLIM_API PLIM_MUST_USE plim_status plim_episode_release(plim_episode *self, const char *feature,
                                                        uint64_t step, plim_error *err);

/* plim_episode_row - a view of a numeric column at @step: shape of the feature. No copy: the
 * whole column is decoded into the arena at open, it is small. */
PLIM_API PLIM_MUST_USE plim_status plim_episode_row(plim_episode *self, const char *feature,
                                                    uint64_t step, plim_tensor *out,
                                                    plim_error *err);

/* plim_episode_drop_video - free every frame of every camera that no reader holds (row S10).
 * Returns the bytes that the account fell by. */
PLIM_API uint64_t plim_episode_drop_video(plim_episode *self);

typedef struct plim_episode_stats {
    uint32_t index;
    uint64_t frame_count; /* steps in the episode */
    uint64_t frames_decoded, frames_dropped, frames_now, frames_peak;
    uint64_t video_now_bytes, video_peak_bytes; /* committed pool bytes */
    uint64_t state_action_bytes, other_bytes;
    uint64_t decoder_bytes; /* the decoder's own frames, measured through its buffers */
    uint64_t table_bytes;   /* our own tables, and rounding up to whole granules */
} plim_episode_stats;

/* plim_episode_read - the account rose since open by video_now + state_action + other + decoder +
 * table bytes, exactly. */
PLIM_API void plim_episode_read(const plim_episode *self, plim_episode_stats *out);

#ifdef __cplusplus
}
#endif
#endif
