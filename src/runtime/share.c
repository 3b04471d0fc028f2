/* SPDX-License-Identifier: Apache-2.0 */
/* share.c - one engine for one file, however many ask for it and however they race.
 *
 * Decides what "the same" is: real path, device and inode, and the size and time of change
 * that the file had. A file that was touched since is a twin: the loader compares payload
 * roots before it decides. The first thread claims a place in state LOADING, the others wait;
 * when the load fails each of them tries in turn, because the first one's deadline or cancel
 * is not theirs. Refuses a name that another artifact has, and a new engine once sealed.
 * Invariant: READY engines have references; a place is used again longest-released first.
 */
#include "src/runtime/share.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static uint64_t hash_text(const char *text)
{
    uint64_t h = 0xcbf29ce484222325u;
    for (; *text; text++) {
        h = (h ^ (unsigned char)*text) * 0x100000001b3u;
    }
    return h;
}

plim_status plim_file_identify(const char *path, char *real, plim_file_identity *out,
                               plim_error *err)
{
    struct stat st;
    if (!realpath(path, real) || stat(real, &st) != 0) {
        plim_status status = errno == ENOENT || errno == ENOTDIR ? PLIM_E_NOT_FOUND : PLIM_E_IO;
        (void)PLIM_FAIL(err, status, .what = "artifact", .os_errno = errno);
        plim_error_detail(err, "%s", path);
        return status;
    }
    *out = (plim_file_identity){.path_hash = hash_text(real),
                                .device = st.st_dev,
                                .inode = st.st_ino,
                                .size_bytes = (uint64_t)st.st_size,
                                .changed_ns = (uint64_t)st.st_mtim.tv_sec * 1000000000u +
                                              (uint64_t)st.st_mtim.tv_nsec};
    return PLIM_OK;
}

static bool is_same_place(const plim_file_identity *a, const plim_file_identity *b)
{
    return a->path_hash == b->path_hash && a->device == b->device && a->inode == b->inode;
}

static bool is_same_content(const plim_file_identity *a, const plim_file_identity *b)
{
    return a->size_bytes == b->size_bytes && a->changed_ns == b->changed_ns;
}

/* What the table says about a file and a name; under the lock. */
typedef struct lookup {
    plim_engine *same, *twin, *unused;
    bool must_wait, name_is_taken;
} lookup;

static void look(plim_runtime *self, const plim_file_identity *identity, const char *name,
                 lookup *out)
{
    *out = (lookup){.same = NULL};
    for (size_t i = 0; i < PLIM_ENGINES_MAX; i++) {
        plim_engine *e = &self->engines[i];
        if (e->state == PLIM_ENGINE_FREE) {
            bool is_older = !out->unused || e->freed_turn < out->unused->freed_turn;
            out->unused = is_older ? e : out->unused;
            continue;
        }
        bool is_file = is_same_place(&e->identity, identity);
        bool is_name = strcmp(e->name, name) == 0;
        if ((is_file || is_name) && e->state != PLIM_ENGINE_READY) {
            out->must_wait = true;
        } else if (is_file && is_same_content(&e->identity, identity)) {
            out->same = e;
        } else if (is_file && !out->twin) {
            out->twin = e;
        } else if (is_name) {
            out->name_is_taken = true;
        }
    }
}

static plim_status claim(plim_runtime *self, const plim_file_identity *identity, const char *name,
                         const lookup *found, plim_claim *out, plim_error *err)
{
    plim_engine *e = found->unused;
    if (found->name_is_taken) {
        return plim_error_set(err, PLIM_E_STATE, "the name belongs to another artifact", "name",
                              NULL, name);
    }
    if (self->is_sealed && self->seal_policy == PLIM_SEAL_REFUSE) {
        return plim_error_set(err, PLIM_E_STATE, "the runtime is sealed: load beforehand", "name",
                              NULL, name);
    }
    if (!e) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "engines alive at once",
                         .want = PLIM_ENGINES_MAX + 1, .limit = PLIM_ENGINES_MAX);
    }
    e->state = PLIM_ENGINE_LOADING;
    e->identity = *identity;
    memcpy(e->name, name, strlen(name) + 1);
    out->engine = e;
    out->twin = found->twin;
    if (found->twin) {
        found->twin->reference_count++;
    }
    return PLIM_OK;
}

plim_status plim_share_claim(plim_runtime *self, const plim_file_identity *identity,
                             const char *name, plim_claim *out, plim_error *err)
{
    lookup found;
    plim_status status = PLIM_OK;
    *out = (plim_claim){.engine = NULL};
    pthread_mutex_lock(&self->lock);
    look(self, identity, name, &found);
    while (found.must_wait) {
        pthread_cond_wait(&self->changed, &self->lock);
        look(self, identity, name, &found);
    }
    if (found.same) {
        found.same->reference_count++;
        out->engine = found.same;
        out->is_shared = true;
    } else {
        status = claim(self, identity, name, &found, out, err);
    }
    pthread_mutex_unlock(&self->lock);
    return status;
}

void plim_share_publish(plim_engine *e)
{
    pthread_mutex_lock(&e->runtime->lock);
    e->state = PLIM_ENGINE_READY;
    e->reference_count = 1;
    pthread_cond_broadcast(&e->runtime->changed);
    pthread_mutex_unlock(&e->runtime->lock);
}

void plim_share_abandon(plim_engine *e)
{
    plim_runtime *self = e->runtime;
    pthread_mutex_lock(&self->lock);
    e->state = PLIM_ENGINE_FREE;
    e->reference_count = 0;
    e->freed_turn = ++self->release_turn;
    e->name[0] = 0;
    pthread_cond_broadcast(&self->changed);
    pthread_mutex_unlock(&self->lock);
}

void plim_share_same_file(plim_engine *twin, const plim_file_identity *identity)
{
    pthread_mutex_lock(&twin->runtime->lock);
    twin->identity = *identity;
    pthread_mutex_unlock(&twin->runtime->lock);
}

/* ---- verb 4 ---- */

plim_status plim_engine_release(plim_engine *self, plim_error *err)
{
    if (!self) {
        return PLIM_FAIL(err, PLIM_E_ARG, .what = "engine");
    }
    plim_runtime *runtime = self->runtime;
    pthread_mutex_lock(&runtime->lock);
    bool is_alive = self->state == PLIM_ENGINE_READY && self->reference_count > 0;
    bool is_last = is_alive && self->reference_count == 1;
    if (is_alive) {
        self->reference_count--;
        self->state = is_last ? PLIM_ENGINE_CLOSING : PLIM_ENGINE_READY;
    }
    pthread_mutex_unlock(&runtime->lock);
    if (!is_alive) {
        return PLIM_FAIL(err, PLIM_E_STATE, .what = "the engine was released already");
    }
    if (is_last) {
        PLIM_LOG(runtime, PLIM_LOG_INFO, "engine_released", "\"engine\":\"%s\"", self->name);
        plim_engine_teardown(self);
        plim_share_abandon(self);
        plim_black_box_notice(&runtime->box);
    }
    return PLIM_OK;
}

void plim_share_drop(plim_engine *e)
{
    plim_status status = plim_engine_release(e, NULL);
    (void)status; /* the reference is held: it cannot be gone */
}
