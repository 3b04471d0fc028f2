/* SPDX-License-Identifier: Apache-2.0 */
/* survey_walk.h - a whole data set through the public survey, and its sums. */
#ifndef TEST_SUPPORT_SURVEY_WALK_H
#define TEST_SUPPORT_SURVEY_WALK_H

#include "plimsoll/survey.h"

typedef struct survey_totals {
    uint64_t episode_count, incomplete_count, frame_count;
    uint64_t file_bytes;  /* as the survey counted its files */
    uint64_t parts_bytes; /* features and containers of all episodes, shared containers */
    uint64_t memory_bytes[3];
    uint64_t disk_bytes[3];
    char format[24];
} survey_totals;

/* Fails the test when the walk does. @see (may be NULL) is called with each episode. */
survey_totals survey_walk(const char *path, void (*see)(const plim_survey_episode *episode));

/* The status of opening and walking, for data sets that are damaged; never fails the test. */
plim_status survey_try(const char *path, survey_totals *totals, plim_error *err);

/* The bytes of a small file, for free(). Fails the test when it cannot be read. */
uint8_t *survey_file(const char *path, size_t *bytes);

#endif
