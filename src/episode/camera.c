/* SPDX-License-Identifier: Apache-2.0 */
/* camera.c - frames on demand, forward only, straight from the decoder into the pool.
 *
 * A frame is decoded once and converted once, into the block that its readers see: there is no
 * copy in between. Steps that are passed over are decoded (the codec needs them) but neither
 * converted nor kept. A failed decode leaves the window as it was; the next attempt starts the
 * stream again and runs forward to the same frame.
 * Decoder frames are blocks of a pool of their own, made when the decoder first says how large
 * they are. A decoder that cannot use it (libdav1d has no direct rendering) charges what it
 * holds instead.
 */
#include "src/episode/camera.h"

#include <inttypes.h>
#include <string.h>

#include "arena/bytes.h"
#include "arena/checks.h"

/* H.264 and HEVC refer to 16 frames at most; one is being decoded, one is shown, and a few wait
 * for their turn. */
#define DECODER_FRAMES 24u
/* A vector store may pass the end of a row whose length is no multiple of it. */
#define ROW_ALIGN 64u
#define ROW_SLACK 64u

plim_status plim_camera_frame_bytes(uint32_t width, uint32_t height, uint64_t *frame,
                                    uint64_t *block, plim_error *err)
{
    uint64_t row = (uint64_t)width * 3;
    if (!bytes_mul(row, height, frame) ||
        !bytes_add(*frame, row % ROW_ALIGN ? ROW_SLACK : 0, block) ||
        !bytes_align_up(*block, 64, block)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "frame");
    }
    return PLIM_OK;
}

static plim_status host_alloc(void *context, size_t size_bytes, void **out, plim_error *err)
{
    plim_camera *self = context;
    *out = NULL;
    if (!self->decoder_pool) {
        plim_region_opts opts = plim_region_opts_default();
        uint64_t block;
        opts.name = "decoder frames";
        opts.owner = self->owner;
        opts.tag = PLIM_TAG_PLUGIN;
        if (!size_bytes || !bytes_align_up(size_bytes, 64, &block) ||
            !bytes_mul(block, DECODER_FRAMES, &opts.size_bytes)) {
            return PLIM_FAIL(err, PLIM_E_RANGE, .what = "decoder frame");
        }
        opts.block_bytes = (size_t)block;
        PLIM_TRY(
            plim_region_create(self->arena, PLIM_REGION_POOL, &opts, &self->decoder_pool, err));
    }
    return plim_region_alloc(self->decoder_pool, size_bytes, 64, out, err);
}

static void host_free(void *context, void *block)
{
    plim_camera *self = context;
    plim_status status = plim_region_free(self->decoder_pool, block, NULL);
    PLIM_ASSERT(status == PLIM_OK);
    (void)status;
}

static plim_status host_charge(void *context, uint64_t bytes, plim_error *err)
{
    plim_camera *self = context;
    PLIM_TRY(plim_budget_charge(plim_arena_budget(self->arena), self->owner, PLIM_TAG_PLUGIN, bytes,
                                err));
    self->foreign_bytes += bytes;
    return PLIM_OK;
}

static void host_credit(void *context, uint64_t bytes)
{
    plim_camera *self = context;
    self->foreign_bytes -= bytes;
    plim_budget_credit(plim_arena_budget(self->arena), self->owner, PLIM_TAG_PLUGIN, bytes);
}

static plim_status make_pool(plim_camera *self, plim_error *err)
{
    plim_region_opts opts = plim_region_opts_default();
    uint64_t block;
    PLIM_TRY(plim_camera_frame_bytes(self->width, self->height, &self->frame_bytes, &block, err));
    if (!bytes_mul(block, self->window.slot_limit, &opts.size_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "frame window");
    }
    opts.name = "frames";
    opts.owner = self->owner;
    opts.tag = PLIM_TAG_EPISODE;
    opts.block_bytes = (size_t)block;
    opts.commit_now = true; /* a window that does not fit is refused now, not at its last frame */
    return plim_region_create(self->arena, PLIM_REGION_POOL, &opts, &self->pool, err);
}

plim_status plim_camera_open(plim_camera *self, const plim_video_ops *ops, const char *path,
                             plim_error *err)
{
    PLIM_TRY(make_pool(self, err));
    self->host = (plim_video_host){.struct_size = sizeof(self->host),
                                   .context = self,
                                   .alloc = host_alloc,
                                   .free = host_free,
                                   .charge = host_charge,
                                   .credit = host_credit};
    self->ops = ops;
    self->frame_at = -1;
    plim_status status = ops->open(path, &self->host, &self->video, err);
    if (status != PLIM_OK) {
        self->video = NULL;
        plim_camera_close(self);
    }
    return status;
}

void plim_camera_close(plim_camera *self)
{
    if (self->video) {
        self->ops->close(self->video);
    }
    if (self->foreign_bytes) { /* a plug-in that forgot some must not hold up the line */
        host_credit(self, self->foreign_bytes);
    }
    plim_region_destroy(self->decoder_pool);
    plim_region_destroy(self->pool);
    self->video = NULL;
    self->decoder_pool = self->pool = NULL;
}

static plim_status lost(plim_camera *self, plim_status status)
{
    self->is_lost = true;
    return status;
}

/* Decode until @frame is the current one. */
static plim_status advance(plim_camera *self, uint32_t frame, plim_error *err)
{
    if (self->is_lost) {
        PLIM_TRY(self->ops->rewind(self->video, err));
        self->frame_at = -1;
        self->is_lost = false;
    }
    while (self->frame_at < (int64_t)frame) {
        bool is_end = false;
        plim_status status = self->ops->next(self->video, &is_end, err);
        if (status != PLIM_OK) {
            return lost(self, status);
        }
        if (is_end) {
            plim_error_set(err, PLIM_E_FORMAT, "video", self->feature->name,
                           "as many frames as its index says", "fewer");
            plim_error_detail(err, "frame %u of %u, the stream ends at %" PRId64, frame,
                              self->frame_count, self->frame_at + 1);
            return lost(self, PLIM_E_FORMAT);
        }
        self->frame_at++;
        self->decoded_count++;
    }
    return PLIM_OK;
}

static void view(const plim_camera *self, const plim_window_slot *slot, plim_tensor *out)
{
    int64_t row = (int64_t)self->width * 3;
    *out = (plim_tensor){.data = slot->block,
                         .dtype = PLIM_U8,
                         .rank = 3,
                         .shape = {self->height, self->width, 3},
                         .strides = {row, 3, 1},
                         .kind = plim_provider_kind(plim_arena_provider(self->arena))};
}

static plim_status check_step(plim_camera *self, uint64_t step, plim_error *err)
{
    if (step >= self->window.step_count) {
        plim_error_set(err, PLIM_E_NOT_FOUND, "episode", "step", NULL, NULL);
        plim_error_detail(err, "step %" PRIu64 " of %u", step, self->window.step_count);
        return PLIM_E_NOT_FOUND;
    }
    if (step < self->window.next_step) {
        plim_error_set(err, PLIM_E_RANGE, "episode", "step", "a step in or after the window",
                       "one behind it");
        plim_error_detail(err, "%s: step %" PRIu64 ", the next is %" PRIu64, self->feature->name,
                          step, self->window.next_step);
        return PLIM_E_RANGE;
    }
    uint32_t limit = self->held_to ? self->held_to : self->window.slot_limit;
    if (self->window.now >= limit) {
        plim_error_set(err, PLIM_E_BUDGET, "frame window", self->feature->name,
                       "1 frame that no reader waits for", "0");
        if (err) {
            err->want = self->frame_bytes;
            err->limit = self->frame_bytes * limit;
        }
        if (self->held_to) {
            plim_error_detail(err, "held to %u of %u frames: under memory pressure", limit,
                              self->window.slot_limit);
        }
        return PLIM_E_BUDGET;
    }
    return PLIM_OK;
}

plim_status plim_camera_frame(plim_camera *self, uint64_t step, plim_tensor *out, plim_error *err)
{
    plim_window_slot *slot = plim_window_find(&self->window, step);
    if (!slot) {
        void *block;
        PLIM_TRY(check_step(self, step, err));
        PLIM_TRY(plim_region_alloc(self->pool, (size_t)self->frame_bytes, 64, &block, err));
        plim_status status = advance(self, self->frame_of_step[step], err);
        if (status == PLIM_OK) {
            status = self->ops->convert(self->video, self->width, self->height, block, err);
        }
        if (status != PLIM_OK) {
            plim_status undo = plim_region_free(self->pool, block, NULL);
            (void)undo;
            return status;
        }
        slot = plim_window_add(&self->window, (uint32_t)step, block);
    } else if (slot->lent == slot->readers_left) {
        return plim_error_set(err, PLIM_E_STATE, "frame", self->feature->name,
                              "a reader that has not had it", "all of them hold it");
    }
    slot->lent++;
    view(self, slot, out);
    return PLIM_OK;
}

plim_status plim_camera_release(plim_camera *self, uint64_t step, plim_error *err)
{
    plim_window_slot *slot = plim_window_find(&self->window, step);
    if (!slot || !slot->lent) {
        return plim_error_set(err, PLIM_E_STATE, "frame", self->feature->name,
                              "a frame that was acquired", "one that nobody holds");
    }
    void *block = plim_window_release(&self->window, slot);
    return block ? plim_region_free(self->pool, block, err) : PLIM_OK;
}

void plim_camera_drop(plim_camera *self)
{
    for (uint32_t i = 0; i < self->window.slot_limit; i++) {
        plim_window_slot *slot = &self->window.slots[i];
        if (slot->block && !slot->lent) {
            plim_status status =
                plim_region_free(self->pool, plim_window_drop(&self->window, slot), NULL);
            PLIM_ASSERT(status == PLIM_OK);
            (void)status;
        }
    }
    plim_region_trim(self->pool);
}

uint64_t plim_camera_trim(plim_camera *self, uint32_t keep)
{
    plim_region_stats stats;
    plim_region_read(self->pool, &stats);
    return plim_region_trim_to(self->pool, stats.size_bytes / self->window.slot_limit * keep);
}
