/* SPDX-License-Identifier: Apache-2.0 */
/* survey_source.h - what lies at a path, and what to say when no reader knows it. */
#ifndef SURVEY_SURVEY_SOURCE_H
#define SURVEY_SURVEY_SOURCE_H

#include "src/survey/survey_reader.h"

/* plim_survey_source_open - look at @path; slashes at its end are left away in @root, which
 * @self->path points to. Errors:  E_NOT_FOUND, E_IO, E_RANGE; E_FORMAT for an LFS pointer. */
PLIM_MUST_USE plim_status plim_survey_source_open(plim_survey_source *self, const char *path,
                                                  char root[PLIM_SURVEY_PATH_BYTES],
                                                  plim_error *err);

/* plim_survey_source_refuse - the error for what no reader knows: says what it looks like. */
PLIM_MUST_USE plim_status plim_survey_source_refuse(const plim_survey_source *self,
                                                    plim_error *err);

#endif
