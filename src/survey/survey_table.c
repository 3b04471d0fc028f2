/* SPDX-License-Identifier: Apache-2.0 */
/* survey_table.c - the readers of this build, in the order in which they are asked. */
#include "src/survey/survey_reader.h"

extern const plim_survey_reader plim_survey_lerobot;
extern const plim_survey_reader plim_survey_mcap;
extern const plim_survey_reader plim_survey_rosbag2;
extern const plim_survey_reader plim_survey_hdf5;
extern const plim_survey_reader plim_survey_rlds;
extern const plim_survey_reader plim_survey_zarr;
extern const plim_survey_reader plim_survey_single;

const plim_survey_reader *const plim_survey_readers[] = {
    &plim_survey_lerobot,
    &plim_survey_rosbag2,
    &plim_survey_mcap,
    &plim_survey_hdf5,
    &plim_survey_rlds,
    &plim_survey_zarr,
    &plim_survey_single, /* last: a lone video or table */
    NULL,
};
