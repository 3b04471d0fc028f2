/* SPDX-License-Identifier: Apache-2.0 */
/* episode.c - one episode in memory: numbers whole, frames through a window.
 *
 * Opening reads the table's footer and each video's index first, so that every region is made in
 * its final size: one bump region holds this object, the window's tables and the numeric columns;
 * one pool per camera holds the frames. A scratch region for decoding the columns is gone when
 * open returns. Steps = min(rows, length in episodes.jsonl).
 * A pressure ladder may want memory back while another thread reads (relief.h): every call holds
 * the episode's lock, which the ladder only tries; what it cannot do itself it leaves in asked,
 * and the call that holds the lock does it at its end.
 * Invariant: what the account rose by since open is video_now + state_action + other + decoder +
 * table bytes of the stats, to the byte; after close it is 0.
 */
#include <inttypes.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/episode/camera.h"
#include "src/episode/columns.h"
#include "src/episode/dataset_files.h"
#include "src/episode/pairing.h"
#include "src/episode/relief.h"

#define ALIGN 64u

struct plim_episode {
    plim_dataset *dataset;
    plim_region *home;
    plim_memory_kind kind;
    uint32_t index, step_count;
    uint32_t camera_count, open_count; /* cameras there are; cameras that are open */
    plim_camera *cameras;
    plim_columns columns;
    pthread_mutex_t lock;      /* one call at a time; a ladder's beside the readers' */
    _Atomic uint32_t asked;    /* plim_relief, or 0; the last wish counts */
    _Atomic uint64_t relieved; /* bytes given back that no ladder was told of */
};

/* What opening needs and the episode does not. */
typedef struct episode_plan {
    plim_dataset *dataset;
    const plim_episode_opts *opts;
    uint32_t index, step_count, camera_count;
    uint32_t slot_limit, reader_count;
    uint32_t feature[PLIM_DATASET_FEATURES_MAX]; /* of each camera */
    plim_columns columns;
    uint64_t home_bytes, scratch_bytes;
    plim_region *home, *scratch;
} episode_plan;

/* ---- sizes first ---- */

static bool add_room(uint64_t *sum, uint64_t count, uint64_t item)
{
    uint64_t bytes;
    return bytes_mul(count, item, &bytes) && bytes_align_up(bytes, ALIGN, &bytes) &&
           bytes_add(*sum, bytes, sum);
}

static plim_status too_large(plim_error *err)
{
    return PLIM_FAIL(err, PLIM_E_RANGE, .what = "episode");
}

static plim_status plan_table(episode_plan *p, plim_error *err)
{
    plim_dataset *dataset = p->dataset;
    const plim_lerobot_episode *entry;
    plim_file_bytes file;
    PLIM_TRY(plim_dataset_find(dataset, p->index, &entry, err));
    PLIM_TRY(
        plim_dataset_open_table(dataset, p->index, &file, plim_columns_visit, &p->columns, err));
    plim_file_bytes_close(&file);
    PLIM_TRY(plim_columns_plan(&p->columns, dataset, err));
    uint64_t rows = dataset->parquet.row_count;
    p->step_count = rows < entry->length ? (uint32_t)rows : entry->length;
    if (rows != entry->length) {
        plim_warnings_add(&dataset->warnings,
                          "episode %u: %" PRIu64 " rows, episodes.jsonl says %u", p->index, rows,
                          entry->length);
    }
    if (!p->step_count) {
        plim_error_set(err, PLIM_E_FORMAT, "episode", "rows", "1 at least", "0");
        plim_error_detail(err, "%s", dataset->path);
        return PLIM_E_FORMAT;
    }
    p->scratch_bytes = p->columns.scratch_bytes;
    for (uint32_t i = 0; i < p->columns.count; i++) {
        if (!add_room(&p->home_bytes, p->columns.column[i].bytes, 1)) {
            return too_large(err);
        }
    }
    return PLIM_OK;
}

static plim_status plan_video(episode_plan *p, uint32_t feature, plim_error *err)
{
    plim_dataset *dataset = p->dataset;
    plim_file_bytes file;
    plim_mp4 mp4;
    uint64_t ticks;
    PLIM_TRY(plim_dataset_open_video(dataset, p->index, &dataset->info.features[feature], &file,
                                     &mp4, err));
    plim_file_bytes_close(&file);
    if (!mp4.sample_count) {
        return plim_error_set(err, PLIM_E_FORMAT, "mp4", dataset->info.features[feature].name,
                              "1 frame at least", "0");
    }
    if (!bytes_mul(mp4.sample_count, sizeof(int64_t), &ticks) ||
        !add_room(&p->home_bytes, p->step_count, 2 * sizeof(uint32_t)) ||
        !add_room(&p->home_bytes, p->slot_limit, sizeof(plim_window_slot))) {
        return too_large(err);
    }
    p->scratch_bytes = ticks > p->scratch_bytes ? ticks : p->scratch_bytes;
    p->feature[p->camera_count++] = feature;
    return PLIM_OK;
}

static plim_status plan(episode_plan *p, plim_error *err)
{
    const plim_episode_opts *opts = p->opts;
    PLIM_TRY(plan_table(p, err));
    uint32_t limit = opts->frames_limit ? opts->frames_limit : PLIM_FRAMES_DEFAULT;
    p->slot_limit = limit < p->step_count ? limit : p->step_count;
    p->reader_count = opts->reader_count ? opts->reader_count : 1;
    for (uint32_t i = 0; i < p->dataset->info.feature_count; i++) {
        if (plim_dataset_has_video(p->dataset, i)) {
            PLIM_TRY(plan_video(p, i, err));
        }
    }
    p->dataset->info.warning_count = p->dataset->warnings.count;
    if (!add_room(&p->home_bytes, 1, sizeof(plim_episode)) ||
        !add_room(&p->home_bytes, p->camera_count, sizeof(plim_camera))) {
        return too_large(err);
    }
    return p->camera_count ? plim_video_plugin_open(&p->dataset->plugin, opts->video_plugin, err)
                           : PLIM_OK;
}

/* ---- then memory ---- */

static plim_status make_region(const episode_plan *p, const char *name, uint64_t bytes,
                               plim_region **out, plim_error *err)
{
    plim_region_opts opts = plim_region_opts_default();
    opts.name = name;
    opts.owner = p->opts->owner;
    opts.tag = PLIM_TAG_EPISODE;
    opts.size_bytes = bytes ? bytes : ALIGN;
    return plim_region_create(p->opts->arena, PLIM_REGION_BUMP, &opts, out, err);
}

static plim_status make_object(episode_plan *p, plim_episode **out, plim_error *err)
{
    void *block;
    PLIM_TRY(make_region(p, "episode", p->home_bytes, &p->home, err));
    PLIM_TRY(plim_region_alloc(p->home, sizeof(plim_episode), ALIGN, &block, err));
    plim_episode *self = block;
    memset(self, 0, sizeof(*self));
    pthread_mutex_init(&self->lock, NULL);
    self->dataset = p->dataset;
    self->home = p->home;
    self->kind = plim_provider_kind(plim_arena_provider(p->opts->arena));
    self->index = p->index;
    self->step_count = p->step_count;
    self->columns = p->columns;
    *out = self;
    return make_region(p, "episode scratch", p->scratch_bytes, &p->scratch, err);
}

static plim_status read_columns(episode_plan *p, plim_episode *self, plim_error *err)
{
    plim_file_bytes file;
    void *scratch = NULL;
    uint64_t bytes = p->columns.scratch_bytes;
    if (bytes) {
        PLIM_TRY(plim_region_alloc(p->scratch, (size_t)bytes, ALIGN, &scratch, err));
    }
    PLIM_TRY(plim_dataset_open_table(p->dataset, p->index, &file, NULL, NULL, err));
    plim_status status =
        plim_columns_read(&self->columns, p->dataset, &file, p->home, scratch, err);
    plim_file_bytes_close(&file);
    plim_region_reset(p->scratch);
    return status;
}

static void warn_pairing(const plim_episode *self, const plim_camera *camera,
                         const plim_pairing_result *result)
{
    plim_warnings *warnings = &self->dataset->warnings;
    double half = 0.5 / self->dataset->info.frames_per_second;
    if (!result->is_by_order) {
        plim_warnings_add(warnings,
                          "%s episode %u: %u frames, %" PRIu64 " rows; paired by time: %u frames "
                          "shown twice, %u never",
                          camera->feature->name, self->index, camera->frame_count,
                          self->columns.row_count, result->repeated, result->skipped);
    }
    if (result->is_by_order && result->drift_seconds > half) {
        plim_warnings_add(warnings, "%s episode %u: timestamps and frame times drift %.3f s apart",
                          camera->feature->name, self->index, result->drift_seconds);
    }
}

static plim_status pair_frames(episode_plan *p, plim_episode *self, plim_camera *camera,
                               const plim_file_bytes *file, const plim_mp4 *mp4, uint32_t *frames,
                               plim_error *err)
{
    const plim_column *time = plim_columns_find(&self->columns, "timestamp");
    void *ticks;
    PLIM_TRY(
        plim_region_alloc(p->scratch, mp4->sample_count * sizeof(int64_t), ALIGN, &ticks, err));
    plim_status status = plim_mp4_ticks(file, mp4, ticks, err);
    if (status == PLIM_OK) {
        bool is_time = time && time->data && time->width == 1 &&
                       (time->dtype == PLIM_F32 || time->dtype == PLIM_F64);
        plim_pairing_input in = {.ticks = ticks,
                                 .frame_count = mp4->sample_count,
                                 .timescale = mp4->timescale,
                                 .seconds = is_time ? time->data : NULL,
                                 .is_double = is_time && time->dtype == PLIM_F64,
                                 .row_count = (uint32_t)self->columns.row_count,
                                 .frames_per_second = p->dataset->info.frames_per_second};
        plim_pairing_result result = plim_pairing_solve(&in, p->step_count, frames);
        warn_pairing(self, camera, &result);
    }
    plim_region_reset(p->scratch);
    return status;
}

static plim_status open_camera(episode_plan *p, plim_episode *self, plim_camera *camera,
                               uint32_t feature, plim_error *err)
{
    plim_file_bytes file;
    plim_mp4 mp4;
    void *tables, *slots;
    *camera = (plim_camera){.feature = &p->dataset->info.features[feature],
                            .arena = p->opts->arena,
                            .owner = p->opts->owner};
    PLIM_TRY(plim_region_alloc(p->home, 2 * sizeof(uint32_t) * (size_t)p->step_count, ALIGN,
                               &tables, err));
    PLIM_TRY(plim_region_alloc(p->home, sizeof(plim_window_slot) * (size_t)p->slot_limit, ALIGN,
                               &slots, err));
    uint32_t *frames = tables;
    plim_window_init(&camera->window, slots, p->slot_limit, frames + p->step_count, p->step_count,
                     p->reader_count);
    PLIM_TRY(plim_dataset_open_video(p->dataset, p->index, camera->feature, &file, &mp4, err));
    camera->width = mp4.width;
    camera->height = mp4.height;
    camera->frame_count = mp4.sample_count;
    camera->frame_of_step = frames;
    plim_status status = pair_frames(p, self, camera, &file, &mp4, frames, err);
    plim_file_bytes_close(&file);
    PLIM_TRY(status);
    return plim_camera_open(camera, p->dataset->plugin.ops, p->dataset->path, err);
}

static plim_status open_cameras(episode_plan *p, plim_episode *self, plim_error *err)
{
    void *block;
    if (!p->camera_count) {
        return PLIM_OK;
    }
    PLIM_TRY(plim_region_alloc(p->home, sizeof(plim_camera) * p->camera_count, ALIGN, &block, err));
    self->cameras = block;
    self->camera_count = p->camera_count;
    for (uint32_t i = 0; i < p->camera_count; i++) {
        PLIM_TRY(open_camera(p, self, &self->cameras[i], p->feature[i], err));
        self->open_count++;
    }
    p->dataset->info.warning_count = p->dataset->warnings.count;
    return PLIM_OK;
}

static plim_episode_opts read_opts(const plim_episode_opts *given)
{
    plim_episode_opts opts = plim_episode_opts_default();
    size_t size = given ? given->struct_size : 0;
    memcpy(&opts, given, size < sizeof(opts) ? size : sizeof(opts));
    return opts;
}

plim_status plim_episode_open(plim_dataset *dataset, uint32_t index, const plim_episode_opts *opts,
                              plim_episode **out, plim_error *err)
{
    plim_episode *self = NULL;
    if (!out) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "episode");
    }
    *out = NULL;
    if (!dataset || !opts) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "episode");
    }
    plim_episode_opts mine = read_opts(opts);
    if (!mine.arena) {
        return plim_error_set(err, PLIM_E_ARG, "episode", "arena", "an arena", "none");
    }
    episode_plan p = {.dataset = dataset, .opts = &mine, .index = index};
    PLIM_TRY(plan(&p, err));
    plim_status status = make_object(&p, &self, err);
    if (status == PLIM_OK) {
        status = read_columns(&p, self, err);
    }
    if (status == PLIM_OK) {
        status = open_cameras(&p, self, err);
    }
    plim_region_destroy(p.scratch);
    if (status != PLIM_OK) {
        if (self) {
            plim_episode_close(self);
        } else {
            plim_region_destroy(p.home);
        }
        return status;
    }
    *out = self;
    return PLIM_OK;
}

void plim_episode_close(plim_episode *self)
{
    if (!self) {
        return;
    }
    for (uint32_t i = self->open_count; i-- > 0;) {
        plim_camera_close(&self->cameras[i]);
    }
    pthread_mutex_destroy(&self->lock);
    plim_region_destroy(self->home); /* the object lies in it */
}

/* ---- use ---- */

static plim_status find_camera(plim_episode *self, const char *name, plim_camera **out,
                               plim_error *err)
{
    for (uint32_t i = 0; name && i < self->camera_count; i++) {
        if (strcmp(self->cameras[i].feature->name, name) == 0) {
            *out = &self->cameras[i];
            return PLIM_OK;
        }
    }
    const plim_feature *feature = name ? plim_dataset_feature(self->dataset, name) : NULL;
    const char *found = !feature                               ? "no such feature"
                        : feature->group != PLIM_FEATURE_VIDEO ? "a column of numbers or text"
                        : feature->has_files                   ? "pictures inside the table"
                                                               : "a camera without files";
    return plim_error_set(err, PLIM_E_NOT_FOUND, "episode", name, "a camera with video", found);
}

/* What a ladder asked for and could not do itself. Under the lock. */
static void relieve(plim_episode *self, plim_relief wish)
{
    uint64_t freed = 0;
    for (uint32_t i = 0; i < self->open_count; i++) {
        plim_camera *camera = &self->cameras[i];
        camera->held_to = wish == PLIM_RELIEF_TRIM ? camera->held_to : wish == PLIM_RELIEF_SHRINK;
        freed += wish == PLIM_RELIEF_WIDEN ? 0 : plim_camera_trim(camera, 1);
    }
    atomic_fetch_add(&self->relieved, freed);
}

static void lock(plim_episode *self)
{
    pthread_mutex_lock(&self->lock);
}

static void unlock(plim_episode *self)
{
    uint32_t wish = atomic_load_explicit(&self->asked, memory_order_relaxed)
                        ? atomic_exchange(&self->asked, 0)
                        : 0;
    if (wish) {
        relieve(self, (plim_relief)wish);
    }
    pthread_mutex_unlock(&self->lock);
}

uint64_t plim_episode_relieve(plim_episode *self, plim_relief wish)
{
    atomic_store(&self->asked, (uint32_t)wish);
    if (pthread_mutex_trylock(&self->lock) == 0) {
        unlock(self);
    }
    return atomic_exchange(&self->relieved, 0);
}

plim_status plim_episode_frame(plim_episode *self, const char *feature, uint64_t step,
                               plim_tensor *out, plim_error *err)
{
    plim_camera *camera;
    *out = (plim_tensor){0};
    lock(self);
    plim_status status = find_camera(self, feature, &camera, err);
    if (status == PLIM_OK) {
        status = plim_camera_frame(camera, step, out, err);
    }
    unlock(self);
    return status;
}

plim_status plim_episode_release(plim_episode *self, const char *feature, uint64_t step,
                                 plim_error *err)
{
    plim_camera *camera;
    lock(self);
    plim_status status = find_camera(self, feature, &camera, err);
    if (status == PLIM_OK) {
        status = plim_camera_release(camera, step, err);
    }
    unlock(self);
    return status;
}

/* The declared shape where it has as many elements as a stored row, else one dimension. */
static void shape_row(const plim_feature *feature, const plim_column *column, plim_tensor *out)
{
    uint64_t elements = 1;
    for (uint32_t i = 0; feature && i < feature->rank; i++) {
        if (!bytes_mul(elements, (uint64_t)feature->shape[i], &elements)) {
            elements = 0;
            break;
        }
    }
    if (feature && elements == column->width) {
        out->rank = feature->rank;
        memcpy(out->shape, feature->shape, sizeof(out->shape));
    } else {
        out->rank = 1;
        out->shape[0] = (int64_t)column->width;
    }
    int64_t stride = 1;
    for (uint32_t i = out->rank; i-- > 0; stride *= out->shape[i]) {
        out->strides[i] = stride;
    }
}

plim_status plim_episode_row(plim_episode *self, const char *feature, uint64_t step,
                             plim_tensor *out, plim_error *err)
{
    *out = (plim_tensor){0};
    const plim_column *column = feature ? plim_columns_find(&self->columns, feature) : NULL;
    if (!column || step >= self->step_count) {
        plim_error_set(err, PLIM_E_NOT_FOUND, "episode", column ? "step" : feature,
                       column ? NULL : "a column of the table", column ? NULL : "none");
        plim_error_detail(err, "step %" PRIu64 " of %u", step, self->step_count);
        return PLIM_E_NOT_FOUND;
    }
    if (!column->data) {
        return plim_error_set(err, PLIM_E_UNSUPPORTED, "episode", feature,
                              "numbers, as many in each row", "text, pictures, or uneven lists");
    }
    uint64_t row_bytes = column->bytes / self->columns.row_count;
    out->data = column->data;
    out->byte_offset = row_bytes * step;
    out->dtype = column->dtype;
    out->kind = self->kind;
    shape_row(plim_dataset_feature(self->dataset, feature), column, out);
    return PLIM_OK;
}

static uint64_t committed(const plim_region *region)
{
    plim_region_stats stats = {0};
    if (region) {
        plim_region_read(region, &stats);
    }
    return stats.committed_bytes;
}

/* The arena's bookkeeping for a region, charged apart from what the region holds. */
static uint64_t bookkeeping(const plim_region *region)
{
    plim_region_stats stats = {0};
    if (region) {
        plim_region_read(region, &stats);
    }
    return stats.table_bytes;
}

uint64_t plim_episode_drop_video(plim_episode *self)
{
    uint64_t freed = 0;
    if (!self) {
        return 0;
    }
    lock(self);
    for (uint32_t i = 0; i < self->open_count; i++) {
        uint64_t before = committed(self->cameras[i].pool);
        plim_camera_drop(&self->cameras[i]);
        freed += before - committed(self->cameras[i].pool);
    }
    unlock(self);
    return freed;
}

static void read_stats(const plim_episode *self, plim_episode_stats *out)
{
    *out = (plim_episode_stats){.index = self->index, .frame_count = self->step_count};
    for (uint32_t i = 0; i < self->open_count; i++) {
        const plim_camera *camera = &self->cameras[i];
        plim_region_stats stats;
        plim_region_read(camera->pool, &stats);
        out->frames_decoded += camera->decoded_count;
        out->frames_dropped += camera->window.dropped;
        out->frames_now += camera->window.now;
        out->frames_peak += camera->window.peak;
        out->video_now_bytes += stats.committed_bytes;
        out->video_peak_bytes += stats.committed_peak_bytes;
        out->decoder_bytes += committed(camera->decoder_pool) + camera->foreign_bytes;
        out->table_bytes += stats.table_bytes + bookkeeping(camera->decoder_pool);
    }
    out->state_action_bytes = plim_columns_bytes(&self->columns, PLIM_FEATURE_STATE_ACTION);
    out->other_bytes = plim_columns_bytes(&self->columns, PLIM_FEATURE_OTHER);
    out->table_bytes += committed(self->home) + bookkeeping(self->home) - out->state_action_bytes -
                        out->other_bytes;
}

void plim_episode_read(const plim_episode *self, plim_episode_stats *out)
{
    plim_episode *held = (plim_episode *)(uintptr_t)self; /* for its lock */
    lock(held);
    read_stats(self, out);
    unlock(held);
}
