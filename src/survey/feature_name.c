/* SPDX-License-Identifier: Apache-2.0 */
/* feature_name.c - words that recorded data sets use for their arrays, and shapes of pictures.
 *
 * Decides by the words that ALOHA, robomimic, LIBERO, Isaac Lab, RLDS and diffusion policy use. A
 * name that says nothing is "other": counted all the same, only shown elsewhere.
 */
#include "src/survey/feature_name.h"

#include <ctype.h>
#include <string.h>

static bool has_word(const char *name, const char *const *words, size_t count)
{
    char low[160];
    size_t n = 0;
    for (; name[n] && n + 1 < sizeof(low); n++) {
        low[n] = (char)tolower((unsigned char)name[n]);
    }
    low[n] = 0;
    for (size_t i = 0; i < count; i++) {
        if (strstr(low, words[i])) {
            return true;
        }
    }
    return false;
}

bool plim_feature_names_picture(const char *name)
{
    static const char *const WORDS[] = {"image", "img", "rgb", "depth", "camera", "video", "cam_"};
    return has_word(name, WORDS, sizeof(WORDS) / sizeof(WORDS[0]));
}

plim_feature_group plim_feature_named_group(const char *name)
{
    static const char *const WORDS[] = {
        "action", "state", "qpos", "qvel", "effort", "joint",  "gripper", "eef",         "pose",
        "robot",  "pos",   "quat", "vel",  "force",  "torque", "tactile", "articulation"};
    return has_word(name, WORDS, sizeof(WORDS) / sizeof(WORDS[0])) ? PLIM_FEATURE_STATE_ACTION
                                                                   : PLIM_FEATURE_OTHER;
}

static bool is_channels(int64_t n)
{
    return n == 1 || n == 3 || n == 4;
}

static bool is_side(int64_t n)
{
    return n >= 8 && n <= 1 << 20;
}

bool plim_feature_is_picture(const char *name, uint32_t rank, const int64_t *shape, bool is_u8,
                             uint32_t *height, uint32_t *width, uint32_t *channels)
{
    bool named = plim_feature_names_picture(name);
    *height = 1, *width = 2, *channels = rank;
    if ((rank != 3 && rank != 4) || (!is_u8 && !named)) {
        return false;
    }
    if (rank == 3) {
        return named && is_side(shape[1]) && is_side(shape[2]);
    }
    if (is_side(shape[1]) && is_side(shape[2]) && is_channels(shape[3])) {
        *channels = 3;
        return true;
    }
    *channels = 1, *height = 2, *width = 3;
    return is_channels(shape[1]) && is_side(shape[2]) && is_side(shape[3]);
}
