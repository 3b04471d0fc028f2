/* SPDX-License-Identifier: Apache-2.0 */
/* camera.h - one camera of an open episode: decoder, window, and the pools behind them. */
#ifndef EPISODE_CAMERA_H
#define EPISODE_CAMERA_H

#include "plimsoll/episode.h"
#include "src/episode/video.h"
#include "src/episode/window.h"

typedef struct plim_camera {
    const plim_feature *feature;
    uint32_t width, height;
    uint32_t frame_count;          /* in the file */
    const uint32_t *frame_of_step; /* rising */
    plim_window window;
    plim_arena *arena;
    plim_owner owner;
    plim_region *pool;         /* of RGB frames; tag episode */
    plim_region *decoder_pool; /* of the decoder's frames; tag plugin; made when it first asks */
    uint32_t held_to;       /* frames in memory at most, while memory is short; 0: no such bound */
    uint64_t foreign_bytes; /* decoder frames in memory of its own; tag plugin */
    uint64_t frame_bytes;
    plim_video_host host;
    const plim_video_ops *ops;
    plim_video *video;
    int64_t frame_at;       /* the decoder's current frame; -1: before the first */
    bool is_lost;           /* decoding failed: rewind before the next attempt */
    uint64_t decoded_count; /* frames that the decoder gave */
} plim_camera;

/* Bytes of one frame's block in the pool. */
PLIM_MUST_USE plim_status plim_camera_frame_bytes(uint32_t width, uint32_t height, uint64_t *frame,
                                                  uint64_t *block, plim_error *err);

/* plim_camera_open - make the pool for the whole window and open the decoder. The fields above
 * the pools and the window are set by the caller before; on failure nothing is left.
 * Errors:  E_BUDGET, E_NOMEM, E_FRAG from the arena; those of the plug-in. */
PLIM_MUST_USE plim_status plim_camera_open(plim_camera *self, const plim_video_ops *ops,
                                           const char *path, plim_error *err);
void plim_camera_close(plim_camera *self);

/* As plim_episode_frame and plim_episode_release. */
PLIM_MUST_USE plim_status plim_camera_frame(plim_camera *self, uint64_t step, plim_tensor *out,
                                            plim_error *err);
PLIM_MUST_USE plim_status plim_camera_release(plim_camera *self, uint64_t step, plim_error *err);

/* Frees the frames that nobody holds, and their pages. */
void plim_camera_drop(plim_camera *self);

/* Gives back pages of frames that no reader holds or waits for; @keep frames' room stays
 * committed, so that reading can go on under a seal. Returns the bytes that the account fell by. */
uint64_t plim_camera_trim(plim_camera *self, uint32_t keep);

#endif
