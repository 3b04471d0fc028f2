/* SPDX-License-Identifier: Apache-2.0 */
/* made_episode.h - LeRobot data sets made for a test by build/<mode>/make_episode. */
#ifndef TEST_SUPPORT_MADE_EPISODE_H
#define TEST_SUPPORT_MADE_EPISODE_H

#include "test/support/cm.h"

#define MADE_CAMERA "observation.images.ego_view"

/* Runs make_episode with @arguments; the folder lies in cm_tmp(). Fails the test when it
 * cannot; NULL when libavcodec lacks the encoder that was asked for. */
const char *made_episode(const char *arguments);
/* What make_episode writes for joint @i. */
double made_joint(unsigned episode, unsigned step, unsigned i);
/* The frame number that a made picture spells in its top row. */
unsigned made_number(const uint8_t *rgb, unsigned size);
/* A whole file, freed by the caller. */
uint8_t *made_file(const char *folder, const char *name, size_t *bytes);

#endif
