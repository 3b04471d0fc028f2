/* SPDX-License-Identifier: Apache-2.0 */
/* video.h - decoding video is a plug-in: one table, found at run time.
 *
 * The library never links a decoder: merely linking one costs tens of megabytes before main. A
 * plug-in is a shared object that exports `plim_video_plugin_ops`, which gives its table. It is
 * looked for at opts.video_plugin, then the environment's PLIMSOLL_VIDEO, then beside the library
 * or the program. A plug-in calls back through plim_video_host for every byte that a frame
 * takes, so that decoder frames stand under the load line too; it links nothing of ours.
 */
#ifndef EPISODE_VIDEO_H
#define EPISODE_VIDEO_H

#include <stdbool.h>

#include "plimsoll/status.h"

#define PLIM_VIDEO_ABI    1u
#define PLIM_VIDEO_SYMBOL "plim_video_plugin_ops"

typedef struct plim_video plim_video; /* an open file; the plug-in's own */

/* Where the decoder's frames come from. Called on the thread that calls the table. */
typedef struct plim_video_host {
    size_t struct_size;
    void *context;
    /* A frame of the decoder, aligned to 64. All frames of a file are of one size: the first
     * call says which. */
    plim_status (*alloc)(void *context, size_t size_bytes, void **out, plim_error *err);
    void (*free)(void *context, void *block);
    /* Frames that a decoder keeps in memory of its own: counted, not placed. */
    plim_status (*charge)(void *context, uint64_t bytes, plim_error *err);
    void (*credit)(void *context, uint64_t bytes);
} plim_video_host;

typedef struct plim_video_ops {
    size_t struct_size; /* of the table that the plug-in was built with */
    uint32_t abi;       /* PLIM_VIDEO_ABI; another number is refused */
    const char *name;
    /* All required. @host is kept until close. E_FORMAT: damaged; E_UNSUPPORTED: no decoder. */
    plim_status (*open)(const char *path, const plim_video_host *host, plim_video **out,
                        plim_error *err);
    /* The next frame in the order of showing becomes the current one; *is_end: there is none.
     * After an error only rewind and close may follow. */
    plim_status (*next)(plim_video *video, bool *is_end, plim_error *err);
    /* The current frame as RGB24, @width * 3 bytes a row without gaps; may be called again.
     * E_FORMAT when the frame is of another size. */
    plim_status (*convert)(plim_video *video, uint32_t width, uint32_t height, uint8_t *rgb,
                           plim_error *err);
    /* Back to before the first frame. */
    plim_status (*rewind)(plim_video *video, plim_error *err);
    void (*close)(plim_video *video);
} plim_video_ops;

typedef const plim_video_ops *(*plim_video_entry)(void);

typedef struct plim_video_plugin {
    void *library;
    const plim_video_ops *ops; /* NULL: not open */
} plim_video_plugin;

/* plim_video_plugin_open - find and open it; does nothing when @self is open already.
 * Errors:  E_UNSUPPORTED  nowhere, or of another ABI; detail names the places and the remedy. */
PLIM_MUST_USE plim_status plim_video_plugin_open(plim_video_plugin *self, const char *path,
                                                 plim_error *err);
void plim_video_plugin_close(plim_video_plugin *self);

#endif
