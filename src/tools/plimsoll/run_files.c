/* SPDX-License-Identifier: Apache-2.0 */
/* run_files.c - which files a run reads: its artifacts, and the recordings of its episodes.
 *
 * Episodes are found by their file names (episode_000003.parquet, .mp4) below the data set's
 * folder; more than a report holds are left out, the last episode's first to stay.
 */
#include <ftw.h>
#include <stdlib.h>
#include <string.h>

#include "src/tools/plimsoll/deploy.h"

static run_files *found; /* nftw has no context */
static uint32_t wanted;

static int take_file(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    char name[32];
    (void)st;
    snprintf(name, sizeof(name), "episode_%06u.", (unsigned)wanted);
    if (kind == FTW_F && strncmp(path + at->base, name, strlen(name)) == 0 &&
        found->count < PLIM_REPORT_FILES_MAX && strlen(path) < MANIFEST_PATH_BYTES) {
        char *copy = strdup(path);
        if (copy) {
            found->own[found->own_count++] = copy;
            found->path[found->count++] = copy;
        }
    }
    return 0;
}

void run_files_find(run_files *self, const deployment *d)
{
    memset(self, 0, sizeof(*self));
    for (size_t i = 0; i < d->m->engine_count; i++) {
        self->path[self->count++] = d->m->engines[i].artifact;
    }
    found = self;
    for (size_t i = d->episode_count; i-- > 0;) {
        wanted = d->episodes[i].index;
        (void)nftw(d->o->dataset, take_file, 16, FTW_PHYS);
    }
    found = NULL;
}

void run_files_episode(run_files *self, const deployment *d, uint32_t index)
{
    memset(self, 0, sizeof(*self));
    found = self;
    wanted = index;
    (void)nftw(d->o->dataset, take_file, 16, FTW_PHYS);
    found = NULL;
}

void run_files_forget(run_files *self)
{
    for (size_t i = 0; i < self->own_count; i++) {
        free(self->own[i]);
    }
    memset(self, 0, sizeof(*self));
}
