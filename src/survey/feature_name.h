/* SPDX-License-Identifier: Apache-2.0 */
/* feature_name.h - the group of an array whose format has no word for it: by name and shape. */
#ifndef SURVEY_FEATURE_NAME_H
#define SURVEY_FEATURE_NAME_H

#include "plimsoll/survey.h"

/* plim_feature_is_picture - is an array of @rank (steps first) and @shape one of pictures? The last
 * two or three sides are height, width and channels: of 8 bits always, of other types when
 * its name says so. Gives the place of height, width, channels in @shape (channels: @rank when it
 * has none). */
bool plim_feature_is_picture(const char *name, uint32_t rank, const int64_t *shape, bool is_u8,
                             uint32_t *height, uint32_t *width, uint32_t *channels);

/* plim_feature_named_group - state and action, or other. */
plim_feature_group plim_feature_named_group(const char *name);

/* Does the name say that it holds pictures ("images/cam_high", "obs/agentview_rgb")? */
bool plim_feature_names_picture(const char *name);

#endif
