/* SPDX-License-Identifier: Apache-2.0 */
/* video_plugin.c - find the decoder plug-in, open it, and check that its table is whole.
 *
 * A path that was named (by the caller, or in the environment) is taken or refused; it never
 * falls through to another place. Without one the folders of the library or program are tried.
 */
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "platform/shared_object.h"
#include "src/episode/beside.h"
#include "src/episode/video.h"

#define PLUGIN_FILE "plimsoll-video.so"

static plim_status refuse(plim_error *err, const char *found, const char *detail)
{
    plim_error_set(err, PLIM_E_UNSUPPORTED, "video", "plug-in",
                   PLUGIN_FILE ": name it in PLIMSOLL_VIDEO, or put it beside the library", found);
    plim_error_detail(err, "%s", detail);
    return PLIM_E_UNSUPPORTED;
}

static plim_status open_at(plim_video_plugin *self, const char *path, plim_error *err)
{
    /* Once loaded it stays: libraries below libav allocate in their constructors and free nothing
     * when they are unloaded, so that a data set opened and closed again would leak each time. */
    void *library = NULL;
    plim_error why = {.status = PLIM_OK};
    if (plim_shared_object_open(path, true, &library, &why) != PLIM_OK) {
        return refuse(err, "a file that cannot be opened", why.detail);
    }
    plim_video_entry entry =
        (plim_video_entry)plim_shared_object_function(library, PLIM_VIDEO_SYMBOL);
    const plim_video_ops *ops = entry ? entry() : NULL;
    if (!ops || ops->abi != PLIM_VIDEO_ABI || ops->struct_size < sizeof(*ops) || !ops->open ||
        !ops->next || !ops->convert || !ops->rewind || !ops->close) {
        plim_shared_object_close(library);
        return refuse(err, "a plug-in of another version", path);
    }
    *self = (plim_video_plugin){.library = library, .ops = ops};
    return PLIM_OK;
}

plim_status plim_video_plugin_open(plim_video_plugin *self, const char *path, plim_error *err)
{
    if (self->ops) {
        return PLIM_OK;
    }
    const char *named = path && *path ? path : getenv("PLIMSOLL_VIDEO");
    if (named && *named) {
        return open_at(self, named, err);
    }
    char at[PATH_MAX];
    return plim_beside_find(PLUGIN_FILE, at, sizeof(at)) ? open_at(self, at, err)
                                                         : refuse(err, "no such file", at);
}

void plim_video_plugin_close(plim_video_plugin *self)
{
    if (self) {
        plim_shared_object_close(self->library);
        *self = (plim_video_plugin){0};
    }
}
