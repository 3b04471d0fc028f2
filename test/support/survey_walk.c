/* SPDX-License-Identifier: Apache-2.0 */
/* survey_walk.c - a whole data set through the public survey. */
#include "test/support/survey_walk.h"

#include "plimsoll/plimsoll.h"
#include "test/support/cm.h"

static void add(survey_totals *totals, const plim_survey_episode *e)
{
    totals->episode_count++;
    totals->incomplete_count += !e->is_complete;
    totals->frame_count += e->frames;
    for (uint32_t i = 0; i < e->feature_count; i++) {
        totals->memory_bytes[e->features[i].group] += e->features[i].memory_bytes;
        totals->disk_bytes[e->features[i].group] += e->features[i].disk_bytes;
        totals->parts_bytes += e->features[i].disk_bytes;
    }
    for (uint32_t i = 0; i < e->container_count; i++) {
        totals->parts_bytes += e->containers[i].bytes;
    }
}

/* One for all walks of a program: thousands of them would spend their time in mmap. */
static plim_budget *budget;
static plim_arena *arena;
static plim_region *home;

static plim_status walk(const char *path, survey_totals *totals,
                        void (*see)(const plim_survey_episode *), plim_error *err)
{
    plim_survey *survey;
    const plim_survey_episode *e;
    PLIM_TRY(plim_survey_open(path, NULL, home, &survey, err));
    plim_status status;
    while ((status = plim_survey_next(survey, &e, err)) == PLIM_OK && e) {
        add(totals, e);
        if (see) {
            see(e);
        }
    }
    const plim_survey_info *info = plim_survey_get_info(survey);
    for (uint32_t i = 0; i < info->shared_count; i++) {
        totals->parts_bytes += info->shared[i].bytes;
    }
    totals->file_bytes = info->file_bytes;
    snprintf(totals->format, sizeof(totals->format), "%s", info->format);
    plim_survey_close(survey);
    return status;
}

static void close_home(void)
{
    plim_arena_close(arena);
    plim_budget_close(budget);
}

static void open_home(void)
{
    plim_error err;
    plim_budget_opts b = plim_budget_opts_default();
    plim_region_opts r = plim_region_opts_default();
    b.cap_bytes = 16u << 20;
    r.tag = PLIM_TAG_OTHER;
    r.size_bytes = 8u << 20;
    if (plim_budget_open(plim_provider_mmap(), &b, &budget, &err) != PLIM_OK ||
        plim_arena_open(budget, plim_provider_mmap(), NULL, &arena, &err) != PLIM_OK ||
        plim_region_create(arena, PLIM_REGION_BUMP, &r, &home, &err) != PLIM_OK ||
        atexit(close_home) != 0) {
        fail_msg("no arena for a survey");
    }
}

static plim_status run(const char *path, survey_totals *totals,
                       void (*see)(const plim_survey_episode *), plim_error *err)
{
    *totals = (survey_totals){0};
    if (!home) {
        open_home();
    }
    uint64_t before = plim_region_mark(home);
    plim_status status = walk(path, totals, see, err);
    assert_int_equal(plim_region_mark(home), before); /* all of it was given back */
    return status;
}

survey_totals survey_walk(const char *path, void (*see)(const plim_survey_episode *episode))
{
    plim_error err;
    survey_totals totals;
    assert_ok(run(path, &totals, see, &err));
    return totals;
}

plim_status survey_try(const char *path, survey_totals *totals, plim_error *err)
{
    return run(path, totals, NULL, err);
}

uint8_t *survey_file(const char *path, size_t *bytes)
{
    FILE *f = fopen(path, "rbe");
    if (!f || fseek(f, 0, SEEK_END) != 0) {
        fail_msg("%s cannot be read", path);
        return NULL;
    }
    long size = ftell(f);
    rewind(f);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    *bytes = data ? fread(data, 1, (size_t)size, f) : 0;
    fclose(f);
    if (!data || *bytes != (size_t)size) {
        fail_msg("%s cannot be read", path);
    }
    return data;
}
