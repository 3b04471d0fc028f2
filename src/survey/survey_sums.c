/* SPDX-License-Identifier: Apache-2.0 */
/* survey_sums.c - an episode's bytes from its parts, and the walk's from its episodes.
 *
 * The whole never says something else than the parts. Sizes are what files claim: a sum that does
 * not fit is refused by name, also where it is only in the form of pixels that takes most, so that
 * whoever adds up the episodes of a walk, in whatever form, cannot overflow.
 * UINT64_MAX as a part stands for what did not fit before it came here.
 */
#include "arena/bytes.h"
#include "src/survey/survey_reader.h"

static bool add(uint64_t part, uint64_t *sum)
{
    return part != UINT64_MAX && bytes_add(*sum, part, sum);
}

static plim_status refuse(const char *field, const char *which, plim_error *err)
{
    plim_error_set(err, PLIM_E_RANGE, "episode", field, "a size", "too large");
    plim_error_detail(err, "%s", which);
    return PLIM_E_RANGE;
}

/* The most that @f takes, whatever is asked: any form of pixels, and its decoder. */
static bool add_memory(const plim_survey_feature *f, uint64_t *sum)
{
    uint64_t most = f->memory_bytes, decoder = 0;
    for (int form = PLIM_PIXELS_RGB24; form <= PLIM_PIXELS_F32; form++) {
        uint64_t bytes = plim_survey_memory(f, (plim_pixel_form)form, UINT64_MAX);
        most = bytes > most ? bytes : most;
    }
    (void)plim_survey_decoder(f, &decoder);
    return add(most, sum) && add(decoder, sum);
}

plim_status plim_survey_add_up(plim_survey_sums *self, plim_survey_episode *episode,
                               plim_error *err)
{
    plim_survey_sums sums = *self;
    uint64_t disk = 0;
    for (uint32_t i = 0; i < episode->feature_count; i++) {
        const plim_survey_feature *f = &episode->features[i];
        if (!add(f->disk_bytes, &disk)) {
            return refuse("bytes on disk", f->name, err);
        }
        if (!add_memory(f, &sums.memory_bytes)) {
            return refuse("bytes in memory", f->name, err);
        }
        if (!add(f->worklog_bytes, &sums.worklog_bytes)) {
            return refuse("bytes by the worklog", f->name, err);
        }
    }
    for (uint32_t i = 0; i < episode->container_count; i++) {
        if (!add(episode->containers[i].bytes, &disk)) {
            return refuse("bytes on disk", episode->containers[i].name, err);
        }
    }
    if (!add(disk, &sums.disk_bytes)) {
        return refuse("bytes on disk", "all episodes", err);
    }
    if (!add(episode->frames, &sums.frames)) {
        return refuse("frames", "all episodes", err);
    }
    episode->disk_bytes = disk;
    *self = sums;
    return PLIM_OK;
}
