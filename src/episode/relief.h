/* SPDX-License-Identifier: Apache-2.0 */
/* relief.h - what a pressure ladder may ask of an episode, from another thread. */
#ifndef EPISODE_RELIEF_H
#define EPISODE_RELIEF_H

#include "plimsoll/episode.h"

typedef enum plim_relief {
    PLIM_RELIEF_TRIM = 1,   /* pages of frames that no reader needs */
    PLIM_RELIEF_SHRINK = 2, /* and no more than one frame a camera from now on */
    PLIM_RELIEF_WIDEN = 3,  /* the whole window again */
} plim_relief;

/* plim_episode_relieve - do it now when no call on @self is under way, else leave it to that call,
 * which does it at its end: nobody waits for a decoder. Returns the bytes that the account fell by
 * since the last such call, whoever did it.
 * Threads: any, beside those of the episode. */
uint64_t plim_episode_relieve(plim_episode *self, plim_relief wish);

#endif
