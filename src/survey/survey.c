/* SPDX-License-Identifier: Apache-2.0 */
/* survey.c - the walk over a recorded data set that every reader shares.
 *
 * Decides which reader reads a path, where memory starts and ends for each episode, and what a
 * warning is.
 * Invariant: what next took is given back before the next one; the memory of a walk does not grow
 * with the number of episodes.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/survey/survey_reader.h"
#include "src/survey/survey_source.h"

plim_status plim_survey_take(plim_survey *self, uint64_t bytes, void **out, plim_error *err)
{
    *out = NULL;
    if (bytes > SIZE_MAX) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "survey", .want = bytes, .limit = SIZE_MAX);
    }
    PLIM_TRY(plim_region_alloc(self->home, bytes ? (size_t)bytes : 1, 0, out, err));
    memset(*out, 0, (size_t)bytes); /* memory that a former episode used is not clean */
    return PLIM_OK;
}

bool plim_survey_wants(const plim_survey *self, uint64_t index)
{
    return !self->opts.is_range ||
           (index >= self->opts.first_index && index <= self->opts.last_index);
}

plim_status plim_survey_begin(plim_survey *self, uint64_t index, uint32_t feature_limit,
                              plim_error *err)
{
    void *features;
    self->episode = (plim_survey_episode){.index = index, .is_complete = true};
    self->features = NULL;
    self->feature_limit = 0;
    PLIM_TRY(plim_survey_take(self, (uint64_t)feature_limit * sizeof(plim_survey_feature),
                              &features, err));
    self->features = features;
    self->feature_limit = feature_limit;
    self->episode.features = features;
    return PLIM_OK;
}

plim_status plim_survey_add(plim_survey *self, const char *name, plim_feature_group group,
                            plim_survey_feature **out, plim_error *err)
{
    *out = NULL;
    if (self->episode.feature_count == self->feature_limit) {
        return plim_error_set(err, PLIM_E_RANGE, "survey", "features", "as many as begun with",
                              "more");
    }
    plim_survey_feature *feature = &self->features[self->episode.feature_count++];
    *feature = (plim_survey_feature){.group = group, .has_data = true, .is_loaded = true};
    snprintf(feature->name, sizeof(feature->name), "%s", name);
    *out = feature;
    return PLIM_OK;
}

static void contain(plim_survey_container *list, uint32_t *count, const char *name, uint64_t bytes)
{
    uint32_t i = 0;
    while (i < *count && strcmp(list[i].name, name) != 0) {
        i++;
    }
    if (i == PLIM_SURVEY_CONTAINERS_MAX) {
        i--; /* more kinds than room: the last one takes the rest, so that the sum still holds */
    } else if (i == *count) {
        snprintf(list[i].name, sizeof(list[i].name), "%s", name);
        ++*count;
    }
    if (!bytes_add(list[i].bytes, bytes, &list[i].bytes)) {
        list[i].bytes = UINT64_MAX; /* adding up refuses it by its name */
    }
}

void plim_survey_contain(plim_survey *self, const char *name, uint64_t bytes)
{
    contain(self->episode.containers, &self->episode.container_count, name, bytes);
}

void plim_survey_share(plim_survey *self, const char *name, uint64_t bytes)
{
    contain(self->info.shared, &self->info.shared_count, name, bytes);
}

void plim_survey_count_file(plim_survey *self, uint64_t bytes)
{
    self->info.file_count++;
    if (!bytes_add(self->info.file_bytes, bytes, &self->info.file_bytes)) {
        self->info.file_bytes = UINT64_MAX;
    }
}

/* FNV-1a: enough to tell a few hundred lines apart. */
static uint64_t hash_of(const char *text)
{
    uint64_t hash = UINT64_C(0xcbf29ce484222325);
    for (; *text; text++) {
        hash = (hash ^ (uint8_t)*text) * UINT64_C(0x100000001b3);
    }
    return hash;
}

static void warn(plim_survey *self, const plim_survey_warning *warning)
{
    uint64_t hash = hash_of(warning->text);
    for (uint32_t i = 0; i < self->seen_count; i++) {
        if (self->seen[i] == hash) {
            return;
        }
    }
    if (self->seen_count < PLIM_SURVEY_SEEN) {
        self->seen[self->seen_count++] = hash;
    }
    self->info.warning_count++;
    self->info.incomplete_count += warning->is_incomplete;
    if (self->opts.warn) {
        self->opts.warn(self->opts.context, warning);
    }
}

void plim_survey_warn(plim_survey *self, const char *code, const char *feature, uint64_t bytes,
                      const char *format, ...)
{
    char text[320];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    warn(self,
         &(plim_survey_warning){.code = code, .feature = feature, .bytes = bytes, .text = text});
}

/* The file without the data set's own path, which the report's first line says once. */
static const char *below_root(const plim_survey *self, const char *path)
{
    size_t root = strlen(self->root);
    return strncmp(path, self->root, root) == 0 && path[root] == '/' ? path + root + 1 : path;
}

void plim_survey_lost(plim_survey *self, const char *feature, const plim_error *err)
{
    char text[512];
    static const char pointer[] = " bytes not downloaded: ";
    const char *cut = strstr(err->detail, pointer), *where = below_root(self, err->detail);
    plim_survey_warning w = {.feature = feature, .is_incomplete = true, .text = text};
    if (cut && strcmp(err->found, "an LFS pointer") == 0) {
        w.code = "not-downloaded";
        w.bytes = strtoull(err->detail, NULL, 10);
        snprintf(text, sizeof(text), "%s is an LFS pointer, not downloaded",
                 below_root(self, cut + sizeof(pointer) - 1));
    } else if (err->status == PLIM_E_NOT_FOUND) {
        w.code = "missing";
        snprintf(text, sizeof(text), "%s is missing", where);
    } else if (err->status == PLIM_E_UNSUPPORTED) {
        w.code = "unsupported";
        snprintf(text, sizeof(text), "%s: %s %s is not read%s%s", where, err->what, err->field,
                 err->found[0] ? ": " : "", err->found);
    } else {
        w.code = err->status == PLIM_E_IO ? "unreadable" : "damaged";
        snprintf(text, sizeof(text), "%s is %s: %s%s%s%s%s", where, w.code, err->what,
                 err->field[0] ? ", " : "", err->field, err->found[0] ? ": " : "", err->found);
    }
    self->episode.is_complete = false;
    warn(self, &w);
}

static plim_status choose(const plim_survey_source *source, const plim_survey_reader **out,
                          plim_error *err)
{
    for (uint32_t i = 0; plim_survey_readers[i]; i++) {
        const plim_survey_reader *reader = plim_survey_readers[i];
        if (!reader->probe(source)) {
            continue;
        }
        const char *why = reader->why_not ? reader->why_not() : NULL;
        if (why) {
            plim_error_set(err, PLIM_E_UNSUPPORTED, "data set", "format", reader->name, why);
            plim_error_detail(err, "%s", source->path);
            return PLIM_E_UNSUPPORTED;
        }
        *out = reader;
        return PLIM_OK;
    }
    return plim_survey_source_refuse(source, err);
}

static plim_status open_with(const plim_survey_reader *reader, const plim_survey_source *source,
                             const plim_survey_opts *opts, plim_region *home, plim_survey **out,
                             plim_error *err)
{
    void *block;
    uint64_t before = plim_region_mark(home);
    PLIM_TRY(plim_region_alloc(home, sizeof(plim_survey), 0, &block, err));
    plim_survey *self = block;
    *self = (plim_survey){.reader = reader, .home = home, .mark_before = before};
    self->mark_after = plim_region_mark(home);
    memcpy(&self->opts, opts,
           opts->struct_size < sizeof(self->opts) ? opts->struct_size : sizeof(self->opts));
    snprintf(self->root, sizeof(self->root), "%s", source->path);
    snprintf(self->info.format, sizeof(self->info.format), "%s", reader->name);
    self->info.episode_count = UINT64_MAX;
    plim_status status = reader->open(self, source, err);
    if (status != PLIM_OK) {
        plim_survey_close(self);
        return status;
    }
    self->mark_episode = plim_region_mark(home);
    *out = self;
    return PLIM_OK;
}

plim_status plim_survey_open(const char *path, const plim_survey_opts *opts, plim_region *home,
                             plim_survey **out, plim_error *err)
{
    plim_survey_opts defaults = plim_survey_opts_default();
    const plim_survey_reader *reader = NULL;
    plim_survey_source source;
    char root[PLIM_SURVEY_PATH_BYTES];
    if (!out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "data set");
    }
    *out = NULL;
    if (!path || !home || (opts && opts->struct_size < sizeof(opts->struct_size))) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "data set");
    }
    PLIM_TRY(plim_survey_source_open(&source, path, root, err));
    PLIM_TRY(choose(&source, &reader, err));
    return open_with(reader, &source, opts ? opts : &defaults, home, out, err);
}

void plim_survey_close(plim_survey *self)
{
    if (!self) {
        return;
    }
    if (self->reader->close) {
        self->reader->close(self);
    }
    plim_status status = plim_region_rewind(self->home, self->mark_before, NULL);
    (void)status; /* a mark of ours, below the top: cannot fail */
}

const plim_survey_info *plim_survey_get_info(const plim_survey *self)
{
    return &self->info;
}

plim_status plim_survey_next(plim_survey *self, const plim_survey_episode **out, plim_error *err)
{
    bool is_end = false;
    *out = NULL;
    if (self->is_over) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_region_rewind(self->home, self->mark_episode, err));
    self->episode = (plim_survey_episode){0};
    plim_status status = self->reader->next(self, &is_end, err);
    self->is_over = is_end || status != PLIM_OK;
    if (status != PLIM_OK || is_end) {
        return status;
    }
    status = plim_survey_add_up(&self->sums, &self->episode, err);
    self->is_over = status != PLIM_OK;
    PLIM_TRY(status);
    *out = &self->episode;
    return PLIM_OK;
}

const char *plim_survey_format(uint32_t index, const char **reads, const char **why)
{
    for (uint32_t i = 0; i <= index; i++) {
        if (!plim_survey_readers[i]) {
            return NULL;
        }
    }
    const plim_survey_reader *reader = plim_survey_readers[index];
    *reads = reader->reads;
    *why = reader->why_not ? reader->why_not() : NULL;
    return reader->name;
}
