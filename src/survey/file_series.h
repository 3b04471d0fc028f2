/* SPDX-License-Identifier: Apache-2.0 */
/* file_series.h - the files of a folder in order, however many there are. */
#ifndef SURVEY_FILE_SERIES_H
#define SURVEY_FILE_SERIES_H

#include "src/survey/survey_reader.h"

#define PLIM_SERIES_NAMES      64u
#define PLIM_SERIES_NAME_BYTES 256u

typedef bool (*plim_series_wants)(const char *name);

/* One folder's names, PLIM_SERIES_NAMES at a time: the folder is listed again for the next ones. */
typedef struct plim_series {
    const char *root; /* borrowed */
    plim_series_wants wants;
    uint32_t count, at;
    bool is_last, has_before;
    char before[PLIM_SERIES_NAME_BYTES]; /* all up to this one were given */
    char names[PLIM_SERIES_NAMES][PLIM_SERIES_NAME_BYTES];
} plim_series;

void plim_series_init(plim_series *self, const char *root, plim_series_wants wants);

/* The next name, lent until the next call; NULL after the last. Numbers inside names count as
 * numbers: episode_2 comes before episode_10. Names above 255 bytes cannot exist. */
PLIM_MUST_USE plim_status plim_series_next(plim_series *self, const char **out, plim_error *err);

/* Counts the bytes of every file that is left in the series to the data set's own share: those
 * whose name ends with @metadata (NULL: none does) as metadata, others as other files. */
PLIM_MUST_USE plim_status plim_series_share_rest(plim_series *self, plim_survey *survey,
                                                 const char *metadata, plim_error *err);

/* Does @name end with @suffix? */
bool plim_name_ends(const char *name, const char *suffix);

#endif
