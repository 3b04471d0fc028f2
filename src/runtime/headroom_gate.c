/* SPDX-License-Identifier: Apache-2.0 */
/* headroom_gate.c - has the machine room for this payload, before a byte of it is read?
 *
 * The load line says what the process may take, headroom says what can be had: a budget with room
 * on a machine without ends in a killed process, not in an error. Decides what comes off the
 * reading: the reserve, because it is charged and never touched, so its pages still look free.
 * Nothing else: what this process has touched the kernel counts as taken, and taking it off again
 * would count it twice; how much of the declared framework bytes is touched nobody can tell.
 * Invariant: a refusal comes before the payload is charged; a reading that fails refuses nothing.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "arena/bytes.h"
#include "src/runtime/state.h"
#include "src/text_sink.h"

#define ROWS_SAID  4u
#define ROWS_BYTES 384u

typedef struct finding {
    uint64_t want_bytes, have_bytes, wall_room_bytes;
    char wall[128];
    char rows[ROWS_BYTES];
} finding;

plim_headroom_opts plim_runtime_headroom_opts(const plim_runtime *self, const char *root)
{
    plim_headroom_opts o = plim_headroom_opts_default();
    o.root = root && root[0] ? root : NULL;
    o.for_gpu = plim_provider_kind(self->provider) >= PLIM_MEMORY_PINNED;
    o.reserve_bytes = self->reserve_bytes;
    return o;
}

static uint64_t weight_of(const plim_headroom *h, uint32_t row)
{
    const plim_headroom_row *r = &h->rows[row];
    bool counts = r->kind == PLIM_HEADROOM_COUNTED &&
                  (r->wall == h->binding || r->wall == PLIM_HEADROOM_EVERY_WALL);
    return !counts ? 0 : r->bytes < 0 ? 0 - (uint64_t)r->bytes : (uint64_t)r->bytes;
}

/* The biggest rows of the sum that binds, largest first. */
static void say_rows(const plim_headroom *h, plim_text_sink *t)
{
    uint64_t below_bytes = UINT64_MAX;
    uint32_t below_row = 0;
    for (uint32_t n = 0; n < ROWS_SAID; n++) {
        uint32_t best = UINT32_MAX;
        uint64_t best_bytes = 0;
        for (uint32_t i = 0; i < h->row_count; i++) {
            uint64_t bytes = weight_of(h, i);
            bool is_left = bytes < below_bytes || (bytes == below_bytes && i > below_row);
            if (is_left && bytes > best_bytes) {
                best = i;
                best_bytes = bytes;
            }
        }
        if (best == UINT32_MAX) {
            return;
        }
        plim_text_say(t, "%s%s %" PRId64, n ? "; " : "", h->rows[best].name, h->rows[best].bytes);
        below_bytes = best_bytes;
        below_row = best;
    }
}

static void find(const plim_headroom *h, finding *out)
{
    const plim_headroom_wall *w = &h->walls[h->binding];
    const char *kind = plim_wall_name(w->kind);
    plim_text_sink t = {out->rows, sizeof(out->rows), 0};
    bool is_named = w->name[0] && strcmp(w->name, kind) != 0;
    out->have_bytes = h->allocatable_bytes;
    out->wall_room_bytes = w->room_bytes;
    snprintf(out->wall, sizeof(out->wall), "%s%s%s", kind, is_named ? ": " : "",
             is_named ? w->name : "");
    say_rows(h, &t);
}

static void say_unknown(plim_runtime *runtime, const plim_error *why)
{
    if (!atomic_exchange(&runtime->said_no_headroom, true)) {
        PLIM_LOG(runtime, PLIM_LOG_INFO, "headroom_unknown",
                 "\"why\":\"not known: %s\",\"detail\":\"%s\"", why->what ? why->what : "",
                 why->detail);
    }
}

plim_status plim_engine_hold_room(plim_engine *e, const char *name, plim_error *err)
{
    plim_runtime *runtime = e->runtime;
    finding f = {.want_bytes = 0};
    plim_error why = {.status = PLIM_OK};
    if (runtime->headroom == PLIM_HEADROOM_OFF) {
        return PLIM_OK;
    }
    if (!bytes_add(plim_engine_room_bytes(e->file), PLIM_LOAD_WINDOW_BYTES, &f.want_bytes)) {
        return PLIM_FAIL(err, PLIM_E_RANGE, .what = "payload and load window");
    }
    plim_headroom_opts o = plim_runtime_headroom_opts(runtime, runtime->sysroot);
    pthread_mutex_lock(&runtime->desk_lock);
    plim_status status = plim_headroom_read(&o, &runtime->desk.headroom, &why);
    if (status == PLIM_OK) {
        find(&runtime->desk.headroom, &f);
    }
    pthread_mutex_unlock(&runtime->desk_lock);
    if (status != PLIM_OK) {
        say_unknown(runtime, &why);
        return PLIM_OK;
    }
    if (f.want_bytes <= f.have_bytes) {
        return PLIM_OK;
    }
    PLIM_LOG(runtime, PLIM_LOG_WARN, "headroom",
             "\"engine\":\"%s\",\"want\":%" PRIu64 ",\"have\":%" PRIu64
             ",\"wall\":\"%s\",\"room\":%" PRIu64 ",\"rows\":\"%s\"",
             name, f.want_bytes, f.have_bytes, f.wall, f.wall_room_bytes, f.rows);
    if (runtime->headroom == PLIM_HEADROOM_WARN) {
        return PLIM_OK;
    }
    status = PLIM_FAIL(err, PLIM_E_NOMEM, .what = "payload and load window, on this machine",
                       .want = f.want_bytes, .have = f.have_bytes, .limit = f.wall_room_bytes);
    plim_error_detail(err, "%s", f.wall);
    return status;
}
